"""Family T: nothing happens before what it needs."""

from __future__ import annotations

from collections import defaultdict

from ledger.vocabulary import Balance, Kind, Step, Thing
from tracer.book import Event
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.moment import Span
from tracer.rules.core import Law, Rule, Subject, Tally, circular_38

_FREE = (Kind.OBSERVE, Kind.DECLARE, Kind.CORRECT, Kind.COUNT, Kind.APPROVE, Kind.DENY)
"""Kinds that may speak of a thing before it is there."""


def t4(facts: Facts, tally: Tally) -> None:
    """No act may be dated before the act it builds on.

    Checked: a lot used before it was received or made; production before the issue to production; an exit
    before the loading; drawing from or loading for a line before it was cleared; receipt before the gate-out
    of what it came in; a gate-out before its eligibility; an acceptance before its offer; clearance before
    the channel or before the declaration was registered; an inspection after the exit was confirmed; a paper
    dated after the act it was given for (documents). A date without a time is the whole day; "before" holds
    only when the intervals lie apart by more than both clocks' uncertainty. One finding for each thing and
    kind of fault, with the earliest act; the difference is in hours. A container that was stuffed here before
    it arrived somewhere began there. Since when a device was in use is not in a book.
    """
    _lots(facts, tally)
    _lines(facts, tally)
    _units(facts, tally)
    _inspections(facts, tally)
    _papers(facts, tally)
    offers = facts.offers
    for event in facts.of_kinds(Kind.ACCEPT):
        if event.reference in offers:
            leg = event.legs[0] if event.legs else None
            subject = Subject(leg.thing.name.lower(), leg.unit) if leg and leg.thing != Thing.NONE else \
                Subject("event", event.id)
            _check(
                facts,
                tally,
                subject,
                offers[event.reference],
                [event],
                "An acceptance is dated before its offer",
            )


def _check(  # noqa: PLR0917 - read as a table of checks
    facts: Facts,
    tally: Tally,
    subject: Subject,
    parent: Event | Span,
    children: list[Event],
    what: str,
    severity: Severity = "high",
) -> None:
    """Every child must not lie before the parent; the earliest that does is reported."""
    at = parent.occurred if isinstance(parent, Event) else parent
    early = sorted((c for c in children if c.occurred.before(at, 2 * facts.book.clock_uncertainty_ms)),
                   key=lambda e: (e.occurred.start_ms, e.seq))
    if not early:
        if children:
            tally.clean()
        return
    behind = [parent] if isinstance(parent, Event) else []
    tally.times(subject, severity, at, early[0].occurred, evidence=[*early[:8], *behind],
                explanation=f"{what}: {early[0].kind.name}.")


def _lots(facts: Facts, tally: Tally) -> None:
    issued: dict[str, Event] = {}
    produced: dict[str, list[Event]] = defaultdict(list)
    loaded: dict[tuple[str, str], Event] = {}
    exits: dict[tuple[str, str], list[Event]] = defaultdict(list)
    used: dict[str, dict[str, Event]] = defaultdict(dict)
    wip_made: set[str] = set()
    created = facts.replay.created_by
    began = {lot: _there_from(facts, made) for lot, made in created.items()}
    clocks = 2 * facts.book.clock_uncertainty_ms
    for delta in facts.replay.deltas:
        event, lot, kind = delta.event, delta.lot, delta.event.kind
        if delta.balance is Balance.WIP and delta.change > 0 and kind is not Kind.ISSUE_PROD:
            wip_made.add(lot)
        if kind is Kind.ISSUE_PROD:
            first = issued.get(lot)
            if first is None or (first is not event and event.occurred < first.occurred):
                issued[lot] = event
        elif kind is Kind.TRANSFORM and delta.change < 0:
            produced[lot].append(event)
        elif kind is Kind.EXPORT_LOAD:
            held = loaded.get((lot, event.line))
            if held is None or (held is not event and event.occurred < held.occurred):
                loaded[lot, event.line] = event
        elif kind is Kind.EXIT_CONFIRM:
            exits[lot, event.line].append(event)
        made = created.get(lot)
        if made is not None and event is not made and event.id != made.id:
            of_lot = used[lot]
            if not of_lot or event.occurred.end_ms + clocks < began[lot].start_ms:  # else one will do
                of_lot[event.id] = event
    for lot, made in sorted(created.items()):
        at = began[lot] if made.kind == Kind.OPENING else made
        children = list(used[lot].values())
        _check(facts, tally, Subject("lot", lot), at, children, "A lot is used before it was there")
    for lot, events in sorted(produced.items()):
        if lot in issued and lot not in wip_made:
            _check(
                facts, tally, Subject("lot", lot), issued[lot], events, "Production before the issue to it"
            )
    for (lot, line), events in sorted(exits.items()):
        if (lot, line) in loaded:
            _check(facts, tally, Subject("lot", lot), loaded[lot, line], events, "An exit before the loading")


