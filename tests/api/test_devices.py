"""Devices from registration to verdict: through the command, the page and the proof; a bad reading never keeps an event out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import world
from starlette.testclient import TestClient
from test_cli import as_json, command, write

from api.home import Home
from api.http.app import create_app
from ledger.keys.devices import load_device_key


@pytest.fixture(scope="module")
def folder(told: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(told, tmp_path_factory.mktemp("devices") / "home"))


@pytest.fixture(scope="module")
def scale(folder: Path) -> str:
    made = as_json("device", "new", "scale.key", home=folder)
    return str(made["device"])


def weighing(folder: Path, name: str, counter: int, when: str, **changes: Any) -> dict[str, Any]:
    """An observation of the terminal with a reading that the command signed."""
    element = {"sensorMetadata": {"time": when, "deviceID": "urn:example:scale"},
               "sensorReport": [{"type": "Mass", "value": 8120.5, "uom": "KGM"}]}
    signed = as_json("device", "sign", write_json(folder.parent / "element.json", element), "--key", "file:scale.key",
                     "--counter", str(counter), "--subject", f"urn:epc:id:bic:{world.BOX}", home=folder)
    signed["sensorReport"][0]["value"] = 8120.50
    return {**world.box("terminal", name, "OBSERVE"), "eventTime": "2026-03-02T09:00:00+07:00",
            "sensorElementList": [signed], "cl:step": "WEIGH", **changes}


def write_json(path: Path, value: Any) -> str:
    path.write_text(json.dumps(value))
    return str(path)


def posted(folder: Path, event: dict[str, Any]) -> dict[str, Any]:
    done = as_json("post", write(folder.parent / "post.json", event), "--as", "terminal", home=folder)
    assert done["counts"] == {"recorded": 1}  # whatever its reading is worth
    return as_json("show", done["documents"][0]["events"][0]["eventId"], home=folder)


def test_reading__unregistered_then_registered__verdicts_of_their_time(folder: Path, scale: str, tmp_path: Path) -> None:
    early = posted(folder, weighing(folder, "w0", 1, "2026-03-02T08:59:00+07:00"))
    assert [r["verdict"] for r in early["readings"]] == ["UNKNOWN_DEVICE"]
    with Home.open(folder, seed=world.SEED, clock=world.Clock(world.START_S + 90_000)) as home:
        home.authority.add_device(bytes.fromhex(scale[2:]), 3, facility=1, valid_from_s=0, calibrated_until_s=2**40)
    listed = as_json("device", "list", home=folder)["devices"]
    assert listed == [] or listed[0]["device"] == scale
    good = posted(folder, weighing(folder, "w1", 2, "2026-03-02T08:59:10+07:00"))
    reading = good["readings"][0]
    assert (reading["verdict"], reading["verified"], reading["device"], reading["counter"]) == ("VERIFIED", True, scale, 2)
    assert reading["reports"] == [{"type": "Mass", "value": "8120.5", "uom": "KGM"}]
    # registering it later changes nothing about what was recorded before
    assert as_json("show", early["eventId"], home=folder)["readings"][0]["verdict"] == "UNKNOWN_DEVICE"
    assert as_json("device", "list", home=folder)["devices"][0]["readings"] == 2
    code, out, _ = command("show", good["eventId"], home=folder)
    assert code == 0 and "8,120.5 KGM: VERIFIED" in out
    code, out, _ = command("verify", good["eventId"], home=folder)
    assert code == 0 and "signed by its key" in out


def test_reading__bad__recorded_with_its_fault_on_every_way_out(folder: Path, scale: str) -> None:
    other = {"readPoint": {"id": "urn:example:elsewhere"}}
    copied = posted(folder, weighing(folder, "w2", 2, "2026-03-02T08:59:10+07:00"))
    assert copied["readings"][0]["verdict"] == "COUNTER_REUSED"
    assert posted(folder, weighing(folder, "w3", 3, "2026-03-02T08:58:00+07:00"))["readings"][0]["verdict"] == "COUNTER_ORDER"
    assert posted(folder, weighing(folder, "w4", 40, "2026-03-02T08:59:40+07:00", **other))["readings"][0]["verdict"] == "OTHER_PLACE"
    forged = weighing(folder, "w5", 50, "2026-03-02T08:59:50+07:00")
    forged["sensorElementList"][0]["sensorReport"][0]["value"] = 9999
    event = posted(folder, forged)
    assert event["readings"][0]["verdict"] == "BAD_SIGNATURE"
    assert as_json("verify", event["eventId"], home=folder)["readings"] == [{"device": scale, "counter": 50, "signed": False}]
    with Home.open(folder, seed=world.SEED) as home, TestClient(create_app(home), base_url="http://ledger.test") as client:
        assert client.post("/sign-in", data={"token": world.token(home, "terminal")}).status_code == 200
        page = client.get(f"/view/event/{event['eventId']}").text
        assert "BAD_SIGNATURE" in page and "does not belong to these values" in page.replace("&#39;", "'")


def test_reading__event_corrected__its_replacement_may_carry_it_again(folder: Path, scale: str) -> None:
    wrong = weighing(folder, "w6", 60, "2026-03-02T09:00:00+07:00")
    first = posted(folder, wrong)
    assert first["readings"][0]["verdict"] == "VERIFIED"
    correction = {**wrong, "errorDeclaration": {"declarationTime": "2026-03-02T10:00:00+07:00", "reason": "incorrect_data"}}
    assert posted(folder, correction)["readings"][0]["verdict"] == "VERIFIED"
    assert posted(folder, {**wrong, "eventID": world.uri("terminal") + "events/w6-right"})["readings"][0]["verdict"] == "VERIFIED"
    assert posted(folder, {**wrong, "eventID": world.uri("terminal") + "events/w6-copy"})["readings"][0]["verdict"] == "COUNTER_REUSED"


def test_device__calibrated_and_revoked__from_the_command(folder: Path, scale: str) -> None:
    second = as_json("device", "new", "second.key", home=folder)["device"]
    assert load_device_key("file:second.key", base=folder).public.hex() == second[2:]
    added = as_json("device", "add", second, "--as", "terminal", "--facility", "quay", home=folder)
    assert (added["participant"], added["facility"], added["calibratedUntil"]) == (3, 1, None)
    done = as_json("device", "calibrate", second, "--until", "2031-01-31T00:00:00+07:00", home=folder)
    assert done["calibratedUntil"] == "2031-01-30T17:00:00Z"
    assert as_json("device", "revoke", second, home=folder)["revokedAt"]
    row = next(r for r in as_json("device", "list", home=folder)["devices"] if r["device"] == second)
    assert row["revokedAt"] and row["participant"]["id"] == "terminal" and row["facility"]["id"] == "quay"
    for arguments in (["calibrate", "0x12", "--until", "2031-01-31T00:00:00Z"], ["revoke", "0x" + "00" * 32],
                      ["add", second, "--as", "nobody"], ["calibrate", scale, "--until", "soon"]):
        assert as_json("device", *arguments, home=folder, code=2)["error"]["message"]
    code, out, _ = command("device", "list", home=folder)
    assert code == 0 and scale in out.replace("\n", "")


def test_reading__of_the_wrong_form__refused_with_its_place_before_anything_is_taken(folder: Path, scale: str) -> None:
    event = weighing(folder, "w9", 90, "2026-03-02T09:00:00+07:00")
    event["sensorElementList"][0]["cl:reading"]["signature"] = "0x00"
    fault = as_json("post", write(folder.parent / "bad.json", event), "--as", "terminal", home=folder, code=2)["error"]
    assert fault["code"] == "CL-INPUT-020" and fault["pointer"].endswith("/sensorElementList/0/cl:reading/signature")
