"""How long release takes: `cargoledger release-study`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shell import HomeOption, JsonOption, emit, opened
from ledger.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

_BAR = 36  # characters of the widest bar
_SHOWN_MAX = 30


def add_to(app: typer.Typer) -> None:
    """Put the command into the application."""
    app.command("release-study")(release_study)


def release_study(
    *,
    first: Annotated[str, typer.Option("--from", help="First day of arrival, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last day of arrival, YYYY-MM-DD.")],
    by: Annotated[
        str,
        typer.Option(
            "--by",
            help="Split by port, channel, prearrival, type, regime, chapter, load, agency, weekday or hour.",
            show_default=False,
        ),
    ] = "",
    calendar: Annotated[
        Path | None,
        typer.Option(
            "--calendar",
            metavar="TOML",
            help="A site's working hours, for a second clock.",
            show_default=False,
        ),
    ] = None,
    limit_hours: Annotated[
        float | None,
        typer.Option("--limit-hours", min=0, help="Service limit from arrival to gate.", show_default=False),
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            "--against",
            metavar="DAY..DAY",
            help="An earlier period to compare the medians with.",
            show_default=False,
        ),
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the time between arrival and release: stage by stage, who acted next, what is still waiting.

    Containers and cargo that arrived on those days, up to the last block indexed. Open ones count for as long
    as they have lasted (Kaplan-Meier median). docs/release-study.md says what each figure means.

    Example: cargoledger release-study --from 2026-01-01 --to 2026-06-30 --by channel
    """
    from api.views.findings import Sight
    from api.views.releasing import release_view
    from indexer.lookups import HOLDER

    earlier = None
    if against:
        one, points, other = against.partition("..")
        if not points:
            raise InputError("an earlier period is two days with .. between them.",
                             remedy="Write it like --against 2025-01-01..2025-06-30.")
        earlier = (one, other)
    with opened(home) as opened_home, opened_home.session() as session:
        view = release_view(Sight(opened_home, session, HOLDER), first, last, by=by, calendar=calendar,
                            limit_hours=limit_hours, against=earlier)
    emit(view, as_json, lambda: _report(view))


def _report(view: dict[str, Any]) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from api.cli.render import table

    period = view["period"]
    title = f"Release of what arrived from {period['from']} to {period['to']}, as of {view['as_of']}"
    parts: list[RenderableType] = [
        Text(title, style="bold"),
        Text(f"{view['cases']} units. Hours."),
    ]
    for name, clock in view["clocks"].items():
        rows = [
            ("arrive - gate_out", clock["way"]),
            *((f"{s['by']} {s['of']}", s["way"]) for s in clock.get("splits", ())),
        ]
        parts.append(
            table(
                f"Arrival to gate, {name} hours",
                ("", "left", "open", "median", "mean", "p10", "p90", "outliers", "over limit"),
                [
                    (
                        title,
                        str(w["n"]),
                        str(w["open"]),
                        *(_said(w, key) for key in ("median", "mean", "p10", "p90", "outliers")),
                        _share(w.get("over_limit")),
                    )
                    for title, w in rows
                ],
                right=range(1, 9),
            )
        )
        widest = max((gap["p90"] for gap in clock["gaps"]), default=0)
        parts.append(
            table(
                f"Gap by gap, {name} hours: median, and as bars p10 to p90",
                ("from", "to", "n", "median", "share", "next to act", ""),
                [
                    (
                        g["from"],
                        g["to"],
                        str(g["n"]),
                        _said(g, "median"),
                        _share(g["share"]),
                        g["parties"][0]["party"],
                        _bar(g, widest),
                    )
                    for g in clock["gaps"]
                ],
                right=(2, 3, 4),
            )
        )
    if view["open"]:
        parts.append(
            table(
                "Still there",
                ("after", "who has it", "n", "longest wait", "unit"),
                [
                    (o["after"], o["holder"], str(o["n"]), f"{o['longest_hours']:,.1f}", o["longest"])
                    for o in view["open"][:_SHOWN_MAX]
                ],
                right=(2, 3),
            )
        )
    if view["traffic"]["backlog"]:
        parts += _traffic(view["traffic"])
    if "against" in view:
        parts += _against(view["against"])
    if view["errors"]:
        parts.append(
            Text(
                f"{len(view['errors'])} gaps are not above zero: errors of dates, in no figure above; the "
                "first: {unit}, {from} to {to}.".format(**view["errors"][0]),
                style="yellow",
            )
        )
    return Group(*parts)


def _traffic(view: dict[str, Any]) -> list[RenderableType]:
    from rich.text import Text

    backlog, congestion, peak = view["backlog"], view["congestion"], view["peak"]
    lines = [
        f"Backlog: {backlog['now']} now, {backlog['most']} at most ({backlog['at']}), "
        f"{backlog['mean']:,.1f} on average.",
        f"Congestion: more came than left on {congestion['days']} days, {congestion['longest']} in a row at "
        f"most. Median of those that found more than {congestion['usual']} units there: "
        f"{_said(congestion['crowded'], 'median')}; of the others: {_said(congestion['free'], 'median')}.",
        *(f"Peak, {name}: {found['weekday'].title()} ({found['on_weekday']}), from {found['hour']}:00 "
          f"({found['in_hour']})." for name, found in peak.items() if found),
    ]
    return [Text(line) for line in lines]


def _against(view: dict[str, Any]) -> list[RenderableType]:
    from rich.text import Text

    from api.cli.render import table

    parts: list[RenderableType] = [
        table(
            f"Against {view['from']} to {view['to']}: medians of both periods",
            ("channel", "n before", "median", "n", "median", "weight"),
            [
                (
                    row["channel"],
                    str(row["before"]["n"]),
                    _said(row["before"], "median"),
                    str(row["after"]["n"]),
                    _said(row["after"], "median"),
                    _share(row["weight"]),
                )
                for row in view["channels"]
            ],
            right=range(1, 6),
        )
    ]
    for key, title in (("difference", "As they are"), ("adjusted", "At the earlier mix of channels")):
        told = view[key]
        parts.append(
            Text(
                f"  {title}: cannot be told."
                if told is None
                else f"  {title}: {told['hours']} hours ({view['level']} %: {told['low']} to "
                f"{told['high']}), {told['says']}."
            )
        )
    if view["left_out"]:
        parts.append(Text(f"  Too few to compare: {', '.join(view['left_out'])}.", style="dim"))
    return parts


def _said(figures: dict[str, Any], key: str) -> str:
    value = figures.get(key)
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _share(value: Decimal | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


def _bar(gap: dict[str, Any], widest: Decimal | int) -> str:
    """From the tenth to the ninetieth percentile, the median marked."""
    if not widest:
        return ""
    first, middle, last = (round(_BAR * gap[key] / widest) for key in ("p10", "p50", "p90"))
    cells = [" "] * first + ["─"] * (last - first + 1)
    cells[min(middle, len(cells) - 1)] = "█"
    return "".join(cells)
