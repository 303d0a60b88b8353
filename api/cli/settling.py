"""Commands that ask about a book as a whole: settle, check, explain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from ledger.errors import InputError

if TYPE_CHECKING:
    from api.views.books import Ask
    from api.views.past import When
    from tracer.policy import Policy

AllocationOption = Annotated[str, typer.Option(
    "--allocation", help="Policy for import lines: SPECIFIC (default), FIFO, LIFO, AVERAGE, LOW_TO_HIGH, "
    "LOW_TO_HIGH_TURNOVER, LOW_TO_HIGH_BLANKET or VN_EXPORT_RATIO.", show_default=False)]
YieldOption = Annotated[str, typer.Option(
    "--yield-basis", help="How products account for materials: VN_NORM (default), CN_NET_LOSS, "
    "EU_RATE_OF_YIELD, US_USED_IN, US_LESS_VALUABLE_WASTE, US_RELATIVE_VALUE or US_APPEARING_IN.",
    show_default=False)]
TurnoverOption = Annotated[int | None, typer.Option(
    "--turnover-days", help="Average inventory turn-over period, for LOW_TO_HIGH_TURNOVER.", min=1,
    show_default=False)]
PaperOption = Annotated[str, typer.Option(
    "--paper", help="settlement, exemption, discharge (EU, UK) or drawback (US) [default: by the "
    "jurisdiction of the book].", show_default=False)]
GivenOption = Annotated[list[str] | None, typer.Option(
    "--particular", metavar="KEY=VALUE", help="What a paper needs that no event says, such as "
    "authorisation=IP/2026/1; may be repeated (docs/papers.md).", show_default=False)]
XlsxOption = Annotated[Path | None, typer.Option(
    "--xlsx", metavar="FILE", help="Write the paper as a workbook, too, with its evidence.",
    show_default=False)]
PdfOption = Annotated[Path | None, typer.Option(
    "--pdf", metavar="FILE", help="Write the paper as PDF, too.", show_default=False)]
BesideOption = Annotated[Path | None, typer.Option(
    "--beside", metavar="DIR", help="Tables beside a book of the index: capacity, groups, claims, "
    "contracts ... [default: the folder beside/BOOK of the home].", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the app."""
    for command in (settle, check, explain):
        app.command(command.__name__)(command)


@contextmanager
def question(  # noqa: PLR0917 - the options of a question
    home: Path | None, book: str, days: tuple[str, str], policy: Policy, when: When,
    beside: Path | None = None,
) -> Iterator[Ask]:
    """A question about a book of the index, of the present or as known at a block."""
    from api.views.books import Ask
    from api.views.past import asked

    with opened(home) as opened_home, opened_home.session() as session, \
            asked(opened_home, when, traced=True) as past:
        yield Ask(opened_home, session, book, *days, policy=policy, when=when, then=past.session,
                  beside=beside)


def _given(particulars: list[str] | None) -> dict[str, str]:
    """Particulars as they were written.

    Raises:
        InputError: one without a value.
    """
    pairs = [text.partition("=") for text in particulars or ()]
    for key, equals, _ in pairs:
        if not equals:
            raise InputError(f"--particular {key!r} has no value.", remedy="Write KEY=VALUE.")
    return {key.strip(): value for key, _, value in pairs}


