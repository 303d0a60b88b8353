"""The part of a book that one question is about: all that ever went into some lots, and nothing else.

A backward trace asks of a handful of lots; reading their whole book for it would cost as much as the book is
large. So their ancestors are found first, generation by generation over the lines of events, and only events
that touch one of these lots are read. What a lot holds is worked out from all events of it, so every
figure is what the whole book would give; lots beside them are there by name only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from ledger.directory import Directory
from ledger.vocabulary import Kind, LineRole
from tracer.book import BookData
from tracer.load_rows import Reader
from tracer.load_sql import EVENT, EVENTS_BY_ID, LEG, LEGS_OF, LOT, LOTS, by_key, keyed, table_of
from tracer.load_stated import norms
from tracer.moment import Span
from tracer.names import Names
from tracer.usage import MADE
from tracer.voids import customs_of

_SAID = frozenset({Kind.TRANSFORM.name})
"""Kinds whose content lineage asks for: the loss of a run."""
_USED = LineRole.INPUT.name
_LINES = table_of(m.LineState)
_STATES = keyed(select(_LINES).where(_LINES.c.declarant == bindparam("owner")), _LINES.c.line)
_LOTS = keyed(LOTS.where(LOT.book == bindparam("book")), LOT.unit)
_TOUCHING = keyed(select(LEG.event_id, LEG.role).distinct(), LEG.unit)

def load_ancestry(
    session: Session, directory: Directory, number: int, *, lots: Sequence[str], line: str = "",
    as_of_ms: int, offset: str = "+07:00",
) -> BookData:
    """A book as far as it went into some lots, or into what was loaded for a declaration line.

    Args:
        session, directory: the index and its names.
        number: of the book.
        lots: ledger ids of lots of that book. line: ledger id of a declaration line, else empty.
        as_of_ms: nothing later is known.
        offset: zone of the book.

    Returns:
        The book with these lots, their ancestors and what touched them; good for lineage alone.

    Raises:
        NotFoundError: no such book in the directory.
    """
    entry = directory.book(number)
    owner = directory.participant(entry.owner).number
    reader = Reader(session, Names(session, directory), as_of_ms, offset, customs_of(session, directory),
                    content_of=_SAID, named_only=True)
    part = _Part(session, number)
    acts = part.acts_for(line) if line else ()
    part.go_back(lots or part.units(acts))
    reader.read_lots(part.lots_of(part.units(part.legs)))
    events = by_key(session, EVENTS_BY_ID, part.legs)
    named = {event.reference for event in events}
    reader.read_lines(by_key(session, _STATES, part.units(part.legs) | named | {line} - {""}, owner=owner))
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
    """Lots of a book, back from those that are asked about, and the legs of all acts that touch one of them.

    By generations: keys alone are asked for, whatever a database knows of its tables, and nothing twice.
    """

    def __init__(self, session: Session, number: int) -> None:
        self.session, self.number = session, number
        self.legs: dict[str, list[Any]] = {}
        """Rows of the legs of acts, by event."""
        self._lots: dict[str, Any] = {}
        self._other: set[str] = set()
        """Units that are no lots of the book."""

    def acts_for(self, line: str) -> list[str]:
        """Acts for a declaration line; their legs are read."""
        acts = list(self.session.execute(select(EVENT.event_id).where(EVENT.reference == line)).scalars())
        self._read(acts)
        return acts

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

    def go_back(self, units: Iterable[str]) -> None:
        """Read the acts that touch these lots of the book, or a lot that went into them."""
        found: set[str] = set()
        fresh = {row.unit for row in self.lots_of(units)}
        while fresh:
            found |= fresh
            touched = by_key(self.session, _TOUCHING, fresh)
            self._read({event for event, _ in touched})
            made = {event for event, role in touched if role != _USED}
            used = {leg.unit for event in made for leg in self.legs[event] if leg.role == _USED}
            fresh = {row.unit for row in self.lots_of(used - found)}

    def _read(self, events: Iterable[str]) -> None:
        missing = set(events) - self.legs.keys()
        self.legs.update((event, []) for event in missing)
        for leg in by_key(self.session, LEGS_OF, missing):
            self.legs[leg.event_id].append(leg)
