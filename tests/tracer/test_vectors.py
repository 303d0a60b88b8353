"""The worked vectors of the domain reference."""

from __future__ import annotations

from fractions import Fraction

import pytest
from enterprise import NO_FLOOR, OFFSET, OWNER, PERIOD, Pen, q

from ledger.errors import InputError
from ledger.vocabulary import MICRO, Balance, Kind, LineRole, Origin
from tracer.allocation import Receipt, allocate, vn_export_ratio
from tracer.balance import accounts
from tracer.book import BookData, Count, Norm, Tolerances
from tracer.check import check
from tracer.moment import parse_span
from tracer.norms import Edge, base_needs, explode, legal_norm
from tracer.quantity import largest_remainder, micro, micro_text
from tracer.replay import replay
from tracer.rules import rule
from tracer.tolerance import form_tolerance, tol


def book_of(pen: Pen, **fields: object) -> BookData:
    return BookData("book", OWNER, PERIOD, PERIOD.end_ms, lots=tuple(pen.lots.values()),
                    lines=tuple(pen.lines.values()), events=tuple(pen.events), **fields)  # type: ignore[arg-type]


def test_form15__the_guide_s_figures__close_at_1450() -> None:
    pen = Pen()
    pen.lot("OPEN", "M", "KGM", Origin.IMPORTED)
    pen.write(Kind.OPENING, pen.leg("OPEN", q(1000), LineRole.IMPORTED, Balance.RAW))
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(9000), "KGM")
    pen.receive("IN", line, q(9000))
    pen.write(Kind.REEXPORT, pen.leg("IN", q(200)), line="RE/1")
    pen.write(Kind.REPURPOSE, pen.leg("IN", q(300), balance=Balance.RAW))
    pen.write(Kind.ISSUE_PROD, pen.leg("OPEN", q(1000)), pen.leg("IN", q(7000)))
    pen.write(Kind.ADJUST, pen.leg("IN", q(50), LineRole.INPUT, Balance.RAW))
    book = book_of(pen)
    row = accounts(book, replay(book).deltas).materials["M", "imported"]
    figures = [row[c] // MICRO for c in
               ("opening", "received", "re_exported", "repurposed", "issued", "other_issue", "closing")]
    assert figures == [1000, 9000, 200, 300, 8000, 50, 1450]


def test_norm__guide_s_formula__is_5() -> None:
    assert legal_norm(Fraction(8000), Fraction(100), Fraction(400), Fraction(1500)) == 5
    with pytest.raises(InputError):
        legal_norm(Fraction(8000), Fraction(100), Fraction(400), Fraction(0))


def test_bill_of_materials__scrap_in_the_middle__grosses_up_level_by_level() -> None:
    bill = {"P": [Edge("S", Fraction(2), Fraction(5, 100)), Edge("M1", Fraction(1))],
            "S": [Edge("M1", Fraction(3)), Edge("M2", Fraction(1, 2))]}
    need = explode(bill, "P")
    assert {k: round(v, 6) for k, v in need.items()} == {
        "S": round(Fraction(40, 19), 6), "M1": round(Fraction(139, 19), 6), "M2": round(Fraction(20, 19), 6)}
    assert [f"{float(need[k]):.6f}" for k in ("S", "M1", "M2")] == ["2.105263", "7.315789", "1.052632"]
    assert set(base_needs(bill, "P")) == {"M1", "M2"}


def test_bill_of_materials__a_code_that_needs_itself__names_the_circle() -> None:
    with pytest.raises(InputError, match="S, T"):
        explode({"P": [Edge("S", Fraction(1))], "S": [Edge("T", Fraction(1))], "T": [Edge("S", Fraction(1))]}, "P")


@pytest.mark.parametrize(("policy", "duty"), [
    ("FIFO", "175"), ("LIFO", "155"), ("LOW_TO_HIGH", "130"), ("AVERAGE", "165")])
def test_allocation__withdraw_150_of_three_receipts__frees_this_duty(policy: str, duty: str) -> None:
    rates = {"A": Fraction(1), "B": Fraction(3, 2), "C": Fraction(4, 5)}
    receipts = [Receipt(name, i, q(100), rate) for i, (name, rate) in enumerate(rates.items())]
    taken = allocate(policy, receipts, q(150))
    assert sum(taken.values()) == q(150)
    assert sum(quantity * rates[line] for line, quantity in taken.items()) == q(duty)


def test_allocation__specific_or_unknown__is_refused() -> None:
    for policy in ("SPECIFIC", "HIGH_TO_LOW"):
        with pytest.raises(InputError):
            allocate(policy, [], 1)


def test_export_ratio__700_imported_of_1000_issued__560_properly_used() -> None:
    assert vn_export_ratio(Fraction(700), Fraction(400), Fraction(500)) == 560


def test_tolerance__two_weighbridges__80_kg_and_uncertainty_binds() -> None:
    terms = Tolerances({"*": q("0.01")}, Fraction(1, 1000))
    result = tol(q(20_000), "KGM", terms, [q(20)] * 4)
    assert (micro_text(result.value_micro), result.term) == ("80", "uncertainty")
    assert result.exceeded(q(81)) and not result.exceeded(-q(80))


@pytest.mark.parametrize(("expected", "term", "value"), [
    (q(1), "absolute", "0.01"), (q(1000), "relative", "1")])
def test_tolerance__no_measurements__largest_of_floor_and_share_binds(expected: int, term: str, value: str) -> None:
    result = tol(expected, "KGM", Tolerances())
    assert (result.term, micro_text(result.value_micro)) == (term, value)


