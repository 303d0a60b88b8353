"""JSON in and out without losing or inventing anything.

In: UTF-8 only (one leading byte order mark is dropped), no duplicate keys, no NaN or Infinity, no lone
surrogates, no U+0000, bounded depth, size and length of numbers. Numbers become `int` or `Decimal`, never
float. Every fault has a JSON pointer. Out: the same values again, numbers with the digits they came with.

Source: RFC 8259; refusals of RFC 8785 (duplicate keys, lone surrogates), standards section 5.6.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import accumulate
from typing import Any

from ledger.errors import InputError, Reason, TooLargeError
from ledger.events.faults import Fault, InvalidEventError, pointer
from ledger.limits import DEFAULT_LIMITS, Limits

NUMBER_CHARACTERS_MAX = 64
"""Longest number taken: no quantity needs more, and expanding 1e999999999 would not end."""
NUMBER_EXPONENT_MAX = 64
FAULTS_MAX = 200
"""Faults listed for one document: a person stops reading long before."""

_SHORTER = "Write it in a larger unit; no quantity of goods needs so many digits."
_BOM = b"\xef\xbb\xbf"
# Strings, also one that never ends: without the last `?` each escaped quote in it would be tried as a start.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(c for c in range(256) if c not in b"[]{}")
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Unusable:
    """Stands for a value that the hooks of the parser cannot take; the walk gives it a pointer."""

    __slots__ = ("code", "reason", "remedy")

    def __init__(self, reason: str, remedy: str = "", code: Reason = Reason.NUMBER_OUT_OF_RANGE) -> None:
        self.reason = reason
        self.remedy = remedy
        self.code = code


class _Repeated(dict[str, Any]):
    """An object in which keys stand more than once."""

    repeated: list[str]


def parse_json(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Values of one JSON text.

    Args:
        data: the text, UTF-8.
        limits: `body_bytes_max` and `json_depth_max` apply.

    Returns:
        dict, list, str, int, Decimal, bool or None, nested.

    Raises:
        TooLargeError: more bytes than allowed.
        InvalidEventError: not JSON, or JSON that two readers could read differently.
    """
    if len(data) > limits.body_bytes_max:
        raise TooLargeError(
            f"the document has {len(data)} bytes, at most {limits.body_bytes_max} are taken.",
            remedy="Send it in parts.",
        )
    try:
        text = data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as fault:
        raise InvalidEventError(
            [Fault("", f"the document is not UTF-8 (byte {fault.start}).", "Save it as UTF-8.")]
        ) from fault
    if _nests_deeper(data, limits.json_depth_max):
        raise InvalidEventError([_too_deep(limits)])
    try:
        value = json.loads(
            text,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as fault:
        raise InvalidEventError(
            [
                Fault(
                    "",
                    f"the document is not JSON: {fault.msg} in line {fault.lineno}, column {fault.colno}.",
                    "Correct it there.",
                    reason=Reason.NOT_JSON,
                )
            ]
        ) from fault
    if not _plain(value, limits.json_depth_max):
        faults: list[Fault] = []
        _walk(value, "", 1, limits, faults)
        if faults:
            raise InvalidEventError(dict.fromkeys(faults))
    return value


def dump_json(value: Any) -> str:
    """JSON text of values that `parse_json` gives; numbers keep their digits, keys their order.

    Raises:
        InputError: a float, a non-string key or another type that JSON has not.
    """
    parts: list[str] = []
    _dump(value, parts)
    return "".join(parts)


def _dump(value: Any, parts: list[str]) -> None:
    if value is None or isinstance(value, bool):
        parts.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, str):
        parts.append(json.dumps(value, ensure_ascii=False))
    elif isinstance(value, int) or (isinstance(value, Decimal) and value.is_finite()):
        parts.append(str(value))
    elif isinstance(value, dict):
        parts.append("{")
        for i, (key, item) in enumerate(value.items()):
            if not isinstance(key, str):
                raise InputError(f"{key!r} cannot be a JSON key.")
            parts.append((", " if i else "") + json.dumps(key, ensure_ascii=False) + ": ")
            _dump(item, parts)
        parts.append("}")
    elif isinstance(value, list | tuple):
        parts.append("[")
        for i, item in enumerate(value):
            if i:
                parts.append(", ")
            _dump(item, parts)
        parts.append("]")
    else:
        raise InputError(
            f"{type(value).__name__} cannot be written as JSON here (numbers are int or Decimal)."
        )


