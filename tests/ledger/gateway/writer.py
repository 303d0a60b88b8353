"""A process to be killed: submits events and flushes; dies at the named step, the nth time it comes by.

    python writer.py FOLDER STEP NTH COUNT

Acknowledged submissions are printed, one line each, unbuffered.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from ledger.vocabulary import Kind, Outcome
from tests.ledger.gateway.fakes import bench, custody, submission

POISON_NONCE = 4
REFUSED_NONCE = 2


def judge(event, _participant):  # type: ignore[no-untyped-def]
    return Outcome.HELD if event.nonce == REFUSED_NONCE else Outcome.RECORDED


def poison(event):  # type: ignore[no-untyped-def]
    return event.nonce == POISON_NONCE


@functools.cache
def events(count: int):  # type: ignore[no-untyped-def]
    return [submission(custody(Kind.OBSERVE, 1, nonce=i)) for i in range(count)]


def main(folder: Path, step: str, nth: int, count: int) -> None:
    passed = 0

    def failpoint(name: str) -> None:
        nonlocal passed
        if name == step:
            passed += 1
            if passed == nth:
                os._exit(9)  # no handlers, no flushing: as good as kill -9 for everything but the kernel

    box = bench(folder, failpoint=failpoint, judge=judge, poison=poison)
    box.gateway.on_settled(lambda item: (folder / f"heard-{item.custody_event.nonce}").touch())
    for item in events(count):
        if not box.gateway.submit(item).repeated:
            os.write(1, item.epcis_event_id.encode() + b"\n")
    box.gateway.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
