"""`queries` as one reader may see them: what a participant may not read is left out as if it did not exist.

Who may read an event: its poster, whoever its payload was sealed or granted to (until the grant ends), and
customs. A unit may be seen by whoever may read an event that names it and that not just anybody could post.
How many events of a visible unit are left out is said, since a history with silent gaps would mislead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, true
from sqlmodel import Session, col, select

from indexer.models import (
    ZERO_ID,
    Event,
    EventLine,
    LineState,
    Lot,
    Material,
    Participant,
    PayloadReader,
    UnitName,
)
from indexer.queries import Page, UnitFound, find_event, find_units, with_state
from ledger.errors import ConflictError, InputError, NotFoundError
from ledger.limits import DEFAULT_LIMITS
from ledger.vocabulary import Kind, Role

TEXT_CHARACTERS_MAX = 300
REFUSED_FROM = 100
"""Outcomes from here on are refusals."""

_FOUND_MAX = 50
_IN_MAX = 500
_NO_TEXT = re.compile("[\\x00\\ud800-\\udfff]")
"""What no database takes as text; a terminal or an address may hand it in."""


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom the index is read.

    Attributes:
        participant: number on the ledger; None for whoever holds the index and its reading keys.
        everything: sees every event (customs, and the holder of the index).
        now_s: the time at which the ends of grants are judged.
        late_after_s: recorded more than this after it occurred, an event counts as late.
    """

    participant: int | None
    everything: bool
    now_s: int = 0
    late_after_s: int = DEFAULT_LIMITS.late_after_s


HOLDER = Reader(None, everything=True)
"""Whoever holds the index: sees all that it could open."""


def reader_for(session: Session, participant: int, now_s: int) -> Reader:
    """The reader that a participant is. Customs sees everything, unless suspended."""
    row = session.get(Participant, participant)
    customs = row is not None and not row.suspended and bool(row.roles & Role.CUSTOMS)
    return Reader(participant, customs, now_s)


def readable(reader: Reader) -> ColumnElement[bool]:
    """Condition on Event: the reader may read it."""
    if reader.everything:
        return true()
    if reader.participant is None:
        return false()
    given = select(PayloadReader.event_id).where(
        col(PayloadReader.event_id) == col(Event.event_id),
        PayloadReader.participant == reader.participant,
        or_(col(PayloadReader.until_s).is_(None), col(PayloadReader.until_s) >= reader.now_s),
    )
    return or_(col(Event.participant) == reader.participant, given.exists())


def event_for(session: Session, key: str, reader: Reader) -> Event:
    """An event by its id, the beginning of its id, or its EPCIS eventID.

    Raises:
        NotFoundError: there is none, or the reader may not read it: both look the same.
    """
    _check_text(key)
    unknown = NotFoundError(f"no event {key!r} is known here.")
    try:
        event = find_event(session, key, own=reader.participant, readable=readable(reader))
    except ConflictError:
        if reader.everything:
            raise
        raise unknown from None
    if reader.everything:
        return event
    own = select(Event.event_id).where(col(Event.event_id) == event.event_id, readable(reader))
    if session.exec(own).first() is None:
        raise unknown
    return event


def events_page(
    session: Session,
    reader: Reader,
    conditions: Sequence[ColumnElement[bool]],
    *,
    limit: int,
    after: int = 0,
    latest: bool = False,
) -> Page:
    """A page of readable events that meet all conditions, in the ledger's order; or the latest ones, newest
    first.
    """
    if not 0 < limit <= DEFAULT_LIMITS.page_rows_max:
        raise InputError(f"a page has 1 to {DEFAULT_LIMITS.page_rows_max} rows.", pointer="/perPage")
    order = col(Event.seq).desc() if latest else col(Event.seq)
    query = select(Event).where(readable(reader), col(Event.seq) > after, *conditions).order_by(order)
    rows = list(session.exec(query.limit(limit + 1)))
    return Page(rows[:limit], rows[limit - 1].seq if len(rows) > limit else None)


def about(unit: str) -> ColumnElement[bool]:
    """Condition on Event: it names the unit, draws on it, or answers, approves or corrects an event that
    does.
    """
    naming = select(EventLine.event_id).where(col(EventLine.unit) == unit)
    own = or_(col(Event.event_id).in_(naming), col(Event.reference) == unit)
    return or_(own, col(Event.reference).in_(select(Event.event_id).where(own)))


def events_about(session: Session, unit: str, reader: Reader, limit: int) -> tuple[list[Event], int]:
    """The last events about a unit in the ledger's order, at most `limit`, and how many others there are."""
    total = session.exec(select(func.count()).select_from(Event).where(about(unit))).one()
    query = select(Event).where(about(unit), readable(reader)).order_by(col(Event.seq).desc()).limit(limit)
    rows = list(session.exec(query))[::-1]
    return rows, total - len(rows)


def units_for(session: Session, text: str, reader: Reader) -> list[UnitFound]:
    """Units that a person may mean, those the reader may see: the exact ones, else those that begin so."""
    _check_text(text)
    if not text.strip():
        return []
    return _found(session, text, reader) or _beginning(session, text.strip(), reader)


