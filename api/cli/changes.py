"""The command `changes`: the change feed of the home's index."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.shell import HomeOption, JsonOption, emit, opened
from ledger.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from indexer.feed import Change

_POLL_S = 0.25


def add_to(app: typer.Typer) -> None:
    """Put the command into the app."""
    app.command("changes")(changes)


def changes(
    after: Annotated[
        str,
        typer.Option(metavar="CURSOR", help="Cursor of the last answer, or `now` [default: the oldest kept].",
                     show_default=False),
    ] = "",
    *,
    limit: Annotated[
        int, typer.Option(min=1, max=DEFAULT_LIMITS.page_rows_max, help="Changes of one page.")
    ] = 500,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until interrupted.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what changed in the index, in the order of commits, with the cursor to go on after.

    With --follow and --json each page is one JSON object on one line.

    Example: cargoledger changes --limit 20
    """
    from api.jsonio import dumps
    from indexer.feed import changes_after
    from indexer.lookups import HOLDER

    cursor = after or None
    with opened(home) as opened_home:
        while True:
            with opened_home.session() as session:
                page = changes_after(session, HOLDER, cursor, limit=limit)
            if not follow:
                if as_json:
                    emit(page.to_json(), as_json, lambda: None)
                else:
                    sys.stdout.write("\n".join([*map(_line, page.changes), f"cursor {page.cursor}"]) + "\n")
                return
            if page.changes:
                lines = [dumps(page.to_json())] if as_json else [*map(_line, page.changes)]
                sys.stdout.write("\n".join(lines) + "\n")
                sys.stdout.flush()
            cursor = page.cursor
            if not page.more:
                time.sleep(_POLL_S)


def _line(change: Change) -> str:
    key = " ".join(map(str, change.key))
    return f"{change.position:>9}  block {change.block_number:<8} {change.kind:<6} {change.table:<18} {key}"
