"""The main job end to end: a year of a garment enterprise, from ship to export, posted, checked and proved.

    scripts/demo                 post the story with its irregularities, show what came of it
    scripts/demo --clean         the same year without irregularities
    scripts/demo --json          print one JSON document and nothing else
    scripts/demo --state DIR     keep everything in DIR; started again, it goes on from there

With a terminal it then offers the web page. Keys and secrets follow from a fixed seed that everybody knows:
never use a state folder of the demo for anything real. Exit code: 0 when everything planted was caught and
nothing else was found or refused; 1 when not; 2 when it cannot run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

if TYPE_CHECKING:
    from demo_run import Tell
    from rich.console import Console

    from api.home import Home


def main(arguments: list[str]) -> int:
    """Run the demo; see the module."""
    options = _options(arguments)
    from ledger.errors import CargoLedgerError

    try:
        with _folder(options.state) as folder:
            return _run(options, folder)
    except CargoLedgerError as fault:
        sys.stderr.write(f"demo: {fault}\n")
        return 2
    except KeyboardInterrupt:
        return 130


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document on standard output")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep the state in DIR, or go on from it")
    parser.add_argument("--clean", action="store_true", help="leave the irregularities out")
    parser.add_argument("--no-serve", action="store_true", help="do not offer the web page")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, folder: Path) -> int:
    begin = time.monotonic()
    from rich.console import Console

    talk = Console(stderr=True, highlight=False)
    if not options.json:
        talk.print("[bold]CargoLedger[/bold]: a year of a garment enterprise, from ship to export")
    with _progress(talk, quiet=options.json and not talk.is_terminal) as tell:
        tell("loading", 0, 1)
        import demo_report
        import demo_run
        import demo_story

        story = demo_story.load(clean=options.clean)
        home = demo_run.Run(folder, story, tell).post()
        try:
            tell("checking the books", 1, 1)
            result = demo_report.collect(home, story)
        except BaseException:
            home.close()
            raise
    try:
        if options.json:
            from api.jsonio import dumps

            sys.stdout.write(dumps(result.to_json(time.monotonic() - begin), indent=2) + "\n")
            sys.stdout.flush()
        else:
            import demo_show

            from api.cli.shell import console

            out = console()
            demo_show.show(home, story, result, out)
            out.print(f"{time.monotonic() - begin:.0f} s")
            if not options.no_serve and sys.stdin.isatty() and sys.stdout.isatty():
                _offer_page(home, out)
        return 0 if result.good else 1
    finally:
        home.close()


@contextmanager
def _folder(state: Path | None) -> Iterator[Path]:
    """The state folder: the named one, or one that goes away at the end."""
    if state is not None:
        yield state
        return
    with tempfile.TemporaryDirectory(prefix="cargoledger-demo-") as temporary:
        yield Path(temporary)


@contextmanager
def _progress(console: Console, *, quiet: bool) -> Iterator[Tell]:
    """A progress bar on standard error; a line now and then where that is no terminal; nothing if quiet."""
    if quiet:
        yield lambda _what, _done, _total: None
        return
    if not console.is_terminal:
        said: list[int] = [-1]

        def line(what: str, done: int, total: int) -> None:
            tenth = done * 10 // max(total, 1)
            if tenth != said[0]:
                said[0] = tenth
                console.print(f"  {done}/{total} {what}")

        yield line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1)
        yield lambda what, done, total: bar.update(task, description=what[:60], completed=done, total=total)


def _offer_page(home: Home, out: Console) -> None:
    """Ask whether to serve the web page; Ctrl-C ends it."""
    try:
        answer = input("Look at it in a browser? [y/N] ")
    except EOFError:
        return
    if answer.strip().lower() not in ("y", "yes"):
        return
    from api.http.server import bind, serve
    from ledger.errors import UnavailableError

    try:
        sockets, url = bind(home.settings.http_host, home.settings.http_port)
    except UnavailableError:  # the usual port is taken: any free one will do here
        sockets, url = bind(home.settings.http_host, 0)
    office = home.directory.participant("customs-bac-ninh")
    token, _ = home.issue_token(office.id, label="demo", valid_s=86_400, scopes=frozenset({"read"}))
    out.print(f"{url}\nSign in as {office.name} with this token:\n{token}\nStop with Ctrl-C.", soft_wrap=True)
    serve(home, sockets, url)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
