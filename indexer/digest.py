"""One hash over what the index says, however its events were packed. Byte for byte equal is `export`.

`digest` is equal for two indexes that say the same, even if the gateway packed the same events into other
blocks (after a crash, at other load, on another engine). So it leaves out exactly what depends on the
packing:

- where an event was recorded: block number, block hash, transaction hash, index of its log, `recorded_at_s`,
  `revoked_at_s` of a signer or device (that it is revoked counts, at which block time does not), when a
  calibration was stated or a successor named,
  when an act was announced, may be done, or ended;
- `seq` as a number: events that have nothing to do with each other may be recorded in another order. The
  order of the events of one unit counts, and so does the order of its states;
- a `NONCE_USED` for an event that has its outcome (a repeat after a lost reply), and how often something not
  taken was repeated;
- the id of a grant, which is a hash over freshly sealed keys, when it was issued, and whether the same right
  was given twice; who gave whom what, why and until when counts, payload by payload;
- the tables Block, Cursor, Evidence and Repair: position and history, not content.

Every other column of every table counts, new ones included without anybody thinking of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Select, Table, select

from indexer.export import bytewise
from indexer.models import (
    MODELS,
    Announcement,
    Block,
    Cursor,
    Device,
    DeviceCalibration,
    Event,
    EventLine,
    Evidence,
    GovernanceRole,
    Grant,
    NotTaken,
    Payload,
    PayloadReader,
    Repair,
    Signer,
    Succession,
    UnitState,
)
from indexer.store import table_of
from ledger.vocabulary import Outcome

EXCLUDED: Mapping[str, frozenset[str]] = {
    table_of(Event).name: frozenset(
        {"seq", "block_number", "block_hash", "tx_hash", "log_index", "recorded_at_s"}),
    table_of(Signer).name: frozenset({"revoked_at_s"}),
    table_of(Device).name: frozenset({"revoked_at_s"}),
    table_of(Announcement).name: frozenset({"announced_at_s", "ready_at_s", "ended_at_s"}),
    table_of(GovernanceRole).name: frozenset({"ended_at_s"}),
    table_of(Succession).name: frozenset({"block_number", "set_at_s"}),
    table_of(DeviceCalibration).name: frozenset({"stated_at_s"}),
    table_of(NotTaken).name: frozenset({"block_number", "log_index", "recorded_at_s"}),
    table_of(UnitState).name: frozenset({"seq", "recorded_at_s"}),
    table_of(EventLine).name: frozenset({"recorded_at_s"}),
    table_of(Payload).name: frozenset({"recorded_at_s"}),
    table_of(Grant).name: frozenset({"grant_id", "issued_at_s"}),
    table_of(PayloadReader).name: frozenset({"grant_id"}),
}
"""Columns that depend on how events were packed into blocks. What of them does count is in `_packed`."""

ENDS: Mapping[str, str] = {
    table_of(Signer).name: "revoked_at_s",
    table_of(Device).name: "revoked_at_s",
    table_of(GovernanceRole).name: "ended_at_s",
}
"""Times of which it counts whether there is one."""

POSITION: frozenset[str] = frozenset(table_of(model).name for model in (Block, Cursor, Evidence, Repair))
"""Tables that say how far the index is and what befell it, not what it says."""


def digest(engine: Engine) -> str:
    """SHA-256 in hex over everything the index says, however its events were packed into blocks."""
    total = hashlib.sha256(b"cargoledger index digest 1\n")
    with engine.connect() as connection:
        for model in MODELS:
            table = table_of(model)
            if table.name in POSITION:
                continue
            total.update(_line(["table", table.name]))
            if table.name in EXCLUDED:
                rows: Iterable[Any] = _packed(connection, table)
            else:
                rows = _rows(connection, table)
            for row in rows:
                total.update(_line(row))
        total.update(_line(["order"]))
        for unit, event_ids in _order(connection):
            total.update(_line([unit, event_ids]))
    return total.hexdigest()


def _rows(connection: Connection, table: Table) -> Iterator[list[Any]]:
    names = [column.name for column in table.columns]
    for row in _ordered(connection, table):
        yield [row[name] for name in names]


def _packed(connection: Connection, table: Table) -> Iterator[list[Any]]:
    """Rows of a table with columns that depend on the packing, without them but with what they mean."""
    names = [column.name for column in table.columns if column.name not in EXCLUDED[table.name]]
    columns = [table.c[name] for name in names]
    if table.name == table_of(NotTaken).name:
        events = table_of(Event)
        taken = select(events.c.event_id).where(events.c.event_id == table.c.event_id).exists()
        repeat = (table.c.code == int(Outcome.NONCE_USED)) & taken
        yield from _distinct(connection, select(*columns).where(~repeat))
    elif table.name == table_of(Grant).name:
        yield from _distinct(connection, select(*columns))
    elif table.name == table_of(PayloadReader).name:
        grants = table_of(Grant)
        said = [grants.c[name] for name in ("grantor", "grantee", "reason", "scope", "reference", "until_s")]
        yield from _distinct(connection, select(*columns, table.c.grant_id != "", *said).outerjoin(
            grants, grants.c.grant_id == table.c.grant_id))
    else:
        for row in _ordered(connection, table):
            values = [row[name] for name in names]
            if ends := ENDS.get(table.name):
                values.append(row[ends] is not None)
            yield values


def _distinct(connection: Connection, statement: Select[Any]) -> list[list[Any]]:
    """Rows without repeats, in the order of their text."""
    return sorted(([*row] for row in connection.execute(statement.distinct())), key=_line)


def _order(connection: Connection) -> Iterator[tuple[str, list[str]]]:
    """Each named unit with the ids of its events in the ledger's order."""
    lines, events = table_of(EventLine), table_of(Event)
    statement = select(lines.c.unit, lines.c.event_id) \
        .join(events, events.c.event_id == lines.c.event_id) \
        .order_by(bytewise(connection, lines.c.unit), events.c.seq, lines.c.position)
    for unit, group in groupby(connection.execute(statement), key=lambda row: row[0]):
        yield unit, [row[1] for row in group]


def _ordered(connection: Connection, table: Table) -> Iterator[RowMapping]:
    keys = [bytewise(connection, column) for column in table.primary_key.columns]
    result = connection.execution_options(yield_per=2_000).execute(select(table).order_by(*keys))
    yield from result.mappings()


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain).encode() + b"\n"


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(int(value))
    raise TypeError(f"{type(value)} is no column value")
