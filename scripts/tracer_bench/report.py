"""Figures of `scripts/bench tracer` from its raw numbers."""

from __future__ import annotations

from math import log
from typing import Any

from rich.console import Console
from rich.table import Table

SECONDS, MEGABYTES, GROWTH = 60.0, 3_000.0, 1.0
"""Targets: a million movements in so many seconds and megabytes; growth no worse than n log n."""


def figures(raw: dict[str, Any]) -> dict[str, Any]:
    """The figures: time and memory of the largest book, and how cost grows from the smallest on."""
    curve = [
        {"movements": run["movements"], "seconds": round(run["seconds"], 2),
         "cpu_seconds": round(run["cpu_seconds"], 2), "mb": round(run["mb"]),
         "us_per_movement": round(run["seconds"] / run["movements"] * 1e6, 1),
         "findings": run["findings"]}
        for run in raw["runs"]]
    result: dict[str, Any] = {"curve": curve, "growth": growth(raw["runs"])}
    for run in raw["runs"]:
        size = f"{run['asked']:.0e}".replace("e+0", "e")
        result[f"book_{size}_seconds"] = round(run["seconds"], 1)
        result[f"book_{size}_cpu_seconds"] = round(run["cpu_seconds"], 1)
        result[f"book_{size}_mb"] = round(run["mb"])
    largest = raw["runs"][-1]
    result["parts"] = {name: round(s, 2) for name, s in sorted(largest["parts"].items(), key=lambda x: -x[1])}
    result["clean"] = all(not run["findings"] for run in raw["runs"])
    return result


def growth(runs: list[dict[str, Any]]) -> float | None:
    """Processor time of the largest book over that of the smallest, over the ratio of their n log n: at most
    1 is n log n or better.
    """
    small, large = runs[0], runs[-1]
    if large["movements"] <= small["movements"]:
        return None
    expected = large["movements"] * log(large["movements"]) / (small["movements"] * log(small["movements"]))
    return round(large["cpu_seconds"] / small["cpu_seconds"] / expected, 2)


def targets(document: dict[str, Any]) -> dict[str, bool]:
    """Which targets are met, of those that were measured."""
    met = {"clean": bool(document["clean"])}
    if document["growth"] is not None:
        met["growth"] = document["growth"] <= GROWTH
    if "book_1e6_seconds" in document:
        met["book_1e6_seconds"] = document["book_1e6_seconds"] <= SECONDS
        met["book_1e6_mb"] = document["book_1e6_mb"] <= MEGABYTES
    return met


def show(document: dict[str, Any], console: Console) -> None:
    """Tables for people."""
    columns = {"movements": "movements", "seconds": "seconds", "cpu_seconds": "processor s", "mb": "MB",
               "us_per_movement": "µs per movement"}
    table = Table(*columns.values(), title="Books checked and settled")
    for row in document["curve"]:
        table.add_row(*(f"{row[c]:,}" for c in columns))
    console.print(table)
    console.print(f"growth against n log n: {document['growth']}; clean: {document['clean']}")
    parts = Table("part", "seconds", title="The largest book, by part")
    for name, seconds in list(document["parts"].items())[:16]:
        parts.add_row(name, f"{seconds:,.2f}")
    console.print(parts)
