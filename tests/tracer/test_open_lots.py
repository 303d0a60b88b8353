"""Open chains: lots of which something is left, and no others."""

from __future__ import annotations

from dataclasses import replace

from enterprise import OWNER, PERIOD, Pen, Plan, clean_book, plans, q
from hypothesis import given

from ledger.vocabulary import Balance, Kind, LineRole, Origin
from tracer.book import BookData
from tracer.moment import DAY_MS
from tracer.open_lots import document_of, open_lots
from tracer.replay import replay


def test_open_lots__used_up_sold_in_part_and_forgotten__what_is_left_the_longest_at_rest_first() -> None:
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(300), "KGM")
    for name in ("USED", "PART", "OLD"):
        pen.receive(name, line, q(100))
    pen.write(Kind.ISSUE_PROD, pen.leg("USED", q(100)))
    pen.lot("MADE", "P", "C62", Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("USED", q(100), LineRole.INPUT), pen.leg("MADE", q(10), LineRole.PRODUCT))
    pen.write(Kind.ISSUE_PROD, pen.leg("PART", q(30)))
    book = BookData("book", OWNER, PERIOD, PERIOD.end_ms, lots=tuple(pen.lots.values()),
                    lines=tuple(pen.lines.values()), events=tuple(pen.events))
    found = open_lots(book)
    resting = [x.idle_days or 0 for x in found]
    assert found[0].lot == "OLD" and resting == sorted(resting, reverse=True)
    assert {x.lot: x.balances for x in found} == {
        "OLD": {Balance.RAW: q(100)}, "MADE": {Balance.FINISHED: q(10)}, "PART": {Balance.RAW: q(70), Balance.WIP: q(30)}}
    by = {x.lot: x for x in found}
    assert by["PART"].last is not None and by["PART"].last.kind is Kind.ISSUE_PROD
    assert by["OLD"].made == by["OLD"].last and by["OLD"].source_line == "IM/1"
    last = by["OLD"].last
    assert last is not None and by["OLD"].idle_days == (PERIOD.end_ms - last.occurred.start_ms) // DAY_MS
    told = {x["lot"]: x for x in document_of(book, found)["lots"]}
    assert (told["PART"]["quantity"], told["PART"]["balances"]) == ("100", {"raw": "70", "wip": "30"})
    assert told["MADE"]["made"]["kind"] == "TRANSFORM"


@given(plans)
def test_open_lots__of_any_enterprise__are_those_that_hold_something(plan: Plan) -> None:
    book = clean_book(plan)
    held = {lot for lot, balances in replay(book).balances.items() if any(balances.values())}
    found = open_lots(book)
    assert {x.lot for x in found} == held and found == open_lots(replace(book, events=tuple(reversed(book.events))))
