"""Refusals about containers and what is inside: STUFF, STRIP, CLOSE, and every other kind on a thing inside."""

from __future__ import annotations

from ledger.vocabulary import Balance, Kind, LineRole, Outcome
from tests.contracts.cases import refused
from tests.contracts.world import (
    AGENCY,
    AT_CFS,
    AT_FACTORY,
    AT_TERMINAL,
    AT_YARD,
    BOOK,
    CARRIER,
    CFS,
    CUSTOMS,
    FACTORY,
    OTHER_FACTORY,
    STRICT_BOOK,
    TERMINAL,
    World,
    ln,
    uid,
)

RAW, WIP, FINISHED, SCRAP, LOADED = Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP, Balance.LOADED
INPUT, OUTPUT, PRODUCT = LineRole.INPUT, LineRole.OUTPUT, LineRole.PRODUCT
CONTAINER, CARGO, EMPTY = LineRole.CONTAINER, LineRole.CARGO, LineRole.EMPTY_CONTAINER


# ---- scenes

def bale_in_box(w: World) -> None:
    """A supervised cargo in an empty container, both the carrier's, at the terminal."""
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), ln("bale", CARGO), facility=AT_TERMINAL)
    w.ok(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))


def lot_in_box(w: World, q: int = 5) -> None:
    """A finished lot in a free container at the factory."""
    w.made("shirts", q)
    w.ok(FACTORY, Kind.ARRIVE, ln("box", EMPTY), facility=AT_FACTORY)
    w.ok(FACTORY, Kind.STUFF, ln("box", CONTAINER), ln("shirts", INPUT))


def raw_in_box(w: World) -> None:
    w.received("roll", 5)
    w.ok(FACTORY, Kind.ARRIVE, ln("box", EMPTY), facility=AT_FACTORY)
    w.ok(FACTORY, Kind.STUFF, ln("box", CONTAINER), ln("roll", INPUT))


def export_box(w: World, *, line: str = "E62") -> None:
    """A loaded lot in a container that stands at the CFS, under supervision."""
    lot_in_box(w)
    w.declared(line, LineRole.EXPORT, 5, "shirt")
    w.ok(FACTORY, Kind.EXPORT_LOAD, ln("shirts", q=5, balance=FINISHED), reference=uid(line))
    w.hand_over("box", FACTORY, CFS, AT_CFS)


# ---- STUFF

@refused(Outcome.LINES_MISSING)
def stuff__no_container(w: World) -> Outcome:
    return w.post(CARRIER, Kind.STUFF, ln("bale", INPUT), ln("other bale", INPUT))


@refused(Outcome.FIELD_NOT_ALLOWED)
def stuff__two_containers(w: World) -> Outcome:
    return w.post(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("other box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.UNKNOWN_UNIT)
def stuff__container_unknown(w: World) -> Outcome:
    w.arrived("bale", CARGO)
    return w.post(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.TERMINAL_UNIT)
def stuff__closed_container(w: World) -> Outcome:
    w.freed("box")
    w.ok(FACTORY, Kind.CLOSE, ln("box"))
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.STUFF, ln("box", CONTAINER), ln("lot", INPUT))


@refused(Outcome.WRONG_THING)
def stuff__into_cargo(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("bale", CARGO), ln("other bale", CARGO), facility=AT_TERMINAL)
    return w.post(CARRIER, Kind.STUFF, ln("bale", CONTAINER), ln("other bale", INPUT))


@refused(Outcome.WRONG_THING)
def stuff__a_container_into_a_container(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), ln("other box", EMPTY), facility=AT_TERMINAL)
    return w.post(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("other box", INPUT))


@refused(Outcome.NOT_CUSTODIAN)
def stuff__container_of_another(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), facility=AT_TERMINAL)
    w.ok(TERMINAL, Kind.ARRIVE, ln("bale", CARGO), facility=AT_TERMINAL)
    return w.post(TERMINAL, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.NOT_CUSTODIAN)
