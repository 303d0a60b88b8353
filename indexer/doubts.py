"""Differences that are no fault of the index: it and the stores were asked for a payload at other times.

`late`: a store has a payload that this index has not read yet; its next run does. `unproven`: no store has a
payload any more that this index says it opened, so that nothing can be said of what it says. Both leave the
verdict open, and neither hides what the chain alone decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from indexer.compare import EXTRA, MISSING, Difference
from indexer.export import bytewise
from indexer.journal import NAMES, RowBefore
from indexer.models import (
    WITHHELD,
    CountEntry,
    DeclarationLine,
    Grant,
    Material,
    Norm,
    Payload,
    PayloadReader,
    Reading,
    UnitName,
)
from indexer.store import table_of

LATE, UNPROVEN = "late", "unproven"

_PAYLOAD, _BEFORE = table_of(Payload).name, table_of(RowBefore).name
_OF_ONE = {table_of(model).name for model in (DeclarationLine, Norm, CountEntry, Reading)}
"""Rows that follow from one payload alone."""
_OF_SEVERAL = {table_of(model).name for model in (PayloadReader, Grant, UnitName, Material)}
"""Rows that may follow from several: what one names, another is read by."""
_READ = ("epcis_event_id", "epcis_type", "is_correction", "document", "fault", "missing")


class Doubts:
    """Tells such differences from others, in a snapshot of the index and what was recomputed."""

    def __init__(self, stored: Connection, recomputed: Connection) -> None:
        self._stored, self._recomputed = stored, recomputed
        self._any: tuple[bool, bool] | None = None

    def kind_of(self, found: Difference) -> str:
        """The kind of a difference, these two included."""
        name = found.table.name
        if name in _OF_SEVERAL or (name == _BEFORE and found.key["of_table"] in NAMES):
            return self._by_any(found)
        if name != _PAYLOAD and name not in _OF_ONE:
            return found.kind
        event_id = (found.stored or found.recomputed or {})["event_id"]
        here, there = _status(self._stored, event_id), _status(self._recomputed, event_id)
        if there == WITHHELD and here not in (WITHHELD, None) and found.kind != MISSING:
            return UNPROVEN
        if here == WITHHELD and there not in (WITHHELD, None) and (
                found.kind == MISSING or (name == _PAYLOAD and found.stored is not None
                                          and not any(found.stored[column] for column in _READ))):
            return LATE
        if name == _PAYLOAD and {"status", "missing"} & set(found.columns) and WITHHELD not in (here, there):
            return self._by_any(found)  # it refers to one that came or went
        return found.kind

    def _by_any(self, found: Difference) -> str:
        lost, late = self._payloads()
        if lost and found.kind != MISSING:
            return UNPROVEN
        return LATE if late and found.kind != EXTRA else found.kind

    def _payloads(self) -> tuple[bool, bool]:
        """Whether any payload is unproven, and whether any is late; looked at only once something differs."""
        if self._any is None:
            lost = late = False
            here, there = _withheld(self._stored), _withheld(self._recomputed)
            ours, theirs = next(here, None), next(there, None)
            while ours is not None or theirs is not None:
                if ours == theirs:
                    ours, theirs = next(here, None), next(there, None)
                elif theirs is None or (ours is not None and ours < theirs):
                    late, ours = late or _status(self._recomputed, ours) is not None, next(here, None)
                else:
                    lost, theirs = lost or _status(self._stored, theirs) is not None, next(there, None)
            self._any = lost, late
        return self._any


def _withheld(connection: Connection) -> Iterator[str]:
    payloads = table_of(Payload)
    query = select(payloads.c.event_id).where(payloads.c.status == WITHHELD)
    result = connection.execution_options(yield_per=2_000).execute(
        query.order_by(bytewise(connection, payloads.c.event_id)))
    yield from result.scalars()


def _status(connection: Connection, event_id: Any) -> str | None:
    payloads = table_of(Payload)
    return connection.execute(select(payloads.c.status).where(payloads.c.event_id == event_id)).scalar()
