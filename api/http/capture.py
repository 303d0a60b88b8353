"""POST /capture and its jobs.

Two kinds of body. `application/json` (or `application/ld+json`): an EPCIS 2.0 document of the caller's own
systems, signed here with the key that the caller's participant has delegated to this gateway.
`application/vnd.cargoledger.signed+json`: `{"submissions": [...]}`, events that their poster signed and
sealed. All events of a request are checked before any is taken; once taken, each has its own outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Path
from starlette.responses import Response

from api.http.deps import BodyDep, CallerDep, ExactJSON, HomeDep
from api.http.problems import UnsupportedMediaError
from api.views.names import iso_s
from api.views.ways import way_view
from ledger.errors import InputError, TooLargeError
from ledger.events.strict_json import parse_json
from ledger.gateway.submission import SignedSubmission
from ledger.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from api.home import Home

SIGNED = "application/vnd.cargoledger.signed+json"
PLAIN = ("application/json", "application/ld+json")
router = APIRouter(tags=["capture"])


@router.post(
    "/capture",
    status_code=202,
    summary="Post events",
    response_class=ExactJSON,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "object", "description": "EPCIS 2.0 document, or one event"}
                },
                "application/ld+json": {"schema": {"type": "object", "description": "the same"}},
                SIGNED: {
                    "schema": {
                        "type": "object",
                        "required": ["submissions"],
                        "additionalProperties": False,
                        "properties": {
                            "submissions": {
                                "type": "array",
                                "items": {"type": "object"},
                                "minItems": 1,
                                "maxItems": DEFAULT_LIMITS.capture_events_max,
                            }
                        },
                    }
                },
            },
        }
    },
)
def post_capture(
    home: HomeDep,
    caller: CallerDep,
    body: BodyDep,
    content_type: Annotated[str, Header(description="says which of the two bodies it is")] = "",
) -> Response:
    """Take events in. Answers when they are on disk; `Location` leads to what becomes of them.

    The same event again is no error and leads to the first one's outcome; the same eventID with other
    content is 409.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in PLAIN:
        results = home.post_document(body, caller.participant.id)
        event_ids = [result.event_id for result in results]
    elif kind == SIGNED:
        event_ids = _post_signed(home, caller.participant.number, body)
    else:
        raise UnsupportedMediaError(
            f"a capture body is JSON, not {kind or 'of no type'}.",
            remedy=f"Send Content-Type: application/json, or {SIGNED}.",
        )
    job = home.jobs.add(caller.participant.number, event_ids, home.clock())
    home.wake()
    location = f"/capture/{job.id}"
    return ExactJSON(_job_view(home, job.id, caller.participant.number), 202, {"Location": location})


@router.get("/capture/{capture_id}", summary="What became of posted events", response_class=ExactJSON)
def get_capture(
    home: HomeDep, caller: CallerDep, capture_id: Annotated[str, Path(max_length=64)]
) -> Response:
    """State of a capture: every event with its status and history, and whether all of them are decided."""
    return ExactJSON(_job_view(home, capture_id, caller.participant.number))


def _post_signed(home: Home, participant: int, body: bytes) -> list[str]:
    value = parse_json(body)
    if (
        not isinstance(value, dict)
        or set(value) != {"submissions"}
        or not isinstance(value["submissions"], list)
    ):
        raise InputError('a signed capture is {"submissions": [...]}.')
    items = value["submissions"]
    if not items:
        raise InputError("the list contains no submission.", pointer="/submissions")
    if len(items) > DEFAULT_LIMITS.capture_events_max:
        raise TooLargeError(f"one capture takes at most {DEFAULT_LIMITS.capture_events_max} events.")
    submissions = []
    for i, item in enumerate(items):
        submission = SignedSubmission.from_json(item)
        if submission.participant != participant:
            raise InputError(
                "this token does not stand for the participant of that event.",
                pointer=f"/submissions/{i}/participant",
                remedy="Use a token of the participant that signed it.",
            )
        submissions.append(submission)
    return [result.event_id for result in home.submit(submissions)]


def _job_view(home: Home, job_id: str, participant: int) -> dict[str, Any]:
    job = home.jobs.get(job_id, participant)
    events = [way_view(home.gateway.status(event_id)) for event_id in job.event_ids]
    running = any(not event["final"] for event in events)
    return {
        "captureID": job.id,
        "createdAt": iso_s(job.created_at_s),
        "running": running,
        "success": not running
        and not any(event["outcome"] and event["outcome"]["refused"] for event in events),
        "events": events,
    }
