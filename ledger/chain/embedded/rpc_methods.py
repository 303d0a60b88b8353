"""The methods that the embedded node serves, by name: parameters in, a JSON value out, or RpcError.

What web3.py, cast, viem and an indexer ask for. `latest`, `safe`, `finalized` and `pending` are all the
latest block: a block is final when it is on disk, and nothing waits. Not served: filters kept by the node
(ask eth_getLogs with a range instead), subscriptions, traces, state overrides, and what would need keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import rlp
from eth_hash.auto import keccak

from ledger.chain.embedded.chain import BLOCK_GAS_LIMIT, EmbeddedChain
from ledger.chain.embedded.records import Block, TooManyLogsError
from ledger.chain.embedded.rpc_values import (
    LATEST,
    LIMIT_EXCEEDED,
    REVERTED,
    SERVER_ERROR,
    BlockName,
    RpcError,
    bad,
    block_json,
    block_name,
    call,
    data,
    flag,
    h,
    log_question,
    logs_json,
    percentiles,
    price,
    quantity,
    receipt_json,
    slots,
    transaction_json,
)
from ledger.chain.embedded.state import ZERO_ADDRESS, decode_transaction
from ledger.chain.header import decode_header, header_to_json
from ledger.chain.reverts import RevertedError
from ledger.errors import ConflictError, InputError, UnavailableError

LOGS_MAX = 10_000        # logs of one answer that covers more than one block
FEE_BLOCKS_MAX = 1_024   # blocks of one eth_feeHistory
_ERROR_STRING = keccak(b"Error(string)")[:4]


class Methods:
    """The method table over a chain. Any thread may call; the chain serialises what must be."""

    def __init__(self, chain: EmbeddedChain, version: str, *, logs_max: int = LOGS_MAX) -> None:
        """Serve a chain; `version` is told to clients, `logs_max` bounds an answer of eth_getLogs."""
        self._chain, self._version, self._logs_max = chain, version, logs_max
        self.table: dict[str, tuple[Callable[..., Any], int, int]] = {
            # name: function, parameters at least, at most
            "web3_clientVersion": (lambda: self._version, 0, 0),
            "web3_sha3": (lambda value: h(keccak(data(value, "data"))), 1, 1),
            "net_version": (lambda: str(chain.chain_id()), 0, 0),
            "net_listening": (lambda: True, 0, 0),
            "net_peerCount": (lambda: "0x0", 0, 0),
            "eth_chainId": (lambda: hex(chain.chain_id()), 0, 0),
            "eth_syncing": (lambda: False, 0, 0),
            "eth_mining": (lambda: False, 0, 0),
            "eth_accounts": (list, 0, 0),
            "eth_blockNumber": (lambda: hex(chain.head_number()), 0, 0),
            "eth_gasPrice": (lambda: hex(chain.gas_price()), 0, 0),
            "eth_maxPriorityFeePerGas": (lambda: "0x0", 0, 0),
            "eth_feeHistory": (self.fee_history, 2, 3),
            "eth_getBlockByNumber": (self.block, 1, 2),
            "eth_getBlockByHash": (self.block, 1, 2),
            "eth_getBlockTransactionCountByNumber": (self.transaction_count_of, 1, 1),
            "eth_getBlockTransactionCountByHash": (self.transaction_count_of, 1, 1),
            "eth_getUncleCountByBlockNumber": (self.uncle_count_of, 1, 1),
            "eth_getUncleCountByBlockHash": (self.uncle_count_of, 1, 1),
            "eth_getBlockReceipts": (self.block_receipts, 1, 1),
            "eth_getTransactionByHash": (self.transaction, 1, 1),
            "eth_getTransactionByBlockNumberAndIndex": (self.transaction_at, 2, 2),
            "eth_getTransactionByBlockHashAndIndex": (self.transaction_at, 2, 2),
            "eth_getTransactionReceipt": (self.receipt, 1, 1),
            "eth_getLogs": (self.logs, 1, 1),
            "eth_getBalance": (self.balance, 1, 2),
            "eth_getTransactionCount": (self.nonce, 1, 2),
            "eth_getCode": (self.code, 1, 2),
            "eth_getStorageAt": (self.storage, 2, 3),
            "eth_getProof": (self.proof, 2, 3),
            "eth_call": (self.call, 1, 2),
            "eth_estimateGas": (self.estimate_gas, 1, 2),
            "eth_sendRawTransaction": (self.send, 1, 1),
        }

    # blocks

    def block(self, name: Any, full: Any = False) -> dict[str, Any] | None:
        """eth_getBlockByNumber, eth_getBlockByHash."""
        wanted = flag(full, "the second parameter")
        found = self._block(_either(name))
        return block_json(found, full=wanted) if found else None

    def transaction_count_of(self, name: Any) -> str | None:
        """eth_getBlockTransactionCountByNumber, ...ByHash."""
        found = self._block(_either(name))
        return hex(len(found.transactions)) if found else None

    def uncle_count_of(self, name: Any) -> str | None:
        """eth_getUncleCountByBlockNumber, ...ByHash: there are none."""
        return "0x0" if self._block(_either(name)) else None

    def block_receipts(self, name: Any) -> list[dict[str, Any]] | None:
        """eth_getBlockReceipts."""
        found = self._block(_either(name))
        if found is None:
            return None
        return [self._receipt(found, position) for position in range(len(found.transactions))]

    # transactions

    def transaction(self, tx_hash: Any) -> dict[str, Any] | None:
        """eth_getTransactionByHash."""
        found = self._chain.transaction(data(tx_hash, "transaction hash", 32))
        return transaction_json(*found) if found else None

    def transaction_at(self, name: Any, index: Any) -> dict[str, Any] | None:
        """eth_getTransactionByBlockNumberAndIndex, ...HashAndIndex."""
        position = quantity(index, "index")
        found = self._block(_either(name))
        return transaction_json(found, position) if found and position < len(found.transactions) else None

    def receipt(self, tx_hash: Any) -> dict[str, Any] | None:
        """eth_getTransactionReceipt."""
        found = self._chain.transaction(data(tx_hash, "transaction hash", 32))
        return self._receipt(*found) if found else None

    def send(self, raw: Any) -> str:
        """eth_sendRawTransaction: when this returns the transaction is in a block on disk."""
        signed = data(raw, "the transaction")
        try:
            return h(self._chain.send_raw_transaction(signed))
        except ConflictError as fault:
            transaction = decode_transaction(signed)
            low = transaction.nonce < self._chain.transaction_count(transaction.sender)
            raise RpcError(SERVER_ERROR, f"nonce too {'low' if low else 'high'}: {fault.message}") from fault
        except UnavailableError as fault:
            raise RpcError(SERVER_ERROR, fault.message) from fault
        except InputError as fault:
            raise RpcError(SERVER_ERROR, f"invalid transaction: {fault.message}") from fault

    # logs

    def logs(self, value: Any) -> list[dict[str, Any]]:
        """eth_getLogs."""
        asked = log_question(value)
        head = self._chain.head_number()
        if asked.block is not None:
            block = self._block(asked.block)
            if block is None:
                raise RpcError(SERVER_ERROR, "unknown block")
            first = last = block.number
        else:
            first, last = self._number(asked.first, head), self._number(asked.last, head)
            if first > last:
                raise bad("the range of blocks ends before it begins")
        try:
            found = self._chain.logs(asked.wanted, first, min(last, head), self._logs_max)
        except TooManyLogsError as fault:
            # worded as other nodes do, since clients read it and split their range by it
            fits = fault.last_block if fault.last_block is not None and fault.last_block >= first else first
            raise RpcError(
                LIMIT_EXCEEDED, f"query returned more than {self._logs_max} results."
                f" Try with this block range [{hex(first)}, {hex(fits)}].") from fault
        times: dict[int, str] = {}
        answer: list[dict[str, Any]] = []
        for item in found:
            time = times.get(item.block.number)
            if time is None:
                time = times[item.block.number] = _time(item.block)
            answer += logs_json(item.block, item.position, (item.log,), time)
        return answer

    # state

    def balance(self, address: Any, name: Any = "latest") -> str:
        """eth_getBalance."""
        account = data(address, "address", 20)
        return hex(self._chain.state(lambda state: state.get_balance(account), self._known(name)))

    def nonce(self, address: Any, name: Any = "latest") -> str:
        """eth_getTransactionCount."""
        account = data(address, "address", 20)
        return hex(self._chain.state(lambda state: state.get_nonce(account), self._known(name)))

    def code(self, address: Any, name: Any = "latest") -> str:
        """eth_getCode."""
        account = data(address, "address", 20)
        return h(self._chain.state(lambda state: state.get_code(account), self._known(name)))

    def storage(self, address: Any, slot: Any, name: Any = "latest") -> str:
        """eth_getStorageAt."""
        account, place = data(address, "address", 20), quantity(slot, "slot")
        value: int = self._chain.state(lambda state: state.get_storage(account, place), self._known(name))
        return h(value.to_bytes(32, "big"))

    def proof(self, address: Any, keys: Any, name: Any = "latest") -> dict[str, Any]:
        """eth_getProof (EIP-1186)."""
        account, wanted = data(address, "address", 20), slots(keys)
        number = self._known(name)
        found = self._chain.account_proof(
            account, wanted, self._chain.head_number() if number is None else number)
        return {
            "address": h(account), "nonce": hex(found.account.nonce), "balance": hex(found.account.balance),
            "codeHash": h(found.account.code_hash), "storageHash": h(found.account.storage_root),
            "accountProof": [h(node) for node in found.nodes],
            "storageProof": [
                {"key": key, "value": hex(value), "proof": [h(node) for node in nodes]}
                for key, (value, nodes) in zip(keys, found.slots, strict=True)]}

    def call(self, value: Any, name: Any = "latest") -> str:
        """eth_call."""
        return h(bytes(self._run(value, name)[0].output))

    def estimate_gas(self, value: Any, name: Any = "latest") -> str:
        """eth_estimateGas: a tenth above what it used, since refunds come at the end."""
        computation, gas = self._run(value, name)
        used = gas - int(computation.get_gas_remaining())
        return hex(min(used * 11 // 10 + 5_000, BLOCK_GAS_LIMIT))

    def _run(self, value: Any, name: Any) -> tuple[Any, int]:
        asked = call(value)
        gas = min(asked.gas, BLOCK_GAS_LIMIT) if asked.gas else BLOCK_GAS_LIMIT
        number = self._known(name)
        try:
            return self._chain.execute(
                asked.to, asked.data, asked.sender or ZERO_ADDRESS, number=number, gas=gas,
                value=asked.value), gas
        except RevertedError as fault:
            if fault.message.startswith("the call fails"):
                raise RpcError(SERVER_ERROR, fault.message) from fault
            raise RpcError(REVERTED, "execution reverted" + _reason(fault.data), h(fault.data)) from fault
        except InputError as fault:
            raise RpcError(SERVER_ERROR, fault.message) from fault

    # fees, all zero

    def fee_history(self, count: Any, newest: Any, rewards: Any = None) -> dict[str, Any]:
        """eth_feeHistory."""
        blocks = count if isinstance(count, int) and not isinstance(count, bool) else quantity(count, "count")
        wanted = percentiles(rewards)
        if not 1 <= blocks <= FEE_BLOCKS_MAX:
            raise bad(f"the number of blocks is 1 to {FEE_BLOCKS_MAX}")
        last = self._known(newest)
        last = self._chain.head_number() if last is None else last
        first = max(0, last - blocks + 1)
        found = [self._chain.block(number) for number in range(first, last + 1)]
        whole = [block for block in found if block is not None]
        used = [header_to_json(block.rlp) for block in whole]
        answer: dict[str, Any] = {
            "oldestBlock": hex(first), "baseFeePerGas": ["0x0"] * (len(whole) + 1),
            "gasUsedRatio": [int(b["gasUsed"], 16) / int(b["gasLimit"], 16) for b in used],
            "baseFeePerBlobGas": ["0x1"] * (len(whole) + 1), "blobGasUsedRatio": [0.0] * len(whole)}
        if wanted:
            answer["reward"] = [_rewards(block, wanted) for block in whole]
        return answer

    # which block

    def _known(self, name: Any) -> int | None:
        """Number of a named block that must exist; None for the latest."""
        asked = block_name(name)
        if asked.tag in ("latest", "pending", "safe", "finalized"):
            return None
        block = self._block(asked)
        if block is None:
            raise RpcError(SERVER_ERROR, "unknown block")
        return block.number

    def _number(self, name: BlockName, head: int) -> int:
        if name.number is not None:
            return name.number
        if name.hash is not None:
            raise bad("a range of blocks is named by numbers")
        return 0 if name.tag == "earliest" else head

    def _block(self, name: BlockName) -> Block | None:
        if name.hash is not None:
            return self._chain.block_of_hash(name.hash)
        return self._chain.block(self._number(name, self._chain.head_number()))

    def _receipt(self, block: Block, position: int) -> dict[str, Any]:
        decoded = decode_transaction(block.transactions[position].raw)
        created = None
        if not decoded.to:
            created = bytes(keccak(rlp.encode([decoded.sender, decoded.nonce]))[12:])
        return receipt_json(block, position, created, _time(block))


def _either(name: Any) -> BlockName:
    """A block by number, tag, object or 32-byte hash: the twin methods differ in nothing else."""
    if isinstance(name, str) and len(name) == 66:
        return BlockName(hash=data(name, "block hash", 32))
    return block_name(name) if name is not None else LATEST


def _time(block: Block) -> str:
    return hex(decode_header(block.rlp).timestamp)


def _rewards(block: Block, wanted: Sequence[int | Decimal]) -> list[str]:
    """Priority fees of a block's transactions at percentiles of its gas."""
    paid = sorted(
        (price(decode_transaction(tx.raw), block.outlines[n].type), block.gas_used(n))
        for n, tx in enumerate(block.transactions))
    total = sum(gas for _, gas in paid)
    found = []
    for percentile in wanted:
        passed = 0
        reached = 0
        for fee, gas in paid:
            reached, passed = fee, passed + gas
            if passed * 100 >= percentile * total:
                break
        found.append(hex(reached))
    return found


def _reason(returned: bytes) -> str:
    """The sentence of `Error(string)`, where a contract gave one."""
    if returned[:4] != _ERROR_STRING or len(returned) < 68:
        return ""
    length = int.from_bytes(returned[36:68], "big")
    return ": " + returned[68:68 + min(length, 1_000)].decode("utf-8", "replace")

