"""What stands in stock when the year begins and when it ends."""

from __future__ import annotations

from collections.abc import Mapping

from journey.documents import Event, Story, make
from journey.lots import amounts, move
from journey.papers import HOME
from journey.world import AT_GARMENT, AUDIT, GARMENT, GOODS, SPORTS

OPENING: list[tuple[str, str, str, str, str]] = [
    # lot, code, quantity, balance, origin
    ("FAB-OPEN", "FAB-PES-150", "2400", "RAW", "IMPORTED"),
    ("LIN-OPEN", "LIN-PES-110", "1000", "RAW", "IMPORTED"),
    ("BUT-OPEN", "BUT-RES-20", "6000", "RAW", "DOMESTIC"),
    ("JKT-OPEN", "JKT-M-01", "300", "FINISHED", "OWN"),
]


CLOSING: list[tuple[str, str, str, str, str]] = [
    # store, stock, lot, code, quantity: what stands in the factories on the evening of 31 December
    ("fabric", "material", "FAB-2505-P", "FAB-PES-150", "1700"),
    ("trim", "material", "LIN-2505", "LIN-PES-110", "1800"),
    ("trim", "material", "PAD-2502", "PAD-PES-100", "350"),
    ("trim", "material", "ZIP-2505", "ZIP-NY-60", "2500"),
    ("trim", "material", "THR-2506", "THR-PES-40", "32"),
    ("trim", "material", "BUT-2501", "BUT-RES-20", "4000"),
    ("floor", "wip", "FAB-2505-P", "FAB-PES-150", "500"),
    ("finished", "product", "JKT-OPEN", "JKT-M-01", "150"),
    ("finished", "product", "JKT-2510", "JKT-M-01", "200"),
    ("finished", "product", "PCH-2503", "PCH-01", "500"),
    ("finished", "product", "TRS-2507", "TRS-M-03", "400"),
    ("offcuts", "scrap", "SCR-LIN-2503", "LIN-PES-110", "216"),
    ("offcuts", "scrap", "SCR-PAD-2503", "PAD-PES-100", "108"),
    ("offcuts", "scrap", "SCR-LIN-2507", "LIN-PES-110", "60"),
    ("offcuts", "scrap", "SCR-FAB-2509", "FAB-PES-150", "160"),
    ("offcuts", "scrap", "SCR-LIN-2509", "LIN-PES-110", "90"),
    ("offcuts", "scrap", "SCR-PAD-2509", "PAD-PES-100", "45"),
    ("knit", "material", "KNT-2503", "FAB-KNT-180", "500"),
    ("tees", "product", "TEE-2503", "TEE-01", "200"),
    ("knit-offcuts", "scrap", "SCR-KNT-2503", "FAB-KNT-180", "165"),
]
STORES = {
    GARMENT: ("fabric", "trim", "floor", "finished", "offcuts"),
    SPORTS: ("knit", "tees", "knit-offcuts"),
}
COUNTED_AT = "2025-12-31T18:00:00+07:00"
BALANCE_OF_STOCK = {"material": "RAW", "wip": "WIP", "product": "FINISHED", "scrap": "SCRAP"}


def counted(owner: str, store: str, found: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """What is counted in one store, as `cl:counts`; `found` (lot -> quantity) overrides the book."""
    return [
        {
            "at": COUNTED_AT,
            "stock": stock,
            "code": code,
            "lot": name,
            "quantity": (found or {}).get(name, amount),
            "uom": GOODS[code].uom,
            "place": HOME[owner],
        }
        for where, stock, name, code, amount in CLOSING
        if where == store
    ]


def count(owner: str, store: str, at: str, found: Mapping[str, str] | None = None) -> Event:
    """The year-end count of one store."""
    rows = counted(owner, store, found)
    return move(
        "COUNT",
        f"count-{store}",
        at,
        owner,
        {r["lot"]: (r["code"], r["quantity"]) for r in rows},
        BALANCE_OF_STOCK[rows[0]["stock"]],
        bizStep="stock_taking",
        cl_counts=rows,
    )


def year_end(story: Story) -> None:
    """Both enterprises count their stocks; the audit team looks in."""
    for owner, stores in STORES.items():
        for i, store in enumerate(stores):
            story.post(owner, f"count-{store}", count(owner, store, f"2025-12-31 18:{10 * i:02d}"))
    story.post(AUDIT, "audit-visit", audit_visit("1700"))


def audit_visit(seen: str) -> Event:
    """The audit team was present at the count of the fabric store."""
    return make(
        "OBSERVE",
        "audit-visit",
        "2025-12-31 19:00",
        AT_GARMENT,
        bizStep="inspecting",
        cl_step="INSPECT",
        **amounts(GARMENT, {"FAB-2505-P": ("FAB-PES-150", seen)}, "RAW"),
        cl_reason="present at the count",
    )
