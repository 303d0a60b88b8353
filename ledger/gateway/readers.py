"""Who a payload is sealed to: customs, poster, counterparty, and who has to do with what it touches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from ledger.chain.views import View
from ledger.directory import Directory
from ledger.errors import InputError, NotFoundError
from ledger.events.model import ZERO32, CustodyEvent
from ledger.vocabulary import Role


class Readers(Protocol):
    """What choosing readers needs to know of others."""

    def readers_of(self, identifiers: Iterable[bytes]) -> set[int]:
        """Participants that have to do with these units, declaration lines or events (PayloadStore)."""
        ...

    def reading_key(self, participant: int) -> bytes | None:
        """Public reading key of a participant (32 bytes), or None."""
        ...


class ChainReaders:
    """Readers by the payload store, reading keys from the ledger; keys are kept until `refresh`."""

    def __init__(self, readers_of: Callable[[Iterable[bytes]], set[int]], view: View) -> None:
        self._readers_of = readers_of
        self._view = view
        self._keys: dict[int, bytes | None] = {}

    def readers_of(self, identifiers: Iterable[bytes]) -> set[int]:
        """Participants that have to do with these units, lines or events."""
        return self._readers_of(identifiers)

    def reading_key(self, participant: int) -> bytes | None:
        """Public reading key of a participant as registered on the ledger, or None."""
        if participant not in self._keys:
            found = self._view.participant(participant)
            self._keys[participant] = found.reading_key if found and any(found.reading_key) else None
        return self._keys[participant]

    def refresh(self) -> None:
        """Ask the ledger again: a participant was admitted or changed its key."""
        self._keys.clear()


def choose_readers(
    event: CustodyEvent, poster: int, directory: Directory, readers: Readers, *, book: str | None = None,
) -> dict[int, bytes]:
    """Readers of a new event: participant number to public reading key.

    All of customs, the poster, the counterparty named in the event, the owner of the book it belongs to
    (`book` where its content says more than is signed), and by `readers_of` who has to do with its units,
    with the declaration line or the event it refers to.

    Raises:
        InputError: customs or the poster has no reading key on the ledger, or there is no customs.
    """
    customs = {entry.number for entry in directory.with_role(Role.CUSTOMS)}
    if not customs:
        raise InputError("nobody in the directory has the role CUSTOMS: there is nobody to seal to.")
    touched = [line.unit for line in event.lines if line.unit != ZERO32]
    if event.reference != ZERO32:
        touched.append(event.reference)
    others = readers.readers_of(touched) | {event.counterparty} | _owner(event.book or book, directory)
    found = {}
    for number in sorted(customs | {poster} | others - {0}):
        key = readers.reading_key(number)
        if key is not None:
            found[number] = key
        elif number == poster or number in customs:
            raise InputError(f"participant {number} has no reading key on the ledger.",
                             remedy="The authority must register it.")
    return found


def _owner(book: int | str | None, directory: Directory) -> set[int]:
    """The owner of a book reads what customs posts about it; an unknown book is for the ledger to refuse."""
    try:
        return {directory.participant(directory.book(book).owner).number} if book else set()
    except NotFoundError:
        return set()
