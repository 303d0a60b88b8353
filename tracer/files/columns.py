"""How a table of a book folder is described: its columns and the forms of their cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal[
    "text", "name", "moment", "quantity", "signed", "decimal", "amount", "percent", "currency", "uom",
    "choice", "tariff", "country",
]
"""How a cell is written; `FORMS` says it in words."""

FORMS: dict[Form, str] = {
    "text": "any text",
    "name": "a name or number, printable",
    "moment": "date (a whole day in the book's zone) or date and time: 2026-03-01, 2026-03-01T14:30",
    "quantity": "decimal number, not below zero, at most six decimals",
    "signed": "decimal number, at most six decimals",
    "decimal": "decimal number",
    "amount": "decimal number, not below zero",
    "percent": "decimal number, not below zero, in per cent: 12, 12 %, or a cell of a workbook shown as 12 %",
    "currency": "code of ISO 4217: VND, USD",
    "uom": "code of UNECE Recommendation 20: KGM, MTR, C62",
    "choice": "one of the words named",
    "tariff": "tariff code: 54075200 or 5407.52.00",
    "country": "code of ISO 3166, two letters: VN, CN",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: how its cells are written, what they mean, whether every row needs one."""

    name: str
    form: Form
    meaning: str
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A file of rows.

    Attributes:
        name: the file is `name.csv` or `name.xlsx`, or a sheet of that name in `book.xlsx`.
        meaning: what a row is.
        rules: rules that cannot be evaluated without it, or that say more with it.
        without: what happens when the file is not there.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    rules: tuple[str, ...] = ()
    without: str = ""

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(c for c in self.columns if c.name == name)


VALID_FROM = Column("valid_from", "moment", "first day it holds; empty: always")
VALID_TO = Column("valid_to", "moment", "last day it holds; empty: until further notice")
