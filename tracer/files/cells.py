"""One cell of a table as a value: exact, or a fault that says what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
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
_MARKED = re.compile(r"[+-]?[0-9]+([.,])[0-9]+", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}", re.ASCII)  # 1.400 is 1.4, or fourteen hundred
_SERIAL = re.compile(r"[2-6][0-9]{4}(\.[0-9]+)?", re.ASCII)  # days since 1900 of the years 1954 to 2091
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"})
NUMBERS = ("quantity", "signed", "decimal", "amount", "percent")
"""Forms of cells that are numbers."""
_FAST = 13  # characters that surely fit 64 bits of micro-units


@dataclass(frozen=True, slots=True)
class Style:
    """How a file writes its cells.

    Attributes:
        offset: the book's zone. decimal_comma: a comma may be the decimal mark, as may a point.
        proven: marks that are decimal marks in this file beyond doubt (`decimal_marks`).
    """

    offset: str
    decimal_comma: bool = False
    proven: frozenset[str] = frozenset()


def decimal_marks(rows: Iterable[tuple[int, list[str]]], columns: Sequence[int]) -> frozenset[str]:
    """Which of comma and point are decimal marks in these columns beyond doubt: of one cell at least the mark
    cannot group thousands.
    """
    proven: set[str] = set()
    for _, row in rows:
        for at in columns:
            cell = row[at].strip() if at < len(row) else ""
            if (found := _MARKED.fullmatch(cell)) and not _GROUPED.fullmatch(cell):
                proven.add(found[1])
        if len(proven) == 2:
            break
    return frozenset(proven)


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
    if column.form == "amount":
        return lambda text: _amount(text, style)
    if column.form == "percent":
        return lambda text: _amount(text.removesuffix("%").rstrip(), style) / 100
    if column.form == "currency":
        return _currency
    if column.form == "uom":
        return _uom
    if column.form == "tariff":
        return lambda text: re.sub("[. ]", "", _name(text))
    if column.form == "country":
        return lambda text: _name(text).upper()
    if column.form == "choice":
        return lambda text: _choice(text, column)
    return _name if column.form == "name" else _text


def _pointed(text: str, style: Style) -> str:
    """The number with a point as decimal mark. What a file does not tell is not guessed."""
    if not style.decimal_comma:
        return text
    mark = "," if "," in text else "."
    if mark not in style.proven and _GROUPED.fullmatch(text):
        whole, _, rest = text.partition(mark)
        raise InputError(
            f"{text!r} may be {whole}{rest} or {whole}.{rest}: nothing in this file tells.",
            remedy=f"Never group digits: write {whole}{rest}, or {whole}{mark}{rest}0 if it is a fraction.",
        )
    return text.replace(",", ".")


def _decimal(text: str, style: Style) -> Fraction:
    plain = _pointed(text, style)
    if len(plain) > _DIGITS_MAX or not _NUMBER.fullmatch(plain):
        mark = "a comma or a point" if style.decimal_comma else "a point"
        raise InputError(
            f"{text[:60]!r} is not a number.",
            remedy=f"Write digits with {mark} as decimal mark, without grouping, unit or exponent.",
        )
    return number(plain)


def _amount(text: str, style: Style) -> Fraction:
    value = _decimal(text, style)
    if value < 0:
        raise InputError(f"{text} is below zero.", remedy="Write a number from 0 up.")
    return value


def _currency(text: str) -> str:
    if not re.fullmatch("[A-Za-z]{3}", text):
        raise InputError(
            f"{text[:60]!r} is no currency.", remedy="Use the code of ISO 4217, such as VND or USD."
        )
    return text.upper()


def _quantity(text: str, style: Style, *, signed: bool) -> int:
    plain = _pointed(text, style)
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
        remedy = "Write it like 2026-03-01 or 2026-03-01T14:30."
        if _SERIAL.fullmatch(text):
            day = date(1899, 12, 30) + timedelta(days=int(text[:5]))
            remedy = f"If it is a spreadsheet's number of {day}, format the column as dates and save again."
        raise InputError(f"{text[:60]!r} is not a date or time.", remedy=remedy) from fault


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
    if text in _ERRORS:
        raise InputError(
            f"{text!r} is the error of a formula, no name.", remedy="Mend the formula, and save again."
        )
    if len(text) > 200 or not text.isprintable():
        raise InputError(
            f"{text[:60]!r} cannot be a name.",
            remedy="Use at most 200 printable characters, without line breaks.",
        )
    return text


def _text(text: str) -> str:
    if not text.isprintable():  # line breaks of a cell; and what would steer a terminal
        text = "".join(c if c.isprintable() else " " for c in text)
    return text[:_TEXT_MAX]
