"""Family S: the seal that was there at one point is there at the next, and whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ledger.vocabulary import MICRO, Kind, Outcome, Step, Thing
from tracer.book import Event
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.moment import DAY_MS
from tracer.rules.core import PIECE, Law, Rule, Subject, Tally, circular_38
from tracer.seal_numbers import seal_key, seal_keys

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
    from the seals then known is a finding; after it the new numbers are taken as known, so one change is one
    finding. A reading in an act that the ledger refused still counts: somebody read that seal; after it
    either may be right. Capitals, spaces and hyphens make no other number. Where clocks or a date without a
    time do not tell whether a reading came before or after a break or a new seal, it may be either. An act
    that names several units does not say which seal is whose: none may be missing that was known of one of
    them.
    """
    by_unit: dict[tuple[str, Thing], list[Event]] = defaultdict(list)
    for event in facts.events:
        breaks = event.kind == Kind.OBSERVE and event.step == Step.SEAL_BREAK
        if event.kind not in _READS or not (event.seals or breaks) or event.outcome == Outcome.PENDING:
            continue
        for leg in event.boxes:
            by_unit[leg.unit, leg.thing].append(event)
    for (unit, thing), events in sorted(by_unit.items()):
        _same(facts, tally, Subject(thing.name.lower(), unit),
              sorted(events, key=lambda e: (e.occurred.start_ms, e.seq)))


def _same(facts: Facts, tally: Tally, subject: Subject, events: list[Event]) -> None:
    """The readings of one unit, one after the other."""
    written: dict[str, str] = {}
    known: frozenset[str] = frozenset()
    past: list[tuple[Event, frozenset[str]]] = []  # changes so far, with what was known before each
    doubt: frozenset[str] | None = None
    last: Event | None = None
    for i, event in enumerate(events):
        read = seal_keys(event.seals)
        written |= {seal_key(number): number for number in event.seals}
        if _changes(event):
            past.append((event, known))
            known, doubt = _changed(known, event), None
        elif event.of_several_boxes:
            possible = _possible(facts, event, known, past, events[i + 1:])
            if last is not None and not any(may <= read for may in possible):
                _became(tally, subject, (last, event), (known, read & known), written)
                known &= read
            else:
                tally.clean()
            continue  # which of them are its own is not said
        elif last is None or read == doubt or read in _possible(facts, event, known, past, events[i + 1:]):
            known, doubt = read if last is None or read == doubt else known, None
            tally.clean()
        else:
            _became(tally, subject, (last, event), (known, read), written)
            known, doubt = (read, None) if event.recorded else (known, read)
        last = event


def _changes(event: Event) -> bool:
    return event.kind == Kind.OBSERVE and event.step in (Step.SEAL_BREAK, Step.SEAL_APPLY)


def _changed(known: frozenset[str], event: Event) -> frozenset[str]:
    """The seals on a unit after one was broken or set."""
    named = seal_keys(event.seals)
    if event.step == Step.SEAL_APPLY:
        return known | named
    return known - named if named else frozenset()


def _possible(facts: Facts, reading: Event, known: frozenset[str], past: list[tuple[Event, frozenset[str]]],
              later: list[Event]) -> Iterator[frozenset[str]]:
    """What a reading may have found: as known, or before or after changes that it cannot be told from."""
    yield known
    u = 2 * facts.book.clock_uncertainty_ms
    for change, before in reversed(past):
        if change.occurred.before(reading.occurred, u):
            break
        yield before
    after = known
    for change in later:
        if _changes(change) and not reading.occurred.before(change.occurred, u):
            after = _changed(after, change)
            yield after


def _became(tally: Tally, subject: Subject, acts: tuple[Event, Event],
            seals: tuple[frozenset[str], frozenset[str]], written: dict[str, str]) -> None:
    last, event = acts
    was, now = (", ".join(sorted(written.get(key, key) for key in one)) or "none" for one in seals)
    tally.amount(subject, "high", 0, MICRO, PIECE, evidence=[last, event],
                 explanation=f"Seal {was} became {now} between {last.place or last.actor} and "
                             f"{event.place or event.actor} without a recorded break and new seal.")


