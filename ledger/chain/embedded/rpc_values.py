"""JSON-RPC values of the embedded node: parameters read strictly, records written as clients expect them.

Pure. Source: the Ethereum JSON-RPC specification (ethereum/execution-apis), EIP-1474 (error numbers),
EIP-1898 (blocks named by object). A number is hexadecimal with 0x; clients write some with leading zeros, and
that is taken. Bytes have two digits each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import rlp

from ledger.chain.embedded.log_index import LogFilter
from ledger.chain.embedded.records import Block
from ledger.chain.embedded.state import decode_transaction
from ledger.chain.header import header_to_json

INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL = -32600, -32601, -32602, -32603
PARSE_ERROR, SERVER_ERROR, LIMIT_EXCEEDED, REVERTED = -32700, -32000, -32005, 3

FILTER_VALUES_MAX = 1_000  # addresses and topics of one filter
SLOTS_MAX = 256            # storage slots of one eth_getProof
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_BYTES = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_TAGS = {"latest", "pending", "safe", "finalized", "earliest"}
_CALL_FIELDS = {"from", "to", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "value", "data",
                "input", "nonce", "accessList", "type", "chainId"}


class RpcError(Exception):
    """An error that the caller gets: number, sentence, and data where the standard has some."""

    def __init__(self, number: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.number, self.message, self.data = number, message, data


def bad(message: str) -> RpcError:
    """The error for a parameter that cannot be used."""
    return RpcError(INVALID_PARAMS, f"invalid parameter: {message}")


# parameters


def quantity(value: Any, what: str, maximum: int = (1 << 256) - 1) -> int:
    """A number from 0 to `maximum`."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise bad(f"{what} must be a hexadecimal number with 0x, at most 64 digits")
    number = int(value, 16)
    if number > maximum:
        raise bad(f"{what} is at most {hex(maximum)}")
    return number


def data(value: Any, what: str, length: int | None = None) -> bytes:
    """Bytes, of a given length where one is given."""
    if not isinstance(value, str) or not _BYTES.fullmatch(value):
        raise bad(f"{what} must be hexadecimal bytes with 0x and two digits each")
    raw = bytes.fromhex(value[2:])
    if length is not None and len(raw) != length:
        raise bad(f"{what} has {length} bytes, not {len(raw)}")
    return raw


