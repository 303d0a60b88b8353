"""Small books in files whose exemption was worked out with a pencil: what a user gets, not what a function returns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from tracer.book import BookData
from tracer.check import check
from tracer.facts import Facts
from tracer.files import read_book
from tracer.moment import Span, parse_span
from tracer.papers.outcomes import line_outcomes
from tracer.rules.disposition import duty_range
from tracer.settlement import Settlement, settle
from tracer.settlement.exemption import exemption
from tracer.yields import BASES

DECLARED = ("declaration,line,direction,regime,registered_at,cleared_at,exit_confirmed_at,code,quantity,uom,value,currency,"
            "duty_rate\n")
MOVED = "id,at,kind,op,side,role,code,lot,quantity,uom,declaration,line,product,partner\n"
NORMS = "product,material,norm,product_uom,material_uom,flag,valid_from,valid_to,loss_rate\n"


def book(folder: Path, declarations: str, norms: str, movements: str, rates: str = "", groups: str = "",
         **keys: str) -> BookData:
    """A book of 2026 from rows of its tables."""
    folder.mkdir()
    settings = {"enterprise": "e", "regime": "SXXK", **keys}
    (folder / "book.toml").write_text("".join(f'{k} = "{v}"\n' for k, v in settings.items())
                                      + '[period]\nfrom = "2026-01-01"\nto = "2026-12-31"\n')
    for name, heading, rows in (("declarations", DECLARED, declarations), ("norms", NORMS, norms),
                                ("movements", MOVED, movements), ("rates", "currency,rate\n", rates),
                                ("groups", "group,code,ratio,valid_from,valid_to\n", groups)):
        if rows:
            (folder / f"{name}.csv").write_text(heading + dedent(rows).strip() + "\n")
    read = read_book(folder)
    assert read.faults.found == []
    return read.book


def freed(settled: Settlement) -> dict[tuple[str, str], str]:
    """Quantity and duty by material and import line."""
    assert settled.missing == []
    return {(r["material"], r["import_line"]): f"{r['quantity']} {r['duty_freed']}"
            for r in settled.to_json()["exemption"]}


def by_export(settled: Settlement) -> dict[tuple[str, str], str]:
    """Quantity by import and export line."""
    return {(r["import_line"], e["line"]): e["quantity"] for r in settled.to_json()["exemption"]
            for e in r["export_lines"]}


# -- imported and domestic lots apart --------------------------------------------------------------------------------


def apart(folder: Path, exported: str, sold: str, policy: str) -> BookData:
    """1,000 kg imported make 500 P, 1,000 kg bought inland make another 500; one lot is exported, the other sold."""
    return book(folder, """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,1000,KGM,1000000,VND,10
        E1,1,export,E62,2026-06-01,2026-06-01,2026-06-03,P,500,C62,9000000,VND,
        A1,1,import,A42,2026-07-01,2026-07-01,,P,500,C62,9000000,VND,10
        """, "P,M,2,C62,KGM,,,,", f"""
        1,2026-01-06,RECEIVE_FACTORY,,,,M,MI,1000,KGM,I1,1,,
        2,2026-01-06,RECEIVE_DOMESTIC,,,,M,MD,1000,KGM,,,,
        3,2026-02-01,ISSUE_PROD,,,,M,MI,1000,KGM,,,P,
        4,2026-02-01,ISSUE_PROD,,,,M,MD,1000,KGM,,,P,
        5,2026-02-02,TRANSFORM,r1,in,,M,MI,1000,KGM,,,,
        6,2026-02-02,TRANSFORM,r1,out,product,P,PI,500,C62,,,,
        7,2026-02-02,TRANSFORM,r2,in,,M,MD,1000,KGM,,,,
        8,2026-02-02,TRANSFORM,r2,out,product,P,PD,500,C62,,,,
        9,2026-06-02,EXPORT_LOAD,,,,P,{exported},500,C62,E1,1,,
        10,2026-07-02,SELL_INLAND,,,,P,{sold},500,C62,A1,1,,
        """, allocation=policy)


@pytest.mark.parametrize(("exported", "sold", "policy", "expected", "share"), [
    ("PI", "PD", "SPECIFIC", {("M", "I1/1"): "1000 100000"}, "1"),
    ("PD", "PI", "SPECIFIC", {}, None),
    ("PI", "PD", "AVERAGE", {("M", "I1/1"): "500 50000"}, "0.5"),
    ("PD", "PI", "VN_EXPORT_RATIO", {("M", "I1/1"): "500 50000"}, "0.5"),
])
def test_sources__kept_apart__imported_material_is_exempt_where_it_really_left(
        tmp_path: Path, exported: str, sold: str, policy: str, expected: dict[tuple[str, str], str], share: str | None
) -> None:
    settled = settle(apart(tmp_path / "b", exported, sold, policy))
    assert freed(settled) == expected
    assert [m["imported_share"] for m in settled.to_json()["materials"]] == ([share] if share else [])


def test_claim__for_goods_made_of_domestic_lots__is_beyond_what_was_used(tmp_path: Path) -> None:
    told = apart(tmp_path / "b", "PD", "PI", "SPECIFIC")
    claimed = replace(told, claims={"M": 500_000_000})
    (found,) = [f for f in check(claimed) if f.rule == "N6"]
    assert (found.expected, found.observed, found.difference) == ("0", "500", "500")


# -- transfers between contracts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "expected"), [
    ("SPECIFIC", {("M", "I2/1"): "100 150", ("M", "I3/1"): "50 40"}),
    ("FIFO", {("M", "I2/1"): "100 150", ("M", "I3/1"): "50 40"}),
    ("LIFO", {("M", "I2/1"): "100 150", ("M", "I1/1"): "50 50"}),
    ("LOW_TO_HIGH", {("M", "I1/1"): "100 100", ("M", "I2/1"): "50 75"}),
])
def test_transfer_out__uses_receipts_up__what_it_took_frees_no_duty(
        tmp_path: Path, policy: str, expected: dict[tuple[str, str], str]) -> None:
    """Of 100 @ 1.00, 100 @ 1.50 and 100 @ 0.80 a hundred goes to another contract before 150 are exported."""
    told = book(tmp_path / "b", """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,1000,USD,10
        I2,1,import,E31,2026-02-05,2026-02-05,,M,100,KGM,1500,USD,10
        I3,1,import,E31,2026-03-05,2026-03-05,,M,100,KGM,800,USD,10
        T1,1,export,E54,2026-03-19,2026-03-19,,M,100,KGM,1000,USD,
        E1,1,export,E62,2026-06-01,2026-06-01,2026-06-03,P,150,C62,9000,USD,
        """, "P,M,1,C62,KGM,,,,", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,L1,100,KGM,I1,1,,
        2,2026-02-06,RECEIVE_FACTORY,,,,M,L2,100,KGM,I2,1,,
        3,2026-03-06,RECEIVE_FACTORY,,,,M,L3,100,KGM,I3,1,,
        4,2026-03-20,TRANSFER,t1,out,,M,L1,100,KGM,T1,1,,other
        5,2026-04-01,ISSUE_PROD,,,,M,L2,100,KGM,,,P,
        6,2026-04-01,ISSUE_PROD,,,,M,L3,50,KGM,,,P,
        7,2026-04-02,TRANSFORM,r1,in,,M,L2,100,KGM,,,,
        8,2026-04-02,TRANSFORM,r1,in,,M,L3,50,KGM,,,,
        9,2026-04-02,TRANSFORM,r1,out,product,P,P1,150,C62,,,,
        10,2026-06-02,EXPORT_LOAD,,,,P,P1,150,C62,E1,1,,
        """, allocation=policy)
    assert freed(settle(told)) == expected


