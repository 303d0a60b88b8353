"""Family C: who held the goods, who let them go, and whether both sides say the same."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ledger.vocabulary import MICRO, Kind, LineRole, Outcome, Step, Thing
from tracer.book import Event, Leg
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.moment import HOUR_MS, iso
from tracer.quantity import micro_text
from tracer.rules.conservation import handed_over
from tracer.rules.core import PIECE, Law, Param, Rule, Subject, Tally, circular_38

_NO_RIGHT = (Outcome.HELD, Outcome.NOT_ELIGIBLE)


@dataclass(slots=True)
class _Right:
    """What speaks for and against a unit's release at some moment.

    `holds` says who holds the unit and each thing that it has to do with; `inside` what is in it; `box` what
    it is in.
    """

    unit: str
    box: str = ""
    holds: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    inside: set[str] = field(default_factory=set)
    eligible: bool = False
    events: list[Event] = field(default_factory=list)
    cited: tuple[str, ...] = ()

    def fault(self, facts: Facts, gate: Event, known_ms: int) -> str:
        """Why the unit may not leave, by what was known at a moment; empty if it may."""
        held = set[str]().union(*(self.holds[name] for name in sorted({self.unit, self.box} | self.inside)))
        if held:
            return f"held by {', '.join(sorted(held))}"
        if not self.eligible:
            return "not eligible to pass the supervised area"
        for key in self.cited:
            line = facts.lines.get(key)
            if line is None or line.cancelled is None or gate.occurred.before(line.cancelled):
                continue
            if line.cancelled_recorded_ms <= known_ms:
                return f"its declaration line {key} was cancelled"
        return ""


def c1(facts: Facts, tally: Tally) -> None:
    """A unit may leave supervision only while it is eligible, free of holds, and its declaration stands.

    Two views of each gate-out: as known when it was recorded (what the operator could see), and with
    everything known at the date of the run, by when things happened (a hold set before the gate-out but
    recorded after it). A container is held where something inside it is, and what is taken out of a held one
    stays held. A gate-out that the ledger refused because the unit was held or not eligible is
    evidence of the attempt; if the unit was later seen leaving, that is said. A unit seen leaving without
    any gate-out is reported as well.
    """
    by_unit: dict[str, list[Event]] = defaultdict(list)
    for event in facts.events:
        for leg in event.boxes:
            by_unit[leg.unit].append(event)
    related = _Related(facts)
    for unit, own in sorted(by_unit.items()):
        events = related.events(unit, own)
        thing = next(leg.thing for leg in own[0].legs if leg.unit == unit)
        subject = Subject(thing.name.lower(), unit)
        seen = [e for e in events if e.kind == Kind.OBSERVE and e.step == Step.LEFT]
        refused = [e for e in events if e.kind == Kind.GATE_OUT and e.outcome in _NO_RIGHT]
        passed = [e for e in events if e.kind == Kind.GATE_OUT and e.recorded]
        for gate in passed:
            _released(facts, tally, subject, gate, events)
        left = [e for e in seen if not any(g.seq < e.seq for g in passed)]
        if refused:
            right = _right(facts, unit, events, refused[0], by_occurrence=False)
            why = right.fault(facts, refused[0], refused[0].recorded_ms) or refused[0].outcome.name.lower()
            seen_leaving = "; it was seen leaving all the same" if left else ""
            _report(tally, subject, "critical", [*refused, *right.events, *left],
                    f"Release was tried {len(refused)} time(s) and refused: {why}{seen_leaving}.")
        elif left:
            right = _right(facts, unit, events, left[0], by_occurrence=False)
            why = right.fault(facts, left[0], left[0].recorded_ms) or "no gate-out was posted"
            _report(tally, subject, "critical", [*left, *right.events],
                    f"Seen leaving the supervised area without a recorded gate-out: {why}.")


class _Related:
    """Holds of what a unit is packed with: set on one of them, they are in the way of the other."""

    def __init__(self, facts: Facts) -> None:
        self._place = {event.id: place for place, event in enumerate(facts.events)}
        self._packed: dict[str, list[Event]] = defaultdict(list)
        self._holds: dict[str, list[Event]] = defaultdict(list)
        for event in facts.of_kinds(Kind.STUFF, Kind.STRIP):
            for leg in event.legs:
                self._packed[leg.unit].append(event)
        for event in facts.of_kinds(Kind.HOLD, Kind.UNHOLD) if self._packed else ():
            for leg in event.legs:
                self._holds[leg.unit].append(event)

    def events(self, unit: str, own: list[Event]) -> list[Event]:
        """The events of a unit, with those that hold what it was packed with, in the ledger's order."""
        others = {leg.unit for event in self._packed.get(unit, ()) for leg in event.legs} - {unit}
        holds = [event for other in others for event in self._holds.get(other, ())]
        if not holds:
            return own
        every = {event.id: event for event in (*own, *holds)}
        return sorted(every.values(), key=lambda event: self._place[event.id])


