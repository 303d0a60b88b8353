"""The audit: reads the chain again, recomputes every row of every table, says which differ, and proves it.

One code path with the indexer: the same `Indexer` runs from block 0 into a scratch database, and the tables
are compared side by side in a snapshot of the index. It trusts neither node (blocks are checked as when
indexing) nor index. `docs/audit.md` says what each kind of difference means and what cannot be recomputed.

Raises what the indexer raises where the chain cannot be read or does not verify: then nothing is said.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, select

from indexer.compare import CHANGED, EXTRA, MISSING, REORDERED, Comparison, Difference
from indexer.database import database_faults, writer_lock
from indexer.doubts import LATE, UNPROVEN, Doubts
from indexer.export import JOURNAL_APART, KEPT_APART, PROJECTION
from indexer.heal import HEAL_TOGETHER, heal
from indexer.history import remembered_where
from indexer.indexer import LOCK_WAIT_S, Indexer, Progress, fork_said
from indexer.journal import RowBefore
from indexer.models import Block, Cursor, Evidence
from indexer.proving import Proofs
from indexer.rollback import rolled_back_said
from indexer.scratch import CausedRows, scratch_engine
from indexer.store import hexed, table_of
from ledger.chain.header import decode_header
from ledger.errors import InputError, TrustError, UnavailableError

SOUND, DIFFERENCES, CANNOT_TELL = "sound", "differences", "cannot tell"
KINDS = (CHANGED, MISSING, EXTRA, REORDERED, LATE, UNPROVEN)
DETAILS_MAX = 1_000  # differences told with rows and proof; all are counted


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference with its proof.

    Attributes:
        kind: `changed`, `missing`, `extra`, `reordered`; `late`: the stores have a payload that this index
            has not read yet; `unproven`: no store has a payload any more that this index says it opened.
        healed: whether the row was put right.
    """

    difference: Difference
    kind: str
    proof: dict[str, Any]
    healed: bool = False

    def to_json(self) -> dict[str, Any]:
        """The finding as JSON values: whole rows, or of a changed row only what differs."""
        said, stored, right = self.difference, self.difference.stored, self.difference.recomputed
        both = stored is not None and right is not None
        return {
            "kind": self.kind, "table": said.table.name, "key": said.key, "healed": self.healed,
            "columns": list(said.columns) if both else [],
            "stored": _shown(stored, said.columns), "recomputed": _shown(right, said.columns),
            "proof": self.proof}


def _shown(row: dict[str, Any] | None, columns: Collection[str]) -> dict[str, Any] | None:
    """Columns of a row as JSON can say them; bytes stand only where somebody forced them into a cell."""
    if row is None:
        return None
    return {name: repr(row[name]) if isinstance(row[name], bytes) else row[name] for name in columns}


@dataclass(slots=True)
class Report:
    """What an audit found.

    Attributes:
        block_number, block_hash: up to where, -1 and empty for an index without a block.
        rows: rows compared, by table.
        counts: differences, by kind.
        findings: the first `DETAILS_MAX` of them, with their proof.
        healed: how many were put right.
        remaining: how many rows differ after repairing, by a second comparison; None where nothing was
            repaired.
        seconds: how long recomputing and comparing took.
    """

    block_number: int = -1
    block_hash: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    findings: list[Finding] = field(default_factory=list)
    healed: int = 0
    remaining: int | None = None
    seconds: float = 0.0

    @property
    def rows_total(self) -> int:
        """Rows compared in all tables."""
        return sum(self.rows.values())

    @property
    def verdict(self) -> str:
        """`sound`; `differences`; `cannot tell` if all that differs is late or unproven."""
        if any(self.counts[kind] for kind in (CHANGED, MISSING, EXTRA, REORDERED)):
            return DIFFERENCES
        return CANNOT_TELL if self.counts[LATE] or self.counts[UNPROVEN] else SOUND

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "verdict": self.verdict, "block": self.block_number, "blockHash": self.block_hash,
            "rows": self.rows_total, "tables": self.rows, "counts": self.counts, "healed": self.healed,
            "remaining": self.remaining,
            "rowsPerSecond": round(self.rows_total / self.seconds) if self.seconds else None,
            "findings": [finding.to_json() for finding in self.findings]}


Tell = Callable[[str, int, int], None]
"""Told what is being done (`blocks`, or a table), how much of it is done, and of how much (0: unknown)."""


