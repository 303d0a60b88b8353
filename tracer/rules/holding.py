"""Family C, possession and posting: one holder at a time, and acts told while they still matter."""

from __future__ import annotations

from collections import defaultdict

from ledger.vocabulary import MICRO, Kind, LineRole, Outcome, Step, Thing
from tracer.book import Event
from tracer.facts import Facts
from tracer.moment import HOUR_MS, Span
from tracer.quantity import micro_text
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38

_MINUTE_MS = 60_000
_ENDS = (Kind.GATE_OUT, Kind.CLOSE, Kind.STRIP, Kind.EXIT_CONFIRM, Kind.REASSIGN)
"""After these nobody is known to hold the unit until somebody says so again."""
_HOLDING = frozenset({*_ENDS, Kind.OBSERVE, Kind.OFFER, Kind.STUFF, Kind.STRIP, Kind.RECEIVE_FACTORY,
                      Kind.RECEIVE_DOMESTIC, Kind.ARRIVE, Kind.ACCEPT})
"""Kinds that can say who holds a unit."""


def c3(facts: Facts, tally: Tally) -> None:
    """One unit has one holder at a time.

    Whoever takes a unit over (an arrival, an acceptance, a receipt into a store) holds it until the next
    holder accepts what this one offered, or until it left the gate, was emptied or was handed out by customs.
    Somebody else who takes it over meanwhile, without an offer by the holder, holds it at the same time:
    the overlap lasts from that moment until the first holder let go, or the date of the run. Overlaps within
    the uncertainty of both clocks do not count. An act of a holder that the ledger refused because another
    one held the unit counts as a claim to it. Where a date without a time or clocks do not tell in which
    order a unit changed hands, it did in the order of offer and acceptance.
    """
    offers = facts.offers
    by_unit: dict[tuple[str, Thing], list[Event]] = defaultdict(list)
    for event in facts.events:
        if event.kind not in _HOLDING or event.outcome == Outcome.PENDING:
            continue
        for leg in event.legs:
            if leg.thing != Thing.NONE and (_claims(event, leg.role, leg.thing) or _ends(event)):
                by_unit[leg.unit, leg.thing].append(event)
    for (unit, thing), events in sorted(by_unit.items()):
        _unit(facts, tally, Subject(thing.name.lower(), unit), offers,
              sorted(events, key=lambda e: (e.occurred.start_ms, e.seq)))


def _ends(event: Event) -> bool:
    return event.kind in _ENDS or (event.kind == Kind.OBSERVE and event.step == Step.LEFT)


def _claims(event: Event, role: LineRole, thing: Thing) -> bool:
    """Whether an event says that its poster now holds a unit."""
    if event.outcome == Outcome.NOT_CUSTODIAN:
        return event.kind in (Kind.OFFER, Kind.STUFF, Kind.STRIP)
    if not event.recorded:
        return False
    received = event.kind in (Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC) and thing == Thing.LOT
    return received or (event.kind in (Kind.ARRIVE, Kind.ACCEPT) and role != LineRole.INPUT)


def _unit(facts: Facts, tally: Tally, subject: Subject, offers: dict[str, Event],
          events: list[Event]) -> None:
    u = 2 * facts.book.clock_uncertainty_ms
    holder: Event | None = None
    tested = failed = False
    for i, event in enumerate(events):
        if event.recorded and _ends(event):
            holder = None
            continue
        tested = True
        offer = offers.get(event.reference)
        handed = event.kind == Kind.ACCEPT and offer is not None and holder is not None \
            and offer.actor == holder.actor
        if holder is not None and event.recorded and _reversed(holder, event, offers, u):
            continue
        if holder is not None and not handed and event.actor != holder.actor:
            end = _let_go(facts, holder, offers, events[i + 1:]) if event.recorded else event.occurred.end_ms
            overlap = max(end - event.occurred.end_ms, 0)
            if not event.recorded or overlap > u:
                failed = True
                hours = overlap * 1_000 // HOUR_MS * 1_000
                how = "" if event.recorded else "; the ledger refused it"
                tally.amount(subject, "critical" if event.recorded else "high", 0, hours, "HUR",
                             evidence=[holder, event],
                             explanation=f"{event.actor} acted as its holder while {holder.actor} held it"
                                         f"{how}.")
        if event.recorded and (holder is None or handed or not _goes_on(holder, offers, events[i + 1:])):
            holder = event
    if tested and not failed:
        tally.clean()


