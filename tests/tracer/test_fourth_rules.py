"""Rules about who may, ships, seals, liquids, passages, routes and work given out: each fires, is clean beside it, and says what it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from enterprise import OFFSET, OWNER, PERIOD, Pen, added, edit, first, q
from test_more_rules import BOX, custody, found, missing
from test_second_rules import _seen, day
from test_settlement import book_of
from test_third_rules import CLEAN, beside, clean, the

from ledger.vocabulary import Balance, Kind, LineRole, Outcome, Step, Thing
from tracer.beside import (
    Density,
    Device,
    Manifested,
    More,
    Notice,
    Remedy,
    SealRange,
    SealReading,
    Signer,
)
from tracer.book import BookData, DeclarationLine, Event, Leg, Lot, Place, Weighing
from tracer.moment import DAY_MS, HOUR_MS, parse_span, point

# -- C7 ------------------------------------------------------------------------------------------------------------


def signed(event: Event, **fields: Any) -> BookData:
    signer = Signer("KEY", "terminal", **fields)
    return beside(custody(replace(event, more=More(signer="KEY"))), signers=(signer,))


ARRIVED = _seen(2000, Kind.ARRIVE, place="port")  # in late March


@pytest.mark.parametrize(("fields", "severity"), [
    ({"revoked": day("2026-03-01")}, "high"), ({"valid_to": day("2026-03-01")}, "medium"),
    ({"valid_from": day("2026-06-01")}, "medium"), ({"place": "yard"}, "medium"), ({"roles": "GATE_OUT"}, "medium")])
def test_c7__a_key_that_is_not_good_for_the_act__is_found(fields: dict[str, Any], severity: str) -> None:
    assert the(signed(ARRIVED, **fields), "C7")[1:] == (severity, "1")


def test_c7__a_good_key__a_foreign_one_and_an_unknown_one() -> None:
    good = {"roles": "ARRIVE GATE_OUT", "place": "port", "valid_from": day("2026-03-01"), "valid_to": day("2026-12-31"),
            "revoked": day("2026-12-01")}
    assert clean(signed(ARRIVED, **good), "C7")
    assert the(signed(replace(ARRIVED, actor="carrier")), "C7")[1] == "high"
    assert the(beside(signed(ARRIVED), signers=()), "C7")[1] == "high"
    assert missing(custody(ARRIVED), "C7") == {"who signed (signer of movements, signers.csv)"}
    assert missing(custody(replace(ARRIVED, more=More(signer="K", device="D"))), "C7") == {
        "registered keys (signers.csv)", "registered devices (devices.csv)"}


def test_c7__refused_for_want_of_a_right__is_evidence() -> None:
    assert the(custody(replace(ARRIVED, outcome=Outcome.SIGNER_REVOKED)), "C7")[1:] == ("medium", "1")
    assert found(custody(replace(ARRIVED, outcome=Outcome.HELD)), "C7") == []


def test_c7__a_hold_lifted_without_a_reason__is_low() -> None:
    def lifted(**fields: Any) -> BookData:
        return custody(_seen(4, Kind.HOLD, actor="police"), _seen(5, Kind.UNHOLD, **{"actor": "customs", **fields}))

    assert the(lifted(), "C7")[1] == "low"
    assert found(lifted(reason="scanned"), "C7") == [] == found(lifted(actor="police"), "C7")


def measured(*events: Event, **fields: Any) -> BookData:
    rows = tuple(replace(e, more=More(device="SCALE", signer="K")) for e in events)
    return beside(custody(*rows), devices=(Device("SCALE", "terminal", **fields),), signers=(Signer("K", "terminal"),))


@pytest.mark.parametrize(("fields", "fires"), [
    ({"calibrated_to": day("2026-03-01")}, True), ({"calibrated_to": day("2026-12-31")}, False),
    ({"place": "yard"}, True), ({"place": "port"}, False), ({"revoked": day("2026-03-01")}, True)])
def test_c7__a_device_not_calibrated_or_elsewhere__is_found(fields: dict[str, Any], fires: bool) -> None:
    book = measured(ARRIVED, **fields)
    assert (the(book, "C7")[1:] == ("medium", "1")) if fires else clean(book, "C7")


def test_c7__one_device_at_two_places_within_half_an_hour__is_found() -> None:
    def trip(minutes: int) -> BookData:
        at = point(ARRIVED.occurred.start_ms + minutes * 60_000)
        return measured(ARRIVED, replace(ARRIVED, id="other", place="yard", occurred=at))

    assert the(trip(30), "C7")[2] == "1" and clean(trip(31), "C7")


# -- C6 ------------------------------------------------------------------------------------------------------------


def test_c6__released_from_the_red_channel__needs_an_inspection() -> None:
    red = _seen(2, Kind.OBSERVE, step=Step.CHANNEL, actor="customs", more=More(channel="red"))
    release = _seen(5, Kind.ELIGIBLE, actor="customs", cited=("IM/1",))
    seen = _seen(3, Kind.OBSERVE, step=Step.INSPECT, actor="customs")
    came = _seen(1, Kind.ARRIVE)
    assert the(custody(came, red, release), "C6") == ("BL/1", "medium", "-1")
    assert clean(custody(came, red, seen, release), "C6")
    assert found(custody(came, red, replace(red, id="later", seq=4, more=More(channel="green")), release), "C6") == []
    line = DeclarationLine("IM/1", LineRole.RECEIVE, "M", 1, "KGM", channel="red")
    assert the(custody(came, release, lines=(line,)), "C6")[2] == "-1"
    assert found(custody(came, release, lines=(replace(line, channel="yellow"),)), "C6") == []


# -- C8 ------------------------------------------------------------------------------------------------------------


def ship(*units: str, quantity: int | None = None, **fields: Any) -> BookData:
    arrived = [_seen(10 + n, Kind.ARRIVE, unit) for n, unit in enumerate(units)]
    return beside(custody(*arrived), manifest=(Manifested("BL/1", "V1", day("2026-01-10"), quantity, **fields),))


def test_c8__landed_without_manifest_or_the_other_way_round__is_found() -> None:
    assert clean(ship("BL/1"), "C8")
    assert the(ship("BL/1", "BL/2"), "C8") == ("BL/2", "medium", "1")
    assert the(ship(), "C8") == ("BL/1", "medium", "-1")
    assert missing(custody(_seen(1, Kind.ARRIVE)), "C8") == {"manifests of voyages (manifest.csv)"}
    assert found(replace(ship(), as_of_ms=day("2026-01-13").end_ms), "C8") == []  # pending


def test_c8__another_quantity_was_landed__is_found() -> None:
    assert the(ship("BL/1", quantity=q(100), landed=q(97), uom="C62"), "C8") == ("BL/1", "medium", "-3")
    assert clean(ship("BL/1", quantity=q(100), landed=q(100), uom="C62"), "C8")


def test_c8__an_event_states_the_manifest__counts_as_the_list_does() -> None:
    said = _seen(1, Kind.OBSERVE, "BL/1", step=Step.MANIFEST)
    assert the(custody(said, _seen(2, Kind.ARRIVE, "BL/1"), _seen(3, Kind.ARRIVE, "BL/2")), "C8") == ("BL/2", "medium", "1")
    both = replace(said, legs=(BOX, replace(BOX, unit="X/9")))
    assert the(custody(both, _seen(2, Kind.ARRIVE)), "C8") == ("X/9", "medium", "-1")
    own = replace(custody(both, _seen(2, Kind.ARRIVE)), id="book")  # a book looks at its own consignments only
    assert clean(own, "C8")


def test_c8__stuffed_here_or_empty__came_on_no_ship() -> None:
    stuffed = _seen(1, Kind.STUFF, "BL/7")
    book = ship("BL/1", "BL/7")
    assert clean(added(book, stuffed), "C8")
    empty = edit(book, lambda e: e.legs[0].unit == "BL/7", lambda e: replace(
        e, legs=(replace(e.legs[0], role=LineRole.EMPTY_CONTAINER),)))
    assert clean(empty, "C8")


# -- S4, S5 --------------------------------------------------------------------------------------------------------

RANGES = (SealRange("customs", "HQ000100", "HQ000199", "customs"), SealRange("maersk", "ML500000", "ML599999", "carrier"),
          SealRange("wide", "ML000001", "ML900000", "carrier", valid_to=day("2025-12-31")))


def sealed(*seals: str, customs: tuple[str, ...] = ()) -> BookData:
    return beside(custody(_seen(5, Kind.ARRIVE, seals=(*seals, *customs), customs_seals=customs)), seal_ranges=RANGES)


@pytest.mark.parametrize(("book", "severity"), [
    (sealed("ML600000"), "medium"), (sealed("HQ000150"), "medium"), (sealed(customs=("HQ000200",)), "high"),
    (sealed(customs=("ML500001",)), "high"), (sealed("ML5000000"), "medium")])
def test_s4__a_number_that_nobody_was_given__is_found(book: BookData, severity: str) -> None:
    assert the(book, "S4") == ("BL/1", severity, "1")


def test_s4__in_its_range__unknown_letters_and_no_ranges() -> None:
    assert clean(sealed("ML500000", "ML599999", customs=("HQ000100",)), "S4")
    assert missing(sealed("ZZ1"), "S4") == {"range of seal numbers ZZ (seal_ranges.csv)"}
    assert missing(custody(_seen(5, Kind.ARRIVE, seals=("A1",))), "S4") == {"ranges of seal numbers (seal_ranges.csv)"}
    nested = (*RANGES, SealRange("a", "ML000001", "ML999999", "carrier"), SealRange("b", "ML610000", "ML610010", "carrier"))
    assert clean(beside(sealed("ML700000"), seal_ranges=nested), "S4")


def reports(*rows: tuple[int, str], **fields: Any) -> BookData:
    said = tuple(SealReading("E1", point(PERIOD.start_ms + m * 60_000), s, **fields) for m, s in rows)
    return beside(custody(_seen(0, Kind.ARRIVE, seals=("E1",))), seal_readings=said)


def test_s5__silence__opening_and_battery() -> None:
    assert clean(reports((0, "closed"), (180, "closed")), "S5")
    assert the(reports((0, "closed"), (181, "closed")), "S5") == ("BL/1", "low", "0.016")
    assert the(reports((0, "closed"), (60, "opened")), "S5") == ("BL/1", "high", "1")
    assert the(reports((0, "battery")), "S5") == ("BL/1", "low", "1")
    opened = reports((0, "closed"), (60, "opened"))
    lawful = replace(_seen(1, Kind.OBSERVE, step=Step.SEAL_BREAK, seals=("E1",), actor="customs"), id="break")
    assert clean(added(opened, lawful), "S5")
    assert missing(custody(_seen(0, Kind.ARRIVE, seals=("E1",))), "S5") == {"reports of electronic seals (seal_readings.csv)"}


def test_s5__a_jump_between_positions__is_found() -> None:
    def drive(degrees: str) -> BookData:
        rows = (SealReading("E1", point(PERIOD.start_ms), "closed", "", Fraction(20), Fraction(106)),
                SealReading("E1", point(PERIOD.start_ms + HOUR_MS), "closed", "", Fraction(20), Fraction(degrees)))
        return beside(reports(), seal_readings=rows)

    assert the(drive("107.3"), "S5")[1] == "medium" and clean(drive("107"), "S5")  # 135 and 104 km in an hour


def test_s5__an_event_of_a_sensor__reports_as_the_list_does() -> None:
    event = _seen(3, Kind.OBSERVE, step=Step.SENSOR, seals=("E1",), more=More(alarm="ALARM_CONDITION"))
    assert the(custody(event), "S5")[1:] == ("high", "1")
    assert clean(custody(replace(event, more=More())), "S5")


# -- W5 ------------------------------------------------------------------------------------------------------------


def load(kilograms: int, volume: str = "1000", degrees: str | None = None, **fields: Any) -> BookData:
    leg = Leg("OIL-1", Thing.LOT, LineRole.NONE, Balance.RAW, q(1), "OIL", "KGM")
    more = More(volume=Fraction(volume), temperature=None if degrees is None else Fraction(degrees))
    event = replace(_seen(1, Kind.OBSERVE), legs=(leg,), more=more, weighing=Weighing(q(10_000 + kilograms), q(10_000)))
    row = Density("OIL", Fraction("0.915"), Fraction("0.925"), **fields)
    return beside(custody(event, lots=(Lot("OIL-1", "OIL", "KGM", 1),)), densities=(row,))  # type: ignore[arg-type]


def test_w5__lighter_or_heavier_than_the_liquid__is_found() -> None:
    assert clean(load(920), "W5") and clean(load(911), "W5") and clean(load(929), "W5")
    assert the(load(900), "W5") == ("OIL-1", "medium", "-15")
    assert the(load(940), "W5")[2] == "15"


def test_w5__temperature_and_range__are_asked_for() -> None:
    warm = {"from_temperature": Fraction(10), "to_temperature": Fraction(25)}
    assert clean(load(920, degrees="20", **warm), "W5")
    assert missing(load(920, **warm), "W5") == {"temperature at e1-BL/1"}
    assert missing(load(920, degrees="40", **warm), "W5") == {"density of OIL at 40 °C"}
    assert missing(beside(load(920), densities=None), "W5") == {"density of OIL (densities.csv)"}


# -- T5 ------------------------------------------------------------------------------------------------------------


def passages(*hours: int) -> BookData:
    def both() -> Iterator[Event]:
        for n, took in enumerate(hours):
            yield _seen(24 * n, Kind.ARRIVE, f"BL/{n}", place="port")
            yield replace(_seen(24 * n + took, Kind.GATE_OUT, f"BL/{n}"), id=f"out-{n}")
    return custody(*both())


def test_t5__longer_or_far_shorter_than_the_others__is_found() -> None:
    usual = [48 + n % 3 for n in range(30)]
    assert clean(passages(*usual), "T5")
    assert the(passages(*usual, 300), "T5") == ("BL/30", "low", "251")
    assert the(passages(*usual, 1), "T5") == ("BL/30", "low", "-48")
    assert missing(passages(48, 49), "T5") == {"20 units of one regime, channel, port and way of transport"}


def test_t5__another_channel__is_another_cell() -> None:
    book = passages(*[48 + n % 3 for n in range(30)], 300)
    slow = edit(book, lambda e: e.kind == Kind.ARRIVE and e.legs[0].unit == "BL/30", lambda e: replace(e, more=More(channel="red")))
    assert found(slow, "T5") == [] and len(missing(slow, "T5")) == 1


# -- O6 ------------------------------------------------------------------------------------------------------------


def trade(*pairs: tuple[int, int, int], destination: str = "US") -> BookData:
    """Month by month: imported in hundreds, exported in hundreds, days between."""
    lines = []
    for month, (came, went, days) in enumerate(pairs):
        at = parse_span(f"2026-{month + 1:02d}-02T08:00", OFFSET)
        out = point(at.start_ms + days * DAY_MS)
        lines += [DeclarationLine(f"I{month}/1", LineRole.RECEIVE, "M", q(came * 100), "KGM", hs="03061722", origin="CN", cleared=at),
                  DeclarationLine(f"E{month}/1", LineRole.EXPORT, "P", q(went * 100), "KGM", hs="03061799", destination=destination,
                                  cleared=out)]
    book = BookData("book", OWNER, PERIOD, PERIOD.end_ms, lines=tuple(lines))
    return beside(book, remedies=(Remedy("CN", "US", "0306", source="A-570-893"),))


def test_o6__in_from_one_and_out_to_the_other_month_by_month__is_found() -> None:
    round_about = ((10, 10, 12), (14, 14, 12), (9, 9, 12), (20, 20, 12))
    assert the(trade(*round_about), "O6") == ("E0/1", "high", "5300")
    assert clean(trade(*((10, 10, 12), (14, 9, 12), (9, 14, 12), (20, 8, 12))), "O6")  # no correlation
    assert missing(trade(*round_about[:3]), "O6") == {"4 months of trade in 030617 (3 of 4)"}
    assert missing(trade(*round_about, destination=""), "O6") == {f"destination of E{n}/1" for n in range(4)}
    assert found(trade(*round_about, destination="JP"), "O6") == []
    assert missing(CLEAN, "O6") == {"trade-remedy duties of markets (remedies.csv)"}


def test_o6__in_store_for_longer__is_clean() -> None:
    pairs = ((10, 1, 12), (14, 10, 12), (9, 14, 12), (20, 9, 12))  # what came waits a month and more
    book = trade(*pairs)
    assert found(book, "O6", correlation="0") == []


# -- P7 ------------------------------------------------------------------------------------------------------------


def given_out(notified: str | None = "2026-01-05", days_ago: int = 30, back: bool = False, **fields: Any) -> BookData:
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(50), "KGM")
    pen.receive("L", line, q(50))
    leg = Leg("L", Thing.LOT, LineRole.NONE, Balance.RAW, q(50), "M", "KGM")
    at = point(PERIOD.end_ms - days_ago * DAY_MS)
    offer = pen.write(Kind.OFFER, leg, counterparty="stitch-house", occurred=at)
    pen.write(Kind.ACCEPT, leg, actor="stitch-house", reference=offer.id, occurred=at)
    if back:
        pen.write(Kind.ACCEPT, leg, actor=OWNER, reference=offer.id, occurred=at)
    notices = () if notified is None else (Notice("stitch-house", day(notified)),)
    places = (Place("stitch", kind="subcontractor", custodian="stitch-house"),)
    return replace(beside(book_of(pen), notices=notices, **fields), places=places)


def test_p7__late_notice_or_none__is_low() -> None:
    assert clean(given_out(), "P7")
    assert the(given_out(None), "P7")[1:] == ("low", None)
    assert the(given_out("2026-12-06"), "P7")[1:] == ("low", "5")
    assert missing(beside(given_out(), notices=None), "P7") == {"notices of sub-contracting (notices.csv)"}
    assert found(CLEAN, "P7") == []


def test_p7__with_the_sub_contractor_for_half_a_year__is_to_be_accounted_for() -> None:
    assert the(given_out(days_ago=200), "P7") == ("L", "medium", "50")
    assert found(given_out(days_ago=200, back=True), "P7") == []


def test_p7__everything_done_outside__fails_the_condition_unless_owned() -> None:
    book = edit(CLEAN, lambda e: e.kind == Kind.TRANSFORM, lambda e: replace(e, place="stitch"))
    places = (*(CLEAN.places or ()), Place("stitch", kind="subcontractor", custodian="stitch-house"))

    def owned(share: str | None) -> BookData:
        notice = Notice("stitch-house", day("2025-12-01"), owned=None if share is None else Fraction(share))
        return replace(beside(book, notices=(notice,)), places=places)

    assert the(owned(None), "P7")[1] == "high" and the(owned("0.5"), "P7")[1] == "high"
    assert clean(owned("0.51"), "P7")
    one = first(book, Kind.TRANSFORM)
    assert found(edit(owned(None), lambda e: e.id == one.id, lambda e: replace(e, place="factory")), "P7") == []


