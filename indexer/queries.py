"""What readers of the index ask: find a unit or an event, its history, and who may see the content.

Everything here reads; nothing judges. Missing and forbidden are the same answer (`NotFoundError`, None or
False). Pages are by `seq`, the ledger's order: what is recorded later never shifts an earlier page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import Session, col, select

from indexer.models import (
    OPEN,
    Block,
    Cursor,
    Event,
    EventLine,
    LineState,
    Payload,
    PayloadReader,
    Unit,
    UnitName,
)
from ledger.errors import ConflictError, InputError, NotFoundError
from ledger.events.ids import UnitType, parse_identifier
from ledger.limits import DEFAULT_LIMITS
from ledger.vocabulary import Kind, Outcome, UnitStatus

_ID = re.compile(r"0x[0-9a-f]{6,64}")
_FOUND_MAX = 50  # more hits than people read; they narrow the question instead
_LOOKED_AT_MAX = 2_000  # a box is on some hundred consignments in its life; of these the open one is meant
_IN_MAX = 500


@dataclass(frozen=True, slots=True)
class UnitFound:
    """A unit that a search found.

    Attributes:
        unit: its id.
        type, scope, number: what it stands for; empty where no opened payload names it.
        open: False for a closed container or cargo and a cancelled line; None where the ledger does not know
        it.
    """

    unit: str
    type: str
    scope: str
    number: str
    open: bool | None

    @property
    def label(self) -> str:
        """`scope/number`, or the id."""
        return f"{self.scope}/{self.number}" if self.number else self.unit


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the ledger's order; `next_after` is the seq to go on after, None at the end."""

    events: list[Event]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Position:
    """How far the index is: block number and hash, and the time of that block."""

    block_number: int
    block_hash: str
    timestamp: int


def position(session: Session) -> Position | None:
    """The last block indexed, or None before the first."""
    row = session.exec(select(Cursor, Block).where(Cursor.block_number == Block.number)).first()
    return Position(row[0].block_number, row[0].block_hash, row[1].timestamp) if row else None


def find_units(
    session: Session, text: str, visible: ColumnElement[bool] | None = None,
) -> list[UnitFound]:
    """Units that a person may mean: open ones first, then in order of scope and number.

    Args:
        text: a container, package, lot or line number; `scope/number`; an EPCIS identifier; a unit id or the
            beginning of one (0x and at least six digits).
        visible: condition on UnitName, where not everything is to be found by its name; what has no name is
            the caller's to judge.
    """
    text = text.strip()
    if _ID.fullmatch(text.lower()):
        return _by_id(session, text.lower())
    conditions = [col(UnitName.number) == text, col(UnitName.number) == re.sub(r"[\s-]", "", text).upper()]
    scope, slash, number = text.rpartition("/")
    if slash:
        conditions.append((col(UnitName.scope) == scope) & (col(UnitName.number) == number))
    try:
        named = parse_identifier(text)
    except InputError:
        named = None
    if named is not None:
        same = (col(UnitName.type) == str(named.type)) & (col(UnitName.number) == named.number)
        conditions = [same if named.scope is None else same & (col(UnitName.scope) == named.scope)]
    allowed = () if visible is None else (visible,)
    # the names first, then which of them are open: a question about the past puts each state together
    statement = select(UnitName).where(or_(*conditions), *allowed).order_by(
        col(UnitName.scope), col(UnitName.number), col(UnitName.unit)).limit(_LOOKED_AT_MAX)
    found = with_state(session, session.exec(statement).all())
    return sorted(found, key=lambda hit: (hit.open is not True, hit.scope, hit.number, hit.unit))[:_FOUND_MAX]


def resolve_unit(session: Session, text: str) -> UnitFound:
    """The one unit that is meant: a container number is its one open unit.

    Raises:
        NotFoundError: nothing of that name.
        ConflictError: several; the message lists them.
    """
    found = find_units(session, text)
    if not found:
        raise NotFoundError(f"no unit {text!r} is known here.")
    still_open = [hit for hit in found if hit.open]
    if len(found) == 1 or len(still_open) == 1:
        return (still_open or found)[0]
    listed = ", ".join(hit.label for hit in found[:8]) + (", ..." if len(found) > 8 else "")
    raise ConflictError(f"{text!r} may be any of {len(found)} units: {listed}.",
                        remedy="Name one of them in full.")


