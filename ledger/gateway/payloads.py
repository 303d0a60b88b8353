"""The payload store: ciphertext by commitment, who may read it, and grants. It never holds a reading key.

What a store serves is not trusted by those who open it: they recompute the commitment (ledger.keys.sealing).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Protocol

from ledger.errors import NotFoundError
from ledger.gateway.store import Store
from ledger.keys.grants import Grant
from ledger.keys.sealing import SealedPayload
from ledger.vocabulary import Kind

EVIDENCE_ONLY = (int(Kind.OBSERVE), int(Kind.CORRECT))
"""Kinds that anybody may post about any unit: posting them makes nobody a reader of the unit."""


class PayloadSource(Protocol):
    """Where an indexer fetches payloads."""

    def get(self, commitment: bytes) -> SealedPayload | None:
        """The payload with that commitment, or None."""
        ...

    def grants(self, grantee: int | None = None) -> list[Grant]:
        """Grants to a participant, or all, in the order they were given."""
        ...


class PayloadStore:
    """Payloads and grants in the gateway's store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, payload: SealedPayload) -> None:
        """Keep a payload under its commitment; the same one again changes nothing.

        The first ciphertext under a commitment stays: a commitment binds one content, and whoever could write
        over it could make the content unreadable.

        Raises:
            InputError: malformed.
        """
        payload.check()
        with self._store.transaction() as sql:
            added = sql.execute("INSERT OR IGNORE INTO payload (commitment, sealed) VALUES (?,?)",
                                (payload.commitment, json.dumps(payload.to_json()))).rowcount
            if added:
                sql.executemany("INSERT INTO payload_reader (commitment, participant) VALUES (?,?)",
                                [(payload.commitment, reader.participant) for reader in payload.readers])

    def get(self, commitment: bytes) -> SealedPayload | None:
        """The payload with that commitment, or None."""
        row = self._store.row("SELECT sealed FROM payload WHERE commitment=?", commitment)
        return None if row is None else SealedPayload.from_json(json.loads(row["sealed"]))

    def readers(self, commitment: bytes, now_s: int | None = None) -> set[int]:
        """Participants that may read a payload: sealed to at posting, or granted and not ended at `now_s`."""
        sealed = self._store.rows(
            "SELECT participant AS p FROM payload_reader WHERE commitment=?", commitment)
        granted = self._store.rows(
            "SELECT g.grantee AS p FROM payload_grant_entry e JOIN payload_grant g USING (grant_id)"
            " WHERE e.commitment=? AND (? IS NULL OR g.until_s IS NULL OR g.until_s>=?)",
            commitment, now_s, now_s)
        return {row["p"] for row in [*sealed, *granted]}

    def readers_of(self, identifiers: Iterable[bytes]) -> set[int]:
        """Participants that an event naming these units, lines or events is sealed to, by what is recorded.

        For a unit or declaration line: who posted, or was named as counterparty of, a recorded event on it.
        Mere evidence (OBSERVE, CORRECT) and refused events make nobody a reader, since anybody can post them
        about any unit. Who was only given to read is not passed on either: else the first carrier of a
        container would read the books of the factory that unpacked it. For an event: whom it was sealed to.
        """
        found: set[int] = set()
        for identifier in identifiers:
            found |= self._parties(identifier)
            answered = self._store.rows(
                "SELECT r.participant FROM submission s JOIN payload_reader r USING (commitment)"
                " WHERE s.event_id=?", identifier)
            found.update(row["participant"] for row in answered)
        return found - {0}

    def _parties(self, identifier: bytes) -> set[int]:
        """Who posted, or was named as counterparty of, a recorded event on a unit or line, evidence aside."""
        rows = self._store.rows(
            "SELECT DISTINCT s.participant, s.counterparty FROM submission_unit u JOIN submission s"
            " USING (seq) WHERE u.unit=? AND s.status IN ('recorded', 'pending') AND s.kind NOT IN (?,?)",
            identifier, *EVIDENCE_ONLY)
        return {number for row in rows for number in (row["participant"], row["counterparty"])} - {0}

    def history(self, unit: bytes) -> list[bytes]:
        """Commitments of the payloads of a unit's or line's events that the ledger took, in order.

        Evidence (OBSERVE, CORRECT) and refused acts count only of those who have a part in the unit, and a
        commitment only for who posted it first: anybody can post about any unit, with any commitment.
        """
        rows = self._store.rows(
            "SELECT s.commitment, s.participant, s.kind, s.status FROM submission_unit u"
            " JOIN submission s USING (seq) WHERE u.unit=?"
            " AND s.status IN ('recorded', 'pending', 'refused') ORDER BY s.block_number, s.log_index", unit)
        parties = self._parties(unit)
        found: dict[bytes, None] = {}
        for row in rows:
            aside = row["kind"] in EVIDENCE_ONLY or row["status"] == "refused"
            if aside and row["participant"] not in parties:
                continue
            if self.poster_of(row["commitment"]) == row["participant"]:
                found[row["commitment"]] = None
        return list(found)

    def poster_of(self, commitment: bytes) -> int | None:
        """Participant that was the first to post this commitment in an event the ledger took, or None."""
        row = self._store.row(
            "SELECT participant FROM submission WHERE commitment=?"
            " AND status IN ('recorded', 'pending', 'refused') ORDER BY seq LIMIT 1", commitment)
        return None if row is None else int(row["participant"])

    def add_grant(self, grant: Grant) -> bool:
        """Keep a grant. Its signature is checked before, by `verify_grant`.

        Returns:
            False if it is known already.

        Raises:
            NotFoundError: a payload in it is not here, or its grantor may not read it (both look the same).
        """
        with self._store.transaction() as sql:
            if sql.execute("SELECT 1 FROM payload_grant WHERE grant_id=?", (grant.grant_id,)).fetchone():
                return False
            for commitment, _ in grant.entries:
                if grant.grantor not in self.readers(commitment, grant.issued_at_s):
                    raise NotFoundError(f"there is no payload 0x{commitment.hex()} for its grantor.")
            sql.execute("INSERT INTO payload_grant (grant_id, grantor, grantee, until_s, content)"
                        " VALUES (?,?,?,?,?)", (grant.grant_id, grant.grantor, grant.grantee, grant.until_s,
                                                json.dumps(grant.to_json())))
            sql.executemany("INSERT INTO payload_grant_entry (commitment, grant_id) VALUES (?,?)",
                            [(commitment, grant.grant_id) for commitment, _ in grant.entries])
        return True

    def grants(self, grantee: int | None = None) -> list[Grant]:
        """Grants to a participant, or all, in the order they were given."""
        rows = self._store.rows(
            "SELECT content FROM payload_grant WHERE ? IS NULL OR grantee=? ORDER BY rowid", grantee, grantee)
        return [Grant.from_json(json.loads(row["content"])) for row in rows]

    def granted(self, commitment: bytes, grantee: int) -> list[Grant]:
        """Grants that give one payload to one participant."""
        rows = self._store.rows(
            "SELECT g.content FROM payload_grant_entry e JOIN payload_grant g USING (grant_id)"
            " WHERE e.commitment=? AND g.grantee=? ORDER BY g.rowid", commitment, grantee)
        return [Grant.from_json(json.loads(row["content"])) for row in rows]
