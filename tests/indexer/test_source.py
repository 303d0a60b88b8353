"""A node that lies about headers, receipts or logs is caught, and the lie is named."""

from __future__ import annotations

from dataclasses import replace

import pytest
import rlp
from eth_bloom import BloomFilter
from eth_hash.auto import keccak

from indexer.bloom import bloom_of as indexer_bloom_of
from indexer.faults import BloomMismatchError, HeaderMismatchError, LogMismatchError, ReceiptsMismatchError
from indexer.source import check_header, check_receipts
from ledger.chain.client import Log
from tests.indexer.fake_chain import FakeChain, bloom_of, make_block, retold

ADDRESS = bytes.fromhex("11" * 20)


def entry(n: int) -> tuple[bytes, tuple[bytes, ...], bytes]:
    return ADDRESS, (keccak(b"topic"), n.to_bytes(32, "big")), bytes([n]) * 40


HEADER, RECEIPTS = make_block(5, keccak(b"parent"), 1_000, [[entry(1), entry(2)], [], [entry(3), entry(4), entry(4)]])


def test_block__true_to_its_header__logs_numbered_through_the_block() -> None:
    checked = check_receipts(check_header(HEADER, 5), RECEIPTS)
    assert [log.index for receipt in checked for log in receipt.logs] == [0, 1, 2, 3, 4]
    assert [receipt.logs for receipt in checked] == [receipt.logs for receipt in RECEIPTS]


def test_block__without_transactions__taken() -> None:
    header, receipts = make_block(0, bytes(32), 1, [])
    assert check_receipts(check_header(header, 0), receipts) == ()


@pytest.mark.parametrize(("name", "lie"), [
    ("hash", keccak(b"x")), ("number", 6), ("parent_hash", keccak(b"y")), ("timestamp", 999),
    ("receipts_root", keccak(b"z"))])
def test_header__field_beside_the_encoding_altered__named(name: str, lie: object) -> None:
    with pytest.raises(HeaderMismatchError, match=name):
        check_header(replace(HEADER, **{name: lie}), 5)


def test_header__every_byte_of_the_encoding_flipped__refused() -> None:
    for i in range(len(HEADER.rlp)):
        changed = bytearray(HEADER.rlp)
        changed[i] ^= 1
        with pytest.raises(HeaderMismatchError):
            check_header(replace(HEADER, rlp=bytes(changed)), 5)


def test_header__of_another_block__named() -> None:
    with pytest.raises(HeaderMismatchError, match="asked for block 4"):
        check_header(HEADER, 4)


def test_header__time_beyond_any_clock__refused() -> None:
    header, _ = make_block(5, keccak(b"parent"), 2**63, [])
    with pytest.raises(HeaderMismatchError, match="not a time"):
        check_header(header, 5)


def test_header__garbage__refused() -> None:
    for garbage in (b"", b"\xc0", b"\x80", rlp.encode([b""] * 15)):
        with pytest.raises(HeaderMismatchError):
            check_header(replace(HEADER, rlp=garbage), 5)


def lies(logs: tuple[Log, ...]) -> dict[str, list[Log]]:
    first, *rest = logs
    return {
        "dropped": rest,
        "added": [*logs, replace(first, data=b"never said")],
        "altered": [replace(first, data=b"other"), *rest],
        "reordered": [*rest, first],
    }


@pytest.mark.parametrize("what", ["dropped", "added", "altered", "reordered"])
@pytest.mark.parametrize("place", [0, 2])
def test_receipts__log_changed_in_receipt_and_encoding__root_names_it(what: str, place: int) -> None:
    told = list(RECEIPTS)
    told[place] = retold(RECEIPTS[place], lies(RECEIPTS[place].logs)[what], encode=True)
    with pytest.raises(ReceiptsMismatchError, match="block 5"):
        check_receipts(HEADER, told)


@pytest.mark.parametrize("what", ["dropped", "added", "altered", "reordered"])
@pytest.mark.parametrize("place", [0, 2])
def test_receipts__log_changed_beside_the_encoding__named(what: str, place: int) -> None:
    told = list(RECEIPTS)
    told[place] = retold(RECEIPTS[place], lies(RECEIPTS[place].logs)[what], encode=False)
    with pytest.raises(LogMismatchError, match=f"block 5, receipt {place}: log . was {what}"):
        check_receipts(HEADER, told)


