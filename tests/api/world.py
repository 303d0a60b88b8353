"""A small network for the tests of the ways in: customs, a carrier, a terminal, two processors that are no friends."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from api.home import Home
from ledger.vocabulary import Role

START_S = 1_772_409_600  # 2026-03-02 00:00 UTC
SEED = hashlib.sha256(b"tests of the ways in").digest()
BOX = "CSQU3054383"
CONSIGNMENT = "BL-77"
PLACE = "urn:epc:id:sgln:8931234.00001.0"
FACTORY = "urn:epc:id:sgln:8931234.00002.0"
CONTEXT = ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", {"cl": "urn:cargoledger:v1:"}]
EXACT = "9007199254740.993001"
"""A quantity that a float cannot hold."""


class Clock:
    def __init__(self, now_s: int = START_S) -> None:
        self.now_s = now_s

    def __call__(self) -> int:
        return self.now_s


def uri(participant: str) -> str:
    return f"https://{participant}.example/"


def event(participant: str, name: str, kind: str, *, minute: int = 0, **fields: Any) -> dict[str, Any]:
    """An EPCIS event of the customs profile; `minute` counts from the start of the story."""
    hour, rest = divmod(minute, 60)
    return {
        "eventID": f"{uri(participant)}events/{name}", "type": "ObjectEvent",
        "eventTime": f"2026-03-02T{7 + hour:02d}:{rest:02d}:00+07:00", "eventTimeZoneOffset": "+07:00",
        "action": "OBSERVE", "cl:kind": kind, "readPoint": {"id": PLACE}, **fields,
    }


def document(*events: dict[str, Any]) -> bytes:
    text = json.dumps({
        "@context": CONTEXT, "type": "EPCISDocument", "schemaVersion": "2.0",
        "creationDate": "2026-03-02T07:00:00+07:00", "epcisBody": {"eventList": list(events)}})
    return text.replace(f'"{EXACT}"', EXACT).encode()  # a number, which json would round


def box(participant: str, name: str, kind: str, **fields: Any) -> dict[str, Any]:
    return event(participant, name, kind, **{
        "epcList": [f"urn:epc:id:bic:{BOX}"], "cl:consignment": CONSIGNMENT, **fields})


def handover(giver: str, taker: str) -> dict[str, Any]:
    return {"sourceList": [{"type": "possessing_party", "source": uri(giver)}],
            "destinationList": [{"type": "possessing_party", "destination": uri(taker)}]}


def lot(owner: str, number: str) -> str:
    return f"urn:cargoledger:lot:{owner}:{number}"


def receipt(owner: str, name: str, number: str, quantity: Any, code: str) -> dict[str, Any]:
    """A domestic receipt of a new lot."""
    return event(
        owner, name, "RECEIVE_DOMESTIC", minute=60, action="ADD", bizLocation={"id": FACTORY},
        quantityList=[{"epcClass": lot(owner, number), "quantity": quantity, "uom": "MTR"}],
        **{"cl:book": f"{owner}-book", "cl:documents": [{"type": "INVOICE", "number": f"INV-{number}"}], "cl:lines": [{
            "id": lot(owner, number), "role": "OUTPUT", "balance": "RAW",
            "material": {"code": code, "uom": "MTR", "description": f"{code} <b>cloth</b>", "hs": "54075200"}}]})


STORY: list[tuple[str, dict[str, Any]]] = [
    ("carrier", box("carrier", "arrive", "ARRIVE", bizLocation={"id": PLACE}, **{
        "cl:lines": [{"id": f"urn:epc:id:bic:{BOX}", "role": "CONTAINER"}],
        "cl:seals": [{"number": "SEAL-1", "type": "BLT", "source": "CAR"}]})),
    ("carrier", box("carrier", "offer", "OFFER", minute=5, **handover("carrier", "terminal"))),
    ("terminal", box("terminal", "accept", "ACCEPT", minute=10, bizLocation={"id": PLACE}, **{
        "cl:reference": f"{uri('carrier')}events/offer"}, **handover("carrier", "terminal"))),
    ("customs", box("customs", "hold", "HOLD", minute=20, **{"cl:reason": "picked <script>alert(1)</script>"})),
    ("terminal", box("terminal", "gate-out", "GATE_OUT", minute=30)),
    ("garment", receipt("garment", "buy", "COT-1", EXACT, "COTTON")),
    ("garment", event("garment", "issue", "ISSUE_PROD", minute=70, **{
        "cl:book": "garment-book", "quantityList": [{"epcClass": lot("garment", "COT-1"), "quantity": 60, "uom": "MTR"}],
        "cl:lines": [{"id": lot("garment", "COT-1"), "balance": "RAW"}]})),
    ("garment", {
        **{k: v for k, v in event("garment", "make", "TRANSFORM", minute=80).items() if k not in ("action",)},
        "type": "TransformationEvent", "cl:book": "garment-book",
        "inputQuantityList": [{"epcClass": lot("garment", "COT-1"), "quantity": 50, "uom": "MTR"}],
        "outputQuantityList": [{"epcClass": lot("garment", "SHIRT-1"), "quantity": 25, "uom": "C62"},
                               {"epcClass": lot("garment", "CUT-1"), "quantity": 4, "uom": "KGM"}],
        "cl:lines": [
            {"id": lot("garment", "COT-1"), "role": "INPUT", "balance": "WIP"},
            {"id": lot("garment", "SHIRT-1"), "role": "PRODUCT",
             "material": {"code": "SHIRT", "uom": "C62", "description": "Shirt", "hs": "62052000"}},
            {"id": lot("garment", "CUT-1"), "role": "SCRAP",
             "material": {"code": "CUTTINGS", "uom": "KGM", "description": "Cuttings", "hs": "63109000"}}]}),
    ("rival", receipt("rival", "secret-buy", "SILK-9", 7, "SILK")),
]
"""Who posts which event, in order. The gate-out is refused: the container is held."""


def build(folder: Path, clock: Clock | None = None) -> Home:
    """The network with its story told and indexed; the caller closes it."""
    clock = clock or Clock()
    home = Home.create(folder, name="test", seed=SEED, clock=clock)
    for name, role, hold_bit in (("customs", Role.CUSTOMS, 0), ("carrier", Role.CARRIER, 255),
                                 ("terminal", Role.TERMINAL, 255), ("garment", Role.PROCESSOR, 255),
                                 ("rival", Role.PROCESSOR, 255), ("auditor", Role.AUDITOR, 255)):
        home.admit(name, name=f"{name.title()} Ltd", uri=uri(name), roles=role, hold_bit=hold_bit)
    home.add_facility("quay", name="Quay 1", uri=PLACE, operator="terminal", supervised=True)
    home.add_facility("factory", name="Factory", uri=FACTORY, operator="garment", supervised=False)
    for owner in ("garment", "rival"):
        home.add_book(f"{owner}-book", name=f"Book of {owner}", owner=owner, regime="SXXK")
    for i, (poster, content) in enumerate(STORY):
        clock.now_s = START_S + 60 * (100 + i)
        home.post_document(document(content), poster)
        home.gateway.flush()
    home.settle_outbox()
    return home


def token(home: Home, participant: str, *scopes: str) -> str:
    text, _ = home.issue_token(participant, label="test", valid_s=86_400, scopes=frozenset(scopes or ("read", "capture")))
    return text
