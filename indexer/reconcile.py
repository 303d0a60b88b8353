"""Where an incoming block belongs: one pure function, four cases, nothing else decides.

Duplicate: a block that is already indexed; nothing to do. Next: its parent is our head; apply it. Gap: it
lies beyond our head; fetch what lies between first. Reorganisation: it contradicts a block that we hold. What
that means is the chain's profile. With instant finality (the embedded engine, Avalanche, QBFT) no honest
chain ever shows one: it is evidence of a consensus fault, both headers are kept and indexing halts.
Otherwise the index rolls back to the common ancestor. Never advances past a head whose hash was not stored.
Source: reliability.md, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Case(Enum):
    """What an incoming block is to the index."""

    DUPLICATE = "duplicate"
    NEXT = "next"
    GAP = "gap"
    REORGANISATION = "reorganisation"


@dataclass(frozen=True, slots=True)
class Link:
    """What is needed of a header to place it: number, 32-byte hash, 32-byte hash of the parent."""

    number: int
    hash: bytes
    parent_hash: bytes


def reconcile(head: Link | None, incoming: Link, stored_hash: bytes | None, first_number: int) -> Case:
    """Say which of the four cases a block is.

    Args:
        head: the last block indexed, or None before the first.
        incoming: a checked header.
        stored_hash: hash of the block indexed at the incoming number, or None if there is none.
        first_number: number of the first block that is indexed; what lies before is not ours to judge.
    """
    if incoming.number < first_number:
        return Case.DUPLICATE
    if head is None:
        return Case.NEXT if incoming.number == first_number else Case.GAP
    if incoming.number > head.number + 1:
        return Case.GAP
    if incoming.number == head.number + 1:
        return Case.NEXT if incoming.parent_hash == head.hash else Case.REORGANISATION
    known = head.hash if incoming.number == head.number else stored_hash
    return Case.DUPLICATE if known == incoming.hash else Case.REORGANISATION
