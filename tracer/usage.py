"""What was really used: consumption by product and material in a period, and the norms that follow from it.

A TRANSFORM states what it consumed and what it made, not which output took what. Its inputs are attributed
in full across its products, co-products and semi-finished outputs, since the legal norm of a product holds
its process loss and its scrap. Shares follow, in this order: the declared norms in force times the output
(Vietnam sets one norm per product; a co-product without a norm takes none); the quantities, where all
outputs have one unit of measure; equal parts among the main products.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm

from ledger.vocabulary import Kind, LineRole, Thing
from tracer.balance import Accounts
from tracer.blend import Ratio, lowest, plus
from tracer.book import BookData, Event, Leg, Norm
from tracer.moment import DAY_MS
from tracer.norms import RECYCLED, Edge, NormTable, Pair, base_needs
from tracer.stocktake import StockTake

MADE = (LineRole.PRODUCT, LineRole.CO_PRODUCT, LineRole.SEMI_FINISHED)


def lot_legs(event: Event, *roles: LineRole) -> list[Leg]:
    """Legs of an event that are lots in one of the roles."""
    return [leg for leg in event.legs if leg.thing == Thing.LOT and leg.role in roles]


def shares(event: Event, code: str, table: NormTable) -> dict[str, Fraction]:
    """Share of an input code that each output lot of a TRANSFORM took; adds up to one, empty without
    outputs.
    """
    legs = lot_legs(event, *MADE)
    found = shares_of(event, legs, (code,), table)[code]
    return {leg.unit: Fraction(*found.get(leg.unit, (0, 1))) for leg in legs}


def shares_of(event: Event, made: Sequence[Leg], codes: Iterable[str], table: NormTable
              ) -> dict[str, dict[str, Ratio]]:
    """`shares` for several inputs of one TRANSFORM, with the legs of what it made; none that are zero."""
    if len(made) == 1:  # whatever it is shared by, the one output took it all
        all_of_it = {made[0].unit: (1, 1)} if made[0].quantity_micro else {}
        return dict.fromkeys(codes, all_of_it)
    needs = [table.needs(leg.code, event.occurred) for leg in made]
    result = {}
    for code in codes:
        norms = [need.get(code, (0, 1)) for need in needs]
        if not any(n for n, _ in norms):
            norms = _standing_in(code, needs, table.groups(event.occurred))
        whole = lcm(*(d for _, d in norms))
        weights = [n * (whole // d) * leg.quantity_micro for (n, d), leg in zip(norms, made, strict=True)]
        if not any(weights):
            if len({leg.uom for leg in made}) == 1:
                weights = [leg.quantity_micro for leg in made]
            else:
                main = any(leg.role == LineRole.PRODUCT for leg in made)
                weights = [int(leg.role == LineRole.PRODUCT or not main) for leg in made]
        total = sum(weights) or 1
        result[code] = {leg.unit: lowest(w, total) for leg, w in zip(made, weights, strict=True) if w}
    return result


def _standing_in(code: str, needs: Sequence[Mapping[str, Ratio]], groups: list[dict[str, Fraction]]
                 ) -> list[Ratio]:
    """What outputs need of the materials that a code may stand for, where none needs the code itself."""
    for group in groups:
        found = [sum((Fraction(*need[c]) * ratio for c, ratio in group.items() if c in need), Fraction(0))
                 for need in needs] if code in group else []
        if any(found):
            return [q.as_integer_ratio() for q in found]
    return [(0, 1)] * len(needs)


@dataclass(slots=True)
class Usage:
    """Consumption of a period, all quantities exact fractions of micro-units.

    Attributes:
        output: what was obtained of each product, co-product and semi-finished code.
        used: consumption of a material attributed to a product, scaled to the material's legal total.
        net: issued - returned - change of WIP, per material: the legal total.
        wip_source: `counted` where a stock-take states the closing WIP of a material, else `ledger`.
        declared: declared norm of (product, material), weighted by output where versions changed; what it
            says of a registered group of substitutes, in the mix that production took.
        base_declared, base_ledger: both norms rolled up to base materials (P1).
        without_norm: products made that had no norm in force.
        semi: codes made as semi-finished goods.
        reworked: what of each product went into its own making again; `output` is without it.
    """

    output: dict[str, int] = field(default_factory=dict)
    used: dict[Pair, Fraction] = field(default_factory=dict)
    net: dict[str, Fraction] = field(default_factory=dict)
    wip_source: dict[str, str] = field(default_factory=dict)
    declared: dict[Pair, Fraction] = field(default_factory=dict)
    flags: dict[Pair, str] = field(default_factory=dict)
    base_declared: dict[Pair, Fraction] = field(default_factory=dict)
    base_ledger: dict[Pair, Fraction] = field(default_factory=dict)
    without_norm: set[str] = field(default_factory=set)
    semi: set[str] = field(default_factory=set)
    reworked: dict[str, int] = field(default_factory=dict)

    def in_bill(self) -> list[Pair]:
        """Declared norms that a bill of materials is made of: KXDDM carries no quantity, and what takes a
        product back is counted once.
        """
        products = {product for product, _ in self.declared}
        return [(product, material) for product, material in sorted(self.declared)
                if (flag := self.flags.get((product, material))) != "KXDDM"
                and not (flag in RECYCLED and material in products)]


def usage(book: BookData, books: Accounts, table: NormTable, takes: Iterable[StockTake] = ()) -> Usage:
    """Consumption and norms of the book's period; `takes` say what was counted of the work in progress. Pure.

    Raises:
        InputError: norms or processes go round in a circle.
    """
    result = Usage()
    raw: dict[Pair, Ratio] = {}
    by_version: dict[tuple[str, tuple[int, ...]], tuple[list[Norm], int]] = {}
    weighted: dict[Pair, Fraction] = defaultdict(Fraction)
    shifted: dict[Pair, Fraction] = defaultdict(Fraction)
    output: dict[str, int] = defaultdict(int)
    declared_output: dict[str, int] = defaultdict(int)
    for event in book.events:
        if event.kind != Kind.TRANSFORM or not event.recorded or not _inside(book, event):
            continue
        legs = lot_legs(event, *MADE)
        made = {leg.unit: leg for leg in legs}
        for leg in made.values():
            output[leg.code] += leg.quantity_micro
            if leg.role == LineRole.SEMI_FINISHED:
                result.semi.add(leg.code)
            rows = table.effective(leg.code, event.occurred)
            if rows:
                declared_output[leg.code] += leg.quantity_micro
            elif leg.role == LineRole.PRODUCT:
                result.without_norm.add(leg.code)
            version = tuple(map(id, rows))
            _, quantity = by_version.pop((leg.code, version), (rows, 0))
            by_version[leg.code, version] = (rows, quantity + leg.quantity_micro)  # the last used stands last
        inputs = lot_legs(event, LineRole.INPUT)
        parted = shares_of(event, legs, {leg.code for leg in inputs}, table)
        for leg in inputs:
            for unit, (n, d) in parted[leg.code].items():
                pair = made[unit].code, leg.code
                raw[pair] = plus(raw.get(pair, (0, 1)), lowest(n * leg.quantity_micro, d))
        groups = table.groups(event.occurred)
        for product in sorted({leg.code for leg in made.values()}) if groups else ():
            took: dict[str, Fraction] = defaultdict(Fraction)
            for leg in inputs:
                for unit, (n, d) in parted[leg.code].items():
                    took[leg.code] += Fraction(n * leg.quantity_micro, d) if made[unit].code == product else 0
            quantity = sum(leg.quantity_micro for leg in made.values() if leg.code == product)
            rows = table.effective(product, event.occurred)
            for material, q in _in_the_mix(rows, took, groups).items():
                shifted[product, material] += q * quantity
    for (product, _), (rows, quantity) in by_version.items():
        for row in rows:
            weighted[product, row.material] += row.norm * quantity
            result.flags[product, row.material] = row.flag
    for product in output:
        n, d = raw.pop((product, product), (0, 1))  # reworked: no new material, and no second product
        if n:
            result.reworked[product] = n // d
            output[product] -= n // d
    result.output = dict(output)
    for (product, material), q in shifted.items():
        weighted[product, material] += q
        if (product, material) not in result.flags:
            result.flags[product, material] = ""
    result.declared = {(p, m): q / declared_output[p] for (p, m), q in weighted.items()
                       if declared_output[p] and (q or (p, m) not in shifted)}
    _add_idle_norms(book, table, result)
    _net(book, books, takes, result)
    for product, again in result.reworked.items():
        result.declared.pop((product, product), None)
        result.net[product] = result.net.get(product, Fraction(0)) - again
        if not result.net[product]:
            del result.net[product]
    result.used = _scaled({pair: Fraction(n, d) for pair, (n, d) in raw.items()}, result)
    _roll_up(result)
    return result


def _in_the_mix(rows: Sequence[Norm], took: Mapping[str, Fraction], groups: Sequence[Mapping[str, Fraction]]
                ) -> dict[str, Fraction]:
    """By how much the norms of a product become others when what they say of groups of substitutes is put
    into the mix that a run took: as much work of each group as before.
    """
    norms: dict[str, Fraction] = defaultdict(Fraction)
    for row in rows:
        if row.flag != "KXDDM":
            norms[row.material] += row.norm
    before = dict(norms)
    for group in groups:
        need = sum((norms[code] * ratio for code, ratio in group.items() if code in norms), Fraction(0))
        whole = sum((took[code] * ratio for code, ratio in group.items() if code in took), Fraction(0))
        if need and whole:
            for code in group:
                norms[code] = need * took.get(code, Fraction(0)) / whole
    changes = {code: q - before.get(code, Fraction(0)) for code, q in norms.items()}
    return {code: change for code, change in changes.items() if change}


def _inside(book: BookData, event: Event) -> bool:
    return book.period.start_ms <= event.occurred.start_ms <= book.period.end_ms


def _add_idle_norms(book: BookData, table: NormTable, result: Usage) -> None:
    """Norms of products not made in the period still set what their exports from stock may claim."""
    made = {product for product, _ in result.declared}
    for product in table.products:
        if result.output.get(product) or product in made:
            continue
        for row in table.effective(product, book.period):
            result.declared[product, row.material] = (
                result.declared.get((product, row.material), Fraction(0)) + row.norm
            )
            result.flags[product, row.material] = row.flag


def _net(book: BookData, books: Accounts, takes: Iterable[StockTake], result: Usage) -> None:
    differs: dict[str, int] = defaultdict(int)
    for take in takes:
        if take.stock == "wip" and not take.missing and take.at_ms >= book.period.end_ms - DAY_MS:
            differs[take.code] += take.counted_micro - take.expected_micro
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (code, _), row in books.wip.items():
        put_in = row["issued"] - row["returned"] - row["other_issue"]
        for i, value in enumerate((put_in, row["opening"], row.closing)):
            totals[code][i] += value
    for code, (put_in, opening, closing) in totals.items():
        at_end = closing + differs.get(code, 0)
        result.wip_source[code] = "counted" if code in differs else "ledger"
        result.net[code] = Fraction(put_in - (at_end - opening))


def _scaled(raw: dict[Pair, Fraction], result: Usage) -> dict[Pair, Fraction]:
    """Attributed consumption scaled to the legal total; without recorded inputs, spread by declared norms."""
    totals: dict[str, Fraction] = defaultdict(Fraction)
    for (_, material), q in raw.items():
        totals[material] += q
    used = {(p, m): q * result.net.get(m, totals[m]) / totals[m] for (p, m), q in raw.items() if totals[m]}
    for material, net in result.net.items():
        if totals[material]:
            continue
        weights = {
            p: norm * result.output.get(p, 0) for (p, m), norm in result.declared.items() if m == material
        }
        total = sum(weights.values(), Fraction(0))
        for product, weight in weights.items():
            if weight:
                used[product, material] = net * weight / total
    return used


def _roll_up(result: Usage) -> None:
    declared: dict[str, list[Edge]] = defaultdict(list)
    for product, material in result.in_bill():
        declared[product].append(Edge(material, result.declared[product, material]))
    ledger: dict[str, list[Edge]] = defaultdict(list)
    for (product, material), q in sorted(result.used.items()):
        if result.output.get(product):
            ledger[product].append(Edge(material, q / result.output[product]))
    made = sorted(ledger)
    for product, edges in declared.items():  # stock of the opening goes in that nobody made in the period
        ledger.setdefault(product, edges)
    for bill, products, target in ((declared, sorted(declared), result.base_declared),
                                   (ledger, made, result.base_ledger)):
        for product in products:
            for material, norm in base_needs(bill, product).items():
                target[product, material] = norm
