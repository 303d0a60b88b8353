"""Stock-takes held against the books: what was found at a date and what the identities say of that date.

A count that names no lot speaks of all stock of its code; one that names lots speaks of those lots alone,
each at its own latest count. A stock-take may take several days, place by place. What an ADJUST booked of the
difference after the count is no difference any more: so it is in the closing that a form states.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ledger.vocabulary import Balance, Kind
from tracer.balance import stock_by_lot, stock_kind
from tracer.book import BookData, Count
from tracer.moment import DAY_MS, iso_day
from tracer.norms import Factors
from tracer.quantity import nearest
from tracer.replay import Delta

Key = tuple[str, str]
"""(kind of stock, code); kinds as in `balance.stock_at`."""
TAKE_DAYS = 7
"""Days that one stock-take may take, place by place: a default without legal force."""


_CARRIED = frozenset({Kind.OBSERVE, Kind.ACCEPT})
"""Kinds by which goods may change their place and no balance."""


@dataclass(frozen=True, slots=True)
class StockTake:
    """One comparison of a count with the books.

    Attributes:
        lots: the lots that were counted, where the count names any; empty: all of the code.
        at_ms: end of the count.
        expected_micro, counted_micro: books and count, in the unit of the code's lots; what was adjusted
            after the count to book its difference is off the books here too.
        missing: what is missing for the comparison; then the figures mean nothing.
    """

    stock: str
    code: str
    uom: str
    lots: tuple[str, ...] = ()
    at_ms: int = 0
    expected_micro: int = 0
    counted_micro: int = 0
    counts: tuple[Count, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class Closing:
    """What a period closed with, by kind and declared code, in the units of the lots.

    `unknown` are those stated in a unit of measure for which no factor is known.
    """

    stock: dict[Key, int] = field(default_factory=dict)
    uoms: dict[str, str] = field(default_factory=dict)
    unknown: set[Key] = field(default_factory=set)


def semi_codes(book: BookData) -> set[str]:
    """Codes that are only ever made: their raw and WIP stock is semi-finished."""
    alike = {(lot.origin, lot.code): lot for lot in book.lots}  # what kind a stock is depends on nothing else
    kinds = {(stock_kind(lot, b), lot.code) for lot in alike.values() for b in
             (Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP)}
    return {code for kind, code in kinds if kind == "semi" and ("material", code) not in kinds}


def key_of(count: Count, semi: set[str]) -> Key:
    """The ledger a count speaks of."""
    return ("semi" if count.code in semi and count.stock in ("material", "wip") else count.stock), count.code


def stock_take(counts: Sequence[Count], offset: str) -> list[Count]:
    """The counts of the last day on which anything was counted; per lot and place the last of that day.

    Of two for one moment it is the one stated later: they stand in the order in which they were stated. Where
    that day speaks of places, other places that were counted in the week before belong to it.
    """
    ordered = sorted(counts, key=lambda c: c.at.end_ms)
    end = ordered[-1].at.end_ms
    day = iso_day(end, offset)
    last = {(c.lot, c.place): c for c in ordered if iso_day(c.at.end_ms, offset) == day}
    places = {place for _, place in last}
    if "" in places:
        return list(last.values())
    before = {(c.lot, c.place): c for c in ordered if c.place and c.place not in places
              and c.at.end_ms > end - TAKE_DAYS * DAY_MS}
    return [*before.values(), *last.values()]


def stock_takes(book: BookData, deltas: Sequence[Delta], uoms: Mapping[str, str]) -> list[StockTake]:
    """Every comparison of the period, and every code with stock that was not counted. Pure."""
    semi = semi_codes(book)
    counts: dict[Key, list[Count]] = defaultdict(list)
    for count in book.counts:
        if book.period.start_ms <= count.at.start_ms <= max(book.as_of_ms, book.period.end_ms):
            counts[key_of(count, semi)].append(count)
    return _Taker(book, deltas, uoms).all(counts)


def earlier_takes(book: BookData, deltas: Sequence[Delta], uoms: Mapping[str, str]) -> list[StockTake]:
    """Counts of the period before the last day on which each code was counted, each at its own date."""
    semi = semi_codes(book)
    days: dict[Key, dict[str, list[Count]]] = defaultdict(lambda: defaultdict(list))
    for count in book.counts:
        if book.period.start_ms <= count.at.start_ms <= min(book.period.end_ms, book.as_of_ms):
            days[key_of(count, semi)][iso_day(count.at.end_ms, book.offset)].append(count)
    taker, result = _Taker(book, deltas, uoms), []
    for key in sorted(days):
        told = {(c.lot, c.place, c.at.end_ms) for c in stock_take(
            [c for of_day in days[key].values() for c in of_day], book.offset)}
        for day in sorted(days[key], reverse=True)[1:]:
            own = [c for c in days[key][day] if (c.lot, c.place, c.at.end_ms) not in told]
            if not own:
                continue  # a place that a later day's stock-take goes with
            until = max(c.at.end_ms for c in own)
            counts = stock_take([c for d in days[key] for c in days[key][d] if c.at.end_ms <= until],
                                book.offset)
            told |= {(c.lot, c.place, c.at.end_ms) for c in counts}
            lots = tuple(sorted({c.lot for c in counts})) if all(c.lot for c in counts) else ()
            result.append(taker.compared(key, counts, lots))
    return sorted(result, key=lambda t: (t.stock, t.code, t.at_ms))


class _Taker:
    """Stock by lot at the dates that counts are for, worked out once per date."""

    def __init__(self, book: BookData, deltas: Sequence[Delta], uoms: Mapping[str, str]) -> None:
        self.book, self.deltas, self.uoms = book, deltas, uoms
        self.factors = Factors(book.conversions)
        self.lots = {lot.id: lot for lot in book.lots}
        self.codes = {lot.id: lot.code for lot in book.lots}
        self.adjusted: dict[Key, list[Delta]] = defaultdict(list)
        for delta in deltas:
            if delta.event.kind is Kind.ADJUST and delta.lot in self.lots:
                kind = stock_kind(self.lots[delta.lot], delta.balance)
                self.adjusted[kind, self.codes[delta.lot]].append(delta)
        self.known: dict[int, dict[Key, dict[str, int]]] = {}

    def at(self, at_ms: int) -> dict[Key, dict[str, int]]:
        """Stock by kind and code, and there by lot."""
        if at_ms not in self.known:
            found: dict[Key, dict[str, int]] = defaultdict(dict)
            for (kind, lot), q in stock_by_lot(self.book, self.deltas, at_ms).items():
                found[kind, self.codes[lot]][lot] = q
            self.known[at_ms] = found
        return self.known[at_ms]

    def all(self, counts: Mapping[Key, list[Count]]) -> list[StockTake]:
        closing = self.at(self.book.period.end_ms)
        result = []
        for key in sorted(set(counts) | {k for k, lots in closing.items() if sum(lots.values())}):
            if key not in counts:
                missing = (f"count of {key[0]} stock of {key[1]}",)
                result.append(StockTake(*key, self.uoms.get(key[1], ""), missing=missing))
            elif self.whole(counts[key]):
                result.append(self.compared(key, stock_take(counts[key], self.book.offset), ()))
            else:
                result += self.by_lot(key, counts[key], closing.get(key, {}))
        return result

    def whole(self, counts: list[Count]) -> bool:
        """Whether the last thing counted was the code as a whole."""
        days = {bool(c.lot): iso_day(c.at.end_ms, self.book.offset)
                for c in sorted(counts, key=lambda c: c.at.end_ms)}
        return False in days and days[False] >= days.get(True, "")

    def by_lot(self, key: Key, counts: list[Count], closing: Mapping[str, int]) -> list[StockTake]:
        named: dict[str, list[Count]] = defaultdict(list)
        for count in counts:
            if count.lot:
                named[count.lot].append(count)
        days: dict[str, list[Count]] = defaultdict(list)
        for of_lot in named.values():
            latest = stock_take(of_lot, self.book.offset)
            days[iso_day(latest[0].at.end_ms, self.book.offset)] += latest
        result = [self.compared(key, days[day], tuple(sorted({c.lot for c in days[day]})))
                  for day in sorted(days)]
        rest = sorted(lot for lot, q in closing.items() if q and lot not in named)
        if rest:
            missing = tuple(f"count of {key[0]} stock of lot {lot}" for lot in rest)
            result.append(StockTake(*key, self.uoms.get(key[1], ""), missing=missing))
        return result

    def compared(self, key: Key, latest: list[Count], lots: tuple[str, ...]) -> StockTake:
        code = key[1]
        at = max(c.at.end_ms for c in latest)
        uom = self.uoms.get(code, latest[0].uom)
        counted = 0
        for count in latest:
            rate = self.factors.rate(code, count.uom, uom, count.at)
            since = self.moved(key, count, at)
            if rate is None or since is None:
                missing = f"factor for {code} from {count.uom} to {uom}" if rate is None else \
                    f"count of {key[0]} stock of {code} at {count.place} on {iso_day(at, self.book.offset)}"
                return StockTake(*key, uom, lots, at, missing=(missing,))
            counted += nearest(count.quantity_micro * rate) + since
        held = self.at(at).get(key, {})
        expected = sum(q for lot, q in held.items() if not lots or lot in lots)
        booked, short = self.booked(key, lots, at), counted - expected
        if booked * short > 0:
            expected += max(booked, short) if short < 0 else min(booked, short)
        return StockTake(*key, uom, lots, at, expected, counted, tuple(latest))

    def booked(self, key: Key, lots: tuple[str, ...], at_ms: int) -> int:
        """What adjustments after a count and within the period made of what the books say of it."""
        return sum(delta.change for delta in self.adjusted.get(key, ())
                   if at_ms < delta.event.occurred.start_ms <= self.book.period.end_ms
                   and (not lots or delta.lot in lots))

    def moved(self, key: Key, count: Count, at_ms: int) -> int | None:
        """What came to the place of a count and left it, until the last place was counted; None where nobody
        says where something happened, or goods were carried from place to place.
        """
        if count.at.end_ms == at_ms or not count.place or \
                iso_day(count.at.end_ms, self.book.offset) == iso_day(at_ms, self.book.offset):
            return 0
        total = 0
        for event in self.book.events:
            if not count.at.end_ms < event.occurred.start_ms <= at_ms or not event.recorded \
                    or all(self.codes.get(leg.unit) != key[1] for leg in event.legs):
                continue
            if not event.place or event.kind in _CARRIED:
                return None
        for delta in self.deltas:
            event, lot = delta.event, self.lots.get(delta.lot)
            if count.at.end_ms < event.occurred.start_ms <= at_ms and event.place == count.place \
                    and lot is not None and (stock_kind(lot, delta.balance), lot.code) == key \
                    and (not count.lot or count.lot == delta.lot):
                total += delta.change
        return total


def previous_closing(book: BookData, uoms: Mapping[str, str]) -> Closing | None:
    """Closing stock of the period before by declared code; None where nobody stated any.

    What was supplied counts; else the stock-takes of the day before the period.
    """
    counts = book.previous
    if counts is None:
        eve = iso_day(book.period.start_ms - 1, book.offset)
        day = [c for c in book.counts if iso_day(c.at.end_ms, book.offset) == eve
               and c.at.end_ms >= book.period.start_ms - DAY_MS]
        last = {(c.stock, c.code, c.lot, c.place): c
                for c in sorted(day, key=lambda c: c.at.end_ms)}
        counts = tuple(last.values()) or None
    if counts is None:
        return None
    semi, result, factors = semi_codes(book), Closing(), Factors(book.conversions)
    for count in counts:
        stock, own = key_of(count, semi)
        key = (stock, book.codes.get(own, own))
        uom = uoms.get(own, uoms.get(key[1], count.uom))
        rate = factors.rate(own, count.uom, uom, count.at)
        result.uoms.setdefault(key[1], uom)
        if rate is None:
            result.unknown.add(key)
        else:
            result.stock[key] = result.stock.get(key, 0) + nearest(count.quantity_micro * rate)
    return result
