"""The commands about books in files: what they print, and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from openpyxl import load_workbook
from test_cli import as_json, command

from tracer.files.example_faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]


def test_book_example__clean_and_with_a_fault__check_ends_with_0_and_1(tmp_path: Path) -> None:
    clean, padded = str(tmp_path / "clean"), str(tmp_path / "padded")
    written = as_json("book", "example", clean)
    assert "movements.csv" in written["files"] and written["fault"] is None
    document = as_json("check", clean)
    assert document["findings"] == [] and document["form15"] and document["rule_pack"]
    code, out, err = command("check", clean)
    assert code == 0 and err == ""
    assert "Nothing was found" in out and "Form 15/BCQT-NVL" in out and "3,050" in out and "dmg-sxxk" in out

    assert as_json("book", "example", padded, "--with", "padded-norm")["fault"] == "padded-norm"
    found = as_json("check", padded, code=1)
    assert {f["rule"] for f in found["findings"]} == {"N1", "N2", "N6", "B6"}
    code, out, _ = command("check", padded)
    assert code == 1 and "-345.6" in out and "Duty at risk" in out


def test_book_example__folder_in_use_or_unknown_fault__ends_with_2(tmp_path: Path) -> None:
    as_json("book", "example", str(tmp_path / "a"))
    again = as_json("book", "example", str(tmp_path / "a"), code=2)
    assert "not empty" in again["error"]["message"] and again["error"]["remedy"]
    unknown = as_json("book", "example", str(tmp_path / "b"), "--with", "nothing", code=2)
    assert "padded-norm" in unknown["error"]["remedy"]
    assert not (tmp_path / "b").exists()


def test_book_faults__listed__all_of_them() -> None:
    assert [f["name"] for f in as_json("book", "faults")["faults"]] == [f.name for f in FAULTS]
    code, out, _ = command("book", "faults")
    assert code == 0 and all(f.name in out for f in FAULTS)


def test_check__folder_with_a_bad_row_and_a_refused_movement__the_report_says_both(tmp_path: Path) -> None:
    path = tmp_path / "book"
    as_json("book", "example", str(path), "--with", "double-use")
    norms = path / "norms.csv"
    norms.write_text(norms.read_text("utf-8").replace("1,C62,C62", "1,C62,QQQ"), encoding="utf-8")
    code, out, _ = command("check", str(path))
    assert code == 1
    assert "norms.csv" in out and "material_uom" in out and "QQQ" in out and "ZIP-NY" in out
    assert "NOT_ENOUGH" in out and "I-11" in out and "L1" in out
    assert "no pass" in out


@pytest.mark.parametrize("arguments", [
    ("{}/none/",), ("{}/empty/",), ("{}/book", "--from", "2026-01-01"), ("{}/book", "{}/empty"),
    ("{}/book", "dmg-sxxk"), ("{}", "--xlsx", "forms.xlsx"), ("{}/book", "--dask", "tcp://127.0.0.1:1"),
    ("{}", "--dask", "tcp://127.0.0.1:1"),
])
def test_check__folder_that_is_none_or_days_for_one__ends_with_2_and_a_remedy(
        tmp_path: Path, arguments: tuple[str, ...]) -> None:
    as_json("book", "example", str(tmp_path / "book"))
    (tmp_path / "empty").mkdir()
    error = as_json("check", *(a.format(tmp_path) for a in arguments), code=2)["error"]
    assert error["remedy"]


def test_check__workbook_asked_for__has_the_forms_or_says_why_not(tmp_path: Path) -> None:
    book, file = str(tmp_path / "book"), tmp_path / "forms.xlsx"
    as_json("book", "example", book)
    document = as_json("check", book, "--xlsx", str(file))
    rows = list(load_workbook(file)["15"].iter_rows(min_row=8, values_only=True))
    assert [row[1] for row in rows if str(row[0] or "").isdigit()] == [row["code"] for row in document["form15"]]
    error = as_json("check", book, "--xlsx", str(tmp_path / "none" / "forms.xlsx"), code=2)["error"]
    assert "cannot be written" in error["message"] and error["remedy"]
    in_index = as_json("check", "dmg-sxxk", "--xlsx", str(file), code=2)["error"]
    assert "settle dmg-sxxk" in in_index["remedy"]


def test_check__a_folder_by_its_bare_name__is_told_from_a_book_by_its_book_toml(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_json("book", "example", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)
    assert as_json("check", "mine")["book"] == "dmg-sxxk"
    monkeypatch.setenv("CARGOLEDGER_HOME", str(tmp_path / "no-home"))
    assert "mine" not in as_json("check", "other", code=2)["error"]["message"]


def test_check__folder__loads_neither_chain_nor_database(tmp_path: Path) -> None:
    """An accountant's machine has the files and nothing else."""
    as_json("book", "example", str(tmp_path / "book"))
    script = ("import sys, json; from api.cli.main import main\n"
              "try: main()\n"
              "except SystemExit: pass\n"
              "print(json.dumps([m for m in ('sqlalchemy', 'web3', 'eth', 'indexer') if m in sys.modules]))")
    done = subprocess.run([sys.executable, "-c", script, "check", str(tmp_path / "book"), "--json"], cwd=ROOT, check=True,
                          capture_output=True, text=True, env={**os.environ, "CARGOLEDGER_HOME": str(tmp_path / "none")})
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_book_filed__against_a_folder__equal_changed_and_no_form(tmp_path: Path) -> None:
    folder, file = str(tmp_path / "clean"), tmp_path / "filed.xlsx"
    as_json("book", "example", folder)
    as_json("check", folder, "--xlsx", str(file))
    same = as_json("book", "filed", str(file), folder)
    assert same["differences"] == [] and set(same["forms"]) == {"form15", "form15a", "form16"}
    assert {key: form["proven"] == form["rows"] for key, form in same["forms"].items()} == {
        "form15": True, "form15a": True, "form16": False}
    assert (same["forms"]["form16"]["proven"], same["left_out"]) == (None, 0)
    book = load_workbook(file)
    row = next(cell.row for cell in book["15"]["A"] if cell.value == "(1)") + 1
    book["15"].cell(row, 6).value += 600
    book["15"].cell(row, 11).value += 600
    book.save(file)
    changed = as_json("book", "filed", str(file), folder, code=1)
    assert [(d["column"], d["difference"], d["row"]) for d in changed["differences"]] == [
        ("received", "600", row), ("closing", "600", row)]
    code, out, _ = command("book", "filed", str(file), folder)
    assert code == 1 and "Filed otherwise than the ledger says" in out and "600" in out
    opening = Path(folder, "opening.csv").read_text("utf-8")
    Path(folder, "opening.csv").write_text(opening.replace("2026-01-01", "1 January", 1), "utf-8")
    assert as_json("book", "filed", str(file), folder, code=1)["left_out"] == 1
    assert "1 rows of the book could not be read" in command("book", "filed", str(file), folder)[1]
    Path(folder, "no.xlsx").write_bytes(b"PK")
    assert as_json("book", "filed", str(Path(folder, "no.xlsx")), folder, code=2)["error"]["remedy"]


