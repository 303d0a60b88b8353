"""What is measured. Every function gives raw numbers; `report` makes ratios of them.

Things compared are done in turn, a chunk here, the same chunk there, so that a machine that is busy for a
while is busy for both.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.chain.embedded import EmbeddedChain
from ledger.chain.rpc import RpcChain
from ledger.errors import UnavailableError
from ledger.gateway.submission import SignedSubmission
from ledger_bench.engines import Network, Raw
from ledger_bench.mix import AFTER_S, Mix, journeys

CHUNK = 200
ANVIL_START_S_MAX = 20.0
Tell = Callable[[str], None]


def throughput(
    folder: Path, mix: Mix, count: int, *, loop: str, anvil: Path | None, tell: Tell,
) -> dict[str, Any]:
    """Events posted into the embedded ledger, the same call data into stock py-evm, and the same into anvil.

    Args:
        folder: an empty folder for the stores.
        mix, count: the events and how many journeys of them; one more is posted before, unmeasured.
        loop: of the embedded ledger.
        anvil: its binary, or None.
        tell: hears of progress.
    """
    spent = dict.fromkeys(("submit", "flush", "raw", "anvil"), 0.0)
    (folder / "embedded").mkdir()
    chain = EmbeddedChain(folder / "embedded" / "chain.sqlite", lambda: AFTER_S, loop=loop)
    ours = Network(chain, folder / "embedded", mix)
    raw = _Replay(chain)
    with _anvil_network(anvil, folder / "anvil", mix) as theirs:
        warm = journeys(mix, 1, ours.separator, first=count)
        _post(ours, warm)
        raw.catch_up()
        events = journeys(mix, count, ours.separator)
        foreign: Sequence[SignedSubmission] = ()
        if theirs is not None:
            _post(theirs, journeys(mix, 1, theirs.separator, first=count))
            foreign = journeys(mix, count, theirs.separator)
        outcomes: Counter[str] = Counter()
        first_block = chain.head_number()
        for i in range(0, len(events), CHUNK):
            tell(f"events {i} of {len(events)}")
            submit_s, flush_s, labels = _post(ours, events[i:i + CHUNK])
            spent["submit"] += submit_s
            spent["flush"] += flush_s
            outcomes.update(labels)
            spent["raw"] += raw.catch_up()
            if theirs is not None:
                spent["anvil"] += sum(_post(theirs, foreign[i:i + CHUNK])[:2])
        blocks = chain.head_number() - first_block
    single_ms = _singles(ours, journeys(mix, 1, ours.separator, first=count + 1), tell)
    ours.close()
    chain.close()
    return {
        "events": len(events), "batches": blocks, "outcomes": dict(sorted(outcomes.items())),
        "submit_s": spent["submit"], "flush_s": spent["flush"], "raw_s": spent["raw"],
        "anvil_s": spent["anvil"] if anvil else None, "single_ms": single_ms,
        "blocks_equal_to_stock": raw.compared_count}


class _Replay:
    """Stock py-evm, fed with what the embedded ledger has got since the last time."""

    def __init__(self, chain: EmbeddedChain) -> None:
        self._chain, self._raw, self._done = chain, Raw(chain.chain_id()), 0
        self.compared_count = 0

    def catch_up(self) -> float:
        """Run the new blocks; they must be the same blocks. Seconds they took."""
        spent_s = 0.0
        while self._done < self._chain.head_number():
            self._done += 1
            block, header = self._chain.block(self._done), self._chain.header(self._done)
            if block is None or header is None:
                raise RuntimeError(f"block {self._done} is gone")
            block_hash, took_s = self._raw.block(block.transactions[0].raw, header.timestamp)
            if block_hash != block.hash:
                raise RuntimeError(f"block {self._done} of the embedded ledger is not stock py-evm's")
            self.compared_count += 1
            spent_s += took_s
        return spent_s


def _post(network: Network, events: Sequence[SignedSubmission]) -> tuple[float, float, list[str]]:
    """Seconds of taking in and of carrying to the ledger, and the outcomes."""
    begin = time.perf_counter()
    for i in range(0, len(events), CHUNK):
        network.gateway.submit_all(events[i:i + CHUNK])
    between = time.perf_counter()
    settled = network.gateway.flush()
    end = time.perf_counter()
    if len(settled) != len(events):
        raise RuntimeError(f"{len(events)} events posted, {len(settled)} outcomes")
    return between - begin, end - between, [x.label for x in settled]


def _singles(network: Network, events: Sequence[SignedSubmission], tell: Tell) -> list[float]:
    """Milliseconds of one event posted alone until it is recorded and on disk, for the first of a journey."""
    found = []
    for i, event in enumerate(events[:60]):
        tell(f"single event {i}")
        submit_s, flush_s, _ = _post(network, [event])
        found.append(1000 * (submit_s + flush_s))
    return found


@contextmanager
def _anvil_network(binary: Path | None, folder: Path, mix: Mix) -> Iterator[Network | None]:
    """The network on a fresh anvil in memory, or None without one."""
    if binary is None:
        yield None
        return
    folder.mkdir()
    port = _free_port()
    process = subprocess.Popen(
        [str(binary), "--host", "127.0.0.1", "--port", str(port), "--chain-id", "20263001",
         "--hardfork", "cancun", "--gas-limit", "60000000", "--block-base-fee-per-gas", "0",
         "--gas-price", "0", "--disable-min-priority-fee", "--accounts", "1", "--timestamp", str(AFTER_S),
         "--silent"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        chain = RpcChain(f"http://127.0.0.1:{port}")
        give_up = time.monotonic() + ANVIL_START_S_MAX
        while True:
            try:
                chain.chain_id()
                break
            except UnavailableError:
                if process.poll() is not None or time.monotonic() > give_up:
                    raise
                time.sleep(0.05)
        network = Network(chain, folder, mix)
        yield network
        network.close()
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def median_ms(ask: Callable[[], Any], other: Callable[[], Any], repeat: int) -> tuple[float, float]:
    """Median milliseconds of two questions asked in turn."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeat):
        for question, found in zip((ask, other), spent, strict=True):
            begin = time.perf_counter()
            question()
            found.append(1000 * (time.perf_counter() - begin))
    return statistics.median(spent[0]), statistics.median(spent[1])
