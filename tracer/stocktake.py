"""Stock-takes held against the books: what was found at a date and what the identities say of that date.

A count that names no lot speaks of all stock of its code; one that names lots speaks of those lots alone,
each at its own latest count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ledger.vocabulary import Balance
from tracer.balance import stock_by_lot, stock_kind
from tracer.book import BookData, Count
from tracer.moment import DAY_MS, iso_day
from tracer.norms import Factors
from tracer.quantity import nearest
from tracer.replay import Delta

Key = tuple[str, str]
"""(kind of stock, code); kinds as in `balance.stock_at`."""


@dataclass(frozen=True, slots=True)
class StockTake:
    """One comparison of a count with the books.

    Attributes:
        lots: the lots that were counted, where the count names any; empty: all of the code.
        at_ms: end of the count.
        expected_micro, counted_micro: books and count, in the unit of the code's lots.
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

    Of two for one moment it is the one stated later: they stand in the order in which they were stated.
    """
    day = max(iso_day(c.at.end_ms, offset) for c in counts)
    last = {(c.lot, c.place): c for c in sorted(counts, key=lambda c: c.at.end_ms)
            if iso_day(c.at.end_ms, offset) == day}
    return list(last.values())


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
        for day in sorted(days[key])[:-1]:
            counts = stock_take(days[key][day], book.offset)
            lots = tuple(sorted({c.lot for c in counts})) if all(c.lot for c in counts) else ()
            result.append(taker.compared(key, counts, lots))
    return result


class _Taker:
    """Stock by lot at the dates that counts are for, worked out once per date."""

    def __init__(self, book: BookData, deltas: Sequence[Delta], uoms: Mapping[str, str]) -> None:
        self.book, self.deltas, self.uoms = book, deltas, uoms
        self.factors = Factors(book.conversions)
        self.codes = {lot.id: lot.code for lot in book.lots}
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
            if rate is None:
                missing = (f"factor for {code} from {count.uom} to {uom}",)
                return StockTake(*key, uom, lots, at, missing=missing)
            counted += nearest(count.quantity_micro * rate)
        held = self.at(at).get(key, {})
        expected = sum(q for lot, q in held.items() if not lots or lot in lots)
        return StockTake(*key, uom, lots, at, expected, counted, tuple(latest))


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
