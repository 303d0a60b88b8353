"""Merkle trees of RFC 6962: root, inclusion proof and its verification.

Leaves and nodes are hashed with different first bytes (0x00 and 0x01), so a node can never pass for a leaf.
Pure functions over lists of 32-byte leaf hashes; a verifier returns None or raises. A proof that is too
long fails like one that is too short.

Source: RFC 6962 section 2.1; RFC 9162 section 2.1.3.2 for verification.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from ledger.errors import InputError, TrustError
from ledger.limits import DEFAULT_LIMITS

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """sha256(0x00 ‖ data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """sha256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes, in order.

    Args:
        leaves: hashes of 32 bytes; none gives `EMPTY_ROOT`.

    Source: RFC 6962 section 2.1, MTH.
    """
    _check_leaves(leaves)
    if not leaves:
        return EMPTY_ROOT
    return _root(leaves, 0, len(leaves))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Hashes that lead from one leaf to the root, from the leaf upwards.

    Args:
        leaves: all leaf hashes, in order.
        index: which leaf, 0 <= index < len(leaves).

    Returns:
        At most ⌈log2(len(leaves))⌉ hashes of 32 bytes; none for a tree of one leaf.

    Raises:
        InputError: no such leaf.

    Source: RFC 6962 section 2.1.1, PATH.
    """
    _check_leaves(leaves)
    if not 0 <= index < len(leaves):
        raise InputError(f"the tree has {len(leaves)} leaves, there is none at {index}.")
    path: list[bytes] = []
    low, high = 0, len(leaves)
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_root(leaves, middle, high))
            high = middle
        else:
            path.append(_root(leaves, low, middle))
            low = middle
    path.reverse()
    return path


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> None:
    """Check that a leaf stands at `index` in the tree of `size` leaves with that root.

    1. The index lies inside the tree.
    2. Every hash has 32 bytes and the path has not more hashes than any tree we take.
    3. The path is exactly as long as that place in that tree needs.
    4. Hashing upwards from the leaf gives the expected root.

    Args:
        leaf: leaf hash, 32 bytes.
        index: place of the leaf, from 0.
        size: number of leaves of the tree.
        path: hashes from the leaf upwards.
        expected_root: 32 bytes that the caller trusts.

    Raises:
        TrustError: any of these does not hold.

    Source: RFC 9162 section 2.1.3.2.
    """
    # (1) The index lies inside the tree.
    if not 0 <= index < size:
        raise TrustError(f"the proof names leaf {index} of a tree of {size} leaves.")
    # (2) Sizes of hashes and path.
    if len(path) > DEFAULT_LIMITS.proof_hashes_max:
        raise TrustError(f"the proof has {len(path)} hashes, more than any tree needs.")
    if any(len(part) != HASH_BYTES for part in (leaf, expected_root, *path)):
        raise TrustError("a hash of the proof has not 32 bytes.")
    # (3) and (4), walking up: `place` and `last` are our node and the last node of each level.
    computed, place, last = leaf, index, size - 1
    for part in path:
        if last == 0:
            raise TrustError("the proof is too long for its place in the tree.")
        if place & 1 or place == last:
            computed = node_hash(part, computed)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, part)
        place >>= 1
        last >>= 1
    if last != 0:
        raise TrustError("the proof is too short for its place in the tree.")
    if not hmac.compare_digest(computed, expected_root):
        raise TrustError("the proof does not lead to the expected root.")


def _root(leaves: Sequence[bytes], low: int, high: int) -> bytes:
    if high - low == 1:
        return leaves[low]
    middle = low + _split(high - low)
    return node_hash(_root(leaves, low, middle), _root(leaves, middle, high))


def _split(size: int) -> int:
    """Largest power of two smaller than `size` (>= 2)."""
    return 1 << (size - 1).bit_length() - 1


def _check_leaves(leaves: Sequence[bytes]) -> None:
    if any(len(leaf) != HASH_BYTES for leaf in leaves):
        raise InputError("leaf hashes have 32 bytes.")
