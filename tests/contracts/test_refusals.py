"""Every refusal, provoked: one case a rule, by kind and fault. The oracle must refuse with the same code.

A case prepares what is needed, then returns the outcome of the one act that must be refused. The last test says
that no outcome of the vocabulary is without a case.
"""

from __future__ import annotations

import pytest

from ledger.events.model import ZERO32, CustodyEvent
from ledger.vocabulary import Balance, Kind, LineRole, Outcome, Role, Step
from tests.contracts import refusals_books, refusals_inside  # noqa: F401 - they register their cases
from tests.contracts.cases import CASES, Case, refused
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
    NOBODY,
    OTHER_BOOK,
    OTHER_FACTORY,
    STRICT_BOOK,
    TERMINAL,
    YARD,
    World,
    key_of,
    ln,
    sign,
    uid,
)

RAW, WIP, FINISHED, SCRAP, LOADED = Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP, Balance.LOADED
INPUT, OUTPUT, PRODUCT = LineRole.INPUT, LineRole.OUTPUT, LineRole.PRODUCT
CONTAINER, CARGO = LineRole.CONTAINER, LineRole.CARGO
EXPORT, CHANGE, RECEIVE = LineRole.EXPORT, LineRole.CHANGE_OF_PURPOSE, LineRole.RECEIVE
BIG = 2**64 - 1

# ---- 1xx signature

@refused(Outcome.BAD_SIGNATURE)
def observe__signature_of_64_bytes(w: World) -> Outcome:
    return w.record(CARRIER, w.event(Kind.OBSERVE), signature=bytes(64))


@refused(Outcome.BAD_SIGNATURE)
def observe__empty_signature(w: World) -> Outcome:
    return w.record(CARRIER, w.event(Kind.OBSERVE), signature=b"")


