"""The files of a book folder, written row by row: nothing is kept."""

from __future__ import annotations

import csv
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from tracer.files.tables import TABLES


class Writer:
    """Open files of a new book folder.

    Attributes:
        rows: how many rows each table has so far.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: Counter[str] = Counter()
        self._columns = {t.name: [c.name for c in t.columns] for t in TABLES}
        self._writers: dict[str, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Writer:
        self.folder.mkdir(parents=True, exist_ok=True)
        if any(self.folder.iterdir()):
            raise SystemExit(f"{self.folder} is not empty. Name a folder that does not exist yet.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, _: TracebackType | None
    ) -> None:
        self._stack.close()

    def row(self, table: str, **cells: str) -> None:
        """Add a row; cells that are not named are empty."""
        if table not in self._writers:
            file = self._stack.enter_context(
                (self.folder / f"{table}.csv").open("w", encoding="utf-8", newline="")
            )
            self._writers[table] = csv.writer(file, lineterminator="\n")
            self._writers[table].writerow(self._columns[table])
        unknown = cells.keys() - set(self._columns[table])
        if unknown:
            raise KeyError(f"{table} has no column {', '.join(sorted(unknown))}")
        self._writers[table].writerow([cells.get(name, "") for name in self._columns[table]])
        self.rows[table] += 1
