"""The table as documentation: docs/reference/kinds.md to read, kinds.json whole.

`python -m tests.contracts.table.render` writes both; a test compares. Rows and columns that say the same are one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from ledger.vocabulary import Kind, Outcome
from tests.contracts.table.cells import Cell, cells, paper_scene
from tests.contracts.table.kinds import Table
from tests.contracts.table.scene import POSTERS, PURPOSES
from tests.contracts.table.texts import TEXTS

K = TypeVar("K")
V = TypeVar("V")
REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"
FAMILIES = {
    "container": "containers", "cargo": "cargo", "lot": "lots", "receive": "declaration lines (of purpose receive)"}

MANY = 5  # states, more than that of one sort need not be spelled out if all is refused

HEAD = """# Who may do what to which thing in which state

This page is written by `python -m tests.contracts.table.render` from the rules in plain Python (`tests/contracts/oracle.py`); a
test compares. Every cell is run on the contract too, on py-evm and on anvil (revm): outcome, logs and storage must be the same.
`kinds.json` has every cell, uncollapsed.

**How to read it.** One section a kind. Each of its tables is about one thing that the event names; all else that it needs is there and in
order. A row is a state of that thing, a column a relation of the poster to it; what says the same is one row or one column.
✓ recorded, *pending* recorded and waiting for approval, else the name of the refusal (`docs/formats/outcomes.md` explains each). If
several things are wrong, the first one in the order of checks (`docs/formats/events.md`) is the outcome.

Not in the tables, since it is the same for every kind: what is wrong with signature, key, time or form; and that a **suspended** participant can
do nothing (`PARTICIPANT_SUSPENDED`), which was tried in every row.

**Posters.** Each is another participant, except that customs has two signers.

