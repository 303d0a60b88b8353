"""The part of a book that one question is about: what went into some lots, or what became of them.

A trace asks of a handful of lots; reading their whole book for it would cost as much as the book is large. So
their ancestors, or what was made of them, are found first, generation by generation over the lines of events,
and only events that touch one of these lots are read. What a lot holds is worked out from all events of it,
so every figure is what the whole book would give; lots beside them are there by name only, but for those that
were merged with one of them: a merge states no quantities, so what they held must be known too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from indexer.words import ZERO_ID
from ledger.directory import Directory
from ledger.vocabulary import Kind, LineRole
from tracer.book import BookData
from tracer.load_rows import Reader
from tracer.load_shared import others_of, share_lines
from tracer.load_sql import EVENT, EVENTS, EVENTS_BY_ID, LEG, LEGS_OF, LOT, LOTS, by_key, keyed, table_of
from tracer.load_stated import norms
from tracer.moment import Span
from tracer.names import Names
from tracer.network import SINKS, Direction, within_limit
from tracer.usage import MADE
from tracer.voids import customs_of

_SAID = frozenset({Kind.TRANSFORM.name})
"""Kinds whose content lineage asks for: the loss of a run."""
_USED, _MERGE = LineRole.INPUT.name, Kind.MERGE.name
_CHANGED = frozenset(kind.name for kind in (Kind.SPLIT, Kind.MERGE, Kind.TRANSFORM, Kind.ACCEPT))
"""Kinds that pass what is in their inputs on to their other lots; an ACCEPT between books is one."""
_LEFT = frozenset(kind.name for kind in (Kind.EXPORT_LOAD, Kind.REEXPORT, *SINKS))
_ENDED = _LEFT | {Kind.ACCEPT.name}
_FOUND = frozenset({LineRole.OUTPUT.name, LineRole.FROM_SHORT.name})
"""Roles of lots that an act of `_LEFT` gives something to."""
_CAME = frozenset(kind.name for kind in (Kind.RECEIVE_FACTORY, Kind.FG_RETURN, Kind.UNLOAD))
"""Kinds with which goods come from a declaration line."""
_BACK = _CAME - {Kind.RECEIVE_FACTORY.name}
_OF_TRANSFERS = frozenset({LineRole.TRANSFER_IN.name, LineRole.TRANSFER_OUT.name})
"""Roles of lines that an act names instead of referring to one."""
_LINES = table_of(m.LineState)
_STATES = keyed(select(_LINES).where(_LINES.c.declarant == bindparam("owner")), _LINES.c.line)
_LOTS = keyed(LOTS.where(LOT.book == bindparam("book")), LOT.unit)
_TOUCHING = keyed(select(LEG.event_id, LEG.role).distinct(), LEG.unit)
_ACTS_FOR = keyed(EVENTS, EVENT.reference)


def load_part(
    session: Session, directory: Directory, number: int, direction: Direction, *, lots: Sequence[str],
    line: str = "", as_of_ms: int, offset: str = "+07:00",
) -> BookData:
    """A book as far as it went into some lots or a declaration line (backward), or came from them (forward).

    Args:
        session, directory: the index and its names.
        number: of the book.
        direction: backward or forward.
        lots: ledger ids of lots of that book. line: ledger id of a declaration line, else empty.
        as_of_ms: nothing later is known.
        offset: zone of the book.

    Returns:
        The book with these lots, those that they lead to, and what touched them; good for lineage alone.

    Raises:
        NotFoundError: no such book in the directory.
        TooLargeError: more lots than one answer may have.
    """
    entry = directory.book(number)
    owner = directory.participant(entry.owner).number
    reader = Reader(session, Names(session, directory), as_of_ms, offset, customs_of(session, directory),
                    content_of=_SAID, others=others_of(directory, entry), named_only=True)
    part = _Part(session, number)
    (part.back if direction == "backward" else part.on)(lots, line)
    reader.read_lots(part.lots_of(part.units(part.legs)))
    events = part.acts(part.legs)
    named = {event.reference for event in events}
    declared = by_key(session, _STATES, part.units(part.legs) | named | {line} - {""}, owner=owner)
    reader.read_lines(declared)
    share_lines(reader, entry, (row.line for row in declared))
    known = (event for event in events if event.occurred_at_ms <= as_of_ms)
    reader.take_events(sorted(known, key=attrgetter("seq")), part.legs)
    return BookData(
        entry.id, directory.participant(entry.owner).id, Span(0, as_of_ms), as_of_ms, name=entry.name,
        regime=entry.regime, offset=offset,
        lots=tuple(sorted(reader.lots.values(), key=lambda lot: lot.id)),
        lines=tuple(sorted(reader.lines.values(), key=lambda x: x.key)),
        norms=norms(reader, or_(col(m.Norm.book) == entry.id, col(m.Norm.book) == ""), owner,
                    _shared(reader)),
        events=tuple(sorted(reader.events, key=lambda e: e.seq)), unit_ids=reader.names.ids())


def _shared(reader: Reader) -> set[str]:
    """Codes made together with others: by norms alone it is said which of them took what."""
    together = [made for event in reader.events if event.kind == Kind.TRANSFORM
                and len(made := [leg.code for leg in event.legs if leg.role in MADE]) > 1]
    return {code for made in together for code in made}


class _Part:
    """Lots of a book, on or back from those that are asked about, and the legs of all acts that touch one.

    By generations: keys alone are asked for, whatever a database knows of its tables, and nothing twice.
    """

    def __init__(self, session: Session, number: int) -> None:
        self.session, self.number = session, number
        self.legs: dict[str, list[Any]] = {}
        """Rows of the legs of acts, by event."""
        self._acts: dict[str, Any] = {}
        self._lots: dict[str, Any] = {}
        self._other: set[str] = set()
        """Units that are no lots of the book."""
        self._lines: set[str] = set()
        """Declaration lines whose acts were read."""
        self._found: set[str] = set()

    def back(self, lots: Sequence[str], line: str) -> None:
        """Read the acts that touch these lots, or a lot that went into them or (without lots) into the line.

        What came back from a line is drawn as coming from all that was ever loaded for it.
        """
        fresh = self._next(lots or self.units(act.event_id for act in self._acts_for([line])))
        while fresh:
            made = {event for event, role in self._touching(fresh) if role != _USED}
            fresh = self._next(leg.unit for event in made for leg in self.legs[event] if leg.role == _USED)
            if not fresh:
                lines = {act.reference for act in self.acts(self.legs) if act.kind in _BACK}
                fresh = self._next(self._ends(self._acts_for(lines), given=False))

    def on(self, lots: Sequence[str], line: str) -> None:
        """Read the acts that touch these lots, or a lot that something of them, or of the line, went into."""
        fresh = self._next(lots or self._ends(self._acts_for([line]), given=True))
        merges: set[str] = set()
        while fresh:
            touched = self._touching(fresh)
            kinds = {act.event_id: act.kind for act in self.acts(event for event, _ in touched)}
            merges |= {event for event, role in touched if kinds[event] == _MERGE and role != _USED}
            gone = self.acts(event for event, role in touched if _goes(kinds[event], role))
            into = {leg.unit for act in gone for leg in self.legs[act.event_id]
                    if not _goes(act.kind, leg.role)}
            lines = {act.reference for act in gone if act.kind in _LEFT}
            fresh = self._next(into | self._ends(self._acts_for(lines), given=True))
        while merges:  # all that was merged with what was found, and so on back
            touched = self._touching(self._fresh(self.units(merges)))
            made = self.acts(event for event, role in touched if role != _USED)
            merges = {act.event_id for act in made if act.kind == _MERGE}

    def acts(self, events: Iterable[str]) -> list[Any]:
        """Rows of acts."""
        events = set(events)
        self._acts.update((row.event_id, row) for row in by_key(
            self.session, EVENTS_BY_ID, events - self._acts.keys()))
        return [self._acts[event] for event in sorted(events)]

    def units(self, events: Iterable[str]) -> set[str]:
        """What the legs of acts name."""
        return {leg.unit for event in events for leg in self.legs.get(event, ())}

    def lots_of(self, units: Iterable[str]) -> list[Any]:
        """Rows of those of the units that are lots of the book."""
        units = set(units)
        missing = units - self._lots.keys() - self._other
        found = by_key(self.session, _LOTS, missing, book=self.number)
        self._lots.update((row.unit, row) for row in found)
        self._other |= missing - self._lots.keys()
        return [self._lots[unit] for unit in sorted(units & self._lots.keys())]

    def _ends(self, acts: Iterable[Any], *, given: bool) -> set[str]:
        """Lots that were given something from a declaration line by these acts for it, or gave something."""
        return {leg.unit for act in acts for leg in self.legs[act.event_id]
                if (act.kind in _ENDED and given == (leg.role in _FOUND)) or (given and act.kind in _CAME)}

    def _acts_for(self, lines: Iterable[str]) -> list[Any]:
        """Acts for declaration lines not asked about before, and transfers on them; their legs are read."""
        fresh = set(lines) - self._lines - {ZERO_ID}
        self._lines |= fresh
        acts = by_key(self.session, _ACTS_FOR, fresh)
        self._acts.update((act.event_id, act) for act in acts)
        naming = {event for event, role in by_key(self.session, _TOUCHING, fresh) if role in _OF_TRANSFERS}
        acts += self.acts(naming - {act.event_id for act in acts})
        self._read(act.event_id for act in acts)
        return acts

    def _touching(self, lots: Iterable[str]) -> list[Any]:
        """Acts that touch lots, with the roles of these; their legs are read."""
        touched = by_key(self.session, _TOUCHING, lots)
        self._read({event for event, _ in touched})
        return touched

    def _next(self, units: Iterable[str]) -> set[str]:
        """The lots of the next generation."""
        fresh = self._fresh(units)
        within_limit(len(self._found))
        return fresh

    def _fresh(self, units: Iterable[str]) -> set[str]:
        """Those of the units that are lots of the book and were not found before; now they are."""
        fresh = {row.unit for row in self.lots_of(set(units) - self._found)}
        self._found |= fresh
        return fresh

    def _read(self, events: Iterable[str]) -> None:
        missing = set(events) - self.legs.keys()
        self.legs.update((event, []) for event in missing)
        for leg in by_key(self.session, LEGS_OF, missing):
            self.legs[leg.event_id].append(leg)


def _goes(kind: str, role: str) -> bool:
    """Whether goods go out of a lot that has this role in an act of this kind, as `network.draw` has it."""
    return role == _USED if kind in _CHANGED else kind in _LEFT and role not in _FOUND
