"""What must be possible: the positive neighbour of each refusal, and the way of goods from ship to export."""

from __future__ import annotations

import pytest
from eth_hash.auto import keccak

from ledger.events.model import ZERO32
from ledger.vocabulary import (
    Balance,
    BookOption,
    Kind,
    LineRole,
    LineStatus,
    Origin,
    Outcome,
    Step,
    UnitStatus,
)
from tests.contracts.world import (
    AGENCY,
    AT_CFS,
    AT_FACTORY,
    AT_TERMINAL,
    AT_YARD,
    AUDITOR,
    BOOK,
    CARRIER,
    CFS,
    CUSTOMS,
    FACTORY,
    OTHER_FACTORY,
    STRICT_BOOK,
    TERMINAL,
    YARD,
    World,
    ln,
    uid,
)

RAW, WIP, FINISHED, SCRAP = Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP
SHORT, LOADED = Balance.SHORT, Balance.LOADED
INPUT, OUTPUT, PRODUCT = LineRole.INPUT, LineRole.OUTPUT, LineRole.PRODUCT


def test_journey__ship_to_export__every_act_is_recorded(world: World) -> None:
    w = world
    # Discharged, carried under supervision from port to CFS, examined, released.
    w.ok(CARRIER, Kind.ARRIVE, ln("box", LineRole.CONTAINER), facility=AT_TERMINAL, step=Step.DISCHARGE)
    w.hand_over("box", CARRIER, CFS)
    w.ok(AGENCY, Kind.HOLD, ln("box"))
    w.ok(AGENCY, Kind.OBSERVE, ln("box"), step=Step.INSPECT)
    w.ok(AGENCY, Kind.UNHOLD, ln("box"))
    w.declared("E31", LineRole.RECEIVE, 1000, "fabric")
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    w.ok(CFS, Kind.GATE_OUT, ln("box"))
    w.hand_over("box", CFS, FACTORY, AT_FACTORY)
    # Into the book, through production.
    w.ok(FACTORY, Kind.RECEIVE_FACTORY, ln("roll", OUTPUT, q=1000, balance=RAW, material="fabric"),
         ln("box", LineRole.CONTAINER), book=BOOK, reference=uid("E31"))
    w.ok(FACTORY, Kind.CLOSE, ln("box"))
    w.bought("thread", 50)
    w.ok(FACTORY, Kind.DECLARE, step=Step.NORM, book=BOOK)
    norm = w.last_id
    w.ok(FACTORY, Kind.ISSUE_PROD, ln("roll", q=900), ln("thread", q=50), book=BOOK)
    w.ok(FACTORY, Kind.RETURN_PROD, ln("roll", q=100, balance=WIP), book=BOOK)
    w.ok(FACTORY, Kind.TRANSFORM, ln("roll", INPUT, q=800, balance=WIP), ln("thread", INPUT, q=50, balance=WIP),
         ln("shirts", PRODUCT, q=400, material="shirt"), ln("vests", LineRole.CO_PRODUCT, q=20, material="vest"),
         ln("collars", LineRole.SEMI_FINISHED, q=10, material="collar"),
         ln("waste", LineRole.SCRAP, q=60, material="waste"), book=BOOK, reference=norm)
    # Out of it.
    w.declared("E62", LineRole.EXPORT, 300, "shirt")
    w.ok(FACTORY, Kind.EXPORT_LOAD, ln("shirts", q=300, balance=FINISHED), reference=uid("E62"))
    w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=120, balance=LOADED), reference=uid("E62"))
    w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=180, balance=LOADED), reference=uid("E62"))
    w.declared("A42 shirts", LineRole.CHANGE_OF_PURPOSE, 100, "shirt", original="E31")
    w.ok(FACTORY, Kind.SELL_INLAND, ln("shirts", q=100, balance=FINISHED), book=BOOK, reference=uid("A42 shirts"))
    w.declared("A42 fabric", LineRole.CHANGE_OF_PURPOSE, 200, "fabric", original="E31")
    w.ok(FACTORY, Kind.REPURPOSE, ln("roll", q=200, balance=RAW), book=BOOK, reference=uid("A42 fabric"))
    w.ok(FACTORY, Kind.SCRAP_OUT, ln("waste", q=60, balance=SCRAP), book=BOOK)
    w.ok(CUSTOMS, Kind.COUNT, ln("vests", q=19, balance=FINISHED), ln(ZERO32, q=7), book=BOOK)
    w.check()
    assert w.oracle.lots[uid("roll")].is_empty
    assert w.oracle.lots[uid("shirts")].is_empty
    assert w.oracle.lots[uid("collars")].amounts == {RAW: 10}
    assert w.oracle.lots[uid("collars")].origin is Origin.OWN
    assert w.oracle.lines[uid("E62")].exited == w.oracle.lines[uid("E62")].drawn == 300


