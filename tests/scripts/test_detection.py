"""docs/detection.md: it names every rule, a sample of it is still true, and a dull rule would show in it."""

from __future__ import annotations

import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tracer.files import read_book
from tracer.files.document import document_of
from tracer.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ("short-stock", "double-use", "unclaimed", "lighter-at-gate", "undeclared-inland-sale", "lot-under-hold")


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    from book_maker import enterprise, faults, looking, shrinking
    from tracer_bench import detection, smallest

    class Parts:
        pass

    for module in (enterprise, faults, looking, shrinking, detection, smallest):
        setattr(Parts, module.__name__.rpartition(".")[2], module)
    return Parts


def table(text: str, head: str) -> list[list[str]]:
    rows = text[text.index(head):].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]


def test_page__every_rule__is_named_and_finds_what_it_is_said_to(parts: Any) -> None:
    text = parts.detection.PAGE.read_text("utf-8")
    rules = table(text, "| Rule | What it finds")
    assert [row[0] for row in rules] == [rule.id for rule in RULES]
    assert all(int(row[2]) > 0 and row[3] == row[4] == "1.0" for row in rules)
    sizes = table(text, "| Rule | Fault")
    named = [row[1].strip("`") for row in sizes]
    assert len(named) == len(set(named)) > 80 and set(named) <= set(parts.faults.NAMES)
    assert {row[0] for row in sizes} == {row[0] for row in rules}


def test_page__a_sample__is_still_true(parts: Any, tmp_path: Path) -> None:
    told = {row[1].strip("`"): row for row in table(parts.detection.PAGE.read_text("utf-8"), "| Rule | Fault")}
    found = parts.smallest.of_book(tmp_path / "book", *parts.detection.SHOWN, SAMPLE)
    assert [row["fault"] for row in found] == [name for name in parts.faults.NAMES if name in SAMPLE]
    for row in found:
        line = parts.detection.line(row, {"least": None, "most": None})
        assert [c.strip() for c in line.split("|")[1:-2]] == told[row["fault"]][:-1], row["fault"]


class Dull:
    """A trial whose rule speaks from a size on."""

    class fault:  # noqa: N801 - looks like the object that it stands for
        rule, name, verdict = "B2", "short-stock", "found"

    class laid:  # noqa: N801
        has_size = True

    def __init__(self, speaks_from: str, tolerance: str | None) -> None:
        self.speaks_from, self.tolerance, self.asked = Decimal(speaks_from), tolerance, 0

    def finding(self, share: Decimal) -> dict[str, Any] | None:
        self.asked += 1
        size = share * 100
        if size < self.speaks_from:
            return None
        return {"difference": str(-size), "expected": "100", "observed": str(100 - size), "uom": "KGM",
                "tolerance": {"value": self.tolerance, "term": "relative"} if self.tolerance else None}


@pytest.mark.parametrize("times", ["1", "3", "80"])
def test_smallest__rule_that_speaks_from_so_many_tolerances_on__is_shown_as_that_dull(parts: Any, times: str) -> None:
    trial = Dull(times, "1")
    row = parts.smallest.smallest(trial)
    assert Decimal(times) <= parts.detection.multiple(row) <= Decimal(times) * Decimal("1.011")
    assert row["form"] == "size" and trial.asked < 40


def test_smallest__no_tolerance_any_size_no_size_and_never__told_apart(parts: Any) -> None:
    limit = parts.smallest.smallest(Dull("7", None))
    assert Decimal(7) <= -Decimal(limit["size"]) <= Decimal("7.02") and parts.detection.multiple(limit) is None
    assert parts.smallest.smallest(Dull("0", None))["form"] == "any"
    assert parts.smallest.smallest(Dull("101", "1")) is None  # not even the whole of it

    class Constant(Dull):
        def finding(self, share: Decimal) -> dict[str, Any] | None:
            return super().finding(Decimal(1))

    assert parts.smallest.smallest(Constant("0", None))["form"] == "none"


def test_shrinkable__half_of_a_fault__stands_half_way(parts: Any, tmp_path: Path) -> None:
    folder = tmp_path / "book"
    parts.enterprise.write_book(folder, "seafood", 1, 900)
    look = parts.looking.Look(parts.faults.read_files(folder), document_of(read_book(folder)))
    faults = {fault.name: fault for fault in parts.faults.faults_of(look)}

    def half(name: str, share: str = "0.5") -> Any:
        return parts.shrinking.shrinkable(faults[name], look).at(Decimal(share))

    row = max(look.rows("counts", stock="material"), key=lambda r: Decimal(r["quantity"]))
    assert next(r for r in half("short-stock")["counts"] if r["lot"] == row["lot"])["quantity"] \
        == str((Decimal(row["quantity"]) * 3 / 4).normalize())  # half of the half that is not there
    added, whole = half("double-use")["movements"][-1], half("double-use", "1")["movements"][-1]
    assert added["id"] == whole["id"] == "TWICE" and Decimal(added["quantity"]) * 2 == Decimal(whole["quantity"])
    dropped = half("loss-left-out", "0.25")["movements"][-1]
    was = next(r for r in look.rows("movements", role="loss") if r["id"] == dropped["id"])
    assert Decimal(dropped["quantity"]) * 4 == Decimal(was["quantity"]) * 3
    gate = next(r for r in half("lighter-at-gate")["movements"] if r["kind"] == "GATE_OUT" and r.get("gross_kg"))
    assert gate["gross_kg"] == "23800"
    late = next(r for r in half("issued-before-receipt")["movements"] if len(r["at"]) > 16 and r["kind"] == "ISSUE_PROD")
    days = [next(r["at"] for r in rows if r["id"] == late["id"])
            for rows in (look.files["movements"], half("issued-before-receipt", "1")["movements"])]
    one, other = map(datetime.fromisoformat, days)
    assert datetime.fromisoformat(late["at"]) == one + (other - one) / 2 and other < one
    assert look.files == parts.faults.read_files(folder), "the clean rows are as they were"


def test_shrinkable__faults_with_a_word_of_their_own__are_faults(parts: Any) -> None:
    assert parts.shrinking.WHOLE | parts.shrinking.NEUTRAL.keys() <= set(parts.faults.NAMES)
    assert not parts.shrinking.WHOLE & parts.shrinking.NEUTRAL.keys()


def test_bench__page__needs_both_parts(parts: Any, capsys: pytest.CaptureFixture[str]) -> None:
    import bench_tracer

    with pytest.raises(SystemExit):
        bench_tracer.main(["--parts", "faults", "--page"])
    assert "needs the parts faults and smallest" in capsys.readouterr().err