def unit_for(session: Session, text: str, reader: Reader) -> UnitFound:
    """The one unit that is meant; a container number is its one open unit.

    Raises:
        NotFoundError: nothing of that name, or nothing the reader may see.
        ConflictError: several; the message lists them.
    """
    _check_text(text)
    found = _found(session, text, reader)
    if not found:
        raise NotFoundError(
            f"no unit {text!r} is known here.",
            remedy="Give a container, lot or declaration line number, SCOPE/NUMBER, or an id.",
        )
    still_open = [hit for hit in found if hit.open]
    if len(found) == 1 or len(still_open) == 1:
        return (still_open or found)[0]
    listed = ", ".join(hit.label for hit in found[:8]) + (", ..." if len(found) > 8 else "")
    raise ConflictError(
        f"{text!r} may be any of {len(found)} units: {listed}.", remedy="Name one of them in full."
    )


def _found(session: Session, text: str, reader: Reader) -> list[UnitFound]:
    """What a text names among what the reader may see: others' units of that name neither push out its own
    nor show by their absence that they are there.
    """
    found = find_units(session, text, _visible(reader))
    visible = visible_units(session, (hit.unit for hit in found), reader)
    return [hit for hit in found if hit.unit in visible]


def _visible(reader: Reader) -> ColumnElement[bool] | None:
    """Condition on UnitName: the reader may see the unit; None where it sees all. The rule is that of
    `visible_units`.
    """
    if reader.everything:
        return None
    naming = select(EventLine.unit).join(Event, col(Event.event_id) == col(EventLine.event_id)).where(
        col(EventLine.unit) == col(UnitName.unit), _entitling(reader))
    drawing = select(Event.event_id).where(col(Event.reference) == col(UnitName.unit), _entitling(reader))
    return or_(naming.exists(), drawing.exists())


def visible_units(session: Session, units: Iterable[str], reader: Reader) -> set[str]:
    """Which of these units the reader may see: named by an event that gives it a right to.

    What one posts oneself gives none where anybody may post it about any unit (OBSERVE, CORRECT), or where
    the ledger refused it; what others sealed or granted to the reader does.
    """
    wanted = sorted(set(units) - {ZERO_ID})
    if reader.everything:
        return set(wanted)
    seen: set[str] = set()
    for part in _parts(wanted):
        naming = select(EventLine.unit).join(Event, col(Event.event_id) == col(EventLine.event_id))
        seen.update(session.exec(naming.where(col(EventLine.unit).in_(part), _entitling(reader)).distinct()))
        drawing = select(Event.reference).where(col(Event.reference).in_(part), _entitling(reader)).distinct()
        seen.update(session.exec(drawing))
    return seen


def _entitling(reader: Reader) -> ColumnElement[bool]:
    own_word = and_(
        col(Event.participant) == reader.participant,
        or_(col(Event.kind).in_((Kind.OBSERVE.name, Kind.CORRECT.name)), col(Event.outcome) >= REFUSED_FROM),
    )
    return and_(readable(reader), not_(own_word))


def materials_of(session: Session, units: Iterable[str]) -> dict[str, Material]:
    """Material of each lot or declaration line, where an opened payload names it."""
    found: dict[str, Material] = {}
    for part in _parts(sorted(set(units) - {ZERO_ID})):
        lots = select(Lot.unit, Material).join(Material, col(Material.material) == col(Lot.material))
        found.update((unit, material) for unit, material in session.exec(lots.where(col(Lot.unit).in_(part))))
        lines = select(LineState.line, Material).join(
            Material, col(Material.material) == col(LineState.material)
        )
        rows = session.exec(lines.where(col(LineState.line).in_(part)))
        found.update((line, material) for line, material in rows)
    return found


def _beginning(session: Session, text: str, reader: Reader) -> list[UnitFound]:
    escaped = re.sub(r"([\\%_])", r"\\\1", text.lower()) + "%"
    scope, slash, number = escaped.rpartition("/")
    match: list[ColumnElement[bool]] = [
        func.lower(UnitName.number).like(escaped, escape="\\"),
        func.lower(UnitName.scope).like(escaped, escape="\\"),
    ]
    if slash:
        match.append(
            and_(
                func.lower(UnitName.scope).like(scope, escape="\\"),
                func.lower(UnitName.number).like(number, escape="\\"),
            )
        )
    visible = _visible(reader)
    query = (
        select(UnitName)
        .where(or_(*match), *(() if visible is None else (visible,)))
        .order_by(col(UnitName.scope), col(UnitName.number), col(UnitName.unit))
        .limit(_FOUND_MAX)
    )
    return with_state(session, session.exec(query).all())


def _parts(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[i : i + _IN_MAX] for i in range(0, len(ids), _IN_MAX))


def _check_text(text: str) -> None:
    if len(text) > TEXT_CHARACTERS_MAX:
        raise InputError(f"a name or id has at most {TEXT_CHARACTERS_MAX} characters.")
    if _NO_TEXT.search(text):
        raise InputError("a name or id holds no U+0000 and no half of a surrogate pair.")
