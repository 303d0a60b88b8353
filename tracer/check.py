"""Run the rules over a book: findings, what was looked at, and under which version.

A re-run over the same book gives the same bytes: nothing here reads a clock or depends on the order of the
input.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


def examine(book: BookData | Facts, rules: Sequence[Rule] = RULES, params: Overrides | None = None) -> Report:
    """Run rules over a book; over custody alone where the book has no id.

    Raises:
        InputError: an unknown parameter.
    """
    facts = book if isinstance(book, Facts) else Facts(book)
    chosen = [r for r in rules if facts.book.id or r.scope == "custody"]
    results = tuple(evaluate(r, facts, (params or {}).get(r.id)) for r in chosen)
    joint = hashlib.sha256("".join(r.params_hash for r in results).encode()).hexdigest()[:16]
    return Report(facts.book.id, RULE_PACK, joint, results)


def check(book: BookData, rules: Sequence[Rule] = RULES, params: Overrides | None = None) -> list[Finding]:
    """The findings of a book (`examine` has the rest)."""
    return examine(book, rules, params).findings
