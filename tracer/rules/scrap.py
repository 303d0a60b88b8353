"""Family D, scrap and other ends: how much there is of it, and the papers that an end needs."""

from __future__ import annotations

import re
from collections import defaultdict
from fractions import Fraction
from unicodedata import normalize

from ledger.vocabulary import Kind, LineRole
from tracer.book import Event
from tracer.facts import Facts
from tracer.quantity import nearest, ratio_text
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38
from tracer.rules.spread import median, outliers
from tracer.yields import Run

_THEFT = re.compile(
    r"\b(theft|thief|thieves|stolen|stole|robbery|robbed|burglary|(mat|bi|an) (trom|cap|cuop)|trom cap)\b"
    r"|trộm|mất cắp|ăn cắp|bị cướp", re.IGNORECASE
)
_DISASTER = re.compile(
    r"\b(fire|burnt|burned|flood|flooded|storm|earthquake|hoa hoan|bi chay|chay (kho|no|xuong)|lu lut"
    r"|thien tai)\b"
    r"|hỏa hoạn|hoả hoạn|cháy|lũ lụt|thiên tai|bão", re.IGNORECASE
)
"""Words of reasons; Vietnamese also without its marks, as people type it in a hurry."""


def _series(facts: Facts) -> dict[tuple[str, tuple[str, ...]], list[tuple[Fraction, Run]]]:
    """Share of a material's input that became scrap, run by run, of runs that made the same products."""
    result: dict[tuple[str, tuple[str, ...]], list[tuple[Fraction, Run]]] = defaultdict(list)
    for run in facts.runs:
        for code, put_in in run.inputs.items():
            if put_in:
                result[code, tuple(sorted(run.outputs))].append(
                    (run.scrap.get(code, Fraction(0)) / put_in, run)
                )
    return result


def d1(facts: Facts, tally: Tally) -> None:
    """A run makes as much scrap as the others.

    Per material and what was made of it, from four production runs on: the share of the input that became
    scrap, against the median of all these runs; further than three MAD and one percentage point is a
    finding. There is no statutory scrap percentage: abnormal scrap is judged against actual use. What all
    runs together lose beyond the rate is N9's.
    """
    for (code, _), found in sorted(_series(facts).items()):
        if len(found) < int(tally.param("runs")):
            continue
        shares = [share for share, _ in found]
        middle = median(shares)
        strange = [
            i for i in outliers(shares, tally.param("mad")) if abs(shares[i] - middle) > tally.param("points")
        ]
        for i in strange:
            run = found[i][1]
            tally.amount(
                Subject("event", run.event.id),
                "low",
                nearest(middle * run.inputs[code]),
                nearest(run.scrap[code]),
                facts.uoms.get(code, ""),
                evidence=[run.event],
                explanation=f"{ratio_text(shares[i] * 100, 2)} % of {code} became scrap; in the other runs "
                f"{ratio_text(middle * 100, 2)} %.",
            )
        if not strange:
            tally.clean()


def d7(facts: Facts, tally: Tally) -> None:
    """Scrap does not rise while the yield stays the same.

    Per material and product, from four runs of that product alone on: the scrap share of the later half
    against the earlier; up by half and by a percentage point or more, while product per unit of input stays
    within 2 %, means that the scrap is not of this material, or that the input is not all of it.
    """
    for (code, products), single in sorted(_series(facts).items()):
        if len(single) < int(tally.param("runs")) or len(products) != 1:
            continue
        half = len(single) // 2
        early, late = single[:half], single[-half:]
        before, after = _share(early, code), _share(late, code)
        same = (
            abs(_yield(late, code) / _yield(early, code) - 1) <= tally.param("yield")
            if _yield(early, code)
            else False
        )
        if not same or after <= before * (1 + tally.param("rise")) or after - before < tally.param("points"):
            tally.clean()
            continue
        put_in = sum((r.inputs[code] for _, r in late), Fraction(0))
        tally.amount(
            Subject("material", code),
            "low",
            nearest(before * put_in),
            nearest(after * put_in),
            facts.uoms.get(code, ""),
            evidence=[r.event for _, r in late][:16],
            explanation=f"Scrap rose from {ratio_text(before * 100, 2)} % to {ratio_text(after * 100, 2)} % "
            "of what was used; the yield is the same.",
        )