@pytest.mark.parametrize("policy", ["FIFO", "LIFO"])
def test_re_export__taken_off_again__uses_no_receipt_up(tmp_path: Path, policy: str) -> None:
    """Of two loads of 30 and 50 that should have gone back 60 stay: FIFO has 80 of I1 left, LIFO 80 of I2."""
    told = book(tmp_path / "b", """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,1000,USD,10
        I2,1,import,E31,2026-02-05,2026-02-05,,M,100,KGM,1500,USD,10
        B1,1,export,B13,2026-03-19,2026-03-19,,M,20,KGM,1000,USD,
        E1,1,export,E62,2026-06-01,2026-06-01,2026-06-03,P,100,C62,9000,USD,
        """, "P,M,1,C62,KGM,,,,", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,L1,100,KGM,I1,1,,
        2,2026-02-06,RECEIVE_FACTORY,,,,M,L2,100,KGM,I2,1,,
        3,2026-03-18,REEXPORT,,,,M,L1,30,KGM,B1,1,,
        4,2026-03-19,REEXPORT,,,,M,L1,50,KGM,B1,1,,
        5,2026-03-20,UNLOAD,,,,M,L1,60,KGM,B1,1,,
        6,2026-04-01,ISSUE_PROD,,,,M,L2,100,KGM,,,P,
        7,2026-04-02,TRANSFORM,r1,in,,M,L2,100,KGM,,,,
        8,2026-04-02,TRANSFORM,r1,out,product,P,P1,100,C62,,,,
        9,2026-06-02,EXPORT_LOAD,,,,P,P1,100,C62,E1,1,,
        """, allocation=policy)
    first, second = ("I1/1", "I2/1") if policy == "FIFO" else ("I2/1", "I1/1")
    duty = {"I1/1": 1, "I2/1": 1.5}
    assert freed(settle(told)) == {("M", first): f"80 {round(80 * duty[first])}",
                                   ("M", second): f"20 {round(20 * duty[second])}"}


@pytest.mark.parametrize(("policy", "value", "rate", "expected", "told"), [
    ("LOW_TO_HIGH", "1500", "10", {"I1/1": "50 50", "I3/1": "100 80"}, 0),
    ("LOW_TO_HIGH", "1500", "0", {"I2/1": "100 0", "I3/1": "50 40"}, 0),  # free of duty, and known to be
    ("LOW_TO_HIGH", "", "10", {"I2/1": "100 None", "I3/1": "50 40"}, 1),
    ("LOW_TO_HIGH", "1500", "", {"I2/1": "100 None", "I3/1": "50 40"}, 1),
    ("LOW_TO_HIGH_BLANKET", "", "10", {"I2/1": "100 None", "I3/1": "50 40"}, 1),
    ("FIFO", "", "10", {"I1/1": "100 100", "I2/1": "50 None"}, 0),  # ranks by date: nothing is missing for that
])
def test_low_to_high__line_whose_duty_is_not_known__is_named_and_frees_nothing(
        tmp_path: Path, policy: str, value: str, rate: str, expected: dict[str, str], told: int) -> None:
    """Of 100 @ 1.00, 100 of which one does not know, and 100 @ 0.80, 150 are exported."""
    settled = settle(book(tmp_path / "b", f"""
        I1,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,1000,USD,10
        I2,1,import,E31,2026-02-05,2026-02-05,,M,100,KGM,{value},USD,{rate}
        I3,1,import,E31,2026-03-05,2026-03-05,,M,100,KGM,800,USD,10
        E1,1,export,E62,2026-06-01,2026-06-01,2026-06-03,P,150,C62,9000,USD,
        """, "P,M,1,C62,KGM,,,,", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,L1,100,KGM,I1,1,,
        2,2026-02-06,RECEIVE_FACTORY,,,,M,L2,100,KGM,I2,1,,
        3,2026-03-06,RECEIVE_FACTORY,,,,M,L3,100,KGM,I3,1,,
        4,2026-04-01,ISSUE_PROD,,,,M,L1,100,KGM,,,P,
        5,2026-04-01,ISSUE_PROD,,,,M,L2,50,KGM,,,P,
        6,2026-04-02,TRANSFORM,r1,in,,M,L1,100,KGM,,,,
        7,2026-04-02,TRANSFORM,r1,in,,M,L2,50,KGM,,,,
        8,2026-04-02,TRANSFORM,r1,out,product,P,P1,150,C62,,,,
        9,2026-06-02,EXPORT_LOAD,,,,P,P1,150,C62,E1,1,,
        """, allocation=policy))
    rows = settled.to_json()["exemption"]
    assert {r["import_line"]: f"{r['quantity']} {r['duty_freed']}" for r in rows} == expected
    said = [f"duty on I2/1 of M (value and rate): {policy} cannot rank it, takes it first and frees nothing for it"]
    assert settled.missing == (said if told else [])


def test_low_to_high__opening_stock__has_no_duty_to_be_ranked_by(tmp_path: Path) -> None:
    def settled(policy: str) -> Settlement:
        told = book(tmp_path / policy, """
            I1,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,1000,USD,10
            E1,1,export,E62,2026-06-01,2026-06-01,2026-06-03,P,150,C62,9000,USD,
            """, "P,M,1,C62,KGM,,,,", """
            1,2026-01-01,OPENING,,,material,M,L0,100,KGM,,,,
            2,2026-01-06,RECEIVE_FACTORY,,,,M,L1,100,KGM,I1,1,,
            4,2026-04-01,ISSUE_PROD,,,,M,L0,100,KGM,,,P,
            5,2026-04-01,ISSUE_PROD,,,,M,L1,50,KGM,,,P,
            6,2026-04-02,TRANSFORM,r1,in,,M,L0,100,KGM,,,,
            7,2026-04-02,TRANSFORM,r1,in,,M,L1,50,KGM,,,,
            8,2026-04-02,TRANSFORM,r1,out,product,P,P1,150,C62,,,,
            9,2026-06-02,EXPORT_LOAD,,,,P,P1,150,C62,E1,1,,
            """, allocation=policy)
        return settle(told)

    ranked = settled("LOW_TO_HIGH")
    assert {r.import_line: (r.quantity_micro, r.duty_freed) for r in ranked.exemption} == {
        "opening": (100_000_000, None), "I1/1": (50_000_000, 50)}
    assert ranked.missing == ["duty on opening stock of M: LOW_TO_HIGH cannot rank it, takes it first and frees nothing for it"]
    assert settled("FIFO").missing == settled("LOW_TO_HIGH_BLANKET").missing == []


