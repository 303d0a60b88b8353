"""Who may do what to which thing in which state: the page is current, and both engines do in every cell what it says.

The things were put into their states by real events, mined by anvil; py-evm takes over what anvil has stored. Of each
act outcome, logs and every word of storage that changed must be the same on both, and the outcome that of the oracle.
In the deep profile every cell is run; else of each table one act for each outcome and sort of thing. The table itself is
held to the words of the event model (`tests/contracts/table/model.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from ledger.events.model import ABI_SIGNED_EVENT, ZERO32, fold_head
from ledger.vocabulary import Kind, Outcome
from tests.contracts.evm import GATEWAY, Evm, RawLog, call_data
from tests.contracts.second_engine import Anvil, Schedule, raw_log, second_engine
from tests.contracts.table import render
from tests.contracts.table.cells import Cell, cells, known_id, paper_scene, witness_of
from tests.contracts.table.model import (
    ANYBODY,
    CUSTOMS,
    EMPTY,
    HELD,
    HELD_AND_SECURE,
    INSIDE,
    TERMINAL,
    UNDER_OFFER,
    VEHICLES,
    WHO,
)
from tests.contracts.table.scene import POSTERS, Item, Scene
from tests.contracts.table.texts import TEXTS
from tests.contracts.world import Mirror, World, key_of, sign

DEEP = os.environ.get("CARGOLEDGER_TEST_PROFILE") == "deep"

pytestmark = pytest.mark.timeout(1800)


@dataclass
class Tried:
    """The scene, all its cells, and how much was sent before the custodians were suspended."""

    scene: Scene
    cells: list[Cell]
    usual: int
    stand: Mirror


@pytest.fixture(scope="module")
def tried() -> Tried:
    scene = paper_scene()
    usual, stand = len(scene.world.evm.sent), Mirror.of(scene.world.oracle)
    return Tried(scene, list(cells(scene)), usual, stand)


class Engines:
    """anvil with the scene on it, and py-evm with what anvil has stored."""

    def __init__(self, url: str, tried: Tried) -> None:
        self.evm = Evm()
        self.anvil = Anvil(url)
        self.separator = tried.scene.world.separator
        self.now_s = tried.scene.world.evm.now_s
        planned = Schedule().of(tried.scene.world.evm.sent)
        self.logs: list[RawLog] = self._mine(planned[:tried.usual])
        self._suspensions = planned[tried.usual:]
        self._take_over()
        self._marks: tuple[str, object] | None = None

    def _mine(self, planned: Sequence[tuple[int, bytes]]) -> list[RawLog]:
        receipts = self.anvil.send(planned)
        assert all(int(x["status"], 16) == 1 for x in receipts)
        return [raw_log(log) for x in receipts for log in x["logs"]]

    def _take_over(self) -> None:
        for address, words in self.anvil.storage().items():
            if address in (self.evm.manager, self.evm.participants, self.evm.ledger):
                self.evm.put_storage(address, words)

    def suspend(self, yes: bool) -> None:
        """Whether the custodians are suspended from now on."""
        if yes and self._marks is None:
            self._marks = self.anvil.ask([("evm_snapshot", [])])[0], self.evm.snapshot()
            self._mine(self._suspensions)
            self._take_over()
        elif not yes and self._marks is not None:
            assert self.anvil.ask([("evm_revert", [self._marks[0]])]) == [True]
            self.evm.revert(self._marks[1])
            self._marks = None

    def agree(self, batches: Sequence[Sequence[Cell]]) -> None:
        """Each batch of acts as one call on both engines; nothing remains of it.

        Raises:
            AssertionError: the engines differ, or do something else than the oracle.
        """
        evm = self.evm
        calls = [call_data(f"record({ABI_SIGNED_EVENT}[])", [
            (x.event.abi(), sign(key_of(x.key), known_id(x.event, self.separator)), witness_of(x, self.separator))
            for x in batch]) for batch in batches]
        traced = self.anvil.trace([(GATEWAY, evm.ledger, x) for x in calls], self.now_s)
        for batch, call, theirs in zip(batches, calls, traced, strict=True):
            mark = evm.snapshot()
            evm.now_s = self.now_s
            evm.written.clear()
            output, logs = evm.send(evm.ledger, call, GATEWAY)
            codes = [Outcome(int.from_bytes(output[i:i + 32], "big")) for i in range(64, len(output), 32)]
            for cell, code in zip(batch, codes, strict=True):
                assert code is cell.outcome, f"{cell.name}: the contract says {code.name}, the table {cell.outcome.name}"
            assert output == theirs.output, batch[0].name
            assert evm.sent[-1].logs == theirs.logs, batch[0].name
            assert [x.values["act"] & 0xFFFF if x.name == "EventOutcome" else x.values["code"] for x in logs
                    if x.name in ("EventOutcome", "EventNotTaken")] == codes
            after = {place: evm.storage(*place) for place in evm.written}
            unit = batch[0].item.unit
            head = evm.view(evm.ledger, "headOf(bytes32)", "bytes32", unit)
            evm.revert(mark)
            changed = {place: word for place, word in after.items() if word != evm.storage(*place)}
            assert changed == theirs.changed, batch[0].name
            self._check_head(batch, unit, head)

    def _check_head(self, batch: Sequence[Cell], unit: bytes, head: bytes) -> None:
        """The head of the thing is folded over the outcomes of all acts that name it."""
        expected = self.evm.view(self.evm.ledger, "headOf(bytes32)", "bytes32", unit)
        event = batch[0].event
        if unit != ZERO32 and (unit in {x.unit for x in event.lines} or head != expected):
            for cell in batch:
                if cell.outcome.taken:
                    expected = fold_head(expected, known_id(event, self.separator), cell.outcome)
        assert head == expected, batch[0].name


@pytest.fixture(scope="module")
def engines(tried: Tried) -> Iterator[Engines]:
    with second_engine() as url:
        yield Engines(url, tried)


def chosen(found: Sequence[Cell]) -> list[Cell]:
    """Of each table one act for each outcome and sort of thing."""
    return list({(id(x.table), x.item.family, x.outcome): x for x in reversed(found)}.values())


def in_batches(found: Sequence[Cell]) -> list[list[Cell]]:
    """Acts that change nothing, as one batch for each thing; all others alone. No key twice in a batch."""
    batches: dict[object, dict[int, Cell]] = {}
    for cell in found:
        quiet = cell.outcome.refused and cell.table.kind is not Kind.APPROVE  # which ends what is pending when refused
        key = (id(cell.table), cell.item) if quiet else (cell.name,)
        batches.setdefault(key, {})[cell.key] = cell
    return [list(x.values()) for x in batches.values()]


# ---- the page

def test_page__is_what_the_rules_say(tried: Tried) -> None:
    hint = "run python -m tests.contracts.table.render"
    assert (render.REFERENCE / "kinds.md").read_text("utf-8") == render.document(tried.cells), hint
    assert (render.REFERENCE / "kinds.json").read_text("utf-8") == render.data(tried.cells), hint


def test_table__every_kind__has_words_and_cells(tried: Tried) -> None:
    assert set(TEXTS) == set(Kind)
    assert {x.table.kind for x in tried.cells} == set(Kind)
    assert {x.poster for x in tried.cells} == set(POSTERS)


def test_table__suspended__can_do_nothing(tried: Tried) -> None:
    codes = {x.outcome for x in tried.cells if x.poster == "suspended" and x.outcome.taken}
    assert codes == {Outcome.PARTICIPANT_SUSPENDED}


# ---- the event model's words

@pytest.fixture(scope="module")
def done(tried: Tried) -> list[Cell]:
    """What was recorded, or waits for approval."""
    return [x for x in tried.cells if not x.outcome.refused]


def taken(done: list[Cell], which: Callable[[Item], bool], *, families: tuple[str, ...] = (*VEHICLES, "lot")) -> list[Cell]:
    """Acts on things in such a state; a thing that is not in it must be listed as what it is."""
    found = [x for x in done if x.item.family in families and which(x.item)]
    assert found, "no thing of the scene is in this state"
    return found


@pytest.mark.parametrize("kind", Kind, ids=lambda x: x.name)
def test_who__only_those_and_all_those_of_the_event_model(kind: Kind, done: list[Cell]) -> None:
    found = [x for x in done if x.table.kind is kind]
    assert found
    if WHO[kind] == ANYBODY:
        return
    for cell in found:
        assert cell.key in {cell.item.poster(x) for x in WHO[kind]}, cell.name
    assert WHO[kind] <= {x.poster for x in found}, "somebody who may, never could"


def test_declare__a_line_that_exists__by_its_declarant_while_registered_and_by_customs(done: list[Cell]) -> None:
    lines = [x for x in done if x.table.kind is Kind.DECLARE and x.item.version != bytes(32)
             and any(line.unit == x.item.unit for line in x.event.lines)]
    assert {x.key for x in lines} > {6}
    for cell in lines:
        mine = cell.key == cell.item.custodian and "registered" in cell.item.state
        assert mine or cell.poster in CUSTOMS, cell.name


def test_held__takes_only_what_the_event_model_lists(done: list[Cell]) -> None:
    found = taken(done, lambda x: "held" in x.state)
    for cell in found:
        secure = cell.table.kind in HELD_AND_SECURE
        assert cell.table.kind in HELD or (secure and "runs no supervised" not in cell.table.about), cell.name
    assert {x.table.kind for x in found} >= HELD - {Kind.CORRECT, Kind.APPROVE, Kind.DENY}


def test_held__is_reassigned__never_to_free_nor_to_one_who_supervises_nothing(done: list[Cell]) -> None:
    tables = {x.table.about for x in taken(done, lambda x: "held" in x.state) if x.table.kind is Kind.REASSIGN}
    assert "custody, to the operator of a supervised facility" in tables
    assert not {"to free", "custody, to a participant that runs no supervised facility"} & tables


def test_under_offer__takes_only_what_the_event_model_lists(done: list[Cell]) -> None:
    found = {x.table.kind for x in taken(done, lambda x: "under offer" in x.state)}
    assert found == UNDER_OFFER - {Kind.CORRECT}


def test_transfer_open__takes_only_an_answer(done: list[Cell]) -> None:
    found = {x.table.kind for x in taken(done, lambda x: x.state.startswith("open"), families=("transfer",))}
    assert found == {Kind.ACCEPT, Kind.REFUSE, Kind.CANCEL}


def test_empty_lot__takes_only_what_the_event_model_lists(done: list[Cell]) -> None:
    found = taken(done, lambda x: x.state.startswith("empty"), families=("lot",))
    assert {x.table.kind for x in found} == EMPTY - {Kind.CORRECT}
    assert "a lot, into a new one" not in {x.table.about for x in found if x.table.kind is Kind.MERGE}


def test_inside__takes_only_what_the_event_model_lists(done: list[Cell]) -> None:
    found = {x.table.kind for x in taken(done, lambda x: any(x.inside))}
    assert found == INSIDE - {Kind.CORRECT}


def test_closed_and_cancelled__take_only_observations(done: list[Cell]) -> None:
    found = taken(done, lambda x: x.state in ("closed", "cancelled"), families=(*VEHICLES, "receive", "export", "re-export"))
    assert {x.table.kind for x in found} <= TERMINAL


def test_line_held__nothing_is_drawn_and_nothing_exits(done: list[Cell]) -> None:
    lines = ("receive", "export", "re-export", "change of purpose", "transfer in", "transfer out")
    found = {x.table.kind for x in taken(done, lambda x: "held" in x.state, families=lines)}
    assert found == {Kind.OBSERVE, Kind.HOLD, Kind.UNHOLD, Kind.UNLOAD}


def test_gate_out__eligible_free_of_holds_and_offers_and_so_all_its_cargo(done: list[Cell]) -> None:
    states = {x.item.state for x in done if x.table.kind is Kind.GATE_OUT}
    assert states == {"supervised, eligible", "supervised, offer expired", "supervised, eligible, carried",
                      "supervised, eligible, eligible cargo inside"}


# ---- the engines

@pytest.mark.anvil
def test_scene__on_anvil__stands_as_the_oracle_has_it(tried: Tried, engines: Engines) -> None:
    mirror = Mirror()
    for entry in engines.logs:
        if entry[0] == engines.evm.ledger:
            mirror.apply(engines.evm.log(entry))
    out = {x for x, where in tried.stand.inside.items() if where == ZERO32 and x not in mirror.inside}
    mirror.inside |= dict.fromkeys(out, ZERO32)  # nothing is logged of what never was inside
    assert mirror == tried.stand


@pytest.mark.anvil
@pytest.mark.parametrize("kind", list(Kind), ids=lambda x: x.name)
def test_cells__on_py_evm_and_anvil__outcome_logs_and_storage_are_the_same(
    kind: Kind, tried: Tried, engines: Engines,
) -> None:
    found = [x for x in tried.cells if x.table.kind is kind]
    assert found
    for suspended in (False, True):
        engines.suspend(suspended)
        of_these = [x for x in found if (x.poster == "suspended") is suspended]
        engines.agree(in_batches(of_these if DEEP else chosen(of_these)))


@pytest.mark.deep
@pytest.mark.anvil
def test_scene__made_on_py_evm__has_every_word_that_anvil_has(tried: Tried, engines: Engines) -> None:
    engines.suspend(False)
    evm = Scene(World()).world.evm
    compared = 0
    for address, words in engines.anvil.storage().items():
        if address in (evm.participants, evm.ledger):
            compared += len(words)
            assert {slot: evm.storage(address, slot) for slot in words} == words
            others = {slot for where, slot in evm.written if where == address} - set(words)
            assert not any(evm.storage(address, slot) for slot in others)
    assert compared > 500
