"""Grants: content keys of stored payloads, sealed for a later reader and signed by who gives them.

A grantor can only give what it can open. The signature (EIP-191, personal message, so that a wallet can
make it) covers every field and every sealed key, and names chain and ledger, so that a grant cannot be
moved, widened or replayed elsewhere. `until` binds those who serve payloads; a key once opened cannot be
taken back. Byte-level format and vectors: docs/formats/sealing.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import rfc8785

from ledger.digest import Digest
from ledger.errors import InputError, TooLargeError, TrustError
from ledger.events.model import ZERO32, unhex32
from ledger.keys import wire
from ledger.keys.reading import ReadingKey
from ledger.keys.sealing import CONTENT_KEY_BYTES, SEALED_KEY_BYTES, reseal
from ledger.keys.signers import Signer, recover_address

LABEL = "CargoLedger grant v1\n"
ENTRIES_MAX = 4_096     # content keys in one grant: about 1 MB of JSON
UNITS_MAX = 1_024       # units named in one scope
REASON_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """What a grant is about. Descriptive: what it opens are its entries.

    Attributes:
        units: 32-byte unit ids, ascending; empty for none in particular.
        book: number of the book, 0 for none.
        from_ms, to_ms: period of occurrence, milliseconds, both included; None for open ends.
    """

    units: tuple[bytes, ...] = ()
    book: int = 0
    from_ms: int | None = None
    to_ms: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The scope as JSON values."""
        return {"units": [wire.to_hex(u) for u in self.units], "book": self.book,
                "from": self.from_ms, "to": self.to_ms}

    @classmethod
    def from_json(cls, value: Any) -> Scope:
        """Read what `to_json` wrote.

        Raises:
            InputError: malformed, or units not ascending.
        """
        fields = wire.exact_fields(value, {"units", "book", "from", "to"}, "a scope")
        if not isinstance(fields["units"], list) or len(fields["units"]) > UNITS_MAX:
            raise InputError(f"a scope names at most {UNITS_MAX} units.")
        units = tuple(unhex32(u) for u in fields["units"])
        if list(units) != sorted(set(units)):
            raise InputError("units of a scope ascend, none twice.")
        start, end = (None if fields[x] is None else wire.read_int(fields[x], 53, x) for x in ("from", "to"))
        return cls(units, wire.read_int(fields["book"], 32, "book"), start, end)


@dataclass(frozen=True, slots=True)
class Grant:
    """A signed right to read.

    Attributes:
        chain_id, ledger: where it holds (ledger: 20-byte address).
        grantor, grantee: participant numbers. grantee_key: 32-byte public reading key sealed to.
        scope, reason: what for, in words of the grantor.
        reference: event id that caused it (the ACCEPT of a handover), or zero.
        issued_at_s, until_s: seconds since 1970 UTC; until_s None for no end.
        entries: (commitment, sealed content key), ascending by commitment.
        signature: 65 bytes by a signer of the grantor.
    """

    chain_id: int
    ledger: bytes
    grantor: int
    grantee: int
    grantee_key: bytes
    scope: Scope
    reason: str
    reference: bytes
    issued_at_s: int
    until_s: int | None
    entries: tuple[tuple[bytes, bytes], ...]
    signature: bytes = b""

    def message(self) -> bytes:
        """The exact bytes that are signed: label, then RFC 8785 JSON of every field but the signature."""
        return LABEL.encode() + bytes(rfc8785.dumps(self._body()))

    @property
    def grant_id(self) -> bytes:
        """32 bytes: sha256 of the message."""
        return hashlib.sha256(self.message()).digest()

    def to_json(self) -> dict[str, Any]:
        """The grant as JSON values."""
        return {**self._body(), "signature": wire.to_hex(self.signature)}

    def _body(self) -> dict[str, Any]:
        return {
            "chainId": self.chain_id, "ledger": wire.to_hex(self.ledger), "grantor": self.grantor,
            "grantee": self.grantee, "granteeKey": wire.to_hex(self.grantee_key),
            "scope": self.scope.to_json(), "reason": self.reason, "reference": wire.to_hex(self.reference),
            "issuedAt": self.issued_at_s, "until": self.until_s,
            "entries": [[wire.to_hex(commitment), wire.to_base64(key)] for commitment, key in self.entries],
        }

    @classmethod
    def from_json(cls, value: Any) -> Grant:
        """Read what `to_json` wrote.

        Raises:
            InputError: malformed, or entries not ascending.
            TooLargeError: too many entries.
        """
        fields = wire.exact_fields(value, {
            "chainId", "ledger", "grantor", "grantee", "granteeKey", "scope", "reason", "reference",
            "issuedAt", "until", "entries", "signature"}, "a grant")
        pairs = fields["entries"]
        if not isinstance(pairs, list) or not all(isinstance(p, list) and len(p) == 2 for p in pairs):
            raise InputError("entries of a grant are pairs of commitment and sealed key.")
        if len(pairs) > ENTRIES_MAX:
            raise TooLargeError(f"a grant has at most {ENTRIES_MAX} entries.")
        entries = tuple((unhex32(c), wire.read_base64(k, "sealed key")) for c, k in pairs)
        commitments = [c for c, _ in entries]
        if commitments != sorted(set(commitments)) or any(len(k) != SEALED_KEY_BYTES for _, k in entries):
            raise InputError("entries of a grant ascend by commitment; sealed keys have 80 bytes.")
        return cls(
            wire.read_int(fields["chainId"], 53, "chainId"), wire.read_hex(fields["ledger"], 20, "ledger"),
            wire.read_int(fields["grantor"], 32, "grantor"), wire.read_int(fields["grantee"], 32, "grantee"),
            wire.read_hex(fields["granteeKey"], 32, "granteeKey"), Scope.from_json(fields["scope"]),
            wire.read_text(fields["reason"], REASON_LENGTH_MAX, "reason"), unhex32(fields["reference"]),
            wire.read_int(fields["issuedAt"], 53, "issuedAt"),
            None if fields["until"] is None else wire.read_int(fields["until"], 53, "until"),
            entries, wire.read_hex(fields["signature"], 65, "signature"))


