"""A lineage graph as SVG, drawn on the server: layers from left to right, quantities on the edges.

Layout after Sugiyama: `networkx.topological_generations` gives the layers, long edges get a waypoint in
each layer they pass, two sweeps by the mean place of the neighbours keep crossings few. Only attributes and
classes are written, no style, no script: the page's content security policy forbids both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import networkx as nx

Point = tuple[float, float]

NODE_WIDTH = 168
NODE_HEIGHT = 60
LAYER_GAP = 124
PORT_GAP = 21
ROW_GAP = 26
MARGIN = 14
SWEEPS = 4
TITLE_CHARS_MAX = 20
DETAIL_CHARS_MAX = 26


@dataclass(frozen=True, slots=True)
class Node:
    """A box: `title` in bold, up to two lines of `details`; `style` is a class of the style sheet."""

    id: str
    title: str
    details: tuple[str, ...] = ()
    style: str = "lot"
    href: str = ""
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow with a label on it."""

    source: str
    target: str
    label: str = ""
    style: str = ""


def draw(nodes: Iterable[Node], edges: Iterable[Edge], *, title: str) -> str:
    """The graph as an `<svg>` element, its text escaped.

    Args:
        nodes: boxes; an edge to an id that is not among them is left out.
        edges: arrows; parallel ones are drawn once with their labels joined.
        title: what a screen reader says the picture is.

    Returns:
        An SVG element, or an empty string when there are no nodes.
    """
    boxes = {node.id: node for node in nodes}
    if not boxes:
        return ""
    arrows = _joined(edge for edge in edges if edge.source in boxes and edge.target in boxes)
    layers, chains = _layers(boxes, arrows)
    heights = _heights(boxes, arrows)
    places = _places(layers, heights)
    width = 2 * MARGIN + len(layers) * NODE_WIDTH + (len(layers) - 1) * LAYER_GAP
    height = max(y + heights.get(node, 0) / 2 for node, (_, y) in places.items()) + MARGIN
    routes = _routes(arrows, chains, places)
    body = [_arrow(edge, route) for edge, route in routes]
    body += [_label(edge, route) for edge, route in routes]
    body += [_box(node, *places[node.id], heights[node.id]) for node in boxes.values()]
    size = f'width="{width}" height="{height:.0f}"'
    return (
        f'<svg class="lineage" role="img" viewBox="0 0 {width} {height:.0f}" {size} '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path d="M0 0.8 8 4 0 7.2z" class="tip"/></marker></defs>'
        + "".join(body)
        + "</svg>"
    )


def _joined(edges: Iterable[Edge]) -> list[Edge]:
    joined: dict[tuple[str, str], Edge] = {}
    for edge in edges:
        known = joined.get((edge.source, edge.target))
        label = edge.label if known is None else " + ".join(filter(None, (known.label, edge.label)))
        joined[edge.source, edge.target] = Edge(edge.source, edge.target, label, edge.style)
    return list(joined.values())


