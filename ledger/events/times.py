"""Times of RFC 3339 as whole milliseconds since 1970 UTC, without a float and without a clock."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ledger.errors import InputError

_TIME = re.compile(r"([0-9-]{10}[Tt][0-9:]{8})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - all arithmetic here is on UTC


def unix_milliseconds(text: str) -> int:
    """Milliseconds since 1970-01-01T00:00:00Z; what is finer is cut off.

    Raises:
        InputError: not a time of RFC 3339 (a leap second is none here), or before 1970.
    """
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError("wrong form")
        moment = datetime.fromisoformat(match[1].upper() + match[3].upper())
    except ValueError as fault:
        raise InputError(
            f"{text!r} is not a time of RFC 3339.", remedy="Write it like 2025-03-01T08:00:00.000+07:00."
        ) from fault
    since = moment.replace(tzinfo=None) - _EPOCH - (moment.utcoffset() or timedelta())
    if since < timedelta():
        raise InputError(f"{text!r} lies before 1970.", remedy="Correct the time.")
    return (since.days * 86_400 + since.seconds) * 1000 + int(((match[2] or "") + "000")[:3])
