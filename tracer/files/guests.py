"""A directory for files: whoever an event names is known, under the last part of the name.

A ledger refuses names that its authority did not publish; a folder has no authority. A `participants.json`
beside the events gives names their short ids where they are not the last part of the URI.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from ledger.directory import BookEntry, Directory, FacilityEntry, ParticipantEntry
from ledger.errors import NotFoundError
from ledger.vocabulary import Role

Entry = TypeVar("Entry", ParticipantEntry, FacilityEntry, BookEntry)
SECRET = bytes(32)
"""Makes ids within one reading only; they never leave it."""


class Guests(Directory):
    """A directory that takes in everybody who is named."""

    def __init__(self, known: Directory) -> None:
        super().__init__(list(known.participants), list(known.facilities), list(known.books))
        self._found: dict[tuple[str, str | int], ParticipantEntry | FacilityEntry | BookEntry] = {}

    def participant(self, key: str | int) -> ParticipantEntry:
        """The participant of that name, new or known."""
        entry = self._found.get(("participants", key))
        if not isinstance(entry, ParticipantEntry):
            try:
                entry = super().participant(key)
            except NotFoundError:
                if isinstance(key, int):
                    raise
                known = {p.id: p for p in self.participants}
                entry = known.get(_short(key)) or ParticipantEntry(  # named by its short id before
                    self.next_number("participants"), *_names(key), _short(key), Role(0))
                if entry.id not in known:
                    self.participants.append(entry)
            self._found["participants", key] = entry
        return entry

    def facility(self, key: str | int) -> FacilityEntry:
        """The place of that name, new or known."""
        entry = self._found.get(("facilities", key))
        if not isinstance(entry, FacilityEntry):
            try:
                entry = super().facility(key)
            except NotFoundError:
                if isinstance(key, int):
                    raise
                known = {p.id: p for p in self.facilities}
                entry = known.get(_short(key)) or FacilityEntry(
                    self.next_number("facilities"), *_names(key), _short(key), "", supervised=False)
                if entry.id not in known:
                    self.facilities.append(entry)
            self._found["facilities", key] = entry
        return entry

    def book(self, key: str | int) -> BookEntry:
        """The book of that name, new or known."""
        entry = self._found.get(("books", key))
        if not isinstance(entry, BookEntry):
            try:
                entry = super().book(key)
            except NotFoundError:
                if isinstance(key, int):
                    raise
                entry = BookEntry(self.next_number("books"), key, key, "", "")
                self.books.append(entry)
            self._found["books", key] = entry
        return entry


def guests(path: Path) -> Guests:
    """A directory that starts with the names of a file, where there is one.

    Raises:
        InputError: the file is not a directory of names.
    """
    return Guests(Directory.load(path))


class Keys(Mapping[str, bytes]):
    """A key for every enterprise, for ids within one reading."""

    def __getitem__(self, enterprise: str) -> bytes:
        return hashlib.sha256(enterprise.encode()).digest()

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _names(key: str) -> tuple[str, str]:
    """Short id and URI; a name without a colon is a short id alone."""
    return _short(key), key if ":" in key else ""


def _short(key: str) -> str:
    plain = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    last = plain.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    return last.split(".")[0] if plain == last else last
