"""Open chains: lots that nothing has ended yet, and since when nobody has touched them (domain reference 8).

A chain ends when all of a lot was used up, left, was sold, destroyed, handed on or written off. Whatever is
left of one is stock to be counted, goods that wait for their exit, or something that was forgotten: those
that rest longest come first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.vocabulary import Balance, Thing
from tracer.book import BookData, Event
from tracer.moment import DAY_MS, iso_day
from tracer.quantity import micro_text
from tracer.replay import Replay, in_order, replay


@dataclass(frozen=True, slots=True)
class OpenLot:
    """A lot of which something is left.

    Attributes:
        balances: what is left, micro-units by balance, none that are zero; below zero where more was taken
            than was there.
        made: the act that it came into being with; None where the book has none.
        last: the latest act that names it.
        idle_days: whole days from that act to what is known last.
    """

    lot: str
    code: str
    uom: str
    origin: str
    source_line: str
    balances: dict[Balance, int]
    made: Event | None
    last: Event | None
    idle_days: int | None

    def to_json(self, offset: str) -> dict[str, Any]:
        """The lot as JSON values; days in the book's zone."""
        def act(event: Event | None) -> dict[str, Any] | None:
            return None if event is None else {
                "event": event.id, "kind": event.kind.name, "on": iso_day(event.occurred.start_ms, offset)}

        return {
            "lot": self.lot, "code": self.code, "uom": self.uom, "origin": self.origin,
            "source_line": self.source_line, "quantity": micro_text(sum(self.balances.values())),
            "balances": {b.name.lower(): micro_text(q) for b, q in self.balances.items()},
            "made": act(self.made), "last_act": act(self.last), "idle_days": self.idle_days}


def open_lots(book: BookData, effects: Replay | None = None) -> list[OpenLot]:
    """Lots of the book that hold anything at the last moment known, those that rest longest first.

    Args:
        book: its events up to `as_of_ms`.
        effects: its replay, where the caller has it.
    """
    effects = effects or replay(book)
    last: dict[str, Event] = {}
    for event in in_order(book.events):
        if event.recorded:
            for leg in event.legs:
                if leg.thing is Thing.LOT and (leg.unit not in last or (
                        event.occurred.start_ms >= last[leg.unit].occurred.start_ms)):
                    last[leg.unit] = event
    found = []
    for lot in book.lots:
        left = {b: q for b, q in sorted(effects.balances.get(lot.id, {}).items()) if q}
        if left:
            act = last.get(lot.id)
            idle = None if act is None else max(0, book.as_of_ms - act.occurred.start_ms) // DAY_MS
            found.append(OpenLot(lot.id, lot.code, lot.uom, lot.origin.name, lot.source_line, left,
                                 effects.created_by.get(lot.id), act, idle))
    return sorted(found, key=lambda x: (x.last.occurred.start_ms if x.last else 0, x.lot))


def document_of(book: BookData, lots: list[OpenLot]) -> dict[str, Any]:
    """Open lots as one JSON document."""
    return {"book": book.id, "as_of": iso_day(book.as_of_ms, book.offset),
            "lots": [lot.to_json(book.offset) for lot in lots]}
