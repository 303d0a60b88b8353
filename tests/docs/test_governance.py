"""Every command of docs/governance.md exists and takes the options it is given; what they do is tests/api/test_governing.py."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from api.cli.main import app

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "governance.md").read_text("utf-8")
COMMANDS = [re.sub(r"\s*(\||\)$).*", "", found) for found in re.findall(r"scripts/cargoledger ([^\n]+)", TEXT)]


def test_governance__commands__are_found() -> None:
    assert len(COMMANDS) >= 25


@pytest.mark.parametrize("line", COMMANDS)
def test_governance__command_as_printed__parses(line: str) -> None:
    command, arguments = typer.main.get_command(app), shlex.split(line)
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    command.make_context("cargoledger", arguments)  # raises what a person would see as wrong usage
