"""Kept settlements by the command, over HTTP, on the page, and by a running server."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import world
from starlette.testclient import TestClient
from test_attacks import grant_of_book
from test_cli import as_json, command

from api.home import Home
from api.http.bookkeeper import Bookkeeper
from api.http.gate import COOKIE
from ledger.keys.grants import Scope

Headers = Callable[[str], dict[str, str]]
DAYS = ("--from", "2026-01-01", "--to", "2026-12-31")
LINEN = world.event("garment", "linen", "RECEIVE_DOMESTIC", minute=62, action="ADD", bizLocation={"id": world.FACTORY},
                    quantityList=[{"epcClass": world.lot("garment", "LIN-1"), "quantity": 11, "uom": "MTR"}], **{
                        "cl:book": "garment-book", "cl:documents": [{"type": "INVOICE", "number": "INV-L"}],
                        "cl:lines": [{"id": world.lot("garment", "LIN-1"), "role": "OUTPUT", "balance": "RAW",
                                      "material": {"code": "LINEN", "uom": "MTR", "description": "Linen", "hs": "53091100"}}]})


def post(home: Home, event: dict[str, Any], participant: str) -> None:
    home.post_document(world.document(event), participant)
    home.settle_outbox()


def correction(name: str, corrected: str, participant: str) -> dict[str, Any]:
    """CORRECT of one of the participant's own events."""
    wrong = f"{world.uri(participant)}events/{corrected}"
    return world.event(participant, name, "CORRECT", minute=100, **{
        "cl:reference": wrong, "cl:reason": "posted by mistake", "epcList": [], "quantityList": [
            {"epcClass": world.lot("garment", "LIN-1"), "quantity": 11, "uom": "MTR"}],
        "cl:book": "garment-book"})


def test_runs__kept_reopened_compared_and_ended__as_a_clerk_does_it(
        folder: Path, home: Home, client: TestClient, headers: Headers) -> None:
    assert "None is kept yet" in command("runs", "list", home=folder)[1]
    first = as_json("runs", "keep", "garment-book", *DAYS, home=folder)
    assert (first["run"], first["book"], first["reopened_by"], first["allocation"]) == (1, "garment-book", [], "")
    assert as_json("runs", "keep", "garment-book", *DAYS, home=folder) == first
    assert as_json("runs", "refresh", home=folder) == {"runs": [], "kept": 1, "faults": []}
    said = as_json("runs", "show", "1", home=folder)

    post(home, LINEN, "garment")
    again = as_json("runs", "refresh", home=folder)
    assert [run["run"] for run in again["runs"]] == [2]
    assert {cause["kind"] for cause in again["runs"][0]["reopened_by"]} == {"RECEIVE_DOMESTIC"}
    told = as_json("runs", "compare", "1", "2", home=folder)
    assert ("form15", {"code": "LINEN", "source": "domestic"}, "received", None, "11") in [
        (c["table"], c["key"], c["column"], c["before"], c["after"]) for c in told["figures"]]
    now = as_json("settle", "garment-book", *DAYS, home=folder)
    known = now.pop("known_at")
    shown = as_json("runs", "show", "2", home=folder)
    assert (shown["document"], shown["known_at"], shown["block_hash"]) == (now, known["block"], known["hash"])
    assert as_json("runs", "show", "1", home=folder) == {**said, "latest": 2}

    for arguments in (["runs", "list"], ["runs", "show", "1"], ["runs", "compare", "1", "2"], ["runs", "refresh"]):
        code, out, _ = command(*arguments, home=folder)
        assert code == 0
        assert out.strip()
    assert "LINEN" in command("runs", "compare", "1", "2", home=folder)[1]
    assert "Run 2 is the latest" in command("runs", "show", "1", home=folder)[1]

    whose = {who: client.get("/books/garment-book/runs", headers=headers(who)).status_code
             for who in ("customs", "garment", "rival", "carrier", "auditor")}
    assert whose == {"customs": 200, "garment": 200, "rival": 404, "carrier": 404, "auditor": 404}
    listed = client.get("/books/garment-book/runs", headers=headers("garment")).json()
    assert [run["run"] for run in listed["runs"]] == [1, 2]
    assert [q["question"] for q in listed["kept"]] == [first["question"]]
    one = client.get("/runs/1", headers=headers("garment"))
    assert one.json() == as_json("runs", "show", "1", home=folder)
    looked = client.get("/looks", headers=headers("garment")).json()["looks"]
    client.get("/runs/1", headers=headers("customs"))
    assert len(client.get("/looks", headers=headers("garment")).json()["looks"]) == len(looked) + 1
    both = client.get("/runs/1/difference", params={"to": 2}, headers=headers("customs")).json()
    assert both == told
    for path in ("/runs/1", "/runs/1/difference?to=2", "/runs/99"):
        answer = client.get(path, headers=headers("rival"))
        assert (answer.status_code, answer.json()["code"]) == (404, "CL-INPUT-002"), path
    page = client.get("/view/book/garment-book", cookies={COOKIE: world.token(home, "garment")})
    assert 'href="/view/run/2"' in page.text
    shown = client.get("/view/run/2", cookies={COOKIE: world.token(home, "garment")}).text
    assert "What re-opened it" in shown
    assert "LINEN" in shown
    assert 'href="/view/run/1"' in shown
    client.cookies.clear()
    assert client.get("/view/run/2", cookies={COOKIE: world.token(home, "rival")}).status_code == 404
    client.cookies.clear()

    assert as_json("runs", "end", first["question"], home=folder)["kept"] is False
    assert as_json("runs", "refresh", home=folder) == {"runs": [], "kept": 0, "faults": []}
    assert as_json("runs", "list", home=folder)["runs"][0]["run"] == 1


