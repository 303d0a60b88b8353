"""Any EVM network over JSON-RPC, as a chain client that does not trust its node.

Every header is hashed again from its fields, every block's receipts are held to the receipts root of that
header, every log to its receipt. What does not fit is a TrustError. A node that does not answer, or answers
late or half, is an UnavailableError. web3's own exceptions end here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eth_hash.auto import keccak

from ledger.chain.client import Header, Log, Receipt, StorageProof
from ledger.chain.header import header_from_json
from ledger.chain.receipt_codec import encode_receipt
from ledger.chain.reverts import RevertedError
from ledger.chain.tx import AccountError
from ledger.errors import ConflictError, InputError, TrustError, UnavailableError
from ledger.proofs.tries import ordered_trie_root

TIMEOUT_S = 20.0               # a call that runs a full batch takes a slow node seconds
CALL_GAS = 60_000_000          # read-only calls; nodes cap it by themselves
_MOVED_RETRIES_MAX = 3         # the head may move between two questions about one block
_METHOD_NOT_FOUND = -32601
_KNOWN = ("already known", "already imported", "alreadyknown", "known transaction")
_STALE = ("nonce too low", "replacement transaction underpriced", "nonce is too low")
_CANNOT_PAY = ("insufficient funds", "insufficient balance", "underpriced", "less than block base fee")
_NEVER_TAKEN = ("exceeds block gas limit", "gas limit too high", "intrinsic gas too", "oversized data",
                "exceeds transaction gas limit", "gas limit exceeds", "exceeds maximum per-transaction gas",
                "invalid transaction", "invalid signature")


class RpcChain:
    """A chain behind a JSON-RPC endpoint. Implements `ledger.chain.client.ChainClient`."""

    def __init__(self, url: str, *, chain_id: int | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """Prepare a client; nothing is asked of the node before the first call.

        Args:
            url: http or https address of the node.
            chain_id: what the node must answer; None takes its first answer.
            timeout_s: for connecting and for each reply.
        """
        import requests  # with web3 a second of start-up, which commands without a node do not pay
        from web3.providers.rpc import HTTPProvider

        self.url = url
        self._faults: tuple[type[Exception], ...] = (requests.RequestException, OSError)
        # no hidden retries: whether to try again is the caller's decision
        self._provider = HTTPProvider(
            url, request_kwargs={"timeout": timeout_s}, exception_retry_configuration=None)
        self._expected_chain_id = chain_id
        self._block_receipts_known = True

    # transport

    def _ask(self, method: str, *parameters: Any) -> Any:
        """Result of one request.

        Raises:
            UnavailableError: no answer, or none that is JSON-RPC.
            RevertedError, InputError: the node's error says that the request is at fault.
        """
        try:
            reply = self._provider.make_request(method, list(parameters))
        except self._faults as fault:
            raise UnavailableError(
                f"the node at {self.url} does not answer: {type(fault).__name__}.",
                remedy="Is it running? The request can be repeated.") from fault
        except ValueError as fault:  # half a reply, or no JSON
            raise UnavailableError(f"the node at {self.url} answered no JSON.") from fault
        if not isinstance(reply, Mapping) or ("result" not in reply and "error" not in reply):
            raise UnavailableError(f"the node at {self.url} answered no JSON-RPC.")
        if reply.get("error"):
            raise _NodeError(reply["error"])
        return reply["result"]

    def _get(self, method: str, *parameters: Any) -> Any:
        try:
            return self._ask(method, *parameters)
        except _NodeError as fault:
            raise fault.mapped(self.url) from fault

    # what every client needs

    def chain_id(self) -> int:
        """The chain's id.

        Raises:
            TrustError: the node serves another chain than before, or than the settings say.
        """
        found = _number(self._get("eth_chainId"))
        if self._expected_chain_id is None:
            self._expected_chain_id = found
        if found != self._expected_chain_id:
            raise TrustError(f"the node at {self.url} serves chain {found}, not {self._expected_chain_id}.")
        return found

    def head_number(self) -> int:
        """Number of the latest block."""
        return _number(self._get("eth_blockNumber"))

    def header(self, number: int) -> Header | None:
        """Header of a block, hashed again from its fields, or None."""
        if number < 0:
            return None
        block = self._get("eth_getBlockByNumber", hex(number), False)
        if block is None:
            return None
        header = header_from_json(_mapping(block))
        if header.number != number:
            raise TrustError(f"asked for block {number}, the node at {self.url} sent block {header.number}.")
        return header

    def receipts(self, number: int) -> list[Receipt]:
        """All receipts of a block, which together hash to its receipts root.

        Raises:
            TrustError: they do not.
        """
        for _ in range(_MOVED_RETRIES_MAX):
            header = self.header(number)
            if header is None:
                return []
            found = self._block_receipts(number)
            if found is None or any(_bytes(r.get("blockHash"), 32) != header.hash for r in found):
                continue  # the chain was reorganised between the two answers
            receipts = _read_receipts(found, header)
            if ordered_trie_root([r.encoded for r in receipts]) != header.receipts_root:
                raise TrustError(
                    f"the receipts of block {number} do not hash to the receipts root in its header.",
                    remedy="The node is faulty or dishonest; ask another.")
            return receipts
        raise UnavailableError(f"block {number} keeps changing on the node at {self.url}.")

    def _block_receipts(self, number: int) -> list[Mapping[str, Any]] | None:
        if self._block_receipts_known:
            try:
                found = self._ask("eth_getBlockReceipts", hex(number))
                return None if found is None else [_mapping(r) for r in _list(found)]
            except _NodeError as fault:
                if fault.number != _METHOD_NOT_FOUND:
                    raise fault.mapped(self.url) from fault
                self._block_receipts_known = False
        block = self._get("eth_getBlockByNumber", hex(number), False)
        if block is None:
            return None
        hashes = _list(_mapping(block).get("transactions"))
        single = [self._get("eth_getTransactionReceipt", tx) for tx in hashes]
        return None if any(r is None for r in single) else [_mapping(r) for r in single]

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """Receipt of a mined transaction, or None; checked with the whole block it is in."""
        found = self._get("eth_getTransactionReceipt", "0x" + tx_hash.hex())
        if found is None or _mapping(found).get("blockNumber") is None:
            return None
        number = _number(found["blockNumber"])
        return next((r for r in self.receipts(number) if r.tx_hash == tx_hash), None)

    def send_raw_transaction(self, raw: bytes) -> bytes:
        """Hand over a signed transaction; returns its hash. Whether it was mined, `receipt` says.

        Raises:
            ConflictError: another transaction used its nonce.
            AccountError: the account cannot pay. Other InputError: the node will never take this one.
            UnavailableError: not known whether the node took it; send the same bytes again.
        """
        tx_hash = bytes(keccak(raw))
        try:
            answered = _bytes(self._ask("eth_sendRawTransaction", "0x" + raw.hex()), 32)
        except _NodeError as fault:
            text = fault.text.lower()
            if any(word in text for word in _KNOWN):
                return tx_hash
            if any(word in text for word in _STALE):
                # after a lost reply the first sending may have been mined meanwhile
                if self._get("eth_getTransactionByHash", "0x" + tx_hash.hex()) is not None:
                    return tx_hash
                raise ConflictError(
                    f"the node does not take the transaction: {fault.text}.",
                    remedy="Somebody else sent with this key.") from fault
            if any(word in text for word in _CANNOT_PAY):
                raise AccountError(f"the node does not take the transaction: {fault.text}.",
                                   remedy="Fund the account, or lower the network's fees.") from fault
            if any(word in text for word in _NEVER_TAKEN):
                raise InputError(f"the node does not take the transaction: {fault.text}.") from fault
            raise fault.mapped(self.url) from fault
        if answered != tx_hash:
            raise TrustError(f"the node answered hash 0x{answered.hex()} for transaction 0x{tx_hash.hex()}.")
        return tx_hash

    def transaction_count(self, address: bytes) -> int:
        """Next nonce of an account, by the latest block."""
        return _number(self._get("eth_getTransactionCount", "0x" + address.hex(), "latest"))

    def transaction_input(self, tx_hash: bytes) -> bytes | None:
        """Call data of a mined transaction, or None."""
        found = self._get("eth_getTransactionByHash", "0x" + tx_hash.hex())
        if found is None or _mapping(found).get("blockNumber") is None:
            return None
        return _bytes(found.get("input"))

    def call(self, to: bytes, data: bytes, sender: bytes | None = None) -> bytes:
        """Result of a read-only call at the latest block.

        Raises:
            RevertedError: the contract refuses.
        """
        return _bytes(self._get("eth_call", self._message(to, data, sender), "latest"))

    def code(self, address: bytes) -> bytes:
        """Runtime code of an account."""
        return _bytes(self._get("eth_getCode", "0x" + address.hex(), "latest"))

    def estimate_gas(self, to: bytes, data: bytes, sender: bytes) -> int:
        """Gas limit with which the transaction would pass now, a tenth above the node's answer.

        Raises:
            RevertedError: the contract refuses.
        """
        message = self._message(to, data, sender)
        message.pop("gas")
        return _number(self._get("eth_estimateGas", message)) * 11 // 10

    def gas_price(self) -> int:
        """What the node proposes per gas, in wei."""
        return _number(self._get("eth_gasPrice"))

    def storage_proof(self, address: bytes, slot: bytes, number: int) -> StorageProof:
        """Proof of a storage slot in the state of a block, if the node still has that state."""
        found = _mapping(self._get("eth_getProof", "0x" + address.hex(), ["0x" + slot.hex()], hex(number)))
        slots = _list(found.get("storageProof"))
        if len(slots) != 1:
            raise TrustError(f"asked for one storage slot, the node sent {len(slots)}.")
        return StorageProof(
            number, tuple(_bytes(n) for n in _list(found.get("accountProof"))),
            tuple(_bytes(n) for n in _list(_mapping(slots[0]).get("proof"))))

    def blocks_with_log(
        self, address: bytes, topics: Sequence[Sequence[bytes]], first: int, last: int,
    ) -> list[int]:
        """Numbers of the blocks from `first` to `last` in which a contract logged such topics, ascending.

        At each place any of the topics listed for it. Only a hint where to look: a node can hide logs.
        What it names is checked with the block's receipts.
        """
        found = self._get("eth_getLogs", {
            "address": "0x" + address.hex(),
            "topics": [["0x" + topic.hex() for topic in place] for place in topics],
            "fromBlock": hex(max(first, 0)), "toBlock": hex(last)})
        return sorted({_number(_mapping(log).get("blockNumber")) for log in _list(found)})

    def close(self) -> None:
        """Nothing to let go of: connections are pooled and end by themselves."""

    @staticmethod
    def _message(to: bytes, data: bytes, sender: bytes | None) -> dict[str, Any]:
        message: dict[str, Any] = {"data": "0x" + data.hex(), "gas": hex(CALL_GAS)}
        if to:
            message["to"] = "0x" + to.hex()
        if sender is not None:
            message["from"] = "0x" + sender.hex()
        return message


class _NodeError(Exception):
    """A JSON-RPC error object."""

    def __init__(self, error: Any) -> None:
        fields = error if isinstance(error, Mapping) else {"message": str(error)}
        self.number = fields.get("code")
        self.text = str(fields.get("message", ""))
        data = fields.get("data")
        self.data = data.get("data") if isinstance(data, Mapping) else data
        super().__init__(self.text)

    def mapped(self, url: str) -> Exception:
        """The error as ours."""
        if self.number == 3 or "revert" in self.text.lower():
            raw = self.data if isinstance(self.data, str) and self.data.startswith("0x") else "0x"
            return RevertedError("the contract refuses the call.", data=bytes.fromhex(raw[2:]))
        return UnavailableError(f"the node at {url} answered an error: {self.text} ({self.number}).")


def _read_receipts(found: list[Mapping[str, Any]], header: Header) -> list[Receipt]:
    receipts: list[Receipt] = []
    log_index = 0
    for position, item in enumerate(found):
        logs: list[Log] = []
        for entry in map(_mapping, _list(item.get("logs"))):
            foreign = _bytes(entry.get("blockHash"), 32) != header.hash
            if foreign or _number(entry.get("logIndex")) != log_index:
                raise TrustError(f"block {header.number}: log {log_index} is missing, foreign or misplaced.")
            logs.append(Log(
                _bytes(entry.get("address"), 20), tuple(_bytes(t, 32) for t in _list(entry.get("topics"))),
                _bytes(entry.get("data")), log_index))
            log_index += 1
        if _number(item.get("transactionIndex")) != position:
            raise TrustError(f"block {header.number}: receipt {position} is missing or out of order.")
        status = _number(item.get("status"))
        receipts.append(Receipt(
            tx_hash=_bytes(item.get("transactionHash"), 32), tx_index=position, status=status,
            gas_used=_number(item.get("gasUsed")), block_number=header.number, block_hash=header.hash,
            logs=tuple(logs), encoded=encode_receipt(
                _number(item.get("type", "0x0")), status, _number(item.get("cumulativeGasUsed")),
                _bytes(item.get("logsBloom"), 256), logs)))
    return receipts


def _number(value: Any) -> int:
    try:
        return int(value, 16)
    except (TypeError, ValueError) as fault:
        raise TrustError(f"the node sent {value!r} where a hexadecimal number belongs.") from fault


def _bytes(value: Any, length: int | None = None) -> bytes:
    try:
        raw = bytes.fromhex(value.removeprefix("0x"))
    except (AttributeError, ValueError) as fault:
        raise TrustError(f"the node sent {str(value)[:80]!r} where hexadecimal bytes belong.") from fault
    if length is not None and len(raw) != length:
        raise TrustError(f"the node sent {len(raw)} bytes where {length} belong.")
    return raw


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TrustError("the node sent something else where an object belongs.")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TrustError("the node sent something else where a list belongs.")
    return value
