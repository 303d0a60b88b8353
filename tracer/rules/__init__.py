"""The rules: one module per family or part of one, one registry, one version of the whole pack."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from ledger.errors import NotFoundError
from tracer.rules import (
    agreement,
    authority,
    balance,
    capacity,
    clock,
    conservation,
    custody,
    disposition,
    dwell,
    ends,
    export,
    factors,
    feasibility,
    holding,
    lineage,
    liquid,
    lot_graph,
    manifest,
    mirror,
    norm,
    norm_check,
    norm_shape,
    norm_source,
    origin,
    outcome,
    papers,
    passing,
    place,
    reliefs,
    scale,
    scrap,
    seal,
    seal_issue,
    structure,
    subcontract,
    supplies,
    surge,
    time,
    unit,
    weight,
)
from tracer.rules.core import Law, Param, Rule, RuleResult, Tally, evaluate

__all__ = ["RULES", "RULE_PACK", "Law", "Param", "Rule", "RuleResult", "Tally", "evaluate", "pack_of", "rule"]

_FAMILIES = "BNXOCSWTLUPD"
"""Order of the domain reference's families."""

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            each
            for module in (
                agreement,
                authority,
                balance,
                capacity,
                clock,
                conservation,
                custody,
                disposition,
                dwell,
                ends,
                export,
                factors,
                feasibility,
                holding,
                lineage,
                liquid,
                lot_graph,
                manifest,
                mirror,
                norm,
                norm_check,
                norm_shape,
                norm_source,
                origin,
                outcome,
                papers,
                passing,
                place,
                reliefs,
                scale,
                scrap,
                seal,
                seal_issue,
                structure,
                subcontract,
                supplies,
                surge,
                time,
                unit,
                weight,
            )
            for each in module.RULES
        ),
        key=lambda r: (_FAMILIES.index(r.id[0]), int(r.id[1:])),
    )
)


def pack_of(rules: Sequence[Rule]) -> str:
    """Version of a set of rules: the jurisdiction, the last date of effect among the citations, and a digest
    of every id, version, default and citation, so that whatever changes a result changes it.
    """
    latest = max((law.valid_from for r in rules for law in r.law), default="")
    text = json.dumps(
        [
            [
                r.id,
                r.version,
                [[p.name, p.default] for p in r.params],
                [[law.text, law.valid_from, law.valid_to] for law in r.law],
            ]
            for r in rules
        ],
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return f"vn-{latest}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


RULE_PACK = pack_of(RULES)
"""Version of this set of rules."""


def rule(rule_id: str) -> Rule:
    """The rule of an id.

    Raises:
        NotFoundError: no such rule.
    """
    for each in RULES:
        if each.id == rule_id:
            return each
    raise NotFoundError(f"no rule {rule_id!r} is known.", remedy=f"Known: {', '.join(r.id for r in RULES)}.")
