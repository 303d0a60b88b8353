"""The state that contracts and accounts had after a block, read from committed rows: no lock is needed.

The state of every block is kept. A call is run on it as the next block would run it (latest) or with the
number and time of the block asked for. Fails by RevertedError when the contract refuses, InputError when the
call cannot be a transaction, InvariantError when the file is damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import rlp
from eth.constants import BLANK_ROOT_HASH, CREATE_CONTRACT_ADDRESS
from eth.exceptions import PyEVMError, Revert, VMError
from eth.vm.chain_context import ChainContext
from eth.vm.forks.cancun.blocks import CancunBlockHeader
from eth.vm.interrupt import EVMMissingData
from eth.vm.spoof import SpoofTransaction
from eth_hash.auto import keccak
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException
from trie import HexaryTrie
from trie.exceptions import MissingTraversalNode, MissingTrieNode

from ledger.chain.embedded.nodes import NodeSpace
from ledger.chain.embedded.store import BlockRow, Store, damaged
from ledger.chain.embedded.vm import LedgerChainDB, LedgerVM
from ledger.chain.header import state_root
from ledger.chain.reverts import RevertedError
from ledger.errors import InputError, InvariantError
from ledger.proofs.tries import proof_nodes

ZERO_ADDRESS = bytes(20)
UNREADABLE = (RLPException, ValidationError, BadSignature, PyEVMError, ValueError, TypeError, IndexError)
"""What the engine raises on bytes that are no transaction."""
EMPTY_CODE_HASH: bytes = keccak(b"")


@dataclass(frozen=True, slots=True)
class Account:
    """What the state trie holds for an address; an address never used has all zeros and empty roots."""

    nonce: int
    balance: int
    storage_root: bytes
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class AccountProof:
    """An account and some of its storage slots, each with its path in the tries, root first."""

    account: Account
    nodes: tuple[bytes, ...]
    slots: tuple[tuple[int, tuple[bytes, ...]], ...]


class States:
    """States of the blocks of one store."""

    def __init__(
        self, store: Store, cache: dict[bytes, bytes], chain_id: int, clock: Callable[[], int], vm: Any,
    ) -> None:
        """Read from a store; calls are run by `vm` (`vm_class`)."""
        self._store, self._cache, self._chain_id, self._clock, self._vm = store, cache, chain_id, clock, vm

    def next_header(self, parent: Any) -> Any:
        """The header that a block made now on `parent` would begin with."""
        return LedgerVM.create_header_from_parent(
            parent, timestamp=max(parent.timestamp + 1, self._clock()), coinbase=ZERO_ADDRESS)

    def after(self, row: BlockRow, *, as_next: bool) -> Any:
        """The engine's state after a block: with the time of the next block, or with the block's own."""
        header = rlp.decode(row.rlp, sedes=CancunBlockHeader)
        reader = LedgerChainDB(NodeSpace(self._store.node, self._cache).atomic())
        if as_next:
            header, previous = self.next_header(header), row.hash
        else:
            previous = header.parent_hash
        return self._vm.build_state(
            reader.db, header, ChainContext(self._chain_id), LedgerVM.get_prev_hashes(previous, reader))

    def execute(
        self, row: BlockRow, to: bytes, data: bytes, sender: bytes, *, gas: int, value: int = 0,
        as_next: bool,
    ) -> Any:
        """Run a call on the state after a block and give the engine's computation.

        Raises:
            InputError: the call cannot be a transaction.
            RevertedError: it fails.
        """
        with self.reading():
            state = self.after(row, as_next=as_next)
            unsigned = LedgerVM.create_unsigned_transaction(
                nonce=state.get_nonce(sender), gas_price=0, gas=gas, to=to or CREATE_CONTRACT_ADDRESS,
                value=value, data=data)
            try:
                computation = state.apply_transaction(SpoofTransaction(unsigned, from_=sender))
            except ValidationError as fault:
                raise InputError(f"the ledger does not take the call: {fault}.") from fault
        if computation.is_error:
            raise _reverted(computation)
        return computation

    def prove(self, row: BlockRow, address: bytes, slots: list[bytes]) -> AccountProof:
        """An account and storage slots in the state after a block, with proofs.

        Args:
            row: the block.
            address: 20 bytes.
            slots: 32 bytes each.
        """
        space = NodeSpace(self._store.node, self._cache)
        with self.reading():
            accounts = HexaryTrie(space, state_root(row.rlp))
            encoded = accounts.get(keccak(address))
            account = Account(0, 0, BLANK_ROOT_HASH, EMPTY_CODE_HASH)
            if encoded:
                nonce, balance, root, code = rlp.decode(encoded)
                account = Account(int.from_bytes(nonce, "big"), int.from_bytes(balance, "big"), root, code)
            found: list[tuple[int, tuple[bytes, ...]]] = []
            for slot in slots:
                if account.storage_root == BLANK_ROOT_HASH:
                    found.append((0, ()))
                    continue
                trie = HexaryTrie(space, account.storage_root)
                value = trie.get(keccak(slot))
                number = int.from_bytes(rlp.decode(value), "big") if value else 0
                found.append((number, tuple(proof_nodes(trie, keccak(slot)))))
            return AccountProof(account, tuple(proof_nodes(accounts, keccak(address))), tuple(found))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn the engine's complaint about a missing node into ours."""
        try:
            yield
        except (MissingTrieNode, MissingTraversalNode, EVMMissingData) as fault:
            raise damaged(self._store.path, f"a node of the state is missing ({fault})") from fault


def decode_transaction(raw: bytes) -> Any:
    """The engine's transaction object of a signed transaction.

    Raises:
        InputError: it is not one.
    """
    try:
        return LedgerVM.get_transaction_builder().decode(raw)
    except UNREADABLE as fault:
        raise InputError(f"the transaction cannot be read: {fault}.") from fault


def _reverted(computation: Any) -> RevertedError:
    data = bytes(computation.output)
    if isinstance(computation.error, Revert):
        return RevertedError("the contract refuses the call.", data=data)
    if isinstance(computation.error, VMError):
        return RevertedError(f"the call fails: {type(computation.error).__name__}.", data=b"")
    raise InvariantError(f"the engine failed: {computation.error!r}.")
