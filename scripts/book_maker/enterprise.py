"""A year of an enterprise, campaign after campaign.

Every campaign is complete in itself, so a book of any length is written in the memory of one. Consumption is
norm times output to the millionth, every weight adds up, every count finds what the books say: there is
nothing to find, whatever the seed.
"""

from __future__ import annotations

import random
from pathlib import Path

from book_maker.archetypes import ARCHETYPES, Archetype
from book_maker.campaign import Campaign
from book_maker.clerk import DAYS, PERIOD_END, SUBCONTRACTOR, Summary
from book_maker.plan import Family, Output, decimal
from book_maker.writing import Writer
from tracer.allocation import POLICIES
from tracer.files.settings import FILE
from tracer.quantity import micro_text

_LAST_START = 280  # day of the year on which the last campaign begins
_PER_FAMILY, _FAMILIES_MAX = 20_000, 60


def write_book(folder: Path, archetype: str, seed: int, events: int) -> Summary:
    """Write the book of an enterprise into a new folder.

    Args:
        folder: where; it must be new or empty.
        archetype: its trade, of `ARCHETYPES`.
        seed: the same seed gives the same bytes.
        events: how many rows of movements.csv at least; the last campaign is written to its end.
    """
    with Writer(folder) as writer:
        enterprise = Enterprise(ARCHETYPES[archetype], seed, events, writer)
        (folder / FILE).write_text(enterprise.settings(), encoding="utf-8")
        while writer.rows["movements"] < events:
            enterprise.campaign()
        enterprise.finish()
        summary = enterprise.summary
    summary.movements, summary.rows = writer.rows["movements"], dict(writer.rows)
    return summary


class Enterprise:
    """Writes one campaign after the other."""

    def __init__(self, archetype: Archetype, seed: int, events: int, writer: Writer) -> None:
        self.archetype, self.seed, self.events, self.writer = archetype, seed, events, writer
        self.random = random.Random(f"{archetype.name}:{seed}")  # noqa: S311 - to be repeatable, not secret
        self.name = f"{archetype.name}-{seed}"
        self.families = [
            Family(archetype, i + 1) for i in range(min(1 + events // _PER_FAMILY, _FAMILIES_MAX))
        ]
        self.opened: set[int] = set()
        self.normed: set[str] = set()
        self.heels: dict[str, tuple[str, int]] = {}
        self.summary = Summary(archetype.name, seed)

    def settings(self) -> str:
        """book.toml."""
        allocation = sorted(POLICIES)[self.seed % len(POLICIES)]
        said = {"id": self.name, "name": self.archetype.name, "enterprise": self.name, "regime": "SXXK",
                "jurisdiction": "VN", "zone": "+07:00", "allocation": allocation,
                "allocation_since": "2018-01-01", "turnover_days": 90}
        lines = [f'{key} = "{value}"' for key, value in said.items()]
        return "\n".join([*lines, "", "[period]", f'from = "{DAYS[0]}"', f'to = "{PERIOD_END}"', ""])

    def finish(self) -> None:
        """What is left in tanks is counted; the places that goods were at."""
        for code, (lot, q) in self.heels.items():
            uom = next(f.materials[code].uom for f in self.families if code in f.materials)
            self.writer.row(
                "counts",
                at=PERIOD_END,
                stock="material",
                code=code,
                lot=lot,
                quantity=micro_text(q),
                uom=uom,
                place="factory",
            )
        self.writer.row("places", place="factory", name="Factory, Bac Ninh", kind="factory")
        self.writer.row("places", place="port", name="Terminal, Hai Phong", kind="port", custodian="terminal")
        if any(step.outside for step in self.archetype.steps):
            self.writer.row(
                "places",
                place="lacquering",
                name="Lacquering, Bac Ninh",
                kind="subcontractor",
                custodian=SUBCONTRACTOR,
            )
            self.writer.row("notices", partner=SUBCONTRACTOR, notified="2025-12-15")

    def campaign(self) -> None:
        """One campaign: import, production, export."""
        number = self.summary.campaigns
        self.summary.campaigns += 1
        family = self.families[number % len(self.families)]
        start = 3 + _LAST_START * self.writer.rows["movements"] // self.events
        first = family.number not in self.opened
        if first:
            self.opened.add(family.number)
            self._papers(family)
        Campaign(self, family, number, start, first=first).write()

    def _papers(self, family: Family) -> None:
        """Weights and names of the materials of a family, and all of its semi-finished goods."""
        row = self.writer.row
        for semi in family.chain:
            self.paper(family, semi)
        for code, material in family.materials.items():
            row("codes", internal=code, declared=code, description=f"{code} {material.name}")
            if material.uom != "KGM":
                row(
                    "conversions",
                    code=code,
                    from_uom=material.uom,
                    to_uom="KGM",
                    factor=material.kg,
                    source="data sheet",
                )

    def paper(self, family: Family, output: Output | None) -> None:
        """Norm, weight and name of something that is made for the first time."""
        if output is None or output.code in self.normed:
            return
        self.normed.add(output.code)
        row = self.writer.row
        if output.uom != "KGM":
            row(
                "conversions",
                code=output.code,
                from_uom=output.uom,
                to_uom="KGM",
                factor=decimal(family.kg[output.code]),
                source="weighed",
            )
        row("codes", internal=output.code, declared=output.code, description=f"{output.code} {output.name}")
        for use in output.uses:
            material = family.materials.get(use.code)
            row(
                "norms",
                product=output.code,
                material=use.code,
                norm=decimal(use.norm),
                product_uom=output.uom,
                material_uom=material.uom if material else "C62",
                flag="X" if material and material.domestic else "",
                valid_from=DAYS[0],
                loss_rate=decimal((use.loss + use.scrap) / use.norm),
            )
