"""What routes are handed: the home, the caller, a reader of the index, the body."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant
from sqlmodel import Session
from starlette.responses import Response

from api.http.gate import Caller
from api.jsonio import dumps
from api.views.past import Asked, When, asked
from indexer.lookups import Reader, reader_for
from ledger.errors import AuthenticationError, InputError

if TYPE_CHECKING:
    from api.home import Home


class ExactJSON(Response):
    """A JSON answer whose decimals keep every digit."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The content as JSON text."""
        return dumps(content).encode()


def home_of(request: Request) -> Home:
    """The home that this server serves."""
    home: Home = request.app.state.home
    return home


def caller_of(request: Request) -> Caller:
    """Who asks. The gate has put it there; without it nothing is answered.

    Raises:
        AuthenticationError: the request came past the gate.
    """
    caller = getattr(request.state, "caller", None)
    if not isinstance(caller, Caller):
        raise AuthenticationError("this address needs a bearer token.")
    return caller


def session_of(request: Request) -> Iterator[Session]:
    """A session of the index for one request."""
    with home_of(request).session() as session:
        yield session


def when_of(
    as_of: Annotated[
        str | None,
        Query(max_length=40, description="what was true at this time, by occurrence; ISO 8601, docs/past.md"),
    ] = None,
    known_at: Annotated[
        int | None, Query(ge=0, lt=2**63, description="what the index said when this block was its head")
    ] = None,
) -> When:
    """Of when is asked."""
    return When.parse(as_of, known_at)


def past_of(request: Request, when: Annotated[When, Depends(when_of)]) -> Iterator[Asked]:
    """A session of the index for a question that may be about the past."""
    with asked(home_of(request), when) as question:
        yield question


def traced_of(request: Request, when: Annotated[When, Depends(when_of)]) -> Iterator[Asked]:
    """The same for the tracer."""
    with asked(home_of(request), when, traced=True) as question:
        yield question


def reader_of(
    request: Request,
    caller: Annotated[Caller, Depends(caller_of)],
    session: Annotated[Session, Depends(session_of)],
) -> Reader:
    """What the caller may see of the index."""
    home = home_of(request)
    reader = reader_for(session, caller.participant.number, home.clock())
    return replace(reader, late_after_s=home.settings.late_after_s)


def may_read(caller: Annotated[Caller, Depends(caller_of)]) -> None:
    """Refuse a token that may not ask.

    Raises:
        AuthenticationError: the token has no such scope.
    """
    _need("read", caller)


def may_capture(caller: Annotated[Caller, Depends(caller_of)]) -> None:
    """Refuse a token that may not post.

    Raises:
        AuthenticationError: the token has no such scope.
    """
    _need("capture", caller)


def may_watch(caller: Annotated[Caller, Depends(caller_of)]) -> None:
    """Refuse a token that may not read the server's metrics: they speak of all participants together.

    Raises:
        AuthenticationError: the token has no such scope.
    """
    _need("metrics", caller)


_ACTS = {"capture": "post", "read": "ask", "metrics": "read metrics"}


def _need(scope: str, caller: Caller) -> None:
    if scope not in caller.scopes:
        raise AuthenticationError(
            f"this token may not {_ACTS[scope]}.",
            remedy="Use a token that was issued for it.",
        )


async def body_of(request: Request) -> bytes:
    """The whole body; its size is limited by the gate's BodyLimit."""
    return await request.body()


def known_parameters_only(request: Request) -> None:
    """Refuse query parameters that the route does not know: a misspelt filter must not look like none.

    Raises:
        InputError: an unknown or repeated parameter.
    """
    route = request.scope.get("route")
    dependant = getattr(route, "dependant", None)
    known = _query_names(dependant) if isinstance(dependant, Dependant) else set()
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise InputError(
                f"the parameter {name!r} is unknown here.", remedy=f"Known: {listed}.", pointer=f"/{name}"
            )
        if name in seen:
            raise InputError(
                f"the parameter {name!r} is given twice.", remedy="Give it once.", pointer=f"/{name}"
            )
        seen.add(name)


def _query_names(dependant: Dependant) -> set[str]:
    names = {field.alias for field in dependant.query_params}
    for inner in dependant.dependencies:
        names |= _query_names(inner)
    return names


if TYPE_CHECKING:
    HomeDep = Annotated[Home, Depends(home_of)]
else:  # FastAPI evaluates annotations; it needs to know only that this one is handed in
    HomeDep = Annotated[Any, Depends(home_of)]
CallerDep = Annotated[Caller, Depends(caller_of)]
SessionDep = Annotated[Session, Depends(session_of)]
AskedDep = Annotated[Asked, Depends(past_of)]
TracedDep = Annotated[Asked, Depends(traced_of)]
ReaderDep = Annotated[Reader, Depends(reader_of)]
BodyDep = Annotated[bytes, Depends(body_of)]
