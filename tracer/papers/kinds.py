"""The papers that can be made of a settled book, by name, and which of them a jurisdiction asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ledger.errors import InputError
from tracer.facts import Facts
from tracer.papers.abroad import DISCHARGE, DRAWBACK, evidence
from tracer.papers.discharge import discharge
from tracer.papers.drawback import drawback
from tracer.papers.particulars import known
from tracer.settlement.document import Settlement
from tracer.settlement.sheets import PRINTED, SHEETS, SheetLayout

Maker = Callable[[Facts, Settlement, Mapping[str, str]], dict[str, Any]]
BY_JURISDICTION = {"EU": "discharge", "UK": "discharge", "US": "drawback"}
"""The paper that a jurisdiction asks for; the settlement elsewhere."""


@dataclass(frozen=True, slots=True)
class PaperKind:
    """A paper.

    Attributes:
        sheets: what its workbook has. printed: what its PDF has, which lists no events.
        make: what it adds to a settlement, under its own name; None where it adds nothing.
    """

    name: str
    title: str
    sheets: tuple[SheetLayout, ...]
    printed: tuple[SheetLayout, ...]
    make: Maker | None = None

    def of(self, facts: Facts, settlement: Settlement, given: Mapping[str, str]) -> dict[str, Any]:
        """What the paper adds to the JSON of a settlement; nothing where it is one.

        Args:
            given: particulars, which go before those of the book.

        Raises:
            InputError: a particular that is unknown, or the basis lacks what it needs.
        """
        said = known({**facts.book.particulars, **given})
        return {self.name: self.make(facts, settlement, said)} if self.make else {}

    def document(self, view: Mapping[str, Any]) -> Mapping[str, Any]:
        """A settlement's JSON as this paper heads it."""
        return {**view, "form_version": view[self.name]["form_version"]} if self.make else view


def _of(*names: str) -> tuple[SheetLayout, ...]:
    return tuple(sheet for sheet in SHEETS if sheet.name in names)


PAPERS: dict[str, PaperKind] = {
    kind.name: kind
    for kind in (
        PaperKind(
            "settlement",
            "Settlement report",
            SHEETS,
            PRINTED,
        ),
        PaperKind(
            "exemption",
            "Exemption statement",
            _of("Exemption", "Claim", "Evidence"),
            _of("Exemption", "Claim"),
        ),
        PaperKind(
            "discharge",
            "Bill of discharge",
            (*DISCHARGE, evidence("discharge", "discharges")),
            DISCHARGE,
            discharge,
        ),
        PaperKind(
            "drawback",
            "Drawback abstract and schedule",
            (*DRAWBACK, evidence("drawback", "designations")),
            DRAWBACK,
            drawback,
        ),
    )
}
"""Every paper."""


def paper_kind(name: str, jurisdiction: str = "") -> PaperKind:
    """The paper of a name; without one that of the jurisdiction.

    Raises:
        InputError: there is none.
    """
    name = name or BY_JURISDICTION.get(jurisdiction.upper(), "settlement")
    if name not in PAPERS:
        raise InputError(f"{name!r} is no paper.", remedy=f"Choose one of {', '.join(PAPERS)}.")
    return PAPERS[name]


def pdf_of(kind: PaperKind, document: Mapping[str, Any], report: Mapping[str, Any]) -> bytes:
    """A paper as PDF.

    Args:
        document: `Settlement.to_json`, with what the paper adds to it. report: `check.Report.to_json`.

    Raises:
        TooLargeError: too many pages.
    """
    from tracer.papers.pdf import paper  # costs a fifth of a second that other commands need not spend

    period = document["period"]
    return paper(
        [(kind.document(document), kind.printed)],
        report,
        f"{kind.title}: {document['enterprise']}, {period['from']} to {period['to']}",
    )


def explained_pdf(document: Mapping[str, Any], report: Mapping[str, Any]) -> bytes:
    """The explanations of a book as PDF, each from a new page on.

    Args:
        document: `explain.document_of`. report: `check.Report.to_json`.

    Raises:
        InputError: there is nothing to explain.
        TooLargeError: too many pages.
    """
    from tracer.papers.explanation import explanation_sheets
    from tracer.papers.pdf import paper

    if not document["explanations"]:
        raise InputError(
            "nothing is unexplained, so there is nothing to print.",
            remedy="Name a material to print where it went.",
        )
    parts = [(document, explanation_sheets(page)) for page in document["explanations"]]
    period = document["period"]
    return paper(
        parts, report, f"What is unexplained: {document['enterprise']}, {period['from']} to {period['to']}"
    )