def test_form_tolerance__large_closing__one_millionth() -> None:
    assert form_tolerance(q(10_000_000)).to_json() == {"value": "10", "term": "relative"}
    assert form_tolerance(q(100)).to_json() == {"value": "0.01", "term": "absolute"}


def _n6_book() -> BookData:
    """700 imported and 300 domestic issued, 500 made, 400 exported, 100 sold inland; all 700 claimed."""
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(700), "KGM", value=Fraction(7000), duty_rate=Fraction(1, 10))
    pen.receive("I", line, q(700))
    pen.lot("D", "M", "KGM", Origin.DOMESTIC)
    pen.write(Kind.RECEIVE_DOMESTIC, pen.leg("D", q(300), LineRole.OUTPUT, Balance.RAW))
    pen.write(Kind.ISSUE_PROD, pen.leg("I", q(700)), pen.leg("D", q(300)))
    pen.lot("P", "P", "C62", Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("I", q(700), LineRole.INPUT), pen.leg("D", q(300), LineRole.INPUT),
              pen.leg("P", q(500), LineRole.PRODUCT))
    export = pen.declare("EX/1", LineRole.EXPORT, "P", q(400), "C62")
    pen.write(Kind.EXPORT_LOAD, pen.leg("P", q(400)), line=export)
    pen.write(Kind.EXIT_CONFIRM, pen.leg("P", q(400)), line=export)
    change = pen.declare("A42/1", LineRole.CHANGE_OF_PURPOSE, "P", q(100), "C62")
    pen.write(Kind.SELL_INLAND, pen.leg("P", q(100), balance=Balance.FINISHED), line=change)
    return book_of(pen, norms=(Norm("P", "M", Fraction(2), "C62", "KGM", valid_from=PERIOD),),
                   claims={"M": q(700)})


def test_n6__claim_of_all_that_was_issued__140_dutiable() -> None:
    finding = check(_n6_book(), [rule("N6")])[0]
    assert (finding.expected, finding.observed, finding.difference) == ("560", "700", "140")
    assert finding.duty_at_risk == "140"


def test_n6__claim_of_what_was_used__nothing() -> None:
    from dataclasses import replace
    assert check(replace(_n6_book(), claims={"M": q(560)}), [rule("N6")]) == []
    assert check(replace(_n6_book(), claims=None), [rule("N6")]) == []


def test_padded_norm__200_kg_sold_behind_it__only_independent_figures_see_it() -> None:
    """The domain reference's first example: 1,000 kg in, true norm 1.6, declared 2.0, 500 exported, 200 kg sold."""
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(1000), "KGM")
    pen.receive("I", line, q(1000))
    pen.write(Kind.ISSUE_PROD, pen.leg("I", q(800)))
    pen.lot("P", "P", "C62", Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("I", q(800), LineRole.INPUT), pen.leg("P", q(500), LineRole.PRODUCT))
    export = pen.declare("EX/1", LineRole.EXPORT, "P", q(500), "C62")
    pen.write(Kind.EXPORT_LOAD, pen.leg("P", q(500)), line=export)
    pen.write(Kind.EXIT_CONFIRM, pen.leg("P", q(500)), line=export)
    at = parse_span("2026-12-31", OFFSET)
    book = book_of(pen, norms=(Norm("P", "M", Fraction(2), "C62", "KGM", valid_from=PERIOD),),
                   counts=(Count(at, "material", "M", 0, "KGM"),))
    found = {f.rule: f.difference for f in check(book, [rule(r) for r in ("B2", "B6", "N1", "N6", "X2")])}
    assert found == {"B2": "-200", "N1": "-200", "N6": "200"}  # by the declared norm every kilogram is explained


def _x1_book(exported: int) -> BookData:
    pen = Pen()
    pen.lot("OPEN", "P", "C62", Origin.OWN)
    pen.write(Kind.OPENING, pen.leg("OPEN", q(50), LineRole.OWN, Balance.FINISHED))
    pen.lot("MADE", "P", "C62", Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("MADE", q(400), LineRole.PRODUCT))
    pen.lot("BACK", "P", "C62", Origin.OWN)
    pen.write(Kind.FG_RETURN, pen.leg("BACK", q(10), LineRole.OUTPUT, Balance.FINISHED), line="EX/0")
    line = pen.declare("EX/1", LineRole.EXPORT, "P", q(exported), "C62")
    pen.write(Kind.EXPORT_LOAD, pen.leg("OPEN", q(50)), pen.leg("MADE", q(exported - 60)), pen.leg("BACK", q(10)),
              line=line)
    return book_of(pen, tolerances=NO_FLOOR)


def test_x1__480_exported_of_460__20_too_many() -> None:
    finding = check(_x1_book(480), [rule("X1")])[0]
    assert (finding.expected, finding.observed, finding.difference) == ("460", "480", "20")


def test_x1__exactly_what_there_was__nothing() -> None:
    assert check(_x1_book(460), [rule("X1")]) == []


@pytest.mark.parametrize(("text", "micros"), [("1", 10**6), ("0.000001", 1), ("-2.5", -2_500_000), ("1e3", 10**9)])
def test_quantity__decimal_text__is_exact_both_ways(text: str, micros: int) -> None:
    assert micro(text) == micros
    assert micro(micro_text(micros)) == micros


@pytest.mark.parametrize("text", ["0.0000001", "NaN", "Infinity", "", "1,5"])
def test_quantity__not_a_quantity__is_refused(text: str) -> None:
    with pytest.raises(InputError):
        micro(text)


def test_largest_remainder__thirds_of_100__add_up_to_100() -> None:
    assert largest_remainder([Fraction(100, 3)] * 3) == [34, 33, 33]
    assert largest_remainder([Fraction(1, 2), Fraction(1, 2)], 1) == [1, 0]
    assert largest_remainder([], 0) == []
