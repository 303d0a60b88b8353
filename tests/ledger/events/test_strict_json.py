"""Strict JSON: what two readers could read differently is refused, with a pointer; nothing else is changed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError, TooLargeError
from ledger.events.faults import InvalidEventError
from ledger.events.strict_json import dump_json, parse_json
from ledger.limits import DEFAULT_LIMITS

ROOT = Path(__file__).resolve().parents[3]

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NUMBERS = st.one_of(st.integers(-10**30, 10**30),
                    st.decimals(allow_nan=False, allow_infinity=False, min_value=-10**20, max_value=10**20, places=7))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), TEXTS, NUMBERS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)), max_leaves=20)

HOSTILE: dict[str, tuple[bytes, str]] = {
    "duplicate key": (b'{"a": 1, "a": 2}', "/a"),
    "duplicate key, escaped": (b'{"a": 1, "\\u0061": 2}', "/a"),
    "duplicate key deep": (b'{"x": [0, {"k/y": 1, "k/y": 1}]}', "/x/1/k~1y"),
    "NaN": (b'{"q": NaN}', "/q"),
    "Infinity": (b'[-Infinity]', "/0"),
    "lone high surrogate": (b'{"a": "\\ud800"}', "/a"),
    "lone low surrogate": (b'{"a": ["\\udc00x"]}', "/a/0"),
    "lone surrogate in key": (b'{"\\ud800": 1}', ""),
    "NUL in text": (b'{"a": "x\\u0000y"}', "/a"),
    "raw control character": (b'{"a": "x\x01y"}', ""),
    "Latin-1 bytes": (b'{"a": "\xe9"}', ""),
    "overlong UTF-8": (b'{"a": "\xc0\xaf"}', ""),
    "UTF-8 surrogate bytes": (b'{"a": "\xed\xa0\x80"}', ""),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), ""),
    "two documents": (b'{} {}', ""),
    "trailing comma": (b'[1,]', ""),
    "single quotes": (b"{'a': 1}", ""),
    "comment": (b'{"a": 1} // x', ""),
    "empty": (b'', ""),
    "only a byte order mark": (b'\xef\xbb\xbf', ""),
    "byte order mark twice": (b'\xef\xbb\xbf\xef\xbb\xbf{}', ""),
    "huge exponent": (b'{"q": 1e999999999}', "/q"),
    "tiny exponent": (b'{"q": 1e-999999999}', "/q"),
    "number of 5000 digits": (b'{"q": ' + b"9" * 5000 + b'}', "/q"),
    "long fraction": (b'{"q": 0.' + b"1" * 200 + b'}', "/q"),
    "leading zero": (b'{"q": 01}', ""),
    "plus sign": (b'{"q": +1}', ""),
    "hexadecimal": (b'{"q": 0x10}', ""),
    "65 levels": (b"[" * 65 + b"]" * 65, ""),
    "5000 levels": (b"[" * 5000 + b"]" * 5000, ""),
    "200000 levels": (b'{"a":' * 200_000 + b"1" + b"}" * 200_000, ""),
    "unclosed": (b'{"a": [1, 2', ""),
}


@pytest.mark.parametrize(("data", "place"), HOSTILE.values(), ids=HOSTILE.keys())
def test_parse__hostile_text__refused_with_a_pointer(data: bytes, place: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        parse_json(data)
    assert caught.value.pointer == place
    assert caught.value.faults[0].message


def test_parse__several_faults__all_told() -> None:
    with pytest.raises(InvalidEventError) as caught:
        parse_json(b'{"a": NaN, "b": ["\\ud800", {"c": 1, "c": 2}]}')
    assert [f.pointer for f in caught.value.faults] == ["/a", "/b/0", "/b/1/c"]


def test_parse__64_levels__taken() -> None:
    assert parse_json(b"[" * 64 + b"]" * 64)


def test_parse__one_byte_order_mark__dropped() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_parse__more_bytes_than_the_limit__too_large() -> None:
    limits = replace(DEFAULT_LIMITS, body_bytes_max=10)
    assert parse_json(b'[1,2,3,45]', limits)
    with pytest.raises(TooLargeError):
        parse_json(b'[1,2,3,456]', limits)


def test_parse__numbers__exact_never_float() -> None:
    value = parse_json(b'[1, 1.10, 9007199254740993, 0.1, 1E2, -0.0]')
    assert value[1:] == [Decimal("1.10"), 9007199254740993, Decimal("0.1"), Decimal("1E2"), Decimal("-0.0")]
    assert not any(isinstance(item, float) for item in value)


@pytest.mark.parametrize("text", ['{"q": 1.10}', '[1E+2, -0.0, 0.000001]', '{"b": 1, "a": "é\\u0001\\" / \U0001f6a2"}', '[true, false, null, []]'])
def test_dump__what_was_parsed__same_text(text: str) -> None:
    assert dump_json(parse_json(text.encode())) == text


@given(VALUES)
def test_round_trip__any_value__comes_back_unchanged(value: Any) -> None:
    text = dump_json(value)
    assert parse_json(text.encode()) == value
    assert dump_json(parse_json(text.encode())) == text


@pytest.mark.parametrize("bad", [1.5, {1: 2}, b"x", {"a": {1.5}}, Decimal("NaN"), object()])
def test_dump__float_or_foreign_type__refused(bad: Any) -> None:
    with pytest.raises(InputError):
        dump_json([bad])


@given(st.binary(max_size=60))
def test_parse__any_bytes__value_or_input_error(data: bytes) -> None:
    with suppress(InputError):
        parse_json(data)


@pytest.mark.parametrize("limit", [500, 20_000])
def test_parse__other_recursion_limit_of_the_process__same_fault(limit: int) -> None:
    before = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(max(limit, 400))
        with pytest.raises(InvalidEventError) as caught:
            parse_json(b"[" * 5000 + b"]" * 5000)
    finally:
        sys.setrecursionlimit(before)
    assert [str(f) for f in caught.value.faults] == ["(whole): the document nests deeper than 64 levels. Flatten it."]

HOSTILE = r"""
import sys
from ledger.errors import InputError
from ledger.events.strict_json import parse_json
sys.setrecursionlimit(1_000_000)  # libraries raise it (py_ecc to 100,000), and then nothing stops the parser's own recursion
for text in (b"[" * 4_000_000, b'{"a":' * 700_000, b"[" * 100_000 + b"]" * 100_000, b'["' + b"[" * 90 + rb'\\",' + b"[" * 100_000):
    try:
        parse_json(text)
    except InputError as fault:
        print(fault.faults[0].message)
print(len(parse_json(b'["' + b"[" * 500_000 + rb'\\\""]')[0]), parse_json(b"[" * 64 + b"]" * 64) is not None)
"""


def test_parse__nested_so_deep_that_the_parser_of_python_would_crash__refused() -> None:
    done = subprocess.run([sys.executable, "-c", HOSTILE], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-300:]  # a crash of the process would show here
    assert done.stdout.splitlines() == ["the document nests deeper than 64 levels."] * 4 + ["500002 True"]


def test_parse__string_of_quotes_that_never_ends__refused_in_one_pass() -> None:
    with pytest.raises(InvalidEventError, match="Unterminated"):
        parse_json(b"[" + b"[]," * 70 + b'"' + rb"\"" * 1_500_000)  # tried from each quote it would take hours
