"""A line of production of its own, laid beside that of a book: one material, runs all alike, one product.

Rules about how runs differ, or what a whole line takes, need runs that differ in nothing else: what an
enterprise of a trade makes is never that plain. Granulate is imported, cups are pressed of it, their scrap is
sold, all cups leave. As it stands it is clean, whatever the book beside it; a fault changes its rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from book_maker.looking import Row, plain
from tracer.files.example import Files

MATERIAL, PRODUCT = "GRA-9", "CUP-9"
IMPORT = {"declaration": "700000000009", "line": "1"}
EXPORT = {"declaration": "800000000009", "line": "1"}
LOT = f"{MATERIAL}.1"
_IMPORT_PRICE, _EXPORT_PRICE, _SCRAP_PRICE = 30_000, 200_000, 4_000  # VND for a kilogram


@dataclass(frozen=True)
class Run:
    """Kilograms that one run takes and gives."""

    used: Decimal
    made: Decimal
    scrap: Decimal
    loss: Decimal


def run(used: str, made: str = "80", scrap: str = "15", loss: str = "5") -> Run:
    """A run. What goes in comes out, or it is a mistake of whoever writes it."""
    result = Run(*(Decimal(x) for x in (used, made, scrap, loss)))
    if result.used != result.made + result.scrap + result.loss:
        raise ValueError(f"{result} does not add up")
    return result


ALIKE = run("100")
_LARGE = run("1000", made="800", scrap="150", loss="50")


@dataclass
class Workshop:
    """The line: its runs, a month apart, and what was bought, counted and declared.

    Attributes:
        bought: kilograms imported; what no run takes is counted at the year's end.
        kept: whether the scrap of the last run and ten kilograms of cups stay, and are counted.
        norm, rate: of the cups on the granulate, and the share of it that is scrap and loss.
    """

    runs: list[Run]
    bought: Decimal = Decimal(0)
    kept: bool = False
    norm: str = "1.25"
    rate: str = "0.2"
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        used = sum((r.used for r in self.runs), Decimal(0))
        made = sum((r.made for r in self.runs), Decimal(0))
        self.bought = self.bought or used
        self._papers(made - self._left)
        self._moves()
        if self.bought > used:
            self._count("material", LOT, self.bought - used)

    def __call__(self, files: Files) -> None:
        """Lay it beside what a book has."""
        for table, rows in self.rows.items():
            files.setdefault(table, []).extend(dict(row) for row in rows)

    def _row(self, table: str, **cells: str) -> None:
        self.rows.setdefault(table, []).append(cells)

    @property
    def _left(self) -> Decimal:
        """Of the cups, at the year's end."""
        return Decimal(10 if self.kept else 0)

    def _count(self, stock: str, lot: str, q: Decimal, code: str = MATERIAL) -> None:
        goods = {"code": code, "lot": lot, "quantity": plain(q), "uom": "KGM", "place": "factory"}
        self._row("counts", at="2026-12-31", stock=stock, **goods)

    def _move(self, name: str, at: str, kind: str, q: Decimal, **cells: str) -> None:
        goods = {"code": MATERIAL, "uom": "KGM", "place": "factory", **cells}
        self._row("movements", id=f"WS-{name}", at=at, kind=kind, quantity=plain(q), **goods)

    def _papers(self, made: Decimal) -> None:
        line = {"uom": "KGM", "currency": "VND"}
        self._row("declarations", **IMPORT, **line, direction="import", regime="E31", code=MATERIAL,
                  registered_at="2026-02-01T09:07", cleared_at="2026-02-02T15:02",
                  quantity=plain(self.bought), value=plain(self.bought * _IMPORT_PRICE), hs="39021040",
                  origin="CN", duty_rate="5", partner="Ruilin Trading",
                  description=f"{MATERIAL} polypropylene granulate")
        self._row("declarations", **EXPORT, **line, direction="export", regime="E62", code=PRODUCT,
                  registered_at="2026-11-01T09:07", cleared_at="2026-11-02T15:02",
                  exit_confirmed_at="2026-11-07T18:21", quantity=plain(made),
                  value=plain(made * _EXPORT_PRICE), hs="39241090", origin="VN", duty_rate="0",
                  partner="Nordfjell", description=f"{PRODUCT} plastic cups")
        self._row("norms", product=PRODUCT, material=MATERIAL, norm=self.norm, product_uom="KGM",
                  material_uom="KGM", valid_from="2026-01-01", loss_rate=self.rate)

    def _moves(self) -> None:
        self._move("IN", "2026-02-06", "RECEIVE_FACTORY", self.bought, lot=LOT, document="PNK-9", **IMPORT)
        for n, each in enumerate(self.runs, 1):
            day, op = f"2026-{n + 2:02d}-10", f"PRESS-{n}"
            cup, scrap = f"{PRODUCT}.{n}", f"{MATERIAL}.S{n}"
            step = {"op": op, "side": "out"}
            self._move(f"I{n}", day, "ISSUE_PROD", each.used, lot=LOT, product=PRODUCT, document=f"PXK-9.{n}")
            self._move(f"T{n}", day, "TRANSFORM", each.used, op=op, side="in", lot=LOT)
            self._move(f"P{n}", day, "TRANSFORM", each.made, **step, role="product", code=PRODUCT, lot=cup)
            if each.scrap:
                self._move(f"S{n}", day, "TRANSFORM", each.scrap, **step, role="scrap", lot=scrap)
                if self.kept and n == len(self.runs):
                    self._count("scrap", scrap, each.scrap)
                else:
                    self._move(f"O{n}", f"2026-{n + 2:02d}-12", "SCRAP_OUT", each.scrap, lot=scrap,
                               partner="Scrap dealer", document=f"HD-9.{n}",
                               value=plain(each.scrap * _SCRAP_PRICE), currency="VND")
            if each.loss:
                self._move(f"L{n}", day, "TRANSFORM", each.loss, **step, role="loss")
            rest = self._left if n == len(self.runs) else Decimal(0)
            self._move(f"E{n}", "2026-11-04", "EXPORT_LOAD", each.made - rest, code=PRODUCT, lot=cup,
                       document="PXK-9", **EXPORT)
            if rest:
                self._count("product", cup, rest, PRODUCT)


def roomy() -> Workshop:
    """A workshop with a place for faults that many a book has none for: rests in store, scrap that is sold
    and scrap that is kept, loads that weigh something.
    """
    return Workshop([_LARGE] * 5, bought=Decimal(6_000), kept=True)
