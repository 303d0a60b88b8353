"""Rows of whole tables, to and from the database without SQLAlchemy's work for every row.

SQLAlchemy says each statement once for a table; values pass the columns' own types both ways. On PostgreSQL
many rows are written by COPY, which cannot meet a row that is there: it fills a table of the connection's own
(temporary, emptied at the end of the transaction), and one INSERT .. SELECT .. ON CONFLICT takes the rows
over. What is measured against one statement a row: docs/postgresql.md. The caller owns the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnDefault, Connection, Table, select, text, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from indexer.among import Among, all_keys
from indexer.partitions import PARTITIONED, make_parts
from ledger.errors import InvariantError

COPY_ROWS_MIN = 50
"""Below, the three statements of a COPY cost more than they save."""

_KEYS_MAX = 400
"""Keys of one SELECT .. IN; composite keys take several variables each."""
_INCOMING = "incoming_"
"""What the names of the connection's own tables begin with."""
_UNIQUE = "23505"  # SQLSTATE: a row with that key is there
_NUMERIC = 1700    # PostgreSQL's number of the type, which its processors of numbers ask for
_JOURNAL = frozenset({"row_before", "row_change"})
_Process = Callable[[Any], Any]


class _Form:
    """How rows of one table go to and come from one kind of database."""

    def __init__(self, connection: Connection, table: Table) -> None:
        dialect = connection.dialect
        keys, others = _columns(connection, table)
        insert = (sqlite.insert if dialect.name == "sqlite" else postgresql.insert)(table)
        statement = insert.on_conflict_do_update(
            index_elements=keys, set_={name: insert.excluded[name] for name in others}) if others \
            else insert.on_conflict_do_nothing(index_elements=keys)
        compiled = statement.compile(dialect=dialect)
        self.upsert = str(compiled)
        self.insert = str((sqlite.insert if dialect.name == "sqlite" else postgresql.insert)(table).compile(
            dialect=dialect))
        self.columns = [column.name for column in table.columns]
        self.by_name = not dialect.positional
        self._order = list(compiled.positiontup or self.columns)
        if self._order != self.columns:
            raise InvariantError(f"the columns of {table.name} are not written in their order.")
        self._defaults = {c.name: c.default.arg for c in table.columns
                          if isinstance(c.default, ColumnDefault) and c.default.is_scalar}
        self._take = itemgetter(*self._order)
        self._write = [(place, process) for place, name in enumerate(self._order) if (
            process := table.c[name].type.dialect_impl(dialect).bind_processor(dialect)) is not None]
        self.select = ""
        self._read: list[tuple[str, _Process]] = []
        if len(table.primary_key) == 1:
            key = next(iter(table.primary_key))
            self.select = str(select(table).where(Among(key)).compile(dialect=dialect))
            self._read = [(c.name, process) for c in table.columns if (
                process := c.type.dialect_impl(dialect).result_processor(dialect, _NUMERIC)) is not None]

    def values(self, row: Mapping[str, Any] | tuple[Any, ...]) -> tuple[Any, ...]:
        """A row's values for the driver, in the order of the columns."""
        if isinstance(row, tuple):
            return row
        if len(row) != len(self._order):
            row = {name: row.get(name, self._defaults.get(name)) for name in self._order}
        found: tuple[Any, ...] = self._take(row)
        if not self._write:
            return found
        processed = list(found)
        for place, process in self._write:
            processed[place] = process(processed[place])
        return tuple(processed)

    def parameters(self, rows: Sequence[Mapping[str, Any] | tuple[Any, ...]]) -> list[Any]:
        """Rows as the statements take them."""
        if self.by_name:
            return [dict(zip(self._order, self.values(row), strict=True)) for row in rows]
        values = self.values
        return [row if type(row) is tuple else values(row) for row in rows]

    def row(self, values: Sequence[Any]) -> dict[str, Any]:
        """A row of the driver's values."""
        row = dict(zip(self.columns, values, strict=True))
        for name, process in self._read:
            row[name] = process(row[name])
        return row


_FORMS: dict[tuple[str, str], _Form] = {}


