"""`scripts/bench ledger` in miniature: it runs, and its document has the shape that others read. No figure is judged."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIGURES = {"ratio_raw", "events_per_s", "raw_events_per_s", "prepare_per_s", "single_ms_p50", "get_logs_ratio",
           "get_logs_topic_ratio", "anvil_ratio", "gas", "targets", "raw"}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The script as a module, with its cache in a folder of the test."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    import bench_ledger
    from ledger_bench import logs

    monkeypatch.setattr(logs, "cache_folder", lambda: tmp_path / "cache")
    return bench_ledger


def run(bench: Any, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert bench.main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(found) == FIGURES
    return found


@pytest.mark.timeout(600)
def test_speed__few_documents__every_figure_and_every_block_compared(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(bench, capsys, "--parts", "speed", "--documents", "9", "--journeys", "2", "--no-anvil")
    assert all(found[name] > 0 for name in ("ratio_raw", "events_per_s", "raw_events_per_s", "prepare_per_s", "single_ms_p50"))
    assert found["anvil_ratio"] is None and found["get_logs_ratio"] is None and found["gas"] is None
    assert set(found["targets"]) == {"ratio_raw", "single_ms_p50"}
    speed = found["raw"]["speed"]
    assert speed["events"] == sum(speed["outcomes"].values()) > 9
    assert set(speed["outcomes"]) <= {"recorded", "pending"}
    assert speed["blocks_equal_to_stock"] > 20  # deployment, register, batches


def test_speed__a_block_that_stock_would_not_make__is_noticed(
    bench: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ledger_bench.engines import Raw

    really = Raw.block
    monkeypatch.setattr(Raw, "block", lambda self, raw, at: really(self, raw, at + 1))
    with pytest.raises(RuntimeError, match="is not stock py-evm's"):
        run(bench, capsys, "--parts", "speed", "--documents", "2", "--journeys", "1", "--no-anvil")


def test_logs__small_chains__both_questions_and_kept_for_the_next_run(
    bench: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:
    arguments = ("--parts", "logs", "--logs", "1000", "2000", "--repeat", "1")
    found = run(bench, capsys, *arguments)
    assert found["get_logs_ratio"] > 0 and found["get_logs_topic_ratio"] > 0
    kept = {path: path.stat().st_size for path in (tmp_path / "cache").glob("*.sqlite")}
    assert len(kept) == 2
    run(bench, capsys, *arguments)
    assert kept == {path: path.stat().st_size for path in (tmp_path / "cache").glob("*.sqlite")}


def test_part__unknown__refused(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        bench.main(["--parts", "speeed"])
    assert stopped.value.code == 2 and "no part 'speeed'" in capsys.readouterr().err


def test_table__figures_and_gas__targets_beside_them(bench: Any) -> None:
    from ledger_bench import report
    from rich.console import Console

    parts = {
        "prepare_per_s": 100.0, "gas": {"OBSERVE": {"alone": 60_000, "batch_200": 30_000}},
        "speed": {"events": 100, "submit_s": 1.0, "flush_s": 1.0, "raw_s": 3.0, "anvil_s": 0.5, "single_ms": [200.0]},
        "logs": {"small": 10, "large": 100, "range_small_ms": 1.0, "range_large_ms": 1.2, "topic_small_ms": 1.0,
                 "topic_large_ms": 1.0}}
    found = report.figures(parts)
    assert (found["ratio_raw"], found["anvil_ratio"], found["events_per_s"]) == (1.5, 4.0, 50.0)
    assert report.targets(found)["gas.batch_200.OBSERVE"] == {"target": "at most 22,000", "met": False}
    assert report.targets(found)["ratio_raw"]["met"] and not report.targets(found)["single_ms_p50"]["met"]
    console = Console(width=200, record=True, file=sys.stderr)
    report.show(found, parts, console)
    text = console.export_text()
    assert "missed" in text and "met" in text and "chain of 100 logs against 10" in text and "30,000" in text
