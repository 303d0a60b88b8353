"""Signers in a plain file (`file:PATH`), protected by its mode 0600 alone."""

from __future__ import annotations

from pathlib import Path

from ledger.errors import InputError
from ledger.keys.local_signer import LocalSigner, random_key
from ledger.keys.secret_files import create_key, read_key

LABEL = "secp256k1"


def load_file_signer(path: Path) -> LocalSigner:
    """Open a signer's key file.

    Raises:
        NotFoundError: there is no such file.
        InputError: readable by others, or malformed.
    """
    return LocalSigner(read_key(path, LABEL))


def new_file_signer(path: Path, *, seed: bytes | None = None) -> LocalSigner:
    """Create a signer's key file.

    Args:
        path: must not exist.
        seed: None for a random key. 32 bytes are taken as the key, for demonstrations only: whoever knows
            them can sign.

    Raises:
        ConflictError: the file exists.
        InputError: the seed is not a key of secp256k1.
    """
    if seed is not None and len(seed) != 32:
        raise InputError("a seed has 32 bytes.")
    key = random_key() if seed is None else seed
    signer = LocalSigner(key)
    create_key(path, LABEL, key)
    return signer
