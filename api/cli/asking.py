"""Commands that ask about one thing: show, trace, verify."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from api.cli.shell import (
    EXIT_BAD_NEWS,
    AsOfOption,
    HomeOption,
    JsonOption,
    KnownAtOption,
    emit,
    opened,
)
from ledger.errors import InputError, NotFoundError


def add_to(app: typer.Typer) -> None:
    """Put these commands into the app."""
    for command in (show, trace, verify):
        app.command(command.__name__)(command)


def show(
    key: Annotated[
        str,
        typer.Argument(metavar="ID", help="Container, lot or declaration/line number, EPC, eventID or id."),
    ],
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Events shown, the latest ones.")] = 200,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a unit with its timeline, or one event with its content and its way through the outbox.

    With --as-of or --known-at as it was in the past, both together if you like (docs/past.md).

    Example: cargoledger show CSQU3054383
    """
    from api.cli.render import event_panel, unit_panel
    from api.views.events import event_view
    from api.views.past import When, asked
    from api.views.units import unit_view
    from api.views.ways import way_view
    from indexer.lookups import HOLDER

    when = When.parse(as_of, known_at)
    with opened(home) as opened_home, asked(opened_home, when) as question:
        session = question.session
        try:
            unit = unit_view(
                session, opened_home.directory, HOLDER, key, now_s=question.now_s, limit=limit
            )
        except NotFoundError as no_unit:
            reader = replace(HOLDER, late_after_s=opened_home.settings.late_after_s)
            try:
                event = event_view(session, opened_home.directory, reader, key)
            except NotFoundError:
                event = {}
            way = None if when.is_past else opened_home.way_of(event.get("eventId", key))
            if way is not None:
                event["way"] = way_view(way)
            if not event:
                raise NotFoundError(f"nothing called {key!r} is known here.", remedy=no_unit.remedy) from None
            event |= when.said()
            emit(event, as_json, lambda: event_panel(event))
            return
    unit |= when.said()
    emit(unit, as_json, lambda: unit_panel(unit))


def trace(
    key: Annotated[str, typer.Argument(metavar="LOT|LINE", help="Lot number or declaration/line.")],
    *,
    backward: Annotated[bool, typer.Option("--backward", help="Only where it came from.")] = False,
    forward: Annotated[bool, typer.Option("--forward", help="Only where it went.")] = False,
    origin: Annotated[str, typer.Option(
        "--from", metavar="ID", show_default=False,
        help="Only the ways that lead to it from this lot, line, container or cargo.")] = "",
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trace a lot or a declaration line through processing, with quantities.

    Example: cargoledger trace FG-2026-001 --backward

    Example: cargoledger trace 305000000001/1 --from CSQU3054383
    """
    from api.cli.render import lineage_tree
    from api.views.lineage import Direction, lineage_view
    from api.views.past import When, asked
    from indexer.lookups import HOLDER

    if backward and forward:
        raise InputError("one direction, or none for both.", remedy="Leave out --backward or --forward.")
    direction: Direction = "backward" if backward else "forward" if forward else "both"
    when = When.parse(as_of, known_at)
    with opened(home) as opened_home, asked(opened_home, when, traced=True) as question:
        view = lineage_view(
            question.session, opened_home, HOLDER, key, direction, as_of_ms=when.as_of_ms, origin=origin)
    view |= when.said()
    emit(view, as_json, lambda: lineage_tree(view))


def verify(
    subject: Annotated[
        str, typer.Argument(metavar="ID|FILE", help="Event or unit to prove, or a proof file to check.")
    ],
    *,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write the proof to this file.", show_default=False)
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option(
            "--trust",
            help="Trust root to check a file against [default: the home's own].",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove an event or unit, or check a proof file.

    The proof is made from the ledger and checked step by step as anybody else would check it. A file is
    checked without ledger and server: only the trust root is believed. Exit code 1 if a step does not hold.

    Example: cargoledger verify CSQU3054383 --export proof.json
    """
    from api.cli.render import verification
    from api.proving import prove, read_trust, verify_file
    from api.proving import verify as verify_proof

    file = Path(subject)
    if file.is_file():
        if trust is not None:
            result = verify_file(file.read_bytes(), read_trust(trust))
        else:
            with opened(home) as opened_home:
                result = verify_file(file.read_bytes(), opened_home.trust_root())
    else:
        with opened(home) as opened_home:
            bundle = prove(opened_home, subject)
            result = verify_proof(bundle, read_trust(trust) if trust else opened_home.trust_root())
            if export is not None:
                _write(export, bundle.to_bytes())
                result["exported"] = str(export)
    emit(result, as_json, lambda: verification(result))
    if not result["verified"]:
        raise typer.Exit(EXIT_BAD_NEWS)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as fault:
        raise InputError(f"{path} cannot be written: {fault.strerror}.") from fault
