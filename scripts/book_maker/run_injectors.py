"""Faults of how production runs, seen beside others that are alike (`workshop`)."""

from __future__ import annotations

from decimal import Decimal

from book_maker.looking import BookFault, Look, later, lot_of, plain
from book_maker.workshop import ALIKE, EXPORT, LOT, MATERIAL, PRODUCT, Workshop, run
from tracer.files.example_faults import Change, add, edit, together


def odd_scrap(_: Look) -> BookFault:
    """D1."""
    return BookFault(
        "odd-scrap",
        "Of five runs that are alike one leaves 19 kg of scrap of 100 kg, the others 15.",
        together(
            edit("movements", {"id": "WS-S3"}, quantity="19"),
            edit("movements", {"id": "WS-O3"}, quantity="19", value="76000"),
            edit("movements", {"id": "WS-L3"}, quantity="1"),
        ),
        "D1",
        "PRESS-3",
        "4",
        around=Workshop([ALIKE] * 5),
    )


def rising_scrap(_: Look) -> BookFault:
    """D7."""
    more = [
        change
        for n in (3, 4)
        for change in (
            edit("movements", {"id": f"WS-S{n}"}, quantity="16"),
            edit("movements", {"id": f"WS-O{n}"}, quantity="16", value="64000"),
            edit("movements", {"id": f"WS-L{n}"}, quantity="4"),
        )
    ]
    return BookFault(
        "rising-scrap",
        "Scrap rises from a tenth to 16 % of what is used, and as many cups come of it as before.",
        together(*more),
        "D7",
        MATERIAL,
        "12",
        around=Workshop([run("100", scrap="10", loss="10")] * 4),
    )


def averaged_norm(_: Look) -> BookFault:
    """N2, of one run."""
    return BookFault(
        "averaged-norm",
        "A run takes 105 kg, the four others 98.75 kg each: together it is what the norm says.",
        together(
            *_takes(1, "105", "10"),
            *(change for n in (2, 3, 4, 5) for change in _takes(n, "98.75", "3.75")),
        ),
        "N2",
        "PRESS-1",
        "6.25",
        around=Workshop([ALIKE] * 5),
    )


def beyond_norm(_: Look) -> BookFault:
    """N2, of a whole year."""
    return BookFault(
        "beyond-norm",
        "Ten kilograms more are used than the norm says, of a material of which most is still in store.",
        together(*_all_take("102", "7"), edit("counts", _REST, quantity="2490")),
        "N2",
        PRODUCT,
        "10",
        around=Workshop([ALIKE] * 5, bought=Decimal(3_000)),
    )


def without_end(_: Look) -> BookFault:
    """B6, and N2 with it."""
    return BookFault(
        "no-outcome",
        "Ten of 600 kg that came in went into production, and nothing says what became of them.",
        together(*_all_take("102", "7"), edit("counts", _REST, quantity="90")),
        "B6",
        MATERIAL,
        "-10",
        companions=frozenset({"N2"}),
        around=Workshop([ALIKE] * 5, bought=Decimal(600)),
    )


def parked(_: Look) -> BookFault:
    """B7."""
    issue = {"id": "WS-PARK", "at": "2026-10-12", "kind": "ISSUE_PROD", "code": MATERIAL, "lot": LOT,
             "quantity": "230", "uom": "KGM", "product": PRODUCT, "place": "factory", "document": "PXK-9.P"}
    return BookFault(
        "parked-on-the-line",
        "Of 730 kg issued in a year 230 kg still stand on the line, more than a quarter of a year takes.",
        together(add("movements", **issue), edit("counts", _REST, stock="wip")),
        "B7",
        MATERIAL,
        "50",
        around=Workshop([ALIKE] * 5, bought=Decimal(730)),
    )


def out_of_nothing(_: Look) -> BookFault:
    """X2, and B8 with it."""
    cup = {"code": PRODUCT, "lot": f"{PRODUCT}.5", "quantity": "60", "uom": "KGM", "place": "factory"}
    value = plain(Decimal(460) * 200_000)
    return BookFault(
        "out-of-nothing",
        "Sixty kilograms of cups are found in the store, and exported; no material came in for them.",
        together(
            add("movements", id="WS-F", at="2026-10-30", kind="ADJUST", role="product", **cup),
            add("movements", id="WS-E9", at="2026-11-05", kind="EXPORT_LOAD", **EXPORT, **cup),
            edit("declarations", EXPORT, quantity="460", value=value),
        ),
        "X2",
        MATERIAL,
        "75",
        companions=frozenset({"B8"}),
        around=Workshop([ALIKE] * 5),
    )


def hair_too_high(_: Look) -> BookFault:
    """X2, of a norm."""
    return BookFault(
        "hair-too-high",
        "A norm is a third of a per cent too high: what left holds more, by it, than ever came in.",
        edit("norms", {"product": PRODUCT}, norm="1.254"),
        "X2",
        MATERIAL,
        "1.6",
        around=Workshop([ALIKE] * 5),
    )


