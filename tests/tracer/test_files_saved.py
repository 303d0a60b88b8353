"""A book folder as programs save it and as people fill it in: what is meant is read, and what is not clear is said, never guessed."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from test_files import folder, replaced, row_of, said, semicolons

from ledger.errors import InputError
from ledger.vocabulary import Kind
from tracer.check import examine
from tracer.facts import Facts
from tracer.files import read_book
from tracer.files.example_faults import fault
from tracer.papers.explain import document_of as explained


@pytest.mark.parametrize("above", ["\n", " \n\n", "sep=;\n", '"sep=;"\n', ";;;\n"])
def test_csv__something_above_the_heading_that_is_no_row__reads_the_same(tmp_path: Path, above: str) -> None:
    path = folder(tmp_path)
    before = said(path)
    for file in path.glob("*.csv"):
        file.write_text(above + semicolons(file.read_text("utf-8")), "utf-8")
    after = said(path)
    for key in ("findings", "form15", "form15a", "form16", "exemption", "faults", "notes"):
        assert after[key] == before[key], key


@pytest.mark.parametrize(("cells", "wrong", "read"), [
    (("1.400", "5,5", "100"), [2], []),  # the comma is the decimal mark, so the point may group
    (("1.400", "2.5", "100"), [], [1_400_000, 2_500_000, 100_000_000]),  # 2.5 shows what the point is
    (("1.400", "2.000", "500"), [2, 3], [500_000_000]),  # thousands, or fractions with three decimals: nobody knows
    (("1,400", "2,5", "0,125"), [], [1_400_000, 2_500_000, 125_000]),
    (("1.400,5", "2,5", "1.400"), [2, 4], [2_500_000]),
    (("0.400", "1.400", "12"), [], [400_000, 1_400_000, 12_000_000]),
], ids=["other-mark", "proven", "nothing-tells", "comma", "both-in-one", "leading-zero"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_csv__digits_in_groups__are_never_taken_for_a_fraction(
        tmp_path: Path, cells: tuple[str, ...], wrong: list[int], read: list[int], separator: str) -> None:
    path = folder(tmp_path)
    heading, *rows = list(csv.reader(io.StringIO((path / "opening.csv").read_text("utf-8"))))
    for row, cell in zip(rows, cells, strict=True):
        row[heading.index("quantity")] = cell
    (path / "opening.csv").write_text("".join(separator.join(row) + "\n" for row in (heading, *rows)), "utf-8")
    found = read_book(path)
    assert [f.row for f in found.faults.found] == wrong
    opened = [leg.quantity_micro for e in found.book.events if e.kind == Kind.OPENING for leg in e.legs]
    assert not read or sorted(opened) == sorted(read)


def workbook(path: Path, name: str, change: Callable[[Any], object]) -> None:
    """A CSV file of the folder as a workbook of its own, changed."""
    book = openpyxl.Workbook()
    for row in csv.reader(io.StringIO((path / f"{name}.csv").read_text("utf-8"))):
        book.active.append([float(c) if c.replace(".", "", 1).isdigit() else c or None for c in row])
    change(book.active)
    book.save(path / f"{name}.xlsx")
    (path / f"{name}.csv").unlink()


def within(file: Path, old: bytes, new: bytes) -> None:
    """The workbook with something of its sheet replaced."""
    with zipfile.ZipFile(file) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    sheet = next(name for name in parts if name.startswith("xl/worksheets/"))
    assert re.search(old, parts[sheet])
    parts[sheet] = re.sub(old, lambda _: new, parts[sheet])
    with zipfile.ZipFile(file, "w") as packed:
        for name, part in parts.items():
            packed.writestr(name, part)


def test_xlsx__says_that_it_is_smaller_than_it_is__every_row_counts(tmp_path: Path) -> None:
    path = folder(tmp_path)
    workbook(path, "counts", lambda sheet: None)
    before = [c.quantity_micro for c in read_book(path).book.counts]
    within(path / "counts.xlsx", rb'<dimension ref="[^"]*"', b'<dimension ref="A1:C2"')
    assert [c.quantity_micro for c in read_book(path).book.counts] == before
    assert len(before) == 13


def test_xlsx__a_row_that_no_sheet_has__is_refused_and_not_counted_up_to(tmp_path: Path) -> None:
    path = folder(tmp_path)
    workbook(path, "counts", lambda sheet: None)
    within(path / "counts.xlsx", rb"</sheetData>", b'<row r="1000000000"><c r="A1000000000"><v>1</v></c></row></sheetData>')
    with pytest.raises(InputError, match="more than 1048576 rows"):
        read_book(path)


def test_xlsx__formula_whose_value_was_never_computed__is_told_and_not_read_as_nothing(tmp_path: Path) -> None:
    """As a program writes it that computes nothing; one that a spreadsheet saved has its value beside it."""
    path = folder(tmp_path)

    def formula(sheet: Any) -> None:
        column = next(cell.column_letter for cell in sheet[1] if cell.value == "quantity")
        sheet[f"{column}3"] = f"=2*{column}2"

    workbook(path, "counts", formula)
    with pytest.raises(InputError, match=r"counts.xlsx: cell [A-Z]3 is a formula whose value is not in the file"):
        read_book(path)
    within(path / "counts.xlsx", rb"</f><v ?/>|</f><v></v>", b"</f><v>26.5</v>")
    assert 26_500_000 in [c.quantity_micro for c in read_book(path).book.counts]
    within(path / "counts.xlsx", rb'( t="n")?><f>', b' t="str"><f>')
    within(path / "counts.xlsx", rb"<v>26.5</v>", b"<v></v>")  # a formula that gives an empty text is an empty cell
    read_book(path)


def test_xlsx__rate_shown_in_per_cent__is_the_rate_that_is_shown(tmp_path: Path) -> None:
    path = folder(tmp_path)

    def shown(sheet: Any) -> None:
        at = [cell.value for cell in sheet[1]].index("duty_rate") + 1
        for row, (value, style) in enumerate(((0.12, "0%"), (0.125, "0.0%"), (20, "General"), (12, "0.00"), (0.07, "0%")), 2):
            sheet.cell(row, at, value).number_format = style

    workbook(path, "declarations", shown)
    lines = read_book(path).book.lines
    assert [line.duty_rate for line in lines[:5]] == [
        Fraction(12, 100), Fraction(125, 1000), Fraction(20, 100), Fraction(12, 100), Fraction(7, 100)]


def test_settings__as_a_windows_editor_saves_them__are_read(tmp_path: Path) -> None:
    path = folder(tmp_path)
    before = said(path)
    text = (path / "book.toml").read_text("utf-8")
    for encoding in ("utf-8-sig", "utf-16"):
        (path / "book.toml").write_bytes(text.replace("\n", "\r\n").encode(encoding))
        assert said(path) == before


def test_settings__jurisdiction_and_regime__in_small_letters_are_the_same_and_unknown_ones_are_said(tmp_path: Path) -> None:
    path = folder(tmp_path)
    before = said(path)
    replaced(path, "book.toml", '"VN"', '"vn"')
    assert said(replaced(path, "book.toml", '"SXXK"', '"sxxk"')) == before
    replaced(path, "book.toml", '"vn"', '"FR"')
    assert [n["column"] for n in said(path)["notes"]] == ["jurisdiction"]  # type: ignore[attr-defined]
    replaced(path, "book.toml", '"FR"', '"VN"')
    assert [n["column"] for n in said(replaced(path, "book.toml", '"sxxk"', '"SXK"'))["notes"]] == ["regime"]  # type: ignore[attr-defined]


def test_folder__what_explains_a_figure__is_pointed_out(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "documents.csv").mkdir()
    for name in ("counts.csv",):
        text = (path / name).read_text("utf-8")
        (path / name).write_text(text.replace("2026-12-31", "2027-01-01").replace("ZIP-NY", "zip\u2011ny"), "utf-8")
    replaced(path, "movements.csv", "S-2,2026-11-20", "S-2,2027-01-20")
    notes = {(n["file"], n["column"]): n["message"] for n in said(path)["notes"]}  # type: ignore[attr-defined]
    assert set(notes) == {("documents.csv", ""), ("counts.csv", "at"), ("movements.csv", "at"), ("codes.csv", "")}
    assert "13 counts" in notes["counts.csv", "at"] and "1 movements" in notes["movements.csv", "at"]
    assert "zip\\u2011ny" in notes["codes.csv", ""]


def test_values__in_several_currencies__are_added_in_one_or_not_at_all(tmp_path: Path) -> None:
    """2,400 m at 2,400 VND of duty a metre, and 1,000 m at 2,460: of forty that are missing 96,706 by the average."""
    path = folder(tmp_path, fault("short-stock").change)

    def duty(of: Path) -> tuple[str | None, str | None, list[str]]:
        document = said(of)
        found = {f["rule"]: f for f in document["findings"]}  # type: ignore[attr-defined]
        return found["B2"]["duty_at_risk"], found["B6"]["duty_at_risk"], [n["file"] for n in document["notes"]]  # type: ignore[attr-defined]

    assert duty(path) == ("96706", "96706", [])
    replaced(path, "declarations.csv", "20500000,VND", "820,usd")
    assert duty(path) == ("96000", "96000", ["rates.csv"])  # of the line that can be added, and the rest is said
    (path / "rates.csv").write_text("currency,rate\nUSD,25000\n", "utf-8")
    assert duty(path) == ("96706", "96706", [])
    (path / "rates.csv").unlink()
    text = (path / "declarations.csv").read_text("utf-8").replace(",usd", ",EUR").replace(",VND", ",EUR")
    (path / "declarations.csv").write_text(text.replace("48000000,EUR", "48000,EUR"), "utf-8")
    facts = Facts(read_book(path).book)
    page = explained(facts, examine(facts), "LIN-PES")["explanations"][0]["duty"]
    # 48,000 and 820 euros at 12 %: one currency needs no rate
    assert (page["currency"], page["by_policy"]) == ("EUR", "69")
    # a book of the EU in dollars and euros is worked out in euros, a dollar at half a euro: the second line is 410
    replaced(path, "book.toml", 'jurisdiction = "VN"', 'jurisdiction = "EU"')
    replaced(path, "declarations.csv", "820,EUR", "820,USD")
    (path / "rates.csv").write_text("currency,rate\nUSD,0.5\n", "utf-8")
    assert duty(path)[2] == []
    facts = Facts(read_book(path).book)
    assert facts.currency == "EUR"
    assert {facts.duty_of(line) for line in facts.lines.values() if line.currency == "USD"} == {Fraction(410) * 12 / 100}


def test_claims__of_one_material_alone__hide_nothing_of_the_others(tmp_path: Path) -> None:
    path = folder(tmp_path, fault("padded-norm").change)

    def over_claimed() -> list[str]:
        return [f["subject"]["id"] for f in said(path)["findings"] if f["rule"] == "N6"]  # type: ignore[attr-defined]

    assert over_claimed() == ["FAB-PES"]
    (path / "claims.csv").write_text("material,quantity\nLIN-PES,2040\n", "utf-8")
    assert over_claimed() == ["FAB-PES"]
    (path / "claims.csv").write_text("material,quantity\nLIN-PES,2040\nFAB-PES,0\n", "utf-8")
    assert over_claimed() == [], "a claim of nothing is one"


def test_declaration__cleared_before_it_was_registered__is_an_order_that_cannot_be(tmp_path: Path) -> None:
    path = replaced(folder(tmp_path), "declarations.csv", "2026-06-29T09:00,2026-07-01T11:00", "2026-06-29T09:00,2026-06-28")
    found = {(f["rule"], f["subject"]["id"]): f for f in said(path)["findings"]}  # type: ignore[attr-defined]
    assert set(found) == {("T4", "106000000002/1")}
    finding = found["T4", "106000000002/1"]
    assert "before the declaration was registered" in finding["explanation"] and finding["severity"] == "medium"
    one_day = replaced(path, "declarations.csv", "2026-06-29T09:00,2026-06-28", "2026-06-29T09:00,2026-06-29")
    assert said(one_day)["findings"] == [], "a whole day never counts against the enterprise"


def test_text__that_steers_a_terminal__is_shown_without(tmp_path: Path) -> None:
    path = replaced(folder(tmp_path), "declarations.csv", "Polyester lining", "Poly\x1b[2Jester", 2)
    assert row_of(said(path)["form15"], code="LIN-PES")["name"] == "Poly [2Jester"
