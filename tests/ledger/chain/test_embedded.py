"""The embedded ledger alone: durability, restart, one writer, its own clock."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from ledger.chain.embedded import EmbeddedChain
from ledger.chain.embedded.nodes import NodeSpace
from ledger.chain.embedded.store import Store
from ledger.errors import InputError, InvariantError, NotFoundError, UnavailableError
from ledger.proofs.tries import ordered_trie_root
from tests.chain_fixtures import CHAIN_ID, NOW_S, ROOT, AccountSigner, Clock
from tests.ledger.chain import toy

ALICE = AccountSigner(1)


def opened(path: Path, clock: Callable[[], int] = lambda: NOW_S, **options: object) -> EmbeddedChain:
    return EmbeddedChain(path / "chain.sqlite", clock, CHAIN_ID, **options)  # type: ignore[arg-type]


def check_whole(chain: EmbeddedChain) -> None:
    """Every block links to its parent, every receipt to its block, and the state of the head can be read."""
    headers = [chain.header(n) for n in range(chain.head_number() + 1)]
    for before, after in pairwise(headers):
        assert before is not None and after is not None
        assert after.parent_hash == before.hash
        assert after.timestamp > before.timestamp
    for number, header in enumerate(headers):
        assert header is not None
        assert ordered_trie_root([r.encoded for r in chain.receipts(number)]) == header.receipts_root
    assert chain.transaction_count(ALICE.address) == chain.head_number()


def test_ledger__closed_and_opened__goes_on_from_the_same_head(tmp_path: Path) -> None:
    chain = opened(tmp_path)
    contract = toy.deploy(chain, ALICE)
    toy.poke(chain, ALICE, contract, 1)
    head = chain.header(2)
    chain.close()
    chain = opened(tmp_path)
    assert (chain.head_number(), chain.header(2)) == (2, head)
    receipt = toy.poke(chain, ALICE, contract, 1)
    assert receipt.block_number == 3
    assert chain.storage_proof(contract, toy.word(1), 3).storage_nodes
    check_whole(chain)
    chain.close()


def test_ledger__same_genesis__same_hashes(tmp_path: Path) -> None:
    hashes = []
    for name in ("a", "b"):
        chain = opened(tmp_path / name)
        toy.poke(chain, ALICE, toy.deploy(chain, ALICE), 5)
        hashes.append([chain.header(n) for n in range(3)])
        chain.close()
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("options", [{"chain_id": 7}, {"genesis_timestamp_s": 1}], ids=["chain id", "genesis time"])
def test_ledger__opened_with_other_genesis__is_refused(tmp_path: Path, options: dict[str, int]) -> None:
    opened(tmp_path).close()
    with pytest.raises(InputError, match=next(iter(options))):
        EmbeddedChain(tmp_path / "chain.sqlite", Clock(), **{"chain_id": CHAIN_ID, **options})  # type: ignore[arg-type]
    opened(tmp_path).close()


def test_ledger__file_of_something_else__is_refused(tmp_path: Path) -> None:
    (tmp_path / "chain.sqlite").write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(InputError):
        opened(tmp_path)
    (tmp_path / "chain.sqlite").unlink()
    other = sqlite3.connect(tmp_path / "chain.sqlite")
    other.execute("CREATE TABLE meta (name TEXT, value TEXT)")
    other.close()
    with pytest.raises(InputError):
        opened(tmp_path)


def test_block_time__clock_stands_still_or_goes_back__still_grows(tmp_path: Path) -> None:
    clock = Clock()
    chain = opened(tmp_path, clock)
    contract = toy.deploy(chain, ALICE)
    toy.poke(chain, ALICE, contract, 1)
    clock.now_s -= 1_000
    toy.poke(chain, ALICE, contract, 1)
    clock.now_s += 90 * 86_400
    toy.poke(chain, ALICE, contract, 1)
    times = [header.timestamp for n in range(1, 5) if (header := chain.header(n)) is not None]
    assert times == [NOW_S, NOW_S + 1, NOW_S + 2, NOW_S - 1_000 + 90 * 86_400]
    chain.close()


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x02\xc0", b"\xff" * 40, b"\x05" + bytes(60)], ids=lambda r: r.hex()[:8])
def test_transaction__malformed__is_refused_and_the_ledger_goes_on(tmp_path: Path, raw: bytes) -> None:
    chain = opened(tmp_path)
    with pytest.raises(InputError):
        chain.send_raw_transaction(raw)
    assert chain.head_number() == 0
    toy.deploy(chain, ALICE)
    check_whole(chain)
    chain.close()


def test_transaction__without_chain_id__is_refused(tmp_path: Path) -> None:
    chain = opened(tmp_path)
    raw = ALICE.sign_transaction({"nonce": 0, "gasPrice": 0, "gas": 30_000, "to": bytes(20), "value": 0, "data": b""})
    with pytest.raises(InputError, match="chain"):
        chain.send_raw_transaction(raw)
    chain.close()


def test_transaction__that_offers_money_nobody_has__is_refused(tmp_path: Path) -> None:
    chain = opened(tmp_path)
    raw = ALICE.sign_transaction({
        "type": 2, "chainId": CHAIN_ID, "nonce": 0, "value": 0, "gas": 30_000, "maxFeePerGas": 1,
        "maxPriorityFeePerGas": 1, "data": b"", "to": bytes(20)})
    with pytest.raises(InputError):
        chain.send_raw_transaction(raw)
    check_whole(chain)
    chain.close()


def test_base_fee__after_full_blocks__stays_zero(tmp_path: Path) -> None:
    chain = opened(tmp_path)
    burn = bytes.fromhex("6000623d09005200")  # one word of memory at 4,000,000: 30.9 Mgas at once
    init = bytes.fromhex(f"60{len(burn):02x}8060095f395ff3") + burn
    toy.send(chain, toy.transaction(ALICE, 0, None, init))
    contract = toy.address_of(ALICE, 0)
    for nonce in (1, 2):
        receipt = toy.send(chain, toy.transaction(ALICE, nonce, contract, b"", gas=33_000_000))
        assert receipt.gas_used > 30_000_000, "above the target, where Ethereum would raise the base fee"
    toy.send(chain, toy.transaction(ALICE, 3, contract, b""))
    assert chain.gas_price() == 0
    chain.close()


def test_second_process__opens_for_writing__is_told_who_holds_it(tmp_path: Path) -> None:
    chain = opened(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from ledger.chain.embedded import EmbeddedChain\n"
        "from ledger.errors import UnavailableError\n"
        "try: EmbeddedChain(Path(sys.argv[1]), lambda: 0, int(sys.argv[2]))\n"
        "except UnavailableError as fault: print(fault.message)\n")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "chain.sqlite"), str(CHAIN_ID)], cwd=ROOT, check=True,
        capture_output=True, text=True)
    assert f"process {os.getpid()}" in done.stdout
    chain.close()
    opened(tmp_path).close()


def test_reader__beside_the_writer__sees_new_blocks_and_cannot_send(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        opened(tmp_path, read_only=True)
    chain = opened(tmp_path)
    reader = opened(tmp_path, read_only=True)
    contract = toy.deploy(chain, ALICE)
    toy.poke(chain, ALICE, contract, 3)
    assert reader.head_number() == 2
    assert reader.header(2) == chain.header(2)
    assert reader.receipts(2) == chain.receipts(2)
    assert reader.call(contract, toy.word(1)) == b""
    assert reader.transaction_count(ALICE.address) == 2
    with pytest.raises(UnavailableError):
        reader.send_raw_transaction(toy.transaction(ALICE, 2, contract, toy.word(1)))
    reader.close()
    chain.close()


def test_closed_ledger__asked__says_so(tmp_path: Path) -> None:
    chain = opened(tmp_path)
    chain.close()
    chain.close()
    for ask in (chain.head_number, lambda: chain.header(0), lambda: chain.receipt(bytes(32)),
                lambda: chain.send_raw_transaction(b"x")):
        with pytest.raises(InvariantError):
            ask()


def test_engine__imported__leaves_deep_json_a_fault_and_not_a_crash() -> None:
    code = (
        "import json, ledger.chain.embedded\n"
        "try: json.loads('[' * 100_000)\n"
        "except RecursionError: print('survived')\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "survived\n")


def test_calls__nested_without_end__end_in_a_block_or_a_refusal(tmp_path: Path) -> None:
    chain = opened(tmp_path)
    # call(gas, address(), 0, 0, 0, 0, 0): itself again, until gas or depth is used up
    runtime = bytes.fromhex("5f5f5f5f5f305af100")
    init = bytes.fromhex(f"60{len(runtime):02x}8060095f395ff3") + runtime
    toy.send(chain, toy.transaction(ALICE, 0, None, init))
    receipt = toy.send(chain, toy.transaction(ALICE, 1, toy.address_of(ALICE, 0), b"", gas=59_000_000))
    assert receipt.status == 1
    check_whole(chain)
    chain.close()


def test_storage_proof__of_a_block_that_is_not_there__is_not_found(tmp_path: Path) -> None:
    chain = opened(tmp_path)
    with pytest.raises(NotFoundError):
        chain.storage_proof(bytes(20), bytes(32), 1)
    chain.close()


def test_disk__refuses_a_block__nothing_is_kept_and_the_ledger_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = opened(tmp_path)
    contract = toy.deploy(chain, ALICE)
    chain._store._writer.execute("PRAGMA max_page_count=1")  # the file may not grow: as a full disk
    with pytest.raises(InvariantError, match="cannot be written"):
        for _ in range(200):
            toy.poke(chain, ALICE, contract, 1)
    with pytest.raises(InvariantError):
        chain.head_number()
    chain.close()
    chain = opened(tmp_path)
    check_whole(chain)
    toy.poke(chain, ALICE, contract, 1)
    check_whole(chain)
    chain.close()


def test_readers__while_blocks_are_made__never_see_half_a_block(tmp_path: Path) -> None:
    chain = opened(tmp_path)
    contract = toy.deploy(chain, ALICE)
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            number = chain.head_number()
            header, receipts = chain.header(number), chain.receipts(number)
            assert header is not None
            assert ordered_trie_root([r.encoded for r in receipts]) == header.receipts_root
            chain.call(contract, toy.word(number))

    with ThreadPoolExecutor() as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for number in range(25):
            toy.poke(chain, ALICE, contract, number)
        done.set()
        for reader in readers:
            reader.result()
    chain.close()


# killed at any moment


def mine_for_ever(path: Path, pipe: int, per_key: bool) -> None:
    """Make blocks and tell each, once acknowledged, through a pipe. `per_key` plants the fault that py-evm's own
    way of writing would have: every key in a transaction of its own."""
    if per_key:
        Store.commit_block = commit_key_by_key  # type: ignore[method-assign]
    chain = opened(path)
    contract = toy.address_of(ALICE, 0)
    if chain.head_number() == 0:
        toy.deploy(chain, ALICE)
    while True:
        receipt = toy.poke(chain, ALICE, contract, chain.head_number())
        os.write(pipe, receipt.block_number.to_bytes(4, "big") + receipt.block_hash)


def commit_key_by_key(self, nodes, block, transactions, meta=None) -> None:  # type: ignore[no-untyped-def]
    sql = self._writer
    sql.execute("INSERT INTO block VALUES (?, ?, ?)", (block.number, block.hash, block.rlp))
    for key, value in nodes.items():  # each in a transaction of its own
        self._put(sql, {key: value})
    for t in transactions:
        sql.execute(
            "INSERT INTO transaction_row VALUES (?, ?, ?, ?, ?, ?)",
            (t.hash, t.block, t.position, t.raw, t.receipt, t.gas_used))
    for name, value in (meta or {}).items():
        sql.execute("INSERT INTO meta VALUES (?, ?)", (name, value))


def kill_and_check(path: Path, rounds: int, seed: int, *, per_key: bool) -> int:
    """Kill a mining process at random moments; what it acknowledged must be there. Blocks at the end."""
    chooser = random.Random(seed)
    context = multiprocessing.get_context("fork")
    height = 0
    for _ in range(rounds):
        reading, writing = os.pipe()
        process = context.Process(target=mine_for_ever, args=(path, writing, per_key))
        process.start()
        os.close(writing)
        acknowledged = os.read(reading, 36)  # it is at work; now let it go on for a random time
        stop = threading.Timer(chooser.uniform(0, 0.08), os.kill, (process.pid, signal.SIGKILL))
        stop.start()
        while piece := os.read(reading, 36_000):
            acknowledged += piece
        process.join()
        stop.cancel()
        os.close(reading)
        assert process.exitcode == -signal.SIGKILL, "the process ended by itself"
        chain = opened(path)
        check_whole(chain)
        whole = len(acknowledged) // 36
        for i in range(whole):
            told = acknowledged[36 * i:36 * i + 36]
            header = chain.header(int.from_bytes(told[:4], "big"))
            assert header is not None, "an acknowledged block is missing"
            assert header.hash == told[4:]
        assert chain.head_number() >= height
        height = chain.head_number()
        chain.close()
    return height


def test_ledger__killed_at_random_moments__keeps_what_it_acknowledged(tmp_path: Path) -> None:
    print("seed 11")
    assert kill_and_check(tmp_path, rounds=8, seed=11, per_key=False) > 8


@pytest.mark.deep
def test_ledger__killed_many_times__keeps_what_it_acknowledged(tmp_path: Path) -> None:
    print("seed 12")
    assert kill_and_check(tmp_path, rounds=120, seed=12, per_key=False) > 120


def test_kill_test__ledger_that_commits_key_by_key__is_caught(tmp_path: Path) -> None:
    with pytest.raises((AssertionError, InvariantError, KeyError)):
        kill_and_check(tmp_path, rounds=60, seed=13, per_key=True)


def test_node_space__pointer_that_moved_on_disk__is_read_again_and_a_hash_is_not() -> None:
    disk = {b"head": b"1", b"\x01" * 32: b"node"}
    asked: list[bytes] = []

    def read(key: bytes) -> bytes | None:
        asked.append(key)
        return disk.get(key)

    space = NodeSpace(read, {})
    assert (space[b"head"], space[b"\x01" * 32]) == (b"1", b"node")
    disk[b"head"] = b"2"  # another process made a block
    assert (space[b"head"], space[b"\x01" * 32]) == (b"2", b"node")
    assert asked.count(b"\x01" * 32) == 1
    space[b"head"] = b"3"
    assert space[b"head"] == b"3"
    del space[b"head"]
    assert b"head" not in space
    space.discard()
    assert space[b"head"] == b"2"
