"""Keys that are no signers: X25519 to open payloads, Ed25519 to sign checkpoints, shared HMAC secrets."""

from __future__ import annotations

import os
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox
from nacl.signing import SigningKey

from ledger.errors import InputError, TrustError
from ledger.keys.secret_files import create_key, path_of, read_key

READING_LABEL = "x25519"
CHECKPOINT_LABEL = "ed25519"
SHARED_LABEL = "hmac"


class ReadingKey:
    """An X25519 key: opens what was sealed to its public half."""

    def __init__(self, secret: bytes) -> None:
        """Take 32 bytes.

        Raises:
            InputError: not 32 bytes.
        """
        if len(secret) != 32:
            raise InputError("a reading key has 32 bytes.")
        self._key = PrivateKey(secret)

    @property
    def public(self) -> bytes:
        """32 bytes: what others seal to (registered on chain as readingKey)."""
        return bytes(self._key.public_key)

    def open(self, sealed: bytes) -> bytes:
        """Open an anonymous sealed box (crypto_box_seal).

        Raises:
            TrustError: not sealed to this key, or changed.
        """
        try:
            return bytes(SealedBox(self._key).decrypt(sealed))
        except (CryptoError, ValueError, TypeError) as fault:
            raise TrustError("the sealed key does not open with this reading key.") from fault

    def __repr__(self) -> str:
        return f"ReadingKey(public={self.public.hex()})"


def load_reading_key(uri: str, *, base: Path | None = None) -> ReadingKey:
    """Open a participant's reading key, `file:PATH`.

    Raises:
        NotFoundError: no such file.
        InputError: readable by others, or malformed.
    """
    return ReadingKey(read_key(path_of(uri, base), READING_LABEL))


def new_reading_key(path: Path, *, seed: bytes | None = None) -> ReadingKey:
    """Create a reading key file; a 32-byte seed is for demonstrations only: whoever knows it reads all.

    Raises:
        ConflictError: the file exists.
    """
    secret = _random_or(seed)
    create_key(path, READING_LABEL, secret)
    return ReadingKey(secret)


class CheckpointKey:
    """The operator's Ed25519 key (RFC 8032)."""

    def __init__(self, seed: bytes) -> None:
        """Take the 32-byte seed of RFC 8032.

        Raises:
            InputError: not 32 bytes.
        """
        if len(seed) != 32:
            raise InputError("an Ed25519 seed has 32 bytes.")
        self._key = SigningKey(seed)

    @property
    def public(self) -> bytes:
        """32 bytes."""
        return bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        """64-byte Ed25519 signature of a message."""
        return bytes(self._key.sign(message).signature)

    def __repr__(self) -> str:
        return f"CheckpointKey(public={self.public.hex()})"


def load_checkpoint_key(uri: str, *, base: Path | None = None) -> CheckpointKey:
    """Open the operator's checkpoint key, `file:PATH`.

    Raises:
        NotFoundError: no such file.
        InputError: readable by others, or malformed.
    """
    return CheckpointKey(read_key(path_of(uri, base), CHECKPOINT_LABEL))


def new_checkpoint_key(path: Path, *, seed: bytes | None = None) -> CheckpointKey:
    """Create a checkpoint key file; a 32-byte seed only for demonstrations.

    Raises:
        ConflictError: the file exists.
    """
    secret = _random_or(seed)
    create_key(path, CHECKPOINT_LABEL, secret)
    return CheckpointKey(secret)


def load_shared_secret(uri: str, *, base: Path | None = None) -> bytes:
    """32 bytes of a shared HMAC secret (`file:PATH`): the network's, or an enterprise's key of material ids.

    Raises:
        NotFoundError: no such file.
        InputError: readable by others, or malformed.
    """
    return read_key(path_of(uri, base), SHARED_LABEL)


def new_shared_secret(path: Path, *, seed: bytes | None = None) -> bytes:
    """Create a shared HMAC secret file; a 32-byte seed only for demonstrations.

    Raises:
        ConflictError: the file exists.
    """
    secret = _random_or(seed)
    create_key(path, SHARED_LABEL, secret)
    return secret


def _random_or(seed: bytes | None) -> bytes:
    if seed is not None and len(seed) != 32:
        raise InputError("a seed has 32 bytes.")
    return os.urandom(32) if seed is None else seed
