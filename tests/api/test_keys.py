"""Keys from the command line: protected, moved, replaced by a signing service; events go on being signed, secrets stay unseen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import world
from eth_account import Account
from test_cli import as_json, command, write

import ledger.keys.signers.keystore as keystore_module
from api.home import Home
from ledger.keys.local_signer import LocalSigner
from ledger.keys.secret_files import create_file
from tests.ledger.keys.web3signer import Service, running

KEY = b"\x05" * 32
PASSWORD = "correct horse 🐎"


@pytest.fixture
def folder(told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for function in (keystore_module.new_keystore_signer, keystore_module.change_password, keystore_module.import_keystore,
                     keystore_module.protect_file_key):
        monkeypatch.setitem(function.__kwdefaults__, "scrypt_n", 1024)  # the real cost is a second and 256 MiB each
    return Path(shutil.copytree(told, tmp_path / "home"))


@pytest.fixture
def password(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text(PASSWORD + "\n", "utf-8")
    return str(path)


def observed(home: Path, number: int, tmp_path: Path) -> dict[str, Any]:
    """Post an observation of the carrier and give what became of it."""
    event = world.box("carrier", f"look-{number}", "OBSERVE", minute=40 + number, **{"cl:step": "WEIGH"})
    posted = as_json("post", write(tmp_path / "look.json", event), "--as", "carrier", home=home)
    return as_json("show", posted["documents"][0]["events"][0]["eventId"], home=home)


def test_new_keystore__registered_used_and_shown__signs_events(folder: Path, password: str, tmp_path: Path) -> None:
    made = as_json("key", "new", "--as", "carrier", "--days", "9000", "--password-file", password, home=folder)
    assert Path(made["file"]).stat().st_mode & 0o777 == 0o600 and PASSWORD not in Path(made["file"]).read_text("utf-8")
    assert made["address"][2:] in Path(made["file"]).read_text().lower()
    uri = f"keystore:{Path(made['file']).relative_to(folder)}#passwordFile={password}"
    used = as_json("key", "use", uri, "--as", "carrier", home=folder)
    assert used["address"] == made["address"]
    shown = as_json("key", "show", "--as", "carrier", home=folder)
    assert (shown["uri"], shown["address"], shown["participant"], shown["revoked"]) == (uri, made["address"], 2, False)
    assert observed(folder, 1, tmp_path)["signer"] == made["address"]
    assert {row["file"] for row in as_json("key", "list", home=folder)["keys"]} >= {made["file"]}


def test_keystore__nobody_to_ask__says_what_to_do(folder: Path, password: str) -> None:
    made = as_json("key", "new", "--as", "carrier", "--password-file", password, home=folder)
    keystore_module._unlocked.clear()  # as in the next process
    fault = as_json("key", "show", "--uri", made["uri"], home=folder, code=2)["error"]
    assert "nobody is there" in fault["message"] and "passwordFile" in fault["remedy"]
    fault = as_json("key", "new", "--as", "carrier", "--keystore", home=folder, code=2)["error"]
    assert "--password-file" in fault["remedy"]


def test_service__keeps_the_key__events_signed_and_recorded(folder: Path, tmp_path: Path) -> None:
    with running(Service(KEY)) as service:
        address = "0x" + LocalSigner(KEY).address.hex()
        assert as_json("key", "offered", f"remote:{service.url}", home=folder) == {"addresses": [address]}
        uri = f"remote:{service.url}#address={address}"
        refused = as_json("key", "use", uri, "--as", "carrier", home=folder, code=2)["error"]
        assert "does not take" in refused["message"]  # the authority has not registered it
        with Home.open(folder) as home:
            home.authority.add_signer(bytes.fromhex(address[2:]), 2)
        as_json("key", "use", uri, "--as", "carrier", home=folder)
        event = observed(folder, 2, tmp_path)
        assert event["signer"] == address and event["outcome"]["name"] == "RECORDED"
        assert as_json("key", "use", uri, "--as", "terminal", home=folder, code=2)["error"]  # it signs for the carrier
    document = write(tmp_path / "late.json", world.box("carrier", "late", "OBSERVE", minute=50))
    fault = as_json("post", document, "--as", "carrier", home=folder, code=2)["error"]
    assert fault["code"] == "CL-UNAVAILABLE-001"  # the service is gone: nothing was signed, nothing half done
    as_json("key", "use", "file:keys/carrier/signer.key", "--as", "carrier", home=folder)
    posted = as_json("post", document, "--as", "carrier", home=folder)
    assert posted["counts"] == {"recorded": 1} and not posted["documents"][0]["events"][0]["repeated"]


def test_import_and_export__between_tools__same_key(folder: Path, password: str, tmp_path: Path) -> None:
    theirs = tmp_path / "UTC--other-tool"
    create_file(theirs, json.dumps(Account.encrypt(KEY, PASSWORD, kdf="scrypt", iterations=1024)))
    taken = as_json("key", "import", str(theirs), "--as", "carrier", "--password-file", password, home=folder)
    assert taken["address"] == "0x" + LocalSigner(KEY).address.hex()
    assert as_json("key", "show", "--uri", f"{taken['uri']}#passwordFile={password}", home=folder)["participant"] == 2
    target = tmp_path / "out.json"
    out = as_json("key", "export", str(target), "--uri", "file:keys/carrier/signer.key", "--password-file", password, home=folder)
    key = bytes(Account.decrypt(target.read_text(), PASSWORD))
    assert out["address"] == "0x" + LocalSigner(key).address.hex() == as_json("key", "show", "--as", "carrier", home=folder)["address"]
    assert target.stat().st_mode & 0o777 == 0o600
    again = as_json("key", "export", str(target), "--uri", "file:keys/carrier/signer.key", "--password-file", password, home=folder, code=2)
    assert again["error"]["code"] == "CL-INPUT-003"
    reading = as_json("key", "export", str(tmp_path / "r"), "--uri", "file:keys/carrier/reading.key", "--password-file", password,
                      home=folder, code=2)
    assert reading["error"]["code"] == "CL-INPUT-001" and not (tmp_path / "r").exists()


def test_password__changed__old_one_opens_no_more(folder: Path, password: str, tmp_path: Path) -> None:
    made = as_json("key", "new", "--as", "carrier", "--password-file", password, home=folder)
    after = tmp_path / "after"
    after.touch(mode=0o600)
    after.write_text("new one")
    changed = as_json("key", "password", made["file"], "--password-file", password, "--new-password-file", str(after))
    assert changed["address"] == made["address"]
    fault = as_json("key", "show", "--uri", f"{made['uri']}#passwordFile={password}", home=folder, code=2)["error"]
    assert fault["code"] == "CL-INPUT-005"
    assert as_json("key", "show", "--uri", f"{made['uri']}#passwordFile={after}", home=folder)["address"] == made["address"]


def test_commands__people__read_sentences_and_never_a_secret(folder: Path, password: str, tmp_path: Path) -> None:
    out = ""
    for arguments in (["new", "--as", "carrier", "--password-file", password], ["show", "--as", "carrier"], ["list"],
                      ["export", str(tmp_path / "x.json"), "--uri", "file:keys/carrier/signer.key", "--password-file", password]):
        code, text, err = command("key", *arguments, home=folder)
        assert code == 0, err
        out += text
    secret = (folder / "keys" / "carrier" / "signer.key").read_text().partition(":")[2].strip()
    assert "signs for carrier" in out and secret not in out and PASSWORD not in out
    assert as_json("key", "show", home=folder, code=2)["error"]["remedy"]
