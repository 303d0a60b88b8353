"""The data of one book: all that the tracer reads, wherever it came from.

A `BookData` is filled from the index (`load.load_book`) or from a folder of files (`files`); rules,
balances and lineage see only this. It is plain, frozen and complete: two equal BookData give the same bytes
of result.

What is in it: events that count (recorded; an OPENING only once approved; `voids` says which voided ones
are out) and events that were refused, which move nothing and stay as evidence. Names are what people know:
`owner/lot number`, `consignment/container number`, `declaration/line`; where the index cannot read a name,
the ledger's id stands in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ledger.quick import quick
from ledger.vocabulary import Balance, Kind, LineRole, Origin, Outcome, Step, Thing
from tracer.beside import NOTHING_BESIDE, NOTHING_MORE, Beside, More
from tracer.moment import Span

NO_LINE = ""
_RECORDED = Outcome.RECORDED
HELD = (Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP, Balance.SHORT, Balance.LOADED)
"""Balances that the ledger keeps of a lot."""
BOXES = (Thing.CONTAINER, Thing.CARGO)
"""Things that goods travel in, or as."""


@quick
@dataclass(frozen=True, slots=True)
class Leg:
    """A thing named by an event, and how much of it.

    Attributes:
        unit: name of a lot, container, cargo or declaration line.
        thing: what it is; NONE for a declaration line.
        role, balance: as in the event model.
        quantity_micro: 10⁻⁶ of `uom`; 0 where the event states none.
        code, uom: material or product code of a lot, and its unit of measure.
    """

    unit: str
    thing: Thing = Thing.LOT
    role: LineRole = LineRole.NONE
    balance: Balance = Balance.NONE
    quantity_micro: int = 0
    code: str = ""
    uom: str = ""


@quick
@dataclass(frozen=True, slots=True)
class Loss:
    """Process loss declared with a TRANSFORM: material, quantity, unit of measure."""

    code: str
    quantity_micro: int
    uom: str


@dataclass(frozen=True, slots=True)
class Weighing:
    """A weighbridge's reading of a unit, in micro-kilograms.

    Attributes:
        gross_micro: what stood on the scale.
        tare_micro: vehicle and container without goods; None where it was not stated.
        uncertainty_micro: standard uncertainty of one reading; None where the device states none.
    """

    gross_micro: int
    tare_micro: int | None = None
    uncertainty_micro: int | None = None


@quick
@dataclass(frozen=True, slots=True)
class Event:
    """One event, recorded or refused.

    Attributes:
        id: the ledger's event id, or the movement id of a file.
        seq: place in the order in which the ledger took it (an OPENING: that of its approval).
        occurred, recorded_ms: when it happened (an interval) and when it was recorded.
        line: declaration line it draws from or is loaded for, `declaration/line`.
        reference: event it answers.
        cited: declaration lines named by its documents.
        product: what an issue to production is meant for, where it was said.
        norm: event id of the norm a TRANSFORM cites.
        customs_seals, broken_seals: of the seals named, those of customs, and those found broken or tampered.
        weighing: what a scale showed, where the event says. more: what else it says.
        withdrawn_by: for a refused event, the CORRECT by which its own poster took it back.
        voided_by: for an event that counts all the same, the CORRECT by its own poster.
    """

    id: str
    seq: int
    kind: Kind
    occurred: Span
    recorded_ms: int
    actor: str
    legs: tuple[Leg, ...] = ()
    outcome: Outcome = Outcome.RECORDED
    step: Step = Step.NONE
    counterparty: str = ""
    place: str = ""
    book: str = ""
    line: str = NO_LINE
    reference: str = ""
    cited: tuple[str, ...] = ()
    product: str = ""
    norm: str = ""
    loss: tuple[Loss, ...] = ()
    seals: tuple[str, ...] = ()
    reason: str = ""
    expires_ms: int = 0
    epcis_id: str = ""
    tx_hash: str = ""
    withdrawn_by: str = ""
    voided_by: str = ""
    customs_seals: tuple[str, ...] = ()
    broken_seals: tuple[str, ...] = ()
    weighing: Weighing | None = None
    more: More = NOTHING_MORE

    @property
    def boxes(self) -> list[Leg]:
        """Its containers and cargoes."""
        return [leg for leg in self.legs if leg.thing in BOXES]

    @property
    def names(self) -> set[str]:
        """The containers, cargoes and declaration lines that it is about or cites."""
        return {self.line, *self.cited, *(leg.unit for leg in self.legs if leg.thing != Thing.LOT)} - {""}

    @property
    def of_several_boxes(self) -> bool:
        """Whether it is about more than one: what it read or weighed is then of none of them alone."""
        return len({leg.unit for leg in self.boxes}) > 1

    @property
    def recorded(self) -> bool:
        """Whether the act counts (a refused one is evidence only)."""
        return self.outcome is _RECORDED


@quick
@dataclass(frozen=True, slots=True)
class Lot:
    """Identity of a lot: one code, one unit of measure, one origin, one source line."""

    id: str
    code: str
    uom: str
    origin: Origin
    source_line: str = NO_LINE
    book: str = ""


@quick
@dataclass(frozen=True, slots=True)
class DeclarationLine:
    """A declaration line as it stands, with what it was worth.

    Attributes:
        key: `declaration/line`.
        purpose: what the line is a quota for (RECEIVE, EXPORT, RE_EXPORT, CHANGE_OF_PURPOSE, ...).
        value: customs value of the whole line in `currency`; None where not known.
        duty_rate: fraction (0.12 is 12 %); None where not known.
        original: key of the line it changes, or empty.
        book: the book it names; empty where it names none.
        cleared, cancelled: when; with the event and time of recording.
        certificate: number of a certificate of origin that goes with it, or empty.
        destination: country that the goods go to. contract: processing contract that it belongs to.
        channel, mode: green, yellow or red; way of transport. stated_uom: unit of measure on the declaration.
    """

    key: str
    purpose: LineRole
    code: str
    quantity_micro: int
    uom: str
    regime: str = ""
    description: str = ""
    hs: str = ""
    origin: str = ""
    value: Fraction | None = None
    currency: str = ""
    duty_rate: Fraction | None = None
    partner: str = ""
    original: str = NO_LINE
    registered: Span | None = None
    cleared: Span | None = None
    cleared_by: str = ""
    cancelled: Span | None = None
    cancelled_recorded_ms: int = 0
    declared_by: str = ""
    book: str = ""
    certificate: str = ""
    destination: str = ""
    contract: str = ""
    channel: str = ""
    mode: str = ""
    stated_uom: str = ""


@dataclass(frozen=True, slots=True)
class Norm:
    """Material per unit of product, as declared, from a date on.

    `norm` is the legal actual norm: embodied material, process loss and what became scrap. `flag` is form
    16's column 9: blank imported, X domestic, KXDDM no norm can be set, TH, SPTN.
    """

    product: str
    material: str
    norm: Fraction
    product_uom: str
    material_uom: str
    flag: str = ""
    valid_from: Span | None = None
    valid_to: Span | None = None
    loss_rate: Fraction | None = None
    declared_by: str = ""
    declared_ms: int = 0


@quick
@dataclass(frozen=True, slots=True)
class Count:
    """A stock stated by a stock-take. `stock` is material, wip, product or scrap; `lot` may be empty."""

    at: Span
    stock: str
    code: str
    quantity_micro: int
    uom: str
    lot: str = ""
    place: str = ""
    event: str = ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A factor between two units of measure for one code (empty: any): one `from_uom` is `factor` `to_uom`.

    `uncertainty` is the standard uncertainty of the factor in its own unit; None where nobody states it.
    """

    code: str
    from_uom: str
    to_uom: str
    factor: Fraction
    source: str = ""
    valid_from: Span | None = None
    valid_to: Span | None = None
    uncertainty: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A place that the enterprise notified to customs for its goods.

    Attributes:
        id: as events name it. name: for people.
        kind: factory, warehouse, bonded, bonded_tax, cfs, yard, port, air, rail, subcontractor or other.
        custodian: who keeps the goods there; empty: the enterprise.
        valid_from, valid_to: when the notice holds; None is open.
        latitude, longitude: in degrees; None where they are not known.
    """

    id: str
    name: str = ""
    kind: str = ""
    custodian: str = ""
    valid_from: Span | None = None
    valid_to: Span | None = None
    latitude: Fraction | None = None
    longitude: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a line of machines can make of one product.

    Attributes:
        product: its code. uom: unit of measure of `rate`.
        machines: how many. rate: output of one of them in an hour. hours_per_day: over all shifts.
        place: where they stand, or empty.
    """

    product: str
    uom: str
    machines: Fraction
    rate: Fraction
    hours_per_day: Fraction
    place: str = ""
    valid_from: Span | None = None
    valid_to: Span | None = None


