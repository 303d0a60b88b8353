"""Commands that hold the index to the chain: audit, export, rebuild."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shell import EXIT_BAD_NEWS, EXIT_INPUT, HomeOption, JsonOption, emit, opened

if TYPE_CHECKING:
    from indexer.audit import Report

ScratchOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder for the recomputed database, about as large as the index [default: the system's].",
        show_default=False,
    ),
]
_TOLD_EVERY_S = 0.5
_SHOWN_MAX = 20  # differences told to people; --json has more


def add_to(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.command("audit")(audit)


def audit(
    *,
    heal: Annotated[bool, typer.Option("--heal", help="Put right what differs, from the chain.")] = False,
    unproven: Annotated[
        bool,
        typer.Option("--unproven", help="With --heal: also what no payload store can prove any more."),
    ] = False,
    tables: Annotated[
        list[str] | None, typer.Option("--table", help="Compare only this table; repeatable.")
    ] = None,
    scratch: ScratchOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read the chain again, recompute every row of the index, and say which differ, with proof.

    Works beside a running server. Ends with 0 when the index is sound, 1 when rows differ (healed or not), 2
    when it cannot be told: the chain cannot be read, a payload is not read yet, or no store has it any more.

    Example: cargoledger audit --heal
    """
    from indexer.audit import CANNOT_TELL, DIFFERENCES
    from indexer.audit import audit as run

    with opened(home) as opened_home, opened_home.reading_indexer() as indexer:
        report = run(indexer, tables=tables or (), repair=heal, unproven_too=unproven, scratch=scratch,
                     now_s=opened_home.clock(), tell=Progressing())
    emit(report.to_json(), as_json, lambda: _told(report))
    if report.verdict == DIFFERENCES:
        raise typer.Exit(EXIT_BAD_NEWS)
    if report.verdict == CANNOT_TELL:
        raise typer.Exit(EXIT_INPUT)


class Progressing:
    """Tells a person at a terminal how far long work is; silent elsewhere."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._next = 0.0

    def __call__(self, what: str, done: int, of: int) -> None:
        """Say it, at most twice a second."""
        now = time.monotonic()
        if self._shown and (now >= self._next or of == done):
            self._next = now + _TOLD_EVERY_S
            sys.stderr.write(f"\r\x1b[K{what} {done}" + (f" of {of}" if of else ""))
            sys.stderr.flush()


def _told(report: Report) -> str:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    lines = [f"{report.rows_total} rows up to block {report.block_number} ({report.block_hash}), "
             f"{report.seconds:.1f} s: {report.verdict}"]
    lines += [f"  {count} {kind}" for kind, count in report.counts.items() if count]
    for finding in report.findings[:_SHOWN_MAX]:
        lines.append(_line(finding.to_json()))
    if (more := sum(report.counts.values()) - min(_SHOWN_MAX, len(report.findings))) > 0:
        lines.append(f"... and {more} more (--json has up to a thousand)")
    if report.remaining is not None:
        lines.append(f"{report.healed} rows healed, {report.remaining} still differ; what was there is kept "
                     "in the table repair")
    return "\n".join(lines)


def _line(found: dict[str, Any]) -> str:
    key = " ".join(f"{name}={value}" for name, value in found["key"].items())
    said = "; ".join(f"{name}: stored {_short(found['stored'][name])}, recomputed "
                     f"{_short(found['recomputed'][name])}" for name in found["columns"])
    proof = found["proof"]
    where = f"block {proof['block']} {proof['blockHash']}" if "block" in proof else proof["says"]
    if "logIndex" in proof:
        where += f", transaction {proof['transaction']}, log {proof['logIndex']}"
    healed = " [healed]" if found["healed"] else ""
    return f"{found['kind']}{healed}: {found['table']} {key}{': ' + said if said else ''}\n    {where}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _VALUE_MAX else text[:_VALUE_MAX] + "…"


_VALUE_MAX = 70  # characters of a value told to people
