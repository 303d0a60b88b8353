"""On both engines with the real contracts: the index says what the contract says, whatever the batches were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from eth_abi import encode
from eth_hash.auto import keccak
from sqlalchemy import Engine
from sqlmodel import Session, select

from indexer.database import open_engine
from indexer.digest import digest
from indexer.models import ZERO_ID, Event, Head, LineState, Lot, LotLoaded, Participant, Signer, Unit
from indexer.queries import may_read, pending
from ledger.chain.abi_words import member
from ledger.chain.client import ChainClient
from ledger.events.model import ABI_EVENT, CustodyEvent, Line, event_id
from ledger.vocabulary import Balance, Kind, LineRole, Outcome, Step
from tests.chain_fixtures import ALL_ENGINES, NOW_S, Clock, clock, engine  # noqa: F401 - fixtures
from tests.chain_fixtures import open_engine as open_chain
from tests.indexer.helpers import dump, fetch, statuses
from tests.indexer.network import RealNetwork, journey, key_of
from tests.indexer.story import line_unit


@pytest.fixture
def network(engine: ChainClient, tmp_path: Path, clock: Clock) -> RealNetwork:  # noqa: F811
    made = RealNetwork(engine, tmp_path / "network", clock)
    journey(made)
    return made


@pytest.mark.parametrize("engine", ALL_ENGINES, indirect=True)
def test_index__of_a_real_ledger__says_what_the_contract_says(network: RealNetwork) -> None:
    index = open_engine("sqlite://")
    progress = network.indexer(index).run_once()
    assert progress.events == len(network.submissions)
    _same_as_contract(index, network)
    assert set(statuses(index).values()) == {"open"}
    outcomes = dict(fetch(index, "SELECT outcome_name, count(*) FROM event GROUP BY 1"))
    assert outcomes == {"RECORDED": len(network.submissions) - 4, "PENDING": 2, "HELD": 1, "LINE_EXCEEDED": 1}
    _links(index)
    _readers(index)
    # the same again from block 0
    again = open_engine("sqlite://")
    network.indexer(again).run_once()
    assert dump(again) == dump(index)


def _same_as_contract(index: Engine, network: RealNetwork) -> None:
    view = network.view
    with Session(index) as session:
        units = session.exec(select(Unit)).all()
        assert {u.thing for u in units} == {"CONTAINER", "LOT"}
        for unit in units:
            state = view.unit(bytes.fromhex(unit.unit[2:]))
            assert state is not None
            assert (unit.thing, unit.status, unit.eligible, unit.empty, unit.holds, unit.custodian, unit.facility, unit.offeree,
                    unit.offer_expires_at_s) == (
                state.thing.name, state.status.name, state.eligible, state.empty, state.holds, state.custodian,
                state.facility, state.offeree, state.offer_expiry_s)
        for lot in session.exec(select(Lot)).all():
            said = view.lot(bytes.fromhex(lot.unit[2:]))
            assert said is not None
            held = said.balances
            assert (lot.material, lot.source_line, lot.book, lot.origin) == (
                "0x" + said.material.hex(), "0x" + said.source_line.hex(), said.book, said.origin.name)
            assert (lot.raw_micro, lot.wip_micro, lot.finished_micro, lot.scrap_micro, lot.short_micro, lot.loaded_micro) == (
                held.raw_micro, held.wip_micro, held.finished_micro, held.scrap_micro, held.short_micro, held.loaded_micro)
        lines = session.exec(select(LineState)).all()
        assert len(lines) == 2
        for line in lines:
            declared = view.line(bytes.fromhex(line.line[2:]))
            assert declared is not None
            assert (line.declarant, line.purpose, line.status, line.holds, line.material, line.original, line.version) == (
                declared.state.declarant, declared.state.purpose.name, declared.state.status.name, declared.state.holds,
                "0x" + declared.material.hex(), "0x" + declared.original.hex(), "0x" + declared.version.hex())
            assert (line.quantity_micro, line.drawn_micro, line.exited_micro, line.returned_micro) == (
                declared.amounts.quantity_micro, declared.amounts.drawn_micro, declared.amounts.exited_micro,
                declared.amounts.returned_micro)
        loaded = session.exec(select(LotLoaded)).all()
        assert loaded
        for row in loaded:
            assert row.quantity_micro == view.loaded_micro(bytes.fromhex(row.unit[2:]), bytes.fromhex(row.line[2:]))
        heads = session.exec(select(Head)).all()
        assert len(heads) > 6
        for head in heads:
            assert bytes.fromhex(head.head[2:]) == view.head(bytes.fromhex(head.unit[2:])), head.unit
        by_unit = {head.unit: head.head for head in heads}
        for unit in units:
            assert unit.head == by_unit[unit.unit]
        waiting = {e.event_id for e in pending(session)}
        for posted in session.exec(select(Event).where(Event.outcome == int(Outcome.PENDING))).all():
            assert (view.pending(bytes.fromhex(posted.event_id[2:])) is not None) == (posted.event_id in waiting)
        for participant in session.exec(select(Participant)).all():
            known = view.participant(participant.number)
            assert known is not None
            assert (participant.roles, participant.hold_bit, participant.reading_key) == (
                int(known.roles), known.hold_bit, "0x" + known.reading_key.hex())
        assert len(session.exec(select(Signer)).all()) == 4


def _links(index: Engine) -> None:
    links = fetch(index, """SELECT e.kind, a.kind, d.kind, v.kind FROM event e LEFT JOIN event a ON a.event_id=e.approved_by
        LEFT JOIN event d ON d.event_id=e.ended_by LEFT JOIN event v ON v.event_id=e.voided_by
        WHERE coalesce(e.approved_by, e.ended_by, e.voided_by) IS NOT NULL ORDER BY e.seq""")
    assert links == [("OPENING", "APPROVE", None, None), ("OPENING", None, "DENY", None), ("OBSERVE", None, None, "CORRECT")]
    assert fetch(index, "SELECT e.kind FROM lot l JOIN event e ON e.event_id=l.created_by ORDER BY e.seq, l.unit") == [
        ("OPENING",), ("RECEIVE_FACTORY",), ("TRANSFORM",), ("TRANSFORM",)]
    assert fetch(index, "SELECT count(*) FROM unit_name WHERE type='lot'") == [(6,)]
    assert fetch(index, "SELECT count(*) FROM lot WHERE source_line=?", ZERO_ID) == [(3,)]


def _readers(index: Engine) -> None:
    """The acceptor reads the arrival by the grant of the handover; the mill does not."""
    [(arrive,)] = fetch(index, "SELECT event_id FROM event WHERE kind='ARRIVE'")
    assert fetch(index, "SELECT grantor, grantee, reason FROM reading_grant") == [(2, 3, "handover")]
    with Session(index) as session:
        assert [may_read(session, arrive, n) for n in (1, 2, 3, 4)] == [True, True, True, False]


def strange_events() -> list[tuple[int, CustodyEvent, bytes]]:
    """What no program of ours would sign, but anybody with a key may."""
    far, now_ms = 2**64 - 1, NOW_S * 1000
    a, b = (keccak(bytes([n])) for n in (1, 2))
    low, high = sorted((a, b))
    made = [
        (2, CustodyEvent(Kind.ARRIVE, (Line(high), Line(low)), nonce=900)),
        (2, CustodyEvent(Kind.OBSERVE, (Line(low), Line(low)), nonce=901)),
        (2, CustodyEvent(Kind.OBSERVE, tuple(Line(n.to_bytes(32, "big")) for n in range(1, 70)), nonce=902)),
        (2, CustodyEvent(Kind.OBSERVE, (Line(bytes(32)), Line(low), Line(high)), nonce=903)),
        (2, CustodyEvent(member(Kind, 77), (Line(low),), nonce=904)),
        (3, CustodyEvent(Kind.GATE_OUT, (Line(low, balance=member(Balance, 200), quantity_micro=far,
                                              role=member(LineRole, 99)),), step=member(Step, 60_000), nonce=905)),
        (2, CustodyEvent(Kind.OBSERVE, (Line(low, quantity_micro=far),), counterparty=2**32 - 1, facility=2**32 - 1,
                         book=2**32 - 1, reference=line_unit("D1", "1"), nonce=far)),
        (2, CustodyEvent(Kind.CLEAR, (Line(low),), reference=line_unit("D1", "1"), nonce=906)),
        (4, CustodyEvent(Kind.SCRAP_OUT, (), reference=line_unit("D1", "1"), nonce=907)),
    ]
    events = [(poster, replace(event, occurred_at_ms=now_ms, deadline_s=far), b"") for poster, event in made]
    events.append((2, CustodyEvent(Kind.OBSERVE, (Line(low),), occurred_at_ms=far, deadline_s=far, nonce=908), b""))
    events.append((2, CustodyEvent(Kind.OBSERVE, (Line(low),), occurred_at_ms=now_ms, deadline_s=0, nonce=909), b""))
    return events


def test_index__events_that_only_an_odd_program_would_sign__never_stop_it(network: RealNetwork) -> None:
    ids = network.record(*strange_events())
    # a correction of an event whose nonce another event used: signed, but never taken
    never = replace(network.submissions[10].custody_event, commitment=bytes(32))
    assert network.submissions[10].participant == 3
    signature = key_of(3).sign_digest(event_id(never, network.gateway.separator))
    [corrects] = network.record((3, CustodyEvent(
        Kind.CORRECT, reference=event_id(never, network.gateway.separator), occurred_at_ms=NOW_S * 1000,
        deadline_s=2**63, nonce=950), encode([ABI_EVENT, "bytes"], [never.abi(), signature])))
    # two openings of one new lot: the second approval fails, which ends its pending event
    opening = network.submissions[0].custody_event
    twice = [replace(opening, nonce=910 + n, commitment=keccak(b"again"),
                     lines=(replace(opening.lines[0], unit=keccak(b"new lot")),)) for n in range(2)]
    _, pending_id = network.record(*((4, event, b"") for event in twice))
    _, refused = network.record(*((1, CustodyEvent(
        Kind.APPROVE, reference=event_id(event, network.gateway.separator), occurred_at_ms=NOW_S * 1000, deadline_s=2**63,
        nonce=event.nonce), event.encoded()) for event in twice))
    index = open_engine("sqlite://")
    network.indexer(index).run_once()
    outcomes = dict(fetch(index, "SELECT event_id, outcome_name FROM event"))
    found = [outcomes["0x" + i.hex()] for i in ids]
    assert found[:5] == ["LINES_NOT_ASCENDING", "LINES_NOT_ASCENDING", "TOO_MANY_LINES", "RECORDED", "UNKNOWN_KIND"]
    assert [found[6], *found[9:]] == ["RECORDED", "TIME_IN_FUTURE", "DEADLINE_PASSED"]
    assert not {found[5], found[7], found[8]} & {"RECORDED", "PENDING"}  # which fault is named is the contract's matter
    assert outcomes["0x" + corrects.hex()] == "RECORDED"
    assert outcomes["0x" + pending_id.hex()] == "PENDING"
    assert outcomes["0x" + refused.hex()] == "UNIT_EXISTS"
    assert fetch(index, "SELECT ended_by FROM event WHERE event_id=?", "0x" + pending_id.hex()) == [("0x" + refused.hex(),)]
    _same_as_contract(index, network)


def test_index__same_events_in_other_batches__same_digest(tmp_path: Path) -> None:
    clocks = [Clock(), Clock()]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with open_chain("embedded", tmp_path / "one", clocks[0]) as first, \
            open_chain("embedded", tmp_path / "two", clocks[1]) as second:
        one = RealNetwork(first, tmp_path / "n1", clocks[0])
        journey(one)
        two = RealNetwork(second, tmp_path / "n2", clocks[1], batch_events=7)
        clocks[1].now_s = clocks[0].now_s
        for submission in one.submissions:
            two.gateway.submit(submission)
        two.gateway.flush()
        assert first.head_number() > second.head_number()
        engines = []
        for network in (one, two):
            index = open_engine("sqlite://")
            network.indexer(index).run_once()
            engines.append(index)
        assert digest(engines[0]) == digest(engines[1])
        assert dump(engines[0]) != dump(engines[1])
