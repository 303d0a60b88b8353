"""The digest of a book's data: equal data, equal digest, whatever the order in which it was read.

Findings and forms are a pure function of a book's data and the rules. A run names the digest of what it was
worked out from, so that the same digest means that there is nothing to work out again, and another one that
the answer may be another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any

from tracer.book import BookData, Event
from tracer.on_spot import on_spot

_NONE = "0x" + "00" * 32  # stands in the tables where an event refers to nothing
_WATCH_BYTES = 8
"""Bytes kept of each watched id: with a million ids one foreign id in ten million million is taken for one
of them, which costs a look and changes nothing.
"""


def digest(book: BookData) -> str:
    """SHA-256 (hex) of everything that a book's answers depend on.

    Records stand as a set: the order in which lots, lines and events were read is not part of them (an event
    carries its place in the ledger's order).
    """
    whole = hashlib.sha256()
    for each in fields(BookData):
        value = getattr(book, each.name)
        whole.update(each.name.encode())
        if isinstance(value, tuple):
            whole.update(b"[%d" % len(value))
            for part in sorted(hashlib.sha256(_bytes(record)).digest() for record in value):
                whole.update(part)
        else:
            whole.update(_bytes(value))
    return whole.hexdigest()


def watched(book: BookData) -> bytes:
    """The ids that a book's data speaks of, each as a few bytes of a hash, sorted and joined: whatever else
    is said of one of them is about this book as well.
    """
    named = {*book.unit_ids, *book.unit_ids.values(), *book.elsewhere, *(lot.id for lot in book.lots)}
    for event in book.events:
        named |= set(_named(event))
    for line in book.lines:
        named |= {line.key, line.original, line.declared_by, line.cleared_by}
    named |= {norm.declared_by for norm in book.norms} | {count.event for count in book.counts}
    named |= {line.key.rpartition("/")[0] for line in book.lines if on_spot(line)}  # imports name them so
    return b"".join(sorted(_short(name) for name in named - {"", _NONE}))


class Watch:
    """What `watched` gave, to ask of."""

    def __init__(self, watch: bytes) -> None:
        self._ids = frozenset(watch[at:at + _WATCH_BYTES] for at in range(0, len(watch), _WATCH_BYTES))

    def __contains__(self, name: str) -> bool:
        return _short(name) in self._ids


def _named(event: Event) -> Iterator[str]:
    yield from (event.id, event.line, event.reference, event.norm, event.withdrawn_by, event.voided_by)
    yield from event.cited
    yield from (leg.unit for leg in event.legs)


def _short(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_WATCH_BYTES).digest()


@cache
def _names(kind: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))  # type: ignore[arg-type]


def _bytes(value: Any) -> bytes:
    """A value so that no two different ones read alike: each with its kind and its length."""
    if value is None:
        return b"-"
    if isinstance(value, bool):
        return b"y" if value else b"n"
    if isinstance(value, Enum):
        return _framed(b"e", value.name.encode() if value.name else str(value.value).encode())
    if isinstance(value, int):
        return _framed(b"i", b"%d" % value)
    if isinstance(value, str):
        return _framed(b"s", value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes):
        return _framed(b"b", value)
    if isinstance(value, Fraction):
        return _framed(b"f", b"%d/%d" % (value.numerator, value.denominator))
    if isinstance(value, Mapping):
        return _framed(b"m", b"".join(sorted(_bytes(k) + _bytes(v) for k, v in value.items())))
    if isinstance(value, Set):
        return _framed(b"S", b"".join(sorted(map(_bytes, value))))
    if isinstance(value, (tuple, list)):
        return _framed(b"l", b"".join(map(_bytes, value)))
    if is_dataclass(value):
        kind: Any = type(value)
        return _framed(b"r" + kind.__name__.encode(),
                       b"".join(_bytes(getattr(value, name)) for name in _names(kind)))
    raise TypeError(f"{type(value).__name__} is no part of a book")


def _framed(kind: bytes, content: bytes) -> bytes:
    return b"%s%d:%s" % (kind, len(content), content)
