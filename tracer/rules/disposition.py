"""Family B, full disposition: every kilogram that came in has an outcome, or is unexplained."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import Kind
from tracer.allocation import allocate
from tracer.currency import money
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.quantity import nearest
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38
from tracer.rules.norm import Consumption, consumption, norms_lacking
from tracer.settlement.exemption import receipts_of


def b6(facts: Facts, tally: Tally) -> None:
    """Everything opened and received is exported, in stock, in process or lawfully disposed of; the rest is
    unexplained, and that part customs taxes.

    Per material: what stood in stock, in process and inside finished goods at the beginning, and what was
    received, is held against what is inside goods exported, sold or otherwise gone (by the declared norm,
    which holds scrap and process loss), stock at the end as it was counted (by the books where nobody
    counted), work in progress, and material re-exported, repurposed, destroyed or otherwise issued. Less
    explained than came in: unexplained, with the duty on it by the import lines that the book's allocation
    policy picks. More explained than came in: a norm is too high or a receipt was not recorded. A material
    flagged KXDDM has no norm, so nothing can be worked out for it.
    """
    sums = consumption(facts)
    came = came_in(facts)
    left = unexplained(facts, sums)
    for material in sums.materials:
        if not facts.is_material(material):
            continue
        subject = Subject("material", material)
        lacking = norms_lacking(facts, material)
        if lacking:
            tally.missing(subject, *lacking)
            continue
        _report(facts, tally, material, nearest(came.get(material, Fraction(0))), nearest(left[material]))


def unexplained(facts: Facts, sums: Consumption) -> dict[str, Fraction]:
    """What has no outcome, per material, exact micro-units: used beyond norms, or not found by a count."""
    taken = uncounted(facts)
    result = {m: sums.real.get(m, Fraction(0)) - sums.theoretical.get(m, Fraction(0))
              + taken.get(("material", m), 0) for m in sums.materials}
    for (product, material), norm in base_norms(facts).items():
        if material in result:
            result[material] += norm * (taken.get(("product", product), 0) + taken.get(("semi", product), 0))
    return result


def _report(facts: Facts, tally: Tally, material: str, came: int, unexplained: int) -> None:
    uom = facts.uoms.get(material, "")
    tolerance = tally.tol(came, uom, "rel")
    if not tolerance.exceeded(unexplained):
        tally.clean()
        return
    severity: Severity = "high" if unexplained > 0 else "medium"
    least, most, policy = duty_range(facts, material, unexplained)
    words = f"Unexplained; duty on it between {money(least, facts.currency)} and " \
            f"{money(most, facts.currency)}, by {facts.book.allocation} {money(policy, facts.currency)}." \
        if policy is not None else "Unexplained; the duty on it is not known."
    counts = [facts.by_id[c.event] for take in facts.stock_takes if take.code == material
              for c in take.counts if c.event in facts.by_id]
    norms = {n.declared_by for n in facts.book.norms if n.material == material}
    moved = [e for e in facts.events if e.recorded and e.kind in (Kind.RECEIVE_FACTORY, Kind.TRANSFORM)
             and any(leg.code == material for leg in e.legs)]
    tally.amount(
        Subject("material", material), severity, came, came - unexplained, uom, tolerance=tolerance,
        duty_at_risk=policy if unexplained > 0 else None,
        evidence=([e for e in facts.events if e.id in norms] + counts + moved)[:16],
        explanation=words if unexplained > 0 else
        "More is accounted for than came in: a norm is too high, or a receipt was not recorded.")


def uncounted(facts: Facts) -> dict[tuple[str, str], int]:
    """What the books say is there and the count did not find, by kind of stock and code.

    Work in progress is left out: consumption already takes what was counted of it.
    """
    result: dict[tuple[str, str], int] = defaultdict(int)
    for take in facts.stock_takes:
        if not take.missing and take.stock != "wip":
            result[take.stock, take.code] += take.expected_micro - take.counted_micro
    return dict(result)


def base_norms(facts: Facts) -> dict[tuple[str, str], Fraction]:
    """Base materials of one unit: as declared; of semi-finished goods without a norm, as the ledger shows."""
    use = facts.usage
    declared = {p for p, _ in use.base_declared}
    shown = {(p, m): q for (p, m), q in use.base_ledger.items() if p in use.semi and p not in declared}
    return {**shown, **use.base_declared}


def came_in(facts: Facts) -> dict[str, Fraction]:
    """Opened, received and inside opened or returned products, per material."""
    result: dict[str, Fraction] = defaultdict(Fraction)
    books = facts.accounts
    returned: dict[str, int] = defaultdict(int)
    for (code, _), row in books.wip.items():
        result[code] += row["opening"]
        returned[code] += row["returned"]
    for (code, _), row in books.materials.items():
        result[code] += row["opening"] + row["received"]
    for code, q in returned.items():
        result[code] -= q if any(key[0] == code for key in books.materials) else 0
    made = facts.usage.output
    held: dict[str, int] = defaultdict(int)
    for (code, _), row in (*books.products.items(), *books.semi_finished.items()):
        held[code] += row["opening"]
        held[code] += row["received"] - made.get(code, 0) if "received" in row.columns else 0
    for (product, material), norm in base_norms(facts).items():
        result[material] += norm * max(0, held.get(product, 0))
    return dict(result)


def duty_range(facts: Facts, material: str, quantity: int) -> tuple[str, str, str | None]:
    """Least and most duty that a quantity of a material can carry, and by the policy of the book."""
    receipts = [r for r in receipts_of(facts, material) if r.duty_per_unit is not None]
    average = facts.duty_on(material, quantity)
    if not receipts or average is None or quantity <= 0:
        return "0", "0", average
    lines = {r.line: r.duty_per_unit for r in receipts if r.duty_per_unit is not None}
    rates = list(lines.values())
    policy = average
    if facts.book.allocation != "SPECIFIC":
        parts = allocate(facts.book.allocation, receipts, quantity)
        policy = str(nearest(sum((q * lines[line] for line, q in parts.items()), Fraction(0))))
    return str(nearest(min(rates) * quantity)), str(nearest(max(rates) * quantity)), policy


RULES = (
    Rule("B6", "3", "balance", "Every kilogram has an outcome", "book",
         (Law("Law 54/2014/QH13 Art. 59.1", valid_from="2015-01-01"), *circular_38("60.2.a"),
          Law("Decree 169/2026/ND-CP Art. 10.1.d, 10.2", valid_from="2026-07-01")),
         (Param("rel", "0.005", "share", "of what came in, that may stay unexplained"),),
         {"N2": "what was used beyond the norm shows in the ledger's norm"}, b6,
         ("norms", "a stock-take of the period", "value and duty rate of import lines")),
)