def stuff__goods_of_another(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), facility=AT_TERMINAL)
    w.ok(TERMINAL, Kind.ARRIVE, ln("bale", CARGO), facility=AT_TERMINAL)
    return w.post(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.HELD)
def stuff__held_cargo(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), ln("bale", CARGO), facility=AT_TERMINAL)
    w.held("bale")
    return w.post(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.HELD)
def stuff__held_container(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), ln("bale", CARGO), facility=AT_TERMINAL)
    w.held("box")
    return w.post(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.HELD)
def stuff__something_inside_held(w: World) -> Outcome:
    bale_in_box(w)
    w.held("bale")
    w.arrived("other bale", CARGO)
    return w.post(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("other bale", INPUT))


@refused(Outcome.UNDER_OFFER)
def stuff__container_under_offer(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), ln("bale", CARGO), facility=AT_TERMINAL)
    w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    return w.post(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.UNDER_OFFER)
def stuff__cargo_under_offer(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), ln("bale", CARGO), facility=AT_TERMINAL)
    w.ok(CARRIER, Kind.OFFER, ln("bale"), counterparty=TERMINAL)
    return w.post(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.INSIDE_CONTAINER)
def stuff__what_is_inside_already(w: World) -> Outcome:
    bale_in_box(w)
    return w.post(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.EMPTY_LOT)
def stuff__empty_lot(w: World) -> Outcome:
    w.bought("lot", 5)
    w.ok(FACTORY, Kind.SELL_INLAND, ln("lot", q=5, balance=RAW), book=BOOK)
    w.ok(FACTORY, Kind.ARRIVE, ln("box", EMPTY), facility=AT_FACTORY)
    return w.post(FACTORY, Kind.STUFF, ln("box", CONTAINER), ln("lot", INPUT))


@refused(Outcome.NOT_TOGETHER)
def stuff__cargo_elsewhere(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), facility=AT_TERMINAL)
    w.ok(CARRIER, Kind.ARRIVE, ln("bale", CARGO), facility=AT_CFS)
    return w.post(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.NOT_TOGETHER)
def stuff__supervised_cargo_into_a_free_container(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), ln("bale", CARGO), facility=AT_TERMINAL)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    w.ok(CARRIER, Kind.GATE_OUT, ln("box"))
    return w.post(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.NOT_EMPTY)
def stuff__lot_into_an_import_container_under_supervision(w: World) -> Outcome:
    w.bought("lot", 5)
    w.arrived("box")
    w.hand_over("box", CARRIER, FACTORY)
    return w.post(FACTORY, Kind.STUFF, ln("box", CONTAINER), ln("lot", INPUT))


# ---- STRIP

@refused(Outcome.LINES_MISSING)
def strip__no_container(w: World) -> Outcome:
    return w.post(CARRIER, Kind.STRIP, ln("bale", INPUT), ln("other bale", INPUT))


@refused(Outcome.FIELD_NOT_ALLOWED)
def strip__taking_out_and_making_at_once(w: World) -> Outcome:
    bale_in_box(w)
    return w.post(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("bale", INPUT), ln("new", OUTPUT))


@refused(Outcome.WRONG_THING)
def strip__cargo(w: World) -> Outcome:
    w.arrived("bale", CARGO)
    return w.post(CARRIER, Kind.STRIP, ln("bale", CONTAINER), ln("new", OUTPUT))


@refused(Outcome.NOT_CUSTODIAN)
def strip__by_the_operator(w: World) -> Outcome:
    w.arrived("box")
    return w.post(TERMINAL, Kind.STRIP, ln("box", CONTAINER), ln("new", OUTPUT))


@refused(Outcome.UNDER_OFFER)
def strip__container_under_offer(w: World) -> Outcome:
    bale_in_box(w)
    w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    return w.post(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.NOT_INSIDE)
