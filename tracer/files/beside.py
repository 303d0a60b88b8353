"""Rows of the tables beside a book as records, and the same tables beside a book of the ledger.

For a book on the ledger a folder may hold any table but those that the ledger itself answers for (movements,
stock, norms). Of declarations only what the ledger's line does not say is taken: destination, contract,
channel, way of transport, certificate, partner, tariff code and origin.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from tracer import beside as b
from tracer.book import BookData, DeclarationLine
from tracer.files import beside_tables as t
from tracer.files.columns import Table
from tracer.files.faults import Faults
from tracer.files.folder import EVENTS, SETTINGS, Folder, Row, readable
from tracer.files.records import Reference
from tracer.files.tables import COUNTS, DECLARATIONS, MOVEMENTS, NORMS, OPENING
from tracer.labels import label
from tracer.moment import Span
from tracer.norms import uom_of
from tracer.quantity import nearest
from tracer.seal_numbers import split_number
from tracer.spelling import container_name

Record = TypeVar("Record")
_HEX = {"sha256": re.compile(r"[0-9a-fA-F]{64}"), "picture": re.compile(r"[0-9a-fA-F]{16}")}
_EVER = Span(0, 2**60)
_FILLED = ("destination", "contract", "channel", "mode", "certificate", "partner", "hs", "origin")
_LEDGERS = (MOVEMENTS, OPENING, COUNTS, NORMS)


@dataclass(frozen=True, slots=True)
class Joined:
    """A book of the ledger with what a folder says beside it; `files` were read, `faults` found."""

    book: BookData
    faults: Faults
    files: tuple[str, ...]


def join(book: BookData, path: Path, *, whole: bool = False) -> Joined:
    """A book of the ledger with the tables of a folder beside it.

    A malformed row, and a table that cannot be used at all, are left out and named in `faults`: what the
    ledger says of the book needs none of them, and a rule that does says what is missing.

    Args:
        whole: a table that cannot be used at all is an error instead.

    Raises:
        NotFoundError: no such folder.
        InputError: a folder that may not be read; with `whole` a table that cannot be used.
    """
    with readable(path):
        return _join(book, path, whole=whole)


def _join(book: BookData, path: Path, *, whole: bool) -> Joined:
    folder = Folder(path, offset=book.offset, spares=not whole)
    for table in _LEDGERS:
        for name in (f"{table.name}.csv", f"{table.name}.xlsx"):
            if folder.has(name):
                folder.faults.note(name, 0, "", "is the ledger's own and was not read.",
                                   "Post it as events, or check the folder as a book of its own.")
    for name in (SETTINGS, EVENTS):
        if folder.has(name):
            folder.faults.note(name, 0, "", "is for a book of files and was not read.")
    reference = Reference(folder, book.enterprise, book.period)
    reference.units.update({line.code: line.uom for line in book.lines if line.uom})
    reference.units.update(uom_of(book))
    reference.read_beside()
    given: dict[str, Any] = {
        name: value
        for name in ("previous", "claims", "places", "capacity", "groups", "rates", "peers")
        if (value := getattr(reference, name)) is not None
    }
    if reference.conversions:
        given["conversions"] = (*book.conversions, *reference.conversions)
    if reference.codes:
        given["codes"] = {**book.codes, **reference.codes}
    if "places" in given and book.places is not None:
        named = {place.id for place in given["places"]}
        given["places"] = (*given["places"], *(p for p in book.places if p.id not in named))
    filled = _filled(book, folder)
    tables = read_tables(reference)
    stated = {f.name: getattr(tables, f.name) for f in fields(tables) if getattr(tables, f.name) is not None}
    joined = replace(book, lines=filled, beside=replace(book.beside, **stated), **given)
    return Joined(joined, folder.faults, tuple(folder.read))


def _filled(book: BookData, folder: Folder) -> tuple[DeclarationLine, ...]:
    """Lines of the ledger with what only the folder says of them."""
    rows = {label(r["declaration"], r["line"]): r for r in folder.rows(DECLARATIONS) or ()}
    known = {line.key for line in book.lines}
    for key in sorted(rows.keys() - known):
        folder.faults.note(rows[key].file, rows[key].number, "line", f"{key} is no line of this book.")
    result = []
    for line in book.lines:
        row = rows.get(line.key)
        more: dict[str, Any] = {
            c: row.text(c) for c in _FILLED if row is not None and row.get(c) and not getattr(line, c)
        }
        result.append(replace(line, **more) if more else line)
    return tuple(result)


def read_tables(reference: Reference) -> b.Beside:
    """The tables of `beside_tables` that a folder has.

    Raises:
        InputError: a file that cannot be used at all.
    """
    read = _Tables(reference)
    return b.Beside(
        documents=read.of(t.DOCUMENTS, b.Document, read.document),
        on_spot=read.of(t.ON_SPOT, b.OnSpot, read.on_spot),
        remedies=read.of(t.REMEDIES, b.Remedy),
        signers=read.of(t.SIGNERS, b.Signer),
        devices=read.of(t.DEVICES, b.Device),
        manifest=read.of(t.MANIFEST, b.Manifested, read.manifested),
        seal_ranges=read.of(t.SEAL_RANGES, b.SealRange, read.seal_range),
        seal_readings=read.of(t.SEAL_READINGS, b.SealReading, read.seal_reading),
        densities=read.of(t.DENSITIES, b.Density, read.density),
        reliefs=read.of(t.RELIEFS, b.Relief, read.relief),
        serials=read.of(t.SERIALS, b.Serial, read.serial),
        contracts=read.of(t.CONTRACTS, b.Contract),
        notices=read.of(t.NOTICES, b.Notice),
        scrap_book=read.of(t.SCRAP_BOOK, b.ScrapBook, read.scrap),
    )


class _Tables:
    """Turns rows into records; a row that says too little is told and left out."""

    def __init__(self, reference: Reference) -> None:
        self._reference, self._folder = reference, reference.folder

    def of(
        self, table: Table, record: Callable[..., Record],
        change: Callable[[Row, dict[str, Any]], bool] | None = None,
    ) -> tuple[Record, ...] | None:
        rows = self._folder.rows(table)
        if rows is None:
            return None
        names = {f.name for f in fields(record)}  # type: ignore[arg-type]
        result = []
        for row in rows:
            values = {k: v for k, v in row.values.items() if k in names}
            if "code" in values:
                values["code"] = self._reference.code(values["code"])
            if change is None or change(row, values):
                result.append(record(**values))
        return tuple(result)

    def _fault(self, row: Row, column: str, message: str, remedy: str) -> bool:
        self._folder.faults.add(row.file, row.number, column, message, remedy)
        return False

    def _line(self, row: Row) -> str:
        declaration = row.text("declaration")
        return label(declaration, row.text("line") or "1") if declaration else ""

    def document(self, row: Row, values: dict[str, Any]) -> bool:
        values["line"] = self._line(row)
        if not values["line"] and not row.get("event"):
            return self._fault(row, "declaration", "is empty, and so is event.",
                               "Name the declaration or the movement that it was given for.")
        for column, form in _HEX.items():
            if row.get(column) and not form.fullmatch(row[column]):
                digits = 64 if column == "sha256" else 16
                return self._fault(row, column, f"is not {digits} hexadecimal digits.",
                                   "Write the hash as hexadecimal digits, or leave the cell empty.")
            values[column] = row.text(column).lower()
        return True

    def on_spot(self, row: Row, values: dict[str, Any]) -> bool:
        values["line"] = self._line(row)
        values["imported"] = label(row["import_declaration"], row.text("import_line") or "1")
        return True

    def manifested(self, row: Row, values: dict[str, Any]) -> bool:
        values["unit"] = container_name(row["unit"])
        return True

    def seal_range(self, row: Row, _: dict[str, Any]) -> bool:
        first, last = split_number(row["first"]), split_number(row["last"])
        if first is None or last is None or first[0] != last[0] or first[2] != last[2]:
            return self._fault(row, "last", "is not of the form of the first number.",
                               "Write both with the same letters and as many digits: VN000001, VN009999.")
        if first[1] > last[1]:
            return self._fault(row, "last", "lies before the first.", "Swap them.")
        return True

    def seal_reading(self, row: Row, values: dict[str, Any]) -> bool:
        values["latitude"], values["longitude"] = self._reference.position(row)
        return True

    def density(self, row: Row, _: dict[str, Any]) -> bool:
        if not 0 < row["low"] <= row["high"]:
            return self._fault(row, "low", "is not above zero and at most high.", "Correct the two weights.")
        return True

    def relief(self, row: Row, values: dict[str, Any]) -> bool:
        values["line"] = self._line(row)
        if row.get("lot"):
            values["lot"] = label(self._reference.enterprise, row["lot"])
        if not values["line"] and not row.get("lot"):
            return self._fault(row, "declaration", "is empty, and so is lot.",
                               "Name the import line or the lot that the relief is for.")
        line = self._reference.lines.get(values["line"])
        if row.get("quantity") is not None and row.get("uom") and line is not None:
            at = row.get("at") or _EVER
            dated = Row(row.file, row.number, {**row.values, "at": at})
            quantity = self._reference.in_unit(dated, line.code, row["quantity"], row["uom"])
            if quantity is None:
                return False
            values["quantity"] = quantity
        return True

    def serial(self, row: Row, values: dict[str, Any]) -> bool:
        code = self._reference.code(row.text("code"))
        several = len(self._reference.lot_codes.get(row["lot"], ())) > 1 and code
        values["lot"] = label(self._reference.enterprise, f"{row['lot']} ({code})" if several else row["lot"])
        return True

    def scrap(self, row: Row, values: dict[str, Any]) -> bool:
        code = values["code"]
        unit = self._reference.units.setdefault(code, row["uom"])
        rate = self._reference.factors.rate(code, row["uom"], unit, _EVER)
        if rate is None:
            return self._fault(row, "uom", f"{code} is kept in {unit}, and no factor from it is known.",
                               f"Add a row to conversions: {code},{row['uom']},{unit},FACTOR.")
        for column in ("opening", "generated", "sold", "destroyed", "recycled", "closing"):
            values[column] = nearest(values[column] * rate)
        return True
