"""The poster: the participant's side. Turns an EPCIS event into a signed submission, once.

Nonce, deadline, secret, signature and sealed payload are on disk before anything leaves: after a crash
or a lost reply the same bytes are sent again, and the ledger takes them once. The same (eventID, is it a
correction) with the same content answers the stored submission; with other content it is a conflict.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ledger.errors import ConflictError, InputError, NotFoundError
from ledger.events.model import event_id
from ledger.events.profile import NamingContext, interpret
from ledger.gateway.readers import Readers, choose_readers
from ledger.gateway.schema import POSTER_MIGRATIONS
from ledger.gateway.store import Failpoint, Store, no_failpoint
from ledger.gateway.submission import EVENT_ID_LENGTH_MAX, SignedSubmission
from ledger.keys.sealing import seal
from ledger.keys.signers import Signer
from ledger.proofs.commitment import commit

DEADLINE_S = 30 * 86_400  # how long a signed event may be recorded, unless the caller says otherwise


def open_poster_store(path: Path, *, failpoint: Failpoint = no_failpoint) -> Store:
    """Open or create a poster's SQLite file.

    Raises:
        InputError: written by a newer version. InvariantError: corrupt, or the disk fails.
    """
    return Store(path, POSTER_MIGRATIONS, failpoint=failpoint)


class Poster:
    """Prepares the submissions of one participant with one signer. One store belongs to one participant."""

    def __init__(
        self, store: Store, *, signer: Signer, participant: int, context: NamingContext, separator: bytes,
        readers: Readers, clock: Callable[[], int], deadline_s: int = DEADLINE_S,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Bind the poster to its parts.

        Args:
            store: its own SQLite file.
            signer: a key that signs for the participant.
            participant: its number; `context.poster` is its id, which goes into the commitment as submitter.
            context: secrets and directory for names; its `resolve_event` is asked for events of others.
            separator: EIP-712 domain separator of the ledger.
            readers: who has to do with a unit, and their reading keys.
            clock: seconds since 1970 UTC.
            deadline_s: how long after signing an event may be recorded.
            entropy: gives n random bytes; another source only where a fixed seed is meant.
        """
        self.participant = participant
        self._store = store
        self._signer = signer
        self._context = replace(context, resolve_event=self.resolve_event)
        self._ask_others = context.resolve_event
        self._separator = separator
        self._readers = readers
        self._clock = clock
        self._deadline_s = deadline_s
        self._entropy = entropy

    def prepare(self, event: Mapping[str, Any], *, deadline_s: int | None = None) -> SignedSubmission:
        """Interpret, commit, seal and sign an event, and keep the result on disk.

        Args:
            event: one EPCIS event with its @context; numbers with a fraction are Decimal. Without an eventID
                it gets one that follows from its content, so that a repeat finds it again.
            deadline_s: seconds since 1970 UTC after which it must not be recorded (for an OFFER: its expiry);
                None for the event's own `cl:deadline`, or else the poster's setting.

        Raises:
            InputError: the event is not valid in the profile, or names what is not known.
            ConflictError: this eventID was prepared with other content.
            TooLargeError: content beyond its limit.
        """
        event = self._with_id(event)
        label, is_correction = str(event["eventID"]), "errorDeclaration" in event
        digest = _content_digest(event, self._context.poster)
        with self._store.transaction() as sql:
            known = self._latest(sql, label, is_correction)
            if known is not None:
                if known["content_digest"] != digest:
                    raise ConflictError(
                        f"the event {label} was prepared with other content.", pointer="/eventID",
                        remedy="Give a new event a new eventID; to change a recorded one, post a correction.")
                return _submission(known)
            secret = self._entropy(32)
            meant = interpret(event, self._context)
            if deadline_s is None:
                deadline_s = meant.deadline_s
            if deadline_s is None:
                deadline_s = self._clock() + self._deadline_s
            custody_event = replace(
                meant.event, nonce=self._next_nonce(sql), deadline_s=deadline_s,
                commitment=commit(event, secret, submitter=self._context.poster).root)
            custody_event.check()
            readers = choose_readers(custody_event, self.participant, self._context.directory, self._readers,
                                     book=meant.book)
            payload = seal(event, secret=secret, submitter=self._context.poster,
                           commitment=custody_event.commitment, readers=readers, entropy=self._entropy)
            signature = self._signer.sign_digest(event_id(custody_event, self._separator))
            submission = SignedSubmission(custody_event, signature, b"", payload, label, is_correction,
                                          self.participant)
            self._save(sql, submission, digest, secret)
        return submission

    def of_another_ledger(self, submission: SignedSubmission) -> bool:
        """Whether something prepared was signed for a ledger that another follows by now."""
        with self._store.transaction() as sql:
            known = self._latest(sql, submission.epcis_event_id, submission.is_correction)
        return known is not None and bytes(known["event_id"]) != submission.event_id(self._separator)

    def renew(self, epcis_event_id: str, *, is_correction: bool = False,
              deadline_s: int | None = None) -> SignedSubmission:
        """Sign prepared content again, with a fresh nonce and deadline and the present signer.

        For an event that the ledger did not take (which may have ended), or refused because of its signer or
        deadline (the gateway takes a second signature over the same content in no other case). Content,
        secret and payload stay.

        Raises:
            NotFoundError: nothing was prepared under that label.
        """
        with self._store.transaction() as sql:
            known = self._latest(sql, epcis_event_id, is_correction)
            if known is None:
                raise NotFoundError("nothing was prepared under this eventID.")
            before = _submission(known)
            custody_event = replace(
                before.custody_event, nonce=self._next_nonce(sql),
                deadline_s=self._clock() + self._deadline_s if deadline_s is None else deadline_s)
            signature = self._signer.sign_digest(event_id(custody_event, self._separator))
            submission = replace(before, custody_event=custody_event, signature=signature)
            number = self._save(sql, submission, known["content_digest"], known["secret"])
            sql.execute("UPDATE prepared SET replaced_by=? WHERE id=?", (number, known["id"]))
        return submission

    def resolve_event(self, epcis_event_id: str) -> bytes | None:
        """The ledger's id of an event by its EPCIS eventID: one of our own, or one that the gateway knows."""
        with self._store.transaction() as sql:
            known = self._latest(sql, epcis_event_id, is_correction=False)
        return self._ask_others(epcis_event_id) if known is None else bytes(known["event_id"])

    def _with_id(self, event: Mapping[str, Any]) -> dict[str, Any]:
        given = event.get("eventID")
        if given is None:
            digest = _content_digest(dict(event), self._context.poster)
            # version 8: a UUID whose bits are ours to choose (RFC 9562)
            made = uuid.UUID(bytes=hashlib.sha256(b"cargoledger event id v1\x00" + digest).digest()[:16])
            bits = made.int & ~(0xF << 76) & ~(0x3 << 62) | 8 << 76 | 2 << 62
            return {**event, "eventID": uuid.UUID(int=bits).urn}
        if not isinstance(given, str) or not 0 < len(given) <= EVENT_ID_LENGTH_MAX:
            raise InputError(f"an eventID is text of at most {EVENT_ID_LENGTH_MAX} characters.",
                             pointer="/eventID")
        return dict(event)

    def _latest(self, sql: sqlite3.Connection, label: str, is_correction: bool) -> sqlite3.Row | None:
        found: sqlite3.Row | None = sql.execute(
            "SELECT * FROM prepared WHERE epcis_event_id=? AND is_correction=? ORDER BY id DESC LIMIT 1",
            (label, is_correction)).fetchone()
        return found

    def _next_nonce(self, sql: sqlite3.Connection) -> int:
        row = sql.execute("SELECT max(nonce) AS n FROM prepared WHERE signer=?",
                          (self._signer.address,)).fetchone()
        return 0 if row["n"] is None else int(row["n"]) + 1

    def _save(self, sql: sqlite3.Connection, submission: SignedSubmission, digest: bytes,
              secret: bytes) -> int:
        event = submission.custody_event
        return int(sql.execute(
            "INSERT INTO prepared (epcis_event_id, is_correction, content_digest, event_id, signer, nonce,"
            " deadline_s, secret, submission, prepared_at_s) VALUES (?,?,?,?,?,?,?,?,?,?)",
            (submission.epcis_event_id, submission.is_correction, digest,
             submission.event_id(self._separator), self._signer.address, event.nonce, event.deadline_s,
             secret, json.dumps(submission.to_json()), self._clock())).lastrowid or 0)


def _content_digest(event: dict[str, Any], submitter: str) -> bytes:
    """What "the same content" means: the commitment's own notion of it, with a secret that hides nothing."""
    return commit(event, bytes(32), submitter=submitter).root


def _submission(row: sqlite3.Row) -> SignedSubmission:
    return SignedSubmission.from_json(json.loads(row["submission"]))
