"""Family X, papers: one paper for two shipments, and on-spot exports without their import."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from ledger.vocabulary import MICRO, Thing
from tracer.beside import Document, OnSpot
from tracer.book import DeclarationLine, Event
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.moment import DAY_MS, Span, iso_day, parse_span
from tracer.on_spot import answers, on_spot
from tracer.quantity import nearest
from tracer.rules.core import PIECE, Law, Param, Rule, Subject, Tally, circular_38

_BITS = 64
_NEVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a paper: what it was given for, and the event behind it."""

    paper: Document
    case: str
    subject: Subject
    at_ms: int
    event: Event | None


def x7(facts: Facts, tally: Tally) -> None:
    """One paper stands for one shipment.

    The same file (by its SHA-256), or a picture that differs from another in at most four of the 64 bits of
    its perceptual hash, given for two declarations that have nothing to do with each other. Not counted
    apart: lines of one declaration, a declaration and the one that changes it, events about the same
    declaration, consignment or lots. The difference is how often it was used again.
    """
    uses = list(_uses(facts))
    if not uses:
        tally.missing(Subject("book", facts.book.id), "hashes of papers (documents.csv)")
        return
    groups: dict[tuple[str, str], list[_Use]] = defaultdict(list)
    for use in uses:
        if use.paper.sha256:
            groups["file", use.paper.sha256].append(use)
    pictures = [u for u in uses if u.paper.picture]
    tally.clean(len({u.paper.picture for u in pictures}))
    for i, alike in enumerate(_alike(pictures, int(tally.param("bits")))):
        groups["picture", str(i)] = alike
    told: set[tuple[str, ...]] = set()
    for (what, _), found in sorted(groups.items()):
        first: dict[str, _Use] = {}
        for use in sorted(found, key=lambda u: (u.at_ms, u.case)):
            first.setdefault(use.case, use)
        cases = tuple(sorted(first))
        if len(cases) < 2:
            tally.clean()
        elif cases not in told:
            told.add(cases)
            _, *again = first.values()
            tally.amount(
                again[0].subject, "high", MICRO, len(cases) * MICRO, PIECE,
                evidence=[u.event for u in first.values() if u.event is not None],
                explanation=f"{found[0].paper.type or 'paper'} {found[0].paper.number} (the same {what}) "
                            f"serves {', '.join(cases)}.")


def _uses(facts: Facts) -> Iterator[_Use]:
    root = _originals(facts)
    by_name = {e.epcis_id: e for e in facts.events if e.epcis_id}

    def of_event(paper: Document, event: Event) -> _Use:
        line = event.line or next(iter(event.cited), "")
        boxes = [x.unit.rpartition("/")[0] for x in event.boxes]
        lots = sorted({x.unit for x in event.legs if x.thing == Thing.LOT})
        lines = [x.unit for x in event.legs if x.thing == Thing.NONE]
        line = line or (lines[0] if lines else "")
        if line:
            case, subject = root(line), Subject("line", line)
        else:
            case = boxes[0] if boxes else ", ".join(lots) or event.id
            subject = Subject("event", event.id)
        return _Use(paper, case, subject, event.occurred.start_ms, event)

    for event in facts.events:
        if event.recorded:
            for paper in event.more.documents:
                if paper.sha256 or paper.picture:
                    yield of_event(paper, event)
    for paper in facts.book.beside.documents or ():
        if not (paper.sha256 or paper.picture):
            continue
        event_of = facts.by_id.get(paper.event) or by_name.get(paper.event)
        if event_of is not None:
            yield of_event(paper, event_of)
        elif paper.line:
            line = facts.lines.get(paper.line)
            at = line.registered.start_ms if line is not None and line.registered else 0
            yield _Use(paper, root(paper.line), Subject("line", paper.line), at, None)
        else:
            yield _Use(paper, paper.event, Subject("event", paper.event), 0, None)


def _originals(facts: Facts) -> Callable[[str], str]:
    """Declarations joined with those that they change, by the first of them."""
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while parent.get(name, name) != name:
            parent[name] = parent.get(parent[name], parent[name])
            name = parent[name]
        return name

    for line in facts.book.lines:
        if line.original:
            parent[find(line.key.rpartition("/")[0])] = find(line.original.rpartition("/")[0])
    return lambda key: find(key.rpartition("/")[0])


def _alike(uses: list[_Use], bits: int) -> Iterator[list[_Use]]:
    """Pictures within so many bits of each other: two such agree in one of `bits + 1` bands at least."""
    bands = bits + 1
    buckets: dict[tuple[int, int], list[int]] = defaultdict(list)
    values = [int(u.paper.picture, 16) for u in uses]
    for place, value in enumerate(values):
        for band in range(bands):
            low, high = band * _BITS // bands, (band + 1) * _BITS // bands
            buckets[band, value >> low & ((1 << (high - low)) - 1)].append(place)
    seen: set[tuple[int, int]] = set()
    for places in buckets.values():
        kinds: dict[tuple[int, str], int] = {}
        for place in places:  # one of each value and case is enough to tell
            kinds.setdefault((values[place], uses[place].case), place)
        listed = list(kinds.values())
        for i, one in enumerate(listed):
            for other in listed[i + 1:]:
                if (one, other) not in seen and (values[one] ^ values[other]).bit_count() <= bits:
                    seen.add((one, other))
                    yield [uses[one], uses[other]]


