"""Commands that set up a home and its network: init, participant, facility, book."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from api.cli.shell import HomeOption, JsonOption, emit, home_path, opened
from ledger.errors import InputError
from ledger.vocabulary import BookOption, Role

if TYPE_CHECKING:
    from api.home import Home

participant_app = typer.Typer(no_args_is_help=True, help="Admit participants and list them.")
facility_app = typer.Typer(no_args_is_help=True, help="Register places.")
book_app = typer.Typer(
    no_args_is_help=True, help="Books: the accounts that are settled together, and examples of one in files.")

ROLES = ", ".join(role.name.lower() for role in Role if role.name)
OPTIONS = ", ".join(option.name.lower() for option in BookOption if option.name)
DAY_S = 86_400
_Flag = TypeVar("_Flag", Role, BookOption)


def add_to(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.command("init")(init)
    app.add_typer(participant_app, name="participant")
    app.add_typer(facility_app, name="facility")
    app.add_typer(book_app, name="book")


def init(
    name: Annotated[
        str, typer.Option(help="Name of the ledger, signed into its checkpoints.")
    ] = "cargoledger",
    rpc_url: Annotated[
        str, typer.Option("--rpc", help="JSON-RPC URL of an EVM network; without it the ledger is embedded.")
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start a ledger: make keys, deploy the contracts, prepare the index.

    Safe to repeat: an interrupted start goes on where it stopped, a finished one changes nothing.

    Example: cargoledger init --home ./ledger --name hai-phong
    """
    from api.home import Home

    with Home.create(
        home_path(home),
        name=name,
        engine="rpc" if rpc_url else "embedded",
        rpc_url=rpc_url,
        environment=os.environ,
    ) as made:
        deployment = made.deployment
        document = {
            "home": str(made.path.resolve()),
            "chainId": deployment.chain_id,
            "ledger": "0x" + deployment.ledger.hex(),
            "participants": "0x" + deployment.participants.hex(),
            "manager": "0x" + deployment.manager.hex(),
            "block": deployment.block_number,
        }
    emit(
        document,
        as_json,
        lambda: (
            f"The ledger is ready in {document['home']}.\n"
            f"  chain {document['chainId']}, contract {document['ledger']}\n"
            "Next: cargoledger participant add customs --name 'Customs' --role customs --hold-bit 0"
        ),
    )


