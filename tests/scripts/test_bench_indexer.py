"""`scripts/bench indexer`: what its figures are made of, and that Ponder reads what our contracts log. Nothing is judged by time."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from contracts.artifacts import load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    from indexer_bench import report as found

    return found


def raw() -> dict[str, Any]:
    return {
        "nodes": {"embedded": {
            "fetch": [{"seconds": 3.0}, {"seconds": 5.0}, {"seconds": 4.0}],
            "ours": [{"seconds": 10.0, "events": 100, "blocks": 1}] * 3,
            "ponder": [{"seconds": 60.0, "database": "PGlite"}, {"seconds": 44.0, "database": "PostgreSQL"}],
            "ours_postgres": {"seconds": 11.0}}},
        "payloads": {"payloads": 50, "seconds": 2.0}, "audit": {"rows": 900, "seconds": 3.0}, "live_ms": [5.0, 90.0, 200.0],
        "rss_mb": [[10_000, 100.0], [100_000, 170.0]]}


def test_figures__of_a_whole_run__ratios_say_how_much_faster_we_are(report: Any) -> None:
    found = report.figures(raw())
    node = found["nodes"]["embedded"]
    assert (node["ratio_fetch"], node["ratio_ponder"], node["ratio_ponder_postgres"]) == (0.4, 6.0, 4.0)
    assert (found["payloads_per_s"], found["audit_rows_per_s"], found["live_ms_p50"], found["rss_growth_mb"]) == (25, 300, 90, 70)
    judged = report.targets(found)
    assert {name for name, one in judged.items() if not one["met"]} == {
        "embedded.ratio_ponder_postgres", "audit_rows_per_s", "rss_growth_mb"}


def test_figures__of_parts_not_measured__are_none_and_have_no_verdict(report: Any) -> None:
    found = report.figures({"nodes": {}})
    assert found["payloads_per_s"] is None and found["live_ms_p50"] is None and report.targets(found) == {}


def test_ponder_project__reads_logs_and_fields_that_the_contract_has() -> None:
    source = (ROOT / "scripts" / "bench_ponder" / "src" / "index.ts").read_text("utf-8")
    logs = {entry["name"]: entry for entry in load("CustodyLedger").abi if entry["type"] == "event"}
    handlers = re.findall(r'ponder\.on\("CustodyLedger:(\w+)".*?const \{ (.*?) \} = event\.args', source, re.DOTALL)
    assert {name for name, _ in handlers} == {"EventOutcome", "UnitChanged", "LotCreated", "LotChanged"}
    for name, fields in handlers:
        assert {field.partition(":")[0].strip() for field in fields.split(",")} <= {i["name"] for i in logs[name]["inputs"]}
