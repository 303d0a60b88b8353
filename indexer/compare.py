"""Two databases of one shape, compared row by row: what is stored against what was recomputed.

Both sides stream in order of their key, so that memory does not grow with the tables; only differences are
held, some thousand at a time, in order to tell rows that changed places from rows that changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Table

from indexer.columns import U64
from indexer.export import ordered_rows

CHANGED, MISSING, EXTRA, REORDERED = "changed", "missing", "extra", "reordered"
PLACES = frozenset({"seq", "position", "log_index"})
"""Columns that say where a row stands among others."""

TOGETHER = 2_000  # differences of a table looked at together; rows that swapped places lie near each other


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not what it should be.

    Attributes:
        table: its table.
        kind: `changed`, `missing`, `extra`, `reordered` (the row is right but stands in another's place).
        key: its primary key, by column; of a missing row the recomputed one.
        columns: which differ; for a missing or extra row all.
        stored, recomputed: the whole row on either side, None where there is none.
    """

    table: Table
    kind: str
    key: dict[str, Any]
    columns: tuple[str, ...]
    stored: dict[str, Any] | None
    recomputed: dict[str, Any] | None


class Comparison:
    """Compares tables and counts what it saw.

    Attributes:
        rows: rows compared so far, by table; a row counts once, on whichever side it is.
    """

    def __init__(self, stored: Connection, recomputed: Connection) -> None:
        self._stored, self._recomputed = stored, recomputed
        self._raw = stored.dialect.name == recomputed.dialect.name == "sqlite"
        self.rows: dict[str, int] = {}

    def differences(self, table: Table, where: Sequence[Any] = ()) -> Iterator[Difference]:
        """Every row of a table (for which some conditions hold) that differs, in order of the key."""
        held: list[Difference] = []
        for found in self._merged(table, where):
            held.append(found)
            if len(held) == TOGETHER:
                yield from _places_told(table, held)
                held = []
        yield from _places_told(table, held)

    def _merged(self, table: Table, where: Sequence[Any]) -> Iterator[Difference]:
        names = [column.name for column in table.columns]
        places = [names.index(column.name) for column in table.primary_key.columns]
        wide = [i for i, column in enumerate(table.columns) if self._raw and isinstance(column.type, U64)]
        left = ordered_rows(self._stored, table, raw=self._raw, where=where)
        right = ordered_rows(self._recomputed, table, raw=self._raw, where=where)
        ours, theirs = next(left, None), next(right, None)
        count = 0
        while ours is not None or theirs is not None:
            count += 1
            if ours == theirs and not (wide and ours and any(type(ours[i]) is float for i in wide)):
                ours, theirs = next(left, None), next(right, None)
            elif ours is not None and (theirs is None or _before(ours, theirs, places)):
                yield Difference(table, EXTRA, _key(names, places, ours), tuple(names),
                                 dict(zip(names, ours, strict=True)), None)
                ours = next(left, None)
            elif theirs is not None and (ours is None or _before(theirs, ours, places)):
                yield Difference(table, MISSING, _key(names, places, theirs), tuple(names), None,
                                 dict(zip(names, theirs, strict=True)))
                theirs = next(right, None)
            elif ours is not None and theirs is not None:
                different = tuple(name for name, a, b in zip(names, ours, theirs, strict=True)
                                  if a != b or type(a) is not type(b))
                yield Difference(table, CHANGED, _key(names, places, theirs), different,
                                 dict(zip(names, ours, strict=True)), dict(zip(names, theirs, strict=True)))
                ours, theirs = next(left, None), next(right, None)
            self.rows[table.name] = count
        self.rows[table.name] = count


def _places_told(table: Table, held: Sequence[Difference]) -> Iterator[Difference]:
    """The differences, those named as reordered whose row is right but for its place, or is another's."""
    keys = {column.name for column in table.primary_key.columns}
    rest = [column.name for column in table.columns if column.name not in PLACES | keys]
    rest = rest or [column.name for column in table.columns if column.name not in PLACES]
    wanted: dict[tuple[Any, ...], int] = {}
    for place, found in enumerate(held):
        if found.recomputed is not None:
            wanted[_values(found.recomputed, rest)] = place
    taken: set[int] = set()
    for place, found in enumerate(held):
        if found.stored is None:
            continue
        if found.kind == CHANGED and set(found.columns) <= PLACES:
            taken.add(place)
            continue
        other = wanted.get(_values(found.stored, rest))
        if other is not None and other != place and len(keys & PLACES) + len(rest) > 0 \
                and _swapped(held[other], found):
            taken |= {place, other}
    for place, found in enumerate(held):
        yield replace(found, kind=REORDERED) if place in taken else found


def _swapped(right: Difference, found: Difference) -> bool:
    """Whether a row that is found here belongs there, rather than merely looking like it."""
    if found.kind == EXTRA:  # the key itself moved: it must differ in its place alone
        return right.kind == MISSING and all(
            found.key[name] == value for name, value in right.key.items() if name not in PLACES)
    return found.kind == right.kind == CHANGED


def _values(row: Mapping[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _key(names: Sequence[str], places: Sequence[int], row: tuple[Any, ...]) -> dict[str, Any]:
    return {names[place]: row[place] for place in places}


def _before(one: tuple[Any, ...], other: tuple[Any, ...], places: Sequence[int]) -> bool:
    """Whether a key comes before another in the database's order, whatever types somebody put there."""
    for place in places:
        if one[place] != other[place]:
            return _rank(one[place]) < _rank(other[place])
    return False


def _rank(value: Any) -> tuple[int, Any]:
    """SQLite's order: nothing, numbers, text, bytes."""
    if value is None:
        return 0, 0
    if isinstance(value, str):
        return 2, value.encode("utf-8", "surrogatepass")
    return (3, value) if isinstance(value, bytes) else (1, value)
