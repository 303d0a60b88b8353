"""The durable store of the embedded ledger: SQLite, LMDB and RocksDB on what a block does.

    scripts/bench store [--json] [--blocks N] [--slots N]

Blocks are made once by the real engine (each writes storage slots, as batches of events do); what it handed
to its store is replayed into each candidate: the nodes of a block in one durable transaction, then single
reads, in random order, then a reopening. The candidates that the product does not use are installed from
scripts/lib/bench_store.txt, every file checked against its hash, into .tools/bench_store.

Read the ratios; the absolute figures are this machine's. `commit_share` is the part of a block's making that
the store takes: what an infinitely fast store could save.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ledger.chain.embedded import EmbeddedChain
from ledger.chain.embedded.store import BlockRow, Store, TransactionRow

ROOT = Path(__file__).resolve().parent.parent
CHAIN_ID = 20_263_001
READS = 20_000
SLOTS_LARGE = 400  # a batch of 200 events writes about two slots an event

# for each 32-byte word of the call data: storage[word] = number of the block
#   5f 5b 80361115 6013 57   offset = 0; loop: if not calldatasize > offset: stop
#   43 81 35 55 602001 6001 56 5b 00   sstore(calldataload(offset), number()); offset += 32; again
_RUNTIME = bytes.fromhex("5f5b80361115601357" "43813555602001600156" "5b00")


@dataclass(frozen=True)
class Block:
    """What the engine handed over for one block, and how long all of its making took, in seconds."""

    nodes: dict[bytes, bytes | None]
    row: BlockRow
    transactions: list[TransactionRow]
    meta: dict[str, str] | None
    logs: list[tuple[int, bytes]] | None
    made_s: float


class Candidate(Protocol):
    """A store under test."""

    def commit(self, block: Block) -> None:
        """Write a block durably, whole or not at all."""

    def get(self, key: bytes) -> bytes | None:
        """A node."""

    def close(self) -> None:
        """Let go."""


class Sqlite:
    """The product's own store."""

    def __init__(self, folder: Path) -> None:
        self._store = Store(folder / "chain.sqlite")
        self.get = self._store.node
        self.close = self._store.close

    def commit(self, block: Block) -> None:
        self._store.commit_block(block.nodes, block.row, block.transactions, block.meta, block.logs)


