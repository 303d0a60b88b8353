"""What readers of the index ask, on the hand-made story."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from indexer import lookups
from indexer.feed import FeedLostError, changes_after, trim
from indexer.lookups import HOLDER, Reader
from indexer.models import Event, UnitName
from indexer.queries import (
    answers_to,
    corrections_of,
    events,
    events_of_unit,
    find_event,
    find_units,
    lines_of,
    names_of,
    payload_states,
    pending,
    position,
    readable,
    resolve_unit,
    visible_payload,
)
from ledger.errors import ConflictError, InputError, NotFoundError
from ledger.vocabulary import Kind, Outcome, Thing, UnitStatus
from tests.indexer.helpers import fetch, indexed
from tests.indexer.story import (
    BOX,
    Story,
    box_unit,
    full_story,
    line_unit,
    lot_unit,
    unit_changed,
    unit_word,
)

STORY = full_story()
BOX_ID = "0x" + box_unit().hex()


@pytest.fixture(scope="module")
def index() -> Engine:
    return indexed(STORY)


@pytest.fixture
def session(index: Engine) -> Iterator[Session]:
    with Session(index) as made:
        yield made


@pytest.mark.parametrize("text", ["CSQU3054383", "csqu 305438-3", "BL-1/CSQU3054383", BOX, BOX_ID, BOX_ID[:10], " CSQU3054383 "])
def test_unit__by_anything_that_people_write__found(session: Session, text: str) -> None:
    found = resolve_unit(session, text)
    assert (found.unit, found.type, found.scope, found.number, found.open) == (BOX_ID, "container", "BL-1", "CSQU3054383", True)


@pytest.mark.parametrize(("text", "unit"), [
    ("L1", lot_unit("L1")), ("mill/L1", lot_unit("L1")), ("urn:cargoledger:lot:mill:L1", lot_unit("L1")),
    ("D1/1", line_unit("D1", "1")), ("urn:cargoledger:line:X1:1", line_unit("X1", "1"))])
def test_unit__lot_or_line__found(session: Session, text: str, unit: bytes) -> None:
    assert resolve_unit(session, text).unit == "0x" + unit.hex()


@pytest.mark.parametrize("text", ["", "L9", "CSQU3054384", "0x123456", "mill/", "%", "_", "urn:cargoledger:lot:mill:L9", "0x12"])
def test_unit__nothing_of_that_name__not_found(session: Session, text: str) -> None:
    with pytest.raises(NotFoundError):
        resolve_unit(session, text)


def second_journey(story: Story, status: UnitStatus) -> None:
    other = box_unit("BL-2")
    story.post(2, story.document(2, Kind.ARRIVE, "arrive-2", epcList=[BOX], bizLocation={"id": "urn:place:quay"}, **{
        "cl:consignment": "BL-2"}), Outcome.RECORDED, unit_changed(other, unit_word(Thing.CONTAINER, status, custodian=2)))


def test_unit__same_box_on_a_closed_journey__resolves_to_the_open_one() -> None:
    story = full_story()
    second_journey(story, UnitStatus.CLOSED)
    with Session(indexed(story)) as session:
        assert resolve_unit(session, "CSQU3054383").unit == BOX_ID
        assert [hit.open for hit in find_units(session, "CSQU3054383")] == [True, False]


def test_unit__same_box_open_twice__lists_both() -> None:
    story = full_story()
    second_journey(story, UnitStatus.SUPERVISED)
    with Session(indexed(story)) as session, pytest.raises(ConflictError, match="BL-1/CSQU3054383, BL-2/CSQU3054383"):
        resolve_unit(session, "CSQU3054383")


def many_journeys(story: Story, count: int, *, poster: int, first: int = 0) -> None:
    """The same box again and again, each time closed, on consignments that come before the story's in order."""
    for n in range(first, first + count):
        name = f"A-{n:04d}"
        story.post(poster, story.document(poster, Kind.ARRIVE, f"again-{n}", epcList=[BOX], bizLocation={"id": "urn:place:quay"}, **{
            "cl:consignment": name}), Outcome.RECORDED,
            unit_changed(box_unit(name), unit_word(Thing.CONTAINER, UnitStatus.CLOSED, custodian=poster)))


def test_unit__box_on_its_sixtieth_journey__the_open_one() -> None:
    """A box sails for fifteen years; more journeys than a person would read of must not hide the one that it is on."""
    story = full_story()
    many_journeys(story, 60, poster=2)
    with Session(indexed(story, [20])) as session:
        assert resolve_unit(session, "CSQU3054383").unit == BOX_ID
        found = find_units(session, BOX)
        assert (len(found), found[0].unit, [hit.open for hit in found[:2]]) == (50, BOX_ID, [True, False])
        assert lookups.unit_for(session, BOX, Reader(3, everything=False)).unit == BOX_ID


