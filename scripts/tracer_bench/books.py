"""Books of invented enterprises, kept in the user's cache folder: made once by trade and size."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import platformdirs
from book_maker import enterprise, epcis

SEED = 1


def cache_folder() -> Path:
    """Where books and the raw numbers of runs are kept."""
    return Path(platformdirs.user_cache_dir("cargoledger")) / "bench"


def as_events(folder: Path, tell: Callable[[str], None]) -> tuple[Path, int]:
    """A book with its movements as events.jsonl, and how many events that are."""
    other = folder.with_name(f"{folder.name}-events")
    if not other.is_dir():
        tell(f"writing the events of {folder.name}")
        unfinished = other.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        epcis.as_events(folder, unfinished)
        unfinished.rename(other)
    with (other / "events.jsonl").open("rb") as file:
        return other, sum(1 for _ in file)


def made(trade: str, events: int, tell: Callable[[str], None]) -> Path:
    """The folder of a book of at least so many movements."""
    sources = sorted(Path(enterprise.__file__).parent.glob("*.py"))
    maker = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    folder = cache_folder() / f"books-{maker}" / f"{trade}-{events}"
    if not folder.is_dir():
        tell(f"writing the book of {events} movements")
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        enterprise.write_book(unfinished, trade, SEED, events)
        unfinished.rename(folder)
    return folder
