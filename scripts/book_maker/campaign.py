"""One campaign of an enterprise: goods come in, are worked in some runs, leave; what is left is counted."""

from __future__ import annotations

from book_maker.clerk import DAYS
from book_maker.making import Making
from book_maker.plan import MICRO
from tracer.quantity import micro_text


class Campaign(Making):
    """One campaign of a family of products, from its import to its export."""

    def write(self) -> None:
        """Write all of it."""
        self.receive()
        for run in self.runs:
            if not (self.first and run.number == 0):
                self.produce(run, self.lots)
            else:
                self.produce(run, self.opening(run))
        self._export()
        self._rests()

    def _export(self) -> None:
        """Export declaration, two loads of each lot, the exit; what is left of products and scrap."""
        day = self.end + 1
        goods: dict[str, list[tuple[str, int]]] = {}
        if self.first:
            goods[self.family.styles[0].code] = [(f"{self.family.styles[0].code}.OLD", 40 * MICRO)]
        for run in self.runs:
            style, quantity = run.steps[-1]
            goods.setdefault(style.code, []).append((run.lots[style.code], quantity * MICRO))
            if style.co:
                many = int(quantity * style.per) * MICRO
                goods.setdefault(style.co.code, []).append((run.lots[style.co.code], many))
        made = {o.code: o for o in self.family.outputs()}
        last = self.runs[-1].steps[-1][0].code
        for line, (code, lots) in enumerate(goods.items(), 1):
            if code == last:
                lots[-1] = self._kept(day, code, *lots[-1])
            total = sum(q for _, q in lots)
            self.line(
                self.exported,
                line,
                code,
                total,
                day,
                "export",
                self.all.archetype.regime[1],
                hs=made[code].hs,
                origin="VN",
                partner="Nordfjell",
                description=f"{code} {made[code].name}",
                value=self.value(total, int(self.family.price[code])),
                duty_rate="0",
                exit_confirmed_at=f"{DAYS[day + 6]}T18:21",
            )
            for lot, q in lots:
                half = q // 2 // MICRO * MICRO
                for later, part in enumerate((half, q - half)):
                    self.move(
                        day + 2 + later,
                        "EXPORT_LOAD",
                        code=code,
                        lot=lot,
                        quantity=micro_text(part),
                        uom=made[code].uom,
                        declaration=self.exported,
                        line=str(line),
                        document=f"PXK-{self.number}.{later}",
                    )
        for code, lot, q in self.scrap:
            if self.number % 5 == 3:
                self.count("scrap", code, lot, q)
            else:
                self.move(
                    day + 4,
                    "SCRAP_OUT",
                    code=code,
                    lot=lot,
                    quantity=micro_text(q),
                    uom=self.uom(code),
                    partner="Scrap dealer",
                    document=f"HD-{self.number}.S",
                )

    def _kept(self, day: int, code: str, lot: str, q: int) -> tuple[str, int]:
        """Some of a product lot stays in stock, or is sold inland under a declaration of its own."""
        part = 10 * MICRO
        if self.number % 5 == 3:
            self.count("product", code, lot, part)
        elif self.number % 5 == 1:
            declaration = f"2{self.number:011d}"
            self.line(
                declaration,
                1,
                code,
                part,
                day,
                "import",
                "A42",
                duty_rate="20",
                partner="Hong Ha Trading",
                value=self.value(part, int(self.family.price[code]) * 4 // 5),
                original_declaration=self.imported,
                original_line="1",
            )
            self.move(
                day + 3,
                "SELL_INLAND",
                code=code,
                lot=lot,
                quantity=micro_text(part),
                uom=self.uom(code),
                declaration=declaration,
                line="1",
                partner="Hong Ha Trading",
                document=f"HD-{self.number}.I",
            )
        else:
            return lot, q
        return lot, q - part

    def _rests(self) -> None:
        """Rests of materials go back to the supplier or are counted at the end of the year."""
        declaration, line = f"4{self.number:011d}", 0
        for code, q in self.rest.items():
            material = self.family.materials[code]
            if not (self.all.archetype.re_exports and self.number % 5 == 0) or material.domestic:
                self.count("material", code, self.lots[code], q)
                continue
            line += 1
            day = self.end + 1
            origin = [c for c, m in self.family.materials.items() if not m.domestic].index(code) + 1
            self.line(
                declaration,
                line,
                code,
                q,
                day,
                "export",
                "B13",
                hs=material.hs,
                origin="CN",
                partner="Ruilin Trading",
                original_declaration=self.imported,
                original_line=str(origin),
                value=self.value(q, material.price),
                exit_confirmed_at=f"{DAYS[day + 6]}T18:21",
            )
            self.move(
                day + 2,
                "REEXPORT",
                code=code,
                lot=self.lots[code],
                quantity=micro_text(q),
                uom=material.uom,
                declaration=declaration,
                line=str(line),
                document=f"PXK-{self.number}.B",
            )
