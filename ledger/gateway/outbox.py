"""The durable outbox: every submission and its way to an outcome. `batches` has what carried it.

    queued → submitted → recorded | pending | refused | not_taken
               ↓ (the batch failed as a whole, or its block was replaced)
             queued

A submission is on disk before it is acknowledged. Nothing is ever deleted: the history of an event is
evidence. The number of events without an outcome is bounded; beyond it submissions are turned away whole.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ledger.errors import ConflictError, FullError
from ledger.events.model import ZERO32, CustodyEvent
from ledger.gateway.batching import SHOWS_WITNESS, Queued
from ledger.gateway.store import Store
from ledger.gateway.submission import LEDGER_ENDED, EventStatus, SignedSubmission, StatusChange, label_of
from ledger.limits import DEFAULT_LIMITS
from ledger.vocabulary import Kind, Outcome

IN_MAX = 500            # values of one SQL list
_PARSED_MAX = 2_048     # events kept parsed, so that a batch is not parsed once a step
RETRY_AFTER_S = 30      # when a full outbox has probably room again


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


class Outbox:
    """Submissions in the gateway's store. Every method that writes is one transaction."""

    def __init__(self, store: Store, *, events_max: int = DEFAULT_LIMITS.outbox_events_max,
                 late_after_s: int = DEFAULT_LIMITS.late_after_s) -> None:
        self.store = store
        self._events_max = events_max
        self._late_after_s = late_after_s

    # taking in

    def check_room(self, sql: sqlite3.Connection) -> None:
        """Refuse what this transaction added if the outbox now holds too many events without an outcome.

        Raises:
            FullError: it does; the transaction must be undone.
        """
        if self._open_count(sql) > self._events_max:
            raise FullError(
                f"the outbox is full: {self._events_max} events wait for the ledger; nothing taken.",
                remedy="Send the same again later: the ledger may stand still, which /healthz tells.",
                retry_after_s=RETRY_AFTER_S)

    def _open_count(self, sql: sqlite3.Connection) -> int:
        return int(sql.execute("SELECT open FROM backlog").fetchone()[0])

    def add(self, submission: SignedSubmission, identifier: bytes, signer: bytes, now_s: int) -> bool:
        """Take a submission in.

        Returns:
            False if this very event is known already (nothing changes, except that one
            which the ledger did not take is queued again).

        Raises:
            ConflictError: the same label with other content, or the commitment of another's event.
        """
        event = submission.custody_event
        with self.store.transaction() as sql:
            known = sql.execute("SELECT seq, status FROM submission WHERE event_id=?",
                                (identifier,)).fetchone()
            if known is not None:
                if known["status"] == "not_taken":
                    # Nobody signs a witness, and a wrong one may be why.
                    sql.execute("UPDATE submission SET witness=? WHERE seq=?",
                                (submission.witness, known["seq"]))
                    change(sql, known["seq"], "queued", None, now_s, note="submitted again")
                return False
            self._check_commitment(sql, submission, signer)
            self._check_label(sql, submission, signer)
            seq = int(sql.execute(
                "INSERT INTO submission (event_id, epcis_event_id, is_correction, participant, signer, kind,"
                " line_count, custody_event, signature, witness, commitment, counterparty, reference,"
                " received_at_s, occurred_at_s, status) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'queued')",
                (identifier, submission.epcis_event_id, submission.is_correction, submission.participant,
                 signer, int(event.kind), len(event.lines), json.dumps(event.to_json()), submission.signature,
                 submission.witness, event.commitment, event.counterparty, event.reference, now_s,
                 event.occurred_at_ms // 1000)).lastrowid or 0)
            sql.executemany("INSERT INTO submission_unit (unit, seq) VALUES (?,?)",
                            [(line.unit, seq) for line in event.lines])
            add_history(sql, [(seq, "queued", None, now_s, None, None, "")])
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

    # asking

    def status(self, identifier: bytes) -> EventStatus | None:
        """Status of an event by the ledger's id, or None."""
        row = self.store.row("SELECT * FROM submission WHERE event_id=?", identifier)
        return None if row is None else self._status(row)

    def status_by_label(
        self, epcis_event_id: str, is_correction: bool, participant: int | None = None,
    ) -> EventStatus | None:
        """Status of the event under an EPCIS label, or None.

        Where several participants use the label: that of `participant`, else what is recorded before what is
        not and that before what the ledger did not take, then what names `participant` as counterparty, then
        who used it first. Of one the latest.
        """
        row = self.store.row(
            "SELECT s.* FROM submission s WHERE s.epcis_event_id=? AND s.is_correction=? ORDER BY"
            " s.participant IS NOT ?,"
            " CASE WHEN s.status IN ('recorded', 'pending') THEN 0"
            "  WHEN s.status='not_taken' THEN 2 ELSE 1 END, s.counterparty IS NOT ?,"
            " (SELECT min(f.seq) FROM submission f WHERE f.epcis_event_id=s.epcis_event_id"
            "  AND f.is_correction=s.is_correction AND f.participant=s.participant), s.seq DESC LIMIT 1",
            epcis_event_id, is_correction, participant, participant)
        return None if row is None else self._status(row)

    def stored(self, identifier: bytes) -> StoredEvent | None:
        """The submission of an event, or None."""
        row = self.store.row("SELECT * FROM submission WHERE event_id=?", identifier)
        return None if row is None else stored_event(row)

    def counts(self) -> dict[str, int]:
        """How many submissions are in each status."""
        rows = self.store.rows("SELECT status, count(*) AS n FROM submission GROUP BY status ORDER BY 1")
        return {row["status"]: row["n"] for row in rows}

    def open_count(self) -> int:
        """How many events have no outcome yet."""
        row = self.store.row("SELECT open FROM backlog")
        return 0 if row is None else int(row["open"])

    def knows(self, identifier: bytes) -> bool:
        """Whether an event was ever submitted here, whatever became of it."""
        return self.store.row("SELECT 1 FROM submission WHERE event_id=?", identifier) is not None

    # choosing what goes next

    def queued(self, count_max: int, now_s: int) -> list[Queued]:
        """The oldest queued events that are not set aside, ascending by seq."""
        rows = self.store.rows(
            _QUEUED + "status='queued' AND not_before_s<=? ORDER BY seq LIMIT ?", now_s, count_max)
        return self._queued(rows)

    def find_queued(self, identifier: bytes) -> Queued | None:
        """A queued event by id, or None."""
        rows = self.store.rows(_QUEUED + "event_id=? AND status='queued'", identifier)
        found = self._queued(rows)
        return found[0] if found else None

    def events(self, seqs: Sequence[int]) -> list[StoredEvent]:
        """Submissions by their place in the outbox, in that order."""
        found = {row["seq"]: row for row in self._in("SELECT * FROM submission WHERE seq", seqs)}
        return [stored_event(found[seq]) for seq in seqs if seq in found]

    def note_waiting(self, waiting: Sequence[tuple[Queued, bytes]], now_s: int) -> None:
        """Make visible which events wait, and for what."""
        known = {row["seq"]: row["waiting_for"] for row in self._in(
            "SELECT seq, waiting_for FROM submission WHERE seq", [event.seq for event, _ in waiting])}
        fresh = [(event, missing) for event, missing in waiting if known.get(event.seq) != missing]
        if not fresh:
            return
        with self.store.transaction() as sql:
            sql.executemany("UPDATE submission SET waiting_for=? WHERE seq=?",
                            [(missing, event.seq) for event, missing in fresh])
            add_history(sql, [
                (event.seq, "queued", None, now_s, None, None,
                 f"waits for 0x{missing.hex()}" + (
                     "" if event.reference == missing else ", behind an earlier event on the same unit"))
                for event, missing in fresh])

    def end(self, events: Sequence[StoredEvent], outcomes: Sequence[tuple[int, dict[str, Any]]], note: str,
            now_s: int) -> None:
        """Done with events of a ledger that ended: those without an outcome are given back."""
        known = {seq for seq, _ in outcomes}
        with self.store.transaction() as sql:
            store_outcomes(sql, outcomes, now_s)
            for event in events:
                if event.seq not in known:
                    change(sql, event.seq, "not_taken", LEDGER_ENDED, now_s, note=note)

    def set_aside(self, event: StoredEvent, note: str, now_s: int) -> None:
        """Keep a queued event from holding up others: it is tried again later, each time after longer."""
        with self.store.transaction() as sql:
            row = sql.execute("SELECT setbacks FROM submission WHERE seq=?", (event.seq,)).fetchone()
            pause_s = min(_PAUSE_S_MAX, _PAUSE_S_FIRST << min(row["setbacks"], 16))
            sql.execute("UPDATE submission SET setbacks=setbacks+1, not_before_s=? WHERE seq=?",
                        (now_s + pause_s, event.seq))
            add_history(sql, [(event.seq, "queued", None, now_s, None, None,
                               f"{note} It is tried again in {pause_s} s.")])

    # inside

    def _in(self, sql: str, values: Sequence[int]) -> Iterable[sqlite3.Row]:
        for start in range(0, len(values), IN_MAX):
            part = values[start:start + IN_MAX]
            yield from self.store.rows(f"{sql} IN ({','.join('?' * len(part))})", *part)

    def _queued(self, rows: Sequence[sqlite3.Row]) -> list[Queued]:
        units: dict[int, set[bytes]] = {}
        for row in self._in("SELECT seq, unit FROM submission_unit WHERE seq", [row["seq"] for row in rows]):
            units.setdefault(row["seq"], set()).add(row["unit"])
        found = []
        for row in rows:
            kind = Kind(row["kind"])
            shown = (self.store.row("SELECT kind, line_count FROM submission WHERE event_id=?",
                                    row["reference"])
                     if kind in SHOWS_WITNESS or kind is Kind.ACCEPT else None)
            if kind is Kind.ACCEPT and shown and shown["kind"] != Kind.TRANSFER:
                shown = None  # of a handover nothing is shown
            found.append(Queued(
                row["seq"], row["event_id"], kind, row["signer"], frozenset(units.get(row["seq"], ())),
                row["reference"], row["line_count"], row["witness_bytes"], row["received_at_s"],
                shown_kind=Kind(shown["kind"]) if shown else None,
                shown_line_count=shown["line_count"] if shown else 0))
        return found

    def _status(self, row: sqlite3.Row) -> EventStatus:
        changes = self.store.rows("SELECT * FROM status_change WHERE seq=? ORDER BY id", row["seq"])
        named = None
        if row["reference"] != ZERO32:
            named = self.store.row("SELECT status, outcome FROM submission WHERE event_id=?",
                                   row["reference"])
        late_s = max(0, (row["block_time_s"] or row["received_at_s"]) - row["occurred_at_s"])
        return EventStatus(
            row["event_id"], row["epcis_event_id"], bool(row["is_correction"]), row["participant"],
            row["status"], row["outcome"], row["waiting_for"],
            row["reference"] if named else None,
            label_of(named["status"], named["outcome"]) if named else None,
            row["occurred_at_s"], row["received_at_s"], late_s, late_s > self._late_after_s,
            row["tx_hash"], row["block_number"], row["block_hash"], row["block_time_s"], row["log_index"],
            tuple(StatusChange(c["status"], c["outcome"], c["at_s"], c["tx_hash"], c["block_number"],
                               c["note"]) for c in changes))


_QUEUED = ("SELECT seq, event_id, kind, signer, reference, line_count, length(witness) AS witness_bytes,"
           " received_at_s FROM submission WHERE ")
_PAUSE_S_FIRST, _PAUSE_S_MAX = 60, 3_600

History = tuple[int, str, str | None, int, bytes | None, int | None, str]
"""seq, status, outcome, time in seconds, transaction, block number, note."""


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


def change(sql: sqlite3.Connection, seq: int, status: str, outcome: str | None, now_s: int, *,
           tx_hash: bytes | None = None, note: str = "") -> None:
    """Give an event another status, within a transaction; where it stood on chain is forgotten."""
    sql.execute("UPDATE submission SET status=?, outcome=?, tx_hash=?, block_number=NULL, block_hash=NULL,"
                " block_time_s=NULL, log_index=NULL, announced=0 WHERE seq=?",
                (status, outcome, tx_hash, seq))
    add_history(sql, [(seq, status, outcome, now_s, tx_hash, None, note)])


def store_outcomes(
    sql: sqlite3.Connection, outcomes: Sequence[tuple[int, dict[str, Any]]], now_s: int,
) -> None:
    """Give events their outcomes, within a transaction; see `Batches.settle`."""
    sql.executemany(
        "UPDATE submission SET status=:status, outcome=:outcome, tx_hash=:tx_hash,"
        " block_number=:block_number, block_hash=:block_hash, block_time_s=:block_time_s,"
        " log_index=:log_index, participant=:participant, announced=0 WHERE seq=:seq",
        [{"seq": seq, **columns} for seq, columns in outcomes])
    add_history(sql, [
        (seq, c["status"], c["outcome"], now_s, c["tx_hash"], c["block_number"], c["note"])
        for seq, c in outcomes])


def add_history(sql: sqlite3.Connection, changes: Sequence[History]) -> None:
    """Add steps to the histories of events, within a transaction."""
    sql.executemany("INSERT INTO status_change (seq, status, outcome, at_s, tx_hash, block_number, note)"
                    " VALUES (?,?,?,?,?,?,?)", changes)


def stored_event(row: sqlite3.Row) -> StoredEvent:
    """A row of `submission` as a record."""
    return StoredEvent(
        row["seq"], row["event_id"], row["epcis_event_id"], bool(row["is_correction"]), row["participant"],
        row["signer"], _parsed(row["custody_event"]), row["signature"], row["witness"], row["status"],
        row["outcome"])


@lru_cache(maxsize=_PARSED_MAX)
def _parsed(text: str) -> CustodyEvent:
    value: Any = json.loads(text)
    return CustodyEvent.from_json(value)
