"""A trace of a part of a book gives what the whole book gives, and reads no more than the part."""

from __future__ import annotations

from typing import Any

import pytest
from journey_index import JourneyIndex, irregularities, journey
from random_index import RandomIndex
from random_index import directory as mill
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col
from test_load import YEAR, refused

from indexer import models as m
from indexer.database import open_engine
from ledger.errors import NotFoundError
from tracer.graph import Basis
from tracer.load import load_book
from tracer.load_part import load_part
from tracer.moment import Span
from tracer.network import Direction
from tracer.trace import ask, backward, forward

AS_OF = YEAR.end_ms
WAYS: tuple[Direction, ...] = ("backward", "forward")
WHOLE = {"backward": backward, "forward": forward}
EVERY = [f["name"] for f in irregularities()]


def journeys(name: str) -> JourneyIndex:
    if not name:
        return journey()
    chosen = [f for f in irregularities() if f["name"] == name]
    return journey(name, outcomes={k: v for f in chosen for k, v in refused(f).items()})


def told(traces: Any) -> list[dict[str, Any]]:
    return [t.to_json() for t in traces]


@pytest.mark.parametrize("direction", WAYS)
@pytest.mark.parametrize("basis", ["used", "physical"])
@pytest.mark.parametrize("name", ["", *EVERY])
def test_trace__of_every_lot_and_line__is_what_the_whole_book_says(
        name: str, basis: Basis, direction: Direction) -> None:
    index = journeys(name)
    try:
        with index.session() as session:
            books = {b.number: load_book(session, index.directory, b.number, period=Span(0, AS_OF), as_of_ms=AS_OF)
                     for b in index.directory.books}
            lots = {row.unit: row.book for row in session.execute(select(m.Lot)).scalars()}
            lines = list(session.execute(select(col(m.LineState.line))).scalars())
            assert len(lots) > 5 and len(lines) > 3
            for unit, number in lots.items():
                subject = next(k for k, v in books[number].unit_ids.items() if v == unit)
                part = ask(session, index.directory, unit, direction, as_of_ms=AS_OF, basis=basis)
                assert told(part) == told([WHOLE[direction](books[number], subject, basis)])
            for unit in lines:
                try:
                    part = ask(session, index.directory, unit, direction, as_of_ms=AS_OF, basis=basis)
                except NotFoundError:
                    continue
                for trace in part:
                    book = next(b for b in books.values() if b.id == trace.book)
                    assert trace.to_json() == WHOLE[direction](book, trace.subject, basis).to_json()
    finally:
        index.engine.dispose()


def whole_and_part(seed: int, basis: Basis, direction: Direction, *, wild: bool) -> None:
    """The same rows and the same drawing, at the end and a while before it."""
    engine = open_engine("sqlite://")
    try:
        index, rows = RandomIndex(engine, seed, wild=wild), 0
        with Session(engine) as session:
            for at_ms in (index.last_ms, index.last_ms - 15_000):
                book = load_book(session, mill(), 1, period=Span(0, at_ms), as_of_ms=at_ms)
                names = {unit: name for name, unit in book.unit_ids.items()}
                for unit in (*index.lots, *index.lines):
                    [part] = ask(session, mill(), unit, direction, as_of_ms=at_ms, basis=basis)
                    assert part.to_json() == WHOLE[direction](book, names[unit], basis).to_json()
                    rows += len(part.rows)
        assert rows > 50
    finally:
        engine.dispose()


@pytest.mark.parametrize("direction", WAYS)
@pytest.mark.parametrize("basis", ["used", "physical"])
def test_anything__on_both__part_and_whole_say_the_same(basis: Basis, direction: Direction) -> None:
    whole_and_part(9, basis, direction, wild=False)


@pytest.mark.parametrize("direction", WAYS)
@pytest.mark.parametrize("wild", [False, True])
@pytest.mark.parametrize("seed", range(1, 8))
def test_trace__acts_at_random__is_what_the_whole_book_says(
        seed: int, direction: Direction, *, wild: bool) -> None:
    whole_and_part(seed, "used" if seed % 2 else "physical", direction, wild=wild)


def test_ancestry__of_a_received_lot__reads_its_own_events_only() -> None:
    index = journeys("")
    try:
        with index.session() as session:
            unit, number = next(iter(session.execute(
                select(col(m.Lot.unit), col(m.Lot.book)).where(col(m.Lot.origin) == "IMPORTED"))))
            part = load_part(session, index.directory, number, "backward", lots=[unit], as_of_ms=AS_OF)
            whole = load_book(session, index.directory, number, period=Span(0, AS_OF), as_of_ms=AS_OF)
            name = {v: k for k, v in whole.unit_ids.items()}[unit]
            about = [e.id for e in whole.events if any(leg.unit == name for leg in e.legs)]
            assert [e.id for e in part.events] == about and 0 < len(about) < len(whole.events)
    finally:
        index.engine.dispose()
