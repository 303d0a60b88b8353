"""Rules of EPCIS and CBV that a JSON Schema does not express, one function a rule.

Each takes an event (with its effective `@context`) and yields faults; none trusts the shape of what it
reads, since schema faults are collected first but do not stop the rules. With `strict` (the customs
profile) what is only pointed out in documents of others is refused.

Source: EPCIS 2.0 and CBV 2.0 as in standards sections 1.4, 1.6, 2.3, 5.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from ledger.errors import Reason
from ledger.events import cbv
from ledger.events.context import prefix_of, prefixes
from ledger.events.faults import Fault, pointer
from ledger.events.quantity import unit_fault

QUANTITY_LISTS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
EPC_LISTS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
QUANTITY_MAX = Decimal(10) ** 18
"""Beyond this no quantity of goods is meant."""
EVENT_ID_BYTES_MAX = 1_000
"""Longest eventID, in UTF-8: it is looked up, and what a database's index takes is bounded (PostgreSQL: 2,704
bytes). A URI of GS1 with a SHA-256 in it has 100.
"""

# Characters that make two different events hash alike (standards section 5.5), and all whitespace.
_GAP = re.compile(r"[={}\s\x00-\x1f\x7f-\x9f]")
# A tuple, not a set: what an event states as its kind may be anything, and a list is in no set.
_NO_OBJECT_NEEDED = ("APPROVE", "DENY", "CANCEL", "DECLARE", "COUNT", "OBSERVE")
"""Kinds of the customs profile whose event may be about another event or a paper rather than goods."""
_EXCLUSIVE = {
    "receiving": ("arriving", "accepting"),
    "shipping": ("staging_outbound", "loading", "departing"),
    "consigning": ("staging_outbound", "loading", "departing", "accepting"),
}


def check(event: dict[str, Any], *, strict: bool = False) -> list[Fault]:
    """Every fault of one event under these rules."""
    faults: list[Fault] = []
    for rule in (
        objects_present,
        ilmd_only_when_added,
        standard_words,
        hash_gaps,
        quantities,
        error_declaration,
        event_ids,
    ):
        faults += rule(event)
    for pointed_out in (declared_prefixes, sensors, orphan_error_declaration):
        faults += [replace(f, refuses=f.refuses or strict) for f in pointed_out(event)]
    faults += [replace(f, refuses=f.refuses and strict) for f in units_of_measure(event)]
    return faults


def objects_present(event: dict[str, Any]) -> Iterator[Fault]:
    """An event says what it is about: objects, quantities or readings; an aggregation has its parent."""
    kind, action = event.get("type"), event.get("action")
    if kind == "ObjectEvent":
        if (
            not (
                _some(event, "epcList", "quantityList")
                or (_some(event, "sensorElementList") and "readPoint" in event)
            )
            and event.get("cl:kind") not in _NO_OBJECT_NEEDED
        ):
            yield Fault(
                "/epcList",
                "the event names no object: epcList and quantityList are missing or empty.",
                "Name what was seen; sensor readings alone need a readPoint.",
            )
    elif kind in ("AggregationEvent", "AssociationEvent"):
        if "parentID" not in event and action in ("ADD", "DELETE"):
            yield Fault("/parentID", f"an {kind} with action {action} needs parentID.", "Name the parent.")
        if action != "DELETE" and not _some(event, "childEPCs", "childQuantityList"):
            yield Fault(
                "/childEPCs", "the event names no children.", "Only DELETE may leave them out; it means all."
            )
    elif kind == "TransactionEvent":
        if (
            action != "DELETE"
            and not _some(event, "epcList", "quantityList")
            and event.get("cl:kind") not in _NO_OBJECT_NEEDED
        ):
            yield Fault(
                "/epcList",
                "the event names no object: epcList and quantityList are missing or empty.",
                "Name what the transaction is about.",
            )
    elif kind == "TransformationEvent":
        inputs = _some(event, "inputEPCList", "inputQuantityList")
        outputs = _some(event, "outputEPCList", "outputQuantityList")
        if not (inputs or outputs):
            yield Fault("/inputQuantityList", "the transformation has neither inputs nor outputs.")
        elif not (inputs and outputs) and "transformationID" not in event:
            side = "/outputQuantityList" if inputs else "/inputQuantityList"
            yield Fault(
                side,
                f"the transformation has no {'outputs' if inputs else 'inputs'}.",
                "Name them, or link several events by one transformationID.",
            )


def ilmd_only_when_added(event: dict[str, Any]) -> Iterator[Fault]:
    """Master data of a lot is given when it comes into being: with action ADD."""
    if (
        event.get("type") == "ObjectEvent"
        and "ilmd" in event
        and event.get("action") in ("OBSERVE", "DELETE")
    ):
        yield Fault(
            "/ilmd",
            "ilmd is allowed only with action ADD.",
            "Leave it out, or say it when the objects are added.",
        )


def declared_prefixes(event: dict[str, Any]) -> Iterator[Fault]:
    """Every prefix of a field name is declared in the effective context; of a value it is pointed out.

    (A value `ex:seal` may be a URI of a scheme that we do not know; a field name is always a prefix.)
    """
    known = prefixes(event.get("@context")).keys()
    names = {value for _, _, value in _vocabulary_values(event)}
    _add_names(event, names)
    if {prefix_of(name) for name in names} <= known | {None}:
        return  # nearly every event: the places are not needed
    values = ((place, value, False) for place, _, value in _vocabulary_values(event))
    for place, text, refuses in [*((place, key, True) for place, key in _keys([("", event)])), *values]:
        prefix = prefix_of(text)
        if prefix is not None and prefix not in known:
            yield Fault(
                place,
                f"the prefix {prefix!r} of {text!r} is not declared.",
                f'Add {{"{prefix}": "<namespace URI>"}} to @context.',
                refuses,
            )


def standard_words(event: dict[str, Any]) -> Iterator[Fault]:
    """A value in the namespace of the vocabulary is a word of it, in whatever form it is written."""
    for place, kind, value in _vocabulary_values(event):
        if cbv.unknown_standard_word(value, kind):
            yield Fault(
                place, f"{value!r} is no word of CBV 2.0.", "Use a standard word or a URI of your own."
            )


def hash_gaps(event: dict[str, Any]) -> Iterator[Fault]:
    """Identifiers have no characters by which two different events get the same CBV hash."""
    for place, text in _identifiers(event):
        match = _GAP.search(text)
        if match:
            yield Fault(
                place,
                f"the identifier {text[:80]!r} contains {match[0]!r}.",
                f"Percent-encode it (%{ord(match[0]):02X})."
                if match[0] > " " and match[0].isascii()
                else "Remove it.",
            )


def quantities(event: dict[str, Any]) -> Iterator[Fault]:
    """Quantities are not negative and of a size that goods have."""
    for place, element in _quantity_elements(event):
        quantity = element.get("quantity")
        if (
            isinstance(quantity, int | Decimal)
            and not isinstance(quantity, bool)
            and not 0 <= quantity < QUANTITY_MAX
        ):
            yield Fault(
                place + "/quantity",
                f"the quantity {quantity} is out of range.",
                "Quantities are not negative; the direction is said by the event."
                if quantity < 0
                else "Use a larger unit of measure.",
                reason=Reason.QUANTITY_NEGATIVE if quantity < 0 else Reason.QUANTITY_TOO_LARGE,
            )


def units_of_measure(event: dict[str, Any]) -> Iterator[Fault]:
    """Units are codes of UNECE Recommendation 20."""
    for place, element in _quantity_elements(event):
        uom = element.get("uom")
        found = unit_fault(uom) if isinstance(uom, str) else None
        if found:
            yield Fault(place + "/uom", *found, Reason.UNKNOWN_UNIT_OF_MEASURE)


def error_declaration(event: dict[str, Any]) -> Iterator[Fault]:
    """What did not occur cannot have been replaced."""
    declaration = event.get("errorDeclaration")
    if (
        isinstance(declaration, dict)
        and isinstance(declaration.get("reason"), str)
        and cbv.bare(declaration["reason"], "errorReason") == "did_not_occur"
        and declaration.get("correctiveEventIDs")
    ):
        yield Fault(
            "/errorDeclaration/correctiveEventIDs",
            "an event that did not occur has no corrective events.",
            "Leave correctiveEventIDs out, or give incorrect_data as the reason.",
        )


def event_ids(event: dict[str, Any]) -> Iterator[Fault]:
    """What names an event is not longer than it can be looked up by."""
    for key in ("eventID", "cl:reference", "cl:normEvent"):
        said = event.get(key)
        if isinstance(said, str) and len(said.encode("utf-8", "surrogatepass")) > EVENT_ID_BYTES_MAX:
            yield Fault(
                "/" + key,
                f"{key} has {len(said)} characters; an eventID has at most {EVENT_ID_BYTES_MAX} bytes.",
                "Use a shorter URI, such as urn:uuid: with a UUID.",
            )


def orphan_error_declaration(event: dict[str, Any]) -> Iterator[Fault]:
    """An error declaration repeats the eventID of what it declares wrong."""
    if isinstance(event.get("errorDeclaration"), dict) and "eventID" not in event:
        yield Fault(
            "/eventID",
            "an error declaration without eventID says not which event was wrong.",
            "Give the eventID of the wrong event.",
            refuses=False,
        )


def sensors(event: dict[str, Any]) -> Iterator[Fault]:
    """Readings: no attribute both in metadata and report, none later than the event, known types."""
    event_time = _time(event.get("eventTime"))
    for i, element in enumerate(_list(event, "sensorElementList")):
        if not isinstance(element, dict):
            continue
        metadata = element.get("sensorMetadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        place = pointer("sensorElementList", i)
        yield from _late(metadata, place + "/sensorMetadata", event_time)
        for j, report in enumerate(_list(element, "sensorReport")):
            if not isinstance(report, dict):
                continue
            at = f"{place}/sensorReport/{j}"
            yield from _late(report, at, event_time)
            for key in sorted(metadata.keys() & report.keys()):
                yield Fault(
                    f"{at}/{key}",
                    f"{key} stands both in sensorMetadata and in the report.",
                    "Keep it in one place.",
                    refuses=False,
                )
            kind = report.get("type")
            if kind is None:
                yield Fault(
                    f"{at}/type",
                    "the sensor report says not what was measured.",
                    "Add type, such as Temperature.",
                    refuses="exception" not in report,
                )
            elif isinstance(kind, str) and ":" not in kind and kind not in cbv.words("measurementType"):
                yield Fault(
                    f"{at}/type",
                    f"{kind!r} is not a GS1 measurement type.",
                    "Use one, such as Temperature or Mass, or a URI of your own.",
                    refuses=False,
                )


def duplicates(events: Sequence[tuple[str, Any]]) -> list[Fault]:
    """Within one document no event stands twice, and steps that exclude each other do not meet in one act."""
    faults: list[Fault] = []
    seen: dict[tuple[str, bool], str] = {}
    acts: dict[tuple[str, str], dict[str, str]] = {}
    for place, event in events:
        if not isinstance(event, dict):
            continue
        identity = event.get("eventID")
        if isinstance(identity, str):
            key = (identity, "errorDeclaration" in event)
            if key in seen:
                faults.append(
                    Fault(
                        place + "/eventID",
                        f"the event {identity!r} stands twice in the document (first at {seen[key]}).",
                        "Send each event once.",
                    )
                )
            seen.setdefault(key, place)
        if isinstance(event.get("bizStep"), str) and isinstance(event.get("eventTime"), str):
            step = cbv.bare(event["bizStep"], "bizStep")
            for _, text in _identifiers(event, objects_only=True):
                steps = acts.setdefault((text, event["eventTime"]), {})
                faults += [
                    Fault(
                        place + "/bizStep",
                        f"{step} excludes {other} of the same object at the same time ({where}).",
                        "Keep the one that says it all.",
                    )
                    for other, where in steps.items()
                    if other in _EXCLUSIVE.get(step, ()) or step in _EXCLUSIVE.get(other, ())
                ]
                steps.setdefault(step, place)
    return list(dict.fromkeys(faults))


def _late(holder: dict[str, Any], place: str, event_time: datetime | None) -> Iterator[Fault]:
    reading = _time(holder.get("time"))
    if reading and event_time and reading > event_time:
        yield Fault(
            place + "/time",
            "the sensor was read after the event.",
            "Correct one of the times.",
            refuses=False,
        )


def _time(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None


def _some(event: dict[str, Any], *keys: str) -> bool:
    return any(_list(event, key) for key in keys)


def _list(holder: dict[str, Any], key: str) -> list[Any]:
    value = holder.get(key)
    return value if isinstance(value, list) else []


def _quantity_elements(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in QUANTITY_LISTS:
        for i, element in enumerate(_list(event, key)):
            if isinstance(element, dict):
                yield pointer(key, i), element


def _identifiers(event: dict[str, Any], *, objects_only: bool = False) -> Iterator[tuple[str, str]]:
    """EPCs and classes; with the rest also places, parties, transactions."""

    def texts() -> Iterator[tuple[str, Any]]:
        yield "/parentID", event.get("parentID")
        for key in EPC_LISTS:
            for i, epc in enumerate(_list(event, key)):
                yield pointer(key, i), epc
        for place, element in _quantity_elements(event):
            yield place + "/epcClass", element.get("epcClass")
        if objects_only:
            return
        yield "/transformationID", event.get("transformationID")
        for key in ("readPoint", "bizLocation"):
            if isinstance(event.get(key), dict):
                yield f"/{key}/id", event[key].get("id")
        for key, field in (
            ("bizTransactionList", "bizTransaction"),
            ("sourceList", "source"),
            ("destinationList", "destination"),
        ):
            for i, item in enumerate(_list(event, key)):
                if isinstance(item, dict):
                    yield pointer(key, i, field), item.get(field)

    return ((place, text) for place, text in texts() if isinstance(text, str))


def _vocabulary_values(event: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(pointer, kind of word, value) of every value that comes from a vocabulary."""

    def values() -> Iterator[tuple[str, str, Any]]:
        yield "/bizStep", "bizStep", event.get("bizStep")
        yield "/disposition", "disposition", event.get("disposition")
        persistent = event.get("persistentDisposition")
        if isinstance(persistent, dict):
            for key in ("set", "unset"):
                for i, value in enumerate(_list(persistent, key)):
                    yield pointer("persistentDisposition", key, i), "disposition", value
        for key, kind in (
            ("bizTransactionList", "bizTransaction"),
            ("sourceList", "sourceDest"),
            ("destinationList", "sourceDest"),
        ):
            for i, item in enumerate(_list(event, key)):
                if isinstance(item, dict):
                    yield pointer(key, i, "type"), kind, item.get("type")
        for i, element in enumerate(_list(event, "sensorElementList")):
            for j, report in enumerate(_list(element, "sensorReport") if isinstance(element, dict) else []):
                if isinstance(report, dict):
                    yield (
                        pointer("sensorElementList", i, "sensorReport", j, "component"),
                        "component",
                        report.get("component"),
                    )

    return ((place, kind, value) for place, kind, value in values() if isinstance(value, str))


def _add_names(value: Any, names: set[str]) -> None:
    """Add every field name at any depth, as `_keys` has them."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not key.startswith("@"):
                names.add(key)
                if isinstance(item, dict | list):
                    _add_names(item, names)
    elif isinstance(value, list):
        for item in value:
            _add_names(item, names)


def _keys(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    """Every field name at any depth with its pointer, `@context` left out."""
    for place, value in pairs:
        if isinstance(value, dict):
            for key, item in value.items():
                if not key.startswith("@"):
                    yield place + pointer(key), key
                    yield from _keys([(place + pointer(key), item)])
        elif isinstance(value, list):
            yield from _keys((f"{place}/{i}", item) for i, item in enumerate(value))
