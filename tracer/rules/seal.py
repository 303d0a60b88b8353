"""Family S: the seal that was there at one point is there at the next, and whole."""

from __future__ import annotations

from collections import defaultdict

from ledger.vocabulary import MICRO, Kind, Outcome, Step, Thing
from tracer.book import Event
from tracer.facts import Facts
from tracer.moment import DAY_MS
from tracer.rules.core import PIECE, Law, Rule, Subject, Tally, circular_38

_READS = (
    Kind.ARRIVE,
    Kind.OBSERVE,
    Kind.OFFER,
    Kind.ACCEPT,
    Kind.REFUSE,
    Kind.GATE_OUT,
    Kind.RECEIVE_FACTORY,
)


def s1(facts: Facts, tally: Tally) -> None:
    """The seals on a container are the same from point to point unless a break and a new seal were recorded.

    Every event of the unit that states seal numbers is a reading, in the order in which things happened; a
    SEAL_BREAK takes the numbers it names (or all) away, a SEAL_APPLY adds its own. A reading that differs
    from the seals then known is a finding; after it the new numbers are taken as known, so one change is
    one finding. A reading in an act that the ledger refused still counts: somebody read that seal.
    """
    by_unit: dict[tuple[str, Thing], list[Event]] = defaultdict(list)
    for event in facts.events:
        breaks = event.kind == Kind.OBSERVE and event.step == Step.SEAL_BREAK
        if event.kind not in _READS or not (event.seals or breaks) or event.outcome == Outcome.PENDING:
            continue
        for leg in event.legs:
            if leg.thing in (Thing.CONTAINER, Thing.CARGO):
                by_unit[leg.unit, leg.thing].append(event)
    for (unit, thing), events in sorted(by_unit.items()):
        known: set[str] = set()
        last: Event | None = None
        for event in sorted(events, key=lambda e: (e.occurred.start_ms, e.seq)):
            read = set(event.seals)
            if event.kind == Kind.OBSERVE and event.step == Step.SEAL_BREAK:
                known = known - read if read else set()
            elif event.kind == Kind.OBSERVE and event.step == Step.SEAL_APPLY:
                known |= read
            elif last is None or read == known:
                known = read
                tally.clean()
            else:
                was, now = ", ".join(sorted(known)) or "none", ", ".join(sorted(read))
                tally.amount(
                    Subject(thing.name.lower(), unit), "high", 0, MICRO, PIECE, evidence=[last, event],
                    explanation=f"Seal {was} became {now} between {last.place or last.actor} and "
                                f"{event.place or event.actor} without a recorded break and new seal.")
                known = read
            last = event


def s2(facts: Facts, tally: Tally) -> None:
    """A seal stays whole until somebody with the right to do so breaks it, and says why.

    A seal found broken or tampered with is a finding, critical where customs had set it. So is a break that
    was recorded while the unit was under supervision (before it left the gate), unless customs did it, or
    customs inspected the unit that day, or a reason was stated; a reason does not excuse breaking a seal of
    customs there. After the gate-out the owner opens what it received; only a seal of customs broken before
    the receipt without a reason is a finding then.
    """
    by_unit: dict[tuple[str, Thing], list[Event]] = defaultdict(list)
    for event in facts.events:
        for leg in event.legs:
            if event.recorded and leg.thing in (Thing.CONTAINER, Thing.CARGO):
                by_unit[leg.unit, leg.thing].append(event)
    for (unit, thing), events in sorted(by_unit.items()):
        if any(e.seals or e.broken_seals or e.step == Step.SEAL_BREAK for e in events):
            _intact(facts, tally, Subject(thing.name.lower(), unit),
                    sorted(events, key=lambda e: (e.occurred.start_ms, e.seq)))


def _intact(facts: Facts, tally: Tally, subject: Subject, events: list[Event]) -> None:
    of_customs: set[str] = set()
    on: set[str] = set()
    told: set[str] = set()
    free = received = failed = False
    for event in events:
        of_customs |= set(event.customs_seals)
        broken = set(event.broken_seals) - told
        if broken:
            told |= broken
            failed = True
            theirs = bool(broken & of_customs)
            tally.amount(
                subject, "critical" if theirs else "high", 0, len(broken) * MICRO, PIECE, evidence=[event],
                explanation=f"Seal {', '.join(sorted(broken))} found broken or tampered with at "
                            f"{event.place or event.actor}.")
        if event.kind == Kind.OBSERVE and event.step == Step.SEAL_BREAK:
            opened = set(event.seals) or set(on)
            theirs = bool(opened & of_customs) and not received
            if _unlawful(facts, event, events, theirs=theirs, supervised=not free):
                failed = True
                named = ", ".join(sorted(opened)) or "of the unit"
                whose = "of customs" if theirs else "under supervision"
                tally.amount(subject, "critical" if theirs else "high", 0, MICRO, PIECE, evidence=[event],
                             explanation=f"{event.actor} broke seal {named} {whose} "
                                         f"{'on its own' if event.reason else 'and stated no reason'}.")
            on -= opened
        else:
            on |= set(event.seals)
        free = free or event.kind == Kind.GATE_OUT
        received = received or event.kind == Kind.RECEIVE_FACTORY
    if not failed:
        tally.clean()


def _unlawful(facts: Facts, event: Event, events: list[Event], *, theirs: bool, supervised: bool) -> bool:
    """Whether a recorded break of a seal had no right behind it."""
    customs = facts.book.customs
    if event.actor in customs or not (theirs or supervised):
        return False
    inspected = any(e.kind == Kind.OBSERVE and e.step == Step.INSPECT and e.actor in customs
                    and abs(e.occurred.start_ms - event.occurred.start_ms) <= DAY_MS for e in events)
    return not inspected and (not event.reason or (theirs and supervised))


RULES = (
    Rule(
        "S1",
        "1",
        "seal",
        "Seal changed without a record",
        "custody",
        (
            Law("Law 54/2014/QH13 Art. 64.4, 65", valid_from="2015-01-01"),
            *circular_38("50.2, 52b"),
            Law("Decree 169/2026/ND-CP Art. 13.3, 13.6", valid_from="2026-07-01"),
        ),
        (),
        {},
        s1,
    ),
    Rule("S2", "1", "seal", "Seal broken or tampered with", "custody",
         (Law("Law 54/2014/QH13 Art. 64.4, 65", valid_from="2015-01-01"), *circular_38("50.2"),
          Law("Decree 169/2026/ND-CP Art. 13.3, 13.6", valid_from="2026-07-01")), (),
         {}, s2, ("who is customs, and which seals are theirs",)),
)
