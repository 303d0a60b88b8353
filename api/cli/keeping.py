"""The group `runs`: settlements that are kept, brought up to date, compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.settling import AllocationOption, TurnoverOption, YieldOption
from api.cli.shell import EXIT_BAD_NEWS, HomeOption, JsonOption, console, emit, opened
from ledger.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

runs_app = typer.Typer(
    no_args_is_help=True, help="Settlements that are kept, and re-opened by what comes later.")


def add_to(app: typer.Typer) -> None:
    """Put the group into the application."""
    app.add_typer(runs_app, name="runs")
    for name, command in (("keep", keep), ("refresh", refresh), ("list", list_runs), ("show", show),
                          ("compare", compare), ("end", end)):
        runs_app.command(name)(command)


def keep(
    book: Annotated[str, typer.Argument(metavar="[BOOK]", help="Id of the book.", show_default=False)] = "",
    *,
    custody: Annotated[bool, typer.Option(
        "--custody", help="No book: the custody of every container and cargo.")] = False,
    first: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD.")],
    allocation: AllocationOption = "",
    yield_basis: YieldOption = "",
    turnover_days: TurnoverOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Settle a book, keep the answer, and keep it up to date from now on.

    The answer stays readable as it was given, with the block at which it was given. Where nothing has changed
    since the last time, that answer is given again.

    Example: cargoledger runs keep dmg-sxxk --from 2026-01-01 --to 2026-12-31

    Example: cargoledger runs keep --custody --from 2026-01-01 --to 2026-12-31
    """
    from api.views.runs import run_json
    from tracer.policy import Policy
    from tracer.runs.store import Question

    if bool(book) == custody:
        raise InputError("a book is kept, or with --custody every container and cargo.",
                         remedy="Name a book, or give --custody without one.")
    question = Question(book, first, last, Policy(allocation.upper(), yield_basis.upper(), turnover_days))
    with opened(home) as opened_home:
        view = run_json(opened_home.keeper.ask(question, opened_home.clock()))
    emit(view, as_json, lambda: _table([view], "Kept"))


