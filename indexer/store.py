"""Rows of one transaction: read through once, changed in memory, written together at the end.

Nothing reaches the database before `flush`, and nothing is written that did not change. The caller owns the
transaction, so rows and cursor stand or fall together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from sqlalchemy import Connection, Table, delete, func, select, tuple_
from sqlmodel import SQLModel

from indexer.bulk import upsert
from indexer.models import TABLES, Succession
from ledger.errors import InvariantError

Row = dict[str, Any]
_KEYS_MAX = 400  # keys of one SELECT ... IN; SQLite takes 32,766 variables, composite keys use several


def table_of(model: type[SQLModel]) -> Table:
    """The SQL table of a model."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


def hexed(data: bytes) -> str:
    """0x and lower-case hex, as ids and hashes stand in the tables."""
    return "0x" + data.hex()


class Rows:
    """Reads and changes rows by primary key within one transaction.

    States of a row: unread, then clean (as in the database, possibly absent), then dirty after `put` or
    `change`,
    clean again after `flush`.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._seen: dict[str, dict[tuple[Any, ...], Row | None]] = {table.name: {} for table in TABLES}
        self._dirty: dict[str, dict[tuple[Any, ...], None]] = {table.name: {} for table in TABLES}
        self.written = 0
        self.cause = (0, 0)
        """Block number and log index of what is being written; set by who projects."""
        self._era: int | None = None

    @property
    def era(self) -> int:
        """How many ledgers have ended, this transaction's rows included."""
        if self._era is None:
            self._era = int(self.connection.execute(
                select(func.count()).select_from(table_of(Succession))).scalar() or 0)
        return self._era

    def end_ledger(self, row: Mapping[str, Any]) -> None:
        """Write that a ledger ended and which follows."""
        self._era = self.era + 1
        self.put(Succession, row)

    def prefetch(self, model: type[SQLModel], keys: Iterable[Any]) -> None:
        """Read many rows by primary key at once (a tuple for a key of several columns)."""
        table = table_of(model)
        seen = self._seen[table.name]
        wanted = [key for key in dict.fromkeys(_key(key) for key in keys) if key not in seen]
        columns = list(table.primary_key.columns)
        for start in range(0, len(wanted), _KEYS_MAX):
            part = wanted[start:start + _KEYS_MAX]
            seen.update(dict.fromkeys(part))
            single = len(columns) == 1
            match = columns[0].in_([key[0] for key in part]) if single else tuple_(*columns).in_(part)
            for row in self.connection.execute(select(table).where(match)).mappings():
                seen[tuple(row[column.name] for column in columns)] = dict(row)

    def get(self, model: type[SQLModel], *key: Any) -> Row | None:
        """The row of a primary key as it stands now, this transaction's changes included. Do not change it.
        """
        seen = self._seen[table_of(model).name]
        if key not in seen:
            self.prefetch(model, [key])
        return seen[key]

    def matching(self, model: type[SQLModel], **match: Any) -> list[Row]:
        """The rows whose columns have these values (None: is empty), by primary key. Do not change them.

        Pending changes are written first.
        """
        self.flush()
        table = table_of(model)
        query = select(table).where(*(table.c[name] == value for name, value in match.items()))
        return [dict(row) for row in self.connection.execute(query.order_by(*table.primary_key)).mappings()]

    def put(self, model: type[SQLModel], row: Mapping[str, Any]) -> None:
        """Write a whole row, new or in place of the one with its key."""
        table = table_of(model)
        key = tuple(row[column.name] for column in table.primary_key.columns)
        self._seen[table.name][key] = dict(row)
        self._dirty[table.name][key] = None

    def change(self, model: type[SQLModel], *key: Any, **values: Any) -> None:
        """Change columns of a row that exists.

        Raises:
            InvariantError: there is no such row.
        """
        row = self.get(model, *key)
        if row is None:
            raise InvariantError(f"{table_of(model).name} has no row {key}.")
        if any(row[name] != value for name, value in values.items()):
            self.put(model, {**row, **values})

    def remove(self, model: type[SQLModel], **match: Any) -> None:
        """Delete the rows whose columns have these values, all without any. Pending changes are written
        first.
        """
        self.flush()
        table = table_of(model)
        conditions = [table.c[name] == value for name, value in match.items()]
        self.connection.execute(delete(table).where(*conditions))
        self._seen[table.name].clear()

    def flush(self) -> None:
        """Write what changed, tables that others refer to first."""
        for table in TABLES:
            dirty = self._dirty[table.name]
            if dirty:
                seen = self._seen[table.name]
                rows = [row for key in dirty if (row := seen[key]) is not None]
                upsert(self.connection, table, rows)
                self.written += len(rows)
                dirty.clear()


def _key(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)
