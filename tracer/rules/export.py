"""Family X: exports that could not have been made, or that never left."""

from __future__ import annotations

from collections import defaultdict

from ledger.vocabulary import Balance, Kind, LineRole, Outcome
from tracer.book import Event
from tracer.facts import Facts
from tracer.moment import DAY_MS, iso_day
from tracer.on_spot import on_spot
from tracer.quantity import micro_text
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38
from tracer.rules.structure import taxed


def x1(facts: Facts, tally: Tally) -> None:
    """At no time can more of a product have been exported than was in stock or made by then.

    Per product: opening finished goods plus output plus returns, less what was sold inland or destroyed,
    against what was loaded for export. An attempt that the ledger refused because the goods were not there
    counts as evidence: it is added to what had been exported by then. The finding gives the worst moment.
    """
    flows: dict[str, list[tuple[int, int, int, Event]]] = defaultdict(list)
    book, u = facts.book, facts.book.clock_uncertainty_ms
    for delta in facts.replay.deltas:
        if delta.balance != Balance.FINISHED or delta.event.kind in (Kind.SPLIT, Kind.MERGE, Kind.ACCEPT):
            continue
        span, code = delta.event.occurred, facts.lots[delta.lot].code
        start = (
            min(span.start_ms, book.period.start_ms) if delta.event.kind == Kind.OPENING else span.start_ms
        )
        exported = delta.event.kind in (Kind.EXPORT_LOAD, Kind.UNLOAD)
        at = start - u if delta.change > 0 else span.end_ms + u
        flows[code].append(
            (at, 0 if exported else delta.change, -delta.change if exported else 0, delta.event)
        )
    attempts: dict[str, list[tuple[int, int, Event]]] = defaultdict(list)
    for attempt in facts.replay.attempts:
        if attempt.event.kind == Kind.EXPORT_LOAD:
            attempts[attempt.leg.code or facts.lots[attempt.leg.unit].code].append(
                (attempt.event.occurred.end_ms + u, attempt.leg.quantity_micro, attempt.event))
    for code in sorted(set(flows) | set(attempts)):
        _x1_product(facts, tally, code, flows[code], attempts[code])


def _x1_product(facts: Facts, tally: Tally, code: str, flows: list[tuple[int, int, int, Event]],
                attempts: list[tuple[int, int, Event]]) -> None:
    flows = sorted(flows, key=lambda f: (f[0], -f[1], f[3].seq))
    uom = facts.uoms.get(code, "")
    worst, available, exported, evidence = 0, 0, 0, list[Event]()
    have = out = 0
    for at, made, loaded, _ in flows:
        have, out = have + made, out + loaded
        if loaded > 0 and out - have > worst:
            worst, available, exported = out - have, have, out
            evidence = [e for t, _, q, e in flows if q > 0 and t <= at][-8:]
    for at, asked, event in attempts:
        had = sum(m for t, m, _, _ in flows if t <= at)
        gone = sum(q for t, _, q, _ in flows if t <= at) + asked
        if gone - had > worst:
            worst, available, exported, evidence = gone - had, had, gone, [event]
    tolerance = tally.tol(available, uom)
    if not tolerance.exceeded(worst):
        tally.clean()
        return
    tally.amount(Subject("product", code), "critical", available, exported, uom, tolerance=tolerance,
                 duty_at_risk=facts.duty_on(code, worst), evidence=evidence,
                 explanation="More was exported, or meant to be, than had ever been made or in stock.")


def x4(facts: Facts, tally: Tally) -> None:
    """An export line that is cleared must be confirmed as having left within 15 days.

    Clearance is not proof of export; only the confirmed exit is (Art. 53). Once the time is over at the
    date of the run, what has not left of the cleared quantity is the difference; an exit that came later
    than the limit is reported as late. A line whose time is still running is pending. An exit confirmed for
    a line that was not cleared is reported too. Goods of an on-spot export (#&XKTC) never leave: X8 asks for
    their import.
    """
    limit = tally.days_ms("days")
    exits: dict[str, list[Event]] = defaultdict(list)
    for event in facts.events:
        if event.kind == Kind.EXIT_CONFIRM:
            exits[event.line].append(event)
    loads = {e.line: e for e in facts.events if e.kind == Kind.EXPORT_LOAD and e.recorded}
    for line in sorted(facts.lines.values(), key=lambda x: x.key):
        if line.purpose not in (LineRole.EXPORT, LineRole.RE_EXPORT) or line.book not in ("", facts.book.id):
            continue
        subject = Subject("line", line.key)
        for event in exits[line.key]:
            refused = event.outcome in (Outcome.LINE_NOT_CLEARED, Outcome.LINE_NOT_REGISTERED)
            if refused or (event.recorded and line.cleared is None):
                tally.found(
                    subject,
                    "critical",
                    "cleared before exit",
                    "exit without clearance",
                    evidence=[event],
                    explanation="An exit was confirmed for a line that customs had not cleared.",
                )
        if line.cleared is None or line.cancelled is not None or on_spot(line) or taxed(line):
            continue  # an on-spot export has no exit (X8 judges its import), nor has material only taxed
        due = line.cleared.end_ms + limit
        left = [
            (leg.quantity_micro, event) for event in exits[line.key] if event.recorded for leg in event.legs
        ]
        total = sum(q for q, _ in left)
        tolerance = tally.tol(line.quantity_micro, line.uom)
        short = tolerance.exceeded(total - line.quantity_micro) and total < line.quantity_micro
        if due >= facts.book.as_of_ms and short:
            continue  # pending
        cleared, loaded = facts.by_id.get(line.cleared_by), loads.get(line.key)
        behind = [e for e in (cleared, loaded) if e is not None] + [e for _, e in left]
        if short:
            tally.amount(
                subject,
                "high",
                line.quantity_micro,
                total,
                line.uom,
                tolerance=tolerance,
                duty_at_risk=facts.duty_on(line.code, line.quantity_micro - total),
                evidence=behind,
                explanation=f"Cleared on {iso_day(line.cleared.start_ms, facts.book.offset)}; what did "
                f"not leave by {iso_day(due, facts.book.offset)} is not proven exported.",
            )
            continue
        last = max((e.occurred.start_ms for _, e in left), default=0)
        if last > due:
            days = (last - line.cleared.start_ms) // DAY_MS
            allowed = limit // DAY_MS
            tally.found(subject, "low", str(allowed), str(days), difference=str(days - allowed), uom="DAY",
                        evidence=behind, explanation="Left, but later than the limit after clearance: "
                        f"{micro_text(total)} {line.uom}.")
            continue
        tally.clean()


RULES = (
    Rule("X1", "1", "export", "Exports beyond what was made", "book",
         (Law("Decree 128/2020/ND-CP", valid_from="2020-12-10", valid_to="2026-06-30"),
          Law("Decree 169/2026/ND-CP Art. 15.1.d, dd", valid_from="2026-07-01")), (),
         {"L1": "the lot it was loaded from is used beyond its quantity",
          "B1": "where the act was recorded, the lot's finished stock goes below zero",
          "B2": "where the act was recorded, the count finds more than the identity",
          "B6": "where the act was recorded, more is accounted for than came in",
          "B4": "where the act was recorded, more is loaded than was cleared"}, x1),
    Rule("X4", "2", "export", "Cleared but never left", "book",
         (*circular_38("53"),
          Law("Decree 169/2026/ND-CP Art. 15.1.d", valid_from="2026-07-01")),
         (Param("days", "15", "days", "from clearance to the confirmed exit"),), {}, x4),
)
