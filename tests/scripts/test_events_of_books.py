"""The movements of an invented book as events.jsonl: the same findings and forms, whatever is wrong with the book."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracer.files import read_book
from tracer.files.document import document_of

ROOT = Path(__file__).resolve().parents[2]
TRADES = ("garments", "electronics", "seafood", "furniture")
OWN = {"files", "notes", "rules", "rule_pack"}
"""What is of the files, not of the book: their names, remarks on their rows, how many places rows name."""
SOME = frozenset({"short-stock", "double-use", "padded-norm", "phantom-export", "lot-under-hold", "issued-before-receipt",
                  "loss-left-out", "told-late", "no-answer", "told-twice"})
PLACES = {"shed"}
"""Faults of where a lot was issued, which no event says."""


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    from book_maker import enterprise, epcis, faults

    return {"write": enterprise.write_book, "epcis": epcis, "faults": faults}


def said(folder: Path) -> dict[str, Any]:
    """What a check says, with events under the names that the rows have."""
    document = document_of(read_book(folder))
    text = json.dumps({k: v for k, v in document.items() if k not in OWN})
    text = text.replace(f"https://{document['enterprise']}.example/events/", "")
    result = dict(json.loads(re.sub(r', "epcis_id": "[^"]*"', "", text)))
    for figure in result["evidence"]:
        figure["events"].sort()  # in order of time, which a day has not
    return result


@pytest.mark.parametrize("trade", TRADES)
def test_clean_book__as_events__says_the_same(maker: Any, tmp_path: Path, trade: str) -> None:
    maker["write"](tmp_path / "rows", trade, 2, 500)
    events = maker["epcis"].as_events(tmp_path / "rows", tmp_path / "events")
    assert events == (tmp_path / "events" / "events.jsonl").read_text("utf-8").count("\n") > 100
    assert not (tmp_path / "events" / "movements.csv").exists()
    rows, told = said(tmp_path / "rows"), said(tmp_path / "events")
    assert told == rows and told["attributions"] and not told["faults"]


@pytest.mark.parametrize("names", [SOME, pytest.param(frozenset(), marks=pytest.mark.deep)], ids=["some", "all"])
def test_faulty_books__as_events__say_the_same(maker: Any, tmp_path: Path, names: frozenset[str]) -> None:
    faults, epcis = maker["faults"], maker["epcis"]
    clean = tmp_path / "clean"
    maker["write"](clean, "furniture", 1, 900)
    files = faults.read_files(clean)
    compared: list[str] = []
    for fault in faults.faults_of(faults.Look(files, document_of(read_book(clean)))):
        if names and fault.name not in names:
            continue
        spoilt = {name: [dict(row) for row in rows] for name, rows in files.items()}
        for change in filter(None, (faults.around_of(fault), fault.change)):
            change(spoilt)
        minutes = epcis.Minutes()
        spoilt["movements"] = [minutes(row) for row in spoilt["movements"]]  # a day is no moment
        folder, other = tmp_path / "rows", tmp_path / "events"
        shutil.copytree(clean, folder)
        faults.spoil(folder, spoilt)
        try:
            epcis.as_events(folder, other)
        except ValueError as words:
            assert "no event says" in str(words) or "stand together" in str(words) or "adjusts" in str(words)
        else:
            if fault.name not in PLACES:
                assert said(other) == said(folder), fault.name
                compared.append(fault.name)
        shutil.rmtree(folder)
        shutil.rmtree(other, ignore_errors=True)
    assert set(compared) >= SOME
    assert names or len(compared) > 40


def changed(folder: Path, kind: str, change: Callable[[dict[str, Any]], object]) -> int:
    """Spoil the first event of a kind; the row where it stands."""
    path = folder / "events.jsonl"
    lines = path.read_text("utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if f'"cl:kind": "{kind}"' in line)
    envelope = json.loads(lines[at])
    change(envelope["event"])
    lines[at] = json.dumps(envelope)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return at + 1


@pytest.mark.parametrize(("kind", "change", "pointer", "words"), [
    ("ISSUE_PROD", lambda e: e.update({"cl:kind": "ISUE"}), "/cl:kind", "is not a kind of event"),
    ("ISSUE_PROD", lambda e: e["quantityList"][0].pop("uom"), "/quantityList/0/uom", "is missing"),
    ("ISSUE_PROD", lambda e: e.update({"cl:colour": "red"}), "/cl:colour", "not a term of the customs profile"),
    ("ISSUE_PROD", lambda e: e.update(eventTime="yesterday"), "/eventTime", "is not a time"),
    ("OFFER", lambda e: e.update(sourceList=[1]), "/sourceList/0", "must be an object"),
    ("OFFER", lambda e: e.update({"cl:kind": ["OFFER"]}), "/cl:kind", "is not a kind of event"),
    ("TRANSFORM", lambda e: e.pop("cl:book"), "/cl:book", "needs cl:book"),
], ids=["kind", "unit", "term", "time", "party", "kind-list", "book"])
def test_malformed_event__of_a_line__named_with_place_and_remedy(
        maker: Any, tmp_path: Path, kind: str, change: Callable[[dict[str, Any]], object], pointer: str, words: str) -> None:
    maker["write"](tmp_path / "rows", "furniture", 1, 150)
    maker["epcis"].as_events(tmp_path / "rows", tmp_path / "events")
    row = changed(tmp_path / "events", kind, change)
    found = read_book(tmp_path / "events").faults.found
    assert (found[0].file, found[0].row, found[0].column) == ("events.jsonl", row, pointer)
    assert words in found[0].message


def test_one_party__named_by_short_id_and_by_uri__is_one(maker: Any, tmp_path: Path) -> None:
    maker["write"](tmp_path / "rows", "furniture", 1, 150)
    maker["epcis"].as_events(tmp_path / "rows", tmp_path / "events")
    text = (tmp_path / "events" / "events.jsonl").read_text("utf-8")
    assert '{"as": "furniture-1"' in text and '"source": "https://furniture-1.example"' in text
    book = read_book(tmp_path / "events").book
    assert {e.counterparty for e in book.events if e.kind.name == "OFFER"} == {"furniture-1", "lacquer-works"}


def test_a_row_that_no_event_says__is_refused_by_the_writer(maker: Any, tmp_path: Path) -> None:
    maker["write"](tmp_path / "rows", "garments", 1, 100)
    with (tmp_path / "rows" / "movements.csv").open(encoding="utf-8", newline="") as file:
        head, first, *_ = csv.reader(file)
    first[head.index("gross_kg")] = "9"
    (tmp_path / "rows" / "movements.csv").write_text(",".join(head) + "\n" + ",".join(first) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="gross_kg"):
        maker["epcis"].as_events(tmp_path / "rows", tmp_path / "events")
