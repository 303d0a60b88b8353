"""Receipts as bytes: the EIP-2718 encoding that stands in a block's receipts trie.

Pure. Source: EIP-2718 (type byte), EIP-658 (status), the execution specifications (RLP of a receipt).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """The encoding of a receipt; type 0 is a legacy transaction, which has no type byte.

    Raises:
        TrustError: a log that no contract can write.
    """
    body = _list(b"".join((
        _string(_compact(status)), _string(_compact(cumulative_gas)), _string(bloom),
        _list(b"".join([_log_bytes(log) for log in logs])))))
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
    size = len(encoded)
    try:
        at = _begin(encoded, 1 if typed else 0, size, size, 0xC0)
        fields = []
        for _ in range(3):
            at, end = _open(encoded, at, size, 0x80)
            fields.append(encoded[at:end])
            at = end
        at = _begin(encoded, at, size, size, 0xC0)
        logs: list[Log] = []
        while at < size:
            log, at = _read_log(encoded, at, size, first_log_index + len(logs))
            logs.append(log)
    except (ValueError, IndexError) as fault:
        raise TrustError(f"the receipt cannot be read: {fault}.") from fault
    status, gas, bloom = fields
    if status not in (b"", b"\x01") or len(gas) > 8 or gas[:1] == b"\x00":
        raise TrustError("the receipt's status or gas is malformed.")
    if len(bloom) != 256:
        raise TrustError("the receipt's bloom has not 256 bytes.")
    return DecodedReceipt(
        type=encoded[0] if typed else 0, status=len(status), cumulative_gas=int.from_bytes(gas, "big"),
        bloom=bloom, logs=tuple(logs))


@dataclass(frozen=True, slots=True)
class ReceiptOutline:
    """A receipt without its logs' content. `spans`: where in the encoding each log begins and ends."""

    type: int
    status: int
    cumulative_gas: int
    bloom: bytes
    spans: tuple[tuple[int, int], ...]


def bloom_in(encoded: bytes) -> bytes:
    """The bloom that a receipt's encoding carries; only for one that is known to be well formed."""
    at, _ = _payload(encoded, 1 if encoded[0] <= _TYPED_MAX else 0)
    for _ in range(2):  # status, gas
        _, at = _payload(encoded, at)
    begin, end = _payload(encoded, at)
    return encoded[begin:end]


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
        log, end = _read_log(encoded, 0, len(encoded), index)
        if end != len(encoded):
            raise ValueError("it has bytes left over")
    except (ValueError, IndexError) as fault:
        raise TrustError(f"the log cannot be read: {fault}.") from fault
    return log


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


# RLP by hand, for the few shapes of a receipt: every log of the chain passes here twice. A test holds both
# ways to the rlp package.

def _string(value: bytes) -> bytes:
    size = len(value)
    if size == 1 and value[0] < 0x80:
        return value
    if size < 56:
        return bytes((0x80 + size,)) + value
    length = _compact(size)
    return bytes((0xB7 + len(length),)) + length + value


def _list(content: bytes) -> bytes:
    size = len(content)
    if size < 56:
        return bytes((0xC0 + size,)) + content
    length = _compact(size)
    return bytes((0xF7 + len(length),)) + length + content


_TOPIC = b"\xa0"  # before 32 bytes
_TOPICS = (b"\xc0", b"\xe1", b"\xf8\x42", b"\xf8\x63", b"\xf8\x84")  # before none to four of them


def _log_bytes(log: Log) -> bytes:
    address, topics = log.address, log.topics
    if len(address) != 20 or len(topics) > 4 or any(len(topic) != 32 for topic in topics):
        raise TrustError("a log has a 20-byte address and at most four topics of 32 bytes.")
    return _list(b"".join((
        b"\x94", address, _TOPICS[len(topics)], *[_TOPIC + topic for topic in topics], _string(log.data))))


def _open(data: bytes, at: int, end: int, base: int) -> tuple[int, int]:
    """Begin and end of the content of the item at a place, a string (`base` 0x80) or a list (0xC0).

    Raises:
        ValueError: the other kind, not the shortest way to write it, or longer than what surrounds it.
    """
    first = data[at]
    if first < 0x80 and base == 0x80:
        return at, at + 1
    if not base <= first < base + 0x40:
        raise ValueError("a string stands where a list belongs, or a list where a string belongs")
    if first <= base + 55:
        begin, stop = at + 1, at + 1 + first - base
        if base == 0x80 and first == 0x81 and data[begin] < 0x80:
            raise ValueError("a byte is not written in the shortest way")
    else:
        begin = at + 1 + first - (base + 55)
        length = int.from_bytes(data[at + 1:begin], "big")
        if length < 56 or data[at + 1] == 0:
            raise ValueError("a length is not written in the shortest way")
        stop = begin + length
    if stop > end:
        raise ValueError("an item is longer than what holds it")
    return begin, stop


def _begin(data: bytes, at: int, end: int, stop: int, base: int) -> int:
    """Begin of the content of an item that must end exactly at `stop`."""
    begin, found = _open(data, at, end, base)
    if found != stop:
        raise ValueError("an item is shorter than what holds it")
    return begin


def _read_log(data: bytes, at: int, end: int, index: int) -> tuple[Log, int]:
    """The log at a place, and where it ends."""
    at, stop = _open(data, at, end, 0xC0)
    if data[at] != 0x94:
        raise ValueError("a log has a 20-byte address and data")
    address = data[at + 1:at + 21]
    at, last = _open(data, at + 21, stop, 0xC0)
    count, left = divmod(last - at, 33)
    if left or count > 4:
        raise ValueError("a log has at most four topics of 32 bytes")
    topics = []
    for _ in range(count):
        if data[at] != 0xA0:
            raise ValueError("a log has at most four topics of 32 bytes")
        topics.append(data[at + 1:at + 33])
        at += 33
    begin, last = _open(data, at, stop, 0x80)
    if last != stop:
        raise ValueError("a log has an address, topics and data")
    return Log(address, tuple(topics), data[begin:last], index), stop


def _compact(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
