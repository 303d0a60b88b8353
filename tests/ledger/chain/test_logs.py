"""The log index: every question answered as a scan of all receipts would answer it, at the cost of the answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.chain.client import Log
from ledger.chain.embedded import EmbeddedChain
from ledger.chain.embedded.log_index import LogFilter, candidates, index_rows, pack, term_of, unpack
from ledger.chain.embedded.records import TooManyLogsError
from ledger.chain.embedded.store import FORMAT
from ledger.errors import InputError, InvariantError
from tests.chain_fixtures import CHAIN_ID, NOW_S, AccountSigner
from tests.ledger.chain import toy

ALICE = AccountSigner(1)
ADDRESSES = [bytes(19) + bytes([n]) for n in range(3)]
VALUES = [toy.word(n) for n in range(4)]


@dataclass
class Rows:
    """The index of made-up blocks, and how many rows were asked for."""

    blocks: dict[int, list[Log]]

    def __post_init__(self) -> None:
        self.read = 0
        self._rows: dict[int, list[tuple[int, bytes]]] = {}
        for number in sorted(self.blocks):
            for term, packed in index_rows((log.address, log.topics) for log in self.blocks[number]):
                self._rows.setdefault(term, []).append((number, packed))

    def postings(self, term: int, first: int, last: int, limit: int) -> list[tuple[int, bytes]]:
        found = [row for row in self._rows.get(term, []) if first <= row[0] <= last][:limit]
        self.read += len(found)
        return found

    def asked(self, wanted: LogFilter, first: int, last: int) -> list[tuple[int, int]]:
        return [
            (number, index) for number, numbers in candidates(self, wanted, first, last)
            for index in (range(len(self.blocks[number])) if numbers is None else numbers)
            if wanted.matches(self.blocks[number][index])]

    def scanned(self, wanted: LogFilter, first: int, last: int) -> list[tuple[int, int]]:
        return [(number, log.index) for number in sorted(self.blocks) if first <= number <= last
                for log in self.blocks[number] if naive(wanted, log)]


def naive(wanted: LogFilter, log: Log) -> bool:
    """The rule as the JSON-RPC specification words it, written once more."""
    if wanted.addresses is not None and log.address not in wanted.addresses:
        return False
    for place, allowed in enumerate(wanted.topics):
        if place >= len(log.topics):
            return False
        if allowed is not None and log.topics[place] not in allowed:
            return False
    return True


logs = st.builds(
    lambda address, topics: (address, tuple(topics)), st.sampled_from(ADDRESSES),
    st.lists(st.sampled_from(VALUES), max_size=4))
chains = st.dictionaries(st.integers(0, 30), st.lists(logs, max_size=8), max_size=12).map(
    lambda blocks: {n: [Log(a, t, b"", i) for i, (a, t) in enumerate(found)] for n, found in blocks.items()})
filters = st.builds(
    LogFilter, st.none() | st.frozensets(st.sampled_from([*ADDRESSES, bytes(20)[:-1] + b"\xff"]), max_size=3),
    st.lists(st.none() | st.frozensets(st.sampled_from([*VALUES, toy.word(99)]), min_size=1, max_size=3),
             max_size=4).map(tuple))


@settings(max_examples=200)
@given(chains, filters, st.integers(0, 31), st.integers(0, 31))
def test_index__any_filter_over_any_chain__finds_what_a_scan_finds(
    blocks: dict[int, list[Log]], wanted: LogFilter, first: int, last: int,
) -> None:
    rows = Rows(blocks)
    assert rows.asked(wanted, first, last) == rows.scanned(wanted, first, last)


@given(st.lists(st.integers(0, 300_000), unique=True).map(sorted))
def test_numbers__packed__unpack_to_the_same(numbers: list[int]) -> None:
    assert unpack(pack(numbers)) == numbers


def test_index__rare_topic_among_many_blocks__reads_few_rows() -> None:
    common, rare = VALUES[0], VALUES[1]
    blocks = {n: [Log(ADDRESSES[0], (common, rare if n % 500 == 7 else toy.word(1000 + n)), b"", 0)]
              for n in range(3_000)}
    rows = Rows(blocks)
    wanted = LogFilter(frozenset([ADDRESSES[0]]), (frozenset([common]), frozenset([rare])))
    assert rows.asked(wanted, 0, 3_000) == [(n, 0) for n in range(7, 3_000, 500)]
    assert rows.read < 400, "the rows of the common terms were walked instead of jumped over"


def test_index__terms_that_collide__cost_nothing_but_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.chain.embedded.log_index.term_of", lambda place, value: 1)
    rows = Rows({n: [Log(ADDRESSES[n % 2], (VALUES[n % 3],), b"", 0)] for n in range(12)})
    wanted = LogFilter(frozenset([ADDRESSES[1]]), (frozenset([VALUES[2]]),))
    assert rows.asked(wanted, 0, 20) == rows.scanned(wanted, 0, 20) == [(5, 0), (11, 0)]
    assert term_of(0, VALUES[0]) != term_of(1, VALUES[0]), "a value counts at its place only"


# on a real chain: address(this) and topic 1 of `toy`, several logs a transaction by a contract of its own

# for each word of the call data w: log2(0, 0, w, number())   (topic 0 is the word, topic 1 the block)
RUNTIME = bytes.fromhex("5f5b80361115601557" "4381355f5fa2602001600156" "5b00")


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[EmbeddedChain]:
    opened = EmbeddedChain(tmp_path / "chain.sqlite", lambda: NOW_S, CHAIN_ID)
    init = bytes.fromhex(f"60{len(RUNTIME):02x}8060095f395ff3") + RUNTIME
    toy.send(opened, toy.transaction(ALICE, 0, None, init))
    yield opened
    opened.close()


CONTRACT = toy.address_of(ALICE, 0)


def shout(chain: EmbeddedChain, *numbers: int) -> None:
    nonce = chain.transaction_count(ALICE.address)
    data = b"".join(map(toy.word, numbers))
    assert toy.send(chain, toy.transaction(ALICE, nonce, CONTRACT, data)).status == 1


def place(chain: EmbeddedChain, wanted: LogFilter, first: int = 0, last: int = 100, maximum: int = 1_000) -> list[tuple[int, int]]:
    return [(f.block.number, f.log.index) for f in chain.logs(wanted, first, last, maximum)]


def topic(*numbers: int) -> LogFilter:
    return LogFilter(None, (frozenset(map(toy.word, numbers)),))


def test_logs__of_a_chain__are_those_of_its_receipts(chain: EmbeddedChain) -> None:
    shout(chain, 5, 6, 5)
    shout(chain, 7)
    shout(chain)
    shout(chain, 6, 300, 6)
    assert place(chain, topic(5)) == [(2, 0), (2, 2)]
    assert place(chain, topic(6, 7)) == [(2, 1), (3, 0), (5, 0), (5, 2)]
    assert place(chain, topic(6), 3, 4) == []
    assert place(chain, LogFilter()) == [(2, 0), (2, 1), (2, 2), (3, 0), (5, 0), (5, 1), (5, 2)]
    assert place(chain, LogFilter(frozenset([CONTRACT]), (None, frozenset([toy.word(5)])))) == [(5, 0), (5, 1), (5, 2)]
    assert place(chain, LogFilter(None, (None, None, None))) == []
    found = chain.logs(topic(300), 0, 100, 10)
    assert [f.log for f in found] == [r for r in chain.receipts(5)[0].logs if r.topics[0] == toy.word(300)]


def test_logs__more_than_the_limit__refused_with_the_last_block_that_fits(chain: EmbeddedChain) -> None:
    for _ in range(3):
        shout(chain, 1, 1)
    with pytest.raises(TooManyLogsError) as caught:
        place(chain, topic(1), maximum=4)
    assert caught.value.last_block == 3
    assert len(place(chain, topic(1), 0, 3, maximum=4)) == 4
    with pytest.raises(TooManyLogsError) as caught:
        place(chain, topic(1), maximum=1)
    assert caught.value.last_block is None
    assert len(place(chain, topic(1), 2, 2, maximum=1)) == 2, "one block cannot be asked for in parts"


def test_ledger__of_the_first_release__is_indexed_when_opened_for_writing(tmp_path: Path, chain: EmbeddedChain) -> None:
    shout(chain, 5, 6)
    shout(chain, 6)
    before = place(chain, topic(6))
    chain.close()
    path = tmp_path / "chain.sqlite"
    db = sqlite3.connect(path)
    rows = db.execute("SELECT * FROM log_term").fetchall()
    db.execute("DROP TABLE log_term")
    db.execute("CREATE TABLE old (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
    db.execute("INSERT INTO old SELECT DISTINCT key, value FROM node UNION ALL SELECT key, value FROM pointer")
    for table in ("node", "node_at", "pointer"):
        db.execute(f"DROP TABLE {table}")
    db.execute("ALTER TABLE old RENAME TO node")
    db.execute("UPDATE meta SET value = 'cargoledger-chain-1' WHERE name = 'format'")
    db.commit()
    with pytest.raises(InputError, match="chain-1"):
        EmbeddedChain(path, lambda: NOW_S, CHAIN_ID, read_only=True)
    again = EmbeddedChain(path, lambda: NOW_S, CHAIN_ID)
    assert place(again, topic(6)) == before
    assert again.state(lambda s: s.get_nonce(ALICE.address), 1) == 1
    shout(again, 6)
    assert len(place(again, topic(6))) == len(before) + 1
    again.close()
    assert set(rows) < set(db.execute("SELECT * FROM log_term").fetchall())
    assert db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone() == (FORMAT,)
    db.close()


@pytest.mark.parametrize(("sql", "named"), [
    ("UPDATE log_term SET logs = x'7f'", "log 127 of block"),
    ("UPDATE log_term SET block = 77 WHERE block = 2", "block 77"),
])
def test_index__damaged_row__is_named_and_nothing_served(tmp_path: Path, chain: EmbeddedChain, sql: str, named: str) -> None:
    shout(chain, 5)
    db = sqlite3.connect(tmp_path / "chain.sqlite")
    db.execute("PRAGMA foreign_keys=OFF")
    db.execute(sql)
    db.commit()
    db.close()
    with pytest.raises(InvariantError, match=named):
        place(chain, topic(5))
