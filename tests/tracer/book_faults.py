"""One fault at a time, laid into a clean book: what it does, which rule must find it, and what else rightly fires."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from enterprise import added, after, edit, first, q

from ledger.vocabulary import MICRO, Balance, Kind, LineRole, Outcome, Step, Thing
from tracer.book import BookData, DeclarationLine, Event, Leg
from tracer.facts import Facts
from tracer.moment import DAY_MS, HOUR_MS, point
from tracer.quantity import micro_text
from tracer.replay import replay as replay_of
from tracer.settlement.exemption import exempt_materials


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        rule, subject: what must be found.
        inject: gives the spoiled book and the difference that the finding must state.
        companions: the other rules that must fire, no more and no fewer.
    """

    name: str
    rule: str
    subject: str
    inject: Callable[[BookData], tuple[BookData, str | None]]
    companions: frozenset[str] = frozenset()


def _named(event: Event) -> Callable[[Event], bool]:
    return lambda e: e.id == event.id


def _scaled(book: BookData, code: str, factor: Fraction) -> BookData:
    return replace(book, norms=tuple(
        replace(n, norm=n.norm * factor) if n.material == code else n for n in book.norms))


def _issue(book: BookData) -> Event:
    """The first issue of an imported lot that was received (not opened)."""
    received = {leg.unit for e in book.events if e.kind == Kind.RECEIVE_FACTORY for leg in e.legs}
    return next(e for e in sorted(book.events, key=lambda e: e.seq)
                if e.kind == Kind.ISSUE_PROD and e.legs[0].unit in received)


def _lot_before_its_goods(book: BookData) -> tuple[BookData, str]:
    """A lot is filled up by a MERGE after it was drawn: dates, not the ledger's order, show it."""
    receipt = next(e for e in book.events if e.kind == Kind.RECEIVE_FACTORY)
    leg = receipt.legs[0]
    part = leg.quantity_micro // 2 // MICRO * MICRO
    extra = replace(leg, unit=f"{leg.unit}-EXTRA", quantity_micro=part)
    book = edit(book, _named(receipt), lambda e: replace(
        e, legs=(replace(leg, quantity_micro=leg.quantity_micro - part), *e.legs[1:])))
    second = replace(receipt, id="receive-extra", legs=(extra,), seq=receipt.seq + 1)
    drawn = sum(x.quantity_micro for e in book.events if e.kind == Kind.ISSUE_PROD for x in e.legs
                if x.unit == leg.unit)
    late = max(e.occurred.end_ms for e in book.events if e.kind == Kind.ISSUE_PROD) + 24 * HOUR_MS
    merge = Event("merge-late", receipt.seq + 2, Kind.MERGE, point(late), late + 60_000, "thanh-lam", (
        replace(extra, role=LineRole.INPUT, quantity_micro=0, balance=Balance.NONE),
        replace(leg, role=LineRole.OUTPUT, quantity_micro=0, balance=Balance.NONE)))
    lot = next(x for x in book.lots if x.id == leg.unit)
    book = added(replace(book, lots=(*book.lots, replace(lot, id=extra.unit))), second, merge)
    return book, micro_text(-(drawn - (leg.quantity_micro - part)))


def _count_short(book: BookData) -> tuple[BookData, str]:
    return replace(book, counts=tuple(
        replace(c, quantity_micro=c.quantity_micro - q(40)) if (c.stock, c.code) == ("material", "M0") else c
        for c in book.counts)), "-40"


def _count_over(book: BookData) -> tuple[BookData, str]:
    return replace(book, counts=tuple(
        replace(c, quantity_micro=c.quantity_micro + q(7)) if (c.stock, c.code) == ("material", "M0") else c
        for c in book.counts)), "7"


def _loss_left_out(book: BookData) -> tuple[BookData, str]:
    step = first(book, Kind.TRANSFORM)
    return edit(book, _named(step), lambda e: replace(e, loss=())), \
        micro_text(-sum(x.quantity_micro for x in step.loss))


