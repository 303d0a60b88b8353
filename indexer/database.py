"""Opens the index's database and brings its tables to the present version.

SQLite runs in WAL mode with `synchronous=FULL` (a commit that returned survives a power cut; NORMAL loses it)
and with foreign keys on. PostgreSQL is chosen by its URL (`postgresql`). One process writes: `writer_lock`
makes a second one say so, and `writing` keeps two apart even where that lock was lost with its connection.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from indexer.faults import IndexAwayError, IndexBusyError
from indexer.migrations import VERSION
from indexer.postgresql import is_away, is_moved, open_server
from ledger.errors import CargoLedgerError, InputError, InvariantError

MIGRATION_WAIT_S = 30.0
VERSION_TABLE = "index_version"
_BUSY_WAIT_MS = 10_000
_WAL_PAGES = 4_000       # a large transaction is not copied into the file page by page before the next begins
_PAGE_BYTES = 8_192      # of a new file: rows are long; larger pages make the log of a lone event longer
_CACHE_KIB = 65_536      # of a writer: ids are spread evenly, a large transaction touches pages everywhere
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
    parsed = None
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return _open_other(parsed)
        memory = parsed.database in (None, "", ":memory:")
        if not memory:
            _create_private(Path(str(parsed.database)))
        # parameters are what people wrote and what was sealed: they belong in no message
        engine = create_engine(parsed, hide_parameters=True, connect_args={"check_same_thread": False},
                               **({"poolclass": StaticPool} if memory else {}))
    except InputError:
        raise
    except Exception as fault:
        # a URL may hold a password, which str() of a parsed one hides
        raise InputError(f"the index cannot be opened at {parsed or 'this URL'}: {fault}.") from fault
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", begin)
    return engine


def _open_other(url: URL) -> Engine:
    """An engine that is not SQLite's.

    Raises:
        InputError: not PostgreSQL: nothing else is tested, so nothing else is opened.
    """
    if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise InputError(f"the index is kept in SQLite or PostgreSQL, not by {url.drivername!r}.",
                         remedy="Use sqlite:///PATH or postgresql://USER@HOST/DATABASE.")
    return open_server(url)


def _create_private(path: Path) -> None:
    """Make the file readable by its owner only: it will hold opened payloads. SQLite's other files follow it.
    """
    if path.parent.is_dir() and not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin or commit on its own: `begin` does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA page_size={_PAGE_BYTES}")  # changes nothing of a file that has pages
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_WAIT_MS}")
    cursor.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
    cursor.close()


def begin(connection: Any) -> None:
    """Begin a transaction of SQLite, which the driver is kept from doing."""
    connection.exec_driver_sql("BEGIN")


@contextmanager
def database_faults() -> Iterator[None]:
    """Errors of the database as ours: busy or away may be tried again; a disk error or corruption stops the
    process.

    Raises:
        IndexBusyError: another process holds the database.
        IndexAwayError: the database server does not answer.
        InvariantError: anything else that a database may fail with.
    """
    try:
        yield
    except SQLAlchemyError as fault:
        raise fault_of(fault) from fault


def fault_of(fault: SQLAlchemyError) -> CargoLedgerError:
    """What an error of the database is to us."""
    if not isinstance(fault, DBAPIError):
        return InvariantError(f"the index's database failed: {fault}.",
                              remedy="The index can be rebuilt from the chain.")
    if is_moved(fault):
        return IndexBusyError("another process wrote the index meanwhile.")
    if is_away(fault):
        return IndexAwayError(f"the index's database server does not answer: {_said(fault)}.")
    if isinstance(fault, OperationalError) and ("locked" in str(fault.orig) or "busy" in str(fault.orig)):
        return IndexBusyError("the index's database is held by another process.")
    return InvariantError(
        f"the index's database failed: {_said(fault)}.",
        remedy="Check disk and permissions; the index can be rebuilt from the chain.")


def _said(fault: DBAPIError) -> str:
    """What the database said, without the row that it may show: rows hold what was sealed."""
    told = getattr(getattr(fault.orig, "diag", None), "message_primary", None)
    return str(told or fault.orig)


def migrate(target: Engine | str | URL | Path) -> None:
    """Bring the tables to the present version; safe to repeat, and by several processes at once.

    Raises:
        IndexBusyError: another process has been writing the index for too long.
        InvariantError: the index was written by a newer version, or its database failed.
    """
    engine = target if isinstance(target, Engine) else open_engine(target)
    try:
        with database_faults():
            if _version(engine) != VERSION:
                with writer_lock(engine, wait_s=MIGRATION_WAIT_S):
                    _upgrade(engine)
    finally:
        if not isinstance(target, Engine):
            engine.dispose()


def _version(engine: Engine) -> str | None:
    """Version of the tables, or None where there are none."""
    if not inspect(engine).has_table(VERSION_TABLE):
        return None
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - constant


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

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
    # no transaction stays open meanwhile: it would keep the server from cleaning up
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        number = {"id": _LOCK_ID}
        _wait(lambda: bool(connection.execute(text("SELECT pg_try_advisory_lock(:id)"), number).scalar()),
              wait_s)
        try:
            yield
        finally:
            with suppress(DBAPIError):  # a lost connection took its lock along
                connection.execute(text("SELECT pg_advisory_unlock(:id)"), number)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes the index; commits at the end of the block.

    On PostgreSQL the lock of `writer_lock` ends with its connection, while a transaction on another goes on.
    So the transaction itself keeps out others that write, from before it reads anything until it ends, and
    sees what they wrote: a cursor that moved shows. Readers wait for nothing.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text('LOCK TABLE "cursor" IN SHARE ROW EXCLUSIVE MODE'))
        else:
            connection.exec_driver_sql(f"PRAGMA cache_size=-{_CACHE_KIB}")
        yield connection


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
