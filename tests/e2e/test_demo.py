"""The demo from outside: the whole story, the clean one, killed ones, and what is printed.

One undisturbed run of each story serves all tests of this module.
"""

from __future__ import annotations

import json
import os
import pty
import random
import re
import select
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from e2e.journey_files import ROOT, index

from tracer.finding import schema as finding_schema

DEMO = [sys.executable, str(ROOT / "scripts" / "demo.py")]
RUN_S_MAX = 280
DOCUMENTS_MIN = 100  # progress over fewer things is that of setting up
PROGRESS = re.compile(r"^\s+(\d+)/(\d+) ")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=RUN_S_MAX, check=False)


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith("}\n")
    return json.loads(done.stdout, parse_float=Decimal)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """State folder and document of the whole story, undisturbed."""
    state = tmp_path_factory.mktemp("demo") / "full"
    return state, document(run("--json", "--state", str(state)))


@pytest.fixture(scope="module")
def clean() -> dict[str, Any]:
    return document(run("--json", "--clean"))


def told(finding: dict[str, Any]) -> tuple[Any, ...]:
    return (finding["rule"], finding["subject"]["id"], finding["expected"], finding["observed"],
            finding["difference"], finding["uom"])


def test_clean_story__without_irregularities__has_no_finding_and_no_refusal(clean):
    assert clean["findings"] == []
    assert clean["refused"] == {}
    assert clean["planted"] == []
    assert clean["recorded"] == clean["posted"] > 200


def test_whole_story__with_irregularities__each_is_found_with_its_quantity_and_nothing_else(full):
    expected = sorted(
        (f["rule"], f["subject"], f["expected"], f["observed"], f["difference"], f["uom"])
        for fault in index()["irregularities"] for f in fault["findings"])
    assert sorted(told(f) for f in full[1]["findings"]) == expected


def test_whole_story__with_irregularities__the_ledger_refuses_exactly_the_impossible_ones(full):
    refused: dict[str, int] = {}
    for fault in index()["irregularities"]:
        for code, count in fault["refusals"].items():
            refused[code] = refused.get(code, 0) + count
    assert full[1]["refused"] == refused
    assert full[1]["posted"] == full[1]["recorded"] + sum(refused.values())


def test_whole_story__planted__names_what_caught_each(full):
    assert full[1]["planted"] == [
        {"name": fault["name"], "caught_by": fault["caught_by"]} for fault in index()["irregularities"]]


def test_whole_story__findings_of_refused_acts__show_the_attempt_as_evidence(full):
    evidence = {f["rule"]: [e["outcome"] for e in f["evidence"]] for f in full[1]["findings"]}
    assert "HELD" in evidence["C1"]
    assert "NOT_ENOUGH" in evidence["L1"]


def test_json__document__has_exactly_the_promised_fields(full):
    value = full[1]
    assert set(value) == {"posted", "recorded", "refused", "findings", "planted", "form15", "form15a", "form16",
                          "head", "index_digest", "seconds"}
    assert set(value["head"]) == {"number", "hash"}
    assert re.fullmatch(r"0x[0-9a-f]{64}", value["head"]["hash"])
    assert re.fullmatch(r"[0-9a-f]{64}", value["index_digest"])
    for finding in value["findings"]:
        jsonschema.validate(json.loads(json.dumps(finding)), finding_schema())


@pytest.mark.parametrize(("form", "columns", "minus"), [
    ("form15", ("opening", "received"), ("re_exported", "repurposed", "issued", "other_issue")),
    ("form15a", ("opening", "received"), ("repurposed", "exported", "other_issue")),
])
def test_forms__every_row__closes_by_its_identity_in_decimal_strings(full, form, columns, minus):
    rows = full[1][form]
    assert len(rows) >= 3
    for row in rows:
        assert all(isinstance(row[c], str) for c in (*columns, *minus, "closing"))
        closing = sum(Decimal(row[c]) for c in columns) - sum(Decimal(row[c]) for c in minus)
        assert Decimal(row["closing"]) == closing, row["code"]


def test_forms__main_fabric__has_the_figures_that_the_story_tells(full):
    (row,) = [r for r in full[1]["form15"] if r["code"] == "FAB-PES-150"]
    assert [row[c] for c in ("opening", "received", "re_exported", "repurposed", "issued", "other_issue", "closing")] \
        == ["2400", "24200", "0", "400", "24500", "0", "1700"]


def test_finished_state__run_again__says_the_same_and_writes_no_block(full):
    state, before = full
    after = document(run("--json", "--state", str(state)))
    before, after = ({k: v for k, v in value.items() if k != "seconds"} for value in (before, after))
    assert after == before


def test_finished_state__asked_for_the_other_story__is_refused_with_a_remedy(full):
    done = run("--clean", "--state", str(full[0]))
    assert done.returncode == 2
    assert "another story" in done.stderr and "another folder" in done.stderr
    assert done.stdout == ""


