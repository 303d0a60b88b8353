"""The book folder of an invented enterprise: clean by construction, of any size, the same for the same seed.

    scripts/generate DIR [--archetype garments|electronics|seafood|furniture] [--seed N] [--events N]
                         [--with FAULT] [--json]

Written row by row: a million movements take no more memory than a thousand. With a fault (docs/faults.md) the
book is read again to lay it in, and what must be found is told.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [x for x in (str(ROOT), str(ROOT / "scripts")) if x not in sys.path]

from book_maker import faults  # noqa: E402
from book_maker.archetypes import ARCHETYPES  # noqa: E402
from book_maker.enterprise import write_book  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that does not exist yet")
    parser.add_argument("--archetype", choices=sorted(ARCHETYPES), default="garments")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=1_000, help="rows of movements.csv, at least")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--with", dest="fault", choices=faults.NAMES, metavar="FAULT",
                        help=f"lay in one of: {', '.join(faults.NAMES)}")
    asked = parser.parse_args(arguments)
    summary = asdict(write_book(asked.folder, asked.archetype, asked.seed, asked.events))
    told = ""
    if asked.fault:
        laid = faults.lay(asked.folder, asked.fault)
        quantity = laid.difference or "no quantity"
        told = f"\n{laid.story} {laid.rule} must say so of {laid.subject} ({quantity})."
        summary["fault"] = {
            "name": laid.name, "story": laid.story, "rule": laid.rule, "subject": laid.subject,
            "difference": laid.difference, "verdict": laid.verdict, "companions": sorted(laid.companions)}
    if asked.json:
        print(json.dumps(summary, indent=2))
    else:
        print(
            f"{asked.folder}: {summary['movements']} movements in {summary['campaigns']} campaigns, "
            f"{summary['lots']} lots.{told}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
