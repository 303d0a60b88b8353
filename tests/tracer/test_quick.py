"""Records with the quick constructor are what `dataclass` made them: frozen, equal, ordered, copied, pickled."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from inspect import signature

import pytest

from ledger.quick import quick
from ledger.vocabulary import Kind, LineRole, Thing
from tracer.book import Event, Leg
from tracer.moment import Span


@dataclass(frozen=True, slots=True, order=True)
class Plain:
    name: str
    amount: int = 3
    parts: tuple[str, ...] = ()


@quick
@dataclass(frozen=True, slots=True, order=True)
class Quick:
    name: str
    amount: int = 3
    parts: tuple[str, ...] = ()


def test_quick__record__made_like_the_plain_one() -> None:
    for arguments, named in ((("a",), {}), (("a", 4, ("x",)), {}), (("a",), {"parts": ("y",)})):
        plain, made = Plain(*arguments, **named), Quick(*arguments, **named)
        assert [getattr(plain, f.name) for f in fields(Plain)] == [getattr(made, f.name) for f in fields(Quick)]
        assert hash(plain) == hash(made) and repr(plain)[5:] == repr(made)[5:]
    assert list(signature(Quick).parameters) == list(signature(Plain).parameters)
    with pytest.raises(TypeError):
        Quick()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Quick("a", weight=2)  # type: ignore[call-arg]


def test_quick__record_once_made__frozen_and_of_its_class() -> None:
    one = Quick("a")
    assert type(one) is Quick
    with pytest.raises(FrozenInstanceError):
        one.amount = 4  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del one.amount  # type: ignore[misc]
    assert one == Quick("a") and one < Quick("b") and replace(one, amount=9) == Quick("a", 9)
    again = pickle.loads(pickle.dumps(one))
    assert again == one and type(again) is Quick


def test_quick__records_of_a_book__frozen() -> None:
    leg = Leg("e/L1", quantity_micro=5)
    event = Event("M1", 1, Kind.HOLD, Span(1, 2), 2, "customs", (leg,))
    assert (leg.thing, leg.role, event.legs[0]) == (Thing.LOT, LineRole.NONE, leg)
    for record, name in ((leg, "unit"), (event, "seq"), (event.occurred, "start_ms")):
        with pytest.raises(FrozenInstanceError):
            setattr(record, name, 7)


def test_quick__field_with_a_factory_or_no_slots__refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Factory:
        parts: list[str] = field(default_factory=list)

    @dataclass(frozen=True)
    class Loose:
        name: str

    for cls in (Factory, Loose):
        with pytest.raises(TypeError):
            quick(cls)