def same_weight(_: Look) -> BookFault:
    """O5."""
    goods = run("102", made="100", scrap="0", loss="2")
    return BookFault(
        "same-weight",
        "Of 102 kg of imported granulate 100 kg of cups are made, five times over.",
        Workshop([goods] * 5, norm="1.02", rate="0.02"),
        "O5",
        "/".join(EXPORT.values()),
        "-10",
    )


def _takes(number: int, used: str, loss: str) -> list[Change]:
    """A run takes, and loses, so much."""
    return [
        edit("movements", {"id": f"WS-{row}{number}"}, quantity=q)
        for row, q in (("I", used), ("T", used), ("L", loss))
    ]


def _all_take(used: str, loss: str) -> list[Change]:
    return [change for n in range(1, 6) for change in _takes(n, used, loss)]


_REST = {"lot": LOT, "stock": "material"}

def made_of_itself(look: Look) -> BookFault:
    """L7."""
    semi = {"code": "SEM-9", "uom": "KGM", "place": "factory"}
    raw = {"code": "DOW-9", "lot": "DOW-9.1", "uom": "KGM", "place": "factory", "quantity": "1000"}
    one, two, three = ({"lot": f"SEM-9.{n}", **semi} for n in (1, 2, 3))
    again, last = {"op": "AGAIN", "quantity": "150"}, {"op": "LAST", "quantity": "100"}
    moves = [
        ("RECEIVE_DOMESTIC", "1", {**raw, "document": "HD-R"}),
        ("ISSUE_PROD", "2", {**raw, "document": "PXK-R1", "product": "SEM-9"}),
        ("TRANSFORM", "3", {**raw, "op": "DOUGH", "side": "in"}),
        ("TRANSFORM", "3", {**one, "quantity": "1000", "op": "DOUGH", "side": "out", "role": "semi"}),
        ("ISSUE_PROD", "4", {**one, "quantity": "150", "document": "PXK-R2", "product": "SEM-9"}),
        ("TRANSFORM", "5", {**one, **again, "side": "in"}),
        ("TRANSFORM", "5", {**two, **again, "side": "out", "role": "semi"}),
        ("ISSUE_PROD", "6", {**two, "quantity": "100", "document": "PXK-R3", "product": "SEM-9"}),
        ("TRANSFORM", "7", {**two, **last, "side": "in"}),
        ("TRANSFORM", "7", {**three, **last, "side": "out", "role": "semi"}),
    ]
    rows = [
        add("movements", id=f"RW-{n}", at=f"2026-11-0{day}", kind=kind, **cells)
        for n, (kind, day, cells) in enumerate(moves)
    ]
    norm = {"product": "SEM-9", "product_uom": "KGM", "material_uom": "KGM", "valid_from": "2026-01-01"}
    rows += [
        add("norms", material="DOW-9", norm="1", flag="X", **norm),
        add("norms", material="SEM-9", norm="0.2", flag="SPTN", **norm),
    ]
    count = {"at": "2026-12-31", "stock": "material"}
    left = (("850", one), ("50", two), ("100", three))
    rows += [add("counts", quantity=q, **count, **lot) for q, lot in left]
    return BookFault(
        "made-of-itself",
        "Dough that is kneaded a third time is booked into the very lot that it was first taken from.",
        together(
            edit("movements", {"id": "RW-9"}, lot="SEM-9.1"),
            edit("counts", {"lot": "SEM-9.3"}, drop="yes"),
            edit("counts", {"lot": "SEM-9.1"}, quantity="950"),
        ),
        "L7",
        f"{look.enterprise}/SEM-9.1",
        "2",
        around=together(*rows),
    )


def more_than_came(look: Look) -> BookFault | None:
    """B1."""
    for row in reversed(look.rows("movements", kind="RECEIVE_FACTORY")):
        issues = look.rows("movements", kind="ISSUE_PROD", lot=row["lot"])
        back = look.rows("movements", kind="RETURN_PROD", lot=row["lot"])
        whole = sum((Decimal(r["quantity"]) for r in issues), Decimal(0))
        if back or whole != Decimal(row["quantity"]):
            continue
        late = later(max(r["at"] for r in issues), 3)
        half = whole // 2
        return BookFault(
            "more-than-had-come",
            "Half of a delivery comes after all of it was issued to production.",
            together(
                edit("movements", {"id": row["id"]}, quantity=plain(whole - half)),
                add("movements", **{**row, "id": "REST", "at": late, "quantity": plain(half)}),
            ),
            "B1",
            lot_of(look, row),
            plain(-half),
        )
    return None


RUNS = (odd_scrap, rising_scrap, averaged_norm, beyond_norm, without_end, parked, out_of_nothing,
        hair_too_high, same_weight, made_of_itself, more_than_came)
RUN_NAMES = ("odd-scrap", "rising-scrap", "averaged-norm", "beyond-norm", "no-outcome", "parked-on-the-line",
             "out-of-nothing", "hair-too-high", "same-weight", "made-of-itself", "more-than-had-come")