def test_least_duty__of_a_line_free_of_duty__is_nothing(tmp_path: Path) -> None:
    """Of 100 @ 1.00 and 100 free of duty, 30 are missing from the store: at least nothing, at most 30."""
    told = book(tmp_path / "b", """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,1000,USD,10
        I2,1,import,E31,2026-02-05,2026-02-05,,M,100,KGM,1000,USD,0
        """, "P,M,1,C62,KGM,,,,", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,L1,100,KGM,I1,1,,
        2,2026-02-06,RECEIVE_FACTORY,,,,M,L2,100,KGM,I2,1,,
        """)
    assert duty_range(Facts(told), "M", 30_000_000) == ("0", "30", "15")


@pytest.mark.parametrize(("policy", "told"), [("LOW_TO_HIGH", True), ("FIFO", False)])
def test_low_to_high__two_currencies_without_a_rate__the_line_that_cannot_be_compared_is_named(
        tmp_path: Path, policy: str, told: bool) -> None:
    settled = settle(book(tmp_path / "b", """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,1000,VND,10
        I2,1,import,E31,2026-02-05,2026-02-05,,M,100,KGM,1500,USD,10
        E1,1,export,E62,2026-06-01,2026-06-01,2026-06-03,P,150,C62,9000,USD,
        """, "P,M,1,C62,KGM,,,,", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,L1,100,KGM,I1,1,,
        2,2026-02-06,RECEIVE_FACTORY,,,,M,L2,100,KGM,I2,1,,
        4,2026-04-01,ISSUE_PROD,,,,M,L1,100,KGM,,,P,
        5,2026-04-01,ISSUE_PROD,,,,M,L2,50,KGM,,,P,
        6,2026-04-02,TRANSFORM,r1,in,,M,L1,100,KGM,,,,
        7,2026-04-02,TRANSFORM,r1,in,,M,L2,50,KGM,,,,
        8,2026-04-02,TRANSFORM,r1,out,product,P,P1,150,C62,,,,
        9,2026-06-02,EXPORT_LOAD,,,,P,P1,150,C62,E1,1,,
        """, allocation=policy))
    said = "duty on I2/1 of M (exchange rate): LOW_TO_HIGH cannot rank it, takes it first and may free too much by it"
    assert settled.missing == ([said] if told else [])


@pytest.mark.parametrize("policy", ["SPECIFIC", "FIFO"])
def test_transfer_in__on_a_line_of_its_own__is_exempt_on_that_line(tmp_path: Path, policy: str) -> None:
    told = book(tmp_path / "b", """
        T1,1,import,E23,2026-01-05,2026-01-05,,M,200,KGM,2000,USD,10
        E1,1,export,E52,2026-06-01,2026-06-01,2026-06-03,P,150,C62,9000,USD,
        """, "P,M,1,C62,KGM,,,,", """
        1,2026-01-06,TRANSFER,t,in,,M,L1,200,KGM,T1,1,,other
        2,2026-04-01,ISSUE_PROD,,,,M,L1,150,KGM,,,P,
        3,2026-04-02,TRANSFORM,r1,in,,M,L1,150,KGM,,,,
        4,2026-04-02,TRANSFORM,r1,out,product,P,P1,150,C62,,,,
        5,2026-06-02,EXPORT_LOAD,,,,P,P1,150,C62,E1,1,,
        """, allocation=policy, regime="GC")
    assert freed(settle(told)) == {("M", "T1/1"): "150 150"}


# -- yield bases -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("basis", BASES)
def test_rework__under_every_basis__material_is_counted_once(tmp_path: Path, basis: str) -> None:
    """Of 1,000 bodies 80 are taken apart and made again before they go into 1,000 products, two kilograms each."""
    told = book(tmp_path / "b", """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,3000,KGM,3000000,VND,10
        E1,1,export,E62,2026-06-01,2026-06-01,2026-06-03,P,1000,C62,9000000,VND,
        """, "P,S,1,C62,C62,,,,\nS,M,2,C62,KGM,,,,\nS,S,0.074,C62,C62,SPTN,,,", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,MA,3000,KGM,I1,1,,
        2,2026-02-01,ISSUE_PROD,,,,M,MA,2000,KGM,,,P,
        3,2026-02-02,TRANSFORM,r1,in,,M,MA,2000,KGM,,,,
        4,2026-02-02,TRANSFORM,r1,out,semi,S,S1,920,C62,,,,
        5,2026-02-02,TRANSFORM,r1,out,semi,S,SR,80,C62,,,,
        6,2026-02-03,ISSUE_PROD,,,,S,SR,80,C62,,,S,
        7,2026-02-03,TRANSFORM,r2,in,,S,SR,80,C62,,,,
        8,2026-02-03,TRANSFORM,r2,out,semi,S,S2,80,C62,,,,
        9,2026-02-04,ISSUE_PROD,,,,S,S1,920,C62,,,P,
        10,2026-02-04,ISSUE_PROD,,,,S,S2,80,C62,,,P,
        11,2026-02-05,TRANSFORM,r3,in,,S,S1,920,C62,,,,
        12,2026-02-05,TRANSFORM,r3,in,,S,S2,80,C62,,,,
        13,2026-02-05,TRANSFORM,r3,out,product,P,P1,1000,C62,,,,
        14,2026-06-02,EXPORT_LOAD,,,,P,P1,1000,C62,E1,1,,
        """, yield_basis=basis)
    assert freed(settle(told)) == {("M", "I1/1"): "2000 200000"}


def test_china__loss_rate_changes_in_the_year__each_run_by_its_own_and_nothing_is_found(tmp_path: Path) -> None:
    """0.9 net with 10 % loss is 1.0, with 25 % loss 1.2: 500 of each take 500 and 600."""
    told = book(tmp_path / "b", """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,1100,KGM,1100000,VND,10
        E1,1,export,E62,2026-10-01,2026-10-01,2026-10-03,P,1000,C62,9000000,VND,
        """, "P,M,0.9,C62,KGM,,2026-01-01,2026-06-30,0.1\nP,M,0.9,C62,KGM,,2026-07-01,,0.25", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,MA,1100,KGM,I1,1,,
        2,2026-02-01,ISSUE_PROD,,,,M,MA,500,KGM,,,P,
        3,2026-02-02,TRANSFORM,r1,in,,M,MA,500,KGM,,,,
        4,2026-02-02,TRANSFORM,r1,out,product,P,P1,500,C62,,,,
        5,2026-08-01,ISSUE_PROD,,,,M,MA,600,KGM,,,P,
        6,2026-08-02,TRANSFORM,r2,in,,M,MA,600,KGM,,,,
        7,2026-08-02,TRANSFORM,r2,out,product,P,P2,500,C62,,,,
        8,2026-10-02,EXPORT_LOAD,,,,P,P1,500,C62,E1,1,,
        9,2026-10-02,EXPORT_LOAD,,,,P,P2,500,C62,E1,1,,
        """, yield_basis="CN_NET_LOSS")
    assert freed(settle(told)) == {("M", "I1/1"): "1100 110000"}
    assert check(told) == []


