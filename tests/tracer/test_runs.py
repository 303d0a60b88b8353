"""Runs that are kept: what touches a question re-opens it, nothing else does, and what was said stays readable."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from enterprise import clean_book
from journey_index import ZERO, JourneyIndex, story
from sqlalchemy import select
from sqlmodel import col

from indexer import models as m
from indexer.database import open_engine
from indexer.feed import Change
from indexer.journal import DELETE, UNTOLD, HistoryStart, table_of, write_feed
from indexer.store import Rows
from ledger.errors import ConflictError, InputError, NotFoundError
from ledger.vocabulary import Kind
from tracer.book import BookData, Event
from tracer.load import load_book, load_custody, period_of
from tracer.moment import Span
from tracer.policy import Policy
from tracer.runs import making, touching
from tracer.runs.comparing import compare
from tracer.runs.inputs import Watch, digest, watched
from tracer.runs.making import Keeper, document_of
from tracer.runs.store import Question, RunStore, document_bytes, parse_document
from tracer.runs.touching import Stretch, stretch_of

YEAR = ("2025-01-01", "2025-12-31")
BOOKS = ("thanh-lam-sxxk", "an-khe-gc")
QUESTIONS = [Question(book, *YEAR) for book in BOOKS] + [
    Question(BOOKS[0], "2025-01-01", "2025-06-30"), Question(BOOKS[0], *YEAR, Policy("FIFO", "", None))]


class Followed:
    """A journey's index with the tables that a follower of the feed needs, grown document by document."""

    def __init__(self, folder: Path, index: JourneyIndex | None = None) -> None:
        self.index = index or JourneyIndex()
        self.store = RunStore(folder / "runs.sqlite")
        self.keeper = Keeper(self.index.engine, self.index.directory, self.store, "1.0")
        with self.index.session() as session:
            session.add(HistoryStart(block_number=-1, feed="0123456789abcdef"))
            session.add(m.Cursor(chain_id=1, ledger_address="0x", block_number=0, block_hash=ZERO))
            session.commit()
        self.now = 1_000

    def post(self, documents: Any) -> None:
        self.index.post(documents, {})
        self._head()

    def correct(self, event_id: str, participant: str) -> str:
        """A recorded CORRECT, told to the feed as the indexer tells it."""
        index = self.index
        index.seq += 1
        correction = f"0x{index.seq:064x}"
        with index.session() as session:
            wrong = session.get_one(m.Event, event_id).model_dump()
        with index.engine.begin() as connection:
            rows = Rows(connection)
            rows.at(index.seq, index.seq)
            rows.put(m.Event, wrong | {
                "event_id": correction, "seq": index.seq, "block_number": index.seq, "log_index": index.seq,
                "kind": Kind.CORRECT.name, "reference": event_id, "nonce": str(index.seq), "voided_by": None,
                "approved_by": None, "participant": index.directory.participant(participant).number})
            rows.change(m.Event, event_id, voided_by=correction)
            rows.finish()
        self._head()
        return correction

    def _head(self) -> None:
        with self.index.session() as session:
            cursor = session.get_one(m.Cursor, 1)
            cursor.block_number = self.index.seq
            session.commit()

    def refresh(self) -> list[Any]:
        self.now += 1
        return self.keeper.refresh(self.now)

    def fresh(self, question: Question) -> bytes:
        with self.index.session() as session:
            period = period_of(question.first, question.last)
            book = (load_book(session, self.index.directory, question.book, period=period) if question.book
                    else load_custody(session, self.index.directory, period=period))
        return document_bytes(document_of(question.policy.on(book))[0])

    def holds(self) -> None:
        """Every kept answer is what asking afresh gives."""
        for question, _ in self.store.kept():
            last = self.store.last(question.id)
            assert last is not None
            assert self.store.document(last.number) == self.fresh(question), question


@pytest.fixture
def followed(tmp_path: Path) -> Any:
    made = Followed(tmp_path)
    yield made
    made.store.close()
    made.index.engine.dispose()


def documents() -> list[Any]:
    return [(poster, path) for _, poster, path in story()]


def test_refresh__a_whole_story_in_random_bites__always_what_asking_afresh_gives(followed: Followed) -> None:
    dice = random.Random(20261122)
    left = documents()
    followed.post([left.pop(0)])
    for question in (*QUESTIONS, Question("", *YEAR)):
        followed.keeper.ask(question, followed.now)
    numbers = []
    while left:
        bite, left = left[:(n := dice.randint(4, 16))], left[n:]
        followed.post(bite)
        numbers += [run.number for run in followed.refresh()]
        followed.holds()
    assert len(numbers) > 2 * len(QUESTIONS)
    assert numbers == sorted(set(numbers))


