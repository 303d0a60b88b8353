"""Outcomes of a batch, read from its receipt; and of events that got in by another way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_hash.auto import keccak

from ledger.chain.client import ChainClient, Header, Receipt
from ledger.chain.codec import (
    LOG_SIGNATURES,
    Contracts,
    call_data,
    encode_record,
)
from ledger.chain.outcome_codec import outcome_and_participant
from ledger.errors import InputError, TrustError, UnavailableError
from ledger.gateway.outbox import StoredEvent
from ledger.gateway.submission import status_of
from ledger.vocabulary import Outcome

OUTCOME_TOPIC, NOT_TAKEN_TOPIC = (
    bytes(keccak(next(s for s in LOG_SIGNATURES if s.startswith(name)).encode()))
    for name in ("EventOutcome(", "EventNotTaken("))
_CODES = frozenset(Outcome)
LOOK_BACK_BLOCKS = 1_000        # searched on a node that cannot look logs up
LOOK_BACK_BLOCKS_MAX = 10_000   # at most, where a batch of our own was abandoned long ago

FirstSent = Callable[[Sequence[int]], int | None]
"""The chain's head when the first batch with any of these events was made."""

@dataclass(frozen=True, slots=True)
class _Fact:
    """What the ledger said of an event; `participant` is None where it did not take it."""

    code: Outcome
    participant: int | None
    log_index: int


_Earlier = tuple[_Fact, Receipt, int]
"""An outcome, the receipt it stands in, the time of its block in seconds."""


def outcomes_of(
    events: Sequence[StoredEvent], receipt: Receipt, header: Header, *, chain: ChainClient,
    deployment: Contracts, first_sent: FirstSent,
) -> list[tuple[int, dict[str, Any]]]:
    """The outcome of every event of a batch, as columns of the outbox.

    NONCE_USED may mean that this very event was recorded before: by a batch whose reply was lost, or through
    another gateway. Then its first outcome is the one that counts.

    Raises:
        TrustError: the receipt says nothing about an event of the batch.
    """
    facts = _facts(receipt, deployment)
    for event in events:
        if event.event_id not in facts:
            raise TrustError(f"block {receipt.block_number} says nothing about the event "
                             f"0x{event.event_id.hex()}, which was in its batch.")
    used = [event for event in events if _nonce_used(facts[event.event_id])]
    earlier = find_outcomes({e.event_id for e in used}, receipt.block_number, chain, deployment,
                            first_sent([e.seq for e in used])) if used else {}
    found = []
    for event in events:
        fact, where, time_s = earlier.get(event.event_id,
                                          (facts[event.event_id], receipt, header.timestamp))
        note = ""
        if event.event_id in earlier:
            note = f"it was in block {where.block_number} already"
        elif _nonce_used(fact):
            note = "another event of this signer has its number"
        found.append((event.seq, _columns(event, fact, where, time_s, note)))
    return found


def _facts(receipt: Receipt, deployment: Contracts) -> dict[bytes, _Fact]:
    """Outcomes by event id, from topic and first word alone: the event in the log is ours already.

    Raises:
        TrustError: a log of ours that cannot be read.
    """
    found = {}
    ledgers = _ledgers(deployment)
    for log in receipt.logs:
        if log.address not in ledgers or log.topics[:1] not in ((OUTCOME_TOPIC,), (NOT_TAKEN_TOPIC,)):
            continue
        taken = log.topics[0] == OUTCOME_TOPIC
        first = int.from_bytes(log.data[:32], "big")
        number, participant = outcome_and_participant(first) if taken else (first, None)
        if len(log.topics) != 2 or number not in _CODES:
            raise TrustError(f"log {log.index} of block {receipt.block_number} cannot be read.")
        found[log.topics[1]] = _Fact(Outcome(number), participant, log.index)
    return found


def _ledgers(deployment: Contracts) -> tuple[bytes, ...]:
    """Every ledger that an event of ours may be on: before a succession it went to one that ended."""
    found: tuple[bytes, ...] = getattr(deployment, "ledgers", (deployment.ledger,))
    return found


