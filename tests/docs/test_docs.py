"""Documents that may drift will: codes, promises, commands and links in docs are compared with the code."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import api
import contracts
import indexer
import ledger
import tracer
from ledger.errors import CargoLedgerError

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "examples").rglob("*.md")])


def error_classes() -> dict[str, list[str]]:
    for package in (contracts, ledger, indexer, tracer, api):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if ".migrations." not in module.name and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found: dict[str, list[str]] = {}

    def collect(cls: type[CargoLedgerError]) -> None:
        found.setdefault(cls.code, []).append(cls.__name__)
        for child in cls.__subclasses__():
            collect(child)

    collect(CargoLedgerError)
    found.pop(CargoLedgerError.code)
    return found


def test_errors__code_missing_in_docs_or_documented_without_class__none() -> None:
    documented = set(re.findall(r"CL-[A-Z]+-\d{3}", (ROOT / "docs" / "errors.md").read_text("utf-8")))
    assert documented == set(error_classes())


def test_errors__one_code_for_two_unrelated_errors__none() -> None:
    shared = {code: names for code, names in error_classes().items() if len(names) > 1}
    assert not shared, shared


def test_promises__named_test_that_does_not_exist__none() -> None:
    rows = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "promises.md").read_text("utf-8"))
    assert len(rows) >= 12
    wrong = [f"{path}::{name}" for path, name in rows
             if not (ROOT / path).is_file() or (name and f"def {name}(" not in (ROOT / path).read_text("utf-8"))]
    assert not wrong, wrong


@pytest.mark.parametrize("document", DOCS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links__file_that_does_not_exist__none(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text("utf-8"))
    missing = [t for t in targets if not (document.parent / t).exists()]
    assert not missing, missing


def test_documents__scripts_and_commands_named__exist() -> None:
    wrong = []
    commands = set(re.findall(r"\w[\w-]*", subprocess.run(
        [sys.executable, "-m", "api.cli.main", "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout))
    for document in DOCS:
        text = document.read_text("utf-8")
        wrong += [f"{document.name}: {name}" for name in re.findall(r"\b((?:tests/)?scripts/[\w.]+)", text) if not (ROOT / name).exists()]
        for command in re.findall(r"(?:^|`|\$ )cargoledger ([a-z]+)\b", text, flags=re.M):
            if command not in commands:
                wrong.append(f"{document.name}: cargoledger {command}")
    assert not wrong, wrong
