"""Sheets of blocks in their order, read ahead by a process beside this one where many are missing.

A thread asks the node for range after range and passes the bytes on to the reader (`indexer.reader`), which
checks, decodes and lays them out while this process works out heads and states and writes. Nothing hangs on
the reader: a range that it does not answer, because something in it is wrong or because it died, is read here
from the same bytes, in the way in which a few blocks at the head are read always. So every fault is found,
named and put to its node in one place, and what is written never depends on which process read it.

While this process writes, which takes most of its time, ranges go on being fetched and read, up to
`AHEAD_BYTES` of what the node told: a second thread takes the answers in, so that the reader never waits for
this process. The reader ends with its input, so also where this process is killed.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Self, cast

from indexer.decode import Ledgers, decode_block
from indexer.reader import Pinned, read_body, value_of, write_frame
from indexer.reconcile import Link
from indexer.sheet import Sheet, sheet_of
from indexer.source import PinnedLedger, Source
from indexer.span import Span
from ledger.chain.client import RangeClient, ToldBlock
from ledger.errors import CargoLedgerError, UnavailableError

BLOCKS_MIN = 150     # below, starting a process costs more than it saves
AHEAD_BYTES = 24 << 20  # told and not yet taken: more than what a transaction writes was told in
START_BYTES = 1 << 20   # of them while the reader starts: these are read here
STARTS_MAX = 3       # a reader that dies again and again is done without
READY_WAIT_S = 0.0   # for a reader that starts: meanwhile its ranges are read here
_END_S = 2.0         # to let the reader finish before it is ended
_JSON_OF_ENCODED = 3  # JSON is about three times as long as what it says


class Ahead:
    """Gives the sheets of one run, in order. A context manager: leaving it ends the reader."""

    def __init__(self, source: Source, pinned: PinnedLedger, reading: Ledgers) -> None:
        """Read on from where `reading` is in the order of ledgers; nothing is started before the first block
        is asked for.
        """
        self._source, self._reading = source, reading
        self._pinned = Pinned(tuple(pinned.ledgers), pinned.participants, pinned.manager)
        self._held: dict[int, Sheet] = {}
        self._here_until = -1
        self._line: _Line | None = None
        self._starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self._end()

    def sheet(self, number: int, last: int, head: Link | None) -> Sheet:
        """The sheet of a block.

        Args:
            number: which; the one after the last, or any other.
            last: up to where the caller will go on.
            head: the block that it should stand on. Of one that does not, nothing but the header counts.

        Raises:
            UnavailableError, TrustError: as `Source.block` and `decode_block` say.
        """
        if number in self._held:
            return self._held.pop(number)
        self._held = {}
        if number <= self._here_until:
            return self._here(number, self._here_until, head)
        line = self._line
        if line is not None and line.next != number:
            self._end()  # somebody goes back: the chain turned
            line = None
        if line is None and last - number + 1 >= BLOCKS_MIN and self._starts < STARTS_MAX:
            line = self._start(number, last)
        if line is not None:
            told, found = line.take(self._reading.ended)
            if found is not None:
                self._held = {sheet.number: sheet for sheet in found}
                return self._held.pop(number)
            if line.dead or not told:
                self._end()
            if told:
                self._source.take_told(told)
                self._here_until = last = told[-1].number  # the line reads on behind them
        return self._here(number, last, head)

    def _here(self, number: int, last: int, head: Link | None) -> Sheet:
        """The sheet of a block, read in this process."""
        block = self._source.block(number, last)
        linked = head is None or block.header.parent_hash == head.hash
        return sheet_of(block.header, decode_block(block, self._reading) if linked else ())

    def _start(self, number: int, last: int) -> _Line | None:
        client = self._source.ranges
        if client is None:
            return None
        self._source.pin()
        self._starts += 1
        with suppress(OSError):  # no process to be had: it goes without
            self._line = _Line(client, self._pinned, self._reading.ended, number, last)
        return self._line

    def _end(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        self._held, self._here_until = {}, -1


class _Room:
    """Bytes that may be on their way. There is room as long as less than that is; one range may pass it."""

    def __init__(self, size: int) -> None:
        self._left, self._open = size, True
        self._changed = threading.Condition()

    def wait(self) -> bool:
        """Wait for room; whether it goes on at all."""
        with self._changed:
            self._changed.wait_for(lambda: self._left > 0 or not self._open)
            return self._open

    def take(self, size: int) -> None:
        """A range of so many bytes is on its way, or with a minus has arrived."""
        with self._changed:
            self._left -= size
            self._changed.notify()

    def close(self) -> None:
        """Nobody waits any more."""
        with self._changed:
            self._open = False
            self._changed.notify()


class _Line:
    """One reader, the thread that feeds it, and the thread that takes its answers in.

    States: starting (ranges are read by who takes them) -> ready -> dead, when the reader is gone.
    """

    def __init__(self, client: RangeClient, pinned: Pinned, ended: int, first: int, last: int) -> None:
        """Start a reader.

        Raises:
            OSError: no process can be started.
        """
        self.next = first
        self.dead = False
        self._client, self._ended, self._last = client, ended, last
        self._ready = threading.Event()
        self._room = _Room(min(START_BYTES, AHEAD_BYTES))
        self._ranges: queue.SimpleQueue[tuple[list[ToldBlock], bool]] = queue.SimpleQueue()
        self._bodies: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "indexer.reader"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=_environment())
        self._questions = cast(BinaryIO, self._process.stdin)
        self._answers = cast(BinaryIO, self._process.stdout)
        with suppress(OSError):
            write_frame(self._questions, (pinned.ledgers, pinned.participants, pinned.manager))
        self._threads = [threading.Thread(target=run, name="blocks ahead", daemon=True)
                         for run in (self._feed, self._collect)]
        for thread in self._threads:
            thread.start()

    @property
    def process_id(self) -> int:
        """Of the reader."""
        return self._process.pid

    def take(self, ended: int) -> tuple[list[ToldBlock], list[Sheet] | None]:
        """The next range as it was told, and its sheets, if the reader gave them.

        Args:
            ended: how many ledgers have ended; sheets that were made for another number are not given.

        Returns:
            Nothing told where the node did not give it: whoever asks itself is told why.
        """
        told, sent = self._ranges.get()
        self._room.take(-sum(map(_size, told)))
        found: list[Sheet] | None = None
        if sent:
            body = self._bodies.get()
            if body is None:
                self.dead = True
                self._bodies.put(None)  # whoever asks next is told too
            else:
                try:
                    answer = value_of(body)
                    if answer is not None and ended == self._ended:
                        found = [Sheet(*fields) for fields in answer]
                except (EOFError, ValueError, TypeError):
                    self.dead = True
        if told:
            self.next = told[-1].number + 1
        return told, found

    def close(self) -> None:
        """End the reader; what it had is dropped."""
        self._room.close()
        self._process.terminate()
        for thread in self._threads:
            thread.join(_END_S)  # the feeder may still wait for the node: it ends with that
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._answers, self._questions):
            with suppress(OSError):
                stream.close()

    def _collect(self) -> None:
        """Take in what the reader answers, unread, until it ends."""
        try:
            read_body(self._answers)
            self._ready.set()
            self._room.take(min(0, START_BYTES - AHEAD_BYTES))
            while True:
                self._bodies.put(read_body(self._answers))
        except (EOFError, OSError, ValueError):  # died, perhaps in the middle of an answer
            if not self._ready.is_set():  # later, whoever waits for the answer sees it
                self.dead = True
                self._ready.set()  # nobody waits for it
            self._bodies.put(None)

    def _feed(self) -> None:
        """Fetch range after range, pass each on, and line it up."""
        try:
            self._feed_all()
        finally:
            self._ranges.put(([], False))  # nobody waits for a thread that is gone

    def _feed_all(self) -> None:
        span, first = Span(), self.next
        while first <= self._last and self._room.wait():
            begin = time.monotonic()
            try:
                told = self._client.told(first, min(self._last, first + span.blocks - 1))
            except UnavailableError:
                if span.blocks > 1:
                    span = span.halved()
                    continue
                told = []
            except CargoLedgerError:
                told = []
            size = sum(map(_size, told))
            span = span.after(len(told), size // _JSON_OF_ENCODED, time.monotonic() - begin)
            self._room.take(size)
            self._ranges.put((told, self._send(told)))
            if not told:
                return
            first += len(told)

    def _send(self, told: Sequence[ToldBlock]) -> bool:
        """Pass a range on; whether an answer will come."""
        if not told or not self._ready.wait(READY_WAIT_S) or self.dead:
            return False
        with suppress(OSError, ValueError):  # gone: whoever waits for the answer is told
            write_frame(self._questions, (self._ended, [(b.number, b.header, b.receipts) for b in told]))
        return True


def _size(block: ToldBlock) -> int:
    receipts = block.receipts
    return len(block.header) + (len(receipts) if isinstance(receipts, bytes) else sum(map(len, receipts)))


def _environment() -> dict[str, str]:
    """What the reader needs to import what this process imports; nothing that is secret."""
    kept = {name: value for name, value in os.environ.items()
            if name.startswith("PYTHON") or name in {"PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR"}}
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
