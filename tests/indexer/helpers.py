"""What the tests of the index share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from indexer.database import open_engine
from indexer.export import export
from indexer.indexer import Indexer
from tests.indexer.fake_chain import FakeChain
from tests.indexer.story import MILL_KEY, SECRET, PinnedByHand, Story, reading_key

ALL = (1, 2, 3, 4)


def make_indexer(story: Story, chain: FakeChain, engine: Engine | None = None, *, keys: Sequence[int] = ALL,
                 enterprise_keys: dict[str, bytes] | None = None) -> Indexer:
    return Indexer(
        chain, PinnedByHand(), engine or open_engine("sqlite://"), story.payloads,  # type: ignore[arg-type]
        reading_keys=[reading_key(number) for number in keys], directory=story.directory, network_secret=SECRET,
        enterprise_keys={"mill": MILL_KEY} if enterprise_keys is None else enterprise_keys)


@cache
def _first() -> Engine:
    engine = open_engine("sqlite://")
    engine.connect().close()  # asks for SQLite's version, once
    return engine


def warm(engine: Engine) -> Engine:
    """An engine; a SQLite one with the statements that others have compiled; the cache's key has the dialect in it."""
    if engine.dialect.name == "sqlite":
        engine.dialect = _first().dialect
        engine._compiled_cache = _first()._compiled_cache  # type: ignore[misc]
    return engine


def indexed(story: Story, sizes: Sequence[int] | None = None, path: Path | None = None, **options: Any) -> Engine:
    engine = warm(open_engine(path if path is not None else "sqlite://"))
    make_indexer(story, story.chain(sizes), engine, **options).run_once()
    return engine


def dump(engine: Engine) -> str:
    return b"".join(export(engine)).decode()


def fetch(engine: Engine, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    if engine.dialect.name == "postgresql":
        sql = sql.replace("%", "%%").replace("?", "%s")
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql, values)]


def statuses(engine: Engine) -> dict[str, str]:
    """Status of each payload by the last part of its kind and place."""
    return {f"{seq} {kind}": status if not fault else f"{status} {fault.split(':')[0]}" for seq, kind, status, fault in fetch(
        engine, "SELECT e.seq, e.kind, p.status, p.fault FROM event e JOIN payload p USING (event_id) ORDER BY e.seq")}
