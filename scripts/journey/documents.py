"""Building blocks: EPCIS 2.0 events of the customs profile, documents, and the story they stand in.

Everything is a pure function of the story's own data: no clock, no random numbers. An event's id is made from
its poster, its day and a label, so that it can be read, cited and edited by hand.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

CONTEXT = ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", {"cl": "urn:cargoledger:v1:"}]
ZONE = "+07:00"
BTT_LINE = "urn:cargoledger:btt:declaration-line"

Event = dict[str, Any]
_DIGITS = re.compile(r'"\x01([-0-9.]+)\x01"')


def to_json(value: Any) -> str:
    """JSON text of a document; `Decimal` becomes a JSON number with its own digits, never a float."""

    def plain(item: Any) -> str:
        if isinstance(item, Decimal):
            return f"\x01{item:f}\x01"
        raise TypeError(f"{type(item)} has no JSON form")

    text = json.dumps(value, ensure_ascii=False, indent=2, default=plain)
    return _DIGITS.sub(r"\1", text.replace("\\u0001", "\x01")) + "\n"


def number(text: str) -> Decimal | int:
    """A quantity as it stands in EPCIS: an integer where it is whole."""
    value = Decimal(text)
    return int(value) if value == value.to_integral_value() else value.normalize()


def moment(at: str) -> str:
    """`2025-02-12 06:30` as RFC 3339 in the story's zone."""
    return f"{at.replace(' ', 'T')}:00{ZONE}"


def box(number_: str) -> str:
    """EPC of a container."""
    return f"urn:epc:id:bic:{number_}"


def lot(enterprise: str, name: str) -> str:
    """EPC class of a lot."""
    return f"urn:cargoledger:lot:{enterprise}:{name}"


def line_urn(declaration: str, line: int | str) -> str:
    """Name of a declaration line."""
    return f"urn:cargoledger:line:{declaration}:{line}"


def drawn_from(declaration: str, line: int | str) -> list[dict[str, str]]:
    """`bizTransactionList` that cites the declaration line an event draws from."""
    return [{"type": BTT_LINE, "bizTransaction": line_urn(declaration, line)}]


def quantity(lot_urn: str, amount: str, uom: str) -> dict[str, Any]:
    """An EPCIS quantity element."""
    return {"epcClass": lot_urn, "quantity": number(amount), "uom": uom}


def check_digit(owner_and_serial: str) -> str:
    """An ISO 6346 container number completed with its check digit."""
    values = {}
    value = 10
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        values[letter] = value
        value += 2 if (value + 1) % 11 == 0 else 1
    total = sum((values[c] if c.isalpha() else int(c)) << i for i, c in enumerate(owner_and_serial))
    return f"{owner_and_serial}{total % 11 % 10}"


@dataclass(slots=True)
class Document:
    """One EPCIS document, posted by one participant."""

    poster: str
    label: str
    events: list[Event]
    file: str = ""

    def at(self) -> str:
        """The moment of its last event: the order in which documents are posted."""
        return str(
            max(e.get("errorDeclaration", {}).get("declarationTime", e["eventTime"]) for e in self.events)
        )

    def body(self) -> dict[str, Any]:
        """The document as JSON values."""
        return {
            "@context": CONTEXT,
            "id": f"https://{self.poster}.example/epcis/documents/{self.file.removesuffix('.json')}",
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": self.at(),
            "epcisBody": {"eventList": self.events},
        }


@dataclass(slots=True)
class Story:
    """Documents in the order they are told. Files are numbered in that order, ten apart."""

    documents: list[Document] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def post(self, poster: str, label: str, *events: Event) -> None:
        """Add a document; every event gets its id from poster, day and its label."""
        self.documents.append(Document(poster, label, [self._identified(poster, e) for e in events]))

    def _identified(self, poster: str, event: Event) -> Event:
        if "eventID" not in event:
            event = {"eventID": event_id(poster, event["eventTime"][:10], event.pop("label")), **event}
            if event["eventID"] in self.ids:
                raise ValueError(f"{event['eventID']} is used twice")
            self.ids.add(event["eventID"])
        return event

    def number_files(self) -> None:
        """Give every document its file name, in order of time; documents of one moment keep their order."""
        self.documents.sort(key=Document.at)
        for i, document in enumerate(self.documents, start=1):
            document.file = f"{i * 10:04d}-{document.poster}-{document.label}.json"

    def find(self, label: str) -> Document:
        """The document with that label."""
        return next(d for d in self.documents if d.label == label)


def event_id(poster: str, day: str, label: str) -> str:
    """Readable event id, unique by poster, day and label."""
    return f"https://{poster}.example/epcis/events/{day}/{label}"


def make(
    kind: str,
    label: str,
    at: str,
    place: str,
    *,
    type_: str = "ObjectEvent",
    action: str = "OBSERVE",
    **fields: Any,
) -> Event:
    """An event of the customs profile.

    Args:
        kind: what it does on the ledger (`cl:kind`).
        label: last part of its id.
        at: local time, `2025-02-12 06:30`.
        place: URI of the place where it was read.
        type_, action: EPCIS event type and action (a TransformationEvent has no action).
        fields: further fields; `cl_` begins a term of the profile, `None` and empty lists are left out.
    """
    event: Event = {"label": label, "type": type_, "eventTime": moment(at), "eventTimeZoneOffset": ZONE}
    if type_ != "TransformationEvent":
        event["action"] = action
    event["cl:kind"] = kind
    event["readPoint"] = {"id": place}
    for name, value in fields.items():
        if value is not None and value not in ([], ""):
            key = "cl:" + name[3:] if name.startswith("cl_") else name
            event[key] = {"id": value} if name == "bizLocation" else value
    return event


def parties(giver: str, taker: str) -> dict[str, Any]:
    """Source and destination lists that say custody passes from one party to another."""
    return {
        "sourceList": [{"type": "possessing_party", "source": giver}],
        "destinationList": [{"type": "possessing_party", "destination": taker}],
    }
