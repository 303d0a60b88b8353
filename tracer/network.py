"""The graph of a book: lots, declaration lines, the units goods came in, and the acts that changed them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal

import networkx as nx

from ledger.errors import TooLargeError
from ledger.limits import DEFAULT_LIMITS
from ledger.vocabulary import Kind, LineRole, Thing
from tracer.book import BOXES, BookData, Event, Leg

Direction = Literal["backward", "forward"]
SINKS = {
    Kind.REPURPOSE: "repurposed", Kind.SELL_INLAND: "sold_inland", Kind.SCRAP_OUT: "scrapped_out",
    Kind.DESTROY: "destroyed", Kind.TRANSFER: "transferred", Kind.ADJUST: "adjusted",
}
"""Kinds with which goods go out of a book otherwise than by export, and what becomes of them."""


@dataclass(slots=True)
class Drawing:
    """Nodes and edges of a graph, as they come.

    Attributes:
        nodes: `type`, `label`, `code`, `uom` and more by id: `lot:...`, `line:...`, `unit:...`, `event:...`.
        edges: the event and its leg, if it is of one, by both ends and the event's id.
    """

    nodes: dict[str, dict[str, str]] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], tuple[Event, Leg | None]] = field(default_factory=dict)

    def leading(self, node: str, *, back: bool) -> set[str]:
        """A node and all that lead to it, or all that it leads to."""
        beside: dict[str, list[str]] = defaultdict(list)
        for a, b, _ in self.edges:
            beside[b if back else a].append(a if back else b)
        found, pending = {node}, [node]
        while pending:
            for other in beside.get(pending.pop(), ()):
                if other not in found:
                    found.add(other)
                    pending.append(other)
        return found

    def graph(self) -> nx.MultiDiGraph[str]:
        """The same for networkx, with the figures of the edges."""
        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        graph.add_nodes_from(self.nodes.items())
        for (a, b, key), said in self.edges.items():
            kind, quantity, uom, role = figures(*said)
            graph.add_edge(a, b, key=key, kind=kind, event=key, quantity_micro=quantity, uom=uom, role=role)
        return graph


def figures(event: Event, leg: Leg | None) -> tuple[str, int, str, str]:
    """What an edge says: the kind of the act, and of what moved the quantity, unit of measure and role."""
    if leg is None:
        return event.kind._name_, 0, "", "NONE"
    return event.kind._name_, leg.quantity_micro, leg.uom, leg.role._name_  # a third of the price of `name`


def draw(book: BookData) -> Drawing:
    """Who came from what, with the quantities that the events state."""
    lots = {lot.id: lot for lot in book.lots}
    lines = {line.key: line for line in book.lines}
    drawing = Drawing()
    nodes, edges = drawing.nodes, drawing.edges

    def lot(unit: str) -> str:
        node = f"lot:{unit}"
        if node not in nodes:
            about = lots.get(unit)
            nodes[node] = {"type": "lot", "label": unit, "code": about.code if about else "",
                           "uom": about.uom if about else "", "origin": about.origin.name if about else ""}
        return node

    def line(key: str) -> str:
        node = f"line:{key}"
        if node not in nodes:
            about = lines.get(key)
            nodes[node] = {"type": "line", "label": key, "code": about.code if about else "",
                           "uom": about.uom if about else "", "purpose": about.purpose.name if about else ""}
        return node

    def process(event: Event) -> str:
        node = f"event:{event.id}"
        nodes[node] = {"type": "process", "label": event.kind.name, "code": "", "uom": ""}
        return node

    def edge(a: str, b: str, event: Event, leg: Leg | None = None) -> None:
        edges[a, b, event.id] = (event, leg)

    for event in sorted(book.events, key=lambda e: e.seq):
        legs = [leg for leg in event.legs if leg.thing == Thing.LOT]
        if not event.recorded or not legs:
            continue
        if event.kind == Kind.RECEIVE_FACTORY:
            for leg in legs:
                edge(line(event.line), lot(leg.unit), event, leg)
                for other in event.legs:
                    if other.thing in BOXES:
                        nodes[f"unit:{other.unit}"] = {
                            "type": other.thing.name.lower(), "label": other.unit, "code": "", "uom": ""}
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
    return drawing


def within_limit(nodes: int) -> None:
    """Stop where a lineage has too many nodes.

    Raises:
        TooLargeError: more nodes than one answer may have.
    """
    if nodes > DEFAULT_LIMITS.trace_nodes_max:
        raise TooLargeError(
            f"the lineage has {nodes} nodes or more, at most {DEFAULT_LIMITS.trace_nodes_max} are drawn.",
            remedy="Ask for a later lot or a smaller line.")
