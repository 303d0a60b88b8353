"""Family N: what production should have used against what it did, and what is claimed for it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

from ledger.vocabulary import Kind
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.quantity import nearest, ratio_text
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38
from tracer.settlement.exemption import exempt_materials
from tracer.tolerance import Tolerance


def n1(facts: Facts, tally: Tally) -> None:
    """Consumption that the declared norms imply is compared with what production really took.

    Per material: theoretical consumption is the norm in force when a product was made, times the output,
    over all products (output, not exports, or growing finished stock would look like theft). Real
    consumption is issued less returned less the change of work in progress; where a count states what is on
    the line at the end, of the lots that it names or of the code, that is used. The residual over theoretical
    consumption warns at 5 % and is severe at 20 %. Above zero, more was issued than the norms explain:
    material may have been diverted. Below zero the norms are too high: the commonest way to cover a
    diversion, since a padded norm explains away what was sold. Semi-finished goods without a norm of their
    own carry their materials forward to the product. A co-product without a norm counts as part of its main
    product. Of materials in a registered group of substitutes the norms count in the mix that production
    took, by the ratios of the group.
    """
    sums = consumption(facts)
    for material in sums.materials:
        _n1_material(facts, tally, material, sums.theoretical.get(material, Fraction(0)),
                     sums.real.get(material, Fraction(0)))


@dataclass(slots=True)
class Consumption:
    """Per material what the norms imply and what production took; `materials` are those to be compared."""

    theoretical: dict[str, Fraction]
    real: dict[str, Fraction]
    materials: list[str]


def consumption(facts: Facts) -> Consumption:
    """Theoretical and real consumption of the period, semi-finished goods without a norm carried forward."""
    use = facts.usage
    theoretical: dict[str, Fraction] = defaultdict(Fraction)
    for (product, material), norm in use.declared.items():
        if use.flags.get((product, material)) != "KXDDM":
            theoretical[material] += norm * use.output.get(product, 0)
    skip = {m for (_, m), flag in use.flags.items() if flag == "KXDDM"}
    carried = {s for s in use.semi if not any(p == s for p, _ in use.declared)}
    real: dict[str, Fraction] = dict(use.net)
    for (product, material), used in use.used.items():
        if product in carried:
            real[material] = real.get(material, Fraction(0)) - used
        if material in carried and product not in carried:
            for (semi, base), norm in use.base_ledger.items():
                if semi == material:
                    real[base] = real.get(base, Fraction(0)) + used * norm
    return Consumption(theoretical, real, sorted((set(real) | set(theoretical)) - skip - carried))


def norms_lacking(facts: Facts, material: str) -> list[str]:
    """What is missing for the consumption of a material to be compared with norms."""
    use = facts.usage
    opened = sorted({semi for (p, semi) in use.used if (p, material) in use.declared
                     and semi not in use.output and (p, semi) not in use.declared
                     and not facts.is_material(semi)})
    orphans = sorted(
        p for (p, m), used in use.used.items() if m == material and used and p in use.without_norm)
    unknown = sorted({n.product for n in facts.unconverted if n.material == material})
    return [*(f"norm of {p} in force when it was made" for p in orphans),
            *(f"composition of opening stock of {semi}" for semi in opened),
            *(f"factor for the norm of {p} on {material}" for p in unknown)]


def _n1_material(facts: Facts, tally: Tally, material: str, theoretical: Fraction, real: Fraction) -> None:
    use = facts.usage
    subject = Subject("material", material)
    lacking = norms_lacking(facts, material)
    if lacking:
        tally.missing(subject, *lacking)
        return
    if not theoretical:
        if real:
            tally.missing(subject, f"a norm that names {material}")
        return
    ratio = (real - theoretical) / theoretical
    warn, severe = tally.param("warn"), tally.param("severe")
    floor = tally.tol(nearest(theoretical), facts.uoms.get(material, ""))
    if abs(ratio) <= warn or not floor.exceeded(nearest(real - theoretical)):
        tally.clean()
        return
    severity: Severity = "high" if abs(ratio) > severe else "medium"
    direction = "more was issued than the norms explain" if ratio > 0 else \
        "the declared norms are higher than what production took"
    evidence = [e for e in facts.events if e.recorded and e.kind == Kind.TRANSFORM and any(
        leg.code == material for leg in e.legs)]
    norms = {n.declared_by for n in facts.book.norms if n.material == material}
    evidence = [e for e in facts.events if e.id in norms] + evidence
    tally.amount(
        subject, severity, nearest(theoretical), nearest(real), facts.uoms.get(material, ""),
        tolerance=Tolerance(nearest(theoretical * warn), "relative"), evidence=evidence[:16],
        duty_at_risk=facts.duty_on(material, nearest(real - theoretical)),
        explanation=f"Residual {ratio_text(ratio * 100, 2)} % of theoretical consumption: {direction} "
                    f"(work in progress {use.wip_source.get(material, 'ledger')}).")


def n6(facts: Facts, tally: Tally) -> None:
    """The exemption claimed is compared with what was actually used in products that left.

    The law exempts what was actually used in what was actually exported. Claimed is the claim supplied,
    else the declared norm times confirmed exits less returns (in a book with another yield basis than the
    Vietnamese norm: what that basis gives, which is what its papers claim). Allowed is the same with the
    smaller of the declared norm and the norm that the ledger shows, times the imported share of the material:
    under SPECIFIC that of the lots that went into what left, else that of all that was issued. What is
    claimed beyond that is dutiable.
    """
    if facts.unconverted:
        for norm in facts.unconverted:
            tally.missing(Subject("material", norm.material),
                          f"factor for the norm of {norm.product} on {norm.material}")
        return
    missing = {p for p in facts.usage.without_norm if facts.exported.get(p)}
    for product in sorted(missing):
        tally.missing(Subject("product", product), f"norm of {product}")
    for material, total in exempt_materials(facts).items():
        tolerance = tally.tol(total.exempt_micro, total.uom, "rel")
        if total.over_claimed_micro <= tolerance.value_micro:
            tally.clean()
            continue
        norms = {n.declared_by for n in facts.book.norms if n.material == material}
        exits = [e for e in facts.events if e.recorded and e.kind == Kind.EXIT_CONFIRM]
        tally.amount(
            Subject("material", material), "high", total.exempt_micro, total.claimed_micro, total.uom,
            tolerance=tolerance, duty_at_risk=facts.duty_on(material, total.over_claimed_micro),
            evidence=([e for e in facts.events if e.id in norms] + exits)[:16],
            explanation=f"Claimed beyond what exported goods really used "
                        f"(imported share {ratio_text(total.imported_share)}).")


RULES = (
    Rule("N1", "3", "norm", "Consumption against norms", "book", circular_38("55"),
         (Param("warn", "0.05", "share",
                "residual over theoretical consumption that warns (practitioner's default)"),
          Param("severe", "0.20", "share", "residual that is severe (practitioner's default)")),
         {"N6": "a norm above real use claims more exemption than was used",
          "B6": "what the norms do not explain has no outcome",
          "N2": "the norm of a product is off by as much"}, n1, ("norms",)),
    Rule("N6", "4", "norm", "Exemption claimed beyond what was used", "book",
         (Law("Decree 134/2016/ND-CP Art. 10.2.dd, 12.2.d", valid_from="2016-09-01"), *circular_38("55"),
          Law("Decree 169/2026/ND-CP Art. 10.1.dd, 10.2", valid_from="2026-07-01")),
         (Param("rel", "0.005", "share", "relative tolerance of the claim"),), {}, n6,
         ("norms", "claims, where more or less than the declared norm is claimed")),
)
