"""The rules in words: docs/rules.md is what this writes (`python -m tracer.rules.describe`), and the registry
as JSON values for the command line.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

from tracer.rules import RULE_PACK, RULES, Law, Rule

_HEAD = """# The rules

Pure functions over one book and what the ledger recorded and refused. The chain refuses what is
impossible; these find what is suspicious, with evidence, and never block. This page is written by
`python -m tracer.rules.describe`; a test compares it with the code.

Rule pack `{pack}`. Numbers without a law named are defaults without legal force: parameters, to be
changed per run; every finding carries the rule's version and a hash of its parameters. A citation applies
in the period it is valid for, and a finding prints those that apply at the end of its period. All are of
Vietnam: a finding of a book of the EU, the UK or the US names the rule as a principle, and the source *after*
which it was made, and no time set by Vietnamese law (T1) is judged there.

- **found** is a finding; its `difference` is observed less expected, in the unit of measure named.
- **not evaluable** names what is missing (a norm, a weight, a count). It is never a pass.
- A refused act moves nothing. It is evidence of what somebody meant to do, and says so by its outcome.
  One that its own poster took back by CORRECT stays visible as `info`.
- Before the date of the run a running clock is *pending*, not a finding.
- Every difference is held against one tolerance: the largest of an absolute floor per unit of measure, a
  share of what was expected, and twice the combined standard uncertainty of the measurements. The finding
  names the binding term.
- Equal times never count against anybody: "before" holds only beyond twice the clock uncertainty of the
  book (one minute by default); a date without a time is the whole day.

| Rule | Family | What | Needs a book |
|---|---|---|---|
"""


def registry() -> dict[str, Any]:
    """All rules as JSON values, with the version of the pack."""
    return {"rule_pack": RULE_PACK, "rules": [rule_json(each) for each in RULES]}


def rule_json(rule: Rule) -> dict[str, Any]:
    """One rule as JSON values: names, citations with their dates, parameters, needs, companions, words."""
    return {
        "rule_pack": RULE_PACK, "id": rule.id, "version": rule.version, "family": rule.family,
        "title": rule.title, "scope": rule.scope, "effective_from": rule.effective_from,
        "law": [{"text": x.text, "valid_from": x.valid_from, "valid_to": x.valid_to} for x in rule.law],
        "params": [{"name": p.name, "default": p.default, "unit": p.unit, "meaning": p.meaning}
                   for p in rule.params],
        "needs": list(rule.needs), "companions": dict(rule.companions),
        "description": inspect.getdoc(rule.evaluate) or "",
    }


def markdown() -> str:
    """The page."""
    parts = [_HEAD.format(pack=RULE_PACK)]
    parts += [
        f"| [{r.id}](#{_anchor(r)}) | {r.family} | {r.title} | {'yes' if r.scope == 'book' else 'no'} |\n"
        for r in RULES
    ]
    parts += [_rule(r) for r in RULES]
    parts.append(_companions())
    return "".join(parts)


def _heading(rule: Rule) -> str:
    return f"{rule.id} {rule.title}"


def _anchor(rule: Rule) -> str:
    return "".join(c for c in _heading(rule).lower().replace(" ", "-") if c.isalnum() or c == "-")


def _rule(rule: Rule) -> str:
    lines = [f"\n## {_heading(rule)}\n\n{inspect.getdoc(rule.evaluate)}\n\nVersion {rule.version}. Law:\n\n"]
    lines += [f"- {law.text}{_dates(law)}\n" for law in rule.law]
    if rule.needs:
        lines.append(f"\nNeeds: {'; '.join(rule.needs)}.\n")
    if rule.params:
        lines.append("\n| Parameter | Default | Unit | Meaning |\n|---|---|---|---|\n")
        lines += [f"| `{p.name}` | {p.default} | {p.unit} | {p.meaning} |\n" for p in rule.params]
    return "".join(lines)


def _dates(law: Law) -> str:
    return (f", from {law.valid_from}" if law.valid_from else "") + (
        f", until {law.valid_to}" if law.valid_to else ""
    )


def _companions() -> str:
    lines = [
        "\n## Companions\n\nOne fault may rightly set off several rules. A fault of the rule on the left "
        "may also set off:\n\n| Rule | Companion | Because |\n|---|---|---|\n"
    ]
    lines += [f"| {r.id} | {other} | {why} |\n" for r in RULES for other, why in r.companions.items()]
    return "".join(lines)


if __name__ == "__main__":
    sys.stdout.write(markdown())
