"""Run the forge tests of the contracts with the npm solc.

Usage: python scripts/run_forge.py [--deep] [arguments for `forge test`]
       python scripts/run_forge.py fmt [--check]

Needs node, the npm packages (see scripts/compile_contracts.py) and forge: where CARGOLEDGER_FORGE says, in
.tools/bin, among the npm packages, or on PATH. Exit status 3: something is missing, and one line says what.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import compile_contracts

MISSING = 3
WRAPPER = """#!/bin/sh
# forge asks its compiler for --version and --standard-json; the npm solc answers through files, since it
# fails on slow pipes.
if [ "$1" = "--version" ]; then exec node {solc} --version; fi
in=$(mktemp) && out=$(mktemp) || exit 1
cat > "$in"
node {solc} --standard-json < "$in" > "$out"
status=$?
sed -n '/^[{{]/,$p' "$out"
rm -f "$in" "$out"
exit $status
"""


def forge_binary(modules: Path) -> Path | None:
    """The forge executable itself: the launcher of npm loses its exit status."""
    machine = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "")
    packaged = modules / "@foundry-rs" / f"forge-{platform.system().lower()}-{machine}" / "bin" / "forge"
    named = os.environ.get("CARGOLEDGER_FORGE") or shutil.which("forge")
    places = [compile_contracts.REPOSITORY / ".tools" / "bin" / "forge", packaged]
    if named:
        places.insert(0 if "CARGOLEDGER_FORGE" in os.environ else 2, Path(named))
    return next((x for x in places if x.is_file()), None)


def prepared(modules: Path, forge: Path, verb: str) -> tuple[list[str], dict[str, str]]:
    """Command and environment that let forge compile the contracts with the npm solc.

    Args:
        modules: the node_modules folder.
        forge: the forge executable.
        verb: `test` or `build`.
    """
    root = compile_contracts.CONTRACTS
    (root / "cache").mkdir(exist_ok=True)
    wrapper = root / "cache" / "solc"
    wrapper.write_text(WRAPPER.format(solc=modules.resolve() / "solc" / "solc.js"), encoding="utf-8")
    wrapper.chmod(0o755)
    command = [
        str(forge), verb, "--root", str(root), "--use", str(wrapper),
        "--remappings", f"@openzeppelin/contracts/={modules.resolve()}/@openzeppelin/contracts/",
    ]
    return command, {**os.environ, "FOUNDRY_ALLOW_PATHS": json.dumps([str(modules.resolve())])}


def found_tools() -> tuple[Path, Path] | str:
    """The node_modules folder and forge, or one line that says what is missing."""
    missing = compile_contracts.why_not()
    modules = compile_contracts.node_modules()
    if missing or modules is None:
        return str(missing)
    return (modules, forge) if (forge := forge_binary(modules)) else "forge is not installed"


def main(arguments: list[str]) -> int:
    """Exit status of forge, or MISSING."""
    tools = found_tools()
    if isinstance(tools, str):
        print(f"run_forge: {tools}, so the forge tests are skipped.", file=sys.stderr)
        return MISSING
    modules, forge = tools
    root = compile_contracts.CONTRACTS
    if arguments[:1] == ["fmt"]:
        places = [str(root / "src"), str(root / "test")]
        command = [str(forge), "fmt", "--root", str(root), *arguments[1:], *places]
        return subprocess.run(command, check=False).returncode
    command, environment = prepared(modules, forge, "test")
    if arguments[:1] == ["--deep"]:
        arguments = arguments[1:]
        environment["FOUNDRY_PROFILE"] = "deep"
    return subprocess.run([*command, *arguments], env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
