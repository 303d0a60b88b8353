"""The durable outbox: every submission, its way to an outcome, and the batches that carried it.

    queued → submitted → recorded | pending | refused | not_taken
               ↓ (the batch failed as a whole)
             queued

A submission is on disk before it is acknowledged; a batch's raw transaction is on disk before it is
sent. Nothing is ever deleted: the history of an event is evidence.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.errors import ConflictError
from ledger.events.model import CustodyEvent
from ledger.gateway.batching import SHOWS_WITNESS, Queued
from ledger.gateway.store import Store
from ledger.gateway.submission import EventStatus, SignedSubmission, StatusChange
from ledger.vocabulary import Kind, Outcome


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A submission as the outbox keeps it (its payload is with the payload store)."""

    seq: int
    event_id: bytes
    epcis_event_id: str
    is_correction: bool
    participant: int
    signer: bytes
    custody_event: CustodyEvent
    signature: bytes
    witness: bytes
    status: str
    outcome: str | None


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch transaction: `state` is submitted, settled, failed (as a whole) or abandoned (never taken)."""

    id: int
    tx_hash: bytes
    sender: bytes
    nonce: int
    raw: bytes
    event_count: int
    state: str


class Outbox:
    """Submissions and batches in the gateway's store. Every method that writes is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, submission: SignedSubmission, identifier: bytes, signer: bytes, now_s: int) -> bool:
        """Take a submission in.

        Returns:
            False if this very event is known already (nothing changes, except that one
            which the ledger did not take is queued again).

        Raises:
            ConflictError: the same label with other content, or the commitment of another's event.
        """
        event = submission.custody_event
        with self._store.transaction() as sql:
            known = sql.execute("SELECT seq, status FROM submission WHERE event_id=?",
                                (identifier,)).fetchone()
            if known is not None:
                if known["status"] == "not_taken":
                    self._change(sql, known["seq"], "queued", None, now_s, note="submitted again")
                return False
            self._check_commitment(sql, submission, signer)
            self._check_label(sql, submission, signer)
            seq = sql.execute(
                "INSERT INTO submission (event_id, epcis_event_id, is_correction, participant, signer, kind,"
                " line_count, custody_event, signature, witness, commitment, counterparty, reference,"
                " received_at_s, status) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,'queued')",
                (identifier, submission.epcis_event_id, submission.is_correction, submission.participant,
                 signer, int(event.kind), len(event.lines), json.dumps(event.to_json()), submission.signature,
                 submission.witness, event.commitment, event.counterparty, event.reference, now_s)).lastrowid
            sql.executemany("INSERT INTO submission_unit (unit, seq) VALUES (?,?)",
                            [(line.unit, seq) for line in event.lines])
            self._change(sql, int(seq or 0), "queued", None, now_s)
        return True

    def _check_commitment(self, sql: sqlite3.Connection, submission: SignedSubmission, signer: bytes) -> None:
        """A commitment is public and belongs to who posted it first: a copy would bring its content along.

        Who signs is what counts, since the participant is only claimed until the ledger says it. Another key
        may sign the same content only where the participant signs it again.
        """
        others = sql.execute(
            "SELECT signer, participant, epcis_event_id, is_correction, status, outcome FROM submission"
            " WHERE commitment=?", (submission.custody_event.commitment,)).fetchall()
        for other in others:
            if other["signer"] == signer or _by_nobody_known(other):
                continue
            same = (other["participant"], other["epcis_event_id"], bool(other["is_correction"])) == (
                submission.participant, submission.epcis_event_id, submission.is_correction)
            if not (same and may_be_renewed(other["status"], other["outcome"])):
                raise ConflictError("this commitment is that of an event of somebody else.",
                                    remedy="Commit to your own content with a fresh secret.",
                                    pointer="/event/commitment")

    def _check_label(self, sql: sqlite3.Connection, submission: SignedSubmission, signer: bytes) -> None:
        """The same label again is only right for the same content, signed anew because it never got in.

        A label is the poster's own: another's use of the same eventID reserves nothing. Whose a submission is
        the key tells, and the participant once the ledger has confirmed it.
        """
        others = sql.execute(
            "SELECT commitment, signer, participant, status, outcome FROM submission"
            " WHERE epcis_event_id=? AND is_correction=?",
            (submission.epcis_event_id, submission.is_correction)).fetchall()
        for other in others:
            confirmed = other["status"] in ("recorded", "pending", "refused")
            own = other["signer"] == signer or (confirmed and other["participant"] == submission.participant)
            if not own or _by_nobody_known(other):
                continue  # nor does what nobody known signed
            same = other["commitment"] == submission.custody_event.commitment
            if not (same and may_be_renewed(other["status"], other["outcome"])):
                raise ConflictError(
                    f"the event {submission.epcis_event_id} is known with other content or signature.",
                    remedy="Give a new event a new eventID; to change a recorded one, post a correction.",
                    pointer="/eventID")

    def status(self, identifier: bytes) -> EventStatus | None:
        """Status of an event by the ledger's id, or None."""
        row = self._store.row("SELECT * FROM submission WHERE event_id=?", identifier)
        return None if row is None else self._status(row)

    def status_by_label(
        self, epcis_event_id: str, is_correction: bool, participant: int | None = None,
    ) -> EventStatus | None:
        """Status of the event under an EPCIS label, or None.

        Where several participants use the label: that of `participant`, else what is recorded before what is
        not and that before what the ledger did not take, then who used it first. Of one the latest.
        """
        row = self._store.row(
            "SELECT s.* FROM submission s WHERE s.epcis_event_id=? AND s.is_correction=? ORDER BY"
            " s.participant IS NOT ?,"
            " CASE WHEN s.status IN ('recorded', 'pending') THEN 0"
            "  WHEN s.status='not_taken' THEN 2 ELSE 1 END,"
            " (SELECT min(f.seq) FROM submission f WHERE f.epcis_event_id=s.epcis_event_id"
            "  AND f.is_correction=s.is_correction AND f.participant=s.participant), s.seq DESC LIMIT 1",
            epcis_event_id, is_correction, participant)
        return None if row is None else self._status(row)

    def stored(self, identifier: bytes) -> StoredEvent | None:
        """The submission of an event, or None."""
        row = self._store.row("SELECT * FROM submission WHERE event_id=?", identifier)
        return None if row is None else _stored(row)

    def counts(self) -> dict[str, int]:
        """How many submissions are in each status."""
        rows = self._store.rows("SELECT status, count(*) AS n FROM submission GROUP BY status ORDER BY 1")
        return {row["status"]: row["n"] for row in rows}

    def knows(self, identifier: bytes) -> bool:
        """Whether an event was ever submitted here, whatever became of it."""
        return self._store.row("SELECT 1 FROM submission WHERE event_id=?", identifier) is not None

    def queued(self, count_max: int) -> list[Queued]:
        """The oldest queued events."""
        rows = self._store.rows(
            "SELECT * FROM submission WHERE status='queued' ORDER BY seq LIMIT ?", count_max)
        return [self._queued(row) for row in rows]

    def find_queued(self, identifier: bytes) -> Queued | None:
        """A queued event by id, or None."""
        row = self._store.row("SELECT * FROM submission WHERE event_id=? AND status='queued'", identifier)
        return None if row is None else self._queued(row)

    def events(self, seqs: Iterable[int]) -> list[StoredEvent]:
        """Submissions by their place in the outbox, in that order."""
        found = []
        for seq in seqs:
            row = self._store.row("SELECT * FROM submission WHERE seq=?", seq)
            if row is not None:
                found.append(_stored(row))
        return found

    def note_waiting(self, waiting: Sequence[tuple[Queued, bytes]], now_s: int) -> None:
        """Make visible which events wait, and for what."""
        with self._store.transaction() as sql:
            for event, missing in waiting:
                changed = sql.execute(
                    "UPDATE submission SET waiting_for=? WHERE seq=? AND waiting_for IS NOT ?",
                    (missing, event.seq, missing)).rowcount
                if changed:
                    note = f"waits for 0x{missing.hex()}"
                    _history(sql, (event.seq, "queued", None, now_s, None, note))

    # batches

    def save_batch(self, seqs: Sequence[int], *, tx_hash: bytes, sender: bytes, nonce: int, raw: bytes,
                   head_number: int, now_s: int) -> StoredBatch:
        """Put a signed batch and its membership on disk, before it is sent."""
        with self._store.transaction() as sql:
            number = sql.execute(
                "INSERT INTO batch (tx_hash, sender, nonce, raw, event_count, state, made_at_s,"
                " made_at_block) VALUES (?,?,?,?,?,'submitted',?,?)",
                (tx_hash, sender, nonce, raw, len(seqs), now_s, head_number)).lastrowid
            for position, seq in enumerate(seqs):
                self._change(sql, seq, "submitted", None, now_s, tx_hash=tx_hash)
                sql.execute("UPDATE submission SET batch=?, batch_position=?, waiting_for=NULL WHERE seq=?",
                            (number, position, seq))
        return StoredBatch(int(number or 0), tx_hash, sender, nonce, raw, len(seqs), "submitted")

    def open_batches(self) -> list[StoredBatch]:
        """Batches whose end is not known, oldest first."""
        rows = self._store.rows("SELECT * FROM batch WHERE state='submitted' ORDER BY id")
        return [StoredBatch(row["id"], row["tx_hash"], row["sender"], row["nonce"], row["raw"],
                            row["event_count"], row["state"]) for row in rows]

    def batch_events(self, batch: StoredBatch) -> list[StoredEvent]:
        """Events of a batch that is still open, in its order (not always that of `seq`)."""
        rows = self._store.rows(
            "SELECT * FROM submission WHERE batch=? AND status='submitted' ORDER BY batch_position", batch.id)
        return [_stored(row) for row in rows]

    def first_sent_at(self, seqs: Sequence[int]) -> int | None:
        """The chain's head when the first batch with any of these events was made; None if there was none."""
        found: list[int] = []
        for seq in seqs:
            row = self._store.row("SELECT min(b.made_at_block) AS n FROM status_change c JOIN batch b"
                                  " ON b.tx_hash=c.tx_hash WHERE c.seq=?", seq)
            if row is not None and row["n"] is not None:
                found.append(row["n"])
        return min(found, default=None)

    def requeue(self, batch: StoredBatch, state: str, note: str, now_s: int) -> None:
        """Close a batch that carried nothing and queue its events again."""
        with self._store.transaction() as sql:
            sql.execute("UPDATE batch SET state=? WHERE id=?", (state, batch.id))
            for row in sql.execute("SELECT seq FROM submission WHERE batch=? AND status='submitted'",
                                   (batch.id,)).fetchall():
                self._change(sql, row["seq"], "queued", None, now_s, note=note)

    def settle(self, batch: StoredBatch, outcomes: Sequence[tuple[int, dict[str, Any]]], gas_used: int,
               now_s: int) -> None:
        """Store the outcome of every event of a batch, in one transaction.

        Args:
            outcomes: (seq, columns) with columns status, outcome, tx_hash, block_number, block_hash,
                log_index and participant.
        """
        with self._store.transaction() as sql:
            sql.execute("UPDATE batch SET state='settled', gas_used=? WHERE id=?", (gas_used, batch.id))
            for seq, columns in outcomes:
                self._settle_one(sql, seq, columns, now_s)

    def fail_alone(self, batch: StoredBatch, event: StoredEvent, *, gas_used: int, note: str,
                   now_s: int) -> None:
        """Give up on one event whose transaction fails even alone; it burned no nonce on the ledger."""
        with self._store.transaction() as sql:
            sql.execute("UPDATE batch SET state='failed', gas_used=? WHERE id=?", (gas_used, batch.id))
            self._change(sql, event.seq, "not_taken", "TX_FAILED", now_s, tx_hash=batch.tx_hash, note=note)

    def unannounced(self) -> list[sqlite3.Row]:
        """Events with an outcome that listeners have not heard of, in order."""
        return self._store.rows(
            "SELECT * FROM submission WHERE announced=0 AND status NOT IN ('queued', 'submitted')"
            " ORDER BY seq")

    def announced(self, seqs: Sequence[int]) -> None:
        """Listeners have heard of these."""
        with self._store.transaction() as sql:
            sql.executemany("UPDATE submission SET announced=1 WHERE seq=?", [(seq,) for seq in seqs])

    # inside

    def _settle_one(self, sql: sqlite3.Connection, seq: int, columns: dict[str, Any], now_s: int) -> None:
        self._change(sql, seq, columns["status"], columns["outcome"], now_s, tx_hash=columns["tx_hash"])
        sql.execute(
            "UPDATE submission SET block_number=?, block_hash=?, log_index=?, participant=? WHERE seq=?",
            (columns["block_number"], columns["block_hash"], columns["log_index"],
             columns["participant"], seq))

    def _change(self, sql: sqlite3.Connection, seq: int, status: str, outcome: str | None, now_s: int, *,
                tx_hash: bytes | None = None, note: str = "") -> None:
        sql.execute("UPDATE submission SET status=?, outcome=?, tx_hash=?, announced=0 WHERE seq=?",
                    (status, outcome, tx_hash, seq))
        _history(sql, (seq, status, outcome, now_s, tx_hash, note))

    def _status(self, row: sqlite3.Row) -> EventStatus:
        changes = self._store.rows("SELECT * FROM status_change WHERE seq=? ORDER BY id", row["seq"])
        return EventStatus(
            row["event_id"], row["epcis_event_id"], bool(row["is_correction"]), row["participant"],
            row["status"], row["outcome"], row["waiting_for"], row["tx_hash"], row["block_number"],
            row["block_hash"], row["log_index"],
            tuple(StatusChange(c["status"], c["outcome"], c["at_s"], c["tx_hash"], c["note"])
                  for c in changes))

    def _queued(self, row: sqlite3.Row) -> Queued:
        units = self._store.rows("SELECT unit FROM submission_unit WHERE seq=?", row["seq"])
        kind = Kind(row["kind"])
        shown = (self._store.row("SELECT kind, line_count FROM submission WHERE event_id=?", row["reference"])
                 if kind in SHOWS_WITNESS else None)
        return Queued(row["seq"], row["event_id"], kind, row["signer"], frozenset(u["unit"] for u in units),
                      row["reference"], row["line_count"], len(row["witness"]), row["received_at_s"],
                      shown_kind=Kind(shown["kind"]) if shown else None,
                      shown_line_count=shown["line_count"] if shown else 0)


