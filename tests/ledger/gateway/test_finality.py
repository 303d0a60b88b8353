"""Outcomes come only from blocks that count; what a reorganisation throws out is sent again; a final block never changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import UnavailableError
from ledger.gateway.finality import BlockReplacedError
from ledger.vocabulary import Outcome
from tests.ledger.gateway.fakes import SEPARATOR, Bench, bench, custody, submission

LABEL = "urn:test:1:0"


def confirmed(tmp_path: Path, count: int = 2) -> Bench:
    return bench(tmp_path, confirmations=count)


def test_confirmations__too_few_yet__submitted_in_a_block_then_recorded(tmp_path: Path) -> None:
    box = confirmed(tmp_path)
    box.gateway.submit(submission(custody(nonce=0)))
    assert box.gateway.flush() == []
    status = box.gateway.status(LABEL)
    assert (status.label, status.block_number, status.final) == ("submitted", 1, False)
    assert status.history[-1].note == "in block 1, which counts after 2 more"
    box.chain.mine()
    assert box.gateway.flush() == []
    assert len(box.gateway.status(LABEL).history) == 3  # said once a block
    box.chain.mine()
    assert [s.label for s in box.gateway.flush()] == ["recorded"]
    assert box.gateway.status(LABEL).history[-1].block_number == 1


def test_confirmations__while_one_batch_waits__the_next_ones_go(tmp_path: Path) -> None:
    box = confirmed(tmp_path)
    for nonce in range(3):
        box.gateway.submit(submission(custody(nonce=nonce)))
        box.gateway.flush()
    assert len(box.chain.blocks) == 3 and box.gateway.counts() == {"submitted": 3}
    assert [s.epcis_event_id for s in box.gateway.flush()] == ["urn:test:1:0"]
    box.chain.mine(2)
    assert [s.epcis_event_id for s in box.gateway.flush()] == ["urn:test:1:1", "urn:test:1:2"]


@pytest.mark.parametrize("kept", [False, True], ids=["lost", "waiting-in-the-pool"])
def test_confirmations__block_replaced__back_to_submitted_sent_again_and_recorded_once(tmp_path: Path, kept: bool) -> None:
    box = confirmed(tmp_path)
    box.gateway.submit(submission(custody(nonce=0)))
    box.gateway.flush()
    before = box.gateway.status(LABEL)
    box.chain.reorg(1, keep=kept)
    box.chain.mines = False  # so that the moment in between can be seen
    with pytest.raises(UnavailableError):
        box.gateway.flush()
    status = box.gateway.status(LABEL)
    assert (status.label, status.block_number) == ("submitted", None)
    assert status.history[-1].note == "block 1 was replaced by one without it; sent again"
    box.chain.mines = True
    box.chain.mine(3)
    assert [s.label for s in box.gateway.flush()] == ["recorded"]
    after = box.gateway.status(LABEL)
    assert after.tx_hash == before.tx_hash and after.block_number == 2
    assert box.chain.taken == [submission(custody(nonce=0)).event_id(SEPARATOR)]


def test_confirmations__outcome_differs_after_the_reorganisation__the_final_one_counts(tmp_path: Path) -> None:
    box = confirmed(tmp_path)
    box.gateway.submit(submission(custody(nonce=0)))
    box.gateway.flush()
    box.chain.judge = lambda _e, _p: Outcome.HELD
    box.chain.reorg(1)
    box.gateway.flush()
    box.chain.mine(2)
    assert [s.label for s in box.gateway.flush()] == ["refused:HELD"]


def test_confirmations__restart_in_between__nothing_is_forgotten(tmp_path: Path) -> None:
    box = confirmed(tmp_path)
    box.gateway.submit(submission(custody(nonce=0)))
    box.gateway.flush()
    box.store.close()
    again = bench(tmp_path, chain=box.chain, confirmations=2)
    assert again.gateway.status(LABEL).block_number == 1
    box.chain.mine(2)
    assert [s.label for s in again.gateway.flush()] == ["recorded"]
    assert box.chain.calls == ["send 0"]


def test_instant__final_block_replaced__halts_keeps_both_headers_and_sends_nothing(tmp_path: Path) -> None:
    box = bench(tmp_path)
    box.gateway.submit(submission(custody(nonce=0)))
    box.gateway.flush()
    kept = box.chain.header(1)
    box.chain.reorg(1)
    box.gateway.submit(submission(custody(nonce=1)))
    sent = len(box.chain.calls)
    for _ in range(2):  # at every start again
        with pytest.raises(BlockReplacedError, match="consensus fault"):
            box.gateway.flush()
    assert len(box.chain.calls) == sent and box.gateway.status(LABEL).label == "recorded"
    found = box.chain.header(1)
    assert kept and found
    evidence = box.store.rows("SELECT * FROM fork_evidence")
    assert [(row["number"], row["kept"], row["found"]) for row in evidence] == [(1, kept.rlp, found.rlp)]


@pytest.mark.parametrize("apart", [0, 3])
def test_instant__other_ancestors_of_the_new_block__halts_before_anything_is_settled(tmp_path: Path, apart: int) -> None:
    box = bench(tmp_path)
    box.gateway.submit(submission(custody(nonce=0)))
    box.gateway.flush()
    box.chain.mine(apart)
    box.gateway.submit(submission(custody(nonce=1)))
    send = box.chain.send_raw_transaction

    def forked(raw: bytes) -> bytes:  # between our look at the chain and our block
        answer = send(raw)
        box.chain.salts[1] = b"*"
        return answer

    box.chain.send_raw_transaction = forked  # type: ignore[method-assign]
    with pytest.raises(BlockReplacedError):
        box.gateway.flush()
    assert box.gateway.status("urn:test:1:1").label == "submitted"


def test_confirmations__deeper_reorganisation_than_they_cover__halts(tmp_path: Path) -> None:
    box = confirmed(tmp_path, 1)
    box.gateway.submit(submission(custody(nonce=0)))
    box.gateway.flush()
    box.chain.mine()
    assert len(box.gateway.flush()) == 1
    box.chain.reorg(1)
    box.gateway.submit(submission(custody(nonce=1)))
    with pytest.raises(BlockReplacedError, match="1 confirmations were too few"):
        box.gateway.flush()


def test_final_block__node_is_behind_it__waits_instead_of_judging(tmp_path: Path) -> None:
    box = bench(tmp_path)
    box.gateway.submit(submission(custody(nonce=0)))
    box.gateway.flush()
    box.gateway.submit(submission(custody(nonce=1)))
    header = box.chain.header
    box.chain.header = lambda number: None if number == 1 else header(number)  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match="behind"):
        box.gateway.flush()
    assert box.gateway.counts() == {"queued": 1, "recorded": 1}
