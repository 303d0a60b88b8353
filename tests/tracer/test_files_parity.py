"""The same rules give the same findings, and the same forms, from the ledger's index and from a folder of files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from book_folder import write_events, write_movements
from enterprise import Plan, clean_book, plans
from hypothesis import given
from journey_index import JOURNEY, JourneyIndex, irregularities, journey, story
from test_load import load, refused

from ledger.vocabulary import Kind, Outcome
from tracer.book import BookData
from tracer.check import examine
from tracer.files import read_book
from tracer.rules import RULES, rule
from tracer.settlement import settle

FORMS = ("form15", "form15a", "form16", "exemption", "semi_finished", "wip", "scrap", "materials", "missing")
STOCK = ("issued-twice", "padded-norm", "never-left", "stock-short")
"""Irregularities of stock and papers: movements.csv has no place for a seal or a channel."""


KEYS = frozenset({"C7"})
"""Keys and devices are registered on a ledger only."""
BOXES = frozenset({"C8", "S4", "S5", "T5"})
"""Of a ledger's containers, with their seals, the rows that the test writes say nothing."""


def found(book: BookData, *without: str) -> list[str]:
    """Findings and what was not evaluable, without what names an event by the id of its source."""
    report = examine(book, [r for r in RULES if r.id not in KEYS | set(without)])
    rows = [{k: v for k, v in f.to_json().items() if k not in ("evidence", "first_seen")}
            for f in (*report.findings, *report.not_evaluable)]
    for row in rows:
        row["missing"].sort()
        if row["subject"]["type"] == "event":
            row["subject"]["id"] = ""
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def forms(book: BookData) -> dict[str, Any]:
    document = settle(book).to_json()
    return {form: document[form] for form in FORMS}


def from_ledger(*names: str) -> BookData:
    chosen = [f for f in irregularities() if f["name"] in names]
    index = journey(*names, outcomes={k: v for f in chosen for k, v in refused(f).items()})
    try:
        return load(index)
    finally:
        index.engine.dispose()


def agree(ledger: BookData, folder: Path, *without: str) -> BookData:
    read = read_book(folder)
    assert [str(f) for f in read.faults.found] == []
    assert found(read.book, *without) == found(ledger, *without)
    assert forms(read.book) == forms(ledger)
    return read.book


ALL = tuple(f["name"] for f in irregularities())


@pytest.mark.parametrize("names", [(), ALL], ids=["clean", "all-irregularities"])
def test_events__journey_in_a_file__what_the_ledger_refused_is_refused_and_findings_are_the_same(
        tmp_path: Path, names: tuple[str, ...]) -> None:
    ledger = from_ledger(*names)
    book = agree(ledger, write_events(tmp_path / "book", ledger, *names))
    assert [e.outcome for e in book.events if e.outcome.refused] == [e.outcome for e in ledger.events if e.outcome.refused]
    assert {lot.id: (lot.code, lot.origin, lot.source_line) for lot in book.lots} \
        == {lot.id: (lot.code, lot.origin, lot.source_line) for lot in ledger.lots}


FULL_BOX, BOOKING, IN_STORE = "TGHU5005002", "SCT25040899", "JKT-2503-E"


def _passed_through(folder: Path) -> list[tuple[str, Path]]:
    """Documents about a container that comes to the factory full, and into which finished goods are put."""
    place = {"id": "urn:cargoledger:place:VNBNH:thanh-lam-factory"}
    usual = {"eventTimeZoneOffset": "+07:00", "readPoint": place, "bizLocation": place, "cl:consignment": BOOKING}
    box = f"urn:epc:id:bic:{FULL_BOX}"
    said = [
        {**usual, "eventID": "https://thanh-lam-garment.example/full", "type": "ObjectEvent", "action": "OBSERVE",
         "eventTime": "2025-04-08T07:00:00+07:00", "bizStep": "arriving", "cl:kind": "ARRIVE", "epcList": [box],
         "cl:lines": [{"id": box, "role": "CONTAINER"}]},
        {**usual, "eventID": "https://thanh-lam-garment.example/stuffed", "type": "AggregationEvent", "action": "ADD",
         "eventTime": "2025-04-08T08:00:00+07:00", "bizStep": "packing", "cl:kind": "STUFF", "parentID": box,
         "childQuantityList": [{"epcClass": f"urn:cargoledger:lot:thanh-lam-garment:{IN_STORE}"}]},
    ]
    usual_document = json.loads(next(JOURNEY.glob("documents/0660-*")).read_text("utf-8"))
    result = []
    for event in said:
        path = folder / f"{event['cl:kind']}.json"
        path.write_text(json.dumps({**usual_document, "epcisBody": {"eventList": [event]}}), encoding="utf-8")
        result.append(("thanh-lam-garment", path))
    return result