@pytest.mark.parametrize("found", [5, 4, 1, 0])
def test_accept__less_found_than_offered__rest_is_short(world: World, found: int) -> None:
    world.bought("lot", 5)
    offer = world.ok(FACTORY, Kind.OFFER, ln("lot", q=5, balance=RAW), counterparty=OTHER_FACTORY)
    world.ok(OTHER_FACTORY, Kind.ACCEPT, ln("lot", q=found, balance=RAW), reference=offer)
    lot = world.oracle.lots[uid("lot")]
    present = found or 5  # 0 says: as offered
    assert (lot.amount(RAW), lot.amount(SHORT)) == (present, 5 - present)
    assert world.oracle.units[uid("lot")].custodian == OTHER_FACTORY


def test_accept__short_a_second_time__both_add_up(world: World) -> None:
    world.bought("lot", 10)
    offer = world.ok(FACTORY, Kind.OFFER, ln("lot"), counterparty=OTHER_FACTORY)
    world.ok(OTHER_FACTORY, Kind.ACCEPT, ln("lot", q=7, balance=RAW), reference=offer)
    offer = world.ok(OTHER_FACTORY, Kind.OFFER, ln("lot", q=7, balance=RAW), counterparty=FACTORY)
    world.ok(FACTORY, Kind.ACCEPT, ln("lot", q=6, balance=RAW), reference=offer)
    assert world.oracle.lots[uid("lot")].amounts == {RAW: 6, SHORT: 4}


def test_accept__quantity_of_a_container__is_evidence_only(world: World) -> None:
    world.arrived("box")
    offer = world.ok(CARRIER, Kind.OFFER, ln("box", q=20), counterparty=TERMINAL)
    world.ok(TERMINAL, Kind.ACCEPT, ln("box", q=19, balance=SHORT), reference=offer, facility=AT_TERMINAL)


def test_accept__one_of_two_units__the_other_stays_offered(world: World) -> None:
    world.arrived("one")
    world.arrived("two")
    offer = world.ok(CARRIER, Kind.OFFER, ln("one"), ln("two"), counterparty=TERMINAL)
    world.ok(TERMINAL, Kind.ACCEPT, ln("one"), reference=offer, facility=AT_TERMINAL)
    world.ok(TERMINAL, Kind.REFUSE, ln("two"), reference=offer)
    assert [world.oracle.units[uid(x)].custodian for x in ("one", "two")] == [TERMINAL, CARRIER]


def test_accept__at_the_second_of_expiry__is_in_time(world: World) -> None:
    world.arrived("box")
    offer = world.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL, deadline_s=world.evm.now_s + 60)
    world.pass_time(60)
    world.ok(TERMINAL, Kind.ACCEPT, ln("box"), reference=offer)


def test_offer__after_the_first_expired__counts(world: World) -> None:
    world.arrived("box")
    world.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL, deadline_s=world.evm.now_s + 60)
    world.pass_time(61)
    offer = world.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=CFS)
    world.ok(CFS, Kind.ACCEPT, ln("box"), reference=offer, facility=AT_CFS)


def test_offer__deadline_beyond_40_bits__is_clamped(world: World) -> None:
    world.arrived("box")
    offer = world.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL, deadline_s=2**64 - 1)
    world.ok(TERMINAL, Kind.ACCEPT, ln("box"), reference=offer)


@pytest.mark.parametrize("taker", [CUSTOMS, CFS])
def test_hand_over__held_goods_to_who_may_secure_them__is_recorded(world: World, taker: int) -> None:
    world.arrived("box")
    world.held("box")
    world.hand_over("box", CARRIER, taker)


def test_hand_over__free_into_a_supervised_facility__is_supervised_again(world: World) -> None:
    world.ok(YARD, Kind.ARRIVE, ln("box", LineRole.EMPTY_CONTAINER), facility=AT_YARD)
    assert world.oracle.units[uid("box")].status is UnitStatus.FREE
    world.hand_over("box", YARD, CFS, AT_CFS)
    assert world.oracle.units[uid("box")].status is UnitStatus.SUPERVISED


def test_hand_over__eligible_goods_between_supervised_places__stay_eligible(world: World) -> None:
    world.arrived("box")
    world.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    world.hand_over("box", CARRIER, CFS, AT_CFS)
    world.ok(CFS, Kind.GATE_OUT, ln("box"))


