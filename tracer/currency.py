"""Sums in one currency: what is stated in several is converted by the rates of the book, or not added."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from tracer.book import BookData, DeclarationLine
from tracer.moment import Span
from tracer.quantity import grouped

OWN = {"VN": "VND", "EU": "EUR", "UK": "GBP", "US": "USD"}
"""A book's own currency by its jurisdiction; where a sum states none it is in that."""


def own_of(book: BookData) -> str:
    """The book's own currency; that of Vietnam where its jurisdiction is none that we know."""
    return OWN.get(book.jurisdiction, OWN["VN"])


def in_own(book: BookData, value: Fraction, currency: str, at: Span) -> Fraction | None:
    """A sum by the exchange rate in force at a moment; None where no rate is known."""
    if currency in ("", own_of(book)):
        return value
    for row in book.rates or ():
        early = row.valid_from is not None and at.end_ms < row.valid_from.start_ms
        late = row.valid_to is not None and at.start_ms > row.valid_to.end_ms
        if row.currency == currency and not early and not late:
            return value * row.rate
    return None


def named(book: BookData, stated: str) -> str:
    """A currency as people are told it: what is stated, else in Vietnam the book's own; elsewhere unknown."""
    return stated or (OWN["VN"] if book.jurisdiction == "VN" else "")


def money(amount: object, currency: str) -> str:
    """An amount as people read it, with what it is in: `12,000 VND`. Nothing needs no currency."""
    if not amount or (amount == "0" and not currency):
        return str(amount or "")
    return f"{grouped(amount)} {currency or '(currency not stated)'}"


def common(book: BookData, lines: Iterable[DeclarationLine]) -> str:
    """The currency in which sums over these lines are made: the one that all state, else the book's own.

    A line that states none is in that of the others; empty where none states any.
    """
    stated = {line.currency for line in lines if line.value is not None and line.currency}
    return stated.pop() if len(stated) == 1 else own_of(book) if stated else ""


def line_value(book: BookData, line: DeclarationLine, currency: str) -> Fraction | None:
    """Value of a line in the `common` currency of the book; None where not stated, or without a rate."""
    if line.value is None or line.currency in ("", currency):
        return line.value
    return in_own(book, line.value, line.currency, line.registered or book.period)
