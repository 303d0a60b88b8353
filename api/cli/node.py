"""The embedded ledger's own commands: serve it as JSON-RPC, check its file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.shell import EXIT_BAD_NEWS, EXIT_FAULT, HomeOption, JsonOption, LogFormatOption, emit, opened
from api.logs import LogFormat, set_up
from ledger.errors import InputError

if TYPE_CHECKING:
    from ledger.chain.embedded import EmbeddedChain

PORT = 8545  # where clients look for a node
LedgerOption = Annotated[
    Path | None,
    typer.Option("--ledger", help="A ledger file [default: that of the home].", show_default=False),
]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.command("node")(node)
    ledger = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look after the embedded ledger.")
    ledger.command("check")(check)
    app.add_typer(ledger, name="ledger")


def node(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = PORT,
    names: Annotated[
        list[str] | None,
        typer.Option("--name", help="Another host name to answer under; repeatable.", show_default=False),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Take no transactions; works beside a running server.")
    ] = False,
    ledger: LedgerOption = None,
    chain_id: Annotated[
        int | None,
        typer.Option(help="Chain id of a file named with --ledger [default: ours].", show_default=False),
    ] = None,
    log_format: LogFormatOption = LogFormat.TEXT,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve the embedded ledger as JSON-RPC, for web3.py, cast, indexers and other gateways.

    Anyone who reaches the port can read the chain and send transactions; what they may do is decided by the
    contracts. Stop with Ctrl-C.

    Example: cargoledger node --port 8545 --read-only
    """
    from api.http.node import NodeServer
    from api.http.server import bind

    set_up(log_format)
    with _opened(home, ledger, chain_id, read_only=read_only) as (chain, file):
        sockets, url = bind(host, port)
        number = chain.chain_id()
        server = NodeServer(chain, sockets, hosts=[*(names or []), host])
        emit(
            {"url": url, "chain_id": number, "ledger": str(file.resolve()), "read_only": read_only},
            as_json,
            lambda: f"The ledger {file} (chain {number}) answers JSON-RPC at {url}\nStop with Ctrl-C.",
        )
        sys.stdout.flush()
        server.run_in_foreground()
        if server.fault is not None:
            raise typer.Exit(EXIT_FAULT)


def check(
    *,
    deep: Annotated[
        bool, typer.Option("--deep", help="Walk the state of every block, not only of the latest.")
    ] = False,
    ledger: LedgerOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the ledger's file from end to end: headers, receipts, log index, every node of the state.

    Reads only, also while a server runs. Ends with 1 when something is damaged, and names it.

    Example: cargoledger ledger check --json
    """
    from ledger.chain.embedded.check import check_file

    file = ledger if ledger is not None else _of_home(home)[0]
    report = check_file(file, deep=deep)
    emit(
        asdict(report) | {"sound": report.sound, "ledger": str(file.resolve())},
        as_json,
        lambda: "\n".join(
            [
                f"{file}: {report.blocks} blocks, {report.transactions} transactions, {report.logs} logs, "
                f"{report.nodes} nodes",
                *(report.faults or ["sound: everything follows from the headers"]),
            ]
        ),
    )
    if not report.sound:
        raise typer.Exit(EXIT_BAD_NEWS)


@contextmanager
def _opened(
    home: Path | None, ledger: Path | None, chain_id: int | None, *, read_only: bool
) -> Iterator[tuple[EmbeddedChain, Path]]:
    """The embedded ledger of a home, or of a file, and where it is.

    Raises:
        InputError: the home's ledger is a network; or a chain id was given for a home.
    """
    from api.parts import wall_clock
    from ledger.chain.embedded import EmbeddedChain
    from ledger.chain.embedded.chain import DEFAULT_CHAIN_ID

    if ledger is not None:
        file, number = ledger, DEFAULT_CHAIN_ID if chain_id is None else chain_id
    else:
        file, number = _of_home(home)
        if chain_id is not None:
            raise InputError("a home knows its chain id.", remedy="Give --chain-id only with --ledger.")
    chain = EmbeddedChain(file, wall_clock, number, read_only=read_only)
    try:
        yield chain, file
    finally:
        chain.close()


def _of_home(home: Path | None) -> tuple[Path, int]:
    """File and chain id of a home's embedded ledger."""
    with opened(home) as opened_home:
        settings = opened_home.settings
        kind, _, place = settings.chain.partition(":")
        if kind != "embedded":
            raise InputError(
                f"the ledger of {opened_home.path} is the network at {settings.chain}.",
                remedy="Ask that node; it speaks JSON-RPC itself.",
            )
        return settings.path(place), settings.chain_id
