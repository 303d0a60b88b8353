"""Questions, their runs, and what people said of findings, on disk (`runs.sqlite` of a home).

A run is never changed and never deleted. The change feed's cursor moves in the transaction that writes the
runs which the changes caused, so that a process killed at any moment has worked each change in exactly once.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from ledger.errors import NotFoundError
from ledger.gateway.store import Store
from tracer.policy import Policy
from tracer.runs.statements import CLOSED, Statement

CAUSES_MAX = 100
"""Events that are listed as what re-opened a question; more are counted."""

_MIGRATIONS = (
    """
CREATE TABLE question (
  id TEXT PRIMARY KEY,
  book TEXT NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL,
  allocation TEXT NOT NULL, yield_basis TEXT NOT NULL, turnover_days INTEGER,
  asked_at_s INTEGER NOT NULL, ended_at_s INTEGER,
  watch BLOB NOT NULL DEFAULT x'', fault TEXT NOT NULL DEFAULT ''
);
CREATE TABLE run (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  question TEXT NOT NULL REFERENCES question,
  made_at_s INTEGER NOT NULL,
  block_number INTEGER NOT NULL, block_hash TEXT NOT NULL,
  inputs TEXT NOT NULL, rule_pack TEXT NOT NULL, params_hash TEXT NOT NULL, program TEXT NOT NULL,
  causes TEXT NOT NULL, causes_more INTEGER NOT NULL,
  findings INTEGER NOT NULL,
  document_sha256 TEXT NOT NULL, document BLOB NOT NULL
);
CREATE INDEX run_of_question ON run (question, number);
CREATE TABLE feed (id INTEGER PRIMARY KEY CHECK (id = 1), cursor TEXT NOT NULL);
""",
    """
CREATE TABLE statement (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  finding TEXT NOT NULL, rule TEXT NOT NULL, book TEXT NOT NULL,
  status TEXT NOT NULL, reason TEXT NOT NULL, participant TEXT NOT NULL, said_at_s INTEGER NOT NULL,
  figures TEXT NOT NULL
);
CREATE INDEX statement_of_finding ON statement (finding, number);
""",
    """
ALTER TABLE question ADD COLUMN tables TEXT NOT NULL DEFAULT '';
""",
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is kept up to date: a book, two days (YYYY-MM-DD, both included) and a policy; empty fields of the
    policy leave the book's own. No book (empty) is the custody of every container and cargo.
    """

    book: str
    first: str
    last: str
    policy: Policy = field(default_factory=Policy)

    @property
    def id(self) -> str:
        """16 hexadecimal digits of a hash of the question."""
        text = json.dumps([self.book, self.first, self.last, asdict(self.policy)], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"question": self.id, "book": self.book, "from": self.first, "to": self.last,
                "allocation": self.policy.allocation, "yield_basis": self.policy.yield_basis,
                "turnover_days": self.policy.turnover_days}


@dataclass(frozen=True, slots=True)
class Cause:
    """An event that re-opened a question: recorded since the last run, or read now for the first time."""

    event: str
    kind: str
    occurred_at: str

    def to_json(self) -> dict[str, str]:
        """As JSON values."""
        return {"event": self.event, "kind": self.kind, "occurred_at": self.occurred_at}


@dataclass(frozen=True, slots=True)
class Run:
    """An answer to a question, as it was given.

    Attributes:
        number: from 1, over all questions; 0 before it is kept.
        made_at_s: seconds since 1970 UTC.
        block_number, block_hash: the index's head: nothing later was known.
        inputs: digest of the book's data (`inputs.digest`).
        rule_pack, params_hash, program: versions of rules, their parameters and the program.
        causes, causes_more: events that re-opened the question, at most `CAUSES_MAX`, and how many more.
        findings: how many were found. document_sha256: of the document's bytes.
    """

    question: Question
    made_at_s: int
    block_number: int
    block_hash: str
    inputs: str
    rule_pack: str
    params_hash: str
    program: str
    causes: tuple[Cause, ...]
    causes_more: int
    findings: int
    document_sha256: str
    number: int = 0

    @property
    def basis(self) -> tuple[str, str, str, str]:
        """What an answer is a function of: with the same basis there is nothing to work out again."""
        return self.inputs, self.rule_pack, self.params_hash, self.program

    def to_json(self) -> dict[str, Any]:
        """As JSON values, without the document."""
        return {**self.question.to_json(), "run": self.number, "made_at_s": self.made_at_s,
                "known_at": self.block_number, "block_hash": self.block_hash, "inputs": self.inputs,
                "rule_pack": self.rule_pack, "params_hash": self.params_hash, "program": self.program,
                "reopened_by": [cause.to_json() for cause in self.causes], "more_causes": self.causes_more,
                "findings": self.findings, "document_sha256": self.document_sha256}