def settle(
    book: Annotated[str, typer.Argument(metavar="BOOK", help="Id of the book.")],
    *,
    first: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD.")],
    allocation: AllocationOption = "",
    yield_basis: YieldOption = "",
    turnover_days: TurnoverOption = None,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    beside: BesideOption = None,
    paper: PaperOption = "",
    particular: GivenOption = None,
    xlsx: XlsxOption = None,
    pdf: PdfOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Settle a book: forms, exemption statement, findings.

    Forms 15, 15a and 16 of the days given, the exemption by import line, and what does not add up. With
    --xlsx as a workbook too: the forms as they are filed, and for every figure the events behind it; with
    --pdf as a paper to hand over. With --known-at as it was settled when that block was the ledger's head.

    Example: cargoledger settle dmg-sxxk --from 2026-01-01 --to 2026-12-31 --xlsx 2026.xlsx --pdf 2026.pdf
    """
    from rich.console import Group

    from api.cli.book_report import with_tables
    from api.cli.books import write_papers
    from api.cli.papers import paper_tables
    from api.cli.render import settlement_tables
    from api.views.books import settlement_view
    from api.views.past import When
    from tracer.papers.kinds import paper_kind
    from tracer.policy import Policy

    kind, given = paper_kind(paper), _given(particular)
    policy, when = Policy(allocation, yield_basis, turnover_days), When.parse(as_of, known_at)
    with question(home, book, (first, last), policy, when, beside) as ask:
        view = settlement_view(ask, kind, given)
    write_papers(kind, view, view["report"], xlsx=xlsx, pdf=pdf)
    emit(view, as_json, lambda: with_tables(
        view, Group(settlement_tables(view), paper_tables(kind, view, view["report"]))))


def check(
    books: Annotated[
        list[str],
        typer.Argument(
            metavar="BOOK|DIR...",
            help="Id of a book in the index, or a folder with a book.toml (a name with a slash is a folder); "
            "several folders, or one that holds such folders.",
        ),
    ],
    *,
    first: Annotated[
        str,
        typer.Option("--from", help="First day [default: the year of the latest event].", show_default=False),
    ] = "",
    last: Annotated[str, typer.Option("--to", help="Last day.", show_default=False)] = "",
    allocation: AllocationOption = "",
    yield_basis: YieldOption = "",
    turnover_days: TurnoverOption = None,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    beside: BesideOption = None,
    paper: PaperOption = "",
    particular: GivenOption = None,
    xlsx: XlsxOption = None,
    pdf: PdfOption = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, show_default=False,
                          help="Processes to check folders in [default: as many as processors].")] = None,
    dask: Annotated[
        str, typer.Option("--dask", metavar="ADDRESS", show_default=False,
                          help="Check several folders on a Dask cluster whose workers see them: "
                          "tcp://HOST:8786.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the rules over a book. Exit code 1 if anything was found, 2 if the book cannot be checked.

    A folder needs neither ledger nor home: declarations, norms, counts and movements as an ERP exports them,
    CSV or XLSX (docs/formats/book.md). It is settled too: forms 15, 15a, 16 and the exemption. Policy and
    yield basis of its book.toml hold unless others are given.

    Several folders, or a folder of folders, are checked beside each other, each by one process; the result
    is the same bytes however many there are. One that cannot be used does not stop the others: the exit code
    is 2 then, else 1 if anything was found in any.

    Example: cargoledger check dmg-sxxk

    Example: cargoledger check ./my-book

    Example: cargoledger check ./all-books --workers 8
    """
    from api.cli.book_report import with_tables
    from api.cli.books import check_folder, folder_of
    from api.cli.many_books import check_many, many
    from api.cli.render import findings_table
    from tracer.papers.kinds import paper_kind
    from tracer.policy import Policy

    kind = paper_kind(paper) if paper else None
    given, policy = _given(particular), Policy(allocation, yield_basis, turnover_days)
    if (folders := many(books)) is not None:
        if first or last or paper or given or any(x is not None for x in (as_of, known_at, xlsx, pdf)):
            raise InputError("several folders take --allocation, --yield-basis and --turnover-days only.",
                             remedy="Check a book alone for its papers; its period stands in its book.toml.")
        raise typer.Exit(check_many(folders, policy, workers=workers or 0, dask=dask, as_json=as_json))
    [book] = books
    if dask:
        raise InputError("--dask is for several folders.", remedy="A single book is checked here.")
    if (folder := folder_of(book)) is not None:
        _no_tables(beside)
        if as_of is not None or known_at is not None:
            raise InputError("--as-of and --known-at are for books in the index.",
                             remedy="as_of of a folder stands in its book.toml; files know no block.")
        if check_folder(folder, first, last, xlsx=xlsx, pdf=pdf, kind=kind, policy=policy, given=given,
                        as_json=as_json, workers=workers or 0)["findings"]:
            raise typer.Exit(EXIT_BAD_NEWS)
        return
    if xlsx is not None or pdf is not None or paper or given:
        option = "--xlsx" if xlsx is not None else "--pdf" if pdf is not None else "--paper"
        raise InputError(f"{option} of check is for folders.",
                         remedy=f"Use cargoledger settle {book} --from ... --to ... {option} "
                                f"{xlsx or pdf or paper}.")
    from api.views.books import check_view
    from api.views.past import When

    with question(home, book, (first, last), policy, When.parse(as_of, known_at), beside) as ask:
        view = check_view(ask)
    emit(view, as_json, lambda: with_tables(view, findings_table(view)))
    if view["findings"]:
        raise typer.Exit(EXIT_BAD_NEWS)


def _no_tables(beside: Path | None) -> None:
    if beside is not None:
        raise InputError("--beside is for books in the index.",
                         remedy="Put the tables into the folder of the book itself.")


def explain(
    book: Annotated[
        str,
        typer.Argument(metavar="BOOK|DIR", help="Id of a book in the index, or a folder with a book.toml."),
    ],
    about: Annotated[
        str,
        typer.Argument(
            metavar="[FINDING|MATERIAL]",
            help="A finding (B6:FABRIC), a rule, a material, product, lot or declaration line "
            "[default: all of which a quantity is unexplained].",
            show_default=False,
        ),
    ] = "",
    *,
    first: Annotated[
        str,
        typer.Option("--from", help="First day [default: the year of the latest event].", show_default=False),
    ] = "",
    last: Annotated[str, typer.Option("--to", help="Last day.", show_default=False)] = "",
    allocation: AllocationOption = "",
    yield_basis: YieldOption = "",
    turnover_days: TurnoverOption = None,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    beside: BesideOption = None,
    pdf: Annotated[Path | None, typer.Option(
        "--pdf", metavar="FILE", help="Write it as PDF, too.", show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain what is unexplained, in plain sentences, with every event behind every figure.

    For each thing: what came in, where it went, which figure is short and by how much, the law, the duty at
    stake, what evidence would settle it. Exit code 1 if anything was found about it.

    Example: cargoledger explain dmg-sxxk B6:FAB-PES --pdf fabric.pdf

    Example: cargoledger explain ./my-book FAB-PES
    """
    from api.cli.books import explain_folder, folder_of, write_file
    from api.cli.explaining import explained
    from tracer.papers.kinds import explained_pdf
    from tracer.policy import Policy

    policy = Policy(allocation, yield_basis, turnover_days)
    if (folder := folder_of(book)) is not None:
        _no_tables(beside)
        if as_of is not None or known_at is not None or first or last:
            raise InputError("--from, --to, --as-of and --known-at are for books in the index.",
                             remedy="Period and as_of of a folder stand in its book.toml.")
        document, report = explain_folder(folder, about, policy)
    else:
        from api.views.explaining import explain_view
        from api.views.past import When

        with question(home, book, (first, last), policy, When.parse(as_of, known_at), beside) as ask:
            document, report = explain_view(ask, about)
    if pdf is not None:
        write_file(pdf, explained_pdf(document, report))
    emit(document, as_json, lambda: explained(document))
    if any(page["findings"] for page in document["explanations"]):
        raise typer.Exit(EXIT_BAD_NEWS)