def test_stuffing__of_a_full_container__refused_by_the_ledger_and_by_a_folder_is_the_same_o9(tmp_path: Path) -> None:
    posted = _passed_through(tmp_path)
    index = JourneyIndex()
    documents = [(poster, path) for _, poster, path in story()]
    at = next(i for i, (_, path) in enumerate(documents) if path.name.startswith("0660-"))
    index.post([*documents[:at], *posted, *documents[at:]], {"https://thanh-lam-garment.example/stuffed": Outcome.NOT_EMPTY})
    index.settle()
    ledger = load(index)
    index.engine.dispose()
    (finding,) = [f for f in examine(ledger, [rule("O9")]).findings if f.verdict == "found"]
    assert (finding.subject_type, finding.subject_id, finding.severity) == ("container", f"{BOOKING}/{FULL_BOX}", "high")
    assert (finding.expected, finding.observed, finding.difference, finding.uom) == ("0", "5500", "5500", "C62")
    assert [(e.kind, e.outcome) for e in finding.evidence] == [("ARRIVE", "RECORDED"), ("STUFF", "NOT_EMPTY")]
    folder = write_events(tmp_path / "book", ledger)
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        for poster, path in posted:
            file.write(json.dumps({"as": poster, "document": json.loads(path.read_text("utf-8"))}) + "\n")
    agree(ledger, folder)


@pytest.mark.parametrize("role", ["CONTAINER", "EMPTY_CONTAINER"])
def test_stuffing__of_a_container_in_a_folder__is_refused_only_if_it_came_in_full(tmp_path: Path, role: str) -> None:
    posted = _passed_through(tmp_path)
    folder = write_events(tmp_path / "book", from_ledger())
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        for poster, path in posted:
            text = path.read_text("utf-8").replace('"CONTAINER"', f'"{role}"')
            file.write(json.dumps({"as": poster, "document": json.loads(text)}) + "\n")
    book = read_book(folder).book
    assert [e.outcome for e in book.events if e.kind == Kind.STUFF] == [
        Outcome.NOT_EMPTY if role == "CONTAINER" else Outcome.RECORDED]
    assert [f.rule for f in examine(book, [rule("O9")]).findings] == (["O9"] if role == "CONTAINER" else [])


@pytest.mark.deep
@pytest.mark.parametrize("name", ALL)
def test_events__one_irregularity_in_a_file__findings_are_the_ledger_s(tmp_path: Path, name: str) -> None:
    ledger = from_ledger(name)
    agree(ledger, write_events(tmp_path / "book", ledger, name))


@pytest.mark.parametrize("name", ["", "short-handover", *STOCK])
def test_movements__the_ledger_s_stock_as_rows__findings_are_the_same(tmp_path: Path, name: str) -> None:
    ledger = from_ledger(*filter(None, [name]))
    agree(ledger, write_movements(tmp_path / "book", ledger), *BOXES)


@given(plans)
def test_movements__any_clean_enterprise_as_rows__is_clean_with_the_same_forms(
        tmp_path_factory: pytest.TempPathFactory, plan: Plan) -> None:
    book = clean_book(plan)
    agree(book, write_movements(tmp_path_factory.mktemp("books") / "book", book), *BOXES)


@pytest.mark.parametrize(("spoil", "pointer", "words"), [
    (lambda e: e.update({"cl:kind": "RECIEVE"}), "/cl:kind", ""),
    (lambda e: e["quantityList"][0].update(quantity=-5), "/quantityList/0/quantity", ""),
    (lambda e: e.pop("eventTime"), "", "eventTime"),
], ids=["kind", "quantity", "time"])
def test_events__malformed_line__is_named_and_the_rest_evaluated(
        tmp_path: Path, spoil: Callable[[dict[str, Any]], object], pointer: str, words: str) -> None:
    ledger = from_ledger()
    folder = write_events(tmp_path / "book", ledger)
    lines = (folder / "events.jsonl").read_text("utf-8").splitlines()[:6]
    at = next(i for i, line in enumerate(lines) if "RECEIVE_DOMESTIC" in line)
    document = json.loads(lines[at])
    spoil(document["document"]["epcisBody"]["eventList"][0])
    lines[at] = json.dumps(document)
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n{]\n", encoding="utf-8")
    read = read_book(folder)
    assert [(f.file, f.row) for f in read.faults.found] == [("events.jsonl", at + 1), ("events.jsonl", len(lines) + 1)]
    assert words in read.faults.found[0].message and pointer in read.faults.found[0].column
    assert read.book.norms
