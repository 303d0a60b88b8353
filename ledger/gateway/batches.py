"""Batches in the gateway's store: which transaction carried which events, and how far it is.

    submitted → settled                      its receipt is final and every event of it has an outcome
              → included → settled           in a block that is not final yet
                 ↓ its block was replaced
              submitted
              → failed                       it failed as a whole; events queued again, or given up
              → abandoned                    it can never get into a block; events queued again

A batch's raw transaction and its membership are on disk before it is sent. Its number (the account's nonce)
is never given to another batch unless the chain itself says that somebody else used it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.chain.client import Receipt
from ledger.gateway.outbox import StoredEvent, add_history, change, store_outcomes, stored_event
from ledger.gateway.store import Store
from ledger.gateway.submission import TX_FAILED


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch transaction; `state` as in the module's picture."""

    id: int
    tx_hash: bytes
    sender: bytes
    nonce: int
    raw: bytes
    event_count: int
    state: str
    block_number: int | None
    block_hash: bytes | None
    gas_estimated: int


class Batches:
    """Every method that writes is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, seqs: Sequence[int], *, tx_hash: bytes, sender: bytes, nonce: int, raw: bytes,
             head_number: int, gas_estimated: int, now_s: int) -> StoredBatch:
        """Put a signed batch and its membership on disk, before it is sent."""
        with self._store.transaction() as sql:
            number = int(sql.execute(
                "INSERT INTO batch (tx_hash, sender, nonce, raw, event_count, state, made_at_s,"
                " made_at_block, gas_estimated) VALUES (?,?,?,?,?,'submitted',?,?,?)",
                (tx_hash, sender, nonce, raw, len(seqs), now_s, head_number, gas_estimated)).lastrowid or 0)
            sql.executemany(
                "UPDATE submission SET status='submitted', outcome=NULL, tx_hash=?, batch=?,"
                " batch_position=?, waiting_for=NULL, announced=0 WHERE seq=?",
                [(tx_hash, number, position, seq) for position, seq in enumerate(seqs)])
            add_history(sql, [(seq, "submitted", None, now_s, tx_hash, None, "") for seq in seqs])
        return StoredBatch(number, tx_hash, sender, nonce, raw, len(seqs), "submitted", None, None,
                           gas_estimated)

    def open(self) -> list[StoredBatch]:
        """Batches whose end is not known, oldest first."""
        rows = self._store.rows("SELECT * FROM batch WHERE state IN ('submitted', 'included') ORDER BY id")
        return [_batch(row) for row in rows]

    def next_nonce(self, sender: bytes) -> int:
        """The number after the last one that a batch of this account got into a block, or may still."""
        row = self._store.row(
            "SELECT max(nonce) AS n FROM batch WHERE sender=? AND state<>'abandoned'", sender)
        return 0 if row is None or row["n"] is None else int(row["n"]) + 1

    def events(self, batch: StoredBatch) -> list[StoredEvent]:
        """Events of a batch that is still open, in its order (not always that of `seq`)."""
        rows = self._store.rows(
            "SELECT * FROM submission WHERE batch=? AND status='submitted' ORDER BY batch_position", batch.id)
        return [stored_event(row) for row in rows]

    def first_sent_at(self, seqs: Sequence[int]) -> int | None:
        """The chain's head when the first batch with any of these events was made; None if there was none."""
        found: list[int] = []
        for seq in seqs:
            row = self._store.row("SELECT min(b.made_at_block) AS n FROM status_change c JOIN batch b"
                                  " ON b.tx_hash=c.tx_hash WHERE c.seq=?", seq)
            if row is not None and row["n"] is not None:
                found.append(row["n"])
        return min(found, default=None)

    def included(self, batch: StoredBatch, receipt: Receipt, note: str, now_s: int) -> None:
        """A batch is in a block that is not final yet; said once a block."""
        if (batch.state, batch.block_hash) == ("included", receipt.block_hash):
            return
        with self._store.transaction() as sql:
            sql.execute("UPDATE batch SET state='included', block_number=?, block_hash=? WHERE id=?",
                        (receipt.block_number, receipt.block_hash, batch.id))
            seqs = _members(sql, batch)
            sql.executemany("UPDATE submission SET block_number=?, block_hash=? WHERE seq=?",
                            [(receipt.block_number, receipt.block_hash, seq) for seq in seqs])
            add_history(sql, [(seq, "submitted", None, now_s, batch.tx_hash, receipt.block_number, note)
                              for seq in seqs])

    def replaced(self, batch: StoredBatch, note: str, now_s: int) -> None:
        """The block that held a batch is no more: it is merely submitted again."""
        with self._store.transaction() as sql:
            sql.execute("UPDATE batch SET state='submitted', block_number=NULL, block_hash=NULL WHERE id=?",
                        (batch.id,))
            for seq in _members(sql, batch):
                change(sql, seq, "submitted", None, now_s, tx_hash=batch.tx_hash, note=note)

    def requeue(self, batch: StoredBatch, state: str, note: str, now_s: int) -> None:
        """Close a batch that carried nothing (`failed` or `abandoned`) and queue its events again."""
        with self._store.transaction() as sql:
            sql.execute("UPDATE batch SET state=? WHERE id=?", (state, batch.id))
            for seq in _members(sql, batch):
                change(sql, seq, "queued", None, now_s, note=note)

    def settle(self, batch: StoredBatch, outcomes: Sequence[tuple[int, dict[str, Any]]], receipt: Receipt,
               now_s: int) -> None:
        """Store the outcome of every event of a batch, in one transaction.

        Args:
            outcomes: (seq, columns) with columns status, outcome, tx_hash, block_number, block_hash,
                block_time_s, log_index, participant and note.
        """
        with self._store.transaction() as sql:
            self._close(sql, batch, "settled", receipt)
            store_outcomes(sql, outcomes, now_s)

    def fail_alone(self, batch: StoredBatch, event: StoredEvent, *, receipt: Receipt, note: str,
                   now_s: int) -> None:
        """Give up on one event whose transaction fails even alone; it burned no nonce on the ledger."""
        with self._store.transaction() as sql:
            self._close(sql, batch, "failed", receipt)
            change(sql, event.seq, "not_taken", TX_FAILED, now_s, tx_hash=batch.tx_hash, note=note)

    def unannounced(self) -> list[sqlite3.Row]:
        """Events with an outcome that listeners have not heard of, in order."""
        return self._store.rows(
            "SELECT * FROM submission WHERE announced=0 AND status IN"
            " ('recorded', 'pending', 'refused', 'not_taken') ORDER BY seq")

    def announced(self, seqs: Sequence[int]) -> None:
        """Listeners have heard of these."""
        if not seqs:
            return
        with self._store.transaction() as sql:
            sql.executemany("UPDATE submission SET announced=1 WHERE seq=?", [(seq,) for seq in seqs])

    @staticmethod
    def _close(sql: sqlite3.Connection, batch: StoredBatch, state: str, receipt: Receipt) -> None:
        sql.execute("UPDATE batch SET state=?, gas_used=?, block_number=?, block_hash=? WHERE id=?",
                    (state, receipt.gas_used, receipt.block_number, receipt.block_hash, batch.id))


def _members(sql: sqlite3.Connection, batch: StoredBatch) -> list[int]:
    return [row["seq"] for row in sql.execute(
        "SELECT seq FROM submission WHERE batch=? AND status='submitted' ORDER BY batch_position",
        (batch.id,)).fetchall()]


def _batch(row: sqlite3.Row) -> StoredBatch:
    return StoredBatch(
        row["id"], row["tx_hash"], row["sender"], row["nonce"], row["raw"], row["event_count"], row["state"],
        row["block_number"], row["block_hash"], row["gas_estimated"] or 0)
