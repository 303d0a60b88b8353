"""Commands that put something on the ledger: post, grant."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shell import EXIT_BAD_NEWS, TOKEN_VARIABLE, HomeOption, JsonOption, emit, opened
from ledger.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ledger.gateway.submission import EventStatus

WAIT_S = 60
_POLL_S = 0.5


def add_to(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.command("post")(post)
    app.command("grant")(grant)


def post(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="EPCIS 2.0 documents; - is standard input.")
    ],
    *,
    participant: Annotated[
        str, typer.Option("--as", help="Participant that posts.", show_default=False)
    ] = "",
    url: Annotated[str, typer.Option(help="Post to this server instead of the local home.")] = "",
    token: Annotated[
        str, typer.Option(help=f"Token for --url; better in {TOKEN_VARIABLE}.", show_default=False)
    ] = "",
    wait: Annotated[int, typer.Option(min=0, help="Seconds to wait for outcomes.")] = WAIT_S,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Post EPCIS documents and say what became of every event.

    Each event is checked, signed with the participant's key and sealed to its readers. All events of a
    document are checked before any is taken. The same event again is no error. Exit code 1 if the ledger
    refused one.

    Example: cargoledger post arrival.json --as terminal
    """
    documents = [(name, _read(name)) for name in files]
    if url:
        results = [
            _over_http(name, body, url, token or os.environ.get(TOKEN_VARIABLE, ""), wait)
            for name, body in documents
        ]
    else:
        if not participant:
            raise InputError("who posts?", remedy="Name the participant: --as ID.")
        results = _locally(documents, participant, home, wait)
    events = [event for result in results for event in result["events"]]
    document = {
        "posted": len(events),
        "counts": dict(sorted(Counter(event["status"] for event in events).items())),
        "refused": dict(sorted(Counter(e["outcome"] for e in events if e["status"] == "refused").items())),
        "documents": results,
    }
    emit(document, as_json, lambda: _table(results))
    if any(event["status"] in ("refused", "not_taken") for event in events):
        raise typer.Exit(EXIT_BAD_NEWS)


def grant(
    to: Annotated[str, typer.Option(help="Participant that may read from now on.")],
    reason: Annotated[str, typer.Option(help="Why; it is signed and kept.")],
    *,
    grantor: Annotated[
        str, typer.Option("--as", help="Participant that grants; it can give only what it can open.")
    ],
    units: Annotated[
        list[str] | None,
        typer.Option("--units", help="Units whose history to open; may be repeated.", show_default=False),
    ] = None,
    book: Annotated[str, typer.Option(help="Book whose events to open.")] = "",
    period: Annotated[str, typer.Option(help="Only what happened on these days, FIRST..LAST.")] = "",
    until: Annotated[
        str, typer.Option(help="Day on which the right ends, YYYY-MM-DD; none for no end.")
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let another participant read the content of past events.

    Of the whole history of units, or of a book in a period. The right is signed and kept; it may have an end.

    Example: cargoledger grant --to audit-north --as customs --book dmg-sxxk --period 2026-01-01..2026-12-31
    --reason "post-clearance audit 17/2027" --until 2027-12-31
    """
    from api.granting import grant_to

    first, _, last = period.partition("..")
    if bool(units) == bool(book):
        raise InputError("a grant is about units or about a book.", remedy="Give --units, or --book.")
    with opened(home) as opened_home:
        document = grant_to(
            opened_home,
            grantor=grantor,
            grantee=to,
            reason=reason,
            units=units or [],
            book=book,
            first=first,
            last=last,
            until=until,
        )
    emit(
        document,
        as_json,
        lambda: (
            f"{document['opened']} events opened to {to}"
            + (f"; {document['closed']} cannot be opened by {grantor}" if document["closed"] else "")
            + "."
        ),
    )


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as fault:
        raise NotFoundError(f"{name} cannot be read: {fault.strerror}.") from fault


def _locally(
    documents: list[tuple[str, bytes]], participant: str, home: Path | None, wait_s: int
) -> list[dict[str, Any]]:
    from api.views.ways import way_view
    from ledger.events.faults import InvalidEventError

    results: list[dict[str, Any]] = []
    with opened(home) as opened_home:
        posted = []
        for name, body in documents:
            try:
                posted.append((name, opened_home.post_document(body, participant)))
            except InvalidEventError as fault:
                fault.message = f"{name}: {fault.message}"
                raise
        opened_home.settle_outbox()
        wanted = [item.event_id for _, items in posted for item in items]
        until = time.monotonic() + wait_s
        while time.monotonic() < until and any(_comes(opened_home.gateway.status(i)) for i in wanted):
            time.sleep(_POLL_S)  # a block needs confirmations
            opened_home.settle_outbox()
        for name, items in posted:
            ways = [way_view(opened_home.gateway.status(item.event_id)) for item in items]
            events = [{**item.to_json(), **_way(way)} for item, way in zip(items, ways, strict=True)]
            results.append({"file": name, "events": events})
    return results


def _comes(status: EventStatus) -> bool:
    """Whether an outcome is on its way: sent, its block not final. What waits for others may wait long."""
    return status.status == "submitted"


def _way(way: dict[str, Any]) -> dict[str, Any]:
    """What a result says of an event's way."""
    names = ("status", "late", "lateSeconds", "waitingFor", "reference", "block", "transaction", "history")
    return {
        **{name: way[name] for name in names},
        "outcome": way["outcome"]["name"] if way["outcome"] else None,
    }


def _over_http(name: str, body: bytes, url: str, token: str, wait_s: int) -> dict[str, Any]:
    from api.cli.remote import Remote

    if not token:
        raise InputError(
            "a server asks for a token.",
            remedy=f"Set {TOKEN_VARIABLE} or give --token; `cargoledger token new` makes one.",
        )
    with Remote(url, token) as remote:
        job = remote.capture(body, wait_s)
    events = [
        {
            "eventID": e["eventID"],
            "eventId": e["eventId"],
            "kind": "",
            "step": "",
            "repeated": False,
            **_way(e),
        }
        for e in job["events"]
    ]
    return {"file": name, "capture": job["captureID"], "events": events}


def _table(results: list[dict[str, Any]]) -> RenderableType:
    from api.cli.render import posted

    return posted(results)
