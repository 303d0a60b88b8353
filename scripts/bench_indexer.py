"""Speed of the index: backfill against fetching alone and against Ponder; payloads, live, memory, audit.

    scripts/bench indexer [--json] [--events N] [--nodes embedded,anvil] [--parts backfill,ponder,...]

The events are the demo's, signed, a hundred in a block; made once and kept in the user's cache folder. What
is compared runs in turn on the same node. Read the ratios; the absolute figures are this machine's.
docs/performance.md says what each figure means.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [x for x in (str(ROOT), str(ROOT / "scripts")) if x not in sys.path]

from bench_ledger import anvil_path, tell  # noqa: E402
from indexer_bench import events, memory, nodes, ours, ponder, report  # noqa: E402
from ledger_bench import mix  # noqa: E402
from rich.console import Console  # noqa: E402

PARTS = ("backfill", "ponder", "payloads", "live", "memory", "audit")
EVENTS = 100_000
MEMORY = (10_000, 30_000, 100_000, 300_000, 1_000_000)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--events", type=int, default=EVENTS, help="events of the chain, at least")
    parser.add_argument("--nodes", default="embedded,anvil", help="what is read from, of embedded,anvil")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"what to measure, of {','.join(PARTS)}")
    parser.add_argument("--repeat", type=int, default=3, help="backfills and fetches, in turn")
    parser.add_argument("--live", type=int, default=40, help="live blocks")
    parser.add_argument("--memory", type=int, nargs="+", default=MEMORY, metavar="EVENTS",
                        help="points of the memory curve")
    asked = parser.parse_args(arguments)
    parts = set(asked.parts.split(","))
    if parts - set(PARTS):
        parser.error(f"there is no part {sorted(parts - set(PARTS))[0]!r}; there are {', '.join(PARTS)}.")
    raw = run(asked, parts)
    document = report.figures(raw)
    kept = events.cache_folder() / f"indexer-{time.strftime('%Y%m%dT%H%M%S')}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    whole = {**document, "targets": report.targets(document), "raw": raw}
    kept.write_text(json.dumps(whole, indent=2), "utf-8")
    if asked.json:
        print(json.dumps(whole, indent=2))
    else:
        report.show(document, Console())
        print(f"raw numbers: {kept}")
    return 0


def run(asked: argparse.Namespace, parts: set[str]) -> dict[str, Any]:
    """Measure the parts asked for; raw numbers."""
    raw: dict[str, Any] = {"nodes": {}, "machine": {
        "python": platform.python_version(), "cpus": os.cpu_count(), "system": platform.platform(),
        "load": os.getloadavg()}}
    folder = events.cache_folder()
    made = events.made(asked.events, folder, tell)
    if parts & {"backfill", "ponder"}:
        for name in asked.nodes.split(","):
            with ExitStack() as stack:
                if name == "anvil":
                    binary = anvil_path()
                    if binary is None:
                        tell("anvil: skipped, scripts/tools installs it", last=True)
                        continue
                    url = stack.enter_context(nodes.anvil(binary, made, tell))
                else:
                    url = stack.enter_context(nodes.embedded(made))
                raw["nodes"][name] = _backfills(asked, parts, made, url)
    if "payloads" in parts:
        tell("payloads")
        raw["payloads"] = ours.payloads(made, asked.repeat)
    if "live" in parts:
        with tempfile.TemporaryDirectory(prefix="cargoledger-bench-") as name:
            raw["live_ms"] = ours.live(mix.record(Path(name) / "demo", tell), asked.live, tell)
    if "memory" in parts:
        raw["rss_mb"] = memory.curve(made.deployment, asked.memory, tell)
    if "audit" in parts:
        tell("audit")
        raw["audit"] = ours.audited(made)
    tell("", last=True)
    return raw


def _backfills(asked: argparse.Namespace, parts: set[str], made: events.Made, url: str) -> dict[str, Any]:
    """Fetch and backfill in turn, then Ponder, from one node."""
    found: dict[str, Any] = {"fetch": [], "ours": [], "ponder": []}
    for i in range(asked.repeat):
        tell(f"backfill {i + 1} of {asked.repeat}")
        found["fetch"].append(ours.fetch(url, made))
        found["ours"].append(ours.backfill(url, made))
    if "ponder" in parts:
        project = ponder.install(events.cache_folder(), tell)
        found["ponder"].append(ponder.backfill(project, url, made, tell))
        with ponder.postgres() as database:
            if database is not None:
                found["ponder"].append(ponder.backfill(project, url, made, tell, database))
                found["ours_postgres"] = ours.backfill(
                    url, made, database.replace("postgresql://", "postgresql+psycopg://"))
    return found


if __name__ == "__main__":
    sys.exit(main())
