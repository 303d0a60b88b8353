"""Rules run beside the settlement, in a second process, give the document that one process gives."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api import beside
from api.jsonio import dumps
from ledger.errors import InputError
from tracer.check import InTurn, Overrides
from tracer.facts import SHARED, Facts
from tracer.files import read_book
from tracer.files.document import document_of
from tracer.files.example import write_example
from tracer.files.example_faults import FAULTS, fault
from tracer.rules import RULES, Rule, Tally

ONE_OF_EACH = list({f.rule: f for f in FAULTS}.values())


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    write_example(tmp_path / "book", fault("short-stock").change)
    return Facts(read_book(tmp_path / "book").book)


@pytest.fixture(autouse=True)
def _no_child_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every process that a test forks was waited for. Others' children (a node of the session) are theirs."""
    forked: list[int] = []
    fork = os.fork

    def counted() -> int:
        if pid := fork():
            forked.append(pid)
        return pid

    monkeypatch.setattr(os, "fork", counted)
    yield
    for pid in forked:
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def ran(work: Any) -> list[tuple[str, int, int, list[str]]]:
    with work:
        return [(r.rule.id, r.population, r.failed, [dumps(f.to_json()) for f in r.findings]) for r in work.results()]


@pytest.mark.parametrize("name", ["", *(f.name for f in ONE_OF_EACH)])
def test_document__rules_run_in_a_second_process__same_bytes(name: str, tmp_path: Path) -> None:
    write_example(tmp_path / "book", fault(name).change if name else None)
    read = read_book(tmp_path / "book")
    assert dumps(document_of(read, start=beside.Beside)) == dumps(document_of(read))


def test_rules__in_a_second_process__are_run_there_but_those_that_ask_for_what_settling_finds(facts: Facts) -> None:
    where: dict[str, int] = {}

    def noted(rule: Rule, facts: Facts, tally: Tally) -> None:
        rule.evaluate(facts, tally)
        tally.result.metrics["pid"] = str(os.getpid())

    rules = [replace(rule, evaluate=partial(noted, rule)) for rule in RULES]
    with beside.Beside(facts, rules, {}) as work:
        _ = facts.lineage  # as a settlement would, which leaves the other process time for all of its rules
        os.waitid(os.P_PID, work.pid, os.WEXITED | os.WNOWAIT)
        where = {r.rule.id: int(r.metrics["pid"]) for r in work.results()}
    here = {rule for rule, pid in where.items() if pid == os.getpid()}
    assert {"N1", "N2", "X2"} <= here
    assert len(here) < len(RULES) / 2 and not {"B1", "T1", "T4", "L1"} & here


def test_rules__second_process_killed__are_run_here(facts: Facts) -> None:
    expected = ran(InTurn(facts, RULES, {}))
    for killed_after in (0, 1, 20):
        def dies(rule: Rule, after: int, facts: Facts, tally: Tally, first: int = os.getpid()) -> None:
            rule.evaluate(facts, tally)
            if os.getpid() != first and RULES.index(rule) >= after:
                os.kill(os.getpid(), signal.SIGKILL)

        rules = [replace(rule, evaluate=partial(dies, rule, killed_after)) for rule in RULES]
        assert ran(beside.Beside(facts, rules, {})) == expected


def test_rules__one_that_fails__fails_as_in_one_process(facts: Facts) -> None:
    def fails(facts: Facts, tally: Tally) -> None:
        raise ZeroDivisionError("a fault of this rule")

    rules = [*RULES, replace(RULES[0], id="Z1", evaluate=fails)]
    for start in (InTurn, beside.Beside):
        with pytest.raises(ZeroDivisionError, match="of this rule"):
            ran(start(facts, rules, {}))
    params: Overrides = {RULES[0].id: {"no-such": "1"}}
    for start in (InTurn, beside.Beside):
        with pytest.raises(InputError, match="no parameter"):
            ran(start(facts, RULES, params))


def test_settlement__fails_while_rules_run__ends_the_second_process(facts: Facts) -> None:
    with pytest.raises(RuntimeError), beside.Beside(facts, RULES, {}) as work:
        raise RuntimeError
    assert not work.pid


def test_start__small_book__no_second_process(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(beside.start(facts, RULES, {}), InTurn)
    monkeypatch.setattr(beside, "EVENTS_MIN", 1)
    monkeypatch.setattr(beside, "processors", lambda: 1)
    assert isinstance(beside.start(facts, RULES, {}), InTurn)
    monkeypatch.setattr(beside, "processors", lambda: 2)
    with beside.start(facts, RULES, {}) as work:
        assert isinstance(work, beside.Beside)


def test_shared_facts__named__are_facts() -> None:
    assert all(hasattr(Facts, name) for name in SHARED)
