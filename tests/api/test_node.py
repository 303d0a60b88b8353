"""The embedded node over HTTP, asked by the clients that people have: web3.py, cast, another gateway's client."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import ContractCustomError, ContractLogicError, TransactionNotFound

from ledger.chain.rpc import RpcChain
from ledger.errors import InputError
from tests.chain_fixtures import CHAIN_ID, NOW_S, ROOT, AccountSigner, Clock, EmbeddedNode
from tests.ledger.chain import toy

ALICE = AccountSigner(1)
CONTRACT = toy.address_of(ALICE, 0)
KEY = "0x" + (1).to_bytes(32, "big").hex()
FREE = ["--gas-price", "0", "--priority-gas-price", "0"]  # cast offers a wei by itself, which nobody here owns
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedNode]:
    with EmbeddedNode(tmp_path / "chain.sqlite", Clock()) as made:
        toy.deploy(made.chain, ALICE)
        toy.poke(made.chain, ALICE, CONTRACT, 5)
        yield made


def body(method: str, *parameters: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()


def test_web3__reads_sends_and_finds_logs(node: EmbeddedNode) -> None:
    w3 = Web3(Web3.HTTPProvider(node.url))
    assert w3.is_connected()
    assert (w3.eth.chain_id, w3.eth.block_number, w3.eth.gas_price, w3.eth.max_priority_fee) == (CHAIN_ID, 2, 0, 0)
    assert w3.client_version.startswith("CargoLedger/")
    account = w3.eth.account.from_key(KEY)
    to = Web3.to_checksum_address(CONTRACT)
    fields = {"from": account.address, "to": to, "data": "0x" + toy.word(6).hex(), "nonce": 2, "chainId": CHAIN_ID,
              "maxFeePerGas": 0, "maxPriorityFeePerGas": 0}
    fields["gas"] = w3.eth.estimate_gas(fields)  # type: ignore[arg-type]
    sent = w3.eth.send_raw_transaction(account.sign_transaction(fields).raw_transaction)
    receipt = w3.eth.wait_for_transaction_receipt(sent, timeout=5)
    assert (receipt["status"], receipt["blockNumber"], receipt["to"]) == (1, 3, to)
    assert w3.eth.get_transaction(sent)["input"] == toy.word(6)
    block = w3.eth.get_block("latest", full_transactions=True)
    assert block["transactions"][0]["hash"] == sent
    assert (block["timestamp"], block["baseFeePerGas"]) == (NOW_S + 2, 0)
    found = w3.eth.get_logs({"fromBlock": 0, "address": to, "topics": ["0x" + toy.word(1).hex()]})
    assert [log["data"] for log in found] == [HexBytes(toy.word(5)), HexBytes(toy.word(6))]
    assert w3.eth.get_block_receipts(3)[0]["transactionHash"] == sent
    assert w3.eth.get_storage_at(to, 5)[-1] == 1
    assert bytes(w3.eth.get_code(to)) == toy.RUNTIME
    assert w3.eth.get_proof(to, [5])["storageProof"][0]["value"].hex() == "01"
    assert w3.eth.fee_history(2, "latest", [50])["reward"] == [[0], [0]]
    assert w3.eth.get_transaction_count(account.address, "pending") == 3
    assert w3.eth.get_balance(account.address) == 0
    with pytest.raises((ContractLogicError, ContractCustomError)) as caught:
        w3.eth.call({"to": to})
    assert caught.value.data == "0xdeadbeef"
    with pytest.raises(TransactionNotFound):
        w3.eth.get_transaction(bytes(32))  # type: ignore[arg-type]


def cast_path() -> str:
    built = ROOT / ".tools" / "bin" / "cast"
    found = str(built) if built.is_file() else shutil.which("cast")
    if not found:
        pytest.skip("cast is not there (scripts/tools installs it)")
    return found


def test_cast__reads_sends_and_finds_logs(node: EmbeddedNode) -> None:
    def cast(*arguments: str) -> str:
        done = subprocess.run([cast_path(), *arguments, "--rpc-url", node.url], check=False, capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    to = "0x" + CONTRACT.hex()
    assert cast("chain-id") == str(CHAIN_ID)
    assert cast("block-number") == "2"
    assert cast("code", to) == "0x" + toy.RUNTIME.hex()
    sent = json.loads(cast("send", to, "0x" + toy.word(7).hex(), "--private-key", KEY, "--json", *FREE))
    assert (sent["status"], sent["blockNumber"]) == ("0x1", "0x3")
    assert json.loads(cast("receipt", sent["transactionHash"], "--json"))["logs"] == sent["logs"]
    assert json.loads(cast("tx", sent["transactionHash"], "--json"))["input"] == "0x" + toy.word(7).hex()
    assert len(json.loads(cast("logs", "--from-block", "0", "--address", to, "--json"))) == 2
    assert int(cast("storage", to, "7"), 16) == 1
    assert json.loads(cast("proof", to, "0x7"))["storageProof"][0]["value"] == "0x1"
    assert json.loads(cast("block", "3", "--json"))["number"] == "0x3"
    assert cast("call", to, "0x" + toy.word(7).hex()) == "0x"
    assert cast("gas-price") == "0"
    assert int(cast("estimate", to, "0x" + toy.word(8).hex())) > 21_000
    assert cast("nonce", "0x" + ALICE.address.hex()) == "3"


def test_http__what_is_no_json_rpc_post__refused_before_it_is_read(node: EmbeddedNode) -> None:
    good = body("eth_chainId")
    with httpx.Client(base_url=node.url) as http:
        assert http.post("/", content=good, headers=JSON).json()["result"] == hex(CHAIN_ID)
        assert http.post("/", content=good, headers=JSON | {"Content-Type": "application/json; charset=utf-8"}).status_code == 200
        assert http.get("/").status_code == 405
        assert http.post("/other", content=good, headers=JSON).status_code == 404
        assert http.post("/", content=good, headers={"Content-Type": "text/plain"}).status_code == 415
        for host in ("evil.example", "evil.example:8545", ""):
            assert http.post("/", content=good, headers=JSON | {"Host": host}).status_code in (400, 403)
        large = http.post("/", content=b"[" + b" " * 3_000_000 + b"]", headers=JSON)
        assert (large.status_code, large.json()["error"]["code"]) == (413, -32005)
        pieces = http.post("/", content=iter([b"[" + b" " * 1_000_000] * 3), headers=JSON)
        assert pieces.status_code == 413
        note = json.dumps({"jsonrpc": "2.0", "method": "eth_chainId"})
        assert http.post("/", content=note, headers=JSON).status_code == 204
        answer = http.post("/", content=good, headers=JSON | {"Origin": "https://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]


def cli(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "import sys; from api.cli.main import main; main()", *arguments], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def ended(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGINT)
    return process.wait(timeout=30)


def test_node_command__serves_a_new_file__and_a_second_one_reads_beside_it(tmp_path: Path) -> None:
    file = str(tmp_path / "own.sqlite")
    writer = cli("node", "--ledger", file, "--port", "0", "--json", "--chain-id", str(CHAIN_ID))
    try:
        assert writer.stdout is not None
        told = read_document(writer)
        assert told["chain_id"] == CHAIN_ID and told["read_only"] is False
        chain = RpcChain(told["url"], chain_id=CHAIN_ID)
        toy.deploy(chain, ALICE)
        made = cli("init", "--home", str(tmp_path / "home"), "--rpc", told["url"], "--json")
        said, fault = made.communicate(timeout=120)
        assert made.returncode == 0, said + fault
        head = chain.head_number()
        assert head > 1, "the contracts of a home that has this node as its network"
        refused = cli("node", "--ledger", file, "--port", "0", "--json", "--chain-id", str(CHAIN_ID))
        assert f"process {writer.pid}" in json.loads(refused.communicate(timeout=60)[0])["error"]["message"]
        assert refused.returncode == 2
        reader = cli("node", "--ledger", file, "--port", "0", "--json", "--read-only", "--chain-id", str(CHAIN_ID))
        try:
            beside = RpcChain(read_document(reader)["url"], chain_id=CHAIN_ID)
            assert beside.head_number() == head
            toy.poke(chain, ALICE, CONTRACT, 1)
            assert beside.receipts(head + 1) == chain.receipts(head + 1)
            with pytest.raises(Exception, match="reading only") as caught:
                beside.send_raw_transaction(toy.transaction(ALICE, 2, CONTRACT, toy.word(1)))
            assert not isinstance(caught.value, InputError)
        finally:
            assert ended(reader) == 0
    finally:
        assert ended(writer) == 0


def read_document(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The one JSON document that a command prints before it serves."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.rstrip() == "}":
            break
    found: dict[str, Any] = json.loads(text)
    return found


def test_up__with_rpc__serves_the_homes_ledger_too(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    environment = os.environ | {"CARGOLEDGER_HOME": home}
    made = cli("init", "--json", env=environment)
    made.communicate(timeout=120)
    assert made.returncode == 0
    server = cli("up", "--port", "0", "--rpc", "0", "--json", env=environment)
    try:
        told = read_document(server)
        chain = RpcChain(told["rpc"])
        head = chain.head_number()
        assert head > 0, "the contracts are there"
        assert chain.receipts(head)
        assert httpx.get(told["url"] + "/healthz").status_code == 200
    finally:
        assert ended(server) == 0


def test_ledger_check__of_a_sound_and_a_damaged_file__says_so(tmp_path: Path) -> None:
    with EmbeddedNode(tmp_path / "chain.sqlite", Clock()) as node:
        toy.deploy(node.chain, ALICE)
    command = ("ledger", "check", "--deep", "--ledger", str(tmp_path / "chain.sqlite"), "--json")
    sound = cli(*command)
    found = json.loads(sound.communicate(timeout=60)[0])
    assert (sound.returncode, found["sound"], found["blocks"], found["faults"]) == (0, True, 2, [])
    db = sqlite3.connect(tmp_path / "chain.sqlite")
    db.execute("UPDATE transaction_row SET receipt = x'00'")
    db.commit()
    db.close()
    damaged = cli(*command)
    found = json.loads(damaged.communicate(timeout=60)[0])
    assert (damaged.returncode, found["sound"]) == (1, False)
    assert any("receipts of block 1" in fault for fault in found["faults"])
    missing = cli("ledger", "check", "--ledger", str(tmp_path / "no.sqlite"), "--json")
    assert "there is no ledger" in json.loads(missing.communicate(timeout=60)[0])["error"]["message"]
    assert missing.returncode == 2
