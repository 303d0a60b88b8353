"""The bloom filter of logs, as receipts and headers carry it. Source: Ethereum yellow paper, 4.3.1."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from eth_hash.auto import keccak

from ledger.chain.client import Log

BLOOM_BYTES = 256
_HELD = 4_096  # addresses and signatures of events come again and again


def bloom_of(logs: Iterable[Log]) -> int:
    """The filter as a number of 2048 bits; that of several receipts is the bitwise or of theirs."""
    bloom = 0
    for log in logs:
        bloom |= _bits(log.address)
        for topic in log.topics:
            bloom |= _bits(topic)
    return bloom


@lru_cache(_HELD)
def _bits(value: bytes) -> int:
    digest = keccak(value)
    return (1 << ((digest[0] << 8 | digest[1]) & 2047) | 1 << ((digest[2] << 8 | digest[3]) & 2047)
            | 1 << ((digest[4] << 8 | digest[5]) & 2047))
