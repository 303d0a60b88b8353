"""Receipts as bytes: the EIP-2718 encoding that stands in a block's receipts trie.

Pure. Source: EIP-2718 (type byte), EIP-658 (status), the execution specifications (RLP of a receipt).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import rlp
from rlp.exceptions import RLPException

from ledger.chain.client import Log
from ledger.errors import TrustError

RECEIPT_BYTES_MAX = 8_388_608  # a full batch leaves about 200 KB; 60 Mgas cannot log more than 7.5 MB
_TYPED_MAX = 0x7F


@dataclass(frozen=True, slots=True)
class DecodedReceipt:
    """What a receipt's encoding says. `cumulative_gas` is the block's up to here."""

    type: int
    status: int
    cumulative_gas: int
    bloom: bytes
    logs: tuple[Log, ...]


def encode_receipt(
    receipt_type: int, status: int, cumulative_gas: int, bloom: bytes, logs: Sequence[Log],
) -> bytes:
    """The encoding of a receipt; type 0 is a legacy transaction, which has no type byte."""
    body: bytes = rlp.encode([
        _compact(status), _compact(cumulative_gas), bloom,
        [[log.address, list(log.topics), log.data] for log in logs],
    ])
    return (bytes([receipt_type]) if receipt_type else b"") + body


def decode_receipt(encoded: bytes, first_log_index: int = 0) -> DecodedReceipt:
    """Read a receipt.

    Args:
        encoded: bytes as they stand in the trie.
        first_log_index: index within the block of the receipt's first log.

    Raises:
        TrustError: not a canonical receipt.
    """
    if not 0 < len(encoded) <= RECEIPT_BYTES_MAX:
        raise TrustError(f"a receipt has 1 to {RECEIPT_BYTES_MAX} bytes, this one {len(encoded)}.")
    typed = encoded[0] <= _TYPED_MAX
    try:
        status, gas, bloom, raw_logs = rlp.decode(encoded[1:] if typed else encoded)
        logs = tuple(
            _log(address, topics, data, first_log_index + i)
            for i, (address, topics, data) in enumerate(raw_logs))
    except (RLPException, ValueError, TypeError, RecursionError) as fault:
        raise TrustError(f"the receipt cannot be read: {fault}.") from fault
    if status not in (b"", b"\x01") or not isinstance(gas, bytes) or len(gas) > 8 or gas[:1] == b"\x00":
        raise TrustError("the receipt's status or gas is malformed.")
    if not isinstance(bloom, bytes) or len(bloom) != 256:
        raise TrustError("the receipt's bloom has not 256 bytes.")
    return DecodedReceipt(
        type=encoded[0] if typed else 0, status=len(status), cumulative_gas=int.from_bytes(gas, "big"),
        bloom=bloom, logs=logs)


@dataclass(frozen=True, slots=True)
class ReceiptOutline:
    """A receipt without its logs' content. `spans`: where in the encoding each log begins and ends."""

    type: int
    status: int
    cumulative_gas: int
    bloom: bytes
    spans: tuple[tuple[int, int], ...]


def outline_receipt(encoded: bytes) -> ReceiptOutline:
    """Find the logs of a receipt without reading them: a batch has hundreds and one may be wanted.

    Only for an encoding that was checked against the receipts root: it is taken to be well formed.
    """
    kind = encoded[0] if encoded[0] <= _TYPED_MAX else 0
    at, _ = _payload(encoded, 1 if encoded[0] <= _TYPED_MAX else 0)
    fields = []
    for _ in range(3):
        begin, end = _payload(encoded, at)
        fields.append(encoded[begin:end])
        at = end
    at, last = _payload(encoded, at)
    spans = []
    while at < last:
        _, end = _payload(encoded, at)
        spans.append((at, end))
        at = end
    status, gas, bloom = fields
    return ReceiptOutline(kind, len(status), int.from_bytes(gas, "big"), bloom, tuple(spans))


def decode_log(encoded: bytes, index: int) -> Log:
    """Read one log, cut out of its receipt; `index` is its number within the block.

    Raises:
        TrustError: not a canonical log.
    """
    try:
        address, topics, data = rlp.decode(encoded)
        return _log(address, topics, data, index)
    except (RLPException, ValueError, TypeError) as fault:
        raise TrustError(f"the log cannot be read: {fault}.") from fault


def _payload(data: bytes, at: int) -> tuple[int, int]:
    """Begin and end of the content of the RLP item at a place."""
    first = data[at]
    if first < 0x80:
        return at, at + 1
    if first < 0xB8:
        return at + 1, at + first - 0x7F
    if first < 0xC0 or first >= 0xF8:
        begin = at + 1 + first - (0xB7 if first < 0xC0 else 0xF7)
        return begin, begin + int.from_bytes(data[at + 1:begin], "big")
    return at + 1, at + first - 0xBF


def _log(address: bytes, topics: Sequence[bytes], data: bytes, index: int) -> Log:
    if not (isinstance(address, bytes) and len(address) == 20 and isinstance(data, bytes)):
        raise ValueError("a log has a 20-byte address and data")
    if len(topics) > 4 or not all(isinstance(topic, bytes) and len(topic) == 32 for topic in topics):
        raise ValueError("a log has at most four topics of 32 bytes")
    return Log(address, tuple(topics), data, index)


def _compact(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
