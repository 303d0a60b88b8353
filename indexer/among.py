"""Rows by key, however many keys: one statement for any number of them.

`column IN (?, ?, ...)` is another statement for each number of keys, laid out and parsed again each time, and
a database takes only so many parameters. Here the keys are one parameter: a JSON array on SQLite, an array on
PostgreSQL. Both look each key up by the column's index.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Dialect, String, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class _Keys(TypeDecorator[Any]):
    """Many keys as one value: texts or whole numbers."""

    impl = Text
    cache_ok = True

    def __init__(self, texts: bool) -> None:
        super().__init__()
        self.texts = texts

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The engine's own type."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(ARRAY(Text if self.texts else BigInteger))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Python to SQL."""
        return json.dumps(list(value)) if dialect.name == "sqlite" else list(value)


class Among(FunctionElement[bool]):
    """A condition: the value of a column is one of the keys.

    Args:
        column: of texts or whole numbers; one with an index, or the table is read for it.
        keys: the values wanted, none of them null; a parameter `keys` that is given later when None.
    """

    type = Boolean()
    inherit_cache = True
    name = "among"

    def __init__(self, column: Any, keys: Iterable[str] | Iterable[int] | None = None) -> None:
        kind = _Keys(isinstance(getattr(column.type, "impl", column.type), String))
        super().__init__(column, bindparam("keys", type_=kind) if keys is None else
                         bindparam(None, list(keys), type_=kind))

    def self_group(self, against: Any = None) -> Among:  # noqa: ARG002 - signature of SQLAlchemy
        """As it stands. SQLAlchemy would say `... = 1` on SQLite, which then uses no index."""
        return self


def all_keys(dialect: str, keys: Sequence[str] | Sequence[int]) -> str:
    """Keys as the parameter `keys` of a statement that was compiled with `Among` and is given to the driver.

    PostgreSQL reads an array from text sooner than its driver writes one element by element.
    """
    if dialect == "sqlite":
        return json.dumps(keys)
    return f"{{{','.join([str(key) if isinstance(key, int) else _quoted(key) for key in keys])}}}"


def _quoted(text: str) -> str:
    """A text as an element of an array's text."""
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


@compiles(Among, "sqlite")
def _on_sqlite(condition: Among, compiler: Any, **how: Any) -> str:
    column, keys = (compiler.process(clause, **how) for clause in condition.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"  # noqa: S608 - SQL of SQLAlchemy's own


@compiles(Among)
def _on_postgresql(condition: Among, compiler: Any, **how: Any) -> str:
    column, keys = (compiler.process(clause, **how) for clause in condition.clauses)
    return f"{column} = ANY ({keys})"
