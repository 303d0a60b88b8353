"""Findings in the order in which a look at them pays: duty at risk times how often such were confirmed.

How often is learnt from what people closed: confirmed and dismissed findings of the same rule, with one of
each added, so that a rule that nobody has judged yet stands at one half and the first judgement does not
decide. The raw list stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tracer.finding import SEVERITIES
from tracer.quantity import ratio_text

SUGGESTED: Mapping[str, str] = {
    "B": "stock-take", "N": "stock-take", "X": "inspect", "O": "inspect", "C": "hold", "S": "inspect",
    "W": "weigh", "T": "ask", "L": "inspect", "U": "ask", "P": "ask", "D": "inspect"}
"""Which control a rule of each family suggests: inspect, weigh, hold, stock-take, or ask for papers first."""


def confirmed_shares(closed: Iterable[tuple[str, str]]) -> dict[str, tuple[int, int]]:
    """Per rule how many of its findings were confirmed and how many dismissed.

    Args:
        closed: rule and status of each finding that people closed.
    """
    found: dict[str, tuple[int, int]] = {}
    for rule, status in closed:
        yes, no = found.get(rule, (0, 0))
        found[rule] = (yes + (status == "confirmed"), no + (status == "dismissed"))
    return found


def ranked(
    findings: Iterable[Mapping[str, Any]], closed: Mapping[str, tuple[int, int]],
) -> list[dict[str, Any]]:
    """Open findings with `chance` (share confirmed, and of how many), `expected_duty` and `suggested`, the
    highest expected duty first; those without money by gravity.
    """
    rows = []
    for finding in findings:
        if finding["status"] not in ("open", "explained"):
            continue
        yes, no = closed.get(finding["rule"], (0, 0))
        chance = Fraction(yes + 1, yes + no + 2)
        duty = finding.get("duty_at_risk")
        expected = None if duty is None else Fraction(Decimal(duty)) * chance
        order = (-(expected or 0), -SEVERITIES.index(finding["severity"]), finding["rule"],
                 finding["subject"]["id"])
        rows.append((order, {
            **finding, "chance": ratio_text(Fraction(round(chance * 1000), 1000)), "judged": yes + no,
            "expected_duty": None if expected is None else str(round(expected)),
            "suggested": SUGGESTED[finding["rule"][0]]}))
    return [row for _, row in sorted(rows, key=lambda r: r[0])]
