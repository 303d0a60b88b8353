"""Recompile the contracts and write contracts/artifacts/*.json.

Usage: python scripts/compile_contracts.py [--check]

Node and the npm packages of contracts/package-lock.json must be there: in .tools/node_modules, in
contracts/node_modules, or where CARGOLEDGER_NODE_MODULES says. Users never compile. The artifacts depend on
the sources, the compiler and the settings below only. With --check nothing is written; the exit status says
whether the committed artifacts are what the sources give.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
CONTRACTS = REPOSITORY / "contracts"

class CompileError(Exception):
    """The sources do not compile cleanly, or the compiler is not the one that is pinned."""


SOLC_VERSION = "0.8.37"
TARGETS = {
    "ApprovalKinds": "src/ApprovalKinds.sol",
    "BookKinds": "src/BookKinds.sol",
    "CargoKinds": "src/CargoKinds.sol",
    "CustodyLedger": "src/CustodyLedger.sol",
    "Participants": "src/Participants.sol",
    "Governance": "src/Governance.sol",
}
SETTINGS: dict[str, Any] = {
    # Code is written once and called for years, so gas counts more than size, as long as ledger and
    # library stay below 24,576 bytes each.
    "optimizer": {"enabled": True, "runs": 20_000},
    # Many kinds keep more than sixteen values alive; the old code generator cannot.
    "viaIR": True,
    # The newest level that py-evm, anvil, Besu and subnet-evm all run.
    "evmVersion": "cancun",
    # Bytecode then depends on code alone, not on comments or paths.
    "metadata": {"bytecodeHash": "none"},
}
_UNLINKED = re.compile(r"__\$[0-9a-f]{34}\$__")
_IMPORT = re.compile(r'^import\s+(?:[^"]*?\bfrom\s+)?"([^"]+)";', re.MULTILINE | re.DOTALL)


def node_modules() -> Path | None:
    """Where the npm packages are, or None: $CARGOLEDGER_NODE_MODULES, `.tools/`, or beside package.json."""
    named = os.environ.get("CARGOLEDGER_NODE_MODULES")
    places = [Path(named)] if named else []
    places += [REPOSITORY / ".tools" / "node_modules", CONTRACTS / "node_modules"]
    for place in places:
        if (place / "solc" / "solc.js").is_file() and (place / "@openzeppelin" / "contracts").is_dir():
            return place
    return None


def why_not() -> str | None:
    """One line that says what is missing for compiling, or None if nothing is."""
    if shutil.which("node") is None:
        return "node is not installed, so the contracts cannot be recompiled"
    if node_modules() is None:
        return "the npm packages of contracts/package.json are not installed, so nothing can be recompiled"
    return None


def read_sources(modules: Path, roots: list[str]) -> dict[str, str]:
    """Text of the root sources and of all they import, by the name under which solc knows them.

    Args:
        modules: the node_modules folder.
        roots: names such as `src/CustodyLedger.sol` or `@openzeppelin/...`.
    """
    found: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        base = modules if name.startswith("@") else CONTRACTS
        text = (base / name).read_text(encoding="utf-8")
        found[name] = text
        for target in _IMPORT.findall(text):
            waiting.append(_resolve(name, target))
    return dict(sorted(found.items()))


def _resolve(importer: str, target: str) -> str:
    if not target.startswith("."):
        return target
    return os.path.normpath(str(Path(importer).parent / target)).replace(os.sep, "/")


def compile_sources(modules: Path, sources: dict[str, str], settings: dict[str, Any]) -> dict[str, Any]:
    """Output of solc for standard JSON.

    Raises:
        CompileError: the compiler is another version or does not run, or the sources do not compile without
            error and warning; the message has the findings.
    """
    solc = modules / "solc" / "solc.js"
    version = json.loads((modules / "solc" / "package.json").read_text(encoding="utf-8"))["version"]
    if version != SOLC_VERSION:
        raise CompileError(f"solc {version} is installed, the contracts are compiled with {SOLC_VERSION}.")
    wanted = ["abi", "userdoc", "devdoc", "evm.bytecode.object", "evm.deployedBytecode.object",
              "evm.deployedBytecode.immutableReferences", "evm.bytecode.linkReferences",
              "evm.deployedBytecode.linkReferences", "storageLayout"]
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": {**settings, "outputSelection": {"*": {"*": wanted}}},
    }
    node = shutil.which("node") or "node"
    # Files, not pipes: solc-js fails on a slow pipe and exits before a full one is written.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as stdin, tempfile.TemporaryFile("w+b") as stdout:
        json.dump(request, stdin)
        stdin.seek(0)
        done = subprocess.run(
            [node, str(solc), "--standard-json"],
            stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, check=False,
        )
        stdout.seek(0)
        text = stdout.read().decode("utf-8")
    start = text.find("{")  # solc-js may print a notice first
    if start < 0:
        raise CompileError(f"solc gave no output: {done.stderr.decode(errors='replace').strip()[:500]}")
    output: dict[str, Any] = json.loads(text[start:])
    findings = [x["formattedMessage"] for x in output.get("errors", [])]
    if findings:
        raise CompileError("the contracts do not compile cleanly:\n" + "\n".join(findings))
    return output


def build(settings: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Artifacts by contract name, as they are committed.

    Raises:
        CompileError: tools are missing, or as compile_sources.
    """
    modules = node_modules()
    if modules is None:
        raise CompileError(str(why_not()))
    used = SETTINGS if settings is None else settings
    sources = read_sources(modules, list(TARGETS.values()))
    output = compile_sources(modules, sources, used)
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sources.items()}
    artifacts: dict[str, dict[str, Any]] = {}
    for name, source in TARGETS.items():
        compiled = output["contracts"][source][name]
        evm = compiled["evm"]
        artifacts[name] = {
            "contract": name,
            "source": source,
            "compiler": {"name": "solc", "version": SOLC_VERSION, "settings": used},
            "abi": compiled["abi"],
            # Where a library's address belongs there are zeros; the loader puts it in.
            "bytecode": "0x" + _UNLINKED.sub("0" * 40, evm["bytecode"]["object"]),
            "deployedBytecode": "0x" + _UNLINKED.sub("0" * 40, evm["deployedBytecode"]["object"]),
            "linkReferences": _links(evm["bytecode"]["linkReferences"]),
            "deployedLinkReferences": _links(evm["deployedBytecode"]["linkReferences"]),
            "immutableReferences": sorted(
                [place["start"], place["length"]]
                for places in evm["deployedBytecode"].get("immutableReferences", {}).values()
                for place in places
            ),
            "storageLayout": _layout(compiled["storageLayout"]),
            "userdoc": compiled["userdoc"],
            "devdoc": compiled["devdoc"],
            "sources": {k: v for k, v in hashes.items() if k in _closure(source, sources)},
        }
    return artifacts


