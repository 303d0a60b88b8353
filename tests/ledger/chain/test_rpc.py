"""A node that lies, stumbles or is away: each fault has its kind of error. A scripted node on a loopback port."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from eth_hash.auto import keccak

from ledger.chain.client import ChainClient, Log
from ledger.chain.header import decode_header
from ledger.chain.receipt_codec import encode_receipt
from ledger.chain.reverts import RevertedError
from ledger.chain.rpc import RpcChain
from ledger.chain.tx import AccountError
from ledger.errors import CargoLedgerError, ConflictError, InputError, TrustError, UnavailableError
from ledger.proofs.tries import ordered_trie_root
from tests.ledger.chain.test_header import MAINNET_1

BLOOM, TX, RAW = bytes(256), b"\x07" * 32, b"\x02raw"
LOGS = (Log(b"\x01" * 20, (b"\x02" * 32,), b"\xab\xcd", 0),)
LOG = {"address": "0x" + "01" * 20, "topics": ["0x" + "02" * 32], "data": "0xabcd", "logIndex": "0x0"}


class Node:
    """Answers by method name; an answer may be a value, an error object, or a function of the parameters."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.body: Callable[[bytes], bytes] = lambda body: body
        self.status = 200
        self.asked: list[str] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                replies = [self.reply(request) for request in (asked if isinstance(asked, list) else [asked])]
                body = node.body(json.dumps(replies if isinstance(asked, list) else replies[0]).encode())
                self.send_response(node.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def reply(self, request: dict[str, Any]) -> dict[str, Any]:
                node.asked.append(request["method"])
                answer = node.answers.get(request["method"], {"error": {"code": -32601, "message": "no such method"}})
                if callable(answer):
                    answer = answer(*request["params"])
                reply = answer if isinstance(answer, dict) and set(answer) <= {"error", "result"} and answer else {"result": answer}
                return {"jsonrpc": "2.0", "id": request["id"], **reply}

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


def block(receipts_root: bytes) -> dict[str, Any]:
    fields = {**MAINNET_1, "receiptsRoot": "0x" + receipts_root.hex(), "transactions": ["0x" + TX.hex()]}
    fields["hash"] = "0x" + rehash(fields).hex()
    return fields


def rehash(fields: dict[str, Any]) -> bytes:
    """Hash of the fields, found by letting the reader complain: its header is built from the fields alone."""
    import rlp

    from ledger.chain.header import _FIELDS, _field

    return bytes(keccak(rlp.encode([_field(fields[name], length) for name, length in _FIELDS])))


@pytest.fixture
def node() -> Iterator[Node]:
    found = Node()
    encoded = encode_receipt(2, 1, 21_000, BLOOM, LOGS)
    header = block(ordered_trie_root([encoded]))
    receipt = {
        "transactionHash": "0x" + TX.hex(), "transactionIndex": "0x0", "blockHash": header["hash"], "blockNumber": "0x1",
        "status": "0x1", "gasUsed": "0x5208", "cumulativeGasUsed": "0x5208", "type": "0x2",
        "logsBloom": "0x" + BLOOM.hex(), "logs": [{**LOG, "blockHash": header["hash"]}]}
    found.answers = {
        "eth_chainId": "0x5", "eth_blockNumber": "0x1",
        "eth_getBlockByNumber": lambda number, _: header if number == "0x1" else None,
        "eth_getBlockReceipts": [receipt], "eth_getTransactionReceipt": receipt,
        "eth_sendRawTransaction": "0x" + keccak(RAW).hex(), "eth_getTransactionByHash": None}
    yield found
    found.server.shutdown()
    found.server.server_close()


def client(node: Node, **options: Any) -> RpcChain:
    return RpcChain(node.url, **{"timeout_s": 2.0, **options})


def test_node__honest__is_believed(node: Node) -> None:
    chain: ChainClient = client(node, chain_id=5)
    assert (chain.chain_id(), chain.head_number()) == (5, 1)
    (receipt,) = chain.receipts(1)
    header = chain.header(1)
    assert header is not None
    assert decode_header(header.rlp) == header
    assert (receipt.tx_hash, receipt.logs, receipt.block_hash) == (TX, LOGS, header.hash)
    assert chain.receipt(TX) == receipt
    assert chain.send_raw_transaction(RAW) == keccak(RAW)
    assert chain.header(-1) is None and chain.header(2) is None


def test_node__knows_no_block_receipts__is_asked_one_by_one(node: Node) -> None:
    del node.answers["eth_getBlockReceipts"]
    chain = client(node)
    assert len(chain.receipts(1)) == len(chain.receipts(1)) == 1
    assert node.asked.count("eth_getBlockReceipts") == 1


def change(node: Node, method: str, path: list[Any], value: Any) -> None:
    answer = node.answers[method]
    if callable(answer):
        answer = answer("0x1", False)
    answer = deepcopy(answer)
    place = answer
    for key in path[:-1]:
        place = place[key]
    if value is None and isinstance(place, (dict, list)):
        del place[path[-1]]
    else:
        place[path[-1]] = value
    node.answers[method] = answer


R, L = "eth_getBlockReceipts", [0, "logs", 0]


@pytest.mark.parametrize(("method", "path", "value"), [
    (R, [0, "status"], "0x0"), (R, [0, "cumulativeGasUsed"], "0x5209"), (R, [0, "type"], "0x1"),
    (R, [0, "logsBloom"], "0x" + "01" * 256), (R, [*L, "data"], "0xabce"), (R, [*L, "address"], "0x" + "03" * 20),
    (R, [*L, "topics", 0], "0x" + "04" * 32), (R, [*L, "topics", 0], None), (R, [0, "logs", 0], None),
    (R, [*L, "logIndex"], "0x1"), (R, [*L, "blockHash"], "0x" + "05" * 32), (R, [0, "transactionIndex"], "0x1"),
    (R, [0, "status"], None), (R, [0, "logs"], "x"), (R, [0], "x"), (R, [0], None), (R, [*L, "data"], "zz"),
    (R, [*L, "address"], "0x01"), ("eth_getBlockByNumber", ["gasUsed"], "0x1"),
    ("eth_getBlockByNumber", ["hash"], "0x" + "06" * 32), ("eth_getBlockByNumber", ["number"], "0x2"),
    ("eth_getBlockByNumber", ["stateRoot"], None),
], ids=lambda value: "/".join(map(str, value)) if isinstance(value, list) else None)
def test_node__any_field_of_a_block_changed__is_distrusted(node: Node, method: str, path: list[Any], value: Any) -> None:
    change(node, method, path, value)
    with pytest.raises(TrustError):
        client(node).receipts(1)


def test_node__receipts_of_a_reorganised_block__are_asked_again_and_then_unavailable(node: Node) -> None:
    honest = node.answers[R]
    change(node, R, [0, "blockHash"], "0x" + "09" * 32)
    stale, answers = node.answers[R], []

    def first_stale() -> Any:
        answers.append(1)
        return stale if len(answers) == 1 else honest

    node.answers[R] = lambda _: first_stale()
    assert len(client(node).receipts(1)) == 1
    node.answers[R] = stale
    with pytest.raises(UnavailableError):
        client(node).receipts(1)


def test_node__another_block_than_asked__is_distrusted(node: Node) -> None:
    header = node.answers["eth_getBlockByNumber"]("0x1", False)
    node.answers["eth_getBlockByNumber"] = header
    with pytest.raises(TrustError):
        client(node).header(2)


def test_node__serves_another_chain__is_distrusted(node: Node) -> None:
    with pytest.raises(TrustError):
        client(node, chain_id=6).chain_id()
    chain = client(node)
    chain.chain_id()
    node.answers["eth_chainId"] = "0x7"
    with pytest.raises(TrustError):
        chain.chain_id()


@pytest.mark.parametrize("spoil", [
    lambda n: setattr(n, "status", 503), lambda n: setattr(n, "status", 429),
    lambda n: setattr(n, "body", lambda body: body[:-9]), lambda n: setattr(n, "body", lambda _: b"<html>"),
    lambda n: setattr(n, "body", lambda _: b"[]"), lambda n: setattr(n, "body", lambda _: b"{}"),
    lambda n: setattr(n, "body", lambda _: b""), lambda n: n.answers.update(eth_blockNumber=None),
    lambda n: n.answers.update(eth_blockNumber={"error": {"code": -32005, "message": "limit exceeded"}}),
    lambda n: n.answers.update(eth_blockNumber={"error": "busy"}),
], ids=["503", "429", "cut short", "html", "list", "no result", "nothing", "null", "limit", "error text"])
def test_node__stumbles__is_unavailable(node: Node, spoil: Callable[[Node], None]) -> None:
    spoil(node)
    with pytest.raises(UnavailableError):
        client(node).head_number()


def test_node__away__is_unavailable(node: Node) -> None:
    node.server.shutdown()
    node.server.server_close()
    with pytest.raises(UnavailableError):
        client(node).head_number()


def test_node__does_not_answer_in_time__is_unavailable(node: Node) -> None:
    answer_now = threading.Event()
    node.body = lambda body: body if answer_now.wait(5) else b""
    with pytest.raises(UnavailableError):
        client(node, timeout_s=0.1).head_number()
    answer_now.set()


@pytest.mark.parametrize("answer", ["0xzz", 5, [], "x"])
def test_node__answers_nonsense__is_distrusted(node: Node, answer: Any) -> None:
    node.answers["eth_blockNumber"] = answer
    with pytest.raises(TrustError):
        client(node).head_number()


def says(message: str, code: int = -32000, data: Any = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **({"data": data} if data is not None else {})}}


