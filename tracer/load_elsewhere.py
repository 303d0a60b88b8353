"""What a book's events name that lies outside the book: does it exist on the ledger all the same?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from tracer.book import DeclarationLine, Event
from tracer.labels import label
from tracer.names import Names

_CHUNK = 500  # ids in one query


def elsewhere(session: Session, names: Names, events: Iterable[Event],
              lines: Iterable[DeclarationLine]) -> frozenset[str]:
    """Names of lots, lines and events that the events and lines of a book cite and the ledger knows.

    Args:
        session: the index.
        names: the names used so far, by which a name leads back to the ledger's id.
        events, lines: of the book.
    """
    events, lines = list(events), list(lines)
    own = {e.id for e in events} | {x.key for x in lines}
    ids = names.ids()
    named = {leg.unit for e in events for leg in e.legs}
    named |= {key for e in events for key in (e.line, e.reference, e.norm, *e.cited) if key}
    named |= {x.original for x in lines if x.original}
    wanted = {ids.get(name, name): name for name in sorted(named - own)}
    found: set[str] = set()
    for column in (col(m.Lot.unit), col(m.LineState.line), col(m.Event.event_id)):
        for chunk in _chunks(sorted(wanted)):
            found |= {wanted[i] for i in session.execute(select(column).where(column.in_(chunk))).scalars()}
    scopes = sorted({name.rpartition("/")[0] for name in named - own - found if "/" in name})
    for chunk in _chunks(scopes):
        rows = session.execute(select(m.UnitName, m.LineState).join(
            m.LineState, col(m.LineState.line) == col(m.UnitName.unit)).where(
            col(m.UnitName.scope).in_(chunk)))
        found |= {label(row.scope, row.number) for row, _ in rows}
    return frozenset(found & named)


def _chunks(keys: list[str]) -> Iterable[list[Any]]:
    return (keys[start:start + _CHUNK] for start in range(0, len(keys), _CHUNK))
