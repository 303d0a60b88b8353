"""What the index remembers of its own rows: how they were, and in which order they changed.

Written by `store.Rows` in the transaction that writes the rows, from one place. Roll-backs use it; questions
about the past and a feed for others can (ADR 21):

- `row_before` keeps a changing row as it was before a change. From it a roll-back restores rows
  (`rollback`), and what the index said at an earlier block can be told. Rows that are written once and never
  change (events, lines, unit states) need none: their place says since when they are there.
- `row_change` is the feed: which rows changed, in the order of commits.
- `payload_need` names what payloads refer to by the word of others, and which could only be read with the
  help of a later event's.

None of it is content of the index: `digest` and `export` leave it out, and a rebuild writes `row_before` and
`payload_need` again, while the feed is this index's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Any, cast

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    text,
)
from sqlmodel import Field, SQLModel

from indexer.columns import U64
from indexer.models import (
    TABLES,
    Announcement,
    Block,
    Book,
    CountEntry,
    Cursor,
    DeclarationLine,
    Device,
    DeviceCalibration,
    Event,
    EventLine,
    Evidence,
    Facility,
    FacilityRole,
    GovernanceRole,
    Grant,
    Head,
    IndexTable,
    LineState,
    Lot,
    LotLoaded,
    Material,
    Norm,
    NormExcess,
    NotTaken,
    Participant,
    Payload,
    PayloadReader,
    Reading,
    Repair,
    Signer,
    Succession,
    Unit,
    UnitName,
    UnitState,
)

SQLITE_INTEGER_MAX = 2**63 - 1
CHANGES_MAX = 500  # changes in one entry of the feed: readers take whole entries


OF_NAMES = "of_table IN ('material', 'unit_name')"
"""Condition of the journal's index of names; a query that is to use it says it word by word."""


class HistoryStart(IndexTable, table=True):
    """From which block on this index remembers its rows (`history`); -1 where it does from the beginning."""

    id: int = Field(default=1, primary_key=True)
    block_number: int = Field(sa_type=BigInteger)
    feed: str
    """Random name of this index's feed: an index that is built anew begins another."""
    as_of_ms: int | None = Field(default=None, sa_type=BigInteger)
    """From which time on (milliseconds since 1970) questions as of a time are answered, where not from the
    beginning; empty where from the beginning, or never (an index begun by an older version)."""


class RowBefore(IndexTable, table=True):
    """A row as it was before a change; the present one is in its own table."""

    __table_args__ = (
        # which event gave which names: few rows, asked for when a payload is taken back
        Index("ix_row_before_names", "place", sqlite_where=text(OF_NAMES), postgresql_where=text(OF_NAMES)),
        Index("ix_row_before_row", "of_table", "key", "place"),
        PrimaryKeyConstraint("place", "of_table", "key"),  # as they are written: nearly all are appended
        {"sqlite_with_rowid": False},
    )

    of_table: str
    key: str
    """Primary key as text, several columns joined by `|`."""
    place: int = Field(sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    """Of the change: the event's `seq`; for registers and heads the block's number."""
    before: str | None = Field(default=None, sa_column=Column(Text))
    """The row as JSON; empty where there was none."""


class RowChange(IndexTable, table=True):
    """Changes of one block, or of the payloads of one event, as one entry of the feed."""

    last: int = Field(sa_type=BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False})
    """Position of its last change; positions go up by one from 1, none is ever used twice."""
    block_number: int = Field(sa_type=BigInteger, index=True)
    """The block that the changes are about; for payloads that of their event."""
    body: str = Field(sa_column=Column(Text, nullable=False))
    """JSON: a list of [table, place of the kind in `KINDS`, key columns ...]."""


class PayloadNeed(IndexTable, table=True):
    """What a payload refers to by the word of others: it is examined again when the answer changes."""

    event_id: str = Field(primary_key=True)
    asked: str = Field(primary_key=True, index=True)
    """`event:<eventID>` or `container:<number>`, found or not."""
    seq: int = Field(sa_type=BigInteger, index=True)
    """Place of the later event that it was read with the help of, the last of several; 0 if of none."""


