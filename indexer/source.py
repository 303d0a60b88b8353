"""Blocks from a node that is not trusted: fetched, checked, and only then handed on.

Promises that a `CheckedBlock` holds exactly the logs that its header vouches for, in their order. The
header's hash is recomputed from its encoding, the receipts root from the encodings of the receipts, and the
logs are decoded from those encodings; the blooms must be those of the logs; what the node says beside them is
compared and never used. Raises a
named TrustError where anything differs, and passes UnavailableError on. Links to the parent are `reconcile`'s
business.

Blocks are asked for in ranges as wide as the node answers well, and the next range while the present one is
checked and written: the same at the head, where a range is one block. A node that lies is told to the client,
which asks another one if there is any.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

import rlp

from indexer.bloom import BLOOM_BYTES, bloom_of
from indexer.faults import (
    BloomMismatchError,
    HeaderMismatchError,
    LogMismatchError,
    ReceiptsMismatchError,
    WrongLedgerError,
)
from indexer.reconcile import Link
from indexer.span import Span
from ledger.chain.client import (
    ChainClient,
    FetchedBlock,
    Header,
    Log,
    RangeClient,
    Receipt,
    ToldBlock,
)
from ledger.chain.codec import Contracts
from ledger.chain.endpoints import Endpoints
from ledger.chain.header import decode_header
from ledger.chain.receipt_codec import DecodedReceipt, bloom_in, decode_receipt
from ledger.chain.rpc_blocks import read_told
from ledger.chain.rpc_wire import shown
from ledger.errors import CannotVerifyError, TrustError, UnavailableError
from ledger.proofs.tries import ordered_trie_root

TIMESTAMP_MAX = 2**62
"""Block times are seconds and fit SQL's signed 64 bits; what is beyond is no time."""


class PinnedLedger(Contracts, Protocol):
    """Which contracts on which chain; `ledger.chain.deploy.Deployment` is one."""

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        ...

    @property
    def ledgers(self) -> tuple[bytes, ...]:
        """Every ledger of the network, the first one first, the one that takes events last."""
        ...

    @property
    def block_number(self) -> int:
        """The first block that can hold a log of these contracts."""
        ...

    def verify(self, chain: ChainClient) -> None:
        """Compare chain id and runtime code.

        Raises:
            TrustError: another chain or other code.
        """
        ...


@dataclass(frozen=True, slots=True)
class CheckedBlock:
    """A block whose header hash and receipts root were recomputed; the logs are those in the receipts'
    encodings.
    """

    header: Header
    receipts: tuple[Receipt, ...]

    @property
    def link(self) -> Link:
        """The block's place in the chain."""
        return Link(self.header.number, self.header.hash, self.header.parent_hash)


class Source:
    """Reads blocks of one deployment and checks each."""

    def __init__(self, chain: ChainClient, deployment: PinnedLedger, *, confirmations: int = 0) -> None:
        """Read a chain up to the last block on which `confirmations` others stand."""
        self._chain = chain
        self._confirmations = confirmations
        self.deployment = deployment
        self._pinned = False
        self._ahead = _Ahead(chain)
        if isinstance(chain, Endpoints):
            chain.hold_to(self._hold)

    def pin(self) -> None:
        """Hold the node to the deployment's chain id and contract code; once for a Source, again after
        `unpin`. Of several nodes each is held to it before it is asked anything else.

        Raises:
            WrongLedgerError: another chain, or other code at the contracts' addresses.
            CannotVerifyError: no code there yet.
        """
        if not self._pinned:
            self._hold(self._chain)
            self._pinned = True

    def _hold(self, chain: ChainClient) -> None:
        said = chain.chain_id()
        if said != self.deployment.chain_id:
            raise WrongLedgerError(
                f"the node serves chain {said}, the deployment is on chain {self.deployment.chain_id}.",
                remedy="Check the endpoint in the settings.")
        try:
            self.deployment.verify(chain)
        except CannotVerifyError:
            raise  # the contracts may only not be there yet
        except TrustError as fault:
            raise WrongLedgerError(fault.message, remedy=fault.remedy) from fault

    def unpin(self) -> None:
        """Check chain and code again at the next use, since the node may be another one now."""
        self._pinned = False
        self._ahead.forget()

    def head_number(self) -> int:
        """Number of the node's latest block that counts for ever; -1 before there is one."""
        self._ahead.forget()  # what was read ahead may have been reorganised since
        self.pin()
        return max(-1, self._chain.head_number() - self._confirmations)

    def header(self, number: int) -> Header:
        """The checked header of a block.

        Raises:
            UnavailableError: the node does not have the block (it may be behind the one asked before).
            HeaderMismatchError: the header is not what its hash covers.
        """
        said = self._chain.header(number)
        if said is None:
            raise UnavailableError(f"the node does not have block {number}, which it announced.")
        return check_header(said, number)

    def forget(self) -> None:
        """Fetch everything anew: what was read ahead may be of a branch that the chain left."""
        self._ahead.forget()

    @property
    def ranges(self) -> RangeClient | None:
        """The client, if it gives many blocks at once."""
        return self._chain if isinstance(self._chain, RangeClient) else None

    def take_told(self, blocks: Sequence[ToldBlock]) -> None:
        """Take these as fetched. Where they cannot be read, `block` fetches them anew, from another node if
        this one told what cannot be true.

        Raises:
            TrustError: it did, and there is no other.
        """
        self._ahead.forget()
        try:
            self._ahead.hold([read_told(told, shown(told.origin)) for told in blocks])
        except UnavailableError:
            return  # whoever fetches it finds out why
        except TrustError as fault:
            if self.ranges is None or not self.ranges.distrust(blocks[0].origin, fault):
                raise

    def block(self, number: int, last: int | None = None) -> CheckedBlock:
        """The checked block of a number.

        Args:
            number: which.
            last: up to where the caller will go on, so that more is fetched at once and ahead.

        Raises:
            UnavailableError: the node does not have the block.
            TrustError: header, receipts or logs are not what they claim to be; the message names what, and
                the node where there are several. Another node is asked first, if there is one.
        """
        self.pin()
        while True:
            said = self._ahead.take(number, number if last is None else max(number, last))
            try:
                header = check_header(said.header, number)
                return CheckedBlock(header, check_receipts(header, said.receipts, said.encoded_here))
            except TrustError as fault:
                self._ahead.forget()
                if not isinstance(self._chain, RangeClient) or not self._chain.distrust(said.origin, fault):
                    raise


