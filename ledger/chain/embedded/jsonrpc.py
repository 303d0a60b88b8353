"""JSON-RPC 2.0 over bytes: the embedded node's protocol, without a transport.

A body is one request or a batch; the answer is the body to send back, or None when nothing but notifications
came. Every request gets its own answer or error, whatever the others are; only damage of the ledger itself
(InvariantError) is told as an internal error and passed on through `on_fault`, so that the server can stop.
Source: the JSON-RPC 2.0 specification; EIP-1474 for error numbers.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from ledger.chain.embedded.chain import TRANSACTION_BYTES_MAX
from ledger.chain.embedded.rpc_methods import Methods
from ledger.chain.embedded.rpc_values import (
    INTERNAL,
    INVALID_PARAMS,
    INVALID_REQUEST,
    LIMIT_EXCEEDED,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    SERVER_ERROR,
    RpcError,
)
from ledger.errors import CargoLedgerError, InputError, InvariantError, UnavailableError

log = logging.getLogger("cargoledger.node")


@dataclass(frozen=True, slots=True)
class RpcLimits:
    """Bounds of the protocol. Units are in the names."""

    body_bytes_max: int = 2 * TRANSACTION_BYTES_MAX + 65_536  # the largest transaction in hexadecimal fits
    batch_requests_max: int = 100
    answer_bytes_max: int = 64 << 20  # of one body; a full block with 100,000 logs fits
    depth_max: int = 16               # nested arrays and objects of a body


class JsonRpc:
    """Answers bodies with a method table."""

    def __init__(
        self, methods: Methods, limits: RpcLimits | None = None,
        on_fault: Callable[[InvariantError], None] | None = None,
        on_answer: Callable[[str, bool], None] | None = None,
    ) -> None:
        """Serve `methods`; `on_fault` hears of damage that must stop the server, `on_answer` of each request:
        its method, empty for one that is not served, and whether it went well.
        """
        self._methods, self._limits, self._on_fault = methods, limits or RpcLimits(), on_fault
        self._on_answer = on_answer or (lambda *_: None)

    def answer(self, body: bytes) -> bytes | None:
        """The answer to a body; None when it asks for none."""
        limits = self._limits
        if len(body) > limits.body_bytes_max:
            return too_large(limits)
        try:
            asked = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
        except (ValueError, ArithmeticError, RecursionError):
            return _line(None, error=RpcError(PARSE_ERROR, "the request is not JSON"))
        if _depth(asked, limits.depth_max) > limits.depth_max:
            return _line(None, error=RpcError(INVALID_REQUEST, f"deeper than {limits.depth_max} levels"))
        if not isinstance(asked, list):
            return self._one(asked, limits.answer_bytes_max)
        if not asked:
            return _line(None, error=RpcError(INVALID_REQUEST, "the batch is empty"))
        if len(asked) > limits.batch_requests_max:
            most = limits.batch_requests_max
            return _line(None, error=RpcError(
                LIMIT_EXCEEDED, f"a batch has at most {most} requests, not {len(asked)}"))
        room = limits.answer_bytes_max
        lines = []
        for request in asked:
            line = self._one(request, room)
            if line is not None:
                room = max(0, room - len(line))
                lines.append(line)
        return b"[" + b",".join(lines) + b"]" if lines else None

    def _one(self, request: Any, room: int) -> bytes | None:
        number = request.get("id") if isinstance(request, dict) else None
        if isinstance(number, bool) or not isinstance(number, int | str | None) or len(str(number)) > 256:
            return _line(None, error=RpcError(INVALID_REQUEST, "the id must be a number or a short text"))
        silent, method, well = False, "", False
        try:
            method, parameters = _request(request)
            silent = "id" not in request  # a notification: carried out, never answered
            line = _line(number, result=self._call(method, parameters))
            if len(line) > room:
                raise RpcError(
                    LIMIT_EXCEEDED, "the answers are too large together; ask for less, or in smaller batches")
            well = True
        except RpcError as fault:
            line = _line(number, error=fault)
        self._on_answer(method if method in self._methods.table else "", well)
        return None if silent else line

    def _call(self, method: str, parameters: list[Any]) -> Any:
        if method not in self._methods.table:
            raise RpcError(METHOD_NOT_FOUND, f"the method {method[:80]} does not exist or is not served")
        function, least, most = self._methods.table[method]
        if not least <= len(parameters) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise RpcError(
                INVALID_PARAMS, f"{method} takes {wanted} parameters, not {len(parameters)}")
        try:
            return function(*parameters)
        except RpcError:
            raise
        except InvariantError as fault:
            log.critical("stopping", extra={"code": fault.code, "fault": fault.message})
            if self._on_fault is not None:
                self._on_fault(fault)
            raise RpcError(INTERNAL, fault.message) from fault
        except UnavailableError as fault:
            raise RpcError(SERVER_ERROR, str(fault)) from fault
        except InputError as fault:
            raise RpcError(SERVER_ERROR, str(fault)) from fault
        except CargoLedgerError as fault:
            raise RpcError(INTERNAL, str(fault)) from fault
        except Exception as fault:
            # a fault of ours in one method must not take the node down; the log has it whole
            log.exception("a request failed", extra={"method": method})
            raise RpcError(INTERNAL, f"the node failed at this request ({type(fault).__name__})") from fault


def too_large(limits: RpcLimits) -> bytes:
    """The answer to a body beyond the limit."""
    return _line(None, error=RpcError(
        LIMIT_EXCEEDED, f"a request has at most {limits.body_bytes_max} bytes"))


def _request(request: Any) -> tuple[str, list[Any]]:
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'a request is an object with "jsonrpc": "2.0"')
    if unknown := sorted(set(request) - {"jsonrpc", "id", "method", "params"}):
        raise RpcError(INVALID_REQUEST, f"a request has no field {unknown[0][:40]!r}")
    method, parameters = request.get("method"), request.get("params", [])
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "the method must be a text")
    if not isinstance(parameters, list):
        raise RpcError(INVALID_PARAMS, "the parameters must be a list")
    while parameters and parameters[-1] is None:  # clients send null for what they leave out
        parameters = parameters[:-1]
    return method, parameters


def _line(number: Any, *, result: Any = None, error: RpcError | None = None) -> bytes:
    answer: dict[str, Any] = {"jsonrpc": "2.0", "id": number}
    if error is None:
        answer["result"] = result
    else:
        answer["error"] = {"code": error.number, "message": error.message}
        if error.data is not None:
            answer["error"]["data"] = error.data
    try:
        return msgspec.json.encode(answer)
    except UnicodeEncodeError:  # half of a pair in what was asked, told back: only escapes can write it
        return json.dumps(answer, separators=(",", ":")).encode()


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _depth(value: Any, maximum: int) -> int:
    """How deep lists and objects are nested, looked at only as far as `maximum` + 1."""
    level, depth = [value], 0
    while level and depth <= maximum:
        level = [inner for item in level if isinstance(item, list | dict)
                 for inner in (item.values() if isinstance(item, dict) else item)]
        depth += 1
    return depth
