"""Payloads of the events on the ledger: fetched, opened where a key allows, written, asked for again.

Order of a run: grants (who may read more), then payloads that are new, then those that may have changed:
withheld ones, a share a run; sealed ones that a new grant opens; after a change of keys or directory all that
is not open, and what is open is read again, a share a run: with another key it may say more, or less.
The result depends on what the stores give and on the keys, not on when they gave it: whatever is settled by
order is settled by the ledger's order, and what was read without a later payload is read again when that one
opens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Select, and_, func, or_, select

from indexer.database import writing
from indexer.desk import Desk, signed_rows
from indexer.grants import GrantBook
from indexer.models import (
    MISMATCH,
    OPEN,
    SEALED,
    WITHHELD,
    Cursor,
    Event,
    Payload,
    UnitName,
)
from indexer.payloads import (
    RETRIED,
    Lens,
)
from indexer.store import Rows, table_of
from ledger.errors import InputError
from ledger.keys.grants import Grant
from ledger.keys.sealing import SealedPayload

CHUNK = 200              # payloads in one transaction
RETRY_MAX = 500          # withheld payloads asked for again in one run: a store that lost many stalls nothing
REREAD_MAX = 10_000      # open payloads read again in one run after a change of keys: new blocks come between


class PayloadSource(Protocol):
    """Where sealed payloads and grants are; `ledger.gateway.payloads.PayloadStore` is one. Not trusted."""

    def get(self, commitment: bytes) -> SealedPayload | None:
        """The payload with that commitment, or None.

        Raises:
            UnavailableError: the store does not answer.
            InputError, ValueError: what it has is no payload.
        """
        ...

    def grants(self) -> Sequence[Grant]:
        """All grants that it knows, in a fixed order.

        Raises:
            UnavailableError: the store does not answer.
        """
        ...


class Opener:
    """Brings the payload tables up to date with what the stores have."""

    def __init__(self, source: PayloadSource, lens: Lens, chain_id: int, ledgers: Sequence[bytes]) -> None:
        self._source = source
        self._lens = lens
        self._grants = GrantBook(chain_id, ledgers)
        self._tried_to = 0      # seq up to which this process has asked for every payload once
        self._read_to = 0       # seq up to which open payloads were read with the present keys and names
        self._retry_after = 0   # seq after which the next share of payloads to ask for again begins

    def run(self, engine: Engine) -> tuple[int, int]:
        """Fetch and write what can be.

        Returns:
            How many payloads opened in this run, and how many are withheld after it.

        Raises:
            UnavailableError: a store does not answer; what was written stands.
        """
        grants = list(self._source.grants())
        context = self._lens.fingerprint()
        with writing(engine) as connection:
            rows = Rows(connection)
            cursor = rows.get(Cursor, 1)
            if cursor is None:
                return 0, 0
            fresh = self._grants.take(rows, grants, self._lens)
            if self._grants.took_back:
                cursor, self._read_to = rows.get(Cursor, 1) or cursor, 0
            rows.finish()
            changed = cursor["context"] != context
            chosen = self._choose(connection, fresh, everything=changed and self._read_to == 0)
            anew = self._open_already(connection) if changed else []
        other_keys = cursor["context"].partition(".")[0] != context.partition(".")[0]
        opened = self._examine_all(engine, chosen, anew, from_store=other_keys)
        with writing(engine) as connection:
            rows = Rows(connection)
            self._grants.take(rows, grants, self._lens)  # for payloads whose readers are known only now
            rows.at(cursor["block_number"], 0)
            if len(anew) == REREAD_MAX:  # there may be more
                self._read_to = anew[-1][1]
            else:
                self._read_to = 0
                rows.change(Cursor, 1, context=context)
            rows.finish()
            payloads = table_of(Payload)
            waiting = connection.execute(
                select(func.count()).select_from(payloads).where(payloads.c.status == WITHHELD)).scalar()
        return opened, int(waiting or 0)

    def _choose(self, connection: Connection, fresh: set[bytes], *, everything: bool) -> list[str]:
        """Ids of the events whose payload is worth asking for now, in the ledger's order."""
        events, payloads = table_of(Event), table_of(Payload)
        joined = select(events.c.event_id, events.c.seq).join(payloads,
                                                              payloads.c.event_id == events.c.event_id)
        again = or_(payloads.c.status == WITHHELD, and_(
            payloads.c.status == MISMATCH, or_(*(payloads.c.fault.like(f"{code}:%") for code in RETRIED))))
        if everything:
            queries = [joined.where(payloads.c.status != OPEN)]
        else:
            share = joined.where(again,
                                 events.c.seq <= self._tried_to).order_by(events.c.seq).limit(RETRY_MAX)
            late = connection.execute(share.where(events.c.seq > self._retry_after)).all()
            self._retry_after = late[-1].seq if len(late) == RETRY_MAX else 0
            queries = [joined.where(again, events.c.seq > self._tried_to),
                       joined.where(events.c.event_id.in_([row.event_id for row in late]))]
        found = {row.event_id: row.seq for query in queries for row in connection.execute(query)}
        for commitment in sorted(fresh):
            granted = joined.where(payloads.c.status == SEALED,
                                   events.c.commitment == "0x" + commitment.hex())
            found.update((row.event_id, row.seq) for row in connection.execute(granted))
        self._tried_to = max(self._tried_to, connection.execute(select(func.max(events.c.seq))).scalar() or 0)
        return sorted(found, key=lambda event_id: found[event_id])

    def _open_already(self, connection: Connection) -> list[tuple[str, int]]:
        """The next share of open payloads to be read again, with their place in the ledger's order."""
        events, payloads = table_of(Event), table_of(Payload)
        return [(row.event_id, row.seq) for row in connection.execute(
            select(events.c.event_id, events.c.seq).join(payloads, payloads.c.event_id == events.c.event_id)
            .where(payloads.c.status == OPEN, events.c.seq > self._read_to)
            .order_by(events.c.seq).limit(REREAD_MAX))]

    def _examine_all(self, engine: Engine, chosen: Sequence[str], anew: Sequence[tuple[str, int]], *,
                     from_store: bool) -> int:
        """Examine payloads in order, then those that one of them gave reason to examine again.

        Args:
            chosen: worth asking the stores for.
            anew: open ones, to be read again.
            from_store: whether other keys open payloads than before, so that open ones are asked for too.
        """
        opened, withdrawn, events = 0, Counter[str](), table_of(Event)
        again = {event_id for event_id, _ in anew} | set(chosen)
        while again:  # ends, since a payload is taken back a few times at most
            chosen = self._in_order(engine, select(events.c.event_id, events.c.seq), again)
            again = set()
            for start in range(0, len(chosen), CHUNK):
                part = chosen[start:start + CHUNK]
                with_store = self._given(engine, part, from_store=from_store)
                with writing(engine) as connection:
                    rows = Rows(connection)
                    rows.prefetch(Payload, part)
                    found = signed_rows(rows, part)
                    rows.prefetch_versions(UnitName, [line["unit"] for one in found for line in one.lines])
                    desk = Desk(rows, self._lens, self._grants, part, withdrawn, anew=bool(anew))
                    for one in found:
                        event_id = one.event["event_id"]
                        if event_id in with_store:
                            desk.settle(one, with_store[event_id])
                        else:
                            desk.miss(one)
                    desk.finish()
                    rows.finish()
                opened += desk.opened
                again = (again - set(part)) | desk.again
        return opened

    def _ask(self, commitment: bytes) -> SealedPayload | None:
        """What a store gives; None where it has nothing, or nothing that is a payload at all: that is no
        evidence of anybody's, and one spoilt entry must not keep the others from being read.
        """
        try:
            return self._source.get(commitment)
        except (InputError, ValueError, TypeError, KeyError):
            return None

    @staticmethod
    def _in_order(engine: Engine, query: Select[Any], wanted: set[str]) -> list[str]:
        """Ids of events in the ledger's order; those that are gone left out."""
        listed, found = sorted(wanted), list[tuple[int, str]]()
        with engine.connect() as connection:
            for start in range(0, len(listed), CHUNK):
                found += [(row.seq, row.event_id) for row in connection.execute(
                    query.where(table_of(Event).c.event_id.in_(listed[start:start + CHUNK])))]
        return [event_id for _, event_id in sorted(found)]

    def _given(self, engine: Engine, chosen: Sequence[str], *, from_store: bool,
               ) -> dict[str, SealedPayload | None]:
        """What the stores give for each event, None where the content that is here already is read again.
        Left out is what no store has and what is not here either.

        Fetched before the transaction: a slow store must not keep the index locked.
        """
        payloads = table_of(Payload)
        with engine.connect() as connection:
            here = {row.event_id: row for row in connection.execute(select(
                payloads.c.event_id, payloads.c.commitment, payloads.c.status,
                payloads.c.document.is_not(None).label("read")).where(payloads.c.event_id.in_(chosen)))}
        given: dict[str, SealedPayload | None] = {}
        for event_id, row in here.items():
            asked = from_store or row.status != OPEN
            sealed = self._ask(bytes.fromhex(row.commitment[2:])) if asked else None
            if sealed is not None or row.read:
                given[event_id] = sealed
        return given