def test_runs__a_question_that_cannot_be_answered__is_never_said_to_hold(folder: Path, home: Home, client: TestClient) -> None:
    first = as_json("runs", "keep", "garment-book", *DAYS, home=folder)
    beside = folder / "beside" / "garment-book"
    beside.mkdir(parents=True)
    (beside / "rates.csv").write_text("currency,rate\nUSD,25000\n", "utf-8")
    made = as_json("runs", "refresh", home=folder)["runs"]
    assert [(run["question"], run["run"] > first["run"]) for run in made] == [(first["question"], True)]
    assert "a table beside it" in command("runs", "list", home=folder)[1]
    page = client.get("/view/book/garment-book", cookies={COOKIE: world.token(home, "garment")}).text
    assert "cannot be answered" not in page
    (beside / "rates.csv").write_text("currency\nUSD\n", "utf-8")
    told = as_json("runs", "refresh", home=folder, code=1)
    assert [(f["question"], "no column rate" in f["fault"]) for f in told["faults"]] == [(first["question"], True)]
    for arguments in (["runs", "refresh"], ["runs", "list"]):
        out = " ".join(command(*arguments, home=folder)[1].split())
        assert "Every answer" not in out
        assert f"Cannot be answered now: {first['question']}" in out
    shutil.rmtree(beside)
    assert as_json("runs", "refresh", home=folder)["faults"] == []
    assert "Cannot be answered" not in command("runs", "list", home=folder)[1]
    as_json("runs", "end", first["question"], home=folder)


def test_runs__an_auditor_with_a_grant_of_some_days__sees_the_runs_of_those_days_only(
        folder: Path, home: Home, client: TestClient, headers: Headers) -> None:
    wide = as_json("runs", "keep", "rival-book", *DAYS, home=folder)["run"]
    march = as_json("runs", "keep", "rival-book", "--from", "2026-03-01", "--to", "2026-03-31", home=folder)["run"]
    book = home.directory.book("rival-book").number
    start, end = 1_772_298_000_000, 1_774_976_399_999  # March 2026 in Vietnam
    grant_of_book(home, "rival", "auditor", Scope((), book, start, end))
    home.settle_outbox()
    seen = client.get("/books/rival-book/runs", headers=headers("auditor")).json()["runs"]
    assert [run["run"] for run in seen] == [march]
    assert client.get(f"/runs/{march}", headers=headers("auditor")).status_code == 200
    assert client.get(f"/runs/{wide}", headers=headers("auditor")).status_code == 404


