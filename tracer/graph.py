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
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import networkx as nx

from ledger.quick import quick
from ledger.vocabulary import Balance, Kind, LineRole, Origin
from tracer.blend import Portion, fractions_of, lowest, part, together
from tracer.book import BookData, Event, Lot
from tracer.network import SINKS, Drawing, draw
from tracer.norms import NormTable
from tracer.replay import Delta, Replay, replay
from tracer.usage import MADE, lot_legs, shares_of

Basis = Literal["used", "physical"]
Mixture = dict[str, Fraction]
"""Micro-units by source id, each in the source's own unit of measure."""

_WITHIN = frozenset({Kind.ISSUE_PROD, Kind.RETURN_PROD})
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
        received: all that ever went into a lot; `inflow` in fractions.
        graph: nodes `lot:…`, `line:…`, `unit:…`, `event:…` with `type`, `label`; edges with `kind`,
            `quantity_micro`,
            `uom`, `event`.
    """

    basis: Basis
    sources: dict[str, Source] = field(default_factory=dict)
    received: dict[str, list[Portion]] = field(default_factory=dict)
    book: BookData | None = None
    _placed: dict[Position, list[Portion]] = field(default_factory=dict)
    _unplaced: Callable[[], None] | None = None
    """Places what is left at the end: asked what went into a lot, nobody needs it."""
    _drawing: Drawing | None = None
    _graph: nx.MultiDiGraph[str] | None = None
    _matrix: dict[Position, Mixture] | None = None
    _inflow: dict[str, Mixture] | None = None

    @property
    def placed(self) -> dict[Position, list[Portion]]:
        """What stands at each position."""
        if self._unplaced is not None:
            place, self._unplaced = self._unplaced, None
            place()
        return self._placed

    @property
    def matrix(self) -> dict[Position, Mixture]:
        """Mixture by position."""
        if self._matrix is None:
            self._matrix = {at: fractions_of(together(portions)) for at, portions in self.placed.items()}
        return self._matrix

    @property
    def inflow(self) -> dict[str, Mixture]:
        """Mixture of all that ever went into a lot."""
        if self._inflow is None:
            self._inflow = {lot: fractions_of(together(portions)) for lot, portions in self.received.items()}
        return self._inflow

    @property
    def graph(self) -> nx.MultiDiGraph[str]:
        """The graph, drawn when it is first asked for: most questions need the matrix alone."""
        if self._graph is None:
            self._graph = self.drawing.graph()
        return self._graph

    @property
    def drawing(self) -> Drawing:
        """The graph as plain nodes and edges, without the price of an object of networkx."""
        if self._drawing is None:
            self._drawing = Drawing() if self.book is None else draw(self.book)
        return self._drawing

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
    *, mark: str = "", only: tuple[str, str] | None = None,
) -> Lineage:
    """Build the matrix and the graph of a book. Pure.

    Args:
        book: the data.
        effects: its replay, where the caller has it.
        basis: how a TRANSFORM passes its inputs on (module docstring).
        table: norms in the lots' units of measure; those of the book as they stand when None.
        mark: a lot to follow as if it were a source of its own (source kind `lot`), beside the real ones.
        only: kind and name of the sources that are followed, where only their `row` is wanted; all when None.
    """
    effects, table = effects or replay(book), table or NormTable(book.norms)
    return _Flow(book, effects, basis, table, mark=mark, only=only).run()


class _Lot:
    """What is in a lot: its quantity by the events, and its mixture."""

    __slots__ = ("held", "mixture")

    def __init__(self) -> None:
        self.held = 0
        self.mixture: list[Portion] = []


class _Flow:
    """Mixtures of every lot while the events are applied."""

    def __init__(self, book: BookData, effects: Replay, basis: Basis, table: NormTable, *, mark: str,
                 only: tuple[str, str] | None) -> None:
        self.book, self.effects, self.table, self.mark, self.only = book, effects, table, mark, only
        self.lots: dict[str, Lot] = {lot.id: lot for lot in book.lots}
        self.stock: dict[str, _Lot] = defaultdict(_Lot)
        self.loaded: dict[tuple[str, str], tuple[int, list[Portion]]] = {}
        self.units: dict[str, tuple[str, ...]] = {}
        """Containers and cargo that an event names."""
        self.result = Lineage(basis)

    def run(self) -> Lineage:
        deltas, i = self.effects.deltas, 0
        while i < len(deltas):
            event, start = deltas[i].event, i
            while i < len(deltas) and deltas[i].event.id == event.id:
                i += 1
            self.apply(event, deltas[start:i])
        self.result._unplaced = self.settle_stock
        self.result.book = self.book
        return self.result

    def apply(self, event: Event, deltas: list[Delta]) -> None:
        kind = event.kind
        if kind in _WITHIN:
            return  # from one balance of a lot to another: its mixture stays as it is
        net: dict[str, int] = {}
        for delta in deltas:
            if delta.balance != Balance.LOADED:
                net[delta.lot] = net.get(delta.lot, 0) + delta.change
        taken = {lot: self.take(lot, -q) for lot, q in net.items() if q < 0}
        if kind == Kind.TRANSFORM:
            self.transform(event, taken)
        elif kind in (Kind.SPLIT, Kind.MERGE):
            self.share_out(net, taken)
        elif kind in (Kind.EXPORT_LOAD, Kind.REEXPORT):
            for lot, mixture in taken.items():
                q, before = self.loaded.get((lot, event.line), (0, []))
                self.loaded[lot, event.line] = (q - net[lot], before + mixture)
        elif kind == Kind.EXIT_CONFIRM:
            for delta in deltas:
                self.place(Position("exported", delta.lot, event.line),
                           self.unload(delta.lot, event.line, -delta.change))
        elif kind == Kind.UNLOAD:
            for lot, q in net.items():
                self.put(lot, q, self.unload(lot, event.line, q))
        else:
            for lot, mixture in taken.items():
                self.place(Position(SINKS.get(kind, "unexplained"), lot, event.line), mixture)
            for lot, q in net.items():
                if q > 0:
                    self.put(lot, q, self.source(event, lot, q))

    def transform(self, event: Event, taken: dict[str, list[Portion]]) -> None:
        into: dict[str, list[Portion]] = defaultdict(list)
        scrap = lot_legs(event, LineRole.SCRAP)
        made = lot_legs(event, *MADE)
        physical = self.result.basis == "physical" or not made
        quantity = {leg.unit: leg.quantity_micro for leg in lot_legs(event, LineRole.INPUT)}
        parted = shares_of(event, made, {self.lots[lot].code for lot in taken}, self.table)
        for lot, mixture in taken.items():
            whole = Fraction(1)
            if physical:
                for target, share in self.residues(event, lot, quantity, bool(made)).items():
                    whole -= share
                    ratio = share.as_integer_ratio()
                    if target:
                        into[target] += part(mixture, *ratio)
                    else:
                        self.place(Position("loss", lot), part(mixture, *ratio))
            rest, of = whole.as_integer_ratio()
            for unit, (n, d) in parted[self.lots[lot].code].items():
                into[unit] += part(mixture, *lowest(n * rest, d * of))
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

    def share_out(self, net: dict[str, int], taken: dict[str, list[Portion]]) -> None:
        """SPLIT and MERGE: what was taken goes to the receiving lots by quantity."""
        pool = [portion for mixture in taken.values() for portion in mixture]
        total = sum(q for q in net.values() if q > 0)
        for lot, q in net.items():
            if q > 0:
                self.put(lot, q, part(pool, q, total))

    def put(self, lot: str, quantity: int, mixture: list[Portion]) -> None:
        if lot == self.mark:
            mixture = [*mixture, *self.register("lot", lot, lot, quantity)]
        parts: Portion = (together(mixture), 1, 1)
        stock = self.stock[lot]
        stock.held += quantity
        stock.mixture = [(together([*stock.mixture, parts]), 1, 1)] if stock.mixture else [parts]
        self.result.received.setdefault(lot, []).append(parts)

    def take(self, lot: str, quantity: int) -> list[Portion]:
        """Take a quantity out of a lot's mixture; what was never there comes from an unexplained source."""
        stock = self.stock[lot]
        held = stock.held
        stock.held = held - quantity
        if quantity <= held:
            taken = part(stock.mixture, quantity, held)
            stock.mixture = part(stock.mixture, held - quantity, held)
            return taken
        taken, stock.mixture = stock.mixture, []
        return [*taken, *self.register("unexplained", lot, lot, quantity - max(held, 0))]

    def unload(self, lot: str, line: str, quantity: int) -> list[Portion]:
        q, mixture = self.loaded.get((lot, line), (0, []))
        if not q:
            return []
        share = min(Fraction(quantity, q), Fraction(1))
        n, d = share.as_integer_ratio()
        self.loaded[lot, line] = (q - quantity, part(mixture, d - n, d))
        return part(mixture, n, d)

    def source(self, event: Event, lot: str, quantity: int) -> list[Portion]:
        """An increase out of nothing, as a source."""
        kind, name = {
            Kind.RECEIVE_FACTORY: ("line", event.line), Kind.RECEIVE_DOMESTIC: ("domestic", lot),
            Kind.OPENING: ("opening", lot), Kind.FG_RETURN: ("returned", event.line),
            Kind.TRANSFER: ("transferred", event.line or lot),
        }.get(event.kind, ("unexplained", lot))
        return self.register(kind, name, lot, quantity, event)

    def register(self, kind: str, name: str, lot: str, quantity: int, event: Event | None = None
                 ) -> list[Portion]:
        """A quantity from a source; nothing where that source is not followed."""
        if self.only not in (None, (kind, name)):
            return []
        key = f"{kind}:{name}:{event.id}:{lot}" if event is not None else f"{kind}:{lot}"
        about = self.lots[lot]
        if event is not None and event.id not in self.units:
            self.units[event.id] = tuple(leg.unit for leg in event.boxes)
        origin = Origin.NONE if kind == "unexplained" else about.origin
        self.result.sources.setdefault(key, Source(
            key, kind, name, lot, about.code, about.uom, origin, event.id if event else "",
            self.units[event.id] if event else ()))
        return [({key: (quantity, 1)}, 1, 1)]

    def place(self, position: Position, mixture: list[Portion]) -> None:
        if mixture:
            self.result._placed.setdefault(position, []).extend(mixture)

    def settle_stock(self) -> None:
        """What is left in lots and on the way out, by balance."""
        for lot, stock in self.stock.items():
            balances = {
                b: q for b, q in self.effects.balances.get(lot, {}).items() if q > 0 and b != Balance.LOADED
            }
            total = sum(balances.values())
            for balance, q in balances.items():
                state = _STATES[balance]
                if self.lots[lot].origin == Origin.OWN and balance in (Balance.RAW, Balance.WIP):
                    state = "semi_finished"
                self.place(Position(state, lot), part(stock.mixture, q, total))
            if not total:
                self.place(Position("unexplained", lot), stock.mixture)
        for (lot, line), (_, mixture) in self.loaded.items():
            self.place(Position("loaded", lot, line), mixture)
