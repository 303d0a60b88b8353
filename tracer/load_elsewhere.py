"""What a book's events name that lies outside the book: does it exist on the ledger all the same?"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from indexer import models as m
from tracer.book import DeclarationLine, Event
from tracer.labels import label
from tracer.load_sql import EVENT, LOT, by_key, keyed, table_of
from tracer.names import Names


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
    line = table_of(m.LineState).c.line
    for column in (LOT.unit, line, EVENT.event_id):
        found |= {wanted[i] for (i,) in by_key(session, keyed(select(column), column), wanted)}
    scopes = {name.rpartition("/")[0] for name in named - own - found if "/" in name}
    name = table_of(m.UnitName).c
    of_lines = select(name.scope, name.number).join_from(name.unit.table, line.table, line == name.unit)
    found |= {label(*row) for row in by_key(session, keyed(of_lines, name.scope), scopes)}
    return frozenset(found & named)
