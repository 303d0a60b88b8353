"""How many blocks are asked for at once: pure, from what the last requests took.

Grows by a quarter while replies are small and quick, shrinks at once where they are not: by half when a node
refuses or does not finish, in proportion when a reply was larger or slower than meant.
"""

from __future__ import annotations

from dataclasses import dataclass

BLOCKS_FIRST = 4
BLOCKS_MAX = 50               # two requests a block: our own node takes batches of 100
REPLY_BYTES_AIM = 4 << 20     # of receipts as they are encoded; as JSON about three times that
REPLY_S_AIM = 2.0             # a tenth of the timeout


@dataclass(frozen=True, slots=True)
class Span:
    """The number of blocks of the next request."""

    blocks: int = BLOCKS_FIRST

    def after(self, blocks: int, size_bytes: int, spent_s: float) -> Span:
        """The next span, after a request that went well.

        Args:
            blocks: how many it was for; fewer than the span near the head, which says nothing about more.
            size_bytes: of all its receipts. spent_s: until the reply was whole.
        """
        load = max(size_bytes / REPLY_BYTES_AIM, spent_s / REPLY_S_AIM)
        if load > 1:
            return Span(max(1, min(self.blocks, int(blocks / load))))
        if blocks < self.blocks:
            return self
        return Span(min(BLOCKS_MAX, self.blocks + max(1, self.blocks // 4)))

    def halved(self) -> Span:
        """The next span, after a node refused or did not finish."""
        return Span(max(1, self.blocks // 2))
