"""Python's cycle collector, paused while a book is read and worked on.

A book makes no reference cycles, and looking for them again and again, among all that a process has loaded,
costs a quarter of the time of a check and half of that of a trace.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

JOINED_MAX = 64
"""Pauses that may begin while another still goes on. Requests of a server that overlap without end would
otherwise keep the collector from what the rest of the process leaves behind."""

_lock = Lock()
_inside = 0
_joined = 0
_collecting = False


@contextmanager
def paused() -> Iterator[None]:
    """No collection while this is inside, in whatever thread; then as it was before the first one went in."""
    global _inside, _joined, _collecting  # noqa: PLW0603 - the collector is the process's own
    with _lock:
        joins = _inside == 0 or _joined < JOINED_MAX
        if _inside == 0:
            _collecting, _joined = gc.isenabled(), 0
            gc.disable()
        elif joins:
            _joined += 1
        _inside += joins
    try:
        yield
    finally:
        with _lock:
            _inside -= joins
            if joins and _inside == 0 and _collecting:
                gc.enable()
