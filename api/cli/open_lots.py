"""The command about lots that nothing has ended yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.settling import question
from api.cli.shell import AsOfOption, HomeOption, JsonOption, KnownAtOption, emit
from ledger.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType


def add_to(books: typer.Typer) -> None:
    """Put this command into the group of those about books."""
    books.command("open")(book_open)


def book_open(
    book: Annotated[
        str,
        typer.Argument(metavar="BOOK|DIR", help="Id of a book in the index, or a folder with a book.toml."),
    ],
    *,
    idle: Annotated[int, typer.Option(
        min=0, metavar="DAYS", help="Only lots that nobody has touched for so many days.")] = 0,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the lots of which something is left, those that rest longest first: stock, or what was forgotten.

    Example: cargoledger book open dmg-sxxk --idle 90

    Example: cargoledger book open ./my-book
    """
    from api.cli.books import folder_of
    from tracer.policy import Policy

    if (folder := folder_of(book)) is not None:
        from tracer.files import read_book
        from tracer.open_lots import document_of, open_lots

        if as_of is not None or known_at is not None:
            raise InputError("--as-of and --known-at are for books in the index.",
                             remedy="as_of of a folder stands in its book.toml.")
        read = read_book(folder).book
        document = document_of(read, open_lots(read))
    else:
        from api.views.open_lots import open_lots_view
        from api.views.past import When

        with question(home, book, ("", ""), Policy(), When.parse(as_of, known_at)) as ask:
            document = open_lots_view(ask)
    document["lots"] = [x for x in document["lots"] if x["idle_days"] is None or x["idle_days"] >= idle]
    emit(document, as_json, lambda: _table(document))


def _table(document: dict[str, Any]) -> RenderableType:
    from rich.text import Text

    from api.cli.render import table
    from api.words import kind_words
    from tracer.quantity import grouped

    if not document["lots"]:
        return Text("No lot is open.", style="green")
    return table(
        f"Open lots of {document['book']} on {document['as_of']}",
        ("lot", "code", "left", "unit", "of it", "came in on", "made", "last act", "idle days"),
        [(x["lot"], x["code"], grouped(x["quantity"]), x["uom"],
          ", ".join(f"{b} {grouped(q)}" for b, q in x["balances"].items()), x["source_line"],
          x["made"]["on"] if x["made"] else "",
          f"{kind_words(x['last_act']['kind'])} {x['last_act']['on']}" if x["last_act"] else "",
          "" if x["idle_days"] is None else str(x["idle_days"])) for x in document["lots"]], right=(2, 8))
