"""The one tolerance: how far two figures may lie apart before the difference means something.

`tol(x) = max(abs_floor[uom], rel*|x|, k*sqrt(SUM u_i^2))`, u_i the standard uncertainty of each measurement
(domain reference, section 6). A finding says which term was binding. The numbers have no legal force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

from ledger.vocabulary import MICRO
from tracer.book import Tolerances
from tracer.quantity import micro_text


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A tolerance in micro-units and the term that set it: `absolute`, `relative` or `uncertainty`."""

    value_micro: int
    term: str

    def exceeded(self, difference_micro: int) -> bool:
        """Whether a difference lies outside."""
        return abs(difference_micro) > self.value_micro

    def to_json(self) -> dict[str, str]:
        """As the finding prints it."""
        return {"value": micro_text(self.value_micro), "term": self.term}


def tol(expected_micro: int, uom: str, terms: Tolerances, uncertainties_micro: Sequence[int] = (),
        rel: Fraction | None = None) -> Tolerance:
    """The tolerance around an expected quantity.

    Args:
        expected_micro: what was expected, micro-units.
        uom: its unit of measure, for the absolute floor.
        terms: floors, relative share and coverage factor of the book.
        uncertainties_micro: standard uncertainty of each measurement behind the comparison, micro-units.
        rel: another relative share than the book's (a rule's own parameter).

    Returns:
        The largest of the three terms; ties name the first in the order absolute, relative, uncertainty.
    """
    absolute = terms.abs_floor_micro.get(uom, terms.abs_floor_micro.get("*", 0))
    share = terms.rel if rel is None else rel
    relative = abs(expected_micro) * share.numerator // share.denominator
    combined, k = 0, terms.k
    if uncertainties_micro:
        squares = sum(u * u for u in uncertainties_micro)
        combined = isqrt(k.numerator**2 * squares // k.denominator**2)
    value, term = absolute, "absolute"
    for candidate, name in ((relative, "relative"), (combined, "uncertainty")):
        if candidate > value:
            value, term = candidate, name
    return Tolerance(value, term)


def form_tolerance(closing_micro: int) -> Tolerance:
    """Tolerance of a form identity: max(0.01, 1e-6*|closing|), a practitioner's default."""
    floor, share = MICRO // 100, abs(closing_micro) // 1_000_000
    return Tolerance(max(floor, share), "absolute" if floor >= share else "relative")
