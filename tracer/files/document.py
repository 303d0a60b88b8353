"""The one document that a check of a book folder gives: findings, forms, exemption, and what was wrong with
the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.check import InTurn, Overrides, Start, report_of, rules_for
from tracer.facts import Facts
from tracer.files.reading import BookFolder
from tracer.papers.kinds import PaperKind, paper_kind
from tracer.quantity import micro_text
from tracer.settlement import settle_facts


def document_of(folder: BookFolder, params: Overrides | None = None, start: Start = InTurn,
                kind: PaperKind | None = None, given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Check and settle a book folder. The same files give the same document, however the rules are run.

    Args:
        folder: what was read.
        params: parameters of rules.
        start: runs the rules; another than `InTurn` may do so while the book is settled.
        kind: the paper that is wanted (default: that of the jurisdiction); what it adds stands under its
            name. given: its particulars, before those of the book.

    Raises:
        InputError: an unknown parameter of a rule.
    """
    facts = Facts(folder.book, folder.effects)
    with start(facts, rules_for(facts), params or {}) as work:
        settled = settle_facts(facts)
        paper = (kind or paper_kind("", folder.book.jurisdiction)).of(facts, settled, given or {})
        settlement = settled.to_json()
        report = report_of(facts, work.results()).to_json()
    refused = [event for event in facts.events if event.outcome.refused]
    return {
        **{
            key: settlement[key]
            for key in (
                "book",
                "enterprise",
                "regime",
                "jurisdiction",
                "period",
                "as_of",
                "allocation",
                "allocation_method",
                "yield_basis",
                "form_version",
            )
        },
        "rule_pack": report["rule_pack"],
        "params_hash": report["params_hash"],
        "findings": report["findings"],
        "not_evaluable": report["not_evaluable"],
        "form15": settlement["form15"],
        "form15a": settlement["form15a"],
        "form16": settlement["form16"],
        "exemption": settlement["exemption"],
        "attributions": [
            {
                "export_line": used["line"],
                "material": row["material"],
                "import_line": row["import_line"],
                "quantity": used["quantity"],
                "uom": row["uom"],
            }
            for row in settlement["exemption"]
            for used in row["export_lines"]
        ],
        **{
            key: settlement[key]
            for key in ("semi_finished", "wip", "scrap", "materials", "missing", "evidence")
        },
        "rules": report["rules"],
        "refused": [
            {
                "event": event.id,
                "kind": event.kind.name,
                "outcome": event.outcome.name,
                "legs": [
                    {
                        "unit": leg.unit,
                        "code": leg.code,
                        "quantity": micro_text(leg.quantity_micro),
                        "uom": leg.uom,
                    }
                    for leg in event.legs
                ],
            }
            for event in refused
        ],
        "files": list(folder.files),
        "faults": [fault.to_json() for fault in folder.faults.found],
        "more_faults": folder.faults.more,
        "notes": [note.to_json() for note in folder.faults.notes],
        "incomplete": sorted(folder.faults.incomplete),
        **paper,
    }
