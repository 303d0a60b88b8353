"""Family W: what a scale shows at one point it shows at the next."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import isqrt

from ledger.vocabulary import MICRO, Kind, Thing
from tracer.book import Event, Weighing
from tracer.facts import Facts
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38
from tracer.tolerance import Tolerance

_KILOGRAM = "KGM"
_OTHER_CONTENT = (Kind.STUFF, Kind.STRIP, Kind.SPLIT, Kind.MERGE, Kind.TRANSFORM, Kind.ISSUE_PROD)
"""After these a unit weighs something else by right."""


def w1(facts: Facts, tally: Tally) -> None:
    """The net weight of a unit is the same at every scale it passes.

    Net is gross less tare. Two weighings with nothing put in or taken out between them may differ by twice
    the combined standard uncertainty of the four readings behind them; a scale that states none counts with
    20 kg a reading. What evaporates or dries by a norm is not taken into account: no change is expected. A
    weighing without a tare is not evaluable. Where dates do not tell whether something was put in or taken
    out before, between or after two weighings, they are not compared. A series of small losses along one
    lane, each within tolerance, is found by a running sum (CUSUM) of the losses beyond half a standard
    deviation: skimming.
    """
    lanes: dict[tuple[str, str], list[tuple[Event, Fraction, Event]]] = defaultdict(list)
    by_unit: dict[tuple[str, Thing], list[Event]] = defaultdict(list)
    weighed = {(leg.unit, leg.thing) for event in facts.weighed for leg in event.legs}
    for event in facts.events if weighed else ():
        touches = event.weighing is not None or event.kind in _OTHER_CONTENT
        if event.recorded and touches:
            for leg in event.legs:
                if leg.thing != Thing.NONE and (leg.unit, leg.thing) in weighed:
                    by_unit[leg.unit, leg.thing].append(event)
    for (unit, thing), events in sorted(by_unit.items()):
        last: Event | None = None
        others = [e for e in events if e.kind in _OTHER_CONTENT]
        for event in sorted(events, key=lambda e: (e.occurred.start_ms, e.seq)):
            if event.weighing is None:
                continue
            if last is not None and not any(_between(facts, last, e, event) for e in others):
                z = _pair(tally, Subject(thing.name.lower(), unit), last, event)
                if z is not None:
                    lanes[last.place or last.actor, event.place or event.actor].append((last, z, event))
            last = event
    for lane, pairs in sorted(lanes.items()):
        _skimming(facts, tally, lane, pairs)


def _between(facts: Facts, last: Event, other: Event, event: Event) -> bool:
    """Whether an act may have changed the content from one weighing to the next; one that was weighed did."""
    u = 2 * facts.book.clock_uncertainty_ms
    if other.id in {last.id, event.id}:
        return other.id == event.id
    return not other.occurred.before(last.occurred, u) and not event.occurred.before(other.occurred, u)


def _pair(tally: Tally, subject: Subject, last: Event, event: Event) -> Fraction | None:
    """Compare two weighings; the loss in standard deviations, None where it cannot be told."""
    before, after = _net(last.weighing), _net(event.weighing)
    if before is None or after is None:
        tally.missing(subject, *(f"tare of the weighing at {e.place or e.actor}" for e, net in
                                 ((last, before), (event, after)) if net is None))
        return None
    u = [_uncertainty(tally, e.weighing) for e in (last, event) for _ in range(2)]
    deviation = isqrt(sum(x * x for x in u))
    tolerance = Tolerance(int(tally.param("k") * deviation), "uncertainty")
    if tolerance.exceeded(after - before):
        tally.amount(subject, "high", before, after, _KILOGRAM, tolerance=tolerance, evidence=[last, event],
                     explanation=f"Weighed {'less' if after < before else 'more'} at "
                                 f"{event.place or event.actor} than at {last.place or last.actor}.")
    else:
        tally.clean()
    return Fraction(before - after, deviation) if deviation else None


def _net(weighing: Weighing | None) -> int | None:
    if weighing is None or weighing.tare_micro is None:
        return None
    return weighing.gross_micro - weighing.tare_micro


def _uncertainty(tally: Tally, weighing: Weighing | None) -> int:
    if weighing is not None and weighing.uncertainty_micro is not None:
        return weighing.uncertainty_micro
    return int(tally.param("u") * MICRO)


def _skimming(facts: Facts, tally: Tally, lane: tuple[str, str],
              pairs: list[tuple[Event, Fraction, Event]]) -> None:
    running, lost, since = Fraction(0), 0, list[Event]()
    for last, z, event in sorted(pairs, key=lambda p: (p[2].occurred.start_ms, p[2].seq)):
        if abs(z) > tally.param("k"):
            continue  # found by itself already
        running = max(Fraction(0), running + z - Fraction(1, 2))
        if not running:
            lost, since = 0, []
            continue
        lost += (_net(last.weighing) or 0) - (_net(event.weighing) or 0)
        since += [last, event]
        if running > tally.param("cusum"):
            tally.amount(Subject("book", facts.book.id or "custody"), "medium", 0, -lost, _KILOGRAM,
                         evidence=since[-16:], explanation=f"Small losses between {lane[0]} and {lane[1]}, "
                         f"{len(since) // 2} times in a row, add up to more than scales explain.")
            return
    tally.clean()


RULES = (
    Rule("W1", "2", "weight", "Weight changed between two points", "custody",
         (Law("Law 54/2014/QH13 Art. 64.4", valid_from="2015-01-01"), *circular_38("52b"),
          Law("Decree 169/2026/ND-CP Art. 13.4", valid_from="2026-07-01")),
         (Param("u", "20", "kg", "standard uncertainty of one reading, where the scale states none"),
          Param("k", "2", "factor", "coverage factor of the combined uncertainty"),
          Param("cusum", "5", "standard deviations", "running sum of small losses that is a finding")),
         {"S6": "where its seal was whole all the while"}, w1, ("gross and tare of weighings",)),
)
