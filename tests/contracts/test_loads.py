"""What is loaded of a finished lot: for one line in the lot's own word, for others beside it, never twice.

`world` compares after every event what the logs say, what the views show and what the oracle has.
"""

from __future__ import annotations

import pytest

from ledger.vocabulary import Balance, Kind, LineRole, Outcome
from tests.contracts.refusals_books import counted
from tests.contracts.world import BOOK, CUSTOMS, FACTORY, OTHER_FACTORY, World, ln, uid

RAW, FINISHED, SCRAP, LOADED = Balance.RAW, Balance.FINISHED, Balance.SCRAP, Balance.LOADED
LINES = ("B11", "B11 b", "B11 c")


@pytest.fixture
def loaded(world: World) -> World:
    """A lot of 100 and three cleared export lines of 100 each, nothing loaded yet."""
    world.opened("lot", 100, FINISHED, "shirt")
    for line in LINES:
        world.declared(line, LineRole.EXPORT, 100, "shirt")
    return world


def load(w: World, line: str, q: int) -> None:
    w.ok(FACTORY, Kind.EXPORT_LOAD, ln("lot", q=q, balance=FINISHED), reference=uid(line))


def unload(w: World, line: str, q: int) -> Outcome:
    return w.post(FACTORY, Kind.UNLOAD, ln("lot", q=q, balance=LOADED), reference=uid(line))


def leave(w: World, line: str, q: int) -> Outcome:
    return w.post(CUSTOMS, Kind.EXIT_CONFIRM, ln("lot", q=q, balance=LOADED), reference=uid(line))


def amounts(w: World) -> list[int]:
    """Loaded for each line, as the contract shows it."""
    evm = w.evm
    return [evm.view(evm.ledger, "loadedOf(bytes32,bytes32)", "uint64", uid("lot"), uid(x)) for x in LINES]


def added(w: World, q: int, balance: Balance) -> None:
    """An approved ADJUST that adds to the lot."""
    count = counted(w, "lot", q, balance)
    event = w.event(Kind.ADJUST, ln("lot", LineRole.OUTPUT, q=q, balance=balance), book=BOOK, reference=count)
    assert w.record(FACTORY, event) is Outcome.PENDING
    assert w.record(CUSTOMS, w.event(Kind.APPROVE, reference=w.last_id), pending=event) is Outcome.RECORDED


def test_loads__for_three_lines__each_has_its_own(loaded: World) -> None:
    w = loaded
    for line, q in zip(LINES, (5, 6, 7), strict=True):
        load(w, line, q)
    assert amounts(w) == [5, 6, 7]
    assert leave(w, "B11", 6) is Outcome.NOT_ENOUGH
    assert leave(w, "B11 b", 4) is Outcome.RECORDED
    assert unload(w, "B11 c", 1) is Outcome.RECORDED
    assert amounts(w) == [5, 2, 6]
    assert w.oracle.lots[uid("lot")].loaded_total == 13


def test_loads__the_first_line_is_done_with__another_takes_its_place(loaded: World) -> None:
    w = loaded
    load(w, "B11", 5)
    assert leave(w, "B11", 5) is Outcome.RECORDED
    load(w, "B11 b", 6)
    load(w, "B11", 4)  # now beside it
    assert amounts(w) == [4, 6, 0]
    assert leave(w, "B11 b", 6) is Outcome.RECORDED
    load(w, "B11", 3)  # has something beside already: stays there
    load(w, "B11 c", 2)
    assert amounts(w) == [7, 0, 2]
    assert [leave(w, line, q) for line, q in (("B11", 7), ("B11 c", 2))] == [Outcome.RECORDED] * 2
    assert amounts(w) == [0, 0, 0]


@pytest.mark.parametrize("balance", [RAW, Balance.WIP])
def test_loads__of_a_lot_that_gets_raw_or_wip_after_all__are_kept(loaded: World, balance: Balance) -> None:
    w = loaded
    load(w, "B11", 5)
    load(w, "B11 b", 6)
    added(w, 40, balance)
    assert amounts(w) == [5, 6, 0]
    load(w, "B11 c", 7)
    load(w, "B11", 1)
    assert amounts(w) == [6, 6, 7]
    assert unload(w, "B11", 6) is Outcome.RECORDED
    assert leave(w, "B11 b", 6) is Outcome.RECORDED
    assert w.oracle.lots[uid("lot")].amount(balance) == 40


def test_loads__finished_added_and_sold_beside__nothing_else_changes(loaded: World) -> None:
    w = loaded
    load(w, "B11", 5)
    added(w, 10, FINISHED)
    added(w, 3, SCRAP)
    w.ok(FACTORY, Kind.DESTROY, ln("lot", q=20, balance=FINISHED), book=BOOK)
    assert amounts(w) == [5, 0, 0]
    assert w.oracle.lots[uid("lot")].amount(FINISHED) == 85


def test_loads__all_that_64_bits_hold__neither_carries_nor_spills(world: World) -> None:
    w, most = world, 2**64 - 1
    w.opened("lot", most, FINISHED, "shirt")
    for line in LINES:
        w.declared(line, LineRole.EXPORT, most, "shirt")
    load(w, "B11", most - 1)
    load(w, "B11 b", 1)
    assert amounts(w) == [most - 1, 1, 0]
    added(w, most, SCRAP)
    assert unload(w, "B11", most - 1) is Outcome.RECORDED
    load(w, "B11 c", most - 1)
    assert amounts(w) == [0, 1, most - 1]


def test_loads__with_goods_short__do_not_mix(loaded: World) -> None:
    w = loaded
    offer = w.ok(FACTORY, Kind.OFFER, ln("lot"), counterparty=OTHER_FACTORY)
    w.ok(OTHER_FACTORY, Kind.ACCEPT, ln("lot", q=90, balance=FINISHED), reference=offer)
    load(w, "B11", 5)
    load(w, "B11 b", 6)
    assert unload(w, "B11", 2) is Outcome.RECORDED
    lot = w.oracle.lots[uid("lot")]
    assert (lot.amount(Balance.SHORT), lot.loaded_total, amounts(w)) == (10, 9, [3, 6, 0])


def test_line__declared_held_amended_and_cleared__shows_no_number(world: World) -> None:
    w = world
    w.declared("B11", LineRole.EXPORT, 100, "shirt", cleared=False)
    w.ok(CUSTOMS, Kind.HOLD, ln("B11"))
    w.ok(CUSTOMS, Kind.UNHOLD, ln("B11"))
    again = w.ok(FACTORY, Kind.DECLARE, ln("B11", LineRole.EXPORT, q=50, material="shirt"))
    w.ok(CUSTOMS, Kind.CLEAR, ln("B11"), reference=again)
    state = w.evm.view(w.evm.ledger, "lineOf(bytes32)", "(uint256,uint256,bytes32,bytes32,bytes32)", uid("B11"))[0]
    assert state < 2**64
