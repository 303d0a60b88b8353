"""The command status: how ledger, index and every node are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from api.cli.shell import EXIT_BAD_NEWS, HomeOption, JsonOption, emit, opened

if TYPE_CHECKING:
    from api.home import Home


def add_to(app: typer.Typer) -> None:
    """Put the command into the app."""
    app.command("status")(status)


def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the heads of ledger and index, what waits, and each node with its lag and its faults.

    Payloads are open, sealed (no key of ours opens them), withheld (no store has them) or mismatch.
    Nodes are asked now. What a node told that cannot be true is kept in endpoints.evidence.jsonl of the home.

    Example: cargoledger status --json
    """
    from api.views.health import health_view
    from ledger.chain.endpoints import Endpoints

    with opened(home) as opened_home:
        chain = opened_home.chain
        if isinstance(chain, Endpoints):
            chain.health()
        view = {**health_view(opened_home), **_index_view(opened_home)}
        head, at = view["ledgerBlock"], view["indexBlock"]
        view["lagBlocks"] = None if head is None else head - (-1 if at is None else at)
    emit(view, as_json, lambda: _text(view))
    if view["faults"]:
        raise typer.Exit(EXIT_BAD_NEWS)


def _index_view(home: Home) -> dict[str, Any]:
    """How many payloads are in which state, and from which block on the index remembers its rows."""
    from indexer.models import MISMATCH, OPEN, SEALED, WITHHELD
    from indexer.past import remembers_from
    from indexer.queries import payload_states

    with home.session() as session:
        states = payload_states(session)
        return {"payloads": {state: states.get(state, 0) for state in (OPEN, SEALED, WITHHELD, MISMATCH)},
                "remembersFromBlock": remembers_from(session)}


def _text(view: dict[str, Any]) -> str:
    behind = f" ({view['lagBlocks']} behind)" if view["lagBlocks"] else ""
    payloads = ", ".join(f"{count} {state}" for state, count in view["payloads"].items() if count)
    lines = [
        f"{view['status']}: ledger at block {_or_none(view['ledgerBlock'])}, index at block "
        f"{_or_none(view['indexBlock'])}{behind}, {_or_none(view['waiting'])} events wait"
        + (f" ({', '.join(view['faults'])})" if view["faults"] else ""),
        f"  payloads: {payloads or 'none'}"]
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
