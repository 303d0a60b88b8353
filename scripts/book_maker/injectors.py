"""What can be wrong in a generated book, one fault at a time, and the finding that must come of each.

Each builder looks for what it needs in the rows of a clean book; a book that has no place for a fault (no
scrap lots, no rest in stock) simply does not get that one. How rows are changed, and what a fault is, is that
of the example's faults (`tracer.files.example_faults`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

from book_maker.box_injectors import BOXES
from book_maker.clerk import container
from book_maker.figure_injectors import FIGURES
from book_maker.looking import Look, Row, later, plain, rest
from book_maker.paper_injectors import PAPERS
from book_maker.run_injectors import RUNS
from book_maker.stock_injectors import STOCKS
from book_maker.structure_injectors import STRUCTURES
from book_maker.year_injectors import YEARS
from tracer.files.example import Files
from tracer.files.example_faults import ExampleFault, add, edit, together

Builder = Callable[[Look], ExampleFault | None]


def _count(row: Row) -> dict[str, str]:
    return {"lot": row["lot"], "stock": row["stock"]}


def short_stock(look: Look) -> ExampleFault | None:
    """B2."""
    row = max(look.rows("counts", stock="material"), key=lambda r: Decimal(r["quantity"]), default=None)
    if row is None:
        return None
    half = Decimal(row["quantity"]) / 2
    return ExampleFault(
        "short-stock", "Half of a rest in store is not on the shelf.",
        edit("counts", _count(row), quantity=plain(half)), "B2", row["code"], plain(-half),
        companions=frozenset({"B6"}))


def wrong_unit(look: Look) -> ExampleFault | None:
    """U3."""
    row = rest(look)
    if row is None:
        return None
    q = Decimal(row["quantity"])
    return ExampleFault(
        "wrong-unit", "A rest is counted in thousandths of its unit.",
        edit("counts", _count(row), quantity=plain(q * 1000)), "U3", row["code"], plain(q * 999),
        companions=frozenset({"B2", "B6"}))


def padded_norm(look: Look) -> ExampleFault | None:
    """N1."""
    shares: list[tuple[Decimal, Decimal, Row]] = []
    for norm in look.rows("norms", flag=""):
        if not look.rows("movements", kind="RECEIVE_FACTORY", code=norm["material"]):
            continue
        made = sum((Decimal(r["quantity"]) for r in look.rows(
            "movements", kind="TRANSFORM", side="out", code=norm["product"])), Decimal(0))
        used = made * Decimal(norm["norm"])
        whole = look.total(kind="TRANSFORM", side="in", code=norm["material"])
        shares.append((used / whole, used, norm))
    share, used, norm = max(shares, key=lambda s: (s[0], s[1]))
    if share < Decimal("0.12"):
        return None
    return ExampleFault(
        "padded-norm", "A norm is declared 60 % too high.",
        edit("norms", {"product": norm["product"], "material": norm["material"]},
             norm=plain(Decimal(norm["norm"]) * Decimal("1.6"))),
        "N1", norm["material"], plain(-used * Decimal("0.6")),
        companions=frozenset({"N2", "N6", "B6", "X2", "O2"}))


def idle_norm(look: Look) -> ExampleFault:
    """N5."""
    norm = look.rows("norms")[0]
    return ExampleFault(
        "idle-norm", "A norm is filed for a product that is never made.",
        add("norms", **{**norm, "product": "GHOST-1"}), "N5", "GHOST-1", "")


def over_claim(look: Look) -> ExampleFault | None:
    """N6."""
    materials = look.document["materials"]
    if not materials:
        return None
    first = materials[0]
    more = Decimal(first["exempt"]) / 5 // 1
    rows = [add("claims", material=m["material"], uom=m["uom"],
                quantity=plain(Decimal(m["exempt"]) + (more if m is first else 0))) for m in materials]

    def change(files: Files) -> None:
        files.setdefault("claims", [])
        together(*rows)(files)

    return ExampleFault(
        "over-claim", "A fifth more is claimed exempt than exported goods used.", change, "N6",
        str(first["material"]), plain(more))


def never_left(look: Look) -> ExampleFault:
    """X4."""
    line = look.rows("declarations", regime="E62")[0]
    return ExampleFault(
        "never-left", "An export was cleared and loaded, and never seen leaving.",
        edit("declarations", {"declaration": line["declaration"], "line": line["line"]},
             exit_confirmed_at=""),
        "X4", f"{line['declaration']}/{line['line']}", plain(-Decimal(line["quantity"])))


def phantom_export(look: Look) -> ExampleFault:
    """X1."""
    line = look.rows("declarations", regime="E62")[-1]
    load = look.rows("movements", kind="EXPORT_LOAD", code=line["code"])[-1]
    kept = sum((Decimal(r["quantity"]) for r in look.rows("counts", stock="product", code=line["code"])),
               Decimal(0))
    number = "399999999999"
    cells = {"registered_at": "2026-12-18T09:00", "cleared_at": "2026-12-18T11:00", "exit_confirmed_at": ""}
    return ExampleFault(
        "phantom-export", "More of a product is declared and loaded than was ever made.",
        together(
            add("declarations", **{**line, **cells, "declaration": number, "line": "1",
                                   "quantity": plain(kept + 200)}),
            add("movements", **{**load, "id": "PHANTOM", "at": "2026-12-20", "declaration": number,
                                "line": "1", "quantity": plain(kept + 200)})),
        "X1", line["code"], "200", companions=frozenset({"L1", "X2"}))


def _used_up(look: Look) -> Row | None:
    """The last receipt of a lot that was issued to the end."""
    issued: dict[str, Decimal] = defaultdict(Decimal)
    for row in look.rows("movements"):
        if row["kind"] in ("ISSUE_PROD", "RETURN_PROD"):
            sign = 1 if row["kind"] == "ISSUE_PROD" else -1
            issued[row["lot"]] += sign * Decimal(row["quantity"])
    return next((r for r in reversed(look.rows("movements", kind="RECEIVE_FACTORY"))
                 if issued[r["lot"]] == Decimal(r["quantity"])), None)


def double_use(look: Look) -> ExampleFault | None:
    """L1."""
    row = _used_up(look)
    if row is None:
        return None
    issue = look.rows("movements", kind="ISSUE_PROD", lot=row["lot"])[-1]
    return ExampleFault(
        "double-use", "A lot that is used up is issued to production once more.",
        add("movements", **{**issue, "id": "TWICE", "at": "2026-12-29", "quantity": row["quantity"]}), "L1",
        f"{look.enterprise}/{row['lot']}", row["quantity"])


def undeclared_sale(look: Look) -> ExampleFault | None:
    """D5."""
    row = look.last("counts", stock="product")
    if row is None:
        return None
    return ExampleFault(
        "undeclared-inland-sale", "Products are sold inland without a new declaration.",
        add("movements", id="SOLD", at="2026-12-29", kind="SELL_INLAND", code=row["code"], lot=row["lot"],
            quantity=row["quantity"], uom=row["uom"], place="factory", partner="Market"),
        "D5", f"{look.enterprise}/{row['lot']}", row["quantity"])


def held(look: Look) -> ExampleFault:
    """C1."""
    row = look.rows("movements", kind="ELIGIBLE")[0]
    return ExampleFault(
        "lot-under-hold", "A container is under a hold of customs when the terminal lets it go.",
        add("movements", id="HELD", at=f"{row['at'][:10]}T17:00", kind="HOLD", role="container",
            lot=row["lot"], place="port", actor="customs"),
        "C1", row["lot"], "1", companions=frozenset({"T1"}))


def early_issue(look: Look) -> ExampleFault | None:
    """T4, and B1 with it."""
    row = _used_up(look)
    if row is None:
        return None
    issue = look.rows("movements", kind="ISSUE_PROD", lot=row["lot"])[0]
    return ExampleFault(
        "issued-before-receipt", "A material is issued to production three days before it came.",
        edit("movements", {"id": issue["id"]}, at=later(row["at"], -3)), "T4",
        f"{look.enterprise}/{row['lot']}", "-72", companions=frozenset({"B1"}))


def loss_left_out(look: Look) -> ExampleFault | None:
    """B5."""
    weights = {r["code"]: Decimal(r["factor"]) for r in look.rows("conversions")}

    def weight(row: Row) -> Decimal:
        return Decimal(row["quantity"]) * weights.get(row["code"], Decimal(1))

    inputs: dict[str, Decimal] = defaultdict(Decimal)
    for row in look.rows("movements", kind="TRANSFORM", side="in"):
        inputs[row["op"]] += weight(row)
    losses = look.rows("movements", kind="TRANSFORM", role="loss")
    row = max(losses, key=lambda r: weight(r) / inputs[r["op"]])
    if weight(row) / inputs[row["op"]] < Decimal("0.006"):
        return None
    return ExampleFault(
        "loss-left-out", "The process loss of a run is not written down.",
        edit("movements", {"id": row["id"]}, drop="yes"), "B5", row["op"], plain(-weight(row)))


def other_opening(look: Look) -> ExampleFault:
    """B3."""
    row = look.rows("previous", stock="material")[0]
    less = Decimal(row["quantity"]) / 4
    return ExampleFault(
        "other-opening", "A quarter less was reported as last period's closing stock.",
        edit("previous", {"code": row["code"], "stock": "material"},
             quantity=plain(Decimal(row["quantity"]) - less)),
        "B3", row["code"], plain(less))


def missing_factor(look: Look) -> ExampleFault:
    """U1."""
    norm = look.rows("norms")[0]
    return ExampleFault(
        "missing-factor", "A norm is in a unit for which no factor is given.",
        edit("norms", {"product": norm["product"], "material": norm["material"]}, material_uom="FOT"), "U1",
        norm["material"], "", verdict="not_evaluable",
        companions=frozenset({"B6", "N1", "N2", "N5", "N6", "O2", "O4", "X2", "U2", "U3"}))


def told_late(look: Look) -> ExampleFault:
    """C5."""
    row = look.rows("movements", kind="EXPORT_LOAD")[-1]
    return ExampleFault(
        "told-late", "A load is entered in the books a day after it was due.",
        edit("movements", {"id": row["id"]}, recorded_at=f"{later(row['at'], 2)}T00:00"), "C5",
        f"{look.enterprise}/{row['lot']}", "1410")


def unclaimed(look: Look) -> ExampleFault:
    """T1."""
    row = look.rows("movements", kind="ARRIVE")[0]
    lot = f"BL999999/{container(999_999)}"
    return ExampleFault(
        "unclaimed", "A container arrives in March, and nobody asks for it.",
        add("movements", **{**row, "id": "LEFT", "at": "2026-03-01T08:12", "lot": lot,
                            "document": "BL999999"}),
        "T1", lot, "215")


def two_holders(look: Look) -> ExampleFault:
    """C3."""
    row = look.rows("movements", kind="ARRIVE")[0]
    at = f"{later(row['at'], 1)}T09:26"  # two days to the minute before the gate
    return ExampleFault(
        "two-holders", "A second terminal books the arrival of a container that the first one has.",
        add("movements", **{**row, "id": "SECOND", "at": at, "actor": "dry-port"}), "C3", row["lot"], "48")


def no_answer(look: Look) -> ExampleFault:
    """C2."""
    row = look.rows("movements", kind="RECEIVE_FACTORY")[-1]
    return ExampleFault(
        "no-answer", "A lot is offered to a carrier on the last day but one, and nobody answers.",
        add("movements", id="OFFERED", at="2026-12-30T23:00", kind="OFFER", code=row["code"], lot=row["lot"],
            uom=row["uom"], place="factory", partner="carrier"),
        "C2", f"{look.enterprise}/{row['lot']}", "20.999")


def same_heading(look: Look) -> ExampleFault | None:
    """O2."""
    line = look.rows("declarations", regime="E62")[0]
    for norm in look.rows("norms", product=line["code"], flag=""):
        bought = look.rows("declarations", regime="E31", code=norm["material"])
        if bought:
            key = {"declaration": line["declaration"], "line": line["line"]}
            return ExampleFault(
                "same-heading", "A product is exported under the tariff code of its imported material.",
                edit("declarations", key, hs=bought[0]["hs"]), "O2", "/".join(key.values()), "",
                companions=frozenset({"B4"}))
    return None


def relabelled(look: Look) -> ExampleFault | None:
    """O1."""
    row = next((r for r in look.rows("counts", stock="material")
                if look.rows("declarations", direction="import", code=r["code"])), None)
    if row is None:
        return None
    line = look.rows("declarations", direction="import", code=row["code"])[0]
    cells = {"registered_at": "2026-12-18T09:00", "cleared_at": "2026-12-18T11:00", "origin": "VN",
             "exit_confirmed_at": "2026-12-22T11:00", "direction": "export", "regime": "B13",
             "declaration": "499999999999", "line": "1", "quantity": row["quantity"],
             "original_declaration": line["declaration"], "original_line": line["line"]}
    return ExampleFault(
        "relabelled", "Imported material is sent abroad again as goods of this country.",
        together(
            edit("counts", _count(row), drop="yes"),
            add("declarations", **{**line, **cells}),
            add("movements", id="AGAIN", at="2026-12-20", kind="REEXPORT", code=row["code"], lot=row["lot"],
                quantity=row["quantity"], uom=row["uom"], declaration="499999999999", line="1",
                place="factory")),
        "O1", "499999999999/1", row["quantity"], companions=frozenset({"O5"}))


def two_places(look: Look) -> ExampleFault | None:
    """L2."""
    row = look.last("counts", stock="scrap")
    if row is None:
        return None
    return ExampleFault(
        "two-places", "One lot of scrap is counted in two places.",
        add("counts", **{**row, "place": "port"}), "L2", f"{look.enterprise}/{row['lot']}", row["quantity"],
        companions=frozenset({"B2", "U3"}))


def unknown_line(look: Look) -> ExampleFault:
    """L6."""
    row = look.rows("movements", kind="ELIGIBLE")[0]
    return ExampleFault(
        "unknown-line", "A release cites a declaration that nobody made.",
        edit("movements", {"id": row["id"]}, declaration="199999999999"), "L6", "199999999999/1", "")


BUILDERS: tuple[Builder, ...] = (
    short_stock, wrong_unit, padded_norm, idle_norm, over_claim, never_left, phantom_export, double_use,
    undeclared_sale, held, early_issue, loss_left_out, other_opening, missing_factor, told_late, unclaimed,
    two_holders, no_answer, same_heading, relabelled, two_places, unknown_line, *PAPERS, *BOXES,
    *STRUCTURES, *STOCKS, *FIGURES, *RUNS, *YEARS)
