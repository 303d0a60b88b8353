"""Families W, X and S, what scales and seals say together of declared goods."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from math import isqrt

from ledger.vocabulary import MICRO, Kind, Step, Thing
from tracer.book import BOXES, Event
from tracer.facts import Facts
from tracer.quantity import nearest, ratio_text
from tracer.rules.conservation import MASS
from tracer.rules.core import PIECE, Law, Param, Rule, Subject, Tally, circular_38, evaluate
from tracer.rules.spread import median
from tracer.rules.weight import RULES as _WEIGHTS
from tracer.seal_numbers import seal_key, seal_keys
from tracer.tolerance import Tolerance

_KILOGRAM = "KGM"
_STEPS = (50, 20, 10, 5, 2, 1)
"""Divisions of weighbridges, in kilograms, the widest first."""
_CHI_SQUARE_9 = Fraction(27877, 1000)
"""Critical value of chi-square with nine degrees of freedom at p = 0.001."""


def w2(facts: Facts, tally: Tally) -> None:
    """What was received weighs what was declared.

    A receipt that a scale stands behind: its net (gross less tare) against the quantities received, by the
    weight of a unit in conversions. Allowed are 0.5 % and twice the uncertainty of the two readings. Goods
    without a weight are not evaluable, nor is a weighing without tare. Verified gross masses (VGM) of others
    are not in a book.
    """
    _weigh(facts, tally, (Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC), "came in")


def x5(facts: Facts, tally: Tally) -> None:
    """What was loaded for export weighs what was declared.

    As W2, for loadings: a lighter load was padded on paper, a heavier one hides goods.
    """
    _weigh(facts, tally, (Kind.EXPORT_LOAD, Kind.REEXPORT), "was loaded")


def d3(facts: Facts, tally: Tally) -> None:
    """What was destroyed is what the contractor's weight ticket says.

    As W2, for destructions: the weighing named with the act against the quantity taken out of the books. A
    destruction without a weighing is not evaluable. Whether notice was given and minutes were taken is not in
    a book; the ledger asks for a second party's approval.
    """
    for event in facts.of_kinds(Kind.DESTROY):
        if event.weighing is None:
            lots = [leg.unit for leg in event.legs if leg.thing == Thing.LOT]
            tally.missing(Subject("lot", lots[0]) if lots else Subject("event", event.id),
                          f"weight ticket of the destruction {event.id}")
    _weigh(facts, tally, (Kind.DESTROY,), "was destroyed")


def _weigh(facts: Facts, tally: Tally, kinds: tuple[Kind, ...], what: str) -> None:
    for event in facts.weighed:
        legs = [leg for leg in event.legs if leg.thing == Thing.LOT and leg.quantity_micro]
        if event.kind not in kinds or event.weighing is None or not legs:
            continue
        subject = Subject("lot", legs[0].unit)
        weights = [
            (
                leg,
                MASS.get(leg.uom)
                or facts.factors.rate(leg.code, leg.uom, _KILOGRAM, event.occurred),
            )
            for leg in legs
        ]
        lacking = [f"weight in KGM of {leg.code}" for leg, w in weights if w is None]
        if event.weighing.tare_micro is None:
            lacking.append(f"tare of the weighing of {event.id}")
        if lacking:
            tally.missing(subject, *lacking)
            continue
        expected = nearest(sum((leg.quantity_micro * w for leg, w in weights if w is not None), Fraction(0)))
        net = event.weighing.gross_micro - (event.weighing.tare_micro or 0)
        u = event.weighing.uncertainty_micro
        one = int(tally.param("u") * MICRO) if u is None else u
        combined = int(tally.param("k") * isqrt(2 * one * one))
        share = int(expected * tally.param("rel"))
        tolerance = Tolerance(max(combined, share), "uncertainty" if combined >= share else "relative")
        if tolerance.exceeded(net - expected):
            tally.amount(
                subject,
                "medium",
                expected,
                net,
                _KILOGRAM,
                tolerance=tolerance,
                evidence=[event],
                explanation=f"What {what} weighs {'less' if net < expected else 'more'} than it should.",
            )
        else:
            tally.clean()


def w3(facts: Facts, tally: Tally) -> None:
    """A unit weighs the same empty.

    Per container, three tare weights or more: one that differs by more than 2 % from their median is a
    finding (water in the tank of an empty truck). Tare includes the vehicle where it was weighed with it;
    plates of vehicles, and which vehicle it was, are not in a book, so that no vehicle is held against its
    own other weighings.
    """
    tares: dict[str, list[Event]] = defaultdict(list)
    for event in facts.weighed:
        if event.weighing is not None and event.weighing.tare_micro:
            for leg in event.legs:
                if leg.thing == Thing.CONTAINER:
                    tares[leg.unit].append(event)
    for unit, events in sorted(tares.items()):
        values = [Fraction(e.weighing.tare_micro or 0) for e in events if e.weighing]
        if len(values) < int(tally.param("least")):
            continue
        middle = median(values)
        strange = [i for i, x in enumerate(values) if abs(x - middle) > tally.param("share") * middle]
        for i in strange:
            tally.amount(
                Subject("container", unit),
                "low",
                nearest(middle),
                int(values[i]),
                _KILOGRAM,
                evidence=[events[i]],
                explanation="Its tare is another than at its other weighings.",
            )
        if not strange:
            tally.clean()


def w4(facts: Facts, tally: Tally) -> None:
    """Readings of a scale vary as weights do.

    Per place: three readings of different units, one after the other, that are equal to the kilogram; of
    thousands of weighings some are alike by chance, and are not next to each other. And, of 200 readings or
    more, last digits that are far from evenly spread (chi-square, p below 0.001). A scale that shows steps of
    2, 5, 10, 20 or 50 kg alone has digits in those steps. Either says that figures were written, not read.
    Whether a scale is calibrated is checked when its reading is posted, and by C7.
    """
    by_place: dict[str, list[tuple[int, str, Event]]] = defaultdict(list)
    for event in sorted(facts.weighed, key=lambda e: (e.occurred.start_ms, e.seq)):
        if event.weighing is not None:
            leg = next((x for x in event.legs if x.thing != Thing.NONE), None)
            if leg is not None:
                by_place[event.place or event.actor].append(
                    (event.weighing.gross_micro // MICRO, leg.unit, event)
                )
    for place, readings in sorted(by_place.items()):
        same = [run for run in _in_a_row(readings) if len(run[1]) >= int(tally.param("equal"))]
        for kg, events in same:
            tally.amount(
                Subject("event", events[0].id),
                "low",
                MICRO,
                len(events) * MICRO,
                PIECE,
                evidence=events[:16],
                explanation=f"{len(events)} units weighed {kg} kg each at {place}.",
            )
        if len(readings) >= int(tally.param("least")):
            step = next(s for s in _STEPS if all(kg % s == 0 for kg, _, _ in readings))
            spread = Counter(kg // step % 10 for kg, _, _ in readings)
            even = Fraction(len(readings), 10)
            chi = sum(((spread[d] - even) ** 2 / even for d in range(10)), Fraction(0))
            if chi > _CHI_SQUARE_9:
                tally.found(
                    Subject("event", readings[0][2].id),
                    "low",
                    ratio_text(_CHI_SQUARE_9, 3),
                    ratio_text(chi, 3),
                    evidence=[e for _, _, e in readings[:8]],
                    explanation=f"Last digits of {len(readings)} readings at {place} are far from even.",
                )
                continue
        if not same:
            tally.clean()


def _in_a_row(readings: list[tuple[int, str, Event]]) -> list[tuple[int, list[Event]]]:
    """Readings of one weight that different units have one after the other."""
    runs: list[tuple[int, list[Event]]] = []
    before, units = -1, set[str]()
    for kilograms, unit, event in readings:
        if kilograms != before:
            runs.append((kilograms, []))
            units = set()
        if unit not in units:
            runs[-1][1].append(event)
            units.add(unit)
        before = kilograms
    return runs


def s3(facts: Facts, tally: Tally) -> None:
    """A seal's number is on one unit, and on none after it was broken.

    The same number named by acts about two containers or cargoes; or named again after a recorded break of
    it, or of all seals of its unit. One finding for each number. Capitals, spaces and hyphens make no other
    number. An act that names several units does not say whose the seal is: it is on one of them. A seal found
    broken is S2's.
    """
    clocks = 2 * facts.book.clock_uncertainty_ms
    on: dict[str, tuple[set[str], Event]] = {}
    broken: dict[str, Event] = {}
    failed: set[str] = set()
    for event in sorted(facts.boxed, key=lambda e: (e.occurred.start_ms, e.seq)):
        boxes = event.boxes
        units = {leg.unit for leg in boxes}
        subject = Subject(boxes[0].thing.name.lower(), boxes[0].unit)
        opened = event.kind == Kind.OBSERVE and event.step == Step.SEAL_BREAK
        for seal in event.seals:
            key = seal_key(seal)
            may, before = on.get(key, (units, event))
            on[key] = may & units, before
            if key in failed:
                continue
            if not may & units:
                failed.add(key)
                tally.amount(subject, "high", MICRO, 2 * MICRO, PIECE, evidence=[before, event],
                             explanation=f"Seal {seal} was on {min(may)} before.")
            elif key in broken and not opened and broken[key].occurred.before(event.occurred, clocks):
                failed.add(key)
                tally.amount(subject, "high", 0, MICRO, PIECE, evidence=[broken[key], event],
                             explanation=f"Seal {seal} is named again after its break was recorded.")
        if opened:
            named = seal_keys(event.seals)
            for key in named or [key for key, (may, _) in on.items() if may and may <= units]:
                broken.setdefault(key, event)
    tally.clean(len(on) - len(failed))


def s6(facts: Facts, tally: Tally) -> None:
    """A load that changed its weight behind an unbroken seal was reached some other way.

    Every unit of which W1 says that its weight changed, and whose seals were the same, and whole, at both
    weighings: one degree graver than W1 (they cut round the seal).
    """
    things = [thing.name.lower() for thing in BOXES]
    for finding in evaluate(_WEIGHTS[0], facts, {}).findings:
        if finding.verdict != "found" or finding.subject_type not in things:
            continue
        events = [facts.by_id[e.id] for e in finding.evidence if e.id in facts.by_id]
        between = [
            e
            for e in facts.events
            if e.recorded
            and any(leg.unit == finding.subject_id for leg in e.legs)
            and events[0].occurred.start_ms <= e.occurred.end_ms
            and e.occurred.start_ms <= events[-1].occurred.end_ms
        ]
        read = {seal_keys(e.seals): sorted(e.seals) for e in between if e.seals}
        opened = any(e.broken_seals or e.step in (Step.SEAL_BREAK, Step.SEAL_APPLY) for e in between)
        if len(read) != 1 or opened:
            tally.clean()
            continue
        tally.found(
            Subject(finding.subject_type, finding.subject_id),
            "critical",
            finding.expected or "",
            finding.observed or "",
            difference=finding.difference,
            uom=finding.uom,
            evidence=between[:16],
            explanation=f"Its weight changed while seal {', '.join(*read.values())} was never opened.",
        )


_U = (
    Param("u", "20", "kg", "standard uncertainty of one reading, where the scale states none"),
    Param("k", "2", "factor", "coverage factor of the combined uncertainty"),
    Param("rel", "0.005", "share", "relative tolerance of the weight"),
)
_SEALS = (
    Law("Law 54/2014/QH13 Art. 64.4, 65", valid_from="2015-01-01"),
    *circular_38("50.2, 52b"),
    Law("Decree 169/2026/ND-CP Art. 13.3, 13.6", valid_from="2026-07-01"),
)
_GATE = (*circular_38("52b"), Law("Law 54/2014/QH13 Art. 64.4", valid_from="2015-01-01"))
_NEEDS = ("weighings with tare", "weights of goods (conversions to KGM)")

RULES = (
    Rule("W2", "1", "weight", "Received weight against the declared", "book", _GATE, _U, {}, w2, _NEEDS),
    Rule(
        "X5",
        "1",
        "export",
        "Loaded weight against the declared",
        "book",
        circular_38("53"),
        _U,
        {},
        x5,
        _NEEDS,
    ),
    Rule(
        "D3",
        "2",
        "outcome",
        "Destroyed weight against the ticket",
        "book",
        (*circular_38("64.3.d"), Law("Decree 169/2026/ND-CP Art. 13.1.b", valid_from="2026-07-01")),
        _U,
        {},
        d3,
        _NEEDS,
    ),
    Rule(
        "W3",
        "1",
        "weight",
        "Tare that changes",
        "custody",
        _GATE,
        (
            Param("least", "3", "weighings", "that tell a unit's tare"),
            Param("share", "0.02", "share", "of the median that a tare may differ by"),
        ),
        {},
        w3,
        ("tare of weighings",),
    ),
    Rule(
        "W4",
        "2",
        "weight",
        "Readings that were written, not read",
        "custody",
        _GATE,
        (
            Param("equal", "3", "units", "of one weight, one after the other at one place"),
            Param("least", "200", "readings", "for the test of last digits"),
        ),
        {},
        w4,
    ),
    Rule("S3", "2", "seal", "Seal on two containers, or used again", "custody", _SEALS, (), {}, s3),
    Rule(
        "S6",
        "2",
        "seal",
        "Weight changed behind a whole seal",
        "custody",
        _SEALS,
        (),
        {},
        s6,
        ("gross and tare of weighings",),
    ),
)
