"""The index as bytes: canonical, sorted, the same for a rebuild (docs/formats/index-export.md).

What is a function of chain, payload stores and keys is exported and audited. `KEPT_APART` names the tables
that are not, with the reason; nothing else may be left out, and no column of the other tables is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Engine, Table, collate, select, type_coerce
from sqlalchemy.types import NullType, String

from indexer.columns import U64
from indexer.journal import HistoryStart, PayloadNeed, RowChange
from indexer.models import TABLES, Evidence, Repair
from indexer.store import table_of

FORMAT = ["cargoledger-index-export", 1]

KEPT_APART: Mapping[str, str] = {
    table_of(Evidence).name: "what a node once said against this index; no honest node says it again. Its "
                             "columns are held to each other instead (`indexer.audit`)",
    table_of(Repair).name: "what was repaired in this database, and when",
}
"""Tables that a rebuild does not make, and why."""

JOURNAL_APART: Mapping[str, str] = {
    table_of(HistoryStart).name: "from where on this index remembers: a setting of its operator decides. The "
                                 "journal is held to it (`indexer.audit`)",
    table_of(RowChange).name: "in which order this index wrote: a rebuild writes in another. It names rows, "
                              "it does not say what is in them",
    table_of(PayloadNeed).name: "what payloads asked of others when they were read, in whatever order they "
                                "came. What came of it is in the tables that are audited",
}
"""Tables of the journal that no audit recomputes, and why; `row_before` is audited."""

PROJECTION: tuple[Table, ...] = tuple(table for table in TABLES if table.name not in KEPT_APART)
"""Every other table, those first that others refer to: recomputed by an audit, equal after a rebuild."""

_AT_ONCE = 2_000  # rows fetched together


def export(engine: Engine) -> Iterator[bytes]:
    """Every row of the projection with every column, as lines of JSON: equal bytes, equal index."""
    count = 0
    with engine.connect() as connection:
        yield line(FORMAT)
        for table in sorted(PROJECTION, key=lambda table: table.name):
            yield line(["table", table.name, [column.name for column in table.columns]])
            wide = [isinstance(column.type, U64) for column in table.columns]
            for row in ordered_rows(connection, table):
                count += 1
                yield line([str(int(value)) if digits and value is not None else value
                            for value, digits in zip(row, wide, strict=True)])
        yield line(["end", count])


def ordered_rows(connection: Connection, table: Table, *, raw: bool = False,
                 where: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
    """All rows of a table in order of their key, text by its bytes; few at a time.

    Args:
        connection: a reading one.
        table: which.
        raw: values as the driver has them, so that one of a wrong type is a value too (SQLite).
        where: conditions; all rows without any.
    """
    keys = [bytewise(connection, column) for column in table.primary_key.columns]
    columns = [type_coerce(column, NullType()) if raw and not isinstance(column.type, String) else column
               for column in table.columns]
    result = connection.execution_options(yield_per=_AT_ONCE).execute(
        select(*columns).where(*where).order_by(*keys))
    for part in result.partitions():
        for row in part:
            yield tuple(row)


def bytewise(connection: Connection, column: Column[Any]) -> Any:
    """The column in an order that no locale changes."""
    if connection.dialect.name == "postgresql" and isinstance(column.type, String):
        return collate(column, "C")
    return column


def line(value: Any) -> bytes:
    """One line of JSON in UTF-8, without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


