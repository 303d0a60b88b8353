"""What people see of the finished story, drawn with the pieces that the command line uses."""

from __future__ import annotations

import demo_story
from demo_report import Result
from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from api.cli.render import findings_table, lineage_tree, settlement_tables, unit_panel, verification
from api.home import Home
from api.proving import prove, verify
from api.views.books import Ask, settlement_view
from api.views.lineage import lineage_view
from api.views.units import unit_view
from api.words import kind_words, outcome_words
from indexer.lookups import HOLDER
from indexer.models import Event
from tracer.quantity import grouped

CONTAINER = "RDLHPH2505238/RDLU3044166"
"""The container of the red channel: held, opened, sealed anew."""
EXPORT_LOT = "thanh-lam-garment/JKT-2510-E"
"""Jackets of the second export: from two orders, with fabric that was printed outside."""


def show(home: Home, story: demo_story.Story, result: Result, console: Console) -> None:
    """Print everything in the order in which a newcomer asks."""
    console.print(_opening(home, story))
    with home.session() as session:
        console.print(Rule("[bold]One container, from ship to factory"))
        console.print(unit_panel(unit_view(session, home.directory, HOLDER, CONTAINER, now_s=home.clock())))
        console.print(Rule("[bold]What went into one export lot"))
        console.print(lineage_tree(lineage_view(session, home, HOLDER, EXPORT_LOT, "backward")))
        console.print(Rule("[bold]The year, settled"))
        view = settlement_view(Ask(home, session, story.book, *story.period))
        console.print(settlement_tables(view))
    console.print(Rule("[bold]What the ledger refused"))
    console.print(_refused(home, result.refused_events))
    others = [f for f in result.findings if f.key not in {g.key for g in result.main_findings}]
    if others:
        console.print(Rule("[bold]Found outside that book"))
        console.print(findings_table({"findings": [f.to_json() for f in others]}))
    if story.planted:
        console.print(Rule("[bold]What was planted, and what caught it"))
        console.print(_planted(result))
    console.print(Rule("[bold]One event, proved to somebody who trusts nobody"))
    console.print(_proof(home, result))
    console.print(_summary(home, result))


def _opening(home: Home, story: demo_story.Story) -> RenderableType:
    """Where the reader is: whose year this is, and how many parties signed it."""
    posters = len({posting.poster for posting in story.postings})
    book = home.directory.book(story.book)
    return Group(
        Text(story.title, style="bold"),
        f"{len(story.postings)} EPCIS documents of {posters} parties, each signed with its key, in order.",
        f"The book: {book.name} ({book.regime}), {story.period[0]} to {story.period[1]}.",
    )


def _refused(home: Home, refused: list[tuple[Event, str]]) -> RenderableType:
    if not refused:
        return Text("Nothing was refused.", style="green")
    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for column in ("what", "who", "reason", "event"):
        table.add_column(column, overflow="fold")
    for event, label in refused:
        sentence, remedy = outcome_words(event.outcome)
        table.add_row(
            kind_words(event.kind, event.step),
            escape(home.directory.participant(event.participant).name),
            Text.assemble((event.outcome_name, "red"), f": {sentence} {remedy}"),
            escape(label),
        )
    return table


def _planted(result: Result) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for column in ("irregularity", "what happens", "caught by"):
        table.add_column(column, overflow="fold")
    for fault in result.planted:
        caught = ", ".join(fault["caught_by"])
        table.add_row(
            escape(fault["name"]),
            escape(fault["title"]),
            Text(caught, style="green") if caught else Text("not caught", style="bold red"),
        )
    return table


def _proof(home: Home, result: Result) -> RenderableType:
    """The refused act is the one worth proving; in the clean story any recorded event."""
    subject = result.refused_events[0][0].event_id if result.refused_events else CONTAINER
    return verification(verify(prove(home, subject), home.trust_root()))


def _summary(home: Home, result: Result) -> RenderableType:
    lines = [
        f"{grouped(str(result.posted))} events posted, {grouped(str(result.recorded))} recorded, "
        f"{sum(result.refused.values())} refused, {len(result.findings)} findings",
        f"ledger at block {result.head['number']}  {result.head['hash']}",
        f"index digest  {result.index_digest}",
    ]
    good = Text("Everything planted was caught, and nothing else.", style="bold green")
    if not result.planted:
        good = Text("The clean story: nothing refused, nothing found.", style="bold green")
    if not result.good:
        good = Text("This is not what the story expects.", style="bold red")
    further = Text(
        f"Ask further: cargoledger show {CONTAINER} --home {home.path}\n"
        "(the folder stays if you start the demo with --state DIR). The story: examples/journey/README.md",
        style="dim",
    )
    return Group(Panel(Group(*lines, good), expand=False), further)
