"""Stock by code and period in the columns of Vietnam's forms 15 and 15a, and the ledgers beside them.

Which event stands in which column is the table of the domain reference, section 6; the closing figure is
the form's identity and nothing else:

- form 15 (materials): (11) = (5) + (6) - (7) - (8) - (9) - (10)
- form 15a (products): (10) = (5) + (6) - (7) - (8) - (9)

Semi-finished goods are not shown on the forms but are kept here; work in progress and scrap have ledgers of
their own. What a handover found short stays in stock as its owner's liability until an ADJUST books it, so
a count that does not find it differs from the identity. One row is one code from one source (imported or
domestic); what is drawn from a tank in which both were joined is of both, in the proportion of what went in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from typing import Literal

from ledger.vocabulary import Balance, Kind, LineRole, Origin
from tracer.book import BookData, Event, Lot
from tracer.quantity import nearest
from tracer.replay import Delta

Source = Literal["imported", "domestic", "own"]

FORM15 = ("opening", "received", "re_exported", "repurposed", "issued", "other_issue")
FORM15A = ("opening", "received", "repurposed", "exported", "other_issue")
SEMI = ("opening", "produced", "returned", "issued", "other_issue")
WIP = ("opening", "issued", "returned", "consumed", "other_issue")
SCRAP = ("opening", "generated", "taken_out", "destroyed", "other_issue")
_PLUS = frozenset({"opening", "received", "produced", "generated"})
"""Columns that add to stock; in the WIP ledger `issued` does, in that of semi-finished goods `returned`."""

_MATERIAL = {
    Kind.OPENING: "opening",
    Kind.RECEIVE_FACTORY: "received",
    Kind.RECEIVE_DOMESTIC: "received",
    Kind.RETURN_PROD: "received",
    Kind.REEXPORT: "re_exported",
    Kind.UNLOAD: "re_exported",
    Kind.REPURPOSE: "repurposed",
    Kind.SELL_INLAND: "repurposed",
    Kind.DESTROY: "repurposed",
    Kind.ISSUE_PROD: "issued",
}
_PRODUCT = {
    Kind.OPENING: "opening",
    Kind.TRANSFORM: "received",
    Kind.FG_RETURN: "received",
    Kind.REPURPOSE: "repurposed",
    Kind.SELL_INLAND: "repurposed",
    Kind.DESTROY: "repurposed",
    Kind.EXPORT_LOAD: "exported",
    Kind.UNLOAD: "exported",
}
_SEMI = {
    Kind.OPENING: "opening",
    Kind.TRANSFORM: "produced",
    Kind.ISSUE_PROD: "issued",
    Kind.RETURN_PROD: "returned",
}
_WIP = {
    Kind.OPENING: "opening",
    Kind.ISSUE_PROD: "issued",
    Kind.RETURN_PROD: "returned",
    Kind.TRANSFORM: "consumed",
}
_SCRAP = {
    Kind.OPENING: "opening",
    Kind.TRANSFORM: "generated",
    Kind.SCRAP_OUT: "taken_out",
    Kind.DESTROY: "destroyed",
}
_NEUTRAL = frozenset({Kind.SPLIT, Kind.MERGE, Kind.ACCEPT})
_WITHIN = frozenset({Kind.ISSUE_PROD, Kind.RETURN_PROD, Kind.REEXPORT, Kind.UNLOAD, Kind.ADJUST})
"""Kinds that put nothing of another source into a lot."""
_RAW_OR_WIP = frozenset({Balance.RAW, Balance.WIP, Balance.SHORT})


@dataclass(slots=True)
class Row:
    """One code from one source: a figure per column (micro-units) and the ids of the events behind each."""

    code: str
    uom: str
    source: Source
    columns: tuple[str, ...]
    adding: frozenset[str]
    cells: dict[str, int] = field(default_factory=dict)
    events: dict[str, dict[str, None]] = field(default_factory=dict)

    def __getitem__(self, column: str) -> int:
        return self.closing if column == "closing" else self.cells.get(column, 0)

    @property
    def closing(self) -> int:
        """Closing stock by the form's identity."""
        return sum(q if column in self.adding else -q for column, q in self.cells.items())

    def add(self, column: str, change: int, event: Event) -> None:
        """Book a change of stock into a column, which counts in its own direction."""
        self.cells[column] = self.cells.get(column, 0) + (change if column in self.adding else -change)
        events = self.events.get(column)
        if events is None:
            events = self.events[column] = {}
        events[event.id] = None


