"""A clean book of a small garment enterprise, to start from and to see what the files look like.

A year: fabric, lining and zips come in under E31, thread is bought inland; two cuttings make jackets and,
from the offcuts, pouches (a co-product), and leave scrap; two exports, one sale inland under A42, scrap sold,
and a count at the year's end that finds exactly what the books say. Consumption is norm times output to the
last metre. The files themselves are in `example_book/`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from ledger.errors import ConflictError
from tracer.files.settings import FILE
from tracer.files.tables import TABLES

Rows = list[dict[str, str]]
Files = dict[str, Rows]
"""Rows by table, cells by column."""

_EXAMPLE = files("tracer.files").joinpath("example_book")


def clean() -> Files:
    """The rows of the clean book, empty cells left out."""
    found: Files = {}
    for table in TABLES:
        file = _EXAMPLE.joinpath(f"{table.name}.csv")
        if file.is_file():
            rows = csv.DictReader(io.StringIO(file.read_text("utf-8")))
            found[table.name] = [{k: v for k, v in row.items() if v} for row in rows]
    return found


def write_example(folder: Path, change: Callable[[Files], None] | None = None) -> list[str]:
    """Write the book into a new or empty folder.

    Args:
        folder: where.
        change: what to spoil before it is written.

    Returns:
        Names of the files.

    Raises:
        ConflictError: there is something in the folder.
    """
    spoiled = clean()
    if change is not None:
        change(spoiled)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConflictError(f"{folder} is not empty.", remedy="Name a folder that does not exist yet.")
    (folder / FILE).write_text(_EXAMPLE.joinpath(FILE).read_text("utf-8"), encoding="utf-8")
    for name, rows in spoiled.items():
        (folder / f"{name}.csv").write_text(csv_text(name, rows), encoding="utf-8", newline="")
    return [FILE, *(f"{name}.csv" for name in spoiled)]


def csv_text(table: str, rows: Rows) -> str:
    """Rows of a table as the text of its file, all columns in order."""
    columns = [c.name for t in TABLES if t.name == table for c in t.columns]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
