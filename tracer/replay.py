"""What each event did to which balance: the one place that gives kinds their effect on stock.

The ledger's order is causally sound (the contract refused whatever was not there), so effects are computed
in that order; reports then sort them by when things happened. A refused act has no effect; what was left
when it was refused is kept beside it, for the rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from ledger.quick import quick
from ledger.vocabulary import Balance, Kind, LineRole, Origin, Outcome, Thing
from tracer.book import BookData, Event, Leg, Lot

STOCK = (Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP)
"""Balances that a stock-take can find."""

_IN = {
    Kind.RECEIVE_FACTORY: Balance.RAW, Kind.RECEIVE_DOMESTIC: Balance.RAW, Kind.FG_RETURN: Balance.FINISHED,
}
MOVES = {
    Kind.ISSUE_PROD: (Balance.RAW, Balance.WIP), Kind.RETURN_PROD: (Balance.WIP, Balance.RAW),
    Kind.EXPORT_LOAD: (Balance.FINISHED, Balance.LOADED), Kind.REEXPORT: (Balance.RAW, Balance.LOADED),
}
"""Kinds that move a quantity of a lot from one of its balances to another."""
_OUT = {
    Kind.EXIT_CONFIRM: Balance.LOADED, Kind.REPURPOSE: Balance.NONE, Kind.SELL_INLAND: Balance.NONE,
    Kind.SCRAP_OUT: Balance.SCRAP, Kind.DESTROY: Balance.NONE,
}
_MADE = {
    LineRole.PRODUCT: Balance.FINISHED,
    LineRole.CO_PRODUCT: Balance.FINISHED,
    LineRole.SEMI_FINISHED: Balance.RAW,
    LineRole.SCRAP: Balance.SCRAP,
}
DRAWS = frozenset(
    {
        Kind.ISSUE_PROD,
        Kind.RETURN_PROD,
        Kind.TRANSFORM,
        Kind.EXPORT_LOAD,
        Kind.REEXPORT,
        Kind.REPURPOSE,
        Kind.SELL_INLAND,
        Kind.SCRAP_OUT,
        Kind.DESTROY,
        Kind.EXIT_CONFIRM,
    }
)
"""Kinds that take a quantity out of a balance."""
OVERDRAWN = frozenset({Outcome.NOT_ENOUGH, Outcome.EMPTY_LOT, Outcome.LINE_EXCEEDED})
"""Refusals that say: more was asked for than was there."""
_LOADED = Balance.LOADED
_NOT_THERE = OVERDRAWN | {Outcome.UNKNOWN_UNIT}


@quick
@dataclass(frozen=True, slots=True)
class Delta:
    """A change of one balance of one lot by one event; `change` in micro-units, signed."""

    event: Event
    lot: str
    balance: Balance
    change: int


@quick
@dataclass(frozen=True, slots=True)
class Attempt:
    """A refused draw: what it asked for and what was left of the balance when it was refused."""

    event: Event
    leg: Leg
    balance: Balance
    left: int


@dataclass(slots=True)
class Replay:
    """Effects in the ledger's order, final balances, and refused draws."""

    deltas: list[Delta] = field(default_factory=list)
    balances: dict[str, dict[Balance, int]] = field(default_factory=dict)
    loaded: dict[tuple[str, str], int] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    created_by: dict[str, Event] = field(default_factory=dict)
    """The event that made each lot."""


def in_order(events: Iterable[Event]) -> list[Event]:
    """Events as the ledger took them."""
    given = list(events)
    if all(a.seq < b.seq for a, b in pairwise(given)):  # as both sources give them
        return given
    return sorted(given, key=lambda e: (e.seq, e.id))


def replay(book: BookData) -> Replay:
    """Apply every event of the book in the ledger's order."""
    return Machine(book).run()


