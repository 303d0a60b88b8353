"""Holding a home's index to its ledger from the command line: audit, heal, beside a server too."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from test_cli import as_json, command


@pytest.fixture
def copy(told: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(told, tmp_path / "home"))


def spoil(home: Path, sql: str) -> None:
    with closing(sqlite3.connect(home / "index.sqlite")) as raw, raw:
        assert raw.execute(sql).rowcount == 1


def test_audit__of_a_home__sound_then_differs_then_healed(copy: Path) -> None:
    found = as_json("audit", home=copy)
    assert (found["verdict"], found["findings"], found["remaining"]) == ("sound", [], None)
    assert found["rows"] > 100
    spoil(copy, "UPDATE event SET participant = 77 WHERE seq = 2")
    found = as_json("audit", home=copy, code=1)
    [finding] = found["findings"]
    assert (finding["kind"], finding["table"], finding["columns"], finding["stored"]) == (
        "changed", "event", ["participant"], {"participant": 77})
    assert finding["proof"]["receipt"]["path"]
    healed = as_json("audit", "--heal", home=copy, code=1)
    assert (healed["healed"], healed["remaining"]) == (1, 0)
    assert as_json("audit", home=copy)["verdict"] == "sound"
    with closing(sqlite3.connect(copy / "index.sqlite")) as raw:
        [(kept,)] = raw.execute("SELECT stored FROM repair").fetchall()
    assert json.loads(kept)["participant"] == 77


def test_audit__for_people__names_row_value_and_log(copy: Path) -> None:
    spoil(copy, "UPDATE event SET participant = 77 WHERE seq = 2")
    code, out, _ = command("audit", "--table", "event", home=copy)
    assert code == 1
    assert "participant: stored 77, recomputed" in out
    assert "transaction 0x" in out


def test_audit__payload_lost_by_its_store__cannot_tell(copy: Path) -> None:
    with closing(sqlite3.connect(copy / "gateway.sqlite")) as raw, raw:
        raw.execute("DELETE FROM payload WHERE commitment = (SELECT min(commitment) FROM payload)")
    found = as_json("audit", home=copy, code=2)
    assert found["verdict"] == "cannot tell"
    assert found["counts"]["unproven"] > 0


def test_audit__unknown_table__refused(copy: Path) -> None:
    assert "no table 'x'" in as_json("audit", "--table", "x", home=copy, code=2)["error"]["message"]


# export and rebuild


def test_rebuild__of_a_home__exports_the_same_bytes(copy: Path, tmp_path: Path) -> None:
    before = as_json("export", str(tmp_path / "before"), home=copy)
    as_json("rebuild", "--into", str(tmp_path / "other.sqlite"), home=copy)
    spoil(copy, "UPDATE event SET participant = 77 WHERE seq = 2")
    assert as_json("export", str(tmp_path / "spoilt"), home=copy)["sha256"] != before["sha256"]
    found = as_json("rebuild", home=copy)
    assert found["payloadsWaiting"] == 0
    after = as_json("export", str(tmp_path / "after"), home=copy)
    assert (after["sha256"], after["rows"]) == (before["sha256"], before["rows"])
    assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()
    assert json.loads((tmp_path / "after").read_bytes().splitlines()[-1]) == ["end", after["rows"]]
    assert (tmp_path / "after").stat().st_mode & 0o777 == 0o600


def test_rebuild__while_a_server_runs__only_into_another_database(copy: Path, tmp_path: Path) -> None:
    import os

    (copy / "server.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": os.getpid()}))
    assert "uses the index" in as_json("rebuild", home=copy, code=2)["error"]["message"]
    assert as_json("rebuild", "--into", str(tmp_path / "other.sqlite"), home=copy)["block"] > 0
    assert "already" in as_json("rebuild", "--into", str(tmp_path / "other.sqlite"), home=copy, code=2)["error"]["message"]
