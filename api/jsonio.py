"""JSON out, digit for digit: decimals keep every digit they had, and a float is a programming error.

`json` of the standard library cannot write a Decimal as a number, and `float` would round it, so the writer
here is our own and small. Reading is `ledger.events.document` for what strangers send, `json` for what we
wrote ourselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

from ledger.errors import InvariantError
from ledger.vocabulary import MICRO


def dumps(value: Any, *, indent: int | None = None) -> str:
    """`value` as JSON text.

    Args:
        value: mappings with string keys, lists, tuples, strings, integers, decimals, booleans, None.
        indent: spaces per level, or None for one line.

    Raises:
        InvariantError: a float, a byte string or another type that has no exact JSON form.
    """
    return "".join(_parts(value, indent, 0))


def _parts(value: Any, indent: int | None, level: int) -> list[str]:
    if isinstance(value, Mapping):
        items = [
            [
                json.dumps(str(key), ensure_ascii=False),
                ": " if indent else ":",
                *_parts(item, indent, level + 1),
            ]
            for key, item in value.items()
        ]
        return _bracket("{", "}", items, indent, level)
    if isinstance(value, list | tuple):
        return _bracket("[", "]", [_parts(item, indent, level + 1) for item in value], indent, level)
    return [_scalar(value)]


def _bracket(left: str, right: str, items: list[list[str]], indent: int | None, level: int) -> list[str]:
    if not items:
        return [left + right]
    newline = "\n" + " " * (indent * (level + 1)) if indent else ""
    out = [left]
    for i, item in enumerate(items):
        out.append(("," if i else "") + newline)
        out.extend(item)
    out.append(("\n" + " " * (indent * level) if indent else "") + right)
    return out


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str) and not isinstance(value, Enum):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int) and not isinstance(value, Enum):
        return str(value)
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    raise InvariantError(f"{type(value).__name__} has no exact JSON form: {value!r}.")


def quantity(micro: int | Decimal | None) -> str:
    """A quantity in micro-units as people and JSON read it: `1200.5`, never `1200.500000` or `1.2E+3`.

    Args:
        micro: 10⁻⁶ of the unit of measure; None reads as 0.
    """
    number = int(micro or 0)
    sign, number = ("-", -number) if number < 0 else ("", number)
    whole, rest = divmod(number, MICRO)
    return f"{sign}{whole}" + (f".{rest:06d}".rstrip("0") if rest else "")
