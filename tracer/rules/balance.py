"""Family B: what went in and out of stock has to add up, at every moment and from period to period."""

from __future__ import annotations

from collections import defaultdict

from ledger.vocabulary import Balance, Kind
from tracer.balance import stock_at
from tracer.facts import Facts
from tracer.moment import iso_day
from tracer.replay import Delta
from tracer.rules.core import Law, Rule, Subject, Tally, circular_38


def b1(facts: Facts, tally: Tally) -> None:
    """No balance of a lot may be below zero at any moment of its history.

    The ledger takes events in the order they reach it and refuses what is not there; this rule replays them
    in the order in which things are said to have happened. Inflows count from the earliest and outflows
    from the latest moment that the clocks allow, so equal times and whole-day dates never count against the
    enterprise. The finding names the first act that took what was not there, how deep the balance went and
    for how long. Since every quantity belongs to a lot, a book's stock of a material is below zero only if
    a lot's is.
    """
    by_balance: dict[tuple[str, Balance], list[Delta]] = defaultdict(list)
    for delta in facts.replay.deltas:
        by_balance[delta.lot, delta.balance].append(delta)
    u = facts.book.clock_uncertainty_ms
    for (lot, balance), deltas in sorted(by_balance.items()):
        if _covered(facts, deltas):
            tally.clean()
            continue
        timed = sorted(
            (
                (_earliest(facts, d) - u if d.change > 0 else d.event.occurred.end_ms + u),
                d.change < 0,
                d.event.seq,
                i,
            )
            for i, d in enumerate(deltas)
        )
        running = lowest = into = below_ms = 0
        first: Delta | None = None
        since = 0
        for at, _, _, i in timed:
            if running < 0:
                below_ms += at - since
            running += deltas[i].change
            into += max(deltas[i].change, 0)
            since = at
            if running < lowest:
                first, lowest = first or deltas[i], running
        if running < 0:
            below_ms += max(0, facts.book.as_of_ms - since)
        uom = facts.lots[lot].uom if lot in facts.lots else ""
        tolerance = tally.tol(into, uom)
        if first is None or not tolerance.exceeded(lowest):
            tally.clean()
            continue
        later = [
            d.event
            for d in deltas
            if d.change > 0 and d.event.occurred.start_ms > first.event.occurred.end_ms
        ]
        tally.amount(
            Subject("lot", lot),
            "high",
            0,
            lowest,
            uom,
            tolerance=tolerance,
            evidence=[first.event, *later[:1]],
            explanation=f"{first.event.kind.name} took {balance.name.lower()} stock that was not "
            f"there yet or any more; the balance stood below zero for {below_ms // 60_000} minutes.",
        )


def _covered(facts: Facts, deltas: list[Delta]) -> bool:
    """Whether all that came in did so before anything went out, and covers it: nearly every balance."""
    total, came, went = 0, 0, 1 << 62
    for delta in deltas:
        total += delta.change
        if delta.change > 0:
            came = max(came, _earliest(facts, delta))
        else:
            went = min(went, delta.event.occurred.end_ms)
    return total >= 0 and came <= went


def _earliest(facts: Facts, delta: Delta) -> int:
    if delta.event.kind == Kind.OPENING:
        return min(delta.event.occurred.start_ms, facts.book.period.start_ms)
    return delta.event.occurred.start_ms


