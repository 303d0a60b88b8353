"""docs/formats says what the code does: generated parts are renewed, known answers come from the contract too."""

from __future__ import annotations

import pytest

from ledger.events.model import event_id
from ledger.outcomes_text import explain, remedy
from ledger.vocabulary import Outcome
from tests.contracts.format_docs import BLOCKS, FORMATS, VECTOR, rendered
from tests.contracts.world import FACTORY, World, key_of, sign


@pytest.mark.parametrize("document", BLOCKS)
def test_document__generated_parts__are_current(document: str) -> None:
    text = (FORMATS / document).read_text()
    assert text == rendered(text, {name: make() for name, make in BLOCKS[document].items()})


def test_vector__on_the_contract__has_the_id_that_python_computes(world: World) -> None:
    identifier = event_id(VECTOR, world.separator)
    world.evm.now_s = world.oracle.now = VECTOR.occurred_at_ms // 1000
    _, logs = world.evm.record([(VECTOR, sign(key_of(FACTORY), identifier), b"")])
    assert logs[0].values["eventId"] == identifier


@pytest.mark.parametrize("outcome", Outcome, ids=lambda x: x.name)
def test_outcome__sentence__is_one_and_ends(outcome: Outcome) -> None:
    for sentence in (explain(outcome), remedy(outcome)):
        assert sentence == "" or (sentence[0].isupper() and sentence.endswith("."))
        assert "revert" not in sentence.lower()
    assert explain(outcome)
    assert bool(remedy(outcome)) == (outcome is not Outcome.RECORDED)


def test_outcome__from_a_newer_ledger__still_has_a_sentence() -> None:
    newer = int.__new__(Outcome, 999)
    newer._name_, newer._value_ = "UNKNOWN_999", 999
    assert "999" in explain(newer)
    assert remedy(newer)
