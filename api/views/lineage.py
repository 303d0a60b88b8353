"""Lineage as the ways in show it: sources and exits with quantities, as JSON and as a drawing.

The tracer answers; here its answer is cut down to what the reader may see: a lot, line or process that is not
for the reader stays in the graph as a sealed box without name and quantity, so that the gap shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from sqlmodel import Session, col, select

from api.views.ways import note_looks_at
from api.web.drawing import Edge, Node, draw
from api.words import kind_words
from indexer.lookups import Reader, readable, unit_for, visible_units
from indexer.models import Event
from indexer.queries import position
from ledger.errors import InputError, NotFoundError
from ledger.vocabulary import Kind
from tracer.paths import between
from tracer.quantity import grouped
from tracer.trace import ask

if TYPE_CHECKING:
    from api.home import Home

Direction = Literal["backward", "forward", "both"]
WAYS: tuple[Literal["backward", "forward"], ...] = ("backward", "forward")
DRAWN_NODES_MAX = 120
_IN_MAX = 400
_SEALED = {"type": "sealed", "label": "sealed", "code": "", "uom": ""}


def lineage_view(
    session: Session, home: Home, reader: Reader, key: str, direction: Direction = "both",
    *, as_of_ms: int | None = None, origin: str = "",
) -> dict[str, Any]:
    """Where what is in a unit (or left on a line) came from, and where it went.

    Args:
        as_of_ms: nothing that occurred later counts; the last block's time if None.
        origin: only the ways from this lot, line, container or cargo, backward.

    Raises:
        NotFoundError: unknown, not for this reader, or nothing that could be traced.
        InputError: an origin, and not backward alone.
    """
    found = unit_for(session, key, reader)
    start = unit_for(session, origin, reader) if origin else None
    if start is not None and direction == "forward":
        raise InputError("ways from another thing are asked for backward.", remedy="Leave out the direction.")
    direction = "backward" if start is not None else direction
    here = position(session)
    if as_of_ms is None:
        as_of_ms = (here.timestamp if here else 0) * 1000 + 999
    view: dict[str, Any] = {
        "subject": {"unit": found.unit, "type": found.type, "label": found.label},
        "direction": direction,
    }
    if start is not None:
        view["from"] = {"unit": start.unit, "type": start.type, "label": start.label}
    ids: dict[str, str] = {}
    for one in WAYS:
        if direction in (one, "both"):
            answers = ask(session, home.directory, found.unit, one, as_of_ms=as_of_ms)
            if start is not None:
                answers = [between(answer, start.unit) for answer in answers]
            view[one] = [answer.to_json() for answer in answers]
            for answer in answers:
                ids.update(answer.ids)
    view = _cut(session, reader, view, ids)
    events = (edge["event"] for edge in _all(view, "edges") if edge["event"])
    note_looks_at(home, session, reader, events, f"/lots/{found.label}/trace")
    return view


def lineage_drawing(session: Session, home: Home, reader: Reader, unit: str) -> tuple[str, bool]:
    """The lineage of a unit as SVG, empty where there is none or too much; and whether some is sealed."""
    try:
        view = lineage_view(session, home, reader, unit)
    except NotFoundError:
        return "", False
    nodes = {node["id"]: node for node in _all(view, "nodes")}
    edges = {(e["from"], e["to"], e["event"]): e for e in _all(view, "edges")}
    if not 1 < len(nodes) <= DRAWN_NODES_MAX:
        return "", False
    subjects = {f"{answer['subject']['type']}:{answer['subject']['id']}" for answer in _answers(view)}
    scrap = {e["to"] for e in edges.values() if e["role"] == "SCRAP"}
    arrows = _shortened(nodes, list(edges.values()))
    boxes = [_box(node, subjects, scrap) for node in nodes.values()]
    sealed = any(node["type"] == "sealed" for node in nodes.values())
    return draw(boxes, arrows, title=f"Lineage of {view['subject']['label']}"), sealed


def _shortened(nodes: dict[str, dict[str, Any]], edges: list[dict[str, Any]]) -> list[Edge]:
    """Arrows of the drawing; a split or merge becomes arrows itself and is taken out of `nodes`."""
    arrows: list[Edge] = []
    for name in [n for n, node in nodes.items() if node["label"] in (Kind.SPLIT.name, Kind.MERGE.name)]:
        inward = [e for e in edges if e["to"] == name]
        outward = [e for e in edges if e["from"] == name]
        if not inward or not outward or (len(inward) > 1 and len(outward) > 1):
            continue
        for a in inward:
            for b in outward:
                amount = _amount(b if len(inward) == 1 else a) or _amount(a if len(inward) == 1 else b)
                arrows.append(Edge(a["from"], b["to"], amount))
        edges = [e for e in edges if name not in (e["from"], e["to"])]
        del nodes[name]
    return arrows + [Edge(e["from"], e["to"], _amount(e)) for e in edges]


def _answers(view: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for one in WAYS:
        yield from view.get(one, ())


def _all(view: dict[str, Any], what: str) -> Iterator[dict[str, Any]]:
    for answer in _answers(view):
        yield from answer["graph"][what]


def _cut(session: Session, reader: Reader, view: dict[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """Take out what is not for the reader. `ids`: ledger ids of the names."""
    if reader.everything:
        return view
    hidden = _hidden(session, reader, {node["id"] for node in _all(view, "nodes")}, ids)
    shown = {name.partition(":")[2] for name in hidden}
    for answer in _answers(view):
        graph = answer["graph"]
        graph["nodes"] = [
            {"id": n["id"] if n["id"] not in hidden else _alias(n["id"], hidden), **_SEALED}
            if n["id"] in hidden
            else n
            for n in graph["nodes"]
        ]
        graph["edges"] = [
            {
                **e,
                "from": _alias(e["from"], hidden),
                "to": _alias(e["to"], hidden),
                "event": "",
                "quantity": "0",
            }
            if e["from"] in hidden or e["to"] in hidden
            else e
            for e in graph["edges"]
        ]
        answer["rows"] = [
            row for row in answer["rows"] if not {row.get("id"), row.get("lot"), row.get("line")} & shown
        ]
    return view


def _alias(name: str, hidden: dict[str, str]) -> str:
    return hidden.get(name, name)


def _hidden(session: Session, reader: Reader, nodes: set[str], ids: Mapping[str, str]) -> dict[str, str]:
    """Nodes whose names and quantities are not for this reader, with what stands for them."""
    labels = {node: node.partition(":")[2] for node in nodes if not node.startswith("event:")}
    visible = visible_units(session, {ids[label] for label in labels.values() if label in ids}, reader)
    closed = [node for node, label in labels.items() if ids.get(label, "") not in visible]
    events = [node.removeprefix("event:") for node in nodes if node.startswith("event:")]
    open_events: set[str] = set()
    for start in range(0, len(events), _IN_MAX):
        part = col(Event.event_id).in_(events[start : start + _IN_MAX])
        open_events.update(session.exec(select(Event.event_id).where(part, readable(reader))))
    closed += [f"event:{event}" for event in events if event not in open_events]
    return {node: f"sealed:{i}" for i, node in enumerate(sorted(closed), 1)}


def _amount(edge: dict[str, Any]) -> str:
    return "" if edge["quantity"] in ("", "0") else f"{grouped(edge['quantity'])} {edge['uom']}".rstrip()


def _box(node: dict[str, Any], subjects: set[str], scrap: set[str]) -> Node:
    name = str(node["id"])
    if node["type"] == "sealed":
        return Node(name, "sealed", ("not for your organisation",), "sealed")
    kind, _, label = name.partition(":")
    details = " · ".join(filter(None, (node["code"], node["uom"])))
    here = " here" if name in subjects else ""
    if kind == "event":
        return Node(name, kind_words(node["label"]), (), "process" + here, f"/view/event/{label}")
    if kind == "line":
        purpose = str(node.get("purpose", ""))
        style = "line" if purpose in ("RECEIVE", "TRANSFER_IN") else "export"
        words = purpose.lower().replace("_", " ")
        return Node(
            name,
            label,
            tuple(filter(None, (words, details))),
            style + here,
            f"/view/unit/{quote(label)}",
            label,
        )
    number = label.rpartition("/")[2]
    if kind == "lot":
        origin = str(node.get("origin", ""))
        style = "scrap" if name in scrap else "product" if origin == "OWN" else "lot"
        words = "own production" if origin == "OWN" else origin.lower()
        return Node(
            name,
            number,
            tuple(filter(None, (details, words))),
            style + here,
            f"/view/unit/{quote(label)}",
            label,
        )
    return Node(name, number, (str(node["type"]),), "carrier" + here, f"/view/unit/{quote(label)}", label)
