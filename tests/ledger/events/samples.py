"""A small world for tests of the event layer: directory, context, and one valid event of every kind."""

from __future__ import annotations

import copy
import hashlib
from decimal import Decimal
from typing import Any

from ledger.directory import BookEntry, Directory, FacilityEntry, ParticipantEntry
from ledger.events.ids import UnitType, unit_id
from ledger.events.profile import NamingContext
from ledger.vocabulary import Role

NETWORK_SECRET = hashlib.sha256(b"network").digest()
ENTERPRISE_KEY = hashlib.sha256(b"song-hong").digest()
OTHER_KEY = hashlib.sha256(b"thai-binh").digest()
CONTEXT = ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", {"cl": "urn:cargoledger:v1:"}]
BOX = "urn:epc:id:bic:CSQU3054383"
LINE_URN = "urn:cargoledger:line:106550118230:1"
OLD_LINE_URN = "urn:cargoledger:line:106550118230:2"
TAKEN_OVER = "urn:cargoledger:lot:thai-binh:T1"
PACKAGE = "urn:cargoledger:cargo:RDL-1:PKG-7"
PORT = "urn:cargoledger:place:VNHPH:terminal"
FACTORY = "urn:cargoledger:place:VNBNH:factory"
EVENT = "https://example.org/events/"
LINE_TYPE = "urn:cargoledger:btt:declaration-line"

DIRECTORY = Directory(
    participants=[
        ParticipantEntry(1, "carrier", "https://carrier.example/", "Carrier", Role.CARRIER, 255),
        ParticipantEntry(2, "terminal", "https://terminal.example/", "Terminal", Role.TERMINAL, 255),
        ParticipantEntry(3, "song-hong", "https://song-hong.example/", "Song Hong Garment", Role.PROCESSOR, 255),
        ParticipantEntry(5, "thai-binh", "https://thai-binh.example/", "Thai Binh Knitting", Role.PROCESSOR, 255),
        ParticipantEntry(4, "customs", "https://customs.example/", "Customs", Role.CUSTOMS, 0),
    ],
    facilities=[
        FacilityEntry(1, "terminal-1", PORT, "Terminal 1", "terminal", True),
        FacilityEntry(2, "factory", FACTORY, "Factory", "song-hong", False),
    ],
    books=[BookEntry(7, "song-hong-sxxk", "Production for export", "song-hong", "SXXK"),
           BookEntry(8, "thai-binh-sxxk", "Production for export", "thai-binh", "SXXK")],
)


def known_event(event_id: str) -> bytes | None:
    """Every eventID below EVENT is known; its ledger id is a hash of it."""
    return hashlib.sha256(event_id.encode()).digest() if event_id.startswith(EVENT) else None


def context(poster: str = "song-hong", **changes: Any) -> NamingContext:
    """A naming context of the small world."""
    fields: dict[str, Any] = {
        "network_secret": NETWORK_SECRET, "directory": DIRECTORY, "enterprise_keys": {"song-hong": ENTERPRISE_KEY, "thai-binh": OTHER_KEY},
        "poster": poster, "resolve_event": known_event, **changes}
    return NamingContext(**fields)


def lot(number: str) -> str:
    """Identifier of a lot of the garment maker."""
    return f"urn:cargoledger:lot:song-hong:{number}"


def lot_id(number: str) -> bytes:
    """Ledger id of that lot."""
    return unit_id(NETWORK_SECRET, UnitType.LOT, "song-hong", number)


def amount(number: str, quantity: Decimal | int | str | None = None, uom: str = "MTR") -> dict[str, Any]:
    """An EPCIS quantity element of a lot."""
    element: dict[str, Any] = {"epcClass": lot(number)}
    if quantity is not None:
        element |= {"quantity": Decimal(quantity) if isinstance(quantity, str) else quantity, "uom": uom}
    return element


def material(code: str = "FAB-150", uom: str = "MTR") -> dict[str, str]:
    """A material as `cl:lines` states it."""
    return {"code": code, "uom": uom, "description": "Vải polyester", "hs": "54075200"}


