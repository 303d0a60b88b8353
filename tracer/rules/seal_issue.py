"""Family S, seals as things: numbers that nobody issued, and what an electronic seal says of itself."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from fractions import Fraction
from itertools import accumulate, pairwise

from ledger.vocabulary import MICRO, Kind, Step, Thing
from tracer.beside import SealRange, SealReading
from tracer.book import Event, Place
from tracer.facts import Facts
from tracer.moment import HOUR_MS, Span
from tracer.rules.core import PIECE, Law, Param, Rule, Subject, Tally, circular_38
from tracer.rules.place import distance
from tracer.seal_numbers import seal_key, seal_keys, split_number

_LAWS = (Law("Law 54/2014/QH13 Art. 64.4, 65", valid_from="2015-01-01"), *circular_38("50.2"),
         Law("Decree 169/2026/ND-CP Art. 13.3", valid_from="2026-07-01"))


def s4(facts: Facts, tally: Tally) -> None:
    """A seal has a number that was given to its issuer.

    Every seal that an act names, against the ranges registered at that time: a seal of customs with a number
    that customs was not given; a number outside every range of its own letters; a number of customs on a seal
    that is said to be somebody else's. Letters of which no range is registered are not evaluable. Capitals,
    spaces and hyphens make no other number.
    """
    seen: dict[tuple[str, bool], tuple[Event, str, str, Thing]] = {}
    for event in facts.boxed:
        box = next(iter(event.boxes), None)
        for seal in event.seals:
            if box is not None:
                customs = seal_key(seal) in seal_keys(event.customs_seals)
                seen.setdefault((seal_key(seal), customs), (event, seal, box.unit, box.thing))
    if not seen:
        return
    if facts.book.beside.seal_ranges is None:
        tally.missing(Subject("book", facts.book.id or "custody"), "ranges of seal numbers (seal_ranges.csv)")
        return
    ranges = _Ranges(facts.book.beside.seal_ranges)
    unknown: set[str] = set()
    for (key, customs), (event, seal, unit, thing) in sorted(seen.items(), key=lambda row: row[0]):
        prefix = (split_number(key) or (key, 0, 0))[0]
        issued = ranges.of(key, event)
        sources = {row.source for row in issued}
        if customs and not ranges.any_of("customs"):
            unknown.add("ranges of seals of customs (seal_ranges.csv)")
            continue
        if not customs and not issued and prefix not in ranges.prefixes:
            unknown.add(f"range of seal numbers {prefix or seal} (seal_ranges.csv)")
            continue
        if customs and "customs" not in sources:
            why = f"{seal} is said to be of customs, which never was given that number."
        elif not issued:
            why = f"{seal} lies outside every range of {prefix}."
        elif not customs and sources == {"customs"}:
            why = f"{seal} is a number of customs, and the seal is said to be another's."
        else:
            tally.clean()
            continue
        tally.amount(Subject(thing.name.lower(), unit), "high" if customs else "medium", 0, MICRO, PIECE,
                     evidence=[event], explanation=why)
    if unknown:
        tally.missing(Subject("book", facts.book.id or "custody"), *sorted(unknown))


class _Ranges:
    """Ranges by their letters and number of digits, found by bisection."""

    def __init__(self, rows: tuple[SealRange, ...]) -> None:
        self._rows: dict[tuple[str, int], list[tuple[int, int, SealRange]]] = defaultdict(list)
        for row in rows:
            first, last = split_number(seal_key(row.first)), split_number(seal_key(row.last))
            if first is not None and last is not None:
                self._rows[first[0], first[2]].append((first[1], last[1], row))
        self._reach: dict[tuple[str, int], list[int]] = {}
        for key, found in self._rows.items():
            found.sort(key=lambda x: x[:2])
            self._reach[key] = list(accumulate((last for _, last, _ in found), max))
        self.prefixes = {prefix for prefix, _ in self._rows}
        self._sources = {row.source for row in rows}

    def any_of(self, source: str) -> bool:
        return source in self._sources

    def of(self, seal: str, event: Event) -> list[SealRange]:
        """Ranges that a number lies in at the time of an act; issuers' ranges rarely overlap."""
        parts = split_number(seal)
        if parts is None:
            return []
        rows = self._rows.get((parts[0], parts[2]), [])
        upto = bisect_right(rows, parts[1], key=lambda x: x[0])
        found = []
        for place in range(upto - 1, -1, -1):
            _, last, row = rows[place]
            early = row.valid_from is not None and event.occurred.end_ms < row.valid_from.start_ms
            late = row.valid_to is not None and event.occurred.start_ms > row.valid_to.end_ms
            if last >= parts[1] and not early and not late:
                found.append(row)
            if found or self._reach[parts[0], parts[2]][place] < parts[1]:
                break  # no earlier range reaches this far
        return found


