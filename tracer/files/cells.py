"""One cell of a table as a value: exact, or a fault that says what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from ledger.errors import InputError
from ledger.events.quantity import unit_fault
from ledger.vocabulary import QUANTITY_MICRO_MAX
from tracer.files.tables import Column
from tracer.moment import Span, parse_span
from tracer.quantity import micro, number

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)
_DIGITS_MAX = 40
_TEXT_MAX = 4_000
_DECIMALS = 6  # of a quantity in micro-units
_FAST = 13  # characters that surely fit 64 bits of micro-units


@dataclass(frozen=True, slots=True)
class Style:
    """How a file writes its cells: the book's zone, and whether decimals have a comma."""

    offset: str
    decimal_comma: bool = False


Parser = Callable[[str], Any]


def parser_of(column: Column, style: Style) -> Parser:
    """What turns a cell of the column into its value. An empty cell never gets here.

    Raises (the parser):
        InputError: the cell cannot be read; message and remedy are about the cell alone.
    """
    if column.form == "moment":
        return lambda text: _moment(text, style.offset)
    if column.form == "quantity":
        return lambda text: _quantity(text, style, signed=False)
    if column.form == "signed":
        return lambda text: _quantity(text, style, signed=True)
    if column.form == "decimal":
        return lambda text: _decimal(text, style)
    if column.form == "percent":
        return lambda text: _decimal(text.removesuffix("%").rstrip(), style) / 100
    if column.form == "uom":
        return _uom
    if column.form == "choice":
        return lambda text: _choice(text, column)
    return _name if column.form == "name" else _text


def _decimal(text: str, style: Style) -> Fraction:
    plain = text.replace(",", ".") if style.decimal_comma else text
    if len(plain) > _DIGITS_MAX or not _NUMBER.fullmatch(plain):
        mark = "a comma or a point" if style.decimal_comma else "a point"
        raise InputError(
            f"{text[:60]!r} is not a number.",
            remedy=f"Write digits with {mark} as decimal mark, without grouping, unit or exponent.",
        )
    return number(plain)


def _quantity(text: str, style: Style, *, signed: bool) -> int:
    plain = text.replace(",", ".") if style.decimal_comma else text
    whole, point, decimals = plain.partition(".")
    digits = whole.isdecimal() and (decimals.isdecimal() or not point) and plain.isascii()
    if digits and len(plain) < _FAST and len(decimals) <= _DECIMALS:
        return int(whole + decimals.ljust(_DECIMALS, "0"))  # nearly every cell; the way below says the same
    amount = micro(_decimal(text, style))
    if amount < 0 and not signed:
        raise InputError(
            f"the quantity {text} is below zero.",
            remedy="Say with the kind of the movement in which direction goods go.",
        )
    if abs(amount) > QUANTITY_MICRO_MAX:
        raise InputError(f"the quantity {text} is too large.", remedy="Use a larger unit of measure.")
    return amount


@lru_cache(maxsize=65_536)
def _moment(text: str, offset: str) -> Span:
    try:
        return parse_span(text, offset)
    except (InputError, OverflowError) as fault:
        raise InputError(
            f"{text[:60]!r} is not a date or time.", remedy="Write it like 2026-03-01 or 2026-03-01T14:30."
        ) from fault


@lru_cache(maxsize=1_024)
def _uom(text: str) -> str:
    wrong = unit_fault(text)
    if wrong is not None and wrong[2]:
        raise InputError(wrong[0], remedy=wrong[1])
    return text


def _choice(text: str, column: Column) -> str:
    word = text.lower() if text.lower() in column.choices else text.upper()
    if word not in column.choices:
        raise InputError(
            f"{text[:60]!r} is none of the words of this column.",
            remedy=f"Write one of: {', '.join(c for c in column.choices if c)}.",
        )
    return word


def _name(text: str) -> str:
    if len(text) > 200 or not text.isprintable():
        raise InputError(
            f"{text[:60]!r} cannot be a name.",
            remedy="Use at most 200 printable characters, without line breaks.",
        )
    return text


def _text(text: str) -> str:
    return text[:_TEXT_MAX]
