"""Could these exports have been made from these inputs at all? A linear program over time.

Variables are the use of a material for a need at a time, and the slack of each need; the least slack, each
weighed by the whole need of its material, is sought under the stock that had come in by then. scipy's HiGHS
solves it; its dual prices name the materials that bind. HiGHS computes with floats, so its answer is only a
guide: the least slack is then bounded from both sides in exact fractions, from below by the dual prices, from
above by a plan of use that exists. Without substitutes the program falls apart by material, and the exact
answer is a running sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

from scipy.optimize import linprog
from scipy.sparse import coo_array

from ledger.errors import InvariantError
from ledger.vocabulary import MICRO

Series = Sequence[int]
"""Cumulative quantities, one per time step, in micro-units."""
_DENOMINATOR = 10**9
_STEPS = 400
"""A program with substitutes has at most this many time steps; with more, needs are looked at less often,
which can only speak for the enterprise."""


@dataclass(frozen=True, slots=True)
class Programme:
    """A question.

    Attributes:
        need: cumulative need of each material by time step; never falls.
        supply: cumulative stock of each material by time step; never falls.
        may_use: for a material, what may be used for it: material and how much of that does the work of one
            unit, at every step of a set; itself is always there.
    """

    need: Mapping[str, Series]
    supply: Mapping[str, Series]
    may_use: Mapping[str, Sequence[tuple[str, Fraction, frozenset[int]]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What is missing of a material.

    Attributes:
        step: time step at which most was missing by then.
        needed_micro, available_micro: by then; with substitutes, available is what a best plan could use.
        lower: exact proof that at least this much, weighed, is missing over all materials; above zero means
            infeasible.
        binding: materials whose stock binds, by their dual prices.
    """

    material: str
    step: int
    needed_micro: int
    available_micro: int
    lower: Fraction
    binding: tuple[str, ...]

    @property
    def missing_micro(self) -> int:
        """What is missing."""
        return self.needed_micro - self.available_micro


def shortfalls(programme: Programme) -> list[Shortfall]:
    """Every material that was not there when it was needed, by material. Empty: feasible.

    Raises:
        InvariantError: the solver gave no answer.
    """
    result: list[Shortfall] = []
    for part in _components(programme):
        if len(part) == 1 and part[0] in programme.need:
            found = running(part[0], programme.need[part[0]], programme.supply.get(part[0], ()))
            result += [found] if found else []
        elif len(part) > 1:
            result += _Linear(programme, part).solve()
    return sorted(result, key=lambda s: s.material)


def running(material: str, need: Series, supply: Series) -> Shortfall | None:
    """The exact answer for a material without substitutes: the worst step of need less supply."""
    have = list(supply) or [0] * len(need)
    worst = max(range(len(need)), key=lambda k: (need[k] - have[k], -k))
    if need[worst] <= have[worst]:
        return None
    missing = Fraction(need[worst] - have[worst], max(need[-1], 1))
    return Shortfall(material, worst, need[worst], have[worst], missing, (material,))


def _components(programme: Programme) -> list[list[str]]:
    """Materials that share stock through substitutes."""
    parent: dict[str, str] = {m: m for m in (*programme.need, *programme.supply)}

    def top(code: str) -> str:
        while parent[code] != code:
            code = parent[code]
        return code

    for material, others in programme.may_use.items():
        for other, _, _ in others:
            if material in parent and other in parent:
                parent[top(material)] = top(other)
    parts: dict[str, list[str]] = defaultdict(list)
    for code in sorted(parent):
        parts[top(code)].append(code)
    return [parts[key] for key in sorted(parts)]


@dataclass(slots=True)
class _Use:
    """A variable of the program: material `other` for the need of `material` at a step, `rate` per unit."""

    material: str
    other: str
    step: int
    rate: Fraction