def _layers(
    boxes: dict[str, Node],
    arrows: Sequence[Edge],
) -> tuple[list[list[str]], dict[tuple[str, str], list[str]]]:
    """Ids by layer, waypoints included, and for each arrow the ids it passes."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(boxes)
    graph.add_edges_from((edge.source, edge.target) for edge in arrows)
    if not nx.is_directed_acyclic_graph(graph):
        # a lot that returns to itself is a finding, not a reason to show nothing: one edge of each circle
        # gives way
        for component in list(nx.strongly_connected_components(graph)):
            while (inner := graph.subgraph(component)) and not nx.is_directed_acyclic_graph(inner):
                graph.remove_edge(*nx.find_cycle(inner)[-1][:2])
    rank = {node: i for i, layer in enumerate(nx.topological_generations(graph)) for node in layer}
    for node in reversed(list(nx.topological_sort(graph))):
        after = [rank[next_] for next_ in graph.successors(node)]
        if after:  # sources stand next to what they feed, not all in the first column
            rank[node] = min(after) - 1
    layers: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for node in sorted(boxes, key=lambda n: (rank[n], boxes[n].title, n)):
        layers[rank[node]].append(node)
    chains: dict[tuple[str, str], list[str]] = {}
    for edge in arrows:
        low, high = rank[edge.source], rank[edge.target]
        step = 1 if high >= low else -1
        between = [f"\0{edge.source}\0{edge.target}\0{i}" for i in range(low + step, high, step)]
        for point, i in zip(between, range(low + step, high, step), strict=True):
            layers[i].append(point)
        chains[edge.source, edge.target] = [edge.source, *between, edge.target]
    return _ordered(layers, chains.values()), chains


def _ordered(layers: list[list[str]], chains: Iterable[list[str]]) -> list[list[str]]:
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for chain in chains:
        for a, b in pairwise(chain):
            after.setdefault(a, []).append(b)
            before.setdefault(b, []).append(a)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        place = {node: (i + 0.5) / len(layer) for layer in layers for i, node in enumerate(layer)}
        for layer in layers if forward else reversed(layers):
            layer.sort(key=lambda node: _mean([place[n] for n in neighbours.get(node, [])], place[node]))
            place.update({node: (i + 0.5) / len(layer) for i, node in enumerate(layer)})
    return layers


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _heights(boxes: Iterable[str], arrows: Sequence[Edge]) -> dict[str, float]:
    """Height of each box: tall enough that the labels of its arrows do not cover each other."""
    ends = Counter(("in", edge.target) for edge in arrows) + Counter(("out", edge.source) for edge in arrows)
    return {id_: max(NODE_HEIGHT, PORT_GAP * max(ends["in", id_], ends["out", id_]) + 8) for id_ in boxes}


def _places(layers: list[list[str]], heights: dict[str, float]) -> dict[str, Point]:
    """Centre of each box and waypoint in pixels; layers are centred on the tallest."""

    def extent(layer: list[str]) -> float:
        return sum(heights.get(node, ROW_GAP) + ROW_GAP for node in layer) - ROW_GAP

    tallest = max(extent(layer) for layer in layers)
    places: dict[str, Point] = {}
    for i, layer in enumerate(layers):
        x = MARGIN + NODE_WIDTH / 2 + i * (NODE_WIDTH + LAYER_GAP)
        y = MARGIN + (tallest - extent(layer)) / 2
        for node in layer:
            size = heights.get(node, ROW_GAP)
            places[node] = (x, y + size / 2)
            y += size + ROW_GAP
    return places


def _routes(
    arrows: Sequence[Edge], chains: dict[tuple[str, str], list[str]], places: dict[str, Point]
) -> list[tuple[Edge, list[Point]]]:
    """The points each arrow passes; arrows that meet at a box arrive side by side, not in one point."""
    leaving: dict[str, list[tuple[float, int]]] = {}
    arriving: dict[str, list[tuple[float, int]]] = {}
    for i, edge in enumerate(arrows):
        chain = chains[edge.source, edge.target]
        leaving.setdefault(edge.source, []).append((places[chain[1]][1], i))
        arriving.setdefault(edge.target, []).append((places[chain[-2]][1], i))
    shift: dict[tuple[str, int], float] = {}
    for side, groups in (("out", leaving), ("in", arriving)):
        for ends in groups.values():
            for rank, (_, i) in enumerate(sorted(ends)):
                shift[side, i] = (rank - (len(ends) - 1) / 2) * PORT_GAP
    routes = []
    for i, edge in enumerate(arrows):
        points = [places[id_] for id_ in chains[edge.source, edge.target]]
        points[0] = (points[0][0], points[0][1] + shift["out", i])
        points[-1] = (points[-1][0], points[-1][1] + shift["in", i])
        routes.append((edge, points))
    return routes


def _curve(points: list[Point]) -> list[tuple[float, float, float, float]]:
    """Stretches (x1, y1, x2, y2) between the sides of the boxes and through the waypoints."""
    out = []
    half = NODE_WIDTH / 2
    for i, ((x1, y1), (x2, y2)) in enumerate(pairwise(points)):
        direction = 1 if x2 >= x1 else -1
        start = x1 + direction * half
        stop = x2 - direction * half
        if i:  # cross the column of a waypoint level
            out.append((x1 - direction * half, y1, start, y1))
        out.append((start, y1, stop, y2))
    return out


def _arrow(edge: Edge, points: list[Point]) -> str:
    stretches = _curve(points)
    path = f"M{stretches[0][0]:.1f} {stretches[0][1]:.1f}"
    for x1, y1, x2, y2 in stretches:
        middle = (x1 + x2) / 2
        path += f"C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return f'<path class="edge {escape(edge.style)}" d="{path}" marker-end="url(#tip)"/>'


def _label(edge: Edge, points: list[Point]) -> str:
    if not edge.label:
        return ""
    # on the level stretch before the box it leads to, where no other arrow passes
    _, _, x2, y2 = _curve(points)[-1]
    width = 6.6 * len(edge.label) + 8
    left = x2 - 14 - width
    return (
        f'<rect class="plate" x="{left:.1f}" y="{y2 - 9:.1f}" width="{width:.1f}" height="18" rx="4"/>'
        f'<text class="quantity" x="{left + width / 2:.1f}" y="{y2 + 4:.1f}">{escape(edge.label)}</text>'
    )


def _box(node: Node, x: float, y: float, height: float) -> str:
    left, top = x - NODE_WIDTH / 2, y - height / 2
    text = left + 14
    first = y - 6 - 8 * (len(node.details[:2]) - 1)
    title = escape(_cut(node.title, TITLE_CHARS_MAX))
    lines = [f'<text class="name" x="{text:.1f}" y="{first:.1f}">{title}</text>']
    for i, detail in enumerate(node.details[:2]):
        cut = escape(_cut(detail, DETAIL_CHARS_MAX))
        lines.append(f'<text class="detail" x="{text:.1f}" y="{first + 17 + 15 * i:.1f}">{cut}</text>')
    tooltip = node.tooltip or " · ".join((node.title, *node.details))
    box = (
        f'<g class="box {escape(node.style)}"><title>{escape(tooltip)}</title>'
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{NODE_WIDTH}" height="{height:.1f}" rx="8"/>'
        f'<rect class="band" x="{left:.1f}" y="{top + 8:.1f}" width="4" height="{height - 16:.1f}" rx="2"/>'
        + "".join(lines)
        + "</g>"
    )
    return f'<a href="{escape(node.href, quote=True)}">{box}</a>' if node.href else box


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
