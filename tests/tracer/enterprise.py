"""Small enterprises whose books are clean by construction, and the pen to spoil them with.

`Pen` writes events one hour apart; `clean_book` is an enterprise of a few materials and products in which
everything adds up: consumption is norm x output, counts equal the books, every handover is answered in an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from ledger.vocabulary import MICRO, Balance, Kind, LineRole, Origin, Outcome, Step, Thing
from tracer.book import (
    BookData,
    Conversion,
    Count,
    DeclarationLine,
    Event,
    Leg,
    Loss,
    Lot,
    Norm,
    Place,
    Tolerances,
    Weighing,
)
from tracer.moment import HOUR_MS, Span, parse_span, point

OFFSET = "+07:00"
PERIOD = Span(parse_span("2026-01-01", OFFSET).start_ms, parse_span("2026-12-31", OFFSET).end_ms)
OWNER = "thanh-lam"


def q(text: str | int | Fraction) -> int:
    """Units of measure as micro-units."""
    return int(Fraction(text) * MICRO)


class Pen:
    """Writes a book's events, one hour after the other."""

    def __init__(self) -> None:
        self.now_ms = PERIOD.start_ms + (10 * 24 + 8) * HOUR_MS
        self.events: list[Event] = []
        self.lots: dict[str, Lot] = {}
        self.lines: dict[str, DeclarationLine] = {}

    def write(self, kind: Kind, *legs: Leg, **fields: Any) -> Event:
        self.now_ms += HOUR_MS
        seq = 10 * (len(self.events) + 1)  # gaps, so that a fault can lie between two events
        event = Event(f"{kind.name.lower()}-{seq}", seq, kind, fields.pop("occurred", point(self.now_ms)),
                      self.now_ms + 60_000, fields.pop("actor", OWNER), legs, **fields)
        self.events.append(event)
        return event

    def lot(self, name: str, code: str, uom: str, origin: Origin, line: str = "") -> str:
        self.lots[name] = Lot(name, code, uom, origin, line, "book")
        return name

    def leg(
        self, lot: str, quantity: int, role: LineRole = LineRole.NONE, balance: Balance = Balance.NONE
    ) -> Leg:
        about = self.lots[lot]
        return Leg(lot, Thing.LOT, role, balance, quantity, about.code, about.uom)

    def declare(self, key: str, purpose: LineRole, code: str, quantity: int, uom: str, **fields: Any) -> str:
        self.write(Kind.DECLARE, Leg(key, Thing.NONE, purpose, quantity_micro=quantity))
        registered = point(self.now_ms)
        clear = self.write(Kind.CLEAR, Leg(key, Thing.NONE), actor="customs")
        self.lines[key] = DeclarationLine(
            key,
            purpose,
            code,
            quantity,
            uom,
            registered=registered,
            cleared=clear.occurred,
            cleared_by=clear.id,
            currency="VND",
            **fields,
        )
        return key

    def arrive(self, container: str, seal: str) -> None:
        box = Leg(container, Thing.CONTAINER, LineRole.CONTAINER)
        self.write(Kind.ARRIVE, box, actor="carrier", place="port", seals=(seal,))
        gross = q(24_000 + 13 * len(self.events))  # no two boxes weigh the same
        for giver, taker in (("carrier", "terminal"), ("terminal", "yard")):
            offer = self.write(Kind.OFFER, box, actor=giver, counterparty=taker)
            self.write(Kind.ACCEPT, box, actor=taker, reference=offer.id, place=taker, seals=(seal,),
                       weighing=Weighing(gross, q(3_900)))
        self.write(Kind.ELIGIBLE, box, actor="customs")
        self.write(Kind.GATE_OUT, box, actor="yard", place="yard", seals=(seal,))

    def receive(self, lot: str, line: str, quantity: int, container: str = "") -> None:
        about = self.lines[line]
        self.lot(lot, about.code, about.uom, Origin.IMPORTED, line)
        boxes = [Leg(container, Thing.CONTAINER, LineRole.CONTAINER)] if container else []
        self.write(
            Kind.RECEIVE_FACTORY,
            self.leg(lot, quantity, LineRole.OUTPUT, Balance.RAW),
            *boxes,
            line=line,
            book="book",
        )


