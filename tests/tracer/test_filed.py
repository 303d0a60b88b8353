"""Filed forms: found whatever the enterprise added to them, proven by their identity, compared figure by figure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from enterprise import Plan, clean_book, plans
from hypothesis import given, settings
from openpyxl import Workbook, load_workbook

from ledger.errors import InputError
from tracer.book import Tolerances
from tracer.check import examine
from tracer.facts import Facts
from tracer.filed.comparing import Difference, compare
from tracer.filed.reading import FiledForm, read_filed
from tracer.settlement import settle_facts
from tracer.settlement.workbook import workbook


def settled(book: Any = None) -> tuple[dict[str, Any], bytes]:
    facts = Facts(book or clean_book())
    settlement = settle_facts(facts).to_json()
    return settlement, workbook(settlement, examine(facts).to_json())


SETTLEMENT, FILE = settled()


def filed(tmp_path: Path, change: Callable[[Any], None] | None = None, file: bytes = FILE) -> dict[str, FiledForm]:
    book = load_workbook(BytesIO(file))
    if change is not None:
        change(book)
    book.save(tmp_path / "filed.xlsx")
    return read_filed(tmp_path / "filed.xlsx")


def first_row(sheet: Any) -> int:
    """The first row below the column numbers."""
    return 1 + next(row[0].row for row in sheet.iter_rows() if str(row[0].value) == "(1)")


def told(found: list[Difference]) -> list[tuple[str, str, str, str | None]]:
    return [(d.form, d.code, d.column, d.difference) for d in found]


@settings(max_examples=10)
@given(plans)
def test_filed__what_we_wrote__proven_and_equal(tmp_path_factory: pytest.TempPathFactory, plan: Plan) -> None:
    settlement, file = settled(clean_book(plan))
    forms = filed(tmp_path_factory.mktemp("filed"), file=file)
    for key in ("form15", "form15a", "form16"):
        assert len(forms[key].rows) == len(settlement[key]) and not forms[key].faults
        assert forms[key].proven == (0 if key == "form16" else len(settlement[key]))  # form 16 has no identity
    assert compare(forms, settlement, Tolerances()) == []


def test_filed__one_figure_changed__that_one_with_its_row_and_weight(tmp_path: Path) -> None:
    def change(book: Any) -> None:
        sheet = book["15a"]
        row = first_row(sheet)
        for column, less in ((8, Decimal(3)), (10, Decimal(-3))):  # exported and closing
            sheet.cell(row, column).value = Decimal(str(sheet.cell(row, column).value)) - less

    forms = filed(tmp_path, change)
    assert forms["form15a"].proven == len(forms["form15a"].rows)
    found = compare(forms, SETTLEMENT, Tolerances())
    code = SETTLEMENT["form15a"][0]["code"]
    assert told(found) == [("form15a", code, "exported", "-3"), ("form15a", code, "closing", "3")]
    assert found[0].row == first_row(load_workbook(BytesIO(FILE))["15a"])
    share = Decimal(3) / Decimal(SETTLEMENT["form15a"][0]["exported"])
    assert found[0].severity == ("severe" if share > Decimal("0.05") else "warn" if share >= Decimal("0.01") else "info")


def test_filed__columns_added_six_split_and_15a_in_another_order__read_all_the_same(tmp_path: Path) -> None:
    def change(book: Any) -> None:
        sheet = book["15"]
        sheet.insert_cols(7)  # (6) becomes (6a), (6b)
        sheet.insert_cols(5)  # a column of accounts, without a number
        top = first_row(sheet)
        sheet.cell(top - 1, 7).value, sheet.cell(top - 1, 8).value = "(6a)", "(6b)"
        for row in range(top, top + len(SETTLEMENT["form15"])):
            sheet.cell(row, 5).value = "152"
            sheet.cell(row, 8).value = 1
            sheet.cell(row, 7).value = Decimal(str(sheet.cell(row, 7).value)) - 1
        sheet = book["15a"]
        top = first_row(sheet)
        for row in range(1, top + len(SETTLEMENT["form15a"])):  # exported and purpose changed swap places
            if row != top - 1:
                a, b = sheet.cell(row, 7), sheet.cell(row, 8)
                a.value, b.value = b.value, a.value

    forms = filed(tmp_path, change)
    assert forms["form15"].columns["received"] == ["G", "H"] and forms["form15"].columns["opening"] == ["F"]
    assert forms["form15a"].columns["exported"] == ["G"] and forms["form15a"].columns["repurposed"] == ["H"]
    assert compare(forms, SETTLEMENT, Tolerances()) == []


def test_filed__identity_does_not_hold__form_is_not_compared_and_the_others_are(tmp_path: Path) -> None:
    def change(book: Any) -> None:
        sheet = book["15"]
        for row in range(first_row(sheet), first_row(sheet) + len(SETTLEMENT["form15"])):
            sheet.cell(row, 9).value = "=1+1"  # never worked out: empty to a reader

    forms = filed(tmp_path, change)
    assert forms["form15"].proven < len(forms["form15"].rows) and "never worked out" in forms["form15"].faults[0]
    assert forms["form15"].broken and not forms["form15a"].faults
    assert compare(forms, SETTLEMENT, Tolerances()) == []


def test_filed__numbers_that_are_text__counted_among_the_rows_that_prove_nothing(tmp_path: Path) -> None:
    def text(book: Any) -> None:
        sheet = book["15"]
        for row in list(sheet.iter_rows(min_row=first_row(sheet)))[:2]:
            row[4].value = "1,450"

    form = filed(tmp_path, text)["form15"]
    rows = len(SETTLEMENT["form15"])
    assert f"closing on {rows - 2} of {rows} rows only" in form.faults[0] and len(form.unread) == 2


def test_filed__export_not_headed__not_guessed(tmp_path: Path) -> None:
    def change(book: Any) -> None:
        sheet = book["15a"]
        for row in range(1, first_row(sheet) - 1):
            if "exported" in str(sheet.cell(row, 8).value):
                sheet.cell(row, 8).value = "Cột 8"

    assert "headed as exported" in filed(tmp_path, change)["form15a"].faults[0]


def test_filed__codes_of_one_side_other_unit_norm_and_text__each_told(tmp_path: Path) -> None:
    materials = [row["code"] for row in SETTLEMENT["form15"]]
    norm = SETTLEMENT["form16"][0]

    def change(book: Any) -> None:
        sheet = book["15"]
        top = first_row(sheet)
        sheet.cell(top, 2).value = "BORROWED"
        sheet.cell(top + 1, 4).value = "TNE"
        sheet.cell(top + 1, 12).value = "a note"
        sheet = book["16"]
        sheet.cell(first_row(sheet), 8).value = Decimal(str(norm["norm"])) * 2
        sheet = book["15a"]
        sheet.cell(first_row(sheet), 5).value = "twelve"

    forms = filed(tmp_path, change)
    assert forms["form15a"].unread and "'twelve' is no number" in forms["form15a"].unread[0]
    found = compare({k: v for k, v in forms.items() if k != "form15a"}, SETTLEMENT, Tolerances())
    assert {(d.code, d.column) for d in found if d.form == "form15"} == {
        ("BORROWED", "code"), (materials[0], "code"), (materials[1], "uom")}
    assert [(d.code, d.column, d.severity) for d in found if d.form == "form16"] == [
        (f"{norm['product']} / {norm['material']}", "norm", "severe")]


@pytest.mark.parametrize("content", ["nothing", "text", "other sheets"])
def test_filed__no_forms__refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "filed.xlsx"
    if content == "other sheets":
        book = Workbook()
        book.active.append(["a", 1, 2, 3])
        book.save(path)
    else:
        path.write_bytes(b"" if content == "nothing" else b"PK\x03\x04 no workbook")
    with pytest.raises(InputError) as fault:
        read_filed(path)
    assert fault.value.remedy
