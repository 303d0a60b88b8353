"""The embedded node's JSON-RPC without HTTP: what it answers, what it refuses, and that nothing makes it fall."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.embedded import EmbeddedChain
from ledger.chain.embedded.jsonrpc import JsonRpc, RpcLimits
from ledger.chain.embedded.rpc_methods import Methods
from ledger.chain.embedded.rpc_values import FILTER_VALUES_MAX, SLOTS_MAX
from ledger.chain.header import header_from_json
from ledger.errors import InvariantError
from tests.chain_fixtures import CHAIN_ID, NOW_S, AccountSigner
from tests.ledger.chain import toy

ALICE = AccountSigner(1)
CONTRACT = toy.address_of(ALICE, 0)
TO = "0x" + CONTRACT.hex()
TOPIC = "0x" + toy.word(1).hex()


class Node:
    """A node to ask, with the errors it was told to stop at."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path / "chain.sqlite"
        self.chain = EmbeddedChain(self.path, lambda: NOW_S, CHAIN_ID)
        self.faults: list[InvariantError] = []
        self.rpc = JsonRpc(Methods(self.chain, "test", logs_max=4), RpcLimits(**options), self.faults.append)

    def raw(self, body: bytes) -> Any:
        answer = self.rpc.answer(body)
        return None if answer is None else json.loads(answer)

    def ask(self, method: str, *parameters: Any) -> Any:
        answer = self.raw(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode())
        assert answer["id"] == 1
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def refused(self, method: str, *parameters: Any) -> dict[str, Any]:
        answer = self.raw(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode())
        assert "result" not in answer, answer
        error: dict[str, Any] = answer["error"]
        return error


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    toy.deploy(made.chain, ALICE)
    for number in (1, 2, 1):
        toy.poke(made.chain, ALICE, CONTRACT, number)
    yield made
    made.chain.close()


def test_block__by_number_hash_and_tag__is_the_same_and_hashes_to_its_hash(node: Node) -> None:
    block = node.ask("eth_getBlockByNumber", "0x4", False)
    assert header_from_json(block).number == 4
    assert node.ask("eth_getBlockByHash", block["hash"], False) == block
    for tag in ("latest", "pending", "safe", "finalized"):
        assert node.ask("eth_getBlockByNumber", tag, False) == block
    full = node.ask("eth_getBlockByNumber", "0x4", True)
    (transaction,) = full.pop("transactions")
    assert block.pop("transactions") == [transaction["hash"]] and full == block
    assert node.ask("eth_getTransactionByHash", transaction["hash"]) == transaction
    assert node.ask("eth_getTransactionByBlockNumberAndIndex", "0x4", "0x0") == transaction
    assert node.ask("eth_getTransactionByBlockHashAndIndex", block["hash"], "0x0") == transaction
    assert node.ask("eth_getTransactionByBlockHashAndIndex", block["hash"], "0x1") is None
    assert transaction["input"] == TOPIC and transaction["from"] == "0x" + ALICE.address.hex()
    assert node.ask("eth_getBlockTransactionCountByNumber", "0x4") == "0x1"
    assert node.ask("eth_getBlockTransactionCountByNumber", "earliest") == "0x0"


def test_what_is_not_there__is_null(node: Node) -> None:
    nothing = "0x" + bytes(32).hex()
    for method, *parameters in (
        ("eth_getBlockByNumber", "0x5", True), ("eth_getBlockByHash", nothing, False), ("eth_getBlockReceipts", "0x5"),
        ("eth_getTransactionByHash", nothing), ("eth_getTransactionReceipt", nothing),
        ("eth_getBlockTransactionCountByHash", nothing), ("eth_getBlockByNumber", "0x7fffffffffffffff", False),
    ):
        assert node.ask(method, *parameters) is None


def test_receipts__of_a_block__are_those_of_its_transactions(node: Node) -> None:
    made, poked = (node.ask("eth_getBlockReceipts", n)[0] for n in ("0x1", "0x2"))
    assert (made["contractAddress"], made["to"]) == (TO, None)
    assert (poked["contractAddress"], poked["to"], poked["status"]) == (None, TO, "0x1")
    assert node.ask("eth_getTransactionReceipt", poked["transactionHash"]) == poked
    assert poked["logs"] == node.ask("eth_getLogs", {"fromBlock": "0x2", "toBlock": "0x2"})


