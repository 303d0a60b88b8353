"""Faults of capacity, weights, prices, times and units for the rules after the first release."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from book_maker.clerk import container
from book_maker.looking import Look, key_of, lot_of, plain, rest, table, weight_of
from tracer.files.example_faults import ExampleFault, add, edit, together

_MICRO = Decimal("0.000001")


def too_few_machines(look: Look) -> ExampleFault:
    """X3."""
    made = look.rows("movements", kind="TRANSFORM", side="out", role="product")
    products = {r["code"]: r["uom"] for r in made}
    first = next(iter(products))
    rows = [
        {
            "product": code,
            "uom": uom,
            "machines": "1",
            "hours_per_day": "8",
            "rate": plain(
                look.total(kind="TRANSFORM", side="out", code=code) / (10_000 if code == first else 2_400)
            ),
        }
        for code, uom in products.items()
    ]
    return ExampleFault(
        "too-few-machines",
        "A machine is said to make a quarter of what was made in a year.",
        table("capacity", *rows),
        "X3",
        first,
        "",
    )


def light_load(look: Look) -> ExampleFault | None:
    """X5."""
    row = max(
        look.rows("movements", kind="EXPORT_LOAD"),
        key=lambda r: Decimal(r["quantity"]) * weight_of(look, r["code"]),
    )
    net = Decimal(row["quantity"]) * weight_of(look, row["code"])
    less = net * 3 // 10
    if less < 100:
        return None
    return ExampleFault(
        "light-load",
        "What is loaded for export weighs three tenths less than it should.",
        edit("movements", {"id": row["id"]}, gross_kg=plain(8_000 + net - less), tare_kg="8000"),
        "X5",
        lot_of(look, row),
        plain(-less),
    )


def heavy_receipt(look: Look) -> ExampleFault:
    """W2."""
    row = look.rows("movements", kind="RECEIVE_FACTORY")[0]
    net = Decimal(row["quantity"]) * weight_of(look, row["code"])
    more = 200 + net // 10
    return ExampleFault(
        "heavy-receipt",
        "What comes in weighs more than was declared.",
        edit("movements", {"id": row["id"]}, gross_kg=plain(8_000 + net + more), tare_kg="8000"),
        "W2",
        lot_of(look, row),
        plain(more),
    )


def ticket(look: Look) -> ExampleFault | None:
    """D3."""
    row = rest(look)
    if row is None:
        return None
    q = Decimal(row["quantity"]) / 4
    net = q * weight_of(look, row["code"])
    cells = {
        "code": row["code"],
        "lot": row["lot"],
        "uom": row["uom"],
        "place": "factory",
        "role": "material",
    }
    return ExampleFault(
        "ticket",
        "The weight ticket of a destruction shows 100 kg more than left the books.",
        together(
            add(
                "movements",
                id="BURN",
                at="2026-12-20",
                kind="DESTROY",
                quantity=plain(q),
                reason="mould",
                gross_kg=plain(5_100 + net),
                tare_kg="5000",
                **cells,
            ),
            edit("counts", {"lot": row["lot"], "stock": "material"}, quantity=plain(q * 3)),
        ),
        "D3",
        lot_of(look, row),
        "100",
    )


def back_again(look: Look) -> ExampleFault:
    """X6."""
    row = look.rows("declarations", regime="E62")[0]
    day = date.fromisoformat(row["cleared_at"][:10]) + timedelta(20)
    cells = {
        "declaration": "106000000009",
        "line": "1",
        "direction": "import",
        "regime": "E31",
        "code": "BACK-IN",
        "origin": "CN",
        "registered_at": f"{day}T09:00",
        "cleared_at": "",
        "exit_confirmed_at": "",
        "duty_rate": "5",
    }
    return ExampleFault(
        "back-again",
        "As much comes in under the same heading three weeks after it went out.",
        add("declarations", **{**row, **cells}),
        "X6",
        "106000000009/1",
        row["quantity"],
    )


def sold_cheap(look: Look) -> ExampleFault:
    """O4."""
    row = look.rows("declarations", regime="E62")[-1]
    return ExampleFault(
        "sold-cheap",
        "An export is declared at a fiftieth of its price.",
        edit("declarations", key_of(row), value=plain(Decimal(row["value"]) // 50)),
        "O4",
        f"{row['declaration']}/{row['line']}",
        "",
        companions=frozenset({"P3"}),
    )


def certificate_twice(look: Look) -> ExampleFault | None:
    """O8."""
    first, *others = look.rows("declarations", regime="E62")
    other = next((r for r in others if r["declaration"] != first["declaration"]), None)
    if other is None:
        return None
    return ExampleFault(
        "certificate-twice",
        "One certificate of origin goes with two export declarations.",
        together(*(edit("declarations", key_of(r), certificate="CO-5") for r in (first, other))),
        "O8",
        f"{other['declaration']}/{other['line']}",
        other["quantity"],
    )


def too_fast(_: Look) -> ExampleFault:
    """O3."""
    day = "2026-07-14T"
    line = {
        "declaration": "700000000002",
        "line": "1",
        "direction": "import",
        "regime": "E31",
        "uom": "KGM",
        "registered_at": "2026-07-12T09:07",
        "cleared_at": "2026-07-13T15:02",
        "code": "BLK-9",
        "quantity": "1000",
        "value": "90000000",
        "currency": "VND",
        "hs": "12119016",
        "origin": "CN",
        "duty_rate": "5",
        "partner": "Ruilin",
    }
    out = {
        "declaration": "800000000002",
        "line": "1",
        "direction": "export",
        "regime": "E62",
        "uom": "KGM",
        "registered_at": "2026-07-12T10:07",
        "cleared_at": "2026-07-13T16:02",
        "exit_confirmed_at": "2026-07-16T18:21",
        "code": "MIX-9",
        "quantity": "800",
        "value": "400000000",
        "currency": "VND",
        "hs": "13021990",
        "origin": "VN",
        "duty_rate": "0",
        "partner": "Nordfjell",
    }
    raw = {"code": "BLK-9", "lot": "BLK-9.1", "uom": "KGM", "place": "factory", "quantity": "1000"}
    made = {"code": "MIX-9", "lot": "MIX-9.1", "uom": "KGM", "place": "factory", "quantity": "800"}
    cited = {"declaration": "800000000002", "line": "1"}
    return ExampleFault(
        "too-fast",
        "Goods of this country are loaded two hours after the imported material in them came.",
        together(
            add("declarations", **line),
            add("declarations", **out),
            add(
                "norms",
                product="MIX-9",
                material="BLK-9",
                norm="1.25",
                product_uom="KGM",
                material_uom="KGM",
                valid_from="2026-01-01",
                loss_rate="0.2",
            ),
            add(
                "movements",
                id="F-1",
                at=f"{day}08:00",
                kind="RECEIVE_FACTORY",
                declaration="700000000002",
                line="1",
                **raw,
            ),
            add(
                "movements",
                id="F-2",
                at=f"{day}08:30",
                kind="ISSUE_PROD",
                product="MIX-9",
                document="PXK-F",
                **raw,
            ),
            add("movements", id="F-3", at=f"{day}09:30", kind="TRANSFORM", op="FAST", side="in", **raw),
            add(
                "movements",
                id="F-4",
                at=f"{day}09:30",
                kind="TRANSFORM",
                op="FAST",
                side="out",
                role="product",
                **made,
            ),
            add(
                "movements",
                id="F-5",
                at=f"{day}09:30",
                kind="TRANSFORM",
                op="FAST",
                side="out",
                role="loss",
                code="BLK-9",
                uom="KGM",
                quantity="200",
                place="factory",
            ),
            add(
                "movements", id="F-6", at=f"{day}10:00", kind="EXPORT_LOAD", document="PXK-F", **made, **cited
            ),
        ),
        "O3",
        "800000000002/1",
        "-2",
    )


def flown(look: Look) -> ExampleFault:
    """T3."""
    row = look.rows("movements", kind="ARRIVE")[0]
    return ExampleFault(
        "flown",
        "A container is seen at the factory ten minutes after it arrived at the port, 80 km away.",
        together(
            edit("places", {"place": "port"}, latitude="20.85", longitude="106.78"),
            edit("places", {"place": "factory"}, latitude="21.18", longitude="106.07"),
            add(
                "movements",
                id="FLY",
                at=f"{row['at'][:10]}T07:23",
                kind="OBSERVE",
                step="STORE",
                role="container",
                lot=row["lot"],
                place="factory",
                actor="terminal",
            ),
        ),
        "T3",
        row["lot"],
        "",
    )


def whole_hours(_: Look) -> ExampleFault:
    """T6."""
    box = f"BL600001/{container(600_001)}"
    start = date(2026, 8, 1)
    rows = [
        add(
            "movements",
            id=f"WH-{n:03d}",
            at=f"{start + timedelta(n // 10)}T{8 + n % 10:02d}:00",
            kind="OBSERVE",
            step="STORE",
            role="container",
            lot=box,
            place="port",
            actor="clerk-7",
        )
        for n in range(100)
    ]
    return ExampleFault(
        "whole-hours",
        "A clerk states a hundred times, every one of them on the hour.",
        together(*rows),
        "T6",
        "WH-000",
        "100",
    )


def there_and_back(look: Look) -> ExampleFault:
    """U4."""
    code = look.rows("norms")[0]["material"]
    return ExampleFault(
        "there-and-back",
        "A factor there and the factor back give twice what one began with.",
        together(
            add("conversions", code=code, from_uom="KGM", to_uom="GRM", factor="1000"),
            add("conversions", code=code, from_uom="GRM", to_uom="KGM", factor="0.002"),
        ),
        "U4",
        code,
        "1",
    )


def factor_changes(look: Look) -> ExampleFault:
    """U5."""
    code = look.rows("norms")[0]["material"]
    row = {"code": code, "from_uom": "KGM", "to_uom": "LBR"}
    return ExampleFault(
        "factor-changes",
        "From July on a factor is another.",
        together(
            add("conversions", **row, factor="2.2"),
            add("conversions", **row, factor="2.3", valid_from="2026-07-01"),
        ),
        "U5",
        code,
        "0.1",
    )


def degrees(look: Look) -> ExampleFault:
    """U6."""
    code = look.rows("norms")[0]["material"]
    return ExampleFault(
        "degrees",
        "A factor is given between two scales of temperature.",
        add("conversions", code=code, from_uom="CEL", to_uom="FAH", factor="1.8"),
        "U6",
        code,
        "",
    )


def outside_norm(look: Look) -> ExampleFault:
    """P6."""
    story = "A material that the making of a product takes does not stand in its norm."
    companions = frozenset({"N1", "B6", "N2", "X2", "N9"})
    named = {(r["product"], r["material"]) for r in look.rows("norms")}
    for row in look.rows("norms", flag="X"):
        product, material = row["product"], row["material"]
        ops = {r["op"] for r in look.rows("movements", kind="TRANSFORM", side="out", code=product)}
        others = {r["code"] for r in look.rows("movements", kind="TRANSFORM", side="out") if r["op"] in ops}
        if not ops or any((other, material) in named for other in others - {product}):
            continue
        taken = look.rows("movements", kind="TRANSFORM", side="in", code=material)
        return ExampleFault(
            "outside-norm",
            story,
            edit("norms", {"product": product, "material": material}, drop="yes"),
            "P6",
            material,
            plain(sum((Decimal(r["quantity"]) for r in taken if r["op"] in ops), Decimal(0))),
            companions=companions,
        )
    made = look.rows("movements", kind="TRANSFORM", side="out", role="product")[0]
    dye = {"code": "DYE-9", "lot": "DYE-9.1", "quantity": "5", "uom": "KGM", "place": made["place"]}
    step = {"at": made["at"], "kind": "TRANSFORM", "op": made["op"]}
    lost = {k: v for k, v in dye.items() if k != "lot"}
    return ExampleFault(
        "outside-norm",
        story,
        together(
            add("movements", id="DYE-1", at="2026-01-02", kind="RECEIVE_DOMESTIC", document="HD-D", **dye),
            add("movements", id="DYE-2", at=made["at"], kind="ISSUE_PROD", document="PXK-D", **dye),
            add("movements", id="DYE-3", side="in", **step, **dye),
            add("movements", id="DYE-4", side="out", role="loss", **step, **lost),
        ),
        "P6",
        "DYE-9",
        "5",
        companions=companions,
    )


def told_twice(look: Look) -> ExampleFault:
    """L8."""
    row = look.rows("movements", kind="ISSUE_PROD")[-1]
    half = plain(Decimal(row["quantity"]) / 2)
    day = row["at"][:10]
    return ExampleFault(
        "told-twice",
        "An issue is told twice within half a minute, each time with half of it.",
        together(
            edit("movements", {"id": row["id"]}, at=f"{day}T10:00:00", quantity=half),
            add("movements", **{**row, "id": "TWICE-A", "at": f"{day}T10:00:30", "quantity": half}),
        ),
        "L8",
        lot_of(look, row),
        half,
    )


def more_loss(look: Look) -> ExampleFault | None:
    """N9, and B5 with it."""
    losses = look.rows("movements", kind="TRANSFORM", role="loss")
    if not losses:
        return None
    row = losses[-1]
    rate = max(Decimal(r.get("loss_rate", "0")) for r in look.rows("norms", material=row["code"]))
    used = look.total(kind="TRANSFORM", side="in", code=row["code"])
    lost = look.total(kind="TRANSFORM", role="loss", code=row["code"])
    allowed = (used * rate).quantize(_MICRO)
    beyond = (allowed / 10).quantize(_MICRO)
    more = Decimal(row["quantity"]) + allowed - lost + beyond
    return ExampleFault(
        "more-loss",
        "A run is said to have lost so much that all together lost a tenth more than norms allow.",
        edit("movements", {"id": row["id"]}, quantity=plain(more)),
        "N9",
        row["code"],
        plain(beyond),
        companions=frozenset({"B5"}),
    )


FIGURES = (
    too_few_machines,
    light_load,
    heavy_receipt,
    ticket,
    back_again,
    sold_cheap,
    certificate_twice,
    too_fast,
    flown,
    whole_hours,
    there_and_back,
    factor_changes,
    degrees,
    outside_norm,
    told_twice,
    more_loss,
)
FIGURE_NAMES = (
    "too-few-machines",
    "light-load",
    "heavy-receipt",
    "ticket",
    "back-again",
    "sold-cheap",
    "certificate-twice",
    "too-fast",
    "flown",
    "whole-hours",
    "there-and-back",
    "factor-changes",
    "degrees",
    "outside-norm",
    "told-twice",
    "more-loss",
)
