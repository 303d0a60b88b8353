"""What a campaign makes: issues to production, the steps of each run, what comes of them."""

from __future__ import annotations

from book_maker.buying import Buying
from book_maker.clerk import DAYS, RETURNED, SUBCONTRACTOR, Run
from book_maker.plan import MICRO, Output, exact
from tracer.quantity import micro_text


class Making(Buying):
    """Production, in the factory and at a sub-contractor's."""

    def produce(self, run: Run, lots: dict[str, str]) -> None:
        """The steps of a run, one after the other."""
        day = self.start + 5 + 3 * run.number
        made: dict[str, str] = {}
        for level, (output, quantity) in enumerate(run.steps):
            mark = f"{self.number}.{run.number}"
            place = "lacquering" if output.outside else "factory"
            uses = self.uses(output, quantity)
            back = 0
            for code, q in uses.items():
                semi = code in made
                if semi and output.outside:
                    self.hand_over(day, code, made[code], q, self.all.name, SUBCONTRACTOR)
                extra = 0
                if run.number == 1 and self.all.archetype.returns and self.rest.get(code) == RETURNED:
                    extra = back = self.rest[code]
                parts = 1 if semi else self.random.randint(3, 5)
                each = (q // parts) // 1000 * 1000
                for part in range(parts):
                    amount = q - each * (parts - 1) if part == parts - 1 else each
                    amount += extra if part == 0 else 0
                    self.move(
                        day + min(part, 4),
                        "ISSUE_PROD",
                        code=code,
                        lot=made.get(code) or lots[code],
                        quantity=micro_text(amount),
                        uom=self.uom(code),
                        product=output.code,
                        place=place,
                        document=f"PXK-{mark}",
                    )
            day += 5
            op = f"RUN-{mark}.{level}"
            for i, (code, q) in enumerate(uses.items()):
                self.transform(day, op, "in", "", code, made.get(code) or lots[code], q, place, act=not i)
            made[output.code] = self.outputs(day, op, output, quantity, mark, place, run, last=level)
            if back:
                code = next(c for c in uses if self.rest.get(c) == back)
                self.move(
                    day + 1,
                    "RETURN_PROD",
                    code=code,
                    lot=lots[code],
                    quantity=micro_text(back),
                    uom=self.uom(code),
                    document=f"PNK-{mark}",
                )
            if output.outside:
                self.hand_over(
                    day + 1, output.code, made[output.code], quantity * MICRO, SUBCONTRACTOR, self.all.name
                )
            day += 1
        self.end = max(self.end, day)

    def transform(  # noqa: PLR0917 - cells of a row
        self,
        day: int,
        op: str,
        side: str,
        role: str,
        code: str,
        lot: str,
        q: int,
        place: str,
        *,
        act: bool = False,
    ) -> None:
        self.move(
            day,
            "TRANSFORM",
            act=act,
            op=op,
            side=side,
            role=role,
            code=code,
            lot=lot,
            quantity=micro_text(q),
            uom=self.uom(code),
            place=place,
        )

    def outputs(  # noqa: PLR0917 - as above
        self, day: int, op: str, output: Output, quantity: int, mark: str, place: str, run: Run, *, last: int
    ) -> str:
        """What a step makes: the output, its co-product, scrap and loss."""
        lot = self.lot(output.code, mark)
        final = last == len(run.steps) - 1
        self.transform(
            day, op, "out", "product" if final else "semi", output.code, lot, quantity * MICRO, place
        )
        residues: dict[tuple[str, str], int] = {}
        made = [(output, quantity)]
        if output.co:
            many = int(quantity * output.per)
            made.append((output.co, many))
            run.lots[output.co.code] = self.lot(output.co.code, mark)
            self.transform(
                day, op, "out", "co-product", output.co.code, run.lots[output.co.code], many * MICRO, place
            )
        if final:
            run.lots[output.code] = lot
        for each, many in made:
            for use in each.uses:
                for role, share in (("scrap", use.scrap), ("loss", use.loss)):
                    if share:
                        residues[role, use.code] = residues.get((role, use.code), 0) + exact(share) * many
        for (role, code), q in sorted(residues.items(), reverse=True):
            scrap = self.lot(code, f"{mark}.S") if role == "scrap" else ""
            self.transform(day, op, "out", role, code, scrap, q, place)
            if scrap:
                self.scrap.append((code, scrap, q))
        return lot

    def hand_over(  # noqa: PLR0917 - as above
        self, day: int, code: str, lot: str, q: int, giver: str, taker: str) -> None:
        cells = {
            "code": code,
            "lot": lot,
            "quantity": micro_text(q),
            "uom": self.uom(code),
            "place": "lacquering",
        }
        self.move(f"{DAYS[day]}T07:31", "OFFER", actor=giver, partner=taker, **cells)
        self.move(f"{DAYS[day]}T09:04", "ACCEPT", actor=taker, partner=giver, **cells)
