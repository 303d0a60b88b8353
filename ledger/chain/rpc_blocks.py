"""Blocks and receipts as JSON-RPC writes them, read into our records. Pure.

Types are checked by msgspec while it reads; fields that nobody needs are skipped. A header's hash is computed
from its fields; receipts are encoded from theirs, so that who has the header can hold them to its root.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ledger.chain.client import FetchedBlock, Header, Log, Receipt, ToldBlock
from ledger.chain.header import header_from_json
from ledger.chain.receipt_codec import encode_receipt
from ledger.errors import TrustError, UnavailableError

NULL = b"null"
"""What a node answers that has no such thing."""


class LogJson(msgspec.Struct, gc=False):
    """A log; names are JSON-RPC's."""

    address: str
    topics: list[str]
    data: str
    blockHash: str  # noqa: N815
    logIndex: str  # noqa: N815


class ReceiptJson(msgspec.Struct, gc=False):
    """A receipt; names are JSON-RPC's."""

    transactionHash: str  # noqa: N815
    transactionIndex: str  # noqa: N815
    blockHash: str  # noqa: N815
    status: str
    gasUsed: str  # noqa: N815
    cumulativeGasUsed: str  # noqa: N815
    logsBloom: str  # noqa: N815
    logs: list[LogJson]
    type: str = "0x0"


def read_block(raw: bytes, number: int, url: str) -> tuple[Header, list[str]] | None:
    """The header of a block, hashed again from its fields, and the hashes of its transactions; None for null.

    Raises:
        TrustError: malformed, or another block.
    """
    if raw == NULL:
        return None
    block = _decode(raw, dict[str, Any])
    header = header_from_json(block)
    if header.number != number:
        raise TrustError(f"asked for block {number}, the node at {url} sent block {header.number}.")
    hashes = block.get("transactions")
    if not isinstance(hashes, list) or not all(isinstance(item, str) for item in hashes):
        raise TrustError("the node sent something else where a list of transactions belongs.")
    return header, hashes


def read_receipts_json(raw: bytes) -> list[ReceiptJson] | None:
    """A list of receipts; None for null.

    Raises:
        TrustError: malformed.
    """
    found: list[ReceiptJson] | None = _decode(raw, list[ReceiptJson] | None)
    return found


def read_receipt_json(raw: bytes) -> ReceiptJson | None:
    """One receipt; None for null.

    Raises:
        TrustError: malformed.
    """
    found: ReceiptJson | None = _decode(raw, ReceiptJson | None)
    return found


def read_told(told: ToldBlock, url: str) -> FetchedBlock:
    """A block as somebody told it: the header hashed again from its fields, the receipts encoded from theirs.

    Raises:
        UnavailableError: the node did not have all of it.
        TrustError: malformed, or another block.
    """
    header, said = read_parts(told, url)
    return FetchedBlock(header, tuple(receipts_of(said, header)), told.origin, encoded_here=True)


def read_parts(told: ToldBlock, url: str) -> tuple[Header, list[ReceiptJson]]:
    """The header of a block, and the receipts said to be its own; see `read_told`."""
    block = read_block(told.header, told.number, url)
    if block is None:
        raise UnavailableError(f"the node at {url} does not have block {told.number} now.")
    if isinstance(told.receipts, bytes):
        said = read_receipts_json(told.receipts)
        if said is None:
            raise UnavailableError(f"the node at {url} has no receipts of block {told.number} now.")
    else:
        single = [read_receipt_json(raw) for raw in told.receipts]
        said = [item for item in single if item is not None]
        if len(said) != len(single):
            raise UnavailableError(f"the node at {url} lacks a receipt of block {told.number} now.")
    return block[0], said


def receipts_of(found: list[ReceiptJson], header: Header) -> list[Receipt]:
    """Receipts with their encodings, in the order of the block. Their root is for the caller to compare.

    Raises:
        TrustError: a log or a receipt is missing, foreign or misplaced.
        UnavailableError: they are of another block: the chain was reorganised between two answers.
    """
    said = "0x" + header.hash.hex()
    receipts: list[Receipt] = []
    log_index = 0
    for position, item in enumerate(found):
        if item.blockHash != said and to_bytes(item.blockHash, 32) != header.hash:
            raise UnavailableError(f"block {header.number} changed while it was read.")
        logs: list[Log] = []
        for entry in item.logs:
            foreign = entry.blockHash != said and to_bytes(entry.blockHash, 32) != header.hash
            if foreign or to_number(entry.logIndex) != log_index:
                raise TrustError(f"block {header.number}: log {log_index} is missing, foreign or misplaced.")
            logs.append(Log(to_bytes(entry.address, 20), tuple([to_bytes(t, 32) for t in entry.topics]),
                            to_bytes(entry.data), log_index))
            log_index += 1
        if to_number(item.transactionIndex) != position:
            raise TrustError(f"block {header.number}: receipt {position} is missing or out of order.")
        status = to_number(item.status)
        receipts.append(Receipt(
            tx_hash=to_bytes(item.transactionHash, 32), tx_index=position, status=status,
            gas_used=to_number(item.gasUsed), block_number=header.number, block_hash=header.hash,
            logs=tuple(logs), encoded=encode_receipt(
                to_number(item.type), status, to_number(item.cumulativeGasUsed),
                to_bytes(item.logsBloom, 256), logs)))
    return receipts


def to_number(value: Any) -> int:
    """A hexadecimal number.

    Raises:
        TrustError: something else.
    """
    try:
        return int(value, 16)
    except (TypeError, ValueError) as fault:
        raise TrustError(f"the node sent {value!r} where a hexadecimal number belongs.") from fault


def to_bytes(value: Any, length: int | None = None) -> bytes:
    """Hexadecimal bytes, of a length if one is given.

    Raises:
        TrustError: something else.
    """
    try:
        raw = bytes.fromhex(value[2:] if value[:2] == "0x" else value)
    except (TypeError, ValueError) as fault:
        raise TrustError(f"the node sent {str(value)[:80]!r} where hexadecimal bytes belong.") from fault
    if length is not None and len(raw) != length:
        raise TrustError(f"the node sent {len(raw)} bytes where {length} belong.")
    return raw


def _decode(raw: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as fault:
        raise TrustError(f"the node sent a block or receipt that cannot be read: {fault}.") from fault
