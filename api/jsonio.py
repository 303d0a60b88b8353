"""JSON out, digit for digit: decimals keep every digit they had, and a float is a programming error.

`json` of the standard library cannot write a Decimal as a number, and `float` would round it, so the writer
here is our own and small. Reading is `ledger.events.document` for what strangers send, `json` for what we
wrote ourselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring
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
    out: list[str] = []
    _write(value, out, indent, "\n" if indent else "")
    return "".join(out)


def _write(value: Any, out: list[str], indent: int | None, newline: str) -> None:
    """Append the text of a value; `newline` begins a line of the level that it stands on."""
    if isinstance(value, Mapping):
        if not value:
            out.append("{}")
            return
        inner = newline + " " * (indent or 0)
        before, colon = "{" + inner, ": " if indent else ":"
        for key, item in value.items():
            out.append(f"{before}{encode_basestring(str(key))}{colon}")
            if type(item) is str:
                out.append(encode_basestring(item))
            else:
                _write(item, out, indent, inner)
            before = "," + inner
        out.append(newline + "}")
    elif isinstance(value, list | tuple):
        if not value:
            out.append("[]")
            return
        inner = newline + " " * (indent or 0)
        if all(type(item) is str for item in value):  # ids of events, a million in a large book
            out.append(f"[{inner}{f',{inner}'.join(map(encode_basestring, value))}{newline}]")
            return
        before = "[" + inner
        for item in value:
            out.append(before)
            _write(item, out, indent, inner)
            before = "," + inner
        out.append(newline + "]")
    else:
        out.append(_scalar(value))


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str) and not isinstance(value, Enum):
        return encode_basestring(value)
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
