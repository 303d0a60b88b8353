"""Rows by key: any number of keys, none of them a part of the statement, each looked up by the index."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from indexer import models as m
from indexer.among import Among
from indexer.bulk import read
from indexer.database import open_engine

NAMES, BOOKS, BLOCKS = (model.__table__ for model in (m.UnitName, m.Book, m.Block))  # type: ignore[attr-defined]
ODD = ["0xab", "it's", 'a "quoted" [name]', "{brace, comma}", "hải phòng", "", "NULL", "back\\slash", "line\nbreak"]


def filled() -> Engine:
    engine = open_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(NAMES.insert(), [{"unit": u, "type": "lot", "scope": "s", "number": "n"}
                                            for u in (*ODD, *map(str, range(2_000)))])
        connection.execute(BOOKS.insert(), [
            {"number": n, "owner": 1, "regime": 1, "options": 0, "opening_open": False} for n in range(1, 60)])
        connection.execute(BLOCKS.insert(), [
            {"number": n, "hash": f"0x{n}", "parent_hash": "", "timestamp": 1, "receipts_root": "", "rlp": ""} for n in range(1, 60)])
    return engine


def test_among__odd_many_few_and_no_keys__exactly_those_rows() -> None:
    engine = filled()
    with engine.connect() as connection:
        for keys in (ODD, [], ["0xab"], ["0xab", "0xab", "nobody"], [*map(str, range(90_000))]):
            found = connection.execute(select(NAMES.c.unit).where(Among(NAMES.c.unit, keys))).scalars().all()
            assert sorted(found) == sorted({k for k in keys if k in ODD or (k.isdigit() and int(k) < 2_000)})
        numbers = select(BOOKS.c.number).where(Among(BOOKS.c.number, {3, 59, 60}), BOOKS.c.owner == 1)
        assert sorted(connection.execute(numbers).scalars()) == [3, 59]
        others = select(BOOKS.c.number).where(~Among(BOOKS.c.number, range(3, 99)))
        assert sorted(connection.execute(others).scalars()) == [1, 2]
    engine.dispose()


def test_read__odd_keys_and_numbers_given_to_the_driver__exactly_those_rows() -> None:
    engine = filled()
    with engine.connect() as connection:
        for keys in (ODD, [], ["0xab", "nobody"], [f"{i}" for i in range(5_000)]):
            found = [row["unit"] for row in read(connection, NAMES, [(key,) for key in keys])]
            assert sorted(found) == sorted({k for k in keys if k in ODD or (k.isdigit() and int(k) < 2_000)})
        assert sorted(row["number"] for row in read(connection, BLOCKS, [(3,), (59,), (60,)])) == [3, 59]
    engine.dispose()


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()])
def test_among__other_keys__same_statement(dialect: object) -> None:
    said = {str(select(NAMES).where(Among(NAMES.c.unit, keys)).compile(dialect=dialect))  # type: ignore[arg-type]
            for keys in (["a"], ["b", "c"], ["'"])}
    assert len(said) == 1
    one, two = (select(NAMES).where(Among(NAMES.c.unit, keys))._generate_cache_key() for keys in (["a"], ["b", "c"]))
    assert one is not None and two is not None and one.key == two.key


def test_index__of_the_column__is_used() -> None:
    """SQLAlchemy ends a condition of its own with `= 1` on SQLite, which then reads the whole table."""
    engine = filled()
    with engine.connect() as connection:
        for column in (NAMES.c.unit, m.EventLine.__table__.c.unit, m.Event.__table__.c.event_id):  # type: ignore[attr-defined]
            statement = select(column).where(Among(column, ["a"]), column != "b").compile(dialect=engine.dialect)
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {statement}".replace("?", "''"))).all()
            assert any("SEARCH" in row[3] and "INDEX" in row[3] for row in plan), plan
            assert not any(row[3] == f"SCAN {column.table.name}" for row in plan)
    engine.dispose()
