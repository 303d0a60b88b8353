"""Commands that ask: show, trace, settle, check, verify."""

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

XlsxOption = Annotated[Path | None, typer.Option(
    "--xlsx", metavar="FILE", help="Write forms, statement and evidence as a workbook, too.",
    show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the app."""
    for command in (show, trace, settle, check, verify):
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
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trace a lot or a declaration line through processing, with quantities.

    Example: cargoledger trace FG-2026-001 --backward
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
            question.session, opened_home, HOLDER, key, direction, as_of_ms=when.as_of_ms)
    view |= when.said()
    emit(view, as_json, lambda: lineage_tree(view))


def settle(
    book: Annotated[str, typer.Argument(metavar="BOOK", help="Id of the book.")],
    *,
    first: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD.")],
    allocation: Annotated[str, typer.Option(
        "--allocation", help="Policy for import lines: SPECIFIC (default), FIFO, LIFO, AVERAGE, LOW_TO_HIGH, "
        "LOW_TO_HIGH_TURNOVER, LOW_TO_HIGH_BLANKET or VN_EXPORT_RATIO.", show_default=False)] = "",
    yield_basis: Annotated[str, typer.Option(
        "--yield-basis", help="How products account for materials: VN_NORM (default), CN_NET_LOSS, "
        "EU_RATE_OF_YIELD, US_USED_IN, US_LESS_VALUABLE_WASTE, US_RELATIVE_VALUE or US_APPEARING_IN.",
        show_default=False)] = "",
    turnover_days: Annotated[int | None, typer.Option(
        "--turnover-days", help="Average inventory turn-over period, for LOW_TO_HIGH_TURNOVER.", min=1,
        show_default=False)] = None,
    xlsx: XlsxOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Settle a book: forms, exemption statement, findings.

    Forms 15, 15a and 16 of the days given, the exemption by import line, and what does not add up. With
    --xlsx as a workbook too: the forms as they are filed, and for every figure the events behind it.

    Example: cargoledger settle dmg-sxxk --from 2026-01-01 --to 2026-12-31 --xlsx 2026.xlsx
    """
    from api.cli.books import write_workbook
    from api.cli.render import settlement_tables
    from api.views.books import Ask, Policy, settlement_view

    policy = Policy(allocation, yield_basis, turnover_days)
    with opened(home) as opened_home, opened_home.session() as session:
        view = settlement_view(Ask(opened_home, session, book, first, last, policy=policy))
    write_workbook(xlsx, view, view["report"])
    emit(view, as_json, lambda: settlement_tables(view))


def check(
    book: Annotated[
        str,
        typer.Argument(
            metavar="BOOK|DIR",
            help="Id of a book in the index, or a folder with a book.toml (a name with a slash is a folder).",
        ),
    ],
    *,
    first: Annotated[
        str,
        typer.Option("--from", help="First day [default: the year of the latest event].", show_default=False),
    ] = "",
    last: Annotated[str, typer.Option("--to", help="Last day.", show_default=False)] = "",
    xlsx: XlsxOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the rules over a book. Exit code 1 if anything was found, 2 if the book cannot be checked.

    A folder needs neither ledger nor home: declarations, norms, counts and movements as an ERP exports them,
    CSV or XLSX (docs/formats/book.md). It is settled too: forms 15, 15a, 16 and the exemption.

    Example: cargoledger check dmg-sxxk

    Example: cargoledger check ./my-book
    """
    from api.cli.books import check_folder, folder_of
    from api.cli.render import findings_table

    if (folder := folder_of(book)) is not None:
        if check_folder(folder, first, last, xlsx=xlsx, as_json=as_json)["findings"]:
            raise typer.Exit(EXIT_BAD_NEWS)
        return
    if xlsx is not None:
        raise InputError("--xlsx of check is for folders.",
                         remedy=f"Use cargoledger settle {book} --from ... --to ... --xlsx {xlsx}.")
    from api.views.books import Ask, check_view

    with opened(home) as opened_home, opened_home.session() as session:
        view = check_view(Ask(opened_home, session, book, first, last))
    emit(view, as_json, lambda: findings_table(view))
    if view["findings"]:
        raise typer.Exit(EXIT_BAD_NEWS)


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
