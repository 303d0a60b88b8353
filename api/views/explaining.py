"""What is unexplained, as the ways in show it: with the block in which each event stands in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from indexer.models import Event
from tracer.check import examine
from tracer.papers.explain import document_of

if TYPE_CHECKING:
    from api.views.books import Ask

_CHUNK = 500  # ids in one query


def explain_view(ask: Ask, about: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """The explanations of a book as a document, and the report that they rest on.

    Args:
        about: see `tracer.papers.explain.explanations`.

    Raises:
        NotFoundError: nothing of that name, or nothing that the reader may see.
    """
    asked = ask.during(*ask.named_days())
    facts = asked.facts(asked.first, asked.last)
    report = examine(facts)
    document = {**document_of(facts, report, about), "known_at": ask.known_at(), **asked.told}
    events = [event for page in document["explanations"] for event in page["events"]]
    blocks = _blocks(ask, sorted({event["id"] for event in events}))
    for event in events:
        event["block"] = blocks.get(event["id"])
    return document, report.to_json()


def _blocks(ask: Ask, ids: list[str]) -> dict[str, int]:
    """Number of the block that an event was recorded in, by its id."""
    found: dict[str, int] = {}
    for start in range(0, len(ids), _CHUNK):
        query = select(col(Event.event_id), col(Event.block_number)).where(
            col(Event.event_id).in_(ids[start:start + _CHUNK]))
        found.update(dict(ask.data.exec(query).all()))
    return found
