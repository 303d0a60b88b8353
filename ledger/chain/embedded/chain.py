"""The embedded ledger as a chain client: a transaction handed over is a block on disk when the call returns.

States of the object: open → closed; open → broken after a disk error, from where every call raises
InvariantError. Never more than one writer per file; readers of other processes open it with `read_only`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import rlp
from eth.constants import BLANK_ROOT_HASH
from eth_hash.auto import keccak
from eth_utils.exceptions import ValidationError

from ledger.chain.client import Header, Receipt, StorageProof
from ledger.chain.embedded.interpreter import FAST, LOOPS
from ledger.chain.embedded.log_index import LogFilter, index_rows
from ledger.chain.embedded.nodes import NodeSpace
from ledger.chain.embedded.records import Block, FoundLog, Records
from ledger.chain.embedded.state import UNREADABLE, ZERO_ADDRESS, AccountProof, States, decode_transaction
from ledger.chain.embedded.store import BlockRow, Store, TransactionRow, damaged
from ledger.chain.embedded.vm import FORK, LedgerVM, chain_class, vm_class
from ledger.chain.header import decode_header
from ledger.errors import (
    ConflictError,
    InputError,
    InvariantError,
    NotFoundError,
    UnavailableError,
)

T = TypeVar("T")
DEFAULT_CHAIN_ID = 20_263_001
BLOCK_GAS_LIMIT = 60_000_000  # a batch of 200 of the dearest events is 38 Mgas
TRANSACTION_BYTES_MAX = 1_048_576
_EXTRA_DATA = b"CargoLedger"


class EmbeddedChain:
    """A chain of one operator, in process. Implements `ledger.chain.client.ChainClient`."""

    def __init__(
        self, path: Path, clock: Callable[[], int], chain_id: int = DEFAULT_CHAIN_ID, *,
        genesis_timestamp_s: int = 0, read_only: bool = False, loop: str = FAST,
    ) -> None:
        """Open the ledger file, or make it with its genesis block.

        Args:
            path: the SQLite file; `<path>.lock` and SQLite's own files stand beside it.
            clock: seconds since 1970 UTC; a block's time is the greater of this and its parent's plus one.
            chain_id: part of what participants sign; fixed at genesis.
            genesis_timestamp_s: time of block 0; fixed at genesis.
            read_only: share the file with the process that writes it; nothing can be sent.
            loop: `fast` (ours) or `stock` (py-evm's): who runs the opcodes. The blocks are the same.

        Raises:
            UnavailableError: another process has it open for writing; the message names its process id.
            InputError: not a ledger, one with other genesis parameters, or an unknown loop.
        """
        if loop not in LOOPS:
            raise InputError(f"there is no loop {loop!r}.", remedy=f"Known: {', '.join(LOOPS)}.")
        self._vm = vm_class(loop)
        self._chain_id = chain_id
        self._store = Store(Path(path), read_only=read_only)
        self._records = Records(self._store)
        self._write_lock = threading.Lock()
        self._broken: str | None = None
        self._closed = False
        self._cache: dict[bytes, bytes] = {}
        self._space = NodeSpace(self._store.node, self._cache)
        self._states = States(self._store, self._cache, chain_id, clock, self._vm)
        try:
            self._open_chain({
                "chain_id": str(chain_id), "fork": FORK, "gas_limit": str(BLOCK_GAS_LIMIT),
                "genesis_timestamp_s": str(genesis_timestamp_s)})
        except BaseException:
            self._store.close()
            raise

    def _open_chain(self, parameters: dict[str, str]) -> None:
        head = self._records.head()
        engine = chain_class(self._chain_id, self._vm)
        if head is None:
            if self._store.read_only:
                raise InputError(f"the ledger {self._store.path} has no blocks yet.")
            header = LedgerVM.create_genesis_header(
                gas_limit=BLOCK_GAS_LIMIT, timestamp=int(parameters["genesis_timestamp_s"]),
                extra_data=_EXTRA_DATA, coinbase=ZERO_ADDRESS, state_root=BLANK_ROOT_HASH, difficulty=0)
            self._engine = engine.from_genesis_header(self._space.atomic(), header)
            self._commit(header, [], [], parameters)
            return
        for name, wanted in parameters.items():
            found = self._store.meta(name)
            if found != wanted:
                raise InputError(
                    f"the ledger {self._store.path} was made with {name} {found}, not {wanted}.",
                    remedy="Use the settings it was made with, or another file.")
        self._engine = engine(self._space.atomic())
        known = self._engine_head()
        if known.hash != head.hash and not self._store.read_only:
            raise damaged(self._store.path, "its head and its state disagree")

    def _engine_head(self) -> Any:
        """The header that the engine takes for its head: read from bytes on disk, which may be damaged."""
        try:
            return self._engine.get_canonical_head()
        except (*UNREADABLE, KeyError) as fault:
            raise damaged(self._store.path, f"the engine cannot read its head ({fault})") from fault

    # what every client needs

    def chain_id(self) -> int:
        """The chain's id."""
        return self._chain_id

    def head_number(self) -> int:
        """Number of the latest block."""
        return self._head().number

    def header(self, number: int) -> Header | None:
        """Header of a block, or None."""
        self._check_open()
        row = self._records.header_row(number)
        return decode_header(row.rlp) if row else None

    def receipts(self, number: int) -> list[Receipt]:
        """Receipts of a block in order; none for a block that does not exist."""
        block = self.block(number)
        return [block.receipt(position) for position in range(len(block.transactions))] if block else []

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """Receipt of a mined transaction, or None."""
        found = self.transaction(tx_hash)
        return found[0].receipt(found[1]) if found else None

    def transaction_input(self, tx_hash: bytes) -> bytes | None:
        """Call data of a mined transaction, or None."""
        found = self.transaction(tx_hash)
        return bytes(decode_transaction(found[0].transactions[found[1]].raw).data) if found else None

    def transaction_count(self, address: bytes) -> int:
        """Next nonce of an account."""
        return int(self.state(lambda state: state.get_nonce(address)))

    def code(self, address: bytes) -> bytes:
        """Runtime code of an account."""
        return bytes(self.state(lambda state: state.get_code(address)))

    def gas_price(self) -> int:
        """Gas is free here."""
        return 0

    def call(self, to: bytes, data: bytes, sender: bytes | None = None) -> bytes:
        """Result of a read-only call on the latest state, at the time the next block would have.

        Raises:
            RevertedError: the contract refuses.
        """
        return bytes(self.execute(to, data, sender or ZERO_ADDRESS).output)

    def estimate_gas(self, to: bytes, data: bytes, sender: bytes) -> int:
        """Gas limit with which the transaction would pass now, about a tenth above what it uses.

        Raises:
            RevertedError: the contract refuses.
        """
        # before refunds, which come only at the end
        used = BLOCK_GAS_LIMIT - self.execute(to, data, sender).get_gas_remaining()
        return min(int(used) * 11 // 10 + 5_000, BLOCK_GAS_LIMIT)

    def storage_proof(self, address: bytes, slot: bytes, number: int) -> StorageProof:
        """Proof of a storage slot in the state of a block; the state of every block is kept.

        Raises:
            NotFoundError: there is no such block.
        """
        proof = self.account_proof(address, [slot], number)
        return StorageProof(number, proof.nodes, proof.slots[0][1])

    # what only an engine in process can tell, for its own JSON-RPC

    def block(self, number: int) -> Block | None:
        """A block with transactions and receipts, checked against its header, or None."""
        self._check_open()
        return self._records.block(number)

    def block_of_hash(self, block_hash: bytes) -> Block | None:
        """The block of that hash, or None."""
        self._check_open()
        return self._records.block_of_hash(block_hash)

    def transaction(self, tx_hash: bytes) -> tuple[Block, int] | None:
        """The block of a mined transaction and its position there, or None."""
        self._check_open()
        return self._records.transaction(tx_hash)

    def logs(self, wanted: LogFilter, first: int, last: int, maximum: int) -> list[FoundLog]:
        """Logs of blocks first to last that match, found by index: the cost grows with the answer.

        Raises:
            TooManyLogsError: more than `maximum`.
        """
        self._check_open()
        return self._records.logs(wanted, first, last, maximum)

    def state(self, ask: Callable[[Any], T], number: int | None = None) -> T:
        """What `ask` reads in the engine's state after a block; None is the latest, as the next would see it.

        Raises:
            NotFoundError: there is no such block.
        """
        row = self._row(number)
        with self._states.reading():
            return ask(self._states.after(row, as_next=number is None))

    def execute(
        self, to: bytes, data: bytes, sender: bytes, *, number: int | None = None, gas: int = BLOCK_GAS_LIMIT,
        value: int = 0,
    ) -> Any:
        """Run a call that changes nothing; the engine's computation. `number` as for `state`.

        Raises:
            NotFoundError: there is no such block.
            RevertedError: the contract refuses.
            InputError: it cannot be a transaction.
        """
        return self._states.execute(
            self._row(number), to, data, sender, gas=gas, value=value, as_next=number is None)

    def account_proof(self, address: bytes, slots: list[bytes], number: int) -> AccountProof:
        """An account and slots of its storage in the state after a block, with their proofs.

        Raises:
            NotFoundError: there is no such block.
        """
        return self._states.prove(self._row(number), address, slots)

    def close(self) -> None:
        """Close the file and let another process have it."""
        with self._write_lock:
            if not self._closed:
                self._closed = True
                self._broken = self._broken or "closed"
                self._store.close()

    # making blocks

    def send_raw_transaction(self, raw: bytes) -> bytes:
        """Execute a signed transaction and put it on disk as the next block.

        Raises:
            InputError: malformed, for another chain, out of order (ConflictError), or beyond the block's gas.
            UnavailableError: opened read-only.
            InvariantError: the disk refuses; stop the process.
        """
        tx_hash = bytes(keccak(raw))
        with self._write_lock:
            self._check_open()
            if self._store.read_only:
                raise UnavailableError("this process has the ledger open for reading only.")
            if self._store.transaction(tx_hash) is not None:
                return tx_hash
            transaction = self._decode(raw)
            try:
                with self._states.reading():
                    self._mine(transaction, raw, tx_hash)
            except ValidationError as fault:
                self._space.discard()
                raise InputError(f"the ledger does not take the transaction: {fault}.") from fault
            except InvariantError as fault:
                self._broken = f"it stopped at a fault ({fault.message.rstrip('.')})"
                raise
            except BaseException:
                self._space.discard()
                raise
        return tx_hash

    def _decode(self, raw: bytes) -> Any:
        if len(raw) > TRANSACTION_BYTES_MAX:
            raise InputError(f"a transaction has at most {TRANSACTION_BYTES_MAX} bytes, this one {len(raw)}.")
        transaction = decode_transaction(raw)
        try:
            if bytes(transaction.encode()) != raw:
                raise InputError("the transaction is not in its canonical encoding.")
            sender, chain_id = transaction.sender, transaction.chain_id
        except UNREADABLE as fault:
            raise InputError(f"the transaction cannot be read: {fault}.") from fault
        if chain_id != self._chain_id:
            raise InputError(f"the transaction is for chain {chain_id}, this is chain {self._chain_id}.")
        expected = self.transaction_count(sender)
        if transaction.nonce != expected:
            raise ConflictError(
                f"the transaction has nonce {transaction.nonce}, but 0x{sender.hex()} is at {expected}.",
                remedy="Somebody else sent with this key, or an earlier transaction is missing.")
        return transaction

    def _mine(self, transaction: Any, raw: bytes, tx_hash: bytes) -> None:
        header = self._states.next_header(self._engine_head())
        vm = self._engine.get_vm(header)
        filled, receipts, _ = vm.apply_all_transactions([transaction], header)
        block = vm.mine_block(
            vm.set_block_transactions_and_withdrawals(vm.get_block(), filled, [transaction], receipts)).block
        self._engine.chaindb.persist_block(block)
        row = TransactionRow(
            tx_hash, block.number, 0, raw, bytes(receipts[0].encode()), block.header.gas_used)
        logs = [(log.address, [topic.to_bytes(32, "big") for topic in log.topics])
                for receipt in receipts for log in receipt.logs]
        self._commit(block.header, [row], index_rows(logs), None)

    def _commit(
        self, header: Any, transactions: list[TransactionRow], logs: list[tuple[int, bytes]],
        meta: dict[str, str] | None,
    ) -> None:
        encoded: bytes = rlp.encode(header)
        row = BlockRow(header.block_number, keccak(encoded), encoded)
        self._store.commit_block(self._space.pending, row, transactions, meta, logs)
        self._space.committed()

    # state

    def _head(self) -> BlockRow:
        self._check_open()
        head = self._records.head()
        if head is None:
            raise InvariantError(f"the ledger {self._store.path} has lost its blocks.")
        return head

    def _row(self, number: int | None) -> BlockRow:
        self._check_open()
        row = self._head() if number is None else self._records.header_row(number)
        if row is None:
            raise NotFoundError(f"there is no block {number}.")
        return row

    def _check_open(self) -> None:
        if self._broken is not None:
            raise InvariantError(f"the ledger {self._store.path} is not usable: {self._broken}.")
