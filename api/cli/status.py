"""The command status: how ledger, index and every node are."""

from __future__ import annotations

from typing import Any

import typer

from api.cli.shell import EXIT_BAD_NEWS, HomeOption, JsonOption, emit, opened


def add_to(app: typer.Typer) -> None:
    """Put the command into the app."""
    app.command("status")(status)


def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the heads of ledger and index, what waits, and each node with its lag and its faults.

    Nodes are asked now. What a node told that cannot be true is kept in endpoints.evidence.jsonl of the home.

    Example: cargoledger status --json
    """
    from api.views.health import health_view
    from ledger.chain.endpoints import Endpoints

    with opened(home) as opened_home:
        chain = opened_home.chain
        if isinstance(chain, Endpoints):
            chain.health()
        view = health_view(opened_home)
    emit(view, as_json, lambda: _text(view))
    if view["faults"]:
        raise typer.Exit(EXIT_BAD_NEWS)


def _text(view: dict[str, Any]) -> str:
    lines = [
        f"{view['status']}: ledger at block {_or_none(view['ledgerBlock'])}, index at block "
        f"{_or_none(view['indexBlock'])}, {_or_none(view['waiting'])} events wait"
        + (f" ({', '.join(view['faults'])})" if view["faults"] else "")]
    for node in view["endpoints"]:
        lines.append(
            f"  {node['state']:<12} {node['url']}  head {_or_none(node['head'])}, "
            f"lag {_or_none(node['lag'])}, {node['milliseconds']:.0f} ms, "
            f"{100 * node['errorRate']:.0f} % errors")
        if node["fault"]:
            lines.append(f"               {node['fault']}")
    return "\n".join(lines)


def _or_none(value: Any) -> str:
    return "none" if value is None else str(value)
