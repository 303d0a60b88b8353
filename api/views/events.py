"""Events as the ways in show them: one row of a history, and one event in full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from sqlmodel import Session, col, select

from api.jsonio import quantity
from api.views.names import Names, iso_ms, iso_s
from api.words import kind_words, outcome_words
from indexer.lookups import Reader, event_for
from indexer.models import ZERO_ID, Event, EventLine, Material, NormExcess, Payload, PayloadReader
from indexer.queries import answers_to, lines_of
from indexer.readings import Judged, judged
from ledger.directory import Directory
from ledger.events.quantity import canonical
from ledger.events.readings import SENTENCES, Verdict
from ledger.events.strict_json import parse_json
from ledger.vocabulary import Kind, Outcome, Step

_IN_MAX = 500


def event_rows(
    session: Session,
    directory: Directory,
    reader: Reader,
    events: Sequence[Event],
    *,
    with_epcis: bool = False,
) -> list[dict[str, Any]]:
    """Rows for events that the reader may read (the caller has seen to that)."""
    lines = lines_of(session, (event.event_id for event in events))
    units = {line.unit for event in events for line in lines[event.event_id]} | {
        event.reference for event in events
    }
    names = Names(session, directory, reader, units)
    payloads = _payloads(session, [event.event_id for event in events])
    rows = []
    for event in events:
        payload = payloads.get(event.event_id)
        row = event_row(event, lines[event.event_id], names, payload, with_epcis=with_epcis)
        document = document_of(payload)
        found = judged(session, directory, event, document) if "sensorElementList" in document else []
        rows.append({**row, **lateness(event, reader), "readings": [reading_row(item) for item in found]})
    return rows


def lateness(event: Event, reader: Reader) -> dict[str, Any]:
    """How long after it occurred an event was recorded, and whether that counts as late."""
    late_s = max(0, event.recorded_at_s - event.occurred_at_ms // 1000)
    return {"late": late_s > reader.late_after_s, "lateSeconds": late_s}


def event_row(
    event: Event,
    lines: Iterable[EventLine],
    names: Names,
    payload: Payload | None,
    *,
    with_epcis: bool = False,
) -> dict[str, Any]:
    """One event: what, who, where, when, which units, and what the ledger said."""
    sentence, remedy = outcome_words(event.outcome)
    document = document_of(payload)
    row: dict[str, Any] = {
        "eventId": event.event_id,
        "seq": event.seq,
        "kind": event.kind,
        "step": event.step,
        "title": _title(event, document),
        "outcome": {
            "code": event.outcome,
            "name": event.outcome_name,
            "refused": event.outcome >= 100,
            "sentence": sentence,
            "remedy": remedy,
        },
        "occurredAt": iso_ms(event.occurred_at_ms),
        "zone": str(document.get("eventTimeZoneOffset", "")),
        "recordedAt": iso_s(event.recorded_at_s),
        "participant": names.participant(event.participant),
        "counterparty": names.participant(event.counterparty),
        "facility": names.facility(event.facility),
        "book": names.book(event.book),
        "reference": None if event.reference == ZERO_ID else event.reference,
        "referenceUnit": _named(names, event.reference),
        "units": [unit_row(line, names) for line in lines],
        "payload": payload.status if payload else "withheld",
        "epcisEventId": payload.epcis_event_id if payload else None,
        "reason": text_of(document.get("cl:reason")),
        "seals": seals_of(document),
        "voidedBy": event.voided_by,
        "approvedBy": event.approved_by,
    }
    if with_epcis:
        row["epcis"] = document or None
    return row


def reading_row(found: Judged) -> dict[str, Any]:
    """A device's signed reading and what it is worth."""
    reading = found.reading
    row: dict[str, Any] = {
        "position": found.position,
        "verdict": found.verdict.value,
        "verified": found.verdict is Verdict.VERIFIED,
        "sentence": SENTENCES[found.verdict],
    }
    if reading is not None:
        row |= {
            "device": "0x" + reading.device.hex(),
            "counter": reading.counter,
            "measuredAt": iso_ms(reading.measured_at_ms),
            "subject": reading.subject or None,
            "reports": [
                {key: text_of(report.get(key)) or plain(report.get(key)) for key in ("type", "value", "uom")}
                for report in reading.reports
            ],
        }
    return row


