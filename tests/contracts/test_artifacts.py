"""What is committed is what the sources give: artifacts, numbers, documentation, sizes."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from contracts.artifacts import LIBRARIES as LINKED
from contracts.artifacts import NAMES, load, read_text
from ledger import vocabulary
from ledger.events.model import ABI_EVENT, ABI_LINE, EVENT_TYPE, LINE_TYPE
from tests.contracts.evm import abi_type, signature_of
from tests.contracts.governance import OWN_OF_GOVERNANCE

pytestmark = pytest.mark.timeout(900)  # the compiler alone takes a minute, more on a busy machine

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "contracts" / "src"
CODE_BYTES_MAX = 24_576  # EIP-170


def compiler() -> Any:
    spec = importlib.util.spec_from_file_location("compile_contracts", ROOT / "scripts" / "compile_contracts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_artifacts__recompiled__are_the_committed_ones() -> None:
    tools = compiler()
    missing = tools.why_not()
    if missing:
        pytest.skip(missing)
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "compile_contracts.py"), "--check"],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_artifact__own_sources__have_the_hashes_it_was_compiled_from(name: str) -> None:
    own = {k: v for k, v in load(name).sources.items() if not k.startswith("@")}
    found = {k: hashlib.sha256((ROOT / "contracts" / k).read_bytes()).hexdigest() for k in own}
    assert found == own


def test_artifacts__all_sources__are_in_one() -> None:
    compiled = {k for name in NAMES for k in load(name).sources}
    assert {f"src/{x.name}" for x in SOURCES.glob("*.sol")} == {x for x in compiled if not x.startswith("@")}


@pytest.mark.parametrize("name", NAMES)
def test_artifact__code__fits_and_is_linked_nowhere(name: str) -> None:
    artifact = load(name)
    assert 0 < len(artifact.deployed_bytecode) < CODE_BYTES_MAX
    assert artifact.compiler["version"] == compiler().SOLC_VERSION
    assert artifact.compiler["settings"] == compiler().SETTINGS
    for start, length in artifact.immutable_places:
        assert artifact.deployed_bytecode[start:start + length] == bytes(length)
    for places in artifact.link_places.values():
        assert all(artifact.bytecode[x:x + 20] == bytes(20) for x in places)


def test_artifact__wrong_libraries__are_refused() -> None:
    ledger = load("CustodyLedger")
    assert set(ledger.link_places) == set(LINKED)
    right = dict.fromkeys(LINKED, bytes(20))
    assert ledger.linked(right)
    for wrong in (None, {}, {"BookKinds": bytes(20)}, right | {"BookKinds": bytes(19)}, right | {"Other": bytes(20)}):
        with pytest.raises(LookupError):
            ledger.linked(wrong)
    assert load("Participants").linked() == load("Participants").bytecode
    with pytest.raises(LookupError):
        load("Proxy")


def test_artifacts__text__names_no_machine() -> None:
    for name in NAMES:
        assert "/root" not in read_text(name)
        assert "/home" not in read_text(name)
    lock = (ROOT / "contracts" / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    packages = json.loads(lock)["packages"]
    assert all("integrity" in x for k, x in packages.items() if k)


@pytest.mark.parametrize("source", sorted(SOURCES.glob("*.sol")), ids=lambda x: x.name)
def test_source__pragma_and_licence__are_exact(source: Path) -> None:
    text = source.read_text()
    assert text.startswith("// SPDX-License-Identifier: Apache-2.0\npragma solidity 0.8.37;\n")
    assert not re.search(r"tx\.origin|selfdestruct|delegatecall\(", text)
    assert max(map(len, text.splitlines())) <= 120
    assert len(text.splitlines()) <= 420


# ---- numbers

LIBRARIES: dict[str, type[Any]] = {
    "Kinds": vocabulary.Kind, "Roles": vocabulary.Role, "Things": vocabulary.Thing,
    "UnitStatuses": vocabulary.UnitStatus, "LineStatuses": vocabulary.LineStatus, "Balances": vocabulary.Balance,
    "LineRoles": vocabulary.LineRole, "Origins": vocabulary.Origin, "BookOptions": vocabulary.BookOption,
    "Outcomes": vocabulary.Outcome, "Steps": vocabulary.Step,
}


def solidity_numbers() -> dict[str, dict[str, int]]:
    text = (SOURCES / "Vocabulary.sol").read_text()
    found: dict[str, dict[str, int]] = {}
    for name, body in re.findall(r"library (\w+) \{(.*?)\n\}", text, re.DOTALL):
        found[name] = {k: int(v) for k, v in re.findall(r"constant (\w+) = (\d+);", body)}
    return found


@pytest.mark.parametrize("library", LIBRARIES)
def test_vocabulary__solidity_and_python__have_the_same_numbers(library: str) -> None:
    python = {x.name: int(x) for x in LIBRARIES[library]}
    solidity = solidity_numbers()[library]
    if library == "Steps":  # only those that change what a kind does
        python = {k: v for k, v in python.items() if k in solidity}
    assert solidity == python


def test_vocabulary__kinds_that_cite_a_line__are_the_same() -> None:
    said = re.search(r"CITES_LINE = (.*?);", (SOURCES / "StoreLayout.sol").read_text(), re.DOTALL)
    assert said
    assert {vocabulary.Kind[x] for x in re.findall(r"Kinds\.(\w+)", said[1])} == vocabulary.CITES_LINE


def test_vocabulary__every_library__is_compared() -> None:
    assert set(solidity_numbers()) == set(LIBRARIES)
    assert all(issubclass(x, int) for x in LIBRARIES.values())
    assert issubclass(vocabulary.Outcome, IntEnum)


def test_types__struct_in_solidity__is_the_type_that_is_signed() -> None:
    text = "".join((SOURCES / "EventHash.sol").read_text().split())
    quoted = re.findall(r'keccak256\(((?:"[^"]*")+)\)', text)
    types = {"".join(re.findall(r'"([^"]*)"', x)) for x in quoted}
    assert types == {"".join(LINE_TYPE.split()), "".join(EVENT_TYPE.split())}
    record = next(x for x in load("CustodyLedger").abi if x.get("name") == "record")
    event = record["inputs"][0]["components"][0]
    assert abi_type(event) == ABI_EVENT
    assert ABI_LINE in ABI_EVENT
    declared = [x["name"].rstrip("_") for x in event["components"]]
    signed = [x.split()[-1] for x in re.search(r"CustodyEvent\(([^)]*)\)", EVENT_TYPE)[1].split(",")]  # type: ignore[index]
    assert declared == signed


# ---- NatSpec

INHERITED = {  # OpenZeppelin documents these for developers, or not at all
    "AccessManagedInvalidAuthority(address)", "AccessManagedRequiredDelay(address,uint32)",
    "AccessManagedUnauthorized(address)", "AuthorityUpdated(address)", "EIP712DomainChanged()",
    "InvalidShortString()", "StringTooLong(string)", "authority()", "eip712Domain()", "isConsumingScheduledOp()",
    "setAuthority(address)",
}


@pytest.mark.parametrize("name", ["CustodyLedger", "Participants", "Governance"])
def test_natspec__every_item__says_what_it_is(name: str) -> None:
    data = json.loads(read_text(name))
    user, developer = data["userdoc"], data["devdoc"]
    assert user.get("notice")
    gaps = []
    for item in data["abi"]:
        if item["type"] == "constructor":
            notice = user["methods"].get("constructor", {}).get("notice")
            params = developer["methods"].get("constructor", {}).get("params", {})
            signature = "constructor"
        else:
            signature = signature_of(item)
            if signature in INHERITED or (name == "Governance" and signature not in OWN_OF_GOVERNANCE):
                continue
            group = {"function": "methods", "event": "events", "error": "errors"}[item["type"]]
            said, detailed = user.get(group, {}).get(signature, {}), developer.get(group, {}).get(signature, {})
            notice = (said[0] if isinstance(said, list) else said).get("notice")
            params = (detailed[0] if isinstance(detailed, list) else detailed).get("params", {})
            returns = developer.get("methods", {}).get(signature, {}).get("returns", {})
            if item.get("outputs") and len(returns) != len(item["outputs"]):
                gaps.append(f"{signature}: returns")
        if not notice:
            gaps.append(f"{signature}: notice")
        gaps += [f"{signature}: {x['name']}" for x in item.get("inputs", []) if not params.get(x["name"])]
    assert gaps == []


def test_natspec__functions_structs_and_contracts_in_source__have_a_comment() -> None:
    """What solc keeps no documentation of: internal functions of the rules, structs, libraries."""
    gaps = []
    for source in sorted(SOURCES.glob("*.sol")):
        lines = source.read_text().splitlines()
        for i, line in enumerate(lines):
            if re.match(r"(abstract contract|contract|library|interface|struct) |    struct ", line):
                before = next((x for x in reversed(lines[:i]) if x.strip()), "")
                if not before.strip().startswith("///"):
                    gaps.append(f"{source.name}: {line.strip()}")
    assert gaps == []


