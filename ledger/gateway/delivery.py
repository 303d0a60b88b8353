"""How a batch gets into a block: signed, on disk, sent, found again. It gives out the account's numbers.

One batch at a time is on its way into a block (it may wait there for confirmations), so that a number is
given only when it is known what became of the one before. A lost reply is no question: the stored bytes are
looked up by their hash and sent again as the same bytes; where their number was used by another transaction,
the events go again in a new one. The ledger takes each event once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from eth_abi.abi import encode
from eth_hash.auto import keccak

from ledger.chain.client import ChainClient, Receipt
from ledger.chain.codec import Contracts, SignedItem, encode_record
from ledger.chain.header import gas_limit
from ledger.chain.tx import transaction_fields, wait_for_receipt
from ledger.errors import ConflictError, UnavailableError
from ledger.events.model import ABI_EVENT
from ledger.gateway.batches import Batches, StoredBatch
from ledger.gateway.batching import SHOWS_WITNESS
from ledger.gateway.outbox import Outbox, StoredEvent
from ledger.vocabulary import Kind

if TYPE_CHECKING:
    from ledger.gateway.store import Store
    from ledger.keys.signers import Signer

BLOCK_SHARE = 0.75  # of what a transaction may use: what a batch is filled to, by estimate


class Delivery:
    """Makes batch transactions of one account and has them put into blocks."""

    def __init__(
        self, chain: ChainClient, deployment: Contracts, store: Store, outbox: Outbox, sender: Signer, *,
        clock: Callable[[], int], tx_gas_max: int, receipt_wait_s: float, pause: Callable[[float], None],
    ) -> None:
        self.batches = Batches(store)
        self._chain = chain
        self._deployment = deployment
        self._store = store
        self._outbox = outbox
        self._sender = sender
        self._clock = clock
        self._tx_gas_max = tx_gas_max
        self._receipt_wait_s = receipt_wait_s
        self._pause = pause

    def gas_max(self) -> int:
        """Gas limit of a batch transaction: the setting, or the block's where that is less."""
        header = self._chain.header(self._chain.head_number())
        return self._tx_gas_max if header is None else min(self._tx_gas_max, gas_limit(header.rlp))

    def make(self, events: Sequence[StoredEvent], gas: int, gas_estimated: int) -> StoredBatch:
        """Sign a batch and put it on disk with its membership, before anything is sent."""
        items: list[SignedItem] = [(e.custody_event, e.signature, self._witness(e)) for e in events]
        address = self._sender.address
        # a node that is behind would give a number that one of our own batches has already
        nonce = max(self._chain.transaction_count(address), self.batches.next_nonce(address))
        raw = self._sender.sign_transaction(transaction_fields(
            chain_id=self._chain.chain_id(), nonce=nonce, to=self._deployment.ledger,
            data=encode_record(items), gas=gas, gas_price=self._chain.gas_price()))
        self._store.failpoint("before-batch-saved")
        batch = self.batches.save(
            [e.seq for e in events], tx_hash=keccak(raw), sender=address, nonce=nonce, raw=raw,
            head_number=self._chain.head_number(), gas_estimated=gas_estimated, now_s=self._clock())
        self._store.failpoint("after-batch-saved")
        return batch

    def _witness(self, event: StoredEvent) -> bytes:
        """What the event shows of the one it names: from our own records, else what its poster sent along."""
        custody_event = event.custody_event
        into_book = custody_event.kind is Kind.ACCEPT and custody_event.book != 0
        if custody_event.kind not in SHOWS_WITNESS and not into_book:
            return event.witness
        named = self._outbox.stored(custody_event.reference)
        if named is None:
            return event.witness
        if custody_event.kind is Kind.CORRECT:
            return encode([ABI_EVENT, "bytes"], [named.custody_event.abi(), named.signature])
        return named.custody_event.encoded()

    def deliver(self, batch: StoredBatch) -> Receipt | None:
        """Have a stored batch in a block: find it there, or send the same bytes (again).

        Returns:
            Its receipt, or None if it can never get into a block.

        Raises:
            UnavailableError: not known yet; the batch stays open.
            InputError: the node refuses this transaction, or the account (AccountError).
        """
        receipt = self._chain.receipt(batch.tx_hash)
        if receipt is not None:
            return receipt
        if batch.state == "included":
            note = f"block {batch.block_number} was replaced by one without it; sent again"
            self.batches.replaced(batch, note, self._clock())
        self._store.failpoint("before-send")
        try:
            self._chain.send_raw_transaction(batch.raw)
        except ConflictError as fault:
            return self._number_used(batch, fault)
        self._store.failpoint("after-send")
        return self._wait(batch)

    def _wait(self, batch: StoredBatch) -> Receipt:
        return wait_for_receipt(
            self._chain, batch.tx_hash, wait_s_max=self._receipt_wait_s, sleep=self._pause)

    def _number_used(self, batch: StoredBatch, fault: ConflictError) -> Receipt | None:
        """By this very transaction whose reply was lost, by one that is under way, or by somebody else's."""
        try:
            return self._wait(batch)
        except UnavailableError:
            # Only where blocks hold that many of the account's transactions can this one never get in. A pool
            # may know more than the latest block: then it is merely under way (Avalanche after a stall).
            if self._chain.transaction_count(batch.sender) > batch.nonce:
                return self._chain.receipt(batch.tx_hash)
            raise UnavailableError(
                f"transaction 0x{batch.tx_hash.hex()} is in no block yet, and the node says: {fault.message}",
                remedy="It is looked for again. If it stays so, somebody else sends with this gateway's key: "
                       "give every gateway its own.") from fault
