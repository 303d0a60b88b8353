"""Words of the Core Business Vocabulary: the bare word is the form we keep; other forms are recognised.

Source: CBV 2.0; standards section 2.1.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from ledger.events.context import prefix_of

_KINDS = {
    "bizStep": "BizStep-",
    "disposition": "Disp-",
    "bizTransaction": "BTT-",
    "sourceDest": "SDT-",
    "errorReason": "ER-",
    "component": "Comp-",
}
_BASES = ("https://ref.gs1.org/cbv/", "http://ref.gs1.org/cbv/", "cbv:")


def words(kind: str) -> frozenset[str]:
    """Standard words of `bizStep`, `disposition`, `bizTransaction`, `sourceDest`, `errorReason`,
    `component` or `measurementType`."""
    return frozenset(_table()[kind])


def bare(value: str, kind: str) -> str:
    """The bare word of a standard value (`https://ref.gs1.org/cbv/BizStep-receiving` gives `receiving`).

    Values of one's own come back unchanged, as does a Web URI that names no standard word.
    """
    for base in _BASES:
        start = base + _KINDS[kind]
        if value.startswith(start) and value[len(start) :] in words(kind):
            return value[len(start) :]
    return value


def unknown_standard_word(value: str, kind: str) -> bool:
    """Whether a value claims to be a standard word (`cbv:BizStep-smelting`) but is none."""
    return any(value.startswith(base + _KINDS[kind]) for base in _BASES) and bare(value, kind) == value


def is_curie(value: str) -> bool:
    """Whether a value is written with a prefix that must be declared."""
    return prefix_of(value) is not None


@cache
def _table() -> dict[str, Any]:
    text = files("ledger.events").joinpath("schemas", "cbv.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return table
