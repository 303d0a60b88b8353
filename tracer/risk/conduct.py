"""An actor's record over 365 days: what it posted late, took back, was refused, and what was found about it.

Figures are per 1,000 of its own events, and are shown to the actor as to customs. The level is that of
Circular 81/2019/TT-BTC Art. 10 in name (1 to 5, over the last 365 consecutive days); the criteria of the law
are customs' own, and those here are defaults without legal force.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from sqlalchemy import BigInteger, and_, case, cast, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from ledger.vocabulary import Kind, Outcome
from tracer.moment import DAY_MS
from tracer.quantity import ratio_text

WINDOW_DAYS = 365
LEVELS = {1: "authorised economic operator", 2: "very high", 3: "high", 4: "medium", 5: "not compliant"}
_CHUNK = 500  # ids in one query
MEDIUM_FROM = Fraction(100)
HIGH_FROM = Fraction(20)
"""Faults per 1,000 events from which a record is medium, or high and no longer very high."""

EVENTS_MIN = 50
"""Of fewer events no rate is judged: one fault would decide."""


def records(session: Session, until_ms: int, late_after_s: int) -> dict[int, dict[str, int]]:
    """Per participant, of its events that occurred in the 365 days before a moment: how many there are, how
    many were recorded late, were corrected by itself or customs, and were refused and not withdrawn.

    Args:
        until_ms: the end, milliseconds since 1970, included.
        late_after_s: recorded later than this after it occurred is late.
    """
    event = m.Event
    late = cast(col(event.recorded_at_s), BigInteger) * 1000 - col(event.occurred_at_ms) > late_after_s * 1000
    refused = and_(col(event.outcome) >= int(Outcome.BAD_SIGNATURE), col(event.voided_by).is_(None))
    voided = and_(col(event.outcome) < int(Outcome.BAD_SIGNATURE), col(event.voided_by).is_not(None))

    def count(condition: Any) -> Any:
        return func.sum(case((condition, 1), else_=0))

    rows = session.execute(select(
        col(event.participant), func.count(), count(late), count(voided), count(refused)).where(
        col(event.occurred_at_ms) > max(0, until_ms - WINDOW_DAYS * DAY_MS),
        col(event.occurred_at_ms) <= until_ms,
        col(event.kind) != Kind.CORRECT.name).group_by(col(event.participant)))
    return {int(number): {"events": int(events), "late": int(lates), "corrected": int(voids),
                          "refused": int(refusals)}
            for number, events, lates, voids, refusals in rows}


def incidents(session: Session, findings: Iterable[Mapping[str, Any]]) -> dict[int, dict[str, int]]:
    """Per participant, findings of custody, seals and weights (families C, S, W) that an event of its own is
    evidence of; those of seals once more on their own.
    """
    told = [f for f in findings if f["rule"][0] in "CSW"]
    ids = sorted({e["id"] for f in told for e in f["evidence"]})
    poster: dict[str, int] = {}
    for start in range(0, len(ids), _CHUNK):
        rows = session.execute(select(col(m.Event.event_id), col(m.Event.participant)).where(
            col(m.Event.event_id).in_(ids[start:start + _CHUNK])))
        poster |= {row.event_id: row.participant for row in rows}
    found: dict[int, Counter[str]] = {}
    for finding in told:
        for number in {poster[e["id"]] for e in finding["evidence"] if e["id"] in poster}:
            counted = found.setdefault(number, Counter())
            counted["discrepancies"] += 1
            counted["seals"] += finding["rule"].startswith("S")
    return {number: {"discrepancies": c["discrepancies"], "seals": c["seals"]} for number, c in found.items()}


def standing(record: Mapping[str, int], score: str | None, *, confirmed_critical: bool = False,
             aeo: bool = False) -> dict[str, Any]:
    """A record per 1,000 events, and the level that it gives together with the worst score of the books.

    Args:
        record: of `records`, with `incidents` added. score: the worst score of its books, or None.
        confirmed_critical: somebody confirmed a critical finding about its books.
        aeo: it is an authorised economic operator, which customs says and nothing here works out.

    Returns:
        The counts, `per_1000` of each, `level` and `level_name`, and `because`: what decided it.
    """
    events = record.get("events", 0)
    faults = {name: record.get(name, 0) for name in ("late", "corrected", "refused", "discrepancies")}
    rate = Fraction(1000 * sum(faults.values()), events) if events else Fraction(0)
    judged = rate if events >= EVENTS_MIN else Fraction(0)
    level, because = _level(judged, Fraction(score) if score is not None else None, confirmed_critical, aeo)
    if rate and not judged and level <= 2:
        because += f"; {events} events are too few for a rate"
    return {
        **faults, "seals": record.get("seals", 0), "events": events,
        "per_1000": {name: _rate(value, events) for name, value in faults.items()},
        "faults_per_1000": ratio_text(Fraction(round(rate * 1000), 1000)) if events else None,
        "level": level, "level_name": LEVELS[level], "because": because,
    }


def _level(rate: Fraction, score: Fraction | None, confirmed: bool, aeo: bool) -> tuple[int, str]:
    if confirmed:
        return 5, "a critical finding was confirmed"
    if score is not None and score >= 600:
        return 5, "the score of a book is 600 or more"
    if score is not None and score >= 300:
        return 4, "the score of a book is 300 or more"
    if rate >= MEDIUM_FROM:
        return 4, f"{MEDIUM_FROM} faults or more in 1,000 events"
    if score is not None and score >= 50:
        return 3, "the score of a book is 50 or more"
    if rate >= HIGH_FROM:
        return 3, f"{HIGH_FROM} faults or more in 1,000 events"
    if aeo:
        return 1, "authorised economic operator, and nothing speaks against it"
    return 2, "few faults, and no book of a score of 50"


def _rate(value: int, events: int) -> str | None:
    return ratio_text(Fraction(round(Fraction(1_000_000 * value, events)), 1000)) if events else None
