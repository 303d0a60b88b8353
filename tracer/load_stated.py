"""What is stated of a book as a whole, in rows of the index: norms, and the stocks of stock-takes."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlmodel import col

from indexer import models as m
from indexer.among import Among
from ledger.directory import BookEntry
from tracer.book import Count, Norm
from tracer.labels import label
from tracer.load_rows import Reader
from tracer.load_sql import EVENT, EVENTS, rows_of, table_of
from tracer.moment import Span, parse_span
from tracer.quantity import number


def norms(reader: Reader, of_book: ColumnElement[bool], owner: int, products: Iterable[str] | None = None
          ) -> tuple[Norm, ...]:
    """Norms that the owner declared (or customs for it) for a book, of events that stand.

    Args:
        of_book: condition on the norms. owner: number of the book's owner.
        products: codes of products whose norms are wanted; of all where None.
    """
    query = _with_events(m.Norm).where(of_book)
    if products is not None:
        products = set(products)
        if not products:
            return ()
        query = query.where(Among(table_of(m.Norm).c.product, sorted(products)))
    result = []
    enterprise = reader.names.participant(owner)
    for row in rows_of(reader.session, query):
        named = ("", enterprise) if row.participant == owner else (enterprise,)
        if not reader.may_state(row, owner) or row.enterprise not in named or not _kept(reader, row):
            continue
        result.append(Norm(
            row.product, row.material, number(row.norm), row.product_uom, row.material_uom, row.flag,
            _span(reader, row.valid_from), _span(reader, row.valid_to), _optional(row.loss_rate),
            row.event_id, row.recorded_at_s * 1_000))
    return tuple(result)


def counts(reader: Reader, entry: BookEntry, enterprise: str, owner: int) -> tuple[Count, ...]:
    """Stocks that a stock-take of the book by its owner or customs states, by the date they are for."""
    query = _with_events(m.CountEntry).where(
        or_(col(m.CountEntry.book) == entry.id, EVENT.book == entry.number))
    result = []
    for row in rows_of(reader.session, query):
        if not reader.may_state(row, owner) or not _kept(reader, row):
            continue
        at = parse_span(row.at, reader.offset)
        if at.start_ms <= reader.as_of_ms:
            lot = label(enterprise, row.lot) if row.lot else ""
            code = row.code or (reader.lots[lot].code if lot in reader.lots else "")
            result.append(Count(at, row.stock, code, int(row.quantity_micro), row.uom, lot, row.place,
                                row.event_id))
    return tuple(result)


def _with_events(model: Any) -> Any:
    """Rows of a table of statements with the recorded events that they are of, in the ledger's order."""
    said = table_of(model)
    own = (c for c in said.c if c.name not in EVENT)
    return EVENTS.add_columns(*own).join_from(
        said, EVENT.event_id.table, EVENT.event_id == said.c.event_id).where(EVENT.outcome == 0).order_by(
        EVENT.seq, said.c.position)


def _kept(reader: Reader, event: Any) -> bool:
    """Whether a count or norm stands; one that does against its poster's CORRECT is remembered."""
    if not reader.voids.stands(event):
        return False
    if event.voided_by is not None:
        reader.taken_back.add(event.event_id)
    return True


def _span(reader: Reader, text: str) -> Span | None:
    return parse_span(text, reader.offset) if text else None


def _optional(text: str) -> Fraction | None:
    return number(text) if text else None