@participant_app.command("add")
def participant_add(
    participant_id: Annotated[str, typer.Argument(metavar="ID", help="Short id, such as cfs-1.")],
    *,
    name: Annotated[str, typer.Option(help="Name as people know it.")],
    role: Annotated[list[str], typer.Option(help=f"One or more of: {ROLES}.")],
    uri: Annotated[
        str,
        typer.Option(
            help="How EPCIS events name it [default: urn:cargoledger:participant:ID].", show_default=False
        ),
    ] = "",
    hold_bit: Annotated[int, typer.Option(help="Which hold it may set, 0 to 15; 255 for none.")] = 255,
    reading_key: Annotated[
        str, typer.Option(help="Its public reading key (0x, 32 bytes), if it keeps keys of its own.")
    ] = "",
    signer: Annotated[str, typer.Option(help="Its signer's address (0x, 20 bytes), likewise.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Admit a participant: entry in the directory, keys, admission on the ledger.

    Example: cargoledger participant add cfs-1 --name 'CFS One' --role warehouse
    """
    with opened(home) as opened_home:
        entry = opened_home.admit(
            participant_id,
            name=name,
            uri=uri,
            roles=roles_of(role),
            hold_bit=hold_bit,
            reading_key=unhex(reading_key, 32),
            signer=unhex(signer, 20),
        )
        document = _participants(opened_home, {entry.id})[0]
    emit(document, as_json, lambda: f"{entry.name} is participant {entry.number} ({entry.id}).")


@participant_app.command("list")
def participant_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the participants of the directory.

    Example: cargoledger participant list --json
    """
    from api.cli.render import table

    with opened(home) as opened_home:
        rows = _participants(opened_home, None)
    emit(
        {"participants": rows},
        as_json,
        lambda: table(
            "Participants",
            ("no.", "id", "name", "roles", "hold bit", "signs here"),
            [
                (
                    str(r["number"]),
                    str(r["id"]),
                    str(r["name"]),
                    ", ".join(r["roles"]).lower(),
                    "" if r["holdBit"] == 255 else str(r["holdBit"]),
                    "yes" if r["keysHere"] else "",
                )
                for r in rows
            ],
        ),
    )


@facility_app.command("add")
def facility_add(
    facility_id: Annotated[str, typer.Argument(metavar="ID", help="Short id of the place.")],
    *,
    name: Annotated[str, typer.Option(help="Name as people know it.")],
    uri: Annotated[str, typer.Option(help="How EPCIS events name it (bizLocation).")],
    operator: Annotated[str, typer.Option(help="Id of the participant that runs it.")],
    supervised: Annotated[bool, typer.Option("--supervised", help="Under customs supervision.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a place.

    Example: cargoledger facility add yard-1 --name 'Yard 1' --uri urn:epc:id:sgln:89312.2.0 --operator yard
    """
    with opened(home) as opened_home:
        entry = opened_home.add_facility(
            facility_id, name=name, uri=uri, operator=operator, supervised=supervised
        )
    document = {
        "number": entry.number,
        "id": entry.id,
        "uri": entry.uri,
        "name": entry.name,
        "operator": entry.operator,
        "supervised": entry.supervised,
    }
    emit(document, as_json, lambda: f"{entry.name} is facility {entry.number} ({entry.id}).")


@book_app.command("add")
def book_add(
    book_id: Annotated[str, typer.Argument(metavar="ID", help="Short id of the book.")],
    *,
    name: Annotated[str, typer.Option(help="Name as people know it.")],
    owner: Annotated[str, typer.Option(help="Id of the processor that owns it.")],
    regime: Annotated[str, typer.Option(help="Customs regime: SXXK, GC or EPE.")],
    option: Annotated[list[str] | None, typer.Option(help=f"Any of: {OPTIONS}.", show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a book.

    Example: cargoledger book add dmg-sxxk --name 'Demo Garment SXXK' --owner demo-garment --regime SXXK
    """
    options = BookOption(0)
    for word in option or []:
        options |= _member(BookOption, word, "option")
    with opened(home) as opened_home:
        entry = opened_home.add_book(book_id, name=name, owner=owner, regime=regime, options=options)
    document = {
        "number": entry.number,
        "id": entry.id,
        "name": entry.name,
        "owner": entry.owner,
        "regime": entry.regime,
        "options": [o.name for o in BookOption if o in entry.options],
    }
    emit(document, as_json, lambda: f"{entry.name} is book {entry.number} ({entry.id}).")


@book_app.command("list")
def book_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the books of the ledger: whose, under which regime, how many lots, and what was last recorded.

    Books in files are listed by nobody: `cargoledger check FOLDER...` takes several.

    Example: cargoledger book list
    """
    from api.cli.render import table
    from api.views.books import books_view
    from api.words import kind_words

    with opened(home) as opened_home, opened_home.session() as session:
        view = books_view(opened_home, session)

    def last(act: dict[str, Any] | None) -> str:
        if act is None:
            return "nothing yet"
        return f"{act['occurredAt'][:16].replace('T', ' ')} {kind_words(act['kind'])}"

    emit(
        view,
        as_json,
        lambda: table(
            "Books",
            ("no.", "id", "name", "owner", "regime", "lots", "last act"),
            [
                (
                    str(r["number"]),
                    r["id"] or "(not in the directory)",
                    r["name"],
                    r["owner"],
                    r["regime"],
                    str(r["lots"]),
                    last(r["lastAct"]),
                )
                for r in view["books"]
            ],
            right=(0, 5),
        ),
    )


def _participants(home: Home, only: set[str] | None) -> list[dict[str, Any]]:
    return [
        {
            "number": p.number,
            "id": p.id,
            "name": p.name,
            "uri": p.uri,
            "roles": [r.name for r in Role if r in p.roles],
            "holdBit": p.hold_bit,
            "keysHere": home.keyring.holds(p.id),
        }
        for p in home.directory.participants
        if only is None or p.id in only
    ]


def roles_of(words: list[str]) -> Role:
    """A mask of roles from their names.

    Raises:
        InputError: there is no role of a name.
    """
    roles = Role(0)
    for word in words:
        roles |= _member(Role, word, "role")
    return roles


def _member(enum: type[_Flag], word: str, what: str) -> _Flag:
    try:
        return enum[word.strip().upper().replace("-", "_")]
    except KeyError as fault:
        known = ", ".join(str(m.name).lower() for m in enum)
        raise InputError(f"there is no {what} {word!r}.", remedy=f"Known: {known}.") from fault


def unhex(text: str, size: int) -> bytes | None:
    """Bytes from hex; None for an empty text.

    Raises:
        InputError: not that many bytes.
    """
    if not text:
        return None
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != size:
        raise InputError(
            f"{text!r} is not {size} bytes in hex.", remedy=f"Write 0x and {2 * size} hex digits."
        )
    return value
