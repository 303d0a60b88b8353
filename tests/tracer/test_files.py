"""A book folder: the example is clean, each fault is found, and what cannot be read is named and costs nothing else."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import random
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError, NotFoundError
from ledger.vocabulary import Kind, Outcome
from tracer.book import BookData
from tracer.files import read_book
from tracer.files.cells import Style, parser_of
from tracer.files.document import document_of
from tracer.files.example import Files, clean, csv_text, write_example
from tracer.files.example_faults import FAULTS, ExampleFault, fault
from tracer.files.tables import MOVEMENTS
from tracer.finding import schema
from tracer.replay import attempted, replay
from tracer.rules import RULES

UNKNOWN = {"N3", "N4", "O7", "X7", "L4", "L9", "D2", "D4", "C7", "C8", "O6", "T5"}
"""Not evaluable in the example: it has one year of norms and declarations, and no peers."""


def folder(tmp_path: Path, change: Callable[[Files], None] | None = None) -> Path:
    write_example(tmp_path / "book", change)
    return tmp_path / "book"


def said(path: Path) -> dict[str, object]:
    return document_of(read_book(path))


def replaced(path: Path, name: str, old: str, new: str, count: int = 1) -> Path:
    file = path / name
    text = file.read_text("utf-8")
    assert text.count(old) >= count
    file.write_text(text.replace(old, new, count), encoding="utf-8")
    return path


def added(path: Path, table: str, **cells: str) -> Path:
    with (path / f"{table}.csv").open("a", encoding="utf-8") as file:
        file.write(csv_text(table, [cells]).split("\n", 1)[1])
    return path


def row_of(form: object, **cells: str) -> dict[str, str]:
    assert isinstance(form, list)
    (row,) = [r for r in form if all(r[k] == v for k, v in cells.items())]
    return dict(row)


def test_example__as_it_is__no_finding_no_fault_and_forms_that_close(tmp_path: Path) -> None:
    document = said(folder(tmp_path))
    unknown = document["not_evaluable"]
    assert isinstance(unknown, list) and {f["rule"] for f in unknown} == UNKNOWN
    for nothing in ("findings", "faults", "notes", "refused", "missing", "incomplete"):
        assert document[nothing] == [], nothing
    fabric = row_of(document["form15"], code="FAB-PES")
    assert [fabric[c] for c in ("opening", "received", "re_exported", "repurposed", "issued", "other_issue", "closing")] \
        == ["400", "5100", "0", "0", "3050", "0", "2450"]
    jacket = row_of(document["form15a"], code="JKT-01")
    assert [jacket[c] for c in ("opening", "received", "repurposed", "exported", "other_issue", "closing")] \
        == ["100", "1800", "60", "1700", "0", "140"]
    norm = row_of(document["form16"], product="JKT-01", material="FAB-PES")
    assert (norm["norm"], norm["norm_ledger"], norm["material_uom"]) == ("1.6", "1.6", "MTR")  # 2.4 m2 declared
    json.dumps(document)


def test_example__attributions__add_up_to_what_exports_used(tmp_path: Path) -> None:
    document = said(folder(tmp_path))
    attributions, exemption = document["attributions"], document["exemption"]
    assert isinstance(attributions, list) and isinstance(exemption, list)
    for material, used in (("FAB-PES", "2750"), ("LIN-PES", "2040"), ("ZIP-NY", "1700")):
        assert sum(Decimal(a["quantity"]) for a in attributions if a["material"] == material) == Decimal(used)
        assert sum(Decimal(r["quantity"]) for r in exemption if r["material"] == material) == Decimal(used)
    assert {a["export_line"] for a in attributions} == {"305000000001/1", "305000000001/2", "305000000002/1"}


@pytest.mark.parametrize("one", FAULTS, ids=lambda f: f.name)
def test_example__one_fault__its_rule_fires_with_the_right_quantity_and_nothing_unrelated(
        one: ExampleFault, tmp_path: Path) -> None:
    document = said(folder(tmp_path, one.change))
    findings, unknown = document["findings"], document["not_evaluable"]
    assert isinstance(findings, list) and isinstance(unknown, list) and document["faults"] == []
    pool = findings if one.verdict == "found" else unknown
    own = [f for f in pool if f["rule"] == one.rule and f["subject"]["id"] == one.subject]
    assert [f["difference"] for f in own] == [one.difference or None]
    companions = one.companions & {r.id for r in RULES}
    assert {f["rule"] for f in findings} == ({one.rule} if one.verdict == "found" else set()) | companions
    if one.verdict == "found":
        assert {f["rule"] for f in unknown} | {"T5"} == UNKNOWN  # no passage where the gate was closed
    assert set(findings[0]) == set(schema()["properties"]) if findings else True


@pytest.mark.parametrize("name", ["", *(f.name for f in FAULTS)])
def test_reading__what_the_events_did__is_what_a_replay_of_the_book_finds(name: str, tmp_path: Path) -> None:
    write_example(tmp_path / "book", fault(name).change if name else None)
    read = read_book(tmp_path / "book")
    if any(attempted(e) for e in read.book.events):
        assert read.effects is None, "a replay also says what was left when a draw was refused"
    else:
        assert read.effects is not None and read.effects.deltas and read.effects == replay(read.book)


def test_fault__unknown_name__names_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="padded-norm"):
        fault("no-such")


@pytest.mark.parametrize("last", ["01-31", "02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31", "09-30", "10-31",
                                  "11-30"])
def test_example__looked_at_before_the_year_is_over__accuses_nobody_of_what_may_still_come(tmp_path: Path, last: str) -> None:
    path = replaced(folder(tmp_path), "book.toml", "zone =", f'as_of = "2026-{last}"\nzone =')
    document = said(path)
    assert document["findings"] == []
    made = last >= "03-31"
    unknown = document["not_evaluable"]
    assert isinstance(unknown, list)
    assert [f["missing"] for f in unknown if f["rule"] == "X3"] == ([["the end of the period"]] * 2 if made else [])


def _in_kilometres(files: Files) -> None:
    for table in ("movements", "counts", "opening", "previous"):
        for row in files[table]:
            if row.get("uom") == "MTR" and row["quantity"]:
                row["uom"], row["quantity"] = "KMT", str(Decimal(row["quantity"]) / 1000)


def test_fault__rows_changed_after_it__are_those_of_that_book_alone() -> None:
    for one in FAULTS:
        first, second = clean(), clean()
        one.change(first)
        for row in (row for rows in first.values() for row in rows):
            row["uom"] = "???"
        one.change(second)
        assert not [row for rows in second.values() for row in rows if row.get("uom") == "???"], one.name


@pytest.mark.parametrize("name", ["", *(f.name for f in FAULTS)])
def test_book__stock_and_movements_in_kilometres__same_findings_and_forms(name: str, tmp_path: Path) -> None:
    def laid(in_km: bool) -> Callable[[Files], None]:
        def change(files: Files) -> None:
            if name:
                fault(name).change(files)
            if in_km:
                _in_kilometres(files)
            files["conversions"].append({**dict.fromkeys(files["conversions"][0], ""), "from_uom": "KMT", "to_uom": "MTR",
                                         "factor": "1000"})
        return change

    write_example(tmp_path / "m", laid(in_km=False))
    write_example(tmp_path / "km", laid(in_km=True))
    assert ",KMT," in (tmp_path / "km" / "movements.csv").read_text("utf-8")
    assert said(tmp_path / "km") == said(tmp_path / "m")


def test_book__rows_in_any_order__same_findings_and_forms(tmp_path: Path) -> None:
    path = folder(tmp_path, fault("phantom-export").change)
    before = said(path)
    for file in path.glob("*.csv"):
        head, *rows = file.read_text("utf-8").splitlines()
        random.Random(7).shuffle(rows)
        file.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    after = said(path)
    for key in ("form15", "form15a", "form16", "exemption", "attributions"):
        assert after[key] == before[key], key
    assert without_evidence(after) == without_evidence(before)


def without_evidence(document: dict[str, object]) -> list[dict[str, object]]:
    findings = document["findings"]
    assert isinstance(findings, list)
    return [{k: v for k, v in f.items() if k != "evidence"} for f in findings]


@pytest.mark.parametrize("encode", [
    lambda text: text.encode("utf-8-sig"),
    lambda text: text.encode("utf-16"),
    lambda text: text.replace("\n", "\r\n").encode(),
    lambda text: semicolons(text).encode(),
], ids=["bom", "utf-16", "crlf", "semicolon-and-comma"])
def test_csv__saved_by_another_program__reads_the_same(tmp_path: Path, encode: Callable[[str], bytes]) -> None:
    path = folder(tmp_path)
    before = said(path)
    for file in path.glob("*.csv"):
        file.write_bytes(encode(file.read_text("utf-8")))
    assert said(path) == before


def semicolons(text: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    for row in csv.reader(io.StringIO(text)):
        writer.writerow([c.replace(".", ",") if c.replace(".", "", 1).isdigit() else c for c in row])
    return out.getvalue()


@pytest.mark.parametrize("one_workbook", [True, False])
def test_xlsx__numbers_and_dates_as_a_spreadsheet_keeps_them__reads_the_same(
        tmp_path: Path, *, one_workbook: bool) -> None:
    from datetime import datetime

    path = folder(tmp_path)
    before = said(path)
    whole = openpyxl.Workbook()
    whole.remove(whole.active)
    for file in sorted(path.glob("*.csv")):
        book = whole if one_workbook else openpyxl.Workbook()
        sheet = book.create_sheet(file.stem, 0)
        for row in csv.reader(io.StringIO(file.read_text("utf-8"))):
            sheet.append([typed(cell, datetime) for cell in row])
        file.unlink()
        if not one_workbook:
            book.save(path / f"{file.stem}.xlsx")
    if one_workbook:
        whole.save(path / "book.xlsx")
    after = said(path)
    if one_workbook:
        assert "book.xlsx, sheet movements" in after["files"]  # type: ignore[operator]
    for key in set(before) - {"files", "rules", "evidence"}:
        assert after[key] == before[key], key
    assert [without_file(row) for row in after["evidence"]] == [without_file(row) for row in before["evidence"]]  # type: ignore[attr-defined]


def without_file(figure: dict[str, object]) -> dict[str, object]:
    """A figure whose events are rows of a table, by the row alone."""
    events = [str(event).rpartition(":")[2] for event in figure["events"]]  # type: ignore[attr-defined]
    return {**figure, "events": events}


def typed(cell: str, moment: type) -> object:
    if cell.replace(".", "", 1).isdigit():
        return float(cell) if "." in cell else int(cell)
    if len(cell) in (10, 16) and cell[4:5] == "-" and cell[7:8] == "-":
        return moment.fromisoformat(cell)  # type: ignore[attr-defined]
    return cell or None


def test_xlsx__a_sum_that_binary_fractions_cannot_hold__is_what_the_cell_shows(tmp_path: Path) -> None:
    path = folder(tmp_path)
    book = openpyxl.Workbook()
    rows = list(csv.reader(io.StringIO((path / "counts.csv").read_text("utf-8"))))
    for row in rows:
        book.active.append([0.1 + 0.2 if c == "12.7" else c for c in row])
    book.save(path / "counts.xlsx")
    (path / "counts.csv").unlink()
    book_of = read_book(path).book
    assert [c.quantity_micro for c in book_of.counts if c.code == "THR-40"] == [300_000]


@pytest.mark.parametrize(("table", "old", "new", "row", "column", "words"), [
    ("norms", "2.4,C62", "2,4 m,C62", 2, "", "cells"),
    ("norms", "2.4,C62", "2.4x,C62", 2, "norm", "not a number"),
    ("norms", "MTK", "QM2", 2, "material_uom", "unit of measure"),
    ("counts", "2026-12-31,material,LIN-PES,LIN-01", "31/12/2026,material,LIN-PES,LIN-01", 4, "at", "date"),
    ("counts", "240", "-240", 4, "quantity", "below zero"),
    ("counts", "240", "240.0000001", 4, "quantity", "six decimals"),
    ("counts", ",material,LIN-PES,LIN-01", ",stuff,LIN-PES,LIN-01", 4, "stock", "none of the words"),
    ("declarations", "2400,MTR", ",MTR", 3, "quantity", "empty"),
    ("counts", "2026-12-31,material,LIN-PES,LIN-01", "46387,material,LIN-PES,LIN-01", 4, "at", "date"),
    ("counts", "2026-12-31,material,LIN-PES,LIN-01", "0026-12-31,material,LIN-PES,LIN-01", 4, "at", "date"),
    ("counts", ",material,LIN-PES,LIN-01", ",material,#N/A,LIN-01", 4, "code", "error of a formula"),
    ("norms", "MTK,,2026-01-01,,", "MTK,,2026-01-01,2025-12-31,", 2, "valid_to", "before valid_from"),
    ("declarations", "112500000,VND", "-5,VND", 2, "value", "below zero"),
    ("declarations", "112500000,VND,12", "112500000,VND,-12", 2, "duty_rate", "below zero"),
    ("declarations", "112500000,VND", "112500000,Dong", 2, "currency", "no currency"),
    ("codes", "CHI-40,THR-40,\n", "CHI-40,THR-40,\nCHI-40,THR-41,\n", 3, "internal", "in a row before"),
    ("movements", "R-4,2026-02-10,RECEIVE_DOMESTIC", "R-4,2026-02-10,RECIEVE", 8, "kind", "none of the words"),
    ("movements", ",3000,MTR,106000000001,1,", ",3000,MTR,,,", 5, "declaration", "names no declaration line"),
    ("movements", ",3000,MTR,106000000001,1,", ",3000,MTR,106000000001,,", 5, "line", "empty"),
    ("movements", ",400,MTR", ",0,MTR", 9, "quantity", "zero"),
    ("movements", ",400,MTR", ",-400,MTR", 9, "quantity", "below zero"),
    ("movements", ",400,MTR", ",400,YRD", 9, "uom", "no factor from YRD"),
    ("movements", "TRANSFORM,RUN-1,in,,FAB-PES,FAB-OLD", "TRANSFORM,,in,,FAB-PES,FAB-OLD", 15, "op", "no op"),
])
def test_row__malformed__is_named_with_file_row_column_and_remedy_and_the_rest_evaluated(
        tmp_path: Path, table: str, old: str, new: str, row: int, column: str, words: str) -> None:
    path = replaced(folder(tmp_path), f"{table}.csv", old, new)
    document = said(path)
    faults = document["faults"]
    assert isinstance(faults, list)
    (found,) = faults
    assert (found["file"], found["row"], found["column"]) == (f"{table}.csv", row, column)
    assert words in found["message"] and found["remedy"]
    assert row_of(document["form15"], code="ZIP-NY")["closing"] == "200"
    assert column == "" or document["incomplete"], "whose figures the lost row touches is said"


def test_declarations__the_same_line_twice__the_first_counts(tmp_path: Path) -> None:
    path = folder(tmp_path)
    text = (path / "declarations.csv").read_text("utf-8").splitlines()
    (path / "declarations.csv").write_text("\n".join([*text, text[1].replace("3000", "9000")]) + "\n", encoding="utf-8")
    document = said(path)
    (found,) = document["faults"]  # type: ignore[misc]
    assert found["row"] == len(text) + 1 and "row 2" in found["message"]
    assert document["findings"] == []


def test_unknown__columns_files_and_keys__are_named_and_ignored(tmp_path: Path) -> None:
    path = replaced(folder(tmp_path), "norms.csv", "loss_rate\n", "loss_rate,colour\n")
    (path / "Movements_old.csv").write_text("x\n", encoding="utf-8")
    replaced(path, "book.toml", 'regime = "SXXK"', 'regime = "SXXK"\nregim = "x"')
    document = said(path)
    assert document["findings"] == [] and document["faults"] == []
    assert {(n["file"], n["column"]) for n in document["notes"]} == {  # type: ignore[attr-defined]
        ("norms.csv", "colour"), ("Movements_old.csv", ""), ("book.toml", "regim")}


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda p: (p / "book.toml").unlink(), "has no book.toml"),
    (lambda p: (p / "movements.csv").unlink(), "neither movements.csv"),
    (lambda p: (p / "movements.csv").write_text("", encoding="utf-8"), "is empty"),
    (lambda p: (p / "norms.csv").write_bytes(b"product,material\xff\n"), "not text in UTF-8"),
    (lambda p: (p / "norms.csv").write_bytes(b"PK\x03\x04"), "is a workbook"),
    (lambda p: (p / "norms.xlsx").write_bytes(b"no"), "there are norms.csv and norms.xlsx"),
    (lambda p: replaced(p, "norms.csv", "norm,product_uom", "nrm,product_uom"), "no column norm"),
    (lambda p: replaced(p, "norms.csv", "flag,", "norm,"), "column norm twice"),
    (lambda p: replaced(p, "norms.csv", "KGM,X", '"KGM,X'), "cannot be read after row"),
    (lambda p: replaced(p, "book.toml", "enterprise = ", "enterprise "), "is not TOML"),
    (lambda p: replaced(p, "book.toml", "enterprise = ", "owner = "), "whose book"),
    (lambda p: replaced(p, "book.toml", 'to = "2026-12-31"', 'to = "2025-12-31"'), "ends before it begins"),
    (lambda p: replaced(p, "book.toml", 'from = "2026-01-01"', 'from = "1 January"'), "period.from"),
    (lambda p: replaced(p, "book.toml", 'from = "2026-01-01"', 'from = "0001-01-01"'), "year 1 is before 1900"),
    (lambda p: replaced(p, "book.toml", "zone = ", 'as_of = "2025-12-31"\nzone = '), "as_of is before"),
    (lambda p: replaced(p, "book.toml", '"dmg-sxxk"', '"a\\u001b[2J"'), "id is not a name"),
    (lambda p: replaced(p, "counts.csv", "at,stock", "Stock at the end\nat,stock"), "has no column at"),
    (lambda p: replaced(p, "book.toml", "SPECIFIC", "BEST"), "no allocation policy"),
    (lambda p: replaced(p, "book.toml", "+07:00", "Asia/Hanoi"), "time offset"),
    (lambda p: replaced(p, "book.toml", '"0.001"', '"much"'), "tolerance.rel"),
])
def test_book__that_cannot_be_used__says_why_and_what_to_do(
        tmp_path: Path, spoil: Callable[[Path], object], words: str) -> None:
    path = folder(tmp_path)
    spoil(path)
    with pytest.raises(InputError, match=words) as caught:
        read_book(path)
    assert caught.value.remedy


def test_folder__not_there__is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_book(tmp_path / "none")


def refusals(book: BookData) -> list[tuple[str, Outcome]]:
    return [(e.id, e.outcome) for e in book.events if e.outcome.refused]


def test_draw__lot_that_never_came__is_refused_as_unknown_and_found(tmp_path: Path) -> None:
    path = added(folder(tmp_path), "movements", id="X", at="2026-05-01", kind="ISSUE_PROD", code="LIN-PES", lot="LIN-99",
                 quantity="10")
    assert refusals(read_book(path).book) == [("X", Outcome.UNKNOWN_UNIT)]
    findings = said(path)["findings"]
    assert isinstance(findings, list)
    assert [(f["rule"], f["subject"]["id"], f["difference"], f["evidence"][0]["outcome"]) for f in findings] \
        == [("L1", "dmg-garment/LIN-99", "10", "UNKNOWN_UNIT")]


def test_draw__within_the_tolerance_of_the_book__is_not_refused(tmp_path: Path) -> None:
    path = replaced(folder(tmp_path), "movements.csv", "T-16,2026-08-20", "T-16,2026-08-20")
    replaced(path, "movements.csv", "FAB-01,,1310,MTR", "FAB-01,,1310.2,MTR")
    book = read_book(path).book
    assert refusals(book) == []
    assert said(path)["findings"] == []


def test_draw__under_a_hold_of_the_lot__is_refused_until_it_is_lifted(tmp_path: Path) -> None:
    path = added(folder(tmp_path), "movements", id="H", at="2026-03-01", kind="HOLD", lot="FAB-OLD", code="FAB-PES")
    assert refusals(read_book(path).book)[0] == ("I-1", Outcome.HELD)
    added(path, "movements", id="U", at="2026-03-02", kind="UNHOLD", lot="FAB-OLD", code="FAB-PES")
    assert refusals(read_book(path).book) == []


def test_sale__of_imported_material_or_products__needs_a_line_and_domestic_does_not(tmp_path: Path) -> None:
    path = added(folder(tmp_path), "movements", id="A", at="2026-12-01", kind="SELL_INLAND", code="LIN-PES", lot="LIN-02",
                 quantity="1")
    added(path, "movements", id="B", at="2026-12-01", kind="SELL_INLAND", code="CHI-40", lot="THR-01", quantity="1")
    added(path, "movements", id="C", at="2026-12-01", kind="SELL_INLAND", code="JKT-01", lot="JKT-02", quantity="1",
          declaration="305000000002", line="1")
    assert refusals(read_book(path).book) == [("A", Outcome.UNKNOWN_REFERENCE), ("C", Outcome.WRONG_PURPOSE)]


def test_dates_without_time__issue_receipt_and_export_on_one_day__count_in_the_enterprise_s_favour(
        tmp_path: Path) -> None:
    def one_day(files: Files) -> None:
        for row in files["movements"]:
            if row["at"] in ("2026-02-06", "2026-03-02", "2026-03-20", "2026-02-10"):
                row["at"] = "2026-03-20"
        for row in files["movements"]:
            if row["id"] in ("R-1", "T-7"):
                row["at"] = "2026-03-20T17:00"
    assert said(folder(tmp_path, one_day))["findings"] == []


def no_lots(files: Files) -> None:
    """The book of an enterprise that keeps no lots at all."""
    for name in ("movements", "opening", "counts"):
        for row in files[name]:
            if row.get("role") != "container":
                row.pop("lot", None)


def test_lots__none_anywhere__book_is_clean_and_forms_are_the_same(tmp_path: Path) -> None:
    with_lots = said(folder(tmp_path / "a"))
    without = said(folder(tmp_path / "b", no_lots))
    unknown = without["not_evaluable"]
    assert isinstance(unknown, list) and {f["rule"] for f in unknown} == UNKNOWN
    assert without["findings"] == [] and without["refused"] == []
    for form in ("form15", "form15a", "form16"):
        assert without[form] == with_lots[form]


def test_lots__none_anywhere_and_too_much_issued__is_found_for_the_code(tmp_path: Path) -> None:
    path = added(folder(tmp_path, no_lots), "movements", id="X", at="2026-12-01", kind="ISSUE_PROD", code="FAB-PES",
                 quantity="2500", uom="MTR")
    findings = said(path)["findings"]
    assert isinstance(findings, list)
    assert [(f["rule"], f["difference"]) for f in findings] == [("L1", "50")]


def test_lots__imported_and_domestic_without_lots__are_drawn_in_proportion(tmp_path: Path) -> None:
    def change(files: Files) -> None:
        no_lots(files)
        files["movements"] = [r for r in files["movements"] if r.get("code") == "LIN-PES" and r["kind"] == "RECEIVE_FACTORY"]
        files["movements"] += [
            {"id": "D", "at": "2026-02-07", "kind": "RECEIVE_DOMESTIC", "code": "LIN-PES", "quantity": "800", "uom": "MTR"},
            {"id": "I", "at": "2026-03-01", "kind": "ISSUE_PROD", "code": "LIN-PES", "quantity": "400", "uom": "MTR"}]
    book = read_book(folder(tmp_path, change)).book
    (issue,) = [e for e in book.events if e.kind == Kind.ISSUE_PROD]
    origins = {lot.id: lot.origin.name for lot in book.lots}
    assert sorted((origins[leg.unit], leg.quantity_micro) for leg in issue.legs) \
        == [("DOMESTIC", 100_000_000), ("IMPORTED", 300_000_000)]


def test_lots__one_number_for_two_codes__are_two_lots(tmp_path: Path) -> None:
    def change(files: Files) -> None:
        for name in ("movements", "counts"):
            for row in files[name]:
                if row.get("lot") in ("FAB-01", "LIN-01", "ZIP-01"):
                    row["lot"] = "2026-02"
    document = said(folder(tmp_path, change))
    assert document["findings"] == [] and document["faults"] == []


def test_units__movement_in_another_unit__is_converted_exactly(tmp_path: Path) -> None:
    path = replaced(folder(tmp_path), "movements.csv", "FAB-OLD,,400,MTR", "FAB-OLD,,600,MTK")
    document = said(path)
    assert document["findings"] == [] and row_of(document["form15"], code="FAB-PES")["issued"] == "3050"


def test_norms__a_new_row_for_one_material__keeps_the_others_in_force(tmp_path: Path) -> None:
    path = replaced(folder(tmp_path), "norms.csv", "JKT-01,LIN-PES,1.2,C62,MTR,,2026-01-01,",
                    "JKT-01,LIN-PES,1.2,C62,MTR,,2026-01-01,2026-06-30")
    added(path, "norms", product="JKT-01", material="LIN-PES", norm="1.2", product_uom="C62", material_uom="MTR",
          valid_from="2026-07-01")
    assert said(path)["findings"] == []


def test_ids__a_row_exported_twice__counts_once_and_is_said(tmp_path: Path) -> None:
    path = folder(tmp_path)
    text = (path / "movements.csv").read_text("utf-8").splitlines()
    (path / "movements.csv").write_text("\n".join([*text, text[5]]) + "\n", encoding="utf-8")
    document = said(path)
    assert document["findings"] == []
    assert [n["row"] for n in document["notes"]] == [len(text) + 1]  # type: ignore[attr-defined]


def test_as_of__in_the_year__later_rows_are_not_known(tmp_path: Path) -> None:
    path = replaced(folder(tmp_path), "book.toml", "allocation", 'as_of = "2026-05-01"\nallocation')
    document = said(path)
    assert row_of(document["form15a"], code="JKT-01")["exported"] == "900"
    assert {n["missing"][0] for n in document["not_evaluable"]} \
        >= {"count of material stock of FAB-PES"}  # type: ignore[attr-defined]


def test_claim__more_than_was_used__is_found(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "claims.csv").write_text("material,quantity,uom\nFAB-PES,4275,MTK\nLIN-PES,2040,\nZIP-NY,1700,C62\n", encoding="utf-8")
    findings = said(path)["findings"]
    assert isinstance(findings, list)
    assert [(f["rule"], f["subject"]["id"], f["difference"]) for f in findings] == [("N6", "FAB-PES", "100")]


def test_optional_files__read_into_the_facts(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "capacity.csv").write_text("product,uom,machines,rate,hours_per_day\nJKT-01,C62,20,1.5,16\n", encoding="utf-8")
    (path / "groups.csv").write_text("group,code,ratio\nlining,LIN-PES,\n", encoding="utf-8")
    (path / "rates.csv").write_text("currency,rate,valid_from\nusd,25400,2026-01-01\nEUR,0,\n", encoding="utf-8")
    read = read_book(path)
    book = read.book
    assert book.previous is not None and [(c.code, c.quantity_micro) for c in book.previous][:1] == [("FAB-PES", 400_000_000)]
    assert book.places is not None and [p.kind for p in book.places] == ["factory", "port"]
    assert book.capacity is not None and book.capacity[0].rate * 2 == 3
    assert book.groups is not None and book.groups[0].ratio == 1
    assert book.rates is not None and [(r.currency, r.rate) for r in book.rates] == [("USD", 25400)]
    assert book.codes == {"CHI-40": "THR-40"}
    assert [(f.file, f.row) for f in read.faults.found] == [("rates.csv", 3)]


def test_clean_rows__as_written__give_back_the_files(tmp_path: Path) -> None:
    path = folder(tmp_path)
    for name, rows in clean().items():
        assert (path / f"{name}.csv").read_text("utf-8") == csv_text(name, rows)


@given(st.decimals(-10**9, 10**9, places=6) | st.integers(-10**14, 10**14) | st.text("0123456789.,+-e \u0663", max_size=15))
def test_quantity__any_text__is_exact_or_refused(value: object) -> None:
    """The short way for plain digits says what the long way says."""
    text = str(value).strip()
    parse = parser_of(MOVEMENTS.column("quantity"), Style("+07:00"))
    plain = re.fullmatch(r"[+-]?[0-9]+([.][0-9]{1,6})?", text)
    if plain and abs(Decimal(text)) * 10**6 < 2**64:
        assert parse(text) == Decimal(text) * 10**6
        return
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.remedy


@given(st.randoms(use_true_random=False))
def test_book__cells_replaced_by_anything__is_read_or_refused_never_a_crash(
        tmp_path_factory: pytest.TempPathFactory, rnd: random.Random) -> None:
    words = ["", "x", "0", "-1", "1", "2026-13-01", "2026-03-20", "2026-03-20T10:00", "in", "out", "scrap", "semi", "loss",
             "wip", "container", "FAB-PES", "JKT-01", "FAB-01", "JKT-02", "KGM", "MTK", "C62", "305000000001", "RUN-1",
             "A42", "E23", "import", *(kind.name for kind in Kind)]

    def spoil(files: Files) -> None:
        for _ in range(rnd.randint(1, 6)):
            table = rnd.choice(sorted(files))
            if not files[table]:
                continue
            row = rnd.choice(files[table])
            what = rnd.random()
            if what < 0.1:
                files[table].remove(row)
            elif what < 0.2:
                files[table].append(dict(row))
            else:
                others = ["role", "side", "op", "lot", "parent", "kind"] if table == "movements" else []
                row[rnd.choice([*row, *others])] = rnd.choice(words)

    with contextlib.suppress(InputError):  # anything else is a fault of ours
        said(folder(tmp_path_factory.mktemp("fuzz"), spoil))


@pytest.mark.parametrize(("year", "left", "difference"), [
    ("2025", "2025-03-20", None),  # stated, and with the goods of the year before
    ("2025", "", "-500"),
    ("2026", "2026-03-20", "-500"),  # nothing was loaded on it in the year that is looked at
])
def test_exit__of_a_line_of_the_year_before__is_taken_as_stated(tmp_path: Path, year: str, left: str, difference: str | None) -> None:
    path = added(folder(tmp_path), "declarations", declaration="305999999999", line="1", direction="export", regime="E62",
                 registered_at=f"{year}-03-15", cleared_at=f"{year}-03-16", exit_confirmed_at=left, code="JKT-01", quantity="500",
                 uom="C62", hs="62014090", partner="Nordfjell Outdoor")
    before = said(folder(tmp_path / "other"))
    document = said(path)
    found = [(f["rule"], f["difference"]) for f in document["findings"]]  # type: ignore[attr-defined]
    assert found == ([("X4", difference)] if difference else [])
    for form in ("form15", "form15a", "exemption"):
        assert document[form] == before[form]  # no stock moved, nothing more is claimed


def test_container__that_a_row_names__came_in_with_it_or_goes_out_with_it(tmp_path: Path) -> None:
    box = "BL-001/TGHU5005002"

    def carried(*kinds: str) -> Callable[[Files], None]:
        def change(files: Files) -> None:
            for kind in kinds:
                next(r for r in files["movements"] if r["kind"] == kind)["container"] = box

        return change

    def rules(name: str, *kinds: str) -> list[tuple[str, str]]:
        document = said(folder(tmp_path / name, carried(*kinds)))
        assert document["faults"] == []
        return [(f["rule"], f["subject"]["id"]) for f in document["findings"]]  # type: ignore[attr-defined]

    assert rules("in", "RECEIVE_FACTORY") == []
    assert rules("out", "EXPORT_LOAD") == [("O9", box)]
    assert rules("both", "RECEIVE_FACTORY", "EXPORT_LOAD") == []  # its goods were received: it was emptied


def test_container__with_a_kind_that_has_none__is_told_and_ignored(tmp_path: Path) -> None:
    def change(files: Files) -> None:
        next(r for r in files["movements"] if r["kind"] == "ISSUE_PROD")["container"] = "BL-001/TGHU5005002"
        next(r for r in files["movements"] if r["kind"] == "ARRIVE")["container"] = "BL-001/TGHU5005002"

    document = said(folder(tmp_path, change))
    assert document["findings"] == [] and document["faults"] == []
    assert sorted((n["column"], n["message"].split(" names")[0]) for n in document["notes"]) == [  # type: ignore[attr-defined]
        ("container", "ARRIVE"), ("container", "ISSUE_PROD")]


def test_read__however_many_import_lines__their_currency_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for at each line it made the reading of a large book quadratic."""
    from tracer.files import reading

    asked: list[str] = []
    real = reading.common
    monkeypatch.setattr(reading, "common", lambda *of: asked.append("") or real(*of))  # type: ignore[func-returns-value]
    write_example(tmp_path / "book")
    book = read_book(tmp_path / "book").book
    assert sum(line.value is not None for line in book.lines) > 1
    assert len(asked) == 1


