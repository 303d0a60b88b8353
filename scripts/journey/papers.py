"""Events about papers: declarations, clearance, channels, norms, manifests, contracts."""

# ruff: noqa: PLR0917 - rows of a story read best as rows
from __future__ import annotations

import hashlib
from decimal import Decimal

from journey.documents import Event, Story, drawn_from, event_id, line_urn, make
from journey.world import (
    AT_GARMENT,
    AT_INLAND_OFFICE,
    AT_PORT_OFFICE,
    AT_SPORTS,
    BOOK_GARMENT,
    BOOK_SPORTS,
    CUSTOMS_INLAND,
    CUSTOMS_PORT,
    GARMENT,
    GOODS,
    LINES,
    NORMS,
    DeclarationLine,
)

HOME = {GARMENT: AT_GARMENT, "an-khe-sportswear": AT_SPORTS}
BOOK = {GARMENT: BOOK_GARMENT, "an-khe-sportswear": BOOK_SPORTS}
OFFICE = {CUSTOMS_PORT: AT_PORT_OFFICE, CUSTOMS_INLAND: AT_INLAND_OFFICE}


def paper(kind: str, number: str) -> list[dict[str, str]]:
    """`cl:documents` with one paper; its hash stands for the scanned file."""
    return [
        {"type": kind, "number": number, "sha256": hashlib.sha256(f"{kind} {number}".encode()).hexdigest()}
    ]


def lines_of(declaration: str) -> list[DeclarationLine]:
    """All lines of a declaration."""
    return [x for x in LINES if x.declaration == declaration]


def declare_line(line: DeclarationLine) -> Event:
    """The enterprise registers one line of a declaration."""
    return make(
        "DECLARE",
        f"declare-{line.declaration}-{line.line}",
        line.registered,
        HOME[line.owner],
        epcList=[line_urn(line.declaration, line.line)],
        cl_book=BOOK[line.owner],
        cl_declaration=line.content(),
        bizStep="other",
    )


def clear_line(line: DeclarationLine, office: str) -> Event:
    """Customs clears one line at the version declared."""
    return make(
        "CLEAR",
        f"clear-{line.declaration}-{line.line}",
        line.cleared,
        OFFICE[office],
        epcList=[line_urn(line.declaration, line.line)],
        cl_reference=event_id(line.owner, line.registered[:10], f"declare-{line.declaration}-{line.line}"),
    )


def declare(story: Story, declaration: str) -> None:
    """The document with which a declaration is registered."""
    lines = lines_of(declaration)
    story.post(
        lines[0].owner, f"declare-{lines[0].regime}-{declaration[-4:]}", *[declare_line(x) for x in lines]
    )


def clear(story: Story, declaration: str, office: str) -> None:
    """The document with which customs clears a declaration."""
    lines = lines_of(declaration)
    story.post(office, f"clear-{lines[0].regime}-{declaration[-4:]}", *[clear_line(x, office) for x in lines])


def channel(declaration: str, at: str, office: str, colour: str, reason: str) -> Event:
    """Customs assigns the inspection channel of a declaration."""
    return make(
        "OBSERVE",
        f"channel-{declaration}",
        at,
        OFFICE[office],
        cl_step="CHANNEL",
        epcList=[line_urn(declaration, x.line) for x in lines_of(declaration)],
        cl_channel=colour,
        cl_channelReason=reason,
    )


def document_check(declaration: str, at: str, office: str) -> Event:
    """Customs ends its check of the papers of a declaration."""
    return make(
        "OBSERVE",
        f"document-check-{declaration}",
        at,
        OFFICE[office],
        cl_step="DOC_CHECK",
        epcList=[line_urn(declaration, x.line) for x in lines_of(declaration)],
    )


def duty_paid(declaration: str, line: int, at: str, office: str, dong: str) -> Event:
    """Customs states that duty and VAT of a line were paid."""
    return make(
        "OBSERVE",
        f"duty-paid-{declaration}",
        at,
        OFFICE[office],
        cl_step="DUTY_PAID",
        epcList=[line_urn(declaration, line)],
        bizTransactionList=drawn_from(declaration, line),
        cl_amount={"value": dong, "currency": "VND"},
    )


def norm_content(product: str, factor: Decimal = Decimal(1), only: str = "") -> dict[str, object]:
    """`cl:norm` of a product; `factor` multiplies the norm of material `only`."""
    rows = []
    for row in NORMS:
        if row.product == product:
            value = Decimal(row.norm) * (factor if row.material == only else 1)
            rows.append(
                {
                    "material": row.material,
                    "norm": f"{value.normalize():f}",
                    "flag": row.flag,
                    "materialUom": GOODS[row.material].uom,
                    "lossRate": row.loss_rate,
                }
            )
    return {
        "product": product,
        "productUom": GOODS[product].uom,
        "validFrom": "2025-01-01",
        "validTo": "2025-12-31",
        "lines": rows,
    }


def norm(product: str, owner: str, at: str) -> Event:
    """The enterprise states the norm of a product."""
    return make(
        "DECLARE",
        f"norm-{product}",
        at,
        HOME[owner],
        cl_step="NORM",
        cl_book=BOOK[owner],
        epcList=[f"https://{owner}.example/norms/{product}/2025"],
        cl_norm=norm_content(product),
    )


def anchor(step: str, label: str, at: str, place: str, kind: str, number: str, poster: str) -> Event:
    """A manifest, contract or other document is anchored by its hash."""
    return make(
        "DECLARE",
        label,
        at,
        place,
        cl_step=step,
        epcList=[f"https://{poster}.example/documents/{number}"],
        cl_documents=paper(kind, number),
    )
