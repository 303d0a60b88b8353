"""Family B: what went in and out of stock has to add up, at every moment and at every node."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import Balance, Kind, LineRole, Thing
from tracer.balance import stock_at, stock_kind
from tracer.book import HELD, Count, Event, Leg
from tracer.facts import Facts
from tracer.moment import iso_day
from tracer.norms import factor
from tracer.quantity import nearest
from tracer.replay import Delta
from tracer.rules.core import Law, Param, Rule, Subject, Tally
from tracer.usage import lot_legs

_KILOGRAM = "KGM"
MASS = {"KGM": Fraction(1), "GRM": Fraction(1, 1000), "MGM": Fraction(1, 10**6), "TNE": Fraction(1000),
        "LBR": Fraction("0.45359237")}
"""Units of mass of UNECE Rec 20 in kilograms. Pieces and lengths add up to nothing across materials."""


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


def _earliest(facts: Facts, delta: Delta) -> int:
    if delta.event.kind == Kind.OPENING:
        return min(delta.event.occurred.start_ms, facts.book.period.start_ms)
    return delta.event.occurred.start_ms


def b2(facts: Facts, tally: Tally) -> None:
    """What the identities say should be in stock is compared with what was counted.

    Per material, product, semi-finished code and scrap the latest stock-take of the period is taken; the
    identity of form 15 or 15a (for WIP, semi-finished goods and scrap that of their ledger) is worked out
    at the same date. Counted less is an unexplained shortage: duty was not paid on something that is not
    there. Counted more is an unexplained surplus: an undeclared import, an inflated norm or a missed
    receipt. Materials are never netted against each other. A code with stock and no count is not evaluable.
    Goods short of a handover still count as stock until an ADJUST books them.
    """
    book = facts.book
    kind_of = {(stock_kind(lot, b), lot.code) for lot in facts.lots.values() for b in
               (Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP)}
    semi = {code for kind, code in kind_of if kind == "semi" and ("material", code) not in kind_of}
    counts: dict[tuple[str, str], list[Count]] = defaultdict(list)
    for count in book.counts:
        if book.period.start_ms <= count.at.start_ms and count.at.start_ms <= max(
            book.as_of_ms, book.period.end_ms
        ):
            stock = "semi" if count.code in semi and count.stock in ("material", "wip") else count.stock
            counts[stock, count.code].append(count)
    closing = stock_at(book, facts.replay.deltas, book.period.end_ms)
    for key in sorted(set(counts) | {k for k, q in closing.items() if q}):
        stock, code = key
        subject = Subject("product" if stock == "product" else "material", code)
        if key not in counts:
            tally.missing(subject, f"count of {stock} stock of {code}")
            continue
        latest = stock_take(counts[key], book.offset)
        at = max(c.at.end_ms for c in latest)
        uom = facts.uoms.get(code, latest[0].uom)
        counted = 0
        unknown = ""
        for count in latest:
            rate = factor(book.conversions, code, count.uom, uom, count.at)
            unknown = unknown if rate is not None else count.uom
            counted += int(count.quantity_micro * (rate or 0))
        if unknown:
            tally.missing(subject, f"factor for {code} from {unknown} to {uom}")
            continue
        expected = stock_at(book, facts.replay.deltas, at).get(key, 0)
        tolerance = tally.tol(expected, uom)
        shortage = expected - counted
        if not tolerance.exceeded(shortage):
            tally.clean()
            continue
        word = "shortage" if shortage > 0 else "surplus"
        tally.amount(
            subject, "high" if shortage > 0 else "medium", expected, counted, uom, tolerance=tolerance,
            duty_at_risk=facts.duty_on(code, shortage) if shortage > 0 else None,
            evidence=[facts.by_id[c.event] for c in latest if c.event in facts.by_id],
            explanation=f"Unexplained {word} of {stock} stock at the count of {iso_day(at, book.offset)}.")


def stock_take(counts: list[Count], offset: str) -> list[Count]:
    """The counts of the last day on which anything was counted; per lot and place the last of that day."""
    day = max(iso_day(c.at.end_ms, offset) for c in counts)
    last = {(c.lot, c.place): c for c in sorted(counts, key=lambda c: (c.at.end_ms, c.event))
            if iso_day(c.at.end_ms, offset) == day}
    return list(last.values())


def b5(facts: Facts, tally: Tally) -> None:
    """What goes into a step comes out of it: handovers, splits, merges and production.

    A handover must find what was offered. A SPLIT or MERGE keeps quantity, code and origin. In a TRANSFORM
    the weights of what was consumed equal those of products, co-products, semi-finished goods, scrap and
    declared loss; where the weight of a unit is not known the step is not evaluable. Whatever the units,
    scrap and loss of a material are at most what was consumed of it, and a loss below zero is impossible.

    The ledger is a node too: every balance of a lot that the events add up to is the ledger's. An act that
    its own poster voided still counts, since a correction changes no balance and no custody; unless an
    ADJUST or REASSIGN that names it repaired the state, that is reported, as is a count or norm taken back
    and not stated again.
    """
    _ledger(facts, tally)
    _taken_back(facts, tally)
    offers = {e.id: e for e in facts.events if e.kind == Kind.OFFER}
    for event in facts.events:
        if not event.recorded:
            continue
        if event.kind == Kind.ACCEPT:
            _handover(tally, offers.get(event.reference), event)
        elif event.kind in (Kind.SPLIT, Kind.MERGE):
            _split_merge(facts, tally, event)
        elif event.kind == Kind.TRANSFORM:
            _transform(facts, tally, event)


def _ledger(facts: Facts, tally: Tally) -> None:
    """Each balance of each lot, replayed, against the ledger's own."""
    touched: dict[str, list[Event]] = defaultdict(list)
    for delta in facts.replay.deltas:
        touched[delta.lot].append(delta.event)
    for lot, ledger in sorted(facts.book.ledger_balances.items()):
        replayed = facts.replay.balances.get(lot, {})
        uom = facts.lots[lot].uom if lot in facts.lots else ""
        for balance in HELD:
            expected, observed = ledger.get(balance, 0), replayed.get(balance, 0)
            if expected == observed:
                tally.clean()
                continue
            tally.amount(
                Subject("lot", lot), "high", expected, observed, uom, evidence=touched[lot],
                explanation=f"The events that count do not add up to the ledger's {balance.name.lower()} "
                "balance.")


