"""Back to the common ancestor, where the chain's finality is not instant and it chose another branch.

One transaction: rows that change are put back as the journal has them before the first block that goes, rows
that are written once go with their block, position and feed follow. What went stays visible: the headers of
both branches as `Evidence`, and every change in the feed. What payloads gave goes with their events: names
and materials become what the events that stay say. Where a payload was read with the help of one that went,
what it and every payload after it gave is forgotten and opened again: any of them may have been read with its
help in turn, and none may vouch for itself by what it named before. A signer that came or went with these
blocks decides which grants hold: then all that payloads gave is forgotten and opened again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, delete, func, insert, or_, select, tuple_, update
from sqlmodel import SQLModel

from indexer.database import writing
from indexer.faults import ForkError
from indexer.journal import (
    BY_BLOCK,
    BY_EVENT,
    DELETE,
    INSERT,
    NAMES,
    SHAPES,
    UPDATE,
    PayloadNeed,
    RowBefore,
    RowChange,
    Shape,
    changes_in,
    leaned_from,
    table_of,
    write_feed,
)
from indexer.models import (
    TABLES,
    WITHHELD,
    Block,
    CountEntry,
    Cursor,
    DeclarationLine,
    Event,
    EventLine,
    Evidence,
    Grant,
    Head,
    Norm,
    NormExcess,
    NotTaken,
    Payload,
    PayloadReader,
    Reading,
    Signer,
    UnitState,
)
from indexer.source import Source
from ledger.chain.client import Header
from ledger.errors import UnavailableError

BLOCKS_MAX = 10_000  # a day of 8 s blocks; what is replaced deeper than that is no reorganisation
_PART = 400          # keys in one statement
_CONTENT = (DeclarationLine, Norm, CountEntry, Reading)
_Key = tuple[Any, ...]


class RolledBack(Exception):  # noqa: N818 - no error: the run begins again from where the index stands
    """The index was taken back; carries how many blocks went."""

    def __init__(self, blocks: int) -> None:
        super().__init__(blocks)
        self.blocks = blocks


def roll_back_to_ancestor(engine: Engine, source: Source, first_number: int) -> int:
    """Find the last block that the node and the index both have, and take the index back to it.

    Args:
        source: reads the node's headers and checks each.
        first_number: the first block that is indexed.

    Returns:
        How many blocks went.

    Raises:
        UnavailableError: the node's answers do not fit together (yet).
        ForkError: the branches have no block in common that this index could go back to.
    """
    blocks = table_of(Block)
    with engine.connect() as connection:
        head = int(connection.execute(select(table_of(Cursor).c.block_number)).scalar_one())
        number, theirs = min(head, source.head_number()), dict[int, Header]()
        while True:
            ours = connection.execute(select(blocks.c.hash).where(blocks.c.number == number)).scalar()
            if ours is None or number < first_number or head - number > BLOCKS_MAX:
                raise ForkError(
                    f"the node's chain shares none of the last {head - number} blocks with the index.",
                    remedy="It is another chain, or the ledger was deployed anew: use another database.")
            found = source.header(number)
            if number + 1 in theirs and theirs[number + 1].parent_hash != found.hash:
                raise UnavailableError(f"block {number} changed while it was read.")
            if "0x" + found.hash.hex() == ours:
                break
            theirs[number] = found
            number -= 1
    if not theirs:
        raise UnavailableError(f"the node's block {number + 1} does not follow its block {number}.")
    with writing(engine) as connection:
        roll_back(connection, number, theirs)
    return head - number


def rolled_back_said(number: int, their_hash: bytes) -> str:
    """What a row of `evidence` says of a block that went."""
    return f"block {number} was rolled back: the chain went on without it to 0x{their_hash.hex()}"


def roll_back(connection: Connection, to: int, theirs: Mapping[int, Header]) -> None:
    """Take the index back to a block, within the caller's transaction.

    Args:
        to: the last block that stays.
        theirs: the headers of the branch that the chain has now, by number, from `to` + 1 on.

    Raises:
        ForkError: the feed does not reach back so far.
    """
    _Undoing(connection, to).run(theirs)


class _Undoing:
    """One roll-back."""

    def __init__(self, connection: Connection, to: int) -> None:
        self._sql, self._to = connection, to
        self._told: dict[tuple[str, _Key], int] = {}
        events = table_of(Event)
        self._seq = int(connection.execute(
            select(func.max(events.c.seq)).where(events.c.block_number <= to)).scalar() or 0)
        self._gone: Select[Any] = select(events.c.event_id).where(events.c.seq > self._seq)

    def run(self, theirs: Mapping[int, Header]) -> None:
        """Undo, in an order in which nothing refers to what is gone."""
        touched = self._touched()
        signers = bool(touched.get(table_of(Signer).name))
        for name in (table.name for table in TABLES if table.name in BY_EVENT | BY_BLOCK):
            self._restore(SHAPES[name], touched.get(name, set()), self._seq if name in BY_EVENT else self._to)
        self._unlink(touched.get(table_of(Event).name, set()))
        self._evidence(theirs)
        leaned = self._leaned_from()
        self._take_back()
        if signers:
            self._forget_grants()
            self._forget_payloads(1)
        elif leaned is not None:
            self._forget_payloads(leaned)
        self._move()
        write_feed(self._sql, [(self._to, [(name, kind, key) for (name, key), kind in self._told.items()])])

    def _touched(self) -> dict[str, set[_Key]]:
        """Keys of all rows that changed since the first of the blocks that go."""
        changes, found = table_of(RowChange), defaultdict[str, set[_Key]](set)
        first = self._first_change()
        if first is None:
            raise ForkError(f"the feed does not reach back to block {self._to + 1}.",
                            remedy="Delete the index: it is rebuilt from the chain.")
        for body in self._sql.execute(select(changes.c.body).where(changes.c.last >= first)).scalars():
            for name, _, *key in changes_in(body):
                found[name].add(tuple(key))
        lines, events = table_of(EventLine), table_of(Event)
        named = select(lines.c.unit).where(lines.c.event_id.in_(self._gone))
        drawn = select(events.c.reference).where(events.c.seq > self._seq)
        for query in (named, drawn):
            found[table_of(Head).name] |= {(key,) for key in self._sql.execute(query).scalars()}
        return found

    def _first_change(self) -> int | None:
        """Where the feed begins to tell of the first block that goes; None where that was trimmed.

        The block itself is the first thing that is told of it. What is told later of payloads of its events,
        maybe much later, is about the same block and no beginning.
        """
        changes, blocks = table_of(RowChange), table_of(Block)
        entries = self._sql.execute(select(changes.c.last, changes.c.body).where(
            changes.c.block_number == self._to + 1).order_by(changes.c.last))
        return next((int(entry.last) for entry in entries
                     if changes_in(entry.body)[0] == [blocks.name, INSERT, self._to + 1]), None)

    def _restore(self, shape: Shape, keys: set[_Key], bound: int) -> None:
        """Rows as they were before the first change after the place `bound`."""
        befores = table_of(RowBefore)
        texts = {shape.key_text(key): key for key in keys}
        first: dict[str, str | None] = {}
        for part in _parts(sorted(texts)):
            later = (befores.c.of_table == shape.table.name, befores.c.key.in_(part), befores.c.place > bound)
            found = select(befores).where(*later).order_by(befores.c.key, befores.c.place)
            for row in self._sql.execute(found):
                first.setdefault(row.key, row.before)
            self._sql.execute(delete(befores).where(*later))
        self._delete(shape.table, [texts[text] for text in first])
        rows = [shape.row_of(text, before) for text, before in first.items() if before is not None]
        if rows:
            self._sql.execute(insert(shape.table), rows)
        if shape.table.name != table_of(Head).name:  # not told of: the events' going stands for it
            for text, before in first.items():
                self._told[shape.table.name, texts[text]] = DELETE if before is None else UPDATE

    def _unlink(self, keys: set[_Key]) -> None:
        """Events that stay no longer name one that goes."""
        events = table_of(Event)
        gone = set(self._sql.execute(self._gone).scalars())
        for part in _parts(sorted(key[0] for key in keys if key[0] not in gone)):
            for name in ("voided_by", "approved_by", "ended_by"):
                hit = events.c.event_id.in_(part) & events.c[name].in_(self._gone)
                for event_id in self._sql.execute(select(events.c.event_id).where(hit)).scalars().all():
                    self._told[events.name, (event_id,)] = UPDATE
                self._sql.execute(update(events).where(hit).values({name: None}))

    def _evidence(self, theirs: Mapping[int, Header]) -> None:
        """Keep the headers that go, each with the one in whose favour it goes."""
        blocks, table = table_of(Block), table_of(Evidence)
        tip = theirs[max(theirs)]  # the other branch may be shorter
        for number, rlp in self._sql.execute(
                select(blocks.c.number, blocks.c.rlp).where(blocks.c.number > self._to)).all():
            other = theirs.get(number, tip)
            key = (number, "0x" + other.hash.hex())
            self._sql.execute(delete(table).where(tuple_(table.c.block_number, table.c.their_hash) == key))
            self._sql.execute(insert(table).values(
                block_number=number, their_hash=key[1], our_header=rlp, their_header="0x" + other.rlp.hex(),
                what=rolled_back_said(number, other.hash)))
            self._told[table.name, key] = INSERT

    def _take_back(self) -> None:
        """Rows that are written once, and what payloads of the events that go gave."""
        readers, grants = table_of(PayloadReader), table_of(Grant)
        of_gone = readers.c.event_id.in_(self._gone) & (readers.c.grant_id != "")
        given = set(self._sql.execute(select(readers.c.grant_id).where(of_gone).distinct()).scalars())
        for table in _tables(*_CONTENT, PayloadReader):
            self._take(table, table.c.event_id.in_(self._gone))
        for part in _parts(sorted(given)):
            left = select(readers.c.grant_id).where(readers.c.grant_id.in_(part))
            self._take(grants, grants.c.grant_id.in_(part) & grants.c.grant_id.not_in(left))
        for table in _tables(EventLine, NormExcess, Payload):
            self._take(table, table.c.event_id.in_(self._gone), told=False)
        states, events = table_of(UnitState), table_of(Event)
        self._take(states, states.c.seq > self._seq, told=False)
        self._take(events, events.c.seq > self._seq)
        for table, column in ((table_of(NotTaken), "block_number"), (table_of(Block), "number")):
            self._take(table, table.c[column] > self._to)

    def _leaned_from(self) -> int | None:
        """`seq` of the first payload that was read with the help of one that goes, also by way of another."""
        needs = table_of(PayloadNeed)
        self._sql.execute(delete(needs).where(needs.c.event_id.in_(self._gone)))
        return leaned_from(self._sql, self._seq + 1)

    def _forget_grants(self) -> None:
        for model in (PayloadReader, Grant):
            self._take(table_of(model), None)

    def _forget_payloads(self, first: int) -> None:
        """What payloads of the events from `seq` `first` on gave; the next run opens them again."""
        befores, payloads, events = table_of(RowBefore), table_of(Payload), table_of(Event)
        from_first = select(events.c.event_id).where(events.c.seq >= first)
        for name in sorted(NAMES):
            keys = self._sql.execute(select(befores.c.key).where(
                befores.c.of_table == name, befores.c.place >= first).distinct()).scalars()
            self._restore(SHAPES[name], {(key,) for key in keys}, first - 1)
        for table in _tables(*_CONTENT):
            self._take(table, table.c.event_id.in_(from_first))
        needs = table_of(PayloadNeed)
        self._sql.execute(delete(needs).where(needs.c.event_id.in_(from_first)))
        known = payloads.c.event_id.in_(from_first) & or_(
            payloads.c.status != WITHHELD, payloads.c.missing.is_not(None))
        for event_id in self._sql.execute(select(payloads.c.event_id).where(known)).scalars().all():
            self._told[payloads.name, (event_id,)] = UPDATE
        self._sql.execute(update(payloads).where(known).values(
            status=WITHHELD, epcis_event_id=None, epcis_type=None, is_correction=False, document=None,
            fault=None, missing=None))

    def _move(self) -> None:
        blocks, cursor = table_of(Block), table_of(Cursor)
        at = self._sql.execute(select(blocks.c.hash).where(blocks.c.number == self._to)).scalar_one()
        self._sql.execute(update(cursor).values(block_number=self._to, block_hash=at))

    def _take(self, table: Table, condition: Any, *, told: bool = True) -> None:
        """Delete rows, and tell of each."""
        keys = list(table.primary_key.columns)
        where = () if condition is None else (condition,)
        if told:
            for row in self._sql.execute(select(*keys).where(*where)):
                self._told[table.name, tuple(row)] = DELETE
        self._sql.execute(delete(table).where(*where))

    def _delete(self, table: Table, keys: Iterable[_Key]) -> None:
        columns = list(table.primary_key.columns)
        for part in _parts(sorted(keys)):
            match = columns[0].in_([k[0] for k in part]) if len(columns) == 1 else tuple_(*columns).in_(part)
            self._sql.execute(delete(table).where(match))


def _tables(*models: type[SQLModel]) -> list[Table]:
    return [table_of(model) for model in models]


def _parts(keys: list[Any]) -> Iterator[list[Any]]:
    return (keys[i:i + _PART] for i in range(0, len(keys), _PART))
