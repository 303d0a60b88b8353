"""Signers in a Web3 Secret Storage v3 file (`keystore:PATH`): scrypt, unlocked once with a password.

Unlocking takes 256 MiB and about a second, on purpose. An opened key is kept for the life of the process, so
that neither the cost nor the question comes twice; a file whose content changed is another keystore. A
service, which nobody can ask, names a 0600 file with the password: `keystore:PATH#passwordFile=PATH`.

Source: Web3 Secret Storage Definition, version 3; eth-keyfile does the cryptography.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json

from ledger.errors import AuthenticationError, InputError
from ledger.events.strict_json import dump_json, parse_json
from ledger.keys.local_signer import LocalSigner, random_key
from ledger.keys.secret_files import create_file, path_of, read_file, read_key, replace_file
from ledger.keys.signers.file import LABEL as SIGNER_LABEL
from ledger.keys.signers.uri import split_uri

SCRYPT_N = 262_144        # 256 MiB with r = 8: what the Web3 Secret Storage definition recommends
SCRYPT_N_MAX = 1_048_576  # a larger cost in a file is an attack on memory, not a protection
SCRYPT_R_MAX, SCRYPT_P_MAX = 8, 16

_unlocked: dict[tuple[str, bytes], LocalSigner] = {}
_unlocking = threading.Lock()


def load_keystore_uri(uri: str, ask_secret: Callable[[str], str] | None, base: Path | None) -> LocalSigner:
    """Open the keystore that a URI names; asks for its password at most once a process.

    Raises:
        InputError: there is neither a password file nor anybody to ask; others as `load_keystore_signer`.
    """
    named = split_uri(uri, base, ("passwordFile",))
    password_file = named.file("passwordFile")
    if password_file is not None:
        return load_keystore_signer(named.path, lambda _prompt: read_password(password_file))
    if ask_secret is None:
        def nobody(_prompt: str) -> str:
            raise InputError(f"{uri} needs a password and nobody is there to ask.",
                             remedy="Run this from a terminal, or name a 0600 file that holds it: "
                                    f"{uri}#passwordFile=PATH")
        return load_keystore_signer(named.path, nobody)
    return load_keystore_signer(named.path, ask_secret)


def load_keystore_signer(path: Path, ask_secret: Callable[[str], str]) -> LocalSigner:
    """Open a keystore with the password that `ask_secret` gives; the open key stays in memory.

    Args:
        path: a v3 keystore file, mode 0600.
        ask_secret: called with a prompt, and not at all if this process opened the same file before.

    Raises:
        NotFoundError: there is no such file.
        InputError: readable by others, or not a v3 scrypt keystore.
        AuthenticationError: wrong password.
    """
    text = read_file(path)
    content = _checked(path, text)
    same = (str(path.absolute()), hashlib.sha256(text.encode()).digest())
    with _unlocking:  # two threads that need the key ask once
        if same not in _unlocked:
            _unlocked[same] = LocalSigner(_unlock(path, content, ask_secret(f"Password of {path}: ")))
        return _unlocked[same]


def new_keystore_signer(
    path: Path, password: str, *, key: bytes | None = None, scrypt_n: int = SCRYPT_N,
) -> LocalSigner:
    """Create a keystore, with a random key unless one is brought along.

    Args:
        path: must not exist.
        password: not empty.
        key: 32 bytes from another key file; None for a random one.
        scrypt_n: memory cost; smaller ones only for tests.

    Raises:
        ConflictError: the file exists.
        InputError: empty password, or no key of secp256k1.
    """
    key = random_key() if key is None else key
    signer = LocalSigner(key)
    create_file(path, _encrypted(key, password, scrypt_n))
    return signer


def import_keystore(source: Path, password: str, target: Path, *, scrypt_n: int = SCRYPT_N) -> LocalSigner:
    """Take over a key from a keystore file of another tool, encrypted anew under the same password.

    Args:
        source: any v3 keystore with scrypt; its mode must keep others out as well.
        target: must not exist.

    Raises:
        AuthenticationError: wrong password; others as `load_keystore_signer` and `new_keystore_signer`.
    """
    key = _unlock(source, _checked(source, read_file(source)), password)
    return new_keystore_signer(target, password, key=key, scrypt_n=scrypt_n)


def change_password(path: Path, before: str, after: str, *, scrypt_n: int = SCRYPT_N) -> LocalSigner:
    """Encrypt the key of a keystore under another password. A crash leaves the old file or the new one.

    The old file may live on in backups: where the old password is known to others, make a new key instead.

    Raises:
        AuthenticationError: wrong password; others as `load_keystore_signer`.
    """
    key = _unlock(path, _checked(path, read_file(path)), before)
    replace_file(path, _encrypted(key, after, scrypt_n))
    return LocalSigner(key)


def protect_file_key(
    uri: str, password: str, target: Path, *, base: Path | None = None, scrypt_n: int = SCRYPT_N,
) -> LocalSigner:
    """Copy the key of a plain `file:` signer into a keystore; the plain file stays.

    Raises:
        NotFoundError: there is no such key. InputError: `uri` is no plain key file; others as
        `new_keystore_signer`.
    """
    key = read_key(split_uri(uri, base, ()).path if uri.startswith("file:") else path_of(uri), SIGNER_LABEL)
    return new_keystore_signer(target, password, key=key, scrypt_n=scrypt_n)


def read_password(path: Path) -> str:
    """The password in a 0600 file; one line break at its end is not part of it.

    Raises:
        NotFoundError: there is no such file. InputError: readable by others, or empty.
    """
    password = read_file(path, encoding="utf-8").removesuffix("\n").removesuffix("\r")
    if not password:
        raise InputError(f"{path} holds no password.")
    return password


def _checked(path: Path, text: str) -> dict[str, Any]:
    try:
        content = parse_json(text.encode())
        crypto = content.get("crypto", {})
        costs = crypto.get("kdfparams", {})
        good = content.get("version") == 3 and crypto.get("kdf") == "scrypt"
        bounds = (("n", SCRYPT_N_MAX), ("r", SCRYPT_R_MAX), ("p", SCRYPT_P_MAX))
        bounded = all(type(costs.get(name)) is int and 0 < costs[name] <= most for name, most in bounds)
    except (InputError, AttributeError) as fault:
        raise InputError(f"{path} is not a keystore.") from fault
    if not good or not bounded:
        raise InputError(f"{path} is not a version 3 keystore with scrypt of n up to {SCRYPT_N_MAX}, "
                         f"r up to {SCRYPT_R_MAX} and p up to {SCRYPT_P_MAX}.")
    return dict(content)


def _unlock(path: Path, content: dict[str, Any], password: str) -> bytes:
    try:
        return bytes(decode_keyfile_json(content, password.encode()))
    except (ValueError, KeyError, TypeError) as fault:
        raise AuthenticationError(f"{path} does not open with this password.") from fault


def _encrypted(key: bytes, password: str, scrypt_n: int) -> str:
    if not password:
        raise InputError("a keystore needs a password.")
    return dump_json(create_keyfile_json(key, password.encode(), kdf="scrypt", iterations=scrypt_n)) + "\n"