def test_logs__by_range_topic_and_hash__and_too_many_with_a_range_that_works(node: Node) -> None:
    everything = node.ask("eth_getLogs", {"fromBlock": "earliest", "toBlock": "latest", "address": TO})
    assert [log["blockNumber"] for log in everything] == ["0x2", "0x3", "0x4"]
    assert node.ask("eth_getLogs", {"fromBlock": "0x0", "topics": [[TOPIC, "0x" + bytes(32).hex()]]}) == everything
    assert node.ask("eth_getLogs", {"fromBlock": "0x0", "topics": [None, None]}) == []
    assert node.ask("eth_getLogs", {"fromBlock": "0x0", "address": ["0x" + bytes(20).hex()]}) == []
    assert node.ask("eth_getLogs", {}) == everything[-1:], "latest to latest where nothing is said"
    assert node.ask("eth_getLogs", {"blockHash": everything[1]["blockHash"], "topics": []}) == [everything[1]]
    assert node.ask("eth_getLogs", {"fromBlock": "0x100", "toBlock": "0x200"}) == []
    for number in range(2):
        toy.poke(node.chain, ALICE, CONTRACT, number)
    error = node.refused("eth_getLogs", {"fromBlock": "0x0"})
    assert error["code"] == -32005
    assert "Try with this block range [0x0, 0x5]" in error["message"]
    assert len(node.ask("eth_getLogs", {"fromBlock": "0x0", "toBlock": "0x5"})) == 4


def test_state__now_and_at_an_earlier_block(node: Node) -> None:
    for name, count in (("latest", 2), ("0x4", 2), ("0x3", 1), ("0x2", 1), ("0x1", 0)):
        assert int(node.ask("eth_getStorageAt", TO, "0x1", name), 16) == count
    assert node.ask("eth_getTransactionCount", "0x" + ALICE.address.hex(), "0x2") == "0x2"
    assert node.ask("eth_getCode", TO) == "0x" + toy.RUNTIME.hex()
    assert node.ask("eth_getCode", TO, "0x0") == "0x"
    assert node.ask("eth_getBalance", TO, None) == "0x0"
    head = node.ask("eth_getBlockByNumber", "0x3", False)
    assert int(node.ask("eth_getStorageAt", TO, "0x1", {"blockHash": head["hash"]}), 16) == 1
    assert node.refused("eth_getBalance", TO, "0x9")["message"] == "unknown block"
    proof = node.ask("eth_getProof", TO, ["0x1", "0x" + toy.word(2).hex()], "latest")
    assert [slot["value"] for slot in proof["storageProof"]] == ["0x2", "0x1"]
    assert proof["storageProof"][0]["key"] == "0x1"


def test_call__runs_with_the_time_and_state_of_its_block(node: Node) -> None:
    runtime = bytes.fromhex("425f5260205ff3")  # returns the time
    init = bytes.fromhex(f"60{len(runtime):02x}8060095f395ff3") + runtime
    toy.send(node.chain, toy.transaction(ALICE, 4, None, init))
    clock = {"to": "0x" + toy.address_of(ALICE, 4).hex()}
    head = node.ask("eth_getBlockByNumber", "latest", False)
    assert int(node.ask("eth_call", clock, head["number"]), 16) == int(head["timestamp"], 16)
    assert int(node.ask("eth_call", clock), 16) == int(head["timestamp"], 16) + 1
    assert node.ask("eth_call", clock, "0x1") == "0x"
    error = node.refused("eth_call", {"to": TO}, "latest")
    assert (error["code"], error["data"]) == (3, "0xdeadbeef")
    assert node.refused("eth_estimateGas", {"to": TO})["code"] == 3
    assert int(node.ask("eth_estimateGas", {"to": TO, "input": TOPIC, "from": TO}), 16) > 21_000
    assert "OutOfGas" in node.refused("eth_call", {"to": TO, "data": TOPIC, "gas": hex(22_000)})["message"]
    assert node.refused("eth_call", {"to": TO, "data": TOPIC, "value": "0x1"})["code"] == -32000


def test_send__good_repeated_stale_early_foreign__each_has_its_answer(node: Node) -> None:
    raw = toy.transaction(ALICE, 4, CONTRACT, toy.word(3))
    first = node.ask("eth_sendRawTransaction", "0x" + raw.hex())
    assert node.ask("eth_sendRawTransaction", "0x" + raw.hex()) == first
    assert node.ask("eth_blockNumber") == "0x5"
    assert "nonce too low" in node.refused("eth_sendRawTransaction", "0x" + toy.transaction(ALICE, 4, None, b"").hex())["message"]
    assert "nonce too high" in node.refused("eth_sendRawTransaction", "0x" + toy.transaction(ALICE, 9, None, b"").hex())["message"]
    foreign = toy.transaction(ALICE, 5, CONTRACT, b"", chain_id=7)
    assert "invalid transaction" in node.refused("eth_sendRawTransaction", "0x" + foreign.hex())["message"]
    assert node.ask("eth_blockNumber") == "0x5"


