"""Lineage as the ways in show it: sources and exits with quantities, as JSON, and as a drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import networkx as nx
from sqlmodel import Session, col, select

from api.jsonio import quantity
from api.views.names import short_id
from api.web.drawing import Edge, Node, draw
from api.words import kind_words
from indexer.lookups import Reader, readable, unit_for, visible_units
from indexer.models import Event, Lot
from indexer.queries import UnitFound, position
from ledger.directory import BookEntry
from ledger.errors import NotFoundError, TooLargeError
from ledger.limits import DEFAULT_LIMITS
from tracer.facts import Facts
from tracer.graph import Lineage
from tracer.load import load_book
from tracer.moment import Span
from tracer.quantity import rounded

if TYPE_CHECKING:
    from api.home import Home

DRAWN_NODES_MAX = 120
_IN_MAX = 500


@dataclass(frozen=True, slots=True)
class Traced:
    """A unit in the lineage of its book. `unit_ids` gives the ledger's id of each name."""

    found: UnitFound
    book: BookEntry
    node: str
    lineage: Lineage
    unit_ids: dict[str, str]


def trace(session: Session, home: Home, reader: Reader, key: str) -> Traced:
    """Find a lot or declaration line and the book in whose lineage it stands.

    Raises:
        NotFoundError: unknown, not for this reader, or neither a lot nor a line with goods.
    """
    found = unit_for(session, key, reader)
    here = position(session)
    last_ms = (here.timestamp if here else 0) * 1000 + 1000
    for entry in _books(session, home, found):
        data = load_book(session, home.directory, entry.id, period=Span(0, last_ms), as_of_ms=last_ms)
        lineage = Facts(data).lineage
        node = f"{'line' if found.type == 'line' else 'lot'}:{found.scope}/{found.number}"
        if node in lineage.graph:
            return Traced(found, entry, node, lineage, dict(data.unit_ids))
    raise NotFoundError(
        f"{found.label} is in no book.",
        remedy="Lineage is of lots, and of declaration lines drawn on.",
    )


def lineage_view(
    session: Session, home: Home, reader: Reader, key: str, direction: str = "both"
) -> dict[str, Any]:
    """Where what is in a lot (or left on a line) came from, and where it went."""
    traced = trace(session, home, reader, key)
    nodes = _around(traced, direction)
    if len(nodes) > DEFAULT_LIMITS.trace_nodes_max:
        raise TooLargeError(
            f"the lineage has {len(nodes)} nodes.", remedy="Ask for one direction, or a later lot."
        )
    hidden = _hidden(session, reader, traced, nodes)
    graph = traced.lineage.graph.subgraph(nodes)
    view: dict[str, Any] = {
        "subject": {
            "node": traced.node,
            "type": traced.found.type,
            "label": traced.found.label,
            "unit": traced.found.unit,
        },
        "book": traced.book.id,
        "direction": direction,
        "nodes": [_node(traced, name, data, name in hidden) for name, data in _sorted(graph)],
        "edges": [
            {
                "from": a,
                "to": b,
                "kind": data["kind"],
                "event": None if hidden & {a, b} else data["event"],
                "quantity": None
                if hidden & {a, b} or not data["quantity_micro"]
                else quantity(data["quantity_micro"]),
                "uom": "" if hidden & {a, b} else data["uom"],
            }
            for a, b, data in sorted(graph.edges(data=True), key=lambda e: (e[0], e[1], e[2]["event"]))
        ],
    }
    if direction != "forward":
        view["sources"] = _sources(traced, hidden)
    if direction != "backward":
        view["destinations"] = _destinations(traced, hidden)
    return view


def lineage_drawing(session: Session, home: Home, reader: Reader, unit: dict[str, Any]) -> tuple[str, bool]:
    """The lineage of a unit as SVG, empty where there is none or too much; and whether some is sealed."""
    try:
        traced = trace(session, home, reader, unit["unit"])
    except NotFoundError:
        return "", False
    nodes = _around(traced, "both")
    if not 1 < len(nodes) <= DRAWN_NODES_MAX:
        return "", False
    hidden = _hidden(session, reader, traced, nodes)
    graph = traced.lineage.graph.subgraph(nodes)
    boxes = [_box(traced, name, data, name in hidden) for name, data in _sorted(graph)]
    arrows = [
        Edge(a, b, "" if hidden & {a, b} or not data["quantity_micro"] else _amount(data))
        for a, b, data in sorted(graph.edges(data=True), key=lambda e: (e[0], e[1], e[2]["event"]))
    ]
    return draw(boxes, arrows, title=f"Lineage of {unit['label']}"), bool(hidden)


def _sorted(graph: nx.MultiDiGraph[str]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, dict(graph.nodes[name])) for name in sorted(graph)]


def _books(session: Session, home: Home, found: UnitFound) -> list[BookEntry]:
    """The book of a lot, or for a line every book (its declarant's come first)."""
    lot = session.get(Lot, found.unit)
    if lot is not None:
        return [entry for entry in home.directory.books if entry.number == lot.book]
    return list(home.directory.books) if found.type == "line" else []


def _around(traced: Traced, direction: str) -> set[str]:
    graph = traced.lineage.graph
    nodes = {traced.node}
    if direction != "forward":
        nodes |= nx.ancestors(graph, traced.node)
    if direction != "backward":
        nodes |= nx.descendants(graph, traced.node)
        # what else went into a process on the way belongs to the picture: a product has all its materials
    return nodes


