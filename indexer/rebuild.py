"""The index made anew from block 0, with the same keys and payload stores: into a database of its own, or in
place of the one there is.

A rebuild is the indexer's ordinary run over an empty database; its export equals that of the index it
replaces, byte for byte. In place it takes effect by one rename: killed before, the old index stands; after,
the new one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, delete, insert, select

from indexer.database import database_faults, open_engine, writer_lock
from indexer.export import KEPT_APART
from indexer.faults import IndexBusyError
from indexer.indexer import LOCK_WAIT_S, Indexer, Progress
from indexer.models import TABLES, Cursor
from indexer.store import table_of
from ledger.errors import ConflictError, InputError

_AT_ONCE = 500
_BESIDE = ("", "-wal", "-shm", "-journal", ".lock")  # files of an SQLite database, and our lock


def rebuild_into(
    indexer: Indexer, engine: Engine, on_progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Make the index that `indexer` stands for in another, empty database.

    Raises:
        ConflictError: there is an index in it already.
        TrustError, UnavailableError: as when indexing.
    """
    fresh = indexer.beside(engine)
    with engine.connect() as connection:
        if connection.execute(select(table_of(Cursor).c.id)).first() is not None:
            raise ConflictError("there is an index in that database already.",
                                remedy="A rebuild begins with block 0: name an empty one.")
    return fresh.run_once(on_progress)


def rebuild_in_place(
    indexer: Indexer, on_progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Make the index anew beside the one there is (SQLite), then put it in its place.

    The old one is used until the end. Nobody else may have it open then. What is only in it (`KEPT_APART`:
    evidence, what was repaired) is taken over.

    Raises:
        InputError: the index is no SQLite file.
        IndexBusyError: another process has it open.
        TrustError, UnavailableError: as when indexing; the old index stands.
    """
    live = indexer.engine
    if live.dialect.name != "sqlite" or live.url.database in (None, "", ":memory:"):
        raise InputError("only an index in an SQLite file is rebuilt in place.",
                         remedy="Rebuild into another database (--into), then name that in index_url.")
    old = Path(str(live.url.database))
    new = old.with_name(old.name + ".rebuilding")
    _remove(new)
    engine = open_engine(new)
    try:
        fresh = indexer.beside(engine)
        fresh.run_once(on_progress)
        with writer_lock(live, wait_s=LOCK_WAIT_S), database_faults():
            progress = fresh.run_once(on_progress)  # what was recorded meanwhile
            _carry(live, engine)
            engine.dispose()
            live.dispose()
            _one_file(new)
            _one_file(old)  # its journal must not be taken for the new one's
            new.replace(old)
            _sync(old.parent)
    finally:
        engine.dispose()
        _remove(new)
    return progress


def _carry(old: Engine, new: Engine) -> None:
    """Take over the rows of tables that no rebuild makes."""
    with old.connect() as source, new.begin() as target:
        for table in TABLES:
            if table.name in KEPT_APART:
                target.execute(delete(table))
                for part in source.execute(select(table)).mappings().partitions(_AT_ONCE):
                    target.execute(insert(table), [dict(row) for row in part])


def _one_file(path: Path) -> None:
    """Bring everything of an SQLite database into its one file, on disk.

    Raises:
        IndexBusyError: somebody else has it open.
    """
    with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as raw:
        try:
            raw.execute("PRAGMA synchronous=FULL")
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            mode = raw.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        except sqlite3.OperationalError as fault:
            raise _busy(path) from fault
        if mode != "delete":
            raise _busy(path)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _busy(path: Path) -> IndexBusyError:
    return IndexBusyError(f"another process has {path.name} open.",
                          remedy="Stop the server and whatever reads the index, then rebuild again.")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Delete a database that nobody needs."""
    for end in _BESIDE:
        path.with_name(path.name + end).unlink(missing_ok=True)
