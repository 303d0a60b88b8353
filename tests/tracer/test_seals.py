"""Seals as terminals really write and read them: spelling, dates alone, several units in one act, silence for good."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from enterprise import PERIOD, q
from test_fourth_rules import RANGES
from test_more_rules import _event, custody, found
from test_third_rules import beside, clean, the

from ledger.vocabulary import Kind, LineRole, Outcome, Step, Thing
from tracer.beside import SealReading
from tracer.book import BookData, Event, Leg, Weighing
from tracer.content import content_of
from tracer.moment import DAY_MS, HOUR_MS, Span, point
from tracer.seal_numbers import seal_key

ARRIVED = _event(Kind.ARRIVE, 1, "carrier", 1, seals=("A1",))


def saw(hour: float, seq: int, step: Step, *seals: str, **fields: Any) -> Event:
    return _event(Kind.OBSERVE, hour, "yard", seq, step=step, seals=seals, **fields)


def gate(hour: float, *seals: str, **fields: Any) -> Event:
    return _event(Kind.GATE_OUT, hour, "yard", 90, seals=seals, **fields)


def that_day(event: Event) -> Event:
    """The same act, of which the date alone is known."""
    begin = PERIOD.start_ms + (event.occurred.start_ms - PERIOD.start_ms) // DAY_MS * DAY_MS
    return replace(event, occurred=Span(begin, begin + DAY_MS - 1))


def box(number: int, thing: Thing = Thing.CONTAINER) -> Leg:
    return Leg(f"BL/{number}", thing, LineRole.CONTAINER if thing == Thing.CONTAINER else LineRole.CARGO)


def test_seal_key__spelling_makes_no_other_seal() -> None:
    assert seal_key("ml-00 42") == seal_key("ML0042") == seal_key("ML/0042") == "ML0042" != seal_key("ML0043")
    assert seal_key("--") == "--"


OPENED = saw(33, 2, Step.SEAL_BREAK, "A1", reason="inspected")
SET_ANEW = saw(34, 3, Step.SEAL_APPLY, "B1")


@pytest.mark.parametrize("last", [gate(40, "B1"), that_day(gate(40, "B1")), that_day(gate(40, "A1")), gate(34.02, "B1"),
                                  gate(33.98, "B1"), gate(40, "b-1")])
def test_s1__reading_that_may_be_after_the_new_seal_or_before_the_break__is_clean(last: Event) -> None:
    assert clean(custody(ARRIVED, OPENED, SET_ANEW, last), "S1")


@pytest.mark.parametrize("last", [gate(40, "A1"), gate(40, "C1"), that_day(gate(60, "A1")), gate(33.9, "B1")])
def test_s1__reading_that_no_order_explains__is_found(last: Event) -> None:
    assert the(custody(ARRIVED, OPENED, SET_ANEW, last), "S1")[:2] == ("BL/1", "high")


def test_s1__one_act_about_two_units__gives_each_one_seal_that_was_among_them() -> None:
    both = _event(Kind.ARRIVE, 1, "carrier", 1, box(1), box(2), seals=("A1", "B1"))
    one, two = (_event(Kind.GATE_OUT, 2 + n, "yard", 2 + n, box(n), seals=(seal,)) for n, seal in ((1, "A1"), (2, "B1")))
    assert clean(custody(both, one, two), "S1") and clean(custody(both, one, two), "S3")
    own = _event(Kind.ARRIVE, 1, "carrier", 1, box(1), seals=("Z9",))
    later = _event(Kind.OFFER, 2, "carrier", 2, box(1), box(2), seals=("A1", "B1"))
    assert the(custody(own, later), "S1")[:2] == ("BL/1", "high")


@pytest.mark.parametrize("thing", [Thing.CONTAINER, Thing.CARGO])
def test_s3__another_spelling_or_another_thing__is_the_same_seal(thing: Thing) -> None:
    two = [_event(Kind.ARRIVE, n, "carrier", n, box(n, thing), seals=(seal,)) for n, seal in ((1, "ML0042"), (2, "ml-0042"))]
    assert the(custody(*two), "S3") == ("BL/2", "high", "1")


def test_s3__all_seals_broken_without_a_number__none_is_set_again() -> None:
    opened = saw(3, 2, Step.SEAL_BREAK, reason="inspected")
    again = saw(4, 3, Step.SEAL_APPLY, "A1")
    assert the(custody(ARRIVED, opened, again), "S3") == ("BL/1", "high", "1")
    assert clean(custody(ARRIVED, opened, saw(4, 3, Step.SEAL_APPLY, "B1")), "S3")
    assert clean(custody(ARRIVED, opened, gate(2, "A1")), "S3")  # read before, told after
    assert clean(custody(ARRIVED, opened, that_day(gate(9, "A1"))), "S3")


def test_s2__a_date_alone__does_not_put_the_owners_break_before_the_gate() -> None:
    opened = _event(Kind.OBSERVE, 20, "owner", 3, step=Step.SEAL_BREAK, seals=("A1",))
    assert clean(custody(ARRIVED, gate(15, "A1"), that_day(opened)), "S2")
    assert the(custody(ARRIVED, gate(30, "A1"), that_day(opened)), "S2")[1] == "high"


def test_s4__spelling__is_no_way_out_of_a_range() -> None:
    def sealed(seal: str, **fields: Any) -> BookData:
        return beside(custody(_event(Kind.ARRIVE, 1, "carrier", 1, seals=(seal,), **fields)), seal_ranges=RANGES)

    assert the(sealed("ml-600000"), "S4")[1] == "medium" and clean(sealed("ml-500001"), "S4")
    assert the(sealed("hq000200", customs_seals=("HQ000200",)), "S4")[1] == "high"


def electronic(*events: Event, hours: tuple[int, ...] = (1, 2, 3), alone: str = "") -> BookData:
    rows = tuple(SealReading("e-1", point(PERIOD.start_ms + h * HOUR_MS)) for h in hours)
    if alone:
        rows = (*rows, SealReading("e-1", Span(PERIOD.start_ms, PERIOD.start_ms + DAY_MS - 1), alone))
    return beside(custody(*events), seal_readings=rows)


def test_s5__silent_for_good__until_it_was_broken_or_last_read() -> None:
    arrived = _event(Kind.ARRIVE, 1, "carrier", 1, seals=("E1",))
    assert the(electronic(arrived, gate(9, "E1")), "S5") == ("BL/1", "low", "3") and clean(electronic(arrived, gate(6, "E1")), "S5")
    opened = saw(5, 2, Step.SEAL_BREAK, "E1", reason="unloading")
    assert clean(electronic(arrived, opened, gate(90, "E1")), "S5")
    assert the(electronic(saw(1, 1, Step.SEAL_APPLY, "E1"), hours=(7, 8)), "S5") == ("BL/1", "low", "3")
    assert clean(electronic(arrived, hours=(7, 8)), "S5")  # nobody says since when it was on


def test_s5__opened_on_a_day__is_the_break_of_that_day() -> None:
    opened = saw(5, 2, Step.SEAL_BREAK, "E1", reason="unloading")
    assert clean(electronic(opened, alone="opened"), "S5")
    assert the(electronic(_event(Kind.ARRIVE, 1, "carrier", 1, seals=("E1",)), alone="opened"), "S5")[1] == "high"


def test_s6__same_seals_in_another_order_and_of_cargo__were_the_same() -> None:
    def trip(thing: Thing, *seals: tuple[str, ...]) -> BookData:
        return custody(*(_event(Kind.OBSERVE, 1 + n, "scale", n, box(1, thing), step=Step.WEIGH, seals=s,
                                weighing=Weighing(q(24_000 - 1_000 * n), q(3_900))) for n, s in enumerate(seals)))

    for thing in (Thing.CONTAINER, Thing.CARGO):
        (one,) = found(trip(thing, ("A1", "B1"), ("b-1", "A1")), "S6")
        assert (one.severity, one.subject_type, one.difference) == ("critical", thing.name.lower(), "-1000")
        assert "seal A1, b-1" in one.explanation
        assert found(trip(thing, ("A1",), ("A1", "B1")), "S6") == []


def test_s2__seal_that_an_event_says_was_found_broken__is_found() -> None:
    said = content_of({"cl:seals": [{"number": "HQ1", "source": "CUS", "condition": "BROKEN"}, {"number": "ML1", "source": "CAR"}]})
    assert (said.seals, said.customs_seals, said.broken_seals) == (("HQ1", "ML1"), ("HQ1",), ("HQ1",))
    event = _event(Kind.ACCEPT, 1, "yard", 1, seals=said.seals, customs_seals=said.customs_seals, broken_seals=said.broken_seals)
    assert the(custody(event), "S2") == ("BL/1", "critical", "1")


def test_s2__a_reason_of_the_breakers_own__is_for_customs_to_accept() -> None:
    opened = saw(3, 2, Step.SEAL_BREAK, "A1", reason="damaged")
    (one,) = found(custody(ARRIVED, opened), "S2")
    assert one.severity == "low" and "on its own: damaged" in one.explanation
    look = _event(Kind.OBSERVE, 4, "customs", 4, step=Step.INSPECT)
    assert clean(custody(ARRIVED, opened, look), "S2")
    assert clean(custody(saw(1, 1, Step.SEAL_APPLY, "A1"), opened), "S2")  # its own export box, not yet at any port
    late = gate(5, "A1", customs_seals=("A1",))  # that it was of customs was said later only
    assert the(custody(ARRIVED, opened, late), "S2")[1] == "critical"


def test_s1__a_slip_in_a_refused_act__is_one_finding() -> None:
    slip = _event(Kind.ACCEPT, 2, "yard", 2, seals=("A7",), outcome=Outcome.NO_OPEN_OFFER)
    for after in ("A1", "A7"):
        assert the(custody(ARRIVED, slip, gate(3, after)), "S1")[:2] == ("BL/1", "high")
    assert len(found(custody(ARRIVED, slip, gate(3, "A9")), "S1")) == 2
    right = _event(Kind.ACCEPT, 2.5, "yard", 3, seals=("A1",))
    assert len(found(custody(ARRIVED, slip, right, gate(3, "A7")), "S1")) == 2