class _Ahead:
    """Blocks that were fetched and not yet asked for, and the range that is on its way.

    Never holds more than two ranges. A fault of the range on its way is told when its first block is wanted.
    """

    def __init__(self, chain: ChainClient) -> None:
        self._chain = chain
        self._span = Span()
        self._held: dict[int, FetchedBlock] = {}
        self._coming: tuple[int, int, Future[list[FetchedBlock]]] | None = None
        self._worker: ThreadPoolExecutor | None = None

    def forget(self) -> None:
        """Fetch everything anew."""
        self._held.clear()
        if self._coming is not None:
            self._coming[2].cancel()
            self._coming = None

    def hold(self, blocks: Sequence[FetchedBlock]) -> None:
        """Blocks that somebody else fetched."""
        self._held = {block.header.number: block for block in blocks}

    def take(self, number: int, last: int) -> FetchedBlock:
        """The block of a number, as somebody told it."""
        if number not in self._held:
            coming, self._coming, self._held = self._coming, None, {}
            if coming is not None and coming[0] == number:
                found = self._finished(coming)
            else:
                if coming is not None:
                    coming[2].cancel()
                found = self._fetched(number, last)
            self._held = {number + place: block for place, block in enumerate(found)}
            self._read_on(number + len(found), last)
        return self._held.pop(number)

    def _finished(self, coming: tuple[int, int, Future[list[FetchedBlock]]]) -> list[FetchedBlock]:
        first, last, future = coming
        try:
            return future.result()
        except UnavailableError:
            self._span = self._span.halved()
            return self._fetched(first, last)

    def _fetched(self, first: int, last: int) -> list[FetchedBlock]:
        """A range from `first`, narrowed as long as that helps."""
        while True:
            blocks = self._span.blocks if isinstance(self._chain, RangeClient) else 1
            until = min(last, first + blocks - 1)
            try:
                return self._fetch(first, until)
            except UnavailableError:
                if until == first:
                    raise
                self._span = self._span.halved()

    def _read_on(self, first: int, last: int) -> None:
        if first > last or not isinstance(self._chain, RangeClient):
            return  # a ledger in this process is not waited for
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="blocks")
        until = min(last, first + self._span.blocks - 1)
        self._coming = (first, until, self._worker.submit(self._fetch, first, until))

    def _fetch(self, first: int, last: int) -> list[FetchedBlock]:
        begin = time.monotonic()
        if isinstance(self._chain, RangeClient):
            found = self._chain.blocks(first, last)
        else:
            header = self._chain.header(first)
            if header is None:
                raise UnavailableError(f"the node does not have block {first}, which it announced.")
            found = [FetchedBlock(header, tuple(self._chain.receipts(first)), "")]
        size = sum(len(receipt.encoded) for block in found for receipt in block.receipts)
        self._span = self._span.after(len(found), size, time.monotonic() - begin)
        return found


def check_header(said: Header, number: int) -> Header:
    """Recompute a header from its encoding and compare everything that the node says of it.

    Raises:
        HeaderMismatchError: names the field that differs.
    """
    try:
        real = decode_header(said.rlp)
    except TrustError as fault:
        raise HeaderMismatchError(f"block {number}: {fault.message}") from fault
    for name in ("hash", "number", "parent_hash", "timestamp", "receipts_root"):
        if getattr(real, name) != getattr(said, name):
            raise HeaderMismatchError(f"block {number}: the node says {name} {_show(getattr(said, name))}, "
                                      f"its header {_show(getattr(real, name))}.")
    if real.number != number:
        raise HeaderMismatchError(f"asked for block {number}, the node gave that of block {real.number}.")
    if real.timestamp > TIMESTAMP_MAX:
        raise HeaderMismatchError(f"block {number}: {real.timestamp} is not a time in seconds.")
    return real


