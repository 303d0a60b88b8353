"""What every engine must do, the embedded one and any other."""

from __future__ import annotations

from itertools import pairwise

import pytest
from eth_hash.auto import keccak

from ledger.chain.client import ChainClient
from ledger.chain.header import decode_header, state_root
from ledger.chain.receipt_codec import decode_receipt
from ledger.chain.reverts import RevertedError
from ledger.errors import ConflictError, InputError
from ledger.proofs.tries import ordered_trie_root
from tests.chain_fixtures import ALL_ENGINES, CHAIN_ID, NOW_S, AccountSigner, Clock
from tests.ledger.chain import toy

pytestmark = pytest.mark.parametrize("engine", ALL_ENGINES, indirect=True)
ALICE = AccountSigner(1)


def test_chain__fresh__knows_its_id_and_has_a_genesis_block(engine: ChainClient) -> None:
    assert engine.chain_id() == CHAIN_ID
    assert engine.head_number() == 0
    header = engine.header(0)
    assert header is not None
    assert header.parent_hash == bytes(32)
    assert engine.receipts(0) == []
    assert engine.transaction_count(ALICE.address) == 0
    assert engine.gas_price() == 0


def test_chain__asked_for_what_is_not_there__answers_none(engine: ChainClient) -> None:
    assert engine.header(1) is None
    assert engine.receipts(1) == []
    assert engine.receipt(bytes(32)) is None
    assert engine.transaction_input(bytes(32)) is None
    assert engine.code(ALICE.address) == b""


def test_transaction__deploys_and_logs__receipt_header_and_roots_agree(engine: ChainClient) -> None:
    contract = toy.deploy(engine, ALICE)
    assert engine.code(contract) == toy.RUNTIME
    receipt = toy.poke(engine, ALICE, contract, 7)
    assert receipt.status == 1
    assert receipt.block_number == engine.head_number() == 2
    assert [(log.address, log.topics, log.data, log.index) for log in receipt.logs] == [
        (contract, (toy.word(1),), toy.word(7), 0)]
    header = engine.header(2)
    parent = engine.header(1)
    assert header is not None and parent is not None
    assert keccak(header.rlp) == header.hash == receipt.block_hash
    assert header.parent_hash == parent.hash
    assert decode_header(header.rlp) == header
    assert ordered_trie_root([r.encoded for r in engine.receipts(2)]) == header.receipts_root
    decoded = decode_receipt(receipt.encoded)
    assert (decoded.type, decoded.status, decoded.logs) == (2, 1, receipt.logs)
    assert engine.transaction_input(receipt.tx_hash) == toy.word(7)


def test_transaction__sent_twice__is_no_error_and_counts_once(engine: ChainClient) -> None:
    contract = toy.deploy(engine, ALICE)
    raw = toy.transaction(ALICE, 1, contract, toy.word(1))
    assert toy.send(engine, raw).tx_hash == keccak(raw)
    head = engine.head_number()
    assert engine.send_raw_transaction(raw) == keccak(raw)
    assert engine.head_number() == head
    assert engine.transaction_count(ALICE.address) == 2


def test_transaction__nonce_used_by_another__is_a_conflict(engine: ChainClient) -> None:
    contract = toy.deploy(engine, ALICE)
    with pytest.raises(ConflictError):
        engine.send_raw_transaction(toy.transaction(ALICE, 0, contract, toy.word(2)))
    assert engine.head_number() == 1


def test_transaction__for_another_chain__is_refused(engine: ChainClient) -> None:
    with pytest.raises(Exception) as caught:
        engine.send_raw_transaction(toy.transaction(ALICE, 0, bytes(20), b"", chain_id=5))
    assert engine.head_number() == 0
    assert "chain" in str(caught.value).lower()


def test_transaction__that_reverts__is_mined_with_status_zero(engine: ChainClient) -> None:
    contract = toy.deploy(engine, ALICE)
    receipt = toy.send(engine, toy.transaction(ALICE, 1, contract, b""))
    assert (receipt.status, receipt.logs) == (0, ())
    assert engine.transaction_count(ALICE.address) == 2


def test_transaction__beyond_the_gas_of_a_block__is_refused(engine: ChainClient) -> None:
    with pytest.raises(InputError):
        engine.send_raw_transaction(toy.transaction(ALICE, 0, bytes(20), b"", gas=60_000_001))


def test_call__that_reverts__carries_what_the_contract_returned(engine: ChainClient) -> None:
    contract = toy.deploy(engine, ALICE)
    with pytest.raises(RevertedError) as caught:
        engine.call(contract, b"")
    assert caught.value.data == bytes.fromhex("deadbeef")
    with pytest.raises(RevertedError):
        engine.estimate_gas(contract, b"", ALICE.address)


def test_call__changes_nothing(engine: ChainClient) -> None:
    contract = toy.deploy(engine, ALICE)
    head = engine.head_number()
    assert engine.call(contract, toy.word(3), ALICE.address) == b""
    assert engine.head_number() == head
    assert engine.transaction_count(ALICE.address) == 1


def test_gas__estimated__is_enough(engine: ChainClient) -> None:
    contract = toy.deploy(engine, ALICE)
    gas = engine.estimate_gas(contract, toy.word(9), ALICE.address)
    receipt = toy.send(engine, toy.transaction(ALICE, 1, contract, toy.word(9), gas=gas))
    assert receipt.status == 1
    assert receipt.gas_used <= gas <= 2 * receipt.gas_used


def test_block_time__follows_the_clock_and_never_falls(engine: ChainClient, clock: Clock) -> None:
    contract = toy.deploy(engine, ALICE)
    for number in range(3):
        toy.poke(engine, ALICE, contract, number)
    times = [header.timestamp for n in range(1, 5) if (header := engine.header(n)) is not None]
    assert len(times) == 4
    assert times[0] >= NOW_S
    assert all(later >= earlier for earlier, later in pairwise(times))


def test_storage_proof__leads_from_the_state_root_to_the_value(engine: ChainClient) -> None:
    import rlp

    from ledger.proofs.tries import value_in_proof

    contract = toy.deploy(engine, ALICE)
    for number in (*range(40), 7, 7):
        toy.poke(engine, ALICE, contract, number)
    for slot, value in ((7, b"\x03"), (0, b"\x01"), (99, b"")):
        proof = engine.storage_proof(contract, toy.word(slot), engine.head_number())
        header = engine.header(proof.block_number)
        assert header is not None
        account = rlp.decode(value_in_proof(state_root(header.rlp), keccak(contract), proof.account_nodes))
        assert account[3] == keccak(toy.RUNTIME)
        stored = value_in_proof(account[2], keccak(toy.word(slot)), proof.storage_nodes)
        assert (rlp.decode(stored) if stored else b"") == value
