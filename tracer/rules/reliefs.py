"""Family L, one relief and one number: what was freed of duty twice, pieces that exist twice."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction

from ledger.vocabulary import MICRO, Kind, LineRole
from tracer.beside import Relief
from tracer.blend import Ratio, plus
from tracer.book import Event
from tracer.facts import Facts
from tracer.quantity import micro_text, nearest
from tracer.rules.core import PIECE, Law, Rule, Subject, Tally

_MADE = frozenset({
    Kind.OPENING, Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC, Kind.TRANSFORM, Kind.SPLIT, Kind.MERGE,
    Kind.FG_RETURN, Kind.TRANSFER, Kind.ADJUST})
_PIECES = ("C62", "H87", "EA", "PCE", "NMP")


def l4(facts: Facts, tally: Tally) -> None:
    """One unit is freed of duty once.

    Refund, drawback, exemption and the credit for re-export exclude each other. Per import line: what was
    claimed as refund or drawback, what was used exempt in goods that left (or claimed, if that is more) and
    what was re-exported on it, together at most the line; a claim for a lot counts on the line that the lot
    came in on. Per lot: all claims, together at most what the lot ever held. A claim without a quantity is
    for all of it. The difference is what was freed twice.
    """
    reliefs = facts.book.beside.reliefs
    if reliefs is None:
        tally.missing(Subject("book", facts.book.id), "claims of refund and drawback (reliefs.csv)")
        return
    lines: dict[str, list[Relief]] = defaultdict(list)
    lots: dict[str, list[Relief]] = defaultdict(list)
    for relief in reliefs:
        if relief.line:
            lines[relief.line].append(relief)
        if relief.lot:
            lots[relief.lot].append(relief)
    held = _held(facts) if lots else {}
    for lot, claims in sorted(lots.items()):
        if lot not in held:
            tally.missing(Subject("lot", lot), f"what lot {lot} held")
            continue
        whole = [replace(c, quantity=held[lot] if c.quantity is None else c.quantity) for c in claims]
        total = sum(c.quantity or 0 for c in whole)
        uom = facts.lots[lot].uom if lot in facts.lots else ""
        tolerance = tally.tol(held[lot], uom)
        if total > held[lot] and tolerance.exceeded(total - held[lot]):
            tally.amount(Subject("lot", lot), "high", held[lot], total, uom, tolerance=tolerance,
                         duty_at_risk=facts.duty_on(facts.lots[lot].code, total - held[lot])
                         if lot in facts.lots else None,
                         explanation=f"Asked for twice: {', '.join(f'{c.kind} {c.claim}' for c in claims)}.")
            continue
        tally.clean()
        source = facts.lots[lot].source_line if lot in facts.lots else ""
        if source in facts.lines:
            lines[source] += [c for c in whole if not c.line]
    used = _used(facts) if lines else {}
    for key, claims in sorted(lines.items()):
        _line(facts, tally, key, claims, used.get(key, {}))


def _line(facts: Facts, tally: Tally, key: str, claims: list[Relief], used: dict[str, int]) -> None:
    line = facts.lines.get(key)
    if line is None:
        tally.missing(Subject("line", key), f"declaration line {key}")
        return
    whole = line.quantity_micro
    by_kind: dict[str, int] = defaultdict(int)
    for claim in claims:
        by_kind[claim.kind] += whole if claim.quantity is None else claim.quantity
    for kind, quantity in used.items():
        by_kind[kind] = max(by_kind[kind], quantity)
    total, tolerance = sum(by_kind.values()), tally.tol(whole, line.uom)
    if total > whole and tolerance.exceeded(total - whole):
        said = ", ".join(f"{kind} {micro_text(q)}" for kind, q in sorted(by_kind.items()) if q)
        tally.amount(Subject("line", key), "high", whole, total, line.uom, tolerance=tolerance,
                     duty_at_risk=facts.duty_on(line.code, total - whole),
                     explanation=f"Freed of duty more than once: {said}.")
    else:
        tally.clean()


def _used(facts: Facts) -> dict[str, dict[str, int]]:
    """What of each import line left in products (exempt), and what was re-exported of it (credit)."""
    exact: dict[str, dict[str, Ratio]] = defaultdict(dict)
    for out, mixture in facts.left_parts.items():
        line = facts.lines.get(out)
        kind = "credit" if line is not None and line.purpose == LineRole.RE_EXPORT else "exemption"
        for source, q in mixture.items():
            about = facts.lineage.sources[source]
            if about.kind == "line":
                found = exact[about.name]
                found[kind] = plus(found.get(kind, (0, 1)), q)
    return {key: {kind: nearest(Fraction(*q)) for kind, q in kinds.items()} for key, kinds in exact.items()}


def _held(facts: Facts) -> dict[str, int]:
    """What came into each lot, micro-units."""
    result: dict[str, int] = defaultdict(int)
    for delta in facts.replay.deltas:
        if delta.change > 0 and delta.event.kind in _MADE:
            result[delta.lot] += delta.change
    return dict(result)


def l9(facts: Facts, tally: Tally) -> None:
    """Every piece has one number, and every number one piece.

    Serial numbers of the pieces of a lot, as listed or as an event about one lot names them (SGTIN): a number
    that stands in two lots of one code, or twice in one; and a lot of pieces that has more or fewer numbers
    than pieces. A lot in another unit than pieces is counted for doubles only. Lots of which no number is
    listed are not looked at.
    """
    numbers: dict[str, list[str]] = defaultdict(list)
    for row in facts.book.beside.serials or ():
        numbers[row.lot].append(row.serial)
    behind: dict[str, list[Event]] = defaultdict(list)
    for event in facts.events:
        if not event.more.serials or not event.recorded:
            continue
        lots = sorted({leg.unit for leg in event.legs if leg.unit in facts.lots})
        if len(lots) == 1:
            fresh = set(event.more.serials) - set(numbers[lots[0]]) if behind[lots[0]] else event.more.serials
            numbers[lots[0]] += sorted(fresh)
            behind[lots[0]].append(event)
    if not any(numbers.values()):
        tally.missing(Subject("book", facts.book.id), "serial numbers of pieces (serials.csv)")
        return
    held = _held(facts)
    owner: dict[tuple[str, str], str] = {}
    for lot, listed in sorted(numbers.items()):
        about = facts.lots.get(lot)
        if about is None:
            tally.missing(Subject("lot", lot), f"lot {lot}")
            continue
        again = len(listed) - len(set(listed))
        elsewhere = sorted({owner[about.code, s] for s in set(listed) if (about.code, s) in owner})
        doubles = again + sum((about.code, s) in owner for s in set(listed))
        for serial in listed:
            owner.setdefault((about.code, serial), lot)
        if doubles:
            where = f" also in {', '.join(elsewhere[:4])}" if elsewhere else ""
            tally.amount(Subject("lot", lot), "high", 0, doubles * MICRO, PIECE, evidence=behind[lot],
                         explanation=f"{doubles} number(s) stand twice{where}.")
            continue
        if about.uom in _PIECES and lot in held and len(listed) * MICRO != held[lot]:
            tally.amount(Subject("lot", lot), "medium", held[lot], len(listed) * MICRO, PIECE,
                         evidence=behind[lot], explanation="As many numbers as pieces were to be expected.")
            continue
        tally.clean()


RULES = (
    Rule("L4", "2", "lineage", "Freed of duty twice", "book",
         (Law("Law 107/2016/QH13 Art. 16, 19", valid_from="2016-09-01"),
          Law("Decree 134/2016/ND-CP Art. 10.2.dd, 12.2.d, 36", valid_from="2016-09-01")), (),
         {}, l4, ("claims of refund and drawback",)),
    Rule("L9", "1", "lineage", "Pieces without a number of their own", "book",
         (Law("Law 54/2014/QH13 Art. 59.1", valid_from="2015-01-01"),), (), {}, l9, ("serial numbers",)),
)