def _reversed(holder: Event, event: Event, offers: dict[str, Event], clocks_ms: int) -> bool:
    """Whether an act may be the one before the holder's, which took over what its actor offered."""
    offer = offers.get(holder.reference)
    handed = holder.kind == Kind.ACCEPT and offer is not None and offer.actor == event.actor
    return handed and not holder.occurred.before(event.occurred, clocks_ms)


def _goes_on(holder: Event, offers: dict[str, Event], later: list[Event]) -> bool:
    """Whether a holder still hands the unit on itself, so that who came between was the one too many."""
    return any(event.recorded and event.kind == Kind.ACCEPT and event.reference in offers
               and offers[event.reference].actor == holder.actor for event in later)


def _let_go(facts: Facts, holder: Event, offers: dict[str, Event], later: list[Event]) -> int:
    """When a holder let go: by a handover of its own, or at the gate; else it still holds."""
    for event in later:
        offer = offers.get(event.reference)
        own = event.kind == Kind.ACCEPT and offer is not None and offer.actor == holder.actor
        if event.recorded and (own or _ends(event)):
            return event.occurred.start_ms
    return facts.book.as_of_ms


def c5(facts: Facts, tally: Tally) -> None:
    """What leaves a gate or is loaded is told at once: within 30 minutes, from an air warehouse in an hour.

    The lag runs from the act to its recording; a date without a time counts from the end of the day. What
    happened within a declared outage of the place's or the poster's system, or so shortly before one that its
    time was still running when it began, may be told as late as the limit after the outage ended. Per poster
    the median and the 95th and 99th percentile of all lags are stated.
    """
    lags: dict[str, list[int]] = defaultdict(list)
    air = {p.id for p in facts.book.places or () if p.kind == "air"}
    for event in facts.of_kinds(Kind.OBSERVE, Kind.GATE_OUT, Kind.EXPORT_LOAD):
        if event.kind == Kind.OBSERVE and event.step != Step.LEFT:
            continue
        limit = int(tally.param("air_minutes" if event.place in air else "minutes") * _MINUTE_MS)
        lag = event.recorded_ms - event.occurred.end_ms
        lags[event.actor].append(lag)
        late = event.recorded_ms - _from(facts, event, limit).end_ms
        if late <= limit + 2 * facts.book.clock_uncertainty_ms:
            tally.clean()
            continue
        leg = next((x for x in event.legs if x.thing != Thing.NONE), None)
        subject = Subject(leg.thing.name.lower(), leg.unit) if leg else Subject("event", event.id)
        tally.amount(subject, "low", limit // _MINUTE_MS * MICRO, late // _MINUTE_MS * MICRO, "MIN",
                     evidence=[event], explanation=f"{event.actor} told of the {event.kind.name} "
                     f"{micro_text(late // _MINUTE_MS * MICRO)} minutes later.")
    for actor, found in sorted(lags.items()):
        for percent in (50, 95, 99):
            tally.result.metrics[f"lag_minutes_p{percent}:{actor}"] = _percentile(sorted(found), percent)


def _from(facts: Facts, event: Event, limit_ms: int) -> Span:
    """From when the time to post runs: the act, or the end of the outages that kept it from being told."""
    begin = event.occurred
    for outage in sorted(o.span for o in facts.book.outages or () if o.who in (event.actor, event.place)):
        if outage.start_ms <= begin.end_ms + limit_ms and event.occurred.start_ms <= outage.end_ms:
            begin = max(begin, outage, key=lambda span: span.end_ms)
    return begin


def _percentile(ordered: list[int], percent: int) -> str:
    """A percentile in minutes, by linear interpolation, to the thousandth."""
    place = (len(ordered) - 1) * percent
    low, part = divmod(place, 100)
    high = min(low + 1, len(ordered) - 1)
    value = ordered[low] * (100 - part) + ordered[high] * part
    return micro_text(value * 10 // _MINUTE_MS * 1_000)


RULES = (
    Rule("C3", "2", "custody", "Two holders at once", "custody",
         (Law("Law 54/2014/QH13 Art. 41, 64", valid_from="2015-01-01"),), (), {}, c3),
    Rule("C5", "2", "custody", "Told too late", "custody",
         (*circular_38("52, 52dd.3"), Law("Decree 169/2026/ND-CP Art. 25.2", valid_from="2026-07-01")),
         (Param("minutes", "30", "minutes", "from gate-out or loading to its recording (Art. 52)"),
          Param("air_minutes", "60", "minutes", "from leaving an air warehouse (Art. 52.7.d.2.2)")),
         {}, c5, ("declared outages and air warehouses (places), where there are any",)),
)