def test_hold__two_authorities__both_must_lift_theirs(world: World) -> None:
    world.arrived("box")
    world.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    world.held("box", CUSTOMS)
    world.held("box", AGENCY)
    world.ok(CUSTOMS, Kind.UNHOLD, ln("box"))
    assert world.post(CARRIER, Kind.GATE_OUT, ln("box")) is Outcome.HELD
    world.ok(AGENCY, Kind.UNHOLD, ln("box"))
    world.ok(CARRIER, Kind.GATE_OUT, ln("box"))


def test_hold__under_offer__is_recorded_and_the_offer_can_be_refused(world: World) -> None:
    world.arrived("box")
    offer = world.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=YARD)
    world.held("box")
    world.ok(YARD, Kind.REFUSE, ln("box"), reference=offer)


def test_held_lot__split_merge_and_return__are_recorded_and_holds_are_inherited(world: World) -> None:
    world.bought("lot", 10)
    world.bought("like", 4)
    world.ok(FACTORY, Kind.ISSUE_PROD, ln("lot", q=3), book=BOOK)
    world.held("lot", AGENCY)
    world.ok(FACTORY, Kind.RETURN_PROD, ln("lot", q=1), book=BOOK)
    world.ok(FACTORY, Kind.SPLIT, ln("lot", INPUT), ln("raw part", OUTPUT, q=2, balance=RAW),
             ln("wip part", OUTPUT, q=2, balance=WIP))
    world.ok(FACTORY, Kind.MERGE, ln("raw part", INPUT), ln("like", OUTPUT))
    for name in ("raw part", "wip part", "like"):
        assert world.oracle.units[uid(name)].holds == {5}


def test_split_and_merge__with_short__conserve_every_balance(world: World) -> None:
    world.bought("lot", 10)
    offer = world.ok(FACTORY, Kind.OFFER, ln("lot"), counterparty=OTHER_FACTORY)
    world.ok(OTHER_FACTORY, Kind.ACCEPT, ln("lot", q=8, balance=RAW), reference=offer)
    world.ok(OTHER_FACTORY, Kind.SPLIT, ln("lot", INPUT), ln("part", OUTPUT, q=8, balance=RAW))
    assert world.oracle.lots[uid("lot")].amount(SHORT) == 2
    world.ok(FACTORY, Kind.MERGE, ln("lot", INPUT), ln("part", INPUT), ln("whole", OUTPUT))
    whole = world.oracle.lots[uid("whole")]
    assert (whole.amount(RAW), whole.amount(SHORT)) == (8, 2)


def test_merge__into_an_empty_lot__fills_it(world: World) -> None:
    world.bought("one", 5)
    world.bought("two", 5)
    world.ok(FACTORY, Kind.MERGE, ln("one", INPUT), ln("two", OUTPUT))
    world.ok(FACTORY, Kind.MERGE, ln("two", INPUT), ln("one", OUTPUT))
    assert world.oracle.lots[uid("one")].amounts == {RAW: 10}


def test_split__cargo__parts_are_held_and_not_eligible(world: World) -> None:
    world.arrived("bale", LineRole.CARGO)
    world.ok(CUSTOMS, Kind.ELIGIBLE, ln("bale"))
    world.held("bale")
    world.ok(CARRIER, Kind.SPLIT, ln("bale", INPUT), ln("half", OUTPUT))
    half = world.oracle.units[uid("half")]
    assert (half.eligible, half.holds, half.custodian, half.facility) == (False, {0}, CARRIER, AT_TERMINAL)


def test_transform__at_a_sub_contractor__outputs_stay_in_its_custody(world: World) -> None:
    world.received("roll", 10)
    world.ok(FACTORY, Kind.ISSUE_PROD, ln("roll", q=10), book=BOOK)
    world.hand_over("roll", FACTORY, OTHER_FACTORY)
    world.ok(FACTORY, Kind.TRANSFORM, ln("roll", INPUT, q=10, balance=WIP), ln("shirts", PRODUCT, q=1, material="s"),
             book=BOOK)
    assert world.oracle.units[uid("shirts")].custodian == OTHER_FACTORY
    world.hand_over("shirts", OTHER_FACTORY, FACTORY)


def test_transform__scrap_of_the_input_material__is_recorded(world: World) -> None:
    world.received("roll", 10)
    world.ok(FACTORY, Kind.ISSUE_PROD, ln("roll", q=10), book=BOOK)
    world.ok(FACTORY, Kind.TRANSFORM, ln("roll", INPUT, q=10, balance=WIP),
             ln("rest", LineRole.SCRAP, q=10, material="fabric"), book=BOOK)