def test_explain__folder__pages_as_json_text_and_pdf_and_exit_codes(tmp_path: Path) -> None:
    folder, clean = str(tmp_path / "short"), str(tmp_path / "clean")
    as_json("book", "example", folder, "--with", "short-stock")
    as_json("book", "example", clean)
    assert as_json("explain", clean)["explanations"] == []
    assert as_json("explain", clean, "FAB-PES")["explanations"][0]["unexplained"] == "0"
    made = as_json("explain", folder, "B6:LIN-PES", "--pdf", str(tmp_path / "x.pdf"), code=1)
    assert made["explanations"][0]["unexplained"] == "40" and (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
    other = as_json("explain", folder, "LIN-PES", "--allocation", "LIFO", code=1)
    assert other["allocation"] == "LIFO" and other["explanations"][0]["duty"]["by_policy"] == str(40 * 2460)
    code, out, _ = command("explain", folder)
    assert code == 1 and "40 MTR is unexplained." in out and "What evidence would settle it" in out
    for arguments, says in (((folder, "NOPE"), "no material, product"), ((folder, "--allocation", "GUESS"), "no allocation policy"),
                            ((folder, "--known-at", "3"), "are for books in the index"), ((str(tmp_path / "none/x"),), "no folder"),
                            ((clean, "--pdf", str(tmp_path / "y.pdf")), "nothing is unexplained")):
        fault = as_json("explain", *arguments, code=2)["error"]
        assert says in fault["message"] and fault["remedy"]


def test_check__folder_by_another_policy_on_paper__named_and_the_same_bytes(tmp_path: Path) -> None:
    folder = str(tmp_path / "book")
    as_json("book", "example", folder)
    own = as_json("check", folder)
    fifo = as_json("check", folder, "--allocation", "fifo", "--pdf", str(tmp_path / "a.pdf"), "--paper", "exemption")
    assert (own["allocation"], fifo["allocation"], fifo["allocation_method"]) == ("SPECIFIC", "FIFO", "02")
    assert own["exemption"] != fifo["exemption"] and own["form15"] == fifo["form15"]
    as_json("check", folder, "--allocation", "FIFO", "--pdf", str(tmp_path / "b.pdf"), "--paper", "exemption")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    for arguments, says in ((("--allocation", "CHEAPEST"), "no allocation policy"), (("--yield-basis", "X"), "no yield basis"),
                            (("--known-at", "1"), "files know no block"), (("--paper", "bill"), "is no paper")):
        fault = as_json("check", folder, *arguments, code=2)["error"]
        assert says in fault["message"] + fault["remedy"]


def test_check__folder_of_the_eu_and_the_us__its_paper_as_json_text_workbook_and_pdf(tmp_path: Path) -> None:
    folder = tmp_path / "book"
    as_json("book", "example", str(folder))
    settings = (folder / "book.toml").read_text("utf-8")
    (folder / "book.toml").write_text(settings.replace('"VN"', '"EU"') + '\n[particulars]\nauthorisation = "IPO/1"\nnumber = "x"\n', "utf-8")
    more = ("--allocation", "FIFO", "--yield-basis", "EU_RATE_OF_YIELD")
    _, out, _ = command("check", str(folder), *more, "--particular", "office=NL000563", "--json",
                           "--pdf", str(tmp_path / "a.pdf"), "--xlsx", str(tmp_path / "a.xlsx"))
    document = json.loads(out)
    fields = {row["field"]: (row["value"], row["note"]) for row in document["discharge"]["particulars"]}
    assert fields["authorisation"] == ("IPO/1", "") and fields["office"] == ("NL000563", "") and fields["holder_id"] == ("", "MISSING")
    assert any(note["column"] == "particulars.number" for note in document["notes"])
    assert {"Bill", "Goods placed", "Outcomes", "Evidence"} <= set(load_workbook(tmp_path / "a.xlsx").sheetnames)
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    _, out, _ = command("check", str(folder), *more)
    assert "BILL OF DISCHARGE" in out and "holder_id (registration number" in out
    claim = json.loads(command("check", str(folder), "--paper", "drawback", "--yield-basis", "US_USED_IN", "--json")[1])["drawback"]
    assert claim["basis"] == "used in" and claim["method"] == "01"
    assert "drawback" not in json.loads(command("check", str(folder), *more, "--json")[1])
    for given, says in (("office", "has no value"), ("number=1", "is no particular"), ("discharge_months=x", "months")):
        assert says in as_json("check", str(folder), "--particular", given, code=2)["error"]["message"]


@pytest.mark.parametrize("currency", ["VND", "USD"])
def test_duty__wherever_it_is_read__names_its_currency(tmp_path: Path, currency: str) -> None:
    folder, file = tmp_path / "book", tmp_path / "book.xlsx"
    as_json("book", "example", str(folder), "--with", "short-stock")
    declarations = folder / "declarations.csv"
    declarations.write_text(declarations.read_text("utf-8").replace(",VND,", f",{currency},"), encoding="utf-8")
    document = as_json("check", str(folder), "--xlsx", str(file), code=1)
    costly = [f for f in document["findings"] if f["duty_at_risk"]]
    assert costly and {f["currency"] for f in costly} == {currency}
    assert {f["currency"] for f in document["findings"] if not f["duty_at_risk"]} <= {""}
    assert next(f for f in costly if f["rule"] == "B6")["explanation"].count(currency) == 3
    assert {r["currency"] for r in document["exemption"] if r["duty_freed"]} == {currency}
    _, out, _ = command("check", str(folder))
    assert all(f"{int(f['duty_at_risk']):,} {currency}" in out for f in costly)
    sheet = [row for row in load_workbook(file)["Findings"].iter_rows(values_only=True) if "Rule" in row or row[0] in ("B6", "N1")]
    at = sheet[0].index("Duty at risk")
    assert sheet[0][at + 1] == "Currency" and {row[at + 1] for row in sheet[1:] if row[at]} == {currency}
    pages = as_json("explain", str(folder), code=1)["explanations"]
    lines = [x for page in pages for x in page["import_lines"] if x["duty_per_unit"]]
    assert lines and {(x["currency"], x["duty_currency"]) for x in lines} == {(currency, currency)}
    assert all(f"at least {int(p['duty']['least']):,} {currency}, at most" in " ".join(p["says"]) for p in pages if p["duty"]["least"])


def test_duty__of_a_book_whose_lines_state_no_currency__is_told_in_that_of_the_country_or_as_not_stated(tmp_path: Path) -> None:
    for country, words in (("VN", " VND"), ("EU", " (currency not stated)")):
        folder = tmp_path / country
        as_json("book", "example", str(folder), "--with", "short-stock")
        declarations, settings = folder / "declarations.csv", folder / "book.toml"
        declarations.write_text(declarations.read_text("utf-8").replace(",VND,", ",,"), encoding="utf-8")
        settings.write_text(settings.read_text("utf-8").replace('jurisdiction = "VN"', f'jurisdiction = "{country}"'), encoding="utf-8")
        costly = [f for f in as_json("check", str(folder), code=1)["findings"] if f["duty_at_risk"]]
        _, out, _ = command("check", str(folder))
        assert costly and all(f"{int(f['duty_at_risk']):,}{words}" in " ".join(out.split()) for f in costly)
