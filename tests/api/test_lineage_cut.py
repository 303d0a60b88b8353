"""A lineage as somebody may see it who may read some of its events: the rest is sealed, name and quantity."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from sqlmodel import Session, col, select

from api.views.lineage import lineage_view
from indexer import models as m
from indexer.database import open_engine
from indexer.lookups import Reader
from tests.tracer.random_index import RandomIndex, directory

RIVAL = 3


def view_for(session: Session, index: RandomIndex, unit: str, reader: Reader) -> dict[str, Any]:
    home: Any = SimpleNamespace(directory=directory(), looks=SimpleNamespace(record=lambda *_: None))
    [answer] = lineage_view(session, home, reader, unit, "backward", as_of_ms=index.last_ms)["backward"]
    return dict(answer)


@pytest.mark.parametrize("seed", [2, 4, 7])
def test_lineage__of_one_who_reads_one_event__that_event_and_what_it_names_and_nothing_else(seed: int) -> None:
    engine = open_engine("sqlite://")
    index = RandomIndex(engine, seed, 120)
    holder, rival = Reader(None, everything=True), Reader(RIVAL, everything=False)
    with Session(engine) as session:
        made = {leg.unit: leg.event_id for leg in session.exec(
            select(m.EventLine).join(m.Event, col(m.Event.event_id) == col(m.EventLine.event_id)).where(
                m.Event.kind == "TRANSFORM", m.Event.outcome == 0, m.EventLine.role != "INPUT"))}
        whole, unit = max(((view_for(session, index, unit, holder), unit) for unit in made),
                          key=lambda found: len(found[0]["graph"]["nodes"]))
        assert len(whole["graph"]["nodes"]) > 10
        session.add(m.PayloadReader(event_id=made[unit], participant=RIVAL))
        session.flush()
        seen = view_for(session, index, unit, rival)
        names = {name.unit: f"{name.scope}/{name.number}" for name in session.exec(select(m.UnitName))}
        named = {names.get(leg.unit, leg.unit) for leg in session.exec(
            select(m.EventLine).where(m.EventLine.event_id == made[unit]))}
    engine.dispose()
    of_event = {f"event:{made[unit]}", *(f"lot:{name}" for name in named)}
    shown = {node["id"] for node in seen["graph"]["nodes"] if node["type"] != "sealed"}
    hidden = {node["id"] for node in whole["graph"]["nodes"]} - of_event
    assert shown == {node["id"] for node in whole["graph"]["nodes"]} & of_event and len(shown) > 1
    assert len(seen["graph"]["nodes"]) == len(whole["graph"]["nodes"]) and len(hidden) > 5
    open_edges = [e for e in seen["graph"]["edges"] if e["event"]]
    assert open_edges == [e for e in whole["graph"]["edges"] if {e["from"], e["to"]} <= of_event]
    assert all(e["quantity"] == "0" for e in seen["graph"]["edges"] if not e["event"])
    said = json.dumps(seen)
    assert not [node for node in hidden if f'"{node.partition(":")[2]}"' in said or f'"{node}"' in said]
