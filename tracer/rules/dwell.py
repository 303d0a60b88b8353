"""Family T, how long things stay: a passage that is unlike the others of its kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ledger.vocabulary import Kind, Step, Thing
from tracer.book import Event
from tracer.facts import Facts
from tracer.moment import HOUR_MS
from tracer.quantity import nearest
from tracer.rules.core import Law, Param, Rule, Subject, Tally
from tracer.rules.spread import deviation, median


@dataclass(slots=True)
class _Stay:
    """A unit's way from arrival to gate."""

    subject: Subject
    arrived: Event
    left: Event | None = None
    line: str = ""
    channel: str = ""

    @property
    def ms(self) -> int:
        """How long it took; asked only of those that left."""
        return self.left.occurred.start_ms - self.arrived.occurred.start_ms if self.left else 0


def t5(facts: Facts, tally: Tally) -> None:
    """Goods pass the port in about the time that others like them take.

    From arrival to gate, unit by unit, within one cell of regime, channel, port and way of transport (a thing
    that is not known is a cell of its own). With twenty units or more: longer than the 95th percentile, or
    shorter than the 5th, and further than three MAD and an hour from the median. Too short counts too: forty
    tonnes are not inspected in three minutes. The difference is in hours from the median. Smaller cells are
    not evaluable; acts with a date alone are left out.
    """
    stays: dict[tuple[str, Thing], _Stay] = {}
    for event in facts.boxed:
        instant = event.occurred.start_ms == event.occurred.end_ms
        discharge = event.kind == Kind.OBSERVE and event.step == Step.DISCHARGE
        for leg in event.boxes:
            key = leg.unit, leg.thing
            if (event.kind == Kind.ARRIVE or discharge) and instant:
                stays.setdefault(key, _Stay(Subject(leg.thing.name.lower(), leg.unit), event))
            stay = stays.get(key)
            if stay is None or stay.left is not None:
                continue
            stay.line = stay.line or event.line or next(iter(event.cited), "")
            stay.channel = event.more.channel or stay.channel
            if event.kind == Kind.GATE_OUT and instant:
                stay.left = event
    cells: dict[tuple[str, str, str, str], list[_Stay]] = defaultdict(list)
    for stay in stays.values():
        if stay.left is not None:
            line = facts.lines.get(stay.line)
            cells[(line.regime if line else "") or "unknown regime",
                  stay.channel or (line.channel if line else "") or "unknown channel",
                  stay.arrived.place or "unknown port",
                  (line.mode if line else "") or "unknown way"].append(stay)
    least = int(tally.param("least"))
    for cell, found in sorted(cells.items()):
        if len(found) >= least:
            _cell(tally, cell, found)
    if any(len(found) < least for found in cells.values()):
        tally.missing(Subject("book", facts.book.id or "custody"),
                      f"{least} units of one regime, channel, port and way of transport")


def _cell(tally: Tally, cell: tuple[str, ...], found: list[_Stay]) -> None:
    times = sorted(Fraction(stay.ms) for stay in found)
    middle, spread = median(times), deviation(times)
    low, high = percentile(times, 1 - tally.param("percentile")), percentile(times, tally.param("percentile"))
    floor = max(tally.param("mad") * spread, tally.param("hours") * HOUR_MS)
    for stay in sorted(found, key=lambda s: s.subject.id):
        outside = stay.ms > high or stay.ms < low
        if not outside or abs(stay.ms - middle) <= floor:
            tally.clean()
            continue
        events = [stay.arrived] + ([stay.left] if stay.left else [])
        tally.amount(stay.subject, "low", _hours(middle), _hours(Fraction(stay.ms)), "HUR", evidence=events,
                     explanation=f"{'Longer' if stay.ms > middle else 'Shorter'} than others of its kind "
                                 f"({', '.join(cell)}; {len(found)} units).")


def percentile(ordered: Sequence[Fraction], share: Fraction) -> Fraction:
    """The value below which a share of ordered values lies, by linear interpolation, exact."""
    at = share * (len(ordered) - 1)
    below = int(at)
    if below + 1 >= len(ordered):
        return ordered[-1]
    return ordered[below] + (ordered[below + 1] - ordered[below]) * (at - below)


def _hours(ms: Fraction) -> int:
    return nearest(ms * 1_000 / HOUR_MS) * 1_000


RULES = (
    Rule("T5", "1", "time", "Passage unlike the others", "custody",
         (Law("Law 54/2014/QH13 Art. 23", valid_from="2015-01-01"),),
         (Param("least", "20", "units", "least number that tells what is usual"),
          Param("percentile", "0.95", "share", "beyond which, on either side, a time is rare"),
          Param("mad", "3", "MAD", "distance from the median that is unusual"),
          Param("hours", "1", "hours", "by which it must differ as well")),
         {}, t5, ("channels, ports and ways of transport",)),
)
