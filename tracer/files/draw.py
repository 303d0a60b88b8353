"""Which lots hold stock of a code: for draws that name none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from ledger.vocabulary import Balance
from tracer.book import Leg, Lot


@dataclass(slots=True)
class Bins:
    """Lots with something in them, by code and balance, in the order in which they came.

    Attributes:
        state: balances by lot, as the replay keeps them. lots: by name.
        implicit: lots that no row gave a number.
    """

    state: Mapping[str, Mapping[Balance, int]]
    lots: Mapping[str, Lot]
    implicit: set[str] = field(default_factory=set)
    _full: dict[tuple[str, Balance], dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    _last: dict[tuple[str, Balance], str] = field(default_factory=dict)
    _like: dict[str, Lot] = field(default_factory=dict)

    def moved(self, lot: str, balance: Balance) -> None:
        """A balance of a lot has changed."""
        about = self.lots[lot]
        self._like.setdefault(about.code, about)
        key = (about.code, balance)
        if self.state[lot].get(balance, 0) > 0:
            self._full[key].setdefault(lot)
            self._last[key] = lot
        else:
            self._full[key].pop(lot, None)

    def of(self, code: str, balance: Balance) -> Iterator[str]:
        """Lots to draw from: without a number first, then the others."""
        full = self._full.get((code, balance), {})
        yield from (lot for lot in full if lot in self.implicit)
        yield from (lot for lot in full if lot not in self.implicit)

    def last(self, code: str, balance: Balance) -> str:
        """The lot that last held some; empty where none ever did."""
        return self._last.get((code, balance), "")

    def like(self, code: str) -> Lot | None:
        """Any lot of the code."""
        return self._like.get(code)


def shortfall(parts: list[Leg], leg: Leg, short: int, last: str) -> list[Leg]:
    """The parts of a draw, with what is not there asked of the last part, or of the lot that
    last held some.
    """
    if short <= 0:
        return parts
    if parts:
        return [*parts[:-1], replace(parts[-1], quantity_micro=parts[-1].quantity_micro + short)]
    return [replace(leg, unit=last, quantity_micro=short)] if last else []
