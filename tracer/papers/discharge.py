"""EU and UK inward processing: the bill of discharge.

Due within 30 days after the period for discharge (Delegated Act (EU) 2015/2446 Art. 175). Fields as the
domain reference, section 5, lists them for Annex 71-06; the annex itself has not been compared [?]. Goods
placed are matched with discharges by the book's policy (earliest declaration first is FIFO; specific goods on
request is SPECIFIC), and products account for goods by the rate of yield. Goods lost in processing are taken
off first, so they are a part of the line of their own.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from ledger.errors import InputError
from tracer.facts import Facts
from tracer.moment import iso_day
from tracer.papers.outcomes import OUTCOMES, LineOutcome, line_outcomes
from tracer.papers.particulars import fields
from tracer.quantity import micro_text, nearest, ratio_text
from tracer.settlement.document import Settlement
from tracer.settlement.exemption import OPENING

FORM_VERSION = "EU 2015/2446 Annex 71-06 [?]"
_BILL_DAYS = 30
_CN_DIGITS = 8


def discharge(facts: Facts, settlement: Settlement, given: Mapping[str, str]) -> dict[str, Any]:
    """The bill of discharge as JSON values.

    Args:
        settlement: of the same facts. given: particulars (`particulars.PARTICULARS`).

    What lacks is named in `missing`, its field is empty; a basis that lacks what it needs gives no figures.
    """
    particulars, missing = fields(given, ("authorisation", "holder_id", "office", "discharge_months"))
    if (fault := without_basis(facts)) is not None:
        return {
            "form_version": FORM_VERSION,
            "particulars": particulars,
            **{key: [] for key in ("goods", "discharges", "yields", "duty_due", "checks")},
            "missing": list(dict.fromkeys([*missing, fault, *settlement.missing])),
        }
    outcomes, uncovered = line_outcomes(facts, settlement.exemption)
    goods = [_goods(facts, one, given.get("discharge_months", "")) for one in outcomes]
    found = [
        row
        for one in settlement.exemption
        for row in _discharges(facts, one.material, one.import_line, one.by_export, one.uom)
    ]
    products = sorted({row["product"] for row in found})
    missing += [f"CN code of {row['material']}" for row in goods if len(row["cn"]) < _CN_DIGITS]
    missing += [f"CN code of {p}" for p in products if len(_hs(facts, p)) < _CN_DIGITS]
    missing += [
        f"value and duty rate of {row['line']}"
        for row in goods
        if row["duty"] is None and row["line"] != OPENING
    ]
    missing += [
        f"acceptance of {row['line']}" for row in goods if not row["accepted"] and row["line"] != OPENING
    ]
    if facts.book.yield_basis != "EU_RATE_OF_YIELD":
        missing.append(f"rate of yield: the book accounts by {facts.book.yield_basis}")
    if facts.book.allocation not in ("FIFO", "SPECIFIC"):
        missing.append(
            f"earliest declaration first, or specific goods: the book matches by {facts.book.allocation}"
        )
    return {
        "form_version": FORM_VERSION,
        "particulars": particulars,
        "goods": goods,
        "discharges": found,
        "yields": _yields(facts, products),
        "duty_due": _due(goods),
        "checks": _checks(outcomes, settlement),
        "missing": list(dict.fromkeys([*missing, *uncovered, *settlement.missing])),
    }


def without_basis(facts: Facts) -> str | None:
    """Why the yield basis of the book gives no figures; None where it does."""
    try:
        facts.unit_use  # noqa: B018 - worked out here, or it says why not
    except InputError as fault:
        return str(fault)
    return None


def _hs(facts: Facts, code: str) -> str:
    stated = facts.book.hs.get(code, "")
    return (stated or next((x.hs for x in facts.lines_of.get(code, ()) if x.hs), "")).replace(".", "")


def _goods(facts: Facts, one: LineOutcome, months: str) -> dict[str, Any]:
    line = facts.lines.get(one.line)
    accepted = iso_day(line.registered.start_ms, facts.book.offset) if line and line.registered else None
    limit = _after(accepted, int(months)) if accepted and months else None
    duty = (
        line.value * line.duty_rate
        if line and line.value is not None and line.duty_rate is not None
        else None
    )
    due = None if duty is None or not one.placed else nearest(duty * one.remaining / one.placed)
    return {
        "line": one.line,
        "accepted": accepted,
        "regime": line.regime if line else "",
        "material": one.material,
        "name": facts.book.descriptions.get(one.material) or (line.description if line else ""),
        "cn": _hs(facts, one.material)[:10],
        "uom": one.uom,
        "quantity": micro_text(one.placed),
        "value": ratio_text(line.value, 2) if line and line.value is not None else None,
        "currency": line.currency if line else "",
        "duty_rate": ratio_text(line.duty_rate) if line and line.duty_rate is not None else None,
        "duty": None if duty is None else ratio_text(duty, 2),
        "not_received": micro_text(one.not_received),
        "earlier": micro_text(one.earlier),
        "in_products": micro_text(one.in_products),
        **{key: micro_text(one.other.get(key, 0)) for key in OUTCOMES},
        "remaining": micro_text(one.remaining),
        "duty_due": None if due is None else str(due),
        "time_limit": limit.isoformat() if limit else None,
        "bill_due": (limit + timedelta(days=_BILL_DAYS)).isoformat() if limit else None,
    }


def _discharges(
    facts: Facts, material: str, line: str, by_export: Mapping[str, int], uom: str
) -> list[dict[str, Any]]:
    """What of an import line each export declaration line discharged."""
    result = []
    for export, quantity in sorted(by_export.items()):
        about = facts.lines.get(export)
        product = about.code if about else ""
        left = facts.exits.get((export, product), 0)
        exits = [
            e for e in facts.exit_events.get(export, ()) if e.occurred.start_ms >= facts.book.period.start_ms
        ]
        result.append(
            {
                "line": line,
                "material": material,
                "quantity": micro_text(quantity),
                "uom": uom,
                "export_line": export,
                "product": product,
                "cn": _hs(facts, product)[:10],
                "product_quantity": micro_text(left),
                "product_uom": facts.uoms.get(product, ""),
                "left": iso_day(min(e.occurred.end_ms for e in exits), facts.book.offset) if exits else None,
                "events": [e.id for e in exits],
            }
        )
    return result


def _yields(facts: Facts, products: list[str]) -> list[dict[str, Any]]:
    """Products and goods by the rate of yield, with the runs' own figures beside it."""
    result = []
    for (product, material), unit in sorted(facts.unit_use.items()):
        if product not in products or not unit or material not in facts.imported_codes:
            continue
        output = facts.usage.output.get(product, 0)
        losses = sum(
            (run.loss.get(material, Fraction(0)) for run in facts.runs if product in run.outputs), Fraction(0)
        )
        uom, product_uom = facts.uoms.get(material, ""), facts.uoms.get(product, "")
        result.append(
            {
                "product": product,
                "cn": _hs(facts, product)[:10],
                "material": material,
                "output": micro_text(output),
                "product_uom": product_uom,
                "input": micro_text(
                    nearest(facts.usage.base_ledger.get((product, material), Fraction(0)) * output)
                ),
                "losses": micro_text(nearest(losses)),
                "uom": uom,
                "rate": ratio_text(1 / unit),
                "ratio": f"1 {product_uom} per {ratio_text(unit)} {uom}",
            }
        )
    return result


