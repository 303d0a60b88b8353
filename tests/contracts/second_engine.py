"""What was sent to the contracts in a test, sent again to other engines: anvil (revm), and the product's own py-evm chain.

`Anvil` speaks JSON-RPC in batches, so that a thousand calls take a second. `Replay` sends the same signed transactions
to both chains, a block each, at the times they were sent in the test.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import rlp
from coincurve import PrivateKey
from eth_account import Account
from eth_hash.auto import keccak
from trie import HexaryTrie

from ledger.chain.client import Receipt
from ledger.chain.embedded import EmbeddedChain
from ledger.chain.header import state_root
from ledger.chain.rpc import RpcChain
from ledger.proofs.tries import value_in_proof
from tests.chain_fixtures import Clock, anvil
from tests.contracts.evm import (
    AUTHORITY,
    AUTHORITY_KEY,
    CHAIN_ID,
    GATEWAY,
    GATEWAY_KEY,
    START_S,
    RawLog,
    Sent,
)

GAS = 50_000_000
KEYS = {AUTHORITY: AUTHORITY_KEY, GATEWAY: GATEWAY_KEY}
BATCH = 50  # requests at a time; anvil takes two megabytes


def raw_transaction(key: PrivateKey, nonce: int, sent: Sent) -> bytes:
    """The signed transaction that does on a chain what was done in the test."""
    fields: dict[str, Any] = {
        "chainId": CHAIN_ID, "nonce": nonce, "gas": GAS, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "value": 0,
        "data": sent.data, "type": 2, "to": sent.to,
    }
    return bytes(Account.sign_transaction(fields, key.secret).raw_transaction)


@dataclass
class Schedule:
    """Gives transactions their nonces and their blocks their times: those of the test, but never twice the same."""

    nonces: dict[bytes, int] = field(default_factory=dict)
    last_s: int = START_S

    def of(self, sent: Sequence[Sent]) -> list[tuple[int, bytes]]:
        planned = []
        for one in sent:
            nonce = self.nonces.get(one.sender, 0)
            self.nonces[one.sender] = nonce + 1
            self.last_s = max(one.at_s, self.last_s + 1)
            planned.append((self.last_s, raw_transaction(KEYS[one.sender], nonce, one)))
        return planned


class Anvil:
    """JSON-RPC of one anvil, many requests at a time."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self.ask([("evm_setAutomine", [False])])  # it would mine some time after the transaction was taken

    def ask(self, requested: Iterable[tuple[str, list[Any]]]) -> list[Any]:
        """The results, in order."""
        calls = [{"jsonrpc": "2.0", "id": i, "method": m, "params": p} for i, (m, p) in enumerate(requested)]
        results = []
        for start in range(0, len(calls), BATCH):
            replies = self._session.post(self.url, json=calls[start:start + BATCH], timeout=120).json()
            for reply in sorted(replies, key=lambda x: x["id"]):
                assert "error" not in reply, reply
                results.append(reply["result"])
        return results

    def send(self, planned: Sequence[tuple[int, bytes]]) -> list[dict[str, Any]]:
        """Mine each transaction in a block of its own, at its time; the receipts."""
        hashes = []
        for at_s, raw in planned:  # one by one: anvil works on the requests of a batch at the same time
            hashes += self.ask([("eth_sendRawTransaction", ["0x" + raw.hex()])])
            self.ask([("evm_mine", [at_s])])
        return self.ask(("eth_getTransactionReceipt", [x]) for x in hashes)

    def storage(self) -> dict[bytes, dict[int, int]]:
        """All words that are not zero, by contract and slot."""
        [dump] = self.ask([("anvil_dumpState", [])])
        accounts = json.loads(gzip.decompress(_bytes(dump)))["accounts"]
        return {
            _bytes(address): {int(slot, 16): int(word, 16) for slot, word in account["storage"].items() if int(word, 16)}
            for address, account in accounts.items()}

    def trace(self, calls: Sequence[tuple[bytes, bytes, bytes]], at_s: int) -> list[Traced]:
        """What each call (sender, to, data) would do at a time, each on the state as it stands.

        Raises:
            AssertionError: the node answers with an error.
        """
        def wanted(tracer: str, config: dict[str, bool]) -> list[Any]:
            return self.ask(("debug_traceCall", [
                {"from": "0x" + a.hex(), "to": "0x" + b.hex(), "data": "0x" + data.hex(), "gas": hex(GAS),
                 "gasPrice": "0x0"},
                "latest", {"tracer": tracer, "tracerConfig": config, "blockOverrides": {"time": hex(at_s)}},
            ]) for a, b, data in calls)

        done = wanted("callTracer", {"withLog": True})
        stored = wanted("prestateTracer", {"diffMode": True, "disableCode": True})
        return [Traced(_bytes(x.get("output", "0x")), _logs_of_call(x), _changes(y))
                for x, y in zip(done, stored, strict=True)]


