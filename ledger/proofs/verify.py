"""What an event's proof proves, step by step, to somebody who trusts a name and a key and nothing else.

Pure: no chain, no clock, no files. `verify_bundle` returns a report of what holds, or raises ProofError at
the first step that does not. A part that the file does not carry is reported as not shown, never as verified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import rlp
from eth_hash.auto import keccak
from rlp.exceptions import RLPException

from ledger.chain.client import Header, Log
from ledger.chain.codec import decode_corrected, decode_event, decode_log
from ledger.chain.facts import EventOutcome
from ledger.chain.header import decode_header, state_root
from ledger.errors import InputError, TrustError
from ledger.events.model import CustodyEvent, domain_separator, event_id, fold_head
from ledger.proofs.bundle_format import (
    EventBundle,
    FieldsOpening,
    ProofError,
    UnitHistory,
    WholeOpening,
)
from ledger.proofs.checkpoint import Checkpoint, CheckpointKey, verify_checkpoint
from ledger.proofs.commitment import verify_event, verify_field
from ledger.proofs.receipts import verify_receipt
from ledger.proofs.signature import recover_signer
from ledger.proofs.tries import value_in_proof
from ledger.vocabulary import Kind

HEADS_SLOT = 7
"""Storage slot of the mapping of heads in CustodyLedger; a test reads it through the contract itself."""

VERIFIED, NOT_SHOWN = "verified", "not shown"
_FORMAT = "cargoledger-trust-1"


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """What a verifier must know from elsewhere: which ledger, and whose checkpoints are believed."""

    chain_id: int
    ledger: bytes
    checkpoint_key: CheckpointKey

    def to_json(self) -> dict[str, Any]:
        """The trust root as JSON values, for publishing."""
        return {"format": _FORMAT, "chainId": self.chain_id, "ledger": "0x" + self.ledger.hex(),
                "checkpointKey": self.checkpoint_key.to_text()}

    @classmethod
    def from_json(cls, value: Any) -> TrustRoot:
        """Read what `to_json` wrote.

        Raises:
            InputError: malformed.
        """
        try:
            if value["format"] != _FORMAT:
                raise InputError(f"the trust root has format {value['format']!r}, not {_FORMAT!r}.")
            ledger = bytes.fromhex(value["ledger"].removeprefix("0x"))
            if len(ledger) != 20:
                raise InputError("the ledger's address has 20 bytes.")
            return cls(int(value["chainId"]), ledger, CheckpointKey.from_text(value["checkpointKey"]))
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise InputError(f"the trust root is malformed: {fault!r}.") from fault


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the verification: number, name, `verified` or `not shown`, and what it says."""

    number: int
    name: str
    verdict: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a proof shows.

    Attributes:
        steps: in order of checking.
        outcome: the proven outcome with the signed event.
        block: header of the block that the event is in.
        checkpoint: what the operator signed.
    """

    steps: tuple[Step, ...]
    outcome: EventOutcome
    block: Header
    checkpoint: Checkpoint

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "eventId": "0x" + self.outcome.event_id.hex(), "outcome": self.outcome.outcome.name,
            "participant": self.outcome.participant, "signer": "0x" + self.outcome.signer.hex(),
            "blockNumber": self.block.number, "blockTime": self.block.timestamp,
            "checkpointBlock": self.checkpoint.block_number,
            "steps": [{"number": s.number, "name": s.name, "verdict": s.verdict, "detail": s.detail}
                      for s in self.steps]}


def verify_bundle(bundle: EventBundle, trust: TrustRoot) -> Report:
    """Check a proof against a trust root.

    0. trust: the proof is about the pinned ledger.
    1. checkpoint: signed by the pinned key under the pinned name.
    2. headers: from the event's block each follows the one before, up to the checkpointed hash.
    3. receipt: the transaction's receipt is in the block's receipts root, and succeeded.
    4. outcome: the log is the pinned ledger's EventOutcome for this event id with this content.
    5. event: the event id is the EIP-712 digest of the content under the ledger's domain.
    6. signature: the key that the outcome names made it.
    7. witness: what APPROVE, DENY or CORRECT showed is the event it refers to; not shown if absent.
    8. content: the payload, or the shown fields, open the signed commitment; not shown if absent.
    9. unit: the history folds to the head that stands in the checkpointed state; not shown if absent.

    That the key belonged to the participant at that time is the contract's finding: it is in the outcome.

    Raises:
        ProofError: the first step that does not hold; `step` names it.
    """
    steps = _Steps()
    steps.run("trust", lambda: _check_trust(bundle, trust))
    checkpoint: Checkpoint = steps.run("checkpoint", lambda: _checkpoint(bundle, trust))
    headers: list[Header] = steps.run("headers", lambda: _headers(bundle, checkpoint))
    logs: tuple[Log, ...] = steps.run("receipt", lambda: _logs(bundle, headers[0]))
    outcome: EventOutcome = steps.run("outcome", lambda: _outcome(bundle, logs))
    separator = domain_separator(bundle.chain_id, bundle.ledger)
    steps.run("event", lambda: _check_event_id(bundle, outcome, separator))
    steps.run("signature", lambda: _check_signature(bundle, outcome))
    steps.run("witness", lambda: _check_witness(bundle, outcome, separator))
    steps.run("content", lambda: _check_content(bundle, outcome.event))
    steps.run("unit", lambda: _check_unit(bundle, outcome, headers[-1]))
    return Report(tuple(steps.done), outcome, headers[0], checkpoint)


class _Steps:
    """Runs steps in order, collects what they say, and names the one that fails."""

    def __init__(self) -> None:
        self.done: list[Step] = []

    def run(self, name: str, check: Callable[[], tuple[Any, str] | None]) -> Any:
        try:
            answer = check()
        except TrustError as fault:
            raise ProofError(name, fault.message) from fault
        result, detail = answer if answer is not None else (None, "the file carries nothing to check here")
        self.done.append(Step(len(self.done), name, VERIFIED if answer is not None else NOT_SHOWN, detail))
        return result


def _check_trust(bundle: EventBundle, trust: TrustRoot) -> tuple[None, str]:
    if (bundle.chain_id, bundle.ledger) != (trust.chain_id, trust.ledger):
        raise TrustError(
            f"the proof is about ledger 0x{bundle.ledger.hex()} on chain {bundle.chain_id}, "
            f"not 0x{trust.ledger.hex()} on chain {trust.chain_id}.")
    return None, f"ledger 0x{trust.ledger.hex()} on chain {trust.chain_id}"


def _checkpoint(bundle: EventBundle, trust: TrustRoot) -> tuple[Checkpoint, str]:
    checkpoint = verify_checkpoint(bundle.checkpoint, trust.checkpoint_key)
    return checkpoint, f"{checkpoint.origin} signed block {checkpoint.block_number}"


def _headers(bundle: EventBundle, checkpoint: Checkpoint) -> tuple[list[Header], str]:
    headers = [decode_header(encoded) for encoded in bundle.headers]
    if not headers:
        raise TrustError("there is no block header.")
    for before, after in pairwise(headers):
        if after.parent_hash != before.hash or after.number != before.number + 1:
            raise TrustError(f"the header of block {after.number} does not follow block {before.number}.")
    last = headers[-1]
    if (last.hash, last.number) != (checkpoint.block_hash, checkpoint.block_number):
        raise TrustError(f"the last header is not that of the checkpointed block {checkpoint.block_number}.")
    return headers, f"block {headers[0].number} of {headers[0].timestamp} s leads to the checkpointed block"


def _logs(bundle: EventBundle, header: Header) -> tuple[tuple[Log, ...], str]:
    receipt = verify_receipt(header.receipts_root, bundle.transaction_index, bundle.receipt_nodes)
    if receipt.status != 1:
        raise TrustError("the transaction failed.")
    return receipt.logs, f"transaction {bundle.transaction_index} of block {header.number}"


def _outcome(bundle: EventBundle, logs: tuple[Log, ...]) -> tuple[EventOutcome, str]:
    if bundle.log_index >= len(logs):
        raise TrustError(f"the transaction has {len(logs)} logs, none at {bundle.log_index}.")
    log = logs[bundle.log_index]
    if log.address != bundle.ledger:
        raise TrustError(f"the log is of the contract 0x{log.address.hex()}, not of the ledger.")
    outcome = decode_log(log)
    if not isinstance(outcome, EventOutcome):
        raise TrustError("the log is not the outcome of an event.")
    if outcome.event_id != bundle.event_id:
        raise TrustError(f"the log is the outcome of event 0x{outcome.event_id.hex()}.")
    if outcome.event.to_json() != dict(bundle.custody_event):
        raise TrustError("the content in the file is not the one on the ledger.")
    return outcome, f"{outcome.event.kind.name} by participant {outcome.participant}: {outcome.outcome.name}"


def _check_event_id(bundle: EventBundle, outcome: EventOutcome, separator: bytes) -> tuple[None, str]:
    if event_id(outcome.event, separator) != bundle.event_id:
        raise TrustError("the content does not have this event id.")
    return None, f"event 0x{bundle.event_id.hex()}"


def _check_signature(bundle: EventBundle, outcome: EventOutcome) -> tuple[None, str]:
    signer = recover_signer(bundle.event_id, bundle.signature)
    if signer != outcome.signer:
        raise TrustError(f"the signature is of 0x{signer.hex()}, not of 0x{outcome.signer.hex()}.")
    return None, f"key 0x{signer.hex()}, which the ledger found to be participant {outcome.participant}'s"


def _check_witness(bundle: EventBundle, outcome: EventOutcome, separator: bytes) -> tuple[None, str] | None:
    if not bundle.witness or outcome.outcome.refused:
        return None  # what a refused act showed may well have been wrong
    if outcome.event.kind in (Kind.APPROVE, Kind.DENY):
        shown = decode_event(bundle.witness)
    elif outcome.event.kind is Kind.CORRECT:
        shown, _ = decode_corrected(bundle.witness)
    else:
        return None
    if event_id(shown, separator) != outcome.event.reference:
        raise TrustError("the event shown is not the one that is referred to.")
    return None, f"{shown.kind.name} event 0x{outcome.event.reference.hex()}"


def _check_content(bundle: EventBundle, event: CustodyEvent) -> tuple[None, str] | None:
    opening = bundle.opening
    if isinstance(opening, WholeOpening):
        verify_event(opening.event, opening.secret, event.commitment, submitter=opening.submitter)
        return None, f"the whole content, submitted by {opening.submitter}"
    if isinstance(opening, FieldsOpening) and opening.fields:
        for field in opening.fields:
            verify_field(field, event.commitment)
        return None, "fields " + ", ".join(field.pointer for field in opening.fields)
    return None


def _check_unit(bundle: EventBundle, outcome: EventOutcome, header: Header) -> tuple[None, str] | None:
    unit = bundle.unit
    if unit is None:
        return None
    if (outcome.event_id, int(outcome.outcome)) not in unit.entries:
        raise TrustError("the event is not in the history of the unit.")
    head = bytes(32)
    for identifier, code in unit.entries:
        head = fold_head(head, identifier, code)
    stored = proven_head(unit, bundle.ledger, header)
    if stored != head:
        raise TrustError(
            "the history does not lead to the unit's head on the ledger: something is missing or changed.")
    return None, f"{len(unit.entries)} outcomes, complete up to block {header.number}"


def head_slot(unit: bytes) -> bytes:
    """Storage slot of a unit's head in CustodyLedger. Source: Solidity, layout of mappings in storage."""
    return bytes(keccak(unit + HEADS_SLOT.to_bytes(32, "big")))


def proven_head(unit: UnitHistory, ledger: bytes, header: Header) -> bytes:
    """The head of a unit in the state of a block, from the proof; 32 zero bytes if it has none.

    Raises:
        TrustError: the proof does not hold.
    """
    account = value_in_proof(state_root(header.rlp), keccak(ledger), unit.account_nodes)
    try:
        storage_root = rlp.decode(account)[2]
        stored = value_in_proof(storage_root, keccak(head_slot(unit.unit)), unit.storage_nodes)
        value = rlp.decode(stored) if stored else b""
    except (RLPException, IndexError, TypeError) as fault:
        raise TrustError(f"the state proof cannot be read: {fault}.") from fault
    return bytes(value).rjust(32, b"\x00")