def joint(folder: Path, rates: str) -> Settlement:
    """1,000 kg make X 600 kg worth 3,000 USD and Y 400 kg worth 25,000,000 VND."""
    return settle(book(folder, """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,1000,KGM,1000,USD,10
        E1,1,export,E62,2026-10-01,2026-10-01,2026-10-03,X,600,KGM,3000,USD,
        E1,2,export,E62,2026-10-01,2026-10-01,2026-10-03,Y,400,KGM,25000000,VND,
        """, "X,M,1,KGM,KGM,,,,\nY,M,1,KGM,KGM,,,,", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,MA,1000,KGM,I1,1,,
        2,2026-02-01,ISSUE_PROD,,,,M,MA,1000,KGM,,,X,
        3,2026-02-02,TRANSFORM,r1,in,,M,MA,1000,KGM,,,,
        4,2026-02-02,TRANSFORM,r1,out,product,X,X1,600,KGM,,,,
        5,2026-02-02,TRANSFORM,r1,out,co-product,Y,Y1,400,KGM,,,,
        6,2026-10-02,EXPORT_LOAD,,,,X,X1,600,KGM,E1,1,,
        7,2026-10-02,EXPORT_LOAD,,,,Y,Y1,400,KGM,E1,2,,
        """, rates, yield_basis="US_RELATIVE_VALUE"))


def test_relative_value__in_two_currencies__is_compared_in_one_or_not_at_all(tmp_path: Path) -> None:
    (row,) = joint(tmp_path / "a", "USD,25000").to_json()["exemption"]
    assert row["export_lines"] == [{"line": "E1/1", "quantity": "750"}, {"line": "E1/2", "quantity": "250"}]
    without = joint(tmp_path / "b", "")
    assert without.exemption == []
    assert "USD" in without.missing[0]


# -- duty on what is unexplained -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "of_it"), [("SPECIFIC", "500"), ("FIFO", "0"), ("LIFO", "1000"), ("LOW_TO_HIGH", "0")])
def test_unexplained__of_lines_with_and_without_duty__nought_per_cent_is_a_rate(
        tmp_path: Path, policy: str, of_it: str) -> None:
    """100 kg came at 0 % and 100 kg at 10 % of 100 VND a kilogram: on 100 kg lost there are 0 to 1,000 VND."""
    told = book(tmp_path / "b", """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,10000,VND,0
        I2,1,import,E31,2026-02-05,2026-02-05,,M,100,KGM,10000,VND,10
        E1,1,export,E62,2026-06-01,2026-06-01,2026-06-03,P,100,C62,9000000,VND,
        """, "P,M,1,C62,KGM,,,,", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,L1,100,KGM,I1,1,,
        2,2026-02-06,RECEIVE_FACTORY,,,,M,L2,100,KGM,I2,1,,
        3,2026-04-01,ISSUE_PROD,,,,M,L1,100,KGM,,,P,
        4,2026-04-01,ISSUE_PROD,,,,M,L2,100,KGM,,,P,
        5,2026-04-02,TRANSFORM,r1,in,,M,L1,100,KGM,,,,
        6,2026-04-02,TRANSFORM,r1,in,,M,L2,100,KGM,,,,
        7,2026-04-02,TRANSFORM,r1,out,product,P,P1,100,C62,,,,
        8,2026-06-02,EXPORT_LOAD,,,,P,P1,100,C62,E1,1,,
        """, allocation=policy)
    (found,) = [f for f in check(told) if f.rule == "B6"]
    assert (found.difference, found.duty_at_risk) == ("-100", of_it)
    assert "between 0 VND and 1,000 VND" in found.explanation


# -- tanks -----------------------------------------------------------------------------------------------------------


def tank(folder: Path, policy: str, more: str = "") -> BookData:
    """60 imported and 40 domestic, 50 drawn: 30 of it imported. 50 imported added, 25 drawn: 20 (7.5 of the first line)."""
    return book(folder, """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,60,LTR,600,USD,10
        I2,1,import,E31,2026-02-05,2026-02-05,,M,50,LTR,500,USD,10
        E1,1,export,E62,2026-04-01,2026-04-01,2026-04-03,P,50,LTR,9000,USD,
        E2,1,export,E62,2026-06-01,2026-06-01,2026-06-03,P,25,LTR,9000,USD,
        A1,1,import,A42,2026-02-09,2026-02-09,,M,25,LTR,9000,USD,10
        """, "P,M,1,LTR,LTR,,,,", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,A,60,LTR,I1,1,,
        2,2026-01-06,RECEIVE_DOMESTIC,,,,M,B,40,LTR,,,,
        3,2026-01-07,MERGE,m1,in,,M,A,60,LTR,,,,
        4,2026-01-07,MERGE,m1,in,,M,B,40,LTR,,,,
        5,2026-01-07,MERGE,m1,out,,M,TANK-1,100,LTR,,,,
        6,2026-01-08,ISSUE_PROD,,,,M,TANK-1,50,LTR,,,P,
        7,2026-01-09,TRANSFORM,r1,in,,M,TANK-1,50,LTR,,,,
        8,2026-01-09,TRANSFORM,r1,out,product,P,P1,50,LTR,,,,
        9,2026-02-06,RECEIVE_FACTORY,,,,M,C,50,LTR,I2,1,,
        10,2026-02-07,MERGE,m2,in,,M,TANK-1,50,LTR,,,,
        11,2026-02-07,MERGE,m2,in,,M,C,50,LTR,,,,
        12,2026-02-07,MERGE,m2,out,,M,TANK-2,100,LTR,,,,
        13,2026-02-08,ISSUE_PROD,,,,M,TANK-2,25,LTR,,,P,
        14,2026-02-09,TRANSFORM,r2,in,,M,TANK-2,25,LTR,,,,
        15,2026-02-09,TRANSFORM,r2,out,product,P,P2,25,LTR,,,,
        16,2026-04-02,EXPORT_LOAD,,,,P,P1,50,LTR,E1,1,,
        17,2026-06-02,EXPORT_LOAD,,,,P,P2,25,LTR,E2,1,,
        """ + more, allocation=policy)


def test_tank__of_imported_and_domestic__each_draw_is_exempt_for_its_imported_part(tmp_path: Path) -> None:
    assert by_export(settle(tank(tmp_path / "b", "SPECIFIC"))) == {
        ("I1/1", "E1/1"): "30", ("I1/1", "E2/1"): "7.5", ("I2/1", "E2/1"): "12.5"}


@pytest.mark.parametrize("policy", ["SPECIFIC", "FIFO", "LIFO", "AVERAGE", "LOW_TO_HIGH", "VN_EXPORT_RATIO"])
def test_tank__of_imported_and_domestic__frees_50_of_75_and_60_and_15_are_left(tmp_path: Path, policy: str) -> None:
    settled = settle(tank(tmp_path / "b", policy))
    assert [m["exempt"] for m in settled.to_json()["materials"]] == ["50"]
    assert sum(row.quantity_micro for row in settled.exemption) == 50_000_000
    assert {r["source"]: (r["issued"], r["closing"]) for r in settled.to_json()["form15"]} == {
        "imported": ("50", "60"), "domestic": ("25", "15")}


def test_tank__sold_inland__uses_up_receipts_of_its_imported_part_alone(tmp_path: Path) -> None:
    """Of the last tank, 60 imported and 15 domestic, 25 are sold, 20 of it imported. FIFO has 40 of I1 left for 50."""
    told = tank(tmp_path / "b", "FIFO", """
        18,2026-02-10,SELL_INLAND,,,,M,TANK-2,25,LTR,A1,1,,""")
    assert by_export(settle(told)) == {
        ("I1/1", "E1/1"): "33.333333", ("I1/1", "E2/1"): "6.666667", ("I2/1", "E2/1"): "10"}


# -- substitutes -----------------------------------------------------------------------------------------------------


def replaced(folder: Path, groups: str, *, of_second: str = "80", co_product: bool = False) -> BookData:
    """100 P need a kilogram of M1 each: 60 kg of M1 are taken, and of M2, half as good, the rest."""
    more = """
        7a,2026-01-09,TRANSFORM,r1,out,co-product,C,C1,100,C62,,,,
        5a,2026-01-09,TRANSFORM,r1,in,,D,D1,100,C62,,,,
        3a,2026-01-08,ISSUE_PROD,,,,D,D1,100,C62,,,P,
        2a,2026-01-06,RECEIVE_DOMESTIC,,,,D,D1,100,C62,,,,""" if co_product else ""
    return book(folder, """
        I1,1,import,E31,2026-01-05,2026-01-05,,M1,60,KGM,600,USD,10
        I2,1,import,E31,2026-01-05,2026-01-05,,M2,100,KGM,500,USD,10
        E1,1,export,E62,2026-04-01,2026-04-01,2026-04-03,P,100,C62,9000,USD,
        """, "P,M1,1,C62,KGM,,,," + ("\nC,D,1,C62,C62,X,,," if co_product else ""), f"""
        1,2026-01-06,RECEIVE_FACTORY,,,,M1,A,60,KGM,I1,1,,
        2,2026-01-06,RECEIVE_FACTORY,,,,M2,B,100,KGM,I2,1,,
        3,2026-01-08,ISSUE_PROD,,,,M1,A,60,KGM,,,P,
        4,2026-01-08,ISSUE_PROD,,,,M2,B,{of_second},KGM,,,P,
        5,2026-01-09,TRANSFORM,r1,in,,M1,A,60,KGM,,,,
        6,2026-01-09,TRANSFORM,r1,in,,M2,B,{of_second},KGM,,,,
        7,2026-01-09,TRANSFORM,r1,out,product,P,P1,100,C62,,,,
        8,2026-04-02,EXPORT_LOAD,,,,P,P1,100,C62,E1,1,,{more}
        """, groups=groups)


GROUP = "G,M1,1,,\nG,M2,0.5,,"


@pytest.mark.parametrize("co_product", [False, True])
def test_substitute__of_a_registered_group__is_exempt_and_nobody_is_accused(tmp_path: Path, co_product: bool) -> None:
    told = replaced(tmp_path / "b", GROUP, co_product=co_product)
    assert check(told) == []
    assert freed(settle(told)) == {("M1", "I1/1"): "60 60", ("M2", "I2/1"): "80 40"}
    assert {r["material"]: r["norm"] for r in settle(told).to_json()["form16"]
            if r["product"] == "P"} == {"M1": "0.6", "M2": "0.8"}


def test_substitute__more_than_the_norm_gives_the_group__residual_falls_on_the_mix(tmp_path: Path) -> None:
    """60 + 100 / 2 does the work of 110 where 100 were needed: norms are 60/110 and 100/110, each exceeded by a tenth."""
    told = replaced(tmp_path / "b", GROUP, of_second="100")
    found = {f.subject_id: (f.expected, f.observed) for f in check(told) if f.rule == "N1"}
    assert found == {"M1": ("54.545455", "60"), "M2": ("90.909091", "100")}


@pytest.mark.parametrize("groups", ["", "G,M1,1,,\nG,M2,0.5,2026-02-01,", "G,M1,1,,\nH,M2,0.5,,"])
def test_substitute__of_no_group_at_that_date__is_found(tmp_path: Path, groups: str) -> None:
    told = replaced(tmp_path / "b", groups)
    assert {"P6", "N1", "B6"} <= {f.rule for f in check(told)}
    assert ("M2", "I2/1") not in freed(settle(told))


# -- semi-finished goods of the opening ------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "of_line", "of_opening"), [("SPECIFIC", "80 800", "40 None"), ("FIFO", "100 1000", "20 None")])
def test_semi_finished_stock__of_the_opening__frees_no_duty_on_lines_of_this_period(
        tmp_path: Path, policy: str, of_line: str, of_opening: str) -> None:
    """60 P hold 120 kg: 40 bodies made this year of 80 kg, 20 that were there hold the rest. FIFO has 100 kg to name."""
    told = book(tmp_path / "b", """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,10000,VND,10
        E1,1,export,E62,2026-04-11,2026-04-11,2026-04-13,P,60,C62,9000,VND,
        """, "P,S,1,C62,C62,,,,\nS,M,2,C62,KGM,,,,", """
        0,2026-01-01,OPENING,,,material,S,S0,20,C62,,,,
        1,2026-01-06,RECEIVE_FACTORY,,,,M,A,100,KGM,I1,1,,
        2,2026-04-08,ISSUE_PROD,,,,M,A,80,KGM,,,S,
        3,2026-04-08,TRANSFORM,r0,in,,M,A,80,KGM,,,,
        4,2026-04-08,TRANSFORM,r0,out,semi,S,S1,40,C62,,,,
        5,2026-04-09,ISSUE_PROD,,,,S,S0,20,C62,,,P,
        6,2026-04-09,ISSUE_PROD,,,,S,S1,40,C62,,,P,
        7,2026-04-09,TRANSFORM,r1,in,,S,S0,20,C62,,,,
        8,2026-04-09,TRANSFORM,r1,in,,S,S1,40,C62,,,,
        9,2026-04-09,TRANSFORM,r1,out,product,P,P1,60,C62,,,,
        10,2026-04-12,EXPORT_LOAD,,,,P,P1,60,C62,E1,1,,
        """, allocation=policy)
    assert freed(settle(told)) == {("M", "I1/1"): of_line, ("M", "opening"): of_opening}


def test_semi_finished_stock__of_the_opening_alone__holds_what_its_norm_says(tmp_path: Path) -> None:
    """20 bodies that were there, two kilograms each, go into 20 P; nobody makes bodies in the year."""
    told = book(tmp_path / "b", """
        E1,1,export,E62,2026-04-11,2026-04-11,2026-04-13,P,20,C62,9000,VND,
        """, "P,S,1,C62,C62,,,,\nS,M,2,C62,KGM,,,,", """
        0,2026-01-01,OPENING,,,material,S,S0,20,C62,,,,
        1,2026-01-01,OPENING,,,material,M,M0,10,KGM,,,,
        5,2026-04-09,ISSUE_PROD,,,,S,S0,20,C62,,,P,
        7,2026-04-09,TRANSFORM,r1,in,,S,S0,20,C62,,,,
        9,2026-04-09,TRANSFORM,r1,out,product,P,P1,20,C62,,,,
        10,2026-04-12,EXPORT_LOAD,,,,P,P1,20,C62,E1,1,,
        """)
    assert check(told) == []
    assert freed(settle(told)) == {("M", "opening"): "40 None"}
    assert [(r["material"], r["norm_ledger"]) for r in settle(told).to_json()["form16"]] == [("M", "2")]


# -- lots that are joined while a part of them is elsewhere ----------------------------------------------------------


def test_merge__of_a_lot_partly_in_production__what_is_on_the_line_stays_under_its_number(tmp_path: Path) -> None:
    """Of 100 kg 40 are on the line when the other 60 are joined with 50 of another line; 40 make P1, 110 make P2."""
    told = book(tmp_path / "b", """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,1000,USD,10
        I2,1,import,E31,2026-01-05,2026-01-05,,M,50,KGM,1000,USD,10
        E1,1,export,E62,2026-04-01,2026-04-01,2026-04-03,P,40,C62,9000,USD,
        E2,1,export,E62,2026-06-01,2026-06-01,2026-06-03,P,110,C62,9000,USD,
        """, "P,M,1,C62,KGM,,,,", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,A,100,KGM,I1,1,,
        2,2026-01-06,RECEIVE_FACTORY,,,,M,B,50,KGM,I2,1,,
        3,2026-01-07,ISSUE_PROD,,,,M,A,40,KGM,,,P,
        4,2026-01-08,MERGE,m1,in,,M,A,60,KGM,,,,
        5,2026-01-08,MERGE,m1,in,,M,B,50,KGM,,,,
        6,2026-01-08,MERGE,m1,out,,M,C,110,KGM,,,,
        7,2026-01-09,TRANSFORM,r1,in,,M,A,40,KGM,,,,
        8,2026-01-09,TRANSFORM,r1,out,product,P,P1,40,C62,,,,
        9,2026-01-10,ISSUE_PROD,,,,M,C,110,KGM,,,P,
        10,2026-01-11,TRANSFORM,r2,in,,M,C,110,KGM,,,,
        11,2026-01-11,TRANSFORM,r2,out,product,P,P2,110,C62,,,,
        12,2026-04-02,EXPORT_LOAD,,,,P,P1,40,C62,E1,1,,
        13,2026-06-02,EXPORT_LOAD,,,,P,P2,110,C62,E2,1,,
        """)
    assert check(told) == []
    assert [e for e in told.events if e.outcome.refused] == []
    assert by_export(settle(told)) == {("I1/1", "E1/1"): "40", ("I1/1", "E2/1"): "60", ("I2/1", "E2/1"): "50"}


def test_merge__of_a_lot_partly_loaded__what_is_loaded_leaves_under_its_number(tmp_path: Path) -> None:
    """Of P1, 100 pieces, 40 are loaded; the other 60 are joined with P2, 50 pieces. Nobody took what was not there."""
    told = book(tmp_path / "b", """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,300,KGM,3000,USD,10
        E1,1,export,E62,2026-04-01,2026-04-01,2026-04-03,P,40,C62,9000,USD,
        E2,1,export,E62,2026-04-04,2026-04-04,2026-04-05,P,110,C62,9000,USD,
        """, "P,M,2,C62,KGM,,,,", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,A,300,KGM,I1,1,,
        2,2026-01-07,ISSUE_PROD,,,,M,A,300,KGM,,,P,
        3,2026-01-08,TRANSFORM,r1,in,,M,A,300,KGM,,,,
        4,2026-01-08,TRANSFORM,r1,out,product,P,P1,100,C62,,,,
        5,2026-01-08,TRANSFORM,r1,out,product,P,P2,50,C62,,,,
        6,2026-04-01,EXPORT_LOAD,,,,P,P1,40,C62,E1,1,,
        7,2026-04-02,MERGE,m1,in,,P,P1,60,C62,,,,
        8,2026-04-02,MERGE,m1,in,,P,P2,50,C62,,,,
        9,2026-04-02,MERGE,m1,out,,P,P3,110,C62,,,,
        10,2026-04-04,EXPORT_LOAD,,,,P,P3,110,C62,E2,1,,
        """)
    assert check(told) == []
    assert [(e.kind.name, leg.unit, leg.quantity_micro) for e in told.events if e.kind.name == "EXIT_CONFIRM"
            for leg in e.legs] == [("EXIT_CONFIRM", "e/P1", 40_000_000), ("EXIT_CONFIRM", "e/P3", 110_000_000)]


# -- goods that come back --------------------------------------------------------------------------------------------


def back(folder: Path, returned: str, *, again: bool = True, second: str = "RECEIVE_FACTORY,,,,M,B,100,KGM,I2,1,,",
         policy: str = "SPECIFIC") -> BookData:
    """P1 of I1 and P2 of I2, 50 pieces each of two kilograms, leave on E1; 20 come back and leave again on E2."""
    return book(folder, """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,1000,USD,10
        I2,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,1000,USD,20
        E1,1,export,E62,2026-04-01,2026-04-01,2026-04-03,P,100,C62,9000,USD,
        E2,1,export,E62,2026-06-01,2026-06-01,2026-06-03,P,20,C62,9000,USD,
        """, "P,M,2,C62,KGM,,,,", f"""
        1,2026-01-06,RECEIVE_FACTORY,,,,M,A,100,KGM,I1,1,,
        2,2026-01-06,{second}
        3,2026-01-07,ISSUE_PROD,,,,M,A,100,KGM,,,P,
        4,2026-01-07,ISSUE_PROD,,,,M,B,100,KGM,,,P,
        5,2026-01-08,TRANSFORM,r1,in,,M,A,100,KGM,,,,
        6,2026-01-08,TRANSFORM,r1,out,product,P,P1,50,C62,,,,
        7,2026-01-09,TRANSFORM,r2,in,,M,B,100,KGM,,,,
        8,2026-01-09,TRANSFORM,r2,out,product,P,P2,50,C62,,,,
        9,2026-04-02,EXPORT_LOAD,,,,P,P1,50,C62,E1,1,,
        10,2026-04-02,EXPORT_LOAD,,,,P,P2,50,C62,E1,1,,
        11,2026-05-02,FG_RETURN,,,,P,{returned},20,C62,E1,1,,""" + (f"""
        12,2026-06-02,EXPORT_LOAD,,,,P,{returned},20,C62,E2,1,,""" if again else ""), allocation=policy)


@pytest.mark.parametrize(("returned", "expected"), [
    ("R", {("I1/1", "E1/1"): "80", ("I2/1", "E1/1"): "80", ("I1/1", "E2/1"): "20", ("I2/1", "E2/1"): "20"}),
    ("P2", {("I1/1", "E1/1"): "100", ("I2/1", "E1/1"): "60", ("I2/1", "E2/1"): "40"}),
])
def test_goods_that_came_back__and_left_again__hold_what_they_held_when_they_left(
        tmp_path: Path, returned: str, expected: dict[tuple[str, str], str]) -> None:
    """A return that names a lot of the line brings back what that lot held, else a part of all that left."""
    told = back(tmp_path / "b", returned)
    assert by_export(settle(told)) == expected
    assert freed(settle(told)) == {("M", "I1/1"): "100 100", ("M", "I2/1"): "100 200"}


@pytest.mark.parametrize(("returned", "expected"), [
    ("R", {("I1/1", "E1/1"): "80", ("I2/1", "E1/1"): "80"}),
    ("P2", {("I1/1", "E1/1"): "100", ("I2/1", "E1/1"): "60"}),
    ("P1", {("I1/1", "E1/1"): "60", ("I2/1", "E1/1"): "100"}),
])
def test_goods_that_came_back__are_off_the_lines_that_they_were_made_of(
        tmp_path: Path, returned: str, expected: dict[tuple[str, str], str]) -> None:
    assert by_export(settle(back(tmp_path / "b", returned, again=False))) == expected


@pytest.mark.parametrize(("returned", "expected"), [
    ("R", {("I1/1", "E1/1"): "80", ("I1/1", "E2/1"): "20"}),
    ("P2", {("I1/1", "E1/1"): "100"}),
    ("P1", {("I1/1", "E1/1"): "60", ("I1/1", "E2/1"): "40"}),
])
def test_goods_that_came_back__made_of_domestic_material__free_no_duty_when_they_leave_again(
        tmp_path: Path, returned: str, expected: dict[tuple[str, str], str]) -> None:
    told = back(tmp_path / "b", returned, second="RECEIVE_DOMESTIC,,,,M,B,100,KGM,,,,")
    assert by_export(settle(told)) == expected


@pytest.mark.parametrize(("returned", "line", "expected"), [
    ("R", "R1,1", {("I1/1", "E1/1"): "80", ("I2/1", "E1/1"): "80"}),  # the re-import says what it changes
    ("P2", "R1,1", {("I1/1", "E1/1"): "100", ("I2/1", "E1/1"): "60"}),
    ("P2", "R2,1", {("I1/1", "E1/1"): "100", ("I2/1", "E1/1"): "60"}),  # it does not: that lot left on one line alone
    ("R", ",", {("I1/1", "E1/1"): "80", ("I2/1", "E1/1"): "80"}),  # and so did the product
])
def test_goods_that_came_back__on_a_line_of_re_import_or_none__are_off_the_export_line(
        tmp_path: Path, returned: str, line: str, expected: dict[tuple[str, str], str]) -> None:
    back(tmp_path / "b", returned, again=False)
    for name, old, new in (("movements", f"{returned},20,C62,E1,1", f"{returned},20,C62,{line}"),
                           ("declarations", "duty_rate\n", "duty_rate,original_declaration,original_line\n")):
        table = tmp_path / "b" / f"{name}.csv"
        table.write_text(table.read_text().replace(old, new) + ("" if name == "movements" else
                         "R1,1,import,A31,2026-05-01,2026-05-01,,P,20,C62,9000,USD,0,E1,1\n"
                         "R2,1,import,A31,2026-05-01,2026-05-01,,P,20,C62,9000,USD,0,,\n"))
    assert by_export(settle(read_book(tmp_path / "b").book)) == expected


@pytest.mark.parametrize(("returned", "first", "second"), [("R", 20, 20), ("P2", 0, 40)])
def test_goods_that_came_back__and_were_sold_inland__are_released_from_the_lines_that_they_are_of(
        tmp_path: Path, returned: str, first: int, second: int) -> None:
    """In the bill of discharge: an import line's parts add up to it, with nothing that nobody accounts for."""
    back(tmp_path / "b", returned, again=False)
    for name, row in (("declarations", "A1,1,import,A42,2026-06-01,2026-06-01,,P,20,C62,9000,USD,20"),
                      ("movements", f"12,2026-06-02,SELL_INLAND,,,,P,{returned},20,C62,A1,1,,")):
        with (tmp_path / "b" / f"{name}.csv").open("a") as table:
            table.write(row + "\n")
    facts = Facts(read_book(tmp_path / "b").book)
    outcomes, faults = line_outcomes(facts, exemption(facts))
    assert faults == []
    assert {x.line: (x.in_products, x.other, x.remaining) for x in outcomes} == {
        "I1/1": ((100 - first) * 10**6, {"released": first * 10**6} if first else {}, 0),
        "I2/1": ((100 - second) * 10**6, {"released": second * 10**6}, 0)}


def test_goods_that_came_back_twice__hold_the_same_all_the_time(tmp_path: Path) -> None:
    """What left again on the line that it came back from, and came back again, is still of I1 and I2 by halves."""
    told = back(tmp_path / "b", "R", again=False)
    events = (tmp_path / "b" / "movements.csv").read_text()
    (tmp_path / "b" / "movements.csv").write_text(events + dedent("""\
        12,2026-06-02,EXPORT_LOAD,,,,P,R,20,C62,E1,1,,
        13,2026-06-03,EXIT_CONFIRM,,,,P,R,20,C62,E1,1,,
        14,2026-07-02,FG_RETURN,,,,P,R2,50,C62,E1,1,,
        15,2026-08-02,EXPORT_LOAD,,,,P,R2,10,C62,E2,1,,
        0,2026-04-03,EXIT_CONFIRM,,,,P,P1,50,C62,E1,1,,
        00,2026-04-03,EXIT_CONFIRM,,,,P,P2,50,C62,E1,1,,
        16,2026-08-03,EXIT_CONFIRM,,,,P,R2,10,C62,E2,1,,
        """))
    told = read_book(tmp_path / "b").book
    assert by_export(settle(told)) == {("I1/1", "E1/1"): "50", ("I2/1", "E1/1"): "50",
                                       ("I1/1", "E2/1"): "10", ("I2/1", "E2/1"): "10"}


# -- one export line in two periods -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "last", "expected"), [
    ("2026-01-01", "2026-06-30", {("I1/1", "E1/1"): "60"}),
    ("2026-07-01", "2026-12-31", {("I2/1", "E1/1"): "40"}),
])
def test_line__that_left_in_two_periods__is_made_in_each_of_what_left_in_it(
        tmp_path: Path, first: str, last: str, expected: dict[tuple[str, str], str]) -> None:
    """60 P of I1 leave in May and 40 of I2 in July: over both periods no line frees more than was used of it."""
    told = book(tmp_path / "b", """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,60,KGM,1000,USD,10
        I2,1,import,E31,2026-01-05,2026-01-05,,M,40,KGM,1000,USD,20
        E1,1,export,E62,2026-04-01,2026-04-01,,P,100,C62,9000,USD,
        """, "P,M,1,C62,KGM,,,,", """
        1,2026-01-06,RECEIVE_FACTORY,,,,M,A,60,KGM,I1,1,,
        2,2026-01-06,RECEIVE_FACTORY,,,,M,B,40,KGM,I2,1,,
        3,2026-01-07,ISSUE_PROD,,,,M,A,60,KGM,,,P,
        4,2026-01-07,ISSUE_PROD,,,,M,B,40,KGM,,,P,
        5,2026-01-08,TRANSFORM,r1,in,,M,A,60,KGM,,,,
        6,2026-01-08,TRANSFORM,r1,out,product,P,P1,60,C62,,,,
        7,2026-01-09,TRANSFORM,r2,in,,M,B,40,KGM,,,,
        8,2026-01-09,TRANSFORM,r2,out,product,P,P2,40,C62,,,,
        9,2026-05-02,EXPORT_LOAD,,,,P,P1,60,C62,E1,1,,
        10,2026-05-03,EXIT_CONFIRM,,,,P,P1,60,C62,E1,1,,
        11,2026-07-02,EXPORT_LOAD,,,,P,P2,40,C62,E1,1,,
        12,2026-07-03,EXIT_CONFIRM,,,,P,P2,40,C62,E1,1,,
        """)
    period = Span(parse_span(first, "+07:00").start_ms, parse_span(last, "+07:00").end_ms)
    assert by_export(settle(replace(told, period=period))) == expected


