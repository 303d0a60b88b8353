"""One error shape for every route: problem+json (RFC 7807) with a stable code and, where there is one, a
remedy.

    {"type": "urn:cargoledger:error:CL-INPUT-002", "title": "Not found", "status": 404,
     "detail": "no unit 'X' is known.", "code": "CL-INPUT-002", "remedy": "...", "pointer": "/..."}

`faults` lists every fault where a document has several. Nothing internal is ever shown: an unforeseen
exception answers 500 with a fixed sentence, and the log has the rest.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.jsonio import dumps
from api.logs import said_of
from indexer.database import fault_of
from indexer.faults import IndexAwayError
from ledger.errors import (
    AuthenticationError,
    CannotVerifyError,
    CargoLedgerError,
    ConflictError,
    InputError,
    InvariantError,
    NotFoundError,
    Reason,
    TooLargeError,
    TrustError,
    UnavailableError,
)

log = logging.getLogger("cargoledger.http")

RETRY_AFTER_S = 5
TITLES = {
    400: "Bad request",
    401: "Not signed in",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Evidence does not verify",
    500: "Internal fault",
    502: "Our node's evidence does not verify",
    503: "Not available now",
}
_STATUS: tuple[tuple[type[CargoLedgerError], int], ...] = (
    (NotFoundError, 404),
    (ConflictError, 409),
    (TooLargeError, 413),
    (AuthenticationError, 401),
    (InputError, 400),
    (CannotVerifyError, 502),
    (TrustError, 422),
    (UnavailableError, 503),
    (InvariantError, 500),
)
_HTTP_CODES = {404: NotFoundError.code, 413: TooLargeError.code, 401: AuthenticationError.code}


class UnsupportedMediaError(InputError):
    """The body is of a type that the route does not take."""

    code = "CL-INPUT-006"


def status_of(fault: CargoLedgerError) -> int:
    """HTTP status of an error: by its root, as the style reference sets them."""
    if isinstance(fault, UnsupportedMediaError):
        return 415
    return next((status for kind, status in _STATUS if isinstance(fault, kind)), 500)


def problem(status: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """The body of an error answer; empty values are left out."""
    body = {
        "type": f"urn:cargoledger:error:{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
    }
    return {**body, **{key: value for key, value in more.items() if value}}


def problem_of(fault: CargoLedgerError) -> dict[str, Any]:
    """The body that says what an error says."""
    status = status_of(fault)
    if status == 500:
        return problem(
            500,
            fault.code,
            "CargoLedger found a fault of its own and stopped this request.",
            remedy="Tell the operator; the server's log has the details.",
        )
    return problem(
        status,
        fault.code,
        fault.message,
        remedy=fault.remedy,
        retryAfter=getattr(fault, "retry_after_s", None),
        pointer=getattr(fault, "pointer", ""),
        faults=[
            {
                "detail": f.message,
                "pointer": getattr(f, "pointer", ""),
                "reason": str(getattr(f, "reason", Reason.INVALID)),
            }
            for f in getattr(fault, "faults", ())
        ],
        reason="" if (reason := getattr(fault, "reason", Reason.INVALID)) is Reason.INVALID else str(reason),
    )


def answer(body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """An error body as a response, with the headers its status calls for."""
    headers = dict(headers or {})
    if body["status"] == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="cargoledger"'
    if body["status"] == 503:
        headers["Retry-After"] = str(body.get("retryAfter", RETRY_AFTER_S))
    headers["Cache-Control"] = "no-store"
    return Response(dumps(body), body["status"], headers, media_type="application/problem+json")


def _respond(request: Request, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """The body as problem+json, or as a page where a person asked for one."""
    make_page = getattr(request.app.state, "problem_page", None)
    page: Response | None = make_page(request, body) if make_page is not None else None
    return page if page is not None else answer(body, headers)


def _route(request: Request) -> str:
    """The route's pattern: the address itself may name a container or a lot, which no log is to say."""
    return str(getattr(request.scope.get("route"), "path", ""))


def install(app: FastAPI) -> None:
    """Make every error of the app answer in the one shape."""

    @app.exception_handler(CargoLedgerError)
    async def own(request: Request, fault: CargoLedgerError) -> Response:
        if status_of(fault) >= 500:
            log.error("a request failed", extra={
                "method": request.method, "route": _route(request), **said_of(fault)})
        return _respond(request, problem_of(fault))

    @app.exception_handler(SQLAlchemyError)
    async def of_the_index(request: Request, fault: SQLAlchemyError) -> Response:
        ours = fault_of(fault)
        log.error("a request failed", extra={
            "method": request.method, "route": _route(request), **said_of(ours)})
        if isinstance(ours, IndexAwayError):  # where it is, and as whom it is asked, is nobody's business
            ours = IndexAwayError("the server of the index's database does not answer.")
        return _respond(request, problem_of(ours))

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, fault: RequestValidationError) -> Response:
        faults = [
            {"detail": str(e["msg"]), "pointer": "/" + "/".join(str(p) for p in e["loc"])}
            for e in fault.errors()[:20]
        ]
        first = faults[0] if faults else {"detail": "the request is malformed.", "pointer": ""}
        return _respond(
            request,
            problem(
                400,
                InputError.code,
                f"{first['pointer'].rsplit('/', 1)[-1]}: {first['detail']}.",
                pointer=first["pointer"],
                faults=faults if len(faults) > 1 else None,
            ),
        )

    @app.exception_handler(HTTPException)
    async def plain(request: Request, fault: HTTPException) -> Response:
        code = _HTTP_CODES.get(
            fault.status_code, InputError.code if fault.status_code < 500 else InvariantError.code
        )
        detail = {
            404: "there is nothing here, or nothing that you may see.",
            405: "this address does not take that method.",
        }.get(fault.status_code, str(fault.detail))
        return _respond(request, problem(fault.status_code, code, detail), dict(fault.headers or {}))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, fault: Exception) -> Response:
        log.error("a request failed", exc_info=fault,
                  extra={"method": request.method, "route": _route(request)})
        return _respond(request, problem_of(InvariantError("unforeseen")))