def test_refresh__events_of_another_enterprise__touch_and_read_nothing(
        followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    followed.post(documents())
    runs = {q: followed.keeper.ask(q, followed.now) for q in QUESTIONS}
    read: list[str] = []
    original = making.load_book

    def counting(session: Any, directory: Any, book: str, **more: Any) -> Any:
        read.append(book)
        return original(session, directory, book, **more)

    monkeypatch.setattr(making, "load_book", counting)
    followed.correct(events_of_book(followed, BOOKS[1])[-1].event_id, "an-khe-sportswear")
    found = followed.refresh()
    assert set(read) == {BOOKS[1]}
    assert {run.question for run in found} <= {QUESTIONS[1]}
    assert followed.store.last(QUESTIONS[0].id) == runs[QUESTIONS[0]]


def events_of_book(followed: Followed, book: str, kind: Kind | None = None) -> list[m.Event]:
    number = followed.index.directory.book(book).number
    with followed.index.session() as session:
        rows = session.execute(select(m.Event).where(col(m.Event.book) == number).order_by(col(m.Event.seq)))
        return [row for row in rows.scalars() if kind is None or row.kind == kind.name]


def test_correction__by_customs__reopens_what_it_touches_and_the_old_answer_stays(followed: Followed) -> None:
    followed.post(documents())
    question = QUESTIONS[0]
    first = followed.keeper.ask(question, 1_000)
    said = followed.store.document(first.number)
    wrong = events_of_book(followed, question.book, Kind.RECEIVE_FACTORY)[0]
    correction = followed.correct(wrong.event_id, "customs-hai-phong")
    (second,) = followed.refresh()
    assert (second.question, second.number) == (question, first.number + 1)
    assert {cause.event for cause in second.causes} == {wrong.event_id, correction}
    assert "CORRECT" in {cause.kind for cause in second.causes}
    assert second.block_number == followed.index.seq > first.block_number
    followed.holds()
    assert followed.store.document(first.number) == said
    assert hashlib.sha256(said).hexdigest() == first.document_sha256 == followed.store.run(first.number).document_sha256
    told = compare(parse_document(said), parse_document(followed.store.document(second.number)))
    received = [c for c in told["figures"] if (c["table"], c["column"]) == ("form15", "received")]
    assert received
    assert all(Decimal(c["after"] or 0) < Decimal(c["before"]) for c in received)
    assert {f["change"] for f in told["findings"]} >= {"new"}
    assert followed.refresh() == []


def test_ask__again_with_nothing_new__the_same_run_and_other_rules_another(
        followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    followed.post(documents())
    question = QUESTIONS[3]
    first = followed.keeper.ask(question, 1_000)
    assert json.loads(followed.store.document(first.number))["allocation"] == "FIFO"
    assert followed.keeper.ask(question, 2_000) == first
    assert followed.refresh() == []
    monkeypatch.setattr(making, "RULE_PACK", "vn-2027-01-01-000000000000")
    (second,) = followed.refresh()
    assert (second.inputs, second.rule_pack) == (first.inputs, "vn-2027-01-01-000000000000")
    assert second.causes == ()
    followed.keeper = replace(followed.keeper, program="2.0")
    (third,) = followed.refresh()
    assert third.program == "2.0"
    assert [run.number for run in followed.store.runs(question.book)] == [1, 2, 3]
    assert followed.store.runs("no-such") == []


def test_end__a_question_that_nobody_asks_any_more__is_left_alone_and_its_runs_stay(followed: Followed) -> None:
    followed.post(documents())
    question = QUESTIONS[0]
    run = followed.keeper.ask(question, 1_000)
    followed.store.end(question.id, 1_001)
    followed.correct(events_of_book(followed, question.book, Kind.RECEIVE_FACTORY)[0].event_id, "customs-hai-phong")
    assert followed.refresh() == []
    assert followed.store.run(run.number) == run
    with pytest.raises(NotFoundError, match="no question"):
        followed.store.end(question.id, 1_002)
    assert followed.keeper.ask(question, 1_003).number == run.number + 1  # kept again, and answered anew


def test_refresh__cursor_of_an_index_that_is_no_more__everything_is_looked_at_again(followed: Followed) -> None:
    followed.post(documents()[:40])
    for question in QUESTIONS:
        followed.keeper.ask(question, 1_000)
    with followed.index.session() as session:
        session.get_one(HistoryStart, 1).feed = "f" * 16
        session.commit()
    followed.post(documents()[40:])
    assert followed.refresh()
    followed.holds()
    assert (followed.store.cursor() or "").startswith("f" * 16)


def test_refresh__events_that_a_roll_back_took__every_question_is_looked_at_again(followed: Followed) -> None:
    followed.post(documents())
    for question in QUESTIONS[:2]:
        followed.keeper.ask(question, 1_000)
    gone = events_of_book(followed, BOOKS[0], Kind.RECEIVE_FACTORY)[-1]
    with followed.index.engine.begin() as connection:
        for model in (m.EventLine, m.Payload, m.Event):
            table = table_of(model)
            connection.execute(table.delete().where(table.c.event_id == gone.event_id))
        write_feed(connection, [(followed.index.seq, [("event", DELETE, (gone.event_id,))])])
    assert [run.question for run in followed.refresh()] == [QUESTIONS[0]]
    followed.holds()


def test_refresh__two_at_once__the_second_says_so_and_nothing_is_there_twice(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed(tmp_path, JourneyIndex(open_engine(tmp_path / "index.sqlite")))
    followed.post(documents()[:60])
    followed.keeper.ask(QUESTIONS[0], 1_000)
    followed.post(documents()[60:])
    other = Keeper(followed.index.engine, followed.index.directory, RunStore(followed.store.path), "1.0")
    original = making.document_of

    def slow(book: Any) -> Any:
        monkeypatch.setattr(making, "document_of", original)
        assert len(other.refresh(1_500)) == 1
        return original(book)

    monkeypatch.setattr(making, "document_of", slow)
    with pytest.raises(ConflictError, match="another process"):
        followed.refresh()
    assert [run.made_at_s for run in followed.store.runs()] == [1_000, 1_500]
    for one in (other, followed.keeper):
        one.store.close()
    followed.index.engine.dispose()


@pytest.mark.parametrize("step", range(1, 9))
def test_refresh__killed_at_any_write__nothing_lost_nothing_double(followed: Followed, step: int) -> None:
    """The process dies at the nth write of the store; whoever goes on gets the same runs, once."""
    followed.post(documents()[:60])
    for question in QUESTIONS[:2]:
        followed.keeper.ask(question, 1_000)
    followed.post(documents()[60:])
    child = os.fork()
    if not child:
        connection = followed.store._store._connection
        seen = 0

        def count(statement: str) -> None:
            nonlocal seen
            seen += statement.startswith(("INSERT", "UPDATE", "COMMIT", "BEGIN"))
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

        connection.set_trace_callback(count)
        followed.refresh()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    reopened = RunStore(followed.store.path)
    runs = reopened.runs()
    followed.keeper = replace(followed.keeper, store=reopened)
    followed.store.close()
    followed.store = reopened
    if os.WIFSIGNALED(status):
        assert len(runs) == 2
        assert {run.question for run in followed.refresh()} == set(QUESTIONS[:2])
    assert len(reopened.runs()) == 4
    assert followed.refresh() == []
    followed.holds()


def test_digest__the_same_records_in_another_order__is_the_same_and_any_other_value_is_not() -> None:
    book = clean_book()
    same = replace(book, events=book.events[::-1], lots=book.lots[::-1], lines=book.lines[::-1],
                   codes=dict(reversed(list(book.codes.items()))))
    assert digest(same) == digest(book)
    first: Event = book.events[0]
    others = [
        replace(book, events=(replace(first, legs=first.legs[::-1]), *book.events[1:])) if len(first.legs) > 1
        else replace(book, events=(replace(first, reason="x"), *book.events[1:])),
        replace(book, events=book.events[1:]),
        replace(book, as_of_ms=book.as_of_ms + 1),
        replace(book, previous=()), replace(book, claims={}),
        replace(book, allocation="FIFO"),
        replace(book, lines=(replace(book.lines[0], duty_rate=Fraction(1, 3)), *book.lines[1:])),
        replace(book, places=()), replace(book, customs=frozenset({"a"})),
    ]
    assert len({digest(other) for other in [book, *others]}) == 1 + len(others)


def test_watched__what_a_book_names__is_in_it_and_else_is_not() -> None:
    book = clean_book()
    watch = Watch(watched(book))
    assert all(event.id in watch for event in book.events)
    assert all(leg.unit in watch for event in book.events for leg in event.legs)
    assert "no such thing" not in watch


def test_compare__findings_and_figures__each_difference_once() -> None:
    finding = {"rule": "B2", "subject": {"type": "material", "id": "COT"}, "severity": "high", "difference": "5"}
    other = finding | {"difference": "7"}
    row = {"no": 1, "code": "COT", "source": "imported", "received": "10", "closing": "3"}
    before = {"form15": [row], "report": {"rule_pack": "a", "findings": [finding, finding]}, "missing": []}
    after = {"form15": [row | {"no": 2, "received": "11"}, row | {"code": "NYL"}],
             "report": {"rule_pack": "b", "findings": [other]}, "missing": ["norm of P"]}
    told = compare(before, after)
    assert not told["same"]
    assert [(c["key"]["code"], c["column"], c["before"], c["after"]) for c in told["figures"]] == [
        ("COT", "received", "10", "11"), ("NYL", "closing", None, "3"), ("NYL", "received", None, "10")]
    assert [(f["change"], f["before"] and f["before"]["difference"]) for f in told["findings"]] == [
        ("changed", "5"), ("gone", "5")]
    assert told["rule_pack"] == {"before": "a", "after": "b"}
    assert compare(before, before)["same"]


def test_ask__nothing_indexed_no_such_book_no_days__says_so(followed: Followed) -> None:
    with followed.index.engine.begin() as connection:
        connection.execute(table_of(m.Cursor).delete())
    with pytest.raises(InputError, match="nothing is indexed"):
        followed.keeper.ask(QUESTIONS[0], 1)
    with pytest.raises(NotFoundError):
        followed.keeper.ask(Question("nobody", *YEAR), 1)
    with pytest.raises(InputError, match="two days"):
        followed.keeper.ask(Question(BOOKS[0], "2025", "2025"), 1)
    with pytest.raises(InputError, match="no allocation policy"):
        followed.keeper.ask(Question(BOOKS[0], *YEAR, Policy("HIGH")), 1)
    assert followed.store.kept() == []


NUMBER, OWNER, CUSTOMS, OTHER = 1, 8, 2, 9
SPOKEN_OF = Watch(watched(BookData("", "", Span(0, 1), 1, unit_ids={"BL-1/BOX": "0xbox", "D-1/1": "0xline"},
                                   elsewhere=frozenset({"0xevent"}))))


def changed(**fields: Any) -> m.Event:
    return m.Event(**{"event_id": "0xnew", "book": 0, "participant": OTHER, "counterparty": 0,
                      "reference": ZERO, "kind": "OBSERVE", **fields})


@pytest.mark.parametrize(("stretch", "touched"), [
    (Stretch(events=[(changed(), ("0xother",))]), False),
    (Stretch(events=[(changed(book=NUMBER), ())]), True),
    (Stretch(events=[(changed(participant=OWNER), ())]), True),
    (Stretch(events=[(changed(counterparty=OWNER), ())]), True),
    (Stretch(events=[(changed(event_id="0xevent"), ())]), True),
    (Stretch(events=[(changed(reference="0xevent"), ())]), True),
    (Stretch(events=[(changed(), ("0xother", "0xbox"))]), True),
    (Stretch(events=[(changed(participant=CUSTOMS), ())], customs=frozenset({CUSTOMS})), False),
    (Stretch(events=[(changed(participant=CUSTOMS), ())], customs=frozenset({CUSTOMS}), stated={"0xnew"}), True),
    (Stretch(events=[(changed(), ())], customs=frozenset({CUSTOMS}), stated={"0xnew"}), False),
    (Stretch(units={"0xother": OTHER}), False),
    (Stretch(units={"0xother": OWNER}), True),
    (Stretch(units={"0xbox": OTHER}), True),
    (Stretch(lines={"0xother": OTHER}), False),
    (Stretch(lines={"0xother": OWNER}), True),
    (Stretch(lines={"0xline": OTHER}), True),
    (Stretch(names={"BL-2/BOX"}), False),
    (Stretch(names={"BL-1/BOX"}), True),
    (Stretch(everything=True), True),
])
def test_touches__each_reason_alone__is_enough_and_none_is_none(stretch: Stretch, touched: bool) -> None:
    assert stretch.touches(SPOKEN_OF, NUMBER, OWNER) is touched


@pytest.mark.parametrize(("table", "key", "kind", "everything"), [
    ("block", (7,), "insert", False), (table_of(m.Grant).name, ("g",), "insert", False),
    ("event", ("0x" + "ee" * 32,), "insert", True),  # not in the table any more: a roll-back came since
    ("event", ("0x" + "ee" * 32,), "delete", True),
    ("participant", (3,), "update", True), ("material", ("0xm",), "insert", True), ("book", (1,), "insert", True),
    ("unit", ("0x" + "ee" * 32,), "update", False),
])
def test_stretch__a_change_of_each_table__narrows_or_does_not(
        followed: Followed, table: str, key: tuple[Any, ...], kind: str, everything: bool) -> None:
    with followed.index.session() as session:
        found = stretch_of(session, followed.index.directory, [Change(1, 1, table, key, kind)])
    assert found.everything is everything


def test_stretch__every_table_that_the_feed_tells_of__is_decided_on() -> None:
    """A table that is added to the index touches every question until somebody decides otherwise."""
    told = {table.name for table in m.TABLES} - UNTOLD
    decided = touching._NOBODYS | touching._OF_EVENTS | touching._OF_UNITS | {touching._LINES, touching._NAMES}
    registers = {"participant", "signer", "facility", "facility_role", "book", "device", "device_calibration",
                 "succession", "material"}
    assert told == (decided & told) | registers