"""


def document(found: Sequence[Cell]) -> str:
    """The page."""
    by_table: dict[int, list[Cell]] = {}
    for cell in found:
        by_table.setdefault(id(cell.table), []).append(cell)
    parts = [HEAD, "| poster | who it is |\n|---|---|\n"]
    parts += [f"| {name} | {what} |\n" for name, what in POSTERS.items()]
    parts += ["\n", *_overview(found)]
    for kind in Kind:
        who, needs, does = TEXTS[kind]
        parts.append(f"\n## {kind.name}\n\n**Who**: {who}. **Needs**: {needs}. **Does**: {does}.\n")
        for of_one in by_table.values():
            if of_one[0].table.kind is kind:
                parts.append(_table(of_one[0].table, of_one))
    return "".join(parts)


def _overview(found: Sequence[Cell]) -> Iterable[str]:
    yield "## What a thing takes in each state\n\nFrom at least one poster, in at least one of the tables below.\n"
    for family, title in FAMILIES.items():
        rows: dict[str, set[Kind]] = {}
        for cell in found:
            if cell.item.family == family:
                rows.setdefault(cell.item.state, set())
                if not cell.outcome.refused:
                    rows[cell.item.state].add(cell.table.kind)
        yield f"\n### {title}\n\n| state | takes |\n|---|---|\n"
        for kinds, states in _grouped((state, tuple(sorted(kinds))) for state, kinds in rows.items()):
            yield f"| {'<br>'.join(states)} | {', '.join(x.name for x in kinds) or 'nothing'} |\n"


def _grouped(pairs: Iterable[tuple[K, V]]) -> list[tuple[V, list[K]]]:
    groups: dict[V, list[K]] = {}
    for key, value in pairs:
        groups.setdefault(value, []).append(key)
    return list(groups.items())


def _table(table: Table, found: Sequence[Cell]) -> str:
    posters = [x for x in POSTERS if x != "suspended"]
    outcomes = {(x.item.family, x.item.state, x.poster): x.outcome for x in found}
    items = list(dict.fromkeys((x.item.family, x.item.state) for x in found))
    columns = sorted(  # most posters last
        _grouped((p, tuple(outcomes[(*i, p)] for i in items)) for p in posters), key=lambda x: len(x[1]) > 3)
    rows = _grouped((i, tuple(column[n] for column, _ in columns)) for n, i in enumerate(items))
    most = max(columns, key=lambda x: len(x[1]))[1]
    called = {"custodian": _custodian(items[0][0])}
    names = ["anybody"] if len(columns) == 1 else [
        "all others" if x is most and len(x) > 3 else ", ".join(called.get(y, y) for y in x) for _, x in columns]
    lines = [f"\n{table.kind.name}, {table.about}:\n", f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for outcome_row, alike in rows:
        lines.append(f"| {_states(alike, items, rows if all(x.refused for x in outcome_row) else [])} | {' | '.join(map(_word, outcome_row))} |")
    return "\n".join(lines) + "\n"


def _custodian(family: str) -> str:
    """What its custodian is called."""
    if family in PURPOSES.values():
        return "its declarant"
    return "its poster" if family in ("pending", "event") else "custodian"


State = tuple[str, str]
"""Family and state of a thing."""


def _states(items: Sequence[State], every: Sequence[State], rows: Sequence[tuple[tuple[Outcome, ...], list[State]]]) -> str:
    """Families in bold with their states; families with the same states together.

    Of `rows`, if any, the longest list of states of a family is not spelled out: they are all others.
    """
    by_family: dict[str, list[str]] = {}
    for family, state in items:
        by_family.setdefault(family, []).append(state)

    def said(family: str, states: list[str]) -> str:
        if len(states) == sum(x[0] == family for x in every) > 1:
            return "in every state"
        counts = sorted(sum(x[0] == family for x in alike) for _, alike in rows)[-2:]
        alone = len(counts) == 1 or counts[:1] != counts[1:]
        return "in every other state" if counts and alone and len(states) == counts[-1] > MANY else "; ".join(states)

    groups = _grouped((family, said(family, states)) for family, states in by_family.items() if family != "other")
    parts = [f"**{' and '.join(families)}** {states}" for states, families in groups]
    return "<br>".join([*parts, *(["; ".join(by_family["other"])] if "other" in by_family else [])])


def _word(outcome: Outcome) -> str:
    return {Outcome.RECORDED: "✓", Outcome.PENDING: "*pending*"}.get(outcome, f"`{outcome.name}`")


def data(found: Sequence[Cell]) -> str:
    """All cells: per kind its tables, per table and state the outcome codes in the order of `posters`."""
    kinds: dict[str, list[dict[str, object]]] = {kind.name: [] for kind in Kind}
    codes: dict[tuple[int, str], list[int]] = {}
    for poster in POSTERS:
        for cell in found:
            if cell.poster == poster:
                codes.setdefault((id(cell.table), f"{cell.item.family}: {cell.item.state}"), []).append(int(cell.outcome))
    for table in dict.fromkeys(x.table for x in found):
        states = {state: outcomes for (of, state), outcomes in codes.items() if of == id(table)}
        kinds[table.kind.name].append({"about": table.about, "outcomes": states})
    lines = [f' "posters": {json.dumps(list(POSTERS))},']
    lines.append(' "outcomes": ' + json.dumps({str(int(x)): x.name for x in sorted({c.outcome for c in found})}) + ",")
    lines.append(' "kinds": {')
    for name, tables in kinds.items():
        comma = "," if name != list(kinds)[-1] else ""
        rows = ",\n".join("   " + json.dumps(x, ensure_ascii=False) for x in tables)
        lines.append(f'  "{name}": [\n{rows}\n  ]{comma}')
    return "{\n" + "\n".join(lines) + "\n }\n}\n"


def main() -> None:
    found = list(cells(paper_scene()))
    (REFERENCE / "kinds.md").write_text(document(found), encoding="utf-8")
    (REFERENCE / "kinds.json").write_text(data(found), encoding="utf-8")


if __name__ == "__main__":
    main()
