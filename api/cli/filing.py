"""What was filed against what the ledger says: `cargoledger book filed`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shell import EXIT_BAD_NEWS, HomeOption, JsonOption, emit, opened
from ledger.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tracer.book import Tolerances

_SHOWN_MAX = 60


def add_to(books: typer.Typer) -> None:
    """Put the command into the group of those about books."""
    books.command("filed")(book_filed)


def book_filed(
    workbook: Annotated[Path, typer.Argument(metavar="XLSX", help="The report as it was filed.")],
    book: Annotated[str, typer.Argument(metavar="BOOK|DIR", help="Id of the book, or a folder of files.")],
    *,
    first: Annotated[str, typer.Option("--from", help="First day (of a book).", show_default=False)] = "",
    last: Annotated[str, typer.Option("--to", help="Last day (of a book).", show_default=False)] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare filed forms 15, 15a and 16 with what the ledger, or a folder, says.

    A form is found by its row of column numbers; columns may be added, and (6) split. Its columns are proven
    by the form's identity, then every figure is compared. Exit code 1 if anything differs.

    Example: cargoledger book filed report-2026.xlsx ./my-book
    """
    from tracer.filed.comparing import compare
    from tracer.filed.reading import read_filed

    filed = read_filed(workbook)
    settlement, tolerances, left_out = _settled(book, first, last, home)
    differences = [difference.to_json() for difference in compare(filed, settlement, tolerances)]
    view = {
        "workbook": workbook.name,
        "book": settlement["book"],
        "period": settlement["period"],
        "forms": {
            key: {"sheet": form.sheet, "columns": form.columns, "rows": len(form.rows),
                  "proven": form.proven if form.layout.less else None,
                  "broken": form.broken, "unread": form.unread, "faults": form.faults}
            for key, form in sorted(filed.items())
        },
        "differences": differences,
        "left_out": left_out,
    }
    emit(view, as_json, lambda: _report(view))
    if differences or any(form.faults or form.unread for form in filed.values()):
        raise typer.Exit(EXIT_BAD_NEWS)


def _settled(book: str, first: str, last: str, home: Path | None) -> tuple[dict[str, Any], Tolerances, int]:
    """The forms that the ledger or a folder gives, the tolerance of the book, and how many rows of the folder
    could not be read.
    """
    from api.cli.books import folder_of
    from tracer.book import Tolerances

    if (folder := folder_of(book)) is not None:
        from tracer.files import read_book
        from tracer.settlement import settle

        if first or last:
            raise InputError("--from and --to are for books in the index.",
                             remedy="The period of a folder stands in its book.toml.")
        read = read_book(folder)
        return (settle(read.book).to_json(), read.book.tolerances,
                len(read.faults.found) + read.faults.more)
    if not (first and last):
        raise InputError("which days does the report cover?", remedy="Give --from and --to.")
    from api.views.books import Ask, settlement_view

    with opened(home) as opened_home, opened_home.session() as session:
        return settlement_view(Ask(opened_home, session, book, first, last)), Tolerances(), 0


def _report(view: dict[str, Any]) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from api.cli.render import table

    return Group(*_forms(view), table(
        "Filed otherwise than the ledger says",
        ("form", "row", "code", "figure", "filed", "ledger", "difference", "unit", "weight"),
        [(d["form"], str(d["row"] or ""), d["code"], d["column"], d["filed"] or "-", d["ledger"] or "-",
          d["difference"] or "", d["uom"], d["severity"]) for d in view["differences"][:_SHOWN_MAX]],
        right=(1, 4, 5, 6)) if view["differences"] else Text("What was compared agrees.", style="green"),
        Text(f"  ... and {len(view['differences']) - _SHOWN_MAX} more (--json has all)."
             if len(view["differences"]) > _SHOWN_MAX else ""))


def _forms(view: dict[str, Any]) -> Iterator[RenderableType]:
    from rich.text import Text

    period, left_out = view["period"], view["left_out"]
    yield Text(f"{view['workbook']} against {view['book']}, {period['from']} to {period['to']}", style="bold")
    if left_out:
        yield Text(f"  {left_out} rows of the book could not be read and are not in its figures: "
                   "`check` names them.", style="red")
    for key, form in view["forms"].items():
        how = "columns by their numbers" if form["proven"] is None else f"columns proven on {form['proven']}"
        yield Text(f"  {key}: sheet {form['sheet']}, {form['rows']} rows, {how}")
        for fault in form["faults"]:
            yield Text(f"    not compared: {fault}", style="red")
        for fault in form["unread"]:
            yield Text(f"    left out: {fault}", style="yellow")
        if form["broken"] and not form["faults"]:
            yield Text(f"    the identity does not hold on rows {', '.join(map(str, form['broken'][:20]))}",
                       style="yellow")
