"""The part of a book that one question is about: all that ever went into some lots, and nothing else.

A backward trace asks of a handful of lots; reading their whole book for it would cost as much as the book is
large. So their ancestors are found first, generation by generation over the lines of events, and only events
that touch one of these lots are read. What a lot holds is worked out from all events of it, so every
figure is what the whole book would give; lots beside them are there by name only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from ledger.directory import Directory
from ledger.vocabulary import Kind, LineRole
from tracer.book import BookData
from tracer.load_rows import Reader, table_of
from tracer.moment import Span
from tracer.names import Names
from tracer.voids import customs_of

_SAID = frozenset({Kind.TRANSFORM.name})
"""Kinds whose content lineage asks for: the loss of a run."""
_CHUNK = 500  # ids in one query


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
                    content_of=_SAID)
    wanted = _chunked(session, select(col(m.EventLine.event_id)), col(m.EventLine.unit),
                      _ancestors(session, number, lots, line))
    if line:
        wanted |= set(session.execute(select(col(m.Event.event_id)).where(
            col(m.Event.reference) == line)).scalars())
    events = sorted(wanted)
    units = _chunked(session, select(col(m.EventLine.unit)), col(m.EventLine.event_id), events)
    named = _chunked(session, select(col(m.Event.reference)), col(m.Event.event_id), events)
    for chunk in _chunks(sorted(units)):
        reader.read_lots(select(table_of(m.Lot)).where(col(m.Lot.book) == number, col(m.Lot.unit).in_(chunk)))
    for chunk in _chunks(sorted(units | named | {line} - {""})):
        reader.read_lines(select(table_of(m.LineState)).where(
            col(m.LineState.declarant) == owner, col(m.LineState.line).in_(chunk)))
    norms = reader.norms(or_(col(m.Norm.book) == entry.id, col(m.Norm.book) == ""), owner)
    for chunk in _chunks(events):
        reader.read_events(col(m.Event.event_id).in_(chunk))
    return BookData(
        entry.id, directory.participant(entry.owner).id, Span(0, as_of_ms), as_of_ms, name=entry.name,
        regime=entry.regime, offset=offset,
        lots=tuple(sorted(reader.lots.values(), key=lambda lot: lot.id)),
        lines=tuple(sorted(reader.lines.values(), key=lambda x: x.key)), norms=norms,
        events=tuple(sorted(reader.events, key=lambda e: e.seq)), unit_ids=reader.names.ids())


def _ancestors(session: Session, number: int, lots: Sequence[str], line: str) -> list[str]:
    """The lots, or those of acts for a line, and every lot of the book that went into them.

    By generations: keys alone are asked for, whatever a database knows of its tables.
    """
    if line:
        for_line = select(col(m.Event.event_id)).where(col(m.Event.reference) == line)
        acts = list(session.execute(for_line).scalars())
        lots = sorted(_chunked(session, select(col(m.EventLine.unit)), col(m.EventLine.event_id), acts))
    found: set[str] = set()
    fresh = _of_book(session, number, lots)
    while fresh:
        found |= fresh
        made = _chunked(session, select(col(m.EventLine.event_id)).where(
            col(m.EventLine.role) != LineRole.INPUT.name), col(m.EventLine.unit), sorted(fresh))
        used = _chunked(session, select(col(m.EventLine.unit)).where(
            col(m.EventLine.role) == LineRole.INPUT.name), col(m.EventLine.event_id), sorted(made))
        fresh = _of_book(session, number, sorted(used - found))
    return sorted(found)


def _of_book(session: Session, number: int, units: Sequence[str]) -> set[str]:
    """Those of the units that are lots of a book."""
    return {unit for chunk in _chunks(units) for unit, book in session.execute(
        select(col(m.Lot.unit), col(m.Lot.book)).where(col(m.Lot.unit).in_(chunk))) if book == number}


def _chunked(session: Session, query: Any, column: Any, keys: Sequence[str]) -> set[str]:
    return {found for chunk in _chunks(keys)
            for found in session.execute(query.where(column.in_(chunk))).scalars()}


def _chunks(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[start:start + _CHUNK] for start in range(0, len(keys), _CHUNK)]
