"""Opens the index's database and brings its tables to the present version.

SQLite runs in WAL mode with `synchronous=FULL` (a commit that returned survives a power cut; NORMAL loses it)
and with foreign keys on. Another engine is chosen by its URL. One process writes: `writer_lock` makes a
second one say so.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import StaticPool

from indexer.faults import IndexBusyError
from ledger.errors import InputError, InvariantError

_BUSY_WAIT_MS = 10_000
_LOCK_POLL_S = 0.02
_LOCK_ID = 0x636172676F  # any constant; names the writer's advisory lock on PostgreSQL


def open_engine(url: str | URL | Path) -> Engine:
    """An engine for the index; SQLite is set up for durability.

    Args:
        url: an SQLAlchemy URL, or the path of an SQLite file.

    Raises:
        InputError: not a URL, or a driver that is not installed.
    """
    if isinstance(url, Path) or (isinstance(url, str) and "://" not in url):
        url = URL.create("sqlite", database=str(url))
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        memory = parsed.database in (None, "", ":memory:")
        engine = create_engine(parsed, connect_args={"check_same_thread": False},
                               **({"poolclass": StaticPool} if memory else {}))
    except Exception as fault:
        raise InputError(f"the index cannot be opened at {url!s}: {fault}.") from fault
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin or commit on its own: `_begin` does
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_WAIT_MS}")
    cursor.close()


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


def migrate(target: Engine | str | URL | Path) -> None:
    """Bring the tables to the present version; safe to repeat.

    Raises:
        InvariantError: the index was written by a newer version.
    """
    engine = target if isinstance(target, Engine) else open_engine(target)
    config = Config()
    config.set_main_option("script_location", "indexer:migrations")
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as fault:
        raise InvariantError(
            f"the index cannot be brought to this version: {fault}.",
            remedy="Use the version that wrote it, or delete it: it is rebuilt from the chain.") from fault
    finally:
        if not isinstance(target, Engine):
            engine.dispose()


@contextmanager
def writer_lock(engine: Engine, *, wait_s: float = 0.0) -> Iterator[None]:
    """Be the only process that writes this index, until the block is left or the process ends, however it
    ends.

    Raises:
        IndexBusyError: another process is writing it.
    """
    if engine.dialect.name == "sqlite":
        database = engine.url.database
        if database in (None, "", ":memory:"):
            yield
            return
        with Path(f"{database}.lock").open("a", encoding="ascii") as file:
            _wait(lambda: _flock(file.fileno()), wait_s)
            yield
        return
    with engine.connect() as connection:
        number = {"id": _LOCK_ID}
        _wait(lambda: bool(connection.execute(text("SELECT pg_try_advisory_lock(:id)"), number).scalar()),
              wait_s)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:id)"), number)


def _flock(descriptor: int) -> bool:
    """Take the file's lock unless another process has it; the system gives it back when the process ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _wait(take: Callable[[], bool], wait_s: float) -> None:
    give_up = time.monotonic() + wait_s
    while not take():
        if time.monotonic() >= give_up:
            raise IndexBusyError("another process writes this index.", remedy="Stop it first, or read only.")
        time.sleep(_LOCK_POLL_S)
