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


def joined(book: BookData, home: Path, folder: Path | None) -> Joined | None:
    """A book of the ledger with the tables beside it; None where there are none.

    Args:
        home: the home's folder. folder: named with the question, instead of the home's own.

    Raises:
        NotFoundError: the folder that was named is not there.
        InputError: a file that cannot be used at all.
    """
    own = home / FOLDER / book.id
    if folder is None and not own.is_dir():
        return None
    return join(book, folder or own)


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