def test_fees__are_zero(node: Node) -> None:
    assert node.ask("eth_gasPrice") == node.ask("eth_maxPriorityFeePerGas") == "0x0"
    history = node.ask("eth_feeHistory", "0x3", "latest", [10, 50.5])
    assert history["oldestBlock"] == "0x2"
    assert history["baseFeePerGas"] == ["0x0"] * 4
    assert history["reward"] == [["0x0", "0x0"]] * 3
    assert all(0 < ratio < 1 for ratio in history["gasUsedRatio"])
    assert node.ask("eth_feeHistory", 100, "0x1")["oldestBlock"] == "0x0"


def test_methods__without_parameters__answer(node: Node) -> None:
    answers = {name: node.ask(name) for name, (_, least, _) in node.rpc._methods.table.items() if least == 0}
    assert answers["eth_chainId"] == hex(CHAIN_ID)
    assert answers["net_version"] == str(CHAIN_ID)
    assert (answers["eth_syncing"], answers["eth_accounts"]) == (False, [])


BAD_PARAMETERS: list[tuple[str, list[Any], str]] = [
    ("eth_getBlockByNumber", [], "takes 1 to 2 parameters"),
    ("eth_getBlockByNumber", ["0x1", False, 1], "takes 1 to 2"),
    ("eth_getBlockByNumber", [1, False], "must be a hexadecimal number or one of"),
    ("eth_getBlockByNumber", ["newest", False], "hexadecimal number"),
    ("eth_getBlockByNumber", ["0x" + "f" * 63, False], "at most"),
    ("eth_getBlockByNumber", ["0x1", "yes"], "true or false"),
    ("eth_getBlockByNumber", [{"blockNumber": "0x1", "blockHash": TOPIC}, False], "either"),
    ("eth_getBlockByNumber", [{"blockNumber": {"blockNumber": {}}}, False], "must be|either"),
    ("eth_getTransactionReceipt", ["0x12"], "has 32 bytes, not 1"),
    ("eth_getTransactionReceipt", ["12"], "hexadecimal bytes"),
    ("eth_getTransactionReceipt", ["0xzz"], "hexadecimal bytes"),
    ("eth_getLogs", ["0x1"], "must be an object"),
    ("eth_getLogs", [{"from": "0x1"}], "unknown field 'from'"),
    ("eth_getLogs", [{"topics": [None] * 5}], "at most four"),
    ("eth_getLogs", [{"topics": [["0x12"]]}], "topic 0 has 32 bytes"),
    ("eth_getLogs", [{"topics": [[[TOPIC]]]}], "topic 0 must be"),
    ("eth_getLogs", [{"address": "0x12"}], "address has 20 bytes"),
    ("eth_getLogs", [{"address": [TO] * (FILTER_VALUES_MAX + 1)}], "alternatives"),
    ("eth_getLogs", [{"blockHash": TOPIC, "fromBlock": "0x1"}], "either blockHash or a range"),
    ("eth_getLogs", [{"fromBlock": "0x3", "toBlock": "0x2"}], "ends before it begins"),
    ("eth_getLogs", [{"fromBlock": {"blockHash": TOPIC}}], "named by numbers"),
    ("eth_getProof", [TO, ["0x1"] * (SLOTS_MAX + 1), "latest"], "at most"),
    ("eth_getProof", [TO, "0x1", "latest"], "must be a list"),
    ("eth_getStorageAt", [TO, "0x" + "1" * 65, "latest"], "slot must be"),
    ("eth_call", [{"to": TO, "state": {}}, "latest"], "unknown field 'state'"),
    ("eth_call", [{"to": TO, "data": "0x01", "input": "0x02"}, "latest"], "data and input differ"),
    ("eth_call", [{"to": TO}, "latest", {TO: {"balance": "0x1"}}], "takes 1 to 2"),
    ("eth_call", [{"to": TO, "gas": -1}], "gas must be"),
    ("eth_sendRawTransaction", ["0x1"], "two digits each"),
    ("eth_feeHistory", ["0x0", "latest", []], "the number of blocks"),
    ("eth_feeHistory", ["0x1", "latest", [50, 10]], "ascend"),
    ("eth_feeHistory", ["0x1", "latest", [True]], "0 to 100"),
]


@pytest.mark.parametrize(("method", "parameters", "named"), BAD_PARAMETERS, ids=lambda x: str(x)[:40])
def test_parameters__bad__refused_with_what_is_wrong(node: Node, method: str, parameters: list[Any], named: str) -> None:
    import re
    error = node.refused(method, *parameters)
    assert error["code"] == -32602
    assert re.search(named, error["message"]), error


def test_method__unknown_or_needing_keys__is_not_served(node: Node) -> None:
    for method in ("eth_sendTransaction", "eth_sign", "personal_unlockAccount", "debug_traceBlockByNumber", "evm_mine",
                   "eth_newFilter", "__class__", "table", ""):
        assert node.refused(method)["code"] == -32601


