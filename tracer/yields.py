"""Yield bases: by which arithmetic a product that left accounts for the material it was made of.

Vietnam knows the actual norm; other laws measure otherwise (domain reference section 5). The formulas are
plain functions; `unit_use` applies the book's basis to its TRANSFORMs of the period and gives material per
unit of product, rolled up to base materials, for the exemption statement and the attributions. All exact.

Where the reference is silent: a run's scrap belongs to the input of its own code, else it is shared by the
inputs of its unit of measure; a product not made in the period takes its declared norm; the value of a unit
of product is that of its export lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from ledger.errors import InputError
from ledger.vocabulary import MICRO, Kind, LineRole
from tracer.currency import line_value
from tracer.norms import Edge, Pair, base_needs
from tracer.production import less_valuable_waste
from tracer.usage import MADE, lot_legs, shares

if TYPE_CHECKING:
    from tracer.book import Event, Norm
    from tracer.facts import Facts

BASES: dict[str, str] = {
    "VN_NORM": "actual norm, or what the ledger shows where that is less (Vietnam)",
    "CN_NET_LOSS": "net consumption / (1 - loss rate), both declared (China)",
    "EU_RATE_OF_YIELD": "rate of yield: output per unit of input, losses first taken off the input (EU, UK)",
    "US_USED_IN": "all that was used (19 CFR 190.23; no waste, or none of value)",
    "US_LESS_VALUABLE_WASTE": "used, less the quantity that the value of the waste would replace",
    "US_RELATIVE_VALUE": "used, shared among co-products by their value at separation",
    "US_APPEARING_IN": "what is in the product: used, less scrap and loss; not with co-products",
}
"""Every basis, and what it counts."""


def unit_consumption(net: Fraction, loss_rate: Fraction) -> Fraction:
    """China: net consumption grossed up by the process loss rate.

    Raises:
        InputError: a loss rate below zero, or of one or more (nothing would be left).
    """
    if not 0 <= loss_rate < 1:
        raise InputError(f"a process loss rate of {loss_rate} is not from 0 to below 1.",
                         remedy="Write the share of what is used: 0.03 is 3 %.")
    return net / (1 - loss_rate)


def gross(norm: Norm, basis: str) -> Fraction:
    """A declared norm with process loss, as production takes it: under CN_NET_LOSS it is declared without."""
    rate = norm.loss_rate or Fraction(0)
    return unit_consumption(norm.norm, rate) if basis == "CN_NET_LOSS" and 0 <= rate < 1 else norm.norm


def rate_of_yield(output: Fraction, put_in: Fraction, losses: Fraction) -> Fraction:
    """EU and UK: processed product per unit of goods put in, evaporation and other losses first taken off.

    Raises:
        InputError: nothing is left of the input.
    """
    if put_in - losses <= 0:
        raise InputError("a rate of yield needs input beyond the losses.")
    return output / (put_in - losses)


def appearing_in(used: Fraction, scrap: Fraction, losses: Fraction) -> Fraction:
    """US: what of a material is in the product."""
    return max(Fraction(0), used - scrap - losses)


@dataclass(slots=True)
class Run:
    """One TRANSFORM by code, micro-units.

    Attributes:
        inputs, scrap, loss: by input code.
        outputs: by product code, co-products and semi-finished goods with it.
        waste: by scrap code.
    """

    event: Event
    inputs: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    outputs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    scrap: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    loss: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    waste: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def joint(self) -> bool:
        """Whether several products came of it."""
        return len(self.outputs) > 1


def runs(facts: Facts) -> list[Run]:
    """The TRANSFORMs of the period."""
    book, result = facts.book, []
    for event in facts.of_kinds(Kind.TRANSFORM):
        if not book.period.start_ms <= event.occurred.start_ms <= book.period.end_ms:
            continue
        run, uoms = Run(event), dict[str, str]()
        for leg in lot_legs(event, LineRole.INPUT):
            run.inputs[leg.code] += leg.quantity_micro
            uoms[leg.code] = leg.uom
        for leg in lot_legs(event, *MADE):
            run.outputs[leg.code] += leg.quantity_micro
        for leg in lot_legs(event, LineRole.SCRAP):
            run.waste[leg.code] += leg.quantity_micro
            alike = [leg.code] if leg.code in uoms else [c for c, u in uoms.items() if u == leg.uom]
            total = sum((run.inputs[c] for c in alike), Fraction(0))
            for code in alike:
                run.scrap[code] += leg.quantity_micro * run.inputs[code] / total if total else Fraction(0)
        for loss in event.loss:
            if uoms.get(loss.code) == loss.uom:
                run.loss[loss.code] += loss.quantity_micro
        result.append(run)
    return result


def unit_use(facts: Facts) -> dict[Pair, Fraction]:
    """Material per unit of product by the book's yield basis, in base materials.

    Raises:
        InputError: an unknown basis, or one that lacks what it needs (a value, a run without co-products).
    """
    basis, use = facts.book.yield_basis, facts.usage
    if basis not in BASES:
        raise InputError(f"{basis!r} is no yield basis.", remedy=f"Choose one of {', '.join(BASES)}.")
    if basis == "VN_NORM":
        return {pair: _smaller(facts, pair) for pair in {*use.base_declared, *use.base_ledger}}
    if basis == "CN_NET_LOSS":
        for norm in facts.book.norms:
            unit_consumption(norm.norm, norm.loss_rate or Fraction(0))  # or says what is wrong with it
        return _rolled_up(_declared(facts))
    used: dict[Pair, Fraction] = defaultdict(Fraction)
    for run in facts.runs:
        for code, quantity in run.inputs.items():
            counted = _counted(facts, basis, run, code, quantity)
            for product, share in _shared(facts, basis, run, code).items():
                if product != code:  # what is made again holds its material already
                    used[product, code] += counted * share
    bill: dict[str, list[Edge]] = defaultdict(list)
    for (product, material), quantity in sorted(used.items()):
        bill[product].append(Edge(material, quantity / use.output[product]))
    for product, edges in _declared(facts).items():
        if not use.output.get(product):
            bill[product] = edges
    return _rolled_up(bill)


def _smaller(facts: Facts, pair: Pair) -> Fraction:
    declared = facts.usage.base_declared.get(pair, Fraction(0))
    ledger = facts.usage.base_ledger.get(pair)
    if ledger is None:
        return Fraction(0) if facts.usage.output.get(pair[0]) else declared
    return min(declared, ledger)


def _declared(facts: Facts) -> dict[str, list[Edge]]:
    """Declared norms as bills; under CN_NET_LOSS the book's facts have them with their loss."""
    bill: dict[str, list[Edge]] = defaultdict(list)
    for product, material in facts.usage.in_bill():
        bill[product].append(Edge(material, facts.usage.declared[product, material]))
    return bill


