"""Names for numbers and ids: who, where, which book, which unit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sqlmodel import Session

from indexer.lookups import Reader, materials_of, visible_units
from indexer.models import ZERO_ID, Material, UnitName
from indexer.queries import names_of
from ledger.directory import Directory
from ledger.errors import NotFoundError

SHORT_ID_CHARS = 10
_ZONE = re.compile(r"([+-])(\d\d):(\d\d)")


def iso_ms(milliseconds: int) -> str:
    """Milliseconds since 1970 as `2026-03-02T08:15:00.000Z`; what no calendar holds stays a number."""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return str(milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_s(seconds: int) -> str:
    """Seconds since 1970 as `2026-03-02T08:15:00Z`."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return str(seconds)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def local(moment: str, zone: str = "") -> datetime | None:
    """An ISO time in a zone such as `+07:00` (UTC if empty or malformed); None for what is no time."""
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return None
    match = _ZONE.fullmatch(zone)
    if match is None:
        return parsed.astimezone(UTC)
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return parsed.astimezone(timezone(-offset if match[1] == "-" else offset))


class Names:
    """Looks names up once for all the ids that a view shows.

    Args:
        session: the index.
        directory: names of participants, places and books.
        reader: names of units that this reader may not see stay unknown.
        units: every unit id that will be asked for.
    """

    def __init__(self, session: Session, directory: Directory, reader: Reader, units: Iterable[str]) -> None:
        visible = visible_units(session, units, reader)
        self._directory = directory
        self._names = names_of(session, visible)
        self._materials = materials_of(session, visible)

    def participant(self, number: int) -> dict[str, Any] | None:
        """A participant as number, id and name; None for 0."""
        if not number:
            return None
        try:
            entry = self._directory.participant(number)
        except NotFoundError:
            return {"number": number, "id": f"participant-{number}", "name": f"participant {number}"}
        return {"number": number, "id": entry.id, "name": entry.name}

    def facility(self, number: int) -> dict[str, Any] | None:
        """A place as number, id and name; None for 0."""
        if not number:
            return None
        try:
            entry = self._directory.facility(number)
        except NotFoundError:
            return {"number": number, "id": f"facility-{number}", "name": f"facility {number}"}
        return {"number": number, "id": entry.id, "name": entry.name}

    def book(self, number: int) -> dict[str, Any] | None:
        """A book as number, id and name; None for 0."""
        if not number:
            return None
        try:
            entry = self._directory.book(number)
        except NotFoundError:
            return {"number": number, "id": f"book-{number}", "name": f"book {number}"}
        return {"number": number, "id": entry.id, "name": entry.name}

    def holders(self, holds: int) -> list[dict[str, Any]]:
        """Who has set the holds of a mask."""
        found = []
        for bit in range(16):
            if holds >> bit & 1:
                owner = next((p for p in self._directory.participants if p.hold_bit == bit), None)
                found.append(
                    {
                        "bit": bit,
                        "id": owner.id if owner else "",
                        "name": owner.name if owner else f"bit {bit}",
                    }
                )
        return found

    def unit(self, unit: str) -> dict[str, Any] | None:
        """A unit as id, type and label; None for no unit; an unknown one is labelled by its id."""
        if unit == ZERO_ID:
            return None
        name = self._names.get(unit)
        if name is None:
            return {"unit": unit, "type": "", "label": short_id(unit)}
        return {
            "unit": unit,
            "type": name.type,
            "label": label_of(name),
            "scope": name.scope,
            "number": name.number,
        }

    def material(self, unit: str) -> Material | None:
        """Material of a lot or line, where known."""
        return self._materials.get(unit)


def label_of(name: UnitName) -> str:
    """What people call a unit: a container or lot by its number, a line by declaration and line."""
    return f"{name.scope}/{name.number}" if name.type == "line" else name.number


def short_id(identifier: str) -> str:
    """The beginning of an id, enough to tell it apart on a screen."""
    return identifier[:SHORT_ID_CHARS] + "…"
