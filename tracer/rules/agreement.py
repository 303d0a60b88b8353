"""Family B, papers against goods: declarations, receipts, loads, stock-takes and corrections agree."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from ledger.vocabulary import Balance, Kind, LineRole, Origin
from tracer.book import Count, DeclarationLine, Event
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.moment import DAY_MS, iso_day
from tracer.quantity import micro_text, nearest, ratio_text
from tracer.replay import Delta
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38
from tracer.stocktake import earlier_takes

_OUTSIDE_FORM_15 = ("E13",)
"""Fixed assets are no material of form 15."""
_SIX = 6
"""Digits of a tariff code that are the same all over the world."""
_MATERIAL = frozenset({Balance.RAW, Balance.WIP})


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
    as much as was moved. What was received on an import line that was never cleared counts against nothing,
    unless it was registered in those days. A line that names no book and that no act of this book draws on
    may belong to another book of the enterprise and is left out; but an import line is of this book where
    others of its code and regime were received here, and not evaluable where others of its regime alone
    were. Imports: below 5 % info, above 20 % severe; exports: below 1 % info, above 5 % severe. What was
    loaded and never left is X4's. A code that stands under several tariff codes is a finding of its own:
    another chapter is severe, another heading warns, another subheading is for information.
    """
    moved: dict[str, list[Event]] = defaultdict(list)
    for event in facts.of_kinds(Kind.RECEIVE_FACTORY, Kind.EXPORT_LOAD, Kind.REEXPORT, Kind.UNLOAD):
        if event.line:
            moved[event.line].append(event)
    imports = {(line.regime, line.code) for line in facts.lines.values()
               if line.purpose == LineRole.RECEIVE and line.key in moved}
    regimes = {regime for regime, _ in imports}
    for purpose, name in ((LineRole.RECEIVE, "import"), (LineRole.EXPORT, "export")):
        sums: dict[str, _Sum] = defaultdict(_Sum)
        for line in sorted(facts.lines.values(), key=lambda x: x.key):
            events = moved.get(line.key, [])
            if line.purpose != purpose or line.regime in _OUTSIDE_FORM_15 or not _of_period(
                    facts, tally, line, events):
                continue
            alike = purpose == LineRole.RECEIVE and (line.regime, line.code) in imports
            if line.book == facts.book.id or (not line.book and (events or alike)):
                _add(facts, tally, sums, line, events)
            elif not line.book and purpose == LineRole.RECEIVE and line.regime in regimes:
                tally.missing(Subject("line", line.key), f"receipt of {line.key}, or the book that it is of")
        for code, total in sorted(sums.items()):
            _agree(facts, tally, code, total, name)
    _tariff(facts, tally)


def _tariff(facts: Facts, tally: Tally) -> None:
    """One code, one tariff code: digits that differ say how far apart the goods are."""
    for code, lines in sorted(facts.lines_of.items()):
        stated: dict[str, DeclarationLine] = {}
        for line in sorted(lines, key=lambda x: (x.registered.start_ms if x.registered else 0, x.key)):
            if line.purpose in (LineRole.RECEIVE, LineRole.EXPORT) and line.cancelled is None \
                    and line.book in ("", facts.book.id) and len(line.hs) >= _SIX:
                stated.setdefault(line.hs[:_SIX], line)
        if len(stated) < 2:
            continue
        first, *others = stated
        chapter, heading = (any(x[:n] != first[:n] for x in others) for n in (2, 4))
        severity: Severity = "high" if chapter else "medium" if heading else "info"
        tally.found(
            Subject("material" if facts.is_material(code) else "product", code),
            severity,
            first,
            ", ".join(others),
            evidence=[facts.by_id[x.cleared_by] for x in stated.values() if x.cleared_by in facts.by_id],
            explanation=f"{code} stands under {len(stated)} tariff codes: "
            f"{', '.join(f'{hs} on {x.key}' for hs, x in stated.items())}.",
        )


def _of_period(facts: Facts, tally: Tally, line: DeclarationLine, events: list[Event]) -> bool:
    """Whether a line is to be compared: cleared in the period, or received and never cleared."""
    period = facts.book.period
    if line.cancelled is not None:
        return False
    if line.cleared is not None:
        return period.start_ms <= line.cleared.start_ms <= period.end_ms
    soon = line.registered is not None and line.registered.end_ms > _last(facts, tally)
    return line.purpose == LineRole.RECEIVE and bool(events) and not soon


def _last(facts: Facts, tally: Tally) -> int:
    """From when on what was cleared may still be on its way."""
    return min(facts.book.period.end_ms, facts.book.as_of_ms) - tally.days_ms("cut_off")


def _add(
    facts: Facts, tally: Tally, sums: dict[str, _Sum], line: DeclarationLine, events: list[Event]
) -> None:
    own = facts.uoms.get(line.code, line.uom)
    rate = facts.factors.rate(line.code, line.uom, own, line.cleared or line.registered or facts.book.period)
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
    if line.cleared is None:
        declared = 0
    elif line.cleared.end_ms > _last(facts, tally):
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
    material is parked on the line. Of what nothing was issued nothing may stand there once a cycle of the
    period is over. That opening, issues, returns and consumption give the closing is how the ledger works it
    out (B2 holds it against counts). Whether it stands longer than it used to is not looked at: one book is
    one period.
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
        if issued[code] <= 0 and (closing[code] <= 0 or days <= tally.param("cycle")):
            continue
        allowed = nearest(max(issued[code], 0) / days * tally.param("cycle"))
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
            explanation=f"Work in progress stands for {closing[code] * days // issued[code]} days of issues."
            if issued[code] > 0 else "Work in progress of which nothing was issued in the period.",
        )


