"""The nodes that the benchmark reads from: the embedded ledger and anvil, each a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger_bench.mix import AFTER_S

from indexer_bench.events import CHAIN_ID, Made
from ledger.chain.embedded import EmbeddedChain
from ledger.chain.rpc import RpcChain
from ledger.errors import UnavailableError

START_S_MAX = 120.0  # anvil reads its state of 100,000 events in half a minute
_SERVE = """
import sys
from pathlib import Path
from api.http.node import NodeServer
from api.http.server import bind
from ledger.chain.embedded import EmbeddedChain
path, port, chain_id = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
sockets, _ = bind("127.0.0.1", port)
NodeServer(EmbeddedChain(path, lambda: 1_798_761_600, chain_id), sockets).run()
"""


@contextmanager
def embedded(made: Made) -> Iterator[str]:
    """The embedded node over the chain's file; yields its address."""
    port = _free_port()
    command = [sys.executable, "-c", _SERVE, str(made.path), str(port), str(CHAIN_ID)]
    with _served(command, port) as url:
        yield url


@contextmanager
def anvil(binary: Path, made: Made, tell: Callable[[str], None]) -> Iterator[str]:
    """anvil with the same transactions: from its own dump, made once."""
    dump = made.path.with_suffix(".anvil.json")
    port = _free_port()
    command = [
        str(binary), "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(CHAIN_ID), "--hardfork",
        "cancun", "--gas-limit", "60000000", "--block-base-fee-per-gas", "0", "--gas-price", "0",
        "--disable-min-priority-fee", "--accounts", "1", "--timestamp", str(AFTER_S), "--silent"]
    if not dump.exists():
        partial = dump.with_suffix(".new")
        with _served([*command, "--dump-state", str(partial)], port) as url:
            _replay(made, RpcChain(url), tell)
        partial.replace(dump)
    with _served([*command, "--load-state", str(dump)], port) as url:
        yield url


def _replay(made: Made, chain: RpcChain, tell: Callable[[str], None]) -> None:
    source = EmbeddedChain(made.path, lambda: 0, CHAIN_ID, read_only=True)
    try:
        for number in range(1, made.head + 1):
            if number % 50 == 0:
                tell(f"anvil gets the same blocks, {number} of {made.head} (once)")
            block = source.block(number)
            for transaction in block.transactions if block else ():
                chain.send_raw_transaction(transaction.raw)
            while chain.head_number() < number:
                time.sleep(0.001)
        if chain.head_number() != made.head:
            raise RuntimeError(f"anvil has {chain.head_number()} blocks, the embedded ledger {made.head}")
    finally:
        source.close()


@contextmanager
def _served(command: list[str], port: int) -> Iterator[str]:
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
                    raise
                time.sleep(0.05)
        yield url
    finally:
        process.send_signal(signal.SIGINT)  # anvil writes its state now
        try:
            process.wait(START_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def fresh(folder: Path) -> Iterator[str]:
    """An embedded node over a new, empty ledger; yields its address."""
    port = _free_port()
    command = [sys.executable, "-c", _SERVE, str(folder / "chain.sqlite"), str(port), str(CHAIN_ID)]
    with _served(command, port) as url:
        yield url
