"""What is usual: median and median absolute deviation, exact."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

NORMAL = Fraction(14826, 10_000)
"""Makes the MAD comparable with a standard deviation (domain reference, N4)."""


def median(values: Sequence[Fraction]) -> Fraction:
    """The middle value; the mean of the two in the middle of an even number. Not of nothing."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def deviation(values: Sequence[Fraction]) -> Fraction:
    """1.4826 times the median absolute deviation from the median."""
    middle = median(values)
    return NORMAL * median([abs(x - middle) for x in values])


def outliers(values: Sequence[Fraction], limit: Fraction, least: Fraction = Fraction(0)) -> list[int]:
    """Places of values further from the median than `limit` deviations, and than a share of the median."""
    middle, spread = median(values), deviation(values)
    return [
        i
        for i, x in enumerate(values)
        if abs(x - middle) > limit * spread and abs(x - middle) > least * abs(middle)
    ]
