"""The commitment: 32 bytes on chain that bind every field of an event, openable whole or field by field.

    salt = HMAC-SHA256(secret, pointer)
    leaf = sha256(0x00 ‖ salt ‖ jcs([pointer, value]))
    root = RFC 6962 tree over the leaves, sorted by pointer

There is one leaf for every top-level field, one more for every element of a top-level list, and one for the
submitter. Fields that a server adds (`recordTime`) are left out. A whole event opens with the 32-byte
secret; one field opens with its value, salt and path and shows nothing of the others. Numbers go in as
strings, because JCS writes doubles: `#` and the canonical decimal, so that 9007199254740993 and …992
differ, 5 and 5.0 do not, and the text "5" is another thing than the number 5.

Byte-level format and vectors: docs/formats/commitment.md. Source: RFC 8785 (jcs), RFC 6962 (tree), RFC 6901
(pointer).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from ledger.errors import InputError, TrustError
from ledger.events.canonical import canonical_json
from ledger.events.faults import pointer as json_pointer
from ledger.proofs import merkle

SECRET_BYTES = 32
SUBMITTER_FIELD = "cl:submitter"
SUBMITTER_POINTER = "/cl:submitter"
LEFT_OUT = frozenset({"recordTime"})
"""Top-level fields that a server adds or changes."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One committed field: its JSON pointer, value as stated, salt and hash."""

    pointer: str
    value: Any
    salt: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Commitment:
    """The root, and the leaves it stands for in the order of the tree."""

    root: bytes
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class FieldProof:
    """One field shown without the others.

    Attributes:
        pointer: which field.
        value: what it says.
        salt: 32 bytes.
        index, size: place of the leaf and number of leaves.
        path: hashes from the leaf to the root.
    """

    pointer: str
    value: Any
    salt: bytes
    index: int
    size: int
    path: tuple[bytes, ...]


def commit(event: dict[str, Any], secret: bytes, *, submitter: str) -> Commitment:
    """Commit to an event and to who submits it.

    Args:
        event: one EPCIS event with its `@context`; numbers are int or Decimal.
        secret: 32 bytes, new for every event.
        submitter: short id of the participant that signs.

    Raises:
        InputError: a secret of another length, a float, a text that is no Unicode, or a field named
        `cl:submitter`.
    """
    if len(secret) != SECRET_BYTES:
        raise InputError(f"the secret of a commitment has {SECRET_BYTES} bytes, this one {len(secret)}.")
    if SUBMITTER_FIELD in event:
        raise InputError(
            f"an event may not contain {SUBMITTER_FIELD}: it is committed to for the signer.",
            pointer=SUBMITTER_POINTER,
            remedy="Remove the field.",
        )
    fields: list[tuple[str, Any]] = [(SUBMITTER_POINTER, submitter)]
    for key, value in event.items():
        if key in LEFT_OUT:
            continue
        place = json_pointer(key)
        fields.append((place, value))
        if isinstance(value, list):
            fields += [(f"{place}/{i}", item) for i, item in enumerate(value)]
    # Keys are unique, and a key's own "/" is escaped, so no two pointers are equal.
    leaves = tuple(_leaf(place, value, secret) for place, value in sorted(fields, key=lambda f: _utf8(f[0])))
    return Commitment(merkle.root([leaf.hash for leaf in leaves]), leaves)


def open_field(commitment: Commitment, pointer: str) -> FieldProof:
    """The proof that shows one field.

    Raises:
        InputError: the event has no such field or list element.
    """
    for index, leaf in enumerate(commitment.leaves):
        if leaf.pointer == pointer:
            path = merkle.inclusion_proof([other.hash for other in commitment.leaves], index)
            return FieldProof(pointer, leaf.value, leaf.salt, index, len(commitment.leaves), tuple(path))
    raise InputError(
        f"the event has no committed field {pointer!r}.",
        pointer=pointer,
        remedy=f"It has {', '.join(leaf.pointer for leaf in commitment.leaves[:20])}.",
    )


def verify_field(proof: FieldProof, root: bytes) -> None:
    """Check that the committed event says what the proof shows.

    1. The salt has 32 bytes.
    2. The leaf is recomputed from pointer, value and salt.
    3. It stands in the tree with this root.

    Raises:
        TrustError: it does not.
    """
    # (1) Size of the salt.
    if len(proof.salt) != SECRET_BYTES:
        raise TrustError("the salt of the shown field has not 32 bytes.")
    # (2) The leaf, recomputed.
    try:
        leaf = _leaf_hash(proof.pointer, proof.value, proof.salt)
    except InputError as fault:
        raise TrustError(f"the shown field cannot be hashed: {fault.message}") from fault
    # (3) Its place in the tree.
    merkle.verify_inclusion(leaf, proof.index, proof.size, proof.path, root)


def verify_event(event: dict[str, Any], secret: bytes, root: bytes, *, submitter: str) -> None:
    """Check that an event opened whole is the committed one, submitted by that participant.

    Raises:
        TrustError: another event, secret or submitter, or nothing that could have been committed to.
    """
    try:
        computed = commit(event, secret, submitter=submitter).root
    except InputError as fault:
        raise TrustError(f"this content cannot have been committed to: {fault.message}") from fault
    if not hmac.compare_digest(computed, root):
        raise TrustError("the content does not match its commitment on the ledger.")


def salt(secret: bytes, pointer: str) -> bytes:
    """Salt of one field: HMAC-SHA256(secret, UTF-8 of the pointer)."""
    return hmac.new(secret, _utf8(pointer), hashlib.sha256).digest()


def _leaf(place: str, value: Any, secret: bytes) -> Leaf:
    own = salt(secret, place)
    return Leaf(place, value, own, _leaf_hash(place, value, own))


def _leaf_hash(place: str, value: Any, own_salt: bytes) -> bytes:
    text = canonical_json([place, value], place)
    return merkle.leaf_hash(own_salt + text)


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as fault:
        raise InputError("a field's name is no Unicode text.") from fault
