"""Structures of production in exact figures: rework loops, co-products, tanks (domain reference 7.9: P2, P3,
P5).

Pure functions for rules and settlement; every quantity is an integer of micro-units or an exact fraction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from ledger.errors import InputError
from tracer.quantity import largest_remainder

RESIDUE = "residue"
"""Source under which a tank keeps shares too small to be carried by name."""
_TINY = Fraction(1, 10**9)

CoProductPolicy = Literal["QUANTITY", "VALUE", "NORM"]


def starts_needed(loop: Mapping[tuple[str, str], Fraction], demand: Mapping[str, Fraction]
                  ) -> dict[str, Fraction]:
    """Throughput of each stage that a demand needs when part of the output goes back: x = (I - A)⁻¹ b (P2).

    Material is counted once: what goes round again is no new import.

    Args:
        loop: share of one unit of a stage's throughput (second) that comes back as work of a stage (first).
        demand: what each stage must deliver.

    Raises:
        InputError: a share below zero, or a loop that never ends: as much or more comes back as goes in.
    """
    if any(share < 0 for share in loop.values()):
        raise InputError("a share that is reworked is below zero.")
    stages = sorted({s for pair in loop for s in pair} | set(demand))
    n = len(stages)
    rows = [[Fraction(i == j) - loop.get((stages[i], stages[j]), Fraction(0)) for j in range(n)]
            + [demand.get(stages[i], Fraction(0))] for i in range(n)]
    for i in range(n):
        # I - A of non-negative shares has an inverse without negative entries exactly when elimination
        # meets positive pivots alone: then the spectral radius of A is below one.
        if rows[i][i] <= 0:
            raise InputError(f"the rework of {stages[i]} never ends: as much comes back as goes in.",
                             remedy="Correct the shares that are reworked.")
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for k in range(n):
            if k != i and rows[k][i]:
                rows[k] = [x - rows[k][i] * y for x, y in zip(rows[k], rows[i], strict=True)]
    return {stage: rows[i][n] for i, stage in enumerate(stages)}


def allocate_co_products(consumed_micro: int, outputs: Sequence[tuple[str, int, Fraction]],
                         policy: CoProductPolicy) -> dict[str, int]:
    """What each co-product used of a consumption; adds up to it exactly, by largest remainders (P3).

    Args:
        consumed_micro: what was consumed together.
        outputs: code, quantity (micro-units, one unit of measure for QUANTITY) and, for VALUE, the value of
            one unit at split-off; for NORM, the norm of one unit.
        policy: QUANTITY shares by quantity; VALUE by relative value; NORM by norm times quantity (Vietnam).

    Raises:
        InputError: nothing to share by.
    """
    weights = [Fraction(q) * (1 if policy == "QUANTITY" else rate) for _, q, rate in outputs]
    total = sum(weights, Fraction(0))
    if total <= 0:
        raise InputError(f"the co-products have no {policy.lower()} to share by.")
    parts = largest_remainder([consumed_micro * w / total for w in weights], consumed_micro)
    return {code: part for (code, _, _), part in zip(outputs, parts, strict=True)}


def less_valuable_waste(used_micro: int, unit_value: Fraction, waste_value: Fraction) -> Fraction:
    """Material eligible for US drawback "used in, less valuable waste": the quantity that the waste's value
    would replace is taken off (19 CFR 190.23).

    Args:
        used_micro: what was used. unit_value: value of one unit of it. waste_value: of all waste.

    Raises:
        InputError: the material has no value.
    """
    if unit_value <= 0:
        raise InputError("the material has no value, so valuable waste replaces no quantity of it.")
    return max(Fraction(0), used_micro - waste_value * 1_000_000 / unit_value)


@dataclass(slots=True)
class Tank:
    """A tank, silo or bin: what was poured in from several sources is one mixture (P5).

    Attributes:
        content: exact micro-units by source. A heel or line-fill is a source like any other.
    """

    content: dict[str, Fraction] = field(default_factory=dict)

    @property
    def level(self) -> Fraction:
        """All that is in it."""
        return sum(self.content.values(), Fraction(0))

    def add(self, source: str, quantity: Fraction | int) -> None:
        """Pour in.

        Raises:
            InputError: less than nothing.
        """
        if quantity < 0:
            raise InputError(f"{quantity} cannot be poured into a tank.")
        self.content[source] = self.content.get(source, Fraction(0)) + quantity

    def draw(self, quantity: Fraction | int) -> dict[str, Fraction]:
        """Take a quantity out in proportion to what is in it (policy MIX); a loss is a draw too.

        Shares below 10⁻⁹ of the draw go to `RESIDUE`, so that totals match.

        Raises:
            InputError: more than there is, or less than nothing.
        """
        level = self.level
        if quantity < 0 or quantity > level:
            raise InputError(f"{quantity} cannot be drawn from a tank that holds {level}.")
        if not quantity:
            return {}
        taken: dict[str, Fraction] = {}
        for source, q in self.content.items():
            part = q * quantity / level
            name = source if part / quantity >= _TINY else RESIDUE
            taken[name] = taken.get(name, Fraction(0)) + part
            self.content[source] = q - part
        self.content = {source: q for source, q in self.content.items() if q}
        return taken