def strip__cargo_beside_the_container(w: World) -> Outcome:
    bale_in_box(w)
    w.arrived("other bale", CARGO)
    return w.post(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("other bale", INPUT))


@refused(Outcome.NOT_INSIDE)
def strip__out_of_another_container(w: World) -> Outcome:
    bale_in_box(w)
    w.arrived("other box")
    return w.post(CARRIER, Kind.STRIP, ln("other box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.NOT_INSIDE)
def strip__twice(w: World) -> Outcome:
    bale_in_box(w)
    w.ok(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("bale", INPUT))
    return w.post(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("bale", INPUT))


@refused(Outcome.NOTHING_TO_STRIP)
def strip__container_that_arrived_empty(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), facility=AT_TERMINAL)
    return w.post(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("new", OUTPUT))


@refused(Outcome.NOTHING_TO_STRIP)
def strip__container_stripped_already(w: World) -> Outcome:
    w.arrived("box")
    w.ok(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("new", OUTPUT))
    return w.post(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("more", OUTPUT))


@refused(Outcome.NOTHING_TO_STRIP)
def strip__stripped_container_that_customs_put_under_supervision_again(w: World) -> Outcome:
    w.add_key(51, CUSTOMS)
    w.corrected_arrival("box")
    w.ok(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("new", OUTPUT))
    again = w.event(Kind.REASSIGN, ln("box", LineRole.SUPERVISED), reference=w.last_corrected)
    assert w.approved(again, CUSTOMS, approver=51) is Outcome.RECORDED
    return w.post(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("more", OUTPUT))


@refused(Outcome.NOT_EMPTY)
def strip__making_cargo_while_something_known_is_inside(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", CONTAINER), ln("bale", CARGO), facility=AT_TERMINAL)
    w.ok(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))
    return w.post(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("new", OUTPUT))


@refused(Outcome.UNIT_EXISTS)
def strip__cargo_that_exists(w: World) -> Outcome:
    w.arrived("box")
    w.arrived("bale", CARGO)
    return w.post(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("bale", OUTPUT))


@refused(Outcome.NOT_ELIGIBLE)
def gate_out__cargo_made_of_an_eligible_container(w: World) -> Outcome:
    w.arrived("box")
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    w.ok(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("bale", OUTPUT))
    return w.post(CARRIER, Kind.GATE_OUT, ln("bale"))


@refused(Outcome.HELD)
def gate_out__cargo_out_of_a_held_container(w: World) -> Outcome:
    bale_in_box(w)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("bale"))
    w.held("box", AGENCY)
    w.ok(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("bale", INPUT))
    return w.post(CARRIER, Kind.GATE_OUT, ln("bale"))


@refused(Outcome.NOT_SUPERVISED)
def gate_out__stripped_container(w: World) -> Outcome:
    w.arrived("box")
    w.ok(CARRIER, Kind.STRIP, ln("box", CONTAINER), ln("bale", OUTPUT))
    return w.post(CARRIER, Kind.GATE_OUT, ln("box"))


# ---- GATE_OUT, handovers with contents

@refused(Outcome.NOT_ELIGIBLE)
def gate_out__one_cargo_inside_not_eligible(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), ln("bale", CARGO), ln("other bale", CARGO), facility=AT_TERMINAL)
    w.ok(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT), ln("other bale", INPUT))
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"), ln("bale"))
    return w.post(CARRIER, Kind.GATE_OUT, ln("box"))


@refused(Outcome.NOT_ELIGIBLE)
def gate_out__cargo_inside_revoked(w: World) -> Outcome:
    bale_in_box(w)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"), ln("bale"))
    w.ok(CUSTOMS, Kind.REVOKE, ln("bale"))
    return w.post(CARRIER, Kind.GATE_OUT, ln("box"))


