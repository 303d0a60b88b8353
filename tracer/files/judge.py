"""What the ledger would have said to each movement: order, lots, and refusals by the ledger's own names.

Movements are taken by when they happened, inflows first where times are equal. A draw that finds too little
waits for an inflow that comes later, since books are often dated loosely (the rules then find the wrong
dates); what no inflow ever covers is refused and kept as evidence, with what was left when it was asked for.
Only what the ledger would refuse on stock, holds, missing lines and full containers is refused here;
differences within the book's tolerance are not. `demand` says which lots a movement asks of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ledger.vocabulary import Balance, Kind, LineRole, Origin, Outcome, Thing
from tracer.book import BookData, DeclarationLine, Event, Lot, Tolerances
from tracer.files.demand import CREATES, SALES, Asked, Demand
from tracer.files.draw import Bins
from tracer.moment import Span
from tracer.replay import MOVES, Machine, Replay, attempted

_RANK = {
    kind: rank
    for rank, kinds in enumerate(
        (
            (Kind.OPENING, Kind.UNHOLD, Kind.ARRIVE),
            (Kind.ELIGIBLE, Kind.OFFER),
            (Kind.ACCEPT, Kind.REFUSE, Kind.CANCEL),
            (Kind.CLEAR, Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC, Kind.FG_RETURN, Kind.TRANSFER),
            (Kind.SPLIT, Kind.MERGE),
            (Kind.ISSUE_PROD,),
            (Kind.TRANSFORM,),
            (Kind.RETURN_PROD, Kind.UNLOAD),
            (Kind.EXPORT_LOAD, Kind.REEXPORT),
            (Kind.EXIT_CONFIRM, Kind.GATE_OUT),
            (),
            (Kind.HOLD, Kind.REVOKE),
            (Kind.ADJUST,),
            (Kind.COUNT,),
        )
    )
    for kind in kinds
}
_USUAL = 10
EARLIEST = frozenset(
    {
        Kind.OPENING,
        Kind.UNHOLD,
        Kind.ARRIVE,
        Kind.ELIGIBLE,
        Kind.OFFER,
        Kind.CLEAR,
        Kind.FG_RETURN,
        Kind.RECEIVE_FACTORY,
        Kind.RECEIVE_DOMESTIC,
    }
)
"""Kinds that count from the earliest moment that their time allows, the others from the latest: a date
without a time never counts against the enterprise."""
_MADE = frozenset({Balance.FINISHED, Balance.SCRAP, Balance.LOADED})
_DRAWS = frozenset(
    {
        Kind.ISSUE_PROD,
        Kind.RETURN_PROD,
        Kind.TRANSFORM,
        Kind.EXPORT_LOAD,
        Kind.REEXPORT,
        Kind.UNLOAD,
        Kind.EXIT_CONFIRM,
        Kind.REPURPOSE,
        Kind.SELL_INLAND,
        Kind.SCRAP_OUT,
        Kind.DESTROY,
        Kind.TRANSFER,
        Kind.ADJUST,
    }
)
_EMPTY = LineRole.EMPTY_CONTAINER
_BACK = frozenset({Kind.RETURN_PROD, Kind.UNLOAD})
"""Goods that come back are no new inflow: what was refused before stays refused."""
_ONE_LOT: dict[Kind, tuple[Balance, Balance | None]] = {**MOVES, Kind.SCRAP_OUT: (Balance.SCRAP, None)}
"""Kinds whose usual movement is of one lot: the balance it takes from, and the one it adds to."""
_CUSTODY = frozenset(
    {Kind.HOLD, Kind.UNHOLD, Kind.ELIGIBLE, Kind.REVOKE, Kind.GATE_OUT, Kind.ACCEPT, Kind.REFUSE, Kind.CANCEL,
     Kind.ARRIVE, Kind.STRIP, Kind.RECEIVE_FACTORY}
)
_HELD_TOO = frozenset({Kind.RETURN_PROD, Kind.UNLOAD, Kind.ADJUST})


@dataclass(slots=True)
class _Waiting:
    event: Event
    asked: Event
    place: int
    outcome: Outcome
    done: bool = False


@dataclass(slots=True)
class Judge:
    """Takes events one after the other, as a ledger would.

    Attributes:
        book, enterprise: ids. lines: by key, for their purpose.
        effects: after `run`, what a replay of the book would find; None where it has refused draws, for which
            a replay looks at what was left.
    """

    book: str
    enterprise: str
    lines: dict[str, DeclarationLine]
    tolerances: Tolerances
    lots: dict[str, Lot] = field(default_factory=dict)
    taken: list[Event | None] = field(default_factory=list)
    effects: Replay | None = None
    _machine: Machine = field(init=False)
    _demand: Demand = field(init=False)
    _waiting: dict[tuple[str, Balance], list[_Waiting]] = field(default_factory=lambda: defaultdict(list))
    _holds: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _eligible: set[str] = field(default_factory=set)
    _full: set[str] = field(default_factory=set)
    """Containers that came in full and are supervised still."""
    _offers: dict[str, Event] = field(default_factory=dict)
    _left: list[_Waiting] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._machine = Machine(BookData(self.book, "", Span(0, 0), 0, lines=tuple(self.lines.values())))
        self._machine.lots = self.lots
        bins = Bins(self._machine.state, self.lots)
        self._demand = Demand(self.enterprise, self.tolerances, self.lots, self._machine, bins)

    def run(self, events: Iterable[Event]) -> list[Event]:
        """Every event with its place in the order, its lots and its outcome."""
        for event in sorted(events, key=_order):
            self._take(event)
        for waiting in self._left:
            if not waiting.done:
                self.taken[waiting.place] = self._refused(waiting.asked, waiting.outcome)
        result = [e for e in self.taken if e is not None]
        for seq, event in enumerate(result, 1):
            object.__setattr__(event, "seq", seq)  # made here and seen by nobody yet: no copy of a million
        if not any(attempted(event) for event in result):
            self.effects = self._machine.ended()
        return result

    def _take(self, event: Event) -> None:
        if self._usual(event):
            return
        judged, outcome, missing = self._judge(event)
        if outcome == Outcome.RECORDED:
            self._record(judged)
        elif missing:
            waiting = _Waiting(event, judged, len(self.taken), outcome)
            self.taken.append(None)
            self._left.append(waiting)
            for key in missing:
                self._waiting[key].append(waiting)
        else:
            self.taken.append(self._refused(judged, outcome))

    def _usual(self, event: Event) -> bool:
        """Record at once what nearly every movement of a large book is: a quantity of one lot, which is there
        and which nobody holds. True if it was; what is asked here is what `_judge` would find.
        """
        move = _ONE_LOT.get(event.kind)
        if move is None or len(event.legs) != 1:
            return False
        leg, (source, target) = event.legs[0], move
        unit = leg.unit
        held = self._machine.state.get(unit)
        if held is None or leg.thing is not Thing.LOT or not (leg.code and leg.uom):
            return False
        if not 0 < leg.quantity_micro <= held.get(source, 0):
            return False
        if self._holds and (self._holds.get(unit) or self._holds.get(event.line)):
            return False
        self.taken.append(event)
        self._machine.apply(event)
        moved = self._demand.bins.moved
        moved(unit, source)
        if target is not None:
            moved(unit, target)
            if event.kind not in _BACK:
                self._demand.into[unit, target] += leg.quantity_micro
                if self._waiting:
                    self._covered({(unit, target): None, (self.lots[unit].code, target): None})
        return True

    def _refused(self, event: Event, outcome: Outcome) -> Event:
        """A refused act with the lots that it asked of; one that never came into being gets a name, so that
        the rules can speak of it.
        """
        legs = []
        for leg in event.legs:
            unit = leg.unit
            draws = leg.thing == Thing.LOT and (event.kind != Kind.TRANSFORM or leg.role == LineRole.INPUT)
            if draws and not unit:
                last = self._demand.bins.last(leg.code, self._demand.balance_of(event, leg))
                unit = last or self._demand.named(leg.code, "never received")
            if draws and unit not in self.lots:
                made = self._demand.balance_of(event, leg) in _MADE
                origin = Origin.OWN if made else Origin.IMPORTED
                self.lots[unit] = Lot(unit, leg.code, leg.uom, origin, "", self.book)
            if unit:
                about = self.lots.get(unit)
                legs.append(
                    replace(
                        leg,
                        unit=unit,
                        code=leg.code or (about.code if about else ""),
                        uom=leg.uom or (about.uom if about else ""),
                    )
                )
        return replace(event, legs=tuple(legs), outcome=outcome)

    def _record(self, event: Event) -> None:
        if event.kind == Kind.MERGE:
            event = self._parted(event)
        self._create(event)
        event = self._coded(event)
        self.taken.append(event)
        machine = self._machine
        deltas = machine.result.deltas
        before = len(deltas)
        if event.kind == Kind.OFFER:
            machine.offers[event.id] = event
            self._offers.update({leg.unit: event for leg in event.legs})
        machine.apply(event)
        came: dict[tuple[str, Balance], None] = {}
        for delta in deltas[before:]:
            self._demand.bins.moved(delta.lot, delta.balance)
            if delta.change > 0 and event.kind not in _BACK:
                self._demand.into[delta.lot, delta.balance] += delta.change
                came[delta.lot, delta.balance] = None
                came[self.lots[delta.lot].code, delta.balance] = None
        if event.kind in _CUSTODY:
            self._custody(event)
        if self._waiting:
            self._covered(came)

    def _covered(self, came: Iterable[tuple[str, Balance]]) -> None:
        """Goods came in: what waits for them is judged again."""
        for key in came:
            if not self._waiting.get(key):
                continue
            again, self._waiting[key] = self._waiting[key], []
            for waiting in again:
                if waiting.done:
                    continue
                judged, outcome, _ = self._judge(waiting.event)
                if outcome == Outcome.RECORDED:
                    waiting.done = True
                    self._record(judged)
                else:
                    self._waiting[key].append(waiting)

    def _coded(self, event: Event) -> Event:
        """The event with the code of each lot, which not every row repeats."""
        if all(leg.code or leg.unit not in self.lots for leg in event.legs):
            return event
        legs = []
        for leg in event.legs:
            lot = self.lots.get(leg.unit)
            legs.append(leg if leg.code or lot is None else replace(leg, code=lot.code, uom=lot.uom))
        return replace(event, legs=tuple(legs))

    def _create(self, event: Event) -> None:
        """Lots that the event makes."""
        like: Lot | None = None
        if event.kind in (Kind.SPLIT, Kind.MERGE):
            inputs = (x.unit for x in event.legs if x.role == LineRole.INPUT)
            like = next((self.lots[unit] for unit in inputs if unit in self.lots), None)
        for leg in event.legs:
            if leg.thing != Thing.LOT or leg.role == LineRole.INPUT or leg.unit in self.lots:
                continue
            lot = Lot(leg.unit, leg.code, leg.uom, Origin.OWN, "", self.book)
            if event.kind == Kind.OPENING:
                lot = replace(lot, origin=Origin(int(leg.role) - 20))
            elif event.kind in CREATES:
                lot = replace(lot, origin=CREATES[event.kind], source_line=event.line)
            elif event.kind == Kind.TRANSFER:
                lot = replace(lot, origin=Origin.IMPORTED)
            elif event.kind in (Kind.SPLIT, Kind.MERGE) and like is not None:
                lot = replace(like, id=leg.unit)
            elif event.kind == Kind.ADJUST:
                lot = replace(
                    lot, origin=Origin.IMPORTED if leg.balance in (Balance.RAW, Balance.WIP) else Origin.OWN
                )
            elif event.kind != Kind.TRANSFORM:
                continue
            self.lots[leg.unit] = lot
            if like is not None and event.kind in (Kind.SPLIT, Kind.MERGE):
                self._holds[leg.unit] |= self._holds[like.id]

    def _custody(self, event: Event) -> None:
        if event.kind in (Kind.ARRIVE, Kind.STRIP, Kind.RECEIVE_FACTORY):
            self._filled(event)
            return
        units = [leg.unit for leg in event.legs] or ([event.line] if event.line else [])
        for unit in units:
            if event.kind == Kind.HOLD:
                self._holds[unit].add(event.actor)
            elif event.kind == Kind.UNHOLD:
                self._holds[unit].discard(event.actor)
            elif event.kind == Kind.ELIGIBLE:
                self._eligible.add(unit)
            elif event.kind == Kind.REVOKE:
                self._eligible.discard(unit)
            elif event.kind == Kind.GATE_OUT:
                self._eligible.discard(unit)
                self._full.discard(unit)
            elif event.kind in (Kind.ACCEPT, Kind.REFUSE, Kind.CANCEL):
                self._offers.pop(unit, None)

    def _filled(self, event: Event) -> None:
        """Which containers are full. Things that are taken out one by one leave it what it was."""
        if event.kind == Kind.STRIP and any(leg.role == LineRole.INPUT for leg in event.legs):
            return
        boxes = {leg.unit for leg in event.legs if leg.thing == Thing.CONTAINER and leg.role != _EMPTY}
        if event.kind == Kind.ARRIVE:
            self._full |= boxes
        else:
            self._full -= boxes

    def _judge(self, event: Event) -> Asked:
        """The event with its lots, the outcome, and which inflows it could wait for."""
        if event.kind == Kind.GATE_OUT:
            units = [leg.unit for leg in event.legs]
            if any(self._holds.get(unit) for unit in units):
                return event, Outcome.HELD, []
            return event, Outcome.RECORDED if self._eligible.issuperset(units) else Outcome.NOT_ELIGIBLE, []
        if event.kind == Kind.ACCEPT or (event.kind in (Kind.REFUSE, Kind.CANCEL) and not event.reference):
            return self._answer(event)
        if event.kind in (Kind.SPLIT, Kind.MERGE):
            return self._demand.reshaped(event)
        if event.kind == Kind.STUFF and any(leg.thing == Thing.LOT for leg in event.legs):
            full = any(leg.unit in self._full for leg in event.legs)
            return event, Outcome.NOT_EMPTY if full else Outcome.RECORDED, []
        if event.kind not in _DRAWS:
            return self._demand.numbered(event), Outcome.RECORDED, []
        judged, outcome, missing = self._demand.drawn(event)
        if outcome != Outcome.RECORDED:
            return judged, outcome, missing
        held = self._holds and any(
            self._holds.get(unit) for unit in (*(leg.unit for leg in judged.legs), event.line)
        )
        if held and event.kind not in _HELD_TOO:
            return judged, Outcome.HELD, []
        return judged, self._sale(judged) if event.kind in SALES else Outcome.RECORDED, []

    def _parted(self, event: Event) -> Event:
        """A MERGE of whole lots, with the parts of those that keep a rest split off before it."""
        legs = []
        for leg in event.legs:
            split = self._demand.part_of(event, leg)
            if split is not None:
                self._record(split)
            legs.append(leg if split is None else replace(leg, unit=split.legs[-1].unit))
        return replace(event, legs=tuple(legs))

    def _sale(self, event: Event) -> Outcome:
        """Imported material, or products, may change purpose only under a declaration line of their own."""
        line = self.lines.get(event.line)
        if line is not None:
            right = line.purpose == LineRole.CHANGE_OF_PURPOSE
            return Outcome.RECORDED if right else Outcome.WRONG_PURPOSE
        free = all(self.lots[leg.unit].origin == Origin.DOMESTIC for leg in event.legs)
        return Outcome.RECORDED if free else Outcome.UNKNOWN_REFERENCE

    def _answer(self, event: Event) -> Asked:
        """An answer to an offer: the open one of that thing, which its row need not name."""
        offer = next((self._offers[leg.unit] for leg in event.legs if leg.unit in self._offers), None)
        if offer is None:
            return event, Outcome.NO_OPEN_OFFER, []
        if event.reference not in ("", offer.id):
            return event, Outcome.OFFER_MISMATCH, []
        if event.kind != Kind.CANCEL and offer.counterparty and offer.counterparty != event.actor:
            return event, Outcome.NOT_OFFEREE, []
        return replace(event, reference=offer.id), Outcome.RECORDED, []


def _order(event: Event) -> tuple[int, int, str]:
    at = event.occurred.start_ms if event.kind in EARLIEST else event.occurred.end_ms
    return at, _RANK.get(event.kind, _USUAL), event.id
