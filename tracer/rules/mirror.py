"""Family O, routes: goods that only change ships on their way round a duty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction

from ledger.vocabulary import LineRole
from tracer.beside import Remedy
from tracer.book import DeclarationLine
from tracer.facts import Facts
from tracer.moment import DAY_MS, Span, iso_day
from tracer.quantity import ratio_text
from tracer.rules.capacity import in_kilograms
from tracer.rules.core import Law, Param, Rule, Subject, Tally

_SIX = 6


def o6(facts: Facts, tally: Tally) -> None:
    """Goods of one heading do not come in from one country to go out to another that taxes them.

    Imports of a six-digit heading from a country, exports of the same heading to a market that levies a
    trade-remedy duty on that country's goods: where what comes in goes out within thirty days on average
    (first in, first out), and the quantities of the months rise and fall together (correlation above 0.9 over
    four months or more). One finding for each heading and pair of countries; the difference is what was
    exported, weights in kilograms. Lines without destination, or fewer months, are not evaluable.
    """
    remedies = facts.book.beside.remedies
    if remedies is None:
        tally.missing(Subject("book", facts.book.id), "trade-remedy duties of markets (remedies.csv)")
        return
    exports: dict[tuple[str, str, str], list[DeclarationLine]] = defaultdict(list)
    imports: dict[tuple[str, str, str], list[DeclarationLine]] = defaultdict(list)
    blind: list[DeclarationLine] = []
    for stated in facts.book.lines:
        line = in_kilograms(stated)
        heading = line.hs[:_SIX]
        if line.cancelled is not None or len(heading) < _SIX or _at(line) is None:
            continue
        if line.purpose in (LineRole.EXPORT, LineRole.RE_EXPORT):
            if line.destination:
                exports[line.destination.upper(), heading, line.uom].append(line)
            elif any(heading.startswith(r.hs[:_SIX]) for r in remedies):
                blind.append(line)
        elif line.purpose == LineRole.RECEIVE and line.origin:
            imports[line.origin.upper(), heading, line.uom].append(line)
    for line in sorted(blind, key=lambda x: x.key):
        tally.missing(Subject("line", line.key), f"destination of {line.key}")
    for (market, heading, uom), out in sorted(exports.items()):
        for origin in sorted({r.origin.upper() for r in remedies}):
            came = imports.get((origin, heading, uom), [])
            if came and any(_applies(r, origin, market, heading, out) for r in remedies):
                _pair(facts, tally, (origin, market, heading), came, out)


def _at(line: DeclarationLine) -> Span | None:
    return line.cleared or line.registered


def _start(line: DeclarationLine) -> int:
    at = _at(line)
    return at.start_ms if at else 0


def _applies(row: Remedy, origin: str, market: str, heading: str, out: list[DeclarationLine]) -> bool:
    if row.origin.upper() != origin or row.market.upper() != market or not heading.startswith(row.hs[:_SIX]):
        return False
    return any((row.valid_from is None or row.valid_from.start_ms <= _start(x))
               and (row.valid_to is None or _start(x) <= row.valid_to.end_ms) for x in out)


def _pair(facts: Facts, tally: Tally, route: tuple[str, str, str], came: list[DeclarationLine],
          out: list[DeclarationLine]) -> None:
    origin, market, heading = route
    came, out = sorted(came, key=lambda x: (_start(x), x.key)), sorted(out, key=lambda x: (_start(x), x.key))
    subject = Subject("line", out[0].key)
    incoming, outgoing = _months(facts, came), _months(facts, out)
    months = sorted(incoming.keys() | outgoing.keys())
    least = int(tally.param("months"))
    if len(months) < least:
        tally.missing(subject, f"{least} months of trade in {heading} ({len(months)} of {least})")
        return
    dwell = _dwell(came, out)
    limit = tally.param("correlation")
    if dwell is None or dwell >= tally.param("days") * DAY_MS or not _together(
            [incoming.get(m, 0) for m in months], [outgoing.get(m, 0) for m in months], limit):
        tally.clean()
        return
    whole = sum(x.quantity_micro for x in out)
    behind = [facts.by_id[x.cleared_by] for x in (*came, *out) if x.cleared_by in facts.by_id]
    tally.amount(subject, "high", 0, whole, out[0].uom, evidence=behind[:16],
                 explanation=f"{heading} from {origin} goes on to {market}, which taxes it, after "
                             f"{ratio_text(dwell / DAY_MS, 1)} days on average, month by month.")


def _months(facts: Facts, lines: list[DeclarationLine]) -> Mapping[str, int]:
    result: dict[str, int] = defaultdict(int)
    for line in lines:
        result[iso_day(_start(line), facts.book.offset)[:7]] += line.quantity_micro
    return result


def _dwell(came: list[DeclarationLine], out: list[DeclarationLine]) -> Fraction | None:
    """Average time between import and export of what was there to be exported, first in, first out."""
    waited, matched, place = 0, 0, 0
    left = came[0].quantity_micro if came else 0
    for line in out:
        asked = line.quantity_micro
        while asked and place < len(came) and _start(came[place]) <= _start(line):
            part = min(asked, left)
            waited += part * (_start(line) - _start(came[place]))
            matched, asked, left = matched + part, asked - part, left - part
            if not left:
                place += 1
                left = came[place].quantity_micro if place < len(came) else 0
    return Fraction(waited, matched) if matched else None


def _together(a: list[int], b: list[int], limit: Fraction) -> bool:
    """Whether two series correlate by more than a limit: compared as squares, exact."""
    n = len(a)
    mean_a, mean_b = Fraction(sum(a), n), Fraction(sum(b), n)
    both = sum(((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True)), Fraction(0))
    own = sum(((x - mean_a) ** 2 for x in a), Fraction(0)) * sum(((y - mean_b) ** 2 for y in b), Fraction(0))
    return both > 0 and own > 0 and both * both > limit * limit * own


RULES = (
    Rule("O6", "2", "origin", "Round a trade remedy", "book",
         (Law("Decision 824/QD-TTg (2019)", valid_from="2019-07-04"),),
         (Param("days", "30", "days", "from import to export on average"),
          Param("correlation", "0.9", "ratio", "of the quantities of the months"),
          Param("months", "4", "months", "least number that tells anything")),
         {}, o6, ("trade-remedy duties", "destinations of export lines")),
)
