"""What crosses from a poster to a gateway: a signed event with its sealed payload, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.errors import InputError, TooLargeError
from ledger.events.model import CustodyEvent, event_id
from ledger.keys import wire
from ledger.keys.sealing import SealedPayload
from ledger.vocabulary import Outcome

VERSION = 1
EVENT_ID_LENGTH_MAX = 500       # characters of an EPCIS eventID: a URI, bounded
WITNESS_BYTES_MAX = 32_768      # an event of 64 lines has 10,700 bytes as a witness


@dataclass(frozen=True, slots=True)
class SignedSubmission:
    """A signed event on its way to the ledger.

    Attributes:
        custody_event: what was signed. signature: 65 bytes over its EIP-712 digest.
        witness: what APPROVE, DENY and CORRECT show of the event they name; empty where the gateway knows it.
        payload: the sealed content; its commitment is the event's.
        epcis_event_id, is_correction: the label of the content; other content under it is a conflict.
        participant: number of the participant that the poster says it is; the ledger decides.
    """

    custody_event: CustodyEvent
    signature: bytes
    witness: bytes
    payload: SealedPayload
    epcis_event_id: str
    is_correction: bool
    participant: int

    def event_id(self, separator: bytes) -> bytes:
        """The ledger's id of the event under a ledger's domain separator."""
        return event_id(self.custody_event, separator)

    def to_json(self) -> dict[str, Any]:
        """The submission as JSON values: the wire form of a signed capture."""
        return {
            "version": VERSION, "event": self.custody_event.to_json(),
            "signature": wire.to_hex(self.signature), "witness": wire.to_hex(self.witness),
            "payload": self.payload.to_json(),
            "eventID": self.epcis_event_id, "isCorrection": self.is_correction,
            "participant": self.participant,
        }

    @classmethod
    def from_json(cls, value: Any) -> SignedSubmission:
        """Read what `to_json` wrote.

        Raises:
            InputError: malformed.
            TooLargeError: payload or witness beyond its limit.
        """
        fields = wire.exact_fields(value, {"version", "event", "signature", "witness", "payload", "eventID",
                                           "isCorrection", "participant"}, "a signed submission")
        if fields["version"] != VERSION:
            raise InputError(f"a signed submission of version {VERSION} is expected.", pointer="/version")
        if type(fields["isCorrection"]) is not bool:
            raise InputError("isCorrection is true or false.", pointer="/isCorrection")
        witness = wire.read_hex(fields["witness"], None, "witness")
        if len(witness) > WITNESS_BYTES_MAX:
            raise TooLargeError(f"a witness has at most {WITNESS_BYTES_MAX} bytes.", pointer="/witness")
        return cls(
            CustodyEvent.from_json(fields["event"]), wire.read_hex(fields["signature"], 65, "signature"),
            witness, SealedPayload.from_json(fields["payload"]),
            wire.read_text(fields["eventID"], EVENT_ID_LENGTH_MAX, "eventID"), fields["isCorrection"],
            wire.read_int(fields["participant"], 32, "participant"))


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One step of an event's way: status, its outcome's name if any, when (seconds), where, and why."""

    status: str
    outcome: str | None
    at_s: int
    tx_hash: bytes | None
    block_number: int | None
    note: str

    @property
    def label(self) -> str:
        """`queued`, `recorded`, `refused:HELD`, ..."""
        return label_of(self.status, self.outcome)


@dataclass(frozen=True, slots=True)
class EventStatus:
    """Where a submitted event is.

    Attributes:
        status: `queued`, `submitted`, `recorded`, `pending`, `refused` or `not_taken`.
        outcome: name of the outcome code once there is one.
        waiting_for: event id that this one answers and that nobody has seen, while it waits for it.
        reference, reference_label: the event it answers and where that one is, if this gateway knows it.
        occurred_at_s, received_at_s: when it happened, and when this gateway got it.
        late_s: seconds from its occurrence to its block (to its receipt here, before there is one).
        late: whether that is more than the network calls punctual.
        tx_hash, block_number, block_hash, log_index: where it stands on chain; with status `submitted` and a
            block it waits for that block to become final.
        block_time_s: time of that block, once final.
        history: every status it had, oldest first.
    """

    event_id: bytes
    epcis_event_id: str
    is_correction: bool
    participant: int
    status: str
    outcome: str | None
    waiting_for: bytes | None
    reference: bytes | None
    reference_label: str | None
    occurred_at_s: int
    received_at_s: int
    late_s: int
    late: bool
    tx_hash: bytes | None
    block_number: int | None
    block_hash: bytes | None
    block_time_s: int | None
    log_index: int | None
    history: tuple[StatusChange, ...]

    @property
    def label(self) -> str:
        """`queued`, `recorded`, `refused:HELD`, ..."""
        return label_of(self.status, self.outcome)

    @property
    def final(self) -> bool:
        """Whether the ledger (or the gateway, for what was not taken) has decided."""
        return self.status not in ("queued", "submitted")


@dataclass(frozen=True, slots=True)
class Ticket:
    """Answer to a submission. `repeated`: the same submission was taken before, this is where it is now."""

    status: EventStatus
    repeated: bool

    @property
    def event_id(self) -> bytes:
        """The ledger's id of the event."""
        return self.status.event_id


TX_FAILED = "TX_FAILED"
LEDGER_ENDED = "LEDGER_ENDED"


@dataclass(frozen=True, slots=True)
class Settled:
    """An event whose outcome has just become known.

    Attributes:
        code: name of the outcome; `TX_FAILED` where the transaction itself fails on this event,
            `LEDGER_ENDED` where it was signed for a ledger that another follows by now.
        participant: by the ledger where it took the event, else as the poster says.
    """

    event_id: bytes
    epcis_event_id: str
    is_correction: bool
    participant: int
    custody_event: CustodyEvent
    status: str
    code: str
    tx_hash: bytes
    block_number: int

    @property
    def outcome(self) -> Outcome | None:
        """The ledger's outcome; None for TX_FAILED and LEDGER_ENDED, which are none of the ledger's."""
        return Outcome.__members__.get(self.code)

    @property
    def label(self) -> str:
        """`recorded`, `refused:HELD`, ..."""
        return label_of(self.status, self.code)


def status_of(outcome: Outcome) -> str:
    """Status that an outcome leads to."""
    if not outcome.taken:
        return "not_taken"
    if outcome.refused:
        return "refused"
    return "pending" if outcome is Outcome.PENDING else "recorded"


def label_of(status: str, outcome: str | None) -> str:
    """`queued`, `recorded`, `refused:HELD`, ..."""
    return f"{status}:{outcome}" if outcome and status in ("refused", "not_taken") else status
