"""Which receipts a withdrawal came from, where physical identity does not say: accounting policies.

SPECIFIC uses the lots that the ledger saw (see `graph`); the others run over receipts. The policy of a
material is fixed for a period; a settlement names it. Sources: domain reference section 5; for
VN_EXPORT_RATIO Circular 38/2015 Art. 60.2.a; for the three low-to-high methods 19 CFR 190.14.

- FIFO, LIFO: earliest and latest acceptance of the declaration first.
- AVERAGE, VN_EXPORT_RATIO: pro rata over all receipts of the period (the total of VN_EXPORT_RATIO comes from
  `vn_export_ratio`).
- LOW_TO_HIGH (ordinary): least duty first, over all receipts and all withdrawals.
- LOW_TO_HIGH_TURNOVER: only withdrawals for export count, each from receipts within the average inventory
  turn-over period before it.
- LOW_TO_HIGH_BLANKET: the same with a look-back of 180 days.

Where the domain reference is silent: a receipt can be taken from the moment its declaration was accepted;
opening stock has no date, so the two methods with a look-back never take it. A receipt whose duty is not
known has no rank among the others: the low-to-high methods take it first, since it frees nothing there, and
so never free more than by its true rank. A settlement names what was taken in this way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from ledger.errors import InputError
from ledger.quick import quick
from tracer.moment import DAY_MS

RANKED = "LOW_TO_HIGH"
"""How the names of policies begin that rank receipts by their duty."""
LOOK_BACK = ("LOW_TO_HIGH_TURNOVER", "LOW_TO_HIGH_BLANKET")
"""Policies that look at export withdrawals alone, and back over a window of days."""
POLICIES = ("SPECIFIC", "FIFO", "LIFO", "AVERAGE", "LOW_TO_HIGH", *LOOK_BACK, "VN_EXPORT_RATIO")
ACE_METHOD = {"SPECIFIC": "01", "FIFO": "02", "LIFO": "03", "LOW_TO_HIGH": "04", "LOW_TO_HIGH_TURNOVER": "05",
              "LOW_TO_HIGH_BLANKET": "06", "AVERAGE": "07", "VN_EXPORT_RATIO": "08"}
"""Method codes of ACE, the US customs system."""
BLANKET_DAYS = 180
_PRO_RATA = ("AVERAGE", "VN_EXPORT_RATIO")


@quick
@dataclass(frozen=True, slots=True)
class Receipt:
    """Goods available under one import line.

    Attributes:
        line: key of the import line, or a name for opening stock.
        accepted_ms: when the declaration was accepted; opening stock comes first with 0.
        quantity_micro: what of it may be taken.
        duty_per_unit: duty on one unit of measure, for the low-to-high methods; None where it is not known,
            which is not the same as free of duty.
    """

    line: str
    accepted_ms: int
    quantity_micro: int
    duty_per_unit: Fraction | None = None


@quick
@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Goods that left: for export (then a claim rests on it) or otherwise (then it only uses stock up)."""

    name: str
    at_ms: int
    quantity_micro: int
    export: bool = True


