"""The command that serves: gateway, indexer and HTTP in one process."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from api.cli.shell import EXIT_FAULT, HomeOption, JsonOption, emit, opened
from ledger.errors import UnavailableError


def add_to(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.command("up")(up)


def up(
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on [default: as set, 127.0.0.1].", show_default=False)
    ] = "",
    port: Annotated[
        int, typer.Option(help="Port [default: as set, 8480]; 0 takes a free one.", show_default=False)
    ] = -1,
    docs: Annotated[
        bool, typer.Option("--docs", help="Serve the interactive API description under /docs.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve this home over HTTP, with the web page.

    Takes events, records them, indexes, answers. Stop with Ctrl-C.

    Example: cargoledger up --port 8480
    """
    from api.http.server import bind, serve

    with opened(home) as opened_home:
        server = opened_home.server()
        if server is not None:
            raise UnavailableError(
                f"a server runs on this home already: {server['url']} (process {server['pid']}).",
                remedy="Use that one, or stop it first.",
            )
        opened_home.chain.head_number()  # say at once when the ledger is in use
        sockets, url = bind(
            host or opened_home.settings.http_host, opened_home.settings.http_port if port < 0 else port
        )
        emit(
            {"url": url, "home": str(opened_home.path.resolve())},
            as_json,
            lambda: (
                f"CargoLedger serves {opened_home.path} at {url}\n"
                "Sign in with a token: cargoledger token new --as ID. Stop with Ctrl-C."
            ),
        )
        sys.stdout.flush()
        if not serve(opened_home, sockets, url, docs=docs):
            raise typer.Exit(EXIT_FAULT)
