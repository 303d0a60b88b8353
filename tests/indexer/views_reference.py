"""docs/reference/views.md and views.svg from `indexer.views`: `python -m tests.indexer.views_reference`."""

from __future__ import annotations

from html import escape
from pathlib import Path

from indexer.views import VIEWS, View

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
HEAD = """# Views for SQL and BI tools

<!-- Made by `python -m tests.indexer.views_reference` from indexer/views.py; a test compares. -->

Seven views over the index's tables, the same on SQLite and PostgreSQL. **Their names and columns are stable**: columns may be added at the end, none is renamed or
taken away without a line in the changelog; the tables below them ([index.md](index.md)) may change with any version.

- Quantities are exact. `..._micro` is a whole number of 10⁻⁶ of the unit of measure; the column without the suffix is the same with six decimals: `numeric(26, 6)` on
  PostgreSQL, text on SQLite, which has no decimals (there sum the `_micro` column).
- Times are `timestamptz` on PostgreSQL and ISO 8601 text in UTC on SQLite; empty beyond the year 9999, which anybody may sign. `occurred` and `stated` times are the
  poster's word, `recorded` ones the block's.
- Participants, facilities and books are the ledger's numbers; `cargoledger participant list --json` and the directory name them.
- Refused acts are rows in `movements` and `findings` and nowhere else. `findings` holds what ledger and index say by themselves; what the rules find over a
  period (balances, norms, exports) is asked for with `cargoledger check BOOK --json`, because it depends on period and reference tables and would grow stale in a table.
- A unit that no opened payload names has an empty `number` and `scope`: the index shows what its keys open.

![The views and how they refer to each other](views.svg)

"""
ROLE = """## A role that only reads (PostgreSQL)

```sql
CREATE ROLE bi LOGIN PASSWORD '...' CONNECTION LIMIT 5;
GRANT CONNECT ON DATABASE cargoledger TO bi;
GRANT USAGE ON SCHEMA public TO bi;
GRANT SELECT ON units, handovers, dwell, lots, movements, declarations, findings TO bi;
ALTER ROLE bi SET default_transaction_read_only = on;
ALTER ROLE bi SET statement_timeout = '60s';
```

It sees the views and not the tables below them, so no payload document; a view reads with its owner's rights. The views show everything that this index opened: give the role to
people who may read what the index's keys read. An upgrade makes the views anew and gives the rights again. Views of your own over these keep an upgrade from
replacing them: it stops and changes nothing; drop yours first, or keep them in the BI tool.

On SQLite open the file read-only: `sqlite3 'file:index.sqlite?mode=ro'`.
"""
BOX, LINE, GAP = 200, 15, 60


def mermaid() -> str:
    lines = ["```mermaid", "erDiagram"]
    lines += [f"    {other} ||--o{{ {view.name} : {own}" for view in VIEWS for own, other, _ in view.refers]
    for view in VIEWS:
        lines += [f"    {view.name} {{", *(f"        column {name}{' PK' if name in view.keys else ''}" for name, _ in view.columns),
                  "    }"]
    return "\n".join([*lines, "```", ""])


def section(view: View) -> str:
    told = "\n".join(f"| {name}{' (key)' if name in view.keys else ''} | {meaning} |" for name, meaning in view.columns)
    return f"## {view.name}\n\n{view.about}\n\n| column | what it is |\n|---|---|\n{told}\n"


def svg() -> str:
    """Boxes in columns, `units` in the middle of what refers to it; lines from column to column."""
    order = [["declarations"], ["lots"], ["units", "handovers", "dwell"], ["movements"], ["findings"]]
    known = {view.name: view for view in VIEWS}
    place: dict[str, tuple[int, int]] = {}
    heights = []
    for i, names in enumerate(order):
        y = 20
        for name in names:
            place[name] = (20 + i * (BOX + GAP), y)
            y += LINE * (len(known[name].columns) + 2) + GAP
        heights.append(y)
    width, height = 20 + len(order) * (BOX + GAP) - GAP + 20, max(heights)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
             f'<rect width="{width}" height="{height}" fill="#ffffff"/>']

    def row(name: str, column: str) -> int:
        return place[name][1] + LINE * (1 + [c for c, _ in known[name].columns].index(column) + 1)

    for view in VIEWS:
        for own, other, column in view.refers:
            (x1, _), (x2, _) = place[view.name], place[other]
            y1, y2 = row(view.name, own), row(other, column)
            a, b = (x1, x2 + BOX) if x1 > x2 else (x1 + BOX, x2)
            bend = GAP / 2 if x1 > x2 else -GAP / 2
            if x1 == x2:
                a, b, bend = x1, x2, GAP / 3
            parts.append(f'<path d="M {a} {y1} C {a - bend:g} {y1} {b + (bend if x1 != x2 else -bend):g} {y2} {b} {y2}" fill="none" '
                         f'stroke="#44688a"><title>{view.name}.{own} names {other}.{column}</title></path>')
    for name, (x, y) in place.items():
        view = known[name]
        parts.append(f'<g><rect x="{x}" y="{y}" width="{BOX}" height="{LINE * (len(view.columns) + 1) + 6}" fill="#f6f8fa" stroke="#44688a"/>'
                     f'<rect x="{x}" y="{y}" width="{BOX}" height="{LINE + 2}" fill="#44688a"/>'
                     f'<text x="{x + 8}" y="{y + 13}" fill="#ffffff" font-weight="bold">{name}</text>')
        for column, meaning in view.columns:
            weight = ' font-weight="bold"' if column in view.keys else ""
            parts.append(f'<text x="{x + 8}" y="{row(name, column) + 4}"{weight}>{column}<title>{escape(meaning)}</title></text>')
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def files() -> dict[Path, str]:
    """Each file with what must be in it."""
    page = HEAD + mermaid() + "\n" + "\n".join(section(view) for view in VIEWS) + "\n" + ROLE
    return {FOLDER / "views.md": page, FOLDER / "views.svg": svg()}


if __name__ == "__main__":
    for file, made in files().items():
        file.write_text(made, "utf-8")
