"""Resident memory while a long chain is indexed: synthetic blocks, made as they are asked for, never kept.

Real encodings, tries and headers, linked; the events are new units every time, so nothing repeats that a
cache could keep small.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import rlp
from eth_hash.auto import keccak

from indexer.bloom import BLOOM_BYTES, bloom_of
from indexer.indexer import Progress
from indexer_bench.ours import indexer
from ledger.chain.client import Header, Log, Receipt
from ledger.chain.deploy import Deployment
from ledger.chain.header import decode_header
from ledger.chain.receipt_codec import encode_receipt
from ledger.events.model import CustodyEvent, Line, event_id
from ledger.proofs.tries import ordered_trie_root
from ledger.vocabulary import Kind, Outcome
from tests.chain_fixtures import outcome_data, outcome_topics

PER_BLOCK = 100
_UNIT = keccak(b"UnitChanged(bytes32,uint256)")
_STATE = 1 | 1 << 2 | 7 << 24 | 3 << 48  # a container, in custody of participant 7 at facility 3


class Synthetic:
    """As much of a chain as reading takes. Only the last block's hash is kept."""

    def __init__(self, deployment: Deployment, events: int) -> None:
        self._deployment, self._head = deployment, events // PER_BLOCK
        self._last: tuple[Header, list[Receipt]] | None = None
        self._parent = bytes(32)

    def chain_id(self) -> int:
        return self._deployment.chain_id

    def head_number(self) -> int:
        return self._head

    def code(self, address: bytes) -> bytes:
        raise NotImplementedError

    def header(self, number: int) -> Header:
        if self._last is None or self._last[0].number != number:
            self._last = self._block(number)
        return self._last[0]

    def receipts(self, number: int) -> list[Receipt]:
        if self._last is None or self._last[0].number != number:
            raise RuntimeError(f"block {number} is gone")
        return self._last[1]

    def _block(self, number: int) -> tuple[Header, list[Receipt]]:
        logs: list[Log] = []
        for i in range((number - 1) * PER_BLOCK, number * PER_BLOCK):
            unit = keccak(b"unit" + i.to_bytes(8, "big"))
            event = CustodyEvent(Kind.ARRIVE, (Line(unit),), facility=3, occurred_at_ms=1_767_225_600_000 + i,
                                 deadline_s=2**40, nonce=i, commitment=keccak(unit))
            topics = outcome_topics(event_id(event, bytes(32)))
            data = outcome_data(event, 7, b"\x05" * 20, Outcome.RECORDED)
            logs.append(Log(self._deployment.ledger, topics, data, len(logs)))
            logs.append(Log(self._deployment.ledger, (_UNIT, unit), _STATE.to_bytes(32, "big"), len(logs)))
        bloom = bloom_of(logs).to_bytes(BLOOM_BYTES, "big")
        encoded = encode_receipt(2, 1, 9_000_000, bloom, logs)
        parent, previous = self._parent, self._last
        if previous is not None and previous[0].number == number - 1:
            parent = previous[0].hash
        raw = rlp.encode([
            parent, bytes(32), bytes(20), bytes(32), bytes(32), ordered_trie_root([encoded]), bloom, b"",
            _int(number), _int(60_000_000), _int(9_000_000), _int(1_767_225_600 + number), b"", bytes(32),
            bytes(8)])
        header = decode_header(raw)
        return header, [Receipt(keccak(raw), 0, 1, 9_000_000, number, header.hash, tuple(logs), encoded)]


class _Pinned:
    """The deployment without asking for code: there is none."""

    def __init__(self, deployment: Deployment) -> None:
        self.chain_id, self.ledgers, self.block_number = deployment.chain_id, (deployment.ledger,), 1
        self.ledger, self.participants, self.manager = (
            deployment.ledger, deployment.participants, deployment.manager)

    def verify(self, chain: object) -> None:
        """Nothing to compare."""


def curve(deployment: Deployment, points: Sequence[int], tell: Callable[[str], None]) -> list[list[float]]:
    """[events, MB] at the points, one run to the last of them."""
    found: list[list[float]] = []
    left = sorted(points)

    def look(progress: Progress) -> None:
        tell(f"memory: {progress.events} of {points[-1]} events")
        while left and progress.events >= left[0]:
            found.append([left.pop(0), resident_mb()])

    with tempfile.TemporaryDirectory(prefix="cargoledger-bench-") as name:
        reader = indexer(Synthetic(deployment, max(points)), _Pinned(deployment),  # type: ignore[arg-type]
                         f"sqlite:///{name}/index.sqlite")
        reader.run_once(look)
        reader.engine.dispose()
    return found


def resident_mb() -> float:
    """Resident memory of this process."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not say how much memory a process has")


def _int(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