class SqliteByHash:
    """SQLite with the hash of a node as its primary key, as the first release had it."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "chain.sqlite", isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA cache_size=-32000",
                          "CREATE TABLE IF NOT EXISTS pair (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"):
            self._db.execute(statement)
        self.close = self._db.close

    def commit(self, block: Block) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT OR REPLACE INTO pair VALUES (?, ?)", _pairs(block))
        self._db.execute("COMMIT")

    def get(self, key: bytes) -> bytes | None:
        row = self._db.execute("SELECT value FROM pair WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None


def _pairs(block: Block) -> list[tuple[bytes, bytes | None]]:
    """A block as a key-value store keeps it: nodes, header by number, transaction and receipt by hash."""
    pairs: list[tuple[bytes, bytes | None]] = sorted(block.nodes.items())
    pairs.append((b"b" + block.row.number.to_bytes(8, "big"), block.row.hash + block.row.rlp))
    pairs += [(b"l" + term.to_bytes(8, "big", signed=True) + block.row.number.to_bytes(8, "big"), packed)
              for term, packed in block.logs or ()]
    for tx in block.transactions:
        pairs += [(b"t" + tx.hash, tx.raw), (b"r" + tx.hash, tx.receipt)]
    return pairs


class Lmdb:
    """LMDB with its default: a synchronous commit."""

    def __init__(self, folder: Path) -> None:
        import lmdb  # type: ignore[import-not-found]

        self._env = lmdb.open(str(folder), map_size=1 << 34)
        self.close = self._env.close

    def commit(self, block: Block) -> None:
        with self._env.begin(write=True) as tx:
            for key, value in _pairs(block):
                tx.delete(key) if value is None else tx.put(key, value)

    def get(self, key: bytes) -> bytes | None:
        with self._env.begin() as tx:
            return tx.get(key)  # type: ignore[no-any-return]


class Rocks:
    """RocksDB with a synced write-ahead log."""

    def __init__(self, folder: Path) -> None:
        import rocksdict  # type: ignore[import-not-found]

        self._module = rocksdict
        options = rocksdict.Options(raw_mode=True)
        options.create_if_missing(True)
        self._db = rocksdict.Rdict(str(folder), options)
        self._synced = rocksdict.WriteOptions()
        self._synced.sync = True
        self.get = self._db.get
        self.close = self._db.close

    def commit(self, block: Block) -> None:
        batch = self._module.WriteBatch(raw_mode=True)
        for key, value in _pairs(block):
            batch.delete(key) if value is None else batch.put(key, value)
        self._db.write(batch, self._synced)


CANDIDATES: dict[str, Callable[[Path], Candidate]] = {
    "sqlite": Sqlite, "sqlite_by_hash": SqliteByHash, "lmdb": Lmdb, "rocksdb": Rocks}


def install() -> None:
    """Put the candidates that are no part of the product where this process finds them."""
    target, lock = ROOT / ".tools" / "bench_store", ROOT / "scripts" / "lib" / "bench_store.txt"
    stamp = target / "lock"
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        sys.stderr.write("Installing LMDB and RocksDB for the comparison ...\n")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        uv = Path(sys.executable).parent / "uv"
        subprocess.run(
            [str(uv), "pip", "install", "--quiet", "--require-hashes", "--target", str(target),
             "-r", str(lock)], check=True)
        stamp.write_text(lock.read_text())
    sys.path.append(str(target))


def record(folder: Path, count: int, slots: int) -> list[Block]:
    """Make blocks with the real engine, each writing `slots` storage slots, and keep what it stored."""
    from eth_account import Account

    account = Account.from_key(b"\x01" * 32)
    chooser = random.Random(1)  # noqa: S311 - a workload, repeatable
    blocks: list[Block] = []
    held: list[tuple[Any, ...]] = []
    original = Store.commit_block

    def commit(store: Store, *arguments: Any) -> None:
        held.append(arguments)
        original(store, *arguments)

    Store.commit_block = commit  # type: ignore[method-assign]
    try:
        chain = EmbeddedChain(folder / "chain.sqlite", lambda: 0, CHAIN_ID)
        init = bytes.fromhex(f"60{len(_RUNTIME):02x}8060095f395ff3") + _RUNTIME
        contract: str | None = None
        for nonce in range(count + 1):
            data = b"".join(chooser.randbytes(32) for _ in range(slots)) if contract else init
            fields: dict[str, Any] = {
                "type": 2, "chainId": CHAIN_ID, "nonce": nonce, "value": 0, "gas": 50_000_000, "data": data,
                "maxFeePerGas": 0, "maxPriorityFeePerGas": 0} | ({"to": contract} if contract else {})
            raw = bytes(account.sign_transaction(fields).raw_transaction)
            started = time.perf_counter()
            receipt = chain.receipt(chain.send_raw_transaction(raw))
            spent = time.perf_counter() - started
            if receipt is None or receipt.status != 1:
                raise RuntimeError("the workload's own contract failed")
            if contract is None:
                from eth_utils import keccak, to_checksum_address
                from rlp import encode

                contract = to_checksum_address(keccak(encode([bytes.fromhex(account.address[2:]), b""]))[12:])
            blocks += [Block(*(tuple(h) + (None,) * (5 - len(h))), made_s=spent) for h in held]
            held.clear()
        chain.close()
    finally:
        Store.commit_block = original  # type: ignore[method-assign]
    return blocks


def measure(folder: Path, blocks: list[Block]) -> dict[str, dict[str, float]]:
    """Of each candidate: milliseconds (microseconds for reads), and bytes on disk per byte put.

    The candidates take each block in turn, so that whatever else the machine does meets all of them.
    """
    stores: dict[str, Candidate] = {}
    for name, make in CANDIDATES.items():
        (folder / name).mkdir()
        stores[name] = make(folder / name)
    wall: dict[str, list[float]] = {name: [] for name in stores}
    cpu = dict.fromkeys(stores, 0.0)
    for block in blocks:
        for name, store in stores.items():
            started, busy = time.perf_counter(), time.process_time()
            store.commit(block)
            wall[name].append(time.perf_counter() - started)
            cpu[name] += time.process_time() - busy
    keys = [k for block in blocks for k, v in block.nodes.items() if len(k) == 32 and v is not None]
    random.Random(2).shuffle(keys)  # noqa: S311 - as above
    wanted = keys[:READS]
    put = sum(len(k) + len(v) for block in blocks for k, v in _pairs(block) if v is not None)
    found: dict[str, dict[str, float]] = {}
    for name, store in stores.items():
        reads = _timed(lambda store=store: [store.get(key) for key in wanted])  # type: ignore[misc]
        store.close()
        reopened = _timed(lambda name=name: _reopen(name, folder / name, wanted[0]))  # type: ignore[misc]
        ordered = sorted(wall[name])
        # blocks on disk, since LMDB's file is sparse
        size = sum(f.stat().st_blocks * 512 for f in (folder / name).rglob("*") if f.is_file())
        found[name] = {
            "commit_ms_p50": 1e3 * statistics.median(ordered),
            "commit_ms_p99": 1e3 * ordered[len(ordered) * 99 // 100],
            "commit_s_total": sum(ordered), "commit_cpu_s_total": cpu[name],
            "get_us": 1e6 * reads / len(wanted), "reopen_ms": 1e3 * reopened, "growth": size / put}
    return found


def _reopen(name: str, folder: Path, key: bytes) -> None:
    store = CANDIDATES[name](folder)
    if store.get(key) is None:
        raise RuntimeError(f"{name} lost a node")
    store.close()


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--blocks", type=int, default=200, help="blocks of a full batch [default: 200]")
    parser.add_argument("--slots", type=int, default=SLOTS_LARGE, help="slots it writes [default: 400]")
    options = parser.parse_args()
    install()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="cargoledger-bench-") as name:
        for load, count, slots in (("batch", options.blocks, options.slots), ("single", options.blocks, 2)):
            folder = Path(name) / load
            folder.mkdir()
            blocks = record(folder, count, slots)
            found = measure(folder, blocks)
            made = sum(b.made_s for b in blocks)
            result[load] = {
                "blocks": len(blocks),
                "nodes_per_block": round(statistics.mean(len(b.nodes) for b in blocks)),
                "commit_share": found["sqlite"]["commit_s_total"] / made, "stores": found,
                "ratio_to_sqlite": {c: {k: v / found["sqlite"][k] for k, v in f.items()}
                                    for c, f in found.items() if c != "sqlite"}}
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for load, part in result.items():
        print(f"{load}: {part['blocks']} blocks of {part['nodes_per_block']} nodes; "
              f"the store takes {part['commit_share']:.0%} of a block's making")
        for store, figures in part["stores"].items():
            print(f"  {store:15s}" + "  ".join(f"{k} {v:.3g}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
