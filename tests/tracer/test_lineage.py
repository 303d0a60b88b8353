"""Lineage: the attribution matrix adds up exactly, both ways, on both bases."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import networkx as nx
import pytest
from book_faults import FAULTS
from enterprise import OWNER, PERIOD, Pen, Plan, clean_book, plans, q
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import NotFoundError
from ledger.vocabulary import Balance, Kind, LineRole, Origin
from tracer.book import BookData, Loss
from tracer.graph import Basis, Lineage, lineage
from tracer.paths import between
from tracer.replay import replay
from tracer.trace import backward, forward

BASES: list[Basis] = ["used", "physical"]


def entered(book: BookData) -> dict[str, int]:
    """What came in under each declaration line, from the events alone."""
    result: dict[str, int] = {}
    for event in book.events:
        if event.kind == Kind.RECEIVE_FACTORY:
            amount = sum(x.quantity_micro for x in event.legs if x.code)
            result[event.line] = result.get(event.line, 0) + amount
    return result


def book_of(pen: Pen) -> BookData:
    return BookData("book", OWNER, PERIOD, PERIOD.end_ms, lots=tuple(pen.lots.values()),
                    lines=tuple(pen.lines.values()), events=tuple(pen.events))


@given(plans, st.sampled_from(BASES))
def test_matrix__clean_enterprise__rows_are_imports_and_nothing_is_unexplained(plan: Plan, basis: Basis) -> None:
    book = clean_book(plan)
    flow = lineage(book, basis=basis)
    for line, amount in entered(book).items():
        assert sum(flow.row(line).values()) == amount
    assert not [s for s in flow.sources.values() if s.kind == "unexplained"]


@given(plans, st.sampled_from(BASES))
def test_matrix__forward_and_backward__are_transposes(plan: Plan, basis: Basis) -> None:
    book = clean_book(plan)
    flow = lineage(book, basis=basis)
    rows = {(s.id, p): v for s in flow.sources.values() for p, mix in flow.matrix.items() if (v := mix.get(s.id))}
    names = {s.id: (s.name, s.kind) for s in flow.sources.values()}
    for line in {x.line for x in flow.matrix if x.line}:
        column = flow.column(line=line)
        by_row = {s: sum((v for (r, p), v in rows.items() if r == s and p.line == line), Fraction(0)) for s in column}
        assert column == by_row
    for name, kind in set(names.values()):
        forward_row = flow.row(name, kind)
        by_column = {p: sum((mix.get(s, Fraction(0)) for s, n in names.items() if n == (name, kind)), Fraction(0))
                     for p, mix in flow.matrix.items()}
        assert forward_row == {p: v for p, v in sorted(by_column.items()) if v}


@given(plans)
def test_matrix__consumption__is_what_products_hold_on_the_legal_basis(plan: Plan) -> None:
    book = clean_book(plan)
    flow = lineage(book)
    consumed = sum(x.quantity_micro for e in book.events if e.kind == Kind.TRANSFORM for x in e.legs
                   if x.role == LineRole.INPUT)
    products = [x.id for x in book.lots if x.code == "P"]
    assert sum(sum(flow.inflow[p].values()) for p in products) == consumed


def test_tank__imported_and_domestic_mixed__draws_in_proportion() -> None:
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(110), "LTR")
    pen.receive("I1", line, q(60))
    pen.lot("D", "M", "LTR", Origin.DOMESTIC)
    pen.write(Kind.RECEIVE_DOMESTIC, pen.leg("D", q(40), LineRole.OUTPUT, Balance.RAW))
    pen.lot("TANK", "M", "LTR", Origin.IMPORTED)
    pen.write(Kind.MERGE, pen.leg("I1", 0, LineRole.INPUT), pen.leg("D", 0, LineRole.INPUT),
              pen.leg("TANK", 0, LineRole.OUTPUT))
    pen.write(Kind.REPURPOSE, pen.leg("TANK", q(50), balance=Balance.RAW), line="A42/1")
    pen.receive("I2", line, q(50))
    pen.write(Kind.MERGE, pen.leg("I2", 0, LineRole.INPUT), pen.leg("TANK", 0, LineRole.OUTPUT))
    pen.write(Kind.REPURPOSE, pen.leg("TANK", q(25), balance=Balance.RAW), line="A42/2")
    flow = lineage(book_of(pen))

    def mixture(**where: object) -> tuple[Fraction, Fraction]:
        column = flow.column(**where)  # type: ignore[arg-type]
        kinds = {k: sum((v for s, v in column.items() if flow.sources[s].kind == k), Fraction(0))
                 for k in ("line", "domestic")}
        return kinds["line"] / q(1), kinds["domestic"] / q(1)

    assert mixture(line="A42/1") == (30, 20)
    assert mixture(line="A42/2") == (20, 5)
    assert mixture(lot="TANK", states=("in_store",)) == (60, 15)


def _transform(outputs: list[tuple[str, str, int, LineRole]], loss: int = 0) -> Lineage:
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(1000), "KGM")
    pen.receive("I", line, q(1000))
    pen.write(Kind.ISSUE_PROD, pen.leg("I", q(1000)))
    for name, code, _, _ in outputs:
        pen.lot(name, code, "KGM", Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("I", q(1000), LineRole.INPUT),
              *(pen.leg(name, q(amount), role) for name, _, amount, role in outputs),
              loss=(Loss("M", q(loss), "KGM"),) if loss else ())
    return lineage(book_of(pen), basis="physical" if loss else "used")


def test_co_products__no_norms__share_by_quantity() -> None:
    flow = _transform([("X", "X", 600, LineRole.PRODUCT), ("Y", "Y", 400, LineRole.CO_PRODUCT)])
    assert [sum(flow.inflow[x].values()) / q(1) for x in ("X", "Y")] == [600, 400]


def test_scrap_and_loss__physical_basis__go_their_own_way() -> None:
    flow = _transform([("X", "X", 850, LineRole.PRODUCT), ("S", "M", 100, LineRole.SCRAP)], loss=50)
    states = {(p.state, p.lot): v / q(1) for p, v in flow.row("IM/1").items()}
    assert states == {("finished", "X"): 850, ("scrap", "S"): 100, ("loss", "I"): 50}


def test_handover__found_short__what_is_missing_is_a_place_of_its_own() -> None:
    book, _ = next(f for f in FAULTS if f.name == "lot-handed-over-short").inject(clean_book())
    assert replay(book).balances["M0-1"][Balance.SHORT] == q(3)
    rows = {(r.kind, r.name): r.quantity_micro for r in forward(book, "IM-M0/1").rows}
    assert rows["short", "M0-1"] == q(3) and rows["in_store", "M0-1"] == q(97)


def test_drawn_without_being_there__its_source_is_unexplained() -> None:
    book, _ = next(f for f in FAULTS if f.name == "issued-twice-recorded").inject(clean_book())
    stranger = replace(book, events=tuple(e for e in book.events if e.kind != Kind.RECEIVE_FACTORY))
    flow = lineage(stranger)
    assert {s.kind for s in flow.sources.values()} >= {"unexplained"}
    known = sum((v for mix in flow.matrix.values() for v in mix.values()), Fraction(0))
    assert known > 0


def test_forward__import_line__adds_up_to_the_declared_quantity_and_a_hundred_per_cent() -> None:
    book = clean_book()
    line = next(x for x in book.lines if x.purpose == LineRole.RECEIVE)
    receipt = max((e for e in book.events if e.kind == Kind.RECEIVE_FACTORY and e.line == line.key),
                  key=lambda e: e.seq)
    lot = receipt.legs[0].unit
    fewer = replace(book, events=tuple(e for e in book.events if not any(x.unit == lot for x in e.legs)))
    for each in (book, fewer):
        trace = forward(each, line.key)
        assert sum(r.quantity_micro for r in trace.rows) == line.quantity_micro
        assert sum(r.share for r in trace.rows) == 1_000_000
    assert "not_received" in {r.kind for r in forward(fewer, line.key).rows}


def test_forward__export_line__says_what_left_is_loaded_came_back_and_was_never_drawn() -> None:
    pen = Pen()
    line = pen.declare("EX/9", LineRole.EXPORT, "P", q(1000), "C62")
    for name, amount in (("A", 500), ("B", 300)):
        pen.lot(name, "P", "C62", Origin.OWN)
        pen.write(Kind.OPENING, replace(pen.leg(name, q(amount)), balance=Balance.FINISHED))
        pen.write(Kind.EXPORT_LOAD, pen.leg(name, q(amount)), line=line)
    pen.write(Kind.EXIT_CONFIRM, pen.leg("A", q(400)), line=line)
    pen.write(Kind.UNLOAD, pen.leg("B", q(100)), line=line)
    pen.lot("R", "P", "C62", Origin.OWN)
    pen.write(Kind.FG_RETURN, pen.leg("R", q(40)), line=line)
    pen.write(Kind.SELL_INLAND, replace(pen.leg("R", q(10)), balance=Balance.FINISHED))
    rows = {(r.kind, r.name): r.quantity_micro / q(1) for r in forward(book_of(pen), "EX/9").rows}
    assert rows == {("exported", "A"): 360, ("loaded", "A"): 100, ("loaded", "B"): 200, ("finished", "R"): 30,
                    ("sold_inland", "R"): 10, ("not_drawn", ""): 300}


@given(plans)
def test_forward__every_line__adds_up_to_it(plan: Plan) -> None:
    book = clean_book(plan)
    for line in book.lines:
        rows = forward(book, line.key).rows
        assert sum(r.quantity_micro for r in rows) == line.quantity_micro
        assert line.purpose == LineRole.RECEIVE or {r.kind for r in rows} <= {
            "exported", "loaded", "repurposed", "not_drawn", "scrapped_out", "sold_inland", "transferred"}


def test_forward__product_lot__ends_where_it_left() -> None:
    book = clean_book()
    rows = forward(book, "P-0").rows
    assert sum(r.quantity_micro for r in rows) == q(1000)
    assert {r.kind for r in rows} == {"exported"} and {r.line for r in rows} == {"EX/1"}


def test_backward__export_line__names_import_lines_with_containers() -> None:
    trace = backward(clean_book(), "EX/1")
    m0 = {(r.kind, r.name): r for r in trace.rows if r.code == "M0"}
    assert set(m0) == {("line", "IM-M0/1"), ("opening", "M0-OPEN")}
    assert sum(r.quantity_micro for r in m0.values()) == q(Fraction(160 * 1200, 100))
    assert sum(r.share for r in m0.values()) == 1_000_000
    assert m0["line", "IM-M0/1"].units == ("BL/M0",)


def test_backward__scrap_lot__is_answered_physically() -> None:
    trace = backward(clean_book(), "S-M0-0")
    assert trace.basis == "physical" and trace.rows
    assert {r.name for r in trace.rows} <= {"IM-M0/1", "M0-OPEN", "IM-M1/1", "M1-OPEN", "M2-DOM"}


def test_graph__of_an_export__leads_back_to_declaration_and_container_without_a_circle() -> None:
    trace = backward(clean_book(), "EX/1")
    ids = {n["id"] for n in trace.nodes}
    assert {"line:IM-M0/1", "unit:BL/M0", "line:EX/1"} <= ids
    assert all(e["from"] in ids and e["to"] in ids for e in trace.edges)
    graph = nx.DiGraph([(e["from"], e["to"]) for e in trace.edges])
    assert nx.is_directed_acyclic_graph(graph)
    loads = [e for e in trace.edges if e["to"] == "line:EX/1"]
    assert sum(Fraction(e["quantity"]) for e in loads) == 1200


@given(plans, st.sampled_from(BASES))
def test_trace__of_every_lot_and_line__is_the_matrix_and_the_graph_of_networkx(plan: Plan, basis: Basis) -> None:
    book = clean_book(plan)
    flow = lineage(book, basis=basis)
    for subject in (*(x.id for x in book.lots), *(x.key for x in book.lines)):
        trace = backward(book, subject, basis)
        node = f"{trace.subject_type}:{subject}"
        if trace.basis == basis:
            mixture = flow.inflow.get(subject, {}) if trace.subject_type == "lot" else flow.column(line=subject)
            parts: dict[tuple[str, str, str], Fraction] = {}
            for source, amount in mixture.items():
                about = flow.sources[source]
                key = about.kind, about.name, about.code
                parts[key] = parts.get(key, Fraction(0)) + amount
            assert {(r.kind, r.name, r.code) for r in trace.rows} == parts.keys()
            assert all(abs(r.quantity_micro - parts[r.kind, r.name, r.code]) < 1 for r in trace.rows)
        for told, reach in ((trace, nx.ancestors), (forward(book, subject, basis), nx.descendants)):
            inner = flow.graph.subgraph({node, *reach(flow.graph, node)} if node in flow.graph else ())
            assert [n["id"] for n in told.nodes] == sorted(inner)
            assert all({**inner.nodes[n["id"]], "id": n["id"]} == n for n in told.nodes)
            assert [(e["from"], e["to"], e["event"]) for e in told.edges] == sorted(inner.edges(keys=True))
            assert all(q(e["quantity"]) == inner.edges[e["from"], e["to"], e["event"]]["quantity_micro"]
                       for e in told.edges)


def test_trace__unknown_name__is_not_found() -> None:
    for ask in (backward, forward):
        with pytest.raises(NotFoundError):
            ask(clean_book(), "nothing/1")


@given(plans)
def test_replay__closing_balances__equal_the_ledgers(plan: Plan) -> None:
    book = clean_book(plan)
    effects = replay(book)
    for lot, held in effects.balances.items():
        for balance, amount in held.items():
            assert amount == sum(d.change for d in effects.deltas if (d.lot, d.balance) == (lot, balance))
            assert amount >= 0


def test_between__any_two_things__what_lies_on_a_walk_and_nothing_else() -> None:
    book = clean_book()
    named = [(x.id, f"lot:{x.id}") for x in book.lots] + [(x.key, f"line:{x.key}") for x in book.lines] + [("BL/M0", "unit:BL/M0")]
    book = replace(book, unit_ids={name: f"0x{i}" for i, (name, _) in enumerate(named)})
    whole = nx.DiGraph(lineage(book).graph)
    for subject in ("EX/1", "P-0", "S-M0-0"):
        trace = backward(book, subject)
        end = f"{trace.subject_type}:{subject}"
        for name, node in named:
            found = between(trace, book.unit_ids[name])
            walks = {n for n in whole if node in whole and nx.has_path(whole, node, n) and nx.has_path(whole, n, end)}
            assert {n["id"] for n in found.nodes} == walks
            assert {(e["from"], e["to"]) for e in found.edges} == set(whole.subgraph(walks).edges)
            assert [r for r in trace.rows if name == r.name or name in r.units] == found.rows or not walks
    (row, *others) = between(backward(book, "EX/1"), book.unit_ids["BL/M0"]).rows
    assert others == [] and (row.name, row.code) == ("IM-M0/1", "M0")
