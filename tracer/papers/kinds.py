"""The papers that can be made of a settled book, by name, and which of them a jurisdiction asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.errors import InputError
from tracer.settlement.sheets import SHEETS, SheetLayout


@dataclass(frozen=True, slots=True)
class PaperKind:
    """A paper.

    Attributes:
        sheets: what its workbook has. printed: what its PDF has, which lists no events.
    """

    name: str
    title: str
    sheets: tuple[SheetLayout, ...]
    printed: tuple[SheetLayout, ...]


def _of(*names: str) -> tuple[SheetLayout, ...]:
    return tuple(sheet for sheet in SHEETS if sheet.name in names)


PAPERS: dict[str, PaperKind] = {
    kind.name: kind
    for kind in (
        PaperKind("settlement", "Settlement report", SHEETS,
                  tuple(sheet for sheet in SHEETS if sheet.name != "Evidence")),
        PaperKind("exemption", "Exemption statement", _of("Exemption", "Claim", "Evidence"),
                  _of("Exemption", "Claim")),
    )
}
"""Every paper."""


def paper_kind(name: str) -> PaperKind:
    """The paper of a name.

    Raises:
        InputError: there is none.
    """
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
    return paper([(document, kind.printed)], report,
                 f"{kind.title}: {document['enterprise']}, {period['from']} to {period['to']}")


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
        raise InputError("nothing is unexplained, so there is nothing to print.",
                         remedy="Name a material to print where it went.")
    parts = [(document, explanation_sheets(page)) for page in document["explanations"]]
    period = document["period"]
    return paper(parts, report,
                 f"What is unexplained: {document['enterprise']}, {period['from']} to {period['to']}")
