"""docs/detection.md from the parts `faults` and `smallest`: what each rule finds, and from what size on."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from tracer.rules import RULES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "detection.md"
START = "<!-- written by scripts/bench tracer -->"
SHOWN = ("seafood", 1)
"""Archetype and seed of the book whose figures the page shows; seafood has a place for every fault."""
ORDER = {rule.id: place for place, rule in enumerate(RULES)}


def multiple(row: dict[str, Any]) -> Decimal | None:
    """The smallest size over the tolerance that its rule states; None where it states none."""
    if row["form"] != "size" or not row["tolerance"] or row["size"] is None:
        return None
    return abs(Decimal(row["size"])) / Decimal(row["tolerance"])


def sharpness(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per fault: its rule, what its size is like, and over all books the least and the largest multiple of
    the tolerance at which it was still found.
    """
    by_fault: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_fault[row["fault"]].append(row)
    result = {}
    for fault, own in by_fault.items():
        multiples = [m for m in map(multiple, own) if m is not None]
        result[fault] = {
            "rule": own[0]["rule"], "books": len(own), "form": own[0]["form"],
            "least": str(round(min(multiples), 3)) if multiples else None,
            "most": str(round(max(multiples), 3)) if multiples else None}
    return result


def tables(rules: dict[str, dict[str, Any]], rows: list[dict[str, Any]]) -> str:
    """Both tables of the page."""
    lines = ["## By rule", "", "| Rule | What it finds | Faults laid in | Recall | Precision |",
             "|---|---|---|---|---|"]
    for rule in RULES:
        found = rules.get(rule.id)
        figures = [str(found[c]) for c in ("laid_in", "recall", "precision")] if found else \
            ["no fault of its own", "–", "–"]
        lines.append(f"| {rule.id} | {rule.title} | {' | '.join(figures)} |")
    lines += ["", "## The smallest fault", "",
              "| Rule | Fault | Smallest found | Expected | Found | Tolerance | Over the tolerance |",
              "|---|---|---|---|---|---|---|"]
    known = sharpness(rows)
    for row in shown(rows):
        lines.append(line(row, known[row["fault"]]))
    return "\n".join(lines) + "\n"


def shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each fault, of the book that is shown or the first other, by rule."""
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["fault"] not in first or (row["archetype"], row["seed"]) == SHOWN:
            first[row["fault"]] = row
    return sorted(first.values(), key=lambda r: ORDER[r["rule"]])


def line(row: dict[str, Any], over: dict[str, Any]) -> str:
    """A line of the table of faults."""
    start = f"| {row['rule']} | `{row['fault']}` |"
    if row["form"] == "none":
        return f"{start} there or not | – | – | – | – |"
    size = f"{Decimal(row['share']) * 100:.2g} % of it"
    if row["size"] is not None:
        size = f"{short(row['size'].removeprefix('-'))} {row['uom']}".strip()
        if not Decimal(row["size"]):
            size = f"under 0.001 {row['uom']}"
    if row["form"] == "any":
        return f"{start} any; {size} was found | – | – | – | – |"
    tolerance = f"{short(row['tolerance'])} ({row['term']})" if row["tolerance"] else "–"
    least, most = over["least"], over["most"]
    times = "–" if least is None else f"{least}" if least == most else f"{least} to {most}"
    return f"{start} {size} | {short(row['expected'])} | {short(row['observed'])} | {tolerance} | {times} |"


def short(text: str) -> str:
    """A number with four digits that count, more where they stand before the point; else the text itself."""
    try:
        value = Decimal(text)
    except ArithmeticError:
        return text[:16] if text[10:11] == "T" else text
    places = max(0, 3 - value.adjusted()) if value else 0
    return f"{round(value, places).normalize():f}" if places else f"{round(value):d}"


def write(document: dict[str, Any], rows: list[dict[str, Any]], seeds: int) -> None:
    """Put the tables into the page, below what is written by hand."""
    text = PAGE.read_text("utf-8")
    trials = sum(rule["laid_in"] for rule in document["rules"].values())
    head = (f"{START}\n\n{trials:,} faults in books of every archetype, seeds 1 to {seeds}; sizes from "
            f"{len(rows):,} of them, figures of the book `{SHOWN[0]}`, seed {SHOWN[1]}.\n\n")
    PAGE.write_text(text[:text.index(START)] + head + tables(document["rules"], rows), "utf-8")
