"""Codes that look alike and are not the same: one article in two spellings is two articles to every rule."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

_LATIN = str.maketrans("АВЕЅІЈКМНОРСТУХаеѕіјорсухΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABESIJKMHOPCTYXaesijopcyxABEZHIKMNOPTYXo")
"""Cyrillic and Greek letters that are drawn as Latin ones."""


def alike(codes: Iterable[str]) -> list[list[str]]:
    """Groups of codes that a reader takes for one: by case, dashes, blanks, width, script of letters."""
    found: dict[str, set[str]] = defaultdict(set)
    for code in codes:
        found[_seen(code)].add(code)
    return sorted(sorted(group) for group in found.values() if len(group) > 1)


def _seen(code: str) -> str:
    kinds = {"Pd": "-", "Zs": " ", "Cf": ""}
    plain = unicodedata.normalize("NFKC", code).translate(_LATIN)
    drawn = "".join(kinds.get(unicodedata.category(c), c) for c in plain)
    return " ".join(drawn.split()).casefold()
