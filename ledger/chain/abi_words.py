"""ABI words read at once: logs that make up almost all of a chain, without a decoder's object for each word.

Only the canonical encoding is read here, and None returned for anything else: eth_abi then says what it is. A
test holds both to the same answers. Measured: an outcome of two lines takes 10 µs here, 500 µs in eth_abi.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import cache
from struct import Struct
from typing import Any, TypeVar

from ledger.events.model import CustodyEvent, Line
from ledger.limits import DEFAULT_LIMITS
from ledger.vocabulary import Balance, Kind, LineRole, Step

_WORDS = {  # how struct finds it in a word, and how many bytes of padding stand before it
    "uint8": ("31xB", 31), "uint16": ("30xH", 30), "uint32": ("28xI", 28), "uint64": ("24xQ", 24),
    "bytes32": ("32s", 0), "uint256": ("32s", 0),
}
_E = TypeVar("_E", bound=IntEnum)
Reader = Callable[[bytes], "tuple[Any, ...] | None"]


def _layout(types: Sequence[str]) -> tuple[Struct, int]:
    """The struct of some words, and a mask of the bits that must be zero."""
    code = "".join(_WORDS[name][0] for name in types)
    mask = b"".join(b"\xff" * _WORDS[name][1] + bytes(32 - _WORDS[name][1]) for name in types)
    return Struct(">" + code), int.from_bytes(mask, "big")


def static_reader(types: Sequence[str]) -> Reader | None:
    """A function that reads these types from data of just their size; None for types not known here."""
    if not types or any(name not in _WORDS for name in types):
        return None
    struct, mask = _layout(types)
    numbers = [i for i, name in enumerate(types) if name == "uint256"]

    def read(data: bytes) -> tuple[Any, ...] | None:
        if len(data) != struct.size or int.from_bytes(data, "big") & mask:
            return None
        values = struct.unpack(data)
        if not numbers:
            return values
        found = list(values)
        for i in numbers:
            found[i] = int.from_bytes(found[i], "big")
        return tuple(found)

    return read


_HEAD, _HEAD_MASK = _layout((
    "uint16", "uint64", "uint8", "uint16", "uint64", "uint32", "uint32", "uint32", "bytes32", "uint64",
    "uint64", "uint64", "bytes32", "uint64"))
_LINE_TYPES = ("bytes32", "bytes32", "uint8", "uint64", "uint8")
_LINE, _ = _layout(_LINE_TYPES)
_EVENT_AT, _LINES_AT = 64, 11 * 32  # where the event begins, and within it its lines, canonically


@cache
def _lines_mask(count: int) -> int:
    return _layout(_LINE_TYPES * count)[1]


def read_outcome(data: bytes) -> tuple[int, CustodyEvent] | None:
    """The data of EventOutcome: (uint16, ABI_EVENT)."""
    size = _HEAD.size
    if len(data) < size or int.from_bytes(data[:size], "big") & _HEAD_MASK:
        return None
    (outcome, event_at, kind, step, lines_at, counterparty, facility, book, reference, occurred, deadline,
     nonce, commitment, count) = _HEAD.unpack_from(data)
    if (event_at, lines_at) != (_EVENT_AT, _LINES_AT) or count > DEFAULT_LIMITS.lines_max:
        return None
    if len(data) != size + _LINE.size * count or int.from_bytes(data[size:], "big") & _lines_mask(count):
        return None
    lines = tuple([
        Line(unit, material, member(Balance, balance), quantity, member(LineRole, role))
        for unit, material, balance, quantity, role in _LINE.iter_unpack(data[size:])])
    return outcome, CustodyEvent(
        member(Kind, kind), lines, member(Step, step), counterparty, facility, book, reference, occurred,
        deadline, nonce, commitment)


def member(enum: type[_E], number: int) -> _E:
    """The enum's member, or for a number that has none a stand-in named UNKNOWN_n.

    A participant may sign any number; the contract refuses it, and the refusal is still evidence.
    """
    found = enum._value2member_map_.get(number)
    if found is not None:
        return found  # type: ignore[return-value]  # the map's type does not say so
    stand_in = int.__new__(enum, number)
    stand_in._name_ = f"UNKNOWN_{number}"
    stand_in._value_ = number
    return stand_in
