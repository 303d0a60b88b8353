"""Rows a second into PostgreSQL: one upsert statement for many rows against COPY, new rows and rows that are there.

`python -m tests.indexer.copy_speed` prints the table of docs/postgresql.md. One throw-away server, fsync off: what
is compared is the way of the rows, not the disk.
"""

from __future__ import annotations

import time
from typing import Any

import indexer.bulk as bulk
from indexer.database import open_engine, writing
from indexer.models import Event, EventLine
from indexer.store import table_of
from tests.postgres import fresh_database

ROWS, GROUP = 20_000, 2_000


def event_row(n: int) -> dict[str, Any]:
    return {
        "event_id": f"0x{n * 7919 % ROWS:064x}", "seq": n + 1, "block_number": n // 100, "block_hash": f"0x{n // 100:064x}",
        "tx_hash": f"0x{n // 100:064x}", "log_index": n % 100, "signer": f"0x{n % 9:040x}", "participant": n % 9,
        "kind": "ARRIVE", "step": "NONE", "counterparty": 0, "facility": 1, "book": 0, "reference": "0x" + "00" * 32,
        "occurred_at_ms": 1_767_225_600_000 + n, "recorded_at_s": 1_767_225_600 + n // 100, "deadline_s": 2**40, "nonce": str(n),
        "commitment": f"0x{n:064x}", "outcome": 1, "outcome_name": "RECORDED", "voided_by": None, "approved_by": None,
        "ended_by": None}


def line_row(event: dict[str, Any]) -> dict[str, Any]:
    return {"event_id": event["event_id"], "position": 0, "unit": event["commitment"], "material": event["reference"],
            "balance": "NONE", "quantity_micro": 10**9, "role": "CONTAINER", "recorded_at_s": event["recorded_at_s"]}


def rate(copy_rows_min: int, url: str) -> tuple[float, float]:
    """Rows a second when new, and when each is there already."""
    bulk.COPY_ROWS_MIN = copy_rows_min
    engine = open_engine(url)
    events = [event_row(n) for n in range(ROWS)]
    found = []
    for _ in range(2):
        begin = time.perf_counter()
        for start in range(0, ROWS, GROUP):
            part = events[start:start + GROUP]
            with writing(engine) as connection:
                bulk.upsert(connection, table_of(Event), part)
                bulk.upsert(connection, table_of(EventLine), [
                    {k: v for k, v in line_row(e).items() if k in table_of(EventLine).c} for e in part])
        found.append(2 * ROWS / (time.perf_counter() - begin))
    engine.dispose()
    return found[0], found[1]


if __name__ == "__main__":
    print("| way | new rows/s | rows there/s |\n|---|---|---|")
    for name, limit in (("upsert, many rows a statement", 10**9), ("COPY, then taken over", 1)):
        with fresh_database(empty=True) as place:
            from indexer.database import migrate

            migrate(place)
            new, there = rate(limit, place)
        print(f"| {name} | {new:,.0f} | {there:,.0f} |")
