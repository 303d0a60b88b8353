"""What went away on each export line in the period, of what is in the goods, and stayed away.

What left on a line in another period was told of there, and is not what left on it in this one.

Goods that come back are a source of their own in the lineage: they are in a lot again, and a trace tells so.
The exemption asks what they are made of. They hold what they held when they left: what the lot held that the
return names, where that lot left on the line, else what all that left on the line held. So the line loses
exactly what the goods hold that are back, and another line gains it when they leave again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from ledger.vocabulary import Kind, LineRole
from tracer.blend import Portion, Ratio, fractions_of, together
from tracer.graph import Mixture, Source
from tracer.replay import Delta

if TYPE_CHECKING:
    from tracer.facts import Facts

CROSSES = frozenset({Kind.EXIT_CONFIRM, Kind.FG_RETURN})
Held = dict[str, dict[str, list[tuple[Source, Ratio]]]]
"""Sources by line and by their code."""


@dataclass(slots=True)
class Away:
    """What is away by export line.

    Attributes:
        held: what it is made of. quantity: by (line, product code), micro-units.
        came_back: what one unit holds of each source of goods that came back, where that is known.
    """

    held: Held = field(default_factory=dict)
    quantity: dict[tuple[str, str], int] = field(default_factory=dict)
    came_back: dict[str, Mixture] = field(default_factory=dict)


def came_from(facts: Facts) -> dict[str, str]:
    """The export line by return that names another line or none: the one that its line of re-import changes,
    else the only one on which that lot, or that product, had left; else what it names.
    """
    result: dict[str, str] = {}
    by_lot: dict[str, dict[str, None]] = defaultdict(dict)
    by_code: dict[str, dict[str, None]] = defaultdict(dict)
    for delta in facts.replay.deltas:
        event, code = delta.event, facts.lots[delta.lot].code
        if event.kind is Kind.EXIT_CONFIRM:
            by_lot[delta.lot][event.line] = by_code[code][event.line] = None
        elif event.kind is Kind.FG_RETURN:
            line = facts.lines.get(event.line)
            if line is not None and line.purpose != LineRole.EXPORT:
                line = facts.lines.get(line.original)
            if line is not None and line.purpose == LineRole.EXPORT:
                result[event.id] = line.key
            else:
                only = [found for found in (by_lot[delta.lot], by_code[code]) if len(found) == 1]
                result[event.id] = next(iter(only[0])) if only else event.line
    return result


def away(facts: Facts) -> Away:
    """What left by line and source, less what came back."""
    result = Away(facts.left_by_code, facts.ever_left)
    outside = any(not facts.inside(event) for events in facts.exit_events.values() for event in events)
    if outside or facts.of_kinds(Kind.FG_RETURN):
        _CameBack(facts).put_into(result)
    return result


class _CameBack:
    """Mixtures of exits and returns, lot by lot."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.sources = facts.lineage.sources
        self.left: dict[tuple[str, str], int] = defaultdict(int)
        """What ever left by (line, lot)."""
        self.came_of: dict[tuple[str, str], dict[str, int]] = {}
        """The lots that goods are of which came back, and how much of each had left, by (event, lot)."""
        self.crossed: dict[str, list[Delta]] = defaultdict(list)
        """Exits and returns of the period by line."""
        self.at_other_times: set[str] = set()
        """Lines on which goods crossed the border in other periods as well."""
        before: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        for delta in facts.replay.deltas:
            event, lot = delta.event, delta.lot
            line = facts.came_from.get(event.id, event.line)
            gone = before[line, facts.lots[lot].code] if event.kind in CROSSES else {}
            if event.kind is Kind.EXIT_CONFIRM:
                self.left[event.line, lot] -= delta.change
                gone[lot] = self.left[event.line, lot]
            elif event.kind is Kind.FG_RETURN:
                self.came_of[event.id, lot] = {lot: gone[lot]} if lot in gone else dict(gone)
            else:
                continue
            if facts.inside(event):
                self.crossed[line].append(delta)
            else:
                self.at_other_times.add(line)
        self.placed: dict[tuple[str, str], list[Portion]] = {
            (at.line, at.lot): portions
            for at, portions in facts.lineage.placed.items() if at.state == "exported"}

    def put_into(self, result: Away) -> None:
        """Replace what is told of the lines on which goods came back, or left again."""
        result.held, result.quantity = dict(result.held), dict(result.quantity)
        for about in self.sources.values():
            if of := self.came_of.get((about.event, about.lot)):
                result.came_back[about.id] = self.of_one(self.line_of(about), of, frozenset())
        for line, deltas in self.crossed.items():
            again = any(source.kind == "returned" for parts in result.held.get(line, {}).values()
                        for source, _ in parts)
            if not (again or line in self.at_other_times
                    or any(delta.event.kind is Kind.FG_RETURN for delta in deltas)):
                continue
            net: Mixture = defaultdict(Fraction)
            quantity: dict[str, int] = defaultdict(int)
            for delta in deltas:
                quantity[self.facts.lots[delta.lot].code] -= delta.change
                back = delta.event.kind is Kind.FG_RETURN
                of = self.came_of[delta.event.id, delta.lot] if back else {delta.lot: 1}
                for source, q in self.of_one(line, of, frozenset()).items():
                    net[source] -= q * delta.change
            if any(quantity.values()):
                result.held[line] = self.by_code(net)
                result.quantity.update({(line, code): q for code, q in quantity.items()})

    def line_of(self, returned: Source) -> str:
        """The export line that goods came back from."""
        return self.facts.came_from.get(returned.event, returned.name)

    def by_code(self, mixture: Mixture) -> dict[str, list[tuple[Source, Ratio]]]:
        """Sources by their code."""
        found: dict[str, list[tuple[Source, Ratio]]] = defaultdict(list)
        for source, q in mixture.items():
            if q:
                about = self.sources[source]
                found[about.code].append((about, q.as_integer_ratio()))
        return found

    def of_one(self, line: str, lots: Mapping[str, int], asked: frozenset[tuple[str, str]]) -> Mixture:
        """What one unit holds of lots that left on a line, each by its weight. What of them had come back of
        itself holds what the rest of it holds.
        """
        found: Mixture = defaultdict(Fraction)
        weights = {lot: weight for lot, weight in lots.items() if (line, lot) not in asked}
        for lot, weight in weights.items():
            for source, q in self.of_lot(line, lot, asked | {(line, lot)}).items():
                found[source] += q * weight / sum(weights.values())
        return found

    def of_lot(self, line: str, lot: str, asked: frozenset[tuple[str, str]]) -> Mixture:
        """What one unit of a lot held that left on a line."""
        whole = Fraction(self.left[line, lot])
        found: Mixture = defaultdict(Fraction)
        for source, q in fractions_of(together(self.placed.get((line, lot), []))).items():
            about = self.sources[source]
            of = self.came_of.get((about.event, about.lot), {})
            inside = self.of_one(self.line_of(about), of, asked)
            if of and not inside:
                whole -= q
            for other, share in (inside or {source: Fraction(1)}).items():
                found[other] += share * q if inside or not of else 0
        return {source: q / whole for source, q in found.items() if q} if whole else {}