def _nonce_used(fact: _Fact) -> bool:
    return fact.participant is None and fact.code is Outcome.NONCE_USED


def _columns(event: StoredEvent, fact: _Fact, where: Receipt, time_s: int, note: str) -> dict[str, Any]:
    return {
        "status": status_of(fact.code), "outcome": fact.code.name, "tx_hash": where.tx_hash,
        "block_number": where.block_number, "block_hash": where.block_hash, "block_time_s": time_s,
        "log_index": fact.log_index, "note": note,
        "participant": event.participant if fact.participant is None else fact.participant,
    }


def outcomes_before(
    events: Sequence[StoredEvent], high: int, chain: ChainClient, deployment: Contracts,
    first_sent: FirstSent,
) -> tuple[list[tuple[int, dict[str, Any]]], list[Receipt]]:
    """Outcomes that events have already, up to block `high`: by a batch whose reply was lost, or through
    another gateway.

    Returns:
        Their columns of the outbox (see `outcomes_of`), and the receipts that they stand in.
    """
    found = find_outcomes({e.event_id for e in events}, high, chain, deployment,
                          first_sent([e.seq for e in events]))
    known = [(event, *found[event.event_id]) for event in events if event.event_id in found]
    return [(event.seq, _columns(event, fact, where, time_s, f"it was in block {where.block_number} already"))
            for event, fact, where, time_s in known], [where for _, _, where, _ in known]


def find_outcomes(
    wanted: set[bytes], high: int, chain: ChainClient, deployment: Contracts, first_sent: int | None = None,
) -> dict[bytes, _Earlier]:
    """Outcomes that events have on the ledger, or on one that ended before it, up to block `high`.

    A node that can look logs up is asked once for all of them, over the whole chain. Elsewhere the last
    blocks are read, one pass over a bounded number, so that posting used nonces on purpose stops nobody.
    """
    if can_find(chain):
        with suppress(UnavailableError, InputError):  # too wide a question for this node, or none it takes
            return _search(wanted, _blocks_with(wanted, high, chain, deployment), chain, deployment)
    low = max(min(high - LOOK_BACK_BLOCKS, high if first_sent is None else first_sent),
              high - LOOK_BACK_BLOCKS_MAX)
    return _search(wanted, range(high, max(low, 0) - 1, -1), chain, deployment)


def can_find(chain: ChainClient) -> bool:
    """Whether a chain can tell where an event is without being read block by block."""
    return hasattr(chain, "blocks_with_log") or hasattr(chain, "logs")


def _blocks_with(wanted: set[bytes], high: int, chain: Any, deployment: Contracts) -> list[int]:
    """Numbers of the blocks with outcomes of these events, by the index of node or embedded ledger."""
    first = getattr(deployment, "block_number", 0)
    if hasattr(chain, "blocks_with_log"):
        topics = [[OUTCOME_TOPIC], sorted(wanted)]
        return sorted({number for ledger in _ledgers(deployment)
                       for number in chain.blocks_with_log(ledger, topics, first, high)})
    from ledger.chain.embedded.log_index import LogFilter  # only where that engine is in use already

    asked = LogFilter(frozenset(_ledgers(deployment)), (frozenset({OUTCOME_TOPIC}), frozenset(wanted)))
    return sorted({log.block.number for log in chain.logs(asked, first, high, len(wanted) + 1)})


def _search(
    wanted: set[bytes], numbers: Iterable[int], chain: ChainClient, deployment: Contracts,
) -> dict[bytes, _Earlier]:
    found: dict[bytes, _Earlier] = {}
    for number in numbers:
        for receipt in chain.receipts(number):
            for event_id, fact in _facts(receipt, deployment).items():
                if event_id in wanted and fact.participant is not None:
                    header = chain.header(number)
                    found[event_id] = (fact, receipt, header.timestamp if header else 0)
        if len(found) == len(wanted):
            break
    return found


def ended(chain: ChainClient, deployment: Contracts) -> bool:
    """Whether the ledger takes no more events, since another follows it."""
    try:
        return any(chain.call(deployment.ledger, call_data("successor()")))
    except InputError:
        return False  # a ledger without succession


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
