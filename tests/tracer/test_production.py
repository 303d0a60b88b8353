"""Bills of materials against other people's data and a plain recursion; rework, co-products and tanks."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from enterprise import q
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from tracer.norms import Edge, explode
from tracer.production import RESIDUE, Tank, allocate_co_products, less_valuable_waste, starts_needed

CONTAINER = "https://catenax.io/schema/TestDataContainer/1.0.0"
Bill = dict[str, list[Edge]]


def by_recursion(bill: Bill, top: str, amount: Fraction = Fraction(1), path: tuple[str, ...] = ()
                 ) -> dict[str, Fraction]:
    """What `explode` says, by walking every path: slow, and of other making."""
    total: dict[str, Fraction] = {}
    assert top not in path, "a circle"
    for edge in bill.get(top, []):
        gross = amount * edge.quantity / (1 - edge.scrap)
        total[edge.child] = total.get(edge.child, Fraction(0)) + gross
        for code, quantity in by_recursion(bill, edge.child, gross, (*path, top)).items():
            total[code] = total.get(code, Fraction(0)) + quantity
    return total


def catena_x(path: Path) -> Bill:
    """Single-level bills of a Catena-X test file; its quantities have no scrap."""
    bill: Bill = {}
    for part in json.loads(path.read_text("utf-8"), parse_float=Decimal)[CONTAINER]:
        for aspect, values in part.items():
            if "single_level_bom_as_planned" in aspect:
                for child in (c for value in values for c in value.get("childItems", [])):
                    amount = child["quantity"].get("value", child["quantity"].get("quantityNumber"))
                    bill.setdefault(part["catenaXId"], []).append(
                        Edge(child["catenaXId"], Fraction(Decimal(str(amount)))))
    return bill


@pytest.mark.parametrize("name", ["CX_Testdata_v.1.7.0_PartType.json", "ESS_Testdata_v2.0.0-AsPlanned.json"])
def test_bills__of_catena_x__exploded_as_by_recursion(shared_data: Path, name: str) -> None:
    bill = catena_x(shared_data / "bom" / name)
    assert len(bill) > 5
    deepest = 0
    for top in bill:
        need = explode(bill, top)
        assert need == by_recursion(bill, top)
        deepest = max(deepest, len(need))
    assert deepest > 3, "the data has no bill of several levels"


graphs = st.lists(st.tuples(st.integers(0, 7), st.integers(1, 8), st.integers(1, 9), st.integers(0, 30)),
                  min_size=1, max_size=14)
"""Parent, steps down to the child (so there is no circle), quarters of a unit, per cent scrapped."""


@given(graphs)
def test_bills__of_any_shape__exploded_as_by_recursion(rows: list[tuple[int, int, int, int]]) -> None:
    bill: Bill = {}
    for parent, step, amount, scrap in rows:
        bill.setdefault(f"C{parent}", []).append(Edge(f"C{parent + step}", Fraction(amount, 4), Fraction(scrap, 100)))
    for top in bill:
        assert explode(bill, top) == by_recursion(bill, top)


def test_rework__92_per_cent_good_at_first__1086_96_starts_for_1000() -> None:
    starts = starts_needed({("line", "line"): Fraction(8, 100)}, {"line": Fraction(1000)})
    assert starts == {"line": Fraction(1000) / Fraction(92, 100)}
    assert f"{float(starts['line']):.2f}" == "1086.96"


def test_rework__through_two_stages__balances_and_endless_loops_are_refused() -> None:
    loop = {("cut", "sew"): Fraction(1, 10), ("sew", "cut"): Fraction(1), ("cut", "cut"): Fraction(1, 20)}
    starts = starts_needed(loop, {"sew": Fraction(100)})
    for stage, wanted in (("cut", Fraction(0)), ("sew", Fraction(100))):
        back = sum((share * starts[of] for (to, of), share in loop.items() if to == stage), Fraction(0))
        assert starts[stage] == wanted + back
    for share in (Fraction(1), Fraction(11, 10), Fraction(-1, 10)):
        with pytest.raises(InputError):
            starts_needed({("a", "b"): share, ("b", "a"): Fraction(1)}, {"a": Fraction(1)})


def test_co_products__1000_kg_into_x_and_y__by_quantity_and_by_value() -> None:
    outputs = [("X", q(600), Fraction(5)), ("Y", q(400), Fraction(5, 2))]
    assert allocate_co_products(q(1000), outputs, "QUANTITY") == {"X": q(600), "Y": q(400)}
    assert allocate_co_products(q(1000), outputs, "VALUE") == {"X": q(750), "Y": q(250)}
    norms = [("X", q(600), Fraction(1)), ("Y", q(400), Fraction(3, 2))]
    assert allocate_co_products(q(1000), norms, "NORM") == {"X": q(500), "Y": q(500)}
    with pytest.raises(InputError):
        allocate_co_products(q(1), [("X", q(1), Fraction(0))], "VALUE")


@given(st.integers(0, 10**9), st.lists(st.integers(1, 10**6), min_size=1, max_size=7))
def test_co_products__any__add_up_exactly_and_lie_within_one_of_their_share(consumed: int, made: list[int]) -> None:
    parts = allocate_co_products(consumed, [(str(i), x, Fraction(1)) for i, x in enumerate(made)], "QUANTITY")
    assert sum(parts.values()) == consumed
    assert all(abs(parts[str(i)] - Fraction(consumed * x, sum(made))) < 1 for i, x in enumerate(made))


def test_valuable_waste__1000_kg_at_2_with_waste_worth_100__950_eligible() -> None:
    assert less_valuable_waste(q(1000), Fraction(2), Fraction(100)) == q(950)
    assert less_valuable_waste(q(1), Fraction(2), Fraction(100)) == 0
    with pytest.raises(InputError):
        less_valuable_waste(q(1), Fraction(0), Fraction(1))


def test_tank__imported_and_domestic__drawn_in_proportion() -> None:
    tank = Tank()
    tank.add("I", q(60))
    tank.add("D", q(40))
    assert tank.draw(q(50)) == {"I": q(30), "D": q(20)}
    tank.add("I", q(50))
    assert tank.content == {"I": q(80), "D": q(20)}
    assert tank.draw(q(25)) == {"I": q(20), "D": q(5)}
    assert tank.content == {"I": q(60), "D": q(15)}
    for wrong in (q(76), -1):
        with pytest.raises(InputError):
            tank.draw(wrong)
    with pytest.raises(InputError):
        tank.add("I", -1)


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 10**9), st.integers(0, 100)), min_size=1, max_size=12))
def test_tank__any_story__what_went_in_is_what_came_out_and_is_left(story: list[tuple[str, int, int]]) -> None:
    tank, into, out = Tank(), 0, Fraction(0)
    for source, poured, percent in story:
        tank.add(source, poured)
        into += poured
        out += sum(tank.draw(tank.level * percent / 100).values(), Fraction(0))
    assert out + tank.level == into


def test_tank__a_trace_of_a_source__is_carried_as_residue() -> None:
    tank = Tank()
    tank.add("I", 10**12)
    tank.add("heel", 1)
    taken = tank.draw(10**11)
    assert set(taken) == {"I", RESIDUE} and sum(taken.values()) == 10**11
