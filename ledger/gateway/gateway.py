"""The gateway: takes signed events, keeps them, carries them to the ledger in batches, keeps their outcomes.

It has no rights over content: every event is signed by its poster, and the ledger recovers who that is.
What it promises: an event is on disk before it is acknowledged; a batch is on disk before it is sent;
every event gets one outcome, whatever dies in between, and only from a block that counts for ever. `carrier`
has the sending half, with `batching` (what goes next), `delivery` (into a block) and `finality` (for ever).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ledger.chain.client import ChainClient
from ledger.chain.codec import Contracts
from ledger.errors import InputError, NotFoundError
from ledger.events.model import CustodyEvent, domain_separator, unhex32
from ledger.gateway.carrier import Carrier, Listener, Pace
from ledger.gateway.delivery import Delivery
from ledger.gateway.finality import Finality
from ledger.gateway.outbox import Outbox
from ledger.gateway.payloads import PayloadStore
from ledger.gateway.schema import GATEWAY_MIGRATIONS
from ledger.gateway.store import Failpoint, Store, no_failpoint
from ledger.gateway.submission import EventStatus, Settled, SignedSubmission, Ticket
from ledger.keys.signers import Signer, recover_address
from ledger.limits import DEFAULT_LIMITS, Limits

TX_GAS_MAX = 16_000_000      # gas limit of a batch transaction
RECEIPT_WAIT_S = 30.0


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
        confirmations: int = 0, batch_wait_s: float = 0.0, pause: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Bind the gateway to its parts; nothing is sent yet.

        Args:
            chain: the engine.
            deployment: where the contracts are.
            store, payloads: of one and the same SQLite file.
            sender: the account that sends batches, admitted as gateway on the ledger.
            clock: seconds since 1970 UTC.
            limits: `batch_events_max`, `batch_gas_max`, `batch_bytes_max`, `outbox_events_max`,
                `late_after_s`.
            tx_gas_max: gas limit of a batch transaction.
            receipt_wait_s: how long one flush waits for a receipt.
            reference_wait_s: how long an event waits for one that nobody has seen.
            confirmations: blocks on a block before its outcomes count; 0 with instant finality.
            batch_wait_s: how long `due_in_s` lets events gather while several come at a time.
            pause: waits that many seconds between two looks for a receipt.
            monotonic: a clock for durations, in seconds.
        """
        self.chain = chain
        self.deployment = deployment
        self.payloads = payloads
        self.separator = domain_separator(chain.chain_id(), deployment.ledger)
        self._store = store
        self._outbox = Outbox(store, events_max=limits.outbox_events_max, late_after_s=limits.late_after_s)
        self._clock = clock
        delivery = Delivery(
            chain, deployment, store, self._outbox, sender, clock=clock, tx_gas_max=tx_gas_max,
            receipt_wait_s=receipt_wait_s, pause=pause)
        self._carrier = Carrier(
            chain, deployment, store, outbox=self._outbox, delivery=delivery,
            finality=Finality(chain, store, confirmations=confirmations, clock=clock),
            sender=sender.address, clock=clock, limits=limits,
            pace=Pace(reference_wait_s, batch_wait_s, monotonic))

    # taking events in

    def submit(self, submission: SignedSubmission) -> Ticket:
        """Take a signed event; it is on disk when this returns. An identical repeat answers the first result.

        Raises:
            InputError: not an event the contract could decode, a signature that recovers to no key, or a
                payload of another commitment.
            ConflictError: the same poster's (eventID, is it a correction) with other content, or the
                commitment of an event that somebody else signed.
            FullError: too many events have no outcome yet; nothing was taken, a repeat is answered even so.
        """
        return self.submit_all([submission])[0]

    def submit_all(self, submissions: Sequence[SignedSubmission]) -> list[Ticket]:
        """Take several events in one transaction: all of them, or none.

        Raises:
            InputError, ConflictError, FullError: as `submit`, for the first that is at fault.
        """
        checked = [(s, *self._check(s)) for s in submissions]
        now_s = self._clock()
        added = []
        with self._store.transaction() as sql:
            for submission, identifier, signer in checked:
                self.payloads.put(submission.payload)
                added.append(self._outbox.add(submission, identifier, signer, now_s))
            if any(added):
                self._outbox.check_room(sql)
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
        """The ledger's id of the event (not a correction) with that EPCIS eventID, or None.

        Args:
            participant: who asks: its own event is meant, or else one that names it as counterparty; see
                `Outbox.status_by_label`.
        """
        found = self._outbox.status_by_label(epcis_event_id, False, participant)
        return None if found is None else found.event_id

    def custody_event(self, identifier: bytes) -> tuple[CustodyEvent, bytes] | None:
        """The signed event behind a ledger id and its signature, or None."""
        found = self._outbox.stored(identifier)
        return None if found is None else (found.custody_event, found.signature)

    def counts(self) -> dict[str, int]:
        """How many events are in each status."""
        return self._outbox.counts()

    def open_count(self) -> int:
        """How many events have no outcome yet."""
        return self._outbox.open_count()

    def on_settled(self, listener: Listener) -> None:
        """Have a function called for every event that gets an outcome."""
        self._carrier.listeners.append(listener)

    # carrying events to the ledger

    def due_in_s(self) -> float:
        """Seconds after which a flush is worth its while; see `Carrier.due_in_s`."""
        return self._carrier.due_in_s()

    def flush(self) -> list[Settled]:
        """Carry what is queued to the ledger and store outcomes; see `Carrier.flush`."""
        return self._carrier.flush()
