"""The compiled schemas and the validator that explains say the same of every value: valid, or not."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from ledger.events import schema
from tests.ledger.events.samples import every_kind
from tests.ledger.events.test_schema import WHOLE

CORPUS = Path(__file__).resolve().parents[3] / "examples" / "epcis"
JUNK: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 10**30, Decimal("1.0"), Decimal("1.5"), Decimal("-0.1"), Decimal("1E+40"), "", " ", "x", "x\n", "a b", "a\x1cb",
    "é", "\ud7ff", "ex:a", "ex:a\n", "urn:x:1", "urn:x:1\n", "2025-02-30", "2025-03-01", "2025-03-01T08:00:00Z", "2025-03-01T08:00:00Z\n", "KGM", "KGM\n",
    "0x" + "0" * 64, "USD", "RAW", "12.5", "012", "1e5", "a" * 3000, [], [1], ["a", "a"], [True, 1], [{"id": "urn:x:1"}], {}, {"id": "x"}, {"id": "urn:x:1"},
    {"code": "A", "uom": "KGM"}, {"value": "1", "currency": "USD"}, [{"number": "1", "type": "t"}])
KEYS = ("id", "type", "ex:new", "cl:kind", "cl:new", "cl:lines", "cl:reading", "cl:loss", "bad key", "a:b\x1cc", "@context", "quantity", "uom", "eventTime",
        "cl:amount", "cl:norm", "cl:declaration", "errorDeclaration", "ilmd", "sensorElementList")


def holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value: what holds it, and by which key."""
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(item, dict | list):
            yield from holders(item)


def spoiled(value: Any, chance: random.Random) -> Any:
    """The value with one to three parts of it replaced, removed or added."""
    result = copy.deepcopy(value)
    for _ in range(chance.randint(1, 3)):
        places = list(holders(result))
        if not places:
            break
        holder, key = chance.choice(places)
        what = chance.randrange(3)
        if what == 0:
            holder[key] = copy.deepcopy(chance.choice(JUNK))
        elif what == 1:
            del holder[key]
        elif isinstance(holder, dict):
            holder[chance.choice(KEYS)] = copy.deepcopy(chance.choice(JUNK))
    return result


def documents() -> list[Any]:
    return [json.loads(path.read_text("utf-8"), parse_float=Decimal) for path in sorted(CORPUS.glob("*.json"))]


EVENTS = [*WHOLE.values(), *(event for _, event in every_kind().values())]
VALUES = {"epcis-event": EVENTS, "customs-profile": EVENTS, "epcis-document": documents()}


def valid(name: str, value: Any) -> bool:
    try:
        schema._compiled(name)(value)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


@pytest.mark.parametrize("name", VALUES)
def test_compiled__values_spoiled_at_random__agrees_with_the_validator_that_explains(name: str) -> None:
    chance = random.Random(name)
    seen = {True: 0, False: 0}
    for turn in range(1_500):
        value = spoiled(VALUES[name][turn % len(VALUES[name])], chance)
        said = valid(name, value)
        assert said == (not schema._explained(name, value)), value
        seen[said] += 1
    assert min(seen.values()) > 100, "both answers were tried"


@pytest.mark.parametrize("name", VALUES)
def test_faults__of_what_the_compiled_schema_refuses__are_those_that_are_explained(name: str) -> None:
    chance = random.Random(f"{name} again")
    told = 0
    for turn in range(150):
        value = spoiled(VALUES[name][turn % len(VALUES[name])], chance)
        assert schema._schema_faults(name, value) == schema._explained(name, value)
        told += bool(schema._explained(name, value))
    assert told > 10


def test_compiled__nested_too_deep_for_it__is_left_to_the_validator_that_explains(monkeypatch: pytest.MonkeyPatch) -> None:
    def gives_up(_: Any) -> None:
        raise RecursionError

    monkeypatch.setattr(schema, "_compiled", lambda _: gives_up)
    assert schema._schema_faults("epcis-event", WHOLE["object"]) == []
    assert schema._schema_faults("epcis-event", {**WHOLE["object"], "action": "SEE"})