def _report(
    tally: Tally, subject: Subject, severity: Severity, evidence: list[Event], explanation: str
) -> None:
    """A release without right: none is expected, one was seen."""
    gone = any(e.kind == Kind.OBSERVE for e in evidence)
    tally.amount(subject, severity, 0, MICRO, PIECE, evidence=evidence, explanation=explanation, firm=gone)


def _released(facts: Facts, tally: Tally, subject: Subject, gate: Event, events: list[Event]) -> None:
    then = _right(facts, subject.id, events, gate, by_occurrence=False)
    now = _right(facts, subject.id, events, gate, by_occurrence=True)
    known_then, known_now = (
        then.fault(facts, gate, gate.recorded_ms),
        now.fault(facts, gate, facts.book.as_of_ms),
    )
    if known_then:
        after = known_now or "nothing against it"
        _report(
            tally,
            subject,
            "critical",
            [gate, *then.events],
            f"Released; as known when it was recorded: {known_then}. With what is known now: {after}.",
        )
    elif known_now:
        _report(
            tally,
            subject,
            "high",
            [gate, *now.events],
            f"Released; as known when it was recorded: in order. With what is known now: {known_now}.",
        )
    else:
        tally.clean()


def _right(facts: Facts, unit: str, events: list[Event], gate: Event, *, by_occurrence: bool) -> _Right:
    """The state of a unit just before an event: by the ledger's order, or by when things happened."""
    u = 2 * facts.book.clock_uncertainty_ms
    result = _Right(unit)
    order = sorted(events, key=lambda e: (e.occurred.start_ms, e.seq)) if by_occurrence else events
    for event in order:
        if event.id == gate.id or not event.recorded:
            continue
        helps = event.kind in (Kind.ELIGIBLE, Kind.UNHOLD)
        if by_occurrence:
            earlier = event.occurred.before(gate.occurred, 0 if helps else u) or \
                (helps and not gate.occurred.before(event.occurred, u))
        else:
            earlier = event.seq < gate.seq
        if not earlier:
            continue
        if event.kind == Kind.HOLD:
            for leg in event.legs:
                result.holds[leg.unit].add(event.actor)
        elif event.kind == Kind.UNHOLD:
            for leg in event.legs:
                result.holds[leg.unit].discard(event.actor)
        elif event.kind in (Kind.STUFF, Kind.STRIP):
            _packed(result, event)
            continue
        elif event.kind == Kind.ELIGIBLE:
            result.eligible, result.cited = True, event.cited
        elif event.kind == Kind.REVOKE or (event.kind == Kind.GATE_OUT and not by_occurrence):
            result.eligible = False
        else:
            continue
        result.events.append(event)
    return result


def _packed(right: _Right, event: Event) -> None:
    """Goods that go in or come out; what comes out has the holds of its container."""
    box = next((leg.unit for leg in event.legs if leg.role == LineRole.CONTAINER), "")
    goods = {leg.unit for leg in event.legs} - {box}
    if event.kind == Kind.STRIP:
        right.inside -= goods
        if right.unit in goods:
            right.holds[right.unit] |= right.holds[box]
            right.box = ""
    elif right.unit == box:
        right.inside |= goods
    elif right.unit in goods:
        right.box = box


