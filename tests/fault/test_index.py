"""The index killed, cut off and without room, at every place: in the end it equals one that nothing befell.

SQLite: killed at, or answered an error by, each file call of the commits. PostgreSQL: the indexer killed before any
statement again and again, its server shut down at once or killed, two indexers whose locks are cut, no room.
Equal is `export`, byte for byte: no row twice, no gap, no row from a half-written block.
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

import indexer.bulk as bulk
import indexer.indexer as indexer_module
import indexer.opening as opening_module
from indexer.database import database_faults, migrate, open_engine
from indexer.faults import IndexAwayError, IndexBusyError
from ledger.errors import InvariantError
from tests.fault import syscalls
from tests.indexer.helpers import dump, indexed, make_indexer, warm
from tests.indexer.story import full_story
from tests.postgres import Server, binaries, fresh_database

DEEP = os.environ.get("CARGOLEDGER_TEST_PROFILE") == "deep"
STORY = full_story()
CHAIN = STORY.chain()


@functools.cache
def expected() -> str:
    return dump(indexed(STORY))


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many transactions, and COPY even for few rows."""
    monkeypatch.setattr(indexer_module, "BLOCKS_MAX", 8)
    monkeypatch.setattr(opening_module, "CHUNK", 6)
    monkeypatch.setattr(bulk, "COPY_ROWS_MIN", 8)


def settle(engine: Engine, what: str) -> None:
    """Run once more, undisturbed: the index is as if nothing had happened."""
    make_indexer(STORY, CHAIN, engine).run_once()
    assert dump(engine) == expected(), what
    engine.dispose()


# SQLite: each file call


def work(folder: Path) -> None:
    make_indexer(STORY, CHAIN, warm(open_engine(folder / "index.sqlite"))).run_once()