# -- opening stock beside goods of the period ------------------------------------------------------------------------


def test_opening_stock__beside_goods_of_domestic_and_imported_lots__takes_nothing_from_the_import_line(
        tmp_path: Path) -> None:
    """E1: 50 of the opening, 50 made of I1. Half of what was issued is domestic, so of the opening's 100 kg half is."""
    told = book(tmp_path / "b", """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,1000,USD,10
        E1,1,export,E62,2026-04-01,2026-04-01,2026-04-03,P,100,C62,9000,USD,
        """, "P,M,2,C62,KGM,,,,", """
        0,2026-01-01,OPENING,,,product,P,P0,50,C62,,,,
        1,2026-01-06,RECEIVE_FACTORY,,,,M,A,100,KGM,I1,1,,
        2,2026-01-06,RECEIVE_DOMESTIC,,,,M,B,100,KGM,,,,
        3,2026-01-07,ISSUE_PROD,,,,M,A,100,KGM,,,P,
        4,2026-01-07,ISSUE_PROD,,,,M,B,100,KGM,,,P,
        5,2026-01-08,TRANSFORM,r1,in,,M,A,100,KGM,,,,
        6,2026-01-08,TRANSFORM,r1,out,product,P,P1,50,C62,,,,
        7,2026-01-09,TRANSFORM,r2,in,,M,B,100,KGM,,,,
        8,2026-01-09,TRANSFORM,r2,out,product,P,P2,50,C62,,,,
        9,2026-04-02,EXPORT_LOAD,,,,P,P0,50,C62,E1,1,,
        10,2026-04-02,EXPORT_LOAD,,,,P,P1,50,C62,E1,1,,
        """)
    assert freed(settle(told)) == {("M", "I1/1"): "100 100", ("M", "opening"): "50 None"}


