"""Our side: backfill from a node, the fetch limit beside it, payloads apart, the delay of one live block."""

from __future__ import annotations

import http.client
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import demo_run
import msgspec
from ledger_bench.engines import Network
from ledger_bench.mix import AFTER_S, Mix, journeys
from sqlalchemy import func, select

from api.home import Home
from indexer.database import open_engine
from indexer.indexer import Indexer
from indexer.models import Event
from indexer.opening import Opener, PayloadSource
from indexer.span import BLOCKS_MAX
from indexer.store import table_of
from indexer_bench.events import CHAIN_ID, Made
from indexer_bench.nodes import fresh
from ledger.chain.client import ChainClient
from ledger.chain.deploy import Deployment
from ledger.chain.embedded import EmbeddedChain
from ledger.chain.rpc import RpcChain
from ledger.directory import Directory

Tell = Callable[[str], None]
LIVE_POLL_S = 0.05


class _NoStore:
    """Where no payload is."""

    def get(self, _: bytes) -> None:
        """Nothing."""

    def grants(self) -> list[Any]:
        """None."""
        return []


class _NoPayloads:
    """In place of the opener: payloads are measured apart."""

    def run(self, *_: Any) -> tuple[int, int]:
        """Nothing opened, nothing waiting."""
        return 0, 0


def indexer(chain: ChainClient, deployment: Deployment, url: str, *, looks: bool = False) -> Indexer:
    """An indexer of chain rows, into a database; no store has a payload, and it `looks` for them or not."""
    found = Indexer(
        chain, deployment, open_engine(url), cast(PayloadSource, _NoStore()), reading_keys=[],
        directory=Directory.from_json({"participants": [], "facilities": [], "books": []}),
        network_secret=bytes(32))
    if not looks:
        found._opener = cast(Opener, _NoPayloads())
    return found


def backfill(node: str, made: Made, database: str | None = None) -> dict[str, float]:
    """Index the whole chain from a node, verification on; into a fresh SQLite file, or another database."""
    with tempfile.TemporaryDirectory(prefix="cargoledger-bench-") as name:
        found = indexer(RpcChain(node), made.deployment, database or f"sqlite:///{name}/index.sqlite")
        begin, cpu = time.perf_counter(), time.process_time()
        progress = found.run_once()
        spent = {"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time() - cpu,
                 "events": progress.events, "blocks": progress.blocks}
        found.engine.dispose()
    return spent


def audited(made: Made) -> dict[str, float]:
    """The audit of an index of all chain rows, read from the ledger's file: rows and seconds."""
    from indexer.audit import audit

    chain = EmbeddedChain(made.path, lambda: AFTER_S, CHAIN_ID, read_only=True)
    try:
        with tempfile.TemporaryDirectory(prefix="cargoledger-bench-") as name:
            found = indexer(chain, made.deployment, f"sqlite:///{name}/index.sqlite", looks=True)
            found.run_once()
            said = audit(found)
            if said.verdict != "sound":
                raise RuntimeError(f"the audit of a fresh index says {said.verdict}")
            found.engine.dispose()
    finally:
        chain.close()
    return {"rows": said.rows_total, "seconds": said.seconds}


def fetch(node: str, made: Made) -> dict[str, float]:
    """The same JSON over one connection, parsed by msgspec and thrown away."""
    parts = urlsplit(node)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    size = 0
    begin, cpu = time.perf_counter(), time.process_time()
    for first in range(made.deployment.block_number, made.head + 1, BLOCKS_MAX):
        batch: list[dict[str, Any]] = []
        for number in range(first, min(first + BLOCKS_MAX, made.head + 1)):
            for method, more in (("eth_getBlockByNumber", [False]), ("eth_getBlockReceipts", [])):
                batch.append({"jsonrpc": "2.0", "id": len(batch), "method": method,
                              "params": [hex(number), *more]})
        connection.request("POST", "/", msgspec.json.encode(batch), {"Content-Type": "application/json"})
        body = connection.getresponse().read()
        size += len(body)
        if len(msgspec.json.decode(body)) != len(batch):
            raise RuntimeError("the node did not answer all of a batch")
    spent = {"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time() - cpu,
             "bytes": size}
    connection.close()
    return spent


def payloads(made: Made, repeat: int) -> dict[str, float]:
    """Opening and projecting the demo's payloads, all of whose keys the demo holds, into fresh indexes."""
    spent, opened = 0.0, 0
    with Home.open(made.path.parent / "demo", seed=demo_run.SEED, clock=lambda: AFTER_S) as home:
        for _ in range(repeat):
            with tempfile.TemporaryDirectory(prefix="cargoledger-bench-") as name:
                found = Indexer(
                    home.chain, home.followed(), open_engine(f"sqlite:///{name}/index.sqlite"), home.payloads,
                    reading_keys=list(home.keyring.reading_keys().values()), directory=home.directory,
                    network_secret=home.keyring.network_secret(),
                    enterprise_keys=home.keyring.enterprise_keys())
                really, found._opener = found._opener, cast(Opener, _NoPayloads())
                found.run_once()
                begin = time.perf_counter()
                opened += really.run(found.engine)[0]
                spent += time.perf_counter() - begin
                found.engine.dispose()
    return {"payloads": opened, "seconds": spent}


class _Noted(RpcChain):
    """A node, and when it was first handed a transaction since `at` was cleared."""

    at: float | None = None

    def send_raw_transaction(self, raw: bytes) -> bytes:
        """Send it; the embedded node makes the block before it answers."""
        self.at = self.at or time.perf_counter()
        return super().send_raw_transaction(raw)


def live(mix: Mix, count: int, tell: Tell) -> list[float]:
    """Milliseconds from a batch of one event being handed to the node to its row being visible elsewhere.

    The embedded node makes the block in between. What the gateway does before and after is not counted.
    """
    seen: dict[int, float] = {}
    found: list[float] = []
    with tempfile.TemporaryDirectory(prefix="cargoledger-bench-") as name, fresh(Path(name)) as url:
        node = _Noted(url)
        network = Network(node, Path(name), mix)
        reader = indexer(RpcChain(url), network.deployment, f"sqlite:///{name}/index.sqlite")
        stop = threading.Event()
        query = select(func.max(table_of(Event).c.seq))

        def watch() -> None:
            with reader.engine.connect() as connection:
                while not stop.wait(0.004):
                    last = connection.execute(query).scalar() or 0
                    connection.rollback()  # the next look is at what is there then
                    seen.setdefault(last, time.perf_counter())

        threads = [threading.Thread(target=reader.follow, args=(stop,), kwargs={"poll_s": LIVE_POLL_S}),
                   threading.Thread(target=watch)]
        for thread in threads:
            thread.start()
        for i, event in enumerate(journeys(mix, 1, network.separator)[:count], 1):
            tell(f"live event {i} of {count}")
            network.gateway.submit_all([event])
            node.at = None
            network.gateway.flush()
            end = time.perf_counter() + 60
            while i not in seen and time.perf_counter() < end:
                time.sleep(0.01)
            found.append(1000 * (seen[i] - cast(float, node.at)))
        stop.set()
        for thread in threads:
            thread.join()
        network.close()
        reader.engine.dispose()
    return found[1:]


def p50(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)
