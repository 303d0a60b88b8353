"""Rows of text from a CSV file or a sheet of a workbook, whatever it was saved with.

CSV: UTF-8 with or without a byte order mark (UTF-16 with one), separated by comma, semicolon or tab: by what
the first line that is not empty has most of, or by what a line `sep=;` above it says. XLSX: cells as they are
shown; a number is given with the fifteen digits that the program keeps, never as a binary fraction. A date
without a time stays a date. What a workbook says of its own size is not believed: programs write it wrong.
"""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ledger.errors import InputError, TooLargeError

WORKBOOK = "book.xlsx"
"""One workbook with a sheet for each file."""
_UNPACKED_MAX = 2_000_000_000  # bytes of a workbook once unpacked: a million rows take less than half of it
_COLUMNS_MAX = 500
_ROWS_MAX = 1_048_576  # of a sheet, by the format
_LINE_MAX = 100_000
_BLANK = " ,;\t\r\n\""
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_TOLD = re.compile(r'"?sep=([,;\t])"?\s*', re.IGNORECASE)  # a spreadsheet's own hint, no row of the table


Rows = Iterator[tuple[int, list[str]]]
"""Rows with the number that a spreadsheet shows."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one file from its heading on, its name as faults tell it, and how it writes decimals.

    Attributes:
        again: the rows from the first one, where a comma may be a decimal mark.
    """

    name: str
    decimal_comma: bool
    rows: Rows
    again: Callable[[], Rows] | None = None


def csv_sheet(path: Path) -> Sheet:
    """A CSV file.

    Raises:
        InputError: it is not text in UTF-8 (or UTF-16 with its mark).
    """
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        try:
            lines = iter(lambda: file.readline(_LINE_MAX), "")
            head = next((line for line in lines if line.strip(_BLANK)), "")
        except UnicodeError as fault:
            raise _not_text(path, fault) from fault
    told = _TOLD.fullmatch(head)
    separator = told[1] if told else max(",;\t", key=head.count)
    rows = partial(_csv_rows, path, encoding, separator)
    return Sheet(path.name, separator != ",", rows(), rows if separator != "," else None)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        mark = file.read(4)
    if mark.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if mark == b"PK\x03\x04":
        raise InputError(
            f"{path.name} is a workbook, not a CSV file.", remedy="Name it .xlsx, or save it as CSV."
        )
    return "utf-8-sig"


