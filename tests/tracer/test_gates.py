"""Gates, places, scales and clocks as they really are: told late, dated by the day, moved, calibrated again, in other zones."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from enterprise import PERIOD, q
from test_more_rules import BOX, _event, _stored, _weighed, custody, found, missing
from test_seals import saw, that_day
from test_second_rules import _seen, day
from test_third_rules import beside, clean, the

from ledger.vocabulary import Kind, LineRole, Step, Thing
from tracer.beside import Device, Document, Manifested, More
from tracer.book import BookData, Event, Leg, Outage, Place, Weighing
from tracer.moment import HOUR_MS, Span, parse_span, point

MINUTE_MS = 60_000

# -- C5, C6, C7, C8 ------------------------------------------------------------------------------------------------


def told(minutes: int, *outages: tuple[int, int]) -> BookData:
    gate = _event(Kind.GATE_OUT, 1, "yard", 1)
    at = gate.occurred.end_ms
    return custody(replace(gate, recorded_ms=at + minutes * MINUTE_MS), outages=tuple(
        Outage("yard", Span(at + a * MINUTE_MS, at + b * MINUTE_MS)) for a, b in outages))


@pytest.mark.parametrize(("minutes", "outages"), [
    (150, [(10, 140)]), (170, [(10, 140)]), (300, [(-5, 60), (80, 290)]), (300, [(80, 290), (-5, 60)]), (31, [])])
def test_c5__outage_that_began_while_the_time_ran__is_one(minutes: int, outages: list[tuple[int, int]]) -> None:
    assert clean(told(minutes, *outages), "C5")


@pytest.mark.parametrize(("minutes", "outages"), [
    (175, [(10, 140)]), (150, [(31, 140)]), (300, [(-5, 60), (95, 290)]), (150, [(-60, -5)]), (33, [])])
def test_c5__outage_that_kept_nobody_from_telling__excuses_nothing(minutes: int, outages: list[tuple[int, int]]) -> None:
    assert the(told(minutes, *outages), "C5")[1] == "low"


ARRIVED = _event(Kind.ARRIVE, 1, "carrier", 1)
RED = saw(2, 2, Step.CHANNEL, more=More(channel="red"))
RELEASED = _event(Kind.ELIGIBLE, 5, "customs", 3, cited=("IM/1",))


def test_c6__told_in_another_order_than_it_happened__is_no_fault() -> None:
    gate = _event(Kind.GATE_OUT, 5, "yard", 1)
    assert clean(custody(gate, replace(ARRIVED, seq=9)), "C6")
    assert clean(custody(gate, that_day(replace(_event(Kind.ARRIVE, 9, "carrier", 9)))), "C6")
    assert the(custody(gate, _event(Kind.ARRIVE, 9, "carrier", 9)), "C6") == ("BL/1", "medium", "-1")
    look = _event(Kind.OBSERVE, 4, "customs", 8, step=Step.INSPECT)
    assert clean(custody(ARRIVED, RED, RELEASED, look), "C6")
    assert the(custody(ARRIVED, RED, RELEASED, replace(look, occurred=point(RELEASED.occurred.end_ms + HOUR_MS))), "C6")[2] == "-1"


def test_c6__inspection_by_the_party_itself__is_none() -> None:
    own = _event(Kind.OBSERVE, 4, "trader", 4, step=Step.INSPECT)
    assert the(custody(ARRIVED, RED, own, replace(RELEASED, seq=5)), "C6") == ("BL/1", "medium", "-1")
    nobody = replace(custody(ARRIVED, RED, own, replace(RELEASED, seq=5)), customs=frozenset())
    assert clean(nobody, "C6")


def test_c6__inspection_that_names_the_declaration_line__is_one_of_what_is_released_on_it() -> None:
    released = replace(RELEASED, cited=("D/1",))
    for line, seen in (("D/1", True), ("D/2", False)):
        look = _event(Kind.OBSERVE, 4, "customs", 3, Leg(line, Thing.NONE, LineRole.RECEIVE), step=Step.INSPECT)
        assert clean(custody(ARRIVED, RED, look, released), "C6") is seen


def test_c7__calibrated_again_or_moved__one_row_has_to_be_good() -> None:
    def measured(*rows: Device) -> BookData:
        return beside(custody(replace(_seen(1, Kind.OBSERVE, place="port"), more=More(device="S"))), devices=rows)

    new, old = Device("S", "t", "port", day("2026-06-30")), Device("S", "t", "port", day("2025-06-30"))
    for rows in ((new, old), (old, new), (new, Device("S", "t", "yard"))):
        assert found(measured(*rows), "C7") == []
    assert "calibrated until 2025-06-30" in found(measured(old), "C7")[0].explanation
    assert "not registered" in found(measured(Device("T")), "C7")[0].explanation


def test_c8__discharged_in_parts__is_added_up_and_two_reports_are_not() -> None:
    def landed(*parts: tuple[str, int]) -> BookData:
        events = [_event(Kind.OBSERVE, n, who, n, Leg("BL/C", Thing.CARGO, LineRole.CARGO, quantity_micro=q(kg), uom="KGM"),
                         step=Step.DISCHARGE) for n, (who, kg) in enumerate(parts)]
        return beside(custody(*events), manifest=(Manifested("BL/C", "V", None, q(100), None, "KGM"),))

    for parts in ([("port", 60), ("port", 40)], [("port", 60), ("barge", 40)], [("port", 100), ("carrier", 100)]):
        assert clean(landed(*parts), "C8")
    assert the(landed(("port", 60), ("port", 30)), "C8")[2] == "-10"
    assert the(landed(("port", 100), ("carrier", 90)), "C8")[2] == "-10"


# -- C9 ------------------------------------------------------------------------------------------------------------

NUMBER = "CSQU3054383"


def stood(bill: str, place: str, first: int, last: int, number: str = NUMBER) -> list[Event]:
    leg = Leg(f"{bill}/{number}", Thing.CONTAINER, LineRole.CONTAINER)
    return [replace(_event(kind, hour, "carrier", hour, leg, place=place), id=f"{bill}-{hour}")
            for kind, hour in ((Kind.ARRIVE, first), (Kind.GATE_OUT, last))]


def test_c9__one_box_in_two_yards_at_once__under_two_bills() -> None:
    one = stood("B1", "quay", 1, 60)
    assert the(custody(*one, *stood("B2", "yard", 5, 50)), "C9") == (f"B2/{NUMBER}", "high", "1")
    assert the(custody(*one, *stood("B2", "yard", 5, 50, "csqu 305438-3")), "C9")[1] == "high"
    assert clean(custody(*one, *stood("B2", "yard", 61, 70)), "C9")
    assert clean(custody(*one, *stood("B2", "quay", 5, 50)), "C9")  # part loads of two bills
    assert clean(custody(*one, *map(that_day, stood("B2", "yard", 62, 70))), "C9")  # later on the day of the gate-out


@pytest.mark.parametrize("number", ["csqu3054384", "CSQU 305438-4", "CSQU305438 4"])
def test_c9__wrong_digit__however_it_is_written(number: str) -> None:
    (one,) = found(custody(_seen(1, Kind.ARRIVE, f"BL/{number}")), "C9")
    assert (one.expected, one.observed) == ("3", "4")


def test_c9__more_goods_than_a_container_may_weigh() -> None:
    assert found(custody(_weighed(1, 1, "36000")), "C9") == []
    assert the(custody(_weighed(1, 1, "36001")), "C9") == ("BL/1", "medium", "1")


# -- T1, T3, T4, T6 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hour", "alone"), [(8, False), (23, False), (0, True)])
def test_t1__ninety_days__end_with_the_last_of_them(hour: float, alone: bool) -> None:
    def stay(left: float) -> BookData:
        came = _event(Kind.ARRIVE, hour, "carrier", 1, place="shed")
        return custody(that_day(came) if alone else came, _event(Kind.GATE_OUT, left, "yard", 2, place="shed"),
                       places=(Place("shed", kind="cfs"),))

    assert clean(stay(90 * 24 + 23.9), "T1")
    assert the(stay(91 * 24 + 0.1), "T1")[1] == "medium"
    assert found(_stored("cfs", 90), "T1") == []


QUAY = Place("quay", kind="port", latitude=Fraction("10.76"), longitude=Fraction("106.79"))
OTHER = Place("other", kind="port", latitude=Fraction("10.53"), longitude=Fraction("107.03"))  # 36 km away


def trip(minutes: int, *places: Place, to: str = "other", between: tuple[Event, ...] = (), **fields: Any) -> BookData:
    first = _seen(1, Kind.OBSERVE, place="quay")
    last = replace(_seen(2, Kind.OBSERVE, place=to, **fields), occurred=point(first.occurred.start_ms + minutes * MINUTE_MS))
    return custody(first, *between, last, places=places or (QUAY, OTHER))


def test_t3__between_two_ports__a_lorry_may_have_been_faster_than_a_ship() -> None:
    assert clean(trip(40), "T3") and the(trip(20), "T3")[1] == "medium"
    assert the(trip(40, step=Step.DISCHARGE), "T3")[1] == "medium" and clean(trip(46, step=Step.DISCHARGE), "T3")
    rail = [replace(p, kind="rail") for p in (QUAY, OTHER)]
    assert clean(trip(18, *rail), "T3") and the(trip(15, *rail), "T3")[1] == "medium"


def test_t3__a_place_that_moved__is_where_it_was_that_day() -> None:
    old = replace(QUAY, latitude=Fraction(21), valid_to=day("2025-12-31"))
    assert clean(trip(40, old, replace(QUAY, valid_from=day("2026-01-01")), OTHER), "T3")


def test_t3__a_date_alone__does_not_hide_the_two_times_around_it() -> None:
    hidden = that_day(replace(_seen(1, Kind.OBSERVE, place="other"), id="alone"))
    assert the(trip(20, between=(hidden,)), "T3")[1] == "medium"
    assert clean(trip(40, between=(hidden,)), "T3")


def test_t4__inspected_after_it_left__is_found() -> None:
    out = _event(Kind.EXIT_CONFIRM, 5, "customs", 2)
    look = _event(Kind.OBSERVE, 9, "customs", 3, step=Step.INSPECT)
    assert the(custody(ARRIVED, out, look), "T4") == ("BL/1", "medium", "4")
    assert clean(custody(ARRIVED, out, that_day(look)), "T4")
    assert clean(custody(ARRIVED, out, replace(look, occurred=point(PERIOD.start_ms + 3 * HOUR_MS))), "T4")


def test_t4__a_paper_of_later__than_what_it_is_for() -> None:
    def given(date: str) -> BookData:
        return beside(custody(ARRIVED), documents=(Document("BL-1", "bill", date=day(date), event=ARRIVED.id),))

    assert the(given("2026-01-02"), "T4")[:2] == (ARRIVED.id, "medium") and clean(given("2026-01-01"), "T4")


def test_t6__whole_hours__are_those_of_the_zone() -> None:
    def hours(offset: str, written: str) -> BookData:
        start = parse_span("2026-02-01T00:00:00" + written, "+07:00").start_ms
        events = [replace(_seen(n, Kind.OBSERVE), occurred=point(start + n * HOUR_MS)) for n in range(100)]
        return replace(custody(*events), offset=offset)

    assert the(hours("+05:30", "+05:30"), "T6")[1] == "low" and clean(hours("+05:30", "+05:00"), "T6")
    assert the(hours("-03:30", "-03:30"), "T6")[1] == "low" and the(hours("+07:00", "+07:00"), "T6")[1] == "low"


# -- W1, W4 --------------------------------------------------------------------------------------------------------


def test_w1__stuffed_on_the_day_of_the_weighing__says_nothing_of_the_weight() -> None:
    empty, full = _weighed(1, 1, "100"), _weighed(40, 3, "20000")
    stuff = _event(Kind.STUFF, 34, "cfs", 2, BOX)
    assert found(custody(empty, stuff, full), "W1") == [] == found(custody(empty, stuff, that_day(full)), "W1")
    assert the(custody(empty, that_day(_event(Kind.STUFF, 60, "cfs", 2, BOX)), full), "W1")[1] == "high"


def scale(*kilograms: int) -> BookData:
    return custody(*(_seen(n, Kind.OBSERVE, f"BL/{n}", place="scale", weighing=Weighing(q(kg))) for n, kg in enumerate(kilograms)))


@pytest.mark.parametrize(("step", "n"), [(1, 1500), (10, 800), (20, 800), (50, 400)])
def test_w4__honest_weighbridge__by_its_own_steps(step: int, n: int) -> None:
    dice = random.Random(step)
    assert clean(scale(*(step * dice.randint(12_000 // step, 36_000 // step) for _ in range(n))), "W4")


def test_w4__equal_readings__stand_next_to_each_other() -> None:
    assert the(scale(23_987, 24_000, 24_000, 24_000, 23_981), "W4")[2] == "2"
    assert clean(scale(24_000, 23_987, 24_000, 23_981, 24_000), "W4")


def test_w1__a_weighing_without_tare__does_not_part_two_others() -> None:
    bare = replace(_weighed(2, 2, "20000"), weighing=Weighing(q(23_900)))
    assert the(custody(_weighed(1, 1, "20000"), bare, _weighed(3, 3, "19000")), "W1")[1] == "high"
    assert found(custody(bare, _weighed(3, 3, "19000")), "W1") == [] == found(custody(bare), "W1")
    assert missing(custody(bare, _weighed(3, 3, "19000")), "W1") == {"tare of the weighing at scale-2"}
    assert missing(custody(bare), "W1") == set()


def test_w1__small_losses_on_many_lanes__while_one_party_had_the_goods() -> None:
    def runs(*carriers: str) -> BookData:
        events = []
        for n, carrier in enumerate(carriers):
            leg = replace(BOX, unit=f"BL/{n}")
            events += [replace(_event(Kind.ARRIVE, 3 * n, carrier, 3 * n, leg)),
                       replace(_weighed(3 * n + 1, 3 * n + 1, "20000"), legs=(leg,), place=f"from-{n % 4}"),
                       replace(_weighed(3 * n + 2, 3 * n + 2, "19940"), legs=(leg,), place=f"to-{n % 4}")]
        return custody(*events)

    (one,) = found(runs(*["haulier"] * 8), "W1")
    assert "on 4 lanes while haulier had the goods" in one.explanation
    assert found(runs(*(f"haulier-{n % 4}" for n in range(8))), "W1") == []


# -- C1 ------------------------------------------------------------------------------------------------------------


def test_c1__hold_on_what_is_inside_or_around__is_in_the_way_of_the_other() -> None:
    inside, alone = Leg("BL/C", Thing.CARGO, LineRole.INPUT), Leg("BL/C", Thing.CARGO, LineRole.CARGO)
    stuff, strip = (_event(kind, 2 + 2 * n, "cfs", 2 + 2 * n, BOX, inside) for n, kind in enumerate((Kind.STUFF, Kind.STRIP)))

    def out(held: Leg, leaving: Leg, *between: Event, lifted: Leg | None = None) -> BookData:
        unhold = [] if lifted is None else [_event(Kind.UNHOLD, 6, "customs", 6, lifted)]
        return custody(ARRIVED, stuff, _event(Kind.HOLD, 3, "customs", 3, held), *between, *unhold,
                       _event(Kind.ELIGIBLE, 7, "customs", 7, leaving), _event(Kind.GATE_OUT, 8, "yard", 8, leaving))

    for held, leaving in ((alone, BOX), (BOX, alone)):
        assert the(out(held, leaving), "C1") == (leaving.unit, "critical", "1")
        assert found(out(held, leaving, lifted=held), "C1") == []
    assert found(out(alone, BOX, strip), "C1") == []  # it was taken out, and stays behind
    assert the(out(BOX, alone, strip), "C1")[1] == "critical"  # taken out of a held box, it is held
    assert the(out(BOX, alone, strip, lifted=BOX), "C1")[1] == "critical" and found(out(BOX, alone, strip, lifted=alone), "C1") == []


def test_t4__stuffed_here__arrives_at_the_port_later() -> None:
    quay = _event(Kind.ARRIVE, 30, "port", 2, place="port")
    assert found(custody(_event(Kind.STUFF, 1, "factory", 1), quay), "T4") == []
    assert the(custody(_event(Kind.EXPORT_LOAD, 1, "factory", 1), quay), "T4")[1] == "medium"


# -- handovers of which the day alone is known ---------------------------------------------------------------------


def test_c3__handed_over_on_the_day_of_arrival__by_the_date_alone() -> None:
    arrived, offer = _event(Kind.ARRIVE, 10, "carrier", 1), _event(Kind.OFFER, 12, "carrier", 2, counterparty="yard")
    taken = _event(Kind.ACCEPT, 13, "yard", 3, reference=offer.id)
    on = _event(Kind.OFFER, 15, "yard", 4, counterparty="haulier")
    last = _event(Kind.ACCEPT, 16, "haulier", 5, reference=on.id)
    assert found(custody(arrived, that_day(offer), that_day(taken), on, last), "C3") == []
    assert found(custody(arrived, that_day(offer), that_day(taken), _event(Kind.GATE_OUT, 40, "yard", 6)), "C3") == []
    thief = _event(Kind.ACCEPT, 60, "thief", 7, reference="offer-99")
    assert the(custody(arrived, that_day(offer), that_day(taken), on, last, thief), "C3")[1] == "critical"


def test_t1__taken_into_a_store_on_the_day_of_arrival__by_the_date_alone() -> None:
    arrived = _event(Kind.ARRIVE, 10, "carrier", 1, place="quay")
    stored = that_day(_event(Kind.ACCEPT, 13, "store", 2, place="store"))
    places = (Place("quay", kind="port"), Place("store", kind="bonded"))
    assert clean(custody(arrived, stored, _event(Kind.GATE_OUT, 120 * 24, "store", 3), places=places), "T1")


def test_w1__two_boxes_on_one_lorry__say_nothing_of_each() -> None:
    both = replace(_weighed(1, 1, "40000"), legs=(BOX, replace(BOX, unit="BL/2")))
    book = custody(both, _weighed(2, 2, "20000"), _weighed(3, 3, "20000"))
    assert found(book, "W1") == [] and missing(book, "W1") == {"weight of each unit at scale-1"}
    assert the(custody(_weighed(1, 4, "21000"), both, _weighed(2, 2, "20000")), "W1")[1] == "high"
