"""Family T, clocks: what the law gives a time for. The clocks are data; "90 days" means three things."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ledger.vocabulary import Kind, LineRole, Step, Thing
from tracer.book import BOXES, DeclarationLine, Event
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.moment import DAY_MS, iso_day, parse_span, zone_of
from tracer.rules.core import HOME, Law, Rule, Subject, Tally, circular_38


@dataclass(frozen=True, slots=True)
class Clock:
    """A statutory clock.

    Attributes:
        id, what: its name, and what runs.
        days, months: its length. more_days, more_months: an extension that may have been granted.
        law: where it stands.
    """

    id: str
    what: str
    law: tuple[Law, ...]
    days: int = 0
    months: int = 0
    more_days: int = 0
    more_months: int = 0

    def due(self, start_ms: int, offset: str, *, extended: bool = False) -> int:
        """Last millisecond of the time that began at a moment: the end of its last day in that zone.

        A time in days or months ends with its last day, whatever the hour at which it began; so a start of
        which the date alone is known is no earlier than another on that day.
        """
        months = self.months + (self.more_months if extended else 0)
        days = self.days + (self.more_days if extended else 0)
        last = _months_on(start_ms, months, offset) + days * DAY_MS
        return parse_span(iso_day(last, offset), offset).end_ms


_STORAGE = Law("Law 54/2014/QH13 Art. 61", valid_from="2015-01-01")
SETTLEMENT = Clock("settlement", "settlement report filed after the period", circular_38("60.2"), days=90)
UNCLAIMED = Clock("unclaimed", "goods waiting since arrival",
                  (Law("Law 54/2014/QH13 Art. 58", valid_from="2015-01-01"),), days=90)
LODGING = Clock("lodging", "the declaration of goods since they arrived",
                (Law("Law 54/2014/QH13 Art. 25.1", valid_from="2015-01-01"),), days=30)
TEMPORARY = Clock("temporary-import", "goods imported temporarily for trade",
                  (Law("Decree 69/2018/ND-CP", valid_from="2018-05-15"),), days=60, more_days=60)
STORES = {
    "cfs": Clock("cfs", "goods in a CFS", (_STORAGE,), days=90, more_days=90),
    "bonded": Clock("bonded", "goods in a bonded warehouse", (_STORAGE, *circular_38("91.5.c, 91.8")),
                    months=12, more_months=12),
    "bonded_tax": Clock("bonded-tax", "materials in a bonded-tax warehouse", (_STORAGE,), months=12,
                        more_months=12),
}
"""By kind of place."""
CLOCKS = (SETTLEMENT, UNCLAIMED, LODGING, TEMPORARY, *STORES.values())
_GONE = (Kind.GATE_OUT, Kind.CLOSE, Kind.STRIP, Kind.EXIT_CONFIRM)
_BRINGS = (Kind.ARRIVE, Kind.ACCEPT, Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC, Kind.OPENING)
"""Kinds that say that their units are now at their place."""
_WALKED = (*_GONE, *_BRINGS, Kind.OBSERVE, Kind.SPLIT, Kind.MERGE, Kind.STUFF)
"""Kinds that can start, pass on or end a clock of storage."""


def t1(facts: Facts, tally: Tally) -> None:
    """No time that the law sets has run out.

    The clocks: the settlement report, 90 days after the period; goods that nobody claims, 90 days after
    arrival; the declaration of goods that were received, 30 days after they arrived, but for those that stood
    in a store of the kinds that follow; goods in a CFS, 90 days, once extended by at most 90; in a bonded
    warehouse 12 months, once extended by at most 12; materials in a bonded-tax warehouse 12 months, and
    longer where production needs it; goods imported temporarily for trade, 60 days, twice extended by 30.
    Each ends with its last day. A transfer to another store of the kind and a change of owner do not start a
    clock anew (Art. 91.5.c, 91.8); a split copies it; a merge, or packing together, takes the earliest. Times
    that officers keep, and those of contracts, inspections and records, are not in a book; X4, X8, C5 and D6
    have clocks of theirs.

    A clock still running at the date of the run is pending, not a finding; those beyond 75 % and 90 % of
    their time are named in the metrics. Beyond the time, but within what an extension could allow, the
    finding is medium: the extension has to be shown. Where the kind of place is not known and goods stayed
    there longer than the shortest clock, the rule is not evaluable for them. These are the times of Vietnam:
    of a book of elsewhere no time is judged.
    """
    if facts.book.jurisdiction != HOME:
        what = f"times that the law of the {facts.book.jurisdiction} sets"
        tally.missing(Subject("book", facts.book.id), what)
        return
    run = _Run(facts, tally)
    run.settlement()
    run.storage()
    run.lodging()
    run.temporary()
    for share in (75, 90):
        named = sorted(run.warned[share])
        if named:
            tally.result.metrics[f"beyond_{share}_percent"] = ", ".join(named)


class _Run:
    """Clocks of one book."""

    def __init__(self, facts: Facts, tally: Tally) -> None:
        self.facts, self.tally = facts, tally
        self.offset, self.now = facts.book.offset, facts.book.as_of_ms
        self.kinds = {p.id: p.kind for p in facts.book.places or ()}
        self.warned: dict[int, list[str]] = defaultdict(list)

    def judge(self, clock: Clock, subject: Subject, start_ms: int, end_ms: int | None,
              evidence: list[Event]) -> None:
        """One clock from its start to its end, or to now."""
        due, until = clock.due(start_ms, self.offset), self.now if end_ms is None else end_ms
        if until <= due + 2 * self.facts.book.clock_uncertainty_ms:
            self.tally.clean()
            spent = (until - start_ms) * 100 // max(due - start_ms, 1)
            for share in (75, 90):
                if end_ms is None and spent >= share:
                    self.warned[share].append(f"{subject.id} ({clock.id})")
            return
        last = clock.due(start_ms, self.offset, extended=True)
        severity: Severity = "medium" if until <= last and last > due else "high"
        allowed, took = (due - start_ms) // DAY_MS, (until - start_ms) // DAY_MS
        took += took == allowed  # a part of a day beyond the time
        self.tally.found(
            subject, severity, str(allowed), str(took), difference=str(took - allowed), uom="DAY",
            evidence=evidence, explanation=f"The time for {clock.what} ran out on "
            f"{iso_day(due, self.offset)}{'' if severity == 'high' else ' unless it was extended'}"
            f"{', and it is still running' if end_ms is None else ''}.")

    def settlement(self) -> None:
        book = self.facts.book
        if not book.id:
            return
        due = SETTLEMENT.due(book.period.end_ms, self.offset)
        if book.filed is None and self.now > due:
            self.tally.missing(Subject("book", book.id), "date on which the settlement report was filed")
            return
        self.judge(SETTLEMENT, Subject("book", book.id), book.period.end_ms,
                   book.filed.start_ms if book.filed else None, [])

    def storage(self) -> None:
        """Walk through the events; a unit carries the start of every clock that runs for it."""
        running: dict[tuple[str, Thing], dict[str, tuple[int, Event]]] = defaultdict(dict)
        arrived: dict[tuple[str, Thing], Event] = {}
        place: dict[tuple[str, Thing], str] = {}
        for event in sorted(self.facts.of_kinds(*_WALKED), key=_walk):
            keys: list[tuple[str, Thing]] = [
                (leg.unit, leg.thing) for leg in event.legs if leg.thing != Thing.NONE]
            if event.kind in (Kind.SPLIT, Kind.MERGE, Kind.STUFF, Kind.STRIP):
                _joined(running, keys)
            for key in keys:
                if event.kind == Kind.ARRIVE:
                    arrived.setdefault(key, event)
                left = event.kind in _GONE or (event.kind == Kind.OBSERVE and event.step == Step.LEFT)
                if left and key[1] != Thing.LOT:
                    self.stop(key, running[key], event)
                    self.claimed(key, arrived.pop(key, None), place.get(key, ""), event)
                elif event.place and _moves(event):
                    self.enter(key, running[key], event)
                    place[key] = event.place
        stored = {unit for (unit, thing), clocks in running.items() if clocks and thing == Thing.LOT}
        emptied = _emptied(self.facts, stored)
        for key in sorted(running):
            for kind, (start, event) in sorted(running[key].items()):
                end = emptied.get(key[0]) if key[1] == Thing.LOT else None
                self.judge(STORES[kind], Subject(key[1].name.lower(), key[0]), start, end, [event])
        for key in sorted(arrived):
            self.claimed(key, arrived[key], place.get(key, ""), None)

    def enter(self, key: tuple[str, Thing], clocks: dict[str, tuple[int, Event]], event: Event) -> None:
        kind = self.kinds.get(event.place, "")
        for other in [k for k in clocks if k != kind]:
            start, began = clocks.pop(other)
            self.judge(STORES[other], Subject(key[1].name.lower(), key[0]), start,
                       event.occurred.start_ms, [began, event])
        if kind in STORES:
            clocks.setdefault(kind, (event.occurred.start_ms, event))

    def stop(self, key: tuple[str, Thing], clocks: dict[str, tuple[int, Event]], event: Event) -> None:
        for kind, (start, began) in sorted(clocks.items()):
            self.judge(STORES[kind], Subject(key[1].name.lower(), key[0]), start,
                       event.occurred.start_ms, [began, event])
        clocks.clear()

    def claimed(self, key: tuple[str, Thing], arrival: Event | None, place: str, left: Event | None) -> None:
        """The clock of unclaimed goods: not for those that were brought into a store with its own clock."""
        kind = self.kinds.get(place, "")
        if arrival is None or kind in STORES:
            return
        subject = Subject(key[1].name.lower(), key[0])
        due = UNCLAIMED.due(arrival.occurred.start_ms, self.offset)
        end = left.occurred.start_ms if left else None
        if not kind and place != arrival.place and (end or self.now) > due:
            self.tally.missing(subject, f"kind of the place {place} (places)")
            return
        self.judge(UNCLAIMED, subject, arrival.occurred.start_ms, end, [arrival, *([left] if left else [])])

    def lodging(self) -> None:
        """Import lines whose goods came in containers or cargo of which the arrival is known."""
        arrived: dict[str, Event] = {}
        stood: dict[str, list[Event]] = defaultdict(list)
        for event in sorted(self.facts.of_kinds(*_WALKED), key=lambda e: (e.occurred.start_ms, e.seq)):
            for leg in event.legs:
                if leg.thing in BOXES and event.kind == Kind.ARRIVE:
                    arrived.setdefault(leg.unit, event)
                elif leg.thing in BOXES and event.place and _moves(event):
                    stood[leg.unit].append(event)
        first: dict[str, tuple[Event, str]] = {}
        for receipt in self.facts.of_kinds(Kind.RECEIVE_FACTORY):
            for unit in (leg.unit for leg in receipt.legs if leg.thing in BOXES and leg.unit in arrived):
                before = first.get(receipt.line)
                if before is None or arrived[unit].occurred.start_ms < before[0].occurred.start_ms:
                    first[receipt.line] = arrived[unit], unit
        for key, (arrival, unit) in sorted(first.items()):
            line = self.facts.lines.get(key)
            if line is None or line.cancelled is not None:
                continue
            start, subject = arrival.occurred.start_ms, Subject("line", key)
            late = LODGING.due(start, self.offset)
            end = line.registered.start_ms if line.registered else None
            if end is None:
                if self.now > late:
                    self.tally.missing(subject, "date on which it was registered")
                continue
            kinds = {self.kinds.get(e.place, "") for e in stood[unit] if e.occurred.start_ms <= end}
            if kinds & STORES.keys():
                continue
            if end > late and "" in kinds:
                self.tally.missing(subject, "kinds of the places where its goods stood (places)")
                continue
            self.judge(LODGING, subject, start, max(end, start), [arrival])

    def temporary(self) -> None:
        for line in sorted(self.facts.lines.values(), key=lambda x: x.key):
            if line.regime == "G11" and line.cleared is not None and line.cancelled is None:
                end, exits = _re_exported(self.facts, line)
                self.judge(TEMPORARY, Subject("line", line.key), line.cleared.start_ms, end, exits)


def _re_exported(facts: Facts, line: DeclarationLine) -> tuple[int | None, list[Event]]:
    """When all of a temporary import had left on lines that cite it, and the exits."""
    citing = {x.key for x in facts.lines.values()
              if x.original == line.key and x.purpose in (LineRole.RE_EXPORT, LineRole.EXPORT)}
    left, exits = 0, []
    for event in sorted(facts.of_kinds(Kind.EXIT_CONFIRM), key=lambda e: (e.occurred.start_ms, e.seq)):
        if event.line in citing:
            left += sum(leg.quantity_micro for leg in event.legs)
            exits.append(event)
            if left >= line.quantity_micro:
                return event.occurred.start_ms, exits
    return None, exits


def _walk(event: Event) -> tuple[int, int]:
    """Order of a walk: of a date alone, an arrival counts from its first moment, all else from its last."""
    at = event.occurred
    return at.start_ms if event.kind in (Kind.ARRIVE, Kind.OPENING) else at.end_ms, event.seq


def _moves(event: Event) -> bool:
    """Whether an event says that its units are now at its place."""
    return event.kind in _BRINGS or (
        event.kind == Kind.OBSERVE and event.step in (Step.GATE_IN, Step.STORE, Step.MOVE, Step.DISCHARGE))


def _joined(running: dict[tuple[str, Thing], dict[str, tuple[int, Event]]],
            keys: list[tuple[str, Thing]]) -> None:
    """Units split, merged, packed or unpacked together share the earliest start of each clock."""
    earliest: dict[str, tuple[int, Event]] = {}
    for key in keys:
        for kind, clock in running[key].items():
            if kind not in earliest or clock[0] < earliest[kind][0]:
                earliest[kind] = clock
    for key in keys:
        running[key].update(earliest)


def _emptied(facts: Facts, lots: set[str]) -> dict[str, int]:
    """When the last of a lot was gone, for those of the lots of which nothing is left."""
    held: dict[str, int] = defaultdict(int)
    last: dict[str, int] = {}
    for delta in facts.replay.deltas if lots else ():
        if delta.lot not in lots:
            continue
        held[delta.lot] += delta.change
        last[delta.lot] = max(last.get(delta.lot, 0), delta.event.occurred.start_ms)
    return {lot: at for lot, at in last.items() if not held[lot]}


def _months_on(at_ms: int, months: int, offset: str) -> int:
    """The same day and time some months later; the last of the month where there is no such day."""
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(zone_of(offset))
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    later = moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
    return (later - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


RULES = (
    Rule("T1", "5", "time", "A time set by law ran out", "custody",
         tuple(dict.fromkeys(law for clock in CLOCKS for law in clock.law)), (), {}, t1,
         ("kinds of places (places)", "date on which the settlement report was filed")),
)
