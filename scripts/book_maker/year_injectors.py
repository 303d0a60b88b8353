"""Faults of other years, other regimes and of what no act made."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from book_maker.looking import BOOK, BookFault, Look, Row, key_of, lot_of, plain, table
from book_maker.workshop import ALIKE, Workshop
from tracer.files.example_faults import ExampleFault, add, edit, together

_YEAR = timedelta(365)


def policy_of_this_year(look: Look) -> ExampleFault:
    """P5."""
    return ExampleFault(
        "policy-of-this-year",
        "The allocation policy holds since April of the very year that is settled by it.",
        edit(BOOK, {}, allocation_since="2026-04-01"),
        "P5",
        str(look.document["book"]),
        "-90",
    )


def left_lying(look: Look) -> BookFault:
    """T2."""
    lot = {"code": "RES-9", "lot": "RES-9.1", "uom": "KGM", "place": "factory"}
    line = {"declaration": "500000000009", "line": "1"}
    stock = {"stock": "material", "code": "RES-9", "quantity": "400", "uom": "KGM", "place": "factory"}
    return BookFault(
        "left-lying",
        "Resin came in March of the year before, and nobody has used any of it.",
        together(
            edit("declarations", line, registered_at="2025-03-01T09:07", cleared_at="2025-03-02T15:02"),
            edit("movements", {"id": "OLD-IN"}, at="2025-03-06"),
        ),
        "T2",
        f"{look.enterprise}/RES-9.1",
        "400",
        around=together(
            add("declarations", **line, direction="import", regime="E31", registered_at="2025-10-01T09:07",
                cleared_at="2025-10-02T15:02", code="RES-9", quantity="400", uom="KGM", value="20000000",
                currency="VND", hs="39079990", origin="CN", duty_rate="5", partner="Ruilin Trading"),
            add("movements", id="OLD-IN", at="2025-10-06", kind="RECEIVE_FACTORY", quantity="400",
                document="PNK-OLD", **lot, **line),
            add("previous", at="2025-12-31", **stock),
            add("counts", at="2026-12-31", lot="RES-9.1", **stock),
        ),
    )


def scrap_over_the_fence(look: Look) -> BookFault:
    """D8."""
    workshop = Workshop([ALIKE] * 4)
    sold = [*look.rows("movements", kind="SCRAP_OUT"),
            *(r for r in workshop.rows["movements"] if r["kind"] == "SCRAP_OUT")]
    changes = []
    for n, row in enumerate(sold, 1):
        line = {"declaration": "810000000009", "line": str(n)}
        day = date.fromisoformat(row["at"][:10])
        changes += [
            add("declarations", **line, direction="export", regime="B11", code=row["code"], uom=row["uom"],
                quantity=row["quantity"], registered_at=f"{day - timedelta(2)}T09:07",
                cleared_at=f"{day - timedelta(1)}T15:02", partner="Scrap dealer",
                description=f"{row['code']} scrap #&XKTC"),
            add("on_spot", **line, import_declaration="910000000009", import_line=str(n),
                registered=f"{day - timedelta(1)}T17:00", cleared=f"{day}T08:00", notified=f"{day}T08:00",
                delivered=f"{day}", quantity=row["quantity"], uom=row["uom"], importer="Scrap dealer"),
            edit("movements", {"id": row["id"]}, **line),
        ]
    row = sold[0]
    return BookFault(
        "scrap-over-the-fence",
        "An export-processing enterprise sells scrap inland, and declares no export of it.",
        edit("movements", {"id": row["id"]}, declaration="", line=""),
        "D8",
        lot_of(look, row),
        row["quantity"],
        around=together(workshop, *changes, edit(BOOK, {}, regime="EPE")),
    )


def nobody_made(look: Look) -> BookFault:
    """L5."""
    row = look.rows("movements", kind="RECEIVE_FACTORY")[0]
    goods = {"code": row["code"], "lot": "GHOST-1", "quantity": "7", "uom": row["uom"], "place": "factory"}
    return BookFault(
        "nobody-made",
        "A lot that nothing brought in or made is put into the books by an adjustment, and counted.",
        together(
            add("movements", id="FOUND", at="2026-12-28", kind="ADJUST", role="material", **goods),
            add("counts", at="2026-12-31", stock="material", **goods),
        ),
        "L5",
        f"{look.enterprise}/GHOST-1",
        "",
        companions=frozenset({"L6", "B8"}),
    )


def surge(look: Look) -> BookFault | None:
    """O7."""
    bought, sold = look.rows("declarations", regime="E31")[0], look.rows("declarations", regime="E62")[0]
    made = {r["code"]: r["uom"] for r in look.rows("movements", kind="TRANSFORM", side="out")
            if r["role"] in ("product", "co-product")}
    one = {"machines": "1", "hours_per_day": "8", "valid_from": "2024-01-01"}
    machines = []
    for code, uom in made.items():
        rate = look.total(kind="TRANSFORM", side="out", code=code) / 2_400  # hours in a year
        machines.append({"product": code, "uom": uom, **one, "rate": plain(rate.quantize(Decimal("0.01")))})

    def total(row: Row) -> Decimal:
        """Of one heading in this year."""
        return sum((Decimal(r["quantity"]) for r in look.rows("declarations", regime=row["regime"])
                    if r["hs"][:6] == row["hs"][:6]), Decimal(0))

    def before(row: Row, number: str, quantity: Decimal) -> Row:
        """The line of the year before."""
        moved = {cell: f"{date.fromisoformat(at[:10]) - _YEAR}{at[10:]}" for cell, at in row.items()
                 if cell.endswith("_at")}
        return {**row, **moved, "declaration": number, "line": "1", "quantity": plain(quantity), "value": ""}

    quantity, fed = total(sold), total(bought)
    rows = [before(bought, "500000000008", fed), before(sold, "500000000007", quantity)]
    less = (quantity * 4 // 5, fed // 2)
    return BookFault(
        "surge",
        "Exports are a quarter up on the year before, imports twice what they were, machines the same.",
        together(
            edit("declarations", key_of(rows[1]), quantity=plain(less[0])),
            edit("declarations", key_of(rows[0]), quantity=plain(less[1])),
        ),
        "O7",
        str(look.document["book"]),
        plain(quantity - less[0]),
        around=together(*(add("declarations", **row) for row in rows), table("capacity", *machines)),
    )


YEARS = (policy_of_this_year, left_lying, scrap_over_the_fence, nobody_made, surge)
YEAR_NAMES = ("policy-of-this-year", "left-lying", "scrap-over-the-fence", "nobody-made", "surge")
