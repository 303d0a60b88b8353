"""Faults of how things are made: bills, rework, co-products, parts of lots."""

from __future__ import annotations

from decimal import Decimal

from book_maker.looking import Look, later, plain, rest
from tracer.files.example_faults import ExampleFault, add, edit, together

_NEEDS_NORMS = frozenset(
    {"B6", "N1", "N2", "N5", "N6", "X2", "U3", "O1", "O2", "O4", "P2", "D5", "N3", "N9", "X1"}
)


def circle(look: Look) -> ExampleFault | None:
    """P1."""
    products = sorted({row["product"] for row in look.rows("norms")})
    if len(products) < 2:
        return None
    one, other = products[:2]
    uoms = {row["product"]: row["product_uom"] for row in look.rows("norms")}
    rows = [
        add(
            "norms",
            product=a,
            material=b,
            norm="0.001",
            product_uom=uoms[a],
            material_uom=uoms[b],
            valid_from="2026-01-01",
        )
        for a, b in ((one, other), (other, one))
    ]
    return ExampleFault(
        "circle",
        "By their norms two products are made of each other.",
        together(*rows),
        "P1",
        one,
        "",
        companions=_NEEDS_NORMS,
    )


def rework_beyond(_: Look) -> ExampleFault:
    """P2."""
    both = {"place": "factory", "uom": "KGM"}
    raw, semi = {"code": "DOW-9", "lot": "DOW-9.1", **both}, {"code": "SEM-9", **both}
    first, second = {"lot": "SEM-9.1", **semi}, {"lot": "SEM-9.2", **semi}
    moves = [
        ("RECEIVE_DOMESTIC", "1", "", {**raw, "quantity": "1000", "document": "HD-R"}),
        ("ISSUE_PROD", "2", "", {**raw, "quantity": "1000", "document": "PXK-R1", "product": "SEM-9"}),
        ("TRANSFORM", "3", "in", {**raw, "quantity": "1000", "op": "DOUGH"}),
        ("TRANSFORM", "3", "out", {**first, "quantity": "1000", "op": "DOUGH", "role": "semi"}),
        ("ISSUE_PROD", "4", "", {**first, "quantity": "120", "document": "PXK-R2", "product": "SEM-9"}),
        ("TRANSFORM", "5", "in", {**first, "quantity": "120", "op": "AGAIN"}),
        ("TRANSFORM", "5", "out", {**second, "quantity": "120", "op": "AGAIN", "role": "semi"}),
    ]
    changes = [
        add(
            "movements",
            id=f"RW-{n}",
            at=f"2026-11-0{day}",
            kind=kind,
            **({"side": side} if side else {}),
            **cells,
        )
        for n, (kind, day, side, cells) in enumerate(moves)
    ]
    norm = {"product": "SEM-9", "product_uom": "KGM", "material_uom": "KGM", "valid_from": "2026-01-01"}
    changes += [
        add("norms", material="DOW-9", norm="1", flag="X", **norm),
        add("norms", material="SEM-9", norm="0.08", flag="SPTN", **norm),
    ]
    for lot, q in (("SEM-9.1", "880"), ("SEM-9.2", "120")):
        changes.append(add("counts", at="2026-12-31", stock="material", quantity=q, lot=lot, **semi))
    return ExampleFault(
        "rework-beyond",
        "Of a dough 120 kg are kneaded again for 1,000 kg that are good; 8 % were declared.",
        together(*changes),
        "P2",
        "SEM-9",
        "33.043478",
    )