def x8(facts: Facts, tally: Tally) -> None:
    """An on-spot export has its import, in time and of the same goods.

    Export lines marked #&XKTC against the import that names them (#&NKTC#&number), in the book or as the
    buyer's in on_spot. Customs is told of the pair within 15 days of the clearance of the export, and the
    import is declared within 15 working days (Monday to Friday; public holidays are not known here and count
    in nobody's favour); of several imports each. Quantity, unit of measure and tariff heading agree. Between
    related parties the goods must really have been handed over. Until a time has run out it is pending.
    """
    pairs: dict[str, list[OnSpot]] = defaultdict(list)
    for pair in facts.book.beside.on_spot or ():
        pairs[pair.line].append(pair)
    exports: dict[str, list[DeclarationLine]] = defaultdict(list)
    for line in sorted(facts.book.lines, key=lambda x: x.key):
        if on_spot(line):
            exports[line.key.rpartition("/")[0]].append(line)
    for line in facts.book.lines:
        named = exports.get(answers(line), [])
        for export in named:
            if line.key.rpartition("/")[2] == export.key.rpartition("/")[2] or len(named) == 1:
                pairs[export.key].append(_own(line, export))
    for line in (x for listed in exports.values() for x in listed):
        if line.cancelled is not None or line.cleared is None:
            continue
        if not pairs[line.key] and facts.book.beside.on_spot is None:
            tally.missing(Subject("line", line.key), f"the import that answers {line.key} (on_spot.csv)")
            continue
        faults = list(_faults(facts, tally, line, line.cleared, pairs[line.key]))
        for severity, expected, observed, why in faults:
            tally.amount(Subject("line", line.key), severity, expected, observed, line.uom,
                         evidence=[facts.by_id[line.cleared_by]] if line.cleared_by in facts.by_id else (),
                         duty_at_risk=facts.duty_on(line.code, line.quantity_micro), explanation=why)
        if not faults:
            tally.clean()


def _own(line: DeclarationLine, export: DeclarationLine) -> OnSpot:
    return OnSpot(export.key, line.key, line.registered, line.cleared, line.registered, line.cleared, line.hs,
                  Fraction(line.quantity_micro, MICRO), line.uom, line.partner)


def _faults(facts: Facts, tally: Tally, line: DeclarationLine, cleared: Span, pairs: list[OnSpot]
            ) -> Iterator[tuple[Severity, int, int, str]]:
    """Severity, quantity expected and observed, and why, of each fault of a pair."""
    offset, now = facts.book.offset, facts.book.as_of_ms
    whole = line.quantity_micro
    due = cleared.end_ms + tally.days_ms("days")
    last = _working(cleared, int(tally.param("working_days")), offset)
    if not pairs:
        if now > due:
            yield ("high", whole, 0, "Cleared for delivery inside the country, and no import answers it.")
        return
    pair = max(pairs, key=lambda x: x.notified.start_ms if x.notified else _NEVER_MS)
    told = pair.notified
    if (told is None and now > due) or (told is not None and told.start_ms > due):
        when = "never" if told is None else f"on {iso_day(told.start_ms, offset)}"
        yield ("medium", whole, whole if told else 0,
               f"Customs was told of the import {when}; due was {iso_day(due, offset)}.")
    pair = max(pairs, key=lambda x: x.registered.start_ms if x.registered else _NEVER_MS)
    if (pair.registered is None and now > last) or (
            pair.registered is not None and pair.registered.start_ms > last):
        yield ("medium", whole, whole, f"{pair.imported} was declared after {iso_day(last, offset)}.")
    taken = 0
    for one in pairs:
        rate = facts.factors.rate(line.code, one.uom or line.uom, line.uom, cleared)
        if one.quantity is None or rate is None:
            taken = whole
            break
        taken += nearest(one.quantity * rate * MICRO)
    if tally.tol(whole, line.uom).exceeded(taken - whole):
        yield ("medium", whole, taken, f"{pairs[0].imported} declares another quantity.")
    strange = [x for x in pairs if x.uom and facts.factors.rate(line.code, x.uom, line.uom, cleared) is None]
    if strange:
        yield ("low", whole, whole,
               f"{strange[0].imported} counts in {strange[0].uom}, and there is no factor.")
    others = [x for x in pairs if line.hs and x.hs and line.hs[:6] != x.hs[:6]]
    if others:
        yield ("medium", whole, whole, f"Exported under {line.hs}, imported under {others[0].hs}.")
    if any(x.related == "yes" and x.delivered is None for x in pairs):
        yield ("high", whole, 0, "Seller and buyer are related, and nothing was handed over.")


def _working(start: Span, days: int, offset: str) -> int:
    """End of the working day so many working days after a moment."""
    day = date.fromisoformat(iso_day(start.end_ms, offset))
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return parse_span(day.isoformat(), offset).start_ms + DAY_MS - 1


RULES = (
    Rule("X7", "1", "export", "One paper for two shipments", "book",
         (Law("Law 54/2014/QH13 Art. 18.2", valid_from="2015-01-01"),),
         (Param("bits", "4", "bits", "of 64 in which two pictures of one scene may differ"),),
         {}, x7, ("hashes of papers",)),
    Rule("X8", "2", "export", "On-spot export without its import", "book",
         (*circular_38("86.4, 86.5"),
          Law("Decree 134/2016/ND-CP Art. 10.2.g, 12.2.e", valid_from="2016-09-01")),
         (Param("days", "15", "days", "from clearance to the notice to customs"),
          Param("working_days", "15", "working days", "from clearance to the import")),
         {}, x8, ("on-spot pairs",)),
)