def _hidden(session: Session, reader: Reader, traced: Traced, nodes: set[str]) -> set[str]:
    """Nodes whose names and quantities are not for this reader."""
    if reader.everything:
        return set()
    units = {
        node: traced.unit_ids.get(node.partition(":")[2], "")
        for node in nodes
        if not node.startswith("event:")
    }
    visible = visible_units(session, filter(None, units.values()), reader)
    events = [node.removeprefix("event:") for node in nodes if node.startswith("event:")]
    may_read: set[str] = set()
    for start in range(0, len(events), _IN_MAX):
        part = col(Event.event_id).in_(events[start : start + _IN_MAX])
        may_read.update(session.exec(select(Event.event_id).where(part, readable(reader))))
    return {node for node, unit in units.items() if unit not in visible} | {
        f"event:{event}" for event in events if event not in may_read
    }


def _node(traced: Traced, name: str, data: dict[str, Any], hidden: bool) -> dict[str, Any]:
    if hidden:
        return {
            "node": name if name.startswith("event:") else short_id(traced.unit_ids.get(name, name)),
            "type": "sealed",
            "label": "sealed",
            "code": "",
            "uom": "",
            "unit": None,
        }
    _, _, label = name.partition(":")
    return {
        "node": name,
        "type": data["type"],
        "label": data["label"],
        "code": data["code"],
        "uom": data["uom"],
        "unit": traced.unit_ids.get(label),
    }


def _sources(traced: Traced, hidden: set[str]) -> list[dict[str, Any]]:
    lineage = traced.lineage
    label = traced.node.partition(":")[2]
    if traced.found.type == "line":
        mixture = lineage.column(line=label)
    else:
        mixture = lineage.inflow.get(label, {})
    rows = []
    for source, micro in rounded(mixture).items():
        about = lineage.sources[source]
        if hidden and f"line:{source.partition(':')[2]}" in hidden:
            continue
        rows.append(
            {
                "source": source,
                "kind": about.kind,
                "code": about.code,
                "quantity": quantity(micro),
                "uom": about.uom,
                "origin": about.origin.name,
            }
        )
    return sorted(rows, key=lambda row: (row["code"], row["source"]))


def _destinations(traced: Traced, hidden: set[str]) -> list[dict[str, Any]]:
    """For a line: where every unit of it is now. For a lot: what left it, by way and line."""
    lineage, label = traced.lineage, traced.node.partition(":")[2]
    if traced.found.type == "line":
        key = f"line:{label}"
        about = lineage.sources.get(key)
        if about is None:
            return []
        return [
            {
                "state": place.state,
                "lot": place.lot,
                "line": place.line,
                "quantity": quantity(micro),
                "uom": about.uom,
            }
            for place, micro in sorted(rounded(lineage.row(key)).items())
            if f"lot:{place.lot}" not in hidden
        ]
    rows = []
    for _, target, data in sorted(
        lineage.graph.out_edges(traced.node, data=True), key=lambda e: e[2]["event"]
    ):
        if target not in hidden:
            rows.append(
                {
                    "state": data["kind"],
                    "lot": label,
                    "line": target.partition(":")[2] if target.startswith("line:") else "",
                    "quantity": quantity(data["quantity_micro"]),
                    "uom": data["uom"],
                }
            )
    return rows


def _amount(data: dict[str, Any]) -> str:
    whole, dot, rest = quantity(data["quantity_micro"]).partition(".")
    return f"{int(whole):,}{dot}{rest} {data['uom']}".rstrip()


def _box(traced: Traced, name: str, data: dict[str, Any], hidden: bool) -> Node:
    if hidden:
        return Node(name, "sealed", ("not for your organisation",), "sealed")
    kind, _, label = name.partition(":")
    number = label.rpartition("/")[2] if kind in ("lot", "unit") else label
    unit = traced.unit_ids.get(label)
    href = f"/view/unit/{unit}" if unit else f"/view/event/{label}" if kind == "event" else ""
    details = " · ".join(filter(None, (data["code"], data["uom"])))
    style = {"line": "line", "process": "process"}.get(data["type"], "lot")
    words: tuple[str, ...] = (details,) if details else ()
    if kind == "event":
        number, words = kind_words(data["label"]), ()
    elif kind == "line":
        purpose = str(data.get("purpose", ""))
        style = "line" if purpose in ("RECEIVE", "TRANSFER_IN") else "export"
        words = (
            (purpose.lower().replace("_", " "), details) if details else (purpose.lower().replace("_", " "),)
        )
    elif kind == "lot":
        style = _lot_style(traced, name, data)
        words = (details, {"OWN": "own production"}.get(data["origin"], str(data["origin"]).lower()))
    elif kind == "unit":
        words = (str(data["type"]),)
    return Node(name, number, words, style + (" here" if name == traced.node else ""), href, label)


def _lot_style(traced: Traced, name: str, data: dict[str, Any]) -> str:
    if data["origin"] != "OWN":
        return "lot"
    roles = {edge["role"] for _, _, edge in traced.lineage.graph.in_edges(name, data=True)}
    return "scrap" if "SCRAP" in roles else "product"