def plain(value: Any) -> str | None:
    """A number of an event as people write it; None for anything else."""
    return canonical(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def _title(event: Event, document: dict[str, Any]) -> str:
    """What the event is called; an observation without a finer step by the business step of its content."""
    words = kind_words(event.kind, event.step)
    step = text_of(document.get("bizStep")).rpartition(":")[2].rpartition("/")[2].rpartition("-")[2]
    if event.kind == Kind.OBSERVE.name and event.step == Step.NONE.name and step:
        return f"{words}: {step.replace('_', ' ')}"
    return words


def unit_row(line: EventLine, names: Names) -> dict[str, Any]:
    """A unit that an event names, with the quantity it names."""
    unit = names.unit(line.unit) or {"unit": None, "type": "", "label": ""}
    material = names.material(line.unit)
    micro = int(line.quantity_micro)
    return {
        **unit,
        "role": line.role,
        "balance": line.balance,
        "quantity": quantity(micro) if micro else None,
        "uom": material.uom if material else "",
        "code": material.code if material else "",
    }


def event_view(session: Session, directory: Directory, reader: Reader, key: str) -> dict[str, Any]:
    """One event in full, its EPCIS content included.

    Raises:
        NotFoundError: unknown, or not for this reader.
    """
    event = event_for(session, key, reader)
    row = event_rows(session, directory, reader, [event], with_epcis=True)[0]
    payload = session.get(Payload, event.event_id)
    names = Names(session, directory, reader, ())
    readers = session.exec(
        select(PayloadReader.participant).where(col(PayloadReader.event_id) == event.event_id).distinct()
    )
    answers = [e for e in answers_to(session, event.event_id) if _may_read(session, e, reader)]
    return {
        **row,
        "block": {"number": event.block_number, "hash": event.block_hash},
        "transaction": event.tx_hash,
        "logIndex": event.log_index,
        "signer": event.signer,
        "nonce": event.nonce,
        "deadline": iso_s(event.deadline_s),
        "commitment": event.commitment,
        "payloadFault": payload.fault if payload else None,
        "normExcess": _norm_excess(session, event.event_id),
        "readers": [names.participant(number) for number in sorted(readers)],
        "answers": [
            {"eventId": e.event_id, "title": kind_words(e.kind, e.step), "outcome": e.outcome_name}
            for e in answers
        ],
    }


def _norm_excess(session: Session, event_id: str) -> list[dict[str, Any]]:
    """Materials of which the event used more than its norm allows."""
    rows = session.exec(
        select(NormExcess, Material)
        .join(Material, col(Material.material) == col(NormExcess.material), isouter=True)
        .where(NormExcess.event_id == event_id)
        .order_by(col(NormExcess.material))
    )
    return [
        {
            "material": excess.material,
            "code": known.code if known else None,
            "uom": known.uom if known else None,
            "allowed": quantity(Decimal(excess.allowed_micro)),
            "used": quantity(Decimal(excess.used_micro)),
        }
        for excess, known in rows
    ]


def document_of(payload: Payload | None) -> dict[str, Any]:
    """The EPCIS event of an opened payload, numbers exact; empty where it is not open.

    What opened but is not what this poster signed (`mismatch`) is evidence for those who audit the index,
    and no content of this event: it may be another's, under a commitment that was copied from the ledger.
    """
    if payload is None or payload.status != "open" or not payload.document:
        return {}
    document = parse_json(payload.document.encode())
    return document if isinstance(document, dict) else {}


def seals_of(document: dict[str, Any]) -> list[dict[str, str]]:
    """Seals that an event names."""
    found = document.get("cl:seals")
    if not isinstance(found, list):
        return []
    return [
        {key: str(value) for key, value in seal.items()} if isinstance(seal, dict) else {"number": str(seal)}
        for seal in found
    ]


def text_of(value: Any) -> str:
    """A text of an event, or nothing."""
    return value if isinstance(value, str) else ""


def is_refused(row: dict[str, Any]) -> bool:
    """Whether a row is about a refused event."""
    return bool(row["outcome"]["code"] not in (Outcome.RECORDED, Outcome.PENDING))


def _named(names: Names, reference: str) -> dict[str, Any] | None:
    found = names.unit(reference)
    return found if found and found["type"] else None


def _may_read(session: Session, event: Event, reader: Reader) -> bool:
    from indexer.lookups import readable

    if reader.everything:
        return True
    condition = select(Event.event_id).where(col(Event.event_id) == event.event_id, readable(reader))
    return session.exec(condition).first() is not None


def _payloads(session: Session, event_ids: Sequence[str]) -> dict[str, Payload]:
    found: dict[str, Payload] = {}
    for start in range(0, len(event_ids), _IN_MAX):
        part = event_ids[start : start + _IN_MAX]
        found.update(
            (p.event_id, p) for p in session.exec(select(Payload).where(col(Payload.event_id).in_(part)))
        )
    return found
