"""How a campaign begins: what its runs need is declared, comes in, and fills the tanks."""

from __future__ import annotations

from book_maker.clerk import DAYS, HEEL, RETURNED, Clerk, Run, container
from book_maker.plan import MICRO, Output, exact
from tracer.quantity import micro_text


class Buying(Clerk):
    """Import, receipt, tanks, opening stock."""

    def run(self, number: int) -> Run:
        style = self.random.choice(self.family.styles) if number else self.family.styles[self.number % 2]
        self.all.paper(self.family, style)
        self.all.paper(self.family, style.co)
        steps = [(style, self.random.randint(5, 40) * 20)]
        for semi in reversed(self.family.chain):
            needed = sum(
                exact(use.norm) * quantity
                for output, quantity in steps
                for use in output.uses
                if use.code == semi.code
            )
            steps.insert(0, (semi, needed // MICRO))
        return Run(number, steps)

    def needs(self, run: Run) -> dict[str, int]:
        """Bought materials of a run."""
        result: dict[str, int] = {}
        for output, quantity in run.steps:
            for made, many in ((output, quantity), (output.co, int(quantity * output.per))):
                for use in made.uses if made else ():
                    if use.code in self.family.materials:
                        result[use.code] = result.get(use.code, 0) + exact(use.norm) * many
        return result

    def uses(self, output: Output, quantity: int) -> dict[str, int]:
        """What a step takes, its co-product's part with it."""
        result: dict[str, int] = {}
        for made, many in ((output, quantity), (output.co, int(quantity * output.per))):
            for use in made.uses if made else ():
                result[use.code] = result.get(use.code, 0) + exact(use.norm) * many
        return result

    def receive(self) -> None:
        """Import declaration, the container's way, receipts; for a tank its filling."""
        total: dict[str, int] = {}
        for run in self.runs[1 if self.first else 0 :]:
            for code, q in self.needs(run).items():
                total[code] = total.get(code, 0) + q
        day, line = self.start, 0
        unit = f"BL{self.number:06d}/{container(self.number)}"
        box = {"role": "container", "lot": unit, "place": "port"}
        self.move(f"{DAYS[day]}T07:13", "ARRIVE", actor="terminal", document=f"BL{self.number:06d}", **box)
        self.move(
            f"{DAYS[day + 2]}T16:05", "ELIGIBLE", actor="customs", declaration=self.imported, line="1", **box
        )
        self.move(f"{DAYS[day + 3]}T09:26", "GATE_OUT", actor="terminal", **box)
        for code, material in self.family.materials.items():
            rest = (
                self.random.randint(1, 9) * MICRO if self.random.random() < 0.15 and not material.tank else 0
            )
            if self.all.archetype.returns and not self.rest and self.number % 3 == 0:
                rest = RETURNED  # what is issued too much, and comes back, was never short
            quantity = total[code] + rest
            if rest:
                self.rest[code] = rest
            if material.domestic:
                self.lots[code] = self.lot(code, f"{self.number}")
                self.move(
                    day + 1,
                    "RECEIVE_DOMESTIC",
                    code=code,
                    lot=self.lots[code],
                    quantity=micro_text(quantity),
                    uom=material.uom,
                    partner="Hong Ha Trading",
                    document=f"HD-{self.number}",
                )
                continue
            parts = (
                self.tank(code, quantity)
                if material.tank
                else [(self.lot(code, f"{self.number}"), quantity)]
            )
            for lot, part in parts:
                line += 1
                self.line(
                    self.imported,
                    line,
                    code,
                    part,
                    day,
                    "import",
                    self.all.archetype.regime[0],
                    hs=material.hs,
                    origin="CN",
                    duty_rate=str(material.duty),
                    partner="Ruilin Trading",
                    description=f"{code} {material.name}",
                    value=self.value(part, material.price),
                )
                self.move(
                    day + 4,
                    "RECEIVE_FACTORY",
                    code=code,
                    lot=lot,
                    quantity=micro_text(part),
                    uom=material.uom,
                    declaration=self.imported,
                    line=str(line),
                    document=f"PNK-{self.number}",
                )
            self.lots[code] = parts[0][0]
            if material.tank:
                self.fill(code, parts)

    def tank(self, code: str, needed: int) -> list[tuple[str, int]]:
        """Two deliveries for a tank with a heel in it, so that another is left; every fourth time it is
        emptied.
        """
        _, heel = self.all.heels.get(code, ("", 0))
        leave = 0 if self.number // len(self.all.families) % 4 == 3 else HEEL
        bought = needed + leave - heel
        half = bought // 2
        return [(self.lot(code, f"{self.number}.{i}"), q) for i, q in enumerate((half, bought - half), 1)]

    def fill(self, code: str, parts: list[tuple[str, int]]) -> None:
        """What came in is pumped into the tank, on top of the last heel; the new heel is a lot of its own."""
        heel, held = self.all.heels.pop(code, ("", 0))
        tank, uom = self.lot(code, f"{self.number}.T"), self.uom(code)
        inputs = [*parts, *([(heel, held)] if heel else [])]
        for i, (lot, q) in enumerate(inputs):
            self.move(
                self.start + 4,
                "MERGE",
                act=not i,
                op=f"TANK-{self.number}",
                side="in",
                role="material",
                code=code,
                lot=lot,
                quantity=micro_text(q),
                uom=uom,
            )
        filled = sum(q for _, q in inputs)
        self.move(
            self.start + 4,
            "MERGE",
            act=False,
            op=f"TANK-{self.number}",
            side="out",
            role="material",
            code=code,
            lot=tank,
            quantity=micro_text(filled),
            uom=uom,
        )
        self.lots[code] = tank
        leave = 0 if self.number // len(self.all.families) % 4 == 3 else HEEL
        if leave:
            left = self.lot(code, f"{self.number}.H")
            self.move(
                self.start + 4,
                "SPLIT",
                parent=tank,
                role="material",
                code=code,
                lot=left,
                quantity=micro_text(leave),
                uom=uom,
            )
            self.all.heels[code] = (left, leave)

    def opening(self, run: Run) -> dict[str, str]:
        """Opening stock for the first run of a family, as last period's closing had it; and some products."""
        lots = {}
        stock = [("material", code, q) for code, q in self.needs(run).items()]
        self.all.paper(self.family, self.family.styles[0])
        stock.append(("product", self.family.styles[0].code, 40 * MICRO))
        for kind, code, q in stock:
            lots[code] = self.lot(code, "OLD")
            cells = {
                "stock": kind,
                "code": code,
                "quantity": micro_text(q),
                "uom": self.uom(code),
                "place": "factory",
            }
            self.row("opening", at=DAYS[0], lot=lots[code], **cells)
            self.row("previous", at="2025-12-31", **cells)
        return lots