@dataclass(slots=True)
class Accounts:
    """All ledgers of a book in a period, each row by (code, source).

    Attributes:
        blends: imported share of the lots in which imported and domestic material was joined.
    """

    materials: dict[tuple[str, Source], Row] = field(default_factory=dict)
    products: dict[tuple[str, Source], Row] = field(default_factory=dict)
    semi_finished: dict[tuple[str, Source], Row] = field(default_factory=dict)
    wip: dict[tuple[str, Source], Row] = field(default_factory=dict)
    scrap: dict[tuple[str, Source], Row] = field(default_factory=dict)
    blends: dict[str, Fraction] = field(default_factory=dict)


def accounts(book: BookData, deltas: Iterable[Delta]) -> Accounts:
    """Book every effect into its column. Pure; order of the effects does not matter."""
    result = Accounts()
    lots = {lot.id: lot for lot in book.lots}
    registered = {line.key: line.registered for line in book.lines}

    def late(event: Event) -> bool:
        span = registered.get(event.line)
        known_ms = min(book.period.end_ms, book.as_of_ms)
        return event.line not in registered or (span is not None and span.start_ms > known_ms)

    deltas = list(deltas)
    blends = result.blends = _blends(book, deltas, lots)
    places: dict[tuple[str, Balance], _Place | None] = {}
    end_ms = book.period.end_ms
    for delta in sorted(deltas, key=_when):
        event, lot = delta.event, lots.get(delta.lot)
        if lot is None or event.occurred.start_ms > end_ms:
            continue
        key = (lot.id, delta.balance)
        place = places[key] if key in places else places.setdefault(key, _place(result, delta, lot))
        if place is None:
            continue
        rows, by_kind, adding = place
        column = _column(book, delta, by_kind, adding, late)
        if not column:
            continue
        if len(rows) == 1:
            rows[0].add(column, delta.change, event)
        else:
            imported = nearest(blends[lot.id] * delta.change)
            rows[0].add(column, imported, event)
            rows[1].add(column, delta.change - imported, event)
    return result


def _blends(book: BookData, deltas: Sequence[Delta], lots: Mapping[str, Lot]) -> dict[str, Fraction]:
    """Imported share of the lots in which imported and domestic material was joined. A ledger joins no lots
    of unlike origin; the books of an enterprise with a tank do.
    """
    joined = False
    for event in book.events:
        if event.kind is Kind.MERGE and event.recorded:
            origins = {lots[leg.unit].origin for leg in event.legs
                       if leg.role == LineRole.INPUT and leg.unit in lots}
            joined = joined or {Origin.IMPORTED, Origin.DOMESTIC} <= origins
    if not joined:
        return {}
    into: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])

    def share(lot: str) -> Fraction:
        imported, whole = into[lot]
        return imported / whole if whole else Fraction(lots[lot].origin == Origin.IMPORTED)

    for event, changes in groupby((d for d in deltas if d.lot in lots), key=lambda d: d.event):
        if event.kind not in _WITHIN:
            net: dict[str, int] = defaultdict(int)
            for delta in changes:
                if lots[delta.lot].origin in (Origin.IMPORTED, Origin.DOMESTIC):
                    net[delta.lot] += delta.change
            pool = {lot: -q for lot, q in net.items() if q < 0}
            whole = sum(pool.values())
            of_pool = sum((share(lot) * q for lot, q in pool.items()), Fraction(0)) / whole if whole else None
            for lot, q in net.items():
                if q > 0:
                    came = of_pool if event.kind in _NEUTRAL and of_pool is not None else \
                        Fraction(lots[lot].origin == Origin.IMPORTED)
                    into[lot][0] += came * q
                    into[lot][1] += q
    return {lot: imported / whole for lot, (imported, whole) in into.items() if 0 < imported < whole}


def _when(delta: Delta) -> tuple[int, int, int]:
    event = delta.event
    return event.occurred.start_ms, event.occurred.end_ms, event.seq


_Table = dict[tuple[str, Source], Row]
_Place = tuple[tuple[Row, ...], dict[Kind, str], frozenset[str]]


def _place(result: Accounts, delta: Delta, lot: Lot) -> _Place | None:
    """The rows that a lot's goods in a balance belong to: two where imported and domestic material was joined
    in it, the imported part first.
    """
    ledger = _ledger(result, delta.balance, material=lot.origin in (Origin.IMPORTED, Origin.DOMESTIC))
    if ledger is None:
        return None
    table, columns, by_kind, adding = ledger
    joined = lot.id in result.blends and delta.balance in _RAW_OR_WIP
    sources: tuple[Source, ...] = ("imported", "domestic") if joined else (_source(lot),)
    rows = [table.get((lot.code, source)) or table.setdefault(
        (lot.code, source), Row(lot.code, lot.uom, source, columns, adding)) for source in sources]
    return tuple(rows), by_kind, adding


