"""What every request meets before any route: identity, size and headers.

Default deny. A path is open only when it is in `PUBLIC_PATHS` or below `PUBLIC_PREFIXES`; every other
request, known route or not, needs a credential: a bearer token, or on the pages the sign-in cookie. The
cookie never opens the programming interface and a bearer token never opens a page, so a foreign site cannot
ride on a signed-in browser.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import answer, problem_of
from ledger.directory import ParticipantEntry
from ledger.errors import AuthenticationError, CargoLedgerError, TooLargeError

COOKIE = "cargoledger_session"
PUBLIC_PATHS = frozenset({"/healthz", "/sign-in", "/favicon.ico"})
PUBLIC_PREFIXES = ("/static/",)
PAGE_PATHS = frozenset({"/", "/sign-out", "/sign-in"})
PAGE_PREFIXES = ("/view/", "/static/")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the participant that the presented token was issued for, and what the token may do."""

    participant: ParticipantEntry
    scopes: frozenset[str]


def is_page(path: str) -> bool:
    """Whether a path is a page for people rather than the programming interface."""
    return path in PAGE_PATHS or path.startswith(PAGE_PREFIXES)


class Gate:
    """Asks for a credential on everything that is not public.

    Args:
        app: what stands behind.
        resolve: gives the participant of a token and its scopes; raises AuthenticationError for a bad one.
    """

    def __init__(
        self, app: ASGIApp, resolve: Callable[[str], tuple[ParticipantEntry, frozenset[str]]]
    ) -> None:
        self._app = app
        self._resolve = resolve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through with its caller in `state`, or answer it here."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIXES):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            token = cookie_token(headers) if is_page(path) else bearer_token(headers)
            caller = Caller(*self._resolve(token))
        except AuthenticationError as fault:
            if is_page(path):
                wanted = path + (
                    "?" + scope["query_string"].decode("latin-1") if scope["query_string"] else ""
                )
                target = "/sign-in" + (f"?next={quote(wanted, safe='')}" if wanted != "/" else "")
                await RedirectResponse(target, 303)(scope, receive, send)
            else:
                await answer(problem_of(fault))(scope, receive, send)
            return
        except CargoLedgerError as fault:
            await answer(problem_of(fault))(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)


def bearer_token(headers: Headers) -> str:
    """The token of an Authorization header.

    Raises:
        AuthenticationError: no such header, or not of the form `Bearer TOKEN`.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AuthenticationError(
            "this address needs a bearer token.",
            remedy="Send 'Authorization: Bearer TOKEN'; `cargoledger token new` makes one.",
        )
    return token.strip()


def cookie_token(headers: Headers) -> str:
    """The token of the sign-in cookie.

    Raises:
        AuthenticationError: nobody is signed in.
    """
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        morsel = None
    if morsel is None or not morsel.value:
        raise AuthenticationError("nobody is signed in.")
    return morsel.value


class BodyLimit:
    """Refuses a request body beyond `bytes_max`, whether its length is announced or it comes in chunks."""

    def __init__(self, app: ASGIApp, bytes_max: int) -> None:
        self._app = app
        self._bytes_max = bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the body as it arrives; past the limit answer 413, whatever the route would say."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdigit() or int(announced) > self._bytes_max:
            await answer(problem_of(self._fault()), {"Connection": "close"})(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._bytes_max:
                # raised inside the route, so that the app's own handler gives it the one error shape
                raise HTTPException(413, self._fault().message, {"Connection": "close"})
            return message

        await self._app(scope, counted, send)

    def _fault(self) -> TooLargeError:
        return TooLargeError(
            f"a request body has at most {self._bytes_max} bytes.",
            remedy="Send the events in several documents.",
        )


class Counted:
    """Counts answers by their status."""

    def __init__(self, app: ASGIApp, count: Callable[[int], None]) -> None:
        self._app, self._count = app, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through and see how it is answered."""

        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(int(message["status"]))
            await send(message)

        await self._app(scope, receive, seen if scope["type"] == "http" else send)


class SecurityHeaders:
    """Adds the headers that keep a page alone with its own server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add each header unless the answer already has it."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if is_page(scope["path"]) and not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
