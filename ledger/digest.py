"""A keccak-256 digest that remembers what was hashed.

A signer in this process signs 32 bytes. A signing service (Web3Signer) hashes for itself, so that it can see
what it signs: it needs the message. `Digest` is the 32 bytes, and carries the message to those who need it.
"""

from __future__ import annotations

from eth_hash.auto import keccak


class Digest(bytes):
    """32 bytes, the keccak-256 of `message`; equal to, and usable as, the plain bytes."""

    message: bytes

    @classmethod
    def of(cls, message: bytes) -> Digest:
        """Hash a message and keep it beside the hash."""
        digest = cls(keccak(message))
        digest.message = message
        return digest
