"""Risk and findings by the command, over HTTP and on the page: each sees its own, and what is said stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import world
from starlette.testclient import TestClient
from test_cli import as_json, command

from api.home import Home
from api.http.gate import COOKIE
from api.proving import verify_file

Headers = Callable[[str], dict[str, str]]
DAYS = ("--from", "2026-01-01", "--to", "2026-12-31")


@pytest.fixture(scope="module")
def found(folder: Path, home: Home) -> dict[str, Any]:
    """A count that finds far less cotton than the book says: findings of one book, kept."""
    home.post_document(world.document(world.event("garment", "count", "COUNT", minute=300, **{
        "cl:book": "garment-book",
        "quantityList": [{"epcClass": world.lot("garment", "COT-1"), "quantity": 3, "uom": "MTR"}],
        "cl:lines": [{"id": world.lot("garment", "COT-1"), "balance": "RAW"}],
        "cl:counts": [{"at": "2026-03-02T12:00:00+07:00", "stock": "material", "code": "COTTON", "lot": "COT-1",
                       "quantity": "3", "uom": "MTR", "place": world.FACTORY}]})), "garment")
    home.settle_outbox()
    for book in ("garment-book", "rival-book"):
        as_json("runs", "keep", book, *DAYS, home=folder)
    return as_json("findings", "list", home=folder)


def test_finding__proven__every_event_of_its_evidence_stands_without_the_ledger(
        folder: Path, home: Home, found: dict[str, Any], tmp_path: Path) -> None:
    one = next(f for f in found["findings"] if f["rule"] == "B2")
    made = as_json("findings", "prove", one["id"], str(tmp_path / "evidence"), home=folder)
    assert [p["event"] for p in made["proofs"]] == [e["id"] for e in one["evidence"]] != []
    assert json.loads((tmp_path / "evidence" / "finding.json").read_text("utf-8"))["id"] == one["id"]
    for proof in made["proofs"]:
        assert proof["verified"] and proof["fault"] is None
        data = (tmp_path / "evidence" / proof["file"]).read_bytes()
        checked = verify_file(data, home.trust_root())
        assert checked["verified"] and checked["eventId"] == proof["event"]
        assert not verify_file(data.replace(proof["event"][2:12].encode(), b"0123456789"), home.trust_root())["verified"]
    again = as_json("findings", "prove", one["id"], str(tmp_path / "evidence"), home=folder, code=2)
    assert "not empty" in again["error"]["message"]


def test_findings__explained_by_the_owner_closed_by_customs__and_the_score_follows(
        folder: Path, home: Home, client: TestClient, headers: Headers, found: dict[str, Any]) -> None:
    assert found["findings"]
    assert {f["book"] for f in found["findings"]} == {"garment-book"}
    one = found["findings"][0]
    before = as_json("risk", "--capacity", "1", home=folder)
    garment = next(b for b in before["books"] if b["book"] == "garment-book")
    assert float(garment["score"]) > 0
    assert any(c["rule"] == one["rule"] for c in garment["checks"])
    assert [c["id"] for c in before["controls"]] == [before["books"][0]["book"]]

    path = f"/findings/{one['id']}"
    said = client.post(path, headers=headers("garment"), json={"status": "explained", "reason": "counted twice"})
    assert said.status_code == 200, said.text
    assert said.json()["finding"]["status"] == "explained"
    for who, status, code in (("garment", "dismissed", 401), ("rival", "explained", 404), ("auditor", "confirmed", 404),
                              ("carrier", "explained", 404)):
        answer = client.post(path, headers=headers(who), json={"status": status, "reason": "because"})
        assert answer.status_code == code, (who, answer.text)
    for body in ({"status": "explained"}, {"status": "explained", "reason": " "}, {"status": "gone", "reason": "x"},
                 {"status": "explained", "reason": 7}, [], {"status": "explained", "reason": "x" * 2001}):
        assert client.post(path, headers=headers("garment"), json=body).status_code == 400, body
    reading = {"Authorization": f"Bearer {world.token(home, 'garment', 'read')}"}
    assert client.post(path, headers=reading, json={"status": "explained", "reason": "x"}).status_code == 401
    assert client.get("/findings/0123456789ab", headers=headers("garment")).status_code == 404
    assert client.get("/findings/nothing", headers=headers("garment")).status_code == 400

    closed = as_json("findings", "say", one["id"], "dismissed", "--as", "customs", "--reason", "seen the minutes", home=folder)
    assert [s["status"] for s in closed["statements"]] == ["explained", "dismissed"]
    assert client.get(path, headers=headers("garment")).json() == closed == as_json("findings", "show", one["id"], home=folder)
    after = as_json("risk", home=folder)
    assert after["rules_judged"][one["rule"]] == {"confirmed": 0, "dismissed": 1}
    assert float(next(b for b in after["books"] if b["book"] == "garment-book")["score"]) < float(garment["score"])
    listed = client.get("/books/garment-book/findings", headers=headers("garment")).json()["findings"]
    assert [f["id"] for f in listed if f["status"] == "dismissed"] == [one["id"]]
    assert listed[-1]["id"] == one["id"]
    for arguments in (["risk", "--capacity", "1"], ["findings", "list"], ["findings", "show", one["id"]]):
        code, out, _ = command(*arguments, home=folder)
        assert (code, bool(out.strip())) == (0, True)


def test_risk__each_sees_its_own__and_customs_all(
        client: TestClient, home: Home, headers: Headers, found: dict[str, Any]) -> None:
    whole = client.get("/risk", params={"aeo": "garment"}, headers=headers("customs")).json()
    assert {b["book"] for b in whole["books"]} == {"garment-book", "rival-book"}
    assert {a["participant"] for a in whole["actors"]} >= {"garment", "rival", "terminal", "carrier"}
    own = client.get("/risk", headers=headers("garment")).json()
    assert ({b["book"] for b in own["books"]}, {a["participant"] for a in own["actors"]}) == ({"garment-book"}, {"garment"})
    none = client.get("/risk", headers=headers("carrier")).json()
    assert (none["books"], none["units"], [a["participant"] for a in none["actors"]]) == ([], [], ["carrier"])
    assert client.get("/risk", params={"aeo": "nobody"}, headers=headers("customs")).status_code == 404
    assert client.get("/risk", params={"capacity": -1}, headers=headers("customs")).status_code == 400
    for who, seen, hidden in (("customs", "rival-book", "\0"), ("garment", "garment-book", "rival-book")):
        page = client.get("/view/risk", headers={"Cookie": f"{COOKIE}={world.token(home, who)}"}).text
        assert "Where to look first" in page
        assert seen in page
        assert hidden not in page


def test_custody__kept_without_a_book__tells_customs_of_containers_and_nobody_else(
        folder: Path, client: TestClient, home: Home, headers: Headers, found: dict[str, Any]) -> None:
    kept = as_json("runs", "keep", "--custody", *DAYS, home=folder)
    assert kept["book"] == ""
    assert {f["rule"] for f in as_json("findings", "list", home=folder)["findings"] if not f["book"]} == {"C1", "T1"}
    units = {u["unit"]: u for u in as_json("risk", home=folder)["units"]}
    box = units[f"{world.CONSIGNMENT}/{world.BOX}"]
    assert {(f["rule"], f["severity"]) for f in box["because"]} >= {("C1", "critical")}  # the refused gate-out
    assert "hold" in box["suggested"] and box["place"] == "quay"
    assert f"{world.BOX}</a> at quay" in client.get("/view/risk", headers={"Cookie": f"{COOKIE}={world.token(home, 'customs')}"}).text
    assert client.get(f"/runs/{kept['run']}", headers=headers("customs")).status_code == 200
    page = client.get(f"/view/run/{kept['run']}", headers={"Cookie": f"{COOKIE}={world.token(home, 'customs')}"})
    assert "Custody of containers" in page.text
    for who in ("garment", "terminal", "carrier"):
        assert client.get(f"/runs/{kept['run']}", headers=headers(who)).status_code == 404
        assert f"{world.CONSIGNMENT}/{world.BOX}" not in {
            u["unit"] for u in client.get("/risk", headers=headers(who)).json()["units"]}
    (one,) = [f for f in as_json("findings", "list", home=folder)["findings"] if not f["book"] and f["rule"] == "C1"]
    said = client.post(f"/findings/{one['id']}", headers=headers("customs"), json={"status": "confirmed", "reason": "camera"})
    assert said.json()["finding"]["status"] == "confirmed"
    for arguments in (["runs", "list"], ["findings", "list"], ["runs", "show", str(kept["run"])]):
        assert command(*arguments, home=folder)[0] == 0
    for wrong in (["runs", "keep", *DAYS], ["runs", "keep", "garment-book", "--custody", *DAYS]):
        assert as_json(*wrong, home=folder, code=2)["error"]["remedy"]


def test_statement__that_would_steer_the_terminal_of_who_reads_it__is_shown_without(
        folder: Path, found: dict[str, Any]) -> None:
    """An enterprise writes the reason, customs reads it: it must not hide a line, nor turn a word round."""
    one = found["findings"][0]["id"]
    reason = "counted\x1b[2K\x1b[1A twice\x9b1m \u202eton\u202c"
    as_json("findings", "say", one, "explained", "--as", "garment", "--reason", reason, home=folder)
    code, out, _ = command("findings", "show", one, home=folder)
    assert code == 0
    assert "counted[2K[1A twice1m ton" in " ".join(out.split())
    assert not set(out) & set("\x1b\x9b\u202e\u202c")
    assert as_json("findings", "show", one, home=folder)["statements"][-1]["reason"] == reason
    code, _, err = command("findings", "show", "\x1b[2J", home=folder)
    assert (code, "\x1b" in err) == (2, False)


def test_findings__what_there_is_not__says_so(folder: Path, found: dict[str, Any]) -> None:
    for arguments, words in ((["show", "0123456789ab"], "no finding"), (["list", "nobody"], "nobody"),
                             (["say", found["findings"][0]["id"], "explained", "--as", "garment", "--reason", ""], "reason"),
                             (["say", found["findings"][0]["id"], "explained", "--as", "nobody", "--reason", "x"], "nobody")):
        fault = as_json("findings", *arguments, home=folder, code=2)["error"]
        assert words in fault["message"]


def test_release_study__over_http_and_as_a_page__of_the_units_that_each_may_see(
        client: TestClient, home: Home, headers: Headers) -> None:
    days = {"from": "2026-01-01", "to": "2026-12-31"}
    seen = {who: client.get("/release-study", params=days, headers=headers(who)).json()["cases"]
            for who in ("customs", "carrier", "terminal", "rival")}
    assert seen == {"customs": 1, "carrier": 1, "terminal": 1, "rival": 0}
    split = client.get("/release-study", headers=headers("customs"), params={
        **days, "by": "port", "limit_hours": 48, "against_from": "2025-01-01", "against_to": "2025-12-31"}).json()
    assert split["clocks"]["calendar"]["splits"][0]["of"] == "quay"
    assert split["against"]["difference"] is None
    for wrong in ({"by": "colour"}, {"to": "2025-01-01"}, {"from": "now"}, {"against_from": "2025-01-01"}):
        assert client.get("/release-study", params={**days, **wrong}, headers=headers("customs")).status_code == 400, wrong
    for who, by, words in (("customs", "?by=port", "quay"), ("customs", "", "1 units"), ("customs", "", "How full it was"), ("customs", "?from=2020-01-01&to=2020-12-31", "No unit that you may see arrived"),
                           ("rival", "", "0 units")):
        page = client.get(f"/view/release{by}", headers={"Cookie": f"{COOKIE}={world.token(home, who)}"})
        assert (page.status_code, words in page.text) == (200, True), (who, by)
