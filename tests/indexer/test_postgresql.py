"""The index on PostgreSQL: the same bytes as on SQLite, however rows are written; two writers; a server that is wrong.

What every store must do is in the other modules, which run on PostgreSQL too (`conftest`). Crashes: tests/fault.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

import indexer.bulk as bulk
import indexer.indexer as indexer_module
import indexer.indexes as indexes_module
import indexer.opening as opening_module
from indexer.database import database_faults, migrate, open_engine, writer_lock, writing
from indexer.digest import digest
from indexer.faults import IndexAwayError, IndexBusyError
from indexer.feed import FeedLostError, changes_after
from indexer.journal import RowBefore
from indexer.lookups import HOLDER
from indexer.models import TABLES, Cursor, LotLoaded, UnitName, UnitState
from indexer.store import Rows, table_of
from ledger.errors import InputError, InvariantError
from tests.indexer.helpers import dump, indexed, make_indexer
from tests.indexer.story import full_story
from tests.postgres import fresh_database, shared_server

STORY = full_story()


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_database() as made:
        yield made


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_engine(url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def on_sqlite() -> Engine:
    return indexed(STORY)


@pytest.mark.parametrize("copy_rows_min", [1, 10**9], ids=["all by COPY", "none by COPY"])
def test_export__same_chain_on_both__equal_bytes(
    engine: Engine, on_sqlite: Engine, monkeypatch: pytest.MonkeyPatch, copy_rows_min: int,
) -> None:
    monkeypatch.setattr(bulk, "COPY_ROWS_MIN", copy_rows_min)
    monkeypatch.setattr(indexer_module, "BLOCKS_MAX", 5)
    monkeypatch.setattr(opening_module, "CHUNK", 4)
    copies = []
    event.listen(engine, "before_cursor_execute", lambda *a: copies.append(a[2]) if "incoming_" in a[2] else None)
    make_indexer(STORY, STORY.chain(), engine).run_once()
    assert bool(copies) is (copy_rows_min == 1)
    assert dump(engine) == dump(on_sqlite)
    assert digest(engine) == digest(on_sqlite)


def test_append__row_that_somebody_put_there__written_over_and_in_the_journal_refused(engine: Engine) -> None:
    states, befores = table_of(UnitState), table_of(RowBefore)
    rows = [(f"0x{i:03d}", i, "0xe", "LOT", "NONE", True, 0, 1, 2, 0, 1_767_225_600) for i in range(60)]
    images = [("unit", f"0x{i:03d}", i, None) for i in range(60)]
    with writing(engine) as connection:
        bulk.append(connection, states, [(*rows[7][:3], "CARGO", *rows[7][4:])])
        bulk.append(connection, befores, [images[7]])
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    with writing(engine) as connection:
        bulk.append(connection, states, rows)
    assert any("incoming_" in statement for statement in statements), "the way of rows that are there"
    with engine.connect() as connection:
        found = connection.execute(select(states).order_by(states.c.seq)).all()
    assert [tuple(row) for row in found] == rows
    with pytest.raises(IntegrityError), writing(engine) as connection:
        bulk.append(connection, befores, images)
    with engine.connect() as connection:
        assert len(connection.execute(select(befores)).all()) == 1, "nothing of what was refused"


def test_copy__rows_there_and_new_with_every_value__as_upserted_one_by_one(engine: Engine) -> None:
    names = [{"unit": f"0x{i:03d}", "type": "lot", "scope": odd, "number": "1"} for i, odd in enumerate(
        ["", "\\N", "\\.", "tab\t", "line\nend\r", "Ünïcödé 化纤", '"quoted"', "\\x00", "'); --"] * 10)]
    loaded = [{"unit": "0x1", "line": f"0x{i:03d}", "quantity_micro": Decimal(2**64 - 1 - i)} for i in range(60)]
    with writing(engine) as connection:
        rows = Rows(connection)
        rows.at(0, 0)
        rows.put(UnitName, {**names[5], "scope": "before"})
        rows.flush()
        for name in names:
            rows.put(UnitName, name)
        for row in loaded:
            rows.put(LotLoaded, row)
        rows.flush()
        for name in names:  # once more in the same transaction
            rows.put(UnitName, {**name, "number": "2"})
        rows.flush()
    with engine.connect() as connection:
        read = connection.execute(select(table_of(UnitName)).order_by(text("unit"))).mappings()
        assert [dict(row) for row in read] == [{**name, "number": "2"} for name in names]
        read = connection.execute(select(table_of(LotLoaded)).order_by(text("line"))).mappings()
        assert [dict(row) for row in read] == loaded


def test_migrations__tables_they_make__equal_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={
            "include_object": lambda item, name, kind, _reflected, _to: kind != "table" or name in {t.name for t in TABLES}})
        found = [change for change in compare_metadata(context, TABLES[0].metadata) if not isinstance(change, list)]
    assert [change for change in found if change[0] in ("add_table", "remove_table", "add_column", "remove_column")] == []
    assert {t.name for t in TABLES} <= set(inspect(engine).get_table_names())


def test_text__any_locale__ordered_by_its_bytes(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = Rows(connection)
        rows.at(0, 0)
        for unit in ("a", "B", "é", "Z", "_", "b"):
            rows.put(UnitName, {"unit": unit, "type": "lot", "scope": unit, "number": ""})
        rows.flush()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT string_agg(unit, '' ORDER BY unit) FROM unit_name")).scalar() == "BZ_abé"
        assert connection.execute(text("SELECT string_agg(scope, '' ORDER BY scope) FROM unit_name")).scalar() == "BZ_abé"


def test_migrate__two_at_once__both_succeed() -> None:
    faults: list[BaseException] = []

    def run(url: str) -> None:
        try:
            migrate(url)
        except Exception as fault:  # noqa: BLE001 - of whatever kind
            faults.append(fault)

    with fresh_database(empty=True) as url:
        threads = [threading.Thread(target=run, args=[url]) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert faults == []


def test_writer_lock__held_by_another__refused_until_it_ends(url: str, engine: Engine) -> None:
    other = open_engine(url)
    with writer_lock(other), pytest.raises(IndexBusyError), writer_lock(engine):
        pytest.fail("two have it")
    with writer_lock(engine):
        pass
    other.dispose()


def test_indexers__lock_lost_with_its_connection__second_moves_on_and_first_writes_nothing(
    url: str, engine: Engine, on_sqlite: Engine, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first loses its lock between reading its position and writing; the second indexes everything meanwhile."""
    monkeypatch.setattr(indexer_module, "BLOCKS_MAX", 8)
    other = open_engine(url)
    first = make_indexer(STORY, STORY.chain(), engine)
    fetch, fetched = first._fetch, 0

    def fetch_and_be_overtaken(*args: Any) -> Any:
        nonlocal fetched
        group = fetch(*args)
        fetched += 1
        if fetched == 2:
            with other.connect() as connection:
                connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                                        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"))
            make_indexer(STORY, STORY.chain(), other).run_once()
        return group

    first._fetch = fetch_and_be_overtaken  # type: ignore[method-assign]
    with pytest.raises(IndexBusyError):
        first.run_once()
    assert dump(other) == dump(on_sqlite)
    first._fetch = fetch  # type: ignore[method-assign]
    first.run_once()
    assert dump(engine) == dump(on_sqlite)
    other.dispose()


