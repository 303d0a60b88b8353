"""Commands about books in files: check a folder, write an example of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shell import JsonOption, emit
from ledger.errors import InputError

if TYPE_CHECKING:
    from tracer.papers.kinds import PaperKind
    from tracer.policy import Policy


def add_to(books: typer.Typer) -> None:
    """Put these commands into the group of those about books."""
    books.command("example")(book_example)
    books.command("faults")(book_faults)


def book_example(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New folder for the files.")],
    *,
    fault: Annotated[
        str,
        typer.Option(
            "--with", metavar="FAULT", help="Lay in one fault; `cargoledger book faults` names them."
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Write the book of a small garment enterprise as files. It is clean: nothing is found in it.

    docs/formats/book.md explains every file and column.

    Example: cargoledger book example my-book
    """
    from tracer.files.example import write_example
    from tracer.files.example_faults import fault as fault_of

    chosen = fault_of(fault) if fault else None
    files = write_example(folder, chosen.change if chosen else None)
    document = {"folder": str(folder), "files": files, "fault": chosen.name if chosen else None}
    story = f"\n{chosen.story}" if chosen else ""
    emit(document, as_json, lambda: f"{folder}: {', '.join(files)}{story}\nNow: cargoledger check {folder}")


def book_faults(*, as_json: JsonOption = False) -> None:
    """List the faults that an example can have, and what finds each.

    Example: cargoledger book faults
    """
    from api.cli.book_report import fault_table
    from tracer.files.example_faults import FAULTS

    faults = [
        {
            "name": f.name,
            "story": f.story,
            "rule": f.rule,
            "subject": f.subject,
            "difference": f.difference or None,
            "verdict": f.verdict,
            "companions": sorted(f.companions),
        }
        for f in FAULTS
    ]
    emit({"faults": faults}, as_json, lambda: fault_table(faults))


def folder_of(book: str) -> Path | None:
    """The folder that `check` was given, or None for the id of a book in the index.

    A folder is what has a separator in its name, or is a directory with a book.toml in it.
    """
    from api.many import is_book

    path = Path(book)
    if "/" in book or "\\" in book or book in (".", "..") or is_book(path):
        return path
    return None


def write_papers(kind: PaperKind, settlement: dict[str, Any], report: dict[str, Any], *, xlsx: Path | None,
                 pdf: Path | None) -> None:
    """Write a paper as a workbook and as PDF, where a file for it is named.

    Raises:
        InputError: the file cannot be written.
    """
    if xlsx is not None:
        from tracer.settlement.workbook import workbook

        write_file(xlsx, workbook(kind.document(settlement), report, kind.sheets))
    if pdf is not None:
        from tracer.papers.kinds import pdf_of

        write_file(pdf, pdf_of(kind, settlement, report))


def write_file(file: Path, content: bytes) -> None:
    """Write a file that a command was told to write.

    Raises:
        InputError: it cannot be written.
    """
    try:
        file.write_bytes(content)
    except OSError as fault:
        raise InputError(f"{file} cannot be written: {fault.strerror}.",
                         remedy="Name a file in a folder that is there and that you may write to.") from fault


def check_folder(
    folder: Path, first: str, last: str, *, as_json: bool, xlsx: Path | None = None, pdf: Path | None = None,
    kind: PaperKind | None = None, policy: Policy | None = None, given: dict[str, str] | None = None,
    workers: int = 0,
) -> dict[str, Any]:
    """Check a folder of files and print the report. With one worker the rules are run in this process.

    Raises:
        InputError: it cannot be used at all, or days were given.
    """
    from rich.console import Group

    from api import beside
    from api.cli.book_report import book_report
    from api.cli.papers import paper_tables
    from tracer import collector
    from tracer.files import read_book
    from tracer.files.document import document_of
    from tracer.papers.kinds import paper_kind

    if first or last:
        raise InputError(
            "--from and --to are for books in the index.",
            remedy="The period of a folder stands in its book.toml.",
        )
    with collector.paused():
        read = read_book(folder)
        if policy is not None:
            read = replace(read, book=policy.on(read.book))
        kind = kind or paper_kind("", read.book.jurisdiction)
        if workers == 1:
            view = document_of(read, kind=kind, given=given)
        else:
            view = document_of(read, start=beside.start, kind=kind, given=given)
    write_papers(kind, view, view, xlsx=xlsx, pdf=pdf)
    emit(view, as_json, lambda: Group(book_report(view), paper_tables(kind, view, view)))
    return view


def explain_folder(folder: Path, about: str, policy: Policy) -> tuple[dict[str, Any], dict[str, Any]]:
    """The explanations of a folder's book, and the report that they rest on.

    Raises:
        InputError: the folder cannot be used at all.
        NotFoundError: nothing of that name is in it.
    """
    from tracer.check import examine
    from tracer.facts import Facts
    from tracer.files import read_book
    from tracer.papers.explain import document_of

    facts = Facts(policy.on(read_book(folder).book))
    report = examine(facts)
    return document_of(facts, report, about), report.to_json()
