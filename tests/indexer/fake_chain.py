"""A chain made by hand: real headers, receipts and tries around whatever logs a test puts in, and a node that lies."""

from __future__ import annotations

from dataclasses import replace

import rlp
from eth_hash.auto import keccak

from ledger.chain.client import Header, Log, Receipt
from ledger.chain.receipt_codec import decode_receipt, encode_receipt
from ledger.proofs.tries import ordered_trie_root


def bloom_of(logs: list[Log]) -> bytes:
    """Bloom filter of logs. Source: Ethereum yellow paper, 4.3.1."""
    bits = 0
    for log in logs:
        for item in (log.address, *log.topics):
            digest = keccak(item)
            for pair in (0, 2, 4):
                bits |= 1 << (int.from_bytes(digest[pair:pair + 2], "big") & 2047)
    return bits.to_bytes(256, "big")


def compact(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def make_block(number: int, parent_hash: bytes, timestamp: int,
               transactions: list[list[tuple[bytes, tuple[bytes, ...], bytes]]]) -> tuple[Header, list[Receipt]]:
    """A block with one receipt a transaction, each with its logs (address, topics, data)."""
    encoded: list[bytes] = []
    all_logs: list[list[Log]] = []
    index = 0
    for entries in transactions:
        logs = []
        for address, topics, data in entries:
            logs.append(Log(address, topics, data, index))
            index += 1
        all_logs.append(logs)
        encoded.append(encode_receipt(2, 1, 21_000 * (len(encoded) + 1), bloom_of(logs), logs))
    everything = [log for logs in all_logs for log in logs]
    root = ordered_trie_root(encoded)
    fields = [parent_hash, bytes(32), bytes(20), bytes(32), bytes(32), root, bloom_of(everything), b"",
              compact(number), compact(30_000_000), b"", compact(timestamp), b"", bytes(32), bytes(8)]
    encoding = rlp.encode(fields)
    header = Header(number, keccak(encoding), parent_hash, timestamp, root, encoding)
    receipts = [
        Receipt(tx_hash=keccak(b"tx" + compact(number) + bytes([i])), tx_index=i, status=1, gas_used=21_000,
                block_number=number, block_hash=header.hash, logs=tuple(logs), encoded=encoded[i])
        for i, logs in enumerate(all_logs)]
    return header, receipts


def retold(receipt: Receipt, logs: list[Log], *, encode: bool) -> Receipt:
    """The receipt with other logs beside it and, if asked, in its encoding too."""
    renumbered = tuple(replace(log, index=(receipt.logs[0].index if receipt.logs else 0) + i)
                       for i, log in enumerate(logs))
    encoded = receipt.encoded
    if encode:
        real = decode_receipt(receipt.encoded)
        encoded = encode_receipt(real.type, real.status, real.cumulative_gas, bloom_of(list(renumbered)), renumbered)
    return replace(receipt, logs=renumbered, encoded=encoded)


class FakeChain:
    """As much of a ChainClient as reading takes. A test may overwrite `headers` and `blocks` with lies."""

    def __init__(self, chain_id: int = 7, codes: dict[bytes, bytes] | None = None) -> None:
        self.id = chain_id
        self.headers: list[Header] = []
        self.blocks: list[list[Receipt]] = []
        self.codes = codes or {}
        self.head: int | None = None

    def add(self, timestamp: int, *transactions: list[tuple[bytes, tuple[bytes, ...], bytes]]) -> Header:
        parent = self.headers[-1].hash if self.headers else bytes(32)
        header, receipts = make_block(len(self.headers), parent, timestamp, list(transactions))
        self.headers.append(header)
        self.blocks.append(receipts)
        return header

    def chain_id(self) -> int:
        return self.id

    def head_number(self) -> int:
        return len(self.headers) - 1 if self.head is None else self.head

    def header(self, number: int) -> Header | None:
        return self.headers[number] if 0 <= number < len(self.headers) else None

    def receipts(self, number: int) -> list[Receipt]:
        return self.blocks[number]

    def code(self, address: bytes) -> bytes:
        return self.codes.get(address, b"")

    def close(self) -> None:
        pass