def test_writing__while_another_writes__waits_and_sees_what_it_wrote(url: str, engine: Engine) -> None:
    row = {"id": 1, "chain_id": 7, "ledger_address": "0x", "block_number": 1, "block_hash": "0x", "context": ""}
    other, seen, began = open_engine(url), [], threading.Event()

    def second() -> None:
        began.set()
        with writing(other) as connection:
            seen.append((Rows(connection).get(Cursor, 1) or {}).get("block_number"))

    with writing(engine) as connection:
        thread = threading.Thread(target=second)
        thread.start()
        began.wait()
        with open_engine(url).connect() as reader:  # nobody who reads waits
            assert reader.execute(text("SELECT count(*) FROM cursor")).scalar() == 0
        rows = Rows(connection)
        rows.at(0, 0)
        rows.put(Cursor, row)
        rows.flush()
        assert seen == []
    thread.join()
    assert seen == [1]
    other.dispose()


def test_faults__server_ends_the_connection__away_and_not_broken(url: str, engine: Engine) -> None:
    with pytest.raises(IndexAwayError), database_faults(), engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with pytest.raises(IndexAwayError), database_faults(), open_engine(url + "/nowhere").connect():
        pass


def test_faults__row_that_the_server_shows__not_in_the_message(url: str) -> None:
    """A server that refuses a row shows it, document and all; messages go to logs, which hold nothing of a payload."""
    engine = indexed_on(url)
    with pytest.raises(InvariantError, match="violates not-null") as caught, database_faults(), engine.begin() as connection:
        connection.execute(text("UPDATE payload SET commitment = NULL WHERE document IS NOT NULL"))
    document = "@context"  # with which each begins, whichever row the server came to first
    assert "Failing row" not in str(caught.value) and document not in str(caught.value)
    assert document in str(caught.value.__cause__)  # the server did show it
    engine.dispose()


