"""Commands of the authority: who governs, what is announced, members, guardians, gateways, recovery."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.network import unhex
from api.cli.shell import HomeOption, JsonOption, emit, home_path, opened
from ledger.errors import InputError

if TYPE_CHECKING:
    from ledger.chain.authority import Authority

authority_app = typer.Typer(
    no_args_is_help=True, help="Govern: members, guardians, gateways, what is announced, recovery."
)

KeyOption = Annotated[
    str,
    typer.Option("--key", help="URI of the account that acts [default: the home's authority key].",
                 show_default=False),
]
AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help="0x and 40 hex digits.")]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="As `authority pending` shows it; its beginning is enough.")
]
_ADDRESS_BYTES = 20


def add_to(app: typer.Typer) -> None:
    """Put these commands into the app, and those about standing into their groups."""
    from api.cli import standing  # noqa: F401 - joins participant and key

    app.add_typer(authority_app, name="authority")
    for name, does, act in (
        ("add-member", "Make an account a member of the authority.", lambda a, x: a.add_member(x)),
        ("remove-member", "Take an account out of the authority; the last member stays.",
         lambda a, x: a.remove_member(x)),
        ("add-guardian", "Let an account cancel what members announce.", lambda a, x: a.add_guardian(x)),
        ("remove-guardian", "Let an account cancel no more.", lambda a, x: a.remove_guardian(x)),
        ("add-gateway", "Let an account send batches of events.", lambda a, x: a.grant_gateway(x)),
        ("remove-gateway", "Take batches from an account no longer.", lambda a, x: a.revoke_gateway(x)),
    ):
        authority_app.command(name, help=_help(name, does))(_changing(name, act))


_SecondsOption = Annotated[
    int | None, typer.Option(min=0, metavar="SECONDS", help="[default: as it is]", show_default=False)
]


@authority_app.command("set-delays")
def set_delays(
    *,
    register: _SecondsOption = None,
    authority: _SecondsOption = None,
    recovery: _SecondsOption = None,
    succession: _SecondsOption = None,
    key: KeyOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set how long acts of new members wait; `add-member` for one that is gives it the new delays.

    Those of changes of the register (participants, keys, places), of the authority itself, of recoveries and
    of a succession; what is not named stays. Itself announced, where the authority's acts have a delay.

    Example: cargoledger authority set-delays --authority 172800 --succession 2592000
    """
    from api.governing import Governing, attempt

    with opened(home) as opened_home:
        acting = Governing(opened_home, key).authority
        wanted = [given if given is not None else known for given, known in zip(
            (register, authority, recovery, succession), acting.delays_s(), strict=True)]
        names = ("register", "authority", "recovery", "succession")
        document = {"delays": dict(zip(names, wanted, strict=True)),
                    **attempt(lambda: acting.set_delays(*wanted))}
    emit(document, as_json, lambda: told(
        document, "delays of new members: " + ", ".join(f"{k} {v} s" for k, v in document["delays"].items())))


def _help(name: str, does: str) -> str:
    return (f"{does}\n\nWhere the authority's acts have a delay it is announced; the same command after the "
            f"delay carries it out.\n\nExample: cargoledger authority {name} "
            "0x00112233445566778899aabbccddeeff00112233")


def _changing(name: str, act: Callable[[Authority, bytes], object]) -> Callable[..., None]:
    def command(
        address: AddressArgument, key: KeyOption = "", home: HomeOption = None, as_json: JsonOption = False
    ) -> None:
        from api.governing import Governing, attempt

        account = unhex(address, _ADDRESS_BYTES)
        if account is None:
            raise InputError("an address is needed.")
        with opened(home) as opened_home:
            authority = Governing(opened_home, key).authority
            document = {"account": "0x" + account.hex(), **attempt(lambda: act(authority, account))}
        emit(document, as_json, lambda: told(document, f"{name} {document['account']}"))

    return command