class _Linear:
    """The program of materials that share stock, its solution by HiGHS, and the exact bounds on it."""

    def __init__(self, programme: Programme, part: list[str]) -> None:
        every = max((len(need) for need in programme.need.values()), default=0)
        stride = -(-every // _STEPS) or 1
        self.at = [min(k + stride - 1, every - 1) for k in range(0, every, stride)]
        self.supply = {m: [series[k] for k in self.at] for m, series in programme.supply.items()}
        self.need = {m: [need[k] for k in self.at] for m, need in programme.need.items()
                     if m in part and need and need[-1]}
        self.steps = len(self.at)
        self.grown = {m: [b - a for a, b in zip((0, *need), need, strict=False)]
                      for m, need in self.need.items()}
        most = max((need[-1] for need in self.need.values()), default=1)
        self.weight = {m: Fraction(most, need[-1]) for m, need in self.need.items()}
        self.stocks = [m for m in part if m in self.supply]
        self.demands = [(m, k) for m in sorted(self.need) for k in range(self.steps) if self.grown[m][k]]
        self.uses = [_Use(m, other, k, rate) for m, k in self.demands for other, rate, at in
                     ((m, Fraction(1), frozenset(self.at)), *programme.may_use.get(m, ()))
                     if self.at[k] in at and other in self.supply]

    def solve(self) -> list[Shortfall]:
        """Shortfalls of the plan that HiGHS found, with the lower bound that its prices prove."""
        if not self.demands:
            return []
        price, amounts = self.by_highs()
        lower, slack = self.lower_bound(price), self.slack(amounts)
        binding = tuple(sorted(other for other, series in price.items() if any(series)))
        result = []
        for material in sorted(self.need):
            missing = list(accumulate(slack.get((material, k), 0) for k in range(self.steps)))
            if missing[-1]:
                step = missing.index(missing[-1])
                needed = self.need[material][step]
                result.append(Shortfall(
                    material, self.at[step], needed, needed - missing[-1], lower, binding))
        return result

    def by_highs(self) -> tuple[dict[str, list[Fraction]], list[int]]:
        """Dual price of each stock at each step, and the amount (micro-units) of each use."""
        limit = {(m, k): len(self.demands) + i for i, (m, k) in enumerate(
            (m, k) for m in self.stocks for k in range(self.steps))}
        cover = {demand: i for i, demand in enumerate(self.demands)}
        cells: list[tuple[int, int, float]] = []
        for j, use in enumerate(self.uses):
            cells.append((cover[use.material, use.step], j, -1.0))
            cells += [(limit[use.other, k], j, float(use.rate)) for k in range(use.step, self.steps)]
        cells += [(i, len(self.uses) + i, -1.0) for i in range(len(self.demands))]
        rows, columns, values = zip(*cells, strict=True)
        shape = (len(self.demands) + len(limit), len(self.uses) + len(self.demands))
        bounds = [-self.grown[m][k] / MICRO for m, k in self.demands]
        bounds += [self.supply[m][k] / MICRO for m in self.stocks for k in range(self.steps)]
        costs = [0.0] * len(self.uses) + [float(self.weight[m]) for m, _ in self.demands]
        answer = linprog(costs, A_ub=coo_array((values, (rows, columns)), shape=shape).tocsr(), b_ub=bounds,
                         method="highs")
        if answer.status != 0:
            raise InvariantError(f"the feasibility program was not solved: {answer.message}")
        dual = answer.ineqlin.marginals
        price = {m: [max(Fraction(0), Fraction(-float(dual[limit[m, k]])).limit_denominator(_DENOMINATOR))
                     for k in range(self.steps)] for m in self.stocks}
        return price, [max(0, round(float(x) * MICRO)) for x in answer.x[:len(self.uses)]]

    def lower_bound(self, price: Mapping[str, Sequence[Fraction]]) -> Fraction:
        """Least weighed slack that the prices prove, exactly: whatever they are, weak duality holds.

        A need is worth at most its weight, and at most what the cheapest allowed use for it costs.
        """
        tail = {other: list(accumulate(reversed(series)))[::-1] for other, series in price.items()}
        worth = {(m, k): self.weight[m] for m, k in self.demands}
        for use in self.uses:
            key = (use.material, use.step)
            worth[key] = min(worth[key], use.rate * tail[use.other][use.step])
        total = sum((worth[m, k] * self.grown[m][k] for m, k in self.demands), Fraction(0))
        total -= sum((p * q for other, series in price.items()
                      for p, q in zip(series, self.supply[other], strict=True)), Fraction(0))
        return max(total / MICRO, Fraction(0))

    def slack(self, amounts: Sequence[int]) -> dict[tuple[str, int], int]:
        """What stays uncovered when the uses are followed exactly and never beyond the stock there is.

        What rounding left over is taken from any stock that is still free at the end.
        """
        free = {m: [Fraction(q) for q in self.supply[m]] for m in self.stocks}
        left = {(m, k): Fraction(self.grown[m][k]) for m, k in self.demands}

        def take(use: _Use, most: Fraction) -> None:
            stock = free[use.other]
            there = max(min(stock[use.step:]), Fraction(0))
            part = min(most, left[use.material, use.step], there / use.rate)
            for k in range(use.step, self.steps):
                stock[k] -= part * use.rate
            left[use.material, use.step] -= part

        for use, amount in zip(self.uses, amounts, strict=True):
            if amount:
                take(use, Fraction(amount))
        for use in self.uses:
            if left[use.material, use.step]:
                take(use, left[use.material, use.step])
        return {key: -(-q.numerator // q.denominator) for key, q in left.items() if q}