def check_receipts(
    header: Header, said: Sequence[Receipt], encoded_here: bool = False,
) -> tuple[Receipt, ...]:
    """Recompute the receipts root, read the logs from the encodings, compare with what is said beside them.

    Args:
        header: checked.
        said: every receipt of the block, in order.
        encoded_here: see `FetchedBlock`. An encoding says one thing only, so what it was made from is what it
            says: it is not read.

    Returns:
        The receipts with logs, status and block fields as the encodings and the header have them.

    Raises:
        ReceiptsMismatchError: the encodings do not give the header's receipts root.
        LogMismatchError: the logs beside an encoding differ from it; names what was done to which.
        BloomMismatchError: the bloom of a receipt, or of the header, is not that of its logs.
    """
    encodings = [receipt.encoded for receipt in said]
    found = ordered_trie_root(encodings)
    if found != header.receipts_root:
        raise ReceiptsMismatchError(
            f"block {header.number}: {len(said)} receipts give the root {_show(found)}, the header has "
            f"{_show(header.receipts_root)}: {_suspect(header, encodings)}.",
            remedy="The node drops, adds, alters or reorders logs. Use another endpoint.")
    checked: list[Receipt] = []
    log_index = bloom = 0
    for position, receipt in enumerate(said):
        if encoded_here:
            bloom |= _check_bloom(header, position, bloom_in(receipt.encoded), receipt.logs)
            checked.append(receipt)
            continue
        decoded = decode_receipt(receipt.encoded, log_index)
        log_index += len(decoded.logs)
        _compare_logs(header.number, position, receipt.logs, decoded.logs)
        for name, claimed, real in (("status", receipt.status, decoded.status),
                                    ("place", receipt.tx_index, position),
                                    ("block number", receipt.block_number, header.number),
                                    ("block hash", receipt.block_hash, header.hash)):
            if claimed != real:
                raise LogMismatchError(f"block {header.number}, receipt {position}: the node says {name} "
                                       f"{_show(claimed)}, the block {_show(real)}.")
        bloom |= _check_bloom(header, position, decoded.bloom, decoded.logs)
        checked.append(replace(receipt, logs=decoded.logs))
    if _bloom_in(header) != bloom:
        raise BloomMismatchError(f"block {header.number}: the header's bloom is not that of its logs.",
                                 remedy=_BLOOM_REMEDY)
    return tuple(checked)


def _check_bloom(header: Header, position: int, said: bytes, logs: tuple[Log, ...]) -> int:
    """The bloom of a receipt's logs, which must be the one that it carries."""
    real = bloom_of(logs)
    if said != real.to_bytes(BLOOM_BYTES, "big"):
        raise BloomMismatchError(
            f"block {header.number}, receipt {position}: its bloom is not that of its logs.",
            remedy=_BLOOM_REMEDY)
    return real


def _compare_logs(number: int, position: int, said: tuple[Log, ...], real: tuple[Log, ...]) -> None:
    """Name what was done to the logs beside a receipt, if anything."""
    if said == real:
        return
    claimed = [(log.address, log.topics, log.data) for log in said]
    truth = [(log.address, log.topics, log.data) for log in real]
    missing = [i for i, log in enumerate(truth) if claimed.count(log) < truth.count(log)]
    extra = [i for i, log in enumerate(claimed) if truth.count(log) < claimed.count(log)]
    if missing and not extra:
        what = f"log {missing[0]} was dropped"
    elif extra and not missing:
        what = f"log {extra[0]} was added"
    elif missing:
        what = f"log {missing[0]} was altered"
    else:
        first = next(i for i, (a, b) in enumerate(zip(said, real, strict=True)) if a != b)
        what = f"log {first} was reordered or renumbered"
    raise LogMismatchError(f"block {number}, receipt {position}: {what} beside the receipt.",
                           remedy="The node is faulty or dishonest. Use another endpoint.")


_BLOOM_FIELD = 6  # place of logsBloom in a header's RLP list
_BLOOM_REMEDY = "The receipts are the header's: who made the block made it wrong. Ask other validators."


def _bloom_in(header: Header) -> int:
    return int.from_bytes(rlp.decode(header.rlp)[_BLOOM_FIELD], "big")


def _suspect(header: Header, encodings: list[bytes]) -> str:
    """What a wrong root most likely means, judged by the blooms: a hint in the message, never a decision."""
    expected = _bloom_in(header)
    found = 0
    try:
        receipts: list[DecodedReceipt] = [decode_receipt(encoded) for encoded in encodings]
    except TrustError as fault:
        return fault.message.rstrip(".")
    for receipt in receipts:
        found |= int.from_bytes(receipt.bloom, "big")
    if expected & ~found and not found & ~expected:
        return "by the header's bloom a log was dropped"
    if found & ~expected and not expected & ~found:
        return "by the header's bloom a log was added"
    if expected != found:
        return "by the header's bloom a log was altered"
    return "logs were altered or reordered"


def _show(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
