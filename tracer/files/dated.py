"""Stock stated for a day of no use: opening stock of the middle of the period, a later year's closing.

Books are exported either as they closed on the last day of the period before or as they opened on the first
of this one: both are the same stock. A later day is another stock; taking it for the opening would count
twice what came in since, so the row is left out. An earlier day may be right where movements begin as early:
it counts, and is pointed out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tracer.files.faults import Faults
from tracer.moment import DAY_MS, Span, iso_day

OPENING, CLOSING = "Opening stock", "Last period's closing stock"
_REMEDY = {
    OPENING: "Date what there was when the period began on the last day of the period before, or on the "
    "first of this one. What came in later is a movement, what a stock-take found belongs in counts.",
    CLOSING: "Export the closing of the period before. What this period closed with belongs in counts.",
}


@dataclass(frozen=True, slots=True)
class Beginning:
    """When the period of a book begins, and where to say what is dated otherwise."""

    period: Span
    offset: str
    faults: Faults

    @property
    def day(self) -> str:
        """The first day of the period."""
        return iso_day(self.period.start_ms, self.offset)

    def takes(self, what: str, place: tuple[str, int], code: str, at: Span) -> bool:
        """Whether a row speaks of the beginning of the period; if it is of a later day, that is a fault.

        Args:
            what: `OPENING` or `CLOSING`. place: file and row.
        """
        if at.start_ms < self.period.start_ms + DAY_MS:
            return True
        self.faults.add(
            *place,
            "at",
            f"{what} of {code} is dated {iso_day(at.start_ms, self.offset)}, and the period begins on "
            f"{self.day}.",
            _REMEDY[what],
        )
        self.faults.incomplete.add(code)
        return False

    def tell_early(self, what: str, dates: Iterable[tuple[str, Span]]) -> None:
        """Point out what is dated before the last day of the period before: file and date of each row."""
        early = Counter(file for file, at in dates if at.end_ms < self.period.start_ms - DAY_MS)
        for file, number in sorted(early.items()):
            self.faults.note(
                file,
                0,
                "at",
                f"{number} rows of {what.lower()} are dated more than a day before the period, which begins "
                f"on {self.day}; they count all the same.",
                "Check that they are of the period before this one.",
            )
