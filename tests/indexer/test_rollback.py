"""Reorganisations where finality is not instant: after each, the index is the one that the winning branch gives."""

from __future__ import annotations

import json
import os
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Boolean, String, Text
from sqlmodel import AutoString

from indexer.digest import digest
from indexer.faults import ForkError
from indexer.journal import BY_BLOCK, BY_EVENT, SHAPES
from indexer.rollback import BLOCKS_MAX
from ledger.chain.codec import encode_record
from ledger.chain.rpc import RpcChain
from ledger.chain.tx import Sender
from ledger.errors import UnavailableError
from ledger.vocabulary import Kind
from tests.chain_fixtures import CHAIN_ID, NOW_S, Clock, anvil
from tests.indexer.branches import Tree, empty_index, from_scratch, said, short_story
from tests.indexer.fake_chain import make_block
from tests.indexer.helpers import fetch, make_indexer
from tests.indexer.network import GATEWAY, RealNetwork
from tests.indexer.story import BOX, START_S, full_story

DEEP = os.environ.get("CARGOLEDGER_TEST_PROFILE") == "deep"
TREES = 500 if DEEP else 8


def turned(story, chain, engine):  # type: ignore[no-untyped-def]
    made = make_indexer(story, chain, engine)
    made._instant = False
    return made


@pytest.mark.timeout(1200)
def test_roll_back__random_trees__equals_an_index_built_on_the_winning_branch() -> None:
    story, rolled_back = short_story(full_story()), 0
    for seed in range(TREES):
        tree, engine = Tree(story, random.Random(seed), entries_max=11 if seed % 8 else 99), empty_index()
        indexer = turned(story, tree.chain, engine)
        for step in range(4 if seed % 5 == 0 else 2):
            tree.grow()
            if step == 1 and seed % 3 == 0:  # the process may have ended between
                indexer = turned(story, tree.chain, engine)
            rolled_back += indexer.run_once().rolled_back
            if step == 0:
                continue
            scratch = from_scratch(story, tree.chain)
            if len(tree.chain.headers) - 1 >= fetch(engine, "SELECT block_number FROM cursor")[0][0]:
                assert digest(engine) == digest(scratch), f"seed {seed}, step {step}"
                assert said(engine) == said(scratch), f"seed {seed}, step {step}"
            scratch.dispose()
        engine.dispose()
    assert rolled_back > TREES


def test_roll_back__of_what_helped_to_read_a_payload__it_cannot_vouch_for_itself() -> None:
    """OBSERVE names a container of which only HOLD says the consignment; OBSERVE lies before it."""
    story = short_story(full_story())
    tree, engine = Tree(story, random.Random(0), 99), empty_index()
    helped, helper = (next(e for e in story.entries if e.event and e.event.kind is kind)
                      for kind in (Kind.OBSERVE, Kind.HOLD))
    register = [log for entry in story.entries[:5] for log in entry.logs]
    statuses = "SELECT kind, status FROM event JOIN payload USING (event_id) ORDER BY seq"
    tree.chain.add(START_S + 10, register)
    tree.chain.add(START_S + 20, helped.logs)
    tree.chain.add(START_S + 30, helper.logs)
    indexer = turned(story, tree.chain, engine)
    indexer.run_once()
    assert fetch(engine, statuses) == [("OBSERVE", "open"), ("HOLD", "open")]
    assert len(fetch(engine, "SELECT * FROM payload_need WHERE seq > 0")) == 1
    del tree.chain.headers[-1], tree.chain.blocks[-1]
    tree.chain.add(START_S + 40, register[:0])
    assert indexer.run_once().rolled_back == 1
    assert fetch(engine, statuses) == [("OBSERVE", "mismatch")]
    assert said(engine) == said(from_scratch(story, tree.chain))


def test_roll_back__what_went__is_evidence_and_in_the_feed() -> None:
    story = short_story(full_story())
    tree, engine = Tree(story, random.Random(5), 12), empty_index()
    indexer = turned(story, tree.chain, engine)
    tree.grow()
    indexer.run_once()
    ours = {h.number: h for h in tree.chain.headers}
    while len(tree.chain.headers) - 1 >= 0 and all(h.hash == ours[h.number].hash for h in tree.chain.headers if h.number in ours):
        tree.grow()
    back = indexer.run_once().rolled_back
    assert back
    rows = fetch(engine, "SELECT block_number, our_header, their_header FROM evidence ORDER BY block_number")
    assert [number for number, _, _ in rows] == list(range(len(ours) - back, len(ours)))
    assert all(our == "0x" + ours[number].rlp.hex() != their for number, our, their in rows)
    bodies = "".join(body for (body,) in fetch(engine, "SELECT body FROM row_change ORDER BY last"))
    assert all(f'["block",2,{number}]' in bodies for number, _, _ in rows)


def test_roll_back__instant_finality__halts_instead() -> None:
    story = short_story(full_story())
    tree, engine = Tree(story, random.Random(5), 12), empty_index()
    tree.grow()
    make_indexer(story, tree.chain, engine).run_once()
    before = said(engine)
    tree.dice = random.Random(9)
    while tree.chain.headers[-1].hash.hex() in str(before["block"]):
        tree.grow()
    with pytest.raises(ForkError):
        make_indexer(story, tree.chain, engine).run_once()
    assert said(engine) == before
    assert fetch(engine, "SELECT count(*) FROM evidence") == [(1,)]


