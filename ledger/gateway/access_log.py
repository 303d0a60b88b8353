"""Who looked at whose content: kept for ever, on disk before the content is shown.

A look is somebody's reading of the opened payload of an event that another participant posted. It is a row of
the gateway's store, to which rows are only added (SQL triggers refuse the rest). The owner of the event and
customs may ask for it. Source: ledger.md, section 6: each grant and each look is an event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ledger.gateway.store import Store
from ledger.limits import DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Look:
    """One look: `reader` and `owner` are participants' numbers, `place` is the address that was asked."""

    id: int
    at_s: int
    reader: int
    owner: int
    event_id: bytes
    place: str


class AccessLog:
    """Looks at payloads, in the gateway's store."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    def record(self, reader: int, seen: Iterable[tuple[bytes, int]], place: str) -> int:
        """Keep that a participant is about to see content; on disk when this returns.

        Args:
            reader: participant who looks.
            seen: event id and owner of each content; one's own is no look.
            place: the address that was asked.

        Returns:
            How many looks were kept.
        """
        now_s = self._clock()
        rows = [(now_s, reader, owner, event_id, place) for event_id, owner in seen if owner != reader]
        if rows:
            with self._store.transaction() as sql:
                sql.executemany(
                    "INSERT INTO look (at_s, reader, owner, event_id, place) VALUES (?,?,?,?,?)", rows)
        return len(rows)

    def looks(
        self, *, owner: int | None = None, event_id: bytes | None = None, after: int = 0,
        limit: int = DEFAULT_LIMITS.page_rows_max,
    ) -> list[Look]:
        """Looks in the order they happened, those after the look with id `after`.

        Args:
            owner: only at what this participant posted; None for all.
            event_id: only at this event.
        """
        rows = self._store.rows(
            "SELECT * FROM look WHERE id>? AND (? IS NULL OR owner=?) AND (? IS NULL OR event_id=?)"
            " ORDER BY id LIMIT ?", after, owner, owner, event_id, event_id, limit)
        return [Look(row["id"], row["at_s"], row["reader"], row["owner"], row["event_id"], row["place"])
                for row in rows]
