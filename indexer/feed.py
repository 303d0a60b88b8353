"""The change feed: every change of a row, in the order of commits, for whoever keeps something in step.

A position is given to each change, from 1, without gap and never twice; a roll-back appends changes and
rewrites none. A consumer keeps its cursor in the transaction of its own work and then has done the work of
each change exactly once, however it ends. The feed tells *that* a row changed: its values are read from the
tables, under the same rules as every other question. docs/feed.md is the contract.

Not everything is kept for ever: `trim` drops the oldest changes beyond a bound. Who asks for those, or with a
cursor of another index (one that was deleted and rebuilt), is told so and begins anew from the tables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from indexer.database import writing
from indexer.journal import KINDS, HistoryStart, RowChange, changes_in, table_of
from indexer.lookups import Reader, readable, visible_units
from indexer.models import (
    Block,
    CountEntry,
    DeclarationLine,
    Event,
    LineState,
    Lot,
    LotLoaded,
    Norm,
    Payload,
    PayloadReader,
    Reading,
    Unit,
    UnitName,
)
from ledger.errors import ConflictError, InputError
from ledger.limits import DEFAULT_LIMITS

PAGE_MAX = DEFAULT_LIMITS.page_rows_max
"""Positions looked at for one page."""

_SLACK = 100
_START = "start"
_CURSOR = re.compile(r"([0-9a-f]{16})\.(\d{1,18})")
_OF_EVENTS = frozenset(table_of(m).name for m in (
    Event, Payload, DeclarationLine, Norm, CountEntry, Reading))
_OF_UNITS = frozenset(table_of(m).name for m in (Unit, UnitName, Lot, LotLoaded, LineState))
_READERS, _BLOCKS = table_of(PayloadReader).name, table_of(Block).name


class FeedLostError(ConflictError):
    """The feed has not what comes after this cursor: too old, or of an index that is no more."""

    code = "CL-INPUT-030"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one row.

    Attributes:
        position: its place in the feed.
        block_number: the block that it is about; after a roll-back the last block that stayed.
        table, key: which row; the key's columns in their order.
        kind: insert, update or delete.
    """

    position: int
    block_number: int
    table: str
    key: tuple[Any, ...]
    kind: str

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"position": self.position, "block": self.block_number, "table": self.table,
                "key": list(self.key), "kind": self.kind}


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Changes in order; `cursor` is to be kept with the work that they cause, `more` says whether there are.

    Changes that the reader may not see are left out, so that a page may be empty and yet move the cursor.
    """

    changes: list[Change]
    cursor: str
    more: bool

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"changes": [change.to_json() for change in self.changes], "cursor": self.cursor,
                "more": self.more}


def changes_after(session: Session, reader: Reader, cursor: str | None, *, limit: int = PAGE_MAX) -> FeedPage:
    """The changes after a cursor.

    Args:
        reader: sees changes of events that it may read, of units that it may see, its rights to read, blocks.
        cursor: of an earlier page; None for the oldest change that is kept, `now` for what comes next,
            `start` for the first change of all. That is the cursor of an index without any block yet: what
            was asked before anything was there misses nothing of what came since.
        limit: positions looked at.

    Raises:
        InputError: not a cursor of ours.
        FeedLostError: the feed does not reach back so far, or is another's.
    """
    if not 0 < limit <= PAGE_MAX:
        raise InputError(f"a page has 1 to {PAGE_MAX} changes.", pointer="/limit")
    feed = session.exec(select(HistoryStart.feed)).first()
    if feed is None:
        _position(cursor, "", 1, 0)
        return FeedPage([], _START if cursor is None or cursor == "now" else cursor, more=False)
    head = int(session.exec(select(func.max(RowChange.last))).one() or 0)
    after = _position(cursor, feed, _first(session.connection()), head)
    found: list[Change] = []
    entries = select(RowChange).where(col(RowChange.last) > after).order_by(col(RowChange.last))
    for entry in session.exec(entries.limit(limit)):
        found += (change for change in _opened(entry) if change.position > after)
        if len(found) >= limit:
            break
    del found[limit:]
    if (found[0].position if found else head + 1) != after + 1:  # trimmed between the two questions
        raise _lost()
    here = found[-1].position if found else after
    return FeedPage(visible(session, reader, found), f"{feed}.{here}", more=here < head)


def visible(session: Session, reader: Reader, changes: Sequence[Change]) -> list[Change]:
    """Those of the changes that a reader may see, as it may read events and see units now.

    Of what a roll-back took nobody can tell any more who could read it. Who does not see everything is told
    the blocks that went, which is all it needs: its events carry their block.
    """
    if reader.everything:
        return list(changes)
    events = sorted({str(change.key[0]) for change in changes if change.table in _OF_EVENTS})
    units = {str(change.key[0]) for change in changes if change.table in _OF_UNITS}
    allowed = set(session.exec(
        select(Event.event_id).where(col(Event.event_id).in_(events), readable(reader)))) if events else set()
    seen = visible_units(session, units, reader)
    return [change for change in changes if change.table == _BLOCKS
            or (change.table in _OF_EVENTS and change.key[0] in allowed)
            or (change.table in _OF_UNITS and change.key[0] in seen)
            or (change.table == _READERS and change.key[1] == reader.participant)]


def trim(engine: Engine, kept: int, *, from_block: int | None = None) -> int:
    """Drop the oldest entries, if there are clearly more changes than wanted (one in a hundred, so that not
    every block costs a deletion).

    Args:
        kept: changes that stay at least.
        from_block: all changes since the first one of this block or a later one stay as well: a roll-back
            may need them.

    Returns:
        How many changes went.
    """
    changes = table_of(RowChange)
    with engine.connect() as connection:
        # two questions: SQLite looks through the whole table for one that asks for both
        oldest = connection.execute(select_columns(func.min(changes.c.last))).scalar()
        head = connection.execute(select_columns(func.max(changes.c.last))).scalar()
    if oldest is None or head is None or head - oldest <= kept + kept // _SLACK:
        return 0
    with writing(engine) as connection:
        upto = int(head) - kept
        if from_block is not None:
            needed = connection.execute(
                select_columns(func.min(changes.c.last)).where(changes.c.block_number >= from_block)).scalar()
            upto = upto if needed is None else min(upto, int(needed) - 1)
        before = _first(connection)
        connection.execute(delete(changes).where(changes.c.last <= upto))
        return _first(connection) - before


def _first(connection: Connection) -> int:
    """Position of the oldest change that is kept; 1 before there is any."""
    changes = table_of(RowChange)
    found = connection.execute(
        select_columns(changes.c.last, changes.c.body).order_by(changes.c.last).limit(1)).first()
    return 1 if found is None else int(found.last) - len(changes_in(found.body)) + 1


def _position(cursor: str | None, feed: str, first: int, head: int) -> int:
    """The position that a cursor names. Without a feed yet nothing is lost: it may only not be there yet."""
    if cursor is None:
        return first - 1
    if cursor == "now":
        return head
    if cursor == _START:
        if first > 1:
            raise _lost()
        return 0
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InputError("this is no cursor of the feed.",
                         remedy="Give one that an answer had, or none to begin.", pointer="/after")
    position = int(match[2])
    if feed and (match[1] != feed or not first - 1 <= position <= head):
        raise _lost()
    return position


def _lost() -> FeedLostError:
    return FeedLostError(
        "the feed does not have what comes after this cursor: it is too old, or of an index that is no more.",
        remedy="Ask after `now`, keep that cursor, read what you need afresh, and go on after it.",
        pointer="/after")


def _opened(entry: RowChange) -> list[Change]:
    said = changes_in(entry.body)
    start = entry.last - len(said) + 1
    return [Change(start + place, entry.block_number, table, tuple(key), KINDS[kind])
            for place, (table, kind, *key) in enumerate(said)]
