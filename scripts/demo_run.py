"""Posts the story through a home: poster, gateway, chain, indexer, as everybody does.

A state folder is a home like any other, plus `demo.json`, which says how many documents are settled. It is
only a short cut: whatever was under way when the process died is posted again, with the same clock, seed and
content, and answers what it answered before. So an interrupted run ends like an undisturbed one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import demo_story

from api.home import Home
from ledger.errors import ConflictError
from ledger.vocabulary import BookOption, Role

SEED = hashlib.sha256(b"cargoledger demo: these keys are public").digest()
"""Every key and secret of the demo follows from it; nothing but the demo passes a seed."""
NAME = "cargoledger-demo"
MARKER = "demo.json"
OPENING_S = 1_735_660_800  # 2025-01-01 00:00 in the story's zone minus one hour: before anything happens
ROUND_S = 1800  # of the story: what came in during half an hour goes to the ledger together
INDEX_EVERY = 30  # rounds between two runs of the indexer

Tell = Callable[[str, int, int], None]
"""(what is being done, done so far, all of it)."""


class StoryClock:
    """The time of the story, in seconds; moved by who tells it, never by itself."""

    def __init__(self) -> None:
        self.now_s = OPENING_S

    def __call__(self) -> int:
        return self.now_s


class Run:
    """One run of the demo over a state folder."""

    def __init__(self, folder: Path, story: demo_story.Story, tell: Tell) -> None:
        """Bind the parts; the folder is made if it is not there.

        Raises:
            ConflictError: the folder holds the state of another story, or of something else.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.story = story
        self.clock = StoryClock()
        self._tell = tell
        self._story_id = _fingerprint(story)
        self._marker = self._read_marker()
        self._rounds = 0

    def post(self) -> Home:
        """Tell the story to its end, from where it stopped.

        Returns:
            The home, open and indexed to the head; the caller closes it.
        """
        postings = self.story.postings
        done = int(self._marker.get("settled", 0))
        self._save()  # from here on the folder is ours, whenever the process dies
        self._tell("ledger", 0, 1)
        home = Home.create(self.folder, name=NAME, seed=SEED, clock=self.clock)
        try:
            if not self._marker.get("network"):
                self._network(home)
                self._save(network=True)
            for i in range(done, len(postings)):
                posting = postings[i]
                self._tell(f"{posting.poster}: {posting.name}", i, len(postings))
                self.clock.now_s = posting.at_s
                home.post_document(posting.body(), posting.poster)
                if i + 1 == len(postings) or postings[i + 1].at_s // ROUND_S != posting.at_s // ROUND_S:
                    self._round(home, i + 1)
            self.clock.now_s = postings[-1].at_s
            self._tell("index", len(postings), len(postings))
            if not self._marker.get("indexed"):
                home.indexer.run_once()
                self._save(indexed=True)
        except BaseException:
            home.close()
            raise
        return home

    def _round(self, home: Home, settled: int) -> None:
        """Carry what was posted to the ledger; now and then bring the index up to it."""
        home.gateway.flush()
        self._rounds += 1
        if self._rounds % INDEX_EVERY == 0:
            home.indexer.run_once()
        self._save(settled=settled)

    def _network(self, home: Home) -> None:
        """Admit participants, register places, open books. Repeating it changes nothing."""
        directory = self.story.directory
        entries = [*directory["participants"], *directory["facilities"], *directory["books"]]
        for i, p in enumerate(directory["participants"]):
            self._tell(f"admit {p['id']}", i, len(entries))
            home.admit(
                p["id"], name=p["name"], uri=p["uri"], hold_bit=p["hold_bit"], roles=_flags(Role, p["roles"])
            )
        for f in directory["facilities"]:
            home.add_facility(
                f["id"], name=f["name"], uri=f["uri"], operator=f["operator"], supervised=f["supervised"]
            )
        for b in directory["books"]:
            home.add_book(
                b["id"],
                name=b["name"],
                owner=b["owner"],
                regime=b["regime"],
                options=_flags(BookOption, b["options"]),
            )

    def _read_marker(self) -> dict[str, Any]:
        path = self.folder / MARKER
        if not path.exists():
            others = {p.name for p in self.folder.iterdir()} - {MARKER + ".new"}
            if others:
                raise ConflictError(
                    f"{self.folder} is not empty and no state of the demo.", remedy="Name another folder."
                )
            return {"story": self._story_id}
        marker: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if marker.get("story") != self._story_id:
            raise ConflictError(
                f"{self.folder} holds another story (with or without irregularities, or other documents).",
                remedy="Name another folder, or remove this one.",
            )
        return marker

    def _save(self, **changes: Any) -> None:
        """Write the marker so that a kill leaves either the old or the new one."""
        self._marker.update(changes)
        temporary = self.folder / (MARKER + ".new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(self._marker, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.folder / MARKER)


def _fingerprint(story: demo_story.Story) -> str:
    total = hashlib.sha256()
    for posting in story.postings:
        total.update(json.dumps([posting.name, posting.poster, posting.at_s]).encode())
        total.update(hashlib.sha256(posting.body()).digest())
    return total.hexdigest()


def _flags(enum: Any, names: list[str]) -> Any:
    value = enum(0)
    for name in names:
        value |= enum[name]
    return value
