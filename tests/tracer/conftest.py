"""Helpers of these tests are found by name; what reads the index runs on both databases."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import BOTH, databases_in

HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)

ON_BOTH = ("test_journey__", "test_custody__", "test_timeline__", "test_ask__fabric", "test_records__",
           "test_correction__by_customs", "test_anything__on_both")
"""Every query of the loader, of the records of actors and of kept settlements, once."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.rpartition(".")[2] in ("test_load", "test_load_part", "test_risk", "test_runs") and metafunc.definition.name.startswith(ON_BOTH):
        metafunc.parametrize("backend", BOTH, indirect=True)


@pytest.fixture(autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where `open_engine("sqlite://")` of the test and its helpers leads: memory, or a PostgreSQL of its own."""
    kind = getattr(request, "param", "sqlite")
    with databases_in(kind, monkeypatch, request.module, "journey_index"):
        yield kind