def test_feed__of_an_index_that_was_restored__begun_again_once_it_has_another_name(url: str) -> None:
    """The statement that docs/postgresql.md gives."""
    engine = indexed_on(url)
    with Session(engine) as session:
        cursor = changes_after(session, HOLDER, "now").cursor
    page = (Path(__file__).resolve().parents[2] / "docs" / "postgresql.md").read_text("utf-8")
    with engine.begin() as connection:
        connection.execute(text(re.findall(r"UPDATE history_start SET [^`]+", page)[0]))
    with Session(engine) as session:
        with pytest.raises(FeedLostError):
            changes_after(session, HOLDER, cursor)
        assert changes_after(session, HOLDER, changes_after(session, HOLDER, "now").cursor).changes == []
    engine.dispose()


def indexed_on(url: str) -> Engine:
    engine = open_engine(url)
    make_indexer(STORY, STORY.chain(), engine).run_once()
    return engine


def test_open__password_in_a_bad_url__not_in_the_message() -> None:
    for bad in ("postgresql+nodriver://user:sesame@host/x", "mysql://user:sesame@host/x", "postgresql://user:sesame@host:port/x"):
        with pytest.raises(InputError) as caught:
            open_engine(bad)
        assert "sesame" not in str(caught.value)


def test_open__database_in_another_encoding__refused() -> None:
    import psycopg

    server = shared_server()
    with psycopg.connect(server.plain_url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(InputError, match="UTF8"), open_engine(server.url("latin")).connect():
        pass
    server.drop("latin")


def test_open__driver_missing__named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(InputError, match="driver for PostgreSQL"):
        open_engine("postgresql://u@h/x")


def test_deadlock_or_serialization_failure__another_was_first__busy(url: str, engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO unit_name VALUES ('0x1', 'lot', '', '')"))
        connection.commit()
    other = open_engine(url)
    with pytest.raises(IndexBusyError), database_faults(), engine.connect() as one, other.connect() as two:
        one.execute(text("SELECT * FROM unit_name"))
        two.execute(text("UPDATE unit_name SET number = '2'"))
        two.commit()
        one.execute(text("UPDATE unit_name SET number = '1'"))
    other.dispose()


def test_first_run__while_somebody_looks_at_the_empty_tables__goes_without_dropping_indexes(
    url: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dropping one waits for whoever has its table open, and everybody who comes later would wait for that."""
    monkeypatch.setattr(indexer_module, "BLOCKS_MIN", 1)
    monkeypatch.setattr(indexes_module, "_WAIT_S", 1)
    engine, other = open_engine(url), open_engine(url)
    reader = make_indexer(STORY, STORY.chain(), engine)
    names = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1"
    with other.connect() as looking:
        before = looking.execute(text(names)).all()
        looking.execute(text("SELECT count(*) FROM event")).all()
        during: list[Any] = []
        with engine.connect() as waits:
            usual = waits.execute(text("SHOW lock_timeout")).scalar()
        reader.run_once(lambda _: during.append(looking.execute(text(names)).all()))
    assert set(before) <= set(during[0]) and len(during) > 1
    with engine.connect() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == usual
    assert digest(engine) == digest(indexed(STORY))
    engine.dispose()
    other.dispose()