def b2(facts: Facts, tally: Tally) -> None:
    """What the identities say should be in stock is compared with what was counted.

    Per material, product, semi-finished code and scrap the latest stock-take of the period is taken; the
    identity of form 15 or 15a (for WIP, semi-finished goods and scrap that of their ledger) is worked out
    at the same date. A stock-take that names lots speaks of those lots alone: it is held against the stock
    of the same lots, and lots in stock that nobody counted are not evaluable. Places that were counted within
    a week are one stock-take. What an ADJUST booked of the difference later in the period is off the books,
    as it is off the form (B8 judges the act). Counted less is an unexplained shortage: duty was not paid on
    something that is not there. Counted more is an unexplained surplus: an undeclared import, an inflated
    norm or a missed receipt. Materials are never netted against each other. A code with stock and no count is
    not evaluable. Goods short of a handover still count as stock until an ADJUST books them.
    """
    for take in facts.stock_takes:
        subject = Subject("product" if take.stock == "product" else "material", take.code)
        if take.missing:
            tally.missing(subject, *take.missing)
            continue
        tolerance = tally.tol(take.expected_micro, take.uom)
        shortage = take.expected_micro - take.counted_micro
        if not tolerance.exceeded(shortage):
            tally.clean()
            continue
        word = "shortage" if shortage > 0 else "surplus"
        of = f" of lot {', '.join(take.lots)}" if take.lots else ""
        tally.amount(
            subject, "high" if shortage > 0 else "medium", take.expected_micro, take.counted_micro, take.uom,
            tolerance=tolerance, duty_at_risk=facts.duty_on(take.code, shortage) if shortage > 0 else None,
            evidence=[facts.by_id[c.event] for c in take.counts if c.event in facts.by_id],
            explanation=f"Unexplained {word} of {take.stock} stock{of} at the count of "
                        f"{iso_day(take.at_ms, facts.book.offset)}.")


def b3(facts: Facts, tally: Tally) -> None:
    """A period opens with what the period before closed with, code by code.

    Opening stock of every material, product, semi-finished code and scrap is held against last period's
    closing as it was supplied, else against a stock-take of the day before the period. Codes that were
    renamed are followed through the code map. A code that opens with stock and closed with none, or was not
    there, is a finding, as is stock that vanished between two reports. Without any closing of the period
    before, the rule is not evaluable; nor is a kind of stock that the closing says nothing of.
    """
    closing = facts.previous_closing
    if closing is None:
        tally.missing(Subject("book", facts.book.id), "closing stock of the period before (previous.csv)")
        return
    book = facts.book
    opening = stock_at(book, facts.replay.deltas, book.period.start_ms - 1)
    kinds = {stock for stock, _ in closing.stock} or {"material", "product", "semi", "wip", "scrap"}
    began: dict[tuple[str, str], int] = defaultdict(int)
    for (stock, code), q in opening.items():
        began[stock, book.codes.get(code, code)] += q
    if not closing.stock and not any(began.values()):
        tally.clean()  # the book began with nothing, and said so
    for stock, code in sorted(set(closing.stock) | {key for key, q in began.items() if q} | closing.unknown):
        subject = Subject("product" if stock == "product" else "material", code)
        if (stock, code) in closing.unknown:
            tally.missing(subject, f"factor for last period's closing of {code}")
            continue
        if stock not in kinds and stock not in ("material", "product"):
            tally.missing(subject, f"last period's closing {stock} stock of {code}")
            continue
        before, now = closing.stock.get((stock, code), 0), began.get((stock, code), 0)
        uom = facts.uoms.get(code, closing.uoms.get(code, ""))
        tolerance = tally.tol(before, uom)
        if not tolerance.exceeded(now - before):
            tally.clean()
            continue
        opened = [e for e in facts.events if e.kind == Kind.OPENING and e.recorded
                  and any(book.codes.get(leg.code, leg.code) == code for leg in e.legs)]
        how = "opens with less than the last period closed with" if now < before else \
            "opens with more than the last period closed with" if before else \
            "opens with stock that the last period did not close with"
        tally.amount(subject, "high", before, now, uom, tolerance=tolerance, evidence=opened[:16],
                     duty_at_risk=facts.duty_on(code, before - now) if now < before else None,
                     explanation=f"{code} ({stock}) {how}.")


_SHORT = (Law("Decree 128/2020/ND-CP", valid_from="2020-12-10", valid_to="2026-06-30"),
          Law("Decree 169/2026/ND-CP Art. 10.1.d, 10.2", valid_from="2026-07-01"))

RULES = (
    Rule("B1", "1", "balance", "Running balance never below zero", "book", circular_38("60.2.a"), (), {}, b1),
    Rule("B2", "3", "balance", "Closing stock by identity against the count", "book", _SHORT, (),
         {"B6": "what a count does not find, no outcome explains"}, b2,
         ("a stock-take of the period",)),
    Rule("B3", "1", "balance", "Opening stock is the last closing stock", "book",
         (*circular_38("60.2"), Law("Decree 169/2026/ND-CP Art. 12.1.b, 12.2.c", valid_from="2026-07-01")),
         (), {}, b3, ("closing stock of the period before", "code map, where codes were renamed")),
)
