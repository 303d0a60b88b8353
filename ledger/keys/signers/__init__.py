"""Signers by URI: configuration names a key and never holds one. Start: `load_signer`; a back end a file.

    file:PATH                           `file`      a 0600 file, in plain
    keystore:PATH[#passwordFile=PATH]   `keystore`  Web3 Secret Storage v3 (scrypt), unlocked once a process
    remote:URL#address=0x...            `remote`    a signing service that speaks Web3Signer's eth1 API

A back end is added by an entry in `SIGNER_FOR_URI_SCHEME`. How to run each: docs/signers.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ledger.errors import InputError, Reason, TrustError
from ledger.keys.signers.file import load_file_signer, new_file_signer
from ledger.keys.signers.keystore import load_keystore_uri, new_keystore_signer
from ledger.keys.signers.remote import load_remote_signer
from ledger.keys.signers.uri import split_uri
from ledger.proofs.signature import SIGNATURE_BYTES, recover_signer

AskSecret = Callable[[str], str]
"""Asks a person for a secret: prompt in, secret out."""


class Signer(Protocol):
    """A key that signs for a participant, the gateway or the authority."""

    @property
    def address(self) -> bytes:
        """20 bytes."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign 32 bytes; returns 65: r, s (low), v (27 or 28).

        A signing service hashes for itself: it takes only a `ledger.digest.Digest`, which knows its message.
        """
        ...

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """Sign an EVM transaction; returns its raw bytes."""
        ...


def _file(uri: str, _ask: AskSecret | None, base: Path | None) -> Signer:
    named = split_uri(uri, base, ())
    return load_file_signer(named.path)


SIGNER_FOR_URI_SCHEME: dict[str, Callable[[str, AskSecret | None, Path | None], Signer]] = {
    "file": _file,
    "keystore": load_keystore_uri,
    "remote": load_remote_signer,
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
        high_s = len(signature) == SIGNATURE_BYTES and "s is not low" in fault.message
        raise InputError(
            fault.message, pointer="/signature", remedy="Sign it again with the poster's own client.",
            reason=Reason.HIGH_S_SIGNATURE if high_s else Reason.INVALID) from fault
