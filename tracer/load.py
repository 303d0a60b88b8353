"""A book's data from the index.

What counts: recorded events, except those that customs voided and remarks and replaced statements that their
poster took back (`voids`), and an OPENING, ADJUST, REASSIGN or DESTROY only where an
APPROVE executed it (it then stands at its own time and at the approval's place in the ledger's order).
Refused events stay as evidence; one that its own poster took back by CORRECT is marked, one that customs
voided is left out. Content comes from opened payloads alone: what is sealed to others is missing, never
guessed.

Events after `as_of` are not read. Norms are, since a norm may be filed after the period that it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from indexer.among import Among
from ledger.directory import BookEntry, Directory
from ledger.errors import InputError
from tracer.book import BookData, Count, Norm, Tolerances
from tracer.load_beside import on_spot, places, registered, told_of_lines
from tracer.load_elsewhere import elsewhere
from tracer.load_rows import Reader
from tracer.load_shared import is_first, others_of, share_lines
from tracer.load_sql import EVENT, LEG, LOT, rows_of, table_of
from tracer.load_stated import counts, norms
from tracer.moment import Span, parse_span
from tracer.names import Names
from tracer.voids import customs_of

_CUSTODY = ("CONTAINER", "CARGO")


def load_book(
    session: Session,
    directory: Directory,
    book: str | int,
    *,
    period: Span,
    as_of_ms: int | None = None,
    offset: str = "+07:00",
    allocation: str = "SPECIFIC",
    tolerances: Tolerances | None = None,
) -> BookData:
    """One book in one period.

    Args:
        session: the index.
        directory: names of participants, places and books.
        book: short id or number.
        period: first and last millisecond (`moment.parse_span` of two dates, joined).
        as_of_ms: nothing later is known; the end of the period when None.
        offset: the book's zone.
        allocation: policy for import lines (`allocation.POLICIES`).
        tolerances: the book's own, else the defaults.

    Raises:
        NotFoundError: no such book in the directory.
    """
    entry = directory.book(book)
    as_of = period.end_ms if as_of_ms is None else as_of_ms
    owner = directory.participant(entry.owner).number
    reader = Reader(session, Names(session, directory), as_of, offset, customs_of(session, directory),
                    others=others_of(directory, entry))
    reader.read_lots(rows_of(session, select(table_of(m.Lot)).where(LOT.book == entry.number)))
    declared = rows_of(session, select(table_of(m.LineState)).where(col(m.LineState.declarant) == owner))
    reader.read_lines(declared)
    lines = share_lines(reader, entry, (row.line for row in declared))
    stated = norms(reader, or_(col(m.Norm.book) == entry.id, col(m.Norm.book) == ""), owner)
    counted = counts(reader, entry, directory.participant(entry.owner).id, owner)
    reader.read_events(or_(_of_book(entry, lines, owner if is_first(directory, entry) else None),
                           Among(EVENT.event_id, sorted(reader.taken_back))))
    codes = _codes(reader, stated, counted)
    return BookData(
        entry.id,
        directory.participant(entry.owner).id,
        period,
        as_of,
        name=entry.name,
        regime=entry.regime,
        offset=offset,
        allocation=allocation,
        tolerances=tolerances or Tolerances(),
        lots=tuple(reader.lots.values()),
        lines=told_of_lines(reader.lines.values(), reader.events),
        places=places(session, directory),
        beside=replace(registered(session, reader.names, as_of), on_spot=on_spot(session, reader)),
        norms=stated,
        counts=counted,
        events=tuple(reader.events),
        descriptions=_known(reader.descriptions, codes),
        hs=_known(reader.hs, codes),
        customs=_customs(reader),
        elsewhere=elsewhere(session, reader.names, reader.events, reader.lines.values()),
        ledger_balances=reader.settled_balances(entry.number),
        unit_ids=reader.names.ids(),
    )


def load_custody(session: Session, directory: Directory, *, period: Span, as_of_ms: int | None = None,
                 offset: str = "+07:00", without: Iterable[BookData] = ()) -> BookData:
    """Custody of containers and cargo that belong to no book: a BookData without id, for the custody rules.

    Args:
        session, directory, period, as_of_ms, offset: as `load_book`.
        without: books whose units are looked at with them.
    """
    as_of = period.end_ms if as_of_ms is None else as_of_ms
    reader = Reader(session, Names(session, directory), as_of, offset, customs_of(session, directory))
    reader.read_lines(rows_of(session, select(table_of(m.LineState))))
    reader.read_events(col(m.Event.event_id).in_(
        select(col(m.EventLine.event_id)).join(m.Unit, col(m.Unit.unit) == col(m.EventLine.unit))
        .where(col(m.Unit.thing).in_(_CUSTODY))))
    known = {
        leg.unit for book in without for e in book.events for leg in e.legs if leg.thing.name in _CUSTODY
    }
    kept = []
    for event in reader.events:
        legs = tuple(leg for leg in event.legs if leg.thing.name in _CUSTODY and leg.unit not in known)
        if legs:
            kept.append(replace(event, legs=legs))
    return BookData(
        "",
        "",
        period,
        as_of,
        offset=offset,
        lines=told_of_lines(reader.lines.values(), reader.events),
        places=places(session, directory),
        beside=registered(session, reader.names, as_of),
        events=tuple(kept),
        customs=_customs(reader),
        elsewhere=elsewhere(session, reader.names, kept, reader.lines.values()),
        unit_ids=reader.names.ids(),
    )


def load_all(session: Session, directory: Directory, *, period: Span, as_of_ms: int | None = None,
             offset: str = "+07:00") -> list[BookData]:
    """Every book of the directory that the ledger knows, and last the custody that belongs to none of them.
    """
    numbers = set(session.execute(select(col(m.Book.number))).scalars())
    books = [load_book(session, directory, b.id, period=period, as_of_ms=as_of_ms, offset=offset)
             for b in sorted(directory.books, key=lambda b: b.number) if b.number in numbers]
    return [
        *books,
        load_custody(session, directory, period=period, as_of_ms=as_of_ms, offset=offset, without=books),
    ]


def _codes(reader: Reader, norms: Iterable[Norm], counts: Iterable[Count]) -> frozenset[str]:
    """Codes of materials and products that a book speaks of; those of other enterprises are not its own."""
    codes = {lot.code for lot in reader.lots.values()} | {line.code for line in reader.lines.values()}
    codes |= {count.code for count in counts}
    codes |= {code for norm in norms for code in (norm.product, norm.material)}
    codes |= {leg.code for event in reader.events for leg in event.legs}
    codes |= {loss.code for event in reader.events for loss in event.loss}
    return frozenset(codes)


def _known(said: Mapping[str, str], codes: frozenset[str]) -> dict[str, str]:
    return {code: said[code] for code in sorted(codes & said.keys())}


def _customs(reader: Reader) -> frozenset[str]:
    return frozenset(reader.names.participant(number) for number in reader.customs)


def period_of(first: str, last: str, offset: str = "+07:00") -> Span:
    """The period from one day to another, both included.

    Raises:
        InputError: not dates, or in the wrong order.
    """
    start, end = parse_span(first, offset), parse_span(last, offset)
    if end.end_ms < start.start_ms:
        raise InputError(f"a period from {first} to {last} ends before it begins.")
    return Span(start.start_ms, end.end_ms)


def _of_book(entry: BookEntry, lines: Sequence[str], owner: int | None) -> ColumnElement[bool]:
    """Events of the book, its lots and lines, of the units that its goods came in or leave with, and (in the
    first of an owner's books) of units that the owner holds.
    """
    lots = select(col(m.Lot.unit)).where(col(m.Lot.book) == entry.number)
    held = select(col(m.UnitState.unit)).where(
        col(m.UnitState.custodian) == owner, col(m.UnitState.thing).in_(_CUSTODY))
    came_in = (
        select(col(m.EventLine.unit))
        .join(m.Event, col(m.Event.event_id) == col(m.EventLine.event_id))
        .where(col(m.Event.book) == entry.number, col(m.EventLine.role).in_(_CUSTODY))
    )
    naming = select(col(m.EventLine.event_id)).where(or_(
        col(m.EventLine.unit).in_(lots), Among(LEG.unit, lines), col(m.EventLine.unit).in_(came_in),
        false() if owner is None else col(m.EventLine.unit).in_(held)))
    return or_(
        col(m.Event.book) == entry.number,
        col(m.Event.event_id).in_(naming),
        Among(EVENT.reference, lines),
    )
