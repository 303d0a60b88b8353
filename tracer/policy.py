"""By which policy and yield basis a book is settled, where somebody asks for others than its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ledger.errors import InputError
from tracer.allocation import POLICIES
from tracer.book import BookData
from tracer.yields import BASES


@dataclass(frozen=True, slots=True)
class Policy:
    """How a book is settled where the ledger does not say: empty fields leave the book's own."""

    allocation: str = ""
    yield_basis: str = ""
    turnover_days: int | None = None

    def on(self, book: BookData) -> BookData:
        """The book under this policy.

        Raises:
            InputError: no such policy or basis.
        """
        allocation = self.allocation.upper() or book.allocation
        basis = self.yield_basis.upper() or book.yield_basis
        for value, known, what in ((allocation, POLICIES, "allocation policy"),
                                   (basis, tuple(BASES), "yield basis")):
            if value not in known:
                raise InputError(f"{value!r} is no {what}.", remedy=f"Choose one of {', '.join(known)}.")
        if self.turnover_days is not None and self.turnover_days < 1:
            raise InputError("a turn-over period of less than a day.", remedy="Give it in whole days.")
        return replace(book, allocation=allocation, yield_basis=basis,
                       turnover_days=self.turnover_days or book.turnover_days)


OWN_POLICY = Policy()
"""That of the book."""