def carried(_: Look) -> ExampleFault:
    """P3."""
    place, day = "factory", "2026-06-0"
    line = {
        "declaration": "700000000001",
        "line": "1",
        "direction": "import",
        "regime": "E31",
        "registered_at": f"{day}1T09:07",
        "cleared_at": f"{day}2T15:02",
        "code": "CRU-9",
        "quantity": "1000",
        "uom": "KGM",
        "value": "90000000",
        "currency": "VND",
        "hs": "12119016",
        "origin": "CN",
        "duty_rate": "5",
        "partner": "Ruilin Trading",
        "description": "dried roots",
    }
    changes = [add("declarations", **line)]
    move = {"code": "CRU-9", "lot": "CRU-9.1", "quantity": "1000", "uom": "KGM", "place": place}
    changes += [
        add(
            "movements",
            id="CR-1",
            at=f"{day}3",
            kind="RECEIVE_FACTORY",
            declaration="700000000001",
            line="1",
            **move,
        ),
        add(
            "movements",
            id="CR-2",
            at=f"{day}4",
            kind="ISSUE_PROD",
            product="CRX-9",
            document="PXK-CR",
            **move,
        ),
        add("movements", id="CR-3", at=f"{day}5", kind="TRANSFORM", op="CR", side="in", **move),
    ]
    for n, (code, q, norm, value, role) in enumerate(
        (
            ("CRX-9", "600", "0.5", "300000000", "product"),
            ("CRY-9", "400", "1.75", "100000000", "co-product"),
        ),
        1,
    ):
        cells = {"code": code, "lot": f"{code}.1", "quantity": q, "uom": "KGM", "place": place}
        changes += [
            add(
                "norms",
                product=code,
                material="CRU-9",
                norm=norm,
                product_uom="KGM",
                material_uom="KGM",
                valid_from="2026-01-01",
            ),
            add(
                "movements",
                id=f"CR-4{n}",
                at=f"{day}5",
                kind="TRANSFORM",
                op="CR",
                side="out",
                role=role,
                **cells,
            ),
            add(
                "declarations",
                declaration="800000000001",
                line=str(n),
                direction="export",
                regime="E62",
                registered_at=f"{day}6T09:07",
                cleared_at=f"{day}7T15:02",
                exit_confirmed_at=f"{day}9T18:21",
                code=code,
                quantity=q,
                uom="KGM",
                value=value,
                currency="VND",
                hs=f"1302199{n}",
                partner="Nordfjell",
                description=f"extract {n}",
                duty_rate="0",
            ),
            add(
                "movements",
                id=f"CR-5{n}",
                at=f"{day}8",
                kind="EXPORT_LOAD",
                declaration="800000000001",
                line=str(n),
                document="PXK-CR",
                **cells,
            ),
        ]
    return ExampleFault(
        "carried-by-norm",
        "Of two extracts made together the cheap one carries seven tenths of the roots by its norm.",
        together(*changes),
        "P3",
        "CRU-9",
        "300",
        companions=frozenset({"O7"}),
    )


def filled_up(look: Look) -> ExampleFault | None:
    """P4."""
    row = rest(look)
    bought = look.rows("declarations", regime="E31", code=row["code"]) if row else []
    receipt = look.rows("movements", kind="RECEIVE_FACTORY", lot=row["lot"]) if row else []
    if row is None or not bought or not receipt:
        return None
    day = receipt[0]["at"][:10]
    line = {
        **bought[0],
        "declaration": "900000000001",
        "line": "1",
        "quantity": "5",
        "value": "100000",
        "registered_at": f"{day}T06:07",
        "cleared_at": f"{day}T07:02",
    }
    more = {
        **receipt[0],
        "id": "MORE",
        "at": later(day, 1),
        "declaration": "900000000001",
        "line": "1",
        "quantity": "5",
    }
    count = {"lot": row["lot"], "stock": "material"}
    return ExampleFault(
        "filled-up",
        "Five units of another declaration are booked into a lot that is there already.",
        together(
            add("declarations", **line),
            add("movements", **more),
            edit("counts", count, quantity=plain(Decimal(row["quantity"]) + 5)),
        ),
        "P4",
        f"{look.enterprise}/{row['lot']}",
        "5",
        companions=frozenset({"B4", "O4", "L1"}),
    )


STRUCTURES = (circle, rework_beyond, carried, filled_up)
STRUCTURE_NAMES = ("circle", "rework-beyond", "carried-by-norm", "filled-up")
