"""How wide a range of blocks is: grows slowly, shrinks at once, never beyond its bounds."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from indexer.span import BLOCKS_MAX, REPLY_BYTES_AIM, REPLY_S_AIM, Span


def test_span__small_quick_replies__grows_slowly_to_its_bound() -> None:
    span, seen = Span(), []
    for _ in range(40):
        seen.append(span.blocks)
        span = span.after(span.blocks, 1000, 0.01)
    assert seen == sorted(seen) and seen[-1] == BLOCKS_MAX and all(b <= a + max(1, a // 4) for a, b in itertools.pairwise(seen))


def test_span__refused__halves_and_stays_one() -> None:
    assert [Span(n).halved().blocks for n in (50, 3, 2, 1)] == [25, 1, 1, 1]


def test_span__reply_too_large_or_slow__shrinks_in_proportion() -> None:
    assert Span(40).after(40, 4 * REPLY_BYTES_AIM, 0.1).blocks == 10
    assert Span(40).after(40, 1, 2 * REPLY_S_AIM).blocks == 20
    assert Span(4).after(1, 100 * REPLY_BYTES_AIM, 0.1).blocks == 1


def test_span__fewer_blocks_than_asked_for__says_nothing_about_more() -> None:
    assert Span(20).after(1, 10, 0.01) == Span(20)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**9), st.floats(0, 100)), max_size=50))
def test_span__whatever_happens__within_bounds(steps: list[tuple[bool, int, float]]) -> None:
    span = Span()
    for fails, size, spent in steps:
        span = span.halved() if fails else span.after(span.blocks, size, spent)
        assert 1 <= span.blocks <= BLOCKS_MAX
