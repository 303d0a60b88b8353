"""Commands about keys: new, list, show, use, offered, import, export, password.

A password is asked for, or read from a 0600 file; it is never an argument, which others could see.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.shell import HomeOption, JsonOption, ask_secret, emit, home_path, opened
from ledger.errors import InputError

key_app = typer.Typer(no_args_is_help=True, help="Make, list, move and protect signing keys.")

DAY_S = 86_400
AsOption = Annotated[str, typer.Option("--as", help="Participant that the key signs for.")]
DaysOption = Annotated[int, typer.Option(min=1, help="Days for which it may sign, from now.")]
PlaceOption = Annotated[
    str,
    typer.Option("--at", metavar="FACILITY", help="The one place at which it may sign [default: anywhere].",
                 show_default=False),
]
PasswordOption = Annotated[
    Path | None,
    typer.Option("--password-file", help="A 0600 file with the keystore's password, instead of asking."),
]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.add_typer(key_app, name="key")


@key_app.command("new")
def key_new(
    participant: AsOption,
    days: DaysOption = 365,
    *,
    place: PlaceOption = "",
    keystore: Annotated[bool, typer.Option("--keystore", help="Protect it with a password.")] = False,
    password_file: PasswordOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make another signing key for a participant and register it on the ledger.

    A key for one place, as a gate clerk's phone has, is refused everywhere else.

    Example: cargoledger key new --as terminal --days 90 --at haiphong-gate
    """
    with opened(home) as opened_home:
        password = _new_password(password_file) if keystore or password_file else None
        now = opened_home.clock()
        address, path = opened_home.add_signer(
            participant, valid_from_s=now, valid_until_s=now + days * DAY_S, password=password, facility=place
        )
        document = {
            "participant": participant,
            "address": address,
            "file": str(path),
            "uri": f"{'keystore' if password else 'file'}:{path}",
            "validFrom": now,
            "validUntil": now + days * DAY_S,
            "facility": place or None,
        }
    emit(document, as_json, lambda: _registered(document, days))


@key_app.command("list")
def key_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the key files of this home, never their content.

    Example: cargoledger key list
    """
    from api.cli.render import table

    with opened(home) as opened_home:
        rows = [
            {"owner": owner, "key": what, "file": str(path)}
            for owner, what, path in opened_home.keyring.listed()
        ]
    emit(
        {"keys": rows},
        as_json,
        lambda: table("Keys", ("owner", "key", "file"), [(r["owner"], r["key"], r["file"]) for r in rows]),
    )


@key_app.command("show")
def key_show(
    participant: Annotated[str, typer.Option("--as", help="Participant whose signer is meant.")] = "",
    uri: Annotated[str, typer.Option("--uri", help="Any signer: file:, keystore: or remote:.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a signer's address and what the ledger knows of it, never the key.

    Example: cargoledger key show --as terminal
    """
    if bool(participant) == bool(uri):
        raise InputError("which key?", remedy="Name a participant with --as, or a signer with --uri.")
    with opened(home) as opened_home:
        named = uri or opened_home.keyring.signer_uri(opened_home.directory.participant(participant).id)
        signer = opened_home.keyring.open(named)
        document = {"uri": named, "address": "0x" + signer.address.hex(),
                    **opened_home.registered(signer.address)}
    emit(document, as_json, lambda: "\n".join(f"{name}: {value}" for name, value in document.items()))


