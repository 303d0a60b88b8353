"""Who is who: names for the numbers that stand on chain.

Names are not on chain. The authority publishes the directory (a JSON file); gateways, indexers and clients
load it.
Numbers, roles, signers and rights are the chain's; the directory only gives them names and identifiers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from ledger.errors import ConflictError, InputError, NotFoundError
from ledger.vocabulary import BookOption, Role

Entry = TypeVar("Entry", "ParticipantEntry", "FacilityEntry", "BookEntry")
NO_OPTIONS = BookOption(0)


@dataclass(frozen=True, slots=True)
class ParticipantEntry:
    """A participant: its number on chain, short id (`hai-phong-terminal`), URI, name and roles."""

    number: int
    id: str
    uri: str
    name: str
    roles: Role
    hold_bit: int = 0


@dataclass(frozen=True, slots=True)
class FacilityEntry:
    """A place: number on chain, short id, URI as in EPCIS readPoint, name, operator, supervised or not."""

    number: int
    id: str
    uri: str
    name: str
    operator: str
    supervised: bool


@dataclass(frozen=True, slots=True)
class BookEntry:
    """A book: number on chain, short id, owner, regime (`SXXK`, `GC`, ...), options."""

    number: int
    id: str
    name: str
    owner: str
    regime: str
    options: BookOption = NO_OPTIONS


@dataclass(slots=True)
class Directory:
    """All entries, found by number, short id or URI."""

    participants: list[ParticipantEntry] = field(default_factory=list)
    facilities: list[FacilityEntry] = field(default_factory=list)
    books: list[BookEntry] = field(default_factory=list)

    def participant(self, key: str | int) -> ParticipantEntry:
        """The participant with that number, id or URI.

        Raises:
            NotFoundError: nobody of that name is known.
        """
        return _find(self.participants, key, "participant")

    def facility(self, key: str | int) -> FacilityEntry:
        """The facility with that number, id or URI.

        Raises:
            NotFoundError: no such facility is known.
        """
        return _find(self.facilities, key, "facility")

    def book(self, key: str | int) -> BookEntry:
        """The book with that number or id.

        Raises:
            NotFoundError: no such book is known.
        """
        return _find(self.books, key, "book")

    def with_role(self, role: Role) -> list[ParticipantEntry]:
        """Participants that hold a role, by number."""
        return sorted((p for p in self.participants if p.roles & role), key=lambda p: p.number)

    def add(self, entry: ParticipantEntry | FacilityEntry | BookEntry) -> None:
        """Add an entry; an identical one is no error.

        Raises:
            ConflictError: number, id or URI is taken by another entry.
        """
        if isinstance(entry, ParticipantEntry):
            _add(self.participants, entry)
        elif isinstance(entry, FacilityEntry):
            _add(self.facilities, entry)
        else:
            _add(self.books, entry)

    def next_number(self, kind: str) -> int:
        """The next free number for `participants`, `facilities` or `books`; numbers start at 1."""
        return max((e.number for e in getattr(self, kind)), default=0) + 1

    def to_json(self) -> dict[str, Any]:
        """The directory as JSON values."""
        return {
            "participants": [{**asdict(p), "roles": [r.name for r in Role if r in p.roles]}
                             for p in self.participants],
            "facilities": [asdict(f) for f in self.facilities],
            "books": [{**asdict(b), "options": [o.name for o in BookOption if o in b.options]}
                      for b in self.books],
        }

    @classmethod
    def from_json(cls, value: Any) -> Directory:
        """Read what `to_json` wrote.

        Raises:
            InputError: malformed.
        """
        if not isinstance(value, dict):
            raise _malformed(f"it is {_kind_of(value)} and not an object")
        directory = cls()
        for kind, entry in _ENTRIES.items():
            rows = value.get(kind)
            if not isinstance(rows, list):
                what = f"{kind} is {_kind_of(rows)} and not a list" if kind in value else f"it has no {kind}"
                raise _malformed(what)
            for number, row in enumerate(rows, 1):
                directory.add(entry(**_fields(entry, row, f"entry {number} of {kind}")))
        return directory

    @classmethod
    def load(cls, path: Path) -> Directory:
        """Read a directory file; an absent file is an empty directory.

        Raises:
            InputError: not readable as a directory.
        """
        if not path.exists():
            return cls()
        try:
            value = json.loads(path.read_text("utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise InputError(f"{path} is not JSON: {fault}.", remedy=_REMEDY) from fault
        try:
            return cls.from_json(value)
        except InputError as fault:
            raise InputError(f"{path}: {fault.message}", remedy=fault.remedy) from fault

    def save(self, path: Path) -> None:
        """Write the file so that a crash leaves either the old or the new one."""
        temporary = path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(self.to_json(), file, indent=2, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def _add(entries: list[Entry], entry: Entry) -> None:
    for other in entries:
        if other == entry:
            return
        same_uri = getattr(entry, "uri", "") and getattr(other, "uri", "") == getattr(entry, "uri", "")
        if other.number == entry.number or other.id == entry.id or same_uri:
            raise ConflictError(f"{entry.id!r} (number {entry.number}) is taken by {other.id!r}.",
                                remedy="Choose another id.")
    entries.append(entry)


_ENTRIES: dict[str, Any] = {"participants": ParticipantEntry, "facilities": FacilityEntry, "books": BookEntry}
_REMEDY = (
    'A directory is {"participants": [...], "facilities": [...], "books": [...]}; beside the events of a '
    "book folder it may be left out."
)
_NUMBERS, _TRUTHS = ("number", "hold_bit"), ("supervised",)
_FLAGS: dict[str, Any] = {"roles": Role, "options": BookOption}


def _malformed(what: str) -> InputError:
    return InputError(f"this is no directory of names: {what}.", remedy=_REMEDY)


def _kind_of(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _fields(entry: Any, row: object, place: str) -> dict[str, Any]:
    """The fields of an entry, each of its kind."""
    if not isinstance(row, dict):
        raise _malformed(f"{place} is {_kind_of(row)} and not an object")
    known = {f.name: f.default is MISSING for f in fields(entry)}
    if unknown := sorted(row.keys() - known.keys()):
        raise _malformed(f"{place} has {', '.join(unknown)[:200]}, which no entry has")
    if missing := [name for name, needed in known.items() if needed and name not in row]:
        raise _malformed(f"{place} has no {', '.join(missing)}")
    return {name: _value(name, value, f"{name} of {place}") for name, value in row.items()}


def _value(name: str, value: object, place: str) -> Any:
    if name in _FLAGS:
        if not isinstance(value, list) or not all(isinstance(x, str) for x in value):
            raise _malformed(f"{place} is not a list of names")
        return _flags(_FLAGS[name], value, place)
    kind, words = (int, "a whole number") if name in _NUMBERS else \
        (bool, "true or false") if name in _TRUTHS else (str, "a text")
    if type(value) is not kind:
        raise _malformed(f"{place} is {_kind_of(value)} and not {words}")
    return value


def _flags(enum: Any, names: Iterable[str], place: str) -> Any:
    value = enum(0)
    for name in names:
        if name not in enum.__members__:
            raise _malformed(f"{place} names {name[:60]!r}, which is none of {', '.join(enum.__members__)}")
        value |= enum[name]
    return value


def _find(entries: list[Entry], key: str | int, what: str) -> Entry:
    for entry in entries:
        if key in (entry.number, entry.id) or (key and key == getattr(entry, "uri", None)):
            return entry
    known = ", ".join(sorted(e.id for e in entries)[:12]) or "none"
    raise NotFoundError(f"no {what} {key!r} is known.", remedy=f"Known: {known}.")