def _csv_rows(path: Path, encoding: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        with path.open(encoding=encoding, newline="") as file:
            for number, row in enumerate(csv.reader(file, delimiter=separator, strict=True), 1):
                yield number, [] if _TOLD.fullmatch(separator.join(row)) else row
    except UnicodeError as fault:
        raise _not_text(path, fault) from fault
    except csv.Error as fault:
        raise InputError(
            f"{path.name} cannot be read after row {number}: {fault}.",
            remedy="Look for a quotation mark that is not closed, and save the file again.",
        ) from fault


def _not_text(path: Path, fault: UnicodeError) -> InputError:
    where = f" (byte {fault.start})" if isinstance(fault, UnicodeDecodeError) else ""
    return InputError(f"{path.name} is not text in UTF-8{where}.", remedy='Save it as "CSV UTF-8".')


def xlsx_sheet(path: Path, name: str, percents: Collection[str] = ()) -> Sheet | None:
    """A sheet of a workbook: the one of that name, else (in a file of its own) the first; None without one.

    Args:
        percents: columns in per cent. A cell that is shown as 12 % holds 0.12 and is read as 12 %.

    Raises:
        InputError: it is not a workbook, or too large to be one of rows.
    """
    book = _workbook(path)
    named = {title.strip().lower(): title for title in book.sheetnames}
    if name in named:
        sheet = book[named[name]]
    elif path.name != WORKBOOK:
        sheet = book[book.sheetnames[0]]
    else:
        book.close()
        return None
    shown = f"{path.name}" if path.name != WORKBOOK else f"{path.name}, sheet {name}"
    return Sheet(shown, decimal_comma=False, rows=_xlsx_rows(book, sheet, path, percents))


def xlsx_sheets(path: Path) -> Iterator[tuple[str, Iterator[tuple[int, list[str]]]]]:
    """Every sheet of a workbook with its rows, one after the other. A formula that nobody computed is an
    empty cell here: what a filed report proves, its identities decide.

    Raises:
        InputError: it is not a workbook, or too large to be one of rows.
    """
    titles = _workbook(path).sheetnames
    for title in titles:
        book = _workbook(path)
        yield title, _xlsx_rows(book, book[title], path, lenient=True)


def _workbook(path: Path) -> Any:
    import openpyxl  # slow to import, and most books are CSV

    try:
        with zipfile.ZipFile(path) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > _UNPACKED_MAX:
                raise TooLargeError(
                    f"{path.name} unpacks to more than {_UNPACKED_MAX} bytes.", remedy="Save it as CSV."
                )
        return openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as fault:
        raise InputError(
            f"{path.name} is not a workbook that can be read: {fault}.",
            remedy="Open it and save it again as XLSX, or as CSV.",
        ) from fault


def _xlsx_rows(
    book: Any, sheet: Any, path: Path, percents: Collection[str] = (), *, lenient: bool = False
) -> Rows:
    sheet.reset_dimensions()  # else rows beyond what the file says of its size would be left out unsaid
    shown: set[int] = set()
    try:
        if not lenient and (missing := _not_computed(path, sheet)) is not None:
            raise InputError(
                f"{path.name}: cell {missing} is a formula whose value is not in the file.",
                remedy="Open it in a spreadsheet program and save it again, or save it as CSV.",
            )
        for number, row in enumerate(sheet.iter_rows(values_only=not percents), 1):
            if number > _ROWS_MAX:
                raise InputError(
                    f"{path.name} has more than {_ROWS_MAX} rows, which no sheet has.",
                    remedy="Save it again, or as CSV.",
                )
            if percents:
                cells = [_shown(cell.value) for cell in row[:_COLUMNS_MAX]]
                shown = shown or {at for at, cell in enumerate(cells) if cell.strip().lower() in percents}
                for at in shown.intersection(range(len(cells))):
                    if "%" in str(row[at].number_format) and isinstance(row[at].value, int | float):
                        cells[at] = f"{_plain(_shown(row[at].value), 2)}%"
                yield number, cells
            else:
                yield number, [_shown(cell) for cell in row[:_COLUMNS_MAX]]
    except (KeyError, ValueError, OSError, EOFError, SyntaxError) as fault:
        raise InputError(f"{path.name} cannot be read: {fault}.", remedy="Save it again.") from fault
    finally:
        book.close()


def _not_computed(path: Path, sheet: Any) -> str | None:
    """The first cell with a formula and no value; it would be read as empty. Programs that write a workbook
    without computing leave it so.
    """
    from openpyxl.xml.functions import iterparse

    part = sheet._worksheet_path.lstrip("/")
    with zipfile.ZipFile(path) as packed:
        if part not in packed.namelist():
            return None
        with packed.open(part) as stream:
            before = b""
            while piece := stream.read(1 << 20):
                if _FORMULA.search(before + piece):
                    break
                before = piece[-8:]
            else:
                return None
        with packed.open(part) as stream:
            for _, cell in iterparse(stream):
                name = cell.tag.rpartition("}")[2]
                if name == "c":
                    held = {child.tag.rpartition("}")[2]: child.text for child in cell}
                    if "f" in held and not held.get("v") and cell.get("t") not in ("str", "inlineStr"):
                        return str(cell.get("r", "?"))
                if name == "row":
                    cell.clear()
    return None


def _shown(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, int | str):
        return str(cell)
    if isinstance(cell, datetime):
        midnight = (cell.hour, cell.minute, cell.second, cell.microsecond) == (0, 0, 0, 0)
        return cell.date().isoformat() if midnight else cell.isoformat(timespec="milliseconds")
    if isinstance(cell, date):
        return cell.isoformat()
    text = f"{cell:.15g}"  # a number of the program: what is beyond fifteen digits is not the user's
    return _plain(text) if "e" in text else text


def _plain(text: str, shift: int = 0) -> str:
    """A number without exponent, so many powers of ten up."""
    from decimal import Decimal

    return f"{Decimal(text).scaleb(shift):f}"
