"""The signed event: one structure for all kinds, typed by EIP-712.

The EIP-712 digest is the ledger's event id. Byte-level format and known-answer vectors:
docs/formats/events.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_hash.auto import keccak

from ledger.digest import Digest
from ledger.errors import InputError, Reason
from ledger.limits import DEFAULT_LIMITS
from ledger.quick import quick
from ledger.vocabulary import QUANTITY_MICRO_MAX, Balance, Kind, LineRole, Step

ZERO32 = bytes(32)

LINE_TYPE = "Line(bytes32 unit,bytes32 material,uint8 balance,uint64 quantity,uint8 role)"
EVENT_TYPE = (
    "CustodyEvent(uint8 kind,uint16 step,Line[] lines,uint32 counterparty,uint32 facility,uint32 book,"
    "bytes32 reference,uint64 occurredAt,uint64 deadline,uint64 nonce,bytes32 commitment)" + LINE_TYPE
)
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
DOMAIN_NAME = "CargoLedger"
DOMAIN_VERSION = "1"

_LINE_TYPEHASH = keccak(LINE_TYPE.encode())
_EVENT_TYPEHASH = keccak(EVENT_TYPE.encode())
_DOMAIN_TYPEHASH = keccak(DOMAIN_TYPE.encode())
_NAME_HASH = keccak(DOMAIN_NAME.encode())
_VERSION_HASH = keccak(DOMAIN_VERSION.encode())

ABI_LINE = "(bytes32,bytes32,uint8,uint64,uint8)"
ABI_EVENT = f"(uint8,uint16,{ABI_LINE}[],uint32,uint32,uint32,bytes32,uint64,uint64,uint64,bytes32)"
ABI_SIGNED_EVENT = f"({ABI_EVENT},bytes,bytes)"


@quick
@dataclass(frozen=True, slots=True)
class Line:
    """One unit (or declaration line) that an event names.

    Attributes:
        unit: 32-byte id of a container, cargo, lot or declaration line; zero for a stock named only by code.
        material: 32-byte material id; set where the unit is made or declared by this event, else zero.
        balance: which balance of a lot, or NONE.
        quantity_micro: 10⁻⁶ of the unit of measure; 0 where none is needed.
        role: what the unit is in this event.
    """

    unit: bytes
    material: bytes = ZERO32
    balance: Balance = Balance.NONE
    quantity_micro: int = 0
    role: LineRole = LineRole.NONE

    def abi(self) -> tuple[bytes, bytes, int, int, int]:
        """The line as eth_abi wants it."""
        return (self.unit, self.material, int(self.balance), self.quantity_micro, int(self.role))

    def words(self) -> bytes:
        """The line's five ABI words."""
        return b"".join((_id(self.unit), _id(self.material), _number(self.balance, 1),
                         _number(self.quantity_micro, 8), _number(self.role, 1)))


