"""Seal numbers: letters, then digits; and when two of them are one, however they were written."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tracer.spelling import bare

_FORM = re.compile(r"^(.*?)([0-9]{1,18})$")


def split_number(text: str) -> tuple[str, int, int] | None:
    """What stands before the last digits, those digits as a number, and how many; None without digits."""
    found = _FORM.match(text.strip())
    return (found[1], int(found[2]), len(found[2])) if found else None


def seal_key(text: str) -> str:
    """A seal's number by which it is compared: letters and digits alone, in capitals.

    One gate writes ML-0042 and the next ml0042: that is no other seal, and no way to use one twice.
    """
    return bare(text) or text


def seal_keys(numbers: Iterable[str]) -> frozenset[str]:
    """Several numbers, to be compared as sets."""
    return frozenset(map(seal_key, numbers))
