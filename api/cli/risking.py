"""`risk` and the group `findings`: where to look first and why, and what people say of findings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shell import EXIT_BAD_NEWS, HomeOption, JsonOption, emit, opened

if TYPE_CHECKING:
    from rich.console import RenderableType

    from api.views.findings import Sight

_BAR = 20  # characters of a full score
_SHOWN = 10  # checks of a book, and units, that people see at once
findings_app = typer.Typer(
    no_args_is_help=True, help="Findings of kept settlements, and what people say of them."
)


def add_to(app: typer.Typer) -> None:
    """Put these commands into the application."""
    app.command("risk")(risk)
    app.add_typer(findings_app, name="findings")
    for name, command in (("list", list_findings), ("show", show), ("say", say), ("prove", prove)):
        findings_app.command(name)(command)


@contextmanager
def _sight(home: Path | None) -> Iterator[Sight]:
    from api.views.findings import Sight
    from indexer.lookups import HOLDER

    with opened(home) as opened_home, opened_home.session() as session:
        yield Sight(opened_home, session, HOLDER)


def risk(
    *,
    capacity: Annotated[
        int, typer.Option(min=0, help="How many books can be controlled; a tenth by lot.")
    ] = 0,
    aeo: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="An authorised economic operator; may be given again.", show_default=False
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say where to look first, and why: books by duty at risk and score, units, records of actors.

    Of the settlements that are kept (`cargoledger runs keep`). Every point of a score is shown with the
    checks it comes from; a score decides nothing. docs/risk.md explains the figures.

    Example: cargoledger risk --capacity 10
    """
    from api.views.risk import risk_view

    with _sight(home) as sight:
        view = risk_view(sight, capacity=capacity, aeo=aeo or ())
    emit(view, as_json, lambda: _risk(view))


