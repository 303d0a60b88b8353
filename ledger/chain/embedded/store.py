"""The durable store of the embedded ledger: one SQLite file, one SQL transaction a block.

Promises: what `commit_block` returned for survives a power cut (WAL, synchronous=FULL); a block is there
whole or not at all; one process writes at a time. Fails by UnavailableError when another process holds the
ledger, by InputError when the file is not one of ours, by InvariantError on any disk error: then the process
must stop, since a retried sync can report success over lost pages.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from eth_hash.auto import keccak

from ledger.chain.embedded.log_index import index_rows
from ledger.chain.receipt_codec import decode_receipt
from ledger.errors import InputError, InvariantError, UnavailableError

FORMAT = "cargoledger-chain-3"
_FORMAT_FIRST = "cargoledger-chain-1"
HASH_BYTES = 32            # a key of this length is the hash of its value
CHECKPOINT_PAGES = 4_096   # 16 MB of log before it is folded into the file: pages written often fold once
_BUSY_TIMEOUT_S = 10.0     # a reader never waits in WAL mode; a writer at most for a checkpoint

_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)  # the latter where a damaged name stands in an error
_BLOCK_TYPES = (int, bytes, bytes)
_TRANSACTION_TYPES = (bytes, int, int, bytes, bytes, int)
_NODES = (
    # Nodes in order of arrival, found by the first 8 bytes of their hash. With the hash itself as primary key
    # a block dirties a page for almost every node: ten times slower from some 100,000 on (adr/0006).
    "CREATE TABLE node (id INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB NOT NULL)",
    "CREATE TABLE node_at (prefix INTEGER NOT NULL, id INTEGER NOT NULL REFERENCES node,"
    " PRIMARY KEY (prefix, id)) WITHOUT ROWID",
    "CREATE TABLE pointer (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
)
_LOG_INDEX = (
    "CREATE TABLE log_term (term INTEGER NOT NULL, block INTEGER NOT NULL REFERENCES block,"
    " logs BLOB NOT NULL, PRIMARY KEY (term, block)) WITHOUT ROWID")
_SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    *_NODES,
    "CREATE TABLE block (number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, rlp BLOB NOT NULL)",
    "CREATE TABLE transaction_row ("
    "hash BLOB NOT NULL UNIQUE, block INTEGER NOT NULL REFERENCES block, position INTEGER NOT NULL, "
    "raw BLOB NOT NULL, receipt BLOB NOT NULL, gas_used INTEGER NOT NULL, "
    "UNIQUE (block, position))",
    _LOG_INDEX,
)


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A block header as stored."""

    number: int
    hash: bytes
    rlp: bytes


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """A mined transaction with its receipt, as stored."""

    hash: bytes
    block: int
    position: int
    raw: bytes
    receipt: bytes
    gas_used: int


