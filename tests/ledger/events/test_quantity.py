"""Exact quantities and units of measure."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from ledger.events import quantity
from ledger.vocabulary import QUANTITY_MICRO_MAX

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-10**20, max_value=10**20, places=9)


@pytest.mark.parametrize(("number", "text"), [
    ("0", "0"), ("-0", "0"), ("0.000", "0"), ("-0.0", "0"), ("1.50", "1.5"), ("1E+2", "100"), ("1E-6", "0.000001"),
    ("100", "100"), ("12345678901234567890.10", "12345678901234567890.1"), ("-3.20", "-3.2"),
])
def test_canonical__many_ways_to_write__one_text(number: str, text: str) -> None:
    assert quantity.canonical(Decimal(number)) == text


@given(DECIMALS)
def test_canonical__any_decimal__same_value_and_stable(number: Decimal) -> None:
    text = quantity.canonical(number)
    assert Decimal(text) == number
    assert quantity.canonical(Decimal(text)) == text
    assert "E" not in text and not (("." in text) and text.endswith(("0", ".")))


@pytest.mark.parametrize("bad", [1.5, True, None, "1", Decimal("NaN"), Decimal("Infinity")])
def test_canonical__no_exact_number__refused(bad: object) -> None:
    with pytest.raises(InputError):
        quantity.canonical(bad)  # type: ignore[arg-type]


@given(st.integers(0, QUANTITY_MICRO_MAX))
def test_micro__there_and_back__same(micro: int) -> None:
    assert quantity.to_micro(quantity.from_micro(micro)) == micro
    assert quantity.to_micro(Decimal(quantity.format_micro(micro))) == micro


@pytest.mark.parametrize("number", ["0.0000001", "1.1234567", "1E-7"])
def test_micro__more_than_six_decimals__refused_not_rounded(number: str) -> None:
    with pytest.raises(InputError, match="decimals"):
        quantity.to_micro(Decimal(number), "/quantityList/0/quantity")


def test_micro__trailing_zeros_beyond_six__taken() -> None:
    assert quantity.to_micro(Decimal("1.5000000000")) == 1_500_000


@pytest.mark.parametrize("number", [Decimal("18446744073709.551616"), 2**64, Decimal(-1), -5])
def test_micro__negative_or_beyond_64_bits__refused(number: Decimal | int) -> None:
    with pytest.raises(InputError):
        quantity.to_micro(number)


def test_micro__largest__taken() -> None:
    assert quantity.to_micro(Decimal("18446744073709.551615")) == QUANTITY_MICRO_MAX


@pytest.mark.parametrize("text", ["1,5", "1 000", "1e5", "+1", ".5", "5.", "01", "٣", "１", "", " 1", "1\n", "NaN", "1" * 65])
def test_parse_decimal__not_a_plain_number__refused(text: str) -> None:
    with pytest.raises(InputError):
        quantity.parse_decimal(text)


@pytest.mark.parametrize("bad", [1.5, True, None, [], Decimal("NaN")])
def test_parse_decimal__other_type__refused(bad: object) -> None:
    with pytest.raises(InputError):
        quantity.parse_decimal(bad)


@pytest.mark.parametrize("code", ["KGM", "GRM", "TNE", "LTR", "MLT", "MTR", "MTK", "MTQ", "C62", "H87", "NAR", "PR",
                                  "DZN", "CEL", "KEL", "FAH", "YRD", "SET"])
def test_unit__in_use__taken(code: str) -> None:
    assert quantity.unit_fault(code) is None and quantity.unit_name(code)


@pytest.mark.parametrize(("code", "hint"), [("PCE", "H87"), ("KG", "KGM"), ("kgm", "KGM"), ("M", "MTR"), ("XYZ", "KGM"), ("КГМ", "KGM")])
def test_unit__unknown__refused_with_a_hint(code: str, hint: str) -> None:
    found = quantity.unit_fault(code)
    assert found is not None and found[2] and hint in found[1]


def test_unit__withdrawn_or_deprecated__told_apart() -> None:
    withdrawn, deprecated = quantity.unit_fault("05"), quantity.unit_fault("NPR")
    assert withdrawn is not None and "withdrawn" in withdrawn[0] and withdrawn[2]
    assert deprecated is not None and "deprecated" in deprecated[0] and not deprecated[2]


def test_units__source_table__same_codes(shared_data: Path) -> None:
    with (shared_data / "units" / "units-of-measure.csv").open(encoding="utf-8") as file:
        source = list(csv.DictReader(file))
    for row in source:
        found = quantity.unit_fault(row["CommonCode"])
        status = row["Status"]
        assert (found is None) == (status not in ("X", "D")), row
        if status not in ("X",):
            assert quantity.unit_name(row["CommonCode"]) == row["Name"], row
