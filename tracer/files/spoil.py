"""What a fault of the example book is, and how rows of its files are spoiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracer.files.example import Files

Change = Callable[[Files], None]


@dataclass(frozen=True, slots=True)
class ExampleFault:
    """A fault.

    Attributes:
        name: what `--with` takes. story: what somebody did.
        rule, subject, difference: the finding that must come of it, with its exact difference.
        verdict: `found`, or `not_evaluable` where the fault takes away what the rule needs.
        companions: other rules that it rightly sets off.
    """

    name: str
    story: str
    change: Change
    rule: str
    subject: str
    difference: str
    verdict: str = "found"
    companions: frozenset[str] = frozenset()


def edit(table: str, where: dict[str, str], **cells: str) -> Change:
    """Change cells of the one row that has these values; `drop="yes"` leaves the row out."""

    def change(files: Files) -> None:
        rows = [row for row in files[table] if all(row.get(k, "") == v for k, v in where.items())]
        (row,) = rows
        if cells.get("drop"):
            files[table].remove(row)
        else:
            row.update(cells)

    return change


def add(table: str, **cells: str) -> Change:
    """Add a row, to a table that the book may not have yet."""

    def change(files: Files) -> None:
        files.setdefault(table, []).append(dict(cells))  # the book's own: later changes stay there

    return change


def together(*changes: Change) -> Change:
    """One change after the other."""

    def change(files: Files) -> None:
        for each in changes:
            each(files)

    return change
