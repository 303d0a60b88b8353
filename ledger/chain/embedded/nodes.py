"""The engine's key-value space over the durable store: what a block writes is pending until its commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eth.db.atomic import AtomicDB
from eth.db.backends.base import BaseDB

from ledger.chain.embedded.store import HASH_BYTES

CACHE_NODES_MAX = 100_000  # about 30 MB; the upper levels of the state trie of millions of units


class NodeSpace(BaseDB):  # type: ignore[misc]  # py-evm ships no types we follow
    """The engine's key-value space: committed nodes, and over them what the block being made has written."""

    def __init__(self, read: Callable[[bytes], bytes | None], cache: dict[bytes, bytes]) -> None:
        """Read committed nodes by `read`; `cache` may be shared, it only takes what never changes."""
        self._read = read
        self._cache = cache
        self.pending: dict[bytes, bytes | None] = {}

    def __getitem__(self, key: bytes) -> bytes:
        if key in self.pending:
            value = self.pending[key]
        else:
            value = self._cache.get(key)
            if value is None:
                value = self._read(key)
                if value is not None:
                    self._remember(key, value)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.pending[key] = value

    def __delitem__(self, key: bytes) -> None:
        self[key]  # a KeyError where there is nothing, as a dict does
        self.pending[key] = None

    def _exists(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def _remember(self, key: bytes, value: bytes) -> None:
        if len(key) != HASH_BYTES:  # a hash names its content for ever; other keys are pointers that move
            return
        if len(self._cache) >= CACHE_NODES_MAX:
            for old in list(self._cache)[:CACHE_NODES_MAX // 10]:
                self._cache.pop(old, None)
        self._cache[key] = value

    def committed(self) -> None:
        """The pending writes are on disk: keep them as cached values."""
        for key, value in self.pending.items():
            if value is not None:
                self._remember(key, value)
        self.pending = {}

    def discard(self) -> None:
        """Forget the pending writes."""
        self.pending = {}

    def atomic(self) -> Any:
        """The same space as py-evm wants it, with nested batches in memory."""
        return AtomicDB(self)
