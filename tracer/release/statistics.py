"""The figures of one sample of durations. Source: domain reference, section 10.

Percentiles by linear interpolation; outliers beyond 1.5 interquartile ranges (Tukey), counted and shown with
and without; where cases are still open, median and share above a limit by Kaplan-Meier, since leaving them
out would flatter.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

PERCENTILES = (10, 25, 50, 75, 90, 95)
_TUKEY = 1.5
ROUNDING = 1e-12
"""What products of shares may be out by: a half is a half."""


def describe(
    hours: Sequence[float], still_open: Sequence[float] = (), limit_hours: float | None = None
) -> dict[str, Any]:
    """Figures of finished durations, and of those that are still open.

    Args:
        hours: finished, each above zero. still_open: how long open cases have lasted so far.
        limit_hours: a service limit; the share above it is told.

    Returns:
        `n`, `open`, and where anything finished `mean`, `sd` (of the sample), `iqr`, `min`, `max`, `p10` ...
        `p95`, `mode` (the bin with most of them: `from`, `to`, `n`), `outliers`, `mean_without_outliers`;
        `median` over all cases (Kaplan-Meier where some are open; None while fewer than half have finished);
        `over_limit`, the share above the limit, of all cases likewise.
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
        "mode": mode(values, spread),
        "outliers": len(hours) - len(inside),
        "mean_without_outliers": two(inside.mean()),
    }
    if limit_hours is not None:
        found["over_limit"] = two(_still_there(hours, still_open, limit_hours))
    return found


def median(hours: Sequence[float], still_open: Sequence[float]) -> Decimal | None:
    """The time by which half of the cases are through, counting open ones for as long as they have lasted."""
    if not hours:
        return None
    if not still_open:
        return two(np.percentile(np.asarray(hours, dtype=float), 50))
    times, share = _product_limit(hours, still_open)
    reached = np.nonzero(share <= 0.5 + ROUNDING)[0]
    return two(times[reached[0]]) if len(reached) else None


def mode(values: npt.NDArray[np.float64], spread: float) -> dict[str, Any]:
    """The bin that most values are in, the first of several; as wide as Freedman and Diaconis have it."""
    low, high, n = float(values.min()), float(values.max()), len(values)
    width = 2 * spread / n ** (1 / 3) or (high - low) / (np.log2(n) + 1)
    if not width:
        return {"from": two(low), "to": two(high), "n": n}
    places, counts = np.unique(np.floor((values - low) / width), return_counts=True)
    first = low + float(places[counts.argmax()]) * width
    return {"from": two(first), "to": two(first + width), "n": int(counts.max())}


def _still_there(hours: Sequence[float], still_open: Sequence[float], limit: float) -> float:
    """The share of cases that are not through by a limit."""
    times, share = _product_limit(hours, still_open)
    passed = int(np.searchsorted(times, limit, side="right"))
    return float(share[passed - 1]) if passed else 1.0


def _product_limit(
    hours: Sequence[float], still_open: Sequence[float]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Kaplan-Meier: times, and the share of all that is not through after each."""
    from scipy.stats import CensoredData, ecdf  # slow to import

    left = ecdf(
        CensoredData.right_censored([*hours, *still_open], [False] * len(hours) + [True] * len(still_open))
    ).sf
    return left.quantiles, left.probabilities


def two(value: Any) -> Decimal:
    """Two decimals: a statistic of hours is no quantity of goods, and finer than that it says nothing."""
    return Decimal(f"{float(value):.2f}").normalize() + 0
