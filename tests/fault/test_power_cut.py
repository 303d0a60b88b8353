"""The power-cut disk itself: it must see the loss that a careless setting causes, and none with a careful one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.fault.power_cut import Disk, connect

SEEDS = 3


def run(disk: Disk, path: Path, journal: str, synchronous: str) -> None:
    db = connect(disk, path)
    db.execute(f"PRAGMA journal_mode={journal}")
    db.execute(f"PRAGMA synchronous={synchronous}")
    db.execute("CREATE TABLE event (n INTEGER PRIMARY KEY, body BLOB)")
    disk.mark("made")
    for number in range(5):
        db.execute("INSERT INTO event VALUES (?, ?)", (number, bytes(3000)))
        disk.mark(str(number))
    db.close()


def judge(disk: Disk, folder: Path) -> tuple[int, int]:
    """(images that are corrupt, images in which something acknowledged is missing)."""
    corrupt = lost = 0
    for cut in disk.cuts():
        for seed in range(SEEDS):
            image = disk.after_cut(cut, seed, folder / "image")
            told = [int(m) for m in disk.marks_before(cut) if m != "made"]
            db = sqlite3.connect(image / "db")
            try:
                found = [n for (n,) in db.execute("SELECT n FROM event")]
                assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                lost += not set(told) <= set(found)
            except (sqlite3.DatabaseError, AssertionError) as fault:
                if "no such table" not in str(fault):
                    corrupt += 1
                elif told:
                    lost += 1
            finally:
                db.close()
    return corrupt, lost


@pytest.mark.parametrize(("journal", "synchronous", "corrupts", "loses"), [
    ("WAL", "FULL", False, False), ("WAL", "NORMAL", False, True), ("DELETE", "OFF", True, True),
    ("DELETE", "EXTRA", False, False)])
def test_disk__each_setting__shows_what_it_costs(
    tmp_path: Path, journal: str, synchronous: str, corrupts: bool, loses: bool,
) -> None:
    (tmp_path / "run").mkdir()
    disk = Disk(f"cut-{journal}-{synchronous}")
    run(disk, tmp_path / "run" / "db", journal, synchronous)
    corrupt, lost = judge(disk, tmp_path)
    assert (corrupt > 0, lost > 0) == (corrupts, loses), f"{corrupt} corrupt, {lost} lost"


def test_disk__same_seed__same_image(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    disk = Disk("cut-same")
    run(disk, tmp_path / "run" / "db", "WAL", "FULL")
    images = []
    for name in ("a", "b"):
        image = disk.after_cut(len(disk.journal) // 2, 7, tmp_path / name)
        images.append({p.name: p.read_bytes() for p in image.iterdir()})
    assert images[0] == images[1]
