"""Refusals about lots that come back, go to other books, are destroyed or set right; norms; what waits for approval."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ledger.events.model import ZERO32, CustodyEvent
from ledger.vocabulary import Balance, BookOption, Kind, LineRole, Outcome, Role, Step
from tests.contracts.cases import refused
from tests.contracts.world import (
    AGENCY,
    AT_FACTORY,
    AT_TERMINAL,
    AT_YARD,
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
    ln,
    uid,
)

RAW, WIP, FINISHED, SCRAP, SHORT, LOADED = (
    Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP, Balance.SHORT, Balance.LOADED)
INPUT, OUTPUT, PRODUCT, BACK = LineRole.INPUT, LineRole.OUTPUT, LineRole.PRODUCT, LineRole.FROM_SHORT
EXPORT, RE_EXPORT = LineRole.EXPORT, LineRole.RE_EXPORT
BIG = 2**64 - 1


# ---- scenes

def export_loaded(w: World, q: int = 5, *, name: str = "shirts", line: str = "E62") -> None:
    w.made(name, q)
    w.declared(line, EXPORT, q, "shirt")
    w.ok(FACTORY, Kind.EXPORT_LOAD, ln(name, q=q, balance=FINISHED), reference=uid(line))


def exited(w: World, q: int = 5) -> None:
    export_loaded(w, q)
    w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=q, balance=LOADED), reference=uid("E62"))


def transfer_lines(w: World, q: int = 5) -> None:
    """A raw lot, and the lines under which it may go from one factory to the other."""
    w.received("roll", q)
    w.declared("out", LineRole.TRANSFER_OUT, q, "fabric")
    w.declared("in", LineRole.TRANSFER_IN, q, "their fabric", by=OTHER_FACTORY)


def offered(w: World, q: int = 5, **fields: Any) -> CustodyEvent:
    """A TRANSFER of the lot `roll`, recorded; `last_id` is its id."""
    said = {"book": BOOK, "reference": uid("out"), "counterparty": OTHER_FACTORY} | fields
    event = w.event(Kind.TRANSFER, ln("roll", q=q, balance=RAW), **said)
    assert w.record(FACTORY, event) is Outcome.RECORDED
    return event


def taking(w: World, transfer: CustodyEvent, q: int = 5, *, by: int = OTHER_FACTORY, **changed: Any) -> Outcome:
    """The ACCEPT of a TRANSFER."""
    reference = w.last_id
    lines = {"roll": ln("roll", INPUT), "new": ln("new roll", OUTPUT, q=q, balance=RAW, material="their fabric"),
             "in": ln("in", LineRole.TRANSFER_IN), "out": ln("out", LineRole.TRANSFER_OUT)}
    book = changed.pop("book", OTHER_BOOK)
    lines |= changed
    event = w.event(Kind.ACCEPT, *lines.values(), book=book, reference=reference)
    return w.record(by, event, pending=transfer)


def counted(w: World, name: str, q: int, balance: Balance = RAW) -> bytes:
    return w.ok(FACTORY, Kind.COUNT, ln(name, q=q, balance=balance), book=BOOK)


def adjust(w: World, *lines: Any, count: bytes, book: int = BOOK, by: int = FACTORY) -> Outcome:
    return w.post(by, Kind.ADJUST, *lines, book=book, reference=count)


def short(w: World, name: str = "lot", *, q: int = 5, found: int = 3) -> None:
    """A lot of the factory of which a handover found less; back in the factory's hands."""
    w.bought(name, q)
    offer = w.ok(FACTORY, Kind.OFFER, ln(name), counterparty=OTHER_FACTORY)
    w.ok(OTHER_FACTORY, Kind.ACCEPT, ln(name, q=found, balance=RAW), reference=offer)
    w.hand_over(name, OTHER_FACTORY, FACTORY)


def strict_norms(w: World) -> None:
    w.set_book(BOOK, FACTORY, BookOption.STRICT_NORMS)


def terms(w: World, *, tolerance: int = 0, since: int = -1000, until: int = 1000) -> bytes:
    """The terms of a norm, its times relative to now."""
    now = w.evm.now_s
    return (tolerance | now + since << 32 | now + until << 96).to_bytes(32, "big")


def norm(w: World, *, coefficient: int = 10, base: int = 1, book: int = BOOK, by: int = FACTORY, **when: int) -> bytes:
    """A norm: so much fabric for `base` shirts."""
    lines = (ln("shirt", PRODUCT, q=base), ln("fabric", INPUT, q=coefficient))
    return w.ok(by, Kind.DECLARE, *lines, step=Step.NORM, book=book, reference=terms(w, **when))


def sewing(w: World, cited: bytes, *, used: int, made: int, product: str = "shirt", **fields: Any) -> Outcome:
    """A TRANSFORM of fabric into shirts under a norm."""
    w.received("roll", used)
    w.ok(FACTORY, Kind.ISSUE_PROD, ln("roll", q=used), book=BOOK)
    return w.post(FACTORY, Kind.TRANSFORM, ln("roll", INPUT, q=used, balance=WIP),
                  ln("shirts", PRODUCT, q=made, material=product), book=BOOK, reference=cited, **fields)


# ---- REEXPORT, UNLOAD, FG_RETURN

@refused(Outcome.NOT_OWNER)
def reexport__by_the_custodian_only(w: World) -> Outcome:
    w.received("roll", 5)
    w.declared("B13", RE_EXPORT, 5, "fabric")
    w.hand_over("roll", FACTORY, CFS)
    return w.post(CFS, Kind.REEXPORT, ln("roll", q=5, balance=RAW), reference=uid("B13"))


@refused(Outcome.WRONG_PURPOSE)
def reexport__for_an_export_line(w: World) -> Outcome:
    w.received("roll", 5)
    w.declared("E62", EXPORT, 5, "fabric")
    return w.post(FACTORY, Kind.REEXPORT, ln("roll", q=5, balance=RAW), reference=uid("E62"))


