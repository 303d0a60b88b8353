# ruff: noqa: S608 - the SQL made here holds names of our columns and whole numbers, nothing else
"""Any question about the past: what the index said when a block was its head, and what was true at a time.

`session` lays temporary views with the names of the tables over one connection, so that every query answers
about the past unchanged. Both bounds may be given together; without a block the index's head is meant.

*As known at* block B (record time): exactly what an index says that was stopped at B, with the payload stores
and keys of today. A payload, what it names and the right to read it count as known from the block of its
event on, whenever it was opened, and as it is read today (also where only a later event made it readable). So
the answer is the same after a rebuild, and needs no clock.

*As of* a time T (valid time), as known at B:

- Events, and what hangs on one of them, are those that had occurred by T (`occurredAt`) and were recorded by
  B. Their links (voided, approved, ended by) are as known at B.
- Units, lots, what lots have loaded, and declaration lines are the fold of the changes that events recorded
  by B made and that had occurred by T, in the ledger's order: see `fold`, which says how.
- Heads are the ledger's record and have no time of occurrence: as known at B, in every table. So are names
  and rights to read.
- Registers are as of the last block by T (and by B): a register changes when its block is made.

So an event that is posted late counts from when it occurred, and only from the block in which it became
known. For T beyond all that occurred the answer is that of `known_at` B alone, except for what customs has
voided and nobody has put right.

Rights are never of the past: make the `lookups.Reader` from a session of the present.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Table, func, select
from sqlmodel import Session

from indexer.fold import Dialect, Fold, Moment
from indexer.journal import BY_BLOCK, BY_EVENT, NAMES, SHAPES, HistoryStart, table_of
from indexer.models import (
    TABLES,
    Block,
    CountEntry,
    Cursor,
    DeclarationLine,
    Event,
    EventLine,
    Grant,
    Head,
    Norm,
    NormExcess,
    NotTaken,
    Participant,
    Payload,
    PayloadReader,
    Reading,
    UnitState,
)
from ledger.errors import InputError
from ledger.vocabulary import Role

AS_OF_MS_MAX = 2**63 - 1
_OF_EVENTS = frozenset(table_of(m).name for m in (
    EventLine, NormExcess, Payload, DeclarationLine, Norm, CountEntry, Reading))
_LINKS = frozenset(("voided_by", "approved_by", "ended_by"))


@contextmanager
def session(
    engine: Engine, *, known_at: int | None = None, as_of_ms: int | None = None,
) -> Iterator[Session]:
    """A session of the index that answers about the past; of the present without both bounds. For reading.

    Args:
        known_at: number of a block; what the index said when that was its head.
        as_of_ms: milliseconds since 1970; what was true then, by occurrence.

    Raises:
        InputError: a block that is not indexed, or before the index remembers.
    """
    if known_at is None and as_of_ms is None:
        with Session(engine) as present:
            yield present
        return
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # one state of the index for all that is asked
            connection.execution_options(isolation_level="REPEATABLE READ")
        transaction = connection.begin()
        try:
            moment = moment_of(connection, known_at, as_of_ms)
            for statement in _views(connection, moment):
                connection.exec_driver_sql(statement)
            with Session(bind=connection) as past:
                yield past
        finally:
            transaction.rollback()  # and with it the views


def moment_of(connection: Connection, known_at: int | None, as_of_ms: int | None) -> Moment:
    """The bounds of a question.

    Raises:
        InputError: see `session`.
    """
    blocks, events, start = table_of(Block), table_of(Event), table_of(HistoryStart)
    head = connection.execute(select(table_of(Cursor).c.block_number)).scalar()
    if head is None:
        raise InputError("nothing is indexed yet.", pointer="/known_at" if known_at is not None else "/as_of")
    number = int(head) if known_at is None else known_at
    first = int(connection.execute(select(func.min(blocks.c.number))).scalar() or 0)
    if not first <= number <= head:
        raise InputError(f"block {number} is not indexed; blocks {first} to {head} are.", pointer="/known_at")
    remembers = connection.execute(select(start.c.block_number, start.c.as_of_ms)).first()
    since = int(head) if remembers is None else int(remembers.block_number)
    from_ms = None if remembers is None else remembers.as_of_ms
    if number < since or (as_of_ms is not None and since >= 0 and (from_ms is None or as_of_ms < from_ms)):
        raise InputError(
            f"this index remembers its rows from block {since} on"
            + (": it was begun by an older version." if from_ms is None else
               f", and answers as of times from {from_ms} (ms since 1970) on: the rest is drawn together."),
            remedy="Rebuild it from the chain; history_days says how far back it then remembers.",
            pointer="/known_at" if as_of_ms is None else "/as_of")
    seq = connection.execute(select(func.max(events.c.seq)).where(events.c.block_number <= number)).scalar()
    if as_of_ms is None:
        return Moment(number, int(seq or 0), number, None)
    as_of_ms = min(as_of_ms, AS_OF_MS_MAX)
    found = connection.execute(select(func.max(blocks.c.number)).where(
        blocks.c.number <= number, blocks.c.timestamp <= as_of_ms // 1000)).scalar()
    return Moment(number, int(seq or 0), first - 1 if found is None else int(found), as_of_ms)


def remembers_from(session: Session) -> int | None:
    """The first block of which the index can say what it said then; None before there is any block."""
    since = session.scalar(select(table_of(HistoryStart).c.block_number))
    first = session.scalar(select(func.min(table_of(Block).c.number)))
    return None if since is None or first is None else max(int(since), int(first))


def time_of(session: Session, known_at: int | None, as_of_ms: int | None) -> int | None:
    """The second at which a question about the past stands, to judge what ends by the clock (an open offer);
    None for the present. `session` is that of the question.
    """
    if as_of_ms is not None:
        return max(0, as_of_ms) // 1000
    block = None if known_at is None else session.get(Block, known_at)
    return None if block is None else block.timestamp


def _views(connection: Connection, moment: Moment) -> Iterator[str]:
    """One statement for each table whose rows depend on the moment."""
    sqlite = connection.dialect.name == "sqlite"
    schema = "main" if sqlite else connection.dialect.default_schema_name
    made = _Made(Dialect(f'"{schema}".', sqlite=sqlite), moment)
    fold = made.fold(connection) if moment.as_of_ms is not None else None
    for table in TABLES:
        folded = fold is not None and table.name in BY_EVENT - NAMES
        body = fold.body(table) if fold is not None and folded else made.body(table)
        if body is not None:
            yield f'CREATE TEMPORARY VIEW "{table.name}" AS {body}'


@dataclass(frozen=True, slots=True)
class _Made:
    """SQL of the views. Every value in it is a number of ours or the name of a column."""

    sql: Dialect
    moment: Moment

    def fold(self, connection: Connection) -> Fold:
        """The fold of changes, with who was customs by the register as known at the block."""
        participants = self._versions(table_of(Participant), str(self.moment.block_number))
        customs = tuple(int(row[0]) for row in connection.exec_driver_sql(
            f"SELECT number, roles FROM ({participants}) p ORDER BY number") if row[1] & Role.CUSTOMS)
        return Fold(self.sql, self.moment, customs)

    def body(self, table: Table) -> str | None:
        """The query behind a view; None where the table is the same at all times."""
        name, at, schema = table.name, self.moment, self.sql.schema
        if name == table_of(Event).name:
            return self._events(table)
        if name in _OF_EVENTS:
            return self._all(table, self._of_event(f"e.event_id = t.event_id AND {self._counts('e')}"))
        if name == table_of(UnitState).name:
            counts = f"t.seq <= {at.seq}" if at.as_of_ms is None else self._of_event(
                f"e.seq = t.seq AND {at.occurs(self.sql, 'e')}")
            return self._all(table, counts)
        if name in BY_EVENT:
            return self._versions(table, str(at.seq))
        if name == table_of(Head).name:
            return self._versions(table, str(at.block_number))
        if name in BY_BLOCK:
            return self._versions(table, str(at.register_block))
        if name == table_of(Cursor).name:
            return (f"SELECT t.id, t.chain_id, t.ledger_address, b.number AS block_number, "
                    f"b.hash AS block_hash, t.context FROM {schema}cursor t JOIN {schema}block b "
                    f"ON b.number = {at.block_number}")
        if name == table_of(Block).name:
            return self._all(table, f"t.number <= {at.block_number}")
        if name == table_of(NotTaken).name:
            return self._all(table, f"t.block_number <= {at.register_block}")
        if name == table_of(PayloadReader).name:
            return self._all(table, self._of_event(f"e.event_id = t.event_id AND e.seq <= {at.seq}"))
        if name == table_of(Grant).name:
            known = self._of_event(f"e.event_id = r.event_id AND e.seq <= {at.seq}")
            return self._all(table, f"EXISTS (SELECT 1 FROM {schema}payload_reader r WHERE "
                                    f"r.grant_id = t.grant_id AND {known})")
        return None

    def _all(self, table: Table, condition: str) -> str:
        names = ", ".join(f't."{column.name}"' for column in table.columns)
        return f'SELECT {names} FROM {self.sql.schema}"{table.name}" t WHERE {condition}'

    def _of_event(self, condition: str) -> str:
        return f"EXISTS (SELECT 1 FROM {self.sql.schema}event e WHERE {condition})"

    def _counts(self, event: str) -> str:
        """An event is recorded and has itself occurred."""
        by_then = "" if self.moment.as_of_ms is None else \
            f" AND {event}.occurred_at_ms <= {self.moment.as_of_ms}"
        return f"{event}.seq <= {self.moment.seq}{by_then}"

    def _events(self, table: Table) -> str:
        said = []
        for column in table.columns:
            if column.name not in _LINKS:
                said.append(f't."{column.name}"')
                continue
            said.append(f"(SELECT k.event_id FROM {self.sql.schema}event k WHERE "
                        f"k.event_id = t.{column.name} AND k.seq <= {self.moment.seq}) AS {column.name}")
        return f"SELECT {', '.join(said)} FROM {self.sql.schema}event t WHERE {self._counts('t')}"

    def _versions(self, table: Table, bound: str) -> str:
        """Each row as it was before its first change after the bound, or as it is if there was none."""
        shape = SHAPES[table.name]
        columns = ", ".join(
            f"t.{c.name}" if c.name not in shape.kept or c.name in shape.keys else
            f"CASE WHEN w.place IS NULL THEN t.{c.name} ELSE {self.sql.kept('w.before', c)} END AS {c.name}"
            for c in table.columns)
        journal, of = f"{self.sql.schema}row_before", self.sql.of(shape)
        first = f"SELECT min(x.place) FROM {journal} x WHERE {of.format('x')} AND x.place > {bound}"
        return (f'SELECT {columns} FROM {self.sql.schema}"{table.name}" t LEFT JOIN {journal} w '
                f"ON {of.format('w')} AND w.place = ({first}) WHERE w.place IS NULL OR w.before IS NOT NULL")
