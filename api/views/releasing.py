"""The time release study as the ways in show it: of the units that the caller may see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.lookups import visible_units
from indexer.queries import position
from ledger.errors import InputError, NotFoundError
from tracer.moment import Span, parse_span
from tracer.release.cases import Case, read_cases
from tracer.release.clock import read_calendar
from tracer.release.comparing import compare
from tracer.release.study import study

if TYPE_CHECKING:
    from api.views.findings import Sight

OFFSET = "+07:00"
"""Zone in which days begin and end."""


def release_view(sight: Sight, first: str, last: str, *, by: str = "", calendar: Path | None = None,
                 limit_hours: float | None = None, against: tuple[str, str] | None = None) -> dict[str, Any]:
    """The study of what arrived from one day to another, and held against an earlier period.

    Args:
        first, last: days, YYYY-MM-DD, both included. against: days of the earlier period.
        by, limit_hours: see `study`. calendar: file of a site's working hours.

    Raises:
        InputError: not days, in the wrong order, or an unknown split. NotFoundError: nothing is indexed yet.
    """
    hours = None if calendar is None else read_calendar(calendar, OFFSET)
    period = _period(first, last)
    earlier = None if against is None else _period(*against)
    here = position(sight.session)
    if here is None:
        raise NotFoundError("nothing is indexed yet.", remedy="Run cargoledger sync, or post something.")
    as_of_ms = here.timestamp * 1000 + 999
    cases = _cases(sight, period, as_of_ms)
    view = {"period": {"from": first, "to": last},
            **study(cases, as_of_ms, OFFSET, by=by, calendar=hours, limit_hours=limit_hours)}
    if against is not None and earlier is not None:
        view["against"] = {"from": against[0], "to": against[1],
                           **compare(_cases(sight, earlier, as_of_ms), cases, (as_of_ms, as_of_ms))}
    return view


def _cases(sight: Sight, period: Span, as_of_ms: int) -> list[Case]:
    found = read_cases(sight.session, sight.home.directory, period, as_of_ms, sight.reader)
    if sight.reader.everything:
        return found
    seen = visible_units(sight.session, [case.unit for case in found], sight.reader)
    return [case for case in found if case.unit in seen]


def _period(first: str, last: str) -> Span:
    if not (len(first) == len(last) == 10):
        raise InputError("a period is two days.", remedy="Write them like 2026-01-01 and 2026-06-30.")
    period = Span(parse_span(first, OFFSET).start_ms, parse_span(last, OFFSET).end_ms)
    if period.end_ms < period.start_ms:
        raise InputError("the last day lies before the first.", remedy="Give --from before --to.")
    return period
