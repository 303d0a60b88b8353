"""The outbox when the disk fails at any single call, or the power at any moment: nothing acknowledged is lost.

A process that is killed tells nothing about power cuts (what it wrote survives in the page cache), a power cut
nothing about errors that a disk reports: so there are three tests, and each shows that it can fail.
"""

from __future__ import annotations

import functools
import itertools
import os
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import InvariantError, NotFoundError
from ledger.gateway.gateway import open_gateway_store
from ledger.gateway.store import Store
from tests.fault import power_cut, syscalls
from tests.ledger.gateway import writer
from tests.ledger.gateway.fakes import Bench, bench

COUNT = 3
EXPECTED = {0: "recorded", 1: "recorded", 2: "refused:HELD"}
DEEP = os.environ.get("CARGOLEDGER_TEST_PROFILE") == "deep"
STRIDE = 1 if DEEP else 7  # in the quick run every 7th call
SEEDS = 60


def files(folder: Path) -> list[Path]:
    return [folder / name for name in ("gateway.sqlite", "gateway.sqlite-wal")]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gateway that has run before: making its tables is not what is tested."""
    folder = tmp_path_factory.mktemp("template")
    box = bench(folder)
    box.store.close()
    box.chain.close()
    return folder


@functools.cache
def points(template: Path) -> list[tuple[str, int]]:
    """Every file call of an undisturbed run: its name and the how manieth of that name it is."""
    folder = template.parent / "undisturbed"
    shutil.copytree(template, folder)
    result = syscalls.run(lambda: writer.main(folder, "none", 1, COUNT), files(folder))
    assert result.code == 0 and len(result.said.split()) == COUNT
    return [(call, nth) for call, nth in syscalls.points(result) if call not in ("openat", "unlink")]


def judge(folder: Path, said: str, what: str) -> None:
    """What was acknowledged is there; run again, everything ends as if nothing had happened, once."""
    box = bench(folder, judge=writer.judge, poison=writer.poison)
    assert box.store.rows("PRAGMA integrity_check")[0][0] == "ok", what
    for item in writer.events(COUNT):
        if item.epcis_event_id in said.split():
            assert box.gateway.submit(item).repeated, f"{what}: {item.epcis_event_id} was acknowledged and is lost"
    box.gateway.submit_all(writer.events(COUNT))
    box.gateway.flush()
    labels = {item.custody_event.nonce: box.gateway.status(item.epcis_event_id).label for item in writer.events(COUNT)}
    assert labels == EXPECTED, what
    assert len(box.chain.taken) == len(set(box.chain.taken)) == COUNT, f"{what}: taken twice"
    assert all(box.payloads.get(item.payload.commitment) == item.payload for item in writer.events(COUNT)), what
    box.store.close()
    box.chain.close()


@pytest.mark.parametrize("fault", ["signal=KILL", "error=EIO", "error=EIO for ever"])
def test_file_call__fails_or_kills_at_each_place__nothing_acknowledged_is_lost(
    template: Path, quick_path: Path, fault: str,
) -> None:
    every = points(template)
    assert {"pwrite64", "fdatasync"} <= {call for call, _ in every} and len(every) > 60
    failed = 0
    for call, nth in every[::STRIDE]:
        folder = quick_path / "case"
        shutil.copytree(template, folder)
        kind = fault.removesuffix(" for ever")
        inject = f"{call}:{kind}:when={nth}{'+' if fault.endswith('ever') else ''}"
        result = syscalls.run(lambda folder=folder: writer.main(folder, "none", 1, COUNT), files(folder), inject=inject)  # type: ignore[misc]
        assert kind != "signal=KILL" or result.code == -9, inject
        failed += result.code != 0
        judge(folder, result.said, inject)
        shutil.rmtree(folder)
    assert failed > len(every[::STRIDE]) // 2  # the faults do reach the program


def test_file_call__canary__an_acknowledgement_before_the_commit_is_found(
    template: Path, quick_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The judgement above can fail: events acknowledged from a transaction that is still open are missed."""
    def hasty() -> None:
        for item in writer.events(COUNT):
            os.write(1, item.epcis_event_id.encode() + b"\n")
        writer.main(quick_path / "case", "none", 1, COUNT)

    shutil.copytree(template, quick_path / "case")
    result = syscalls.run(hasty, files(quick_path / "case"), inject="pwrite64:signal=KILL:when=1")
    assert result.code == -9
    with pytest.raises(AssertionError, match="acknowledged and is lost"):
        judge(quick_path / "case", result.said, "canary")


