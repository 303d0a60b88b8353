"""Family D: scrap, destruction and change of purpose have their own papers."""

from __future__ import annotations

from collections import defaultdict

from ledger.vocabulary import Kind, LineRole, Origin, Outcome, Thing
from tracer.book import DeclarationLine, Event
from tracer.facts import Facts
from tracer.quantity import nearest
from tracer.rules.core import Law, Rule, Subject, Tally, circular_38

_ATTEMPTS = (Outcome.UNKNOWN_REFERENCE, Outcome.WRONG_PURPOSE, Outcome.WRONG_MATERIAL,
             Outcome.LINE_NOT_REGISTERED, Outcome.LINE_NOT_CLEARED, Outcome.LINE_EXCEEDED)
"""Refusals that say: there was no line for it, or not for that much."""


def d5(facts: Facts, tally: Tally) -> None:
    """Exempt goods change their purpose, or are sold inland, only on a new declaration that cites the first.

    Every repurposing and inland sale, and every attempt that the ledger refused for want of a line, is
    held against the declaration line it names. Without a line for a change of purpose the whole quantity is
    the difference; so it is where the line is for another code, was not cleared (medium), or cites no
    original declaration (medium). What is taken on a line beyond its quantity is the excess, and so is what
    all lines citing one original line declare beyond that line, in whatever unit. Goods bought inland, and
    products made of them alone, need no such line. What share of the imports changes its purpose is no
    finding: the declarations say it.
    """
    taken: dict[str, tuple[int, list[Event]]] = defaultdict(lambda: (0, []))
    for event in facts.events:
        if event.kind not in (Kind.REPURPOSE, Kind.SELL_INLAND):
            continue
        if not event.recorded and event.outcome not in _ATTEMPTS:
            continue
        line = facts.lines.get(event.line)
        valid = line is not None and line.purpose == LineRole.CHANGE_OF_PURPOSE and line.cancelled is None
        for leg in event.legs:
            lot = facts.lots.get(leg.unit)
            if leg.thing != Thing.LOT or (lot is not None and _domestic(facts, lot.id)):
                continue
            code = lot.code if lot is not None else leg.code
            if line is None or not valid or line.code != code or line.cleared is None:
                right = line is not None and valid
                uncleared = line is not None and right and line.code == code
                how = "on a declaration of the change of purpose that was not cleared" if uncleared else \
                    f"of {code} on a declaration of {line.code}" if line is not None and right else \
                    "without a declaration of the change of purpose"
                tally.amount(Subject("lot", leg.unit), "medium" if uncleared else "high", 0,
                             leg.quantity_micro, leg.uom, evidence=[event],
                             duty_at_risk=facts.duty_on(leg.code, leg.quantity_micro),
                             explanation=f"{event.kind.name} {how}{_refused(event)}.")
            else:
                q, events = taken[line.key]
                taken[line.key] = (q + leg.quantity_micro, [*events, event])
    for key, (q, events) in sorted(taken.items()):
        _line(facts, tally, facts.lines[key], q, events)
    _originals(facts, tally)


def _refused(event: Event) -> str:
    return "" if event.recorded else f"; the ledger refused it ({event.outcome.name})"


def _domestic(facts: Facts, lot: str) -> bool:
    """Whether nothing imported is in a lot."""
    if facts.lots[lot].origin != Origin.OWN:
        return facts.lots[lot].origin == Origin.DOMESTIC
    inflow = facts.lineage.inflow.get(lot, {})
    sources = [facts.lineage.sources[s] for s, q in inflow.items() if q]
    return bool(sources) and all(s.origin == Origin.DOMESTIC for s in sources)


def _line(facts: Facts, tally: Tally, line: DeclarationLine, taken: int, events: list[Event]) -> None:
    tolerance = tally.tol(line.quantity_micro, line.uom)
    if not line.original:
        tally.amount(Subject("line", line.key), "medium", 0, taken, line.uom, evidence=events,
                     duty_at_risk=facts.duty_on(line.code, taken),
                     explanation="The declaration of the change of purpose cites no original declaration.")
    elif taken > line.quantity_micro and tolerance.exceeded(taken - line.quantity_micro):
        tally.amount(Subject("line", line.key), "high", line.quantity_micro, taken, line.uom,
                     tolerance=tolerance, evidence=events,
                     duty_at_risk=facts.duty_on(line.code, taken - line.quantity_micro),
                     explanation=f"More changed its purpose than was declared"
                                 f"{''.join(_refused(e) for e in events if not e.recorded)}.")
    else:
        tally.clean()


def _originals(facts: Facts, tally: Tally) -> None:
    """All changes of purpose that cite one line, against that line."""
    citing: dict[str, list[DeclarationLine]] = defaultdict(list)
    for line in facts.book.lines:
        if line.purpose == LineRole.CHANGE_OF_PURPOSE and line.original and line.cancelled is None:
            citing[line.original].append(line)
    for key, lines in sorted(citing.items()):
        original = facts.lines.get(key)
        if original is None:
            continue
        alike = [x for x in lines if x.code == original.code]
        total = sum(in_unit_of(facts, original, x) for x in alike)
        tolerance = tally.tol(original.quantity_micro, original.uom)
        if total > original.quantity_micro and tolerance.exceeded(total - original.quantity_micro):
            events = [facts.by_id[x.cleared_by] for x in alike if x.cleared_by in facts.by_id]
            tally.amount(Subject("line", key), "high", original.quantity_micro, total, original.uom,
                         tolerance=tolerance, evidence=events,
                         explanation="More is declared as changed in purpose than the original line had.")
        else:
            tally.clean()


def in_unit_of(facts: Facts, original: DeclarationLine, line: DeclarationLine) -> int:
    """Quantity of a line in the unit of measure of the line that it cites; nothing without a factor (U1)."""
    at = line.registered or facts.book.period
    rate = facts.factors.rate(line.code, line.uom, original.uom, at)
    return 0 if rate is None else nearest(line.quantity_micro * rate)


RULES = (
    Rule("D5", "2", "outcome", "Purpose changed without a new declaration", "book",
         (*circular_38("21"), Law("Decree 134/2016/ND-CP Art. 10.2.e, 12.2.dd", valid_from="2016-09-01"),
          Law("Decree 169/2026/ND-CP Art. 15.1.g", valid_from="2026-07-01")), (),
         {}, d5, ("declaration lines of changes of purpose, with the original they cite",)),
)
