"""What a rule is: data that describes it, and one pure function over the facts of a book.

A rule counts what it looked at (population, tested, failed, not evaluable), so that "no finding" can be
told from "nothing to look at". Numbers without a law are defaults without legal force; every result carries
the version of the rule and a hash of its parameters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from ledger.errors import InputError
from tracer.book import Event
from tracer.facts import Facts
from tracer.finding import Evidence, Finding, Severity, Verdict
from tracer.moment import Span, iso, iso_day
from tracer.quantity import micro_text, number
from tracer.tolerance import Tolerance, tol

PIECE = "C62"
"""Rec 20 code of a piece: unit of measure of a count of faults."""

Scope = Literal["book", "custody"]
HOME = "VN"
"""The jurisdiction whose law the rules cite."""


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a rule: decimal text, unit, meaning. Defaults have no legal force unless a law is
    named.
    """

    name: str
    default: str
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Law:
    """A citation and the dates between which it applies (ISO, inclusive; empty: open)."""

    text: str
    valid_from: str = ""
    valid_to: str = ""

    def covers(self, day: str) -> bool:
        """Whether it applies on a day."""
        return (not self.valid_from or self.valid_from <= day) and (not self.valid_to or day <= self.valid_to)


def circular_38(article: str) -> tuple[Law, Law]:
    """A citation of Circular 38/2015/TT-BTC: as amended by 39/2018 (applied from 5 Jun 2018), and
    from 1 Feb 2026 by 121/2025.
    """
    text = f"Circular 38/2015/TT-BTC Art. {article}"
    return (Law(f"{text} (amended by 39/2018)", valid_from="2018-06-05", valid_to="2026-01-31"),
            Law(f"{text} (amended by 39/2018, 121/2025)", valid_from="2026-02-01"))


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is about. `type` as in the finding's schema."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A detection rule.

    Attributes:
        id, version, family, title: names; the family is the domain reference's letter group.
        scope: `book` needs one book; `custody` also runs over units that belong to no book.
        law: citations with their dates of effect.
        params: with defaults.
        companions: other rules that a fault of this rule may rightly set off, with the reason.
        evaluate: the rule; its docstring is written for an auditor.
        needs: what a book must bring, beside its events, for the rule to be evaluable.
    """

    id: str
    version: str
    family: str
    title: str
    scope: Scope
    law: tuple[Law, ...]
    params: tuple[Param, ...]
    companions: Mapping[str, str]
    evaluate: Callable[[Facts, Tally], None]
    needs: tuple[str, ...] = ()

    @property
    def effective_from(self) -> str:
        """First day on which any of its citations applies (ISO); empty where one is open."""
        return min((law.valid_from for law in self.law), default="")

    def legal_ref(self, day: str, jurisdiction: str = HOME) -> str:
        """Citations that apply on a day.

        All of them are of Vietnam. A book of elsewhere is told what the rule says, as a principle of keeping
        such books, and what it was taken from: a foreign decree binds nobody there.
        """
        cited = [law.text for law in self.law if law.covers(day)]
        if jurisdiction == HOME:
            return "; ".join(cited)
        after = f", after: {', '.join(cited)}, of Vietnam" if cited else ""
        return f"Principle: {self.title} (no law of the {jurisdiction} is cited{after})"


@dataclass(slots=True)
class RuleResult:
    """What a rule found and how much it looked at."""

    rule: Rule
    params_hash: str
    population: int = 0
    tested: int = 0
    failed: int = 0
    not_evaluable: int = 0
    findings: list[Finding] = field(default_factory=list)
    metrics: dict[str, str] = field(default_factory=dict)


class Tally:
    """Collects one rule's results over one book. Rules call `clean`, `found` or `missing` once per subject.
    """

    def __init__(self, rule: Rule, facts: Facts, overrides: Mapping[str, str]) -> None:
        unknown = set(overrides) - {p.name for p in rule.params}
        if unknown:
            raise InputError(f"rule {rule.id} has no parameter {', '.join(sorted(unknown))}.",
                             remedy=f"It has: {', '.join(p.name for p in rule.params) or 'none'}.")
        self.values = {p.name: overrides.get(p.name, p.default) for p in rule.params}
        text = json.dumps({"rule": rule.id, "version": rule.version, "params": self.values},
                          sort_keys=True, separators=(",", ":"))
        self.result = RuleResult(rule, hashlib.sha256(text.encode()).hexdigest()[:16])
        self._facts = facts
        self._params: dict[str, Fraction] = {}

    def param(self, name: str) -> Fraction:
        """A parameter's value."""
        if name not in self._params:
            self._params[name] = number(self.values[name])
        return self._params[name]

    def hours_ms(self, name: str) -> int:
        """A parameter in hours, as milliseconds."""
        return int(self.param(name) * 3_600_000)

    def days_ms(self, name: str) -> int:
        """A parameter in days, as milliseconds."""
        return int(self.param(name) * 86_400_000)

    def tol(self, expected_micro: int, uom: str, rel: str = "") -> Tolerance:
        """The book's tolerance, or with the rule's own relative share of that parameter name."""
        return tol(expected_micro, uom, self._facts.book.tolerances, rel=self.param(rel) if rel else None)

    def clean(self, count: int = 1) -> None:
        """Subjects tested and found in order."""
        self.result.population += count
        self.result.tested += count

    def missing(self, subject: Subject, *what: str) -> None:
        """A subject that could not be tested, and what would be needed. Never a pass."""
        self.result.population += 1
        self.result.not_evaluable += 1
        self.result.findings.append(self._finding(subject, "not_evaluable", "info", missing=tuple(what)))

    def found(self, subject: Subject, severity: Severity, expected: str, observed: str, *,
              difference: str | None = None, uom: str = "", tolerance: Tolerance | None = None,
              duty_at_risk: str | None = None, evidence: Iterable[Event] = (), explanation: str,
              firm: bool = False) -> None:
        """A subject that fails the rule.

        A refused attempt that its own poster took back is only `info`, unless `firm`: something happened all
        the same.
        """
        self.result.population += 1
        self.result.tested += 1
        self.result.failed += 1
        events = list({e.id: e for e in evidence}.values())
        refused = [e for e in events if not e.recorded]
        if refused and all(e.withdrawn_by for e in refused) and not firm:
            severity = "info"
            explanation += " The attempt was withdrawn by its poster."
        self.result.findings.append(self._finding(
            subject, "found", severity, expected=expected, observed=observed, difference=difference, uom=uom,
            tolerance=tolerance.to_json() if tolerance else None, duty_at_risk=duty_at_risk, events=events,
            explanation=explanation))

    def amount(
        self,
        subject: Subject,
        severity: Severity,
        expected_micro: int,
        observed_micro: int,
        uom: str,
        *,
        tolerance: Tolerance | None = None,
        duty_at_risk: str | None = None,
        evidence: Iterable[Event] = (),
        explanation: str,
        firm: bool = False,
    ) -> None:
        """`found` for two quantities."""
        self.found(subject, severity, micro_text(expected_micro), micro_text(observed_micro),
                   difference=micro_text(observed_micro - expected_micro), uom=uom, tolerance=tolerance,
                   duty_at_risk=duty_at_risk, evidence=evidence, explanation=explanation, firm=firm)

    def times(self, subject: Subject, severity: Severity, expected: Span, observed: Span, *,
              evidence: Iterable[Event], explanation: str) -> None:
        """`found` for two moments; the difference is in hours (HUR), rounded to thousandths."""
        offset = self._facts.book.offset
        thousandths = round(Fraction(observed.start_ms - expected.start_ms, 3_600))
        self.found(subject, severity, iso(expected.start_ms, offset), iso(observed.start_ms, offset),
                   difference=micro_text(thousandths * 1_000), uom="HUR", evidence=evidence,
                   explanation=explanation)

    def _finding(
        self,
        subject: Subject,
        verdict: Verdict,
        severity: Severity,
        *,
        expected: str | None = None,
        observed: str | None = None,
        difference: str | None = None,
        uom: str = "",
        tolerance: dict[str, str] | None = None,
        duty_at_risk: str | None = None,
        events: Iterable[Event] = (),
        missing: tuple[str, ...] = (),
        explanation: str = "",
    ) -> Finding:
        book, rule = self._facts.book, self.result.rule
        events = list(events)
        day = iso_day(book.period.end_ms, book.offset)
        first = min((e.recorded_ms for e in events), default=None)
        return Finding(
            rule.id,
            rule.version,
            self.result.params_hash,
            subject.type,
            subject.id,
            iso_day(book.period.start_ms, book.offset),
            day,
            verdict,
            severity,
            expected,
            observed,
            difference,
            uom,
            tolerance,
            duty_at_risk,
            self._facts.currency if duty_at_risk is not None else "",
            rule.legal_ref(day, book.jurisdiction),
            tuple(Evidence(e.id, e.kind.name, e.outcome.name, e.tx_hash, e.epcis_id) for e in events),
            missing,
            iso(first, book.offset) if first is not None else None,
            explanation,
        )


def evaluate(rule: Rule, facts: Facts, overrides: Mapping[str, str] | None = None) -> RuleResult:
    """Run one rule over the facts of a book.

    Raises:
        InputError: an unknown parameter.
    """
    tally = Tally(rule, facts, overrides or {})
    try:
        rule.evaluate(facts, tally)
    except InputError as fault:
        tally.missing(Subject("book", facts.book.id or "custody"), str(fault))
    tally.result.findings.sort(key=lambda f: f.key)
    return tally.result