def _share(found: list[tuple[Fraction, Run]], code: str) -> Fraction:
    put_in = sum((r.inputs[code] for _, r in found), Fraction(0))
    return sum((r.scrap.get(code, Fraction(0)) for _, r in found), Fraction(0)) / put_in


def _yield(found: list[tuple[Fraction, Run]], code: str) -> Fraction:
    made = sum(sum(r.outputs.values()) for _, r in found)
    return Fraction(made) / sum((r.inputs[code] for _, r in found), Fraction(0))


def d8(facts: Facts, tally: Tally) -> None:
    """Scrap of an export-processing enterprise leaves it by declarations.

    A sale inland of scrap by such an enterprise is an export by it and an import by the buyer (Art. 75.4): a
    SCRAP_OUT that names no cleared line of export is a finding. The buyer's import is not in a book. Other
    enterprises need no customs procedure.
    """
    if facts.book.regime.upper() not in ("EPE", "DNCX"):
        return
    for event in facts.of_kinds(Kind.SCRAP_OUT):
        line = facts.lines.get(event.line)
        exports = line is not None and line.purpose in (LineRole.EXPORT, LineRole.RE_EXPORT)
        if line is not None and exports and line.cleared is not None and line.cancelled is None:
            tally.clean()
            continue
        for leg in event.legs:
            tally.amount(
                Subject("lot", leg.unit),
                "medium",
                0,
                leg.quantity_micro,
                leg.uom,
                evidence=[event],
                explanation="Scrap of an export-processing enterprise left without an export declaration.",
            )


def d9(facts: Facts, tally: Tally) -> None:
    """Theft frees nothing from duty, and a disaster needs proof.

    Stock written off, destroyed or adjusted for a stated reason of theft is dutiable in full. One of fire,
    flood or storm needs the papers of whoever confirms it: no other party named with the act is a finding for
    review. Reasons are read in Vietnamese (with its marks or without) and English words.
    """
    for event in facts.of_kinds(Kind.ADJUST, Kind.DESTROY):
        reason = normalize("NFC", event.reason)
        stolen, disaster = bool(_THEFT.search(reason)), bool(_DISASTER.search(reason))
        if not stolen and (not disaster or event.counterparty):
            tally.clean()
            continue
        for lot, change, uom, code in _written_off(facts, event):
            tally.amount(
                Subject("lot", lot),
                "high" if stolen else "low",
                0,
                change,
                uom,
                evidence=[event],
                duty_at_risk=facts.duty_on(code, change),
                explanation="Written off as stolen; theft gives no relief."
                if stolen
                else "Written off as lost in a disaster, and nobody confirms it.",
            )


def _written_off(facts: Facts, event: Event) -> list[tuple[str, int, str, str]]:
    total: dict[str, int] = defaultdict(int)
    for delta in facts.replay.deltas:
        if delta.event.id == event.id and delta.lot in facts.lots:
            total[delta.lot] -= delta.change
    return [(lot, q, facts.lots[lot].uom, facts.lots[lot].code) for lot, q in sorted(total.items()) if q > 0]


_RUNS = Param("runs", "4", "runs", "least number that tells what is usual")
_POINTS = Param("points", "0.01", "share", "of input by which it must differ as well")

RULES = (
    Rule(
        "D1",
        "1",
        "outcome",
        "Run with unusual scrap",
        "book",
        circular_38("55"),
        (_RUNS, Param("mad", "3", "MAD", "distance from the median that is unusual"), _POINTS),
        {},
        d1,
    ),
    Rule(
        "D7",
        "1",
        "outcome",
        "Scrap rising, yield the same",
        "book",
        circular_38("55"),
        (
            _RUNS,
            Param("rise", "0.50", "share", "by which scrap rose"),
            Param("yield", "0.02", "share", "within which the yield stayed"),
            _POINTS,
        ),
        {},
        d7,
    ),
    Rule(
        "D8",
        "2",
        "outcome",
        "Scrap of an export-processing enterprise",
        "book",
        circular_38("75.4"),
        (),
        {},
        d8,
    ),
    Rule(
        "D9",
        "2",
        "outcome",
        "Theft or disaster",
        "book",
        (Law("Decree 134/2016/ND-CP Art. 10.2, 12.2", valid_from="2016-09-01"), *circular_38("60.2.a")),
        (),
        {},
        d9,
        ("reasons of adjustments and destructions",),
    ),
)