@dataclass(slots=True)
class Attribution:
    """Receipts by withdrawals, in micro-units: one sparse matrix.

    `backward` is a column of it and `forward` a row, so that they are transposes of each other. A row with
    what was left of the receipt adds up to the receipt; a column with what no receipt could cover adds up to
    the withdrawal.

    Attributes:
        cells: quantity by (import line, withdrawal).
        left: what nobody took, by import line. uncovered: what no receipt covered, by withdrawal.
    """

    cells: dict[tuple[str, str], int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    uncovered: dict[str, int] = field(default_factory=dict)

    def backward(self, withdrawal: str) -> dict[str, int]:
        """Import lines that a withdrawal came from."""
        return {line: q for (line, name), q in self.cells.items() if name == withdrawal}

    def forward(self, line: str) -> dict[str, int]:
        """Withdrawals that an import line went into."""
        return {name: q for (key, name), q in self.cells.items() if key == line}


def allocate(policy: str, receipts: Sequence[Receipt], quantity_micro: int) -> dict[str, int]:
    """Spread one withdrawal over receipts, whatever their dates.

    Args:
        policy: FIFO, LIFO, AVERAGE (pro rata, also VN_EXPORT_RATIO once its total is known) or a low-to-high
            method (least duty first; its window has been applied to the receipts by then).
        receipts: what was available.
        quantity_micro: what was withdrawn, micro-units; what exceeds all receipts stays unallocated.

    Returns:
        Micro-units by line, lines without a part left out; adds up to the withdrawal or to all receipts.

    Raises:
        InputError: SPECIFIC (needs lineage, not receipts) or an unknown policy.
    """
    if policy in _PRO_RATA:
        total = sum(r.quantity_micro for r in receipts)
        taken = min(quantity_micro, total)
        ordered = sorted(receipts, key=lambda r: (r.accepted_ms, r.line))
        if not taken:
            return {}
        # Largest remainder over one denominator, in whole numbers: fractions are slow to compare.
        parts = [divmod(taken * r.quantity_micro, total) for r in ordered]
        short = taken - sum(whole for whole, _ in parts)
        up = set(sorted(range(len(parts)), key=lambda i: (-parts[i][1], i))[:short])
        shares = [whole + (i in up) for i, (whole, _) in enumerate(parts)]
        return {r.line: share for r, share in zip(ordered, shares, strict=True) if share}
    if policy == "FIFO":
        ordered = sorted(receipts, key=lambda r: (r.accepted_ms, r.line))
    elif policy == "LIFO":
        ordered = sorted(receipts, key=lambda r: (-r.accepted_ms, r.line))
    elif policy == RANKED or policy in LOOK_BACK:
        ordered = sorted(receipts, key=lambda r: (
            r.duty_per_unit is not None, r.duty_per_unit or Fraction(0), r.accepted_ms, r.line))
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


def attribute(policy: str, receipts: Sequence[Receipt], withdrawals: Iterable[Withdrawal],
              turnover_days: int | None = None) -> Attribution:
    """Spread all withdrawals of a material over its receipts, in the order of time.

    Args:
        policy: any but SPECIFIC.
        receipts: by line, each line once.
        withdrawals: names are unique. Under a policy that counts exports alone, and under a pro rata policy,
            the others are left aside.
        turnover_days: average inventory turn-over period, for LOW_TO_HIGH_TURNOVER.

    Raises:
        InputError: SPECIFIC, an unknown policy, or no turn-over period where the policy needs one.
    """
    window = window_ms(policy, turnover_days)
    left = {r.line: r.quantity_micro for r in receipts}
    result = Attribution(left=left)
    cells: dict[tuple[str, str], int] = defaultdict(int)
    for one in sorted(withdrawals, key=lambda w: (w.at_ms, w.name)):
        if not one.export and (policy in _PRO_RATA or policy in LOOK_BACK):
            continue
        open_now = [Receipt(r.line, r.accepted_ms, left[r.line], r.duty_per_unit) for r in receipts
                    if left[r.line] > 0 and (policy in _PRO_RATA or r.accepted_ms <= one.at_ms)
                    and (window is None or r.accepted_ms >= one.at_ms - window)]
        parts = allocate(policy, open_now, one.quantity_micro)
        for line, q in parts.items():
            cells[line, one.name] += q
            left[line] -= q
        rest = one.quantity_micro - sum(parts.values())
        if rest:
            result.uncovered[one.name] = rest
    result.cells = dict(cells)
    return result


def window_ms(policy: str, turnover_days: int | None) -> int | None:
    """How far back a policy looks, in milliseconds; None where it looks at everything.

    Raises:
        InputError: LOW_TO_HIGH_TURNOVER without its period.
    """
    if policy == "LOW_TO_HIGH_BLANKET":
        return BLANKET_DAYS * DAY_MS
    if policy != "LOW_TO_HIGH_TURNOVER":
        return None
    if turnover_days is None:
        raise InputError("LOW_TO_HIGH_TURNOVER needs the average inventory turn-over period in days.",
                         remedy="Add turnover_days to book.toml, or name --turnover-days.")
    return turnover_days * DAY_MS


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
