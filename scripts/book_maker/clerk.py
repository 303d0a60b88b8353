"""What all parts of a campaign write with: rows of the tables, names of lots, and what a run is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Protocol

from book_maker.archetypes import Archetype
from book_maker.plan import MICRO, Family, Output
from book_maker.writing import Writer
from tracer.quantity import micro_text

_FIRST = date(2026, 1, 1)
DAYS = [(_FIRST + timedelta(days=i)).isoformat() for i in range(365)]
PERIOD_END = DAYS[-1]
SUBCONTRACTOR = "lacquer-works"
RETURNED = 12 * MICRO  # issued too much, and brought back
HEEL = 2 * MICRO  # stays in a tank


@dataclass
class Summary:
    """What was written: movements, acts (rows joined by `op` are one), lots, campaigns, rows by table."""

    archetype: str
    seed: int
    movements: int = 0
    acts: int = 0
    lots: int = 0
    campaigns: int = 0
    rows: dict[str, int] = field(default_factory=dict)


class Maker(Protocol):
    """What a campaign needs of its enterprise; `heels` are what stands in each tank: lot and quantity."""

    archetype: Archetype
    writer: Writer
    name: str
    random: Random
    families: list[Family]
    heels: dict[str, tuple[str, int]]
    summary: Summary

    def paper(self, family: Family, output: Output | None) -> None:
        """Norm, weight and name of something that is made for the first time."""


@dataclass
class Run:
    """A production order: its steps, from the first semi-finished output to the product."""

    number: int
    steps: list[tuple[Output, int]]
    lots: dict[str, str] = field(default_factory=dict)


def container(number: int) -> str:
    """A container number with its ISO 6346 check digit."""
    text = f"TGHU{number % 1_000_000:06d}"
    values = [int(c) if c.isdigit() else (n := ord(c) - 55) + (n > 10) + (n > 20) + (n > 30) for c in text]
    return f"{text}{sum(v * 2**i for i, v in enumerate(values)) % 11 % 10}"


class Clerk:
    """Writes the rows of one campaign. Quantities are integer micro-units, dates days of the year."""

    def __init__(self, enterprise: Maker, family: Family, number: int, start: int, *, first: bool) -> None:
        self.all, self.family, self.number, self.start, self.first = enterprise, family, number, start, first
        self.random, self.row = enterprise.random, enterprise.writer.row
        self.runs = [self.run(i) for i in range(self.random.randint(4, 6))]
        self.rest: dict[str, int] = {}
        self.lots: dict[str, str] = {}
        self.scrap: list[tuple[str, str, int]] = []
        self.end = start
        self.imported, self.exported = f"1{number:011d}", f"3{number:011d}"

    def move(self, day: int | str, kind: str, *, act: bool = True, **cells: str) -> None:
        """A row of movements.csv; a day, or a day and time."""
        at = DAYS[day] if isinstance(day, int) else day
        number = self.all.writer.rows["movements"] + 1
        self.all.summary.acts += act
        cells.setdefault("place", "factory")
        self.row("movements", id=f"M{number}", at=at, kind=kind, **cells)

    def lot(self, code: str, mark: str) -> str:
        """A new lot."""
        self.all.summary.lots += 1
        return f"{code}.{mark}"

    def uom(self, code: str) -> str:
        material = self.family.materials.get(code)
        return material.uom if material else next(o.uom for o in self.family.outputs() if o.code == code)

    @staticmethod
    def value(quantity: int, price: int) -> str:
        return str(quantity * price // MICRO)

    def line(  # noqa: PLR0917 - cells of a row
        self,
        declaration: str,
        line: int,
        code: str,
        quantity: int,
        day: int,
        direction: str,
        regime: str,
        **cells: str,
    ) -> None:
        """A declaration line, registered on a day and cleared on the next."""
        self.row(
            "declarations",
            declaration=declaration,
            line=str(line),
            direction=direction,
            regime=regime,
            registered_at=f"{DAYS[day]}T09:07",
            cleared_at=f"{DAYS[day + 1]}T15:02",
            code=code,
            quantity=micro_text(quantity),
            uom=self.uom(code),
            currency="VND",
            **cells,
        )

    def count(self, stock: str, code: str, lot: str, q: int) -> None:
        self.row(
            "counts",
            at=PERIOD_END,
            stock=stock,
            code=code,
            lot=lot,
            quantity=micro_text(q),
            uom=self.uom(code),
            place="factory",
        )
