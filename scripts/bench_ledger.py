"""Speed and cost of the ledger: events a second against raw py-evm, one event alone, eth_getLogs, anvil, gas.

    scripts/bench ledger [--json] [--journeys N] [--parts speed,logs,gas] [--no-anvil] [--loop fast|stock]

The demo is run once for its events; they are posted again as many journeys side by side. Every block of the
embedded ledger is compared with the one that stock py-evm makes of the same call data. Read the ratios; the
absolute figures are this machine's. docs/performance.md says what each figure means.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [x for x in (str(ROOT), str(ROOT / "scripts")) if x not in sys.path]

import gas_table  # noqa: E402
from ledger_bench import logs, measure, mix, report  # noqa: E402
from rich.console import Console  # noqa: E402

PARTS = ("speed", "logs", "gas")
JOURNEYS = 9  # 242 events each


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--journeys", type=int, default=JOURNEYS, help="journeys of the demo side by side")
    parser.add_argument("--documents", type=int, help="only so many of the demo's documents")
    parser.add_argument("--logs", type=int, nargs=2, default=(10_000, 100_000), metavar=("SMALL", "LARGE"))
    parser.add_argument("--repeat", type=int, default=21, help="questions asked of each chain of logs")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"what to measure, of {','.join(PARTS)}")
    parser.add_argument("--no-anvil", action="store_true", help="do not measure anvil")
    parser.add_argument("--loop", default="fast", choices=("fast", "stock"), help="of the embedded ledger")
    asked = parser.parse_args(arguments)
    parts = asked.parts.split(",")
    unknown = set(parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {sorted(unknown)[0]!r}; there are {', '.join(PARTS)}.")
    found = run(asked, parts)
    document = report.figures(found)
    if asked.json:
        print(json.dumps({**document, "targets": report.targets(document), "raw": found}, indent=2))
    else:
        report.show(document, found, Console())
    return 0


def run(asked: argparse.Namespace, parts: list[str]) -> dict[str, Any]:
    """Measure the parts asked for; raw numbers."""
    found: dict[str, Any] = {"machine": {
        "python": platform.python_version(), "cpus": os.cpu_count(), "system": platform.platform()}}
    if "speed" in parts:
        anvil = None if asked.no_anvil else anvil_path()
        if anvil is None and not asked.no_anvil:
            tell("anvil: skipped, .tools/bin/anvil is not there (scripts/tools installs it)", last=True)
        with tempfile.TemporaryDirectory(prefix="cargoledger-bench-") as name:
            folder = Path(name)
            events = mix.record(folder / "demo", tell, asked.documents)
            found["prepare_per_s"] = events.prepare_per_s
            found["speed"] = measure.throughput(
                folder, events, asked.journeys, loop=asked.loop, anvil=anvil, tell=tell)
    if "logs" in parts:
        found["logs"] = logs.measure(*asked.logs, asked.repeat, tell)
    if "gas" in parts:
        tell("gas of every kind")
        found["gas"] = gas_table.measure()
    tell("", last=True)
    return found


def tell(text: str, *, last: bool = False) -> None:
    """Progress, on standard error: one line that changes, where somebody looks at it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}" + ("\n" if last and text else ""))
        sys.stderr.flush()
    elif last and text:
        sys.stderr.write(text + "\n")


def anvil_path() -> Path | None:
    """Where anvil is, or None."""
    named = os.environ.get("CARGOLEDGER_ANVIL")
    local = ROOT / ".tools" / "bin" / "anvil"
    found = named or (str(local) if local.exists() else shutil.which("anvil"))
    return Path(found) if found else None


if __name__ == "__main__":
    sys.exit(main())
