"""The gateway against a fake ledger: durable, idempotent, in order, and nobody's bad event costs anybody else."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.tx import AccountError
from ledger.errors import ConflictError, InputError, NotFoundError, TrustError, UnavailableError
from ledger.events.model import CustodyEvent, event_id
from ledger.gateway.submission import Settled, SignedSubmission
from ledger.limits import Limits
from ledger.vocabulary import Kind, Outcome
from tests.ledger.gateway.fakes import (
    ANNA,
    BELA,
    NOW_S,
    SENDER,
    SEPARATOR,
    Bench,
    LocalSigner,
    bench,
    custody,
    submission,
    unit,
)


@pytest.fixture
def box(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def settled_labels(found: list[Settled]) -> list[tuple[str, str]]:
    return [(s.epcis_event_id, s.label) for s in found]


# taking events in


def test_submit__good_event__queued_then_recorded_with_its_place(box: Bench) -> None:
    ticket = box.gateway.submit(submission(custody(nonce=0)))
    assert (ticket.status.label, ticket.repeated) == ("queued", False)
    assert settled_labels(box.gateway.flush()) == [("urn:test:1:0", "recorded")]
    status = box.gateway.status("urn:test:1:0")
    assert status.final and status.block_number == 1 and status.log_index == 0
    assert status.tx_hash == box.chain.blocks[0].tx_hash
    assert [change.label for change in status.history] == ["queued", "submitted", "recorded"]
    assert box.gateway.status("0x" + status.event_id.hex()) == status
    assert box.gateway.counts() == {"recorded": 1}


def test_submit__identical_repeat__answers_the_first_result(box: Bench) -> None:
    first = submission(custody(nonce=0))
    box.gateway.submit(first)
    assert box.gateway.submit(first).repeated
    box.gateway.flush()
    again = box.gateway.submit(first)
    assert again.repeated and again.status.label == "recorded"
    assert box.gateway.flush() == []
    assert len(box.chain.taken) == 1


def test_submit__same_label_other_content__conflict_and_first_stands(box: Bench) -> None:
    box.gateway.submit(submission(custody(nonce=0), label="urn:x"))
    with pytest.raises(ConflictError):
        box.gateway.submit(submission(custody(nonce=1), label="urn:x", content={"type": "AggregationEvent"}))
    box.gateway.flush()
    with pytest.raises(ConflictError):  # even the same content, once recorded: it would be recorded twice
        box.gateway.submit(submission(custody(nonce=2), label="urn:x"))
    assert box.gateway.flush() == []


def test_submit__label_used_by_another_before__no_conflict_and_each_finds_its_own(box: Bench) -> None:
    squat = submission(custody(nonce=0), BELA, label="urn:x", content={"type": "Squat"})
    box.gateway.submit(replace(squat, participant=1))  # says that it is the victim
    mine = submission(custody(nonce=0), label="urn:x")
    box.gateway.submit(mine)
    assert settled_labels(box.gateway.flush()) == [("urn:x", "recorded")] * 2
    assert box.gateway.status("urn:x", participant=1).event_id == mine.event_id(SEPARATOR)
    assert box.gateway.resolve_event("urn:x", 1) == mine.event_id(SEPARATOR)
    for number in (None, 2, 3):
        assert box.gateway.resolve_event("urn:x", number) == squat.event_id(SEPARATOR)
    with pytest.raises(ConflictError):  # each may use it once
        box.gateway.submit(submission(custody(nonce=5), label="urn:x", content={"type": "Other"}))


def test_status__label_refused_to_another_first__the_recorded_one_is_meant(box: Bench) -> None:
    box.chain.judge = lambda _e, participant: Outcome.HELD if participant == 2 else Outcome.RECORDED
    for nonce, signer in ((0, BELA), (1, ANNA)):
        box.gateway.submit(submission(custody(nonce=nonce), signer, label="urn:x", content={"type": str(nonce)}))
        box.gateway.flush()
    assert box.gateway.status("urn:x").label == "recorded"


def test_submit__commitment_of_another_signer__conflict_and_payload_stays(box: Bench) -> None:
    mine = submission(custody(nonce=0), label="urn:x")
    box.gateway.submit(mine)
    box.gateway.flush()
    copy = replace(mine.custody_event, kind=Kind.OBSERVE, nonce=7)
    for claimed in (2, mine.participant):  # whoever it says it is: the key tells
        thief = replace(mine, custody_event=copy, signature=BELA.sign_digest(event_id(copy, SEPARATOR)),
                        epcis_event_id="urn:y", participant=claimed)
        with pytest.raises(ConflictError, match="somebody else"):
            box.gateway.submit(thief)
    assert box.payloads.get(mine.payload.commitment) == mine.payload


def test_submit__signed_again_with_another_key_after_the_first_was_revoked__accepted(box: Bench) -> None:
    box.chain.judge = lambda event, _p: Outcome.SIGNER_REVOKED if event.nonce == 0 else Outcome.RECORDED
    mine = submission(custody(nonce=0), label="urn:x")
    box.gateway.submit(mine)
    box.gateway.flush()
    fresh = replace(mine.custody_event, nonce=1)
    box.gateway.submit(replace(mine, custody_event=fresh, signature=BELA.sign_digest(event_id(fresh, SEPARATOR))))
    assert settled_labels(box.gateway.flush()) == [("urn:x", "recorded")]


def test_submit__correction_under_the_label_of_the_original__no_conflict(box: Bench) -> None:
    box.gateway.submit(submission(custody(nonce=0), label="urn:x"))
    box.gateway.submit(submission(custody(nonce=1), label="urn:x", is_correction=True, content={"errorDeclaration": {}}))
    assert len(box.gateway.flush()) == 2
    assert box.gateway.status("urn:x").event_id != box.gateway.status("urn:x", is_correction=True).event_id
    assert box.gateway.resolve_event("urn:x") == box.gateway.status("urn:x").event_id
    assert box.gateway.resolve_event("urn:y") is None


@pytest.mark.parametrize("fault", [
    pytest.param(lambda s: replace(s, signature=s.signature[:64] + b"\x05"), id="recovery-id"),
    pytest.param(lambda s: replace(s, signature=bytes(64) + b"\x1b"), id="zero"),
    pytest.param(lambda s: replace(s, signature=s.signature[:-1]), id="short"),
    pytest.param(lambda s: replace(s, payload=submission(custody(nonce=9)).payload), id="other-payload"),
    pytest.param(lambda s: replace(s, epcis_event_id=""), id="no-label"),
    pytest.param(lambda s: replace(s, custody_event=replace(s.custody_event, nonce=2**64)), id="nonce-too-large"),
])
def test_submit__malformed__refused_before_the_queue(box: Bench, fault: Any) -> None:
    with pytest.raises(InputError):
        box.gateway.submit(fault(submission(custody(nonce=0))))
    assert box.gateway.counts() == {}


def test_submit__unknown_signer__not_taken_and_the_label_stays_free(box: Bench) -> None:
    stranger = LocalSigner(b"\x77" * 32)
    box.gateway.submit(submission(custody(nonce=0), stranger, label="urn:x", content={"type": "Fake"}))
    assert settled_labels(box.gateway.flush()) == [("urn:x", "not_taken:UNKNOWN_SIGNER")]
    box.gateway.submit(submission(custody(nonce=0), label="urn:x"))
    assert settled_labels(box.gateway.flush()) == [("urn:x", "recorded")]


def test_submit__after_not_taken__same_event_is_queued_again(box: Bench) -> None:
    stranger = LocalSigner(b"\x77" * 32)
    event = submission(custody(nonce=0), stranger)
    box.gateway.submit(event)
    box.gateway.flush()
    assert box.gateway.submit(event).status.label == "queued"
    assert settled_labels(box.gateway.flush()) == [(event.epcis_event_id, "not_taken:UNKNOWN_SIGNER")]


def test_submit__signed_again_after_revoked_key__accepted_other_refusals_are_facts(box: Bench) -> None:
    box.chain.judge = lambda event, _p: Outcome.SIGNER_REVOKED if event.nonce == 0 else Outcome.HELD
    box.gateway.submit(submission(custody(nonce=0), label="urn:x"))
    assert settled_labels(box.gateway.flush()) == [("urn:x", "refused:SIGNER_REVOKED")]
    box.gateway.submit(submission(custody(nonce=1), label="urn:x"))  # same content, signed anew
    assert settled_labels(box.gateway.flush()) == [("urn:x", "refused:HELD")]
    with pytest.raises(ConflictError):
        box.gateway.submit(submission(custody(nonce=2), label="urn:x"))


def test_submit_all__one_at_fault__none_is_queued(box: Bench) -> None:
    good, bad = submission(custody(nonce=0)), submission(custody(nonce=1), label="urn:test:1:0", content={"a": "b"})
    with pytest.raises(ConflictError):
        box.gateway.submit_all([good, bad])
    assert box.gateway.counts() == {}
    assert box.payloads.get(good.payload.commitment) is None


def test_submission__wire_form__round_trip(box: Bench) -> None:
    first = submission(custody(Kind.OFFER, 1, 2, nonce=5, counterparty=2))
    assert SignedSubmission.from_json(first.to_json()) == first
    with pytest.raises(InputError):
        SignedSubmission.from_json({**first.to_json(), "extra": 1})


def test_status__unknown_event__not_found(box: Bench) -> None:
    for key in (bytes(32), "0x" + "00" * 32, "urn:nobody"):
        with pytest.raises(NotFoundError):
            box.gateway.status(key)


def test_refused__payload__is_kept(box: Bench) -> None:
    box.chain.judge = lambda _e, _p: Outcome.HELD
    event = submission(custody(Kind.GATE_OUT, 1, nonce=0))
    box.gateway.submit(event)
    assert settled_labels(box.gateway.flush()) == [(event.epcis_event_id, "refused:HELD")]
    assert box.payloads.get(event.payload.commitment) == event.payload


# order


def test_flush__answer_submitted_before_its_offer__goes_after_it(box: Bench) -> None:
    offer = submission(custody(Kind.OFFER, 1, nonce=0, counterparty=2))
    accept = submission(custody(Kind.ACCEPT, 1, nonce=0, reference=offer.event_id(SEPARATOR)), BELA)
    other = submission(custody(Kind.OBSERVE, 7, nonce=1))
    for item in (other, accept, offer):
        box.gateway.submit(item)
    box.gateway.flush()
    assert box.chain.taken == [x.event_id(SEPARATOR) for x in (other, offer, accept)]


def test_flush__events_of_one_unit__keep_their_order_across_batches(tmp_path: Path) -> None:
    box = bench(tmp_path, limits=Limits(batch_events_max=3))
    sent = [submission(custody(Kind.HOLD if i % 2 else Kind.UNHOLD, 1, nonce=i)) for i in range(8)]
    box.gateway.submit_all(sent)
    box.gateway.flush()
    assert box.chain.taken == [x.event_id(SEPARATOR) for x in sent]
    assert box.chain.sizes == [3, 3, 2]


def test_flush__answer_to_an_event_nobody_knows__waits_visibly_then_goes(tmp_path: Path) -> None:
    box = bench(tmp_path, reference_wait_s=60)
    offer = submission(custody(Kind.OFFER, 1, nonce=0, counterparty=2))
    accept = submission(custody(Kind.ACCEPT, 1, nonce=0, reference=offer.event_id(SEPARATOR)), BELA)
    after = submission(custody(Kind.OFFER, 1, nonce=1), BELA)      # same signer, same unit: behind it
    elsewhere = submission(custody(Kind.OBSERVE, 2, nonce=2), BELA)
    stranger = submission(custody(Kind.HOLD, 1, nonce=5))          # others are never held up
    for item in (accept, after, elsewhere, stranger):
        box.gateway.submit(item)
    assert {s.event_id for s in box.gateway.flush()} == {x.event_id(SEPARATOR) for x in (elsewhere, stranger)}
    status = box.gateway.status(accept.epcis_event_id)
    assert status.label == "queued" and status.waiting_for == offer.event_id(SEPARATOR)
    assert status.history[-1].note.startswith("waits for 0x")
    assert box.gateway.flush() == []
    assert len(box.gateway.status(accept.epcis_event_id).history) == 2  # noted once
    box.gateway.submit(offer)
    box.gateway.flush()
    assert box.chain.taken[2:] == [x.event_id(SEPARATOR) for x in (offer, accept, after)]
    assert box.gateway.status(accept.epcis_event_id).waiting_for is None


def test_flush__awaited_event_never_comes__goes_after_the_wait_and_the_ledger_decides(tmp_path: Path) -> None:
    box = bench(tmp_path, reference_wait_s=60)
    box.gateway.submit(submission(custody(Kind.ACCEPT, 1, nonce=0, reference=b"\x99" * 32)))
    assert box.gateway.flush() == []
    box.clock.now_s += 60
    assert len(box.gateway.flush()) == 1


def test_flush__batches__stay_within_bytes_and_gas(tmp_path: Path) -> None:
    box = bench(tmp_path, limits=Limits(batch_bytes_max=5_000, batch_gas_max=10**9))
    box.gateway.submit_all([submission(custody(Kind.OBSERVE, nonce=i)) for i in range(12)])
    box.gateway.flush()
    assert sum(box.chain.sizes) == 12 and max(box.chain.sizes) < 12
    gas = bench(tmp_path / "gas", limits=Limits(batch_gas_max=400_000))
    gas.gateway.submit_all([submission(custody(Kind.ARRIVE, 1, 2, nonce=i)) for i in range(4)])
    gas.gateway.flush()
    assert gas.chain.sizes == [1, 1, 1, 1]


# faults


@pytest.mark.parametrize("place", [0, 3, 6])
def test_flush__poison_event__stands_alone_and_the_others_are_recorded(tmp_path: Path, place: int) -> None:
    box = bench(tmp_path)
    box.chain.poison = lambda event: event.nonce == place
    box.gateway.submit_all([submission(custody(nonce=i)) for i in range(7)])
    labels = dict(settled_labels(box.gateway.flush()))
    assert labels.pop(f"urn:test:1:{place}") == "not_taken:TX_FAILED"
    assert set(labels.values()) == {"recorded"} and len(labels) == 6
    assert box.gateway.flush() == []


def test_flush__gateway_not_admitted__everything_stays_queued(box: Bench) -> None:
    box.chain.admits = False
    box.gateway.submit_all([submission(custody(nonce=i)) for i in range(3)])
    for _ in range(2):
        with pytest.raises(UnavailableError, match="admit"):
            box.gateway.flush()
        assert box.gateway.counts() == {"queued": 3}
    box.chain.admits = True
    assert [s.status for s in box.gateway.flush()] == ["recorded"] * 3


def test_flush__reply_lost__outcome_found_by_the_stored_transaction(box: Bench) -> None:
    box.chain.reply_lost = 1
    box.gateway.submit(submission(custody(nonce=0)))
    with pytest.raises(UnavailableError):
        box.gateway.flush()
    assert box.gateway.counts() == {"submitted": 1}
    assert settled_labels(box.gateway.flush()) == [("urn:test:1:0", "recorded")]
    assert len(box.chain.blocks) == 1  # never sent twice


def test_flush__node_away__same_bytes_are_sent_when_it_is_back(box: Bench) -> None:
    box.gateway.submit(submission(custody(nonce=0)))
    box.chain.away = True
    for _ in range(2):
        with pytest.raises(UnavailableError):
            box.gateway.flush()
    box.chain.away = False
    assert settled_labels(box.gateway.flush()) == [("urn:test:1:0", "recorded")]


def test_flush__node_refuses_the_transaction__queued_again_with_the_reason(box: Bench) -> None:
    box.gateway.submit(submission(custody(nonce=0)))
    box.chain.refuses = AccountError("insufficient funds")
    with pytest.raises(UnavailableError, match="insufficient funds"):
        box.gateway.flush()
    assert "insufficient funds" in box.gateway.status("urn:test:1:0").history[-1].note
    box.chain.refuses = None
    assert len(box.gateway.flush()) == 1


def test_flush__other_transaction_took_the_batchs_number__sent_again_and_recorded_once(tmp_path: Path) -> None:
    box = bench(tmp_path)
    box.gateway.submit(submission(custody(nonce=0)))
    box.chain.away = True
    with pytest.raises(UnavailableError):
        box.gateway.flush()
    box.chain.away = False
    box.chain.counts[SENDER.address] = 1  # somebody sent with our key meanwhile
    assert settled_labels(box.gateway.flush()) == [("urn:test:1:0", "recorded")]
    assert len(box.chain.taken) == 1


def test_flush__recorded_through_another_gateway__first_outcome_counts(tmp_path: Path) -> None:
    one = bench(tmp_path / "one")
    two = bench(tmp_path / "two", chain=one.chain)  # two gateways, one ledger
    one.chain.judge = lambda _e, _p: Outcome.HELD
    event = submission(custody(nonce=0))
    one.gateway.submit(event)
    one.gateway.flush()
    two.gateway.submit(event)
    assert settled_labels(two.gateway.flush()) == [("urn:test:1:0", "refused:HELD")]
    assert two.gateway.status(event.epcis_event_id).block_number == 1
    nonce_used = submission(custody(nonce=0), label="urn:other")  # another event with a used nonce
    two.gateway.submit(nonce_used)
    assert settled_labels(two.gateway.flush()) == [("urn:other", "not_taken:NONCE_USED")]


def test_flush__receipt_silent_about_an_event__trust_error_and_nothing_settled(box: Bench) -> None:
    box.gateway.submit(submission(custody(nonce=0)))
    original = box.chain._log
    box.chain._log = lambda event, sig, i: replace(original(event, sig, i), address=b"\x66" * 20)  # type: ignore[method-assign]
    with pytest.raises(TrustError):
        box.gateway.flush()
    assert box.gateway.counts() == {"submitted": 1}


def test_flush__listeners__hear_of_every_outcome_once_and_their_faults_hold_up_nothing(box: Bench) -> None:
    heard: list[str] = []

    def listener(item: Settled) -> None:
        heard.append(item.epcis_event_id)
        raise InputError("this listener fails.")

    box.gateway.on_settled(listener)
    box.gateway.submit_all([submission(custody(nonce=i)) for i in range(3)])
    assert len(box.gateway.flush()) == 3
    assert box.gateway.flush() == []
    assert heard == ["urn:test:1:0", "urn:test:1:1", "urn:test:1:2"]


def test_flush__two_gateways_on_one_store__each_event_recorded_once(tmp_path: Path) -> None:
    one = bench(tmp_path)
    two = bench(tmp_path, chain=one.chain)
    sent = [submission(custody(nonce=i)) for i in range(20)]
    one.gateway.submit_all(sent[:10])
    two.gateway.submit_all(sent[10:])
    found: list[Settled] = []
    faults: list[Exception] = []

    def run(gateway: Any) -> None:
        try:
            found.extend(gateway.flush())
        except Exception as fault:  # noqa: BLE001 - shown by the assertion below
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(g.gateway,)) for g in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert sorted(s.event_id for s in found) == sorted(x.event_id(SEPARATOR) for x in sent)
    assert len(one.chain.taken) == 20


def test_witness__of_approve_and_correct__comes_from_the_gateways_own_records(box: Bench) -> None:
    from eth_abi.abi import decode

    from ledger.chain.codec import decode_event, decode_record
    from ledger.events.model import ABI_EVENT

    box.chain.judge = lambda event, _p: Outcome.PENDING if event.kind is Kind.OPENING else Outcome.RECORDED
    opening = submission(custody(Kind.OPENING, 1, nonce=0))
    identifier = opening.event_id(SEPARATOR)
    approve = replace(submission(custody(Kind.APPROVE, nonce=0, reference=identifier), BELA), witness=b"\xff" * 7)
    correct = submission(custody(Kind.CORRECT, nonce=1, reference=identifier), is_correction=True, label="urn:c")
    for item in (opening, approve, correct):
        box.gateway.submit(item)
    assert [s.label for s in box.gateway.flush()] == ["pending", "recorded", "recorded"]
    raw = box.chain.sql.execute("SELECT raw FROM tx").fetchone()[0]
    from tests.ledger.gateway.fakes import _decode
    batch = decode_record(bytes(_decode(raw)[1]["data"]))
    assert batch[0][2] == b""
    assert decode_event(batch[1][2]) == opening.custody_event
    event, signature = decode([ABI_EVENT, "bytes"], batch[2][2])
    assert (event[0], signature) == (int(Kind.OPENING), opening.signature)


def test_unit_ids__of_the_bench__differ() -> None:
    assert unit(1) != unit(2) and ANNA.address != BELA.address and NOW_S and CustodyEvent


def test_flush__more_waiting_events_than_a_window_holds__others_still_go(tmp_path: Path) -> None:
    box = bench(tmp_path, reference_wait_s=60, limits=Limits(batch_events_max=2))
    waiting = [submission(custody(Kind.ACCEPT, 1, nonce=i, reference=bytes([i + 1]) * 32), BELA) for i in range(9)]
    box.gateway.submit_all([*waiting, submission(custody(nonce=0))])
    assert settled_labels(box.gateway.flush()) == [("urn:test:1:0", "recorded")]


def test_submit__label_of_an_event_not_taken__other_content_still_conflicts(box: Bench) -> None:
    box.gateway.submit(submission(custody(nonce=0), label="urn:a"))
    box.gateway.submit(submission(custody(nonce=0), label="urn:b"))  # nonce used twice by its poster
    assert settled_labels(box.gateway.flush()) == [("urn:a", "recorded"), ("urn:b", "not_taken:NONCE_USED")]
    with pytest.raises(ConflictError):
        box.gateway.submit(submission(custody(nonce=1), label="urn:b", content={"type": "Other"}))
    box.gateway.submit(submission(custody(nonce=1), label="urn:b"))
    assert settled_labels(box.gateway.flush()) == [("urn:b", "recorded")]
