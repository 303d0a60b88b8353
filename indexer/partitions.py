"""Tables that grow for ever, in one part a month on PostgreSQL (ADR 22); SQLite has them whole.

The month is that of the block's time, in UTC. Parts are made when the first row of a month comes, and the
month after the last with them, so that one is there before it is needed; each is made apart and attached,
which stops no reader. A part `.._other` holds what no calendar has. A key across parts is unique because one
writer at a time looks for it before it writes (`project`, `database.writing`) and the audit counts it; inside
a part the engine holds it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from sqlalchemy import Connection, Engine, text

PARTITIONED: Mapping[str, str] = MappingProxyType({
    "block": "timestamp", "event": "recorded_at_s", "event_line": "recorded_at_s",
    "payload": "recorded_at_s", "unit_state": "recorded_at_s", "not_taken": "recorded_at_s",
})
"""Table to the column with the time of its block, in seconds since 1970 UTC."""

PLANNED_EVENTS_MIN = 5_000
"""Below, every plan is good enough."""

_YEAR_9999_S = 253_370_764_800  # from here on a row has no month


def month_of(time_s: int) -> tuple[int, int] | None:
    """Year and month, or None for a time that has none."""
    if not 0 <= time_s < _YEAR_9999_S:
        return None
    at = datetime.fromtimestamp(time_s, UTC)
    return at.year, at.month


def month_after(month: tuple[int, int]) -> tuple[int, int]:
    """The next one."""
    year, number = month
    return (year + 1, 1) if number == 12 else (year, number + 1)


def first_second(month: tuple[int, int]) -> int:
    """Of a month, in seconds since 1970 UTC."""
    return int(datetime(*month, 1, tzinfo=UTC).timestamp())


def make_parts(connection: Connection, table: str, times_s: Iterable[int]) -> None:
    """Make the parts for rows of these times, and of the month after the last, where they are missing."""
    months = {month for time_s in set(times_s) if (month := month_of(time_s)) is not None}
    if not months:
        return
    wanted = sorted({*months, month_after(max(months))})
    for month in wanted:
        name = f"{table}_{month[0]:04d}_{month[1]:02d}"
        if connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is not None:
            continue
        connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)"))
        connection.execute(text(
            f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES"
            f" FROM ({first_second(month)}) TO ({first_second(month_after(month))})"))


def tell_planner(engine: Engine) -> bool:
    """Have the server look at the tables in months where they have grown by half since it last did.

    Autovacuum looks at parts alone. Of a whole that nobody looked at the server thinks that it is small: a
    trace in a hundred thousand lots took twice as long. Once half as much again is there, so seldom.

    Returns:
        Whether it did.
    """
    if engine.dialect.name != "postgresql":
        return False
    with engine.connect() as connection:
        seen, events = connection.execute(text(
            "SELECT (SELECT reltuples FROM pg_class WHERE oid = CAST('event' AS regclass)),"
            " (SELECT max(seq) FROM event)")).one()
        if (events or 0) < PLANNED_EVENTS_MIN or 2 * events <= 3 * int(seen):
            return False
        for table in PARTITIONED:
            connection.execute(text(f"ANALYZE {table}"))
        connection.commit()
    return True
