"""Families C and T, where things are: registered places, steps left out, numbers that cannot be, travel."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from ledger.vocabulary import MICRO, Kind, Step, Thing
from tracer.book import Event, Place
from tracer.facts import Facts
from tracer.moment import HOUR_MS, zone_of
from tracer.rules.core import PIECE, Law, Param, Rule, Subject, Tally, circular_38
from tracer.spelling import bare

_ISO = re.compile(r"^[A-Z]{3}[UJZ][0-9]{7}$")
_LETTERS = {
    c: n for n, c in zip((x for x in range(10, 39) if x % 11), "ABCDEFGHIJKLMNOPQRSTUVWXYZ", strict=True)
}
_EARTH_KM = 6371.0088
_CAME = (Kind.ARRIVE, Kind.STUFF, Kind.ACCEPT)
_CAME_STEPS = (Step.GATE_IN, Step.DISCHARGE, Step.STORE)
_PRESENT = (*_CAME, Kind.GATE_OUT, Kind.STRIP, Kind.RECEIVE_FACTORY, Kind.EXPORT_LOAD)
_PRESENT_STEPS = (*_CAME_STEPS, Step.MOVE, Step.WEIGH, Step.SEAL_APPLY, Step.SEAL_BREAK, Step.INSPECT,
                  Step.LEFT)
"""Acts and steps that are done to a container where it stands."""


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
    """A unit passes every step: it arrives before it leaves the gate, and customs inspects red goods.

    A recorded gate-out of a container or cargo that no arrival, discharge or gate-in goes before. And a
    release of goods in the red channel (as an event of step CHANNEL or the declaration line says) that no
    inspection by customs of the unit or its line goes before; in a book that does not name customs, anybody's
    will do. By when things happened, not when they were told: a step goes before where dates and clocks allow
    it. Of a channel that nobody stated nothing is said.
    """
    u = 2 * facts.book.clock_uncertainty_ms
    there: dict[tuple[str, Thing], list[Event]] = defaultdict(list)
    seen: dict[str, list[Event]] = defaultdict(list)
    for event in facts.boxed:
        if event.kind in _CAME or (event.kind == Kind.OBSERVE and event.step in _CAME_STEPS):
            for leg in event.boxes:
                there[leg.unit, leg.thing].append(event)
    observed = facts.of_kinds(Kind.OBSERVE)  # of a unit, or of a declaration line alone
    for event in observed:
        if event.step == Step.INSPECT and (event.actor in facts.book.customs or not facts.book.customs):
            for name in event.names:
                seen[name].append(event)
    red = {line.key for line in facts.book.lines if line.channel == "red"}
    of_lines = [event for event in observed if event.step == Step.CHANNEL and not event.boxes]
    for event in sorted([*facts.boxed, *of_lines], key=lambda e: (e.occurred.start_ms, e.seq)):
        if event.more.channel:
            red = red | event.names if event.more.channel == "red" else red - event.names
        lines = {event.line, *event.cited} - {""}
        for leg in event.boxes:
            subject = Subject(leg.thing.name.lower(), leg.unit)
            if event.kind == Kind.ELIGIBLE and red & (lines | {leg.unit}):
                looks = [x for name in sorted(lines | {leg.unit}) for x in seen.get(name, ())]
                if any(not event.occurred.before(x.occurred, u) for x in looks):
                    tally.clean()
                else:
                    tally.amount(subject, "medium", MICRO, 0, PIECE, evidence=[event],
                                 explanation="Released from the red channel, and customs did not inspect it.")
            elif event.kind == Kind.GATE_OUT:
                came = there[leg.unit, leg.thing]
                if any(not event.occurred.before(x.occurred, u) for x in came):
                    tally.clean()
                else:
                    tally.amount(subject, "medium", MICRO, 0, PIECE, evidence=[event, *came[:1]],
                                 explanation="It left the gate, and nobody ever saw it arrive before.")


def check_digit(number: str) -> int:
    """Check digit of the first ten characters of a container number (ISO 6346)."""
    total = sum((_LETTERS[c] if c.isalpha() else int(c)) << i for i, c in enumerate(number[:10]))
    return total % 11 % 10


def c9(facts: Facts, tally: Tally) -> None:
    """A container's number is one that a container can have, and the container is at one place at a time.

    Four letters of which the last is U, J or Z, six digits and the check digit of ISO 6346, whatever
    capitals, spaces and hyphens it is written with. A name of another form is no such number and is not
    looked at. One number in two consignments that stand at two places at the same time: each is known to
    have come to its place and to have been there still while the other was, by more than both clocks'
    uncertainty. And goods in it that weigh (gross less tare) more than any container may with what it holds.
    Sizes and types are not in a book, nor are vessels.
    """
    seen: dict[str, Event] = {}
    stays: dict[str, list[_Stay]] = defaultdict(list)
    open_stays: dict[str, _Stay] = {}
    for event in sorted(facts.boxed, key=lambda e: (e.occurred.start_ms, e.seq)):
        for leg in event.legs:
            if leg.thing != Thing.CONTAINER:
                continue
            seen.setdefault(leg.unit, event)
            if event.place and (event.kind in _PRESENT or event.step in _PRESENT_STEPS):
                stay = open_stays.get(leg.unit)
                if stay is None or stay.first.place != event.place:
                    stay = open_stays[leg.unit] = _Stay(leg.unit, event, event)
                    stays[_number(leg.unit)].append(stay)
                stay.last = event
    _numbers(tally, seen)
    for number, found in sorted(stays.items()):
        if _ISO.match(number) and len({stay.unit for stay in found}) > 1:
            _at_once(facts, tally, number, found)
    _heavy(facts, tally)


@dataclass(slots=True)
class _Stay:
    """A container at one place, from the first to the last act there."""

    unit: str
    first: Event
    last: Event


def _number(unit: str) -> str:
    return bare(unit.rpartition("/")[2])


def _numbers(tally: Tally, seen: dict[str, Event]) -> None:
    for unit, event in sorted(seen.items()):
        number = _number(unit)
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


def _at_once(facts: Facts, tally: Tally, number: str, stays: list[_Stay]) -> None:
    """Stays of one container in several consignments: the first two that lie over each other."""
    u = 2 * facts.book.clock_uncertainty_ms
    for i, one in enumerate(stays):
        for other in stays[i + 1:]:
            if one.unit == other.unit or one.first.place == other.first.place:
                continue
            if one.first.occurred.before(other.last.occurred, u) \
                    and other.first.occurred.before(one.last.occurred, u):
                tally.amount(
                    Subject("container", other.unit), "high", MICRO, 2 * MICRO, PIECE,
                    evidence=[one.first, one.last, other.first, other.last],
                    explanation=f"{number} is at {one.first.place} as {one.unit} and at "
                                f"{other.first.place} as {other.unit} at once.")
                return
    tally.clean()


def _heavy(facts: Facts, tally: Tally) -> None:
    most = int(tally.param("payload") * MICRO)
    for event in facts.weighed:
        boxes = [leg for leg in event.legs if leg.thing == Thing.CONTAINER]
        if event.weighing is None or event.weighing.tare_micro is None or len(boxes) != 1:
            continue
        net = event.weighing.gross_micro - event.weighing.tare_micro
        if net > most:
            tally.amount(Subject("container", boxes[0].unit), "medium", most, net, "KGM", evidence=[event],
                         explanation="More than any container may weigh.")
        else:
            tally.clean()


def t3(facts: Facts, tally: Tally) -> None:
    """Nothing travels faster than it can.

    Between two acts about one unit at places with coordinates: the great circle between them, at the greatest
    speed of the way, takes at least so long; less time than that, both clocks' uncertainty allowed, is a
    finding. By road 90 km/h; between two rail yards 120 km/h; between two air warehouses 950 km/h; between
    two ports 25 knots where goods were loaded at the first or landed at the second, else by road. A date
    without a time gives the longest time that it can mean, and does not stand between two acts with one. Of a
    place that moved its coordinates of that day count. Corridors and registered times are not in a book.
    """
    places = {key: [row for row in rows if row.latitude is not None and row.longitude is not None]
              for key, rows in (_places(facts) or {}).items()}
    if not any(places.values()):
        tally.missing(Subject("book", facts.book.id or "custody"), "coordinates of places (places.csv)")
        return
    last: dict[tuple[str, Thing], Event] = {}
    exact: dict[tuple[str, Thing], Event] = {}
    order = sorted(facts.events, key=lambda e: (e.occurred.start_ms, e.seq))
    for event in order:
        if not event.recorded or not places.get(event.place):
            continue
        for leg in event.legs:
            if leg.thing == Thing.NONE:
                continue
            key = leg.unit, leg.thing
            one, other = last.get(key), exact.get(key)
            last[key] = event
            if event.occurred.start_ms == event.occurred.end_ms:
                exact[key] = event
            for before in (one, other if other is not one else None):
                if before is not None and before.place != event.place and _travel(
                        facts, tally, Subject(leg.thing.name.lower(), leg.unit), (before, event),
                        (_on_day(places, before), _on_day(places, event))):
                    break


def _on_day(places: dict[str, list[Place]], event: Event) -> Place:
    rows = places[event.place]
    return next((row for row in rows if _in_force(row, event)), rows[0])


def _speed(tally: Tally, acts: tuple[Event, Event], kinds: tuple[str, str]) -> Fraction:
    """The greatest speed of the way, in km/h."""
    if kinds in {("air", "air"), ("rail", "rail")}:
        return tally.param(kinds[0])
    landed = acts[1].kind == Kind.ARRIVE or acts[1].step == Step.DISCHARGE
    by_ship = kinds == ("port", "port") and (acts[0].kind == Kind.EXPORT_LOAD or landed)
    return tally.param("sea" if by_ship else "road")


def _travel(
    facts: Facts, tally: Tally, subject: Subject, acts: tuple[Event, Event], places: tuple[Place, Place]
) -> bool:
    """Whether a trip was faster than it can be."""
    (one, other), (a, b) = acts, places
    km = distance(a, b)
    least = round(Fraction(km) / _speed(tally, acts, (a.kind, b.kind)) * HOUR_MS)
    took = other.occurred.end_ms - one.occurred.start_ms + 2 * facts.book.clock_uncertainty_ms
    if took >= least:
        tally.clean()
        return False
    tally.amount(
        subject,
        "medium",
        least * 1_000 // HOUR_MS * 1_000,
        took * 1_000 // HOUR_MS * 1_000,
        "HUR",
        evidence=[one, other],
        explanation=f"{km} km from {one.place} to {other.place} in that time.",
    )
    return True


def distance(a: Place, b: Place) -> int:
    """Great circle in whole kilometres, rounded down: a guide, no figure of an account."""
    one, two = math.radians(a.latitude or 0), math.radians(b.latitude or 0)
    turn = math.radians((b.longitude or 0) - (a.longitude or 0))
    h = math.sin((two - one) / 2) ** 2 + math.cos(one) * math.cos(two) * math.sin(turn / 2) ** 2
    return int(2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(h))))


def t6(facts: Facts, tally: Tally) -> None:
    """Times are those of clocks, not of memory.

    A poster of whom a hundred acts or more state a time, every one of them on the whole hour: the times were
    written down afterwards. Whole hours are those of the book's zone. Acts with a date alone state no time.
    What a device's own clock and counters said is not in a book.
    """
    times: dict[str, list[Event]] = defaultdict(list)
    zone_ms = zone_of(facts.book.offset).utcoffset(None) // timedelta(milliseconds=1)
    for event in facts.events:
        if event.recorded and event.occurred.start_ms == event.occurred.end_ms:
            times[event.actor].append(event)
    for actor, events in sorted(times.items()):
        if len(events) < int(tally.param("least")):
            continue
        whole = [e for e in events if (e.occurred.start_ms + zone_ms) % HOUR_MS == 0]
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
    Rule("C6", "4", "custody", "Step left out", "custody", circular_38("52"), (), {}, c6),
    Rule("C9", "2", "custody", "Number that no container has", "custody", circular_38("52b"),
         (Param("payload", "36000", "kg", "of goods: ISO 668 allows a container no more with them"),), {},
         c9),
    Rule(
        "T3",
        "2",
        "time",
        "Impossible travel",
        "custody",
        (*circular_38("50.2"), Law("Decree 169/2026/ND-CP Art. 13.2.a", valid_from="2026-07-01")),
        (
            Param("road", "90", "km/h", "by road"),
            Param("rail", "120", "km/h", "between rail yards"),
            Param("sea", "46.3", "km/h", "between ports (25 knots)"),
            Param("air", "950", "km/h", "between air warehouses"),
        ),
        {},
        t3,
        ("coordinates of places",),
    ),
    Rule(
        "T6",
        "2",
        "time",
        "Times written from memory",
        "custody",
        (Law("Law 54/2014/QH13 Art. 59.1", valid_from="2015-01-01"),),
        (Param("least", "100", "acts", "that state a time"),),
        {},
        t6,
    ),
)