@refused(Outcome.NOT_ELIGIBLE)
def gate_out__eligibility_of_the_contents_was_used_up(w: World) -> Outcome:
    """Out and in again: the cargo inside must be declared eligible anew, though nobody touched it."""
    bale_in_box(w)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"), ln("bale"))
    w.ok(CARRIER, Kind.GATE_OUT, ln("box"))
    w.hand_over("box", CARRIER, CFS, AT_CFS)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    return w.post(CFS, Kind.GATE_OUT, ln("box"))


@refused(Outcome.HELD)
def gate_out__something_inside_held(w: World) -> Outcome:
    bale_in_box(w)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"), ln("bale"))
    w.held("bale", AGENCY)
    return w.post(CARRIER, Kind.GATE_OUT, ln("box"))


@refused(Outcome.HELD)
def offer__container_with_something_held_to_a_factory(w: World) -> Outcome:
    bale_in_box(w)
    w.held("bale", AGENCY)
    return w.post(CARRIER, Kind.OFFER, ln("box"), counterparty=FACTORY)


@refused(Outcome.HELD)
def accept__contents_held_after_the_offer(w: World) -> Outcome:
    bale_in_box(w)
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=FACTORY)
    w.held("bale")
    return w.post(FACTORY, Kind.ACCEPT, ln("box"), reference=offer)


@refused(Outcome.HELD)
def eligible__cargo_in_a_held_container(w: World) -> Outcome:
    bale_in_box(w)
    w.held("box")
    return w.post(CUSTOMS, Kind.ELIGIBLE, ln("bale"))


@refused(Outcome.NOT_SUPERVISED)
def eligible__cargo_in_a_free_container(w: World) -> Outcome:
    bale_in_box(w)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"), ln("bale"))
    w.ok(CARRIER, Kind.GATE_OUT, ln("box"))
    return w.post(CUSTOMS, Kind.ELIGIBLE, ln("bale"))


@refused(Outcome.FACILITY_NOT_SUPERVISED)
def accept__supervised_contents_into_an_open_yard(w: World) -> Outcome:
    bale_in_box(w)
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=FACTORY)
    return w.post(FACTORY, Kind.ACCEPT, ln("box"), reference=offer, facility=AT_YARD)


# ---- CLOSE

@refused(Outcome.NOT_EMPTY)
def close__with_cargo_inside(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", EMPTY), ln("bale", CARGO), facility=AT_TERMINAL)
    w.ok(CARRIER, Kind.STUFF, ln("box", CONTAINER), ln("bale", INPUT))
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"), ln("bale"))
    w.ok(CARRIER, Kind.GATE_OUT, ln("box"))
    return w.post(CARRIER, Kind.CLOSE, ln("box"))


@refused(Outcome.NOT_EMPTY)
def close__naming_a_lot_that_is_not_empty(w: World) -> Outcome:
    lot_in_box(w)
    return w.post(FACTORY, Kind.CLOSE, ln("box"), ln("shirts", INPUT))


@refused(Outcome.NOT_EMPTY)
def close__naming_cargo(w: World) -> Outcome:
    bale_in_box(w)
    return w.post(CARRIER, Kind.CLOSE, ln("box"), ln("bale", INPUT))


@refused(Outcome.NOT_EMPTY)
def close__not_all_its_lots_have_exited(w: World) -> Outcome:
    export_box(w)
    w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=4, balance=LOADED), reference=uid("E62"))
    return w.post(CFS, Kind.CLOSE, ln("box"), ln("shirts", INPUT))


@refused(Outcome.NOT_EMPTY)
def close__an_empty_lot_inside_not_named(w: World) -> Outcome:
    export_box(w)
    w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=5, balance=LOADED), reference=uid("E62"))
    return w.post(CFS, Kind.CLOSE, ln("box"))


@refused(Outcome.NOT_INSIDE)
def close__naming_an_empty_lot_beside_it(w: World) -> Outcome:
    lot_in_box(w)
    w.bought("lot", 5)
    w.ok(FACTORY, Kind.SELL_INLAND, ln("lot", q=5, balance=RAW), book=BOOK)
    return w.post(FACTORY, Kind.CLOSE, ln("box"), ln("lot", INPUT))


