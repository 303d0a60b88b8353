"""X2: the program agrees with running sums and with exact proof, and the rule names what binds."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import accumulate

import pytest
from enterprise import NO_FLOOR, OWNER, PERIOD, Pen, added, after, clean_book, first, q
from hypothesis import given
from hypothesis import strategies as st

from ledger.vocabulary import Balance, Kind, LineRole, Origin, Outcome
from tracer.book import BookData, Norm, Substitute
from tracer.check import check, examine
from tracer.feasibility import Programme, _Linear, running, shortfalls
from tracer.finding import Finding
from tracer.rules import rule

STEPS = 5
series = st.lists(st.integers(0, 40), min_size=STEPS, max_size=STEPS).map(
    lambda xs: [x * 1_000_000 for x in accumulate(xs)])
ALWAYS = frozenset(range(STEPS))


@given(series, series)
def test_program__one_material__is_the_running_sum(need: list[int], supply: list[int]) -> None:
    exact = running("M", need, supply)
    solved = _Linear(Programme({"M": need}, {"M": supply}), ["M"]).solve()
    assert [s.missing_micro for s in solved] == ([exact.missing_micro] if exact else [])
    assert all(s.lower > 0 and s.binding == ("M",) for s in solved)


@given(series, series, series, series, st.fractions(Fraction(1, 3), Fraction(3), max_denominator=4))
def test_program__two_that_stand_for_each_other__are_one_pool(
        need_a: list[int], need_b: list[int], have_a: list[int], have_b: list[int], rate: Fraction) -> None:
    """One unit of B does the work of `rate` of A: then A and B together are one running sum."""
    programme = Programme({"A": need_a, "B": need_b}, {"A": have_a, "B": have_b},
                          {"A": [("B", 1 / rate, ALWAYS)], "B": [("A", rate, ALWAYS)]})
    pooled = max(a + rate * b - x - rate * y
                 for a, b, x, y in zip(need_a, need_b, have_a, have_b, strict=True))
    found = shortfalls(programme)
    assert bool(found and found[0].lower) == (pooled > 0)
    short = sum((s.missing_micro * (1 if s.material == "A" else rate) for s in found), Fraction(0))
    assert abs(short - max(pooled, Fraction(0))) <= 10  # micro-units, from rounding the plan


def test_program__own_stock_is_wanted_later_by_another__plan_leaves_it() -> None:
    """A may use B or C; B, needed later, has only B. Greed would take B first."""
    ten = [10_000_000, 10_000_000]
    programme = Programme({"A": ten, "B": [0, 10_000_000]}, {"A": [0, 0], "B": ten, "C": ten},
                          {"A": [("B", Fraction(1), frozenset({0, 1})), ("C", Fraction(1), frozenset({0, 1}))]})
    assert shortfalls(programme) == []


def test_program__more_steps_than_it_takes__is_looked_at_less_often() -> None:
    need = list(range(0, 900 * 1_000_000, 1_000_000))
    programme = Programme({"A": need, "B": [0] * 900}, {"A": [0] * 900, "B": [100_000_000] * 900},
                          {"A": [("B", Fraction(1), frozenset(range(900)))]})
    short, = shortfalls(programme)
    assert (short.step, short.missing_micro) == (899, 799_000_000)


def _book(received: int, exported: int, *, late: int = 0, **fields: object) -> BookData:
    """2 kg a piece; `late` kilograms come only after the export, and nothing says that anything was made."""
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(received + late), "KGM")
    pen.receive("I", line, q(received))
    pen.lot("P", "P", "C62", Origin.OWN)
    pen.write(Kind.OPENING, pen.leg("P", q(10), LineRole.OWN, Balance.FINISHED))
    export = pen.declare("EX/1", LineRole.EXPORT, "P", q(exported), "C62")
    pen.write(Kind.EXPORT_LOAD, pen.leg("P", q(exported)), line=export)
    if late:
        pen.receive("L", line, q(late))
    book = BookData("book", OWNER, PERIOD, PERIOD.end_ms, lots=tuple(pen.lots.values()),
                    lines=tuple(pen.lines.values()), events=tuple(pen.events), tolerances=NO_FLOOR,
                    norms=(Norm("P", "M", Fraction(2), "C62", "KGM", valid_from=PERIOD),))
    return replace(book, **fields)  # type: ignore[arg-type]


def x2(book: BookData) -> list[Finding]:
    return check(book, [rule("X2")])


def test_x2__exports_need_more_than_came_in__names_the_shortfall() -> None:
    finding, = x2(_book(1000, 560))
    assert (finding.subject_id, finding.severity) == ("M", "critical")
    assert (finding.expected, finding.observed, finding.difference) == ("1000", "1100", "100")
    assert x2(_book(1100, 560)) == []


def test_x2__material_came_after_the_export__is_not_there_in_time() -> None:
    finding, = x2(_book(1000, 560, late=500))
    assert finding.difference == "100"


def test_x2__opening_products_and_returns__need_no_material() -> None:
    book = _book(1000, 510)
    assert x2(book) == []
    load = first(book, Kind.EXPORT_LOAD)
    back = after(load, Kind.FG_RETURN, [replace(load.legs[0], role=LineRole.OUTPUT, quantity_micro=q(60))],
                 line="EX/1", seq=9000)
    again = after(load, Kind.EXPORT_LOAD, [replace(load.legs[0], quantity_micro=q(60))], hours=2, line="EX/1",
                  seq=9001)
    assert x2(added(book, back, again)) == []
    finding, = x2(added(book, again))
    assert finding.difference == "120"


def test_x2__re_exported_raw__cannot_have_been_used() -> None:
    book = _book(1000, 500)
    load = first(book, Kind.EXPORT_LOAD)
    lot = first(book, Kind.RECEIVE_FACTORY).legs[0]
    gone = after(load, Kind.REEXPORT, [replace(lot, role=LineRole.NONE, quantity_micro=q(300))], line="RE/1")
    finding, = x2(added(book, gone))
    assert (finding.expected, finding.difference) == ("700", "280")


def test_x2__registered_substitute__is_used_and_both_are_named_when_they_bind() -> None:
    groups = (Substitute("G", "M"), Substitute("G", "N", Fraction(2)))  # one of N does the work of two of M
    pen = Pen()
    line = pen.declare("IM/2", LineRole.RECEIVE, "N", q(50), "KGM")
    pen.receive("N1", line, q(50))
    book = _book(1000, 560)
    book = replace(book, lots=(*book.lots, *pen.lots.values()), lines=(*book.lines, *pen.lines.values()), events=(
        *book.events, *(replace(e, id=f"n-{e.id}", seq=e.seq - 9) for e in pen.events)))
    assert [f.difference for f in x2(book)] == ["100"]
    assert x2(replace(book, groups=groups)) == []
    more = replace(book, groups=groups, norms=(replace(book.norms[0], norm=Fraction(21, 10)),))
    finding, = x2(more)
    assert finding.difference == "55" and "binding: M, N" in finding.explanation
    expired = tuple(replace(g, valid_to=replace(PERIOD, end_ms=PERIOD.start_ms)) for g in groups)
    assert [f.difference for f in x2(replace(book, groups=expired))] == ["100"]


def test_x2__refused_export__is_the_evidence_and_the_largest_counts_once() -> None:
    book = _book(1000, 500)
    load = first(book, Kind.EXPORT_LOAD)
    tries = [after(load, Kind.EXPORT_LOAD, [replace(load.legs[0], quantity_micro=q(asked))], hours=h, line="EX/1",
                   outcome=Outcome.NOT_ENOUGH) for h, asked in ((2, 60), (3, 60), (4, 20))]
    finding, = x2(added(book, *tries))
    assert finding.difference == "100"


@pytest.mark.parametrize(("spoil", "missing"), [
    (lambda b: replace(b, norms=()), "norm of P"),
    (lambda b: replace(b, norms=tuple(replace(n, material_uom="MTR") for n in b.norms)),
     "factor for a norm on M"),
])
def test_x2__without_norm_or_factor__is_not_evaluable(spoil: object, missing: str) -> None:
    report = examine(spoil(_book(1000, 560)), [rule("X2")])  # type: ignore[operator]
    assert report.findings == []
    assert missing in {m for f in report.not_evaluable for m in f.missing}


def test_x2__clean_book_and_any_padding__fires_just_when_stock_is_exceeded() -> None:
    book = clean_book()
    for percent, fires in ((100, False), (125, False), (140, True)):
        padded = replace(book, norms=tuple(
            replace(n, norm=n.norm * percent / 100) if n.material == "M0" else n for n in book.norms))
        assert bool(x2(padded)) == fires, percent
