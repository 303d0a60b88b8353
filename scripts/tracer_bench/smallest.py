"""The smallest size at which a rule still finds a fault of its own: the fault is laid in smaller and smaller.

First by eighths, until the rule falls silent; then between the two, until the size is within a hundredth of
the tolerance that the rule states, or, where it states none, of itself. One rule is run on one book at a
time. A fault that is found at any size is told as such, one that has no size (a missing paper) too.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from book_maker import faults
from book_maker.enterprise import write_book
from book_maker.looking import Look
from book_maker.shrinking import Shrinkable, shrinkable

from tracer.check import examine
from tracer.facts import Facts
from tracer.files import read_book
from tracer.files.document import document_of
from tracer.files.example_faults import ExampleFault
from tracer.rules import RULES

EIGHTHS = 7
"""Times that a fault is made eight times smaller: to two millionths of its size."""
STEPS = 26
WITHIN = Decimal("0.01")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True)
class Trial:
    """One fault in one book, and the finding that its rule makes of it."""

    folder: Path
    fault: ExampleFault
    laid: Shrinkable

    def finding(self, share: Decimal) -> dict[str, Any] | None:
        """What the rule says of the subject of the fault at a share of its size; None where it is silent."""
        for path in self.folder.glob("*.csv"):
            path.unlink()
        faults.spoil(self.folder, self.laid.at(share))
        read = read_book(self.folder)
        if read.faults.found:
            raise ValueError(f"{self.fault.name} at {share}: {read.faults.found[0]}")
        rule = next(r for r in RULES if r.id == self.fault.rule)
        report = examine(Facts(read.book, read.effects), [rule])
        for found in (*report.findings, *report.not_evaluable):
            if (found.verdict, found.subject_id) == (self.fault.verdict, self.fault.subject):
                return found.to_json()
        return None


def smallest(trial: Trial) -> dict[str, Any] | None:
    """What is known of the size of a fault: `form` (`size`, `any` or `none`), and of the smallest one found
    its quantity, unit, tolerance, and share of the whole fault. None where the rule does not find the whole.
    """
    whole = trial.finding(Decimal(1))
    if whole is None:
        return None
    told = {"rule": trial.fault.rule, "fault": trial.fault.name}
    if not trial.laid.has_size or trial.fault.verdict != "found":
        return {**told, "form": "none"}
    found, share, silent = whole, Decimal(1), Decimal(0)
    for step in range(1, EIGHTHS + 1):
        less = Decimal(1) / 8**step
        told_less = trial.finding(less)
        if told_less is None:
            silent = less
            break
        found, share = told_less, less
    if not silent:
        form = "any" if _shrank(whole, found) else "none"
        return {**told, "form": form, **(_size(found, share) if form == "any" else {})}
    for _ in range(STEPS):
        if _close(found, share, silent):
            break
        middle = (share + silent) / 2
        told_less = trial.finding(middle)
        if told_less is None:
            silent = middle
        else:
            found, share = told_less, middle
    return {**told, "form": "size", **_size(found, share)}


def _number(text: Any) -> Decimal | None:
    return Decimal(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else None


def _shrank(whole: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether the finding became smaller with the fault."""
    before, after = (_number(f["difference"] or f["observed"]) for f in (whole, found))
    return before is not None and after is not None and abs(after) * 8 < abs(before)


def _close(found: dict[str, Any], share: Decimal, silent: Decimal) -> bool:
    """Whether what is left to know is a hundredth of the tolerance, or of the size."""
    size, stated = _number(found["difference"]), found["tolerance"]
    tolerance = _number(stated["value"]) if stated else None
    if size is not None and tolerance:
        return abs(size) <= tolerance * (1 + WITHIN) or (share - silent) / share < Decimal("0.00001")
    return (share - silent) / share < WITHIN / 10


def _size(found: dict[str, Any], share: Decimal) -> dict[str, Any]:
    stated = found["tolerance"] or {}
    return {"size": found["difference"], "uom": found["uom"], "expected": found["expected"],
            "observed": found["observed"], "tolerance": stated.get("value"), "term": stated.get("term"),
            "share": str(round(share, 7))}


def of_book(folder: Path, trade: str, seed: int, names: Collection[str] = (),
            tell: Callable[[str], None] = lambda _: None) -> list[dict[str, Any]]:
    """The smallest sizes of all faults, or those named, that the book of a trade and seed has a place for."""
    write_book(folder, trade, seed, faults.EVENTS)
    look = Look(faults.read_files(folder), document_of(read_book(folder)))
    result = []
    for fault in faults.faults_of(look):
        if names and fault.name not in names:
            continue
        tell(f"smallest {fault.name} in {trade} {seed}")
        told = smallest(Trial(folder, fault, shrinkable(fault, look)))
        if told is not None:
            result.append({"archetype": trade, "seed": seed, **told})
    return result


def run(trades: Collection[str], seeds: int, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """The smallest sizes in books of every trade."""
    result = []
    for trade in trades:
        for seed in range(1, seeds + 1):
            with tempfile.TemporaryDirectory(prefix="cargoledger-bench-") as name:
                result += of_book(Path(name) / "book", trade, seed, tell=tell)
    return result
