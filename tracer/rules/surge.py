"""Family O, trade that outgrows the factory: surges, certificates used again, containers passed through."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import Balance, Kind, LineRole, Outcome, Thing
from tracer.book import DeclarationLine, Event
from tracer.facts import Facts
from tracer.quantity import ratio_text
from tracer.replay import STOCK
from tracer.rules.core import Law, Param, Rule, Subject, Tally

_HERE = (*STOCK, Balance.LOADED)
"""Balances of goods that can still be put into a container."""
_LAWS = (Law("Decision 824/QD-TTg (2019)", valid_from="2019-07-04"),)


def o7(facts: Facts, tally: Tally) -> None:
    """Exports do not surge together with imports while the factory stays as it is.

    Per six digits of the tariff of what is exported: quantity of cleared export lines up by more than 15 %
    against the period before of the same length, imports of materials up by as much or more, and the machines
    the same. All three are a finding; without capacity rows the third is not known and the finding is low.
    One alone is growth. Countries of destination are not in a declaration line here, so all count together.
    """
    span = facts.book.period.end_ms - facts.book.period.start_ms + 1
    now, before = _volumes(facts, 0), _volumes(facts, span)
    if not before:
        tally.missing(Subject("book", facts.book.id), "declaration lines of the period before")
        return
    least = tally.param("share")
    imports = _growth(before, now, LineRole.RECEIVE)
    machines = _machines_grew(facts)
    for (purpose, hs), (quantity, uom) in sorted(now.items()):
        old, old_uom = before.get((purpose, hs), (0, uom))
        if purpose != LineRole.EXPORT or not old or uom != old_uom:
            continue
        growth = Fraction(quantity, old) - 1
        if growth <= least or imports is None or imports < growth or machines is True:
            tally.clean()
            continue
        lines = [x for x in facts.book.lines if x.purpose == purpose and x.hs[:6] == hs]
        tally.amount(
            Subject("book", facts.book.id),
            "low" if machines is None else "medium",
            old,
            quantity,
            uom,
            evidence=[facts.by_id[x.cleared_by] for x in lines if x.cleared_by in facts.by_id][:8],
            explanation=f"Exports under {hs} rose by {ratio_text(growth * 100, 1)} %, imports of material by "
            f"{ratio_text(imports * 100, 1)} %"
            f"{', and the machines are the same' if machines is False else ''}.",
        )


def _volumes(facts: Facts, back_ms: int) -> dict[tuple[LineRole, str], tuple[int, str]]:
    """Quantities of cleared lines by purpose and six digits, of the period so far back."""
    start, end = facts.book.period.start_ms - back_ms, facts.book.period.end_ms - back_ms
    result: dict[tuple[LineRole, str], tuple[int, str]] = {}
    for line in sorted(facts.book.lines, key=lambda x: x.key):
        if (
            line.cleared is None
            or line.cancelled is not None
            or not start <= line.cleared.start_ms <= end
            or line.purpose not in (LineRole.EXPORT, LineRole.RECEIVE)
            or not line.hs
        ):
            continue
        key = (line.purpose, line.hs[:6])
        quantity, uom = result.get(key, (0, line.uom))
        if uom == line.uom:
            result[key] = (quantity + line.quantity_micro, uom)
    return result


def _growth(
    before: dict[tuple[LineRole, str], tuple[int, str]],
    now: dict[tuple[LineRole, str], tuple[int, str]],
    purpose: LineRole,
) -> Fraction | None:
    """Greatest growth of one heading of imports."""
    found = [
        Fraction(q, before[key][0]) - 1
        for key, (q, uom) in now.items()
        if key[0] == purpose and key in before and before[key][0] and before[key][1] == uom
    ]
    return max(found, default=None)


def _machines_grew(facts: Facts) -> bool | None:
    """Whether capacity grew at the beginning of the period or in it; None where nobody says."""
    if facts.book.capacity is None:
        return None
    start = facts.book.period.start_ms
    return any(row.valid_from is not None and row.valid_from.end_ms >= start for row in facts.book.capacity)


def o8(facts: Facts, tally: Tally) -> None:
    """One certificate of origin goes with one export declaration, for goods that left.

    The same number, in whatever case and spacing, on lines of two declarations of export or re-export is used
    twice; the difference is the quantity on all but the first. What was certified and never left is X4's,
    what could not have been made X2's.
    """
    by_number: dict[str, list[DeclarationLine]] = defaultdict(list)
    for line in sorted(facts.lines.values(), key=lambda x: x.key):
        exports = line.purpose in (LineRole.EXPORT, LineRole.RE_EXPORT)
        if line.certificate and exports and line.cancelled is None:
            by_number["".join(line.certificate.split()).casefold()].append(line)
    for _, lines in sorted(by_number.items()):
        first = lines[0].key.rpartition("/")[0]
        others = [x for x in lines if x.key.rpartition("/")[0] != first]
        if not others:
            tally.clean()
            continue
        tally.amount(
            Subject("line", others[0].key),
            "high",
            0,
            sum(x.quantity_micro for x in others),
            others[0].uom,
            evidence=[facts.by_id[x.cleared_by] for x in lines if x.cleared_by in facts.by_id],
            explanation=f"Certificate {lines[0].certificate} stands on {', '.join(x.key for x in lines)}.",
        )


def o9(facts: Facts, tally: Tally) -> None:
    """A container that came in full does not go out full without having been emptied.

    A container that arrived and is later named by a loading for export, with neither its goods received at
    the factory, nor a stripping or stuffing between. The difference is what was loaded with it. Rows of
    movements name the container of a load; an act of the ledger names lots alone, and the ledger refuses to
    stuff lots into a container that came in full and is supervised still (NOT_EMPTY). There the refused
    attempt is the evidence, and the difference is what its lots held when it was refused.
    """
    full: dict[str, Event] = {}
    tried: dict[str, list[Event]] = defaultdict(list)
    for event in facts.events:
        refused = event.kind == Kind.STUFF and event.outcome == Outcome.NOT_EMPTY
        if not event.recorded and not refused:
            continue
        for leg in event.legs:
            if leg.thing != Thing.CONTAINER:
                continue
            if refused:
                tried[leg.unit].append(event)
            elif event.kind == Kind.ARRIVE and leg.role != LineRole.EMPTY_CONTAINER:
                full[leg.unit] = event
            elif event.kind in (Kind.STRIP, Kind.STUFF, Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC):
                full.pop(leg.unit, None)
            elif event.kind == Kind.EXPORT_LOAD:
                lots = [x for x in event.legs if x.thing == Thing.LOT]
                if leg.unit in full and lots:
                    amounts = [(x.uom, x.quantity_micro) for x in lots]
                    _passed(tally, leg.unit, amounts, [full[leg.unit], event],
                            "It came in full and was loaded for export without being emptied.")
                else:
                    tally.clean()
    for box, attempts in sorted(tried.items()):
        came = [e for e in facts.boxed if e.kind == Kind.ARRIVE and any(x.unit == box for x in e.legs)]
        _passed(tally, box, _asked_for(facts, attempts), [*came, *attempts],
                "It came in full, and goods were to go into it without emptying it; the ledger refused it.")


def _passed(tally: Tally, box: str, amounts: list[tuple[str, int]], evidence: list[Event], how: str) -> None:
    """A finding for each unit of measure: pieces and kilograms have no sum."""
    by_uom: dict[str, int] = defaultdict(int)
    for uom, quantity in amounts:
        by_uom[uom] += quantity
    for uom, quantity in sorted(by_uom.items()):
        tally.amount(Subject("container", box), "high", 0, quantity, uom, evidence=evidence, explanation=how)


def _asked_for(facts: Facts, attempts: list[Event]) -> list[tuple[str, int]]:
    """What each lot held when it was last to go in: STUFF names a lot whole, and signs no quantity."""
    last = {x.unit: (x.uom, event.seq) for event in attempts for x in event.legs if x.thing == Thing.LOT}
    held = dict.fromkeys(last, 0)
    for delta in facts.replay.deltas:
        if delta.lot in last and delta.balance in _HERE and delta.event.seq < last[delta.lot][1]:
            held[delta.lot] += delta.change
    return [(last[lot][0], quantity) for lot, quantity in held.items()]


RULES = (
    Rule(
        "O7",
        "1",
        "origin",
        "Surge without capacity",
        "book",
        _LAWS,
        (Param("share", "0.15", "share", "by which exports rose"),),
        {},
        o7,
        ("declaration lines of the period before", "capacity"),
    ),
    Rule(
        "O8",
        "2",
        "origin",
        "Certificate of origin used twice",
        "book",
        _LAWS,
        (),
        {},
        o8,
        ("certificates of export lines",),
    ),
    Rule("O9", "2", "origin", "Container passed through", "custody", _LAWS, (), {}, o9),
)
