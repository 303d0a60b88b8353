"""Run Slither over the contracts and compare its findings with the accepted ones.

Usage: python scripts/run_slither.py [--write]

Slither needs an older web3 and is AGPL, so it is a tool in an environment of its own: CARGOLEDGER_SLITHER, or
.tools/slither/bin/slither (`python3 -m venv .tools/slither`, then its pip installs slither-analyzer==0.11.6).
contracts/slither.json has every accepted finding with its reason. A finding that is not there, or one there
that is found no longer, fails. --write lists what is found, keeping reasons. Exit status 3: a tool misses.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import compile_contracts
import run_forge

BASELINE = compile_contracts.CONTRACTS / "slither.json"
UNEXPLAINED = "NOT EXPLAINED YET"


def slither_binary() -> Path | None:
    """The slither executable, or None."""
    named = os.environ.get("CARGOLEDGER_SLITHER")
    place = Path(named) if named else compile_contracts.REPOSITORY / ".tools" / "slither" / "bin" / "slither"
    if place.is_file():
        return place
    on_path = shutil.which("slither")
    return Path(on_path) if on_path else None


def findings(slither: Path, tools: tuple[Path, Path]) -> list[dict[str, str]]:
    """What Slither says of our own sources: detector, impact and where, without line numbers.

    Raises:
        RuntimeError: forge or slither failed.
    """
    root = compile_contracts.CONTRACTS
    command, environment = run_forge.prepared(*tools, "build")
    out = root / "out" / "slither"
    shutil.rmtree(out, ignore_errors=True)
    built = subprocess.run(
        [*command, "--build-info", "--skip", "test", "--force", "--out", str(out)],
        env=environment, capture_output=True, text=True, check=False)
    if built.returncode:
        raise RuntimeError(built.stdout + built.stderr)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        ran = subprocess.run(
            [str(slither), ".", "--ignore-compile", "--foundry-out-directory", str(out.relative_to(root)),
             "--exclude-dependencies", "--json", str(report)],
            # slither asks forge for its configuration
            env={**environment, "PATH": f"{tools[1].parent}{os.pathsep}{environment.get('PATH', '')}"},
            cwd=root, capture_output=True, text=True, check=False)
        if not report.is_file():
            raise RuntimeError(ran.stdout + ran.stderr)
        data: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    if not data["success"]:
        raise RuntimeError(str(data["error"]))
    found = {}
    for one in data["results"].get("detectors", []):
        where = _place(one)
        if where:
            found[one["check"], where] = {"detector": one["check"], "impact": one["impact"], "where": where}
    return [found[key] for key in sorted(found)]


def _place(finding: dict[str, Any]) -> str:
    """`File.sol: function or variable` of our own element that the finding is about; empty if it has none."""
    for element in finding["elements"]:
        file = Path(element["source_mapping"]["filename_relative"])
        if file.parts[:1] == ("src",):
            return f"{file.name}: {element['name'][:60]}"
    return ""


def main(arguments: list[str]) -> int:
    """0 if exactly the accepted findings are found."""
    tools, slither = run_forge.found_tools(), slither_binary()
    if isinstance(tools, str) or slither is None:
        missing = tools if isinstance(tools, str) else "slither is not installed"
        print(f"run_slither: {missing}, so the contracts are not analysed.", file=sys.stderr)
        return run_forge.MISSING
    try:
        found = findings(slither, tools)
    except RuntimeError as fault:
        print(f"run_slither: {fault}", file=sys.stderr)
        return 1
    accepted = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.is_file() else []
    reasons = {(x["detector"], x["where"]): x["reason"] for x in accepted}
    if "--write" in arguments:
        text = [{**x, "reason": reasons.get((x["detector"], x["where"]), UNEXPLAINED)} for x in found]
        BASELINE.write_text(json.dumps(text, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    keys = {(x["detector"], x["where"]) for x in found}
    faults = [f"new: {d} in {w}" for d, w in sorted(keys - set(reasons))]
    faults += [f"no longer found: {d} in {w}" for d, w in sorted(set(reasons) - keys)]
    faults += [f"not explained: {d} in {w}" for (d, w), why in sorted(reasons.items()) if why == UNEXPLAINED]
    print("\n".join([*faults, f"slither: {len(found)} findings, {len(faults)} not as accepted"]))
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
