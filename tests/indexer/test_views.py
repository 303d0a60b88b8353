"""The views: the same on both databases, every promised column, and what they say of a known story."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

import indexer.views as views
from indexer.database import migrate, open_engine
from indexer.models import TABLES
from indexer.views import VIEWS, drop_views, make_views
from tests.indexer import views_reference
from tests.indexer.helpers import fetch, indexed, make_indexer
from tests.indexer.story import full_story
from tests.postgres import fresh_database

STORY = full_story()


@pytest.fixture(scope="module")
def on_sqlite() -> Engine:
    return indexed(STORY)


@pytest.fixture(scope="module")
def on_postgresql() -> Iterator[Engine]:
    with fresh_database() as url:
        engine = open_engine(url)
        make_indexer(STORY, STORY.chain(), engine).run_once()
        yield engine
        engine.dispose()


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        said = value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return said.replace(".000Z", "Z")
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, str):
        return value.replace(".000Z", "Z") if value.endswith(".000Z") else value
    return str(int(value)) if isinstance(value, int) else value


def rows(engine: Engine, view: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        connection.execute(text("SET TIME ZONE 'UTC'") if engine.dialect.name == "postgresql" else text("SELECT 1"))
        return sorted((tuple(plain(v) for v in row) for row in connection.execute(text(f"SELECT * FROM {view}"))), key=repr)


def asked(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(plain(v) for v in row) for row in fetch(engine, sql)]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_view__story_on_both__same_rows_and_the_promised_columns(
    on_sqlite: Engine, on_postgresql: Engine, view: views.View,
) -> None:
    there = rows(on_sqlite, view.name)
    assert there, f"the story leaves {view.name} empty, so nothing of it is tested"
    assert rows(on_postgresql, view.name) == there
    for engine in (on_sqlite, on_postgresql):
        assert [column["name"] for column in inspect(engine).get_columns(view.name)] == [name for name, _ in view.columns]
    for own, other, column in view.refers:
        assert own in dict(view.columns) and column in dict(next(v for v in VIEWS if v.name == other).columns)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_view__rows__told_apart_by_its_keys(on_sqlite: Engine, view: views.View) -> None:
    if view.name != "findings":
        keys = ", ".join(view.keys)
        assert asked(on_sqlite, f"SELECT {keys} FROM {view.name} GROUP BY {keys} HAVING count(*) > 1") == []


def test_handovers__offer_and_accept_of_the_story__who_when_and_how_long(on_sqlite: Engine) -> None:
    events = {row[0]: row[1:] for row in fetch(on_sqlite, "SELECT event_id, kind, participant, occurred_at_ms FROM event")}
    found = fetch(on_sqlite, "SELECT offer_event, answer_event, result, offered_by, answered_after_s FROM handovers"
                             " WHERE result = 'ACCEPT'")
    assert found
    for offer, answer, result, giver, seconds in found:
        assert events[offer][:2] == ("OFFER", giver) and events[answer][0] == result
        assert seconds == (events[answer][2] - events[offer][2]) // 1000


def states(connection: Any, unit: str, *steps: tuple[int, str]) -> None:
    """States of a unit by hand: facility and status, one a second apart."""
    for seq, (facility, status) in enumerate(steps, 1):
        connection.execute(text(
            "INSERT INTO event SELECT :id, :seq + 1000, block_number, block_hash, tx_hash, log_index + 1000 + :seq, signer, participant,"
            " kind, step, counterparty, facility, book, reference, :ms, recorded_at_s, deadline_s, nonce, commitment, outcome,"
            " outcome_name, NULL, NULL, NULL FROM event WHERE seq = 1"), {"id": f"0xe{seq}", "seq": seq, "ms": seq * 1000})
        connection.execute(text(
            "INSERT INTO unit_state (unit, seq, event_id, thing, status, eligible, holds, custodian, facility, offeree)"
            " VALUES (:unit, :seq, :id, 'CONTAINER', :status, false, 0, 1, :facility, 0)"),
            {"unit": unit, "seq": seq, "id": f"0xe{seq}", "status": status, "facility": facility})


def test_dwell__same_place_told_twice_nowhere_back_again_and_closed__each_stay_once() -> None:
    engine = indexed(STORY)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM unit_state"))
        states(connection, "0xbox", (7, "ACTIVE"), (7, "ACTIVE"), (0, "ACTIVE"), (7, "ACTIVE"), (8, "ACTIVE"), (8, "CLOSED"))
    assert fetch(engine, "SELECT facility, arrived_event, left_event, dwell_s FROM dwell ORDER BY arrived_event") == [
        (7, "0xe1", "0xe3", 2), (7, "0xe4", "0xe5", 1), (8, "0xe5", "0xe6", 1)]
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM unit_state WHERE seq >= 3"))
    assert fetch(engine, "SELECT facility, arrived_event, left_event, left_at, dwell_s FROM dwell") == [(7, "0xe1", None, None, None)]


def test_quantity__micro_units__exact_beyond_a_float_and_beyond_63_bits(on_postgresql: Engine) -> None:
    engine = open_engine("sqlite://")
    migrate(engine)
    for numbers in ((1, "0.000001"), (9_007_199_254_740_993, "9007199254.740993"), (2**64 - 1, "18446744073709.551615")):
        for one in (engine, on_postgresql):
            with one.connect() as connection:
                told = "'18446744073709551615'" if numbers[0] == 2**64 - 1 and one is engine else str(numbers[0])
                sql = views._WORDS[one.dialect.name]["amount"].format("q")
                said = connection.execute(text(f"SELECT {sql} FROM (SELECT {told} AS q) AS x")).scalar()
            assert str(said).lstrip("0").rjust(1, "0") == numbers[1].lstrip("0"), one.dialect.name


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_time__stated_beyond_every_calendar__empty_and_the_view_still_answers(
    on_sqlite: Engine, on_postgresql: Engine, kind: str,
) -> None:
    engine = on_sqlite if kind == "sqlite" else on_postgresql
    assert asked(engine, "SELECT count(*) FROM event WHERE occurred_at_ms > 253402300800000") != [("0",)]
    assert asked(engine, "SELECT count(*) FROM movements WHERE occurred_at IS NULL") != [("0",)]


def test_findings__sources__all_that_the_story_has(on_sqlite: Engine) -> None:
    counted = dict(asked(on_sqlite, "SELECT source, count(*) FROM findings GROUP BY source"))
    refused = asked(on_sqlite, "SELECT count(*) FROM event WHERE outcome >= 100")[0][0]
    assert counted["REFUSED"] == refused and {"NOT_TAKEN", "NORM_EXCEEDED", "PAYLOAD_WITHHELD"} <= set(counted)


def test_upgrade__right_to_read_a_view__kept() -> None:
    with fresh_database() as url:
        engine = open_engine(url)
        with engine.begin() as connection:
            connection.execute(text('CREATE ROLE "bi reader" LOGIN'))
            connection.execute(text('GRANT SELECT ON units, lots TO "bi reader"'))
            make_views(connection, drop_views(connection))
        may = "SELECT has_table_privilege('bi reader', '{}', 'SELECT')"
        assert [asked(engine, may.format(name))[0][0] for name in ("units", "lots", "dwell", "event")] == ["1", "1", "0", "0"]
        with engine.begin() as connection:
            connection.execute(text('DROP OWNED BY "bi reader"'))
            connection.execute(text('DROP ROLE "bi reader"'))
        engine.dispose()


def test_reference__views_and_picture__as_the_code_makes_them() -> None:
    for path, made in views_reference.files().items():
        assert path.read_text("utf-8") == made, f"{path.name} is old: python -m tests.indexer.views_reference"


def test_views__names__none_that_a_table_has() -> None:
    assert {view.name for view in VIEWS}.isdisjoint(table.name for table in TABLES)
