"""Which receipts a withdrawal came from, where physical identity does not say: accounting policies.

SPECIFIC uses the lots that the ledger saw (see `graph`); the others run over receipts in order. The policy
of a material is fixed for a period; a settlement names it. Sources: domain reference section 5; for
VN_EXPORT_RATIO Circular 38/2015 Art. 60.2.a.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ledger.errors import InputError
from tracer.quantity import largest_remainder

POLICIES = ("SPECIFIC", "FIFO", "LIFO", "AVERAGE", "LOW_TO_HIGH", "VN_EXPORT_RATIO")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Goods available under one import line.

    Attributes:
        line: key of the import line, or a name for opening stock.
        accepted_ms: when the declaration was accepted; opening stock comes first with 0.
        quantity_micro: what of it may be taken.
        duty_per_unit: duty on one unit of measure, for LOW_TO_HIGH.
    """

    line: str
    accepted_ms: int
    quantity_micro: int
    duty_per_unit: Fraction = Fraction(0)


def allocate(policy: str, receipts: Sequence[Receipt], quantity_micro: int) -> dict[str, int]:
    """Spread a withdrawal over receipts.

    Args:
        policy: FIFO, LIFO, AVERAGE (pro rata, also VN_EXPORT_RATIO once its total is known) or LOW_TO_HIGH
            (ordinary:
            least duty first).
        receipts: what was available.
        quantity_micro: what was withdrawn, micro-units; what exceeds all receipts stays unallocated.

    Returns:
        Micro-units by line, lines without a part left out; adds up to the withdrawal or to all receipts.

    Raises:
        InputError: SPECIFIC (needs lineage, not receipts) or an unknown policy.
    """
    if policy in ("AVERAGE", "VN_EXPORT_RATIO"):
        total = sum(r.quantity_micro for r in receipts)
        taken = min(quantity_micro, total)
        ordered = sorted(receipts, key=lambda r: (r.accepted_ms, r.line))
        parts = [Fraction(taken * r.quantity_micro, total) if total else Fraction(0) for r in ordered]
        return {r.line: q for r, q in zip(ordered, largest_remainder(parts, taken), strict=True) if q}
    if policy == "FIFO":
        ordered = sorted(receipts, key=lambda r: (r.accepted_ms, r.line))
    elif policy == "LIFO":
        ordered = sorted(receipts, key=lambda r: (-r.accepted_ms, r.line))
    elif policy == "LOW_TO_HIGH":
        ordered = sorted(receipts, key=lambda r: (r.duty_per_unit, r.accepted_ms, r.line))
    else:
        raise InputError(
            f"{policy!r} does not allocate receipts.", remedy=f"Choose one of {', '.join(POLICIES[1:])}."
        )
    result: dict[str, int] = {}
    left = quantity_micro
    for receipt in ordered:
        part = min(left, receipt.quantity_micro)
        if part > 0:
            result[receipt.line] = part
            left -= part
    return result


def vn_export_ratio(issued_imported: Fraction, exported: Fraction, output: Fraction) -> Fraction:
    """Imported material properly used where sources are commingled: issued imported, times exported over
    output.

    Raises:
        InputError: nothing was produced.

    Source: Circular 38/2015 Art. 60.2.a as amended by 39/2018.
    """
    if output <= 0:
        raise InputError("the export ratio needs output; none was obtained.")
    return issued_imported * exported / output