def names_of(session: Session, units: Iterable[str]) -> dict[str, UnitName]:
    """What unit ids stand for, those that opened payloads name."""
    wanted = sorted(set(units))
    found: dict[str, UnitName] = {}
    for start in range(0, len(wanted), _IN_MAX):
        part = wanted[start:start + _IN_MAX]
        found.update((row.unit,
                      row) for row in session.exec(select(UnitName).where(col(UnitName.unit).in_(part))))
    return found


def find_event(
    session: Session, key: str, *, own: int | None = None, readable: ColumnElement[bool] | None = None,
) -> Event:
    """An event by its id, the beginning of its id, or its EPCIS eventID (the event itself before its
    corrections).

    Several participants may use one eventID: that of `own` is meant before others, and only what meets
    `readable` is found, so that nobody's use of an eventID hides another's.

    Raises:
        NotFoundError: nothing of that name.
        ConflictError: the beginning of an id fits several.
    """
    if _ID.fullmatch(key.lower()):
        low, high = _id_range(key.lower())
        rows = session.exec(select(Event).where(col(Event.event_id) >= low, col(Event.event_id) <= high)
                            .order_by(col(Event.event_id)).limit(2)).all()
        if len(rows) > 1:
            raise ConflictError(f"several events begin with {key}.", remedy="Write more of the id.")
        if rows:
            return rows[0]
    theirs = () if own is None else (col(Event.participant) != own,)
    allowed = () if readable is None else (readable,)
    better = (*theirs, col(Payload.is_correction), col(Payload.status) != OPEN, col(Event.outcome),
              col(Event.seq))
    row = session.exec(
        select(Event).join(Payload, col(Payload.event_id) == col(Event.event_id))
        .where(Payload.epcis_event_id == key, *allowed).order_by(*better).limit(1)).first()
    if row is None:
        raise NotFoundError(f"no event {key!r} is known here.")
    return row


def events_of_unit(session: Session, unit: str, *, after: int = 0,
                   limit: int = DEFAULT_LIMITS.page_rows_max) -> Page:
    """Every event about a unit, refused ones too, in the ledger's order.

    About a unit are the events that name it, those that refer to it (draws on a declaration line), and those
    that answer, approve, deny or correct an event of these.
    """
    naming = select(EventLine.event_id).where(EventLine.unit == unit)
    own = or_(col(Event.event_id).in_(naming), col(Event.reference) == unit)
    own_ids = select(Event.event_id).where(own)
    return _page(session, [or_(own, col(Event.reference).in_(own_ids))], after, limit)


def events(
    session: Session, *, kind: Kind | None = None, participant: int | None = None, book: int | None = None,
    outcome: int | None = None, refused: bool | None = None, from_ms: int | None = None,
    to_ms: int | None = None,
    after: int = 0, limit: int = DEFAULT_LIMITS.page_rows_max,
) -> Page:
    """Events by what they are, in the ledger's order; `from_ms` and `to_ms` are times of occurrence, both
    included.
    """
    conditions: list[ColumnElement[bool]] = []
    if kind is not None:
        conditions.append(col(Event.kind) == kind.name)
    if participant is not None:
        conditions.append(col(Event.participant) == participant)
    if book is not None:
        conditions.append(col(Event.book) == book)
    if outcome is not None:
        conditions.append(col(Event.outcome) == outcome)
    if refused is not None:
        conditions.append(col(Event.outcome) >= 100 if refused else col(Event.outcome) < 100)
    if from_ms is not None:
        conditions.append(col(Event.occurred_at_ms) >= from_ms)
    if to_ms is not None:
        conditions.append(col(Event.occurred_at_ms) <= to_ms)
    return _page(session, conditions, after, limit)


def corrections_of(session: Session, event_id: str) -> list[Event]:
    """The recorded corrections of an event, in the ledger's order."""
    return list(session.exec(select(Event).where(
        Event.reference == event_id, Event.kind == Kind.CORRECT.name, Event.outcome == int(Outcome.RECORDED),
    ).order_by(col(Event.seq))))


def answers_to(session: Session, event_id: str) -> list[Event]:
    """Every event that refers to this one: answers to an offer, approvals, denials, corrections, refused ones
    too.
    """
    return list(session.exec(select(Event).where(Event.reference == event_id).order_by(col(Event.seq))))


def lines_of(session: Session, event_ids: Iterable[str]) -> dict[str, list[EventLine]]:
    """The lines of events, each in its order; an event without lines has an empty list."""
    wanted = list(dict.fromkeys(event_ids))
    found: dict[str, list[EventLine]] = {event_id: [] for event_id in wanted}
    for start in range(0, len(wanted), _IN_MAX):
        part = wanted[start:start + _IN_MAX]
        for line in session.exec(select(EventLine).where(col(EventLine.event_id).in_(part))
                                 .order_by(col(EventLine.event_id), col(EventLine.position))):
            found[line.event_id].append(line)
    return found


