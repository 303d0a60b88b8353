"""ABI words read at once: logs that make up almost all of a chain, without a decoder's object for each word.

Only the canonical encoding is read here, and None returned for anything else: eth_abi then says what it is. A
test holds both to the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from struct import Struct
from typing import Any, TypeVar

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


_PACKED = Struct(">32s32s24xQ24xQ")  # a number, a word, where the bytes are, how many


def packed_reader(data: bytes) -> tuple[Any, ...] | None:
    """The data of EventOutcome: (uint256, bytes32, bytes)."""
    if len(data) < _PACKED.size:
        return None
    number, word, at, size = _PACKED.unpack_from(data)
    end = _PACKED.size + size
    if at != 96 or len(data) != _PACKED.size + (size + 31) // 32 * 32 or any(data[end:]):
        return None
    if any(data[64:88]) or any(data[96:120]):
        return None
    return int.from_bytes(number, "big"), word, data[_PACKED.size:end]


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
