"""Commands about measuring devices: `new` and `sign` stand in for a device, the others are authority acts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shell import HomeOption, JsonOption, emit, home_path, opened
from ledger.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from api.home import Home

device_app = typer.Typer(no_args_is_help=True, help="Measuring devices that sign what they measure.")

DAY_S = 86_400
KeyArgument = Annotated[str, typer.Argument(metavar="DEVICE", help="Its public key (0x, 32 bytes).")]
TimeHelp = "Time of RFC 3339, such as 2027-01-31T00:00:00+07:00"


def add_to(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.add_typer(device_app, name="device")


@device_app.command("new")
def device_new(
    key_file: Annotated[Path, typer.Argument(metavar="FILE", help="Key file to make; must not exist.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key for a device that has none of its own (a gateway beside a scale, a test).

    Example: cargoledger device new keys/weighbridge-1.key
    """
    from ledger.keys.devices import new_device_key

    path = home_path(home).absolute() / key_file
    public = "0x" + new_device_key(path).public.hex()
    emit({"device": public, "file": str(path)}, as_json, lambda: f"{public}\nKey file: {path}")


@device_app.command("sign")
def device_sign(
    element: Annotated[str, typer.Argument(metavar="FILE", help="A sensor element; - is standard input.")],
    *,
    key: Annotated[str, typer.Option(help="The device's key: file:PATH.")],
    counter: Annotated[int, typer.Option(min=0, help="Above that of every reading before.")],
    subject: Annotated[str, typer.Option(help="Identifier of what was measured.")] = "",
    place: Annotated[str, typer.Option(help="URI of the read point.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a sensor element as a device does, for an event's sensorElementList.

    Example: cargoledger device sign mass.json --key file:keys/weighbridge-1.key --counter 17
    """
    from api.jsonio import dumps
    from ledger.events.strict_json import parse_json
    from ledger.keys.devices import load_device_key
    from ledger.settings import Settings

    path = home_path(home)
    try:
        body = sys.stdin.buffer.read() if element == "-" else Path(element).read_bytes()
    except OSError as fault:
        raise NotFoundError(f"{element} cannot be read: {fault.strerror}.") from fault
    content = parse_json(body)
    if not isinstance(content, dict):
        raise InputError("a sensor element is a JSON object.")
    signed = load_device_key(key, base=path.absolute()).sign_element(
        content, chain_id=Settings.load(path).chain_id, counter=counter, subject=subject, place=place
    )
    emit(signed, as_json, lambda: dumps(signed, indent=2))


@device_app.command("add")
def device_add(
    device: KeyArgument,
    participant: Annotated[str, typer.Option("--as", help="Participant whose device it is.")],
    *,
    facility: Annotated[str, typer.Option(help="Place where it stands; none if it is carried about.")] = "",
    calibrated_until: Annotated[str, typer.Option(help=TimeHelp)] = "",
    days: Annotated[int, typer.Option(min=1, help="Days of service, from now.")] = 3650,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a device (the authority's act).

    Example: cargoledger device add 0x... --as terminal --calibrated-until 2027-01-31T00:00:00Z
    """
    with opened(home) as opened_home:
        now = opened_home.clock()
        number = opened_home.directory.facility(facility).number if facility else 0
        opened_home.authority.add_device(
            _key(device),
            opened_home.directory.participant(participant).number,
            facility=number,
            valid_from_s=now,
            valid_until_s=now + days * DAY_S,
            calibrated_until_s=_seconds(calibrated_until) if calibrated_until else 0,
        )
        document = _standing(opened_home, device)
    emit(document, as_json, lambda: f"{device} is a device of {participant}.")


@device_app.command("calibrate")
def device_calibrate(
    device: KeyArgument,
    until: Annotated[str, typer.Option(help=f"{TimeHelp}; earlier than before takes it back.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """State until when a device's calibration holds (the authority's act).

    Example: cargoledger device calibrate 0x... --until 2027-01-31T00:00:00+07:00
    """
    with opened(home) as opened_home:
        opened_home.authority.set_calibration(_key(device), _seconds(until))
        document = _standing(opened_home, device)
    emit(document, as_json, lambda: f"The calibration of {device} holds until {until}.")


@device_app.command("revoke")
def device_revoke(device: KeyArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Revoke a device for good (the authority's act); recorded readings stay as good as they were.

    Example: cargoledger device revoke 0x...
    """
    with opened(home) as opened_home:
        opened_home.authority.revoke_device(_key(device))
        document = _standing(opened_home, device)
    emit(document, as_json, lambda: f"{device} is revoked.")


@device_app.command("list")
def device_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the registered devices, from the index.

    Example: cargoledger device list
    """
    from api.cli.render import table
    from api.views.devices import devices_view

    with opened(home) as opened_home, opened_home.session() as session:
        rows = devices_view(session, opened_home.directory)
    emit(
        {"devices": rows},
        as_json,
        lambda: table(
            "Devices",
            ("device", "of", "at", "calibrated until", "readings", "revoked"),
            [
                (
                    r["device"],
                    r["participant"]["name"],
                    (r["facility"] or {"name": "-"})["name"],
                    r["calibratedUntil"] or "not stated",
                    str(r["readings"]),
                    r["revokedAt"] or "",
                )
                for r in rows
            ],
        ),
    )


def _standing(home: Home, device: str) -> dict[str, Any]:
    """The device as the ledger has it; the index follows."""
    from api.views.names import iso_s
    from ledger.chain.views import View

    found = View(home.chain, home.deployment).device(_key(device))
    if found is None:
        raise NotFoundError(f"no device {device} is registered.")
    home.indexer.run_once()
    return {
        "device": device,
        "participant": found.participant,
        "facility": found.facility or None,
        "validFrom": iso_s(found.valid_from_s),
        "validUntil": iso_s(found.valid_until_s),
        "calibratedUntil": iso_s(found.calibrated_until_s) if found.calibrated_until_s else None,
        "revokedAt": iso_s(found.revoked_at_s) if found.revoked_at_s is not None else None,
    }


def _key(text: str) -> bytes:
    from ledger.keys.wire import read_hex

    return read_hex(text, 32, "a device's public key")


def _seconds(text: str) -> int:
    from ledger.events.times import unix_milliseconds

    return unix_milliseconds(text) // 1000