@dataclass(frozen=True)
class Plan:
    """The figures of a clean enterprise, all in whole hundredths so that every quantity is exact.

    Attributes:
        materials: per material its norm in hundredths and whether it is bought inland.
        runs: output of each production run, in units.
        exported_share: hundredths of the output that leave.
        opening: whether material stood in the store at the beginning.
    """

    materials: tuple[tuple[int, bool], ...]
    runs: tuple[int, ...]
    exported_share: int
    opening: bool


plans = st.builds(
    Plan,
    materials=st.lists(st.tuples(st.integers(50, 400), st.booleans()), min_size=1, max_size=3)
    .map(lambda rows: ((rows[0][0], False), *rows[1:])),
    runs=st.lists(st.integers(2, 40).map(lambda n: n * 100), min_size=1, max_size=3).map(tuple),
    exported_share=st.integers(20, 100),
    opening=st.booleans(),
)
PLAN = Plan(
    materials=((160, False), (120, False), (20, True)), runs=(1000, 500), exported_share=80, opening=True
)


def clean_book(plan: Plan = PLAN) -> BookData:
    """A book without a fault: one product from a few materials, scrap and loss, an export and a sale inland."""
    pen = Pen()
    output = sum(plan.runs)
    codes = [f"M{i}" for i in range(len(plan.materials))]
    norms = {c: Fraction(n, 100) for c, (n, _) in zip(codes, plan.materials, strict=True)}
    stores: dict[str, list[tuple[str, int]]] = {}
    for code, (_, domestic) in zip(codes, plan.materials, strict=True):
        need = q(norms[code] * output)
        stores[code] = _supply(pen, code, need, domestic=domestic, opening=plan.opening and not domestic)
    made: list[tuple[str, int]] = []
    for run, units in enumerate(plan.runs):
        made.append(_produce(pen, run, units, norms, stores))
    exported = output * plan.exported_share // 100
    _export(pen, made, exported)
    book = BookData(
        "book",
        OWNER,
        PERIOD,
        PERIOD.end_ms,
        regime="SXXK",
        customs=frozenset({"customs"}),
        places=(Place("port", kind="port"), Place("terminal", kind="port"), Place("yard", kind="yard")),
        lots=tuple(pen.lots.values()),
        lines=tuple(pen.lines.values()),
        events=tuple(pen.events),
        norms=tuple(
            Norm("P", c, n, "C62", "KGM", "X" if d else "", PERIOD, None, Fraction(1, 20), "norm", 0)
            for (c, n), (_, d) in zip(norms.items(), plan.materials, strict=True)
        ),
        conversions=(
            Conversion("P", "C62", "KGM", sum(norms.values(), Fraction(0)) * Fraction(92, 100), "weighed"),
        ),
    )
    return counted(book)


