"""Carries queued events to the ledger, batch by batch, and stores their outcomes.

What goes wrong with a batch as a whole is halved until the event at fault stands alone, so that one bad event
never costs the others. Outcomes are taken only from a block that counts for ever (`finality`).
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ledger.chain.tx import AccountError
from ledger.errors import CargoLedgerError, InputError, InvariantError, UnavailableError
from ledger.events.model import domain_separator, event_id
from ledger.gateway.batching import GAS_TRANSACTION, Batch, choose_batch, event_gas
from ledger.gateway.delivery import BLOCK_SHARE, Delivery
from ledger.gateway.outbox import Outbox, StoredEvent, stored_event
from ledger.gateway.outcomes import admitted, can_find, ended, find_outcomes, outcomes_before, outcomes_of
from ledger.gateway.submission import Settled

if TYPE_CHECKING:
    from ledger.chain.client import ChainClient, Receipt
    from ledger.chain.codec import Contracts
    from ledger.gateway.batches import StoredBatch
    from ledger.gateway.finality import Finality
    from ledger.gateway.store import Store
    from ledger.limits import Limits

SEND_ATTEMPTS_MAX = 3        # batches abandoned, or lone events refused by the node, before a flush gives up
REFERENCE_LOOKS_MAX = 20     # waited-for events that one flush asks the ledger about
GAS_SPARE = 200_000          # a batch refused for its gas limit is tried with twice its estimate and this

_POST_AGAIN = "its ledger ended and another follows it: post it again, to be signed for that one"
_LOG = logging.getLogger(__name__)

Listener = Callable[[Settled], None]
"""Called at least once for every event that got an outcome, in order; must bear repetition."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How events are gathered. Times in seconds; `monotonic` is a clock for durations.

    Attributes:
        reference_wait_s: how long an event waits for one that nobody has seen.
        batch_wait_s: how long `due_in_s` lets events gather while several come at a time.
    """

    reference_wait_s: int
    batch_wait_s: float
    monotonic: Callable[[], float]


class Carrier:
    """The sending half of a gateway. Threads may share it, and processes its store."""

    def __init__(
        self, chain: ChainClient, deployment: Contracts, store: Store, *, outbox: Outbox, delivery: Delivery,
        finality: Finality, sender: bytes, clock: Callable[[], int], limits: Limits, pace: Pace,
    ) -> None:
        self.listeners: list[Listener] = []
        self._chain = chain
        self._deployment = deployment
        self._store = store
        self._outbox = outbox
        self._delivery = delivery
        self._batches = delivery.batches
        self._finality = finality
        self._sender = sender
        self._clock = clock
        self._limits = limits
        self._pace = pace
        self._gas_factor = 1.0  # what batches took beyond their estimate, at worst
        self._last_flush: tuple[float, int] = (0.0, 0)  # when it ended, how many it carried
        self._refusals = 0
        self._on_ledger: set[bytes] = set()  # waited-for events that came another way
        self._looks = 0
        self._flush_lock = threading.Lock()

    def due_in_s(self) -> float:
        """Seconds after which a flush is worth its while.

        0 for an event that comes alone, for a full batch, and when nobody waits. While several come at a time
        they gather for `batch_wait_s`: a batch costs as much as a few events.
        """
        ended, count = self._last_flush
        rest = self._pace.batch_wait_s - (self._pace.monotonic() - ended)
        if count <= 1 or rest <= 0 or self._choose(self._limits.batch_gas_max).full:
            return 0.0
        return rest

    def flush(self) -> list[Settled]:
        """Carry the queued events that wait for nothing to the ledger, batch by batch; store their outcomes.

        Safe to repeat after any fault or kill. Processes on the same store take turns. Where blocks need
        confirmations, events stay `submitted` until a later flush finds enough of them.

        Returns:
            The events whose outcome became known, in the order they arrived.

        Raises:
            UnavailableError: the ledger does not answer or does not admit this gateway; events stay queued.
            TrustError: the ledger answered what cannot be true, or took back a final block.
        """
        with self._alone():
            if self._outbox.open_count():
                self._finality.check()
                self._carry_all()
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

    def _carry_all(self) -> None:
        self._refusals = self._looks = 0
        for left in self._batches.open():
            self._finish(left)
        abandoned_count = carried_count = 0
        while True:
            gas = self._delivery.gas_max()
            batch = self._choose(gas)
            if batch.waiting:
                self._outbox.note_waiting(batch.waiting, self._clock())
            if not batch.chosen:
                break
            events = self._outbox.events([event.seq for event in batch.chosen])
            if strangers := self._of_ended_ledgers(events):
                found = self._on_any_ledger(strangers)
                if found is None:
                    break
                self._outbox.end(strangers, found, _POST_AGAIN, self._clock())
                continue
            carried_count += len(events)
            if not self._finish(self._delivery.make(events, gas, batch.gas)):
                abandoned_count += 1
                if abandoned_count >= SEND_ATTEMPTS_MAX:
                    raise UnavailableError("somebody else sends transactions with this gateway's key.",
                                           remedy="Give every gateway its own key.")
        if carried_count:
            self._last_flush = (self._pace.monotonic(), carried_count)

    def _of_ended_ledgers(self, events: Sequence[StoredEvent]) -> list[StoredEvent]:
        """Those signed for a ledger that another follows by now: a signature names its ledger."""
        if not getattr(self._deployment, "earlier", ()):
            return []
        separator = domain_separator(self._chain.chain_id(), self._deployment.ledger)
        return [event for event in events if event_id(event.custody_event, separator) != event.event_id]

    def _on_any_ledger(self, events: Sequence[StoredEvent]) -> list[tuple[int, dict[str, Any]]] | None:
        """Outcomes that events of an ended ledger have: some may have come in another way, and are no loss.

        Returns:
            As `outcomes_of`, without those that have none; None if one is in a block that is not final yet.
        """
        found, where = outcomes_before(events, self._chain.head_number(), self._chain, self._deployment,
                                       self._batches.first_sent_at)
        return None if any(self._finality.confirmations_missing(receipt) for receipt in where) else found

    def _choose(self, gas: int) -> Batch:
        """The next batch within what a transaction may use."""
        gas_max = int(min(self._limits.batch_gas_max, BLOCK_SHARE * gas) / self._gas_factor)
        now_s, window = self._clock(), 2 * self._limits.batch_events_max
        while True:
            queued = self._outbox.queued(window, now_s)
            batch = choose_batch(
                queued, limits=replace(self._limits, batch_gas_max=gas_max), now_s=now_s,
                reference_wait_s=self._pace.reference_wait_s, known=self._knows,
                find=self._outbox.find_queued)
            if batch.chosen or len(queued) < window:
                return batch
            window *= 2  # nothing but waiting events in it: they hold nobody up, so look behind them

    def _knows(self, identifier: bytes) -> bool:
        """Whether an event was seen here, or came to the ledger another way (where the node tells)."""
        if identifier in self._on_ledger or self._outbox.knows(identifier):
            return True
        self._looks += 1
        if not can_find(self._chain) or self._looks > REFERENCE_LOOKS_MAX:
            return False
        head_number = self._chain.head_number()
        self._on_ledger |= set(find_outcomes({identifier}, head_number, self._chain, self._deployment))
        return identifier in self._on_ledger

    def _finish(self, batch: StoredBatch) -> bool:
        """Have a stored batch in a block and store what became of it.

        Returns:
            False if it can never get into a block (its events are queued again).
        """
        try:
            receipt = self._delivery.deliver(batch)
        except AccountError as fault:
            note = f"the ledger does not take this gateway's transactions: {fault}"
            self._batches.requeue(batch, "abandoned", note, self._clock())
            raise UnavailableError(note) from fault
        except InputError as fault:
            self._refused(batch, fault)
            return True
        if receipt is None:
            note = "another transaction took the batch's place"
            self._batches.requeue(batch, "abandoned", note, self._clock())
            return False
        self._refusals = 0
        self._conclude(batch, receipt)
        return True

    def _refused(self, batch: StoredBatch, fault: InputError) -> None:
        """The node takes no such transaction: try its halves; what is refused even alone is set aside."""
        events, note = self._batches.events(batch), f"the node does not take its transaction: {fault.message}"
        self._batches.requeue(batch, "abandoned", note, self._clock())
        if len(events) > 1:
            self._halve(events, spare_gas=True)
            return
        self._outbox.set_aside(events[0], note, self._clock())
        self._refusals += 1
        if self._refusals >= SEND_ATTEMPTS_MAX:
            raise UnavailableError(note, remedy="Several events were refused one by one: it may be the "
                                                "node or a setting; see tx_gas_max and chain_id.") from fault

    def _conclude(self, batch: StoredBatch, receipt: Receipt) -> None:
        """Store what a batch's receipt says, once its block counts.

        Sent again in another transaction, an event that did get in is answered NONCE_USED, and its first
        outcome is looked up (`outcomes_of`): nothing is recorded twice.
        """
        events = self._batches.events(batch)
        if receipt.status != 1 and not self._worth_a_verdict(batch, events):
            return
        missing = self._finality.confirmations_missing(receipt)
        if missing:
            self._batches.included(batch, receipt, f"in block {receipt.block_number}, which counts after "
                                                   f"{missing} more", self._clock())
            return
        header = self._finality.accept(receipt)
        if receipt.status != 1:
            over = self._of_ended_ledgers(events) or ended(self._chain, self._deployment)
            found = self._on_any_ledger(events) if over else []
            if found is None:
                return
            with self._store.transaction():
                self._finality.remember(header)
                self._batches.fail_alone(batch, events[0], receipt=receipt, now_s=self._clock(),
                                         note="its transaction fails even alone")
                if over:
                    self._outbox.end(events, found, _POST_AGAIN, self._clock())
            return
        if batch.gas_estimated:
            self._gas_factor = max(self._gas_factor, receipt.gas_used / batch.gas_estimated)
        outcomes = outcomes_of(events, receipt, header, chain=self._chain, deployment=self._deployment,
                               first_sent=self._batches.first_sent_at)
        self._store.failpoint("before-settled")
        with self._store.transaction():
            self._finality.remember(header)
            self._batches.settle(batch, outcomes, receipt, self._clock())
        self._store.failpoint("after-settled")

    def _worth_a_verdict(self, batch: StoredBatch, events: Sequence[StoredEvent]) -> bool:
        """Whether a failed batch was one event; else its halves are tried, until the culprit is alone."""
        if not admitted(self._chain, self._deployment, self._sender):
            self._batches.requeue(batch, "failed", "the ledger does not admit this gateway", self._clock())
            raise UnavailableError("the ledger does not admit this gateway.",
                                   remedy="The authority must grant it the role GATEWAY.")
        if len(events) == 1:
            return True
        self._batches.requeue(batch, "failed", "the batch failed as a whole", self._clock())
        self._halve(events)
        return False

    def _halve(self, events: Sequence[StoredEvent], *, spare_gas: bool = False) -> None:
        """Carry the halves of a batch that did not pass.

        Args:
            spare_gas: ask for no more gas than twice the estimate: the node may have a limit of its own.
        """
        middle = len(events) // 2
        for half in (events[:middle], events[middle:]):
            queued = [self._outbox.find_queued(event.event_id) for event in half]
            estimated = GAS_TRANSACTION + sum(event_gas(event) for event in queued if event is not None)
            gas = self._delivery.gas_max()
            if spare_gas:
                gas = min(gas, 2 * estimated + GAS_SPARE)
            if not self._finish(self._delivery.make(half, gas, estimated)):
                return  # queued again; the next round of flush takes it up

    def _announce(self) -> list[Settled]:
        """Tell listeners of new outcomes; durable, so that none is missed if we die in between."""
        rows = self._batches.unannounced()
        settled = []
        for row in rows:
            event = stored_event(row)
            settled.append(Settled(
                event.event_id, event.epcis_event_id, event.is_correction, event.participant,
                event.custody_event, event.status, event.outcome or "", row["tx_hash"],
                row["block_number"] or 0))
        for item in settled:
            for listener in self.listeners:
                try:
                    listener(item)
                except InvariantError:
                    raise
                except CargoLedgerError as fault:  # what follows an outcome never holds up other outcomes
                    _LOG.warning("what follows an event failed", extra={
                        "event": "0x" + item.event_id.hex(), "code": fault.code, "fault": fault.message})
        self._store.failpoint("before-announced")
        self._batches.announced([row["seq"] for row in rows])
        return settled
