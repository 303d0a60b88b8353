"""Family B, conservation: what goes into a step comes out of it."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import Kind, LineRole, Thing
from tracer.blend import lowest, plus
from tracer.book import HELD, Event, Leg
from tracer.facts import Facts
from tracer.quantity import nearest
from tracer.rules.core import Param, Rule, Subject, Tally, circular_38
from tracer.usage import lot_legs

_KILOGRAM = "KGM"
MASS = {"KGM": Fraction(1), "GRM": Fraction(1, 1000), "MGM": Fraction(1, 10**6), "TNE": Fraction(1000),
        "LBR": Fraction("0.45359237")}
"""Units of mass of UNECE Rec 20 in kilograms. Pieces and lengths add up to nothing across materials."""


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
    offers = facts.offers
    for event in facts.of_kinds(Kind.ACCEPT, Kind.SPLIT, Kind.MERGE, Kind.TRANSFORM):
        if event.kind == Kind.ACCEPT:
            _handover(tally, offers.get(event.reference), event)
        elif event.kind in (Kind.SPLIT, Kind.MERGE):
            _split_merge(facts, tally, event)
        elif event.kind == Kind.TRANSFORM:
            _transform(facts, tally, event)


def _ledger(facts: Facts, tally: Tally) -> None:
    """Each balance of each lot, replayed, against the ledger's own."""
    touched: dict[str, list[Event]] = defaultdict(list)
    for delta in facts.replay.deltas if facts.book.ledger_balances else ():
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
    repaired = {e.reference for e in facts.of_kinds(Kind.ADJUST, Kind.REASSIGN)}
    for event in facts.events:
        if not event.voided_by or not event.recorded:
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
    into = out = (0, 1)
    unknown: dict[str, None] = {}
    legs = [leg for leg in event.legs if leg.thing == Thing.LOT]
    parts = [(leg.code, leg.uom, leg.quantity_micro, leg.role == LineRole.INPUT) for leg in legs]
    parts += [(x.code, x.uom, x.quantity_micro, False) for x in event.loss]
    for code, uom, q, is_input in parts:
        rate = MASS.get(uom) or facts.factors.rate(code, uom, _KILOGRAM, event.occurred)
        if rate is None:
            unknown[f"weight in {_KILOGRAM} of one {uom} of {code}"] = None
            continue
        n, d = rate.as_integer_ratio()
        if is_input:
            into = plus(into, lowest(q * n, d))
        else:
            out = plus(out, lowest(q * n, d))
    if unknown:
        tally.missing(subject, *unknown)
        return
    expected, observed = nearest(Fraction(*into)), nearest(Fraction(*out))
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


RULES = (
    Rule("B5", "2", "balance", "Conservation at every step", "book", circular_38("60.2.a"),
         (Param("rel", "0.005", "share", "relative tolerance of the mass balance of a production step"),),
         {}, b5, ("weight of a unit of each material and product (factors to KGM)",)),
)
