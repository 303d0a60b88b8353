"""Names for what the index knows by number or id: people's words where they are known, the ledger's ids
where not.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from indexer.models import UnitName
from ledger.directory import Directory
from ledger.errors import NotFoundError
from tracer.labels import label
from tracer.load_sql import by_key, columns, keyed, table_of

_NAMES = keyed(columns(UnitName, "unit", "scope", "number", "type"), table_of(UnitName).c.unit)


class Names:
    """Looks up names once per session of work."""

    def __init__(self, session: Session, directory: Directory) -> None:
        self._session = session
        self._directory = directory
        self._units: dict[str, str] = {}
        self._types: dict[str, str] = {}
        self._numbers: dict[tuple[str, int], str] = {}

    def prepare(self, units: set[str]) -> None:
        """Fetch the names of many units at once."""
        wanted = units - self._units.keys()
        for unit, scope, number, kind in by_key(self._session, _NAMES, wanted):
            self._units[unit] = label(scope, number)
            self._types[unit] = kind
        for unit in wanted - self._units.keys():
            self._units[unit] = unit

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
        if (kind, number) not in self._numbers:
            try:
                name = str(getattr(self._directory, kind)(number).id)
            except NotFoundError:
                name = f"{kind} {number}"
            self._numbers[kind, number] = name
        return self._numbers[kind, number]
