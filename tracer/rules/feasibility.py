"""Family X, feasibility: exports that no amount of work could have made from what there was."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction

from ledger.vocabulary import Balance, Kind, Origin
from tracer.facts import Facts
from tracer.feasibility import Programme, Shortfall, shortfalls
from tracer.moment import iso_day
from tracer.quantity import nearest
from tracer.rules.core import Law, Rule, Subject, Tally, circular_38

Flow = tuple[int, int]
"""(moment in ms, change in micro-units)"""
_BOUGHT = frozenset({Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC})
_ELSEWHERE = frozenset({Kind.REEXPORT, Kind.UNLOAD, Kind.REPURPOSE, Kind.SELL_INLAND, Kind.DESTROY,
                        Kind.TRANSFER, Kind.ADJUST})
"""What takes raw material out of the book otherwise than into production."""


def x2(facts: Facts, tally: Tally) -> None:
    """Could these exports have been made from these inputs at all, even with no record of production?

    At every moment the material that the declared norms put into all products exported by then, less those
    returned and those that stood finished at the beginning, is at most what had come in by then: opening
    stock, opening work in progress and semi-finished goods, imports and purchases, less what was re-exported,
    repurposed, sold, destroyed or handed on. Where registered substitutes may stand for a material, the best
    plan of use is sought by a linear program (HiGHS); its dual prices name the materials that bind, and its
    verdict counts only with an exact proof: prices that prove something is missing, and the quantity missing
    in the best plan. Of attempts to export that the ledger refused, the largest of a product counts.

    Inflows count from the earliest and exports from the latest moment that the clocks allow. The finding
    states, for the worst moment, what the exports needed and what there was.
    """
    demand, lacking = _demand(facts)
    for product in sorted(lacking):
        tally.missing(Subject("product", product), f"norm of {product}")
    needs: dict[str, list[tuple[int, Fraction]]] = defaultdict(list)
    for (product, material), norm in facts.usage.base_declared.items():
        flag = facts.usage.flags.get((product, material))
        if flag != "KXDDM":
            needs[material] += [(at, norm * q) for at, q in demand.get(product, ())]
    needs = {m: flows for m, flows in needs.items() if flows}
    steps = sorted({at for flows in needs.values() for at, _ in flows})
    unknown = {n.material for n in facts.unconverted}
    supply = _supply(facts)
    need = {m: [nearest(q) for q in _at(flows, steps)] for m, flows in needs.items() if m not in unknown}
    stock = {m: [nearest(q) for q in _kept(flows, steps)] for m, flows in supply.items()}
    for material in need:
        stock.setdefault(material, [0] * len(steps))
    found = {s.material: s for s in shortfalls(Programme(need, stock, _substitutes(facts, steps)))}
    for material in sorted(set(needs) | unknown):
        subject = Subject("material", material)
        if material in unknown:
            tally.missing(subject, f"factor for a norm on {material}")
            continue
        short = found.get(material)
        tolerance = tally.tol(need[material][-1], facts.uoms.get(material, ""))
        if short is None or not short.lower or not tolerance.exceeded(short.missing_micro):
            tally.clean()
            continue
        _report(facts, tally, short, steps[short.step])


def _report(facts: Facts, tally: Tally, short: Shortfall, at_ms: int) -> None:
    uom = facts.uoms.get(short.material, "")
    products = {p for p, m in facts.usage.base_declared if m == short.material}
    exports = [e for e in facts.events if e.kind == Kind.EXPORT_LOAD
               and e.occurred.start_ms <= at_ms and any(leg.code in products for leg in e.legs)]
    norms = {n.declared_by for n in facts.book.norms if n.material == short.material}
    tally.amount(
        Subject("material", short.material), "critical", short.available_micro, short.needed_micro, uom,
        tolerance=tally.tol(short.needed_micro, uom),
        duty_at_risk=facts.duty_on(short.material, short.missing_micro),
        evidence=[*[e for e in facts.events if e.id in norms][:4], *exports[-12:]],
        explanation=f"Exports up to {iso_day(at_ms, facts.book.offset)} need more than had come in by then; "
                    f"binding: {', '.join(short.binding) or short.material}.")


def _demand(facts: Facts) -> tuple[dict[str, list[Flow]], set[str]]:
    """What had to be made of each product for its exports, over time; and products without a norm."""
    u = facts.book.clock_uncertainty_ms
    stocks: dict[str, list[Flow]] = defaultdict(list)
    exports: dict[str, list[Flow]] = defaultdict(list)
    for delta in facts.replay.deltas:
        if delta.balance != Balance.FINISHED or delta.lot not in facts.lots:
            continue
        event, code = delta.event, facts.lots[delta.lot].code
        if event.kind == Kind.OPENING:
            stocks[code].append((0, delta.change))
        elif event.occurred.end_ms < facts.book.period.start_ms:
            stocks[code].append((0, delta.change if event.kind not in (Kind.SPLIT, Kind.MERGE) else 0))
        elif event.kind in (Kind.FG_RETURN, Kind.UNLOAD):
            stocks[code].append((event.occurred.start_ms - u, delta.change))
        elif event.kind == Kind.EXPORT_LOAD:
            exports[code].append((event.occurred.end_ms + u, -delta.change))
    for code, flow in _attempts(facts).items():
        exports[code].append(flow)
    result: dict[str, list[Flow]] = {}
    lacking = set()
    normed = {p for p, _ in facts.usage.base_declared}
    for code, flows in exports.items():
        if code not in normed:
            if not facts.is_material(code) and code not in {n.product for n in facts.unconverted}:
                lacking.add(code)
            continue
        result[code] = _made(flows, stocks[code])
    return result, lacking


def _attempts(facts: Facts) -> dict[str, Flow]:
    """The largest refused export of each product: when, and how much of it was not there."""
    result: dict[str, Flow] = {}
    for attempt in facts.replay.attempts:
        event = attempt.event
        if event.kind != Kind.EXPORT_LOAD or event.withdrawn_by or attempt.leg.unit not in facts.lots:
            continue
        code, asked = facts.lots[attempt.leg.unit].code, attempt.leg.quantity_micro
        if asked > result.get(code, (0, 0))[1]:
            result[code] = (event.occurred.end_ms + facts.book.clock_uncertainty_ms, asked)
    return result


def _made(exports: Iterable[Flow], stocks: Iterable[Flow]) -> list[Flow]:
    """Output that exports force, by the moment of the export: those from opening stock or returns need none.
    """
    flows = sorted([(at, 0, q) for at, q in stocks] + [(at, 1, -q) for at, q in exports])
    running = forced = 0
    result = []
    for at, _, change in flows:
        running += change
        if -running > forced:
            result.append((at, -running - forced))
            forced = -running
    return result


def _supply(facts: Facts) -> dict[str, list[tuple[int, Fraction]]]:
    """What came into the book of each base material, and left it otherwise than through production."""
    u, began = facts.book.clock_uncertainty_ms, facts.book.period.start_ms
    result: dict[str, list[tuple[int, Fraction]]] = defaultdict(list)
    for delta in facts.replay.deltas:
        event = delta.event
        if delta.balance is not Balance.RAW and delta.balance is not Balance.WIP:
            continue
        before = event.occurred.end_ms < began or event.kind is Kind.OPENING
        came = delta.change > 0 and delta.balance is Balance.RAW and event.kind in _BOUGHT
        if not (before or came or event.kind in _ELSEWHERE):
            continue
        lot = facts.lots.get(delta.lot)
        if lot is None:
            continue
        at = 0 if before else event.occurred.start_ms - u if delta.change > 0 else event.occurred.end_ms + u
        if lot.origin != Origin.OWN:
            result[lot.code].append((at, Fraction(delta.change)))
        elif before:
            for material, norm in _composition(facts, lot.code).items():
                result[material].append((at, norm * delta.change))
    return result


def _composition(facts: Facts, semi: str) -> dict[str, Fraction]:
    """Base materials in one unit of a semi-finished code: declared, else as the ledger shows."""
    for norms in (facts.usage.base_declared, facts.usage.base_ledger):
        found = {m: q for (p, m), q in norms.items() if p == semi}
        if found:
            return found
    return {}


def _at(flows: list[tuple[int, Fraction]], steps: list[int]) -> list[Fraction]:
    """Sum of the flows up to each step."""
    ordered = sorted(flows)
    moments, sums = [at for at, _ in ordered], [Fraction(0)]
    for _, q in ordered:
        sums.append(sums[-1] + q)
    return [sums[bisect_right(moments, step)] for step in steps]


def _kept(flows: list[tuple[int, Fraction]], steps: list[int]) -> list[Fraction]:
    """Stock that may have been used by each step: what left later otherwise cannot have been used before."""
    end = max((at for at, _ in flows), default=0)
    last = max([end, *steps])
    moments = sorted({*steps, *(at for at, q in flows if q < 0), last})
    sums = dict(zip(moments, _at(flows, moments), strict=True))
    least: dict[int, Fraction] = {}
    lowest: Fraction | None = None
    for at in reversed(moments):
        lowest = sums[at] if lowest is None else min(lowest, sums[at])
        least[at] = max(lowest, Fraction(0))
    return [least[step] for step in steps]


def _substitutes(facts: Facts, steps: list[int]
                 ) -> dict[str, list[tuple[str, Fraction, frozenset[int]]]]:
    """For each material of a registered group, the others of the group, how much of each does the work of one
    unit, and at which steps.
    """
    result: dict[str, list[tuple[str, Fraction, frozenset[int]]]] = defaultdict(list)
    groups = facts.book.groups or ()
    for one in groups:
        for other in groups:
            if one.group != other.group or one.code == other.code or other.ratio <= 0:
                continue
            at = frozenset(k for k, step in enumerate(steps) if all(
                (m.valid_from is None or m.valid_from.start_ms <= step)
                and (m.valid_to is None or step <= m.valid_to.end_ms) for m in (one, other)))
            result[one.code].append((other.code, one.ratio / other.ratio, at))
    return dict(result)


RULES = (
    Rule("X2", "1", "export", "Exports that the inputs cannot have made", "book",
         (Law("Decree 134/2016/ND-CP Art. 10.2.dd, 12.2.d", valid_from="2016-09-01"), *circular_38("60.2.a"),
          Law("Decree 169/2026/ND-CP Art. 15.1.d, dd", valid_from="2026-07-01")), (),
         {"N1": "a norm so high that it needs more than came in lies far above real use",
          "N6": "such a norm claims more exemption than was used",
          "B6": "such a norm accounts for more than came in",
          "N2": "and is not the ledger's"}, x2,
         ("norms", "registered substitutes (groups), where any stand for others")),
)
