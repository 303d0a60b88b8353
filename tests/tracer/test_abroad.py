"""Bill of discharge and drawback: worked by hand, and identities that hold for any book and policy."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from io import BytesIO
from typing import Any

import pytest
from enterprise import OFFSET, OWNER, PERIOD, Pen, Plan, clean_book, plans, q
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from test_papers import NUMBER, figures, printed

from ledger.errors import InputError
from ledger.vocabulary import Balance, Kind, LineRole, Origin
from tracer.allocation import POLICIES
from tracer.book import BookData, Loss, Norm
from tracer.check import examine
from tracer.facts import Facts
from tracer.moment import Span, parse_span
from tracer.papers.discharge import _after
from tracer.papers.kinds import PAPERS, paper_kind, pdf_of
from tracer.papers.outcomes import OUTCOMES, LineOutcome
from tracer.papers.particulars import known
from tracer.settlement import settle_facts
from tracer.settlement.workbook import workbook
from tracer.yields import BASES

GIVEN = {"authorisation": "IPO/2026/77", "holder_id": "NL123456789", "office": "NL000563", "discharge_months": "6",
         "claimant_id": "98-7654321AB", "ruling": "44-10203-000", "claim": "ABC-1234567-8"}
PARTS = ("not_received", "earlier", "in_products", *OUTCOMES, "remaining")


def worked(**fields: Any) -> BookData:
    """Two imports of resin, 1,000 kg at 12 % on 5,000 EUR and 500 kg at 12 % on 3,000 EUR (50 kg of it never came).

    One run takes 1,200 kg, loses 40 and leaves 60 of scrap: 500 panels. 400 panels leave, 20 are sold inland; 30 kg of resin go back
    as they came.
    """
    pen = Pen()
    for name, quantity, value in (("IM1/1", 1000, 5000), ("IM2/1", 500, 3000)):
        pen.declare(name, LineRole.RECEIVE, "RESIN", q(quantity), "KGM", value=Fraction(value), duty_rate=Fraction(12, 100), hs="39074000")
        pen.receive(f"R-{name}", name, q(quantity if name == "IM1/1" else 450))
        pen.lines[name] = replace(pen.lines[name], currency="EUR", registered=parse_span(
            "2026-01-05" if name == "IM1/1" else "2026-01-08", OFFSET))
    for lot, amount in (("R-IM1/1", 1000), ("R-IM2/1", 200)):
        pen.write(Kind.ISSUE_PROD, pen.leg(lot, q(amount)))
    pen.lot("PANELS", "PANEL", "C62", Origin.OWN)
    pen.lot("BITS", "SCRAP", "KGM", Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("R-IM1/1", q(1000), LineRole.INPUT), pen.leg("R-IM2/1", q(200), LineRole.INPUT),
              pen.leg("PANELS", q(500), LineRole.PRODUCT), pen.leg("BITS", q(60), LineRole.SCRAP), loss=(Loss("RESIN", q(40), "KGM"),))
    export = pen.declare("EX1/1", LineRole.EXPORT, "PANEL", q(400), "C62", value=Fraction(40_000), hs="39259080")
    pen.write(Kind.EXPORT_LOAD, pen.leg("PANELS", q(400)), line=export)
    pen.write(Kind.EXIT_CONFIRM, pen.leg("PANELS", q(400)), line=export)
    pen.write(Kind.SELL_INLAND, pen.leg("PANELS", q(20), balance=Balance.FINISHED))
    back = pen.declare("RE1/1", LineRole.RE_EXPORT, "RESIN", q(30), "KGM")
    pen.write(Kind.REEXPORT, pen.leg("R-IM2/1", q(30)), line=back)
    pen.write(Kind.EXIT_CONFIRM, pen.leg("R-IM2/1", q(30)), line=back)
    return replace(BookData(
        "book", OWNER, PERIOD, PERIOD.end_ms, regime="5100", jurisdiction="EU", lots=tuple(pen.lots.values()),
        lines=tuple(pen.lines.values()), events=tuple(pen.events), descriptions={"RESIN": "Polycarbonate resin"},
        norms=(Norm("PANEL", "RESIN", Fraction(12, 5), "C62", "KGM", valid_from=PERIOD),),
        allocation="FIFO", yield_basis="EU_RATE_OF_YIELD"), **fields)


def made(name: str, book: BookData, **given: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    facts = Facts(book)
    settled = settle_facts(facts)
    own = PAPERS[name].of(facts, settled, {**GIVEN, **given})
    return own[name], {**settled.to_json(), **own}, examine(facts).to_json()


def row(paper: dict[str, Any], table: str, key: str, value: str) -> dict[str, Any]:
    return next(r for r in paper[table] if r[key] == value)


def test_discharge__worked_by_hand__fifo_and_rate_of_yield() -> None:
    """Net of losses 1,160 kg for 500 panels: 2.32 kg each. 400 left: 928, all of the earliest line. 20 inland: 46.4.

    Then 30 kg go back: 25.6 are left of the first line (1,000 - 928 - 46.4), 4.4 are of the second. What was lost comes last.
    """
    bill, _, _ = made("discharge", worked())
    assert [(r["field"], r["value"], r["note"]) for r in bill["particulars"]] == [
        ("authorisation", "IPO/2026/77", ""), ("holder_id", "NL123456789", ""), ("office", "NL000563", ""), ("discharge_months", "6", "")]
    one, two = row(bill, "goods", "line", "IM1/1"), row(bill, "goods", "line", "IM2/1")
    assert bill["yields"][0] | {} == {"product": "PANEL", "cn": "39259080", "material": "RESIN", "output": "500", "product_uom": "C62",
                                      "input": "1200", "losses": "40", "uom": "KGM", "rate": "0.431034", "ratio": "1 C62 per 2.32 KGM"}
    assert {k: one[k] for k in PARTS} == {"not_received": "0", "earlier": "0", "in_products": "928", "re_exported": "25.6",
                                          "released": "46.4", "destroyed": "0", "transferred": "0", "lost": "0", "remaining": "0"}
    assert {k: two[k] for k in PARTS} == {"not_received": "50", "earlier": "0", "in_products": "0", "re_exported": "4.4",
                                          "released": "0", "destroyed": "0", "transferred": "0", "lost": "40", "remaining": "405.6"}
    assert (one["duty_due"], two["duty_due"]) == ("0", "292")  # 360 EUR x 405.6 / 500
    assert (one["accepted"], one["time_limit"], one["bill_due"]) == ("2026-01-05", "2026-07-05", "2026-08-04")
    assert (two["accepted"], two["time_limit"]) == ("2026-01-08", "2026-07-08")
    assert [(d["line"], d["export_line"], d["quantity"], d["product"], d["product_quantity"]) for d in bill["discharges"]] == [
        ("IM1/1", "EX1/1", "928", "PANEL", "400")]
    assert bill["missing"] == [] and {c["holds"] for c in bill["checks"]} == {"yes"}


def test_discharge__specific_goods__by_the_lots_that_went_in() -> None:
    """Five sixths of every panel are of the first line: of 928 kg 773 1/3; of the 46.4 sold, of the 40 lost likewise."""
    bill, _, _ = made("discharge", worked(allocation="SPECIFIC"))
    one, two = row(bill, "goods", "line", "IM1/1"), row(bill, "goods", "line", "IM2/1")
    assert (one["in_products"], two["in_products"]) == ("773.333333", "154.666667")
    assert (one["released"], two["released"]) == ("38.666667", "7.733333")
    assert (one["lost"], two["lost"]) == ("33.333333", "6.666667")
    assert (one["re_exported"], two["re_exported"]) == ("0", "30")
    for line, quantity in ((one, 1000), (two, 500)):
        assert sum(Decimal(line[k]) for k in PARTS) == quantity == Decimal(line["quantity"])


@settings(max_examples=15)
@given(plans, st.sampled_from(POLICIES), st.sampled_from([b for b in BASES if b.startswith(("EU", "VN", "US_USED"))]))
def test_discharge__any_clean_book_policy_and_basis__a_line_is_the_sum_of_its_parts(plan: Plan, policy: str, basis: str) -> None:
    book = replace(clean_book(plan), allocation=policy, yield_basis=basis, turnover_days=400)
    for name in ("discharge", "drawback"):
        paper, document, _ = made(name, book)
        assert {c["holds"] for c in paper["checks"]} <= {"yes"}
        assert PAPERS[name].document(document)["form_version"].startswith(("EU", "US"))
    bill, document, _ = made("discharge", book)
    declared = {line.key: line.quantity_micro for line in book.lines if line.purpose == LineRole.RECEIVE}
    for one in bill["goods"]:
        assert sum(Decimal(one[k]) for k in PARTS) == Decimal(one["quantity"])
        assert one["line"] == "opening" or q(Fraction(one["quantity"])) == declared[one["line"]]
        assert Decimal(one["remaining"]) >= 0 or bill["missing"]
    by_line: dict[tuple[str, str], Decimal] = Counter()  # type: ignore[assignment]
    for one in bill["discharges"]:
        by_line[one["line"], one["material"]] += Decimal(one["quantity"])
    assert by_line == {(one["line"], one["material"]): Decimal(one["in_products"]) for one in bill["goods"] if one["in_products"] != "0"}
    assert sum(Decimal(r["quantity"]) for r in document["exemption"]) == sum(by_line.values(), Decimal(0))


def in_two_periods(received_first: int) -> BookData:
    """1,000 kg of resin, a part of it received in January; 100 panels of 2 kg leave in January, 300 in February: the period asked about."""
    pen = Pen()
    line = pen.declare("IM1/1", LineRole.RECEIVE, "RESIN", q(1000), "KGM", value=Fraction(5000), duty_rate=Fraction(12, 100), hs="39074000")
    pen.receive("R1", line, q(received_first))
    pen.write(Kind.ISSUE_PROD, pen.leg("R1", q(600)))
    pen.lot("PANELS", "PANEL", "C62", Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("R1", q(600), LineRole.INPUT), pen.leg("PANELS", q(300), LineRole.PRODUCT))
    for name, lot, amount in (("EX0/1", "PANELS", 100), ("EX1/1", "PANELS", 200), ("EX1/1", "MORE", 100)):
        if name == "EX1/1" and lot == "PANELS":
            pen.now_ms = parse_span("2026-02-01", OFFSET).end_ms
            if received_first < 1000:
                pen.receive("R2", line, q(1000 - received_first))
            source = "R1" if received_first == 1000 else "R2"
            pen.write(Kind.ISSUE_PROD, pen.leg(source, q(200)))
            pen.lot("MORE", "PANEL", "C62", Origin.OWN)
            pen.write(Kind.TRANSFORM, pen.leg(source, q(200), LineRole.INPUT), pen.leg("MORE", q(100), LineRole.PRODUCT))
        export = name if name in pen.lines else pen.declare(name, LineRole.EXPORT, "PANEL", q(300), "C62", hs="39259080")
        pen.write(Kind.EXPORT_LOAD, pen.leg(lot, q(amount)), line=export)
        pen.write(Kind.EXIT_CONFIRM, pen.leg(lot, q(amount)), line=export)
    period = Span(parse_span("2026-02-01", OFFSET).start_ms, PERIOD.end_ms)
    return BookData("book", OWNER, period, period.end_ms, jurisdiction="EU", lots=tuple(pen.lots.values()), lines=tuple(pen.lines.values()),
                    events=tuple(pen.events), norms=(Norm("PANEL", "RESIN", Fraction(2), "C62", "KGM", valid_from=PERIOD),),
                    yield_basis="EU_RATE_OF_YIELD")


def test_discharge__goods_that_left_before_the_period__are_earlier_and_not_still_to_be_discharged() -> None:
    bill, _, _ = made("discharge", in_two_periods(1000))
    one = row(bill, "goods", "line", "IM1/1")
    assert {k: one[k] for k in ("quantity", "earlier", "in_products", "remaining")} == {
        "quantity": "1000", "earlier": "200", "in_products": "600", "remaining": "200"}
    fifo, _, _ = made("discharge", replace(in_two_periods(600), allocation="FIFO"))
    two = row(fifo, "goods", "line", "IM1/1")  # 600 came in January: of the opening stock, whose line a method over receipts does not know
    assert (two["quantity"], two["earlier"], two["not_received"]) == ("1000", "600", "0")
    assert sum(Decimal(two[k]) for k in PARTS) == 1000


@pytest.mark.parametrize("fault", ["in_products", "not_received"])
def test_checks__more_discharged_or_received_than_placed__the_bill_says_no(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of 900 kg on which 1,000 were received; figures of a line that are not those of the exemption."""
    book = worked()
    if fault == "not_received":
        book = replace(book, lines=tuple(replace(x, quantity_micro=q(900)) if x.key == "IM1/1" else x for x in book.lines))
    else:
        import tracer.papers.outcomes as module

        monkeypatch.setattr(module, "LineOutcome", lambda *a, in_products, **k: LineOutcome(*a, in_products=in_products + 1, **k))
    bill, _, _ = made("discharge", book)
    wrong = [c["check"] for c in bill["checks"] if c["holds"] == "NO"]
    assert any("than declared" in c or "what the products hold" in c for c in wrong), bill["checks"]


