"""Names for what the index knows by number or id: people's words where they are known, the ledger's ids
where not.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer.models import UnitName
from ledger.directory import Directory
from ledger.errors import NotFoundError
from tracer.labels import label

_CHUNK = 500  # ids in one query, well below SQL's limit on parameters


class Names:
    """Looks up names once per session of work."""

    def __init__(self, session: Session, directory: Directory) -> None:
        self._session = session
        self._directory = directory
        self._units: dict[str, str] = {}
        self._types: dict[str, str] = {}

    def prepare(self, units: set[str]) -> None:
        """Fetch the names of many units at once."""
        wanted = sorted(units - self._units.keys())
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start:start + _CHUNK]
            names = select(col(UnitName.unit), col(UnitName.scope), col(UnitName.number), col(UnitName.type))
            names = names.where(col(UnitName.unit).in_(chunk))
            for name, scope, number, kind in self._session.execute(names):
                self._units[name] = label(scope, number)
                self._types[name] = kind
            for unit in chunk:
                self._units.setdefault(unit, unit)

    def unit(self, unit: str) -> str:
        """`scope/number` of a unit or declaration line; its id where no opened payload names it."""
        if unit not in self._units:
            self.prepare({unit})
        return self._units[unit]

    def unit_type(self, unit: str) -> str:
        """`container`, `cargo`, `lot` or `line`; empty where not known."""
        self.unit(unit)
        return self._types.get(unit, "")

    def ids(self) -> dict[str, str]:
        """Ledger id of every name looked up so far."""
        return {name: unit for unit, name in self._units.items()}

    def participant(self, number: int) -> str:
        """Short id of a participant; empty for none."""
        return self._of("participant", number)

    def facility(self, number: int) -> str:
        """Short id of a facility; empty for none."""
        return self._of("facility", number)

    def book(self, number: int) -> str:
        """Short id of a book; empty for none."""
        return self._of("book", number)

    def _of(self, kind: str, number: int) -> str:
        if not number:
            return ""
        try:
            entry = getattr(self._directory, kind)(number)
        except NotFoundError:
            return f"{kind} {number}"
        return str(entry.id)
