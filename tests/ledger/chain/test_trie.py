"""Our storage trie against py-evm's: the same roots, values and nodes whatever is written and taken away."""

from __future__ import annotations

from typing import Any

import pytest
import rlp
from eth.constants import BLANK_ROOT_HASH
from eth_hash.auto import keccak
from eth_hash.backends import pysha3
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie
from trie.exceptions import MissingTrieNode

from ledger.chain.embedded.trie import Branch, Extension, Leaf, StorageTrie, decoded

# Keys that share a beginning of any length, so that every node is split, joined and embedded somewhere.
KEYS = st.one_of(
    st.integers(0, 40).map(lambda n: keccak(n.to_bytes(32, "big"))),
    st.tuples(st.integers(0, 63), st.integers(0, 15), st.integers(0, 3)).map(
        lambda x: bytes.fromhex(("0" * x[0] + f"{x[1]:x}" + f"{x[2]:x}" * 63)[:64])))
VALUES = st.one_of(st.just(b""), st.binary(min_size=1, max_size=3), st.binary(min_size=30, max_size=40))
BLOCKS = st.lists(st.lists(st.tuples(KEYS, VALUES), max_size=25), min_size=1, max_size=5)


def reachable(space: dict[bytes, bytes], root: bytes) -> set[bytes]:
    """Names of all nodes under a root, found without either trie."""
    if root == BLANK_ROOT_HASH:
        return set()

    def below(item: Any) -> set[bytes]:
        if isinstance(item, bytes):
            return reachable(space, item) if len(item) == 32 and item in space else set()
        if len(item) == 17:
            return set().union(*map(below, item[:16]))
        return set() if item[0][0] >> 4 & 2 else below(item[1])

    return {root} | below(rlp.decode(space[root]))


@settings(max_examples=max(200, settings.default.max_examples))
@given(blocks=BLOCKS)
def test_trie__written_block_by_block__roots_values_and_nodes_as_py_evms(blocks: list[list[tuple[bytes, bytes]]]) -> None:
    theirs_space: dict[bytes, bytes] = {}
    ours_space: dict[bytes, bytes] = {}
    theirs = HexaryTrie(theirs_space)
    root, known, model = BLANK_ROOT_HASH, {}, {}
    for number, block in enumerate(blocks):
        ours = StorageTrie(ours_space, root, known if number % 2 else {})
        for key, value in block:
            if value:
                model[key] = value
                theirs[key] = value
            else:
                model.pop(key, None)
                del theirs[key]
            ours[key] = value
            assert ours[key] == value and (key in ours) == bool(value)
        root = ours.root_hash
        assert root == theirs.root_hash
        ours.write_to(ours_space)
        again = StorageTrie(ours_space, root, {})
        assert all(again[key] == model.get(key, b"") for other in blocks for key, _ in other)
        names = reachable(theirs_space, root)
        assert names == reachable(ours_space, root)
        assert all(ours_space[name] == theirs_space[name] for name in names)


@given(writes=st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=20), data=st.data())
def test_trie__root_asked_in_between__changes_nothing(writes: list[tuple[bytes, bytes]], data: Any) -> None:
    asked, unasked = StorageTrie({}, BLANK_ROOT_HASH, {}), StorageTrie({}, BLANK_ROOT_HASH, {})
    for key, value in writes:
        asked[key] = value
        unasked[key] = value
        if data.draw(st.booleans()):
            assert len(asked.root_hash) == 32
    assert asked.root_hash == unasked.root_hash


def test_trie__writing__leaves_nodes_of_earlier_roots_alone() -> None:
    space: dict[bytes, bytes] = {}
    known: dict[bytes, Any] = {}
    first = StorageTrie(space, BLANK_ROOT_HASH, known)
    keys = [keccak(bytes([i])) for i in range(50)]
    for key in keys:
        first[key] = b"first value of " + key
    root = first.root_hash
    first.write_to(space)
    second = StorageTrie(space, root, known)
    for key in keys:
        second[key] = b"another value of " + key
    del second[keys[0]]
    assert second.root_hash != root
    for nodes in (known, {}):
        old = StorageTrie(space, root, nodes)
        assert [old[key] for key in keys] == [b"first value of " + key for key in keys]
        assert old.root_hash == root


def test_trie__kept_nodes__hold_none_of_those_below_in_memory() -> None:
    known: dict[bytes, Any] = {}
    trie = StorageTrie({}, BLANK_ROOT_HASH, known)
    for i in range(500):
        trie[keccak(bytes([i % 256, i // 256]))] = b"x" * 40
    assert trie.root_hash != BLANK_ROOT_HASH
    assert len(known) > 500
    for node in known.values():
        below = node.children if isinstance(node, Branch) else [node.child] if isinstance(node, Extension) else []
        assert not any(isinstance(x, Branch | Extension | Leaf) for x in below)


@pytest.mark.parametrize("damage", [None, b"\xc0", b"other bytes than those that hash to the name"])
def test_trie__node_missing_or_changed__raises(damage: bytes | None) -> None:
    space: dict[bytes, bytes] = {}
    trie = StorageTrie(space, BLANK_ROOT_HASH, {})
    for i in range(20):
        trie[keccak(bytes([i]))] = b"y" * 40
    root = trie.root_hash
    trie.write_to(space)
    victim = next(x for x in space if x != root)
    if damage is None:
        del space[victim]
    else:
        space[victim] = damage
    reader = StorageTrie(space, root, {})
    with pytest.raises(MissingTrieNode):
        [reader[keccak(bytes([i]))] for i in range(20)]


def test_keccak__of_every_library__is_the_one_in_c() -> None:
    assert keccak.hasher == pysha3.keccak256


def test_node__of_another_trie__refused() -> None:
    with pytest.raises(ValueError, match="not a node of a storage trie"):
        decoded(rlp.encode([b"1", b"2", b"3"]))
    with pytest.raises(ValueError, match="not a node of a storage trie"):
        decoded(rlp.encode([b""] * 16 + [b"value"]))
