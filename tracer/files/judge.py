"""What the ledger would have said to each movement: order, lots, and refusals by the ledger's own names.

Movements are taken by when they happened, inflows first where times are equal. A draw that finds too little
waits for an inflow that comes later, since books are often dated loosely (the rules then find the wrong
dates); what no inflow ever covers is refused and kept as evidence, with what was left when it was asked for.
Only what the ledger would refuse on stock, holds and missing lines is refused here; differences within the
book's tolerance are not.

A draw that names no lot takes from the lots of its code: those without a number of their own first, then the
numbered ones, each in the order in which they came; where imported and domestic stock lie together, in
proportion (Circular 38/2015 Art. 60.2.a, commingling).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ledger.vocabulary import Balance, Kind, LineRole, Origin, Outcome, Thing
from tracer.book import BookData, DeclarationLine, Event, Leg, Lot, Tolerances
from tracer.files.draw import Bins, shortfall
from tracer.labels import label
from tracer.moment import Span
from tracer.quantity import largest_remainder
from tracer.replay import STOCK, Machine, drawn_balance
from tracer.tolerance import tol

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
_EARLIEST = frozenset(
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
_CREATES = {
    Kind.RECEIVE_FACTORY: Origin.IMPORTED,
    Kind.RECEIVE_DOMESTIC: Origin.DOMESTIC,
    Kind.FG_RETURN: Origin.OWN,
}
_SALES = frozenset({Kind.REPURPOSE, Kind.SELL_INLAND})
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
_BACK = frozenset({Kind.RETURN_PROD, Kind.UNLOAD})
"""Goods that come back are no new inflow: what was refused before stays refused."""
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
    """

    book: str
    enterprise: str
    lines: dict[str, DeclarationLine]
    tolerances: Tolerances
    lots: dict[str, Lot] = field(default_factory=dict)
    taken: list[Event | None] = field(default_factory=list)
    _machine: Machine = field(init=False)
    _bins: Bins = field(init=False)
    _into: dict[tuple[str, Balance], int] = field(default_factory=lambda: defaultdict(int))
    _waiting: dict[tuple[str, Balance], list[_Waiting]] = field(default_factory=lambda: defaultdict(list))
    _holds: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _eligible: set[str] = field(default_factory=set)
    _offers: dict[str, Event] = field(default_factory=dict)
    _left: list[_Waiting] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._machine = Machine(BookData(self.book, "", Span(0, 0), 0, lines=tuple(self.lines.values())))
        self._machine.lots = self.lots
        self._bins = Bins(self._machine.state, self.lots)

    def run(self, events: Iterable[Event]) -> list[Event]:
        """Every event with its place in the order, its lots and its outcome."""
        for event in sorted(events, key=_order):
            self._take(event)
        for waiting in self._left:
            if not waiting.done:
                self.taken[waiting.place] = self._refused(waiting.asked, waiting.outcome)
        return [replace(e, seq=seq) for seq, e in enumerate((e for e in self.taken if e is not None), 1)]

    def _take(self, event: Event) -> None:
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

    def _refused(self, event: Event, outcome: Outcome) -> Event:
        """A refused act with the lots that it asked of; one that never came into being gets a name, so that
        the rules can speak of it.
        """
        legs = []
        for leg in event.legs:
            unit = leg.unit
            draws = leg.thing == Thing.LOT and (event.kind != Kind.TRANSFORM or leg.role == LineRole.INPUT)
            if draws and not unit:
                unit = self._bins.last(leg.code, self._balance(event, leg)) or self._named(
                    leg.code, "never received"
                )
            if draws and unit not in self.lots:
                origin = (
                    Origin.OWN
                    if self._balance(event, leg) in (Balance.FINISHED, Balance.SCRAP, Balance.LOADED)
                    else Origin.IMPORTED
                )
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
        before = len(machine.result.deltas)
        if event.kind == Kind.OFFER:
            machine.offers[event.id] = event
            self._offers.update({leg.unit: event for leg in event.legs})
        machine.apply(event)
        came: dict[tuple[str, Balance], None] = {}
        for delta in machine.result.deltas[before:]:
            self._bins.moved(delta.lot, delta.balance)
            if delta.change > 0 and event.kind not in _BACK:
                self._into[delta.lot, delta.balance] += delta.change
                came[delta.lot, delta.balance] = None
                came[self.lots[delta.lot].code, delta.balance] = None
        machine.result.deltas.clear()
        self._custody(event)
        for key in came:
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
        like = next(
            (self.lots[x.unit] for x in event.legs if x.role == LineRole.INPUT and x.unit in self.lots), None
        )
        for leg in event.legs:
            if leg.thing != Thing.LOT or leg.role == LineRole.INPUT or leg.unit in self.lots:
                continue
            lot = Lot(leg.unit, leg.code, leg.uom, Origin.OWN, "", self.book)
            if event.kind == Kind.OPENING:
                lot = replace(lot, origin=Origin(int(leg.role) - 20))
            elif event.kind in _CREATES:
                lot = replace(lot, origin=_CREATES[event.kind], source_line=event.line)
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
        units = [leg.unit for leg in event.legs] or ([event.line] if event.line else [])
        for unit in units:
            if event.kind == Kind.HOLD:
                self._holds[unit].add(event.actor)
            elif event.kind == Kind.UNHOLD:
                self._holds[unit].discard(event.actor)
            elif event.kind == Kind.ELIGIBLE:
                self._eligible.add(unit)
            elif event.kind in (Kind.REVOKE, Kind.GATE_OUT):
                self._eligible.discard(unit)
            elif event.kind in (Kind.ACCEPT, Kind.REFUSE, Kind.CANCEL):
                self._offers.pop(unit, None)

    def _judge(self, event: Event) -> tuple[Event, Outcome, list[tuple[str, Balance]]]:
        """The event with its lots, the outcome, and which inflows it could wait for."""
        units = [leg.unit for leg in event.legs]
        if event.kind == Kind.GATE_OUT:
            if any(self._holds.get(unit) for unit in units):
                return event, Outcome.HELD, []
            return event, Outcome.RECORDED if self._eligible.issuperset(units) else Outcome.NOT_ELIGIBLE, []
        if event.kind == Kind.ACCEPT or (event.kind in (Kind.REFUSE, Kind.CANCEL) and not event.reference):
            return self._answer(event)
        if event.kind in (Kind.SPLIT, Kind.MERGE):
            return self._reshaped(event)
        if event.kind not in _DRAWS:
            return self._implicit(event), Outcome.RECORDED, []
        return self._drawn(event)

    def _answer(self, event: Event) -> tuple[Event, Outcome, list[tuple[str, Balance]]]:
        """An answer to an offer: the open one of that thing, which its row need not name."""
        offer = next((self._offers[leg.unit] for leg in event.legs if leg.unit in self._offers), None)
        if offer is None:
            return event, Outcome.NO_OPEN_OFFER, []
        if event.reference not in ("", offer.id):
            return event, Outcome.OFFER_MISMATCH, []
        if event.kind != Kind.CANCEL and offer.counterparty and offer.counterparty != event.actor:
            return event, Outcome.NOT_OFFEREE, []
        return replace(event, reference=offer.id), Outcome.RECORDED, []

    def _drawn(self, event: Event) -> tuple[Event, Outcome, list[tuple[str, Balance]]]:
        legs: list[Leg] = []
        missing: list[tuple[str, Balance]] = []
        unknown = False
        asked: dict[tuple[str, Balance], int] = defaultdict(int)
        for leg in self._implicit(event).legs:
            adds = event.kind in (Kind.ADJUST, Kind.TRANSFER) and leg.role != LineRole.INPUT
            if (
                leg.thing != Thing.LOT
                or adds
                or (event.kind == Kind.TRANSFORM and leg.role != LineRole.INPUT)
            ):
                legs.append(leg)
                continue
            balance = self._balance(event, leg)
            parts = [leg] if leg.unit else self._found(event, leg, balance, asked)
            if not parts:
                missing.append((leg.code, balance))
                legs.append(leg)
                unknown = True
                continue
            for part in parts:
                lot = self.lots.get(part.unit)
                if lot is None:
                    unknown = True
                    missing.append((part.unit, balance))
                    legs.append(part)
                    continue
                quantity = part.quantity_micro or self._left_of(event, part.unit, balance)
                if not quantity:
                    missing.append((part.unit, balance))
                asked[part.unit, balance] += quantity
                short = asked[part.unit, balance] - self._left_of(event, part.unit, balance)
                if short > 0 and short > self._allowed(part.unit, balance):
                    missing += [(part.unit, balance), *([] if leg.unit else [(leg.code, balance)])]
                stated = leg.balance != Balance.NONE or drawn_balance(event, leg, lot) == balance
                if not (stated and part.quantity_micro and part.code and part.uom):  # else as it was written
                    part = replace(  # noqa: PLW2901 - the same part, completed
                        part,
                        quantity_micro=quantity,
                        code=part.code or lot.code,
                        uom=part.uom or lot.uom,
                        balance=part.balance if stated else balance,
                    )
                legs.append(part)
        judged = event if legs == list(event.legs) else replace(event, legs=tuple(legs))
        if missing:
            return judged, Outcome.UNKNOWN_UNIT if unknown else Outcome.NOT_ENOUGH, missing
        held = event.kind not in _HELD_TOO and (
            any(self._holds.get(leg.unit) for leg in legs) or self._holds.get(event.line)
        )
        if held:
            return judged, Outcome.HELD, []
        return judged, self._sale(judged) if event.kind in _SALES else Outcome.RECORDED, []

    def _allowed(self, unit: str, balance: Balance) -> int:
        """What may be missing within the tolerance; nothing of a balance that never held anything."""
        into = self._into[unit, balance]
        return tol(into, self.lots[unit].uom, self.tolerances).value_micro if into else 0

    def _sale(self, event: Event) -> Outcome:
        """Imported material, or products, may change purpose only under a declaration line of their own."""
        line = self.lines.get(event.line)
        if line is not None:
            right = line.purpose == LineRole.CHANGE_OF_PURPOSE
            return Outcome.RECORDED if right else Outcome.WRONG_PURPOSE
        free = all(self.lots[leg.unit].origin == Origin.DOMESTIC for leg in event.legs)
        return Outcome.RECORDED if free else Outcome.UNKNOWN_REFERENCE

    def _found(
        self, event: Event, leg: Leg, balance: Balance, asked: dict[tuple[str, Balance], int]
    ) -> list[Leg]:
        """Lots for a leg that names none. What is not there is asked of the last."""
        held = [
            (unit, self._left_of(event, unit, balance) - asked[unit, balance])
            for unit in self._bins.of(leg.code, balance)
        ]
        held = [(unit, q) for unit, q in held if q > 0]
        wanted = leg.quantity_micro or sum(q for _, q in held)
        sources: dict[bool, list[tuple[str, int]]] = defaultdict(list)
        for unit, q in held:
            sources[self.lots[unit].origin == Origin.DOMESTIC].append((unit, q))
        totals = [sum(q for _, q in group) for group in sources.values()]
        shared = min(wanted, sum(totals))
        parts: list[Leg] = []
        portions = (
            largest_remainder([Fraction(shared * t, sum(totals)) for t in totals], shared) if shared else []
        )
        for group, portion in zip(sources.values(), portions, strict=False):
            rest = portion
            for unit, q in group:
                if rest > 0:
                    parts.append(replace(leg, unit=unit, quantity_micro=min(q, rest)))
                    rest -= min(q, rest)
        return shortfall(parts, leg, wanted - shared, self._bins.last(leg.code, balance))

    def _left_of(self, event: Event, unit: str, balance: Balance) -> int:
        if balance == Balance.LOADED:
            return self._machine.loaded_for(unit, event.line)
        return self._machine.state[unit][balance] if unit in self._machine.state else 0

    def _balance(self, event: Event, leg: Leg) -> Balance:
        """Which balance is drawn: what the kind says, else the leg, else the one that holds something."""
        if event.kind in (Kind.UNLOAD, Kind.EXIT_CONFIRM):
            return Balance.LOADED
        if event.kind == Kind.TRANSFER:
            return Balance.RAW
        lot = self.lots.get(leg.unit) or self._bins.like(leg.code)
        usual = drawn_balance(event, leg, lot)
        if leg.balance != Balance.NONE or event.kind not in (*_SALES, Kind.DESTROY, Kind.ADJUST):
            return usual
        held = [b for b, q in self._machine.state.get(leg.unit, {}).items() if q > 0 and b != Balance.LOADED]
        return held[0] if len(held) == 1 else usual

    def _named(self, code: str, what: str) -> str:
        return label(self.enterprise, f"{code} ({what})")

    def _implicit(self, event: Event) -> Event:
        """Names for lots that come into being without a number."""
        if all(leg.unit or leg.thing != Thing.LOT for leg in event.legs):
            return event
        legs = []
        for leg in event.legs:
            makes = event.kind in (*_CREATES, Kind.OPENING) or (
                event.kind in (Kind.TRANSFORM, Kind.TRANSFER) and leg.role != LineRole.INPUT
            )
            if makes and not leg.unit and leg.thing == Thing.LOT:
                what = "opening" if event.kind == Kind.OPENING else event.line or event.id
                leg = replace(leg, unit=self._named(leg.code, what))  # noqa: PLW2901 - the same leg, named
                self._bins.implicit.add(leg.unit)
            legs.append(leg)
        return replace(event, legs=tuple(legs))

    def _reshaped(self, event: Event) -> tuple[Event, Outcome, list[tuple[str, Balance]]]:
        """SPLIT and MERGE with lots and the balance that is split; they are recorded whatever they take of
        lots that are there, and B5 looks at both sides.
        """
        legs: list[Leg] = []
        for leg in event.legs:
            if leg.role == LineRole.INPUT and not leg.unit:
                legs += self._found(event, leg, leg.balance or Balance.RAW, defaultdict(int))
            elif not leg.unit:
                named = self._named(leg.code, event.id)
                self._bins.implicit.add(named)
                legs.append(replace(leg, unit=named))
            else:
                legs.append(leg)
        unknown = [leg.unit for leg in legs if leg.role == LineRole.INPUT and leg.unit not in self.lots]
        if unknown or not any(leg.role == LineRole.INPUT for leg in legs):
            missing = [(unit, balance) for unit in unknown for balance in STOCK]
            return event, Outcome.UNKNOWN_UNIT, missing or [(leg.code, Balance.RAW) for leg in legs[:1]]
        parent = next(leg.unit for leg in legs if leg.role == LineRole.INPUT)
        held = [b for b, q in self._machine.state.get(parent, {}).items() if q > 0 and b != Balance.LOADED]
        if event.kind == Kind.SPLIT and len(held) == 1:
            legs = [
                leg if leg.role == LineRole.INPUT or leg.balance else replace(leg, balance=held[0])
                for leg in legs
            ]
        return replace(event, legs=tuple(legs)), Outcome.RECORDED, []

    def _parted(self, event: Event) -> Event:
        """A MERGE takes whole lots; of one that keeps a rest, the part is split off first."""
        legs = []
        for leg in event.legs:
            held = {
                b: q
                for b, q in self._machine.state.get(leg.unit, {}).items()
                if q > 0 and b != Balance.LOADED
            }
            rest = sum(held.values()) - leg.quantity_micro
            keeps = leg.role == LineRole.INPUT and leg.quantity_micro and len(held) == 1
            if keeps and tol(sum(held.values()), leg.uom, self.tolerances).exceeded(rest) and rest > 0:
                part = replace(
                    leg, unit=f"{leg.unit} (part, {event.id})", role=LineRole.OUTPUT, balance=next(iter(held))
                )
                self._record(
                    replace(
                        event,
                        id=f"{event.id} (part)",
                        kind=Kind.SPLIT,
                        legs=(replace(leg, quantity_micro=0), part),
                    )
                )
                legs.append(replace(leg, unit=part.unit))
            else:
                legs.append(leg)
        return replace(event, legs=tuple(legs))


def _order(event: Event) -> tuple[int, int, str]:
    at = event.occurred.start_ms if event.kind in _EARLIEST else event.occurred.end_ms
    return at, _RANK.get(event.kind, _USUAL), event.id
