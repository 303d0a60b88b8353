"""The settlement of a book's period: Vietnam forms 15, 15a and 16, the ledgers beside them, the exemption
statement.

A value, not a file: rows by column name, quantities in micro-units inside and decimal strings in JSON. The
same book gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tracer.allocation import ACE_METHOD
from tracer.balance import FORM15, FORM15A, SCRAP, SEMI, WIP, Row
from tracer.quantity import micro_text, ratio_text
from tracer.settlement.exemption import ExemptionRow, MaterialExemption

FORM_VERSION = "VN 39/2018"
"""Layout of the forms: Circular 38/2015 as amended by 39/2018; columns of Circular 121/2025 are not
published yet.
"""


@dataclass(frozen=True, slots=True)
class NormRow:
    """A row of form 16 with what the ledger says beside it.

    Attributes:
        norm: declared actual norm, rolled up to base materials; None where none was in force.
        norm_ledger: (issued - recovered - change of WIP) / output, rolled up; None without output.
    """

    product: str
    product_name: str
    product_uom: str
    material: str
    material_name: str
    material_uom: str
    flag: str
    norm: Fraction | None
    norm_ledger: Fraction | None

    def to_json(self, number: int) -> dict[str, Any]:
        """The row by column name."""
        return {
            "no": number, "product": self.product, "product_name": self.product_name,
            "product_uom": self.product_uom, "material": self.material, "material_name": self.material_name,
            "material_uom": self.material_uom, "norm": _ratio(self.norm), "flag": self.flag,
            "norm_ledger": _ratio(self.norm_ledger),
        }


@dataclass(slots=True)
class Settlement:
    """One book, one period, settled."""

    book: str
    enterprise: str
    regime: str
    jurisdiction: str
    period_from: str
    period_to: str
    as_of: str
    allocation: str
    yield_basis: str = "VN_NORM"
    names: dict[str, str] = field(default_factory=dict)
    form15: list[Row] = field(default_factory=list)
    form15a: list[Row] = field(default_factory=list)
    form16: list[NormRow] = field(default_factory=list)
    semi_finished: list[Row] = field(default_factory=list)
    wip: list[Row] = field(default_factory=list)
    scrap: list[Row] = field(default_factory=list)
    materials: list[MaterialExemption] = field(default_factory=list)
    exemption: list[ExemptionRow] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """What could not be worked out, and why."""

    def to_json(self) -> dict[str, Any]:
        """The document as JSON values; quantities and money are decimal strings."""
        return {
            "book": self.book, "enterprise": self.enterprise, "regime": self.regime,
            "jurisdiction": self.jurisdiction, "period": {"from": self.period_from, "to": self.period_to},
            "as_of": self.as_of, "form_version": FORM_VERSION, "allocation": self.allocation,
            "allocation_method": ACE_METHOD.get(self.allocation, ""), "yield_basis": self.yield_basis,
            "form15": self._rows(self.form15, FORM15),
            "form15a": self._rows(self.form15a, FORM15A),
            "form16": [row.to_json(i) for i, row in enumerate(self.form16, 1)],
            "semi_finished": self._rows(self.semi_finished, SEMI),
            "wip": self._rows(self.wip, WIP),
            "scrap": self._rows(self.scrap, SCRAP),
            "materials": [_material(m) for m in self.materials],
            "exemption": [_exemption(row, i) for i, row in enumerate(self.exemption, 1)],
            "missing": list(self.missing),
            "evidence": list(self._evidence()),
        }

    def _evidence(self) -> Iterator[dict[str, Any]]:
        """Every figure of the forms and ledgers that is not zero, with the events behind it."""
        tables = (("form15", self.form15), ("form15a", self.form15a), ("semi_finished", self.semi_finished),
                  ("wip", self.wip), ("scrap", self.scrap))
        for form, rows in tables:
            for row in rows:
                for column in row.columns:
                    if row.events.get(column):
                        yield {"form": form, "code": row.code, "source": row.source, "column": column,
                               "quantity": micro_text(row[column]), "uom": row.uom,
                               "events": list(row.events[column])}

    def _rows(self, rows: list[Row], columns: tuple[str, ...]) -> list[dict[str, Any]]:
        return [
            {
                "no": i,
                "code": r.code,
                "name": self.names.get(r.code, ""),
                "uom": r.uom,
                "source": r.source,
                **{c: micro_text(r[c]) for c in columns},
                "closing": micro_text(r.closing),
                "notes": "",
            }
            for i, r in enumerate(rows, 1)
        ]


def _ratio(value: Fraction | None) -> str | None:
    return None if value is None else ratio_text(value)


def _material(m: MaterialExemption) -> dict[str, Any]:
    return {"material": m.material, "uom": m.uom, "imported_share": ratio_text(m.imported_share),
            "claimed": micro_text(m.claimed_micro), "exempt": micro_text(m.exempt_micro),
            "over_claimed": micro_text(m.over_claimed_micro)}


def _exemption(row: ExemptionRow, number: int) -> dict[str, Any]:
    return {
        "no": number,
        "material": row.material,
        "uom": row.uom,
        "import_line": row.import_line,
        "quantity": micro_text(row.quantity_micro),
        "export_lines": [
            {"line": line, "quantity": micro_text(q)} for line, q in sorted(row.by_export.items())
        ],
        "currency": row.currency,
        "duty_rate": _ratio(row.duty_rate),
        "duty_freed": None if row.duty_freed is None else str(row.duty_freed),
    }
