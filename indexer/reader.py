"""The process beside the indexer: told blocks in, sheets out.

`python -m indexer.reader`, started by `indexer.ahead`. It holds every block to its header, reads the logs and
makes the rows that need no other row; it has no socket, no key and no database. First comes which contracts;
then range by range. What it cannot answer (a lie, a log that cannot be read, the end of a ledger) it answers
with nothing: the indexer then reads the same bytes itself and says what is wrong, so that a fault has one
place where it is named.

A frame is eight bytes of length and that many bytes of `marshal`: the other end is the same interpreter. The
process ends when its input does, which it does however the indexer ends.
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from indexer.decode import Ledgers, decode_block
from indexer.sheet import Sheet, sheet_of
from indexer.source import CheckedBlock, check_header, check_receipts
from ledger.chain.client import ToldBlock
from ledger.chain.rpc_blocks import read_told
from ledger.errors import CargoLedgerError

FRAME_BYTES_MAX = 1 << 30
_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Pinned:
    """Addresses of the contracts, as `indexer.source.PinnedLedger` has them."""

    ledgers: tuple[bytes, ...]
    participants: bytes
    manager: bytes

    @property
    def ledger(self) -> bytes:
        """The first ledger."""
        return self.ledgers[0]


def sheets_of(pinned: Pinned, ended: int, blocks: Sequence[ToldBlock]) -> list[Sheet] | None:
    """Sheets of some blocks, each held to its header; None where one of them is not as it should be.

    Args:
        pinned: which contracts.
        ended: how many ledgers had ended before the first of the blocks.
        blocks: one after the other.
    """
    reading = Ledgers(pinned, ended)
    found: list[Sheet] = []
    try:
        for told in blocks:
            said = read_told(told, "")
            header = check_header(said.header, told.number)
            block = CheckedBlock(header, check_receipts(header, said.receipts, said.encoded_here))
            found.append(sheet_of(header, decode_block(block, reading)))
    except CargoLedgerError:
        return None
    return found if reading.ended == ended else None


def write_frame(stream: BinaryIO, value: Any) -> None:
    """Send one value.

    Raises:
        OSError: the other end is gone.
    """
    body = marshal.dumps(value)
    stream.write(len(body).to_bytes(_LENGTH, "big"))
    stream.write(body)
    stream.flush()


def read_frame(stream: BinaryIO) -> Any:
    """The next value.

    Raises:
        EOFError: the other end is gone, perhaps in the middle of a value.
    """
    return value_of(read_body(stream))


def value_of(body: bytes) -> Any:
    """The value of a frame.

    Raises:
        ValueError, TypeError, EOFError: it is none.
    """
    return marshal.loads(body)  # noqa: S302 - from a process of our own


def read_body(stream: BinaryIO) -> bytes:
    """The bytes of the next frame; see `read_frame`."""
    head = stream.read(_LENGTH)
    size = int.from_bytes(head, "big")
    if len(head) < _LENGTH or size > FRAME_BYTES_MAX:
        raise EOFError
    body = stream.read(size)
    if len(body) < size:
        raise EOFError
    return body


def main() -> None:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the indexer decides when to stop
    gc.disable()  # blocks make no cycles
    with os.fdopen(os.dup(1), "wb") as answers, contextlib.suppress(EOFError, OSError):
        os.dup2(2, 1)  # whatever prints does not print into the answers
        questions = sys.stdin.buffer
        pinned = Pinned(*read_frame(questions))
        write_frame(answers, True)
        while True:
            ended, blocks = read_frame(questions)
            told = [ToldBlock(number, header, receipts, "") for number, header, receipts in blocks]
            found = sheets_of(pinned, ended, told)
            write_frame(answers, None if found is None else [tuple(sheet) for sheet in found])


if __name__ == "__main__":
    main()