def _handover(book: BookData, missing: int) -> BookData:
    """A lot goes to a sub-contractor and back; on the way back some is missing, and the count knows."""
    receipt = next(e for e in book.events if e.kind == Kind.RECEIVE_FACTORY and e.legs[0].unit == "M0-1")
    leg = receipt.legs[0]
    stock = Leg(leg.unit, Thing.LOT, LineRole.NONE, Balance.RAW, leg.quantity_micro, leg.code, leg.uom)
    events = []
    for i, (giver, taker, found) in enumerate((("thanh-lam", "print", 0), ("print", "thanh-lam", missing))):
        at = receipt.occurred.end_ms + (2 * i + 1) * 10 * 60_000
        offer = Event(
            f"offer-{i}",
            receipt.seq + 2 * i + 1,
            Kind.OFFER,
            point(at),
            at,
            giver,
            (stock,),
            counterparty=taker,
        )
        accept = Event(f"accept-{i}", receipt.seq + 2 * i + 2, Kind.ACCEPT, point(at + 5 * 60_000), at, taker,
                       (replace(stock, quantity_micro=leg.quantity_micro - found),), reference=offer.id)
        events += [offer, accept]
    return added(book, *events)


def _handed_over_short(book: BookData) -> tuple[BookData, str]:
    counts = tuple(replace(c, quantity_micro=c.quantity_micro - q(3))
                   if (c.stock, c.code) == ("material", "M0") else c for c in book.counts)
    return replace(_handover(book, q(3)), counts=counts), "-3"


def _box_found_short(book: BookData) -> tuple[BookData, str]:
    """Packages of a container are counted at the handover; the paper of the other side says more."""
    offer = first(book, Kind.OFFER)
    book = edit(
        book,
        _named(offer),
        lambda e: replace(e, legs=(replace(e.legs[0], quantity_micro=q(40), uom="PK"),)),
    )
    return edit(book, lambda e: e.kind == Kind.ACCEPT and e.reference == offer.id, lambda e: replace(
        e, legs=(replace(e.legs[0], quantity_micro=q(38), uom="PK"),))), "-2"


def _answered_late(book: BookData) -> tuple[BookData, str]:
    offer = first(book, Kind.OFFER)
    return edit(
        book, _named(offer), lambda e: replace(e, occurred=point(e.occurred.start_ms - 10 * 60_000))
    ), ""


def _never_answered(book: BookData) -> tuple[BookData, str]:
    receipt = first(book, Kind.RECEIVE_FACTORY)
    leg = receipt.legs[0]
    offer = after(
        receipt, Kind.OFFER, [replace(leg, role=LineRole.NONE)], counterparty="print", seq=receipt.seq
    )
    hours = (book.as_of_ms - offer.occurred.end_ms) * 1_000 // HOUR_MS * 1_000
    return added(book, offer), micro_text(hours - 4 * MICRO)


def _taken_unasked(book: BookData) -> tuple[BookData, str]:
    gate = first(book, Kind.GATE_OUT)
    take = after(
        gate, Kind.ACCEPT, gate.legs, actor="stranger", outcome=Outcome.NO_OPEN_OFFER, reference="none"
    )
    return added(book, take), "1"


