"""Exactly once, resumable, equal to a rebuild; a node that lies or forks stops it and leaves evidence."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from eth_hash.auto import keccak
from sqlalchemy import event, func, insert, select
from sqlalchemy.exc import IntegrityError

import indexer.indexer as indexer_module
import indexer.opening as opening_module
from indexer.ahead import Ahead
from indexer.database import migrate, open_engine, writer_lock
from indexer.decode import Ledgers
from indexer.digest import digest
from indexer.faults import (
    ForkError,
    HeaderMismatchError,
    IndexBusyError,
    LogFormatError,
    LogMismatchError,
    ReceiptsMismatchError,
    WrongLedgerError,
)
from indexer.models import Event
from indexer.store import table_of
from ledger.chain.client import Header, Log
from ledger.errors import CannotVerifyError, TrustError, UnavailableError
from ledger.events.model import ZERO32, fold_head
from ledger.vocabulary import Outcome, Role
from tests.indexer.fake_chain import FakeChain, make_block, retold
from tests.indexer.helpers import dump, fetch, indexed, make_indexer, statuses, warm
from tests.indexer.story import (
    LEDGER,
    START_S,
    Entry,
    PinnedByHand,
    Story,
    box_unit,
    full_story,
    line_unit,
    lot_unit,
    pending_ended,
    signer,
    unit_changed,
)

STORY = full_story()


@pytest.fixture
def story() -> Story:
    return full_story()


# exactly once


def test_run__again_at_the_head__writes_nothing() -> None:
    engine = indexed(STORY)
    before = dump(engine)
    indexer = make_indexer(STORY, STORY.chain(), engine)
    progress = indexer.run_once()
    assert (progress.blocks, progress.events, progress.payloads_open, progress.at_head) == (0, 0, 0, True)
    assert dump(engine) == before


def test_run__head_seen_step_by_step__equals_one_go_and_a_rebuild() -> None:
    chain = STORY.chain()
    engine = open_engine("sqlite://")
    indexer = make_indexer(STORY, chain, engine)
    for head in (0, 3, 4, 11, 12, 25, len(chain.headers) - 1):
        chain.head = head
        assert indexer.run_once().block_number == head
    assert dump(engine) == dump(indexed(STORY))


def test_run__several_transactions__equal_one(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = dump(indexed(STORY))
    monkeypatch.setattr(indexer_module, "BLOCKS_MAX", 2)
    monkeypatch.setattr(opening_module, "CHUNK", 3)
    assert dump(indexed(STORY)) == expected


def test_run__progress_callback__told_of_each_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer_module, "BLOCKS_MAX", 10)
    told = []
    make_indexer(STORY, STORY.chain()).run_once(told.append)
    assert [p.block_number for p in told] == [9, 19, 29, 31, 31]
    assert (told[-1].events, told[-1].payloads_open, told[-1].payloads_waiting) == (22, 21, 1)


STATEMENTS, BOUNDARIES = ("before_cursor_execute", "commit"), ("begin", "commit")


def run_and_die(path: Path, chain: FakeChain, place: int, places: tuple[str, ...] = STATEMENTS) -> bool:
    """Index in a child that SIGKILLs itself before its n-th statement, or n-th begin or commit. Whether it was killed."""
    pid = os.fork()
    if pid == 0:
        count = 0
        engine = warm(open_engine(path))

        def before(*_: object) -> None:
            nonlocal count
            count += 1
            if count > place:
                os.kill(os.getpid(), signal.SIGKILL)

        for name in places:
            event.listen(engine, name, before)
        try:
            make_indexer(STORY, chain, engine).run_once()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def kill_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: tuple[str, ...], step: int) -> int:
    expected = dump(indexed(STORY))
    monkeypatch.setattr(indexer_module, "BLOCKS_MAX", 8)
    monkeypatch.setattr(opening_module, "CHUNK", 6)
    chain = STORY.chain()
    made = tmp_path / "made.sqlite"
    migrate(made)
    kills = 0
    for place in range(0, 10_000, step):
        path = tmp_path / f"{place}.sqlite"
        path.write_bytes(made.read_bytes())
        if not run_and_die(path, chain, place, places):
            break
        kills += 1
        again = warm(open_engine(path))
        make_indexer(STORY, chain, again).run_once()
        assert dump(again) == expected, f"killed at place {place} of {places}"
        again.dispose()
    return kills


def test_run__killed_before_or_after_a_commit__a_rerun_gives_the_same_index(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kill_everywhere(tmp_path, monkeypatch, BOUNDARIES, 1) > 15


@pytest.mark.deep
def test_run__killed_before_any_statement__a_rerun_gives_the_same_index(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kill_everywhere(tmp_path, monkeypatch, STATEMENTS, 2) > 50


def test_run__killed_again_and_again__gets_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer_module, "BLOCKS_MAX", 4)
    monkeypatch.setattr(opening_module, "CHUNK", 4)
    path = tmp_path / "index.sqlite"
    migrate(path)
    rounds = 0
    while run_and_die(path, STORY.chain(), 120):
        rounds += 1
        assert rounds < 40
    assert rounds >= 2
    engine = open_engine(path)
    assert digest(engine) == digest(indexed(STORY))
    engine.dispose()


# what the rows say


def test_rows__heads__fold_of_the_outcomes_that_named_the_unit() -> None:
    engine = indexed(STORY)
    for unit in (box_unit(), lot_unit("L1"), line_unit("D1", "1"), line_unit("X1", "1"), lot_unit("OPEN-2")):
        head = ZERO32
        for entry in STORY.entries:
            if entry.event is None:
                continue
            named = [line.unit for line in entry.event.lines]
            if unit in named or entry.event.reference == unit:
                outcome = fetch(engine, "SELECT outcome FROM event WHERE event_id=?", "0x" + entry.id.hex())[0][0]
                head = fold_head(head, entry.id, outcome)
        assert fetch(engine, "SELECT head FROM head WHERE unit=?", "0x" + unit.hex()) == [("0x" + head.hex(),)]
        for table, key in (("unit", "unit"), ("line_state", "line")):
            for (found,) in fetch(engine, f"SELECT head FROM {table} WHERE {key}=?", "0x" + unit.hex()):
                assert found == "0x" + head.hex()


def test_rows__largest_numbers_anybody_may_sign__kept_exactly() -> None:
    engine = indexed(STORY)
    kind, form = ("typeof", "text") if engine.dialect.name == "sqlite" else ("pg_typeof", "numeric")
    assert fetch(engine, f"SELECT CAST({kind}(deadline_s) AS text), CAST(deadline_s AS text), nonce, counterparty"
                 " FROM event WHERE outcome_name='TIME_IN_FUTURE'") \
        == [(form, "18446744073709551615", "18446744073709551615", 2**32 - 1)]
    from sqlmodel import Session, select

    from indexer.models import Event, EventLine

    with Session(engine) as session:
        row = session.exec(select(Event).where(Event.outcome_name == "TIME_IN_FUTURE")).one()
        assert (row.occurred_at_ms, row.deadline_s) == (2**64 - 1, 2**64 - 1)
        line = session.exec(select(EventLine).where(EventLine.event_id == row.event_id)).one()
        assert line.quantity_micro == 2**64 - 1


def test_rows__kind_that_does_not_exist__a_row_all_the_same(story: Story) -> None:
    from ledger.chain.abi_words import member
    from ledger.vocabulary import Kind

    template = next(e.event for e in story.entries if e.event is not None)
    story.add(2, replace(template, kind=member(Kind, 200), nonce=999), Outcome.UNKNOWN_KIND)
    engine = indexed(story)
    assert fetch(engine, "SELECT kind FROM event WHERE outcome_name='UNKNOWN_KIND'") == [("UNKNOWN_200",)]


def test_rows__refused_act__event_lines_payload_and_head_but_no_state() -> None:
    engine = indexed(STORY)
    [(event_id, status)] = fetch(
        engine, "SELECT e.event_id, p.status FROM event e JOIN payload p USING (event_id) WHERE e.kind='GATE_OUT'")
    assert status == "open"
    assert fetch(engine, "SELECT count(*) FROM event_line WHERE event_id=?", event_id) == [(1,)]
    assert fetch(engine, "SELECT count(*) FROM unit_state WHERE event_id=?", event_id) == [(0,)]


def test_rows__approval_denial_correction__linked() -> None:
    engine = indexed(STORY)
    links = fetch(engine, """SELECT e.kind, a.kind, d.kind, v.kind FROM event e LEFT JOIN event a ON a.event_id=e.approved_by
        LEFT JOIN event d ON d.event_id=e.ended_by LEFT JOIN event v ON v.event_id=e.voided_by
        WHERE coalesce(e.approved_by, e.ended_by, e.voided_by) IS NOT NULL ORDER BY e.seq""")
    assert links == [("OBSERVE", None, None, "CORRECT"), ("OPENING", "APPROVE", None, None), ("OPENING", None, "DENY", None)]
    assert fetch(engine, "SELECT e.kind FROM lot l JOIN event e ON e.event_id=l.created_by ORDER BY e.seq") \
        == [("OPENING",), ("RECEIVE_FACTORY",)]
    assert fetch(engine, "SELECT u.kind FROM unit_state s JOIN event u USING (event_id) WHERE s.thing='LOT' ORDER BY u.seq") \
        == [("APPROVE",), ("RECEIVE_FACTORY",)]


def test_rows__refused_approval_that_ends_a_pending_event__named(story: Story) -> None:
    opening = next(e for e in story.entries if e.event is not None and e.event.kind.name == "OPENING")
    approve = next(e for e in story.entries if e.event is not None and e.event.kind.name == "APPROVE")
    index = story.entries.index(approve)
    story.entries.insert(index, Entry([]))
    del story.entries[index]
    approve.logs[:] = []
    refused = story.add(1, approve.event, Outcome.OPENING_CLOSED, pending_ended(opening.id))
    story.entries = [e for e in story.entries if e.event is None or e.event.kind.name not in ("EXPORT_LOAD",)]
    engine = indexed(story)
    assert fetch(engine, "SELECT approved_by, ended_by FROM event WHERE event_id=?", "0x" + opening.id.hex()) \
        == [(None, "0x" + refused.hex())]


def test_rows__offer__names_its_event_until_taken() -> None:
    chain = STORY.chain()
    offer = next(e for e in STORY.entries if e.event is not None and e.event.kind.name == "OFFER")
    chain.head = STORY.entries.index(offer) + 1
    engine = open_engine("sqlite://")
    indexer = make_indexer(STORY, chain, engine)
    indexer.run_once()
    assert fetch(engine, "SELECT offeree, offer_event FROM unit") == [(3, "0x" + offer.id.hex())]
    chain.head = None
    indexer.run_once()
    assert fetch(engine, "SELECT offeree, offer_event FROM unit WHERE thing='CONTAINER'") == [(0, None)]


def test_rows__register__as_last_said() -> None:
    engine = indexed(STORY)
    assert fetch(engine, "SELECT number, roles, hold_bit, suspended FROM participant") == [
        (1, 32, 0, 0), (2, 1, 255, 1), (3, 2, 255, 0), (4, 20, 255, 0)]
    (last,), (before,) = fetch(engine, "SELECT timestamp FROM block ORDER BY number DESC LIMIT 2")
    assert fetch(engine, "SELECT number, key_epoch FROM participant WHERE key_epoch > 0") == [(3, 1), (4, 1)]
    first, again, other, new = (f"0x{x.hex()}" for x in (signer(3).address, signer(4).address, signer(1).address, b"\x44" * 20))
    revoked = dict(fetch(engine, "SELECT address, revoked_at_s FROM signer"))
    assert (revoked[first], revoked[again], revoked[other], revoked[new]) == (before, last, None, None)
    assert fetch(engine, "SELECT facility, valid_from_s, valid_until_s FROM signer WHERE address=?", new) == [(2, 9, 99)]
    assert fetch(engine, "SELECT participant, facility, roles FROM facility_role") == [(2, 1, int(Role.AGENCY))]
    assert fetch(engine, "SELECT participant, facility, valid_from_s, calibrated_until_s, revoked_at_s FROM device") == [
        (3, 1, 5, 60, last)]
    assert fetch(engine, "SELECT role, account, delay_s, ended_at_s FROM governance_role ORDER BY role") == [
        (0, "0x" + "66" * 20, 60, None), (3, "0x" + "67" * 20, 0, last)]
    assert fetch(engine, "SELECT count, status, ended_at_s, ready_at_s - ?, data FROM announcement ORDER BY count", START_S) == [
        (1, "cancelled", last, 1, "0x0102"), (2, "executed", last, 2, "0x0102"), (3, "announced", None, 3, "0x0102")]
    assert fetch(engine, "SELECT successor, block_number, set_at_s FROM succession") == [("0x" + LEDGER.hex(), 31, last)]
    assert fetch(engine, "SELECT position, stated_at_s, calibrated_until_s FROM device_calibration") == [
        (0, last, 70), (1, last, 60)]
    assert fetch(engine, "SELECT owner, opening_open FROM book") == [(4, 0)]


def test_succession__same_unit_on_the_next_ledger__its_head_begins_anew() -> None:
    story = full_story()
    place = next(i for i, e in enumerate(story.entries) if e.event is not None and e.event.kind.name == "ARRIVE")
    again = replace(story.entries[place].event, nonce=10**6)  # type: ignore[type-var]
    story.add(2, again, Outcome.UNIT_EXISTS)
    engine = indexed(story)
    unit = "0x" + again.lines[0].unit.hex()
    expected = fold_head(ZERO32, story.entries[-1].id, int(Outcome.UNIT_EXISTS))
    assert fetch(engine, "SELECT head, era FROM head WHERE unit=?", unit) == [("0x" + expected.hex(), 1)]
    assert fetch(engine, "SELECT count(*) FROM head WHERE era=0")[0][0] > 3, "the others keep what they had"


def test_succession__to_a_ledger_that_is_not_followed__stops_before_it_and_says_so() -> None:
    engine = open_engine("sqlite://")
    indexer = make_indexer(STORY, STORY.chain(), engine)
    indexer._deployment = PinnedByHand(ledgers=(LEDGER,))
    for _ in range(2):
        with pytest.raises(WrongLedgerError, match="ended in block 31; this process does not follow"):
            indexer.run_once()
        assert fetch(engine, "SELECT block_number FROM cursor") == [(30,)]
    assert make_indexer(STORY, STORY.chain(), engine).run_once().block_number == 31, "a process that follows goes on"


def test_succession__what_the_next_ledger_logged_before_it_was_named__does_not_count() -> None:
    engine = open_engine("sqlite://")
    indexer = make_indexer(STORY, STORY.chain(), engine)
    indexer._deployment = PinnedByHand(ledgers=(b"\x77" * 20, LEDGER))
    indexer.run_once()
    assert fetch(engine, "SELECT count(*) FROM event") == [(0,)]


# the node is not trusted


def lies() -> dict[str, tuple[Callable[[FakeChain, int], None], type[TrustError]]]:
    def at(change: Callable[[tuple[Log, ...]], list[Log]], *, encode: bool) -> Callable[[FakeChain, int], None]:
        def lie(chain: FakeChain, number: int) -> None:
            first, *rest = chain.blocks[number]
            chain.blocks[number] = [retold(first, change(first.logs), encode=encode), *rest]
        return lie

    def header(**fields: object) -> Callable[[FakeChain, int], None]:
        def lie(chain: FakeChain, number: int) -> None:
            chain.headers[number] = replace(chain.headers[number], **fields)  # type: ignore[arg-type]
        return lie

    def drop(logs: tuple[Log, ...]) -> list[Log]:
        return list(logs[:-1])

    def add(logs: tuple[Log, ...]) -> list[Log]:
        return [*logs, logs[-1]]

    def alter(logs: tuple[Log, ...]) -> list[Log]:
        return [replace(logs[0], data=logs[0].data[:-1] + bytes([logs[0].data[-1] ^ 1])), *logs[1:]]

    def reorder(logs: tuple[Log, ...]) -> list[Log]:
        return list(logs[::-1])

    found: dict[str, tuple[Callable[[FakeChain, int], None], type[TrustError]]] = {
        "header hash": (header(hash=keccak(b"?")), HeaderMismatchError),
        "header parent": (header(parent_hash=keccak(b"?")), HeaderMismatchError),
        "header receipts root": (header(receipts_root=keccak(b"?")), HeaderMismatchError),
        "header time": (header(timestamp=1), HeaderMismatchError),
    }
    for name, change in (("drops", drop), ("adds", add), ("alters", alter), ("reorders", reorder)):
        found[f"{name} a log"] = (at(change, encode=True), ReceiptsMismatchError)
        found[f"{name} a log beside the receipt"] = (at(change, encode=False), LogMismatchError)
    return found


@pytest.mark.parametrize("name", list(lies()))
def test_node__lies__caught_named_and_nothing_written(name: str) -> None:
    lie, fault = lies()[name]
    chain = STORY.chain()
    arrive = next(i for i, e in enumerate(STORY.entries) if e.event is not None) + 1
    engine = open_engine("sqlite://")
    indexer = make_indexer(STORY, chain, engine)
    chain.head = arrive - 1
    indexer.run_once()
    before = dump(engine)
    honest = (chain.headers[arrive], chain.blocks[arrive])
    lie(chain, arrive)
    chain.head = None
    with pytest.raises(fault, match=f"block {arrive}"):
        indexer.run_once()
    assert dump(engine) == before
    chain.headers[arrive], chain.blocks[arrive] = honest
    indexer.run_once()
    assert dump(engine) == dump(indexed(STORY))


def rebuilt_from(chain: FakeChain, number: int) -> None:
    """Another history from a block on: same logs, other times, properly linked."""
    for n in range(number, len(chain.headers)):
        parent = chain.headers[n - 1].hash if n else bytes(32)
        logs = [[(log.address, log.topics, log.data) for log in receipt.logs] for receipt in chain.blocks[n]]
        chain.headers[n], chain.blocks[n] = make_block(n, parent, chain.headers[n].timestamp + 1, logs)


def test_node__other_parent_at_the_next_block__halts_with_both_headers() -> None:
    chain = STORY.chain()
    engine = open_engine("sqlite://")
    indexer = make_indexer(STORY, chain, engine)
    chain.head = 10
    indexer.run_once()
    ours = chain.headers[10]
    real = chain.headers[11]
    chain.head = None
    logs = [[(log.address, log.topics, log.data) for log in receipt.logs] for receipt in chain.blocks[11]]
    chain.headers[11], chain.blocks[11] = make_block(11, keccak(b"elsewhere"), real.timestamp, logs)
    with pytest.raises(ForkError, match="block 11"):
        indexer.run_once()
    assert fetch(engine, "SELECT block_number, their_hash, our_header, their_header FROM evidence") == [
        (11, "0x" + chain.headers[11].hash.hex(), "0x" + ours.rlp.hex(), "0x" + chain.headers[11].rlp.hex())]
    assert fetch(engine, "SELECT block_number FROM cursor") == [(10,)]


def test_node__unlinked_block_in_the_middle_of_a_group__what_links_is_written() -> None:
    chain = STORY.chain()
    chain.headers[9], chain.blocks[9] = make_block(9, keccak(b"elsewhere"), 1_800_000_000, [])
    engine = open_engine("sqlite://")
    with pytest.raises(ForkError, match="block 9"):
        make_indexer(STORY, chain, engine).run_once()
    assert fetch(engine, "SELECT block_number FROM cursor") == [(8,)]


@pytest.mark.parametrize(("number", "head"), [(20, None), (30, None), (5, 7)])
def test_node__other_history_below_our_head__halts_with_both_headers(number: int, head: int | None) -> None:
    chain = STORY.chain()
    engine = open_engine("sqlite://")
    indexer = make_indexer(STORY, chain, engine)
    indexer.run_once()
    before = fetch(engine, "SELECT * FROM block")
    rebuilt_from(chain, number)
    chain.head = head
    for _ in range(2):  # halting again adds nothing
        with pytest.raises(ForkError):
            indexer.run_once()
        assert len(fetch(engine, "SELECT * FROM evidence")) == 1
    assert fetch(engine, "SELECT * FROM block") == before


def test_node__behind_our_head__nothing_happens() -> None:
    chain = STORY.chain()
    engine = open_engine("sqlite://")
    indexer = make_indexer(STORY, chain, engine)
    indexer.run_once()
    chain.head = 4
    assert indexer.run_once().block_number == 31


def test_node__other_chain_id__named() -> None:
    chain = STORY.chain()
    chain.id = 8
    with pytest.raises(WrongLedgerError, match="chain 8"):
        make_indexer(STORY, chain).run_once()


def test_node__other_code_at_the_contract__named() -> None:
    chain = STORY.chain()
    chain.codes[LEDGER] = b"\x60\x01"
    with pytest.raises(WrongLedgerError, match=LEDGER.hex()):
        make_indexer(STORY, chain).run_once()


def test_node__lags_behind_the_deployment__says_that_it_cannot_verify() -> None:
    class NoCodeYet(PinnedByHand):
        def verify(self, chain: object) -> None:
            raise CannotVerifyError("there is no contract yet.")

    engine = open_engine("sqlite://")
    indexer = make_indexer(STORY, STORY.chain(), engine)
    indexer._source.deployment = NoCodeYet()
    with pytest.raises(CannotVerifyError):
        indexer.run_once()


def test_index__of_another_ledger__refused() -> None:
    engine = indexed(STORY)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE cursor SET ledger_address='0xdead'")
    with pytest.raises(WrongLedgerError, match="0xdead"):
        make_indexer(STORY, STORY.chain(), engine).run_once()


def test_logs__second_outcome_of_an_event__refused(story: Story) -> None:
    story.entries.append(story.entries[8])
    with pytest.raises(LogFormatError, match="second outcome"):
        indexed(story)


def test_logs__state_without_an_event__refused(story: Story) -> None:
    story.entries.append(Entry([unit_changed(box_unit(), 1)]))
    with pytest.raises(LogFormatError, match="belongs to no event"):
        indexed(story)


def test_logs__of_another_contract_with_our_topics__passed_over(story: Story) -> None:
    copied = [(b"\xee" * 20, topics, data) for _, topics, data in story.entries[8].logs]
    story.entries.append(Entry(copied))
    assert digest(indexed(story)) == digest(indexed(STORY))


# one writer


def test_transactions__of_a_run__begin_small_and_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it writes while others are read; where they end changes nothing of the rows."""
    sizes: dict[int, list[int]] = {}
    digests = set()
    for first in (1, 10**6):
        monkeypatch.setattr(indexer_module, "EVENTS_FIRST", first)
        engine, told = warm(open_engine("sqlite://")), [0]
        make_indexer(STORY, STORY.chain(), engine).run_once(lambda progress, told=told: told.append(progress.events))  # type: ignore[misc]
        sizes[first] = [after - before for before, after in pairwise(told) if after > before]
        digests.add(digest(engine))
    assert len(digests) == 1 and len(sizes[10**6]) == 1
    assert len(sizes[1]) > 3 and sum(sizes[1]) == sizes[10**6][0]
    assert sizes[1][0] < max(sizes[1])