def test_discharge__inputs_missing__named_and_the_bill_is_made_all_the_same() -> None:
    book = worked(yield_basis="VN_NORM", allocation="LIFO", lines=tuple(
        replace(line, hs="3907", value=None) if line.key == "IM1/1" else line for line in worked().lines))
    facts = Facts(book)
    bill = PAPERS["discharge"].of(facts, settle_facts(facts), {})["discharge"]
    assert [r["note"] for r in bill["particulars"]] == ["MISSING"] * 4
    assert bill["missing"][:4] == [f"{r['field']} ({r['meaning']})" for r in bill["particulars"]]
    for text in ("CN code of RESIN", "value and duty rate of IM1/1", "rate of yield: the book accounts by VN_NORM",
                 "earliest declaration first, or specific goods: the book matches by LIFO"):
        assert text in bill["missing"]
    one = row(bill, "goods", "line", "IM1/1")
    assert one["duty_due"] is None and one["time_limit"] is None and Decimal(one["quantity"]) == 1000
    with pytest.raises(InputError, match="'number' is no particular"):
        known({"number": "1"})
    with pytest.raises(InputError, match="of 'six' months"):
        known({"discharge_months": "six"})


def test_drawback__worked_by_hand__used_in_by_fifo() -> None:
    """1,200 kg for 500 panels: 2.4 each; 400 left: 960 kg of the first entry, at 0.60 EUR of duty on a kg."""
    claim, _, _ = made("drawback", worked(yield_basis="US_USED_IN"))
    assert (claim["method"], claim["basis"]) == ("02", "used in")
    assert claim["abstract"] == [{
        "material": "RESIN", "hts": "39074000", "uom": "KGM", "put_in": "1200", "waste": "60", "loss": "40", "product": "PANEL",
        "product_hts": "39259080", "product_uom": "C62", "made": "500", "used": "1200", "exported": "400", "eligible": "960"}]
    assert [(r["product"], r["material"], r["per_unit"]) for r in claim["schedule"]] == [("PANEL", "RESIN", "2.4")]
    assert [(d["line"], d["quantity"], d["duty_per_unit"], d["duty"], d["export_line"], d["in_time"]) for d in claim["designations"]] == [
        ("IM1/1", "960", "0.6", "576", "EX1/1", "yes")]
    assert claim["totals"] == [{"currency": "EUR", "duty": "576"}] and claim["missing"] == []


