"""The generated parts of docs/formats: tables and known answers, made from code so that they cannot drift.

Run as a script it writes them into the documents; the test compares.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from coincurve import PrivateKey

from contracts.artifacts import load
from ledger.events.model import (
    DOMAIN_TYPE,
    EVENT_TYPE,
    LINE_TYPE,
    CustodyEvent,
    Line,
    domain_separator,
    event_id,
    fold_head,
)
from ledger.outcomes_text import explain, remedy
from ledger.vocabulary import Balance, Kind, LineRole, Outcome, Step
from tests.contracts.evm import signature_of
from tests.contracts.governance import OWN_OF_GOVERNANCE
from tests.contracts.oracle import Refused, _form
from tests.contracts.world import address_of, sign

FORMATS = Path(__file__).resolve().parent.parent.parent / "docs" / "formats"
GROUPS = {0: "taken", 1: "1xx signature", 2: "2xx authority", 3: "3xx state", 4: "4xx custody", 5: "5xx quantity",
          6: "6xx reference", 7: "7xx format"}

VECTOR = CustodyEvent(
    kind=Kind.TRANSFORM, step=Step.NONE,
    lines=(
        Line(b"\x01" * 32, bytes(32), Balance.WIP, 7_500_000, LineRole.INPUT),
        Line(b"\x02" * 32, b"\x33" * 32, Balance.NONE, 3_000_000, LineRole.PRODUCT),
    ),
    counterparty=0, facility=0, book=7, reference=b"\x44" * 32, occurred_at_ms=1_790_000_000_123,
    deadline_s=1_790_086_400, nonce=42, commitment=b"\x55" * 32,
)
VECTOR_CHAIN = 1337
VECTOR_CONTRACT = bytes.fromhex("00112233445566778899aabbccddeeff00112233")
VECTOR_KEY = PrivateKey(b"\x01" * 32)


def types_block() -> str:
    return "\n".join(["```text", DOMAIN_TYPE, EVENT_TYPE.removesuffix(LINE_TYPE), LINE_TYPE, "```"])


def vector_block() -> str:
    separator = domain_separator(VECTOR_CHAIN, VECTOR_CONTRACT)
    identifier = event_id(VECTOR, separator)
    rows = [
        ("chain id", str(VECTOR_CHAIN)), ("contract", "0x" + VECTOR_CONTRACT.hex()),
        ("domain separator", "0x" + separator.hex()), ("hashStruct of the event", "0x" + VECTOR.struct_hash().hex()),
        ("event id", "0x" + identifier.hex()), ("private key", "0x" + VECTOR_KEY.secret.hex()),
        ("address", "0x" + address_of(VECTOR_KEY).hex()), ("signature", "0x" + sign(VECTOR_KEY, identifier).hex()),
        ("abi.encode(event)", f"{len(VECTOR.encoded())} bytes, 0x{VECTOR.encoded().hex()}"),
        ("head after it, RECORDED, from zero", "0x" + fold_head(bytes(32), identifier, 0).hex()),
    ]
    fields = VECTOR.to_json()
    text = ["```text", f"kind {VECTOR.kind.value} ({fields['kind']})   step 0   book 7   nonce 42"]
    for i, line in enumerate(VECTOR.lines):
        text.append(f"line {i}: unit 0x{line.unit.hex()}")
        text.append(f"        material 0x{line.material.hex()}")
        text.append(f"        balance {line.balance.value}   quantity {line.quantity_micro}   role {line.role.value}")
    text += [f"reference  0x{VECTOR.reference.hex()}", f"occurredAt {VECTOR.occurred_at_ms}",
             f"deadline   {VECTOR.deadline_s}", f"commitment 0x{VECTOR.commitment.hex()}", ""]
    text += [f"{name}:\n  {value}" for name, value in rows]
    return "\n".join([*text, "```"])


def fields_block() -> str:
    """Fields by kind, from the form that the oracle checks."""
    rows = ["| no. | kind | fields | lines | what a line says |", "|---|---|---|---|---|"]
    line = (Line(b"\x01" * 32),)
    forms: dict[Kind, tuple[tuple[str, dict[str, Any]], ...]] = {
        Kind.DECLARE: ((" (anchor)", {"lines": ()}), (" (line)", {"lines": line}),
                       (" (norm)", {"lines": line, "step": Step.NORM})),
        Kind.ACCEPT: (("", {"lines": line}), (" (of a TRANSFER)", {"lines": line, "book": 1})),
    }
    for kind in Kind:
        for note, said in forms.get(kind, (("", {"lines": line}),)):
            event = replace(VECTOR, **({"kind": kind, "step": Step.NONE, "book": 0} | said))
            rows.append(f"| {kind.value} | {kind.name}{note} | {_row(event)} |")
    return "\n".join(rows)


def _row(event: CustodyEvent) -> str:
    try:
        fields, fewest, most, roles = _form(event)
    except Refused:
        return "– | – | not available"
    if event.kind is Kind.DECLARE and event.step is not Step.NORM:
        fewest, most = (len(event.lines), len(event.lines))
    named = ", ".join(x for x in ("counterparty", "facility", "book", "reference") if x in fields) or "–"
    count = str(fewest) if fewest == most else f"{fewest} to {most}"
    if most == 0:
        return f"{named} | 0 | –"
    if roles is None:
        return f"{named} | {count} | anything (evidence)"
    shapes: dict[str, list[str]] = {}
    for role, (balances, quantity, material) in roles.items():
        parts = []
        if balances != {Balance.NONE}:
            parts.append("balance " + (
                "any" if balances == set(Balance) else " or ".join(x.name for x in Balance if x in balances)))
        parts += ["quantity"] * quantity + ["material"] * material
        shapes.setdefault("; ".join(parts) or "unit only", []).append(role.name)
    said = [f"{' / '.join(names)}: {shape}" if names != ["NONE"] else shape for shape, names in shapes.items()]
    return f"{named} | {count} | {' · '.join(said)}"


def outcomes_block() -> str:
    rows = []
    group = -1
    for outcome in Outcome:
        if outcome // 100 != group:
            group = outcome // 100
            rows += ["", f"### {GROUPS[group]}", "", "| code | name | what it means | what to do |", "|---|---|---|---|"]
        rows.append(f"| {outcome.value} | {outcome.name} | {explain(outcome)} | {remedy(outcome) or '–'} |")
    return "\n".join(rows).strip()


def interface_block(name: str, only: set[str] | None = None) -> str:
    """Functions, events and errors with their signatures."""
    rows = ["```text"]
    for kind in ("function", "event", "error"):
        for item in load(name).abi:
            if item["type"] != kind:
                continue
            if only is not None and signature_of(item) not in only:
                continue
            outputs = ",".join(x["type"] for x in item.get("outputs", []))
            gives = f" -> ({outputs})" if outputs else ""
            rows.append(f"{kind:<8} {signature_of(item)}{gives}")
    return "\n".join([*rows, "```"])


def gas_block() -> str:
    """What an event costs, from the committed snapshot (scripts/gas_table.py)."""
    table = json.loads((FORMATS.parent.parent / "contracts" / "gas.json").read_text(encoding="utf-8"))
    rows = ["| kind | of 200 | of 200, in the contract | alone | opcodes |", "|---|---|---|---|---|"]
    rows += [f"| {label} | {x['batch_200']:,} | {x['contract_200']:,} | {x['alone']:,} | {x['opcodes']:,} |"
             for label, x in table.items()]
    return "\n".join(rows)


BLOCKS = {
    "events.md": {"types": types_block, "fields": fields_block, "vector": vector_block},
    "outcomes.md": {"outcomes": outcomes_block},
    "contracts.md": {
        "governance": lambda: interface_block("Governance", only=OWN_OF_GOVERNANCE),
        "participants": lambda: interface_block("Participants"), "ledger": lambda: interface_block("CustodyLedger"),
        "gas": gas_block},
}


def rendered(text: str, blocks: dict[str, str]) -> str:
    """The document with its generated parts renewed."""
    for name, block in blocks.items():
        mark = re.compile(rf"(<!-- generated: {name} -->\n)(?:(?!<!--).*\n)*?(<!-- end -->)")
        assert mark.search(text), f"no place for {name}"
        text = mark.sub(lambda m, block=block: m[1] + block + "\n" + m[2], text)
    return text


def main() -> None:
    for document, blocks in BLOCKS.items():
        path = FORMATS / document
        path.write_text(rendered(path.read_text(), {k: make() for k, make in blocks.items()}))


if __name__ == "__main__":
    main()
