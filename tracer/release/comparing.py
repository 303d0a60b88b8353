"""Two periods of a release study: has the wait become shorter, or were there only fewer hard cases?

The difference of the medians, as they are and adjusted to one mix of channels: fewer red ones alone lower a
mean and a median. Each with a confidence interval by the bootstrap, drawn within each channel (domain
reference, section 10). Drawing is seeded by the data, so that the same cases give the same figures.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tracer.moment import HOUR_MS
from tracer.release.cases import FIRST, LAST, Case
from tracer.release.statistics import ROUNDING, two

DRAWS = 1_000
LEVEL = 95
N_MIN = 5
"""Of fewer cases in a channel no median is compared: it is told, and in no difference."""

_AT_ONCE = 4_000_000  # durations drawn at a time, so that memory does not grow with the cases

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Durations in hours, and which of them are of cases that are still open."""

    hours: Floats
    still_open: npt.NDArray[np.bool_]


def compare(before: Sequence[Case], after: Sequence[Case], as_of: tuple[int, int]) -> dict[str, Any]:
    """The way from arrival to the gate in two periods, in calendar hours.

    Args:
        before, after: cases of the earlier and the later period.
        as_of: until when open cases of each have lasted (milliseconds since 1970).

    Returns:
        `channels`: for each channel n, open and median of both periods, and its weight in the mix (its share
        of the earlier period's cases, of those channels that have `N_MIN` cases in both); `difference` and
        `adjusted`: later minus earlier, with `low` and `high` (95 %) and `says`: shorter, longer, or no
        difference beyond chance; `left_out`: channels with too few cases.
    """
    samples = [_samples(cases, end) for cases, end in zip((before, after), as_of, strict=True)]
    every = sorted(samples[0].keys() | samples[1].keys())
    held = [c for c in every if all(c in side and len(side[c].hours) >= N_MIN for side in samples)]
    total = sum(len(samples[0][c].hours) for c in held)
    weights = {c: len(samples[0][c].hours) / total for c in held}
    rows = [{"channel": c, **{side: _told(found.get(c)) for side, found in
                              zip(("before", "after"), samples, strict=True)},
             "weight": two(weights[c]) if c in weights else None} for c in every]
    result: dict[str, Any] = {"channels": rows, "left_out": [c for c in every if c not in held],
                              "draws": DRAWS, "level": LEVEL, "difference": None, "adjusted": None}
    if not held:
        return result
    dice = np.random.default_rng(_seed(samples))
    (one, whole_one), (two_, whole_two) = (_drawn_medians({c: side[c] for c in held}, dice)
                                           for side in samples)
    both = [_both({c: side[c] for c in held}) for side in samples]
    result["difference"] = _interval(_median(both[1]) - _median(both[0]), whole_two - whole_one)
    result["adjusted"] = _interval(
        sum(weights[c] * (_median(samples[1][c]) - _median(samples[0][c])) for c in held),
        np.sum([weights[c] * (two_[c] - one[c]) for c in held], axis=0))
    return result


def _samples(cases: Sequence[Case], as_of_ms: int) -> dict[str, Sample]:
    """Durations by channel, in one order whatever that of the cases: draws are by place."""
    waits: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for case in cases:
        begin, end = case.stages[FIRST].at_ms, case.stages.get(LAST)
        until = as_of_ms if end is None else end.at_ms
        if until > begin:
            waits[case.channel].append(((until - begin) / HOUR_MS, end is None))
    return {channel: Sample(np.array([hours for hours, _ in sorted(one)]),
                            np.array([still for _, still in sorted(one)]))
            for channel, one in waits.items()}


def _told(sample: Sample | None) -> dict[str, Any]:
    if sample is None:
        return {"n": 0, "open": 0, "median": None}
    middle = _median(sample)
    return {"n": int((~sample.still_open).sum()), "open": int(sample.still_open.sum()),
            "median": None if np.isnan(middle) else two(middle)}


def _both(parts: Mapping[str, Sample]) -> Sample:
    return Sample(np.concatenate([p.hours for p in parts.values()]),
                  np.concatenate([p.still_open for p in parts.values()]))


def _drawn_medians(
    parts: Mapping[str, Sample], dice: np.random.Generator,
) -> tuple[dict[str, Floats], Floats]:
    """Medians of `DRAWS` samples of the same size with repetition: of each channel, and of all together."""
    of_parts: dict[str, list[Floats]] = {c: [] for c in parts}
    of_all: list[Floats] = []
    at_once = max(1, _AT_ONCE // sum(len(part.hours) for part in parts.values()))
    for start in range(0, DRAWS, at_once):
        rows = min(at_once, DRAWS - start)
        hours, still = [], []
        for channel, part in parts.items():
            places = dice.integers(0, len(part.hours), size=(rows, len(part.hours)))
            hours.append(part.hours[places])
            still.append(part.still_open[places])
            of_parts[channel].append(_medians(hours[-1], still[-1]))
        of_all.append(_medians(np.concatenate(hours, axis=1), np.concatenate(still, axis=1)))
    return {c: np.concatenate(medians) for c, medians in of_parts.items()}, np.concatenate(of_all)


def _median(sample: Sample) -> float:
    return float(_medians(sample.hours[None, :], sample.still_open[None, :])[0])


def _medians(hours: Floats, still_open: npt.NDArray[np.bool_]) -> Floats:
    """Median of each row; Kaplan-Meier where a row has open cases, NaN where half never left."""
    if not still_open.any():
        return np.asarray(np.median(hours, axis=1))
    n = hours.shape[1]
    order = np.lexsort((still_open, hours), axis=1)  # who left at an hour comes before who was there still
    sorted_hours = np.take_along_axis(hours, order, axis=1)
    left = ~np.take_along_axis(still_open, order, axis=1)
    survival = np.cumprod(1 - left / (n - np.arange(n)), axis=1)
    half = survival <= 0.5 + ROUNDING
    first = half.argmax(axis=1)
    rows = np.arange(len(hours))
    return np.where(half.any(axis=1), sorted_hours[rows, first], np.nan)


def _interval(point: float, drawn: Floats) -> dict[str, Any] | None:
    """A difference with its interval; None where a median cannot be told."""
    told = drawn[~np.isnan(drawn)]
    if np.isnan(point) or len(told) < DRAWS * LEVEL / 100:
        return None
    tail = (100 - LEVEL) / 2
    low, high = np.percentile(told, [tail, 100 - tail])
    says = "shorter" if high < 0 else "longer" if low > 0 else "no difference beyond chance"
    return {"hours": two(point), "low": two(low), "high": two(high), "says": says}


def _seed(samples: Sequence[Mapping[str, Sample]]) -> int:
    text = hashlib.sha256()
    for side in samples:
        for channel in sorted(side):
            text.update(channel.encode())
            text.update(side[channel].hours.tobytes())
            text.update(side[channel].still_open.tobytes())
        text.update(b"|")
    return int.from_bytes(text.digest()[:8], "big")
