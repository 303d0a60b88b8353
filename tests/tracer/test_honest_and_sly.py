"""Books in files that rules must not accuse, and simple tricks that must not get past them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from unicodedata import normalize

import pytest
from enterprise import OFFSET, added, after, edit, first, q
from test_fourth_rules import trade
from test_more_rules import found, missing
from test_second_rules import _history, day
from test_third_rules import CLEAN, beside, clean, supplies, the

from ledger.vocabulary import Balance, Kind, LineRole, Outcome
from tracer.beside import OnSpot
from tracer.book import BookData, Conversion, Count
from tracer.files import read_book
from tracer.files.example import Files, write_example
from tracer.moment import DAY_MS, iso_day, parse_span
from tracer.replay import replay

Change = Callable[[Files], None]


def add(files: Files, table: str, **cells: object) -> None:
    files.setdefault(table, []).append({k: str(v) for k, v in cells.items()})


def put(files: Files, table: str, where: dict[str, str], **cells: object) -> None:
    rows = [r for r in files[table] if where.items() <= r.items()]
    assert rows
    for row in rows:
        for name, value in cells.items():
            row[name] = str(value)


def without(files: Files, table: str, **where: str) -> None:
    files[table] = [r for r in files[table] if not where.items() <= r.items()]


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., BookData]:
    def book(change: Change, **more: str) -> BookData:
        write_example(tmp_path / "b", change)
        for name, text in more.items():
            (tmp_path / "b" / f"{name}.csv").write_text(text, encoding="utf-8")
        read = read_book(tmp_path / "b")
        assert read.faults.found == []
        return read.book
    return book


Folder = Callable[..., BookData]
RATES = "currency,rate\nUSD,25000\n"


# -- stock-takes: B2, B9, B6, N1 -------------------------------------------------------------------------------------


def by_place(first: str, annex: int) -> Change:
    """Fabric counted in the factory at the year's end, and in the annex on another day."""
    def change(files: Files) -> None:
        put(files, "counts", {"lot": "FAB-02"}, place="annex", at=first, quantity=annex)
        for row in files["counts"]:
            if row["code"] == "FAB-PES" and row["stock"] == "material":
                del row["lot"]
    return change


def test_stock_take__of_several_days_place_by_place__is_one(folder: Folder) -> None:
    book = folder(by_place("2026-12-28", 2000))
    assert [found(book, rule) for rule in ("B2", "B6", "B9")] == [[], [], []]


def test_stock_take__of_several_days__still_finds_what_is_short(folder: Folder) -> None:
    assert the(folder(by_place("2026-12-28", 1900)), "B2") == ("FAB-PES", "high", "-100")


def test_stock_take__weeks_apart__are_two(folder: Folder) -> None:
    assert the(folder(by_place("2026-12-10", 2000)), "B2") == ("FAB-PES", "high", "-2000")


def test_stock_take__goods_moved_meanwhile__count_where_they_moved(folder: Folder) -> None:
    def change(files: Files) -> None:
        by_place("2026-12-28", 2000)(files)
        add(files, "movements", id="I-X", at="2026-12-29", kind="ISSUE_PROD", code="FAB-PES", lot="FAB-02", quantity=50,
            uom="MTR", place="annex", product="JKT-01", document="P")
        add(files, "counts", at="2026-12-31", stock="wip", code="FAB-PES", quantity=50, uom="MTR", place="factory")

    assert clean(folder(change), "B2")


def test_stock_take__goods_moved_nobody_says_where__is_not_evaluable(folder: Folder) -> None:
    def change(files: Files) -> None:
        by_place("2026-12-28", 2000)(files)
        add(files, "movements", id="I-X", at="2026-12-29", kind="ISSUE_PROD", code="FAB-PES", lot="FAB-02", quantity=50,
            uom="MTR", product="JKT-01", document="P")
        add(files, "counts", at="2026-12-31", stock="wip", code="FAB-PES", quantity=50, uom="MTR", place="factory")
    book = folder(change)
    assert found(book, "B2") == []
    assert missing(book, "B2") == {"count of material stock of FAB-PES at annex on 2026-12-31"}


def adjusted(counted: str, booked: str, at: str = "2026-12-21", closing: bool = True) -> Change:
    """A lot of 2,000 counted in December, its difference booked the day after."""
    def change(files: Files) -> None:
        add(files, "counts", at="2026-12-20", stock="material", code="FAB-PES", lot="FAB-02", quantity=counted,
            uom="MTR", place="factory")
        add(files, "movements", id="ADJ", at=at, kind="ADJUST", side="out", code="FAB-PES", lot="FAB-02", quantity=booked,
            uom="MTR", place="factory", reason="count of December", partner="auditor")
        if closing:
            put(files, "counts", {"lot": "FAB-02", "at": "2026-12-31"}, quantity=2000 - int(booked))
        else:
            without(files, "counts", lot="FAB-02", at="2026-12-31")
    return change