@pytest.mark.parametrize(("body", "number"), [
    (b"", -32700), (b"{", -32700), (b"\xff\xfe\x00", -32700), (b"[" * 100_000, -32700), (b'{"a":' * 50_000, -32700),
    (b"NaN", -32700), (b"[" * 30 + b"]" * 30, -32600), (b"[]", -32600), (b"1", -32600), (b"null", -32600),
    (b'"eth_chainId"', -32600), (b"{}", -32600), (b'{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', -32600),
    (b'{"jsonrpc":"2.0","id":1}', -32600), (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
    (b'{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}', -32600), (b'{"jsonrpc":"2.0","id":true,"method":"eth_chainId"}', -32600),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"eth_chainId"}', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{}}', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","extra":1}', -32600),
    (b'{"jsonrpc":"2.0","id":' + b"9" * 5_000 + b',"method":"eth_chainId"}', -32700),
    (b'{"jsonrpc":"2.0","id":"' + b"9" * 5_000 + b'","method":"eth_chainId"}', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', -32601),
    (b"[" + b",".join([b"1"] * 101) + b"]", -32005), (b" " * 3_000_000, -32005),
], ids=lambda x: repr(x)[:40])
def test_body__that_is_no_request__refused_with_the_standard_number(node: Node, body: bytes, number: int) -> None:
    assert node.raw(body)["error"]["code"] == number
    assert node.ask("eth_blockNumber") == "0x4"


def test_batch__good_and_bad_requests__each_has_its_own_answer(node: Node) -> None:
    def request(number: int | None, method: str) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "method": method} | ({} if number is None else {"id": number})

    answers = node.raw(json.dumps([request(1, "eth_chainId"), request(2, "no"), 3, request(None, "eth_chainId")]).encode())
    assert [a.get("id") for a in answers] == [1, 2, None]
    assert [a.get("error", {}).get("code") for a in answers] == [None, -32601, -32600]
    assert node.raw(json.dumps([request(None, "eth_chainId")]).encode()) is None
    assert node.raw(json.dumps(request(None, "eth_chainId")).encode()) is None


def test_batch__answers_too_large_together__later_ones_refused(tmp_path: Path) -> None:
    node = Node(tmp_path, answer_bytes_max=3_000)
    toy.deploy(node.chain, ALICE)
    asked = [{"jsonrpc": "2.0", "id": n, "method": "eth_getBlockByNumber", "params": ["0x1", False]} for n in range(9)]
    answers = node.raw(json.dumps(asked).encode())
    assert "result" in answers[0]
    assert answers[-1]["error"]["code"] == -32005
    node.chain.close()


def test_ledger__damaged__told_as_internal_error_and_to_the_server(node: Node) -> None:
    db = sqlite3.connect(node.path)
    db.execute("UPDATE block SET rlp = x'c0' WHERE number = 2")
    db.commit()
    db.close()
    node.chain._records._kept.clear()  # what was read before the damage is still good
    error = node.refused("eth_getBlockByNumber", "0x2", False)
    assert error["code"] == -32603
    assert "block 2" in error["message"]
    assert len(node.faults) == 1


def mutate(chooser: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(chooser.randint(1, 4)):
        at = chooser.randrange(len(changed) + 1)
        match chooser.randrange(4):
            case 0:
                changed[at:at + 1] = bytes([chooser.randrange(256)])
            case 1:
                changed[at:at] = chooser.choice([b'"', b"{", b"[", b"null", b"0x", b"-1", b"1e400", b"\\u0000", b","])
            case 2:
                del changed[at:at + chooser.randint(1, 12)]
            case _:
                changed[at:at] = changed[at:at + 30]
    return bytes(changed)


def test_bodies__mutated_at_random__always_answered_and_never_an_internal_error(node: Node) -> None:
    print("seed 5")
    chooser = random.Random(5)
    samples = [
        ("eth_getLogs", [{"fromBlock": "0x0", "topics": [[TOPIC], None], "address": TO}]),
        ("eth_call", [{"to": TO, "data": TOPIC, "gas": "0x10000"}, {"blockNumber": "0x2"}]),
        ("eth_getProof", [TO, ["0x1"], "latest"]), ("eth_feeHistory", ["0x2", "latest", [5, 10]]),
        ("eth_sendRawTransaction", ["0x" + toy.transaction(AccountSigner(9), 0, CONTRACT, b"").hex()]),
        ("eth_getBlockByNumber", ["0x2", True]), ("eth_getStorageAt", [TO, "0x1", "0x3"])]
    seen = set()
    for _ in range(700):
        method, parameters = chooser.choice(samples)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        answer = node.raw(mutate(chooser, body))
        for one in answer if isinstance(answer, list) else [answer]:
            code = None if one is None else one.get("error", {}).get("code")
            assert code != -32603, one
            seen.add(code)
    assert {-32700, -32602, -32600, None} <= seen
    assert node.faults == []
