"""Families C and T, where things are: registered places, steps left out, numbers that cannot be, travel."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import MICRO, Kind, Step, Thing
from tracer.book import Event, Place
from tracer.facts import Facts
from tracer.moment import HOUR_MS
from tracer.rules.core import PIECE, Law, Param, Rule, Subject, Tally, circular_38

_ISO = re.compile(r"^[A-Z]{3}[UJZ][0-9]{7}$")
_LETTERS = {
    c: n for n, c in zip((x for x in range(10, 39) if x % 11), "ABCDEFGHIJKLMNOPQRSTUVWXYZ", strict=True)
}
_EARTH_KM = 6371.0088


def c4(facts: Facts, tally: Tally) -> None:
    """The enterprise's goods are where it notified customs that they would be.

    Every act of the enterprise that names a place: the place stands on its list, in force on that day. One
    finding for each place that does not, with the number of acts. Acts of others (carriers, terminals) are at
    their own places. Positions of devices are not in a book.
    """
    places = _places(facts)
    if places is None:
        tally.missing(Subject("book", facts.book.id), "notified places (places.csv)")
        return
    strange: dict[str, list[Event]] = defaultdict(list)
    for event in facts.events:
        if not event.recorded or not event.place or event.actor != facts.book.enterprise:
            continue
        if any(_in_force(p, event) for p in places.get(event.place, ())):
            tally.clean()
        else:
            strange[event.place].append(event)
    for place, events in sorted(strange.items()):
        tally.amount(
            _about(events[0]),
            "medium",
            0,
            len(events) * MICRO,
            PIECE,
            evidence=events[:16],
            explanation=f"{len(events)} act(s) at {place}, which was not a notified place on that day.",
        )


def _places(facts: Facts) -> dict[str, list[Place]] | None:
    if facts.book.places is None:
        return None
    result: dict[str, list[Place]] = defaultdict(list)
    for place in facts.book.places:
        result[place.id].append(place)
    return result


def _in_force(place: Place, event: Event) -> bool:
    early = place.valid_from is not None and event.occurred.end_ms < place.valid_from.start_ms
    return not early and (place.valid_to is None or event.occurred.start_ms <= place.valid_to.end_ms)


def _about(event: Event) -> Subject:
    leg = next((x for x in event.legs if x.thing != Thing.NONE), None)
    return Subject(leg.thing.name.lower(), leg.unit) if leg else Subject("event", event.id)


def c6(facts: Facts, tally: Tally) -> None:
    """A unit passes every step: it arrives before it leaves the gate, and red goods are inspected.

    A recorded gate-out of a container or cargo that no arrival, discharge or gate-in goes before in the
    ledger's order. And a release of goods in the red channel (as an event of step CHANNEL or the declaration
    line says) before anybody inspected the unit or its line. Of a channel that nobody stated nothing is said.
    """
    there: set[tuple[str, Thing]] = set()
    red = {line.key for line in facts.book.lines if line.channel == "red"}
    seen: set[str] = set()
    for event in facts.boxed:
        came = event.kind in (Kind.ARRIVE, Kind.STUFF, Kind.ACCEPT) or (
            event.kind == Kind.OBSERVE and event.step in (Step.GATE_IN, Step.DISCHARGE, Step.STORE)
        )
        lines = {event.line, *event.cited} - {""}
        boxes = [leg for leg in event.legs if leg.thing in (Thing.CONTAINER, Thing.CARGO)]
        if event.more.channel:
            named = lines | {leg.unit for leg in boxes}
            red = red | named if event.more.channel == "red" else red - named
        if event.kind == Kind.OBSERVE and event.step == Step.INSPECT:
            seen |= lines | {leg.unit for leg in boxes}
        for leg in boxes:
            subject = Subject(leg.thing.name.lower(), leg.unit)
            if event.kind == Kind.ELIGIBLE and red & (lines | {leg.unit}):
                if seen & (lines | {leg.unit}):
                    tally.clean()
                else:
                    tally.amount(subject, "medium", MICRO, 0, PIECE, evidence=[event],
                                 explanation="Released from the red channel, and nobody inspected it.")
            if came:
                there.add((leg.unit, leg.thing))
            elif event.kind == Kind.GATE_OUT and (leg.unit, leg.thing) in there:
                tally.clean()
            elif event.kind == Kind.GATE_OUT:
                tally.amount(subject, "medium", MICRO, 0, PIECE, evidence=[event],
                             explanation="It left the gate, and nobody ever saw it arrive.")


def check_digit(number: str) -> int:
    """Check digit of the first ten characters of a container number (ISO 6346)."""
    total = sum((_LETTERS[c] if c.isalpha() else int(c)) << i for i, c in enumerate(number[:10]))
    return total % 11 % 10


def c9(facts: Facts, tally: Tally) -> None:
    """A container's number is one that a container can have.

    Four letters of which the last is U, J or Z, six digits and the check digit of ISO 6346. A name of another
    form is no such number and is not looked at. Size, type and greatest weight are not in a book.
    """
    seen: dict[str, Event] = {}
    for event in facts.boxed:
        for leg in event.legs:
            if leg.thing == Thing.CONTAINER:
                seen.setdefault(leg.unit, event)
    for unit, event in sorted(seen.items()):
        number = unit.rpartition("/")[2]
        if not _ISO.match(number):
            continue
        digit = check_digit(number)
        if digit == int(number[10]):
            tally.clean()
        else:
            tally.found(
                Subject("container", unit),
                "low",
                str(digit),
                number[10],
                evidence=[event],
                explanation=f"{number} has the check digit {number[10]}, not {digit}: a slip, or none.",
            )


def t3(facts: Facts, tally: Tally) -> None:
    """Nothing travels faster than it can.

    Between two acts about one unit at places with coordinates: the great circle between them, at the greatest
    speed of the way (by road 90 km/h; between two ports 25 knots; between two air warehouses 950 km/h), takes
    at least so long; less time than that, both clocks' uncertainty allowed, is a finding. A date without a
    time gives the longest time that it can mean. Corridors and registered times are not in a book.
    """
    places = _places(facts)
    known = {
        key: rows[0]
        for key, rows in (places or {}).items()
        if rows[0].latitude is not None and rows[0].longitude is not None
    }
    if not known:
        tally.missing(Subject("book", facts.book.id or "custody"), "coordinates of places (places.csv)")
        return
    last: dict[tuple[str, Thing], Event] = {}
    order = sorted(facts.events, key=lambda e: (e.occurred.start_ms, e.seq))
    for event in order:
        if not event.recorded or event.place not in known:
            continue
        for leg in event.legs:
            if leg.thing == Thing.NONE:
                continue
            before = last.get((leg.unit, leg.thing))
            last[leg.unit, leg.thing] = event
            if before is not None and before.place != event.place:
                subject = Subject(leg.thing.name.lower(), leg.unit)
                _travel(facts, tally, subject, (before, event), (known[before.place], known[event.place]))


def _travel(
    facts: Facts, tally: Tally, subject: Subject, acts: tuple[Event, Event], places: tuple[Place, Place]
) -> None:
    (one, other), (a, b) = acts, places
    speed = tally.param(
        "sea" if a.kind == b.kind == "port" else "air" if a.kind == b.kind == "air" else "road"
    )
    km = distance(a, b)
    least = round(Fraction(km) / speed * HOUR_MS)
    took = other.occurred.end_ms - one.occurred.start_ms + 2 * facts.book.clock_uncertainty_ms
    if took >= least:
        tally.clean()
        return
    tally.amount(
        subject,
        "medium",
        least * 1_000 // HOUR_MS * 1_000,
        took * 1_000 // HOUR_MS * 1_000,
        "HUR",
        evidence=[one, other],
        explanation=f"{km} km from {one.place} to {other.place} in that time.",
    )


def distance(a: Place, b: Place) -> int:
    """Great circle in whole kilometres, rounded down: a guide, no figure of an account."""
    one, two = math.radians(a.latitude or 0), math.radians(b.latitude or 0)
    turn = math.radians((b.longitude or 0) - (a.longitude or 0))
    h = math.sin((two - one) / 2) ** 2 + math.cos(one) * math.cos(two) * math.sin(turn / 2) ** 2
    return int(2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(h))))


def t6(facts: Facts, tally: Tally) -> None:
    """Times are those of clocks, not of memory.

    A poster of whom a hundred acts or more state a time, every one of them on the whole hour: the times were
    written down afterwards. Acts with a date alone state no time.
    """
    times: dict[str, list[Event]] = defaultdict(list)
    for event in facts.events:
        if event.recorded and event.occurred.start_ms == event.occurred.end_ms:
            times[event.actor].append(event)
    for actor, events in sorted(times.items()):
        if len(events) < int(tally.param("least")):
            continue
        whole = [e for e in events if e.occurred.start_ms % HOUR_MS == 0]
        if len(whole) == len(events):
            tally.amount(
                Subject("event", events[0].id),
                "low",
                0,
                len(whole) * MICRO,
                PIECE,
                evidence=events[:8],
                explanation=f"All {len(whole)} times that {actor} states are whole hours.",
            )
        else:
            tally.clean()


RULES = (
    Rule(
        "C4",
        "1",
        "custody",
        "Goods at a place that was not notified",
        "book",
        (*circular_38("57"), Law("Decree 169/2026/ND-CP Art. 13.2", valid_from="2026-07-01")),
        (),
        {},
        c4,
        ("places",),
    ),
    Rule("C6", "2", "custody", "Step left out", "custody", circular_38("52"), (), {}, c6),
    Rule("C9", "1", "custody", "Number that no container has", "custody", circular_38("52b"), (), {}, c9),
    Rule(
        "T3",
        "1",
        "time",
        "Impossible travel",
        "custody",
        (*circular_38("50.2"), Law("Decree 169/2026/ND-CP Art. 13.2.a", valid_from="2026-07-01")),
        (
            Param("road", "90", "km/h", "by road"),
            Param("sea", "46.3", "km/h", "between ports (25 knots)"),
            Param("air", "950", "km/h", "between air warehouses"),
        ),
        {},
        t3,
        ("coordinates of places",),
    ),
    Rule(
        "T6",
        "1",
        "time",
        "Times written from memory",
        "custody",
        (Law("Law 54/2014/QH13 Art. 59.1", valid_from="2015-01-01"),),
        (Param("least", "100", "acts", "that state a time"),),
        {},
        t6,
    ),
)
