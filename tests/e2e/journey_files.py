"""Reading `examples/journey` as anybody would: from the committed files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
JOURNEY = ROOT / "examples" / "journey"


def index() -> dict[str, Any]:
    return json.loads((JOURNEY / "journey.json").read_text("utf-8"))


def events(folder: Path = JOURNEY / "documents") -> Iterator[tuple[str, dict[str, Any]]]:
    """(file, event) of every document, in the order of posting."""
    for path in sorted(folder.glob("*.json")):
        for event in json.loads(path.read_text("utf-8"), parse_float=Decimal)["epcisBody"]["eventList"]:
            yield path.name, event


def table(book: str, name: str) -> list[dict[str, str]]:
    with (JOURNEY / "books" / book / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
