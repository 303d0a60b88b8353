"""Rows of text from a CSV file or a sheet of a workbook, whatever it was saved with.

CSV: UTF-8 with or without a byte order mark (UTF-16 with one), separated by comma, semicolon or tab. XLSX:
cells as they are shown; a number is given with the fifteen digits that the program keeps, never as a binary
fraction. A date without a time stays a date.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ledger.errors import InputError, TooLargeError

WORKBOOK = "book.xlsx"
"""One workbook with a sheet for each file."""
_UNPACKED_MAX = 2_000_000_000  # bytes of a workbook once unpacked: a million rows take less than half of it
_COLUMNS_MAX = 500


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one file from its heading on, its name as faults tell it, and how it writes decimals."""

    name: str
    decimal_comma: bool
    rows: Iterator[tuple[int, list[str]]]


def csv_sheet(path: Path) -> Sheet:
    """A CSV file.

    Raises:
        InputError: it is not text in UTF-8 (or UTF-16 with its mark).
    """
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        try:
            head = file.readline(100_000)
        except UnicodeError as fault:
            raise _not_text(path, fault) from fault
    separator = max(",;\t", key=head.count)
    return Sheet(path.name, separator != ",", _csv_rows(path, encoding, separator))


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
                yield number, row
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


def xlsx_sheet(path: Path, name: str) -> Sheet | None:
    """A sheet of a workbook: the one of that name, else (in a file of its own) the first; None without one.

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
    return Sheet(shown, decimal_comma=False, rows=_xlsx_rows(book, sheet, path))


def xlsx_sheets(path: Path) -> Iterator[tuple[str, Iterator[tuple[int, list[str]]]]]:
    """Every sheet of a workbook with its rows, one after the other.

    Raises:
        InputError: it is not a workbook, or too large to be one of rows.
    """
    titles = _workbook(path).sheetnames
    for title in titles:
        book = _workbook(path)
        yield title, _xlsx_rows(book, book[title], path)


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


def _xlsx_rows(book: Any, sheet: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        for number, row in enumerate(sheet.iter_rows(values_only=True, max_col=_COLUMNS_MAX), 1):
            yield number, [_shown(cell) for cell in row]
    except (KeyError, ValueError, OSError, EOFError, SyntaxError) as fault:
        raise InputError(f"{path.name} cannot be read: {fault}.", remedy="Save it again.") from fault
    finally:
        book.close()


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


def _plain(text: str) -> str:
    from decimal import Decimal

    return f"{Decimal(text):f}"
