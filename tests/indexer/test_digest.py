"""The digest: the same for any packing of the same events, another one for any other meaning."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Engine, Table

from indexer.database import open_engine
from indexer.digest import ENDS, EXCLUDED, POSITION, digest
from indexer.models import TABLES
from ledger.vocabulary import Outcome
from tests.indexer.helpers import dump, indexed
from tests.indexer.story import START_S, Entry, full_story, not_taken

STORY = full_story()
EXPECTED = digest(indexed(STORY))


@settings(max_examples=5)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=12))
def test_digest__same_events_in_other_blocks__equal(sizes: list[int]) -> None:
    assert digest(indexed(STORY, sizes)) == EXPECTED


def test_digest__other_block_times__equal(tmp_path: Path) -> None:
    from tests.indexer.helpers import make_indexer

    engine = open_engine("sqlite://")
    make_indexer(STORY, STORY.chain([3], start_s=START_S + 5_000), engine).run_once()
    assert digest(engine) == EXPECTED


def test_digest__unrelated_events_in_other_order__equal() -> None:
    story = full_story()
    place = next(i for i, e in enumerate(story.entries) if e.event is not None and e.event.kind.name == "COUNT")
    story.entries[place], story.entries[place + 1] = story.entries[place + 1], story.entries[place]
    engine = indexed(story)
    assert digest(engine) == EXPECTED
    assert dump(engine) != dump(indexed(STORY))


def test_digest__two_events_of_one_unit_in_other_order__other() -> None:
    story = full_story()
    places = [i for i, e in enumerate(story.entries) if e.event is not None and e.event.kind.name in ("HOLD", "GATE_OUT")]
    story.entries[places[0]], story.entries[places[1]] = story.entries[places[1]], story.entries[places[0]]
    assert digest(indexed(story)) != EXPECTED


def test_digest__repeat_after_lost_reply__equal() -> None:
    story = full_story()
    story.entries.append(Entry([not_taken(story.entries[6].id, Outcome.NONCE_USED)]))
    assert digest(indexed(story)) == EXPECTED


def test_digest__nonce_used_by_other_content__other() -> None:
    story = full_story()
    story.entries.append(Entry([not_taken(b"\x01" * 32, Outcome.NONCE_USED)]))
    assert digest(indexed(story)) != EXPECTED


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digest") / "index.sqlite"
    engine = indexed(STORY, path=path)
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for table in TABLES:
            if table.name not in POSITION:
                count = connection.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0]
                assert count > 0, f"the story leaves {table.name} empty, so nothing of it is tested"
    return path


@pytest.fixture
def copied(database: Path) -> Iterator[Engine]:
    """The index in memory, to be spoilt."""
    engine = open_engine("sqlite://")
    with closing(sqlite3.connect(database)) as source, engine.connect() as connection:
        source.backup(connection.connection.dbapi_connection)
    yield engine
    engine.dispose()


def changed(value: Any) -> Any:
    if isinstance(value, int):
        return value + 7
    if value is None:
        return "x"
    return str(value)[:-1] + ("0" if str(value)[-1:] != "0" else "1")


ORDER = {("event", "seq"), ("unit_state", "seq")}
"""Places count only against each other; tested by swapping, below."""


def same_meaning(table: str, column: str, value: Any) -> bool:
    """Whether another value in this cell says the same."""
    if ENDS.get(table) == column:
        return value is not None
    if column == "grant_id":
        return False  # another id is fine if grant and readers have it alike; in one place alone it is a broken link
    return table in POSITION or column in EXCLUDED.get(table, ())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_digest__one_cell_changed__seen_unless_it_depends_on_the_packing(copied: Engine, table: Table) -> None:
    with copied.connect() as connection:
        raw = connection.connection.dbapi_connection
        raw.execute("PRAGMA foreign_keys=OFF")
        for column in table.columns:
            name = f'"{table.name}"'
            rows = raw.execute(f'SELECT rowid, "{column.name}" FROM {name} ORDER BY rowid').fetchall()
            for rowid, value in rows[-1:]:
                other = 1 - value if isinstance(column.type, Boolean) else changed(value)
                raw.execute(f'UPDATE {name} SET "{column.name}"=? WHERE rowid=?', (other, rowid))
                seen = digest(copied) != EXPECTED
                raw.execute(f'UPDATE {name} SET "{column.name}"=? WHERE rowid=?', (value, rowid))
                if (table.name, column.name) not in ORDER:
                    assert seen != same_meaning(table.name, column.name, value), (table.name, column.name, value)
        assert digest(copied) == EXPECTED


@pytest.mark.parametrize("table", [t.name for t in TABLES if t.name not in POSITION])
def test_digest__row_deleted__seen(copied: Engine, table: str) -> None:
    with copied.connect() as connection:
        raw = connection.connection.dbapi_connection
        raw.execute("PRAGMA foreign_keys=OFF")
        raw.execute(f'DELETE FROM "{table}" WHERE rowid=(SELECT max(rowid) FROM "{table}")')
    assert digest(copied) != EXPECTED


def test_digest__states_of_a_unit_swapped__seen(copied: Engine) -> None:
    with copied.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE unit_state SET seq = -seq WHERE unit=(SELECT unit FROM unit WHERE thing='CONTAINER')")
    assert digest(copied) != EXPECTED


def test_digest__events_of_a_unit_swapped__seen(copied: Engine) -> None:
    with copied.begin() as connection:
        connection.exec_driver_sql("UPDATE event SET seq = -seq")
    assert digest(copied) != EXPECTED


def test_digest__grant_sealed_again_under_another_id__equal(copied: Engine) -> None:
    with copied.begin() as connection:
        connection.exec_driver_sql("UPDATE reading_grant SET grant_id = '0xother', issued_at_s = 5")
        connection.exec_driver_sql("UPDATE payload_reader SET grant_id = '0xother' WHERE grant_id <> ''")
    assert digest(copied) == EXPECTED
