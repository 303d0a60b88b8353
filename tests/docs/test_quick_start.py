"""The quick start is run as it is printed, in a copy of nothing but what it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_quick_start__run_as_printed__works_and_proves(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "quick-start.md").read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.S)
    assert len(blocks) >= 6
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "scripts").mkdir()
    command = tmp_path / "scripts" / "cargoledger"
    # The bootstrap is tested by the two commands themselves; here the environment exists already.
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m api.cli.main "$@"\n')
    command.chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CARGOLEDGER_")} | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(blocks)], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NOT_ELIGIBLE" in done.stdout
    assert done.stdout.count("Verified") == 2
    assert (tmp_path / "proof.json").is_file()
