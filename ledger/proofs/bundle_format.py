"""The file that proves one event, and optionally the history of one unit, to somebody offline.

Plain data with a strict JSON form: fixed fields, lower-case hex with 0x, everything bounded. What it proves
is said by `ledger.proofs.verify`; how it is made by `ledger.proofs.bundle`. Format: docs/formats/proofs.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ledger.errors import InputError, TooLargeError, TrustError
from ledger.events.strict_json import dump_json, parse_json
from ledger.limits import DEFAULT_LIMITS
from ledger.proofs.commitment import FieldProof

FORMAT = "cargoledger-event-proof-1"
BUNDLE_BYTES_MAX = 33_554_432    # one receipt of a full batch, 1,024 headers and an event, in hex
HEADERS_MAX = 1_024              # an operator that signs seldom; each header takes 1.2 KB
HISTORY_MAX = 10_000             # events of one unit; a container has about 30
FIELDS_MAX = 10_000              # an event has at most as many leaves
NODES_MAX = 65
_FILE_LIMITS = replace(DEFAULT_LIMITS, body_bytes_max=BUNDLE_BYTES_MAX)
TEXT_MAX = 8_192


@dataclass(frozen=True, slots=True)
class WholeOpening:
    """The whole content of the event: what the commitment was made of."""

    event: dict[str, Any]
    secret: bytes
    submitter: str


@dataclass(frozen=True, slots=True)
class FieldsOpening:
    """Some fields of the content, the others stay unknown."""

    fields: tuple[FieldProof, ...]


@dataclass(frozen=True, slots=True)
class UnitHistory:
    """All outcomes that ever named a unit or line, and the proof of its head at the checkpointed block.

    Attributes:
        entries: (event id, outcome) in order of the ledger.
        account_nodes, storage_nodes: trie nodes, root first, from the state root to the ledger's account, and
            from its storage root to the head.
    """

    unit: bytes
    entries: tuple[tuple[bytes, int], ...]
    account_nodes: tuple[bytes, ...]
    storage_nodes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class EventBundle:
    """Proof of one event.

    Attributes:
        chain_id, ledger: where it stands; 20-byte address of CustodyLedger.
        event_id: what is claimed.
        custody_event: JSON form of the signed content; for people, held to the proven log.
        signature, witness: as they were sent; the witness may be empty.
        transaction_index, receipt_nodes: place in the block; trie nodes from the receipts root, root first.
        log_index: position of the outcome among the logs of that receipt.
        headers: RLP headers, from the event's block to the checkpoint's.
        checkpoint: signed note.
        opening: the content, some fields of it, or None.
        unit: history of one unit that the event names, or None.
    """

    chain_id: int
    ledger: bytes
    event_id: bytes
    custody_event: Mapping[str, Any]
    signature: bytes
    witness: bytes
    transaction_index: int
    receipt_nodes: tuple[bytes, ...]
    log_index: int
    headers: tuple[bytes, ...]
    checkpoint: str
    opening: WholeOpening | FieldsOpening | None = None
    unit: UnitHistory | None = None

    def to_json(self) -> dict[str, Any]:
        """The bundle as JSON values. Numbers inside the content may be Decimal: write them as they are."""
        return {
            "format": FORMAT, "chainId": self.chain_id, "ledger": _hex(self.ledger),
            "eventId": _hex(self.event_id), "custodyEvent": dict(self.custody_event),
            "signature": _hex(self.signature), "witness": _hex(self.witness),
            "transactionIndex": self.transaction_index,
            "receiptNodes": [_hex(n) for n in self.receipt_nodes], "logIndex": self.log_index,
            "headers": [_hex(h) for h in self.headers], "checkpoint": self.checkpoint,
            "opening": _opening_to_json(self.opening), "unit": _unit_to_json(self.unit),
        }

    def to_bytes(self) -> bytes:
        """The file: JSON, UTF-8, one line feed at the end."""
        return (dump_json(self.to_json()) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> EventBundle:
        """Read the file.

        Raises:
            InputError: not strict JSON, or malformed.
            TooLargeError: a stated limit is exceeded.
        """
        return cls.from_json(parse_json(data, _FILE_LIMITS))

    @classmethod
    def from_json(cls, value: Any) -> EventBundle:
        """Read what `to_json` wrote; the content's numbers must be int or Decimal.

        Raises:
            InputError: a field is missing, unknown or malformed.
            TooLargeError: a stated limit is exceeded.
        """
        fields = _exact(value, {
            "format", "chainId", "ledger", "eventId", "custodyEvent", "signature", "witness",
            "transactionIndex", "receiptNodes", "logIndex", "headers", "checkpoint", "opening", "unit"}, "")
        if fields["format"] != FORMAT:
            raise InputError(f"the file has format {fields['format']!r}, not {FORMAT!r}.", pointer="/format")
        if not isinstance(fields["custodyEvent"], dict):
            raise InputError("custodyEvent is not an object.", pointer="/custodyEvent")
        return cls(
            chain_id=_int(fields["chainId"], "/chainId", 2**64 - 1),
            ledger=_unhex(fields["ledger"], "/ledger", 20),
            event_id=_unhex(fields["eventId"], "/eventId", 32), custody_event=fields["custodyEvent"],
            signature=_unhex(fields["signature"], "/signature"),
            witness=_unhex(fields["witness"], "/witness"),
            transaction_index=_int(fields["transactionIndex"], "/transactionIndex", 65_535),
            receipt_nodes=_unhex_list(fields["receiptNodes"], "/receiptNodes", NODES_MAX),
            log_index=_int(fields["logIndex"], "/logIndex", 2**32 - 1),
            headers=_unhex_list(fields["headers"], "/headers", HEADERS_MAX),
            checkpoint=_text(fields["checkpoint"], "/checkpoint"),
            opening=_opening_from_json(fields["opening"]), unit=_unit_from_json(fields["unit"]))


def _opening_to_json(opening: WholeOpening | FieldsOpening | None) -> dict[str, Any] | None:
    if isinstance(opening, WholeOpening):
        return {"event": opening.event, "secret": _hex(opening.secret), "submitter": opening.submitter}
    if isinstance(opening, FieldsOpening):
        return {"fields": [
            {"pointer": f.pointer, "value": f.value, "salt": _hex(f.salt), "index": f.index, "size": f.size,
             "path": [_hex(p) for p in f.path]} for f in opening.fields]}
    return None


def _opening_from_json(value: Any) -> WholeOpening | FieldsOpening | None:
    if value is None:
        return None
    if isinstance(value, dict) and "fields" in value:
        shown = _exact(value, {"fields"}, "/opening")["fields"]
        return FieldsOpening(tuple(
            _field(item, f"/opening/fields/{i}")
            for i, item in enumerate(_list(shown, "/opening/fields", FIELDS_MAX))))
    fields = _exact(value, {"event", "secret", "submitter"}, "/opening")
    if not isinstance(fields["event"], dict):
        raise InputError("the opened event is not an object.", pointer="/opening/event")
    return WholeOpening(
        fields["event"], _unhex(fields["secret"], "/opening/secret", 32),
        _text(fields["submitter"], "/opening/submitter"))


def _field(value: Any, place: str) -> FieldProof:
    item = _exact(value, {"pointer", "value", "salt", "index", "size", "path"}, place)
    return FieldProof(
        pointer=_text(item["pointer"], f"{place}/pointer"), value=item["value"],
        salt=_unhex(item["salt"], f"{place}/salt", 32),
        index=_int(item["index"], f"{place}/index", FIELDS_MAX),
        size=_int(item["size"], f"{place}/size", FIELDS_MAX),
        path=_unhex_list(item["path"], f"{place}/path", NODES_MAX))


def _unit_to_json(unit: UnitHistory | None) -> dict[str, Any] | None:
    if unit is None:
        return None
    return {
        "unit": _hex(unit.unit),
        "history": [{"eventId": _hex(e), "outcome": o} for e, o in unit.entries],
        "accountNodes": [_hex(n) for n in unit.account_nodes],
        "storageNodes": [_hex(n) for n in unit.storage_nodes]}


def _unit_from_json(value: Any) -> UnitHistory | None:
    if value is None:
        return None
    fields = _exact(value, {"unit", "history", "accountNodes", "storageNodes"}, "/unit")
    entries = []
    for i, item in enumerate(_list(fields["history"], "/unit/history", HISTORY_MAX)):
        place = f"/unit/history/{i}"
        entry = _exact(item, {"eventId", "outcome"}, place)
        entries.append((
            _unhex(entry["eventId"], f"{place}/eventId", 32),
            _int(entry["outcome"], f"{place}/outcome", 65_535)))
    return UnitHistory(
        _unhex(fields["unit"], "/unit/unit", 32), tuple(entries),
        _unhex_list(fields["accountNodes"], "/unit/accountNodes", NODES_MAX),
        _unhex_list(fields["storageNodes"], "/unit/storageNodes", NODES_MAX))


def _exact(value: Any, names: set[str], place: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != names:
        raise InputError(
            f"{place or 'the proof'} has exactly the fields {', '.join(sorted(names))}.", pointer=place)
    return value


def _list(value: Any, place: str, length_max: int) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{place} is not a list.", pointer=place)
    if len(value) > length_max:
        raise TooLargeError(
            f"{place} has {len(value)} entries, at most {length_max} are read.", pointer=place)
    return value


def _unhex_list(value: Any, place: str, length_max: int) -> tuple[bytes, ...]:
    return tuple(_unhex(item, f"{place}/{i}") for i, item in enumerate(_list(value, place, length_max)))


def _unhex(text: Any, place: str, size: int | None = None) -> bytes:
    try:
        raw = bytes.fromhex(text[2:])
    except (TypeError, ValueError) as fault:
        raise InputError(f"{place} is not hex with 0x.", pointer=place) from fault
    if "0x" + raw.hex() != text or (size is not None and len(raw) != size):
        raise InputError(
            f"{place} is not lower-case hex with 0x{f' of {size} bytes' if size else ''}.", pointer=place)
    return raw


def _int(value: Any, place: str, value_max: int) -> int:
    if type(value) is not int or not 0 <= value <= value_max:
        raise InputError(f"{place} is not a whole number from 0 to {value_max}.", pointer=place)
    return value


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise InputError(f"{place} is not text of at most {TEXT_MAX} characters.", pointer=place)
    return value


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


class ProofError(TrustError):
    """A step of a proof that does not hold.

    Attributes:
        step: trust, checkpoint, headers, receipt, outcome, event, signature, witness, content or unit.
    """

    code = "CL-TRUST-010"

    def __init__(self, step: str, message: str) -> None:
        super().__init__(f"{step}: {message}")
        self.step = step
