"""A rebuild from block 0 gives the bytes of the live index, however that one came about; swapped in whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

import indexer.rebuild as rebuild_module
from indexer.database import open_engine
from indexer.export import KEPT_APART, PROJECTION
from indexer.faults import IndexBusyError
from indexer.models import TABLES, Evidence, Repair
from indexer.rebuild import rebuild_in_place, rebuild_into
from indexer.store import table_of
from ledger.errors import ConflictError, InputError
from tests.indexer.helpers import dump, fetch, indexed, make_indexer
from tests.indexer.story import Story, full_story

STORY = full_story()
COMMITMENTS = [e.event.commitment for e in STORY.entries if e.event is not None]
GRANTS = list(STORY.payloads.given)


@pytest.fixture
def story() -> Story:
    return full_story()


step = st.tuples(
    st.integers(0, 12),  # blocks that were mined meanwhile
    st.lists(st.integers(0, len(COMMITMENTS) - 1), max_size=8),  # payloads that came meanwhile
    st.booleans(),  # whether the grants did
    st.booleans())  # whether the process was started again


@settings(max_examples=8)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.lists(step, max_size=7))
def test_rebuild__live_index_fed_in_any_order_with_restarts__same_bytes(
        sizes: list[int], steps: list[tuple[int, list[int], bool, bool]]) -> None:
    story = full_story()
    chain = story.chain(sizes)
    hidden, chain.head, story.payloads.given = set(COMMITMENTS), -1, []
    engine = open_engine("sqlite://")
    live = make_indexer(story, chain, engine)
    for mined, came, granted, restarted in [*steps, (len(chain.headers), list(range(len(COMMITMENTS))), True, False)]:
        chain.head = min(chain.head + mined, len(chain.headers) - 1)
        hidden -= {COMMITMENTS[place] for place in came}
        story.payloads.hidden = hidden
        story.payloads.given = GRANTS if granted or story.payloads.given else []
        if restarted:
            live = make_indexer(story, chain, engine)
        live.run_once()
    other = open_engine("sqlite://")
    rebuild_into(make_indexer(story, chain, engine), other)
    assert dump(other) == dump(engine)


def test_rebuild__into_a_database_with_an_index__refused(story: Story) -> None:
    engine = indexed(story)
    with pytest.raises(ConflictError, match="already"):
        rebuild_into(make_indexer(story, story.chain(), engine), engine)


def grown(story: Story, path: Path) -> Engine:
    """An index with a changed row, a repair on record and evidence of a fork."""
    engine = indexed(story, [2], path)
    with engine.begin() as connection:
        connection.execute(table_of(Repair).insert().values(
            id=1, made_at_s=1, block_number=1, table_name="unit", row_key="{}", kind="changed", proof="{}"))
        connection.execute(table_of(Evidence).insert().values(
            block_number=1, their_hash="0x1", our_header="0x", their_header="0x", what="x"))
        connection.exec_driver_sql("UPDATE unit SET custodian = 99")
    return engine


def test_rebuild__in_place__same_bytes_as_a_fresh_index_and_history_kept(story: Story, tmp_path: Path) -> None:
    engine = grown(story, tmp_path / "index.sqlite")
    expected = dump(indexed(story, [2]))
    assert dump(engine) != expected
    rebuild_in_place(make_indexer(story, story.chain([2]), engine))
    assert dump(engine) == expected
    assert fetch(engine, "SELECT id, table_name FROM repair") == [(1, "unit")]
    assert fetch(engine, "SELECT what FROM evidence") == [("x",)]
    assert (tmp_path / "index.sqlite").stat().st_mode & 0o777 == 0o600
    assert make_indexer(story, story.chain([2]), engine).run_once().blocks == 0
    engine.dispose()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.sqlite", "index.sqlite.lock"]


def test_rebuild__somebody_else_reads_the_index__refused_and_the_old_one_stands(story: Story, tmp_path: Path) -> None:
    engine = grown(story, tmp_path / "index.sqlite")
    before = dump(engine)
    reader = open_engine(tmp_path / "index.sqlite")
    with reader.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM event").first()
        with pytest.raises(IndexBusyError, match=r"another process has index\.sqlite open"):
            rebuild_in_place(make_indexer(story, story.chain([2]), engine))
    assert dump(engine) == before
    assert not list(tmp_path.glob("*.rebuilding*"))


def test_rebuild__in_place_of_no_file__refused(story: Story) -> None:
    with pytest.raises(InputError, match="SQLite file"):
        rebuild_in_place(make_indexer(story, story.chain()))


@pytest.mark.parametrize("where", ["_carry", "_one_file", "_sync", "_remove"])
def test_rebuild__killed_before_each_step__old_or_new_and_whole(story: Story, tmp_path: Path, where: str) -> None:
    engine = grown(story, tmp_path / "index.sqlite")
    old, new = dump(engine), dump(indexed(story, [2]))
    engine.dispose()
    for nth in (1, 2):
        folder = tmp_path / f"{where}{nth}"
        folder.mkdir()
        shutil.copy(tmp_path / "index.sqlite", folder / "index.sqlite")
        pid = os.fork()
        if pid == 0:
            calls = 0
            real = getattr(rebuild_module, where)

            def die(*arguments: object, nth: int = nth, real: Any = real) -> None:
                nonlocal calls
                calls += 1
                if calls == nth:
                    os.kill(os.getpid(), signal.SIGKILL)
                real(*arguments)

            setattr(rebuild_module, where, die)
            try:
                rebuild_in_place(make_indexer(story, story.chain([2]), open_engine(folder / "index.sqlite")))
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        again = open_engine(folder / "index.sqlite")
        assert dump(again) in (old, new)
        rebuild_in_place(make_indexer(story, story.chain([2]), again))
        assert dump(again) == new
        assert len(fetch(again, "SELECT id FROM repair")) == 1
        again.dispose()
        assert not list(folder.glob("*.rebuilding*"))


# the format


def test_export__bytes__as_the_document_says(story: Story) -> None:
    lines = dump(indexed(story)).encode().split(b"\n")
    assert lines.pop() == b""
    values = [json.loads(line) for line in lines]
    assert [json.dumps(v, ensure_ascii=False, separators=(",", ":")).encode() for v in values] == lines
    assert values[0] == ["cargoledger-index-export", 1]
    tables = [v for v in values if v[0] == "table" and len(v) == 3 and isinstance(v[2], list)]
    assert [t[1] for t in tables] == sorted(t.name for t in TABLES if t.name not in KEPT_APART)
    assert values[-1] == ["end", len(values) - len(tables) - 2]
    at = values.index(next(t for t in tables if t[1] == "event"))
    columns = values[at][2]
    assert columns == [c.name for c in next(t for t in PROJECTION if t.name == "event").columns]
    rows = [dict(zip(columns, row, strict=True)) for row in values[at + 1:at + 23]]
    assert [row["event_id"] for row in rows] == sorted(row["event_id"] for row in rows)
    extreme = next(row for row in rows if row["outcome_name"] == "TIME_IN_FUTURE")
    assert (extreme["deadline_s"], extreme["seq"], extreme["voided_by"]) == ("18446744073709551615", 22, None)


def test_export__document__names_the_tables_left_out() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "formats" / "index-export.md").read_text("utf-8")
    left_out = re.search(r"\*\*Left out\*\*(.*?)\n\n", text, flags=re.S)
    assert left_out is not None
    assert {name for name in re.findall(r"`(\w+)`", left_out[1]) if name != "cursor"} == set(KEPT_APART)


def test_export__same_bytes_in_every_run() -> None:
    assert len({hashlib.sha256(dump(indexed(STORY, [3])).encode()).hexdigest() for _ in range(2)}) == 1
