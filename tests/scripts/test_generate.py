"""`scripts/generate`: books of invented enterprises are clean whatever the trade and the seed, the same for the same seed, and not clean by being empty."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tracer.files import read_book
from tracer.files.document import document_of

ROOT = Path(__file__).resolve().parents[2]
TRADES = ("garments", "electronics", "seafood", "furniture")
EVALUATED = {"B1", "B2", "B3", "B5", "B6", "N1", "N5", "N6", "X1", "X2", "X4", "O1", "O2", "C1", "C2", "C5", "T1", "T4",
             "L1", "L2", "L6", "U1", "U3", "D5"}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    from book_maker import enterprise

    return enterprise


def wrong(document: dict[str, Any]) -> list[Any]:
    """Anything that a clean book should not be told; opening stock has no duty by which it could be ranked."""
    ranked = document["allocation"] == "LOW_TO_HIGH"
    missing = [m for m in document["missing"] if not (ranked and m.startswith("duty on opening stock of "))]
    return [*document["findings"], *document["faults"], *document["refused"], *document["notes"], *missing]


@pytest.mark.parametrize("trade", TRADES)
def test_books_are_clean(made: Any, tmp_path: Path, trade: str) -> None:
    for seed in range(3):
        made.write_book(tmp_path / str(seed), trade, seed, 400)
        document = document_of(read_book(tmp_path / str(seed)))
        assert wrong(document) == [], seed


@pytest.mark.deep
@pytest.mark.parametrize("trade", TRADES)
def test_two_hundred_books_are_clean(made: Any, tmp_path: Path, trade: str) -> None:
    for seed in range(1000, 1050):
        made.write_book(tmp_path / str(seed), trade, seed, 300)
        document = document_of(read_book(tmp_path / str(seed)))
        assert wrong(document) == [], seed


def test_the_rules_had_something_to_look_at(made: Any, tmp_path: Path) -> None:
    tested: dict[str, int] = {}
    for trade in TRADES:
        made.write_book(tmp_path / trade, trade, 7, 900)
        document = document_of(read_book(tmp_path / trade))
        for rule in document["rules"]:
            tested[rule["rule"]] = tested.get(rule["rule"], 0) + rule["tested"]
        for form in ("form15", "form15a", "form16", "exemption", "attributions"):
            assert document[form], form
    assert {rule for rule in EVALUATED if not tested[rule]} == set()


def test_what_the_trades_are_known_for(made: Any, tmp_path: Path) -> None:
    kinds = {}
    for trade in TRADES:
        made.write_book(tmp_path / trade, trade, 3, 900)
        book = read_book(tmp_path / trade).book
        kinds[trade] = {e.kind.name for e in book.events} | {leg.role.name for e in book.events for leg in e.legs}
    assert {"CO_PRODUCT", "RETURN_PROD", "SELL_INLAND", "SCRAP"} <= kinds["garments"]
    assert {"SEMI_FINISHED", "REEXPORT"} <= kinds["electronics"]
    assert {"MERGE", "SPLIT", "SCRAP"} <= kinds["seafood"]
    assert {"SEMI_FINISHED", "OFFER", "ACCEPT"} <= kinds["furniture"]


def test_the_same_seed_gives_the_same_bytes(made: Any, tmp_path: Path) -> None:
    def files(name: str, seed: int) -> dict[str, bytes]:
        made.write_book(tmp_path / name, "seafood", seed, 300)
        return {f.name: f.read_bytes() for f in (tmp_path / name).iterdir()}

    assert files("a", 5) == files("b", 5)
    assert files("c", 6)["movements.csv"] != files("d", 5)["movements.csv"]


def test_the_command(made: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import generate_book

    assert generate_book.main([str(tmp_path / "x"), "--events", "100", "--json", "--archetype", "furniture"]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = (tmp_path / "x" / "movements.csv").read_text("utf-8").count("\n") - 1
    assert told["movements"] == rows >= 100
    assert told["lots"] > 10
    with pytest.raises(SystemExit, match="not empty"):
        generate_book.main([str(tmp_path / "x")])


def laid(folder: Path, trade: str, seed: int) -> set[str]:
    """Every fault that a book has a place for; fails where one is not found as it must be, or something unrelated is."""
    from book_maker import faults

    found = faults.trial(folder, trade, seed)
    for fault, right, others in found:
        assert right, (trade, seed, fault.name)
        assert others <= fault.companions, (trade, seed, fault.name)
    return {fault.name for fault, _, _ in found}


def test_each_fault_is_found_with_its_quantity_and_nothing_unrelated_is(made: Any, tmp_path: Path) -> None:
    from book_maker import faults

    assert laid(tmp_path / "book", "seafood", 1) == set(faults.NAMES)


@pytest.mark.parametrize("trade", TRADES)
def test_every_trade_has_a_place_for_every_fault_and_every_rule_a_fault_of_its_own(made: Any, tmp_path: Path, trade: str) -> None:
    from book_maker import faults, looking

    from tracer.rules import RULES

    made.write_book(tmp_path / "book", trade, 2, 900)
    clean = document_of(read_book(tmp_path / "book"))
    built = faults.faults_of(looking.Look(faults.read_files(tmp_path / "book"), clean))
    assert [fault.name for fault in built] == list(faults.NAMES)
    assert {fault.rule for fault in built} == {rule.id for rule in RULES}


def trial_of(folder: Path, monkeypatch: pytest.MonkeyPatch, *built: Any) -> list[bool]:
    """Whether these faults are found as they must be, in a small book."""
    from book_maker import faults

    monkeypatch.setattr(faults, "BUILDERS", tuple(lambda _, fault=fault: fault for fault in built))
    monkeypatch.setattr(faults, "EVENTS", 60)
    return [right for _, right, _ in faults.trial(folder, "electronics", 1)]


def test_a_fault_counts_only_in_a_book_that_is_clean_without_it_and_can_be_read(
        made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from book_maker.run_injectors import odd_scrap
    from book_maker.workshop import ALIKE, Workshop

    from tracer.files.example_faults import add, together

    fault = odd_scrap(None)
    ghost = add("norms", product="GHOST", material="GRA-9", norm="1", product_uom="KGM", material_uom="KGM",
                valid_from="2026-01-01")
    unclean = replace(fault, around=together(Workshop([ALIKE] * 5), ghost))
    unread = replace(fault, change=together(fault.change, add("movements", id="BAD", at="yesterday", kind="COUNT")))
    twice = replace(fault, subject="PRESS-2")
    other = replace(fault, difference="3")
    assert trial_of(tmp_path / "book", monkeypatch, fault, unclean, unread, twice, other) == [True, False, False, False, False]


def test_a_workshop_loses_nothing(made: Any) -> None:
    from book_maker.workshop import run

    with pytest.raises(ValueError, match="does not add up"):
        run("100", made="81")


def test_a_book_that_is_read_and_written_again_is_the_same(made: Any, tmp_path: Path) -> None:
    from book_maker import faults

    folder = tmp_path / "book"
    made.write_book(folder, "furniture", 4, 100)
    before = {f.name: f.read_bytes() for f in folder.iterdir()}
    faults.spoil(folder, faults.read_files(folder))
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == before


def test_a_fault_that_is_not_there_is_not_found(made: Any, tmp_path: Path) -> None:
    from book_maker import faults, looking

    made.write_book(tmp_path / "book", "furniture", 1, 900)
    clean = document_of(read_book(tmp_path / "book"))
    for fault in faults.faults_of(looking.Look(faults.read_files(tmp_path / "book"), clean)):
        assert faults.judged(fault, clean, clean) == (False, set()), fault.name


def test_the_command_lays_in_a_fault(made: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import generate_book

    assert generate_book.main([str(tmp_path / "x"), "--events", "600", "--with", "never-left", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["fault"]
    finding = next(f for f in document_of(read_book(tmp_path / "x"))["findings"] if f["rule"] == told["rule"])
    assert (finding["subject"]["id"], finding["difference"]) == (told["subject"], told["difference"])
    with pytest.raises(SystemExit, match="no place for seal-twice"):  # of one container
        generate_book.main([str(tmp_path / "y"), "--events", "50", "--with", "seal-twice"])


def test_the_page_of_faults_names_them_all(made: Any) -> None:
    from book_maker import faults

    page = faults.PAGE.read_text("utf-8")
    rows = [line.split("|")[1:-1] for line in page[page.index("| Fault |"):].splitlines()[2:]]
    assert [row[0].strip(" `") for row in rows] == list(faults.NAMES)
    for row in rows:
        found, of = row[4].split(" of ")
        assert int(found) == int(of) == len(TRADES), row[0]


@pytest.mark.deep
def test_the_page_of_faults_is_what_checks_say(made: Any) -> None:
    from book_maker import faults

    assert faults.PAGE.read_text("utf-8").endswith(faults.table())
