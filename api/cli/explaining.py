"""What is unexplained, as people read it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from api.cli.render import table
from tracer.quantity import grouped

_IDS_SHOWN = 3
_SIDES = {"in": "came in", "out": "accounted for", "rest": ""}


def explained(document: dict[str, Any]) -> RenderableType:
    """Every explanation of a document."""
    if not document["explanations"]:
        return Text("No quantity is unexplained.", style="green")
    return Group(*(part for page in document["explanations"] for part in _page(page)))


def _page(page: dict[str, Any]) -> Iterator[RenderableType]:
    subject = page["subject"]
    yield Text.assemble((subject["id"], "bold"), f"  {subject['name']}" if subject["name"] else "",
                        (f"  {page['severity']}", "red") if page["findings"] else "")
    for sentence in page["says"]:
        yield Text(f"  {sentence}")
    if page["account"]:
        yield table("Where it went", ("figure", "quantity", "unit", "", "how it is known", "events"),
                    [(f["label"], grouped(f["quantity"]), f["uom"], _SIDES[f["side"]], f["how"],
                      _ids(f["events"])) for f in page["account"]], right=(1,))
    if page["short"]:
        yield table("Which figure is short", ("figure", "expected", "found", "short by", "unit", "events"),
                    [(s["figure"], grouped(s["expected"]), grouped(s["observed"]), grouped(s["short"]),
                      s["uom"], _ids(s["events"])) for s in page["short"]], right=(1, 2, 3))
    for law in page["law"]:
        yield Text(f"  law: {law}", style="dim")
    if page["settles"]:
        yield Text("What evidence would settle it", style="bold")
        for text in page["settles"]:
            yield Text(f"  - {text}")
    yield Text(f"  {len(page['events'])} events: --json and --pdf have each of them.\n", style="dim")


def _ids(events: list[str]) -> str:
    more = f" +{len(events) - _IDS_SHOWN}" if len(events) > _IDS_SHOWN else ""
    return " ".join(i if len(i) < 24 else f"{i[:10]}…" for i in events[:_IDS_SHOWN]) + more
