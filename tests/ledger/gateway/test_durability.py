"""Killed at every step, the gateway ends where an undisturbed one ends; what it acknowledged was on disk.

`test_kill...` kills at every named step of a run, in a process of its own. `test_acknowledged...` traces system
calls: an acknowledgement while log bytes are unsynced would be one that a power cut takes back.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ledger.gateway.gateway import Gateway
from tests.fault.syscalls import strace
from tests.ledger.gateway import writer
from tests.ledger.gateway.fakes import Bench, bench

WRITER = Path(writer.__file__)
COUNT = 6
STEPS = ["before-commit", "after-commit", "before-batch-saved", "after-batch-saved", "before-send", "after-send",
         "before-settled", "after-settled", "before-announced"]
EXPECTED = dict.fromkeys(range(COUNT), "recorded") | {
    writer.REFUSED_NONCE: "refused:HELD", writer.POISON_NONCE: "not_taken:TX_FAILED"}


def run(folder: Path, step: str, nth: int) -> tuple[int, str]:
    """Run the writer in a process of its own (a fork: starting Python 150 times would take minutes)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.dup2(writing, 1)
            writer.main(folder, step, nth, COUNT)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def outcomes(box: Bench) -> dict[int, str]:
    return {item.custody_event.nonce: box.gateway.status(item.epcis_event_id).label for item in writer.events(COUNT)}


def kill_points() -> list[tuple[str, int]]:
    """Every step as often as an undisturbed run comes by it, found by running it once."""
    passed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        box = bench(Path(folder), failpoint=passed.append, judge=writer.judge, poison=writer.poison)
        for item in writer.events(COUNT):
            box.gateway.submit(item)
        box.gateway.flush()
    assert set(passed) == set(STEPS), "a step is not named here, or none comes by it"
    return [(step, nth) for step in STEPS for nth in range(1, passed.count(step) + 1)]


def test_kill__at_every_step__rerun_ends_as_undisturbed(quick_path: Path) -> None:
    points = kill_points()
    assert len(points) > 60
    if os.environ.get("CARGOLEDGER_TEST_PROFILE") != "deep":
        # Commits are many, and the state after one is nearly that before the next: each of the two, every fourth time.
        points = [(step, nth) for step, nth in points if step not in ("before-commit", "after-commit")
                  or nth % 4 == (0 if step == "before-commit" else 2)]
    for step, nth in points:
        folder = quick_path / f"{step}-{nth}"
        folder.mkdir()
        code, said = run(folder, step, nth)
        assert code == 9, f"{step} {nth}"
        again = bench(folder, judge=writer.judge, poison=writer.poison)
        known = set(said.split())
        for item in writer.events(COUNT):  # acknowledged means there
            if item.epcis_event_id in known:
                assert again.gateway.submit(item).repeated, f"{step} {nth}: {item.epcis_event_id} was lost"
        again.store.close()
        again.chain.close()
        assert run(folder, "none", 1)[0] == 0, f"{step} {nth}"
        box = bench(folder, judge=writer.judge, poison=writer.poison)
        assert outcomes(box) == EXPECTED, f"{step} {nth}"
        assert len(box.chain.taken) == len(set(box.chain.taken)) == COUNT - 1, f"{step} {nth}: taken twice"
        assert sorted(p.name for p in folder.glob("heard-*")) == [f"heard-{i}" for i in range(COUNT)], f"{step} {nth}"
        box.store.close()


def test_kill__canary__a_store_that_never_commits_is_found(tmp_path: Path) -> None:
    """The matrix above can fail: a submission acknowledged but rolled back is noticed."""
    box = bench(tmp_path)
    item = writer.events(1)[0]
    box.store.transaction = lambda: _rolled_back(box.store)  # type: ignore[method-assign]
    with pytest.raises(Exception, match="knows no such event"):
        Gateway.submit(box.gateway, item)


def _rolled_back(store):  # type: ignore[no-untyped-def]
    from contextlib import contextmanager

    @contextmanager
    def lost():  # type: ignore[no-untyped-def]
        connection = store._connection
        connection.execute("BEGIN")
        yield connection
        connection.execute("ROLLBACK")

    return lost() if not store._connection.in_transaction else _joined(store)


def _joined(store):  # type: ignore[no-untyped-def]
    from contextlib import nullcontext
    return nullcontext(store._connection)


def acknowledged_unsynced(trace: str) -> tuple[int, int]:
    """(acknowledgements, those given while bytes of the store's files were written and not synced)."""
    dirty: set[str] = set()
    acks = early = 0
    for line in trace.splitlines():
        call = re.match(r"(?:\d+\s+)?(\w+)\((\d+)<([^>]*)>", line)
        if not call:
            continue
        name, descriptor, path = call.groups()
        if name in ("fdatasync", "fsync"):
            dirty.discard(path)
        elif descriptor == "1":
            acks += 1
            early += bool(dirty)
        elif "/gateway.sqlite" in path and not path.endswith("-shm"):
            dirty.add(path)
    return acks, early


@pytest.mark.parametrize(("mode", "early_expected"), [("FULL", False), ("OFF", True)])
def test_acknowledged__while_bytes_are_unsynced__never_with_full(tmp_path: Path, mode: str, early_expected: bool) -> None:
    script = tmp_path / "traced.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(WRITER.parents[3])!r})\n"
        "import sqlite3\n"
        "from pathlib import Path\n"
        "import ledger.gateway.store as store\n"
        "from tests.ledger.gateway import writer\n"
        "original = store.Store._migrate\n"
        "def migrate(self, migrations):\n"
        "    original(self, migrations)\n"
        f"    self._connection.execute('PRAGMA synchronous={mode}')\n"
        "store.Store._migrate = migrate\n"
        f"writer.main(Path({str(tmp_path)!r}), 'none', 1, {COUNT})\n")
    trace = tmp_path / "trace"
    subprocess.run([strace(), "-f", "-y", "--seccomp-bpf", "-e", "trace=write,pwrite64,fsync,fdatasync",
                    "-o", str(trace), sys.executable, str(script)], check=True, capture_output=True)
    acks, early = acknowledged_unsynced(trace.read_text())
    assert acks == COUNT
    assert bool(early) is early_expected  # OFF shows that the trace can see it
