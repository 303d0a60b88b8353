"""Settlements that are kept, as the ways in show them: which there are, one, and what two differ in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.views.books import Ask, books_for, page_of
from api.views.names import iso_ms
from api.views.ways import note_look_at_book
from ledger.directory import BookEntry
from ledger.errors import InputError, NotFoundError
from tracer.runs.comparing import compare
from tracer.runs.store import Run, parse_document

if TYPE_CHECKING:
    from sqlmodel import Session

    from api.home import Home
    from indexer.lookups import Reader


CUSTODY = BookEntry(0, "", "Custody of containers and cargo", "", "")
"""Stands for no book."""


def runs_view(home: Home, session: Session, reader: Reader, book: str | None = None) -> dict[str, Any]:
    """The runs of the books that a reader may settle, or of one of them, the oldest first, and the questions
    that are kept up to date.

    Raises:
        NotFoundError: the book is not for this reader.
    """
    if book is not None:
        Ask(home, session, book, reader=reader).entry()
    known = {entry["id"] for entry in books_for(home, reader, session)} if book is None else {book}
    known |= {""} if reader.everything and book is None else set()
    runs = [run for run in home.runs.runs(book) if run.question.book in known
            and may_see(home, session, reader, run)]
    faults = home.runs.faults()
    kept = [{**question.to_json(), "fault": faults.get(question.id)} for question, _ in home.runs.kept()
            if question.book in known]
    return {"runs": [run_json(run) for run in runs], "kept": kept}


def run_view(home: Home, session: Session, reader: Reader, number: int) -> dict[str, Any]:
    """A run with its document, as it was given.

    Raises:
        NotFoundError: there is none, or its book or days are not for this reader: both look the same.
    """
    run = _run(home, session, reader, number)
    if run.question.book:
        entry = Ask(home, session, run.question.book, reader=reader).entry()
        note_look_at_book(home, reader, entry, f"/runs/{number}")
    latest = home.runs.last(run.question.id)
    return {**run_json(run), "latest": latest.number if latest else number,
            "document": parse_document(home.runs.document(number))}


def run_page(home: Home, session: Session, reader: Reader, number: int) -> dict[str, Any]:
    """A run as a page shows it, with what it changed against the one before; errors as `run_view`."""
    view = run_view(home, session, reader, number)
    document = view["document"]
    earlier = [run for run in home.runs.runs(view["book"])
               if run.question.id == view["question"] and run.number < number]
    changed = None
    if earlier:
        before = parse_document(home.runs.document(earlier[-1].number))
        changed = {"run": earlier[-1].number, **compare(before, document)}
    entry = home.directory.book(view["book"]) if view["book"] else CUSTODY
    return {**page_of(home, entry, document, document["report"]),
            "run": {key: value for key, value in view.items() if key != "document"}, "changed": changed}


def difference_view(home: Home, session: Session, reader: Reader, number: int, other: int) -> dict[str, Any]:
    """What two runs differ in; errors as `run_view`.

    Raises:
        InputError: they answer about different books or days, so that nothing can be held against anything.
    """
    first, second = (_run(home, session, reader, n) for n in (number, other))
    one, two = first.question, second.question
    if (one.book, one.first, one.last) != (two.book, two.first, two.last):
        raise InputError(
            f"run {number} is of {one.book or 'custody'} from {one.first} to {one.last}, run {other} of "
            f"{two.book or 'custody'} from {two.first} to {two.last}.",
            remedy="Compare two runs of one book and period.")
    return {"before": run_json(first), "after": run_json(second), **compare(
        parse_document(home.runs.document(number)), parse_document(home.runs.document(other)))}


def run_json(run: Run) -> dict[str, Any]:
    """A run without its document; the time as people write it."""
    said = run.to_json()
    return {**{k: v for k, v in said.items() if k != "made_at_s"}, "made_at": iso_ms(run.made_at_s * 1000)}


def _run(home: Home, session: Session, reader: Reader, number: int) -> Run:
    run = home.runs.run(number)
    if not may_see(home, session, reader, run):
        raise NotFoundError(f"there is no run {number}.", remedy="List them: cargoledger runs list")
    return run


def may_see(home: Home, session: Session, reader: Reader, run: Run) -> bool:
    """Whether a reader may settle the book on the days of a run."""
    if reader.everything:
        return True
    if not run.question.book:  # of everybody's containers: for customs alone
        return False
    try:
        Ask(home, session, run.question.book, reader=reader).days(run.question.first, run.question.last)
    except NotFoundError:
        return False
    return True