def test_opening_products__of_a_material_that_the_book_has_no_lot_of__hold_it_as_the_norm_says(tmp_path: Path) -> None:
    """A blank flag in column 9 of form 16 stands for imported, X for bought inland."""
    told = book(tmp_path / "b", """
        E1,1,export,E62,2026-04-01,2026-04-01,2026-04-03,P,50,C62,9000,USD,
        """, "P,M,2,C62,KGM,,,,\nP,N,3,C62,KGM,X,,,", """
        0,2026-01-01,OPENING,,,product,P,P0,50,C62,,,,
        1,2026-04-02,EXPORT_LOAD,,,,P,P0,50,C62,E1,1,,
        """)
    assert freed(settle(told)) == {("M", "opening"): "100 None"}


# -- form 15a ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("as_of", "exported", "other"), [("2026-06-30", "0", "100"), ("2026-07-31", "100", "0")])
def test_loaded__before_its_declaration_was_registered__stands_in_9_until_then(
        tmp_path: Path, as_of: str, exported: str, other: str) -> None:
    told = book(tmp_path / "b", """
        E1,1,export,E62,2026-07-05,2026-07-05,,P,100,C62,9000,USD,
        """, "P,M,2,C62,KGM,,,,", """
        0,2026-01-01,OPENING,,,product,P,P0,100,C62,,,,
        1,2026-06-21,EXPORT_LOAD,,,,P,P0,100,C62,E1,1,,
        """, as_of=as_of)
    (row,) = settle(told).to_json()["form15a"]
    assert (row["exported"], row["other_issue"], row["closing"]) == (exported, other, "0")


