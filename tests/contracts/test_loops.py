"""What the contracts' own tests send, on both loops of the embedded engine: every message once as it is and once with
too little gas. The deep run does it with every refusal, and with the other tests of this folder (CARGOLEDGER_TEST_LOOP=both).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from ledger.chain.embedded import interpreter
from ledger.vocabulary import Kind
from tests.contracts import test_journeys
from tests.contracts.evm import BOTH
from tests.contracts.test_machine import DEEP, LedgerMachine
from tests.contracts.test_refusals import CASES
from tests.contracts.world import CARRIER, World

JOURNEYS = [getattr(test_journeys, name) for name in (
    "test_journey__ship_to_export__every_act_is_recorded",
    "test_split_and_merge__with_short__conserve_every_balance",
    "test_correct__own_event_by_poster_and_by_customs__is_recorded",
    "test_opening__cancelled_or_denied__makes_nothing_and_can_be_posted_again",
    "test_limits__64_lots_in_one_event__are_recorded",
)]


@pytest.fixture(scope="module")
def both_loops() -> World:
    """A world of its own; its deployment is compared as well."""
    return World(BOTH)


@pytest.fixture
def world(both_loops: World) -> Iterator[World]:
    mark = both_loops.snapshot()
    before = both_loops.evm.compared_count
    yield both_loops
    assert both_loops.evm.compared_count > before
    both_loops.revert(mark)


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda x: x.__name__)
def test_loops__journey__same_on_both(journey: Any, world: World) -> None:
    journey(world)


@pytest.mark.parametrize("case", [case for _, case in (CASES if DEEP else CASES[::20])], ids=lambda x: x.__name__)
def test_loops__refusal__same_on_both(case: Any, world: World) -> None:
    case(world)


def test_loops__random_histories__same_on_both(world: World) -> None:
    class BothMachine(LedgerMachine):
        mark: Any = None

        def __init__(self) -> None:
            super().__init__()
            if BothMachine.mark is not None:
                world.revert(BothMachine.mark)
            BothMachine.mark, self.world = world.snapshot(), world

    run_state_machine_as_test(BothMachine, settings=settings(
        max_examples=12 if DEEP else 3, stateful_step_count=40 if DEEP else 30))
    world.revert(BothMachine.mark)


@pytest.mark.parametrize("fault", ["_WARM_SLOAD_GAS", "_WORD_GAS_HASH"])
def test_loops__planted_fault__is_noticed(fault: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.arrived("box")
    monkeypatch.setattr(interpreter, fault, getattr(interpreter, fault) + 1)
    with pytest.raises(AssertionError, match="the loops differ"):
        world.post(CARRIER, Kind.OBSERVE)
