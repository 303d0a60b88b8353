"""The SQL under gateway and poster: SQLite in WAL mode with `synchronous=FULL`, one connection, one lock.

Plain `sqlite3`, because what is promised here is about commits and syncs, and nothing should stand
between. `transaction()` commits with an fsync before it returns: acknowledged means on disk. Any fault
of the disk is an InvariantError: the process must stop, since trying again may report success over lost
pages. Schemas are lists of steps numbered by `PRAGMA user_version`; a step, once released, is never
changed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ledger.errors import InputError, InvariantError, UnavailableError, invariant

BUSY_S_MAX = 30  # how long another process may hold the write lock

Failpoint = Callable[[str], None]
"""Called at every named step; a test kills the process there."""


def no_failpoint(_name: str) -> None:
    """Nothing happens at any step."""


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Store:
    """One SQLite file. Threads share its connection under a lock; processes share the file."""

    def __init__(self, path: Path, migrations: Sequence[str], *, failpoint: Failpoint = no_failpoint) -> None:
        """Open or create the file and bring its schema up to date.

        Args:
            path: the file; its folder is made if absent.
            migrations: SQL scripts, one a schema version, oldest first.
            failpoint: named steps, for tests.

        Raises:
            InputError: written by a newer version of this software.
            InvariantError: the file cannot be opened or is corrupt.
        """
        self.path = path
        self.failpoint = failpoint
        self._lock = threading.RLock()
        self._depth = 0
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # sealed content and tokens' hashes are nobody else's business; -wal and -shm get the same mode
            if not path.exists():
                path.touch(mode=0o600)
                _sync_folder(path.parent)  # a file whose name is lost is lost
            self._connection = sqlite3.connect(path, timeout=BUSY_S_MAX, isolation_level=None,
                                               check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            mode = self._connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("PRAGMA foreign_keys=ON")
            full = self._connection.execute("PRAGMA synchronous").fetchone()[0]
        except (sqlite3.Error, OSError) as fault:
            raise InvariantError(f"{path} cannot be opened as a store: {fault}.") from fault
        invariant(mode == "wal" and full == 2, f"{path} does not run in WAL mode with synchronous=FULL.")
        self._migrate(migrations)

    def _migrate(self, migrations: Sequence[str]) -> None:
        with self.transaction() as sql:
            version = sql.execute("PRAGMA user_version").fetchone()[0]
            if version > len(migrations):
                raise InputError(f"{self.path} was written by a newer version (schema {version}).",
                                 remedy="Update this software.")
            for number, script in enumerate(migrations[version:], start=version + 1):
                for statement in script.split(";\n"):
                    if statement.strip():
                        sql.execute(statement)
                sql.execute(f"PRAGMA user_version={number:d}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: on disk when the block ends, undone when it raises. Nested ones join it.

        Raises:
            UnavailableError: another process holds the write lock for too long.
            InvariantError: the disk or the file is faulty; stop the process.
        """
        with self._lock:
            if self._depth:
                yield self._connection
                return
            self._run("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield self._connection
                self.failpoint("before-commit")
                self._run("COMMIT")
            except BaseException as fault:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                if isinstance(fault, sqlite3.Error):
                    raise InvariantError(f"{self.path}: {fault}.", remedy="Stop, check the disk.") from fault
                raise
            finally:
                self._depth = 0
            self.failpoint("after-commit")

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query.

        Raises:
            InvariantError: the file is faulty.
        """
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as fault:
                raise InvariantError(f"{self.path}: {fault}.", remedy="Stop, check the disk.") from fault

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query, or None.

        Raises:
            InvariantError: the file is faulty.
        """
        found = self.rows(sql, *values)
        return found[0] if found else None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def _run(self, statement: str) -> None:
        try:
            self._connection.execute(statement)
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise UnavailableError(f"{self.path} is in use by another process.") from fault
            raise
