"""Seal numbers: letters, then digits."""

from __future__ import annotations

import re

_FORM = re.compile(r"^(.*?)([0-9]{1,18})$")


def split_number(text: str) -> tuple[str, int, int] | None:
    """What stands before the last digits, those digits as a number, and how many; None without digits."""
    found = _FORM.match(text.strip())
    return (found[1], int(found[2]), len(found[2])) if found else None
