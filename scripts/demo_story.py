"""What the demo posts: the documents of `examples/journey` in order, with or without the irregularities.

Reads the committed files only. The story's time is the time of its events: a document is posted one minute
after the last thing it tells.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
JOURNEY = EXAMPLES / "journey"
POSTED_AFTER = timedelta(minutes=1)
FOREIGN_POSTER = "red-delta-line"
"""Who posts the documents that nobody here wrote: a carrier forwards what its partners sent."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One document on its way: who posts it, its bytes, and when."""

    name: str
    poster: str
    path: Path
    at_s: int

    def body(self) -> bytes:
        """The document as it lies in the folder."""
        return self.path.read_bytes()


@dataclass(slots=True)
class Story:
    """Everything the demo posts, in order.

    Attributes:
        planted: irregularities as journey.json describes them; empty in the clean story.
        book, period: what is settled in the end.
    """

    title: str
    book: str
    period: tuple[str, str]
    directory: dict[str, Any]
    postings: list[Posting] = field(default_factory=list)
    planted: list[dict[str, Any]] = field(default_factory=list)


def load(
    *,
    clean: bool = False,
    only: str = "",
    journey: Path = JOURNEY,
    foreign: Path = EXAMPLES / "epcis",
) -> Story:
    """Read the folder.

    Args:
        clean: leave the irregularities out.
        only: leave all irregularities out but the one of that name.
        journey: folder with journey.json.
        foreign: folder with documents of others, posted last; may be missing.
    """
    index = json.loads((journey / "journey.json").read_text("utf-8"))
    planted = [f for f in index["irregularities"] if not clean and only in ("", f["name"])]
    paths = {d["file"]: (d["as"], journey / "documents" / d["file"]) for d in index["documents"]}
    for fault in planted:
        for file in fault["removes"]:
            del paths[file]
        for document in [*fault["replaces"], *fault["adds"]]:
            paths[document["file"]] = (
                document["as"],
                journey / "irregularities" / fault["name"] / document["file"],
            )
    story = Story(
        index["title"],
        index["period"]["book"],
        (index["period"]["from"], index["period"]["to"]),
        json.loads((journey / "participants.json").read_text("utf-8")),
        planted=planted,
    )
    now_s = 0
    for name, (poster, path) in sorted(paths.items()):
        now_s = max(now_s, posted_at(path))
        story.postings.append(Posting(name, poster, path, now_s))
    for path in sorted(foreign.rglob("*.json")):
        now_s += 60
        story.postings.append(Posting(f"epcis/{path.name}", FOREIGN_POSTER, path, now_s))
    return story


def posted_at(path: Path) -> int:
    """Seconds since 1970 at which a document is posted: a minute after the last thing it tells."""
    events = json.loads(path.read_text("utf-8"), parse_float=Decimal)["epcisBody"]["eventList"]
    told = [e.get("errorDeclaration", {}).get("declarationTime", e["eventTime"]) for e in events]
    latest = max(datetime.fromisoformat(t) for t in told)
    return int((latest.astimezone(UTC) + POSTED_AFTER).timestamp())