def test_export_load__by_the_custodian__draws_the_owners_line(world: World) -> None:
    world.made("shirts", 5)
    world.declared("E62", LineRole.EXPORT, 5, "shirt")
    world.hand_over("shirts", FACTORY, CARRIER)
    world.ok(CARRIER, Kind.EXPORT_LOAD, ln("shirts", q=5, balance=FINISHED), reference=uid("E62"))


def test_line__amended_by_customs_after_clearance__stays_cleared(world: World) -> None:
    world.declared("E31", LineRole.RECEIVE, 10, "fabric")
    world.received("lot", 10, line="E31")
    world.ok(CUSTOMS, Kind.DECLARE, ln("E31", LineRole.RECEIVE, q=12))  # material zero: as it was
    assert world.oracle.lines[uid("E31")].status is LineStatus.CLEARED
    world.received("more", 2, line="E31")


def test_line__moved_by_customs_to_its_true_declarant__is_drawn_by_that_one(world: World) -> None:
    version = world.ok(CUSTOMS, Kind.DECLARE, ln("E31", LineRole.RECEIVE, q=10, material="fabric"),
                       counterparty=OTHER_FACTORY)
    version = world.ok(CUSTOMS, Kind.DECLARE, ln("E31", LineRole.RECEIVE, q=10, material="fabric"),
                       counterparty=FACTORY)
    world.ok(CUSTOMS, Kind.CLEAR, ln("E31"), reference=version)
    world.received("lot", 10, line="E31")


def test_line__cleared_and_not_drawn__can_be_cancelled(world: World) -> None:
    world.cancelled("E31", world.declared("E31", LineRole.RECEIVE, 10, "fabric"))
    world.cancelled("E32", world.declared("E32", LineRole.RECEIVE, 10, "fabric", cleared=False))


def test_opening__imported_raw__needs_a_line_to_be_sold(world: World) -> None:
    world.opened("old roll", 10, RAW, "fabric", origin=LineRole.IMPORTED)
    world.declared("E31", LineRole.RECEIVE, 10, "fabric")
    world.declared("A42", LineRole.CHANGE_OF_PURPOSE, 4, "fabric", original="E31")
    world.ok(FACTORY, Kind.SELL_INLAND, ln("old roll", q=4, balance=RAW), book=BOOK, reference=uid("A42"))


def test_opening__cancelled_or_denied__makes_nothing_and_can_be_posted_again(world: World) -> None:
    for ender, kind in ((FACTORY, Kind.CANCEL), (CUSTOMS, Kind.DENY)):
        lot = ln("lot", LineRole.DOMESTIC, q=5, balance=WIP, material="thread")
        assert world.post(FACTORY, Kind.OPENING, lot, book=BOOK) is Outcome.PENDING
        world.ok(ender, kind, reference=world.last_id)
        assert uid("lot") not in world.oracle.lots
    world.opened("lot", 5, WIP, "thread", origin=LineRole.DOMESTIC)


def test_scrap_out__with_the_line_that_the_book_asks_for__draws_it(world: World) -> None:
    world.opened("waste", 5, SCRAP, "waste", book=STRICT_BOOK)
    world.declared("E31", LineRole.RECEIVE, 10, "fabric")
    world.declared("A42", LineRole.CHANGE_OF_PURPOSE, 5, "waste", original="E31")
    world.ok(FACTORY, Kind.SCRAP_OUT, ln("waste", q=5, balance=SCRAP), book=STRICT_BOOK, reference=uid("A42"))
    assert world.oracle.lines[uid("A42")].drawn == 5


def test_scrap_out__book_no_longer_asks_for_a_line__is_recorded(world: World) -> None:
    world.opened("waste", 5, SCRAP, "waste", book=STRICT_BOOK)
    world.set_book(STRICT_BOOK, FACTORY, BookOption.NAME_CONTAINER)
    world.ok(FACTORY, Kind.SCRAP_OUT, ln("waste", q=5, balance=SCRAP), book=STRICT_BOOK)


def test_observe__anything__is_evidence_and_moves_heads_only(world: World) -> None:
    world.arrived("box")
    before = world.mirror.units.copy()
    world.ok(AUDITOR, Kind.OBSERVE, ln("box", q=12, balance=LOADED, material="x"), ln("never arrived"), ln(ZERO32),
             facility=77, book=78, counterparty=79, reference=uid("anything"))
    assert world.mirror.units == before
    assert uid("never arrived") in world.oracle.heads
    assert ZERO32 not in world.oracle.heads