def test_drawback__less_valuable_waste_and_appearing_in__by_hand() -> None:
    """60 kg of scrap at 0.52 EUR replace 31.2 / 5.3333 = 5.85 kg of resin (8,000 EUR for 1,500 kg). In the panels: 1,200 - 60 - 40."""
    less, _, _ = made("drawback", worked(yield_basis="US_LESS_VALUABLE_WASTE", waste_values={"SCRAP": Fraction(52, 100)}))
    assert less["abstract"][0]["used"] == "1194.15" and less["abstract"][0]["eligible"] == "955.32"
    inside, _, _ = made("drawback", worked(yield_basis="US_APPEARING_IN"))
    assert inside["schedule"][0]["per_unit"] == "2.2" and inside["abstract"][0]["eligible"] == "880"


def test_drawback__basis_or_method_of_no_such_law_or_older_than_five_years__said() -> None:
    book = worked(allocation="VN_EXPORT_RATIO")
    claim, _, _ = made("drawback", book)
    assert "a manufacturing basis of 19 CFR 190.23: the book accounts by EU_RATE_OF_YIELD" in claim["missing"]
    assert "an approved method (190.14(d)): the book attributes by VN_EXPORT_RATIO" in claim["missing"]
    old = worked(yield_basis="US_USED_IN")
    old = replace(old, lines=tuple(replace(x, registered=parse_span("2021-01-01", OFFSET)) if x.key == "IM1/1" else x for x in old.lines))
    claim, _, _ = made("drawback", old)
    assert "an export within 5 years of import [?]: IM1/1 in EX1/1" in claim["missing"]
    waste, _, _ = made("drawback", worked(yield_basis="US_LESS_VALUABLE_WASTE"))
    assert any("value of scrap SCRAP is not known" in text for text in waste["missing"]) and waste["abstract"] == []


