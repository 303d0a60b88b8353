"""Routes of risk and findings: where to look first and why, and what people say of findings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from api.http.deps import BodyDep, CallerDep, ExactJSON, HomeDep, ReaderDep, SessionDep, may_capture
from api.views.findings import Sight, findings_view, history_view, say
from api.views.risk import risk_view
from ledger.errors import InputError
from ledger.events.strict_json import parse_json

CAPACITY_MAX = 100_000
router = APIRouter(tags=["books"])

FindingPath = Annotated[str, Path(pattern="^[0-9a-f]{12}$")]


def sight_of(home: HomeDep, session: SessionDep, reader: ReaderDep) -> Sight:
    """What the caller sees."""
    return Sight(home, session, reader)


SightDep = Annotated[Sight, Depends(sight_of)]


@router.get("/risk", summary="Where to look first, and why", response_class=ExactJSON)
def get_risk(
    sight: SightDep,
    *,
    capacity: Annotated[
        int, Query(ge=0, le=CAPACITY_MAX, description="how many books can be controlled")] = 0,
    aeo: Annotated[str, Query(max_length=10_000, description="authorised operators, by comma")] = "",
) -> Response:
    """Books, units and actors with every term of their scores, of the settlements that are kept."""
    named = [one.strip() for one in aeo.split(",") if one.strip()]
    return ExactJSON(risk_view(sight, capacity=capacity, aeo=named))


@router.get("/books/{book_id}/findings", summary="Findings of a book", response_class=ExactJSON)
def get_findings(sight: SightDep, book_id: Annotated[str, Path(max_length=300)]) -> Response:
    """Findings of the latest kept settlements of a book, with what was said of them."""
    return ExactJSON(findings_view(sight, book_id))


@router.get("/findings/{finding}", summary="A finding and what was said of it", response_class=ExactJSON)
def get_finding(sight: SightDep, finding: FindingPath) -> Response:
    """All statements of it, the oldest first."""
    return ExactJSON(history_view(sight, finding))


@router.post(
    "/findings/{finding}", summary="Say what a finding is", response_class=ExactJSON,
    dependencies=[Depends(may_capture)],
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {
        "type": "object", "required": ["status", "reason"], "additionalProperties": False,
        "properties": {"status": {"enum": ["explained", "confirmed", "dismissed", "open"]},
                       "reason": {"type": "string", "maxLength": 2000}}}}}}})
def post_statement(sight: SightDep, caller: CallerDep, finding: FindingPath, body: BodyDep) -> Response:
    """Its book's owner may explain it; customs may confirm, dismiss or open it again. Both sides see it."""
    said = parse_json(body)
    if not isinstance(said, dict) or set(said) != {"status", "reason"} or not all(
            isinstance(value, str) for value in said.values()):
        raise InputError("a statement is an object with status and reason, both text.",
                         remedy='Post {"status": "explained", "reason": "..."}.')
    return ExactJSON(say(sight, finding, said["status"], said["reason"], participant=caller.participant.id))
