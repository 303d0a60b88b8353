"""Container numbers of ISO 6346: three letters of the owner, one of U J Z, six digits, one check digit.

A wrong check digit is pointed out, never refused: imported messages are full of them, and the box exists
all the same. Characters are ASCII only; a full-width three is not a three.
"""

from __future__ import annotations

import re

_FORM = re.compile(r"[A-Z]{3}[UJZ][0-9]{7}", re.ASCII)
# Letter values count up from 10 and skip multiples of 11, which would not move the check digit.
_VALUES = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (n for n in range(10, 39) if n % 11), strict=True)),
}


def check_digit(first_ten: str) -> int:
    """Check digit of the ten characters before it: sum of value x 2^position, mod 11; 10 is written 0.

    Args:
        first_ten: four upper-case letters and six digits (ASCII).

    Source: ISO 6346:2022 annex A.
    """
    return sum(_VALUES[character] << position for position, character in enumerate(first_ten)) % 11 % 10


def container_number_fault(number: str) -> str | None:
    """What is wrong with a container number, as a sentence, or None if it is valid."""
    if not _FORM.fullmatch(number):
        plain = normalise(number)
        if plain != number and _FORM.fullmatch(plain):
            return f"{number!r} is not written as ISO 6346 wants it; meant is perhaps {plain}."
        return (
            f"{number!r} is not a container number of ISO 6346 (four letters, the fourth U, J or Z, "
            "and seven digits)."
        )
    expected = check_digit(number[:10])
    if int(number[10]) != expected:
        return f"the check digit of container {number} is {number[10]}, but {expected} belongs there."
    return None


def normalise(number: str) -> str:
    """Upper case, without spaces and hyphens: how people write container numbers on paper."""
    return re.sub(r"[ -]", "", number).upper()
