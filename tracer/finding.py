"""The finding: one rule's result on one subject. The same record in files, API and command line.

Its JSON Schema ships beside this module (`finding.schema.json`). Quantities are decimal strings; where a rule
compares texts or times, `expected` and `observed` are those and `difference` is None or a duration.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Verdict = Literal["found", "clean", "not_evaluable"]
Severity = Literal["info", "low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Evidence:
    """An event behind a finding: the ledger's id, transaction, kind, and its outcome where it was refused."""

    id: str
    kind: str
    outcome: str = "RECORDED"
    tx: str = ""
    epcis_id: str = ""

    def to_json(self) -> dict[str, str]:
        """Only the fields that say something."""
        every = {"type": "event", "id": self.id, "kind": self.kind, "outcome": self.outcome, "tx": self.tx,
                 "epcis_id": self.epcis_id}
        return {k: v for k, v in every.items() if v}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says of one subject. Fields as the domain reference, section 6, names them."""

    rule: str
    rule_version: str
    params_hash: str
    subject_type: str
    subject_id: str
    period_from: str
    period_to: str
    verdict: Verdict
    severity: Severity
    expected: str | None = None
    observed: str | None = None
    difference: str | None = None
    uom: str = ""
    tolerance: dict[str, str] | None = None
    duty_at_risk: str | None = None
    currency: str = ""
    """Of the duty at risk; empty without one."""
    legal_ref: str = ""
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()
    first_seen: str | None = None
    explanation: str = ""
    status: str = "open"

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values, keys as in the schema."""
        return {
            "rule": self.rule,
            "rule_version": self.rule_version,
            "params_hash": self.params_hash,
            "subject": {"type": self.subject_type, "id": self.subject_id},
            "period": {"from": self.period_from, "to": self.period_to},
            "verdict": self.verdict,
            "severity": self.severity,
            "status": self.status,
            "expected": self.expected,
            "observed": self.observed,
            "difference": self.difference,
            "uom": self.uom,
            "tolerance": self.tolerance,
            "duty_at_risk": self.duty_at_risk,
            "currency": self.currency,
            "legal_ref": self.legal_ref,
            "evidence": [e.to_json() for e in self.evidence],
            "missing": list(self.missing),
            "first_seen": self.first_seen,
            "explanation": self.explanation,
        }

    @property
    def key(self) -> tuple[str, str, str, tuple[str, ...]]:
        """What makes two findings the same: rule, subject, and the events behind it."""
        return self.rule, self.subject_type, self.subject_id, tuple(e.id for e in self.evidence)


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `Finding.to_json`."""
    text = files("tracer").joinpath("finding.schema.json").read_text("utf-8")
    value: dict[str, Any] = json.loads(text)
    return value
