"""Audit, healing and rebuild of an index on PostgreSQL, with the real server: what is promised of SQLite holds there too."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Boolean, Engine, Integer, Numeric, Table, and_, delete, insert, select, text, update
from sqlalchemy import table as named

from indexer.audit import DIFFERENCES, SOUND, audit, compare, recomputed
from indexer.columns import U64
from indexer.database import open_engine
from indexer.digest import digest
from indexer.export import PROJECTION
from indexer.indexer import Indexer
from indexer.journal import RowBefore
from indexer.partitions import PARTITIONED
from indexer.rebuild import rebuild_in_place, rebuild_into
from indexer.store import table_of
from ledger.errors import InputError
from tests.indexer.helpers import dump, fetch, indexed, make_indexer
from tests.indexer.story import full_story
from tests.postgres import fresh_database

DEEP = os.environ.get("CARGOLEDGER_TEST_PROFILE") == "deep"
STORY = full_story()
CHAIN = STORY.chain([1, 2])
COLUMNS_MAX = max(len(table.columns) for table in PROJECTION)


@pytest.fixture
def index() -> Iterator[Indexer]:
    with fresh_database() as url:
        engine = open_engine(url)
        made = make_indexer(STORY, CHAIN, engine)
        made.run_once()
        yield made
        engine.dispose()


@pytest.fixture(scope="module")
def fresh() -> Iterator[Indexer]:
    with recomputed(make_indexer(STORY, CHAIN, indexed(STORY, [1, 2])), lambda *_: None) as found:
        yield found


def spoil(engine: Engine, *statements: Any) -> None:
    """Write cells as somebody would who owns the database."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # no foreign keys
        connection.execute(text("DROP INDEX IF EXISTS uq_event_log"))
        for statement in statements:
            assert connection.execute(statement).rowcount in (1, -1), statement  # -1: inserted


def rows_of(engine: Engine, table: Table) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]


