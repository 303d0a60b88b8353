"""What must be possible with containers and their contents, and what an act on them costs."""

from __future__ import annotations

import pytest

from ledger.vocabulary import Balance, Kind, LineRole, Outcome, Thing, UnitStatus
from tests.contracts.refusals_inside import bale_in_box, export_box, lot_in_box
from tests.contracts.world import (
    AGENCY,
    AT_CFS,
    AT_FACTORY,
    AT_TERMINAL,
    BOOK,
    CARRIER,
    CFS,
    CUSTOMS,
    FACTORY,
    TERMINAL,
    World,
    ln,
    uid,
)

FINISHED, LOADED, RAW = Balance.FINISHED, Balance.LOADED, Balance.RAW
INPUT, OUTPUT = LineRole.INPUT, LineRole.OUTPUT
CONTAINER, CARGO, EMPTY = LineRole.CONTAINER, LineRole.CARGO, LineRole.EMPTY_CONTAINER


def test_stuffed_cargo__goes_where_its_container_goes(world: World) -> None:
    w = world
    bale_in_box(w)
    w.hand_over("box", CARRIER, CFS, AT_CFS)
    bale = w.oracle.units[uid("bale")]
    assert (bale.custodian, bale.status, bale.inside) == (0, UnitStatus.NONE, uid("box"))  # nothing of its own
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("bale"), ln("box"))
    w.ok(CFS, Kind.GATE_OUT, ln("box"))
    w.ok(CFS, Kind.STRIP, ln("box", CONTAINER), ln("bale", INPUT))
    bale = w.oracle.units[uid("bale")]
    assert (bale.custodian, bale.facility, bale.status, bale.eligible) == (CFS, AT_CFS, UnitStatus.FREE, False)
    w.ok(CFS, Kind.CLOSE, ln("box"))
    w.check()


def test_stuffed_cargo__taken_out_while_supervised__keeps_its_own_eligibility(world: World) -> None:
    bale_in_box(world)
    world.ok(CUSTOMS, Kind.ELIGIBLE, ln("bale"))
    world.ok(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("bale", INPUT))
    world.ok(CARRIER, Kind.GATE_OUT, ln("bale"))


def test_eligible_cargo__stuffed__counts_as_eligible(world: World) -> None:
    w = world
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), ln("bale", CARGO), facility=AT_TERMINAL)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("bale"), ln("box"))
    w.ok(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))
    w.ok(TERMINAL, Kind.GATE_OUT, ln("box"))


def test_contents__out_and_in_again__are_eligible_after_a_new_word_of_customs(world: World) -> None:
    w = world
    bale_in_box(w)
    for keeper, place in ((CARRIER, AT_CFS), (CFS, 0)):
        w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"), ln("bale"))
        w.ok(keeper, Kind.GATE_OUT, ln("box"))
        if place:
            w.hand_over("box", keeper, CFS, place)
    w.check()


def test_hold_on_the_contents__lifted__the_container_may_go(world: World) -> None:
    w = world
    bale_in_box(w)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"), ln("bale"))
    w.held("bale", AGENCY)
    w.held("bale", CUSTOMS)
    w.ok(AGENCY, Kind.UNHOLD, ln("bale"))
    assert w.post(CARRIER, Kind.GATE_OUT, ln("box")) is Outcome.HELD
    w.ok(CUSTOMS, Kind.UNHOLD, ln("bale"))
    w.ok(CARRIER, Kind.GATE_OUT, ln("box"))


def test_hold_of_the_container__follows_what_is_taken_out__and_can_be_lifted_from_it(world: World) -> None:
    w = world
    bale_in_box(w)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("bale"))
    w.held("box", AGENCY)
    w.ok(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("bale", INPUT))
    assert w.oracle.units[uid("bale")].holds == {5}
    w.ok(AGENCY, Kind.UNHOLD, ln("bale"))
    w.ok(CARRIER, Kind.GATE_OUT, ln("bale"))


def test_full_container__stripped__its_cargo_has_its_place_status_and_holds(world: World) -> None:
    w = world
    w.arrived("box")
    w.held("box", AGENCY)
    w.ok(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("one", OUTPUT), ln("two", OUTPUT))
    for name in ("one", "two"):
        cargo = w.oracle.units[uid(name)]
        assert (cargo.thing, cargo.status, cargo.facility) == (Thing.CARGO, UnitStatus.SUPERVISED, AT_TERMINAL)
        assert cargo.holds == {5}
    assert w.oracle.units[uid("box")].status is UnitStatus.STRIPPED
    w.ok(AGENCY, Kind.UNHOLD, ln("one"), ln("box"))
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("one"))
    w.ok(CARRIER, Kind.GATE_OUT, ln("one"))
    w.ok(CARRIER, Kind.CLOSE, ln("box"))


def test_import__container_stripped_at_the_cfs__cargo_received_into_the_book(world: World) -> None:
    w = world
    w.arrived("box")
    w.hand_over("box", CARRIER, CFS, AT_CFS)
    w.ok(CFS, Kind.STRIP, ln("box", CONTAINER), ln("bale", OUTPUT))
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("bale"))
    w.ok(CFS, Kind.GATE_OUT, ln("bale"))
    w.hand_over("bale", CFS, FACTORY, AT_FACTORY)
    w.declared("E31", LineRole.RECEIVE, 10, "fabric")
    w.ok(FACTORY, Kind.RECEIVE_FACTORY, ln("roll", OUTPUT, q=10, balance=RAW, material="fabric"), ln("bale", CARGO),
         book=BOOK, reference=uid("E31"))
    w.ok(FACTORY, Kind.CLOSE, ln("bale"))


