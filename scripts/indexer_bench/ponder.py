"""Ponder on the same blocks of the same node: installed from npm by exact version, PGlite and PostgreSQL.

Measured is its backfill as it says it itself: from the first line about it to the one that it is done,
start-up left out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from contracts.artifacts import load
from indexer_bench.events import CHAIN_ID, Made

PROJECT = Path(__file__).resolve().parents[1] / "bench_ponder"
WAIT_S_MAX = 3600.0
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
Tell = Callable[[str], None]


def install(folder: Path, tell: Tell) -> Path:
    """The project with its packages, in the cache folder; installed when package.json changed."""
    target = folder / "ponder"
    target.mkdir(parents=True, exist_ok=True)
    stamp = target / "node_modules" / ".bench-package.json"
    shutil.copytree(PROJECT, target, dirs_exist_ok=True)
    wanted = (PROJECT / "package.json").read_bytes()
    if not stamp.exists() or stamp.read_bytes() != wanted:
        tell("npm installs ponder (once)")
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel", "error"], cwd=target,
                       check=True, stdout=subprocess.DEVNULL)
        stamp.write_bytes(wanted)
    return target


def backfill(project: Path, node: str, made: Made, tell: Tell, database: str = "") -> dict[str, Any]:
    """Seconds that Ponder takes for the blocks of a chain; with PGlite, or into a PostgreSQL by its URL."""
    with tempfile.TemporaryDirectory(prefix="cargoledger-bench-") as name:
        abi = Path(name) / "abi.json"
        abi.write_text(json.dumps(load("CustodyLedger").abi), "utf-8")
        shutil.rmtree(project / ".ponder", ignore_errors=True)
        environment = {
            **os.environ, "BENCH_RPC": node, "BENCH_ABI": str(abi), "BENCH_CHAIN_ID": str(CHAIN_ID),
            "BENCH_LEDGER": "0x" + made.deployment.ledger.hex(), "BENCH_DATABASE_URL": database,
            "BENCH_FIRST": str(made.deployment.block_number), "BENCH_LAST": str(made.head),
            "PONDER_TELEMETRY_DISABLED": "true", "DATABASE_SCHEMA": f"bench_{os.getpid()}_{int(time.time())}"}
        process = subprocess.Popen(
            ["npx", "--no-install", "ponder", "start", "--log-format", "json", "--port", str(_free_port())],
            cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True)
        try:
            return {"seconds": _watch(process, tell), "database": "PostgreSQL" if database else "PGlite"}
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            with suppress(ProcessLookupError):  # with PGlite it does not end by being asked to
                os.killpg(process.pid, signal.SIGKILL)


def _watch(process: subprocess.Popen[str], tell: Tell) -> float:
    """Seconds between Ponder's own lines about its backfill."""
    begin, said, give_up = None, [], time.monotonic() + WAIT_S_MAX
    assert process.stdout is not None
    for raw in process.stdout:
        line = _ANSI.sub("", raw).strip()
        said.append(line)
        try:
            message = str(json.loads(line).get("msg", ""))
        except ValueError:
            message = line
        tell(f"ponder: {message[:100]}")
        lower = message.lower()
        if begin is None and ("started backfill" in lower or "started fetching backfill" in lower):
            begin = time.perf_counter()
        if "completed backfill indexing" in lower or "completed indexing" in lower:
            if begin is None:
                break
            return time.perf_counter() - begin
        if time.monotonic() > give_up:
            break
    raise RuntimeError("ponder did not finish its backfill:\n" + "\n".join(said[-15:]))


@contextmanager
def postgres() -> Iterator[str | None]:
    """A PostgreSQL of our own on a free port; None where its programs are not installed."""
    binaries = shutil.which("initdb") or next(
        (str(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)
    if binaries is None:
        yield None
        return
    folder = Path(binaries).resolve().parent
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="cargoledger-pg-") as name:
        data, port = Path(name) / "data", _free_port()
        if user:
            shutil.chown(name, user)
        subprocess.run(
            [str(folder / "initdb"), "-D", str(data), "-U", "bench", "-A", "trust", "-E", "UTF8"], user=user,
            check=True, stdout=subprocess.DEVNULL, cwd=name)
        server = subprocess.Popen(
            [str(folder / "postgres"), "-D", str(data), "-p", str(port), "-k", name, "-h", "127.0.0.1"],
            user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=name)
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            time.sleep(1)
            yield f"postgresql://bench@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
