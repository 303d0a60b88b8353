"""Whatever is thrown at the profile: an interpretation or a refusal with pointers, always the same, never a crash."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from ledger.events.content import read_content
from ledger.events.document import read_document
from ledger.events.faults import InvalidEventError
from ledger.events.profile import Interpretation, interpret
from ledger.events.strict_json import dump_json, parse_json
from ledger.proofs.commitment import commit, verify_event
from tests.ledger.events.samples import (
    BOOK,
    LINE_URN,
    NORM,
    amount,
    context,
    event,
    every_kind,
    lot,
    material,
)

KINDS = every_kind()
SECRET = bytes(range(32))
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 10**20), st.sampled_from([Decimal("1.5"), Decimal("0.0000001"), Decimal("-1")]),
              st.sampled_from(["", "x", "urn:x:1", lot("L1"), lot("L9"), LINE_URN, "urn:epc:id:bic:X", "urn:cargoledger:lot:а:b", "OFFER", "RAW",
                               "2025-02-30", "2025-03-01T08:00:00Z", "\ud7ff", "a" * 3000])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(
        st.sampled_from(["id", "type", "role", "epcClass", "quantity", "uom", "material", "x:y", "cl:kind"]), inner, max_size=3)), max_leaves=6)
TERMS = ["cl:kind", "cl:step", "cl:book", "cl:reference", "cl:normEvent", "cl:consignment", "cl:declarant", "cl:deadline", "cl:lines",
         "cl:declaration", "cl:norm", "cl:counts", "cl:loss", "cl:documents", "cl:seals", "cl:reason", "cl:amount", "cl:unknown",
         "errorDeclaration", "sourceList", "destinationList", "bizTransactionList", "bizLocation", "quantityList", "epcList", "@context"]


def attempt(value: dict[str, Any], poster: str) -> Interpretation | tuple[str, ...]:
    try:
        return interpret(value, context(poster))
    except InvalidEventError as refused:
        assert refused.faults and all(f.refuses and f.message for f in refused.faults)
        assert all(f.pointer == "" or f.pointer.startswith("/") for f in refused.faults)
        return tuple(str(f) for f in refused.faults)


@given(st.sampled_from(list(KINDS)), st.data())
def test_interpret__any_part_replaced_by_junk__answer_or_refusal_twice_the_same(name: str, data: st.DataObject) -> None:
    poster, value = KINDS[name]
    value = copy.deepcopy(value)
    holder: Any = value
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(holder[key], dict | list) or not holder[key] or data.draw(st.integers(0, 3)) == 0:
            holder[key] = data.draw(JUNK)
            break
        holder = holder[key]
    assert attempt(value, poster) == attempt(value, poster)


@given(st.sampled_from(list(KINDS)), st.dictionaries(st.sampled_from(TERMS), JUNK, max_size=3), st.sets(st.sampled_from(TERMS), max_size=3))
def test_interpret__terms_added_and_removed__answer_or_refusal(name: str, added: dict[str, Any], removed: set[str]) -> None:
    poster, value = KINDS[name]
    attempt({**{k: v for k, v in value.items() if k not in removed}, **added}, poster)


@given(st.sampled_from(list(KINDS)), st.dictionaries(st.sampled_from(TERMS), JUNK, max_size=3))
def test_read_content__any_terms__content_or_refusal(name: str, added: dict[str, Any]) -> None:
    with suppress(InputError):
        read_content({**KINDS[name][1], **added})


@given(st.permutations(range(12)), st.lists(st.integers(1, 10**9), min_size=12, max_size=12))
def test_interpret__lots_in_any_order__same_event(order: list[int], sizes: list[int]) -> None:
    def made(numbers: list[int]) -> dict[str, Any]:
        lines = [{"id": lot(f"N{i}"), "role": "IMPORTED", "balance": "RAW", "material": material()} for i in reversed(numbers)]
        return event("OPENING", quantityList=[amount(f"N{i}", sizes[i]) for i in numbers], cl_lines=lines, cl_book=BOOK)
    one, other = interpret(made(list(range(12))), context()), interpret(made(order), context())
    assert one.event == other.event
    assert sum(line.quantity_micro for line in one.event.lines) == sum(sizes) * 1_000_000
    assert [n.unit.unit for n in one.line_names if n.unit] == [line.unit for line in one.event.lines]


@given(st.decimals(min_value=Decimal("0.000001"), max_value=Decimal("18446744073709.551615"), places=6))
def test_interpret__any_quantity__signed_exactly(quantity: Decimal) -> None:
    found = interpret(event("ISSUE_PROD", quantityList=[amount("L1", str(quantity))], cl_book=BOOK), context())
    assert Decimal(found.event.lines[0].quantity_micro) / 1_000_000 == quantity


@pytest.mark.parametrize("name", KINDS)
def test_event__written_read_and_written_again__nothing_changes(name: str) -> None:
    poster, value = KINDS[name]
    text = dump_json(value)
    (again,) = read_document(text.encode()).events
    assert dump_json(again) == dump_json(parse_json(text.encode())) == text
    assert interpret(again, context(poster)) == interpret(value, context(poster))
    verify_event(again, SECRET, commit(value, SECRET, submitter=poster).root, submitter=poster)


def leaves_of(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves_of(item, (*way, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from leaves_of(item, (*way, i))
    else:
        yield way


@pytest.mark.parametrize("name", KINDS)
def test_commitment__any_single_value_of_an_event_changed_or_removed__other_root(name: str) -> None:
    value = KINDS[name][1]
    root = commit(value, SECRET, submitter="x").root
    for way in leaves_of(value):
        for change in ("other", None):
            changed = copy.deepcopy(value)
            holder: Any = changed
            for part in way[:-1]:
                holder = holder[part]
            if change is None:
                del holder[way[-1]]
            else:
                holder[way[-1]] = change
            assert commit(changed, SECRET, submitter="x").root != root, way


def test_content__norm_with_more_than_six_decimals__kept_exactly() -> None:
    found = read_content(event("DECLARE", epcList=[], cl_step="NORM", cl_norm=NORM))
    assert found.norm is not None and str(found.norm.lines[0].norm) == "1.6543217"