def _rolled_up(bill: Mapping[str, list[Edge]]) -> dict[Pair, Fraction]:
    return {(product, material): quantity for product in sorted(bill)
            for material, quantity in base_needs(bill, product).items()}


def _counted(facts: Facts, basis: str, run: Run, code: str, quantity: Fraction) -> Fraction:
    """What of a run's input the basis counts."""
    if basis == "EU_RATE_OF_YIELD":
        return 1 / rate_of_yield(Fraction(1), quantity, run.loss[code])
    if basis == "US_APPEARING_IN":
        if run.joint:
            raise InputError(f"US_APPEARING_IN is not for co-products; {run.event.id} made "
                             f"{', '.join(sorted(run.outputs))}.", remedy="Choose US_RELATIVE_VALUE.")
        return appearing_in(quantity, run.scrap[code], run.loss[code])
    if basis == "US_LESS_VALUABLE_WASTE" and run.scrap[code]:
        return less_valuable_waste(int(quantity), _unit_value(facts, code), _waste_value(facts, run, code))
    return quantity


def _unit_value(facts: Facts, code: str) -> Fraction:
    """Customs value of one unit of a material over its import lines, in `Facts.currency`."""
    value = _mean_value(facts, code, LineRole.RECEIVE, facts.currency)
    if value is None:
        raise InputError(f"no import line states a value of {code}.",
                         remedy="Add the value to declarations, or choose another yield basis.")
    return value * MICRO


def _mean_value(facts: Facts, code: str, purpose: LineRole, currency: str) -> Fraction | None:
    """Value of a micro-unit over the lines of a code that state one; None where none does.

    Raises:
        InputError: a line in another currency, and no rate of exchange.
    """
    value, quantity = Fraction(0), 0
    for line in facts.lines_of.get(code, ()):
        if line.purpose != purpose or line.value is None or line.cancelled is not None:
            continue
        worth = line_value(facts.book, line, currency)
        if worth is None:
            raise InputError(f"the value of {line.key} is in {line.currency}, those of other lines are not.",
                             remedy=f"Add a row to rates: {line.currency},RATE.")
        value += worth
        quantity += line.quantity_micro
    return value / quantity if quantity else None


def _waste_value(facts: Facts, run: Run, code: str) -> Fraction:
    """Value of the scrap that came of one input of a run."""
    values = facts.book.waste_values
    total = Fraction(0)
    for scrap, quantity in run.waste.items():
        if scrap not in values:
            raise InputError(f"the value of scrap {scrap} is not known.",
                             remedy=f"Add it to book.toml: [waste_value], {scrap} = 0 where it has none.")
        total += values[scrap] * quantity / MICRO
    whole = sum(run.scrap.values(), Fraction(0))
    return total * run.scrap[code] / whole if whole else Fraction(0)


def _shared(facts: Facts, basis: str, run: Run, code: str) -> dict[str, Fraction]:
    """Which product took what share of an input."""
    if basis == "US_RELATIVE_VALUE" and run.joint:
        worth = {p: q * _product_value(facts, p) for p, q in run.outputs.items()}
        total = sum(worth.values(), Fraction(0))
        if total <= 0:
            raise InputError("the co-products have no value to share by.")
        return {p: w / total for p, w in worth.items()}
    by_lot = {leg.unit: leg.code for leg in lot_legs(run.event, *MADE)}
    result: dict[str, Fraction] = defaultdict(Fraction)
    for unit, share in shares(run.event, code, facts.norms).items():
        result[by_lot[unit]] += share
    return result


def _product_value(facts: Facts, product: str) -> Fraction:
    """Value of one unit of a product over its export lines, in the currency that all export lines share."""
    value = _mean_value(facts, product, LineRole.EXPORT, facts.export_currency)
    if value is None:
        raise InputError(f"no export line states a value of {product}.",
                         remedy="Add the value to declarations, or choose another yield basis.")
    return value
