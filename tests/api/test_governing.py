"""Governing by command, as an operator would: members, delays, guardians, standing, rotation, recovery, devices."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_cli import as_json, command

from api.home import Home

DAY = 86_400
START_S = 1_800_000_000
BOX = "CSQU3054383"
ROOT = Path(__file__).resolve().parents[2]
SCALE = "0x" + "5c" * 32


class Clock:
    """The wall clock of every command here; each reading is a second later."""

    def __init__(self) -> None:
        self.now_s = START_S

    def __call__(self) -> int:
        self.now_s += 1
        return self.now_s


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A home with real delays, a guardian, customs, a terminal; and the guardian's key and a second member's."""
    folder = tmp_path_factory.mktemp("governed")
    guardian = as_json("authority", "new-key", str(folder / "guardian.key"))
    member = as_json("authority", "new-key", str(folder / "member.key"))
    environment = {"CARGOLEDGER_GUARDIANS": guardian["address"], "CARGOLEDGER_AUTHORITY_MEMBERS": member["address"],
                   "CARGOLEDGER_AUTHORITY_DELAY_S": str(DAY), "CARGOLEDGER_RECOVERY_DELAY_S": str(2 * DAY)}
    home = folder / "home"
    Home.create(home, name="governed", clock=lambda: START_S, environment=environment).close()
    return home, guardian["uri"], member["uri"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("api.parts.wall_clock", made)
    return made


@pytest.fixture
def home(made: tuple[Path, str, str], clock: Clock, tmp_path: Path) -> Iterator[Path]:
    folder = Path(shutil.copytree(made[0], tmp_path / "home"))
    as_json("participant", "add", "customs", "--name", "Customs", "--role", "customs", "--hold-bit", "0", home=folder)
    as_json("participant", "add", "terminal", "--name", "Cat Hai Terminal", "--role", "terminal", home=folder)
    as_json("facility", "add", "terminal-1", "--name", "Cat Hai", "--uri", "urn:example:place:cat-hai", "--operator",
            "terminal", "--supervised", home=folder)
    yield folder


def announced(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = as_json("authority", "pending", home=folder)["announced"]
    return found


def arrival(folder: Path, code: int = 0) -> dict[str, Any]:
    """The terminal reports a container."""
    document = ROOT / "examples" / "quick-start" / "arrival.json"
    return as_json("post", str(document), "--as", "terminal", home=folder, code=code)


def test_members__as_founded__with_their_delays(home: Path) -> None:
    accounts = as_json("authority", "members", home=home)["accounts"]
    assert sorted(tuple(x["roles"]) for x in accounts) == [
        ("authority", "registrar", "recovery", "succession")] * 2 + [("gateway",), ("guardian",)]
    assert {x["roles"]["authority"] for x in accounts if "authority" in x["roles"]} == {DAY}
    code, out, _ = command("authority", "members", home=home)
    assert code == 0
    assert "guardian" in out
    assert "authority (86400 s)" in out


def test_member__added_by_the_same_command_after_the_delay(home: Path, clock: Clock, tmp_path: Path) -> None:
    new = as_json("authority", "new-key", str(tmp_path / "third.key"))["address"]
    said = as_json("authority", "add-member", new, home=home)
    assert said["done"] is False
    [waiting] = announced(home)
    assert waiting["id"] == said["announced"]
    assert waiting["what"] == f"make {new} a member of the authority"
    assert (waiting["ready"], waiting["readyAt"]) == (False, said["readyAt"])
    early = as_json("authority", "execute", waiting["id"], home=home, code=2)
    assert early["error"]["code"] == "CL-UNAVAILABLE-003"
    clock.now_s += DAY
    assert as_json("authority", "add-member", new, home=home)["done"] is True
    assert as_json("authority", "add-member", new, home=home) == {"account": new, "done": True, "changed": False}
    assert announced(home) == []
    roles = {x["account"]: x["roles"] for x in as_json("authority", "members", home=home)["accounts"]}
    assert roles[new]["authority"] == DAY


def test_announced__cancelled_by_the_guardian__is_gone(home: Path, made: tuple[Path, str, str], clock: Clock) -> None:
    _, guardian, member = made
    first = as_json("authority", "members", home=home)["accounts"][0]["account"]
    said = as_json("authority", "remove-member", first, "--key", member, home=home)
    text = command("authority", "pending", home=home)[1]
    assert f"remove {first}" in text
    stopped = as_json("authority", "cancel", said["announced"][:12], "--key", guardian, home=home)
    assert stopped["cancelled"] is True
    assert announced(home) == []
    clock.now_s += DAY
    again = as_json("authority", "execute", said["announced"], "--key", member, home=home, code=2)
    assert again["error"]["code"] == "CL-INPUT-002"


def test_announced__carried_out_by_another_account__says_whose_key_it_needs(
    home: Path, made: tuple[Path, str, str], clock: Clock, tmp_path: Path,
) -> None:
    _, guardian, member = made
    new = as_json("authority", "new-key", str(tmp_path / "g2.key"))["address"]
    said = as_json("authority", "add-guardian", new, "--key", member, home=home)
    clock.now_s += DAY
    refused = as_json("authority", "execute", said["announced"], home=home, code=2)
    assert "only that account" in refused["error"]["message"]
    assert as_json("authority", "execute", said["announced"], "--key", member, home=home)["done"] is True
    assert guardian


@pytest.mark.parametrize("bad", ["0x12", "nonsense", "0x" + "zz" * 20])
def test_address__malformed__is_one_error_with_a_remedy(home: Path, bad: str) -> None:
    error = as_json("authority", "add-member", bad, home=home, code=2)["error"]
    assert "20 bytes" in error["message"]
    assert error["remedy"]


def test_participant__suspended__its_events_are_refused_until_it_is_reinstated(home: Path, clock: Clock) -> None:
    as_json("participant", "suspend", "terminal", home=home)
    assert as_json("participant", "show", "terminal", home=home)["suspended"] is True
    refused = arrival(home, code=1)
    assert "PARTICIPANT_SUSPENDED" in str(refused)
    as_json("participant", "reinstate", "terminal", home=home)
    assert as_json("participant", "show", "terminal", home=home)["suspended"] is False


def test_key__rotated__new_one_signs_old_one_is_revoked_and_shown(home: Path) -> None:
    before = as_json("key", "show", "--as", "terminal", home=home)["address"]
    assert "RECORDED" in str(arrival(home))
    new = as_json("key", "new", "--as", "terminal", "--days", "90", home=home)
    as_json("key", "use", new["uri"], "--as", "terminal", home=home)
    as_json("key", "revoke", before, home=home)
    keys = {x["address"]: x for x in as_json("participant", "show", "terminal", home=home)["signers"]}
    assert keys[before]["revokedAt"] > START_S
    assert keys[new["address"]]["revokedAt"] is None
    assert "CSQU3054383" in command("show", BOX, home=home)[1], "what was recorded under the old key stays"
    assert "REVOKED" in command("participant", "show", "terminal", home=home)[1]


def test_recovery__keys_lost__made_here_announced_adopted_and_used(home: Path, clock: Clock) -> None:
    assert "RECORDED" in str(arrival(home))
    lost = as_json("key", "show", "--as", "terminal", home=home)["address"]
    (home / "keys" / "terminal" / "signer.key").unlink()
    said = as_json("authority", "recover", "terminal", home=home)
    assert said["done"] is False
    assert said["signer"] != lost
    [waiting] = announced(home)
    assert waiting["what"].startswith("end all keys of participant 2; from then on " + said["signer"])
    clock.now_s += 2 * DAY
    assert as_json("authority", "execute", waiting["id"], home=home)["done"] is True
    shown = as_json("participant", "show", "terminal", home=home)
    assert (shown["recoveries"], shown["readingKey"]) == (1, said["readingKey"])
    assert {x["address"]: x["revokedAt"] is None for x in shown["signers"]} == {lost: False, said["signer"]: True}
    assert as_json("key", "show", "--as", "terminal", home=home)["address"] == said["signer"]
    assert not (home / "keys" / "terminal" / "recovery").exists()
    assert (home / "keys" / "terminal" / "reading-before-1.key").is_file()


def test_recovery__cancelled__old_keys_go_on(home: Path, made: tuple[Path, str, str], clock: Clock) -> None:
    before = as_json("key", "show", "--as", "terminal", home=home)["address"]
    said = as_json("authority", "recover", "terminal", home=home)
    as_json("authority", "cancel", said["announced"], "--key", made[1], home=home)
    clock.now_s += 3 * DAY
    assert as_json("key", "show", "--as", "terminal", home=home)["address"] == before
    assert as_json("participant", "show", "terminal", home=home)["recoveries"] == 0


def test_role_at_one_place__set_shown_and_ended(home: Path) -> None:
    as_json("participant", "add", "port-customs", "--name", "Port customs", "--role", "local", "--hold-bit", "4", home=home)
    as_json("participant", "roles-at", "port-customs", "terminal-1", "--role", "customs", home=home)
    shown = as_json("participant", "show", "port-customs", home=home)
    assert (shown["roles"], shown["facilityRoles"]) == (["LOCAL"], {"terminal-1": ["CUSTOMS"]})
    as_json("participant", "roles-at", "port-customs", "terminal-1", home=home)
    assert as_json("participant", "show", "port-customs", home=home)["facilityRoles"] == {}


def test_device__of_a_participant__shown_with_its_standing(home: Path) -> None:
    as_json("device", "add", SCALE, "--as", "terminal", "--facility", "terminal-1", home=home)
    [device] = as_json("participant", "show", "terminal", home=home)["devices"]
    assert (device["publicKey"], device["facility"], device["revokedAt"]) == (SCALE, "terminal-1", None)
    as_json("device", "revoke", SCALE, home=home)
    assert "REVOKED" in command("participant", "show", "terminal", home=home)[1]


def test_delays__set_by_command__announced_then_shown_for_a_new_member(
    home: Path, made: tuple[Path, str, str], clock: Clock, tmp_path: Path,
) -> None:
    said = as_json("authority", "set-delays", "--register", "60", "--succession", str(40 * DAY), home=home)
    assert said["delays"] == {"register": 60, "authority": DAY, "recovery": 2 * DAY, "succession": 40 * DAY}
    assert "set the delays of new members" in announced(home)[0]["what"]
    clock.now_s += DAY
    as_json("authority", "set-delays", "--register", "60", "--succession", str(40 * DAY), home=home)
    assert as_json("authority", "set-delays", home=home)["changed"] is False
    new = as_json("authority", "new-key", str(tmp_path / "member-3.key"))["address"]
    as_json("authority", "add-member", new, home=home)
    clock.now_s += DAY
    as_json("authority", "add-member", new, home=home)
    roles = {row["account"]: row["roles"] for row in as_json("authority", "members", home=home)["accounts"]}
    assert roles[new]["registrar"] == 60
    assert roles[new]["succession"] == 40 * DAY
    error = as_json("authority", "set-delays", "--register", str(2**32), home=home, code=2)["error"]
    assert "between 0 and" in error["message"]


def test_key__for_one_place__signs_there_and_nowhere_else(home: Path, clock: Clock, tmp_path: Path) -> None:
    as_json("facility", "add", "terminal-2", "--name", "Lach Huyen", "--uri", "urn:example:place:lach-huyen",
            "--operator", "terminal", "--supervised", home=home)
    known = as_json("key", "new", "--as", "terminal", "--at", "terminal-1", home=home)
    as_json("key", "use", known["uri"], "--as", "terminal", home=home)
    assert "RECORDED" in str(arrival(home))
    made = as_json("key", "new", "--as", "terminal", "--at", "terminal-2", home=home)
    assert made["facility"] == "terminal-2"
    as_json("key", "use", made["uri"], "--as", "terminal", home=home)
    assert as_json("key", "show", "--as", "terminal", home=home)["facility"] == "terminal-2"
    other = tmp_path / "other.json"
    other.write_text((ROOT / "examples" / "quick-start" / "arrival.json").read_text("utf-8")
                     .replace("7a1f0c1e", "8b2f0c1e").replace("CSQU3054383", "MSKU0000019"), "utf-8")
    assert "SIGNER_ELSEWHERE" in str(as_json("post", str(other), "--as", "terminal", home=home, code=1))
    error = as_json("key", "new", "--as", "terminal", "--at", "nowhere", home=home, code=2)["error"]
    assert "nowhere" in error["message"]
