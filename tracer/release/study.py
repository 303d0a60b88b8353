"""The study of a period: every gap between two stages, the whole way, who acted next, what is still open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from ledger.errors import InputError
from tracer.moment import HOUR_MS, iso
from tracer.release.cases import FIRST, LAST, STAGES, Case
from tracer.release.clock import DAYS, Calendar
from tracer.release.statistics import describe, two
from tracer.release.traffic import traffic

_ORDER = {name: place for place, (name, _, _) in enumerate(STAGES)}
_OF_CASE = ("port", "channel", "prearrival", "type", "regime", "chapter", "load", "agency")
SPLITS = (*_OF_CASE, "weekday", "hour")
Clock = Callable[[int, int], int]


def study(
    cases: Sequence[Case],
    as_of_ms: int,
    offset: str,
    *,
    by: str = "",
    calendar: Calendar | None = None,
    limit_hours: float | None = None,
) -> dict[str, Any]:
    """Figures in hours, by the calendar and, where a site's calendar is given, by its working hours.

    Args:
        cases: see `read_cases`. as_of_ms: until when open cases have lasted.
        offset: zone of the weekdays and hours by which arrivals are split.
        by: one of `SPLITS`, or empty.
        limit_hours: a service limit for the whole way.

    Returns:
        `clocks`: for each `way` (arrival to gate), `gaps` (each pair of stages that followed each other, with
        the parties who acted next) and `splits`; `open`: units that have not left, by the last stage passed
        and who has them; `traffic`: backlog, congestion and peak (see `traffic`); `errors`: gaps that are
        not above zero, told and in no other figure.

    Raises:
        InputError: an unknown split.
    """
    if by and by not in SPLITS:
        raise InputError(f"cases are not split by {by!r}.", remedy=f"Use one of {', '.join(SPLITS)}.")
    found: dict[str, Any] = {"cases": len(cases), "as_of": iso(as_of_ms, offset), "clocks": {}}
    clocks: dict[str, Clock] = {"calendar": lambda start, end: end - start}
    if calendar is not None:
        clocks["working"] = calendar.working_ms
    for name, clock in clocks.items():
        found["clocks"][name] = {
            "way": _way(cases, as_of_ms, clock, limit_hours),
            "gaps": _gaps(cases, clock),
        }
        if by:
            groups: dict[str, list[Case]] = defaultdict(list)
            for case in cases:
                groups[_group(case, by, offset)].append(case)
            found["clocks"][name]["splits"] = [
                {
                    "by": by,
                    "of": key,
                    "cases": len(groups[key]),
                    "way": _way(groups[key], as_of_ms, clock, limit_hours),
                }
                for key in sorted(groups)
            ]
    found["open"] = _open(cases, as_of_ms)
    found["traffic"] = traffic(cases, as_of_ms, offset)
    found["errors"] = [error for case in cases for error in _errors(case)]
    return found


def _way(cases: Sequence[Case], as_of_ms: int, clock: Clock, limit_hours: float | None) -> dict[str, Any]:
    done, still_open = [], []
    for case in cases:
        begin, end = case.stages[FIRST].at_ms, case.stages.get(LAST)
        if end is None:
            still_open.append(clock(begin, as_of_ms) / HOUR_MS)
        elif end.at_ms > begin:
            done.append(clock(begin, end.at_ms) / HOUR_MS)
    return describe(done, still_open, limit_hours)


def _steps(case: Case) -> Iterator[tuple[str, str]]:
    """Stages that followed each other between arrival and gate, as they occurred: some run side by side."""
    begin, end = case.stages[FIRST].at_ms, case.stages.get(LAST)
    inside = [
        name
        for name, passed in case.stages.items()
        if passed.at_ms >= begin and (end is None or passed.at_ms <= end.at_ms)
    ]
    return pairwise(sorted(inside, key=lambda name: (case.stages[name].at_ms, _ORDER[name])))


def _gaps(cases: Sequence[Case], clock: Clock) -> list[dict[str, Any]]:
    hours: dict[tuple[str, str], list[float]] = defaultdict(list)
    parties: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for case in cases:
        for one, other in _steps(case):
            begin, end = case.stages[one], case.stages[other]
            if end.at_ms > begin.at_ms:
                spent = clock(begin.at_ms, end.at_ms) / HOUR_MS
                hours[one, other].append(spent)
                parties[one, other][end.by].append(spent)
    total = sum(map(sum, hours.values()))
    return [
        {
            "from": one,
            "to": other,
            **describe(spent),
            "share": two(sum(spent) / total) if total else None,
            "parties": [
                {"party": party, "n": len(parts), "hours": two(sum(parts))}
                for party, parts in sorted(parties[one, other].items(), key=lambda item: -sum(item[1]))
            ],
        }
        for (one, other), spent in sorted(hours.items(), key=lambda item: tuple(map(_ORDER.get, item[0])))
    ]


def _open(cases: Sequence[Case], as_of_ms: int) -> list[dict[str, Any]]:
    """Units that have not left, by the last stage passed and who has them: the longest wait first."""
    groups: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for case in cases:
        if LAST not in case.stages:
            last = max(case.stages, key=lambda name: (case.stages[name].at_ms, _ORDER[name]))
            waited = (as_of_ms - case.stages[last].at_ms) / HOUR_MS
            groups[last, case.holder].append((waited, case.label))
    return sorted(
        (
            {
                "after": last,
                "holder": holder,
                "n": len(waits),
                "longest_hours": two(max(waits)[0]),
                "longest": max(waits)[1],
            }
            for (last, holder), waits in groups.items()
        ),
        key=lambda row: (-row["longest_hours"], row["after"], row["holder"]),
    )


def _errors(case: Case) -> Iterator[dict[str, Any]]:
    """Stages before arrival or after the gate, and gaps of no time."""
    begin, end = case.stages[FIRST].at_ms, case.stages.get(LAST)
    wrong = [
        (one, other) for one, other in _steps(case) if case.stages[one].at_ms == case.stages[other].at_ms
    ]
    wrong += [(FIRST, name) for name, passed in case.stages.items() if passed.at_ms < begin]
    if end is not None and end.at_ms >= begin:
        wrong += [(name, LAST) for name, passed in case.stages.items() if passed.at_ms > end.at_ms]
    for one, other in wrong:
        spent = case.stages[other].at_ms - case.stages[one].at_ms
        yield {"unit": case.label, "from": one, "to": other, "hours": two(spent / HOUR_MS)}


def _group(case: Case, by: str, offset: str) -> str:
    if by in _OF_CASE:
        return str(getattr(case, by))
    at = iso(case.stages[FIRST].at_ms, offset)
    if by == "hour":
        return at[11:13]
    from datetime import date

    number = date.fromisoformat(at[:10]).weekday()
    return f"{number + 1} {DAYS[number]}"
