"""The list of refusals that are provoked: a case is registered with the code that its one act must be refused with."""

from __future__ import annotations

from collections.abc import Callable

from ledger.vocabulary import Outcome
from tests.contracts.world import World

Case = Callable[[World], Outcome]
CASES: list[tuple[Outcome, Case]] = []


def refused(code: Outcome) -> Callable[[Case], Case]:
    """Register a case: it prepares what is needed and returns the outcome of the one act that must be refused."""
    def register(case: Case) -> Case:
        CASES.append((code, case))
        return case
    return register
