"""The command that serves: gateway, indexer and HTTP in one process."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.shell import EXIT_FAULT, HomeOption, JsonOption, LogFormatOption, emit, opened
from api.logs import LogFormat, set_up
from ledger.errors import InputError, UnavailableError

if TYPE_CHECKING:
    from api.home import Home
    from api.http.node import NodeServer


log = logging.getLogger("cargoledger.server")


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
    rpc: Annotated[
        int,
        typer.Option(
            "--rpc",
            help="Serve the embedded ledger as JSON-RPC too, on this local port; 0 takes a free one.",
            show_default=False,
        ),
    ] = -1,
    docs: Annotated[
        bool, typer.Option("--docs", help="Serve the interactive API description under /docs.")
    ] = False,
    log_format: LogFormatOption = LogFormat.TEXT,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve this home over HTTP, with the web page.

    Takes events, records them, indexes, answers. Stop with Ctrl-C.

    Example: cargoledger up --port 8480
    """
    from api.http.server import bind, serve

    set_up(log_format)
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
        node = _node(opened_home, rpc) if rpc >= 0 else None
        emit(
            {"url": url, "home": str(opened_home.path.resolve())} | ({"rpc": node[1]} if node else {}),
            as_json,
            lambda: (
                f"CargoLedger serves {opened_home.path} at {url}\n"
                + (f"The ledger answers JSON-RPC at {node[1]}\n" if node else "")
                + "Sign in with a token: cargoledger token new --as ID. Stop with Ctrl-C."
            ),
        )
        sys.stdout.flush()
        log.info("serving", extra={"url": url})
        if node is not None:
            node[0].start()
        try:
            good = serve(opened_home, sockets, url, docs=docs)
        finally:
            if node is not None:
                node[0].stop()
        if not good or (node is not None and node[0].fault is not None):
            raise typer.Exit(EXIT_FAULT)


def _node(home: Home, port: int) -> tuple[NodeServer, str]:
    """The JSON-RPC server of a home's embedded ledger, and its address.

    Raises:
        InputError: the home's ledger is a network.
    """
    from api.http.node import NodeServer
    from api.http.server import bind
    from ledger.chain.embedded import EmbeddedChain

    chain = home.chain
    if not isinstance(chain, EmbeddedChain):
        raise InputError(
            f"the ledger of {home.path} is the network at {home.settings.chain}.",
            remedy="Ask that node; it speaks JSON-RPC itself.",
        )
    sockets, url = bind("127.0.0.1", port)
    return NodeServer(chain, sockets, on_fault=lambda: os.kill(os.getpid(), signal.SIGTERM)), url
