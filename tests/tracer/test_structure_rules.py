"""P1 to P4: bills of materials, rework, co-products, parts of lots. The figures are those of the domain reference, 7.9."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from enterprise import PERIOD, Pen, added, edit, first, q
from test_more_rules import found, missing
from test_settlement import book_of
from test_third_rules import CLEAN, clean, the

from ledger.vocabulary import Balance, Kind, LineRole, Origin, Outcome, Thing
from tracer.book import BookData, DeclarationLine, Leg, Norm
from tracer.check import examine
from tracer.facts import Facts
from tracer.rules import rule


def norm(product: str, material: str, much: str, flag: str = "") -> Norm:
    return Norm(product, material, Fraction(much), "C62", "C62" if product else "KGM", flag, PERIOD)


# -- P1 ------------------------------------------------------------------------------------------------------------


def test_p1__a_bill_that_leads_back_to_itself__is_found_and_a_deep_one_is_not() -> None:
    deep = book_of(Pen(), norms=(norm("P", "S", "2"), norm("P", "M1", "1"), norm("S", "M1", "3"), norm("S", "M2", "0.5")))
    assert clean(deep, "P1")
    assert examine(deep, [rule("P1")]).results[0].metrics == {"levels": "2"}
    round_about = replace(deep, norms=(*deep.norms, norm("S", "P", "0.1")))
    assert the(round_about, "P1") == ("P", "high", None)
    recovered = replace(deep, norms=(*deep.norms, norm("S", "P", "0.1", "SPTN")))
    assert clean(recovered, "P1")


def _line(key: str, purpose: LineRole, code: str, amount: str, **fields: Any) -> DeclarationLine:
    return DeclarationLine(key, purpose, code, q(amount), "C62", **fields)


def taxed(m1: str, m2: str | None = "10") -> BookData:
    """Ten products change their purpose: 20 S and 10 M1, so 70 M1 and 10 M2."""
    change = LineRole.CHANGE_OF_PURPOSE
    lines = [_line("A/1", change, "P", "10"), _line("A/2", change, "M1", m1, description="Fabric TDMDSDSP")]
    if m2 is not None:
        lines.append(_line("A/3", change, "M2", m2, description="Zip TDMDSDSP"))
    rows = (norm("P", "S", "2"), norm("P", "M1", "1"), norm("S", "M1", "3"), norm("S", "M2", "0.5"), norm("P", "X", "1", "X"))
    return replace(book_of(Pen(), norms=rows), lines=tuple(lines))


def test_p1__material_taxed_line_by_line__is_what_the_bill_holds() -> None:
    assert clean(taxed("70"), "P1")
    assert the(taxed("60"), "P1") == ("A/2", "medium", "-10")
    assert the(taxed("70", None), "P1") == ("A/2", "medium", "-10")  # the line of M2 is missing
    assert missing(replace(taxed("70"), norms=()), "P1") == {"norms of the products of A"}


def test_p1__domestic_material_of_an_export__is_only_taxed_and_never_leaves() -> None:
    book = taxed("70")
    assert book.as_of_ms
    lines = (_line("E/1", LineRole.EXPORT, "P", "10"), _line("E/2", LineRole.EXPORT, "X", "12", description="NVLCTXK carton",
                                                             cleared=PERIOD))
    one = replace(book, lines=lines)
    assert the(one, "P1") == ("E/2", "medium", "2")
    assert found(one, "X4") == []


# -- P2 ------------------------------------------------------------------------------------------------------------


def reworked(again: str, declared: str | None = "0.08") -> BookData:
    """1,000 good ones, and so many that were put in again; a kilogram of material for each start."""
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(2000), "KGM")
    pen.receive("L", line, q(2000))
    pen.write(Kind.ISSUE_PROD, pen.leg("L", q(1000)))
    pen.lot("P0", "P", "C62", Origin.OWN)
    pen.lot("P1", "P", "C62", Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("L", q(1000), LineRole.INPUT), pen.leg("P0", q(1000), LineRole.PRODUCT))
    pen.write(Kind.ISSUE_PROD, pen.leg("P0", q(again)))
    pen.write(Kind.TRANSFORM, pen.leg("P0", q(again), LineRole.INPUT), pen.leg("P1", q(again), LineRole.PRODUCT))
    rows = [Norm("P", "M", Fraction(1), "C62", "KGM", valid_from=PERIOD)]
    if declared is not None:
        rows.append(norm("P", "P", declared, "SPTN"))
    return book_of(pen, norms=tuple(rows))


def test_p2__rework_against_the_declared_share__of_the_steady_state() -> None:
    assert clean(reworked("86.956522"), "P2")  # 1,000 / 0.92 = 1,086.96 starts
    assert clean(reworked("91"), "P2")
    subject, severity, difference = the(reworked("120"), "P2")
    assert (subject, severity, difference) == ("P", "low", "33.043478")
    assert missing(reworked("80", None), "P2") == {"norm of P on itself (flag SPTN)"}


def test_p2__material_is_counted_once__whatever_goes_round() -> None:
    facts = Facts(reworked("86.956522"))
    assert facts.usage.output["P"] == q(1000)
    assert facts.usage.base_ledger == {("P", "M"): 1} == facts.usage.base_declared
    assert found(facts.book, "N1") == [] and not missing(facts.book, "N1")
    assert found(facts.book, "N2") == []


def test_p2__a_loop_that_never_ends__is_found() -> None:
    rows = (norm("P", "M", "1"), norm("P", "R", "1"), norm("R", "P", "1", "TH"))
    book = book_of(Pen(), norms=rows)
    assert the(book, "P2") == ("P", "high", None)
    assert clean(replace(book, norms=(*rows[:2], norm("R", "P", "0.9", "TH"))), "P2")
    assert found(book, "P1") == []


# -- P3 ------------------------------------------------------------------------------------------------------------


def together(x: str, y: str, *, priced: bool = True, uom: str = "KGM") -> BookData:
    """1,000 kg give 600 kg of X at 5 and 400 kg of Y at 2.5; these norms."""
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(1000), "KGM")
    pen.receive("L", line, q(1000))
    pen.write(Kind.ISSUE_PROD, pen.leg("L", q(1000)))
    pen.lot("X0", "X", "KGM", Origin.OWN)
    pen.lot("Y0", "Y", uom, Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("L", q(1000), LineRole.INPUT), pen.leg("X0", q(600), LineRole.PRODUCT),
              pen.leg("Y0", q(400), LineRole.CO_PRODUCT))
    for code, amount, price in (("X", 600, 3000), ("Y", 400, 1000)):
        out = pen.declare(f"EX-{code}/1", LineRole.EXPORT, code, q(amount), "KGM" if code == "X" else uom,
                          value=Fraction(price) if priced else None)
        pen.write(Kind.EXPORT_LOAD, pen.leg(f"{code}0", q(amount), balance=Balance.FINISHED), line=out)
        pen.write(Kind.EXIT_CONFIRM, pen.leg(f"{code}0", q(amount), balance=Balance.LOADED), line=out, actor="customs")
    rows = (Norm("X", "M", Fraction(x), "KGM", "KGM", valid_from=PERIOD), Norm("Y", "M", Fraction(y), uom, "KGM", valid_from=PERIOD))
    return book_of(pen, norms=rows)


def test_p3__a_norm_beyond_quantity_and_value__is_found() -> None:
    assert clean(together("1.25", "0.625"), "P3")  # 750 and 250: by value
    assert clean(together("1", "1"), "P3")  # 600 and 400: by quantity
    assert the(together("0.5", "1.75"), "P3") == ("M", "low", "300")  # 700 to Y, of which 400 by quantity
    assert clean(together("0.7", "1.45"), "P3")  # 580 to Y: within a fifth
    assert missing(together("1", "1", priced=False, uom="C62"), "P3") == {"prices of X, Y (value of export lines)"}


def test_p3__what_never_left__carries_nothing() -> None:
    book = together("0.5", "1.75")
    stayed = edit(book, lambda e: e.kind == Kind.EXIT_CONFIRM and e.line == "EX-Y/1", lambda _: None)
    assert found(stayed, "P3") == []


# -- P4 ------------------------------------------------------------------------------------------------------------


def again(kind: Kind, **fields: Any) -> BookData:
    receipt = next(e for e in CLEAN.events if e.kind == Kind.RECEIVE_FACTORY and e.legs[0].unit == "M0-1")
    return added(CLEAN, replace(receipt, id="again", seq=receipt.seq + 1, kind=kind, legs=(
        replace(receipt.legs[0], quantity_micro=q(5)),), **fields))


def test_p4__goods_from_elsewhere_in_a_lot__are_found() -> None:
    assert clean(CLEAN, "P4")
    assert found(again(Kind.RECEIVE_FACTORY), "P4") == []  # the rest of the same line
    assert the(again(Kind.RECEIVE_FACTORY, line="IM-M1/1"), "P4") == ("M0-1", "medium", "5")
    assert the(again(Kind.RECEIVE_DOMESTIC, line=""), "P4") == ("M0-1", "medium", "5")
    assert the(again(Kind.RECEIVE_FACTORY, outcome=Outcome.UNIT_EXISTS), "P4") == ("M0-1", "medium", "5")


def test_p4__a_part_split_into_a_lot_that_is_there__is_found() -> None:
    issue = first(CLEAN, Kind.ISSUE_PROD)
    legs = (Leg("M0-0", Thing.LOT, LineRole.INPUT, Balance.NONE, 0, "M0", "KGM"),
            Leg("M0-1", Thing.LOT, LineRole.OUTPUT, Balance.RAW, q(3), "M0", "KGM"))
    book = added(CLEAN, replace(issue, id="split", seq=issue.seq - 1, kind=Kind.SPLIT, legs=legs))
    assert the(book, "P4") == ("M0-1", "medium", "3")
    part = added(CLEAN, replace(issue, id="split", seq=issue.seq - 1, kind=Kind.SPLIT, legs=(
        legs[0], replace(legs[1], unit="M0-1-A"))))
    assert clean(part, "P4")


