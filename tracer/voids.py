"""What a CORRECT takes out of a book, and what it cannot.

CORRECT changes no state on chain. So an act that moved stock or custody stands, whoever of its own side says
it did not happen: state that is wrong is repaired by ADJUST or REASSIGN, with an approval. Customs may void
anything. A statement of the poster's own (COUNT, norm) leaves the book only once it is replaced; an
observation leaves it when its poster says so.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from ledger.directory import Directory
from ledger.vocabulary import Kind, Outcome, Role, Step
from tracer.load_sql import EVENT, EVENTS, by_key, columns, keyed

_CORRECTIONS = keyed(EVENTS.where(EVENT.outcome == 0, EVENT.kind == Kind.CORRECT.name).order_by(EVENT.seq),
                     EVENT.reference)
_REMARKS = frozenset({Kind.OBSERVE.name, Kind.CORRECT.name})
"""Kinds that change no state and that nothing in a book is worked out from alone."""


def customs_of(session: Session, directory: Directory) -> frozenset[int]:
    """Numbers of the participants that are customs, by the chain's register or the directory."""
    rows = session.execute(columns(m.Participant, "number", "roles"))
    return frozenset({r.number for r in rows if r.roles & Role.CUSTOMS}
                     | {p.number for p in directory.with_role(Role.CUSTOMS)})


class Voids:
    """The corrections of a set of events, looked up once per set."""

    def __init__(self, session: Session, customs: frozenset[int]) -> None:
        self._session = session
        self._customs = customs
        self._of: dict[str, list[m.Event]] = defaultdict(list)
        self._asked: set[str] = set()

    def prepare(self, events: Iterable[m.Event]) -> None:
        """Fetch every recorded correction of the events that have one: the index marks only the first."""
        wanted = {e.event_id for e in events if e.voided_by is not None} - self._asked
        self._asked |= wanted
        for row in by_key(self._session, _CORRECTIONS, wanted):
            self._of[row.reference].append(row)

    def by_customs(self, event: m.Event) -> bool:
        """Whether customs voided it. The contract lets nobody but its poster and customs correct an event."""
        self.prepare([event])
        return any(v.participant != event.participant or v.participant in self._customs
                   for v in self._of[event.event_id])

    def own(self, event: m.Event) -> str:
        """The first CORRECT by its own poster; empty where there is none."""
        self.prepare([event])
        return next((v.event_id for v in self._of[event.event_id] if v.participant == event.participant), "")

    def stands(self, event: m.Event) -> bool:
        """Whether an event that was recorded, or was approved, still counts."""
        if event.voided_by is None:
            return True
        if self.by_customs(event):
            return False
        if event.kind == Kind.COUNT.name:
            return not self._replaced(event, self._counted)
        if event.kind == Kind.DECLARE.name and event.step == Step.NORM.name:
            return not self._replaced(event, self._products)
        return event.kind not in _REMARKS

    def _replaced(self, event: m.Event, content: Callable[[str], set[Any]]) -> bool:
        """Whether its poster stated again all that it stated: after taking it back, or named as what replaces
        it.
        """
        own = [v for v in self._of[event.event_id] if v.participant == event.participant]
        said, cited = content(event.event_id), self._cited(own)
        since = min((v.seq for v in own), default=0)
        query = select(m.Event, m.Payload).join(
            m.Payload, col(m.Payload.event_id) == col(m.Event.event_id)).where(
            col(m.Event.kind) == event.kind, col(m.Event.step) == event.step,
            col(m.Event.participant) == event.participant, col(m.Event.book) == event.book,
            col(m.Event.outcome) == int(Outcome.RECORDED), col(m.Event.voided_by).is_(None))
        again: set[Any] = set()
        for other, payload in self._session.execute(query):
            if other.seq > since or payload.epcis_event_id in cited:
                again |= content(other.event_id)
        return bool(said) and said <= again

    def _cited(self, corrections: list[m.Event]) -> set[str]:
        ids = [c.event_id for c in corrections]
        result: set[str] = set()
        for payload in self._session.execute(select(m.Payload).where(
                col(m.Payload.event_id).in_(ids), col(m.Payload.status) == m.OPEN)).scalars():
            document = json.loads(payload.document or "{}", parse_float=Decimal)
            declaration = document.get("errorDeclaration") or {}
            result.update(map(str, declaration.get("correctiveEventIDs") or ()))
        return result

    def _counted(self, event_id: str) -> set[Any]:
        rows = self._session.execute(select(m.CountEntry).where(col(m.CountEntry.event_id) == event_id))
        return {(r.stock, r.code, r.lot, r.at[:10]) for r in rows.scalars()}

    def _products(self, event_id: str) -> set[Any]:
        rows = self._session.execute(select(m.Norm).where(col(m.Norm.event_id) == event_id))
        return {(r.enterprise, r.book, r.product) for r in rows.scalars()}