class RunStore:
    """The file. Threads share it under its lock; processes share the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store = Store(path, _MIGRATIONS)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction over what is called inside; on disk when it ends."""
        with self._store.transaction():
            yield

    def keep(self, question: Question, now_s: int) -> None:
        """Keep a question up to date from now on; again is no error."""
        policy = question.policy
        with self._store.transaction() as sql:
            sql.execute(
                "INSERT INTO question (id, book, first, last, allocation, yield_basis, turnover_days,"
                " asked_at_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET ended_at_s = NULL",
                (question.id, question.book, question.first, question.last, policy.allocation,
                 policy.yield_basis, policy.turnover_days, now_s))

    def end(self, question_id: str, now_s: int) -> None:
        """Keep a question up to date no longer; its runs stay.

        Raises:
            NotFoundError: no such question is kept.
        """
        with self._store.transaction() as sql:
            done = sql.execute("UPDATE question SET ended_at_s = ? WHERE id = ? AND ended_at_s IS NULL",
                               (now_s, question_id))
            if not done.rowcount:
                raise NotFoundError(f"no question {question_id!r} is kept.",
                                    remedy="List them: cargoledger runs list")

    def kept(self) -> list[tuple[Question, bytes]]:
        """Questions that are kept up to date, with what their last answer spoke of (`inputs.watched`)."""
        rows = self._store.rows("SELECT * FROM question WHERE ended_at_s IS NULL ORDER BY asked_at_s, id")
        return [(_question(row), bytes(row["watch"])) for row in rows]

    def watch(self, question_id: str, watch: bytes, tables: str) -> None:
        """What a question's answer speaks of, from now on, and the digest of the tables beside its book; it
        could be answered.
        """
        with self._store.transaction() as sql:
            sql.execute("UPDATE question SET watch = ?, tables = ?, fault = '' WHERE id = ?",
                        (watch, tables, question_id))

    def tables(self, question_id: str) -> str:
        """Digest of the tables with which a question was last answered."""
        row = self._store.row("SELECT tables FROM question WHERE id = ?", question_id)
        return "" if row is None else str(row["tables"])

    def fail(self, question_id: str, fault: str) -> None:
        """A question could not be answered, and why: it is asked again each time until it can be."""
        with self._store.transaction() as sql:
            sql.execute("UPDATE question SET fault = ? WHERE id = ?", (fault, question_id))

    def faults(self) -> dict[str, str]:
        """Why kept questions could not be answered when they were asked last, by their id."""
        return {row["id"]: row["fault"] for row in self._store.rows(
            "SELECT id, fault FROM question WHERE ended_at_s IS NULL AND fault <> ''")}

    def add(self, run: Run, document: bytes) -> Run:
        """Add a run; the same with its number."""
        causes = json.dumps([[c.event, c.kind, c.occurred_at] for c in run.causes], separators=(",", ":"))
        with self._store.transaction() as sql:
            done = sql.execute(
                "INSERT INTO run (question, made_at_s, block_number, block_hash, inputs, rule_pack,"
                " params_hash, program, causes, causes_more, findings, document_sha256, document)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (run.question.id, run.made_at_s, run.block_number, run.block_hash, run.inputs, run.rule_pack,
                 run.params_hash, run.program, causes, run.causes_more, run.findings, run.document_sha256,
                 zlib.compress(document, 6)))
            return replace(run, number=int(done.lastrowid or 0))

    def runs(self, book: str | None = None) -> list[Run]:
        """All runs, or those of a book, the oldest first."""
        where, values = ("WHERE q.book = ?", (book,)) if book else ("", ())
        return [_run(row) for row in self._store.rows(
            f"SELECT {_COLUMNS} FROM run r JOIN question q ON q.id = r.question {where} "  # noqa: S608
            "ORDER BY r.number", *values)]

    def last(self, question_id: str) -> Run | None:
        """The latest run of a question."""
        row = self._store.row(
            f"SELECT {_COLUMNS} FROM run r JOIN question q ON q.id = r.question "  # noqa: S608
            "WHERE r.question = ? ORDER BY r.number DESC LIMIT 1", question_id)
        return None if row is None else _run(row)

    def run(self, number: int) -> Run:
        """A run by its number.

        Raises:
            NotFoundError: there is none.
        """
        row = self._store.row(
            f"SELECT {_COLUMNS} FROM run r JOIN question q ON q.id = r.question "  # noqa: S608
            "WHERE r.number = ?", number)
        if row is None:
            raise NotFoundError(f"there is no run {number}.", remedy="List them: cargoledger runs list")
        return _run(row)

    def document(self, number: int) -> bytes:
        """The document of a run, byte for byte as it was made.

        Raises:
            NotFoundError: there is no such run.
        """
        self.run(number)
        row = self._store.row("SELECT document FROM run WHERE number = ?", number)
        return zlib.decompress(row["document"]) if row is not None else b""

    def cursor(self) -> str | None:
        """How far the change feed was worked in."""
        row = self._store.row("SELECT cursor FROM feed")
        return None if row is None else str(row["cursor"])

    def move_to(self, cursor: str) -> None:
        """The feed is worked in so far."""
        with self._store.transaction() as sql:
            sql.execute("INSERT INTO feed VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET"
                        " cursor = excluded.cursor", (cursor,))

    # what people said

    def say(self, statement: Statement) -> None:
        """Keep a statement."""
        with self._store.transaction() as sql:
            sql.execute(
                "INSERT INTO statement (finding, rule, book, status, reason, participant, said_at_s, figures)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (statement.finding, statement.rule, statement.book, statement.status, statement.reason,
                 statement.participant, statement.said_at_s, statement.figures))

    def said(self, finding: str) -> list[Statement]:
        """All that was said of a finding, the oldest first."""
        return [_statement(row) for row in self._store.rows(
            "SELECT * FROM statement WHERE finding = ? ORDER BY number", finding)]

    def latest_statements(self) -> dict[str, Statement]:
        """The latest statement of each finding that somebody said something of, by its id."""
        return {row["finding"]: _statement(row) for row in self._store.rows(
            "SELECT * FROM statement WHERE number IN (SELECT max(number) FROM statement GROUP BY finding)")}

    def closed(self) -> list[tuple[str, str]]:
        """Rule and status of each finding that people closed, whatever its figures were."""
        return [(s.rule, s.status) for s in self.latest_statements().values() if s.status in CLOSED]

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()


