"""A settlement as a workbook: forms 15, 15a and 16 laid out as they are filed, and what they rest on.

Takes the settlement's own JSON, so that file, screen and API say the same. Layout: Circular 38/2015 as
amended by 39/2018 (`document.FORM_VERSION`): title, headings, a row of column numbers, then the rows.
Sheets after the forms are not filed: the exemption statement, the ledgers beside the forms, what does not
add up, and for every figure the events behind it. The same settlement gives the same bytes.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter

from ledger.errors import TooLargeError
from tracer.settlement.sheets import SHEETS, Column, SheetLayout, head

ROWS_MAX = 1_048_576
"""Rows of a sheet of a workbook (ECMA-376 leaves it open, the programs do not)."""
_DIGITS_MAX = 15
"""Digits that spreadsheet programs keep of a number; one with more is written as text, whole."""
_TEXT_MAX = 32_767
_NUMBER = re.compile(r"(-?\d+(?:\.(\d+))?)", re.ASCII)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SAVED = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(</dcterms:\2>)")
_THIN = Side(style="thin", color="FF999999")
_BOX = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_HEADING = Font(bold=True)
_SOFT = Font(italic=True, color="FF555555")


@dataclass(frozen=True, slots=True)
class _Look:
    font: Font | None = None
    alignment: Alignment | None = None
    border: Border | None = None


_TITLE = _Look(Font(bold=True, size=13))
_PLAIN = _Look()
_NOTE = _Look(_SOFT)
_STYLES = {"title": _TITLE, "plain": _PLAIN, "note": _NOTE}
_HEAD = _Look(_HEADING, Alignment(wrap_text=True, horizontal="center", vertical="center"), _BOX)
_NUMBERED = _Look(_SOFT, Alignment(horizontal="center"), _BOX)
_TEXT = _Look(None, Alignment(wrap_text=True, vertical="top"), _BOX)
_AMOUNT = _Look(None, Alignment(horizontal="right", vertical="top"), _BOX)


def workbook(settlement: Mapping[str, Any], report: Mapping[str, Any],
             sheets: Sequence[SheetLayout] = SHEETS) -> bytes:
    """The workbook of a settlement, or of another paper by its own sheets.

    Args:
        settlement: `Settlement.to_json`. report: `check.Report.to_json` of the same book and period.
        sheets: what stands on which sheet.

    Returns:
        The file, XLSX (ECMA-376).

    Raises:
        TooLargeError: a table has more rows than a sheet can have.
    """
    book = Workbook(write_only=True)
    for layout in sheets:
        rows = list(layout.rows(settlement, report))
        if layout.optional and not rows:
            continue
        if len(rows) + 20 > ROWS_MAX:
            raise TooLargeError(f"{layout.title} has {len(rows)} rows, a sheet takes {ROWS_MAX}.",
                                remedy="Settle a shorter period, or take --json.")
        _write(book.create_sheet(layout.name), layout, settlement, report, rows)
    made = BytesIO()
    book.save(made)
    return _same_every_time(made.getvalue(), str(settlement["as_of"]))


def _write(sheet: Any, layout: SheetLayout, settlement: Mapping[str, Any], report: Mapping[str, Any],
           rows: Sequence[Mapping[str, Any]]) -> None:
    for place, column in enumerate(layout.columns, 1):
        sheet.column_dimensions[get_column_letter(place)].width = column.width
    above = list(head(layout, settlement, report))
    sheet.freeze_panes = f"A{len(above) + (2 if layout.numbered else 1) + 1}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = f"{len(above) + 1}:{len(above) + (2 if layout.numbered else 1)}"
    for style, text in above:
        sheet.append([_cell(sheet, text, _STYLES[style])])
    sheet.append([_cell(sheet, column.heading, _HEAD) for column in layout.columns])
    if layout.numbered:
        sheet.append([_cell(sheet, f"({c.number})" if c.number else "", _NUMBERED) for c in layout.columns])
    for row in rows:
        sheet.append([_value(sheet, column, row.get(column.key)) for column in layout.columns])
    if not rows:
        sheet.append([_cell(sheet, layout.empty, _NOTE)])
    for text in layout.foot:
        sheet.append([_cell(sheet, text, _PLAIN)])


def _value(sheet: Any, column: Column, value: Any) -> Any:
    if value is None or value == "":
        return _cell(sheet, "", _TEXT)
    number = _NUMBER.fullmatch(str(value)) if column.numeric else None
    if number is None:
        return _cell(sheet, str(value), _TEXT)
    if len(number[1].strip("-0.").replace(".", "")) > _DIGITS_MAX:
        return _cell(sheet, str(value), _AMOUNT)
    made = _cell(sheet, Decimal(number[1]), _AMOUNT)
    places = len(number[2] or "")
    made.number_format = "#,##0" + ("." + "0" * places if places else "")
    return made


def _cell(sheet: Any, value: str | Decimal, look: _Look) -> Any:
    if isinstance(value, str):
        value = _CONTROL.sub("\ufffd", value)[:_TEXT_MAX]
    made = WriteOnlyCell(sheet, value)
    if isinstance(value, str):
        made.data_type = "s"  # never a formula: names and reasons come from others
    for name in ("font", "alignment", "border"):
        wanted = getattr(look, name)
        if wanted is not None:
            setattr(made, name, wanted)
    return made


def _same_every_time(made: bytes, as_of: str) -> bytes:
    """The file without the times at which it was written."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(made)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in _in_order(source.namelist()):
            content = source.read(name)
            if name == "docProps/core.xml":
                content = _SAVED.sub(rb"\g<1>" + as_of[:10].encode() + rb"T00:00:00Z\g<3>", content)
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content)
    return out.getvalue()


def _in_order(names: Iterable[str]) -> list[str]:
    """The table of contents first, as programs expect it."""
    return sorted(names, key=lambda name: (name != "[Content_Types].xml", name))
