"""The rows of a clean book, and questions about them: what every fault is built from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tracer.files.example import Files
from tracer.files.example_faults import Change, ExampleFault

Row = dict[str, str]
BOOK = "book"
"""Where the settings of book.toml stand among the tables: one row, a cell for each key."""


@dataclass(frozen=True, slots=True)
class BookFault(ExampleFault):
    """A fault that needs something beside the book for it to be possible.

    Attributes:
        around: what the book has then; without the fault nothing is said of it.
    """

    around: Change | None = None


class Look:
    """The rows of a clean book, and questions about them."""

    def __init__(self, files: Files, document: dict[str, Any]) -> None:
        self.files, self.document = files, document
        self.enterprise = str(document["enterprise"])

    def rows(self, table: str, **cells: str) -> list[Row]:
        """Rows with these values."""
        return [r for r in self.files.get(table, []) if all(r.get(k, "") == v for k, v in cells.items())]

    def last(self, table: str, **cells: str) -> Row | None:
        """The last of them."""
        return next(reversed(self.rows(table, **cells)), None)

    def total(self, **cells: str) -> Decimal:
        """Sum of the movements with these values."""
        return sum((Decimal(r["quantity"]) for r in self.rows("movements", **cells)), Decimal(0))


def plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def later(day: str, days: int) -> str:
    return (date.fromisoformat(day[:10]) + timedelta(days=days)).isoformat()


def rest(look: Look) -> Row | None:
    """The largest count of a material that is counted in one row only."""
    rows = look.rows("counts", stock="material")
    alone = [r for r in rows if sum(x["code"] == r["code"] for x in rows) == 1]
    return max(alone, key=lambda r: Decimal(r["quantity"]), default=None)


def table(name: str, *rows: Row) -> Callable[[Files], None]:
    """A file that the clean book does not have."""

    def change(files: Files) -> None:
        files[name] = [dict(row) for row in rows]

    return change


def key_of(row: Row) -> dict[str, str]:
    """What names a declaration line."""
    return {"declaration": row["declaration"], "line": row["line"]}


def weight_of(look: Look, code: str) -> Decimal:
    """Weight of one unit."""
    row = look.last("conversions", code=code, to_uom="KGM")
    return Decimal(row["factor"]) if row else Decimal(1)


def lot_of(look: Look, row: Row) -> str:
    """How the book calls the lot of a row."""
    return f"{look.enterprise}/{row['lot']}"
