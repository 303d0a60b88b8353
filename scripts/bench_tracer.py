"""Speed of the tracer: a book folder of a million movements checked and settled, its memory, how cost grows.

    scripts/bench tracer [--json] [--sizes 10000 100000 1000000] [--archetype garments]

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
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [x for x in (str(ROOT), str(ROOT / "scripts")) if x not in sys.path]

from bench_ledger import tell  # noqa: E402
from book_maker.archetypes import ARCHETYPES  # noqa: E402
from rich.console import Console  # noqa: E402
from tracer_bench import books, once, report  # noqa: E402

SIZES = (10_000, 31_600, 100_000, 316_000, 1_000_000)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="movements, rising")
    parser.add_argument("--archetype", choices=sorted(ARCHETYPES), default="garments")
    asked = parser.parse_args(arguments)
    raw = run(asked.archetype, sorted(asked.sizes))
    document = report.figures(raw)
    whole = {**document, "targets": report.targets(document), "raw": raw}
    kept = books.cache_folder() / f"tracer-{time.strftime('%Y%m%dT%H%M%S')}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(whole, indent=2), "utf-8")
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


if __name__ == "__main__":
    sys.exit(main())
