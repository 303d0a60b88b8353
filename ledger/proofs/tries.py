"""Merkle-Patricia tries: build one from its items, prove one item, check a proof.

Pure. Nodes of a proof come root first, each as its RLP encoding; nodes shorter than 32 bytes stand inside
their parent and are not listed. A proof with a node too many fails as surely as one with a node too few.
Source: Ethereum yellow paper, appendix D; EIP-1186 for the form of proofs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    return bytes(_ordered(items).root_hash)


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

    Args:
        root: 32-byte hash of the trie's root node.
        key: the key in the trie.
        nodes: RLP nodes, root first.

    Raises:
        TrustError: a node is missing, foreign, surplus or malformed.
    """
    if not nodes and root == EMPTY_ROOT:
        return b""
    if not 0 < len(nodes) <= NODES_MAX or any(len(node) > NODE_BYTES_MAX for node in nodes):
        raise TrustError(f"a trie proof has 1 to {NODES_MAX} nodes of bounded size.")
    database = _Recorded({bytes(keccak(node)): node for node in nodes})
    try:
        value = bytes(HexaryTrie(database, root).get(key))
    except (KeyError, RLPException, ValueError, TypeError, IndexError) as fault:
        raise TrustError(f"the trie proof does not lead from the root to its key: {fault}.") from fault
    if database.used != set(database) or len(database) != len(nodes):
        raise TrustError("the trie proof carries nodes that do not belong to it.")
    return value


class _Recorded(dict[bytes, bytes]):
    """Nodes by hash, which remembers those that were asked for."""

    def __init__(self, nodes: Mapping[bytes, bytes]) -> None:
        super().__init__(nodes)
        self.used: set[bytes] = set()

    def __getitem__(self, key: bytes) -> bytes:
        value = super().__getitem__(key)
        self.used.add(key)
        return value


def _ordered(items: Sequence[bytes]) -> HexaryTrie:
    trie = HexaryTrie({})
    for index, item in enumerate(items):
        trie[ordered_key(index)] = item
    return trie