@quick
@dataclass(frozen=True, slots=True)
class CustodyEvent:
    """What a participant signs.

    Attributes:
        kind, step: what is done, and the finer step.
        lines: ascending by unit, no unit twice, at most 64.
        counterparty, facility, book: numbers given by the authority; 0 where none.
        reference: the event it answers, approves or corrects, or the declaration line it draws from.
        occurred_at_ms: when it happened, milliseconds since 1970 UTC.
        deadline_s: refused after this block time, seconds since 1970 UTC; for OFFER also its expiry.
        nonce: used once per signer, in any order.
        commitment: the 32 bytes that bind the event's full content (docs/formats/commitment.md).
    """

    kind: Kind
    lines: tuple[Line, ...] = ()
    step: Step = Step.NONE
    counterparty: int = 0
    facility: int = 0
    book: int = 0
    reference: bytes = ZERO32
    occurred_at_ms: int = 0
    deadline_s: int = 0
    nonce: int = 0
    commitment: bytes = ZERO32

    def check(self) -> None:
        """Refuse what the contract could not even decode.

        Raises:
            InputError: too many lines, lines not ascending, or a number out of range.
        """
        if len(self.lines) > DEFAULT_LIMITS.lines_max:
            raise InputError(
                f"an event names at most {DEFAULT_LIMITS.lines_max} units, this one {len(self.lines)}.",
                remedy="Split it into several events.", pointer="/lines", reason=Reason.TOO_MANY_UNITS)
        for before, after in zip(self.lines, self.lines[1:], strict=False):
            if before.unit >= after.unit:
                raise InputError("units of an event must ascend, none named twice.", pointer="/lines")
        for i, line in enumerate(self.lines):
            if len(line.unit) != 32 or len(line.material) != 32:
                raise InputError("unit and material ids have 32 bytes.", pointer=f"/lines/{i}")
            if not 0 <= line.quantity_micro <= QUANTITY_MICRO_MAX:
                raise InputError("a quantity must fit 64 bits of micro-units.",
                                 pointer=f"/lines/{i}/quantity", reason=Reason.QUANTITY_TOO_LARGE)
        for name, value, bits in (
            ("counterparty", self.counterparty, 32), ("facility", self.facility, 32), ("book", self.book, 32),
            ("occurredAt", self.occurred_at_ms, 64), ("deadline", self.deadline_s, 64),
            ("nonce", self.nonce, 64),
        ):
            if not 0 <= value < 1 << bits:
                raise InputError(f"{name} must be an unsigned {bits}-bit number.", pointer=f"/{name}")
        if len(self.reference) != 32 or len(self.commitment) != 32:
            raise InputError("reference and commitment have 32 bytes.")

    def abi(self) -> tuple[Any, ...]:
        """The event as eth_abi wants it, in the order of ABI_EVENT."""
        return (
            int(self.kind), int(self.step), [line.abi() for line in self.lines], self.counterparty,
            self.facility, self.book, self.reference, self.occurred_at_ms, self.deadline_s, self.nonce,
            self.commitment,
        )

    def encoded(self) -> bytes:
        """ABI encoding of the event alone: the witness of APPROVE and DENY (CORRECT adds a signature)."""
        return _number(32, 32) + self.encoded_tuple()

    def encoded_tuple(self) -> bytes:
        """ABI encoding of the event as a member of something: ABI_EVENT without the offset before it.

        Written out here, word by word, since every event passes it several times and eth_abi takes a third
        of a millisecond; a test holds it to eth_abi.

        Raises:
            InputError: a number or an id that does not fit its type.
        """
        lines = _number(len(self.lines), 32) + b"".join(line.words() for line in self.lines)
        return self._words(_number(11 * 32, 32)) + lines

    def struct_hash(self) -> bytes:
        """EIP-712 hashStruct of the event. Source: EIP-712, definition of hashStruct."""
        line_hashes = b"".join(keccak(_LINE_TYPEHASH + line.words()) for line in self.lines)
        return keccak(_EVENT_TYPEHASH + self._words(keccak(line_hashes)))

    def _words(self, lines: bytes) -> bytes:
        """The event's eleven words, with that for its lines."""
        return b"".join((
            _number(self.kind, 1), _number(self.step, 2), lines, _number(self.counterparty, 4),
            _number(self.facility, 4), _number(self.book, 4), _id(self.reference),
            _number(self.occurred_at_ms, 8), _number(self.deadline_s, 8), _number(self.nonce, 8),
            _id(self.commitment)))

    def to_json(self) -> dict[str, Any]:
        """The event as JSON values: hex strings with 0x for bytes, decimal strings for 64-bit numbers."""
        return {
            "kind": self.kind.name, "step": self.step.name,
            "lines": [
                {"unit": "0x" + x.unit.hex(), "material": "0x" + x.material.hex(), "balance": x.balance.name,
                 "quantity": str(x.quantity_micro), "role": x.role.name} for x in self.lines
            ],
            "counterparty": self.counterparty, "facility": self.facility, "book": self.book,
            "reference": "0x" + self.reference.hex(), "occurredAt": str(self.occurred_at_ms),
            "deadline": str(self.deadline_s), "nonce": str(self.nonce),
            "commitment": "0x" + self.commitment.hex(),
        }

    @classmethod
    def from_json(cls, value: Any) -> CustodyEvent:
        """Read what `to_json` wrote.

        Raises:
            InputError: a field is missing, unknown or malformed.
        """
        try:
            known = {"kind", "step", "lines", "counterparty", "facility", "book", "reference", "occurredAt",
                     "deadline", "nonce", "commitment"}
            if set(value) != known:
                raise InputError(f"a signed event has exactly the fields {', '.join(sorted(known))}.")
            if value["kind"] not in Kind.__members__:
                raise InputError(f"there is no kind of event {value['kind']!r}.", pointer="/event/kind",
                                 remedy="Use one of the kinds of docs/formats/events.md.",
                                 reason=Reason.UNKNOWN_KIND)
            event = cls(
                kind=Kind[value["kind"]], step=Step[value["step"]],
                lines=tuple(
                    Line(unhex32(x["unit"]), unhex32(x["material"]), Balance[x["balance"]],
                         int(x["quantity"]), LineRole[x["role"]]) for x in value["lines"]
                ),
                counterparty=int(value["counterparty"]), facility=int(value["facility"]),
                book=int(value["book"]), reference=unhex32(value["reference"]),
                occurred_at_ms=int(value["occurredAt"]), deadline_s=int(value["deadline"]),
                nonce=int(value["nonce"]), commitment=unhex32(value["commitment"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise InputError(f"the signed event is malformed: {fault}.") from fault
        event.check()
        return event


def _number(value: int, size: int) -> bytes:
    """An unsigned integer of `size` bytes as an ABI word."""
    try:
        return value.to_bytes(size, "big").rjust(32, b"\x00")
    except OverflowError as fault:
        raise InputError(f"{value} does not fit {8 * size} unsigned bits.") from fault


def _id(value: bytes) -> bytes:
    """Bytes that must be an ABI word."""
    if len(value) != 32:
        raise InputError(f"an id has 32 bytes, not {len(value)}.")
    return value


def unhex32(text: str) -> bytes:
    """Bytes of a 0x-prefixed 32-byte hex string.

    Raises:
        InputError: not 0x and 64 lower- or upper-case hex digits.
    """
    if not isinstance(text, str) or len(text) != 66 or not text.startswith("0x"):
        raise InputError(f"{text!r} is not a 32-byte id (0x and 64 hex digits).")
    try:
        return bytes.fromhex(text[2:])
    except ValueError as fault:
        raise InputError(f"{text!r} is not a 32-byte id (0x and 64 hex digits).") from fault


def domain_separator(chain_id: int, contract: bytes) -> bytes:
    """EIP-712 domain separator of a custody ledger.

    Args:
        chain_id: the chain's id.
        contract: 20-byte address of CustodyLedger.
    """
    return keccak(_DOMAIN_TYPEHASH + encode(
        ["bytes32", "bytes32", "uint256", "address"], [_NAME_HASH, _VERSION_HASH, chain_id, contract]))


def event_id(event: CustodyEvent, separator: bytes) -> Digest:
    """The ledger's id of an event: its EIP-712 digest under the ledger's domain."""
    return Digest.of(b"\x19\x01" + separator + event.struct_hash())


def fold_head(head: bytes, identifier: bytes, outcome: int) -> bytes:
    """Next head of a unit or line: keccak256(head ‖ event id ‖ uint16 outcome)."""
    return keccak(head + identifier + outcome.to_bytes(2, "big"))
