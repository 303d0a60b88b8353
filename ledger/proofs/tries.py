"""Merkle-Patricia tries: build one from its items, prove one item, check a proof.

Pure. Nodes of a proof come root first, each as its RLP encoding; nodes shorter than 32 bytes stand inside
their parent and are not listed. A proof with a node too many fails as surely as one with a node too few.
Source: Ethereum yellow paper, appendix D; EIP-1186 for the form of proofs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rlp
from eth_hash.auto import keccak
from rlp.exceptions import RLPException
from trie import HexaryTrie
from trie.constants import BLANK_NODE_HASH

from ledger.errors import TrustError

EMPTY_ROOT: bytes = BLANK_NODE_HASH
NODES_MAX = 65          # a 32-byte key has 64 nibbles
NODE_BYTES_MAX = 8_388_608  # a leaf holds its value, and a receipt may be large


def ordered_trie_root(items: Sequence[bytes]) -> bytes:
    """Root of the trie that maps rlp(index) to item, as transactions and receipts of a block stand in one."""
    if not items:
        return EMPTY_ROOT
    ordered = sorted((_nibbles(ordered_key(index)), item) for index, item in enumerate(items))
    return bytes(keccak(_node(ordered, 0)))


def prove_ordered(items: Sequence[bytes], index: int) -> list[bytes]:
    """Proof of one item of an ordered trie.

    Args:
        items: all items of the trie in order.
        index: which, 0 <= index < len(items).

    Raises:
        TrustError: there is no such item.
    """
    if not 0 <= index < len(items):
        raise TrustError(f"there is no item {index} among {len(items)}.")
    return proof_nodes(_ordered(items), ordered_key(index))


def ordered_key(index: int) -> bytes:
    """The key of an index in an ordered trie."""
    return bytes(rlp.encode(index))


def proof_nodes(trie: HexaryTrie, key: bytes) -> list[bytes]:
    """RLP nodes on the way to a key, root first, without those that stand inside their parent."""
    encoded = [bytes(rlp.encode(node)) for node in trie.get_proof(key)]
    return [node for i, node in enumerate(encoded) if i == 0 or len(node) >= 32]


def value_in_proof(root: bytes, key: bytes, nodes: Sequence[bytes]) -> bytes:
    """The value under a key, proven from a root; empty when the proof shows that there is none.

    1. The list of nodes is bounded; none at all proves only the empty trie.
    2. Each node hashes to what its parent (the first: the root) says.
    3. The path follows the key, nibble by nibble, to the value or to where the key would be.
    4. No node is left over.

    Args:
        root: 32-byte hash of the trie's root node.
        key: the key in the trie.
        nodes: RLP nodes, root first.

    Raises:
        TrustError: a node is missing, foreign, surplus or malformed.
    """
    # Step 1
    if len(nodes) > NODES_MAX or any(len(node) > NODE_BYTES_MAX for node in nodes):
        raise TrustError(f"a trie proof has at most {NODES_MAX} nodes of bounded size.")
    if not nodes:
        if root == EMPTY_ROOT:
            return b""
        raise TrustError("the trie proof is empty.")
    path = [nibble for byte in key for nibble in (byte >> 4, byte & 15)]
    pending: Any = root
    used = 0
    while True:
        # Step 2: a child is a hash, a node that stands inside its parent, or nothing
        if isinstance(pending, bytes):
            if not pending:
                value = b""
                break
            if used == len(nodes) or keccak(nodes[used]) != pending:
                raise TrustError("the trie proof does not lead from the root to its key.")
            pending = _decoded(nodes[used])
            used += 1
        # Step 3
        if len(pending) == 17:
            if not path:
                value = pending[16]
                break
            pending = pending[path.pop(0)]
            continue
        stretch, leaf = _stretch(pending[0])
        if path[:len(stretch)] != stretch or (leaf and len(path) != len(stretch)):
            value = b""
            break
        if leaf:
            value = pending[1]
            break
        path = path[len(stretch):]
        pending = pending[1]
    # Step 4
    if used != len(nodes):
        raise TrustError("the trie proof carries nodes that do not belong to it.")
    if not isinstance(value, bytes):
        raise TrustError("the trie proof ends in something else than a value.")
    return value


def _decoded(encoded: bytes) -> list[Any]:
    """A trie node: a branch of 17 items, or an extension or leaf of two.

    Raises:
        TrustError: anything else, at any depth of nodes inside nodes.
    """
    try:
        node = rlp.decode(encoded)
    except (RLPException, RecursionError) as fault:
        raise TrustError(f"a node of the trie proof is not RLP: {fault}.") from fault
    _check_node(node)
    return list(node)


def _check_node(node: Any) -> None:
    if not isinstance(node, list) or len(node) not in (2, 17):
        raise TrustError("a node of the trie proof is neither a branch nor an extension nor a leaf.")
    children = node[:16] if len(node) == 17 else [] if _stretch(node[0])[1] else [node[1]]
    for child in children:
        if isinstance(child, list):
            _check_node(child)
        elif len(child) not in (0, 32) or (not child and len(node) == 2):
            raise TrustError("a node of the trie proof refers to a child by something else than a hash.")


def _stretch(packed: Any) -> tuple[list[int], bool]:
    """Nibbles of an extension or leaf, and whether it is a leaf (hex-prefix encoding)."""
    if not isinstance(packed, bytes) or not packed or packed[0] >> 4 > 3:
        raise TrustError("a path in the trie proof is malformed.")
    flag = packed[0] >> 4
    first = [packed[0] & 15] if flag & 1 else []
    if not flag & 1 and packed[0] & 15:
        raise TrustError("a path in the trie proof is malformed.")
    return first + [nibble for byte in packed[1:] for nibble in (byte >> 4, byte & 15)], bool(flag & 2)


def _nibbles(key: bytes) -> tuple[int, ...]:
    return tuple(nibble for byte in key for nibble in (byte >> 4, byte & 15))


def _node(items: Sequence[tuple[tuple[int, ...], bytes]], depth: int) -> bytes:
    """RLP of the node that holds these items, sorted by key; their first `depth` nibbles are the same.

    The trie package inserts one item after the other and hashes anew each time; here each node is made once.
    No key of an ordered trie is the beginning of another, so no branch has a value.
    """
    first, value = items[0]
    if len(items) == 1:
        return bytes(rlp.encode([_packed(first[depth:], leaf=True), value]))
    last = items[-1][0]
    same = depth
    while first[same] == last[same]:
        same += 1
    children: list[Any] = [b""] * 17
    start = 0
    for place in range(1, len(items) + 1):
        nibble = items[start][0][same]
        if place == len(items) or items[place][0][same] != nibble:
            children[nibble] = _referred(_node(items[start:place], same + 1))
            start = place
    branch = bytes(rlp.encode(children))
    if same == depth:
        return branch
    return bytes(rlp.encode([_packed(first[depth:same], leaf=False), _referred(branch)]))


def _referred(encoded: bytes) -> Any:
    """How a parent names a node: by its hash, or as it is where that is shorter."""
    return bytes(keccak(encoded)) if len(encoded) >= 32 else rlp.decode(encoded)


def _packed(nibbles: Sequence[int], *, leaf: bool) -> bytes:
    """Hex-prefix encoding. Source: Ethereum yellow paper, appendix C."""
    odd = len(nibbles) & 1
    flag = 2 * leaf + odd
    whole = [flag, *nibbles] if odd else [flag, 0, *nibbles]
    return bytes(whole[i] << 4 | whole[i + 1] for i in range(0, len(whole), 2))


def _ordered(items: Sequence[bytes]) -> HexaryTrie:
    trie = HexaryTrie({})
    for index, item in enumerate(items):
        trie[ordered_key(index)] = item
    return trie
