"""Where the logs are: by address and topic, so that a question costs what its answer is long, not the chain.

A *term* is a place and a value ("topic 1 is X"), shortened to 64 bits; for each term and block the index has
one row with the numbers of the block's logs that carry it. A question is answered by walking the rows of its
terms in step, each jumping to where the rarest of them is next. The index only proposes: every log is read
from its receipt and held against the question, so terms that collide cost time and never a wrong answer.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from ledger.chain.client import Log

ADDRESS = 4                # places of terms: topics 0 to 3, the emitting address, and "a log at all"
_ANY_PLACE = 5
_PAGE_FIRST, _PAGE_MAX = 2, 256  # rows read ahead of a term: few at first, more while they are all wanted


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs: None anywhere means any. A log needs at least as many topics as the filter has places.

    Attributes:
        addresses: emitters, 20 bytes each.
        topics: for each place the values allowed there, 32 bytes each.
    """

    addresses: frozenset[bytes] | None = None
    topics: tuple[frozenset[bytes] | None, ...] = ()

    def matches(self, log: Log) -> bool:
        """Whether a log is one of those asked for."""
        if self.addresses is not None and log.address not in self.addresses:
            return False
        if len(log.topics) < len(self.topics):
            return False
        return all(
            wanted is None or topic in wanted for wanted, topic in zip(self.topics, log.topics, strict=False))


class Postings(Protocol):
    """Rows of the index, as the store keeps them."""

    def postings(self, term: int, first: int, last: int, limit: int) -> list[tuple[int, bytes]]:
        """(block, packed log numbers) of a term, for blocks first to last, at most `limit` rows."""
        ...


def term_of(place: int, value: bytes) -> int:
    """A term as the signed 64-bit integer that stands in the index."""
    return int.from_bytes(blake2b(bytes([place]) + value, digest_size=8).digest(), "big", signed=True)


ANY = term_of(_ANY_PLACE, b"")


def index_rows(logs: Iterable[tuple[bytes, Sequence[bytes]]]) -> list[tuple[int, bytes]]:
    """(term, packed log numbers) of one block.

    Args:
        logs: address and topics of each log of the block, in order.
    """
    found: dict[int, list[int]] = {}
    for number, (address, topics) in enumerate(logs):
        found.setdefault(term_of(ADDRESS, address), []).append(number)
        for place, topic in enumerate(topics):
            found.setdefault(term_of(place, topic), []).append(number)
    rows = [(term, pack(numbers)) for term, numbers in found.items()]
    return sorted([*rows, (ANY, b"")]) if rows else []


def pack(numbers: Sequence[int]) -> bytes:
    """Ascending numbers as the steps between them, seven bits a byte, the high bit where a step goes on."""
    out = bytearray()
    previous = 0
    for number in numbers:
        step, previous = number - previous, number
        while step > 0x7F:
            out.append(0x80 | step & 0x7F)
            step >>= 7
        out.append(step)
    return bytes(out)


def unpack(packed: bytes) -> list[int]:
    """The numbers that `pack` was given; of a damaged row, some other ascending numbers."""
    numbers = []
    previous = step = shift = 0
    for byte in packed:
        step |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            previous += step
            numbers.append(previous)
            step = shift = 0
    return numbers


def candidates(
    rows: Postings, wanted: LogFilter, first: int, last: int,
) -> Iterator[tuple[int, list[int] | None]]:
    """Blocks in which logs may match, ascending, with the numbers of those logs; None is all of the block.

    1. Each constrained place becomes one stream of blocks, the union of its values' rows.
    2. All streams move to the first block that none of them rules out.
    3. There the log numbers of the streams are intersected.

    Args:
        rows: the index.
        wanted: the filter.
        first: lowest block.
        last: highest block.
    """
    # Step 1
    constrained = [] if wanted.addresses is None else [[term_of(ADDRESS, a) for a in wanted.addresses]]
    constrained += [[term_of(place, value) for value in values]
                    for place, values in enumerate(wanted.topics) if values is not None]
    if not constrained:
        for block, _ in _Union(rows, [ANY], last).each(first):
            yield block, None
        return
    streams = [_Union(rows, terms, last) for terms in constrained]
    block = first
    while True:
        # Step 2
        target = block
        for stream in streams:
            found = stream.seek(target)
            if found is None:
                return
            target = found
        if target > block:
            block = target
            continue
        # Step 3
        numbers = set.intersection(*(stream.numbers() for stream in streams))
        if numbers:
            yield block, sorted(numbers)
        block += 1


class _Rows:
    """The rows of one term, read ahead in pages that grow while they are used and shrink when jumped over."""

    def __init__(self, rows: Postings, term: int, last: int) -> None:
        self._rows, self._term, self._last = rows, term, last
        self._page: list[tuple[int, bytes]] = []
        self._at = self._used = 0
        self._size = _PAGE_FIRST
        self._more = True

    def seek(self, block: int) -> tuple[int, bytes] | None:
        """The first row at or after a block."""
        while True:
            while self._at < len(self._page):
                if self._page[self._at][0] >= block:
                    self._used += 1
                    return self._page[self._at]
                self._at += 1
            if not self._more:
                return None
            wanted_all = 2 * self._used >= len(self._page)
            self._size = min(2 * self._size, _PAGE_MAX) if wanted_all else _PAGE_FIRST
            self._page = self._rows.postings(self._term, block, self._last, self._size)
            self._more = len(self._page) == self._size
            self._at = self._used = 0
            if not self._page:
                return None


class _Union:
    """Blocks in which any of several terms stands."""

    def __init__(self, rows: Postings, terms: Sequence[int], last: int) -> None:
        self._members = [_Rows(rows, term, last) for term in terms]
        self._heap: list[tuple[int, int, bytes]] | None = None

    def seek(self, block: int) -> int | None:
        """The first block at or after the given one; the given one only grows from call to call."""
        if self._heap is None:
            self._heap = []
            for number in range(len(self._members)):
                self._push(number, block)
        while self._heap and self._heap[0][0] < block:
            self._push(heapq.heappop(self._heap)[1], block)
        return self._heap[0][0] if self._heap else None

    def _push(self, number: int, block: int) -> None:
        row = self._members[number].seek(block)
        if row is not None and self._heap is not None:
            heapq.heappush(self._heap, (row[0], number, row[1]))

    def numbers(self) -> set[int]:
        """Log numbers in the block that `seek` gave."""
        heap = self._heap or []
        found: set[int] = set()
        for block, _, packed in heap:
            if block == heap[0][0]:
                found.update(unpack(packed))
        return found

    def each(self, block: int) -> Iterator[tuple[int, set[int]]]:
        """All blocks from the given one on."""
        while (found := self.seek(block)) is not None:
            yield found, self.numbers()
            block = found + 1
