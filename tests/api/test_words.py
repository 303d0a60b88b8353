"""Words for people, exact JSON, and the drawing."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import words
from api.jsonio import dumps, quantity
from api.web.drawing import Edge, Node, draw
from api.web.templates import render, when
from ledger.errors import InvariantError
from ledger.vocabulary import Kind, Outcome, Step
from tracer.quantity import grouped


def test_words__outcome_kind_or_step_without_them__none() -> None:
    assert set(words.KINDS) == set(Kind) and set(words.STEPS) == set(Step)
    for outcome, (sentence, remedy) in ((o, words.outcome_words(o)) for o in Outcome):
        assert sentence.endswith(".") and (remedy.endswith(".") or not outcome.refused)


def test_words__outcome_of_a_newer_ledger__shown_by_its_code() -> None:
    assert "999" in words.outcome_words(999)[0]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(json_values, st.sampled_from([None, 2]))
def test_json__any_value__read_back_equal_with_every_digit(value: object, indent: int | None) -> None:
    text = dumps(value, indent=indent)
    read = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    assert dumps(json.loads(dumps(read), parse_float=Decimal)) == dumps(read)
    assert read == value


@pytest.mark.parametrize("value", [0.1, float("nan"), b"x", {1, 2}, Decimal("NaN"), Kind.ARRIVE])
def test_json__float_or_other_inexact_type__refused(value: object) -> None:
    with pytest.raises(InvariantError):
        dumps({"x": value})


@pytest.mark.parametrize(("micro", "text"), [(0, "0"), (1, "0.000001"), (1_500_000, "1.5"), (2**64 - 1, "18446744073709.551615"),
                                             (-2_000_000, "-2"), (None, "0"), (100_000_000_000, "100000")])
def test_quantity__micro_units__plain_decimal(micro: int | None, text: str) -> None:
    assert quantity(micro) == text


def test_grouped__numbers_and_others() -> None:
    assert [grouped(x) for x in ("1234567.25", "-1234", "-0.5", "12", "2026-03-02", "")] == [
        "1,234,567.25", "-1,234", "-0.5", "12", "2026-03-02", ""]


def test_when__zone_of_the_event__local_time() -> None:
    assert when("2026-03-02T23:30:00.000Z", "+07:00") == "3 Mar 2026, 06:30 (+07:00)"
    assert when("2026-03-02T23:30:00.000Z") == "2 Mar 2026, 23:30 (UTC)"
    assert when("18446744073709551615", "+07:00") == "18446744073709551615"


def test_drawing__text_from_strangers__escaped_and_well_formed() -> None:
    evil = '"><script>alert(1)</script>&'
    svg = draw([Node("a", evil, (evil,), "lot", f"/view/{evil}", evil), Node("b", "B")], [Edge("a", "b", evil)], title=evil)
    tree = ET.fromstring(svg)
    assert "script" not in {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert not any(name in ("style",) or name.startswith("on") for e in tree.iter() for name in e.attrib)


def test_drawing__circle_and_loop__still_drawn() -> None:
    svg = draw([Node(x, x) for x in "abc"], [Edge("a", "b"), Edge("b", "c"), Edge("c", "a"), Edge("a", "a", "1")], title="t")
    assert svg.count('class="edge ') == 4


def test_drawing__edge_to_an_unknown_box__left_out() -> None:
    assert draw([], [], title="t") == ""
    assert 'class="edge' not in draw([Node("a", "a")], [Edge("a", "zz", "9")], title="t")


def test_drawing__labels_of_arrows_that_meet__never_cover_each_other() -> None:
    nodes = [Node(f"n{i}", f"lot {i}") for i in range(9)] + [Node("z", "product")]
    tree = ET.fromstring(draw(nodes, [Edge(f"n{i}", "z", f"{i},000.5 MTR") for i in range(9)], title="t"))
    plates = [(float(e.attrib["y"]), float(e.attrib["height"])) for e in tree.iter() if e.attrib.get("class") == "plate"]
    plates.sort()
    assert len(plates) == 9
    assert all(a[0] + a[1] <= b[0] for a, b in pairwise(plates))


def test_templates__unknown_name__is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        render("problem.html", caller=None, ledger="x", position=None, q="")
