"""The operator's log of signed checkpoints: one durable file, read again before each signature.

Promises: a note is on disk before anybody gets it, and every note extends the one before. Once signed, a
checkpoint cannot be taken back: headers are hashed from stored bytes, and what does not link is not signed.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from nacl.signing import SigningKey

from ledger.chain.client import ChainClient
from ledger.errors import InvariantError, TrustError
from ledger.proofs.checkpoint import (
    Checkpoint,
    CheckpointKey,
    extend,
    sign_checkpoint,
    verify_checkpoint,
)

_SCHEMA = "CREATE TABLE IF NOT EXISTS checkpoint (block_number INTEGER PRIMARY KEY, note TEXT NOT NULL)"


class CheckpointLog:
    """Signed notes by block number. One writer; the database serialises attempts of several."""

    def __init__(self, path: Path, origin: str, key: SigningKey) -> None:
        """Open or make the log.

        Args:
            path: the SQLite file.
            origin: name of the ledger, in every note.
            key: Ed25519 key of the operator.

        Raises:
            InvariantError: the file cannot be used.
        """
        self.public = CheckpointKey(origin, bytes(key.verify_key))
        self._key = key
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(_SCHEMA)
        except sqlite3.Error as fault:
            raise InvariantError(f"the checkpoint log {path} cannot be used: {fault}.") from fault

    def latest(self) -> Checkpoint | None:
        """The last checkpoint, its own signature checked, or None.

        Raises:
            TrustError: the stored note does not verify: wrong key, wrong origin, or a damaged file.
        """
        row = self._db.execute("SELECT note FROM checkpoint ORDER BY block_number DESC LIMIT 1").fetchone()
        return verify_checkpoint(row[0], self.public) if row else None

    def note_for(self, block_number: int) -> str | None:
        """The first note that covers a block, or None when none does yet."""
        row = self._db.execute(
            "SELECT note FROM checkpoint WHERE block_number >= ? ORDER BY block_number LIMIT 1",
            (block_number,)).fetchone()
        return row[0] if row else None

    def sign_head(self, chain: ChainClient) -> str:
        """A note of the latest block: signed now, or the last one if no block came since.

        Raises:
            TrustError: the chain does not extend what was signed; nothing is signed.
            InvariantError: the note cannot be stored.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                note = self._extended(chain)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as fault:
            raise InvariantError(f"the checkpoint log cannot be written: {fault}.") from fault
        return note

    def _extended(self, chain: ChainClient) -> str:
        previous = self.latest()
        first = previous.block_number + 1 if previous else 0
        headers = [header for number in range(first, chain.head_number() + 1)
                   if (header := chain.header(number)) is not None]
        if not headers and previous is not None:
            self._check_unchanged(chain, previous)
            note = self.note_for(previous.block_number)
            if note is not None:
                return note
        checkpoint = extend(self.public.origin, previous, headers)
        note = sign_checkpoint(checkpoint, self._key)
        self._db.execute("INSERT INTO checkpoint VALUES (?, ?)", (checkpoint.block_number, note))
        return note

    @staticmethod
    def _check_unchanged(chain: ChainClient, previous: Checkpoint) -> None:
        header = chain.header(previous.block_number)
        if header is None or header.hash != previous.block_hash:
            raise TrustError(
                f"the chain no longer has block {previous.block_number} that was checkpointed.",
                remedy="Sign nothing: the ledger was rewritten.")

    def close(self) -> None:
        """Close the file."""
        self._db.close()
