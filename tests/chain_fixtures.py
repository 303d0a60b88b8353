"""Engines for tests: the same test on the embedded ledger, on its JSON-RPC, and on anvil.

`from tests.chain_fixtures import engine` (or `pytest_plugins`) gives a fixture with a fresh chain of each kind.
anvil is found by CARGOLEDGER_ANVIL, then .tools/bin/anvil, then PATH; without it those tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_hash.auto import keccak

from ledger.chain.client import ChainClient
from ledger.chain.embedded import EmbeddedChain
from ledger.chain.facts import AmountsChanged, LineAmountChanged, LoadedChanged, Told
from ledger.chain.rpc import RpcChain
from ledger.errors import UnavailableError
from ledger.events.model import CustodyEvent
from ledger.vocabulary import Balance

ROOT = Path(__file__).resolve().parents[1]
CHAIN_ID = 20_263_001
NOW_S = 1_767_225_600  # 2026-01-01
START_S_MAX = 20.0     # anvil is up in 0.2 s; a busy machine may need longer


class Clock:
    """A clock that tests move by hand."""

    def __init__(self, now_s: int = NOW_S) -> None:
        self.now_s = now_s

    def __call__(self) -> int:
        return self.now_s


class AccountSigner:
    """An eth_account key as `ledger.chain.tx.Signer`; deterministic by its number."""

    def __init__(self, number: int) -> None:
        self.account: Any = Account.from_key(number.to_bytes(32, "big"))
        self.address = bytes.fromhex(self.account.address[2:])

    def sign_transaction(self, fields: dict[str, Any]) -> bytes:
        return bytes(self.account.sign_transaction(fields).raw_transaction)

    def sign_digest(self, digest: bytes) -> bytes:
        signature = self.account.unsafe_sign_hash(digest)
        return bytes(signature.signature)


def outcome_topics(identifier: bytes) -> tuple[bytes, bytes]:
    """Topics of the log EventOutcome."""
    return bytes(keccak(b"EventOutcome(bytes32,uint256,bytes32,bytes)")), identifier


def told_of(lot: bytes, told: Sequence[Told]) -> bytes:
    """Which amounts a lot has now, with their mask, by docs/formats/contracts.md; nothing if it is not told."""
    amounts = {balance: micro for x in told if isinstance(x, AmountsChanged) and x.lot == lot
               for balance, micro in x.amounts_micro}
    loaded = [x.quantity_micro for x in told if isinstance(x, LoadedChanged) and x.lot == lot]
    said = {int(balance) - 1: micro for balance, micro in amounts.items() if balance is not Balance.LOADED}
    if loaded:
        both = loaded[0] == amounts[Balance.LOADED]
        said |= {7: loaded[0]} if both else {5: amounts[Balance.LOADED], 6: loaded[0]}
    mask = sum(1 << bit for bit in said)
    return (bytes([mask]) + b"".join(said[bit].to_bytes(8, "big") for bit in sorted(said))) if said else b""


def outcome_data(
    event: CustodyEvent, participant: int, signer: bytes, outcome: int, told: Sequence[Told] = (),
) -> bytes:
    """Data of the log EventOutcome, by docs/formats/contracts.md."""
    present, content = 0, struct.pack(">QQQ", event.occurred_at_ms, event.deadline_s, event.nonce)
    for bit, value in ((2, event.counterparty), (4, event.facility), (8, event.book)):
        present |= bit * (value != 0)
        content += value.to_bytes(4, "big") if value else b""
    content += event.reference if any(event.reference) else b""
    present |= any(event.reference)
    for of_line in (x for x in told if isinstance(x, LineAmountChanged)):
        present |= 16 if of_line.drawn_micro is not None else 32
        content += (of_line.drawn_micro or of_line.exited_micro or 0).to_bytes(8, "big")
    act = outcome | event.kind << 16 | event.step << 24 | present << 40 | participant << 48 | int.from_bytes(signer, "big") << 80
    for line in event.lines:
        amounts = struct.pack(">QBB", line.quantity_micro, line.balance, line.role)
        after = told_of(line.unit, told)
        content += line.unit + bytes([any(amounts) | any(line.material) << 1 | bool(after) << 2])
        content += (amounts if any(amounts) else b"") + (line.material if any(line.material) else b"") + after
    return encode(["uint256", "bytes32", "bytes"], [act, event.commitment, content])


def anvil_path() -> str | None:
    """Where anvil is, or None."""
    named = os.environ.get("CARGOLEDGER_ANVIL")
    local = ROOT / ".tools" / "bin" / "anvil"
    return named or (str(local) if local.exists() else shutil.which("anvil"))


@contextmanager
def anvil(*options: str, chain_id: int = CHAIN_ID, timestamp_s: int | None = NOW_S) -> Iterator[str]:
    """A fresh anvil on a free loopback port; yields its address. Fees are zero, so any key can send."""
    binary = anvil_path()
    if binary is None:
        pytest.skip("anvil is not installed (set CARGOLEDGER_ANVIL or put it in .tools/bin)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        binary, "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(chain_id), "--hardfork", "cancun",
        "--gas-limit", "60000000", "--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee",
        "--accounts", "1", "--silent", *options]
    if timestamp_s is not None:
        command += ["--timestamp", str(timestamp_s)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        give_up = time.monotonic() + START_S_MAX
        while True:
            try:
                RpcChain(url).chain_id()
                break
            except UnavailableError:
                if process.poll() is not None or time.monotonic() > give_up:
                    pytest.fail(f"anvil does not start: {' '.join(command)}")
                time.sleep(0.02)
        yield url
    finally:
        process.kill()
        process.wait()


class EmbeddedNode:
    """The embedded ledger served over HTTP in this process; `chain` is the ledger itself."""

    def __init__(self, path: Path, clock: Clock) -> None:
        from api.http.node import NodeServer
        from api.http.server import bind

        self.chain = EmbeddedChain(path, clock, CHAIN_ID)
        sockets, self.url = bind("127.0.0.1", 0)
        self.server = NodeServer(self.chain, sockets)

    def __enter__(self) -> EmbeddedNode:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        self.chain.close()


@contextmanager
def open_engine(kind: str, directory: Path, clock: Clock) -> Iterator[ChainClient]:
    """A fresh chain of the kind `embedded`, `node` (the embedded ledger over its JSON-RPC) or `anvil`."""
    if kind == "embedded":
        chain: ChainClient = EmbeddedChain(directory / "chain.sqlite", clock, CHAIN_ID)
        try:
            yield chain
        finally:
            chain.close()
    elif kind == "node":
        with EmbeddedNode(directory / "chain.sqlite", clock) as node:
            yield RpcChain(node.url, chain_id=CHAIN_ID)
    else:
        with anvil(timestamp_s=clock.now_s) as url:
            yield RpcChain(url, chain_id=CHAIN_ID)


# every rule of an engine, over the embedded node's own JSON-RPC as well
ALL_ENGINES = [pytest.param("embedded"), pytest.param("node"), pytest.param("anvil", marks=pytest.mark.anvil)]
ENGINES = [pytest.param("embedded"), pytest.param("anvil", marks=pytest.mark.anvil)]


@pytest.fixture
def clock() -> Clock:
    """A clock at NOW_S."""
    return Clock()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[ChainClient]:
    """The same test on both engines."""
    with open_engine(request.param, tmp_path, clock) as chain:
        yield chain
