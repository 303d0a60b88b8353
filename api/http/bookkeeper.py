"""Brings kept settlements up to date while a server runs, beside the worker that carries and indexes events.

A thread of its own: working a large book out takes minutes, and events must not wait for it. It shares the
processor with the requests; where that is too much, `runs_every_s = 0` leaves the work to a timer that runs
`cargoledger runs refresh` in a process of its own.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from api.logs import said_of
from ledger.errors import CargoLedgerError, ConflictError, UnavailableError

if TYPE_CHECKING:
    from api.home import Home

log = logging.getLogger("cargoledger.runs")


class Bookkeeper:
    """Looks at what changed every `runs_every_s` seconds, until stopped."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bookkeeper")

    def start(self) -> None:
        """Begin, where the settings want it."""
        if self._home.settings.runs_every_s:
            self._thread.start()

    def stop(self) -> None:
        """Finish the question under way, keep nothing of an unfinished round, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._home.settings.runs_every_s):
            try:
                self._round()
            except _StoppedError:
                return
            except (ConflictError, UnavailableError) as fault:  # somebody else does it, or it is away
                log.warning("waiting", extra=said_of(fault))
                self._home.metrics.fault(fault, retried=True)
            except CargoLedgerError as fault:
                log.error("kept settlements are not up to date", extra=said_of(fault))
                self._home.metrics.fault(fault)

    def _round(self) -> None:
        def goes_on(_book: str, _done: int, _of: int) -> None:
            if self._stop.is_set():
                raise _StoppedError

        for run in self._home.keeper.refresh(self._home.clock(), goes_on):
            log.info("settled again", extra={
                "run": run.number, "book": run.question.book, "block": run.block_number,
                "findings": run.findings, "causes": len(run.causes) + run.causes_more})


class _StoppedError(Exception):
    """Told to stop between two questions."""
