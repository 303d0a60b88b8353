"""Prices in the book's own currency, for the rules that compare them."""

from __future__ import annotations

from fractions import Fraction

from ledger.vocabulary import MICRO, LineRole
from tracer.book import DeclarationLine
from tracer.currency import in_own
from tracer.facts import Facts
from tracer.moment import Span


def in_own_currency(facts: Facts, value: Fraction, currency: str, at: Span) -> Fraction | None:
    """A sum by the exchange rate in force at a moment; None where no rate is known."""
    return in_own(facts.book, value, currency, at)


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
