"""Lines of the signed event: which units, in which role and balance, with how much of what.

EPCIS lists say unit and quantity; `cl:lines` says what they cannot: role, balance, and the material of what is new.
What a kind allows on a line is `kinds.RULES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ledger.errors import InputError, NotFoundError
from ledger.events.content import Content
from ledger.events.faults import Fault, pointer
from ledger.events.ids import NamedMaterial, NamedUnit, UnitType, name_unit
from ledger.events.kinds import ANCHOR_STEPS, EVERY_BALANCE, KindRule, LineRule, Need
from ledger.events.model import ZERO32, Line
from ledger.events.naming import Mention, Namer, NamingContext, mentions
from ledger.events.quantity import to_micro
from ledger.limits import DEFAULT_LIMITS
from ledger.vocabulary import Balance, Kind, LineRole, Step


@dataclass(frozen=True, slots=True)
class LineName:
    """What a line of the signed event is: its unit, material (where the event says it), unit of measure, quantity.

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


def read_lines(
    event: Mapping[str, Any], kind: Kind, rule: KindRule, namer: Namer, ctx: NamingContext, content: Content,
) -> ReadLines:
    """The lines of an event of one kind, sorted by unit id.

    Args:
        event: a valid event.
        kind, rule: what it is, and what that allows.
        namer: resolves identifiers.
        ctx: where names come from.
        content: the profile's own terms.
    """
    found = ReadLines()
    if kind is Kind.DECLARE:
        _declare(event, namer, ctx, content, found)
    else:
        _Reader(event, kind, rule, namer, ctx, found).read()
    found.pairs.sort(key=lambda pair: pair[0].unit)
    _no_unit_twice(found)
    low, high = rule.count
    if len(found.pairs) > min(high, DEFAULT_LIMITS.lines_max):
        found.faults.append(Fault("", f"{kind.name} names at most {high} units, this event {len(found.pairs)}.",
                                  "Split it into several events."))
    elif len(found.pairs) < low and not any(f.refuses for f in (*found.faults, *namer.faults)):
        found.faults.append(Fault("", f"{kind.name} names at least {low} unit{'s' if low > 1 else ''}, this event "
                                      f"{len(found.pairs)}.", "Name the units in epcList or quantityList."))
    return found


