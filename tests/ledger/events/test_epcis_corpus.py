"""EPCIS documents that nobody here wrote: valid ones taken, invalid ones refused with a pointer to the fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.events.document import Document, is_correction, read_document, with_event_id
from ledger.events.faults import InvalidEventError
from ledger.events.profile import interpret
from ledger.events.strict_json import dump_json, parse_json
from ledger.vocabulary import Kind
from tests.ledger.events import samples

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data" / "epcis"
EXAMPLES = sorted((ROOT / "examples" / "epcis").glob("*.json"))


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (DATA / folder).glob("*.json"))


VALID = files("valid/documents", "valid/events", "query/documents")
# File -> where each fault lies (all of them, in order), below the list of events.
INVALID = {
    "Combination_of_events_with_missing_mandatory_fields.json": ["/0/action", "/1/eventTimeZoneOffset", "/1/action"],
    "Combination_of_multiple_invalid_fields.json": [
        "/0/bizStep", "/1/disposition", "/2/sourceList/0/type", "/3/ilmd/materialType", "/4/eventTime", "/4/action"],
    "Combination_of_non_standard_bizStep_and_disposition.json": ["/0/bizStep", "/1/disposition"],
    "EPCISDocument_without_context.json": ["@/@context"],
    "ObjectEvent_with_ilmd_field_without_namespace.json": ["/0/ilmd/materialType"],
    "ObjectEvent_with_invalid_action.json": ["/0/action"],
    "ObjectEvent_with_invalid_certificationInfo.json": ["/0/certificationInfo"],
    "ObjectEvent_with_invalid_eventTime_format.json": ["/0/eventTime"],
    "ObjectEvent_with_non_standard_bizStep.json": ["/0/bizStep"],
    "ObjectEvent_with_non_standard_bizStep_in_second_event.json": ["/1/bizStep"],
    "ObjectEvent_with_non_standard_disposition.json": ["/0/disposition"],
    "ObjectEvent_with_quantity_as_text.json": ["/0/quantityList/0/quantity"],
    "ObjectEvent_with_unknown_field_in_quantityList.json": ["/0/quantityList/0/weight"],
    "ObjectEvent_without_action_and_eventTime.json": ["/0/eventTime", "/0/eventTimeZoneOffset", "/0/action"],
    "ObjectEvent_without_identifier_list.json": ["/0/epcList"],
    "QueryDocument_with_invalid_action.json": ["/0/action"],
    "QueryDocument_with_invalid_eventType.json": ["/0/type"],
}
# What the strict 2.0.0 schema refuses and we take: file -> what is pointed out instead (the last part of a pointer).
SPECIAL = {
    "AggregationEvent_with_persistentDisposition.json": None,  # allowed on all types, checked by the ObjectEvent rule
    "SensorData_with_combined_events.json": "type",            # reports of an exception without type; Molar_concentration
    "TransactionEvent_with_userExtensions.json": "type",       # EffectiveDoseRate
}


def test_corpus__beside_the_repository__complete(shared_data: Path) -> None:
    assert shared_data.is_dir()
    assert len(VALID) == 38 + 5 + 9
    assert {path.name for path in files("invalid", "query/documents-invalid")} == set(INVALID)


@pytest.mark.parametrize("path", VALID, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_valid_document__captured__taken_and_comes_back_unchanged(path: Path) -> None:
    document = read_document(path.read_bytes())
    assert not [note for note in document.notes if note.refuses]
    original = parse_json(path.read_bytes())
    assert document.value == original
    assert_events_unchanged(document, original)


def assert_events_unchanged(document: Document, original: object) -> None:
    for place, event in zip(document.pointers, document.events, strict=True):
        source = original
        for part in place.split("/")[1:]:
            source = source[int(part)] if isinstance(source, list) else source[part]  # type: ignore[index]
        assert isinstance(source, dict)
        assert {**event, "@context": 0} == {**source, "@context": 0}
        assert parse_json(dump_json(event).encode()) == event


@pytest.mark.parametrize("path", VALID, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_valid_document__interpreted__observed_in_the_open_profile(path: Path) -> None:
    for event in read_document(path.read_bytes()).events:
        found = interpret(with_event_id(event), samples.context("carrier"))
        assert (found.profile, found.event.kind, found.event.lines) == ("open", Kind.OBSERVE, ())
        assert found.event.occurred_at_ms > 0
        # Their error declarations are about events that nobody here has seen.
        assert is_correction(event) == found.is_correction


@pytest.mark.parametrize("path", VALID, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_valid_event__taken_out_of_its_document__stands_alone(path: Path) -> None:
    document = read_document(path.read_bytes())
    for event in document.events:
        alone = read_document(dump_json(event).encode())
        assert alone.kind == "event"
        assert alone.events == (event,)


def test_special_documents__treated_as_decided(shared_data: Path) -> None:
    for name, last in SPECIAL.items():
        notes = read_document((shared_data / "epcis" / "valid" / "documents" / name).read_bytes()).notes
        assert (last is None and not notes) or any(note.pointer.endswith("/" + str(last)) for note in notes), name


@pytest.mark.parametrize("path", files("invalid", "query/documents-invalid"), ids=lambda p: p.stem)
def test_invalid_document__captured__refused_at_every_fault(path: Path) -> None:
    with pytest.raises(InvalidEventError) as caught:
        read_document(path.read_bytes())
    way = "/epcisBody/queryResults/resultsBody/eventList" if "query" in str(path) else "/epcisBody/eventList"
    assert [f.pointer for f in caught.value.faults] == [p[1:] if p[0] == "@" else way + p for p in INVALID[path.name]]
    assert all(fault.message for fault in caught.value.faults)


def test_examples__folder__some_of_each_type() -> None:
    types = {event["type"] for path in EXAMPLES for event in read_document(path.read_bytes()).events}
    assert 5 <= len(EXAMPLES) <= 8
    assert types == {"ObjectEvent", "AggregationEvent", "AssociationEvent", "TransactionEvent", "TransformationEvent"}
    assert (ROOT / "examples" / "epcis" / "LICENSE").is_file() and (ROOT / "examples" / "epcis" / "NOTICE.md").is_file()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_examples__documents_of_others__taken_and_observed(path: Path) -> None:
    for event in read_document(path.read_bytes()).events:
        assert interpret(with_event_id(event), samples.context("carrier")).profile == "open"


def test_examples__copied__unchanged(shared_data: Path) -> None:
    for path in EXAMPLES:
        assert path.read_bytes() == (shared_data / "epcis" / "valid" / "documents" / path.name).read_bytes()
