"""JSON-RPC to one node over a connection that is kept: bytes out, bytes in, every reply held to its request.

A reply that is late, cut short, too large, no JSON-RPC, or of another request never passes. web3's provider
makes the connection (one for each thread) and its exceptions end here; JSON is read by msgspec, which leaves
a `result` unread until its caller says what it should be.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ledger.chain.reverts import RevertedError
from ledger.errors import UnavailableError

REPLY_BYTES_MAX = 256 << 20    # of one reply: a batch of fifty full blocks has about 50 MB
_PIECE_BYTES = 1 << 20
_SEGMENT_MAX = 15              # of a path; what is longer may be a provider's key
_TOO_MUCH = (413, -32005)      # HTTP's status and JSON-RPC's number for more than a node gives at once
_TOO_MUCH_TEXT = ("too large", "limit exceeded", "response size", "more than", "batch", "exceeds the",
                  "timeout", "timed out", "too many")
_BUSY = (429, 502, 503, 504)
METHOD_NOT_FOUND = -32601

Ask = tuple[str, Sequence[Any]]
"""Method and parameters."""


class TooMuchError(UnavailableError):
    """The node does not give so much at once; ask for less."""

    code = "CL-UNAVAILABLE-020"


class NodeError(Exception):
    """A JSON-RPC error object."""

    def __init__(self, error: Any) -> None:
        fields = error if isinstance(error, dict) else {"message": str(error)}
        self.number = fields.get("code")
        self.text = str(fields.get("message", ""))
        data = fields.get("data")
        self.data = data.get("data") if isinstance(data, dict) else data
        super().__init__(self.text)

    def mapped(self, url: str) -> Exception:
        """The error as ours."""
        if self.number == 3 or "revert" in self.text.lower():
            raw = self.data if isinstance(self.data, str) and self.data.startswith("0x") else "0x"
            return RevertedError("the contract refuses the call.", data=bytes.fromhex(raw[2:]))
        said = f"the node at {url} answered an error: {self.text} ({self.number})."
        if self.number in _TOO_MUCH or any(word in self.text.lower() for word in _TOO_MUCH_TEXT):
            return TooMuchError(said)
        return UnavailableError(said)


class _Reply(msgspec.Struct):
    """A JSON-RPC reply; `result` and `error` stay as they came."""

    id: int | str | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Wire:
    """The way to one node. May be used by several threads, each with a connection of its own."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Nothing is sent before the first question.

        Args:
            url: http or https address of the node.
            timeout_s: for connecting, for silence within a reply, and for a whole reply.
        """
        import requests  # with web3 a second of start-up, which commands without a node do not pay
        from eth_typing import URI
        from web3.providers.rpc import HTTPProvider

        self.url = shown(url)
        self._timeout_s = timeout_s
        self._faults: tuple[type[Exception], ...] = (requests.RequestException, OSError)
        # no hidden retries: whether to try again is the caller's decision
        self._provider = HTTPProvider(url, exception_retry_configuration=None)
        self._uri = URI(url)
        self._headers = {"Content-Type": "application/json", "User-Agent": "cargoledger"}
        self._ids = itertools.count(1)

    def ask(self, method: str, *parameters: Any) -> bytes:
        """The `result` of one request, as JSON.

        Raises:
            UnavailableError: no answer in time, or none to this request.
            NodeError: the node answered an error.
        """
        identifier = next(self._ids)
        body = self._post(_request(identifier, (method, parameters)))
        reply = self._decoded(body, _Reply)
        return self._result(reply, identifier)

    def ask_all(self, questions: Sequence[Ask]) -> list[bytes | NodeError]:
        """The `result` of each request of a batch, in order; an error stands in the place of its result.

        Raises:
            UnavailableError: no answer in time, or not one to each request.
            NodeError: the node answered one error to all of it.
        """
        first = next(self._ids)
        self._ids = itertools.count(first + len(questions))
        body = self._post(b"[" + b",".join(
            _request(first + i, question) for i, question in enumerate(questions)) + b"]")
        if body.lstrip()[:1] != b"[":
            self._result(self._decoded(body, _Reply), None)
            raise UnavailableError(f"the node at {self.url} answered a batch with something else.")
        replies = self._decoded(body, list[_Reply])
        by_id = {reply.id: reply for reply in replies}
        if len(replies) != len(questions) or set(by_id) != set(range(first, first + len(questions))):
            raise UnavailableError(f"the node at {self.url} answered other requests than those of the batch.")
        found: list[bytes | NodeError] = []
        for i in range(len(questions)):
            try:
                found.append(self._result(by_id[first + i], first + i))
            except NodeError as fault:
                found.append(fault)
        return found

    def _decoded(self, body: bytes, kind: Any) -> Any:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, ValueError, RecursionError) as fault:  # half a reply, or no JSON
            raise UnavailableError(f"the node at {self.url} answered no JSON-RPC: {fault}.") from fault

    def _result(self, reply: _Reply, identifier: int | None) -> bytes:
        if reply.error is not msgspec.UNSET and bytes(reply.error) != b"null":
            raise NodeError(self._decoded(bytes(reply.error), Any))
        if reply.result is msgspec.UNSET:
            raise UnavailableError(f"the node at {self.url} answered no JSON-RPC.")
        if reply.id != identifier:
            raise UnavailableError(
                f"the node at {self.url} answered request {reply.id!r} where {identifier} was asked.")
        return bytes(reply.result)

    def _post(self, body: bytes) -> bytes:
        """The reply to a body, read whole.

        Raises:
            TooMuchError: refused as too large, or larger than we take.
            UnavailableError: everything else that is no reply.
        """
        give_up = time.monotonic() + self._timeout_s
        pieces: list[bytes] = []
        size = 0
        try:
            manager = self._provider._request_session_manager
            with manager.get_response_from_post_request(
                    self._uri, data=body, headers=self._headers, timeout=self._timeout_s,
                    stream=True, allow_redirects=False) as response:
                if response.status_code != 200:
                    said = f"the node at {self.url} answered with status {response.status_code}."
                    if response.status_code in _TOO_MUCH:
                        raise TooMuchError(said)
                    raise UnavailableError(
                        said, remedy="It is busy; slow down." if response.status_code in _BUSY else "")
                for piece in response.iter_content(_PIECE_BYTES):
                    pieces.append(piece)
                    size += len(piece)
                    if size > REPLY_BYTES_MAX:
                        raise TooMuchError(f"the node at {self.url} answers with more than "
                                           f"{REPLY_BYTES_MAX} bytes.")
                    if time.monotonic() > give_up:
                        raise TooMuchError(f"the node at {self.url} does not finish its answer in time.")
        except self._faults as fault:
            raise UnavailableError(
                f"the node at {self.url} does not answer: {type(fault).__name__}.",
                remedy="Is it running? The request can be repeated.") from fault
        return b"".join(pieces)


def shown(url: str) -> str:
    """An address as it may be shown: without password, query, and path segments that look like a key."""
    parts = urlsplit(url)
    path = "/".join("…" if len(segment) > _SEGMENT_MAX else segment for segment in parts.path.split("/"))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"


def _request(identifier: int, question: Ask) -> bytes:
    method, parameters = question
    return msgspec.json.encode(
        {"jsonrpc": "2.0", "id": identifier, "method": method, "params": list(parameters)})
