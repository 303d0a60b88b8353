"""Mixtures in whole numbers are the exact fractions that they stand for."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import gcd

from hypothesis import given
from hypothesis import strategies as st

from tracer.blend import Portion, fractions_of, part, plus, together

WHOLE = st.integers(1, 10**13)
RATIOS = st.fractions().map(lambda f: f.as_integer_ratio())
MIXTURES = st.dictionaries(st.sampled_from("abcdef"), RATIOS, max_size=4)
PORTIONS = st.lists(st.tuples(MIXTURES, WHOLE, WHOLE), max_size=4)


def valued(portions: list[Portion]) -> dict[str, Fraction]:
    total: dict[str, Fraction] = defaultdict(Fraction)
    for parts, n, d in portions:
        for source, (a, b) in parts.items():
            total[source] += Fraction(a, b) * Fraction(n, d)
    return dict(total)


@given(PORTIONS)
def test_together__portions__their_exact_sum_with_sources_as_they_first_come(portions: list[Portion]) -> None:
    found = together(portions)
    assert fractions_of(found) == valued(portions) and list(found) == list(valued(portions))
    assert all(gcd(n, d) == 1 and d > 0 for n, d in found.values())


@given(PORTIONS, WHOLE, WHOLE)
def test_part__and_the_rest__are_the_whole(portions: list[Portion], taken: int, more: int) -> None:
    held = taken + more
    one, rest = part(portions, taken, held), part(portions, held - taken, held)
    assert valued(one) == {s: q * Fraction(taken, held) for s, q in valued(portions).items()}
    assert valued([*one, *rest]) == valued(portions)
    assert part(portions, 0, held) == [] and valued(part(portions, held, held)) == valued(portions)


@given(RATIOS, RATIOS)
def test_plus__two_ratios__exact_and_in_lowest_terms(a: tuple[int, int], b: tuple[int, int]) -> None:
    assert plus(a, b) == (Fraction(*a) + Fraction(*b)).as_integer_ratio()
