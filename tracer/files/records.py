"""Rows of the reference tables as records of a book: lines, norms, stocks, factors and the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ledger.vocabulary import Kind, LineRole
from tracer.book import (
    Capacity,
    Conversion,
    Count,
    DeclarationLine,
    ExchangeRate,
    Norm,
    PeerNorm,
    Place,
    Substitute,
)
from tracer.files import tables as t
from tracer.files.dated import CLOSING, OPENING, Beginning
from tracer.files.folder import Folder, Row
from tracer.labels import label
from tracer.moment import Span
from tracer.norms import Factors
from tracer.quantity import nearest, ratio_text

_TRANSFERS = {"E23": LineRole.TRANSFER_IN, "E54": LineRole.TRANSFER_OUT}
"""Regimes of transfers between contracts; they are plain import or export unless a TRANSFER cites them."""
_DEGREES = {"latitude": 90, "longitude": 180}
"""How far coordinates go, to either side."""


@dataclass(slots=True)
class Stock:
    """A row of opening.csv, counts.csv or previous.csv, its quantity in the unit of its code."""

    row: Row
    record: Count


@dataclass(slots=True)
class Reference:
    """What the tables beside the movements say.

    Attributes:
        units: unit of measure in which each code is kept: as declared, else as first stated.
        lines: by key, with the row each stands in.
        lot_codes: codes by lot number, once the movements are read.
    """

    folder: Folder
    enterprise: str
    period: Span
    codes: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    conversions: tuple[Conversion, ...] = ()
    factors: Factors = field(default_factory=lambda: Factors(()))
    lines: dict[str, DeclarationLine] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    norms: tuple[Norm, ...] = ()
    opening: list[Stock] = field(default_factory=list)
    counts: list[Stock] = field(default_factory=list)
    previous: tuple[Count, ...] | None = None
    claims: Mapping[str, int] | None = None
    places: tuple[Place, ...] | None = None
    capacity: tuple[Capacity, ...] | None = None
    groups: tuple[Substitute, ...] | None = None
    rates: tuple[ExchangeRate, ...] | None = None
    peers: tuple[PeerNorm, ...] | None = None
    lot_codes: Mapping[str, set[str]] = field(default_factory=dict)

    def read(self) -> None:
        """Read every table but the movements.

        Raises:
            InputError: a file that cannot be used at all.
        """
        folder = self.folder
        self.read_beside(stocks=False)
        for row in folder.rows(t.DECLARATIONS) or ():
            self._line(row)
        self.norms = _versions([self._norm(r) for r in folder.rows(t.NORMS) or ()])
        self.opening = self._of_the_beginning(OPENING, self._stocks(folder.rows(t.OPENING) or ()))
        self.counts = list(self._stocks(folder.rows(t.COUNTS) or ()))
        self._stated()

    def read_beside(self, *, stocks: bool = True) -> None:
        """Read what may stand beside a book of the ledger too: codes, factors, claims and the like.

        Args:
            stocks: also the tables that state quantities, which are read after the declarations.

        Raises:
            InputError: a file that cannot be used at all.
        """
        folder = self.folder
        for row in folder.rows(t.CODES) or ():
            if self.codes.setdefault(row["internal"], row["declared"]) != row["declared"]:
                folder.faults.add(
                    row.file,
                    row.number,
                    "internal",
                    f"{row['internal']} is declared as {self.codes[row['internal']]} in a row before.",
                    "Keep the row that counts.",
                )
                folder.faults.incomplete |= {row["declared"], self.codes[row["internal"]]}
                continue
            if row.get("description"):
                self.descriptions[row["declared"]] = row["description"]
        self.conversions = tuple(
            Conversion(
                self.code(r.text("code")),
                r["from_uom"],
                r["to_uom"],
                r["factor"],
                r.text("source"),
                r.get("valid_from"),
                r.get("valid_to"),
                r.get("uncertainty"),
            )
            for r in folder.rows(t.CONVERSIONS) or ()
            if self._positive(r, "factor")
        )
        self.factors = Factors(self.conversions)
        self._others()
        if stocks:
            self._stated()

    def _stated(self) -> None:
        previous = self.folder.rows(t.PREVIOUS)
        if previous is not None:
            self._closed_before(list(self._stocks(previous)))
        self._claims(self.folder.rows(t.CLAIMS))

    def _closed_before(self, stocks: Sequence[Stock]) -> None:
        """Closing stock of the period before. Rows of which none can be that state none."""
        kept = self._of_the_beginning(CLOSING, stocks)
        self.previous = None if stocks and not kept else tuple(s.record for s in kept)
        early = ((s.row.file, s.record.at) for s in kept)
        self.beginning.tell_early(CLOSING, early)

    def _of_the_beginning(self, what: str, stocks: Iterable[Stock]) -> list[Stock]:
        takes = self.beginning.takes
        return [s for s in stocks if takes(what, (s.row.file, s.row.number), s.record.code, s.record.at)]

    @property
    def beginning(self) -> Beginning:
        """Of the period."""
        return Beginning(self.period, self.folder.offset, self.folder.faults)

    def code(self, internal: str) -> str:
        """The declared code of an internal one."""
        return self.codes.get(internal, internal)

    def in_unit(self, row: Row, code: str, quantity: int, uom: str, column: str = "uom") -> int | None:
        """A quantity in the unit of its code; None (and a fault) where no factor is known."""
        unit = self.units.setdefault(code, uom)
        if uom == unit:
            return quantity
        rate = self.factors.rate(code, uom, unit, row["at"])
        if rate is None:
            self.folder.faults.add(
                row.file,
                row.number,
                column,
                f"{code} is kept in {unit}, and no factor from {uom} is known.",
                f"Add a row to conversions: {code},{uom},{unit},FACTOR; or write the quantity in {unit}.",
            )
            self.folder.faults.incomplete.add(code)
            return None
        return nearest(quantity * rate)

    def purposes(self, cited: Mapping[str, set[Kind]]) -> dict[str, DeclarationLine]:
        """The lines with what they are a quota for, by regime and by the movements that cite them."""
        result = {}
        for key, line in self.lines.items():
            kinds = cited.get(key, set())
            if line.regime in _TRANSFERS and Kind.TRANSFER in kinds:
                result[key] = replace(line, purpose=_TRANSFERS[line.regime])
            elif Kind.REEXPORT in kinds and line.purpose == LineRole.EXPORT:
                result[key] = replace(line, purpose=LineRole.RE_EXPORT)
            else:
                result[key] = line
        return result

    def _line(self, row: Row) -> None:
        key = label(row["declaration"], row["line"])
        if key in self.lines:
            self.folder.faults.add(
                row.file,
                row.number,
                "line",
                f"the line {key} is in row {self.rows[key].number} already.",
                "Keep the row that counts.",
            )
            return
        original = row.text("original_declaration")
        self.units.setdefault(row["code"], row["uom"])
        quantity = self.in_unit(_dated(row), row["code"], row["quantity"], row["uom"])
        if quantity is None:
            return
        self.rows[key] = row
        self.lines[key] = DeclarationLine(
            key,
            _purpose(row),
            row["code"],
            quantity,
            self.units[row["code"]],
            regime=row["regime"],
            description=row.text("description"),
            hs=row.text("hs"),
            origin=row.text("origin"),
            value=row.get("value"),
            currency=row.text("currency"),
            duty_rate=row.get("duty_rate"),
            partner=row.text("partner"),
            original=label(original, row.text("original_line") or "1") if original else "",
            registered=row.get("registered_at"),
            cleared=row.get("cleared_at"),
            cleared_by=cleared_id(row) if row.get("cleared_at") else "",
            declared_by=f"{row.file}:{row.number}",
            certificate=row.text("certificate"),
            destination=row.text("destination"),
            contract=row.text("contract"),
            channel=row.text("channel"),
            mode=row.text("mode"),
            stated_uom=row["uom"],
        )

    def _norm(self, row: Row) -> Norm:
        product, material = self.code(row["product"]), self.code(row["material"])
        self.units.setdefault(product, row["product_uom"])
        if row.text("flag") != "KXDDM":
            self.units.setdefault(material, row["material_uom"])
        return Norm(
            product,
            material,
            row["norm"],
            row["product_uom"],
            row["material_uom"],
            row.text("flag"),
            row.get("valid_from"),
            row.get("valid_to"),
            row.get("loss_rate"),
            row.file,
        )

    def _stocks(self, rows: Iterable[Row]) -> Iterable[Stock]:
        for row in rows:
            code = self.code(row["code"])
            quantity = self.in_unit(row, code, row["quantity"], row["uom"])
            if quantity is not None:
                lot = row.text("lot")
                yield Stock(
                    row,
                    Count(
                        row["at"],
                        row["stock"],
                        code,
                        quantity,
                        self.units[code],
                        label(self.enterprise, lot) if lot else "",
                        row.text("place"),
                        f"{row.file}:{row.number}",
                    ),
                )

    def _claims(self, rows: Iterable[Row] | None) -> None:
        if rows is None:
            return
        total: dict[str, int] = defaultdict(int)
        for row in rows:
            code = self.code(row["material"])
            uom = row.text("uom") or self.units.get(code, "")
            quantity = self.in_unit(_dated(row), code, row["quantity"], uom) if uom else row["quantity"]
            if quantity is not None:
                total[code] += quantity
        self.claims = dict(total)

    def _others(self) -> None:
        folder = self.folder
        if (rows := folder.rows(t.PLACES)) is not None:
            self.places = tuple(
                Place(
                    r["place"],
                    r.text("name"),
                    r.text("kind"),
                    r.text("custodian"),
                    r.get("valid_from"),
                    r.get("valid_to"),
                    *self.position(r),
                )
                for r in rows
            )
        if (rows := folder.rows(t.CAPACITY)) is not None:
            self.capacity = tuple(
                Capacity(
                    self.code(r["product"]),
                    r["uom"],
                    r["machines"],
                    r["rate"],
                    r["hours_per_day"],
                    r.text("place"),
                    r.get("valid_from"),
                    r.get("valid_to"),
                )
                for r in rows
            )
        if (rows := folder.rows(t.GROUPS)) is not None:
            self.groups = tuple(
                Substitute(
                    r["group"],
                    self.code(r["code"]),
                    r.get("ratio") or Fraction(1),
                    r.get("valid_from"),
                    r.get("valid_to"),
                )
                for r in rows
            )
        if (rows := folder.rows(t.RATES)) is not None:
            self.rates = tuple(
                ExchangeRate(r["currency"].upper(), r["rate"], r.get("valid_from"), r.get("valid_to"))
                for r in rows
                if self._positive(r, "rate")
            )

        if (rows := folder.rows(t.PEERS)) is not None:
            self.peers = tuple(
                PeerNorm(r["product_hs"], r["material_hs"], r["product_uom"], r["material_uom"], r["norm"])
                for r in rows
                if self._positive(r, "norm")
            )

    def position(self, row: Row) -> tuple[Fraction | None, Fraction | None]:
        """Latitude and longitude of a row; neither, and told, where they are no place or one is missing.

        The rest of the row counts: a place that was notified is no less so for its coordinates.
        """
        found = row.get("latitude"), row.get("longitude")
        swapped = "Are latitude and longitude swapped? "
        wrong = [(name, f"{ratio_text(value)} is beyond {most} degrees", swapped)
                 for (name, most), value in zip(_DEGREES.items(), found, strict=True)
                 if value is not None and abs(value) > most]
        wrong += [(name, "is empty, and the other coordinate is not", "") for name, value in
                  zip(_DEGREES, found, strict=True) if value is None and any(x is not None for x in found)]
        for name, what, ask in wrong:
            self.folder.faults.add(
                row.file, row.number, name, f"{what}; the row counts without its position.",
                f"{ask}Write degrees, latitude up to 90 and longitude up to 180, or leave both empty.")
        return (None, None) if wrong else found

    def _positive(self, row: Row, column: str) -> bool:
        if row[column] > 0:
            return True
        self.folder.faults.add(
            row.file, row.number, column, "is not above zero.", "Write what one unit is worth."
        )
        return False


def _versions(rows: list[Norm]) -> tuple[Norm, ...]:
    """Rows with dates of their own as whole versions of each product's norm: a material stays in it until its
    last day, or until a later row of the same product and material.
    """
    products: dict[str, list[Norm]] = defaultdict(list)
    for norm in rows:
        products[norm.product].append(norm)
    result: list[Norm] = []
    for norms in products.values():
        starts = sorted({_start(n) for n in norms})
        for start in starts:
            latest: dict[str, int] = {}
            for n in norms:
                if _start(n) <= start:
                    latest[n.material] = max(latest.get(n.material, 0), _start(n))
            opened = next(n.valid_from for n in norms if _start(n) == start)
            result += [
                replace(n, valid_from=opened)
                for n in norms
                if _start(n) == latest.get(n.material) and (n.valid_to is None or n.valid_to.end_ms >= start)
            ]
    return tuple(result)


def _start(norm: Norm) -> int:
    return norm.valid_from.start_ms if norm.valid_from else 0


def cleared_id(row: Row) -> str:
    """Id of the clearance that a row of declarations.csv states."""
    return f"{row.file}:{row.number}:cleared"


def _dated(row: Row) -> Row:
    """The row with a date for its factor: that of registration, else any."""
    at = row.get("registered_at") or row.get("cleared_at") or Span(0, 2**60)
    return Row(row.file, row.number, {**row.values, "at": at})


def _purpose(row: Row) -> LineRole:
    """What a line is a quota for, by direction and regime."""
    if row["direction"] == "export":
        return LineRole.RE_EXPORT if row["regime"] == "B13" else LineRole.EXPORT
    if row["regime"] == "A42" or row.text("original_declaration"):
        return LineRole.CHANGE_OF_PURPOSE
    return LineRole.RECEIVE
