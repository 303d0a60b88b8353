"""The layout of an explanation on paper: sentences, then the account, the findings, the duty, the events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tracer.currency import money
from tracer.quantity import grouped
from tracer.settlement.sheets import Column, Rows, SheetLayout

_SIDES = {"in": "came in", "out": "accounted for", "rest": ""}
_IDS_SHOWN = 4


def explanation_sheets(page: Mapping[str, Any]) -> tuple[SheetLayout, ...]:
    """The parts of one explanation (`explain.explanations`)."""
    subject = page["subject"]
    name = f" {subject['name']}" if subject["name"] and subject["type"] in ("material", "product") else ""
    said = tuple(("plain", sentence) for sentence in page["says"])
    law = (("note", f"Law: {'; '.join(page['law'])}."),) if page["law"] else ()
    ledger = (Column("chain", "Ledger", width=34),) if any(row["tx"] for row in page["events"]) else ()
    settles = tuple(("plain", f"– {text}") for text in page["settles"])
    return (
        SheetLayout(page["about"], f"{_title(page)}: {subject['id']}{name}", (
            Column("label", "Figure", width=52), Column("quantity", "Quantity", numeric=True, width=14),
            Column("uom", "Unit", width=8), Column("side", "", width=15),
            Column("how", "How it is known", width=46), Column("ids", "Events", width=34)),
            _given(_account(page)), prose=(*said, *law, ("plain", "")),
            empty="No account: see what is missing above." if page["missing"] else "Nothing was moved."),
        SheetLayout("short", "Which figure is short", (
            Column("figure", "Figure", width=40), Column("expected", "Expected", numeric=True),
            Column("observed", "Found", numeric=True), Column("short", "Short by", numeric=True),
            Column("uom", "Unit", width=8), Column("why", "Why", width=50),
            Column("ids", "Events", width=30)),
            _given([{**row, "ids": _ids(row["events"])} for row in page["short"]]), follows=True,
            optional=True),
        SheetLayout("findings", "What was found", (
            Column("rule", "Rule", width=7), Column("title", "", width=30),
            Column("severity", "Severity", width=10), Column("expected", "Expected", numeric=True),
            Column("observed", "Observed", numeric=True), Column("difference", "Difference", numeric=True),
            Column("uom", "Unit", width=8), Column("duty_at_risk", "Duty at risk", numeric=True),
            Column("currency", "Currency", width=9),
            Column("explanation", "Why", width=60)),
            _given(page["findings"]), follows=True, optional=True),
        SheetLayout("settles", "What evidence would settle it", (), _given([{}] if settles else []),
                    prose=(*settles, ("plain", "")), follows=True, optional=True),
        SheetLayout("lines", _duty_title(page["duty"]), (
            Column("material", "Material", width=18), Column("line", "Import line", width=24),
            Column("accepted", "Accepted", width=12), Column("received", "Received", numeric=True),
            Column("uom", "Unit", width=8), Column("value", "Value", numeric=True),
            Column("currency", "Currency", width=9), Column("duty_rate", "Rate", numeric=True),
            Column("duty_per_unit", "Duty on one unit", numeric=True),
            Column("duty_currency", "in", width=6), Column("ids", "Events", width=30)),
            _given([{**row, "ids": _ids(row["events"])} for row in page["import_lines"]]), follows=True,
            optional=True),
        SheetLayout("events", "The events named above", (
            Column("id", "Event", width=34), Column("kind", "Kind", width=16), Column("at", "When", width=19),
            Column("recorded", "Recorded", width=19), Column("by", "By", width=16),
            Column("line", "Declaration line", width=22), Column("moved", "What", width=48), *ledger),
            _given([_event(row) for row in page["events"]]), follows=True, optional=True),
    )


def _title(page: Mapping[str, Any]) -> str:
    return "What is unexplained" if page["findings"] else "Where it went"


def _duty_title(duty: Mapping[str, Any]) -> str:
    if duty["by_policy"] is None or duty["quantity"] == "0":
        return "Import lines"
    least, most, by_policy = (money(duty[each], duty["currency"]) for each in ("least", "most", "by_policy"))
    return f"Import lines; duty at risk from {least} to {most}, by {duty['policy']} {by_policy}"


def _given(rows: Iterable[Mapping[str, Any]]) -> Rows:
    kept = list(rows)
    return lambda _document, _report: kept


def _account(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**row, "side": _SIDES[row["side"]], "ids": _ids(row["events"])} for row in page["account"]]


def _ids(events: Sequence[str]) -> str:
    """The first events of a figure; all of them stand below and in the JSON."""
    more = f" and {len(events) - _IDS_SHOWN} more" if len(events) > _IDS_SHOWN else ""
    return ", ".join(_short(i) for i in events[:_IDS_SHOWN]) + more


def _short(event: str) -> str:
    return f"{event[:10]}...{event[-4:]}" if event.startswith("0x") and len(event) > 20 else event


def _minute(moment: str) -> str:
    """`2026-03-20 08:15`, in the zone of the book."""
    return moment[:16].replace("T", " ")


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    moved = "; ".join(
        m["unit"] + (f" {grouped(m['quantity'])} {m['uom']}" if m["quantity"] else "") for m in row["moved"])
    chain = f"block {row['block']}, {row['tx']}" if row.get("block") else row["tx"]
    refused = "" if row["outcome"] == "RECORDED" else f" (refused: {row['outcome']})"
    cited = f" cites {', '.join(row['documents'])}" if row["documents"] else ""
    return {**row, "moved": moved, "chain": chain, "at": _minute(row["at"]),
            "recorded": _minute(row["recorded"]), "kind": row["kind"].replace("_", " ").lower() + refused,
            "line": f"{row['line']}{cited}".strip()}