def key_of(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {column.name: row[column.name] for column in table.primary_key.columns}


def is_row(table: Table, row: dict[str, Any]) -> Any:
    return and_(*(table.c[name] == value for name, value in key_of(table, row).items()))


def other(column: Any, value: Any) -> Any:
    if isinstance(column.type, Boolean):
        return not value
    if isinstance(column.type, Integer | U64 | Numeric) or isinstance(value, int | Decimal):
        return (value or 0) + (1007 if (value or 0) < 2**62 else -1007)
    return "x" if value is None else str(value)[:-1] + ("0" if str(value)[-1:] != "0" else "1")


def healed_whole(index: Indexer, fresh: Indexer, healed: int) -> None:
    """All that was found is gone and on record, and the bytes are those of an index on SQLite never touched."""
    after = compare(index, fresh)
    assert (after.verdict, after.findings) == (SOUND, [])
    assert dump(index.engine) == dump(fresh.engine)
    assert len(fetch(index.engine, "SELECT id FROM repair WHERE proof LIKE '{%'")) == healed > 0


def test_audit__index_as_it_should_be__sound_and_all_rows_counted(index: Indexer) -> None:
    report = audit(index)
    assert (report.verdict, report.findings) == (SOUND, [])
    assert report.rows == {table.name: len(rows_of(index.engine, table)) for table in (*PROJECTION, table_of(RowBefore))}


def test_row_before__changed_deleted_and_added__found_and_healed(index: Indexer, fresh: Indexer) -> None:
    table = table_of(RowBefore)
    rows = rows_of(index.engine, table)
    spoil(index.engine, update(table).where(is_row(table, rows[0])).values(before="{}"),
          delete(table).where(is_row(table, rows[-1])), insert(table).values({**rows[4], "place": 10**6}))
    report = compare(index, fresh, repair=True)
    assert [f.difference.table.name for f in report.findings] == ["row_before"] * 3
    assert rows_of(index.engine, table) == rows
    healed_whole(index, fresh, 3)


@pytest.mark.parametrize("place", range(COLUMNS_MAX) if DEEP else (0, 1, 5))
def test_column__of_every_table_changed__found_named_and_healed(index: Indexer, fresh: Indexer, place: int) -> None:
    wanted = {}
    for table in PROJECTION:
        rows = rows_of(index.engine, table)
        if place >= len(table.columns):
            continue
        column, row = list(table.columns)[place], rows[place % len(rows)]
        value = other(column, row[column.name])
        spoil(index.engine, update(table).where(is_row(table, row)).values({column.name: value}))
        wanted[table.name] = (column.name, key_of(table, row), key_of(table, {**row, column.name: value}))
    report = compare(index, fresh, repair=True, unproven_too=True, now_s=5)
    found = {(f.difference.table.name, json.dumps(f.difference.key, default=str)): f.difference.columns for f in report.findings}
    for name, (column_name, *keys) in wanted.items():
        columns = next(found[name, said] for key in keys if (name, said := json.dumps(key, default=str)) in found)
        assert column_name in columns, f"{name}.{column_name} changed, and not found"
    assert report.verdict == DIFFERENCES
    healed_whole(index, fresh, report.healed)


def test_rows__deleted_added_and_swapped_in_every_table__named_and_healed(index: Indexer, fresh: Indexer) -> None:
    expected = {}
    for table in PROJECTION:
        rows = rows_of(index.engine, table)
        if len(rows) < 3:
            continue
        extra = {c.name: other(c, rows[0][c.name]) if c.primary_key or c.unique else rows[0][c.name] for c in table.columns}
        spoil(index.engine, delete(table).where(is_row(table, rows[-1])), insert(table).values(extra))
        expected[table.name] = {json.dumps(key_of(table, row), default=str) for row in (rows[-1], extra)}
    assert len(expected) > 12
    report = compare(index, fresh, repair=True, unproven_too=True)
    for name, keys in expected.items():
        assert {json.dumps(f.difference.key, default=str) for f in report.findings if f.difference.table.name == name} == keys
    healed_whole(index, fresh, report.healed)


def test_places__of_two_events_exchanged__reordered_and_healed(index: Indexer, fresh: Indexer) -> None:
    events = named("event", *(column._copy() for column in PROJECTION[[t.name for t in PROJECTION].index("event")].columns))
    spoil(index.engine, *(update(events).where(events.c.seq == was).values(seq=now) for was, now in ((3, -1), (4, 3), (-1, 4))))
    report = compare(index, fresh, repair=True)
    assert {(f.difference.table.name, f.kind) for f in report.findings} == {("event", "reordered")}
    healed_whole(index, fresh, report.healed)


def test_rows__put_twice_into_parts_of_other_months__found_and_healed(index: Indexer, fresh: Indexer) -> None:
    """Across parts the server holds no key: the same event again, a year later."""
    tables = [table for table in PROJECTION if table.name in PARTITIONED]
    for table in tables:
        row, time = rows_of(index.engine, table)[-1], PARTITIONED[table.name]
        spoil(index.engine, insert(table).values({**row, time: row[time] + 366 * 86_400}))
    report = compare(index, fresh, repair=True, unproven_too=True)
    assert {f.difference.table.name for f in report.findings} == {table.name for table in tables}
    healed_whole(index, fresh, report.healed)


def test_rebuild__into_another_database__equal_bytes_and_not_in_place(index: Indexer) -> None:
    spoil(index.engine, text("UPDATE unit SET custodian = 99 WHERE unit = (SELECT min(unit) FROM unit)"))
    expected = dump(indexed(STORY, [1, 2]))
    assert dump(index.engine) != expected
    with fresh_database() as url:
        other_engine = open_engine(url)
        rebuild_into(index, other_engine)
        assert dump(other_engine) == expected
        assert digest(other_engine) == digest(indexed(STORY, [3]))
        other_engine.dispose()
    with pytest.raises(InputError, match="--into"):
        rebuild_in_place(index)
