"""The workbook of a settlement: the forms where the circular has them, every figure as the settlement says it."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from enterprise import Plan, clean_book, plans
from hypothesis import given
from openpyxl import load_workbook

from ledger.errors import TooLargeError
from tracer.check import examine
from tracer.facts import Facts
from tracer.settlement import settle_facts
from tracer.settlement import workbook as module
from tracer.settlement.workbook import workbook


def made(book: Any = None) -> tuple[dict[str, Any], bytes]:
    facts = Facts(book or clean_book())
    settlement = settle_facts(facts).to_json()
    return settlement, workbook(settlement, examine(facts).to_json())


def cells(file: bytes, sheet: str) -> list[list[Any]]:
    return [list(row) for row in load_workbook(BytesIO(file))[sheet].iter_rows(values_only=True)]


def numbered(file: bytes, sheet: str) -> list[dict[str, Any]]:
    """Rows of a form by its column numbers, found by the numbering row, as a filed report is read."""
    rows = cells(file, sheet)
    at = next(i for i, row in enumerate(rows) if row[0] == "(1)")
    numbers = [str(x).strip("()") if x else "" for x in rows[at]]
    found = []
    for row in rows[at + 1:]:
        if not str(row[0] or "").isdigit():
            break
        found.append(dict(zip(numbers, row, strict=True)))
    return found


@given(plans)
def test_forms__any_clean_book__identities_hold_by_the_numbers_of_the_columns(plan: Plan) -> None:
    settlement, file = made(clean_book(plan))
    form15, form15a = numbered(file, "15"), numbered(file, "15a")
    assert [r["2"] for r in form15] == [r["code"] for r in settlement["form15"]]
    assert [r["2"] for r in form15a] == [r["code"] for r in settlement["form15a"]]
    exact = lambda value: Decimal(repr(value))  # noqa: E731 - the program's shortest text of a number
    for row, said in zip(form15, settlement["form15"], strict=True):
        n = {k: exact(row[k]) for k in ("5", "6", "7", "8", "9", "10", "11")}
        assert n["11"] == n["5"] + n["6"] - n["7"] - n["8"] - n["9"] - n["10"] == Decimal(said["closing"])
    for row, said in zip(form15a, settlement["form15a"], strict=True):
        n = {k: exact(row[k]) for k in ("5", "6", "7", "8", "9", "10")}
        assert n["10"] == n["5"] + n["6"] - n["7"] - n["8"] - n["9"] == Decimal(said["closing"])
        assert n["8"] == Decimal(said["exported"])
    assert [(r["2"], r["5"], Decimal(repr(r["8"]))) for r in numbered(file, "16")] == [
        (r["product"], r["material"], Decimal(r["norm"])) for r in settlement["form16"]]


def test_exemption__of_each_import_line__parts_add_up_and_duty_stands_once() -> None:
    settlement, file = made()
    rows = [dict(zip(("no", "material", "uom", "line", "quantity", "export", "used", "rate", "duty"), row, strict=False))
            for row in cells(file, "Exemption") if str(row[0] or "").isdigit()]
    for said in settlement["exemption"]:
        own = [r for r in rows if (r["material"], r["line"]) == (said["material"], said["import_line"])]
        assert sum(Decimal(repr(r["used"])) for r in own) == Decimal(said["quantity"]) == Decimal(repr(own[0]["quantity"]))
        assert [r["duty"] for r in own] == [said["duty_freed"] and int(said["duty_freed"]), *[None] * (len(own) - 1)]


def test_evidence__every_figure_of_the_forms__has_its_events() -> None:
    settlement, file = made()
    events = {event.id for event in Facts(clean_book()).events}
    rows = [row for row in cells(file, "Evidence") if row[0] in ("form15", "form15a")]
    assert {row[5] for row in rows} <= events
    for form in ("form15", "form15a"):
        for row in settlement[form]:
            for column, value in row.items():
                if column in ("opening", "received", "exported", "issued", "repurposed") and Decimal(value):
                    assert any(r[:2] == [form, row["code"]] and r[3] == column for r in rows), (form, row["code"], column)


@pytest.mark.parametrize("name", ["=1+1", "=HYPERLINK(\"http://x\")", "+1", "@SUM(A1)", "a\x00b\x0bc", "x" * 40_000])
def test_text__that_a_program_could_run_or_not_read__stands_as_text(name: str) -> None:
    book = clean_book()
    settlement, file = made(replace(book, descriptions={line.code: name for line in book.lines}))
    assert settlement["form15"][0]["name"] == name
    cell = load_workbook(BytesIO(file))["15"]["C8"]
    assert cell.data_type == "s"
    assert cell.value == name.replace("\x00", "\ufffd").replace("\x0b", "\ufffd")[:32_767]


def test_number__with_more_digits_than_programs_keep__is_text_and_whole() -> None:
    settlement, _ = made()
    settlement["form15"][0]["opening"] = "12345678901234.123456"
    settlement["form15"][0]["received"] = "0.000001"
    cell = load_workbook(BytesIO(workbook(settlement, examine(clean_book()).to_json())))["15"]
    assert (cell["E8"].data_type, cell["E8"].value) == ("s", "12345678901234.123456")
    assert (cell["F8"].data_type, cell["F8"].number_format) == ("n", "#,##0.000000")


def test_file__of_the_same_settlement__same_bytes_whenever_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    _, first = made()
    monkeypatch.setattr("openpyxl.packaging.core.DocumentProperties.__init__", _earlier(
        __import__("openpyxl.packaging.core", fromlist=["x"]).DocumentProperties.__init__))
    _, second = made()
    assert first == second
    with zipfile.ZipFile(BytesIO(first)) as file:
        assert file.namelist()[0] == "[Content_Types].xml"
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def _earlier(init: Any) -> Any:
    from datetime import datetime

    def changed(self: Any, *args: Any, **more: Any) -> None:
        init(self, *args, **more)
        self.created = datetime(2001, 1, 1)  # noqa: DTZ001 - as the library has it

    return changed


def test_sheet__more_rows_than_one_takes__said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_MAX", 21)
    with pytest.raises(TooLargeError, match="rows"):
        made()
