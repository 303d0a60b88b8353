"""The ways that lead from one thing to another: what of a trace lies between them."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx

from tracer.trace import Trace


def between(trace: Trace, unit: str) -> Trace:
    """A backward trace cut down to what came from one lot, declaration line, container or cargo.

    Every lot and act on any way from it to the subject stays, with the quantities of those acts, and of the
    sources those that are it, or came in it. Nothing is left where no way leads from it to the subject.

    Args:
        unit: the ledger's id of the thing to come from.
    """
    names = {name for name, hexed in trace.ids.items() if hexed == unit}
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(node["id"] for node in trace.nodes)
    graph.add_edges_from((edge["from"], edge["to"]) for edge in trace.edges)
    start = next((n["id"] for n in trace.nodes
                  if n["type"] != "process" and n["id"].partition(":")[2] in names), None)
    end = f"{trace.subject_type}:{trace.subject}"
    kept: set[str] = set()
    if start is not None and end in graph:
        kept = {start, *nx.descendants(graph, start)} & {end, *nx.ancestors(graph, end)}
    return replace(
        trace, rows=[row for row in trace.rows if kept and ({row.name, *row.units} & names)],
        nodes=[node for node in trace.nodes if node["id"] in kept],
        edges=[edge for edge in trace.edges if edge["from"] in kept and edge["to"] in kept])
