"""API tokens: shown once, stored hashed, bound to a participant, ended and revoked; every failure looks the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import AuthenticationError, InputError, NotFoundError
from ledger.gateway.gateway import open_gateway_store
from ledger.gateway.tokens import LIFE_S_MAX, TokenRegistry
from tests.ledger.gateway.fakes import Clock

READ = frozenset({"read"})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(tmp_path: Path, clock: Clock) -> TokenRegistry:
    return TokenRegistry(open_gateway_store(tmp_path / "gateway.sqlite"), clock)


def test_token__issued__verifies_and_its_secret_is_nowhere_on_disk(registry: TokenRegistry, tmp_path: Path) -> None:
    text, token = registry.issue(3, frozenset({"read", "capture"}), life_s=60, label="erp")
    assert registry.verify(text) == token
    assert (token.participant, token.scopes, token.label) == (3, {"read", "capture"}, "erp")
    secret = text.split("_", 2)[2]
    assert len(secret) >= 20
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.encode() not in stored and token.id.encode() in stored


def test_token__two__differ(registry: TokenRegistry) -> None:
    one, two = (registry.issue(1, READ, life_s=60)[0] for _ in range(2))
    assert one != two
    mixed = "_".join([*one.split("_", 2)[:2], two.split("_", 2)[2]])  # id of one, secret of the other
    with pytest.raises(AuthenticationError):
        registry.verify(mixed)


@pytest.mark.parametrize("text", ["", "cl", "cl_", "cl__", "x_y_z", "cl_0011223344556677_AAAA", "Bearer x", "cl_a_ä", "cl_a_!!!"])
def test_token__unknown_or_malformed__one_answer(registry: TokenRegistry, text: str) -> None:
    good, _ = registry.issue(1, READ, life_s=60)
    answers = set()
    for wrong in (text, good[:-1], good + "A", good.replace("cl_", "cx_"), good.swapcase()):
        with pytest.raises(AuthenticationError) as fault:
            registry.verify(wrong)
        answers.add(str(fault.value))
    assert len(answers) == 1


def test_token__ended_or_revoked__refused(registry: TokenRegistry, clock: Clock) -> None:
    short, _ = registry.issue(1, READ, life_s=60)
    long, token = registry.issue(1, READ, life_s=600)
    clock.now_s += 61
    with pytest.raises(AuthenticationError):
        registry.verify(short)
    registry.verify(long)
    registry.revoke(token.id)
    registry.revoke(token.id)
    with pytest.raises(AuthenticationError):
        registry.verify(long)
    assert [t.revoked_at_s is not None for t in registry.tokens()] == [t.id == token.id for t in registry.tokens()]


def test_token__bad_request__refused(registry: TokenRegistry) -> None:
    for scopes in (frozenset(), frozenset({"root"}), frozenset({"read", "x"})):
        with pytest.raises(InputError):
            registry.issue(1, scopes, life_s=60)
    for life_s in (0, -1, LIFE_S_MAX + 1):
        with pytest.raises(InputError):
            registry.issue(1, READ, life_s=life_s)
    with pytest.raises(NotFoundError):
        registry.revoke("nothing")
