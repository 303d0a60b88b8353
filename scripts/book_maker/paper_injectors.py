"""Faults of what stands beside a book: papers, claims, contracts, books of scrap, numbers of pieces."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

from book_maker.looking import Look, Row, key_of, plain, rest, table
from tracer.files.example_faults import ExampleFault, add, edit, together
from tracer.quantity import ratio_text


def paper_twice(look: Look) -> ExampleFault | None:
    """X7."""
    imports = look.rows("declarations", regime="E31")
    one = imports[0]
    other = next((r for r in imports if r["declaration"] != one["declaration"]), None)
    if other is None:
        return None
    rows = [
        {"number": number, "type": "invoice", "sha256": "5a" * 32, **key_of(row)}
        for number, row in (("INV-17", one), ("INV-71", other))
    ]
    return ExampleFault(
        "paper-used-twice",
        "One invoice, by its hash, is given for two import declarations.",
        table("documents", *rows),
        "X7",
        f"{other['declaration']}/{other['line']}",
        "1",
    )


def on_spot_alone(look: Look) -> ExampleFault:
    """X8."""
    row = look.rows("declarations", regime="E62")[0]
    return ExampleFault(
        "on-spot-alone",
        "An export is marked as delivered inside the country, and no import answers it.",
        together(
            edit("declarations", key_of(row), description=f"{row['description']} #&XKTC"), table("on_spot")
        ),
        "X8",
        f"{row['declaration']}/{row['line']}",
        f"-{row['quantity']}",
    )


def scrap_book_short(look: Look) -> ExampleFault | None:
    """D2."""
    made: dict[str, Decimal] = defaultdict(Decimal)
    for row in look.rows("movements", kind="TRANSFORM", role="scrap"):
        made[row["code"]] += Decimal(row["quantity"])
    rows, hidden = [], Decimal(0)
    for code, generated in made.items():
        left = look.total(kind="SCRAP_OUT", code=code)
        less = Decimal(0) if rows else left / 20 // 1
        hidden, sold = hidden + less, left - less
        uom = look.rows("movements", kind="TRANSFORM", role="scrap", code=code)[0]["uom"]
        rows.append(
            {
                "code": code,
                "uom": uom,
                "opening": "0",
                "generated": plain(generated),
                "sold": plain(sold),
                "destroyed": "0",
                "recycled": "0",
                "closing": plain(generated - sold),
            }
        )
    if not hidden:
        return None
    return ExampleFault(
        "scrap-book-short",
        "The book of scrap says that a twentieth less was sold than left the factory.",
        table("scrap_book", *rows),
        "D2",
        rows[0]["code"],
        plain(-hidden),
    )


def good_as_scrap(look: Look) -> ExampleFault | None:
    """D4."""
    for sale in look.rows("movements", kind="SCRAP_OUT"):
        bought = look.rows("declarations", regime="E31", code=sale["code"])
        if not bought:
            continue
        price = sum(Fraction(r["value"]) for r in bought) / sum(Fraction(r["quantity"]) for r in bought)
        sales = look.rows("movements", kind="SCRAP_OUT", code=sale["code"])
        changes = []
        for row in sales:
            share = Fraction(8, 10) if row is sale else Fraction(1, 10)
            worth = round(price * share * Fraction(row["quantity"]))
            changes.append(edit("movements", {"id": row["id"]}, value=str(worth)))
            if row is sale:
                above = Fraction(worth) / Fraction(row["quantity"]) - price * Fraction(6, 10)
        return ExampleFault(
            "good-as-scrap",
            "Scrap is sold at four fifths of the import price of the material.",
            together(*changes),
            "D4",
            sale["id"],
            ratio_text(above, 2),
        )
    return None


def left_of_contract(look: Look) -> ExampleFault | None:
    """D6."""
    row = rest(look)
    receipts = look.rows("movements", kind="RECEIVE_FACTORY", lot=row["lot"]) if row else []
    if row is None or not receipts:
        return None
    return ExampleFault(
        "left-of-contract",
        "A processing contract ended in October, and some of its material is still in store.",
        together(
            edit("declarations", key_of(receipts[0]), contract="HDGC-07"),
            table("contracts", {"contract": "HDGC-07", "ends": "2026-10-31", "partner": "Nordfjell"}),
        ),
        "D6",
        row["code"],
        row["quantity"],
    )


def refund_and_exempt(look: Look) -> ExampleFault | None:
    """L4."""
    again = {r["original_declaration"] for r in look.rows("declarations", regime="B13")}
    row = next((r for r in look.rows("declarations", regime="E31") if r["declaration"] not in again), None)
    if row is None:
        return None
    rows = [
        {"claim": "KM-1", "kind": "exemption", **key_of(row)},
        {"claim": "HT-1", "kind": "refund", "quantity": "12", "uom": row["uom"], **key_of(row)},
    ]
    return ExampleFault(
        "refund-and-exempt",
        "A whole import line is claimed exempt, and duty on part of it asked back.",
        table("reliefs", *rows),
        "L4",
        f"{row['declaration']}/{row['line']}",
        "12",
    )


def number_twice(look: Look) -> ExampleFault | None:
    """L9."""
    row = next((r for r in look.rows("movements", kind="RECEIVE_FACTORY") if r["uom"] == "C62"), None)
    if row is None:
        return None
    one = {"lot": row["lot"], "code": row["code"], "serial": "SN-000001"}
    return ExampleFault(
        "number-twice",
        "Two pieces of one lot have the same serial number.",
        table("serials", one, one),
        "L9",
        f"{look.enterprise}/{row['lot']}",
        "1",
    )


def second_unit(look: Look) -> ExampleFault | None:
    """U2."""
    row = next(
        (
            r
            for r in look.rows("norms")
            if r["material_uom"] == "KGM" and look.rows("declarations", code=r["material"])
        ),
        None,
    )
    if row is None:
        return None
    changes = [
        edit(
            "norms",
            {"product": r["product"], "material": r["material"]},
            material_uom="TNE",
            norm=plain(Decimal(r["norm"]) / 1000),
        )
        for r in look.rows("norms", material=row["material"])
    ]
    return ExampleFault(
        "second-unit",
        "Norms count a material in tonnes, declarations in kilograms, on nobody's authority.",
        together(
            *changes, add("conversions", code=row["material"], from_uom="TNE", to_uom="KGM", factor="1000")
        ),
        "U2",
        row["material"],
        "",
    )


def supplies_beyond(look: Look) -> ExampleFault | None:
    """N8."""
    runs: dict[str, Row] = {}
    for row in look.rows("movements", kind="TRANSFORM", side="out", role="product"):
        runs.setdefault(row["op"], row)
    ops = list(runs.values())
    months = sorted({row["at"][:7] for row in ops})
    if len(months) < 6:
        return None
    changes, total = [], Decimal(0)
    for i, row in enumerate(ops):
        q = Decimal(row["quantity"]) / 100 + (25 if i == len(ops) - 1 else 0)
        total += q
        cells = {"code": "GLU-9", "lot": "GLU-9.1", "uom": "KGM", "place": row["place"], "quantity": plain(q)}
        made = {**cells, "op": row["op"], "at": row["at"], "kind": "TRANSFORM"}
        changes += [
            add(
                "movements",
                id=f"G{i}",
                at=row["at"],
                kind="ISSUE_PROD",
                document=f"PXK-G{i}",
                **cells,
            ),
            add("movements", id=f"H{i}", side="in", **made),
            add(
                "movements",
                id=f"K{i}",
                side="out",
                role="loss",
                **{k: v for k, v in made.items() if k != "lot"},
            ),
        ]
    products = {row["code"]: row["uom"] for row in ops}
    norms = [
        add(
            "norms",
            product=code,
            material="GLU-9",
            norm="0",
            product_uom=uom,
            material_uom="KGM",
            flag="KXDDM",
            valid_from="2026-01-01",
        )
        for code, uom in products.items()
    ]
    bought = add(
        "movements",
        id="G",
        at="2026-01-02",
        kind="RECEIVE_DOMESTIC",
        code="GLU-9",
        lot="GLU-9.1",
        uom="KGM",
        place="factory",
        quantity=plain(total),
        document="HD-G",
    )
    return ExampleFault(
        "supplies-beyond",
        "In the last month 25 kg more of a glue without norm are issued than is usual.",
        together(bought, *norms, *changes),
        "N8",
        "GLU-9",
        "25",
        companions=frozenset({"N9"}),
    )


PAPERS = (
    paper_twice,
    on_spot_alone,
    scrap_book_short,
    good_as_scrap,
    left_of_contract,
    refund_and_exempt,
    number_twice,
    second_unit,
    supplies_beyond,
)
PAPER_NAMES = (
    "paper-used-twice",
    "on-spot-alone",
    "scrap-book-short",
    "good-as-scrap",
    "left-of-contract",
    "refund-and-exempt",
    "number-twice",
    "second-unit",
    "supplies-beyond",
)