# power cuts


class Row(tuple):  # type: ignore[type-arg]
    """What our code uses of sqlite3.Row."""

    names: tuple[str, ...]

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)


class Connection(power_cut.Connection):
    """A power-cut connection that gives rows by name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "row_factory":
            super().__setattr__(name, value)
            return

        def named(cursor: Any, row: tuple[Any, ...]) -> Row:
            found = Row(row)
            found.names = tuple(column[0] for column in cursor.get_description())
            return found

        self._db.row_trace = named


_NAMES = itertools.count()


def outage(folder: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> tuple[power_cut.Disk, Bench]:
    """One run on a disk whose power can fail, with marks: acknowledged, sent, and heard of."""
    disk = power_cut.Disk(f"gateway-{next(_NAMES)}")
    migrate = Store._migrate

    def careless(self: Store, migrations: Any) -> None:
        migrate(self, migrations)
        self._connection.execute(f"PRAGMA synchronous={mode}")
        self._connection.execute("PRAGMA wal_autocheckpoint=20")  # the log is folded into the file in between

    with monkeypatch.context() as patch:
        patch.setattr(Store, "_migrate", careless)
        real = sqlite3.connect
        patch.setattr(sqlite3, "connect", lambda path, **options: (
            Connection(disk, path) if Path(path).name == "gateway.sqlite" else real(path, **options)))
        box = bench(folder, judge=writer.judge, poison=writer.poison)
    disk.mark("made")
    send = box.chain.send_raw_transaction
    box.chain.send_raw_transaction = lambda raw: (disk.mark("sent " + raw.hex()), send(raw))[1]  # type: ignore[method-assign]
    box.gateway.on_settled(lambda item: disk.mark("heard " + item.epcis_event_id))
    for item in writer.events(COUNT):
        box.gateway.submit(item)
        disk.mark("taken " + item.epcis_event_id)
    box.gateway.flush()
    box.store.close()
    return disk, box


def lost_in(image: Path, told: list[str]) -> list[str]:
    """What an image of the disk lacks of what had been said before the power failed."""
    store = open_gateway_store(image / "gateway.sqlite")
    assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
    lost = []
    for what, _, value in (text.partition(" ") for text in told):
        if what == "taken":
            found = store.row("SELECT p.sealed FROM submission s JOIN payload p USING (commitment)"
                              " WHERE s.epcis_event_id=?", value)
        elif what == "sent":
            found = store.row("SELECT 1 FROM batch WHERE raw=?", bytes.fromhex(value))
        elif what == "heard":
            found = store.row("SELECT 1 FROM submission WHERE epcis_event_id=? AND block_number IS NOT NULL", value)
        else:
            continue
        if found is None:
            lost.append(f"{what} {value[:20]}")
    store.close()
    return lost


@pytest.mark.parametrize(("mode", "corrupts", "loses"), [("OFF", True, True), ("NORMAL", False, True), ("FULL", False, False)])
def test_power_cut__at_random_moments__only_full_keeps_all_that_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, corrupts: bool, loses: bool,
) -> None:
    disk, box = outage(tmp_path / "run", monkeypatch, mode)
    begin = next(i for i, call in enumerate(disk.journal) if (call.kind, call.name) == ("mark", "made"))
    corrupt, lost = 0, []
    for seed in range(SEEDS):
        cut = random.Random(seed).randrange(begin, len(disk.journal) + 1)
        image = disk.after_cut(cut, seed, tmp_path / "image")
        try:
            lost += lost_in(image, disk.marks_before(cut))
        except (InvariantError, sqlite3.Error, AssertionError):
            corrupt += 1
            continue
        if mode == "FULL":
            shutil.copy(tmp_path / "run" / "fake-chain.sqlite", image)  # the ledger is elsewhere and knows what it took
            judge(image, "", f"seed {seed}")
    assert (corrupt > 0, bool(lost)) == (corrupts, loses), f"{corrupt} corrupt, {len(lost)} lost"
    box.chain.close()


def test_power_cut__canary__a_store_without_the_event_is_said_to_have_lost_it(tmp_path: Path) -> None:
    bench(tmp_path).store.close()
    assert lost_in(tmp_path, ["taken urn:nobody"]) == ["taken urn:nobody"]
    with pytest.raises(NotFoundError):
        bench(tmp_path).gateway.status("urn:nobody")
