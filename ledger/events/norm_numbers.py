"""A norm anchored with its numbers: what the ledger compares a TRANSFORM with.

The signed DECLARE has a line for the product and one for each material; their units are material ids. The
product's quantity is the base, each material's what the norm allows for it; `reference` packs the terms:
tolerance in 10⁻⁶ (bits 0 to 31), first and last second of validity (32 to 95, 96 to 159). Numbers are public
to those who run nodes, under pseudonymous ids, so an enterprise asks for it with `onChain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ledger.errors import InputError
from ledger.events.content import Norm
from ledger.events.faults import Fault
from ledger.events.ids import NamedMaterial
from ledger.events.lines import LineName, ReadLines
from ledger.events.model import Line
from ledger.events.times import unix_milliseconds
from ledger.vocabulary import MICRO, QUANTITY_MICRO_MAX, Balance, LineRole

SECOND_MAX = 2**64 - 1
_BASE_EXPONENT_MAX = 6


def add_numbers(norm: Norm, product: NamedMaterial, materials: list[NamedMaterial], found: ReadLines) -> None:
    """Add the lines of a norm with numbers, or the faults that stand against them.

    Args:
        norm: as declared.
        product: what it is for.
        materials: of its rows, in their order.
        found: gets the lines.
    """
    base = _base(norm, found)
    if product.material is None or any(m.material is None for m in materials):
        found.faults.append(
            Fault(
                "/cl:norm/enterprise",
                "the key under which this enterprise names its materials is not here.",
                "Only the enterprise, or customs with its key, can anchor its norm with numbers.",
            )
        )
        return
    _add(found, product, base, LineRole.PRODUCT)
    for i, (row, material) in enumerate(zip(norm.lines, materials, strict=True)):
        place = f"/cl:norm/lines/{i}/norm"
        micro = row.norm * base
        if micro == 0:
            found.faults.append(
                Fault(
                    place, "a norm with numbers states how much of the material is used.", "State it."
                )
            )
        elif micro != micro.to_integral_value() or micro > QUANTITY_MICRO_MAX:
            found.faults.append(
                Fault(
                    place,
                    f"{row.norm} cannot be anchored: it has more than twelve decimals or is too large.",
                    "State it for another unit of the product.",
                )
            )
        else:
            _add(found, material, int(micro), LineRole.INPUT)


def terms(norm: Norm, event: Mapping[str, Any], faults: list[Fault]) -> bytes:
    """The signed `reference` of a norm with numbers; whole days count in the event's own zone."""
    zone = str(event["eventTimeZoneOffset"])
    first = _second(norm.valid_from, zone, "/cl:norm/validFrom", faults, last=False)
    final = _second(norm.valid_to, zone, "/cl:norm/validTo", faults, last=True)
    tolerance = norm.tolerance * MICRO
    if norm.tolerance > 1 or tolerance != tolerance.to_integral_value():
        faults.append(
            Fault(
                "/cl:norm/tolerance",
                "the tolerance is a fraction of the norm from 0 to 1, with at most six decimals.",
                "Write 0.03 for 3 %.",
            )
        )
        return bytes(32)
    if first > final:
        faults.append(Fault("/cl:norm/validTo", "the norm ends before it begins.", "Correct the dates."))
    return (int(tolerance) | first << 32 | final << 96).to_bytes(32, "big")


def _base(norm: Norm, found: ReadLines) -> int:
    """The smallest power of ten of the product, in micro-units, for which every row is whole."""
    if len(norm.lines) > 63:
        found.faults.append(
            Fault(
                "/cl:norm/lines",
                f"a norm with numbers has at most 63 materials, this one {len(norm.lines)}.",
                "Anchor it without onChain, or by semi-finished products.",
            )
        )
    decimals = 0
    for row in norm.lines:
        exponent = row.norm.normalize().as_tuple().exponent
        decimals = max(decimals, -exponent if isinstance(exponent, int) else 0)
    base: int = MICRO * 10 ** min(max(decimals - 6, 0), _BASE_EXPONENT_MAX)
    return base


def _add(found: ReadLines, material: NamedMaterial, micro: int, role: LineRole) -> None:
    unit = material.material or bytes(32)
    quantity = Decimal(micro) / MICRO
    line = Line(unit, bytes(32), Balance.NONE, micro, role)
    found.pairs.append((line, LineName(None, material.code, material, material.uom, quantity)))


def _second(text: str, zone: str, place: str, faults: list[Fault], *, last: bool) -> int:
    if not text:
        return SECOND_MAX if last else 0
    try:
        if "T" in text.upper():
            return unix_milliseconds(text) // 1000
        return unix_milliseconds(f"{text}T{'23:59:59' if last else '00:00:00'}{zone}") // 1000
    except InputError as fault:
        faults.append(Fault(place, fault.message, fault.remedy))
        return 0