@pytest.mark.parametrize("table", ["opening", "previous"])
@pytest.mark.parametrize(("day", "told"), [
    ("2025-12-31", None), ("2026-01-01", None), ("2026-01-01T08:00", None), ("2026-01-02", "fault"), ("2026-07-01", "fault"),
    ("2026-12-31", "fault"), ("2025-12-30", "note"), ("2024-12-31", "note")])
def test_stock_of_the_beginning__dated_on_another_day__is_named_where_it_is_of_no_use(
        tmp_path: Path, table: str, day: str, told: str | None) -> None:
    was = {"opening": "2026-01-01", "previous": "2025-12-31"}[table]
    document = said(replaced(folder(tmp_path), f"{table}.csv", f"{was},material,FAB-PES", f"{day},material,FAB-PES"))
    faults, notes = document["faults"], document["notes"]
    assert isinstance(faults, list) and isinstance(notes, list)
    assert [(f["file"], f["row"], f["column"]) for f in faults] == ([(f"{table}.csv", 2, "at")] if told == "fault" else [])
    assert [(n["file"], n["column"]) for n in notes] == ([(f"{table}.csv", "at")] if told == "note" else [])
    if told == "fault":
        assert day in faults[0]["message"] and "2026-01-01" in faults[0]["message"] and faults[0]["remedy"]
        assert "FAB-PES" in document["incomplete"]  # type: ignore[operator]
    else:
        assert document["findings"] == []


