"""What stands on which sheet of a settlement's workbook: titles, headings, column numbers, rows.

Headings of the three forms are those of the circular, with English beneath; columns without a number are not
on the form as filed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Rows = Callable[[Mapping[str, Any], Mapping[str, Any]], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the row's key, its heading, its number on the form, its width in characters."""

    key: str
    heading: str
    number: str = ""
    width: int = 14
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class SheetLayout:
    """A sheet.

    Attributes:
        rows: its rows, from settlement and report. optional: left out where there are none.
        numbered: it is a form, with a row of column numbers. empty: said where there is no row.
        prose: lines between head and table, each with its style. follows: on paper it goes on below the
            layout before it, under its title alone.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Rows
    subtitle: str = ""
    note: str = ""
    numbered: bool = False
    optional: bool = False
    empty: str = "None."
    foot: tuple[str, ...] = ()
    prose: tuple[tuple[str, str], ...] = ()
    follows: bool = False


def _t(key: str, heading: str, number: str = "", width: int = 14) -> Column:
    return Column(key, heading, number, width)


def _n(key: str, heading: str, number: str = "", width: int = 14) -> Column:
    return Column(key, heading, number, width, numeric=True)


def head(layout: SheetLayout, document: Mapping[str, Any],
         report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What stands above a table, line by line with its style (title, plain, note)."""
    period = document["period"]
    yield "title", layout.title
    if layout.subtitle:
        yield "plain", layout.subtitle
    yield "plain", (f"{document['enterprise']}, book {document['book']} ({document['regime']}), "
                    f"{period['from']} to {period['to']}")
    known = document.get("known_at")
    block = f", as known at block {known['block']} of the ledger" if known else ""
    yield "note", (f"As of {document['as_of']}{block}. Layout {document['form_version']}, allocation "
                   f"{document['allocation']}, rule pack {report['rule_pack']}. {layout.note}").strip()
    if layout.numbered:
        yield from (("note", f"Left out, for want of: {text}.") for text in document["missing"])
    yield "plain", ""
    yield from layout.prose


_SIGNED = ("", "Ngày ... tháng ... năm ...", "NGƯỜI LẬP (prepared by)",
           "ĐẠI DIỆN DOANH NGHIỆP (for the enterprise)")
_SOURCES = {"imported": "", "domestic": "mua trong nước / bought domestically", "own": ""}