def test_roll_back__node_merely_behind__nothing_happens() -> None:
    story = short_story(full_story())
    tree, engine = Tree(story, random.Random(5), 12), empty_index()
    tree.grow()
    indexer = turned(story, tree.chain, engine)
    indexer.run_once()
    before = said(engine)
    tree.chain.head = 1
    assert indexer.run_once().rolled_back == 0
    assert said(engine) == before


def test_roll_back__another_chain_from_its_first_block_on__halts() -> None:
    story = short_story(full_story())
    tree, engine = Tree(story, random.Random(5), 12), empty_index()
    tree.grow()
    indexer = turned(story, tree.chain, engine)
    indexer.run_once()
    parent = bytes(32)
    for n in range(len(tree.chain.headers)):
        tree.chain.headers[n], tree.chain.blocks[n] = make_block(n, parent, 1_800_000_000 + n, [])
        parent = tree.chain.headers[n].hash
    with pytest.raises(ForkError, match="shares none"):
        indexer.run_once()
    assert BLOCKS_MAX > 1_000


def test_roll_back__headers_that_do_not_link__asked_again_later() -> None:
    story = short_story(full_story())
    tree, engine = Tree(story, random.Random(5), 12), empty_index()
    tree.grow()
    indexer = turned(story, tree.chain, engine)
    indexer.run_once()
    before = said(engine)
    head = len(tree.chain.headers) - 1
    tree.chain.headers[head], tree.chain.blocks[head] = make_block(head, b"\x07" * 32, 1_800_000_000, [])
    with pytest.raises(UnavailableError, match="changed while it was read"):
        indexer.run_once()
    assert said(engine) == before


@pytest.mark.anvil
def test_roll_back__real_reorganisations_on_anvil(tmp_path: Path) -> None:
    clock = Clock(NOW_S)
    with anvil(timestamp_s=None) as url, httpx.Client(base_url=url) as node:
        def ask(method: str, *params: object) -> object:
            return node.post("/", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).json()["result"]

        network = RealNetwork(RpcChain(url, chain_id=CHAIN_ID), tmp_path, clock)
        engine = empty_index()
        indexer = network.indexer(engine)
        indexer._instant = False
        box = {"epcList": [BOX], "cl:consignment": "BL-1"}
        here = {"bizLocation": {"id": "urn:place:quay"}}

        def send(poster: int, kind: Kind, name: str, **fields: object) -> None:
            """Past the gateway, which halts on a chain that takes back what it said; the payload it keeps."""
            clock.now_s += 1
            made = network.posters[poster].prepare(network.story.document(poster, kind, name, **fields))
            network.gateway.submit(made)
            Sender(network.chain, GATEWAY).send(network.deployment.ledger, encode_record(
                [(made.custody_event, made.signature, made.witness)]))

        send(2, Kind.ARRIVE, "arrive", **box, **here)
        indexer.run_once()
        rolled_back = 0
        for turn in range(3):
            snapshot = ask("evm_snapshot")
            for n in range(turn + 1):
                send(1, Kind.OBSERVE, f"looked-{turn}-{n}", **box)
            indexer.run_once()
            assert ask("evm_revert", snapshot) is True
            ask("evm_mine")
            if turn != 1:  # once the other branch is shorter
                send(1, Kind.HOLD if turn == 0 else Kind.UNHOLD, f"other-{turn}", **box)
                ask("evm_mine")
                ask("evm_mine")
            rolled_back += indexer.run_once().rolled_back
            fresh = empty_index()
            network.indexer(fresh).run_once()
            assert digest(engine) == digest(fresh)
            assert said(engine) == said(fresh)
        assert rolled_back >= 3
        assert fetch(engine, "SELECT count(*) FROM evidence")[0][0] == rolled_back


def test_before_image__row_with_nothing_in_it__comes_back_as_it_was() -> None:
    for shape in (SHAPES[name] for name in sorted(BY_EVENT | BY_BLOCK)):
        row: dict[str, object] = {column.name: None if column.nullable else "" if isinstance(
            column.type, AutoString | Text) else False if isinstance(column.type, Boolean) else 0 for column in shape.table.columns}
        again = shape.row_of(shape.key_text([row[key] for key in shape.keys]), shape.before_text(row))
        assert {name: (type(value), value) for name, value in again.items()} == {
            name: (type(value), value) for name, value in row.items()}, shape.table.name


@pytest.mark.parametrize("name", sorted(BY_EVENT | BY_BLOCK))
@given(chosen=st.data())
def test_before_image__any_row__is_the_text_that_its_definition_says(name: str, chosen: st.DataObject) -> None:
    shape = SHAPES[name]
    row: dict[str, Any] = {}
    for column in shape.table.columns:
        kind = getattr(column.type, "impl", column.type)
        values: Any = st.text(max_size=5) if isinstance(kind, String) else st.booleans() if isinstance(kind, Boolean) else \
            st.integers(0, 2**64 - 1) | st.sampled_from([0, 2**63 - 1, 2**63]) if column.name in shape.wide else st.integers(0, 2**40)
        if column.name in shape.wide:
            values = values | values.map(Decimal)
        row[column.name] = chosen.draw(st.none() | values if column.nullable else values)
    kept = {key: row[key] for key in shape.kept if row[key] or (row[key] is not None and key in shape.nullable)}
    for key in shape.wide & kept.keys():
        kept[key] = int(kept[key]) if kept[key] < 2**63 else f"{int(kept[key]):020d}"
    assert shape.before_text(row) == json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