def _ledger(result: Accounts, balance: Balance, *, material: bool,
            ) -> tuple[_Table, tuple[str, ...], dict[Kind, str], frozenset[str]] | None:
    """The ledger that a balance belongs to, its columns, that of each kind, and which of them add."""
    if balance == Balance.SHORT:
        balance = Balance.RAW if material else Balance.FINISHED
    if balance == Balance.RAW:
        if material:
            return result.materials, FORM15, _MATERIAL, _PLUS
        return result.semi_finished, SEMI, _SEMI, _PLUS | {"returned"}
    if balance == Balance.FINISHED:
        return result.products, FORM15A, _PRODUCT, _PLUS
    if balance == Balance.WIP:
        return result.wip, WIP, _WIP, _PLUS | {"issued"}
    if balance == Balance.SCRAP:
        return result.scrap, SCRAP, _SCRAP, _PLUS
    return None


def _column(book: BookData, delta: Delta, by_kind: dict[Kind, str], adding: frozenset[str],
            late: Callable[[Event], bool]) -> str:
    """The column of an effect; empty for one that changes no total of its code."""
    kind = delta.event.kind
    if kind == Kind.OPENING or delta.event.occurred.start_ms < book.period.start_ms:
        return "opening"
    if kind in _NEUTRAL or (kind == Kind.ADJUST and _found_again(delta)):
        return ""
    if kind in (Kind.EXPORT_LOAD, Kind.UNLOAD) and by_kind is _PRODUCT and late(delta.event):
        return "other_issue"
    if kind in by_kind:
        return by_kind[kind]
    plus = next((c for c in ("received", "produced", "generated", "issued") if c in adding), "opening")
    return plus if delta.change > 0 else "other_issue"


def _found_again(delta: Delta) -> bool:
    """Whether an adjustment only moves what was short back to where it was: it was stock all the while."""
    return any(
        leg.unit == delta.lot and leg.role == LineRole.FROM_SHORT for leg in delta.event.legs
    )


def _source(lot: Lot) -> Source:
    if lot.origin == Origin.IMPORTED:
        return "imported"
    return "domestic" if lot.origin == Origin.DOMESTIC else "own"


def stock_at(book: BookData, deltas: Iterable[Delta], at_ms: int) -> dict[tuple[str, str], int]:
    """Stock by (kind of stock, code) after everything that had happened by a moment, in micro-units.

    Kinds of stock are those of a stock-take: `material`, `wip`, `product`, `scrap`; semi-finished goods,
    whether in store or on the line, are `semi`. What is short of a handover still counts; what is loaded
    does not.
    """
    codes = {lot.id: lot.code for lot in book.lots}
    result: dict[tuple[str, str], int] = {}
    for (kind, lot), q in stock_by_lot(book, deltas, at_ms).items():
        result[kind, codes[lot]] = result.get((kind, codes[lot]), 0) + q
    return result


def stock_by_lot(book: BookData, deltas: Iterable[Delta], at_ms: int) -> dict[tuple[str, str], int]:
    """`stock_at` by (kind of stock, lot)."""
    lots = {lot.id: lot for lot in book.lots}
    held: dict[tuple[str, Balance], int] = {}
    end_ms = book.period.end_ms
    for delta in deltas:
        event = delta.event
        at = event.occurred.start_ms
        if at <= at_ms or (at <= end_ms and event.kind == Kind.OPENING):
            key = (delta.lot, delta.balance)
            held[key] = held.get(key, 0) + delta.change
    result: dict[tuple[str, str], int] = {}
    for (name, balance), q in held.items():
        lot = lots.get(name)
        kind = stock_kind(lot, balance) if lot is not None else ""
        if kind:
            result[kind, name] = result.get((kind, name), 0) + q
    return result


def stock_kind(lot: Lot, balance: Balance) -> str:
    """The kind of stock that a balance of a lot is for a stock-take; empty for what is loaded."""
    return (_OWN_STOCK if lot.origin == Origin.OWN else _STOCK).get(balance, "")


_STOCK = {Balance.RAW: "material", Balance.WIP: "wip", Balance.FINISHED: "product", Balance.SCRAP: "scrap",
          Balance.SHORT: "material"}
_OWN_STOCK = {**_STOCK, Balance.RAW: "semi", Balance.WIP: "semi", Balance.SHORT: "product"}
