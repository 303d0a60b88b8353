"""`cargoledger check` for many books at once: progress, the one document, the table, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.shell import EXIT_BAD_NEWS, EXIT_INPUT, console
from ledger.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from api.many import Answer
    from tracer.policy import Policy


def many(named: Sequence[str]) -> list[str] | None:
    """The books, where several are meant: several names, or a folder that holds books. None for a single one.

    Raises:
        InputError: several names, of which one is no folder.
        NotFoundError: a folder that is not there or holds no book.
    """
    from api.cli.books import folder_of
    from api.many import books_in, is_book

    if len(named) == 1:
        path = Path(named[0])
        holds = path.is_dir() and not is_book(path) and any(is_book(inner) for inner in path.iterdir())
        return books_in([path]) if holds else None
    for name in named:
        if folder_of(name) is None and not Path(name).is_dir():
            raise InputError(f"{name} is no folder.",
                             remedy="Several books are checked from folders; a book of the index alone.")
    return books_in([Path(name) for name in named])


def check_many(folders: Sequence[str], policy: Policy, *, workers: int, dask: str, as_json: bool) -> int:
    """Check books, print what came of them, and give the exit code: 2 if any could not be used, else 1 if
    anything was found, else 0.
    """
    from api.beside import processors
    from api.many import in_order, in_processes, on_dask, summary_of

    answers: list[Answer] = []
    with progress(len(folders)) as step:
        asked = on_dask(folders, policy, dask) if dask else \
            in_processes(folders, policy, workers or processors())
        before = '{\n"books": [\n'
        for found in in_order(_stepped(asked, step), folders):
            if as_json:  # written as they come: a nation's documents need not fit into memory together
                sys.stdout.write(before + found.text)
                before = ",\n"
            answers.append(replace(found, text=""))
    summary = summary_of(answers)
    if as_json:
        from api.jsonio import dumps

        sys.stdout.write(f'\n],\n"summary": {dumps(summary, indent=2)}\n}}\n')
        sys.stdout.flush()
    else:
        console().print(_table(answers))
        console().print(
            f"{summary['books']} books: {summary['with_findings']} with findings, {summary['unusable']} that "
            f"cannot be used. Rule pack {summary['rule_pack'] or '–'}.")
    return EXIT_INPUT if summary["unusable"] else EXIT_BAD_NEWS if summary["with_findings"] else 0


def _stepped(answers: Iterator[Answer], step: Callable[[], None]) -> Iterator[Answer]:
    for found in answers:
        step()
        yield found


@contextmanager
def progress(total: int) -> Iterator[Callable[[], None]]:
    """How far it is, on standard error: a bar on a terminal, else a line for each tenth."""
    if not sys.stderr.isatty():
        done = 0

        def said() -> None:
            nonlocal done
            done += 1
            if done * 10 // total > (done - 1) * 10 // total:
                sys.stderr.write(f"{done} of {total} books\n")
                sys.stderr.flush()

        yield said
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("books"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("books", total=total)
        yield lambda: bar.advance(task)


def _table(answers: Sequence[Answer]) -> RenderableType:
    from api.cli.render import table

    rows = [(a.folder, a.book, ", ".join(f"{rule} {n}" for rule, n in a.findings.items()) or "nothing",
             str(a.not_evaluable), str(a.faults), "") if not a.error else
            (a.folder, "–", "–", "–", "–", a.error) for a in answers]
    titles = ("folder", "book", "found (rule, how often)", "not evaluable", "rows left out", "cannot be used")
    return table("Books checked", titles, rows, right=(3, 4))
