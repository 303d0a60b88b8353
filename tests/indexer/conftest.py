"""Tests of what reads and writes the index run on SQLite and, in the deep run, on PostgreSQL as well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import BOTH, databases_in

ON_BOTH = {
    "test_among", "test_as_of", "test_indexer", "test_indexes", "test_payloads", "test_queries", "test_real_ledger"}
"""Modules whose `open_engine("sqlite://")` means 'some database'."""
ON_FILES_TOO = {"test_real_ledger"}
"""Of these even the tests with files: the files are the ledger's. Elsewhere they are SQLite's own."""


NOT_OF_ROWS = ("test_node__", "test_log__", "test_index__of_the_column", "test_among__other_keys",
               "test_left_out__")
"""What tests begin with that are over before a row is written."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.module.__name__.rpartition(".")[2]
    if name in ON_BOTH and not metafunc.definition.name.startswith(NOT_OF_ROWS) and (
            name in ON_FILES_TOO or "tmp_path" not in metafunc.fixturenames):
        metafunc.parametrize("backend", BOTH, indirect=True)


@pytest.fixture(autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where `open_engine("sqlite://")` of the test and its helpers leads: memory, or a PostgreSQL of its own."""
    kind = getattr(request, "param", "sqlite")
    with databases_in(kind, monkeypatch, request.module, "tests.indexer.helpers", "tests.indexer.network"):
        yield kind
