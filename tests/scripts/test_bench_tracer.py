"""`scripts/bench tracer` in miniature: it runs, its document has the shape that others read. Nothing is judged by time."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    import bench_tracer
    from tracer_bench import books

    monkeypatch.setattr(books, "cache_folder", lambda: tmp_path / "cache")
    return bench_tracer


def test_it_runs_and_says_what_it_measured(bench: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--sizes", "600", "150", "--archetype", "seafood", "--json", "--parts", "speed"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["movements"] >= size for row, size in zip(told["curve"], (150, 600), strict=True)] == [True, True]
    assert told["clean"] is told["targets"]["clean"] is True
    assert told["growth"] > 0
    assert {"read", "judge", "settle", "facts.lineage", "rule.B1", "rule.X2"} <= told["parts"].keys()
    largest = told["raw"]["runs"][-1]
    assert largest["population"] > 100  # the rules looked at something
    assert sum(largest["parts"].values()) <= largest["seconds"]  # no time is counted twice
    assert len(list((tmp_path / "cache").glob("books-*/*"))) == 2
    assert len(list((tmp_path / "cache").glob("tracer-*.json"))) == 1


def test_events__of_the_same_book__cost_beside_that_of_its_movements(
        bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--sizes", "150", "--archetype", "furniture", "--json", "--parts", "events"]) == 0
    told = json.loads(capsys.readouterr().out)
    (row,) = told["events"]
    assert row["events"] < row["movements"] and row["read_us_per_event"] > 0 and row["cpu_ratio"] > 0
    assert told["raw"]["events"][0]["said"] == told["raw"]["runs"][0]["said"]
    other = next((tmp_path / "cache").glob("books-*/*-events"))
    lines = (other / "events.jsonl").read_text("utf-8").splitlines()
    (other / "events.jsonl").write_text("\n".join(line for line in lines if "EXPORT_LOAD" not in line), encoding="utf-8")
    with pytest.raises(SystemExit, match="does not say what its movements say"):
        bench.main(["--sizes", "150", "--archetype", "furniture", "--json", "--parts", "events"])


def test_traces__in_two_small_indexes__measured_by_the_product_s_own_trace(
        bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--parts", "trace", "--lots", "1001", "2002", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["trace_lots"] == 2002 and told["trace_ms_p50"] > 0 and told["trace_vs_networkx"] > 0
    assert "trace_ms_p50" not in told["targets"], "promised for a million lots"
    with pytest.raises(SystemExit):
        bench.main(["--parts", "trace", "--lots", "10"])


def test_figures_and_targets(bench: Any) -> None:
    run = {"mb": 2_000.0, "findings": 0, "not_evaluable": 0, "parts": {"read": 1.0, "judge": 2.0}}
    raw = {"runs": [
        {**run, "asked": 10_000, "movements": 10_000, "seconds": 0.5, "cpu_seconds": 0.5},
        {**run, "asked": 1_000_000, "movements": 1_000_000, "seconds": 70.0, "cpu_seconds": 75.0}]}
    document = bench.report.figures(raw)
    assert document["growth"] == 1.0  # 150 times the time for 150 times n log n
    assert (document["book_1e6_seconds"], document["book_1e6_mb"]) == (70.0, 2_000)
    assert list(document["parts"]) == ["judge", "read"]
    assert bench.report.targets(document) == {
        "clean": True, "growth": True, "book_1e6_seconds": False, "book_1e6_mb": True}
    raw["runs"][1]["findings"] = 1
    assert bench.report.targets(bench.report.figures(raw))["clean"] is False


def test_precision_and_recall(bench: Any) -> None:
    def trial(rule: str, right: bool, *others: str) -> dict[str, Any]:
        return {"rule": rule, "right": right, "others": list(others), "companions": ["B6"]}

    trials = [trial("B2", True, "B6"), trial("B2", False), trial("B6", True, "B2"), trial("X4", True)]
    assert bench.report.rules(trials) == {
        "B2": {"laid_in": 2, "recall": 0.5, "precision": 0.5},
        "B6": {"laid_in": 1, "recall": 1.0, "precision": 1.0},
        "X4": {"laid_in": 1, "recall": 1.0, "precision": 1.0}}
    document = bench.report.figures({"runs": [], "faults": trials})
    assert bench.report.targets(document) == {"rules": False}
    assert bench.report.targets(bench.report.figures({"runs": [], "faults": trials[3:]})) == {"rules": True}