def render(artifact: dict[str, Any]) -> str:
    """The bytes of an artifact file."""
    return json.dumps(artifact, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _closure(root: str, sources: dict[str, str]) -> set[str]:
    seen: set[str] = set()
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [_resolve(name, target) for target in _IMPORT.findall(sources[name])]
    return seen


def _links(references: dict[str, dict[str, list[dict[str, int]]]]) -> dict[str, list[int]]:
    """Where the address of each library belongs: first bytes, by name."""
    return {
        name: sorted(place["start"] for place in places)
        for libraries in references.values() for name, places in libraries.items()
    }


def _layout(layout: dict[str, Any]) -> list[dict[str, Any]]:
    """Slots by variable, without the compiler's internal node numbers."""
    return [{"label": x["label"], "slot": int(x["slot"]), "offset": x["offset"]} for x in layout["storage"]]


def main(arguments: list[str]) -> int:
    """Compile; 0 on success, 1 if an artifact differs (--check) or nothing compiles, 2 if tools miss."""
    missing = why_not()
    if missing:
        print(f"compile_contracts: {missing}.", file=sys.stderr)
        return 2
    try:
        artifacts = build()
    except CompileError as fault:
        print(f"compile_contracts: {fault}", file=sys.stderr)
        return 1
    folder = CONTRACTS / "artifacts"
    folder.mkdir(exist_ok=True)
    different = 0
    for name, artifact in artifacts.items():
        size = (len(artifact["deployedBytecode"]) - 2) // 2
        path = folder / f"{name}.json"
        text = render(artifact)
        same = path.exists() and path.read_text(encoding="utf-8") == text
        different += not same
        if not same and "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        print(f"{name}: {size} bytes, {'unchanged' if same else 'differs'}")
    return 1 if different and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
