"""Families X and P, what could have been made: machines, round trips, substitutes, policies."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction

from ledger.vocabulary import Kind, LineRole
from tracer.book import Capacity, DeclarationLine, Event, Substitute
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.moment import DAY_MS, iso_day
from tracer.quantity import micro_text, nearest, ratio_text
from tracer.rules.conservation import MASS
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38
from tracer.usage import MADE, lot_legs

_YEAR_DAYS = 365


def x3(facts: Facts, tally: Tally) -> None:
    """Output is compared with what the machines could make.

    Capacity of a product: machines times the rated output of one in an hour times the hours worked a day,
    on 300 days of 365, for as long as the row holds within the period. Output below half of it asks for whom
    the enterprise imports; above 150 % warns, above 200 % is severe: somebody else made the goods. A product
    that was made and has no capacity row is not evaluable, nor is one with a row in a unit of measure without
    a factor, nor one before the period is over: a run of one month may hold the work of several.
    """
    if facts.book.capacity is None:
        tally.missing(Subject("book", facts.book.id), "machines and their rates (capacity.csv)")
        return
    rows: dict[str, list[Capacity]] = defaultdict(list)
    for row in facts.book.capacity:
        rows[row.product].append(row)
    for product, output in sorted(facts.usage.output.items()):
        if not output or product in facts.usage.semi:
            continue
        subject, uom = Subject("product", product), facts.uoms.get(product, "")
        if not facts.over:
            tally.missing(subject, "the end of the period")
            continue
        strange = sorted({row.uom for row in rows[product]
                          if facts.factors.rate(product, row.uom, uom, facts.book.period) is None})
        if strange:
            tally.missing(subject, *(f"factor for {product} from {x} to {uom}" for x in strange))
            continue
        able = sum((_able(facts, tally, row, uom) for row in rows[product]), Fraction(0))
        if not able:
            tally.missing(subject, f"capacity for {product}")
            continue
        use = output / able
        low, warn, severe = (tally.param(name) for name in ("low", "warn", "severe"))
        if low <= use <= warn:
            tally.clean()
            continue
        severity: Severity = "low" if use < low else "high" if use > severe else "medium"
        made = [
            e
            for e in facts.events
            if e.kind == Kind.TRANSFORM
            and e.recorded
            and any(leg.code == product for leg in lot_legs(e, *MADE))
        ]
        tally.amount(
            subject,
            severity,
            nearest(able),
            output,
            uom,
            evidence=made[:16],
            explanation=f"Output is {ratio_text(use * 100, 1)} % of what the machines can make.",
        )


def _able(facts: Facts, tally: Tally, row: Capacity, uom: str) -> Fraction:
    """Micro-units that a row of machines makes in the period; nothing where its unit has no factor."""
    period = facts.book.period
    start = max(period.start_ms, row.valid_from.start_ms if row.valid_from else period.start_ms)
    end = min(period.end_ms, row.valid_to.end_ms if row.valid_to else period.end_ms)
    rate = facts.factors.rate(row.product, row.uom, uom, period)
    if rate is None or end < start:
        return Fraction(0)
    days = Fraction(end - start + 1, DAY_MS) * tally.param("days") / _YEAR_DAYS
    return row.machines * row.rate * row.hours_per_day * days * rate * 1_000_000


def x6(facts: Facts, tally: Tally) -> None:
    """The same goods do not go out and come back.

    An import line registered within 60 days after an export line was, under the same six digits of the
    tariff, with a quantity within 1 % (same unit of measure; weights in kilograms) and, where both state one
    in one currency, a value within 1 %. The same partner on both makes it graver. Several import lines of one
    partner, none of which comes back alone, are taken together where both quantity and value are within 1 %
    of what went out to that partner. Returns declared as such (FG_RETURN) are left aside. Serial numbers and
    hashes of specifications are not in a book, so they are not compared.
    """
    returned = {e.line for e in facts.of_kinds(Kind.FG_RETURN)}
    out: dict[tuple[str, str], list[DeclarationLine]] = defaultdict(list)
    back = []
    for stated in facts.book.lines:
        if stated.cancelled is None and stated.registered and stated.hs:
            line = in_kilograms(stated)
            if line.purpose == LineRole.EXPORT:
                out[line.hs[:6], line.uom].append(line)
            elif line.purpose == LineRole.RECEIVE and line.key not in returned:
                back.append(line)
    for lines in out.values():
        lines.sort(key=lambda x: (x.quantity_micro, x.key))
    parts: dict[tuple[str, str, str], list[DeclarationLine]] = defaultdict(list)
    for line in sorted(back, key=lambda x: x.key):
        alike = _alike(out.get((line.hs[:6], line.uom), []), line.quantity_micro, tally.param("within"))
        same = next((x for x in alike if _round_trip(tally, x, line)), None)
        if same is None:
            tally.clean()
            if line.partner and line.value:
                parts[line.hs[:6], line.uom, line.partner].append(line)
            continue
        _came_back(facts, tally, same, [line])
    for (heading, uom, partner), lines in sorted(parts.items()):
        for one in out.get((heading, uom), []) if len(lines) > 1 else ():
            some = [x for x in lines if _within_time(tally, one, x) and x.currency == one.currency]
            whole = sum(x.quantity_micro for x in some)
            worth = sum((x.value for x in some if x.value is not None), Fraction(0))
            within = tally.param("within")
            if one.partner == partner and one.value and len(some) > 1 \
                    and abs(whole - one.quantity_micro) <= within * one.quantity_micro \
                    and abs(worth - one.value) <= within * one.value:
                _came_back(facts, tally, one, some)
                break


def _came_back(facts: Facts, tally: Tally, out: DeclarationLine, back: list[DeclarationLine]) -> None:
    known = bool(back[0].partner) and back[0].partner == out.partner
    events = [facts.by_id[x.cleared_by] for x in (out, *back) if x.cleared_by in facts.by_id]
    tally.amount(
        Subject("line", back[0].key),
        "high" if known else "medium",
        0,
        sum(x.quantity_micro for x in back),
        back[0].uom,
        evidence=events,
        explanation=f"As much of heading {out.hs[:6]} left under {out.key} shortly "
        f"before{', with the same partner' if known else ''}"
        f"{f', and came back in {len(back)} parts' if len(back) > 1 else ''}.",
    )


def in_kilograms(line: DeclarationLine) -> DeclarationLine:
    """The line, its quantity in kilograms where it is stated in a unit of mass."""
    kilograms = MASS.get(line.uom)
    if kilograms is None or line.uom == "KGM":
        return line
    return replace(line, quantity_micro=nearest(line.quantity_micro * kilograms), uom="KGM")


def _within_time(tally: Tally, out: DeclarationLine, back: DeclarationLine) -> bool:
    if out.registered is None or back.registered is None:
        return False
    return 0 <= back.registered.start_ms - out.registered.start_ms <= tally.days_ms("days")


def _alike(lines: list[DeclarationLine], quantity: int, within: Fraction) -> list[DeclarationLine]:
    """Of lines in order of quantity those that a quantity may be within a share of."""
    low = bisect_left(lines, int(quantity / (1 + within)), key=lambda x: x.quantity_micro)
    high = bisect_right(lines, int(quantity / (1 - within)) + 1, key=lambda x: x.quantity_micro)
    return lines[low:high]


def _round_trip(tally: Tally, out: DeclarationLine, back: DeclarationLine) -> bool:
    within = tally.param("within")
    if (
        not _within_time(tally, out, back)
        or out.hs[:6] != back.hs[:6]
        or out.uom != back.uom
        or abs(back.quantity_micro - out.quantity_micro) > within * out.quantity_micro
    ):
        return False
    if out.value and back.value and out.currency == back.currency:
        return abs(back.value - out.value) <= within * out.value
    return True


def p5(facts: Facts, tally: Tally) -> None:
    """An attribution rests on one policy, kept for whole periods.

    A policy that began within the period, or less than a year before its end, is a finding: it may have been
    chosen for the result (United States: at least one year, 19 CFR 190.14). Where it is not known since when
    it holds, a policy other than SPECIFIC is not evaluable. What another choice would have freed is seen
    by settling again under it. Physical commingling (tanks) is always in proportion.
    """
    book, subject = facts.book, Subject("book", facts.book.id)
    since = book.allocation_since
    if since is None:
        if book.allocation == "SPECIFIC":
            tally.clean()
        else:
            tally.missing(subject, f"since when {book.allocation} holds (allocation_since of book.toml)")
        return
    held = (book.period.end_ms + 1 - since.start_ms) // DAY_MS
    least = int(tally.param("days"))
    if since.start_ms <= book.period.start_ms and held >= least:
        tally.clean()
        return
    tally.found(
        subject,
        "medium",
        f"at least {least} days",
        f"{held} days",
        difference=str(held - least),
        uom="DAY",
        explanation=f"{book.allocation} holds since {iso_day(since.start_ms, book.offset)} only.",
    )


def p6(facts: Facts, tally: Tally) -> None:
    """A product takes only the materials of its norm, or registered substitutes for them.

    What production took of a material that stands in no row of the product's norm in force is a finding,
    unless material and a material of the norm stand in one group of substitutes at that date. Products
    without any norm are N5's; semi-finished goods without a norm carry their materials to the product, and a
    co-product without one counts as part of its main product.
    """
    groups: dict[str, list[Substitute]] = defaultdict(list)
    for row in facts.book.groups or ():
        groups[row.code].append(row)
    unread: dict[str, set[str]] = defaultdict(set)
    for norm in facts.unconverted:
        unread[norm.product].add(norm.material)
    taken: dict[tuple[str, str], tuple[int, list[Event]]] = {}
    for event in facts.of_kinds(Kind.TRANSFORM):
        made = {leg.code for leg in lot_legs(event, *MADE)}
        norms = {p: {n.material for n in facts.norms.effective(p, event.occurred)} | unread[p] for p in made}
        main = {leg.code for leg in lot_legs(event, LineRole.PRODUCT, LineRole.SEMI_FINISHED)} or made
        if not made or not all(norms[p] for p in main):
            continue
        named = set[str]().union(*norms.values())
        for leg in lot_legs(event, LineRole.INPUT):
            if leg.code in named or leg.code in made or _stands_in(groups, leg.code, named, event):
                continue
            for product in sorted(main)[:1]:
                q, events = taken.get((product, leg.code), (0, []))
                taken[product, leg.code] = (q + leg.quantity_micro, [*events, event])
        tally.clean()
    for (product, code), (q, events) in sorted(taken.items()):
        tally.amount(
            Subject("material", code),
            "medium",
            0,
            q,
            facts.uoms.get(code, ""),
            evidence=events[:16],
            duty_at_risk=facts.duty_on(code, q),
            explanation=f"{micro_text(q)} of {code} went into {product}, whose "
            "norm does not name it, and no group of substitutes does.",
        )


def _stands_in(groups: dict[str, list[Substitute]], code: str, named: set[str], event: Event) -> bool:
    live = {row.group for row in groups[code] if _holds(row, event)}
    return any(row.group in live and _holds(row, event) for other in named for row in groups.get(other, ()))


def _holds(row: Substitute, event: Event) -> bool:
    early = row.valid_from is not None and event.occurred.end_ms < row.valid_from.start_ms
    late = row.valid_to is not None and event.occurred.start_ms > row.valid_to.end_ms
    return not (early or late)


RULES = (
    Rule(
        "X3",
        "3",
        "export",
        "Output against capacity",
        "book",
        circular_38("57.6.b"),
        (
            Param("days", "300", "days", "worked in a year"),
            Param("low", "0.50", "share", "of capacity below which it is asked for whom material comes in"),
            Param("warn", "1.50", "share", "of capacity that warns (practitioner's default)"),
            Param("severe", "2.00", "share", "of capacity that is severe (practitioner's default)"),
        ),
        {},
        x3,
        ("capacity",),
    ),
    Rule(
        "X6",
        "2",
        "export",
        "Goods that go out and come back",
        "book",
        (
            Law("Decree 169/2026/ND-CP Art. 15.1.d, dd", valid_from="2026-07-01"),
            Law("Decree 128/2020/ND-CP", valid_from="2020-12-10", valid_to="2026-06-30"),
        ),
        (
            Param("days", "60", "days", "from the export to the import"),
            Param("within", "0.01", "share", "by which quantity and value may differ"),
        ),
        {},
        x6,
        ("tariff codes of lines",),
    ),
    Rule(
        "P5",
        "1",
        "production",
        "Allocation policy changed",
        "book",
        circular_38("60.2.a"),
        (Param("days", "365", "days", "that a policy is kept at least"),),
        {},
        p5,
        ("since when the policy holds",),
    ),
    Rule(
        "P6",
        "2",
        "production",
        "Material outside norm and substitutes",
        "book",
        circular_38("55"),
        (),
        {},
        p6,
        ("norms", "groups of substitutes, where there are any"),
    ),
)