def may_read(session: Session, event_id: str, participant: int, *, now_s: int | None = None) -> bool:
    """Whether a participant may read an event's content: sealed to it when posted, or granted since and not
    ended.

    Args:
        now_s: the time to judge the end of a grant at; None takes the time of the last block indexed.
    """
    return event_id in readable(session, [event_id], participant, now_s=now_s)


def readable(
    session: Session, event_ids: Iterable[str], participant: int, *, now_s: int | None = None,
) -> set[str]:
    """Those of the events whose content a participant may read (see `may_read`)."""
    if now_s is None:
        here = position(session)
        now_s = here.timestamp if here else 0
    wanted = list(dict.fromkeys(event_ids))
    found: set[str] = set()
    for start in range(0, len(wanted), _IN_MAX):
        found.update(session.exec(select(PayloadReader.event_id).where(
            col(PayloadReader.event_id).in_(wanted[start:start + _IN_MAX]),
            PayloadReader.participant == participant,
            or_(col(PayloadReader.until_s).is_(None), col(PayloadReader.until_s) >= now_s))))
    return found


def visible_payload(
    session: Session, event_id: str, participant: int, *, now_s: int | None = None,
) -> Payload | None:
    """The payload row if this participant may read it; None alike where it may not and where there is none.
    """
    if not may_read(session, event_id, participant, now_s=now_s):
        return None
    return session.get(Payload, event_id)


def pending(session: Session) -> list[Event]:
    """Events that wait for approval: not approved, and not denied, cancelled or ended by a failed approval.
    """
    return list(session.exec(select(Event).where(
        Event.outcome == int(Outcome.PENDING), col(Event.approved_by).is_(None),
        col(Event.ended_by).is_(None),
    ).order_by(col(Event.seq))))


def payload_states(session: Session) -> dict[str, int]:
    """How many payloads are open, sealed, withheld and mismatched."""
    rows = session.exec(select(Payload.status, func.count()).group_by(col(Payload.status)))
    return {status: int(count) for status, count in rows}


def _page(session: Session, conditions: Sequence[ColumnElement[bool]], after: int, limit: int) -> Page:
    if not 0 < limit <= DEFAULT_LIMITS.page_rows_max:
        raise InputError(f"a page has 1 to {DEFAULT_LIMITS.page_rows_max} rows.", pointer="/limit")
    rows = list(session.exec(select(Event).where(col(Event.seq) > after, *conditions)
                             .order_by(col(Event.seq)).limit(limit + 1)))
    return Page(rows[:limit], rows[limit - 1].seq if len(rows) > limit else None)


def _by_id(session: Session, prefix: str) -> list[UnitFound]:
    low, high = _id_range(prefix)
    ids: set[str] = set()
    for column in (col(Unit.unit), col(LineState.line), col(UnitName.unit)):
        ids.update(session.exec(select(column).where(column >= low, column <= high).order_by(column)
                                .limit(_FOUND_MAX)))
    names = names_of(session, ids)
    blank = [UnitName(unit=unit, type="", scope="", number="") for unit in sorted(ids) if unit not in names]
    return with_state(session, [*names.values(), *blank])


def with_state(session: Session, names: Sequence[UnitName]) -> list[UnitFound]:
    """What names stand for, with whether it is open, in their order."""
    units: dict[str, tuple[str, str]] = {}
    lines: dict[str, str] = {}
    for start in range(0, len(names), _IN_MAX):
        part = [name.unit for name in names[start:start + _IN_MAX]]
        units.update((unit, (status, thing)) for unit, status, thing in session.exec(
            select(Unit.unit, Unit.status, Unit.thing).where(col(Unit.unit).in_(part))))
        lines.update(session.exec(
            select(LineState.line, LineState.status).where(col(LineState.line).in_(part))).all())
    found = []
    for name in names:
        status, thing = units.get(name.unit, (None, ""))
        is_open: bool | None = None
        if status is not None:
            is_open = status != UnitStatus.CLOSED.name
        elif name.unit in lines:
            is_open = lines[name.unit] != "CANCELLED"
        kind = name.type or (str(UnitType.LINE) if name.unit in lines else thing.lower())
        found.append(UnitFound(name.unit, kind, name.scope, name.number, is_open))
    return found


def _id_range(prefix: str) -> tuple[str, str]:
    digits = prefix.removeprefix("0x")
    return "0x" + digits.ljust(64, "0"), "0x" + digits.ljust(64, "f")
