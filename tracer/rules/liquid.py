"""Family W, liquids: mass and volume of one load."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import MICRO, Thing
from tracer.beside import Density
from tracer.book import Event
from tracer.facts import Facts
from tracer.quantity import nearest, ratio_text
from tracer.rules.core import Param, Rule, Subject, Tally, circular_38

_LITRE = "LTR"


def w5(facts: Facts, tally: Tally) -> None:
    """A litre of a liquid weighs what it can weigh at its temperature.

    Acts that state a net weight (gross less tare) and a volume (measured, or the quantity in litres): their
    quotient against the range for that code and temperature, half a per cent allowed for the instruments.
    Lighter or heavier means another liquid, air in the meter, or a figure that was written. The difference is
    the weight less what the volume could weigh.
    """
    ranges: dict[str, list[Density]] = defaultdict(list)
    for row in facts.book.beside.densities or ():
        ranges[row.code].append(row)
    slack = tally.param("slack")
    for event in facts.weighed:
        weighing, lots = event.weighing, [x for x in event.legs if x.thing == Thing.LOT and x.code]
        if weighing is None or not lots:
            continue
        volume = _volume(event)
        if volume is None or volume <= 0:
            continue
        subject, code = Subject("lot", lots[0].unit), lots[0].code
        if weighing.tare_micro is None:
            tally.missing(subject, f"tare of {event.id}")
            continue
        if not ranges[code]:
            tally.missing(subject, f"density of {code} (densities.csv)")
            continue
        bounded = [r for r in ranges[code]
                   if r.from_temperature is not None or r.to_temperature is not None]
        degrees = event.more.temperature
        if degrees is None and len(bounded) == len(ranges[code]):
            tally.missing(subject, f"temperature at {event.id}")
            continue
        fit = [r for r in ranges[code] if _within(r, degrees)]
        if not fit:
            tally.missing(subject, f"density of {code} at {ratio_text(degrees or Fraction(0), 1)} °C")
            continue
        net = weighing.gross_micro - weighing.tare_micro
        low, high = min(r.low for r in fit), max(r.high for r in fit)
        least, most = volume * low * MICRO, volume * high * MICRO
        if least * (1 - slack) <= net <= most * (1 + slack):
            tally.clean()
            continue
        bound = nearest(least if net < least else most)
        tally.amount(subject, "medium", bound, net, "KGM", evidence=[event],
                     explanation=f"{ratio_text(Fraction(net, MICRO) / volume, 4)} kg a litre; {code} has "
                                 f"{ratio_text(low, 4)} to {ratio_text(high, 4)}.")


def _volume(event: Event) -> Fraction | None:
    if event.more.volume is not None:
        return event.more.volume
    litres = [x.quantity_micro for x in event.legs if x.thing == Thing.LOT and x.uom == _LITRE]
    return Fraction(sum(litres), MICRO) if litres else None


def _within(row: Density, degrees: Fraction | None) -> bool:
    if degrees is None:
        return row.from_temperature is None and row.to_temperature is None
    low = row.from_temperature is None or row.from_temperature <= degrees
    return low and (row.to_temperature is None or degrees <= row.to_temperature)


RULES = (
    Rule("W5", "1", "weight", "Mass and volume of a liquid", "custody", circular_38("50.2, 52b"),
         (Param("slack", "0.005", "share", "allowed for the instruments"),), {}, w5,
         ("densities", "weighings with tare", "volumes")),
)
