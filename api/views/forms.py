"""The forms of a settlement as tables: columns with the numbers that they have on paper."""

from __future__ import annotations

from typing import Any

from tracer.quantity import grouped


def _text(key: str, label: str, number: str = "") -> dict[str, Any]:
    style = "name" if "name" in key else "c"
    return {"key": key, "label": label, "number": number, "numeric": False, "style": style}


def _number(key: str, label: str, number: str = "") -> dict[str, Any]:
    return {"key": key, "label": label, "number": number, "numeric": True, "style": "n"}


FORM15 = (
    _text("no", "No.", "1"),
    _text("code", "Material", "2"),
    _text("name", "Name", "3"),
    _text("uom", "Unit", "4"),
    _text("source", "Source"),
    _number("opening", "Opening", "5"),
    _number("received", "Received", "6"),
    _number("re_exported", "Re-exported", "7"),
    _number("repurposed", "Purpose changed", "8"),
    _number("issued", "To production", "9"),
    _number("other_issue", "Other issue", "10"),
    _number("closing", "Closing", "11"),
)
FORM15A = (
    _text("no", "No.", "1"),
    _text("code", "Product", "2"),
    _text("name", "Name", "3"),
    _text("uom", "Unit", "4"),
    _number("opening", "Opening", "5"),
    _number("received", "Received", "6"),
    _number("repurposed", "Purpose changed", "7"),
    _number("exported", "Exported", "8"),
    _number("other_issue", "Other issue", "9"),
    _number("closing", "Closing", "10"),
)
FORM16 = (
    _text("no", "No.", "1"),
    _text("product", "Product", "2"),
    _text("product_name", "Name", "3"),
    _text("product_uom", "Unit", "4"),
    _text("material", "Material", "5"),
    _text("material_name", "Name", "6"),
    _text("material_uom", "Unit", "7"),
    _number("norm", "Norm declared", "8"),
    _text("flag", "Flag", "9"),
    _number("norm_ledger", "Norm by the ledger"),
)
EXEMPTION = (
    _text("no", "No."),
    _text("material", "Material"),
    _text("uom", "Unit"),
    _text("import_line", "Import line"),
    _number("quantity", "Used in what left"),
    _text("exports", "Left on"),
    _number("duty_freed", "Duty freed"),
    _text("currency", "Currency"),
)
MATERIALS = (
    _text("material", "Material"),
    _text("uom", "Unit"),
    _number("imported_share", "Imported share"),
    _number("claimed", "Claimed"),
    _number("exempt", "Exempt by law"),
    _number("over_claimed", "Claimed too much"),
)
SCRAP = (
    _text("no", "No."),
    _text("code", "Scrap"),
    _text("uom", "Unit"),
    _number("opening", "Opening"),
    _number("generated", "Generated"),
    _number("taken_out", "Taken out"),
    _number("destroyed", "Destroyed"),
    _number("other_issue", "Other issue"),
    _number("closing", "Closing"),
)
WIP = (
    _text("no", "No."),
    _text("code", "Material"),
    _text("uom", "Unit"),
    _text("source", "Source"),
    _number("opening", "Opening"),
    _number("issued", "Issued"),
    _number("returned", "Returned"),
    _number("consumed", "Consumed"),
    _number("other_issue", "Other issue"),
    _number("closing", "Closing"),
)


def tables_of(settlement: dict[str, Any]) -> list[dict[str, Any]]:
    """Every form of a settlement as a table: heading, title, note, columns, rows."""
    exemption = [
        {**row, "exports": [f"{x['line']}: {grouped(x['quantity'])}" for x in row["export_lines"]]}
        for row in settlement["exemption"]
    ]
    return [
        _table(
            "Form 15",
            "Form 15/BCQT-NVL: materials",
            FORM15,
            settlement["form15"],
            "(11) = (5) + (6) − (7) − (8) − (9) − (10)",
        ),
        _table(
            "Form 15a",
            "Form 15a/BCQT-SP: products",
            FORM15A,
            settlement["form15a"],
            "(10) = (5) + (6) − (7) − (8) − (9)",
        ),
        _table(
            "Form 16",
            "Form 16/DMTT: material per unit of product",
            FORM16,
            settlement["form16"],
            "beside each declared norm, the one that the ledger shows",
        ),
        _table(
            "Exemption",
            "Used in products that left, by import line",
            EXEMPTION,
            exemption,
            "the smaller of declared and actual norm, times what left, times the imported share",
        ),
        _table("Claim", "Claimed and exempt, by material", MATERIALS, settlement["materials"], ""),
        _table("In production", "Work in progress", WIP, settlement["wip"], ""),
        _table("Scrap", "Scrap", SCRAP, settlement["scrap"], ""),
    ]


def _table(
    heading: str, title: str, columns: tuple[dict[str, Any], ...], rows: list[dict[str, Any]], note: str
) -> dict[str, Any]:
    return {"heading": heading, "title": title, "note": note, "columns": list(columns), "rows": rows}
