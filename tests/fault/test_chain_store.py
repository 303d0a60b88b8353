"""The embedded ledger's file under faults: killed at every file call, power cut at every call, any bit flipped.

After a kill or a cut the ledger opens, the check finds it sound, and what was acknowledged is there. A flipped bit
is found and named, and what is served never differs from what was written.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.chain.embedded import EmbeddedChain, store
from ledger.chain.embedded.check import check_file
from ledger.chain.embedded.log_index import LogFilter
from ledger.errors import CargoLedgerError, InvariantError
from tests.chain_fixtures import CHAIN_ID, NOW_S, AccountSigner
from tests.fault import syscalls
from tests.fault.power_cut import Disk, connect
from tests.ledger.chain import toy

ALICE = AccountSigner(1)
CONTRACT = toy.address_of(ALICE, 0)
DEEP = os.environ.get("CARGOLEDGER_TEST_PROFILE") == "deep"
NAME = "chain.sqlite"


def opened(folder: Path) -> EmbeddedChain:
    return EmbeddedChain(folder / NAME, lambda: NOW_S, CHAIN_ID)


def work(folder: Path, acknowledged: Callable[[int, bytes], None], blocks: int) -> None:
    """Make blocks; each is told the moment it is acknowledged."""
    chain = opened(folder)
    acknowledged(0, bytes(32))
    while chain.head_number() < blocks:
        number = chain.head_number()
        if number == 0:
            chain.send_raw_transaction(toy.transaction(ALICE, 0, None, toy.init_code()))
        else:
            chain.send_raw_transaction(toy.transaction(ALICE, number, CONTRACT, toy.word(number % 3)))
        header = chain.header(number + 1)
        assert header is not None
        acknowledged(header.number, header.hash)
    chain.close()


def judge(folder: Path, told: dict[int, bytes], what: str) -> None:
    """The ledger opens, is sound, has what was acknowledged and goes on."""
    if not told and not (folder / NAME).exists():
        return
    if told:
        report = check_file(folder / NAME, deep=True)
        assert report.sound, f"{what}: {report.faults}"
        assert report.head >= max(told), f"{what}: an acknowledged block is lost"
    chain = opened(folder)
    for number, block_hash in told.items():
        header = chain.header(number)
        assert header is not None
        assert number == 0 or header.hash == block_hash, what
    head = chain.head_number()
    assert len(chain.logs(LogFilter(), 0, head, 1_000)) == max(0, head - 1), what
    raw = (toy.transaction(ALICE, head, CONTRACT, toy.word(1)) if head
           else toy.transaction(ALICE, 0, None, toy.init_code()))
    chain.send_raw_transaction(raw)
    chain.close()
    report = check_file(folder / NAME, deep=True)
    assert report.sound, f"{what}, one block later: {report.faults}"


# the power fails


def run_on(disk: Disk, folder: Path, monkeypatch: pytest.MonkeyPatch, *, synchronous: str = "FULL", fold_pages: int = 40) -> None:
    """The work on a disk whose power can fail, with the log folded into the file again and again."""
    original = store._connect

    def connected(path: Path) -> object:
        made = connect(disk, path)
        for line in ("journal_mode=WAL", f"synchronous={synchronous}", f"wal_autocheckpoint={fold_pages}"):
            made.execute(f"PRAGMA {line}")
        return made

    folder.mkdir()
    monkeypatch.setattr(store, "_connect", connected)
    try:
        work(folder, lambda number, block_hash: disk.mark(f"{number} {block_hash.hex()}"), 9)
    finally:
        monkeypatch.setattr(store, "_connect", original)


def told_before(disk: Disk, cut: int) -> dict[int, bytes]:
    return {int(number): bytes.fromhex(block_hash) for number, block_hash in map(str.split, disk.marks_before(cut))}


def test_power_cut__after_any_call__ledger_opens_at_the_last_acknowledged_block(
    tmp_path: Path, quick_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = Disk("chain-cut")
    run_on(disk, tmp_path / "run", monkeypatch)
    kinds = {call.kind for call in disk.journal}
    assert {"write", "sync", "mark"} <= kinds
    assert any(c.kind == "write" and c.name == NAME for c in disk.journal[len(disk.journal) // 2:-20]), "nothing was folded"
    cuts = list(disk.cuts(1))
    if not DEEP:  # every sync and its neighbours, where the danger is, and a part of the rest
        near = {n + d for n, call in enumerate(disk.journal, 1) if call.kind in ("sync", "delete", "create") for d in (-1, 0)}
        cuts = [cut for cut in cuts if cut in near or cut % 9 == 0]
    chooser = random.Random(3)
    chosen = cuts if DEEP else sorted(chooser.sample(cuts, min(len(cuts), 90)))
    print(f"seed 3, {len(disk.journal)} calls, {len(chosen)} cuts")
    for cut in chosen:
        image = disk.after_cut(cut, 1, quick_path / "image")
        judge(image, told_before(disk, cut), f"cut after call {cut}")


def test_power_cut__canary__commits_that_are_not_synced_are_lost(
    tmp_path: Path, quick_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = Disk("chain-canary")
    run_on(disk, tmp_path / "run", monkeypatch, synchronous="NORMAL", fold_pages=4_096)
    with pytest.raises(AssertionError, match=r"lost|no such table|missing"):
        for cut in range(len(disk.journal) // 2, len(disk.journal), 5):
            judge(disk.after_cut(cut, 1, quick_path / "image"), told_before(disk, cut), f"cut {cut}")


# the process is killed, or a call fails, at every call


def files(folder: Path) -> list[Path]:
    return [folder / name for name in (NAME, f"{NAME}-wal")]


def say(number: int, block_hash: bytes) -> None:
    os.write(1, f"{number} {block_hash.hex()}\n".encode())


def told_in(said: str) -> dict[int, bytes]:
    return {int(number): bytes.fromhex(block_hash) for number, block_hash in map(str.split, said.splitlines())}


def test_kill_and_disk_error__at_every_file_call__nothing_acknowledged_is_lost(quick_path: Path) -> None:
    folder = quick_path / "case"
    folder.mkdir()
    whole = syscalls.run(lambda: work(folder, say, 4), files(folder))
    assert (whole.code, sorted(told_in(whole.said))) == (0, [0, 1, 2, 3, 4])
    points = syscalls.points(whole)
    assert len(points) > 40
    kills = [(call, nth, "signal=KILL") for call, nth in points]
    errors = [(call, nth, fault) for call, nth in points for fault in ("error=EIO", "error=ENOSPC")
              if call not in ("openat", "unlink")]
    chooser = random.Random(4)
    cases = kills + errors if DEEP else chooser.sample(kills, 12) + chooser.sample(errors, 12)
    print(f"seed 4, {len(points)} calls on the ledger, {len(cases)} injections")
    stopped = 0
    for call, nth, fault in cases:
        shutil.rmtree(folder)
        folder.mkdir()
        result = syscalls.run(lambda: work(folder, say, 4), files(folder), inject=f"{call}:{fault}:when={nth}")
        assert result.code == -9 or fault != "signal=KILL", "the kill did not reach the process"
        stopped += result.code != 0
        judge(folder, told_in(result.said), f"{fault} at {call} {nth}")
    # a failed fold of the log at the end stops nobody: the log has it all
    assert stopped > len(cases) // 2, "the faults did not reach the process"


# a bit flips


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("whole")
    work(folder, lambda *_: None, 12)
    return folder, served(folder)


def served(folder: Path) -> str:
    """All that the ledger says, as text."""
    chain = opened(folder)
    try:
        said: list[object] = []
        for number in range(chain.head_number() + 1):
            header = chain.header(number)
            assert header is not None
            said.append([header.hash.hex(), [r.encoded.hex() for r in chain.receipts(number)],
                         chain.state(lambda s: [s.get_nonce(ALICE.address), s.get_code(CONTRACT).hex(),
                                                *(s.get_storage(CONTRACT, slot) for slot in range(3))], number)])
        for topic in (toy.word(1), toy.word(2)):
            said.append([f.log.data.hex() for f in chain.logs(LogFilter(None, (frozenset([topic]),)), 0, 99, 99)])
        return json.dumps(said)
    finally:
        chain.close()


def test_bit__flipped_anywhere__found_and_named_and_never_served(whole: tuple[Path, str], quick_path: Path) -> None:
    folder, truth = whole
    size = (folder / NAME).stat().st_size
    chooser = random.Random(6)
    print("seed 6")
    wrong: list[str] = []
    found = 0
    for place in sorted(chooser.sample(range(100, size), 1_500 if DEEP else 130)):
        shutil.rmtree(quick_path, ignore_errors=True)
        shutil.copytree(folder, quick_path)
        with (quick_path / NAME).open("r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1 << chooser.randrange(8)]))
        report = check_file(quick_path / NAME, deep=True)
        found += not report.sound
        try:
            said = served(quick_path)
        except CargoLedgerError:
            said = ""
            assert not report.sound, f"byte {place}: refused to serve, and the check found nothing"
        if said and said != truth and report.sound:
            wrong.append(f"byte {place}: other content served, and the check found nothing")
        elif said and said != truth and not only_logs_missing(said, truth):
            wrong.append(f"byte {place}: other content served")
    assert wrong == []
    assert found > 20, "few flips hit anything that is used"


def only_logs_missing(said: str, truth: str) -> bool:
    """The one thing that cannot be seen while reading: a row of the log index that stands under another key."""
    one, other = json.loads(said), json.loads(truth)
    return one[:-2] == other[:-2] and all(set(a) <= set(b) for a, b in zip(one[-2:], other[-2:], strict=True))


@pytest.mark.parametrize(("sql", "named"), [
    ("UPDATE node SET value = x'00' WHERE id = 3", "node 3"),
    ("DELETE FROM node WHERE id = (SELECT max(id) - 1 FROM node)", "missing|lead nowhere"),
    ("DELETE FROM node_at WHERE id = 9", "node 9 .* not in the index"),
    ("UPDATE pointer SET value = x'00' WHERE key = CAST('v1:canonical_head_hash' AS BLOB)", "head"),
    ("DELETE FROM pointer WHERE key = CAST('v1:canonical_head_hash' AS BLOB)", "head"),
    ("UPDATE pointer SET value = x'00' WHERE key = CAST('block-number-to-hash:2' AS BLOB)", "engine knows of block 2"),
    ("DELETE FROM pointer WHERE key = CAST('v1:chain_gaps' AS BLOB)", "engine"),
    ("INSERT INTO pointer VALUES (x'01', x'02')", "pointers where"),
    ("UPDATE log_term SET logs = x'01' WHERE block = 4", "log index of block 4"),
    ("DELETE FROM log_term WHERE block = 5", "log index of block 5"),
    ("INSERT INTO log_term VALUES (7, 99, x'00')", "block 99"),
    ("UPDATE block SET hash = zeroblob(32) WHERE number = 6", "block 6"),
    ("DELETE FROM block WHERE number = 6", "block 6 is missing"),
    ("UPDATE transaction_row SET gas_used = 1 WHERE block = 3", "block 3"),
    ("UPDATE transaction_row SET receipt = raw WHERE block = 3", "receipts of block 3"),
    ("DELETE FROM transaction_row WHERE block = 3", "transactions of block 3"),
    ("UPDATE transaction_row SET raw = receipt WHERE block = 3", "transaction of block 3"),
    ("UPDATE block SET rlp = 'text' WHERE number = 6", "block has a row of other types"),
    ("UPDATE log_term SET logs = 'text' WHERE block = 4", "log_term has a row of other types"),
    ("UPDATE meta SET value = 'x' WHERE name = 'format'", "format"),
    ("UPDATE meta SET value = '7' WHERE name = 'gas_limit'", "gas_limit"),
])
def test_check__each_kind_of_damage__is_named(whole: tuple[Path, str], quick_path: Path, sql: str, named: str) -> None:
    shutil.copytree(whole[0], quick_path, dirs_exist_ok=True)
    assert check_file(quick_path / NAME, deep=True).sound
    db = sqlite3.connect(quick_path / NAME)
    assert db.execute(sql).rowcount > 0
    db.commit()
    db.close()
    report = check_file(quick_path / NAME, deep=True)
    assert any(re.search(named, fault) for fault in report.faults), report.faults


@pytest.mark.parametrize(("sql", "named"), [
    ("DELETE FROM pointer WHERE key = CAST('v1:canonical_head_hash' AS BLOB)", "cannot read its head"),
    ("UPDATE pointer SET value = 'text' WHERE key = CAST('v1:canonical_head_hash' AS BLOB)", "other types"),
    ("UPDATE block SET number = 99 WHERE number = 6", "head|99"),
    ("DELETE FROM block WHERE number = 6", "block 6 is missing"),
    ("UPDATE transaction_row SET position = 'text' WHERE block = 6", "transaction_row has a row of other types"),
])
def test_ledger__damaged_in_its_tables__refuses_by_name(
        whole: tuple[Path, str], quick_path: Path, sql: str, named: str) -> None:
    shutil.copytree(whole[0], quick_path, dirs_exist_ok=True)
    db = sqlite3.connect(quick_path / NAME)
    assert db.execute(sql).rowcount == 1
    db.commit()
    db.close()
    with pytest.raises(InvariantError, match=f"is damaged: .*({named})"):
        served(quick_path)


def test_ledger__with_a_damaged_state_node__stops_instead_of_making_a_block(whole: tuple[Path, str], quick_path: Path) -> None:
    shutil.copytree(whole[0], quick_path, dirs_exist_ok=True)
    db = sqlite3.connect(quick_path / NAME)
    db.execute("UPDATE node SET value = zeroblob(length(value)) WHERE length(value) < 150")
    db.commit()
    db.close()
    chain = opened(quick_path)
    with pytest.raises(InvariantError, match="damaged"):
        chain.send_raw_transaction(toy.transaction(ALICE, 12, CONTRACT, toy.word(1)))
    chain.close()
