"""Speed of the tracer: a book folder of a million movements checked and settled, its memory, how cost grows.

    scripts/bench tracer [--json] [--parts speed,events,trace,faults,smallest] [--sizes 10000 1000000]
                         [--archetype garments] [--seeds 5] [--page]

The books are those of scripts/generate, made once and kept in the user's cache folder; each is checked in a
process of its own by the function behind `cargoledger check FOLDER --json`. The figures are this machine's,
and a busy machine differs from itself: read the curve. docs/performance.md says what each figure means.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [x for x in (str(ROOT), str(ROOT / "scripts")) if x not in sys.path]

from bench_ledger import tell  # noqa: E402
from book_maker import faults  # noqa: E402
from book_maker.archetypes import ARCHETYPES  # noqa: E402
from rich.console import Console  # noqa: E402
from tracer_bench import books, detection, once, report, smallest, trace  # noqa: E402

PARTS = ("speed", "events", "trace", "faults", "smallest")
LOTS = (10_000, 1_000_000)
SIZES = (10_000, 31_600, 100_000, 316_000, 1_000_000)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="movements, rising")
    parser.add_argument("--lots", type=int, nargs="+", default=LOTS, metavar="N",
                        help="lots in the indexes that are traced in, rising")
    parser.add_argument("--archetype", choices=sorted(ARCHETYPES), default="garments")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"what to measure, of {','.join(PARTS)}")
    parser.add_argument("--seeds", type=int, default=5, help="books of each archetype to lay faults into")
    parser.add_argument("--page", action="store_true",
                        help="write docs/detection.md; needs the parts faults and smallest")
    asked = parser.parse_args(arguments)
    parts = set(asked.parts.split(","))
    if parts - set(PARTS):
        parser.error(f"there is no part {sorted(parts - set(PARTS))[0]!r}; there are {', '.join(PARTS)}.")
    if asked.page and not parts >= {"faults", "smallest"}:
        parser.error("the page needs the parts faults and smallest.")
    if "trace" in parts and min(asked.lots) < trace.TREE:
        parser.error(f"an index has at least {trace.TREE} lots.")
    sizes = sorted(asked.sizes)
    raw = run(asked.archetype, sizes if parts & {"speed", "events"} else [])
    if "events" in parts:
        raw["events"] = [as_events(asked.archetype, one) for one in raw["runs"]]
    if "trace" in parts:
        raw["trace"] = trace.run(sorted(asked.lots), books.cache_folder(), tell)
    if "faults" in parts:
        raw["faults"] = faults_found(asked.seeds)
    if "smallest" in parts:
        raw["smallest"] = smallest.run(ARCHETYPES, asked.seeds, tell)
        tell("", last=True)
    document = report.figures(raw)
    whole = {**document, "targets": report.targets(document), "raw": raw}
    kept = books.cache_folder() / f"tracer-{time.strftime('%Y%m%dT%H%M%S')}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(whole, indent=2), "utf-8")
    if asked.page:
        detection.write(document, raw["smallest"], asked.seeds)
    if asked.json:
        print(json.dumps(whole, indent=2))
    else:
        report.show(document, Console())
        print(f"raw numbers: {kept}")
    return 0


def run(trade: str, sizes: list[int]) -> dict[str, Any]:
    """Check a book of each size; raw numbers."""
    raw: dict[str, Any] = {"archetype": trade, "runs": [], "machine": {
        "python": platform.python_version(), "cpus": os.cpu_count(), "system": platform.platform(),
        "load": os.getloadavg()}}
    for size in sizes:
        folder = books.made(trade, size, tell)
        with (folder / "movements.csv").open("rb") as file:
            movements = sum(1 for _ in file) - 1
        tell(f"checking {movements} movements")
        raw["runs"].append({"asked": size, "movements": movements, **once.run(folder)})
    tell("", last=True)
    return raw


def as_events(trade: str, movements: dict[str, Any]) -> dict[str, Any]:
    """Check the same book with its movements as events.jsonl.

    Raises:
        SystemExit: it does not say the same.
    """
    folder, events = books.as_events(books.made(trade, movements["asked"], tell), tell)
    tell(f"checking {events} events")
    found = {"asked": movements["asked"], "events": events, **once.run(folder)}
    if found["said"] != movements["said"]:
        raise SystemExit(f"{folder} does not say what its movements say.")
    return found


def faults_found(seeds: int) -> list[dict[str, Any]]:
    """Every fault laid into books of every archetype: whether its rule found it, and who else spoke."""
    result = []
    for trade in ARCHETYPES:
        for seed in range(1, seeds + 1):
            tell(f"faults in {trade} {seed} of {seeds}")
            with tempfile.TemporaryDirectory(prefix="cargoledger-bench-") as name:
                for fault, right, others in faults.trial(Path(name) / "book", trade, seed):
                    result.append({
                        "archetype": trade, "seed": seed, "fault": fault.name, "rule": fault.rule,
                        "right": right, "others": sorted(others), "companions": sorted(fault.companions)})
    tell("", last=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
