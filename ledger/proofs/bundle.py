"""Making the file that proves one event: the write side of `ledger.proofs.verify`.

Asks a chain client for blocks, call data and state. What is made here is verified by its reader, who trusts
neither this code nor that chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ledger.chain.client import ChainClient, Receipt
from ledger.chain.codec import Contracts, decode_logs, decode_record
from ledger.chain.facts import EventNotTaken, EventOutcome, Fact, LineDeclared
from ledger.errors import InputError, NotFoundError, TrustError, UnavailableError
from ledger.events.model import CustodyEvent, domain_separator, event_id
from ledger.limits import DEFAULT_LIMITS
from ledger.proofs.bundle_format import EventBundle, FieldsOpening, UnitHistory, WholeOpening
from ledger.proofs.checkpoint import Checkpoint, CheckpointKey, verify_checkpoint
from ledger.proofs.receipts import prove
from ledger.proofs.signature import recover_signer
from ledger.proofs.verify import head_slot
from ledger.vocabulary import CITES_LINE

HistoryEntries = Sequence[tuple[bytes, int]]


def build_event_bundle(
    chain: ChainClient, contracts: Contracts, identifier: bytes, block_number: int, *, note: str,
    key: CheckpointKey, opening: WholeOpening | FieldsOpening | None = None, unit: bytes | None = None,
    history: HistoryEntries | None = None, first_block: int = 0,
) -> EventBundle:
    """The proof of one event.

    Args:
        chain: where the blocks are.
        contracts: the deployment.
        identifier: the event's id.
        block_number: the block with its outcome.
        note: a checkpoint of that block or a later one.
        key: whose note it must be.
        opening: what of the content to show.
        unit: a unit or line that the event names, to show its whole history.
        history: (event id, outcome) of everything that named the unit up to the checkpointed block, from an
            index; without it the blocks from `first_block` on are read.

    Raises:
        NotFoundError: the block has no outcome of this event.
        InputError: the checkpoint lies before the event.
        TrustError: the note does not verify, or the chain contradicts itself.
        UnavailableError: the chain does not answer.
    """
    checkpoint = verify_checkpoint(note, key)
    if checkpoint.block_number < block_number:
        raise InputError(
            f"the checkpoint is of block {checkpoint.block_number}, the event in block {block_number}.",
            remedy="Sign a new checkpoint first.")
    receipts = chain.receipts(block_number)
    receipt, outcome = _find(receipts, contracts, identifier, block_number)
    chain_id = chain.chain_id()
    separator = domain_separator(chain_id, contracts.ledger)
    signature, witness = _sent(chain, receipt, outcome, separator)
    return EventBundle(
        chain_id=chain_id, ledger=contracts.ledger, event_id=identifier,
        custody_event=outcome.event.to_json(), signature=signature, witness=witness,
        transaction_index=receipt.tx_index, receipt_nodes=tuple(prove(receipts, receipt.tx_index)),
        log_index=outcome.log_index - receipt.logs[0].index,
        headers=_headers(chain, block_number, checkpoint), checkpoint=note, opening=opening,
        unit=None if unit is None else _unit_history(
            chain, contracts, unit, checkpoint.block_number, history=history, first_block=first_block))


def collect_history(
    chain: ChainClient, contracts: Contracts, unit: bytes, last_block: int, first_block: int = 0,
) -> list[tuple[bytes, int]]:
    """(event id, outcome) of everything that named a unit or line, read from the blocks themselves.

    Slow where there are many blocks; an index knows it at once. The rule which outcomes move a head is the
    contract's: all units in well-formed lines, and, of kinds that cite a line, the one in `reference` once
    it is declared.
    """
    entries: list[tuple[bytes, int]] = []
    declared = False
    for number in range(first_block, last_block + 1):
        for receipt in chain.receipts(number):
            for outcome, changes in _groups(decode_logs(receipt, contracts)):
                declared = declared or any(isinstance(c, LineDeclared) and c.line == unit for c in changes)
                if _names(outcome.event, unit, declared=declared):
                    entries.append((outcome.event_id, int(outcome.outcome)))
    return entries


def _groups(facts: Sequence[Fact]) -> list[tuple[EventOutcome, list[Fact]]]:
    """Each outcome with the changes that follow it."""
    groups: list[tuple[EventOutcome, list[Fact]]] = []
    open_group = False
    for fact in facts:
        if isinstance(fact, EventOutcome):
            groups.append((fact, []))
            open_group = True
        elif isinstance(fact, EventNotTaken):
            open_group = False
        elif open_group:
            groups[-1][1].append(fact)
    return groups


def _names(event: CustodyEvent, unit: bytes, *, declared: bool) -> bool:
    units = [line.unit for line in event.lines]
    ascending = all(before < after for before, after in pairwise(units))
    if not ascending or len(units) > DEFAULT_LIMITS.lines_max:
        return False  # refused for its form: it moves no head
    return unit in units or (declared and event.kind in CITES_LINE and event.reference == unit)


def _find(
    receipts: Sequence[Receipt], contracts: Contracts, identifier: bytes, block_number: int,
) -> tuple[Receipt, EventOutcome]:
    for receipt in receipts:
        for fact in decode_logs(receipt, contracts):
            if isinstance(fact, EventOutcome) and fact.event_id == identifier:
                return receipt, fact
    raise NotFoundError(f"block {block_number} has no outcome of event 0x{identifier.hex()}.")


def _sent(
    chain: ChainClient, receipt: Receipt, outcome: EventOutcome, separator: bytes,
) -> tuple[bytes, bytes]:
    """Signature and witness as they were sent. A batch may hold an event twice, once with a bad signature."""
    data = chain.transaction_input(receipt.tx_hash)
    if data is None:
        raise UnavailableError(f"the node has lost the call data of transaction 0x{receipt.tx_hash.hex()}.")
    for event, signature, witness in decode_record(data):
        if event_id(event, separator) == outcome.event_id:
            try:
                if recover_signer(outcome.event_id, signature) == outcome.signer:
                    return signature, witness
            except TrustError:
                continue
    raise TrustError(f"transaction 0x{receipt.tx_hash.hex()} does not carry the event of its outcome.")


def _headers(chain: ChainClient, first: int, checkpoint: Checkpoint) -> tuple[bytes, ...]:
    headers = [chain.header(number) for number in range(first, checkpoint.block_number + 1)]
    found = [header for header in headers if header is not None]
    if len(found) != len(headers) or found[-1].hash != checkpoint.block_hash:
        raise TrustError(f"the chain does not have the checkpointed block {checkpoint.block_number}.")
    return tuple(header.rlp for header in found)


def _unit_history(
    chain: ChainClient, contracts: Contracts, unit: bytes, number: int, *, history: HistoryEntries | None,
    first_block: int,
) -> UnitHistory:
    if history is None:
        history = collect_history(chain, contracts, unit, number, first_block)
    proof = chain.storage_proof(contracts.ledger, head_slot(unit), number)
    return UnitHistory(unit, tuple(history), proof.account_nodes, proof.storage_nodes)
