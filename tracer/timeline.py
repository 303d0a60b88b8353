"""The timeline of a unit: every event that named it, refused ones too, with who held it, where and in which
state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, exists, not_, or_, select
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from indexer import models as m
from ledger.directory import Directory
from ledger.errors import NotFoundError
from tracer.moment import iso
from tracer.names import Names
from tracer.quantity import micro_text


@dataclass(frozen=True, slots=True)
class Entry:
    """One event on a unit's timeline.

    Attributes:
        outcome: RECORDED, PENDING or the reason of refusal; `refused` says which.
        holder, place, status, eligible, holds: state of the unit after the event.
        quantity, uom, balance, role: what the event says of this unit.
        payload: open, sealed, withheld or mismatch; `uncovered` where the index cannot show the content.
        voided_by: the CORRECT that took it back.
    """

    seq: int
    event_id: str
    epcis_id: str
    kind: str
    step: str
    outcome: str
    refused: bool
    occurred_at: str
    recorded_at: str
    actor: str
    counterparty: str
    holder: str
    place: str
    status: str
    eligible: bool
    holds: int
    role: str
    balance: str
    quantity: str
    uom: str
    payload: str
    uncovered: bool
    voided_by: str
    approved_by: str
    tx_hash: str

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def timeline(session: Session, unit: str, directory: Directory, offset: str = "+07:00") -> list[Entry]:
    """Events of a container, cargo, lot or declaration line in the ledger's order.

    Args:
        session: the index.
        unit: its id on the ledger, 0x and 64 hex digits.
        directory: names.
        offset: zone in which times are written.

    Raises:
        NotFoundError: no event names the unit.
    """
    naming = select(col(m.EventLine.event_id)).where(col(m.EventLine.unit) == unit)
    line_here = and_(col(m.EventLine.event_id) == col(m.Event.event_id), col(m.EventLine.unit) == unit)
    any_line = aliased(m.EventLine)
    nameless = not_(exists().where(col(any_line.event_id) == col(m.Event.event_id)))
    about = or_(col(m.Event.event_id).in_(naming), col(m.Event.reference) == unit,
                and_(col(m.Event.reference).in_(naming), nameless))
    rows = session.execute(
        select(m.Event, m.EventLine, m.Payload).outerjoin(m.EventLine, line_here)
        .outerjoin(m.Payload, col(m.Payload.event_id) == col(m.Event.event_id))
        .where(about).order_by(col(m.Event.seq))).all()
    if not rows:
        raise NotFoundError(
            f"no event names {unit}.", remedy="Check the id, or ask for the unit by its number."
        )
    names = Names(session, directory)
    states = {s.seq: s for s in session.execute(
        select(m.UnitState).where(col(m.UnitState.unit) == unit)).scalars()}
    lot = session.get(m.Lot, unit)
    material = session.get(m.Material, lot.material) if lot is not None else None
    uom = material.uom if material is not None else ""
    entries, state = [], None
    for event, line, payload in rows:  # answers and approvals name the unit only through what they answer
        state = states.get(event.seq, state)
        status = payload.status if payload is not None else "withheld"
        quantity = int(line.quantity_micro) if line is not None else 0
        entries.append(
            Entry(
                event.seq,
                event.event_id,
                (payload.epcis_event_id or "") if payload is not None else "",
                event.kind,
                event.step,
                event.outcome_name,
                event.outcome >= 100,
                iso(event.occurred_at_ms, offset),
                iso(event.recorded_at_s * 1_000, offset),
                names.participant(event.participant),
                names.participant(event.counterparty),
                names.participant(state.custodian) if state else "",
                names.facility(state.facility) if state else "",
                state.status if state else "NONE",
                state.eligible if state else False,
                state.holds if state else 0,
                line.role if line is not None else "",
                line.balance if line is not None else "",
                micro_text(quantity) if quantity else "",
                uom,
                status,
                status != "open",
                event.voided_by or "",
                event.approved_by or "",
                event.tx_hash,
            )
        )
    return entries
