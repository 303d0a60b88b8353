"""Norms: which one was in force, what a product needs in base materials, what the ledger says was really
used.

The legal actual norm is `(put into production - recovered - still on the line) / product obtained` (form 16
guide, Circular 38/2015 Art. 55); for a period with opening work in progress its change takes the place of
what is on the line. It holds embodied material, process loss and what became scrap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import networkx as nx

from ledger.errors import InputError
from tracer.blend import Ratio, plus
from tracer.book import BookData, Conversion, Norm, Substitute
from tracer.moment import Span

Pair = tuple[str, str]
"""(product, material)"""
RECYCLED = frozenset({"TH", "SPTN"})
"""Flags of form 16 for material recovered from goods that came back: no new import, so no part of a bill."""


def legal_norm(issued: Fraction, recovered: Fraction, wip: Fraction, output: Fraction) -> Fraction:
    """The legal formula of an actual norm, all quantities in units of measure.

    Raises:
        InputError: no output, so no norm.
    """
    if output <= 0:
        raise InputError("a norm needs output; none was obtained.")
    return (issued - recovered - wip) / output


def needs_of(rows: Sequence[Norm]) -> dict[str, Ratio]:
    """Material for one unit of product by the rows of one version of its norm."""
    result: dict[str, Ratio] = {}
    for norm in rows:
        result[norm.material] = plus(result.get(norm.material, (0, 1)), norm.norm.as_integer_ratio())
    return result


class _Version:
    """A version of a product's norm: its rows, and until when all of them hold."""

    __slots__ = ("all_until_ms", "needs", "rows", "start_ms")

    def __init__(self, start_ms: int, rows: list[Norm]) -> None:
        self.start_ms, self.rows, self.needs = start_ms, rows, needs_of(rows)
        self.all_until_ms = min((n.valid_to.end_ms for n in rows if n.valid_to), default=1 << 62)


class NormTable:
    """Norms of a book by product, in force at a date."""

    def __init__(self, norms: Sequence[Norm], groups: Sequence[Substitute] = ()) -> None:
        """Norms, and the registered groups in which one material may stand for another."""
        self._groups: dict[str, list[Substitute]] = defaultdict(list)
        for row in groups:
            if row.ratio > 0:
                self._groups[row.group].append(row)
        versions: dict[str, dict[tuple[int, int, str], list[Norm]]] = defaultdict(lambda: defaultdict(list))
        for norm in norms:
            start = norm.valid_from.start_ms if norm.valid_from else 0
            versions[norm.product][(start, norm.declared_ms, norm.declared_by)].append(norm)
        self._versions = {p: [_Version(start, rows) for (start, _, _), rows in sorted(by.items())]
                          for p, by in versions.items()}

    @property
    def products(self) -> list[str]:
        """Codes that have a norm."""
        return sorted(self._versions)

    def effective(self, product: str, at: Span) -> list[Norm]:
        """The rows of the latest version in force at a moment; empty when there is none."""
        for version in reversed(self._versions.get(product, ())):
            if version.start_ms <= at.end_ms:
                if at.start_ms <= version.all_until_ms:
                    return version.rows
                live = [n for n in version.rows if n.valid_to is None or at.start_ms <= n.valid_to.end_ms]
                if live:
                    return live
        return []

    def needs(self, product: str, at: Span) -> Mapping[str, Ratio]:
        """Material for one unit of a product by the norms in force at a moment."""
        for version in reversed(self._versions.get(product, ())):
            if version.start_ms <= at.end_ms:
                if at.start_ms <= version.all_until_ms:
                    return version.needs
                break
        return needs_of(self.effective(product, at))

    def groups(self, at: Span) -> list[dict[str, Fraction]]:
        """Groups of substitutes registered at a moment: how much of the group's work a unit of each does."""
        live = ({row.code: row.ratio for row in rows
                 if not (row.valid_from and at.end_ms < row.valid_from.start_ms)
                 and not (row.valid_to and at.start_ms > row.valid_to.end_ms)}
                for _, rows in sorted(self._groups.items()))
        return [group for group in live if len(group) > 1]

    def known(self, product: str) -> bool:
        """Whether any version of a norm for the product exists."""
        return product in self._versions