@pytest.mark.parametrize(("registered", "line", "exported", "other"), [
    ("2026-12-20", "E1,1", "60", "0"),
    ("2027-01-05", "E1,1", "0", "60"),
    ("2026-12-20", ",", "0", "60"),
])
def test_unloaded__what_stood_in_another_column__comes_off_that_column(
        tmp_path: Path, registered: str, line: str, exported: str, other: str) -> None:
    """100 loaded, 40 taken off again: in (8), or in (9) where the declaration was not registered or there is none."""
    told = book(tmp_path / "b", f"""
        E1,1,export,E62,{registered},{registered},,P,60,C62,9000,USD,
        """, "P,M,2,C62,KGM,,,,", f"""
        0,2026-01-01,OPENING,,,product,P,P0,100,C62,,,,
        1,2026-12-21,EXPORT_LOAD,,,,P,P0,100,C62,{line},,
        2,2026-12-22,UNLOAD,,,,P,P0,40,C62,{line},,
        """)
    (row,) = settle(told).to_json()["form15a"]
    assert (row["exported"], row["other_issue"], row["closing"]) == (exported, other, "40")


# -- what proves an export ---------------------------------------------------------------------------------------------


def one_export(folder: Path, more: str = "", description: str = "", pairs: str = "") -> BookData:
    """50 P of 100 kg loaded on E1, cleared on 7 February, with no exit in declarations."""
    told = book(folder, """
        I1,1,import,E31,2026-01-05,2026-01-05,,M,100,KGM,1000,USD,10
        E1,1,export,E62,2026-02-07,2026-02-07,,P,50,C62,9000,USD,
        """, "P,M,2,C62,KGM,,,,", f"""
        1,2026-01-06,RECEIVE_FACTORY,,,,M,A,100,KGM,I1,1,,
        2,2026-01-07,ISSUE_PROD,,,,M,A,100,KGM,,,P,
        3,2026-01-08,TRANSFORM,r1,in,,M,A,100,KGM,,,,
        4,2026-01-08,TRANSFORM,r1,out,product,P,P1,50,C62,,,,
        5,2026-02-08,EXPORT_LOAD,,,,P,P1,50,C62,E1,1,,{more}
        """)
    if not description:
        return told
    table = (folder / "declarations.csv").read_text().splitlines()
    (folder / "declarations.csv").write_text("\n".join(
        [table[0] + ",description", table[1] + ",cloth", table[2] + "," + description]) + "\n")
    (folder / "on_spot.csv").write_text(
        "declaration,line,import_declaration,import_line,registered,cleared,notified,delivered,quantity,uom\n" + pairs)
    return read_book(folder).book


