"""The graph of a book: lots, declaration lines, the units goods came in, and the acts that changed them."""

from __future__ import annotations

import networkx as nx

from ledger.vocabulary import Kind, LineRole, Thing
from tracer.book import BookData, Event, Leg

UNITS = (Thing.CONTAINER, Thing.CARGO)
SINKS = {
    Kind.REPURPOSE: "repurposed", Kind.SELL_INLAND: "sold_inland", Kind.SCRAP_OUT: "scrapped_out",
    Kind.DESTROY: "destroyed", Kind.TRANSFER: "transferred", Kind.ADJUST: "adjusted",
}
"""Kinds with which goods go out of a book otherwise than by export, and what becomes of them."""


def draw(book: BookData, graph: nx.MultiDiGraph[str]) -> None:
    """Put a book into a graph: who came from what, with the quantities that the events state."""
    lots = {lot.id: lot for lot in book.lots}
    lines = {line.key: line for line in book.lines}

    def lot(unit: str) -> str:
        about = lots.get(unit)
        graph.add_node(f"lot:{unit}", type="lot", label=unit, code=about.code if about else "",
                       uom=about.uom if about else "", origin=about.origin.name if about else "")
        return f"lot:{unit}"

    def line(key: str) -> str:
        about = lines.get(key)
        graph.add_node(f"line:{key}", type="line", label=key, code=about.code if about else "",
                       uom=about.uom if about else "", purpose=about.purpose.name if about else "")
        return f"line:{key}"

    def process(event: Event) -> str:
        graph.add_node(f"event:{event.id}", type="process", label=event.kind.name, code="", uom="")
        return f"event:{event.id}"

    def edge(a: str, b: str, event: Event, leg: Leg | None = None) -> None:
        graph.add_edge(a, b, key=event.id, kind=event.kind.name, event=event.id,
                       quantity_micro=leg.quantity_micro if leg else 0, uom=leg.uom if leg else "",
                       role=leg.role.name if leg else LineRole.NONE.name)

    for event in sorted(book.events, key=lambda e: e.seq):
        legs = [leg for leg in event.legs if leg.thing == Thing.LOT]
        if not event.recorded or not legs:
            continue
        if event.kind == Kind.RECEIVE_FACTORY:
            for leg in legs:
                edge(line(event.line), lot(leg.unit), event, leg)
                for other in event.legs:
                    if other.thing in UNITS:
                        graph.add_node(
                            f"unit:{other.unit}",
                            type=other.thing.name.lower(),
                            label=other.unit,
                            code="",
                            uom="",
                        )
                        edge(f"unit:{other.unit}", lot(leg.unit), event)
        elif event.kind in (Kind.OPENING, Kind.RECEIVE_DOMESTIC):
            for leg in legs:
                edge(process(event), lot(leg.unit), event, leg)
        elif event.kind in (Kind.FG_RETURN, Kind.UNLOAD):
            for leg in legs:
                edge(line(event.line), lot(leg.unit), event, leg)
        elif event.kind in (Kind.SPLIT, Kind.MERGE, Kind.TRANSFORM, Kind.TRANSFER):
            node = process(event)
            for leg in legs:
                if leg.role == LineRole.INPUT:
                    edge(lot(leg.unit), node, event, leg)
                else:
                    edge(node, lot(leg.unit), event, leg)
        elif event.kind in (Kind.EXPORT_LOAD, Kind.REEXPORT) or event.kind in SINKS:
            target = line(event.line) if event.line else process(event)
            for leg in legs:
                if leg.role in (LineRole.OUTPUT, LineRole.FROM_SHORT):
                    edge(target, lot(leg.unit), event, leg)
                else:
                    edge(lot(leg.unit), target, event, leg)
