"""Family L: a kilogram has one fate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from ledger.vocabulary import MICRO, Balance, Kind, LineRole, Outcome, Thing
from tracer.book import Count, Event
from tracer.facts import Facts
from tracer.quantity import micro_text, nearest
from tracer.replay import STOCK
from tracer.rules.core import PIECE, Law, Rule, Subject, Tally, circular_38

_USES = frozenset(
    {
        Kind.ISSUE_PROD,
        Kind.TRANSFORM,
        Kind.EXPORT_LOAD,
        Kind.REEXPORT,
        Kind.REPURPOSE,
        Kind.SELL_INLAND,
        Kind.SCRAP_OUT,
        Kind.DESTROY,
    }
)


def l1(facts: Facts, tally: Tally) -> None:
    """Everything used of a lot, in all books and contracts together, is at most what the lot held.

    The ledger refuses a use beyond what is left; the refused attempt is the evidence that somebody meant to
    use the same goods twice, and the difference is what was asked beyond what was left, if that is more than
    the tolerance. Where uses were
    recorded without such a guard (files), the difference is the sum of uses beyond the sum received.
    """
    into: dict[tuple[str, Balance], int] = defaultdict(int)
    out: dict[tuple[str, Balance], int] = defaultdict(int)
    for delta in facts.replay.deltas:
        if delta.balance is Balance.LOADED or delta.balance is Balance.SHORT:
            continue
        if delta.change > 0:
            into[delta.lot, delta.balance] += delta.change
        else:
            out[delta.lot, delta.balance] -= delta.change
    attempts = defaultdict(list)
    for attempt in facts.replay.attempts:
        if attempt.event.kind in _USES and attempt.leg.quantity_micro > attempt.left:
            attempts[attempt.leg.unit].append(attempt)
    balances: dict[str, list[Balance]] = defaultdict(list)
    for lot, balance in {**into, **out}:
        balances[lot].append(balance)
    told = {key for key, q in out.items() if q > into[key]}
    told |= {(lot, attempt.balance) for lot, asked_of in attempts.items() for attempt in asked_of}
    takers: dict[tuple[str, Balance], list[Event]] = defaultdict(list)
    for delta in facts.replay.deltas if told else ():
        if delta.change < 0 and delta.balance in STOCK and (delta.lot, delta.balance) in told:
            takers[delta.lot, delta.balance].append(delta.event)
    for lot in sorted(set(balances) | set(attempts)):
        uom = facts.lots[lot].uom if lot in facts.lots else ""
        code = facts.lots[lot].code if lot in facts.lots else ""
        failed = False
        for key in [(lot, balance) for balance in sorted(balances.get(lot, ()))]:
            if key not in told or out[key] <= into[key]:
                continue
            tolerance = tally.tol(into[key], uom)
            if tolerance.exceeded(out[key] - into[key]):
                failed = True
                tally.amount(Subject("lot", lot), "critical", into[key], out[key], uom, tolerance=tolerance,
                             duty_at_risk=facts.duty_on(code, out[key] - into[key]), evidence=takers[key],
                             explanation=f"More {key[1].name.lower()} stock was used than the lot ever held.")
        for attempt in attempts[lot]:
            asked = attempt.leg.quantity_micro
            held = into[lot, attempt.balance]
            if not tally.tol(held, uom).exceeded(asked - attempt.left):
                continue
            failed = True
            tally.amount(
                Subject("lot", lot),
                "critical",
                held,
                held - attempt.left + asked,
                uom,
                tolerance=tally.tol(held, uom),
                evidence=[*takers[lot, attempt.balance], attempt.event],
                duty_at_risk=facts.duty_on(code, asked - attempt.left),
                explanation=f"{attempt.event.kind.name} asked for {micro_text(asked)} when "
                f"{micro_text(attempt.left)} was left of the lot's {attempt.balance.name.lower()} stock; "
                "the ledger refused it.",
            )
        if not failed:
            tally.clean()


_TAKES = frozenset({Kind.ISSUE_PROD, Kind.TRANSFORM, Kind.EXPORT_LOAD, Kind.REEXPORT, Kind.REPURPOSE,
                    Kind.SELL_INLAND, Kind.SCRAP_OUT, Kind.DESTROY})


def l2(facts: Facts, tally: Tally) -> None:
    """A lot is in one book, one contract and one place at a time, and a whole unit is used up once.

    A unit counted by pieces of which there is one is consumed by at most one transformation. A lot that acts
    of one book use is not used by acts of another book while the first still uses it, unless it was handed on
    between them. One stock-take does not find more of a lot, over all places and in whatever unit, than the
    lot ever held. Several transformations drawing parts of one lot are normal.
    """
    used: dict[str, list[Event]] = defaultdict(list)
    acts: dict[str, list[Event]] = defaultdict(list)
    moved: set[str] = set()
    for event in facts.of_kinds(*_TAKES, Kind.TRANSFER):
        for leg in event.legs:
            if leg.thing is not Thing.LOT:
                continue
            if event.kind is Kind.TRANSFER:
                moved.add(leg.unit)
                continue
            if leg.role is LineRole.INPUT and event.kind is Kind.TRANSFORM:
                used[leg.unit].append(event)
            if event.book:
                acts[leg.unit].append(event)
    received: dict[str, int] = defaultdict(int)
    for delta in facts.replay.deltas:
        if delta.change > 0 and delta.event.kind in _ARRIVES:
            received[delta.lot] += delta.change
    for lot in sorted({x.id for x in facts.book.lots} | set(used) | set(acts)):
        if not (_whole_twice(tally, facts, lot, used[lot], received[lot])
                or (lot not in moved and _two_books(tally, facts, lot, acts[lot]))
                or _counted_twice(tally, facts, lot, received[lot])):
            tally.clean()


_ARRIVES = frozenset({
    Kind.OPENING, Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC, Kind.FG_RETURN, Kind.TRANSFORM, Kind.SPLIT,
    Kind.MERGE, Kind.TRANSFER, Kind.ADJUST})


def _whole_twice(tally: Tally, facts: Facts, lot: str, used: list[Event], received: int) -> bool:
    uom = facts.lots[lot].uom if lot in facts.lots else ""
    distinct = {e.id: e for e in used}
    if uom not in _PIECES or received != MICRO or len(distinct) < 2:
        return False
    tally.amount(Subject("lot", lot), "critical", MICRO, len(distinct) * MICRO, PIECE, evidence=used,
                 explanation="A whole unit was used up by more than one transformation.")
    return True


def _two_books(tally: Tally, facts: Facts, lot: str, acts: list[Event]) -> bool:
    if not acts or all(event.book == acts[0].book for event in acts):
        return False
    spans: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(acts, key=lambda e: (e.occurred.start_ms, e.seq)):
        spans[event.book].append(event)
    names = sorted(spans, key=lambda b: spans[b][0].occurred.start_ms)
    for one, other in pairwise(names):
        first_end, second_start = spans[one][-1].occurred, spans[other][0].occurred
        if not first_end.before(second_start, 2 * facts.book.clock_uncertainty_ms):
            tally.amount(Subject("lot", lot), "critical", MICRO, len(names) * MICRO, PIECE,
                         evidence=[spans[one][-1], spans[other][0]],
                         explanation=f"Used in book {one} and in book {other} at overlapping times, and not "
                                     "transferred between them.")
            return True
    return False


def _counted_twice(tally: Tally, facts: Facts, lot: str, received: int) -> bool:
    """One stock-take that finds a lot in several places."""
    by_day: dict[int, dict[tuple[str, str], Count]] = defaultdict(dict)
    for count in facts.counts_by_lot.get(lot, ()):
        by_day[count.at.end_ms][count.stock, count.place] = count  # what is stated later puts it right
    for _, stated in sorted(by_day.items()):
        counts = list(stated.values())
        places = {c.place for c in counts}
        uom = facts.lots[lot].uom if lot in facts.lots else counts[0].uom
        rates = [facts.factors.rate(c.code, c.uom, uom, c.at) for c in counts]
        total = sum(nearest(c.quantity_micro * rate)
                    for c, rate in zip(counts, rates, strict=True) if rate is not None)
        tolerance = tally.tol(received, uom)
        if len(places) > 1 and tolerance.exceeded(total - received) and total > received:
            tally.amount(
                Subject("lot", lot), "high", received, total, uom, tolerance=tolerance,
                evidence=[facts.by_id[c.event] for c in counts if c.event in facts.by_id],
                explanation=f"Counted in {len(places)} places at once, more than the lot ever held: "
                            f"{', '.join(sorted(p or 'no place' for p in places))}.")
            return True
    return False


_PIECES = ("C62", "H87", "NMP", "EA", "XPP")
"""Rec 20 codes of pieces."""


def l6(facts: Facts, tally: Tally) -> None:
    """Whatever an act names exists: the lots it draws from, its declaration line, the act or norm it answers.

    A lot that no event made, a declaration line that nobody declared, an answer to an event that is not
    there, a norm that was never declared, an original declaration that is not known. What exists outside this
    book is known by the ledger and counts as there. An act that the ledger refused because what it named did
    not exist is reported too. One finding for each thing named, with the acts that name it.
    """
    named: dict[tuple[str, str], list[Event]] = defaultdict(list)
    lines = set(facts.lines)
    norms = {n.declared_by for n in facts.book.norms}
    there = facts.book.elsewhere
    checked: set[tuple[str, str]] = set()
    for event in facts.events:
        if not event.recorded and event.outcome != Outcome.UNKNOWN_REFERENCE:
            continue
        for kind, key, known in _names(facts, event):
            checked.add((kind, key))
            if not known and key not in there and key not in lines and key not in norms:
                named[kind, key].append(event)
    for line in facts.book.lines:
        if line.original:
            checked.add(("line", line.original))
            if line.original not in lines and line.original not in there:
                behind = facts.by_id.get(line.declared_by)
                named["line", line.original] += [behind] if behind else []
    tally.clean(len(checked - named.keys()))
    for (kind, key), events in sorted(named.items()):
        refused = bool(events) and not any(e.recorded for e in events)
        tally.found(Subject(kind, key), "low" if refused else "medium", "exists", "never created",
                    evidence=events[:16], explanation=f"{key} is named, but nothing created it"
                    f"{'; the ledger refused the act' if refused else ''}.")


def _names(facts: Facts, event: Event) -> Iterator[tuple[str, str, bool]]:
    """What an event names: type, name, whether this book knows it."""
    for leg in event.legs:
        if leg.thing == Thing.LOT:
            yield "lot", leg.unit, leg.unit in facts.replay.created_by
    if event.line:
        yield "line", event.line, event.line in facts.lines
    if event.reference:
        yield "event", event.reference, event.reference in facts.by_id
    if event.norm:
        yield "event", event.norm, event.norm in facts.by_id
    for key in event.cited:
        yield "line", key, key in facts.lines


RULES = (
    Rule("L1", "2", "lineage", "The same goods used twice", "book",
         (Law("Decree 134/2016/ND-CP Art. 10.2.dd, 12.2.d", valid_from="2016-09-01"),
          Law("Decree 169/2026/ND-CP Art. 10.1.dd, e", valid_from="2026-07-01")), (),
         {"B1": "where the act was recorded, the lot goes below zero",
          "B2": "where the act was recorded, count and identity differ",
          "N1": "where the act was recorded and large, more was issued than the norms explain",
          "N2": "and the norm of a product is off by as much"}, l1),
    Rule("L2", "2", "lineage", "In two places or books at once", "book",
         (Law("Decree 134/2016/ND-CP Art. 10.2.dd, 12.2.d", valid_from="2016-09-01"),
          Law("Decree 169/2026/ND-CP Art. 10.1.dd, e", valid_from="2026-07-01")), (),
         {}, l2),
    Rule("L6", "1", "lineage", "Something named that does not exist", "custody",
         (Law("Law 54/2014/QH13 Art. 59.1", valid_from="2015-01-01"), *circular_38("60.2.a")), (), {}, l6),
)
