"""Rules that speak from what stands beside a book: each fires with its figure, is clean beside it, and says what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from enterprise import OFFSET, PERIOD, Pen, added, after, clean_book, edit, first, q
from test_more_rules import found, missing
from test_second_rules import _runs, day, own_lines
from test_settlement import book_of

from ledger.vocabulary import Balance, Kind, LineRole, Origin, Thing
from tracer.beside import Contract, Document, More, OnSpot, Relief, ScrapBook, Serial
from tracer.book import BookData, Conversion, ExchangeRate, Leg, Norm
from tracer.check import examine
from tracer.moment import DAY_MS, Span, parse_span
from tracer.rules import rule

CLEAN = clean_book()
Spoil = Callable[[BookData], BookData]


def beside(book: BookData, **tables: Any) -> BookData:
    return replace(book, beside=replace(book.beside, **tables))


def given(**tables: Any) -> Spoil:
    return lambda book: beside(book, **tables)


def the(book: BookData, rule_id: str, **params: str) -> tuple[str, str, str | None]:
    (one,) = found(book, rule_id, **params)
    assert one.explanation and one.legal_ref
    return one.subject_id, one.severity, one.difference


def clean(book: BookData, rule_id: str) -> bool:
    (result,) = examine(book, [rule(rule_id)]).results
    return result.failed == 0 and result.tested > 0 and not result.not_evaluable


# -- X7: papers ----------------------------------------------------------------------------------------------------

SHA = "ab" * 32


def papers(*rows: Document) -> Spoil:
    return given(documents=rows)


def test_x7__one_file_for_two_declarations__is_found_and_lines_of_one_are_not() -> None:
    two = papers(Document("INV-1", "invoice", SHA, line="IM-M0/1"), Document("INV-9", "invoice", SHA, line="IM-M1/1"))
    assert the(two(CLEAN), "X7") == ("IM-M1/1", "high", "1")
    one = papers(Document("INV-1", "invoice", SHA, line="IM-M0/1"), Document("INV-1", "invoice", SHA, line="IM-M0/2"))
    assert clean(one(CLEAN), "X7")
    assert clean(papers(Document("INV-1", "", SHA, line="IM-M0/1"))(CLEAN), "X7")


def test_x7__what_changes_a_declaration__may_carry_its_papers() -> None:
    assert clean(papers(Document("INV-1", "", SHA, line="IM-M0/1"), Document("INV-1", "", SHA, line="A42/1"))(CLEAN), "X7")


def test_x7__a_picture_of_the_same_scene__within_four_bits_only() -> None:
    def pair(other: int) -> BookData:
        return papers(Document("P1", "photo", picture="00ff00ff00ff00ff", line="IM-M0/1"),
                      Document("P2", "photo", picture=f"{0x00ff00ff00ff00ff ^ other:016x}", line="IM-M1/1"))(CLEAN)

    assert the(pair(0b1111), "X7")[2] == "1"
    assert the(pair(1 << 63 | 1 << 40 | 1 << 20 | 1), "X7")[2] == "1"
    assert clean(pair(0b11111), "X7")


def test_x7__papers_of_events__speak_as_the_table_does() -> None:
    receipts = [e for e in CLEAN.events if e.kind == Kind.RECEIVE_FACTORY]
    lines = {e.line for e in receipts}
    assert len(lines) > 1
    book = edit(CLEAN, lambda e: e.kind == Kind.RECEIVE_FACTORY, lambda e: replace(
        e, more=More(documents=(Document("BL-7", "bill", SHA),))))
    assert the(book, "X7")[1:] == ("high", str(len(lines) - 1))
    assert missing(CLEAN, "X7") == {"hashes of papers (documents.csv)"}


# -- X8: on-spot ---------------------------------------------------------------------------------------------------

EXPORT = next(x for x in CLEAN.lines if x.key == "EX/1")
MARKED = own_lines(CLEAN, lambda x: x.key == "EX/1", description="Jackets #&XKTC")


def pair(**fields: Any) -> Spoil:
    assert EXPORT.cleared
    soon = Span(EXPORT.cleared.start_ms + 5 * DAY_MS, EXPORT.cleared.start_ms + 5 * DAY_MS)
    usual = {"line": "EX/1", "imported": "BUY/1", "registered": soon, "cleared": soon, "notified": soon, "delivered": soon,
             "hs": EXPORT.hs, "quantity": Fraction(1200), "uom": "C62", "related": "no"}
    return given(on_spot=(OnSpot(**{**usual, **fields}),))


def later(days: int) -> Span:
    assert EXPORT.cleared
    at = EXPORT.cleared.end_ms + days * DAY_MS
    return Span(at, at)


@pytest.mark.parametrize(("spoil", "severity", "difference"), [
    (given(on_spot=()), "high", "-1200"),
    (pair(notified=later(16)), "medium", "0"),
    (pair(notified=None), "medium", "-1200"),
    (pair(registered=later(30)), "medium", "0"),
    (pair(quantity=Fraction(1000)), "medium", "-200"),
    (pair(uom="KGM", quantity=None), "low", "0"),
    (pair(hs="94036090"), "medium", "0"),
    (pair(related="yes", delivered=None), "high", "-1200")])
def test_x8__a_pair_that_does_not_fit__is_found(spoil: Spoil, severity: str, difference: str) -> None:
    book = replace(spoil(MARKED), conversions=())
    assert the(book, "X8") == ("EX/1", severity, difference)


def test_x8__in_time_and_of_the_same_goods__is_clean_and_x4_asks_for_no_exit() -> None:
    assert clean(pair()(MARKED), "X8") and clean(pair(notified=later(15), registered=later(15))(MARKED), "X8")
    assert missing(MARKED, "X8") == {"the import that answers EX/1 (on_spot.csv)"}
    stayed = edit(MARKED, lambda e: e.kind == Kind.EXIT_CONFIRM, lambda _: None)
    assert found(stayed, "X4") == [] != found(edit(CLEAN, lambda e: e.kind == Kind.EXIT_CONFIRM, lambda _: None), "X4")
    pending = replace(given(on_spot=())(MARKED), as_of_ms=later(14).end_ms)
    assert found(pending, "X8") == []


def test_x8__the_import_stands_in_the_same_book__answers_by_its_mark() -> None:
    own = replace(EXPORT, key="BUY/1", purpose=LineRole.RECEIVE, description="Jackets #&NKTC#&EX", registered=later(3))
    assert clean(replace(MARKED, lines=(*MARKED.lines, own)), "X8")


# -- D2, D4, D6 ----------------------------------------------------------------------------------------------------


def scrap(**fields: Any) -> Spoil:
    usual = {"code": "S", "opening": 0, "generated": q(24), "sold": q(6), "destroyed": 0, "recycled": 0, "closing": q(18)}
    rows = (ScrapBook(**{**usual, **{k: q(v) if k != "code" else v for k, v in fields.items()}}),)
    return given(scrap_book=rows)


def sold(price: str | None = None, amount: int = 6, currency: str = "") -> BookData:
    """Four runs of 100 from 200 kg at 3 a kilogram each, 6 kg of scrap each, and a sale of some of it."""
    book = _runs(200, 200, 200, 200, scrap=(6, 6, 6, 6))
    book = own_lines(book, lambda x: x.key == "IM/1", value=Fraction(2400))
    leg = Leg("S0", Thing.LOT, LineRole.NONE, Balance.SCRAP, q(amount), "S", "KGM")
    more = More(value=None if price is None else Fraction(price), currency=currency)
    return added(book, after(max(book.events, key=lambda e: e.seq), Kind.SCRAP_OUT, [leg], more=more))


@pytest.mark.parametrize(("fields", "difference"), [
    ({"closing": 17}, "-1"), ({"generated": 30, "closing": 24}, "6"), ({"sold": 5, "closing": 19}, "-1"),
    ({"recycled": 2, "closing": 16}, "2")])
def test_d2__book_of_scrap__differs_from_itself_or_from_what_happened(fields: dict[str, int], difference: str) -> None:
    assert the(scrap(**fields)(sold()), "D2") == ("S", "medium", difference)
    assert clean(scrap()(sold()), "D2")


def test_d2__scrap_in_no_row__and_no_book_at_all() -> None:
    assert the(given(scrap_book=())(sold()), "D2") == ("S", "low", "-24")
    assert missing(sold(), "D2") == {"book of scrap (scrap_book.csv)"}


def test_d4__sixty_per_cent_of_the_import_price__is_no_price_of_scrap() -> None:
    assert the(sold("10.8"), "D4")[1:] == ("medium", "0")  # 1.80 of 3.00 a kilogram
    assert the(sold("12"), "D4")[2] == "0.2"
    assert clean(sold("10.79"), "D4")
    assert missing(sold(), "D4") == {"price of scrap S (value of SCRAP_OUT)"}
    assert missing(own_lines(sold("1"), lambda x: x.key == "IM/1", value=None), "D4") == {
        "value of the imports that S came of"}
    assert missing(sold("1", currency="USD"), "D4") == {"rate of USD (rates.csv)"}
    rates = (ExchangeRate("USD", Fraction(25_000)),)
    assert the(replace(sold("1", currency="USD"), rates=rates), "D4")[1] == "medium"


def contract(ends: str, **fields: Any) -> Spoil:
    def spoil(book: BookData) -> BookData:
        lines = own_lines(book, lambda x: x.purpose == LineRole.RECEIVE, contract="GC-1")
        return beside(replace(lines, regime="GC"), contracts=(Contract("GC-1", day(ends), **fields),))
    return spoil


def test_d6__thirty_days_after_the_end__what_is_left_is_found() -> None:
    left = {f.subject_id: f.difference for f in found(contract("2026-11-30")(CLEAN), "D6")}
    assert left == {"M0": "100", "M1": "100"}  # the spare hundred of each import
    assert clean(contract("2026-12-02")(CLEAN), "D6")
    assert missing(replace(CLEAN, regime="GC"), "D6") == {"contracts and their ends (contracts.csv)"}
    assert missing(beside(replace(CLEAN, regime="GC"), contracts=(Contract("X", day("2026-01-31")), Contract(
        "Y", day("2026-01-31")))), "D6") == {"declaration lines of X", "declaration lines of Y"}


def test_d6__nothing_left_and_settled_late__is_low() -> None:
    book = contract("2026-06-30", settled=day("2026-08-05"))(CLEAN)
    empty = replace(book, tolerances=replace(book.tolerances, abs_floor_micro={"*": q(100)}))  # the spare hundreds
    assert the(empty, "D6") == ("book", "low", "5")


# -- L4, L9 --------------------------------------------------------------------------------------------------------


def relief(*rows: Relief) -> Spoil:
    return given(reliefs=rows)


def test_l4__refunded_and_exempt__is_found_with_what_was_freed_twice() -> None:
    base = relief()(CLEAN)
    line = next(x for x in CLEAN.lines if x.key == "IM-M0/1")
    subject, severity, difference = the(relief(Relief("R-1", "refund", "IM-M0/1"))(base), "L4")
    assert (subject, severity) == ("IM-M0/1", "high")
    twice = Fraction(difference or 0)
    assert 0 < twice < Fraction(line.quantity_micro, 1_000_000)
    rest = line.quantity_micro - int(twice * 1_000_000)
    assert clean(relief(Relief("R-1", "refund", "IM-M0/1", quantity=rest))(base), "L4")
    assert missing(CLEAN, "L4") == {"claims of refund and drawback (reliefs.csv)"}


def test_l4__two_kinds_for_one_lot__are_found() -> None:
    assert the(relief(Relief("R", "refund", lot="M0-1", quantity=q(1000)), Relief("D", "drawback", lot="M0-1"))(CLEAN),
               "L4")[:2] == ("M0-1", "high")
    twice = relief(Relief("R", "refund", lot="M0-1"))(CLEAN)
    assert the(twice, "L4")[:2] == ("IM-M0/1", "high")  # what is inside the goods that left was exempt already
    unused = edit(twice, lambda e: e.kind == Kind.EXIT_CONFIRM, lambda e: None)
    assert clean(unused, "L4")
    assert missing(relief(Relief("R", "refund", lot="NO"))(CLEAN), "L4") == {"what lot NO held"}


def numbers(lot: str, *listed: str) -> tuple[Serial, ...]:
    return tuple(Serial(lot, x) for x in listed)


def pieces(*rows: Serial) -> BookData:
    pen = Pen()
    for lot, amount in (("A", 3), ("B", 2)):
        line = pen.declare(f"IM-{lot}/1", LineRole.RECEIVE, "PUMP", q(amount), "C62")
        pen.receive(lot, line, q(amount))
    return beside(book_of(pen), serials=rows)


def test_l9__numbers_twice_or_fewer_than_pieces__are_found() -> None:
    ok = (*numbers("A", "1", "2", "3"), *numbers("B", "4", "5"))
    assert clean(pieces(*ok), "L9")
    assert the(pieces(*ok[:-1]), "L9") == ("B", "medium", "-1")
    assert the(pieces(*ok[:-1], Serial("B", "3")), "L9") == ("B", "high", "1")
    assert the(pieces(*ok, Serial("A", "3")), "L9") == ("A", "high", "1")
    assert missing(CLEAN, "L9") == {"serial numbers of pieces (serials.csv)"}
    assert missing(pieces(Serial("Z", "1")), "L9") == {"lot Z"}


def test_l9__an_event_names_the_pieces__counts_as_the_list_does() -> None:
    book = pieces(*numbers("B", "4", "5"))
    seen = after(first(book, Kind.RECEIVE_FACTORY), Kind.OBSERVE, [Leg("A", Thing.LOT, code="PUMP", uom="C62")],
                 more=More(serials=("urn:epc:id:sgtin:1.2.3", "urn:epc:id:sgtin:1.2.4")))
    assert the(added(book, seen), "L9") == ("A", "medium", "-1")


# -- N8, U2 --------------------------------------------------------------------------------------------------------


def supplies(*amounts: int, voucher: bool = True) -> BookData:
    """Months with 100 units each, and so much glue, for which no norm can be set."""
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "GLUE", q(sum(amounts)), "KGM")
    pen.receive("G", line, q(sum(amounts)))
    for month, amount in enumerate(amounts):
        at = parse_span(f"2026-{month + 2:02d}-10T08:00", OFFSET)
        more = More(documents=(Document(f"PXK-{month}"),)) if voucher or month else More()
        pen.write(Kind.ISSUE_PROD, pen.leg("G", q(amount)), occurred=at, more=more)
        made = pen.lot(f"P{month}", "P", "C62", Origin.OWN)
        pen.write(Kind.TRANSFORM, pen.leg("G", q(amount), LineRole.INPUT), pen.leg(made, q(100), LineRole.PRODUCT), occurred=at)
    return book_of(pen, norms=(Norm("P", "GLUE", Fraction(0), "C62", "KGM", "KXDDM", PERIOD),))


def test_n8__a_month_with_far_more_glue__is_found_with_what_was_beyond() -> None:
    assert the(supplies(10, 11, 10, 10, 11, 10, 40), "N8") == ("GLUE", "low", "30")
    assert clean(supplies(10, 11, 10, 10, 11, 10, 11), "N8")
    assert missing(supplies(10, 10, 10, 10, 10), "N8") == {"6 months in which GLUE could be used (5 of 6)"}


def test_n8__an_issue_without_a_voucher__is_found() -> None:
    assert the(supplies(12, 11, 10, 10, 11, 10, 11, voucher=False), "N8") == ("GLUE", "low", "12")


def test_u2__two_units_without_a_source__are_found() -> None:
    two = replace(CLEAN, norms=tuple(replace(n, material_uom="TNE") if n.material == "M0" else n for n in CLEAN.norms))
    factor = Conversion("M0", "TNE", "KGM", Fraction(1000))
    assert the(two, "U2")[0] == the(replace(two, conversions=(*two.conversions, factor)), "U2")[0] == "M0"
    assert clean(replace(two, conversions=(*two.conversions, replace(factor, source="definition"))), "U2")
    assert clean(CLEAN, "U2")
    stated = own_lines(CLEAN, lambda x: x.key == "IM-M0/1", stated_uom="TNE")
    assert the(stated, "U2")[:2] == ("M0", "low")