def test_exit__confirmed_of_a_line__is_of_all_that_is_loaded_for_it(tmp_path: Path) -> None:
    told = one_export(tmp_path / "b", """
        6,2026-02-09,EXIT_CONFIRM,,,,,,,,E1,1,,""")
    assert freed(settle(told)) == {("M", "I1/1"): "100 100"}
    assert check(told) == []


@pytest.mark.parametrize(("description", "pairs", "expected"), [
    ("Caps #&XKTC", "E1,1,N1,1,2026-02-08,2026-02-09,2026-02-10,2026-02-08,50,C62", "100 100"),
    ("Caps #&XKTC", "E1,1,N1,1,2026-02-08,2026-02-09,2026-02-10,2026-02-08,20,C62", "40 40"),
    ("Caps #&XKTC", "E1,1,N1,1,2026-02-08,2026-02-09,2026-02-10,2026-02-08,,", "100 100"),
    ("Caps #&XKTC", "E1,1,N1,1,2026-02-08,2026-02-09,2026-02-10,2026-02-08,20,C62\n"
                    "E1,1,N2,1,2026-02-08,2027-01-09,2026-02-10,2026-02-08,30,C62", "40 40"),
    ("Caps #&XKTC", "E1,1,N1,1,2026-02-08,2026-02-09,2026-02-10,2026-02-08,20,C62\n"
                    "E1,1,N2,1,2026-02-08,2026-03-09,2026-02-10,2026-02-08,30,C62", "100 100"),
    ("Caps #&XKTC", "E1,1,N1,1,2026-02-08,,2026-02-10,2026-02-08,50,C62", ""),  # the import is not cleared
    ("Caps #&XKTC", "E1,1,N1,1,2026-02-08,2027-01-09,2026-02-10,2026-02-08,50,C62", ""),  # not in this period
    ("Caps", "E1,1,N1,1,2026-02-08,2026-02-09,2026-02-10,2026-02-08,50,C62", ""),  # no on-spot export
])
def test_on_spot__is_proven_when_both_declarations_are_cleared(
        tmp_path: Path, description: str, pairs: str, expected: str) -> None:
    """Goods that never leave the country: Art. 53 takes the two clearances for the exit."""
    told = one_export(tmp_path / "b", description=description, pairs=pairs)
    assert expected != "100 100" or check(told) == []
    assert freed(settle(told)) == ({("M", "I1/1"): expected} if expected else {})


@pytest.mark.parametrize(("cleared", "claim", "expected"), [
    ("2026-02-07", "", {("M", "I1/1"): "100 100"}), ("", "", {}), ("2027-01-07", "", {}), ("", "100", {})])
def test_exit__of_a_line_that_customs_never_cleared__is_no_proven_export(
        tmp_path: Path, cleared: str, claim: str, expected: dict[tuple[str, str], str]) -> None:
    """Both are needed: the clearance and the confirmation (Circular 38/2015 Art. 53). Who claims it is told."""
    one_export(tmp_path / "b", """
        6,2026-02-09,EXIT_CONFIRM,,,,P,P1,50,C62,E1,1,,""")
    table = (tmp_path / "b" / "declarations.csv").read_text()
    (tmp_path / "b" / "declarations.csv").write_text(
        table.replace("E62,2026-02-07,2026-02-07,", f"E62,2026-02-07,{cleared},"))
    told = read_book(tmp_path / "b").book
    if claim:
        told = replace(told, claims={"M": int(claim) * 10**6})
    assert freed(settle(told)) == expected
    assert {f.rule for f in check(told)} == ({"X4", "N6"} if claim else {"X4"} if not expected else set())
