"""The store: durable by its settings, strict about its schema, and stopped by any fault of the disk."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from ledger.errors import InputError, InvariantError, UnavailableError
from ledger.gateway import store as store_module
from ledger.gateway.schema import GATEWAY_MIGRATIONS, POSTER_MIGRATIONS
from ledger.gateway.store import Store


def test_store__opened__wal_full_and_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.sqlite"
    store = Store(path, GATEWAY_MIGRATIONS)
    assert store.rows("PRAGMA journal_mode")[0][0] == "wal"
    assert store.rows("PRAGMA synchronous")[0][0] == 2
    assert {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()} == {0o600}


def test_store__block_raises__nothing_of_it_stays(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.sqlite", ("CREATE TABLE t (x)",))
    with pytest.raises(ZeroDivisionError), store.transaction() as sql:
        sql.execute("INSERT INTO t VALUES (1)")
        with store.transaction() as inner:
            inner.execute("INSERT INTO t VALUES (2)")
        raise ZeroDivisionError
    assert store.rows("SELECT * FROM t") == []
    with store.transaction() as sql:
        sql.execute("INSERT INTO t VALUES (3)")
    assert [row["x"] for row in store.rows("SELECT x FROM t")] == [3]


def test_store__older_schema__brought_up_step_by_step_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    first = Store(path, ("CREATE TABLE t (x)",))
    with first.transaction() as sql:
        sql.execute("INSERT INTO t VALUES (1)")
    first.close()
    second = Store(path, ("CREATE TABLE t (x)", "ALTER TABLE t ADD COLUMN y;\nUPDATE t SET y=7;\n"))
    assert [tuple(row) for row in second.rows("SELECT x, y FROM t")] == [(1, 7)]
    second.close()
    with pytest.raises(InputError, match="newer"):
        Store(path, ("CREATE TABLE t (x)",))


def test_store__migration_fails__schema_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    Store(path, ("CREATE TABLE t (x)",)).close()
    with pytest.raises(InvariantError):
        Store(path, ("CREATE TABLE t (x)", "CREATE TABLE u (x);\nCREATE TABLE t (x);\n"))
    again = Store(path, ("CREATE TABLE t (x)",))
    assert [row[0] for row in again.rows("SELECT name FROM sqlite_master")] == ["t"]


def test_store__file_is_no_database__invariant_error(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(InvariantError):
        Store(path, POSTER_MIGRATIONS)


def test_store__disk_full__invariant_error_and_nothing_half_written(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.sqlite", ("CREATE TABLE t (x)",))
    store.rows("PRAGMA max_page_count=3")
    with pytest.raises(InvariantError, match="full"), store.transaction() as sql:
        sql.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    assert store.rows("SELECT * FROM t") == []


def test_store__locked_by_another_process__unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "BUSY_S_MAX", 0)
    path = tmp_path / "a.sqlite"
    store = Store(path, ("CREATE TABLE t (x)",))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError), store.transaction():
        pass
    other.execute("ROLLBACK")
    with store.transaction() as sql:
        sql.execute("INSERT INTO t VALUES (1)")