def flag(value: Any, what: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise bad(f"{what} must be true or false")
    return value


@dataclass(frozen=True, slots=True)
class BlockName:
    """A block as a caller names it: one of number, hash and tag is set."""

    number: int | None = None
    hash: bytes | None = None
    tag: str | None = None


LATEST = BlockName(tag="latest")


def block_name(value: Any, what: str = "block") -> BlockName:
    """A number, a tag, or an object of EIP-1898."""
    if isinstance(value, Mapping):
        unknown = set(value) - {"blockNumber", "blockHash", "requireCanonical"}
        if unknown or ("blockNumber" in value) == ("blockHash" in value):
            raise bad(f"{what} as an object has either blockNumber or blockHash")
        if "requireCanonical" in value:
            flag(value["requireCanonical"], "requireCanonical")  # there are no other blocks here
        if "blockHash" in value:
            return BlockName(hash=data(value["blockHash"], "blockHash", 32))
        return block_name(value["blockNumber"], "blockNumber")
    if isinstance(value, str) and value in _TAGS:
        return BlockName(tag=value)
    if not isinstance(value, str):
        raise bad(f"{what} must be a hexadecimal number or one of {', '.join(sorted(_TAGS))}")
    return BlockName(number=quantity(value, what, (1 << 63) - 1))


@dataclass(frozen=True, slots=True)
class Call:
    """The call that eth_call and eth_estimateGas are asked to run."""

    sender: bytes | None
    to: bytes
    data: bytes
    gas: int | None
    value: int


def call(value: Any) -> Call:
    """A call object. Fees, nonce and access list are checked for form and otherwise without meaning here."""
    if not isinstance(value, Mapping):
        raise bad("the call must be an object")
    if unknown := sorted(set(value) - _CALL_FIELDS):
        raise bad(f"the call has the unknown field {unknown[0][:40]!r}")
    given = {k: v for k, v in value.items() if v is not None}
    for name in ("gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "nonce", "type", "chainId"):
        if name in given:
            quantity(given[name], name)
    if "accessList" in given and not isinstance(given["accessList"], list):
        raise bad("accessList must be a list")
    sent = [data(given[name], name) for name in ("data", "input") if name in given]
    if len(sent) == 2 and sent[0] != sent[1]:
        raise bad("data and input differ; send one of them")
    return Call(
        sender=data(given["from"], "from", 20) if "from" in given else None,
        to=data(given["to"], "to", 20) if given.get("to") not in (None, "0x") else b"",
        data=sent[0] if sent else b"", gas=quantity(given["gas"], "gas") if "gas" in given else None,
        value=quantity(given["value"], "value") if "value" in given else 0)


@dataclass(frozen=True, slots=True)
class LogQuestion:
    """What eth_getLogs is asked: a filter, and either one block or a range of blocks."""

    wanted: LogFilter
    block: BlockName | None
    first: BlockName
    last: BlockName


def log_question(value: Any) -> LogQuestion:
    """A filter object. An empty list of alternatives means any, as in other nodes."""
    if not isinstance(value, Mapping):
        raise bad("the filter must be an object")
    if unknown := sorted(set(value) - {"address", "topics", "fromBlock", "toBlock", "blockHash"}):
        raise bad(f"the filter has the unknown field {unknown[0][:40]!r}")
    given = {k: v for k, v in value.items() if v is not None}
    if "blockHash" in given and ("fromBlock" in given or "toBlock" in given):
        raise bad("a filter has either blockHash or a range of blocks")
    topics = given.get("topics", [])
    if not isinstance(topics, list) or len(topics) > 4:
        raise bad("topics must be a list of at most four")
    wanted = LogFilter(
        _alternatives(given.get("address"), "address", 20),
        tuple(_alternatives(topic, f"topic {place}", 32) for place, topic in enumerate(topics)))
    if sum(len(x) for x in (wanted.addresses, *wanted.topics) if x) > FILTER_VALUES_MAX:
        raise bad(f"a filter names at most {FILTER_VALUES_MAX} addresses and topics")
    return LogQuestion(
        wanted, BlockName(hash=data(given["blockHash"], "blockHash", 32)) if "blockHash" in given else None,
        block_name(given.get("fromBlock", "latest"), "fromBlock"),
        block_name(given.get("toBlock", "latest"), "toBlock"))


def _alternatives(value: Any, what: str, length: int) -> frozenset[bytes] | None:
    if value is None or value == []:
        return None
    if isinstance(value, list):
        if len(value) > FILTER_VALUES_MAX:
            raise bad(f"{what} has at most {FILTER_VALUES_MAX} alternatives")
        return None if None in value else frozenset(data(item, what, length) for item in value)
    return frozenset([data(value, what, length)])


def slots(value: Any) -> list[bytes]:
    """Storage slots, each as 32 bytes."""
    if not isinstance(value, list) or len(value) > SLOTS_MAX:
        raise bad(f"storage keys must be a list of at most {SLOTS_MAX}")
    return [quantity(item, "storage key").to_bytes(32, "big") for item in value]


# records


def h(raw: bytes) -> str:
    """Bytes as JSON-RPC writes them."""
    return "0x" + raw.hex()


def transaction_json(block: Block, position: int) -> dict[str, Any]:
    """A mined transaction."""
    raw = block.transactions[position].raw
    decoded = decode_transaction(raw)
    kind = raw[0] if raw[0] <= 0x7F else 0
    found: dict[str, Any] = {
        "blockHash": h(block.hash), "blockNumber": hex(block.number), "transactionIndex": hex(position),
        "hash": h(block.transactions[position].hash), "type": hex(kind), "nonce": hex(decoded.nonce),
        "from": h(decoded.sender), "to": h(decoded.to) if decoded.to else None, "value": hex(decoded.value),
        "gas": hex(decoded.gas), "input": h(decoded.data), "r": hex(decoded.r), "s": hex(decoded.s)}
    if kind == 0:
        found |= {"gasPrice": hex(decoded.gas_price), "v": hex(decoded.v)}
        if decoded.chain_id is not None:
            found["chainId"] = hex(decoded.chain_id)
        return found
    parity = hex(decoded.y_parity)
    found |= {
        "chainId": hex(decoded.chain_id), "v": parity, "yParity": parity,
        "gasPrice": hex(price(decoded, kind)),
        "accessList": [{"address": h(address), "storageKeys": [h(key.to_bytes(32, "big")) for key in keys]}
                       for address, keys in decoded.access_list]}
    if kind > 1:
        found |= {"maxFeePerGas": hex(decoded.max_fee_per_gas),
                  "maxPriorityFeePerGas": hex(decoded.max_priority_fee_per_gas)}
    return found


def price(decoded: Any, kind: int) -> int:
    """What a transaction paid per gas: its whole offer up to the priority fee, as the base fee is zero."""
    if kind < 2:
        return int(decoded.gas_price)
    return min(int(decoded.max_fee_per_gas), int(decoded.max_priority_fee_per_gas))


def logs_json(block: Block, position: int, logs: Iterable[Any], timestamp: str) -> list[dict[str, Any]]:
    """Logs of one transaction with their place."""
    number, block_hash = hex(block.number), h(block.hash)
    tx_hash, place = h(block.transactions[position].hash), hex(position)
    return [{
        "address": "0x" + log.address.hex(), "topics": ["0x" + topic.hex() for topic in log.topics],
        "data": "0x" + log.data.hex(), "blockNumber": number, "blockHash": block_hash,
        "blockTimestamp": timestamp, "transactionHash": tx_hash, "transactionIndex": place,
        "logIndex": hex(log.index), "removed": False} for log in logs]


def receipt_json(block: Block, position: int, created: bytes | None, timestamp: str) -> dict[str, Any]:
    """A receipt. `created`: address of the contract that the transaction made, if it made one."""
    decoded = decode_transaction(block.transactions[position].raw)
    outline = block.outlines[position]
    return {
        "transactionHash": h(block.transactions[position].hash), "transactionIndex": hex(position),
        "blockHash": h(block.hash), "blockNumber": hex(block.number), "from": h(decoded.sender),
        "to": h(decoded.to) if decoded.to else None, "contractAddress": h(created) if created else None,
        "cumulativeGasUsed": hex(outline.cumulative_gas), "gasUsed": hex(block.gas_used(position)),
        "effectiveGasPrice": hex(price(decoded, outline.type)), "type": hex(outline.type),
        "status": hex(outline.status), "logsBloom": h(outline.bloom),
        "logs": logs_json(block, position, block.logs(position), timestamp)}


def block_json(block: Block, *, full: bool) -> dict[str, Any]:
    """A block, with transactions or only their hashes."""
    raws = [tx.raw for tx in block.transactions]
    body = [raw if raw[0] <= 0x7F else rlp.decode(raw) for raw in raws]
    size = len(rlp.encode([rlp.decode(block.rlp), body, [], []]))
    return header_to_json(block.rlp) | {
        "size": hex(size), "totalDifficulty": "0x0", "uncles": [], "withdrawals": [],
        "transactions": [transaction_json(block, n) if full else h(tx.hash)
                         for n, tx in enumerate(block.transactions)]}


def percentiles(value: Any) -> Sequence[int | Decimal]:
    """Reward percentiles of eth_feeHistory: at most 100 numbers from 0 to 100, ascending."""
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > 100:
        raise bad("reward percentiles must be a list of at most 100")
    if not all(isinstance(p, int | Decimal) and not isinstance(p, bool) and 0 <= p <= 100 for p in value):
        raise bad("a reward percentile is a number from 0 to 100")
    if list(value) != sorted(value):
        raise bad("reward percentiles must ascend")
    return value
