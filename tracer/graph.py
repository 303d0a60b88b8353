"""Lineage: where what is in a lot or an export came from, and where every unit of an import is now.

The graph (networkx) has lots, declaration lines, the units goods came in and the processes that changed
them, with quantities on its edges. Attribution runs over the same events in the ledger's order: a lot is a
mixture, so what leaves it takes its sources in proportion (domain reference P5, MIX); SPLIT and MERGE carry
the mixture; a TRANSFORM passes it on by one of two bases:

- `used` (default, the legal one): all that was consumed belongs to the products (see `usage.shares`);
- `physical`: what became scrap of the same unit of measure, and the declared loss, go their own way.

The result is one matrix, sources by positions: a row is `forward`, a column is `backward`, so they are
transposes by construction. Figures are exact fractions and are rounded once, by largest remainder, when
asked for.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from typing import Literal

import networkx as nx

from ledger.vocabulary import Balance, Kind, LineRole, Origin, Thing
from tracer.book import BookData, Event, Leg, Lot
from tracer.norms import NormTable
from tracer.quick import quick
from tracer.replay import Delta, Replay, replay
from tracer.usage import MADE, lot_legs, shares

Basis = Literal["used", "physical"]
Mixture = dict[str, Fraction]
"""Micro-units by source id, each in the source's own unit of measure."""

UNITS = (Thing.CONTAINER, Thing.CARGO)
_SINKS = {
    Kind.REPURPOSE: "repurposed", Kind.SELL_INLAND: "sold_inland", Kind.SCRAP_OUT: "scrapped_out",
    Kind.DESTROY: "destroyed", Kind.TRANSFER: "transferred", Kind.ADJUST: "adjusted",
}
_STATES = {
    Balance.RAW: "in_store",
    Balance.WIP: "in_production",
    Balance.FINISHED: "finished",
    Balance.SCRAP: "scrap",
    Balance.SHORT: "short",
}


@quick
@dataclass(frozen=True, slots=True)
class Source:
    """Where goods entered the book.

    Attributes:
        id: one for each entry.
        kind: line, domestic, opening, returned, transferred (from another book), lot (a marked lot, see
            `lineage`) or unexplained.
        name: declaration line of a line, return or transfer, else the lot.
        lot: the lot that it became.
        units: containers or cargo it came in.
    """

    id: str
    kind: str
    name: str
    lot: str
    code: str
    uom: str
    origin: Origin
    event: str = ""
    units: tuple[str, ...] = ()