def test_receipts__dropped_log_with_own_topics__hint_says_dropped() -> None:
    told = list(RECEIPTS)
    told[0] = retold(RECEIPTS[0], list(RECEIPTS[0].logs[1:]), encode=True)
    with pytest.raises(ReceiptsMismatchError, match="a log was dropped"):
        check_receipts(HEADER, told)


def test_receipts__log_added_with_own_topics__hint_says_added() -> None:
    told = list(RECEIPTS)
    extra = replace(RECEIPTS[0].logs[0], address=keccak(b"?")[:20])
    told[0] = retold(RECEIPTS[0], [*RECEIPTS[0].logs, extra], encode=True)
    with pytest.raises(ReceiptsMismatchError, match="a log was added"):
        check_receipts(HEADER, told)


def test_receipts__whole_receipt_dropped_added_or_swapped__refused() -> None:
    for told in (RECEIPTS[1:], RECEIPTS[:-1], [], [*RECEIPTS, RECEIPTS[0]], RECEIPTS[::-1]):
        with pytest.raises(ReceiptsMismatchError):
            check_receipts(HEADER, list(told))


@pytest.mark.parametrize(("name", "lie"), [
    ("status", 0), ("tx_index", 1), ("block_number", 6), ("block_hash", keccak(b"w"))])
def test_receipts__statement_beside_the_encoding_altered__named(name: str, lie: object) -> None:
    with pytest.raises(LogMismatchError, match="block 5, receipt 0"):
        check_receipts(HEADER, [replace(RECEIPTS[0], **{name: lie}), *RECEIPTS[1:]])


def test_receipts__failed_transaction_shown_as_success__refused() -> None:
    failed = replace(RECEIPTS[1], encoded=RECEIPTS[1].encoded.replace(b"\x01\x82", b"\x80\x82", 1))
    assert failed.encoded != RECEIPTS[1].encoded
    with pytest.raises(ReceiptsMismatchError):
        check_receipts(HEADER, [RECEIPTS[0], failed, RECEIPTS[2]])


@pytest.mark.parametrize("where", ["header", "receipt", "both"])
@pytest.mark.parametrize("bit", ["set", "cleared"])
@pytest.mark.parametrize("encoded_here", [False, True])
def test_bloom__not_that_of_the_logs__named_although_the_root_fits(
        where: str, bit: str, encoded_here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only whoever makes a block can do this: the root covers the receipts' blooms, the hash the header's."""
    def changed(logs: list[Log]) -> bytes:
        bloom = int.from_bytes(bloom_of(logs), "big")
        if (where == "header" and len(logs) < 5) or (where == "receipt" and len(logs) != 2):
            return bloom.to_bytes(256, "big")
        return (bloom | ~bloom & -~bloom if bit == "set" else bloom & bloom - 1).to_bytes(256, "big")

    monkeypatch.setattr("tests.indexer.fake_chain.bloom_of", changed)
    header, receipts = make_block(5, keccak(b"parent"), 1_000, [[entry(1), entry(2)], [], [entry(3), entry(4), entry(4)]])
    with pytest.raises(BloomMismatchError, match="the header's bloom" if where == "header" else "receipt 0"):
        check_receipts(check_header(header, 5), receipts, encoded_here)


def test_receipts__encoded_here__the_same_as_read_back_and_held_to_the_root() -> None:
    assert check_receipts(HEADER, RECEIPTS, True) == check_receipts(HEADER, RECEIPTS)
    for told in (RECEIPTS[1:], RECEIPTS[::-1], [retold(RECEIPTS[0], list(RECEIPTS[0].logs[1:]), encode=True), *RECEIPTS[1:]]):
        with pytest.raises(ReceiptsMismatchError):
            check_receipts(HEADER, told, True)


def test_bloom__of_logs__as_eth_bloom_makes_it() -> None:
    logs = [log for receipt in RECEIPTS for log in receipt.logs]
    peer = BloomFilter()
    for log in logs:
        peer.add(log.address)
        peer.extend(log.topics)
    assert indexer_bloom_of(logs) == int(peer)


def test_fake_chain__its_own_blocks__link_and_pass() -> None:
    chain = FakeChain()
    chain.add(1)
    chain.add(2, [entry(1)])
    assert chain.headers[1].parent_hash == chain.headers[0].hash
    check_receipts(check_header(chain.headers[1], 1), chain.receipts(1))
