"""Which questions a stretch of the change feed is about.

Rather one question too many than one too few: a question that is taken for touched is read again, and
answered again only where what was read differs (`inputs.digest`). What touches a question: an event of its
book or by the book's owner; an event that names a thing, a line or an event of which the last answer speaks;
a thing that the owner holds now; a norm or a stock-take by customs, who may state them for any book. What
cannot be told from the tables any more (a roll-back), or concerns everybody (registers, names of materials),
touches all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from indexer.feed import Change
from indexer.journal import table_of
from ledger.directory import Directory
from tracer.labels import label
from tracer.on_spot import answered
from tracer.runs.inputs import Watch
from tracer.voids import customs_of

EVENTS_MAX = 50_000
"""Changed events that are looked at one by one; beyond, every question is read again."""

_CHUNK = 500  # ids in one query
_EVENT, _PAYLOAD, _READERS = (table_of(model).name for model in (m.Event, m.Payload, m.PayloadReader))
_STATED = frozenset(table_of(model).name for model in (m.Norm, m.CountEntry))
_OF_EVENTS = _STATED | {
    _EVENT, _PAYLOAD, _READERS, table_of(m.DeclarationLine).name, table_of(m.Reading).name}
_OF_UNITS = frozenset(table_of(model).name for model in (m.Unit, m.Lot, m.LotLoaded))
_LINES, _NAMES = table_of(m.LineState).name, table_of(m.UnitName).name
_NOBODYS = frozenset(table_of(model).name for model in (m.Block, m.Grant, m.Evidence, m.Repair, m.NotTaken,
                                                        m.Announcement, m.GovernanceRole))
"""Say nothing that a book's data holds."""


@dataclass(slots=True)
class Stretch:
    """What changed, put together for asking question by question.

    Attributes:
        everything: every question is touched.
        events: changed events, in the ledger's order, with the things and lines that each names.
        stated: ids of those that state norms or counts.
        units: custodian of each changed thing. lines: declarant of each changed line.
        names: new names of things, and declarations that an on-spot import answers.
    """

    everything: bool = False
    events: list[tuple[m.Event, tuple[str, ...]]] = field(default_factory=list)
    stated: set[str] = field(default_factory=set)
    units: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    customs: frozenset[int] = frozenset()

    def touching(self, watch: Watch, book: int, owner: int) -> list[m.Event]:
        """The changed events that are about a question, in the ledger's order."""
        return [event for event, units in self.events
                if event.book == book or owner in (event.participant, event.counterparty)
                or event.event_id in watch or event.reference in watch or any(u in watch for u in units)
                or (event.event_id in self.stated and event.participant in self.customs)]

    def touches(self, watch: Watch, book: int, owner: int) -> bool:
        """Whether a question has to be read again."""
        return (self.everything or bool(self.touching(watch, book, owner))
                or any(holder == owner or unit in watch for unit, holder in self.units.items())
                or any(declarant == owner or line in watch for line, declarant in self.lines.items())
                or any(name in watch for name in self.names))


def stretch_of(session: Session, directory: Directory, changes: Iterable[Change]) -> Stretch:
    """What a stretch of the feed says, read from the tables as they are now."""
    found = Stretch(customs=customs_of(session, directory))
    keys: dict[str, set[str]] = defaultdict(set)
    for change in changes:
        if change.table in _NOBODYS:
            continue
        if change.table in _OF_EVENTS:
            keys["events"].add(str(change.key[0]))
            if change.table in _STATED:
                found.stated.add(str(change.key[0]))
        elif change.table in _OF_UNITS | {_LINES, _NAMES}:
            place = "lines" if change.table == _LINES else "names" if change.table == _NAMES else "units"
            keys[place].add(str(change.key[0]))
        else:
            found.everything = True
        found.everything |= change.kind == "delete" and change.table == _EVENT
    if found.everything or len(keys["events"]) > EVENTS_MAX:
        found.everything = True
    _read_events(session, found, sorted(keys["events"])[:EVENTS_MAX])
    for said in _rows(session, m.DeclarationLine, m.DeclarationLine.event_id, sorted(keys["events"])):
        keys["names"] |= {answered(said.description)} - {""}  # an import that answers an export of another
    for row in _rows(session, m.Unit, m.Unit.unit, sorted(keys["units"])):
        found.units[row.unit] = row.custodian
    for row in _rows(session, m.LineState, m.LineState.line, sorted(keys["lines"])):
        found.lines[row.line] = row.declarant
    found.names = set(keys["names"])
    for row in _rows(session, m.UnitName, m.UnitName.unit, sorted(keys["names"])):
        found.names.add(label(row.scope, row.number))
    return found


def _read_events(session: Session, found: Stretch, ids: Sequence[str]) -> None:
    units: dict[str, list[str]] = defaultdict(list)
    for line in _rows(session, m.EventLine, m.EventLine.event_id, ids):
        units[line.event_id].append(line.unit)
    rows = sorted(_rows(session, m.Event, m.Event.event_id, ids), key=lambda row: row.seq)
    found.everything |= len(rows) < len(ids)  # some are not there any more
    found.events = [(row, tuple(units[row.event_id])) for row in rows]


def _rows(session: Session, model: Any, column: Any, keys: Sequence[str]) -> Iterator[Any]:
    for start in range(0, len(keys), _CHUNK):
        yield from session.execute(
            select(model).where(col(column).in_(keys[start:start + _CHUNK]))).scalars()
