"""Block headers as bytes: what their hash covers, read and written without a node's help.

Pure: bytes in, bytes out. A header is an RLP list; the fields up to `nonce` have had the same place since the
first fork, later ones are appended. Source: Ethereum execution specifications, forks London to Prague.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rlp
from eth_hash.auto import keccak
from rlp.exceptions import RLPException

from ledger.chain.client import Header
from ledger.errors import TrustError

_FIELDS = (
    ("parentHash", 32), ("sha3Uncles", 32), ("miner", 20), ("stateRoot", 32), ("transactionsRoot", 32),
    ("receiptsRoot", 32), ("logsBloom", 256), ("difficulty", 0), ("number", 0), ("gasLimit", 0),
    ("gasUsed", 0), ("timestamp", 0), ("extraData", None), ("mixHash", 32), ("nonce", 8),
)
"""Name in JSON-RPC and length in bytes; 0 is an integer without leading zeros, None any length."""

_APPENDED = (
    ("baseFeePerGas", 0),                                                    # London
    ("withdrawalsRoot", 32),                                                 # Shanghai
    ("blobGasUsed", 0), ("excessBlobGas", 0), ("parentBeaconBlockRoot", 32),  # Cancun
    ("requestsHash", 32),                                                    # Prague
)

_PARENT, _STATE_ROOT, _TRANSACTIONS_ROOT, _RECEIPTS_ROOT, _NUMBER, _GAS_LIMIT, _TIMESTAMP = (
    0, 3, 4, 5, 8, 9, 11)
HEADER_BYTES_MAX = 2_048  # a Prague header has about 650; more is not a header


def decode_header(encoded: bytes) -> Header:
    """Read a header from its RLP encoding; its hash is computed, never taken from anybody.

    Raises:
        TrustError: not a canonical RLP header.
    """
    fields = _fields(encoded)
    return Header(
        number=_number(fields[_NUMBER]), hash=keccak(encoded), parent_hash=fields[_PARENT],
        timestamp=_number(fields[_TIMESTAMP]), receipts_root=fields[_RECEIPTS_ROOT], rlp=encoded)


def state_root(encoded: bytes) -> bytes:
    """The 32-byte state root in a header's RLP encoding.

    Raises:
        TrustError: not a canonical RLP header.
    """
    return _fields(encoded)[_STATE_ROOT]


def transactions_root(encoded: bytes) -> bytes:
    """The 32-byte root of the transactions trie in a header's RLP encoding.

    Raises:
        TrustError: not a canonical RLP header.
    """
    return _fields(encoded)[_TRANSACTIONS_ROOT]


def receipts_root(encoded: bytes) -> bytes:
    """The 32-byte root of the receipts trie in a header's RLP encoding.

    Raises:
        TrustError: not a canonical RLP header.
    """
    return _fields(encoded)[_RECEIPTS_ROOT]


def header_to_json(encoded: bytes) -> dict[str, Any]:
    """The fields of a header, and its hash, as JSON-RPC names and writes them.

    Raises:
        TrustError: not a canonical RLP header, or one with fields unknown to this version.
    """
    fields = _fields(encoded)
    names = [*_FIELDS, *_APPENDED]
    if len(fields) > len(names):
        raise TrustError(f"the block header has {len(fields)} fields; {len(names)} are known.")
    return {"hash": "0x" + keccak(encoded).hex()} | {
        name: hex(_number(value)) if length == 0 else "0x" + value.hex()
        for (name, length), value in zip(names, fields, strict=False)}


def gas_limit(encoded: bytes) -> int:
    """The gas that the block of a header in RLP encoding may use.

    Raises:
        TrustError: not a canonical RLP header.
    """
    return _number(_fields(encoded)[_GAS_LIMIT])


def header_from_json(block: Mapping[str, Any]) -> Header:
    """Rebuild a header from a JSON-RPC block and hold the node to the hash it states.

    Raises:
        TrustError: a field is missing or malformed, or the fields do not hash to the stated hash.
    """
    names = [*_FIELDS, *(item for item in _APPENDED if block.get(item[0]) is not None)]
    try:
        encoded = rlp.encode([_field(block[name], length) for name, length in names])
        stated = bytes.fromhex(block["hash"][2:])
    except (KeyError, TypeError, ValueError, OverflowError) as fault:
        raise TrustError(f"the node sent a block header that cannot be read: {fault!r}.") from fault
    header = decode_header(encoded)
    if header.hash != stated:
        raise TrustError(
            f"the node's header of block {header.number} does not hash to 0x{stated.hex()}.",
            remedy="The node is faulty or dishonest, or its chain has header fields unknown to this version.")
    return header


def _field(text: str, length: int | None) -> bytes:
    if length == 0:
        number = int(text, 16)
        return number.to_bytes((number.bit_length() + 7) // 8, "big")
    raw = bytes.fromhex(text[2:])
    if length is not None and len(raw) != length:
        raise ValueError(f"{len(raw)} bytes where {length} belong")
    return raw


def _fields(encoded: bytes) -> list[bytes]:
    if len(encoded) > HEADER_BYTES_MAX:
        raise TrustError(f"a block header has at most {HEADER_BYTES_MAX} bytes, this one {len(encoded)}.")
    try:
        fields = rlp.decode(encoded)
    except (RLPException, RecursionError) as fault:
        raise TrustError(f"the block header is not RLP: {fault}.") from fault
    flat = isinstance(fields, list) and all(isinstance(x, bytes) for x in fields)
    if not flat or len(fields) < len(_FIELDS):
        raise TrustError("the block header is not a list of header fields.")
    for (name, length), value in zip(_FIELDS, fields, strict=False):
        if length and len(value) != length:
            raise TrustError(f"the block header's {name} has {len(value)} bytes, not {length}.")
        if length == 0 and (len(value) > 32 or value[:1] == b"\x00"):
            raise TrustError(f"the block header's {name} is not a canonical number.")
    return list(fields)


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")
