"""Power cuts for SQLite stores: a file system that remembers what was synced, and what a cut could leave.

`Disk` is an APSW VFS over real files. It keeps a journal of every write, truncation, deletion and sync; the
product runs on it through `connect`, which behaves as `sqlite3.connect` does. Afterwards `Disk.after_cut`
lays out, in a folder of its own, what a disk could hold had the power failed after the nth call: everything
synced, and of the rest any part, in any order, a sector of 512 bytes at a time. The image is then opened
with plain sqlite3.

What is modelled: a write not yet synced may be there, absent, or torn at sector borders; a file never synced may
be absent; a deletion may not have happened unless the directory was synced with it. What is not: a disk that
lies about syncs, and decay of what was synced (that is another test, flipping bits).
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512


@dataclass(frozen=True)
class Call:
    """One call that changed a file. `kind`: create, write, truncate, sync, delete, or a mark of the test's own."""

    kind: str
    name: str
    offset: int = 0
    data: bytes = b""


@dataclass
class _Image:
    """A file as a disk may hold it: what is certain, and the calls since the last sync."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[Call] = field(default_factory=list)
    certain: bool = False  # its directory entry is on disk


class Disk(apsw.VFS):
    """A VFS of the given name; every file of the databases opened through it is journalled."""

    def __init__(self, name: str = "power-cut") -> None:
        self.vfs_name = name
        self.journal: list[Call] = []
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802 - APSW's name
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        if not path.exists():
            self.journal.append(Call("create", path.name))
        return _File(self, name, flags, path.name)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self.journal.append(Call("delete", Path(filename).name, offset=int(bool(syncdir))))

    def mark(self, text: str) -> None:
        """Note that something was acknowledged here."""
        self.journal.append(Call("mark", text))

    def marks_before(self, cut: int) -> list[str]:
        """What had been acknowledged when the power failed after `cut` calls."""
        return [call.name for call in self.journal[:cut] if call.kind == "mark"]

    def cuts(self, start: int = 0) -> range:
        """Every point at which the power can fail."""
        return range(start, len(self.journal) + 1)

    def after_cut(self, cut: int, seed: int, folder: Path) -> Path:
        """Lay out what the disk could hold after the first `cut` calls; the same seed gives the same disk."""
        chooser = random.Random(f"{seed}/{cut}")
        files: dict[str, _Image] = {}
        doomed: dict[str, _Image] = {}  # deleted, but the deletion may not have reached the disk
        for call in self.journal[:cut]:
            if call.kind == "mark":
                continue
            if call.kind == "delete":
                image = files.pop(call.name, None)
                if call.offset:
                    doomed.clear()
                elif image is not None:
                    doomed[call.name] = image
                continue
            if call.kind == "create":
                doomed.pop(call.name, None)
                files[call.name] = _Image()
                continue
            image = files.setdefault(call.name, _Image(certain=True))
            if call.kind == "sync":
                for waiting in image.pending:
                    _apply(image.synced, waiting)
                image.pending.clear()
                if not image.certain and call.name.endswith(("-wal", "-journal")):
                    # SQLite syncs the directory with the first sync of a log it made: what it names, and no
                    # longer names, is certain from here
                    doomed.clear()
                    for other in files.values():
                        other.certain = True
                image.certain = True
            else:
                image.pending.append(call)
        for name, image in doomed.items():
            if name not in files and chooser.random() < 0.5:
                files[name] = image
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, image in files.items():
            if not image.certain and chooser.random() < 0.5:
                continue
            (folder / name).write_bytes(_fate(image, chooser))
        return folder


def _fate(image: _Image, chooser: random.Random) -> bytes:
    """One of the states an unsynced file may be in: none, all, or a random part of what was not synced."""
    content = bytearray(image.synced)
    kept = chooser.choice((0.0, 0.5, 0.5, 0.9, 1.0))
    for call in image.pending:
        for piece in _sectors(call):
            if chooser.random() < kept:
                _apply(content, piece)
    return bytes(content)


def _sectors(call: Call) -> Iterator[Call]:
    if call.kind != "write":
        yield call
        return
    begin = 0
    while begin < len(call.data):
        end = min(len(call.data), begin + SECTOR - (call.offset + begin) % SECTOR)
        yield Call("write", call.name, call.offset + begin, call.data[begin:end])
        begin = end


def _apply(content: bytearray, call: Call) -> None:
    if call.kind == "truncate":
        del content[call.offset:]
        return
    if len(content) < call.offset:
        content.extend(bytes(call.offset - len(content)))
    content[call.offset:call.offset + len(call.data)] = call.data


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int], short: str) -> None:
        self._disk, self._short = disk, short
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        self._disk.journal.append(Call("write", self._short, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._disk.journal.append(Call("truncate", self._short, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._disk.journal.append(Call("sync", self._short))


class Connection:
    """An APSW connection on a `Disk`, with as much of sqlite3.Connection's face as our stores use."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._db = apsw.Connection(str(path), vfs=disk.vfs_name)
        self._db.set_busy_timeout(10_000)

    @property
    def in_transaction(self) -> bool:
        return bool(self._db.in_transaction)

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Cursor:
        return Cursor(self._db).execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        cursor = Cursor(self._db)
        for row in rows:
            cursor.execute(sql, row)
        return cursor

    def cursor(self) -> Cursor:
        return Cursor(self._db)

    def close(self) -> None:
        self._db.close()


class Cursor:
    """A cursor whose errors are those of sqlite3."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._cursor = db.cursor()
        self.rowcount = -1

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Cursor:
        try:
            before = self._db.total_changes()
            self._cursor.execute(sql, parameters)
            self.rowcount = self._db.total_changes() - before
        except apsw.ConstraintError as fault:
            raise sqlite3.IntegrityError(str(fault)) from fault
        except apsw.Error as fault:
            raise sqlite3.OperationalError(str(fault)) from fault
        return self

    @property
    def lastrowid(self) -> int:
        return int(self._db.last_insert_rowid())

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        return list(self._cursor.fetchall())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)


def connect(disk: Disk, path: Path) -> Connection:
    """A connection as `sqlite3.connect(path, isolation_level=None)` gives, on a disk whose power can fail."""
    return Connection(disk, path)