@authority_app.command("members")
def members(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List who governs: members, guardians, gateways, and how many seconds their acts wait.

    Example: cargoledger authority members
    """
    from api.cli.render import table
    from api.governing import Governing

    with opened(home) as opened_home:
        rows = Governing(opened_home).roles()
    emit({"accounts": rows}, as_json, lambda: table(
        "Who governs", ("account", "roles, and the seconds that its acts wait"),
        [(r["account"], ", ".join(f"{n} ({s} s)" if s else n for n, s in r["roles"].items())) for r in rows]))


@authority_app.command("pending")
def pending(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List what is announced: what it would do, who announced it, from when it can be carried out.

    Example: cargoledger authority pending
    """
    from api.cli.render import table
    from api.governing import Governing

    with opened(home) as opened_home:
        rows = Governing(opened_home).announced()
    emit({"announced": rows}, as_json, lambda: "Nothing is announced." if not rows else table(
        "Announced", ("id", "what", "by", "from"),
        [(r["id"][:14], r["what"], r["by"], "now" if r["ready"] else moment(r["readyAt"])) for r in rows]))


@authority_app.command("execute")
def execute(
    operation: IdArgument, key: KeyOption = "", home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Carry out what this account announced, once its time has come.

    Example: cargoledger authority execute 0x5f1c2a
    """
    from api.governing import Governing

    with opened(home) as opened_home:
        document = Governing(opened_home, key).execute(operation)
    emit(document, as_json, lambda: f"Done: {document['what']}.")


@authority_app.command("cancel")
def cancel(
    operation: IdArgument, key: KeyOption = "", home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Cancel what was announced: as a guardian, a member, or the account that announced it.

    Example: cargoledger authority cancel 0x5f1c2a --key file:keys/guardian.key
    """
    from api.governing import Governing

    with opened(home) as opened_home:
        document = Governing(opened_home, key).cancel(operation)
    emit(document, as_json, lambda: f"Cancelled: {document['what']}.")


@authority_app.command("recover")
def recover(
    participant: Annotated[str, typer.Argument(metavar="ID", help="Participant that lost all its keys.")],
    signer: Annotated[str, typer.Option(help="Its new signer's address, if it keeps its own keys.")] = "",
    reading_key: Annotated[str, typer.Option(help="Its new public reading key, likewise.")] = "",
    *,
    key: KeyOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End every key of a participant at once and give it new ones.

    What it could read stays sealed to its old reading key: customs opens it again with `cargoledger grant`.

    Example: cargoledger authority recover terminal
    """
    from api.governing import Governing

    with opened(home) as opened_home:
        document = Governing(opened_home, key).recover(
            participant, signer=unhex(signer, _ADDRESS_BYTES), reading_key=unhex(reading_key, 32))
    emit(document, as_json, lambda: told(document, f"recovery of {participant} to {document['signer']}"))


@authority_app.command("prepare-successor")
def prepare_successor(
    ledger: Annotated[str, typer.Option(help="One deployed before, only to be opened to the gateways.")] = "",
    key: KeyOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deploy this version's ledger beside the present one and open it to the gateways.

    Example: cargoledger authority prepare-successor
    """
    from api.governing import Governing

    with opened(home) as opened_home:
        document = Governing(opened_home, key).prepare_successor(unhex(ledger, _ADDRESS_BYTES))
    said = f"Ledger {document['ledger']}.\n"
    emit(document, as_json, lambda: said + told(document, "open it to the gateways"))


@authority_app.command("succeed")
def succeed(
    ledger: AddressArgument, key: KeyOption = "", home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """End the present ledger and name the one that follows it: once, for good. State is not moved.

    Example: cargoledger authority succeed 0x00112233445566778899aabbccddeeff00112233
    """
    from api.governing import Governing

    address = unhex(ledger, _ADDRESS_BYTES)
    if address is None:
        raise InputError("an address is needed.")
    with opened(home) as opened_home:
        document = Governing(opened_home, key).succeed(address)
    emit(document, as_json, lambda: told(document, f"the ledger's successor is {document['ledger']}"))


@authority_app.command("new-key")
def new_key(
    key_file: Annotated[Path, typer.Argument(metavar="FILE", help="Key file to make; from the home.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key for a member or a guardian; nothing is registered.

    Example: cargoledger authority new-key keys/guardian.key
    """
    from ledger.keys.signers import new_signer

    path = home_path(home).absolute() / key_file
    signer = new_signer(path)
    document = {"address": "0x" + signer.address.hex(), "uri": f"file:{path}"}
    emit(document, as_json, lambda: f"{document['address']}  {document['uri']}")


def told(document: dict[str, Any], what: str) -> str:
    """What became of an act, for people."""
    if "announced" in document:
        return (f"Announced: {what}.\nIt can be carried out from {moment(document['readyAt'])}: "
                f"cargoledger authority execute {document['announced'][:14]}\n"
                "A guardian or a member may cancel it meanwhile.")
    return f"Done: {what}." if document.get("changed", True) else "It stands so already."


def moment(seconds: int) -> str:
    """A time for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
