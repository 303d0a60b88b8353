"""The change feed over HTTP and by the command: what the caller may see, in order, from a cursor on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import world
from starlette.testclient import TestClient
from test_cli import as_json, command

from api.home import Home

Headers = Callable[[str], dict[str, str]]
ROOT = Path(__file__).resolve().parents[2]


def everything(client: TestClient, headers: dict[str, str], limit: int = 1_000) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": limit}
    while True:
        answer = client.get("/changes", params=params, headers=headers)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += body["changes"]
        params["after"] = body["cursor"]
        if not body["more"]:
            return found


def test_changes__customs_and_a_stranger__each_what_it_may_read(client: TestClient, headers: Headers) -> None:
    whole, part = everything(client, headers("customs")), everything(client, headers("rival"), limit=7)
    assert [change["position"] for change in whole] == list(range(1, len(whole) + 1))
    assert all(change in whole for change in part) and len(part) < len(whole)
    box = client.get(f"/units/{world.BOX}", headers=headers("customs")).json()
    about_box = {box["unit"], *(row["eventId"] for row in box["timeline"])}
    assert any(about_box & set(map(str, change["key"])) for change in whole)
    assert not any(about_box & set(map(str, change["key"])) for change in part)
    own = {row["eventId"] for row in client.get("/events", headers=headers("rival")).json()["events"]}
    assert {change["key"][0] for change in part if change["table"] == "event"} == own
    assert not {change["table"] for change in part} & {"participant", "signer", "book", "material", "reading_grant"}


def test_changes__waiting_for_what_comes__told_when_it_does(client: TestClient, headers: Headers, home: Home) -> None:
    start = client.get("/changes", params={"after": "now"}, headers=headers("customs")).json()
    assert start["changes"] == [] and not start["more"]

    def post() -> None:
        home.post_document(world.document(world.box("customs", "seen", "OBSERVE", minute=90)), "customs")
        home.settle_outbox()

    later = threading.Timer(0.3, post)
    later.start()
    got = client.get("/changes", params={"after": start["cursor"], "wait": 30}, headers=headers("customs")).json()
    later.join()
    assert [change["kind"] for change in got["changes"] if change["table"] == "event"] == ["insert"]
    assert client.get("/changes", params={"after": got["cursor"], "wait": 0}, headers=headers("rival")).json()["changes"] == []


@pytest.mark.parametrize(("cursor", "status", "code"), [
    ("0123456789abcdef.3", 409, "CL-INPUT-030"), ("nonsense", 400, "CL-INPUT-001"), ("x" * 50, 400, "CL-INPUT-001")])
def test_changes__cursor_of_another_feed_or_none_at_all__said(
        client: TestClient, headers: Headers, cursor: str, status: int, code: str) -> None:
    answer = client.get("/changes", params={"after": cursor}, headers=headers("customs"))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_command__changes__pages_that_go_on_and_lost_cursor_with_exit_2(folder: Path) -> None:
    first = as_json("changes", "--limit", "5", home=folder)
    second = as_json("changes", "--limit", "5", "--after", first["cursor"], home=folder)
    assert [c["position"] for c in first["changes"] + second["changes"]] == list(range(1, 11))
    code, out, _ = command("changes", "--limit", "5", home=folder)
    assert code == 0 and out.splitlines()[-1] == f"cursor {first['cursor']}" and len(out.splitlines()) == 6
    assert as_json("changes", "--after", "0123456789abcdef.3", home=folder, code=2)["error"]["code"] == "CL-INPUT-030"


def test_command__follow__each_page_is_one_line_of_json_from_the_cursor_on(folder: Path) -> None:
    cursor = as_json("changes", "--limit", "3", home=folder)["cursor"]
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "changes", "--after", cursor, "--follow", "--limit", "4", "--json"],
        env={**os.environ, "CARGOLEDGER_HOME": str(folder), "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        pages = [json.loads(process.stdout.readline()) for _ in range(3)]
    finally:
        process.kill()
        process.wait()
    assert [c["position"] for page in pages for c in page["changes"]] == list(range(4, 16))