@dataclass(frozen=True, slots=True)
class Substitute:
    """A code in a registered group of substitutes: one unit of it does the work of `ratio` units of the
    group.
    """

    group: str
    code: str
    ratio: Fraction = Fraction(1)
    valid_from: Span | None = None
    valid_to: Span | None = None


@dataclass(frozen=True, slots=True)
class PeerNorm:
    """Another firm's norm, without its name: tariff codes, units of measure, material per unit of product."""

    product_hs: str
    material_hs: str
    product_uom: str
    material_uom: str
    norm: Fraction


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """Price of one unit of a currency in the book's own (VND), from a day on."""

    currency: str
    rate: Fraction
    valid_from: Span | None = None
    valid_to: Span | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """A declared outage of a place's or an actor's system: what happened in it may be posted after it."""

    who: str
    span: Span


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Terms of `tolerance.tol`. Defaults have no legal force.

    Attributes:
        abs_floor_micro: by unit of measure; `*` for any other.
        rel: share of the expected quantity.
        k: coverage factor of the combined standard uncertainty.
    """

    abs_floor_micro: Mapping[str, int] = field(default_factory=lambda: {"*": 10_000})
    rel: Fraction = Fraction(1, 1_000)
    k: Fraction = Fraction(2)


@dataclass(frozen=True, slots=True)
class BookData:
    """Everything about one book in one period.

    Attributes:
        id, name, enterprise: the book and its owner. An empty id means no book: custody events alone.
        regime, jurisdiction: SXXK, GC, EPE ...; VN.
        period: first and last millisecond of the period.
        as_of_ms: nothing after this moment is known; a clock still running then is pending, not a finding.
        offset: fixed zone of the book, `+07:00`.
        clock_uncertainty_ms: of one clock; "before" needs twice as much.
        allocation: policy by which imported material is attributed (see `allocation`).
        allocation_since: since when that policy holds; None where it is not known.
        turnover_days: average inventory turn-over period, for LOW_TO_HIGH_TURNOVER.
        yield_basis: by which arithmetic products account for their materials (see `yields`).
        waste_values: value of one unit of scrap by code, in the currency of the import lines.
        events: of this book's lots and lines, and custody events of the units its goods came in.
        claims: exempt quantity claimed per material code; None when the declared norm is the claim.
        previous: last period's closing stock; None where nobody supplied it, empty where there was none.
        codes: internal code to declared code, where they differ.
        places, capacity, groups, rates: notified places, machines, groups of substitutes and exchange rates;
            None where nobody supplied them.
        peers: norms of other firms; None where nobody supplied them.
        hs: tariff code of materials and products, beside those that declaration lines state.
        outages: declared outages of systems; None where nobody supplied them.
        filed: when the settlement report of the period was filed; None where it is not known.
        customs: names of the participants that are customs.
        elsewhere: names of lots, lines and events that exist on the ledger although not in this book.
        ledger_balances: what the ledger says of each lot at the end of the events, in micro-units; empty
            where there is nothing to compare with.
        unit_ids: ledger ids of names, so that a screen can link them.
        beside: tables that stand beside the events (see `beside`).
    """

    id: str
    enterprise: str
    period: Span
    as_of_ms: int
    name: str = ""
    regime: str = ""
    jurisdiction: str = "VN"
    offset: str = "+07:00"
    clock_uncertainty_ms: int = 60_000
    allocation: str = "SPECIFIC"
    allocation_since: Span | None = None
    turnover_days: int | None = None
    yield_basis: str = "VN_NORM"
    waste_values: Mapping[str, Fraction] = field(default_factory=dict)
    tolerances: Tolerances = field(default_factory=Tolerances)
    lots: tuple[Lot, ...] = ()
    lines: tuple[DeclarationLine, ...] = ()
    norms: tuple[Norm, ...] = ()
    counts: tuple[Count, ...] = ()
    events: tuple[Event, ...] = ()
    conversions: tuple[Conversion, ...] = ()
    claims: Mapping[str, int] | None = None
    previous: tuple[Count, ...] | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    places: tuple[Place, ...] | None = None
    capacity: tuple[Capacity, ...] | None = None
    groups: tuple[Substitute, ...] | None = None
    rates: tuple[ExchangeRate, ...] | None = None
    peers: tuple[PeerNorm, ...] | None = None
    hs: Mapping[str, str] = field(default_factory=dict)
    outages: tuple[Outage, ...] | None = None
    filed: Span | None = None
    customs: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    descriptions: Mapping[str, str] = field(default_factory=dict)
    ledger_balances: Mapping[str, Mapping[Balance, int]] = field(default_factory=dict)
    unit_ids: Mapping[str, str] = field(default_factory=dict)
    particulars: Mapping[str, str] = field(default_factory=dict)
    beside: Beside = NOTHING_BESIDE

    def known_at(self, known_at_ms: int) -> BookData:
        """The same book with only what had been recorded by then (the record time of a bitemporal
        question).
        """
        events = tuple(e for e in self.events if e.recorded_ms <= known_at_ms)
        return replace(self, events=events, ledger_balances={})
