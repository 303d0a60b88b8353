"""Where a container, cargo or lot stands, what is inside it, and whatever stops it.

What is inside a container has its container's custodian, facility and status (event model, section 2); its
own row still says what it had when it was stuffed. Held means: itself, its container, or something inside.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, select

from indexer.models import Unit


@dataclass(frozen=True, slots=True)
class Standing:
    """A unit as it stands, its container's part included.

    Attributes:
        custodian, facility: numbers; the container's for what is inside one.
        status: SUPERVISED, FREE, STRIPPED, CLOSED; NONE for a lot outside.
        holds: bit mask of its own holds, its container's and those on what is inside it.
        eligible: it may leave the supervised area: itself, and every cargo inside.
        contents: what is inside it, by id.
    """

    unit: Unit
    custodian: int
    facility: int
    status: str
    holds: int
    eligible: bool
    contents: tuple[Unit, ...]


def standing_of(session: Session, unit: Unit) -> Standing:
    """Where a unit stands. Contents are at most what one container takes; they are read whole."""
    container = session.get(Unit, unit.inside) if unit.inside else None
    contents: tuple[Unit, ...] = ()
    if unit.thing == "CONTAINER":
        contents = tuple(session.exec(select(Unit).where(Unit.inside == unit.unit).order_by(col(Unit.unit))))
    holds = unit.holds | (container.holds if container else 0)
    for thing in contents:
        holds |= thing.holds
    place = container or unit
    return Standing(
        unit, place.custodian, place.facility, place.status, holds,
        unit.eligible and all(x.eligible for x in contents if x.thing == "CARGO"), contents)