def c2(facts: Facts, tally: Tally) -> None:
    """A handover has two sides, says the same on both, and is finished within four hours.

    The custodian offers, the receiver accepts. Found less than offered: the finding gives the difference in
    the unit's own measure. No answer within four hours, or an answer later than that: a gap in which nobody
    answers for the goods (an offer still within its time at the date of the run is pending). Goods taken
    that were never offered, or offered to somebody else: critical, although the ledger refuses it.
    """
    answers: dict[tuple[str, str], Event] = {}
    for event in facts.events:
        if event.recorded and event.kind in (Kind.ACCEPT, Kind.REFUSE, Kind.CANCEL) and event.reference:
            for leg in event.legs:
                answers.setdefault((event.reference, leg.unit), event)
    gaps: list[int] = []
    for event in facts.events:
        if event.kind == Kind.OFFER and event.recorded:
            for leg in event.legs:
                gaps.append(_offer(facts, tally, event, leg, answers.get((event.id, leg.unit))))
        elif event.kind == Kind.ACCEPT and event.outcome in (Outcome.NO_OPEN_OFFER, Outcome.NOT_OFFEREE):
            for leg in event.legs:
                tally.amount(
                    _about(leg),
                    "critical",
                    0,
                    leg.quantity_micro or MICRO,
                    leg.uom or PIECE,
                    evidence=[event],
                    explanation=f"Taken over by {event.actor} without an open offer to it "
                    f"({event.outcome.name}); the ledger refused it.",
                )
    if any(gaps):
        tally.result.metrics["uncovered_hours_max"] = micro_text(max(gaps) * MICRO // HOUR_MS)


def _offer(facts: Facts, tally: Tally, offer: Event, offered: Leg, answer: Event | None) -> int:
    """One unit of an offer with its answer; how long nobody answered, where that was too long."""
    limit = tally.hours_ms("hours")
    short = False
    if answer is not None and answer.kind == Kind.ACCEPT:
        for leg, quantity in handed_over(offer, answer):
            tolerance = tally.tol(quantity, leg.uom)
            difference = leg.quantity_micro - quantity
            if leg.unit == offered.unit and tolerance.exceeded(difference):
                short = True
                reason = f": {answer.reason}" if answer.reason else ""
                tally.amount(
                    _about(leg),
                    "high",
                    quantity,
                    leg.quantity_micro,
                    leg.uom,
                    tolerance=tolerance,
                    evidence=[offer, answer],
                    duty_at_risk=facts.duty_on(leg.code, difference)
                    if leg.code and difference < 0
                    else None,
                    explanation=f"{offer.actor} offered one quantity, {answer.actor} found another{reason}.",
                )
    end_ms = answer.occurred.start_ms if answer else facts.book.as_of_ms
    open_ms = end_ms - offer.occurred.end_ms
    if open_ms > limit + 2 * facts.book.clock_uncertainty_ms:
        what = f"answered at {iso(end_ms, facts.book.offset)}" if answer else "never answered"
        tally.amount(
            _about(offered), "medium", _hours(limit), _hours(open_ms), "HUR",
            evidence=[offer, *([answer] if answer else [])],
            explanation=f"The offer to {offer.counterparty} was {what}.")
        return open_ms
    if answer is not None and not short:
        tally.clean()
    return 0


def _hours(duration_ms: int) -> int:
    """Micro-hours, to the thousandth of an hour."""
    return duration_ms * 1_000 // HOUR_MS * 1_000


def _about(leg: Leg) -> Subject:
    return Subject(leg.thing.name.lower() if leg.thing != Thing.NONE else "line", leg.unit)


RULES = (
    Rule("C1", "2", "custody", "Release without right", "custody",
         (*circular_38("52, 52d"),
          Law("Decree 169/2026/ND-CP Art. 25.3", valid_from="2026-07-01")), (),
         {}, c1),
    Rule("C2", "1", "custody", "Gap in the chain of handovers", "custody",
         (Law("Law 54/2014/QH13 Art. 41, 64", valid_from="2015-01-01"),),
         (Param("hours", "4", "hours", "from the offer to its answer"),),
         {"B5": "a handover found short does not conserve quantity",
          "B2": "what is short of a lot's handover is missing at the next count"}, c2),
)
