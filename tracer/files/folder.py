"""A book folder: which of the files are there, and their rows as values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from ledger.errors import InputError, NotFoundError
from ledger.quick import quick
from tracer.files.cells import NUMBERS, Parser, Style, decimal_marks, parser_of
from tracer.files.faults import Faults
from tracer.files.sheets import WORKBOOK, Sheet, csv_sheet, xlsx_sheet
from tracer.files.tables import TABLES, Table

SETTINGS = "book.toml"
EVENTS = "events.jsonl"
PARTICIPANTS = "participants.json"
_CODES = ("code", "material", "product")
_KNOWN_MAX = 50_000  # cells of a column whose values are kept: read once, and in memory once


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Faults of the file system while a folder is read, as faults of the input.

    Raises:
        InputError: a file or the folder cannot be read: no right to, a disk that fails.
    """
    try:
        yield
    except OSError as fault:
        raise _unreadable(fault, path) from fault


def _unreadable(fault: OSError, path: Path) -> InputError:
    return InputError(
        f"{fault.filename or path} cannot be read: {fault.strerror or fault}.",
        remedy="Give whoever checks the book the right to read the folder and its files.",
    )


@quick
@dataclass(frozen=True, slots=True)
class Row:
    """One row: where it stands, and its values by column; a column without a value is not in it."""

    file: str
    number: int
    values: dict[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.values[column]

    def text(self, column: str) -> str:
        """A value that is text; empty where there is none."""
        return str(self.values.get(column, ""))

    def get(self, column: str) -> Any:
        """A value, or None."""
        return self.values.get(column)


@dataclass(slots=True)
class Folder:
    """A folder of files that is being read.

    Attributes:
        read: names of the files that were read.
        faults: what was wrong so far.
        spares: a table that cannot be used at all is told as a fault and taken for one that is not there: a
            book of the ledger can do without any of them.
    """

    path: Path
    faults: Faults = field(default_factory=Faults)
    read: list[str] = field(default_factory=list)
    offset: str = "+07:00"
    spares: bool = False

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            raise NotFoundError(
                f"there is no folder {self.path}.", remedy="Name the folder of the book's files."
            )
        known = {SETTINGS, EVENTS, PARTICIPANTS, WORKBOOK}
        known |= {f"{table.name}{suffix}" for table in TABLES for suffix in (".csv", ".xlsx")}
        for entry in sorted(self.path.iterdir()):
            if entry.name in known and not entry.is_file():
                self.faults.note(entry.name, 0, "", "is not a file and was not read.", "Put a file there.")
            if entry.is_file() and entry.name not in known and not entry.name.startswith((".", "~$")):
                near = entry.name.lower()
                remedy = f"Call it {near}." if near in known else ""
                self.faults.note(entry.name, 0, "", "is not a file of a book and was not read.", remedy)

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return (self.path / name).is_file()

    def rows(self, table: Table) -> Iterator[Row] | None:
        """The usable rows of a table, malformed ones left out and told; None where the file is not there.

        Raises:
            InputError: the file cannot be used at all: unreadable, no heading, a column missing or twice.
        """
        if not self.spares:
            return self._rows(table)
        before = len(self.read)
        try:
            rows = self._rows(table)
            return None if rows is None else iter(list(rows))  # a file may break off in the middle
        except (InputError, OSError) as fault:
            del self.read[before:]
            names = (f"{table.name}.csv", f"{table.name}.xlsx", WORKBOOK)
            self._spared(next((name for name in names if self.has(name)), names[0]), fault)
            return None

    def _spared(self, file: str, fault: InputError | OSError) -> None:
        told = fault if isinstance(fault, InputError) else _unreadable(fault, self.path / file)
        known = {(f.file, f.message) for f in self.faults.found if not f.row}
        if (file, told.message) not in known:  # a workbook that is none would be told for each of its sheets
            self.faults.add(file, 0, "", told.message, told.remedy)

    def _rows(self, table: Table) -> Iterator[Row] | None:
        sheet = self._sheet(table)
        if sheet is None:
            return None
        self.read.append(sheet.name)
        heading = next(((n, row) for n, row in sheet.rows if any(c.strip() for c in row)), None)
        if heading is None:
            raise InputError(
                f"{sheet.name} is empty.",
                remedy=f"Give it a heading: {','.join(c.name for c in table.columns)}; or leave it out.",
            )
        places = self._places(table, sheet.name, *heading)
        return self._values(table, sheet, places, len(heading[1]))

    def _sheet(self, table: Table) -> Sheet | None:
        found = [name for name in (f"{table.name}.csv", f"{table.name}.xlsx") if self.has(name)]
        if len(found) > 1:
            raise InputError(f"there are {' and '.join(found)}.", remedy="Keep the one that counts.")
        sheet = None
        percents = {column.name for column in table.columns if column.form == "percent"}
        if self.has(WORKBOOK):
            sheet = self._of_workbook(table.name, percents)
        if sheet is not None and found:
            raise InputError(
                f"there are {found[0]} and a sheet {table.name} in {WORKBOOK}.",
                remedy="Keep the one that counts.",
            )
        if not found:
            return sheet
        path = self.path / found[0]
        return csv_sheet(path) if path.suffix == ".csv" else xlsx_sheet(path, table.name, percents)

    def _of_workbook(self, name: str, percents: set[str]) -> Sheet | None:
        try:
            return xlsx_sheet(self.path / WORKBOOK, name, percents)
        except InputError as fault:
            if not self.spares:
                raise
            self._spared(WORKBOOK, fault)
            return None

    def _places(self, table: Table, file: str, number: int, heading: list[str]) -> dict[str, int]:
        names = [cell.strip().lower() for cell in heading]
        known = {column.name for column in table.columns}
        for name in dict.fromkeys(names):
            if name and name not in known:
                self.faults.note(file, number, name, "is not a column of this file and was ignored.")
            elif name and names.count(name) > 1:
                raise InputError(f"{file} has the column {name} twice.", remedy="Keep one of them.")
        missing = [c.name for c in table.columns if c.required and c.name not in names]
        if missing:
            raise InputError(
                f"{file} has no column {', '.join(missing)}; it has {', '.join(filter(None, names))[:300]}.",
                remedy=f"Row {number}, the first that is not empty, is read as the heading; leave nothing "
                f"above it. The heading is: {','.join(c.name for c in table.columns)}.",
            )
        return {name: names.index(name) for name in names if name in known}

    def _values(self, table: Table, sheet: Sheet, places: dict[str, int], heading: int) -> Iterator[Row]:
        columns = [c for c in table.columns if c.name in places]
        style = Style(self.offset, sheet.decimal_comma)
        if sheet.again is not None:
            numbers = [places[c.name] for c in columns if c.form in NUMBERS]
            style = replace(style, proven=decimal_marks(sheet.again(), numbers))
        names = [c.name for c in columns]
        known = [_Known(parser_of(c, style)) for c in columns]
        pick = itemgetter(*(places[name] for name in names), 0)  # never alone, so always a tuple
        required = frozenset(c.name for c in columns if c.required)
        by_name = dict(zip(names, known, strict=True))
        dated = {"valid_from", "valid_to"} <= places.keys()
        for number, cells in sheet.rows:
            if len(cells) < heading:
                cells.extend([""] * (heading - len(cells)))
            if len(cells) == heading:
                try:  # nearly every row; what stops here is looked at cell by cell below
                    values = {n: k[c] for n, k, c in zip(names, known, pick(cells), strict=False) if c}
                    if required <= values.keys() and not (dated and _backwards(values)):
                        yield Row(sheet.name, number, values)
                        continue
                except (InputError, IndexError):
                    pass
            row = self._told(table, sheet.name, number, cells, heading=heading, known=by_name, places=places)
            if row is not None:
                yield row

    def _told(self, table: Table, file: str, number: int, cells: list[str], *, heading: int,
              known: dict[str, _Known], places: dict[str, int]) -> Row | None:
        """One row with what is wrong in it told; None where it cannot be used, or is blank."""
        if not any(c.strip() for c in cells):
            return None
        if any(c.strip() for c in cells[heading:]):
            self.faults.add(
                file,
                number,
                "",
                f"has {len(cells)} cells, the heading {heading}.",
                "Put a text that contains the separator in quotation marks.",
            )
            self._incomplete(cells, places)
            return None
        values: dict[str, Any] = {}
        sound = True
        for name, parsed in known.items():
            cell = cells[places[name]]
            if not cell.strip():
                column = table.column(name)
                if column.required:
                    sound = False
                    self.faults.add(file, number, name, "is empty.", f"Give it: {column.meaning}.")
                continue
            try:
                values[name] = parsed[cell]
            except InputError as fault:
                sound = False
                self.faults.add(file, number, name, fault.message, fault.remedy)
        if sound and _backwards(values):
            sound = False
            self.faults.add(file, number, "valid_to", "is before valid_from.",
                            "Swap them, or leave one empty.")
        if sound:
            return Row(file, number, values)
        self._incomplete(cells, places)
        return None

    def _incomplete(self, cells: list[str], places: dict[str, int]) -> None:
        self.faults.incomplete |= {cells[places[c]].strip() for c in _CODES if c in places} - {""}


def _backwards(values: dict[str, Any]) -> bool:
    """Whether the row would hold on no day."""
    begin, end = values.get("valid_from"), values.get("valid_to")
    return begin is not None and end is not None and bool(end.end_ms < begin.start_ms)


class _Known(dict[str, Any]):
    """Values of a column by cell: nearly every cell was there before. A cell that cannot be read raises."""

    def __init__(self, parse: Parser) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, cell: str) -> Any:
        text = cell.strip()
        if not text:
            raise InputError("blank")  # told by who knows the row
        value = self._parse(text)
        if len(self) < _KNOWN_MAX:
            self[cell] = value
        return value
