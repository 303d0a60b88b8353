"""What the contracts show to anybody who asks: one call each, at the latest block.

For readers that need the present state without an index: gateways, the authority, tests. Histories come from
logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from ledger.chain.client import ChainClient
from ledger.chain.codec import Contracts, call_data
from ledger.chain.facts import (
    LineAmounts,
    LineState,
    LotBalances,
    UnitState,
    unpack_balances,
    unpack_line_amounts,
    unpack_line_state,
    unpack_unit_state,
)
from ledger.errors import TrustError
from ledger.vocabulary import Origin, Role


@dataclass(frozen=True, slots=True)
class ParticipantView:
    """An organisation; `hold_bit` is 255 where it may set no hold."""

    roles: Role
    hold_bit: int
    suspended: bool
    supervised_count: int
    key_epoch: int
    """How often its keys were recovered."""
    reading_key: bytes


@dataclass(frozen=True, slots=True)
class SignerView:
    """A key and the seconds, both included, between which it may sign.

    Attributes:
        revoked_at_s: block time of its revocation, by name or by a recovery of its participant; None if none.
        facility: the one place at which it may act; 0 for anywhere.
        epoch: the participant's key epoch in which it was added.
    """

    participant: int
    valid_from_s: int
    valid_until_s: int
    revoked_at_s: int | None = None
    facility: int = 0
    epoch: int = 0

    @property
    def revoked(self) -> bool:
        """Whether it may never sign again."""
        return self.revoked_at_s is not None


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A measuring device's Ed25519 key, the seconds in which its readings count, and its calibration.

    Attributes:
        participant: whose device it is.
        facility: where it stands; 0 for one that is carried about.
        calibrated_until_s: last second up to which its calibration holds.
        revoked_at_s: block time of its revocation; None if none.
    """

    participant: int
    facility: int
    valid_from_s: int
    valid_until_s: int
    calibrated_until_s: int
    revoked_at_s: int | None = None


@dataclass(frozen=True, slots=True)
class FacilityView:
    """A place."""

    operator: int
    supervised: bool


@dataclass(frozen=True, slots=True)
class BookView:
    """A book; `options` is a mask of BookOption."""

    owner: int
    regime: int
    options: int
    opening_open: bool


@dataclass(frozen=True, slots=True)
class LotView:
    """A lot."""

    material: bytes
    source_line: bytes
    book: int
    origin: Origin
    balances: LotBalances


@dataclass(frozen=True, slots=True)
class LineView:
    """A declaration line; `version` is the id of the DECLARE event at which it stands."""

    state: LineState
    amounts: LineAmounts
    material: bytes
    original: bytes
    version: bytes


@dataclass(frozen=True, slots=True)
class PendingView:
    """An event that waits for approval."""

    kind: int
    participant: int
    signer: bytes


