"""The database that an audit recomputes into: a file nobody needs after a crash, so nothing is waited for.

Beside the tables it notes which log caused which row, so that a difference can be proven.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from indexer.database import begin
from indexer.models import Cursor
from indexer.store import Kept, Key, Row, Rows, table_of

_CACHE_KIB = 65_536  # of the file's pages: what bounds the memory of a long audit


def scratch_engine(path: Path) -> Engine:
    """An engine over a new SQLite file without journal and without waiting for the disk."""
    path.touch(mode=0o600)  # it will hold opened payloads
    engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True,
                           connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _hurry)
    event.listen(engine, "begin", begin)
    return engine


def _hurry(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # `begin` does it
    cursor = connection.cursor()
    for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class CausedRows(Rows):
    """Rows that also note the block and log that last wrote each, and tell no feed: nobody follows."""

    tells = False

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._causes: dict[tuple[Any, ...], tuple[int, int]] = {}

    def replace(self, kept: Kept, key: Key, row: Row, before: Row | None) -> None:
        """Write a row and remember why."""
        super().replace(kept, key, row, before)
        if "event_id" not in row and self.cause != (0, 0):  # others lead to their log by their event
            self._causes[kept.name, *key] = self.cause

    def flush(self) -> None:
        """Write what changed, and why."""
        super().flush()
        if self._causes:
            make_notes(self.connection)
            self.connection.exec_driver_sql(
                "INSERT OR REPLACE INTO caused VALUES (?, ?, ?, ?)",
                [(name, key_text(key), *cause) for (name, *key), cause in self._causes.items()])
            self._causes.clear()


def make_notes(connection: Connection) -> None:
    """The table of causes, where there is none."""
    connection.execute(text(
        "CREATE TABLE IF NOT EXISTS caused (name TEXT, row_key TEXT, block_number INTEGER, "
        "log_index INTEGER, PRIMARY KEY (name, row_key)) WITHOUT ROWID"))


def key_text(key: Iterable[Any]) -> str:
    """A row's primary key as text."""
    return json.dumps([str(value) for value in key])


def cause_of(connection: Connection, table: str, key: Mapping[str, Any]) -> tuple[int, int] | None:
    """Block number and log index of what last wrote a row of the scratch database."""
    if table == table_of(Cursor).name:
        return None
    make_notes(connection)
    found = connection.execute(
        text("SELECT block_number, log_index FROM caused WHERE name = :name AND row_key = :row_key"),
        {"name": table, "row_key": key_text(key.values())}).first()
    return (int(found[0]), int(found[1])) if found else None
