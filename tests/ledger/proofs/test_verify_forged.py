"""A dishonest operator: blocks made up freely, signed with the pinned checkpoint key. What the chain cannot vouch
for any more, the rest of the proof must still catch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import rlp
from eth_abi.abi import encode
from nacl.signing import SigningKey

from ledger.chain.client import Log
from ledger.chain.header import decode_header
from ledger.chain.receipt_codec import encode_receipt
from ledger.events.model import ABI_EVENT, CustodyEvent, Line, domain_separator, event_id
from ledger.proofs.bundle_format import EventBundle, ProofError
from ledger.proofs.checkpoint import ZERO_HASH, Checkpoint, CheckpointKey, sign_checkpoint
from ledger.proofs.tries import ordered_trie_root, prove_ordered
from ledger.proofs.verify import NOT_SHOWN, VERIFIED, Report, TrustRoot, verify_bundle
from ledger.vocabulary import Kind, Outcome
from tests.chain_fixtures import AccountSigner, outcome_data, outcome_topics

KEY, ORIGIN = SigningKey(b"\x05" * 32), "ledger.example/forged"
CHAIN_ID, LEDGER, UNIT = 7, b"\x0c" * 20, b"\x0a" * 32
TRUST = TrustRoot(CHAIN_ID, LEDGER, CheckpointKey(ORIGIN, bytes(KEY.verify_key)))
SEPARATOR = domain_separator(CHAIN_ID, LEDGER)
CARRIER, CUSTOMS = AccountSigner(1), AccountSigner(2)
TOPIC, _ = outcome_topics(bytes(32))
EVENT = CustodyEvent(kind=Kind.OBSERVE, lines=(Line(UNIT),), nonce=1)


def made_up(
    event: CustodyEvent = EVENT, *, outcome: int = 0, signer: AccountSigner = CARRIER, witness: bytes = b"",
    status: int = 1, address: bytes = LEDGER, topic: bytes = TOPIC, identifier: bytes | None = None,
    named_signer: bytes | None = None,
) -> EventBundle:
    """A bundle whose block says whatever the arguments say, vouched for by the operator."""
    digest = event_id(event, SEPARATOR)
    identifier = identifier or digest
    log = Log(
        address, (topic, identifier), outcome_data(event, 3, named_signer or signer.address, outcome), 0)
    receipts = [encode_receipt(2, status, 21_000, bytes(256), [log])]
    fields: list[Any] = [bytes(32)] * 2 + [bytes(20)] + [bytes(32)] * 2 + [
        ordered_trie_root(receipts), bytes(256), b"", b"\x09", b"\x01", b"\x01", b"\x02", b"", bytes(32), bytes(8)]
    header = rlp.encode(fields)
    checkpoint = Checkpoint(ORIGIN, 9, decode_header(header).hash, ZERO_HASH)
    return EventBundle(
        CHAIN_ID, LEDGER, identifier, event.to_json(), signer.sign_digest(digest), witness, 0,
        tuple(prove_ordered(receipts, 0)), 0, (header,), sign_checkpoint(checkpoint, KEY))


def failed_step(bundle: EventBundle) -> str:
    with pytest.raises(ProofError) as caught:
        verify_bundle(bundle, TRUST)
    return caught.value.step


def verdict(report: Report, name: str) -> str:
    return next(step.verdict for step in report.steps if step.name == name)


def test_block__made_up_around_a_real_signature__is_what_the_operator_vouches_for() -> None:
    report = verify_bundle(made_up(), TRUST)
    assert report.outcome.signer == CARRIER.address
    assert report.checkpoint.block_number == 9


def test_log__of_another_contract_with_the_same_topic__fails() -> None:
    assert failed_step(made_up(address=b"\x0d" * 20)) == "outcome"


def test_log__of_another_kind__fails() -> None:
    assert failed_step(made_up(topic=b"\x01" * 32)) == "outcome"


def test_receipt__of_a_failed_transaction__fails() -> None:
    assert failed_step(made_up(status=0)) == "receipt"


def test_event__under_an_id_that_is_not_its_digest__fails() -> None:
    assert failed_step(made_up(identifier=b"\x01" * 32)) == "event"


def test_event__nobody_signed__fails() -> None:
    assert failed_step(made_up(named_signer=CUSTOMS.address)) == "signature"
    assert failed_step(replace(made_up(), signature=CUSTOMS.sign_digest(event_id(EVENT, SEPARATOR)))) == "signature"


def test_event__signed_for_another_ledger__fails() -> None:
    elsewhere = event_id(EVENT, domain_separator(CHAIN_ID, b"\x0e" * 20))
    assert failed_step(replace(made_up(), signature=CARRIER.sign_digest(elsewhere))) == "signature"


PENDING = CustodyEvent(kind=Kind.OPENING, book=1, nonce=5)
OTHER = replace(PENDING, nonce=6)


def approval(kind: Kind) -> CustodyEvent:
    return CustodyEvent(kind=kind, reference=event_id(PENDING, SEPARATOR), nonce=2)


def corrected(event: CustodyEvent) -> bytes:
    return encode([ABI_EVENT, "bytes"], [event.abi(), b"\x01" * 65])


@pytest.mark.parametrize(("kind", "witness"), [
    (Kind.APPROVE, PENDING.encoded()), (Kind.DENY, PENDING.encoded()), (Kind.CORRECT, corrected(PENDING))])
def test_witness__shows_the_event_referred_to__is_verified(kind: Kind, witness: bytes) -> None:
    assert verdict(verify_bundle(made_up(approval(kind), witness=witness), TRUST), "witness") == VERIFIED


@pytest.mark.parametrize(("kind", "witness"), [
    (Kind.APPROVE, OTHER.encoded()), (Kind.DENY, OTHER.encoded()), (Kind.CORRECT, corrected(OTHER)),
    (Kind.APPROVE, b"\x01" * 64), (Kind.CORRECT, PENDING.encoded()[:-32])])
def test_witness__shows_another_event_or_none__fails(kind: Kind, witness: bytes) -> None:
    assert failed_step(made_up(approval(kind), witness=witness)) == "witness"


def test_witness__of_a_refused_act_or_of_another_kind__is_not_shown() -> None:
    refused = made_up(approval(Kind.APPROVE), witness=OTHER.encoded(), outcome=int(Outcome.WITNESS_MISMATCH))
    assert verdict(verify_bundle(refused, TRUST), "witness") == NOT_SHOWN
    assert verdict(verify_bundle(made_up(witness=b"\x01"), TRUST), "witness") == NOT_SHOWN
