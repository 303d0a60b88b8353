"""Checkpoints: the operator's signed statement which block the ledger had reached.

A checkpoint names a block by number and hash, and the checkpoint before it; signed with Ed25519 as a C2SP
signed note. An operator signs only what extends its last checkpoint, so two checkpoints that contradict each
other prove that it lied. Pure: keys, headers and the last checkpoint come in as arguments. Byte-level format:
docs/formats/proofs.md. Source: C2SP signed-note and tlog-checkpoint (form of the text).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from ledger.chain.client import Header
from ledger.errors import InputError, TrustError

ZERO_HASH = bytes(32)
NOTE_BYTES_MAX = 8_192       # a checkpoint has about 350; the rest is for signatures of witnesses
SIGNATURES_MAX = 16
ORIGIN_LENGTH_MAX = 200
BLOCK_NUMBER_MAX = 2**63 - 1
_ED25519 = b"\x01"           # C2SP signature type


@dataclass(frozen=True, slots=True)
class CheckpointKey:
    """Who is believed: the name in the checkpoint's first line and a 32-byte Ed25519 public key."""

    origin: str
    public_key: bytes

    def __post_init__(self) -> None:
        _check_origin(self.origin)
        if len(self.public_key) != 32:
            raise InputError("an Ed25519 public key has 32 bytes.")

    @property
    def key_hash(self) -> bytes:
        """The four bytes by which a signature line names its key."""
        return hashlib.sha256(self.origin.encode() + b"\n" + _ED25519 + self.public_key).digest()[:4]

    def to_text(self) -> str:
        """The key as one line: name+hash+base64, the C2SP `vkey`."""
        encoded = base64.b64encode(_ED25519 + self.public_key).decode()
        return f"{self.origin}+{self.key_hash.hex()}+{encoded}"

    @classmethod
    def from_text(cls, text: str) -> CheckpointKey:
        """Read what `to_text` wrote.

        Raises:
            InputError: malformed, or name and key do not belong together.
        """
        parts = text.split("+", 2)
        try:
            origin, _, encoded = parts
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error) as fault:
            raise InputError("a checkpoint key reads name+hash+base64.") from fault
        if raw[:1] != _ED25519:
            raise InputError("the checkpoint key is not an Ed25519 key.")
        key = cls(origin, raw[1:])
        if key.to_text() != text:
            raise InputError("the checkpoint key's hash does not belong to its name and key.")
        return key


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed.

    Attributes:
        origin: name of the ledger, pinned by those who verify.
        block_number, block_hash: the latest block at signing.
        previous: SHA-256 of the text of the checkpoint before, zero for the first.
    """

    origin: str
    block_number: int
    block_hash: bytes
    previous: bytes

    def text(self) -> str:
        """The signed text: four lines, each ended by a newline."""
        return (
            f"{self.origin}\n{self.block_number}\n{base64.b64encode(self.block_hash).decode()}\n"
            f"{base64.b64encode(self.previous).decode()}\n")

    def digest(self) -> bytes:
        """SHA-256 of the text: what the next checkpoint names."""
        return hashlib.sha256(self.text().encode()).digest()


def extend(origin: str, previous: Checkpoint | None, headers: Iterable[Header]) -> Checkpoint:
    """The next checkpoint, if these headers really extend the last one signed.

    Args:
        origin: name of the ledger.
        previous: the last checkpoint that was signed, or None.
        headers: every header after the previous checkpoint's block, in order; at least one.

    Raises:
        TrustError: a header does not follow the one before; nothing may be signed.
        InputError: no new block, or another origin than before.
    """
    if previous is not None and previous.origin != origin:
        raise InputError(f"the last checkpoint is of {previous.origin!r}, not {origin!r}.")
    number = previous.block_number if previous else None
    tip = previous.block_hash if previous else None
    for header in headers:
        if tip is not None and number is not None and (
                header.parent_hash != tip or header.number != number + 1):
            raise TrustError(
                f"block {header.number} does not follow block {number}, which was signed or checked before.",
                remedy="Sign nothing. Keep both headers: the ledger was rewritten.")
        number, tip = header.number, header.hash
    if number is None or tip is None or (previous is not None and number == previous.block_number):
        raise InputError("there is no block after the last checkpoint.")
    return Checkpoint(origin, number, tip, previous.digest() if previous else ZERO_HASH)


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> str:
    """The checkpoint as a signed note. Sign only what `extend` made from stored state."""
    pinned = CheckpointKey(checkpoint.origin, bytes(key.verify_key))
    text = checkpoint.text()
    signature = key.sign(text.encode()).signature
    line = base64.b64encode(pinned.key_hash + signature).decode()
    return f"{text}\n\u2014 {checkpoint.origin} {line}\n"


def verify_checkpoint(note: str, key: CheckpointKey) -> Checkpoint:
    """The checkpoint in a note, signed by the pinned key.

    1. The note is bounded and splits into text and signature lines.
    2. Exactly one signature line is of the pinned key; lines of other keys are passed over.
    3. That signature verifies over the text.
    4. The text is a checkpoint in its one canonical form, of the pinned origin.

    Raises:
        TrustError: any of it fails.
    """
    # Step 1
    if len(note.encode()) > NOTE_BYTES_MAX or "\r" in note:
        raise TrustError("the checkpoint is too long or has carriage returns.")
    text, separator, rest = note.rpartition("\n\n")
    if not separator or not rest.endswith("\n"):
        raise TrustError("the checkpoint has no signature block.")
    text += "\n"
    lines = rest[:-1].split("\n")
    if not 0 < len(lines) <= SIGNATURES_MAX:
        raise TrustError(f"a checkpoint has 1 to {SIGNATURES_MAX} signature lines.")
    # Step 2
    ours = [found for line in lines if (found := _signature_line(line, key)) is not None]
    if len(ours) != 1:
        raise TrustError(f"the checkpoint has {len(ours)} signatures of {key.origin}'s pinned key, not one.")
    # Step 3
    try:
        VerifyKey(key.public_key).verify(text.encode(), ours[0])
    except (BadSignatureError, ValueError) as fault:
        raise TrustError(f"the checkpoint's signature by {key.origin} is wrong.") from fault
    # Step 4
    checkpoint = _parse(text)
    if checkpoint.origin != key.origin:
        raise TrustError(f"the checkpoint is of {checkpoint.origin!r}, not {key.origin!r}.")
    return checkpoint


def _parse(text: str) -> Checkpoint:
    lines = text.split("\n")
    try:
        origin, number, block_hash, previous, end = lines
        checkpoint = Checkpoint(
            origin, int(number), base64.b64decode(block_hash, validate=True),
            base64.b64decode(previous, validate=True))
    except (ValueError, binascii.Error) as fault:
        raise TrustError("the checkpoint's text cannot be read.") from fault
    sizes = len(checkpoint.block_hash), len(checkpoint.previous)
    bounded = 0 <= checkpoint.block_number <= BLOCK_NUMBER_MAX
    if end or checkpoint.text() != text or sizes != (32, 32) or not bounded:
        raise TrustError("the checkpoint's text is not in its canonical form.")
    return checkpoint


def _signature_line(line: str, key: CheckpointKey) -> bytes | None:
    """The 64-byte signature in a line of this key; None for a line of another key.

    Raises:
        TrustError: not a signature line.
    """
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "\u2014" or not parts[1]:
        raise TrustError("a signature line of the checkpoint is malformed.")
    try:
        raw = base64.b64decode(parts[2], validate=True)
    except (ValueError, binascii.Error) as fault:
        raise TrustError("a signature line of the checkpoint is not base64.") from fault
    if len(raw) <= 4 or base64.b64encode(raw).decode() != parts[2]:
        raise TrustError("a signature line of the checkpoint is malformed.")
    if parts[1] != key.origin or raw[:4] != key.key_hash:
        return None
    if len(raw) != 68:
        raise TrustError("an Ed25519 signature has 64 bytes.")
    return raw[4:]


def _check_origin(origin: str) -> None:
    printable = all(c.isprintable() and not c.isspace() for c in origin)
    if not 0 < len(origin) <= ORIGIN_LENGTH_MAX or not printable or "+" in origin:
        raise InputError("a ledger's name is printable text without spaces and plus signs.")
