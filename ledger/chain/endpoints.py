"""Several nodes of one network as one chain client: read from the best, go on when one is away or lies.

Every node is one `RpcChain`. Before a node is asked anything it is held to what the caller pins (`hold_to`).
One that is away is passed over for a while; one that tells what cannot be true is quarantined until this
process ends, and what it told is kept as evidence. A head counts only when a node also has that block. Safe
to use from several threads.

States of a node: new -> ok <-> away; any -> quarantined, for good.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ledger.chain.client import ChainClient, FetchedBlock, Header, Receipt, StorageProof, ToldBlock
from ledger.chain.rpc import RpcChain
from ledger.chain.rpc_wire import TooMuchError, shown
from ledger.errors import CannotVerifyError, TrustError, UnavailableError

T = TypeVar("T")
RECENT = 64               # calls of which the error rate is told
REST_S_FIRST, REST_S_MAX = 1.0, 60.0  # a node that is away is left alone that long, doubling
HEAD_S_MAX = 5.0          # heads of nodes that are not read from are asked again after that
CLOSE = 1                 # blocks behind the best that are no reason to go to another


class LyingNodeError(TrustError):
    """No node is left that has not told what cannot be true."""

    code = "CL-TRUST-060"


@dataclass(slots=True)
class Endpoint:
    """One node and how it has been.

    `url` is what may be shown. Times are seconds since 1970; `head` is -1 before it is known.
    """

    url: str
    chain: RpcChain
    head: int = -1
    head_asked_s: float = 0.0
    last_success_s: float | None = None
    last_fault: str = ""
    recent: list[bool] = field(default_factory=list)  # of the last calls, whether they went well
    spent_ms: float = 0.0                             # of a call, smoothed
    rest_s: float = 0.0
    resting_until: float = 0.0                        # by the monotonic clock
    held: bool = False                                # to what is pinned, since it was last away
    evidence: dict[str, Any] | None = None

    @property
    def error_rate(self) -> float:
        """Share of the recent calls that failed."""
        return self.recent.count(False) / len(self.recent) if self.recent else 0.0

    def note(self, well: bool, spent_s: float = 0.0) -> None:
        """Remember how a call went."""
        self.recent = [*self.recent[1 - RECENT:], well]
        if well:
            self.spent_ms = 1000 * spent_s if not self.spent_ms else 0.8 * self.spent_ms + 200 * spent_s
            self.last_success_s, self.rest_s, self.resting_until = time.time(), 0.0, 0.0
        else:
            self.rest_s = min(REST_S_MAX, max(REST_S_FIRST, 2 * self.rest_s))
            self.resting_until = time.monotonic() + self.rest_s
            self.held = False


class Endpoints:
    """A chain behind one or several JSON-RPC endpoints. Implements `ChainClient` and `RangeClient`."""

    def __init__(
        self, urls: Sequence[str], *, chain_id: int | None = None, evidence: Path | None = None,
        **options: Any,
    ) -> None:
        """Prepare; nothing is asked before the first call.

        Args:
            urls: addresses of nodes of the same network, the preferred one first.
            chain_id: what every node must answer.
            evidence: file that gets a line of JSON for every node that lied.
            options: of `RpcChain`.
        """
        self._all = [
            Endpoint(shown(url), RpcChain(url, chain_id=chain_id, **options)) for url in dict.fromkeys(urls)]
        self._evidence = evidence
        self._hold: Callable[[ChainClient], None] | None = None
        self._lock = threading.Lock()

    def hold_to(self, check: Callable[[ChainClient], None]) -> None:
        """Have every node checked before it is asked, and again after it was away."""
        with self._lock:
            self._hold = check
            for endpoint in self._all:
                endpoint.held = False

    def distrust(self, origin: str, fault: TrustError) -> bool:
        """Quarantine the node of that address; whether another one is left."""
        for endpoint in self._all:
            if endpoint.chain.origin == origin and len(self._all) > 1:
                self._quarantine(endpoint, fault)
        return any(endpoint.evidence is None and endpoint.chain.origin != origin for endpoint in self._all)

    def health(self, *, ask: bool = True) -> list[dict[str, Any]]:
        """How each node is, in the order of the settings; with `ask` their heads are asked for first."""
        if ask:
            self._look(self._all, 0.0)
        best = max((endpoint.head for endpoint in self._all if endpoint.evidence is None), default=-1)
        now = time.monotonic()
        return [{
            "url": e.url,
            "state": "quarantined" if e.evidence else "away" if e.resting_until > now else
                     "ok" if e.last_success_s else "new",
            "head": e.head if e.head >= 0 else None,
            "lag": best - e.head if e.head >= 0 and best >= e.head else None,
            "lastSuccess": round(e.last_success_s, 3) if e.last_success_s else None,
            "errorRate": round(e.error_rate, 3), "milliseconds": round(e.spent_ms, 1),
            "fault": e.last_fault or None, "evidence": e.evidence,
        } for e in self._all]

    # reading

    def chain_id(self) -> int:
        """The chain's id."""
        return self._first(lambda chain: chain.chain_id())

    def head_number(self) -> int:
        """Number of the latest block that a node announces and has.

        Raises:
            UnavailableError: no node answers. LyingNodeError: all have lied.
        """
        if len(self._all) == 1:
            return self._on(self._all[0], lambda chain: self._headed(self._all[0], chain))
        self._look(self._usable(), HEAD_S_MAX)
        return self._first(self._confirmed_head)

    def header(self, number: int) -> Header | None:
        """Header of a block; None where no node has it."""
        return self._from_one_that_has(number, lambda chain: chain.header(number), None)

    def receipts(self, number: int) -> list[Receipt]:
        """All receipts of a block."""
        return self._from_one_that_has(number, lambda chain: chain.receipts(number), [])

    def blocks(self, first: int, last: int) -> list[FetchedBlock]:
        """Blocks `first` to `last` with their receipts, all from one node."""
        return self._first(lambda chain: chain.blocks(first, last), at_least=last)

    def told(self, first: int, last: int) -> list[ToldBlock]:
        """Blocks `first` to `last` as one node tells them, unread."""
        return self._first(lambda chain: chain.told(first, last), at_least=last)

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """Receipt of a mined transaction, or None."""
        return self._from_one_that_has(0, lambda chain: chain.receipt(tx_hash), None)

    def transaction_count(self, address: bytes) -> int:
        """Next nonce of an account, by the latest block."""
        return self._first(lambda chain: chain.transaction_count(address))

    def transaction_input(self, tx_hash: bytes) -> bytes | None:
        """Call data of a mined transaction, or None."""
        return self._from_one_that_has(0, lambda chain: chain.transaction_input(tx_hash), None)

    def call(self, to: bytes, data: bytes, sender: bytes | None = None) -> bytes:
        """Result of a read-only call at the latest block."""
        return self._first(lambda chain: chain.call(to, data, sender))

    def code(self, address: bytes) -> bytes:
        """Runtime code of an account."""
        return self._first(lambda chain: chain.code(address))

    def estimate_gas(self, to: bytes, data: bytes, sender: bytes) -> int:
        """Gas limit with which a transaction would pass now."""
        return self._first(lambda chain: chain.estimate_gas(to, data, sender))

    def gas_price(self) -> int:
        """What the node proposes per gas, in wei."""
        return self._first(lambda chain: chain.gas_price())

    def storage_proof(self, address: bytes, slot: bytes, number: int) -> StorageProof:
        """Proof of a storage slot in the state of a block."""
        return self._first(lambda chain: chain.storage_proof(address, slot, number), at_least=number)

    def blocks_with_log(
        self, address: bytes, topics: Sequence[Sequence[bytes]], first: int, last: int,
    ) -> list[int]:
        """Numbers of the blocks in which a contract logged such topics: a hint, as `RpcChain` says."""
        return self._first(lambda chain: chain.blocks_with_log(address, topics, first, last))

    def send_raw_transaction(self, raw: bytes) -> bytes:
        """Hand over a signed transaction; the same bytes may reach several nodes, which is no error."""
        return self._first(lambda chain: chain.send_raw_transaction(raw))

    def close(self) -> None:
        """Let go of every node."""
        for endpoint in self._all:
            endpoint.chain.close()

    # choosing

    def _usable(self) -> list[Endpoint]:
        """Nodes that did not lie, the best first.

        Raises:
            LyingNodeError: there is none.
        """
        found = [endpoint for endpoint in self._all if endpoint.evidence is None]
        if not found:
            told = "; ".join(f"{e.url}: {e.last_fault}" for e in self._all)
            raise LyingNodeError(f"every node has told what cannot be true ({told}).",
                                 remedy="Name nodes that can be trusted more, and start again.")
        best, now = max(endpoint.head for endpoint in found), time.monotonic()
        return sorted(found, key=lambda e: (
            e.resting_until > now, best - e.head > CLOSE, round(e.error_rate, 1), self._all.index(e)))

    def _first(self, ask: Callable[[RpcChain], T], at_least: int = -1) -> T:
        """What the best node answers, or the next best if it is away or lies.

        Raises:
            UnavailableError: all are away. LyingNodeError: all have lied. TrustError: the only one does.
        """
        faults: list[str] = []
        too_much: TooMuchError | None = None
        for endpoint in self._in_turn(at_least):
            try:
                return self._on(endpoint, ask)
            except TooMuchError as fault:
                too_much = too_much or fault
            except UnavailableError as fault:
                faults.append(fault.message)
            except TrustError:
                if len(self._all) == 1:
                    raise
        if too_much is not None:
            raise too_much
        if len(self._all) == 1:
            raise UnavailableError(faults[0], remedy="Is it running? The request can be repeated.")
        raise UnavailableError(f"no node answers: {' '.join(faults)}", remedy="The request can be repeated.")

    def _from_one_that_has(self, number: int, ask: Callable[[RpcChain], T], nothing: T) -> T:
        """What the first node says that knows anything; `nothing` when those that answer do not."""
        def known(chain: RpcChain) -> T:
            found = ask(chain)
            if found == nothing:
                raise _NothingError
            return found

        answered = False
        for endpoint in self._in_turn(number):
            try:
                return self._on(endpoint, known)
            except _NothingError:
                answered = True
            except UnavailableError:
                continue
            except TrustError:
                if len(self._all) == 1:
                    raise
        return nothing if answered else self._first(ask)

    def _in_turn(self, at_least: int) -> Iterator[Endpoint]:
        """Each node once, the best of the others next: what one answers may change what the best is.

        Raises:
            LyingNodeError: none is left that did not lie.
        """
        asked: list[str] = []
        while True:
            left = [e for e in self._usable() if e.chain.origin not in asked]
            if not left:
                return
            endpoint = min(left, key=lambda e: e.head < at_least)
            asked.append(endpoint.chain.origin)
            yield endpoint

    def _on(self, endpoint: Endpoint, ask: Callable[[RpcChain], T]) -> T:
        """Ask one node, and remember how that went."""
        begin = time.monotonic()
        try:
            if not endpoint.held and len(self._all) > 1:
                self._admit(endpoint)
            found = ask(endpoint.chain)
        except (_NothingError, TooMuchError):
            endpoint.note(well=True, spent_s=time.monotonic() - begin)
            raise
        except UnavailableError as fault:
            endpoint.last_fault = str(fault)
            endpoint.note(well=False)
            raise
        except TrustError as fault:
            if len(self._all) > 1:
                self._quarantine(endpoint, fault)
            endpoint.last_fault = str(fault)
            raise
        endpoint.note(well=True, spent_s=time.monotonic() - begin)
        return found

    def _admit(self, endpoint: Endpoint) -> None:
        """Hold a node to its chain and to what is pinned.

        Raises:
            TrustError: it is another one. UnavailableError: it does not have the contracts yet.
        """
        endpoint.chain.chain_id()
        if self._hold is not None:
            try:
                self._hold(endpoint.chain)
            except CannotVerifyError as fault:
                raise UnavailableError(f"the node at {endpoint.url} lags behind: {fault.message}") from fault
        endpoint.held = True

    def _quarantine(self, endpoint: Endpoint, fault: TrustError) -> None:
        with self._lock:
            if endpoint.evidence is not None:
                return
            endpoint.last_fault = str(fault)
            endpoint.evidence = {
                "url": endpoint.url, "at": round(time.time(), 3), "code": fault.code, "told": str(fault)}
            if self._evidence is not None:
                with self._evidence.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(endpoint.evidence) + "\n")

    # heads

    def _headed(self, endpoint: Endpoint, chain: RpcChain) -> int:
        endpoint.head_asked_s = time.monotonic()
        endpoint.head = chain.head_number()
        return endpoint.head

    def _confirmed_head(self, chain: RpcChain) -> int:
        endpoint = next(e for e in self._all if e.chain is chain)
        head = self._headed(endpoint, chain)
        if chain.header(head) is None:
            endpoint.head = -1
            raise UnavailableError(f"the node at {endpoint.url} announces block {head} and does not have it.")
        return head

    def _look(self, endpoints: Sequence[Endpoint], older_than_s: float) -> None:
        """Ask nodes for their heads, all at once, those that were asked lately and those at rest left out."""
        now = time.monotonic()
        due = [e for e in endpoints if e.evidence is None and now - e.head_asked_s >= older_than_s
               and (e.resting_until <= now or not older_than_s)]

        def look(endpoint: Endpoint) -> None:
            try:
                self._on(endpoint, lambda chain: self._headed(endpoint, chain))
            except (UnavailableError, TrustError):
                endpoint.head = -1

        threads = [threading.Thread(target=look, args=(endpoint,), daemon=True) for endpoint in due]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class _NothingError(Exception):
    """The node answers that there is no such thing."""