def refresh(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Settle again whatever later events, corrections or newly readable content have touched.

    A server does this by itself. Old answers stay as they are. Exit code 1 if a question cannot be answered:
    its book is not there any more, or a table beside it cannot be used.

    Example: cargoledger runs refresh
    """
    from api.views.runs import run_json

    def say(book: str, done: int, of: int) -> None:
        console(stderr=True).print(f"{done + 1} of {of}: {book}", style="dim")

    with opened(home) as opened_home:
        made = [run_json(run) for run in
                opened_home.keeper.refresh(opened_home.clock(), None if as_json else say)]
        questions = [question for question, _ in opened_home.runs.kept()]
        told = opened_home.runs.faults()
    faults = [{**question.to_json(), "fault": told[question.id]}
              for question in questions if question.id in told]
    emit({"runs": made, "kept": len(questions), "faults": faults}, as_json,
         lambda: _refreshed(made, len(questions), faults))
    if faults:
        raise typer.Exit(EXIT_BAD_NEWS)


def list_runs(
    book: Annotated[
        str | None, typer.Argument(metavar="[BOOK]", help="Only of this book.", show_default=False)] = None,
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the answers that are kept, the oldest first, with what re-opened each.

    Example: cargoledger runs list dmg-sxxk
    """
    from api.views.runs import runs_view
    from indexer.lookups import HOLDER

    with opened(home) as opened_home, opened_home.session() as session:
        view = runs_view(opened_home, session, HOLDER, book)
    emit(view, as_json, lambda: _listed(view))


def show(
    number: Annotated[int, typer.Argument(metavar="RUN", min=1, help="Number of the run.")],
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a settlement as it was given: forms, exemption, findings.

    Example: cargoledger runs show 1
    """
    from rich.console import Group

    from api.cli.render import settlement_tables
    from api.views.runs import run_view
    from indexer.lookups import HOLDER

    with opened(home) as opened_home, opened_home.session() as session:
        view = run_view(opened_home, session, HOLDER, number)
    later = f"Run {view['latest']} is the latest answer to this question."
    emit(view, as_json, lambda: Group(
        _table([view], "As it was given"), *([later] if view["latest"] != number else []),
        settlement_tables(view["document"])))


def compare(
    number: Annotated[int, typer.Argument(metavar="RUN", min=1, help="The earlier run.")],
    other: Annotated[int, typer.Argument(metavar="RUN", min=1, help="The later run.")],
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what two runs of one book and period differ in: figures, and findings new, changed or gone.

    Example: cargoledger runs compare 1 2
    """
    from api.views.runs import difference_view
    from indexer.lookups import HOLDER

    with opened(home) as opened_home, opened_home.session() as session:
        view = difference_view(opened_home, session, HOLDER, number, other)
    emit(view, as_json, lambda: _difference(view))


def end(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="Its 16 digits, as `runs list` shows.")],
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a question up to date no longer. Its answers stay.

    Example: cargoledger runs end 0123456789abcdef
    """
    with opened(home) as opened_home:
        opened_home.runs.end(question, opened_home.clock())
    emit({"question": question, "kept": False}, as_json,
         lambda: f"{question} is not kept up to date any more; its runs stay.")


def _listed(view: dict[str, Any]) -> RenderableType:
    from rich.console import Group

    if not view["runs"]:
        return "None is kept yet. Keep one: cargoledger runs keep BOOK --from ... --to ..."
    return Group(_table(view["runs"], "Runs"), *_unanswered(view["kept"]))


def _refreshed(made: list[dict[str, Any]], kept: int, faults: list[dict[str, Any]]) -> RenderableType:
    from rich.console import Group

    held = "Every answer still holds" if not faults else "Every other answer still holds"
    return Group(_table(made, f"Re-opened, of {kept} kept") if made else f"{held} ({kept} kept).",
                 *_unanswered(faults))


def _unanswered(questions: list[dict[str, Any]]) -> Iterator[RenderableType]:
    """Questions whose last answer may not hold any more, and why nobody knows."""
    from rich.text import Text

    for one in questions:
        if one["fault"]:
            yield Text(f"Cannot be answered now: {one['question']}, {one['book'] or '(custody)'} from "
                       f"{one['from']} to {one['to']}: {one['fault']}", style="red")


def _table(runs: list[dict[str, Any]], title: str) -> RenderableType:
    from api.cli.render import table

    return table(title, ("run", "question", "book", "period", "policy", "made", "known at", "findings",
                         "re-opened by"),
                 [(str(r["run"]), r["question"], r["book"] or "(custody)", f"{r['from']} to {r['to']}",
                   _policy(r), r["made_at"], f"block {r['known_at']}", str(r["findings"]),
                   _causes(r, before)) for r, before in _with_before(runs)], right=(0, 7))


def _with_before(runs: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Each run with the one before it that answers the same question, if that is among them."""
    last: dict[str, dict[str, Any]] = {}
    for run in runs:
        yield run, last.get(run["question"])
        last[run["question"]] = run


def _policy(run: dict[str, Any]) -> str:
    return " ".join(part for part in (run["allocation"], run["yield_basis"]) if part) or "the book's own"


def _causes(run: dict[str, Any], before: dict[str, Any] | None) -> str:
    causes, shown = run["reopened_by"], 3
    if not causes and before is not None:
        for key, what in (("rule_pack", "other rules"), ("program", "another program")):
            if run[key] != before[key]:
                return what
        return "a table beside it, or a register"
    kinds = [f"{cause['kind']} {cause['event'][:10]}" for cause in causes[:shown]]
    more = len(causes) - len(kinds) + run["more_causes"]
    return ", ".join(kinds) + (f" and {more} more" if more else "") or "-"


def _difference(view: dict[str, Any]) -> RenderableType:
    from rich.console import Group

    from api.cli.render import table

    if view["same"]:
        return "They say the same."
    figures = [(cell["table"], " / ".join(cell["key"].values()), cell["column"], _said(cell["before"]),
                _said(cell["after"])) for cell in view["figures"]]
    findings = [(f["change"], f["rule"], f"{f['subject']['type']} {f['subject']['id']}",
                 _figure(f["before"]), _figure(f["after"])) for f in view["findings"]]
    parts: list[RenderableType] = []
    if figures:
        parts.append(table("Figures", ("table", "row", "column", "before", "after"), figures, right=(3, 4)))
    if findings:
        parts.append(table("Findings", ("change", "rule", "subject", "before", "after"), findings))
    if view["rule_pack"]["before"] != view["rule_pack"]["after"]:
        parts.append(f"Other rules: {view['rule_pack']['before']}, then {view['rule_pack']['after']}.")
    return Group(*parts)


def _said(value: Any) -> str:
    return "-" if value is None else str(value)


def _figure(finding: dict[str, Any] | None) -> str:
    if finding is None:
        return "-"
    return " ".join(str(part) for part in (finding["severity"], finding.get("difference"), finding.get("uom"))
                    if part)
