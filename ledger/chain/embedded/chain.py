"""The embedded ledger as a chain client: a transaction handed over is a block on disk when the call returns.

States of the object: open → closed; open → broken after a disk error, from where every call raises
InvariantError. Never more than one writer per file; readers of other processes open it with `read_only`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rlp
from eth.constants import BLANK_ROOT_HASH, CREATE_CONTRACT_ADDRESS
from eth.exceptions import PyEVMError, Revert, VMError
from eth.vm.chain_context import ChainContext
from eth.vm.forks.cancun.blocks import CancunBlockHeader
from eth.vm.spoof import SpoofTransaction
from eth_hash.auto import keccak
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException
from trie import HexaryTrie

from ledger.chain.client import Header, Receipt, StorageProof
from ledger.chain.embedded.store import BlockRow, NodeSpace, Store, TransactionRow
from ledger.chain.embedded.vm import FORK, LedgerChainDB, LedgerVM, chain_class
from ledger.chain.header import decode_header, state_root
from ledger.chain.receipt_codec import decode_receipt
from ledger.chain.reverts import RevertedError
from ledger.errors import (
    ConflictError,
    InputError,
    InvariantError,
    NotFoundError,
    UnavailableError,
    invariant,
)
from ledger.proofs.tries import proof_nodes

DEFAULT_CHAIN_ID = 20_263_001
BLOCK_GAS_LIMIT = 60_000_000  # a batch of 200 of the dearest events is 38 Mgas
TRANSACTION_BYTES_MAX = 1_048_576
_EXTRA_DATA = b"CargoLedger"
_ZERO_ADDRESS = bytes(20)


class EmbeddedChain:
    """A chain of one operator, in process. Implements `ledger.chain.client.ChainClient`."""

    def __init__(
        self, path: Path, clock: Callable[[], int], chain_id: int = DEFAULT_CHAIN_ID, *,
        genesis_timestamp_s: int = 0, read_only: bool = False,
    ) -> None:
        """Open the ledger file, or make it with its genesis block.

        Args:
            path: the SQLite file; `<path>.lock` and SQLite's own files stand beside it.
            clock: seconds since 1970 UTC; a block's time is the greater of this and its parent's plus one.
            chain_id: part of what participants sign; fixed at genesis.
            genesis_timestamp_s: time of block 0; fixed at genesis.
            read_only: share the file with the process that writes it; nothing can be sent.

        Raises:
            UnavailableError: another process has it open for writing; the message names its process id.
            InputError: not a ledger, or one with other genesis parameters.
        """
        self._clock = clock
        self._chain_id = chain_id
        self._store = Store(Path(path), read_only=read_only)
        self._write_lock = threading.Lock()
        self._broken: str | None = None
        self._closed = False
        self._cache: dict[bytes, bytes] = {}
        self._space = NodeSpace(self._store.node, self._cache)
        try:
            self._open_chain({
                "chain_id": str(chain_id), "fork": FORK, "gas_limit": str(BLOCK_GAS_LIMIT),
                "genesis_timestamp_s": str(genesis_timestamp_s)})
        except BaseException:
            self._store.close()
            raise

    def _open_chain(self, parameters: dict[str, str]) -> None:
        head = self._store.head()
        engine = chain_class(self._chain_id)
        if head is None:
            if self._store.read_only:
                raise InputError(f"the ledger {self._store.path} has no blocks yet.")
            header = LedgerVM.create_genesis_header(
                gas_limit=BLOCK_GAS_LIMIT, timestamp=int(parameters["genesis_timestamp_s"]),
                extra_data=_EXTRA_DATA, coinbase=_ZERO_ADDRESS, state_root=BLANK_ROOT_HASH, difficulty=0)
            self._engine = engine.from_genesis_header(self._space.atomic(), header)
            self._commit(header, [], parameters)
            return
        for name, wanted in parameters.items():
            found = self._store.meta(name)
            if found != wanted:
                raise InputError(
                    f"the ledger {self._store.path} was made with {name} {found}, not {wanted}.",
                    remedy="Use the settings it was made with, or another file.")
        self._engine = engine(self._space.atomic())
        known = self._engine.get_canonical_head()
        invariant(known.hash == head.hash or self._store.read_only,
                  f"the ledger {self._store.path} is damaged: its head and its state disagree")

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
        row = self._store.block(number) if number >= 0 else None
        return decode_header(row.rlp) if row else None

    def receipts(self, number: int) -> list[Receipt]:
        """Receipts of a block in order; none for a block that does not exist."""
        self._check_open()
        row = self._store.block(number) if number >= 0 else None
        if row is None:
            return []
        found: list[Receipt] = []
        log_count = 0
        for transaction in self._store.transactions(number):
            receipt = _receipt(transaction, row.hash, log_count)
            log_count += len(receipt.logs)
            found.append(receipt)
        return found

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """Receipt of a mined transaction, or None."""
        self._check_open()
        row = self._store.transaction(tx_hash)
        return next((r for r in self.receipts(row.block) if r.tx_hash == tx_hash), None) if row else None

    def transaction_input(self, tx_hash: bytes) -> bytes | None:
        """Call data of a mined transaction, or None."""
        self._check_open()
        row = self._store.transaction(tx_hash)
        return bytes(LedgerVM.get_transaction_builder().decode(row.raw).data) if row else None

    def transaction_count(self, address: bytes) -> int:
        """Next nonce of an account."""
        return int(self._state().get_nonce(address))

    def code(self, address: bytes) -> bytes:
        """Runtime code of an account."""
        return bytes(self._state().get_code(address))

    def gas_price(self) -> int:
        """Gas is free here."""
        return 0

    def call(self, to: bytes, data: bytes, sender: bytes | None = None) -> bytes:
        """Result of a read-only call on the latest state, at the time the next block would have.

        Raises:
            RevertedError: the contract refuses.
        """
        computation = self._execute(to, data, sender or _ZERO_ADDRESS)
        if computation.is_error:
            raise _reverted(computation)
        return bytes(computation.output)

    def estimate_gas(self, to: bytes, data: bytes, sender: bytes) -> int:
        """Gas limit with which the transaction would pass now, about a tenth above what it uses.

        Raises:
            RevertedError: the contract refuses.
        """
        computation = self._execute(to, data, sender)
        if computation.is_error:
            raise _reverted(computation)
        used = BLOCK_GAS_LIMIT - computation.get_gas_remaining()  # before refunds, which come only at the end
        return min(int(used) * 11 // 10 + 5_000, BLOCK_GAS_LIMIT)

    def storage_proof(self, address: bytes, slot: bytes, number: int) -> StorageProof:
        """Proof of a storage slot in the state of a block; the state of every block is kept.

        Raises:
            NotFoundError: there is no such block.
        """
        self._check_open()
        block = self._store.block(number)
        if block is None:
            raise NotFoundError(f"there is no block {number}.")
        space = NodeSpace(self._store.node, self._cache)
        accounts = HexaryTrie(space, state_root(block.rlp))
        account = accounts.get(keccak(address))
        root = rlp.decode(account)[2] if account else BLANK_ROOT_HASH
        slot_nodes = [] if root == BLANK_ROOT_HASH else proof_nodes(HexaryTrie(space, root), keccak(slot))
        return StorageProof(number, tuple(proof_nodes(accounts, keccak(address))), tuple(slot_nodes))

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
                self._mine(transaction, raw, tx_hash)
            except ValidationError as fault:
                self._space.discard()
                raise InputError(f"the ledger does not take the transaction: {fault}.") from fault
            except InvariantError:
                self._broken = "the disk refused a block"
                raise
            except BaseException:
                self._space.discard()
                raise
        return tx_hash

    def _decode(self, raw: bytes) -> Any:
        if len(raw) > TRANSACTION_BYTES_MAX:
            raise InputError(f"a transaction has at most {TRANSACTION_BYTES_MAX} bytes, this one {len(raw)}.")
        try:
            transaction = LedgerVM.get_transaction_builder().decode(raw)
            if bytes(transaction.encode()) != raw:
                raise InputError("the transaction is not in its canonical encoding.")
            sender, chain_id = transaction.sender, transaction.chain_id
        except (RLPException, ValidationError, BadSignature, PyEVMError, ValueError, TypeError,
                IndexError) as fault:
            raise InputError(f"the transaction cannot be read: {fault}.") from fault
        if chain_id != self._chain_id:
            raise InputError(f"the transaction is for chain {chain_id}, this is chain {self._chain_id}.")
        expected = self._state().get_nonce(sender)
        if transaction.nonce != expected:
            raise ConflictError(
                f"the transaction has nonce {transaction.nonce}, but 0x{sender.hex()} is at {expected}.",
                remedy="Somebody else sent with this key, or an earlier transaction is missing.")
        return transaction

    def _mine(self, transaction: Any, raw: bytes, tx_hash: bytes) -> None:
        header = self._next_header(self._engine.get_canonical_head())
        vm = self._engine.get_vm(header)
        filled, receipts, _ = vm.apply_all_transactions([transaction], header)
        block = vm.mine_block(
            vm.set_block_transactions_and_withdrawals(vm.get_block(), filled, [transaction], receipts)).block
        self._engine.chaindb.persist_block(block)
        row = TransactionRow(
            tx_hash, block.number, 0, raw, bytes(receipts[0].encode()), block.header.gas_used)
        self._commit(block.header, [row], None)

    def _commit(self, header: Any, transactions: list[TransactionRow], meta: dict[str, str] | None) -> None:
        encoded: bytes = rlp.encode(header)
        row = BlockRow(header.block_number, keccak(encoded), encoded)
        self._store.commit_block(self._space.pending, row, transactions, meta)
        self._space.committed()

    # state

    def _next_header(self, parent: Any) -> Any:
        return LedgerVM.create_header_from_parent(
            parent, timestamp=max(parent.timestamp + 1, self._clock()), coinbase=_ZERO_ADDRESS)

    def _head(self) -> BlockRow:
        self._check_open()
        head = self._store.head()
        if head is None:
            raise InvariantError(f"the ledger {self._store.path} has lost its blocks.")
        return head

    def _state(self) -> Any:
        """The state a next transaction would see, read from committed rows only: no lock is needed."""
        head = self._head()
        reader = LedgerChainDB(NodeSpace(self._store.node, self._cache).atomic())
        header = self._next_header(rlp.decode(head.rlp, sedes=CancunBlockHeader))
        return LedgerVM.build_state(
            reader.db, header, ChainContext(self._chain_id), LedgerVM.get_prev_hashes(head.hash, reader))

    def _execute(self, to: bytes, data: bytes, sender: bytes) -> Any:
        state = self._state()
        unsigned = LedgerVM.create_unsigned_transaction(
            nonce=state.get_nonce(sender), gas_price=0, gas=BLOCK_GAS_LIMIT, to=to or CREATE_CONTRACT_ADDRESS,
            value=0, data=data)
        try:
            return state.apply_transaction(SpoofTransaction(unsigned, from_=sender))
        except ValidationError as fault:
            raise InputError(f"the ledger does not take the call: {fault}.") from fault

    def _check_open(self) -> None:
        if self._broken is not None:
            raise InvariantError(f"the ledger {self._store.path} is not usable: {self._broken}.")


def _receipt(row: TransactionRow, block_hash: bytes, first_log_index: int) -> Receipt:
    decoded = decode_receipt(row.receipt, first_log_index)
    return Receipt(
        tx_hash=row.hash, tx_index=row.position, status=decoded.status, gas_used=row.gas_used,
        block_number=row.block, block_hash=block_hash, logs=decoded.logs, encoded=row.receipt)


def _reverted(computation: Any) -> RevertedError:
    data = bytes(computation.output)
    if isinstance(computation.error, Revert):
        return RevertedError("the contract refuses the call.", data=data)
    if isinstance(computation.error, VMError):
        return RevertedError(f"the call fails: {type(computation.error).__name__}.", data=b"")
    raise InvariantError(f"the engine failed: {computation.error!r}.")
