"""The database: migrations give what the models say, SQLite is set up to survive, a newer index is left alone."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, literal, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable
from sqlmodel import Session

from indexer.columns import U64, Micro
from indexer.database import migrate, open_engine
from indexer.journal import JOURNAL_TABLES
from indexer.migrations import VERSION
from indexer.models import MODELS, TABLES, LotLoaded
from ledger.errors import InputError, InvariantError

ALL = (*TABLES, *JOURNAL_TABLES)


def shape(engine) -> dict[str, object]:  # type: ignore[no-untyped-def]
    found = inspect(engine)
    return {name: {
        "columns": [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(name)],
        "key": found.get_pk_constraint(name)["constrained_columns"],
        "indexes": sorted((i["name"], tuple(i["column_names"]), bool(i["unique"])) for i in found.get_indexes(name)),
        "unique": sorted(tuple(u["column_names"]) for u in found.get_unique_constraints(name)),
        "foreign": sorted((tuple(f["constrained_columns"]), f["referred_table"]) for f in found.get_foreign_keys(name)),
    } for name in sorted(found.get_table_names()) if name != "index_version"}


def test_migrations__tables_they_make__equal_the_models() -> None:
    migrated, declared = open_engine("sqlite://"), create_engine("sqlite://")
    migrate(migrated)
    TABLES[0].metadata.create_all(declared, tables=[*TABLES, *JOURNAL_TABLES])
    assert shape(migrated) == shape(declared)
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={
            "include_object": lambda item, name, kind, _reflected, _to: kind != "table" or ((item in ALL or name != "index_version")
            and name in {t.name for t in ALL})})
        assert compare_metadata(context, TABLES[0].metadata) == []


def test_models__every_table_of_the_module__is_listed() -> None:
    import indexer.models as models

    declared = {value for value in vars(models).values()
                if isinstance(value, type) and issubclass(value, models.IndexTable) and value is not models.IndexTable}
    assert declared == set(MODELS)


def test_models__every_table__can_be_made_on_postgresql() -> None:
    for table in ALL:
        statement = str(CreateTable(table).compile(dialect=postgresql.dialect()))
        assert "BLOB" not in statement, table.name


def test_migrate__again__changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    migrate(path)
    before = path.read_bytes()
    migrate(path)
    assert path.read_bytes() == before


def test_migrate__index_of_a_newer_version__left_alone() -> None:
    engine = open_engine("sqlite://")
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE index_version SET version_num='9999'")
    with pytest.raises(InvariantError, match="brought to this version"):
        migrate(engine)


def test_engine__sqlite__survives_power_cuts_and_checks_references(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "index.sqlite")
    with engine.connect() as connection:
        read = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert read == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    engine.dispose()


def test_engine__reading_while_another_writes__sees_the_last_commit(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "index.sqlite")
    migrate(engine)
    with engine.begin() as writer:
        writer.exec_driver_sql("INSERT INTO lot_loaded VALUES ('0x1', '0x2', 5)")
        with engine.connect() as reader:
            assert reader.exec_driver_sql("SELECT count(*) FROM lot_loaded").scalar() == 0
    with engine.connect() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM lot_loaded").scalar() == 1
    engine.dispose()


def test_migrate__present_version__is_the_last_file() -> None:
    engine = open_engine("sqlite://")
    migrate(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM index_version").scalar() == VERSION


def test_migrate__several_processes_at_once__all_succeed(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    children = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                migrate(path)
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 4


def test_engine__new_file__is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    migrate(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_engine__corrupt_file__stops(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(InvariantError, match="database failed"):
        migrate(path)


def test_engine__no_url__refused() -> None:
    with pytest.raises(InputError):
        open_engine("nosuchengine://x")


@pytest.mark.parametrize("number", [0, 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_columns__whole_range_of_64_bits__exact_and_in_order(number: int) -> None:
    engine = open_engine("sqlite://")
    migrate(engine)
    with Session(engine) as session:
        session.add(LotLoaded(unit="0x1", line="0x2", quantity_micro=Decimal(number)))
        session.add(LotLoaded(unit="0x1", line="0x3", quantity_micro=Decimal(2**63 + 5)))
        session.commit()
        read = session.get(LotLoaded, ("0x1", "0x2"))
        assert read is not None
        assert read.quantity_micro == number
        assert isinstance(read.quantity_micro, Decimal)
        ordered = session.execute(select(LotLoaded.quantity_micro).order_by(LotLoaded.quantity_micro)).scalars().all()  # type: ignore[arg-type,call-overload]
        assert list(ordered) == sorted([Decimal(number), Decimal(2**63 + 5)])
        more = session.execute(select(LotLoaded.line).where(LotLoaded.quantity_micro >= number)).scalars().all()  # type: ignore[arg-type,call-overload]
        assert "0x2" in more


@pytest.mark.parametrize("wrong", [-1, 2**64, Decimal("0.5")])
def test_columns__no_unsigned_64_bit_number__refused(wrong: object) -> None:
    for kind in (U64(), Micro()):
        engine = open_engine("sqlite://")
        with engine.connect() as connection, pytest.raises(Exception, match="unsigned 64-bit"):
            connection.execute(select(literal(wrong, kind)))
