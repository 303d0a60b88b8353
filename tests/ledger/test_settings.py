"""Settings: every field documented, every unknown name refused, no key in a setting."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from ledger.errors import InputError
from ledger.settings import NOT_SETTINGS, PREFIX, SETTINGS_FILE, Settings, setting_names, write_settings

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| (.+?) \| (.+?) \|$", re.M)


def test_settings__field_or_default_not_as_documented__none() -> None:
    rows = ROW.findall(DOCUMENT.read_text("utf-8"))
    assert [name for name, *_ in rows] == setting_names()  # same names, same order
    defaults = {field.name: field.default for field in dataclasses.fields(Settings)}
    for name, variable, default, meaning in rows:
        assert variable == PREFIX + name.upper()
        expected = "empty" if defaults[name] in ("", ()) else f"`{defaults[name]}`"
        assert default == expected, name
        assert meaning.endswith(".")
    assert all(f"`{name}`" in DOCUMENT.read_text("utf-8") for name in NOT_SETTINGS)


def test_settings__absent_file__defaults(tmp_path: Path) -> None:
    assert Settings.load(tmp_path) == Settings(home=tmp_path)


def test_settings__written__read_back_and_only_what_differs_is_written(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, chain="http://127.0.0.1:8545", http_port=1, allowed_origins=("https://a.example",),
                        directory='odd "name"\\\n\x7f.json')
    path = write_settings(settings)
    assert Settings.load(tmp_path) == settings
    assert "gateway_store" not in path.read_text("utf-8") and path.name == SETTINGS_FILE
    write_settings(Settings(home=tmp_path))
    assert Settings.load(tmp_path) == Settings(home=tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [SETTINGS_FILE]


def test_settings__variable__overrules_the_file(tmp_path: Path) -> None:
    write_settings(Settings(home=tmp_path, http_port=1))
    found = Settings.load(tmp_path, {"CARGOLEDGER_HTTP_PORT": "2", "CARGOLEDGER_ALLOWED_ORIGINS": "https://a, https://b",
                                     "CARGOLEDGER_HOME": "x", "PATH": "y"})
    assert (found.http_port, found.allowed_origins) == (2, ("https://a", "https://b"))


@pytest.mark.parametrize(("variable", "value"), [
    ("CARGOLEDGER_HTTP_PROT", "1"), ("CARGOLEDGER_", "1"), ("CARGOLEDGER_Chain", "x"), ("CARGOLEDGER_HTTP_PORT", "eighty"),
    ("CARGOLEDGER_HTTP_PORT", "-1"), ("CARGOLEDGER_HTTP_PORT", "70000"), ("CARGOLEDGER_HTTP_PORT", "٣"),
    ("CARGOLEDGER_ALLOWED_ORIGINS", "https://a,*"), ("CARGOLEDGER_GATEWAY_SIGNER", "deadbeef"),
    ("CARGOLEDGER_CHAIN", "ftp://x"), ("CARGOLEDGER_FINALITY", "soon"), ("CARGOLEDGER_FINALITY", "confirmations=x"),
    ("CARGOLEDGER_EVM_LOOP", "slow"), ("CARGOLEDGER_CHAIN_ID", "0"), ("CARGOLEDGER_TX_GAS_MAX", "5"),
])
def test_settings__variable_unknown_or_bad__refused_by_name(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(InputError, match=re.escape(variable)):
        Settings.load(tmp_path, {variable: value})


@pytest.mark.parametrize("text", ["http_prot = 1", 'http_port = "1"', "http_port = true", "allowed_origins = [1]", "chain = 1",
                                  "home = 'x'", "= 1", "[table]\nx = 1"])
def test_settings__entry_unknown_or_bad__refused_by_file(tmp_path: Path, text: str) -> None:
    (tmp_path / SETTINGS_FILE).write_text(text)
    with pytest.raises(InputError, match=SETTINGS_FILE):
        Settings.load(tmp_path)


def test_settings__key_uri__absolute_for_files_untouched_for_others(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert settings.key_uri("file:keys/a") == f"file:{tmp_path}/keys/a"
    assert settings.key_uri("keystore:/x/a") == "keystore:/x/a"
    assert settings.key_uri("remote:https://x") == "remote:https://x"
    assert settings.path("a") == tmp_path / "a"
