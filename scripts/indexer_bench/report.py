"""The figures of `scripts/bench indexer`: ratios with their targets, as one JSON document or as a table."""

from __future__ import annotations

import statistics
from typing import Any

from ledger_bench.report import Target
from rich.console import Console
from rich.table import Table

TARGETS = {
    "ratio_fetch": Target(at_least=0.3),
    "ratio_ponder": Target(at_least=5),
    "ratio_ponder_postgres": Target(at_least=5),
    "audit_rows_per_s": Target(at_least=10_000),
    "live_ms_p50": Target(at_most=150),
    "rss_growth_mb": Target(at_most=64),
}
MEANINGS = {
    "ratio_fetch": "chain rows, verification on, against the same JSON fetched, parsed and thrown away",
    "ratio_ponder": "backfill, verification on, SQLite, against Ponder with PGlite",
    "ratio_ponder_postgres": "the same, both into PostgreSQL",
    "events_per_s": "events/s of that backfill",
    "fetch_events_per_s": "events/s of that fetching",
    "ponder_events_per_s": "events/s of Ponder with PGlite",
    "payloads_per_s": "payloads opened, checked against commitment and signature, and made rows",
    "audit_rows_per_s": "rows that the audit recomputes and compares",
    "live_ms_p50": "ms from sending one event, its block included, to its row being visible (median)",
    "rss_growth_mb": "MB of resident memory that the last point of the curve has more than the first",
}


def figures(raw: dict[str, Any]) -> dict[str, Any]:
    """All figures of a run by node (`embedded`, `anvil`), and those that need no node; None: not measured."""
    found: dict[str, Any] = {"nodes": {}}
    for name, node in raw["nodes"].items():
        ours = statistics.median(run["seconds"] for run in node["ours"])
        limit = statistics.median(run["seconds"] for run in node["fetch"])
        events = node["ours"][0]["events"]
        ponder = {run["database"]: run["seconds"] for run in node["ponder"]}
        postgres = node.get("ours_postgres")
        found["nodes"][name] = {
            "ratio_fetch": limit / ours, "events_per_s": events / ours, "fetch_events_per_s": events / limit,
            "ratio_ponder": ponder["PGlite"] / ours if "PGlite" in ponder else None,
            "ratio_ponder_postgres": ponder["PostgreSQL"] / postgres["seconds"]
            if postgres and "PostgreSQL" in ponder else None,
            "ponder_events_per_s": events / ponder["PGlite"] if "PGlite" in ponder else None}
    payloads, live, curve = raw.get("payloads"), raw.get("live_ms"), raw.get("rss_mb")
    found["payloads_per_s"] = payloads["payloads"] / payloads["seconds"] if payloads else None
    audit = raw.get("audit")
    found["audit_rows_per_s"] = audit["rows"] / audit["seconds"] if audit else None
    found["live_ms_p50"] = statistics.median(live) if live else None
    found["rss_mb"] = curve
    found["rss_growth_mb"] = curve[-1][1] - curve[0][1] if curve and len(curve) > 1 else None
    return found


def targets(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each figure that has a target and was measured: the target, and whether it was met."""
    rows = {name: found.get(name) for name in TARGETS}
    rows |= {f"{node}.{name}": value for node, values in found["nodes"].items()
             for name, value in values.items() if name in TARGETS}
    judged = {}
    for name, value in rows.items():
        if value is not None:
            target = TARGETS[name.rpartition(".")[2]]
            judged[name] = {"target": str(target), "met": target.met(value)}
    return judged


def show(found: dict[str, Any], console: Console) -> None:
    """The figures as one table."""
    judged = targets(found)
    table = Table(title="scripts/bench indexer", title_justify="left")
    for column in ("figure", "value", "target", "", "what"):
        table.add_column(column, justify="right" if column == "value" else "left")
    rows = [(f"{node}.{name}", value)
            for node, values in found["nodes"].items() for name, value in values.items()]
    rows += [(name, found[name]) for name in MEANINGS if name in found]
    for name, value in rows:
        if value is not None:
            verdict = judged.get(name)
            table.add_row(
                name, f"{value:,.2f}", verdict["target"] if verdict else "",
                ("[green]met[/]" if verdict["met"] else "[red]missed[/]") if verdict else "",
                MEANINGS[name.rpartition(".")[2]])
    for events, resident in found["rss_mb"] or []:
        table.add_row("rss_mb", f"{resident:,.0f}", "", "", f"after {events:,.0f} events")
    console.print(table)