def may_be_renewed(status: str, outcome: str | None) -> bool:
    """Whether the same content may be signed again: not taken by the ledger, or refused for its signature.

    An event of a revoked or expired key, or past its deadline, is signed again with a good key; any other
    refusal is a fact, and trying again is a new act with a new eventID.
    """
    if status == "not_taken":
        return True
    return status == "refused" and outcome is not None and Outcome[outcome] < Outcome.PARTICIPANT_SUSPENDED


def _by_nobody_known(submission: sqlite3.Row) -> bool:
    """Whether the ledger knows nobody who signed it."""
    return submission["status"] == "not_taken" and submission["outcome"] in (
        Outcome.UNKNOWN_SIGNER.name, Outcome.BAD_SIGNATURE.name)


def _history(sql: sqlite3.Connection, change: tuple[int, str, str | None, int, bytes | None, str]) -> None:
    sql.execute("INSERT INTO status_change (seq, status, outcome, at_s, tx_hash, note) VALUES (?,?,?,?,?,?)",
                change)


def _stored(row: sqlite3.Row) -> StoredEvent:
    return StoredEvent(
        row["seq"], row["event_id"], row["epcis_event_id"], bool(row["is_correction"]), row["participant"],
        row["signer"], CustodyEvent.from_json(json.loads(row["custody_event"])), row["signature"],
        row["witness"], row["status"], row["outcome"])
