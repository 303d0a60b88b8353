"""Mixtures in whole numbers: what is in a lot, source by source, and parts of it.

A part of a mixture is the mixture itself with a ratio beside it, so that taking from a lot costs the same
however many sources are in it; sources are only gone through where mixtures come together. Every figure is a
pair of integers in lowest terms: the arithmetic of `fractions.Fraction`, without an object for each step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import gcd
from typing import TypeVar

K = TypeVar("K")

Ratio = tuple[int, int]
"""Numerator and denominator in lowest terms, the denominator above zero."""
Parts = dict[str, Ratio]
"""Micro-units by source; shared between portions, so never changed once made."""
Portion = tuple[Parts, int, int]
"""A mixture and the ratio of it that is meant: numerator, denominator."""


def lowest(numerator: int, denominator: int) -> Ratio:
    """A ratio in lowest terms; the denominator is above zero."""
    common = gcd(numerator, denominator)
    return numerator // common, denominator // common


def plus(a: Ratio, b: Ratio) -> Ratio:
    """Sum of two ratios."""
    (x, y), (p, q) = a, b
    if y == q:
        return (x + p, 1) if y == 1 else lowest(x + p, y)
    return lowest(x * q + p * y, y * q)


def part(portions: Iterable[Portion], numerator: int, denominator: int) -> list[Portion]:
    """A ratio of what the portions are together."""
    if numerator == denominator:
        return list(portions)
    return [(parts, *lowest(n * numerator, d * denominator)) for parts, n, d in portions] if numerator else []


def together(portions: Sequence[Portion]) -> Parts:
    """All portions as one mixture; sources in the order in which they first come."""
    if len(portions) == 1 and portions[0][1] == portions[0][2]:
        return portions[0][0]
    total: Parts = {}
    for parts, numerator, denominator in portions:
        for source, (n, d) in parts.items():
            scaled = lowest(n * numerator, d * denominator) if numerator != denominator else (n, d)
            before = total.get(source)
            total[source] = scaled if before is None else plus(before, scaled)
    return total


def fractions_of(parts: Mapping[K, Ratio]) -> dict[K, Fraction]:
    """The same figures as fractions."""
    return {source: Fraction(n, d) for source, (n, d) in parts.items()}