def test_opening__as_a_movement_in_the_middle_of_the_period__is_named_too(tmp_path: Path) -> None:
    path = added(folder(tmp_path), "movements", id="O-9", at="2026-05-05", kind="OPENING", role="material", code="FAB-PES",
                 quantity="40", uom="MTR")
    assert [(f["file"], f["column"]) for f in said(path)["faults"]] == [("movements.csv", "at")]  # type: ignore[attr-defined]


def test_previous__that_is_this_period_s_closing__is_none_at_all(tmp_path: Path) -> None:
    path = folder(tmp_path)
    file = path / "previous.csv"
    file.write_text(file.read_text("utf-8").replace("2025-12-31", "2026-12-31"), encoding="utf-8")
    document = said(path)
    assert len(document["faults"]) == 3 and not [f for f in document["findings"] if f["rule"] == "B3"]  # type: ignore[arg-type,attr-defined]
    assert ["closing stock of the period before (previous.csv)"] in [f["missing"] for f in document["not_evaluable"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("day", "with_previous", "told"), [
    ("2025-12-31", True, True), ("2025-12-31", False, False), ("2025-06-30", False, True), ("2026-06-30", True, False)])
def test_counts__of_before_the_period__are_pointed_out_unless_they_are_its_eve(
        tmp_path: Path, day: str, with_previous: bool, told: bool) -> None:
    path = added(folder(tmp_path), "counts", at=day, stock="material", code="LIN-PES", quantity="0", uom="MTR", place="factory")
    if not with_previous:
        (path / "previous.csv").unlink()
    document = said(path)
    assert [n["file"] for n in document["notes"]] == (["counts.csv"] if told else [])  # type: ignore[attr-defined]
    assert document["faults"] == []


@pytest.mark.parametrize(("latitude", "longitude", "columns"), [
    ("20.85", "106.68", []), ("-90", "180", []), ("", "", []), ("90.01", "106.68", ["latitude"]), ("106.68", "20.85", ["latitude"]),
    ("-91", "-180.5", ["latitude", "longitude"]), ("20.85", "", ["longitude"]), ("", "106.68", ["latitude"])])
def test_coordinates__that_are_no_place_on_earth__are_named_and_the_row_counts_without(
        tmp_path: Path, latitude: str, longitude: str, columns: list[str]) -> None:
    path = folder(tmp_path)
    table, readings = path / "places.csv", path / "seal_readings.csv"
    table.write_text(f"place,kind,latitude,longitude\nfactory,factory,{latitude},{longitude}\n", encoding="utf-8")
    readings.write_text(f"seal,at,status,latitude,longitude\nE-1,2026-02-01,closed,{latitude},{longitude}\n", encoding="utf-8")
    read = read_book(path)
    assert [(f.file, f.row, f.column) for f in read.faults.found] == [
        (file, 2, column) for file in ("places.csv", "seal_readings.csv") for column in columns]
    (place,), (reading,) = read.book.places or (), read.book.beside.seal_readings or ()
    for one in (place, reading):
        assert [one.latitude is None, one.longitude is None] == [bool(columns) or not latitude] * 2
    assert {f["rule"] for f in document_of(read)["findings"]} == set()
