"""When a block counts for ever, and what to do where the chain says it did not.

Instant finality (embedded, Avalanche, QBFT): a block counts when it is there. Otherwise it counts once
`confirmations` blocks stand on it. A block that counted and is replaced is evidence of a consensus fault
(or of too few confirmations): both headers are kept and the gateway halts, at every start again, until the
chain says the first again or somebody decides. Source: reliability.md, section 6.
"""

from __future__ import annotations

from collections.abc import Callable

from ledger.chain.client import ChainClient, Header, Receipt
from ledger.errors import TrustError, UnavailableError
from ledger.gateway.store import Store


class BlockReplacedError(TrustError):
    """A block that counted as final was replaced by another. Both headers are kept."""

    code = "CL-TRUST-046"


class Finality:
    """Judges receipts, and remembers the last block that counted."""

    def __init__(self, chain: ChainClient, store: Store, *, confirmations: int,
                 clock: Callable[[], int]) -> None:
        """Bind to a chain.

        Args:
            confirmations: blocks that must stand on a block before it counts; 0 where it counts at once.
        """
        self._chain = chain
        self._store = store
        self._confirmations = confirmations
        self._clock = clock

    def confirmations_missing(self, receipt: Receipt) -> int:
        """How many more blocks a receipt's block needs before it counts; 0 if it does."""
        if not self._confirmations:
            return 0
        return max(0, receipt.block_number + self._confirmations - self._chain.head_number())

    def check(self) -> None:
        """Hold the chain to the last block that counted.

        Raises:
            BlockReplacedError: another block stands in its place.
            UnavailableError: the node does not have it (it may be behind).
        """
        last = self._store.row("SELECT * FROM final_block ORDER BY number DESC LIMIT 1")
        if last is None:
            return
        found = self._chain.header(last["number"])
        if found is None:
            raise UnavailableError(
                f"the node does not have block {last['number']}, in which events were recorded.",
                remedy="It may be behind the one asked before, or serve another chain.")
        if found.hash != last["hash"]:
            raise self._replaced(last["number"], last["header"], found.rlp)

    def accept(self, receipt: Receipt) -> Header:
        """Let a receipt's block count: check it against the chain, and what counted before against it.

        Returns:
            Its header.

        Raises:
            BlockReplacedError: the block that counted last is not among its ancestors any more.
            UnavailableError: the node's answers do not fit together yet.
        """
        header = self._chain.header(receipt.block_number)
        if header is None or header.hash != receipt.block_hash:
            raise UnavailableError(f"block {receipt.block_number} changed while it was read.")
        last = self._store.row("SELECT * FROM final_block ORDER BY number DESC LIMIT 1")
        if last is not None:
            if header.number == last["number"] + 1 and header.parent_hash != last["hash"]:
                before = self._chain.header(last["number"])
                raise self._replaced(last["number"], last["header"], (before or header).rlp)
            if header.number != last["number"] + 1:
                self.check()
        return header

    def remember(self, header: Header) -> None:
        """Keep a block that counted; within the transaction that stores what it decided."""
        with self._store.transaction() as sql:
            sql.execute("DELETE FROM final_block WHERE number<=?", (header.number,))
            sql.execute("INSERT OR IGNORE INTO final_block (number, hash, header) VALUES (?,?,?)",
                        (header.number, header.hash, header.rlp))

    def _replaced(self, number: int, kept: bytes, found: bytes) -> BlockReplacedError:
        with self._store.transaction() as sql:
            sql.execute("INSERT OR IGNORE INTO fork_evidence (number, kept, found, at_s) VALUES (?,?,?,?)",
                        (number, kept, found, self._clock()))
        why = (f"{self._confirmations} confirmations were too few" if self._confirmations
               else "on a chain with instant finality this is evidence of a consensus fault")
        return BlockReplacedError(
            f"block {number}, in which outcomes were final, was replaced: {why}.",
            remedy="Nothing is sent until this is cleared up. Both headers are in the table fork_evidence of "
                   "the gateway's store; ask the network's validators.")
