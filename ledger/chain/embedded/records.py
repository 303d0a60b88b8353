"""Blocks of the embedded ledger as they are served: nothing leaves the file that does not hash to its header.

A block is read whole, checked once (header to its hash, transactions and receipts to the roots in the header)
and kept for a while; its logs are cut out one by one as they are asked for. Fails by InvariantError when the
file is damaged, naming what; it never serves the damaged part.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from eth_hash.auto import keccak

from ledger.chain.client import Log, Receipt
from ledger.chain.embedded.log_index import LogFilter, candidates
from ledger.chain.embedded.store import BlockRow, Store, TransactionRow, damaged
from ledger.chain.header import decode_header, receipts_root, transactions_root
from ledger.chain.receipt_codec import ReceiptOutline, decode_log, outline_receipt
from ledger.errors import TooLargeError, TrustError
from ledger.proofs.tries import EMPTY_ROOT, ordered_trie_root

_BLOCKS_KEPT = 32  # full batches leave half a megabyte each


@dataclass(frozen=True, slots=True)
class Block:
    """A checked block.

    Attributes:
        number, hash, rlp: of the header.
        transactions: in order.
        outlines: of their receipts.
        first_log: number within the block of each transaction's first log.
    """

    number: int
    hash: bytes
    rlp: bytes
    transactions: tuple[TransactionRow, ...]
    outlines: tuple[ReceiptOutline, ...]
    first_log: tuple[int, ...]

    @property
    def log_count(self) -> int:
        """How many logs the block has."""
        return self.first_log[-1] + len(self.outlines[-1].spans) if self.outlines else 0

    def gas_used(self, position: int) -> int:
        """Gas of one transaction."""
        before = self.outlines[position - 1].cumulative_gas if position else 0
        return self.outlines[position].cumulative_gas - before

    def logs(self, position: int) -> tuple[Log, ...]:
        """All logs of one transaction."""
        first = self.first_log[position]
        return tuple(self._cut(position, first + i) for i in range(len(self.outlines[position].spans)))

    def log(self, number: int) -> tuple[int, Log]:
        """Position of the transaction and the log of that number within the block."""
        position = next(p for p in range(len(self.first_log) - 1, -1, -1) if self.first_log[p] <= number)
        return position, self._cut(position, number)

    def _cut(self, position: int, number: int) -> Log:
        begin, end = self.outlines[position].spans[number - self.first_log[position]]
        return decode_log(self.transactions[position].receipt[begin:end], number)

    def receipt(self, position: int) -> Receipt:
        """The receipt of one transaction."""
        row = self.transactions[position]
        return Receipt(
            tx_hash=row.hash, tx_index=position, status=self.outlines[position].status,
            gas_used=self.gas_used(position), block_number=self.number, block_hash=self.hash,
            logs=self.logs(position), encoded=row.receipt)


@dataclass(frozen=True, slots=True)
class FoundLog:
    """A log with where it stands: its block and the position of its transaction."""

    block: Block
    position: int
    log: Log


class TooManyLogsError(TooLargeError):
    """More logs match than one answer may have. `last_block`: up to there an answer would fit, or None."""

    code = "CL-INPUT-012"

    def __init__(self, maximum: int, last_block: int | None) -> None:
        super().__init__(f"more than {maximum} logs match.", remedy="Ask for fewer blocks at a time.")
        self.last_block = last_block


class Records:
    """Checked reading of a store, from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[int, Block] = OrderedDict()
        self._lock = threading.Lock()

    def header_row(self, number: int) -> BlockRow | None:
        """The header of a block, hashed again, or None.

        Raises:
            InvariantError: it is not what its hash covers, or missing below the head.
        """
        row = self._store.block(number) if 0 <= number < 1 << 63 else None
        if row is not None:
            self._check_header(row, number)
        elif number >= 0 and (head := self._store.head()) is not None and number < head.number:
            raise damaged(self._store.path, f"block {number} is missing")
        return row

    def head(self) -> BlockRow | None:
        """The header of the latest block, hashed again, or None before the genesis block."""
        row = self._store.head()
        if row is not None:
            self._check_header(row, row.number)
        return row

    def block(self, number: int) -> Block | None:
        """A block with its transactions and receipts, or None."""
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
        row = self.header_row(number)
        if row is None:
            return None
        block = self.read(row)
        with self._lock:
            self._kept[number] = block
            while len(self._kept) > _BLOCKS_KEPT:
                self._kept.popitem(last=False)
        return block

    def block_of_hash(self, block_hash: bytes) -> Block | None:
        """The block of that hash, or None."""
        number = self._store.block_number(block_hash)
        return None if number is None else self.block(number)

    def transaction(self, tx_hash: bytes) -> tuple[Block, int] | None:
        """The block of a mined transaction and its position there, or None."""
        row = self._store.transaction(tx_hash)
        block = None if row is None else self.block(row.block)
        if row is None or block is None:
            return None
        if row.position >= len(block.transactions) or block.transactions[row.position].hash != tx_hash:
            raise damaged(self._store.path, f"transaction 0x{tx_hash.hex()} is not where it is listed")
        return block, row.position

    def logs(self, wanted: LogFilter, first: int, last: int, maximum: int) -> list[FoundLog]:
        """Logs of blocks first to last that match, in chain order.

        Raises:
            TooManyLogsError: more than `maximum`, in more than one block.
            InvariantError: the log index names a log that is not there.
        """
        found: list[FoundLog] = []
        for number, numbers in candidates(self._store, wanted, first, last):
            block = self.block(number)
            if block is None:
                raise damaged(self._store.path, f"the log index names block {number}, which is not there")
            before = len(found)
            found.extend(self._matching(block, numbers, wanted))
            if len(found) > maximum and first != last:
                raise TooManyLogsError(maximum, number - 1 if before else None)
        return found

    def _matching(self, block: Block, numbers: list[int] | None, wanted: LogFilter) -> Iterator[FoundLog]:
        if numbers is None:
            numbers = list(range(block.log_count))
        if numbers and numbers[-1] >= block.log_count:
            raise damaged(
                self._store.path, f"the log index names log {numbers[-1]} of block {block.number}, which has"
                f" {block.log_count}")
        for number in numbers:
            position, log = block.log(number)
            if wanted.matches(log):
                yield FoundLog(block, position, log)

    def _check_header(self, row: BlockRow, number: int) -> None:
        try:
            header = decode_header(row.rlp)
        except TrustError as fault:
            raise damaged(self._store.path, f"block {number}: {fault}") from fault
        if header.hash != row.hash or header.number != number:
            raise damaged(self._store.path, f"the header of block {number} does not hash to its hash")

    def read(self, row: BlockRow) -> Block:
        """The block of a checked header, from the file.

        Raises:
            InvariantError: transactions or receipts do not hash to the header's roots.
        """
        transactions = tuple(self._store.transactions(row.number))
        for tx in transactions:
            if keccak(tx.raw) != tx.hash:
                raise damaged(
                    self._store.path, f"a transaction of block {row.number} does not hash to its hash")
        for root, items, what in (
            (transactions_root(row.rlp), [tx.raw for tx in transactions], "transactions"),
            (receipts_root(row.rlp), [tx.receipt for tx in transactions], "receipts"),
        ):
            if (ordered_trie_root(items) if items else EMPTY_ROOT) != root:
                raise damaged(
                    self._store.path, f"the {what} of block {row.number} do not hash to their root")
        outlines = tuple(outline_receipt(tx.receipt) for tx in transactions)
        first_log = []
        count = 0
        for outline in outlines:
            first_log.append(count)
            count += len(outline.spans)
        return Block(row.number, row.hash, row.rlp, transactions, outlines, tuple(first_log))
