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
from tests.postgres import Server, fresh_database

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


@pytest.mark.deep
def test_server__of_the_database_is_away__told_so_and_answered_again_when_it_is_back(told: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(told, tmp_path / "home"))
    server = Server()
    try:
        server.start()
        place = {"CARGOLEDGER_INDEX_URL": server.url(server.fresh())}
        with Home.open(folder, seed=world.SEED, clock=world.Clock(world.START_S + 86_400), environment=place) as home:
            home.indexer.run_once()
            with TestClient(create_app(home), base_url="http://ledger.test", raise_server_exceptions=False) as client:
                headers = {"Authorization": f"Bearer {world.token(home, 'customs')}"}
                server.stop()
                for path in ("/events", f"/units/{world.BOX}", f"/units/{world.BOX}?known_at=9", "/changes"):
                    answer = client.get(path, headers=headers)
                    assert (answer.status_code, answer.json()["code"]) == (503, "CL-UNAVAILABLE-041"), path
                    assert answer.headers["Retry-After"] and str(server.folder) not in answer.text
                server.start()
                assert client.get("/events", headers=headers).status_code == 200
            home.engine.dispose()
    finally:
        server.remove()
