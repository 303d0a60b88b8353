"""What the ledger's logs say, as typed records. Layouts of packed words: docs/formats/contracts.md.

`log_index` counts within the block. Quantities are in micro-units (10⁻⁶ of the unit of measure).
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.events.model import CustodyEvent
from ledger.quick import quick
from ledger.vocabulary import Balance, LineRole, LineStatus, Origin, Outcome, Thing, UnitStatus


@quick
@dataclass(frozen=True, slots=True)
class UnitState:
    """State of a container, cargo or lot (word of UnitChanged).

    Attributes:
        empty: of a container: it arrived empty, or was stripped; of a lot: its open offer is a TRANSFER.
        inside: it is inside a container, which then has custodian, facility and status for it.
        holds: bit mask, one bit an authority.
        custodian, facility, offeree: numbers; 0 where none (no open offer if `offeree` is 0).
        offer_expiry_s: the offer counts as none after this block time.
        offer_tag: the first 9 bytes of the OFFER's event id; of a lot's offer the first 60 bits of them.
    """

    thing: Thing
    status: UnitStatus
    eligible: bool
    empty: bool
    inside: bool
    holds: int
    custodian: int
    facility: int
    offeree: int
    offer_expiry_s: int
    inside_count: int
    inside_held: int
    inside_not_eligible: int
    offer_tag: bytes

    def open_offer(self, now_s: int) -> bool:
        """Whether an offer stands at that block time."""
        return self.offeree != 0 and now_s <= self.offer_expiry_s

    def is_offer(self, event_id: bytes) -> bool:
        """Whether the open offer, if there is one, is this event."""
        spare_bits = 12 if self.thing is Thing.LOT else 0
        differing = int.from_bytes(event_id[:9], "big") ^ int.from_bytes(self.offer_tag, "big")
        return differing >> spare_bits == 0


@quick
@dataclass(frozen=True, slots=True)
class LotBalances:
    """Balances of a lot; `loaded_micro` is over all lines."""

    raw_micro: int
    wip_micro: int
    finished_micro: int
    scrap_micro: int
    short_micro: int
    loaded_micro: int

    def of(self, balance: Balance) -> int:
        """One balance in micro-units."""
        return {
            Balance.RAW: self.raw_micro, Balance.WIP: self.wip_micro,
            Balance.FINISHED: self.finished_micro, Balance.SCRAP: self.scrap_micro,
            Balance.SHORT: self.short_micro, Balance.LOADED: self.loaded_micro,
        }[balance]


@quick
@dataclass(frozen=True, slots=True)
class LineState:
    """State of a declaration line; `purpose` is one of the line roles RECEIVE to TRANSFER_OUT."""

    declarant: int
    purpose: LineRole
    status: LineStatus
    holds: int


@quick
@dataclass(frozen=True, slots=True)
class LineAmounts:
    """Amounts of a declaration line."""

    quantity_micro: int
    drawn_micro: int
    exited_micro: int
    returned_micro: int


def unpack_unit_state(word: int) -> UnitState:
    """Read the state word of a container, cargo or lot."""
    return UnitState(
        thing=Thing(word & 3), status=UnitStatus(word >> 2 & 7), eligible=bool(word >> 5 & 1),
        empty=bool(word >> 6 & 1), inside=bool(word >> 7 & 1), holds=word >> 8 & 0xFFFF,
        custodian=word >> 24 & 0xFFFFFF,
        facility=word >> 48 & 0xFFFFFF, offeree=word >> 72 & 0xFFFFFF,
        offer_expiry_s=word >> 96 & 0xFFFFFFFFFF, inside_count=word >> 136 & 0xFFFF,
        inside_held=word >> 152 & 0xFFFF,
        inside_not_eligible=word >> 168 & 0xFFFF, offer_tag=(word >> 184).to_bytes(9, "big"))


def unpack_balances(balances: int, more: int) -> LotBalances:
    """Read the two balance words of a lot."""
    raw, wip, finished, scrap = _four(balances)
    short, loaded, _, _ = _four(more)
    return LotBalances(raw, wip, finished, scrap, short, loaded)


def unpack_line_state(word: int) -> LineState:
    """Read the state word of a declaration line."""
    return LineState(
        declarant=word & 0xFFFFFFFF, purpose=LineRole(word >> 32 & 0xFF),
        status=LineStatus(word >> 40 & 0xFF), holds=word >> 48 & 0xFFFF)


def unpack_line_amounts(word: int) -> LineAmounts:
    """Read the amounts word of a declaration line."""
    return LineAmounts(*_four(word))


def _four(word: int) -> tuple[int, int, int, int]:
    mask = 0xFFFFFFFFFFFFFFFF
    return word & mask, word >> 64 & mask, word >> 128 & mask, word >> 192


@quick
@dataclass(frozen=True, slots=True)
class AmountsChanged:
    """Some balances of a lot after the event, of which its outcome says so; the others are as they were."""

    log_index: int
    lot: bytes
    amounts_micro: tuple[tuple[Balance, int], ...]


@quick
@dataclass(frozen=True, slots=True)
class LoadedChanged:
    """What of a lot is loaded for one line after the event, as its outcome says."""

    log_index: int
    lot: bytes
    line: bytes
    quantity_micro: int


@quick
@dataclass(frozen=True, slots=True)
class LineAmountChanged:
    """What is drawn or exited of a line after the event, as its outcome says; what is not told is None."""

    log_index: int
    line: bytes
    drawn_micro: int | None
    exited_micro: int | None


Told = AmountsChanged | LoadedChanged | LineAmountChanged


@quick
@dataclass(frozen=True, slots=True)
class EventOutcome:
    """An event was taken: recorded, pending or refused. State changes that follow belong to it.

    Attributes:
        told: state changes that it says itself; they come before those that follow.
    """

    log_index: int
    event_id: bytes
    participant: int
    signer: bytes
    outcome: Outcome
    event: CustodyEvent
    told: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class EventNotTaken:
    """An event that left no trace but this: bad signature, unknown signer, nonce used, wrong witness."""

    log_index: int
    event_id: bytes
    code: Outcome


@quick
@dataclass(frozen=True, slots=True)
class UnitChanged:
    """State of a container, cargo or lot after the event."""

    log_index: int
    unit: bytes
    word: int

    @property
    def state(self) -> UnitState:
        """The word, read."""
        return unpack_unit_state(self.word)


@dataclass(frozen=True, slots=True)
class InsideChanged:
    """A thing is inside a container since this event, or (32 zero bytes) in none."""

    log_index: int
    unit: bytes
    container: bytes


@dataclass(frozen=True, slots=True)
class ContentsNotEligible:
    """No cargo inside the container is eligible any more: it was released or reassigned."""

    log_index: int
    container: bytes


@dataclass(frozen=True, slots=True)
class NormExceeded:
    """The TRANSFORM used more of a material than the norm that it names allows; it is recorded."""

    log_index: int
    event_id: bytes
    material: bytes
    allowed_micro: int
    used_micro: int


@dataclass(frozen=True, slots=True)
class LotCreated:
    """A lot came to be."""

    log_index: int
    lot: bytes
    material: bytes
    source_line: bytes
    book: int
    origin: Origin
    word: int
    balances_word: int

    @property
    def state(self) -> UnitState:
        """The state word, read."""
        return unpack_unit_state(self.word)

    @property
    def balances(self) -> LotBalances:
        """The balances word, read; nothing is short or loaded of a new lot."""
        return unpack_balances(self.balances_word, 0)


@quick
@dataclass(frozen=True, slots=True)
class LotChanged:
    """Balances of a lot after the event."""

    log_index: int
    lot: bytes
    balances_word: int
    more_word: int

    @property
    def balances(self) -> LotBalances:
        """The balance words, read."""
        return unpack_balances(self.balances_word, self.more_word)


@dataclass(frozen=True, slots=True)
class LineDeclared:
    """A declaration line was created or amended; `version` is the id of the DECLARE event."""

    log_index: int
    line: bytes
    material: bytes
    original: bytes
    version: bytes


@quick
@dataclass(frozen=True, slots=True)
class LineChanged:
    """State and amounts of a declaration line after the event."""

    log_index: int
    line: bytes
    word: int
    amounts_word: int

    @property
    def state(self) -> LineState:
        """The state word, read."""
        return unpack_line_state(self.word)

    @property
    def amounts(self) -> LineAmounts:
        """The amounts word, read."""
        return unpack_line_amounts(self.amounts_word)


@dataclass(frozen=True, slots=True)
class PendingEnded:
    """An event waits for approval no more: executed, denied, cancelled, or its checks failed at approval."""

    log_index: int
    event_id: bytes


@dataclass(frozen=True, slots=True)
class SuccessorSet:
    """The ledger takes no more events; the one at this address does."""

    log_index: int
    successor: bytes


@dataclass(frozen=True, slots=True)
class ParticipantAdmitted:
    """The authority admitted an organisation."""

    log_index: int
    participant: int
    roles: int
    hold_bit: int
    reading_key: bytes


@dataclass(frozen=True, slots=True)
class RolesChanged:
    """All roles that a participant has from now on."""

    log_index: int
    participant: int
    roles: int


@dataclass(frozen=True, slots=True)
class ParticipantSuspended:
    """All acts of the participant are refused from now on."""

    log_index: int
    participant: int


@dataclass(frozen=True, slots=True)
class ParticipantReinstated:
    """A suspended participant may act again."""

    log_index: int
    participant: int


@dataclass(frozen=True, slots=True)
class ReadingKeyChanged:
    """New X25519 key of a participant."""

    log_index: int
    participant: int
    reading_key: bytes


@dataclass(frozen=True, slots=True)
class SignerAdded:
    """A key may sign for a participant, both seconds included."""

    log_index: int
    signer: bytes
    participant: int
    valid_from_s: int
    valid_until_s: int


@dataclass(frozen=True, slots=True)
class SignerLimited:
    """The key just added may act at one place only."""

    log_index: int
    signer: bytes
    facility: int


@dataclass(frozen=True, slots=True)
class SignerRevoked:
    """A key may never sign again."""

    log_index: int
    signer: bytes
    participant: int


@dataclass(frozen=True, slots=True)
class ParticipantRecovered:
    """All signers that a participant had are revoked; a SignerAdded follows."""

    log_index: int
    participant: int
    key_epoch: int


@dataclass(frozen=True, slots=True)
class FacilityRolesSet:
    """All roles that a participant has at one place from now on, beside those that it has everywhere."""

    log_index: int
    participant: int
    facility: int
    roles: int


@dataclass(frozen=True, slots=True)
class DeviceAdded:
    """A measuring device's Ed25519 key; `facility` 0 for one that is carried about."""

    log_index: int
    public_key: bytes
    participant: int
    facility: int
    valid_from_s: int
    valid_until_s: int
    calibrated_until_s: int