@refused(Outcome.BAD_SIGNATURE)
def observe__high_s(w: World) -> Outcome:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    event = w.event(Kind.OBSERVE)
    from ledger.events.model import event_id
    good = sign(key_of(CARRIER), event_id(event, w.separator))
    high = (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    return w.record(CARRIER, event, signature=good[:32] + high + bytes([55 - good[64]]))


@refused(Outcome.UNKNOWN_SIGNER)
def observe__key_nobody_registered(w: World) -> Outcome:
    return w.record(77, w.event(Kind.OBSERVE))


@refused(Outcome.NONCE_USED)
def observe__replayed(w: World) -> Outcome:
    event = w.event(Kind.OBSERVE)
    assert w.record(CARRIER, event) is Outcome.RECORDED
    return w.record(CARRIER, event)


@refused(Outcome.NONCE_USED)
def observe__other_content_under_the_nonce_of_a_refused_act(w: World) -> Outcome:
    assert w.post(CARRIER, Kind.GATE_OUT, ln("nothing")) is Outcome.UNKNOWN_UNIT
    return w.record(CARRIER, w.event(Kind.OBSERVE, nonce=w.next_nonce))


@refused(Outcome.SIGNER_NOT_YET_VALID)
def observe__key_of_tomorrow(w: World) -> Outcome:
    w.add_key(50, CARRIER, valid_from=w.evm.now_s + 1)
    return w.post(50, Kind.OBSERVE)


@refused(Outcome.SIGNER_EXPIRED)
def observe__key_of_yesterday(w: World) -> Outcome:
    w.add_key(50, CARRIER, valid_until=w.evm.now_s - 1)
    return w.post(50, Kind.OBSERVE)


@refused(Outcome.SIGNER_REVOKED)
def observe__revoked_key(w: World) -> Outcome:
    event = w.event(Kind.OBSERVE)
    w.revoke_key(CARRIER)
    return w.record(CARRIER, event)


@refused(Outcome.DEADLINE_PASSED)
def observe__a_second_after_the_deadline(w: World) -> Outcome:
    return w.post(CARRIER, Kind.OBSERVE, deadline_s=w.evm.now_s - 1)


@refused(Outcome.TIME_IN_FUTURE)
def observe__beyond_the_clock_skew(w: World) -> Outcome:
    return w.post(CARRIER, Kind.OBSERVE, occurred_at_ms=(w.evm.now_s + 300) * 1000 + 1)


@refused(Outcome.SIGNER_ELSEWHERE)
def observe__key_of_another_place(w: World) -> Outcome:
    w.add_key(50, TERMINAL, place=AT_TERMINAL)
    return w.post(50, Kind.OBSERVE, facility=AT_CFS)


# ---- 2xx authority

@refused(Outcome.PARTICIPANT_SUSPENDED)
def observe__suspended(w: World) -> Outcome:
    w.suspend(CARRIER)
    return w.post(CARRIER, Kind.OBSERVE)


@refused(Outcome.PARTICIPANT_SUSPENDED)
def approve__poster_suspended_meanwhile(w: World) -> Outcome:
    event = w.event(Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    w.record(FACTORY, event)
    approval = w.event(Kind.APPROVE, reference=w.last_id)
    w.suspend(FACTORY)
    return w.record(CUSTOMS, approval, pending=event)


@refused(Outcome.ROLE_MISSING)
def hold__by_carrier(w: World) -> Outcome:
    w.arrived("box")
    return w.post(CARRIER, Kind.HOLD, ln("box"))


@refused(Outcome.ROLE_MISSING)
def eligible__by_terminal(w: World) -> Outcome:
    w.arrived("box")
    return w.post(TERMINAL, Kind.ELIGIBLE, ln("box"))


@refused(Outcome.ROLE_MISSING)
def eligible__by_agency(w: World) -> Outcome:
    w.arrived("box")
    return w.post(AGENCY, Kind.ELIGIBLE, ln("box"))


@refused(Outcome.ROLE_MISSING)
def clear__by_declarant(w: World) -> Outcome:
    version = w.declared("E31", RECEIVE, 10, "fabric", cleared=False)
    return w.post(FACTORY, Kind.CLEAR, ln("E31"), reference=version)


@refused(Outcome.ROLE_MISSING)
def approve__by_auditor(w: World) -> Outcome:
    event = w.event(Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    w.record(FACTORY, event)
    return w.record(AUDITOR, w.event(Kind.APPROVE, reference=w.last_id), pending=event)


@refused(Outcome.ROLE_MISSING)
def deny__by_the_owner(w: World) -> Outcome:
    w.post(FACTORY, Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    return w.post(FACTORY, Kind.DENY, reference=w.last_id)


@refused(Outcome.ROLE_MISSING)
def exit_confirm__by_the_exporter(w: World) -> Outcome:
    loaded(w, "shirts", 5)
    return w.post(FACTORY, Kind.EXIT_CONFIRM, ln("shirts", q=5, balance=LOADED), reference=uid("E62"))


@refused(Outcome.ROLE_MISSING)
def declare__naming_a_declarant_without_being_customs(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DECLARE, ln("E31", RECEIVE, q=1, material="x"), counterparty=OTHER_FACTORY)


@refused(Outcome.ROLE_MISSING)
def receive_domestic__owner_lost_its_role(w: World) -> Outcome:
    w.set_roles(FACTORY, Role.WAREHOUSE)
    return w.post(FACTORY, Kind.RECEIVE_DOMESTIC, ln("lot", OUTPUT, q=1, balance=RAW, material="x"), book=BOOK)


@refused(Outcome.NOT_OPERATOR)
def arrive__reported_by_a_stranger(w: World) -> Outcome:
    return w.post(CFS, Kind.ARRIVE, ln("box", CONTAINER), facility=AT_TERMINAL)


@refused(Outcome.NOT_OWNER)
def issue_prod__book_of_another(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(OTHER_FACTORY, Kind.ISSUE_PROD, ln("lot", q=1), book=BOOK)


@refused(Outcome.NOT_OWNER)
def count__by_another_processor(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(OTHER_FACTORY, Kind.COUNT, ln("lot", q=1, balance=RAW), book=BOOK)


@refused(Outcome.NOT_OWNER)
def split__by_neither_owner_nor_custodian(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(OTHER_FACTORY, Kind.SPLIT, ln("lot", INPUT), ln("part", OUTPUT, q=1, balance=RAW))


@refused(Outcome.NOT_OWNER)
def export_load__by_neither_owner_nor_custodian(w: World) -> Outcome:
    w.made("shirts", 5)
    w.declared("E62", EXPORT, 5, "shirt")
    return w.post(OTHER_FACTORY, Kind.EXPORT_LOAD, ln("shirts", q=5, balance=FINISHED), reference=uid("E62"))


@refused(Outcome.NOT_OWNER)
def declare__norm_for_the_book_of_another(w: World) -> Outcome:
    return w.post(OTHER_FACTORY, Kind.DECLARE, step=Step.NORM, book=BOOK)


@refused(Outcome.NOT_DECLARANT)
def receive_factory__from_the_line_of_another(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric", by=OTHER_FACTORY)
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="fabric"),
                  book=BOOK, reference=uid("E31"))


@refused(Outcome.NOT_DECLARANT)
def declare__amending_the_line_of_another(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric", cleared=False)
    return w.post(OTHER_FACTORY, Kind.DECLARE, ln("E31", RECEIVE, q=20, material="fabric"))


@refused(Outcome.NOT_DECLARANT)
def export_load__for_the_line_of_another(w: World) -> Outcome:
    w.made("shirts", 5)
    w.declared("E62", EXPORT, 5, "shirt", by=OTHER_FACTORY)
    return w.post(FACTORY, Kind.EXPORT_LOAD, ln("shirts", q=5, balance=FINISHED), reference=uid("E62"))


@refused(Outcome.NOT_OFFEREE)
def accept__by_a_third_party(w: World) -> Outcome:
    w.arrived("box")
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    return w.post(CFS, Kind.ACCEPT, ln("box"), reference=offer, facility=AT_CFS)


@refused(Outcome.NOT_OFFEREE)
def refuse__by_the_offeror(w: World) -> Outcome:
    w.arrived("box")
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    return w.post(CARRIER, Kind.REFUSE, ln("box"), reference=offer)


@refused(Outcome.OWN_EVENT)
def approve__own_event(w: World) -> Outcome:
    w.set_roles(FACTORY, Role.PROCESSOR | Role.CUSTOMS)
    event = w.event(Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    w.record(FACTORY, event)
    return w.record(FACTORY, w.event(Kind.APPROVE, reference=w.last_id), pending=event)


@refused(Outcome.NOT_POSTER)
def cancel__pending_event_of_another(w: World) -> Outcome:
    w.post(FACTORY, Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    return w.post(OTHER_FACTORY, Kind.CANCEL, reference=w.last_id)


@refused(Outcome.WITNESS_MISMATCH)
def correct__by_a_stranger(w: World) -> Outcome:
    original = w.event(Kind.OBSERVE, ln("box"))
    w.record(CARRIER, original)
    return w.record(TERMINAL, w.event(Kind.CORRECT, reference=w.last_id), corrected=(original, CARRIER))


@refused(Outcome.NO_HOLD_AUTHORITY)
def hold__customs_without_a_hold_bit(w: World) -> Outcome:
    w.admit(20, Role.CUSTOMS)
    w.add_key(20, 20)
    w.arrived("box")
    return w.post(20, Kind.HOLD, ln("box"))


# ---- 3xx state

@refused(Outcome.UNKNOWN_UNIT)
def offer__unit_that_never_arrived(w: World) -> Outcome:
    return w.post(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)


@refused(Outcome.UNKNOWN_UNIT)
def hold__unknown_unit(w: World) -> Outcome:
    return w.post(CUSTOMS, Kind.HOLD, ln("box"))


@refused(Outcome.UNKNOWN_UNIT)
def clear__unknown_line(w: World) -> Outcome:
    return w.post(CUSTOMS, Kind.CLEAR, ln("E31"), reference=uid("version"))


@refused(Outcome.UNKNOWN_UNIT)
def issue_prod__second_lot_unknown__nothing_of_the_first_moves(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.ISSUE_PROD, ln("lot", q=1), ln("other", q=1), book=BOOK)


@refused(Outcome.UNIT_EXISTS)
def arrive__twice(w: World) -> Outcome:
    w.arrived("box")
    return w.post(CARRIER, Kind.ARRIVE, ln("box", CONTAINER), facility=AT_TERMINAL)


@refused(Outcome.UNIT_EXISTS)
def arrive__under_the_name_of_a_line(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    return w.post(CARRIER, Kind.ARRIVE, ln("E31", CONTAINER), facility=AT_TERMINAL)


@refused(Outcome.UNIT_EXISTS)
def receive_domestic__lot_that_exists(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.RECEIVE_DOMESTIC, ln("lot", OUTPUT, q=1, balance=RAW, material="x"), book=BOOK)


@refused(Outcome.UNIT_EXISTS)
def split__into_a_lot_that_exists(w: World) -> Outcome:
    w.bought("lot", 5)
    w.bought("part", 5)
    return w.post(FACTORY, Kind.SPLIT, ln("lot", INPUT), ln("part", OUTPUT, q=1, balance=RAW))


@refused(Outcome.UNIT_EXISTS)
def transform__into_a_lot_that_exists(w: World) -> Outcome:
    in_wip(w, "lot", 5)
    w.bought("shirts", 1, "shirt")
    return w.post(FACTORY, Kind.TRANSFORM, ln("lot", INPUT, q=5, balance=WIP),
                  ln("shirts", PRODUCT, q=1, material="shirt"), book=BOOK)


@refused(Outcome.UNIT_EXISTS)
def approve__lot_made_meanwhile__pending_ends(w: World) -> Outcome:
    event = w.event(Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    w.record(FACTORY, event)
    opening = w.last_id
    w.bought("lot", 1)
    outcome = w.record(CUSTOMS, w.event(Kind.APPROVE, reference=opening), pending=event)
    assert w.post(CUSTOMS, Kind.DENY, reference=opening) is Outcome.NOT_PENDING
    return outcome


@refused(Outcome.TERMINAL_UNIT)
def hold__closed_container(w: World) -> Outcome:
    closed(w, "box")
    return w.post(CUSTOMS, Kind.HOLD, ln("box"))


@refused(Outcome.TERMINAL_UNIT)
def offer__closed_container(w: World) -> Outcome:
    closed(w, "box")
    return w.post(FACTORY, Kind.OFFER, ln("box"), counterparty=CARRIER)


@refused(Outcome.TERMINAL_UNIT)
def hold__cancelled_line(w: World) -> Outcome:
    w.cancelled("E31", w.declared("E31", RECEIVE, 10, "fabric"))
    return w.post(CUSTOMS, Kind.HOLD, ln("E31"))


@refused(Outcome.TERMINAL_UNIT)
def declare__amending_a_cancelled_line(w: World) -> Outcome:
    w.cancelled("E31", w.declared("E31", RECEIVE, 10, "fabric"))
    return w.post(CUSTOMS, Kind.DECLARE, ln("E31", RECEIVE, q=20, material="fabric"))


@refused(Outcome.TERMINAL_UNIT)
def receive_factory__from_a_cancelled_line(w: World) -> Outcome:
    w.cancelled("E31", w.declared("E31", RECEIVE, 10, "fabric"))
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="fabric"),
                  book=BOOK, reference=uid("E31"))


@refused(Outcome.TERMINAL_UNIT)
def declare__change_of_purpose_of_a_cancelled_original(w: World) -> Outcome:
    w.cancelled("E31", w.declared("E31", RECEIVE, 10, "fabric"))
    return w.post(FACTORY, Kind.DECLARE, ln("A42", CHANGE, q=1, material="fabric"), reference=uid("E31"))


@refused(Outcome.HELD)
def gate_out__under_hold(w: World) -> Outcome:
    w.arrived("box")
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    w.held("box", AGENCY)
    return w.post(TERMINAL, Kind.GATE_OUT, ln("box"))


@refused(Outcome.HELD)
def gate_out__one_of_two_held(w: World) -> Outcome:
    w.arrived("box")
    w.arrived("other box")
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"), ln("other box"))
    w.held("other box")
    return w.post(TERMINAL, Kind.GATE_OUT, ln("box"), ln("other box"))


@refused(Outcome.HELD)
def eligible__under_hold(w: World) -> Outcome:
    w.arrived("box")
    w.held("box")
    return w.post(CUSTOMS, Kind.ELIGIBLE, ln("box"))


@refused(Outcome.HELD)
def offer__held_to_a_carrier(w: World) -> Outcome:
    w.arrived("box")
    w.held("box")
    return w.post(CARRIER, Kind.OFFER, ln("box"), counterparty=YARD)


@refused(Outcome.HELD)
def accept__held_after_the_offer(w: World) -> Outcome:
    w.arrived("box")
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=FACTORY)
    w.held("box")
    return w.post(FACTORY, Kind.ACCEPT, ln("box"), reference=offer)


@refused(Outcome.HELD)
def accept__offeree_supervises_no_more(w: World) -> Outcome:
    w.arrived("box")
    w.held("box")
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=CFS)
    w.set_place(AT_CFS, CFS, False)
    return w.post(CFS, Kind.ACCEPT, ln("box"), reference=offer)


@refused(Outcome.HELD)
def close__under_hold(w: World) -> Outcome:
    w.freed("box")
    w.held("box")
    return w.post(FACTORY, Kind.CLOSE, ln("box"))


@refused(Outcome.HELD)
def receive_factory__from_a_held_line(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    w.held("E31")
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="fabric"),
                  book=BOOK, reference=uid("E31"))


@refused(Outcome.HELD)
def receive_factory__out_of_a_held_container(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    w.freed("box")
    w.held("box")
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="fabric"),
                  ln("box", CONTAINER), book=BOOK, reference=uid("E31"))


@refused(Outcome.HELD)
def issue_prod__held_lot(w: World) -> Outcome:
    w.bought("lot", 5)
    w.held("lot")
    return w.post(FACTORY, Kind.ISSUE_PROD, ln("lot", q=1), book=BOOK)


@refused(Outcome.HELD)
def transform__held_input(w: World) -> Outcome:
    in_wip(w, "lot", 5)
    w.held("lot")
    return w.post(FACTORY, Kind.TRANSFORM, ln("lot", INPUT, q=5, balance=WIP),
                  ln("shirts", PRODUCT, q=1, material="shirt"), book=BOOK)


@refused(Outcome.HELD)
def exit_confirm__line_held_after_loading(w: World) -> Outcome:
    loaded(w, "shirts", 5)
    w.held("E62")
    return w.post(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=5, balance=LOADED), reference=uid("E62"))


@refused(Outcome.HELD)
def export_load__part_of_a_held_lot(w: World) -> Outcome:
    w.made("shirts", 5)
    w.held("shirts")
    w.ok(FACTORY, Kind.SPLIT, ln("shirts", INPUT), ln("part", OUTPUT, q=2, balance=FINISHED))
    w.declared("E62", EXPORT, 5, "shirt")
    return w.post(FACTORY, Kind.EXPORT_LOAD, ln("part", q=2, balance=FINISHED), reference=uid("E62"))


@refused(Outcome.HELD)
def clear__held_line(w: World) -> Outcome:
    version = w.declared("E31", RECEIVE, 10, "fabric", cleared=False)
    w.held("E31")
    return w.post(CUSTOMS, Kind.CLEAR, ln("E31"), reference=version)


@refused(Outcome.HELD)
def declare__amending_a_held_line(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric", cleared=False)
    w.held("E31")
    return w.post(FACTORY, Kind.DECLARE, ln("E31", RECEIVE, q=20, material="fabric"))


@refused(Outcome.HELD)
def sell_inland__original_held__declaring_is_refused(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    w.held("E31")
    return w.post(FACTORY, Kind.DECLARE, ln("A42", CHANGE, q=1, material="fabric"), reference=uid("E31"))


@refused(Outcome.UNDER_OFFER)
def offer__twice(w: World) -> Outcome:
    w.arrived("box")
    w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    return w.post(CARRIER, Kind.OFFER, ln("box"), counterparty=CFS)


@refused(Outcome.UNDER_OFFER)
def gate_out__under_offer(w: World) -> Outcome:
    w.arrived("box")
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    return w.post(TERMINAL, Kind.GATE_OUT, ln("box"))


@refused(Outcome.UNDER_OFFER)
def issue_prod__lot_under_offer(w: World) -> Outcome:
    w.bought("lot", 5)
    w.ok(FACTORY, Kind.OFFER, ln("lot"), counterparty=OTHER_FACTORY)
    return w.post(FACTORY, Kind.ISSUE_PROD, ln("lot", q=1), book=BOOK)


@refused(Outcome.UNDER_OFFER)
def split__lot_under_offer(w: World) -> Outcome:
    w.bought("lot", 5)
    w.ok(FACTORY, Kind.OFFER, ln("lot"), counterparty=OTHER_FACTORY)
    return w.post(FACTORY, Kind.SPLIT, ln("lot", INPUT), ln("part", OUTPUT, q=1, balance=RAW))


@refused(Outcome.UNDER_OFFER)
def split__cargo_under_offer(w: World) -> Outcome:
    w.arrived("bale", CARGO)
    w.ok(CARRIER, Kind.OFFER, ln("bale"), counterparty=TERMINAL)
    return w.post(CARRIER, Kind.SPLIT, ln("bale", INPUT), ln("half", OUTPUT))


@refused(Outcome.UNDER_OFFER)
def merge__target_under_offer(w: World) -> Outcome:
    w.bought("one", 5)
    w.bought("two", 5)
    w.ok(FACTORY, Kind.OFFER, ln("two"), counterparty=OTHER_FACTORY)
    return w.post(FACTORY, Kind.MERGE, ln("one", INPUT), ln("two", OUTPUT))


@refused(Outcome.UNDER_OFFER)
def exit_confirm__lot_under_offer(w: World) -> Outcome:
    loaded(w, "shirts", 5)
    w.ok(FACTORY, Kind.OFFER, ln("shirts"), counterparty=CARRIER)
    return w.post(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=5, balance=LOADED), reference=uid("E62"))


@refused(Outcome.EMPTY_LOT)
def hold__empty_lot(w: World) -> Outcome:
    emptied(w, "lot")
    return w.post(CUSTOMS, Kind.HOLD, ln("lot"))


@refused(Outcome.EMPTY_LOT)
def offer__empty_lot(w: World) -> Outcome:
    emptied(w, "lot")
    return w.post(FACTORY, Kind.OFFER, ln("lot"), counterparty=OTHER_FACTORY)


@refused(Outcome.EMPTY_LOT)
def issue_prod__the_same_lot_twice(w: World) -> Outcome:
    in_wip(w, "lot", 5)
    w.ok(FACTORY, Kind.TRANSFORM, ln("lot", INPUT, q=5, balance=WIP),
         ln("shirts", PRODUCT, q=1, material="shirt"), book=BOOK)
    return w.post(FACTORY, Kind.ISSUE_PROD, ln("lot", q=5), book=BOOK)


@refused(Outcome.EMPTY_LOT)
def split__empty_lot(w: World) -> Outcome:
    emptied(w, "lot")
    return w.post(FACTORY, Kind.SPLIT, ln("lot", INPUT), ln("part", OUTPUT, q=1, balance=RAW))


@refused(Outcome.EMPTY_LOT)
def merge__empty_input(w: World) -> Outcome:
    emptied(w, "lot")
    w.bought("other", 1)
    return w.post(FACTORY, Kind.MERGE, ln("lot", INPUT), ln("other", OUTPUT))


@refused(Outcome.NOT_SUPERVISED)
def gate_out__twice(w: World) -> Outcome:
    w.arrived("box")
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    w.ok(TERMINAL, Kind.GATE_OUT, ln("box"))
    return w.post(TERMINAL, Kind.GATE_OUT, ln("box"))


@refused(Outcome.NOT_SUPERVISED)
def eligible__free_container(w: World) -> Outcome:
    w.ok(CARRIER, Kind.ARRIVE, ln("box", LineRole.EMPTY_CONTAINER), facility=AT_YARD)
    return w.post(CUSTOMS, Kind.ELIGIBLE, ln("box"))


@refused(Outcome.NOT_SUPERVISED)
def revoke__free_container(w: World) -> Outcome:
    w.freed("box")
    return w.post(CUSTOMS, Kind.REVOKE, ln("box"))


@refused(Outcome.NOT_FREE)
def close__supervised_container(w: World) -> Outcome:
    w.arrived("box")
    return w.post(CARRIER, Kind.CLOSE, ln("box"))


@refused(Outcome.NOT_FREE)
def receive_factory__out_of_a_supervised_container(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    w.arrived("box")
    w.hand_over("box", CARRIER, FACTORY)
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="fabric"),
                  ln("box", CONTAINER), book=BOOK, reference=uid("E31"))


@refused(Outcome.NOT_ELIGIBLE)
def gate_out__never_eligible(w: World) -> Outcome:
    w.arrived("box")
    return w.post(TERMINAL, Kind.GATE_OUT, ln("box"))


@refused(Outcome.NOT_ELIGIBLE)
def gate_out__revoked(w: World) -> Outcome:
    w.arrived("box")
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    w.ok(CUSTOMS, Kind.REVOKE, ln("box"))
    return w.post(TERMINAL, Kind.GATE_OUT, ln("box"))


@refused(Outcome.NOT_ELIGIBLE)
def gate_out__back_under_supervision(w: World) -> Outcome:
    w.freed("box")
    w.hand_over("box", FACTORY, CFS, AT_CFS)
    return w.post(CFS, Kind.GATE_OUT, ln("box"))


@refused(Outcome.NOT_ELIGIBLE)
def gate_out__half_of_an_eligible_cargo(w: World) -> Outcome:
    w.arrived("bale", CARGO)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("bale"))
    w.ok(CARRIER, Kind.SPLIT, ln("bale", INPUT), ln("half", OUTPUT))
    return w.post(CARRIER, Kind.GATE_OUT, ln("half"))


@refused(Outcome.LINE_NOT_REGISTERED)
def clear__twice(w: World) -> Outcome:
    version = w.declared("E31", RECEIVE, 10, "fabric")
    return w.post(CUSTOMS, Kind.CLEAR, ln("E31"), reference=version)


@refused(Outcome.LINE_NOT_REGISTERED)
def declare__declarant_amends_after_clearance(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    return w.post(FACTORY, Kind.DECLARE, ln("E31", RECEIVE, q=20, material="fabric"))


@refused(Outcome.LINE_NOT_CLEARED)
def receive_factory__from_a_line_only_registered(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric", cleared=False)
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="fabric"),
                  book=BOOK, reference=uid("E31"))


@refused(Outcome.LINE_DRAWN)
def clear__cancelling_a_drawn_line(w: World) -> Outcome:
    version = w.declared("E31", RECEIVE, 10, "fabric")
    w.received("lot", 5, line="E31")
    return w.post(CUSTOMS, Kind.CLEAR, ln("E31"), reference=version, step=Step.LINE_CANCELLED)


@refused(Outcome.OPENING_CLOSED)
def opening__after_the_book_was_opened(w: World) -> Outcome:
    w.close_opening(BOOK)
    return w.post(FACTORY, Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)


@refused(Outcome.OPENING_CLOSED)
def approve__opening_closed_meanwhile__pending_ends(w: World) -> Outcome:
    event = w.event(Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    w.record(FACTORY, event)
    opening = w.last_id
    w.close_opening(BOOK)
    outcome = w.record(CUSTOMS, w.event(Kind.APPROVE, reference=opening), pending=event)
    again = w.record(CUSTOMS, w.event(Kind.APPROVE, reference=opening), pending=event)
    assert again is Outcome.NOT_PENDING
    return outcome


@refused(Outcome.NOT_PENDING)
def approve__twice(w: World) -> Outcome:
    event = w.event(Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    w.record(FACTORY, event)
    opening = w.last_id
    assert w.record(CUSTOMS, w.event(Kind.APPROVE, reference=opening), pending=event) is Outcome.RECORDED
    return w.record(CUSTOMS, w.event(Kind.APPROVE, reference=opening), pending=event)


@refused(Outcome.NOT_PENDING)
def approve__cancelled_by_its_poster(w: World) -> Outcome:
    event = w.event(Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    w.record(FACTORY, event)
    opening = w.last_id
    w.ok(FACTORY, Kind.CANCEL, reference=opening)
    return w.record(CUSTOMS, w.event(Kind.APPROVE, reference=opening), pending=event)


@refused(Outcome.NOT_PENDING)
def deny__denied_already(w: World) -> Outcome:
    w.post(FACTORY, Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    opening = w.last_id
    w.ok(CUSTOMS, Kind.DENY, reference=opening)
    return w.post(CUSTOMS, Kind.DENY, reference=opening)


@refused(Outcome.NOT_PENDING)
def cancel__nothing_pending(w: World) -> Outcome:
    return w.post(FACTORY, Kind.CANCEL, reference=uid("event"))


@refused(Outcome.NOT_EMPTY)
def split__lot_with_something_loaded(w: World) -> Outcome:
    loaded(w, "shirts", 5, of=6)
    return w.post(FACTORY, Kind.SPLIT, ln("shirts", INPUT), ln("part", OUTPUT, q=1, balance=FINISHED))


@refused(Outcome.NOT_EMPTY)
def merge__lot_with_something_loaded(w: World) -> Outcome:
    loaded(w, "shirts", 5, of=6)
    return w.post(FACTORY, Kind.MERGE, ln("shirts", INPUT), ln("more", OUTPUT))


@refused(Outcome.NOT_HELD)
def unhold__hold_of_another_authority(w: World) -> Outcome:
    w.arrived("box")
    w.held("box", AGENCY)
    return w.post(CUSTOMS, Kind.UNHOLD, ln("box"))


@refused(Outcome.NOT_HELD)
def unhold__line_not_held(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    return w.post(CUSTOMS, Kind.UNHOLD, ln("E31"))


# ---- 4xx custody

@refused(Outcome.NOT_CUSTODIAN)
def offer__goods_of_another(w: World) -> Outcome:
    w.arrived("box")
    return w.post(TERMINAL, Kind.OFFER, ln("box"), counterparty=CFS)


@refused(Outcome.NOT_CUSTODIAN)
def gate_out__by_a_stranger(w: World) -> Outcome:
    w.arrived("box")
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    return w.post(CFS, Kind.GATE_OUT, ln("box"))


@refused(Outcome.NOT_CUSTODIAN)
def close__by_a_stranger(w: World) -> Outcome:
    w.freed("box")
    return w.post(CFS, Kind.CLOSE, ln("box"))


@refused(Outcome.NOT_CUSTODIAN)
def cancel__offer_of_another(w: World) -> Outcome:
    w.arrived("box")
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    return w.post(TERMINAL, Kind.CANCEL, ln("box"), reference=offer)


@refused(Outcome.NOT_CUSTODIAN)
def split__cargo_of_another(w: World) -> Outcome:
    w.arrived("bale", CARGO)
    return w.post(TERMINAL, Kind.SPLIT, ln("bale", INPUT), ln("half", OUTPUT))


@refused(Outcome.NOT_CUSTODIAN)
def receive_factory__out_of_a_container_of_another(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    w.freed("box", keeper=CFS)
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="fabric"),
                  ln("box", CONTAINER), book=BOOK, reference=uid("E31"))


@refused(Outcome.NO_OPEN_OFFER)
def accept__nothing_offered(w: World) -> Outcome:
    w.arrived("box")
    return w.post(TERMINAL, Kind.ACCEPT, ln("box"), reference=uid("offer"), facility=AT_TERMINAL)


@refused(Outcome.NO_OPEN_OFFER)
def accept__twice(w: World) -> Outcome:
    w.arrived("box")
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    w.ok(TERMINAL, Kind.ACCEPT, ln("box"), reference=offer, facility=AT_TERMINAL)
    return w.post(TERMINAL, Kind.ACCEPT, ln("box"), reference=offer, facility=AT_TERMINAL)


@refused(Outcome.NO_OPEN_OFFER)
def accept__after_refusal(w: World) -> Outcome:
    w.arrived("box")
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    w.ok(TERMINAL, Kind.REFUSE, ln("box"), reference=offer)
    return w.post(TERMINAL, Kind.ACCEPT, ln("box"), reference=offer, facility=AT_TERMINAL)


@refused(Outcome.NO_OPEN_OFFER)
def refuse__cancelled_offer(w: World) -> Outcome:
    w.arrived("box")
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    w.ok(CARRIER, Kind.CANCEL, ln("box"), reference=offer)
    return w.post(TERMINAL, Kind.REFUSE, ln("box"), reference=offer)


@refused(Outcome.OFFER_EXPIRED)
def accept__a_second_after_expiry(w: World) -> Outcome:
    w.arrived("box")
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL, deadline_s=w.evm.now_s + 60)
    w.pass_time(61)
    return w.post(TERMINAL, Kind.ACCEPT, ln("box"), reference=offer, facility=AT_TERMINAL)


@refused(Outcome.OFFER_MISMATCH)
def accept__other_offer_of_the_same_unit(w: World) -> Outcome:
    w.arrived("box")
    first = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    w.ok(CARRIER, Kind.CANCEL, ln("box"), reference=first)
    w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    return w.post(TERMINAL, Kind.ACCEPT, ln("box"), reference=first, facility=AT_TERMINAL)


@refused(Outcome.SELF_OFFER)
def offer__to_itself(w: World) -> Outcome:
    w.arrived("box")
    return w.post(CARRIER, Kind.OFFER, ln("box"), counterparty=CARRIER)


@refused(Outcome.FACILITY_NOT_SUPERVISED)
def arrive__full_container_at_an_open_yard(w: World) -> Outcome:
    return w.post(CARRIER, Kind.ARRIVE, ln("box", CONTAINER), facility=AT_YARD)


@refused(Outcome.FACILITY_NOT_SUPERVISED)
def arrive__cargo_at_the_factory(w: World) -> Outcome:
    return w.post(FACTORY, Kind.ARRIVE, ln("bale", CARGO), facility=AT_FACTORY)


@refused(Outcome.FACILITY_NOT_SUPERVISED)
def accept__supervised_into_an_open_yard(w: World) -> Outcome:
    w.arrived("box")
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=YARD)
    return w.post(YARD, Kind.ACCEPT, ln("box"), reference=offer, facility=AT_YARD)


# ---- 5xx quantity

@refused(Outcome.NOT_ENOUGH)
def issue_prod__more_than_raw(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.ISSUE_PROD, ln("lot", q=6), book=BOOK)


@refused(Outcome.NOT_ENOUGH)
def return_prod__more_than_wip(w: World) -> Outcome:
    in_wip(w, "lot", 5)
    return w.post(FACTORY, Kind.RETURN_PROD, ln("lot", q=6), book=BOOK)


@refused(Outcome.NOT_ENOUGH)
def transform__more_than_wip(w: World) -> Outcome:
    in_wip(w, "lot", 5)
    return w.post(FACTORY, Kind.TRANSFORM, ln("lot", INPUT, q=6, balance=WIP),
                  ln("shirts", PRODUCT, q=1, material="shirt"), book=BOOK)


@refused(Outcome.NOT_ENOUGH)
def split__more_than_there_is_in_two_parts(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.SPLIT, ln("lot", INPUT), ln("one", OUTPUT, q=3, balance=RAW),
                  ln("two", OUTPUT, q=3, balance=RAW))


@refused(Outcome.NOT_ENOUGH)
def split__balance_that_the_lot_does_not_have(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.SPLIT, ln("lot", INPUT), ln("part", OUTPUT, q=1, balance=SCRAP))


@refused(Outcome.NOT_ENOUGH)
def export_load__more_than_finished(w: World) -> Outcome:
    w.made("shirts", 5)
    w.declared("E62", EXPORT, 10, "shirt")
    return w.post(FACTORY, Kind.EXPORT_LOAD, ln("shirts", q=6, balance=FINISHED), reference=uid("E62"))


@refused(Outcome.NOT_ENOUGH)
def exit_confirm__more_than_loaded(w: World) -> Outcome:
    loaded(w, "shirts", 5)
    return w.post(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=6, balance=LOADED), reference=uid("E62"))


@refused(Outcome.NOT_ENOUGH)
def exit_confirm__loaded_for_another_line(w: World) -> Outcome:
    loaded(w, "shirts", 5)
    w.declared("E62b", EXPORT, 5, "shirt")
    return w.post(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=5, balance=LOADED), reference=uid("E62b"))


@refused(Outcome.NOT_ENOUGH)
def scrap_out__more_than_scrap(w: World) -> Outcome:
    w.opened("waste", 5, SCRAP, "waste")
    return w.post(FACTORY, Kind.SCRAP_OUT, ln("waste", q=6, balance=SCRAP), book=BOOK)


@refused(Outcome.NOT_ENOUGH)
def offer__more_than_the_lot(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.OFFER, ln("lot", q=6, balance=RAW), counterparty=OTHER_FACTORY)


@refused(Outcome.LINE_EXCEEDED)
def receive_factory__more_than_declared(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    w.received("lot", 6, line="E31")
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("more", OUTPUT, q=5, balance=RAW, material="fabric"),
                  book=BOOK, reference=uid("E31"))


@refused(Outcome.LINE_EXCEEDED)
def receive_factory__drawn_from_two_books(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    w.received("lot", 10, line="E31")
    w.set_book(8, FACTORY)
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("more", OUTPUT, q=1, balance=RAW, material="fabric"),
                  book=8, reference=uid("E31"))


@refused(Outcome.LINE_EXCEEDED)
def export_load__two_lots_together_more_than_declared(w: World) -> Outcome:
    w.made("one", 5)
    w.made("two", 5)
    w.declared("E62", EXPORT, 9, "shirt")
    return w.post(FACTORY, Kind.EXPORT_LOAD, ln("one", q=5, balance=FINISHED), ln("two", q=5, balance=FINISHED),
                  reference=uid("E62"))


@refused(Outcome.LINE_EXCEEDED)
def sell_inland__more_than_declared(w: World) -> Outcome:
    w.received("lot", 10)
    w.declared("A42", CHANGE, 3, "fabric", original="E31 of lot")
    return w.post(FACTORY, Kind.SELL_INLAND, ln("lot", q=4, balance=RAW), book=BOOK, reference=uid("A42"))


@refused(Outcome.QUANTITY_ZERO)
def issue_prod__nothing(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.ISSUE_PROD, ln("lot"), book=BOOK)


@refused(Outcome.QUANTITY_ZERO)
def declare__nothing(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DECLARE, ln("E31", RECEIVE, material="fabric"))


@refused(Outcome.QUANTITY_ZERO)
def receive_domestic__nothing(w: World) -> Outcome:
    return w.post(FACTORY, Kind.RECEIVE_DOMESTIC, ln("lot", OUTPUT, balance=RAW, material="x"), book=BOOK)


@refused(Outcome.QUANTITY_ZERO)
def split__nothing(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.SPLIT, ln("lot", INPUT), ln("part", OUTPUT, balance=RAW))


@refused(Outcome.QUANTITY_ZERO)
def exit_confirm__nothing(w: World) -> Outcome:
    loaded(w, "shirts", 5)
    return w.post(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", balance=LOADED), reference=uid("E62"))


@refused(Outcome.QUANTITY_ZERO)
def scrap_out__nothing(w: World) -> Outcome:
    w.opened("waste", 5, SCRAP, "waste")
    return w.post(FACTORY, Kind.SCRAP_OUT, ln("waste", balance=SCRAP), book=BOOK)


@refused(Outcome.QUANTITY_ZERO)
def transform__of_nothing(w: World) -> Outcome:
    in_wip(w, "lot", 5)
    return w.post(FACTORY, Kind.TRANSFORM, ln("lot", INPUT, balance=WIP),
                  ln("shirts", PRODUCT, q=1, material="shirt"), book=BOOK)


@refused(Outcome.NOT_CONSERVED)
def offer__part_of_a_lot(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.OFFER, ln("lot", q=4, balance=RAW), counterparty=OTHER_FACTORY)


@refused(Outcome.MORE_THAN_OFFERED)
def accept__more_found(w: World) -> Outcome:
    w.bought("lot", 5)
    offer = w.ok(FACTORY, Kind.OFFER, ln("lot", q=5, balance=RAW), counterparty=OTHER_FACTORY)
    return w.post(OTHER_FACTORY, Kind.ACCEPT, ln("lot", q=6, balance=RAW), reference=offer)


@refused(Outcome.BELOW_DRAWN)
def declare__amended_below_drawn(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    w.received("lot", 6, line="E31")
    return w.post(CUSTOMS, Kind.DECLARE, ln("E31", RECEIVE, q=5, material="fabric"))


@refused(Outcome.QUANTITY_OVERFLOW)
def merge__beyond_64_bits(w: World) -> Outcome:
    w.bought("one", BIG)
    w.bought("two", 1)
    return w.post(FACTORY, Kind.MERGE, ln("one", INPUT), ln("two", OUTPUT))


@refused(Outcome.QUANTITY_OVERFLOW)
def issue_prod__beyond_64_bits(w: World) -> Outcome:
    w.bought("one", BIG)
    w.ok(FACTORY, Kind.ISSUE_PROD, ln("one", q=BIG), book=BOOK)
    w.bought("two", 1)
    w.ok(FACTORY, Kind.MERGE, ln("one", INPUT), ln("two", OUTPUT))
    return w.post(FACTORY, Kind.ISSUE_PROD, ln("two", q=1), book=BOOK)


@refused(Outcome.QUANTITY_OVERFLOW)
def accept__short_beyond_64_bits(w: World) -> Outcome:
    for lot in ("one", "two"):
        w.bought(lot, BIG)
        offer = w.ok(FACTORY, Kind.OFFER, ln(lot, q=BIG, balance=RAW), counterparty=OTHER_FACTORY)
        w.ok(OTHER_FACTORY, Kind.ACCEPT, ln(lot, q=1, balance=RAW), reference=offer)
    w.bought("three", BIG)
    w.hand_over("three", FACTORY, OTHER_FACTORY)
    w.ok(FACTORY, Kind.SPLIT, ln("three", INPUT), ln("big", OUTPUT, q=BIG - 1, balance=RAW))
    w.ok(FACTORY, Kind.MERGE, ln("one", INPUT), ln("big", OUTPUT))
    offer = w.ok(OTHER_FACTORY, Kind.OFFER, ln("big", q=BIG, balance=RAW), counterparty=FACTORY)
    return w.post(FACTORY, Kind.ACCEPT, ln("big", q=1, balance=RAW), reference=offer)


# ---- 6xx reference

@refused(Outcome.UNKNOWN_REFERENCE)
def receive_factory__from_no_line(w: World) -> Outcome:
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="fabric"), book=BOOK)


@refused(Outcome.UNKNOWN_REFERENCE)
def sell_inland__imported_without_a_line(w: World) -> Outcome:
    w.received("lot", 5)
    return w.post(FACTORY, Kind.SELL_INLAND, ln("lot", q=5, balance=RAW), book=BOOK)


@refused(Outcome.UNKNOWN_REFERENCE)
def sell_inland__finished_without_a_line(w: World) -> Outcome:
    w.made("shirts", 5)
    return w.post(FACTORY, Kind.SELL_INLAND, ln("shirts", q=5, balance=FINISHED), book=BOOK)


@refused(Outcome.UNKNOWN_REFERENCE)
def repurpose__imported_without_a_line(w: World) -> Outcome:
    w.received("lot", 5)
    return w.post(FACTORY, Kind.REPURPOSE, ln("lot", q=5, balance=RAW), book=BOOK)


@refused(Outcome.UNKNOWN_REFERENCE)
def scrap_out__book_asks_for_a_line(w: World) -> Outcome:
    w.opened("waste", 5, SCRAP, "waste", book=STRICT_BOOK)
    return w.post(FACTORY, Kind.SCRAP_OUT, ln("waste", q=5, balance=SCRAP), book=STRICT_BOOK)


@refused(Outcome.UNKNOWN_REFERENCE)
def exit_confirm__unknown_line(w: World) -> Outcome:
    loaded(w, "shirts", 5)
    return w.post(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=5, balance=LOADED), reference=uid("E63"))


@refused(Outcome.UNKNOWN_REFERENCE)
def declare__change_of_purpose_without_original(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DECLARE, ln("A42", CHANGE, q=1, material="fabric"))


@refused(Outcome.UNKNOWN_REFERENCE)
def declare__change_of_purpose_citing_itself(w: World) -> Outcome:
    w.declared("A42", RECEIVE, 5, "fabric", cleared=False)
    return w.post(FACTORY, Kind.DECLARE, ln("A42", CHANGE, q=1, material="fabric"), reference=uid("A42"))


@refused(Outcome.WITNESS_MISMATCH)
def correct__event_never_recorded(w: World) -> Outcome:
    from ledger.events.model import event_id
    original = w.event(Kind.OBSERVE, ln("box"))
    reference = event_id(original, w.separator)
    return w.record(CARRIER, w.event(Kind.CORRECT, reference=reference), corrected=(original, CARRIER))


@refused(Outcome.WITNESS_MISMATCH)
def correct__event_of_a_key_nobody_registered(w: World) -> Outcome:
    from ledger.events.model import event_id
    original = w.event(Kind.OBSERVE, ln("box"))
    reference = event_id(original, w.separator)
    return w.record(CUSTOMS, w.event(Kind.CORRECT, reference=reference), corrected=(original, 77))


@refused(Outcome.WRONG_PURPOSE)
def receive_factory__from_an_export_line(w: World) -> Outcome:
    w.declared("E62", EXPORT, 10, "fabric")
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="fabric"),
                  book=BOOK, reference=uid("E62"))


