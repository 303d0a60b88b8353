"""The examples of docs/papers.md are what the command prints."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"```console\n(.*?)```", (ROOT / "docs" / "papers.md").read_text("utf-8"), flags=re.S)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.splitlines()[-1][:20])
def test_example__run_as_written__prints_what_the_page_says(block: str, tmp_path: Path) -> None:
    steps = re.split(r"^\$ ", block, flags=re.M)[1:]
    assert steps
    for step in steps:
        line, _, said = step.partition("\n")
        words = shlex.split(line)
        assert words[0] == "cargoledger"
        done = subprocess.run([sys.executable, "-m", "api.cli.main", *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False,
                              env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "COLUMNS": "400"})
        assert done.returncode in (0, 1), done.stderr
        printed = " ".join(done.stdout.split())
        wanted = [part for part in re.split(r"^\.\.\.$", said, flags=re.M) if part.strip()]
        place = 0
        for part in wanted:
            found = printed.find(" ".join(part.split()), place)
            assert found >= place, (part, done.stdout)
            place = found


def test_particulars__on_the_page__are_those_of_the_code() -> None:
    from tracer.papers.particulars import PARTICULARS

    page = (ROOT / "docs" / "papers.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \| (.*) \|$", page, flags=re.M) == list(PARTICULARS.items())
