"""Tables beside a book of the ledger: a folder named with the question, or the home's own of that book.

What is no fact of the ledger (capacity, norms of peers, groups of substitutes, claims, contracts ...) stands
in `HOME/beside/BOOK/`, in the files of docs/formats/book.md. An answer names the files, with a digest of
them, and every row that could not be used.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tracer.book import BookData
from tracer.files.beside import Joined, join

FOLDER = "beside"
"""Folder of a home in which each book may have a folder of its own."""


def joined(book: BookData, home: Path, folder: Path | None, *, whole: bool = False) -> Joined | None:
    """A book of the ledger with the tables beside it; None where there are none.

    Args:
        home: the home's folder. folder: named with the question, instead of the home's own.
        whole: a table that cannot be used at all is an error, and not only told.

    Raises:
        NotFoundError: the folder that was named is not there.
        InputError: the folder may not be read; with `whole` a table that cannot be used.
    """
    own = home / FOLDER / book.id
    if folder is None and not own.is_dir():
        return None
    return join(book, folder or own, whole=whole)


class HomeTables:
    """The tables of a home's own folders, for settlements that are kept."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def digest(self, book: str) -> str:
        """Of every file of a book's folder: name and bytes; empty where there is no folder."""
        folder = self._home / FOLDER / book
        if not folder.is_dir():
            return ""
        digest = hashlib.sha256()
        for file in sorted(path for path in folder.iterdir() if path.is_file()):
            digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()

    def joined(self, book: BookData) -> tuple[BookData, dict[str, Any]]:
        """A book with its tables, and what an answer says of them; errors as `joined`.

        A settlement that is kept is not made again without a table that it had: a file that is being saved
        would re-open it. It says that it cannot be answered, and why.
        """
        tables = joined(book, self._home, None, whole=True)
        if tables is None:
            return book, {}
        return tables.book, {"beside": said_of(tables, self._home / FOLDER / book.id)}


def said_of(tables: Joined, folder: Path) -> dict[str, Any]:
    """What an answer says of the tables: files read, their digest, rows left out, what was pointed out."""
    digest = hashlib.sha256()
    for name in sorted(set(tables.files)):
        digest.update(name.encode() + b"\0" + (folder / name.partition(",")[0]).read_bytes())
    return {"files": list(tables.files), "sha256": digest.hexdigest(),
            "faults": [fault.to_json() for fault in tables.faults.found],
            "more_faults": tables.faults.more,
            "notes": [note.to_json() for note in tables.faults.notes],
            "incomplete": sorted(tables.faults.incomplete)}
