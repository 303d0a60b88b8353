"""Numbers of the sending account survive lost replies, restarts, pools that know more, and others with our key."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from ledger.chain.tx import AccountError
from ledger.errors import ConflictError, InputError, UnavailableError
from ledger.limits import Limits
from ledger.vocabulary import Kind
from tests.ledger.gateway.fakes import BELA, SENDER, SEPARATOR, bench, custody, submission


def test_reply_lost__then_restart__found_by_the_stored_bytes_and_sent_once(tmp_path: Path) -> None:
    box = bench(tmp_path)
    box.chain.reply_lost = 1
    box.gateway.submit(submission(custody(nonce=0)))
    with pytest.raises(UnavailableError):
        box.gateway.flush()
    box.store.close()
    box.chain.close()
    again = bench(tmp_path)  # a new process: the ledger, too, comes back from its file
    assert [s.label for s in again.gateway.flush()] == ["recorded"]
    assert len(again.chain.blocks) == 1 and again.chain.calls == []


def test_reply_lost__transaction_not_in_a_block_yet__waits_and_is_never_given_up(tmp_path: Path) -> None:
    """The pool says "nonce too low" or "already known" of what is merely under way (seen on Avalanche after a stall)."""
    box = bench(tmp_path)
    box.chain.mines = False
    box.gateway.submit(submission(custody(nonce=0)))
    for _ in range(4):
        with pytest.raises(UnavailableError):
            box.gateway.flush()
    box.chain.send_raw_transaction = _raise(ConflictError("nonce too low"))  # type: ignore[method-assign]
    for _ in range(4):
        with pytest.raises(UnavailableError, match="nonce too low"):
            box.gateway.flush()
    box.chain.mine()
    assert [s.label for s in box.gateway.flush()] == ["recorded"]
    assert len(box.chain.taken) == 1
    assert box.store.rows("SELECT state FROM batch")[0]["state"] == "settled"  # the first one, not a second


def test_replacement__somebody_elses_transaction_has_our_number_in_the_pool__waits_then_goes_with_the_next(
    tmp_path: Path,
) -> None:
    box = bench(tmp_path)
    box.gateway.submit(submission(custody(nonce=0)))
    box.chain.mines = False
    stranger = bench(tmp_path / "other", chain=box.chain)  # the same key elsewhere
    stranger.gateway.submit(submission(custody(nonce=7), BELA))
    with pytest.raises(UnavailableError):
        stranger.gateway.flush()
    for _ in range(3):
        with pytest.raises(UnavailableError, match="underpriced"):
            box.gateway.flush()
    assert box.gateway.counts() == {"submitted": 1}  # ours may still get in
    box.chain.mines = True
    box.chain.mine(0)
    assert [s.label for s in box.gateway.flush()] == ["recorded"]
    assert [x.note for x in box.gateway.status("urn:test:1:0").history if x.status == "queued"][-1] == (
        "another transaction took the batch's place")
    assert [s.label for s in stranger.gateway.flush()] == ["recorded"]
    assert len(box.chain.taken) == 2


def test_nonce__node_is_behind_our_own_batches__next_number_is_ours(tmp_path: Path) -> None:
    box = bench(tmp_path)
    box.gateway.submit(submission(custody(nonce=0)))
    box.gateway.flush()
    box.gateway.submit(submission(custody(nonce=1)))
    box.chain.transaction_count = lambda _address: 0  # type: ignore[method-assign]  # a lagging replica
    assert [s.label for s in box.gateway.flush()] == ["recorded"]
    assert box.chain.calls == ["send 0", "send 1"]


def test_key_used_elsewhere__again_and_again__says_so_and_keeps_the_events(tmp_path: Path) -> None:
    box = bench(tmp_path)
    box.gateway.submit(submission(custody(nonce=0)))

    def stolen(raw: bytes) -> bytes:
        box.chain.counts[SENDER.address] = box.chain.counts.get(SENDER.address, 0) + 1
        raise ConflictError("nonce too low")

    box.chain.send_raw_transaction = stolen  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match="somebody else sends"):
        box.gateway.flush()
    assert box.gateway.counts() == {"queued": 1}


def test_block_gas__less_than_our_limit__batches_are_made_to_fit(tmp_path: Path) -> None:
    box = bench(tmp_path)
    box.chain.block_gas = 900_000
    box.gateway.submit_all([submission(custody(Kind.ARRIVE, i, nonce=i)) for i in range(20)])
    assert {s.label for s in box.gateway.flush()} == {"recorded"}
    assert len(box.chain.sizes) > 3 and sum(box.chain.sizes) == 20
    assert len(box.chain.calls) == len(box.chain.blocks)  # none was refused first


def test_limit_of_the_node__not_in_any_header__batch_is_halved_until_it_fits(tmp_path: Path) -> None:
    box = bench(tmp_path)
    send = box.chain.send_raw_transaction
    box.chain.send_raw_transaction = lambda raw: send(raw) if len(raw) < 4_000 else _raise(  # type: ignore[method-assign]
        InputError("oversized data"))(raw)
    box.gateway.submit_all([submission(custody(nonce=i)) for i in range(12)])
    assert {s.label for s in box.gateway.flush()} == {"recorded"}
    assert max(box.chain.sizes) < 12 and sum(box.chain.sizes) == 12
    assert any("oversized data" in step.note for step in box.gateway.status("urn:test:1:0").history)


def test_event__refused_by_the_node_even_alone__is_set_aside_visibly_and_the_others_go(tmp_path: Path) -> None:
    box = bench(tmp_path)
    send = box.chain.send_raw_transaction
    poison = submission(custody(nonce=3))
    needle = poison.signature

    def picky(raw: bytes) -> bytes:
        return _raise(InputError("gas required exceeds allowance"))(raw) if needle in raw else send(raw)

    box.chain.send_raw_transaction = picky  # type: ignore[method-assign]
    box.gateway.submit_all([submission(custody(nonce=i)) if i != 3 else poison for i in range(7)])
    assert sorted(s.label for s in box.gateway.flush()) == ["recorded"] * 6
    status = box.gateway.status(poison.epcis_event_id)
    assert status.label == "queued" and "tried again in 60 s" in status.history[-1].note
    calls = len(box.chain.calls)
    assert box.gateway.flush() == [] and len(box.chain.calls) == calls  # not before its time
    box.chain.send_raw_transaction = send  # type: ignore[method-assign]
    box.clock.now_s += 60
    assert [s.label for s in box.gateway.flush()] == ["recorded"]


def test_account__cannot_pay__nothing_is_split_or_lost(tmp_path: Path) -> None:
    box = bench(tmp_path)
    box.chain.refuses = AccountError("insufficient funds")
    box.gateway.submit_all([submission(custody(nonce=i)) for i in range(5)])
    with pytest.raises(UnavailableError, match="insufficient funds"):
        box.gateway.flush()
    assert box.gateway.counts() == {"queued": 5} and len(box.store.rows("SELECT * FROM batch")) == 1


@pytest.mark.parametrize("place", [0, 4])
def test_poison__in_a_batch_of_dependent_events__order_on_the_unit_is_kept(tmp_path: Path, place: int) -> None:
    box = bench(tmp_path)
    box.chain.poison = lambda event: event.nonce == place
    sent = [submission(custody(Kind.HOLD if i % 2 else Kind.UNHOLD, 1, nonce=i)) for i in range(6)]
    box.gateway.submit_all(sent)
    box.gateway.flush()
    good = [x.event_id(SEPARATOR) for i, x in enumerate(sent) if i != place]
    assert box.chain.taken == good


def test_recorded_through_another_gateway__long_ago__found_by_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far beyond the blocks that would be read one by one; the node is asked which blocks hold the event."""
    monkeypatch.setattr("ledger.gateway.outcomes.LOOK_BACK_BLOCKS", 3)
    one = bench(tmp_path / "one")
    event = submission(custody(nonce=0))
    one.gateway.submit(event)
    one.gateway.flush()
    one.chain.mine(20)
    read: list[int] = []
    receipts = one.chain.receipts
    one.chain.receipts = lambda number: (read.append(number), receipts(number))[1]  # type: ignore[method-assign,func-returns-value]
    blind = bench(tmp_path / "blind", chain=one.chain)
    blind.gateway.submit(event)
    assert [s.label for s in blind.gateway.flush()] == ["not_taken:NONCE_USED"]
    assert len(read) <= 5  # bounded where the node cannot help
    one.chain.mine()
    one.chain.blocks_with_log = lambda address, topics, first, last: [  # type: ignore[attr-defined]
        r.block_number for r in one.chain.blocks if first <= r.block_number <= last and any(
            log.address == address and all(t in place for t, place in zip(log.topics, topics, strict=False))
            for log in r.logs)]
    two = bench(tmp_path / "two", chain=one.chain)
    two.gateway.submit(event)
    assert [s.label for s in two.gateway.flush()] == ["recorded"]
    assert two.gateway.status("urn:test:1:0").block_number == 1
    assert two.gateway.status("urn:test:1:0").history[-1].note == "it was in block 1 already"