@dataclass(frozen=True, slots=True)
class Edge:
    """One line of a bill of materials: net quantity per parent unit, and the share scrapped when it is
    consumed.
    """

    child: str
    quantity: Fraction
    scrap: Fraction = Fraction(0)


def explode(bill: Mapping[str, Sequence[Edge]], top: str) -> dict[str, Fraction]:
    """Gross quantity of every code below `top` per unit of it (P1).

    Codes are taken in order of their longest path from the top (low-level code), each edge needs
    `net / (1 - scrap)`; codes with a bill of their own (semi-finished) are in the answer too.

    Raises:
        InputError: a code needs itself, directly or through others; the message names the circle.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_node(top)
    pending, seen = [top], {top}
    while pending:
        parent = pending.pop()
        for edge in bill.get(parent, ()):
            graph.add_edge(parent, edge.child)
            if edge.child not in seen:
                seen.add(edge.child)
                pending.append(edge.child)
    circles = [sorted(c) for c in nx.strongly_connected_components(graph) if len(c) > 1]
    circles += [[n] for n in nx.nodes_with_selfloops(graph)]
    if circles:
        raise InputError(f"the bill of materials goes round in a circle: {', '.join(min(circles))}.",
                         remedy="Correct the norms of these codes.")
    need: dict[str, Fraction] = defaultdict(Fraction)
    need[top] = Fraction(1)
    for code in nx.topological_sort(graph):
        for edge in bill.get(code, ()):
            need[edge.child] += need[code] * edge.quantity / (1 - edge.scrap)
    need.pop(top)
    return dict(need)


def base_needs(bill: Mapping[str, Sequence[Edge]], top: str) -> dict[str, Fraction]:
    """`explode`, keeping only codes that are not made themselves: what form 16 shows in columns 5-6."""
    return {code: q for code, q in explode(bill, top).items() if not bill.get(code)}


def declared_bill(table: NormTable, at: Span, products: Sequence[str]) -> dict[str, list[Edge]]:
    """Bills of materials from the norms in force at a moment. KXDDM rows carry no quantity and are left out,
    and so are rows that take a product back: it is counted once.
    """
    return {
        p: [Edge(n.material, n.norm) for n in table.effective(p, at)
            if n.flag != "KXDDM" and not (n.flag in RECYCLED and table.known(n.material))]
        for p in products
    }


class Factors:
    """Factors between units of measure, found by code and units.

    A row of the code itself goes before one for any code, an earlier before a later.
    """

    def __init__(self, conversions: Sequence[Conversion]) -> None:
        self._by_units: dict[tuple[str, frozenset[str]], list[Conversion]] = defaultdict(list)
        for row in conversions:
            self._by_units[row.code, frozenset((row.from_uom, row.to_uom))].append(row)
        for rows in self._by_units.values():
            rows.sort(key=lambda c: c.valid_from or Span(0, 0))

    def rate(self, code: str, from_uom: str, to_uom: str, at: Span) -> Fraction | None:
        """Factor between two units for a code at a date, or None when no source gives one (never 1:1 by
        default).
        """
        if from_uom == to_uom:
            return Fraction(1)
        units = frozenset((from_uom, to_uom))
        for whose in (code, "") if code else ("",):
            for row in self._by_units.get((whose, units), ()):
                if (row.valid_from and at.end_ms < row.valid_from.start_ms) or \
                        (row.valid_to and at.start_ms > row.valid_to.end_ms):
                    continue
                if row.from_uom == from_uom:
                    return row.factor
                if row.factor:
                    return 1 / row.factor
        return None


def factor(
    conversions: Sequence[Conversion], code: str, from_uom: str, to_uom: str, at: Span
) -> Fraction | None:
    """`Factors.rate` for a single question; who has many keeps the `Factors`."""
    return Factors(conversions).rate(code, from_uom, to_uom, at)


def uom_of(book: BookData) -> dict[str, str]:
    """Unit of measure of each code, as its lots have it."""
    return {lot.code: lot.uom for lot in book.lots}
