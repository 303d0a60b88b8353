"""Rows of one transaction: read through once, changed in memory, written together at the end.

Nothing reaches the database before `flush`, and nothing is written that did not change. What changed, and
how it was before, goes into the journal at `finish`. The caller owns the transaction, so rows, cursor and
journal stand or fall together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, delete, func, insert, literal_column, select
from sqlmodel import SQLModel

from indexer.bulk import read, upsert
from indexer.journal import (
    DELETE,
    INSERT,
    NAMES,
    OF_NAMES,
    RESAID,
    SHAPES,
    UNTOLD,
    UPDATE,
    RowBefore,
    Shape,
    table_of,
    write_feed,
)
from indexer.models import MODELS, TABLES, Succession
from ledger.errors import InvariantError

__all__ = ["Key", "Row", "Rows", "hexed", "table_of"]

Row = dict[str, Any]
Key = tuple[Any, ...]
_NAMES = {model: table_of(model).name for model in MODELS}
_MODELS: dict[str, type[SQLModel]] = {name: model for model, name in _NAMES.items()}
_KEYS_MAX = 400  # keys of one SELECT ... IN
_OF_NAMES: ColumnElement[bool] = literal_column(OF_NAMES, Boolean)


def hexed(data: bytes) -> str:
    """0x and lower-case hex, as ids and hashes stand in the tables."""
    return "0x" + data.hex()


class Rows:
    """Reads and changes rows by primary key within one transaction.

    States of a row: unread, then clean (as in the database, possibly absent), then dirty after `put` or
    `change`, clean again after `flush`. `at` says for which block and event what follows is written.
    """

    tells = True
    """Whether the feed tells of what changes. Not in a database that nobody follows."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._seen: dict[str, dict[Key, Row | None]] = {table.name: {} for table in TABLES}
        self._dirty: dict[str, dict[Key, None]] = {table.name: {} for table in TABLES}
        self._of: dict[type[SQLModel], tuple[Shape, dict[Key, Row | None], dict[Key, None]]] = {
            model: (SHAPES[name], self._seen[name], self._dirty[name])
            for model, name in _NAMES.items()}
        self.written = 0
        self.cause = (0, 0)
        """Block number and log index of what is being written; set by who projects."""
        self._era: int | None = None
        self._block = self._seq = -1
        self._told: dict[tuple[str, Key], Row | None] = {}
        self._sections: list[tuple[int, dict[tuple[str, Key], Row | None]]] = []
        self._marked: dict[tuple[str, Key], int] = {}
        self._befores: list[Row] = []
        self._chains: dict[tuple[str, Key], list[tuple[int, Row]]] = {}
        self._renamed: set[tuple[str, Key]] = set()
        self._resaid: set[tuple[str, Key]] = set()

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

    def at(self, block_number: int, seq: int) -> None:
        """What follows is written for this block, and for the event at this place."""
        if block_number != self._block:
            self._told = {}
            self._sections.append((block_number, self._told))
        self._block, self._seq = block_number, seq

    def prefetch(self, model: type[SQLModel], keys: Iterable[Any]) -> None:
        """Read many rows by primary key at once (a tuple for a key of several columns)."""
        shape, seen, _ = self._of[model]
        wanted = [key for key in dict.fromkeys(_key(key) for key in keys) if key not in seen]
        if not wanted:
            return
        seen.update(dict.fromkeys(wanted))
        names = shape.keys
        for row in read(self.connection, shape.table, wanted):
            seen[tuple([row[name] for name in names])] = row

    def get(self, model: type[SQLModel], *key: Any) -> Row | None:
        """The row of a primary key as it stands now, this transaction's changes included. Do not change it.
        """
        seen = self._of[model][1]
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

    def add(self, model: type[SQLModel], row: Mapping[str, Any], *, told: bool = True) -> None:
        """Write a row that is known to be new, unread.

        Args:
            told: whether the feed tells of it; not where another row's change stands for it.
        """
        shape, seen, dirty = self._of[model]
        key = tuple([row[column] for column in shape.keys])
        seen[key] = dict(row)
        dirty[key] = None
        if told:
            self._mark(shape, key, None)

    def put(self, model: type[SQLModel], row: Mapping[str, Any]) -> None:
        """Write a whole row, new or in place of the one with its key; nothing if it stands there already."""
        shape, seen, dirty = self._of[model]
        key = tuple([row[column] for column in shape.keys])
        before = seen[key] if key in seen else self.get(model, *key)
        if before != row:
            seen[key] = dict(row)
            dirty[key] = None
            self._mark(shape, key, before)

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
        table = table_of(model)
        shape, seen = SHAPES[table.name], self._seen[table.name]
        for row in self.matching(model, **match):
            key = tuple(row[column] for column in shape.keys)
            seen[key] = None
            self._mark(shape, key, row)
        conditions = [table.c[name] == value for name, value in match.items()]
        self.connection.execute(delete(table).where(*conditions))

    # names: an event earlier in the ledger's order may name later

    def prefetch_versions(self, model: type[SQLModel], keys: Iterable[Any]) -> None:
        """Read the versions of many names at once."""
        shape, table = SHAPES[table_of(model).name], table_of(RowBefore)
        self.prefetch(model, keys)
        name = shape.table.name
        wanted = [k for k in dict.fromkeys(_key(key) for key in keys) if (name, k) not in self._chains]
        texts = {shape.key_text(key): key for key in wanted if self._seen[name][key] is not None}
        found: dict[Key, list[tuple[int, str | None]]] = {}
        listed = list(texts)
        for start in range(0, len(listed), _KEYS_MAX):
            for text, place, before in self.connection.execute(
                    select(table.c.key, table.c.place, table.c.before).where(
                        table.c.of_table == name, table.c.key.in_(listed[start:start + _KEYS_MAX]))
                    .order_by(table.c.key, table.c.place)):
                found.setdefault(texts[text], []).append((int(place), before))
        for key in wanted:
            entries, now = found.get(key, []), self._seen[name][key]
            said = [shape.row_of(shape.key_text(key), b) for _, b in entries[1:] if b is not None]
            self._chains[name, key] = list(zip((place for place, _ in entries), [*said, now or {}],
                                               strict=False))

    def versions(self, model: type[SQLModel], *key: Any) -> list[tuple[int, Row]]:
        """What a name stood for since which event (`seq`), the present last; empty where nothing is known."""
        self.prefetch_versions(model, [key])
        return self._chains[table_of(model).name, key]

    def set_versions(self, model: type[SQLModel], key: Key, chain: Sequence[tuple[int, Row]]) -> None:
        """Write the versions of a name in the order of their events; the last is the present row."""
        name = table_of(model).name
        self._chains[name, key] = list(chain)
        self._renamed.add((name, key))
        self.put(model, chain[-1][1])

    def named_by(self, seq: int) -> set[tuple[str, Key]]:
        """Tables and keys of the names that have a version of the event at this place."""
        table, found = table_of(RowBefore), set[tuple[str, Key]]()
        for name, text in self.connection.execute(select(table.c.of_table, table.c.key).where(
                _OF_NAMES, table.c.place == seq)):
            found.add((name, (text,)))
        found -= self._renamed  # these are not written yet: memory knows better
        return found | {of for of in self._renamed if any(place == seq for place, _ in self._chains[of])}

    def forget_versions(self, name: str, key: Key, since: int, before: int | None = None) -> None:
        """Take back what a name stood for by the word of events from a place on, to be worked out again.

        Args:
            name, key: of the name.
            since: first place that counts no more.
            before: first place after it that counts still; None for none.
        """
        model = _MODELS[name]
        kept = [(place, row) for place, row in self.versions(model, *key)
                if place < since or (before is not None and place >= before)]
        if kept:
            self.set_versions(model, key, kept)
            return
        shape, table = SHAPES[name], table_of(RowBefore)
        self.remove(model, **dict(zip(shape.keys, key, strict=True)))
        self.connection.execute(delete(table).where(
            table.c.of_table == name, table.c.key == shape.key_text(key)))
        self._chains[name, key] = []
        self._renamed.discard((name, key))

    def forget_names(self, since: int) -> list[tuple[str, Row]]:
        """Take back every name that events from a place on gave; with `since` 0 all of them, also those of
        which an older version of this index kept no versions.

        Returns:
            Table and present row of each.
        """
        self._write_names()
        table, gone = table_of(RowBefore), list[tuple[str, Row]]()
        if since <= 0:
            for name in sorted(NAMES):
                gone += [(name, row) for row in self.matching(_MODELS[name])]
                self.remove(_MODELS[name])
            self.connection.execute(delete(table).where(_OF_NAMES))
            self._chains.clear()
            return gone
        found = self.connection.execute(select(table.c.of_table, table.c.key).where(
            _OF_NAMES, table.c.place >= since).distinct()).all()
        for name in sorted(NAMES):
            keys = [row.key for row in found if row.of_table == name]
            self.prefetch_versions(_MODELS[name], keys)
            for key in keys:
                row = self.get(_MODELS[name], key)
                gone += [(name, row)] if row is not None else []
                self.forget_versions(name, (key,), since)
        self.flush()
        return gone

    # writing

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

    def finish(self) -> None:
        """Write what changed and the journal of it; the last act of a transaction."""
        self.flush()
        self._write_names()
        write_feed(self.connection, (
            (block, [(name, kind, key) for (name, key), before in told.items()
                     if (kind := self._kind(name, key, before)) is not None])
            for block, told in self._sections))
        self._told, self._sections, self._block = {}, [], -1
        self._marked.clear()

    def _write_names(self) -> None:
        """Write before-images, and the versions of names in their order."""
        befores = table_of(RowBefore)
        for name, key in sorted(self._renamed, key=str):
            shape, chain = SHAPES[name], self._chains[name, key]
            text = shape.key_text(key)
            self.connection.execute(delete(befores).where(befores.c.of_table == name, befores.c.key == text))
            said: list[str | None] = [None, *(shape.before_text(row) for _, row in chain[:-1])]
            self._befores += [_before(name, text, place, before)
                              for (place, _), before in zip(chain, said, strict=True)]
        if self._befores:
            self.connection.execute(insert(befores), self._befores)
        self._befores.clear()
        self._renamed.clear()

    def _mark(self, shape: Shape, key: Key, before: Row | None) -> None:
        """Note a change for the feed, and how the row was before it, once for an event or block."""
        name = shape.table.name
        if self._block < 0:
            raise InvariantError(f"a row of {name} is written for no block.")
        if self.tells and name not in UNTOLD and (name, key) not in self._resaid:
            self._told.setdefault((name, key), before)
            if name in RESAID:
                self._resaid.add((name, key))
        if name not in NAMES and (shape.by_event or shape.by_block):
            place = self._seq if shape.by_event else self._block
            if self._marked.get((name, key)) != place:
                self._marked[name, key] = place
                self._befores.append(_before(name, shape.key_text(key), place,
                                             None if before is None else shape.before_text(before)))

    def _kind(self, name: str, key: Key, before: Row | None) -> int | None:
        """What became of a row that was touched; None if nothing."""
        now = self._seen[name][key]
        if now is None:
            return None if before is None else DELETE
        if before is None:
            return INSERT
        return None if name in RESAID and now == before else UPDATE


def _before(name: str, key: str, place: int, before: str | None) -> Row:
    return {"of_table": name, "key": key, "place": place, "before": before}


def _key(key: Any) -> Key:
    return key if isinstance(key, tuple) else (key,)
