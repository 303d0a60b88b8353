"""Settlement: every column where the law puts it, identities that hold, an exemption that adds up."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from enterprise import OWNER, PERIOD, Pen, Plan, clean_book, plans, q
from hypothesis import given

from ledger.vocabulary import MICRO, Balance, Kind, LineRole, Origin
from tracer.balance import accounts
from tracer.book import BookData, Conversion, Norm
from tracer.check import check, examine
from tracer.facts import Facts
from tracer.moment import DAY_MS, Span, point
from tracer.replay import replay
from tracer.rules import rule
from tracer.settlement import settle


def book_of(pen: Pen, **fields: object) -> BookData:
    return BookData("book", OWNER, PERIOD, PERIOD.end_ms, lots=tuple(pen.lots.values()),
                    lines=tuple(pen.lines.values()), events=tuple(pen.events), **fields)  # type: ignore[arg-type]


@given(plans)
def test_forms__any_clean_book__identities_hold_and_closing_is_what_lots_hold(plan: Plan) -> None:
    book = clean_book(plan)
    form = settle(book).to_json()
    for r in form["form15"]:
        assert Decimal(r["closing"]) == (Decimal(r["opening"]) + Decimal(r["received"]) - Decimal(r["re_exported"])
                                         - Decimal(r["repurposed"]) - Decimal(r["issued"]) - Decimal(r["other_issue"]))
    for r in form["form15a"]:
        assert Decimal(r["closing"]) == (Decimal(r["opening"]) + Decimal(r["received"]) - Decimal(r["repurposed"])
                                         - Decimal(r["exported"]) - Decimal(r["other_issue"]))
    held = replay(book).balances
    for name, balance, table in (("form15", Balance.RAW, form["form15"]), ("form15a", Balance.FINISHED, form["form15a"])):
        for r in table:
            lots = [x.id for x in book.lots if x.code == r["code"]]
            assert Decimal(r["closing"]) * MICRO == sum(held.get(x, {}).get(balance, 0) for x in lots), name


@given(plans)
def test_exemption__any_clean_book__is_norm_times_exits_and_adds_up_by_export(plan: Plan) -> None:
    book = clean_book(plan)
    result = settle(book)
    left = sum(plan.runs) * plan.exported_share // 100
    for i, (norm, domestic) in enumerate(plan.materials):
        rows = [r for r in result.exemption if r.material == f"M{i}"]
        assert sum(r.quantity_micro for r in rows) == (0 if domestic else q(Fraction(norm, 100)) * left)
        assert all(sum(r.by_export.values()) == r.quantity_micro for r in rows)


def test_exemption__value_and_rate_known__duty_freed_is_that_share_of_the_line() -> None:
    row = next(r for r in settle(clean_book()).exemption if r.import_line == "IM-M0/1")
    assert (row.quantity_micro, row.duty_freed) == (q(1680), round(Fraction(1680 * 3 * 12, 100)))


@pytest.mark.parametrize("policy", ["FIFO", "LIFO", "AVERAGE", "LOW_TO_HIGH", "VN_EXPORT_RATIO"])
def test_exemption__other_policy__same_totals(policy: str) -> None:
    book = clean_book()
    specific = settle(book)
    other = settle(replace(book, allocation=policy))

    def totals(rows: list) -> dict[str, int]:  # type: ignore[type-arg]
        found: dict[str, int] = {}
        for r in rows:
            found[r.material] = found.get(r.material, 0) + r.quantity_micro
        return found

    assert totals(other.exemption) == totals(specific.exemption)


def test_exemption__fifo__takes_opening_stock_before_imports() -> None:
    rows = {r.import_line: r.quantity_micro for r in settle(replace(clean_book(), allocation="FIFO")).exemption
            if r.material == "M0"}
    assert rows == {"opening": q(240), "IM-M0/1": q(1680)}


def test_exemption__products_of_opening_stock__name_no_import_line() -> None:
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(100), "KGM")
    pen.receive("I", line, q(100))
    pen.lot("OLD", "P", "C62", Origin.OWN)
    pen.write(Kind.OPENING, pen.leg("OLD", q(30), LineRole.OWN, Balance.FINISHED))
    pen.write(Kind.ISSUE_PROD, pen.leg("I", q(100)))
    pen.lot("NEW", "P", "C62", Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("I", q(100), LineRole.INPUT), pen.leg("NEW", q(50), LineRole.PRODUCT))
    export = pen.declare("EX/1", LineRole.EXPORT, "P", q(80), "C62")
    for lot, amount in (("OLD", 30), ("NEW", 50)):
        pen.write(Kind.EXPORT_LOAD, pen.leg(lot, q(amount)), line=export)
        pen.write(Kind.EXIT_CONFIRM, pen.leg(lot, q(amount)), line=export)
    rows = settle(book_of(pen, norms=(Norm("P", "M", Fraction(2), "C62", "KGM", valid_from=PERIOD),))).exemption
    assert {r.import_line: r.quantity_micro for r in rows} == {"IM/1": q(100), "opening": q(60)}


def test_settlement__twice__same_bytes_and_only_text_numbers() -> None:
    first, second = (json.dumps(settle(clean_book()).to_json(), sort_keys=True) for _ in range(2))
    assert first == second

    def numbers(value: object) -> list[object]:
        if isinstance(value, dict):
            return [n for k, v in value.items() if k != "no" for n in numbers(v)]
        if isinstance(value, list):
            return [n for v in value for n in numbers(v)]
        return [value] if isinstance(value, int | float) else []

    assert numbers(json.loads(first)) == []


def _material_lot() -> Pen:
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(100), "KGM")
    pen.receive("I", line, q(100))
    return pen


@pytest.mark.parametrize(("kind", "role", "balance", "column"), [
    (Kind.REEXPORT, LineRole.NONE, Balance.RAW, "re_exported"),
    (Kind.REPURPOSE, LineRole.NONE, Balance.RAW, "repurposed"),
    (Kind.SELL_INLAND, LineRole.NONE, Balance.RAW, "repurposed"),
    (Kind.DESTROY, LineRole.NONE, Balance.RAW, "repurposed"),
    (Kind.ISSUE_PROD, LineRole.NONE, Balance.RAW, "issued"),
    (Kind.ADJUST, LineRole.INPUT, Balance.RAW, "other_issue"),
    (Kind.ADJUST, LineRole.OUTPUT, Balance.RAW, "received"),
    (Kind.TRANSFER, LineRole.INPUT, Balance.RAW, "other_issue"),
], ids=lambda x: x.name if hasattr(x, "name") else x)
def test_form15__each_kind__stands_in_its_column(kind: Kind, role: LineRole, balance: Balance, column: str) -> None:
    pen = _material_lot()
    before = settle(book_of(pen)).form15[0]
    pen.write(kind, pen.leg("I", q(10), role, balance))
    after = settle(book_of(pen)).form15[0]
    changed = {c: after[c] - before[c] for c in after.columns if after[c] != before[c]}
    assert changed == {column: q(10)}


def test_form15__returned_from_production__is_received_and_leaves_wip() -> None:
    pen = _material_lot()
    pen.write(Kind.ISSUE_PROD, pen.leg("I", q(30)))
    pen.write(Kind.RETURN_PROD, pen.leg("I", q(10)))
    result = settle(book_of(pen))
    assert (result.form15[0]["received"], result.form15[0].closing) == (q(110), q(80))
    assert (result.wip[0]["issued"], result.wip[0]["returned"], result.wip[0].closing) == (q(30), q(10), q(20))


def test_form15a__loaded_before_its_declaration_is_registered__is_other_issue() -> None:
    pen = Pen()
    pen.lot("P", "P", "C62", Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("P", q(10), LineRole.PRODUCT))
    line = pen.declare("EX/1", LineRole.EXPORT, "P", q(4), "C62")
    pen.write(Kind.EXPORT_LOAD, pen.leg("P", q(4)), line=line)
    row = settle(book_of(pen)).form15a[0]
    assert (row["exported"], row["other_issue"]) == (q(4), 0)
    later = point(PERIOD.end_ms + DAY_MS)
    late = replace(book_of(pen), lines=(replace(pen.lines[line], registered=later, cleared=later),))
    row = settle(late).form15a[0]
    assert (row["exported"], row["other_issue"], row.closing) == (0, q(4), q(6))


def test_opening__of_the_second_period__is_the_closing_of_the_first() -> None:
    book = clean_book()
    middle = point(sorted(e.occurred.start_ms for e in book.events)[len(book.events) // 2]).start_ms
    one = accounts(replace(book, period=Span(PERIOD.start_ms, middle)), replay(book).deltas)
    two = accounts(replace(book, period=Span(middle + 1, PERIOD.end_ms)), replay(book).deltas)
    for name in ("materials", "products", "wip", "scrap"):
        first, second = getattr(one, name), getattr(two, name)
        assert {k: r.closing for k, r in first.items()} == {k: second[k]["opening"] for k in first}


def _two_stage(declared_semi: bool) -> BookData:
    """M becomes S, S becomes P: 2 kg of M a unit of S, 3 S a unit of P; 30 of 60 S are still in the store."""
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(120), "KGM")
    pen.receive("I", line, q(120))
    pen.write(Kind.ISSUE_PROD, pen.leg("I", q(120)))
    pen.lot("S", "S", "C62", Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("I", q(120), LineRole.INPUT), pen.leg("S", q(60), LineRole.SEMI_FINISHED))
    pen.write(Kind.ISSUE_PROD, pen.leg("S", q(30)))
    pen.lot("P", "P", "C62", Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("S", q(30), LineRole.INPUT), pen.leg("P", q(10), LineRole.PRODUCT))
    norms = (Norm("S", "M", Fraction(2), "C62", "KGM"), Norm("P", "S", Fraction(3), "C62", "C62")) if declared_semi \
        else (Norm("P", "M", Fraction(6), "C62", "KGM"),)
    return book_of(pen, norms=norms)


@pytest.mark.parametrize("declared_semi", [True, False], ids=["norm of each stage", "norm rolled up"])
def test_semi_finished__in_the_middle__rolled_up_on_form_16_and_no_residual(declared_semi: bool) -> None:
    book = _two_stage(declared_semi)
    result = settle(book)
    assert [(r.product, r.material, r.norm, r.norm_ledger) for r in result.form16] == [("P", "M", 6, 6)]
    assert {r.code for r in result.form15} == {"M"} and {r.code for r in result.form15a} == {"P"}
    assert [(r.code, r.closing) for r in result.semi_finished] == [("S", q(30))]
    assert check(book, [rule("N1"), rule("N6")]) == []


def test_semi_finished__stolen_before_assembly__n1_sees_material_no_norm_explains() -> None:
    book = _two_stage(True)
    more = tuple(replace(e, legs=tuple(replace(x, quantity_micro=q(60)) if x.unit == "S" and e.kind in (
        Kind.ISSUE_PROD, Kind.TRANSFORM) and x.role != LineRole.SEMI_FINISHED else x for x in e.legs))
        for e in book.events)
    found = check(replace(book, events=more), [rule("N1")])
    assert [(f.subject_id, f.expected, f.observed, f.severity) for f in found] == [("S", "30", "60", "high")]


def test_norms_in_a_circle__settlement_says_so_and_rules_are_not_evaluable() -> None:
    book = replace(_two_stage(True), norms=(Norm("S", "P", Fraction(1), "C62", "C62"),
                                            Norm("P", "S", Fraction(3), "C62", "C62")))
    assert any("circle" in m for m in settle(book).missing)
    report = examine(book, [rule("N1"), rule("N6")])
    assert report.findings == [] and len(report.not_evaluable) == 2


def test_norm__another_version_from_mid_year__each_run_is_held_against_its_own() -> None:
    book = clean_book(Plan(materials=((100, False),), runs=(1000, 1000), exported_share=50, opening=False))
    second = max((e for e in book.events if e.kind == Kind.TRANSFORM), key=lambda e: e.seq).occurred
    norms = (Norm("P", "M0", Fraction(1), "C62", "KGM", valid_from=PERIOD, declared_by="a"),
             Norm("P", "M0", Fraction(3, 2), "C62", "KGM", valid_from=second, declared_by="b"))
    facts = Facts(replace(book, norms=norms))
    assert facts.usage.declared["P", "M0"] == Fraction(5, 4)
    assert [f.rule for f in check(replace(book, norms=norms), [rule("N1")])] == ["N1"]


def test_norm__in_another_unit_with_a_factor__is_converted() -> None:
    book = clean_book()
    grams = replace(
        book, norms=tuple(replace(n, norm=n.norm * 1000, material_uom="GRM") for n in book.norms),
        conversions=(*book.conversions, Conversion("", "KGM", "GRM", Fraction(1000), "SI")))
    assert check(grams) == []
    assert settle(grams).to_json()["form16"] == settle(book).to_json()["form16"]
