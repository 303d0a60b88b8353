"""What every command shares: where the home is, how results and errors are printed, how the program ends.

Exit codes: 0 done; 1 the answer is bad news (findings, a refused event, evidence that does not verify);
2 the request cannot be carried out (wrong input, nothing found, home in use); 3 a fault of our own.
With `--json` exactly one JSON document goes to standard output, an error included; people find errors on
standard error.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from api.logs import LogFormat
from ledger.errors import CargoLedgerError, InputError, InvariantError, Reason

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from api.home import Home

HOME_VARIABLE = "CARGOLEDGER_HOME"
TOKEN_VARIABLE = "CARGOLEDGER_TOKEN"  # noqa: S105 - the name of a variable
EXIT_BAD_NEWS, EXIT_INPUT, EXIT_FAULT = 1, 2, 3
_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
PLAIN_WIDTH = 160  # columns where there is no terminal, so that nothing is cut off in a pipe

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help=f"Folder of the ledger [default: {HOME_VARIABLE}, else a folder of yours].",
        show_default=False,
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", show_default=False,
                 help="What was true at this time, by occurrence: 2026-03-02T08:15:00+07:00."),
]
KnownAtOption = Annotated[
    int | None,
    typer.Option("--known-at", metavar="BLOCK", min=0, max=2**63 - 1, show_default=False,
                 help="What the index said when this block was its head."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


LogFormatOption = Annotated[
    LogFormat, typer.Option("--log-format", help="Lines of the log on standard error: text or json.")
]


def home_path(option: Path | None) -> Path:
    """The home a command works on: the option, else the variable, else the user's data folder."""
    if option is not None:
        return option
    if named := os.environ.get(HOME_VARIABLE):
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("cargoledger", appauthor=False)


@contextmanager
def opened(option: Path | None) -> Iterator[Home]:
    """The home of a command, closed afterwards.

    Raises:
        NotFoundError: there is no home in that folder.
    """
    from api.home import Home

    with Home.open(home_path(option), environment=os.environ, ask_secret=ask_secret) as home:
        yield home


def ask_secret(prompt: str) -> str:
    """Ask the person at the terminal, without showing what is typed.

    Raises:
        InputError: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise InputError(
            "a password is needed and nobody is there to ask.",
            remedy="Run this from a terminal, or name a 0600 file that holds it: --password-file PATH, or "
            "#passwordFile=PATH after the URI of the signer.",
        )
    return str(typer.prompt(prompt.removesuffix(": "), hide_input=True, err=True))


def console(*, stderr: bool = False) -> Console:
    """A rich console that cuts nothing off when its output goes to a file or a pipe.

    Texts come from other parties too: what would steer the terminal or turn letters round is left out.
    """
    from rich.console import Console
    from rich.segment import Segment

    class Plain(Console):
        def render(self, renderable: Any, options: Any = None) -> Any:
            for segment in super().render(renderable, options):
                steers = segment.control is None and _STEERS.search(segment.text)
                yield Segment(_STEERS.sub("", segment.text), segment.style) if steers else segment

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Plain(stderr=stderr, width=width, highlight=False, soft_wrap=False)


def emit(document: Any, as_json: bool, render: Callable[[], RenderableType | None]) -> None:
    """Print a result: the document as JSON, or what `render` makes of it for people."""
    if as_json:
        from api.jsonio import dumps

        sys.stdout.write(dumps(document, indent=2) + "\n")
        sys.stdout.flush()
        return
    picture = render()
    if picture is not None:
        console().print(picture)


def error_document(fault: CargoLedgerError) -> dict[str, Any]:
    """An error as a JSON object; the same shape for every command."""
    body: dict[str, Any] = {"code": fault.code, "message": fault.message}
    if fault.remedy:
        body["remedy"] = fault.remedy
    if pointer := getattr(fault, "pointer", ""):
        body["pointer"] = pointer
    if (reason := getattr(fault, "reason", Reason.INVALID)) is not Reason.INVALID:
        body["reason"] = str(reason)
    if found := getattr(fault, "faults", ()):
        body["faults"] = [
            {"message": f.message, "pointer": f.pointer, "reason": str(f.reason)} for f in found
        ]
    return {"error": body}


def fail(fault: CargoLedgerError, as_json: bool) -> NoReturn:
    """Say what is wrong and what can be done, and end."""
    if as_json:
        from api.jsonio import dumps

        sys.stdout.write(dumps(error_document(fault), indent=2) + "\n")
    else:
        lines = [f"error: {fault.message}  [{fault.code}]"]
        lines += [f"  {f.pointer or '(whole)'}: {f.message}" for f in getattr(fault, "faults", ())]
        pointer: str = getattr(fault, "pointer", "")
        if not lines[1:] and pointer:
            lines.append(f"  at {pointer}")
        if fault.remedy:
            lines.append(f"what to do: {fault.remedy}")
        sys.stderr.write(_STEERS.sub("", "\n".join(lines)) + "\n")
    sys.exit(EXIT_FAULT if isinstance(fault, InvariantError) else EXIT_INPUT)


def run(app: typer.Typer, arguments: list[str]) -> None:
    """Run a command line and end the program the way the module says."""
    as_json = "--json" in arguments
    try:
        code = _tree(app).main(arguments, prog_name="cargoledger", standalone_mode=False)
    except CargoLedgerError as fault:
        fail(fault, as_json)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # the reader of a pipe has seen enough; without this Python complains once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as fault:
        if fault.filename is None or fault.errno is None:
            raise
        unusable = InputError(f"{fault.filename} cannot be used: {fault.strerror}.",
                              remedy="Look whether it is there, and whether you may read it or write to it.")
        fail(unusable, as_json)
    except Exception as fault:
        if type(fault).__module__.startswith("sqlalchemy."):  # not imported where no index was asked
            from indexer.database import fault_of

            fail(fault_of(fault), as_json)  # type: ignore[arg-type]
        message = getattr(fault, "format_message", None)
        if message is None:
            raise
        fail(InputError(str(message()).rstrip(".") + ".", remedy=_usage(fault)), as_json)
    sys.exit(code if isinstance(code, int) else 0)


@cache
def _tree(app: typer.Typer) -> Any:
    """The commands as they are run, built from the functions' signatures: once in a process."""
    return typer.main.get_command(app)


def _usage(fault: Exception) -> str:
    context = getattr(fault, "ctx", None)
    path = context.command_path if context is not None else "cargoledger"
    return f"See {path} --help."
