"""How far back the index remembers its rows: before-images of long ago are drawn together, bounded in a run.

What stays answers every later question unchanged: *as known at* each block from the bound on, and *as
of* each time from `HistoryStart.as_of_ms` on, when all that the drawn-together changes did had occurred.
For a row that changes with events (`BY_EVENT`) its changes up to the bound become one, which made it as
it then was; rows that change with blocks need none. Names are kept: by them payloads are read in any
order. What customs voids of an act from before the bound can no longer be taken out of an *as of*
answer: it stays the last word.

The clock is the chain's: age is counted from the head's time, so that a rebuild remembers as far.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, delete, func, select, update

from indexer.database import writing
from indexer.journal import BY_BLOCK, BY_EVENT, NAMES, HistoryStart, RowBefore, table_of
from indexer.models import Block, Cursor, Event

DAY_S = 86_400
BLOCKS_MAX = 20_000  # whose before-images go in one run: 100,000 events or so, some seconds
_SLACK = 100         # a step is worth it once a hundredth of what is kept is too old


def trim_history(engine: Engine, days: int, *, keep_from: int | None = None) -> int:
    """Draw together what is older than a number of days, if there is enough of it.

    Args:
        days: kept; 0 for ever.
        keep_from: everything since this block stays whatever its age: a roll-back may need it.

    Returns:
        How many before-images went.
    """
    if days == 0:
        return 0
    blocks, starts, cursors = table_of(Block), table_of(HistoryStart), table_of(Cursor)
    with engine.connect() as connection:
        since = connection.execute(select(starts.c.block_number)).scalar()
        head = connection.execute(select(cursors.c.block_number)).scalar()
        if since is None or head is None:
            return 0
        newest = _time(connection, head) - days * DAY_S
        if newest - _time(connection, max(int(since), _first(connection))) < days * DAY_S // _SLACK:
            return 0
        upto = connection.execute(select(func.max(blocks.c.number)).where(
            blocks.c.timestamp < newest, blocks.c.number <= since + BLOCKS_MAX)).scalar()
        if upto is None:
            return 0
        upto = int(upto) if keep_from is None else min(int(upto), keep_from - 1)
        if upto <= since:
            return 0
    with writing(engine) as connection:
        return _draw_together(connection, upto)


def _draw_together(connection: Connection, upto: int) -> int:
    befores, events, starts = table_of(RowBefore), table_of(Event), table_of(HistoryStart)
    known = events.c.block_number <= upto
    seq = int(connection.execute(select(func.max(events.c.seq)).where(known)).scalar() or 0)
    gone = connection.execute(delete(befores).where(
        befores.c.of_table.in_(sorted(BY_BLOCK)), befores.c.place <= upto)).rowcount
    later = befores.alias("later")
    old = befores.c.of_table.in_(sorted(BY_EVENT - NAMES)) & (befores.c.place <= seq)
    gone += connection.execute(delete(befores).where(old, select(later.c.place).where(
        later.c.of_table == befores.c.of_table, later.c.key == befores.c.key,
        later.c.place > befores.c.place, later.c.place <= seq).exists())).rowcount
    connection.execute(update(befores).where(old).values(before=None))
    # a refused act changed nothing, so the time that it states bounds nothing
    occurred = connection.execute(select(func.max(events.c.occurred_at_ms)).where(
        known, events.c.outcome < 100)).scalar()
    start = connection.execute(select(starts.c.block_number, starts.c.as_of_ms)).one()
    as_of_ms: int | None = max(int(occurred or 0), _time(connection, upto) * 1000, int(start.as_of_ms or 0))
    if start.block_number >= 0 and start.as_of_ms is None:
        as_of_ms = None  # begun by a version that kept none of it: there is no answer as of a time
    connection.execute(update(starts).values(block_number=upto, as_of_ms=as_of_ms))
    return int(gone)


def _time(connection: Connection, number: int) -> int:
    blocks = table_of(Block)
    return int(connection.execute(select(blocks.c.timestamp).where(blocks.c.number == number)).scalar() or 0)


def _first(connection: Connection) -> int:
    return int(connection.execute(select(func.min(table_of(Block).c.number))).scalar() or 0)


def remembered_where(stored: Connection, recomputed: Engine) -> list[Any]:
    """Which before-images an index must have; those recomputed beside it are drawn together as its own are.

    What `HistoryStart` says is believed only so far: an index that claims to remember less than it does has
    rows too many.
    """
    befores, events, start = table_of(RowBefore), table_of(Event), stored.execute(
        select(table_of(HistoryStart))).first()
    if start is None or start.block_number < 0:
        return []
    with recomputed.begin() as connection:
        if start.as_of_ms is not None:
            _draw_together(connection, start.block_number)
            return []
        seq = connection.execute(select(func.max(events.c.seq)).where(
            events.c.block_number <= start.block_number)).scalar() or 0
    by_block = befores.c.of_table.in_(sorted(BY_BLOCK)) & (befores.c.place > start.block_number)
    return [by_block | (befores.c.of_table.in_(sorted(BY_EVENT)) & (befores.c.place > seq))]