_COLUMNS = ("q.book, q.first, q.last, q.allocation, q.yield_basis, q.turnover_days, r.number, r.made_at_s, "
            "r.block_number, r.block_hash, r.inputs, r.rule_pack, r.params_hash, r.program, r.causes, "
            "r.causes_more, r.findings, r.document_sha256")


def parse_document(document: bytes) -> dict[str, Any]:
    """A kept document as JSON values; numbers with a point stay exact."""
    value: dict[str, Any] = json.loads(document, parse_float=Decimal)
    return value


def document_bytes(document: Any) -> bytes:
    """A document as it is kept: one way to write it, so that equal answers are equal bytes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _question(row: sqlite3.Row) -> Question:
    return Question(row["book"], row["first"], row["last"],
                    Policy(row["allocation"], row["yield_basis"], row["turnover_days"]))


def _statement(row: sqlite3.Row) -> Statement:
    return Statement(row["finding"], row["rule"], row["book"], row["status"], row["reason"],
                     row["participant"], row["said_at_s"], row["figures"])


def _run(row: sqlite3.Row) -> Run:
    causes: Sequence[Sequence[str]] = json.loads(row["causes"], parse_float=Decimal)
    return Run(_question(row), row["made_at_s"], row["block_number"], row["block_hash"], row["inputs"],
               row["rule_pack"], row["params_hash"], row["program"], tuple(Cause(*c) for c in causes),
               row["causes_more"], row["findings"], row["document_sha256"], row["number"])
