"""The pause of the cycle collector: nothing is collected inside, and it always ends."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Thread

import pytest

from tracer import collector


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    before = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if before else gc.disable)()


def test_pause__one_in_another_and_one_that_fails__ends_with_the_outermost() -> None:
    with collector.paused():
        with pytest.raises(ValueError, match="of the work"), collector.paused():
            assert not gc.isenabled()
            raise ValueError("of the work")
        assert not gc.isenabled()
    assert gc.isenabled()


def test_pause__the_collector_was_off__stays_off() -> None:
    gc.disable()
    with collector.paused():
        pass
    assert not gc.isenabled()


def test_pauses__that_overlap_in_any_order__end_with_the_last() -> None:
    first, second = collector.paused(), collector.paused()
    with ExitStack() as one:
        one.enter_context(first)
        two = ExitStack()
        two.enter_context(second)
    assert not gc.isenabled()
    ended = Thread(target=two.close)
    ended.start()
    ended.join()
    assert gc.isenabled()


def test_pauses__of_requests_that_overlap_without_end__are_not_joined_for_ever() -> None:
    """Each request begins before the one before it has ended: the process is never without one."""
    running = ExitStack()
    running.enter_context(collector.paused())
    collected = 0
    for _ in range(3 * collector.JOINED_MAX):
        new = ExitStack()
        new.enter_context(collector.paused())
        running.close()
        collected += gc.isenabled()
        running = new
    running.close()
    assert collected >= 1 and gc.isenabled()
