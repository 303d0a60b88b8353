"""The `cargoledger` command: `main()` is its entry point. One module per group of commands."""

from __future__ import annotations

import sys

import typer

from api.cli import (
    asking,
    auditing,
    books,
    changes,
    devices,
    filing,
    governing,
    keeping,
    keys,
    network,
    node,
    open_lots,
    posting,
    risking,
    ruling,
    serving,
    settling,
    status,
    studying,
    tokens,
)
from api.cli.shell import run

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="""Custody and material balance of duty-free goods, from signed events.

    A home is a folder with keys, ledger, gateway and index. Start one with `init`, post EPCIS documents
    with `post`, ask with `show`, `trace`, `settle` and `check`, prove with `verify`, hold the index
    to the chain with `audit`.
    """,
)
network.add_to(app)
governing.add_to(app)
keys.add_to(app)
tokens.add_to(app)
devices.add_to(app)
posting.add_to(app)
asking.add_to(app)
settling.add_to(app)
studying.add_to(app)
keeping.add_to(app)
risking.add_to(app)
books.add_to(network.book_app)
open_lots.add_to(network.book_app)
filing.add_to(network.book_app)
ruling.add_to(app)
changes.add_to(app)
serving.add_to(app)
status.add_to(app)
node.add_to(app)
auditing.add_to(app)


def main() -> None:
    """Run the command line of this process."""
    run(app, sys.argv[1:])


if __name__ == "__main__":
    main()