@refused(Outcome.WRONG_PURPOSE)
def export_load__for_a_re_export_line(w: World) -> Outcome:
    w.made("shirts", 5)
    w.declared("B13", RE_EXPORT, 5, "shirt")
    return w.post(FACTORY, Kind.EXPORT_LOAD, ln("shirts", q=5, balance=FINISHED), reference=uid("B13"))


@refused(Outcome.NOT_ENOUGH)
def reexport__more_than_raw(w: World) -> Outcome:
    w.received("roll", 5)
    w.declared("B13", RE_EXPORT, 9, "fabric")
    return w.post(FACTORY, Kind.REEXPORT, ln("roll", q=6, balance=RAW), reference=uid("B13"))


@refused(Outcome.LINE_EXCEEDED)
def reexport__more_than_declared(w: World) -> Outcome:
    w.received("roll", 5)
    w.declared("B13", RE_EXPORT, 4, "fabric")
    return w.post(FACTORY, Kind.REEXPORT, ln("roll", q=5, balance=RAW), reference=uid("B13"))


@refused(Outcome.WRONG_MATERIAL)
def reexport__other_material_than_declared(w: World) -> Outcome:
    w.received("roll", 5)
    w.declared("B13", RE_EXPORT, 5, "silk")
    return w.post(FACTORY, Kind.REEXPORT, ln("roll", q=5, balance=RAW), reference=uid("B13"))


@refused(Outcome.LINE_NOT_CLEARED)
def reexport__line_only_registered(w: World) -> Outcome:
    w.received("roll", 5)
    w.declared("B13", RE_EXPORT, 5, "fabric", cleared=False)
    return w.post(FACTORY, Kind.REEXPORT, ln("roll", q=5, balance=RAW), reference=uid("B13"))


@refused(Outcome.QUANTITY_OVERFLOW)
def export_load__beyond_64_bits_with_what_is_loaded_already(w: World) -> Outcome:
    w.opened("one", BIG, RAW, "shirt")
    w.opened("two", 1, FINISHED, "shirt")
    w.ok(FACTORY, Kind.MERGE, ln("one", INPUT), ln("two", OUTPUT))
    w.declared("B13", RE_EXPORT, BIG, "shirt")
    w.declared("E62", EXPORT, 1, "shirt")
    w.ok(FACTORY, Kind.REEXPORT, ln("two", q=BIG, balance=RAW), reference=uid("B13"))
    return w.post(FACTORY, Kind.EXPORT_LOAD, ln("two", q=1, balance=FINISHED), reference=uid("E62"))


@refused(Outcome.NOT_OWNER)
def unload__by_the_custodian(w: World) -> Outcome:
    export_loaded(w)
    w.hand_over("shirts", FACTORY, CFS)
    return w.post(CFS, Kind.UNLOAD, ln("shirts", q=1, balance=LOADED), reference=uid("E62"))


@refused(Outcome.NOT_ENOUGH)
def unload__more_than_loaded(w: World) -> Outcome:
    export_loaded(w)
    return w.post(FACTORY, Kind.UNLOAD, ln("shirts", q=6, balance=LOADED), reference=uid("E62"))


@refused(Outcome.NOT_ENOUGH)
def unload__what_has_exited(w: World) -> Outcome:
    export_loaded(w)
    w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=4, balance=LOADED), reference=uid("E62"))
    return w.post(FACTORY, Kind.UNLOAD, ln("shirts", q=2, balance=LOADED), reference=uid("E62"))


@refused(Outcome.NOT_ENOUGH)
def unload__loaded_for_another_line(w: World) -> Outcome:
    export_loaded(w)
    w.declared("E62b", EXPORT, 5, "shirt")
    return w.post(FACTORY, Kind.UNLOAD, ln("shirts", q=1, balance=LOADED), reference=uid("E62b"))


@refused(Outcome.QUANTITY_ZERO)
def unload__nothing(w: World) -> Outcome:
    export_loaded(w)
    return w.post(FACTORY, Kind.UNLOAD, ln("shirts", balance=LOADED), reference=uid("E62"))


@refused(Outcome.UNKNOWN_REFERENCE)
def unload__unknown_line(w: World) -> Outcome:
    export_loaded(w)
    return w.post(FACTORY, Kind.UNLOAD, ln("shirts", q=1, balance=LOADED), reference=uid("E99"))


@refused(Outcome.WRONG_PURPOSE)
def unload__a_receive_line(w: World) -> Outcome:
    export_loaded(w)
    return w.post(FACTORY, Kind.UNLOAD, ln("shirts", q=1, balance=LOADED), reference=uid("E31 of fabric of shirts"))


@refused(Outcome.UNDER_OFFER)
def unload__lot_under_offer(w: World) -> Outcome:
    export_loaded(w)
    w.ok(FACTORY, Kind.OFFER, ln("shirts"), counterparty=CFS)
    return w.post(FACTORY, Kind.UNLOAD, ln("shirts", q=1, balance=LOADED), reference=uid("E62"))


@refused(Outcome.EMPTY_LOT)
def unload__lot_that_has_left(w: World) -> Outcome:
    exited(w)
    return w.post(FACTORY, Kind.UNLOAD, ln("shirts", q=1, balance=LOADED), reference=uid("E62"))


@refused(Outcome.WRONG_THING)
def unload__container(w: World) -> Outcome:
    export_loaded(w)
    w.arrived("box")
    return w.post(FACTORY, Kind.UNLOAD, ln("box", q=1, balance=LOADED), reference=uid("E62"))


