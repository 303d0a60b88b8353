"""Working hours of a site: its calendar is data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

from ledger.errors import InputError
from tracer.moment import zone_of

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MS = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - one name for both uses
_SPAN_MAX = timedelta(days=20 * 366)


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a site works.

    Attributes:
        zone: in which its hours are meant. hours: by weekday (0 is Monday), from and to.
        closed: days on which it does not work.
    """

    zone: timezone
    hours: Mapping[int, tuple[tuple[time, time], ...]]
    closed: frozenset[date] = frozenset()

    def working_ms(self, start_ms: int, end_ms: int) -> int:
        """Milliseconds of working time between two instants; nothing where the second is not later."""
        start = (_EPOCH + start_ms * _MS).astimezone(self.zone)
        end = min((_EPOCH + end_ms * _MS).astimezone(self.zone), start + _SPAN_MAX)
        total, day = timedelta(), start.date()
        while day <= end.date():
            if day not in self.closed:
                for opens, closes in self.hours.get(day.weekday(), ()):
                    first = max(start, datetime.combine(day, opens, self.zone))
                    last = datetime.combine(day, closes, self.zone)
                    if closes == time.max:  # until midnight
                        last = datetime.combine(day + timedelta(days=1), time.min, self.zone)
                    total += max(min(end, last) - first, timedelta())
            day += timedelta(days=1)
        return total // _MS


def read_calendar(path: Path, offset: str) -> Calendar:
    """A calendar in TOML: `monday = ["07:30-12:00", "13:00-17:30"]`, ..., `closed = [2026-01-01]`.

    A day that is not named is not worked. `24:00` is midnight at its end.

    Raises:
        InputError: it is none; names what is wrong.
    """
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as fault:
        raise InputError(
            f"{path.name} cannot be read: {fault}.",
            remedy='Write lines such as monday = ["07:30-12:00", "13:00-17:30"].',
        ) from fault
    unknown = sorted(said.keys() - {*DAYS, "closed"})
    if unknown:
        raise InputError(
            f"{path.name}: {unknown[0]!r} is no day.", remedy=f"Name {', '.join(DAYS)} or closed."
        )
    closed = said.get("closed", [])
    if not isinstance(closed, list) or not all(type(day) is date for day in closed):
        raise InputError(f"{path.name}: closed is a list of days.", remedy="Write closed = [2026-01-01].")
    hours = {
        number: tuple(_hours(path, day, text) for text in _list(path, day, said[day]))
        for number, day in enumerate(DAYS)
        if day in said
    }
    return Calendar(zone_of(offset), hours, frozenset(closed))


def _list(path: Path, day: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InputError(f"{path.name}: {day} is a list of hours.", remedy='Write ["07:30-12:00"].')
    return value


def _hours(path: Path, day: str, text: str) -> tuple[time, time]:
    try:
        first, last = (part.strip() for part in text.split("-"))
        opens = time.fromisoformat(first)
        closes = time.max if last == "24:00" else time.fromisoformat(last)
    except ValueError as fault:
        raise InputError(
            f"{path.name}, {day}: {text!r} are no hours.", remedy='Write "07:30-12:00".'
        ) from fault
    if opens.tzinfo or closes.tzinfo or closes <= opens:
        raise InputError(
            f"{path.name}, {day}: {text!r} ends before it begins.", remedy='Write "07:30-12:00".'
        )
    return opens, closes
