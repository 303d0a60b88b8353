"""What an event of the customs profile says beyond EPCIS: declaration lines, norms, counts, losses, seals,
papers.

`read_content` gives it as plain values with exact decimals, for whoever holds an opened payload. It needs
no secrets and no directory. Forms are those of the customs profile schema; faults carry JSON pointers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ledger.errors import InputError, Reason
from ledger.events.faults import Fault, refuse
from ledger.events.ids import name
from ledger.events.quantity import parse_decimal, to_micro, unit_fault
from ledger.vocabulary import LineRole

PURPOSES = {
    role.name: role
    for role in (
        LineRole.RECEIVE,
        LineRole.EXPORT,
        LineRole.RE_EXPORT,
        LineRole.CHANGE_OF_PURPOSE,
        LineRole.TRANSFER_IN,
        LineRole.TRANSFER_OUT,
    )
}
"""`purpose` of a declaration line: what may draw from it."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One line of an import or export declaration, as declared (`cl:declaration`). Absent texts are empty."""

    declaration: str
    line: str
    purpose: LineRole
    code: str
    uom: str
    quantity: Decimal
    direction: str = ""
    regime: str = ""
    description: str = ""
    hs: str = ""
    origin: str = ""
    value: Decimal | None = None
    currency: str = ""
    duty_rate: Decimal | None = None
    partner: str = ""
    original_declaration: str = ""
    original_line: str = ""
    registered_at: str = ""
    enterprise: str = ""


@dataclass(frozen=True, slots=True)
class NormLine:
    """Actual quantity of one material for one unit of product; `loss_rate` is a fraction (0.03 is 3 %)."""

    material: str
    norm: Decimal
    material_uom: str
    flag: str = ""
    loss_rate: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Norm:
    """Norm of a product, valid from and to (dates, inclusive; empty is open).

    `tolerance` is a fraction of the norm that may be used beyond it; `on_chain` anchors it with its numbers,
    so that the ledger compares every TRANSFORM that names it.
    """

    product: str
    product_uom: str
    lines: tuple[NormLine, ...]
    valid_from: str = ""
    valid_to: str = ""
    enterprise: str = ""
    tolerance: Decimal = Decimal(0)
    on_chain: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """One stock found by a count: by lot, or by code alone. `stock` is material, wip, product or scrap."""

    at: str
    stock: str
    code: str
    lot: str
    quantity: Decimal
    uom: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Loss:
    """What was lost in a transformation, by material code."""

    code: str
    quantity: Decimal
    uom: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A document named by type, number and SHA-256 of its file (hex, may be empty)."""

    type: str
    number: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal as found or applied; `type` and `source` are DCSA codes (BLT, WIR, KLP; CAR, SHI, CUS ...).

    `condition` is BROKEN or TAMPERED where it was found so.
    """

    number: str
    type: str = ""
    source: str = ""
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """All of it; None or empty where the event says nothing."""

    declaration: Declaration | None = None
    norm: Norm | None = None
    counts: tuple[Count, ...] = ()
    losses: tuple[Loss, ...] = ()
    papers: tuple[Paper, ...] = ()
    seals: tuple[Seal, ...] = ()
    reason: str = ""


def read_content(event: Mapping[str, Any]) -> Content:
    """The profile's own terms of an event.

    Raises:
        InvalidEventError: a code, unit or number that cannot be used, or a term of the wrong form.
    """
    faults = list(content_faults(event))
    refuse(faults)
    try:
        return _content(event)
    except (KeyError, TypeError, AttributeError, ValueError) as fault:
        raise InputError(f"a term of the customs profile is malformed: {fault!r}.") from fault


def content_faults(event: Mapping[str, Any]) -> Iterator[Fault]:
    """Codes, units and numbers in the profile's terms that cannot be used. Trusts no shape."""
    for place, holder in _holders(event):
        for key in (
            "code",
            "product",
            "material",
            "lot",
            "declaration",
            "line",
            "originalDeclaration",
            "originalLine",
        ):
            if isinstance(holder.get(key), str) and holder[key]:
                yield from _attempt(name, holder[key], f"{place}/{key}")
        for key in ("uom", "productUom", "materialUom"):
            found = unit_fault(holder[key]) if key in holder else None
            if found:
                yield Fault(f"{place}/{key}", *found, Reason.UNKNOWN_UNIT_OF_MEASURE)
        for key in ("quantity", "value", "norm", "dutyRate", "lossRate", "tolerance"):
            if key in holder and not isinstance(holder[key], dict):
                yield from _attempt(_amount(key), holder[key], f"{place}/{key}")


