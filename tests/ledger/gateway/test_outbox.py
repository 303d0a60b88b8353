"""The outbox: bounded, with a history that says where, when and why; late and waiting events are visible."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import ConflictError, FullError
from ledger.gateway.gateway import open_gateway_store
from ledger.gateway.schema import GATEWAY_MIGRATIONS
from ledger.gateway.store import Store
from ledger.limits import Limits
from ledger.vocabulary import Kind, Outcome
from tests.ledger.gateway.fakes import ANNA, BELA, NOW_S, SEPARATOR, Bench, bench, custody, submission

DAY_S = 86_400


def open_counted(box: Bench) -> int:
    return sum(count for status, count in box.gateway.counts().items() if status in ("queued", "submitted"))


# the bound


def test_bound__reached__nothing_of_the_request_is_taken_and_repeats_are_answered(tmp_path: Path) -> None:
    box = bench(tmp_path, limits=Limits(outbox_events_max=3))
    first = [submission(custody(nonce=i)) for i in range(3)]
    box.gateway.submit_all(first[:2])
    with pytest.raises(FullError, match="full") as full:
        box.gateway.submit_all([first[2], submission(custody(nonce=9))])
    assert full.value.retry_after_s > 0 and full.value.code == "CL-UNAVAILABLE-002"
    assert box.gateway.counts() == {"queued": 2}
    assert box.payloads.get(first[2].payload.commitment) is None
    box.gateway.submit(first[2])
    assert box.gateway.submit(first[0]).repeated  # needs no room
    with pytest.raises(FullError):
        box.gateway.submit(submission(custody(nonce=4)))
    narrower = bench(tmp_path, chain=box.chain, limits=Limits(outbox_events_max=1))
    assert narrower.gateway.submit(first[0]).repeated  # also where the bound was lowered meanwhile
    assert len(box.gateway.flush()) == 3
    assert box.gateway.submit(submission(custody(nonce=4))).status.label == "queued"


def test_bound__counter__is_the_number_of_open_events_whatever_happens(tmp_path: Path) -> None:
    box = bench(tmp_path)
    box.chain.poison = lambda event: event.nonce == 2
    box.chain.judge = lambda event, _p: Outcome.HELD if event.nonce == 1 else Outcome.RECORDED
    seen = [box.gateway.open_count()]
    box.store.failpoint = lambda _name: seen.append(box.gateway.open_count() - open_counted(box))
    box.gateway.submit_all([submission(custody(nonce=i)) for i in range(6)])
    assert box.gateway.open_count() == 6
    box.gateway.flush()
    assert box.gateway.open_count() == 0 and set(seen) == {0} and len(seen) > 10
    box.gateway.submit(submission(custody(nonce=2)))  # was not taken: queued again
    assert box.gateway.open_count() == 1


# history


def test_history__of_every_step__has_time_transaction_block_and_reason(tmp_path: Path) -> None:
    box = bench(tmp_path)
    box.chain.admits = False
    box.gateway.submit(submission(custody(nonce=0)))
    box.clock.now_s += 5
    with pytest.raises(Exception, match="admit"):
        box.gateway.flush()
    box.chain.admits = True
    box.clock.now_s += 5
    box.gateway.flush()
    status = box.gateway.status("urn:test:1:0")
    assert [(x.label, x.at_s - NOW_S, x.block_number) for x in status.history] == [
        ("queued", 0, None), ("submitted", 5, None), ("queued", 5, None), ("submitted", 10, None), ("recorded", 10, 2)]
    assert [x.tx_hash for x in status.history if x.block_number] == [box.chain.blocks[1].tx_hash]
    assert status.history[2].note == "the ledger does not admit this gateway"
    assert status.block_time_s == NOW_S + 4


def test_repeat__identical_after_a_restart__answers_the_first_result_and_other_content_conflicts(tmp_path: Path) -> None:
    box = bench(tmp_path)
    first = submission(custody(nonce=0), label="urn:x")
    box.gateway.submit(first)
    box.gateway.flush()
    before = box.gateway.status("urn:x")
    box.store.close()
    box.chain.close()
    again = bench(tmp_path)
    ticket = again.gateway.submit(first)
    assert ticket.repeated and ticket.status == before
    with pytest.raises(ConflictError) as conflict:
        again.gateway.submit(submission(custody(nonce=1), label="urn:x", content={"type": "Other"}))
    assert conflict.value.code == "CL-INPUT-003"  # 409
    assert again.gateway.flush() == [] and len(again.chain.taken) == 1


# late


@pytest.mark.parametrize(("age_s", "late"), [(DAY_S - 10, False), (DAY_S + 10, True), (9 * DAY_S, True)])
def test_late__signed_days_ago__taken_with_its_own_time_and_flagged(tmp_path: Path, age_s: int, late: bool) -> None:
    box = bench(tmp_path)
    event = replace(custody(nonce=0), occurred_at_ms=(NOW_S - age_s) * 1000)
    box.gateway.submit(submission(event))
    assert (box.gateway.status("urn:test:1:0").late, box.gateway.status("urn:test:1:0").late_s) == (late, age_s)
    box.gateway.flush()
    status = box.gateway.status("urn:test:1:0")
    assert status.label == "recorded" and status.occurred_at_s == NOW_S - age_s
    assert (status.late, status.late_s) == (late, age_s + 2)  # by the time of its block


def test_late__threshold__is_a_setting_and_the_time_of_the_block_decides(tmp_path: Path) -> None:
    box = bench(tmp_path, limits=Limits(late_after_s=3))
    box.chain.mine(2)
    box.gateway.submit(submission(custody(nonce=0)))
    assert not box.gateway.status("urn:test:1:0").late  # punctual when it came
    box.gateway.flush()
    assert box.gateway.status("urn:test:1:0").late      # block 3 is 6 s later


# what depends on others


def test_dependent__signed_before_its_parent_is_recorded__waits_visibly_then_follows_it(tmp_path: Path) -> None:
    box = bench(tmp_path, reference_wait_s=DAY_S)
    offer = submission(replace(custody(Kind.OFFER, 1, nonce=0, counterparty=2), occurred_at_ms=(NOW_S - 3 * DAY_S) * 1000))
    accept = submission(custody(Kind.ACCEPT, 1, nonce=0, reference=offer.event_id(SEPARATOR)), BELA)
    box.gateway.submit(accept)
    assert box.gateway.flush() == []
    waiting = box.gateway.status(accept.epcis_event_id)
    assert waiting.waiting_for == offer.event_id(SEPARATOR) and waiting.reference_label is None
    assert waiting.history[-1].note == f"waits for 0x{offer.event_id(SEPARATOR).hex()}"
    box.gateway.submit(offer)  # its poster is online again
    box.gateway.flush()
    assert box.chain.taken == [offer.event_id(SEPARATOR), accept.event_id(SEPARATOR)]
    assert box.gateway.status(offer.epcis_event_id).late
    followed = box.gateway.status(accept.epcis_event_id)
    assert (followed.waiting_for, followed.reference_label) == (None, "recorded")


def test_dependent__on_a_refused_parent__goes_and_its_status_says_how_the_parent_fared(tmp_path: Path) -> None:
    box = bench(tmp_path, reference_wait_s=DAY_S)
    box.chain.judge = lambda event, _p: Outcome.HELD if event.kind is Kind.OFFER else Outcome.NO_OPEN_OFFER
    offer = submission(custody(Kind.OFFER, 1, nonce=0, counterparty=2))
    box.gateway.submit(offer)
    box.gateway.flush()
    accept = submission(custody(Kind.ACCEPT, 1, nonce=0, reference=offer.event_id(SEPARATOR)), BELA)
    assert box.gateway.submit(accept).status.reference_label == "refused:HELD"
    box.gateway.flush()
    status = box.gateway.status(accept.epcis_event_id)
    assert (status.label, status.reference, status.reference_label) == (
        "refused:NO_OPEN_OFFER", offer.event_id(SEPARATOR), "refused:HELD")


def test_dependent__behind_one_that_waits__says_whom_it_is_behind(tmp_path: Path) -> None:
    box = bench(tmp_path, reference_wait_s=DAY_S)
    box.gateway.submit(submission(custody(Kind.ACCEPT, 1, nonce=0, reference=b"\x99" * 32)))
    box.gateway.submit(submission(custody(Kind.OFFER, 1, nonce=1, counterparty=2)))
    box.gateway.flush()
    status = box.gateway.status("urn:test:1:1")
    assert status.waiting_for == b"\x99" * 32
    assert status.history[-1].note == f"waits for 0x{'99' * 32}, behind an earlier event on the same unit"


def test_dependent__parent_came_through_another_gateway__does_not_wait(tmp_path: Path) -> None:
    one = bench(tmp_path / "one")
    offer = submission(custody(Kind.OFFER, 1, nonce=0, counterparty=2))
    one.gateway.submit(offer)
    one.gateway.flush()
    one.chain.blocks_with_log = lambda _a, topics, first, last: [  # type: ignore[attr-defined]
        r.block_number for r in one.chain.blocks if any(log.topics[1] in topics[1] for log in r.logs)]
    two = bench(tmp_path / "two", chain=one.chain, reference_wait_s=DAY_S)
    two.gateway.submit(submission(custody(Kind.ACCEPT, 1, nonce=0, reference=offer.event_id(SEPARATOR)), BELA))
    two.gateway.submit(submission(custody(Kind.ACCEPT, 2, nonce=1, reference=b"\x98" * 32), BELA))
    assert [s.epcis_event_id for s in two.gateway.flush()] == ["urn:test:2:0"]


def test_resolve__label_used_by_a_stranger_too__who_asks_decides_whose_is_meant(tmp_path: Path) -> None:
    box = bench(tmp_path)
    squat = submission(custody(Kind.OBSERVE, 1, nonce=0), ANNA, label="urn:offer", content={"type": "Squat"})
    offer = submission(custody(Kind.OFFER, 1, nonce=0, counterparty=3), BELA, label="urn:offer")
    for item in (squat, offer):
        box.gateway.submit(item)
        box.gateway.flush()
    assert box.gateway.resolve_event("urn:offer", 1) == squat.event_id(SEPARATOR)   # its own
    assert box.gateway.resolve_event("urn:offer", 3) == offer.event_id(SEPARATOR)   # the one that names it
    assert box.gateway.resolve_event("urn:offer") == squat.event_id(SEPARATOR)      # the earliest


# gathering


def test_gathering__one_alone_goes_at_once_several_gather_a_full_batch_does_not_wait(tmp_path: Path) -> None:
    now = [100.0]
    box = bench(tmp_path, batch_wait_s=0.1, monotonic=lambda: now[0], limits=Limits(batch_events_max=5))
    nonce = iter(range(100))

    def post(count: int) -> float:
        box.gateway.submit_all([submission(custody(nonce=next(nonce))) for _ in range(count)])
        return box.gateway.due_in_s()

    assert post(1) == 0.0
    box.gateway.flush()
    now[0] += 0.01
    assert post(1) == 0.0                                   # one after another: nobody waits
    box.gateway.flush()
    assert post(3) == 0.0
    box.gateway.flush()                                     # several at a time
    now[0] += 0.04
    assert post(2) == pytest.approx(0.06)
    assert post(3) == 0.0                                   # now it is full
    box.gateway.flush()
    now[0] += 0.2
    assert post(2) == 0.0                                   # enough time has gone by
    box.gateway.flush()
    for size in (box.chain.sizes,):
        assert size == [1, 1, 3, 5, 2]


def test_gathering__full_by_bytes_or_gas__does_not_wait(tmp_path: Path) -> None:
    for name, limits in (("bytes", Limits(batch_bytes_max=3_000)), ("gas", Limits(batch_gas_max=300_000))):
        box = bench(tmp_path / name, batch_wait_s=9.0, monotonic=lambda: 1.0, limits=limits)
        box.gateway.submit_all([submission(custody(nonce=i)) for i in range(2)])
        box.gateway.flush()
        box.gateway.submit(submission(custody(nonce=2)))
        assert box.gateway.due_in_s() > 0
        box.gateway.submit_all([submission(custody(nonce=i)) for i in range(3, 20)])
        assert box.gateway.due_in_s() == 0.0


# the store


def test_store__of_the_release_before__is_brought_up_to_date_with_its_events(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sqlite"
    Store(path, GATEWAY_MIGRATIONS[:1]).close()
    sql = sqlite3.connect(path)
    event = replace(custody(nonce=0), occurred_at_ms=(NOW_S - 7) * 1000)
    first = submission(event)
    import json
    sql.execute(
        "INSERT INTO submission (event_id, epcis_event_id, is_correction, participant, signer, kind, line_count,"
        " custody_event, signature, witness, commitment, counterparty, reference, received_at_s, status)"
        " VALUES (?,'urn:old',0,1,?,1,0,?,?,x'',?,0,?,?,'queued')",
        (first.event_id(SEPARATOR), ANNA.address, json.dumps(first.custody_event.to_json()), first.signature,
         first.custody_event.commitment, bytes(32), NOW_S))
    sql.commit()
    sql.close()
    open_gateway_store(path).close()
    box = bench(tmp_path)
    status = box.gateway.status("urn:old")
    assert status.occurred_at_s == NOW_S - 7 and box.gateway.open_count() == 1
    assert [s.label for s in box.gateway.flush()] == ["recorded"]
