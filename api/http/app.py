"""The HTTP server's app: programming interface and pages on one home. Thin: it asks the layers below.

GET  /healthz                     how the server is; the one address that needs no credential
GET  /metrics                     counts and gauges for Prometheus, for a token of that scope
POST /capture, GET /capture/{id}  events in, and what became of them
GET  /events, /events/{id}        EPCIS events with the ledger's outcome
GET  /looks                       who looked at the caller's content
GET  /units/{id}                  a unit, its state and history
GET  /lots/{id}/trace             lineage with quantities
GET  /books/{id}/settlement       forms, exemption, findings; also .xlsx and .pdf
GET  /books/{id}/check            findings
GET  /books/{id}/runs, /runs/{n}  settlements as they were given, and what two of them differ in
GET  /books/{id}/open-lots        lots of which something is left
GET  /books/{id}/explanations     what is unexplained, with its evidence; also .pdf
GET  /risk, /books/{id}/findings  where to look first and why
GET, POST /findings/{id}          a finding, and what people say of it
GET  /release-study               how long goods wait between arrival and gate
GET  /changes                     the change feed
/, /view/..., /sign-in            pages for people
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, Response

from api import __version__
from api.http import books, capture, changes, findings, kept, problems, reading, releasing
from api.http.deps import (
    ExactJSON,
    HomeDep,
    caller_of,
    known_parameters_only,
    may_capture,
    may_read,
    may_watch,
)
from api.http.gate import BodyLimit, Counted, Gate, SecurityHeaders
from api.metrics import CONTENT_TYPE, HomeState, Metrics
from api.views.health import health_view
from api.web import pages
from ledger.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from api.home import Home

DESCRIPTION = (
    "Custody and material balance of duty-free goods, from signed events. Every answer is limited to what "
    "the participant of the bearer token may read; what it may not read is not found. Quantities are strings."
)


def create_app(home: Home, *, docs: bool = False, lifespan: Callable[[], Any] | None = None) -> FastAPI:
    """The app over an open home.

    Args:
        home: the caller opens and closes it.
        docs: serve the interactive description of the interface under /docs (behind a token like all else).
        lifespan: a context manager entered while the app runs, e.g. the worker of `cargoledger up`.
    """

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        if lifespan is None:
            yield
            return
        with lifespan():
            yield

    app = FastAPI(
        title="CargoLedger",
        version=__version__,
        description=DESCRIPTION,
        docs_url="/docs" if docs else None,
        redoc_url=None,
        openapi_url="/openapi.json" if docs else None,
        redirect_slashes=False,
        lifespan=running,
        generate_unique_id_function=_operation_id,
    )
    app.state.home = home
    counts = getattr(home, "metrics", None)  # none where only the shape of the app is asked for
    if isinstance(counts, Metrics):
        counts.watch("home", HomeState(home))
    problems.install(app)
    guarded = [Depends(caller_of), Depends(known_parameters_only)]
    app.include_router(capture.router, dependencies=[*guarded, Depends(may_capture)])
    app.include_router(reading.router, dependencies=[*guarded, Depends(may_read)])
    app.include_router(books.router, dependencies=[*guarded, Depends(may_read)])
    app.include_router(kept.router, dependencies=[*guarded, Depends(may_read)])
    app.include_router(releasing.router, dependencies=[*guarded, Depends(may_read)])
    app.include_router(findings.router, dependencies=[*guarded, Depends(may_read)])
    app.include_router(changes.router, dependencies=[*guarded, Depends(may_read)])

    @app.get(
        "/healthz",
        tags=["server"],
        summary="Health",
        response_class=ExactJSON,
        dependencies=[Depends(known_parameters_only)],
    )
    def healthz(home: HomeDep) -> Response:
        """Whether the server takes and records events: 200, or 503 when something stands still."""
        view = health_view(home)
        return ExactJSON(view, 200 if view["status"] == "ok" else 503)

    @app.get(
        "/metrics",
        tags=["server"],
        summary="Metrics for Prometheus",
        response_class=PlainTextResponse,
        dependencies=[*guarded, Depends(may_watch)],
    )
    def metrics(home: HomeDep) -> Response:
        """Counts and gauges in Prometheus' text format, for a token made with `token new --metrics`."""
        return Response(home.metrics.text(), media_type=CONTENT_TYPE)

    pages.install(app)
    # outermost first: headers on every answer, then size, then identity
    app.add_middleware(Gate, resolve=home.caller_of_token)
    if home.settings.allowed_origins:
        # preflights carry no credential, so this stands before the gate
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(home.settings.allowed_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Location", "Link"],
        )
    app.add_middleware(BodyLimit, bytes_max=DEFAULT_LIMITS.body_bytes_max)
    app.add_middleware(SecurityHeaders)
    if isinstance(counts, Metrics):
        answers = counts.answers
        app.add_middleware(Counted, count=lambda status: answers.labels(str(status)).inc())
    return app


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of the programming interface; docs/reference/openapi.json is this."""
    document = app.openapi()
    document["components"] = {
        **document.get("components", {}),
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
    }
    document["security"] = [{"token": []}]
    document["paths"]["/healthz"]["get"]["security"] = []
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = {
                "description": "An error, always of this shape",
                "content": {"application/problem+json": {"schema": _PROBLEM}},
            }
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"].get("schemas", {}).pop(unused, None)
    return document


_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "pattern": "^CL-[A-Z]+-\\d{3}$"},
        "remedy": {"type": "string"},
        "pointer": {"type": "string"},
        "retryAfter": {"type": "integer", "description": "seconds, as in the header Retry-After"},
        "faults": {"type": "array", "items": {"type": "object"}},
    },
}


def _operation_id(route: APIRoute) -> str:
    return route.name