def s2(facts: Facts, tally: Tally) -> None:
    """A seal stays whole until somebody with the right to do so breaks it, and says why.

    A seal found broken or tampered with is a finding, critical where customs had set it. So is a break that
    was recorded while the unit was under supervision (before it left the gate), unless customs did it, or
    customs inspected the unit that day. A reason that the breaker states is for customs to accept: with one
    the finding is low, or none where the unit never arrived and was sealed here; it does not excuse breaking
    a seal of customs there. After the gate-out the owner opens what it received; only a seal of customs
    broken before the receipt without a reason is a finding then. Where a date without a time does not tell
    which came first, the gate-out and the receipt did. A seal is of customs where any act about the unit says
    so.
    """
    by_unit: dict[tuple[str, Thing], list[Event]] = defaultdict(list)
    for event in facts.events:
        for leg in event.boxes if event.recorded else ():
            by_unit[leg.unit, leg.thing].append(event)
    for (unit, thing), events in sorted(by_unit.items()):
        if any(e.seals or e.broken_seals or e.step == Step.SEAL_BREAK for e in events):
            _intact(facts, tally, Subject(thing.name.lower(), unit),
                    sorted(events, key=lambda e: (e.occurred.start_ms, e.seq)))


def _intact(facts: Facts, tally: Tally, subject: Subject, events: list[Event]) -> None:
    of_customs = seal_keys(number for event in events for number in event.customs_seals)
    on: set[str] = set()
    told: set[str] = set()
    failed = False
    for event in events:
        broken = {n for n in event.broken_seals if seal_key(n) not in told}
        if broken:
            told |= seal_keys(broken)
            failed = True
            theirs = bool(seal_keys(broken) & of_customs)
            tally.amount(
                subject, "critical" if theirs else "high", 0, len(broken) * MICRO, PIECE, evidence=[event],
                explanation=f"Seal {', '.join(sorted(broken))} found broken or tampered with at "
                            f"{event.place or event.actor}.")
        if event.kind == Kind.OBSERVE and event.step == Step.SEAL_BREAK:
            opened = seal_keys(event.seals) or frozenset(on)
            theirs = bool(opened & of_customs) and not _passed(facts, Kind.RECEIVE_FACTORY, event, events)
            supervised = not _passed(facts, Kind.GATE_OUT, event, events)
            severity = _unlawful(facts, event, events, theirs=theirs, supervised=supervised)
            if severity is not None:
                failed = True
                named = ", ".join(sorted(event.seals or opened)) or "of the unit"
                whose = "of customs" if theirs else "under supervision"
                why = f"on its own: {event.reason}" if event.reason else "and stated no reason"
                tally.amount(subject, severity, 0, MICRO, PIECE, evidence=[event],
                             explanation=f"{event.actor} broke seal {named} {whose} {why}.")
            on -= opened
        else:
            on |= seal_keys(event.seals)
    if not failed:
        tally.clean()


def _passed(facts: Facts, kind: Kind, event: Event, events: list[Event]) -> bool:
    """Whether a unit may have passed such an act when something happened to it."""
    u = 2 * facts.book.clock_uncertainty_ms
    return any(e.kind == kind and not event.occurred.before(e.occurred, u) for e in events)


def _unlawful(facts: Facts, event: Event, events: list[Event], *, theirs: bool,
              supervised: bool) -> Severity | None:
    """How grave it is that a seal was broken by somebody; None where there was a right to."""
    customs = facts.book.customs
    if event.actor in customs or not (theirs or supervised):
        return None
    inspected = any(e.kind == Kind.OBSERVE and e.step == Step.INSPECT and e.actor in customs
                    and abs(e.occurred.start_ms - event.occurred.start_ms) <= DAY_MS for e in events)
    if inspected or (event.reason and theirs and not supervised):
        return None
    if theirs:
        return "critical"
    if not event.reason:
        return "high"
    return "low" if _passed(facts, Kind.ARRIVE, event, events) else None


RULES = (
    Rule(
        "S1",
        "3",
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
    Rule("S2", "3", "seal", "Seal broken or tampered with", "custody",
         (Law("Law 54/2014/QH13 Art. 64.4, 65", valid_from="2015-01-01"), *circular_38("50.2"),
          Law("Decree 169/2026/ND-CP Art. 13.3, 13.6", valid_from="2026-07-01")), (),
         {}, s2, ("who is customs, and which seals are theirs",)),
)
