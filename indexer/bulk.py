"""Rows into a table, new or in place of those with their key: one statement, or COPY on PostgreSQL.

COPY cannot meet a row that is there, so it fills a table of the connection's own (temporary, emptied at the
end of the transaction), and one INSERT .. SELECT .. ON CONFLICT takes the rows over. What is measured against
one statement a row: docs/postgresql.md. The caller owns the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnDefault, Connection, Table, text
from sqlalchemy.dialects import postgresql, sqlite

from indexer.partitions import PARTITIONED, make_parts

COPY_ROWS_MIN = 50
"""Below, the three statements of a COPY cost more than they save."""

_INCOMING = "incoming_"
"""What the names of the connection's own tables begin with."""


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write whole rows by primary key. A column that a row does not name takes its default."""
    time = PARTITIONED.get(table.name)
    if time is not None and connection.dialect.name == "postgresql":
        make_parts(connection, table.name, (row.get(time, 0) for row in rows))
    if connection.dialect.name == "postgresql" and len(rows) >= COPY_ROWS_MIN:
        _copy(connection, table, rows)
        return
    keys, others = _columns(connection, table)
    insert = (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(table)
    new = {name: insert.excluded[name] for name in others}
    statement = insert.on_conflict_do_update(index_elements=keys, set_=new) if others \
        else insert.on_conflict_do_nothing(index_elements=keys)
    connection.execute(statement, list(rows))


def _columns(connection: Connection, table: Table) -> tuple[list[str], list[str]]:
    """Names of the columns that tell rows apart, and of the others; in parts the time is one of the first."""
    keys = [column.name for column in table.primary_key.columns]
    if connection.dialect.name == "postgresql" and table.name in PARTITIONED:
        keys.append(PARTITIONED[table.name])
    return keys, [column.name for column in table.columns if column.name not in keys]


def _copy(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """COPY to the connection's own table, then take the rows over."""
    quote = connection.dialect.identifier_preparer.quote
    name, incoming = quote(table.name), quote(f"{_INCOMING}{table.name}")
    keys, others = _columns(connection, table)
    columns = ", ".join(quote(column.name) for column in table.columns)
    connection.execute(text(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {incoming} (LIKE {name}) ON COMMIT DELETE ROWS"))
    read = [_reader(connection, column) for column in table.columns]
    cursor = connection.connection.cursor()
    try:
        with cursor.copy(f"COPY {incoming} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row([one(row) for one in read])
    finally:
        cursor.close()
    new = ", ".join(f"{quote(other)} = excluded.{quote(other)}" for other in others)
    target = ", ".join(quote(key) for key in keys)
    connection.execute(text(
        f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {incoming} "  # noqa: S608 - names of our tables
        f"ON CONFLICT ({target}) DO {f'UPDATE SET {new}' if new else 'NOTHING'}"))
    connection.execute(text(f"TRUNCATE {incoming}"))


def _reader(connection: Connection, column: Column[Any]) -> Callable[[Mapping[str, Any]], Any]:
    """How a row's value of this column is given to the driver."""
    name = column.name
    default = column.default.arg if isinstance(column.default, ColumnDefault) and column.default.is_scalar \
        else None
    process = column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    if process is None:
        return lambda row: row.get(name, default)
    return lambda row: process(row.get(name, default))