@pytest.mark.parametrize(("name", "basis"), [("discharge", "EU_RATE_OF_YIELD"), ("drawback", "US_USED_IN")])
def test_paper__as_pdf_and_workbook__every_figure_of_the_json(name: str, basis: str) -> None:
    paper, document, report = made(name, worked(yield_basis=basis))
    kind = PAPERS[name]
    file = pdf_of(kind, document, report)
    assert file == pdf_of(kind, document, report)
    pages = printed(file)
    wanted = figures(document, report, kind.printed)
    seen = Counter(word.replace(",", "") for page in pages for word in NUMBER.findall(page))
    assert wanted and {n: c for n, c in wanted.items() if seen[n] < c} == {}
    assert all(value in " ".join(pages) for value in (r["value"] for r in paper["particulars"]))
    book = load_workbook(BytesIO(workbook(kind.document(document), report, kind.sheets)))
    assert book.sheetnames == [s.name for s in kind.sheets if not s.optional or list(s.rows(document, report))]
    shown = Counter(str(cell) for sheet in book for line in sheet.iter_rows(values_only=True) for cell in line if cell is not None)
    for value in wanted:
        assert any(Decimal(c) == Decimal(value) for c in shown if NUMBER.fullmatch(c)), value
    exits = [line[4] for line in book["Evidence"].iter_rows(values_only=True) if str(line[4] or "").startswith("exit_confirm")]
    key = "discharges" if name == "discharge" else "designations"
    assert exits == [event for one in paper[key] for event in one["events"]]


