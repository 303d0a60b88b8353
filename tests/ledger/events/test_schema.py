"""EPCIS 2.0 events and documents: one fault planted at a time, found at its place."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from ledger.errors import InputError, TooLargeError
from ledger.events import cbv, schema
from ledger.events.context import merge_contexts, prefixes
from ledger.events.document import read_document, with_event_id
from ledger.events.faults import Fault, InvalidEventError, pointer
from ledger.events.strict_json import dump_json
from ledger.limits import DEFAULT_LIMITS

GS1 = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"
EPC = "urn:epc:id:sgtin:0614141.107346.2017"


def base(**changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "@context": [GS1, {"ex": "https://ns.example.org/"}], "type": "ObjectEvent", "eventTime": "2025-03-01T08:00:00Z",
        "eventTimeZoneOffset": "+07:00", "action": "OBSERVE", "epcList": [EPC]}
    event |= changes
    return {key: value for key, value in event.items() if value is not None}


def sensor(*reports: dict[str, Any], **metadata: Any) -> list[dict[str, Any]]:
    return [{"sensorMetadata": metadata, "sensorReport": list(reports)}] if metadata else [{"sensorReport": list(reports)}]


TEMPERATURE = {"type": "Temperature", "value": Decimal("4.5"), "uom": "CEL"}
WHOLE: dict[str, dict[str, Any]] = {
    "object": base(),
    "object with everything": base(
        eventID="urn:uuid:1", certificationInfo=["https://c.example/1"], bizStep="receiving", disposition="in_transit",
        readPoint={"id": "urn:x:1", "ex:gate": "7"}, bizLocation={"id": "urn:x:2"}, action="ADD", ilmd={"ex:batch": "1"},
        persistentDisposition={"set": ["completeness_verified"], "unset": ["completeness_inferred"]},
        bizTransactionList=[{"bizTransaction": "urn:x:3"}, {"type": "po", "bizTransaction": "urn:x:4"}],
        sourceList=[{"type": "owning_party", "source": "urn:x:5"}], destinationList=[{"type": "location", "destination": "urn:x:6"}],
        quantityList=[{"epcClass": "urn:x:7", "quantity": Decimal("1.5"), "uom": "KGM"}, {"epcClass": "urn:x:8"}],
        sensorElementList=sensor(TEMPERATURE, deviceID="urn:x:9"), **{"ex:note": {"free": [1, {"bare": True}]}}),
    "sensors only": base(epcList=None, readPoint={"id": "urn:x:1"}, sensorElementList=sensor(TEMPERATURE)),
    "class by pattern": base(epcList=None, quantityList=[{"epcClass": "urn:epc:idpat:sgtin:4012345.044444.*", "quantity": 452, "uom": "KGM"}]),
    "longest eventID": base(eventID="urn:uuid:" + "1" * 991),
    "own step by URI": base(bizStep="https://example.org/weighing"),
    "own step by prefix": base(bizStep="ex:weighing"),
    "standard step by Web URI": base(bizStep="https://ref.gs1.org/cbv/BizStep-receiving"),
    "standard step by prefix": base(bizStep="cbv:BizStep-receiving"),
    "aggregation": base(type="AggregationEvent", epcList=None, action="ADD", parentID="urn:x:1", childEPCs=[EPC, EPC]),
    "aggregation deleted whole": base(type="AggregationEvent", epcList=None, action="DELETE", parentID="urn:x:1"),
    "aggregation with persistent disposition": base(
        type="AggregationEvent", epcList=None, action="ADD", parentID="urn:x:1", childEPCs=[EPC], persistentDisposition={"set": ["completeness_inferred"]}),
    "association": base(type="AssociationEvent", epcList=None, action="ADD", parentID="urn:x:1", childEPCs=[EPC]),
    "transaction": base(type="TransactionEvent", bizTransactionList=[{"type": "po", "bizTransaction": "urn:x:1"}]),
    "transformation": base(type="TransformationEvent", action=None, epcList=None, inputEPCList=[EPC], outputQuantityList=[{"epcClass": "urn:x:1"}]),
    "half of a transformation": base(type="TransformationEvent", action=None, epcList=None, inputEPCList=[EPC], transformationID="urn:x:1"),
    "extension event": base(type="https://example.org/MyEvent", action=None, epcList=None, anything={"goes": 1}),
    "error declaration": base(eventID="urn:uuid:1", errorDeclaration={"declarationTime": "2025-03-02T08:00:00Z", "reason": "did_not_occur"}),
}


@pytest.mark.parametrize("event", WHOLE.values(), ids=WHOLE.keys())
def test_event__valid__no_fault(event: dict[str, Any]) -> None:
    assert schema.check_event(event) == []


def wrong(place: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    return place, base(**changes)


def wrong_sensor(place: str, *reports: dict[str, Any], **metadata: Any) -> tuple[str, dict[str, Any]]:
    return "/sensorElementList/0" + place, base(sensorElementList=sensor(*reports, **metadata))


def wrong_other(kind: str, place: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    return place, {k: v for k, v in {**WHOLE[kind], **changes}.items() if v is not None}


QUANTITY = {"epcClass": "urn:x:1", "quantity": 5, "uom": "KGM"}
FAULTY: dict[str, tuple[str, dict[str, Any]]] = {
    "no context": wrong("/@context", **{"@context": None}),
    "context of a number": wrong("/@context", **{"@context": 5}),
    "empty context": wrong("/@context", **{"@context": []}),
    "prefix without namespace": wrong("/@context/0/ex", **{"@context": [{"ex": 5}]}),
    "our namespace under another prefix": wrong("/@context/1/x", **{"@context": [GS1, {"x": "urn:cargoledger:v1:"}]}),
    "no type": wrong("/type", type=None),
    "bare unknown type": wrong("/type", type="ObjectEvents"),
    "type of a number": wrong("/type", type=7),
    "no time": wrong("/eventTime", eventTime=None),
    "time without zone": wrong("/eventTime", eventTime="2025-03-01T08:00:00"),
    "time that does not exist": wrong("/eventTime", eventTime="2025-02-30T08:00:00Z"),
    "time with a space": wrong("/eventTime", eventTime="2025-03-01 08:00:00Z"),
    "offset without colon": wrong("/eventTimeZoneOffset", eventTimeZoneOffset="+0700"),
    "offset of 15 hours": wrong("/eventTimeZoneOffset", eventTimeZoneOffset="+15:00"),
    "offset with a newline": wrong("/eventTimeZoneOffset", eventTimeZoneOffset="+07:00\n"),
    "time with a line break": wrong("/eventTime", eventTime="2025-03-01T08:00:00Z\n"),
    "eventID with a line break": wrong("/eventID", eventID="urn:uuid:1\n"),
    "eventID too long to be looked up": wrong("/eventID", eventID="urn:uuid:" + "1" * 992),
    "reference too long to be looked up": wrong("/cl:reference", **{"cl:reference": "urn:uuid:" + "é" * 496}),
    "eventID no URI": wrong("/eventID", eventID="event 1"),
    "bare unknown field": wrong("/colour", colour="red"),
    "field with a broken prefix": wrong("/:x", **{":x": 1}),
    "field with spaces after the prefix": wrong("/ex:a b", **{"ex:a b": 1}),
    "undeclared prefix": wrong("/nope:x", **{"nope:x": 1}),
    "undeclared prefix deep inside": wrong("/ex:a/b/0/nope:x", **{"ex:a": {"b": [{"nope:x": 1}]}}),
    "no action": wrong("/action", action=None),
    "action in lower case": wrong("/action", action="add"),
    "step of no vocabulary": wrong("/bizStep", bizStep="weighing"),
    "step as URN of XML": wrong("/bizStep", bizStep="urn:epcglobal:cbv:bizstep:receiving"),
    "step as ns.gs1.org": wrong("/bizStep", bizStep="https://ns.gs1.org/cbv/BizStep-receiving"),
    "step that claims to be standard": wrong("/bizStep", bizStep="https://ref.gs1.org/cbv/BizStep-smelting"),
    "step that claims to be standard by prefix": wrong("/bizStep", bizStep="cbv:BizStep-smelting"),
    "disposition of no vocabulary": wrong("/disposition", disposition="in_transport"),
    "EPC no URI": wrong("/epcList/0", epcList=["CSQU3054383"]),
    "EPC twice": wrong("/epcList", epcList=[EPC, EPC]),
    "EPC list of an object": wrong("/epcList", epcList={"a": EPC}),
    "EPC that hides another": wrong("/epcList/0", epcList=["urn:epc:id:bic:CSQU3054383epc=urn:epc:id:bic:HLXU2008419"]),
    "EPC with a line break": wrong("/epcList/0", epcList=[EPC + "\n"]),
    "EPC with a brace": wrong("/epcList/0", epcList=["urn:x:{a}"]),
    "EPC with a no-break space": wrong("/epcList/0", epcList=["urn:x:a\u00a0b"]),
    "class that hides a quantity": wrong("/quantityList/0/epcClass", quantityList=[{"epcClass": "urn:x:1quantity=500uom=KGM"}]),
    "place with equals sign": wrong("/readPoint/id", readPoint={"id": "urn:x:a=b"}),
    "party with equals sign": wrong("/sourceList/0/source", sourceList=[{"type": "location", "source": "urn:x:a=b"}]),
    "transaction with equals sign": wrong("/bizTransactionList/0/bizTransaction", bizTransactionList=[{"bizTransaction": "urn:x:a=b"}]),
    "no object at all": wrong("/epcList", epcList=None),
    "empty object list": wrong("/epcList", epcList=[]),
    "sensors without place": wrong("/epcList", epcList=None, sensorElementList=sensor(TEMPERATURE)),
    "class missing": wrong("/quantityList/0/epcClass", quantityList=[{"quantity": 5}]),
    "quantity as text": wrong("/quantityList/0/quantity", quantityList=[{**QUANTITY, "quantity": "5"}]),
    "quantity of true": wrong("/quantityList/0/quantity", quantityList=[{**QUANTITY, "quantity": True}]),
    "quantity negative": wrong("/quantityList/0/quantity", quantityList=[{**QUANTITY, "quantity": -5}]),
    "quantity beyond goods": wrong("/quantityList/0/quantity", quantityList=[{**QUANTITY, "quantity": 10**18}]),
    "unit in lower case": wrong("/quantityList/0/uom", quantityList=[{**QUANTITY, "uom": "kgm"}]),
    "unit of four letters": wrong("/quantityList/0/uom", quantityList=[{**QUANTITY, "uom": "KGMS"}]),
    "unknown field of a quantity": wrong("/quantityList/0/weight", quantityList=[{**QUANTITY, "weight": 5}]),
    "extension in a quantity": wrong("/quantityList/0/ex:weight", quantityList=[{**QUANTITY, "ex:weight": 5}]),
    "ilmd when observed": wrong("/ilmd", ilmd={"ex:a": 1}),
    "ilmd with a bare name": wrong("/ilmd/batch", action="ADD", ilmd={"batch": "1"}),
    "place without id": wrong("/readPoint/id", readPoint={}),
    "place as text": wrong("/readPoint", readPoint="urn:x:1"),
    "source without type": wrong("/sourceList/0/type", sourceList=[{"source": "urn:x:1"}]),
    "source of unknown type": wrong("/sourceList/0/type", sourceList=[{"type": "place", "source": "urn:x:1"}]),
    "extension in a source": wrong("/sourceList/0/ex:a", sourceList=[{"type": "location", "source": "urn:x:1", "ex:a": 1}]),
    "empty source list": wrong("/sourceList", sourceList=[]),
    "persistent disposition empty": wrong("/persistentDisposition", persistentDisposition={}),
    "persistent disposition twice": wrong("/persistentDisposition/set", persistentDisposition={"set": ["unknown", "unknown"]}),
    "certification as object": wrong("/certificationInfo", certificationInfo=[{"gs1:agency": "x"}]),
    "error declaration without time": wrong("/errorDeclaration/declarationTime", eventID="urn:uuid:1", errorDeclaration={}),
    "error reason unknown": wrong("/errorDeclaration/reason", eventID="urn:uuid:1", errorDeclaration={"declarationTime": "2025-03-01T08:00:00Z", "reason": "typo"}),
    "did not occur but replaced": wrong("/errorDeclaration/correctiveEventIDs", eventID="urn:uuid:1", errorDeclaration={
        "declarationTime": "2025-03-01T08:00:00Z", "reason": "did_not_occur", "correctiveEventIDs": ["urn:uuid:2"]}),
    "sensor element without report": wrong("/sensorElementList/0/sensorReport", sensorElementList=[{"sensorMetadata": {}}]),
    "sensor report list empty": wrong_sensor("/sensorReport"),
    "sensor value as text": wrong_sensor("/sensorReport/0/value", {**TEMPERATURE, "value": "4.5"}),
    "sensor report without type": wrong_sensor("/sensorReport/0/type", {"value": 4}),
    "sensor report with bare unknown field": wrong_sensor("/sensorReport/0/colour", {**TEMPERATURE, "colour": "red"}),
    "sensor exception unknown": wrong_sensor("/sensorReport/0/exception", {**TEMPERATURE, "exception": "BROKEN"}),
    "sensor hexadecimal odd": wrong_sensor("/sensorReport/0/hexBinaryValue", {**TEMPERATURE, "hexBinaryValue": "f0f"}),
    "sensor component unknown": wrong_sensor("/sensorReport/0/component", {**TEMPERATURE, "component": "w"}),
    "aggregation without parent": wrong_other("aggregation", "/parentID", parentID=None),
    "aggregation without children": wrong_other("aggregation", "/childEPCs", childEPCs=None),
    "association without parent": wrong_other("association", "/parentID", parentID=None),
    "transaction without transactions": wrong_other("transaction", "/bizTransactionList", bizTransactionList=None),
    "transaction without object": wrong_other("transaction", "/epcList", epcList=None),
    "transformation with action": wrong_other("transformation", "/action", action="ADD"),
    "transformation without output": wrong_other("transformation", "/outputQuantityList", outputQuantityList=None),
    "transformation of nothing": wrong_other("transformation", "/inputQuantityList", inputEPCList=None, outputQuantityList=None),
    "parent in an object event": wrong("/parentID", parentID="urn:x:1"),
}


@pytest.mark.parametrize(("place", "event"), FAULTY.values(), ids=FAULTY.keys())
def test_event__one_fault__refused_at_its_place(place: str, event: dict[str, Any]) -> None:
    refusing = [f for f in schema.check_event(event) if f.refuses]
    assert place in [f.pointer for f in refusing], refusing
    assert {f.pointer for f in refusing} == {place}
    assert all(f.message.endswith(".") for f in refusing)


POINTED_OUT: dict[str, tuple[str, dict[str, Any]]] = {
    "unknown remote context": wrong("/@context/0", **{"@context": ["https://evil.example/context.jsonld", {"ex": "urn:x:"}]}),
    "prefix of a value undeclared": wrong("/bizStep", bizStep="nope:weighing"),
    "unit not of Recommendation 20": wrong("/quantityList/0/uom", quantityList=[{**QUANTITY, "uom": "PCE"}]),
    "unit deprecated": wrong("/quantityList/0/uom", quantityList=[{**QUANTITY, "uom": "NPR"}]),
    "measurement type unknown": wrong_sensor("/sensorReport/0/type", {**TEMPERATURE, "type": "Molar_concentration"}),
    "exception without type": wrong_sensor("/sensorReport/0/type", {"exception": "ALARM_CONDITION"}),
    "read after the event": wrong_sensor("/sensorReport/0/time", {**TEMPERATURE, "time": "2025-03-01T08:00:01Z"}),
    "metadata read after the event": wrong_sensor("/sensorMetadata/time", TEMPERATURE, time="2025-03-01T09:00:01+01:00"),
    "device in metadata and report": wrong_sensor("/sensorReport/0/deviceID", {**TEMPERATURE, "deviceID": "urn:x:1"}, deviceID="urn:x:2"),
    "error declaration without eventID": wrong("/eventID", errorDeclaration={"declarationTime": "2025-03-01T08:00:00Z"}),
}


@pytest.mark.parametrize(("place", "event"), POINTED_OUT.values(), ids=POINTED_OUT.keys())
def test_event__doubtful_in_open_profile__pointed_out_and_refused_when_strict(place: str, event: dict[str, Any]) -> None:
    found = schema.check_event(event)
    assert [(f.pointer, f.refuses) for f in found] == [(place, False)]
    strict = schema.check_event(event, strict=True)
    assert [f.pointer for f in strict] == [place]
    # What is loaded from nowhere does no harm, a deprecated unit is a unit still; the rest is refused.
    assert strict[0].refuses == (not place.startswith("/@context") and "deprecated" not in strict[0].message)


def test_event__many_faults__all_told_at_once() -> None:
    event = base(action="add", eventTime="now", bizStep="weighing", epcList=["x y"], colour="red")
    places = [f.pointer for f in schema.check_event(event)]
    assert set(places) == {"/action", "/eventTime", "/bizStep", "/epcList/0", "/colour"}


@pytest.mark.parametrize("kind", [[], {}, ["ARRIVE"], {"ARRIVE": 1}, 7, None], ids=repr)
def test_event__kind_that_is_no_text__answered_and_not_a_crash(kind: object) -> None:
    event = base(**{"cl:kind": kind, "epcList": []})
    assert "/epcList" in [f.pointer for f in schema.check_event(event)]


@pytest.mark.parametrize("name", ["epcis-event", "epcis-document", "customs-profile"])
def test_schema__published_file__is_draft_07_and_has_an_id(name: str) -> None:
    value = {"epcis-event": schema.event_schema, "epcis-document": schema.document_schema,
             "customs-profile": schema.profile_schema}[name]()
    Draft7Validator.check_schema(value)
    assert value["$id"] == f"urn:cargoledger:schema:{name}:1"


def test_schema__vocabulary_words__same_as_the_table() -> None:
    definitions = schema.event_schema()["definitions"]
    for definition, kind in (("bizStep", "bizStep"), ("disposition", "disposition"), ("partyType", "sourceDest"),
                             ("bizTransactionType", "bizTransaction"), ("errorReason", "errorReason"), ("component", "component")):
        assert set(definitions[definition]["anyOf"][0]["enum"]) == cbv.words(kind)
    assert [len(cbv.words(k)) for k in ("bizStep", "disposition", "bizTransaction", "measurementType")] == [41, 33, 13, 72]


@pytest.mark.parametrize(("value", "word"), [
    ("receiving", "receiving"), ("https://ref.gs1.org/cbv/BizStep-receiving", "receiving"), ("cbv:BizStep-receiving", "receiving"),
    ("ex:receiving", "ex:receiving"), ("https://ref.gs1.org/cbv/Disp-active", "https://ref.gs1.org/cbv/Disp-active")])
def test_cbv__forms_of_a_step__bare_word(value: str, word: str) -> None:
    assert cbv.bare(value, "bizStep") == word


# ---- documents ------------------------------------------------------------------------------------------------------

def document(*events: dict[str, Any], **changes: Any) -> dict[str, Any]:
    value: dict[str, Any] = {
        "@context": [GS1, {"ex": "https://ns.example.org/"}], "type": "EPCISDocument", "schemaVersion": "2.0",
        "creationDate": "2025-03-01T09:00:00Z",
        "epcisBody": {"eventList": [{k: v for k, v in e.items() if k != "@context"} for e in events]}}
    return {k: v for k, v in {**value, **changes}.items() if v is not None}


def query_document(*events: dict[str, Any]) -> dict[str, Any]:
    inner = {"queryName": "q", "resultsBody": {"eventList": list(events)}}
    return {"@context": GS1, "type": "EPCISQueryDocument", "epcisBody": {"queryResults": inner}}


DOCUMENTS = {
    "document": document(base()),
    "document without events": document(),
    "document with extension": document(base(), **{"ex:batch": 5}, instanceIdentifier="1", sender="urn:x:1"),
    "query document": query_document(base()),
    "master data": document(base(), epcisHeader={"epcisMasterData": {"vocabularyList": [
        {"type": "urn:epcglobal:epcis:vtype:Location", "vocabularyElementList": [
            {"id": "urn:x:1", "attributes": [{"id": "urn:x:name", "attribute": "Yard"}], "children": ["urn:x:2"]}]}]}}),
}


@pytest.mark.parametrize("value", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_document__valid__no_fault(value: dict[str, Any]) -> None:
    assert schema.check_document(value) == []


FAULTY_DOCUMENTS: dict[str, tuple[str, Any]] = {
    "text": ("", "EPCISDocument"),
    "number": ("", 5),
    "empty list": ("", []),
    "list of numbers": ("/0", [5]),
    "no context": ("/@context", document(base(), **{"@context": None})),
    "no version": ("/schemaVersion", document(base(), schemaVersion=None)),
    "version as number": ("/schemaVersion", document(base(), schemaVersion=2)),
    "no creation date": ("/creationDate", document(base(), creationDate=None)),
    "no body": ("/epcisBody", document(base(), epcisBody=None)),
    "body as list": ("/epcisBody", document(base(), epcisBody=[base()])),
    "no event list": ("/epcisBody/eventList", document(epcisBody={})),
    "event list of an object": ("/epcisBody/eventList", document(epcisBody={"eventList": base()})),
    "event as text": ("/epcisBody/eventList/0", document(epcisBody={"eventList": ["event"]})),
    "type missing": ("/type", document(base(), type=None)),
    "type of a catalogue": ("/type", document(base(), type="Catalogue")),
    "unknown field": ("/colour", document(base(), colour="red")),
    "fault in the second event": ("/epcisBody/eventList/1/action", document(base(), base(action="x"))),
    "bad context in an event": ("/epcisBody/eventList/0/@context/ex", document(epcisBody={"eventList": [base(**{"@context": {"ex": 5}})]})),
    "query document without name": ("/epcisBody/queryResults/queryName", {
        "@context": GS1, "type": "EPCISQueryDocument", "epcisBody": {"queryResults": {"resultsBody": {"eventList": []}}}}),
    "same event twice": ("/epcisBody/eventList/1/eventID", document(base(eventID="urn:uuid:1"), base(eventID="urn:uuid:1"))),
    "receiving and accepting at once": ("/epcisBody/eventList/1/bizStep", document(base(bizStep="receiving"), base(bizStep="accepting"))),
    "shipping and loading at once": ("/1/bizStep", [base(bizStep="loading"), base(bizStep="cbv:BizStep-shipping")]),
}


@pytest.mark.parametrize(("place", "value"), FAULTY_DOCUMENTS.values(), ids=FAULTY_DOCUMENTS.keys())
def test_document__one_fault__refused_at_its_place(place: str, value: Any) -> None:
    assert {f.pointer for f in schema.check_document(value) if f.refuses} == {place}
    with pytest.raises(InvalidEventError):
        read_document(dump_json(value).encode())


def test_document__error_declaration_beside_its_event__no_duplicate() -> None:
    declared = base(eventID="urn:uuid:1", errorDeclaration={"declarationTime": "2025-03-02T08:00:00Z"})
    assert schema.check_document(document(base(eventID="urn:uuid:1"), declared)) == []


def test_document__exclusive_steps_of_other_objects__no_fault() -> None:
    assert schema.check_document(document(base(bizStep="receiving"), base(bizStep="accepting", epcList=["urn:x:1"]))) == []


def test_document__events_taken_out__carry_the_merged_context() -> None:
    inner = base(**{"@context": {"ex": "https://other.example/", "b": "urn:b:"}, "b:x": 1})
    value = document(epcisBody={"eventList": [inner, {k: v for k, v in base().items() if k != "@context"}]})
    events = read_document(dump_json(value).encode()).events
    assert events[0]["@context"] == [GS1, {"b": "urn:b:", "ex": "https://other.example/"}]
    assert events[1]["@context"] == [GS1, {"ex": "https://ns.example.org/"}]
    assert next(iter(events[0])) == "@context"


CONTEXTS = st.one_of(st.none(), st.sampled_from([GS1, "urn:c:2"]), st.dictionaries(st.sampled_from("abc"), st.just("urn:n:"), max_size=2),
                     st.lists(st.one_of(st.sampled_from([GS1, "urn:c:2"]), st.dictionaries(st.sampled_from("abc"), st.sampled_from(["urn:n:", "urn:m:"]), max_size=2)), max_size=3))


@given(CONTEXTS, CONTEXTS)
def test_contexts__merged_again__nothing_changes(outer: Any, inner: Any) -> None:
    merged = merge_contexts(outer, inner)
    assert merge_contexts(None, merged) == merged
    assert merge_contexts(outer, merged) == merged
    assert prefixes(merged) == {**prefixes(outer), **{k: v for k, v in prefixes(inner).items() if k in "abc"}}


def test_document__more_events_than_the_limit__too_large() -> None:
    limits = replace(DEFAULT_LIMITS, capture_events_max=2)
    assert len(read_document(dump_json(document(base(), base())).encode(), limits).events) == 2
    with pytest.raises(TooLargeError):
        read_document(dump_json(document(base(), base(), base())).encode(), limits)


def test_document__one_event_over_its_limit__too_large_with_a_pointer() -> None:
    limits = replace(DEFAULT_LIMITS, event_bytes_max=1000)
    with pytest.raises(TooLargeError) as caught:
        read_document(dump_json(document(base(), base(**{"ex:blob": "x" * 1000}))).encode(), limits)
    assert caught.value.pointer == "/epcisBody/eventList/1"


@pytest.mark.parametrize(("value", "kind", "count"), [
    (document(base()), "EPCISDocument", 1), (query_document(base()), "EPCISQueryDocument", 1), (base(), "event", 1), ([base(), base()], "list", 2)])
def test_document__every_kind_of_body__known(value: Any, kind: str, count: int) -> None:
    found = read_document(dump_json(value).encode())
    assert (found.kind, len(found.events), len(found.pointers)) == (kind, count, count)


def test_event_id__missing__derived_from_the_content_and_stable() -> None:
    one, again = with_event_id(base()), with_event_id(dict(reversed(list(base().items()))))
    assert one["eventID"] == again["eventID"] and one["eventID"].startswith("urn:cargoledger:event:")
    assert with_event_id(base(recordTime="2025-03-05T00:00:00Z"))["eventID"] == one["eventID"]
    assert with_event_id(base(action="ADD"))["eventID"] != one["eventID"]
    assert with_event_id(base(eventID="urn:uuid:1"))["eventID"] == "urn:uuid:1"
    assert schema.check_event(one) == []


# ---- whatever is thrown at it ---------------------------------------------------------------------------------------

JUNK = st.recursive(st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.just(Decimal("1.5")), st.sampled_from(["", "x", "urn:x:1", "a b", "ObjectEvent"])),
                    lambda x: st.one_of(st.lists(x, max_size=2), st.dictionaries(st.sampled_from(["id", "type", "x", "ex:y", "epcClass"]), x, max_size=2)), max_leaves=5)


@given(st.sampled_from(list(WHOLE)), st.data())
def test_check__any_field_replaced_by_junk__faults_but_never_a_crash(kind: str, data: st.DataObject) -> None:
    event = copy.deepcopy(WHOLE[kind])
    holder: Any = event
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(holder[key], dict | list) or not holder[key] or data.draw(st.booleans()):
            holder[key] = data.draw(JUNK)
            break
        holder = holder[key]
    for fault in [*schema.check_event(event), *schema.check_document(event), *schema.check_document([event])]:
        assert isinstance(fault, Fault)
        assert fault.pointer == "" or fault.pointer.startswith("/")
    with suppress(InputError):
        read_document(dump_json(event).encode())


@given(st.lists(st.text(max_size=3), max_size=4))
def test_pointer__any_parts__read_back(parts: list[str]) -> None:
    text = pointer(*parts)
    assert [p.replace("~1", "/").replace("~0", "~") for p in text.split("/")[1:]] == parts
