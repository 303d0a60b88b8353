"""Every column of every table: changed, it is found and named and proven; healed, the index is what it was."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Integer, Table
from sqlalchemy import event as sql_event
from sqlmodel import SQLModel

from indexer.audit import CANNOT_TELL, DIFFERENCES, SOUND, Report, audit, compare, recomputed
from indexer.columns import U64
from indexer.database import open_engine, writing
from indexer.export import JOURNAL_APART, KEPT_APART, PROJECTION
from indexer.history import _draw_together
from indexer.indexer import Indexer, fork_said
from indexer.journal import BY_BLOCK, BY_EVENT, JOURNAL_TABLES, NAMES, RowBefore
from indexer.models import TABLES, Evidence, IndexTable, Repair
from indexer.store import table_of
from ledger.chain.header import decode_header
from ledger.errors import InputError, UnavailableError
from ledger.proofs.tries import ordered_key, value_in_proof
from tests.indexer.fake_chain import make_block
from tests.indexer.helpers import dump, fetch, indexed, make_indexer
from tests.indexer.story import START_S, full_story

STORY = full_story()
CHAIN = STORY.chain([1, 2])
AUDITED = (*PROJECTION, table_of(Evidence))
LOST = ("evidence", "their_header")
"""The one column that nothing can recompute: a header that somebody else's node once showed."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story as an index, with the evidence of a fork in it."""
    path = tmp_path_factory.mktemp("audit") / "index.sqlite"
    engine = open_engine(path)
    make_indexer(STORY, CHAIN, engine).run_once()
    ours = CHAIN.headers[5]
    theirs, _ = make_block(5, ours.parent_hash, START_S + 1, [])
    with engine.begin() as connection:
        connection.execute(table_of(Evidence).insert().values(
            block_number=5, their_hash="0x" + theirs.hash.hex(), our_header="0x" + ours.rlp.hex(),
            their_header="0x" + theirs.rlp.hex(), what=fork_said(5, theirs.hash)))
    engine.dispose()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA journal_mode=DELETE")
    return path


@pytest.fixture(scope="module")
def fresh(made: Path) -> Iterator[Indexer]:
    engine = open_engine(made)
    with recomputed(make_indexer(STORY, CHAIN, engine), lambda *_: None) as found:
        yield found
    engine.dispose()


@pytest.fixture
def index(made: Path, tmp_path: Path) -> Iterator[Indexer]:
    path = tmp_path / "index.sqlite"
    shutil.copy(made, path)
    engine = open_engine(path)
    yield make_indexer(STORY, CHAIN, engine)
    engine.dispose()


def spoil(index: Indexer, *statements: tuple[str, tuple[Any, ...]]) -> None:
    with closing(sqlite3.connect(str(index.engine.url.database))) as raw, raw:
        raw.execute("PRAGMA foreign_keys=OFF")
        raw.execute("DROP INDEX IF EXISTS uq_event_log")  # whoever can write the cells can do that too
        for sql, values in statements:
            assert raw.execute(sql, values).rowcount == 1, sql


def rows_of(index: Indexer, table: Table) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(str(index.engine.url.database))) as raw:
        raw.row_factory = sqlite3.Row
        return [dict(row) for row in raw.execute(f'SELECT rowid AS "row id", * FROM "{table.name}" ORDER BY rowid')]


def other(column: Any, value: Any) -> Any:
    if isinstance(column.type, Boolean):
        return 1 - value
    if isinstance(value, int):
        return value + 1007
    if value is None:
        return 7 if isinstance(column.type, Integer | U64) else "x"
    return str(value)[:-1] + ("0" if str(value)[-1:] != "0" else "1")


