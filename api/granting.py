"""Grants on request: which payloads a scope means, and the grants for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from api.views.books import OFFSET
from indexer.lookups import HOLDER, unit_for
from indexer.models import Event, EventLine, Lot, Payload
from ledger.errors import NotFoundError
from ledger.gateway.handover_grants import grant_payloads
from ledger.keys.grants import Scope
from tracer.moment import parse_span

if TYPE_CHECKING:
    from api.home import Home


def grant_to(
    home: Home,
    *,
    grantor: str,
    grantee: str,
    reason: str,
    units: list[str],
    book: str = "",
    first: str = "",
    last: str = "",
    until: str = "",
) -> dict[str, Any]:
    """Grant what a participant can open of a scope to another, and index the grants.

    Args:
        units: numbers, EPCs or ids; their whole history.
        book: short id; all events on it and on its lots.
        first, last: days that bound the time of occurrence, or empty.
        until: the day with which the right ends, or empty.

    Returns:
        Grant ids, how many events they open, and how many the grantor cannot open.

    Raises:
        NotFoundError: a party, unit or book is unknown, or the grantor's keys are not here.
    """
    giver, taker = home.directory.participant(grantor), home.directory.participant(grantee)
    holder = home.holder(giver.number)
    if holder is None:
        raise NotFoundError(f"this home holds no keys of {grantor!r}.", remedy="Grant from its own home.")
    reading_key = home.posting.readers.reading_key(taker.number)
    if reading_key is None:
        raise NotFoundError(f"{grantee!r} has no reading key on the ledger.")
    from_ms = parse_span(first, OFFSET).start_ms if first else None
    to_ms = parse_span(last, OFFSET).end_ms if last else None
    until_s = parse_span(until, OFFSET).end_ms // 1000 if until else None
    number = home.directory.book(book).number if book else 0
    with home.session() as session:
        ids = sorted({unit_for(session, unit, HOLDER).unit for unit in units})
        if number:
            lots = select(Lot.unit).where(col(Lot.book) == number)
            of_lots = select(EventLine.event_id).where(col(EventLine.unit).in_(lots))
            about = (col(Event.book) == number) | col(Event.event_id).in_(of_lots)
        else:
            naming = select(EventLine.event_id).where(col(EventLine.unit).in_(ids))
            about = col(Event.event_id).in_(naming) | col(Event.reference).in_(ids)
        # Content that is not this event's own (a copied commitment) is not this scope's to give.
        foreign = select(Payload.event_id).where(Payload.status == "mismatch")
        query = select(Event.commitment).where(about, col(Event.event_id).not_in(foreign))
        query = query.order_by(col(Event.seq))
        if from_ms is not None:
            query = query.where(col(Event.occurred_at_ms) >= from_ms)
        if to_ms is not None:
            query = query.where(col(Event.occurred_at_ms) <= to_ms)
        commitments = [bytes.fromhex(text[2:]) for text in session.exec(query)]
    now_s = home.clock()
    missing = [c for c in dict.fromkeys(commitments) if taker.number not in home.payloads.readers(c, now_s)]
    grants = grant_payloads(
        home.payloads,
        commitments,
        holder=holder,
        grantee=taker.number,
        grantee_key=reading_key,
        chain_id=home.deployment.chain_id,
        ledger=home.deployment.ledger,
        scope=Scope(tuple(bytes.fromhex(unit[2:]) for unit in ids), number, from_ms, to_ms),
        reason=reason,
        now_s=now_s,
        until_s=until_s,
        submitters=lambda number: home.directory.participant(number).id,
    )
    opened = sum(len(grant.entries) for grant in grants)
    home.settle_outbox()
    return {
        "grants": ["0x" + grant.grant_id.hex() for grant in grants],
        "from": giver.id,
        "to": taker.id,
        "opened": opened,
        "closed": len(missing) - opened,
        "known": len(dict.fromkeys(commitments)) - len(missing),
    }
