"""What became of the goods of each import line, under the book's policy and yield basis: rows that add up.

Used by papers that account to the line of the import declaration (EU and UK bill of discharge, US drawback).
What is in exported products is the exemption statement's figure; what went elsewhere follows the lots where
the policy is SPECIFIC, and receipts by the policy otherwise. What is left is the rest, never a guess: an
import line's parts add up to it exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ledger.vocabulary import Kind, LineRole, Origin
from tracer.allocation import Withdrawal, attribute
from tracer.facts import Facts
from tracer.graph import Position, lineage
from tracer.quantity import nearest, rounded
from tracer.settlement.exemption import (
    ExemptionRow,
    norm_used,
    receipts_of,
    source_line,
    withdrawals_of,
)

OUTCOMES = ("re_exported", "released", "destroyed", "transferred", "lost")
"""Outcomes other than in exported products: re-exported as they came, released for home use (change of
purpose, sale inland), destroyed, moved to another authorisation or contract, lost in processing (rate of
yield only).
"""
_KINDS = {
    Kind.REEXPORT: "re_exported",
    Kind.REPURPOSE: "released",
    Kind.SELL_INLAND: "released",
    Kind.DESTROY: "destroyed",
    Kind.TRANSFER: "transferred",
}
_STATES = {
    "repurposed": "released",
    "sold_inland": "released",
    "destroyed": "destroyed",
    "transferred": "transferred",
}
_EARLIER = "earlier"


@dataclass(slots=True)
class LineOutcome:
    """The goods of one import line, micro-units.

    Attributes:
        placed: declared on the line (of opening stock: what there was).
        not_received: declared and never received. earlier: received or exported in earlier periods.
        in_products: discharged by products that left, by basis and policy.
        other: by `OUTCOMES`.
    """

    line: str
    material: str
    uom: str
    placed: int = 0
    not_received: int = 0
    earlier: int = 0
    in_products: int = 0
    other: dict[str, int] = field(default_factory=dict)

    @property
    def remaining(self) -> int:
        """Neither exported nor gone otherwise: still there, or not accounted for."""
        return self.placed - self.not_received - self.earlier - self.in_products - sum(self.other.values())


def line_outcomes(facts: Facts, rows: Sequence[ExemptionRow]) -> tuple[list[LineOutcome], list[str]]:
    """Every import line that had goods in the period, and what could not be put on a line.

    Args:
        rows: the exemption statement of the same facts.

    Raises:
        InputError: the yield basis lacks what it needs.
    """
    used: dict[tuple[str, str], int] = {(r.material, r.import_line): r.quantity_micro for r in rows}
    result, faults = [], []
    for material in sorted(facts.imported_codes):
        receipts = {r.line: r.quantity_micro for r in receipts_of(facts, material) if r.quantity_micro}
        if facts.book.allocation == "SPECIFIC":
            other, earlier = _by_lots(facts, material)
        else:
            other, rest = _by_receipts(
                facts, material, {k: q for k, q in used.items() if k[0] == material}, rows
            )
            earlier = {}
            faults += [
                f"{micro} of {material} ({name}) that no receipt of the period covers"
                for name, micro in rest.items()
            ]
        for line in sorted({*receipts, *other, *(name for code, name in used if code == material)}):
            result.append(_outcome(
                facts, material, line, received=receipts.get(line, 0),
                in_products=used.get((material, line), 0), other=other.get(line, {}),
                earlier=earlier.get(line, 0)))
    return result, faults


def _outcome(
    facts: Facts, material: str, line: str, *, received: int, in_products: int, other: dict[str, int],
    earlier: int,
) -> LineOutcome:
    one = LineOutcome(line, material, facts.uoms.get(material, ""), in_products=in_products, other=other)
    about = facts.lines.get(line)
    if about is None or about.purpose != LineRole.RECEIVE:
        one.placed = received
        return one
    ever = sum(
        leg.quantity_micro
        for e in facts.receipts.get(material, ())
        if e.line == line
        for leg in e.legs
        if leg.code == material
    )
    one.placed, one.not_received = about.quantity_micro, about.quantity_micro - ever
    one.earlier = earlier if facts.book.allocation == "SPECIFIC" else ever - received
    return one


def _by_lots(facts: Facts, material: str) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Outcomes by import line as the ledger saw the lots."""
    parts: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for position, mixture in facts.lineage.matrix.items():
        state = _state(facts, position)
        if not state:
            continue
        lot = facts.lots.get(position.lot)
        ratio = _by_basis(facts, lot.code, material) if lot and lot.code != material else Fraction(1)
        for source, q in mixture.items():
            for held, share in facts.away.came_back.get(source, {source: Fraction(1)}).items():
                about = facts.lineage.sources[held]
                if about.code == material and about.origin == Origin.IMPORTED:
                    parts[source_line(facts, about)][state] += q * share * ratio
    if facts.book.yield_basis == "EU_RATE_OF_YIELD":
        flow = lineage(facts.book, facts.replay, "physical", facts.norms)
        for position, mixture in flow.matrix.items():
            for source, q in mixture.items() if position.state == "loss" else ():
                about = flow.sources[source]
                if about.code == material and about.origin == Origin.IMPORTED:
                    parts[source_line(facts, about)]["lost"] += q
    whole = {line: rounded(dict(of_line)) for line, of_line in parts.items()}
    return (
        {line: {k: q for k, q in of_line.items() if k != _EARLIER} for line, of_line in whole.items()},
        {line: of_line.get(_EARLIER, 0) for line, of_line in whole.items()},
    )


