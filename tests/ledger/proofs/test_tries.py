"""Merkle-Patricia proofs: every index of every small block, and every bit of a proof flipped."""

from __future__ import annotations

from dataclasses import replace

import pytest
import rlp
from eth_hash.auto import keccak

from ledger.chain.client import Log, Receipt
from ledger.chain.receipt_codec import decode_receipt, encode_receipt
from ledger.errors import TrustError
from ledger.proofs import receipts as receipt_proofs
from ledger.proofs.tries import (
    EMPTY_ROOT,
    ordered_key,
    ordered_trie_root,
    prove_ordered,
    value_in_proof,
)

SIZES = (1, 2, 3, 16, 17, 33)


def items(count: int) -> list[bytes]:
    return [f"receipt {i} ".encode() * (1 + i % 9) for i in range(count)]


@pytest.mark.parametrize("count", SIZES)
def test_proof__every_index__leads_to_its_item(count: int) -> None:
    all_items = items(count)
    root = ordered_trie_root(all_items)
    for index in range(count):
        assert value_in_proof(root, ordered_key(index), prove_ordered(all_items, index)) == all_items[index]


@pytest.mark.parametrize("index", [0, 15, 16, 126, 127, 128, 129, 199])
def test_proof__in_a_large_block__leads_to_its_item(index: int) -> None:
    all_items = items(200)  # from 128 on the key has two bytes
    proof = prove_ordered(all_items, index)
    assert value_in_proof(ordered_trie_root(all_items), ordered_key(index), proof) == all_items[index]


def test_proof__of_an_index_beyond_the_end__shows_that_there_is_nothing() -> None:
    all_items = items(5)
    root = ordered_trie_root(all_items)
    with pytest.raises(TrustError):
        prove_ordered(all_items, 5)
    with pytest.raises(TrustError):
        prove_ordered(all_items, -1)
    path = prove_ordered(all_items, 4)
    with pytest.raises(TrustError):
        receipt_proofs.verify(root, 7, path)


def test_root__of_no_items__is_the_empty_trie() -> None:
    assert ordered_trie_root([]) == EMPTY_ROOT == keccak(rlp.encode(b""))
    assert value_in_proof(EMPTY_ROOT, b"\x80", []) == b""


def test_proof__any_bit_flipped__is_refused() -> None:
    all_items = items(20)
    root = ordered_trie_root(all_items)
    nodes = prove_ordered(all_items, 17)
    for place, node in enumerate(nodes):
        for bit in range(len(node) * 8):
            changed = bytearray(node)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(TrustError):
                value_in_proof(root, ordered_key(17), [*nodes[:place], bytes(changed), *nodes[place + 1:]])


@pytest.mark.parametrize("change", [
    lambda n: n[:-1], lambda n: n[1:], lambda n: [], lambda n: [*n, n[-1]], lambda n: [*n, b"\xc0"],
    lambda n: [*n, rlp.encode([b"\x20", b"more"])], lambda n: n * 40,
], ids=["last missing", "root missing", "empty", "doubled", "surplus", "surplus leaf", "far too long"])
def test_proof__too_short_or_too_long__is_refused(change) -> None:  # type: ignore[no-untyped-def]
    all_items = items(200)
    with pytest.raises(TrustError):
        value_in_proof(ordered_trie_root(all_items), ordered_key(150), change(prove_ordered(all_items, 150)))


def test_proof__of_another_index__is_refused() -> None:
    all_items = items(200)
    with pytest.raises(TrustError):
        value_in_proof(ordered_trie_root(all_items), ordered_key(151), prove_ordered(all_items, 20))


LOGS = (Log(b"\x01" * 20, (b"\x02" * 32,), b"data", 0), Log(b"\x03" * 20, (), b"", 1))


def receipt(position: int) -> Receipt:
    encoded = encode_receipt(2, 1, 21_000 * (position + 1), bytes(256), LOGS)
    return Receipt(bytes(32), position, 1, 21_000, 1, bytes(32), LOGS, encoded)


def test_receipt__proven__is_read_with_its_logs() -> None:
    block = [receipt(i) for i in range(3)]
    decoded = receipt_proofs.verify_receipt(
        receipt_proofs.receipts_root(block), 1, receipt_proofs.prove(block, 1))
    assert (decoded.type, decoded.status, decoded.cumulative_gas, decoded.logs) == (2, 1, 42_000, LOGS)


@pytest.mark.parametrize(("kind", "status", "gas"), [(0, 0, 0), (0, 1, 21_000), (1, 1, 127), (2, 0, 128), (3, 1, 2**40)])
def test_receipt__of_each_type__is_read_back(kind: int, status: int, gas: int) -> None:
    decoded = decode_receipt(encode_receipt(kind, status, gas, b"\x07" * 256, LOGS), first_log_index=5)
    assert (decoded.type, decoded.status, decoded.cumulative_gas) == (kind, status, gas)
    assert decoded.logs == tuple(replace(log, index=log.index + 5) for log in LOGS)


@pytest.mark.parametrize("encoded", [
    b"", b"\x02", b"\x02\x80", b"\x02\xc0", rlp.encode([b"\x02", b"", bytes(256), []]),
    rlp.encode([b"", b"\x00\x01", bytes(256), []]), rlp.encode([b"", b"", bytes(255), []]),
    rlp.encode([b"", b"", bytes(256), [[b"\x01" * 19, [], b""]]]),
    rlp.encode([b"", b"", bytes(256), [[b"\x01" * 20, [b"\x02" * 31], b""]]]),
    rlp.encode([b"", b"", bytes(256), [[b"\x01" * 20, [b"\x02" * 32] * 5, b""]]]),
    encode_receipt(2, 1, 1, bytes(256), LOGS) + b"\x00",
], ids=["nothing", "no body", "a text", "no fields", "status 2", "leading zero", "short bloom", "short address",
        "short topic", "five topics", "trailing byte"])
def test_receipt__malformed__is_distrusted(encoded: bytes) -> None:
    with pytest.raises(TrustError):
        decode_receipt(encoded)


def test_proof__value_of_a_shorter_key__proves_nothing_about_a_longer_one() -> None:
    from trie import HexaryTrie

    from ledger.proofs.tries import proof_nodes

    trie = HexaryTrie({})
    trie[b"\x81"] = b"the value of 81, long enough to be a node of its own"
    nodes = proof_nodes(trie, b"\x81")
    assert value_in_proof(trie.root_hash, b"\x81", nodes)
    assert value_in_proof(trie.root_hash, b"\x81\x30", nodes) == b""
    assert value_in_proof(trie.root_hash, b"\x82", nodes) == b""


@pytest.mark.parametrize("seed", range(5))
def test_proof__random_tries_with_inner_values_and_small_nodes__each_key_and_absent_keys(seed: int) -> None:
    import random

    from trie import HexaryTrie

    from ledger.proofs.tries import proof_nodes

    chooser = random.Random(seed)
    content = {chooser.randbytes(chooser.randint(1, 3)): chooser.randbytes(chooser.choice([1, 5, 40])) for _ in range(150)}
    trie = HexaryTrie({})
    for key, value in content.items():
        trie[key] = value
    absent = [chooser.randbytes(chooser.randint(1, 4)) for _ in range(150)]
    for key in [*content, *absent]:
        assert value_in_proof(trie.root_hash, key, proof_nodes(trie, key)) == content.get(key, b"")
