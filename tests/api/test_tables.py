"""Tables beside a book of the ledger: named with the question, or in the home; over the command line and HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import world
from starlette.testclient import TestClient
from test_cli import as_json, command

from api.home import Home
from api.http.gate import COOKIE
from ledger.directory import Directory
from tracer.load import load_book, period_of

Headers = Callable[[str], dict[str, str]]
YEAR = ("--from", "2026-01-01", "--to", "2026-12-31")


def tables(folder: Path, **files: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return str(folder)


def unknown(document: dict[str, Any]) -> set[str]:
    return {f["rule"] for f in document["not_evaluable"]}


def test_check__with_tables_beside__rules_that_lacked_them_are_evaluated(folder: Path, tmp_path: Path) -> None:
    plain = as_json("check", "garment-book", *YEAR, home=folder)
    assert {"L4", "D2", "O6"} <= unknown(plain) and "beside" not in plain
    given = tables(tmp_path / "given", reliefs="claim,kind,declaration,line\n", remedies="origin,market,hs\nCN,US,9403\n",
                   scrap_book="code,uom,opening,generated,sold,destroyed,recycled,closing\n",
                   movements="at,kind\n", odd="x\n")
    document = as_json("check", "garment-book", *YEAR, "--beside", given, home=folder, code=1)
    assert [(f["rule"], f["subject"]["id"]) for f in document["findings"]] == [("D2", "CUTTINGS")]  # in no row of its book
    assert not {"L4", "D2", "O6"} & unknown(document)
    assert set(document["beside"]["files"]) == {"reliefs.csv", "remedies.csv", "scrap_book.csv"}
    assert len(document["beside"]["sha256"]) == 64 and document["beside"]["faults"] == []
    assert {n["file"] for n in document["beside"]["notes"]} == {"movements.csv", "odd.csv"}
    code, out, _ = command("check", "garment-book", *YEAR, "--beside", given, home=folder)
    assert code == 1 and "remedies.csv" in out and "is the ledger's own" in " ".join(out.split())


def test_check__a_table_with_a_wrong_row__is_told_and_the_rest_counts(folder: Path, tmp_path: Path) -> None:
    given = tables(tmp_path / "given", documents="number,sha256,declaration\nINV-1,xyz,1\nINV-2,,1\nINV-3,,\n",
                   seal_ranges="issuer,first,last\na,ML1,XX9\n", densities="code,low,high\nO,2,1\n")
    document = as_json("check", "garment-book", "--beside", given, home=folder)
    assert {(f["file"], f["row"], f["column"]) for f in document["beside"]["faults"]} == {
        ("documents.csv", 2, "sha256"), ("documents.csv", 4, "declaration"), ("seal_ranges.csv", 2, "last"),
        ("densities.csv", 2, "low")}
    assert all(f["remedy"] for f in document["beside"]["faults"])


def test_check__no_such_folder__or_a_folder_of_files__ends_with_2(folder: Path, tmp_path: Path) -> None:
    nowhere = as_json("check", "garment-book", "--beside", str(tmp_path / "no"), home=folder, code=2)
    assert "there is no folder" in nowhere["error"]["message"]
    as_json("book", "example", str(tmp_path / "book"))
    both = as_json("check", f"{tmp_path / 'book'}", "--beside", str(tmp_path), code=2)
    assert "--beside is for books in the index" in both["error"]["message"]


def test_home_s_own_folder__answers_over_http_too(client: TestClient, headers: Headers, home: Home) -> None:
    own = home.path / "beside" / "garment-book"
    tables(own, remedies="origin,market,hs\nCN,US,9403\n")
    try:
        for route in ("check", "settlement"):
            said = client.get(f"/books/garment-book/{route}?from=2026-01-01&to=2026-12-31", headers=headers("garment")).json()
            assert said["beside"]["files"] == ["remedies.csv"]
            assert "O6" not in unknown(said.get("report", said))
        other = client.get("/books/rival-book/check?from=2026-01-01&to=2026-12-31", headers=headers("rival")).json()
        assert "beside" not in other
    finally:
        shutil.rmtree(home.path / "beside")


BROKEN = {"no column": b"origin,market\nCN,US\n", "empty": b"\n", "no text": b"origin,market,hs\nCN,\xff\xfe,9403\n", "twice": b"hs,hs,origin,market\n",
          "a workbook": b"PK\x03\x04 and so on", "breaks off": b'origin,market,hs\nCN,US,9403\n"CN,US,94'}


@pytest.mark.parametrize("what", [*BROKEN, "book.xlsx"])
def test_check__with_a_table_that_cannot_be_used__is_told_of_it_and_judges_the_rest(folder: Path, tmp_path: Path, what: str) -> None:
    given = Path(tables(tmp_path / "given", reliefs="claim,kind,declaration,line\n"))
    file = "book.xlsx" if what == "book.xlsx" else "remedies.csv"
    (given / file).write_bytes(BROKEN.get(what, b"no workbook"))
    plain = as_json("check", "garment-book", *YEAR, home=folder)
    document = as_json("check", "garment-book", *YEAR, "--beside", str(given), home=folder)
    (fault,) = document["beside"]["faults"]
    assert (fault["file"], fault["row"]) == (file, 0) and fault["message"] and fault["remedy"]
    assert document["findings"] == plain["findings"] and "O6" in unknown(document)
    assert document["beside"]["files"] == ["reliefs.csv"] and "L4" not in unknown(document)
    _, out, _ = command("check", "garment-book", *YEAR, "--beside", str(given), home=folder)
    assert file in out and "Rows and tables that could not be read" in out


def test_home_s_own_folder__with_a_table_that_cannot_be_used__answers_and_the_page_says_so(
        client: TestClient, headers: Headers, home: Home) -> None:
    own = home.path / "beside" / "garment-book"
    tables(own, remedies="origin,market\nCN,US\n", reliefs="claim,kind,declaration,line\n")
    try:
        for route in ("check", "settlement", "explanations"):
            answer = client.get(f"/books/garment-book/{route}?from=2026-01-01&to=2026-12-31", headers=headers("garment"))
            assert answer.status_code == 200
            assert [f["file"] for f in answer.json()["beside"]["faults"]] == ["remedies.csv"]
        page = client.get("/view/book/garment-book", headers={"Cookie": f"{COOKIE}={world.token(home, 'garment')}"})
        assert page.status_code == 200 and "remedies.csv" in page.text and "has no column hs" in page.text
    finally:
        shutil.rmtree(home.path / "beside")


def test_ledger__its_places_keys_and_papers__are_in_the_book(home: Home) -> None:
    with home.session() as session:
        book = load_book(session, home.directory, "garment-book", period=period_of("2026-01-01", "2026-12-31"))
    assert book.places is not None
    assert {(p.id, p.custodian, p.kind) for p in book.places} >= {("factory", "garment", "factory"), ("quay", "terminal", "port")}
    assert book.beside.signers and {s.actor for s in book.beside.signers} >= {"garment", "terminal", "customs"}
    known = {s.signer for s in book.beside.signers}
    assert book.events and all(e.more.signer in known for e in book.events)
    assert all(line.stated_uom == line.uom for line in book.lines)


def test_ledger__a_place_that_is_a_geo_uri__has_coordinates(home: Home) -> None:
    from dataclasses import replace

    from tracer.load_beside import places

    facilities = [replace(f, uri="geo:20.8449,106.6881;u=40") if f.id == "quay" else f for f in home.directory.facilities]
    directory = Directory(home.directory.participants, facilities, home.directory.books)
    with home.session() as session:
        found = {p.id: p for p in places(session, directory) or ()}
    assert found["quay"].latitude and (float(found["quay"].latitude), float(found["quay"].longitude or 0)) == (20.8449, 106.6881)
    assert found["factory"].latitude is None


def test_ledger__a_clean_story__has_keys_that_were_good(folder: Path) -> None:
    document = as_json("check", "garment-book", *YEAR, home=folder)
    (c7,) = [r for r in document["rules"] if r["rule"] == "C7"]
    assert c7["tested"] > 0 and c7["failed"] == 0
    (c4,) = [r for r in document["rules"] if r["rule"] == "C4"]
    assert c4["not_evaluable"] == 0
