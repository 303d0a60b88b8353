"""Family U: units of measure are compared by a factor with a source, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from ledger.vocabulary import Kind, LineRole
from tracer.facts import Facts
from tracer.moment import Span
from tracer.quantity import micro_text, nearest, ratio_text
from tracer.rules.conservation import MASS
from tracer.rules.core import PIECE, Param, Rule, Subject, Tally, circular_38


def u1(facts: Facts, tally: Tally) -> None:
    """Two units of measure of one code are compared only by a factor for that code at that date.

    Looked at: norms, counts, last period's closing, declaration lines and declared losses, each against the
    unit in which the lots of the code are kept. Where no factor is known, what needs it is not evaluable, and
    never one to one. The rule finds nothing wrong by itself; it says what is missing.
    """
    lacking: set[tuple[str, str, str, str]] = set()
    for code, uom, at, what in _stated(facts):
        own = facts.uoms.get(code, uom)
        if uom and facts.factors.rate(code, uom, own, at) is None:
            lacking.add((code, uom, own, what))
        else:
            tally.clean()
    for code, uom, own, what in sorted(lacking):
        tally.missing(Subject("material" if facts.is_material(code) else "product", code),
                      f"factor for {code} from {uom} to {own} ({what})")


def _stated(facts: Facts) -> Iterator[tuple[str, str, Span, str]]:
    """Every unit of measure that something states of a code: code, unit, date, where."""
    book = facts.book
    for norm in book.norms:
        at = norm.valid_from or book.period
        yield norm.product, norm.product_uom, at, "norm"
        yield norm.material, norm.material_uom, at, "norm"
    for count in book.counts:
        yield count.code, count.uom, count.at, "count"
    for count in book.previous or ():
        yield count.code, count.uom, count.at, "last period's closing"
    for line in book.lines:
        yield line.code, line.uom, line.registered or book.period, "declaration"
    for event in facts.events:
        if event.recorded:
            for loss in event.loss:
                yield loss.code, loss.uom, event.occurred, "loss"


_LENGTHS = (Fraction("0.3048"), Fraction("0.9144"))


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two figures of one thing, which should be about equal."""

    subject: Subject
    expected: Fraction
    observed: Fraction
    uom: str
    what: str
    events: tuple[str, ...] = ()


def u3(facts: Facts, tally: Tally) -> None:
    """A figure that is wrong by the factor between two units of measure is probably in the wrong unit.

    Counts against the books, declared norms against what production took, receipts beyond the quantity of
    their declaration line, and opening stock against last period's closing. Where observed over expected
    lies within 2 % of 1000, 100, 12, 0.001, 2.2046, 0.4536, 0.3048 or 0.9144, the finding says so: of low
    severity, and still open. Foot and yard say nothing of weights and pieces. The rule that compares the
    figures finds the difference as well.
    """
    factors = [Fraction(text) for text in tally.values["factors"].split()]
    within = tally.param("within")
    for pair in _pairs(facts):
        if pair.expected <= 0 or pair.observed <= 0:
            continue
        ratio = pair.observed / pair.expected
        near = next((f for f in factors if abs(ratio / f - 1) <= within
                     and not (f in _LENGTHS and (pair.uom in MASS or pair.uom == PIECE))), None)
        if near is None or not tally.tol(nearest(pair.expected), pair.uom).exceeded(
                nearest(pair.observed - pair.expected)):
            tally.clean()
            continue
        tally.amount(
            pair.subject, "low", nearest(pair.expected), nearest(pair.observed), pair.uom,
            evidence=[facts.by_id[e] for e in pair.events if e in facts.by_id][:8],
            explanation=f"Probable unit-of-measure error in {pair.what}: {ratio_text(ratio, 4)} is about "
                        f"{ratio_text(near, 4)}.")


def _pairs(facts: Facts) -> Iterator[_Pair]:
    for take in facts.stock_takes:
        if not take.missing:
            kind = "product" if take.stock == "product" else "material"
            yield _Pair(Subject(kind, take.code), Fraction(take.expected_micro), Fraction(take.counted_micro),
                        take.uom, f"the count of {take.stock} stock", tuple(c.event for c in take.counts))
    use = facts.usage
    for (product, material), norm in sorted(use.declared.items()):
        output = use.output.get(product, 0)
        if output and (product, material) in use.used and use.flags.get((product, material)) != "KXDDM":
            norms = tuple(n.declared_by for n in facts.book.norms
                          if (n.product, n.material) == (product, material))
            yield _Pair(Subject("material", material), use.used[product, material], norm * output,
                        facts.uoms.get(material, ""), f"the norm of {product} on {material}", norms)
    received: dict[str, tuple[int, list[str]]] = {}
    for event in facts.events:
        if event.recorded and event.kind == Kind.RECEIVE_FACTORY:
            for leg in event.legs:
                if leg.code:
                    q, ids = received.get(event.line, (0, []))
                    received[event.line] = (q + leg.quantity_micro, [*ids, event.id])
    for key, (q, ids) in sorted(received.items()):
        line = facts.lines.get(key)
        if line is not None and line.purpose == LineRole.RECEIVE:
            rate = facts.factors.rate(line.code, line.uom, facts.uoms.get(line.code, line.uom),
                          line.registered or facts.book.period)
            if rate is not None and q > line.quantity_micro * rate:  # less may still be on its way
                yield _Pair(Subject("line", key), line.quantity_micro * rate, Fraction(q),
                            facts.uoms.get(line.code, line.uom),
                            f"receipts of {micro_text(q)} on the line", tuple(ids))
    yield from _openings(facts)


def _openings(facts: Facts) -> Iterator[_Pair]:
    closing = facts.previous_closing
    if closing is None:
        return
    opened: dict[str, tuple[int, list[str]]] = {}
    for event in facts.events:
        if event.recorded and event.kind == Kind.OPENING:
            for leg in event.legs:
                code = facts.book.codes.get(leg.code, leg.code)
                q, ids = opened.get(code, (0, []))
                opened[code] = (q + leg.quantity_micro, [*ids, event.id])
    for (stock, code), q in sorted(closing.stock.items()):
        if code in opened and sum(c == code for _, c in closing.stock) == 1:
            kind = "product" if stock == "product" else "material"
            yield _Pair(Subject(kind, code), Fraction(q), Fraction(opened[code][0]),
                        facts.uoms.get(code, ""), "opening stock", tuple(opened[code][1]))


RULES = (
    Rule("U1", "1", "unit", "No factor between two units of measure", "book", circular_38("55, 60.2.a"), (),
         {}, u1, ("factors (conversions) for every second unit of a code",)),
    Rule("U3", "1", "unit", "Wrong by a unit of measure", "book", circular_38("60.2.a"),
         (Param("within", "0.02", "share", "how near to a factor counts as that factor"),
          Param("factors", "1000 100 12 0.001 2.2046 0.4536 0.3048 0.9144", "ratios",
                "ratios of observed to expected that look like a wrong unit")),
         {"B2": "a count in the wrong unit differs from the books",
          "B6": "a count in the wrong unit leaves or hides a rest without an outcome"}, u3),
)
