"""US manufacturing drawback (19 CFR part 190): the abstract, the schedule, and the imports designated.

The abstract states totals of the period, the schedule the quantity for one unit of product: the pair that
forms 15 and 16 are in Vietnam. Accounting methods and their codes are those of ACE (190.14); manufacturing
bases those of 190.23. The limit of five years from import to claim is marked [?]: it has not been compared
with the statute.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from tracer.allocation import ACE_METHOD
from tracer.facts import Facts
from tracer.moment import iso_day
from tracer.papers.discharge import check, without_basis
from tracer.papers.outcomes import line_outcomes
from tracer.papers.particulars import fields
from tracer.quantity import micro_text, nearest, ratio_text
from tracer.settlement.document import Settlement
from tracer.settlement.exemption import OPENING

FORM_VERSION = "US 19 CFR 190"
YEARS_MAX = 5
_HTS_DIGITS = 8
BASES = {
    "US_USED_IN": "used in",
    "US_LESS_VALUABLE_WASTE": "used in less valuable waste",
    "US_RELATIVE_VALUE": "relative value",
    "US_APPEARING_IN": "appearing in",
}


def drawback(facts: Facts, settlement: Settlement, given: Mapping[str, str]) -> dict[str, Any]:
    """Abstract, schedule and designations as JSON values.

    Args:
        settlement: of the same facts. given: particulars (`particulars.PARTICULARS`).

    What lacks is named in `missing`, its field is empty; a basis that lacks what it needs gives no figures.
    """
    particulars, missing = fields(given, ("claimant_id", "ruling", "claim"))
    book = facts.book
    said = {
        "form_version": FORM_VERSION,
        "particulars": particulars,
        "method": ACE_METHOD.get(book.allocation, ""),
        "basis": BASES.get(book.yield_basis, ""),
    }
    if (fault := without_basis(facts)) is not None:
        return {
            **said,
            **{key: [] for key in ("abstract", "schedule", "designations", "totals", "checks")},
            "missing": list(dict.fromkeys([*missing, fault, *settlement.missing])),
        }
    designations = [
        row
        for one in settlement.exemption
        for row in _designated(facts, one.import_line, one.material, one.by_export, one.uom)
    ]
    abstract, schedule = _abstract(facts), _schedule(facts)
    codes = sorted({row[key] for row in schedule for key in ("product", "material")})
    missing += [f"8-digit HTS of {code}" for code in codes if len(_hts(facts, code)) < _HTS_DIGITS]
    missing += [
        f"value and duty rate of {row['line']}"
        for row in designations
        if row["duty"] is None and row["line"] != OPENING
    ]
    missing += [
        f"import line of {row['quantity']} {row['uom']} of {row['material']} in {row['export_line']}"
        for row in designations
        if row["line"] == OPENING
    ]
    missing += [
        f"an export within {YEARS_MAX} years of import [?]: {row['line']} in {row['export_line']}"
        for row in designations
        if row["in_time"] == "NO"
    ]
    if book.yield_basis not in BASES:
        missing.append(f"a manufacturing basis of 19 CFR 190.23: the book accounts by {book.yield_basis}")
    if book.allocation == "VN_EXPORT_RATIO":
        missing.append("an approved method (190.14(d)): the book attributes by VN_EXPORT_RATIO")
    outcomes, uncovered = line_outcomes(facts, settlement.exemption)
    checks = [
        check(
            f"{one.line} {one.material}: no more is designated than was received",
            0,
            min(0, one.placed - one.not_received - one.in_products),
        )
        for one in outcomes
    ]
    checks += [
        check(
            f"{row.import_line} {row.material}: designations add up",
            row.quantity_micro,
            sum(row.by_export.values()),
        )
        for row in settlement.exemption
    ]
    checks += _production_checks(facts)
    return {
        **said,
        "abstract": abstract,
        "schedule": schedule,
        "designations": designations,
        "totals": _totals(designations),
        "checks": checks,
        "missing": list(dict.fromkeys([*missing, *uncovered, *settlement.missing])),
    }


def _hts(facts: Facts, code: str) -> str:
    stated = facts.book.hs.get(code, "")
    return (stated or next((x.hs for x in facts.lines_of.get(code, ()) if x.hs), "")).replace(".", "")


def _abstract(facts: Facts) -> list[dict[str, Any]]:
    """Totals of the period by material and product: put in, waste, what the basis counts, what left."""
    put_in: dict[str, Fraction] = defaultdict(Fraction)
    waste: dict[str, Fraction] = defaultdict(Fraction)
    loss: dict[str, Fraction] = defaultdict(Fraction)
    for run in facts.runs:
        for code, q in run.inputs.items():
            put_in[code] += q
            waste[code] += run.scrap.get(code, Fraction(0))
            loss[code] += run.loss.get(code, Fraction(0))
    rows = []
    for (product, material), unit in sorted(facts.unit_use.items()):
        output = facts.usage.output.get(product, 0)
        if not output or not unit or material not in facts.imported_codes:
            continue
        left = facts.exported.get(product, 0)
        rows.append(
            {
                "material": material,
                "hts": _hts(facts, material)[:10],
                "uom": facts.uoms.get(material, ""),
                "put_in": micro_text(nearest(put_in[material])),
                "waste": micro_text(nearest(waste[material])),
                "loss": micro_text(nearest(loss[material])),
                "product": product,
                "product_hts": _hts(facts, product)[:10],
                "product_uom": facts.uoms.get(product, ""),
                "made": micro_text(output),
                "used": micro_text(nearest(unit * output)),
                "exported": micro_text(left),
                "eligible": micro_text(nearest(unit * left)),
            }
        )
    return rows


def _schedule(facts: Facts) -> list[dict[str, Any]]:
    """Material for one unit of each product that was made or left."""
    return [
        {
            "product": product,
            "product_hts": _hts(facts, product)[:10],
            "product_uom": facts.uoms.get(product, ""),
            "material": material,
            "hts": _hts(facts, material)[:10],
            "per_unit": ratio_text(unit),
            "uom": facts.uoms.get(material, ""),
        }
        for (product, material), unit in sorted(facts.unit_use.items())
        if unit
        and material in facts.imported_codes
        and (facts.usage.output.get(product) or facts.exported.get(product))
    ]


def _designated(
    facts: Facts, line: str, material: str, by_export: Mapping[str, int], uom: str
) -> list[dict[str, Any]]:
    about = facts.lines.get(line)
    offset = facts.book.offset
    imported = iso_day(about.registered.start_ms, offset) if about and about.registered else None
    duty = (
        about.value * about.duty_rate / about.quantity_micro
        if about and about.value is not None and about.duty_rate is not None and about.quantity_micro
        else None
    )
    rows = []
    for export, quantity in sorted(by_export.items()):
        exits = [
            e for e in facts.exit_events.get(export, ()) if e.occurred.start_ms >= facts.book.period.start_ms
        ]
        left = iso_day(min(e.occurred.end_ms for e in exits), offset) if exits else None
        product = facts.lines[export].code if export in facts.lines else ""
        rows.append(
            {
                "line": line,
                "imported": imported,
                "material": material,
                "hts": _hts(facts, material)[:10],
                "quantity": micro_text(quantity),
                "uom": uom,
                "duty_per_unit": None if duty is None else ratio_text(duty * 1_000_000, 6),
                "duty": None if duty is None else ratio_text(duty * quantity, 2),
                "currency": about.currency if about else "",
                "export_line": export,
                "left": left,
                "product": product,
                "product_quantity": micro_text(facts.exits.get((export, product), 0)),
                "product_uom": facts.uoms.get(product, ""),
                "in_time": "" if not imported or not left else "yes" if _within(imported, left) else "NO",
                "events": [e.id for e in exits],
            }
        )
    return rows


def _within(imported: str, left: str) -> bool:
    start = date.fromisoformat(imported)
    last = date(start.year + YEARS_MAX, start.month, min(start.day, 28 if start.month == 2 else start.day))
    return date.fromisoformat(left) <= last


def _totals(designations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Duty on what is designated, by currency. The share that is refunded is not applied."""
    totals: dict[str, Fraction] = defaultdict(Fraction)
    for row in designations:
        if row["duty"] is not None:
            totals[row["currency"]] += Fraction(row["duty"])
    return [
        {"currency": currency, "duty": ratio_text(total, 2)} for currency, total in sorted(totals.items())
    ]


def _production_checks(facts: Facts) -> list[dict[str, Any]]:
    """What the products took of an input is no more than what was put in."""
    put_in: dict[str, Fraction] = defaultdict(Fraction)
    for run in facts.runs:
        for code, q in run.inputs.items():
            put_in[code] += q
    counted: dict[str, Fraction] = defaultdict(Fraction)
    for (product, material), unit in facts.unit_use.items():
        counted[material] += unit * facts.usage.output.get(product, 0)
    return [
        check(
            f"{material}: the products account for no more than was put in",
            0,
            min(0, nearest(q - counted.get(material, Fraction(0)))),
        )
        for material, q in sorted(put_in.items())
    ]
