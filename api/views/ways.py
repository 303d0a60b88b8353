"""The way of an event through the outbox, and who looked at it, as the ways in show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from api.views.names import iso_s
from api.words import outcome_words
from indexer.models import OPEN, Event, Payload
from ledger.gateway.submission import LEDGER_ENDED
from ledger.vocabulary import Outcome

if TYPE_CHECKING:
    from api.parts import Parts
    from indexer.lookups import Reader
    from ledger.directory import BookEntry
    from ledger.gateway.access_log import Look
    from ledger.gateway.submission import EventStatus

_IN_MAX = 400


def way_view(status: EventStatus) -> dict[str, Any]:
    """Where an event is, what it waits for, whether it is late, and every status it had."""
    return {
        "eventId": "0x" + status.event_id.hex(),
        "eventID": status.epcis_event_id,
        "status": status.status,
        "outcome": _outcome(status.outcome),
        "final": status.final,
        "occurredAt": iso_s(status.occurred_at_s),
        "receivedAt": iso_s(status.received_at_s),
        "late": status.late,
        "lateSeconds": status.late_s,
        "waitingFor": _hex(status.waiting_for),
        "reference": {"eventId": _hex(status.reference), "status": status.reference_label}
        if status.reference
        else None,
        "block": status.block_number,
        "transaction": _hex(status.tx_hash),
        "history": [
            {
                "status": step.label,
                "at": iso_s(step.at_s),
                "transaction": _hex(step.tx_hash),
                "block": step.block_number,
                "note": step.note,
            }
            for step in status.history
        ],
    }


def note_looks(home: Parts, reader: Reader, rows: Iterable[Mapping[str, Any]], place: str) -> None:
    """Keep that a reader is about to see the content of these event rows; before they are shown."""
    if reader.participant is None:
        return
    seen = [
        (bytes.fromhex(row["eventId"][2:]), row["participant"]["number"])
        for row in rows
        if row["payload"] == "open" and row["participant"]
    ]
    home.looks.record(reader.participant, seen, place)


def note_look_at_book(home: Parts, reader: Reader, book: BookEntry, place: str) -> None:
    """Keep that a reader is about to see what the events of another's book add up to; of no event alone."""
    if reader.participant is not None:
        owner = home.directory.participant(book.owner).number
        home.looks.record(reader.participant, [(b"", owner)], place)


def note_looks_at(
    home: Parts, session: Session, reader: Reader, event_ids: Iterable[str], place: str
) -> None:
    """Keep that a reader is about to see what opened events by their ids say together."""
    if reader.participant is None:
        return
    seen: list[tuple[bytes, int]] = []
    wanted = sorted(set(event_ids))
    for start in range(0, len(wanted), _IN_MAX):
        rows = session.exec(
            select(Event.event_id, Event.participant)
            .join(Payload, col(Payload.event_id) == col(Event.event_id))
            .where(col(Event.event_id).in_(wanted[start : start + _IN_MAX]), col(Payload.status) == OPEN)
        )
        seen += [(bytes.fromhex(event_id[2:]), owner) for event_id, owner in rows]
    home.looks.record(reader.participant, seen, place)


def look_rows(home: Parts, looks: Iterable[Look]) -> list[dict[str, Any]]:
    """Looks with names instead of numbers."""
    names = {entry.number: entry.id for entry in home.directory.participants}
    return [
        {
            "id": look.id,
            "at": iso_s(look.at_s),
            "reader": names.get(look.reader, f"participant-{look.reader}"),
            "owner": names.get(look.owner, f"participant-{look.owner}"),
            "eventId": _hex(look.event_id),
            "place": look.place,
        }
        for look in looks
    ]


def _outcome(name: str | None) -> dict[str, Any] | None:
    if name is None:
        return None
    code = Outcome[name] if name in Outcome.__members__ else None
    if code is not None:
        sentence, remedy = outcome_words(code)
    elif name == LEDGER_ENDED:
        sentence = "Its ledger ended, and another follows it."
        remedy = "Post it again: it is then signed for that one."
    else:
        sentence, remedy = "The transaction failed.", "Tell the operator."
    return {
        "code": None if code is None else int(code),
        "name": name,
        "refused": code is None or code.refused,
        "sentence": sentence,
        "remedy": remedy,
    }


def _hex(value: bytes | None) -> str | None:
    return "0x" + value.hex() if value else None