def make_grant(
    content_keys: Mapping[bytes, bytes], *, signer: Signer, chain_id: int, ledger: bytes, grantor: int,
    grantee: int, grantee_key: bytes, scope: Scope, reason: str, issued_at_s: int, until_s: int | None = None,
    reference: bytes = ZERO32,
) -> Grant:
    """Seal content keys for a new reader and sign that.

    Args:
        content_keys: commitment to content key, for every payload that is granted; at least one.
        signer: a signer of the grantor.
        grantee_key: 32-byte public reading key of the grantee.
        reason: why, required, at most 500 characters.
        (others: see Grant)

    Raises:
        InputError: nothing to grant, no reason, or an end before its beginning.
        TooLargeError: more than 4,096 content keys: make several grants.
    """
    if not content_keys:
        raise InputError("there is nothing to grant.")
    if len(content_keys) > ENTRIES_MAX:
        raise TooLargeError(f"a grant has at most {ENTRIES_MAX} entries.", remedy="Narrow its scope.")
    if not reason.strip() or len(reason) > REASON_LENGTH_MAX:
        raise InputError(f"a grant needs a reason of at most {REASON_LENGTH_MAX} characters.")
    if until_s is not None and until_s <= issued_at_s:
        raise InputError("the end of a grant lies before its beginning.")
    entries = tuple((c, reseal(key, grantee_key)) for c, key in sorted(content_keys.items()))
    grant = Grant(chain_id, ledger, grantor, grantee, grantee_key, scope, reason, reference, issued_at_s,
                  until_s, entries)
    return replace(grant, signature=signer.sign_digest(personal_digest(grant.message())))


def verify_grant(
    grant: Grant, *, chain_id: int, ledger: bytes, participant_of: Callable[[bytes], int | None],
    now_s: int | None = None,
) -> None:
    """Check that a grant was given by its grantor, for this ledger, and has not ended.

    Args:
        participant_of: number of the participant that an address signs for, or None (from the chain).
        now_s: the time to judge the end at; None to leave the end out.

    Raises:
        TrustError: any of it does not hold.
    """
    # 1. it is about this ledger
    if grant.chain_id != chain_id or grant.ledger != ledger:
        raise TrustError("this grant is for another ledger.")
    # 2. its signature is by a key ...
    try:
        address = recover_address(personal_digest(grant.message()), grant.signature)
    except InputError as fault:
        raise TrustError(f"the signature of this grant does not verify: {fault}") from fault
    # 3. ... that signs for its grantor
    if participant_of(address) != grant.grantor:
        raise TrustError("this grant is not signed by its grantor.")
    # 4. it has not ended
    if now_s is not None and grant.until_s is not None and now_s > grant.until_s:
        raise TrustError("this grant has ended.")


def open_grant(grant: Grant, key: ReadingKey) -> dict[bytes, bytes]:
    """Content keys that a grant gives to the holder of a reading key, by commitment. Verify the grant first.

    Raises:
        TrustError: an entry does not open with this key.
    """
    content_keys = {}
    for commitment, sealed_key in grant.entries:
        content_key = key.open(sealed_key)
        if len(content_key) != CONTENT_KEY_BYTES:
            raise TrustError("what was granted is no content key.")
        content_keys[commitment] = content_key
    return content_keys


def personal_digest(message: bytes) -> Digest:
    """32-byte digest of a personal message. Source: EIP-191, version 0x45."""
    return Digest.of(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)