def _amount(key: str) -> Callable[[Any], object]:
    if key == "quantity":
        return lambda value: to_micro(parse_decimal(value))
    return parse_decimal


def _attempt(check: Callable[[Any], object], value: Any, place: str) -> Iterator[Fault]:
    try:
        check(value)
    except InputError as fault:
        yield Fault.of(place, fault)


def _holders(event: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key in ("cl:declaration", "cl:norm", "cl:amount"):
        if isinstance(event.get(key), dict):
            yield f"/{key}", event[key]
    norm = event.get("cl:norm")
    lists = [
        ("/cl:counts", event.get("cl:counts")),
        ("/cl:loss", event.get("cl:loss")),
        ("/cl:norm/lines", norm.get("lines") if isinstance(norm, dict) else None),
    ]
    for place, items in lists:
        for i, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict):
                yield f"{place}/{i}", item
    for i, item in enumerate(event["cl:lines"] if isinstance(event.get("cl:lines"), list) else []):
        if isinstance(item, dict) and isinstance(item.get("material"), dict):
            yield f"/cl:lines/{i}/material", item["material"]


def _content(event: Mapping[str, Any]) -> Content:
    declaration = event.get("cl:declaration")
    norm = event.get("cl:norm")
    return Content(
        declaration=_declaration(declaration) if declaration else None,
        norm=_norm(norm) if norm else None,
        counts=tuple(
            Count(
                c["at"],
                c["stock"],
                c.get("code", ""),
                c.get("lot", ""),
                parse_decimal(c["quantity"]),
                c["uom"],
                c.get("place", ""),
            )
            for c in event.get("cl:counts", ())
        ),
        losses=tuple(
            Loss(x["code"], parse_decimal(x["quantity"]), x["uom"]) for x in event.get("cl:loss", ())
        ),
        papers=tuple(
            Paper(p["type"], p["number"], p.get("sha256", "")) for p in event.get("cl:documents", ())
        ),
        seals=tuple(
            Seal(s["number"], s.get("type", ""), s.get("source", ""), s.get("condition", ""))
            for s in event.get("cl:seals", ())
        ),
        reason=event.get("cl:reason", ""),
    )


def _declaration(value: Mapping[str, Any]) -> Declaration:
    return Declaration(
        declaration=value["declaration"],
        line=value["line"],
        purpose=PURPOSES[value["purpose"]],
        code=value["code"],
        uom=value["uom"],
        quantity=parse_decimal(value["quantity"]),
        direction=value.get("direction", ""),
        regime=value.get("regime", ""),
        description=value.get("description", ""),
        hs=value.get("hs", ""),
        origin=value.get("origin", ""),
        value=_optional(value.get("value")),
        currency=value.get("currency", ""),
        duty_rate=_optional(value.get("dutyRate")),
        partner=value.get("partner", ""),
        original_declaration=value.get("originalDeclaration", ""),
        original_line=value.get("originalLine", ""),
        registered_at=value.get("registeredAt", ""),
        enterprise=value.get("enterprise", ""),
    )


def _norm(value: Mapping[str, Any]) -> Norm:
    return Norm(
        product=value["product"],
        product_uom=value["productUom"],
        valid_from=value.get("validFrom", ""),
        valid_to=value.get("validTo", ""),
        enterprise=value.get("enterprise", ""),
        tolerance=parse_decimal(value.get("tolerance", 0)),
        on_chain=value.get("onChain", False),
        lines=tuple(
            NormLine(
                x["material"],
                parse_decimal(x["norm"]),
                x["materialUom"],
                x.get("flag", ""),
                parse_decimal(x.get("lossRate", 0)),
            )
            for x in value["lines"]
        ),
    )


def _optional(value: Any) -> Decimal | None:
    return None if value is None else parse_decimal(value)
