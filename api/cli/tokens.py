"""Commands about tokens of the HTTP server and the web page: new, list, revoke."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.shell import HomeOption, JsonOption, emit, opened

token_app = typer.Typer(no_args_is_help=True, help="Issue, list and revoke tokens for the HTTP server.")

DAY_S = 86_400


def add_to(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.add_typer(token_app, name="token")


@token_app.command("new")
def token_new(
    *,
    participant: Annotated[str, typer.Option("--as", help="Participant that the token stands for.")],
    label: Annotated[str, typer.Option(help="What it is for, to tell tokens apart.")] = "",
    days: Annotated[int, typer.Option(min=1, max=366, help="Days for which it is valid.")] = 365,
    read_only: Annotated[bool, typer.Option("--read-only", help="It may ask, not post.")] = False,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="It may read the server's metrics and nothing else.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a token for the HTTP server and the web page. It is shown once and kept only as a hash.

    Example: cargoledger token new --as terminal --label 'gate 3'
    """
    with opened(home) as opened_home:
        token, expires_at_s = opened_home.issue_token(
            participant,
            label=label,
            valid_s=days * DAY_S,
            scopes=frozenset({"metrics"} if metrics else {"read"} if read_only else {"read", "capture"}),
        )
    document = {
        "participant": participant,
        "token": token,
        "id": token.split("_")[1],
        "label": label,
        "expiresAt": expires_at_s,
    }
    emit(
        document,
        as_json,
        lambda: f"{token}\nIt stands for {participant} for {days} days and is shown only now: keep it safe.",
    )


@token_app.command("list")
def token_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the tokens that were issued: for whom, what they may do, until when. Never the tokens themselves.

    Example: cargoledger token list
    """
    from api.cli.render import table
    from api.views.names import iso_s

    with opened(home) as opened_home:
        names = {entry.number: entry.id for entry in opened_home.directory.participants}
        tokens = opened_home.tokens.tokens()
    rows = [
        {
            "id": token.id,
            "participant": names.get(token.participant, ""),
            "scopes": sorted(token.scopes),
            "label": token.label,
            "expiresAt": iso_s(token.expires_at_s),
            "revokedAt": None if token.revoked_at_s is None else iso_s(token.revoked_at_s),
        }
        for token in tokens
    ]
    cells = [
        (t.id, names.get(t.participant, ""), ", ".join(sorted(t.scopes)), t.label, iso_s(t.expires_at_s),
         iso_s(t.revoked_at_s) if t.revoked_at_s is not None else "")
        for t in tokens
    ]
    columns = ("id", "participant", "may", "label", "until", "revoked")
    emit({"tokens": rows}, as_json, lambda: table("Tokens", columns, cells))


@token_app.command("revoke")
def token_revoke(
    token: Annotated[str, typer.Argument(metavar="ID|TOKEN", help="Id of the token, or the token itself.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a token now; a running server refuses it from the next request on. Again is no error.

    Example: cargoledger token revoke 5f0c8a17d2b94e63
    """
    prefix, _, rest = token.partition("_")
    identifier = rest.partition("_")[0] if prefix == "cl" and rest else token
    with opened(home) as opened_home:
        opened_home.tokens.revoke(identifier)
    emit({"id": identifier, "revoked": True}, as_json, lambda: f"Token {identifier} is revoked.")
