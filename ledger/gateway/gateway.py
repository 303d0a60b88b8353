"""The gateway: takes signed events, keeps them, carries them to the ledger in batches, keeps their outcomes.

It has no rights over content: every event is signed by its poster, and the ledger recovers who that is.
What it promises: an event is on disk before it is acknowledged; a batch is on disk before it is sent;
every event gets one outcome, whatever dies in between. One batch is under way at a time: after a crash
it is found again by the hash of its stored bytes, or sent again as the same bytes.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eth_abi.abi import encode
from eth_hash.auto import keccak

from ledger.chain.client import ChainClient, Receipt
from ledger.chain.codec import Contracts, SignedItem, encode_record
from ledger.chain.tx import transaction_fields, wait_for_receipt
from ledger.errors import (
    CargoLedgerError,
    ConflictError,
    InputError,
    InvariantError,
    NotFoundError,
    UnavailableError,
)
from ledger.events.model import ABI_EVENT, CustodyEvent, domain_separator, unhex32
from ledger.gateway.batching import SHOWS_WITNESS, choose_batch
from ledger.gateway.outbox import Outbox, StoredBatch, StoredEvent
from ledger.gateway.outcomes import admitted, outcomes_of
from ledger.gateway.payloads import PayloadStore
from ledger.gateway.schema import GATEWAY_MIGRATIONS
from ledger.gateway.store import Failpoint, Store, no_failpoint
from ledger.gateway.submission import EventStatus, Settled, SignedSubmission, Ticket
from ledger.keys.signers import Signer, recover_address
from ledger.limits import DEFAULT_LIMITS, Limits
from ledger.vocabulary import Kind

SEND_ATTEMPTS_MAX = 3        # batches abandoned in one flush because somebody else sent with our key
TX_GAS_MAX = 16_000_000      # gas limit of a batch transaction
RECEIPT_WAIT_S = 30.0

_LOG = logging.getLogger(__name__)

Listener = Callable[[Settled], None]
"""Called at least once for every event that got an outcome, in order; must bear repetition."""


def open_gateway_store(path: Path, *, failpoint: Failpoint = no_failpoint) -> Store:
    """Open or create a gateway's SQLite file.

    Raises:
        InputError: written by a newer version. InvariantError: corrupt, or the disk fails.
    """
    return Store(path, GATEWAY_MIGRATIONS, failpoint=failpoint)


class Gateway:
    """One gateway on one store and one ledger. Threads may share it, and processes its store."""

    def __init__(
        self, chain: ChainClient, deployment: Contracts, store: Store, payloads: PayloadStore, *,
        sender: Signer, clock: Callable[[], int], limits: Limits = DEFAULT_LIMITS,
        tx_gas_max: int = TX_GAS_MAX, receipt_wait_s: float = RECEIPT_WAIT_S, reference_wait_s: int = 0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Bind the gateway to its parts; nothing is sent yet.

        Args:
            chain: the engine.
            deployment: where the contracts are.
            store, payloads: of one and the same SQLite file.
            sender: the account that sends batches, admitted as gateway on the ledger.
            clock: seconds since 1970 UTC.
            limits: `batch_events_max`, `batch_gas_max`, `batch_bytes_max`.
            tx_gas_max: gas limit of a batch transaction.
            receipt_wait_s: how long one flush waits for a receipt.
            reference_wait_s: how long an event waits for one that this gateway has never seen.
            pause: waits that many seconds between two looks for a receipt.
        """
        self.chain = chain
        self.deployment = deployment
        self.payloads = payloads
        self.separator = domain_separator(chain.chain_id(), deployment.ledger)
        self._store = store
        self._outbox = Outbox(store)
        self._sender = sender
        self._clock = clock
        self._limits = limits
        self._tx_gas_max = tx_gas_max
        self._receipt_wait_s = receipt_wait_s
        self._reference_wait_s = reference_wait_s
        self._pause = pause
        self._listeners: list[Listener] = []
        self._flush_lock = threading.Lock()

    # taking events in

    def submit(self, submission: SignedSubmission) -> Ticket:
        """Take a signed event; it is on disk when this returns. An identical repeat answers the first result.

        Raises:
            InputError: not an event the contract could decode, a signature that recovers to no key, or a
                payload of another commitment.
            ConflictError: the same poster's (eventID, is it a correction) with other content, or the
                commitment of an event that somebody else signed.
        """
        return self.submit_all([submission])[0]

    def submit_all(self, submissions: Sequence[SignedSubmission]) -> list[Ticket]:
        """Take several events in one transaction: all of them, or none.

        Raises:
            InputError, ConflictError: as `submit`, for the first that is at fault.
        """
        checked = [(s, *self._check(s)) for s in submissions]
        now_s = self._clock()
        added = []
        with self._store.transaction():
            for submission, identifier, signer in checked:
                self.payloads.put(submission.payload)
                added.append(self._outbox.add(submission, identifier, signer, now_s))
        return [Ticket(self.status(identifier), repeated=not new)
                for (_, identifier, _), new in zip(checked, added, strict=True)]

    def _check(self, submission: SignedSubmission) -> tuple[bytes, bytes]:
        """Id and signer of a submission that is in order."""
        submission.custody_event.check()
        submission.payload.check()
        if not submission.epcis_event_id:
            raise InputError("a submission needs the eventID of its content.", pointer="/eventID")
        if submission.payload.commitment != submission.custody_event.commitment:
            raise InputError("the payload is not the one that the event commits to.", pointer="/payload")
        identifier = submission.event_id(self.separator)
        return identifier, recover_address(identifier, submission.signature)

    # asking

    def status(
        self, event: bytes | str, *, is_correction: bool = False, participant: int | None = None,
    ) -> EventStatus:
        """Where an event is, with its history.

        Args:
            event: the ledger's id (32 bytes, or 0x and 64 hex digits), or an EPCIS eventID.
            is_correction: with an EPCIS eventID: the correction instead of the event itself.
            participant: with an EPCIS eventID that several use: whose is meant, if it has one; else the one
                recorded earliest.

        Raises:
            NotFoundError: this gateway has never seen it.
        """
        if isinstance(event, str) and event.startswith("0x") and len(event) == 66:
            event = unhex32(event)
        found = (self._outbox.status(event) if isinstance(event, bytes)
                 else self._outbox.status_by_label(event, is_correction, participant))
        if found is None:
            raise NotFoundError("this gateway knows no such event.")
        return found

    def resolve_event(self, epcis_event_id: str, participant: int | None = None) -> bytes | None:
        """The ledger's id of the event (not a correction) with that EPCIS eventID, or None; see `status`."""
        found = self._outbox.status_by_label(epcis_event_id, False, participant)
        return None if found is None else found.event_id

    def custody_event(self, identifier: bytes) -> tuple[CustodyEvent, bytes] | None:
        """The signed event behind a ledger id and its signature, or None."""
        found = self._outbox.stored(identifier)
        return None if found is None else (found.custody_event, found.signature)

    def counts(self) -> dict[str, int]:
        """How many events are in each status."""
        return self._outbox.counts()

    def on_settled(self, listener: Listener) -> None:
        """Have a function called for every event that gets an outcome."""
        self._listeners.append(listener)

    # carrying events to the ledger

    def flush(self) -> list[Settled]:
        """Carry the queued events that wait for nothing to the ledger, batch by batch; store their outcomes.

        Safe to repeat after any fault or kill. Processes on the same store take turns.

        Returns:
            The events whose outcome became known, in the order they arrived.

        Raises:
            UnavailableError: the ledger does not answer or does not admit this gateway; events stay queued.
            TrustError: the ledger answered what cannot be true.
        """
        with self._alone():
            for batch in self._outbox.open_batches():
                self._conclude(batch, self._deliver(batch))
            abandoned_count = 0
            while events := self._next_events():
                batch = self._make_batch(events)
                if not self._conclude(batch, self._deliver(batch)):
                    abandoned_count += 1
                    if abandoned_count >= SEND_ATTEMPTS_MAX:
                        raise UnavailableError("somebody else sends transactions with this gateway's key.",
                                               remedy="Give every gateway its own key.")
            return self._announce()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the store's flush lock against other threads and processes; the system frees it if we die."""
        with self._flush_lock:
            descriptor = os.open(self._store.path.with_suffix(".flush"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    def _next_events(self) -> list[StoredEvent]:
        now_s, window = self._clock(), 2 * self._limits.batch_events_max
        while True:
            queued = self._outbox.queued(window)
            batch = choose_batch(
                queued, limits=self._limits, now_s=now_s, reference_wait_s=self._reference_wait_s,
                known=self._outbox.knows, find=self._outbox.find_queued)
            if batch.chosen or len(queued) < window:
                break
            window *= 2  # nothing but waiting events in it: they hold nobody up, so look behind them
        if batch.waiting:
            self._outbox.note_waiting(batch.waiting, now_s)
        return self._outbox.events([event.seq for event in batch.chosen])

    def _make_batch(self, events: Sequence[StoredEvent]) -> StoredBatch:
        """Sign a batch and put it on disk with its membership, before anything is sent."""
        items: list[SignedItem] = [(e.custody_event, e.signature, self._witness(e)) for e in events]
        nonce = self.chain.transaction_count(self._sender.address)
        raw = self._sender.sign_transaction(transaction_fields(
            chain_id=self.chain.chain_id(), nonce=nonce, to=self.deployment.ledger, data=encode_record(items),
            gas=self._tx_gas_max, gas_price=self.chain.gas_price()))
        self._store.failpoint("before-batch-saved")
        batch = self._outbox.save_batch(
            [e.seq for e in events], tx_hash=keccak(raw), sender=self._sender.address, nonce=nonce, raw=raw,
            head_number=self.chain.head_number(), now_s=self._clock())
        self._store.failpoint("after-batch-saved")
        return batch

    def _witness(self, event: StoredEvent) -> bytes:
        """What the event shows of the one it names: from our own records, else what its poster sent along."""
        custody_event = event.custody_event
        if custody_event.kind not in SHOWS_WITNESS:
            return event.witness
        named = self._outbox.stored(custody_event.reference)
        if named is None:
            return event.witness
        if custody_event.kind is Kind.CORRECT:
            return encode([ABI_EVENT, "bytes"], [named.custody_event.abi(), named.signature])
        return named.custody_event.encoded()

    def _deliver(self, batch: StoredBatch) -> Receipt | None:
        """Have a stored batch in a block: find it there, or send the same bytes (again).

        Returns:
            Its receipt, or None if it can never get into a block.

        Raises:
            UnavailableError: not known yet; the batch stays open.
        """
        receipt = self.chain.receipt(batch.tx_hash)
        if receipt is not None:
            return receipt
        self._store.failpoint("before-send")
        try:
            self.chain.send_raw_transaction(batch.raw)
        except ConflictError:
            # Its number was used: by this very transaction whose reply was lost, or by somebody else's.
            try:
                return wait_for_receipt(self.chain, batch.tx_hash, wait_s_max=self._receipt_wait_s,
                                        sleep=self._pause)
            except UnavailableError:
                return None
        except InputError as fault:
            note = f"the ledger does not take this gateway's transactions: {fault}"
            self._outbox.requeue(batch, "abandoned", note, self._clock())
            raise UnavailableError(note) from fault
        self._store.failpoint("after-send")
        return wait_for_receipt(self.chain, batch.tx_hash, wait_s_max=self._receipt_wait_s, sleep=self._pause)

    def _conclude(self, batch: StoredBatch, receipt: Receipt | None) -> bool:
        """Store what became of a batch. False if it never got into a block (its events are queued again).

        Sent again in another transaction, an event that did get in is answered NONCE_USED, and its first
        outcome is looked up (`outcomes_of`): nothing is recorded twice.
        """
        if receipt is None:
            note = "another transaction took the batch's place"
            self._outbox.requeue(batch, "abandoned", note, self._clock())
            return False
        events = self._outbox.batch_events(batch)
        if receipt.status == 1:
            outcomes = outcomes_of(events, receipt, self.chain, self.deployment, self._outbox.first_sent_at)
            self._store.failpoint("before-settled")
            self._outbox.settle(batch, outcomes, receipt.gas_used, self._clock())
            self._store.failpoint("after-settled")
        else:
            self._split(batch, events, receipt)
        return True

    def _split(self, batch: StoredBatch, events: Sequence[StoredEvent], receipt: Receipt) -> None:
        """A batch failed as a whole: try its halves, until the event that makes it fail stands alone."""
        note = "the batch failed as a whole"
        if not admitted(self.chain, self.deployment, self._sender.address):
            self._outbox.requeue(batch, "failed", note, self._clock())
            raise UnavailableError("the ledger does not admit this gateway.",
                                   remedy="The authority must grant it the role GATEWAY.")
        if len(events) == 1:
            self._outbox.fail_alone(batch, events[0], gas_used=receipt.gas_used, now_s=self._clock(),
                                    note="its transaction fails even alone")
            return
        self._outbox.requeue(batch, "failed", note, self._clock())
        middle = len(events) // 2
        for half in (events[:middle], events[middle:]):
            smaller = self._make_batch(half)
            if not self._conclude(smaller, self._deliver(smaller)):
                return  # queued again; the next round of flush takes it up

    def _announce(self) -> list[Settled]:
        """Tell listeners of new outcomes; durable, so that none is missed if we die in between."""
        rows = self._outbox.unannounced()
        settled = []
        for row, event in zip(rows, self._outbox.events([row["seq"] for row in rows]), strict=True):
            settled.append(Settled(
                event.event_id, event.epcis_event_id, event.is_correction, event.participant,
                event.custody_event, event.status, event.outcome or "", row["tx_hash"],
                row["block_number"] or 0))
        for item in settled:
            for listener in self._listeners:
                try:
                    listener(item)
                except InvariantError:
                    raise
                except CargoLedgerError as fault:  # what follows an outcome never holds up other outcomes
                    _LOG.warning("after event 0x%s: %s", item.event_id.hex(), fault)
        self._store.failpoint("before-announced")
        self._outbox.announced([row["seq"] for row in rows])
        return settled
