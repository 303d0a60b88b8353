"""Questions about the past, as the ways in ask them: as of a time, as known at a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from api.views.names import iso_ms
from indexer import past
from ledger.errors import InputError
from tracer.moment import LAST_MS

if TYPE_CHECKING:
    from api.home import Home

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class When:
    """Of which time and state of knowledge is asked; the present where both are None (`indexer.past`)."""

    as_of_ms: int | None = None
    known_at: int | None = None

    @classmethod
    def parse(cls, as_of: str | None, known_at: int | None) -> When:
        """From what a person wrote.

        Raises:
            InputError: not a time with a time zone, or one before anything could be known of.
        """
        at = None if as_of is None else milliseconds(as_of, "as_of")
        if at is not None and at < 0:
            raise InputError(f"{as_of!r} is before 1970.", remedy="Write a later time.", pointer="/as_of")
        return cls(at if at is None else min(at, LAST_MS), known_at)

    @property
    def is_past(self) -> bool:
        """Whether it is not the present."""
        return self.as_of_ms is not None or self.known_at is not None

    def said(self) -> dict[str, Any]:
        """What an answer says of it: nothing of the present, so that none is taken for the other."""
        if not self.is_past:
            return {}
        return {"past": {"asOf": None if self.as_of_ms is None else iso_ms(self.as_of_ms),
                         "knownAt": self.known_at}}


PRESENT = When()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: the session that answers it, the second at which it stands, and of when it is."""

    session: Session
    now_s: int
    when: When


@contextmanager
def asked(home: Home, when: When, *, traced: bool = False) -> Iterator[Asked]:
    """Open a session for a question; of the present at the home's clock.

    Args:
        traced: the tracer answers, which replays by occurrence itself: the session is only as known at the
            block.

    Raises:
        InputError: a block that is not indexed, or before the index remembers.
    """
    as_of_ms = None if traced else when.as_of_ms
    with past.session(home.engine, known_at=when.known_at, as_of_ms=as_of_ms) as session:
        then = past.time_of(session, when.known_at, when.as_of_ms)
        yield Asked(session, home.clock() if then is None else then, when)


def milliseconds(text: str, name: str) -> int:
    """A time with its zone as milliseconds since 1970.

    Args:
        text: ISO 8601.
        name: of the parameter, for the error.

    Raises:
        InputError: not a time, or without a time zone.
    """
    remedy = "Write 2026-03-02T08:15:00+07:00."
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as fault:
        raise InputError(f"{text!r} is not a time.", remedy=remedy, pointer=f"/{name}") from fault
    if moment.tzinfo is None:
        raise InputError(f"{text!r} has no time zone.", remedy=remedy, pointer=f"/{name}")
    return (moment - _EPOCH) // timedelta(milliseconds=1)  # a float is a millisecond off at times
