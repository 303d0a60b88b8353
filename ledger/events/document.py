"""From the bytes of a capture request to events that stand on their own.

Taken are an EPCISDocument, an EPCISQueryDocument, a bare event and a list of bare events. Each event comes
out with the effective `@context` (document and event merged), so that it can be committed to, sealed and
shown without its document. Nothing else of it is changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from ledger.errors import TooLargeError
from ledger.events import schema
from ledger.events.canonical import canonical_json
from ledger.events.context import merge_contexts
from ledger.events.faults import Fault, refuse
from ledger.events.strict_json import dump_json, parse_json
from ledger.limits import DEFAULT_LIMITS, Limits

OWN_EVENT_ID = "urn:cargoledger:event:"
_GROWTH = 4
"""No event is more times as long, written, as the body that it came in: spaces after commas and colons, some
numbers, and the document's context once more."""


@dataclass(frozen=True, slots=True)
class Document:
    """A capture body.

    Attributes:
        kind: `EPCISDocument`, `EPCISQueryDocument`, `event` or `list`.
        events: each with its effective `@context` as first key.
        pointers: where each event stands in the body.
        value: the body as parsed.
        notes: what was pointed out but not refused.
    """

    kind: str
    events: tuple[dict[str, Any], ...]
    pointers: tuple[str, ...]
    value: Any
    notes: tuple[Fault, ...] = ()


def read_document(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Parse and check a capture body.

    Raises:
        TooLargeError: more bytes or events than allowed, or one event that is too large.
        InvalidEventError: not strict JSON, or not valid EPCIS 2.0; carries every fault.
    """
    return document_of(parse_json(data, limits), len(data), limits)


def document_of(value: Any, size: int, limits: Limits = DEFAULT_LIMITS) -> Document:
    """As `read_document`, of a body that is parsed already.

    Args:
        value: the body as `strict_json.parse_json` gives it.
        size: bytes of the text that it came from, or more.
        limits: what is taken.
    """
    placed = _events(value)
    if len(placed) > limits.capture_events_max:
        raise TooLargeError(
            f"the document has {len(placed)} events, at most {limits.capture_events_max} are taken at once.",
            remedy="Send it in parts.",
        )
    notes = refuse(schema.check_document(value))
    events = tuple(_standing_alone(event, value) for _, event in placed)
    for (place, _), event in zip(placed, events, strict=True):
        if size * _GROWTH <= limits.event_bytes_max:
            break
        written = len(dump_json(event).encode())
        if written > limits.event_bytes_max:
            raise TooLargeError(
                f"the event has {written} bytes, at most {limits.event_bytes_max} are taken.",
                pointer=place,
                remedy="Name large attachments by their SHA-256 instead of including them.",
            )
    return Document(_kind(value), events, tuple(place for place, _ in placed), value, notes)


def is_bare_event(value: Any) -> bool:
    """Whether a body claims to be one event and nothing else. `profile.interpret` checks the form of such a
    one as `document_of` does, so who interprets it need not check it before.
    """
    return (isinstance(value, dict) and value.get("type") not in schema.DOCUMENT_TYPES
            and "epcisBody" not in value)


def with_event_id(event: dict[str, Any]) -> dict[str, Any]:
    """The event, with an `eventID` derived from its content if it has none.

    The same content always gets the same id, so a repeat is recognised. Not the CBV hash: collisions need a
    collision of SHA-256.
    """
    if "eventID" in event:
        return event
    content = {key: item for key, item in event.items() if key != "recordTime"}
    return {**event, "eventID": OWN_EVENT_ID + hashlib.sha256(canonical_json(content)).hexdigest()}


def is_correction(event: dict[str, Any]) -> bool:
    """Whether the event declares an earlier one with the same `eventID` wrong."""
    return "errorDeclaration" in event


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "list"
    return str(value["type"]) if value["type"] in schema.DOCUMENT_TYPES else "event"


def _events(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [(f"/{i}", event) for i, event in enumerate(value)]
    if isinstance(value, dict) and (value.get("type") in schema.DOCUMENT_TYPES or "epcisBody" in value):
        return schema.event_list(value)
    return [("", value)]


def _standing_alone(event: dict[str, Any], document: Any) -> dict[str, Any]:
    outer = document.get("@context") if isinstance(document, dict) and event is not document else None
    merged = merge_contexts(outer, event.get("@context"))
    return {"@context": merged, **{key: value for key, value in event.items() if key != "@context"}}
