"""Prices in the book's own currency, for the rules that compare them."""

from __future__ import annotations

from fractions import Fraction

from ledger.vocabulary import MICRO, LineRole
from tracer.book import DeclarationLine
from tracer.facts import Facts
from tracer.moment import Span

OWN = ("", "VND")
"""How the book's own currency is written."""


def in_own_currency(facts: Facts, value: Fraction, currency: str, at: Span) -> Fraction | None:
    """A sum by the exchange rate in force at a moment; None where no rate is known."""
    if currency in OWN:
        return value
    for row in facts.book.rates or ():
        early = row.valid_from is not None and at.end_ms < row.valid_from.start_ms
        late = row.valid_to is not None and at.start_ms > row.valid_to.end_ms
        if row.currency == currency and not early and not late:
            return value * row.rate
    return None


def line_value(facts: Facts, line: DeclarationLine) -> Fraction | None:
    """Value of a declaration line in the book's own currency; None where not stated or without a rate."""
    if line.value is None:
        return None
    return in_own_currency(facts, line.value, line.currency, line.registered or facts.book.period)


def import_price(facts: Facts, code: str) -> Fraction | None:
    """Average customs value of one unit of a material over its import lines; None where not known."""
    value, quantity = Fraction(0), 0
    for line in facts.lines_of.get(code, ()):
        known = line_value(facts, line)
        if line.purpose == LineRole.RECEIVE and line.cancelled is None and known is not None:
            value += known
            quantity += line.quantity_micro
    return value * MICRO / quantity if quantity else None