@quick
@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where goods are at the end: a state, the lot they are in or left from, and the line they left on."""

    state: str
    lot: str
    line: str = ""


@dataclass(slots=True)
class Lineage:
    """The attribution matrix of one book and the graph behind it.

    Attributes:
        sources: by id.
        matrix: mixture by position.
        inflow: mixture of all that ever went into a lot.
        graph: nodes `lot:…`, `line:…`, `unit:…`, `event:…` with `type`, `label`; edges with `kind`,
            `quantity_micro`,
            `uom`, `event`.
    """

    basis: Basis
    sources: dict[str, Source] = field(default_factory=dict)
    matrix: dict[Position, Mixture] = field(default_factory=dict)
    inflow: dict[str, Mixture] = field(default_factory=dict)
    book: BookData | None = None
    _graph: nx.MultiDiGraph[str] | None = None

    @property
    def graph(self) -> nx.MultiDiGraph[str]:
        """The graph, drawn when it is first asked for: most questions need the matrix alone."""
        if self._graph is None:
            self._graph = nx.MultiDiGraph()
            if self.book is not None:
                _draw(self.book, {lot.id: lot for lot in self.book.lots}, self._graph)
        return self._graph

    def row(self, name: str, kind: str = "line") -> dict[Position, Fraction]:
        """Where the goods of a declaration line (or another source) are: rows of the matrix, exact micro-
        units.
        """
        wanted = {s.id for s in self.sources.values() if s.name == name and s.kind == kind}
        result: dict[Position, Fraction] = {}
        for position, mix in sorted(self.matrix.items()):
            q = sum((mix[source] for source in wanted & mix.keys()), Fraction(0))
            if q:
                result[position] = q
        return result

    def column(self, *, line: str = "", lot: str = "", states: tuple[str, ...] = ()) -> Mixture:
        """What stands at the positions of a line or a lot: a sum of columns of the matrix, exact micro-
        units.
        """
        total: Mixture = defaultdict(Fraction)
        for position, mix in self.matrix.items():
            if (line and position.line != line) or (lot and position.lot != lot) \
                    or (states and position.state not in states):
                continue
            for source, q in mix.items():
                total[source] += q
        return dict(total)


def lineage(
    book: BookData, effects: Replay | None = None, basis: Basis = "used", table: NormTable | None = None,
    mark: str = "",
) -> Lineage:
    """Build the matrix and the graph of a book. Pure.

    Args:
        book: the data.
        effects: its replay, where the caller has it.
        basis: how a TRANSFORM passes its inputs on (module docstring).
        table: norms in the lots' units of measure; those of the book as they stand when None.
        mark: a lot to follow as if it were a source of its own (source kind `lot`), beside the real ones.
    """
    return _Flow(book, effects or replay(book), basis, table or NormTable(book.norms), mark).run()


class _Flow:
    """Mixtures of every lot while the events are applied."""

    def __init__(self, book: BookData, effects: Replay, basis: Basis, table: NormTable, mark: str) -> None:
        self.book, self.effects, self.table, self.mark = book, effects, table, mark
        self.lots: dict[str, Lot] = {lot.id: lot for lot in book.lots}
        self.held: dict[str, int] = defaultdict(int)
        self.mix: dict[str, Mixture] = defaultdict(dict)
        self.loaded: dict[tuple[str, str], tuple[int, Mixture]] = {}
        self.result = Lineage(basis)

    def run(self) -> Lineage:
        for _, deltas in groupby(self.effects.deltas, key=lambda d: d.event.id):
            group = list(deltas)
            self.apply(group[0].event, group)
        self.settle_stock()
        self.result.book = self.book
        return self.result

    def apply(self, event: Event, deltas: list[Delta]) -> None:
        kind = event.kind
        net: dict[str, int] = defaultdict(int)
        for delta in deltas:
            if delta.balance != Balance.LOADED:
                net[delta.lot] += delta.change
        taken = {lot: self.take(lot, -q) for lot, q in net.items() if q < 0}
        if kind == Kind.TRANSFORM:
            self.transform(event, taken)
        elif kind in (Kind.SPLIT, Kind.MERGE):
            self.share_out(net, taken)
        elif kind in (Kind.EXPORT_LOAD, Kind.REEXPORT):
            for lot, mixture in taken.items():
                q, before = self.loaded.get((lot, event.line), (0, {}))
                self.loaded[lot, event.line] = (q - net[lot], _sum(before, mixture))
        elif kind == Kind.EXIT_CONFIRM:
            for delta in deltas:
                self.place(Position("exported", delta.lot, event.line),
                           self.unload(delta.lot, event.line, -delta.change))
        elif kind == Kind.UNLOAD:
            for lot, q in net.items():
                self.put(lot, q, self.unload(lot, event.line, q))
        else:
            for lot, mixture in taken.items():
                self.place(Position(_SINKS.get(kind, "unexplained"), lot, event.line), mixture)
            for lot, q in net.items():
                if q > 0:
                    self.put(lot, q, {self.source(event, lot): Fraction(q)})

    def transform(self, event: Event, taken: dict[str, Mixture]) -> None:
        into: dict[str, Mixture] = defaultdict(dict)
        scrap = lot_legs(event, LineRole.SCRAP)
        made = lot_legs(event, *MADE)
        quantity = {leg.unit: leg.quantity_micro for leg in lot_legs(event, LineRole.INPUT)}
        for lot, mixture in taken.items():
            code = self.lots[lot].code
            whole = Fraction(1)
            if self.result.basis == "physical" or not made:
                for target, share in self.residues(event, lot, quantity, bool(made)).items():
                    whole -= share
                    if target:
                        into[target] = _sum(into[target], _scale(mixture, share))
                    else:
                        self.place(Position("loss", lot), _scale(mixture, share))
            for unit, share in shares(event, code, self.table).items():
                into[unit] = _sum(into[unit], _scale(mixture, share * whole))
        for leg in made + scrap:
            self.put(leg.unit, leg.quantity_micro, into[leg.unit])

    def residues(self, event: Event, lot: str, quantity: dict[str, int], made: bool) -> dict[str, Fraction]:
        """Share of an input that became each scrap lot, and (under an empty name) process loss."""
        own = self.lots[lot]
        codes = {self.lots[unit].code for unit in quantity if unit in self.lots}
        alike = sum(q for unit, q in quantity.items() if unit in self.lots and self.lots[unit].uom == own.uom)
        same_code = sum(
            q for unit, q in quantity.items() if unit in self.lots and self.lots[unit].code == own.code
        )
        lost = sum(x.quantity_micro for x in event.loss if x.code == own.code and x.uom == own.uom)
        result: dict[str, Fraction] = {}
        for leg in lot_legs(event, LineRole.SCRAP):
            if leg.code == own.code:  # scrap that keeps its material's code is that material's
                result[leg.unit] = Fraction(leg.quantity_micro, same_code)
            elif leg.uom == own.uom and leg.code not in codes:
                result[leg.unit] = Fraction(leg.quantity_micro, alike)
        result[""] = Fraction(lost, same_code) if same_code else Fraction(0)
        total = sum(result.values(), Fraction(0))
        if not made:
            result[""] += max(Fraction(0), 1 - total)
            total = max(total, Fraction(1))
        return {unit: share / max(total, Fraction(1)) for unit, share in result.items()}

    def share_out(self, net: dict[str, int], taken: dict[str, Mixture]) -> None:
        """SPLIT and MERGE: what was taken goes to the receiving lots by quantity."""
        pool: Mixture = {}
        for mixture in taken.values():
            pool = _sum(pool, mixture)
        total = sum(q for q in net.values() if q > 0)
        for lot, q in net.items():
            if q > 0:
                self.put(lot, q, _scale(pool, Fraction(q, total)))

    def put(self, lot: str, quantity: int, mixture: Mixture) -> None:
        if lot == self.mark:
            mixture = {**mixture, self.register(f"lot:{lot}", "lot", lot, lot): Fraction(quantity)}
        self.held[lot] += quantity
        self.mix[lot] = _sum(self.mix[lot], mixture)
        self.result.inflow[lot] = _sum(self.result.inflow.get(lot, {}), mixture)

    def take(self, lot: str, quantity: int) -> Mixture:
        """Take a quantity out of a lot's mixture; what was never there comes from an unexplained source."""
        held = self.held[lot]
        self.held[lot] = held - quantity
        if quantity <= held:
            taken = _scale(self.mix[lot], Fraction(quantity, held))
            self.mix[lot] = {s: q - taken[s] for s, q in self.mix[lot].items() if q != taken[s]}
            return taken
        taken, self.mix[lot] = self.mix[lot], {}
        unknown = self.register(f"unexplained:{lot}", "unexplained", lot, lot)
        return _sum(taken, {unknown: Fraction(quantity - max(held, 0))})

    def unload(self, lot: str, line: str, quantity: int) -> Mixture:
        q, mixture = self.loaded.get((lot, line), (0, {}))
        if not q:
            return {}
        taken = _scale(mixture, min(Fraction(quantity, q), Fraction(1)))
        self.loaded[lot, line] = (
            q - quantity,
            {s: v - taken[s] for s, v in mixture.items() if v != taken[s]},
        )
        return taken

    def source(self, event: Event, lot: str) -> str:
        """The source that an increase out of nothing came from."""
        kind, name = {
            Kind.RECEIVE_FACTORY: ("line", event.line), Kind.RECEIVE_DOMESTIC: ("domestic", lot),
            Kind.OPENING: ("opening", lot), Kind.FG_RETURN: ("returned", event.line),
            Kind.TRANSFER: ("transferred", event.line or lot),
        }.get(event.kind, ("unexplained", lot))
        return self.register(f"{kind}:{name}:{event.id}:{lot}", kind, name, lot, event)

    def register(self, key: str, kind: str, name: str, lot: str, event: Event | None = None) -> str:
        about = self.lots[lot]
        units = tuple(leg.unit for leg in event.legs if leg.thing in UNITS) if event else ()
        origin = Origin.NONE if kind == "unexplained" else about.origin
        self.result.sources.setdefault(key, Source(
            key, kind, name, lot, about.code, about.uom, origin, event.id if event else "", units))
        return key

    def place(self, position: Position, mixture: Mixture) -> None:
        if mixture:
            self.result.matrix[position] = _sum(self.result.matrix.get(position, {}), mixture)

    def settle_stock(self) -> None:
        """What is left in lots and on the way out, by balance."""
        for lot, mixture in self.mix.items():
            balances = {
                b: q for b, q in self.effects.balances.get(lot, {}).items() if q > 0 and b != Balance.LOADED
            }
            total = sum(balances.values())
            for balance, q in balances.items():
                state = _STATES[balance]
                if self.lots[lot].origin == Origin.OWN and balance in (Balance.RAW, Balance.WIP):
                    state = "semi_finished"
                self.place(Position(state, lot), _scale(mixture, Fraction(q, total)))
            if not total:
                self.place(Position("unexplained", lot), mixture)
        for (lot, line), (_, mixture) in self.loaded.items():
            self.place(Position("loaded", lot, line), mixture)


def _sum(a: Mixture, b: Mixture) -> Mixture:
    if not a:
        return dict(b)
    total = dict(a)
    for source, q in b.items():
        total[source] = total.get(source, Fraction(0)) + q
    return total


def _scale(mixture: Mixture, share: Fraction) -> Mixture:
    return {source: q * share for source, q in mixture.items()} if share else {}


def _draw(book: BookData, lots: dict[str, Lot], graph: nx.MultiDiGraph[str]) -> None:
    """The graph itself: who came from what, with the quantities the events state."""
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
        elif event.kind in (Kind.EXPORT_LOAD, Kind.REEXPORT) or event.kind in _SINKS:
            target = line(event.line) if event.line else process(event)
            for leg in legs:
                if leg.role in (LineRole.OUTPUT, LineRole.FROM_SHORT):
                    edge(target, lot(leg.unit), event, leg)
                else:
                    edge(lot(leg.unit), target, event, leg)