def _form15(settlement: Mapping[str, Any], _: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for row in settlement["form15"]:
        notes = "; ".join(x for x in (_SOURCES.get(row["source"], row["source"]), row["notes"]) if x)
        yield {**row, "notes": notes}


def _of(key: str) -> Rows:
    return lambda settlement, _: settlement[key]


def _exemption(settlement: Mapping[str, Any], _: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """One row for each import line and export line; the duty on the first row of its import line."""
    for row in settlement["exemption"]:
        for place, used in enumerate(row["export_lines"]):
            yield {**row, "export_line": used["line"], "used": used["quantity"],
                   "duty_freed": row["duty_freed"] if place == 0 else None,
                   "quantity": row["quantity"] if place == 0 else None}


def _findings(_: Mapping[str, Any], report: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for finding in [*report["findings"], *report["not_evaluable"]]:
        yield {**finding, "subject": finding["subject"]["id"], "missing": ", ".join(finding["missing"]),
               "evidence": ", ".join(str(one.get("id", "")) for one in finding["evidence"])}


def _evidence(settlement: Mapping[str, Any], _: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for row in settlement["evidence"]:
        for event in row["events"]:
            yield {**row, "event": event}


_STOCK = (_t("no", "No.", width=6), _t("code", "Code", width=18), _t("uom", "Unit", width=8))

SHEETS: tuple[SheetLayout, ...] = (
    SheetLayout("15", "BÁO CÁO QUYẾT TOÁN TÌNH HÌNH SỬ DỤNG NGUYÊN LIỆU, VẬT TƯ NHẬP KHẨU", (
        _t("no", "STT\nNo.", "1", 6),
        _t("code", "Mã nguyên liệu, vật tư\nMaterial code", "2", 18),
        _t("name", "Tên nguyên liệu, vật tư\nMaterial name", "3", 34),
        _t("uom", "Đơn vị tính\nUnit", "4", 8),
        _n("opening", "Lượng tồn kho đầu kỳ\nOpening stock", "5"),
        _n("received", "Lượng nhập trong kỳ\nReceived", "6"),
        _n("re_exported", "Tái xuất\nRe-exported", "7"),
        _n("repurposed", "Chuyển mục đích sử dụng, tiêu thụ nội địa, tiêu hủy\nPurpose changed, sold inland, "
           "destroyed", "8", 18),
        _n("issued", "Xuất kho để sản xuất\nIssued to production", "9"),
        _n("other_issue", "Xuất kho khác\nOther issue", "10"),
        _n("closing", "Lượng tồn kho cuối kỳ\nClosing stock", "11"),
        _t("notes", "Ghi chú\nNotes", "12", 24)),
        _form15, "Mẫu số 15/BCQT-NVL/GSQL. Form 15: settlement report on materials",
        "(11) = (5) + (6) - (7) - (8) - (9) - (10).", numbered=True, foot=_SIGNED),
    SheetLayout("15a", "BÁO CÁO QUYẾT TOÁN NHẬP - XUẤT - TỒN KHO SẢN PHẨM XUẤT KHẨU", (
        _t("no", "STT\nNo.", "1", 6),
        _t("code", "Mã sản phẩm xuất khẩu\nProduct code", "2", 18),
        _t("name", "Tên sản phẩm xuất khẩu\nProduct name", "3", 34),
        _t("uom", "Đơn vị tính\nUnit", "4", 8),
        _n("opening", "Lượng tồn kho đầu kỳ\nOpening stock", "5"),
        _n("received", "Lượng nhập kho trong kỳ\nReceived", "6"),
        _n("repurposed", "Chuyển mục đích sử dụng, tiêu thụ nội địa, tiêu hủy\nPurpose changed, sold inland, "
           "destroyed", "7", 18),
        _n("exported", "Lượng xuất khẩu\nIssued and exported", "8"),
        _n("other_issue", "Xuất kho khác\nOther issue", "9"),
        _n("closing", "Lượng tồn kho cuối kỳ\nClosing stock", "10"),
        _t("notes", "Ghi chú\nNotes", "11", 24)),
        _of("form15a"), "Mẫu số 15a/BCQT-SP/GSQL. Form 15a: settlement report on products",
        "(10) = (5) + (6) - (7) - (8) - (9).", numbered=True, foot=_SIGNED),
    SheetLayout("16", "ĐỊNH MỨC THỰC TẾ SẢN XUẤT SẢN PHẨM XUẤT KHẨU", (
        _t("no", "STT\nNo.", "1", 6),
        _t("product", "Mã sản phẩm xuất khẩu\nProduct code", "2", 18),
        _t("product_name", "Tên sản phẩm\nProduct name", "3", 30),
        _t("product_uom", "Đơn vị tính\nUnit", "4", 8),
        _t("material", "Mã nguyên liệu, vật tư\nMaterial code", "5", 18),
        _t("material_name", "Tên nguyên liệu, vật tư\nMaterial name", "6", 30),
        _t("material_uom", "Đơn vị tính\nUnit", "7", 8),
        _n("norm", "Định mức thực tế trên một đơn vị sản phẩm\nActual norm per unit of product", "8", 18),
        _t("flag", "Ghi chú\nFlag", "9", 10),
        _n("norm_ledger", "Not filed: the norm that the ledger shows", width=18)),
        _of("form16"), "Mẫu số 16/ĐMTT/GSQL. Form 16: material used for one unit of product", numbered=True,
        foot=_SIGNED),
    SheetLayout("Exemption", "Used in products that left, by import line", (
        _t("no", "No.", width=6), _t("material", "Material", width=18), _t("uom", "Unit", width=8),
        _t("import_line", "Import line", width=22), _n("quantity", "Used in what left"),
        _t("export_line", "Export line", width=22), _n("used", "of which in this export"),
        _n("duty_rate", "Duty rate"), _n("duty_freed", "Duty freed"), _t("currency", "Currency", width=9)),
        _exemption, note="Material of a product by the book's yield basis (VN_NORM: the smaller of declared "
        "and actual norm), times what left, times the imported share (in Vietnam: Decree 134/2016 Art. "
        "10.2.dd, 12.2.d).",
        empty="Nothing that left the country holds imported material."),
    SheetLayout("Claim", "Claimed and exempt, by material", (
        _t("material", "Material", width=18), _t("uom", "Unit", width=8),
        _n("imported_share", "Imported share"), _n("claimed", "Claimed"), _n("exempt", "Exempt by law"),
        _n("over_claimed", "Claimed too much")),
        _of("materials")),
    SheetLayout("WIP", "Work in progress", (
        *_STOCK, _t("source", "Source", width=10), _n("opening", "Opening"), _n("issued", "Issued"),
        _n("returned", "Returned"), _n("consumed", "Consumed"), _n("other_issue", "Other issue"),
        _n("closing", "Closing")), _of("wip"), optional=True),
    SheetLayout("Semi-finished", "Semi-finished goods", (
        *_STOCK, _n("opening", "Opening"), _n("produced", "Produced"), _n("returned", "Returned"),
        _n("issued", "Issued"), _n("other_issue", "Other issue"), _n("closing", "Closing")),
        _of("semi_finished"), note="Not shown on the forms; norms are rolled up to base materials.",
        optional=True),
    SheetLayout("Scrap", "Scrap", (
        *_STOCK, _n("opening", "Opening"), _n("generated", "Generated"), _n("taken_out", "Taken out"),
        _n("destroyed", "Destroyed"), _n("other_issue", "Other issue"), _n("closing", "Closing")),
        _of("scrap"), optional=True),
    SheetLayout("Findings", "What does not add up, and what could not be judged", (
        _t("rule", "Rule", width=7), _t("severity", "Severity", width=10), _t("verdict", "Verdict", width=14),
        _t("subject", "Subject", width=22), _n("expected", "Expected"), _n("observed", "Observed"),
        _n("difference", "Difference"), _t("uom", "Unit", width=8), _n("duty_at_risk", "Duty at risk"),
        _t("currency", "Currency", width=9),
        _t("explanation", "Why", width=60), _t("missing", "What is missing", width=30),
        _t("legal_ref", "Law", width=30), _t("evidence", "Evidence: events", width=40)),
        _findings, empty="Nothing was found, and everything could be judged."),
    SheetLayout("Evidence", "The events behind every figure", (
        _t("form", "Form or ledger", width=14), _t("code", "Code", width=18),
        _t("source", "Source", width=10), _t("column", "Column", width=14),
        _n("quantity", "Figure"), _t("event", "Event", width=70)),
        _evidence, note="A figure has a row for each of its events."),
)
"""All sheets in their order."""

PRINTED: tuple[SheetLayout, ...] = (
    *(sheet for sheet in SHEETS if sheet.name not in ("Findings", "Evidence")),
    SheetLayout("Findings", "What does not add up", (
        _t("rule", "Rule", width=6), _t("severity", "Severity", width=9), _t("subject", "Subject", width=24),
        _n("expected", "Expected", width=12), _n("observed", "Observed", width=12),
        _n("difference", "Difference", width=12), _t("uom", "Unit", width=6),
        _n("duty_at_risk", "Duty at risk", width=12), _t("currency", "Currency", width=9),
        _t("explanation", "Why", width=60),
        _t("legal_ref", "Law", width=44)),
        lambda _, report: [{**f, "subject": f["subject"]["id"]} for f in report["findings"]],
        note="The workbook names the events behind each; an explanation tells where the goods went.",
        empty="Nothing was found."),
    SheetLayout("Not judged", "What could not be judged, so it is no pass", (
        _t("rule", "Rule", width=6), _t("subject", "Subject", width=40),
        _t("missing", "What is missing", width=110)),
        lambda _, report: [{**f, "subject": f["subject"]["id"], "missing": ", ".join(f["missing"])}
                           for f in report["not_evaluable"]], follows=True, optional=True),
)
"""What is printed of a settlement: without the events, findings and what could not be judged apart."""
