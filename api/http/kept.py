"""GET routes of settlements that are kept. What the caller may not settle is not found."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from api.http.deps import ExactJSON, HomeDep, ReaderDep, SessionDep
from api.views.runs import difference_view, run_view, runs_view

NUMBER_MAX = 2**63 - 1
router = APIRouter(tags=["books"])

BookPath = Annotated[str, Path(max_length=300)]
RunPath = Annotated[int, Path(ge=1, le=NUMBER_MAX)]


@router.get("/books/{book_id}/runs", summary="Settlements of a book that are kept", response_class=ExactJSON)
def get_runs(home: HomeDep, reader: ReaderDep, session: SessionDep, book_id: BookPath) -> Response:
    """Every answer that was kept, the oldest first: when, known at which block, and what re-opened it."""
    return ExactJSON(runs_view(home, session, reader, book_id))


@router.get("/runs/{number}", summary="A settlement as it was given", response_class=ExactJSON)
def get_run(home: HomeDep, reader: ReaderDep, session: SessionDep, number: RunPath) -> Response:
    """Forms, exemption and findings as they were given then; `latest` is the question's latest run."""
    return ExactJSON(run_view(home, session, reader, number))


@router.get("/runs/{number}/difference", summary="What two runs differ in", response_class=ExactJSON)
def get_difference(
    home: HomeDep,
    reader: ReaderDep,
    session: SessionDep,
    number: RunPath,
    *,
    to: Annotated[int, Query(ge=1, le=NUMBER_MAX, description="the later run, of the same book and days")],
) -> Response:
    """Figures that differ, and findings that are new, changed or gone."""
    return ExactJSON(difference_view(home, session, reader, number, to))
