"""Homes for the tests of the ways in: the story is told once, each module works on its own copy."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))

import world

from api.home import Home
from api.http.app import create_app


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed home in which the story is told."""
    folder = tmp_path_factory.mktemp("told") / "home"
    world.build(folder).close()
    return folder


@pytest.fixture(scope="module")
def folder(told: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This module's own copy of it."""
    return Path(shutil.copytree(told, tmp_path_factory.mktemp("copy") / "home"))


@pytest.fixture(scope="module")
def home(folder: Path) -> Iterator[Home]:
    with Home.open(folder, seed=world.SEED, clock=world.Clock(world.START_S + 86_400)) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(home: Home) -> Iterator[TestClient]:
    with TestClient(create_app(home), base_url="http://ledger.test", follow_redirects=False,
                    raise_server_exceptions=False) as one:
        yield one


@pytest.fixture(scope="module")
def headers(home: Home) -> Callable[[str], dict[str, str]]:
    """Authorization of a participant."""
    made: dict[str, dict[str, str]] = {}

    def of(participant: str) -> dict[str, str]:
        if participant not in made:
            made[participant] = {"Authorization": f"Bearer {world.token(home, participant)}"}
        return made[participant]

    return of
