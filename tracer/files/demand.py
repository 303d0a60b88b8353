"""What a movement asks for: which lots, which balance, and whether that is there.

A draw that names no lot takes from the lots of its code: those without a number of their own first, then the
numbered ones, each in the order in which they came; where imported and domestic stock lie together, in
proportion (Circular 38/2015 Art. 60.2.a, commingling). Nothing is taken here: `judge` does.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from fractions import Fraction
from operator import is_

from ledger.vocabulary import Balance, Kind, LineRole, Origin, Outcome, Thing
from tracer.book import Event, Leg, Lot, Tolerances
from tracer.files.draw import Bins, shortfall
from tracer.labels import label
from tracer.quantity import largest_remainder
from tracer.replay import STOCK, Machine, drawn_balance
from tracer.tolerance import tol

Asked = tuple[Event, Outcome, list[tuple[str, Balance]]]
"""A movement with its lots, what the ledger would say, and the inflows that it could wait for: lot or code,
and balance.
"""

CREATES = {
    Kind.RECEIVE_FACTORY: Origin.IMPORTED,
    Kind.RECEIVE_DOMESTIC: Origin.DOMESTIC,
    Kind.FG_RETURN: Origin.OWN,
}
"""Kinds that make a lot, and its origin."""
SALES = frozenset({Kind.REPURPOSE, Kind.SELL_INLAND})


@dataclass(slots=True)
class Demand:
    """Reads the stock of a book for movements that ask of it.

    Attributes:
        enterprise: names lots that have no number. lots: all that came into being.
        machine: the balances. bins: which lots hold some of a code.
        into: what ever came into a balance of a lot, micro-units.
    """

    enterprise: str
    tolerances: Tolerances
    lots: dict[str, Lot]
    machine: Machine
    bins: Bins
    into: dict[tuple[str, Balance], int] = field(default_factory=lambda: defaultdict(int))

    def drawn(self, event: Event) -> Asked:
        """A draw with the lots that it takes from, and whether that is there."""
        legs: list[Leg] = []
        missing: list[tuple[str, Balance]] = []
        unknown = False
        asked: dict[tuple[str, Balance], int] = defaultdict(int)
        for leg in self.numbered(event).legs:
            adds = event.kind in (Kind.ADJUST, Kind.TRANSFER) and leg.role != LineRole.INPUT
            if (
                leg.thing != Thing.LOT
                or adds
                or (event.kind == Kind.TRANSFORM and leg.role != LineRole.INPUT)
            ):
                legs.append(leg)
                continue
            balance = self.balance_of(event, leg)
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
        same = len(legs) == len(event.legs) and all(map(is_, legs, event.legs))
        judged = event if same else replace(event, legs=tuple(legs))
        if missing:
            return judged, Outcome.UNKNOWN_UNIT if unknown else Outcome.NOT_ENOUGH, missing
        return judged, Outcome.RECORDED, []

    def _found(
        self, event: Event, leg: Leg, balance: Balance, asked: dict[tuple[str, Balance], int]
    ) -> list[Leg]:
        """Lots for a leg that names none. What is not there is asked of the last."""
        held = [
            (unit, self._left_of(event, unit, balance) - asked[unit, balance])
            for unit in self.bins.of(leg.code, balance)
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
        return shortfall(parts, leg, wanted - shared, self.bins.last(leg.code, balance))

    def reshaped(self, event: Event) -> Asked:
        """SPLIT and MERGE with lots and the balance that is split; they are recorded whatever they take of
        lots that are there, and B5 looks at both sides.
        """
        legs: list[Leg] = []
        for leg in event.legs:
            if leg.role == LineRole.INPUT and not leg.unit:
                legs += self._found(event, leg, leg.balance or Balance.RAW, defaultdict(int))
            elif not leg.unit:
                named = self.named(leg.code, event.id)
                self.bins.implicit.add(named)
                legs.append(replace(leg, unit=named))
            else:
                legs.append(leg)
        unknown = [leg.unit for leg in legs if leg.role == LineRole.INPUT and leg.unit not in self.lots]
        if unknown or not any(leg.role == LineRole.INPUT for leg in legs):
            missing = [(unit, balance) for unit in unknown for balance in STOCK]
            return event, Outcome.UNKNOWN_UNIT, missing or [(leg.code, Balance.RAW) for leg in legs[:1]]
        parent = next(leg.unit for leg in legs if leg.role == LineRole.INPUT)
        held = [b for b, q in self.machine.state.get(parent, {}).items() if q > 0 and b != Balance.LOADED]
        if event.kind == Kind.SPLIT and len(held) == 1:
            legs = [
                leg if leg.role == LineRole.INPUT or leg.balance else replace(leg, balance=held[0])
                for leg in legs
            ]
        return replace(event, legs=tuple(legs)), Outcome.RECORDED, []

    def part_of(self, event: Event, leg: Leg) -> Event | None:
        """A MERGE takes whole lots; of one that keeps a rest, the SPLIT that parts off what goes in.

        The part is the split's last leg. None where the whole lot goes in. Of a lot that is partly in
        production the store's part goes in: what is on the line stays under its number.
        """
        held = {
            b: q for b, q in self.machine.state.get(leg.unit, {}).items() if q > 0 and b != Balance.LOADED
        }
        if leg.role != LineRole.INPUT or not leg.quantity_micro or not held:
            return None
        if not self._rest(leg, sum(held.values())):
            return None
        resting = {b: q for b, q in held.items() if b != Balance.WIP} if len(held) > 1 else held
        if leg.balance in held:
            resting = {leg.balance: held[leg.balance]}
        if len(resting) != 1:
            return None
        ((balance, there),) = resting.items()
        quantity = leg.quantity_micro if self._rest(leg, there) else there
        part = replace(leg, unit=f"{leg.unit} (part, {event.id})", role=LineRole.OUTPUT, balance=balance,
                       quantity_micro=quantity)
        legs = (replace(leg, quantity_micro=0), part)
        return replace(event, id=f"{event.id} (part)", kind=Kind.SPLIT, legs=legs)

    def _rest(self, leg: Leg, held: int) -> bool:
        """Whether a leg leaves something of what is held, beyond the tolerance."""
        rest = held - leg.quantity_micro
        return rest > 0 and tol(held, leg.uom, self.tolerances).exceeded(rest)

    def numbered(self, event: Event) -> Event:
        """Names for lots that come into being without a number."""
        if all(leg.unit or leg.thing != Thing.LOT for leg in event.legs):
            return event
        legs = []
        for leg in event.legs:
            makes = event.kind in (*CREATES, Kind.OPENING) or (
                event.kind in (Kind.TRANSFORM, Kind.TRANSFER) and leg.role != LineRole.INPUT
            )
            if makes and not leg.unit and leg.thing == Thing.LOT:
                what = "opening" if event.kind == Kind.OPENING else event.line or event.id
                leg = replace(leg, unit=self.named(leg.code, what))  # noqa: PLW2901 - the same leg, named
                self.bins.implicit.add(leg.unit)
            legs.append(leg)
        return replace(event, legs=tuple(legs))

    def named(self, code: str, what: str) -> str:
        """Name of a lot that has no number: its code, and what made it."""
        return label(self.enterprise, f"{code} ({what})")

    def balance_of(self, event: Event, leg: Leg) -> Balance:
        """Which balance is drawn: what the kind says, else the leg, else the one that holds something."""
        if event.kind in (Kind.UNLOAD, Kind.EXIT_CONFIRM):
            return Balance.LOADED
        if event.kind == Kind.TRANSFER:
            return Balance.RAW
        lot = self.lots.get(leg.unit) or self.bins.like(leg.code)
        usual = drawn_balance(event, leg, lot)
        if leg.balance != Balance.NONE or event.kind not in (*SALES, Kind.DESTROY, Kind.ADJUST):
            return usual
        held = [b for b, q in self.machine.state.get(leg.unit, {}).items() if q > 0 and b != Balance.LOADED]
        return held[0] if len(held) == 1 else usual

    def _left_of(self, event: Event, unit: str, balance: Balance) -> int:
        if balance == Balance.LOADED:
            return self.machine.loaded_for(unit, event.line)
        return self.machine.state[unit].get(balance, 0) if unit in self.machine.state else 0

    def _allowed(self, unit: str, balance: Balance) -> int:
        """What may be missing within the tolerance; nothing of a balance that never held anything."""
        into = self.into[unit, balance]
        return tol(into, self.lots[unit].uom, self.tolerances).value_micro if into else 0