def test_two_processes__one_outbox__only_one_sends_at_a_time_and_each_event_goes_once(tmp_path: Path) -> None:
    box = bench(tmp_path, limits=Limits(batch_events_max=2))
    sent = [submission(custody(nonce=i)) for i in range(12)]
    box.gateway.submit_all(sent)
    box.store.close()
    box.chain.close()
    children = [_flush_in_a_child(tmp_path) for _ in range(3)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    after = bench(tmp_path, limits=Limits(batch_events_max=2))
    assert after.gateway.counts() == {"recorded": 12}
    assert after.chain.taken == [x.event_id(SEPARATOR) for x in sent]  # a second sender would show NONCE_USED or a gap
    spans = [tuple(map(float, line.split())) for line in (tmp_path / "spans").read_text().splitlines()]
    ordered = sorted(spans)
    assert len(ordered) == 6 and all(a[1] <= b[0] for a, b in pairwise(ordered))


def _flush_in_a_child(folder: Path) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        import time
        box = bench(folder, limits=Limits(batch_events_max=2))

        def slow(raw: bytes) -> bytes:
            begun = time.monotonic()
            box.chain.catch_up()
            answer = type(box.chain).send_raw_transaction(box.chain, raw)
            time.sleep(0.02)
            with (folder / "spans").open("a") as spans:
                spans.write(f"{begun} {time.monotonic()}\n")
            return answer

        box.chain.send_raw_transaction = slow  # type: ignore[method-assign]
        box.chain.transaction_count = lambda address: (box.chain.catch_up(), box.chain.counts.get(address, 0))[1]  # type: ignore[method-assign,func-returns-value]
        box.gateway.flush()
        code = 0
    finally:
        os._exit(code)


def _raise(fault: Exception):  # type: ignore[no-untyped-def]
    def raising(_raw: bytes) -> bytes:
        raise fault

    return raising

