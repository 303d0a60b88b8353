"""A home whose index is on PostgreSQL: every page and answer as with SQLite, to the byte."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import world
from starlette.testclient import TestClient

from api.home import Home
from api.http.app import create_app
from indexer.export import export
from tests.postgres import fresh_database

PAGES = ["/", "/view/find?q=garment", "/view/find?q=COT", "/view/find?q=nothing", f"/view/unit/{world.BOX}",
         "/view/unit/garment/SHIRT-1", "/view/unit/garment/COT-1", "/view/book/garment-book", "/view/unit/nothing"]
ANSWERS = ["/events", "/events?book=garment-book", "/lots/garment/SHIRT-1/trace", "/lots/garment/COT-1/trace?direction=forward"]


def read(home: Home) -> dict[str, str]:
    home.indexer.run_once()
    found = {"export": b"".join(export(home.engine)).decode()}
    with TestClient(create_app(home), base_url="http://ledger.test", follow_redirects=False) as client:
        for participant in ("customs", "garment", "rival"):
            key = world.token(home, participant)
            for path in ANSWERS:
                answer = client.get(path, headers={"Authorization": f"Bearer {key}"})
                found[f"{participant} {path}"] = f"{answer.status_code} {answer.text}"
            client.post("/sign-in", data={"token": key, "next": "/"})
            for path in PAGES:
                answer = client.get(path)
                found[f"{participant} {path}"] = f"{answer.status_code} " + re.sub(r'nonce-?="?[^"\']+', "", answer.text)
            client.cookies.clear()
    return found


@pytest.mark.deep
def test_pages_and_answers__index_on_postgresql__as_on_sqlite(told: Path, tmp_path: Path) -> None:
    clock = world.Clock(world.START_S + 86_400)
    answers = {}
    with fresh_database(empty=True) as url:
        for kind, place in (("sqlite", {}), ("postgresql", {"CARGOLEDGER_INDEX_URL": url})):
            folder = Path(shutil.copytree(told, tmp_path / kind))
            (folder / "index.sqlite").unlink()
            with Home.open(folder, seed=world.SEED, clock=clock, environment=place) as home:
                answers[kind] = read(home)
                assert home.engine.dialect.name == kind
                home.engine.dispose()
    assert answers["postgresql"] == answers["sqlite"]
    assert sum(text.startswith("200") for text in answers["sqlite"].values()) > 20