def test_writer__second_process__told_so(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    first, second = open_engine(path), open_engine(path)
    migrate(first)
    with writer_lock(first), pytest.raises(IndexBusyError), writer_lock(second):
        pass
    with writer_lock(second):
        pass
    first.dispose()
    second.dispose()


def test_writer__cursor_moved_meanwhile__nothing_written() -> None:
    engine = open_engine("sqlite://")
    chain = STORY.chain()
    chain.head = 3
    make_indexer(STORY, chain, engine).run_once()
    chain.head = None
    stale = make_indexer(STORY, chain, engine)
    ahead = Ahead(stale.source, PinnedByHand(), Ledgers(PinnedByHand()))
    group, _ = stale._fetch(ahead, None, 0, 3)
    before = dump(engine)
    with pytest.raises(IndexBusyError):
        stale._write(None, group)
    assert dump(engine) == before


# following


def test_follow__node_away_for_a_while__goes_on(story: Story) -> None:
    chain = story.chain()

    class Shaky(FakeChain):
        asked = 0

        def head_number(self) -> int:
            self.asked += 1
            if self.asked % 2:
                raise UnavailableError("away.")
            return super().head_number()

    shaky = Shaky(chain.id, chain.codes)
    shaky.headers, shaky.blocks = chain.headers, chain.blocks
    stop = threading.Event()
    faults: list[UnavailableError] = []
    engine = open_engine("sqlite://")

    def progressed(progress: object) -> None:
        if progress.payloads_open:
            stop.set()

    make_indexer(story, shaky, engine).follow(stop, poll_s=0.0, on_progress=progressed, on_fault=faults.append)
    assert faults
    assert dump(engine) == dump(indexed(story))


def test_follow__lying_node__ends_with_the_fault() -> None:
    chain = STORY.chain()
    chain.headers[3] = replace(chain.headers[3], hash=bytes(32))
    with pytest.raises(HeaderMismatchError):
        make_indexer(STORY, chain).follow(threading.Event(), poll_s=0.0)


def test_block_announced_but_not_there__unavailable() -> None:
    class Early(FakeChain):
        def header(self, number: int) -> Header | None:
            return None if number == 5 else super().header(number)

    chain = STORY.chain()
    early = Early(chain.id, chain.codes)
    early.headers, early.blocks = chain.headers, chain.blocks
    with pytest.raises(UnavailableError, match="block 5"):
        make_indexer(STORY, early).run_once()


def test_statuses__of_the_story__all_open_but_the_lost_one() -> None:
    found = statuses(indexed(STORY))
    assert {k: v for k, v in found.items() if v != "open"} == {"22 OBSERVE": "withheld"}




def test_log__a_second_row_of_it__refused_by_the_database() -> None:
    """Whatever a program does: chain (an index has one), block hash and log index stand for one event."""
    engine = indexed(full_story())
    with engine.connect() as connection:
        row = dict(connection.execute(select(table_of(Event)).limit(1)).mappings().one())
        top = connection.execute(select(func.max(table_of(Event).c.seq))).scalar_one()
    again = {**row, "event_id": "0x" + "ab" * 32, "seq": top + 1}
    with pytest.raises(IntegrityError, match=r"log_index|uq_event_log|block_hash"), engine.begin() as connection:
        connection.execute(insert(table_of(Event)), [again])
    with engine.begin() as connection:  # the log beside it is another
        connection.execute(insert(table_of(Event)), [{**again, "log_index": 9_999}])
