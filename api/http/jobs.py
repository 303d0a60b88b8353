"""Capture jobs: which events one request brought, on disk before the request is acknowledged."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import NotFoundError
from ledger.gateway.store import Store

_MIGRATIONS = (
    """
CREATE TABLE capture (
  id TEXT PRIMARY KEY,
  participant INTEGER NOT NULL,
  created_at_s INTEGER NOT NULL,
  event_ids TEXT NOT NULL
);
""",
)


@dataclass(frozen=True, slots=True)
class Job:
    """One capture: who sent it, when (seconds), and the ledger's ids of its events (0x-prefixed)."""

    id: str
    participant: int
    created_at_s: int
    event_ids: tuple[str, ...]


class Jobs:
    """The store of capture jobs."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path, _MIGRATIONS)

    def add(self, participant: int, event_ids: list[str], now_s: int) -> Job:
        """Keep a job; on disk when this returns."""
        job = Job(secrets.token_hex(16), participant, now_s, tuple(event_ids))
        with self._store.transaction() as sql:
            sql.execute(
                "INSERT INTO capture VALUES (?, ?, ?, ?)", (job.id, participant, now_s, " ".join(event_ids))
            )
        return job

    def get(self, job_id: str, participant: int) -> Job:
        """A job of a participant.

        Raises:
            NotFoundError: there is none, or it is somebody else's: both look the same.
        """
        row = self._store.row("SELECT * FROM capture WHERE id = ? AND participant = ?", job_id, participant)
        if row is None:
            raise NotFoundError(
                "no such capture is known.", remedy="Use the address in the answer to POST /capture."
            )
        return Job(row["id"], row["participant"], row["created_at_s"], tuple(row["event_ids"].split()))

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()