def test_units__of_others_under_the_same_name__push_out_nothing_and_show_nothing() -> None:
    """The mill finds its own by name and by how names begin, however many others have of the same, and learns of none."""
    story = full_story()
    many_journeys(story, 60, poster=2)
    mine = Reader(3, everything=False)
    with Session(indexed(story, [20])) as session:
        alone = full_story()
        with Session(indexed(alone, [20])) as without:
            for text in ("CSQU3054383", "CSQU", "A-", "A-0001/CSQU3054383", "BL-1/CSQ"):
                found = lookups.units_for(session, text, mine)
                assert found == lookups.units_for(without, text, mine), text
        assert [hit.unit for hit in lookups.units_for(session, "CSQU", mine)] == [BOX_ID]
        # what is there under exactly this name, but another's, does not hide what of the mill's begins so
        session.add(UnitName(unit="0x" + "ab" * 32, type="cargo", scope="Z", number="CSQU"))
        session.flush()
        assert [hit.unit for hit in lookups.units_for(session, "CSQU", mine)] == [BOX_ID]


@pytest.mark.parametrize("text", ["\0", "CSQU\0", "\udcff"])
def test_unit__text_that_no_database_takes__refused(session: Session, text: str) -> None:
    for ask in (lookups.units_for, lookups.unit_for, lookups.event_for):
        with pytest.raises(InputError, match="U\\+0000"):
            ask(session, text, HOLDER)


@pytest.mark.parametrize(("bounds", "count"), [
    ({"from_ms": -1}, True), ({"to_ms": -1}, False), ({"from_ms": -(10**20), "to_ms": 10**20}, True), ({"from_ms": 2**64}, False)])
def test_events__times_beyond_what_can_be_kept__answered(session: Session, bounds: dict[str, int], count: bool) -> None:
    assert bool(events(session, **bounds).events) is count  # type: ignore[arg-type]


def test_unit__named_but_never_made__found_without_state(session: Session) -> None:
    found = resolve_unit(session, "OPEN-2")
    assert (found.open, found.label) == (None, "mill/OPEN-2")


def test_names__of_many__those_known(session: Session) -> None:
    named = names_of(session, [BOX_ID, "0x" + lot_unit("L1").hex(), "0x00"])
    assert sorted(name.number for name in named.values()) == ["CSQU3054383", "L1"]


def test_event__by_id_prefix_or_epcis_id__found(session: Session) -> None:
    event = find_event(session, "https://carrier.example/offer")
    assert event.kind == "OFFER"
    assert find_event(session, event.event_id).seq == event.seq
    assert find_event(session, event.event_id[:12]).seq == event.seq


def test_event__with_a_correction__the_event_itself(session: Session) -> None:
    event = find_event(session, "https://terminal.example/weigh")
    assert event.kind == "OBSERVE"
    assert [c.kind for c in corrections_of(session, event.event_id)] == ["CORRECT"]
    assert event.voided_by == corrections_of(session, event.event_id)[0].event_id


@pytest.mark.parametrize("key", ["", "nothing", "0x" + "0" * 64, "%"])
def test_event__unknown__not_found(session: Session, key: str) -> None:
    with pytest.raises(NotFoundError):
        find_event(session, key)


def test_events_of_unit__all_about_it__in_order(session: Session) -> None:
    page = events_of_unit(session, BOX_ID)
    assert [e.kind for e in page.events] == ["ARRIVE", "HOLD", "GATE_OUT", "UNHOLD", "OFFER", "ACCEPT", "OBSERVE", "CORRECT"]
    assert page.next_after is None


def test_events_of_unit__lot_made_on_approval__has_its_approval(session: Session) -> None:
    assert [e.kind for e in events_of_unit(session, "0x" + lot_unit("OPEN").hex()).events] == ["OPENING", "APPROVE"]
    assert [e.kind for e in events_of_unit(session, "0x" + lot_unit("OPEN-2").hex()).events] == ["OPENING", "DENY"]


def test_events_of_unit__declaration_line__has_what_draws_from_it(session: Session) -> None:
    found = [e.kind for e in events_of_unit(session, "0x" + line_unit("D1", "1").hex()).events]
    assert found == ["DECLARE", "DECLARE", "CLEAR", "RECEIVE_FACTORY"]


