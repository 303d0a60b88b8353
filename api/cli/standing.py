"""Commands about standing: participant show, suspend, reinstate, roles-at; key revoke.

They join the groups `participant` and `key` when this module is imported.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli.governing import moment
from api.cli.keys import key_app
from api.cli.network import ROLES, participant_app, roles_of, unhex
from api.cli.shell import HomeOption, JsonOption, emit, opened
from ledger.errors import InputError

ParticipantArgument = Annotated[str, typer.Argument(metavar="ID", help="Short id of the participant.")]
FOREVER_S = 2**64 - 1
_ADDRESS_BYTES = 20


@participant_app.command("show")
def show(participant: ParticipantArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show a participant's standing: roles, keys and devices with their windows, suspension, recoveries.

    Example: cargoledger participant show terminal
    """
    from api.governing import Governing

    with opened(home) as opened_home:
        document = Governing(opened_home).standing(opened_home.directory.participant(participant))
    emit(document, as_json, lambda: _standing(document))


@participant_app.command("suspend")
def suspend(participant: ParticipantArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Suspend a participant: all its acts are refused until it is reinstated. What is recorded stays.

    Example: cargoledger participant suspend terminal
    """
    with opened(home) as opened_home:
        entry = opened_home.directory.participant(participant)
        opened_home.authority.suspend(entry.number)
    emit({"participant": entry.id, "suspended": True}, as_json, lambda: f"{entry.name} is suspended.")


@participant_app.command("reinstate")
def reinstate(participant: ParticipantArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Let a suspended participant act again.

    Example: cargoledger participant reinstate terminal
    """
    with opened(home) as opened_home:
        entry = opened_home.directory.participant(participant)
        opened_home.authority.reinstate(entry.number)
    emit({"participant": entry.id, "suspended": False}, as_json, lambda: f"{entry.name} may act again.")


@participant_app.command("roles-at")
def roles_at(
    participant: ParticipantArgument,
    facility: Annotated[str, typer.Argument(metavar="FACILITY", help="Short id of the place.")],
    role: Annotated[
        list[str] | None, typer.Option(help=f"All roles that it has there; none ends them. Of: {ROLES}.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a participant roles at one place, beside those that it has everywhere.

    One that shall have no others is admitted with --role local.

    Example: cargoledger participant roles-at port-customs terminal-1 --role customs
    """
    roles = roles_of(role or [])
    with opened(home) as opened_home:
        directory = opened_home.directory
        entry, place = directory.participant(participant), directory.facility(facility)
        opened_home.authority.set_facility_roles(entry.number, place.number, roles)
    names = [str(r.name) for r in roles]
    document = {"participant": entry.id, "facility": place.id, "roles": names}
    said = ", ".join(names).lower() or "nothing more"
    emit(document, as_json, lambda: f"{entry.name} is {said} at {place.name}.")


@key_app.command("revoke")
def key_revoke(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="0x and 40 hex digits.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a signing key for good. Recorded events stay valid; what is not recorded must be signed again.

    Example: cargoledger key revoke 0x00112233445566778899aabbccddeeff00112233
    """
    signer = _given(address, _ADDRESS_BYTES)
    with opened(home) as opened_home:
        opened_home.authority.revoke_signer(signer)
    emit({"address": "0x" + signer.hex(), "revoked": True}, as_json, lambda: f"0x{signer.hex()} is revoked.")


def _given(text: str, size: int) -> bytes:
    value = unhex(text, size)
    if value is None:
        raise InputError("a key or address is needed.", remedy=f"Write 0x and {2 * size} hex digits.")
    return value


def _standing(d: dict[str, Any]) -> str:
    lines = [f"{d['name']} ({d['id']}), participant {d['number']}: {', '.join(d['roles']).lower()}"
             f"{', SUSPENDED' if d['suspended'] else ''}"]
    lines += [f"  at {place}: {', '.join(roles).lower()}" for place, roles in d["facilityRoles"].items()]
    if d["recoveries"]:
        lines.append(f"  keys recovered {d['recoveries']} times")
    lines.append(f"  reading key {d['readingKey']}")
    lines += [f"  signer {_window(s['address'], s)}" for s in d["signers"]]
    lines += [f"  device {_window(s['publicKey'], s)}, calibrated until {moment(s['calibratedUntil'])}"
              for s in d["devices"]]
    return "\n".join(lines)


def _window(key: str, row: dict[str, Any]) -> str:
    until = "for ever" if row["validUntil"] == FOREVER_S else f"until {moment(row['validUntil'])}"
    where = f", at {row['facility']} only" if row["facility"] else ""
    ended = f", REVOKED {moment(row['revokedAt'])}" if row["revokedAt"] is not None else ""
    return f"{key} from {moment(row['validFrom'])} {until}{where}{ended}"
