"""GET routes: events, units, lineage. What the caller may not see is not found."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import ColumnElement
from sqlmodel import col
from starlette.responses import Response

from api.http.deps import AskedDep, ExactJSON, HomeDep, ReaderDep, TracedDep
from api.views.events import event_rows, event_view
from api.views.lineage import lineage_view
from api.views.past import milliseconds
from api.views.units import unit_view
from api.views.ways import look_rows, note_looks
from indexer.lookups import about, events_page, unit_for
from indexer.models import Event
from ledger.errors import InputError
from ledger.events.model import unhex32
from ledger.limits import DEFAULT_LIMITS
from ledger.vocabulary import Kind

PAGE_ROWS = 30
router = APIRouter()

KindName = StrEnum("KindName", {kind.name: kind.name for kind in Kind})  # type: ignore[misc]
Direction = Literal["backward", "forward", "both"]
IdPath = Annotated[str, Path(max_length=300)]


@router.get("/events", tags=["events"], summary="List events", response_class=ExactJSON)
def get_events(
    request: Request,
    home: HomeDep,
    reader: ReaderDep,
    question: AskedDep,
    *,
    kind: Annotated[KindName | None, Query(description="kind of the event model")] = None,
    refused: Annotated[bool | None, Query(description="only refused, or only not refused events")] = None,
    late: Annotated[
        bool | None, Query(description="only events recorded late, or only those that were not")
    ] = None,
    unit: Annotated[
        str | None, Query(max_length=300, description="events about this unit: number, EPC or id")
    ] = None,
    book: Annotated[str | None, Query(max_length=63, description="id of a book")] = None,
    from_: Annotated[
        str | None, Query(alias="GE_eventTime", description="occurred at or after, ISO 8601")
    ] = None,
    before: Annotated[
        str | None, Query(alias="LT_eventTime", description="occurred before, ISO 8601")
    ] = None,
    per_page: Annotated[int, Query(alias="perPage", ge=1, le=DEFAULT_LIMITS.page_rows_max)] = PAGE_ROWS,
    next_page: Annotated[str | None, Query(alias="nextPageToken", max_length=40)] = None,
) -> Response:
    """Events that the caller may read, in the ledger's order, with their EPCIS content.

    When there are more, `Link` names the next page (rel="next"); a page never shifts when events are added.
    """
    conditions: list[ColumnElement[bool]] = []
    if kind is not None:
        conditions.append(col(Event.kind) == kind)
    if refused is not None:
        conditions.append(col(Event.outcome) >= 100 if refused else col(Event.outcome) < 100)
    if late is not None:
        lateness = col(Event.recorded_at_s) - col(Event.occurred_at_ms) / 1000
        conditions.append(lateness > reader.late_after_s if late else lateness <= reader.late_after_s)
    if unit is not None:
        conditions.append(about(unit_for(question.session, unit, reader).unit))
    if book is not None:
        conditions.append(col(Event.book) == home.directory.book(book).number)
    if from_ is not None:
        conditions.append(col(Event.occurred_at_ms) >= milliseconds(from_, "GE_eventTime"))
    if before is not None:
        conditions.append(col(Event.occurred_at_ms) < milliseconds(before, "LT_eventTime"))
    page = events_page(question.session, reader, conditions, after=_place(next_page), limit=per_page)
    rows = event_rows(question.session, home.directory, reader, page.events, with_epcis=True)
    note_looks(home, reader, rows, request.url.path)
    headers = {}
    if page.next_after is not None:
        following = request.url.include_query_params(nextPageToken=str(page.next_after))
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    token = None if page.next_after is None else str(page.next_after)
    return ExactJSON({"events": rows, "nextPageToken": token, **question.when.said()}, headers=headers)


@router.get("/events/{event_id:path}", tags=["events"], summary="One event", response_class=ExactJSON)
def get_event(
    request: Request, home: HomeDep, reader: ReaderDep, question: AskedDep, event_id: IdPath
) -> Response:
    """An event by the ledger's id or EPCIS eventID: what was signed, what the ledger said, its content."""
    view = event_view(question.session, home.directory, reader, event_id)
    note_looks(home, reader, [view], request.url.path)
    return ExactJSON({**view, **question.when.said()})


@router.get(
    "/units/{unit_id:path}", tags=["units"], summary="A unit and its history", response_class=ExactJSON
)
def get_unit(
    request: Request, home: HomeDep, reader: ReaderDep, question: AskedDep, unit_id: IdPath
) -> Response:
    """A container, cargo, lot or declaration line: its state now, or in the past, and every readable event
    about it.
    """
    view = unit_view(question.session, home.directory, reader, unit_id, now_s=question.now_s)
    note_looks(home, reader, view["timeline"], request.url.path)
    return ExactJSON({**view, **question.when.said()})


@router.get("/looks", tags=["events"], summary="Who looked at content", response_class=ExactJSON)
def get_looks(
    home: HomeDep,
    reader: ReaderDep,
    *,
    event: Annotated[
        str | None, Query(max_length=66, description="only at this event, by the ledger's id")
    ] = None,
    per_page: Annotated[int, Query(alias="perPage", ge=1, le=DEFAULT_LIMITS.page_rows_max)] = PAGE_ROWS,
    next_page: Annotated[str | None, Query(alias="nextPageToken", max_length=40)] = None,
) -> Response:
    """Who looked at the content of the caller's events, and when; customs sees all looks."""
    found = home.looks.looks(
        owner=None if reader.everything else reader.participant,
        event_id=None if event is None else unhex32(event),
        after=_place(next_page),
        limit=per_page,
    )
    token = str(found[-1].id) if len(found) == per_page else None
    return ExactJSON({"looks": look_rows(home, found), "nextPageToken": token})


@router.get("/lots/{lot_id:path}/trace", tags=["units"], summary="Lineage of a lot", response_class=ExactJSON)
def get_trace(
    home: HomeDep,
    reader: ReaderDep,
    question: TracedDep,
    lot_id: IdPath,
    direction: Annotated[
        Direction, Query(description="towards its sources, towards its exits, or both")
    ] = "both",
    *,
    origin: Annotated[str, Query(
        alias="from", max_length=300,
        description="only the ways that lead to it from this lot, line, container or cargo")] = "",
) -> Response:
    """Where what is in a lot came from, and where it went, with quantities."""
    view = lineage_view(
        question.session, home, reader, lot_id, direction, as_of_ms=question.when.as_of_ms, origin=origin)
    return ExactJSON({**view, **question.when.said()})


def _place(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal() or not token.isascii() or len(token) > 18:
        raise InputError(
            "the page token is not one of ours.", remedy="Follow the Link header.", pointer="/nextPageToken"
        )
    return int(token)
