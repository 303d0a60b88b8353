"""What people said of findings: explained by the enterprise, confirmed or dismissed by customs.

A statement is about a finding with its figures. Where a later run finds another figure for the same subject,
the statement does not cover it: the finding is open again, and says what was said of the earlier figure.
Statements are never changed or deleted; the latest counts.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["open", "explained", "confirmed", "dismissed"]
STATUSES: tuple[Status, ...] = ("open", "explained", "confirmed", "dismissed")
CLOSED: tuple[Status, ...] = ("confirmed", "dismissed")
REASON_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody said of a finding.

    Attributes:
        finding: its id (`finding_id`). rule, book: of the finding.
        participant: who says so, short id. said_at_s: seconds since 1970 UTC.
        figures: digest of the figures that it is about (`figures_of`).
    """

    finding: str
    rule: str
    book: str
    status: Status
    reason: str
    participant: str
    said_at_s: int
    figures: str


def finding_id(book: str, finding: Mapping[str, Any]) -> str:
    """12 hexadecimal digits that stay the same from run to run: of book, rule, subject and period."""
    text = json.dumps([book, finding["rule"], finding["subject"]["type"], finding["subject"]["id"],
                       finding["period"]["from"], finding["period"]["to"]], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def figures_of(findings: Sequence[Mapping[str, Any]]) -> str:
    """Digest of what the findings of one id say: expected, observed, difference and unit of each."""
    said = sorted(json.dumps([f["expected"], f["observed"], f["difference"], f["uom"]], ensure_ascii=False)
                  for f in findings)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


def with_status(
    book: str, findings: Iterable[Mapping[str, Any]], statements: Mapping[str, Statement],
) -> list[dict[str, Any]]:
    """Findings with `id` and `status`, and where somebody said something `said`: status, reason, by whom,
    when, and whether it was of these figures (`of_these_figures`).

    Args:
        statements: the latest of each finding, by its id.
    """
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    order: list[str] = []
    for finding in findings:
        order.append(finding_id(book, finding))
        groups[order[-1]].append(finding)
    figures = {one: figures_of(group) for one, group in groups.items()}
    taken: dict[str, int] = defaultdict(int)
    result = []
    for one in order:
        finding = groups[one][taken[one]]
        taken[one] += 1
        statement = statements.get(one)
        covers = statement is not None and statement.figures == figures[one]
        row = {**finding, "id": one, "book": book,
               "status": statement.status if statement is not None and covers else "open"}
        if statement is not None:
            row["said"] = {"status": statement.status, "reason": statement.reason,
                           "participant": statement.participant, "said_at_s": statement.said_at_s,
                           "of_these_figures": covers}
        result.append(row)
    return result
