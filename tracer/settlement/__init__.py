"""Settle a book: forms, ledgers and the exemption statement. A pure function of the book's data."""

from __future__ import annotations

from dataclasses import replace

from ledger.errors import InputError
from tracer.balance import Row, Source
from tracer.book import BookData
from tracer.facts import Facts
from tracer.moment import Span, iso, iso_day
from tracer.settlement.document import NormRow, Settlement
from tracer.settlement.exemption import exempt_materials, exemption, unranked

__all__ = ["NormRow", "Settlement", "settle"]


def settle(book: BookData, period: Span | None = None) -> Settlement:
    """Settle a book's period.

    Args:
        book: the data.
        period: another period than the book's own.

    Returns:
        Forms 15, 15a and 16, the WIP, semi-finished and scrap ledgers and the exemption statement. What
        cannot be worked out (norms in a circle, no norm, no factor) is named in `missing` and left out,
        never guessed.
    """
    return settle_facts(Facts(replace(book, period=period) if period else book))


def settle_facts(facts: Facts) -> Settlement:
    """`settle` for a caller that has the facts already."""
    book = facts.book
    result = Settlement(
        book.id,
        book.enterprise,
        book.regime,
        book.jurisdiction,
        iso_day(book.period.start_ms, book.offset),
        iso_day(book.period.end_ms, book.offset),
        iso(book.as_of_ms, book.offset),
        book.allocation,
        book.yield_basis,
        names={
            **{line.code: line.description for line in book.lines if line.description},
            **book.descriptions,
        },
        form15=_sorted(facts.accounts.materials),
        form15a=_sorted(facts.accounts.products),
        semi_finished=_sorted(facts.accounts.semi_finished),
        wip=_sorted(facts.accounts.wip),
        scrap=_sorted(facts.accounts.scrap),
    )
    result.missing += [
        f"factor for {n.material} from {n.material_uom} or for {n.product} from {n.product_uom}"
        for n in facts.unconverted
    ]
    try:
        result.missing += [f"norm of {product}" for product in sorted(facts.usage.without_norm)]
        result.form16 = _form16(facts, result.names)
        result.materials = list(exempt_materials(facts).values())
        result.exemption = exemption(facts)
        result.missing += unranked(facts, result.exemption)
    except InputError as fault:
        result.missing.append(str(fault))
    return result


def _sorted(table: dict[tuple[str, Source], Row]) -> list[Row]:
    order = {"imported": 0, "domestic": 1, "own": 2}
    rows = [row for row in table.values() if any(row.cells.values())]
    return sorted(rows, key=lambda r: (r.code, order[r.source]))


def _form16(facts: Facts, names: dict[str, str]) -> list[NormRow]:
    """Norms of what was made or left in the period, in base materials; semi-finished goods are not shown."""
    use = facts.usage
    shown = {p for p, q in use.output.items() if q and p not in use.semi} | {
        p for p, q in facts.exported.items() if q
    }
    pairs = {pair for pair in (*use.base_declared, *use.base_ledger) if pair[0] in shown}
    pairs |= {pair for pair, flag in use.flags.items() if flag == "KXDDM" and pair[0] in shown}
    return [NormRow(
        product, names.get(product, ""), facts.uoms.get(product, ""), material, names.get(material, ""),
        facts.uoms.get(material, ""), use.flags.get((product, material), ""),
        use.base_declared.get((product, material)), use.base_ledger.get((product, material)))
        for product, material in sorted(pairs)]
