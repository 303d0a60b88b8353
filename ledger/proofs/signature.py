"""Whose key made a signature, by the rules of the contract: 65 bytes r, s, v; v 27 or 28; low s.

Pure. Source: OpenZeppelin ECDSA.tryRecover; EIP-2 for low s.
"""

from __future__ import annotations

from coincurve import PublicKey
from eth_hash.auto import keccak

from ledger.errors import TrustError

SIGNATURE_BYTES = 65
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def recover_signer(digest: bytes, signature: bytes) -> bytes:
    """The 20-byte address whose key signed a 32-byte digest.

    Raises:
        TrustError: the contract would not take this signature either.
    """
    if len(digest) != 32 or len(signature) != SIGNATURE_BYTES or signature[64] not in (27, 28):
        raise TrustError("a signature has 65 bytes and ends in 27 or 28.")
    if not 0 < int.from_bytes(signature[32:64], "big") <= _ORDER // 2:
        raise TrustError("the signature is not in its canonical form (s is not low).")
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    except Exception as fault:  # coincurve raises bare Exception for a signature without a key
        raise TrustError("the signature belongs to no key.") from fault
    return bytes(keccak(key.format(compressed=False)[1:]))[12:]