def test_heads__line_in_reference__moves_with_refused_acts_too(world: World) -> None:
    world.declared("E31", LineRole.RECEIVE, 10, "fabric")
    before = world.oracle.heads[uid("E31")]
    lot = ln("lot", OUTPUT, q=11, balance=RAW, material="fabric")
    assert world.post(FACTORY, Kind.RECEIVE_FACTORY, lot, book=BOOK, reference=uid("E31")) is Outcome.LINE_EXCEEDED
    assert world.oracle.heads[uid("E31")] != before


def test_heads__list_that_is_none__names_nothing(world: World) -> None:
    world.arrived("box")
    heads = dict(world.oracle.heads)
    units = sorted([uid("box"), uid("other")], reverse=True)
    event = world.event(Kind.OBSERVE, *map(ln, units), in_order=True)
    assert world.record(CARRIER, event) is Outcome.LINES_NOT_ASCENDING
    assert world.oracle.heads == heads


def test_correct__own_event_by_poster_and_by_customs__is_recorded(world: World) -> None:
    original = world.event(Kind.OBSERVE, ln("box"))
    world.record(CARRIER, original)
    reference = world.last_id
    for by, lines in ((CARRIER, ()), (CUSTOMS, (ln("box"),))):
        correction = world.event(Kind.CORRECT, *lines, reference=reference)
        assert world.record(by, correction, corrected=(original, CARRIER)) is Outcome.RECORDED


def test_correct__refused_event_of_a_key_since_revoked__is_recorded(world: World) -> None:
    world.add_key(50, CARRIER)
    original = world.event(Kind.GATE_OUT, ln("box"))
    assert world.record(50, original) is Outcome.UNKNOWN_UNIT
    reference = world.last_id
    world.revoke_key(50)
    correction = world.event(Kind.CORRECT, ln("box"), reference=reference)
    assert world.record(CARRIER, correction, corrected=(original, 50)) is Outcome.RECORDED


def test_window__first_and_last_second__are_inside(world: World) -> None:
    world.add_key(50, CARRIER, valid_from=world.evm.now_s, valid_until=world.evm.now_s)
    world.ok(50, Kind.OBSERVE, deadline_s=world.evm.now_s, occurred_at_ms=(world.evm.now_s + 300) * 1000)


def test_nonces__any_order_across_words__each_once(world: World) -> None:
    for nonce in (2**64 - 1, 255, 256, 0, 257, 2**63):
        assert world.record(CARRIER, world.event(Kind.OBSERVE, nonce=nonce)) is Outcome.RECORDED
    for nonce in (256, 0, 2**64 - 1):
        assert world.record(CARRIER, world.event(Kind.OBSERVE, nonce=nonce)) is Outcome.NONCE_USED
    assert world.record(TERMINAL, world.event(Kind.OBSERVE, nonce=256)) is Outcome.RECORDED


def test_suspended__then_reinstated__acts_again(world: World) -> None:
    world.suspend(CARRIER)
    assert world.post(CARRIER, Kind.OBSERVE) is Outcome.PARTICIPANT_SUSPENDED
    world.reinstate(CARRIER)
    world.ok(CARRIER, Kind.OBSERVE)


def test_limits__64_lots_in_one_event__are_recorded(world: World) -> None:
    world.bought("lot", 63 * 64)
    parts = [ln(f"part {i}", OUTPUT, q=64, balance=RAW) for i in range(63)]
    world.ok(FACTORY, Kind.SPLIT, ln("lot", INPUT), *parts)
    inputs = [ln(f"part {i}", INPUT) for i in range(63)]
    world.ok(FACTORY, Kind.MERGE, ln("lot 2", OUTPUT), *inputs)
    assert world.oracle.lots[uid("lot 2")].amounts == {RAW: 63 * 64}
    world.check()


def test_heads__of_a_lot_made_refused_and_counted__is_the_fold_of_three_outcomes(world: World) -> None:
    made = ln("lot", OUTPUT, q=5, balance=RAW, material="thread")
    head = ZERO32
    for outcome, kind, line in (
        (Outcome.RECORDED, Kind.RECEIVE_DOMESTIC, made), (Outcome.UNIT_EXISTS, Kind.RECEIVE_DOMESTIC, made),
        (Outcome.RECORDED, Kind.COUNT, ln("lot", q=5, balance=RAW)),
    ):
        assert world.post(FACTORY, kind, line, book=BOOK) is outcome
        head = keccak(head + world.last_id + int(outcome).to_bytes(2, "big"))
    assert world.evm.view(world.evm.ledger, "headOf(bytes32)", "bytes32", uid("lot")) == head
