"""What may stand beside a book's events: tables that an enterprise, a carrier or customs can give.

None of it is needed to settle a book; each table makes a rule evaluable. A table that nobody supplied is
None, which is never the same as an empty one. Field names are the columns of docs/formats/book.md; a
declaration line is called `declaration/line`, a lot `enterprise/lot`, quantities are micro-units.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tracer.moment import Span


@dataclass(frozen=True, slots=True)
class Document:
    """A paper or picture behind an event or a declaration line.

    Attributes:
        number, type: as it is called. sha256: of its file, hex. picture: perceptual hash of an image, 16 hex
            digits, by which a picture taken of the same scene is told. date: on it.
        line, event: what it was given for, where it stands in a table of documents.
    """

    number: str
    type: str = ""
    sha256: str = ""
    picture: str = ""
    date: Span | None = None
    line: str = ""
    event: str = ""


@dataclass(frozen=True, slots=True)
class More:
    """What an event says beyond what every rule reads; one shared empty record where it says nothing.

    Attributes:
        documents: papers named. value: of what was sold, in `currency`. signer: key or user that signed.
        device: that measured. volume: in litres, temperature: in degrees Celsius, of what was measured.
        channel: that customs gave, lower case. serials: numbers of single pieces. alarm: what a seal reported
            by itself.
    """

    documents: tuple[Document, ...] = ()
    value: Fraction | None = None
    currency: str = ""
    signer: str = ""
    device: str = ""
    volume: Fraction | None = None
    temperature: Fraction | None = None
    channel: str = ""
    serials: tuple[str, ...] = ()
    alarm: str = ""


NOTHING_MORE = More()


@dataclass(frozen=True, slots=True)
class OnSpot:
    """The buyer's import line that answers an on-spot export line, and the notice of it to customs.

    Attributes:
        line: the export line. imported: the import line. notified: when customs was told of the pair.
        cleared: when the import was. delivered: when the goods were handed over. related: yes or no.
    """

    line: str
    imported: str
    registered: Span | None = None
    cleared: Span | None = None
    notified: Span | None = None
    delivered: Span | None = None
    hs: str = ""
    quantity: Fraction | None = None
    uom: str = ""
    importer: str = ""
    related: str = ""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A trade-remedy duty (anti-dumping, countervailing) of a market on goods of an origin."""

    origin: str
    market: str
    hs: str
    valid_from: Span | None = None
    valid_to: Span | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Signer:
    """A key or user that may act for somebody: in which roles, where, from when to when."""

    signer: str
    actor: str
    roles: str = ""
    place: str = ""
    valid_from: Span | None = None
    valid_to: Span | None = None
    revoked: Span | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A measuring device: whose it is, where it stands (empty: carried), until when it is calibrated."""

    device: str
    owner: str = ""
    place: str = ""
    calibrated_to: Span | None = None
    revoked: Span | None = None


@dataclass(frozen=True, slots=True)
class Manifested:
    """A container or cargo on the manifest of a voyage. `quantity`: packages or weight in `uom`."""

    unit: str
    voyage: str = ""
    due: Span | None = None
    quantity: int | None = None
    landed: int | None = None
    uom: str = ""


@dataclass(frozen=True, slots=True)
class SealRange:
    """Seal numbers that an issuer was given; `source` customs, carrier or other."""

    issuer: str
    first: str
    last: str
    source: str = ""
    valid_from: Span | None = None
    valid_to: Span | None = None


@dataclass(frozen=True, slots=True)
class SealReading:
    """What an electronic seal reported by itself: closed, opened, tampered or battery."""

    seal: str
    at: Span
    status: str = "closed"
    place: str = ""
    latitude: Fraction | None = None
    longitude: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Density:
    """Least and greatest weight of a litre of a liquid, in kilograms, between two temperatures."""

    code: str
    low: Fraction
    high: Fraction
    from_temperature: Fraction | None = None
    to_temperature: Fraction | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Relief:
    """A relief asked for: refund, drawback, exemption or re-export credit."""

    claim: str
    kind: str
    line: str = ""
    lot: str = ""
    quantity: int | None = None
    at: Span | None = None


@dataclass(frozen=True, slots=True)
class Serial:
    """The number of one piece of a lot."""

    lot: str
    serial: str


@dataclass(frozen=True, slots=True)
class Contract:
    """A processing contract and its end."""

    contract: str
    ends: Span
    partner: str = ""
    settled: Span | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice to customs that work is given to a sub-contractor; `owned`: share of it that is owned."""

    partner: str
    notified: Span
    contract: str = ""
    owned: Fraction | None = None


@dataclass(frozen=True, slots=True)
class ScrapBook:
    """A row of the enterprise's own book of scrap."""

    code: str
    opening: int
    generated: int
    sold: int
    destroyed: int
    recycled: int
    closing: int


@dataclass(frozen=True, slots=True)
class Beside:
    """Every table, None where nobody supplied it.

    Attributes:
        documents, on_spot, remedies, signers, devices, manifest, seal_ranges, seal_readings, densities,
            reliefs, serials, contracts, notices, scrap_book: rows of the tables of those names.
    """

    documents: tuple[Document, ...] | None = None
    on_spot: tuple[OnSpot, ...] | None = None
    remedies: tuple[Remedy, ...] | None = None
    signers: tuple[Signer, ...] | None = None
    devices: tuple[Device, ...] | None = None
    manifest: tuple[Manifested, ...] | None = None
    seal_ranges: tuple[SealRange, ...] | None = None
    seal_readings: tuple[SealReading, ...] | None = None
    densities: tuple[Density, ...] | None = None
    reliefs: tuple[Relief, ...] | None = None
    serials: tuple[Serial, ...] | None = None
    contracts: tuple[Contract, ...] | None = None
    notices: tuple[Notice, ...] | None = None
    scrap_book: tuple[ScrapBook, ...] | None = None


NOTHING_BESIDE = Beside()
