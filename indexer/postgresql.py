"""What the index needs of a PostgreSQL server: its version and encoding, one order of text, faults by name.

Every transaction reads one state of the index (REPEATABLE READ), as it does on SQLite; whoever writes does so
one after the other (`database.writing`). Text is ordered by its bytes (collation C) whatever the server's
locale, so that two databases answer alike. Set-up, backup and upgrade: docs/postgresql.md.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from ledger.errors import InputError

VERSION_MIN = 15
_CONNECT: dict[str, str | int] = {
    "application_name": "cargoledger", "client_encoding": "utf8", "connect_timeout": 10,
    # seconds and tries after which a server that vanished is taken for gone, and its locks with it
    "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3,
}
"""How we connect, where the URL says nothing else."""

_AWAY = ("08", "57P01", "57P02", "57P03", "53300")
"""SQLSTATEs, or their beginnings, of a server that is not there now: connection failures, shut down by its
operator, crashed, starting, too many connections."""
_MOVED = ("40001", "40P01", "55P03")
"""SQLSTATEs of a transaction that met another: serialization failure, deadlock, lock not to be had."""


def open_server(url: URL) -> Engine:
    """An engine for an index on PostgreSQL, by psycopg 3.

    Raises:
        InputError: the driver is not installed.
    """
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if importlib.util.find_spec("psycopg") is None:
        raise InputError("the driver for PostgreSQL is not installed.",
                         remedy="Install it: pip install 'cargoledger[postgresql]'.")
    engine = create_engine(
        url, isolation_level="REPEATABLE READ", pool_pre_ping=True, hide_parameters=True,
        connect_args={key: value for key, value in _CONNECT.items() if key not in url.query})
    event.listen(engine, "connect", _check_server)
    return engine


def _check_server(connection: Any, _record: Any) -> None:
    """Refuse a server that is too old or cannot hold every character.

    Raises:
        InputError: either.
    """
    number, encoding = connection.info.server_version // 10_000, connection.info.parameter_status(
        "server_encoding")
    if number < VERSION_MIN:
        raise InputError(f"the index needs PostgreSQL {VERSION_MIN} or newer; this server is {number}.",
                         remedy="Upgrade the server, or use another.")
    if encoding != "UTF8":
        raise InputError(f"the index needs a database in UTF8; this one is in {encoding}.",
                         remedy="CREATE DATABASE cargoledger ENCODING 'UTF8' TEMPLATE template0.")


def order_by_bytes(connection: Connection) -> None:
    """Give every text column of this schema's tables collation C; safe to repeat.

    Run after the migrations, so that none of them has to think of it.
    """
    found = connection.execute(text(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation l ON l.oid = a.attcollation"
        " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')"
        " AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped AND l.collname <> 'C'"
        " ORDER BY c.relname, a.attnum")).all()
    quote = connection.dialect.identifier_preparer.quote
    tables: dict[str, list[str]] = {}
    for table, column, kind in found:
        tables.setdefault(table, []).append(f'ALTER {quote(column)} TYPE {kind} COLLATE "C"')
    for table, changes in tables.items():
        connection.execute(text(f"ALTER TABLE {quote(table)} {', '.join(changes)}"))


def is_away(fault: DBAPIError) -> bool:
    """Whether the server was not there, so that the same may work later."""
    if not type(fault.orig).__module__.startswith("psycopg"):
        return False
    state = _state(fault)
    if state is None:  # no answer at all: not reached, or cut off
        return fault.connection_invalidated or isinstance(fault, OperationalError)
    return state.startswith(_AWAY)


def is_moved(fault: DBAPIError) -> bool:
    """Whether another transaction was there first."""
    state = _state(fault)
    return state is not None and state.startswith(_MOVED)


def _state(fault: DBAPIError) -> str | None:
    state = getattr(fault.orig, "sqlstate", None)
    return state if isinstance(state, str) else None
