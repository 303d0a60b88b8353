"""What must not slip into a commit: host names of registries, machine paths, secrets, oversized or generated files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = {".py", ".sol", ".md", ".toml", ".json", ".jsonld", ".txt", ".lock", ".sh", ".html", ".css", ".js", ".csv", ".yml", ""}


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_commits__registry_host_or_machine_path__none() -> None:
    bad = re.compile(r"registry\.npmjs|files\.pythonhosted|pypi\.org/simple|index\.crates|proxy\.golang|/root/|/work/main|/work/shared"
                     r"|\"resolved\": *\"https?:")
    wrong = []
    for path in tracked():
        if path.suffix not in TEXT or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
            if bad.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line[:100]}")
    assert not wrong, wrong


def test_commits__private_key_or_keystore__none() -> None:
    bad = re.compile(r"BEGIN (RSA |EC |OPENSSH )?PRIVATE KEY")
    wrong = [str(p) for p in tracked() if p.name.endswith((".key", ".secret"))
             or (p.suffix in TEXT and p != Path(__file__) and bad.search(p.read_text("utf-8", errors="replace")))]
    assert not wrong, wrong


def test_commits__file_over_one_mebibyte__none() -> None:
    assert [str(p) for p in tracked() if p.stat().st_size > 1 << 20] == []


def test_modules__longer_than_one_sitting__none() -> None:
    long = {str(p.relative_to(ROOT)): count for p in tracked() if p.suffix in (".py", ".sol")
            and (count := len(p.read_text("utf-8").splitlines())) > 600 and "tests" not in p.parts}
    assert not long, long
