"""One world for all tests of a run, put back after each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.world import World


@pytest.fixture(scope="session")
def _world() -> World:
    return World()


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    mark = _world.snapshot()
    yield _world
    _world.revert(mark)
