"""The command that lists the rules: `rules`. It reads no home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shell import HomeOption, JsonOption, emit

if TYPE_CHECKING:
    from rich.console import RenderableType


def add_to(app: typer.Typer) -> None:
    """Put this command into the app."""
    app.command("rules")(rules)


def rules(
    rule_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="Id of one rule, such as N1.", show_default=False)
    ] = "",
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the rules of `check`, or one with its law, parameters and what it needs.

    Every result of `check` names the version of the pack that is listed here.

    Example: cargoledger rules N1
    """
    del home  # taken as by every command, and not needed: the rules are the same in every home
    from tracer.rules import rule
    from tracer.rules.describe import registry, rule_json

    if rule_id:
        view = rule_json(rule(rule_id.upper()))
        emit(view, as_json, lambda: _words(view))
        return
    listed = registry()
    emit(listed, as_json, lambda: _table(listed))


def _table(listed: dict[str, Any]) -> RenderableType:
    """All rules, one a line."""
    from rich.table import Table

    table = Table("Rule", "Version", "Family", "What", "From", "Needs",
                  title=f"Rule pack {listed['rule_pack']}")
    for each in listed["rules"]:
        table.add_row(each["id"], each["version"], each["family"], each["title"],
                      each["effective_from"] or "-", "; ".join(each["needs"]) or "-")
    return table


def _words(view: dict[str, Any]) -> RenderableType:
    """One rule, as an auditor reads it."""
    from rich.text import Text

    lines = [f"{view['id']} {view['title']} (version {view['version']}, rule pack {view['rule_pack']})", "",
             view["description"], "", "Law:"]
    lines += [f"  {x['text']}{_dates(x)}" for x in view["law"]]
    if view["needs"]:
        lines += ["", "Needs:", *(f"  {need}" for need in view["needs"])]
    if view["params"]:
        lines += ["", "Parameters (no legal force unless a law is named):"]
        lines += [f"  {p['name']} = {p['default']} ({p['unit']}): {p['meaning']}" for p in view["params"]]
    if view["companions"]:
        lines += ["", "A fault that this rule finds may rightly set off:"]
        lines += [f"  {other}: {why}" for other, why in view["companions"].items()]
    return Text("\n".join(lines))


def _dates(law: dict[str, str]) -> str:
    since = f", from {law['valid_from']}" if law["valid_from"] else ""
    return since + (f", until {law['valid_to']}" if law["valid_to"] else "")
