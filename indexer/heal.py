"""Rows put right from what was recomputed, a group in a transaction together with what was there before.

Killed at any moment, a group is either as it was or right and on record; the next audit finds what is left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Connection, Engine, Table, and_, delete, func, insert, select, tuple_, update

from indexer.bulk import upsert
from indexer.compare import Difference
from indexer.database import writing
from indexer.export import KEPT_APART
from indexer.journal import DELETE, ELSEWHERE, INSERT, SHAPES, UNTOLD, UPDATE, write_feed
from indexer.models import Repair
from indexer.partitions import PARTITIONED
from indexer.store import table_of
from ledger.errors import InvariantError

HEAL_TOGETHER = 200  # rows in one transaction


def heal(
    engine: Engine, recomputed: Connection, group: Sequence[tuple[Difference, str, dict[str, Any]]],
    block_number: int, now_s: int,
) -> None:
    """Put a group of rows of one table right. The caller holds the writer's lock.

    Args:
        engine: the index.
        recomputed: reads the scratch database.
        group: what differs, its kind, its proof.
        block_number: up to which block was recomputed.
        now_s: the clock, for the record.

    Raises:
        InvariantError: the recomputed row is gone: the scratch database was touched.
    """
    table = group[0][0].table
    right = [(found, _right(recomputed, found)) for found, _, _ in group]
    with _writing(engine) as connection:
        # in another part of a table a row would not be replaced but stand there twice
        apart = engine.dialect.name != "sqlite" and table.name in PARTITIONED
        gone = [found.key for found, row in right
                if apart or row is None or _key_of(table, row) != found.key]
        for key in gone:
            connection.execute(delete(table).where(_is(table, key)))
        wanted = [row for _, row in right if row is not None]
        _make_room(connection, table, wanted)
        upsert(connection, table, wanted)  # that a row was wrong is no version of it
        if table.name in SHAPES and table.name not in UNTOLD | ELSEWHERE:
            write_feed(connection, [(block_number, [
                *((table.name, DELETE, _told_key(key)) for key in gone),
                *((table.name, INSERT if found.stored is None or found.key in gone else UPDATE,
                   _told_key(_key_of(table, row))) for found, row in right if row is not None)])])
        _record(connection, group, block_number, now_s)


def _right(source: Connection, found: Difference) -> dict[str, Any] | None:
    """The row as it should be, typed; None where there should be none.

    Of a row too many there may be one with its key nevertheless: in parts by month (PostgreSQL) a key can
    stand in two of them, and both go before the right one is written.
    """
    if found.table.name in KEPT_APART:
        return found.recomputed
    key = found.key if found.recomputed is None else _key_of(found.table, found.recomputed)
    if any(value is None or isinstance(value, bytes) for value in key.values()):
        return None  # no key at all: somebody forced it into the cell
    typed = source.execute(select(found.table).where(_is(found.table, key))).mappings().first()
    if typed is None and found.recomputed is None:
        return None
    if typed is None:
        raise InvariantError(f"the recomputed row {found.key} of {found.table.name} is gone.")
    return dict(typed)


def _make_room(connection: Connection, table: Table, wanted: Sequence[dict[str, Any]]) -> None:
    """Move values that may stand once only out of rows that wrongly have those we need.

    Such a row is wrong itself, and is put right in this group or a later one, or by the next audit.
    """
    keys = table.primary_key.columns
    for column in table.columns:
        if not column.unique or not wanted:
            continue
        values = [row[column.name] for row in wanted]
        number = isinstance(values[0], int)
        held = select(*keys).where(column.in_(values))  # the rows to be written too: they may swap
        lowest = connection.execute(select(func.min(column))).scalar() if number else None
        for place, row in enumerate(connection.execute(held).mappings().all()):
            parked = min(0, int(lowest or 0)) - 1 - place if number else f"parked {list(row.values())}"
            connection.execute(update(table).where(_is(table, row)).values({column.name: parked}))
    for index in table.indexes:
        if index.unique and len(index.columns) > 1 and wanted:
            _make_room_in(connection, table, list(index.columns), wanted)


def _make_room_in(connection: Connection, table: Table, columns: list[Column[Any]],
                  wanted: Sequence[dict[str, Any]]) -> None:
    """The same for values that may stand together only once; the last of the columns is a number."""
    last, values = columns[-1], [tuple(row[column.name] for column in columns) for row in wanted]
    lowest = connection.execute(select(func.min(last))).scalar()
    held = select(*table.primary_key.columns).where(tuple_(*columns).in_(values))
    for place, row in enumerate(connection.execute(held).mappings().all()):
        connection.execute(update(table).where(_is(table, row)).values(
            {last.name: min(0, int(lowest or 0)) - 1 - place}))


def _record(connection: Connection, group: Sequence[tuple[Difference, str, dict[str, Any]]],
            block_number: int, now_s: int) -> None:
    table = table_of(Repair)
    last = connection.execute(select(func.max(table.c.id))).scalar() or 0
    connection.execute(insert(table), [{
        "id": last + 1 + place, "made_at_s": now_s, "block_number": block_number,
        "table_name": found.table.name, "row_key": _json(found.key), "kind": kind,
        "stored": None if found.stored is None else _json(found.stored),
        "recomputed": None if found.recomputed is None else _json(found.recomputed), "proof": _json(proof),
    } for place, (found, kind, proof) in enumerate(group)])


@contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that lets rows stand without those that they refer to until all are put right (SQLite).

    PostgreSQL never loses a row that others refer to, so there is nothing to let pass.
    """
    if engine.dialect.name != "sqlite":
        with writing(engine) as connection:
            yield connection
        return
    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
        finally:
            raw.execute("PRAGMA foreign_keys=ON")


def _is(table: Table, key: Any) -> Any:
    return and_(*(table.c[name] == value for name, value in key.items()))


def _key_of(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {column.name: row[column.name] for column in table.primary_key.columns}


def _told_key(key: dict[str, Any]) -> tuple[Any, ...]:
    """A key for the feed; what no key can be, as text."""
    return tuple(value if isinstance(value, int | str) else str(value) for value in key.values())


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, Decimal) else repr(value)
