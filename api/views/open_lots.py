"""Lots of a book that nothing has ended yet, as the ways in show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer.open_lots import document_of, open_lots

if TYPE_CHECKING:
    from api.views.books import Ask


def open_lots_view(ask: Ask) -> dict[str, Any]:
    """Open lots of a book at the end of the days asked for, or as of the moment asked.

    Raises:
        NotFoundError: the book, or these days of it, are not for this reader.
    """
    asked = ask.during(*ask.named_days())
    facts = asked.facts(asked.first, asked.last)
    return {**document_of(facts.book, open_lots(facts.book, facts.replay)), "known_at": ask.known_at()}
