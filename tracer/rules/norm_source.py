"""Family N, where a material came from and what was lost of it on the way."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import Kind
from tracer.book import Event
from tracer.facts import Facts
from tracer.quantity import nearest, ratio_text
from tracer.rules.core import Param, Rule, Subject, Tally, circular_38
from tracer.rules.spread import deviation, median


def n7(facts: Facts, tally: Tally) -> None:
    """A material that is both imported and bought inland is told apart on form 16.

    Issued from both sources while all its norm rows carry one flag: marked X (bought inland) although
    imported stock was issued, imported goods leave the account; marked as imported although stock bought
    inland was issued, the claim may take it for imported (the settlement then goes by the share really
    issued, Art. 60.2.a). Other flags (KXDDM, TH, SPTN) say nothing of where it was bought. The difference is
    what was issued from the other source. Domestic purchases that fall to nothing from one year to the next
    are not looked at: one book is one period.
    """
    flags: dict[str, set[str]] = defaultdict(set)
    for norm in facts.book.norms:
        flags[norm.material].add(norm.flag)
    issued: dict[str, dict[str, int]] = defaultdict(dict)
    for (code, source), row in facts.accounts.wip.items():
        issued[code][source] = row["issued"] - row["returned"]
    for code in sorted(flags):
        imported, domestic = issued[code].get("imported", 0), issued[code].get("domestic", 0)
        if flags[code] not in ({""}, {"X"}):
            continue
        inland = flags[code] == {"X"}
        other = imported if inland else domestic
        if other <= 0 or not (inland or imported > 0):
            tally.clean()
            continue
        kinds = [
            e
            for e in facts.events
            if e.recorded and e.kind == Kind.ISSUE_PROD and any(leg.code == code for leg in e.legs)
        ]
        tally.amount(
            Subject("material", code),
            "medium" if inland else "low",
            0,
            other,
            facts.uoms.get(code, ""),
            evidence=kinds[:8],
            duty_at_risk=facts.duty_on(code, other),
            explanation=f"All norms say {'bought inland (X)' if inland else 'imported'}, but "
            f"{'imported' if inland else 'domestic'} stock was issued as well.",
        )


def n9(facts: Facts, tally: Tally) -> None:
    """Process loss is what was declared, and does not drift.

    Loss declared with production over what was put in, per material, against the largest loss rate that a
    norm states for it: what is lost beyond that is the difference. With six production runs of the same
    products or more, a last run further than three MAD and two percentage points above the others is a
    drift. A loss rate of one or more is impossible (China's unit consumption, net / (1 - loss), has no
    meaning then). A material without a stated rate is not evaluable where it was lost.
    """
    rates: dict[str, Fraction] = {}
    for norm in facts.book.norms:
        if norm.loss_rate is not None:
            rates[norm.material] = max(norm.loss_rate, rates.get(norm.material, Fraction(0)))
    series: dict[str, list[tuple[Fraction, Fraction, Event]]] = defaultdict(list)
    products = {run.event.id: tuple(sorted(run.outputs)) for run in facts.runs}
    for run in facts.runs:
        for code, put_in in run.inputs.items():
            series[code].append((put_in, run.loss.get(code, Fraction(0)), run.event))
    for code, rate in sorted(rates.items()):
        if rate >= 1:
            tally.found(
                Subject("material", code),
                "medium",
                "below 1",
                ratio_text(rate),
                explanation=f"A loss rate of {ratio_text(rate)} leaves nothing of {code}.",
            )
    for code, found in sorted(series.items()):
        put_in, lost = sum((f[0] for f in found), Fraction(0)), sum((f[1] for f in found), Fraction(0))
        subject, uom = Subject("material", code), facts.uoms.get(code, "")
        if not put_in or not lost:
            continue
        if code not in rates:
            tally.missing(subject, f"loss rate of {code}")
            continue
        allowed = nearest(put_in * rates[code])
        if lost > allowed and tally.tol(allowed, uom, "rel").exceeded(nearest(lost) - allowed):
            tally.amount(
                subject,
                "medium",
                allowed,
                nearest(lost),
                uom,
                evidence=[e for _, q, e in found if q][:16],
                duty_at_risk=facts.duty_on(code, nearest(lost - allowed)),
                explanation=f"More was lost in production than {ratio_text(rates[code] * 100, 2)} %.",
            )
            continue
        alike: dict[tuple[str, ...], list[tuple[Fraction, Fraction, Event]]] = defaultdict(list)
        for one in found:
            alike[products[one[2].id]].append(one)
        drifts = [_drift(tally, subject, group, uom) for _, group in sorted(alike.items())]
        if not any(drifts):
            tally.clean()


def _drift(tally: Tally, subject: Subject, found: list[tuple[Fraction, Fraction, Event]], uom: str) -> bool:
    shares = [lost / put_in for put_in, lost, _ in found if put_in]
    if len(shares) < int(tally.param("runs")):
        return False
    usual, (put_in, lost, event) = shares[:-1], found[-1]
    above = shares[-1] - median(usual)
    if above <= tally.param("mad") * deviation(usual) or above <= tally.param("points"):
        return False
    tally.amount(
        subject,
        "low",
        nearest(median(usual) * put_in),
        nearest(lost),
        uom,
        evidence=[event],
        explanation="The last run lost more than those before it.",
    )
    return True


_RUNS = Param("runs", "6", "runs", "least number that tells what is usual")
_MAD = Param("mad", "3", "MAD", "distance from the median that is unusual")

RULES = (
    Rule(
        "N7",
        "2",
        "norm",
        "Domestic material as imported, or the reverse",
        "book",
        circular_38("55, 60.2.a"),
        (),
        {},
        n7,
        ("norms",),
    ),
    Rule(
        "N9",
        "1",
        "norm",
        "Process loss beyond its rate, or drifting",
        "book",
        circular_38("55"),
        (
            Param("rel", "0.01", "share", "relative tolerance of the loss"),
            _RUNS,
            _MAD,
            Param("points", "0.02", "share", "of input that a drift must exceed as well"),
        ),
        {},
        n9,
        ("loss rates of norms",),
    ),
)
