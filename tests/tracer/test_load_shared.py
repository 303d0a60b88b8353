"""Several books of one enterprise: each accounts for its own lots, and for its part of a declaration that they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from random_index import START_S, ZERO, RandomIndex, directory
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from indexer import models as m
from indexer.bulk import upsert
from indexer.database import open_engine
from ledger.directory import BookEntry
from ledger.vocabulary import Kind, Thing
from tracer.book import BookData
from tracer.check import check
from tracer.load import load_book
from tracer.moment import Span
from tracer.trace import ask, backward, forward

BOTH = directory(BookEntry(2, "mill-second", "Mill, processing", "mill", "GC"),
                 BookEntry(3, "rival-book", "Rival", "rival", "SXXK"))
MICRO = 10**6


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = open_engine("sqlite://")
    yield engine
    engine.dispose()


def load(session: Session, who: Any, number: int, at_ms: int) -> BookData:
    return load_book(session, who, number, period=Span(0, at_ms), as_of_ms=at_ms)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_book__another_of_its_owner_beside_it__is_what_it_was_alone(engine: Engine, seed: int) -> None:
    first = RandomIndex(engine, seed)
    with Session(engine) as session:
        alone = load(session, directory(), 1, first.last_ms)
    second = RandomIndex(engine, seed + 100, book=2)
    with Session(engine) as session:
        beside = load(session, BOTH, 1, first.last_ms)
        other = load(session, BOTH, 2, second.last_ms)
        assert [replace(e, book="") for e in beside.events] == [replace(e, book="") for e in alone.events]
        assert (beside.lots, beside.norms) == (alone.lots, alone.norms)
        assert {x.key for x in alone.lines} <= {x.key for x in beside.lines}  # and what no book has drawn yet
        assert len(other.lots) > 10 and not {x.id for x in other.lots} & {x.id for x in beside.lots}
        named = {lot.id for lot in (*beside.lots, *other.lots)}
        for book in (beside, other):
            check(book)  # whatever it finds, it can be judged
            own = {lot.id for lot in book.lots}
            for event in book.events:
                lots = {leg.unit for leg in event.legs if leg.thing is Thing.LOT}
                assert lots & own or not lots & named


@pytest.mark.parametrize("seed", [1, 2])
def test_trace__in_either_book__is_what_the_whole_book_says(engine: Engine, seed: int) -> None:
    first, second = RandomIndex(engine, seed), RandomIndex(engine, seed + 100, book=2)
    at_ms = second.last_ms
    with Session(engine) as session:
        for number, index in ((1, first), (2, second)):
            book = load(session, BOTH, number, at_ms)
            names = {unit: name for name, unit in book.unit_ids.items()}
            for unit in index.lots:
                for direction, whole in (("backward", backward), ("forward", forward)):
                    [part] = ask(session, BOTH, unit, direction, as_of_ms=at_ms)  # type: ignore[arg-type]
                    assert part.to_json() == whole(book, names[unit]).to_json()


def shared(engine: Engine, *received: tuple[int, int], value: str = "500") -> tuple[RandomIndex, str]:
    """A cleared import line of 100 pieces and what each book received of it."""
    index = RandomIndex(engine, 1, acts=0)
    [line] = [x for x, purpose in index.lines.items() if purpose == "RECEIVE"][:1]
    index.rows = {}
    for book, quantity in received:
        index.book = book
        index.random.seed(5)  # nothing is refused
        lot = index.lot("COTTON", "IMPORTED", line)
        index.event("RECEIVE_FACTORY", (lot, "RAW", quantity * MICRO, "OUTPUT"), reference=line)
    with Session(engine) as session:
        declared = session.get_one(m.LineState, line).version
    blank = dict.fromkeys(("book", "purpose", "enterprise", "material", "description", "hs", "origin", "partner",
                           "original_declaration", "original_line"), "")
    index.add(m.DeclarationLine, event_id=declared, unit=line, declaration="D", line="1", direction="import",
              regime="E31", registered_at="2026-01-02", code="COTTON", quantity_micro=100 * MICRO, uom="KGM",
              value=value, currency="USD", duty_rate="12", **blank)
    with engine.begin() as connection:
        for model in (m.Event, *(x for x in index.rows if x is not m.Event)):
            upsert(connection, model.__table__, index.rows[model])
        connection.execute(m.LineState.__table__.update().values(quantity_micro=100 * MICRO))  # type: ignore[attr-defined]
    return index, line


def test_line__received_into_two_books__each_has_its_part_of_quantity_and_value(engine: Engine) -> None:
    index, line = shared(engine, (1, 60), (2, 40))
    with Session(engine) as session:
        parts = []
        for number in (1, 2):
            book = load(session, BOTH, number, index.last_ms)
            key = {unit: name for name, unit in book.unit_ids.items()}[line]
            [mine] = [x for x in book.lines if x.key == key]
            parts.append((mine.quantity_micro, mine.value))
            assert {r.kind for r in forward(book, key).rows} == {"in_store"}
        assert parts == [(60 * MICRO, Fraction(300)), (40 * MICRO, Fraction(200))]
        told = ask(session, BOTH, line, "forward", as_of_ms=index.last_ms)
        assert [(t.book, [r.quantity_micro for r in t.rows]) for t in told] == [
            ("mill-book", [60 * MICRO]), ("mill-second", [40 * MICRO])]
        alone = load(session, directory(), 1, index.last_ms)  # the other is a rival's, as far as this one knows
        assert [x.quantity_micro for x in alone.lines if x.key == key] == [100 * MICRO]


def test_line__received_into_one_book__is_no_line_of_the_other(engine: Engine) -> None:
    index, line = shared(engine, (2, 40))
    with Session(engine) as session:
        first, second = (load(session, BOTH, number, index.last_ms) for number in (1, 2))
        key = {unit: name for name, unit in second.unit_ids.items()}[line]
        assert key in {x.key for x in second.lines} and key not in {x.key for x in first.lines}
        [told] = ask(session, BOTH, line, "forward", as_of_ms=index.last_ms)
        assert (told.book, sorted((r.kind, r.quantity_micro) for r in told.rows)) == (
            "mill-second", [("in_store", 40 * MICRO), ("not_received", 60 * MICRO)])


def test_units_held__belonging_to_no_book__are_looked_at_in_the_first_alone(engine: Engine) -> None:
    index, _ = shared(engine, (1, 60), (2, 40))
    box = "0x" + "b0" * 32
    index.rows = {}
    index.add(m.Unit, unit=box, thing="CONTAINER", status="FREE", eligible=False, empty=False, holds=0, custodian=1,
              facility=0, offeree=0, offer_expires_at_s=0, head=ZERO, changed_by=ZERO)
    index.add(m.UnitState, unit=box, seq=1, event_id=ZERO, thing="CONTAINER", status="FREE", eligible=False, holds=0,
              custodian=1, facility=0, offeree=0, recorded_at_s=START_S)
    index.event("OBSERVE", (box, "NONE", 0, "NONE"), book=0, outcome=0)
    index.rows[m.UnitState][0]["event_id"] = index.rows[m.Event][0]["event_id"]
    with engine.begin() as connection:
        for model in (m.Event, m.Unit, m.EventLine, m.UnitState):
            upsert(connection, model.__table__, index.rows[model])
    with Session(engine) as session:
        books = [load(session, BOTH, number, index.last_ms) for number in (1, 2)]
    assert [any(leg.thing is Thing.CONTAINER for e in book.events for leg in e.legs) for book in books] == [True, False]


def test_transfer__between_books_of_one_owner__each_has_its_own_line(engine: Engine) -> None:
    index, _ = shared(engine, (1, 60), (2, 1))
    index.rows = {}
    index.book = 1
    goes, comes = index.line_for("TRANSFER_OUT"), index.line_for("TRANSFER_IN")
    before = index.lots[-2]
    index.book = 2
    after = index.lot("COTTON", "IMPORTED")
    index.event("ACCEPT", (before, "RAW", 0, "INPUT"), (after, "RAW", 25 * MICRO, "OUTPUT"),
                (goes, "NONE", 0, "TRANSFER_OUT"), (comes, "NONE", 0, "TRANSFER_IN"))
    with engine.begin() as connection:
        for model in (m.Event, *(x for x in index.rows if x is not m.Event)):
            upsert(connection, model.__table__, index.rows[model])
    with Session(engine) as session:
        for number, own, unit, held in ((1, goes, before, 35), (2, comes, after, 25)):
            book = load(session, BOTH, number, index.last_ms)
            names = {ident: name for name, ident in book.unit_ids.items()}
            [moved] = [e for e in book.events if e.kind is Kind.TRANSFER]
            assert moved.line == names[own]
            assert {r.kind: r.quantity_micro for r in forward(book, names[unit]).rows}["in_store"] == held * MICRO
