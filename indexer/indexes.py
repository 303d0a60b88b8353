"""Indexes that only speed up questions: left out while an empty index is filled, made when that ends.

Ids are spread evenly, so each row of a large table costs a page in each index; made at once they are sorted
first. What keeps a row from being there twice is never left out. An index that is missing makes a question
slow and never wrong; which ones are missing the database itself says. So whoever writes makes them when its
run ends, however it ends, and a run after a kill makes what that one left out. On PostgreSQL readers go on
reading while they are made; dropping them takes the tables for one short transaction, and where somebody has
an empty index open for longer it goes without.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, Index, text
from sqlalchemy.exc import DBAPIError

from indexer.database import writing
from indexer.journal import RowBefore, table_of
from indexer.models import Event, EventLine, Lot, Payload, Unit

_TABLES = tuple(table_of(model) for model in (
    Event, EventLine, Payload, Unit, Lot, RowBefore))
"""The tables whose indexes cost most of a backfill."""
_NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
    "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()",
}
_WAIT_S = 2            # for readers to be done with a table that has nothing in it
_NOT_NOW = "55P03"     # SQLSTATE: the lock was not to be had in that time


def left_out() -> tuple[Index, ...]:
    """The indexes of which this is about."""
    return tuple(sorted((index for table in _TABLES for index in table.indexes if not index.unique),
                        key=lambda index: str(index.name)))


def leave_out(connection: Connection) -> None:
    """Drop them, in the transaction that writes the first rows."""
    if connection.dialect.name == "sqlite":
        _drop(connection)
        return
    before = connection.execute(text("SELECT current_setting('lock_timeout')")).scalar()
    try:
        with connection.begin_nested():
            connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_S}s'"))
            _drop(connection)
    except DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) != _NOT_NOW:
            raise
    connection.execute(text("SELECT set_config('lock_timeout', :before, true)"), {"before": before})


def _drop(connection: Connection) -> None:
    for index in left_out():
        index.drop(connection, checkfirst=True)


def make_missing(engine: Engine) -> list[str]:
    """Make those that are missing, in one transaction; their names."""
    with engine.connect() as connection:
        if not _missing(connection):
            return []
    with writing(engine) as connection:
        missing = _missing(connection)
        for index in missing:
            index.create(connection)
        return [str(index.name) for index in missing]


def _missing(connection: Connection) -> list[Index]:
    there = set(connection.execute(text(_NAMES[connection.dialect.name])).scalars())
    return [index for index in left_out() if index.name not in there]