@pytest.mark.parametrize("closing", [True, False])
def test_count__whose_difference_was_booked__is_no_shortage_any_more(folder: Folder, closing: bool) -> None:
    book = folder(adjusted("1995", "5", closing=closing))
    assert [found(book, rule) for rule in ("B2", "B6", "B9")] == [[], [], []]


def test_count__whose_difference_was_booked_in_part__is_short_of_the_rest(folder: Folder) -> None:
    book = folder(adjusted("1990", "5", closing=False))
    assert the(book, "B2") == ("FAB-PES", "high", "-5")


def test_count__an_adjustment_of_something_else__makes_no_difference_of_it(folder: Folder) -> None:
    book = folder(adjusted("2000", "5"))
    assert found(book, "B9") == []  # at the count nothing was wrong


def on_the_line(*counts: tuple[str, str, int]) -> Change:
    """250 m of two lots still on the line at the end, and what was counted of them."""
    def change(files: Files) -> None:
        put(files, "movements", {"id": "I-7"}, quantity=1460)
        put(files, "counts", {"lot": "FAB-01"}, quantity=400)
        add(files, "movements", id="I-X", at="2026-12-01", kind="ISSUE_PROD", code="FAB-PES", lot="FAB-02", quantity=200,
            uom="MTR", product="JKT-01", place="factory", document="P")
        put(files, "counts", {"lot": "FAB-02"}, quantity=1800)
        for at, lot, quantity in counts:
            add(files, "counts", at=at, stock="wip", code="FAB-PES", lot=lot, quantity=quantity, uom="MTR", place="factory")
    return change


@pytest.mark.parametrize("counts", [
    (("2026-12-31T08:00", "FAB-01", 50), ("2026-12-31T15:00", "FAB-02", 200)),
    (("2026-12-31", "FAB-02", 200),)])
def test_wip__counted_lot_by_lot__is_not_the_last_lot_alone(folder: Folder, counts: tuple[tuple[str, str, int], ...]) -> None:
    book = folder(on_the_line(*counts))
    assert [found(book, rule) for rule in ("N1", "N2", "N6", "B6")] == [[], [], [], []]


def test_wip__less_than_the_books_say__was_used(folder: Folder) -> None:
    book = folder(on_the_line(("2026-12-31", "FAB-02", 100)))
    assert the(book, "B6")[2] == "-100"


