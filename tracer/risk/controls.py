"""What to control with a given capacity: the worst first, and a part drawn by lot among all.

A tenth of the capacity [default], from five controls on one at least, goes to a draw in which every candidate
has the same chance, the worst and the best, so that the hit rate of the others can be judged without bias and
nobody is safe by looking good. The draw is by the hash of the block as known at which it is asked: anybody
can repeat it, and on a ledger of several operators nobody can choose it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any


def propose(candidates: Sequence[dict[str, Any]], capacity: int, block_hash: str) -> list[dict[str, Any]]:
    """Candidates to control, each with `chosen` (`risk` or `random`), those chosen by risk first.

    Args:
        candidates: with `id`; the worst first.
        capacity: how many can be controlled. block_hash: of the block as known at which this is asked.
    """
    by_lot = (capacity + 5) // 10 if 0 < capacity < len(candidates) else 0
    lots = sorted(candidates, key=lambda one: draw(block_hash, one["id"]))
    drawn = {one["id"] for one in lots[:by_lot]}
    worst = [one for one in candidates if one["id"] not in drawn][:max(0, capacity - by_lot)]
    return [{**one, "chosen": "risk"} for one in worst] + [
        {**one, "chosen": "random"} for one in candidates if one["id"] in drawn]


def draw(block_hash: str, candidate: str) -> str:
    """The lot of a candidate: the lowest are drawn."""
    return hashlib.sha256(f"{block_hash}|{candidate}".encode()).hexdigest()