@refused(Outcome.QUANTITY_OVERFLOW)
def unload__beyond_64_bits(w: World) -> Outcome:
    w.opened("roll", BIG, WIP, "fabric")
    w.opened("more", BIG, RAW, "fabric")
    w.ok(FACTORY, Kind.MERGE, ln("roll", INPUT), ln("more", OUTPUT))
    w.declared("B13", RE_EXPORT, BIG, "fabric")
    w.ok(FACTORY, Kind.REEXPORT, ln("more", q=BIG, balance=RAW), reference=uid("B13"))
    w.ok(FACTORY, Kind.RETURN_PROD, ln("more", q=1), book=BOOK)
    return w.post(FACTORY, Kind.UNLOAD, ln("more", q=BIG, balance=LOADED), reference=uid("B13"))


@refused(Outcome.LINE_EXCEEDED)
def fg_return__more_than_exited(w: World) -> Outcome:
    export_loaded(w)
    w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln("shirts", q=4, balance=LOADED), reference=uid("E62"))
    return w.post(FACTORY, Kind.FG_RETURN, ln("back", OUTPUT, q=5, balance=FINISHED, material="shirt"), book=BOOK,
                  reference=uid("E62"))


@refused(Outcome.LINE_EXCEEDED)
def fg_return__the_same_goods_twice(w: World) -> Outcome:
    exited(w)
    w.ok(FACTORY, Kind.FG_RETURN, ln("back", OUTPUT, q=3, balance=FINISHED, material="shirt"), book=BOOK,
         reference=uid("E62"))
    return w.post(FACTORY, Kind.FG_RETURN, ln("more", OUTPUT, q=3, balance=FINISHED, material="shirt"), book=BOOK,
                  reference=uid("E62"))


@refused(Outcome.WRONG_PURPOSE)
def fg_return__of_a_re_export(w: World) -> Outcome:
    w.declared("B13", RE_EXPORT, 5, "fabric")
    return w.post(FACTORY, Kind.FG_RETURN, ln("back", OUTPUT, q=5, balance=FINISHED, material="fabric"), book=BOOK,
                  reference=uid("B13"))


@refused(Outcome.NOT_DECLARANT)
def fg_return__exported_by_another(w: World) -> Outcome:
    exited(w)
    return w.post(OTHER_FACTORY, Kind.FG_RETURN, ln("back", OUTPUT, q=5, balance=FINISHED, material="shirt"),
                  book=OTHER_BOOK, reference=uid("E62"))


@refused(Outcome.WRONG_MATERIAL)
def fg_return__other_goods(w: World) -> Outcome:
    exited(w)
    return w.post(FACTORY, Kind.FG_RETURN, ln("back", OUTPUT, q=5, balance=FINISHED, material="vest"), book=BOOK,
                  reference=uid("E62"))


@refused(Outcome.UNIT_EXISTS)
def fg_return__into_a_lot_that_exists(w: World) -> Outcome:
    exited(w)
    return w.post(FACTORY, Kind.FG_RETURN, ln("shirts", OUTPUT, q=5, balance=FINISHED, material="shirt"), book=BOOK,
                  reference=uid("E62"))


@refused(Outcome.NOT_OWNER)
def fg_return__into_the_book_of_another(w: World) -> Outcome:
    exited(w)
    return w.post(FACTORY, Kind.FG_RETURN, ln("back", OUTPUT, q=5, balance=FINISHED, material="shirt"),
                  book=OTHER_BOOK, reference=uid("E62"))


@refused(Outcome.HELD)
def fg_return__line_held(w: World) -> Outcome:
    exited(w)
    w.held("E62")
    return w.post(FACTORY, Kind.FG_RETURN, ln("back", OUTPUT, q=5, balance=FINISHED, material="shirt"), book=BOOK,
                  reference=uid("E62"))


@refused(Outcome.WRONG_PURPOSE)
def sell_inland__returned_goods_citing_the_import(w: World) -> Outcome:
    exited(w)
    w.ok(FACTORY, Kind.FG_RETURN, ln("back", OUTPUT, q=5, balance=FINISHED, material="shirt"), book=BOOK,
         reference=uid("E62"))
    w.declared("A42", LineRole.CHANGE_OF_PURPOSE, 5, "shirt", original="E31 of fabric of shirts")
    return w.post(FACTORY, Kind.SELL_INLAND, ln("back", q=5, balance=FINISHED), book=BOOK, reference=uid("A42"))


# ---- DESTROY