@dataclass(frozen=True)
class Traced:
    """What a call gave back, its logs, and the words it changed (by address and slot)."""

    output: bytes
    logs: tuple[RawLog, ...]
    changed: dict[tuple[bytes, int], int]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _logs_of_call(frame: dict[str, Any]) -> tuple[RawLog, ...]:
    """The logs of a call and of the calls that it made, in the order of their numbers; none of those that failed."""
    found: list[tuple[int, RawLog]] = []

    def collect(one: dict[str, Any]) -> None:
        if "error" in one:
            return
        for log in one.get("logs", ()):
            found.append((int(log["index"], 16), raw_log(log)))
        for inner in one.get("calls", ()):
            collect(inner)

    collect(frame)
    return tuple(log for _, log in sorted(found, key=lambda x: x[0]))


def raw_log(log: dict[str, Any]) -> RawLog:
    return _bytes(log["address"]), tuple(_bytes(x) for x in log["topics"]), _bytes(log["data"])


def _changes(diff: dict[str, Any]) -> dict[tuple[bytes, int], int]:
    """Words after a call, of those it changed; one that became zero stands only under what was before."""
    changed = {
        (_bytes(address), int(slot, 16)): 0
        for address, account in diff["pre"].items() for slot in account.get("storage", {})}
    return changed | {
        (_bytes(address), int(slot, 16)): int(word, 16)
        for address, account in diff["post"].items() for slot, word in account.get("storage", {}).items()}


class Replay:
    """Two chains with the same contracts on them, which take the same transactions and must answer the same."""

    def __init__(self, url: str, directory: Path, setup: Sequence[Sent]) -> None:
        self.anvil = Anvil(url)
        self._rpc = RpcChain(url, chain_id=CHAIN_ID)
        self._directory = directory
        self._schedule = Schedule()
        planned = self._schedule.of(setup)
        self.anvil.send(planned)
        with self._embedded("base") as chain:
            for at_s, raw in planned:
                self._send_embedded(chain, at_s, raw)

    @contextmanager
    def _embedded(self, name: str) -> Iterator[EmbeddedChain]:
        self._clock = Clock(START_S)
        chain = EmbeddedChain(self._directory / name / "chain.sqlite", self._clock, CHAIN_ID)
        try:
            yield chain
        finally:
            chain.close()

    def _send_embedded(self, chain: EmbeddedChain, at_s: int, raw: bytes) -> Receipt:
        self._clock.now_s = at_s
        receipt = chain.receipt(chain.send_raw_transaction(raw))
        assert receipt is not None
        header = chain.header(receipt.block_number)
        assert header is not None and header.timestamp == at_s
        return receipt

    def agree(self, sent: Sequence[Sent], contracts: Sequence[bytes]) -> None:
        """Send it all to both, after the setup; nothing of it remains.

        Compared: per transaction the whole receipt (status, gas, logs) of both, and the logs of the test; at the end
        the root of the storage of each contract.

        Raises:
            AssertionError: the engines differ.
        """
        schedule = Schedule(dict(self._schedule.nonces), self._schedule.last_s)
        planned = schedule.of(sent)
        assert [at_s for at_s, _ in planned] == [x.at_s for x in sent], "the test lets a second pass before each act"
        [mark] = self.anvil.ask([("evm_snapshot", [])])
        shutil.copytree(self._directory / "base", self._directory / "trace")
        try:
            self.anvil.send(planned)
            with self._embedded("trace") as chain:
                for one, (at_s, raw) in zip(sent, planned, strict=True):
                    mine = self._send_embedded(chain, at_s, raw)
                    theirs = self._rpc.receipt(mine.tx_hash)
                    assert theirs is not None
                    assert mine.status == 1
                    assert mine.encoded == theirs.encoded, "receipts: status, gas used, logs"
                    assert tuple((x.address, x.topics, x.data) for x in mine.logs) == one.logs
                stored = self.anvil.storage()
                for contract in contracts:
                    assert storage_root(chain, contract) == root_of(stored[contract]), "storage at the end"
        finally:
            shutil.rmtree(self._directory / "trace")
            assert self.anvil.ask([("evm_revert", [mark])]) == [True]


def root_of(words: dict[int, int]) -> bytes:
    """The storage root that these words have. (anvil's own, in eth_getProof, counts words that became zero.)"""
    trie = HexaryTrie({})
    for slot, word in words.items():
        trie[keccak(slot.to_bytes(32, "big"))] = rlp.encode(word)
    return bytes(trie.root_hash)


def storage_root(chain: EmbeddedChain, contract: bytes) -> bytes:
    """Root of a contract's storage at the latest block, proved from its header."""
    proof = chain.storage_proof(contract, bytes(32), chain.head_number())
    header = chain.header(proof.block_number)
    assert header is not None
    account = rlp.decode(value_in_proof(state_root(header.rlp), keccak(contract), proof.account_nodes))
    return bytes(account[2])


@contextmanager
def second_engine() -> Iterator[str]:
    """A fresh anvil with the chain id of the tests; its address."""
    with anvil(chain_id=CHAIN_ID, timestamp_s=START_S - 1) as url:
        yield url
