"""Lines of the signed event: which units, in which role and balance, with how much of what.

EPCIS lists say unit and quantity; `cl:lines` says what they cannot: role, balance, and the material of what
is new. What a kind allows on a line is `kinds.RULES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ledger.errors import InputError, Reason
from ledger.events.faults import Fault, pointer
from ledger.events.ids import NamedMaterial, NamedUnit, UnitType
from ledger.events.kinds import EVERY_BALANCE, LineRule, Need
from ledger.events.model import ZERO32, Line
from ledger.events.naming import Mention, Reading, mentions
from ledger.events.quantity import to_micro
from ledger.limits import DEFAULT_LIMITS
from ledger.vocabulary import Balance, Kind, LineRole


@dataclass(frozen=True, slots=True)
class LineName:
    """What a line of the signed event is: its unit, material (where the event says it), unit of measure,
    quantity.

    `uri` is the identifier in the event; `quantity` is as stated there, also where the signed line has none.
    """

    unit: NamedUnit | None
    uri: str
    material: NamedMaterial | None = None
    uom: str = ""
    quantity: Decimal | None = None


@dataclass(slots=True)
class ReadLines:
    """Lines with their names, ascending by unit; materials named elsewhere; faults."""

    pairs: list[tuple[Line, LineName]] = field(default_factory=list)
    other_materials: list[NamedMaterial] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_lines(reading: Reading) -> ReadLines:
    """The lines of an event of any kind but DECLARE (see `declare`), sorted by unit id."""
    found = ReadLines()
    _Reader(reading, found).read()
    finish(found, reading)
    return found


def finish(found: ReadLines, reading: Reading) -> None:
    """Sort the lines and check their number; name every unit once."""
    found.pairs.sort(key=lambda pair: pair[0].unit)
    _no_unit_twice(found)
    kind, namer = reading.kind, reading.namer
    low, high = reading.rule.count
    if len(found.pairs) > min(high, DEFAULT_LIMITS.lines_max):
        found.faults.append(
            Fault(
                "",
                f"{kind.name} names at most {high} units, this event {len(found.pairs)}.",
                "Split it into several events.",
                reason=Reason.TOO_MANY_UNITS,
            )
        )
    elif len(found.pairs) < low and not any(f.refuses for f in (*found.faults, *namer.faults)):
        found.faults.append(
            Fault(
                "",
                f"{kind.name} names at least {low} unit{'s' if low > 1 else ''}, this event "
                f"{len(found.pairs)}.",
                "Name the units in epcList or quantityList.",
            )
        )


@dataclass(frozen=True, slots=True)
class _Extra:
    """What `cl:lines` says of one identifier, and where."""

    pointer: str
    value: Mapping[str, Any]


_ONE_ONLY = {
    Kind.SPLIT: LineRole.INPUT,
    Kind.MERGE: LineRole.OUTPUT,
    Kind.STUFF: LineRole.CONTAINER,
    Kind.STRIP: LineRole.CONTAINER,
}
"""Role that exactly one unit of an event has."""

_NOTHING_EXTRA = _Extra("/cl:lines", {})


class _Reader:
    """Reads the lines of every kind but DECLARE."""

    def __init__(self, reading: Reading, found: ReadLines) -> None:
        self._event, self._kind, self._rule = reading.event, reading.kind, reading.rule
        self._namer, self._ctx, self._found = reading.namer, reading.ctx, found
        self._free = self._kind in (Kind.OBSERVE, Kind.CORRECT)
        self._extras: dict[str, _Extra] = {}
        # Terms of ours in an open document are somebody else's.
        for i, value in enumerate(self._event.get("cl:lines", ()) if reading.customs else ()):
            if value["id"] in self._extras:
                self._fault(
                    pointer("cl:lines", i, "id"), f"{value['id']!r} stands twice in cl:lines.", "Say it once."
                )
            self._extras.setdefault(value["id"], _Extra(pointer("cl:lines", i), value))

    def read(self) -> None:
        """Fill `found`."""
        read: set[str] = set()
        for mention in mentions(self._event):
            read.add(mention.uri)
            self._mention(mention, self._extras.get(mention.uri, _NOTHING_EXTRA))
        for uri, extra in self._extras.items():
            if uri not in read:
                self._fault(
                    extra.pointer + "/id",
                    f"{uri!r} stands in no list of the event.",
                    "Name it in epcList, quantityList or the lists of a transformation.",
                )
        if self._kind is Kind.RECEIVE_FACTORY:
            made = sum(1 for line, _ in self._found.pairs if line.role is LineRole.OUTPUT)
            if made != 1 and self._found.pairs:
                self._fault(
                    "/quantityList",
                    f"RECEIVE_FACTORY makes exactly one lot, this event {made}.",
                    "Post one event for each lot.",
                )
        if self._kind in _ONE_ONLY:
            self._one_only(_ONE_ONLY[self._kind])

    def _one_only(self, single: LineRole) -> None:
        count = sum(1 for line, _ in self._found.pairs if line.role is single)
        if count == 1 or self._found.faults or self._namer.faults:
            return
        container = single is LineRole.CONTAINER
        self._fault(
            "/parentID" if container else "/cl:lines",
            f"{self._kind.name} has exactly one {single.name} unit, this event {count}.",
            "Name the container, in parentID or epcList."
            if container
            else "Give each unit its role in cl:lines.",
        )

    def _mention(self, mention: Mention, extra: _Extra) -> None:
        rule = self._rule
        if rule.count[1] == 0:
            # Nothing is signed of what the event is about: APPROVE and DENY name an event, not units.
            return
        if self._namer.identify(mention.uri, mention.pointer) is None:
            if not rule.foreign:
                self._fault(
                    mention.pointer,
                    f"{mention.uri!r} is no container, cargo, lot or declaration line.",
                    f"{self._kind.name} acts on these only; add evidence with OBSERVE.",
                )
            return
        unit = self._namer.unit(mention.uri, mention.pointer)
        if unit is None:
            return
        if mention.in_quantity_list and unit.type is not UnitType.LOT:
            self._fault(
                mention.pointer, f"{mention.uri!r} is one thing, not a quantity.", "Name it in epcList."
            )
            return
        role = self._role(mention, unit, extra)
        if role is None:
            return
        if self._free:
            line_rule = LineRule((Balance.NONE, *EVERY_BALANCE), Need.MAY, Need.MAY, zero=True)
        else:
            line_rule = rule.lines[unit.type, role]
        self._add(mention, unit, role, line_rule, extra)

    def _role(
        self,
        mention: Mention,
        unit: NamedUnit,
        extra: _Extra,
    ) -> LineRole | None:
        if self._free:
            return LineRole[extra.value["role"]] if "role" in extra.value else LineRole.NONE
        possible = [role for unit_type, role in self._rule.lines if unit_type is unit.type]
        if not possible:
            allowed = sorted({str(unit_type) for unit_type, _ in self._rule.lines})
            self._fault(
                mention.pointer,
                f"{self._kind.name} does not act on a {unit.type}.",
                f"It acts on {' or '.join(allowed)}.",
            )
            return None
        if "role" in extra.value:
            role = LineRole[extra.value["role"]]
            if role in possible:
                return role
            self._fault(
                extra.pointer + "/role",
                f"a {unit.type} cannot be {role.name} in {self._kind.name}.",
                f"Use {' or '.join(r.name for r in possible)}."
                if possible != [LineRole.NONE]
                else "Leave it out.",
            )
            return None
        if mention.side == "in" and LineRole.INPUT in possible:
            return LineRole.INPUT
        if mention.side == "out":
            possible = [role for role in possible if role is not LineRole.INPUT]
        if len(possible) == 1:
            return possible[0]
        if self._rule.default_role in possible:
            return self._rule.default_role
        self._fault(
            mention.pointer,
            f"the event says not what {mention.uri!r} is in it.",
            f'Add to cl:lines: {{"id": ..., "role": one of {", ".join(r.name for r in possible)}}}.',
        )
        return None

    def _add(
        self,
        mention: Mention,
        unit: NamedUnit,
        role: LineRole,
        rule: LineRule,
        extra: _Extra,
    ) -> None:
        balance = self._balance(mention, rule, extra)
        micro = self._quantity(mention, rule)
        material = self._material(mention, unit, rule, extra)
        if unit.type is UnitType.LOT:
            self._known_uom(mention, unit)
        if self._kind is Kind.CORRECT:
            # A correction names the units of the wrong event, not what it said of them.
            line = Line(unit.unit)
        else:
            signed_material = (material.material if material else None) or ZERO32
            line = Line(
                unit.unit, signed_material if rule.material is not Need.NO else ZERO32, balance, micro, role
            )
        stated = None if mention.quantity is None else Decimal(mention.quantity)
        self._found.pairs.append((line, LineName(unit, mention.uri, material, mention.uom or "", stated)))

    def _balance(self, mention: Mention, rule: LineRule, extra: _Extra) -> Balance:
        if rule.quantity is Need.STATED:
            return Balance.NONE
        if "balance" in extra.value:
            balance = Balance[extra.value["balance"]]
            if balance not in rule.balances:
                names = [b.name for b in rule.balances if b]
                self._fault(
                    extra.pointer + "/balance",
                    f"{self._kind.name} takes no balance {balance.name} here.",
                    f"Use {' or '.join(names)}." if names else "Leave it out.",
                )
            elif rule.quantity is Need.MAY and mention.quantity is None and not self._free:
                return Balance.NONE
            return balance
        if len(rule.balances) == 1:
            return rule.balances[0]
        if rule.balances and Balance.NONE not in rule.balances and mention.quantity is not None:
            self._fault(
                mention.element,
                f"the event says not which balance of {mention.uri!r} is meant.",
                f'Add "balance" to its entry in cl:lines: {" or ".join(b.name for b in rule.balances)}.',
            )
        return Balance.NONE

    def _quantity(self, mention: Mention, rule: LineRule) -> int:
        place = mention.element + "/quantity"
        if mention.quantity is None:
            if rule.quantity is Need.MUST:
                self._fault(
                    place if mention.in_quantity_list else mention.pointer,
                    f"{self._kind.name} needs the quantity of {mention.uri!r}.",
                    "Name it in quantityList with quantity and uom.",
                )
            return 0
        if rule.quantity is Need.NO:
            self._fault(
                place,
                f"{self._kind.name} concerns the whole of {mention.uri!r}, no quantity of it.",
                "Leave quantity and uom out.",
            )
            return 0
        try:
            micro = to_micro(mention.quantity)
        except InputError as fault:
            self._found.faults.append(Fault.of(place, fault))
            return 0
        if micro == 0 and not rule.zero:
            self._fault(
                place,
                "the quantity is zero.",
                "If nothing was found, REFUSE the offer."
                if self._kind is Kind.ACCEPT
                else "State what it is.",
            )
        return 0 if rule.quantity is Need.STATED else micro

    def _material(
        self,
        mention: Mention,
        unit: NamedUnit,
        rule: LineRule,
        extra: _Extra,
    ) -> NamedMaterial | None:
        stated = extra.value.get("material")
        if stated is None:
            if rule.material is Need.MUST:
                self._fault(
                    mention.element,
                    f"the event says not what material the new lot {mention.uri!r} is.",
                    'Add to cl:lines: {"id": ..., "material": {"code": ..., "uom": ...}}.',
                )
            return None
        if unit.type is not UnitType.LOT:
            self._fault(extra.pointer + "/material", f"a {unit.type} has no material.", "Leave it out.")
            return None
        if mention.uom is not None and stated["uom"] != mention.uom:
            self._fault(
                mention.element + "/uom",
                f"the quantity is in {mention.uom}, the material {stated['code']} in {stated['uom']}.",
                "State both in one unit of measure.",
            )
        return self._namer.material(unit.scope, stated)

    def _known_uom(self, mention: Mention, unit: NamedUnit) -> None:
        if mention.uom is None or self._ctx.lot_uom is None:
            return
        known = self._ctx.lot_uom(unit.unit)
        if known is not None and known != mention.uom:
            self._fault(
                mention.element + "/uom",
                f"lot {unit.number} is kept in {known}, the quantity is in {mention.uom}.",
                f"Convert it to {known}.",
            )

    def _fault(self, place: str, message: str, remedy: str = "") -> None:
        self._found.faults.append(Fault(place, message, remedy))


def _no_unit_twice(found: ReadLines) -> None:
    for (before, _), (after, named) in zip(found.pairs, found.pairs[1:], strict=False):
        if before.unit == after.unit:
            found.faults.append(
                Fault("", f"{named.uri!r} is named twice.", "Name each unit once in an event.")
            )
