"""Blocks read by the process beside the indexer: the same rows, whoever dies, and never many ranges at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table

import indexer.ahead as ahead
from indexer.ahead import Ahead
from indexer.database import open_engine
from indexer.decode import Ledgers
from indexer.digest import digest
from indexer.faults import LogFormatError
from indexer.models import Event, EventLine
from indexer.reader import Pinned, sheets_of
from indexer.sheet import EVENT_COLUMNS, LINE_COLUMNS, Sheet
from indexer.source import Source
from indexer.store import table_of
from ledger.chain.client import ToldBlock
from ledger.chain.rpc import RpcChain
from tests.chain_fixtures import CHAIN_ID, Clock, EmbeddedNode
from tests.indexer.network import RealNetwork, journey


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealNetwork, str]]:
    """A network behind a node, and the digest of its index as it is read without a reader."""
    folder, clock = tmp_path_factory.mktemp("ahead"), Clock()
    with EmbeddedNode(folder / "chain.sqlite", clock) as node:
        network = RealNetwork(RpcChain(node.url, chain_id=CHAIN_ID), folder / "net", clock)
        journey(network)
        engine = open_engine("sqlite://")
        network.indexer(engine).run_once()
        yield network, digest(engine)


@pytest.fixture(autouse=True)
def always_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "BLOCKS_MIN", 1)
    monkeypatch.setattr(ahead, "READY_WAIT_S", 30.0)


def watched(monkeypatch: pytest.MonkeyPatch, act: Any = None) -> list[tuple[list[int], bool]]:
    """Notes each range that is taken and whether the reader gave its sheets; `act(line, count)` comes before."""
    noted: list[tuple[list[int], bool]] = []
    take = ahead._Line.take

    def take_and_note(self: Any, ended: int) -> Any:
        if act is not None:
            act(self, len(noted))
        told, sheets = take(self, ended)
        noted.append(([block.number for block in told], sheets is not None))
        return told, sheets

    monkeypatch.setattr(ahead._Line, "take", take_and_note)
    return noted


def test_chain__read_beside__same_index_in_the_same_order(net: tuple[RealNetwork, str], monkeypatch: pytest.MonkeyPatch) -> None:
    network, clean = net
    noted = watched(monkeypatch)
    engine = open_engine("sqlite://")
    said = network.indexer(engine).run_once()
    assert digest(engine) == clean
    numbers = [number for told, _ in noted for number in told]
    assert numbers == list(range(said.block_number - said.blocks + 1, said.block_number + 1))
    assert len(noted) > 1 and all(given for told, given in noted if told)


@pytest.mark.parametrize("when", [0, 1, 2])
def test_reader__killed__what_it_had_is_read_here_and_the_index_is_the_same(
    net: tuple[RealNetwork, str], monkeypatch: pytest.MonkeyPatch, when: int,
) -> None:
    network, clean = net

    def kill(line: Any, count: int) -> None:
        if count == when:
            os.kill(line.process_id, signal.SIGKILL)
            line._process.wait()

    monkeypatch.setattr(ahead, "AHEAD_BYTES", 1)  # else it may have answered all before it is killed
    noted = watched(monkeypatch, kill)
    engine = open_engine("sqlite://")
    network.indexer(engine).run_once()
    assert digest(engine) == clean
    assert not all(given for _, given in noted)
    assert any(given for _, given in noted[when + 1:]), "no reader was started again"


def test_reader__dies_every_time__is_done_without(net: tuple[RealNetwork, str], monkeypatch: pytest.MonkeyPatch) -> None:
    network, clean = net
    started: list[int] = []

    def kill(line: Any, _: int) -> None:
        started.append(line.process_id)
        line._process.kill()
        line._process.wait()

    watched(monkeypatch, kill)
    engine = open_engine("sqlite://")
    network.indexer(engine).run_once()
    assert digest(engine) == clean
    assert 1 < len(set(started)) <= ahead.STARTS_MAX


def test_reader__cannot_be_started__it_goes_without(net: tuple[RealNetwork, str], monkeypatch: pytest.MonkeyPatch) -> None:
    network, clean = net
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    engine = open_engine("sqlite://")
    network.indexer(engine).run_once()
    assert digest(engine) == clean


def test_block__with_a_log_that_cannot_be_read__refused_by_the_reader_and_named_here(
    net: tuple[RealNetwork, str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, _ = net
    noted = watched(monkeypatch)

    def refuse(*_: Any) -> Any:
        raise LogFormatError("block 7: planted.")

    monkeypatch.setattr(ahead, "decode_block", refuse)  # here; the reader is another process and knows nothing of it
    monkeypatch.setattr(ahead, "value_of", lambda _: None)  # what a reader says that found a fault
    with pytest.raises(LogFormatError, match="planted"):
        network.indexer(open_engine("sqlite://")).run_once()
    assert noted and not any(given for _, given in noted)


def test_sheets__of_a_lie__none(net: tuple[RealNetwork, str]) -> None:
    network, _ = net
    pinned = Pinned(network.deployment.ledgers, network.deployment.participants, network.deployment.manager)
    first, last = network.deployment.block_number, network.chain.head_number()
    honest = network.chain.told(first, last)  # type: ignore[attr-defined]
    sheets = sheets_of(pinned, 0, honest)
    assert sheets is not None and [sheet.number for sheet in sheets] == list(range(first, last + 1))
    assert sum(sheet.events for sheet in sheets) > 10
    seen = 0
    for place, block in enumerate(honest):
        assert isinstance(block.receipts, bytes)
        if b'"data":"0x' not in block.receipts:
            continue
        at = block.receipts.index(b'"data":"0x') + 12
        lie = block.receipts[:at] + (b"1" if block.receipts[at:at + 1] != b"1" else b"2") + block.receipts[at + 1:]
        spoilt = [*honest[:place], ToldBlock(block.number, block.header, lie, block.origin), *honest[place + 1:]]
        assert sheets_of(pinned, 0, spoilt) is None
        seen += 1
    assert seen > 10


class Slow:
    """A node that counts how many bytes it had told that were not taken yet, whenever it was asked for more."""

    def __init__(self, chain: Any) -> None:
        self.chain, self.on_their_way, self.most = chain, 0, -1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.chain, name)

    def told(self, first: int, last: int) -> Any:
        found = self.chain.told(first, last)
        self.most = max(self.most, self.on_their_way)
        self.on_their_way += sum(map(ahead._size, found))
        return found

    def blocks(self, first: int, last: int) -> Any:
        return self.chain.blocks(first, last)

    def distrust(self, origin: str, fault: Any) -> bool:
        return bool(self.chain.distrust(origin, fault))


@pytest.mark.parametrize("room", [1, 30_000])
def test_ranges__not_taken__are_never_more_than_there_is_room_for(
    net: tuple[RealNetwork, str], monkeypatch: pytest.MonkeyPatch, room: int,
) -> None:
    network, _ = net
    monkeypatch.setattr(ahead, "AHEAD_BYTES", room)
    slow = Slow(network.chain)
    deployment = network.deployment
    first, last = deployment.block_number, network.chain.head_number()
    line = ahead._Line(slow, Pinned(deployment.ledgers, deployment.participants, deployment.manager), 0, first, last)  # type: ignore[arg-type]
    try:
        numbers: list[int] = []
        while len(numbers) < last - first + 1:
            time.sleep(0.05)
            told, sheets = line.take(0)
            slow.on_their_way -= sum(map(ahead._size, told))
            assert sheets is not None and [sheet.number for sheet in sheets] == [block.number for block in told]
            numbers += [block.number for block in told]
    finally:
        line.close()
    assert numbers == list(range(first, last + 1))
    assert 0 <= slow.most < room


def test_sheets__made_before_a_ledger_ended__are_not_given(net: tuple[RealNetwork, str]) -> None:
    network, _ = net
    deployment = network.deployment
    line = ahead._Line(network.chain, Pinned(deployment.ledgers, deployment.participants, deployment.manager), 0,  # type: ignore[arg-type]
                       deployment.block_number, network.chain.head_number())
    try:
        told, sheets = line.take(1)
        assert told and sheets is None
        told, sheets = line.take(0)
        assert told and sheets is not None
    finally:
        line.close()


def test_going_back__the_line_begins_anew(net: tuple[RealNetwork, str]) -> None:
    network, _ = net
    first, last = network.deployment.block_number, network.chain.head_number()
    source = Source(network.chain, network.deployment)
    with Ahead(source, network.deployment, Ledgers(network.deployment)) as reader:
        once = [reader.sheet(number, last, None) for number in (first, first + 1, first + 2)]
        again = [reader.sheet(number, last, None) for number in (first, first + 1, first + 2)]
        assert once == again and all(isinstance(sheet, Sheet) for sheet in once)


def test_reader__when_the_indexer_is_killed__ends_too(net: tuple[RealNetwork, str], tmp_path: Path) -> None:
    network, _ = net
    script = tmp_path / "killed.py"
    script.write_text(
        "import sys, time, indexer.ahead as ahead\n"
        "from indexer.reader import Pinned\n"
        "from ledger.chain.rpc import RpcChain\n"
        "line = ahead._Line(RpcChain(sys.argv[1]), Pinned((bytes(20),), bytes(20), bytes(20)), 0, 1, 5)\n"
        "print(line.process_id, flush=True)\n"
        "time.sleep(60)\n", "utf-8")
    process = subprocess.Popen([sys.executable, str(script), network.chain.origin], stdout=subprocess.PIPE,  # type: ignore[attr-defined]
                               env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    assert process.stdout is not None
    reader = int(process.stdout.readline())
    process.stdout.close()
    assert Path(f"/proc/{reader}").exists()
    process.kill()
    process.wait()
    give_up = time.monotonic() + 30
    while _runs(reader) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not _runs(reader)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_run__ended_by_a_fault__leaves_no_reader_and_no_thread(net: tuple[RealNetwork, str], monkeypatch: pytest.MonkeyPatch) -> None:
    network, _ = net
    lines: list[Any] = []
    watched(monkeypatch, lambda line, _: lines.append(line))
    reader = network.indexer(open_engine("sqlite://"))

    def fail(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(reader, "_write", fail)
    with pytest.raises(KeyboardInterrupt):
        reader.run_once()
    assert lines and all(line._process.poll() is not None for line in lines)
    assert not any(thread.name == "blocks ahead" and thread.is_alive() for thread in threading.enumerate())


def test_reader__is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARGOLEDGER_PASSPHRASE", "told to nobody")
    assert "told to nobody" not in ahead._environment().values()


def test_reader__starts_without_the_tables() -> None:
    found = subprocess.run([sys.executable, "-c", "import sys, indexer.reader; print('sqlalchemy' in sys.modules)"],
                           capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize(("table", "columns"), [(table_of(Event), EVENT_COLUMNS), (table_of(EventLine), LINE_COLUMNS)])
def test_sheet__columns__are_those_of_the_table(table: Table, columns: tuple[str, ...]) -> None:
    assert columns == tuple(column.name for column in table.columns if column.name != "seq")
