"""RFC 6962 trees: known roots, every place in every small tree, every bit of every proof."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError, TrustError
from ledger.proofs import merkle
from tests.ledger.proofs.reference_commitment import tree

# Inputs and roots of the Certificate Transparency test tree (sizes 1 to 8).
CT_INPUTS = [b"", b"\x00", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(bytes([i])) for i in range(count)]


@pytest.mark.parametrize("size", range(1, 9))
def test_root__certificate_transparency_vectors__same(size: int) -> None:
    assert merkle.root([merkle.leaf_hash(data) for data in CT_INPUTS[:size]]).hex() == CT_ROOTS[size - 1]


def test_root__no_leaves__hash_of_nothing() -> None:
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_root__sizes_to_130__same_as_the_definition() -> None:
    for size in range(131):
        assert merkle.root(leaves(size)) == tree(leaves(size))


def test_inclusion__every_leaf_of_every_size__verifies() -> None:
    for size in range(1, 66):
        all_leaves = leaves(size)
        root = merkle.root(all_leaves)
        for index, leaf in enumerate(all_leaves):
            path = merkle.inclusion_proof(all_leaves, index)
            assert len(path) <= (size - 1).bit_length()
            merkle.verify_inclusion(leaf, index, size, path, root)


def refused(*arguments: object) -> None:
    with pytest.raises(TrustError):
        merkle.verify_inclusion(*arguments)  # type: ignore[arg-type]


def flip_bits(size: int, bits: Callable[[int, int], Iterable[int]]) -> None:
    """Flip bits of leaf, path and root of every leaf's proof; `bits` chooses them by (index, which hash)."""
    all_leaves = leaves(size)
    root = merkle.root(all_leaves)
    for index in range(size):
        parts = [all_leaves[index], *merkle.inclusion_proof(all_leaves, index), root]
        for which, part in enumerate(parts):
            for bit in bits(index, which):
                changed = list(parts)
                changed[which] = (int.from_bytes(part, "big") ^ (1 << bit)).to_bytes(32, "big")
                refused(changed[0], index, size, changed[1:-1], changed[-1])


@pytest.mark.parametrize("size", range(1, 8))
def test_inclusion__any_bit_of_leaf_path_or_root_flipped__refused(size: int) -> None:
    flip_bits(size, lambda _index, _which: range(256))


def test_inclusion__one_bit_of_every_hash_of_every_proof_to_64_leaves_flipped__refused() -> None:
    for size in range(8, 65):
        flip_bits(size, lambda index, which: [(31 * index + 7 * which) % 256])


@pytest.mark.deep
@pytest.mark.parametrize("size", range(8, 65))
def test_inclusion__any_bit_flipped_to_64_leaves__refused(size: int) -> None:
    flip_bits(size, lambda _index, _which: range(256))


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33])
def test_inclusion__wrong_place_or_size__refused(size: int) -> None:
    all_leaves = leaves(size)
    root = merkle.root(all_leaves)
    for index in range(size):
        path = merkle.inclusion_proof(all_leaves, index)
        for other in range(size):
            if other != index:
                refused(all_leaves[index], other, size, path, root)
        refused(all_leaves[index], -1, size, path, root)
        refused(all_leaves[index], size, size, path, root)
        refused(all_leaves[index], index, 0, path, root)


@pytest.mark.parametrize("size", [*range(2, 18), 31, 32, 33])
def test_inclusion__path_too_short_too_long_or_reordered__refused(size: int) -> None:
    all_leaves = leaves(size)
    root = merkle.root(all_leaves)
    for index in range(size):
        path = merkle.inclusion_proof(all_leaves, index)
        refused(all_leaves[index], index, size, path[:-1], root)
        refused(all_leaves[index], index, size, path[1:], root)
        refused(all_leaves[index], index, size, [*path, root], root)
        refused(all_leaves[index], index, size, [path[0], *path], root)
        if len(path) > 1:
            refused(all_leaves[index], index, size, path[::-1], root)


def test_inclusion__node_shown_as_leaf__refused() -> None:
    all_leaves = leaves(4)
    node = merkle.node_hash(all_leaves[0], all_leaves[1])
    refused(node, 0, 4, merkle.inclusion_proof(all_leaves, 0)[1:], merkle.root(all_leaves))
    assert merkle.leaf_hash(all_leaves[0] + all_leaves[1]) != node


def test_inclusion__path_longer_than_any_tree__refused_before_hashing() -> None:
    refused(bytes(32), 0, 2**70, [bytes(32)] * 64, bytes(32))


@pytest.mark.parametrize("bad", [b"", bytes(31), bytes(33)])
def test_inclusion__hash_of_other_length__refused(bad: bytes) -> None:
    two = leaves(2)
    root = merkle.root(two)
    refused(bad, 0, 2, [two[1]], root)
    refused(two[0], 0, 2, [bad], root)
    refused(two[0], 0, 2, [two[1]], bad)
    with pytest.raises(InputError):
        merkle.root([bad])


@pytest.mark.parametrize(("size", "index"), [(0, 0), (3, 3), (3, -1)])
def test_inclusion_proof__leaf_that_is_not_there__refused(size: int, index: int) -> None:
    with pytest.raises(InputError):
        merkle.inclusion_proof(leaves(size), index)


@given(st.lists(st.binary(max_size=5), min_size=1, max_size=200), st.data())
def test_inclusion__any_tree__verifies_and_not_for_another_leaf(data: list[bytes], draw: st.DataObject) -> None:
    all_leaves = [merkle.leaf_hash(item) for item in data]
    index = draw.draw(st.integers(0, len(data) - 1))
    path = merkle.inclusion_proof(all_leaves, index)
    merkle.verify_inclusion(all_leaves[index], index, len(data), path, merkle.root(all_leaves))
    refused(merkle.leaf_hash(b"another"), index, len(data), path, merkle.root(all_leaves))