@pytest.mark.parametrize(("day", "months", "last"), [("2026-08-31", 6, "2027-02-28"), ("2026-01-05", 6, "2026-07-05"), ("2027-08-31", 6, "2028-02-29"),
                                                     ("2026-12-15", 1, "2027-01-15"), ("2026-01-31", 24, "2028-01-31")])
def test_period_for_discharge__months_of_unequal_length__last_day_of_the_month(day: str, months: int, last: str) -> None:
    assert _after(day, months).isoformat() == last


def test_paper__without_a_name__that_of_the_jurisdiction() -> None:
    assert [paper_kind("", j).name for j in ("VN", "EU", "uk", "US", "KR", "")] == [
        "settlement", "discharge", "discharge", "drawback", "settlement", "settlement"]
    assert paper_kind("exemption", "EU").name == "exemption"


@pytest.mark.parametrize("basis", ["EU_RATE_OF_YIELD", "US_USED_IN", "US_APPEARING_IN", "US_LESS_VALUABLE_WASTE"])
def test_claim__by_the_basis_that_the_papers_state__is_not_held_against_the_vietnamese_norm(basis: str) -> None:
    """The norm of 2.4 kg holds the loss; the bill of discharge states 2.32 kg, so that nothing is claimed too much."""
    book = worked(yield_basis=basis, waste_values={"SCRAP": Fraction(1, 2)})
    facts = Facts(book)
    (material,) = settle_facts(facts).materials
    assert material.over_claimed_micro == 0
    assert not [f for f in examine(facts).to_json()["findings"] if f["rule"] == "N6"]
    claimed = replace(book, claims={"RESIN": material.exempt_micro + q(32)})
    (finding,) = [f for f in examine(Facts(claimed)).to_json()["findings"] if f["rule"] == "N6"]
    assert finding["difference"] == "32"