@dataclass(frozen=True, slots=True)
class DeviceCalibrated:
    """Last second up to which a device's calibration holds from now on."""

    log_index: int
    public_key: bytes
    calibrated_until_s: int


@dataclass(frozen=True, slots=True)
class DeviceRevoked:
    """A device's readings count no longer; those recorded before still do."""

    log_index: int
    public_key: bytes
    participant: int


@dataclass(frozen=True, slots=True)
class FacilitySet:
    """A place was set up or changed."""

    log_index: int
    facility: int
    operator: int
    supervised: bool


@dataclass(frozen=True, slots=True)
class BookSet:
    """A book was set up or changed; `options` is a mask of BookOption."""

    log_index: int
    book: int
    owner: int
    regime: int
    options: int


@dataclass(frozen=True, slots=True)
class OpeningClosed:
    """A book takes no opening stock any more."""

    log_index: int
    book: int


@dataclass(frozen=True, slots=True)
class RoleGranted:
    """An account has a role of the access control; `delay_s` is how long its acts wait."""

    log_index: int
    role: int
    account: bytes
    delay_s: int


@dataclass(frozen=True, slots=True)
class RoleRevoked:
    """An account has a role no longer."""

    log_index: int
    role: int
    account: bytes


@dataclass(frozen=True, slots=True)
class ActAnnounced:
    """A member announced an act; `count` tells announcements of the same act apart."""

    log_index: int
    operation: bytes
    count: int
    ready_at_s: int
    caller: bytes
    target: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class ActExecuted:
    """An announced act was carried out."""

    log_index: int
    operation: bytes
    count: int


@dataclass(frozen=True, slots=True)
class ActCancelled:
    """An announced act was cancelled."""

    log_index: int
    operation: bytes
    count: int


Fact = (
    EventOutcome | EventNotTaken | UnitChanged | InsideChanged | ContentsNotEligible | NormExceeded
    | LotCreated | LotChanged | LoadedChanged | LineDeclared | LineChanged | PendingEnded | SuccessorSet
    | ParticipantAdmitted | RolesChanged | ParticipantSuspended | ParticipantReinstated
    | ReadingKeyChanged | SignerAdded | SignerLimited | SignerRevoked | ParticipantRecovered
    | FacilityRolesSet | DeviceAdded | DeviceCalibrated | DeviceRevoked | FacilitySet | BookSet
    | OpeningClosed | RoleGranted | RoleRevoked | ActAnnounced | ActExecuted | ActCancelled
)