def files(folder: Path) -> list[Path]:
    return [folder / name for name in ("index.sqlite", "index.sqlite-wal")]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with empty tables: making them is not what is tested."""
    folder = tmp_path_factory.mktemp("template")
    engine = open_engine(folder / "index.sqlite")
    migrate(engine)
    engine.dispose()
    return folder


def points(template: Path, quick_path: Path) -> list[tuple[str, int]]:
    """Every file call of an undisturbed run: its name and the how manieth of that name it is."""
    folder = Path(shutil.copytree(template, quick_path / "undisturbed"))
    result = syscalls.run(lambda: work(folder), files(folder))
    assert result.code == 0
    settle(open_engine(folder / "index.sqlite"), "undisturbed")
    return [(call, nth) for call, nth in syscalls.points(result) if call not in ("openat", "unlink")]


@pytest.mark.parametrize("fault", ["signal=KILL", "error=EIO", "error=ENOSPC for ever"])
def test_file_call__fails_or_kills_at_each_place__index_as_if_nothing_had_happened(
    template: Path, quick_path: Path, fault: str,
) -> None:
    every = points(template, quick_path)
    assert {"pwrite64", "fdatasync"} <= {call for call, _ in every} and len(every) > 60
    # deep: killed at each sync and every twelfth write (a commit is dozens of pages, each written alike); quick: a few
    chosen = every[5::len(every) // (20 if DEEP else 6)]
    if DEEP and fault == "signal=KILL":
        chosen = [place for i, place in enumerate(every) if place[0] != "pwrite64" or i % 12 == 0]
    failed = 0
    for call, nth in chosen:
        folder = Path(shutil.copytree(template, quick_path / "case"))
        kind = fault.removesuffix(" for ever")
        inject = f"{call}:{kind}:when={nth}{'+' if fault.endswith('ever') else ''}"
        result = syscalls.run(lambda folder=folder: work(folder), files(folder), inject=inject)  # type: ignore[misc]
        assert kind != "signal=KILL" or result.code == -9, inject
        failed += result.code != 0
        settle(warm(open_engine(folder / "index.sqlite")), inject)
        shutil.rmtree(folder)
    assert failed > len(chosen) // 2  # the faults do reach the program


@functools.cache
def one_block() -> int:
    """The block of the story that has the most events."""
    engine = indexed(STORY)
    with engine.connect() as connection:
        return int(connection.execute(text(
            "SELECT block_number FROM event GROUP BY 1 ORDER BY count(*) DESC, 1 DESC LIMIT 1")).scalar_one())


@pytest.mark.parametrize("fault", ["signal=KILL", "error=EIO"])
def test_commit_of_one_block__fails_or_kills_at_every_file_call__index_as_if_nothing_had_happened(
    template: Path, quick_path: Path, fault: str,
) -> None:
    """Every one in the deep run, beside the sample above of the calls of many commits."""
    before = Path(shutil.copytree(template, quick_path / "before"))
    engine = open_engine(before / "index.sqlite")
    make_indexer(STORY, CHAIN, engine).run_once(until_block=one_block() - 1)
    engine.dispose()

    def commit(folder: Path) -> None:
        make_indexer(STORY, CHAIN, warm(open_engine(folder / "index.sqlite"))).run_once(until_block=one_block())

    undisturbed = Path(shutil.copytree(before, quick_path / "undisturbed"))
    result = syscalls.run(lambda: commit(undisturbed), files(undisturbed))
    assert result.code == 0
    every = [(call, nth) for call, nth in syscalls.points(result) if call not in ("openat", "unlink")]
    assert {"pwrite64", "fdatasync"} <= {call for call, _ in every} and len(every) > 10
    for call, nth in every if DEEP else every[2::len(every) // 4]:
        folder = Path(shutil.copytree(before, quick_path / "case"))
        result = syscalls.run(lambda folder=folder: commit(folder), files(folder), inject=f"{call}:{fault}:when={nth}")  # type: ignore[misc]
        assert (result.code == -9) == (fault == "signal=KILL"), (call, nth, result)
        settle(warm(open_engine(folder / "index.sqlite")), f"{call} {nth}")
        shutil.rmtree(folder)


def test_file_call__canary__cursor_ahead_of_its_rows_is_found(template: Path, quick_path: Path) -> None:
    """The judgement above can fail: an index whose cursor was committed without its rows is not taken for whole."""
    folder = Path(shutil.copytree(template, quick_path / "case"))
    work(folder)
    engine = open_engine(folder / "index.sqlite")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM unit_state WHERE seq = (SELECT max(seq) FROM unit_state)"))
    with pytest.raises(AssertionError, match="canary"):
        settle(engine, "canary")


def test_disk__no_room__said_and_the_process_stops(template: Path, quick_path: Path) -> None:
    folder = Path(shutil.copytree(template, quick_path / "case"))

    def say() -> None:
        try:
            work(folder)
        except InvariantError as fault:
            os.write(1, str(fault).encode())

    result = syscalls.run(say, files(folder), inject="pwrite64:error=ENOSPC:when=9+")
    assert "database or disk is full" in result.said
    settle(open_engine(folder / "index.sqlite"), "no room")


# PostgreSQL


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_database() as made:
        yield made


def at_statement(engine: Engine, place: int, act: Callable[[Any], None]) -> None:
    """Do something before the n-th statement, begin or commit of this engine, counted from 1."""
    count = 0

    def before(*given: Any) -> None:
        nonlocal count
        count += 1
        if count == place:
            act(given[0])

    for name in ("before_cursor_execute", "begin", "commit"):
        event.listen(engine, name, before)


def run_and_die(url: str, place: int) -> bool:
    """Index in a child that is killed before its n-th statement. Whether it was."""
    pid = os.fork()
    if pid == 0:
        try:
            engine = open_engine(url)
            at_statement(engine, place, lambda _: os.kill(os.getpid(), signal.SIGKILL))
            make_indexer(STORY, CHAIN, engine).run_once()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def test_indexer__killed_again_and_again__goes_on_where_it_was(url: str) -> None:
    """One database, killed at other places until a run gets through: each start meets what the one before left."""
    chance, kills = random.Random(22), 0
    while run_and_die(url, chance.randrange(4, 60 + 8 * kills if not DEEP else 60 + 2 * kills)):
        kills += 1
    assert kills >= 3
    settle(open_engine(url), f"{kills} kills")


@pytest.mark.deep
def test_indexer__killed_before_statements_all_along__index_as_if_nothing_had_happened() -> None:
    killed, place = True, 0
    while killed:
        place += 19
        with fresh_database() as url:
            killed = run_and_die(url, place)
            settle(open_engine(url), f"killed before statement {place}")
    assert place > 100


def run_until_done(engine: Engine, faults: tuple[type[Exception], ...], tries_max: int = 200) -> int:
    """Run as `follow` does: what is away or busy is tried again. How often it was."""
    for tries in range(tries_max):
        try:
            make_indexer(STORY, CHAIN, engine).run_once()
        except faults:
            continue
        return tries
    pytest.fail("never gets through")


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGKILL], ids=["immediate shutdown", "kill -9"])
def test_server__ends_in_the_midst__away_then_index_as_if_nothing_had_happened(how: signal.Signals) -> None:
    server = Server()
    try:
        server.start()
        migrate(server.url(first := server.fresh()))
        server.stop(signal.SIGINT)
        server.start()
        for place in range(10, 130, 20) if DEEP else (40,):
            engine = open_engine(server.url(server.fresh(first)))

            def end(_: Any) -> None:
                server.stop(how)
                server.start()

            at_statement(engine, place, end)
            assert run_until_done(engine, (IndexAwayError,)) == 1, place
            settle(engine, f"server ended before statement {place}")
    finally:
        server.remove()


def test_server__not_there__away() -> None:
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed (scripts/tools installs it, or set CARGOLEDGER_POSTGRES)")
    with pytest.raises(IndexAwayError):
        make_indexer(STORY, CHAIN, open_engine("postgresql://nobody@127.0.0.1:9/none?connect_timeout=2")).run_once()


def test_indexers__two_on_one_database_and_their_locks_cut__index_as_if_there_were_one(url: str) -> None:
    """Both run until they are at the head, while a third hand ends the connections that hold the writer's lock."""
    faults: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        engine = open_engine(url)
        try:
            run_until_done(engine, (IndexBusyError, IndexAwayError), 2_000)
        except BaseException as fault:  # noqa: BLE001 - told below
            faults.append(fault)
        engine.dispose()

    def cut() -> None:
        engine = open_engine(url)
        cuts = 0
        while not done.wait(0.05) and cuts < 12:
            with engine.connect() as connection:
                cuts += len(connection.execute(text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <>"
                    " pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")).all())
                connection.rollback()
        engine.dispose()

    threads = [threading.Thread(target=run) for _ in range(2)]
    cutter = threading.Thread(target=cut)
    for thread in (*threads, cutter):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    cutter.join()
    assert faults == []
    settle(open_engine(url), "two indexers")


@pytest.mark.parametrize("place", [12, 30, 48])
def test_server__no_room__said_and_nothing_half_written(url: str, place: int) -> None:
    """The server answers 53100 (disk full) to one statement; the index stands at its last commit and goes on later."""
    engine = open_engine(url)

    def full(connection: Any) -> None:
        connection.connection.cursor().execute(
            "DO $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$")

    count = 0

    def before(connection: Any, *_: Any) -> None:
        nonlocal count
        count += 1
        if count == place:
            full(connection)

    event.listen(engine, "before_cursor_execute", before)
    with pytest.raises(InvariantError, match="No space left"), database_faults():
        make_indexer(STORY, CHAIN, engine).run_once()
    settle(engine, "no room")