JOURNAL_MODELS: tuple[type[IndexTable], ...] = (HistoryStart, RowBefore, RowChange, PayloadNeed)
"""Every table of the journal; none of them is in `models.MODELS`."""


def table_of(model: type[SQLModel]) -> Table:
    """The SQL table of a model."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


JOURNAL_TABLES: tuple[Table, ...] = tuple(table_of(model) for model in JOURNAL_MODELS)

ONCE: frozenset[str] = frozenset(table_of(m).name for m in (
    Block, Event, EventLine, NormExcess, NotTaken, UnitState))
"""Written once in their block. An event's three links change, each once, by an event that they name."""

BY_EVENT: frozenset[str] = frozenset(table_of(m).name for m in (
    Unit, Lot, LotLoaded, LineState, UnitName, Material))
"""Change with events, so that each version has an event's time: place is a `seq`."""

BY_BLOCK: frozenset[str] = frozenset(table_of(m).name for m in (
    Head, Participant, Signer, Facility, FacilityRole, Book, Device, DeviceCalibration, Succession,
    GovernanceRole, Announcement))
"""Change with blocks: place is a block's number."""

OF_PAYLOADS: frozenset[str] = frozenset(table_of(m).name for m in (
    Payload, PayloadReader, Grant, DeclarationLine, Norm, CountEntry, Reading))
"""Each row is about one event's payload: there from its event on, whenever it was opened (grants: from the
first event that they open)."""

NAMES: frozenset[str] = frozenset(table_of(m).name for m in (UnitName, Material))
"""Named by payloads, so that an earlier event may name later: `Rows.name` puts the versions in order."""

RESAID: frozenset[str] = OF_PAYLOADS | NAMES
"""May be taken back and written again as they were in one transaction: the feed tells what is left of it."""

ELSEWHERE: frozenset[str] = frozenset(table_of(m).name for m in (Cursor, Evidence, Repair))
"""Position and alarm: no versions."""

UNTOLD: frozenset[str] = frozenset(table_of(m).name for m in (
    Cursor, Head, EventLine, NormExcess, UnitState))
"""Not in the feed: the change of the event, or of the unit, stands for them."""

KINDS = ("insert", "update", "delete")
INSERT, UPDATE, DELETE = range(3)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a table's rows stand in the journal.

    Attributes:
        columns: names of all of them. keys: those of its key.
        kept: columns of a before-image: all, but for a single text key, which is the key itself.
        wide: those of them that may exceed 63 bits; nullable: those that may be empty.
        by_event, by_block: whether versions are kept, and what their place is.
        take: the kept columns of a row. image: makes what is written as JSON of them.
    """

    table: Table
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    kept: tuple[str, ...]
    wide: frozenset[str]
    nullable: frozenset[str]
    by_event: bool
    by_block: bool
    take: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    image: Callable[..., msgspec.Struct]

    def key_text(self, key: Sequence[Any]) -> str:
        """A primary key as `row_before.key` has it."""
        return str(key[0]) if len(key) == 1 else "|".join(map(str, key))

    def before_text(self, row: Mapping[str, Any]) -> str:
        """A row as JSON. Left out are empty columns, and 0, false and no text in those that cannot be empty;
        64-bit numbers stand as SQLite keeps them (see `columns`).
        """
        image = self.image(*self.take(row))
        for name in self.wide:  # none of most tables
            value = row[name]
            if value.__class__ is int and value <= SQLITE_INTEGER_MAX:
                continue  # nearly always; it stands there as it should
            if value is not None:
                value = int(value)
                setattr(image, name, value if value <= SQLITE_INTEGER_MAX else f"{value:020d}")
        return _encode(image).decode()

    def row_of(self, key_text: str, before: str) -> dict[str, Any]:
        """The row that a before-image is of."""
        said = json.loads(before, parse_float=Decimal)
        row = {name: said.get(name, None if name in self.nullable else nothing(self.table.c[name]))
               for name in self.kept}
        if self.keys[0] not in self.kept:
            row[self.keys[0]] = key_text
        for name in self.wide:
            if row[name] is not None:
                row[name] = int(row[name])
        return row


def nothing(column: Column[Any]) -> Any:
    """What a before-image leaves out of a column that cannot be empty: no, no text or 0."""
    kind = getattr(column.type, "impl", column.type)  # SQLModel wraps its strings
    return False if isinstance(kind, Boolean) else "" if isinstance(kind, String) else 0


_encode = msgspec.json.Encoder().encode


def _image(table: Table, kept: Sequence[str], nullable: Collection[str]) -> Callable[..., msgspec.Struct]:
    """A record of a table's kept columns that leaves out of its JSON what a before-image leaves out."""
    return msgspec.defstruct(
        table.name,
        [(name, Any, None if name in nullable else nothing(table.c[name])) for name in kept],
        omit_defaults=True, gc=False)


