"""Faults of stock and norms for the rules after the first release."""

from __future__ import annotations

from decimal import Decimal

from book_maker.looking import Look, Row, key_of, lot_of, plain, rest, table
from tracer.files.example import Files
from tracer.files.example_faults import ExampleFault, add, edit, together


def never_received(look: Look) -> ExampleFault:
    """B4."""
    row = look.rows("declarations", regime="E31")[0]
    half = Decimal(row["quantity"]) / 2
    return ExampleFault(
        "never-received",
        "Half as much again was declared as ever reached the store.",
        edit("declarations", key_of(row), quantity=plain(half * 3)),
        "B4",
        row["code"],
        plain(-half),
    )


def written_off(look: Look) -> ExampleFault | None:
    """B8."""
    row = rest(look)
    if row is None:
        return None
    q = Decimal(row["quantity"]) / 4
    cells = {
        "code": row["code"],
        "lot": row["lot"],
        "uom": row["uom"],
        "place": "factory",
        "role": "material",
    }
    return ExampleFault(
        "written-off",
        "A quarter of a rest is written off without a count.",
        together(
            add(
                "movements",
                id="OFF",
                at="2026-12-20",
                kind="ADJUST",
                quantity=plain(-q),
                reason="recount",
                **cells,
            ),
            edit("counts", {"lot": row["lot"], "stock": "material"}, quantity=plain(q * 3)),
        ),
        "B8",
        row["code"],
        plain(-q),
    )


def counted_early(look: Look) -> ExampleFault | None:
    """B9."""
    row = rest(look)
    if row is None:
        return None
    half = Decimal(row["quantity"]) / 2
    return ExampleFault(
        "counted-early",
        "A count at an inspection in December finds half of a rest, the count at the year's end all.",
        add("counts", **{**row, "at": "2026-12-15", "quantity": plain(half)}),
        "B9",
        row["code"],
        plain(-half),
    )


def stolen(look: Look) -> ExampleFault | None:
    """D9."""
    row = rest(look)
    if row is None:
        return None
    q = Decimal(row["quantity"]) / 4
    cells = {
        "code": row["code"],
        "lot": row["lot"],
        "uom": row["uom"],
        "place": "factory",
        "role": "material",
    }
    return ExampleFault(
        "stolen",
        "A quarter of a rest is written off as stolen, after a count.",
        together(
            add(
                "movements",
                id="OFF",
                at="2026-12-20",
                kind="ADJUST",
                quantity=plain(-q),
                reason="stolen",
                **cells,
            ),
            edit("counts", {"lot": row["lot"], "stock": "material"}, quantity=plain(q * 3)),
            add("counts", **{**row, "at": "2026-12-18"}),
        ),
        "D9",
        lot_of(look, row),
        plain(q),
        companions=frozenset({"B8"}),
    )


def shed(look: Look) -> ExampleFault:
    """C4."""
    row = look.rows("movements", kind="ISSUE_PROD", place="factory")[0]
    return ExampleFault(
        "shed",
        "Material is issued from a place that customs was never told of.",
        edit("movements", {"id": row["id"]}, place="shed"),
        "C4",
        lot_of(look, row),
        "1",
    )


def wrong_number(look: Look) -> ExampleFault:
    """C9."""
    box = look.rows("movements", kind="ARRIVE")[0]["lot"]
    wrong = f"{box[:-1]}{(int(box[-1]) + 1) % 10}"

    def change(files: Files) -> None:
        for row in files["movements"]:
            if row.get("lot") == box:
                row["lot"] = wrong

    return ExampleFault(
        "wrong-number", "The number of a container has a wrong check digit.", change, "C9", wrong, ""
    )


def re_exported_twice(look: Look) -> ExampleFault:
    """L3."""
    row = look.rows("declarations", regime="E31")[-1]
    tenth = Decimal(row["quantity"]) / 10
    more = Decimal(row["quantity"]) + tenth
    return ExampleFault(
        "re-exported-twice",
        "More is declared for re-export than the import line that is cited ever had.",
        add(
            "declarations",
            **{
                **row,
                "declaration": "410000000001",
                "line": "1",
                "direction": "export",
                "regime": "B13",
                "quantity": plain(more),
                "cleared_at": "",
                "registered_at": "2026-12-28T09:00",
                "original_declaration": row["declaration"],
                "original_line": row["line"],
            },
        ),
        "L3",
        f"{row['declaration']}/{row['line']}",
        plain(tenth),
        companions=frozenset({"X6"}),
    )


def _norm(look: Look) -> Row | None:
    """A norm of a product on a material that was imported."""
    return next(
        (
            r
            for r in look.rows("norms", flag="")
            if look.rows("declarations", code=r["material"], regime="E31")
            and look.rows("declarations", code=r["product"], regime="E62")
        ),
        None,
    )


def norm_jumps(look: Look) -> ExampleFault | None:
    """N3."""
    row = _norm(look)
    if row is None:
        return None
    half = plain(Decimal(row["norm"]) / 2)
    years = (
        add("norms", **{**row, "norm": half, "valid_from": f"{year}-01-01"}) for year in (2023, 2024, 2025)
    )
    return ExampleFault(
        "norm-jumps",
        "A norm is twice what it was in the three years before.",
        together(*years),
        "N3",
        row["product"],
        half,
    )


def unlike_peers(look: Look) -> ExampleFault | None:
    """N4."""
    row = _norm(look)
    if row is None:
        return None
    product = look.rows("declarations", code=row["product"], regime="E62")[0]
    material = look.rows("declarations", code=row["material"], regime="E31")[0]
    usual = Decimal(row["norm"]) / 2
    own = f"{product['hs'][:4]}9999"  # products of one family share a heading
    rows = [
        {
            "product_hs": own,
            "material_hs": material["hs"],
            "product_uom": row["product_uom"],
            "material_uom": row["material_uom"],
            "norm": plain(usual * share / 100),
        }
        for share in (98, 99, 100, 101, 102)
    ]
    return ExampleFault(
        "unlike-peers",
        "Five other firms need half of a material for the same product.",
        together(
            *(
                edit("declarations", key_of(r), hs=own)
                for r in look.rows("declarations", code=row["product"], regime="E62")
            ),
            table("peers", *rows),
        ),
        "N4",
        row["product"],
        plain(usual),
    )


def inland_on_paper(look: Look) -> ExampleFault | None:
    """N7."""
    row = _norm(look)
    if row is None:
        return None
    code = row["material"]
    used = look.total(kind="ISSUE_PROD", code=code) - look.total(kind="RETURN_PROD", code=code)
    used -= sum(
        (Decimal(r["quantity"]) for r in look.rows("opening", code=code)), Decimal(0)
    )  # then inland too
    changes = [
        edit("norms", {"product": r["product"], "material": code}, flag="X")
        for r in look.rows("norms", material=code)
    ]
    return ExampleFault(
        "inland-on-paper",
        "Form 16 says that an imported material was bought inland.",
        together(*changes),
        "N7",
        code,
        plain(used),
        companions=frozenset({"N6", "X2", "B6", "N5", "O2"}),
    )


STOCKS = (
    never_received,
    written_off,
    counted_early,
    stolen,
    shed,
    wrong_number,
    re_exported_twice,
    norm_jumps,
    unlike_peers,
    inland_on_paper,
)
STOCK_NAMES = (
    "never-received",
    "written-off",
    "counted-early",
    "stolen",
    "shed",
    "wrong-number",
    "re-exported-twice",
    "norm-jumps",
    "unlike-peers",
    "inland-on-paper",
)
