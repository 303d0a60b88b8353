"""Rows of one transaction: read through once, changed in memory, written together at the end.

Nothing reaches the database before `flush`, and nothing is written that did not change. What changed, and
how it was before, goes into the journal at `finish`. The caller owns the transaction, so rows, cursor and
journal stand or fall together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, delete, func, literal_column, select
from sqlmodel import SQLModel

from indexer.bulk import append, read, upsert
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
    table_of,
    write_feed,
)
from indexer.models import MODELS, TABLES, Succession
from ledger.errors import InvariantError

__all__ = ["Kept", "Key", "Row", "Rows", "Values", "hexed", "table_of"]

Row = dict[str, Any]
Key = tuple[Any, ...]
Values = tuple[Any, ...] | Mapping[str, Any]
"""A row in the order of its table's columns, as the driver takes it; or one by the names of its columns."""
_NAMES = {model: table_of(model).name for model in MODELS}
_MODELS: dict[str, type[SQLModel]] = {name: model for model, name in _NAMES.items()}
_KEYS_MAX = 400  # keys of one SELECT ... IN
_OF_NAMES: ColumnElement[bool] = literal_column(OF_NAMES, Boolean)


def hexed(data: bytes) -> str:
    """0x and lower-case hex, as ids and hashes stand in the tables."""
    return "0x" + data.hex()


class Kept:
    """Rows of one table in memory, and what is done with its changes."""

    __slots__ = ("before_text", "by_event", "dirty", "fresh", "keys", "marked", "name", "resaid", "seen",
                 "shape", "single", "told", "versions")

    def __init__(self, name: str, *, tells: bool) -> None:
        shape = SHAPES[name]
        self.name = str(name)  # SQLAlchemy's names are texts of a class that drivers take only by a detour
        self.shape, self.keys = shape, shape.keys
        self.seen: dict[Key, Row | None] = {}
        self.dirty: dict[Key, None] = {}
        self.fresh: dict[Key, Values] = {}
        self.marked: dict[Key, int] = {}
        self.resaid: set[Key] | None = set() if name in RESAID else None
        self.told = tells and name not in UNTOLD
        self.by_event, self.single = shape.by_event, shape.keys[0] not in shape.kept
        self.versions = name not in NAMES and (shape.by_event or shape.by_block)
        self.before_text = shape.before_text

    def row(self, key: Key) -> Row | None:
        """A row that was appended and not yet written, by names."""
        values = self.fresh.get(key)
        if type(values) is tuple:
            return dict(zip(self.shape.columns, values, strict=True))
        return None if values is None else dict(values)


