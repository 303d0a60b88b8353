"""Questions about the past: known at a block is an index that was stopped there. As of a time: test_as_of."""

from __future__ import annotations

import inspect
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from indexer import history, lookups, past, queries
from indexer.database import writing
from indexer.journal import table_of
from indexer.models import TABLES, Event, Evidence, Unit
from indexer.standing import standing_of
from ledger.errors import ConflictError, InputError, NotFoundError
from ledger.vocabulary import Kind
from tests.indexer.branches import Tree, empty_index, from_scratch
from tests.indexer.helpers import dump, fetch, indexed, make_indexer
from tests.indexer.story import (
    BOX,
    START_S,
    box_unit,
    full_story,
    lot_unit,
)

DEEP = os.environ.get("CARGOLEDGER_TEST_PROFILE") == "deep"
BOX_ID, L1 = "0x" + box_unit().hex(), "0x" + lot_unit("L1").hex()


def tables_in(session: Session) -> dict[str, list[Any]]:
    """Every row that a query could read."""
    return {t.name: [tuple(row) for row in session.execute(select(t).order_by(*t.primary_key))]  # type: ignore[call-overload]
            for t in TABLES if t.name != table_of(Evidence).name}


def asked(session: Session) -> dict[str, Any]:
    """What every public question of `queries` and `lookups` answers; a function without an entry fails the test."""
    reader = lookups.Reader(3, everything=False, now_s=START_S)
    ids = [event.event_id for event in session.exec(select(Event).order_by(Event.seq))]  # type: ignore[arg-type]
    some = ids[len(ids) // 2] if ids else "0x" + "00" * 32
    units = [BOX_ID, L1]
    calls: dict[str, Callable[[], Any]] = {
        "position": lambda: queries.position(session), "find_units": lambda: queries.find_units(session, "CSQU3054383"),
        "resolve_unit": lambda: queries.resolve_unit(session, "mill/L1"), "names_of": lambda: queries.names_of(session, units),
        "find_event": lambda: queries.find_event(session, "https://terminal.example/weigh"),
        "events_of_unit": lambda: queries.events_of_unit(session, BOX_ID), "events": lambda: queries.events(session, refused=False),
        "corrections_of": lambda: [queries.corrections_of(session, i) for i in ids],
        "answers_to": lambda: [queries.answers_to(session, i) for i in ids], "lines_of": lambda: queries.lines_of(session, ids),
        "may_read": lambda: queries.may_read(session, some, 3), "readable": lambda: queries.readable(session, ids, 3),
        "visible_payload": lambda: queries.visible_payload(session, some, 1), "pending": lambda: queries.pending(session),
        "payload_states": lambda: queries.payload_states(session),
        "reader_for": lambda: lookups.reader_for(session, 2, START_S),
        "lookups.readable": lambda: session.exec(select(Event.event_id).where(lookups.readable(reader))).all(),
        "event_for": lambda: lookups.event_for(session, some, reader),
        "events_page": lambda: lookups.events_page(session, reader, [], limit=100, latest=True),
        "about": lambda: session.exec(select(Event.event_id).where(lookups.about(L1))).all(),
        "events_about": lambda: lookups.events_about(session, BOX_ID, reader, 50),
        "units_for": lambda: lookups.units_for(session, "L1", reader), "unit_for": lambda: lookups.unit_for(session, BOX, reader),
        "with_state": lambda: queries.with_state(session, list(queries.names_of(session, units).values())),
        "units_for, by how a name begins": lambda: lookups.units_for(session, "csq", reader),
        "visible_units": lambda: lookups.visible_units(session, units, reader),
        "materials_of": lambda: lookups.materials_of(session, units),
        "standing_of": lambda: [standing_of(session, unit) for unit in session.exec(select(Unit).order_by(Unit.unit))],  # type: ignore[arg-type]
    }
    public = {f"{'lookups.' if module is lookups and name == 'readable' else ''}{name}"
              for module in (queries, lookups) for name, value in vars(module).items()
              if inspect.isfunction(value) and not name.startswith("_") and value.__module__ == module.__name__}
    assert public <= calls.keys()

    def answer(call: Callable[[], Any]) -> str:
        try:
            return str(call())
        except (NotFoundError, ConflictError) as fault:
            return fault.message

    return {name: answer(call) for name, call in calls.items()}


def test_known_at__random_stories_every_query__equals_an_index_stopped_there() -> None:
    story = full_story()
    for seed in range(20 if DEEP else 3):
        dice = random.Random(seed)
        tree = Tree(story, dice, entries_max=16 if seed % 4 else 99, orderly=True)
        tree.grow()
        full = from_scratch(story, tree.chain)
        head = len(tree.chain.headers) - 1
        stopped, indexer = empty_index(), None
        for block in sorted(dice.sample(range(head + 1), min(head + 1, 3))):
            tree.chain.head = block
            indexer = indexer or make_indexer(story, tree.chain, stopped)
            indexer.run_once()
            with Session(stopped) as then, past.session(full, known_at=block) as known:
                assert tables_in(known) == tables_in(then), f"seed {seed}, block {block}"
                assert asked(known) == asked(then), f"seed {seed}, block {block}"
        full.dispose()
        stopped.dispose()


def test_known_at__the_head__is_the_present() -> None:
    engine = indexed(full_story())
    with Session(engine) as session:
        now = tables_in(session)
    with past.session(engine, known_at=31) as known:
        assert tables_in(known) == now
    with past.session(engine) as present:
        assert tables_in(present) == now


def test_known_at__payload_that_came_late__counts_from_its_events_block() -> None:
    story = full_story()
    first = next(e.event.commitment for e in story.entries if e.event is not None and e.event.kind is Kind.ARRIVE)
    story.payloads.hidden.add(first)
    engine = empty_index()
    indexer = make_indexer(story, story.chain(), engine)
    indexer.run_once()
    story.payloads.hidden.clear()
    indexer.run_once()
    fresh = indexed(full_story())
    for block in range(0, 32, 3):
        with past.session(engine, known_at=block) as live, past.session(fresh, known_at=block) as rebuilt:
            assert tables_in(live) == tables_in(rebuilt), f"block {block}"


@pytest.mark.parametrize("block", [-1, 32])
def test_known_at__block_that_is_not_indexed__said(block: int) -> None:
    engine = indexed(full_story())
    with pytest.raises(InputError, match="blocks 0 to 31 are"), past.session(engine, known_at=block):
        pass


def test_known_at__index_begun_by_an_older_version__says_from_where_it_remembers() -> None:
    engine = indexed(full_story())
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE history_start SET block_number=20")
    with past.session(engine, known_at=20) as known:
        assert known.get(Unit, BOX_ID) is not None
    with pytest.raises(InputError, match="from block 20 on"), past.session(engine, known_at=19):
        pass
    with pytest.raises(InputError, match="from block 20 on"), past.session(engine, as_of_ms=1):
        pass


def test_past__the_present_afterwards__untouched(tmp_path: Path) -> None:
    engine = indexed(full_story(), path=tmp_path / "index.sqlite")
    with Session(engine) as session:
        before = tables_in(session)
    with past.session(engine, known_at=3, as_of_ms=5) as session:
        assert session.exec(select(Event)).all() == []
    with Session(engine) as session:
        assert tables_in(session) == before


def test_history__trimmed__every_later_question_answered_as_before_and_earlier_ones_refused() -> None:
    """The story again and again: rows of long ago are drawn together, and nobody who may still ask notices."""
    story, whole, trimmed = full_story(), empty_index(), empty_index()
    chain = story.chain()
    make_indexer(story, chain, whole).run_once()
    indexer = make_indexer(story, chain, trimmed)
    indexer.run_once()
    journal = "SELECT count(*) FROM row_before WHERE of_table NOT IN ('unit_name', 'material')"
    (had,), = fetch(trimmed, journal)
    for bound in (12, 19, 25):
        with writing(trimmed) as connection:
            assert history._draw_together(connection, bound) > 0
        (start, from_ms), = fetch(trimmed, "SELECT block_number, as_of_ms FROM history_start")
        assert start == bound
        for block in range(bound, 32):
            with past.session(whole, known_at=block) as one, past.session(trimmed, known_at=block) as other:
                assert tables_in(other) == tables_in(one), f"trimmed to {bound}, known at {block}"
        for late_ms in (0, 1, 60_000, 600_000, 10**7):
            for block in (bound, 31):
                with past.session(whole, known_at=block, as_of_ms=from_ms + late_ms) as one, \
                        past.session(trimmed, known_at=block, as_of_ms=from_ms + late_ms) as other:
                    assert tables_in(other) == tables_in(one), f"trimmed to {bound}, known at {block}, as of {late_ms} ms later"
        with pytest.raises(InputError, match=f"from block {bound} on"), past.session(trimmed, known_at=bound - 1):
            pass
        with pytest.raises(InputError, match="drawn together"), past.session(trimmed, as_of_ms=from_ms - 1):
            pass
    (has,), = fetch(trimmed, journal)
    assert has < had * 2 // 3
    indexer.run_once()
    assert dump(trimmed) == dump(whole)


def test_history__by_age__goes_on_in_steps_and_leaves_what_a_roll_back_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "DAY_S", 26)  # two blocks of the story
    monkeypatch.setattr(history, "BLOCKS_MAX", 9)
    starts = {}
    for name, options in {"for ever": {"days": 0}, "five days": {"days": 5}, "not instant": {"days": 5, "keep_from": 15}}.items():
        engine = indexed(full_story())
        starts[name] = []
        while history.trim_history(engine, **options):  # type: ignore[arg-type]
            starts[name].append(fetch(engine, "SELECT block_number FROM history_start")[0][0])
    assert starts == {"for ever": [], "five days": [8, 17, 20], "not instant": [8, 14]}


