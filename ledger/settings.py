"""Settings of one home: read once at start, frozen, passed down; they name keys and never hold one.

A home is a folder with `cargoledger.toml`. A value comes from the environment (`CARGOLEDGER_HTTP_PORT`),
else from the file, else from the default below. An unknown variable or entry, a signer without a scheme, or a
wildcard origin refuses to start and names the culprit. docs/settings.md lists every field;
a test compares both.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from ledger.errors import InputError

_CONFIRMATIONS_MAX = 10_000  # a day of 8 s blocks
SETTINGS_FILE = "cargoledger.toml"
PREFIX = "CARGOLEDGER_"

DELAYED = ("register", "authority", "recovery", "succession")
"""Acts of the authority that may have to be announced."""

NOT_SETTINGS = frozenset({
    "CARGOLEDGER_HOME", "CARGOLEDGER_TOKEN",
    "CARGOLEDGER_PYTHON", "CARGOLEDGER_VENV",
    "CARGOLEDGER_ANVIL", "CARGOLEDGER_FORGE", "CARGOLEDGER_NODE_MODULES",
    "CARGOLEDGER_NO_SKIP", "CARGOLEDGER_TEST_LOOP", "CARGOLEDGER_TEST_PROFILE",
    "CARGOLEDGER_TEST_WORKERS",
})
"""Variables with our prefix that are no settings: of commands, of the scripts, of tools and tests."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator may choose. Relative paths start at `home`."""

    home: Path                                  # folder of the settings file; not a setting itself
    name: str = "cargoledger"                   # of this ledger: shown, and signed into checkpoints
    chain: str = "embedded:chain.sqlite"        # engine: `embedded:PATH`, or an http(s) JSON-RPC URL
    chain_endpoints: tuple[str, ...] = field(default=())  # further nodes of the network: JSON-RPC URLs
    chain_id: int = 72024                       # an engine with another id is refused
    evm_loop: str = "fast"                      # runs the embedded engine's opcodes: `fast`, `stock`
    finality: str = "instant"                   # `instant`, or `confirmations=N`
    deployment: str = "deployment.json"         # where the contracts are; written by `deploy`
    directory: str = "directory.json"           # names for the numbers on chain
    keys: str = "keys"                          # folder of participants' keys, one folder each
    network_secret: str = "file:keys/network.key"  # noqa: S105 - a URI: secret behind unit ids
    authority_signer: str = "file:keys/authority/signer.key"  # admits participants, sets facilities and books
    authority_members: tuple[str, ...] = field(default=())  # other members of the authority, at deployment
    guardians: tuple[str, ...] = field(default=())  # who may cancel what members announce, at deployment
    register_delay_s: int = 0                   # how long an announced change of the register waits
    authority_delay_s: int = 60                 # the same for members, guardians and delays
    recovery_delay_s: int = 60                  # the same for recovering a participant's keys
    succession_delay_s: int = 60                # the same for ending the ledger
    gateway_signer: str = "file:keys/gateway/signer.key"  # sends batches; has no rights over content
    operator_key: str = "file:keys/operator/checkpoint.key"  # Ed25519 key that signs checkpoints
    gateway_store: str = "gateway.sqlite"       # outbox, payloads, grants, tokens
    posters: str = "posters"                    # folder of the posters' own stores
    index_url: str = "sqlite:///index.sqlite"   # SQLAlchemy URL; a relative SQLite path starts at home
    feed_changes_max: int = 5_000_000           # changes that the index's feed keeps
    history_days: int = 3_660                   # how long the index remembers how rows were; 0 for ever
    runs_every_s: int = 60                      # how often a server looks after kept settlements; 0 never
    tx_gas_max: int = 16_000_000                # gas limit of one batch transaction
    receipt_wait_s: int = 30                    # how long one flush waits for a receipt
    reference_wait_s: int = 86_400              # wait for a referenced event that nobody has seen
    batch_wait_ms: int = 100                    # events gather that long while several come at a time
    outbox_events_max: int = 100_000            # events without an outcome; beyond, none is taken
    late_after_s: int = 86_400                  # recorded later than this after it occurred: late
    event_deadline_s: int = 2_592_000           # how long a signed event may be recorded (30 days)
    http_host: str = "127.0.0.1"                # address the HTTP server listens on
    http_port: int = 8480                       # port of the HTTP server
    allowed_origins: tuple[str, ...] = field(default=())  # other web pages that may call; no wildcard

    @property
    def instant(self) -> bool:
        """Whether a block that is there counts for ever; otherwise the index may have to roll back."""
        return self.finality == "instant"

    @property
    def confirmations(self) -> int:
        """Blocks that must stand on a block before it counts; 0 with instant finality."""
        return int(self.finality.partition("=")[2] or 0)

    def path(self, value: str) -> Path:
        """A path of these settings, relative ones taken from `home`."""
        return self.home / value

    def key_uri(self, uri: str) -> str:
        """A key URI with its path made absolute: `file:keys/a` becomes `file:/home/keys/a`."""
        scheme, _, rest = uri.partition(":")
        return f"{scheme}:{self.home.absolute() / rest}" if scheme in ("file", "keystore") else uri

    @classmethod
    def load(cls, home: Path, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings of a home.

        Args:
            home: the folder; an absent settings file means defaults.
            environment: variables that overrule the file (`os.environ` at the top of a program), or None.

        Raises:
            InputError: unknown or malformed entry or variable, named in the message.
        """
        path = home / SETTINGS_FILE
        values: dict[str, Any] = {}
        types = _types()
        try:
            entries = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as fault:
            raise InputError(f"{path} cannot be read: {fault}.") from fault
        for name, value in entries.items():
            if name not in types:
                raise InputError(f"{path} has the unknown entry {name!r}.", remedy="See docs/settings.md.")
            values[name] = _from_toml(path, name, value, types[name])
        for variable, text in (environment or {}).items():
            if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
                continue
            name = variable[len(PREFIX):].lower()
            if name not in types or variable != variable.upper():
                raise InputError(f"the variable {variable} is unknown.",
                                 remedy="See docs/settings.md, or unset it.")
            values[name] = _from_text(variable, text, types[name])
        settings = cls(home=home, **values)
        settings._check()
        return settings

    def _check(self) -> None:
        for name in ("network_secret", "authority_signer", "gateway_signer", "operator_key"):
            uri = getattr(self, name)
            if ":" not in uri:
                raise InputError(f"{PREFIX}{name.upper()} must be a URI such as file:PATH, not {uri!r}.")
        if not self.chain.startswith(("embedded:", "http://", "https://")):
            raise InputError(f"{PREFIX}CHAIN must be embedded:PATH or an http(s) URL, not {self.chain!r}.")
        for url in self.chain_endpoints:
            if not url.startswith(("http://", "https://")):
                raise InputError(f"{PREFIX}CHAIN_ENDPOINTS must be http(s) URLs, not {url!r}.")
        if self.chain_endpoints and self.chain.startswith("embedded:"):
            raise InputError(f"{PREFIX}CHAIN_ENDPOINTS are further nodes of a network; an embedded ledger is "
                             "one.", remedy="Set CHAIN to a node's URL, or leave them out.")
        kind, _, count = self.finality.partition("=")
        if self.finality != "instant" and not (kind == "confirmations" and count.isdecimal()):
            raise InputError(f"{PREFIX}FINALITY must be instant or confirmations=N, not {self.finality!r}.")
        if self.evm_loop not in ("fast", "stock"):
            raise InputError(f"{PREFIX}EVM_LOOP must be fast or stock, not {self.evm_loop!r}.")
        if self.confirmations and self.chain.startswith("embedded:"):
            raise InputError(f"{PREFIX}FINALITY of an embedded ledger is instant: a block that nobody "
                             "posts after would never be confirmed.")
        if not 0 <= self.confirmations <= _CONFIRMATIONS_MAX:
            raise InputError(f"{PREFIX}FINALITY takes at most {_CONFIRMATIONS_MAX} confirmations.")
        if "*" in "".join(self.allowed_origins):
            raise InputError(f"{PREFIX}ALLOWED_ORIGINS must not hold a wildcard: calls carry credentials.")
        for name, low, high in (("http_port", 0, 65535), ("chain_id", 1, 2**53),
                                ("tx_gas_max", 1_000_000, 2**32), ("receipt_wait_s", 0, 3600),
                                ("reference_wait_s", 0, 2**31), ("event_deadline_s", 60, 2**31),
                                ("batch_wait_ms", 0, 60_000), ("outbox_events_max", 1, 2**31),
                                ("late_after_s", 0, 2**31), ("feed_changes_max", 1_000, 2**40),
                                ("history_days", 0, 2**20), ("runs_every_s", 0, 2**31),
                                *((f"{act}_delay_s", 0, 2**31) for act in DELAYED)):
            if not low <= getattr(self, name) <= high:
                raise InputError(f"{PREFIX}{name.upper()} must lie between {low} and {high}.")


def write_settings(settings: Settings) -> Path:
    """Write a home's settings file: entries that differ from their default. A crash leaves old or new.

    Returns:
        The file's path.
    """
    lines = ["# Settings of this CargoLedger home; docs/settings.md explains every entry."]
    for item in fields(Settings):
        value = getattr(settings, item.name)
        if item.name != "home" and value != item.default:
            lines.append(f"{item.name} = {_to_toml(value)}")
    path = settings.home / SETTINGS_FILE
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return path


def setting_names() -> list[str]:
    """Names of all settings, in the order of the table in docs/settings.md."""
    return [item.name for item in fields(Settings) if item.name != "home"]


def _types() -> dict[str, Any]:
    hints = get_type_hints(Settings)
    return {name: hints[name] for name in setting_names()}


def _from_toml(path: Path, name: str, value: Any, kind: Any) -> Any:
    if kind == tuple[str, ...]:
        good = isinstance(value, list) and all(isinstance(x, str) for x in value)
        value = tuple(value) if good else value
    else:
        good = type(value) is kind
    if not good:
        raise InputError(f"{path}: {name} has the wrong type: {value!r}.", remedy="See docs/settings.md.")
    return value


def _from_text(variable: str, text: str, kind: Any) -> Any:
    if kind is int:
        if not text.isdecimal() or not text.isascii():
            raise InputError(f"{variable} must be a whole number, not {text!r}.")
        return int(text)
    if kind is str:
        return text
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _to_toml(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _quote(value)
    return "[" + ", ".join(_quote(x) for x in value) + "]"


def _quote(text: str) -> str:
    def escape(c: str) -> str:
        if c in '"\\':
            return "\\" + c
        return f"\\u{ord(c):04X}" if ord(c) < 0x20 or ord(c) == 0x7F else c

    escaped = "".join(escape(c) for c in text)
    return f'"{escaped}"'
