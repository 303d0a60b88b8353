"""The figures of one sample of durations. Source: domain reference, section 10.

Percentiles by linear interpolation; outliers beyond 1.5 interquartile ranges (Tukey), counted and shown with
and without; where cases are still open, the Kaplan-Meier median, since leaving them out would flatter.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

PERCENTILES = (10, 25, 50, 75, 90, 95)
_TUKEY = 1.5


def describe(
    hours: Sequence[float], still_open: Sequence[float] = (), limit_hours: float | None = None
) -> dict[str, Any]:
    """Figures of finished durations, and of those that are still open.

    Args:
        hours: finished, each above zero. still_open: how long open cases have lasted so far.
        limit_hours: a service limit; the share above it is told.

    Returns:
        `n`, `open`, and where anything finished `mean`, `sd` (of the sample), `iqr`, `min`, `max`, `p10` ...
        `p95`, `outliers`, `mean_without_outliers`; `median` over all cases (Kaplan-Meier where some are open;
        None while fewer than half have finished); `over_limit`, the share of finished cases above the limit.
    """
    found: dict[str, Any] = {"n": len(hours), "open": len(still_open), "median": median(hours, still_open)}
    if not hours:
        return found
    values = np.asarray(hours, dtype=float)
    at = dict(zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True))
    spread = float(at[75] - at[25])
    inside = values[(values >= at[25] - _TUKEY * spread) & (values <= at[75] + _TUKEY * spread)]
    found |= {
        "mean": two(values.mean()),
        "sd": two(values.std(ddof=1)) if len(hours) > 1 else None,
        "iqr": two(spread),
        "min": two(values.min()),
        "max": two(values.max()),
        **{f"p{p}": two(value) for p, value in at.items()},
        "outliers": len(hours) - len(inside),
        "mean_without_outliers": two(inside.mean()),
    }
    if limit_hours is not None:
        found["over_limit"] = two((values > limit_hours).mean())
    return found


def median(hours: Sequence[float], still_open: Sequence[float]) -> Decimal | None:
    """The time by which half of the cases are through, counting open ones for as long as they have lasted."""
    if not hours:
        return None
    if not still_open:
        return two(np.percentile(np.asarray(hours, dtype=float), 50))
    from scipy.stats import CensoredData, ecdf  # slow to import

    left = ecdf(
        CensoredData.right_censored([*hours, *still_open], [False] * len(hours) + [True] * len(still_open))
    ).sf
    reached = np.nonzero(left.probabilities <= 0.5)[0]
    return two(left.quantiles[reached[0]]) if len(reached) else None


def two(value: Any) -> Decimal:
    """Two decimals: a statistic of hours is no quantity of goods, and finer than that it says nothing."""
    return Decimal(f"{float(value):.2f}").normalize() + 0