def test_history__indexer_with_a_bound__trims_at_the_end_of_a_run() -> None:
    story = full_story()
    chain = story.chain(start_s=START_S)
    engine = empty_index()
    indexer = make_indexer(story, chain, engine)
    indexer._history_days = 1
    indexer.run_once()
    assert fetch(engine, "SELECT block_number FROM history_start") == [(-1,)]  # a story takes some minutes
    chain.add(START_S + 2 * 86_400)
    indexer.run_once()
    assert fetch(engine, "SELECT block_number FROM history_start") == [(31,)]


@pytest.mark.parametrize("bounds", [{"known_at": 3}, {"as_of_ms": 10**13, "known_at": 3}])
@pytest.mark.parametrize("table", ["unit", "lot"])
def test_question__about_one_row__finds_its_versions_by_key_and_reads_no_journal_through(bounds: dict[str, int], table: str) -> None:
    engine = indexed(full_story())
    with past.session(engine, **bounds) as session:
        plan = [row[3] for row in session.connection().exec_driver_sql(
            f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE unit = ?", ("0x00",))]
    journal = [step for step in plan if step.split()[1] in {"w", "x", "a", "d", "l", "h", "m", "y"}]  # names of the journal
    assert any("ix_row_before_row (of_table=? AND key=?" in step for step in journal)
    assert not any("SCAN" in step for step in journal)
