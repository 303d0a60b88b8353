"""A checked book folder as people read it: what was wrong with the files, what does not add up, the forms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from api.cli.render import findings_table, form_tables, table
from api.words import kind_words
from tracer.currency import money
from tracer.quantity import grouped

_SHOWN_MAX = 40  # of a kind; --json has all


def book_report(view: dict[str, Any]) -> RenderableType:
    """The report on a book folder: verdict first, then what it rests on."""
    period = view["period"]
    parts: list[RenderableType] = [
        Text(f"{view['enterprise']}  {view['book']}  {period['from']} to {period['to']}", style="bold"),
        Text(
            f"as of {view['as_of']}, rule pack {view['rule_pack']}, {len(view['files'])} files", style="dim"
        ),
        *_faults(view),
        findings_table(view),
        *_duty(view),
        *_not_evaluable(view["not_evaluable"]),
        *_refused(view["refused"]),
        form_tables(view),
    ]
    return Group(*parts)


def with_tables(view: dict[str, Any], answer: RenderableType) -> RenderableType:
    """An answer about a book of the ledger, and what could not be used of the tables beside it."""
    tables = view.get("beside")
    if tables is None:
        return answer
    read = Text(f"With {', '.join(tables['files']) or 'no table'} beside the ledger.")
    return Group(answer, read, *_faults(tables))


def _faults(view: dict[str, Any]) -> Iterable[RenderableType]:
    if view["faults"]:
        rows = [
            (f["file"], str(f["row"] or ""), f["column"], f["message"], f["remedy"])
            for f in view["faults"][:_SHOWN_MAX]
        ]
        yield table(
            "Rows and tables that could not be read and were left out",
            ("file", "row", "column", "what is wrong", "what to do"),
            rows,
            right=(1,),
        )
        if (more := len(view["faults"]) + view["more_faults"] - len(rows)) > 0:
            yield Text(f"  ... and {more} more.", style="yellow")
        if view["incomplete"]:
            yield Text(
                "  What is said of these codes may be due to the rows left out: "
                + ", ".join(view["incomplete"]),
                style="yellow",
            )
    for note in view["notes"][:_SHOWN_MAX]:
        where = (
            note["file"]
            + (f", row {note['row']}" if note["row"] else "")
            + (f", {note['column']}" if note["column"] else "")
        )
        yield Text(f"note: {where} {note['message']} {note['remedy']}".rstrip(), style="dim")


def _duty(view: dict[str, Any]) -> Iterable[RenderableType]:
    risks = [
        (f["rule"], f["subject"]["id"], money(f["duty_at_risk"], f["currency"]))
        for f in view["findings"]
        if f["duty_at_risk"]
    ]
    if risks:
        yield table("Duty at risk", ("rule", "subject", "duty"), risks, right=(2,))


def _not_evaluable(findings: list[dict[str, Any]]) -> Iterable[RenderableType]:
    if findings:
        rows = [(f["rule"], f["subject"]["id"], "; ".join(f["missing"])) for f in findings[:_SHOWN_MAX]]
        yield table("Could not be judged, so it is no pass", ("rule", "subject", "what is missing"), rows)
        if len(findings) > _SHOWN_MAX:
            yield Text(f"  ... and {len(findings) - _SHOWN_MAX} more.")


def _refused(refused: list[dict[str, Any]]) -> Iterable[RenderableType]:
    if refused:
        rows = [
            (
                r["event"],
                kind_words(r["kind"]),
                r["outcome"],
                "\n".join(f"{x['unit']} {grouped(x['quantity'])} {x['uom']}".rstrip() for x in r["legs"]),
            )
            for r in refused[:_SHOWN_MAX]
        ]
        yield table(
            "Movements that a ledger would have refused; they are evidence and count for nothing",
            ("movement", "what", "refusal", "asked for"),
            rows,
        )
        if len(refused) > _SHOWN_MAX:
            yield Text(f"  ... and {len(refused) - _SHOWN_MAX} more.")


def fault_table(faults: list[dict[str, Any]]) -> RenderableType:
    """The faults that an example can have."""
    return table(
        "",
        ("fault", "what was done", "found by"),
        [(f["name"], f["story"], escape(" ".join([f["rule"], *f["companions"]]))) for f in faults],
    )