def test_page__next_after__goes_on_without_gap_or_repeat(session: Session) -> None:
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = events(session, after=after, limit=5)
        seen += [e.seq for e in page.events]
        after = page.next_after
    assert seen == list(range(1, 23))


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_page__size_out_of_bounds__refused(session: Session, limit: int) -> None:
    with pytest.raises(InputError):
        events(session, limit=limit)


def test_events__filters__hold(session: Session) -> None:
    assert {e.kind for e in events(session, kind=Kind.DECLARE).events} == {"DECLARE"}
    assert {e.participant for e in events(session, participant=3).events} == {3}
    assert {e.book for e in events(session, book=1).events} == {1}
    assert [e.outcome_name for e in events(session, refused=True).events] == ["HELD", "TIME_IN_FUTURE"]
    assert len(events(session, refused=False).events) == 20
    assert [e.kind for e in events(session, outcome=int(Outcome.PENDING)).events] == ["OPENING", "OPENING"]
    first, last = events(session).events[3], events(session).events[5]
    assert [e.seq for e in events(session, from_ms=first.occurred_at_ms, to_ms=last.occurred_at_ms).events] == [4, 5, 6]
    assert events(session, from_ms=2**63).events[0].outcome_name == "TIME_IN_FUTURE"


def test_lines__of_events__each_in_its_order(session: Session) -> None:
    found = events(session).events
    lines = lines_of(session, [e.event_id for e in found])
    assert len(lines) == 22
    assert [line.unit for line in lines[found[0].event_id]] == [BOX_ID]
    assert lines[find_event(session, "https://mill.example/count").event_id] == []


def test_answers__to_an_offer__named(session: Session) -> None:
    assert [e.kind for e in answers_to(session, find_event(session, "https://carrier.example/offer").event_id)] == ["ACCEPT"]


def test_readable__of_many__only_those_sealed_or_granted(session: Session) -> None:
    ids = [e.event_id for e in events(session).events]
    kinds = {e.event_id: e.kind for e in events(session).events}
    assert {kinds[i] for i in readable(session, ids, 3)} == {"ARRIVE", "GATE_OUT", "OFFER", "ACCEPT", "OBSERVE", "CORRECT"}
    assert readable(session, ids, 99) == set()


def test_payload__forbidden_and_missing__look_the_same(session: Session) -> None:
    hold = next(e.event_id for e in events(session).events if e.kind == "HOLD")
    assert visible_payload(session, hold, 2) is not None
    assert visible_payload(session, hold, 4) is None
    assert visible_payload(session, "0x" + "00" * 32, 4) is None


def test_pending__denied_and_approved__not_listed() -> None:
    story = full_story()
    template = next(e.event for e in story.entries if e.event is not None and e.event.kind is Kind.OPENING)
    waiting = story.add(4, replace(template, nonce=4321), Outcome.PENDING)
    with Session(indexed(story)) as session:
        assert [e.event_id for e in pending(session)] == ["0x" + waiting.hex()]


def test_position_and_states__said(session: Session) -> None:
    here = position(session)
    assert here is not None
    assert here.block_number == 31
    assert payload_states(session) == {"open": 21, "withheld": 1}


def test_feed__pages_and_a_trim__the_same_on_every_engine() -> None:
    engine = indexed(full_story())
    cursor, found = None, []
    with Session(engine) as session:
        while True:
            page = changes_after(session, Reader(3, everything=False), cursor, limit=40)
            found += page.changes
            cursor = page.cursor
            if not page.more:
                break
    assert found
    assert {c.key[0] for c in found if c.table == "event"} < {row[0] for row in fetch(engine, "SELECT event_id FROM event")}
    assert trim(engine, 50) > 0
    with Session(engine) as session, pytest.raises(FeedLostError):
        changes_after(session, HOLDER, cursor.partition(".")[0] + ".1")


@pytest.mark.parametrize("value", [-(2**80), -1, 0, 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**80])
def test_column_of_64_bits__compared_with_any_whole_number__as_the_numbers_are(session: Session, value: int) -> None:
    kept = {int(event.occurred_at_ms) for event in session.exec(select(Event))}
    assert max(kept) == 2**64 - 1  # of the event that says the most that can be said
    column = col(Event.occurred_at_ms)
    for condition, holds in ((column < value, value.__gt__), (column <= value, value.__ge__), (column > value, value.__lt__),
                             (column >= value, value.__le__), (column == value, value.__eq__), (column != value, value.__ne__)):
        assert {int(event.occurred_at_ms) for event in session.exec(select(Event).where(condition))} == set(filter(holds, kept))