def _state(facts: Facts, position: Position) -> str:
    if position.state != "exported":
        return _STATES.get(position.state, "")
    line = facts.lines.get(position.line)
    if line is not None and line.purpose == LineRole.RE_EXPORT:
        return "re_exported"
    inside = any(
        facts.book.period.start_ms <= e.occurred.start_ms <= facts.book.period.end_ms
        for e in facts.exit_events.get(position.line, ())
    )
    return "" if inside else _EARLIER


def _by_basis(facts: Facts, product: str, material: str) -> Fraction:
    """Material of a product by the basis, as a share of what the ledger saw go into it."""
    seen = facts.usage.base_ledger.get((product, material))
    return norm_used(facts, product, material) / seen if seen else Fraction(1)


def _by_receipts(
    facts: Facts, material: str, used: dict[tuple[str, str], int], rows: Sequence[ExemptionRow]
) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Outcomes by import line under a policy over receipts, and what no receipt covers."""
    policy, days = facts.book.allocation, facts.book.turnover_days
    by_export: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.material == material:
            for export, q in row.by_export.items():
                by_export[export] += q
    receipts = receipts_of(facts, material)
    others = withdrawals_of(facts, material, {}, "FIFO")  # those alone that went elsewhere than into exports
    whole = withdrawals_of(facts, material, by_export, policy)
    together = len(whole) > len(by_export)
    found = attribute(policy, receipts, whole, days)
    cells = {(line, name): q for (line, name), q in found.cells.items() if name not in by_export}
    rest = {name: q for name, q in found.uncovered.items() if name not in by_export}
    left = {
        line: q - used.get((material, line), 0) for line, q in ((r.line, r.quantity_micro) for r in receipts)
    }
    for (line, _), q in cells.items():
        left[line] -= q
    for withdrawals in ([] if together else others, _losses(facts, material)):
        open_now = [replace(r, quantity_micro=max(0, left[r.line])) for r in receipts]
        more = attribute(policy, open_now, [replace(w, export=True) for w in withdrawals], days)
        cells |= more.cells
        rest |= more.uncovered
        for (line, _), q in more.cells.items():
            left[line] -= q
    result: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (line, name), q in cells.items():
        kind = "lost" if name.startswith("loss:") else _KINDS[facts.by_id[name.removeprefix("other:")].kind]
        result[line][kind] += q
    return {line: dict(of_line) for line, of_line in result.items()}, rest


def _losses(facts: Facts, material: str) -> list[Withdrawal]:
    """What was lost in processing, where the yield basis takes losses off the input first."""
    if facts.book.yield_basis != "EU_RATE_OF_YIELD":
        return []
    share = facts.imported_share.get(material, Fraction(1))
    return [
        Withdrawal(f"loss:{run.event.id}", run.event.occurred.end_ms, nearest(run.loss[material] * share))
        for run in facts.runs
        if run.loss.get(material)
    ]
