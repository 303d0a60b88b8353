"""The change feed: a consumer that keeps its cursor with its work sees each change once, whatever ends it."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Sequence

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from indexer import feed
from indexer.faults import ForkError
from indexer.feed import Change, FeedLostError, FeedPage, changes_after, trim
from indexer.journal import ELSEWHERE, UNTOLD
from indexer.lookups import HOLDER, Reader, readable
from indexer.models import TABLES, Event, PayloadReader
from indexer.rollback import roll_back
from ledger.errors import InputError
from ledger.vocabulary import Kind
from tests.indexer.branches import Tree, empty_index
from tests.indexer.helpers import indexed, make_indexer
from tests.indexer.story import START_S, full_story

DEEP = os.environ.get("CARGOLEDGER_TEST_PROFILE") == "deep"


def page(engine: Engine, cursor: str | None = None, reader: Reader = HOLDER, limit: int = 1_000) -> FeedPage:
    with Session(engine) as session:
        return changes_after(session, reader, cursor, limit=limit)


def everything(engine: Engine, reader: Reader = HOLDER, limit: int = 1_000) -> list[Change]:
    found, cursor, more = [], None, True
    while more:
        one = page(engine, cursor, reader, limit)
        found += one.changes
        cursor, more = one.cursor, one.more
    return found


class Killed(Exception):  # noqa: N818 - stands for the end of a process
    pass


class Consumer:
    """Keeps what it was told and its cursor in one database; `die` says at which of its steps it ends."""

    def __init__(self) -> None:
        self.store = sqlite3.connect(":memory:", isolation_level=None)
        self.store.execute("CREATE TABLE done (position INTEGER PRIMARY KEY, line TEXT)")
        self.store.execute("CREATE TABLE at (cursor TEXT)")

    def work(self, engine: Engine, limit: int, die: int) -> None:
        """Take pages until there is nothing more, or it dies."""
        steps = iter(range(10**9))

        def step() -> None:
            if next(steps) == die:
                raise Killed

        more = True
        while more:
            row = self.store.execute("SELECT cursor FROM at").fetchone()
            step()
            got = page(engine, row[0] if row else None, limit=limit)
            step()
            self.store.execute("BEGIN")
            try:
                for change in got.changes:
                    step()
                    self.store.execute("INSERT INTO done VALUES (?,?)", (change.position, str(change)))  # fails if told twice
                self.store.execute("DELETE FROM at")
                step()
                self.store.execute("INSERT INTO at VALUES (?)", (got.cursor,))
                step()
            except Killed:
                self.store.execute("ROLLBACK")
                raise
            self.store.execute("COMMIT")
            more = got.more


def keys_of(engine: Engine) -> dict[str, set[tuple[object, ...]]]:
    with engine.connect() as connection:
        return {t.name: {tuple(row) for row in connection.execute(select(*t.primary_key.columns))}
                for t in TABLES if t.name not in UNTOLD | ELSEWHERE | {"payload"}}


def applied(changes: Sequence[Change]) -> dict[str, set[tuple[object, ...]]]:
    """The rows that there are, for whoever only follows the feed; an insert of what is there or the like fails."""
    there: dict[str, set[tuple[object, ...]]] = {t.name: set() for t in TABLES if t.name not in UNTOLD | ELSEWHERE | {"payload"}}
    for change in changes:
        if change.table not in there:
            continue
        rows = there[change.table]
        assert (change.key in rows) == (change.kind != "insert"), change
        if change.kind == "insert":
            rows.add(change.key)
        elif change.kind == "delete":
            rows.remove(change.key)
    return there


def test_feed__consumer_killed_anywhere_while_the_chain_turns__each_change_once() -> None:
    story = full_story()
    for seed in range(20 if DEEP else 2):
        dice = random.Random(seed)
        tree, engine, consumer = Tree(story, dice, entries_max=14), empty_index(), Consumer()
        for step in range(3):
            tree.grow()
            indexer = make_indexer(story, tree.chain, engine)  # another process each time
            indexer._instant = False
            if step == 1:  # a payload that comes later
                story.payloads.hidden = {e.event.commitment for e in story.entries[7:9] if e.event is not None}
            indexer.run_once()
            story.payloads.hidden = set()
            for _ in range(12):
                try:
                    consumer.work(engine, dice.choice((1, 7, 1_000)), dice.randint(0, 60))
                except Killed:
                    continue
                break
        indexer.run_once()
        consumer.work(engine, 100, -1)
        changes = everything(engine)
        assert [c.position for c in changes] == list(range(1, len(changes) + 1))
        assert [line for (line,) in consumer.store.execute("SELECT line FROM done ORDER BY position")] == [str(c) for c in changes]
        assert applied(changes) == keys_of(engine), f"seed {seed}"
        engine.dispose()


def test_feed__any_page_size__the_same_changes() -> None:
    engine = indexed(full_story())
    changes = everything(engine)
    assert everything(engine, limit=1) == everything(engine, limit=7) == changes
    assert applied(changes) == keys_of(engine)


def test_feed__same_blocks_in_other_transactions__same_changes_of_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    import indexer.indexer as indexer_module

    first = everything(indexed(full_story()))
    monkeypatch.setattr(indexer_module, "BLOCKS_MAX", 3)
    assert everything(indexed(full_story())) == first


def test_feed__now__nothing_until_something_changes() -> None:
    story = full_story()
    chain, engine = story.chain(), empty_index()
    indexer = make_indexer(story, chain, engine)
    chain.head = 20
    indexer.run_once()
    start = page(engine, "now")
    assert start.changes == []
    assert not start.more
    indexer.run_once()
    assert page(engine, start.cursor).changes == []
    chain.head = None
    indexer.run_once()
    assert page(engine, start.cursor).changes[0].block_number == 21


@pytest.mark.parametrize("first", [None, "start", "now"])
def test_feed__asked_before_there_is_a_block__its_cursor_misses_nothing(first: str | None) -> None:
    """Whoever begins with `now` on an index that is empty keeps that cursor, reads the tables, and asks on after it."""
    engine = empty_index()
    start = page(engine, first)
    assert (start.changes, start.cursor, start.more) == ([], "start", False)
    with pytest.raises(InputError):
        page(engine, "nonsense")
    story = full_story()
    make_indexer(story, story.chain(), engine).run_once()
    assert page(engine, start.cursor).changes[0].position == 1
    old = "0123456789abcdef.3"  # of an index that is no more: said once there is another
    assert page(empty_index(), old).cursor == old
    with pytest.raises(FeedLostError):
        page(engine, old)
    trim(engine, 10)
    with pytest.raises(FeedLostError):
        page(engine, start.cursor)


def test_feed__of_a_participant__only_what_it_may_read() -> None:
    engine = indexed(full_story())
    reader = Reader(3, everything=False, now_s=START_S)
    changes = everything(engine, reader)
    with Session(engine) as session:
        allowed = set(session.exec(select(Event.event_id).where(readable(reader))))
        rights = {(r.event_id, r.participant, r.grant_id) for r in session.exec(
            select(PayloadReader).where(PayloadReader.participant == 3))}
    assert {c.key[0] for c in changes if c.table == "event" and c.kind == "insert"} == allowed
    assert {c.key for c in changes if c.table == "payload_reader"} == rights
    assert {c.table for c in changes} <= {"event", "payload", "payload_reader", "block", "unit", "unit_name", "lot",
                                          "lot_loaded", "line_state", "declaration_line", "norm", "count_entry", "reading"}
    assert len(changes) < len(everything(engine))


def test_feed__trimmed__old_cursor_is_told_and_the_others_go_on() -> None:
    engine = indexed(full_story())
    changes = everything(engine)
    late = page(engine, limit=len(changes) - 20).cursor
    gone = trim(engine, 50)
    assert 0 < gone <= len(changes) - 50
    assert page(engine, late).changes == changes[-20:]
    kept = everything(engine)
    assert kept == changes[gone:]
    with pytest.raises(FeedLostError):
        page(engine, f"{late.partition('.')[0]}.{gone - 1}")
    assert page(engine, f"{late.partition('.')[0]}.{gone}").changes == kept
    assert trim(engine, 50) == 0 == trim(empty_index(), 50)


def test_feed__trimmed_between_the_questions_of_a_page__told_and_nothing_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = indexed(full_story())
    cursor = page(engine, limit=3).cursor
    trim(engine, 50)
    monkeypatch.setattr(feed, "_first", lambda _: 1)  # what was true before the trim
    with pytest.raises(FeedLostError):
        page(engine, cursor)


def test_feed__indexer_with_a_bound__keeps_that_many_and_what_a_roll_back_needs() -> None:
    story = full_story()
    everything_kept = len(everything(indexed(story)))
    for instant in (True, False):
        engine = empty_index()
        indexer = make_indexer(story, story.chain(), engine)
        indexer._feed_changes_max, indexer._instant = 60, instant
        indexer.run_once()
        assert len(everything(engine)) in (range(60, 100) if instant else (everything_kept,))


def test_roll_back__of_a_block_whose_changes_were_trimmed__halts_instead_of_half_undoing() -> None:
    story = full_story()
    arrive = next(e.event.commitment for e in story.entries if e.event is not None and e.event.kind is Kind.ARRIVE)
    story.payloads.hidden = {arrive}
    tree, engine = Tree(story, random.Random(1), entries_max=99, orderly=True), empty_index()
    tree.grow()
    indexer = make_indexer(story, tree.chain, engine)
    indexer._instant = False
    indexer.run_once()
    story.payloads.hidden = set()
    indexer.run_once()  # an entry about a payload of an old block, at the end of the feed
    with Session(engine) as session:
        block = session.exec(select(Event.block_number).where(Event.kind == "ARRIVE")).one()
    about = [c for c in everything(engine) if c.block_number == block]
    assert about[-1].position > about[0].position + len(about)
    assert trim(engine, 50) > about[0].position
    assert any(c.block_number == block for c in everything(engine))
    with engine.begin() as connection, pytest.raises(ForkError, match="does not reach back"):
        roll_back(connection, block - 1, {})


def test_feed__cursor_of_another_index__told() -> None:
    with pytest.raises(FeedLostError):
        page(indexed(full_story()), page(indexed(full_story()), limit=3).cursor)


@pytest.mark.parametrize("cursor", ["", "1", "x.1", "0123456789abcdef.", "0123456789abcdef.-1"])
def test_feed__no_cursor_of_ours__refused(cursor: str) -> None:
    with pytest.raises(InputError):
        page(indexed(full_story()), cursor)


def test_feed__nothing_indexed_yet__empty() -> None:
    assert page(empty_index()) == FeedPage([], "start", more=False)
