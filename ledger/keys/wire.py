"""Small strict readers for the JSON forms of sealed payloads, grants and submissions."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ledger.errors import InputError


def exact_fields(value: Any, names: set[str], what: str) -> dict[str, Any]:
    """The object itself, if it has exactly these fields.

    Raises:
        InputError: not an object, or a field is missing or unknown.
    """
    if not isinstance(value, dict) or set(value) != names:
        raise InputError(f"{what} has exactly the fields {', '.join(sorted(names))}.")
    return value


def read_hex(text: Any, size: int | None, what: str) -> bytes:
    """Bytes of a 0x-prefixed lower-case hex string, of `size` bytes unless None.

    Raises:
        InputError: not such a string.
    """
    try:
        data = bytes.fromhex(text[2:])
    except (TypeError, ValueError) as fault:
        raise InputError(f"{what} is not hex with 0x.") from fault
    if "0x" + data.hex() != text or (size is not None and len(data) != size):
        raise InputError(f"{what} is not lower-case hex with 0x" + (f" of {size} bytes." if size else "."))
    return data


def to_hex(data: bytes) -> str:
    """0x and lower-case hex."""
    return "0x" + data.hex()


def read_base64(text: Any, what: str) -> bytes:
    """Bytes of standard base64 with padding, in its one canonical spelling (RFC 4648 section 4).

    Raises:
        InputError: not such a string.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as fault:
        raise InputError(f"{what} is not base64.") from fault
    if base64.b64encode(data).decode() != text:  # other spellings of the last bits
        raise InputError(f"{what} is not canonical base64.")
    return data


def to_base64(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def read_int(value: Any, bits: int, what: str) -> int:
    """A JSON integer from 0 to 2**bits - 1.

    Raises:
        InputError: anything else, true and false included.
    """
    if type(value) is not int or not 0 <= value < 1 << bits:
        raise InputError(f"{what} is not a whole number below 2**{bits}.")
    return value


def read_text(value: Any, length_max: int, what: str) -> str:
    """A JSON string of at most `length_max` characters.

    Raises:
        InputError: anything else.
    """
    if not isinstance(value, str) or len(value) > length_max:
        raise InputError(f"{what} is not text of at most {length_max} characters.")
    return value
