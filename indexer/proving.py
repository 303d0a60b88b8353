"""What says that a row is otherwise: block, log and the receipt's way to the header's receipts root.

A proof stands for itself: the header hashes to the block's hash, the receipt is under its receipts root, and
the log is in the receipt. For what an opened payload says, the log carries the commitment that it opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, select

from indexer.compare import Difference
from indexer.journal import BY_BLOCK, RowBefore
from indexer.models import Block, Event, EventLine, NotTaken, Payload
from indexer.scratch import cause_of
from indexer.source import CheckedBlock, Source
from indexer.store import hexed, table_of
from ledger.proofs.tries import prove_ordered

_BLOCKS_HELD = 64  # checked blocks kept at hand while differences are proven
_EVENT_COLUMNS = ("event_id", "changed_by", "created_by", "version", "named_by")
_THING_COLUMNS = ("unit", "line")


class Proofs:
    """Proves differences from the recomputed index and the chain."""

    def __init__(self, recomputed: Connection, source: Source) -> None:
        self._connection = recomputed
        self._block = lru_cache(_BLOCKS_HELD)(source.block)

    def of(self, found: Difference) -> dict[str, Any]:
        """The proof of a difference as JSON values; of a row that nothing makes, that nothing does."""
        place = self._place(found)
        if place is None:
            return {"says": "no log of these blocks and no payload makes this row"}
        number, log_index, event_id = place
        proof = self._of_log(self._block(number), log_index)
        if event_id is not None:
            proof["event"] = event_id
            payload = self._row(table_of(Payload), {"event_id": event_id})
            if payload is not None and found.table.name not in _CHAIN_SAYS_ALL:
                proof["commitment"], proof["payload"] = payload["commitment"], payload["status"]
        return proof

    def _place(self, found: Difference) -> tuple[int, int | None, str | None] | None:
        """Number of the block, index of the log and id of the event that a row comes from."""
        row = found.recomputed
        if row is None:
            return None
        if found.table.name in (table_of(Block).name, table_of(NotTaken).name):
            return int(row["number" if "number" in row else "block_number"]), row.get("log_index"), None
        if found.table.name == table_of(RowBefore).name:
            return self._of_change(row)
        if (cause := cause_of(self._connection, found.table.name, found.key)) is not None:
            return cause[0], cause[1], self._event_of(row)
        event_id = self._event_of(row)
        event = self._row(table_of(Event), {"event_id": event_id}) if event_id else None
        if event is not None:
            return int(event["block_number"]), int(event["log_index"]), event_id
        if "block_number" in row:
            return int(row["block_number"]), None, None
        return None

    def _of_change(self, row: Mapping[str, Any]) -> tuple[int, int | None, str | None] | None:
        """The same of a before-image: the event or the block that changed the row."""
        events = table_of(Event)
        if row["of_table"] in BY_BLOCK:
            return int(row["place"]), None, None
        event = self._connection.execute(select(events).where(events.c.seq == row["place"])).first()
        return None if event is None else (int(event.block_number), int(event.log_index), event.event_id)

    def _event_of(self, row: Mapping[str, Any]) -> str | None:
        """The event that a row is of: the one it names, else the last that named its unit."""
        events, lines = table_of(Event), table_of(EventLine)
        for name in _EVENT_COLUMNS:
            value = row.get(name)
            if isinstance(value, str) and self._row(events, {"event_id": value}) is not None:
                return value
        for name in _THING_COLUMNS:
            if isinstance(value := row.get(name), str):
                found = self._connection.execute(
                    select(events.c.event_id).join(lines, lines.c.event_id == events.c.event_id)
                    .where(lines.c.unit == value).order_by(events.c.seq.desc()).limit(1)).scalar()
                if found is not None:
                    return str(found)
        return None

    def _row(self, table: Any, key: Mapping[str, Any]) -> Mapping[str, Any] | None:
        where = [table.c[name] == value for name, value in key.items()]
        found = self._connection.execute(select(table).where(*where)).mappings().first()
        return None if found is None else dict(found)

    @staticmethod
    def _of_log(block: CheckedBlock, log_index: int | None) -> dict[str, Any]:
        header = block.header
        proof: dict[str, Any] = {
            "block": header.number, "blockHash": hexed(header.hash), "header": hexed(header.rlp),
            "receiptsRoot": hexed(header.receipts_root)}
        for place, receipt in enumerate(block.receipts):
            if any(log.index == log_index for log in receipt.logs):
                encodings = [each.encoded for each in block.receipts]
                proof |= {
                    "transaction": hexed(receipt.tx_hash), "logIndex": log_index,
                    "receipt": {"index": place, "encoded": hexed(receipt.encoded),
                                "path": [hexed(node) for node in prove_ordered(encodings, place)]}}
        return proof


_CHAIN_SAYS_ALL = frozenset({"event", "event_line", "norm_excess", "unit", "unit_state", "lot", "lot_loaded",
                             "line_state", "head"})
"""Tables of which the log says every column; in others an opened payload does."""
