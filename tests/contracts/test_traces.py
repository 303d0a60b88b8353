"""Histories on two engines: what the state machine does, and every case of the refusals, on py-evm and on anvil (revm).

Each transaction must have the same receipt to the byte (status, gas, logs) on the product's embedded chain and on anvil,
with the logs that the test saw and the oracle agreed to; at the end every word of storage must be the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from ledger.vocabulary import Kind
from tests.contracts.evm import Sent
from tests.contracts.second_engine import Replay, second_engine
from tests.contracts.test_machine import LedgerMachine
from tests.contracts.test_refusals import CASES
from tests.contracts.world import AGENCY, CARRIER, TERMINAL, World, ln

DEEP = os.environ.get("CARGOLEDGER_TEST_PROFILE") == "deep"
BEGIN_S = 10_000  # after the setup, whose blocks each took a second

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def replay(_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with second_engine() as url:
        yield Replay(url, tmp_path_factory.mktemp("engines"), _world.evm.sent)


@pytest.fixture
def trace(world: World) -> Iterator[Trace]:
    trace = Trace(world)
    yield trace
    world.tick_s = 0


class Trace:
    """What is done to a world from now on."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.setup = len(world.evm.sent)
        world.pass_time(BEGIN_S)
        world.tick_s = 1

    @property
    def sent(self) -> list[Sent]:
        return self.world.evm.sent[self.setup:]

    def agrees(self, replay: Replay) -> None:
        evm = self.world.evm
        replay.agree(self.sent, (evm.ledger, evm.participants, evm.manager))


def test_trace__of_random_histories__same_receipts_and_storage_on_both_engines(replay: Replay) -> None:
    class TraceMachine(LedgerMachine):
        def begin(self) -> None:
            self.trace = Trace(self.world)

        def teardown(self) -> None:
            try:
                super().teardown()
                self.trace.agrees(replay)
            finally:
                self.world.tick_s = 0  # other machines use this world too

    run_state_machine_as_test(TraceMachine, settings=settings(
        max_examples=24 if DEEP else 3, stateful_step_count=50 if DEEP else 30))


# One world takes many cases: each begins where the world stood, and its transactions are sent to fresh chains.
@pytest.mark.parametrize("case", [case for _, case in (CASES if DEEP else CASES[::25])], ids=lambda x: x.__name__)
def test_trace__of_a_refusal__same_receipts_and_storage_on_both_engines(case: Any, trace: Trace, replay: Replay) -> None:
    case(trace.world)
    trace.agrees(replay)


# ---- the comparison itself: it must see what differs

@pytest.fixture
def held(trace: Trace) -> Trace:
    trace.world.arrived("box")
    trace.world.held("box", AGENCY)
    trace.world.post(TERMINAL, Kind.GATE_OUT, ln("box"))
    return trace


def test_agree__a_log_that_the_test_did_not_see__is_noticed(held: Trace, replay: Replay) -> None:
    sent = held.sent
    address, topics, data = sent[1].logs[-1]
    sent[1] = replace(sent[1], logs=(*sent[1].logs[:-1], (address, topics, data[:-1] + b"\xff")))
    with pytest.raises(AssertionError):
        replay.agree(sent, ())


def test_agree__one_word_that_differs__is_noticed(held: Trace, replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = held.world.evm.ledger
    replay.agree(held.sent, (ledger,))
    really = replay.anvil.storage

    def one_more() -> dict[bytes, dict[int, int]]:
        found = really()
        found[ledger][2**255] = 1
        return found

    monkeypatch.setattr(replay.anvil, "storage", one_more)
    with pytest.raises(AssertionError, match="storage at the end"):
        replay.agree(held.sent, (ledger,))


def test_agree__other_transactions_on_one_engine__is_noticed(
    held: Trace, replay: Replay, monkeypatch: pytest.MonkeyPatch,
) -> None:
    really = replay.anvil.send
    monkeypatch.setattr(replay.anvil, "send", lambda planned: really(planned[:-1]))
    with pytest.raises(AssertionError):
        replay.agree(held.sent, ())


def test_agree__twice_the_same__leaves_nothing_behind(trace: Trace, replay: Replay) -> None:
    trace.world.ok(CARRIER, Kind.OBSERVE)
    trace.agrees(replay)
    trace.agrees(replay)
