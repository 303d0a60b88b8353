"""Grants: who may read a payload that was not sealed to them when posted, and which content keys we got so.

A grant counts if a signer of its grantor signed it for this ledger, for those of its payloads that the
grantor itself could read when giving it. What does not hold now is looked at again in the next run (its
signer, or the payload that it is about, may not be indexed yet), and so is a grant whose content is recorded
once more, as when it is signed again after its deadline. What held and holds no longer, because its signer
was revoked before the time that the grant states of itself, is taken back with all that came of it. The
outcome does not depend on the order in which grants, events and revocations came.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import and_, func, or_, select

from indexer.models import Cursor, Event, Grant, PayloadReader, Signer
from indexer.payloads import Lens
from indexer.store import Rows, table_of
from ledger.errors import TrustError
from ledger.keys.grants import Grant as SignedGrant
from ledger.keys.grants import verify_grant

_PART = 400  # commitments in one statement


class GrantBook:
    """The grants of one network: verified ones with their readers, and the content keys that they give us.

    Attributes:
        took_back: what grants gave was forgotten by the last `take`, so that all is to be read again.
    """

    def __init__(self, chain_id: int, ledgers: Sequence[bytes]) -> None:
        self._chain_id = chain_id
        self._ledgers = tuple(ledgers)
        self._done: set[bytes] = set()                 # every event of its payloads has its reader row
        self._done_for: dict[str, set[bytes]] = {}     # commitment -> done grants about it
        self._looked_to = 0                            # seq up to which events were looked at for such
        self.took_back = False
        self._revoked = 0                              # signers that were revoked when it was looked last
        self._keys: dict[bytes, dict[bytes, None]] = {}  # commitment -> content keys, in the order they came
        self._opened: set[tuple[bytes, bytes]] = set()   # (grant id, our public key) already opened

    def keys_for(self, commitment: bytes) -> Sequence[bytes]:
        """Content keys that grants give us for a payload."""
        return tuple(self._keys.get(commitment, ()))

    def take(self, rows: Rows, grants: Iterable[SignedGrant], lens: Lens) -> set[bytes]:
        """Write the grants that hold, and the readers they make.

        Returns:
            Commitments for which there is a content key that was not there before.
        """
        self.took_back = False
        self._recorded_again(rows)
        self._revoked_since(rows)
        everyone = [(grant.grant_id, grant) for grant in grants]
        waiting = [(name, grant) for name, grant in everyone if name not in self._done]
        holding = [(name, grant) for name, grant in waiting if self._holds(rows, grant)]
        ended = {name for name, _ in waiting} - {name for name, _ in holding}
        rows.prefetch(Grant, ["0x" + name.hex() for name, _ in waiting])
        if any(rows.get(Grant, "0x" + name.hex()) is not None for name in ended) \
                or any(name in ended for name, _ in self._opened):
            self._take_all_back(rows)
            holding = [(name, grant) for name, grant in everyone if self._holds(rows, grant)]
        fresh: set[bytes] = set()
        for name, grant in holding:
            fresh |= self._collect(name, grant, lens)
        # who was granted may grant on, and grants may come in any order: until nothing changes
        changed = True
        while changed:
            changed = False
            for name, grant in holding:
                if name not in self._done and self._readers(rows, name, grant):
                    changed = True
        return fresh

    def _recorded_again(self, rows: Rows) -> None:
        """Look again at grants that were done, where an event since commits to the same content."""
        events = table_of(Event)
        if self._done_for:
            for commitment in rows.connection.execute(
                    select(events.c.commitment).where(events.c.seq > self._looked_to)).scalars():
                self._done -= self._done_for.pop(commitment, set())
        self._looked_to = int(rows.connection.execute(select(func.max(events.c.seq))).scalar() or 0)

    def _revoked_since(self, rows: Rows) -> None:
        """Look again at every grant where a signer was revoked."""
        signers = table_of(Signer)
        revoked = int(rows.connection.execute(select(func.count()).select_from(signers).where(
            signers.c.revoked_at_s.is_not(None))).scalar() or 0)
        if revoked != self._revoked:
            self._done.clear()
            self._done_for.clear()
        self._revoked = revoked

    def _take_all_back(self, rows: Rows) -> None:
        """Forget what grants gave, to be worked out again: who was granted may have granted on. Whatever was
        opened is opened again, as with other keys (`Cursor.context`).
        """
        cursor = rows.get(Cursor, 1)
        rows.at(int(cursor["block_number"]) if cursor else 0, 0)
        for row in rows.matching(Grant):
            rows.remove(PayloadReader, grant_id=row["grant_id"])
        rows.remove(Grant)
        rows.change(Cursor, 1, context="")
        for held in (self._done, self._done_for, self._keys, self._opened):
            held.clear()
        self.took_back = True

    def _holds(self, rows: Rows, grant: SignedGrant) -> bool:
        def participant_of(address: bytes) -> int | None:
            signer = rows.get(Signer, "0x" + address.hex())
            if signer is None:
                return None
            revoked = signer["revoked_at_s"]
            return None if revoked is not None and revoked < grant.issued_at_s else int(signer["participant"])

        for ledger in self._ledgers:
            with suppress(TrustError):
                verify_grant(grant, chain_id=self._chain_id, ledger=ledger, participant_of=participant_of)
                return True
        return False

    def _collect(self, name: bytes, grant: SignedGrant, lens: Lens) -> set[bytes]:
        """Content keys of a grant that is for a key of ours."""
        fresh: set[bytes] = set()
        for key in lens.reading_keys:
            if key.public != grant.grantee_key or (name, key.public) in self._opened:
                continue
            self._opened.add((name, key.public))
            for commitment, sealed_key in grant.entries:
                try:
                    content_key = key.open(sealed_key)
                except TrustError:
                    continue  # the payload stays sealed; one bad entry does not spoil the others
                held = self._keys.setdefault(commitment, {})
                if content_key not in held:
                    held[content_key] = None
                    fresh.add(commitment)
        return fresh

    def _readers(self, rows: Rows, name: bytes, grant: SignedGrant) -> bool:
        """Reader rows for the payloads that the grantor could read. Returns whether there were new ones."""
        grant_id = "0x" + name.hex()
        commitments = ["0x" + commitment.hex() for commitment, _ in grant.entries]
        readable = self._readable(rows, commitments, grant)
        if not readable:
            return False
        rows.at(readable[0].block_number, readable[0].seq)
        if rows.get(Grant, grant_id) is None:
            rows.put(Grant, {
                "grant_id": grant_id, "grantor": grant.grantor, "grantee": grant.grantee,
                "reason": grant.reason,
                "scope": json.dumps(grant.scope.to_json(), sort_keys=True), "issued_at_s": grant.issued_at_s,
                "until_s": grant.until_s, "reference": "0x" + grant.reference.hex()})
        new = False
        for event in readable:
            if rows.get(PayloadReader, event.event_id, grant.grantee, grant_id) is None:
                rows.at(event.block_number, event.seq)
                rows.put(PayloadReader, {"event_id": event.event_id, "participant": grant.grantee,
                                         "grant_id": grant_id, "until_s": grant.until_s})
                new = True
        if {event.commitment for event in readable} == set(commitments) \
                and len(readable) == self._count(rows, commitments):
            self._done.add(name)
            for commitment in commitments:
                self._done_for.setdefault(commitment, set()).add(name)
        rows.flush()
        return new

    @staticmethod
    def _count(rows: Rows, commitments: Sequence[str]) -> int:
        """How many events commit to one of these."""
        events = table_of(Event)
        return sum(int(rows.connection.execute(select(func.count()).select_from(events).where(
            events.c.commitment.in_(commitments[start:start + _PART]))).scalar() or 0)
            for start in range(0, len(commitments), _PART))

    @staticmethod
    def _readable(rows: Rows, commitments: Sequence[str], grant: SignedGrant) -> list[Any]:
        """Id, commitment and place of the events whose payload the grantor could read when it gave the grant,
        in the ledger's order.
        """
        events, readers = table_of(Event), table_of(PayloadReader)
        found: list[Any] = []
        for start in range(0, len(commitments), _PART):
            found += rows.connection.execute(
                select(events.c.event_id, events.c.commitment, events.c.block_number, events.c.seq)
                .join(readers, and_(
                    readers.c.event_id == events.c.event_id, readers.c.participant == grant.grantor,
                    or_(readers.c.until_s.is_(None), readers.c.until_s >= grant.issued_at_s)))
                .where(events.c.commitment.in_(commitments[start:start + _PART])).distinct()
                .order_by(events.c.seq))
        return sorted(found, key=lambda row: int(row.seq))
