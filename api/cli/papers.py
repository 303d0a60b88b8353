"""A paper in a terminal, from the layout that workbook and PDF are written from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

from api.cli.render import table
from tracer.quantity import grouped

if TYPE_CHECKING:
    from tracer.papers.kinds import PaperKind


def paper_tables(kind: PaperKind, view: dict[str, Any], report: dict[str, Any]) -> RenderableType:
    """Every table of a paper that is not of the settlement itself; columns without a value are left out."""
    parts = []
    for layout in kind.printed if kind.make else ():
        rows = list(layout.rows(view, report))
        columns = [c for c in layout.columns if any(row.get(c.key) not in (None, "", "0") for row in rows)]
        if rows:
            parts.append(table(
                layout.title, [c.heading.replace("\n", " ") for c in columns],
                [[_text(row.get(c.key), numeric=c.numeric) for c in columns] for row in rows],
                right=[place for place, c in enumerate(columns) if c.numeric]))
    return Group(*parts)


def _text(value: Any, *, numeric: bool) -> str:
    text = "" if value is None else str(value)
    return grouped(text) if numeric else text
