"""Write `examples/journey` from the story in `scripts/journey`: documents, tables, directory, index.

    .venv/bin/python scripts/build_journey.py            write the folder
    .venv/bin/python scripts/build_journey.py --check    only say whether it is what would be written

The folder is what people read; whoever changes a figure changes it in `scripts/journey`, and the
arithmetic there (consumption by the norms, scrap and loss their share) refuses what does not add up.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from journey import factory, inbound, irregularities, outbound, stock, tables, world
from journey.documents import Story, to_json

TARGET = Path(__file__).resolve().parent.parent / "examples" / "journey"
WRITTEN_BY_HAND = {"README.md"}


def clean_story() -> Story:
    """The whole clean story, files numbered in order of time."""
    story = Story()
    for chapter in (
        factory.begin,
        inbound.shipment_a,
        inbound.shipment_b,
        inbound.shipment_c,
        factory.spring,
        factory.summer,
        factory.autumn,
        factory.second_enterprise,
        outbound.export_1,
        outbound.export_2,
        outbound.export_sports,
        outbound.changes_of_purpose,
        stock.year_end,
    ):
        chapter(story)
    story.number_files()
    return story


def build() -> dict[str, str]:
    """Every file of the folder: path below it -> text."""
    story = clean_story()
    faults = irregularities.all_of(story)
    files = {"participants.json": to_json(world.directory()), **tables.files()}
    for document in story.documents:
        files[f"documents/{document.file}"] = to_json(document.body())
    for fault in faults:
        for document in [*fault.replaces.values(), *fault.adds.values()]:
            files[f"irregularities/{fault.name}/{document.file}"] = to_json(document.body())
    files["journey.json"] = to_json(
        {
            "title": "Fabric in, jackets out: a year of a garment enterprise at Hai Phong",
            "period": {"from": "2025-01-01", "to": "2025-12-31", "book": world.BOOK_GARMENT},
            "documents": [{"file": d.file, "as": d.poster} for d in story.documents],
            "irregularities": [irregularities.as_json(f) for f in faults],
        }
    )
    return files


def differences(target: Path) -> list[str]:
    """What of the committed folder is not what the story says."""
    wanted = build()
    there = {str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()} - WRITTEN_BY_HAND
    faults = [f"{name} is not written by the story" for name in sorted(there - set(wanted))]
    faults += [
        f"{name} differs"
        for name, text in sorted(wanted.items())
        if not (target / name).is_file() or (target / name).read_text("utf-8") != text
    ]
    return faults


def write(target: Path) -> int:
    """Write the folder and take away what no longer belongs to it; returns the number of files."""
    files = build()
    for path in list(target.rglob("*.json")) + list(target.rglob("*.csv")):
        if str(path.relative_to(target)) not in files:
            path.unlink()
    for name, text in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return len(files)


def main() -> int:
    """Command line; exit 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare only")
    arguments = parser.parse_args()
    if not arguments.check:
        print(f"{write(TARGET)} files in {TARGET}")
        return 0
    faults = differences(TARGET)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
