"""Quantities: exact decimals outside, whole micro-units inside, canonical strings in between.

A quantity never is a float. More than six decimals are refused rather than rounded: customs balances must
add up exactly. Units of measure are codes of UNECE Recommendation 20 (table `schemas/rec20.json`, generated
from public domain data; withdrawn codes are refused, deprecated ones pointed out).
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from ledger.errors import InputError, Reason
from ledger.vocabulary import MICRO, QUANTITY_MICRO_MAX

_PLAIN = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_TEXT_CHARACTERS_MAX = 64

# What people write instead, taken from declarations and ERP exports.
_USUAL_SLIPS = {
    "PCE": "H87",
    "PCS": "H87",
    "PC": "H87",
    "EAC": "EA",
    "UNT": "C62",
    "KG": "KGM",
    "KGS": "KGM",
    "G": "GRM",
    "GR": "GRM",
    "T": "TNE",
    "TON": "TNE",
    "M": "MTR",
    "MT": "MTR (metre) or TNE (tonne)",
    "M2": "MTK",
    "M3": "MTQ",
    "L": "LTR",
    "LT": "LTR",
    "ML": "MLT",
    "YD": "YRD",
    "YDS": "YRD",
    "PRS": "PR",
    "PA": "PR",
    "DZ": "DZN",
    "CM": "CMT",
    "MM": "MMT",
}


def canonical(number: int | Decimal) -> str:
    """The one way to write a number: no exponent, no leading plus or zeros, no trailing zeros after the
    point.

    `Decimal("1.50")` gives `1.5`, `Decimal("1E+2")` gives `100`, minus zero gives `0`.

    Raises:
        InputError: not a finite number, or no number at all.
    """
    if isinstance(number, int) and not isinstance(number, bool):
        return str(number)
    if not isinstance(number, Decimal) or not number.is_finite():
        raise InputError(f"{number!r} is not a number that can be written exactly.")
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def parse_decimal(value: Any, pointer: str = "") -> Decimal:
    """A number given as a JSON number or as a plain decimal string (`"12.5"`; no exponent, no grouping, no
    comma).

    Raises:
        InputError: anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, Decimal) and value.is_finite():
        return value
    if isinstance(value, str) and len(value) <= _TEXT_CHARACTERS_MAX and _PLAIN.fullmatch(value):
        return Decimal(value)
    raise InputError(
        f"{value!r} is not a number.",
        pointer=pointer,
        remedy="Write digits with a point as decimal mark, without grouping, unit or exponent.",
    )


def to_micro(value: int | Decimal, pointer: str = "") -> int:
    """Whole 10⁻⁶ of a quantity.

    Raises:
        InputError: negative, more than six decimals, or beyond 64 bits of micro-units.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
        raise InputError(f"{value!r} is not a quantity.", pointer=pointer)
    if value < 0:
        raise InputError(
            f"the quantity {canonical(value)} is negative.",
            pointer=pointer,
            remedy="Say with the kind of the event in which direction goods move.",
            reason=Reason.QUANTITY_NEGATIVE,
        )
    text = canonical(value)
    whole, _, decimals = text.partition(".")
    if len(decimals) > 6:
        raise InputError(
            f"the quantity {text} has {len(decimals)} decimals; at most six are kept.",
            pointer=pointer,
            remedy="Round it where it is measured, or use a smaller unit of measure.",
            reason=Reason.TOO_MANY_DECIMALS,
        )
    micro = int(whole) * MICRO + int(decimals.ljust(6, "0"))
    if micro > QUANTITY_MICRO_MAX:
        raise InputError(
            f"the quantity {text} is larger than {format_micro(QUANTITY_MICRO_MAX)}.",
            pointer=pointer,
            remedy="Use a larger unit of measure.",
            reason=Reason.QUANTITY_TOO_LARGE,
        )
    return micro


def from_micro(micro: int) -> Decimal:
    """The quantity of whole micro-units, exactly, without trailing zeros after the point."""
    return Decimal(format_micro(micro))


def format_micro(micro: int) -> str:
    """Micro-units as a canonical decimal string: 1500000 gives `1.5`."""
    sign = "-" if micro < 0 else ""
    whole, rest = divmod(abs(micro), MICRO)
    return f"{sign}{whole}" + (f".{rest:06d}".rstrip("0") if rest else "")


def unit_name(code: str) -> str | None:
    """English name of a Recommendation 20 code in use (`KGM` is `kilogram`), or None."""
    table = _rec20()
    name = table["codes"].get(code) or table["deprecated"].get(code)
    return str(name) if name else None


def unit_fault(code: Any) -> tuple[str, str, bool] | None:
    """What is wrong with a unit of measure.

    Returns:
        None if it is in use; else (message, remedy, whether it must be refused).
    """
    if not isinstance(code, str):
        return (
            f"the unit of measure {code!r} is not a text.",
            "Use a code of UNECE Recommendation 20, such as KGM.",
            True,
        )
    table = _rec20()
    if code in table["codes"]:
        return None
    if code in table["deprecated"]:
        return (
            f"the unit of measure {code} ({table['deprecated'][code]}) is deprecated in Recommendation 20.",
            "Use its successor.",
            False,
        )
    remedy = "Use a code of UNECE Recommendation 20, such as KGM, MTR or H87."
    if code.upper() in table["codes"]:
        remedy = f"Write {code.upper()}."
    elif code.upper() in _USUAL_SLIPS:
        remedy = f"Use {_USUAL_SLIPS[code.upper()]}."
    if code in table["withdrawn"]:
        return f"the unit of measure {code} was withdrawn from UNECE Recommendation 20.", remedy, True
    return f"{code!r} is not a unit of measure of UNECE Recommendation 20.", remedy, True


@cache
def _rec20() -> dict[str, Any]:
    text = files("ledger.events").joinpath("schemas", "rec20.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return {**table, "withdrawn": frozenset(table["withdrawn"])}