def _over_issue(book: BookData) -> tuple[BookData, str]:
    """The declared norm is a quarter lower than what production takes."""
    used = sum(
        x.quantity_micro
        for e in book.events
        if e.kind == Kind.TRANSFORM
        for x in e.legs
        if x.code == "M0" and x.role == LineRole.INPUT
    )
    return _scaled(book, "M0", Fraction(3, 4)), micro_text(used - used * 3 // 4)


def _padded(book: BookData) -> tuple[BookData, str]:
    used = sum(
        x.quantity_micro
        for e in book.events
        if e.kind == Kind.TRANSFORM
        for x in e.legs
        if x.code == "M0" and x.role == LineRole.INPUT
    )
    return _scaled(book, "M0", Fraction(112, 100)), micro_text(used - used * 112 // 100)


def _claimed(book: BookData) -> tuple[BookData, str]:
    """The claim names 140 more than was used in what left."""
    rightly = {m: x.exempt_micro for m, x in exempt_materials(Facts(book)).items()}
    return replace(book, claims={**rightly, "M0": rightly["M0"] + q(140)}), "140"


def _phantom_refused(book: BookData) -> tuple[BookData, str]:
    """Twenty more than are left are to be loaded: the ledger refuses, the attempt stays."""
    load = first(book, Kind.EXPORT_LOAD)
    ask = after(
        load,
        Kind.EXPORT_LOAD,
        [replace(load.legs[0], quantity_micro=_left_of_code(book, "P") + q(20))],
        hours=2_000,
        outcome=Outcome.NOT_ENOUGH,
        line=load.line,
    )
    return added(book, ask), "20"


def _left(book: BookData, lot: str) -> int:
    return replay_of(book).balances[lot].get(Balance.FINISHED, 0)


def _left_of_code(book: BookData, code: str) -> int:
    return sum(_left(book, lot.id) for lot in book.lots if lot.code == code)


def _phantom_recorded(book: BookData) -> tuple[BookData, str]:
    """In files nobody refuses: more is exported than was made."""
    load = first(book, Kind.EXPORT_LOAD)
    more = replace(load.legs[0], quantity_micro=_left_of_code(book, "P") + q(20))
    return added(book, after(load, Kind.EXPORT_LOAD, [more], hours=2_000, line=load.line)), "20"


def _never_left(book: BookData) -> tuple[BookData, str]:
    gone = [e for e in book.events if e.kind == Kind.EXIT_CONFIRM]
    kept = tuple(e for e in book.events if e.kind != Kind.EXIT_CONFIRM)
    return replace(book, events=kept), micro_text(-sum(x.quantity_micro for e in gone for x in e.legs))


def _left_late(book: BookData) -> tuple[BookData, str]:
    return edit(book, lambda e: e.kind == Kind.EXIT_CONFIRM,
                lambda e: replace(e, occurred=point(e.occurred.start_ms + 20 * DAY_MS))), "5"


def _gate_refused(book: BookData) -> tuple[BookData, str]:
    gate = first(book, Kind.GATE_OUT)
    hold = replace(gate, id="hold", kind=Kind.HOLD, actor="customs", seals=(), seq=gate.seq,
                   occurred=point(gate.occurred.start_ms - 30 * 60_000))
    attempt = replace(
        gate, id="i-try", outcome=Outcome.HELD, occurred=point(gate.occurred.start_ms - 20 * 60_000)
    )
    unhold = replace(
        hold, id="j-unhold", kind=Kind.UNHOLD, occurred=point(gate.occurred.start_ms - 10 * 60_000)
    )
    book = edit(book, _named(gate), lambda e: replace(e, id="k-gate"))
    return added(book, hold, attempt, unhold), "1"


def _gate_recorded_under_hold(book: BookData) -> tuple[BookData, str]:
    """In files nobody refuses: the hold was known, the gate-out was posted and counted all the same."""
    gate = first(book, Kind.GATE_OUT)
    hold = replace(gate, id="hold", kind=Kind.HOLD, actor="customs", seals=(), seq=gate.seq - 1,
                   occurred=point(gate.occurred.start_ms - 30 * 60_000))
    return added(book, hold), "1"


def _line_cancelled(book: BookData) -> tuple[BookData, str]:
    """Eligible for a declaration line that customs has cancelled before the gate-out."""
    gate, eligible = first(book, Kind.GATE_OUT), first(book, Kind.ELIGIBLE)
    book = edit(book, _named(eligible), lambda e: replace(e, cited=("OLD/1",)))
    line = DeclarationLine("OLD/1", LineRole.RECEIVE, "M0", q(1), "KGM", cancelled=eligible.occurred,
                           cancelled_recorded_ms=gate.recorded_ms - 60_000)
    return replace(book, lines=(*book.lines, line)), "1"


def _hold_recorded_late(book: BookData) -> tuple[BookData, str]:
    gate = first(book, Kind.GATE_OUT)
    hold = replace(
        gate,
        id="hold",
        kind=Kind.HOLD,
        actor="customs",
        seals=(),
        seq=9_000,
        occurred=point(gate.occurred.start_ms - 30 * 60_000),
        recorded_ms=gate.recorded_ms + HOUR_MS,
    )
    return added(book, hold), "1"


def _seen_leaving(book: BookData) -> tuple[BookData, str]:
    gate = first(book, Kind.GATE_OUT)
    return edit(book, _named(gate), lambda e: replace(e, kind=Kind.OBSERVE, step=Step.LEFT)), "1"


def _seal(book: BookData) -> tuple[BookData, str]:
    read = [e for e in book.events if e.seals and e.legs[0].unit == first(book, Kind.ARRIVE).legs[0].unit]
    changed = {e.id for e in read[1:]}
    return edit(book, lambda e: e.id in changed, lambda e: replace(e, seals=("OTHER",))), "1"


def _issued_before_receipt(book: BookData) -> tuple[BookData, str]:
    issue = _issue(book)
    receipt = next(
        e for e in book.events if e.kind == Kind.RECEIVE_FACTORY and e.legs[0].unit == issue.legs[0].unit
    )
    return edit(
        book, _named(issue), lambda e: replace(e, occurred=point(receipt.occurred.start_ms - 30 * HOUR_MS))
    ), "-30"


def _exported_before_made(book: BookData) -> tuple[BookData, str]:
    load = first(book, Kind.EXPORT_LOAD)
    made = next(e for e in book.events if e.kind == Kind.TRANSFORM and any(
        x.unit == load.legs[0].unit for x in e.legs))
    line = next(x for x in book.lines if x.key == load.line)
    early = point(made.occurred.start_ms - 10 * HOUR_MS)
    book = replace(book, lines=tuple(
        replace(x, registered=point(early.start_ms - HOUR_MS), cleared=point(early.start_ms - HOUR_MS))
        if x.key == line.key else x for x in book.lines))
    return edit(book, _named(load), lambda e: replace(
        e, occurred=early, recorded_ms=early.end_ms + 60_000)), "-10"


def _gate_before_eligible(book: BookData) -> tuple[BookData, str]:
    eligible, gate = first(book, Kind.ELIGIBLE), first(book, Kind.GATE_OUT)
    return edit(
        book, _named(eligible), lambda e: replace(e, occurred=point(gate.occurred.start_ms + 30 * 60_000))
    ), "-0.5"


def _accepted_before_offered(book: BookData) -> tuple[BookData, str]:
    offer = first(book, Kind.OFFER)
    return edit(
        book, _named(offer), lambda e: replace(e, occurred=point(e.occurred.start_ms + 90 * 60_000))
    ), "-0.5"


def _channel_after_clearance(book: BookData) -> tuple[BookData, str]:
    clear = first(book, Kind.CLEAR)
    channel = after(clear, Kind.OBSERVE, clear.legs, hours=14, step=Step.CHANNEL, actor="customs")
    return added(book, channel), "-14"


def _issued_twice_refused(book: BookData) -> tuple[BookData, str]:
    issue = _issue(book)
    again = after(issue, Kind.ISSUE_PROD, issue.legs, hours=2_000, outcome=Outcome.NOT_ENOUGH, book="book")
    left = replay_of(book).balances[issue.legs[0].unit].get(Balance.RAW, 0)
    asked = replace(issue.legs[0], quantity_micro=left + q(240))
    return added(book, replace(again, legs=(asked,))), "240"


def _issued_twice_recorded(book: BookData) -> tuple[BookData, str]:
    """In files nobody refuses: half the production takes the same goods once more, and uses them."""
    book, _ = _issued_twice_refused(book)
    again = next(e for e in book.events if e.id.startswith("new-issue"))
    return edit(book, _named(again), lambda e: replace(e, outcome=Outcome.RECORDED)), "240"


def _opened_with_less(book: BookData) -> tuple[BookData, str]:
    """Last period's report closed with fifty more than this one opens with."""
    assert book.previous is not None
    return replace(book, previous=tuple(
        replace(c, quantity_micro=c.quantity_micro + q(50)) if (c.stock, c.code) == ("material", "M0") else c
        for c in book.previous)), "-50"


def _a_little_more_used(book: BookData) -> tuple[BookData, str]:
    """Three per cent more than the norm: N1 lets it pass, but nothing explains it."""
    spoiled, _ = _over_issue(book)
    used = sum(x.quantity_micro for e in spoiled.events if e.kind == Kind.TRANSFORM for x in e.legs
               if x.code == "M0" and x.role == LineRole.INPUT)
    return _scaled(book, "M0", Fraction(97, 100)), micro_text(used * 97 // 100 - used)


def _norm_of_nothing(book: BookData) -> tuple[BookData, str | None]:
    return replace(book, norms=(*book.norms, replace(book.norms[0], product="NEVER"))), None


def _norm_doubled(book: BookData) -> tuple[BookData, str]:
    """The norm says that twice as much goes into a product: what was exported needs more than came in."""
    came = sum(x.quantity_micro for e in book.events for x in e.legs if x.code == "M0" and e.kind in (
        Kind.RECEIVE_FACTORY, Kind.OPENING))
    left = sum(x.quantity_micro for e in book.events if e.kind == Kind.EXPORT_LOAD for x in e.legs)
    norm = next(n.norm for n in book.norms if n.material == "M0")
    return _scaled(book, "M0", Fraction(2)), micro_text(int(2 * norm * left) - came)


def _second_holder(book: BookData) -> tuple[BookData, str]:
    """Half an hour after the carrier brought it, and before it was handed on, another carrier has it too."""
    arrival = first(book, Kind.ARRIVE)
    again = replace(arrival, id="arrive-again", actor="stranger", seq=arrival.seq + 1,
                    occurred=point(arrival.occurred.start_ms + 30 * 60_000))
    return added(book, again), "1.5"


def _told_late(book: BookData) -> tuple[BookData, str]:
    gate = first(book, Kind.GATE_OUT)
    return edit(book, _named(gate), lambda e: replace(e, recorded_ms=e.occurred.end_ms + 45 * 60_000)), "15"


def _found_broken(book: BookData) -> tuple[BookData, str]:
    accept = first(book, Kind.ACCEPT)
    return edit(book, _named(accept), lambda e: replace(e, broken_seals=e.seals)), "1"


def _lighter(book: BookData) -> tuple[BookData, str]:
    accept = first(book, Kind.ACCEPT, actor="yard")
    assert accept.weighing is not None
    lighter = replace(accept.weighing, gross_micro=accept.weighing.gross_micro - q(200))
    return edit(book, _named(accept), lambda e: replace(e, weighing=lighter)), "-200"


def _long_unclaimed(book: BookData) -> tuple[BookData, str]:
    arrival = first(book, Kind.ARRIVE)
    return edit(book, _named(arrival), lambda e: replace(
        e, occurred=point(e.occurred.start_ms - 100 * DAY_MS))), "10"


def _two_books(book: BookData) -> tuple[BookData, str]:
    step = first(book, Kind.TRANSFORM)
    return edit(book, _named(step), lambda e: replace(e, book="second")), "1"


def _unknown_norm(book: BookData) -> tuple[BookData, str | None]:
    step = first(book, Kind.TRANSFORM)
    return edit(book, _named(step), lambda e: replace(e, norm="ghost")), None


def _counted_in_grams(book: BookData) -> tuple[BookData, str]:
    counted = next(c for c in book.counts if (c.stock, c.code) == ("material", "M0"))
    return replace(book, counts=tuple(
        replace(c, quantity_micro=c.quantity_micro * 1000) if c is counted else c for c in book.counts)), \
        micro_text(counted.quantity_micro * 999)


def _only_repacked(book: BookData) -> tuple[BookData, str]:
    left = sum(x.quantity_micro for e in book.events if e.kind == Kind.EXPORT_LOAD for x in e.legs)
    return edit(book, lambda e: e.kind == Kind.TRANSFORM, lambda e: replace(e, step=Step.REPACK)), \
        micro_text(left)


def _same_tariff_line(book: BookData) -> tuple[BookData, str | None]:
    return replace(book, lines=tuple(
        replace(x, hs="54075299") if x.key == "EX/1" else x for x in book.lines)), None


def _sold_without_line(book: BookData) -> tuple[BookData, str]:
    sale = first(book, Kind.SELL_INLAND)
    return edit(book, _named(sale), lambda e: replace(e, line="")), \
        micro_text(sum(x.quantity_micro for x in sale.legs))


FAULTS = (
    Fault("goods-drawn-before-they-came", "B1", "M0-0", _lot_before_its_goods),
    Fault("count-short", "B2", "M0", _count_short, frozenset({"B6"})),
    Fault("count-over", "B2", "M0", _count_over),
    Fault("loss-left-out", "B5", "", _loss_left_out),
    Fault("lot-handed-over-short", "C2", "M0-1", _handed_over_short, frozenset({"B5", "B2"})),
    Fault("box-found-short", "C2", "BL/M0", _box_found_short, frozenset({"B5"})),
    Fault("offer-never-answered", "C2", "M0-0", _never_answered),
    Fault("taken-unasked", "C2", "BL/M0", _taken_unasked),
    Fault("norm-too-low", "N1", "M0", _over_issue, frozenset({"B6", "N2"})),
    Fault("norm-padded", "N1", "M0", _padded, frozenset({"N6", "B6", "N2"})),
    Fault("claim-too-high", "N6", "M0", _claimed),
    Fault("phantom-export-refused", "X1", "P", _phantom_refused, frozenset({"L1"})),
    Fault("phantom-export-recorded", "X1", "P", _phantom_recorded, frozenset({"L1", "B1", "B2", "B6", "B4"})),
    Fault("cleared-never-left", "X4", "EX/1", _never_left),
    Fault("left-late", "X4", "EX/1", _left_late),
    Fault("gate-out-under-hold", "C1", "BL/M0", _gate_refused),
    Fault("gate-out-recorded-under-hold", "C1", "BL/M0", _gate_recorded_under_hold),
    Fault("line-cancelled-before-gate-out", "C1", "BL/M0", _line_cancelled),
    Fault("hold-recorded-late", "C1", "BL/M0", _hold_recorded_late),
    Fault("seen-leaving", "C1", "BL/M0", _seen_leaving),
    Fault("seal-changed", "S1", "BL/M0", _seal),
    Fault("issued-before-receipt", "T4", "", _issued_before_receipt, frozenset({"B1"})),
    Fault("exported-before-made", "T4", "P-0", _exported_before_made, frozenset({"B1", "X1", "X2"})),
    Fault("gate-out-before-eligible", "T4", "BL/M0", _gate_before_eligible, frozenset({"C1"})),
    Fault("accepted-before-offered", "T4", "BL/M0", _accepted_before_offered),
    Fault("channel-after-clearance", "T4", "", _channel_after_clearance),
    Fault("issued-twice-refused", "L1", "", _issued_twice_refused),
    Fault("issued-twice-recorded", "L1", "", _issued_twice_recorded, frozenset({"B1", "B2", "N1", "N2"})),
    Fault("opened-with-less", "B3", "M0", _opened_with_less),
    Fault("a-little-more-used", "B6", "M0", _a_little_more_used, frozenset({"N2"})),
    Fault("norm-of-nothing", "N5", "NEVER", _norm_of_nothing),
    Fault("norm-doubled", "X2", "M0", _norm_doubled, frozenset({"N1", "N6", "B6", "N2"})),
    Fault("second-holder", "C3", "BL/M0", _second_holder),
    Fault("gate-out-told-late", "C5", "BL/M0", _told_late),
    Fault("seal-found-broken", "S2", "BL/M0", _found_broken),
    Fault("box-lighter-at-the-next-scale", "W1", "BL/M0", _lighter, frozenset({"S6"})),
    Fault("goods-long-unclaimed", "T1", "BL/M0", _long_unclaimed),
    Fault("used-in-two-books", "L2", "", _two_books),
    Fault("norm-that-was-never-declared", "L6", "ghost", _unknown_norm),
    Fault("counted-in-grams", "U3", "M0", _counted_in_grams, frozenset({"B2", "B6"})),
    Fault("exported-as-it-came", "O1", "EX/1", _only_repacked),
    Fault("no-change-of-tariff-line", "O2", "EX/1", _same_tariff_line),
    Fault("sold-inland-without-a-line", "D5", "", _sold_without_line),
)
