"""Codes that look alike and are not the same: one article in two spellings is two articles to every rule."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from tracer.spelling import latin


def alike(codes: Iterable[str]) -> list[list[str]]:
    """Groups of codes that a reader takes for one: by case, dashes, blanks, width, script of letters."""
    found: dict[str, set[str]] = defaultdict(set)
    for code in codes:
        found[_seen(code)].add(code)
    return sorted(sorted(group) for group in found.values() if len(group) > 1)


def _seen(code: str) -> str:
    kinds = {"Pd": "-", "Zs": " ", "Cf": ""}
    drawn = "".join(kinds.get(unicodedata.category(c), c) for c in latin(code))
    return " ".join(drawn.split()).casefold()
