"""`cargoledger status`: what it says of a fresh home, of one that is up to date, behind, or waits for contents."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import world
from test_cli import as_json, command

from api.home import Home


@pytest.fixture
def home(told: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(told, tmp_path / "home"))


def said(home: Path) -> dict[str, Any]:
    """As JSON; as text the same, in one line for the ledger and one for the payloads."""
    view = as_json("status", home=home)
    code, text, err = command("status", home=home)
    assert (code, err) == (0, "")
    assert text.startswith(f"{view['status']}: ledger at block {view['ledgerBlock']}, index at block ")
    for state, count in view["payloads"].items():
        assert (f"{count} {state}" in text) is (count > 0)
    assert (f"({view['lagBlocks']} behind)" in text) is (view["lagBlocks"] > 0)
    return view


def test_status__fresh_home__nothing_waits_and_no_payload(tmp_path: Path) -> None:
    Home.create(tmp_path / "home", name="fresh", seed=world.SEED, clock=world.Clock()).close()
    view = said(tmp_path / "home")
    assert (view["status"], view["faults"], view["waiting"], view["endpoints"]) == ("ok", [], 0, [])
    assert sum(view["payloads"].values()) == 0
    assert "payloads: none" in command("status", home=tmp_path / "home")[1]
    assert view["lagBlocks"] == view["ledgerBlock"] - (-1 if view["indexBlock"] is None else view["indexBlock"])


def test_status__indexed__no_lag_and_every_payload_open(home: Path) -> None:
    view = said(home)
    assert (view["status"], view["lagBlocks"], view["indexBlock"]) == ("ok", 0, view["ledgerBlock"])
    assert view["payloads"] == {"open": len(world.STORY), "sealed": 0, "withheld": 0, "mismatch": 0}
    with closing(sqlite3.connect(home / "index.sqlite")) as raw:
        assert (view["remembersFromBlock"],) == raw.execute("SELECT min(number) FROM block").fetchone()
    assert view["indexTime"].startswith("2026-03-02T")


def test_status__index_behind_the_ledger__says_by_how_much(home: Path) -> None:
    with Home.open(home, seed=world.SEED, clock=world.Clock(world.START_S + 86_400)) as opened:
        opened.post_document(world.document(world.box("customs", "unhold", "UNHOLD", minute=60)), "customs")
        opened.gateway.flush()
    view = said(home)
    assert (view["status"], view["lagBlocks"]) == ("ok", 1)
    assert view["indexBlock"] == view["ledgerBlock"] - 1


def test_status__payload_that_no_store_has__counted_as_withheld(home: Path) -> None:
    with closing(sqlite3.connect(home / "index.sqlite")) as raw, raw:
        raw.execute("UPDATE payload SET status = 'withheld', document = NULL WHERE event_id = "
                    "(SELECT min(event_id) FROM payload)")
    view = said(home)
    assert view["payloads"]["withheld"] == 1
    assert view["payloads"]["open"] == len(world.STORY) - 1
    assert view["status"] == "ok", "a store that lacks a content degrades nothing"


def test_status__no_home__one_json_document_with_the_fault(tmp_path: Path) -> None:
    code, out, _ = command("status", "--json", home=tmp_path / "nowhere")
    assert code not in (0, 1)
    assert json.loads(out)["error"]["code"].startswith("CL-")