def event(kind: str | None, **fields: Any) -> dict[str, Any]:
    """An ObjectEvent of the customs profile at the factory; `cl_` begins a term, None leaves a field out."""
    value: dict[str, Any] = {
        "@context": CONTEXT, "type": "ObjectEvent", "eventID": EVENT + "this", "eventTime": "2025-03-01T08:00:00.250+07:00",
        "eventTimeZoneOffset": "+07:00", "action": "OBSERVE", "readPoint": {"id": FACTORY}, "cl:kind": kind}
    value |= {"cl:" + key[3:] if key.startswith("cl_") else key: item for key, item in fields.items()}
    return {key: copy.deepcopy(item) for key, item in value.items() if item is not None}


def handed(giver: str, taker: str, party: str = "possessing_party") -> dict[str, Any]:
    """Source and destination of a handover."""
    return {"sourceList": [{"type": party, "source": f"https://{giver}.example/"}],
            "destinationList": [{"type": party, "destination": f"https://{taker}.example/"}]}


def drawn(line: str = LINE_URN) -> list[dict[str, str]]:
    """A bizTransactionList that names a declaration line."""
    return [{"type": LINE_TYPE, "bizTransaction": line}]


BOXED: dict[str, Any] = {"epcList": [BOX], "cl_consignment": "RDL-1"}
DECLARATION = {"declaration": "106550118230", "line": "1", "direction": "import", "regime": "E31", "purpose": "RECEIVE",
               "code": "FAB-150", "description": "Vải polyester", "hs": "54075200", "origin": "CN", "quantity": "16000",
               "uom": "MTR", "value": "11760", "currency": "USD", "dutyRate": "12", "partner": "Ruilin",
               "originalDeclaration": "", "originalLine": "", "registeredAt": "2025-02-10T08:40:00+07:00",
               "enterprise": "song-hong"}
NORM = {"product": "JKT", "productUom": "H87", "validFrom": "2025-01-01", "validTo": "2025-12-31",
        "lines": [{"material": "FAB-150", "norm": "1.6543217", "materialUom": "MTR", "flag": "", "lossRate": "0.03"}]}
COUNTS = [{"at": "2025-12-31T18:00:00+07:00", "stock": "material", "code": "FAB-150", "lot": "L1", "quantity": "12.5",
           "uom": "MTR", "place": FACTORY}]
PAPER = [{"type": "INVOICE", "number": "VAT-1", "sha256": "ab" * 32}]
BOOK = "song-hong-sxxk"


def _lot_line(number: str, **extra: Any) -> dict[str, Any]:
    return {"id": lot(number), **extra}


