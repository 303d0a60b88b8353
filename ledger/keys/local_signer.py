"""A signer whose secp256k1 key is in memory: what `file:` and `keystore:` signers become once opened."""

from __future__ import annotations

import os
from typing import Any

from coincurve import PrivateKey
from coincurve.utils import GROUP_ORDER_INT
from eth_account import Account
from eth_hash.auto import keccak

from ledger.errors import InputError


def random_key() -> bytes:
    """32 random bytes that are a key of secp256k1."""
    key = os.urandom(32)
    while not 0 < int.from_bytes(key, "big") < GROUP_ORDER_INT:  # chance of one in 2**128
        key = os.urandom(32)
    return key


class LocalSigner:
    """Signs with a key in memory. The key shows in no repr and no message."""

    def __init__(self, key: bytes) -> None:
        """Take a 32-byte key.

        Raises:
            InputError: not a key of secp256k1.
        """
        try:
            self._key = PrivateKey(key)
        except ValueError as fault:
            raise InputError("this is not a secp256k1 key (1 to the group order, 32 bytes).") from fault
        self._address = bytes(keccak(self._key.public_key.format(compressed=False)[1:])[-20:])

    @property
    def address(self) -> bytes:
        """20 bytes: the last of the keccak of the public key."""
        return self._address

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign 32 bytes (RFC 6979 nonce, low s).

        Returns:
            65 bytes: r, s, v with v 27 or 28.

        Raises:
            InputError: the digest has not 32 bytes.
        """
        if len(digest) != 32:
            raise InputError("a digest has 32 bytes.")
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([signature[64] + 27])

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """Sign an EVM transaction, with JSON-RPC's names (`to`, `data`, `nonce`, `gas`, `gasPrice`, ...).

        Returns:
            The raw bytes that `eth_sendRawTransaction` takes.

        Raises:
            InputError: a field is missing or malformed.
        """
        try:
            return bytes(Account.sign_transaction(transaction, self._key.secret).raw_transaction)
        except (TypeError, ValueError, KeyError) as fault:
            raise InputError(f"the transaction cannot be signed: {fault}.") from fault

    def __repr__(self) -> str:
        return f"LocalSigner(0x{self._address.hex()})"
