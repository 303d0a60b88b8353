"""Any EVM network over JSON-RPC, as a chain client that does not trust its node.

Every header is hashed again from its fields, every block's receipts are held to the receipts root of that
header, every log to its receipt. What does not fit is a TrustError. A node that does not answer, or answers
late or half, is an UnavailableError. web3's own exceptions end here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from eth_hash.auto import keccak

from ledger.chain.client import FetchedBlock, Header, Receipt, StorageProof, ToldBlock
from ledger.chain.rpc_blocks import (
    NULL,
    read_block,
    read_parts,
    read_told,
    receipts_of,
    to_bytes,
    to_number,
)
from ledger.chain.rpc_wire import METHOD_NOT_FOUND, Ask, NodeError, Wire, shown
from ledger.chain.tx import AccountError
from ledger.errors import ConflictError, InputError, TrustError, UnavailableError
from ledger.proofs.tries import ordered_trie_root

TIMEOUT_S = 20.0               # a call that runs a full batch takes a slow node seconds
CALL_GAS = 60_000_000          # read-only calls; nodes cap it by themselves
_MOVED_RETRIES_MAX = 3         # the head may move between two questions about one block
_INVALID_REQUEST = -32600
_FEW = 2                       # requests of the smallest batch: a block
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
            url: http or https address of the node; `url` of the client is what may be shown of it.
            chain_id: what the node must answer; None takes its first answer.
            timeout_s: for connecting and for each reply.
        """
        self.origin = url
        self.url = shown(url)
        self._wire = Wire(url, timeout_s)
        self._expected_chain_id = chain_id
        self._block_receipts_known = True
        self._batches_known = True

    # transport

    def _ask(self, method: str, *parameters: Any) -> Any:
        """Result of one request; NodeError where the node answers one."""
        return msgspec.json.decode(self._wire.ask(method, *parameters))

    def _get(self, method: str, *parameters: Any) -> Any:
        try:
            return self._ask(method, *parameters)
        except NodeError as fault:
            raise fault.mapped(self.url) from fault

    # what every client needs

    def chain_id(self) -> int:
        """The chain's id.

        Raises:
            TrustError: the node serves another chain than before, or than the settings say.
        """
        said = self._get("eth_chainId")
        if said is None:
            raise UnavailableError(f"the node at {self.url} knows no chain id now.")
        found = to_number(said)
        if self._expected_chain_id is None:
            self._expected_chain_id = found
        if found != self._expected_chain_id:
            raise TrustError(f"the node at {self.url} serves chain {found}, not {self._expected_chain_id}.")
        return found

    def head_number(self) -> int:
        """Number of the latest block."""
        found = self._get("eth_blockNumber")
        if found is None:
            raise UnavailableError(f"the node at {self.url} knows no latest block now.")
        return to_number(found)

    def header(self, number: int) -> Header | None:
        """Header of a block, hashed again from its fields, or None."""
        found = self._block(number) if number >= 0 else None
        return found[0] if found else None

    def receipts(self, number: int) -> list[Receipt]:
        """All receipts of a block, which together hash to its receipts root.

        Raises:
            TrustError: they do not.
        """
        for _ in range(_MOVED_RETRIES_MAX):
            (told,) = self.told(number, number)
            if told.header == NULL:
                return []
            header, said = read_parts(told, self.url)
            try:
                receipts = receipts_of(said, header)
            except UnavailableError:
                continue  # the chain was reorganised between the two answers
            if ordered_trie_root([r.encoded for r in receipts]) != header.receipts_root:
                raise TrustError(
                    f"the receipts of block {number} do not hash to the receipts root in its header.",
                    remedy="The node is faulty or dishonest; ask another.")
            return receipts
        raise UnavailableError(f"block {number} keeps changing on the node at {self.url}.")

    def blocks(self, first: int, last: int) -> list[FetchedBlock]:
        """Blocks `first` to `last` with their receipts, in one exchange where the node takes batches.

        Headers are hashed again from their fields. Receipts are encoded from theirs and not yet held to the
        root: who asks does that.

        Raises:
            TooMuchError: the node does not give so much at once.
            UnavailableError: it does not have one of them, or they changed while they were read.
            TrustError: what came cannot be true.
        """
        return [read_told(told, self.url) for told in self.told(first, last)]

    def distrust(self, origin: str, fault: TrustError) -> bool:  # noqa: ARG002 - there is no other
        """There is no other node to go to: False."""
        return False

    def _block(self, number: int) -> tuple[Header, list[str]] | None:
        try:
            return read_block(self._wire.ask("eth_getBlockByNumber", hex(number), False), number, self.url)
        except NodeError as fault:
            raise fault.mapped(self.url) from fault

    def told(self, first: int, last: int) -> list[ToldBlock]:
        """Blocks `first` to `last` with their receipts as the node tells them, unread."""
        numbers = range(first, last + 1)
        whole = self._block_receipts_known
        questions: list[Ask] = []
        for number in numbers:
            questions.append(("eth_getBlockByNumber", (hex(number), False)))
            if whole:
                questions.append(("eth_getBlockReceipts", (hex(number),)))
        answers = self._many(questions)
        found: list[ToldBlock] = []
        for place, number in enumerate(numbers):
            block = self._sure(answers[place * (1 + whole)])
            receipts: bytes | tuple[bytes, ...] | None = () if block == NULL else None
            if receipts is None and self._block_receipts_known and whole:
                answer = answers[2 * place + 1]
                if isinstance(answer, NodeError) and answer.number == METHOD_NOT_FOUND:
                    self._block_receipts_known = False
                else:
                    receipts = self._sure(answer)
            if receipts is None:
                header = read_block(block, number, self.url)
                receipts = tuple(self._sure(answer) for answer in self._many(
                    [("eth_getTransactionReceipt", (tx,)) for tx in (header[1] if header else ())]))
            found.append(ToldBlock(number, block, receipts, self.origin))
        return found

    def _many(self, questions: Sequence[Ask]) -> list[bytes | NodeError]:
        """Answers to several questions: one batch, or one after the other where the node takes none."""
        if self._batches_known and len(questions) > 1:
            try:
                return self._wire.ask_all(questions)
            except NodeError as fault:
                mapped = fault.mapped(self.url)
                if fault.number not in (METHOD_NOT_FOUND, _INVALID_REQUEST) or len(questions) > _FEW:
                    raise mapped from fault
                self._batches_known = False  # two at once are refused: it takes none
        answers: list[bytes | NodeError] = []
        for method, parameters in questions:
            try:
                answers.append(self._wire.ask(method, *parameters))
            except NodeError as fault:
                answers.append(fault)
        return answers

    def _sure(self, answer: bytes | NodeError) -> bytes:
        if isinstance(answer, NodeError):
            raise answer.mapped(self.url) from answer
        return answer

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """Receipt of a mined transaction, or None; checked with the whole block it is in."""
        found = self._get("eth_getTransactionReceipt", "0x" + tx_hash.hex())
        if found is None or _mapping(found).get("blockNumber") is None:
            return None
        number = to_number(found["blockNumber"])
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
            answered = to_bytes(self._ask("eth_sendRawTransaction", "0x" + raw.hex()), 32)
        except NodeError as fault:
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
        return to_number(self._get("eth_getTransactionCount", "0x" + address.hex(), "latest"))

    def transaction_input(self, tx_hash: bytes) -> bytes | None:
        """Call data of a mined transaction, or None."""
        found = self._get("eth_getTransactionByHash", "0x" + tx_hash.hex())
        if found is None or _mapping(found).get("blockNumber") is None:
            return None
        return to_bytes(found.get("input"))

    def call(self, to: bytes, data: bytes, sender: bytes | None = None) -> bytes:
        """Result of a read-only call at the latest block.

        Raises:
            RevertedError: the contract refuses.
        """
        return to_bytes(self._get("eth_call", self._message(to, data, sender), "latest"))

    def code(self, address: bytes) -> bytes:
        """Runtime code of an account."""
        return to_bytes(self._get("eth_getCode", "0x" + address.hex(), "latest"))

    def estimate_gas(self, to: bytes, data: bytes, sender: bytes) -> int:
        """Gas limit with which the transaction would pass now, a tenth above the node's answer.

        Raises:
            RevertedError: the contract refuses.
        """
        message = self._message(to, data, sender)
        message.pop("gas")
        return to_number(self._get("eth_estimateGas", message)) * 11 // 10

    def gas_price(self) -> int:
        """What the node proposes per gas, in wei."""
        return to_number(self._get("eth_gasPrice"))

    def storage_proof(self, address: bytes, slot: bytes, number: int) -> StorageProof:
        """Proof of a storage slot in the state of a block, if the node still has that state."""
        found = _mapping(self._get("eth_getProof", "0x" + address.hex(), ["0x" + slot.hex()], hex(number)))
        slots = _list(found.get("storageProof"))
        if len(slots) != 1:
            raise TrustError(f"asked for one storage slot, the node sent {len(slots)}.")
        return StorageProof(
            number, tuple(to_bytes(n) for n in _list(found.get("accountProof"))),
            tuple(to_bytes(n) for n in _list(_mapping(slots[0]).get("proof"))))

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
        return sorted({to_number(_mapping(log).get("blockNumber")) for log in _list(found)})

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


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TrustError("the node sent something else where an object belongs.")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TrustError("the node sent something else where a list belongs.")
    return value