def every_kind() -> dict[str, tuple[str, dict[str, Any]]]:
    """Kind -> (poster, one valid event of that kind); an ACCEPT also of a TRANSFER (`ACCEPT_TRANSFER`)."""
    raw, wip, finished = {"balance": "RAW"}, {"balance": "WIP"}, {"balance": "FINISHED"}
    return {
        "ARRIVE": ("carrier", event("ARRIVE", **BOXED, bizLocation={"id": PORT}, readPoint={"id": PORT})),
        "OBSERVE": ("terminal", event("OBSERVE", **BOXED, cl_step="SEAL_APPLY",
                                      cl_seals=[{"number": "0071120", "type": "BLT", "source": "CAR"}])),
        "OFFER": ("carrier", event("OFFER", **BOXED, **handed("carrier", "terminal"))),
        "ACCEPT": ("terminal", event("ACCEPT", **BOXED, **handed("carrier", "terminal"), bizLocation={"id": PORT},
                                     cl_reference=EVENT + "offer")),
        "REFUSE": ("terminal", event("REFUSE", **BOXED, cl_reference=EVENT + "offer", cl_reason="no slot")),
        "CANCEL": ("carrier", event("CANCEL", **BOXED, cl_reference=EVENT + "offer")),
        "HOLD": ("customs", event("HOLD", epcList=[BOX, LINE_URN], quantityList=[amount("L1")], cl_consignment="RDL-1")),
        "UNHOLD": ("customs", event("UNHOLD", **BOXED)),
        "ELIGIBLE": ("customs", event("ELIGIBLE", **BOXED)),
        "REVOKE": ("customs", event("REVOKE", **BOXED)),
        "GATE_OUT": ("terminal", event("GATE_OUT", **BOXED)),
        "CLOSE": ("terminal", event("CLOSE", **BOXED)),
        "DECLARE": ("song-hong", event("DECLARE", epcList=[LINE_URN], cl_declaration=DECLARATION, cl_book=BOOK)),
        "CLEAR": ("customs", event("CLEAR", epcList=[LINE_URN], cl_reference=EVENT + "declare")),
        "OPENING": ("song-hong", event("OPENING", quantityList=[amount("L1", "10.5"), amount("L2", 3)], cl_book=BOOK, cl_lines=[
            _lot_line("L1", role="IMPORTED", balance="RAW", material=material()),
            _lot_line("L2", role="OWN", balance="FINISHED", material=material("JKT"))])),
        "RECEIVE_FACTORY": ("song-hong", event(
            "RECEIVE_FACTORY", **BOXED, quantityList=[amount("L1", 10000)], bizTransactionList=drawn(), cl_book=BOOK,
            cl_lines=[_lot_line("L1", material=material())])),
        "RECEIVE_DOMESTIC": ("song-hong", event(
            "RECEIVE_DOMESTIC", quantityList=[amount("L1", 120)], cl_book=BOOK, cl_documents=PAPER,
            cl_lines=[_lot_line("L1", material=material("THR"))])),
        "SPLIT": ("song-hong", event("SPLIT", quantityList=[amount("L1"), amount("L2", 5), amount("L3", 6)], cl_lines=[
            _lot_line("L1", role="INPUT"), _lot_line("L2", role="OUTPUT", **raw), _lot_line("L3", role="OUTPUT", **raw)])),
        "MERGE": ("song-hong", event("MERGE", quantityList=[amount("L1", 4), amount("L2"), amount("L3", 9)], cl_lines=[
            _lot_line("L1", role="INPUT"), _lot_line("L2", role="INPUT"), _lot_line("L3", role="OUTPUT", **raw)])),
        "ISSUE_PROD": ("song-hong", event("ISSUE_PROD", quantityList=[amount("L1", "7400.25")], cl_book=BOOK)),
        "RETURN_PROD": ("song-hong", event("RETURN_PROD", quantityList=[amount("L1", 200)], cl_book=BOOK, cl_lines=[_lot_line("L1", **wip)])),
        "TRANSFORM": ("song-hong", event(
            "TRANSFORM", type="TransformationEvent", action=None, inputQuantityList=[amount("L1", 100)],
            outputQuantityList=[amount("P1", 60, "H87"), amount("S1", "3.5")], cl_book=BOOK, cl_normEvent=EVENT + "norm",
            cl_lines=[_lot_line("P1", role="PRODUCT", material=material("JKT", "H87")),
                      _lot_line("S1", role="SCRAP", material=material("SCR"))],
            cl_loss=[{"code": "FAB-150", "quantity": "1.5", "uom": "MTR"}])),
        "EXPORT_LOAD": ("song-hong", event("EXPORT_LOAD", quantityList=[amount("P1", 55, "H87")], bizTransactionList=drawn(), cl_book=BOOK)),
        "EXIT_CONFIRM": ("customs", event("EXIT_CONFIRM", quantityList=[amount("P1", 55, "H87")], bizTransactionList=drawn())),
        "REPURPOSE": ("song-hong", event("REPURPOSE", quantityList=[amount("L1", 400)], bizTransactionList=drawn(), cl_book=BOOK,
                                         cl_lines=[_lot_line("L1", **raw)])),
        "SELL_INLAND": ("song-hong", event("SELL_INLAND", quantityList=[amount("P1", 5, "H87")], cl_book=BOOK,
                                           cl_lines=[_lot_line("P1", **finished)])),
        "SCRAP_OUT": ("song-hong", event("SCRAP_OUT", quantityList=[amount("S1", 3)], cl_book=BOOK)),
        "COUNT": ("song-hong", event("COUNT", quantityList=[amount("L1", "12.5")], cl_book=BOOK, cl_counts=COUNTS,
                                     cl_lines=[_lot_line("L1", **raw)])),
        "STUFF": ("song-hong", event(
            "STUFF", type="AggregationEvent", action="ADD", parentID=BOX, childEPCs=[PACKAGE], epcList=None, cl_consignment="RDL-1",
            childQuantityList=[amount("P1", 55, "H87")])),
        "STRIP": ("terminal", event("STRIP", type="AggregationEvent", action="DELETE", parentID=BOX, childEPCs=[PACKAGE], epcList=None,
                                    cl_consignment="RDL-1")),
        "REEXPORT": ("song-hong", event("REEXPORT", quantityList=[amount("L1", 200)], bizTransactionList=drawn())),
        "UNLOAD": ("song-hong", event("UNLOAD", quantityList=[amount("P1", 5, "H87")], bizTransactionList=drawn())),
        "FG_RETURN": ("song-hong", event("FG_RETURN", quantityList=[amount("R1", 5, "H87")], bizTransactionList=drawn(), cl_book=BOOK,
                                         cl_lines=[_lot_line("R1", material=material("JKT", "H87"))])),
        "DESTROY": ("song-hong", event("DESTROY", quantityList=[amount("L1", 2)], cl_book=BOOK, cl_lines=[_lot_line("L1", **raw)])),
        "TRANSFER": ("song-hong", event("TRANSFER", quantityList=[amount("L1", 50)], bizTransactionList=drawn(), cl_book=BOOK,
                                        **handed("song-hong", "thai-binh", "owning_party"))),
        "ACCEPT_TRANSFER": ("thai-binh", event(
            "ACCEPT", epcList=[LINE_URN, OLD_LINE_URN], quantityList=[amount("L1"), {"epcClass": TAKEN_OVER, "quantity": 50, "uom": "MTR"}],
            cl_book="thai-binh-sxxk", cl_reference=EVENT + "transfer", cl_lines=[
                _lot_line("L1", role="INPUT"), {"id": TAKEN_OVER, "role": "OUTPUT", "material": material()},
                {"id": LINE_URN, "role": "TRANSFER_OUT"}, {"id": OLD_LINE_URN, "role": "TRANSFER_IN"}],
            **handed("song-hong", "thai-binh", "owning_party"))),
        "ADJUST": ("song-hong", event(
            "ADJUST", quantityList=[amount("L1", 2), amount("L2", 1), amount("L3", 3)], cl_book=BOOK, cl_reference=EVENT + "count", cl_lines=[
                _lot_line("L1", role="INPUT", **raw), _lot_line("L2", role="OUTPUT", **finished), _lot_line("L3", role="FROM_SHORT", **raw)])),
        "REASSIGN": ("customs", event(
            "REASSIGN", **BOXED, bizLocation={"id": PORT}, cl_reference=EVENT + "wrong", cl_lines=[{"id": BOX, "role": "SUPERVISED"}],
            destinationList=handed("carrier", "terminal")["destinationList"])),
        "APPROVE": ("customs", event("APPROVE", epcList=[], cl_reference=EVENT + "opening")),
        "DENY": ("customs", event("DENY", epcList=[], cl_reference=EVENT + "opening", cl_reason="no evidence")),
        "CORRECT": ("terminal", event("OBSERVE", **BOXED, cl_step="WEIGH", errorDeclaration={
            "declarationTime": "2025-03-02T08:00:00+07:00", "reason": "incorrect_data", "correctiveEventIDs": [EVENT + "right"]})),
    }