def test_export__stuffed_loaded_exited_and_closed_by_the_operator(world: World) -> None:
    w = world
    export_box(w)
    w.ok(CFS, Kind.EXIT_CONFIRM, ln("shirts", q=2, balance=LOADED), reference=uid("E62"))
    w.ok(CUSTOMS, Kind.COUNT, ln("shirts", q=3, balance=LOADED), book=BOOK)
    w.ok(CFS, Kind.EXIT_CONFIRM, ln("shirts", q=3, balance=LOADED), reference=uid("E62"))
    w.ok(CFS, Kind.CLOSE, ln("box"), ln("shirts", INPUT))
    lot, box = w.oracle.units[uid("shirts")], w.oracle.units[uid("box")]
    assert (lot.custodian, lot.inside, box.status) == (CFS, bytes(32), UnitStatus.CLOSED)
    w.check()


def test_export__loaded_and_unloaded_inside_the_container(world: World) -> None:
    w = world
    export_box(w)
    w.ok(FACTORY, Kind.UNLOAD, ln("shirts", q=2, balance=LOADED), reference=uid("E62"))
    assert w.oracle.lines[uid("E62")].drawn == 3
    w.ok(CFS, Kind.EXPORT_LOAD, ln("shirts", q=1, balance=FINISHED), reference=uid("E62"))  # the custodian may, too
    assert w.oracle.lines[uid("E62")].drawn == 4


def test_stripped_container__takes_lots_for_export(world: World) -> None:
    w = world
    w.freed("box")
    w.ok(FACTORY, Kind.STRIP, ln("box", CONTAINER), ln("bale", OUTPUT))
    w.made("shirts", 5)
    w.ok(FACTORY, Kind.STUFF, ln("box", CONTAINER), ln("shirts", INPUT))
    w.ok(FACTORY, Kind.STRIP, ln("box", CONTAINER), ln("shirts", INPUT))


def test_empty_lot__in_a_held_container__is_taken_out_without_the_hold(world: World) -> None:
    """Nobody could lift a hold from an empty lot."""
    w = world
    export_box(w)
    w.ok(CFS, Kind.EXIT_CONFIRM, ln("shirts", q=5, balance=LOADED), reference=uid("E62"))
    w.held("box", AGENCY)
    w.ok(CFS, Kind.STRIP, ln("box", CONTAINER), ln("shirts", INPUT))
    assert w.oracle.units[uid("shirts")].holds == set()


def test_partial_handover__part_split_off_and_accepted_with_less_found(world: World) -> None:
    w = world
    w.received("roll", 10)
    w.ok(FACTORY, Kind.SPLIT, ln("roll", INPUT), ln("part", OUTPUT, q=4, balance=RAW))
    offer = w.ok(FACTORY, Kind.OFFER, ln("part", q=4, balance=RAW), counterparty=CFS)
    w.ok(CFS, Kind.ACCEPT, ln("part", q=3, balance=RAW), reference=offer)
    assert w.oracle.lots[uid("part")].amounts == {RAW: 3, Balance.SHORT: 1}
    assert w.oracle.units[uid("roll")].custodian == FACTORY
    assert w.oracle.units[uid("part")].custodian == CFS


def test_lot_inside__is_in_the_custody_of_who_keeps_the_container(world: World) -> None:
    w = world
    lot_in_box(w)
    w.hand_over("box", FACTORY, TERMINAL, AT_TERMINAL)
    w.ok(TERMINAL, Kind.STRIP, ln("box", CONTAINER), ln("shirts", INPUT))
    assert w.oracle.units[uid("shirts")].custodian == TERMINAL


def gas_of_the_way(world: World, count: int) -> list[int]:
    """Gas of each act on a container with that many cargo inside: hold, unhold, offer, accept, eligible, out, strip one."""
    w = world
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), *(ln(f"bale {i}", CARGO) for i in range(count)), facility=AT_TERMINAL)
    w.ok(CARRIER, Kind.STUFF, ln("box", CONTAINER), *(ln(f"bale {i}", INPUT) for i in range(count)))
    w.ok(CUSTOMS, Kind.ELIGIBLE, *(ln(f"bale {i}") for i in range(count)))
    spent = []

    def act(by: int, kind: Kind, *lines: object, **fields: object) -> bytes:
        identifier = w.ok(by, kind, *lines, **fields)  # type: ignore[arg-type]
        spent.append(w.last_gas)
        return identifier

    act(CUSTOMS, Kind.HOLD, ln("box"))
    act(CUSTOMS, Kind.UNHOLD, ln("box"))
    offer = act(CARRIER, Kind.OFFER, ln("box"), counterparty=CFS)
    act(CFS, Kind.ACCEPT, ln("box"), reference=offer, facility=AT_CFS)
    act(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    act(CFS, Kind.GATE_OUT, ln("box"))
    act(CFS, Kind.STRIP, ln("box", CONTAINER), ln("bale 0", INPUT))
    return spent


def test_acts_on_a_container__one_ten_or_sixty_things_inside__cost_the_same(world: World) -> None:
    costs = []
    for count in (1, 10, 60):
        mark = world.snapshot()
        costs.append(gas_of_the_way(world, count))
        world.revert(mark)
    for one, ten, sixty in zip(*costs, strict=True):
        assert one == ten == sixty


@pytest.mark.parametrize("role", [CONTAINER, CARGO])
def test_unit__terminated_by_a_stranger__is_refused(world: World, role: LineRole) -> None:
    """Earlier systems let anyone end a record that they could name."""
    world.freed("thing", role)
    for stranger in (CARRIER, TERMINAL, CFS, CUSTOMS):
        assert world.post(stranger, Kind.CLOSE, ln("thing")) is Outcome.NOT_CUSTODIAN
