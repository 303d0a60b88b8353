"""A unit as the ways in show it: what it is, who holds it now, what stands against it, and its history."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, select

from api.jsonio import quantity
from api.views.events import event_rows
from api.views.names import Names, iso_s
from api.words import STATUSES
from indexer.lookups import Reader, events_about, unit_for, units_for
from indexer.models import ZERO_ID, LineState, Lot, LotLoaded, Unit
from indexer.standing import Standing, standing_of
from ledger.directory import Directory
from ledger.limits import DEFAULT_LIMITS

BALANCES = ("raw", "wip", "finished", "scrap", "short", "loaded")


def search(session: Session, directory: Directory, reader: Reader, text: str) -> list[dict[str, Any]]:
    """Units that a person may mean, with who holds them now."""
    found = units_for(session, text, reader)
    names = Names(session, directory, reader, (hit.unit for hit in found))
    rows = []
    for hit in found:
        state = session.get(Unit, hit.unit)
        standing = standing_of(session, state) if state else None
        line = session.get(LineState, hit.unit) if state is None else None
        status = standing.status if standing else line.status if line else ""
        rows.append(
            {
                "unit": hit.unit,
                "type": hit.type,
                "label": hit.label,
                "scope": hit.scope,
                "number": hit.number,
                "open": hit.open,
                "status": status,
                "statusWords": STATUSES.get(status, status.lower()),
                "custodian": names.participant(
                    standing.custodian if standing else line.declarant if line else 0
                ),
                "facility": names.facility(standing.facility if standing else 0),
                "holds": names.holders(standing.holds if standing else line.holds if line else 0),
            }
        )
    return rows


def unit_view(
    session: Session,
    directory: Directory,
    reader: Reader,
    key: str,
    *,
    now_s: int,
    limit: int = DEFAULT_LIMITS.page_rows_max,
) -> dict[str, Any]:
    """A unit, its present state and its timeline.

    Args:
        key: number as written on it, SCOPE/NUMBER, EPC or id.
        now_s: the time by which an offer counts as expired.
        limit: events shown, the latest ones.

    Raises:
        NotFoundError: unknown, or not for this reader.
        ConflictError: several units are meant.
    """
    hit = unit_for(session, key, reader)
    events, hidden = events_about(session, hit.unit, reader, limit)
    state = session.get(Unit, hit.unit)
    lot = session.get(Lot, hit.unit)
    line = session.get(LineState, hit.unit)
    loaded = list(
        session.exec(select(LotLoaded).where(col(LotLoaded.unit) == hit.unit, LotLoaded.quantity_micro > 0))
    )
    standing = standing_of(session, state) if state else None
    others = [row.line for row in loaded] + [lot.source_line if lot else ZERO_ID]
    others += [state.inside or ZERO_ID if state else ZERO_ID, line.original if line else ZERO_ID]
    others += [thing.unit for thing in standing.contents] if standing else []
    names = Names(session, directory, reader, [hit.unit, *others])
    material = names.material(hit.unit)
    timeline = event_rows(session, directory, reader, events)
    view: dict[str, Any] = {
        "unit": hit.unit,
        "type": hit.type,
        "label": hit.label if hit.type == "line" else hit.number or hit.label,
        "scope": hit.scope,
        "number": hit.number,
        "open": hit.open,
        "material": {
            "code": material.code,
            "description": material.description,
            "uom": material.uom,
            "hs": material.hs,
        }
        if material
        else None,
        "state": _state(standing, names, now_s) if standing else None,
        "lot": _lot(lot, loaded, names) if lot else None,
        "line": _line(line, names) if line else None,
        "seals": _seals(timeline),
        "timeline": timeline,
        "hidden": hidden,
    }
    return view


def _state(standing: Standing, names: Names, now_s: int) -> dict[str, Any]:
    state, offer = standing.unit, None
    if state.offeree and state.offer_expires_at_s >= now_s:
        offer = {
            "to": names.participant(state.offeree),
            "expiresAt": iso_s(state.offer_expires_at_s),
            "eventId": state.offer_event,
        }
    return {
        "thing": state.thing,
        "status": standing.status,
        "statusWords": STATUSES.get(standing.status, standing.status.lower()),
        "eligible": standing.eligible,
        "custodian": names.participant(standing.custodian),
        "facility": names.facility(standing.facility),
        "holds": names.holders(standing.holds),
        "offer": offer,
        "inside": names.unit(state.inside) if state.inside else None,
        "contents": [
            {
                **(names.unit(thing.unit) or {}),
                "thing": thing.thing,
                "eligible": thing.eligible,
                "holds": names.holders(thing.holds),
            }
            for thing in standing.contents
        ],
        "head": state.head,
    }


def _lot(lot: Lot, loaded: list[LotLoaded], names: Names) -> dict[str, Any]:
    return {
        "book": names.book(lot.book),
        "origin": lot.origin,
        "sourceLine": names.unit(lot.source_line),
        "balances": {name: quantity(getattr(lot, f"{name}_micro")) for name in BALANCES},
        "loaded": [
            {"line": names.unit(row.line), "quantity": quantity(row.quantity_micro)} for row in loaded
        ],
    }


def _line(line: LineState, names: Names) -> dict[str, Any]:
    return {
        "declarant": names.participant(line.declarant),
        "purpose": line.purpose,
        "status": line.status,
        "statusWords": STATUSES.get(line.status, line.status.lower()),
        "holds": names.holders(line.holds),
        "original": names.unit(line.original),
        "version": line.version,
        "quantity": quantity(line.quantity_micro),
        "drawn": quantity(line.drawn_micro),
        "left": quantity(line.quantity_micro - line.drawn_micro),
        "exited": quantity(line.exited_micro),
        "returned": quantity(line.returned_micro),
    }


def _seals(timeline: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Seals as the latest event that was recorded and names any saw them."""
    for row in reversed(timeline):
        if row["seals"] and not row["outcome"]["refused"] and not row["voidedBy"]:
            return [] if row["step"] == "SEAL_BREAK" else list(row["seals"])
    return []