def key_of(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {column.name: row[column.name] for column in table.primary_key.columns}


def full(report: Report) -> dict[tuple[str, str], set[str]]:
    """Columns named for each row."""
    return {(f.difference.table.name, json.dumps(f.difference.key)): set(f.difference.columns) for f in report.findings}


def healed_whole(index: Indexer, fresh: Indexer, report: Report) -> None:
    """Whatever a repairing comparison found is gone, on record, and the bytes are those of an index never touched."""
    after = compare(index, fresh)
    assert (after.verdict, after.counts) == (SOUND, dict.fromkeys(after.counts, 0))
    assert dump(index.engine) == dump(fresh.engine)
    assert report.healed == sum(report.counts.values()) > 0
    assert report.remaining in (0, 1)  # 1: the header of a fork, which nothing restores
    assert len(fetch(index.engine, "SELECT id FROM repair WHERE proof LIKE '{%'")) == report.healed


def test_audit__every_table__is_recomputed_or_listed_with_its_reason() -> None:
    assert {table.name for table in AUDITED} | {table_of(Repair).name} == {table.name for table in TABLES}
    assert set(KEPT_APART) == {"evidence", "repair"}
    assert {table.name for table in JOURNAL_TABLES} == {"row_before", *JOURNAL_APART}
    assert {t.name for t in (*TABLES, *JOURNAL_TABLES)} == {str(c.__tablename__) for c in IndexTable.__subclasses__() if isinstance(c, type(SQLModel))}


def test_audit__index_as_it_should_be__sound_and_all_rows_counted(index: Indexer) -> None:
    report = audit(index)
    assert (report.verdict, report.findings) == (SOUND, [])
    assert report.rows == {t.name: len(fetch(index.engine, f"SELECT 1 FROM {t.name}")) for t in (*PROJECTION, table_of(RowBefore))}
    assert report.block_number == len(CHAIN.headers) - 1


COLUMNS_MAX = max(len(table.columns) for table in AUDITED)


@pytest.mark.parametrize("place", range(COLUMNS_MAX))
def test_column__of_every_table_changed__found_named_proven_and_healed(index: Indexer, fresh: Indexer, place: int) -> None:
    """The n-th column of each table at once; the row moves with it, so that first and last rows are tried too."""
    wanted: list[tuple[Table, str, dict[str, Any], dict[str, Any]]] = []
    lost = None
    for table in AUDITED:
        rows = rows_of(index, table)
        assert rows, f"the story has no row of {table.name}: nothing of it would be tested"
        if place >= len(table.columns):
            continue
        column, row = list(table.columns)[place], rows[place % len(rows)]
        spoil(index, (f'UPDATE "{table.name}" SET "{column.name}"=? WHERE rowid=?',
                      (other(column, row[column.name]), row["row id"])))
        if (table.name, column.name) == LOST:
            lost = ('UPDATE evidence SET their_header=? WHERE rowid=?', (row["their_header"], row["row id"]))
        changed = {**row, column.name: other(column, row[column.name])}
        wanted.append((table, column.name, key_of(table, row), key_of(table, changed)))
    report = compare(index, fresh, repair=True, unproven_too=True, now_s=5)
    found = full(report)
    for table, column_name, key, key_now in wanted:
        named = found.get((table.name, json.dumps(key))) or found.get((table.name, json.dumps(key_now)))
        assert named, f"{table.name}.{column_name} changed, and not found"
        assert column_name in named
    assert len(report.findings) == sum(report.counts.values())
    if lost is not None:
        assert [f.healed for f in report.findings if f.difference.table.name == "evidence"] == [False]
        spoil(index, lost)
        report.counts["changed"] -= 1
    healed_whole(index, fresh, report)


def test_row__of_every_table_deleted__missing_and_healed(index: Indexer, fresh: Indexer) -> None:
    gone = {}
    for table in PROJECTION:
        row = rows_of(index, table)[-1]
        spoil(index, (f'DELETE FROM "{table.name}" WHERE rowid=?', (row["row id"],)))
        gone[table.name, json.dumps(key_of(table, row))] = row
    report = compare(index, fresh, repair=True, unproven_too=True)
    assert set(full(report)) == set(gone)
    assert report.counts["missing"] + report.counts["late"] == len(gone)
    healed_whole(index, fresh, report)


def test_row__added_to_every_table__extra_and_healed(index: Indexer, fresh: Indexer) -> None:
    added = set()
    for table in PROJECTION:
        row = rows_of(index, table)[0]
        del row["row id"]
        for column in table.columns:
            if column.primary_key or column.unique:
                row[column.name] = row[column.name] + 1000 if isinstance(row[column.name], int) else row[column.name] + "9"
        spoil(index, (f'INSERT INTO "{table.name}" VALUES ({", ".join("?" * len(row))})', tuple(row.values())))
        added.add((table.name, json.dumps(key_of(table, row))))
    report = compare(index, fresh, repair=True, unproven_too=True)
    assert set(full(report)) == added
    assert report.counts["extra"] + report.counts["unproven"] == len(added)
    healed_whole(index, fresh, report)


def swap(index: Indexer, table: Table) -> list[dict[str, Any]] | None:
    """Two rows of a table take each other's place: all but the key, or where that is all, the key's place."""
    names = [c.name for c in table.columns if not c.primary_key]
    for one, two in itertools.combinations(rows_of(index, table), 2):
        if all(one[name] != two[name] for name in names if name == "seq") and any(one[name] != two[name] for name in names):
            sets = ", ".join(f'"{name}"=?' for name in names)
            unique = [c.name for c in table.columns if c.unique and not c.primary_key]
            spoil(index, *((f'UPDATE "{table.name}" SET "{name}"=? WHERE rowid=?', (-99 if isinstance(one[name], int) else "-", one["row id"]))
                           for name in unique),
                  *((f'UPDATE "{table.name}" SET {sets} WHERE rowid=?', (*(a[name] for name in names), b["row id"]))
                    for a, b in ((one, two), (two, one))))
            return [key_of(table, one), key_of(table, two)]
    return None


def test_rows__of_every_table_swapped__reordered_and_healed(index: Indexer, fresh: Indexer) -> None:
    swapped = {table.name: keys for table in PROJECTION if (keys := swap(index, table))}
    assert len(swapped) > 18
    report = compare(index, fresh, repair=True, unproven_too=True)
    for name, keys in swapped.items():
        kinds = {json.dumps(f.difference.key): f.kind for f in report.findings if f.difference.table.name == name}
        assert set(kinds) == {json.dumps(key) for key in keys}
        assert set(kinds.values()) == {"reordered"} or "unproven" in kinds.values() or "late" in kinds.values(), (name, kinds)
    assert report.counts["reordered"] > 30
    healed_whole(index, fresh, report)


def test_places__of_two_rows_exchanged__reordered(index: Indexer, fresh: Indexer) -> None:
    spoil(index, ("UPDATE event SET seq=-1 WHERE seq=3", ()), ("UPDATE event SET seq=3 WHERE seq=4", ()),
          ("UPDATE event SET seq=4 WHERE seq=-1", ()))
    event = fetch(index.engine, "SELECT event_id FROM norm LIMIT 1")[0][0]
    spoil(index, *((f"UPDATE norm SET position={new} WHERE event_id=? AND position={old}", (event,))
                   for old, new in ((0, 9), (1, 0), (9, 1))))
    report = compare(index, fresh, repair=True)
    assert {(f.difference.table.name, f.kind) for f in report.findings} == {("event", "reordered"), ("norm", "reordered")}
    healed_whole(index, fresh, report)


def test_table__emptied__every_row_missing_and_healed(index: Indexer, fresh: Indexer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.audit.HEAL_TOGETHER", 3)
    monkeypatch.setattr("indexer.audit.DETAILS_MAX", 4)
    with closing(sqlite3.connect(str(index.engine.url.database))) as raw, raw:
        raw.execute("DELETE FROM event_line")
        raw.execute("UPDATE event SET seq = seq + 1000")
    report = compare(index, fresh, repair=True)
    assert len(report.findings) == 4
    assert (report.counts["missing"], report.counts["reordered"]) == (
        len(rows_of(fresh, next(t for t in TABLES if t.name == "event_line"))), 22)
    healed_whole(index, fresh, report)


def test_values__of_a_type_that_no_column_has__found(index: Indexer, fresh: Indexer) -> None:
    spoil(index, ("UPDATE event SET deadline_s = CAST(deadline_s AS REAL) WHERE seq=2", ()),
          ("UPDATE event SET participant = 'nobody' WHERE seq=3", ()),
          ("UPDATE lot SET raw_micro = 'much' WHERE rowid=1", ()),
          ("UPDATE event_line SET position = 'first' WHERE rowid=1", ()),
          ("UPDATE unit SET eligible = x'00' WHERE rowid=1", ()))
    report = compare(index, fresh, repair=True)
    named = {(table, column) for (table, _), columns in full(report).items() for column in columns}
    assert {("event", "deadline_s"), ("event", "participant"), ("lot", "raw_micro"), ("event_line", "position"),
            ("unit", "eligible")} <= named
    healed_whole(index, fresh, report)


# how rows were


def befores(index: Indexer) -> list[tuple[Any, ...]]:
    return fetch(index.engine, "SELECT * FROM row_before ORDER BY of_table, key, place")


@pytest.mark.parametrize("trimmed", [None, 9])
def test_row_before__changed_deleted_or_added__found_proven_and_healed(index: Indexer, fresh: Indexer, trimmed: int | None) -> None:
    """Answers about the past, and roll-backs, come from there."""
    if trimmed is not None:
        with writing(index.engine) as connection:
            _draw_together(connection, trimmed)
        # a recomputation of its own: it is drawn together as the index was
        with recomputed(index, lambda *_: None) as other_fresh:
            spoil_befores(index, other_fresh)
        return
    spoil_befores(index, fresh)


def spoil_befores(index: Indexer, fresh: Indexer) -> None:
    before = befores(index)
    kinds = {BY_BLOCK: 0, BY_EVENT - NAMES: 0, NAMES: 0}
    for tables in kinds:
        rows = [row for row in before if row[0] in tables]
        (name, key, place, _), gone, moved, more = rows[0], rows[-1], rows[len(rows) // 2], rows[1]
        kinds[tables] = len({(name, key, place), gone[:3], moved[:3], (more[0], more[1], more[2] + 10**6)}) + 1
        at = "of_table=? AND key=? AND place=?"
        spoil(index, (f"UPDATE row_before SET before='{{}}' WHERE {at}", (name, key, place)),
              (f"DELETE FROM row_before WHERE {at}", gone[:3]),
              (f"UPDATE row_before SET place=place+{10**7} WHERE {at}", moved[:3]),
              ("INSERT INTO row_before VALUES (?, ?, ?, ?)", (more[0], more[1], more[2] + 10**6, more[3])))
    report = compare(index, fresh, repair=True)
    assert {f.difference.table.name for f in report.findings} == {"row_before"}
    assert len(report.findings) == sum(kinds.values())
    assert all("header" in f.proof for f in report.findings if f.difference.recomputed is not None)
    assert befores(index) == before
    healed_whole(index, fresh, report)


def test_history_start__claims_less_than_there_is__what_is_too_much_is_found(made: Path, index: Indexer) -> None:
    """Nobody hides a changed before-image by saying that the index remembers nothing."""
    spoil(index, ("UPDATE history_start SET block_number=25, as_of_ms=1", ()))
    assert audit(index).verdict == DIFFERENCES


# the proof


def test_proof__of_a_changed_row__leads_to_the_headers_receipts_root(index: Indexer, fresh: Indexer) -> None:
    spoil(index, ("UPDATE event SET counterparty = 99 WHERE seq=5", ()), ("UPDATE unit SET eligible = 1 - eligible WHERE rowid=1", ()),
          ("UPDATE participant SET roles = 0 WHERE number=4", ()), ("UPDATE count_entry SET quantity_micro = 1 WHERE rowid=1", ()),
          ("UPDATE line_state SET drawn_micro = 7 WHERE rowid=1", ()), ("UPDATE lot SET raw_micro = 7 WHERE rowid=1", ()))
    report = compare(index, fresh)
    assert len(report.findings) == 6
    for finding in report.findings:
        proof = finding.proof
        header = decode_header(bytes.fromhex(proof["header"][2:]))
        assert "0x" + header.hash.hex() == proof["blockHash"] == "0x" + CHAIN.headers[proof["block"]].hash.hex()
        encoded = value_in_proof(header.receipts_root, ordered_key(proof["receipt"]["index"]),
                                 [bytes.fromhex(node[2:]) for node in proof["receipt"]["path"]])
        assert "0x" + encoded.hex() == proof["receipt"]["encoded"]
        logs = {log.index for receipt in CHAIN.blocks[proof["block"]] for log in receipt.logs}
        assert proof["logIndex"] in logs
    proofs = {f.difference.table.name: f.proof for f in report.findings}
    rows = dict(fetch(index.engine, "SELECT block_number, log_index FROM event WHERE seq=5"))
    assert rows == {proofs["event"]["block"]: proofs["event"]["logIndex"]}
    [(last,)] = fetch(index.engine, "SELECT block_number FROM event WHERE outcome_name='TIME_IN_FUTURE'")
    assert proofs["participant"]["block"] == last + 1, "the block of the last change of its roles"
    [(commitment,)] = fetch(index.engine, "SELECT commitment FROM event WHERE kind='COUNT'")
    assert (proofs["count_entry"]["commitment"], proofs["count_entry"]["payload"]) == (commitment, "open")
    assert "commitment" not in proofs["event"]


# payloads that came or went


def test_payload__lost_by_the_stores__unproven_and_left_alone(made: Path, index: Indexer) -> None:
    story = full_story()
    story.payloads.hidden = {e.event.commitment for e in story.entries if e.event is not None and e.event.kind.name == "COUNT"}
    later = make_indexer(story, CHAIN, index.engine)
    before = dump(index.engine)
    report = audit(later, repair=True)
    assert (report.verdict, report.healed) == (CANNOT_TELL, 0)
    assert {(f.difference.table.name, f.kind) for f in report.findings} == {
        (name, "unproven") for name in ("payload", "payload_reader", "count_entry")}
    assert dump(index.engine) == before
    report = audit(later, repair=True, unproven_too=True)
    assert report.healed == 5
    assert fetch(index.engine, "SELECT count(*) FROM count_entry") == [(0,)]
    kept = fetch(index.engine, "SELECT stored FROM repair WHERE table_name='payload'")
    assert "cl:counts" in kept[0][0], "what was taken back is on record"


def test_payload__not_read_yet__late_and_nothing_else(tmp_path: Path) -> None:
    story = full_story()
    story.payloads.hidden = {e.event.commitment for e in story.entries if e.event is not None and e.event.kind.name == "COUNT"}
    engine = indexed(story, [1, 2], tmp_path / "index.sqlite")
    story.payloads.hidden = set()
    report = audit(make_indexer(story, CHAIN, engine))
    assert report.verdict == CANNOT_TELL
    assert {f.kind for f in report.findings} == {"late"}
    engine.dispose()


# the ways of asking


def test_audit__some_tables__only_these(index: Indexer, fresh: Indexer) -> None:
    spoil(index, ("UPDATE event SET counterparty = 99 WHERE seq=5", ()), ("UPDATE lot SET raw_micro = 1 WHERE rowid=1", ()))
    report = compare(index, fresh, tables=["lot"])
    assert ([f.difference.table.name for f in report.findings], list(report.rows)) == (["lot"], ["lot"])
    with pytest.raises(InputError, match="no table 'repair' can be recomputed: what was repaired"):
        compare(index, fresh, tables=["repair"])


def test_audit__node_behind_the_index__says_nothing(made: Path, index: Indexer) -> None:
    chain = STORY.chain([1, 2])
    chain.head = 10
    with pytest.raises(UnavailableError, match="the node has blocks only up to 10"):
        audit(make_indexer(STORY, chain, index.engine))


def test_audit__index_behind_the_chain__compared_up_to_where_it_is(tmp_path: Path) -> None:
    chain = STORY.chain()
    chain.head = 9
    engine = open_engine(tmp_path / "index.sqlite")
    indexer = make_indexer(STORY, chain, engine)
    indexer.run_once()
    chain.head = None
    report = audit(indexer)
    assert (report.verdict, report.block_number) == (SOUND, 9)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE cursor SET block_number = 3")
    report = audit(indexer, repair=True)
    assert (report.verdict, report.block_number, report.healed) == (DIFFERENCES, 9, 1)
    assert audit(indexer).verdict == SOUND
    engine.dispose()


def test_audit__told_of_progress__blocks_then_tables(index: Indexer) -> None:
    told: list[tuple[str, int, int]] = []
    audit(index, tell=lambda *said: told.append(said))
    assert told[0][0] == "blocks"
    assert [name for name, _, _ in told if name != "blocks"] == [*(table.name for table in AUDITED), "row_before"]


def heal_and_die(path: Path, fresh: Indexer, place: int) -> bool:
    """Repair in a child that SIGKILLs itself before its n-th statement. Whether it was killed."""
    pid = os.fork()
    if pid == 0:
        count = 0
        engine = open_engine(path)

        def before(*_: object) -> None:
            nonlocal count
            count += 1
            if count > place:
                os.kill(os.getpid(), signal.SIGKILL)

        sql_event.listen(engine, "before_cursor_execute", before)
        sql_event.listen(engine, "commit", before)
        try:
            compare(make_indexer(STORY, CHAIN, engine), fresh, repair=True)
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def test_heal__killed_anywhere__the_next_audit_heals_the_rest(
        index: Indexer, fresh: Indexer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.audit.HEAL_TOGETHER", 2)
    spoil(index, ("UPDATE event SET seq=-1 WHERE seq=3", ()), ("UPDATE event SET seq=3 WHERE seq=4", ()),
          ("UPDATE event SET seq=4 WHERE seq=-1", ()), ("DELETE FROM lot WHERE rowid=1", ()),
          ("UPDATE block SET hash='0x1' WHERE number=1", ()), ("UPDATE unit SET custodian=9 WHERE rowid=1", ()))
    spoilt = Path(str(index.engine.url.database))
    index.engine.dispose()
    killed = 0
    for place in range(8, 200, 3):
        path = tmp_path / f"{place}.sqlite"
        shutil.copy(spoilt, path)
        died = heal_and_die(path, fresh, place)
        engine = open_engine(path)
        compare(make_indexer(STORY, CHAIN, engine), fresh, repair=True)
        recorded = fetch(engine, "SELECT table_name, row_key FROM repair")
        assert len(recorded) == len(set(recorded)) == 5
        assert dump(engine) == dump(fresh.engine)
        engine.dispose()
        killed += died
        if not died:
            break
    assert killed >= 8
