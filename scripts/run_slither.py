"""Run Slither over the contracts; every finding must be explained in contracts/slither_accepted.json.

Usage: .tools/slither/bin/python scripts/run_slither.py

Runs in Slither's own environment (scripts/tools makes it), with the npm solc. Detectors of low, medium and high
impact count. Exit status 1 and one line a finding if one is unexplained, or an explanation has no finding any more.
"""

from __future__ import annotations

import inspect
import json
import os
import posixpath
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from crytic_compile import CryticCompile  # type: ignore[import-not-found]
from crytic_compile.platform.solc_standard_json import SolcStandardJson  # type: ignore[import-not-found]
from slither import Slither  # type: ignore[import-not-found]
from slither.detectors import all_detectors  # type: ignore[import-not-found]
from slither.detectors.abstract_detector import (  # type: ignore[import-not-found]
    AbstractDetector,
    DetectorClassification,
)

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).resolve().parent))

import compile_contracts  # noqa: E402 - beside this file

ACCEPTED = REPOSITORY / "contracts" / "slither_accepted.json"
IMPORT = re.compile(r'^import\s+(?:[^"]*?\bfrom\s+)?"([^"]+)";', re.MULTILINE | re.DOTALL)
# The npm solc answers through files, since it fails on slow pipes, and says a line before its JSON.
WRAPPER = """#!/bin/sh
if [ "$1" = "--version" ]; then exec node {solc} --version; fi
cat > in.json && node {solc} --standard-json < in.json > out.json; status=$?
sed -n '/^[{{]/,$p' out.json; exit $status
"""


def standard_json(entry: str) -> dict[str, object]:
    """Standard JSON input of everything that `entry` needs, read from the working directory."""
    sources: dict[str, dict[str, str]] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        text = Path(name).read_text("utf-8")
        sources[name] = {"content": text}
        here = posixpath.dirname(name)
        waiting += [posixpath.normpath(posixpath.join(here, found)) if found.startswith(".") else found
                    for found in IMPORT.findall(text)]
    settings = {key: compile_contracts.SETTINGS[key] for key in ("optimizer", "viaIR", "evmVersion")}
    return {"language": "Solidity", "sources": sources, "settings": settings}


def findings() -> dict[str, str]:
    """Description of each finding of low impact or more, by detector and function."""
    slither = Slither(CryticCompile(SolcStandardJson(standard_json("src/CustodyLedger.sol")), solc="./solc"),
                      filter_paths=["@openzeppelin"])
    serious = (DetectorClassification.LOW, DetectorClassification.MEDIUM, DetectorClassification.HIGH)
    for name in dir(all_detectors):
        detector = getattr(all_detectors, name)
        if inspect.isclass(detector) and issubclass(detector, AbstractDetector) \
                and detector is not AbstractDetector and detector.IMPACT in serious:
            slither.register_detector(detector)
    found = {}
    for result in (item for batch in slither.run_detectors() if batch for item in batch):
        subject = re.match(r"[\w.]+", result["description"])
        key = f"{result['check']} {subject.group() if subject else '?'}"
        found[key] = " ".join(result["description"].split())
    return found


def main() -> int:
    """Compare what Slither finds with what is explained."""
    modules = compile_contracts.node_modules()
    if modules is None:
        print("slither: skipped, the npm packages are not there (scripts/tools)", file=sys.stderr)
        return 3
    accepted = json.loads(ACCEPTED.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        shutil.copytree(REPOSITORY / "contracts" / "src", "src")
        Path("@openzeppelin").symlink_to(modules / "@openzeppelin")
        Path("solc").write_text(WRAPPER.format(solc=shlex.quote(str(modules / "solc" / "solc.js"))))
        Path("solc").chmod(0o755)
        found = findings()
        os.chdir(REPOSITORY)
    for key in sorted(set(found) - set(accepted)):
        print(f"unexplained: {key}: {found[key][:300]}")
    for key in sorted(set(accepted) - set(found)):
        print(f"explained but no longer found: {key}")
    print(f"slither: {len(found)} findings, {len(set(found) - set(accepted))} unexplained")
    return 1 if set(found) != set(accepted) else 0


if __name__ == "__main__":
    sys.exit(main())