def _shape(table: Table) -> Shape:
    keys = tuple(column.name for column in table.primary_key.columns)
    single = len(keys) == 1 and not isinstance(table.c[keys[0]].type, BigInteger)
    kept = tuple(column.name for column in table.columns if not (single and column.name == keys[0]))
    wide = frozenset(column.name for column in table.columns if isinstance(column.type, U64))
    nullable = frozenset(column.name for column in table.columns if column.nullable)
    return Shape(
        table, tuple(column.name for column in table.columns), keys, kept, wide & frozenset(kept), nullable,
        table.name in BY_EVENT, table.name in BY_BLOCK, _taker(kept), _image(table, kept, nullable))


def _taker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """A function that gives a row's values of these columns, one of them as a tuple too."""
    take = itemgetter(*names)
    return take if len(names) > 1 else lambda row: (take(row),)


SHAPES: Mapping[str, Shape] = {table.name: _shape(table) for table in TABLES}
"""Shape of each table by its name."""


def write_feed(
    connection: Connection, sections: Iterable[tuple[int, Sequence[tuple[str, int, tuple[Any, ...]]]]],
) -> None:
    """Append changes to the feed, those of each block in entries of their own."""
    changes = table_of(RowChange)
    entries: list[dict[str, Any]] = []
    last = None
    for block_number, said in sections:
        for start in range(0, len(said), CHANGES_MAX):
            part = said[start:start + CHANGES_MAX]
            if last is None:
                last = int(connection.execute(select(func.max(changes.c.last))).scalar() or 0)
            last += len(part)
            entries.append({"last": last, "block_number": block_number, "body": body_of(part)})
    if entries:
        connection.execute(insert(changes), entries)


def leaned_from(connection: Connection, place: int) -> int | None:
    """`seq` of the first payload that was read with the help of one at this place or after it, also by way of
    another; None if none was.
    """
    needs, events = table_of(PayloadNeed), table_of(Event)
    first, helped_from = None, place
    while True:
        found = connection.execute(select(func.min(events.c.seq)).select_from(events).join(
            needs, needs.c.event_id == events.c.event_id).where(
            needs.c.seq >= helped_from, needs.c.seq > events.c.seq)).scalar()
        if found is None or found >= helped_from:
            return first
        first = helped_from = int(found)


def body_of(changes: Iterable[tuple[str, int, tuple[Any, ...]]]) -> str:
    """Changes (table, place in `KINDS`, key) as the body of a feed entry."""
    return _encode([(str(table), kind, *key) for table, kind, key in changes]).decode()


def changes_in(body: str) -> list[list[Any]]:
    """The changes of a feed entry: table, place in `KINDS`, key columns."""
    found: list[list[Any]] = json.loads(body, parse_float=Decimal)
    return found
