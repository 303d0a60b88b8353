"""The rules: one module per family, one registry, one version of the whole pack."""

from __future__ import annotations

from ledger.errors import NotFoundError
from tracer.rules import balance, custody, export, lineage, norm, seal, time
from tracer.rules.core import RULE_PACK, Law, Param, Rule, RuleResult, Tally, evaluate

__all__ = ["RULES", "RULE_PACK", "Law", "Param", "Rule", "RuleResult", "Tally", "evaluate", "rule"]

RULES: tuple[Rule, ...] = (
    *balance.RULES, *norm.RULES, *export.RULES, *custody.RULES, *seal.RULES, *time.RULES, *lineage.RULES)


def rule(rule_id: str) -> Rule:
    """The rule of an id.

    Raises:
        NotFoundError: no such rule.
    """
    for each in RULES:
        if each.id == rule_id:
            return each
    raise NotFoundError(f"no rule {rule_id!r} is known.", remedy=f"Known: {', '.join(r.id for r in RULES)}.")