class View:
    """Read-only calls to one deployment. What does not exist is None."""

    def __init__(self, chain: ChainClient, contracts: Contracts) -> None:
        self._chain = chain
        self._contracts = contracts

    def _ask(self, contract: bytes, signature: str, returns: str, *arguments: Any) -> Any:
        answer = self._chain.call(contract, call_data(signature, *arguments))
        try:
            return decode([returns], answer)[0]
        except (DecodingError, OverflowError) as fault:
            raise TrustError(f"the answer of {signature} cannot be read: {fault}.") from fault

    def participant(self, number: int) -> ParticipantView | None:
        """An organisation by number."""
        roles, hold_bit, suspended, supervised, epoch, key = self._ask(
            self._contracts.participants, "participantOf(uint32)", "(uint16,uint8,bool,uint32,uint8,bytes32)",
            number)
        return ParticipantView(Role(roles), hold_bit, suspended, supervised, epoch, key) if roles else None

    def signer(self, address: bytes) -> SignerView | None:
        """A key by its address."""
        holder, first, last, revoked_at, facility, epoch = self._ask(
            self._contracts.participants, "signerOf(address)", "(uint32,uint64,uint64,uint64,uint24,uint8)",
            address)
        return SignerView(holder, first, last, revoked_at or None, facility, epoch) if holder else None

    def device(self, public_key: bytes) -> DeviceView | None:
        """A measuring device by its Ed25519 public key (32 bytes)."""
        holder, facility, first, last, calibrated, revoked_at = self._ask(
            self._contracts.participants, "deviceOf(bytes32)", "(uint32,uint32,uint64,uint64,uint64,uint64)",
            public_key)
        return DeviceView(holder, facility, first, last, calibrated, revoked_at or None) if holder else None

    def facility_roles(self, participant: int, facility: int) -> Role:
        """Roles that an organisation has at one place, beside those that it has everywhere."""
        return Role(self._ask(
            self._contracts.participants, "facilityRolesOf(uint32,uint32)", "uint16", participant, facility))

    def facility(self, number: int) -> FacilityView | None:
        """A place by number."""
        found = FacilityView(*self._ask(
            self._contracts.participants, "facilityOf(uint32)", "(uint32,bool)", number))
        return found if found.operator else None

    def book(self, number: int) -> BookView | None:
        """A book by number."""
        found = BookView(*self._ask(
            self._contracts.participants, "bookOf(uint32)", "(uint32,uint8,uint8,bool)", number))
        return found if found.owner else None

    def unit(self, unit: bytes) -> UnitState | None:
        """State of a container, cargo or lot."""
        word = self._ask(self._contracts.ledger, "unitOf(bytes32)", "uint256", unit)
        return unpack_unit_state(word) if word else None

    def lot(self, lot: bytes) -> LotView | None:
        """What a lot is and holds."""
        material, source, book, origin, balances, more = self._ask(
            self._contracts.ledger, "lotOf(bytes32)", "(bytes32,bytes32,uint32,uint8,uint256,uint256)", lot)
        if not book:
            return None
        return LotView(material, source, book, Origin(origin), unpack_balances(balances, more))

    def line(self, line: bytes) -> LineView | None:
        """A declaration line and what is left of it."""
        state, amounts, material, original, version = self._ask(
            self._contracts.ledger, "lineOf(bytes32)", "(uint256,uint256,bytes32,bytes32,bytes32)", line)
        if not state:
            return None
        return LineView(unpack_line_state(state), unpack_line_amounts(amounts), material, original, version)

    def loaded_micro(self, lot: bytes, line: bytes) -> int:
        """What of a lot is loaded for a line and has not exited, in micro-units."""
        return int(self._ask(self._contracts.ledger, "loadedOf(bytes32,bytes32)", "uint64", lot, line))

    def head(self, unit: bytes) -> bytes | None:
        """Head of the chain of events that named a unit or line."""
        head = bytes(self._ask(self._contracts.ledger, "headOf(bytes32)", "bytes32", unit))
        return head if any(head) else None

    def pending(self, event_id: bytes) -> PendingView | None:
        """What waits for approval under an event id."""
        kind, participant, signer = self._ask(
            self._contracts.ledger, "pendingOf(bytes32)", "(uint8,uint32,address)", event_id)
        return PendingView(kind, participant, bytes.fromhex(signer[2:])) if kind else None

    def nonce_used(self, signer: bytes, nonce: int) -> bool:
        """Whether a key has used a nonce."""
        return bool(self._ask(self._contracts.ledger, "nonceUsed(address,uint64)", "bool", signer, nonce))

    def successor(self) -> bytes | None:
        """Address of the ledger that follows this one, or None while this one takes events."""
        address = bytes.fromhex(self._ask(self._contracts.ledger, "successor()", "address")[2:])
        return address if any(address) else None

    def delays_s(self) -> tuple[int, int, int, int]:
        """Delays that a member gets: of the register, the authority, a recovery, a succession."""
        register, authority, recovery, succession = self._ask(
            self._contracts.manager, "delays()", "(uint32,uint32,uint32,uint32)")
        return register, authority, recovery, succession

    def member_count(self) -> int:
        """How many members the authority has."""
        return int(self._ask(self._contracts.manager, "memberCount()", "uint256"))

    def domain_separator(self) -> bytes:
        """EIP-712 domain separator under which events are signed."""
        return bytes(self._ask(self._contracts.ledger, "domainSeparator()", "bytes32"))