@refused(Outcome.WRONG_PURPOSE)
def export_load__for_a_receive_line(w: World) -> Outcome:
    w.made("shirts", 5)
    w.declared("E31", RECEIVE, 5, "shirt")
    return w.post(FACTORY, Kind.EXPORT_LOAD, ln("shirts", q=5, balance=FINISHED), reference=uid("E31"))


@refused(Outcome.WRONG_PURPOSE)
def exit_confirm__for_a_receive_line(w: World) -> Outcome:
    loaded(w, "shirts", 5)
    w.declared("E31", RECEIVE, 5, "shirt")
    return w.post(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=5, balance=LOADED), reference=uid("E31"))


@refused(Outcome.WRONG_PURPOSE)
def sell_inland__line_cites_another_import(w: World) -> Outcome:
    w.received("lot", 5)
    w.declared("other E31", RECEIVE, 5, "fabric")
    w.declared("A42", CHANGE, 5, "fabric", original="other E31")
    return w.post(FACTORY, Kind.SELL_INLAND, ln("lot", q=5, balance=RAW), book=BOOK, reference=uid("A42"))


@refused(Outcome.WRONG_PURPOSE)
def declare__purpose_changed_after_drawing(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    w.received("lot", 5, line="E31")
    return w.post(CUSTOMS, Kind.DECLARE, ln("E31", EXPORT, q=10, material="fabric"))


@refused(Outcome.WRONG_MATERIAL)
def receive_factory__other_material_than_declared(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="silk"),
                  book=BOOK, reference=uid("E31"))


