"""The embedded ledger over HTTP: JSON-RPC at POST /, for wallets, indexers and other gateways.

Nobody signs in here: what is signed is the transaction, and what is on chain is readable by whoever reaches
the port. So it listens on the machine itself unless told otherwise, answers only to the host names it was
told (a foreign page cannot reach it by a name of its own), takes nothing but JSON, and gives browsers no
permission.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import __version__
from api.http.server import quiet_signals
from api.metrics import CONTENT_TYPE, Metrics, NodeState
from api.parts import wall_clock
from ledger.chain.embedded.jsonrpc import JsonRpc, RpcLimits, too_large
from ledger.chain.embedded.rpc_methods import Methods

if TYPE_CHECKING:
    import socket

    from ledger.chain.embedded import EmbeddedChain
    from ledger.errors import InvariantError

CONCURRENCY_MAX = 64  # requests at a time; beyond, 503
GRACEFUL_S = 5
_READ_ON = 4  # up to so many bodies too much are thrown away, so that their sender gets to read why
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def create_node_app(
    rpc: JsonRpc, hosts: Iterable[str], limits: RpcLimits, metrics: Metrics | None = None,
) -> FastAPI:
    """The app that answers JSON-RPC.

    Args:
        rpc: the protocol over a chain.
        hosts: names under which it may be asked for, without port; `*` for any.
        limits: the body's bound.
        metrics: told at GET /metrics to whoever may ask the node.
    """
    app = FastAPI(title="CargoLedger node", docs_url=None, redoc_url=None, openapi_url=None)
    known = frozenset(hosts)

    def asked_by_name(request: Request) -> bool:
        host = request.headers.get("host", "").lower()
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        return "*" in known or name in known

    @app.post("/")
    async def ask(request: Request) -> Response:
        """One JSON-RPC request or a batch."""
        if not asked_by_name(request):
            return _plain(HTTPStatus.FORBIDDEN, "this node does not answer under that host name.")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return _plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json.")
        body = bytearray()
        seen = 0
        async for piece in request.stream():
            seen += len(piece)
            if seen <= limits.body_bytes_max:
                body += piece
            elif seen > _READ_ON * limits.body_bytes_max:
                break
        if seen > limits.body_bytes_max:
            return Response(
                too_large(limits),
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                {"Connection": "close"},
                "application/json",
            )
        answer = await run_in_threadpool(rpc.answer, bytes(body))
        if answer is None:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return Response(answer, media_type="application/json")

    @app.get("/metrics")
    def told(request: Request) -> Response:
        """Counts and gauges for Prometheus."""
        if metrics is None or not asked_by_name(request):
            return _plain(HTTPStatus.FORBIDDEN, "this node does not answer under that host name.")
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return app


def _plain(status: HTTPStatus, text: str) -> Response:
    return Response(text + "\n", status, media_type="text/plain")


class NodeServer:
    """JSON-RPC of one chain on bound sockets, in the caller's thread (`run`) or one of its own (`start`)."""

    def __init__(
        self,
        chain: EmbeddedChain,
        sockets: list[socket.socket],
        *,
        hosts: Iterable[str] = (),
        on_fault: Callable[[], None] | None = None,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        """Prepare to serve; `hosts` are names besides those of the machine itself."""
        limits = RpcLimits()
        client = f"CargoLedger/v{__version__}/py-evm-{version('py-evm')}"
        self.fault: InvariantError | None = None
        self._tell = on_fault
        self._sockets = sockets
        metrics = Metrics()
        metrics.watch("node", NodeState(chain, clock))

        def count(method: str, well: bool) -> None:
            metrics.requests.labels(method or "other", "result" if well else "error").inc()

        rpc = JsonRpc(Methods(chain, client), limits, self._stop_at, count)
        app = create_node_app(rpc, (*_LOCAL, *hosts), limits, metrics)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,  # as all of this process logs: `api.logs`
                access_log=False,
                server_header=False,
                limit_concurrency=CONCURRENCY_MAX,
                timeout_graceful_shutdown=GRACEFUL_S,
                proxy_headers=False,
                lifespan="off",
            )
        )
        self._thread = threading.Thread(target=self.run, name="node")

    def _stop_at(self, fault: InvariantError) -> None:
        self.fault = fault
        self._server.should_exit = True
        if self._tell is not None:
            self._tell()

    def run_in_foreground(self) -> None:
        """Serve in the main thread; a signal ends it in good order."""
        with quiet_signals():
            self.run()

    def run(self) -> None:
        """Serve until told to stop (SIGINT, SIGTERM, `stop`) or until the ledger turns out to be damaged."""
        try:
            self._server.run(sockets=self._sockets)
        finally:
            for listener in self._sockets:
                listener.close()

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End that thread; requests under way may finish."""
        self._server.should_exit = True
        self._thread.join()
