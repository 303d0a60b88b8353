"""Validity of EPCIS 2.0 documents and events: our JSON Schema (formats asserted), then the rules a schema
cannot say.

All faults are collected, each with a JSON pointer and a remedy; nothing is repaired. `strict` is the
customs profile: what is only pointed out in an open document is refused there.

The schemas are read twice: compiled to Python they say whether a value is valid, which nearly every one is;
what is not goes to a validator that says where and why. The second decides (ADR 35).

Source: EPCIS 2.0 (standards section 1), CBV 2.0 (section 2), refusals of section 5.5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache, partial
from importlib.resources import files
from typing import Any

import fastjsonschema
from jsonschema import Draft7Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT7

from ledger.errors import Reason
from ledger.events import rules
from ledger.events.context import context_faults, merge_contexts
from ledger.events.faults import Fault, pointer
from ledger.events.ids import described

FORMATS = ("uri", "date", "date-time")
DOCUMENT_TYPES = ("EPCISDocument", "EPCISQueryDocument")
_URN, _URL = "urn:cargoledger:schema:", "https://schema.invalid/"
"""Names of our schemas, and what stands for them while they are compiled: the compiler follows a reference
within a schema by the rules for URLs, under which a URN has no parts. Nothing is fetched."""
_EVENT_LISTS = {
    "EPCISDocument": ("epcisBody", "eventList"),
    "EPCISQueryDocument": ("epcisBody", "queryResults", "resultsBody", "eventList"),
}
_WORDS_OF_TYPES = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


def event_schema() -> dict[str, Any]:
    """The published JSON Schema (draft-07) of an EPCIS event."""
    return _load("epcis-event")


def document_schema() -> dict[str, Any]:
    """The published JSON Schema (draft-07) of an EPCIS document."""
    return _load("epcis-document")


def check_document(value: Any) -> list[Fault]:
    """Every fault of a capture body: document, query document, bare event or list of bare events.

    Returns:
        Faults in order of the document; those with `refuses` False are only pointed out.
    """
    if isinstance(value, list):
        if not value:
            return [Fault("", "the list contains no event.")]
        return [
            fault.under(f"/{i}") for i, event in enumerate(value) for fault in _check_bare(event)
        ] + rules.duplicates([(f"/{i}", event) for i, event in enumerate(value)])
    if not isinstance(value, dict):
        return [Fault("", "an EPCIS document is a JSON object, this is not one.")]
    if value.get("type") not in DOCUMENT_TYPES and "epcisBody" not in value:
        return _check_bare(value)
    faults = _schema_faults("epcis-document", value)
    faults += [
        f for f in context_faults(value.get("@context")) if not (f.refuses and "@context" not in value)
    ]
    events = event_list(value)
    for place, event in events:
        if isinstance(event, dict):
            merged = {**event, "@context": merge_contexts(value.get("@context"), event.get("@context"))}
            if "@context" in event:
                faults += [fault.under(place) for fault in context_faults(event["@context"])]
            faults += [fault.under(place) for fault in rules.check(merged)]
    faults += rules.duplicates(events)
    return faults


def check_event(event: Any, *, strict: bool = False) -> list[Fault]:
    """Every fault of one event with its own `@context`.

    Args:
        event: the event.
        strict: judge by the customs profile.
    """
    return _check_bare(event, strict=strict)


def profile_faults(event: dict[str, Any]) -> list[Fault]:
    """Faults of an event under the JSON Schema of the customs profile alone."""
    return _schema_faults("customs-profile", event)


def profile_schema() -> dict[str, Any]:
    """The published JSON Schema (draft-07) of the customs profile: what it adds to an EPCIS event."""
    return _load("customs-profile")


def event_list(document: dict[str, Any]) -> list[tuple[str, Any]]:
    """The events of a document with their JSON pointers; none where the way to the list is broken."""
    way = _EVENT_LISTS.get(document.get("type", ""), _EVENT_LISTS["EPCISDocument"])
    value: Any = document
    for part in way:
        value = value.get(part) if isinstance(value, dict) else None
    return [(pointer(*way, i), event) for i, event in enumerate(value)] if isinstance(value, list) else []


def _check_bare(event: Any, *, strict: bool = False) -> list[Fault]:
    if not isinstance(event, dict):
        return [Fault("", "an event is a JSON object, this is not one.")]
    faults = context_faults(event.get("@context")) + _schema_faults("epcis-event", event)
    return faults + rules.check(event, strict=strict)


def _schema_faults(name: str, value: Any) -> list[Fault]:
    try:
        _compiled(name)(value)
        return []
    except (fastjsonschema.JsonSchemaValueException, RecursionError):
        return _explained(name, value)


def _explained(name: str, value: Any) -> list[Fault]:
    """Every fault under a schema, in plain words."""
    faults: list[Fault] = []
    seen: set[Fault] = set()
    for error in _validator(name).iter_errors(value):
        for fault in _translate(error):
            if fault not in seen:
                seen.add(fault)
                faults.append(fault)
    return faults


def _translate(error: ValidationError) -> Iterator[Fault]:
    """Say in plain words, at the exact place, what a schema error means."""
    place = pointer(*error.absolute_path)
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    found: Any = error.instance
    remedy = schema.get("remedy", "")
    wanted: Any = error.validator_value
    if error.validator == "required":
        missing = next(n for n in wanted if n not in found and error.message.startswith(repr(n)))
        yield Fault(
            place + pointer(missing), f"{missing} is missing.", schema.get("remedies", {}).get(missing, "")
        )
    elif error.validator == "additionalProperties":
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for key in found:
            if key not in known and not any(re.search(pattern, key) for pattern in patterns):
                yield Fault(
                    place + pointer(key),
                    f"{key!r} is not a field here.",
                    "Remove it, or write it with a declared prefix (ex:name) if it is an extension."
                    if patterns
                    else f"Allowed are {', '.join(known)}.",
                )
    elif error.validator == "dependencies":
        for key, needed in wanted.items():
            if key in found:
                yield from (
                    Fault(place + pointer(n), f"{n} is missing beside {key}.", "Add it: KGM, MTR, H87 ...")
                    for n in needed
                    if n not in found
                )
    elif error.validator == "not" and isinstance(found, str) and "propertyNames" in error.schema_path:
        yield Fault(place + pointer(found), f"{_short(found)} {schema['message']}.", remedy)
    elif "message" in schema:
        strange = next((c for c in found if not " " <= c <= "~"), "") if isinstance(found, str) else ""
        said = f"{_short(found)} {schema.get('message', error.message)}"
        if strange:  # it may well look right
            yield Fault(place, f"{said}: it contains {described(strange)} at character "
                               f"{found.index(strange) + 1}.", "Type it with plain letters and digits.",
                        reason=Reason.LOOK_ALIKE_CHARACTER)
        else:
            known = place.endswith("/cl:kind") and error.validator == "enum"
            yield Fault(place, f"{said}.", remedy, reason=Reason.UNKNOWN_KIND if known else Reason.INVALID)
    elif error.validator == "type":
        types = wanted if isinstance(wanted, list) else [wanted]
        yield Fault(
            place,
            f"{_short(found)} must be {' or '.join(_WORDS_OF_TYPES[t] for t in types)}.",
            remedy,
        )
    elif error.validator == "uniqueItems":
        yield Fault(place, "the list names something twice.", "Name it once.")
    elif error.validator == "minItems":
        yield Fault(place, "the list is empty.", "Leave the field out, or fill the list.")
    elif error.validator == "enum":
        yield Fault(place, f"{_short(found)} is not one of {', '.join(map(str, wanted))}.", remedy)
    else:
        yield Fault(place, f"{_short(found)}: {error.message[:200]}.", remedy)


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return "the object" if isinstance(value, dict) else "the list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


@cache
def _load(name: str) -> dict[str, Any]:
    return _parsed(_read(name))


def _read(name: str) -> str:
    return files("ledger.events").joinpath("schemas", f"{name}.schema.json").read_text("utf-8")


def _parsed(text: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return schema


@cache
def _validator(name: str) -> Draft7Validator:
    registry: Registry[Any] = Registry().with_resource(
        "urn:cargoledger:schema:epcis-event:1", DRAFT7.create_resource(_load("epcis-event"))
    )
    return Draft7Validator(_load(name), registry=registry, format_checker=_formats())


@cache
def _compiled(name: str) -> Callable[[Any], object]:
    """The schema as a function that raises where a value is not valid. Its code is made from our own schema
    alone, and its regular expressions, numbers and formats are those of `_validator`.
    """
    formats = {form: partial(_conforms, form) for form in FORMATS}
    check: Callable[[Any], object] = fastjsonschema.compile(
        _parsed(_read(name).replace(_URN, _URL)), formats=formats, use_default=False,
        handlers={"https": lambda _: _parsed(_read("epcis-event").replace(_URN, _URL))})
    return check


@cache
def _formats() -> FormatChecker:
    """The formats of our schemas. The library's own checks overlook a line break at the end."""
    checker = FormatChecker(formats=())
    for name in FORMATS:
        checker.checks(name)(partial(_conforms, name))
    return checker


def _conforms(name: str, value: object) -> bool:
    return not isinstance(value, str) or (
        "\n" not in value and Draft7Validator.FORMAT_CHECKER.conforms(value, name)
    )
