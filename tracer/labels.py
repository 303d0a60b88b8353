"""How units and declaration lines are called everywhere."""

from __future__ import annotations

from ledger.errors import InputError
from ledger.events.ids import UnitType, parse_identifier


def label(scope: str, number: str) -> str:
    """How a unit or line is called everywhere: `scope/number`."""
    return f"{scope}/{number}"


def line_label(uri: str) -> str:
    """`declaration/line` of `urn:cargoledger:line:<declaration>:<line>`; empty for anything else."""
    try:
        found = parse_identifier(uri)
    except InputError:
        return ""
    if found is None or found.type != UnitType.LINE or found.scope is None:
        return ""
    return label(found.scope, found.number)