def _decimal(text: str) -> Any:
    if len(text) > NUMBER_CHARACTERS_MAX:
        return _Unusable(f"a number of {len(text)} characters is too long.", _SHORTER)
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    if (
        not isinstance(exponent, int)
        or abs(exponent) > NUMBER_EXPONENT_MAX
        or abs(number.adjusted()) > NUMBER_EXPONENT_MAX
    ):
        return _Unusable(f"the number {text} is out of range.", _SHORTER)
    return number


def _integer(text: str) -> Any:
    if len(text) > NUMBER_CHARACTERS_MAX:
        return _Unusable(f"a number of {len(text)} characters is too long.", _SHORTER)
    return int(text)


def _constant(text: str) -> Any:
    return _Unusable(f"{text} is not a JSON number.", "Leave the field out if there is no value.",
                     Reason.NOT_A_NUMBER)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    repeated = _Repeated(found)
    repeated.repeated = [key for key, _ in pairs if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
    return repeated


def _nests_deeper(data: bytes, depth_max: int) -> bool:
    """Whether brackets open deeper than that, before anything recurses over them.

    The parser of the standard library recurses in C and relies on the recursion limit, which libraries raise
    (py_ecc to 100,000): some 100 kB of `[` would end the process with a segmentation fault.
    """
    if data.count(b"[") + data.count(b"{") <= depth_max:
        return False
    brackets = _STRING.sub(b"", data).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > depth_max


def _too_deep(limits: Limits) -> Fault:
    return Fault("", f"the document nests deeper than {limits.json_depth_max} levels.", "Flatten it.",
                 reason=Reason.TOO_DEEP)


def _plain(value: Any, depth: int) -> bool:
    """Whether there is nothing for `_walk` to look at more closely: it knows the place of everything, which
    takes longer than all the rest.
    """
    kind = type(value)
    if kind is str:
        return "\0" not in value and (value.isascii() or not _SURROGATE.search(value))
    if kind is dict:
        return depth > 0 and all(key.isascii() and _plain(item, depth - 1) for key, item in value.items())
    if kind is list:
        return depth > 0 and all(_plain(item, depth - 1) for item in value)
    return kind is not _Unusable and kind is not _Repeated


def _walk(value: Any, place: str, depth: int, limits: Limits, faults: list[Fault]) -> None:
    if len(faults) >= FAULTS_MAX:
        return
    if isinstance(value, str):
        _check_text(value, place, faults)
    elif isinstance(value, _Unusable):
        faults.append(Fault(place, value.reason, value.remedy, reason=value.code))
    elif isinstance(value, dict | list):
        if depth > limits.json_depth_max:
            faults.append(_too_deep(limits))
            return
        if isinstance(value, list):
            for i, item in enumerate(value):
                _walk(item, f"{place}/{i}", depth + 1, limits, faults)
            return
        if isinstance(value, _Repeated):
            faults += [
                Fault(
                    place + pointer(key), f"the key {key!r} stands twice in one object.", "Keep one of them.",
                    reason=Reason.DUPLICATE_KEY,
                )
                for key in value.repeated
            ]
        for key, item in value.items():
            if not key.isascii():
                _check_text(key, place, faults)
            _walk(item, place + pointer(key), depth + 1, limits, faults)


def _check_text(text: str, place: str, faults: list[Fault]) -> None:
    if "\0" in text:
        faults.append(Fault(place, "a text contains the character U+0000.", "Remove it."))
    if not text.isascii() and _SURROGATE.search(text):
        faults.append(
            Fault(
                place,
                "a text contains half a surrogate pair, which is no character.",
                "Write the whole character.",
            )
        )
