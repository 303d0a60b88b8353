"""The running server: uvicorn on a bound socket, and a worker that carries events and indexes.

The worker runs whenever events were queued and at least every few seconds. A ledger that is away is waited
for; evidence that does not verify, or a fault of our own, stops the server: it must not go on as if nothing
were.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from api.home import SERVER_FILE
from api.http.app import create_app
from api.http.bookkeeper import Bookkeeper
from api.logs import said_of
from indexer.faults import LedgerEndedError
from ledger.errors import CargoLedgerError, TrustError, UnavailableError

if TYPE_CHECKING:
    from api.home import Home

log = logging.getLogger("cargoledger.server")

IDLE_S = 2.0  # between two looks at the ledger when nothing was posted
GRACEFUL_S = 10  # how long open requests may take when the server stops
CONCURRENCY_MAX = 64  # requests at a time; beyond, 503


class Worker:
    """Carries queued events to the ledger and indexes, until stopped.

    States: idle → working → idle; any → failed, or ended with the ledger (and then never again).
    """

    def __init__(self, home: Home, on_end: Callable[[], None] | None = None) -> None:
        self.ledger_ended = False
        """Whether it stopped because the ledger named a successor."""
        self._home = home
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker")
        self._on_end = on_end
        home.on_wake(self._wake.set)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is under way and end."""
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self._stop.wait(self._home.gateway.due_in_s())
                self._round()
                self._home.fault = None
            except UnavailableError as fault:
                log.warning("waiting", extra=said_of(fault))
                self._home.metrics.fault(fault, retried=True)
                self._home.fault = fault
            except LedgerEndedError as fault:
                log.warning("following", extra=said_of(fault))
                self.ledger_ended = True
                self._end()
                return
            except CargoLedgerError as fault:
                log.critical("stopping", extra=said_of(fault))
                self._home.metrics.fault(fault)
                self._fail(fault)
                return
            except Exception as fault:
                log.critical("stopping", exc_info=fault)
                self._fail(TrustError("the worker failed."))
                raise
            self._wake.wait(IDLE_S)

    def _round(self) -> None:
        """Carry and index once, and say what came of it."""
        begun = time.perf_counter()
        settling = self._home.settle_outbox()
        spent_s = time.perf_counter() - begun
        self._home.metrics.round(settling, spent_s)
        now = settling.progress
        if settling.settled or now.blocks or now.payloads_open:
            log.info("recorded and indexed", extra={
                "settled": len(settling.settled), "block": now.block_number, "head": now.head_number,
                "blocks": now.blocks, "events": now.events, "payloads_opened": now.payloads_open,
                "payloads_withheld": now.payloads_waiting, "seconds": round(spent_s, 3)})

    def _fail(self, fault: CargoLedgerError) -> None:
        self._home.fault = fault
        self._end()

    def _end(self) -> None:
        if self._on_end is not None:
            self._on_end()


def bind(host: str, port: int) -> tuple[list[socket.socket], str]:
    """Listening sockets for an address, and the URL that leads there.

    Raises:
        UnavailableError: the port is taken, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only on sockets that say they are TCP; on others the body of each
    # answer waits some 40 ms for the acknowledgement of its headers
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as fault:
        listener.close()
        raise UnavailableError(
            f"{host}:{port} cannot be listened on: {fault}.",
            remedy="Another program uses the port? Choose one with --port.",
        ) from fault
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    return [listener], f"http://{shown}:{listener.getsockname()[1]}"


@contextmanager
def quiet_signals() -> Iterator[list[int]]:
    """uvicorn stops on a signal, then raises it once more: that one must not cut the clean-up short.

    Gives the signals that came, those while no server ran among them.
    """
    kinds = (signal.SIGINT, signal.SIGTERM)
    came: list[int] = []
    before = [signal.signal(kind, lambda number, _: came.append(number)) for kind in kinds]
    try:
        yield came
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def serve(home: Home, sockets: list[socket.socket], url: str, *, docs: bool = False) -> bool:
    """Serve until told to stop (SIGINT, SIGTERM).

    Where the ledger ends, requests under way are answered, and it goes on with the successor; whoever
    connects meanwhile waits.

    Returns:
        False if a fault stopped it.
    """
    file = home.path / SERVER_FILE
    file.write_text(json.dumps({"url": url, "pid": os.getpid()}), "utf-8")
    try:
        with quiet_signals() as told_to_stop:
            while _serve_one_ledger(home, [listener.dup() for listener in sockets], docs=docs):
                try:
                    home.follow()
                except CargoLedgerError as fault:
                    log.critical("stopping", extra=said_of(fault))
                    home.fault = fault
                    break
                if told_to_stop:
                    break
    finally:
        file.unlink(missing_ok=True)
        for listener in sockets:
            listener.close()
    return home.fault is None or isinstance(home.fault, UnavailableError)


def _serve_one_ledger(home: Home, sockets: list[socket.socket], *, docs: bool) -> bool:
    """Serve until told to stop, or until the ledger ends: whether that was it. The sockets are closed."""
    stopping: list[uvicorn.Server] = []

    def stop() -> None:
        for server in stopping:
            server.should_exit = True

    worker = Worker(home, stop)

    bookkeeper = Bookkeeper(home)

    @contextmanager
    def working() -> Iterator[None]:
        worker.start()
        bookkeeper.start()
        try:
            yield
        finally:
            bookkeeper.stop()
            worker.stop()

    app = create_app(home, docs=docs, lifespan=working)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,  # as all of this process logs: `api.logs`
            access_log=False,
            server_header=False,
            limit_concurrency=CONCURRENCY_MAX,
            timeout_graceful_shutdown=GRACEFUL_S,
            proxy_headers=False,
        )
    )
    stopping.append(server)
    server.run(sockets=sockets)
    return worker.ledger_ended