@key_app.command("use")
def key_use(
    uri: Annotated[str, typer.Argument(metavar="URI", help="file:PATH, keystore:PATH or remote:URL#...")],
    participant: AsOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a participant's events with another signer from now on; the ledger must know its address.

    Example: cargoledger key use remote:http://127.0.0.1:9000#address=0x... --as terminal
    """
    with opened(home) as opened_home:
        signer = opened_home.use_signer(participant, uri)
    document = {"participant": participant, "uri": uri, "address": "0x" + signer.address.hex()}
    emit(document, as_json, lambda: f"{participant} signs with {document['address']} ({uri}).")


@key_app.command("offered")
def key_offered(
    uri: Annotated[str, typer.Argument(metavar="URI", help="remote:URL of a signing service.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the addresses whose keys a signing service has.

    Example: cargoledger key offered remote:http://127.0.0.1:9000
    """
    from ledger.keys.signers.remote import offered_addresses

    found = ["0x" + address.hex() for address in offered_addresses(uri, home_path(home).absolute())]
    emit({"addresses": found}, as_json, lambda: "\n".join(found) or "It has no keys.")


@key_app.command("import")
def key_import(
    source: Annotated[Path, typer.Argument(metavar="KEYSTORE", help="Web3 keystore v3 of another tool.")],
    participant: AsOption,
    days: DaysOption = 365,
    *,
    place: PlaceOption = "",
    password_file: PasswordOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take over a signing key from a keystore and register it; it stays under the same password.

    Example: cargoledger key import UTC--2026-03-01--key.json --as terminal
    """
    with opened(home) as opened_home:
        now = opened_home.clock()
        password = _asker(password_file)(f"Password of {source}: ")
        address, path = opened_home.import_signer(
            participant, source, password, valid_from_s=now, valid_until_s=now + days * DAY_S, facility=place
        )
    document = {"participant": participant, "address": address, "file": str(path), "uri": f"keystore:{path}",
                "validFrom": now, "validUntil": now + days * DAY_S, "facility": place or None}
    emit(document, as_json, lambda: _registered(document, days))


@key_app.command("export")
def key_export(
    target: Annotated[Path, typer.Argument(metavar="KEYSTORE", help="Keystore to write; must not exist.")],
    uri: Annotated[str, typer.Option("--uri", help="The key: file:PATH of this home.")],
    *,
    password_file: PasswordOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy a key file into a keystore with a password, to protect it or to move it to another tool.

    Example: cargoledger key export terminal.json --uri file:keys/terminal/signer.key
    """
    from ledger.keys.signers.keystore import protect_file_key

    with opened(home) as opened_home:
        signer = protect_file_key(uri, _new_password(password_file), target, base=opened_home.path.absolute())
    document = {"address": "0x" + signer.address.hex(), "file": str(target)}
    emit(document, as_json, lambda: f"The key of {document['address']} is in {target}. "
                                    "The plain file still exists: remove it if it is no longer needed.")


@key_app.command("password")
def key_password(
    keystore: Annotated[Path, typer.Argument(metavar="KEYSTORE", help="A keystore file.")],
    *,
    password_file: PasswordOption = None,
    new_password_file: Annotated[
        Path | None, typer.Option("--new-password-file", help="A 0600 file with the new password.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a keystore under another password; its path starts at the home.

    Example: cargoledger key password keys/terminal/signer-2.json
    """
    from ledger.keys.signers.keystore import change_password

    path = home_path(home).absolute() / keystore
    before = _asker(password_file)(f"Password of {path}: ")
    signer = change_password(path, before, _new_password(new_password_file))
    document = {"address": "0x" + signer.address.hex(), "file": str(keystore)}
    emit(
        document,
        as_json,
        lambda: (
            f"{keystore} opens with the new password only. Old copies of it still open with the old one."
        ),
    )


def _registered(document: dict[str, Any], days: int) -> str:
    place = f" at {document['facility']} only" if document["facility"] else ""
    return (f"{document['address']} signs for {document['participant']}{place} for {days} days.\n"
            f"Key file: {document['file']}")


def _asker(password_file: Path | None) -> Callable[[str], str]:
    if password_file is None:
        return ask_secret
    from ledger.keys.signers.keystore import read_password

    return lambda _prompt: read_password(password_file)


def _new_password(password_file: Path | None) -> str:
    """A password from its file, or asked for twice."""
    if password_file is not None:
        return _asker(password_file)("")
    first = ask_secret("New password: ")
    if ask_secret("The same again: ") != first:
        raise InputError("the two passwords differ.", remedy="Nothing was changed; try again.")
    return first
