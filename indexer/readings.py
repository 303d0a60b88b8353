"""Signed readings of devices: rows of those that opened events carry, and what each is worth.

Judged when asked. A verdict is a function of the ledger and of opened payloads alone: the register counts as
it stood in the block that recorded the event, and of the device's other readings those of earlier events.
Nothing here ever keeps an event out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from indexer.models import Cursor, Device, DeviceCalibration, Event
from indexer.models import Reading as ReadingRow
from indexer.store import Rows, hexed
from ledger.directory import Directory
from ledger.errors import NotFoundError
from ledger.events.readings import (
    Circumstances,
    Earlier,
    Reading,
    Registered,
    Verdict,
    judge,
    readings_of,
    subjects_of,
)
from ledger.vocabulary import Kind


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading of an event, or the place of one that is malformed, and its verdict."""

    position: int
    reading: Reading | None
    verdict: Verdict


def project_readings(rows: Rows, event_id: str, document: Mapping[str, Any]) -> None:
    """Rows of the readings that an opened event carries; a malformed one has none."""
    cursor = rows.get(Cursor, 1)
    chain_id = int(cursor["chain_id"]) if cursor else 0
    for reading in readings_of(document):
        if isinstance(reading, Reading):
            rows.put(ReadingRow, {
                "event_id": event_id, "position": reading.position, "device": hexed(reading.device),
                "counter": reading.counter, "measured_at_ms": reading.measured_at_ms,
                "genuine": reading.is_signed(chain_id), "digest": hexed(reading.digest(chain_id))})


def judged(
    session: Session, directory: Directory, event: Event, document: Mapping[str, Any],
) -> list[Judged]:
    """Every signed reading of an event with its verdict, in the order of the event.

    Args:
        event: its row.
        document: its content, opened and checked.
    """
    found: list[Judged] = []
    cursor = session.get(Cursor, 1)
    for reading in readings_of(document):
        if isinstance(reading, int) or cursor is None:
            place = reading if isinstance(reading, int) else reading.position
            found.append(Judged(place, None, Verdict.MALFORMED))
            continue
        seen = _circumstances(cursor.chain_id, directory, event, document)
        verdict = judge(reading, _registered(session, reading.device, event),
                        seen, _neighbours(session, reading, event))
        found.append(Judged(reading.position, reading, verdict))
    return found


def _circumstances(
    chain_id: int, directory: Directory, event: Event, document: Mapping[str, Any],
) -> Circumstances:
    point = document.get("readPoint")
    place = point.get("id") if isinstance(point, dict) else None
    place = place if isinstance(place, str) else ""
    facilities = {event.facility}
    with suppress(NotFoundError):
        facilities.add(directory.facility(place).number)
    return Circumstances(
        chain_id=chain_id, parties=frozenset({event.participant, event.counterparty}), place=place,
        facilities=frozenset(facilities - {0}), subjects=subjects_of(document),
        occurred_at_ms=int(event.occurred_at_ms), recorded_at_s=event.recorded_at_s)


def _registered(session: Session, key: bytes, event: Event) -> Registered | None:
    """The device as registered when the event was recorded."""
    device = session.get(Device, hexed(key))
    if device is None:
        return None
    stated = session.exec(
        select(DeviceCalibration).where(col(DeviceCalibration.public_key) == device.public_key)
        .order_by(col(DeviceCalibration.position))).all()
    if not stated or stated[0].stated_at_s > event.recorded_at_s:
        return None
    return Registered(
        device.participant, device.facility, int(device.valid_from_s), int(device.valid_until_s),
        device.revoked_at_s, tuple((s.stated_at_s, int(s.calibrated_until_s)) for s in stated))


def _neighbours(session: Session, reading: Reading, event: Event) -> Sequence[Earlier]:
    """The device's readings that could contradict this one.

    Not those of the same content signed again, of an event declared wrong, or of its error declaration:
    these repeat a reading rightly.
    """
    rows = (
        select(ReadingRow).join(Event, col(Event.event_id) == col(ReadingRow.event_id))
        .where(col(ReadingRow.device) == hexed(reading.device), col(ReadingRow.genuine).is_(True))
        .where(col(Event.commitment) != event.commitment, col(Event.voided_by).is_(None),
               col(Event.kind) != Kind.CORRECT.name)
        .where((col(Event.seq) < event.seq)
               | ((col(Event.seq) == event.seq) & (col(ReadingRow.position) < reading.position))))
    count, when = col(ReadingRow.counter), col(ReadingRow.measured_at_ms)
    queries = (
        rows.where(count == reading.counter),
        rows.where(count < reading.counter, when > reading.measured_at_ms),
        rows.where(count > reading.counter, when < reading.measured_at_ms))
    found = [session.exec(query.limit(1)).first() for query in queries]
    return [Earlier(int(row.counter), int(row.measured_at_ms)) for row in found if row is not None]
