"""Family P, structure: bills of materials, rework, co-products, parts of lots (`norms`, `production`)."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import networkx as nx

from ledger.errors import InputError
from ledger.vocabulary import Kind, LineRole, Origin, Outcome, Thing
from tracer.book import DeclarationLine, Event, Norm
from tracer.facts import Facts
from tracer.norms import RECYCLED, declared_bill, explode
from tracer.production import allocate_co_products, starts_needed
from tracer.quantity import micro_text, nearest
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38
from tracer.rules.prices import trade_price
from tracer.usage import MADE, lot_legs

TAXED = {"TDMDSDSP": Origin.IMPORTED, "NVLCTXK": Origin.DOMESTIC}
"""Marks of lines that tax the material in a product: imported on a change of purpose (Art. 21), domestic on
an export with export duty (Art. 61.3)."""


def p1(facts: Facts, tally: Tally) -> None:
    """A bill of materials leads down to what was bought, and never back to itself.

    Norms in force at the end of the period, as one graph of product and material. A circle through rows that
    are not flagged as recovered material (TH, SPTN) is an error: nothing can be made of itself. Where a
    declaration taxes the material in a product line by line (TDMDSDSP: imported, on a change of purpose;
    NVLCTXK: domestic, on export), each line must be what the bill, exploded through all semi-finished goods,
    holds for the product lines of that declaration.
    """
    rows = _rows(facts)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted({n.product for n in rows}))
    graph.add_edges_from(sorted((n.product, n.material) for n in rows if n.flag not in RECYCLED))
    circles = [sorted(c) for c in nx.strongly_connected_components(graph) if len(c) > 1]
    circles += [[code] for code in nx.nodes_with_selfloops(graph)]
    for circle in sorted(circles):
        tally.found(
            Subject("product", circle[0]),
            "high",
            "no circle",
            ", ".join(circle),
            evidence=_behind(facts, [n for n in rows if n.product in circle and n.material in circle]),
            explanation="By their norms these codes are made of each other.",
        )
    tops = sorted({n.product for n in rows})
    spoilt = {code for circle in circles for code in (*circle, *nx.ancestors(graph, circle[0]))}
    tally.clean(sum(top not in spoilt for top in tops))
    if circles:
        return
    bill = declared_bill(facts.norms, facts.book.period, tops)
    tally.result.metrics["levels"] = str(nx.dag_longest_path_length(graph) if graph else 0)
    declarations: dict[tuple[str, str], list[DeclarationLine]] = defaultdict(list)
    for line in facts.book.lines:
        if line.cancelled is None and (mark := taxed(line)):
            declarations[line.key.rpartition("/")[0], mark].append(line)
    for (declaration, mark), lines in sorted(declarations.items()):
        products = [
            x
            for x in facts.book.lines
            if x.key.rpartition("/")[0] == declaration and not taxed(x) and x.cancelled is None
        ]
        need: dict[str, Fraction] = defaultdict(Fraction)
        for product in products:
            for code, q in explode(bill, product.code).items() if bill.get(product.code) else ():
                if not bill.get(code) and _is(facts, code, TAXED[mark]):
                    need[code] += q * product.quantity_micro
        _taxed(facts, tally, declaration, mark, need, lines)


def _rows(facts: Facts) -> list[Norm]:
    """Norms in force at the end of the period."""
    return [
        n
        for product in facts.norms.products
        for n in facts.norms.effective(product, facts.book.period)
        if n.flag != "KXDDM"
    ]


def taxed(line: DeclarationLine) -> str:
    """The mark of a line that only taxes material; empty for goods."""
    return next((mark for mark in TAXED if mark in line.description.upper()), "")


def _is(facts: Facts, code: str, origin: Origin) -> bool:
    flags = {n.flag for n in facts.book.norms if n.material == code}
    return ("X" in flags) == (origin == Origin.DOMESTIC)


def _taxed(  # noqa: PLR0917 - one declaration
    facts: Facts,
    tally: Tally,
    declaration: str,
    mark: str,
    need: dict[str, Fraction],
    lines: list[DeclarationLine],
) -> None:
    stated: dict[str, int] = defaultdict(int)
    for line in lines:
        stated[line.code] += line.quantity_micro
    if not need:
        tally.missing(Subject("line", lines[0].key), f"norms of the products of {declaration}")
        return
    for code in sorted(need.keys() | stated.keys()):
        wanted, uom = nearest(need.get(code, Fraction(0))), facts.uoms.get(code, "")
        tolerance = tally.tol(wanted, uom)
        if not tolerance.exceeded(stated[code] - wanted):
            tally.clean()
            continue
        key = next((x.key for x in lines if x.code == code), lines[0].key)
        tally.amount(
            Subject("line", key),
            "medium",
            wanted,
            stated[code],
            uom,
            tolerance=tolerance,
            duty_at_risk=facts.duty_on(code, stated[code] - wanted),
            explanation=f"{mark} of {code} on {declaration} against what its products hold.",
        )


def _behind(facts: Facts, norms: list[Norm]) -> list[Event]:
    wanted = {n.declared_by for n in norms}
    return [e for e in facts.events if e.id in wanted][:8]


def p2(facts: Facts, tally: Tally) -> None:
    """What is reworked comes to an end, and is as much as was declared.

    Norm rows flagged as recovered (TH, SPTN) may lead back to a product: the loop must end, that is, less
    comes back than goes in (steady state x = (I - A)⁻¹ b with a spectral radius of A below one). For products
    that went back into their own making: what was put in again, against what the declared share of rework
    needs for the good output (0.08 declared: 1,000 good ones need 1,086.96 starts). More than 5 % off is a
    finding; material is counted once, whatever goes round.
    """
    rows = [n for n in _rows(facts) if n.flag in RECYCLED]
    products = {n.product for n in facts.book.norms}
    loop = {(n.material, n.product): n.norm for n in rows if n.material in products}
    graph: nx.DiGraph[str] = nx.DiGraph(sorted({(n.product, n.material) for n in _rows(facts)}))
    endless: set[str] = set()
    for circle in sorted(sorted(c) for c in nx.strongly_connected_components(graph)):
        inside = set(circle)
        own = {pair: share for pair, share in loop.items() if pair[0] in inside and pair[1] in inside}
        if not own:
            continue
        edges = {
            (n.material, n.product): n.norm
            for n in _rows(facts)
            if n.product in inside and n.material in inside
        }
        try:
            starts_needed(edges, dict.fromkeys(circle, Fraction(1)))
        except InputError as fault:
            endless |= inside
            tally.found(
                Subject("product", circle[0]),
                "high",
                "less comes back than goes in",
                "as much or more",
                evidence=_behind(facts, rows),
                explanation=fault.message,
            )
        else:
            tally.clean()
    for code, (gross, again, events) in sorted(_reworked(facts).items()):
        share = loop.get((code, code))
        if share is None:
            tally.missing(Subject("product", code), f"norm of {code} on itself (flag SPTN)")
            continue
        if code in endless:
            continue
        good = gross - again
        expected = nearest(starts_needed({(code, code): share}, {code: Fraction(good)})[code]) - good
        uom = facts.uoms.get(code, "")
        tolerance = tally.tol(expected, uom, "rel")
        if tolerance.exceeded(again - expected):
            tally.amount(
                Subject("product", code),
                "low",
                expected,
                again,
                uom,
                tolerance=tolerance,
                evidence=events[:16],
                explanation=f"Put back into the making of {micro_text(good)} good ones, against the "
                "declared share of rework.",
            )
        else:
            tally.clean()


def _reworked(facts: Facts) -> dict[str, tuple[int, int, list[Event]]]:
    """Products that went into their own making: all that came out, what went in again, and where."""
    gross: dict[str, int] = defaultdict(int)
    again: dict[str, int] = defaultdict(int)
    events: dict[str, list[Event]] = defaultdict(list)
    for run in facts.runs:
        for code, q in run.outputs.items():
            gross[code] += q
            if run.inputs.get(code):
                again[code] += nearest(run.inputs[code])
                events[code].append(run.event)
    return {code: (gross[code], again[code], events[code]) for code in again}


def p3(facts: Facts, tally: Tally) -> None:
    """No co-product carries, by its norm, what its sisters used.

    Runs that make several products together, per material and set of products: consumption shared by norm
    (Vietnam), which adds up exactly, against sharing by quantity and by relative value at the price of export
    lines, all in one currency. An exported product that gets a fifth more of the consumption by its norm than
    by either is a finding: norms of co-products can carry exempt material from goods sold inland to goods
    that left. Products in different units without a price are not evaluable.
    """
    used: dict[tuple[str, tuple[str, ...]], int] = defaultdict(int)
    made: dict[tuple[str, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    events: dict[tuple[str, ...], list[Event]] = defaultdict(list)
    for run in facts.runs:
        if not run.joint:
            continue
        together = tuple(sorted(run.outputs))
        events[together].append(run.event)
        for code, q in run.outputs.items():
            made[together][code] += q
        for code, put_in in run.inputs.items():
            used[code, together] += nearest(put_in)
    for (material, together), consumed in sorted(used.items()):
        norm = {
            p: sum(
                (n.norm for n in facts.norms.effective(p, facts.book.period) if n.material == material),
                Fraction(0),
            )
            for p in together
        }
        if sum(bool(x) for x in norm.values()) < 2:
            continue
        output = made[together]
        subject = Subject("material", material)
        fair = _fair(facts, consumed, output)
        if not fair:
            tally.missing(subject, f"prices of {', '.join(together)} (value of export lines)")
            continue
        own = allocate_co_products(consumed, [(p, output[p], norm[p]) for p in together], "NORM")
        worst = max(
            together, key=lambda p: (own[p] - max(f[p] for f in fair)) if facts.exported.get(p) else 0
        )
        most = max(f[worst] for f in fair)
        if facts.exported.get(worst) and own[worst] - most > tally.param("points") * consumed:
            tally.amount(
                subject,
                "low",
                most,
                own[worst],
                facts.uoms.get(material, ""),
                evidence=events[together][:16],
                duty_at_risk=facts.duty_on(material, own[worst] - most),
                explanation=f"By its norm {worst} used far more of {material} than by quantity or value, "
                f"made together with {', '.join(p for p in together if p != worst)}.",
            )
        else:
            tally.clean()


def _fair(facts: Facts, consumed: int, output: dict[str, int]) -> list[dict[str, int]]:
    """The consumption shared by quantity, where units agree, and by value, where prices are known."""
    result = []
    if len({facts.uoms.get(p) for p in output}) == 1:
        result.append(
            allocate_co_products(consumed, [(p, q, Fraction(1)) for p, q in output.items()], "QUANTITY")
        )
    prices: dict[str, Fraction] = {}
    for product in output:
        exports = (x for x in facts.lines_of.get(product, ()) if x.purpose == LineRole.EXPORT)
        price = trade_price(facts, exports)
        if price is not None:
            prices[product] = price
    if len(prices) == len(output) and any(prices.values()):
        result.append(allocate_co_products(consumed, [(p, q, prices[p]) for p, q in output.items()], "VALUE"))
    return result


def p4(facts: Facts, tally: Tally) -> None:
    """A lot has one origin; a part of it is a lot of its own.

    Goods booked into a lot that was already there from elsewhere: received on another declaration line,
    bought inland into an imported lot, made or split off into a lot of something else. The mixture cannot be
    traced by its number any more; joining lots is what MERGE is for. An attempt that the ledger refused
    because the lot was there is evidence too. The difference is what was booked into it.
    """
    first: dict[str, tuple[str, str]] = {}
    mixed: dict[str, list[tuple[int, Event]]] = defaultdict(list)
    for event in facts.events:
        if not event.recorded and event.outcome != Outcome.UNIT_EXISTS:
            continue
        for unit, origin, q in _into(event):
            if not event.recorded or first.setdefault(unit, origin) != origin:
                mixed[unit].append((q, event))
    for unit in sorted(first.keys() | mixed.keys()):
        if unit not in mixed:
            tally.clean()
            continue
        q = sum(amount for amount, _ in mixed[unit])
        uom = facts.lots[unit].uom if unit in facts.lots else ""
        where = facts.replay.created_by.get(unit)
        tally.amount(
            Subject("lot", unit),
            "medium",
            0,
            q,
            uom,
            evidence=[*([where] if where else []), *(e for _, e in mixed[unit])][:16],
            explanation=f"{micro_text(q)} from elsewhere was booked into a lot that was there.",
        )


def _into(event: Event) -> list[tuple[str, tuple[str, str], int]]:
    """Lots that an act makes, with where their goods come from."""
    lots = [leg for leg in event.legs if leg.thing == Thing.LOT]
    if event.kind == Kind.RECEIVE_FACTORY:
        return [(x.unit, ("line", event.line), x.quantity_micro) for x in lots]
    if event.kind in (Kind.RECEIVE_DOMESTIC, Kind.OPENING):
        return [(x.unit, (event.kind.name, ""), x.quantity_micro) for x in lots]
    if event.kind == Kind.TRANSFORM:
        made = lot_legs(event, *MADE, LineRole.SCRAP)
        return [(x.unit, ("made", x.code), x.quantity_micro) for x in made]
    if event.kind == Kind.SPLIT:
        parent = next((x.unit for x in lots if x.role == LineRole.INPUT), "")
        return [(x.unit, ("part", parent), x.quantity_micro) for x in lots if x.role != LineRole.INPUT]
    return []


RULES = (
    Rule(
        "P1",
        "1",
        "production",
        "Bill of materials that cannot be exploded",
        "book",
        circular_38("21, 55, 61.3"),
        (),
        {},
        p1,
        ("norms",),
    ),
    Rule(
        "P2",
        "1",
        "production",
        "Rework without end, or beyond what was declared",
        "book",
        circular_38("55.1"),
        (Param("rel", "0.05", "share", "of the rework by which it may differ"),),
        {},
        p2,
        ("norm rows of reworked products",),
    ),
    Rule(
        "P3",
        "2",
        "production",
        "Norm of a co-product that carries its sisters' material",
        "book",
        (*circular_38("55.1"), Law("Decree 134/2016/ND-CP Art. 10.2.dd, 12.2.d", valid_from="2016-09-01")),
        (
            Param(
                "points",
                "0.20",
                "share",
                "of the consumption by which norms may differ from value and quantity",
            ),
        ),
        {},
        p3,
        ("norms of co-products", "prices of export lines"),
    ),
    Rule(
        "P4",
        "1",
        "production",
        "Lot filled from elsewhere",
        "book",
        (Law("Law 54/2014/QH13 Art. 59.1", valid_from="2015-01-01"), *circular_38("60.2.a")),
        (),
        {},
        p4,
    ),
)