@refused(Outcome.NOT_FREE)
def close__supervised_container_that_was_emptied_by_stripping(w: World) -> Outcome:
    export_box(w)
    w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=5, balance=LOADED), reference=uid("E62"))
    w.ok(CFS, Kind.STRIP, ln("box", CONTAINER), ln("shirts", INPUT))
    return w.post(CFS, Kind.CLOSE, ln("box"))


@refused(Outcome.LINES_MISSING)
def close__lots_only(w: World) -> Outcome:
    return w.post(FACTORY, Kind.CLOSE, ln("shirts", INPUT))


@refused(Outcome.FIELD_NOT_ALLOWED)
def close__two_containers_and_a_lot(w: World) -> Outcome:
    return w.post(FACTORY, Kind.CLOSE, ln("box"), ln("other box"), ln("shirts", INPUT))


# ---- EXIT_CONFIRM by the operator

@refused(Outcome.NOT_OPERATOR)
def exit_confirm__by_the_operator_of_another_place(w: World) -> Outcome:
    export_box(w)
    return w.post(TERMINAL, Kind.EXIT_CONFIRM, ln("shirts", q=5, balance=LOADED), reference=uid("E62"))


@refused(Outcome.NOT_OPERATOR)
def exit_confirm__by_the_operator_of_an_open_place(w: World) -> Outcome:
    lot_in_box(w)
    w.declared("E62", LineRole.EXPORT, 5, "shirt")
    w.ok(FACTORY, Kind.EXPORT_LOAD, ln("shirts", q=5, balance=FINISHED), reference=uid("E62"))
    return w.post(FACTORY, Kind.EXIT_CONFIRM, ln("shirts", q=5, balance=LOADED), reference=uid("E62"))


@refused(Outcome.HELD)
def exit_confirm__container_held(w: World) -> Outcome:
    export_box(w)
    w.held("box", AGENCY)
    return w.post(CFS, Kind.EXIT_CONFIRM, ln("shirts", q=5, balance=LOADED), reference=uid("E62"))


@refused(Outcome.NOT_OWNER)
def export_load__lot_in_a_container_that_another_keeps_now(w: World) -> Outcome:
    """Custody of what is inside is the container's: the third party has neither."""
    lot_in_box(w)
    w.declared("E62", LineRole.EXPORT, 5, "shirt")
    w.hand_over("box", FACTORY, CFS, AT_CFS)
    return w.post(CARRIER, Kind.EXPORT_LOAD, ln("shirts", q=5, balance=FINISHED), reference=uid("E62"))


# ---- a thing inside takes little by itself

@refused(Outcome.INSIDE_CONTAINER)
def offer__cargo_inside(w: World) -> Outcome:
    bale_in_box(w)
    return w.post(CARRIER, Kind.OFFER, ln("bale"), counterparty=TERMINAL)


@refused(Outcome.INSIDE_CONTAINER)
def accept__cargo_inside(w: World) -> Outcome:
    bale_in_box(w)
    return w.post(TERMINAL, Kind.ACCEPT, ln("bale"), reference=uid("offer"))


@refused(Outcome.INSIDE_CONTAINER)
def gate_out__cargo_inside(w: World) -> Outcome:
    bale_in_box(w)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("bale"))
    return w.post(CARRIER, Kind.GATE_OUT, ln("bale"))


@refused(Outcome.INSIDE_CONTAINER)
def close__cargo_inside(w: World) -> Outcome:
    bale_in_box(w)
    return w.post(CARRIER, Kind.CLOSE, ln("bale"))


@refused(Outcome.INSIDE_CONTAINER)
def split__cargo_inside(w: World) -> Outcome:
    bale_in_box(w)
    return w.post(CARRIER, Kind.SPLIT, ln("bale", INPUT), ln("half", OUTPUT))


