"""The ratio score of a book in a period: failed over tested, weighted by gravity, 0 to 1000.

`score = min(1000, 1000 x SUM(ratio_i x w_i) / SUM(w_i) + 20 x combinations)` over the checks that could be
made (domain reference, 11.3; a default without legal force). It counts shares, not numbers, so that a large
enterprise does not always rank worst. What could not be tested is in neither sum, since it is no pass, and is
listed beside the score: a score of few checks says little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tracer.quantity import ratio_text

WEIGHTS: Mapping[str, int] = {"critical": 10, "high": 10, "medium": 3, "low": 1, "info": 1}
"""Weight of a check by the gravest of its findings."""

CLEAN_WEIGHT = 3
"""Weight of a check that found nothing: that of a medium one, since its gravity did not show."""

COMBINATION_POINTS = 20
SCORE_MAX = 1000

BANDS = ((50, "very low"), (100, "low"), (300, "medium"), (600, "high"), (SCORE_MAX + 1, "very high"))
"""Upper end (not included) and name of each band."""

Finding = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Combination:
    """Findings that together say more than each alone (domain reference, 7.11).

    Attributes:
        rules: all of them must have found something. what: what it looks like.
        holds: whether these findings are of the kind meant; None where any are.
        unknown: a further sign that is asked for and that a book cannot show; then it never counts, and says
            so.
    """

    rules: tuple[str, ...]
    what: str
    holds: Callable[[Mapping[str, Sequence[Finding]]], bool] | None = None
    unknown: str = ""


def _short_and_over_issued(found: Mapping[str, Sequence[Finding]]) -> bool:
    """The same material is missing from stock and was issued beyond what the norms explain."""
    short = {f["subject"]["id"] for f in found["B2"] if _sign(f) < 0}
    over = {f["subject"]["id"] for f in found["N1"] if _sign(f) > 0}
    return bool(short & over)


def _sign(finding: Finding) -> int:
    difference = Decimal(finding.get("difference") or 0)
    return (difference > 0) - (difference < 0)


COMBINATIONS = (
    Combination(("B2", "N1", "D4"), "material missing, issued beyond the norms, and scrap sold at the price "
                "of good material", _short_and_over_issued),
    Combination(("X2", "X4", "X7"), "exports that could not be made, never left, on papers used twice"),
    Combination(("O1", "O3", "O6"), "goods that pass unchanged and fast to where such goods are charged"),
    Combination(("B8", "B3"), "adjustments and openings that do not follow from closings",
                unknown="whether the report was amended late"),
)


def score_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """The score of a report (`check.Report.to_json`), with every term of it.

    Returns:
        `score` (decimal text, three places), `band`, `checks` (those that failed, the heaviest first: rule,
        tested, failed, ratio, weight, points), `clean` and `not_evaluable` (how many, and which rules could
        test nothing), `combinations`. `score` is None where nothing could be tested.
    """
    gravest: dict[str, int] = {}
    by_rule: dict[str, list[Finding]] = {}
    for finding in report["findings"]:
        weight = WEIGHTS[finding["severity"]]
        gravest[finding["rule"]] = max(weight, gravest.get(finding["rule"], 0))
        by_rule.setdefault(finding["rule"], []).append(finding)
    tested = [rule for rule in report["rules"] if rule["tested"]]
    weights = {rule["rule"]: gravest.get(rule["rule"], CLEAN_WEIGHT) for rule in tested}
    whole = sum(weights.values())
    checks = []
    total = Fraction(0)
    for rule in tested:
        if not rule["failed"]:
            continue
        ratio = Fraction(min(rule["failed"], rule["tested"]), rule["tested"])
        points = SCORE_MAX * ratio * weights[rule["rule"]] / whole
        total += points
        checks.append((points, {
            "rule": rule["rule"], "title": rule["title"], "tested": rule["tested"], "failed": rule["failed"],
            "ratio": ratio_text(ratio), "weight": weights[rule["rule"]], "points": _points(points)}))
    combinations = [_combination(one, by_rule) for one in COMBINATIONS if set(one.rules) <= by_rule.keys()]
    total += COMBINATION_POINTS * sum(one["counts"] for one in combinations)
    score = min(Fraction(SCORE_MAX), total)
    return {
        "score": _points(score) if tested else None,
        "band": next(name for end, name in BANDS if score < end) if tested else None,
        "checks": [check for _, check in sorted(checks, key=lambda c: (-c[0], c[1]["rule"]))],
        "clean": sum(not rule["failed"] for rule in tested),
        "not_evaluable": sorted(rule["rule"] for rule in report["rules"] if not rule["tested"]),
        "combinations": combinations,
    }


def duty_at_risk(findings: Sequence[Finding]) -> str:
    """Duty at risk of a report, in the currency of its findings. Several rules may speak of one shortage: of
    each subject the highest figure counts, once.
    """
    highest: dict[tuple[str, str], Decimal] = {}
    for finding in findings:
        if finding.get("duty_at_risk") is not None:
            subject = (finding["subject"]["type"], finding["subject"]["id"])
            highest[subject] = max(highest.get(subject, Decimal(0)), Decimal(finding["duty_at_risk"]))
    return str(sum(highest.values(), Decimal(0)))


def currency_of(findings: Sequence[Finding]) -> str:
    """Currencies of the duty in findings, as they are kept; one for the findings of one book."""
    stated = {f.get("currency") or "" for f in findings if f.get("duty_at_risk") is not None}
    return " / ".join(sorted(stated - {""}))


def _combination(one: Combination, found: Mapping[str, Sequence[Finding]]) -> dict[str, Any]:
    counts = not one.unknown and (one.holds is None or one.holds(found))
    return {"rules": list(one.rules), "what": one.what, "counts": counts,
            "points": COMBINATION_POINTS if counts else 0, "unknown": one.unknown}


def _points(value: Fraction) -> str:
    return ratio_text(Fraction(round(value * 1000), 1000))