@pytest.mark.parametrize(("answer", "known", "expected"), [
    (says("already known"), False, None),
    (says("transaction already imported"), False, None),
    (says("nonce too low"), True, None),
    (says("nonce too low: next nonce 5, tx nonce 4"), False, ConflictError),
    (says("replacement transaction underpriced"), False, ConflictError),
    (says("insufficient funds for gas * price + value"), False, AccountError),
    (says("intrinsic gas too low"), False, InputError),
    (says("txpool is full"), False, UnavailableError),
    ("0x" + "01" * 32, False, TrustError),
], ids=["known", "imported", "mined meanwhile", "nonce used", "nonce pending", "no funds", "gas", "full", "other hash"])
def test_transaction__sent__node_answers(node: Node, answer: Any, known: bool, expected: type[CargoLedgerError] | None) -> None:
    node.answers["eth_sendRawTransaction"] = answer
    node.answers["eth_getTransactionByHash"] = {"blockNumber": "0x1"} if known else None
    if expected is None:
        assert client(node).send_raw_transaction(RAW) == keccak(RAW)
    else:
        with pytest.raises(expected) as caught:
            client(node).send_raw_transaction(RAW)
        assert type(caught.value) is expected


@pytest.mark.parametrize(("answer", "data"), [
    (says("execution reverted", 3, "0xdeadbeef"), b"\xde\xad\xbe\xef"),
    (says("execution reverted: custom error", -32000, {"data": "0x01"}), b"\x01"),
    (says("VM Exception: revert"), b""),
])
def test_call__reverted__carries_its_data(node: Node, answer: Any, data: bytes) -> None:
    node.answers["eth_call"] = node.answers["eth_estimateGas"] = answer
    with pytest.raises(RevertedError) as caught:
        client(node).call(bytes(20), b"")
    assert caught.value.data == data
    with pytest.raises(RevertedError):
        client(node).estimate_gas(bytes(20), b"", bytes(20))


def test_storage_proof__of_more_or_fewer_slots__is_distrusted(node: Node) -> None:
    for slots in ([], [{"proof": []}, {"proof": []}]):
        node.answers["eth_getProof"] = {"accountProof": [], "storageProof": slots}
        with pytest.raises(TrustError):
            client(node).storage_proof(bytes(20), bytes(32), 1)
