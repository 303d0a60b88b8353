"""Run the rules over a book: findings, what was looked at, and under which version.

A re-run over the same book gives the same bytes: nothing here reads a clock or depends on the order of the
input.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from tracer.book import BookData
from tracer.facts import Facts
from tracer.finding import SEVERITIES, Finding
from tracer.rules import RULE_PACK, RULES, Rule, RuleResult, evaluate

Overrides = Mapping[str, Mapping[str, str]]
"""Parameters by rule id and name, as decimal text."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the rules say of a book."""

    book: str
    rule_pack: str
    params_hash: str
    results: tuple[RuleResult, ...]

    @property
    def findings(self) -> list[Finding]:
        """What was found, the gravest first, then by rule and subject."""
        found = [f for r in self.results for f in r.findings if f.verdict == "found"]
        return sorted(found, key=lambda f: (-SEVERITIES.index(f.severity), f.key))

    @property
    def not_evaluable(self) -> list[Finding]:
        """What could not be tested, and what is missing for it."""
        return sorted((f for r in self.results for f in r.findings if f.verdict == "not_evaluable"),
                      key=lambda f: f.key)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "book": self.book, "rule_pack": self.rule_pack, "params_hash": self.params_hash,
            "findings": [f.to_json() for f in self.findings],
            "not_evaluable": [f.to_json() for f in self.not_evaluable],
            "rules": [{"rule": r.rule.id, "version": r.rule.version, "title": r.rule.title,
                       "params_hash": r.params_hash, "population": r.population, "tested": r.tested,
                       "failed": r.failed, "not_evaluable": r.not_evaluable, "metrics": dict(r.metrics)}
                      for r in self.results],
        }


class Work(Protocol):
    """Rules being run over the facts of a book, here or beside. Leaving it ends what runs beside."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def results(self) -> list[RuleResult]:
        """What each rule found, in the order of the rules."""
        ...


Start = Callable[[Facts, Sequence[Rule], Overrides], Work]
"""Begins to run rules over facts; who waits for the results may use the same facts meanwhile."""


class InTurn:
    """Runs the rules one after the other, when asked for the results."""

    def __init__(self, facts: Facts, rules: Sequence[Rule], params: Overrides) -> None:
        self.facts, self.rules, self.params = facts, rules, params

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def run(self, number: int) -> RuleResult:
        """Run one of the rules."""
        rule = self.rules[number]
        return evaluate(rule, self.facts, self.params.get(rule.id))

    def results(self) -> list[RuleResult]:
        """What each rule found."""
        return [self.run(number) for number in range(len(self.rules))]


def rules_for(facts: Facts, rules: Sequence[Rule] = RULES) -> list[Rule]:
    """The rules that a book is asked by; those about custody alone where it has no id."""
    return [r for r in rules if facts.book.id or r.scope == "custody"]


def report_of(facts: Facts, results: Sequence[RuleResult]) -> Report:
    """The report of rules that have run."""
    joint = hashlib.sha256("".join(r.params_hash for r in results).encode()).hexdigest()[:16]
    return Report(facts.book.id, RULE_PACK, joint, tuple(results))


def examine(book: BookData | Facts, rules: Sequence[Rule] = RULES, params: Overrides | None = None) -> Report:
    """Run rules over a book; over custody alone where the book has no id.

    Raises:
        InputError: an unknown parameter.
    """
    facts = book if isinstance(book, Facts) else Facts(book)
    return report_of(facts, InTurn(facts, rules_for(facts, rules), params or {}).results())


def check(book: BookData, rules: Sequence[Rule] = RULES, params: Overrides | None = None) -> list[Finding]:
    """The findings of a book (`examine` has the rest)."""
    return examine(book, rules, params).findings
