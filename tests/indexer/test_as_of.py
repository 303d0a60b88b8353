"""As of a time: the fold of what had occurred, against a plain one in Python, and the questions that people ask."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_hash.auto import keccak
from sqlalchemy import Engine
from sqlmodel import Session, select

from indexer import past
from indexer.database import open_engine
from indexer.models import Event, LineState, Lot, LotLoaded, Participant, Payload, Unit, UnitName, UnitState
from ledger.chain.facts import AmountsChanged, LineAmountChanged, LoadedChanged, Told
from ledger.events.model import ZERO32, CustodyEvent, Line
from ledger.vocabulary import Balance, Kind, LineRole, LineStatus, Outcome, Thing, UnitStatus
from tests.indexer.helpers import indexed, make_indexer
from tests.indexer.story import (
    BOX,
    LEDGER,
    START_S,
    Story,
    box_unit,
    declared,
    full_story,
    line_changed,
    line_unit,
    log,
    lot_changed,
    lot_created,
    lot_unit,
    parties,
    unit_changed,
    unit_word,
)

DEEP = os.environ.get("CARGOLEDGER_TEST_PROFILE") == "deep"
BOX_ID, L1 = "0x" + box_unit().hex(), "0x" + lot_unit("L1").hex()
STATE: tuple[Any, ...] = (Unit, Lot, LotLoaded, LineState)
ADDED = {"raw_micro", "wip_micro", "finished_micro", "scrap_micro", "short_micro", "loaded_micro", "drawn_micro",
         "exited_micro", "returned_micro"}
NEVER = (Kind.CORRECT, Kind.APPROVE)
Rows = dict[tuple[str, ...], dict[str, Any]]


# a plain fold, from what an index said after each single event

@dataclass
class Step:
    """One event of a random story, and what the state tables said after it."""

    id: str
    kind: Kind
    by: int
    holds_from: int
    reference: str
    refused: bool
    after: Rows


def state_of(session: Session) -> Rows:
    found: Rows = {}
    for model in STATE:
        keys = [column.name for column in model.__table__.primary_key.columns]
        for row in session.exec(select(model)):
            said = {column.name: getattr(row, column.name) for column in model.__table__.columns}
            found[model.__tablename__, *(said[key] for key in keys)] = said
    return found


def voided_by_customs(step: Step, known: list[Step]) -> bool:
    by_id = {one.id: one for one in known}
    wanted = {step.id} | ({step.reference} if step.kind is Kind.APPROVE else set())
    return any(c.kind is Kind.CORRECT and not c.refused and c.reference in wanted
               and (c.by == 1 or c.by != by_id[c.reference].by) for c in known)


def folded(steps: list[Step], upto: int, as_of_ms: int) -> Rows:
    """The state as of a time, as known after so many events: the definition of `indexer.fold`, line by line."""
    known = steps[:upto]
    result: Rows = {}
    for place, step in enumerate(known):
        if step.holds_from > as_of_ms:
            continue
        earlier = known[place - 1].after if place else {}
        void = voided_by_customs(step, known)
        for key, after in step.after.items():
            before = earlier.get(key)
            if before is None:
                result[key] = {**after, **{c: after[c] + result.get(key, {}).get(c, 0) for c in after if c in ADDED}}
                continue
            row = result.setdefault(key, {})
            for column, value in after.items():
                change = value != before[column]
                if column in ADDED or (column == "quantity_micro" and key[0] == "lot_loaded"):
                    row[column] = row.get(column, 0) + value - before[column]
                elif column == "holds":
                    touched = 0 if void else value ^ before[column]
                    row[column] = row.get(column, 0) & ~touched | value & touched
                elif change and not void:
                    row[column] = value
    made = {key for place, step in enumerate(known) if step.holds_from <= as_of_ms for key in step.after
            if not place or key not in known[place - 1].after}
    for key, row in result.items():
        if key in made and "head" in row:
            row["head"] = known[-1].after[key]["head"]
    return {key: row for key, row in result.items() if key in made}


class Dice:
    """Makes random entries: any act on any thing, in no order of occurrence. The index knows no rules."""

    def __init__(self, seed: int) -> None:
        self.dice, self.story, self.things = random.Random(seed), Story(), set[bytes]()
        self.story.register()
        self.events: list[tuple[bytes, CustodyEvent, int, Outcome]] = []

    def word(self, thing: Thing) -> int:
        dice = self.dice
        return unit_word(thing, dice.choice(list(UnitStatus)), custodian=dice.randint(1, 4), facility=dice.randint(0, 2),
                         holds=dice.choice((0, 0, 1, 2, 3, 1 << 15)), eligible=dice.random() < 0.5,
                         offeree=dice.choice((0, 3)), expiry=dice.randint(0, 9)) | dice.randint(0, 1) << 7

    def amount(self) -> int:
        return self.dice.choice((0, 1, 10**6, 7 * 10**9, 10**10 - 1, 10**10, 2**63 - 1, 2**63, 2**64 - 1,
                                 self.dice.randrange(2**64)))

    def logs(self, identifier: bytes, thing: bytes) -> list[Any]:
        dice, new = self.dice, thing not in self.things
        self.things.add(thing)
        line = line_unit("X1", "1")
        if thing == line:
            made = [declared(line, keccak(b"m%d" % dice.randint(0, 1)), identifier)]
            return [*(made if new or dice.random() < 0.3 else []), line_changed(
                line, dice.choice(list(LineStatus)), purpose=LineRole.EXPORT, quantity=self.amount(), drawn=self.amount())]
        if thing == lot_unit("L1"):
            if new:
                return lot_created(thing, keccak(b"m"), ZERO32, self.word(Thing.LOT), origin=1, raw=self.amount())
            return [lot_changed(thing, raw=self.amount(), wip=self.amount(), loaded=self.amount()),
                    *([unit_changed(thing, self.word(Thing.LOT))] if dice.random() < 0.3 else [])]
        if not new and dice.random() < 0.2:
            return [log(LEDGER, "InsideChanged(bytes32,bytes32)", [thing, dice.choice((ZERO32, b"\x77" * 32))], [], [])]
        return [unit_changed(thing, self.word(Thing.CARGO))]

    def told(self, thing: bytes) -> tuple[Told, ...]:
        """What an outcome says itself of a lot that is there, and of a line."""
        dice, line = self.dice, line_unit("X1", "1")
        if thing != lot_unit("L1") or not {thing, line} <= self.things or dice.random() < 0.5:
            return ()
        if dice.random() < 0.3:
            return (AmountsChanged(0, thing, ((Balance.RAW, self.amount()), (Balance.WIP, self.amount()))),)
        loaded, drawn = self.amount(), dice.random() < 0.5
        return (LineAmountChanged(0, line, *((self.amount(), None) if drawn else (None, self.amount()))),
                AmountsChanged(0, thing, ((Balance.FINISHED, self.amount()), (Balance.LOADED, dice.choice((loaded, self.amount()))))),
                LoadedChanged(0, thing, line, loaded))

    def one(self) -> None:
        dice = self.dice
        thing = dice.choice((box_unit(), lot_unit("L1"), line_unit("X1", "1")))
        kind, reference, by = Kind.HOLD, ZERO32, dice.randint(1, 4)
        lines: tuple[Line, ...] = (Line(thing),)
        earlier = [entry for entry in self.events if entry[1].kind not in NEVER]
        if earlier and dice.random() < 0.5:
            approved = {event.reference for _, event, _, _ in self.events if event.kind is Kind.APPROVE}
            reference, first, poster, outcome = dice.choice([e for e in earlier if e[0] in approved] or earlier) \
                if dice.random() < 0.3 else dice.choice(earlier)
            kind = Kind.APPROVE if outcome is Outcome.PENDING and dice.random() < 0.7 else Kind.CORRECT
            lines, by = (first.lines, 1) if kind is Kind.APPROVE else ((), dice.choice((1, poster)))
            thing = first.lines[0].unit
        outcome = dice.choice((Outcome.RECORDED,) * 5 + (Outcome.PENDING, Outcome.PENDING, Outcome.HELD))
        if kind in NEVER and outcome is Outcome.PENDING:
            outcome = Outcome.HELD
        event = CustodyEvent(kind=kind, lines=lines, reference=reference, nonce=len(self.events),
                             occurred_at_ms=(START_S + 60 * dice.randint(1, 6)) * 1000 + dice.randint(0, 1),
                             deadline_s=START_S + 10**9, commitment=keccak(b"lost %d" % len(self.events)))
        moves = outcome is Outcome.RECORDED and kind is not Kind.CORRECT
        told = self.told(thing) if moves and event.lines and reference == ZERO32 else ()
        if told:
            event = replace(event, reference=line_unit("X1", "1"))
        identifier = self.story.add(by, event, outcome, told=told)
        if moves and not told:
            self.story.entries[-1].logs.extend(self.logs(identifier, thing))
        self.events.append((identifier, event, by, outcome))


def told_by(dice: Dice, engine: Engine) -> list[Step]:
    """Index a random story event by event, and keep what the tables said after each."""
    indexer = make_indexer(dice.story, dice.story.chain(), engine)
    first, steps = len(dice.story.entries) - len(dice.events) + 1, list[Step]()
    held = {identifier: event.occurred_at_ms for identifier, event, _, _ in dice.events}
    for place, (identifier, event, by, outcome) in enumerate(dice.events):
        indexer.run_once(until_block=first + place)
        with Session(engine) as session:
            after = state_of(session)
        when = held[event.reference] if event.kind is Kind.APPROVE else event.occurred_at_ms
        steps.append(Step("0x" + identifier.hex(), event.kind, by, when, "0x" + event.reference.hex(),
                          outcome >= Outcome.BAD_SIGNATURE, after))
    return steps


def test_as_of__random_stories_in_any_order_of_occurrence__equals_a_plain_fold(backend: str) -> None:
    for seed in range(1 if backend == "postgresql" else 10 if DEEP else 3):
        dice = Dice(seed)
        for _ in range(50):
            dice.one()
        engine = open_engine("sqlite://")
        steps = told_by(dice, engine)
        first = len(dice.story.entries) - len(dice.events) + 1
        times = [(START_S + 60 * minute) * 1000 for minute in range(8)]
        for upto in [*dice.dice.sample(range(1, len(steps) + 1), 2), len(steps)]:
            for as_of_ms in times[1:]:
                with past.session(engine, as_of_ms=as_of_ms, known_at=first + upto - 1) as session:
                    found = state_of(session)
                    states = {(row.unit, row.event_id) for row in session.exec(select(UnitState))}
                    events = {row.event_id: (row.voided_by, row.approved_by) for row in session.exec(select(Event))}
                expected = folded(steps, upto, as_of_ms)
                assert found == expected, f"seed {seed}, {upto} known, as of {as_of_ms}"
                known = {step.id: step for step in steps[:upto]}
                with Session(engine) as now:
                    all_states = {(row.unit, row.event_id) for row in now.exec(select(UnitState))}
                assert states == {(unit, event) for unit, event in all_states
                                  if event in known and known[event].holds_from <= as_of_ms}
                own = {"0x" + i.hex(): e.occurred_at_ms for i, e, _, _ in dice.events[:upto]}
                assert events.keys() == {i for i, when in own.items() if when <= as_of_ms}
                for i, (voided, approved) in events.items():
                    answers = [s for s in steps[:upto] if s.reference == i and not s.refused]
                    assert voided == next((s.id for s in answers if s.kind is Kind.CORRECT), None)
                    assert approved == next((s.id for s in answers if s.kind is Kind.APPROVE), None)
        if not any(voided_by_customs(step, steps) for step in steps):
            with Session(engine) as session:
                assert folded(steps, len(steps), times[-1]) == state_of(session)
        engine.dispose()


def test_as_of__after_all_that_occurred__is_what_the_index_says() -> None:
    engine = indexed(full_story())
    with Session(engine) as session:
        now = state_of(session)
    with past.session(engine, as_of_ms=2**62) as session:
        assert state_of(session) == now
    with past.session(engine, known_at=15) as session:
        then = state_of(session)
    with past.session(engine, as_of_ms=2**70, known_at=15) as session:
        assert state_of(session) == then


# what people ask

def told() -> tuple[Story, dict[str, int]]:
    """A box that arrives, is offered and accepted; a hold and a weighing posted late; an UNHOLD that customs voids."""
    story, when = Story(), {}
    story.register()
    box: dict[str, Any] = {"epcList": [BOX], "cl:consignment": "BL-1"}
    here = {"bizLocation": {"id": "urn:place:quay"}}

    def at(minutes: int, poster: int, kind: Kind, name: str, *state: Any, **fields: Any) -> bytes:
        story.minute = minutes - 1
        when[name] = (START_S + 60 * minutes) * 1000
        return story.post(poster, story.document(poster, kind, name, **fields), Outcome.RECORDED, *state)

    def word(**more: Any) -> Any:
        return unit_changed(box_unit(), unit_word(Thing.CONTAINER, UnitStatus.SUPERVISED, facility=1, **more))

    at(10, 2, Kind.ARRIVE, "arrive", word(custodian=2), **box, **here)
    at(30, 2, Kind.OFFER, "offer", word(custodian=2, offeree=3), **box, **parties("carrier", "terminal"))
    at(40, 3, Kind.ACCEPT, "accept", word(custodian=3), **box, **here, **parties("carrier", "terminal"),
       **{"cl:reference": "https://carrier.example/offer"})
    at(20, 1, Kind.HOLD, "hold", word(custodian=3, holds=1), **box)      # recorded after the handover
    at(5, 3, Kind.OBSERVE, "weigh", **box)                               # moves the head and nothing else
    story.minute = 49
    wrong = story.document(1, Kind.UNHOLD, "unhold", **box)
    when["unhold"] = (START_S + 60 * 50) * 1000
    story.post(1, wrong, Outcome.RECORDED, word(custodian=3))
    story.minute = 98
    story.post(1, {**wrong, "errorDeclaration": {"declarationTime": "2026-02-01T00:00:00Z", "reason": "incorrect_data"}},
               Outcome.RECORDED)
    return story, when


def box_at(engine: Engine, as_of_ms: int, known_at: int | None = None) -> tuple[int, int, int] | None:
    with past.session(engine, as_of_ms=as_of_ms, known_at=known_at) as session:
        unit = session.get(Unit, BOX_ID)
        return None if unit is None else (unit.custodian, unit.offeree, unit.holds)


def test_as_of__hold_posted_after_the_handover__old_custodian_and_the_hold() -> None:
    story, when = told()
    engine = indexed(story)
    assert box_at(engine, when["arrive"] - 1) is None  # though a weighing of it had occurred, recorded later
    assert box_at(engine, when["arrive"]) == (2, 0, 0)
    assert box_at(engine, when["hold"]) == (2, 0, 1)
    assert box_at(engine, when["offer"]) == (2, 3, 1)
    assert box_at(engine, when["accept"]) == (3, 0, 1)
    assert box_at(engine, when["offer"], known_at=7) == (2, 3, 0)  # the hold was not recorded yet


def test_as_of__act_that_customs_voids__counts_until_its_correction_is_known() -> None:
    story, when = told()
    engine = indexed(story)
    assert box_at(engine, when["unhold"], known_at=11) == (3, 0, 0)
    assert box_at(engine, when["unhold"], known_at=12) == (3, 0, 1)
    with past.session(engine, as_of_ms=when["unhold"], known_at=11) as session:
        assert session.exec(select(Event.voided_by).where(Event.kind == "UNHOLD")).one() is None


def test_as_of__acceptance_that_the_taker_declares_wrong__stands() -> None:
    story, when = told()
    taken = story.documents["https://terminal.example/accept"]
    story.post(3, {**taken, "errorDeclaration": {"declarationTime": "2026-02-01T00:00:00Z", "reason": "did_not_occur"}},
               Outcome.RECORDED)
    engine = indexed(story)
    with past.session(engine, as_of_ms=when["accept"]) as session:
        accept = session.exec(select(Event).where(Event.kind == "ACCEPT")).one()
        unit = session.get(Unit, BOX_ID)
        assert accept.voided_by is not None and unit is not None
        assert unit.custodian == 3


def test_as_of__events_and_their_content__by_occurrence() -> None:
    story, when = told()
    engine = indexed(story)
    with past.session(engine, as_of_ms=when["hold"]) as session:
        kinds = [event.kind for event in session.exec(select(Event).order_by(Event.seq))]  # type: ignore[arg-type]
        assert kinds == ["ARRIVE", "HOLD", "OBSERVE"]
        assert len(session.exec(select(Payload)).all()) == 3
        assert session.get(UnitName, BOX_ID) is not None


def test_as_of__lot_and_register__balances_then_and_roles_of_the_block_then() -> None:
    engine = indexed(full_story())
    with Session(engine) as now:
        load = now.exec(select(Event).where(Event.kind == "EXPORT_LOAD")).one()
    for as_of_ms, loaded in ((load.occurred_at_ms - 1, 0), (load.occurred_at_ms, 5_000_000)):
        with past.session(engine, as_of_ms=as_of_ms) as session:
            lot = session.get(Lot, L1)
            assert lot is not None
            assert (int(lot.raw_micro), int(lot.loaded_micro)) == (800_500_000, loaded)
    for as_of_ms, suspended in (((START_S + 60) * 1000, False), (None, True)):
        with past.session(engine, as_of_ms=as_of_ms) as session:
            carrier = session.get(Participant, 2)
            assert carrier is not None
            assert carrier.suspended == suspended


@pytest.mark.parametrize("as_of_ms", [-1, -(2**70), 0])
def test_as_of__before_anything__nothing(as_of_ms: int) -> None:
    with past.session(indexed(full_story()), as_of_ms=as_of_ms) as session:
        assert state_of(session) == {}
        assert session.exec(select(Participant)).all() == []
