"""book.toml: whose book it is, of which period, and by which policies it is settled."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from ledger.errors import InputError
from tracer.allocation import POLICIES
from tracer.book import BookData, Tolerances
from tracer.files.faults import Faults
from tracer.moment import Span, parse_span, zone_of
from tracer.papers.particulars import PARTICULARS, known
from tracer.quantity import micro, number
from tracer.yields import BASES

FILE = "book.toml"
JURISDICTIONS = ("VN", "EU", "UK", "US")
REGIMES = ("SXXK", "GC", "EPE", "DNCX")
_TEXT_MAX = 200
KEYS: dict[str, str] = {
    "id": "short id of the book; default: the folder's name",
    "name": "name of the book, for people",
    "enterprise": "short id of the enterprise, required; lots are called enterprise/lot",
    "regime": "SXXK, GC or EPE (DNCX); elsewhere the code of the procedure",
    "jurisdiction": "VN (default), EU, UK or US: which paper is made unless another is asked for",
    "zone": "fixed offset in which days begin and end; default +07:00",
    "as_of": "nothing later is known, a clock still running then is pending; default: the end of the period",
    "filed": "when the settlement report of the period was filed; the clock of filing is judged by it",
    "allocation": f"policy for import lines: {', '.join(POLICIES)}; default SPECIFIC",
    "allocation_since": "since when that policy holds; a policy is kept for whole periods",
    "turnover_days": "average inventory turn-over period in days, for LOW_TO_HIGH_TURNOVER",
    "yield_basis": f"how products account for their materials: {', '.join(BASES)}; default VN_NORM",
    "waste_value.CODE": "value of one unit of that scrap, for US_LESS_VALUABLE_WASTE, in the currency of the "
                        "import lines (the book's own where they state several)",
    **{f"particulars.{key}": f"{meaning}; for the papers of the EU, UK and US" for key, meaning in
       PARTICULARS.items()},
    "period.from": "first day, required",
    "period.to": "last day, required",
    "tolerance.rel": "share of an expected quantity that may be missing; default 0.001",
    "tolerance.k": "coverage factor of combined uncertainties; default 2",
    "tolerance.abs_floor.UNIT": "quantity in that unit (`*`: any other) that may be missing; default 0.01",
    "clock_uncertainty_s": "uncertainty of one clock, in seconds; default 60",
}
"""Every key, and what it means."""


def read_settings(folder: Path, faults: Faults) -> BookData:
    """Read book.toml: a book with nothing in it yet. Unknown keys are named and ignored.

    Raises:
        InputError: it is missing, not TOML, or says too little to evaluate anything.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(
            f"{folder} has no {FILE}, so it is not a book.",
            remedy="`cargoledger book example DIR` writes one to start from.",
        )
    try:
        raw = path.read_bytes()
        # editors of an accountant's machine put a mark before the text, and some write UTF-16
        text = raw.decode("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
        said = tomllib.loads(text.replace("\r\n", "\n"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise InputError(
            f"{FILE} is not TOML: {fault}.", remedy="Compare it with docs/formats/book.md."
        ) from fault
    period = _table(said, "period")
    tolerance = _table(said, "tolerance")
    floors = _table(tolerance, "abs_floor", "tolerance.")
    waste = _table(said, "waste_value")
    particulars = _table(said, "particulars")
    given = {k for k in said if k not in ("period", "tolerance", "waste_value", "particulars")}
    given |= {f"particulars.{k}" for k in particulars}
    given |= {f"period.{k}" for k in period} | {f"tolerance.{k}" for k in tolerance if k != "abs_floor"}
    for key in sorted(given - KEYS.keys()):
        faults.note(FILE, 0, key, "is not a key of this file and was ignored.")
    offset = _text(said, "zone") or "+07:00"
    zone_of(offset)
    start, end = _moment(period, "from", offset, "period."), _moment(period, "to", offset, "period.")
    if start is None or end is None:
        raise InputError(
            f"{FILE} names no period.", remedy='Add: [period], from = "2026-01-01", to = "2026-12-31".'
        )
    if end.end_ms < start.start_ms:
        raise InputError(
            f"{FILE}: the period ends before it begins.", remedy="Swap period.from and period.to."
        )
    enterprise = _text(said, "enterprise")
    if not enterprise:
        raise InputError(f"{FILE} does not say whose book it is.", remedy='Add: enterprise = "our-company".')
    turnover = _number(said, "turnover_days", Fraction(0))
    as_of = _moment(said, "as_of", offset)
    if as_of and as_of.end_ms < start.start_ms:
        raise InputError(
            f"{FILE}: as_of is before the period begins, when nothing of it is known.",
            remedy="Write a day of the period or later, or leave as_of out.",
        )
    jurisdiction, regime = _text(said, "jurisdiction").upper() or "VN", _text(said, "regime").upper()
    if jurisdiction not in JURISDICTIONS:
        faults.note(FILE, 0, "jurisdiction", f"{jurisdiction} is none of {', '.join(JURISDICTIONS)}.",
                    "The book is settled as in VN; --paper names the papers of others.")
    if jurisdiction == "VN" and regime and regime not in REGIMES:
        faults.note(FILE, 0, "regime", f"{regime} is none of {', '.join(REGIMES)}.",
                    "What holds for one of these regimes only is not judged.")
    clock = _number(said, "clock_uncertainty_s", Fraction(60))
    return BookData(
        id=_text(said, "id") or folder.resolve().name,
        enterprise=enterprise,
        period=Span(start.start_ms, end.end_ms),
        as_of_ms=as_of.end_ms if as_of else end.end_ms,
        name=_text(said, "name"),
        regime=regime,
        jurisdiction=jurisdiction,
        offset=offset,
        allocation=_choice(said, "allocation", "SPECIFIC", "allocation policy", POLICIES),
        allocation_since=_moment(said, "allocation_since", offset),
        turnover_days=int(turnover) or None,
        yield_basis=_choice(said, "yield_basis", "VN_NORM", "yield basis", tuple(BASES)),
        waste_values={code: _number(waste, code, Fraction(0), "waste_value.") for code in waste},
        tolerances=_tolerances(tolerance, floors),
        clock_uncertainty_ms=int(clock * 1_000),
        filed=_moment(said, "filed", offset),
        particulars=known({k: str(v) for k, v in particulars.items() if k in PARTICULARS}),
    )


def _tolerances(tolerance: Mapping[str, Any], floors: Mapping[str, Any]) -> Tolerances:
    usual = Tolerances()
    try:
        floor = {unit: micro(str(value)) for unit, value in floors.items()}
    except InputError as fault:
        raise InputError(f"{FILE}, tolerance.abs_floor: {fault.message}", remedy=fault.remedy) from fault
    return Tolerances(
        {**usual.abs_floor_micro, **floor},
        _number(tolerance, "rel", usual.rel, "tolerance."),
        _number(tolerance, "k", usual.k, "tolerance."),
    )


def _table(said: Mapping[str, Any], key: str, within: str = "") -> Mapping[str, Any]:
    value = said.get(key, {})
    if not isinstance(value, dict):
        raise InputError(f"{FILE}: {within}{key} is not a table.", remedy=f"Write it as [{within}{key}].")
    return value


def _text(said: Mapping[str, Any], key: str) -> str:
    value = said.get(key, "")
    if not isinstance(value, str):
        raise InputError(f"{FILE}: {key} is not a text.", remedy="Put it in quotation marks.")
    if len(value) > _TEXT_MAX or not value.isprintable():
        raise InputError(
            f"{FILE}: {key} is not a name.",
            remedy=f"Use at most {_TEXT_MAX} printable characters, no line breaks.",
        )
    return value.strip()


def _choice(said: Mapping[str, Any], key: str, usual: str, what: str, choices: tuple[str, ...]) -> str:
    value = (_text(said, key) or usual).upper()
    if value not in choices:
        raise InputError(f"{FILE}: {value!r} is no {what}.", remedy=f"Choose one of {', '.join(choices)}.")
    return value


def _moment(said: Mapping[str, Any], key: str, offset: str, within: str = "") -> Span | None:
    value = said.get(key)
    if value is None or value == "":
        return None
    text = value.isoformat() if isinstance(value, datetime | date) else str(value)
    try:
        return parse_span(text, offset)
    except InputError as fault:
        raise InputError(
            f"{FILE}, {within}{key}: {fault.message}", remedy="Write it like 2026-01-31."
        ) from fault


def _number(said: Mapping[str, Any], key: str, usual: Fraction, within: str = "") -> Fraction:
    if key not in said:
        return usual
    try:
        value = number(str(said[key]))
    except InputError as fault:
        raise InputError(f"{FILE}, {within}{key}: {fault.message}", remedy="Write a number.") from fault
    if value < 0:
        raise InputError(
            f"{FILE}, {within}{key}: {said[key]} is below zero.", remedy="Write a number from 0 up."
        )
    return value
