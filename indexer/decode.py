"""Checked receipts to facts: which event was taken or not, what it changed, what the authority changed.

The contract tells state in the outcome it belongs to or logs it directly after it; this module ties the two
together and refuses any other order, because code that was pinned at the start cannot log one. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from indexer.faults import LedgerEndedError, LogFormatError, WrongLedgerError
from indexer.source import CheckedBlock
from ledger.chain.codec import decode_logs
from ledger.chain.facts import (
    ActAnnounced,
    ActCancelled,
    ActExecuted,
    AmountsChanged,
    BookSet,
    ContentsNotEligible,
    DeviceAdded,
    DeviceCalibrated,
    DeviceRevoked,
    EventNotTaken,
    EventOutcome,
    FacilityRolesSet,
    FacilitySet,
    Fact,
    InsideChanged,
    LineAmountChanged,
    LineChanged,
    LineDeclared,
    LoadedChanged,
    LotChanged,
    LotCreated,
    NormExceeded,
    OpeningClosed,
    ParticipantAdmitted,
    ParticipantRecovered,
    ParticipantReinstated,
    ParticipantSuspended,
    PendingEnded,
    ReadingKeyChanged,
    RoleGranted,
    RoleRevoked,
    RolesChanged,
    SignerAdded,
    SignerLimited,
    SignerRevoked,
    SuccessorSet,
    UnitChanged,
)
from ledger.errors import TrustError

Change = (
    UnitChanged | InsideChanged | ContentsNotEligible | NormExceeded | LotCreated | LotChanged
    | AmountsChanged | LoadedChanged | LineDeclared | LineChanged | LineAmountChanged | PendingEnded
)
Registry = (
    ParticipantAdmitted | RolesChanged | ParticipantSuspended | ParticipantReinstated | ReadingKeyChanged
    | SignerAdded | SignerLimited | SignerRevoked | ParticipantRecovered | FacilityRolesSet | DeviceAdded
    | DeviceCalibrated | DeviceRevoked | FacilitySet | BookSet | OpeningClosed | SuccessorSet
    | RoleGranted | RoleRevoked | ActAnnounced | ActExecuted | ActCancelled
)


class Addresses(Protocol):
    """Where the contracts are; `indexer.source.PinnedLedger` says so too."""

    @property
    def ledgers(self) -> tuple[bytes, ...]:
        """Every ledger of the network, the first one first."""
        ...

    @property
    def participants(self) -> bytes:
        """The register."""
        ...

    @property
    def manager(self) -> bytes:
        """The access control."""
        ...


class Ledgers:
    """The contracts as they are read: of ledgers that follow each other, one after the other.

    Logs of a ledger count from the block's log on in which the one before it named it; logs of the one before
    cannot come after, since it takes no more events.
    """

    def __init__(self, pinned: Addresses, ended: int = 0) -> None:
        """Begin with the ledger that follows the first `ended` ones."""
        self._pinned = pinned
        self._ended = ended

    @property
    def ended(self) -> int:
        """How many ledgers have ended."""
        return self._ended

    @property
    def ledger(self) -> bytes:
        """The ledger whose logs count now."""
        return self._pinned.ledgers[self._ended]

    @property
    def participants(self) -> bytes:
        """The register, the same for all."""
        return self._pinned.participants

    @property
    def manager(self) -> bytes:
        """The access control, the same for all."""
        return self._pinned.manager

    def succeed(self, successor: bytes, number: int) -> None:
        """Read the next ledger from now on.

        Raises:
            LedgerEndedError: the deployment does not know of it.
            WrongLedgerError: the chain names another one than the deployment.
        """
        known = self._pinned.ledgers
        if self._ended + 1 >= len(known) or known[self._ended + 1] != successor:
            fault = LedgerEndedError if self._ended + 1 >= len(known) else WrongLedgerError
            raise fault(
                f"the ledger ended in block {number}; this process does not follow to its successor "
                f"0x{successor.hex()} yet.",
                remedy="Start again: a home follows to a successor that its version knows when it is opened.")
        self._ended += 1


@dataclass(slots=True)
class Taken:
    """An event with its outcome and the state it left, in log order."""

    tx_hash: bytes
    outcome: EventOutcome
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Untaken:
    """A submission that the ledger did not take."""

    fact: EventNotTaken


@dataclass(frozen=True, slots=True)
class Registered:
    """A change of participants, signers, facilities or books."""

    fact: Registry


Happening = Taken | Untaken | Registered


def decode_block(block: CheckedBlock, contracts: Ledgers) -> list[Happening]:
    """Everything that our contracts said in a block, in order.

    Raises:
        WrongLedgerError: the ledger ended and its successor is not known here.
        LogFormatError: a log of ours cannot be read, or state without the outcome it belongs to.
    """
    happenings: list[Happening] = []
    for receipt in block.receipts:
        try:
            found = decode_logs(receipt, contracts)
        except TrustError as fault:
            raise LogFormatError(f"block {block.header.number}: {fault.message}") from fault
        happenings += _group(found, receipt.tx_hash, block.header.number)
        for fact in found:
            if isinstance(fact, SuccessorSet):
                contracts.succeed(fact.successor, block.header.number)
    return happenings


def _group(found: Sequence[Fact], tx_hash: bytes, number: int) -> list[Happening]:
    """Facts of one transaction, state tied to its outcome."""
    happenings: list[Happening] = []
    current: Taken | None = None
    for fact in found:
        if isinstance(fact, EventOutcome):
            current = Taken(tx_hash, fact, list(fact.told))
            happenings.append(current)
        elif isinstance(fact, EventNotTaken):
            current = None
            happenings.append(Untaken(fact))
        elif isinstance(fact, Registry):
            happenings.append(Registered(fact))
        elif current is None:
            raise LogFormatError(f"block {number}, log {fact.log_index}: state that belongs to no event.")
        else:
            current.changes.append(fact)
    return happenings