class Machine:
    """Balances while the events are applied, in the order in which they come.

    Those who decide between two events (`files.judge`) apply one at a time.
    """

    def __init__(self, book: BookData) -> None:
        self.book = book
        self.lots: dict[str, Lot] = {lot.id: lot for lot in book.lots}
        self.purposes = {line.key: line.purpose for line in book.lines}
        self.state: dict[str, dict[Balance, int]] = defaultdict(lambda: defaultdict(int))
        self.offers: dict[str, Event] = {}
        self.result = Replay()

    def run(self) -> Replay:
        """Apply every event of the book; refused draws are kept as attempts."""
        for event in in_order(self.book.events):
            if event.kind == Kind.OFFER:
                self.offers[event.id] = event
            if event.recorded:
                self.apply(event)
            elif attempted(event):
                self._attempt(event)
        made = self.result.created_by.keys()
        self.result.attempts = [
            a for a in self.result.attempts
            if a.event.outcome != Outcome.UNKNOWN_UNIT or a.leg.unit not in made]
        return self.ended()

    def ended(self) -> Replay:
        """The result, with the balances as they are now."""
        self.result.balances = {lot: dict(held) for lot, held in self.state.items()}
        return self.result

    def apply(self, event: Event) -> None:
        """Move what a recorded event moves."""
        kind = event.kind
        legs = [leg for leg in event.legs if leg.thing is Thing.LOT]
        if kind in MOVES:
            source, target = MOVES[kind]
            for leg in legs:
                self._change(event, leg.unit, source, -leg.quantity_micro)
                self._change(event, leg.unit, target, leg.quantity_micro)
        elif kind == Kind.OPENING:
            for leg in legs:
                self._make(event, leg, leg.balance)
        elif kind in _IN:
            for leg in legs:
                self._make(event, leg, _IN[kind])
        elif kind in _OUT:
            for leg in legs:
                self._change(
                    event, leg.unit, drawn_balance(event, leg, self.lots.get(leg.unit)), -leg.quantity_micro
                )
        elif kind == Kind.TRANSFORM:
            for leg in legs:
                if leg.role == LineRole.INPUT:
                    self._change(event, leg.unit, Balance.WIP, -leg.quantity_micro)
                else:
                    self._make(event, leg, _MADE.get(leg.role, Balance.FINISHED))
        elif kind == Kind.UNLOAD:
            back = Balance.RAW if self._re_exports(event, legs) else Balance.FINISHED
            for leg in legs:
                self._change(event, leg.unit, Balance.LOADED, -leg.quantity_micro)
                self._change(event, leg.unit, back, leg.quantity_micro)
        elif kind == Kind.SPLIT:
            self._split(event, legs)
        elif kind == Kind.MERGE:
            self._merge(event, legs)
        elif kind == Kind.ACCEPT:
            self._accept(event, legs)
        elif kind == Kind.TRANSFER:
            self._transfer(event, legs)
        elif kind == Kind.ADJUST:
            self._adjust(event, legs)

    def _transfer(self, event: Event, legs: list[Leg]) -> None:
        """Raw material leaves one book for another; a leg without role only offers it. The other book's lot
        is no business of this one.
        """
        for leg in legs:
            if leg.unit not in self.lots:
                continue
            if leg.role == LineRole.INPUT:
                self._change(event, leg.unit, Balance.RAW, -leg.quantity_micro)
            elif leg.role == LineRole.OUTPUT:
                self._make(event, leg, Balance.RAW)

    def _adjust(self, event: Event, legs: list[Leg]) -> None:
        """INPUT takes from a balance (from `short`: written off), OUTPUT adds to it, FROM_SHORT finds again
        what was short.
        """
        for leg in legs:
            sign = -1 if leg.role == LineRole.INPUT else 1
            if leg.role == LineRole.FROM_SHORT:
                self._change(event, leg.unit, Balance.SHORT, -leg.quantity_micro)
            self._change(event, leg.unit, leg.balance or Balance.RAW, sign * leg.quantity_micro)

    def _make(self, event: Event, leg: Leg, balance: Balance) -> None:
        if leg.role in (LineRole.CONTAINER, LineRole.CARGO):
            return
        self.result.created_by.setdefault(leg.unit, event)
        self._change(event, leg.unit, balance, leg.quantity_micro)

    def _split(self, event: Event, legs: list[Leg]) -> None:
        parents = [leg.unit for leg in legs if leg.role == LineRole.INPUT]
        for leg in legs:
            if leg.role == LineRole.INPUT:
                continue
            balance = leg.balance or Balance.RAW
            for parent in parents[:1]:
                self._change(event, parent, balance, -leg.quantity_micro)
            self.result.created_by.setdefault(leg.unit, event)
            self._change(event, leg.unit, balance, leg.quantity_micro)

    def _merge(self, event: Event, legs: list[Leg]) -> None:
        """All of the lots goes into one, but what is loaded of them: that is on its way out, and there is
        none on a ledger, which merges no lot of which something is loaded.
        """
        outputs = [leg.unit for leg in legs if leg.role == LineRole.OUTPUT]
        for output in outputs[:1]:
            self.result.created_by.setdefault(output, event)
            for leg in legs:
                if leg.role != LineRole.INPUT:
                    continue
                for balance, held in list(self.state[leg.unit].items()):
                    if held and balance is not _LOADED:
                        self._change(event, leg.unit, balance, -held)
                        self._change(event, output, balance, held)

    def _accept(self, event: Event, legs: list[Leg]) -> None:
        """Less found than offered: what is missing of a lot moves to its short balance."""
        for leg in legs:
            offered, balance = self._offered(event, leg)
            missing = offered - leg.quantity_micro if leg.quantity_micro else 0
            if missing > 0 and balance != Balance.NONE:
                self._change(event, leg.unit, balance, -missing)
                self._change(event, leg.unit, Balance.SHORT, missing)

    def _offered(self, event: Event, leg: Leg) -> tuple[int, Balance]:
        held = {
            b: q for b, q in self.state[leg.unit].items() if q and b not in (Balance.LOADED, Balance.SHORT)
        }
        only = next(iter(held)) if len(held) == 1 else Balance.NONE
        offer = self.offers.get(event.reference)
        for other in offer.legs if offer else ():
            if other.unit == leg.unit and other.quantity_micro:
                return other.quantity_micro, leg.balance or other.balance or only
        return held.get(only, 0), only

    def _change(self, event: Event, lot: str, balance: Balance, change: int) -> None:
        if not change:
            return
        self.state[lot][balance] += change
        if balance is _LOADED:
            key = (lot, event.line)
            self.result.loaded[key] = self.result.loaded.get(key, 0) + change
        self.result.deltas.append(Delta(event, lot, balance, change))

    def loaded_for(self, lot: str, line: str) -> int:
        """What of a lot is loaded for a line, micro-units."""
        return self.result.loaded.get((lot, line), 0)

    def _attempt(self, event: Event) -> None:
        """A refused draw. Of a lot that is named in the book and never came into being nothing was left; one
        that did later was only asked for too early.
        """
        for leg in event.legs:
            known = leg.unit in self.lots if event.outcome == Outcome.UNKNOWN_UNIT else leg.unit in self.state
            if leg.thing != Thing.LOT or not leg.quantity_micro or not known:
                continue
            if event.kind == Kind.TRANSFORM and leg.role != LineRole.INPUT:
                continue
            balance = drawn_balance(event, leg, self.lots.get(leg.unit))
            self.result.attempts.append(Attempt(event, leg, balance, self.state[leg.unit][balance]))

    def _re_exports(self, event: Event, legs: list[Leg]) -> bool:
        """Whether the line is one of re-export; where it is not known the origin of the goods tells."""
        purpose = self.purposes.get(event.line)
        if purpose is not None:
            return purpose == LineRole.RE_EXPORT
        return any(self.lots[leg.unit].origin in (Origin.IMPORTED, Origin.DOMESTIC)
                   for leg in legs if leg.unit in self.lots)


def attempted(event: Event) -> bool:
    """Whether an event is a refused draw of what was not there."""
    return event.outcome in _NOT_THERE and event.kind in DRAWS


def drawn_balance(event: Event, leg: Leg, lot: Lot | None) -> Balance:
    """Which balance an act takes from, where the leg does not say: raw of a material, finished of a
    product.
    """
    if event.kind in MOVES:
        return MOVES[event.kind][0]
    if event.kind == Kind.TRANSFORM:
        return Balance.WIP
    fixed = _OUT.get(event.kind, Balance.NONE)
    if fixed != Balance.NONE:
        return fixed
    if leg.balance != Balance.NONE:
        return leg.balance
    return Balance.FINISHED if lot is not None and lot.origin == Origin.OWN else Balance.RAW
