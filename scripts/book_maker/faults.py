"""Faults for generated books: laid in one at a time, judged by the finding that must come of each.

`injectors` has the faults. `python -m book_maker.faults` (in scripts/) writes the table of docs/faults.md.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import tomllib
from collections import defaultdict
from dataclasses import fields
from pathlib import Path
from typing import Any

from book_maker.box_injectors import BOX_NAMES
from book_maker.enterprise import write_book
from book_maker.figure_injectors import FIGURE_NAMES
from book_maker.injectors import BUILDERS
from book_maker.looking import BOOK, BookFault, Look
from book_maker.paper_injectors import PAPER_NAMES
from book_maker.run_injectors import RUN_NAMES
from book_maker.stock_injectors import STOCK_NAMES
from book_maker.structure_injectors import STRUCTURE_NAMES
from book_maker.workshop import roomy
from book_maker.year_injectors import YEAR_NAMES
from tracer.files import read_book
from tracer.files.document import document_of
from tracer.files.example import Files, csv_text
from tracer.files.example_faults import Change, ExampleFault, together
from tracer.files.settings import FILE
from tracer.files.tables import TABLES

NAMES = (
    "short-stock", "wrong-unit", "padded-norm", "idle-norm", "over-claim", "never-left", "phantom-export",
    "double-use", "undeclared-inland-sale", "lot-under-hold", "issued-before-receipt", "loss-left-out",
    "other-opening", "missing-factor", "told-late", "unclaimed", "two-holders", "no-answer", "same-heading",
    "relabelled", "two-places", "unknown-line", *PAPER_NAMES, *BOX_NAMES, *STRUCTURE_NAMES,
    *STOCK_NAMES, *FIGURE_NAMES, *RUN_NAMES, *YEAR_NAMES)
"""Every fault, in the order of its builder."""
PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
EVENTS = 900
"""Movements of a book that has a place for most faults."""


def read_files(folder: Path) -> Files:
    """The tables of a book folder, empty cells left out; book.toml as the one row of `BOOK`."""
    said = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    keys = {k: str(v) for k, v in said.items() if k != "period"}
    found: Files = {BOOK: [keys | {f"period.{k}": str(v) for k, v in said["period"].items()}]}
    for table in TABLES:
        path = folder / f"{table.name}.csv"
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as file:
                found[table.name] = [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]
    return found


def spoil(folder: Path, files: Files, *changes: Change | None) -> None:
    """Change the rows of a written book, and write it again."""
    for change in changes:
        if change is not None:
            change(files)
    for name, rows in files.items():
        text = _toml(rows[0]) if name == BOOK else csv_text(name, rows)
        (folder / (FILE if name == BOOK else f"{name}.csv")).write_text(text, encoding="utf-8", newline="")


def _toml(keys: dict[str, str]) -> str:
    lines = [f'{key} = "{value}"' for key, value in keys.items() if not key.startswith("period.")]
    period = [f'{k.removeprefix("period.")} = "{v}"' for k, v in keys.items() if k.startswith("period.")]
    return "\n".join([*lines, "", "[period]", *period, ""])


def lay(folder: Path, name: str) -> ExampleFault:
    """Lay the fault of that name into a clean book that was written."""
    files = read_files(folder)
    look = Look(files, document_of(read_book(folder)))
    fault = next((f for f in faults_of(look) if f.name == name), None)
    if fault is None:
        raise SystemExit(f"{folder} has no place for {name}: write a larger book, or another archetype.")
    spoil(folder, files, around_of(fault), fault.change)
    return fault


def around_of(fault: ExampleFault) -> Change | None:
    """What a fault needs beside the book; None where the book is enough."""
    return fault.around if isinstance(fault, BookFault) else None


def told(clean: dict[str, Any], document: dict[str, Any]) -> list[dict[str, Any]]:
    """What a check says that it did not say of the clean book."""
    before = {(f["rule"], f["verdict"], f["subject"]["id"]) for f in clean["not_evaluable"]}
    return [f for f in (*document["findings"], *document["not_evaluable"])
            if (f["rule"], f["verdict"], f["subject"]["id"]) not in before]


def judged(fault: ExampleFault, clean: dict[str, Any], document: dict[str, Any]) -> tuple[bool, set[str]]:
    """Whether a check found a fault once, of the right thing and quantity, and could read all of the book;
    and the other rules that say what they did not say of the clean book.
    """
    said = told(clean, document)
    hits = [f for f in said if f["rule"] == fault.rule and f["verdict"] == fault.verdict]
    right = [f for f in hits if f["subject"]["id"] == fault.subject
             and f["difference"] == (fault.difference or f["difference"])]
    return len(right) == len(hits) == 1 and not document["faults"], {f["rule"] for f in said} - {fault.rule}


def faults_of(look: Look) -> list[ExampleFault]:
    """Every fault: in the book where it has a place for it, else in a workshop that is laid beside it."""
    room = roomy()
    files = {name: [dict(row) for row in rows] for name, rows in look.files.items()}
    room(files)
    wider, found = Look(files, look.document), []
    for build in BUILDERS:
        fault = build(look)
        if fault is None and (fault := build(wider)) is not None:
            around = around_of(fault)
            said = {x.name: getattr(fault, x.name) for x in fields(ExampleFault)}
            fault = BookFault(**said, around=together(room, around) if around else room)
        if fault is not None:
            found.append(fault)
    return found


def trial(folder: Path, trade: str, seed: int) -> list[tuple[ExampleFault, bool, set[str]]]:
    """Write a book, lay in each fault that it has a place for, check it: fault, whether it was found as it
    must be, other rules that said something new. What a fault needs beside the book is checked without it
    first: where that is not clean, the fault counts as not found.
    """
    write_book(folder, trade, seed, EVENTS)
    clean = document_of(read_book(folder))
    files = read_files(folder)

    def checked(*changes: Change | None) -> dict[str, Any]:
        spoil(folder, {name: [dict(row) for row in rows] for name, rows in files.items()}, *changes)
        document = document_of(read_book(folder))
        for extra in {path.stem for path in folder.glob("*.csv")} - files.keys():
            (folder / f"{extra}.csv").unlink()
        return document

    result = []
    for fault in faults_of(Look(files, clean)):
        around = around_of(fault)
        bare = checked(around) if around else clean
        right, others = judged(fault, clean, checked(around, fault.change))
        calm = not told(clean, bare) and not bare["faults"] and not bare["refused"]
        result.append((fault, right and calm, others))
    return result


def table(trades: tuple[str, ...] = ("garments", "electronics", "seafood", "furniture")) -> str:
    """Rows of docs/faults.md: each fault, its rule, what else rightly fires, in how many books it was found.

    Raises:
        ValueError: something fires that is no companion of the fault.
    """
    known: dict[str, ExampleFault] = {}
    companions: dict[str, set[str]] = defaultdict(set)
    found: dict[str, list[bool]] = defaultdict(list)
    for trade in trades:
        with tempfile.TemporaryDirectory(prefix="cargoledger-") as name:
            for fault, right, others in trial(Path(name) / "book", trade, 1):
                if others - fault.companions:
                    raise ValueError(f"{fault.name} in {trade} sets off {', '.join(sorted(others))}")
                known[fault.name] = fault
                companions[fault.name] |= others
                found[fault.name].append(right)
    rows = ["| Fault | What was done | Found by | With it | Books |", "|---|---|---|---|---|"]
    for name in NAMES:
        fault = known[name]
        found_by = fault.rule + (" (not evaluable)" if fault.verdict != "found" else "")
        beside = sorted(companions[name], key=lambda r: ("BNXOCSWTLUPD".index(r[0]), int(r[1:])))
        books = f"{sum(found[name])} of {len(found[name])}"
        rows.append(f"| `{name}` | {fault.story} | {found_by} | {', '.join(beside) or '–'} | {books} |")
    return "\n".join(rows) + "\n"


def main() -> int:
    """Write the table into its page."""
    text = PAGE.read_text("utf-8")
    PAGE.write_text(text[:text.index("| Fault |")] + table(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