def _taken_back(facts: Facts, tally: Tally) -> None:
    """Acts that stand although their own poster voided them."""
    repaired = {e.reference for e in facts.events if e.recorded and e.kind in (Kind.ADJUST, Kind.REASSIGN)}
    for event in facts.events:
        if not event.recorded or not event.voided_by:
            continue
        if event.id in repaired:
            tally.clean()
            continue
        void = facts.by_id.get(event.voided_by)
        statement = event.kind in (Kind.COUNT, Kind.DECLARE)
        tally.found(
            Subject("event", event.id), "high", "stated again" if statement else "state repaired",
            "only voided by its own poster", evidence=[event, *([void] if void else [])],
            explanation=f"{event.kind.name} was taken back by its own poster; "
            + ("nothing was stated in its place" if statement else "the ledger's state still contains it")
            + ", so it counts.")


def _handover(tally: Tally, offer: Event | None, accept: Event) -> None:
    for leg, offered in handed_over(offer, accept):
        tolerance = tally.tol(offered, leg.uom)
        if not tolerance.exceeded(leg.quantity_micro - offered):
            tally.clean()
            continue
        tally.amount(
            Subject(leg.thing.name.lower(), leg.unit), "high", offered, leg.quantity_micro, leg.uom,
            tolerance=tolerance, evidence=[e for e in (offer, accept) if e],
            explanation="The handover did not find what was offered.")


def handed_over(offer: Event | None, accept: Event) -> list[tuple[Leg, int]]:
    """Units of a handover for which both sides state a quantity: what was found, and how much was offered."""
    offered = {leg.unit: leg for leg in offer.legs} if offer else {}
    return [(leg, offered[leg.unit].quantity_micro) for leg in accept.legs
            if leg.quantity_micro and leg.unit in offered and offered[leg.unit].quantity_micro]


