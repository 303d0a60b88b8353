"""Random branches of a hand-made chain: which entries of a story a branch has, in which order and blocks."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from functools import cache

from eth_hash.auto import keccak
from sqlalchemy import Engine

from indexer.database import migrate, open_engine
from indexer.journal import PayloadNeed, RowBefore, table_of
from indexer.models import TABLES, Evidence
from ledger.chain.facts import LineAmountChanged
from ledger.vocabulary import Kind
from tests.indexer.fake_chain import FakeChain
from tests.indexer.helpers import make_indexer, warm
from tests.indexer.story import CHAIN_ID, LEDGER, PARTICIPANTS, START_S, Entry, Story

_GIVES = {keccak(text): what for text, what in (
    (b"LotCreated(bytes32,bytes32,bytes32,uint32,uint8,uint256,uint256)", "lot"), (b"LineDeclared(bytes32,bytes32,bytes32,bytes32)", "line"),
    (b"ParticipantAdmitted(uint32,uint16,uint8,bytes32)", "participant"),
    (b"SignerAdded(address,uint32,uint64,uint64)", "signer"), (b"BookSet(uint32,uint32,uint8,uint8)", "book"))}
_NEEDS = {keccak(text): what for text, what in (
    (b"LotChanged(bytes32,uint256,uint256)", "lot"),
    (b"LineChanged(bytes32,uint256,uint256)", "line"),
    (b"ParticipantSuspended(uint32)", "participant"), (b"RolesChanged(uint32,uint16)", "participant"),
    (b"ParticipantRecovered(uint32,uint8)", "participant"), (b"SignerRevoked(address,uint32)", "signer"),
    (b"OpeningClosed(uint32)", "book"))}


def fits(entry: Entry, there: set[tuple[str, bytes]]) -> bool:
    """Whether what an entry changes is there; adds what it makes."""
    made = set(there)
    for fact in entry.told:
        needed = ("line", fact.line) if isinstance(fact, LineAmountChanged) else ("lot", fact.lot)
        if needed not in made:
            return False
    for _, topics, _ in entry.logs:
        if topics[0] in _NEEDS and (_NEEDS[topics[0]], topics[1]) not in made:
            return False
        if topics[0] in _GIVES:
            made.add((_GIVES[topics[0]], topics[1]))
    there |= made
    return True


class Tree:
    """A chain that changes its mind. Block 0 is common to all branches."""

    def __init__(self, story: Story, dice: random.Random, entries_max: int, *, orderly: bool = False) -> None:
        """`orderly`: the register comes first, and nothing before what it refers to."""
        self.story, self.dice, self.entries_max, self.orderly = story, dice, entries_max, orderly
        self.chain = FakeChain(CHAIN_ID, {LEDGER: b"\x60\x00", PARTICIPANTS: b"\x60\x00"})
        self.chain.add(START_S)
        self.packs: list[list[int]] = [[]]  # entries of each block, by place in the story

    def grow(self) -> None:
        """Cut the chain somewhere and let it go on otherwise, sometimes shorter than it was."""
        dice, entries = self.dice, self.story.entries
        keep = max(1, len(self.packs) - dice.choice((1, 1, 2, 3, 5, 30)))
        del self.packs[keep:], self.chain.headers[keep:], self.chain.blocks[keep:]
        used = [place for pack in self.packs for place in pack]
        there: set[tuple[str, bytes]] = set()
        for place in used:
            fits(entries[place], there)
        left = [place for place in range(len(entries)) if place not in used and (dice.random() < 0.7 or (self.orderly and place < 5))]
        for n in range(len(left) - 1):  # neighbours change places: an answer may come before what it answers
            if not self.orderly and dice.random() < 0.3:
                left[n], left[n + 1] = left[n + 1], left[n]
        left = left[:max(1, self.entries_max - len(used))]
        while left:
            size = dice.randint(1, 4)
            pack = [place for place in left[:size] if fits(entries[place], there)]
            left = left[size:]
            self.packs.append(pack)
            self.chain.add(START_S + 13 * len(self.packs) + dice.randint(0, 9) + 40 * dice.randint(0, 99),
                           [raw for place in pack for raw in entries[place].logs])


def short_story(story: Story) -> Story:
    """The events whose payloads refer to each other, the register and what changes it; little to decrypt."""
    kinds = {Kind.ARRIVE, Kind.HOLD, Kind.OFFER, Kind.ACCEPT, Kind.OBSERVE, Kind.DECLARE, Kind.CLEAR, Kind.OPENING,
             Kind.APPROVE, Kind.RECEIVE_FACTORY, Kind.CORRECT}
    register = [e for e in story.entries if e.event is None]
    events = [e for e in story.entries if e.event is not None and e.event.kind in kinds]
    story.entries = [*register[:5], *events, *register[5:]]
    return story


@cache
def _template() -> Engine:
    engine = open_engine("sqlite://")
    migrate(engine)
    return engine


def empty_index() -> Engine:
    """A fresh index in memory; copied, since migrating takes longer than a story."""
    engine = warm(open_engine("sqlite://"))
    source, target = _template().raw_connection(), engine.raw_connection()
    assert isinstance(source.driver_connection, sqlite3.Connection)
    assert isinstance(target.driver_connection, sqlite3.Connection)
    source.driver_connection.backup(target.driver_connection)
    source.close()
    target.close()
    return engine


def from_scratch(story: Story, chain: FakeChain) -> Engine:
    engine = empty_index()
    make_indexer(story, chain, engine).run_once()
    return engine


def said(engine: Engine, without: Sequence[str] = ()) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, as it is stored; not the alarms, and not the feed."""
    tables = [*(t for t in TABLES if t.name != table_of(Evidence).name), table_of(RowBefore), table_of(PayloadNeed)]
    with engine.connect() as connection:
        return {t.name: [tuple(row) for row in connection.exec_driver_sql(
            f"SELECT * FROM {t.name} ORDER BY {', '.join(c.name for c in t.primary_key.columns)}")]
            for t in tables if t.name not in without}