def b8(facts: Facts, tally: Tally) -> None:
    """Stock is corrected after a count, rarely, not always in the same direction, and as it lay.

    Per code: an adjustment that no count of the code in the 30 days before it explains; adjustments that
    together are more than 0.5 % of what came in and was there; three in a row of the same sign (lots that
    are adjusted on one day are one correction). Where imported and domestic lots of a material lie beside
    each other, a shortage is booked on both in proportion, unless a count names the lot that is short:
    domestic lots that bear more of it leave imported goods without duty. The difference is what the
    adjustments add up to. The ledger asks for a reason and a second party's approval; it cannot tell habit.
    Who counted, and who saw it, is not in a book.
    """
    adjusted: dict[str, list[Delta]] = defaultdict(list)
    for delta in facts.replay.deltas:
        if delta.event.kind == Kind.ADJUST and delta.lot in facts.lots:
            adjusted[facts.lots[delta.lot].code].append(delta)
    throughput: dict[str, int] = defaultdict(int)
    for table in (facts.accounts.materials, facts.accounts.products, facts.accounts.semi_finished):
        for (code, _), row in table.items():
            throughput[code] += sum(row[c] for c in row.columns if c in row.adding)
    counts: dict[str, list[Count]] = defaultdict(list)
    for count in facts.book.counts if adjusted else ():
        counts[count.code].append(count)
    shifted = _shifted(facts, tally, counts) if adjusted else {}
    for code, changes in sorted(adjusted.items()):
        times = _times(facts, changes)
        signs = [net > 0 for net in times if net]
        uncounted = [d.event for d in changes if not _counted(counts[code], tally, d.event)]
        size = sum(abs(d.change) for d in changes)
        limit = throughput[code] * tally.param("share")
        why = []
        if uncounted:
            why.append("no count goes before it")
        if size > limit:
            why.append(f"together more than {ratio_text(tally.param('share') * 100, 2)} % of throughput")
        if any(len(set(signs[i : i + 3])) == 1 for i in range(len(signs) - 2)):
            why.append("three in a row of the same sign")
        if code in shifted:
            why.append(f"domestic lots bear {micro_text(shifted[code])} more of the shortage than their part")
        if not why:
            tally.clean()
            continue
        total = sum(d.change for d in changes)
        tally.amount(
            Subject("product" if code in facts.usage.output else "material", code),
            "medium",
            0,
            total,
            facts.uoms.get(code, ""),
            evidence=[d.event for d in changes],
            duty_at_risk=facts.duty_on(code, total) if total < 0 else None,
            explanation=f"Stock was adjusted {len(times)} time(s): {'; '.join(why)}.",
        )


def _times(facts: Facts, changes: list[Delta]) -> list[int]:
    """What each correction came to, in order of time: lots that are adjusted on one day are one
    correction, the same lot again is another.
    """
    by_lot: dict[tuple[str, str], list[str]] = defaultdict(list)
    result: dict[tuple[str, int], int] = defaultdict(int)
    for delta in sorted(changes, key=lambda d: (d.event.occurred.start_ms, d.event.seq)):
        day = iso_day(delta.event.occurred.start_ms, facts.book.offset)
        acts = by_lot[delta.lot, day]
        if delta.event.id not in acts:
            acts.append(delta.event.id)
        result[day, acts.index(delta.event.id)] += delta.change
    return [result[key] for key in sorted(result)]


def _shifted(facts: Facts, tally: Tally, counts: dict[str, list[Count]]) -> dict[str, int]:
    """How much more of the shortages of a material, that no count of the lot shows, domestic lots bear than
    what they were of the stock.
    """
    held: dict[str, dict[Origin, int]] = defaultdict(lambda: defaultdict(int))
    lost: dict[str, Fraction] = defaultdict(Fraction)
    for delta in facts.replay.deltas:
        lot = facts.lots.get(delta.lot)
        if lot is None or lot.origin is Origin.OWN or delta.balance not in _MATERIAL:
            continue
        stock, event = held[lot.code], delta.event
        whole = sum(stock.values())
        named = [c for c in counts.get(lot.code, ()) if c.lot == delta.lot]
        if event.kind is Kind.ADJUST and delta.change < 0 < whole and not _counted(named, tally, event):
            part = Fraction(stock[Origin.DOMESTIC], whole)
            lost[lot.code] -= delta.change * ((lot.origin is Origin.DOMESTIC) - part)
        stock[lot.origin] += delta.change
    return {code: nearest(q) for code, q in lost.items()
            if q > 0 and tally.tol(0, facts.uoms.get(code, "")).exceeded(nearest(q))}


def _counted(counts: list[Count], tally: Tally, event: Event) -> bool:
    before = event.occurred.start_ms - tally.days_ms("days")
    return any(c.at.start_ms <= event.occurred.end_ms and c.at.end_ms >= before for c in counts)


def b9(facts: Facts, tally: Tally) -> None:
    """A count within the period, rolled forward by the events, meets the closing of the books.

    B2 holds the last count against the books at its date. Every earlier count of the period is held against
    them at its own date here, which is the same as rolling it forward to the end by the events since. What an
    ADJUST after it booked of the difference is in that closing, so it is no difference (B8 judges the act). A
    count of one place of several within a week goes with those of the others. Counts are made on the day of
    an inspection, not at the year's end (Art. 59).
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
        "2",
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
        "3",
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
        "2",
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
        "2",
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