def _supply(pen: Pen, code: str, need: int, *, domestic: bool, opening: bool) -> list[tuple[str, int]]:
    spare = q(100)
    if domestic:
        name = pen.lot(f"{code}-DOM", code, "KGM", Origin.DOMESTIC)
        pen.write(
            Kind.RECEIVE_DOMESTIC, pen.leg(name, need + spare, LineRole.OUTPUT, Balance.RAW), book="book"
        )
        return [(name, need + spare)]
    lots = []
    if opening:
        name = pen.lot(f"{code}-OPEN", code, "KGM", Origin.IMPORTED)
        pen.write(
            Kind.OPENING,
            pen.leg(name, need // 10 // MICRO * MICRO, LineRole.IMPORTED, Balance.RAW),
            book="book",
        )
        lots.append((name, need // 10 // MICRO * MICRO))
    half = need // 2 // MICRO * MICRO
    come = need + spare - sum(a for _, a in lots)
    line = pen.declare(f"IM-{code}/1", LineRole.RECEIVE, code, come, "KGM", regime="E31", hs="54075200",
                       value=Fraction(come * 3, MICRO), duty_rate=Fraction(12, 100))
    pen.arrive(f"BL/{code}", f"SEAL-{code}")
    for i, amount in enumerate((half, come - half)):
        name = f"{code}-{i}"
        pen.receive(name, line, amount, f"BL/{code}" if i == 0 else "")
        lots.append((name, amount))
    return lots


def _produce(pen: Pen, run: int, units: int, norms: dict[str, Fraction],
             stores: dict[str, list[tuple[str, int]]]) -> tuple[str, int]:
    inputs, outputs, losses = [], [], []
    for code, norm in norms.items():
        left = need = q(norm * units)
        for i, (lot, amount) in enumerate(stores[code]):
            part = min(left, amount)
            if not part:
                continue
            pen.write(Kind.ISSUE_PROD, pen.leg(lot, part, balance=Balance.RAW), book="book", product="P")
            stores[code][i] = (lot, amount - part)
            inputs.append(pen.leg(lot, part, LineRole.INPUT, Balance.WIP))
            left -= part
        scrap = pen.lot(f"S-{code}-{run}", f"S{code}", "KGM", Origin.OWN)
        outputs.append(pen.leg(scrap, need * 3 // 100, LineRole.SCRAP))
        losses.append(Loss(code, need * 5 // 100, "KGM"))
    product = pen.lot(f"P-{run}", "P", "C62", Origin.OWN)
    outputs.append(pen.leg(product, q(units), LineRole.PRODUCT))
    pen.write(Kind.TRANSFORM, *inputs, *outputs, loss=tuple(losses), book="book", norm="norm")
    return product, units


def _export(pen: Pen, made: list[tuple[str, int]], exported: int) -> None:
    line = pen.declare("EX/1", LineRole.EXPORT, "P", q(exported), "C62", regime="E62", hs="62019300", origin="VN")
    left = exported
    for lot, units in made:
        part = min(left, units)
        if part:
            pen.write(
                Kind.EXPORT_LOAD, pen.leg(lot, q(part), balance=Balance.FINISHED), line=line, book="book"
            )
            pen.write(
                Kind.EXIT_CONFIRM, pen.leg(lot, q(part), balance=Balance.LOADED), line=line, actor="customs"
            )
        left -= part
    rest = sum(units for _, units in made) - exported
    if rest > 1:
        lot, units = made[-1]
        sold = min(units, rest) // 2
        if sold:
            change = pen.declare("A42/1", LineRole.CHANGE_OF_PURPOSE, "P", q(sold), "C62", regime="A42",
                                 original="IM-M0/1")
            pen.write(
                Kind.SELL_INLAND, pen.leg(lot, q(sold), balance=Balance.FINISHED), line=change, book="book"
            )


def counted(book: BookData) -> BookData:
    """The book with a year-end count that finds exactly what it says, and the closing it opened with."""
    from tracer.balance import stock_at
    from tracer.replay import replay

    at = parse_span("2026-12-31", OFFSET)
    units = {lot.code: lot.uom for lot in book.lots}
    eve = parse_span("2025-12-31", OFFSET)

    def found(at: Span, event: str) -> tuple[Count, ...]:
        stock = stock_at(book, replay(book).deltas, at.end_ms)
        return tuple(Count(at, kind if kind != "semi" else "wip", code, amount, units[code], event=event)
                     for (kind, code), amount in sorted(stock.items()))

    return replace(book, counts=found(at, "count"), previous=found(eve, ""))


def edit(book: BookData, match: Callable[[Event], bool], change: Callable[[Event], Event | None]) -> BookData:
    """The book with the events that match changed, or left out where the change gives None."""
    events: list[Event] = []
    hit = False
    for event in book.events:
        if match(event):
            hit = True
            new = change(event)
            if new is not None:
                events.append(new)
        else:
            events.append(event)
    assert hit, "the fault found nothing to spoil"
    return replace(book, events=tuple(events))


def first(book: BookData, kind: Kind, **fields: Any) -> Event:
    """The first event of a kind with these fields."""
    return next(e for e in sorted(book.events, key=lambda e: e.seq)
                if e.kind == kind and all(getattr(e, k) == v for k, v in fields.items()))


def added(book: BookData, *events: Event) -> BookData:
    return replace(book, events=(*book.events, *events))


def after(event: Event, kind: Kind, legs: Iterable[Leg], hours: int = 1, **fields: Any) -> Event:
    """A new event some hours after another, at the end of the ledger's order."""
    when = event.occurred.end_ms + hours * HOUR_MS
    return Event(
        f"new-{kind.name.lower()}-{hours}",
        fields.pop("seq", 10_000 + hours),
        kind,
        fields.pop("occurred", point(when)),
        when + 60_000,
        fields.pop("actor", OWNER),
        tuple(legs),
        **fields,
    )


NO_FLOOR = Tolerances({"*": 0}, Fraction(0))
REFUSED = Outcome.NOT_ENOUGH
BREAK, APPLY, LEFT = Step.SEAL_BREAK, Step.SEAL_APPLY, Step.LEFT
