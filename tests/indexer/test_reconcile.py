"""The four cases of a block, on trees of blocks that Hypothesis grows."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from indexer.reconcile import Case, Link, reconcile


def link(number: int, label: str, parent: bytes) -> Link:
    return Link(number, hashlib.sha256(f"{number}{label}".encode()).digest(), parent)


def chain(length: int, first: int = 0, label: str = "a", parent: bytes = bytes(32)) -> list[Link]:
    blocks = []
    for number in range(first, first + length):
        blocks.append(link(number, label, parent))
        parent = blocks[-1].hash
    return blocks


A = chain(6)


def test_reconcile__block_after_the_head__next() -> None:
    assert reconcile(A[2], A[3], None, 0) is Case.NEXT


def test_reconcile__first_block_of_an_empty_index__next() -> None:
    assert reconcile(None, A[2], None, 2) is Case.NEXT


def test_reconcile__later_block_of_an_empty_index__gap() -> None:
    assert reconcile(None, A[3], None, 2) is Case.GAP


def test_reconcile__block_before_the_first__duplicate() -> None:
    assert reconcile(A[3], A[0], None, 2) is Case.DUPLICATE


def test_reconcile__head_again__duplicate() -> None:
    assert reconcile(A[3], A[3], None, 0) is Case.DUPLICATE


def test_reconcile__older_block_again__duplicate() -> None:
    assert reconcile(A[3], A[1], A[1].hash, 0) is Case.DUPLICATE


def test_reconcile__block_beyond_the_next__gap() -> None:
    assert reconcile(A[1], A[3], None, 0) is Case.GAP


def test_reconcile__other_parent__reorganisation() -> None:
    assert reconcile(A[2], link(3, "b", bytes(32)), None, 0) is Case.REORGANISATION


def test_reconcile__other_block_at_the_head__reorganisation() -> None:
    assert reconcile(A[3], link(3, "b", A[2].hash), A[3].hash, 0) is Case.REORGANISATION


def test_reconcile__other_block_below_the_head__reorganisation() -> None:
    assert reconcile(A[3], link(1, "b", A[0].hash), A[1].hash, 0) is Case.REORGANISATION


def test_reconcile__block_below_the_head_that_is_not_stored__reorganisation() -> None:
    assert reconcile(A[3], A[1], None, 0) is Case.REORGANISATION


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 7)), max_size=30), st.integers(1, 5))
def test_reconcile__blocks_of_two_branches_in_any_order__head_is_always_one_unbroken_branch(
        arrivals: list[tuple[bool, int]], fork_at: int) -> None:
    ours = chain(8)
    theirs = ours[:fork_at] + chain(8 - fork_at, fork_at, "b", ours[fork_at - 1].hash)
    stored: dict[int, Link] = {}
    head: Link | None = None
    for other, number in arrivals:
        block = (theirs if other else ours)[number]
        known = stored[number].hash if number in stored else None
        case = reconcile(head, block, known, 0)
        if case is Case.NEXT:
            stored[number] = head = block
        elif case is Case.REORGANISATION:
            assert head is not None
            assert known != block.hash
            assert block.hash not in {b.hash for b in stored.values()}
        elif case is Case.DUPLICATE:
            assert stored[number] == block
        else:
            assert number > (head.number if head else -1) + 1 or head is None
    for number in range(1, len(stored)):
        assert stored[number].parent_hash == stored[number - 1].hash
