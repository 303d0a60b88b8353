"""docs/reference says what the command and the HTTP interface really are."""

from __future__ import annotations

import json

import pytest
import reference

from api.cli.main import app


def test_cli_reference__differs_from_the_real_help__never() -> None:
    text = (reference.REFERENCE / "cli.md").read_text("utf-8")
    assert reference.with_help(text) == text, "run python tests/api/reference.py and commit docs/reference/cli.md"


def test_openapi__differs_from_the_app__never() -> None:
    text = (reference.REFERENCE / "openapi.json").read_text("utf-8")
    assert reference.openapi() == text, "run python tests/api/reference.py and commit docs/reference/openapi.json"


def test_http_reference__route_missing_or_invented__none() -> None:
    document = json.loads((reference.REFERENCE / "openapi.json").read_text("utf-8"))
    real = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    text = (reference.REFERENCE / "http.md").read_text("utf-8")
    assert reference.documented_routes(text) == real


@pytest.mark.parametrize("path", [p for p in reference.commands() if p], ids=" ".join)
def test_help__of_every_command__has_an_example_or_lists_its_commands(path: list[str]) -> None:
    text = reference.help_of(path)
    assert "Example: cargoledger " in text or "Commands:" in text
    if "Commands:" not in text:
        assert "--json" in text and ("--home" in text or path[0] == "book")  # files need no home


def test_groups__two_of_one_name__none() -> None:
    """The later one would silently take the commands of the earlier one away."""
    names = [group.name for group in app.registered_groups]
    assert len(names) == len(set(names))
    assert {group.name for group in app.registered_groups} >= {"book", "key", "participant"}
