"""Outcomes of a batch, read from its receipt; and of events that got in by another way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from eth_abi.abi import decode

from ledger.chain.client import ChainClient, Receipt
from ledger.chain.codec import Contracts, call_data, decode_logs, encode_record
from ledger.chain.facts import EventNotTaken, EventOutcome
from ledger.errors import InputError, TrustError
from ledger.gateway.outbox import StoredEvent
from ledger.gateway.submission import status_of
from ledger.vocabulary import Outcome

LOOK_BACK_BLOCKS = 256          # where an outcome that came through another gateway is looked for
LOOK_BACK_BLOCKS_MAX = 10_000   # at most, where a batch of our own was abandoned long ago

FirstSent = Callable[[Sequence[int]], int | None]
"""The chain's head when the first batch with any of these events was made."""


def outcomes_of(
    events: Sequence[StoredEvent], receipt: Receipt, chain: ChainClient, deployment: Contracts,
    first_sent: FirstSent,
) -> list[tuple[int, dict[str, Any]]]:
    """The outcome of every event of a batch, as columns of the outbox.

    NONCE_USED may mean that this very event was recorded before: by a batch whose reply was lost, or through
    another gateway. Then its first outcome is the one that counts. The search is one pass over a bounded
    number of blocks, so that posting used nonces on purpose stops nobody.

    Raises:
        TrustError: the receipt says nothing about an event of the batch.
    """
    facts = {fact.event_id: fact for fact in decode_logs(receipt, deployment)
             if isinstance(fact, EventOutcome | EventNotTaken)}
    for event in events:
        if event.event_id not in facts:
            raise TrustError(f"block {receipt.block_number} says nothing about the event "
                             f"0x{event.event_id.hex()}, which was in its batch.")
    used = [event for event in events if _nonce_used(facts[event.event_id])]
    earlier: dict[bytes, tuple[EventOutcome, Receipt]] = {}
    if used:
        high = receipt.block_number
        sent = first_sent([e.seq for e in used])
        low = max(min(high - LOOK_BACK_BLOCKS, high if sent is None else sent), high - LOOK_BACK_BLOCKS_MAX)
        earlier = _search({e.event_id for e in used}, range(high, max(low, 0) - 1, -1), chain, deployment)
    return [(event.seq, _columns(event, *earlier.get(event.event_id, (facts[event.event_id], receipt))))
            for event in events]


def _nonce_used(fact: EventOutcome | EventNotTaken) -> bool:
    return isinstance(fact, EventNotTaken) and fact.code is Outcome.NONCE_USED


def _columns(event: StoredEvent, fact: EventOutcome | EventNotTaken, where: Receipt) -> dict[str, Any]:
    outcome = fact.outcome if isinstance(fact, EventOutcome) else fact.code
    return {
        "status": status_of(outcome), "outcome": outcome.name, "tx_hash": where.tx_hash,
        "block_number": where.block_number, "block_hash": where.block_hash, "log_index": fact.log_index,
        "participant": fact.participant if isinstance(fact, EventOutcome) else event.participant,
    }


def _search(
    wanted: set[bytes], numbers: Iterable[int], chain: ChainClient, deployment: Contracts,
) -> dict[bytes, tuple[EventOutcome, Receipt]]:
    found: dict[bytes, tuple[EventOutcome, Receipt]] = {}
    for number in numbers:
        for receipt in chain.receipts(number):
            for fact in decode_logs(receipt, deployment):
                if isinstance(fact, EventOutcome) and fact.event_id in wanted:
                    found[fact.event_id] = (fact, receipt)
        if len(found) == len(wanted):
            break
    return found


def admitted(chain: ChainClient, deployment: Contracts, sender: bytes) -> bool:
    """Whether the ledger takes batches from this account, by its access manager or by an empty batch."""
    record = encode_record([])
    manager = getattr(deployment, "manager", None)
    if isinstance(manager, bytes):
        answer = chain.call(manager, call_data("canCall(address,address,bytes4)", sender, deployment.ledger,
                                               record[:4]))
        return bool(decode(["bool", "uint32"], answer)[0])
    try:
        chain.call(deployment.ledger, record, sender)
    except InputError:
        return False
    return True
