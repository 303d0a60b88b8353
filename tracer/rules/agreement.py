"""Family B, papers against goods: declarations, receipts, loads, stock-takes and corrections agree."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from ledger.vocabulary import Kind, LineRole
from tracer.book import Count, DeclarationLine, Event
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.moment import DAY_MS, iso_day
from tracer.quantity import nearest, ratio_text
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38
from tracer.stocktake import earlier_takes

_OUTSIDE_FORM_15 = ("E13",)
"""Fixed assets are no material of form 15."""


@dataclass(slots=True)
class _Sum:
    """One code: declared, and really moved."""

    due: int = 0
    moved: int = 0
    uom: str = ""
    events: list[Event] = field(default_factory=list)


def b4(facts: Facts, tally: Tally) -> None:
    """What was cleared is what came in, and what was cleared for export is what was loaded, code by code.

    Cleared import lines of the period against receipts on them (the import part of form 15 column 6: no
    returns, transfers or adjustments), cleared export lines against what was loaded for them (form 15a column
    8). A line cleared within five days of the period's end may be moved in the next period: it counts for
    as much as was moved. A line that no act of this book draws on, and that names no book, may belong to
    another book of the enterprise and is left out. Imports: below 5 % info, above 20 % severe; exports: below
    1 % info, above 5 % severe. What was loaded and never left is X4's.
    """
    moved: dict[str, list[Event]] = defaultdict(list)
    for event in facts.of_kinds(Kind.RECEIVE_FACTORY, Kind.EXPORT_LOAD, Kind.REEXPORT, Kind.UNLOAD):
        if event.line:
            moved[event.line].append(event)
    for purpose, name in ((LineRole.RECEIVE, "import"), (LineRole.EXPORT, "export")):
        sums: dict[str, _Sum] = defaultdict(_Sum)
        for line in sorted(facts.lines.values(), key=lambda x: x.key):
            if line.purpose == purpose and line.regime not in _OUTSIDE_FORM_15:
                _add(facts, tally, sums, line, moved.get(line.key, []))
        for code, total in sorted(sums.items()):
            _agree(facts, tally, code, total, name)


def _add(
    facts: Facts, tally: Tally, sums: dict[str, _Sum], line: DeclarationLine, events: list[Event]
) -> None:
    book = facts.book
    ours = line.book == book.id or (not line.book and events)
    if (
        not ours
        or line.cleared is None
        or line.cancelled is not None
        or not book.period.start_ms <= line.cleared.start_ms <= book.period.end_ms
    ):
        return
    own = facts.uoms.get(line.code, line.uom)
    rate = facts.factors.rate(line.code, line.uom, own, line.cleared)
    if rate is None:
        tally.missing(Subject("line", line.key), f"factor for {line.code} from {line.uom} to {own}")
        return
    declared, total = nearest(line.quantity_micro * rate), sums[line.code]
    amount = sum(
        leg.quantity_micro * (-1 if e.kind == Kind.UNLOAD else 1)
        for e in events
        for leg in e.legs
        if leg.code == line.code
    )
    end = min(book.period.end_ms, book.as_of_ms)
    if line.cleared.end_ms > end - tally.days_ms("cut_off"):
        declared = min(declared, amount)
    total.due += declared
    total.moved += amount
    total.uom = own
    total.events += events
    behind = facts.by_id.get(line.cleared_by)
    total.events += [behind] if behind else []


def _agree(facts: Facts, tally: Tally, code: str, total: _Sum, name: str) -> None:
    difference = total.moved - total.due
    tolerance = tally.tol(total.due, total.uom)
    if not tolerance.exceeded(difference):
        tally.clean()
        return
    share = abs(Fraction(difference, total.due)) if total.due else Fraction(1)
    severity: Severity = (
        "info"
        if share < tally.param(f"{name}_info")
        else "high"
        if share > tally.param(f"{name}_severe")
        else "medium"
    )
    what = "received" if name == "import" else "loaded"
    tally.amount(
        Subject("material" if name == "import" else "product", code),
        severity,
        total.due,
        total.moved,
        total.uom,
        tolerance=tolerance,
        evidence=total.events[:16],
        duty_at_risk=facts.duty_on(code, difference),
        explanation=f"{ratio_text(share * 100, 2)} % {'more' if difference > 0 else 'less'} was {what} than "
        f"{name} declarations were cleared for.",
    )


def b7(facts: Facts, tally: Tally) -> None:
    """Work in progress is no more than what one production cycle takes.

    Closing work in progress of a material over what was issued of it a day, up to the date of the run, is
    the time that it stands for; longer than the declared production cycle (by default 90 days) is a finding:
    material is parked on the line. That opening, issues, returns and consumption give the closing is how the
    ledger works it out (B2 holds it against counts). A material that nothing was issued of is not looked at.
    """
    book = facts.book
    days = Fraction(min(book.period.end_ms, book.as_of_ms) - book.period.start_ms + 1, DAY_MS)
    if days <= 0:
        return
    issued: dict[str, int] = defaultdict(int)
    closing: dict[str, int] = defaultdict(int)
    for (code, _), row in facts.accounts.wip.items():
        issued[code] += row["issued"] - row["returned"]
        closing[code] += row.closing
    for code in sorted(issued):
        if issued[code] <= 0:
            continue
        allowed = nearest(issued[code] / days * tally.param("cycle"))
        uom = facts.uoms.get(code, "")
        if closing[code] <= allowed or not tally.tol(allowed, uom).exceeded(closing[code] - allowed):
            tally.clean()
            continue
        events = [
            e for e in facts.events if e.kind == Kind.ISSUE_PROD and any(x.code == code for x in e.legs)
        ]
        tally.amount(
            Subject("material", code),
            "medium",
            allowed,
            closing[code],
            uom,
            evidence=events[-8:],
            duty_at_risk=facts.duty_on(code, closing[code] - allowed),
            explanation=f"Work in progress stands for {closing[code] * days // issued[code]} days of issues.",
        )


def b8(facts: Facts, tally: Tally) -> None:
    """Stock is corrected after a count, rarely, and not always in the same direction.

    Per code: an adjustment that no count of the code in the 30 days before it explains; adjustments that
    together are more than 0.5 % of what came in and was there; three in a row of the same sign. The
    difference is what the adjustments add up to. The ledger asks for a reason and a second party's approval;
    it cannot tell habit.
    """
    adjusted: dict[str, list[tuple[int, Event]]] = defaultdict(list)
    for delta in facts.replay.deltas:
        if delta.event.kind == Kind.ADJUST and delta.lot in facts.lots:
            adjusted[facts.lots[delta.lot].code].append((delta.change, delta.event))
    throughput: dict[str, int] = defaultdict(int)
    for table in (facts.accounts.materials, facts.accounts.products, facts.accounts.semi_finished):
        for (code, _), row in table.items():
            throughput[code] += sum(row[c] for c in row.columns if c in row.adding)
    counts: dict[str, list[Count]] = defaultdict(list)
    for count in facts.book.counts if adjusted else ():
        counts[count.code].append(count)
    for code, changes in sorted(adjusted.items()):
        signs = [change > 0 for change, _ in changes if change]
        uncounted = [e for _, e in changes if not _counted(counts[code], tally, e)]
        size = sum(abs(change) for change, _ in changes)
        limit = throughput[code] * tally.param("share")
        why = []
        if uncounted:
            why.append("no count goes before it")
        if size > limit:
            why.append(f"together more than {ratio_text(tally.param('share') * 100, 2)} % of throughput")
        if any(len(set(signs[i : i + 3])) == 1 for i in range(len(signs) - 2)):
            why.append("three in a row of the same sign")
        if not why:
            tally.clean()
            continue
        total = sum(change for change, _ in changes)
        tally.amount(
            Subject("product" if code in facts.usage.output else "material", code),
            "medium",
            0,
            total,
            facts.uoms.get(code, ""),
            evidence=[e for _, e in changes],
            duty_at_risk=facts.duty_on(code, total) if total < 0 else None,
            explanation=f"Stock was adjusted {len(changes)} time(s): {'; '.join(why)}.",
        )


def _counted(counts: list[Count], tally: Tally, event: Event) -> bool:
    before = event.occurred.start_ms - tally.days_ms("days")
    return any(c.at.start_ms <= event.occurred.end_ms and c.at.end_ms >= before for c in counts)


def b9(facts: Facts, tally: Tally) -> None:
    """A count within the period, rolled forward by the events, meets the closing of the books.

    B2 holds the last count against the books at its date. Every earlier count of the period is held against
    them at its own date here, which is the same as rolling it forward to the end by the events since. Counts
    are made on the day of an inspection, not at the year's end (Art. 59).
    """
    for take in earlier_takes(facts.book, facts.replay.deltas, facts.uoms):
        subject = Subject("product" if take.stock == "product" else "material", take.code)
        if take.missing:
            tally.missing(subject, *take.missing)
            continue
        tolerance = tally.tol(take.expected_micro, take.uom)
        difference = take.counted_micro - take.expected_micro
        if not tolerance.exceeded(difference):
            tally.clean()
            continue
        day = iso_day(take.at_ms, facts.book.offset)
        tally.amount(
            subject,
            "high" if difference < 0 else "medium",
            take.expected_micro,
            take.counted_micro,
            take.uom,
            tolerance=tolerance,
            evidence=[facts.by_id[c.event] for c in take.counts if c.event in facts.by_id],
            duty_at_risk=facts.duty_on(take.code, difference) if difference < 0 else None,
            explanation=f"The count of {take.stock} stock on {day}, rolled forward, misses the closing.",
        )


_FOUND = Law("Decree 169/2026/ND-CP Art. 10.1.d, 10.2", valid_from="2026-07-01")

RULES = (
    Rule(
        "B4",
        "1",
        "balance",
        "Declarations, receipts and loads agree",
        "book",
        (*circular_38("60.2.a"), _FOUND),
        (
            Param(
                "cut_off", "5", "days", "before the period's end in which a cleared line may still be moved"
            ),
            Param("import_info", "0.05", "share", "of imports, below which it is for information"),
            Param("import_severe", "0.20", "share", "of imports, above which it is severe"),
            Param("export_info", "0.01", "share", "of exports, below which it is for information"),
            Param("export_severe", "0.05", "share", "of exports, above which it is severe"),
        ),
        {},
        b4,
        ("declarations with the day of clearance",),
    ),
    Rule(
        "B7",
        "2",
        "balance",
        "Work in progress beyond a production cycle",
        "book",
        circular_38("59.4"),
        (Param("cycle", "90", "days", "length of the declared production cycle"),),
        {},
        b7,
    ),
    Rule(
        "B8",
        "1",
        "balance",
        "Stock adjusted without a count, or by habit",
        "book",
        (*circular_38("60.2.a"), _FOUND),
        (
            Param("days", "30", "days", "before the adjustment in which a count explains it"),
            Param("share", "0.005", "share", "of throughput that adjustments may be"),
        ),
        {},
        b8,
        ("counts",),
    ),
    Rule(
        "B9",
        "1",
        "balance",
        "Count rolled forward",
        "book",
        (*circular_38("59.4"), _FOUND),
        (),
        {},
        b9,
        ("counts within the period",),
    ),
)
