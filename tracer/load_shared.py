"""Books of one enterprise: what of its declarations each of them accounts for.

An enterprise may hold several books, and declarations are shared across them (domain reference 4.3); the
ledger sees to it that no line is drawn beyond its quantity, whichever book draws. A line that acts of other
books alone draw, or that names another and is drawn by none, is no line of this book. Of one that several
draw, what acts of the others drew is not this book's, and neither is that part of its value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from sqlalchemy import select

from indexer.among import Among
from ledger.directory import BookEntry, Directory
from ledger.vocabulary import Kind
from tracer.load_rows import Reader
from tracer.load_sql import EVENT, LEG, LOT

_DRAWN = {
    Kind.RECEIVE_FACTORY.name: 1, Kind.EXPORT_LOAD.name: 1, Kind.UNLOAD.name: -1, Kind.REEXPORT.name: 1,
    Kind.REPURPOSE.name: 1, Kind.SCRAP_OUT.name: 1, Kind.FG_RETURN.name: 0,
}
"""Kinds that draw the line they name by what they move of lots, or give it back, or have to do with it."""


def others_of(directory: Directory, entry: BookEntry) -> frozenset[int]:
    """Numbers of the other books of a book's owner."""
    return frozenset(b.number for b in directory.books if b.owner == entry.owner) - {entry.number}


def is_first(directory: Directory, entry: BookEntry) -> bool:
    """Whether a book is the first of its owner: custody of what belongs to no book of his is looked at there.
    """
    return all(number > entry.number for number in others_of(directory, entry))


def share_lines(reader: Reader, entry: BookEntry, lines: Iterable[str]) -> list[str]:
    """Leave to other books of the owner what of lines that were read is theirs; ids of those that stay.

    Args:
        reader: has the lines, and knows the other books.
        entry: the book.
        lines: ids of the lines.
    """
    lines = sorted(lines)
    if not reader.others:
        return lines
    names = {number: reader.names.book(number) for number in reader.others}
    drawn = _drawn(reader, lines)
    stay = []
    for unit in lines:
        key = reader.names.unit(unit)
        line, by = reader.lines[key], drawn.get(unit, {})
        if entry.number in by or not (by or line.book in names.values()):
            stay.append(unit)
            theirs = max(0, sum(q for book, q in by.items() if book != entry.number))
            if theirs and line.quantity_micro:
                rest = max(0, line.quantity_micro - theirs)
                part = Fraction(rest, line.quantity_micro)
                reader.lines[key] = replace(
                    line, quantity_micro=rest, value=None if line.value is None else line.value * part)
        else:
            del reader.lines[key]
    return stay


def _drawn(reader: Reader, lines: list[str]) -> dict[str, dict[int, int]]:
    """By line and book, what acts that stand drew of it; a book that gave all back is still named."""
    query = select(EVENT.reference, LOT.book, EVENT.kind, LEG.quantity_micro).join_from(
        EVENT.event_id.table, LEG.unit.table, EVENT.event_id == LEG.event_id).join(
        LOT.unit.table, LOT.unit == LEG.unit).where(
        Among(EVENT.reference, lines), EVENT.kind.in_(_DRAWN), EVENT.outcome == 0, EVENT.voided_by.is_(None),
        EVENT.occurred_at_ms <= reader.as_of_ms)
    result: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for line, book, kind, quantity in reader.session.execute(query):
        result[line][book] += _DRAWN[kind] * int(quantity)
    return result
