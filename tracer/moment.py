"""Moments as intervals: a date without a time is a whole day, and clocks are not exact.

`before` holds only for intervals that are disjoint beyond the clock uncertainty (domain reference, section
6 and rule T4). Times are integer milliseconds since 1970 UTC; the zone is a fixed offset given by the book.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from ledger.errors import InputError
from ledger.quick import quick

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - one name for both uses below
_FIRST_YEAR = 1900
LAST_MS = 253_402_250_399_999
"""9999-12-31T09:59:59.999Z: "for ever" of many programs, and a day of that year in every zone."""
_OFFSET = re.compile(r"^([+-])(\d\d):(\d\d)$")


@quick
@dataclass(frozen=True, slots=True, order=True)
class Span:
    """An interval of time, both ends included, in milliseconds since 1970 UTC."""

    start_ms: int
    end_ms: int

    def before(self, other: Span, uncertainty_ms: int = 0) -> bool:
        """Whether this ended before the other began, by more than the clocks' joint uncertainty."""
        return self.end_ms + uncertainty_ms < other.start_ms


def point(at_ms: int) -> Span:
    """The interval of one instant."""
    return Span(at_ms, at_ms)


def zone_of(offset: str) -> timezone:
    """The fixed zone of an offset such as `+07:00`.

    Raises:
        InputError: not of that form.
    """
    found = _OFFSET.match(offset)
    if not found:
        raise InputError(f"{offset!r} is not a time offset.", remedy="Write it like +07:00.")
    minutes = int(found[2]) * 60 + int(found[3])
    return timezone(timedelta(minutes=minutes if found[1] == "+" else -minutes))


def parse_span(text: str, offset: str) -> Span:
    """An ISO date (a whole day in the zone) or an ISO date and time (an instant; the zone fills a missing
    offset).

    Raises:
        InputError: not an ISO date or date-time, or of a year that nobody means.
    """
    zone = zone_of(offset)
    try:
        if len(text) == 10:
            start = datetime.combine(date.fromisoformat(text), datetime.min.time(), zone)
            begin = _to_ms(start)
            return Span(begin, min(begin + DAY_MS - 1, LAST_MS))
        moment = datetime.fromisoformat(text)
    except ValueError as fault:
        raise InputError(f"{text!r} is not an ISO 8601 date or time.") from fault
    return point(_to_ms(moment if moment.tzinfo else moment.replace(tzinfo=zone)))


def iso(at_ms: int, offset: str) -> str:
    """An instant as ISO 8601 text in the zone, to the second (or millisecond where there is one)."""
    moment = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone_of(offset))
    return moment.isoformat(timespec="milliseconds" if at_ms % 1000 else "seconds")


def iso_day(at_ms: int, offset: str) -> str:
    """The date of an instant in the zone."""
    return iso(at_ms, offset)[:10]


def _to_ms(moment: datetime) -> int:
    if moment.year < _FIRST_YEAR:
        raise InputError(f"the year {moment.year} is before {_FIRST_YEAR}.", remedy="Write it in full.")
    return min((moment - _EPOCH) // timedelta(milliseconds=1), LAST_MS)
