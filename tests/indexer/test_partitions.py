"""Tables in months on PostgreSQL: parts are there before they are needed, take their rows, and come and go whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, insert, inspect, select, text
from sqlalchemy import table as named

from indexer import past
from indexer.database import migrate, open_engine, writing
from indexer.digest import digest
from indexer.models import TABLES, Block, Unit
from indexer.partitions import PARTITIONED, first_second, make_parts, month_after, month_of, tell_planner
from indexer.store import Rows, table_of
from tests.indexer.helpers import dump, fetch, indexed, make_indexer
from tests.indexer.story import full_story
from tests.postgres import fresh_database

STORY = full_story()
BEFORE = "0008"
"""The version before the months."""
MAY_2026, YEAR_2100 = 1_777_600_000, 4_102_444_800


@pytest.fixture
def engine() -> Iterator[Engine]:
    with fresh_database(empty=True) as url:
        migrate(url)
        opened = open_engine(url)
        yield opened
        opened.dispose()


def parts(engine: Engine, table: str) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:t AS regclass) ORDER BY 1"), {"t": table}).scalars())


def block(number: int, timestamp: int) -> dict[str, object]:
    return {"number": number, "hash": f"0x{number:064x}", "parent_hash": f"0x{number - 1:064x}", "timestamp": timestamp,
            "receipts_root": "0x", "rlp": "0x"}


@given(st.integers(0, 253_370_764_799))
def test_month__of_any_time__holds_it_and_the_next_begins_where_it_ends(time_s: int) -> None:
    month = month_of(time_s)
    assert month is not None
    assert first_second(month) <= time_s < first_second(month_after(month))


@pytest.mark.parametrize("time_s", [-1, 253_370_764_800, 2**63 - 1])
def test_month__beyond_the_calendar__none(time_s: int) -> None:
    assert month_of(time_s) is None


def test_parts__every_table_with_a_time__is_in_the_models_with_that_column() -> None:
    names = {table.name: table for table in TABLES}
    assert all(time in names[table].c for table, time in PARTITIONED.items())


def test_parts__story_indexed__rows_in_their_month_and_the_next_is_ready(engine: Engine) -> None:
    make_indexer(STORY, STORY.chain(), engine).run_once()
    assert dump(engine) == dump(indexed(STORY))
    assert digest(engine) == digest(indexed(STORY))
    for table, time in PARTITIONED.items():
        assert parts(engine, table)[-1] == f"{table}_other" and len(parts(engine, table)) >= 3, table
        with engine.connect() as connection:
            months = {month_of(t) for t in connection.execute(text(f"SELECT DISTINCT {time} FROM {table}")).scalars()}
            assert connection.execute(text(f"SELECT count(*) FROM {table}_other")).scalar() == 0
        for month in months:
            assert month is not None
            for each in (month, month_after(month)):
                assert f"{table}_{each[0]:04d}_{each[1]:02d}" in parts(engine, table)


def test_parts__blocks_months_apart_and_one_of_no_month__each_in_its_part_and_again_in_place(engine: Engine) -> None:
    blocks = [block(1, MAY_2026), block(2, MAY_2026 + 86_400 * 70), block(3, YEAR_2100), block(4, 2**62)]
    for _ in range(2):  # the second time they are there
        with writing(engine) as connection:
            rows = Rows(connection)
            rows.at(0, 0)
            for one in blocks:
                rows.put(Block, one)
            rows.flush()
    assert parts(engine, "block") == [
        "block_2026_05", "block_2026_07", "block_2100_01", "block_2100_02", "block_other"]
    with engine.connect() as connection:
        assert [dict(row) for row in connection.execute(select(table_of(Block)).order_by(table_of(Block).c.number)).mappings()] == blocks
        assert connection.execute(text("SELECT number FROM block_other")).scalars().all() == [4]
        assert connection.execute(text("SELECT number FROM block_2100_01")).scalars().all() == [3]


def test_parts__detached_and_attached_again__rows_gone_and_back(engine: Engine) -> None:
    make_indexer(STORY, STORY.chain(), engine).run_once()
    whole = dump(engine)
    (month,) = [part for part in parts(engine, "payload") if not part.endswith("_other")][:1]
    with engine.begin() as connection:
        bound = connection.execute(text("SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = :n"), {"n": month}).scalar()
        connection.execute(text(f"ALTER TABLE payload DETACH PARTITION {month}"))
    assert dump(engine) != whole
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE payload ATTACH PARTITION {month} {bound}"))
    assert dump(engine) == whole


def test_make_parts__twice__once(engine: Engine) -> None:
    for _ in range(2):
        with writing(engine) as connection:
            make_parts(connection, "event", [MAY_2026])
    assert [part for part in parts(engine, "event") if "2026" in part] == ["event_2026_05", "event_2026_06"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_upgrade__index_of_the_version_before__every_row_there_with_its_time(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filled = indexed(STORY)
    with fresh_database(empty=True) as url:
        engine = open_engine(url if kind == "postgresql" else "sqlite://")
        config = Config()
        config.set_main_option("script_location", "indexer:migrations")
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            monkeypatch.setattr("indexer.views.VIEWS", ())  # they are of the version now
            command.upgrade(config, BEFORE)
            monkeypatch.undo()
        with filled.connect() as source, engine.begin() as target:
            there = {name: {column["name"] for column in inspect(target).get_columns(name)} for name in inspect(target).get_table_names()}
            for known in TABLES:
                columns = [column for column in known.columns if column.name in there.get(known.name, ())]
                rows = [dict(row) for row in source.execute(select(*columns)).mappings()] if columns else []
                if rows:
                    target.execute(insert(named(known.name, *[column._copy() for column in columns])), rows)
        migrate(engine)
        for known in TABLES:
            if known.name in there:  # what came later begins empty
                whole = select(known).order_by(*known.primary_key)
                with filled.connect() as source, engine.connect() as target:
                    before, after = source.execute(whole).all(), target.execute(whole).all()
                    if known.name == "cursor":  # its last column; of the version before nobody knows what payloads ask
                        assert [row[-1] for row in after] == [""]
                        before, after = ([row[:-1] for row in rows] for rows in (before, after))
                    assert after == before, known.name
        engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_upgrade__journal_in_another_order__every_before_image_there_and_questions_about_the_past_answered(kind: str) -> None:
    with fresh_database(empty=True) as url:
        engine = open_engine(url if kind == "postgresql" else "sqlite://")
        migrate(engine)
        make_indexer(STORY, STORY.chain(), engine).run_once()
        journal = "SELECT of_table, key, place, before FROM row_before ORDER BY of_table, key, place"
        before, then = fetch(engine, journal), known_units(engine)
        config = Config()
        config.set_main_option("script_location", "indexer:migrations")
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "0013")
            assert keys(connection) == ["of_table", "key", "place"]
        assert fetch(engine, journal) == before
        migrate(engine)
        with engine.connect() as connection:
            assert keys(connection) == ["place", "of_table", "key"]
            assert {"ix_row_before_names", "ix_row_before_row"} == {i["name"] for i in inspect(connection).get_indexes("row_before")}
        assert len(before) > 50 and fetch(engine, journal) == before
        assert known_units(engine) == then
        engine.dispose()


def keys(connection: Connection) -> list[str]:
    return list(inspect(connection).get_pk_constraint("row_before")["constrained_columns"])


def known_units(engine: Engine) -> list[list[str]]:
    """The units as known at each block."""
    found = []
    (head,), = fetch(engine, "SELECT block_number FROM cursor")
    for number in range(1, head + 1):
        with past.session(engine, known_at=number) as session:
            found.append(sorted(str(row) for row in session.execute(select(table_of(Unit))).all()))
    return found


def test_tell_planner__grown_by_half__server_has_looked_and_not_again_before_as_much_is_new(
        engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(table: str) -> int:
        with engine.connect() as connection:
            return int(connection.execute(text(
                "SELECT reltuples FROM pg_class WHERE oid = CAST(:t AS regclass)"), {"t": table}).scalar_one())

    make_indexer(STORY, STORY.chain(), engine).run_once()
    assert seen("event") == -1 and not tell_planner(engine)  # too few to matter
    monkeypatch.setattr("indexer.partitions.PLANNED_EVENTS_MIN", 10)
    assert tell_planner(engine)
    with engine.connect() as connection:
        events = connection.execute(text("SELECT count(*) FROM event")).scalar_one()
        lines = connection.execute(text("SELECT count(*) FROM event_line")).scalar_one()
    assert (seen("event"), seen("event_line")) == (events, lines) and not tell_planner(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE event SET seq = seq + :n"), {"n": 2 * events})
    assert tell_planner(engine)


def test_run__on_a_server__planner_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.partitions.PLANNED_EVENTS_MIN", 10)
    make_indexer(STORY, STORY.chain(), engine).run_once()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT reltuples FROM pg_class WHERE relname = 'event'")).scalar_one() > 10
