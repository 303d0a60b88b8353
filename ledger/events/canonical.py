"""One byte string for one value: JCS (RFC 8785) over values whose numbers are exact.

JCS writes numbers as IEEE doubles, in which 9007199254740993 and 9007199254740992 are the same. So numbers
become strings first: `#` and the canonical decimal. Texts that begin with `#` get one more, which keeps the
number 5 and the text "5" apart. `1`, `1.0` and `1E0` are one number.

Source: RFC 8785; standards section 5.6. Format and vectors: docs/formats/commitment.md.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import rfc8785

from ledger.errors import InputError
from ledger.events.quantity import canonical


def canonical_json(value: Any, pointer: str = "") -> bytes:
    """UTF-8 bytes of the value: JCS of `committed_value`.

    Raises:
        InputError: a float, a lone surrogate, a key that is no text, or a type that JSON has not.
    """
    try:
        text: bytes = rfc8785.dumps(committed_value(value))
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError, TypeError) as fault:
        raise InputError(f"the value cannot be written canonically: {fault}.", pointer=pointer) from fault
    return text


def committed_value(value: Any) -> Any:
    """The value as JCS gets it: numbers as `#` and the canonical decimal, texts that begin with `#` with
    one more.

    Raises:
        InputError: a float or another type that JSON has not.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return "#" + value if value.startswith("#") else value
    if isinstance(value, int | Decimal):
        return "#" + canonical(value)
    if isinstance(value, dict):
        return {key: committed_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [committed_value(item) for item in value]
    raise InputError(f"a {type(value).__name__} cannot be committed to; numbers are int or Decimal.")