class Rows:
    """Reads and changes rows by primary key within one transaction.

    States of a row: unread, then clean (as in the database, possibly absent), then dirty after `put` or
    `change`, clean again after `flush`; or fresh after `append`, written at `flush` and then unread. `at`
    says for which block and event what follows is written. Rows are never changed in place: a row that was
    handed over or handed out stays as it is.
    """

    tells = True
    """Whether the feed tells of what changes. Not in a database that nobody follows."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._kept: dict[str, Kept] = {table.name: Kept(table.name, tells=self.tells) for table in TABLES}
        self._of: dict[type[SQLModel], Kept] = {model: self._kept[name] for model, name in _NAMES.items()}
        self.written = 0
        self.cause = (0, 0)
        """Block number and log index of what is being written; set by who projects."""
        self._era: int | None = None
        self._block = self._seq = -1
        self._told: dict[tuple[str, Key], Row | None] = {}
        self._sections: list[tuple[int, dict[tuple[str, Key], Row | None]]] = []
        self._befores: list[tuple[str, str, int, str | None]] = []
        self._chains: dict[tuple[str, Key], list[tuple[int, Row]]] = {}
        self._renamed: set[tuple[str, Key]] = set()

    @property
    def era(self) -> int:
        """How many ledgers have ended, this transaction's rows included."""
        if self._era is None:
            self._era = int(self.connection.execute(
                select(func.count()).select_from(table_of(Succession))).scalar() or 0)
        return self._era

    def end_ledger(self, row: Row) -> None:
        """Write that a ledger ended and which follows."""
        self._era = self.era + 1
        self.put(Succession, row)

    def of(self, model: type[SQLModel]) -> Kept:
        """What is in memory of a table. For who goes through thousands of its rows: `seen` has every row that
        was read or written, but for those that were appended.
        """
        return self._of[model]

    def at(self, block_number: int, seq: int) -> None:
        """What follows is written for this block, and for the event at this place."""
        if block_number != self._block:
            self._told = {}
            self._sections.append((block_number, self._told))
        self._block, self._seq = block_number, seq

    def prefetch(self, model: type[SQLModel], keys: Iterable[Any]) -> None:
        """Read many rows by primary key at once (a tuple for a key of several columns)."""
        kept = self._of[model]
        seen, fresh = kept.seen, kept.fresh
        wanted = [key for key in dict.fromkeys([k if type(k) is tuple else (k,) for k in keys])
                  if key not in seen and key not in fresh]
        if not wanted:
            return
        seen.update(dict.fromkeys(wanted))
        names = kept.keys
        for row in read(self.connection, kept.shape.table, wanted):
            seen[tuple([row[name] for name in names])] = row

    def get(self, model: type[SQLModel], *key: Any) -> Row | None:
        """The row of a primary key as it stands now, this transaction's changes included. Do not change it.
        """
        kept = self._of[model]
        if key in kept.seen:
            return kept.seen[key]
        if key in kept.fresh:
            return kept.row(key)
        self.prefetch(model, [key])
        return kept.seen[key]

    def matching(self, model: type[SQLModel], **match: Any) -> list[Row]:
        """The rows whose columns have these values (None: is empty), by primary key. Do not change them.

        Pending changes are written first.
        """
        self.flush()
        table = table_of(model)
        query = select(table).where(*(table.c[name] == value for name, value in match.items()))
        return [dict(row) for row in self.connection.execute(query.order_by(*table.primary_key)).mappings()]

    def add(self, model: type[SQLModel], row: Row) -> None:
        """Write a row that is known to be new, unread."""
        kept = self._of[model]
        self.replace(kept, tuple([row[column] for column in kept.keys]), row, None)

    def append(self, model: type[SQLModel], key: Key, values: Values, *, told: bool = False) -> None:
        """Write a row that is known to be new and that nothing is kept of in memory after it was written. Its
        event leads to its log.

        Args:
            model: of a table without versions.
            key: the row's primary key.
            values: the row.
            told: whether the feed tells of it; not where another row's change stands for it.
        """
        kept = self._of[model]
        kept.fresh[key] = values
        if kept.seen:
            kept.seen.pop(key, None)  # that there was none is true no longer
        if told and kept.told:
            self._told.setdefault((kept.name, key), None)

    def put(self, model: type[SQLModel], row: Row) -> None:
        """Write a whole row, new or in place of the one with its key; nothing if it stands there already."""
        kept = self._of[model]
        key = tuple([row[column] for column in kept.keys])
        before = kept.seen[key] if key in kept.seen else self.get(model, *key)
        if before != row:
            self.replace(kept, key, row, before)

    def change(self, model: type[SQLModel], *key: Any, **values: Any) -> None:
        """Change columns of a row that exists.

        Raises:
            InvariantError: there is no such row.
        """
        row = self.get(model, *key)
        if row is None:
            raise InvariantError(f"{table_of(model).name} has no row {key}.")
        changed = {**row, **values}
        if changed != row:
            self.replace(self._of[model], key, changed, row)

    def replace(self, kept: Kept, key: Key, row: Row, before: Row | None) -> None:
        """Write a row of which the caller knows that it changed, and how it was."""
        kept.seen[key] = row
        if kept.fresh and key in kept.fresh:
            kept.fresh[key] = row  # written once, in its place in the ledger's order
        else:
            kept.dirty[key] = None
        self._mark(kept, key, before)

    def remove(self, model: type[SQLModel], **match: Any) -> None:
        """Delete the rows whose columns have these values, all without any. Pending changes are written
        first.
        """
        table, kept = table_of(model), self._of[model]
        for row in self.matching(model, **match):
            key = tuple(row[column] for column in kept.keys)
            kept.seen[key] = None
            self._mark(kept, key, row)
        conditions = [table.c[name] == value for name, value in match.items()]
        self.connection.execute(delete(table).where(*conditions))

    # names: an event earlier in the ledger's order may name later

    def prefetch_versions(self, model: type[SQLModel], keys: Iterable[Any]) -> None:
        """Read the versions of many names at once."""
        shape, table = SHAPES[table_of(model).name], table_of(RowBefore)
        self.prefetch(model, keys)
        name = shape.table.name
        wanted = [k for k in dict.fromkeys(_key(key) for key in keys) if (name, k) not in self._chains]
        texts = {shape.key_text(key): key for key in wanted if self._kept[name].seen[key] is not None}
        found: dict[Key, list[tuple[int, str | None]]] = {}
        listed = list(texts)
        for start in range(0, len(listed), _KEYS_MAX):
            for text, place, before in self.connection.execute(
                    select(table.c.key, table.c.place, table.c.before).where(
                        table.c.of_table == name, table.c.key.in_(listed[start:start + _KEYS_MAX]))
                    .order_by(table.c.key, table.c.place)):
                found.setdefault(texts[text], []).append((int(place), before))
        for key in wanted:
            entries, now = found.get(key, []), self._kept[name].seen[key]
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
        for kept in self._kept.values():
            if kept.fresh:
                append(self.connection, kept.shape.table, list(kept.fresh.values()))
                self.written += len(kept.fresh)
                kept.fresh.clear()
            if kept.dirty:
                rows = [row for key in kept.dirty if (row := kept.seen[key]) is not None]
                upsert(self.connection, kept.shape.table, rows)
                self.written += len(rows)
                kept.dirty.clear()

    def finish(self) -> None:
        """Write what changed and the journal of it; the last act of a transaction."""
        self.flush()
        self._write_names()
        write_feed(self.connection, (
            (block, [(name, kind, key) for (name, key), before in told.items()
                     if (kind := self._kind(name, key, before)) is not None])
            for block, told in self._sections))
        self._told, self._sections, self._block = {}, [], -1
        for kept in self._kept.values():
            kept.marked.clear()

    def _write_names(self) -> None:
        """Write before-images, and the versions of names in their order."""
        befores = table_of(RowBefore)
        for name, key in sorted(self._renamed, key=str):
            shape, chain = SHAPES[name], self._chains[name, key]
            text = shape.key_text(key)
            self.connection.execute(delete(befores).where(befores.c.of_table == name, befores.c.key == text))
            said: list[str | None] = [None, *(shape.before_text(row) for _, row in chain[:-1])]
            self._befores += [(name, text, place, before)
                              for (place, _), before in zip(chain, said, strict=True)]
        if self._befores:
            self._befores.sort(key=_BY_PLACE)  # neighbours of a page one after the other
            append(self.connection, befores, self._befores)
        self._befores.clear()
        self._renamed.clear()

    def _mark(self, kept: Kept, key: Key, before: Row | None) -> None:
        """Note a change for the feed, and how the row was before it, once for an event or block."""
        if self._block < 0:
            raise InvariantError(f"a row of {kept.name} is written for no block.")
        resaid = kept.resaid
        if kept.told and (resaid is None or key not in resaid):
            self._told.setdefault((kept.name, key), before)
            if resaid is not None:
                resaid.add(key)
        if kept.versions:
            place = self._seq if kept.by_event else self._block
            if kept.marked.get(key) != place:
                kept.marked[key] = place
                self._befores.append((
                    kept.name, key[0] if kept.single else kept.shape.key_text(key), place,
                    None if before is None else kept.before_text(before)))

    def _kind(self, name: str, key: Key, before: Row | None) -> int | None:
        """What became of a row that was touched; None if nothing."""
        kept = self._kept[name]
        if key not in kept.seen:
            return INSERT  # appended, and not looked at since
        now = kept.seen[key]
        if now is None:
            return None if before is None else DELETE
        if before is None:
            return INSERT
        return None if kept.resaid is not None and now == before else UPDATE


_BY_PLACE = itemgetter(2, 0)


def _key(key: Any) -> Key:
    return key if isinstance(key, tuple) else (key,)
