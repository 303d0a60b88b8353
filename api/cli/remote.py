"""The client side of the HTTP interface, as far as commands need it."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any, Self

import httpx

from ledger.errors import (
    AuthenticationError,
    CargoLedgerError,
    ConflictError,
    InputError,
    NotFoundError,
    TooLargeError,
    TrustError,
    UnavailableError,
)

_ERRORS: dict[int, type[CargoLedgerError]] = {
    400: InputError,
    401: AuthenticationError,
    404: NotFoundError,
    409: ConflictError,
    413: TooLargeError,
    422: TrustError,
    502: TrustError,
    503: UnavailableError,
}
_POLL_S = 0.25
TIMEOUT_S = 30


class Remote:
    """A server of ours at a URL, spoken to with a token."""

    def __init__(self, url: str, token: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputError(f"{url!r} is not the address of a server.", remedy="Write http://HOST:PORT.")
        self._client = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def capture(self, body: bytes, wait_s: int) -> dict[str, Any]:
        """Post a document and wait for the outcomes of its events, at most so many seconds.

        Raises:
            CargoLedgerError: what the server said, or that it cannot be reached.
        """
        job = self._ask("POST", "/capture", content=body, headers={"Content-Type": "application/json"})
        until = time.monotonic() + wait_s
        while job["running"] and time.monotonic() < until:
            time.sleep(_POLL_S)
            job = self._ask("GET", f"/capture/{job['captureID']}")
        return job

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, **more)
        except httpx.HTTPError as fault:
            raise UnavailableError(
                f"the server at {self._client.base_url} does not answer: {fault}.",
                remedy="Is it running? Start it with `cargoledger up`.",
            ) from fault
        try:
            value = json.loads(answer.text, parse_float=Decimal)
        except ValueError:
            value = None
        if answer.is_success and isinstance(value, dict):
            return value
        body = value if isinstance(value, dict) else {}
        kind = _ERRORS.get(answer.status_code, UnavailableError)
        said = kind(
            str(body.get("detail", f"the server answered {answer.status_code}.")),
            remedy=str(body.get("remedy", "")),
        )
        said.code = str(body.get("code", kind.code))
        raise said
