"""The same facts as the events, as CSV files that an accountant exports from the enterprise's system."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from journey.papers import HOME
from journey.stock import OPENING, STORES, counted
from journey.world import BOOK_GARMENT, BOOK_SPORTS, GARMENT, GOODS, LINES, NORM_OWNER, NORMS, SPORTS

DECLARATIONS = [
    *[
        "declaration",
        "line",
        "direction",
        "regime",
        "registered_at",
        "cleared_at",
        "exit_confirmed_at",
        "code",
    ],
    *["description", "hs", "origin", "quantity", "uom", "value", "currency", "duty_rate", "partner"],
    *["original_declaration", "original_line"],
]
NORM_COLUMNS = [
    *[
        "product",
        "material",
        "norm",
        "product_uom",
        "material_uom",
        "flag",
        "valid_from",
        "valid_to",
        "loss_rate",
    ]
]
STOCK = ["at", "stock", "code", "lot", "quantity", "uom", "place"]
STOCK_OF_BALANCE = {"RAW": "material", "WIP": "wip", "FINISHED": "product", "SCRAP": "scrap"}


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _at(local: str) -> str:
    return f"{local.replace(' ', 'T')}:00+07:00" if local else ""


def declarations(owner: str) -> str:
    """declarations.csv of an enterprise."""
    rows = []
    for x in sorted(
        (x for x in LINES if x.owner == owner), key=lambda x: (x.registered, x.declaration, x.line)
    ):
        c = x.content()
        rows.append(
            [
                x.declaration,
                str(x.line),
                x.direction,
                x.regime,
                _at(x.registered),
                _at(x.cleared),
                _at(x.exited),
                x.code,
                c["description"],
                c["hs"],
                x.origin,
                x.quantity,
                c["uom"],
                x.taxable_value,
                "VND",
                x.duty_rate,
                x.partner,
                c["originalDeclaration"],
                c["originalLine"],
            ]
        )
    return _csv(DECLARATIONS, rows)


def norms(owner: str) -> str:
    """norms.csv of an enterprise."""
    return _csv(
        NORM_COLUMNS,
        [
            [
                n.product,
                n.material,
                n.norm,
                GOODS[n.product].uom,
                GOODS[n.material].uom,
                n.flag,
                "2025-01-01",
                "2025-12-31",
                n.loss_rate,
            ]
            for n in NORMS
            if NORM_OWNER[n.product] == owner
        ],
    )


def opening(owner: str) -> str:
    """opening.csv of an enterprise."""
    rows = [
        ["2025-01-01", STOCK_OF_BALANCE[balance], code, lot, amount, GOODS[code].uom, HOME[owner]]
        for lot, code, amount, balance, _ in (OPENING if owner == GARMENT else [])
    ]
    return _csv(STOCK, rows)


def counts(owner: str) -> str:
    """counts.csv of an enterprise."""
    return _csv(STOCK, [[r[c] for c in STOCK] for store in STORES[owner] for r in counted(owner, store)])


def files() -> dict[str, str]:
    """All tables: path below the journey -> text."""
    made = {}
    for owner, book in ((GARMENT, BOOK_GARMENT), (SPORTS, BOOK_SPORTS)):
        for name, table in (
            ("declarations", declarations),
            ("norms", norms),
            ("opening", opening),
            ("counts", counts),
        ):
            made[f"books/{book}/{name}.csv"] = table(owner)
    return made
