"""Tables and vectors of docs/formats/event-profile.md, as the code has them.

    .venv/bin/python -m tests.ledger.events.profile_docs      write them into the document and its vectors
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ledger.events.ids import UnitType
from ledger.events.kinds import ACCEPT_TRANSFER, RULES, KindRule, Need, Reference, inference_table
from ledger.events.profile import interpret
from ledger.events.strict_json import dump_json
from ledger.vocabulary import Balance, Kind, LineRole, Step
from tests.ledger.events.samples import (
    DIRECTORY,
    ENTERPRISE_KEY,
    NETWORK_SECRET,
    OTHER_KEY,
    context,
    every_kind,
    known_event,
)

FORMATS = Path(__file__).resolve().parents[3] / "docs" / "formats"
DOCUMENT = FORMATS / "event-profile.md"
VECTORS = FORMATS / "vectors" / "event-profile.json"


def _rows() -> list[tuple[str, Kind, KindRule]]:
    rows = []
    for kind, rule in RULES.items():
        rows.append((kind.name, kind, rule))
        if kind is Kind.ACCEPT:
            rows.append(("ACCEPT of a TRANSFER", kind, ACCEPT_TRANSFER))
    return rows


def kinds_table() -> str:
    """What each kind signs."""
    rows = ["| kind | things | reference | facility | counterparty | book | EPCIS type |", "|---|---|---|---|---|---|---|"]
    for label, kind, rule in _rows():
        low, high = rule.count
        things = _things(kind, rule) if high else "none"
        if high and (low, high) != (1, 64):
            things += f" ({low})" if low == high else f" ({low} to {high})"
        rows.append(f"| {label} | {things} | {_reference(kind, rule)} | {_need(rule.facility)} | {_need(rule.counterparty)} | "
                    f"{_need(rule.book)} | {_types(rule)} |")
    return "\n".join(rows)


def lines_table() -> str:
    """What a line says, by kind, type and role, where it says more than the unit."""
    rows = ["| kind | unit | role | balance | quantity | material |", "|---|---|---|---|---|---|"]
    for label, _, rule in _rows():
        for (unit_type, role), line in rule.lines.items():
            if role is LineRole.NONE and line.quantity is Need.NO:
                continue
            balances = " / ".join(b.name for b in line.balances) or "-"
            amount = _need(line.quantity) + (", may be 0" if line.zero else "")
            default = " (default)" if rule.default_role is role else ""
            rows.append(f"| {label} | {unit_type} | {role.name if role else '-'}{default} | {balances} | {amount} | {_need(line.material)} |")
    return "\n".join(rows)


def inference() -> str:
    """The inference table."""
    rows = ["| type | action | bizStep | disposition | needs | kind | step | meaning |", "|---|---|---|---|---|---|---|---|"]
    for r in inference_table():
        cells = [", ".join(x) or "any" for x in (r.types, r.actions, r.biz_steps, r.dispositions)]
        needs = ", ".join(f"`{n}`" for n in r.needs) or "-"
        rows.append(f"| {' | '.join(cells)} | {needs} | {r.kind.name} | {r.step.name if r.step else '-'} | {r.note or '-'} |")
    return "\n".join(rows)


def numbers() -> str:
    """Numbers of kinds, steps, roles and balances as signed."""
    rows = ["| word | numbers |", "|---|---|"]
    for word, values in (("kind", Kind), ("step", Step), ("role", LineRole), ("balance", Balance)):
        rows.append(f"| {word} | {', '.join(f'{v.name} {int(v)}' for v in values)} |")
    return "\n".join(rows)


TABLES = {"kinds": kinds_table, "lines": lines_table, "inference": inference, "numbers": numbers}


def filled(text: str) -> str:
    """The document with every table as the code has it."""
    for name, table in TABLES.items():
        pattern = re.compile(rf"(<!-- table: {name} -->\n).*?(\n<!-- end -->)", re.S)
        match = pattern.search(text)
        assert match, name
        text = text[:match.start()] + match[1] + table() + match[2] + text[match.end():]
    return text


def vectors() -> dict[str, Any]:
    """One event of each kind: what goes in, and what is signed."""
    cases = []
    for kind, (poster, event) in every_kind().items():
        found = interpret(event, context(poster))
        cited = {event[key] for key in ("cl:reference", "cl:normEvent", "eventID") if key in event}
        cases.append({
            "kind": kind, "poster": poster, "event": event,
            "resolve": {uri: "0x" + (known_event(uri) or b"").hex() for uri in sorted(cited)},
            "signed": found.event.to_json(),
            "units": [{"unit": "0x" + u.unit.hex(), "type": str(u.type), "scope": u.scope, "number": u.number} for u in found.units],
            "materials": [{"material": "0x" + (m.material or b"").hex(), "enterprise": m.enterprise, "code": m.code, "uom": m.uom}
                          for m in found.materials]})
    return {"format": "event-profile", "description": "docs/formats/event-profile.md", "network_secret": NETWORK_SECRET.hex(),
            "enterprise_keys": {"song-hong": ENTERPRISE_KEY.hex(), "thai-binh": OTHER_KEY.hex()}, "directory": DIRECTORY.to_json(), "cases": cases}


def vectors_text() -> str:
    """The vectors' file, a case a line."""
    return dump_json(vectors()).replace('{"kind"', '\n {"kind"').replace('"signed": {\n "kind"', '"signed": {"kind"').replace(
        '"signed": \n {"kind"', '"signed": {"kind"') + "\n"


def _things(kind: Kind, rule: KindRule) -> str:
    if kind is Kind.DECLARE:
        return "line, or a paper"
    if not rule.lines:
        return "any"
    return ", ".join(str(t) for t in UnitType if t in {unit_type for unit_type, _ in rule.lines})


def _types(rule: KindRule) -> str:
    names = [name.removesuffix("Event") for name in rule.types]
    return "any" if len(names) == 5 else ", ".join(names)


def _reference(kind: Kind, rule: KindRule) -> str:
    if kind is Kind.CORRECT:
        return "event of the same `eventID`"
    return {Reference.NONE: "-", Reference.EVENT: "`cl:reference`", Reference.LINE: "declaration line",
            Reference.LINE_OPTIONAL: "declaration line, or none", Reference.NORM_OPTIONAL: "`cl:normEvent`, or none",
            Reference.EITHER: "`cl:reference`, declaration line, or none", Reference.ORIGINAL: "original line of a CHANGE_OF_PURPOSE"}[rule.reference]


def _need(need: Need) -> str:
    return {Need.NO: "-", Need.MAY: "may", Need.MUST: "must", Need.STATED: "may, not signed"}[need]


if __name__ == "__main__":
    DOCUMENT.write_text(filled(DOCUMENT.read_text("utf-8")), "utf-8")
    VECTORS.write_text(vectors_text(), "utf-8")
