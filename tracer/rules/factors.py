"""Family U, the factors themselves: there and back, changed within the period, and units that have none."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

from tracer.book import Conversion
from tracer.facts import Facts
from tracer.moment import iso_day
from tracer.quantity import ratio_text
from tracer.rules.core import Param, Rule, Subject, Tally, circular_38

AFFINE = ("CEL", "FAH")
"""Rec 20 codes of temperatures that have no factor: degree Celsius and Fahrenheit."""


def _subject(facts: Facts, code: str) -> Subject:
    if not code:
        return Subject("book", facts.book.id)
    return Subject("material" if facts.is_material(code) else "product", code)


def _meets(one: Conversion, other: Conversion) -> bool:
    """Whether two rows hold at a common moment."""
    starts = [c.valid_from.start_ms for c in (one, other) if c.valid_from]
    ends = [c.valid_to.end_ms for c in (one, other) if c.valid_to]
    return not starts or not ends or max(starts) <= min(ends)


def u4(facts: Facts, tally: Tally) -> None:
    """A factor there and a factor back give what one began with, to one part in 10⁹.

    Looked at: rows of one code (or of any) that convert the same two units in both directions at a common
    date.
    """
    rows = facts.book.conversions
    for i, one in enumerate(rows):
        for other in rows[i + 1 :]:
            if (one.code, one.from_uom, one.to_uom) != (
                other.code,
                other.to_uom,
                other.from_uom,
            ) or not _meets(one, other):
                continue
            product = one.factor * other.factor
            if abs(product - 1) <= tally.param("error"):
                tally.clean()
            else:
                tally.found(
                    _subject(facts, one.code),
                    "low",
                    "1",
                    ratio_text(product, 9),
                    difference=ratio_text(product - 1, 9),
                    explanation=f"{one.from_uom} to {one.to_uom} and back is not what it was.",
                )


def u5(facts: Facts, tally: Tally) -> None:
    """A factor that changes within the period splits it.

    Two rows of one code and pair of units with different factors, whichever way round they are stated, the
    second in force from a day inside the period. Each event is converted by the row of its own date; norms
    are converted once, by the date from which they hold. The finding asks for norms by part of the period.
    """
    groups: dict[tuple[str, str, str], list[Conversion]] = defaultdict(list)
    for row in facts.book.conversions:
        back = (row.code, row.to_uom, row.from_uom)
        if back in groups and row.factor:
            groups[back].append(replace(row, from_uom=row.to_uom, to_uom=row.from_uom, factor=1 / row.factor))
        else:
            groups[row.code, row.from_uom, row.to_uom].append(row)
    period = facts.book.period
    for (code, from_uom, to_uom), rows in sorted(groups.items()):
        rows.sort(key=lambda r: r.valid_from.start_ms if r.valid_from else 0)
        changed = [
            (a, b)
            for a, b in pairwise(rows)
            if a.factor != b.factor
            and b.valid_from
            and period.start_ms < b.valid_from.start_ms <= period.end_ms
        ]
        for before, after in changed:
            day = iso_day(after.valid_from.start_ms, facts.book.offset) if after.valid_from else ""
            tally.found(
                _subject(facts, code),
                "low",
                ratio_text(before.factor, 9),
                ratio_text(after.factor, 9),
                difference=ratio_text(after.factor - before.factor, 9),
                explanation=f"One {from_uom} is another number of {to_uom} from {day} on.",
            )
        if not changed:
            tally.clean()


def u6(facts: Facts, tally: Tally) -> None:
    """Goods are measured in units that have a factor.

    A quantity of goods in degrees (Celsius, Fahrenheit) cannot be converted by a factor; a factor between
    degrees is wrong by its offset. Goods of variable weight (catch weight) are not marked in a book; keep
    both pieces and mass.
    """
    stated: dict[str, set[str]] = defaultdict(set)
    for lot in facts.book.lots:
        stated[lot.code].add(lot.uom)
    for line in facts.book.lines:
        stated[line.code].add(line.uom)
    for row in facts.book.conversions:
        stated[row.code] |= {row.from_uom, row.to_uom}
    for code, units in sorted(stated.items()):
        affine = sorted(units & set(AFFINE))
        if affine:
            tally.found(
                _subject(facts, code),
                "low",
                "a unit with a factor",
                ", ".join(affine),
                explanation=f"{', '.join(affine)} measures no quantity of goods.",
            )
        else:
            tally.clean()


RULES = (
    Rule(
        "U4",
        "1",
        "unit",
        "Factor there and back",
        "book",
        circular_38("60.2.a"),
        (Param("error", "0.000000001", "ratio", "relative error of the round trip"),),
        {},
        u4,
    ),
    Rule("U5", "2", "unit", "Factor changed within the period", "book", circular_38("60.2.a"), (), {}, u5),
    Rule("U6", "1", "unit", "Unit that has no factor", "book", circular_38("60.2.a"), (), {}, u6),
)
