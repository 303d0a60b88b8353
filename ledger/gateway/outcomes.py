"""Outcomes of a batch, read from its receipt; and of events that got in by another way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import decode

from ledger.chain.client import ChainClient, Receipt
from ledger.chain.codec import Contracts, call_data, decode_logs, encode_record
from ledger.chain.facts import EventNotTaken, EventOutcome
from ledger.errors import InputError, TrustError
from ledger.gateway.outbox import StoredEvent
from ledger.gateway.submission import status_of
from ledger.vocabulary import Outcome

LOOK_BACK_BLOCKS_MAX = 10_000  # where an outcome from another batch is looked for


def outcomes_of(
    events: Sequence[StoredEvent], receipt: Receipt, chain: ChainClient, deployment: Contracts,
) -> list[tuple[int, dict[str, Any]]]:
    """The outcome of every event of a batch, as columns of the outbox.

    NONCE_USED may mean that this very event was recorded before: by a batch whose reply was lost, or
    through another gateway. Then its first outcome is the one that counts.

    Raises:
        TrustError: the receipt says nothing about an event of the batch.
    """
    facts = {fact.event_id: fact for fact in decode_logs(receipt, deployment)
             if isinstance(fact, EventOutcome | EventNotTaken)}
    result = []
    for event in events:
        fact: EventOutcome | EventNotTaken | None = facts.get(event.event_id)
        where = receipt
        if fact is None:
            raise TrustError(f"block {receipt.block_number} says nothing about the event "
                             f"0x{event.event_id.hex()}, which was in its batch.")
        if isinstance(fact, EventNotTaken) and fact.code is Outcome.NONCE_USED:
            earlier = _earlier(event.event_id, receipt.block_number, chain, deployment)
            if earlier is not None:
                fact, where = earlier
        result.append((event.seq, _columns(event, fact, where)))
    return result


def _columns(event: StoredEvent, fact: EventOutcome | EventNotTaken, where: Receipt) -> dict[str, Any]:
    taken = isinstance(fact, EventOutcome)
    outcome = fact.outcome if isinstance(fact, EventOutcome) else fact.code
    return {
        "status": status_of(outcome), "outcome": outcome.name, "tx_hash": where.tx_hash,
        "block_number": where.block_number, "block_hash": where.block_hash, "log_index": fact.log_index,
        "participant": fact.participant if isinstance(fact, EventOutcome) and taken else event.participant,
    }


def _earlier(
    event_id: bytes, before: int, chain: ChainClient, deployment: Contracts,
) -> tuple[EventOutcome, Receipt] | None:
    for number in range(before, max(-1, before - LOOK_BACK_BLOCKS_MAX), -1):
        for receipt in chain.receipts(number):
            for fact in decode_logs(receipt, deployment):
                if isinstance(fact, EventOutcome) and fact.event_id == event_id:
                    return fact, receipt
    return None


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
