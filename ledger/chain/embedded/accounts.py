"""Accounts and storage of the embedded engine with our trie under them (trie.py); all else is py-evm's.

py-evm's `AccountDB` keeps its journals, snapshots and rules. Replaced is only what turns storage slots into
trie nodes, and how slots and accounts are written as bytes.
"""

from __future__ import annotations

from typing import Any, ClassVar

from eth.db.account import AccountDB
from eth.db.cache import CacheDB
from eth.db.journal import JournalDB
from eth.db.storage import AccountStorageDB, StorageLookup
from eth.vm.interrupt import MissingStorageTrieNode
from eth_utils.exceptions import ValidationError
from sha3 import keccak_256

from ledger.chain.embedded.trie import Node, StorageTrie, rlp_list, rlp_string


class Lookup(StorageLookup):  # type: ignore[misc]  # py-evm ships no types we follow
    """Slots to trie nodes and back."""

    def __init__(self, db: Any, storage_root: bytes, address: bytes, known: dict[bytes, Node]) -> None:
        self._known = known
        self._write_trie: StorageTrie | None = None
        self._read_trie: StorageTrie | None = None
        super().__init__(db, storage_root, address)

    def _initialize_to_root_hash(self, root_hash: bytes) -> None:
        super()._initialize_to_root_hash(root_hash)
        self._read_trie = None

    def _get_write_trie(self) -> StorageTrie:
        if self._write_trie is None:
            self._write_trie = StorageTrie(self._db, self._starting_root_hash, self._known)
        return self._write_trie

    def _get_read_trie(self) -> StorageTrie:
        if self._write_trie is not None:
            return self._write_trie
        if self._read_trie is None or self._read_trie.root_hash != self._starting_root_hash:
            self._read_trie = StorageTrie(self._db, self._starting_root_hash, self._known)
        return self._read_trie

    def _decode_key(self, key: bytes) -> bytes:
        digest: bytes = keccak_256(key.rjust(32, b"\0")).digest()
        return digest

    def commit_to(self, db: Any) -> None:
        """Write the new nodes.

        Raises:
            eth_utils.ValidationError: nothing was written to this storage.
        """
        trie = self._write_trie
        if trie is None:
            raise ValidationError("this storage has no changes to commit")
        trie.write_to(db)
        self._initialize_to_root_hash(trie.root_hash)


class Storage(AccountStorageDB):  # type: ignore[misc]  # as above
    """Storage of one account: py-evm's layers over our lookup."""

    def __init__(self, db: Any, storage_root: bytes, address: bytes, known: dict[bytes, Node]) -> None:
        super().__init__(db, storage_root, address)
        self._storage_lookup = Lookup(db, storage_root, address, known)
        self._storage_cache = CacheDB(self._storage_lookup)
        self._locked_changes = JournalDB(self._storage_cache)
        self._journal_storage = JournalDB(self._locked_changes)

    def get(self, slot: int, from_journal: bool = True) -> int:
        """The number in a slot now, or before the transaction."""
        self._accessed_slots.add(slot)
        try:
            encoded: bytes = (self._journal_storage if from_journal else self._locked_changes)[_key(slot)]
        except MissingStorageTrieNode:
            raise
        except KeyError:
            return 0
        return int.from_bytes(encoded if len(encoded) == 1 else encoded[1:], "big")

    def set(self, slot: int, value: int) -> None:
        """Write a slot; zero takes it away."""
        if not value:
            super().set(slot, 0)
            return
        self._journal_storage[_key(slot)] = rlp_string(_shortest(value))


class Accounts(AccountDB):  # type: ignore[misc]  # as above
    """py-evm's accounts with our storage. `known_nodes` belongs to one ledger: `vm_class` gives it."""

    known_nodes: ClassVar[dict[bytes, Node]]

    def _get_address_store(self, address: bytes) -> Any:
        store = self._account_stores.get(address)
        if store is None:
            root = self._get_storage_root(address)
            store = self._account_stores[address] = Storage(
                self._raw_store_db, root, address, self.known_nodes)
        return store

    def _set_account(self, address: bytes, account: Any) -> None:
        self._account_cache[address] = account
        self._journaltrie[address] = rlp_list(
            rlp_string(_shortest(account.nonce)) + rlp_string(_shortest(account.balance))
            + rlp_string(account.storage_root) + rlp_string(account.code_hash))


def _shortest(number: int) -> bytes:
    """A number as RLP wants it: big-endian, zero as nothing."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _key(slot: int) -> bytes:
    """A slot's number as py-evm's layers have it: big-endian, zero as one byte."""
    return slot.to_bytes((slot.bit_length() + 7) // 8 or 1, "big")