@refused(Outcome.INSIDE_CONTAINER)
def split__lot_inside(w: World) -> Outcome:
    lot_in_box(w)
    return w.post(FACTORY, Kind.SPLIT, ln("shirts", INPUT), ln("part", OUTPUT, q=1, balance=FINISHED))


@refused(Outcome.INSIDE_CONTAINER)
def merge__lot_inside(w: World) -> Outcome:
    lot_in_box(w)
    return w.post(FACTORY, Kind.MERGE, ln("shirts", INPUT), ln("more", OUTPUT))


@refused(Outcome.INSIDE_CONTAINER)
def issue_prod__lot_inside(w: World) -> Outcome:
    raw_in_box(w)
    return w.post(FACTORY, Kind.ISSUE_PROD, ln("roll", q=5), book=BOOK)


@refused(Outcome.INSIDE_CONTAINER)
def transform__lot_inside(w: World) -> Outcome:
    raw_in_box(w)
    return w.post(FACTORY, Kind.TRANSFORM, ln("roll", INPUT, q=5, balance=WIP),
                  ln("shirts", PRODUCT, q=1, material="shirt"), book=BOOK)


@refused(Outcome.INSIDE_CONTAINER)
def reexport__lot_inside(w: World) -> Outcome:
    raw_in_box(w)
    w.declared("B13", LineRole.RE_EXPORT, 5, "fabric")
    return w.post(FACTORY, Kind.REEXPORT, ln("roll", q=5, balance=RAW), reference=uid("B13"))


@refused(Outcome.INSIDE_CONTAINER)
def sell_inland__lot_inside(w: World) -> Outcome:
    raw_in_box(w)
    return w.post(FACTORY, Kind.SELL_INLAND, ln("roll", q=5, balance=RAW), book=BOOK)


@refused(Outcome.INSIDE_CONTAINER)
def scrap_out__lot_inside(w: World) -> Outcome:
    raw_in_box(w)
    return w.post(FACTORY, Kind.SCRAP_OUT, ln("roll", q=5, balance=SCRAP), book=BOOK)


@refused(Outcome.INSIDE_CONTAINER)
def destroy__lot_inside(w: World) -> Outcome:
    raw_in_box(w)
    return w.post(FACTORY, Kind.DESTROY, ln("roll", q=5, balance=RAW), book=BOOK)


@refused(Outcome.INSIDE_CONTAINER)
def transfer__lot_inside(w: World) -> Outcome:
    raw_in_box(w)
    w.declared("out", LineRole.TRANSFER_OUT, 5, "fabric")
    return w.post(FACTORY, Kind.TRANSFER, ln("roll", q=5, balance=RAW), book=BOOK, reference=uid("out"),
                  counterparty=OTHER_FACTORY)


@refused(Outcome.INSIDE_CONTAINER)
def adjust__lot_inside(w: World) -> Outcome:
    raw_in_box(w)
    count = w.ok(FACTORY, Kind.COUNT, ln("roll", q=4, balance=RAW), book=BOOK)
    return w.post(FACTORY, Kind.ADJUST, ln("roll", INPUT, q=1, balance=RAW), book=BOOK, reference=count)


@refused(Outcome.INSIDE_CONTAINER)
def reassign__cargo_inside(w: World) -> Outcome:
    bale_in_box(w)
    w.corrected_arrival("other box")
    return w.post(CUSTOMS, Kind.REASSIGN, ln("bale"), counterparty=CFS, reference=w.last_corrected)


@refused(Outcome.INSIDE_CONTAINER)
def receive_factory__cargo_it_came_in_is_inside_a_container(w: World) -> Outcome:
    bale_in_box(w)
    w.declared("E31", LineRole.RECEIVE, 10, "fabric")
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"), ln("bale"))
    w.ok(CARRIER, Kind.GATE_OUT, ln("box"))
    w.hand_over("box", CARRIER, FACTORY, AT_FACTORY)
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="fabric"),
                  ln("bale", CARGO), book=STRICT_BOOK, reference=uid("E31"))