def s5(facts: Facts, tally: Tally) -> None:
    """An electronic seal speaks at its time, from where the goods are, and stays closed.

    What each seal reported (as listed, or in events of step SENSOR that name it), in the order of time: a
    silence of more than three times its heartbeat, between two reports, since it was set (SEAL_APPLY), or
    until it was broken or an act last read it; opened or tampered without a recorded breaking of a seal
    of that unit within the hour; a failing or missing battery; a jump between two positions that no vehicle
    makes. The difference is the hours of silence, or the number of reports. Seals of which nothing was ever
    reported are not electronic, as far as a book can tell.
    """
    reports: dict[str, list[tuple[SealReading, Event | None]]] = defaultdict(list)
    for reading in facts.book.beside.seal_readings or ():
        reports[seal_key(reading.seal)].append((reading, None))
    breaks: dict[str, list[Event]] = defaultdict(list)
    acts: dict[str, list[Event]] = defaultdict(list)
    boxes: dict[str, tuple[str, Thing]] = {}
    for event in facts.boxed:
        for seal in event.seals:
            key = seal_key(seal)
            for leg in event.boxes:
                boxes.setdefault(key, (leg.unit, leg.thing))
            if event.kind == Kind.OBSERVE and event.step == Step.SENSOR:
                status = "tampered" if event.more.alarm else "closed"
                reports[key].append((SealReading(seal, event.occurred, status, event.place), event))
                continue
            acts[key].append(event)
            if event.kind == Kind.OBSERVE and event.step == Step.SEAL_BREAK:
                breaks[key].append(event)
    if not reports:
        if boxes:
            tally.missing(Subject("book", facts.book.id or "custody"),
                          "reports of electronic seals (seal_readings.csv)")
        return
    for seal, said in sorted(reports.items()):
        unit, thing = boxes.get(seal, (said[0][0].seal, Thing.CONTAINER))
        said.sort(key=lambda row: (row[0].at.start_ms, row[0].status))
        _seal(tally, Subject(thing.name.lower(), unit), said, breaks[seal], _life(acts[seal], breaks[seal]))


def _life(acts: list[Event], breaks: list[Event]) -> tuple[Span | None, Span | None]:
    """When a seal was set, and until when it was surely there: its break, or the last act that read it."""
    applied = [e.occurred for e in acts if e.kind == Kind.OBSERVE and e.step == Step.SEAL_APPLY]
    until = [e.occurred for e in breaks] or [e.occurred for e in acts]
    return min(applied, default=None), min(until) if breaks else max(until, default=None)


def _seal(tally: Tally, subject: Subject, said: list[tuple[SealReading, Event | None]],
          breaks: list[Event], life: tuple[Span | None, Span | None]) -> None:
    fine = True
    silent = int(tally.param("heartbeat") * tally.param("beats") * HOUR_MS)
    spoke = [reading.at for reading, _ in said]
    began, ended = life
    for one, other in [*pairwise(spoke), *([(began, spoke[0])] if began else []),
                       *([(spoke[-1], ended)] if ended else [])]:
        gap = other.start_ms - one.end_ms
        if gap > silent:
            fine = False
            tally.amount(subject, "low", _hours(silent), _hours(gap), "HUR",
                         explanation=f"Seal {said[0][0].seal} was silent that long.")
    for (before, _), (after, _) in pairwise(said):
        if _jumped(tally, before, after):
            fine = False
            tally.amount(subject, "medium", 0, MICRO, PIECE,
                         explanation=f"Seal {after.seal} reports from places too far apart for the time.")
    for status, severity, words in (("opened", "high", "opened"), ("tampered", "high", "tampered with"),
                                    ("battery", "low", "without its battery")):
        found = [(r, e) for r, e in said if r.status == status and not _allowed(r, breaks)]
        if found:
            fine = False
            where = ", ".join(sorted({r.place for r, _ in found if r.place})) or "no known place"
            tally.amount(subject, "high" if severity == "high" else "low", 0, len(found) * MICRO, PIECE,
                         evidence=[e for _, e in found if e is not None],
                         explanation=f"Seal {found[0][0].seal} reports itself {words} at {where}.")
    if fine:
        tally.clean()


def _hours(ms: int) -> int:
    return ms * 1_000 // HOUR_MS * 1_000


def _allowed(reading: SealReading, breaks: list[Event]) -> bool:
    if reading.status == "battery":
        return False
    return any(not e.occurred.before(reading.at, HOUR_MS) and not reading.at.before(e.occurred, HOUR_MS)
               for e in breaks)


def _jumped(tally: Tally, a: SealReading, b: SealReading) -> bool:
    if a.latitude is None or a.longitude is None or b.latitude is None or b.longitude is None:
        return False
    km = distance(Place("", latitude=a.latitude, longitude=a.longitude),
                  Place("", latitude=b.latitude, longitude=b.longitude))
    took = b.at.end_ms - a.at.start_ms
    return Fraction(km) * HOUR_MS > tally.param("speed") * max(took, 60_000)


RULES = (
    Rule("S4", "2", "seal", "Seal number that nobody issued", "custody", _LAWS, (), {}, s4,
         ("ranges of seal numbers",)),
    Rule("S5", "2", "seal", "What an electronic seal reports", "custody",
         (*_LAWS, Law("Decree 46/2020/ND-CP Art. 16.2.g", valid_from="2020-06-01")),
         (Param("heartbeat", "1", "hours", "between two reports"),
          Param("beats", "3", "heartbeats", "of silence that are too many"),
          Param("speed", "120", "km/h", "that no vehicle keeps up")),
         {}, s5, ("reports of electronic seals",)),
)
