"""How full it was: how many units stood there (backlog), whether more came than left (congestion), and when
most did (peak). Source: domain reference, section 10. Of the units of a study alone: what arrived before its
period stands in no figure.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tracer.moment import HOUR_MS, iso, iso_day
from tracer.release.cases import FIRST, LAST, Case
from tracer.release.clock import DAYS
from tracer.release.statistics import median, two


def traffic(cases: Sequence[Case], as_of_ms: int, offset: str) -> dict[str, Any]:
    """Backlog, congestion and peak of the units of a study, by the calendar.

    Returns:
        `backlog`: units there `now`, the `most` at once and `at` when, the `mean` over all the time, and
        `days`: of each day on which something came or left, how many `arrived`, `left` and were `there` at
        its end.
        `congestion`: `days` on which more came than left, the `longest` run of days one after the other, and
        the median hours of units that found more units there than `usual` (`crowded`) and of the others
        (`free`), each with `n` and `open`.
        `peak`: for `arrive` and `gate_out` the `weekday` and the `hour` of most of them, with their number.
    """
    stays = [(case.stages[FIRST].at_ms, case.stages[LAST].at_ms if LAST in case.stages else None)
             for case in cases]
    stays = [(begin, end) for begin, end in stays if end is None or end > begin]  # the others are errors
    if not stays:
        return {"backlog": None, "congestion": None, "peak": None}
    came = sorted(begin for begin, _ in stays)
    left = sorted(end for _, end in stays if end is not None)
    days = _days(came, left, offset)
    return {"backlog": _backlog(came, left, as_of_ms, offset) | {"days": days},
            "congestion": _congestion(days) | _crowded(stays, came, left, as_of_ms),
            "peak": {FIRST: _peak(came, offset), LAST: _peak(left, offset)}}


def _there(came: Sequence[int], left: Sequence[int], at_ms: int) -> int:
    """Units that had come before a moment and not left by it."""
    return bisect_left(came, at_ms) - bisect_right(left, at_ms)


def _backlog(came: Sequence[int], left: Sequence[int], as_of_ms: int, offset: str) -> dict[str, Any]:
    most, at = max((_there(came, left, begin) + bisect_right(came, begin) - bisect_left(came, begin), -begin)
                   for begin in came)
    spent = sum(left) - sum(came) + as_of_ms * (len(came) - len(left))
    until = as_of_ms if len(left) < len(came) else left[-1]
    return {"now": len(came) - len(left), "most": most, "at": iso(-at, offset),
            "mean": two(Fraction(spent, max(until - came[0], 1)))}


def _days(came: Sequence[int], left: Sequence[int], offset: str) -> list[dict[str, Any]]:
    arrived = Counter(iso_day(at, offset) for at in came)
    gone = Counter(iso_day(at, offset) for at in left)
    rows, there = [], 0
    for day in sorted(arrived | gone):
        there += arrived[day] - gone[day]
        rows.append({"day": day, "arrived": arrived[day], "left": gone[day], "there": there})
    return rows


def _congestion(days: Sequence[dict[str, Any]]) -> dict[str, Any]:
    full = [date.fromisoformat(row["day"]) for row in days if row["arrived"] > row["left"]]
    run = longest = 0
    for place, day in enumerate(full):
        run = run + 1 if place and day - full[place - 1] == timedelta(days=1) else 1
        longest = max(longest, run)
    return {"days": len(full), "longest": longest}


def _crowded(stays: Sequence[tuple[int, int | None]], came: Sequence[int], left: Sequence[int],
             as_of_ms: int) -> dict[str, Any]:
    found = [_there(came, left, begin) for begin, _ in stays]
    usual = sorted(found)[len(found) // 2]
    result: dict[str, Any] = {"usual": usual}
    for name, crowded in (("crowded", True), ("free", False)):
        those = [stay for stay, there in zip(stays, found, strict=True) if (there > usual) == crowded]
        hours = [(end - begin) / HOUR_MS for begin, end in those if end is not None]
        waiting = [(as_of_ms - begin) / HOUR_MS for begin, end in those if end is None]
        result[name] = {"n": len(hours), "open": len(waiting), "median": median(hours, waiting)}
    return result


def _peak(moments: Sequence[int], offset: str) -> dict[str, Any] | None:
    if not moments:
        return None
    said = [iso(at, offset) for at in moments]
    number, most_days = _most(Counter(date.fromisoformat(text[:10]).weekday() for text in said))
    hour, most_hours = _most(Counter(int(text[11:13]) for text in said))
    return {"weekday": DAYS[number], "on_weekday": most_days, "hour": f"{hour:02}", "in_hour": most_hours}


def _most(counts: Counter[int]) -> tuple[int, int]:
    """What occurs most, the first of several."""
    return min(counts.items(), key=lambda item: (-item[1], item[0]))