class _Reader:
    """Reads the lines of every kind but DECLARE."""

    def __init__(
        self, event: Mapping[str, Any], kind: Kind, rule: KindRule, namer: Namer, ctx: NamingContext, found: ReadLines,
    ) -> None:
        self._event, self._kind, self._rule, self._namer, self._ctx, self._found = event, kind, rule, namer, ctx, found
        self._free = kind in (Kind.OBSERVE, Kind.CORRECT)
        self._unread: dict[str, int] = {}
        for i, extra in enumerate(event.get("cl:lines", ())):
            if extra["id"] in self._unread:
                self._fault(pointer("cl:lines", i, "id"), f"{extra['id']!r} stands twice in cl:lines.", "Say it once.")
            self._unread.setdefault(extra["id"], i)
        self._extras = {uri: event["cl:lines"][i] for uri, i in self._unread.items()}

    def read(self) -> None:
        """Fill `found`."""
        for mention in mentions(self._event):
            place = self._unread.pop(mention.uri, None)
            self._mention(mention, self._extras.get(mention.uri, {}),
                          f"/cl:lines/{place}" if place is not None else "/cl:lines")
        for uri, i in self._unread.items():
            self._fault(pointer("cl:lines", i, "id"), f"{uri!r} stands in no list of the event.",
                        "Name it in epcList, quantityList or the lists of a transformation.")
        if self._kind is Kind.RECEIVE_FACTORY:
            made = sum(1 for line, _ in self._found.pairs if line.role is LineRole.OUTPUT)
            if made != 1 and self._found.pairs:
                self._fault("/quantityList", f"RECEIVE_FACTORY makes exactly one lot, this event {made}.",
                            "Post one event for each lot.")
        if self._kind in (Kind.SPLIT, Kind.MERGE):
            self._one_side()

    def _one_side(self) -> None:
        single = LineRole.INPUT if self._kind is Kind.SPLIT else LineRole.OUTPUT
        count = sum(1 for line, _ in self._found.pairs if line.role is single)
        if count != 1 and self._found.pairs:
            self._fault("/cl:lines", f"{self._kind.name} has exactly one {single.name} unit, this event {count}.",
                        "Give each unit its role in cl:lines.")

    def _mention(self, mention: Mention, extra: Mapping[str, Any], extra_at: str) -> None:
        rule = self._rule
        if rule.count[1] == 0:
            # Nothing is signed of what the event is about: APPROVE and DENY name an event, not units.
            return
        if self._namer.identify(mention.uri, mention.pointer) is None:
            if not rule.foreign:
                self._fault(mention.pointer, f"{mention.uri!r} is no container, cargo, lot or declaration line.",
                            f"{self._kind.name} acts on these only; add evidence with OBSERVE.")
            return
        unit = self._namer.unit(mention.uri, mention.pointer)
        if unit is None:
            return
        if mention.in_quantity_list and unit.type is not UnitType.LOT:
            self._fault(mention.pointer, f"{mention.uri!r} is one thing, not a quantity.", "Name it in epcList.")
            return
        role = self._role(mention, unit, extra, extra_at)
        if role is None:
            return
        if self._free:
            line_rule = LineRule((Balance.NONE, *EVERY_BALANCE), Need.MAY, Need.MAY, zero=True)
        else:
            line_rule = rule.lines[unit.type, role]
        self._add(mention, unit, role, line_rule, extra, extra_at)

    def _role(
        self, mention: Mention, unit: NamedUnit, extra: Mapping[str, Any], extra_at: str,
    ) -> LineRole | None:
        if self._free:
            return LineRole[extra["role"]] if "role" in extra else LineRole.NONE
        possible = [role for unit_type, role in self._rule.lines if unit_type is unit.type]
        if not possible:
            allowed = sorted({str(unit_type) for unit_type, _ in self._rule.lines})
            self._fault(mention.pointer, f"{self._kind.name} does not act on a {unit.type}.",
                        f"It acts on {' or '.join(allowed)}.")
            return None
        if "role" in extra:
            role = LineRole[extra["role"]]
            if role in possible:
                return role
            self._fault(extra_at + "/role", f"a {unit.type} cannot be {role.name} in {self._kind.name}.",
                        f"Use {' or '.join(r.name for r in possible)}." if possible != [LineRole.NONE] else "Leave it out.")
            return None
        if mention.side == "in" and LineRole.INPUT in possible:
            return LineRole.INPUT
        if mention.side == "out":
            possible = [role for role in possible if role is not LineRole.INPUT]
        if len(possible) == 1:
            return possible[0]
        if self._rule.default_role in possible:
            return self._rule.default_role
        self._fault(mention.pointer, f"the event says not what {mention.uri!r} is in it.",
                    f'Add to cl:lines: {{"id": ..., "role": one of {", ".join(r.name for r in possible)}}}.')
        return None

    def _add(
        self, mention: Mention, unit: NamedUnit, role: LineRole, rule: LineRule, extra: Mapping[str, Any], extra_at: str,
    ) -> None:
        balance = self._balance(mention, rule, extra, extra_at)
        micro = self._quantity(mention, rule)
        material = self._material(mention, unit, rule, extra, extra_at)
        if unit.type is UnitType.LOT:
            self._known_uom(mention, unit)
        if self._kind is Kind.CORRECT:
            # A correction names the units of the wrong event, not what it said of them.
            line = Line(unit.unit)
        else:
            signed_material = (material.material if material else None) or ZERO32
            line = Line(unit.unit, signed_material if rule.material is not Need.NO else ZERO32, balance, micro, role)
        stated = None if mention.quantity is None else Decimal(mention.quantity)
        self._found.pairs.append((line, LineName(unit, mention.uri, material, mention.uom or "", stated)))

    def _balance(self, mention: Mention, rule: LineRule, extra: Mapping[str, Any], extra_at: str) -> Balance:
        if rule.quantity is Need.STATED:
            return Balance.NONE
        if "balance" in extra:
            balance = Balance[extra["balance"]]
            if balance not in rule.balances:
                names = [b.name for b in rule.balances if b]
                self._fault(extra_at + "/balance", f"{self._kind.name} takes no balance {balance.name} here.",
                            f"Use {' or '.join(names)}." if names else "Leave it out.")
            elif rule.quantity is Need.MAY and mention.quantity is None and not self._free:
                return Balance.NONE
            return balance
        if len(rule.balances) == 1:
            return rule.balances[0]
        if rule.balances and Balance.NONE not in rule.balances and mention.quantity is not None:
            self._fault(mention.element, f"the event says not which balance of {mention.uri!r} is meant.",
                        f'Add to cl:lines: {{"id": ..., "balance": one of {", ".join(b.name for b in rule.balances)}}}.')
        return Balance.NONE

    def _quantity(self, mention: Mention, rule: LineRule) -> int:
        place = mention.element + "/quantity"
        if mention.quantity is None:
            if rule.quantity is Need.MUST:
                self._fault(place if mention.in_quantity_list else mention.pointer,
                            f"{self._kind.name} needs the quantity of {mention.uri!r}.",
                            "Name it in quantityList with quantity and uom.")
            return 0
        if rule.quantity is Need.NO:
            self._fault(place, f"{self._kind.name} concerns the whole of {mention.uri!r}, no quantity of it.",
                        "Leave quantity and uom out.")
            return 0
        try:
            micro = to_micro(mention.quantity)
        except InputError as fault:
            self._fault(place, fault.message, fault.remedy)
            return 0
        if micro == 0 and not rule.zero:
            self._fault(place, "the quantity is zero.",
                        "If nothing was found, REFUSE the offer." if self._kind is Kind.ACCEPT else "State what it is.")
        return 0 if rule.quantity is Need.STATED else micro

    def _material(
        self, mention: Mention, unit: NamedUnit, rule: LineRule, extra: Mapping[str, Any], extra_at: str,
    ) -> NamedMaterial | None:
        stated = extra.get("material")
        if stated is None:
            if rule.material is Need.MUST:
                self._fault(mention.element, f"the event says not what material the new lot {mention.uri!r} is.",
                            'Add to cl:lines: {"id": ..., "material": {"code": ..., "uom": ...}}.')
            return None
        if unit.type is not UnitType.LOT:
            self._fault(extra_at + "/material", f"a {unit.type} has no material.", "Leave it out.")
            return None
        if mention.uom is not None and stated["uom"] != mention.uom:
            self._fault(mention.element + "/uom", f"the quantity is in {mention.uom}, the material {stated['code']} in "
                                                  f"{stated['uom']}.", "State both in one unit of measure.")
        return self._namer.material(unit.scope, stated)

    def _known_uom(self, mention: Mention, unit: NamedUnit) -> None:
        if mention.uom is None or self._ctx.lot_uom is None:
            return
        known = self._ctx.lot_uom(unit.unit)
        if known is not None and known != mention.uom:
            self._fault(mention.element + "/uom", f"lot {unit.number} is kept in {known}, the quantity is in {mention.uom}.",
                        f"Convert it to {known}.")

    def _fault(self, place: str, message: str, remedy: str = "") -> None:
        self._found.faults.append(Fault(place, message, remedy))


