"""What is wrong in a book folder: file, row, column, what is wrong and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field

KEPT_MAX = 1_000
"""Faults kept word for word; of more, only their number is told."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault of the input. `row` is the number that a spreadsheet shows (the heading is row 1); 0 is the
    whole file.
    """

    file: str
    row: int
    column: str
    message: str
    remedy: str = ""

    def to_json(self) -> dict[str, str | int]:
        """The fault as JSON values."""
        return {
            "file": self.file,
            "row": self.row,
            "column": self.column,
            "message": self.message,
            "remedy": self.remedy,
        }

    def __str__(self) -> str:
        where = (
            self.file
            + (f", row {self.row}" if self.row else "")
            + (f", column {self.column}" if self.column else "")
        )
        return f"{where}: {self.message} {self.remedy}".rstrip()


@dataclass(slots=True)
class Faults:
    """Collects what was found while a folder is read.

    Attributes:
        found: rows that were left out, and why.
        notes: what was pointed out but costs nothing (an unknown column, a file nobody asked for).
        more: faults beyond `KEPT_MAX`.
        incomplete: codes of which rows were left out: what is said of them may be due to that.
    """

    found: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)
    more: int = 0
    incomplete: set[str] = field(default_factory=set)

    def add(self, file: str, row: int, column: str, message: str, remedy: str = "") -> None:
        """A row that cannot be used."""
        if len(self.found) >= KEPT_MAX:
            self.more += 1
            return
        self.found.append(Fault(file, row, column, message, remedy))

    def note(self, file: str, row: int, column: str, message: str, remedy: str = "") -> None:
        """Something to know; nothing is left out for it."""
        if len(self.notes) < KEPT_MAX:
            self.notes.append(Fault(file, row, column, message, remedy))
