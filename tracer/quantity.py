"""Exact quantities: integers in micro-units, fractions in between, decimal text at the edge.

Nothing here rounds twice and nothing is a float. Source of the unit: the event model, 10⁻⁶ of the unit of
measure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TypeVar

from ledger.errors import InputError
from ledger.vocabulary import MICRO

K = TypeVar("K")


def number(text: str | int | Decimal | Fraction) -> Fraction:
    """A decimal written as text (or already a number) as an exact fraction.

    Raises:
        InputError: not a finite decimal number.
    """
    if isinstance(text, Fraction):
        return text
    try:
        value = Decimal(text)
    except (InvalidOperation, ValueError, TypeError) as fault:
        raise InputError(f"{text!r} is not a decimal number.") from fault
    if not value.is_finite():
        raise InputError(f"{text!r} is not a finite number.")
    return Fraction(value)


def micro(text: str | int | Decimal | Fraction) -> int:
    """A quantity in units of measure as integer micro-units.

    Raises:
        InputError: not a number, or more than six decimals.
    """
    value = number(text) * MICRO
    if value.denominator != 1:
        raise InputError(
            f"{text} has more than six decimals.", remedy="Round the quantity before it is recorded."
        )
    return int(value)


def micro_text(quantity_micro: int) -> str:
    """Micro-units as a canonical decimal: no exponent, no trailing zeros, `0` never signed."""
    sign = "-" if quantity_micro < 0 else ""
    whole, part = divmod(abs(quantity_micro), MICRO)
    return f"{sign}{whole}.{part:06d}".rstrip("0").rstrip(".")


_DECIMAL = re.compile(r"(-?)(\d+)(\.\d+)?", re.ASCII)


def grouped(text: object) -> str:
    """A decimal as people read it, thousands apart: `12,000.5`; what is no number stays as it is."""
    found = _DECIMAL.fullmatch(plain := str(text))
    return f"{found[1]}{int(found[2]):,}{found[3] or ''}" if found else plain


def nearest(value: Fraction) -> int:
    """The nearest integer, halves to even: the one rounding of an exact figure, at the edge."""
    return round(value)


def ratio_text(value: Fraction, places: int = 6) -> str:
    """A ratio (a norm, a share) as a decimal with at most `places` decimals, halves to even."""
    scaled = round(value * 10**places)
    sign = "-" if scaled < 0 else ""
    whole, part = divmod(abs(scaled), 10**places)
    return f"{sign}{whole}.{part:0{places}d}".rstrip("0").rstrip(".") if places else f"{sign}{whole}"


def largest_remainder(parts: Sequence[Fraction], total: int | None = None) -> list[int]:
    """Round non-negative parts to integers that add up exactly.

    Args:
        parts: exact shares, in micro-units.
        total: what the integers must add up to; the rounded sum of the parts when None.

    Returns:
        One integer per part, each less than one away from its share; ties go to the earlier part.

    Source: largest-remainder method, asked for by the domain reference (P3).
    """
    floors = [part.__floor__() for part in parts]
    target = nearest(sum(parts, Fraction(0))) if total is None else total
    order = sorted(range(len(parts)), key=lambda i: (floors[i] - parts[i], i))
    for i in order[: max(0, target - sum(floors))]:
        floors[i] += 1
    return floors


def rounded(shares: Mapping[K, Fraction]) -> dict[K, int]:
    """`largest_remainder` over a mapping, in its own order."""
    return dict(zip(shares, largest_remainder(list(shares.values())), strict=True))
