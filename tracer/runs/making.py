"""Works questions out, and brings all that are kept up to date along the change feed.

Each answer is worked out within one state of the index, and is a function of that state: two who ask at one
block get the same bytes. Clock and program version come from the caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Engine, select
from sqlmodel import Session

from indexer import models as m
from indexer.feed import Change, FeedLostError, changes_after
from indexer.journal import table_of
from indexer.lookups import HOLDER
from ledger.directory import Directory
from ledger.errors import ConflictError, InputError, NotFoundError
from tracer import collector
from tracer.book import BookData
from tracer.check import examine
from tracer.facts import Facts
from tracer.load import load_book, load_custody, period_of
from tracer.moment import iso
from tracer.rules import RULE_PACK
from tracer.runs.inputs import Watch, digest, watched
from tracer.runs.store import CAUSES_MAX, Cause, Question, Run, RunStore, document_bytes
from tracer.runs.touching import EVENTS_MAX, Stretch, stretch_of
from tracer.settlement import settle_facts

Progress = Callable[[str, int, int], None]
"""Told a question's book, how many questions are done, and how many there are."""


class Beside(Protocol):
    """Tables beside the books of a ledger."""

    def digest(self, book: str) -> str:
        """Of the tables of a book as they are now; empty where there are none."""

    def joined(self, book: BookData) -> tuple[BookData, dict[str, Any]]:
        """A book with its tables, and what an answer says of them (nothing where there are none)."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Where questions are asked.

    Attributes:
        engine: the index. directory: names of participants, places and books.
        store: where runs are kept. program: version of the program.
        offset: zone in which days of a book begin and end.
        tables: what stands beside the books, and is no fact of the ledger.
    """

    engine: Engine
    directory: Directory
    store: RunStore
    program: str
    offset: str = "+07:00"
    tables: Beside | None = None

    def ask(self, question: Question, now_s: int) -> Run:
        """Answer a question and keep it up to date from now on.

        Returns:
            A new run, or the last one where nothing has changed since.

        Raises:
            NotFoundError: no such book. InputError: not days, no such policy, nothing indexed yet.
        """
        with self._snapshot() as session:
            cursor = _now(session)
            answer = self._answer(session, question, now_s, ())
            with self.store.transaction():
                self.store.keep(question, now_s)
                if self.store.cursor() is None:
                    self.store.move_to(cursor)
                return self._keep(answer)

    def refresh(self, now_s: int, progress: Progress | None = None) -> list[Run]:
        """Answer again every kept question that something has touched since it was last looked at.

        A question that cannot be answered (its book is not in the directory any more) keeps nobody from the
        others; `RunStore.faults` says why, and it is asked again each time.

        Returns:
            The new runs; none where every answer still holds.

        Raises:
            ConflictError: another process did the same meanwhile; what it found stands.
        """
        kept = self.store.kept()
        if not kept:
            return []
        failed = self.store.faults()
        with self._snapshot() as session:
            begun = self.store.cursor()
            stretch, cursor = self._since(session, begun)
            touched = [(question, watch) for question, watch in
                       ((question, Watch(watch)) for question, watch in kept)
                       if question.id in failed or self._is_stale(question)
                       or self._tables(question) != self.store.tables(question.id)
                       or self._touches(stretch, question, watch)]
            answers, faults = [], {}
            for place, (question, watch) in enumerate(touched):
                if progress is not None:
                    progress(question.book, place, len(touched))
                try:
                    causes = self._causes(stretch, question, watch)
                    answers.append(self._answer(session, question, now_s, causes))
                except (InputError, NotFoundError) as fault:  # of this question alone: the others go on
                    faults[question.id] = fault.message
            with self.store.transaction():
                if self.store.cursor() != begun:
                    raise ConflictError("another process brought the runs up to date meanwhile.",
                                        remedy="Nothing is lost: ask again.")
                before = {question.id: self.store.last(question.id) for question, _ in touched}
                found = [self._keep(answer) for answer in answers]
                for question_id, message in faults.items():
                    self.store.fail(question_id, message)
                self.store.move_to(cursor)
        return [run for run in found if run != before[run.question.id]]

    # one question

    def _answer(self, session: Session, question: Question, now_s: int, causes: Sequence[m.Event]) -> Answer:
        tables = self._tables(question)
        book, told = self._book(session, question)
        inputs = digest(book)
        if tables:  # the answer names them by their digest, whether a changed row changes a figure or not
            inputs = hashlib.sha256(f"{inputs}|{tables}".encode()).hexdigest()
        said = tuple(Cause(e.event_id, e.kind, iso(e.occurred_at_ms, self.offset))
                     for e in causes[:CAUSES_MAX])
        last = self.store.last(question.id)
        watch = watched(book)
        if last is not None and last.basis[:2] == (inputs, RULE_PACK) and last.program == self.program:
            return Answer(last, b"", watch, tables)
        number, block_hash = _head(session)
        document, found, params_hash = document_of(book)
        content = document_bytes({**document, **told})
        return Answer(Run(
            question, now_s, number, block_hash, inputs, RULE_PACK, params_hash, self.program, said,
            max(0, len(causes) - CAUSES_MAX), found, hashlib.sha256(content).hexdigest()), content, watch,
            tables)

    def _keep(self, answer: Answer) -> Run:
        self.store.watch(answer.run.question.id, answer.watch, answer.tables)
        last = self.store.last(answer.run.question.id)
        if last is not None and (not answer.document or last.basis == answer.run.basis):
            return last
        return self.store.add(answer.run, answer.document)

    def _tables(self, question: Question) -> str:
        return self.tables.digest(question.book) if self.tables is not None and question.book else ""

    def _book(self, session: Session, question: Question) -> tuple[BookData, dict[str, Any]]:
        if not (len(question.first) == len(question.last) == 10):
            raise InputError("a period is two days.", remedy="Write them like 2026-01-01 and 2026-12-31.")
        period = period_of(question.first, question.last, self.offset)
        if not question.book:
            return load_custody(session, self.directory, period=period, offset=self.offset), {}
        book = load_book(session, self.directory, question.book, period=period, offset=self.offset)
        told: dict[str, Any] = {}
        if self.tables is not None:
            book, told = self.tables.joined(book)
        return question.policy.on(book), told

    # what changed

    def _since(self, session: Session, cursor: str | None) -> tuple[Stretch, str]:
        """What the feed says after a cursor, and the cursor to go on after."""
        if cursor is None:
            return Stretch(everything=True), _now(session)
        changes: list[Change] = []
        while True:
            try:
                page = changes_after(session, HOLDER, cursor)
            except FeedLostError:
                return Stretch(everything=True), _now(session)
            changes += page.changes
            cursor = page.cursor
            if not page.more:
                return stretch_of(session, self.directory, changes), cursor
            if len(changes) > EVENTS_MAX * 20:
                return Stretch(everything=True), _now(session)

    def _touches(self, stretch: Stretch, question: Question, watch: Watch) -> bool:
        if not question.book:  # about every container: whatever happened is read again
            return stretch.everything or bool(stretch.events)
        try:
            return stretch.touches(watch, *self._numbers(question))
        except NotFoundError:  # a book or owner that the directory has no more: asking says so
            return True

    def _causes(self, stretch: Stretch, question: Question, watch: Watch) -> list[m.Event]:
        if not question.book:
            return [event for event, _ in stretch.events]
        return stretch.touching(watch, *self._numbers(question))

    def _numbers(self, question: Question) -> tuple[int, int]:
        entry = self.directory.book(question.book)
        return entry.number, self.directory.participant(entry.owner).number

    def _is_stale(self, question: Question) -> bool:
        """Whether its last answer is of other rules or another program, or was never given."""
        last = self.store.last(question.id)
        return last is None or (last.rule_pack, last.program) != (RULE_PACK, self.program)

    @contextmanager
    def _snapshot(self) -> Iterator[Session]:
        """A session that sees one state of the index, however long it takes."""
        with self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin() as transaction, Session(bind=connection) as session:
                yield session
                transaction.rollback()


@dataclass(frozen=True, slots=True)
class Answer:
    """A run with its document (empty where it is kept already), what it speaks of, and the digest of the
    tables beside its book.
    """

    run: Run
    document: bytes
    watch: bytes
    tables: str


def document_of(book: BookData) -> tuple[dict[str, Any], int, str]:
    """A book settled and examined: the document, how many findings it has, the parameters' hash."""
    with collector.paused():
        facts = Facts(book)
        report = examine(facts)
        return ({**settle_facts(facts).to_json(), "report": report.to_json()}, len(report.findings),
                report.params_hash)


def _now(session: Session) -> str:
    return changes_after(session, HOLDER, "now").cursor


def _head(session: Session) -> tuple[int, str]:
    cursor = table_of(m.Cursor)
    row = session.execute(select(cursor.c.block_number, cursor.c.block_hash)).first()
    if row is None:
        raise InputError("nothing is indexed yet.", remedy="Run cargoledger sync, or start the server.")
    return int(row.block_number), str(row.block_hash)
