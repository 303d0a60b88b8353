"""Rules run in a second process while the first one settles the book: the same document, sooner.

The second process is a copy of the first (fork), so nothing of the book is sent; what comes back is what the
rules found. Rules wait in a pipe, one byte each, from which both processes take. A rule that asks for a fact
which the settlement works out anyway (`facts.SHARED`) is handed back, and so is one that fails. Whatever the
second process has not answered when it ends, because it was killed too, the first one runs itself: its end
costs time and changes nothing. Results stand in the order of the rules, so the bytes are the same.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn, Self

from tracer.check import InTurn, Overrides, Work
from tracer.facts import SHARED, Facts
from tracer.rules import Rule, RuleResult

EVENTS_MIN = 20_000
"""Books with fewer events are done before a second process pays."""


def start(facts: Facts, rules: Sequence[Rule], params: Overrides) -> Work:
    """Run rules beside, where the book is large and the system can; else in turn."""
    if len(facts.book.events) < EVENTS_MIN or not hasattr(os, "fork") or processors() < 2:
        return InTurn(facts, rules, params)
    return Beside(facts, rules, params)


def processors() -> int:
    """How many processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


class NotHereError(Exception):
    """A rule asked for a fact that the other process works out."""


class _Apart(Facts):
    """Facts in the second process: what the settlement works out is not there."""


def _withheld(name: str) -> property:
    def asked(_: Facts) -> NoReturn:
        raise NotHereError(name)

    return property(asked)


for _name in SHARED:
    setattr(_Apart, _name, _withheld(_name))


class Beside:
    """Rules over facts in a second process, and here what it leaves."""

    def __init__(self, facts: Facts, rules: Sequence[Rule], params: Overrides) -> None:
        self._here = InTurn(facts, rules, params)
        self._count = len(rules)
        _ = facts.events, facts.by_id, facts.lots, facts.lines, facts.replay  # for both, so before the fork
        self._waiting, ahead = os.pipe()
        os.write(ahead, bytes(range(self._count)))  # far less than a pipe holds
        os.close(ahead)
        self._handed, back = os.pipe()
        self._answers = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            self._second(back)
        os.close(back)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._ended()
        os.close(self._waiting)
        os.close(self._handed)
        self._answers.close()

    def _second(self, back: int) -> NoReturn:
        """The second process: rules from the pipe until it is empty."""
        try:
            facts = self._here.facts
            facts.__class__ = _Apart
            while number := os.read(self._waiting, 1):
                try:
                    found = self._here.run(number[0])
                except Exception:  # noqa: BLE001 - the first process runs it again, and says what is wrong
                    os.write(back, number)
                    continue
                pickle.dump((number[0], _sent(found)), self._answers)
                self._answers.flush()
        finally:
            os._exit(0)  # nothing of the first process is to be closed or written by its copy

    def results(self) -> list[RuleResult]:
        """What each rule found, in the order of the rules. Runs what is handed back, and what still waits."""
        found: dict[int, RuleResult] = {}
        while number := self._next():
            found[number[0]] = self._here.run(number[0])
        self._ended()
        self._answers.seek(0)
        with suppress(EOFError, pickle.UnpicklingError):  # cut off where the process was killed
            while True:
                rule, answer = pickle.load(self._answers)  # noqa: S301 - written by our own copy
                found.setdefault(rule, _received(self._here.rules[rule], answer))
        return [found[n] if n in found else self._here.run(n) for n in range(self._count)]

    def _next(self) -> bytes:
        """A rule to run here: one that was handed back or waits, else the next that is handed back."""
        if select.select([self._handed], [], [], 0)[0] and (number := os.read(self._handed, 1)):
            return number
        return os.read(self._waiting, 1) or os.read(self._handed, 1)

    def _ended(self) -> None:
        if self.pid:
            os.waitpid(self.pid, 0)
            self.pid = 0


_SENT = ("params_hash", "population", "tested", "failed", "not_evaluable", "findings", "metrics")


def _sent(result: RuleResult) -> list[Any]:
    return [getattr(result, name) for name in _SENT]


def _received(rule: Rule, answer: list[Any]) -> RuleResult:
    return RuleResult(rule, **dict(zip(_SENT, answer, strict=True)))