def audit(
    indexer: Indexer, *, tables: Collection[str] = (), repair: bool = False, unproven_too: bool = False,
    scratch: Path | None = None, now_s: int | None = None, tell: Tell | None = None,
) -> Report:
    """Recompute the index of `indexer` and compare.

    Args:
        indexer: over the index in question, with the chain, stores and keys that it was made with.
        tables: compare only these; all if empty.
        repair: put right what differs, a group of rows in a transaction, and keep what was there in `repair`.
        unproven_too: repair also what no store can prove any more; what it said is then only in `repair`.
        scratch: folder for the recomputed database, which takes about as much space as the index; the
            system's for temporary files if None.
        now_s: the clock to write into `repair`; the machine's if None.
        tell: told of progress.

    Raises:
        InputError: there is no such table, or it is none that can be recomputed.
        TrustError, UnavailableError: chain or stores cannot be read, or are not what they should be.
    """
    told = tell or (lambda *_: None)
    _chosen(tables)
    begun = time.perf_counter()
    with recomputed(indexer, told, scratch) as fresh:
        report = compare(indexer, fresh, tables=tables, repair=repair, unproven_too=unproven_too, now_s=now_s,
                         tell=told)
    report.seconds = time.perf_counter() - begun
    return report


@contextmanager
def recomputed(indexer: Indexer, tell: Tell, scratch: Path | None = None) -> Iterator[Indexer]:
    """An indexer over a database of its own with all rows up to where the index is, until the block is left.
    """
    with tempfile.TemporaryDirectory(prefix="cargoledger-audit-", dir=scratch) as folder:
        engine = scratch_engine(Path(folder) / "recomputed.sqlite")
        try:
            fresh = indexer.beside(engine, CausedRows)
            with snapshot(indexer.engine) as stored:
                number = _position(stored, indexer)
            _recompute(fresh, number, tell)
            yield fresh
        finally:
            engine.dispose()


def compare(
    indexer: Indexer, fresh: Indexer, *, tables: Collection[str] = (), repair: bool = False,
    unproven_too: bool = False, now_s: int | None = None, tell: Tell | None = None,
) -> Report:
    """Compare an index with what was recomputed beside it; arguments as for `audit`."""
    run = _Run(indexer, fresh, _chosen(tables), tell or (lambda *_: None), unproven_too)
    if not repair:
        return run.compare(healing=None)
    with writer_lock(indexer.engine, wait_s=LOCK_WAIT_S), database_faults():
        report = run.compare(healing=int(time.time()) if now_s is None else now_s)
        if report.healed:
            report.remaining = sum(run.compare(healing=None).counts.values())
        return report