def _form(connection: Connection, table: Table) -> _Form:
    key = connection.dialect.name, table.name
    if key not in _FORMS:
        _FORMS[key] = _Form(connection, table)
    return _FORMS[key]


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write whole rows by primary key. A column that a row does not name takes its default."""
    form = _form(connection, table)
    _parted(connection, table, form, rows)
    if connection.dialect.name == "postgresql" and len(rows) >= COPY_ROWS_MIN:
        _copy(connection, table, [form.values(row) for row in rows])
    elif rows:
        connection.exec_driver_sql(form.upsert, form.parameters(rows))


def append(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any] | tuple[Any, ...]]) -> None:
    """Write rows that are known to be new: tuples in the order of the columns go to the driver as they are.

    On PostgreSQL many of them go straight into the table. A row that is there all the same (somebody else
    wrote into the index) is written over, as `upsert` does; in the journal, which nothing may write over, it
    is an error.
    """
    form = _form(connection, table)
    _parted(connection, table, form, rows)
    if connection.dialect.name == "postgresql" and len(rows) >= COPY_ROWS_MIN:
        values = [form.values(row) for row in rows]
        name = connection.dialect.identifier_preparer.quote(table.name)
        try:
            with connection.begin_nested():
                _copy_into(connection, table, name, values)
        except DBAPIError as fault:
            if getattr(fault.orig, "sqlstate", None) != _UNIQUE or table.name in _JOURNAL:
                raise
            _copy(connection, table, values)
    elif rows:
        statement = form.insert if table.name in _JOURNAL else form.upsert
        connection.exec_driver_sql(statement, form.parameters(rows))


def _parted(
    connection: Connection, table: Table, form: _Form, rows: Sequence[Mapping[str, Any] | tuple[Any, ...]],
) -> None:
    """Make the parts of a table that these rows go to."""
    time = PARTITIONED.get(table.name)
    if time is not None and connection.dialect.name == "postgresql":
        place = form.columns.index(time)
        make_parts(connection, table.name, {
            row[place] if isinstance(row, tuple) else row.get(time, 0) for row in rows})


def read(connection: Connection, table: Table, keys: Sequence[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """The rows of these primary keys that there are, in no order."""
    form = _form(connection, table)
    if form.select:
        wanted: Any = [key[0] for key in keys]
        asked: Any = all_keys(connection.dialect.name, wanted)
        asked = {"keys": asked} if form.by_name else (asked,)
        for values in connection.exec_driver_sql(form.select, asked):
            yield form.row(values)
        return
    columns = list(table.primary_key.columns)
    for start in range(0, len(keys), _KEYS_MAX):
        part = keys[start:start + _KEYS_MAX]
        match = columns[0].in_([key[0] for key in part]) if len(columns) == 1 else tuple_(*columns).in_(part)
        yield from (dict(row) for row in connection.execute(select(table).where(match)).mappings())


def _columns(connection: Connection, table: Table) -> tuple[list[str], list[str]]:
    """Names of the columns that tell rows apart, and of the others; in parts the time is one of the first."""
    keys = [column.name for column in table.primary_key.columns]
    if connection.dialect.name == "postgresql" and table.name in PARTITIONED:
        keys.append(PARTITIONED[table.name])
    return keys, [column.name for column in table.columns if column.name not in keys]


def _copy(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """COPY to the connection's own table, then take the rows over."""
    quote = connection.dialect.identifier_preparer.quote
    name, incoming = quote(table.name), quote(f"{_INCOMING}{table.name}")
    keys, others = _columns(connection, table)
    columns = ", ".join(quote(column.name) for column in table.columns)
    connection.execute(text(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {incoming} (LIKE {name}) ON COMMIT DELETE ROWS"))
    _copy_into(connection, table, incoming, rows)
    new = ", ".join(f"{quote(other)} = excluded.{quote(other)}" for other in others)
    target = ", ".join(quote(key) for key in keys)
    connection.execute(text(
        f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {incoming} "  # noqa: S608 - names of our tables
        f"ON CONFLICT ({target}) DO {f'UPDATE SET {new}' if new else 'NOTHING'}"))
    connection.execute(text(f"TRUNCATE {incoming}"))


def _copy_into(connection: Connection, table: Table, target: str, rows: Sequence[Sequence[Any]]) -> None:
    """COPY rows to a table of these columns, `target` as SQL writes it.

    Raises:
        DBAPIError: the server refuses one of them.
    """
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(column.name) for column in table.columns)
    cursor = connection.connection.cursor()
    try:
        with cursor.copy(f"COPY {target} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    except connection.dialect.loaded_dbapi.Error as fault:
        raise DBAPIError.instance(
            f"COPY {table.name}", None, fault, connection.dialect.loaded_dbapi.Error, hide_parameters=True,
            dialect=connection.dialect) from fault
    finally:
        cursor.close()
