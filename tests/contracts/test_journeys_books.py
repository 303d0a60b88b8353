"""What must be possible with goods that come back, go to another book, are destroyed or set right; norms; witnesses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.events.model import ZERO32
from ledger.vocabulary import Balance, Kind, LineRole, Origin, Outcome, UnitStatus
from tests.contracts.refusals_books import (
    adjust,
    counted,
    exited,
    norm,
    offered,
    sewing,
    short,
    strict_norms,
    taking,
    transfer_lines,
)
from tests.contracts.world import (
    AGENCY,
    AT_CFS,
    AT_TERMINAL,
    BOOK,
    CARRIER,
    CFS,
    CUSTOMS,
    FACTORY,
    OTHER_BOOK,
    OTHER_FACTORY,
    STRICT_BOOK,
    World,
    ln,
    uid,
)

RAW, WIP, FINISHED, SHORT, LOADED = Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SHORT, Balance.LOADED
INPUT, OUTPUT = LineRole.INPUT, LineRole.OUTPUT


def test_reexport__loaded_rolled_and_shipped__raw_comes_back_raw(world: World) -> None:
    w = world
    w.received("roll", 10)
    w.declared("B13", LineRole.RE_EXPORT, 10, "fabric")
    w.ok(FACTORY, Kind.REEXPORT, ln("roll", q=7, balance=RAW), reference=uid("B13"))
    w.held("roll", AGENCY)
    w.held("B13", AGENCY)
    w.ok(CUSTOMS, Kind.UNLOAD, ln("roll", q=2, balance=LOADED), reference=uid("B13"))  # also under hold
    w.ok(AGENCY, Kind.UNHOLD, ln("roll"), ln("B13"))
    w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln("roll", q=5, balance=LOADED), reference=uid("B13"))
    line, lot = w.oracle.lines[uid("B13")], w.oracle.lots[uid("roll")]
    assert (line.drawn, line.exited) == (5, 5)
    assert (lot.amount(RAW), lot.loaded_total) == (5, 0)


def test_unload__finished_of_an_export_line__is_finished_again(world: World) -> None:
    w = world
    w.made("shirts", 5)
    w.declared("E62", LineRole.EXPORT, 5, "shirt")
    w.ok(FACTORY, Kind.EXPORT_LOAD, ln("shirts", q=5, balance=FINISHED), reference=uid("E62"))
    w.ok(FACTORY, Kind.UNLOAD, ln("shirts", q=5, balance=LOADED), reference=uid("E62"))
    assert w.oracle.lots[uid("shirts")].amounts[FINISHED] == 5
    w.ok(FACTORY, Kind.EXPORT_LOAD, ln("shirts", q=5, balance=FINISHED), reference=uid("E62"))  # the line has it again


def test_fg_return__in_parts_up_to_what_exited__and_sold_under_a_line_that_cites_the_export(world: World) -> None:
    w = world
    exited(w)
    for name, q in (("back", 2), ("more", 3)):
        w.ok(FACTORY, Kind.FG_RETURN, ln(name, OUTPUT, q=q, balance=FINISHED, material="shirt"), book=BOOK,
             reference=uid("E62"))
    lot = w.oracle.lots[uid("back")]
    assert (lot.origin, lot.source) == (Origin.OWN, uid("E62"))
    w.declared("A42", LineRole.CHANGE_OF_PURPOSE, 2, "shirt", original="E62")
    w.ok(FACTORY, Kind.SELL_INLAND, ln("back", q=2, balance=FINISHED), book=BOOK, reference=uid("A42"))


def test_destroy__where_the_book_asks_for_approval__happens_when_approved(world: World) -> None:
    w = world
    w.bought("lot", 5, book=STRICT_BOOK)
    event = w.event(Kind.DESTROY, ln("lot", q=2, balance=RAW), book=STRICT_BOOK)
    assert w.approved(event, FACTORY) is Outcome.RECORDED
    assert w.oracle.lots[uid("lot")].amounts[RAW] == 3


@pytest.mark.parametrize("end", [Kind.DENY, Kind.CANCEL])
def test_pending_adjustment__denied_or_cancelled__changes_nothing_and_uses_up_no_count(world: World, end: Kind) -> None:
    w = world
    w.bought("lot", 5)
    count = counted(w, "lot", 4)
    assert adjust(w, ln("lot", INPUT, q=1, balance=RAW), count=count) is Outcome.PENDING
    w.ok(CUSTOMS if end is Kind.DENY else FACTORY, end, reference=w.last_id)
    event = w.event(Kind.ADJUST, ln("lot", INPUT, q=1, balance=RAW), book=BOOK, reference=count)
    assert w.approved(event, FACTORY) is Outcome.RECORDED
    assert w.oracle.lots[uid("lot")].amounts[RAW] == 4


def test_adjust__one_count_of_two_balances_and_two_lots__each_once(world: World) -> None:
    w = world
    w.bought("lot", 5)
    w.bought("other", 5)
    w.ok(FACTORY, Kind.ISSUE_PROD, ln("lot", q=2), book=BOOK)
    count = counted(w, "lot", 4)
    for lines in ((ln("lot", INPUT, q=1, balance=RAW), ln("other", OUTPUT, q=3, balance=RAW)),
                  (ln("lot", OUTPUT, q=1, balance=WIP),)):
        event = w.event(Kind.ADJUST, *lines, book=BOOK, reference=count)
        assert w.approved(event, FACTORY) is Outcome.RECORDED
    assert w.oracle.lots[uid("lot")].amounts == {RAW: 2, WIP: 3}
    assert w.oracle.lots[uid("other")].amounts == {RAW: 8}


def test_adjust__empty_lot__has_goods_again(world: World) -> None:
    w = world
    w.bought("lot", 5)
    w.ok(FACTORY, Kind.DESTROY, ln("lot", q=5, balance=RAW), book=BOOK)
    event = w.event(Kind.ADJUST, ln("lot", OUTPUT, q=1, balance=RAW), book=BOOK, reference=counted(w, "lot", 1))
    assert w.approved(event, FACTORY) is Outcome.RECORDED
    w.ok(FACTORY, Kind.ISSUE_PROD, ln("lot", q=1), book=BOOK)


def test_adjust__short__settled_in_part_and_written_off_by_another_count(world: World) -> None:
    w = world
    short(w)
    event = w.event(Kind.ADJUST, ln("lot", LineRole.FROM_SHORT, q=1, balance=RAW), book=BOOK,
                    reference=counted(w, "lot", 4))
    assert w.approved(event, FACTORY) is Outcome.RECORDED
    event = w.event(Kind.ADJUST, ln("lot", INPUT, q=1, balance=SHORT), book=BOOK, reference=counted(w, "lot", 4))
    assert w.approved(event, FACTORY) is Outcome.RECORDED
    assert w.oracle.lots[uid("lot")].amounts == {RAW: 4, SHORT: 0}


def test_adjust__naming_a_corrected_event(world: World) -> None:
    w = world
    event = w.event(Kind.RECEIVE_DOMESTIC, ln("lot", OUTPUT, q=5, balance=RAW, material="thread"), book=BOOK)
    w.record(FACTORY, event)
    received = w.last_id
    assert w.record(FACTORY, w.event(Kind.CORRECT, reference=received), corrected=(event, FACTORY)) is Outcome.RECORDED
    adjustment = w.event(Kind.ADJUST, ln("lot", INPUT, q=2, balance=RAW), book=BOOK, reference=received)
    assert w.approved(adjustment, FACTORY) is Outcome.RECORDED


def test_transfer__accepted__the_goods_are_in_the_other_book(world: World) -> None:
    w = world
    transfer_lines(w)
    transfer = offered(w, 2)
    assert taking(w, transfer, 2) is Outcome.RECORDED
    old, new = w.oracle.lots[uid("roll")], w.oracle.lots[uid("new roll")]
    assert (old.amount(RAW), new.amount(RAW), new.book, new.material) == (3, 2, OTHER_BOOK, uid("their fabric"))
    assert (new.origin, new.source) == (Origin.IMPORTED, uid("E31 of roll"))
    out, into = w.oracle.lines[uid("out")], w.oracle.lines[uid("in")]
    assert (out.drawn, out.exited, into.drawn, into.exited) == (2, 2, 2, 0)
    assert w.oracle.units[uid("new roll")].custodian == OTHER_FACTORY
    w.ok(FACTORY, Kind.ISSUE_PROD, ln("roll", q=3), book=BOOK)  # what was not offered is free again
    w.check()


def test_transfer__of_goods_with_a_third_party__which_keeps_them_for_the_new_owner(world: World) -> None:
    w = world
    transfer_lines(w)
    w.hand_over("roll", FACTORY, CFS)
    assert taking(w, offered(w)) is Outcome.RECORDED
    assert w.oracle.units[uid("new roll")].custodian == CFS


@pytest.mark.parametrize(("by", "kind"), [(OTHER_FACTORY, Kind.REFUSE), (FACTORY, Kind.CANCEL)])
def test_transfer__refused_or_cancelled__the_lot_is_free(world: World, by: int, kind: Kind) -> None:
    transfer_lines(world)
    offered(world)
    world.ok(by, kind, ln("roll"), reference=world.last_id)
    world.ok(FACTORY, Kind.ISSUE_PROD, ln("roll", q=5), book=BOOK)


def test_transfer__expired__the_lot_may_be_handed_over(world: World) -> None:
    """Nothing of the TRANSFER stays in its state."""
    transfer_lines(world)
    offered(world, deadline_s=world.evm.now_s + 60)
    world.pass_time(61)
    world.hand_over("roll", FACTORY, CFS)


def test_transfer__between_two_books_of_one_owner(world: World) -> None:
    w = world
    transfer_lines(w)
    w.declared("in 2", LineRole.TRANSFER_IN, 5, "fabric")
    transfer = offered(w, counterparty=FACTORY)
    assert taking(w, transfer, by=FACTORY, book=STRICT_BOOK, **{
        "in": ln("in 2", LineRole.TRANSFER_IN),
        "new": ln("new roll", OUTPUT, q=5, balance=RAW, material="fabric")}) is Outcome.RECORDED


def test_transfer__accepted_first_with_a_wrong_witness__is_accepted_with_the_right_one(world: World) -> None:
    """A gateway that sends nonsense spoils nothing."""
    w = world
    transfer_lines(w)
    transfer = offered(w)
    identifier, lines = w.last_id, (
        ln("roll", INPUT), ln("new roll", OUTPUT, q=5, balance=RAW, material="their fabric"),
        ln("in", LineRole.TRANSFER_IN), ln("out", LineRole.TRANSFER_OUT))
    accept = w.event(Kind.ACCEPT, *lines, book=OTHER_BOOK, reference=identifier)
    for wrong in (b"", b"\x01" * 64, replace(transfer, nonce=1).encoded()):
        assert w.record(OTHER_FACTORY, accept, witness=wrong) is Outcome.WITNESS_MISMATCH
    assert w.record(OTHER_FACTORY, accept, pending=transfer) is Outcome.RECORDED


def test_approve_and_correct__first_with_a_wrong_witness__are_recorded_with_the_right_one(world: World) -> None:
    w = world
    opening = w.event(Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    w.record(FACTORY, opening)
    identifier = w.last_id
    approve = w.event(Kind.APPROVE, reference=identifier)
    correct = w.event(Kind.CORRECT, reference=identifier)
    assert w.record(CUSTOMS, approve, witness=b"\x01" * 640) is Outcome.WITNESS_MISMATCH
    assert w.record(CUSTOMS, approve, pending=replace(opening, nonce=7)) is Outcome.WITNESS_MISMATCH
    assert w.record(CUSTOMS, approve, pending=opening) is Outcome.RECORDED
    for signer in (77, CARRIER):  # the right event under the signature of another
        assert w.record(FACTORY, correct, corrected=(opening, signer)) is Outcome.WITNESS_MISMATCH
    assert w.record(FACTORY, correct, corrected=(opening, FACTORY)) is Outcome.RECORDED


def test_approve__poster_with_an_expired_key__is_recorded(world: World) -> None:
    """A key that was rotated did nothing wrong."""
    w = world
    w.add_key(50, FACTORY, valid_until=w.evm.now_s + 10)
    event = w.event(Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    assert w.record(50, event) is Outcome.PENDING
    opening = w.last_id
    w.pass_time(100)
    assert w.record(CUSTOMS, w.event(Kind.APPROVE, reference=opening), pending=event) is Outcome.RECORDED


def test_reassign__custodian_place_and_status__with_contents_and_without_the_offer(world: World) -> None:
    w = world
    w.add_key(60, CUSTOMS)
    w.corrected_arrival("wrong box")
    w.ok(CARRIER, Kind.ARRIVE, ln("box", LineRole.EMPTY_CONTAINER), ln("bale", LineRole.CARGO), facility=AT_TERMINAL)
    w.ok(CARRIER, Kind.STUFF, ln("box", LineRole.CONTAINER), ln("bale", INPUT))
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"), ln("bale"))
    w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=FACTORY)
    event = w.event(Kind.REASSIGN, ln("box", LineRole.FREE), counterparty=CFS, facility=AT_CFS,
                    reference=w.last_corrected)
    assert w.approved(event, CUSTOMS, approver=60) is Outcome.RECORDED
    w.ok(CFS, Kind.STRIP, ln("box", LineRole.CONTAINER), ln("bale", INPUT))
    for name in ("box", "bale"):
        unit = w.oracle.units[uid(name)]
        assert (unit.custodian, unit.facility, unit.status, unit.eligible) == (CFS, AT_CFS, UnitStatus.FREE, False)
        assert unit.offer is None
    w.check()


def test_reassign__free_back_under_supervision__must_be_declared_eligible_again(world: World) -> None:
    w = world
    w.add_key(60, CUSTOMS)
    w.corrected_arrival("box")
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    event = w.event(Kind.REASSIGN, ln("box", LineRole.SUPERVISED), reference=w.last_corrected)
    assert w.approved(event, CUSTOMS, approver=60) is Outcome.RECORDED
    assert w.post(CARRIER, Kind.GATE_OUT, ln("box")) is Outcome.NOT_ELIGIBLE


def test_reassign__lot_to_who_has_it(world: World) -> None:
    w = world
    w.add_key(60, CUSTOMS)
    w.corrected_arrival("box")
    w.bought("lot", 5)
    event = w.event(Kind.REASSIGN, ln("lot"), counterparty=OTHER_FACTORY, reference=w.last_corrected)
    assert w.approved(event, CUSTOMS, approver=60) is Outcome.RECORDED
    assert w.oracle.units[uid("lot")].custodian == OTHER_FACTORY


# ---- norms

def exceeded(world: World) -> list[tuple[int, int]]:
    return [(x.values["allowed"], x.values["used"]) for x in world.last_logs if x.name == "NormExceeded"]


def test_norm__just_met__a_strict_book_takes_it(world: World) -> None:
    strict_norms(world)
    cited = norm(world, coefficient=10, base=3, tolerance=20_000)  # 3.4 a shirt: 34 for ten
    assert sewing(world, cited, used=34, made=10) is Outcome.RECORDED
    assert exceeded(world) == []


@pytest.mark.parametrize(("coefficient", "base", "tolerance", "made", "allowed"), [
    (10, 1, 0, 3, 30), (10, 3, 0, 1, 3), (1, 3, 1_000_000, 2, 1), (2**64 - 1, 1, 0, 5, 5 * (2**64 - 1)), (7, 2, 0, 9, 31)])
def test_norm__exceeded_in_another_book__is_recorded_and_logged(
    world: World, coefficient: int, base: int, tolerance: int, made: int, allowed: int,
) -> None:
    cited = norm(world, coefficient=coefficient, base=base, tolerance=tolerance)
    used = min(allowed + 1, 2**64 - 1)
    assert sewing(world, cited, used=used, made=made) is Outcome.RECORDED
    assert exceeded(world) == ([(allowed, used)] if used > allowed else [])


def test_norm__two_lots_of_one_material__count_together_and_are_told_once(world: World) -> None:
    w = world
    cited = norm(w, coefficient=10)
    for name in ("one", "two"):
        w.bought(name, 6, "fabric")
    w.bought("thread", 1)
    w.ok(FACTORY, Kind.ISSUE_PROD, ln("one", q=6), ln("two", q=6), ln("thread", q=1), book=BOOK)
    w.ok(FACTORY, Kind.TRANSFORM, *(ln(x, INPUT, q=q, balance=WIP) for x, q in (("one", 6), ("two", 6), ("thread", 1))),
         ln("shirts", LineRole.PRODUCT, q=1, material="shirt"), ln("waste", LineRole.SCRAP, q=1, material="shirt"),
         book=BOOK, reference=cited)
    assert sorted(exceeded(w)) == [(0, 1), (10, 12)]  # thread is in no norm; scrap is no product


@pytest.mark.parametrize("times", [{"until": -500}, {"since": 500}])
def test_norm__out_of_its_time__allows_nothing(world: World, times: dict[str, int]) -> None:
    assert sewing(world, norm(world, **times), used=1, made=1) is Outcome.RECORDED
    assert exceeded(world) == [(0, 1)]


def test_norm__none_named__nothing_is_compared(world: World) -> None:
    assert sewing(world, ZERO32, used=1, made=1) is Outcome.RECORDED
    assert exceeded(world) == []


def test_norm__shown__as_it_was_declared(world: World) -> None:
    w = world
    version = norm(w, coefficient=10, base=3, tolerance=20_000, since=-7, until=9)
    now, evm = w.evm.now_s, w.evm
    assert evm.view(evm.ledger, "normOf(bytes32)", "(uint32,uint32,uint64,uint64,uint64,bytes32)", version) == (
        BOOK, 20_000, now - 7, now + 9, 3, uid("shirt"))
    assert evm.view(evm.ledger, "coefficientOf(bytes32,bytes32)", "uint64", version, uid("fabric")) == 10
    assert evm.view(evm.ledger, "coefficientOf(bytes32,bytes32)", "uint64", version, uid("thread")) == 0
