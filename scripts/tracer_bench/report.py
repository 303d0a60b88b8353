"""Figures of `scripts/bench tracer` from its raw numbers."""

from __future__ import annotations

from math import log
from typing import Any

from rich.console import Console
from rich.table import Table

from tracer_bench import detection, trace

SECONDS, MEGABYTES, GROWTH = 60.0, 3_000.0, 1.0
"""Targets: a million movements in so many seconds and megabytes; growth no worse than n log n."""
TRACE_MS, TRACE_GROWTH, NETWORKX = 100.0, 1.5, 20.0
"""Targets: a trace of 1,000 ancestors among a million lots in so many milliseconds; at most so many times as
long as among ten thousand; networkx with the whole graph takes so many times as long."""


def figures(raw: dict[str, Any]) -> dict[str, Any]:
    """The figures: time and memory of the largest book, and how cost grows from the smallest on."""
    result: dict[str, Any] = {}
    if "faults" in raw:
        result["rules"] = rules(raw["faults"])
    if "smallest" in raw:
        result["smallest"] = detection.sharpness(raw["smallest"])
    if "trace" in raw:
        result |= trace.figures(raw["trace"])
    if not raw["runs"]:
        return result
    curve = [
        {"movements": run["movements"], "seconds": round(run["seconds"], 2),
         "cpu_seconds": round(run["cpu_seconds"], 2), "mb": round(run["mb"]),
         "us_per_movement": round(run["seconds"] / run["movements"] * 1e6, 1),
         "findings": run["findings"]}
        for run in raw["runs"]]
    result |= {"curve": curve, "growth": growth(raw["runs"])}
    for run in raw["runs"]:
        size = f"{run['asked']:.0e}".replace("e+0", "e")
        result[f"book_{size}_seconds"] = round(run["seconds"], 1)
        result[f"book_{size}_cpu_seconds"] = round(run["cpu_seconds"], 1)
        result[f"book_{size}_mb"] = round(run["mb"])
    if "events" in raw:
        result["events"] = events(raw)
    largest = raw["runs"][-1]
    result["parts"] = {name: round(s, 2) for name, s in sorted(largest["parts"].items(), key=lambda x: -x[1])}
    result["clean"] = all(not run["findings"] for run in raw["runs"])
    return result


def events(raw: dict[str, Any]) -> list[dict[str, Any]]:
    """Each book with its movements as events.jsonl: the cost, by event, and over that of movements.csv."""
    return [
        {"movements": other["movements"], "events": run["events"], "seconds": round(run["seconds"], 2),
         "cpu_seconds": round(run["cpu_seconds"], 2), "mb": round(run["mb"]),
         "us_per_event": round(run["cpu_seconds"] / run["events"] * 1e6, 1),
         "read_us_per_event": round(run["parts"]["read"] / run["events"] * 1e6, 1),
         "cpu_ratio": round(run["cpu_seconds"] / other["cpu_seconds"], 2),
         "mb_ratio": round(run["mb"] / other["mb"], 2)}
        for run, other in zip(raw["events"], raw["runs"], strict=True)]


def rules(trials: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per rule: in how many books a fault of its own was laid in; the share of them that it found with the
    right subject and quantity (recall); of all books in which it said something new the share in which it
    should, its own fault or one that it is a companion of (precision).
    """
    result: dict[str, dict[str, Any]] = {}
    for rule in sorted({t["rule"] for t in trials}):
        own = [t for t in trials if t["rule"] == rule]
        right = sum(t["right"] for t in own)
        beside = [rule in t["companions"] for t in trials if rule in t["others"]]
        told = right + len(beside)
        result[rule] = {"laid_in": len(own), "recall": round(right / len(own), 3),
                        "precision": round((right + sum(beside)) / told, 3) if told else None}
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
    met: dict[str, bool] = {}
    if "clean" in document:
        met["clean"] = bool(document["clean"])
    if "rules" in document:
        met["rules"] = all(r["recall"] == r["precision"] == 1 for r in document["rules"].values())
    if document.get("growth") is not None:
        met["growth"] = document["growth"] <= GROWTH
    if "trace_growth" in document:
        met["trace_growth"] = document["trace_growth"] <= TRACE_GROWTH
        met["trace_vs_networkx"] = document["trace_vs_networkx"] >= NETWORKX
        if document["trace_lots"] >= 1_000_000:
            met["trace_ms_p50"] = document["trace_ms_p50"] < TRACE_MS
    if "book_1e6_seconds" in document:
        met["book_1e6_seconds"] = document["book_1e6_seconds"] <= SECONDS
        met["book_1e6_mb"] = document["book_1e6_mb"] <= MEGABYTES
    return met


def show(document: dict[str, Any], console: Console) -> None:
    """Tables for people."""
    if "rules" in document:
        found = Table("rule", "faults laid in", "recall", "precision", title="Faults found")
        for rule, row in document["rules"].items():
            found.add_row(rule, *(str(row[c]) for c in ("laid_in", "recall", "precision")))
        console.print(found)
    if "smallest" in document:
        least = Table("fault", "rule", "size", "books", "over the tolerance", title="Smallest faults found")
        for fault, row in document["smallest"].items():
            times = f"{row['least']} to {row['most']}" if row["least"] else "–"
            words = {"size": "has one", "any": "any", "none": "there or not"}[row["form"]]
            least.add_row(fault, row["rule"], words, str(row["books"]), times)
        console.print(least)
    if "trace_growth" in document:
        console.print(
            f"backward trace of {trace.ANCESTORS:,} ancestors in {document['trace_lots']:,} lots: "
            f"{document['trace_ms_p50']} ms ({document['trace_cpu_ms_p50']} of the processor), "
            f"{document['trace_growth']} times that in the small index; networkx takes "
            f"{document['trace_vs_networkx']} times as long; forward from a received lot "
            f"{document['forward_ms_p50']} ms")
    if "curve" not in document:
        return
    columns = {"movements": "movements", "seconds": "seconds", "cpu_seconds": "processor s", "mb": "MB",
               "us_per_movement": "µs per movement"}
    table = Table(*columns.values(), title="Books checked and settled")
    for row in document["curve"]:
        table.add_row(*(f"{row[c]:,}" for c in columns))
    console.print(table)
    console.print(f"growth against n log n: {document['growth']}; clean: {document['clean']}")
    if "events" in document:
        names = {"events": "events", "seconds": "seconds", "cpu_seconds": "processor s", "mb": "MB",
                 "us_per_event": "µs of it per event", "read_us_per_event": "of that reading",
                 "cpu_ratio": "times movements.csv", "mb_ratio": "times its MB"}
        said = Table(*names.values(), title="The same books as events.jsonl: the same findings and forms")
        for row in document["events"]:
            said.add_row(*(f"{row[c]:,}" for c in names))
        console.print(said)
    parts = Table("part", "seconds", title="The largest book, by part")
    for name, seconds in list(document["parts"].items())[:16]:
        parts.add_row(name, f"{seconds:,.2f}")
    console.print(parts)
