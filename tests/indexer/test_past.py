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

from indexer import lookups, past, queries
from indexer.journal import table_of
from indexer.models import TABLES, Event, Evidence, Unit
from indexer.standing import standing_of
from ledger.errors import ConflictError, InputError, NotFoundError
from ledger.vocabulary import Kind
from tests.indexer.branches import Tree, empty_index, from_scratch
from tests.indexer.helpers import indexed, make_indexer
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
