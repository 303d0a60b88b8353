"""Receipts read and written by hand are those of the rlp package, and what it would not take is refused."""

from __future__ import annotations

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st
from trie import HexaryTrie

from ledger.chain.client import Log
from ledger.chain.receipt_codec import bloom_in, decode_log, decode_receipt, encode_receipt
from ledger.errors import TrustError
from ledger.proofs.tries import EMPTY_ROOT, ordered_key, ordered_trie_root

DATA = st.binary(max_size=70) | st.integers(54, 58).map(bytes) | st.integers(255, 258).map(bytes) | st.integers(0, 255).map(lambda n: bytes([n]))
LOGS = st.lists(st.builds(
    Log, st.binary(min_size=20, max_size=20), st.lists(st.binary(min_size=32, max_size=32), max_size=4).map(tuple), DATA, st.just(0)), max_size=6)


def number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


@given(st.integers(0, 4), st.integers(0, 1), st.integers(0, 2**63), LOGS)
def test_receipt__any__written_as_rlp_writes_it_and_read_back(kind: int, status: int, gas: int, logs: list[Log]) -> None:
    encoded = encode_receipt(kind, status, gas, bytes(256), logs)
    body = rlp.encode([number(status), number(gas), bytes(256), [[log.address, list(log.topics), log.data] for log in logs]])
    assert encoded == (bytes([kind]) if kind else b"") + body
    read = decode_receipt(encoded, 7)
    assert (read.type, read.status, read.cumulative_gas, read.bloom) == (kind, status, gas, bytes(256))
    assert [(log.address, log.topics, log.data) for log in read.logs] == [(log.address, log.topics, log.data) for log in logs]
    assert [log.index for log in read.logs] == list(range(7, 7 + len(logs)))
    for log in logs:
        assert decode_log(rlp.encode([log.address, list(log.topics), log.data]), 3).data == log.data


@given(LOGS.filter(bool), st.data())
def test_receipt__any_byte_changed__never_read_as_what_rlp_would_not_read(logs: list[Log], data: st.DataObject) -> None:
    encoded = bytearray(encode_receipt(2, 1, 21_000, bytes(256), logs))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    changed = bytes(encoded[:data.draw(st.integers(place + 1, len(encoded)))])
    try:
        read = decode_receipt(changed)
    except TrustError:
        return
    again = encode_receipt(read.type, read.status, read.cumulative_gas, read.bloom, read.logs)
    assert again == changed  # canonical: nothing is read that we would write otherwise
    rlp.decode(changed[1:] if changed[0] <= 0x7F else changed)


LOG = [b"\x01" * 20, [b"\x02" * 32], b"\x05"]
BODY = [b"\x01", b"\x52\x08", bytes(256), [LOG]]


@pytest.mark.parametrize("encoded", [
    b"", b"\x02", rlp.encode(BODY) + b"\x00", rlp.encode(BODY)[:-1], rlp.encode([*BODY, b""]), rlp.encode(BODY[:3]),
    rlp.encode([b"\x02", *BODY[1:]]), rlp.encode([b"\x00", *BODY[1:]]), rlp.encode([BODY[0], b"\x00\x05", *BODY[2:]]),
    rlp.encode([*BODY[:2], bytes(255), BODY[3]]), rlp.encode([*BODY[:3], [[LOG[0][:-1], *LOG[1:]]]]),
    rlp.encode([*BODY[:3], [[LOG[0], [b"\x02" * 32] * 5, b""]]]), rlp.encode([*BODY[:3], [[LOG[0], [b"\x02" * 31], b""]]]),
    rlp.encode([*BODY[:3], [[*LOG, b""]]]), rlp.encode([*BODY[:3], [LOG[:2]]]), rlp.encode([*BODY[:3], LOG[0]]),
    rlp.encode(BODY).replace(b"\xa0" + b"\x02" * 32, b"\xa1" + b"\x02" * 32),
    b"\xf9\x00\x01\xc0", b"\xf8\x01\xc0", b"\xbf" * 9])
def test_receipt__malformed__refused(encoded: bytes) -> None:
    with pytest.raises(TrustError):
        decode_receipt(encoded)


@pytest.mark.parametrize("log", [
    Log(bytes(19), (), b"", 0), Log(bytes(20), (bytes(31),), b"", 0), Log(bytes(20), (bytes(32),) * 5, b"", 0)])
def test_receipt__of_a_log_that_no_contract_writes__not_encoded(log: Log) -> None:
    with pytest.raises(TrustError, match="20-byte address and at most four topics"):
        encode_receipt(2, 1, 21_000, bytes(256), [log])


@given(st.integers(0, 4), st.integers(0, 1), st.integers(0, 2**63), st.binary(min_size=256, max_size=256), LOGS)
def test_bloom_in__any_receipt__is_what_it_carries(kind: int, status: int, gas: int, bloom: bytes, logs: list[Log]) -> None:
    assert bloom_in(encode_receipt(kind, status, gas, bloom, logs)) == bloom


def test_log__byte_not_written_in_the_shortest_way__refused() -> None:
    good = rlp.encode(LOG)
    assert decode_log(good, 0).data == b"\x05"
    long = rlp.encode([*LOG[:2], b"\x05\x05"])
    with pytest.raises(TrustError):
        decode_log(long[:-3] + b"\x81\x05", 0)
    with pytest.raises(TrustError):
        decode_log(good + b"\x00", 0)


@pytest.mark.parametrize("size", [1, 33, 600])
def test_ordered_trie__any_number_of_items__root_is_that_of_the_trie_package(size: int) -> None:
    assert ordered_trie_root([]) == EMPTY_ROOT
    trie = HexaryTrie({})
    items = []
    for index in range(300):
        item = bytes([index % 255 + 1]) * (size + index % 3)
        items.append(item)
        trie[ordered_key(index)] = item
        if index < 20 or index in (126, 127, 128, 129, 255, 256, 257, 299):
            assert ordered_trie_root(items) == trie.root_hash, index
