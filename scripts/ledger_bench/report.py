"""The figures of `scripts/bench ledger`: ratios with their targets, as one JSON document or as a table."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be: at least, or at most."""

    at_least: float | None = None
    at_most: float | None = None

    def met(self, value: float) -> bool:
        """Whether a value is as it should be."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        return f"at least {self.at_least:,}" if self.at_least is not None else f"at most {self.at_most:,}"


TARGETS = {
    "ratio_raw": Target(at_least=0.8),
    "single_ms_p50": Target(at_most=100),
    "get_logs_ratio": Target(at_most=1.5),
}
_RECORDED = dict.fromkeys((
    "OFFER", "ACCEPT", "HOLD", "ELIGIBLE", "GATE_OUT", "ISSUE_PROD", "EXPORT_LOAD"), Target(at_most=26_000))
GAS_TARGETS = {  # gas an event in a batch of 200
    "OBSERVE": Target(at_most=22_000), "ARRIVE": Target(at_most=62_000), **_RECORDED,
    "RECEIVE_FACTORY": Target(at_most=95_000), "RECEIVE_DOMESTIC": Target(at_most=95_000),
    "OPENING": Target(at_most=95_000), "TRANSFORM": Target(at_most=210_000),
}
MEANINGS = {
    "ratio_raw": "events/s into the embedded ledger, durable, against stock py-evm in memory",
    "events_per_s": "signed events/s through gateway and outbox, durable",
    "raw_events_per_s": "the same call data in stock py-evm in memory, nothing else",
    "prepare_per_s": "events/s that a poster validates, commits to, seals, signs and stores",
    "single_ms_p50": "ms of one event alone, until recorded and durable (median)",
    "get_logs_ratio": "eth_getLogs, last 1,000 logs: chain of {large:,} logs against {small:,}",
    "get_logs_topic_ratio": "the same 1,000 by a topic, over all blocks",
    "anvil_ratio": "the same events through the same gateway into anvil, against the embedded ledger",
}


def figures(parts: dict[str, Any]) -> dict[str, Any]:
    """All figures of a run, ratios first; what was not measured is None.

    Args:
        parts: raw numbers by part: `prepare_per_s`, `speed`, `logs`, `gas`.
    """
    found: dict[str, Any] = dict.fromkeys(MEANINGS)
    found["prepare_per_s"] = parts.get("prepare_per_s")
    speed, logs, gas = parts.get("speed"), parts.get("logs"), parts.get("gas")
    if speed:
        ours_s = speed["submit_s"] + speed["flush_s"]
        found["events_per_s"] = speed["events"] / ours_s
        found["raw_events_per_s"] = speed["events"] / speed["raw_s"]
        found["ratio_raw"] = speed["raw_s"] / ours_s
        found["single_ms_p50"] = statistics.median(speed["single_ms"])
        if speed["anvil_s"] is not None:
            found["anvil_ratio"] = ours_s / speed["anvil_s"]
    if logs:
        found["get_logs_ratio"] = logs["range_large_ms"] / logs["range_small_ms"]
        found["get_logs_topic_ratio"] = logs["topic_large_ms"] / logs["topic_small_ms"]
    found["gas"] = None if gas is None else {
        "alone": {kind: cost["alone"] for kind, cost in gas.items()},
        "batch_200": {kind: cost["batch_200"] for kind, cost in gas.items()}}
    return found


def targets(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each figure that has a target: the target, and whether it was met."""
    rows = {name: (target, found[name]) for name, target in TARGETS.items()}
    for kind, target in GAS_TARGETS.items():
        if found["gas"] and kind in found["gas"]["batch_200"]:
            rows[f"gas.batch_200.{kind}"] = (target, found["gas"]["batch_200"][kind])
    return {name: {"target": str(target), "met": target.met(value)}
            for name, (target, value) in rows.items() if value is not None}


def show(found: dict[str, Any], parts: dict[str, Any], console: Console) -> None:
    """The figures as tables."""
    judged = targets(found)
    table = Table(title="scripts/bench ledger", title_justify="left")
    for column, justify in (("figure", "left"), ("value", "right"), ("target", "left"), ("", "left"),
                            ("what", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for name, meaning in MEANINGS.items():
        if found[name] is not None:
            text = meaning.format(**parts["logs"]) if "{" in meaning else meaning
            table.add_row(name, f"{found[name]:,.2f}", *_verdict(judged.get(name)), text)
    console.print(table)
    if found["gas"]:
        costs = Table(title="gas an event", title_justify="left")
        for column in ("kind", "alone", "in 200", "target (in 200)", ""):
            costs.add_column(column, justify="right" if column in ("alone", "in 200") else "left")
        for kind, alone in found["gas"]["alone"].items():
            costs.add_row(kind, f"{alone:,}", f"{found['gas']['batch_200'][kind]:,}",
                          *_verdict(judged.get(f"gas.batch_200.{kind}")))
        console.print(costs)


def _verdict(judged: dict[str, Any] | None) -> tuple[str, str]:
    if judged is None:
        return "", ""
    return judged["target"], "[green]met[/]" if judged["met"] else "[red]missed[/]"