def test_state__folder_of_something_else__is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine", "utf-8")
    done = run("--state", str(tmp_path))
    assert done.returncode == 2
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_state__home_of_somebody__is_left_alone(tmp_path):
    (tmp_path / "cargoledger.toml").write_text('name = "hai-phong"\n', "utf-8")
    done = run("--state", str(tmp_path))
    assert done.returncode == 2
    assert "no state of the demo" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["cargoledger.toml"]


def test_output_for_people__without_terminal__shows_everything_and_asks_nothing(full):
    done = run("--state", str(full[0]))
    assert done.returncode == 0, done.stderr[-2000:]
    for part in ("RDLU3044166", "JKT-2510-E", "Form 15", "Form 16", "NOT_ENOUGH", "HELD", "PAD-PES-100", "896.4",
                 "padded-norm", "Verified", full[1]["index_digest"]):
        assert part in done.stdout, part
    assert "browser" not in done.stdout + done.stderr


@pytest.mark.parametrize(("arguments", "asked"), [((), True), (("--no-serve",), False)], ids=["asks", "no-serve"])
def test_output_for_people__at_a_terminal__offers_the_web_page_unless_told_not_to(full, arguments, asked):
    text = at_terminal([*DEMO, "--state", str(full[0]), *arguments], answer=b"n\n")
    assert ("Look at it in a browser?" in text) is asked
    assert full[1]["index_digest"] in text


def at_terminal(command: list[str], *, answer: bytes) -> str:
    """What a program prints on a terminal where somebody types `answer` when asked."""
    pid, master = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    text, end = b"", time.monotonic() + RUN_S_MAX
    while time.monotonic() < end:
        if not select.select([master], [], [], 1)[0]:
            continue
        try:
            part = os.read(master, 65536)
        except OSError:  # the terminal is closed: the program has ended
            break
        if not part:
            break
        text += part
        if b"[y/N]" in part:
            os.write(master, answer)
    os.waitpid(pid, 0)
    os.close(master)
    return text.decode(errors="replace")


def run_and_kill(state: Path, share: float, delay_s: float) -> int | None:
    """Start the demo, kill it (SIGKILL) some time after it says that this share of the documents is posted.

    Args:
        share: below zero: as soon as it says anything, while the ledger is being set up.

    Returns:
        Documents posted by then, as far as it said, or None if it ended before.
    """
    process = subprocess.Popen([*DEMO, "--state", str(state), "--no-serve"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr:
        done = 0
        for text in process.stderr:
            match = PROGRESS.match(text)
            if match is None or (share >= 0 and int(match[2]) < DOCUMENTS_MIN):
                continue
            done = int(match[1])
            if share < 0 or done >= share * int(match[2]):
                break
        try:
            process.wait(delay_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return done
    return None


def kill_again_and_again(state: Path, seed: int, kills: int) -> list[int]:
    """Kill the demo several times at random moments; where each run stood when it was killed."""
    chance = random.Random(seed)
    setting_up = max(1, kills // 4)
    shares = [-1.0] * setting_up + sorted(chance.uniform(0, 0.9) for _ in range(kills - setting_up))
    places = [run_and_kill(state, share, chance.uniform(0, 1.5)) for share in shares]
    return [place for place in places if place is not None]


def test_demo__killed_several_times_and_started_again__ends_with_the_same_index(full, tmp_path):
    state = tmp_path / "killed"
    places = kill_again_and_again(state, seed=1, kills=4)
    assert len(places) >= 3, f"the demo was not killed often enough to say anything: {places}"
    after = document(run("--json", "--state", str(state)))
    for field in full[1].keys() - {"seconds", "head"}:
        assert after[field] == full[1][field], f"{field} differs after kills at documents {places}"


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(2, 5))
def test_demo__killed_many_times__ends_with_the_same_index(full, tmp_path, seed):
    state = tmp_path / "killed"
    places = kill_again_and_again(state, seed, kills=8)
    after = document(run("--json", "--state", str(state)))
    assert after["index_digest"] == full[1]["index_digest"], f"seed {seed}: kills at documents {places}"


@pytest.mark.deep
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [fault["name"] for fault in index()["irregularities"]])
def test_irregularity__alone__sets_off_its_own_rules_and_no_other(tmp_path, name, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import demo_report
    import demo_run
    import demo_story

    story = demo_story.load(only=name)
    with demo_run.Run(tmp_path / "state", story, lambda *_: None).post() as home:
        result = demo_report.collect(home, story)
    (fault,) = story.planted
    found = sorted(told(f.to_json()) for f in result.findings)
    assert found == sorted((f["rule"], f["subject"], f["expected"], f["observed"], f["difference"], f["uom"])
                           for f in fault["findings"])
    assert result.refused == fault["refusals"]
    assert result.good