def _declare(
    event: Mapping[str, Any], namer: Namer, ctx: NamingContext, content: Content, found: ReadLines,
) -> None:
    """DECLARE names one declaration line, or anchors a paper and names none."""
    step = Step[event["cl:step"]] if "cl:step" in event else Step.NONE
    declared = content.declaration
    if declared is None:
        if step not in ANCHOR_STEPS:
            found.faults.append(Fault("/cl:declaration", "DECLARE has neither a declaration line nor a paper to anchor.",
                                      "Add cl:declaration, or a cl:step of " + ", ".join(s.name for s in ANCHOR_STEPS) + "."))
        if step is Step.NORM and content.norm is None:
            found.faults.append(Fault("/cl:norm", "the step NORM needs cl:norm.", "State product and materials."))
        if step not in (Step.NONE, Step.NORM) and not content.papers:
            found.faults.append(Fault("/cl:documents", f"the step {step.name} needs cl:documents.",
                                      "Name the paper by type, number and SHA-256."))
        _norm_materials(event, namer, ctx, content, found)
        return
    if step is not Step.NONE:
        found.faults.append(Fault("/cl:step", f"a declaration line has no step {step.name}.", "Leave it out."))
    unit = name_unit(ctx.network_secret, UnitType.LINE, declared.declaration, declared.line)
    named = []
    for mention in mentions(event):
        resolved = namer.unit(mention.uri, mention.pointer)
        if resolved is not None:
            named.append(resolved)
            if resolved.unit != unit.unit:
                found.faults.append(Fault(mention.pointer, f"{mention.uri!r} is not the line of cl:declaration "
                                                           f"({unit.uri}).", "Post one event for each line."))
    if not named:
        found.faults.append(Fault("/epcList", "the declaration line is not named in epcList.", f"Name {unit.uri}."))
    enterprise = _enterprise(declared.enterprise or event.get("cl:declarant", "") or ctx.poster, ctx,
                             "/cl:declaration/enterprise", found)
    material = namer.material(enterprise, {"code": declared.code, "uom": declared.uom, "hs": declared.hs,
                                           "description": declared.description})
    micro = to_micro(declared.quantity)  # content_faults has refused what does not fit
    if micro == 0:
        found.faults.append(Fault("/cl:declaration/quantity", "the quantity is zero.", "State what is declared."))
    line = Line(unit.unit, material.material or ZERO32, Balance.NONE, micro, declared.purpose)
    found.pairs.append((line, LineName(unit, unit.uri, material, declared.uom, declared.quantity)))


def _norm_materials(
    event: Mapping[str, Any], namer: Namer, ctx: NamingContext, content: Content, found: ReadLines,
) -> None:
    norm = content.norm
    if norm is None:
        return
    enterprise = _enterprise(norm.enterprise or ctx.poster, ctx, "/cl:norm/enterprise", found)
    found.other_materials.append(namer.material(enterprise, {"code": norm.product, "uom": norm.product_uom}))
    seen: set[tuple[str, str]] = set()
    for i, row in enumerate(event["cl:norm"]["lines"]):
        key = (row["material"], row["materialUom"])
        if key in seen:
            found.faults.append(Fault(f"/cl:norm/lines/{i}/material", f"{row['material']} stands twice in the norm.",
                                      "Give one norm for it."))
        seen.add(key)
        found.other_materials.append(namer.material(enterprise, {"code": key[0], "uom": key[1]}))


def _enterprise(key: str, ctx: NamingContext, place: str, found: ReadLines) -> str:
    try:
        return ctx.directory.participant(key).id
    except NotFoundError as fault:
        found.faults.append(Fault(place, fault.message, fault.remedy))
        return key


def _no_unit_twice(found: ReadLines) -> None:
    for (before, _), (after, named) in zip(found.pairs, found.pairs[1:], strict=False):
        if before.unit == after.unit:
            found.faults.append(Fault("", f"{named.uri!r} is named twice.", "Name each unit once in an event."))