def _chosen(tables: Collection[str]) -> tuple[Table, ...]:
    known = {table.name: table for table in PROJECTION}
    known[table_of(Evidence).name] = table_of(Evidence)
    known[table_of(RowBefore).name] = table_of(RowBefore)
    for name in tables:
        if name not in known:
            apart = {**KEPT_APART, **JOURNAL_APART}
            reason = f": {apart[name]}" if name in apart else ""
            raise InputError(f"no table {name!r} can be recomputed{reason}.",
                             remedy=f"Known: {', '.join(sorted(known))}.")
    return tuple(table for name, table in known.items() if not tables or name in tables)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A reading connection that sees the database as it is now, whoever writes meanwhile."""
    with engine.connect() as connection:
        connection.execute(select(table_of(Cursor).c.id)).first()
        yield connection


def _position(stored: Connection, indexer: Indexer) -> int:
    """The block that the index stands at, by whichever of its rows the chain confirms."""
    blocks, cursors = table_of(Block), table_of(Cursor)
    head = indexer.source.head_number()
    said = [tuple(row) for row in stored.execute(select(cursors.c.block_number, cursors.c.block_hash))]
    said += [tuple(row) for row in stored.execute(
        select(blocks.c.number, blocks.c.hash).order_by(blocks.c.number.desc()).limit(3))]
    for number, block_hash in said:
        if isinstance(number, int) and 0 <= number <= head \
                and hexed(indexer.source.header(number).hash) == block_hash:
            return number
    highest = max((number for number, _ in said if isinstance(number, int)), default=-1)
    if highest > head and said:
        raise UnavailableError(
            f"the index says it stands at block {highest}, the node has blocks only up to {head}.",
            remedy="Ask another node, or wait until this one has caught up.")
    return min(highest, head)


def _recompute(fresh: Indexer, number: int, told: Tell) -> None:
    def progress(now: Progress) -> None:
        told("blocks", now.block_number + 1, number + 1)

    if number >= 0:
        fresh.run_once(progress, until_block=number)


class _Run:
    """One comparison of an index with what was recomputed beside it."""

    def __init__(self, indexer: Indexer, fresh: Indexer, tables: tuple[Table, ...], told: Tell,
                 unproven_too: bool) -> None:
        self._indexer, self._fresh, self._tables, self._told = indexer, fresh, tables, told
        self._unproven_too = unproven_too

    def compare(self, *, healing: int | None) -> Report:
        """Compare every table; with a time in `healing` put right what differs as it is found."""
        report = Report()
        with snapshot(self._indexer.engine) as stored:
            number = _position(stored, self._indexer)
            _recompute(self._fresh, number, self._told)  # what was indexed meanwhile
            remembered = remembered_where(stored, self._fresh.engine)
            with self._fresh.engine.connect() as recomputed:
                head = recomputed.execute(select(table_of(Cursor))).mappings().first()
                if head is not None:
                    report.block_number, report.block_hash = head["block_number"], head["block_hash"]
                self._tables_of(report, stored, recomputed, healing, remembered)
        return report

    def _tables_of(self, report: Report, stored: Connection, recomputed: Connection,
                   healing: int | None, remembered: list[Any]) -> None:
        comparison, proofs = Comparison(stored, recomputed), Proofs(recomputed, self._fresh.source)
        doubts = Doubts(stored, recomputed)
        for table in self._tables:
            only = remembered if table.name == table_of(RowBefore).name else ()
            found = _evidence(stored, recomputed) if table.name in KEPT_APART \
                else comparison.differences(table, only)
            group: list[Finding] = []
            for difference in found:
                kind = doubts.kind_of(difference)
                report.counts[kind] += 1
                lost = table.name in KEPT_APART and "their_header" in difference.columns
                wanted = healing is not None and not lost and (kind != UNPROVEN or self._unproven_too)
                if not wanted and len(report.findings) >= DETAILS_MAX:
                    continue
                finding = Finding(difference, kind, proofs.of(difference))
                group.append(replace(finding, healed=wanted))
                if len(group) == HEAL_TOGETHER:
                    self._settle(report, group, recomputed, healing)
                    group = []
            self._settle(report, group, recomputed, healing)
            report.rows = {**report.rows, **comparison.rows}
            self._told(table.name, comparison.rows.get(table.name, 0), 0)

    def _settle(self, report: Report, group: list[Finding], recomputed: Connection,
                healing: int | None) -> None:
        """Put right what shall be, and keep as many findings as a report holds."""
        healed = [finding for finding in group if finding.healed]
        if healed and healing is not None:
            heal(self._indexer.engine, recomputed,
                 [(f.difference, f.kind, f.proof) for f in healed], report.block_number, healing)
            report.healed += len(healed)
        report.findings += group[:DETAILS_MAX - len(report.findings)]


def _rolled_back(row: dict[str, Any]) -> Iterator[Difference]:
    """What does not follow from the two headers of a block that was rolled back."""
    try:
        ours, theirs = (decode_header(bytes.fromhex(row[name][2:]))
                        for name in ("our_header", "their_header"))
        right = {**row, "block_number": ours.number, "their_hash": hexed(theirs.hash),
                 "what": rolled_back_said(ours.number, theirs.hash)}
    except (TrustError, ValueError, TypeError):
        right = {**row, "our_header": None, "their_header": None}
    wrong = tuple(name for name in row if row[name] != right[name])
    if wrong:
        key = {name: row[name] for name in ("block_number", "their_hash")}
        yield Difference(table_of(Evidence), CHANGED, key, wrong, row, right)


def _evidence(stored: Connection, recomputed: Connection) -> Iterator[Difference]:
    """Rows of `evidence` whose columns do not follow from the header that they keep.

    Such a row cannot be recomputed, since no honest node says it again; but all of it follows from the
    foreign header and our own. What is not found: a row that was removed, and one made with a header that
    somebody invented.
    """
    table, blocks = table_of(Evidence), table_of(Block)
    names = [column.name for column in table.columns]
    for row in stored.execute(select(table).order_by(*table.primary_key.columns)).mappings():
        if "was rolled back" in row["what"]:
            yield from _rolled_back(dict(row))
            continue
        try:
            header = decode_header(bytes.fromhex(row["their_header"][2:]))
            number, their_hash = header.number, header.hash
        except (TrustError, ValueError, TypeError):
            number, their_hash = -1, b""
        ours = list(recomputed.execute(select(blocks.c.rlp).where(
            blocks.c.number.in_((number, number - 1))).order_by(blocks.c.number.desc())).scalars())
        right = {
            "block_number": number, "their_hash": hexed(their_hash), "their_header": row["their_header"],
            "our_header": row["our_header"] if row["our_header"] in ours else next(iter(ours), ""),
            "what": fork_said(number, their_hash)}
        wrong = tuple(name for name in names if row[name] != right[name])
        key = {name: row[name] for name in ("block_number", "their_hash")}
        if not their_hash or {"their_hash", "what"} <= set(wrong):  # the header is not the one that was seen
            yield Difference(table, CHANGED, key, ("their_header",), dict(row), {**row, "their_header": None})
        elif wrong:
            yield Difference(table, CHANGED, key, wrong, dict(row), right)
