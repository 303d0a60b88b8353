"""The events of the benchmark: the demo's own, as many journeys side by side as wanted.

The demo is run once; what its gateway kept is the first journey. Every further one is the same events on
other units, with other commitments and nonces, answering each other as the first ones do, signed anew by the
same participants. They are interleaved: first event of all journeys, second of all, ...
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import demo_run
import demo_story
from eth_hash.auto import keccak

from api.home import Home
from ledger.events.model import ZERO32, CustodyEvent, event_id
from ledger.gateway.gateway import Gateway
from ledger.gateway.submission import SignedSubmission
from ledger.keys.local_signer import LocalSigner
from ledger.keys.sealing import SealedPayload

AFTER_S = 1_798_761_600  # 2027-01-01: all of the story is over, so every event is taken at that time
FAR_S = 10 * 365 * 86_400


@dataclass(frozen=True)
class Posted:
    """An event that the demo posted: who, what, under which label, with which sealed payload."""

    participant: int
    event: CustodyEvent
    identifier: bytes
    label: str
    is_correction: bool
    witness: bytes
    payload: SealedPayload


@dataclass(frozen=True)
class Mix:
    """The demo's events in the order its gateway took them.

    Attributes:
        prepare_per_s: events a second that its posters validated, committed, sealed, signed and stored.
    """

    directory: dict[str, Any]
    posted: list[Posted]
    prepare_per_s: float


def signer_of(participant: int) -> LocalSigner:
    """The participant's key in benchmarks; nothing else knows it."""
    return LocalSigner(bytes(keccak(b"benchmark participant %d" % participant)))


def record(folder: Path, tell: Callable[[str], None], events_max: int | None = None) -> Mix:
    """Run the demo in an empty folder and read what it posted."""
    story = demo_story.load()
    if events_max is not None:
        story = replace(story, postings=story.postings[:events_max])
    with _timed() as spent:
        home = demo_run.Run(folder, story, lambda *_: tell("the demo's events")).post()
    home.close()
    with sqlite3.connect(folder / "gateway.sqlite") as sql:
        rows = sql.execute(
            "SELECT s.participant, s.custody_event, s.event_id, s.epcis_event_id, s.is_correction, s.witness,"
            " p.sealed FROM submission s JOIN payload p USING (commitment) ORDER BY s.seq").fetchall()
    posted = [
        Posted(number, CustodyEvent.from_json(json.loads(event)), identifier, label, bool(correction),
               witness, SealedPayload.from_json(json.loads(sealed)))
        for number, event, identifier, label, correction, witness, sealed in rows]
    return Mix(story.directory, posted, len(posted) / max(spent["posting"] - spent["taking in"], 1e-9))


def journeys(mix: Mix, count: int, separator: bytes, first: int = 0) -> list[SignedSubmission]:
    """That many journeys, signed for a ledger and interleaved.

    Args:
        mix: the demo's events.
        count: how many journeys.
        separator: of the ledger that takes them.
        first: number of the first journey; journeys of other numbers share no unit.
    """
    made: list[SignedSubmission] = []
    ids: dict[tuple[int, bytes], bytes] = {}
    units = {line.unit for one in mix.posted for line in one.event.lines} | {
        one.event.reference for one in mix.posted} - {one.identifier for one in mix.posted}
    for k, one in enumerate(mix.posted):
        signer = signer_of(one.participant)
        for i in range(first, first + count):
            event = _of_journey(one.event, i, ids, units, nonce=i * len(mix.posted) + k)
            identifier = event_id(event, separator)
            ids[i, one.identifier] = identifier
            made.append(SignedSubmission(
                event, signer.sign_digest(identifier), one.witness,
                replace(one.payload, commitment=event.commitment), f"{one.label}#{i}", one.is_correction,
                one.participant))
    return made


def _of_journey(
    event: CustodyEvent, journey: int, ids: dict[tuple[int, bytes], bytes], units: set[bytes], nonce: int,
) -> CustodyEvent:
    def other(identifier: bytes) -> bytes:
        return bytes(keccak(identifier + journey.to_bytes(4, "big")))

    reference = ids.get((journey, event.reference), event.reference)
    if reference in units and reference != ZERO32:
        reference = other(reference)
    lines = sorted((replace(x, unit=other(x.unit)) for x in event.lines), key=lambda x: x.unit)
    return replace(
        event, lines=tuple(lines), reference=reference, commitment=other(event.commitment), nonce=nonce,
        deadline_s=AFTER_S + FAR_S)


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Seconds spent in posting documents, and in the gateway's taking in that is part of it."""
    spent = {"posting": 0.0, "taking in": 0.0}
    targets: list[tuple[Any, str, str]] = [
        (Home, "post_document", "posting"), (Gateway, "submit_all", "taking in")]
    originals = [getattr(owner, name) for owner, name, _ in targets]

    def wrapped(original: Any, label: str) -> Any:
        def timed(*args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                spent[label] += time.perf_counter() - begin
        return timed

    for (owner, name, label), original in zip(targets, originals, strict=True):
        setattr(owner, name, wrapped(original, label))
    try:
        yield spent
    finally:
        for (owner, name, _), original in zip(targets, originals, strict=True):
            setattr(owner, name, original)