@pytest.mark.parametrize(("arguments", "words"), [
    (["keep", "nobody", *DAYS], "nobody"),
    (["keep", "garment-book", "--from", "2026", "--to", "2026"], "two days"),
    (["keep", "garment-book", *DAYS, "--allocation", "best"], "allocation policy"),
    (["show", "99"], "no run 99"), (["compare", "1", "99"], "no run 99"),
    (["end", "0123456789abcdef"], "no question"), (["list", "nobody"], "no book 'nobody'"),
])
def test_runs__what_there_is_not__says_so_with_a_remedy(folder: Path, arguments: list[str], words: str) -> None:
    as_json("runs", "keep", "garment-book", *DAYS, home=folder)
    fault = as_json("runs", *arguments, home=folder, code=2)["error"]
    assert words in fault["message"]
    assert fault["remedy"]


def test_tables_beside_a_book__are_part_of_the_answer__and_one_that_changes_reopens_it(folder: Path) -> None:
    first = as_json("runs", "keep", "garment-book", *DAYS, home=folder)
    tables = folder / "beside" / "garment-book"
    tables.mkdir(parents=True)
    text = "product,uom,machines,rate,hours_per_day,place,valid_from,valid_to\nSHIRT,C62,{},10,8,,,\n"
    (tables / "capacity.csv").write_text(text.format(2))
    (again,) = as_json("runs", "refresh", home=folder)["runs"]
    assert (again["run"] > first["run"], again["reopened_by"]) == (True, [])
    document = as_json("runs", "show", str(again["run"]), home=folder)["document"]
    now = as_json("settle", "garment-book", *DAYS, home=folder)
    now.pop("known_at")
    assert document == now
    assert document["beside"]["files"] == ["capacity.csv"]
    assert as_json("runs", "refresh", home=folder)["runs"] == []
    (tables / "capacity.csv").write_text(text.format(3))
    assert len(as_json("runs", "refresh", home=folder)["runs"]) == 1
    (tables / "capacity.csv").unlink()
    tables.rmdir()
    (last,) = as_json("runs", "refresh", home=folder)["runs"]
    assert last["inputs"] == first["inputs"]


def test_compare__runs_of_different_books__is_refused(folder: Path) -> None:
    one = as_json("runs", "keep", "garment-book", *DAYS, home=folder)["run"]
    other = as_json("runs", "keep", "rival-book", *DAYS, home=folder)["run"]
    fault = as_json("runs", "compare", str(one), str(other), home=folder, code=2)["error"]
    assert "Compare two runs of one book" in fault["remedy"]


def test_refresh__a_book_that_the_directory_has_no_more__is_named_and_the_others_go_on(folder: Path, home: Home) -> None:
    ours = as_json("runs", "keep", "garment-book", *DAYS, home=folder)
    as_json("runs", "keep", "rival-book", *DAYS, home=folder)
    directory = replace(home.directory, books=[b for b in home.directory.books if b.id != "rival-book"])
    post(home, world.receipt("garment", "wool", "WOOL-1", 3, "WOOL"), "garment")
    keeper = replace(home.keeper, directory=directory)
    assert {run.question.id for run in keeper.refresh(1)} == {ours["question"]}
    faults = home.runs.faults()
    assert set(faults) == {q.id for q, _ in home.runs.kept() if q.book == "rival-book"}
    assert all("rival-book" in fault for fault in faults.values())
    assert home.keeper.refresh(2) == []  # back in the directory: it could be asked, and nothing had changed
    assert home.runs.faults() == {}


def test_server__something_comes__settles_again_by_itself(folder: Path, home: Home) -> None:
    kept = as_json("runs", "keep", "garment-book", *DAYS, home=folder)
    home.settings = replace(home.settings, runs_every_s=1)
    bookkeeper = Bookkeeper(home)
    bookkeeper.start()
    try:
        post(home, world.receipt("garment", "hemp", "HEMP-1", 5, "HEMP"), "garment")
        until = time.monotonic() + 30
        while (last := home.runs.last(kept["question"])) is not None and last.number == kept["run"]:
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        bookkeeper.stop()
    assert {cause.kind for cause in home.runs.last(kept["question"]).causes} >= {"RECEIVE_DOMESTIC"}
    off = Bookkeeper(home)
    home.settings = replace(home.settings, runs_every_s=0)
    off.start()
    assert not off._thread.is_alive()
    off.stop()
