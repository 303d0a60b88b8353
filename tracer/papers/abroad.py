"""Layouts of the papers of the EU, the UK and the US."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tracer.settlement.sheets import Column, Rows, SheetLayout


def _t(key: str, heading: str, width: int = 14) -> Column:
    return Column(key, heading, width=width)


def _n(key: str, heading: str, width: int = 12) -> Column:
    return Column(key, heading, width=width, numeric=True)


def _of(paper: str, key: str) -> Rows:
    return lambda document, _: document[paper][key]


def _missing(paper: str) -> Rows:
    return lambda document, _: [{"missing": text} for text in document[paper]["missing"]]


def _events(paper: str, key: str) -> Rows:
    def rows(document: Mapping[str, Any], _: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        for row in document[paper][key]:
            for event in row["events"]:
                yield {**row, "event": event}

    return rows


def _field_sheet(paper: str, name: str, title: str, note: str = "", subtitle: str = "") -> SheetLayout:
    return SheetLayout(
        name,
        title,
        (
            _t("field", "Field", 22),
            _t("meaning", "Meaning", 60),
            _t("value", "Value", 34),
            _t("note", "", 14),
        ),
        _of(paper, "particulars"),
        subtitle=subtitle,
        note=note,
    )


def _missing_sheet(paper: str) -> SheetLayout:
    return SheetLayout(
        "Missing",
        "What is missing, or is not as this law asks",
        (_t("missing", "Missing", 120),),
        _missing(paper),
        empty="Nothing.",
        follows=True,
    )


def _check_sheet(paper: str) -> SheetLayout:
    return SheetLayout(
        "Checks",
        "Identities",
        (
            _t("check", "Check", 80),
            _n("expected", "Expected"),
            _n("observed", "Observed"),
            _t("holds", "Holds", 8),
        ),
        _of(paper, "checks"),
    )


DISCHARGE: tuple[SheetLayout, ...] = (
    _field_sheet(
        "discharge",
        "Bill",
        "BILL OF DISCHARGE, INWARD PROCESSING",
        "Fields of Annex 71-06 as far as known [?].",
        "Delegated Regulation (EU) 2015/2446 Art. 175; for the UK the corresponding notice",
    ),
    _missing_sheet("discharge"),
    SheetLayout(
        "Goods placed",
        "Goods placed under the procedure",
        (
            _t("line", "Declaration and line", 22),
            _t("accepted", "Accepted", 12),
            _t("material", "Goods", 16),
            _t("name", "Description", 34),
            _t("cn", "CN code", 12),
            _n("quantity", "Quantity placed"),
            _t("uom", "Unit", 7),
            _n("value", "Customs value"),
            _t("currency", "Currency", 9),
            _n("duty_rate", "Duty rate", 9),
            _n("duty", "Duty"),
            _t("time_limit", "Discharge by", 12),
            _t("bill_due", "Bill by", 12),
        ),
        _of("discharge", "goods"),
        empty="No imported goods were under the procedure in these days.",
    ),
    SheetLayout(
        "Outcomes",
        "What became of them: a line is the sum of its parts",
        (
            _t("line", "Declaration and line", 22),
            _t("material", "Goods", 16),
            _n("quantity", "Placed"),
            _n("not_received", "Not received"),
            _n("earlier", "Earlier periods"),
            _n("in_products", "In products that left"),
            _n("re_exported", "Re-exported"),
            _n("released", "Released"),
            _n("destroyed", "Destroyed"),
            _n("transferred", "Transferred"),
            _n("lost", "Lost"),
            _n("remaining", "Not discharged"),
            _t("uom", "Unit", 7),
            _n("duty_due", "Duty on it"),
        ),
        _of("discharge", "goods"),
        follows=True,
        optional=True,
    ),
    SheetLayout(
        "Duty due",
        "Duty on what is not discharged, if it stays so",
        (_t("currency", "Currency"), _n("duty_due", "Duty")),
        _of("discharge", "duty_due"),
        follows=True,
        optional=True,
    ),
    SheetLayout(
        "Discharged",
        "Processed products and the discharges by them",
        (
            _t("line", "Goods: declaration and line", 22),
            _t("material", "Goods", 14),
            _n("quantity", "Discharged"),
            _t("uom", "Unit", 6),
            _t("export_line", "Discharged by", 22),
            _t("left", "Left on", 11),
            _t("product", "Product", 14),
            _t("cn", "CN code", 11),
            _n("product_quantity", "Products on that line"),
            _t("product_uom", "Unit", 6),
        ),
        _of("discharge", "discharges"),
        empty="Nothing left that holds goods under the procedure.",
    ),
    SheetLayout(
        "Rate of yield",
        "Rate of yield: products for one unit of goods, losses first taken off",
        (
            _t("product", "Product", 16),
            _t("cn", "CN code", 11),
            _t("material", "Goods", 16),
            _n("input", "Put in"),
            _n("losses", "Losses in these runs"),
            _t("uom", "Unit", 6),
            _n("output", "Obtained"),
            _t("product_uom", "Unit", 6),
            _n("rate", "Rate"),
            _t("ratio", "As a ratio", 24),
        ),
        _of("discharge", "yields"),
        empty="Nothing was processed.",
    ),
    _check_sheet("discharge"),
)
"""The bill of discharge."""

DRAWBACK: tuple[SheetLayout, ...] = (
    _field_sheet(
        "drawback", "Claim", "MANUFACTURING DRAWBACK: ABSTRACT AND SCHEDULE", subtitle="19 CFR part 190"
    ),
    SheetLayout(
        "Method",
        "Accounting method and manufacturing basis",
        (
            _t("method", "Method code (ACE)", 20),
            _t("allocation", "Method", 30),
            _t("basis", "Basis (190.23)", 40),
        ),
        lambda document, _: [
            {
                "method": document["drawback"]["method"],
                "allocation": document["allocation"],
                "basis": document["drawback"]["basis"] or f"none: {document['yield_basis']}",
            }
        ],
        follows=True,
    ),
    _missing_sheet("drawback"),
    SheetLayout(
        "Abstract",
        "Abstract: totals of the period",
        (
            _t("material", "Merchandise", 16),
            _t("hts", "HTS", 11),
            _n("put_in", "Put in, all products"),
            _n("waste", "of which waste"),
            _n("loss", "of which lost"),
            _t("uom", "Unit", 6),
            _t("product", "Article", 16),
            _t("product_hts", "HTS", 11),
            _n("made", "Made"),
            _n("used", "Counted in it by the basis"),
            _n("exported", "Exported"),
            _n("eligible", "Counted in what was exported"),
            _t("product_uom", "Unit", 6),
        ),
        _of("drawback", "abstract"),
        empty="Nothing was made.",
    ),
    SheetLayout(
        "Schedule",
        "Schedule: merchandise for one unit of each article",
        (
            _t("product", "Article", 20),
            _t("product_hts", "HTS", 11),
            _t("product_uom", "Unit", 6),
            _t("material", "Merchandise", 20),
            _t("hts", "HTS", 11),
            _n("per_unit", "For one unit"),
            _t("uom", "Unit", 6),
        ),
        _of("drawback", "schedule"),
        empty="Nothing was made.",
    ),
    SheetLayout(
        "Designations",
        "Imports designated",
        (
            _t("line", "Import entry and line", 22),
            _t("imported", "Imported", 11),
            _t("material", "Merchandise", 14),
            _t("hts", "HTS", 11),
            _n("quantity", "Designated"),
            _t("uom", "Unit", 6),
            _n("duty_per_unit", "Duty on one unit"),
            _n("duty", "Duty on it"),
            _t("currency", "Cur.", 6),
            _t("export_line", "Export and line", 22),
            _t("left", "Left on", 11),
            _t("product", "Article", 14),
            _n("product_quantity", "Articles on that line"),
            _t("product_uom", "Unit", 6),
            _t("in_time", "5 years [?]", 8),
        ),
        _of("drawback", "designations"),
        note="The share that is refunded is not applied.",
        empty="Nothing that left holds imported merchandise.",
    ),
    SheetLayout(
        "Totals",
        "Duty on what is designated",
        (_t("currency", "Currency"), _n("duty", "Duty")),
        _of("drawback", "totals"),
        follows=True,
        optional=True,
    ),
    _check_sheet("drawback"),
)
"""Drawback abstract and schedule."""


def evidence(paper: str, key: str) -> SheetLayout:
    """The exits behind each discharge or designation, one in a row; for the workbook."""
    return SheetLayout(
        "Evidence",
        "The exits behind every row",
        (
            _t("line", "Import line", 24),
            _t("material", "Goods", 18),
            _n("quantity", "Quantity"),
            _t("export_line", "Export line", 24),
            _t("event", "Event", 70),
        ),
        _events(paper, key),
    )