class ProcessLock:
    """An exclusive lock of the operating system on a file beside the ledger; it ends with its process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            UnavailableError: another process holds it; the message names its process id.
        """
        file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            file.seek(0)
            holder = file.read(32).strip() or "unknown"
            file.close()
            raise UnavailableError(
                f"the ledger {self._path.with_suffix('')} is in use by process {holder}.",
                remedy="Stop that process, or send your request to it.") from fault
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let go of the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Store:
    """Rows of the ledger file. Writing happens under the caller's lock; reading may happen in any thread."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open or create the file.

        Raises:
            UnavailableError: another process writes to it.
            InputError: it is not a ledger of this format, or absent and `read_only`.
        """
        self.path = path
        self.read_only = read_only
        self._lock = ProcessLock(path.with_name(path.name + ".lock"))
        if read_only and not path.exists():
            raise InputError(f"there is no ledger at {path}.", remedy="Create it first.")
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        try:
            self._writer = _connect(path)
            self._reader = _connect(path)
            self._reader_lock = threading.Lock()
            self._prepare()
        except _DAMAGE as fault:
            self._lock.release()
            raise InputError(f"{path} is not a ledger: {fault}.") from fault
        except BaseException:
            self._lock.release()
            raise

    def _prepare(self) -> None:
        (tables,) = self._writer.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables == 0 and not self.read_only:
            with self._transaction() as sql:
                for statement in _SCHEMA:
                    sql.execute(statement)
                sql.execute("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
        self._last_node = 0
        found = self.meta("format")
        if found == _FORMAT_FIRST and not self.read_only:
            self._from_first_release()
            found = self.meta("format")
        if found != FORMAT:
            raise InputError(
                f"{self.path} is not a ledger of format {FORMAT} (found {found}).",
                remedy="Open it once for writing." if found == _FORMAT_FIRST else "")
        self._reader.execute("PRAGMA query_only=ON")
        ((self._last_node,),) = self._fetch("SELECT coalesce(max(id), 0) FROM node", (), (int,))

    def _from_first_release(self) -> None:
        """Bring a file of the first release up to this one, all or nothing: new layout, logs indexed."""
        with self._transaction() as sql:
            sql.execute("ALTER TABLE node RENAME TO node_old")
            for statement in _NODES:
                sql.execute(statement)
            old = sql.execute("SELECT key, value FROM node_old")
            while rows := old.fetchmany(10_000):
                self._put(sql, dict(rows))
            sql.execute("DROP TABLE node_old")
            sql.execute(_LOG_INDEX)
            blocks = sql.execute("SELECT number FROM block ORDER BY number").fetchall()
            for (number,) in blocks:
                receipts = sql.execute(
                    "SELECT receipt FROM transaction_row WHERE block = ? ORDER BY position", (number,))
                logs = [log for (receipt,) in receipts.fetchall() for log in decode_receipt(receipt).logs]
                sql.executemany(
                    "INSERT INTO log_term VALUES (?, ?, ?)",
                    [(t, number, p) for t, p in index_rows((log.address, log.topics) for log in logs)])
            sql.execute("UPDATE meta SET value = ? WHERE name = 'format'", (FORMAT,))

    def close(self) -> None:
        """Close the file and release the lock."""
        self._writer.close()
        with self._reader_lock:
            self._reader.close()
        self._lock.release()

    # reading

    def _fetch(self, sql: str, parameters: tuple[Any, ...] = (), types: tuple[type, ...] = ()) -> list[Any]:
        try:
            with self._reader_lock:
                rows = self._reader.execute(sql, parameters).fetchall()
        except _DAMAGE as fault:
            raise damaged(self.path, str(fault)) from fault
        for row in rows:
            self._check_types(sql, row, types)
        return rows

    def _check_types(self, sql: str, row: tuple[Any, ...], types: tuple[type, ...]) -> None:
        """A column's type stands in each row of the file, so that a damaged row may have another one."""
        if tuple(map(type, row)) != types:
            table = sql.rsplit(" FROM ", maxsplit=1)[-1].split(maxsplit=1)[0]
            raise damaged(self.path, f"{table} has a row of other types")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read one state of the file throughout, whatever is written meanwhile; for one reader alone."""
        self._fetch("BEGIN")
        try:
            yield
        finally:
            with suppress(InvariantError):
                self._fetch("ROLLBACK")

    def rows(self, sql: str, *types: type) -> Iterator[tuple[Any, ...]]:
        """Rows of a question of the checker's own, one after the other, of columns of these types."""
        try:
            for row in self._reader.execute(sql):
                self._check_types(sql, row, types)
                yield row
        except _DAMAGE as fault:
            raise damaged(self.path, str(fault)) from fault

    def meta(self, name: str) -> str | None:
        """A named parameter of the file, or None."""
        rows = self._fetch("SELECT value FROM meta WHERE name = ?", (name,), (str,))
        return rows[0][0] if rows else None

    def node(self, key: bytes) -> bytes | None:
        """A committed value of the engine's key-value space.

        Raises:
            InvariantError: a value named by its hash has another: the file is damaged.
        """
        if len(key) != HASH_BYTES:
            rows = self._fetch("SELECT value FROM pointer WHERE key = ?", (key,), (bytes,))
            return rows[0][0] if rows else None
        for found, value in self._fetch(
                "SELECT key, value FROM node_at JOIN node USING (id) WHERE prefix = ?", (_prefix(key),),
                (bytes, bytes)):
            if found == key:
                if keccak(value) != key:
                    raise damaged(self.path, f"state node 0x{key.hex()} has other content")
                return bytes(value)
        return None

    def finds_node(self, key: bytes, number: int) -> bool:
        """Whether the index of nodes leads from a hash to that row."""
        return bool(self._fetch(
            "SELECT 1 FROM node_at WHERE prefix = ? AND id = ?", (_prefix(key), number), (int,)))

    def head(self) -> BlockRow | None:
        """The latest block, or None before the genesis block."""
        rows = self._fetch(
            "SELECT number, hash, rlp FROM block ORDER BY number DESC LIMIT 1", (), _BLOCK_TYPES)
        return BlockRow(*rows[0]) if rows else None

    def block(self, number: int) -> BlockRow | None:
        """The block of that number, or None."""
        rows = self._fetch("SELECT number, hash, rlp FROM block WHERE number = ?", (number,), _BLOCK_TYPES)
        return BlockRow(*rows[0]) if rows else None

    def block_number(self, block_hash: bytes) -> int | None:
        """Number of the block with that hash, or None."""
        rows = self._fetch("SELECT number FROM block WHERE hash = ?", (block_hash,), (int,))
        return rows[0][0] if rows else None

    def transactions(self, number: int) -> list[TransactionRow]:
        """The transactions of a block in order."""
        return [TransactionRow(*row) for row in self._fetch(
            "SELECT hash, block, position, raw, receipt, gas_used FROM transaction_row"
            " WHERE block = ? ORDER BY position", (number,), _TRANSACTION_TYPES)]

    def transaction(self, tx_hash: bytes) -> TransactionRow | None:
        """A mined transaction by its hash, or None."""
        rows = self._fetch(
            "SELECT hash, block, position, raw, receipt, gas_used FROM transaction_row WHERE hash = ?",
            (tx_hash,), _TRANSACTION_TYPES)
        return TransactionRow(*rows[0]) if rows else None

    def postings(self, term: int, first: int, last: int, limit: int) -> list[tuple[int, bytes]]:
        """Rows of the log index: (block, packed log numbers) of a term in blocks first to last."""
        return self._fetch(
            "SELECT block, logs FROM log_term WHERE term = ? AND block BETWEEN ? AND ?"
            " ORDER BY block LIMIT ?", (term, first, last, limit), (int, bytes))

    # writing

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            yield self._writer
            self._writer.execute("COMMIT")
        except sqlite3.Error as fault:
            with suppress(sqlite3.Error):
                self._writer.execute("ROLLBACK")
            raise InvariantError(
                f"the ledger file {self.path} cannot be written: {fault}.",
                remedy="Stop, check the disk and its space, start again: what was acknowledged is safe.",
            ) from fault

    def _put(self, sql: sqlite3.Connection, nodes: dict[bytes, bytes | None]) -> None:
        hashed = sorted((k, v) for k, v in nodes.items() if len(k) == HASH_BYTES and v is not None)
        rows = [(number, key, value) for number, (key, value) in enumerate(hashed, self._last_node + 1)]
        sql.executemany("INSERT INTO node VALUES (?, ?, ?)", rows)
        sql.executemany("INSERT INTO node_at VALUES (?, ?)", [(_prefix(key), id_) for id_, key, _ in rows])
        self._last_node += len(rows)
        others = [(key, value) for key, value in sorted(nodes.items()) if len(key) != HASH_BYTES]
        sql.executemany(
            "INSERT INTO pointer VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [row for row in others if row[1] is not None])
        sql.executemany("DELETE FROM pointer WHERE key = ?", [(k,) for k, v in others if v is None])

    def commit_block(
        self, nodes: dict[bytes, bytes | None], block: BlockRow, transactions: list[TransactionRow],
        meta: dict[str, str] | None = None, logs: list[tuple[int, bytes]] | None = None,
    ) -> None:
        """Write a block with everything that belongs to it, in one SQL transaction.

        Args:
            nodes: keys and values of the engine. What is named by its hash stays for ever; None deletes the
                others.
            block: the header.
            transactions: with receipts.
            meta: parameters to store with the genesis block.
            logs: rows of the log index, as `log_index.index_rows` gives them.

        Raises:
            InvariantError: the disk refuses; the process must stop.
        """
        with self._transaction() as sql:
            self._put(sql, nodes)
            sql.execute("INSERT INTO block VALUES (?, ?, ?)", (block.number, block.hash, block.rlp))
            sql.executemany(
                "INSERT INTO transaction_row VALUES (?, ?, ?, ?, ?, ?)",
                [(t.hash, t.block, t.position, t.raw, t.receipt, t.gas_used) for t in transactions])
            sql.executemany(
                "INSERT INTO log_term VALUES (?, ?, ?)", [(t, block.number, p) for t, p in logs or ()])
            sql.executemany("INSERT INTO meta VALUES (?, ?)", list((meta or {}).items()))


def _prefix(key: bytes) -> int:
    """The first 8 bytes of a hash, as the signed integer that stands in the index of nodes."""
    return int.from_bytes(key[:8], "big", signed=True)


def damaged(path: Path, what: str) -> InvariantError:
    """The error for a ledger file whose content cannot be what was written."""
    return InvariantError(
        f"the ledger {path} is damaged: {what}.",
        remedy="Stop, keep the file, restore a copy; `cargoledger ledger check` names everything damaged.")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-32000")  # 32 MB
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    return connection