def list_findings(
    book: Annotated[
        str | None, typer.Argument(metavar="[BOOK]", help="Only of this book.", show_default=False)
    ] = None,
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List findings of the latest kept settlements, those that pay a look first; closed ones last.

    Example: cargoledger findings list dmg-sxxk
    """
    from api.views.findings import findings_view

    with _sight(home) as sight:
        view = findings_view(sight, book)
    emit(
        view,
        as_json,
        lambda: (
            _findings(view["findings"])
            if view["findings"]
            else "There is no finding in the settlements that are kept."
        ),
    )


def show(
    finding: Annotated[
        str, typer.Argument(metavar="FINDING", help="Its 12 digits, as `findings list` shows.")
    ],
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a finding and all that was said of it.

    Example: cargoledger findings show 0123456789ab
    """
    from api.views.findings import history_view

    with _sight(home) as sight:
        view = history_view(sight, finding)
    emit(view, as_json, lambda: _history(view))


def say(
    finding: Annotated[
        str, typer.Argument(metavar="FINDING", help="Its 12 digits, as `findings list` shows.")
    ],
    status: Annotated[str, typer.Argument(metavar="STATUS", help="explained, confirmed, dismissed or open.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the name of who says so.")],
    participant: Annotated[str, typer.Option("--as", metavar="ID", help="Who says so.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a finding is: its book's owner may explain it; customs may confirm, dismiss or reopen it.

    What is said is kept for ever and seen by both sides. It is about the figures of now: if a later
    settlement finds others, the finding is open again.

    Example: cargoledger findings say 0123456789ab explained --as acme --reason "Counted twice: minutes 12"
    """
    from api.views.findings import say as keep

    with _sight(home) as sight:
        view = keep(sight, finding, status, reason, participant=participant)
    emit(view, as_json, lambda: _history(view))


def prove(
    finding: Annotated[
        str, typer.Argument(metavar="FINDING", help="Its 12 digits, as `findings list` shows.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New folder for the proofs.")],
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a finding with a proof of every event of its evidence, each to be checked without this ledger.

    Whoever has the trust root checks them with `verify FILE`. Exit code 1 if one does not hold.

    Example: cargoledger findings prove 0123456789ab evidence
    """
    from api.proving import prove_finding

    with _sight(home) as sight:
        _, rows = sight.one(finding)
        proofs = prove_finding(sight.home, rows, folder)
    emit({"finding": finding, "folder": str(folder), "proofs": proofs}, as_json, lambda: _proofs(proofs))
    if not all(one["verified"] for one in proofs):
        raise typer.Exit(EXIT_BAD_NEWS)


def _proofs(proofs: list[dict[str, Any]]) -> RenderableType:
    from api.cli.render import table

    return table("finding.json, and proofs", ("file", "kind", "event", "holds"),
                 [(p["file"], p["kind"], p["event"],
                   "yes" if p["verified"] else f"no: {p['fault']['message']}") for p in proofs])


def _risk(view: dict[str, Any]) -> RenderableType:
    from rich.console import Group

    from api.cli.render import table
    from tracer.currency import money

    if not view["books"]:
        return "No settlement is kept yet. Keep one: cargoledger runs keep BOOK --from ... --to ..."
    parts: list[RenderableType] = [
        table(
            "Books",
            ("book", "owner", "duty at risk", "expected", "score", "", "band", "not checked"),
            [
                (
                    b["book"],
                    b["owner"],
                    money(b["duty_at_risk"], b["currency"]),
                    money(b["expected_duty"], b["currency"]),
                    b["score"] or "-",
                    _bar(b["score"]),
                    b["band"] or "-",
                    f"{len(b['not_evaluable'])} rules",
                )
                for b in view["books"]
            ],
            right=(2, 3, 4),
        )
    ]
    for book in view["books"]:
        if book["checks"]:
            parts.append(
                table(
                    f"Why {book['book']}",
                    ("rule", "what", "failed", "of", "weight", "points"),
                    [
                        (
                            c["rule"],
                            c["title"],
                            str(c["failed"]),
                            str(c["tested"]),
                            str(c["weight"]),
                            c["points"],
                        )
                        for c in book["checks"][:_SHOWN]
                    ],
                    right=(2, 3, 4, 5),
                )
            )
        parts += [
            f"  together: {' + '.join(c['rules'])}, {c['what']}: "
            + (f"{c['points']} points" if c["counts"] else f"no points: {c['unknown'] or 'not alike'}")
            for c in book["combinations"]
        ]
    if view["units"]:
        parts.append(
            table(
                "Units",
                ("unit", "place", "points", "expected duty", "suggested", "because"),
                [
                    (
                        u["unit"],
                        u["place"],
                        str(u["points"]),
                        money(u["expected_duty"], u["currency"]),
                        ", ".join(u["suggested"]),
                        ", ".join(dict.fromkeys(f["rule"] for f in u["because"])),
                    )
                    for u in view["units"][:_SHOWN]
                ],
                right=(2, 3),
            )
        )
    parts.append(
        table(
            "Records of 365 days",
            (
                "participant",
                "events",
                "late",
                "corrected",
                "refused",
                "discrepancies",
                "per 1,000",
                "compliance",
                "because",
            ),
            [
                (
                    a["participant"],
                    str(a["events"]),
                    str(a["late"]),
                    str(a["corrected"]),
                    str(a["refused"]),
                    str(a["discrepancies"]),
                    a["faults_per_1000"] or "-",
                    f"{a['level']} {a['level_name']}",
                    a["because"],
                )
                for a in view["actors"]
            ],
            right=(1, 2, 3, 4, 5, 6),
        )
    )
    if view["capacity"]:
        parts.append(
            table(
                "To control",
                ("book", "chosen by", "expected duty", "score"),
                [
                    (c["id"], c["chosen"], money(c["expected_duty"], c["currency"]), c["score"] or "-")
                    for c in view["controls"]
                ],
                right=(2, 3),
            )
        )
    return Group(*parts)


def _bar(score: str | None) -> str:
    if score is None:
        return ""
    full = min(_BAR, -(-int(score.partition(".")[0]) * _BAR // 1000))
    return "█" * full + "·" * (_BAR - full)


def _findings(findings: list[dict[str, Any]]) -> RenderableType:
    from api.cli.render import table
    from tracer.currency import money

    return table(
        "Findings",
        ("finding", "book", "rule", "subject", "severity", "difference", "duty at risk", "chance", "status"),
        [
            (
                f["id"],
                f["book"] or "(custody)",
                f["rule"],
                f"{f['subject']['type']} {f['subject']['id']}",
                f["severity"],
                f"{f['difference'] or ''} {f['uom']}".strip(),
                money(f["duty_at_risk"], f.get("currency", "")),
                f.get("chance", "-"),
                _status(f),
            )
            for f in findings
        ],
        right=(5, 6, 7),
    )


def _status(finding: dict[str, Any]) -> str:
    said = finding.get("said")
    if said and not said["of_these_figures"]:
        return f"{finding['status']} ({said['status']} with other figures)"
    return str(finding["status"])


def _history(view: dict[str, Any]) -> RenderableType:
    from rich.console import Group

    from api.cli.render import table

    return Group(
        _findings([view["finding"]]),
        view["finding"]["explanation"],
        table(
            "What was said",
            ("when", "by", "status", "why", "of these figures"),
            [
                (
                    s["said_at"],
                    s["participant"],
                    s["status"],
                    s["reason"],
                    "yes" if s["of_these_figures"] else "no",
                )
                for s in view["statements"]
            ],
        )
        if view["statements"]
        else "Nobody said anything of it yet.",
    )
