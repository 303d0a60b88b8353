"""Commands that hold the index to the chain: audit, export, rebuild."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shell import EXIT_BAD_NEWS, EXIT_INPUT, HomeOption, JsonOption, emit, opened
from ledger.errors import UnavailableError

if TYPE_CHECKING:
    from indexer.audit import Report
    from indexer.indexer import Progress

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
    app.command("export")(export)
    app.command("rebuild")(rebuild)


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

    tell = Progressing()
    with opened(home) as opened_home, opened_home.reading_indexer() as indexer:
        report = run(indexer, tables=tables or (), repair=heal, unproven_too=unproven, scratch=scratch,
                     now_s=opened_home.clock(), tell=tell)
    tell.end()
    emit(report.to_json(), as_json, lambda: _told(report))
    if report.verdict == DIFFERENCES:
        raise typer.Exit(EXIT_BAD_NEWS)
    if report.verdict == CANNOT_TELL:
        raise typer.Exit(EXIT_INPUT)


def export(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write; readable by you only.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the whole index in its canonical form: equal bytes, equal index.

    It holds what payloads say, in clear. The format is in docs/formats/index-export.md.

    Example: cargoledger export index.jsonl
    """
    import hashlib

    from indexer.database import migrate
    from indexer.export import export as lines

    total, size, rows = hashlib.sha256(), 0, -2  # the first line and the last are no rows, nor are tables
    temporary = file.with_name(file.name + ".new")
    with opened(home) as opened_home:
        migrate(opened_home.engine)
        descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            for line in lines(opened_home.engine):
                out.write(line)
                total.update(line)
                size += len(line)
                rows += 0 if line.startswith(b'["table",') else 1
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    document = {"file": str(file), "rows": rows, "bytes": size, "sha256": total.hexdigest()}
    emit(document, as_json, lambda: f"{file}: {rows} rows, {size} bytes, SHA-256 {total.hexdigest()}")


def rebuild(
    *,
    into: Annotated[
        str,
        typer.Option(
            help="An empty database for it: a file or an SQLAlchemy URL [default: in place of the index].",
            show_default=False,
        ),
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the index anew from block 0 with the same keys and payload stores.

    In place (SQLite) the old index is used until the new one takes its name at the end, whole; the server
    must be stopped. With --into it runs beside the server, and index_url can then name the new one.

    Example: cargoledger rebuild --into other.sqlite
    """
    from indexer.database import open_engine
    from indexer.rebuild import rebuild_in_place, rebuild_into

    tell = Progressing()
    with opened(home) as opened_home, opened_home.reading_indexer() as indexer:
        if not into and (server := opened_home.server()) is not None:
            raise UnavailableError(
                f"the server at {server['url']} (process {server['pid']}) uses the index.",
                remedy="Stop it first, or rebuild into another database with --into.",
            )

        def progress(now: Progress) -> None:
            tell("blocks", now.block_number + 1, now.head_number + 1)

        if into:
            engine = open_engine(into)
            try:
                done = rebuild_into(indexer, engine, progress)
            finally:
                engine.dispose()
        else:
            done = rebuild_in_place(indexer, progress)
    tell.end()
    document = {"block": done.block_number, "payloadsWaiting": done.payloads_waiting, "into": into or None}
    emit(document, as_json, lambda: f"The index is rebuilt up to block {done.block_number}; "
         f"{done.payloads_waiting} payloads are withheld.")


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

    def end(self) -> None:
        """Clear the line."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")


def _told(report: Report) -> str:
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