def _split_merge(facts: Facts, tally: Tally, event: Event) -> None:
    legs = [leg for leg in event.legs if leg.thing == Thing.LOT]
    inputs = [leg for leg in legs if leg.role == LineRole.INPUT]
    outputs = [leg for leg in legs if leg.role != LineRole.INPUT]
    subject = Subject("lot", (inputs or legs)[0].unit) if legs else Subject("event", event.id)
    kinds = {
        (facts.lots[leg.unit].code, facts.lots[leg.unit].origin) for leg in legs if leg.unit in facts.lots
    }
    if len(kinds) > 1:
        codes = sorted({code for code, _ in kinds})
        tally.found(subject, "high", "one code and one origin", f"{len(kinds)} kinds: {', '.join(codes)}",
                    evidence=[event], explanation=f"A {event.kind.name} joined or parted unlike goods.")
        return
    into, out = sum(x.quantity_micro for x in inputs), sum(x.quantity_micro for x in outputs)
    uom = legs[0].uom if legs else ""
    if into and out and event.kind == Kind.SPLIT and out < into:
        into = out  # the parent may keep a rest
    tolerance = tally.tol(into, uom)
    if into and out and tolerance.exceeded(out - into):
        tally.amount(subject, "high", into, out, uom, tolerance=tolerance, evidence=[event],
                     explanation=f"A {event.kind.name} does not conserve quantity.")
    else:
        tally.clean()


def _transform(facts: Facts, tally: Tally, event: Event) -> None:
    subject = Subject("event", event.id)
    negative = [x for x in event.loss if x.quantity_micro < 0]
    if negative:
        loss = negative[0]
        tally.amount(subject, "high", 0, loss.quantity_micro, loss.uom, evidence=[event],
                     explanation=f"A process loss of {loss.code} below zero.")
        return
    inputs = lot_legs(event, LineRole.INPUT)
    if not inputs:
        tally.missing(subject, "inputs of the production step")
        return
    if _residues(tally, subject, event):
        return
    into = out = Fraction(0)
    unknown: dict[str, None] = {}
    legs = [leg for leg in event.legs if leg.thing == Thing.LOT]
    parts = [(leg.code, leg.uom, leg.quantity_micro, leg.role == LineRole.INPUT) for leg in legs]
    parts += [(x.code, x.uom, x.quantity_micro, False) for x in event.loss]
    for code, uom, q, is_input in parts:
        rate = MASS.get(uom) or factor(facts.book.conversions, code, uom, _KILOGRAM, event.occurred)
        if rate is None:
            unknown[f"weight in {_KILOGRAM} of one {uom} of {code}"] = None
        elif is_input:
            into += q * rate
        else:
            out += q * rate
    if unknown:
        tally.missing(subject, *unknown)
        return
    expected, observed = nearest(into), nearest(out)
    tolerance = tally.tol(expected, _KILOGRAM, "rel")
    if tolerance.exceeded(observed - expected):
        tally.amount(
            subject, "high", expected, observed, _KILOGRAM, tolerance=tolerance, evidence=[event],
            explanation="Products, co-products, scrap and declared loss do not weigh what was consumed.")
    else:
        tally.clean()


def _residues(tally: Tally, subject: Subject, event: Event) -> bool:
    """Per material, in its own unit: scrap and loss cannot be more than what was consumed. True if they
    are.
    """
    consumed: dict[tuple[str, str], int] = defaultdict(int)
    residue: dict[tuple[str, str], int] = defaultdict(int)
    for leg in lot_legs(event, LineRole.INPUT):
        consumed[leg.code, leg.uom] += leg.quantity_micro
    for leg in lot_legs(event, LineRole.SCRAP):
        residue[leg.code, leg.uom] += leg.quantity_micro
    for loss in event.loss:
        residue[loss.code, loss.uom] += loss.quantity_micro
    failed = False
    for key in sorted(consumed.keys() & residue.keys()):
        tolerance = tally.tol(consumed[key], key[1])
        if residue[key] > consumed[key] and tolerance.exceeded(residue[key] - consumed[key]):
            failed = True
            tally.amount(
                subject,
                "high",
                consumed[key],
                residue[key],
                key[1],
                tolerance=tolerance,
                evidence=[event],
                explanation=f"More scrap and loss of {key[0]} than was consumed of it.",
            )
    return failed


_SHORT = (Law("Decree 128/2020/ND-CP", valid_to="2026-06-30"),
          Law("Decree 169/2026/ND-CP Art. 10.1.d, 10.2", valid_from="2026-07-01"))

RULES = (
    Rule("B1", "1", "balance", "Running balance never below zero", "book",
         (Law("Circular 38/2015/TT-BTC Art. 60.2.a (amended by 39/2018)"),), (),
         {}, b1),
    Rule("B2", "1", "balance", "Closing stock by identity against the count", "book", _SHORT, (), {}, b2),
    Rule("B5", "2", "balance", "Conservation at every step", "book",
         (Law("Circular 38/2015/TT-BTC Art. 60.2.a (amended by 39/2018)"),),
         (Param("rel", "0.005", "share", "relative tolerance of the mass balance of a production step"),),
         {}, b5),
)
