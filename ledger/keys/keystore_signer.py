"""Signers in a Web3 Secret Storage v3 file (`keystore:PATH`): scrypt, opened once with a password."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json

from ledger.errors import AuthenticationError, InputError
from ledger.keys.local_signer import LocalSigner
from ledger.keys.secret_files import create_file, read_file

SCRYPT_N = 262_144        # 256 MiB with r = 8: what the Web3 Secret Storage definition recommends
SCRYPT_N_MAX = 1_048_576  # a larger cost in a file is an attack on memory, not a protection


def load_keystore_signer(path: Path, ask_secret: Callable[[str], str]) -> LocalSigner:
    """Open a keystore with the password that `ask_secret` gives; the open key stays in memory.

    Args:
        path: a v3 keystore file, mode 0600.
        ask_secret: called once with a prompt.

    Raises:
        NotFoundError: there is no such file.
        InputError: readable by others, or not a v3 scrypt keystore.
        AuthenticationError: wrong password.
    """
    try:
        content = json.loads(read_file(path))
        crypto = content.get("crypto", {})
        good = content.get("version") == 3 and crypto.get("kdf") == "scrypt"
        cost = crypto.get("kdfparams", {}).get("n")
    except (ValueError, AttributeError) as fault:
        raise InputError(f"{path} is not a keystore.") from fault
    if not good or not isinstance(cost, int) or not 0 < cost <= SCRYPT_N_MAX:
        raise InputError(f"{path} is not a version 3 keystore with scrypt of n up to {SCRYPT_N_MAX}.")
    password = ask_secret(f"Password of {path}: ")
    try:
        return LocalSigner(bytes(decode_keyfile_json(content, password.encode())))
    except (ValueError, KeyError, TypeError) as fault:
        raise AuthenticationError(f"{path} does not open with this password.") from fault


def new_keystore_signer(path: Path, password: str, *, scrypt_n: int = SCRYPT_N) -> LocalSigner:
    """Create a keystore with a random key.

    Args:
        path: must not exist.
        password: not empty.
        scrypt_n: memory cost; smaller ones only for tests.

    Raises:
        ConflictError: the file exists.
        InputError: empty password.
    """
    if not password:
        raise InputError("a keystore needs a password.")
    key = os.urandom(32)
    signer = LocalSigner(key)
    content = create_keyfile_json(key, password.encode(), kdf="scrypt", iterations=scrypt_n)
    create_file(path, json.dumps(content) + "\n")
    return signer
