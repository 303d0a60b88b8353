"""The cells of the table: every act on every thing in every state, by every sort of poster, judged by the oracle."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from unittest.mock import patch

from eth_abi import encode

from ledger.events.model import ABI_EVENT, CustodyEvent, event_id
from ledger.vocabulary import Outcome
from tests.contracts import oracle as rules
from tests.contracts.oracle import Oracle
from tests.contracts.table.kinds import TABLES, Draft, Table
from tests.contracts.table.scene import POSTERS, Item, Scene
from tests.contracts.world import World, address_of, key_of, sign

NONCE = 10**9  # of the one event of every cell: no event of the scene has it


@dataclass(frozen=True)
class Cell:
    """One act, and what becomes of it by the rules of the event model."""

    table: Table
    item: Item
    poster: str
    event: CustodyEvent
    draft: Draft
    outcome: Outcome

    @property
    def key(self) -> int:
        return self.item.poster(self.poster)

    @property
    def name(self) -> str:
        return f"{self.table.kind.name}, {self.table.about}: {self.item.family} {self.item.state}, by {self.poster}"


known_id = lru_cache(maxsize=256)(event_id)
"""As `event_id`; the posters of a cell all post the same event, and hashing it takes longest."""


class Judge:
    """The oracle at the end of the scene, put back after each cell."""

    def __init__(self, oracle: Oracle) -> None:
        self._kept = oracle
        self.oracle = copy.deepcopy(oracle)
        self._signers = {x: address_of(key_of(x)) for x in range(64)}

    def _put_back(self) -> None:
        """Whatever an act has changed."""
        for name, kept in vars(self._kept).items():
            now = getattr(self.oracle, name)
            if now == kept:
                continue
            if not isinstance(kept, dict):
                setattr(self.oracle, name, copy.copy(kept))  # sets and lists of what cannot change
                continue
            for key in [x for x in now if x not in kept]:
                del now[key]
            for key, value in kept.items():
                if now.get(key) != value:
                    now[key] = copy.deepcopy(value)

    def outcome(self, item: Item, key: int, event: CustodyEvent, draft: Draft) -> Outcome:
        """What becomes of the event. Nothing remains of it.

        A refused act changes heads, nonces and pending events only (tests/contracts/test_machine.py).
        """
        oracle = self.oracle
        oracle.heads, oracle.pending = dict(self._kept.heads), dict(self._kept.pending)
        oracle.nonces.discard((self._signers[key], event.nonce))
        shown = (draft.corrected[0], self._signers[draft.corrected[1]]) if draft.corrected else None
        with patch.object(rules, "event_id", known_id):
            outcome = oracle.take(event, self._signers[key], pending=draft.pending, corrected=shown)
        if not outcome.refused:
            self._put_back()
        return outcome


def paper_scene() -> Scene:
    """The scene, made with the oracle alone; what was done stands in `world.evm.sent` for an engine to run."""
    world = World()
    world.evm.on_paper = True
    return Scene(world)


def event_of(scene: Scene, table: Table, draft: Draft) -> CustodyEvent:
    return scene.world.event(table.kind, *draft.lines, **({"nonce": NONCE} | draft.fields))


def cells(scene: Scene) -> Iterator[Cell]:
    """All cells; last those of custodians that are suspended, for which `scene` must be brought on by the caller."""
    usual = [x for x in POSTERS if x != "suspended"]
    yield from _cells(scene, usual)
    scene.suspend_custodians()
    yield from _cells(scene, ["suspended"])


def _cells(scene: Scene, posters: list[str]) -> Iterator[Cell]:
    judge = Judge(copy.deepcopy(scene.world.oracle))
    for table in TABLES:
        for item in table.items(scene):
            draft = table.make(scene, item)
            event = event_of(scene, table, draft)
            for poster in posters:
                outcome = judge.outcome(item, item.poster(poster), event, draft)
                yield Cell(table, item, poster, event, draft, outcome)


def witness_of(cell: Cell, separator: bytes) -> bytes:
    """What travels with the event."""
    if cell.draft.pending is not None:
        return cell.draft.pending.encoded()
    if cell.draft.corrected is not None:
        original, signer = cell.draft.corrected
        return encode([ABI_EVENT, "bytes"], [original.abi(), sign(key_of(signer), event_id(original, separator))])
    return b""