def test_wip__counted_in_another_unit__is_converted() -> None:
    """On a ledger a count keeps its unit: the 800 kg that a run left on the line are counted as 0.8 t."""
    run = max((e for e in CLEAN.events if e.kind == Kind.TRANSFORM), key=lambda e: e.seq)
    book = edit(CLEAN, lambda e: e.id == run.id, lambda e: replace(e, legs=tuple(
        x for x in e.legs if not (x.role == LineRole.INPUT and x.code == "M0"))))
    tonnes = Count(day("2026-12-31"), "wip", "M0", q(800) // 1000, "TNE")
    book = replace(book, counts=(*book.counts, tonnes), conversions=(
        *book.conversions, Conversion("M0", "TNE", "KGM", Fraction(1000), "definition")))
    assert the(book, "N1") == ("M0", "high", "-800")  # the norm says that they were used


# -- B4, B7, B8 ------------------------------------------------------------------------------------------------------


def test_b4__received_and_never_cleared__counts_against_nothing(folder: Folder) -> None:
    book = folder(lambda f: put(f, "declarations", {"declaration": "106000000002", "line": "1"}, cleared_at=""))
    assert the(book, "B4") == ("FAB-PES", "high", "2000")


def more_lining(at: str, regime: str = "E31", code: str = "LIN-PES") -> Change:
    """A declaration of lining of which nothing was received."""
    def change(files: Files) -> None:
        add(files, "declarations", **{**next(r for r in files["declarations"] if r["code"] == "LIN-PES"), "code": code,
            "declaration": "106000000008", "line": "1", "regime": regime, "registered_at": at, "cleared_at": at})
    return change


def test_b4__an_import_of_which_nothing_came_in__is_found(folder: Folder) -> None:
    assert the(folder(more_lining("2026-12-20")), "B4") == ("LIN-PES", "high", "-2400")


def test_b4__an_import_that_may_be_on_its_way__or_of_another_book__is_not(folder: Folder, tmp_path: Path) -> None:
    assert found(folder(more_lining("2026-12-28")), "B4") == []


def test_b4__an_import_of_another_regime__is_of_another_book(folder: Folder) -> None:
    book = folder(more_lining("2026-08-20", regime="E11"))
    assert found(book, "B4") == [] and missing(book, "B4") == set()


def test_b4__an_import_of_a_code_never_received__is_not_evaluable(folder: Folder) -> None:
    book = folder(more_lining("2026-08-20", code="FUR"))
    assert found(book, "B4") == []
    assert missing(book, "B4") == {"receipt of 106000000008/1, or the book that it is of"}


def test_b7__on_the_line_all_year__and_nothing_issued__is_found(folder: Folder) -> None:
    def change(files: Files) -> None:
        add(files, "opening", at="2026-01-01", stock="wip", code="BTN", lot="B", quantity=500, uom="C62", place="factory")
        add(files, "previous", at="2025-12-31", stock="wip", code="BTN", quantity=500, uom="C62")
    assert the(folder(change), "B7") == ("BTN", "medium", "500")


def lots_adjusted(*rows: tuple[str, str, str]) -> Change:
    """Adjustments of 0.1 m: day, lot; counts of the day before explain them."""
    def change(files: Files) -> None:
        for n, (at, lot, quantity) in enumerate(rows):
            add(files, "counts", at="2026-12-01", stock="material", code="FAB-PES", lot=lot, quantity=quantity, uom="MTR",
                place="factory")
            add(files, "movements", id=f"ADJ-{n}", at=at, kind="ADJUST", side="out", code="FAB-PES", lot=lot,
                quantity="0.1", uom="MTR", place="factory", reason="count", partner="auditor")
    return change


def split(files: Files) -> None:
    """The second lot of fabric in two."""
    add(files, "movements", id="SP", op="sp", at="2026-07-04", kind="SPLIT", side="in", code="FAB-PES", lot="FAB-02",
        quantity=1000, uom="MTR", place="factory")
    add(files, "movements", id="SP2", op="sp", at="2026-07-04", kind="SPLIT", side="out", code="FAB-PES", lot="FAB-03",
        quantity=1000, uom="MTR", place="factory")


def test_b8__three_lots_after_one_count__are_one_correction(folder: Folder) -> None:
    def change(files: Files) -> None:
        split(files)
        lots_adjusted(*(("2026-12-02", lot, "1") for lot in ("FAB-01", "FAB-02", "FAB-03")))(files)
    assert clean(folder(change), "B8")


def test_b8__three_lots_on_three_days__are_a_habit(folder: Folder) -> None:
    def change(files: Files) -> None:
        split(files)
        lots_adjusted(("2026-12-02", "FAB-01", "1"), ("2026-12-03", "FAB-02", "1"), ("2026-12-04", "FAB-03", "1"))(files)
    (finding,) = found(folder(change), "B8")
    assert finding.explanation.endswith("three in a row of the same sign.")


def thread(lot: str, counted: str = "") -> Change:
    """Thread: 12.7 kg bought inland and 30 kg imported in store, 0.1 kg short by a count."""
    def change(files: Files) -> None:
        add(files, "declarations", **{**files["declarations"][0], "line": "9", "code": "THR-40", "quantity": "30",
                                      "uom": "KGM", "hs": "54011000"})
        add(files, "movements", id="R-X", at="2026-02-06", kind="RECEIVE_FACTORY", code="CHI-40", lot="THR-I", quantity=30,
            uom="KGM", declaration="106000000001", line="9", place="factory", document="P")
        add(files, "counts", at="2026-12-20", stock="material", code="CHI-40", lot=counted, quantity="42.6", uom="KGM",
            place="factory")
        add(files, "movements", id="ADJ", at="2026-12-21", kind="ADJUST", side="out", code="CHI-40", lot=lot,
            quantity="0.1", uom="KGM", place="factory", reason="count", partner="auditor")
    return change


def test_b8__a_shortage_on_domestic_lots_alone__is_found(folder: Folder) -> None:
    (finding,) = found(folder(thread("THR-01")), "B8")
    assert finding.explanation == ("Stock was adjusted 1 time(s): domestic lots bear 0.070258 more of the shortage than "
                                   "their part.")


@pytest.mark.parametrize(("lot", "counted"), [("THR-I", ""), ("THR-01", "THR-01")])
def test_b8__a_shortage_on_imported_lots__or_where_the_count_found_it__is_not(
        folder: Folder, lot: str, counted: str) -> None:
    assert clean(folder(thread(lot, counted)), "B8")


# -- N3, N4, N7, N8 --------------------------------------------------------------------------------------------------


def of_years(*norms: tuple[str, str, str]) -> Change:
    def change(files: Files) -> None:
        for year, norm, uom in norms:
            add(files, "norms", product="JKT-01", material="FAB-PES", norm=norm, product_uom="C62", material_uom=uom,
                valid_from=f"{year}-01-01", valid_to=f"{year}-12-31")
    return change


def test_n3__a_norm_that_changed_its_unit_alone__is_no_jump(folder: Folder) -> None:
    book = folder(of_years(("2023", "1.59", "MTR"), ("2024", "1.6", "MTR"), ("2025", "1.61", "MTR")))
    assert found(book, "N3") == []  # 2.4 m2 of a fabric 1.5 m wide are 1.6 m


def test_n3__a_norm_that_was_put_right__is_the_later_one() -> None:
    book = _history("1.6", "1.61", "1.59")(CLEAN)
    wrong = next(n for n in book.norms if n.material == "M0" and n.valid_from == book.norms[0].valid_from)
    wrong = replace(wrong, norm=wrong.norm * 2, declared_ms=wrong.declared_ms - 1, declared_by="mistake")
    assert found(replace(book, norms=(*book.norms, wrong)), "N3") == []
    right = replace(wrong, declared_ms=wrong.declared_ms + 2)
    assert [f.severity for f in found(replace(book, norms=(*book.norms, right)), "N3")] == ["high"]


PEERS = "product_hs,material_hs,product_uom,material_uom,norm\n" + "".join(
    f"620140,540752,C62,MTR,{norm}\n" for norm in ("1.5", "1.55", "1.6", "1.65", "1.7"))


def test_n4__peers_in_another_unit__are_compared_by_a_factor(folder: Folder) -> None:
    book = folder(lambda _: None, peers=PEERS)
    assert found(book, "N4") == []
    assert missing(book, "N4") == {"tariff codes and five peers that differ (5 of 6)"}


def test_n4__padded_in_another_unit__is_found(folder: Folder) -> None:
    book = folder(lambda f: put(f, "norms", {"product": "JKT-01", "material": "FAB-PES"}, norm="4.8"), peers=PEERS)
    assert the(book, "N4") == ("JKT-01", "medium", "2.4")


def test_n4__the_norm_in_force__not_the_last_in_the_file(folder: Folder) -> None:
    book = folder(lambda _: None, peers=PEERS)
    later = replace(next(n for n in book.norms if n.material == "FAB-PES"), norm=Fraction(9), valid_from=day("2027-01-01"))
    assert found(replace(book, norms=(*book.norms, later)), "N4") == []


def test_n7__supplies_without_a_norm__from_two_sources__are_in_order(folder: Folder) -> None:
    def change(files: Files) -> None:
        add(files, "norms", product="JKT-01", material="OIL", norm=0, product_uom="C62", material_uom="LTR", flag="KXDDM")
        add(files, "declarations", **{**files["declarations"][0], "line": "9", "code": "OIL", "uom": "LTR"})
        for n, (kind, line) in enumerate((("RECEIVE_FACTORY", "9"), ("RECEIVE_DOMESTIC", ""))):
            add(files, "movements", id=f"O{n}", at="2026-02-06", kind=kind, code="OIL", lot=f"OIL-{n}", quantity=10,
                uom="LTR", declaration="106000000001" if line else "", line=line, place="factory")
            add(files, "movements", id=f"U{n}", at="2026-02-07", kind="ISSUE_PROD", code="OIL", lot=f"OIL-{n}", quantity=5,
                uom="LTR", product="JKT-01", place="factory")
    assert found(folder(change), "N7") == []


@pytest.mark.parametrize(("amounts", "difference"), [((10, 11, 10, 10, 11, 10, 10), None), ((10, 11, 10, 10, 11, 10, 40), "30")])
def test_n8__issued_in_a_month_without_work__counts_in_the_next(amounts: tuple[int, ...], difference: str | None) -> None:
    """The last month's glue is issued in the month before it, in which nothing is made."""
    book = supplies(*amounts)
    runs = sorted((e for e in book.events if e.kind in (Kind.ISSUE_PROD, Kind.TRANSFORM)), key=lambda e: e.seq)
    issue, run = runs[-2:]
    later = parse_span("2026-10-10T08:00", OFFSET)
    moved = edit(edit(book, lambda e: e.id == run.id, lambda e: replace(e, occurred=later)),
                 lambda e: e.id == issue.id, lambda e: replace(e, occurred=parse_span("2026-09-20T08:00", OFFSET)))
    assert [f.difference for f in found(moved, "N8")] == ([difference] if difference else [])


# -- X3, O2, O3, O4, O8 ----------------------------------------------------------------------------------------------


def test_x3__machines_in_a_unit_without_a_factor__are_not_left_out(folder: Folder) -> None:
    def change(files: Files) -> None:
        add(files, "capacity", product="JKT-01", uom="DZN", machines=4, rate="0.02", hours_per_day=8)
    assert missing(folder(change), "X3") == {"factor for JKT-01 from DZN to C62"}


def dear_fabric(currency: str) -> Change:
    """Fabric under the heading of the jacket, 97 % of its value, and no weights."""
    def change(files: Files) -> None:
        for row in files["declarations"]:
            if row["code"] == "FAB-PES":
                value = 291_000 * int(row["quantity"])
                row.update(hs="62014090", currency=currency, value=str(value // (25_000 if currency == "USD" else 1)))
        without(files, "conversions", to_uom="KGM")
    return change


@pytest.mark.parametrize("currency", ["VND", "USD"])
def test_o2__share_by_value__is_in_one_currency(folder: Folder, currency: str) -> None:
    assert {f.severity for f in found(folder(dear_fabric(currency), rates=RATES), "O2")} == {"critical"}


def test_o2__values_in_two_currencies_without_a_rate__say_no_share(folder: Folder) -> None:
    one, *_ = found(folder(dear_fabric("USD")), "O2")
    assert (one.severity, "a share that is not known" in one.explanation) == ("medium", True)


def test_o3__a_receipt_told_late__is_still_the_first(folder: Folder) -> None:
    """Half of the fabric was received in February and told after the other half, which came on the day of the loading."""
    def change(files: Files) -> None:
        put(files, "movements", {"id": "R-1"}, quantity=1500)
        add(files, "movements", **{**next(r for r in files["movements"] if r["id"] == "R-1"), "id": "R-1b", "lot": "FAB-1B",
                                   "quantity": "1500"})
    book = folder(change)
    (early, late) = (e for e in book.events if e.kind == Kind.RECEIVE_FACTORY and e.line == "106000000001/1")
    load = first(book, Kind.EXPORT_LOAD)
    book = edit(book, lambda e: e.kind == Kind.EXPORT_LOAD and e.line == load.line,
                lambda e: replace(e, occurred=parse_span("2026-04-12T10:00", OFFSET)))
    same = parse_span("2026-04-12T08:00", OFFSET)
    told = edit(edit(book, lambda e: e.id == early.id, lambda e: replace(e, occurred=same)),
                lambda e: e.id == late.id, lambda e: replace(e, seq=load.seq - 1))
    assert found(told, "O3") == []
    both = edit(told, lambda e: e.id == late.id, lambda e: replace(e, occurred=same))
    assert {f.severity for f in found(both, "O3")} == {"high"}


def test_o4__all_values_in_one_foreign_currency__need_no_rate(folder: Folder) -> None:
    def change(files: Files) -> None:
        put(files, "declarations", {}, currency="USD")
    book = folder(change)
    assert missing(book, "O4") == set()


def test_o8__a_certificate_written_otherwise__or_on_a_re_export__is_the_same(folder: Folder) -> None:
    def change(files: Files) -> None:
        put(files, "declarations", {"declaration": "305000000001", "line": "1"}, certificate="VN-CO 17")
        put(files, "declarations", {"declaration": "305000000002"}, certificate="vn-co17")
    book = folder(change)
    assert the(book, "O8") == ("305000000002/1", "high", "800")
    re_exported = tuple(replace(x, purpose=LineRole.RE_EXPORT) if x.key == "305000000002/1" else x for x in book.lines)
    assert the(replace(book, lines=re_exported), "O8")[2] == "800"


# -- L1, L3, L4, L8 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("beyond", "difference"), [(9_000, None), (q(5), "5")])
def test_l1__a_refused_attempt__counts_beyond_the_tolerance(beyond: int, difference: str | None) -> None:
    issue = first(CLEAN, Kind.ISSUE_PROD)
    leg = issue.legs[0]
    left = replay(CLEAN).balances[leg.unit].get(Balance.RAW, 0)
    asked = after(issue, Kind.ISSUE_PROD, [replace(leg, quantity_micro=left + beyond)], hours=2_000,
                  outcome=Outcome.NOT_ENOUGH, book="book")
    assert [f.difference for f in found(added(CLEAN, asked), "L1")] == ([difference] if difference else [])


def test_l8__told_again_with_its_lots_in_another_order__is_found() -> None:
    run = first(CLEAN, Kind.TRANSFORM)
    again = replace(run, id="again", seq=99_999, legs=tuple(reversed(run.legs)))
    assert len(run.legs) > 1 and the(added(CLEAN, again), "L8")[1] == "medium"


RELIEFS = "claim,kind,declaration,line,lot,quantity,uom,at\n"


@pytest.mark.parametrize(("rows", "subject", "difference"), [
    ("R1,refund,,,FAB-02,2000,MTR,2026-10-01\nR2,refund,,,FAB-02,2000,MTR,2026-11-01\n", "dmg-garment/FAB-02", "2000"),
    ("R1,drawback,,,FAB-01,3000,MTR,2026-10-01\n", "106000000001/1", "2231.463415"),
    ("R1,drawback,106000000002,1,,2000,MTR,2026-10-01\nR2,refund,,,FAB-02,2000,MTR,2026-10-01\n", "106000000002/1", "2000"),
])
def test_l4__lots_for_lines__or_one_kind_twice__is_found(folder: Folder, rows: str, subject: str, difference: str) -> None:
    assert the(folder(lambda _: None, reliefs=RELIEFS + rows), "L4") == (subject, "high", difference)


def test_l4__a_claim_for_a_lot_that_nothing_was_exported_of__is_in_order(folder: Folder) -> None:
    assert clean(folder(lambda _: None, reliefs=RELIEFS + "R1,refund,,,FAB-02,2000,MTR,2026-10-01\n"), "L4")


# -- U5, P3, P6 ------------------------------------------------------------------------------------------------------


def test_u5__a_factor_stated_the_other_way_round__has_changed_too(folder: Folder) -> None:
    def change(files: Files) -> None:
        put(files, "conversions", {"code": "FAB-PES", "to_uom": "KGM"}, valid_to="2026-06-30")
        add(files, "conversions", code="FAB-PES", from_uom="KGM", to_uom="MTR", factor=4, valid_from="2026-07-01", source="s")
    assert the(folder(change), "U5") == ("FAB-PES", "low", "0.025")


def test_u5__the_same_factor_the_other_way_round__has_not(folder: Folder) -> None:
    def change(files: Files) -> None:
        put(files, "conversions", {"code": "FAB-PES", "to_uom": "KGM"}, valid_to="2026-06-30", factor="0.25")
        add(files, "conversions", code="FAB-PES", from_uom="KGM", to_uom="MTR", factor=4, valid_from="2026-07-01", source="s")
    assert clean(folder(change), "U5")


def test_p3__prices_in_two_currencies__are_compared_in_one(folder: Folder) -> None:
    def change(files: Files) -> None:
        for row in files["declarations"]:
            if row["code"] == "JKT-01":
                row.update(currency="USD", value=str(int(row["value"]) // 25_000))
    assert clean(folder(change, rates=RATES), "P3")


@pytest.mark.parametrize("normed", [True, False])
def test_p6__beside_a_co_product__with_a_norm_or_without(folder: Folder, normed: bool) -> None:
    def change(files: Files) -> None:
        add(files, "movements", id="F1", at="2026-02-06", kind="RECEIVE_DOMESTIC", code="FUR", lot="F", quantity=9, uom="KGM",
            place="factory")
        add(files, "movements", id="F2", at="2026-03-02", kind="ISSUE_PROD", code="FUR", lot="F", quantity=9, uom="KGM",
            product="JKT-01", place="factory")
        add(files, "movements", id="F3", at="2026-03-20", kind="TRANSFORM", op="RUN-1", side="in", code="FUR", lot="F",
            quantity=9, uom="KGM", place="factory")
        if not normed:
            without(files, "norms", product="PCH-01")
    assert the(folder(change), "P6") == ("FUR", "medium", "9")


# -- D3, D5, D6, D9 --------------------------------------------------------------------------------------------------


def test_d3__destroyed_without_a_weighing__is_not_evaluable(folder: Folder) -> None:
    def change(files: Files) -> None:
        add(files, "movements", id="DST", at="2026-12-01", kind="DESTROY", code="FAB-PES", lot="FAB-02", quantity=1,
            uom="MTR", place="factory", reason="mould", partner="dmg-environment")
    assert missing(folder(change), "D3") == {"weight ticket of the destruction DST"}


def test_d5__on_a_declaration_of_other_goods__is_found(folder: Folder) -> None:
    book = folder(lambda f: put(f, "declarations", {"declaration": "106000000003"}, code="PCH-01"))
    assert the(book, "D5") == ("dmg-garment/JKT-01", "high", "60")


def test_d5__on_a_declaration_that_was_not_cleared__is_found(folder: Folder) -> None:
    book = folder(lambda f: put(f, "declarations", {"declaration": "106000000003"}, cleared_at=""))
    assert the(book, "D5") == ("dmg-garment/JKT-01", "medium", "60")


@pytest.mark.parametrize("outcome", [Outcome.WRONG_MATERIAL, Outcome.LINE_NOT_CLEARED])
def test_d5__an_attempt_that_the_ledger_refused_for_its_line__is_found(folder: Folder, outcome: Outcome) -> None:
    book = folder(lambda f: put(f, "declarations", {"declaration": "106000000003"}, **(
        {"code": "PCH-01"} if outcome == Outcome.WRONG_MATERIAL else {"cleared_at": ""})))
    refused = edit(book, lambda e: e.kind == Kind.SELL_INLAND, lambda e: replace(e, outcome=outcome))
    assert the(refused, "D5")[2] == "60"


def test_d5__declared_in_another_unit_than_the_original__adds_up(folder: Folder) -> None:
    book = folder(lambda _: None)
    line = next(x for x in book.lines if x.key == "106000000002/1")
    both = tuple(replace(line, key=f"A42-{n}/1", purpose=LineRole.CHANGE_OF_PURPOSE, original=line.key, uom=uom,
                         quantity_micro=q(quantity)) for n, uom, quantity in ((1, "MTR", 1500), (2, "MTK", 1500)))
    assert the(replace(book, lines=(*book.lines, *both)), "D5") == ("106000000002/1", "high", "500")


def test_l3__re_exported_in_another_unit__adds_up(folder: Folder) -> None:
    book = folder(lambda _: None)
    line = next(x for x in book.lines if x.key == "106000000002/1")
    back = replace(line, key="B13/1", purpose=LineRole.RE_EXPORT, original=line.key, uom="MTK", quantity_micro=q(4500))
    assert the(replace(book, lines=(*book.lines, back)), "L3") == ("106000000002/1", "high", "1000")


def test_d6__lots_of_two_contracts_joined__leave_each_its_part(folder: Folder) -> None:
    def change(files: Files) -> None:
        put(files, "declarations", {"declaration": "106000000001", "code": "FAB-PES"}, contract="C1")
        for n, (side, lot, quantity) in enumerate((("in", "FAB-02", 2000), ("in", "FAB-01", 450), ("out", "ALL", 2450))):
            add(files, "movements", id=f"M{n}", op="m", side=side, at="2026-09-01", kind="MERGE", code="FAB-PES", lot=lot,
                quantity=quantity, uom="MTR", place="factory")
        without(files, "counts", code="FAB-PES", stock="material")
    book = folder(change, contracts="contract,ends\nC1,2026-10-01\n")
    assert the(book, "D6") == ("FAB-PES", "medium", "450")


@pytest.mark.parametrize(("reason", "severity"), [
    ("Mất trộm", "high"), (normalize("NFD", "bị mất trộm"), "high"), ("mat trom", "high"), ("taken by thieves", "high"),
    (normalize("NFD", "kho bị cháy"), "low"), ("chay kho", "low"), ("hết hạn", None), ("material burnished", None)])
def test_d9__a_reason__however_its_marks_are_written(folder: Folder, reason: str, severity: str | None) -> None:
    def change(files: Files) -> None:
        adjusted("1995", "5")(files)
        put(files, "movements", {"id": "ADJ"}, reason=reason, partner="")
    assert [f.severity for f in found(folder(change), "D9")] == ([severity] if severity else [])


# -- X6, O6, X8, B4, N5, D8: what is written otherwise, in parts, or under another heading ---------------------------


def sent_back(*quantities: int, uom: str = "C62", value: int = 480_000, partner: str = "Nordfjell Outdoor") -> Change:
    """Jackets of September that come in again in October, a declaration each."""
    def change(files: Files) -> None:
        jackets = next(r for r in files["declarations"] if r["declaration"] == "305000000002")
        for n, quantity in enumerate(quantities):
            add(files, "declarations", **{
                **jackets, "declaration": f"10600000001{n}", "direction": "import", "regime": "A12", "quantity": quantity,
                "registered_at": f"2026-10-0{n + 1}", "cleared_at": f"2026-10-0{n + 1}", "value": quantity * value,
                "exit_confirmed_at": "", "uom": uom, "partner": partner})
    return change


def test_x6__what_comes_back_in_parts__is_found(folder: Folder) -> None:
    assert the(folder(sent_back(500, 300)), "X6") == ("106000000010/1", "high", "800")


@pytest.mark.parametrize("change", [sent_back(500, 200), sent_back(500, 300, value=100_000),
                                    sent_back(500, 300, partner="Somebody Else")])
def test_x6__less__cheaper_or_from_others__is_trade(folder: Folder, change: Change) -> None:
    assert clean(folder(change), "X6")


def test_x6__weights__are_compared_in_kilograms(folder: Folder) -> None:
    book = folder(sent_back(800))
    kilograms = {"305000000002/1": ("KGM", q(800)), "106000000010/1": ("TNE", q(800) // 1000)}
    lines = tuple(replace(x, uom=kilograms[x.key][0], quantity_micro=kilograms[x.key][1]) if x.key in kilograms else x
                  for x in book.lines)
    assert the(replace(book, lines=lines), "X6")[2] == "800"


def test_o6__weights__are_compared_in_kilograms() -> None:
    route = trade((10, 10, 12), (14, 14, 12), (9, 9, 12), (20, 20, 12))
    tonnes = tuple(replace(x, uom="TNE", quantity_micro=x.quantity_micro // 1000)
                   if x.purpose == LineRole.EXPORT and x.uom == "KGM" else x for x in route.lines)
    assert tonnes != route.lines
    assert the(replace(route, lines=tonnes), "O6") == the(route, "O6")


@pytest.mark.parametrize(("origin", "hs"), [("VN", "62014090"), ("vn", "6201.40.90"), ("Vn", "6201 4090")])
def test_claim_of_origin__however_country_and_tariff_code_are_written(folder: Folder, origin: str, hs: str) -> None:
    def change(files: Files) -> None:
        for row in files["declarations"]:
            if row["declaration"].startswith("305"):
                row["origin"] = origin
            if row["code"] == "FAB-PES":
                row["hs"] = hs
    assert len(found(folder(change), "O2")) == 2


@pytest.mark.parametrize(("hs", "severity"), [
    ("54075200", None), ("54075210", None), ("54076100", "info"), ("54081000", "medium"), ("60053600", "high")])
def test_b4__one_code_under_several_tariff_codes(folder: Folder, hs: str, severity: str | None) -> None:
    book = folder(lambda f: put(f, "declarations", {"declaration": "106000000002", "code": "FAB-PES"}, hs=hs))
    assert [f.severity for f in found(book, "B4")] == ([severity] if severity else [])


@pytest.mark.parametrize("regime", ["E13", "e13"])
def test_n5__a_machine_that_is_material_too__is_found(folder: Folder, regime: str) -> None:
    book = folder(lambda f: put(f, "declarations", {"declaration": "106000000002", "line": "1"}, regime=regime))
    assert the(book, "N5")[:2] == ("FAB-PES", "medium")


def on_spot(*notified: str) -> BookData:
    """An on-spot export that so many imports answer in equal parts; customs was told of each on its day."""
    line = replace(next(x for x in CLEAN.lines if x.purpose == LineRole.EXPORT), description="P #&XKTC")
    cleared = line.cleared or CLEAN.period
    part = Fraction(line.quantity_micro, 1_000_000) / len(notified)
    pairs = tuple(OnSpot(line.key, f"IM-{n}/1", cleared, cleared, day(at), cleared, line.hs, part, line.uom)
                  for n, at in enumerate(notified))
    book = replace(CLEAN, lines=tuple(line if x.key == line.key else x for x in CLEAN.lines))
    return beside(book, on_spot=pairs)


def test_x8__of_several_imports__each_is_told_in_time() -> None:
    cleared = next(x for x in CLEAN.lines if x.purpose == LineRole.EXPORT).cleared
    assert cleared is not None
    soon, late = (iso_day(cleared.start_ms + days * DAY_MS, OFFSET) for days in (2, 40))
    assert clean(on_spot(soon, soon), "X8")
    assert the(on_spot(soon, late), "X8")[1] == the(on_spot(late, soon), "X8")[1] == "medium"


@pytest.mark.parametrize(("cleared", "fires"), [("2026-11-19", False), ("", True)])
def test_d8__scrap_leaves_on_a_line_that_was_cleared(folder: Folder, cleared: str, fires: bool) -> None:
    def change(files: Files) -> None:
        add(files, "declarations", **{**next(r for r in files["declarations"] if r["code"] == "PCH-01"),
            "declaration": "305000000009", "line": "1", "code": "FAB-PES", "hs": "54075200", "quantity": "49.2",
            "uom": "MTR", "registered_at": "2026-11-18", "cleared_at": cleared, "exit_confirmed_at": ""})
        put(files, "movements", {"id": "S-2"}, declaration="305000000009", line="1")
    book = replace(folder(change), regime="EPE")
    assert [f.severity for f in found(book, "D8")] == (["medium"] if fires else [])


# -- L2, D2, D4 ------------------------------------------------------------------------------------------------------


def counted(*rows: tuple[str, int, str]) -> BookData:
    """The lot M0-1 counted at one moment: place, kilograms, unit."""
    counts = tuple(Count(day("2026-12-30"), "material", "M0", q(n) // (1000 if uom == "TNE" else 1), uom, "M0-1", place)
                   for place, n, uom in rows)
    factor = Conversion("M0", "TNE", "KGM", Fraction(1000), "definition")
    return replace(CLEAN, counts=(*CLEAN.counts, *counts), conversions=(*CLEAN.conversions, factor))


def test_l2__counted_in_two_places__in_whatever_unit__is_found() -> None:
    assert the(counted(("A", 2_000, "KGM"), ("B", 2_000, "KGM")), "L2") == the(
        counted(("A", 2_000, "KGM"), ("B", 2_000, "TNE")), "L2")


def test_l2__a_count_of_a_place_that_was_put_right__is_not_added() -> None:
    assert clean(counted(("A", 1_000, "KGM"), ("A", 1_001, "KGM"), ("B", 1, "KGM")), "L2")


def test_d2__two_rows_of_one_scrap__are_one(folder: Folder) -> None:
    rows = ("code,opening,generated,sold,destroyed,recycled,closing,uom\nFAB-PES,0,49.2,49.2,0,0,0,MTR\n"
            "FAB-PES,0,39.3,0,0,0,39.3,MTR\nLIN-PES,0,64.8,0,0,0,64.8,MTR\n")
    assert clean(folder(lambda _: None, scrap_book=rows), "D2")


def test_d4__a_price_abroad__is_in_the_currency_of_the_book(folder: Folder) -> None:
    def change(files: Files) -> None:
        put(files, "declarations", {}, currency="EUR")
        put(files, "movements", {"id": "S-2"}, value=49.2 * 37_500, currency="EUR")
    assert {f.uom for f in found(replace(folder(change), jurisdiction="EU"), "D4")} == {"EUR"}
