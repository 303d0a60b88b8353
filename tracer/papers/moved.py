"""The account of a stock by its form, of a lot and of a declaration line."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import Balance, Kind
from tracer.facts import Facts
from tracer.moment import iso_day
from tracer.papers.account import Account, Figure, Short, all_events, counted_words, ids_of, sum_of, take_ids
from tracer.quantity import nearest

_WORDS = {
    Kind.OPENING: "In the books from the beginning",
    Kind.RECEIVE_FACTORY: "Received",
    Kind.RECEIVE_DOMESTIC: "Bought inland",
    Kind.TRANSFORM: "In production",
    Kind.EXPORT_LOAD: "Loaded for export",
    Kind.SPLIT: "Split",
    Kind.MERGE: "Merged",
    Kind.REEXPORT: "Re-exported",
    Kind.SELL_INLAND: "Sold inland",
    Kind.REPURPOSE: "Purpose changed",
    Kind.DESTROY: "Destroyed",
    Kind.ADJUST: "Adjusted",
    Kind.SCRAP_OUT: "Scrap taken out",
    Kind.FG_RETURN: "Come back",
    Kind.UNLOAD: "Unloaded again",
    Kind.TRANSFER: "Transferred",
}


def _words(kind: Kind) -> str:
    return _WORDS.get(kind) or kind.name.replace("_", " ").capitalize()


def stock_account(facts: Facts, product: str) -> Account:
    """A product in the columns of form 15a, a material in those of form 15, closing stock as counted."""
    account = Account(facts.uoms.get(product, ""))
    material = any(code == product for code, _ in facts.accounts.materials)
    rows = [
        row
        for table in ((facts.accounts.materials,) if material else
                      (facts.accounts.products, facts.accounts.semi_finished))
        for (code, _), row in table.items()
        if code == product
    ]
    labels = {
        "opening": "In store at the beginning",
        "received": "Received, returns from production among it" if material else "Made or come back",
        "re_exported": "Re-exported as it came",
        "produced": "Made",
        "returned": "Returned from production",
        "exported": "Loaded for export",
        "repurposed": "Purpose changed, sold inland or destroyed",
        "issued": "Issued to production",
        "other_issue": "Issued otherwise",
    }
    stocks = ("material",) if material else ("product", "semi")
    takes = [t for t in facts.stock_takes if t.code == product and t.stock in stocks]
    gone = sum(t.expected_micro - t.counted_micro for t in takes if not t.missing)
    for column in dict.fromkeys(c for row in rows for c in row.columns):
        q = sum_of(rows, column)
        side = "in" if any(column in row.adding for row in rows) else "out"
        if q:
            account.figures.append(
                Figure(column, labels.get(column, column), side, q, events=ids_of(rows, column))
            )
    closing = sum((Fraction(row.closing) for row in rows), Fraction(0)) - gone
    account.figures += [
        Figure(
            "closing",
            "In store at the end",
            "out",
            closing,
            how=counted_words(facts, takes[0].stock if takes else stocks[0], product).lstrip(", ")
            or "by the books",
            events=tuple(i for t in takes for i in take_ids(facts, t)) or all_events(rows),
        ),
        Figure("unexplained", "Unexplained", "rest", Fraction(gone)),
    ]
    account.came = nearest(sum((f.exact for f in account.figures if f.side == "in"), Fraction(0)))
    account.rest = gone
    account.short = [
        Short(
            f"counted in store on {iso_day(t.at_ms, facts.book.offset)}",
            t.expected_micro,
            t.counted_micro,
            t.expected_micro - t.counted_micro,
            t.uom,
            "It was not found." if t.expected_micro > t.counted_micro else "It was found beyond the books.",
            take_ids(facts, t),
        )
        for t in takes
        if not t.missing and t.expected_micro != t.counted_micro
    ]
    return account


def moved_account(facts: Facts, subject: str) -> Account:
    """What the events of a lot, or of a declaration line, moved, kind by kind."""
    lot, line = facts.lots.get(subject), facts.lines.get(subject)
    account = Account(lot.uom if lot else line.uom if line else "")
    sums: dict[tuple[Kind, bool], int] = defaultdict(int)
    ids: dict[tuple[Kind, bool], dict[str, None]] = defaultdict(dict)
    net: dict[str, int] = defaultdict(int)
    for delta in facts.replay.deltas:
        own = delta.lot == subject if lot else delta.event.line == subject
        if own and delta.balance != Balance.LOADED:
            net[delta.event.id] += delta.change
    for event in facts.events:
        q = net.get(event.id, 0)
        if q:
            sums[event.kind, q > 0] += abs(q)
            ids[event.kind, q > 0][event.id] = None
    if line is not None:
        account.figures.append(
            Figure(
                "declared",
                "Declared",
                "in",
                Fraction(line.quantity_micro),
                events=(line.declared_by,) if line.declared_by in facts.by_id else (),
            )
        )
        account.came = line.quantity_micro
        for (kind, _), q in sums.items():
            account.figures.append(
                Figure(kind.name.lower(), _words(kind), "out", Fraction(q), events=tuple(ids[kind, _]))
            )
        account.rest = line.quantity_micro - sum(sums.values())
        label = "Not used of the line" if account.rest >= 0 else "Used beyond the line"
        account.figures.append(Figure("rest", label, "rest", Fraction(account.rest)))
        return account
    for (kind, inward), q in sums.items():
        account.figures.append(
            Figure(
                kind.name.lower(),
                _words(kind),
                "in" if inward else "out",
                Fraction(q),
                events=tuple(ids[kind, inward]),
            )
        )
    account.came = sum(q for (_, inward), q in sums.items() if inward)
    account.rest = account.came - sum(q for (_, inward), q in sums.items() if not inward)
    label = "Still there by the books" if account.rest >= 0 else "Taken beyond what was there"
    account.figures.append(Figure("rest", label, "rest", Fraction(account.rest)))
    return account