@refused(Outcome.NOT_OWNER)
def destroy__goods_of_another(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(OTHER_FACTORY, Kind.DESTROY, ln("lot", q=5, balance=RAW), book=BOOK)


@refused(Outcome.EMPTY_LOT)
def destroy__twice(w: World) -> Outcome:
    w.bought("lot", 5)
    w.ok(FACTORY, Kind.DESTROY, ln("lot", q=5, balance=RAW), book=BOOK)
    return w.post(FACTORY, Kind.DESTROY, ln("lot", q=5, balance=RAW), book=BOOK)


@refused(Outcome.NOT_ENOUGH)
def destroy__more_than_there_is(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(FACTORY, Kind.DESTROY, ln("lot", q=6, balance=RAW), book=BOOK)


@refused(Outcome.WRONG_BALANCE)
def destroy__what_is_loaded(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DESTROY, ln("lot", q=6, balance=LOADED), book=BOOK)


@refused(Outcome.WRONG_BALANCE)
def destroy__what_is_short(w: World) -> Outcome:
    short(w)
    return w.post(FACTORY, Kind.DESTROY, ln("lot", q=2, balance=SHORT), book=BOOK)


@refused(Outcome.HELD)
def destroy__held_lot(w: World) -> Outcome:
    w.bought("lot", 5)
    w.held("lot", AGENCY)
    return w.post(FACTORY, Kind.DESTROY, ln("lot", q=5, balance=RAW), book=BOOK)


@refused(Outcome.NOT_ENOUGH)
def approve__destroyed_goods_used_meanwhile(w: World) -> Outcome:
    w.bought("lot", 5, book=STRICT_BOOK)
    event = w.event(Kind.DESTROY, ln("lot", q=5, balance=RAW), book=STRICT_BOOK)
    assert w.record(FACTORY, event) is Outcome.PENDING
    destroy = w.last_id
    w.ok(FACTORY, Kind.ISSUE_PROD, ln("lot", q=1), book=STRICT_BOOK)
    return w.record(CUSTOMS, w.event(Kind.APPROVE, reference=destroy), pending=event)


@refused(Outcome.HELD)
def approve__lot_held_meanwhile(w: World) -> Outcome:
    w.bought("lot", 5, book=STRICT_BOOK)
    event = w.event(Kind.DESTROY, ln("lot", q=5, balance=RAW), book=STRICT_BOOK)
    assert w.record(FACTORY, event) is Outcome.PENDING
    destroy = w.last_id
    w.held("lot", AGENCY)
    return w.record(CUSTOMS, w.event(Kind.APPROVE, reference=destroy), pending=event)


# ---- TRANSFER

@refused(Outcome.NOT_OWNER)
def transfer__lot_of_another(w: World) -> Outcome:
    transfer_lines(w)
    return w.post(OTHER_FACTORY, Kind.TRANSFER, ln("roll", q=5, balance=RAW), book=BOOK, reference=uid("out"),
                  counterparty=OTHER_FACTORY)


@refused(Outcome.UNKNOWN_PARTICIPANT)
def transfer__to_nobody(w: World) -> Outcome:
    transfer_lines(w)
    return w.post(FACTORY, Kind.TRANSFER, ln("roll", q=5, balance=RAW), book=BOOK, reference=uid("out"),
                  counterparty=NOBODY)


@refused(Outcome.WRONG_PURPOSE)
def transfer__under_an_export_line(w: World) -> Outcome:
    transfer_lines(w)
    w.declared("E62", EXPORT, 5, "fabric")
    return w.post(FACTORY, Kind.TRANSFER, ln("roll", q=5, balance=RAW), book=BOOK, reference=uid("E62"),
                  counterparty=OTHER_FACTORY)


@refused(Outcome.NOT_ENOUGH)
def transfer__more_than_raw(w: World) -> Outcome:
    transfer_lines(w)
    w.ok(FACTORY, Kind.ISSUE_PROD, ln("roll", q=1), book=BOOK)
    return w.post(FACTORY, Kind.TRANSFER, ln("roll", q=5, balance=RAW), book=BOOK, reference=uid("out"),
                  counterparty=OTHER_FACTORY)


@refused(Outcome.LINE_EXCEEDED)
def transfer__more_than_declared(w: World) -> Outcome:
    transfer_lines(w)
    w.received("big roll", 9)
    return w.post(FACTORY, Kind.TRANSFER, ln("big roll", q=6, balance=RAW), book=BOOK, reference=uid("out"),
                  counterparty=OTHER_FACTORY)


@refused(Outcome.UNDER_OFFER)
def transfer__twice(w: World) -> Outcome:
    transfer_lines(w)
    offered(w, 2)
    return w.post(FACTORY, Kind.TRANSFER, ln("roll", q=2, balance=RAW), book=BOOK, reference=uid("out"),
                  counterparty=OTHER_FACTORY)


@refused(Outcome.UNDER_OFFER)
def issue_prod__lot_offered_for_transfer(w: World) -> Outcome:
    transfer_lines(w)
    offered(w, 2)
    return w.post(FACTORY, Kind.ISSUE_PROD, ln("roll", q=1), book=BOOK)


@refused(Outcome.OFFER_MISMATCH)
def accept__a_transfer_as_if_it_were_a_handover(w: World) -> Outcome:
    """Else the whole lot would change hands, drawn from no line, and stay in the giver's book."""
    transfer_lines(w)
    offered(w)
    return w.post(OTHER_FACTORY, Kind.ACCEPT, ln("roll"), reference=w.last_id)


@refused(Outcome.OFFER_MISMATCH)
def accept__a_handover_as_if_it_were_a_transfer(w: World) -> Outcome:
    transfer_lines(w)
    offer = w.event(Kind.OFFER, ln("roll"), counterparty=OTHER_FACTORY)
    w.record(FACTORY, offer)
    return taking(w, offer)


@refused(Outcome.OFFER_MISMATCH)
def accept__transfer_of_another_lot(w: World) -> Outcome:
    transfer_lines(w)
    w.received("other roll", 5)
    transfer = offered(w)
    return taking(w, transfer, roll=ln("other roll", INPUT))


@refused(Outcome.OFFER_MISMATCH)
def accept__transfer_naming_another_out_line(w: World) -> Outcome:
    transfer_lines(w)
    w.declared("other out", LineRole.TRANSFER_OUT, 5, "fabric")
    transfer = offered(w)
    return taking(w, transfer, out=ln("other out", LineRole.TRANSFER_OUT))


@refused(Outcome.NO_OPEN_OFFER)
def accept__a_transfer_twice(w: World) -> Outcome:
    transfer_lines(w)
    transfer = offered(w, 2)
    identifier = w.last_id
    assert taking(w, transfer, 2) is Outcome.RECORDED
    w.last_id = identifier
    return taking(w, transfer, 2, new=ln("more", OUTPUT, q=2, balance=RAW, material="their fabric"))


@refused(Outcome.OFFER_EXPIRED)
def accept__a_transfer_after_its_expiry(w: World) -> Outcome:
    transfer_lines(w)
    transfer = offered(w, deadline_s=w.evm.now_s + 60)
    w.pass_time(61)
    return taking(w, transfer)


@refused(Outcome.NOT_OFFEREE)
def accept__a_transfer_made_to_another(w: World) -> Outcome:
    transfer_lines(w)
    transfer = offered(w, counterparty=CFS)
    return taking(w, transfer)


@refused(Outcome.NOT_OWNER)
def accept__a_transfer_into_the_book_of_a_third(w: World) -> Outcome:
    transfer_lines(w)
    w.set_book(9, CFS)
    transfer = offered(w)
    return taking(w, transfer, book=9)


@refused(Outcome.WRONG_BOOK)
def accept__a_transfer_into_the_book_it_came_from(w: World) -> Outcome:
    transfer_lines(w)
    w.declared("back in", LineRole.TRANSFER_IN, 5, "fabric")
    transfer = offered(w, counterparty=FACTORY)
    return taking(w, transfer, by=FACTORY, book=BOOK, **{"in": ln("back in", LineRole.TRANSFER_IN)})


@refused(Outcome.HELD)
def accept__a_transfer_of_what_was_held_meanwhile(w: World) -> Outcome:
    transfer_lines(w)
    transfer = offered(w)
    identifier = w.last_id
    w.held("roll")
    w.last_id = identifier
    return taking(w, transfer)


@refused(Outcome.HELD)
def accept__a_transfer_with_the_in_line_held(w: World) -> Outcome:
    transfer_lines(w)
    w.held("in")
    return taking(w, offered(w))


@refused(Outcome.LINE_NOT_CLEARED)
def accept__a_transfer_with_the_in_line_registered_only(w: World) -> Outcome:
    transfer_lines(w)
    w.declared("in 2", LineRole.TRANSFER_IN, 5, "their fabric", by=OTHER_FACTORY, cleared=False)
    return taking(w, offered(w), **{"in": ln("in 2", LineRole.TRANSFER_IN)})


@refused(Outcome.NOT_DECLARANT)
def accept__a_transfer_under_the_line_of_another(w: World) -> Outcome:
    transfer_lines(w)
    w.declared("in 2", LineRole.TRANSFER_IN, 5, "their fabric")
    return taking(w, offered(w), **{"in": ln("in 2", LineRole.TRANSFER_IN)})


@refused(Outcome.WRONG_PURPOSE)
def accept__a_transfer_under_a_receive_line(w: World) -> Outcome:
    transfer_lines(w)
    w.declared("in 2", LineRole.RECEIVE, 5, "their fabric", by=OTHER_FACTORY)
    return taking(w, offered(w), **{"in": ln("in 2", LineRole.TRANSFER_IN)})


@refused(Outcome.LINE_EXCEEDED)
def accept__a_transfer_beyond_the_in_line(w: World) -> Outcome:
    transfer_lines(w)
    w.declared("in 2", LineRole.TRANSFER_IN, 4, "their fabric", by=OTHER_FACTORY)
    return taking(w, offered(w), **{"in": ln("in 2", LineRole.TRANSFER_IN)})


@refused(Outcome.LINE_EXCEEDED)
def accept__a_transfer_beyond_what_the_out_line_has_left(w: World) -> Outcome:
    transfer_lines(w)
    w.received("other roll", 5)
    said = {"book": BOOK, "reference": uid("out"), "counterparty": OTHER_FACTORY}
    first = w.event(Kind.TRANSFER, ln("roll", q=5, balance=RAW), **said)
    second = w.event(Kind.TRANSFER, ln("other roll", q=5, balance=RAW), **said)
    assert w.record(FACTORY, first) is Outcome.RECORDED
    one = w.last_id
    assert w.record(FACTORY, second) is Outcome.RECORDED
    two = w.last_id
    w.declared("in 2", LineRole.TRANSFER_IN, 5, "their fabric", by=OTHER_FACTORY)
    w.last_id = one
    assert taking(w, first) is Outcome.RECORDED
    w.last_id = two
    return taking(w, second, roll=ln("other roll", INPUT), **{
        "new": ln("new 2", OUTPUT, q=5, balance=RAW, material="their fabric"),
        "in": ln("in 2", LineRole.TRANSFER_IN)})


@refused(Outcome.NOT_CONSERVED)
def accept__a_transfer_with_more_than_was_offered(w: World) -> Outcome:
    transfer_lines(w)
    return taking(w, offered(w, 2), 3)


@refused(Outcome.WRONG_MATERIAL)
def accept__a_transfer_as_other_material_than_declared(w: World) -> Outcome:
    transfer_lines(w)
    return taking(w, offered(w), new=ln("new roll", OUTPUT, q=5, balance=RAW, material="silk"))


@refused(Outcome.UNIT_EXISTS)
def accept__a_transfer_into_a_lot_that_exists(w: World) -> Outcome:
    transfer_lines(w)
    w.bought("new roll", 5, by=OTHER_FACTORY, book=OTHER_BOOK)
    return taking(w, offered(w))


@refused(Outcome.LINES_MISSING)
def accept__a_transfer_without_its_lines(w: World) -> Outcome:
    transfer_lines(w)
    transfer = offered(w)
    event = w.event(Kind.ACCEPT, ln("roll", INPUT), book=OTHER_BOOK, reference=w.last_id)
    return w.record(OTHER_FACTORY, event, pending=transfer)


@refused(Outcome.LINES_MISSING)
def accept__a_transfer_with_two_new_lots(w: World) -> Outcome:
    transfer_lines(w)
    return taking(w, offered(w), out=ln("more", OUTPUT, q=5, balance=RAW, material="their fabric"))


@refused(Outcome.WITNESS_MISMATCH)
def accept__a_transfer_shown_with_another_quantity(w: World) -> Outcome:
    transfer_lines(w)
    transfer = offered(w, 2)
    shown = replace(transfer, lines=(replace(transfer.lines[0], quantity_micro=5),))
    return taking(w, shown)


@refused(Outcome.NOT_OWNER)
def cancel__transfer_by_who_keeps_the_goods(w: World) -> Outcome:
    transfer_lines(w)
    w.hand_over("roll", FACTORY, CFS)
    offered(w)
    return w.post(CFS, Kind.CANCEL, ln("roll"), reference=w.last_id)


@refused(Outcome.NOT_OFFEREE)
def refuse__transfer_made_to_another(w: World) -> Outcome:
    transfer_lines(w)
    offered(w)
    return w.post(CFS, Kind.REFUSE, ln("roll"), reference=w.last_id)


# ---- ADJUST

@refused(Outcome.NOT_OWNER)
def adjust__by_another_processor(w: World) -> Outcome:
    w.bought("lot", 5)
    return adjust(w, ln("lot", INPUT, q=1, balance=RAW), count=counted(w, "lot", 4), by=OTHER_FACTORY)


@refused(Outcome.ROLE_MISSING)
def adjust__by_customs(w: World) -> Outcome:
    w.bought("lot", 5)
    return adjust(w, ln("lot", INPUT, q=1, balance=RAW), count=counted(w, "lot", 4), by=CUSTOMS)


@refused(Outcome.UNKNOWN_REFERENCE)
def adjust__naming_nothing(w: World) -> Outcome:
    w.bought("lot", 5)
    return adjust(w, ln("lot", INPUT, q=1, balance=RAW), count=ZERO32)


@refused(Outcome.UNKNOWN_REFERENCE)
def adjust__naming_a_count_that_was_refused(w: World) -> Outcome:
    w.bought("lot", 5)
    w.post(OTHER_FACTORY, Kind.COUNT, ln("lot", q=4, balance=RAW), book=BOOK)
    return adjust(w, ln("lot", INPUT, q=1, balance=RAW), count=w.last_id)


@refused(Outcome.UNKNOWN_REFERENCE)
def adjust__naming_an_event_that_nobody_corrected(w: World) -> Outcome:
    w.bought("lot", 5)
    return adjust(w, ln("lot", INPUT, q=1, balance=RAW), count=w.last_id)


@refused(Outcome.WRONG_BOOK)
def adjust__naming_the_count_of_another_book(w: World) -> Outcome:
    w.bought("lot", 5)
    w.bought("strict lot", 5, book=STRICT_BOOK)
    count = w.ok(FACTORY, Kind.COUNT, ln("strict lot", q=4, balance=RAW), book=STRICT_BOOK)
    return adjust(w, ln("lot", INPUT, q=1, balance=RAW), count=count)


@refused(Outcome.WRONG_BOOK)
def adjust__lot_of_another_book(w: World) -> Outcome:
    w.bought("lot", 5)
    w.bought("strict lot", 5, book=STRICT_BOOK)
    return adjust(w, ln("strict lot", INPUT, q=1, balance=RAW), count=counted(w, "lot", 4))


@refused(Outcome.NOT_ENOUGH)
def adjust__below_zero(w: World) -> Outcome:
    w.bought("lot", 5)
    return adjust(w, ln("lot", INPUT, q=6, balance=RAW), count=counted(w, "lot", 0))


@refused(Outcome.NOT_ENOUGH)
def adjust__more_short_than_there_is(w: World) -> Outcome:
    short(w)
    return adjust(w, ln("lot", BACK, q=3, balance=RAW), count=counted(w, "lot", 5))


@refused(Outcome.NOT_ENOUGH)
def adjust__writing_off_more_than_is_short(w: World) -> Outcome:
    short(w)
    return adjust(w, ln("lot", INPUT, q=3, balance=SHORT), count=counted(w, "lot", 3))


@refused(Outcome.QUANTITY_OVERFLOW)
def adjust__beyond_64_bits(w: World) -> Outcome:
    w.bought("lot", BIG)
    return adjust(w, ln("lot", OUTPUT, q=1, balance=RAW), count=counted(w, "lot", BIG))


@refused(Outcome.QUANTITY_ZERO)
def adjust__nothing(w: World) -> Outcome:
    w.bought("lot", 5)
    return adjust(w, ln("lot", INPUT, balance=RAW), count=counted(w, "lot", 5))


@refused(Outcome.WRONG_BALANCE)
def adjust__what_is_loaded(w: World) -> Outcome:
    return adjust(w, ln("lot", INPUT, q=1, balance=LOADED), count=uid("count"))


@refused(Outcome.WRONG_BALANCE)
def adjust__adding_to_what_is_short(w: World) -> Outcome:
    return adjust(w, ln("lot", OUTPUT, q=1, balance=SHORT), count=uid("count"))


@refused(Outcome.WRONG_THING)
def adjust__container(w: World) -> Outcome:
    w.bought("lot", 5)
    w.arrived("box")
    return adjust(w, ln("box", INPUT, q=1, balance=RAW), count=counted(w, "lot", 5))


@refused(Outcome.HELD)
def adjust__held_lot(w: World) -> Outcome:
    w.bought("lot", 5)
    count = counted(w, "lot", 4)
    w.held("lot")
    return adjust(w, ln("lot", INPUT, q=1, balance=RAW), count=count)


@refused(Outcome.UNDER_OFFER)
def adjust__lot_under_offer(w: World) -> Outcome:
    w.bought("lot", 5)
    count = counted(w, "lot", 4)
    w.ok(FACTORY, Kind.OFFER, ln("lot"), counterparty=OTHER_FACTORY)
    return adjust(w, ln("lot", INPUT, q=1, balance=RAW), count=count)


@refused(Outcome.ALREADY_ADJUSTED)
def adjust__the_same_count_again(w: World) -> Outcome:
    w.bought("lot", 5)
    count = counted(w, "lot", 4)
    event = w.event(Kind.ADJUST, ln("lot", INPUT, q=1, balance=RAW), book=BOOK, reference=count)
    assert w.approved(event, FACTORY) is Outcome.RECORDED
    return adjust(w, ln("lot", INPUT, q=1, balance=RAW), count=count)


@refused(Outcome.ALREADY_ADJUSTED)
def approve__two_adjustments_of_one_count(w: World) -> Outcome:
    w.bought("lot", 5)
    count = counted(w, "lot", 4)
    first = w.event(Kind.ADJUST, ln("lot", INPUT, q=1, balance=RAW), book=BOOK, reference=count)
    second = w.event(Kind.ADJUST, ln("lot", INPUT, q=1, balance=RAW), book=BOOK, reference=count)
    assert w.record(FACTORY, second) is Outcome.PENDING
    waiting = w.last_id
    assert w.approved(first, FACTORY) is Outcome.RECORDED
    return w.record(CUSTOMS, w.event(Kind.APPROVE, reference=waiting), pending=second)


@refused(Outcome.ALREADY_ADJUSTED)
def adjust__short_settled_twice_in_two_ways(w: World) -> Outcome:
    short(w)
    count = counted(w, "lot", 4)
    event = w.event(Kind.ADJUST, ln("lot", BACK, q=1, balance=RAW), book=BOOK, reference=count)
    assert w.approved(event, FACTORY) is Outcome.RECORDED
    return adjust(w, ln("lot", INPUT, q=1, balance=SHORT), count=count)


@refused(Outcome.OWN_EVENT)
def approve__own_adjustment(w: World) -> Outcome:
    w.set_roles(FACTORY, Role.PROCESSOR | Role.CUSTOMS)
    w.bought("lot", 5)
    event = w.event(Kind.ADJUST, ln("lot", INPUT, q=1, balance=RAW), book=BOOK, reference=counted(w, "lot", 4))
    return w.approved(event, FACTORY, approver=FACTORY)


@refused(Outcome.SIGNER_REVOKED)
def approve__key_of_the_poster_revoked_meanwhile(w: World) -> Outcome:
    w.add_key(50, FACTORY)
    event = w.event(Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=RAW, material="x"), book=BOOK)
    assert w.record(50, event) is Outcome.PENDING
    opening = w.last_id
    w.revoke_key(50)
    return w.record(CUSTOMS, w.event(Kind.APPROVE, reference=opening), pending=event)


# ---- REASSIGN

@refused(Outcome.ROLE_MISSING)
def reassign__by_the_carrier(w: World) -> Outcome:
    w.corrected_arrival("box")
    return w.post(CARRIER, Kind.REASSIGN, ln("box"), counterparty=TERMINAL, reference=w.last_corrected)


@refused(Outcome.UNKNOWN_REFERENCE)
def reassign__nothing_corrected(w: World) -> Outcome:
    w.arrived("box")
    return w.post(CUSTOMS, Kind.REASSIGN, ln("box"), counterparty=TERMINAL, reference=w.last_id)


@refused(Outcome.UNKNOWN_REFERENCE)
def reassign__naming_a_count(w: World) -> Outcome:
    w.bought("lot", 5)
    return w.post(CUSTOMS, Kind.REASSIGN, ln("lot"), counterparty=TERMINAL, reference=counted(w, "lot", 5))


@refused(Outcome.UNKNOWN_PARTICIPANT)
def reassign__to_nobody(w: World) -> Outcome:
    w.corrected_arrival("box")
    return w.post(CUSTOMS, Kind.REASSIGN, ln("box"), counterparty=NOBODY, reference=w.last_corrected)


@refused(Outcome.UNKNOWN_FACILITY)
def reassign__nowhere(w: World) -> Outcome:
    w.corrected_arrival("box")
    return w.post(CUSTOMS, Kind.REASSIGN, ln("box"), facility=NOBODY, reference=w.last_corrected)


@refused(Outcome.FACILITY_NOT_SUPERVISED)
def reassign__supervised_into_an_open_yard(w: World) -> Outcome:
    w.corrected_arrival("box")
    return w.post(CUSTOMS, Kind.REASSIGN, ln("box"), facility=AT_YARD, reference=w.last_corrected)


@refused(Outcome.FACILITY_NOT_SUPERVISED)
def reassign__free_becomes_supervised_where_it_stands_open(w: World) -> Outcome:
    w.corrected_arrival("other box")
    w.freed("box")
    w.hand_over("box", FACTORY, YARD, AT_YARD)
    return w.post(CUSTOMS, Kind.REASSIGN, ln("box", LineRole.SUPERVISED), reference=w.last_corrected)


@refused(Outcome.HELD)
def reassign__free_under_hold(w: World) -> Outcome:
    w.corrected_arrival("box")
    w.held("box", AGENCY)
    return w.post(CUSTOMS, Kind.REASSIGN, ln("box", LineRole.FREE), reference=w.last_corrected)


@refused(Outcome.HELD)
def reassign__free_with_something_held_inside(w: World) -> Outcome:
    w.corrected_arrival("other box")
    w.ok(CARRIER, Kind.ARRIVE, ln("box", LineRole.EMPTY_CONTAINER), ln("bale", LineRole.CARGO), facility=AT_TERMINAL)
    w.ok(CARRIER, Kind.STUFF, ln("box", LineRole.CONTAINER), ln("bale", INPUT))
    w.held("bale", AGENCY)
    return w.post(CUSTOMS, Kind.REASSIGN, ln("box", LineRole.FREE), reference=w.last_corrected)


@refused(Outcome.HELD)
def reassign__held_to_a_factory(w: World) -> Outcome:
    w.corrected_arrival("box")
    w.held("box", AGENCY)
    return w.post(CUSTOMS, Kind.REASSIGN, ln("box"), counterparty=FACTORY, reference=w.last_corrected)


@refused(Outcome.HELD)
def approve__held_meanwhile_and_to_be_freed(w: World) -> Outcome:
    w.add_key(60, CUSTOMS)
    w.corrected_arrival("box")
    event = w.event(Kind.REASSIGN, ln("box", LineRole.FREE), reference=w.last_corrected)
    assert w.record(CUSTOMS, event) is Outcome.PENDING
    reassign = w.last_id
    w.held("box", AGENCY)
    return w.record(60, w.event(Kind.APPROVE, reference=reassign), pending=event)


@refused(Outcome.OWN_EVENT)
def approve__reassignment_by_the_same_signer(w: World) -> Outcome:
    w.corrected_arrival("box")
    event = w.event(Kind.REASSIGN, ln("box"), counterparty=TERMINAL, reference=w.last_corrected)
    return w.approved(event, CUSTOMS)


@refused(Outcome.TERMINAL_UNIT)
def reassign__closed_container(w: World) -> Outcome:
    w.corrected_arrival("other box")
    w.freed("box")
    w.ok(FACTORY, Kind.CLOSE, ln("box"))
    return w.post(CUSTOMS, Kind.REASSIGN, ln("box"), counterparty=TERMINAL, reference=w.last_corrected)


@refused(Outcome.WRONG_THING)
def reassign__lot_to_a_place(w: World) -> Outcome:
    w.corrected_arrival("box")
    w.bought("lot", 5)
    return w.post(CUSTOMS, Kind.REASSIGN, ln("lot"), facility=AT_FACTORY, reference=w.last_corrected)


@refused(Outcome.NO_OPEN_OFFER)
def accept__offer_ended_by_a_reassignment(w: World) -> Outcome:
    w.add_key(60, CUSTOMS)
    w.corrected_arrival("box")
    offer = w.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    event = w.event(Kind.REASSIGN, ln("box"), counterparty=CFS, reference=w.last_corrected)
    assert w.approved(event, CUSTOMS, approver=60) is Outcome.RECORDED
    return w.post(TERMINAL, Kind.ACCEPT, ln("box"), reference=offer, facility=AT_TERMINAL)


# ---- norms

@refused(Outcome.UNKNOWN_BOOK)
def declare__norm_without_a_book(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DECLARE, ln("shirt", PRODUCT, q=1), ln("fabric", INPUT, q=1), step=Step.NORM,
                  reference=terms(w))


@refused(Outcome.NOT_OWNER)
def declare__norm_with_numbers_for_the_book_of_another(w: World) -> Outcome:
    return w.post(OTHER_FACTORY, Kind.DECLARE, ln("shirt", PRODUCT, q=1), ln("fabric", INPUT, q=1), step=Step.NORM,
                  book=BOOK, reference=terms(w))


@refused(Outcome.QUANTITY_ZERO)
def declare__norm_with_no_base(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DECLARE, ln("shirt", PRODUCT), ln("fabric", INPUT, q=1), step=Step.NORM,
                  book=BOOK, reference=terms(w))


@refused(Outcome.LINES_MISSING)
def declare__norm_without_a_product(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DECLARE, ln("thread", INPUT, q=1), ln("fabric", INPUT, q=1), step=Step.NORM,
                  book=BOOK, reference=terms(w))


@refused(Outcome.FIELD_NOT_ALLOWED)
def declare__norm_of_two_products(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DECLARE, ln("shirt", PRODUCT, q=1), ln("vest", PRODUCT, q=1),
                  ln("fabric", INPUT, q=1), step=Step.NORM, book=BOOK, reference=terms(w))


@refused(Outcome.FIELD_NOT_ALLOWED)
def declare__norm_that_ends_before_it_begins(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DECLARE, ln("shirt", PRODUCT, q=1), ln("fabric", INPUT, q=1), step=Step.NORM,
                  book=BOOK, reference=terms(w, since=10, until=9))


@refused(Outcome.FIELD_NOT_ALLOWED)
def declare__norm_with_a_tolerance_beyond_the_norm_itself(w: World) -> Outcome:
    return w.post(FACTORY, Kind.DECLARE, ln("shirt", PRODUCT, q=1), ln("fabric", INPUT, q=1), step=Step.NORM,
                  book=BOOK, reference=terms(w, tolerance=1_000_001))


@refused(Outcome.NORM_EXCEEDED)
def transform__strict_book__a_micro_unit_more_than_the_norm(w: World) -> Outcome:
    strict_norms(w)
    return sewing(w, norm(w, coefficient=10, base=3, tolerance=20_000), used=35, made=10)


@refused(Outcome.NORM_EXCEEDED)
def transform__strict_book__material_that_the_norm_does_not_name(w: World) -> Outcome:
    strict_norms(w)
    cited = norm(w)
    w.bought("thread", 1)
    w.received("roll", 1)
    w.ok(FACTORY, Kind.ISSUE_PROD, ln("roll", q=1), ln("thread", q=1), book=BOOK)
    return w.post(FACTORY, Kind.TRANSFORM, ln("roll", INPUT, q=1, balance=WIP), ln("thread", INPUT, q=1, balance=WIP),
                  ln("shirts", PRODUCT, q=1, material="shirt"), book=BOOK, reference=cited)


@refused(Outcome.NO_NORM)
def transform__strict_book__no_norm_named(w: World) -> Outcome:
    strict_norms(w)
    return sewing(w, ZERO32, used=1, made=1)


@refused(Outcome.NO_NORM)
def transform__strict_book__norm_without_numbers(w: World) -> Outcome:
    strict_norms(w)
    return sewing(w, w.ok(FACTORY, Kind.DECLARE, step=Step.NORM, book=BOOK), used=1, made=1)


@refused(Outcome.NO_NORM)
def transform__strict_book__norm_of_another_book(w: World) -> Outcome:
    strict_norms(w)
    return sewing(w, norm(w, book=STRICT_BOOK), used=1, made=1)


@refused(Outcome.NO_NORM)
def transform__strict_book__norm_of_another_product(w: World) -> Outcome:
    strict_norms(w)
    return sewing(w, norm(w), used=1, made=1, product="vest")


@refused(Outcome.NO_NORM)
def transform__strict_book__a_second_after_the_norm_ended(w: World) -> Outcome:
    strict_norms(w)
    return sewing(w, norm(w, until=-500), used=1, made=1, occurred_at_ms=(w.evm.now_s - 499) * 1000)


@refused(Outcome.NO_NORM)
def transform__strict_book__a_millisecond_before_the_norm_began(w: World) -> Outcome:
    strict_norms(w)
    return sewing(w, norm(w, since=-500), used=1, made=1, occurred_at_ms=(w.evm.now_s - 500) * 1000 - 1)
