"""Writes what docs/reference says of the command and of the HTTP interface from the code; tests compare.

Run `python tests/api/reference.py` after changing a command, an option or a route, and commit what changed.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import typer  # noqa: E402 - the path comes first, so that this runs as a program too

from api.cli.main import app  # noqa: E402
from api.http.app import create_app, openapi_document  # noqa: E402
from api.jsonio import dumps  # noqa: E402
from ledger.settings import Settings  # noqa: E402

REFERENCE = ROOT / "docs" / "reference"
BEGIN, END = "<!-- help: begin -->", "<!-- help: end -->"
COLUMNS = "96"


class NoHome:
    """Stands for a home where only the shape of the app is asked for."""

    settings = Settings(home=ROOT)

    def caller_of_token(self, _: str) -> None:
        raise AssertionError


def commands() -> list[list[str]]:
    """Every command, groups before their commands, in the order of the help."""
    found: list[list[str]] = [[]]

    def walk(command: object, path: list[str]) -> None:
        for name, inner in getattr(command, "commands", {}).items():
            found.append([*path, name])
            walk(inner, [*path, name])

    walk(typer.main.get_command(app), [])
    return found


def help_of(path: list[str]) -> str:
    """What `cargoledger PATH --help` prints on a terminal of 96 columns."""
    before = {name: os.environ.get(name) for name in ("COLUMNS", "TERMINAL_WIDTH", "NO_COLOR")}
    os.environ.update(COLUMNS=COLUMNS, TERMINAL_WIDTH=COLUMNS, NO_COLOR="1")
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            typer.main.get_command(app).main([*path, "--help"], prog_name="cargoledger", standalone_mode=False)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


def cli_help() -> str:
    """The generated part of cli.md."""
    parts = []
    for path in commands():
        parts.append(f"### `{' '.join(['cargoledger', *path])}`\n\n```text\n{help_of(path)}\n```")
    return "\n\n".join(parts)


def with_help(text: str) -> str:
    """A document with its generated part renewed."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{cli_help()}\n\n{END}{tail}"


def openapi() -> str:
    """The text of openapi.json."""
    return dumps(openapi_document(create_app(NoHome())), indent=2) + "\n"  # type: ignore[arg-type]


def documented_routes(text: str) -> set[str]:
    """Routes that http.md has a heading for."""
    return set(re.findall(r"^### `((?:GET|POST) /[^`]*)`", text, flags=re.M))


if __name__ == "__main__":
    cli = REFERENCE / "cli.md"
    cli.write_text(with_help(cli.read_text("utf-8")), "utf-8")
    (REFERENCE / "openapi.json").write_text(openapi(), "utf-8")
