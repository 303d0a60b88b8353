"""Which units an EPCIS event names, and where: identifiers of all its lists, resolved to ids.

A container's id needs its consignment, which stands in `cl:consignment` (a text, or an object from EPC to
text); a gate clerk who has none may be helped by `NamingContext.consignment_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ledger.directory import Directory
from ledger.errors import InputError, NotFoundError
from ledger.events.content import Content
from ledger.events.faults import Fault, pointer
from ledger.events.ids import (
    Identifier,
    NamedMaterial,
    NamedUnit,
    UnitType,
    material_id,
    name_unit,
    parse_identifier,
)
from ledger.events.iso6346 import container_number_fault
from ledger.events.kinds import KindRule
from ledger.vocabulary import Kind


@dataclass(frozen=True, slots=True)
class NamingContext:
    """What is needed to give names their ids.

    Attributes:
        network_secret: 32 bytes shared by the participants; makes unit ids. directory: names of
        participants, facilities and books. enterprise_keys: short id of an enterprise -> 32 bytes; makes
        material ids. Those we have. poster: short id of the participant that signs. resolve_event: ledger
        id of an EPCIS eventID, or None if no such event is known. consignment_of: consignment of the one
        open container of that number, or None; for events that give none. lot_uom: unit of measure of a lot
        on the ledger, or None if not known; catches 500 GRM of a lot in KGM.
    """

    network_secret: bytes
    directory: Directory
    enterprise_keys: Mapping[str, bytes]
    poster: str
    resolve_event: Callable[[str], bytes | None]
    consignment_of: Callable[[str], str | None] | None = None
    lot_uom: Callable[[bytes], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """One identifier in an event.

    Attributes:
        pointer: JSON pointer to the identifier.
        element: JSON pointer to the quantity element, or to the identifier itself.
        uri: the identifier.
        side: `in` or `out` of a transformation, else empty.
        in_quantity_list: whether it stands in a list of quantities.
        quantity, uom: as stated; None where not.
    """

    pointer: str
    element: str
    uri: str
    side: str = ""
    in_quantity_list: bool = False
    quantity: Decimal | int | None = None
    uom: str | None = None


_SIDES = {
    "inputEPCList": "in",
    "inputQuantityList": "in",
    "outputEPCList": "out",
    "outputQuantityList": "out",
}


def mentions(event: Mapping[str, Any]) -> Iterator[Mention]:
    """Every identifier of an object in a valid event, in order of the fields' names in the standard."""
    if "parentID" in event:
        yield Mention("/parentID", "/parentID", event["parentID"])
    for key in ("epcList", "childEPCs", "inputEPCList", "outputEPCList"):
        for i, epc in enumerate(event.get(key, ())):
            yield Mention(pointer(key, i), pointer(key, i), epc, _SIDES.get(key, ""))
    for key in ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"):
        for i, element in enumerate(event.get(key, ())):
            yield Mention(
                pointer(key, i, "epcClass"),
                pointer(key, i),
                element["epcClass"],
                _SIDES.get(key, ""),
                True,
                element.get("quantity"),
                element.get("uom"),
            )


class Namer:
    """Resolves identifiers of one event; collects faults and what is only pointed out.

    Args:
        event: a valid event.
        ctx: where names come from.
        lenient: leave out what cannot be named instead of refusing it (OBSERVE, open documents).
    """

    def __init__(self, event: Mapping[str, Any], ctx: NamingContext, *, lenient: bool) -> None:
        self._ctx = ctx
        self._consignment = event.get("cl:consignment")
        self._lenient = lenient
        self.faults: list[Fault] = []

    def identify(self, uri: str, place: str) -> Identifier | None:
        """The identifier taken apart, or None if it names no unit."""
        try:
            return parse_identifier(uri)
        except InputError as fault:
            self.faults.append(Fault.of(place, fault, refuses=not self._lenient))
            return None

    def unit(self, uri: str, place: str) -> NamedUnit | None:
        """The unit that an identifier names; None if none, or (with a fault) none that we can tell."""
        identifier = self.identify(uri, place)
        if identifier is None:
            return None
        scope = identifier.scope
        if identifier.type is UnitType.CONTAINER:
            scope = self._container(uri, identifier.number, place)
            if scope is None:
                return None
        elif identifier.type is UnitType.LOT:
            try:
                if self._ctx.directory.participant(scope or "").id != scope:
                    raise NotFoundError(f"{scope!r} is not the short id of a participant.")
            except NotFoundError as fault:
                self.faults.append(
                    Fault(
                        place,
                        f"the lot's enterprise is unknown: {fault.message}",
                        fault.remedy,
                        refuses=not self._lenient,
                    )
                )
                return None
        try:
            return name_unit(self._ctx.network_secret, identifier.type, scope or "", identifier.number)
        except InputError as fault:
            self.faults.append(Fault.of(place, fault))
            return None

    def material(self, enterprise: str, value: Mapping[str, Any]) -> NamedMaterial:
        """The material of `{code, uom, description, hs}`; its id is None without the enterprise's key."""
        key = self._ctx.enterprise_keys.get(enterprise)
        code, uom = value["code"], value["uom"]
        return NamedMaterial(
            material_id(key, code, uom) if key else None,
            enterprise,
            code,
            uom,
            value.get("description", ""),
            value.get("hs", ""),
        )

    def _container(self, uri: str, number: str, place: str) -> str | None:
        wrong = container_number_fault(number)
        if wrong:
            self.faults.append(Fault(place, wrong, "Check the number on the box.", refuses=False))
        consignment = self._consignment
        if isinstance(consignment, dict):
            consignment = consignment.get(uri)
        if consignment is None and self._ctx.consignment_of is not None:
            consignment = self._ctx.consignment_of(number)
        if consignment is None:
            self.faults.append(
                Fault(
                    place,
                    f"container {number} cannot be told from the same box on another journey.",
                    'Add "cl:consignment": its consignment reference.',
                    refuses=not self._lenient,
                )
            )
        return consignment


@dataclass(frozen=True, slots=True)
class Reading:
    """One event while it is being read: what it says, what its kind allows, and who helps with names."""

    event: Mapping[str, Any]
    kind: Kind
    rule: KindRule
    namer: Namer
    ctx: NamingContext
    content: Content
    customs: bool
