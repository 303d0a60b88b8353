"""How rows of the index are asked for: the columns that are needed, by key, as plain rows.

Objects of the session, columns that nobody looks at, and a statement for each number of keys were half of
what a trace took.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import Any

from sqlalchemy import bindparam, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from indexer import models as m
from indexer.among import Among
from indexer.columns import U64
from ledger.vocabulary import Kind


def table_of(model: Any) -> Any:
    """The table of a model: rows of it are plain, and nobody here changes them."""
    return model.__table__


def columns(model: Any, *names: str) -> Any:
    """A query of some columns of a table. Numbers of 64 bits come as `int`, which costs less than `Decimal`.
    """
    return select(*(type_coerce(c, U64).label(c.name) if isinstance(c.type, U64) else c
                    for c in (table_of(model).c[name] for name in names)))


def rows_of(session: Session, query: Any, bounds: Mapping[str, Any] | None = None) -> list[Any]:
    """Rows of a query as named tuples: a field of theirs is read in a tenth of the time of SQLAlchemy's."""
    result = session.execute(query, bounds)
    return list(map(partial(tuple.__new__, _record(tuple(result.keys()))), result.all()))


@cache
def _record(names: tuple[str, ...]) -> Any:
    return namedtuple("Row", names)


def keyed(query: Any, column: Any) -> Any:
    """A query of the rows in which a column is one of the keys, for `by_key`.

    Made once where it can be: to say a statement anew costs several times what it does to ask for one row.
    """
    return query.where(Among(column))


def by_key(session: Session, query: Any, keys: Iterable[str], **bounds: Any) -> list[Any]:
    """Rows of a `keyed` query; no order but the query's own. `bounds`: its other parameters."""
    wanted = sorted(keys)
    return rows_of(session, query, {"keys": wanted, **bounds}) if wanted else []


EVENT, LEG, LOT = table_of(m.Event).c, table_of(m.EventLine).c, table_of(m.Lot).c
EVENTS = columns(
    m.Event, "event_id", "seq", "tx_hash", "signer", "participant", "kind", "step", "counterparty",
    "facility", "book", "reference", "occurred_at_ms", "recorded_at_s", "deadline_s", "outcome", "voided_by",
    "approved_by")
LEGS = select(LEG.event_id, LEG.position, LEG.unit, LEG.material, LEG.balance,
              type_coerce(LEG.quantity_micro, NullType()).label("quantity_micro"), LEG.role)
"""Legs of events. They are many, so quantities come as the driver has them: `int` makes one of each."""
LOTS = columns(m.Lot, "unit", "book", "material", "origin", "source_line")
"""Lots without what is in them: in a session of the past each amount is a query of its own."""
CLEARS = columns(m.Event, "event_id", "step", "occurred_at_ms", "recorded_at_s").add_columns(
    LEG.unit).join_from(EVENT.event_id.table, LEG.unit.table, EVENT.event_id == LEG.event_id).where(
    EVENT.kind == Kind.CLEAR.name, EVENT.outcome == 0, EVENT.voided_by.is_(None),
    EVENT.occurred_at_ms <= bindparam("as_of_ms")).order_by(EVENT.seq)
"""Acts up to a moment that cleared or cancelled declaration lines, with the line."""
EVENTS_BY_ID, LEGS_OF = keyed(EVENTS, EVENT.event_id), keyed(LEGS, LEG.event_id)
LOTS_BY_ID = keyed(LOTS, LOT.unit)
