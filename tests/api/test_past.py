"""Asking about the past: by the command and over HTTP, for whoever may see the thing today."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import world
from starlette.testclient import TestClient
from test_cli import as_json, command

from api.home import Home
from api.views.past import milliseconds

Headers = Callable[[str], dict[str, str]]
LATE = {"cl:reason": "picked earlier than anybody knew"}


@pytest.fixture(scope="module", autouse=True)
def late_unhold(home: Home) -> None:
    """Customs lifts its hold, and says only afterwards that it did so before the refused gate-out."""
    home.post_document(world.document(world.box("customs", "unhold", "UNHOLD", minute=25, **LATE)), "customs")
    home.settle_outbox()


def custodian(view: dict[str, Any]) -> str | None:
    return view["state"]["custodian"]["id"] if view["state"] else None


def test_show__as_of_a_time__who_had_it_then_and_under_which_hold(folder: Path) -> None:
    def at(clock: str, *more: str) -> dict[str, Any]:
        return as_json("show", world.BOX, "--as-of", f"2026-03-02T{clock}+07:00", *more, home=folder)

    assert custodian(at("06:59:59")) is None
    offered, held, lifted = at("07:05:00"), at("07:20:00"), at("07:25:00")
    assert (custodian(offered), offered["state"]["offer"]["to"]["id"]) == ("carrier", "terminal")
    assert (custodian(held), [h["id"] for h in held["state"]["holds"]]) == ("terminal", ["customs"])
    assert lifted["state"]["holds"] == [] and lifted["past"] == {"asOf": "2026-03-02T00:25:00.000Z", "knownAt": None}
    known = as_json("show", world.uri("terminal") + "events/gate-out", home=folder)["block"]["number"]
    assert [h["id"] for h in at("07:25:00", "--known-at", str(known))["state"]["holds"]] == ["customs"]
    assert [row["kind"] for row in at("07:10:00")["timeline"]] == ["ARRIVE", "OFFER", "ACCEPT"]
    assert "past" not in as_json("show", world.BOX, home=folder)
    code, out, _ = command("show", world.BOX, "--known-at", str(known), home=folder)
    assert code == 0 and f"as known at block {known}" in out and "HELD" in out


def test_show__event_as_known_before_its_answer__not_answered(folder: Path) -> None:
    offer = as_json("show", world.uri("carrier") + "events/offer", home=folder)
    then = as_json("show", offer["eventId"], "--known-at", str(offer["block"]["number"]), home=folder)
    assert [len(view["answers"]) for view in (offer, then)] == [1, 0]


def test_trace__as_known_at_a_block__what_was_made_by_then(folder: Path) -> None:
    block = as_json("show", world.uri("garment") + "events/issue", home=folder)["block"]["number"]
    now = as_json("trace", "COT-1", "--forward", home=folder)
    then = as_json("trace", "COT-1", "--forward", "--known-at", str(block), home=folder)
    early = as_json("trace", "COT-1", "--forward", "--as-of", "2026-03-02T08:15:00+07:00", home=folder)
    assert any(node["label"] == "TRANSFORM" for node in now["forward"][0]["graph"]["nodes"])
    for view in (then, early):
        assert not any(node["label"] == "TRANSFORM" for node in view["forward"][0]["graph"]["nodes"])


@pytest.mark.parametrize(("option", "value", "says"), [
    ("--as-of", "2026-03-02T07:00:00", "no time zone"), ("--as-of", "yesterday", "not a time"), ("--known-at", "999999", "is not indexed")])
def test_show__of_no_time_or_block_that_there_is__says_what_is_wrong(folder: Path, option: str, value: str, says: str) -> None:
    fault = as_json("show", world.BOX, option, value, home=folder, code=2)["error"]
    assert says in fault["message"] and fault["pointer"] == "/" + option[2:].replace("-", "_")


def test_http__as_of_and_known_at__the_same_answers(client: TestClient, headers: Headers, folder: Path) -> None:
    when = {"as_of": "2026-03-02T07:05:00+07:00"}
    answer = client.get(f"/units/{world.BOX}", params=when, headers=headers("customs")).json()
    assert custodian(answer) == "carrier"
    listed = client.get("/events", params={**when, "unit": world.BOX}, headers=headers("customs")).json()
    assert [row["kind"] for row in listed["events"]] == ["ARRIVE", "OFFER"]
    block = listed["events"][1] and client.get(f"/events/{listed['events'][1]['eventId']}", headers=headers("customs")).json()["block"]["number"]
    known = client.get("/events", params={"known_at": block, "unit": world.BOX}, headers=headers("customs")).json()
    assert [row["kind"] for row in known["events"]] == ["ARRIVE", "OFFER"] and known["past"]["knownAt"] == block
    trace = client.get("/lots/COT-1/trace", params={"known_at": block}, headers=headers("customs"))
    assert trace.status_code == 404
    assert client.get(f"/units/{world.BOX}", params={"known_at": -1}, headers=headers("customs")).status_code == 400


@pytest.mark.parametrize(("as_of", "status"), [
    ("9999-12-31T23:59:59-12:00", 200), ("9999-12-31T23:59:59+07:00", 200), ("0001-01-01T00:00:00+14:00", 400),
    ("1969-12-31T23:59:59Z", 400)])
def test_http__as_of_a_time_at_the_end_of_the_calendar__answered_or_refused(
        client: TestClient, headers: Headers, as_of: str, status: int) -> None:
    days = {"from": "2026-01-01", "to": "2026-12-31", "as_of": as_of}
    for path in ("/books/garment-book/settlement", f"/units/{world.BOX}", "/events"):
        params = days if "books" in path else {"as_of": as_of}
        assert client.get(path, params=params, headers=headers("customs")).status_code == status, path


def test_http__past_of_what_is_not_for_the_caller__not_found(client: TestClient, headers: Headers) -> None:
    for params in ({"known_at": 10**6}, {"as_of": "2026-03-02T07:05:00"}):
        assert client.get(f"/units/{world.BOX}", params=params, headers=headers("rival")).status_code == 400
    good = {"as_of": "2026-03-02T09:00:00+07:00"}
    unknown = client.get("/units/NOPE", params=good, headers=headers("rival"))
    forbidden = client.get(f"/units/{world.BOX}", params=good, headers=headers("rival"))
    assert unknown.status_code == forbidden.status_code == 404
    assert unknown.json()["detail"].replace("NOPE", world.BOX) == forbidden.json()["detail"]
    listed = client.get("/events", params=good, headers=headers("rival")).json()["events"]
    assert {row["participant"]["id"] for row in listed} == {"rival"}


DAYS = ("--from", "2026-01-01", "--to", "2026-12-31")


def test_settlement__made_at_a_block_and_asked_again_as_known_at_it__same_bytes(home: Home, folder: Path, tmp_path: Path) -> None:
    before = command("settle", "garment-book", *DAYS, "--json", "--pdf", str(tmp_path / "a.pdf"), "--xlsx", str(tmp_path / "a.xlsx"), home=folder)
    checked = command("check", "garment-book", *DAYS, "--json", home=folder)
    block = as_json("settle", "garment-book", *DAYS, home=folder)["known_at"]["block"]
    home.post_document(world.document(world.receipt("garment", "buy-again", "COT-2", 77, "COTTON")), "garment")
    home.settle_outbox()
    after = as_json("settle", "garment-book", *DAYS, home=folder)
    assert after["known_at"]["block"] > block and after["form15"] != as_json(
        "settle", "garment-book", *DAYS, "--known-at", str(block), home=folder)["form15"]
    known = ("--known-at", str(block))
    again = command("settle", "garment-book", *DAYS, *known, "--json", "--pdf", str(tmp_path / "b.pdf"), "--xlsx", str(tmp_path / "b.xlsx"), home=folder)
    assert again == before and checked == command("check", "garment-book", *DAYS, *known, "--json", home=folder)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_settlement__as_of_a_time__nothing_later_counts(folder: Path) -> None:
    full = as_json("settle", "garment-book", *DAYS, home=folder)
    early = as_json("settle", "garment-book", *DAYS, "--as-of", "2026-03-02T08:15:00+07:00", home=folder)
    assert early["as_of"] == "2026-03-02T08:15:00+07:00" and early["form15a"] == [] and full["form15a"]
    assert {row["issued"] for row in early["form15"]} == {"60"}


def test_settlement__over_http_as_known_at__what_the_command_says(client: TestClient, headers: Headers, folder: Path) -> None:
    issue = as_json("show", world.uri("garment") + "events/issue", home=folder)["block"]["number"]
    said = as_json("settle", "garment-book", *DAYS, "--known-at", str(issue), home=folder)
    params = {"from": "2026-01-01", "to": "2026-12-31", "known_at": issue}
    assert client.get("/books/garment-book/settlement", params=params, headers=headers("garment")).json() == said
    assert said["form15a"] == [] and said["known_at"]["block"] == issue
    assert client.get("/books/garment-book/settlement", params=params, headers=headers("rival")).status_code == 404
    findings = client.get("/books/garment-book/check", params={"known_at": issue}, headers=headers("garment")).json()
    assert findings["known_at"] == said["known_at"] and findings["findings"] == said["report"]["findings"]


def test_settle__of_a_block_that_is_not_there_or_before_the_period__said(folder: Path) -> None:
    fault = as_json("settle", "garment-book", *DAYS, "--known-at", "999999", home=folder, code=2)["error"]
    assert "block 999999 is not indexed" in fault["message"]
    fault = as_json("check", "garment-book", *DAYS, "--as-of", "2025-01-01T00:00:00+07:00", home=folder, code=2)["error"]
    assert "nothing of a period from 2026-01-01 on had happened" in fault["message"] and fault["remedy"]
    fault = as_json("settle", "garment-book", *DAYS, "--paper", "invoice", home=folder, code=2)["error"]
    assert "'invoice' is no paper" in fault["message"] and "settlement" in fault["remedy"]
    fault = as_json("settle", "garment-book", *DAYS, "--pdf", "/nowhere/x.pdf", home=folder, code=2)["error"]
    assert "cannot be written" in fault["message"]


@pytest.mark.parametrize("year", [1970, 2004, 2026, 2038, 2100])
def test_time__of_any_millisecond__is_that_millisecond(year: int) -> None:
    """By way of a float every fifth time of 2004 and 2038 was a millisecond early, and as of it an event was not there yet."""
    first = datetime(year, 1, 19, 3, 14, tzinfo=UTC)
    for n in range(0, 100_000, 37):
        at = first + timedelta(milliseconds=n)
        days = (at.date() - datetime(1970, 1, 1, tzinfo=UTC).date()).days
        whole = ((days * 24 + at.hour) * 60 + at.minute) * 60_000 + at.second * 1000 + at.microsecond // 1000
        assert milliseconds(at.isoformat(), "as_of") == whole