def _due(goods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    totals: dict[str, int] = {}
    for row in goods:
        if row["duty_due"] is not None:
            totals[row["currency"]] = totals.get(row["currency"], 0) + int(row["duty_due"])
    return [{"currency": currency, "duty_due": str(total)} for currency, total in sorted(totals.items())]


def _checks(outcomes: list[LineOutcome], settlement: Settlement) -> list[dict[str, Any]]:
    """Identities of the bill: each holds, or the bill says that it does not."""
    rows = []
    for one in outcomes:
        rows.append(
            check(
                f"{one.line} {one.material}: no more was received than declared", 0, min(0, one.not_received)
            )
        )
        rows.append(
            check(
                f"{one.line} {one.material}: no more is discharged than was placed", 0, min(0, one.remaining)
            )
        )
    for total in settlement.materials:
        placed = sum(one.in_products for one in outcomes if one.material == total.material)
        rows.append(
            check(
                f"{total.material}: discharges by line add up to what the products hold",
                total.exempt_micro,
                placed,
            )
        )
    for row in settlement.exemption:
        rows.append(
            check(
                f"{row.import_line} {row.material}: discharges add up",
                row.quantity_micro,
                sum(row.by_export.values()),
            )
        )
    return rows


def check(what: str, expected: int, observed: int) -> dict[str, Any]:
    """One identity of a paper."""
    return {
        "check": what,
        "expected": micro_text(expected),
        "observed": micro_text(observed),
        "holds": "yes" if expected == observed else "NO",
    }


def _after(day: str, months: int) -> date:
    """The same day so many months later; the last of the month where it has no such day."""
    start = date.fromisoformat(day)
    year, month = divmod(start.month - 1 + months, 12)
    last = calendar.monthrange(start.year + year, month + 1)[1]
    return date(start.year + year, month + 1, min(start.day, last))
