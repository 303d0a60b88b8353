"""The interface of a ledger engine, and the records that cross it.

An engine is not trusted by those who read from it: headers carry everything needed to recompute their hash,
receipts everything needed to recompute the receipts root.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ledger.errors import TrustError
from ledger.quick import quick


@quick
@dataclass(frozen=True, slots=True)
class Log:
    """One log entry of a receipt. `index` counts within the block."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    index: int


@quick
@dataclass(frozen=True, slots=True)
class Receipt:
    """Receipt of one transaction; `encoded` is its EIP-2718 encoding as it stands in the receipts trie."""

    tx_hash: bytes
    tx_index: int
    status: int
    gas_used: int
    block_number: int
    block_hash: bytes
    logs: tuple[Log, ...]
    encoded: bytes


@dataclass(frozen=True, slots=True)
class StorageProof:
    """What an account's storage slot held in the state of one block, with its Merkle-Patricia paths.

    Attributes:
        block_number: the block whose state root the proof starts from.
        account_nodes: RLP nodes from the state root to the account, root first.
        storage_nodes: RLP nodes from the account's storage root to the slot, root first; none if it is empty.
    """

    block_number: int
    account_nodes: tuple[bytes, ...]
    storage_nodes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """Block header. `rlp` is the encoding whose keccak is `hash`, so that nobody has to believe `hash`."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    receipts_root: bytes
    rlp: bytes


@dataclass(frozen=True, slots=True)
class FetchedBlock:
    """A block as somebody told it. `origin` says who; the receipts are not yet held to the header.

    Attributes:
        encoded_here: whether each receipt's encoding was made from what stands beside it, in this process:
            then a root that fits proves that too, and nobody need read the encoding again.
    """

    header: Header
    receipts: tuple[Receipt, ...]
    origin: str
    encoded_here: bool = False


@dataclass(frozen=True, slots=True)
class ToldBlock:
    """A block as JSON, not looked at yet: `ledger.chain.rpc_blocks.read_told` reads it, in any process.

    Attributes:
        number: which was asked for.
        header: the block; null where the node has none.
        receipts: all of them in one list; or each by itself, of a node that gives no lists.
        origin: who told it.
    """

    number: int
    header: bytes
    receipts: bytes | tuple[bytes, ...]
    origin: str


@runtime_checkable
class RangeClient(Protocol):
    """What a chain client may offer besides: many blocks in one exchange."""

    def told(self, first: int, last: int) -> list[ToldBlock]:
        """Blocks `first` to `last` as the node tells them, unread.

        Raises:
            UnavailableError: not to be had now, or not so many at once (TooMuchError).
        """
        ...

    def blocks(self, first: int, last: int) -> list[FetchedBlock]:
        """Blocks `first` to `last`, all of them.

        Raises:
            UnavailableError: not to be had now, or not so many at once (TooMuchError).
            TrustError: what came cannot be true.
        """
        ...

    def distrust(self, origin: str, fault: TrustError) -> bool:
        """Ask `origin` no more, because of what it told; whether there is anybody else to ask."""
        ...


class ChainClient(Protocol):
    """What the gateway, the indexer and the proofs need of a chain.

    Raises (every method):
        UnavailableError: the engine does not answer; retry.
        TrustError: the engine answered what cannot be true.
    """

    def chain_id(self) -> int:
        """The chain's id."""
        ...

    def head_number(self) -> int:
        """Number of the latest block."""
        ...

    def header(self, number: int) -> Header | None:
        """Header of the block with that number on the canonical chain, or None."""
        ...

    def receipts(self, number: int) -> list[Receipt]:
        """All receipts of a block, in order of transaction index."""
        ...

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """Receipt of a transaction that is in a block, or None."""
        ...

    def send_raw_transaction(self, raw: bytes) -> bytes:
        """Hand over a signed transaction; returns its hash. The same bytes twice are no error."""
        ...

    def transaction_count(self, address: bytes) -> int:
        """Next nonce of an account, by the latest block."""
        ...

    def call(self, to: bytes, data: bytes, sender: bytes | None = None) -> bytes:
        """Result of a read-only call at the latest block.

        Raises:
            InputError: the call reverts; the message names the error.
        """
        ...

    def code(self, address: bytes) -> bytes:
        """Runtime code of an account."""
        ...

    def estimate_gas(self, to: bytes, data: bytes, sender: bytes) -> int:
        """Gas that a transaction would use."""
        ...

    def gas_price(self) -> int:
        """What a transaction must offer per gas to be taken now, in wei; 0 where gas is free."""
        ...

    def transaction_input(self, tx_hash: bytes) -> bytes | None:
        """Call data of a transaction that is in a block (of a batch: signatures, witnesses), or None."""
        ...

    def storage_proof(self, address: bytes, slot: bytes, number: int) -> StorageProof:
        """Proof of a 32-byte storage slot in the state of a block; nodes may keep recent states only."""
        ...

    def close(self) -> None:
        """Let go of files and sockets."""
        ...
