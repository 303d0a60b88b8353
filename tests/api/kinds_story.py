"""Every kind once, as EPCIS documents through the gateway: a container stripped and another stuffed, goods re-exported,
unloaded, returned, destroyed, transferred to another enterprise's book, counted, adjusted, found short and reassigned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import world

from api.home import Home
from ledger.vocabulary import Role

EMPTY = "MSKU1234565"
CONSIGNMENT, BOOKING = "BL-9", "BK-9"
PACKAGE = f"urn:cargoledger:cargo:{CONSIGNMENT}:PKG-1"
CONTAINERS = {f"urn:epc:id:bic:{world.BOX}": CONSIGNMENT, f"urn:epc:id:bic:{EMPTY}": BOOKING}
LINE_TYPE = "urn:cargoledger:btt:declaration-line"
CLOTH = {"code": "CLOTH", "uom": "MTR", "description": "Cloth", "hs": "54075200"}
SHIRT = {"code": "SHIRT", "uom": "C62", "description": "Shirt", "hs": "62052000"}


def line(key: str) -> str:
    return f"urn:cargoledger:line:{key.replace('/', ':')}"


def drawn(key: str) -> dict[str, Any]:
    return {"bizTransactionList": [{"type": LINE_TYPE, "bizTransaction": line(key)}]}


def box(number: str) -> dict[str, Any]:
    return {"epcList": [f"urn:epc:id:bic:{number}"], "cl:consignment": CONTAINERS[f"urn:epc:id:bic:{number}"]}


def amount(owner: str, number: str, quantity: Any = None, uom: str = "MTR") -> dict[str, Any]:
    said = {} if quantity is None else {"quantity": quantity, "uom": uom}
    return {"epcClass": world.lot(owner, number), **said}


def answers(name: str) -> dict[str, Any]:
    poster, event = name.split(":")
    return {"cl:reference": f"{world.uri(poster)}events/{event}"}


def role(owner: str, number: str, role: str, balance: str = "", material: dict[str, str] | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": world.lot(owner, number), "role": role}
    if balance:
        entry["balance"] = balance
    return {**entry, "material": material} if material else entry


class Story:
    """Posts events a minute apart and settles each."""

    def __init__(self, home: Home, clock: world.Clock) -> None:
        self.home, self.clock, self.minute = home, clock, 0
        self.outcomes: dict[str, str] = {}
        self.events: dict[str, dict[str, Any]] = {}

    def post(self, poster: str, name: str, kind: str, **fields: Any) -> None:
        self.minute += 1
        event = world.event(poster, name, kind, minute=self.minute, **fields)
        if kind == "TRANSFORM":
            event.pop("action")
        if "parentID" in event:
            event["type"] = "AggregationEvent"
        self._settle(poster, name, event)

    def correct(self, poster: str, name: str) -> None:
        """The poster says that an event of its own was wrong."""
        self.minute += 1
        self._settle(poster, f"correct-{name}", {**self.events[name], "errorDeclaration": {
            "declarationTime": f"2026-03-02T{7 + self.minute // 60:02d}:{self.minute % 60:02d}:00+07:00", "reason": "incorrect_data"}})

    def _settle(self, poster: str, name: str, event: dict[str, Any]) -> None:
        self.events[name] = event
        self.clock.now_s = world.START_S + 60 * (self.minute + 1)
        (result,) = self.home.post_document(world.document(event), poster)
        self.home.gateway.flush()
        self.home.settle_outbox()
        status = self.home.gateway.status(result.event_id)
        assert status.outcome is not None, (name, status)
        self.outcomes[name] = status.outcome

    def declare(self, owner: str, key: str, purpose: str, material: dict[str, str], quantity: int) -> None:
        declaration, number = key.split("/")
        self.post(owner, f"declare-{declaration}", "DECLARE", epcList=[line(key)], **{"cl:book": f"{owner}-book", "cl:declaration": {
            "declaration": declaration, "line": number, "purpose": purpose, "quantity": str(quantity), **material}})
        self.post("customs", f"clear-{declaration}", "CLEAR", epcList=[line(key)], **answers(f"{owner}:declare-{declaration}"))

    def hand(self, giver: str, taker: str, name: str, place: str, **fields: Any) -> None:
        self.post(giver, f"offer-{name}", "OFFER", **fields, **world.handover(giver, taker))
        self.post(taker, f"accept-{name}", "ACCEPT", **fields, bizLocation={"id": place}, **answers(f"{giver}:offer-{name}"),
                  **world.handover(giver, taker))


def tell(home: Home, clock: world.Clock) -> Story:
    """Post the story; every outcome is kept by the event's name."""
    s = Story(home, clock)
    for key, purpose, material, owner in (
            ("IM/1", "RECEIVE", CLOTH, "garment"), ("EX/1", "EXPORT", SHIRT, "garment"), ("RE/1", "RE_EXPORT", CLOTH, "garment"),
            ("OUT/1", "TRANSFER_OUT", CLOTH, "garment"), ("IN/1", "TRANSFER_IN", CLOTH, "rival")):
        s.declare(owner, key, purpose, material, 1000)
    # a full container is stripped in the port, one package of it released and received
    s.post("carrier", "arrive", "ARRIVE", **box(world.BOX), bizLocation={"id": world.PLACE})
    s.hand("carrier", "terminal", "box", world.PLACE, **box(world.BOX))
    s.post("terminal", "strip", "STRIP", action="DELETE", parentID=f"urn:epc:id:bic:{world.BOX}", childEPCs=[PACKAGE],
           **{"cl:consignment": CONSIGNMENT, "cl:lines": [{"id": PACKAGE, "role": "OUTPUT"}]})
    s.post("terminal", "close-stripped", "CLOSE", **box(world.BOX))
    s.post("customs", "eligible", "ELIGIBLE", epcList=[PACKAGE])
    s.post("terminal", "gate-out", "GATE_OUT", epcList=[PACKAGE])
    s.hand("terminal", "garment", "package", world.FACTORY, epcList=[PACKAGE])
    s.post("garment", "receive", "RECEIVE_FACTORY", epcList=[PACKAGE], quantityList=[amount("garment", "C-1", 500)], **drawn("IM/1"), **{
        "cl:book": "garment-book", "cl:lines": [role("garment", "C-1", "OUTPUT", "RAW", CLOTH), {"id": PACKAGE, "role": "CARGO"}]})
    # a norm with numbers, kept to and not
    s.post("garment", "norm", "DECLARE", epcList=["https://garment.example/norms/shirt"], **{"cl:step": "NORM", "cl:book": "garment-book", "cl:norm": {
        "product": "SHIRT", "productUom": "C62", "tolerance": "0.1", "onChain": True, "lines": [
            {"material": "CLOTH", "norm": "2", "materialUom": "MTR"}]}})
    s.post("garment", "issue", "ISSUE_PROD", quantityList=[amount("garment", "C-1", 330)], **{
        "cl:book": "garment-book", "cl:lines": [{"id": world.lot("garment", "C-1"), "balance": "RAW"}]})
    for number, used in (("S-1", 220), ("S-2", 110)):  # 100 shirts of 2.2 are within 2 m + 10 %, 40 of 2.75 are not
        s.post("garment", f"make-{number}", "TRANSFORM", type="TransformationEvent", inputQuantityList=[amount("garment", "C-1", used)],
               outputQuantityList=[amount("garment", number, 100 if number == "S-1" else 40, "C62")], **{
                   "cl:book": "garment-book", "cl:normEvent": f"{world.uri('garment')}events/norm", "cl:lines": [
                       role("garment", "C-1", "INPUT", "WIP"), role("garment", number, "PRODUCT", material=SHIRT)]})
    # an empty container is stuffed, one lot comes out again, the rest leaves under the eyes of the port
    s.post("garment", "arrive-empty", "ARRIVE", **box(EMPTY), bizLocation={"id": world.FACTORY}, **{
        "cl:lines": [{"id": f"urn:epc:id:bic:{EMPTY}", "role": "EMPTY_CONTAINER"}]})
    inside = {"parentID": f"urn:epc:id:bic:{EMPTY}", "cl:consignment": BOOKING}
    s.post("garment", "stuff", "STUFF", action="ADD", childQuantityList=[amount("garment", "S-1"), amount("garment", "S-2")], **inside)
    s.post("garment", "strip-one", "STRIP", action="DELETE", childQuantityList=[amount("garment", "S-2")], **inside)
    s.post("garment", "load", "EXPORT_LOAD", quantityList=[amount("garment", "S-1", 100, "C62")], **drawn("EX/1"))
    s.post("garment", "unload", "UNLOAD", quantityList=[amount("garment", "S-1", 10, "C62")], **drawn("EX/1"))
    s.hand("garment", "terminal", "export", world.PLACE, **box(EMPTY))
    s.post("terminal", "exit", "EXIT_CONFIRM", quantityList=[amount("garment", "S-1", 90, "C62")], **drawn("EX/1"))
    s.post("garment", "return", "FG_RETURN", quantityList=[amount("garment", "R-1", 7, "C62")], **drawn("EX/1"), **{
        "cl:book": "garment-book", "cl:lines": [role("garment", "R-1", "OUTPUT", material=SHIRT)]})
    # material goes back abroad, some of it not after all; some is destroyed, some goes to another enterprise's book
    raw = {"cl:lines": [{"id": world.lot("garment", "C-1"), "balance": "RAW"}]}
    s.post("garment", "reexport", "REEXPORT", quantityList=[amount("garment", "C-1", 30)], **drawn("RE/1"))
    s.post("garment", "unload-material", "UNLOAD", quantityList=[amount("garment", "C-1", 10)], **drawn("RE/1"))
    s.post("customs", "exit-material", "EXIT_CONFIRM", quantityList=[amount("garment", "C-1", 20)], **drawn("RE/1"))
    s.post("garment", "destroy", "DESTROY", quantityList=[amount("garment", "C-1", 5)], **{"cl:book": "garment-book"}, **raw)
    parties = {key: [{**item, "type": "owning_party"} for item in items] for key, items in world.handover("garment", "rival").items()}
    s.post("garment", "transfer", "TRANSFER", quantityList=[amount("garment", "C-1", 45)], **drawn("OUT/1"), **{"cl:book": "garment-book"}, **parties)
    s.post("rival", "take-over", "ACCEPT", epcList=[line("OUT/1"), line("IN/1")], quantityList=[
        amount("garment", "C-1"), amount("rival", "T-1", 45)], **answers("garment:transfer"), **{"cl:book": "rival-book", "cl:lines": [
            role("garment", "C-1", "INPUT"), role("rival", "T-1", "OUTPUT", "RAW", CLOTH),
            {"id": line("OUT/1"), "role": "TRANSFER_OUT"}, {"id": line("IN/1"), "role": "TRANSFER_IN"}]}, **parties)
    # a count finds less, customs approves the adjustment; a handover finds less, half of it turns up again
    s.post("garment", "count", "COUNT", quantityList=[amount("garment", "C-1", 97)], **{
        "cl:book": "garment-book", **raw, "cl:counts": [{
            "at": "2026-03-02T12:00:00+07:00", "stock": "material", "code": "CLOTH", "lot": "C-1", "quantity": "97", "uom": "MTR"}]})
    s.post("garment", "adjust", "ADJUST", quantityList=[amount("garment", "C-1", 3)], **answers("garment:count"), **{
        "cl:book": "garment-book", "cl:lines": [role("garment", "C-1", "INPUT", "RAW")]})
    s.post("customs", "approve-adjust", "APPROVE", epcList=[], **answers("garment:adjust"))
    s.post("garment", "offer-returned", "OFFER", quantityList=[amount("garment", "R-1", 7, "C62")], **world.handover("garment", "terminal"), **{
        "cl:lines": [{"id": world.lot("garment", "R-1"), "balance": "FINISHED"}]})
    s.post("terminal", "accept-returned", "ACCEPT", quantityList=[amount("garment", "R-1", 5, "C62")], **answers("garment:offer-returned"), **{
        "cl:lines": [{"id": world.lot("garment", "R-1"), "balance": "FINISHED"}], "cl:reason": "two short"}, **world.handover("garment", "terminal"))
    s.post("garment", "count-returned", "COUNT", quantityList=[amount("garment", "R-1", 6, "C62")], **{
        "cl:book": "garment-book", "cl:lines": [{"id": world.lot("garment", "R-1"), "balance": "FINISHED"}], "cl:counts": [{
            "at": "2026-03-02T12:00:00+07:00", "stock": "product", "code": "SHIRT", "lot": "R-1", "quantity": "6", "uom": "C62"}]})
    s.post("garment", "adjust-short", "ADJUST", quantityList=[amount("garment", "R-1", 1, "C62")], **answers("garment:count-returned"), **{
        "cl:book": "garment-book", "cl:lines": [role("garment", "R-1", "FROM_SHORT", "FINISHED")]})
    s.post("customs", "approve-short", "APPROVE", epcList=[], **answers("garment:adjust-short"))
    # the package was given to the wrong participant
    s.correct("garment", "accept-package")
    s.post("customs", "reassign", "REASSIGN", epcList=[PACKAGE], bizLocation={"id": world.PLACE}, **answers("garment:accept-package"), **{
        "cl:lines": [{"id": PACKAGE, "role": "SUPERVISED"}], "destinationList": world.handover("garment", "terminal")["destinationList"]})
    s.post("customs-head", "approve-reassign", "APPROVE", epcList=[], **answers("customs:reassign"))
    return s


def build(folder: Path, clock: world.Clock) -> tuple[Home, Story]:
    """A network of its own with the story told and indexed; the caller closes it."""
    home = Home.create(folder, name="kinds", seed=world.SEED, clock=clock)
    for name, who, hold_bit in (("customs", Role.CUSTOMS, 0), ("customs-head", Role.CUSTOMS, 255), ("carrier", Role.CARRIER, 255),
                                ("terminal", Role.TERMINAL, 255), ("garment", Role.PROCESSOR, 255), ("rival", Role.PROCESSOR, 255)):
        home.admit(name, name=f"{name.title()} Ltd", uri=world.uri(name), roles=who, hold_bit=hold_bit)
    home.add_facility("quay", name="Quay 1", uri=world.PLACE, operator="terminal", supervised=True)
    home.add_facility("factory", name="Factory", uri=world.FACTORY, operator="garment", supervised=False)
    for owner in ("garment", "rival"):
        home.add_book(f"{owner}-book", name=f"Book of {owner}", owner=owner, regime="SXXK")
    return home, tell(home, clock)