def _there_from(facts: Facts, made: Event) -> Span:
    """When a lot came into being; opening stock was there when the period began."""
    at, began = made.occurred, facts.book.period.start_ms
    return Span(min(at.start_ms, began), min(at.end_ms, began)) if made.kind == Kind.OPENING else at


def _lines(facts: Facts, tally: Tally) -> None:
    drawing: dict[str, list[Event]] = defaultdict(list)
    channels: dict[str, list[Event]] = defaultdict(list)
    for event in facts.events:
        if event.line and event.recorded and event.line in facts.lines and event.kind not in _FREE:
            drawing[event.line].append(event)
    for event in facts.of_kinds(Kind.OBSERVE):
        if event.step == Step.CHANNEL:
            for leg in event.legs:
                channels[leg.unit].append(event)
    for key, line in sorted(facts.lines.items()):
        if line.cleared is not None:
            _check(
                facts,
                tally,
                Subject("line", key),
                line.cleared,
                [e for e in drawing[key] if e.kind != Kind.CLEAR],
                "A line is drawn before it was cleared",
            )
            clear = [facts.by_id[line.cleared_by]] if line.cleared_by in facts.by_id else []
            if line.registered is not None:
                _check(
                    facts,
                    tally,
                    Subject("line", key),
                    line.registered,
                    clear,
                    "Clearance before the declaration was registered",
                    "medium",
                )
            for channel in channels[key]:
                _check(
                    facts,
                    tally,
                    Subject("line", key),
                    channel,
                    clear,
                    "Clearance before the channel",
                    "medium",
                )


def _units(facts: Facts, tally: Tally) -> None:
    clocks = 2 * facts.book.clock_uncertainty_ms
    by_unit: dict[tuple[str, Thing], list[Event]] = defaultdict(list)
    for event in facts.boxed:
        for leg in event.boxes:
            by_unit[leg.unit, leg.thing].append(event)
    for (unit, thing), events in sorted(by_unit.items()):
        subject = Subject(thing.name.lower(), unit)
        arrival = next((e for e in events if e.kind == Kind.ARRIVE), None)
        gate = next((e for e in events if e.kind == Kind.GATE_OUT), None)
        eligible = [e for e in events if e.kind == Kind.ELIGIBLE and gate is not None and e.seq < gate.seq]
        packed_here = arrival is not None and any(
            e.kind == Kind.STUFF and e.occurred.before(arrival.occurred, clocks) for e in events)
        if arrival is not None and not packed_here:
            later = [e for e in events if e.kind not in _FREE and e.id != arrival.id and e.kind != Kind.HOLD]
            _check(
                facts,
                tally,
                subject,
                arrival,
                later,
                "Something happened to a unit before it arrived",
                "medium",
            )
        if gate is not None:
            received = [e for e in events if e.kind == Kind.RECEIVE_FACTORY]
            _check(
                facts, tally, subject, gate, received, "Received at the factory before it left supervision"
            )
            if eligible:
                _check(facts, tally, subject, eligible[-1], [gate], "Left before it was eligible", "critical")


def _inspections(facts: Facts, tally: Tally) -> None:
    """What left is not inspected any more: by the unit, or by the line it left on."""
    exits: dict[str, Event] = {}
    for event in facts.of_kinds(Kind.EXIT_CONFIRM):
        for name in event.names:
            if name not in exits or event.occurred.end_ms > exits[name].occurred.end_ms:
                exits[name] = event
    clocks = 2 * facts.book.clock_uncertainty_ms
    for event in facts.of_kinds(Kind.OBSERVE):
        if event.step != Step.INSPECT:
            continue
        left = [exits[name] for name in sorted(event.names & exits.keys())]
        late = next((e for e in left if e.occurred.before(event.occurred, clocks)), None)
        if late is not None:
            leg = event.legs[0]
            tally.times(Subject(leg.thing.name.lower() if leg.thing != Thing.NONE else "line", leg.unit),
                        "medium", late.occurred, event.occurred, evidence=[event, late],
                        explanation="An inspection is dated after the exit was confirmed.")
        elif left:
            tally.clean()


def _papers(facts: Facts, tally: Tally) -> None:
    """Papers with a date against the act for which they were given."""
    for paper in facts.book.beside.documents or ():
        event = facts.by_id.get(paper.event)
        if event is not None and paper.date is not None:
            _check(facts, tally, Subject("event", event.id), paper.date, [event],
                   f"The paper {paper.number} is dated after the act it was given for", "medium")


RULES = (
    Rule(
        "T4",
        "4",
        "time",
        "Order of cause and effect",
        "custody",
        (
            Law("Law 54/2014/QH13 Art. 59.1", valid_from="2015-01-01"),
            *circular_38("60.2.a"),
        ),
        (),
        {
            "B1": "the stock an early act took was not there at its date",
            "X1": "an export dated before its production is ahead of what had been made",
            "X2": "and may be ahead of the materials for it",
            "C1": "a gate-out dated before its eligibility had no right at that moment",
        },
        t4,
    ),
)
