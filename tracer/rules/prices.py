"""Prices in one currency, for the rules that compare them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from ledger.vocabulary import MICRO, LineRole
from tracer.book import DeclarationLine
from tracer.currency import in_own
from tracer.currency import line_value as value_in
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


def trade_value(facts: Facts, line: DeclarationLine) -> Fraction | None:
    """Value of a declaration line in the one currency of all imports and exports, else in the book's own.

    None where it is not stated, or in a currency without a rate.
    """
    return value_in(facts.book, line, facts.trade_currency)


def trade_price(facts: Facts, lines: Iterable[DeclarationLine]) -> Fraction | None:
    """Average `trade_value` of one unit over lines that state one; None without any."""
    value, quantity = Fraction(0), 0
    for line in lines:
        known = trade_value(facts, line)
        if line.cancelled is None and known is not None:
            value += known
            quantity += line.quantity_micro
    return value * MICRO / quantity if quantity else None


def import_price(facts: Facts, code: str) -> Fraction | None:
    """Average customs value of one unit of a material over its import lines; None where not known."""
    value, quantity = Fraction(0), 0
    for line in facts.lines_of.get(code, ()):
        known = line_value(facts, line)
        if line.purpose == LineRole.RECEIVE and line.cancelled is None and known is not None:
            value += known
            quantity += line.quantity_micro
    return value * MICRO / quantity if quantity else None
