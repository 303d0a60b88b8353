"""Indexes that are left out while an empty index is filled: there again whatever ends the run, none that guards a row among them."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

import indexer.indexer as indexing
from indexer.database import open_engine
from indexer.digest import digest
from indexer.indexes import left_out
from tests.indexer.helpers import fetch, indexed, make_indexer, warm
from tests.indexer.story import full_story

STORY = full_story()


@pytest.fixture(autouse=True)
def many_blocks_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "BLOCKS_MIN", 1)
    monkeypatch.setattr(indexing, "BLOCKS_MAX", 3)


def schema(engine: Engine) -> set[tuple[str, str]]:
    """Names and definitions; of a table in months those of the whole. A server says one condition in several ways."""
    if engine.dialect.name == "sqlite":
        return set(fetch(engine, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))  # type: ignore[arg-type]
    return set(fetch(engine, "SELECT c.relname, split_part(pg_get_indexdef(c.oid), ' WHERE ', 1) FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid"  # type: ignore[arg-type]
                             " WHERE c.relnamespace = current_schema()::regnamespace AND NOT c.relispartition AND i.indisvalid"))


def test_run__from_nothing__ends_with_every_index_and_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, during = warm(open_engine("sqlite://")), []
    reader = make_indexer(STORY, STORY.chain(), engine)
    before = schema(engine)
    reader.run_once(lambda _: during.append(schema(engine)))
    missing = {name for name, _ in before - during[0]}
    assert missing == {index.name for index in left_out()} and len(missing) > 15
    assert schema(engine) == before
    monkeypatch.setattr(indexing, "BLOCKS_MIN", 10**6)
    assert digest(engine) == digest(indexed(STORY))


def test_run__that_fails__leaves_every_index() -> None:
    engine = warm(open_engine("sqlite://"))
    reader = make_indexer(STORY, STORY.chain(), engine)
    before = schema(engine)

    def fail(_: object) -> None:
        assert schema(engine) != before
        raise RuntimeError

    with pytest.raises(RuntimeError):
        reader.run_once(fail)
    assert schema(engine) == before


def test_run__after_one_that_was_killed__makes_what_that_one_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = warm(open_engine("sqlite://"))
    chain = STORY.chain()
    chain.head = 4
    before = schema(make_indexer(STORY, chain, engine).engine)
    with monkeypatch.context() as killed:
        killed.setattr(indexing, "make_missing", lambda _: None)
        make_indexer(STORY, chain, engine).run_once()
    assert schema(engine) < before
    chain.head = None
    make_indexer(STORY, chain, engine).run_once()
    assert schema(engine) == before


def test_run__a_few_blocks_behind__drops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "BLOCKS_MIN", 10**6)
    engine = warm(open_engine("sqlite://"))
    reader = make_indexer(STORY, STORY.chain(), engine)
    before = schema(engine)
    reader.run_once(lambda _: pytest.fail("dropped") if schema(engine) != before else None)


def test_left_out__none_keeps_a_row_from_being_there_twice() -> None:
    assert not any(index.unique for index in left_out())
