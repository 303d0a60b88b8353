"""API tokens: 32 random bytes, shown once, stored as a hash, bound to a participant, scopes and an end.

    cl_<id>_<secret>     id: 8 bytes hex, to find the row; secret: 32 bytes base64url without padding
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from ledger.errors import AuthenticationError, InputError, NotFoundError
from ledger.gateway.store import Store

PREFIX = "cl"
LIFE_S_MAX = 366 * 86_400       # a token that nobody ever replaces is a lost key
SCOPES = frozenset({"capture", "read", "admin", "metrics"})
LABEL_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Token:
    """A token as stored. Times in seconds; `participant` 0 for an operator's token."""

    id: str
    participant: int
    scopes: frozenset[str]
    label: str
    issued_at_s: int
    expires_at_s: int
    revoked_at_s: int | None


class TokenRegistry:
    """Issues, checks and revokes tokens in the gateway's store."""

    def __init__(self, store: Store, clock: Callable[[], int], *,
                 entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy

    def issue(self, participant: int, scopes: frozenset[str], *, life_s: int,
              label: str = "") -> tuple[str, Token]:
        """Make a token.

        Args:
            participant: number on the ledger; 0 for an operator.
            scopes: of `capture`, `read`, `admin`, `metrics`; at least one.
            life_s: seconds until it ends, at most 366 days.
            label: what it is for.

        Returns:
            The token's text, which is stored nowhere, and its entry.

        Raises:
            InputError: unknown scope, no scope, or a life out of range.
        """
        if not scopes or not scopes <= SCOPES:
            raise InputError(f"scopes of a token are among {', '.join(sorted(SCOPES))}.")
        if not 0 < life_s <= LIFE_S_MAX:
            raise InputError("a token lives at most 366 days.")
        if len(label) > LABEL_LENGTH_MAX:
            raise InputError(f"the label of a token has at most {LABEL_LENGTH_MAX} characters.")
        now_s = self._clock()
        identifier, secret = self._entropy(8).hex(), self._entropy(32)
        token = Token(identifier, participant, scopes, label, now_s, now_s + life_s, None)
        with self._store.transaction() as sql:
            sql.execute(
                "INSERT INTO api_token (id, hash, participant, scopes, label, issued_at_s, expires_at_s)"
                " VALUES (?,?,?,?,?,?,?)",
                (identifier, _hash(secret), participant, " ".join(sorted(scopes)), label, now_s,
                 token.expires_at_s))
        return f"{PREFIX}_{identifier}_{base64.urlsafe_b64encode(secret).decode().rstrip('=')}", token

    def verify(self, text: str) -> Token:
        """The token behind a text, if it is good now. Every failure looks the same.

        Raises:
            AuthenticationError: unknown, malformed, ended or revoked.
        """
        prefix, _, rest = text.partition("_")
        identifier, _, encoded = rest.partition("_")
        row = self._store.row("SELECT * FROM api_token WHERE id=?", identifier)
        try:
            secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except ValueError:
            secret = b""
        stored = bytes(32) if row is None else row["hash"]
        good = hmac.compare_digest(_hash(secret), stored)  # also without a row, so that time tells nothing
        if not good or row is None or prefix != PREFIX:
            raise AuthenticationError("this token is not valid.")
        token = _token(row)
        if token.revoked_at_s is not None or self._clock() > token.expires_at_s:
            raise AuthenticationError("this token is not valid.")
        return token

    def revoke(self, identifier: str) -> None:
        """End a token now; again is no error.

        Raises:
            NotFoundError: no such token.
        """
        with self._store.transaction() as sql:
            changed = sql.execute("UPDATE api_token SET revoked_at_s=coalesce(revoked_at_s, ?) WHERE id=?",
                                  (self._clock(), identifier)).rowcount
        if not changed:
            raise NotFoundError("there is no such token.")

    def tokens(self) -> list[Token]:
        """All tokens, oldest first."""
        return [_token(row) for row in self._store.rows("SELECT * FROM api_token ORDER BY issued_at_s, id")]


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(b"cargoledger api token v1\x00" + secret).digest()


def _token(row: sqlite3.Row) -> Token:
    return Token(row["id"], row["participant"], frozenset(row["scopes"].split()), row["label"],
                 row["issued_at_s"], row["expires_at_s"], row["revoked_at_s"])
