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
_TAKES = (Kind.ARRIVE, Kind.ACCEPT)
_Loss = tuple[Event, Fraction, Event]
"""Two weighings, and between them the loss in standard deviations."""
_OTHER_CONTENT = (Kind.STUFF, Kind.STRIP, Kind.SPLIT, Kind.MERGE, Kind.TRANSFORM, Kind.ISSUE_PROD)
"""After these a unit weighs something else by right."""


def w1(facts: Facts, tally: Tally) -> None:
    """The net weight of a unit is the same at every scale it passes.

    Net is gross less tare. Two weighings with nothing put in or taken out between them may differ by twice
    the combined standard uncertainty of the four readings behind them; a scale that states none counts with
    20 kg a reading. What evaporates or dries by a norm is not taken into account: no change is expected. A
    weighing without a tare is not evaluable. Where dates do not tell whether something was put in or taken
    out before, between or after two weighings, they are not compared. Nor is what was weighed together with
    another unit. A weighing without tare does not stand between two others. A series of small losses along
    one lane, or on several lanes while one party had the goods, each within tolerance, is found by a running
    sum (CUSUM) of the losses beyond half a standard deviation: skimming.
    """
    lanes: dict[tuple[str, str], list[_Loss]] = defaultdict(list)
    parties: dict[str, dict[tuple[str, str], list[_Loss]]] = defaultdict(lambda: defaultdict(list))
    by_unit: dict[tuple[str, Thing], list[Event]] = defaultdict(list)
    weighed = {(leg.unit, leg.thing) for event in facts.weighed for leg in event.legs}
    for event in facts.events if weighed else ():
        touches = event.weighing is not None or event.kind in (*_OTHER_CONTENT, *_TAKES)
        if event.recorded and touches:
            for leg in event.legs:
                if leg.thing != Thing.NONE and (leg.unit, leg.thing) in weighed:
                    by_unit[leg.unit, leg.thing].append(event)
    for (unit, thing), events in sorted(by_unit.items()):
        subject = Subject(thing.name.lower(), unit)
        last: Event | None = None
        bare: Event | None = None
        holder = ""
        others = [e for e in events if e.kind in _OTHER_CONTENT]
        for event in sorted(events, key=lambda e: (e.occurred.start_ms, e.seq)):
            if event.weighing is not None and event.of_several_boxes:
                tally.missing(subject, f"weight of each unit at {event.place or event.actor}")
            elif _net(event.weighing) is not None:
                if last is None and bare is not None:
                    _bare(tally, subject, bare)
                if last is not None and not any(_between(facts, last, e, event) for e in others):
                    loss = last, _pair(tally, subject, last, event), event
                    lane = last.place or last.actor, event.place or event.actor
                    lanes[lane].append(loss)
                    parties[holder][lane].append(loss)
                last = event
            elif event.weighing is not None:
                if last is not None or bare is not None:
                    _bare(tally, subject, event)
                bare = event
            if event.kind in _TAKES:
                holder = event.actor
    found = {lane for lane, pairs in sorted(lanes.items())
             if _skimming(facts, tally, f"between {lane[0]} and {lane[1]}", pairs)}
    for holder, own in sorted(parties.items()):
        pairs = [loss for lane, losses in own.items() if lane not in found for loss in losses]
        if holder and len(own.keys() - found) > 1:
            _skimming(facts, tally, f"on {len(own.keys() - found)} lanes while {holder} had the goods", pairs)


def _bare(tally: Tally, subject: Subject, event: Event) -> None:
    tally.missing(subject, f"tare of the weighing at {event.place or event.actor}")


def _between(facts: Facts, last: Event, other: Event, event: Event) -> bool:
    """Whether an act may have changed the content from one weighing to the next; one that was weighed did."""
    u = 2 * facts.book.clock_uncertainty_ms
    if other.id in {last.id, event.id}:
        return other.id == event.id
    return not other.occurred.before(last.occurred, u) and not event.occurred.before(other.occurred, u)


def _pair(tally: Tally, subject: Subject, last: Event, event: Event) -> Fraction:
    """Compare two weighings with tare; the loss in standard deviations, nought where scales have none."""
    before, after = _net(last.weighing) or 0, _net(event.weighing) or 0
    u = [_uncertainty(tally, e.weighing) for e in (last, event) for _ in range(2)]
    deviation = isqrt(sum(x * x for x in u))
    tolerance = Tolerance(int(tally.param("k") * deviation), "uncertainty")
    if tolerance.exceeded(after - before):
        tally.amount(subject, "high", before, after, _KILOGRAM, tolerance=tolerance, evidence=[last, event],
                     explanation=f"Weighed {'less' if after < before else 'more'} at "
                                 f"{event.place or event.actor} than at {last.place or last.actor}.")
    else:
        tally.clean()
    return Fraction(before - after, deviation) if deviation else Fraction(0)


def _net(weighing: Weighing | None) -> int | None:
    if weighing is None or weighing.tare_micro is None:
        return None
    return weighing.gross_micro - weighing.tare_micro


def _uncertainty(tally: Tally, weighing: Weighing | None) -> int:
    if weighing is not None and weighing.uncertainty_micro is not None:
        return weighing.uncertainty_micro
    return int(tally.param("u") * MICRO)


def _skimming(facts: Facts, tally: Tally, where: str, pairs: list[_Loss]) -> bool:
    """Whether small losses add up to more than scales explain."""
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
                         evidence=since[-16:], explanation=f"Small losses {where}, {len(since) // 2} times "
                                                           "in a row, add up to more than scales explain.")
            return True
    tally.clean()
    return False


RULES = (
    Rule("W1", "2", "weight", "Weight changed between two points", "custody",
         (Law("Law 54/2014/QH13 Art. 64.4", valid_from="2015-01-01"), *circular_38("52b"),
          Law("Decree 169/2026/ND-CP Art. 13.4", valid_from="2026-07-01")),
         (Param("u", "20", "kg", "standard uncertainty of one reading, where the scale states none"),
          Param("k", "2", "factor", "coverage factor of the combined uncertainty"),
          Param("cusum", "5", "standard deviations", "running sum of small losses that is a finding")),
         {"S6": "where its seal was whole all the while"}, w1, ("gross and tare of weighings",)),
)
