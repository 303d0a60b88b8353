"""What the index holds beside the events of a book: pairs of on-spot declarations of two enterprises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from journey_index import JourneyIndex, journey
from sqlalchemy import select, update
from sqlmodel import col
from test_load import BOOK, load
from test_more_rules import found, missing

from indexer import models as m
from indexer.feed import Change
from ledger.vocabulary import LineRole
from tracer.book import BookData
from tracer.files.beside import join
from tracer.runs.inputs import Watch, watched
from tracer.runs.touching import stretch_of


def marked(*, answered: bool) -> tuple[JourneyIndex, str]:
    """The journey, its first export marked as on-spot, and an import of the other enterprise that names it or not."""
    index = journey()
    book = load(index)
    with index.session() as session:
        states = {x.line: x for x in session.execute(select(m.LineState)).scalars()}
        lines = session.execute(select(m.DeclarationLine).order_by(col(m.DeclarationLine.unit))).scalars().all()
        own = {x.key for x in book.lines}
        export = next(x for x in book.lines if x.purpose == LineRole.EXPORT and x.cleared is not None)
        declaration, _, _ = export.key.rpartition("/")
        for row in lines:
            key = f"{row.declaration}/{row.line}"
            if key == export.key:
                row.description = f"{row.description} #&XKTC"
            elif answered and key not in own and states[row.unit].purpose == "RECEIVE":
                row.description = f"{row.description} #&NKTC#&{declaration}"
                answered = False
            session.execute(update(m.DeclarationLine).where(col(m.DeclarationLine.event_id) == row.event_id).values(
                description=row.description))
        session.commit()
    return index, export.key


def late(book: BookData) -> BookData:
    return replace(book, as_of_ms=book.as_of_ms + 30 * 86_400_000)


def test_on_spot_export__its_import_is_another_s_on_the_ledger__is_found_and_compared() -> None:
    index, key = marked(answered=True)
    book = load(index)
    assert book.beside.on_spot is not None
    (pair,) = book.beside.on_spot
    assert pair.line == key and pair.imported not in {x.key for x in book.lines} and pair.quantity
    assert found(book, "X8"), "other goods and quantities than the export's"
    assert not missing(book, "X8")
    index.engine.dispose()


def test_on_spot_export__no_import_names_it__is_found_as_alone() -> None:
    index, key = marked(answered=False)
    book = late(load(index))
    assert book.beside.on_spot == ()
    (finding,) = found(book, "X8")
    assert finding.subject_id == key and finding.severity == "high"
    index.engine.dispose()


def test_on_spot_import__declared_by_another__reopens_what_it_answers() -> None:
    index, _ = marked(answered=True)
    book = load(index)
    watch = Watch(watched(replace(book, unit_ids={}, elsewhere=frozenset())))
    with index.session() as session:
        said = session.execute(select(m.DeclarationLine).where(col(m.DeclarationLine.description).contains("NKTC"))).scalars().one()
        session.execute(update(m.DeclarationLine).where(col(m.DeclarationLine.event_id) != said.event_id).values(description=""))
        changes = [Change(1, 1, "declaration_line", (said.event_id,), "insert")]
        assert stretch_of(session, index.directory, changes).touches(watch, 99, 99)
        session.execute(update(m.DeclarationLine).values(description=""))
        assert not stretch_of(session, index.directory, changes).touches(watch, 99, 99)
    index.engine.dispose()


def test_no_on_spot_export__nothing_is_asked_of_the_index() -> None:
    index = journey()
    assert load(index, BOOK).beside.on_spot is None
    index.engine.dispose()


def test_join__declarations_of_the_folder__fill_what_is_empty_and_change_nothing(tmp_path: Path) -> None:
    index = journey()
    book = load(index)
    line = next(x for x in book.lines if x.hs and not x.destination and x.purpose == LineRole.EXPORT)
    declaration, _, number = line.key.rpartition("/")
    (tmp_path / "declarations.csv").write_text(
        "declaration,line,direction,regime,code,quantity,uom,hs,destination,contract\n"
        f"{declaration},{number},export,E62,OTHER,1,KGM,99999999,US,HD-1\n999,1,export,E62,X,1,KGM,,US,\n", encoding="utf-8")
    (tmp_path / "places.csv").write_text("place,kind,latitude,longitude\nthanh-lam-factory,factory,21.1,106.0\n", encoding="utf-8")
    (tmp_path / "claims.csv").write_text("material,quantity,uom\nFAB-PES-150,100,MTR\n", encoding="utf-8")
    joined = join(book, tmp_path)
    (now,) = [x for x in joined.book.lines if x.key == line.key]
    assert now == replace(line, destination="US", contract="HD-1")
    assert [x for x in joined.book.lines if x.key != line.key] == [x for x in book.lines if x.key != line.key]
    assert joined.book.events == book.events and joined.book.claims == {"FAB-PES-150": 100_000_000}
    assert [(n.file, n.row) for n in joined.faults.notes] == [("declarations.csv", 3)] and joined.faults.found == []
    assert [p.kind for p in joined.book.places or ()] == ["factory"]
    index.engine.dispose()
