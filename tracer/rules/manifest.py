"""Family C, ships: what was landed against the manifest."""

from __future__ import annotations

from collections import defaultdict

from ledger.vocabulary import MICRO, Kind, LineRole, Step, Thing
from tracer.beside import Manifested
from tracer.book import Event
from tracer.facts import Facts
from tracer.rules.core import PIECE, Law, Param, Rule, Subject, Tally, circular_38


def c8(facts: Facts, tally: Tally) -> None:
    """What a ship lands is what its manifest says.

    Containers and cargo on a manifest (as listed, or as an OBSERVE of step MANIFEST names them) against what
    arrived or was discharged: on the manifest and not landed three days after it was due; landed and on no
    manifest; landed in another quantity. What is discharged in parts is added up; two who report the same
    discharge are no two parts. Empty containers, and those stuffed here for export, came on no
    ship. Of a manifest that an event states, a book looks at its own consignments only. Unclaimed goods are
    T1's.
    """
    listed: dict[str, Manifested] = {}
    behind: dict[str, list[Event]] = defaultdict(list)
    landed: dict[str, int | None] = {}
    parts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    thing: dict[str, Thing] = {}
    stuffed: set[str] = set()
    scopes: set[str] = set()
    for event in facts.boxed:
        manifest = event.kind == Kind.OBSERVE and event.step == Step.MANIFEST
        discharge = event.kind == Kind.OBSERVE and event.step == Step.DISCHARGE
        for leg in event.boxes:
            thing[leg.unit] = leg.thing
            behind[leg.unit].append(event)
            if manifest:
                quantity = leg.quantity_micro or None
                listed.setdefault(leg.unit, Manifested(leg.unit, "", event.occurred, quantity, None, leg.uom))
                continue
            scopes.add(leg.unit.rpartition("/")[0])
            if event.kind in (Kind.STUFF, Kind.EXPORT_LOAD) and leg.unit not in landed:
                stuffed.add(leg.unit)
            elif (event.kind == Kind.ARRIVE or discharge) and leg.role != LineRole.EMPTY_CONTAINER \
                    and leg.unit not in stuffed:
                landed[leg.unit] = leg.quantity_micro or landed.get(leg.unit)
                if discharge:
                    parts[leg.unit][event.actor] += leg.quantity_micro
    if facts.book.beside.manifest is None:
        listed = {u: row for u, row in listed.items() if not facts.book.id or u.rpartition("/")[0] in scopes}
    for row in facts.book.beside.manifest or ():
        listed[row.unit] = row
    if not listed:
        if landed:
            tally.missing(Subject("book", facts.book.id or "custody"), "manifests of voyages (manifest.csv)")
        return
    for unit, row in sorted(listed.items()):
        seen = _discharged(tally, row, list(parts[unit].values())) or landed.get(unit)
        _one(facts, tally, row, unit in landed, seen, thing.get(unit), behind[unit])
    for unit in sorted(landed.keys() - listed.keys()):
        tally.amount(_subject(unit, thing.get(unit)), "medium", 0, MICRO, PIECE, evidence=behind[unit][:4],
                     explanation="Landed, and on no manifest.")


def _subject(unit: str, thing: Thing | None) -> Subject:
    return Subject("cargo" if thing == Thing.CARGO else "container", unit)


def _discharged(tally: Tally, row: Manifested, parts: list[int]) -> int:
    """What was discharged: by all who reported together, or what each of them reported of the whole."""
    parts = [part for part in parts if part]
    if row.quantity is None or not parts:
        return 0
    tolerance, whole = tally.tol(row.quantity, row.uom or PIECE), row.quantity
    if not tolerance.exceeded(sum(parts) - whole):
        return sum(parts)
    return max(parts, key=lambda part: abs(part - whole)) if sum(parts) > whole else sum(parts)


def _one(facts: Facts, tally: Tally, row: Manifested, came: bool,  # noqa: PLR0917 - one unit
         seen: int | None, thing: Thing | None, events: list[Event]) -> None:
    subject = _subject(row.unit, thing)
    quantity = row.landed if row.landed is not None else seen
    if not came and row.landed is None:
        due = (row.due or facts.book.period).end_ms + tally.days_ms("days")
        if facts.book.as_of_ms <= due:
            tally.clean()  # pending
            return
        tally.amount(subject, "medium", MICRO, 0, PIECE, evidence=events[:4],
                     explanation=f"On the manifest{' of ' + row.voyage if row.voyage else ''}, never landed.")
    elif row.quantity is not None and quantity is not None \
            and tally.tol(row.quantity, row.uom or PIECE).exceeded(quantity - row.quantity):
        tally.amount(subject, "medium", row.quantity, quantity, row.uom or PIECE,
                     tolerance=tally.tol(row.quantity, row.uom or PIECE), evidence=events[:4],
                     explanation="Landed in another quantity than the manifest says.")
    else:
        tally.clean()


RULES = (
    Rule("C8", "2", "custody", "Landed against the manifest", "custody",
         (Law("Law 54/2014/QH13 Art. 66", valid_from="2015-01-01"), *circular_38("52")),
         (Param("days", "3", "days", "after it was due, for a unit to be landed"),), {}, c8,
         ("manifests of voyages",)),
)
