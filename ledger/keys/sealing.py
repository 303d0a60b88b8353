"""Sealed payloads: the content of an event, encrypted once, its key sealed to each reader.

The plaintext is JSON `{"event", "secret", "submitter", "readers"}`: all that recomputing the commitment
needs, and to whom it was sealed at posting, so that whoever stores it cannot add a reader unseen. It
is encrypted with XChaCha20-Poly1305 under a fresh content key, with the commitment as associated data,
so that ciphertext of one event cannot stand in for another's. The content key is sealed
(crypto_box_seal) to each reader's X25519 key. Who opens a payload must recompute the commitment
(`check_opened`): decryption alone does not prove that the content is the one that was signed. Byte-level
format and vectors: docs/formats/sealing.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError
from nacl.public import PublicKey, SealedBox

from ledger.errors import InputError, NotFoundError, TooLargeError, TrustError
from ledger.events.model import unhex32
from ledger.events.strict_json import dump_json, parse_json
from ledger.keys import wire
from ledger.keys.reading import ReadingKey
from ledger.limits import DEFAULT_LIMITS
from ledger.proofs.commitment import verify_event

LABEL = b"cargoledger sealed payload v1\x00"
VERSION = 1
CONTENT_KEY_BYTES = 32
NONCE_BYTES = 24
SEALED_KEY_BYTES = CONTENT_KEY_BYTES + 48  # ephemeral key 32, tag 16


@dataclass(frozen=True, slots=True)
class ReaderEntry:
    """One reader: participant number, the public reading key sealed to (32 bytes), the sealed content key."""

    participant: int
    public_key: bytes
    sealed_key: bytes


@dataclass(frozen=True, slots=True)
class SealedPayload:
    """Ciphertext of one event's content. Readers ascend by participant number."""

    commitment: bytes
    nonce: bytes
    ciphertext: bytes
    readers: tuple[ReaderEntry, ...]

    def to_json(self) -> dict[str, Any]:
        """The payload as JSON values."""
        return {
            "version": VERSION, "commitment": wire.to_hex(self.commitment), "nonce": wire.to_hex(self.nonce),
            "ciphertext": wire.to_base64(self.ciphertext),
            "readers": [{"participant": r.participant, "publicKey": wire.to_hex(r.public_key),
                         "sealedKey": wire.to_base64(r.sealed_key)} for r in self.readers],
        }

    @classmethod
    def from_json(cls, value: Any) -> SealedPayload:
        """Read what `to_json` wrote.

        Raises:
            InputError: malformed, or readers not ascending.
            TooLargeError: content or readers beyond their limits.
        """
        fields = wire.exact_fields(value, {"version", "commitment", "nonce", "ciphertext", "readers"},
                                   "a sealed payload")
        if fields["version"] != VERSION:
            raise InputError(f"a sealed payload of version {VERSION} is expected.", pointer="/version")
        entries = fields["readers"]
        if not isinstance(entries, list):
            raise InputError("readers of a sealed payload are a list.", pointer="/readers")
        if len(entries) > DEFAULT_LIMITS.readers_max:
            raise TooLargeError(f"a payload has at most {DEFAULT_LIMITS.readers_max} readers.")
        readers = []
        for entry in entries:
            item = wire.exact_fields(entry, {"participant", "publicKey", "sealedKey"}, "a reader")
            readers.append(ReaderEntry(wire.read_int(item["participant"], 32, "participant"),
                                       wire.read_hex(item["publicKey"], 32, "publicKey"),
                                       wire.read_base64(item["sealedKey"], "sealedKey")))
        payload = cls(unhex32(fields["commitment"]), wire.read_hex(fields["nonce"], NONCE_BYTES, "nonce"),
                      wire.read_base64(fields["ciphertext"], "ciphertext"), tuple(readers))
        payload.check()
        return payload

    def check(self) -> None:
        """Refuse readers out of order, sealed keys of another length, content beyond its limit.

        Raises:
            InputError: malformed. TooLargeError: beyond a limit.
        """
        if len(self.commitment) != 32 or len(self.nonce) != NONCE_BYTES:
            raise InputError("a commitment has 32 bytes and a nonce 24.")
        numbers = [r.participant for r in self.readers]
        if numbers != sorted(set(numbers)):
            raise InputError("readers ascend by participant, none twice.", pointer="/readers")
        if any(len(r.sealed_key) != SEALED_KEY_BYTES for r in self.readers):
            raise InputError(f"a sealed content key has {SEALED_KEY_BYTES} bytes.", pointer="/readers")
        if len(self.ciphertext) > DEFAULT_LIMITS.event_bytes_max + 16:
            raise TooLargeError(f"an event's content has at most {DEFAULT_LIMITS.event_bytes_max} bytes.")


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened payload: the EPCIS event, the commitment's secret, who submitted it, the content key.

    `readers` are the participants to whom its poster sealed it; None in payloads made before they were
    written inside. They bind whoever stores the payload, not whoever holds its content key.
    """

    event: dict[str, Any]
    secret: bytes
    submitter: str
    content_key: bytes
    readers: frozenset[int] | None = None

    def sealed_for(self, sealed: SealedPayload) -> set[int]:
        """Those listed beside the ciphertext as its poster listed them; what a store added does not count."""
        listed = {reader.participant for reader in sealed.readers}
        return listed if self.readers is None else listed & self.readers

    def __repr__(self) -> str:
        return f"Opened(submitter={self.submitter!r})"  # neither keys nor content belong in a log


def seal(
    event: Mapping[str, Any], *, secret: bytes, submitter: str, commitment: bytes,
    readers: Mapping[int, bytes], entropy: Callable[[int], bytes] = os.urandom,
) -> SealedPayload:
    """Encrypt the content of an event to its readers.

    Args:
        event: the EPCIS event; numbers with a fraction are Decimal.
        secret: 32 bytes, the commitment's.
        submitter: who submitted it, as committed.
        commitment: 32 bytes, of exactly this content.
        readers: participant number to public reading key (32 bytes); at least one.
        entropy: gives n random bytes; another source only in tests.

    Raises:
        InputError: no reader, or a key of wrong length.
        TooLargeError: content or readers beyond their limits.
    """
    if not readers:
        raise InputError("a payload needs at least one reader.")
    if len(readers) > DEFAULT_LIMITS.readers_max:
        raise TooLargeError(f"a payload has at most {DEFAULT_LIMITS.readers_max} readers.")
    if len(secret) != 32 or len(commitment) != 32:
        raise InputError("secret and commitment have 32 bytes.")
    try:
        plain = dump_json({"event": dict(event), "secret": secret.hex(), "submitter": submitter,
                           "readers": sorted(readers)}).encode()
    except UnicodeEncodeError as fault:
        raise InputError("a text of this event contains half a surrogate pair.") from fault
    if len(plain) > DEFAULT_LIMITS.event_bytes_max:
        raise TooLargeError(f"an event's content has at most {DEFAULT_LIMITS.event_bytes_max} bytes.")
    content_key, nonce = entropy(CONTENT_KEY_BYTES), entropy(NONCE_BYTES)
    ciphertext = crypto_aead_xchacha20poly1305_ietf_encrypt(plain, LABEL + commitment, nonce, content_key)
    entries = tuple(ReaderEntry(n, key, reseal(content_key, key)) for n, key in sorted(readers.items()))
    return SealedPayload(commitment, nonce, ciphertext, entries)


def reseal(content_key: bytes, public_key: bytes) -> bytes:
    """Seal a content key to one more reader: the content itself is never encrypted again.

    Returns:
        80 bytes (crypto_box_seal).

    Raises:
        InputError: a key of wrong length, or a public key of low order.
    """
    if len(content_key) != CONTENT_KEY_BYTES or len(public_key) != 32:
        raise InputError("content key and reading key have 32 bytes.")
    try:
        return bytes(SealedBox(PublicKey(public_key)).encrypt(content_key))
    except (CryptoError, ValueError) as fault:
        raise InputError("this public reading key cannot be sealed to.") from fault


def content_key_of(sealed: SealedPayload, key: ReadingKey) -> bytes:
    """The content key of a payload, for one of its readers.

    Raises:
        NotFoundError: the payload was not sealed to this key (missing and forbidden look the same).
        TrustError: it claims to be, but does not open.
    """
    for entry in sealed.readers:
        if entry.public_key == key.public:
            content_key = key.open(entry.sealed_key)
            if len(content_key) != CONTENT_KEY_BYTES:
                raise TrustError("what was sealed to this reading key is no content key.")
            return content_key
    raise NotFoundError("no payload here that this reading key opens.")


def open_sealed(sealed: SealedPayload, key: ReadingKey) -> Opened:
    """Decrypt a payload with a reading key. Call `check_opened` before using a single field of it.

    Raises:
        NotFoundError: not sealed to this key.
        TrustError: changed, or not in the format.
    """
    return open_with_content_key(sealed, content_key_of(sealed, key))


def open_with_content_key(sealed: SealedPayload, content_key: bytes) -> Opened:
    """Decrypt a payload with a content key, as a grant gives it. Call `check_opened` next.

    Raises:
        TrustError: another key, changed, or not in the format.
    """
    try:
        plain = crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed.ciphertext, LABEL + sealed.commitment, sealed.nonce, content_key)
    except (CryptoError, ValueError, TypeError) as fault:
        raise TrustError("the payload was changed, or the key is another's.") from fault
    try:
        content = parse_json(plain)
        names = {"event", "secret", "submitter"}
        if isinstance(content, dict) and "readers" in content:
            names.add("readers")
        wire.exact_fields(content, names, "a payload")
        readers = _readers(content["readers"]) if "readers" in content else None
        secret = bytes.fromhex(content["secret"])
        event, submitter = content["event"], content["submitter"]
        if len(secret) != 32 or not isinstance(event, dict) or not isinstance(submitter, str):
            raise InputError("event, secret or submitter has the wrong form.")
    except (InputError, ValueError, TypeError) as fault:
        raise TrustError(f"the payload opens, but its content is malformed: {fault}") from fault
    return Opened(event, secret, submitter, content_key, readers)


def _readers(value: Any) -> frozenset[int]:
    if not isinstance(value, list):
        raise InputError("readers of a payload are a list.")
    found = [wire.read_int(number, 32, "reader") for number in value]
    if found != sorted(set(found)):
        raise InputError("readers of a payload ascend, none twice.")
    return frozenset(found)


def check_opened(opened: Opened, commitment: bytes) -> None:
    """Recompute the commitment of opened content.

    Args:
        opened: what `open_sealed` gave.
        commitment: 32 bytes, from the signed event on the ledger (not from the payload).

    Raises:
        TrustError: the content is not what was committed.
    """
    verify_event(opened.event, opened.secret, commitment, submitter=opened.submitter)


def with_reader(
    sealed: SealedPayload, participant: int, public_key: bytes, content_key: bytes,
) -> SealedPayload:
    """The same payload with one reader added or replaced; ciphertext and nonce stay.

    Raises:
        TooLargeError: too many readers.
    """
    others = [r for r in sealed.readers if r.participant != participant]
    if len(others) >= DEFAULT_LIMITS.readers_max:
        raise TooLargeError(f"a payload has at most {DEFAULT_LIMITS.readers_max} readers.")
    entry = ReaderEntry(participant, public_key, reseal(content_key, public_key))
    return replace(sealed, readers=tuple(sorted([*others, entry], key=lambda r: r.participant)))
