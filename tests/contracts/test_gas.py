"""The gas snapshot: what every kind costs is what contracts/gas.json says, to the unit."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from eth_abi import decode

from ledger.events.model import ABI_EVENT, CustodyEvent
from ledger.gateway.batching import GAS_TRANSACTION, Queued, event_gas
from ledger.vocabulary import Kind

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "scripts"


@pytest.fixture(scope="module")
def gas() -> Any:
    """The module scripts/gas_table.py."""
    sys.path.insert(0, str(SCRIPTS))
    return importlib.import_module("gas_table")


@pytest.fixture
def meter(gas: Any) -> Any:
    return gas.Meter()


def differences(measured: dict[str, Any], committed: dict[str, Any]) -> list[str]:
    return [f"{label} {what}: {row[what]:,} gas, contracts/gas.json says {committed.get(label, {}).get(what, 0):,}"
            for label, row in measured.items() for what in row if row[what] != committed.get(label, {}).get(what)]


def told(gas: Any, found: list[str]) -> str:
    return "\n".join([*found, f"If the contracts or compiler settings changed on purpose, renew it: {gas.COMMAND}"])


def test_snapshot__each_kind_alone__costs_what_is_committed(gas: Any, meter: Any) -> None:
    found = differences({label: {"alone": meter.alone(label)} for label in gas.CASES}, gas.committed())
    assert not found, told(gas, found)


@pytest.mark.parametrize("label", ["OBSERVE", "ARRIVE", "RECEIVE_DOMESTIC"])
def test_snapshot__a_batch_of_200__costs_what_is_committed(gas: Any, meter: Any, label: str) -> None:
    found = differences(gas.measure([label], meter), gas.committed())
    assert not found, told(gas, found)


@pytest.mark.deep
def test_snapshot__every_batch_of_200__costs_what_is_committed(gas: Any, meter: Any) -> None:
    found = differences(gas.measure(meter=meter), gas.committed())
    assert not found, told(gas, found)


def test_snapshot__every_kind__is_in_it(gas: Any) -> None:
    assert {x.name for x in Kind} <= set(gas.CASES), "scripts/gas_cases.py has no case for these kinds"
    assert list(gas.committed()) == list(gas.CASES), told(gas, ["cases and snapshot differ"])


def test_differences__one_unit_of_gas__is_seen() -> None:
    assert differences({"HOLD": {"alone": 5, "batch_200": 4}}, {"HOLD": {"alone": 5, "batch_200": 3}}) == [
        "HOLD batch_200: 4 gas, contracts/gas.json says 3"]
    assert differences({"NEW": {"alone": 5}}, {}) == ["NEW alone: 5 gas, contracts/gas.json says 0"]


def shown(event: CustodyEvent, witness: bytes) -> tuple[Kind | None, int]:
    """Kind and number of lines of the event that a witness shows."""
    if not witness:
        return None, 0
    types = [ABI_EVENT, "bytes"] if event.kind is Kind.CORRECT else [ABI_EVENT]
    fields = decode(types, witness)[0]
    return Kind(fields[0]), len(fields[2])


def test_estimate__of_each_kind__no_batch_runs_out_of_gas(gas: Any, meter: Any) -> None:
    """What the gateway thinks that a batch takes is never less than it takes, alone and among 200 alike."""
    wrong = []
    for label, costs in gas.committed().items():
        event, _, witness = gas.CASES[label](gas.Bench(meter._fast, label, 1))[0]
        meter._fast.evm.settle()
        kind, lines = shown(event, witness)
        each = event_gas(Queued(
            0, bytes(32), event.kind, b"", frozenset(), event.reference, len(event.lines), len(witness), 0, kind, lines))
        whole = gas.BATCH * costs["batch_200"]
        if costs["alone"] > GAS_TRANSACTION + each or whole > GAS_TRANSACTION + gas.BATCH * each:
            wrong.append(f"{label}: {each:,} and {GAS_TRANSACTION:,}, takes {costs}")
    assert not wrong, "\n".join(wrong)
