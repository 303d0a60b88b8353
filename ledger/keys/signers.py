"""Signers by URI: configuration names a key and never holds one. One back end a file.

`file:PATH` is a 0600 file, `keystore:PATH` a password-protected one, `remote:URL` a signing service (only
its place: refused with a clear error). A back end is added by an entry in `SIGNER_FOR_URI_SCHEME`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ledger.errors import InputError, TrustError
from ledger.keys.file_signer import load_file_signer, new_file_signer
from ledger.keys.keystore_signer import load_keystore_signer, new_keystore_signer
from ledger.keys.secret_files import path_of
from ledger.proofs.signature import recover_signer

AskSecret = Callable[[str], str]
"""Asks a person for a secret: prompt in, secret out."""


class Signer(Protocol):
    """A key that signs for a participant, the gateway or the authority."""

    @property
    def address(self) -> bytes:
        """20 bytes."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign 32 bytes; returns 65: r, s (low), v (27 or 28)."""
        ...

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """Sign an EVM transaction; returns its raw bytes."""
        ...


def _file(uri: str, _ask: AskSecret | None, base: Path | None) -> Signer:
    return load_file_signer(path_of(uri, base))


def _keystore(uri: str, ask: AskSecret | None, base: Path | None) -> Signer:
    if ask is None:
        raise InputError(f"{uri} needs a password and nobody is there to ask.",
                         remedy="Run this from a terminal, or use a file: signer.")
    return load_keystore_signer(path_of(uri, base, "keystore"), ask)


def _remote(uri: str, _ask: AskSecret | None, _base: Path | None) -> Signer:
    raise InputError(f"{uri}: remote signers are not available in this version.",
                     remedy="Use file:PATH or keystore:PATH.")


SIGNER_FOR_URI_SCHEME: dict[str, Callable[[str, AskSecret | None, Path | None], Signer]] = {
    "file": _file,
    "keystore": _keystore,
    "remote": _remote,
}


def load_signer(uri: str, ask_secret: AskSecret | None = None, *, base: Path | None = None) -> Signer:
    """Open the signer that a URI names.

    Args:
        uri: `file:PATH`, `keystore:PATH` or `remote:URL`.
        ask_secret: asked once where a password is needed; None where nobody can answer.
        base: folder where relative paths start; the working directory if None.

    Raises:
        NotFoundError: no such key.
        InputError: unknown scheme, readable by others, malformed.
        AuthenticationError: wrong password.
    """
    back_end = SIGNER_FOR_URI_SCHEME.get(uri.partition(":")[0]) if ":" in uri else None
    if back_end is None:
        schemes = ", ".join(f"{name}:" for name in SIGNER_FOR_URI_SCHEME)
        raise InputError(f"{uri!r} names no signer.", remedy=f"Known are {schemes}")
    return back_end(uri, ask_secret, base)


def new_signer(path: Path, *, seed: bytes | None = None, password: str | None = None) -> Signer:
    """Create a signer: a keystore if a password is given, else a plain 0600 file.

    Args:
        path: must not exist.
        seed: only for demonstrations: 32 bytes that make the key; whoever knows them knows the key.
        password: of the keystore; not with a seed.

    Raises:
        ConflictError: the file exists.
        InputError: seed and password together.
    """
    if password is None:
        return new_file_signer(path, seed=seed)
    if seed is not None:
        raise InputError("a keystore is never made from a seed.")
    return new_keystore_signer(path, password)


def recover_address(digest: bytes, signature: bytes) -> bytes:
    """Address whose key signed a digest. Strict: 65 bytes, v 27 or 28, low s, as the contract takes it.

    Raises:
        InputError: malformed, or it recovers to no key.
    """
    try:
        return recover_signer(digest, signature)
    except TrustError as fault:
        raise InputError(fault.message, pointer="/signature") from fault