@refused(Outcome.WRONG_MATERIAL)
def receive_domestic__no_material(w: World) -> Outcome:
    return w.post(FACTORY, Kind.RECEIVE_DOMESTIC, ln("lot", OUTPUT, q=1, balance=RAW), book=BOOK)


@refused(Outcome.WRONG_MATERIAL)
def declare__no_material(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DECLARE, ln("E31", RECEIVE, q=1))


@refused(Outcome.WRONG_MATERIAL)
def declare__material_changed_after_drawing(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    w.received("lot", 5, line="E31")
    return w.post(CUSTOMS, Kind.DECLARE, ln("E31", RECEIVE, q=10, material="silk"))


@refused(Outcome.WRONG_MATERIAL)
def transform__raw_called_a_product(w: World) -> Outcome:
    in_wip(w, "lot", 5)
    return w.post(FACTORY, Kind.TRANSFORM, ln("lot", INPUT, q=5, balance=WIP),
                  ln("out", PRODUCT, q=5, material="fabric"), book=BOOK)


@refused(Outcome.WRONG_MATERIAL)
def transform__semi_finished_of_the_same_material(w: World) -> Outcome:
    in_wip(w, "lot", 5)
    return w.post(FACTORY, Kind.TRANSFORM, ln("lot", INPUT, q=5, balance=WIP),
                  ln("out", LineRole.SEMI_FINISHED, q=5, material="fabric"), book=BOOK)


@refused(Outcome.WRONG_MATERIAL)
def export_load__other_material_than_declared(w: World) -> Outcome:
    w.made("shirts", 5)
    w.declared("E62", EXPORT, 5, "trousers")
    return w.post(FACTORY, Kind.EXPORT_LOAD, ln("shirts", q=5, balance=FINISHED), reference=uid("E62"))


@refused(Outcome.WRONG_MATERIAL)
def repurpose__other_material_than_declared(w: World) -> Outcome:
    w.received("lot", 5)
    w.declared("A42", CHANGE, 5, "silk", original="E31 of lot")
    return w.post(FACTORY, Kind.REPURPOSE, ln("lot", q=5, balance=RAW), book=BOOK, reference=uid("A42"))


@refused(Outcome.WRONG_BOOK)
def issue_prod__lot_of_another_book(w: World) -> Outcome:
    w.bought("lot", 5, book=STRICT_BOOK)
    return w.post(FACTORY, Kind.ISSUE_PROD, ln("lot", q=1), book=BOOK)


@refused(Outcome.WRONG_BOOK)
def count__lot_of_another_book(w: World) -> Outcome:
    w.bought("lot", 5, by=OTHER_FACTORY, book=OTHER_BOOK)
    return w.post(CUSTOMS, Kind.COUNT, ln("lot", q=5, balance=RAW), book=BOOK)


@refused(Outcome.WRONG_VERSION)
def clear__version_amended_meanwhile(w: World) -> Outcome:
    version = w.declared("E31", RECEIVE, 10, "fabric", cleared=False)
    w.ok(FACTORY, Kind.DECLARE, ln("E31", RECEIVE, q=9, material="fabric"))
    return w.post(CUSTOMS, Kind.CLEAR, ln("E31"), reference=version)


@refused(Outcome.UNKNOWN_FACILITY)
def arrive__nowhere(w: World) -> Outcome:
    return w.post(CARRIER, Kind.ARRIVE, ln("box", CONTAINER))


@refused(Outcome.UNKNOWN_FACILITY)
def accept__into_an_unknown_facility(w: World) -> Outcome:
    w.arrived("box")
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    return w.post(TERMINAL, Kind.ACCEPT, ln("box"), reference=offer, facility=NOBODY)


@refused(Outcome.UNKNOWN_BOOK)
def receive_domestic__unknown_book(w: World) -> Outcome:
    return w.post(FACTORY, Kind.RECEIVE_DOMESTIC, ln("lot", OUTPUT, q=1, balance=RAW, material="x"), book=NOBODY)


@refused(Outcome.UNKNOWN_BOOK)
def count__no_book(w: World) -> Outcome:
    return w.post(CUSTOMS, Kind.COUNT)


@refused(Outcome.UNKNOWN_PARTICIPANT)
def offer__to_nobody(w: World) -> Outcome:
    w.arrived("box")
    return w.post(CARRIER, Kind.OFFER, ln("box"), counterparty=NOBODY)


@refused(Outcome.UNKNOWN_PARTICIPANT)
def declare__customs_names_an_unknown_declarant(w: World) -> Outcome:
    return w.post(CUSTOMS, Kind.DECLARE, ln("E31", RECEIVE, q=1, material="x"), counterparty=NOBODY)


@refused(Outcome.WITNESS_MISMATCH)
def approve__showing_another_event(w: World) -> Outcome:
    w.post(FACTORY, Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    opening = w.last_id
    other = w.event(Kind.OPENING, ln("lot", LineRole.OWN, q=9, balance=RAW, material="x"), book=BOOK)
    return w.record(CUSTOMS, w.event(Kind.APPROVE, reference=opening), pending=other)


@refused(Outcome.WITNESS_MISMATCH)
def approve__showing_nothing(w: World) -> Outcome:
    w.post(FACTORY, Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    return w.record(CUSTOMS, w.event(Kind.APPROVE, reference=w.last_id))


@refused(Outcome.UNITS_DIFFER)
def correct__naming_units_that_the_original_did_not(w: World) -> Outcome:
    original = w.event(Kind.OBSERVE, ln("box"))
    w.record(CARRIER, original)
    return w.record(CARRIER, w.event(Kind.CORRECT, ln("other box"), reference=w.last_id),
                    corrected=(original, CARRIER))


@refused(Outcome.UNLIKE_LOTS)
def merge__two_materials(w: World) -> Outcome:
    w.bought("one", 5, "thread")
    w.bought("two", 5, "yarn")
    return w.post(FACTORY, Kind.MERGE, ln("one", INPUT), ln("two", INPUT), ln("both", OUTPUT))


@refused(Outcome.UNLIKE_LOTS)
def merge__imported_into_domestic(w: World) -> Outcome:
    w.received("one", 5, "thread")
    w.bought("two", 5, "thread")
    return w.post(FACTORY, Kind.MERGE, ln("one", INPUT), ln("two", OUTPUT))


@refused(Outcome.UNLIKE_LOTS)
def merge__two_import_lines(w: World) -> Outcome:
    w.received("one", 5)
    w.received("two", 5)
    return w.post(FACTORY, Kind.MERGE, ln("one", INPUT), ln("two", OUTPUT))


@refused(Outcome.UNLIKE_LOTS)
def merge__two_books(w: World) -> Outcome:
    w.bought("one", 5)
    w.bought("two", 5, book=STRICT_BOOK)
    return w.post(FACTORY, Kind.MERGE, ln("one", INPUT), ln("two", OUTPUT))


@refused(Outcome.UNLIKE_LOTS)
def merge__two_custodians(w: World) -> Outcome:
    w.bought("one", 5)
    w.bought("two", 5)
    w.hand_over("two", FACTORY, OTHER_FACTORY)
    return w.post(FACTORY, Kind.MERGE, ln("one", INPUT), ln("two", OUTPUT))


@refused(Outcome.UNLIKE_LOTS)
def transform__inputs_with_two_custodians(w: World) -> Outcome:
    in_wip(w, "one", 5)
    in_wip(w, "two", 5)
    w.hand_over("two", FACTORY, OTHER_FACTORY)
    return w.post(FACTORY, Kind.TRANSFORM, ln("one", INPUT, q=5, balance=WIP), ln("two", INPUT, q=5, balance=WIP),
                  ln("shirts", PRODUCT, q=1, material="shirt"), book=BOOK)


# ---- 7xx format

@refused(Outcome.UNKNOWN_KIND)
def kind__zero(w: World) -> Outcome:
    return raw_kind(w, 0)


@refused(Outcome.UNKNOWN_KIND)
def kind__beyond_the_last(w: World) -> Outcome:
    return raw_kind(w, 41)


@refused(Outcome.LINES_NOT_ASCENDING)
def hold__descending_lines(w: World) -> Outcome:
    high, low = sorted((uid("one"), uid("two")), reverse=True)
    return w.record(CUSTOMS, w.event(Kind.HOLD, ln(high), ln(low), in_order=True))


@refused(Outcome.LINES_NOT_ASCENDING)
def issue_prod__one_lot_named_twice(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.record(FACTORY, w.event(Kind.ISSUE_PROD, ln("lot", q=3), ln("lot", q=3), in_order=True, book=BOOK))


@refused(Outcome.TOO_MANY_LINES)
def observe__65_units(w: World) -> Outcome:
    return w.post(CARRIER, Kind.OBSERVE, *(ln(f"box {i}") for i in range(65)))


@refused(Outcome.LINES_MISSING)
def arrive__nothing(w: World) -> Outcome:
    return w.post(CARRIER, Kind.ARRIVE, facility=AT_TERMINAL)


@refused(Outcome.LINES_MISSING)
def hold__unit_zero(w: World) -> Outcome:
    return w.post(CUSTOMS, Kind.HOLD, ln(ZERO32))


@refused(Outcome.LINES_MISSING)
def declare__no_line_and_no_anchor(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DECLARE)


@refused(Outcome.LINES_MISSING)
def transform__inputs_only(w: World) -> Outcome:
    in_wip(w, "one", 5)
    in_wip(w, "two", 5)
    return w.post(FACTORY, Kind.TRANSFORM, ln("one", INPUT, q=5, balance=WIP), ln("two", INPUT, q=5, balance=WIP),
                  book=BOOK)


@refused(Outcome.LINES_MISSING)
def transform__out_of_nothing(w: World) -> Outcome:
    return w.post(FACTORY, Kind.TRANSFORM, ln("one", PRODUCT, q=5, material="x"), ln("two", PRODUCT, q=5, material="x"),
                  book=BOOK)


@refused(Outcome.LINES_MISSING)
def receive_factory__book_asks_for_the_container(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="fabric"),
                  book=STRICT_BOOK, reference=uid("E31"))


@refused(Outcome.LINES_MISSING)
def receive_factory__container_only(w: World) -> Outcome:
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("box", CONTAINER), book=BOOK, reference=uid("E31"))


@refused(Outcome.LINES_MISSING)
def split__two_inputs_no_output(w: World) -> Outcome:
    return w.post(FACTORY, Kind.SPLIT, ln("one", INPUT), ln("two", INPUT))


@refused(Outcome.FIELD_NOT_ALLOWED)
def receive_factory__two_lots(w: World) -> Outcome:
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("one", OUTPUT, q=5, balance=RAW, material="fabric"),
                  ln("two", OUTPUT, q=5, balance=RAW, material="fabric"), book=BOOK, reference=uid("E31"))


@refused(Outcome.FIELD_NOT_ALLOWED)
def merge__two_outputs(w: World) -> Outcome:
    return w.post(FACTORY, Kind.MERGE, ln("one", OUTPUT), ln("two", OUTPUT), ln("three", INPUT))


@refused(Outcome.FIELD_NOT_ALLOWED)
def hold__with_a_book(w: World) -> Outcome:
    return w.post(CUSTOMS, Kind.HOLD, ln("box"), book=BOOK)


@refused(Outcome.FIELD_NOT_ALLOWED)
def hold__with_a_facility(w: World) -> Outcome:
    return w.post(CUSTOMS, Kind.HOLD, ln("box"), facility=AT_CFS)


@refused(Outcome.FIELD_NOT_ALLOWED)
def hold__with_a_counterparty(w: World) -> Outcome:
    return w.post(CUSTOMS, Kind.HOLD, ln("box"), counterparty=CFS)


@refused(Outcome.FIELD_NOT_ALLOWED)
def hold__with_a_reference(w: World) -> Outcome:
    return w.post(CUSTOMS, Kind.HOLD, ln("box"), reference=uid("x"))


@refused(Outcome.FIELD_NOT_ALLOWED)
def hold__with_a_quantity(w: World) -> Outcome:
    return w.post(CUSTOMS, Kind.HOLD, ln("box", q=1))


@refused(Outcome.FIELD_NOT_ALLOWED)
def hold__with_a_material(w: World) -> Outcome:
    return w.post(CUSTOMS, Kind.HOLD, ln("box", material="x"))


@refused(Outcome.FIELD_NOT_ALLOWED)
def clear__two_lines(w: World) -> Outcome:
    return w.post(CUSTOMS, Kind.CLEAR, ln("one"), ln("two"), reference=uid("version"))


@refused(Outcome.FIELD_NOT_ALLOWED)
def approve__with_a_unit(w: World) -> Outcome:
    event = w.event(Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    w.record(FACTORY, event)
    return w.record(CUSTOMS, w.event(Kind.APPROVE, ln("lot"), reference=w.last_id), pending=event)


@refused(Outcome.FIELD_NOT_ALLOWED)
def declare__receive_line_citing_an_original(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    return w.post(FACTORY, Kind.DECLARE, ln("E31b", RECEIVE, q=1, material="x"), reference=uid("E31"))


@refused(Outcome.FIELD_NOT_ALLOWED)
def split__cargo_with_a_quantity(w: World) -> Outcome:
    w.arrived("bale", CARGO)
    return w.post(CARRIER, Kind.SPLIT, ln("bale", INPUT), ln("half", OUTPUT, q=5))


@refused(Outcome.WRONG_THING)
def eligible__lot(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(CUSTOMS, Kind.ELIGIBLE, ln("lot"))


@refused(Outcome.WRONG_THING)
def issue_prod__container(w: World) -> Outcome:
    w.arrived("box")
    return w.post(FACTORY, Kind.ISSUE_PROD, ln("box", q=1), book=BOOK)


@refused(Outcome.WRONG_THING)
def offer__declaration_line(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    return w.post(FACTORY, Kind.OFFER, ln("E31"), counterparty=CARRIER)


@refused(Outcome.WRONG_THING)
def clear__container(w: World) -> Outcome:
    w.arrived("box")
    return w.post(CUSTOMS, Kind.CLEAR, ln("box"), reference=uid("version"))


@refused(Outcome.WRONG_THING)
def declare__under_the_name_of_a_container(w: World) -> Outcome:
    w.arrived("box")
    return w.post(FACTORY, Kind.DECLARE, ln("box", RECEIVE, q=1, material="x"))


@refused(Outcome.WRONG_THING)
def split__container(w: World) -> Outcome:
    w.arrived("box")
    return w.post(CARRIER, Kind.SPLIT, ln("box", INPUT), ln("half", OUTPUT))


@refused(Outcome.WRONG_THING)
def merge__cargo(w: World) -> Outcome:
    w.arrived("bale", CARGO)
    return w.post(CARRIER, Kind.MERGE, ln("bale", INPUT), ln("both", OUTPUT))


@refused(Outcome.WRONG_THING)
def receive_factory__cargo_called_a_container(w: World) -> Outcome:
    w.declared("E31", RECEIVE, 10, "fabric")
    w.freed("bale", CARGO)
    return w.post(FACTORY, Kind.RECEIVE_FACTORY, ln("lot", OUTPUT, q=5, balance=RAW, material="fabric"),
                  ln("bale", CONTAINER), book=BOOK, reference=uid("E31"))


@refused(Outcome.WRONG_BALANCE)
def export_load__raw(w: World) -> Outcome:
    return w.post(FACTORY, Kind.EXPORT_LOAD, ln("lot", q=5, balance=RAW), reference=uid("E62"))


@refused(Outcome.WRONG_BALANCE)
def opening__loaded(w: World) -> Outcome:
    return w.post(FACTORY, Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=LOADED, material="x"), book=BOOK)


@refused(Outcome.WRONG_BALANCE)
def sell_inland__wip(w: World) -> Outcome:
    return w.post(FACTORY, Kind.SELL_INLAND, ln("lot", q=1, balance=WIP), book=BOOK)


@refused(Outcome.WRONG_BALANCE)
def count__lot_without_balance(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.COUNT, ln("lot", q=5), book=BOOK)


@refused(Outcome.WRONG_BALANCE)
def offer__quantity_of_a_mixed_lot(w: World) -> Outcome:
    w.bought("lot", 5)
    w.ok(FACTORY, Kind.ISSUE_PROD, ln("lot", q=2), book=BOOK)
    return w.post(FACTORY, Kind.OFFER, ln("lot", q=3, balance=RAW), counterparty=OTHER_FACTORY)


@refused(Outcome.WRONG_BALANCE)
def accept__quantity_in_another_balance(w: World) -> Outcome:
    w.bought("lot", 5)
    offer = w.ok(FACTORY, Kind.OFFER, ln("lot"), counterparty=OTHER_FACTORY)
    return w.post(OTHER_FACTORY, Kind.ACCEPT, ln("lot", q=3, balance=FINISHED), reference=offer)


@refused(Outcome.WRONG_BALANCE)
def split__lot_without_balance(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.SPLIT, ln("lot", INPUT), ln("part", OUTPUT, q=1))


@refused(Outcome.WRONG_BALANCE)
def split__cargo_with_a_balance(w: World) -> Outcome:
    w.arrived("bale", CARGO)
    return w.post(CARRIER, Kind.SPLIT, ln("bale", INPUT), ln("half", OUTPUT, balance=RAW))


@refused(Outcome.WRONG_ROLE)
def arrive__lot(w: World) -> Outcome:
    return w.post(CARRIER, Kind.ARRIVE, ln("lot", OUTPUT), facility=AT_TERMINAL)


@refused(Outcome.WRONG_ROLE)
def transform__with_an_output_role(w: World) -> Outcome:
    return w.post(FACTORY, Kind.TRANSFORM, ln("one", INPUT, q=1, balance=WIP), ln("two", OUTPUT, q=1, material="x"),
                  book=BOOK)


@refused(Outcome.WRONG_ROLE)
def declare__without_purpose(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DECLARE, ln("E31", q=1, material="x"))


# ---- scenes

def closed(w: World, name: str) -> None:
    w.freed(name)
    w.ok(FACTORY, Kind.CLOSE, ln(name))


def in_wip(w: World, name: str, q: int) -> None:
    w.received(name, q)
    w.ok(FACTORY, Kind.ISSUE_PROD, ln(name, q=q), book=BOOK)


def emptied(w: World, name: str) -> None:
    w.bought(name, 5)
    w.ok(FACTORY, Kind.SELL_INLAND, ln(name, q=5, balance=RAW), book=BOOK)


def loaded(w: World, name: str, q: int, *, of: int = 0) -> None:
    w.made(name, of or q)
    w.declared("E62", EXPORT, q, "shirt")
    w.ok(FACTORY, Kind.EXPORT_LOAD, ln(name, q=q, balance=FINISHED), reference=uid("E62"))


def raw_kind(w: World, number: int) -> Outcome:
    """An event of a kind that has no name."""
    kind = int.__new__(Kind, number)
    kind._name_, kind._value_ = f"UNKNOWN_{number}", number
    return w.post(CARRIER, kind, ln("box"))


UNREACHABLE = {
    Outcome.KIND_NOT_AVAILABLE,  # every kind is
}


@pytest.mark.parametrize(("code", "case"), CASES, ids=[case.__name__ for _, case in CASES])
def test_ledger__forbidden_act__is_refused_with_its_code(world: World, code: Outcome, case: Case) -> None:
    outcome = case(world)
    assert outcome is code, f"{outcome.name} instead of {code.name}"
    world.check()


def test_outcomes__every_code__has_a_case() -> None:
    provoked = {code for code, _ in CASES} | {Outcome.RECORDED, Outcome.PENDING}
    assert set(Outcome) - provoked == UNREACHABLE


def test_refused_act__sent_again_with_the_same_signature__is_not_taken(world: World) -> None:
    world.arrived("box")
    event: CustodyEvent = world.event(Kind.GATE_OUT, ln("box"))
    assert world.record(TERMINAL, event) is Outcome.NOT_ELIGIBLE
    world.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    assert world.record(TERMINAL, event) is Outcome.NONCE_USED
    assert world.post(TERMINAL, Kind.GATE_OUT, ln("box")) is Outcome.RECORDED
